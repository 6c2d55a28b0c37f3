/* types.c: rows of every type in the registry, from its operation table alone.
 *
 * The first operation of a table is taken as the one that adds content; arguments are drawn from
 * a domain as large as the number of operations. README.md says what each row means.
 */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

#define OPS BENCH_SIZE(10000u, 400u)
#define WRITERS 4u
#define TIMED BENCH_SIZE(2000u, 50u)
#define REPLICAS 256u
#define CYCLES BENCH_SIZE(2000u, 50u)
#define BATCH 16u

typedef struct subject {
    bench           *b;
    const crdt_type *type;
    uint64_t         rand;
    uint64_t         places; /* positions from 0 to this one are there, for operations at one */
} subject;

static bool wants(const subject *s, const char *row, char *name, size_t size)
{
    snprintf(name, size, "%s/%s", s->type->name, row);
    return bench_wants(s->b, name);
}

static uint64_t replica_id(unsigned r)
{
    uint64_t x = r + 77u;
    return bench_rand(&x) | 1;
}

/* -- Operations -------------------------------------------------------------------------------- */

/* The operation on element i: integers spread over all 64 bits, bytes of 8 and more. */
static crdt_err run_op(const subject *s, crdt_store *store, const crdt_op *op, uint64_t i,
                       crdt_delta **ret_delta)
{
    crdt_value args[CRDT_OP_ARGS_MAX];
    char       text[32];
    uint64_t   mixed = i;
    size_t     argc = 0;
    bool       at_position = strchr(op->args, 'p') != NULL;
    mixed = bench_rand(&mixed);
    for (; argc < CRDT_OP_ARGS_MAX && op->args[argc] != 0; argc++) {
        switch (op->args[argc]) {
        case 'n': args[argc] = crdt_int(at_position ? 1 : (int64_t)(i % 100 + 1)); break;
        case 'p': args[argc] = crdt_int((int64_t)(mixed % (s->places + 1))); break;
        case 'd':
            snprintf(text, sizeof text, "%llu.25", (unsigned long long)(i % 100));
            args[argc] = crdt_text(text);
            break;
        case 't': args[argc] = crdt_int((int64_t)i + 1); break;
        case 'r': args[argc] = crdt_text(""); break;
        case 'c': args[argc] = crdt_text(argc == 0 ? "start" : "end"); break;
        case 'b':
            snprintf(text, sizeof text, "element %llu", (unsigned long long)i);
            args[argc] = crdt_text(text);
            break;
        default: args[argc] = crdt_int((int64_t)mixed);
        }
    }
    crdt_err err = crdt_store_apply(store, BENCH_NOW, CRDT_SOLO, op, args, argc, ret_delta);
    if (err == CRDT_ENOMEM || err == CRDT_EBUSY || err == CRDT_EGAP) bench_die(op->name, err);
    return err;
}

static crdt_delta *add(const subject *s, crdt_store *store, uint64_t i)
{
    crdt_delta *delta;
    bench_must(run_op(s, store, &s->type->ops[0], i, &delta), s->type->ops[0].name);
    return delta;
}

/* Any operation, but none that empties a container at one blow: where the first takes arguments,
 * one that takes some. */
static const crdt_op *any_op(subject *s)
{
    for (;;) {
        const crdt_op *op = &s->type->ops[bench_rand(&s->rand) % s->type->ops_count];
        if (op->args[0] != 0 || s->type->ops[0].args[0] == 0) return op;
    }
}

/* `count` elements, added in turn by `writers` replicas, each of which has seen all before its
 * own, into a store of a replica of its own. */
static crdt_store *build(const subject *s, unsigned count, unsigned writers, const crdt_mem *mem)
{
    crdt_store *all = bench_store(s->type, replica_id(1000), mem), *writer = NULL;
    subject     now = *s;
    for (unsigned i = 0; i < count; i++) {
        now.places = i;
        unsigned share = count / writers;
        if (i % share == 0 && i / share < writers) {
            crdt_store_free(writer);
            writer = bench_store(s->type, replica_id(i / share), NULL);
            bench_join(writer, all);
        }
        crdt_delta *delta = add(&now, writer, i);
        bench_join(all, delta);
        crdt_store_free(delta);
    }
    crdt_store_free(writer);
    return all;
}

static uint64_t elements_of(const crdt_store *store)
{
    crdt_ref ref = crdt_store_solo(store);
    return crdt_ref_stats(&ref).elements;
}

static uint64_t payload_of(const crdt_store *store)
{
    crdt_ref ref = crdt_store_solo(store);
    return crdt_ref_stats(&ref).payload;
}

/* -- Time -------------------------------------------------------------------------------------- */

