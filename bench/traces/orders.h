/* orders.h: a trace's transactions in random orders, by every kind of delivery. What does not end
 * in the trace's end ends the program. */
#ifndef BENCH_TRACES_ORDERS_H
#define BENCH_TRACES_ORDERS_H
#include "bench/traces/play.h"

/* The history, `orders` times by each of: its deltas, once each, in a random causal order; delta
 * groups in such an order, some of them twice; deltas in any order (within a window that moves on),
 * some of them twice; three replicas that each go by an order of their own and now and then join
 * each other's states, and at last what they lack of each other. */
void orders_play(const trace *t, const play_history *h, unsigned orders, uint64_t seed);

#endif
