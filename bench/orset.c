/* orset.c: rows of the OR-set at one million elements, in four shapes.
 *
 *   orset/           random 64-bit integers, four replicas, whose dots all belong to the set
 *   orset/str/       random byte strings of 16 bytes, four replicas
 *   orset/replicas/  integers, 1,000 replicas of 1,000 elements each
 *   orset/sparse/    integers, four replicas; of 16 dots 15 belong to a counter in the same store
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

#define COUNT BENCH_SIZE(1000000u, 10000u)
#define BATCH BENCH_SIZE(100u, 10u) /* elements that a delta brings */
#define WRITERS 4u
#define CHURNS 10u
#define CHANGED BENCH_SIZE(5000u, 50u) /* elements removed on one side, and added on the other */
#define DELTAS BENCH_SIZE(20000u, 200u)
#define SPARSE_STEP 16u
#define KEY_BYTES 16u

typedef struct shape {
    const char *prefix;
    unsigned    replicas, step;
    bool        text;
} shape;

static const shape shapes[] = {{"orset/", WRITERS, 1, false},
                               {"orset/str/", WRITERS, 1, true},
                               {"orset/replicas/", 1000, 1, false},
                               {"orset/sparse/", WRITERS, SPARSE_STEP, false}};

typedef struct set {
    bench         *b;
    const shape   *shape;
    const crdt_op *add, *remove, *count;
    crdt_view      name;
    crdt_store    *base; /* all elements, index and digests present */
    uint8_t       *keys; /* element i has KEY_BYTES bytes here; an integer is the first 8 */
    uint64_t       rand;
} set;

static bool wants(const set *s, const char *row, char *name, size_t size)
{
    snprintf(name, size, "%s%s", s->shape->prefix, row);
    return bench_wants(s->b, name);
}

/* -- Elements ---------------------------------------------------------------------------------- */

static crdt_value element(const set *s, size_t i)
{
    int64_t n;
    if (s->shape->text) return crdt_bytes(s->keys + i * KEY_BYTES, KEY_BYTES);
    memcpy(&n, s->keys + i * KEY_BYTES, sizeof n);
    return crdt_int(n);
}

/* Random and, but for a chance in 2^24, different. */
static void make_keys(set *s, size_t count)
{
    s->keys = malloc(count * KEY_BYTES);
    if (s->keys == NULL) bench_die("keys", CRDT_ENOMEM);
    for (size_t i = 0; i < count * KEY_BYTES; i += sizeof(uint64_t)) {
        uint64_t n = bench_rand(&s->rand);
        memcpy(s->keys + i, &n, sizeof n);
    }
}

static uint64_t replica_id(unsigned r)
{
    uint64_t x = r + 77u;
    return bench_rand(&x) | 1;
}

static void set_ready(const set *s, crdt_store *store)
{
    crdt_ref   ref;
    crdt_value v = element(s, 0);
    bench_must(crdt_store_find(store, s->name, &crdt_orset_type, &ref), "find");
    if (!crdt_orset_has(ref, v)) bench_die("an element is missing", CRDT_ENOENT);
    (void)crdt_store_digest(store, NULL);
}

static void apply(const set *s, crdt_txn *txn, const crdt_op *op, size_t i)
{
    crdt_value v = element(s, i), one = crdt_int(1);
    for (unsigned k = 1; k < s->shape->step; k++) {
        bench_must(crdt_txn_apply(txn, crdt_text_view("n"), s->count, &one, 1), "increment");
    }
    bench_must(crdt_txn_apply(txn, s->name, op, &v, 1), op->name);
}

/* One transaction over the elements order[0..count); order NULL: first, first + 1, ... */
static crdt_delta *change(const set *s, crdt_store *store, const crdt_op *op, const uint32_t *order,
                          size_t first, size_t count)
{
    crdt_txn   *txn;
    crdt_delta *delta;
    bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
    for (size_t i = 0; i < count; i++) apply(s, txn, op, order != NULL ? order[i] : first + i);
    bench_must(crdt_store_commit(store, &delta), "commit");
    return delta;
}

static crdt_store *new_store(const set *s, uint64_t replica, const crdt_mem *mem)
{
    return bench_store(s->shape->step > 1 ? NULL : &crdt_orset_type, replica, mem);
}

/* All elements, by deltas of BATCH elements that arrive in turn from all replicas, or from one
 * after the other: the same state, built apart. */