static void mutate_row(subject *s, const crdt_store *base)
{
    char          name[64];
    bench_samples t = {{0}, 0};
    if (!wants(s, "mutate", name, sizeof name)) return;
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *store = bench_clone(base, replica_id(0));
        crdt_store_free(add(s, store, OPS)); /* indices are there */
        s->places = OPS / 2;
        double start = bench_seconds();
        for (unsigned i = 0; i < TIMED; i++) {
            crdt_delta *delta = NULL;
            (void)run_op(s, store, any_op(s), bench_rand(&s->rand) % (2 * OPS), &delta);
            crdt_store_free(delta);
        }
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / TIMED * 1e6);
        crdt_store_free(store);
    }
    bench_row(s->b, name, elements_of(base), &t, "us");
}

static void apply_1_row(subject *s, const crdt_store *base)
{
    char          name[64];
    bench_samples t = {{0}, 0};
    bench_deltas  deltas;
    if (!wants(s, "apply-1", name, sizeof name)) return;
    memset(&deltas, 0, sizeof deltas);
    crdt_store *writer = bench_clone(base, replica_id(1));
    s->places = OPS / 2;
    for (unsigned i = 0; i < TIMED; i++) bench_deltas_add(&deltas, add(s, writer, OPS + i));
    crdt_store_free(writer);
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *store = bench_clone(base, replica_id(2));
        crdt_store_free(add(s, store, 0));
        double start = bench_seconds();
        bench_deltas_play(&deltas, store);
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / TIMED * 1e6);
        crdt_store_free(store);
    }
    bench_row(s->b, name, elements_of(base), &t, "us");
    bench_deltas_clear(&deltas);
}

/* Two states that each made a hundred operations apart; BATCH joins are timed together. */
static void join_row(subject *s, const crdt_store *base)
{
    char          name[64];
    bench_samples t = {{0}, 0};
    if (!wants(s, "join", name, sizeof name)) return;
    crdt_store *a = bench_clone(base, replica_id(0)), *other = bench_clone(base, replica_id(1));
    s->places = OPS / 2;
    for (unsigned i = 0; i < OPS / 100; i++) {
        crdt_delta *delta = NULL;
        (void)run_op(s, a, any_op(s), bench_rand(&s->rand) % (2 * OPS), &delta);
        crdt_store_free(delta);
        delta = NULL;
        (void)run_op(s, other, any_op(s), bench_rand(&s->rand) % (2 * OPS), &delta);
        crdt_store_free(delta);
    }
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *mine[BATCH];
        for (unsigned i = 0; i < BATCH; i++) {
            mine[i] = bench_clone(a, replica_id(0));
            crdt_store_free(add(s, mine[i], 0)); /* indices are there */
        }
        double start = bench_seconds();
        for (unsigned i = 0; i < BATCH; i++) bench_join(mine[i], other);
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / BATCH * 1e6);
        for (unsigned i = 0; i < BATCH; i++) crdt_store_free(mine[i]);
    }
    bench_row(s->b, name, elements_of(base), &t, "us");
    crdt_store_free(a);
    crdt_store_free(other);
}

static void encode_row(subject *s, const crdt_store *base)
{
    char          name[64];
    bench_samples t = {{0}, 0};
    crdt_buf      out;
    if (!wants(s, "encode", name, sizeof name)) return;
    crdt_buf_init(&out, NULL);
    for (int run = -1; bench_more(&t, 0); run++) {
        double start = bench_seconds();
        for (unsigned i = 0; i < BATCH; i++) {
            crdt_buf_reset(&out);
            bench_must(crdt_store_encode(base, &out), "encode");
        }
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / BATCH * 1e6);
    }
    bench_row(s->b, name, elements_of(base), &t, "us");
    crdt_buf_clear(&out);
}

static void decode_row(subject *s, const crdt_store *base)
{
    char          name[64];
    bench_samples t = {{0}, 0};
    crdt_buf      in;
    if (!wants(s, "decode", name, sizeof name)) return;
    crdt_buf_init(&in, NULL);
    bench_must(crdt_store_encode(base, &in), "encode");
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *copies[BATCH];
        double      start = bench_seconds();
        for (unsigned i = 0; i < BATCH; i++) {
            bench_must(crdt_delta_decode(base, crdt_buf_bytes(&in), &copies[i], NULL), "decode");
        }
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / BATCH * 1e6);
        for (unsigned i = 0; i < BATCH; i++) crdt_store_free(copies[i]);
    }
    bench_row(s->b, name, elements_of(base), &t, "us");
    crdt_buf_clear(&in);
}

/* -- Bytes ------------------------------------------------------------------------------------- */

/* What a store takes in memory and on the wire, and how much of it is the user's own. */
typedef struct weight {
    double   memory, wire, payload;
    uint64_t elements;
} weight;

static weight weigh(const crdt_store *store, const bench_mem *m)
{
    weight w = {(double)m->bytes, (double)bench_encoded(store), (double)payload_of(store),
                elements_of(store)};
    return w;
}

