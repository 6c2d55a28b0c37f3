/* kit.c: time, memory, random numbers and short words for the benchmarks. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"

double bench_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
uint64_t bench_rand(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void bench_die(const char *what, crdt_err err)
{
    fprintf(stderr, "bench: %s: %s\n", what, crdt_err_text(err));
    exit(1);
}

void bench_must(crdt_err err, const char *what)
{
    if (err != CRDT_OK) bench_die(what, err);
}

/* -- Memory ------------------------------------------------------------------------------------ */

static void *mem_alloc(void *user, size_t size)
{
    bench_mem *m = user;
    void      *p = malloc(size);
    if (p != NULL) m->bytes += size;
    return p;
}

static void *mem_resize(void *user, void *p, size_t old_size, size_t new_size)
{
    bench_mem *m = user;
    void      *fresh = realloc(p, new_size);
    if (fresh != NULL) m->bytes += new_size - old_size;
    return fresh;
}

static void mem_release(void *user, void *p, size_t size)
{
    bench_mem *m = user;
    m->bytes -= size;
    free(p);
}

void bench_mem_init(bench_mem *m)
{
    m->mem.alloc = mem_alloc;
    m->mem.resize = mem_resize;
    m->mem.release = mem_release;
    m->mem.user = m;
    m->bytes = 0;
}

/* -- Stores ------------------------------------------------------------------------------------ */

crdt_store *bench_store(const crdt_type *solo, uint64_t replica, const crdt_mem *mem)
{
    crdt_options o = crdt_options_default(replica, solo == NULL ? crdt_types_builtin() : NULL);
    crdt_store  *store;
    o.solo = solo;
    o.mem = mem;
    bench_must(crdt_store_new(&o, &store), "a new store");
    return store;
}

crdt_store *bench_clone(const crdt_store *store, uint64_t replica)
{
    crdt_store *copy;
    bench_must(crdt_store_clone(store, replica, &copy), "clone");
    return copy;
}

void bench_join(crdt_store *store, const crdt_store *other)
{
    bench_must(crdt_store_join(store, other, BENCH_NOW), "join");
}

size_t bench_encoded(const crdt_store *store)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    bench_must(crdt_store_encode(store, &out), "encode");
    size_t size = out.size;
    crdt_buf_clear(&out);
    return size;
}

const crdt_op *bench_op(const crdt_type *type, const char *name)
{
    for (size_t i = 0; i < type->ops_count; i++) {
        if (strcmp(type->ops[i].name, name) == 0) return &type->ops[i];
    }
    bench_die(name, CRDT_ENOENT);
}

/* -- Marks ------------------------------------------------------------------------------------- */

void bench_mark(crdt_store *store, uint32_t count, uint64_t seed)
{
    static const char *const kinds[] = {"bold", "em", "link"};
    crdt_ref                 text;
    bench_must(crdt_store_find(store, BENCH_TEXT, &crdt_text_type, &text), "find the text");
    uint64_t length = crdt_text_length(text, CRDT_CODE_POINTS);
    for (uint32_t i = 0; i < count; i++) {
        char       key[32];
        crdt_txn  *txn;
        uint64_t   kind = bench_rand(&seed) % 6, start = bench_rand(&seed) % length;
        uint64_t   most = length - start < 50 ? length - start : 50;
        crdt_range range = {CRDT_CODE_POINTS, start, 1 + bench_rand(&seed) % most};
        if (kind < 3) snprintf(key, sizeof key, "%s", kinds[kind]);
        else snprintf(key, sizeof key, "comment:%u", i);
        bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
        bench_must(crdt_marks_set(txn, BENCH_TEXT, range, crdt_mark_of(key, crdt_int(i))), "mark");
        bench_must(crdt_store_commit(store, NULL), "commit");
    }
}

size_t bench_spans(const crdt_store *store)
{
    crdt_spans *spans;
    crdt_span   span;
    size_t      count = 0;
    bench_must(crdt_marks_read(store, BENCH_TEXT, CRDT_CODE_POINTS, NULL, &spans), "read marks");
    while (crdt_marks_next(spans, &span)) count++;
    crdt_marks_free(spans);
    return count;
}

