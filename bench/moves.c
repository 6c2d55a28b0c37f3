/* moves.c: rows of a list of 10,000 elements that are moved 10,000 times. README.md says what each
 * means. */
#include "bench/bench.h"

#define ELEMENTS BENCH_SIZE(10000u, 500u)
#define MOVES BENCH_SIZE(10000u, 500u)

/* With one move: lists without any are told another way. */
static crdt_store *new_list(const crdt_mem *mem)
{
    crdt_store *store = bench_list(ELEMENTS, 1, mem);
    bench_move(store, 1, 1);
    return store;
}

void bench_moves(bench *b)
{
    const bench_edits moves = {"moves/10000", "move", MOVES, new_list, bench_move};
    bench_edit_rows(b, &moves);
}
