/* start.h: what snapshots and starts of a node with very many small objects cost. */
#ifndef BENCH_GOSSIP_START_H
#define BENCH_GOSSIP_START_H
#include "bench/bench.h"

void bench_start(bench *b);

#endif