crdt_store *bench_list(uint32_t count, uint64_t replica, const crdt_mem *mem)
{
    crdt_store   *store = bench_store(&crdt_rga_type, replica, mem);
    crdt_txn     *txn;
    crdt_rga_edit edit;
    bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
    bench_must(crdt_rga_open(txn, CRDT_SOLO, &crdt_rga_type, &edit), "open");
    for (uint32_t i = 0; i < count; i++) {
        bench_must(crdt_rga_insert(&edit, i, crdt_text("element")), "insert");
    }
    bench_must(crdt_store_commit(store, NULL), "commit");
    return store;
}

void bench_move(crdt_store *store, uint32_t count, uint64_t seed)
{
    uint64_t length = crdt_rga_length(crdt_store_solo(store));
    for (uint32_t i = 0; i < count; i++) {
        crdt_txn     *txn;
        crdt_rga_edit edit;
        uint64_t      from = bench_rand(&seed) % length, to = bench_rand(&seed) % length;
        bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
        bench_must(crdt_rga_open(txn, CRDT_SOLO, &crdt_rga_type, &edit), "open");
        bench_must(crdt_rga_move(&edit, from, to), "move");
        bench_must(crdt_store_commit(store, NULL), "commit");
    }
}

/* -- What edits cost --------------------------------------------------------------------------- */

static void edit_times(bench *b, const char *name, const bench_edits *edits)
{
    bench_samples t = {{0}, 0};
    if (!bench_wants(b, name)) return;
    for (int run = -1; bench_more(&t, 0); run++) {
        crdt_store *store = edits->fresh(NULL);
        double      start = bench_seconds();
        edits->edit(store, edits->count, b->seed);
        double took = bench_seconds() - start;
        if (run >= 0) bench_sample(&t, took / edits->count * 1e6);
        crdt_store_free(store);
    }
    bench_row(b, name, edits->count, &t, "us");
}

void bench_edit_rows(bench *b, const bench_edits *edits)
{
    char      time[64], memory[64], wire[64];
    double    count = edits->count;
    bench_mem m;
    snprintf(time, sizeof time, "%s-%s", edits->of, edits->verb);
    snprintf(memory, sizeof memory, "%s-memory", edits->of);
    snprintf(wire, sizeof wire, "%s-wire", edits->of);
    edit_times(b, time, edits);
    if (!bench_wants(b, memory) && !bench_wants(b, wire)) return;
    bench_mem_init(&m);
    crdt_store *store = edits->fresh(&m.mem);
    double      plain = (double)m.bytes, sent = (double)bench_encoded(store);
    edits->edit(store, edits->count, b->seed);
    bench_figure(b, memory, edits->count, ((double)m.bytes - plain) / count, "B");
    bench_figure(b, wire, edits->count, ((double)bench_encoded(store) - sent) / count, "B");
    crdt_store_free(store);
}

/* -- Deltas ------------------------------------------------------------------------------------ */

static void *grown(void *p, size_t *cap, size_t need, size_t item)
{
    if (need <= *cap) return p;
    *cap = need + need / 2 + 64;
    p = realloc(p, *cap * item);
    if (p == NULL) bench_die("deltas", CRDT_ENOMEM);
    return p;
}

void bench_deltas_add(bench_deltas *d, crdt_delta *delta)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    bench_must(crdt_store_encode(delta, &out), "encode a delta");
    d->bytes = grown(d->bytes, &d->cap, d->size + out.size, 1);
    d->ends = grown(d->ends, &d->ends_cap, d->count + 1, sizeof *d->ends);
    memcpy(d->bytes + d->size, out.data, out.size);
    d->size += out.size;
    d->ends[d->count++] = d->size;
    crdt_buf_clear(&out);
    crdt_store_free(delta);
}

void bench_deltas_clear(bench_deltas *d)
{
    free(d->bytes);
    free(d->ends);
    memset(d, 0, sizeof *d);
}

void bench_deltas_play(const bench_deltas *d, crdt_store *store)
{
    for (size_t i = 0, at = 0; i < d->count; at = d->ends[i++]) {
        crdt_delta *delta;
        crdt_view   in = crdt_view_of(d->bytes + at, d->ends[i] - at);
        bench_must(crdt_delta_decode(store, in, &delta, NULL), "decode a delta");
        bench_join(store, delta);
        crdt_store_free(delta);
    }
}
