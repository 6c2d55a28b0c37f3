/* maps.c: rows of maps of 100,000 keys, a multi-value register at each. README.md says what each
 * row means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

#define KEYS BENCH_SIZE(100000u, 2000u)
#define CHANGED (KEYS / 10)
#define DEPTH 4u
#define NESTED BENCH_SIZE(20000u, 1000u)
#define FIELDS BENCH_SIZE(1000u, 100u)
#define DELTAS BENCH_SIZE(2000u, 40u)

static uint64_t replica_id(unsigned r)
{
    uint64_t x = r + 77u;
    return bench_rand(&x) | 1;
}

static crdt_view key_of(uint64_t i, char text[32])
{
    uint64_t mixed = i;
    return crdt_view_of(text, (size_t)snprintf(text, 32, "key %08llx",
                                               (unsigned long long)(bench_rand(&mixed) >> 32)));
}

/* Set the registers of keys [from, to) in steps, in one transaction. */
static crdt_delta *set_keys(crdt_store *store, uint64_t from, uint64_t to, uint64_t step,
                            const char *value)
{
    crdt_txn   *txn;
    crdt_delta *delta;
    char        text[32];
    bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
    bench_must(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0), "enter");
    for (uint64_t i = from; i < to; i += step) {
        bench_must(crdt_mvreg_set(txn, key_of(i, text), crdt_text(value)), "set");
    }
    bench_must(crdt_store_commit(store, &delta), "commit");
    return delta;
}

static void require(const crdt_store *store, uint64_t key, const char *value)
{
    char       text[32];
    crdt_view  path = key_of(key, text);
    crdt_ref   ref;
    crdt_value got;
    bench_must(crdt_ormap_get(crdt_store_solo(store), &path, 1, &crdt_mvreg_type, &ref), "get");
    if (!crdt_mvreg_get(ref, 0, &got) || crdt_value_compare(got, crdt_text(value)) != 0) {
        bench_die("a join is wrong", CRDT_EINVAL);
    }
}

/* One side wrote every tenth key anew; the other takes in its whole state. */
static void join_row(bench *b, crdt_store *base)
{
    bench_samples t = {{0}, 0};
    double        took = 0;
    if (!bench_wants(b, "ormap/join-10pct")) return;
    crdt_store *theirs = bench_clone(base, replica_id(1));
    crdt_store_free(set_keys(theirs, 0, KEYS, KEYS / CHANGED, "new"));
    (void)crdt_store_digest(theirs, NULL);
    for (int run = -1; bench_more(&t, took); run++) {
        crdt_store *mine = bench_clone(base, 0);
        (void)crdt_store_digest(mine, NULL);
        double start = bench_seconds();
        bench_join(mine, theirs);
        took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, KEYS / took / 1e6);
        require(mine, 0, "new");
        require(mine, 1, "old");
        crdt_store_free(mine);
    }
    bench_row(b, "ormap/join-10pct", KEYS, &t, "M/s");
    crdt_store_free(theirs);
}

static void join_same_row(bench *b, crdt_store *base)
{
    bench_samples t = {{0}, 0};
    double        took = 0;
    if (!bench_wants(b, "ormap/join-same")) return;
    crdt_store *mine = bench_clone(base, replica_id(1));
    (void)crdt_store_digest(mine, NULL);
    for (int run = -1; bench_more(&t, took); run++) {
        double start = bench_seconds();
        bench_join(mine, base);
        took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took * 1e6);
    }
    bench_row(b, "ormap/join-same", KEYS, &t, "us");
    crdt_store_free(mine);
}

/* Deltas of one register among all keys, decoded and joined. */
static void delta_row(bench *b, crdt_store *base)
{
    bench_samples t = {{0}, 0};
    bench_deltas  deltas;
    double        took = 0;
    if (!bench_wants(b, "ormap/delta")) return;
    memset(&deltas, 0, sizeof deltas);
    crdt_store *author = bench_clone(base, replica_id(1));
    for (uint64_t i = 0; i < DELTAS; i++) {
        bench_deltas_add(&deltas, set_keys(author, i * 50, i * 50 + 1, 1, "new"));
    }
    for (int run = -1; bench_more(&t, took); run++) {
        crdt_store *mine = bench_clone(base, 0);
        double      start = bench_seconds();
        bench_deltas_play(&deltas, mine);
        took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / DELTAS * 1e6);
        crdt_store_free(mine);
    }
    bench_row(b, "ormap/delta", KEYS, &t, "us");
    bench_deltas_clear(&deltas);
    crdt_store_free(author);
}

