/* write.h: the rows of bench/gossip/write.c. */
#ifndef BENCH_GOSSIP_WRITE_H
#define BENCH_GOSSIP_WRITE_H
#include "bench/bench.h"

void bench_writes(bench *b);

#endif
