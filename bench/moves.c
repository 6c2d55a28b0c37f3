/* moves.c: rows of a list of 10,000 elements that are moved 10,000 times. README.md says what each
 * means. */
#include "bench/bench.h"

#define ELEMENTS 10000u
#define MOVES 10000u

static void move_row(bench *b)
{
    bench_samples t = {{0}, 0};
    if (!bench_wants(b, "moves/10000-move")) return;
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *store = bench_list(ELEMENTS, 1, NULL);
        double      start = bench_seconds();
        bench_move(store, MOVES, b->seed);
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / MOVES * 1e6);
        crdt_store_free(store);
    }
    bench_row(b, "moves/10000-move", MOVES, &t, "us");
}

void bench_moves(bench *b)
{
    bench_mem m;
    move_row(b);
    if (!bench_wants(b, "moves/10000-memory") && !bench_wants(b, "moves/10000-wire")) return;
    bench_mem_init(&m);
    crdt_store *store = bench_list(ELEMENTS, 1, &m.mem);
    bench_move(store, 1, b->seed); /* lists without moves are told another way */
    double plain = (double)m.bytes, wire = (double)bench_encoded(store);
    bench_move(store, MOVES, b->seed);
    bench_figure(b, "moves/10000-memory", MOVES, ((double)m.bytes - plain) / MOVES, "B");
    bench_figure(b, "moves/10000-wire", MOVES, ((double)bench_encoded(store) - wire) / MOVES, "B");
    crdt_store_free(store);
}
