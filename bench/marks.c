/* marks.c: rows of a text of 100,000 letters with 10,000 marks. README.md says what each means. */
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

static void read_row(bench *b)
{
    bench_samples t = {{0}, 0};
    size_t        spans = 0;
    if (!bench_wants(b, "marks/10000-spans")) return;
    crdt_store *store = new_text(NULL);
    bench_mark(store, MARKS, b->seed);
    for (int run = -1; bench_more(&t, 0); run++) {
        double start = bench_seconds();
        spans = bench_spans(store);
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took * 1e3);
    }
    bench_row(b, "marks/10000-spans", spans, &t, "ms");
    crdt_store_free(store);
}

void bench_marks(bench *b)
{
    const bench_edits marks = {"marks/10000", "set", MARKS, new_text, bench_mark};
    bench_edit_rows(b, &marks);
    read_row(b);
}
