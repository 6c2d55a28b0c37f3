/* marks.c: rows of a text of 100,000 letters with 10,000 marks. README.md says what each means. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"

#define LETTERS BENCH_SIZE(100000u, 5000u)
#define MARKS BENCH_SIZE(10000u, 200u)

static crdt_store *new_text(const crdt_mem *mem)
{
    crdt_store    *store = bench_store(NULL, 1, mem);
    crdt_txn      *txn;
    crdt_text_edit edit;
    char          *words = malloc(LETTERS);
    if (words == NULL) bench_die("a text", CRDT_ENOMEM);
    for (uint32_t i = 0; i < LETTERS; i++) words[i] = (char)(i % 6 == 5 ? ' ' : 'a' + i % 26);
    bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
    bench_must(crdt_text_open(txn, BENCH_TEXT, &crdt_text_type, &edit), "open");
    crdt_view text = crdt_view_of(words, LETTERS);
    bench_must(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, text), "insert");
    bench_must(crdt_store_commit(store, NULL), "commit");
    free(words);
    return store;
}

static void set_row(bench *b)
{
    bench_samples t = {{0}, 0};
    if (!bench_wants(b, "marks/10000-set")) return;
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *store = new_text(NULL);
        double      start = bench_seconds();
        bench_mark(store, MARKS, b->seed);
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / MARKS * 1e6);
        crdt_store_free(store);
    }
    bench_row(b, "marks/10000-set", MARKS, &t, "us");
}

static void read_row(bench *b, const crdt_store *store)
{
    bench_samples t = {{0}, 0};
    size_t        spans = 0;
    for (int run = -1; bench_more(&t, 0); run++) {
        double start = bench_seconds();
        spans = bench_spans(store);
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took * 1e3);
    }
    bench_row(b, "marks/10000-spans", spans, &t, "ms");
}

void bench_marks(bench *b)
{
    bench_mem m;
    set_row(b);
    if (!bench_wants(b, "marks/10000-spans") && !bench_wants(b, "marks/10000-memory") &&
        !bench_wants(b, "marks/10000-wire")) {
        return;
    }
    bench_mem_init(&m);
    crdt_store *store = new_text(&m.mem);
    double      plain = (double)m.bytes, wire = (double)bench_encoded(store);
    bench_mark(store, MARKS, b->seed);
    bench_figure(b, "marks/10000-memory", MARKS, ((double)m.bytes - plain) / MARKS, "B");
    bench_figure(b, "marks/10000-wire", MARKS, ((double)bench_encoded(store) - wire) / MARKS, "B");
    read_row(b, store);
    crdt_store_free(store);
}