static crdt_store *build(const set *s, bool in_turn, const crdt_mem *mem)
{
    unsigned     replicas = s->shape->replicas;
    crdt_store **writers = malloc(replicas * sizeof *writers);
    crdt_store  *all = new_store(s, 0, mem);
    size_t       share = COUNT / replicas;
    if (writers == NULL) bench_die("writers", CRDT_ENOMEM);
    for (unsigned r = 0; r < replicas; r++) writers[r] = new_store(s, replica_id(r), NULL);
    for (size_t i = 0; i < COUNT / BATCH; i++) {
        size_t      r = in_turn ? i % replicas : i * BATCH / share;
        size_t      at = in_turn ? i / replicas * BATCH : i * BATCH % share;
        crdt_delta *delta = change(s, writers[r], s->add, NULL, r * share + at, BATCH);
        bench_join(all, delta);
        crdt_store_free(delta);
    }
    for (unsigned r = 0; r < replicas; r++) crdt_store_free(writers[r]);
    free(writers);
    set_ready(s, all);
    return all;
}

/* `count` different elements at random. */
static uint32_t *pick(set *s, size_t count)
{
    uint32_t *order = malloc(COUNT * sizeof *order);
    if (order == NULL) bench_die("order", CRDT_ENOMEM);
    for (uint32_t i = 0; i < COUNT; i++) order[i] = i;
    for (size_t i = 0; i < count; i++) {
        size_t   k = i + bench_rand(&s->rand) % (COUNT - i);
        uint32_t other = order[i];
        order[i] = order[k];
        order[k] = other;
    }
    return order;
}

/* -- Rows -------------------------------------------------------------------------------------- */

static void memory_row(set *s)
{
    char      name[64];
    bench_mem m;
    if (!wants(s, "memory", name, sizeof name)) return;
    bench_mem_init(&m);
    crdt_store *store = build(s, true, &m.mem);
    bench_figure(s->b, name, COUNT, (double)m.bytes / COUNT, "B");
    crdt_store_free(store);
}

/* Bytes of an element as the user gave it. */
static double payload(const set *s)
{
    return s->shape->text ? KEY_BYTES : sizeof(uint64_t);
}

static void wire_row(set *s)
{
    char name[64];
    if (!wants(s, "wire", name, sizeof name)) return;
    bench_figure(s->b, name, COUNT, (double)bench_encoded(s->base) / COUNT - payload(s), "B");
}

static void join_1pct_row(set *s)
{
    char          name[64];
    bench_samples t = {{0}, 0};
    double        took = 0;
    if (!wants(s, "join-1pct", name, sizeof name)) return;
    uint32_t   *order = pick(s, CHANGED);
    crdt_store *less = bench_clone(s->base, replica_id(0)),
               *more = bench_clone(s->base, replica_id(1));
    crdt_store_free(change(s, less, s->remove, order, 0, CHANGED));
    crdt_store_free(change(s, more, s->add, NULL, COUNT, CHANGED));
    set_ready(s, more);
    for (int run = -1; bench_more(&t, took); run++) {
        crdt_store *mine = bench_clone(less, 0);
        crdt_ref    ref;
        bench_must(crdt_store_find(mine, s->name, &crdt_orset_type, &ref), "find");
        (void)crdt_orset_has(ref, element(s, COUNT)); /* the index is there */
        (void)crdt_store_digest(mine, NULL);
        double start = bench_seconds();
        bench_join(mine, more);
        took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took * 1e3);
        bench_must(crdt_store_find(mine, s->name, &crdt_orset_type, &ref), "find");
        if (!crdt_orset_has(ref, element(s, COUNT)) || crdt_orset_has(ref, element(s, order[0]))) {
            bench_die("a join is wrong", CRDT_EINVAL);
        }
        crdt_store_free(mine);
    }
    bench_row(s->b, name, COUNT, &t, "ms");
    crdt_store_free(less);
    crdt_store_free(more);
    free(order);
}

static void join_same_row(set *s)
{
    char          name[64];
    bench_samples t = {{0}, 0};
    double        took = 0;
    if (!wants(s, "join-same", name, sizeof name)) return;
    crdt_store *apart = build(s, false, NULL);
    for (int run = -1; bench_more(&t, took); run++) {
        unsigned times = 0;
        double   start = bench_seconds();
        do {
            bench_join(apart, s->base);
            took = bench_seconds() - start;
        } while (++times < 100 && took < 0.05);
        if (run >= 0) bench_sample(&t, took / times * 1e6);
    }
    bench_row(s->b, name, COUNT, &t, "us");
    crdt_store_free(apart);
}