/* A register at a path of four keys, of 20,000 such paths: a transaction each. */
static void nested_row(bench *b, const char *name, bool again)
{
    bench_samples t = {{0}, 0};
    double        took = 0;
    char          text[DEPTH][32];
    if (!bench_wants(b, name)) return;
    for (int run = -1; bench_more(&t, took); run++) {
        crdt_store *store = bench_store(&crdt_ormap_type, replica_id(1), NULL);
        for (int round = 0; round < (again ? 2 : 1); round++) {
            double start = bench_seconds();
            for (uint64_t i = 0; i < NESTED; i++) {
                crdt_txn *txn;
                crdt_view path[DEPTH] = {key_of(i % 10, text[0]), key_of(i % 100, text[1]),
                                         key_of(i % 1000, text[2]), key_of(i, text[3])};
                bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
                bench_must(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, path, DEPTH - 1),
                           "enter");
                bench_must(crdt_mvreg_set(txn, path[DEPTH - 1], crdt_int((int64_t)i)), "set");
                bench_must(crdt_store_commit(store, NULL), "commit");
            }
            took = bench_seconds() - start;
        }
        if (run >= 0) bench_sample(&t, took / NESTED * 1e9);
        crdt_store_free(store);
    }
    bench_row(b, name, NESTED, &t, "ns");
}

/* One access to a field of a hash: as the node's HSET, HINCRBY and HGET. */
typedef enum access { HASH_SET, HASH_INCR, HASH_GET } access;

static void use_field(crdt_store *hash, access kind, uint64_t i)
{
    char       text[32];
    crdt_txn  *txn;
    crdt_view  field = key_of(i, text);
    crdt_ref   ref;
    crdt_value got;
    if (kind == HASH_GET) {
        bench_must(crdt_ormap_get(crdt_store_solo(hash), &field, 1, &crdt_cell_type, &ref), "get");
        if (!crdt_cell_peek(ref, &got)) bench_die("a field has no value", CRDT_ENOENT);
        return;
    }
    bench_must(crdt_store_begin(hash, BENCH_NOW, &txn), "begin");
    bench_must(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0), "enter");
    if (kind == HASH_SET) bench_must(crdt_cell_set(txn, field, crdt_text("0123456789")), "set");
    else bench_must(crdt_cell_incr(txn, field, 1), "incr");
    bench_must(crdt_store_commit(hash, NULL), "commit");
}

/* A hash of 1,000 fields that are there; each field 20 times. */
static void hash_row(bench *b, const char *name, access kind)
{
    bench_samples t = {{0}, 0};
    double        took = 0;
    if (!bench_wants(b, name)) return;
    for (int run = -1; bench_more(&t, took); run++) {
        crdt_store *hash = bench_store(&crdt_ormap_type, replica_id(1), NULL);
        for (uint64_t i = 0; i < FIELDS; i++) {
            use_field(hash, kind == HASH_INCR ? HASH_INCR : HASH_SET, i);
        }
        double start = bench_seconds();
        for (uint64_t i = 0; i < NESTED; i++) use_field(hash, kind, i % FIELDS);
        took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / NESTED * 1e9);
        crdt_store_free(hash);
    }
    bench_row(b, name, FIELDS, &t, "ns");
}

static void size_rows(bench *b, crdt_store *base)
{
    double payload = KEYS * (12.0 + 3.0);
    if (bench_wants(b, "ormap/wire")) {
        bench_figure(b, "ormap/wire", KEYS, ((double)bench_encoded(base) - payload) / KEYS, "B");
    }
    if (!bench_wants(b, "ormap/memory")) return;
    bench_mem m;
    bench_mem_init(&m);
    crdt_store *store = bench_store(&crdt_ormap_type, replica_id(1), &m.mem);
    crdt_store_free(set_keys(store, 0, KEYS, 1, "old"));
    bench_figure(b, "ormap/memory", KEYS, (double)m.bytes / KEYS, "B");
    crdt_store_free(store);
}

void bench_maps(bench *b)
{
    static const char *const names[] = {"ormap/join-10pct", "ormap/join-same", "ormap/delta",
                                        "ormap/wire", "ormap/memory"};
    bool                     any = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) any |= bench_wants(b, names[i]);
    if (any) {
        crdt_store *base = bench_store(&crdt_ormap_type, replica_id(0), NULL);
        crdt_store_free(set_keys(base, 0, KEYS, 1, "old"));
        (void)crdt_store_digest(base, NULL);
        join_row(b, base);
        join_same_row(b, base);
        delta_row(b, base);
        size_rows(b, base);
        crdt_store_free(base);
    }
    nested_row(b, "ormap/nested-new", false);
    nested_row(b, "ormap/nested-again", true);
    hash_row(b, "hash/set", HASH_SET);
    hash_row(b, "hash/incr", HASH_INCR);
    hash_row(b, "hash/get", HASH_GET);
}