static weight weight_of(const subject *s, unsigned count, unsigned writers)
{
    bench_mem m;
    bench_mem_init(&m);
    crdt_store *store = build(s, count, writers, &m.mem);
    if (count > 0) crdt_store_free(add(s, store, count)); /* indices are there */
    weight w = weigh(store, &m);
    crdt_store_free(store);
    return w;
}

static void figure(const subject *s, const char *row, uint64_t n, double value)
{
    char name[64];
    if (wants(s, row, name, sizeof name)) bench_figure(s->b, name, n, value, "B");
}

static void element_rows(const subject *s)
{
    weight   none = weight_of(s, 0, 1), full = weight_of(s, OPS, WRITERS);
    uint64_t n = full.elements > 0 ? full.elements : 1;
    double   memory = full.memory - none.memory, wire = full.wire - none.wire;
    figure(s, "bytes-memory", n, memory / (double)n);
    figure(s, "bytes-wire", n, wire / (double)n);
    figure(s, "overhead-element", n, (memory - full.payload) / (double)n);
    figure(s, "overhead-element-wire", n, (wire - full.payload) / (double)n);
}

/* The same operations by many replicas and by one. */
static void replica_rows(const subject *s)
{
    weight one = weight_of(s, REPLICAS, 1), many = weight_of(s, REPLICAS, REPLICAS);
    double n = REPLICAS - 1, payload = many.payload - one.payload;
    figure(s, "overhead-replica", REPLICAS, (many.memory - one.memory - payload) / n);
    figure(s, "overhead-replica-wire", REPLICAS, (many.wire - one.wire - payload) / n);
}

/* The element that was just added is removed by the operation for it, or with all content. */
static crdt_delta *removal(const subject *s, crdt_store *store, uint64_t i)
{
    crdt_delta *delta;
    crdt_txn   *txn;
    for (size_t k = 1; k < s->type->ops_count; k++) {
        if (strcmp(s->type->ops[k].name, "remove") != 0) continue;
        bench_must(run_op(s, store, &s->type->ops[k], i, &delta), "remove");
        return delta;
    }
    bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
    bench_must(crdt_txn_remove(txn, CRDT_SOLO), "remove");
    bench_must(crdt_store_commit(store, &delta), "commit");
    return delta;
}

/* An element is added by one replica and removed by another, again and again: what stays. */
static void removed_rows(const subject *s)
{
    bench_mem   m;
    crdt_store *writers[WRITERS + 1]; /* the last one only listens, and is weighed */
    bench_mem_init(&m);
    for (unsigned r = 0; r < WRITERS; r++) writers[r] = bench_store(s->type, replica_id(r), NULL);
    writers[WRITERS] = bench_store(s->type, 0, &m.mem);
    weight none = weigh(writers[WRITERS], &m);
    for (unsigned i = 0; i < 2 * CYCLES; i++) {
        unsigned    author = (i / 2 + i % 2) % WRITERS;
        crdt_delta *delta =
            i % 2 == 0 ? add(s, writers[author], i / 2) : removal(s, writers[author], i / 2);
        for (unsigned r = 0; r <= WRITERS; r++) {
            if (r != author) bench_join(writers[r], delta);
        }
        crdt_store_free(delta);
    }
    weight gone = weigh(writers[WRITERS], &m);
    figure(s, "overhead-removed", CYCLES, (gone.memory - none.memory) / CYCLES);
    figure(s, "overhead-removed-wire", CYCLES, (gone.wire - none.wire) / CYCLES);
    for (unsigned r = 0; r <= WRITERS; r++) crdt_store_free(writers[r]);
}

static bool wants_any(const subject *s, const char *const *rows)
{
    char name[64];
    for (; *rows != NULL; rows++) {
        if (wants(s, *rows, name, sizeof name)) return true;
    }
    return false;
}

static void type_rows(subject *s)
{
    static const char *const times[] = {"mutate", "apply-1", "join", "encode", "decode", NULL};
    static const char *const elements[] = {"bytes-memory", "bytes-wire", "overhead-element",
                                           "overhead-element-wire", NULL};
    static const char *const replicas[] = {"overhead-replica", "overhead-replica-wire", NULL};
    static const char *const removed[] = {"overhead-removed", "overhead-removed-wire", NULL};
    if (wants_any(s, times)) {
        crdt_store *base = build(s, OPS, WRITERS, NULL);
        mutate_row(s, base);
        apply_1_row(s, base);
        join_row(s, base);
        encode_row(s, base);
        decode_row(s, base);
        crdt_store_free(base);
    }
    s->places = 0;
    if (wants_any(s, elements)) element_rows(s);
    if (wants_any(s, replicas)) replica_rows(s);
    if (!s->type->kept && wants_any(s, removed)) removed_rows(s);
}

void bench_types(bench *b)
{
    const crdt_types *types = crdt_types_builtin();
    for (size_t i = 0; i < types->count; i++) {
        subject s = {b, types->list[i], b->seed, 0};
        if (s.type->ops_count > 0) type_rows(&s);
    }
}
