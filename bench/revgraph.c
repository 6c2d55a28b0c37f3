/* revgraph.c: rows of a document with 1,000 revisions, a hundredth of them conflicts. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

#define REVS BENCH_SIZE(1000u, 100u)
#define BRANCHES 10u
#define TIMED BENCH_SIZE(1000u, 50u)
#define BATCH 16u

/* "...": a body of a few hundred bytes that differs from all others. */
static crdt_view body_of(char *room, size_t size, unsigned number)
{
    memset(room, 'x', size);
    (void)snprintf(room, 16, "%08u", number);
    room[8] = 'x';
    return crdt_view_of(room, size);
}

static crdt_delta *edit(crdt_store *store, unsigned number)
{
    char        room[200];
    crdt_txn   *txn;
    crdt_delta *delta;
    bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
    bench_must(crdt_revgraph_edit(txn, CRDT_SOLO, body_of(room, sizeof room, number)), "edit");
    bench_must(crdt_store_commit(store, &delta), "commit");
    return delta;
}

/* A thousand revisions by ten replicas; at the end each goes on for itself. */
static crdt_store *build(void)
{
    crdt_store *all = bench_store(&crdt_revgraph_type, 1000, NULL);
    for (unsigned i = 0; i < REVS - BRANCHES; i++) crdt_store_free(edit(all, i));
    crdt_store *base = bench_clone(all, 0);
    for (unsigned i = 0; i < BRANCHES; i++) {
        crdt_store *writer = bench_clone(base, 2000 + i);
        crdt_delta *delta = edit(writer, REVS + i);
        bench_join(all, delta);
        crdt_store_free(delta);
        crdt_store_free(writer);
    }
    crdt_store_free(base);
    return all;
}

static void put_row(bench *b, const crdt_store *all)
{
    bench_samples t = {{0}, 0};
    if (!bench_wants(b, "revgraph/1000-put")) return;
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *store = bench_clone(all, 7);
        double      start = bench_seconds();
        for (unsigned i = 0; i < TIMED; i++) crdt_store_free(edit(store, 5000 + i));
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / TIMED * 1e6);
        crdt_store_free(store);
    }
    bench_row(b, "revgraph/1000-put", REVS, &t, "us");
}

static void apply_row(bench *b, const crdt_store *all)
{
    bench_samples t = {{0}, 0};
    bench_deltas  deltas;
    if (!bench_wants(b, "revgraph/1000-apply")) return;
    memset(&deltas, 0, sizeof deltas);
    crdt_store *writer = bench_clone(all, 7);
    for (unsigned i = 0; i < TIMED; i++) bench_deltas_add(&deltas, edit(writer, 5000 + i));
    crdt_store_free(writer);
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *store = bench_clone(all, 8);
        double      start = bench_seconds();
        bench_deltas_play(&deltas, store);
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / TIMED * 1e6);
        crdt_store_free(store);
    }
    bench_row(b, "revgraph/1000-apply", REVS, &t, "us");
    bench_deltas_clear(&deltas);
}

/* Two of them that each got ten revisions apart. */
static void join_row(bench *b, const crdt_store *all)
{
    bench_samples t = {{0}, 0};
    if (!bench_wants(b, "revgraph/1000-join")) return;
    crdt_store *mine = bench_clone(all, 7), *theirs = bench_clone(all, 8);
    for (unsigned i = 0; i < BRANCHES; i++) {
        crdt_store_free(edit(mine, 6000 + i));
        crdt_store_free(edit(theirs, 7000 + i));
    }
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *into[BATCH];
        for (unsigned i = 0; i < BATCH; i++) into[i] = bench_clone(mine, 9);
        double start = bench_seconds();
        for (unsigned i = 0; i < BATCH; i++) bench_join(into[i], theirs);
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / BATCH * 1e6);
        for (unsigned i = 0; i < BATCH; i++) crdt_store_free(into[i]);
    }
    bench_row(b, "revgraph/1000-join", REVS, &t, "us");
    crdt_store_free(mine);
    crdt_store_free(theirs);
}

static void read_row(bench *b, const crdt_store *all, bool leaves)
{
    const char   *name = leaves ? "revgraph/1000-leaves" : "revgraph/1000-winner";
    bench_samples t = {{0}, 0};
    crdt_ref      ref = crdt_store_solo(all);
    size_t        found = 0;
    if (!bench_wants(b, name)) return;
    for (int run = -1; bench_more(&t, 0); run++) {
        double start = bench_seconds();
        for (unsigned i = 0; i < TIMED; i++) {
            crdt_rev           rev;
            crdt_revgraph_iter it = crdt_revgraph_iterate(ref, CRDT_REVS_LIVE);
            if (!leaves) found += crdt_revgraph_winner(ref, &rev);
            while (leaves && crdt_revgraph_next(&it, &rev)) found++;
        }
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / TIMED * 1e6);
    }
    if (found == 0) bench_die("no leaf", CRDT_ENOENT);
    bench_row(b, name, REVS, &t, "us");
}

void bench_revgraph(bench *b)
{
    if (!bench_wants(b, "revgraph/1000-put") && !bench_wants(b, "revgraph/1000-apply") &&
        !bench_wants(b, "revgraph/1000-join") && !bench_wants(b, "revgraph/1000-winner") &&
        !bench_wants(b, "revgraph/1000-leaves") && !bench_wants(b, "revgraph/1000-wire")) {
        return;
    }
    crdt_store *all = build();
    put_row(b, all);
    apply_row(b, all);
    join_row(b, all);
    read_row(b, all, false);
    read_row(b, all, true);
    if (bench_wants(b, "revgraph/1000-wire")) {
        bench_figure(b, "revgraph/1000-wire", REVS, (double)bench_encoded(all) / REVS,
                     "B/revision");
    }
    crdt_store_free(all);
}