static void delta_1_row(set *s)
{
    char          name[64];
    bench_samples t = {{0}, 0};
    bench_deltas  deltas;
    double        took = 0;
    if (!wants(s, "delta-1", name, sizeof name)) return;
    memset(&deltas, 0, sizeof deltas);
    crdt_store *writer = bench_clone(s->base, replica_id(2));
    for (size_t i = 0; i < DELTAS; i++) {
        bench_deltas_add(&deltas, change(s, writer, s->add, NULL, COUNT + i, 1));
    }
    crdt_store_free(writer);
    for (int run = -1; bench_more(&t, took); run++) {
        crdt_store *mine = bench_clone(s->base, 0);
        set_ready(s, mine);
        double start = bench_seconds();
        bench_deltas_play(&deltas, mine);
        took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / DELTAS * 1e6);
        crdt_store_free(mine);
    }
    bench_row(s->b, name, COUNT, &t, "us");
    bench_deltas_clear(&deltas);
}

/* -- Churn ------------------------------------------------------------------------------------- */

typedef struct writer {
    bench_mem   mem;
    crdt_store *store;
} writer;

static void tell_others(writer *writers, size_t author, crdt_delta *delta)
{
    for (size_t r = 0; r < WRITERS; r++) {
        if (r != author) bench_join(writers[r].store, delta);
    }
    crdt_store_free(delta);
}

/* A random tenth is removed and added again, BATCH at a time, each batch by a random replica. */
static void churn(set *s, writer *writers)
{
    uint32_t *order = pick(s, COUNT / 10);
    for (size_t i = 0; i < COUNT / 10; i += BATCH) {
        size_t r = bench_rand(&s->rand) % WRITERS;
        tell_others(writers, r, change(s, writers[r].store, s->remove, order + i, 0, BATCH));
        r = bench_rand(&s->rand) % WRITERS;
        tell_others(writers, r, change(s, writers[r].store, s->add, order + i, 0, BATCH));
    }
    free(order);
}

static void churned_rows(set *s)
{
    char          name[64], wire_name[64];
    writer        writers[WRITERS];
    bench_samples bytes = {{0}, 0};
    bool          any = wants(s, "memory-churned", name, sizeof name);
    any |= wants(s, "wire-churned", wire_name, sizeof wire_name);
    if (!any) return;
    for (unsigned r = 0; r < WRITERS; r++) {
        bench_mem_init(&writers[r].mem);
        writers[r].store = new_store(s, replica_id(r), &writers[r].mem.mem);
        bench_join(writers[r].store, s->base);
        set_ready(s, writers[r].store);
    }
    for (unsigned i = 0; i < CHURNS; i++) churn(s, writers);
    double wire = (double)bench_encoded(writers[0].store) / COUNT - payload(s);
    for (unsigned r = 0; r < WRITERS; r++) {
        set_ready(s, writers[r].store);
        bench_sample(&bytes, (double)writers[r].mem.bytes / COUNT);
        crdt_store_free(writers[r].store);
    }
    bench_row(s->b, name, COUNT, &bytes, "B");
    bench_figure(s->b, wire_name, COUNT, wire, "B");
}

static bool wants_any(const set *s)
{
    static const char *const rows[] = {"memory",  "wire",           "join-1pct",   "join-same",
                                       "delta-1", "memory-churned", "wire-churned"};
    char                     name[64];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (wants(s, rows[i], name, sizeof name)) return true;
    }
    return false;
}

void bench_orset(bench *b)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        set s;
        memset(&s, 0, sizeof s);
        s.b = b;
        s.shape = &shapes[i];
        s.rand = b->seed;
        if (!wants_any(&s)) continue;
        bench_say("%s: %u elements", s.shape->prefix, COUNT);
        s.name = s.shape->step > 1 ? crdt_text_view("s") : CRDT_SOLO;
        s.add = bench_op(&crdt_orset_type, "add");
        s.remove = bench_op(&crdt_orset_type, "remove");
        s.count = bench_op(&crdt_gcounter_type, "inc");
        make_keys(&s, COUNT + CHANGED + DELTAS);
        s.base = build(&s, true, NULL);
        memory_row(&s);
        wire_row(&s);
        join_1pct_row(&s);
        join_same_row(&s);
        delta_1_row(&s);
        churned_rows(&s);
        crdt_store_free(s.base);
        free(s.keys);
    }
}
