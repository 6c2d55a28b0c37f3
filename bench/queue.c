/* queue.c: a list as a queue of 100 elements: put in at one end, taken out at the other, a million
 * rounds; what memory stays of them. README.md says what each row means. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

#define ROUNDS BENCH_SIZE(1000000u, 10000u)
#define WAITING 100u
#define UNSTABLE 1000u /* rounds that pass before others are known to hold what was taken out */
#define VALUE 64u

typedef enum keeping { KEEPS, FREES_TEXT, FORGETS } keeping;

static crdt_store *new_store(keeping keeps, const crdt_mem *mem)
{
    crdt_options o = crdt_options_default(1, NULL);
    crdt_store  *store;
    o.solo = &crdt_rga_type;
    o.mem = mem;
    o.forget_ids = keeps == FORGETS;
    bench_must(crdt_store_new(&o, &store), "a new store");
    return store;
}

static void edit(crdt_store *store, crdt_txn **ret_txn, crdt_rga_edit *ret_edit)
{
    bench_must(crdt_store_begin(store, BENCH_NOW, ret_txn), "begin");
    bench_must(crdt_rga_open(*ret_txn, CRDT_SOLO, &crdt_rga_type, ret_edit), "open");
}

/* As LPUSH or RPUSH, an entry of its own. */
static void put_in(crdt_store *store, bool left, uint32_t round)
{
    crdt_txn     *txn;
    crdt_rga_edit e;
    char          text[VALUE + 1];
    uint64_t      length = crdt_rga_length(crdt_store_solo(store));
    snprintf(text, sizeof text, "%0*u", (int)VALUE, round);
    edit(store, &txn, &e);
    bench_must(crdt_rga_insert(&e, left ? 0 : length, crdt_bytes(text, VALUE)), "insert");
    bench_must(crdt_store_commit(store, NULL), "commit");
}

/* As RPOP or LPOP: what was put in WAITING rounds before. */
static void take_out(crdt_store *store, bool left, uint32_t round)
{
    crdt_txn     *txn;
    crdt_rga_edit e;
    crdt_value    value;
    char          text[VALUE + 1];
    uint64_t      at = left ? WAITING : 0;
    bool          found = crdt_rga_get(crdt_store_solo(store), at, &value);
    snprintf(text, sizeof text, "%0*u", (int)VALUE, round - WAITING);
    if (!found || crdt_value_compare(value, crdt_bytes(text, VALUE)) != 0) {
        bench_die("a queue gives out another element", CRDT_EINVAL);
    }
    edit(store, &txn, &e);
    bench_must(crdt_rga_delete(&e, at, 1), "delete");
    bench_must(crdt_store_commit(store, NULL), "commit");
}

/* Memory after the first tenth, and at the end; the most that there ever was. */
static void queue_rows(bench *b, const char *kind, bool left, keeping keeps)
{
    static const char *const rows[] = {"round", "each", "most"};
    char                     name[64];
    bench_mem                m;
    size_t                   tenth = 0, most = 0;
    bool                     any = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(name, sizeof name, "queue/%s/%s", kind, rows[i]);
        any |= bench_wants(b, name);
    }
    if (!any) return;
    bench_mem_init(&m);
    crdt_store *store = new_store(keeps, &m.mem);
    double      start = bench_seconds();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        put_in(store, left, round);
        if (round >= WAITING) take_out(store, left, round);
        if (m.bytes > most) most = m.bytes;
        if (round == ROUNDS / 10) tenth = m.bytes;
        if (keeps == KEEPS || round % UNSTABLE != 0) continue;
        bench_must(crdt_store_stabilise(store, crdt_store_context(store)), "stabilise");
    }
    double took = bench_seconds() - start;
    snprintf(name, sizeof name, "queue/%s/round", kind);
    bench_figure(b, name, ROUNDS, took / ROUNDS * 1e6, "us");
    snprintf(name, sizeof name, "queue/%s/each", kind);
    bench_figure(b, name, ROUNDS, ((double)m.bytes - (double)tenth) / (ROUNDS * 0.9), "B");
    snprintf(name, sizeof name, "queue/%s/most", kind);
    bench_figure(b, name, ROUNDS, (double)most / 1e3, "kB");
    crdt_store_free(store);
}

void bench_queue(bench *b)
{
    queue_rows(b, "lpush-rpop", true, KEEPS);
    queue_rows(b, "lpush-rpop-stable", true, FREES_TEXT);
    queue_rows(b, "lpush-rpop-forget", true, FORGETS);
    queue_rows(b, "rpush-lpop", false, KEEPS);
    queue_rows(b, "rpush-lpop-stable", false, FREES_TEXT);
    queue_rows(b, "rpush-lpop-forget", false, FORGETS);
}
