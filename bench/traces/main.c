/* main.c: the text rows.
 *
 *      traces [--only PART] [--json] [--samples] [--runs N] [--size N] [--seed N] [TRACE...]
 *      traces --make SHAPE SIZE FILE     write a generated trace
 *      traces --once local|merge|load-edit|undo|history|mark|spans|move|take-moves TRACE [TIMES]
 *                                        one row's work for a profiler: see bench/traces/growth
 *      traces --orders N [TRACE...]      no rows: each history in N random orders of each delivery
 *
 * Without trace files: generated histories of the same shapes, of --size patches. Every run's text
 * is compared with the trace's end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/traces/generate.h"
#include "bench/traces/orders.h"
#include "bench/traces/play.h"

#define NAME_MAX_ 128
#define SIZE_DEFAULT 2000

typedef struct work {
    bench              *b;
    const trace        *t;
    const play_history *h;
    play_bytes          file; /* the state, packed by LZ4-HC */
    size_t              runs;
} work;

/* One run of a row: the seconds that it took. */
typedef double (*run_fn)(const work *w);

static const char *row_name(const work *w, const char *what, char *name)
{
    snprintf(name, NAME_MAX_, "text/%s/%s", what, w->t->name);
    return name;
}

static bool wants(const work *w, const char *what)
{
    char name[NAME_MAX_];
    return bench_wants(w->b, row_name(w, what, name));
}

/* -- Runs -------------------------------------------------------------------------------------- */

static double finish(const work *w, double start, crdt_store *store, bool touched)
{
    double seconds = bench_seconds() - start;
    play_verify(w->t, store, touched);
    crdt_store_free(store);
    return seconds;
}

static double run_local(const work *w)
{
    crdt_store *store = play_new(1, NULL);
    double      start = bench_seconds();
    play_local(w->t, store);
    return finish(w, start, store, false);
}

static double run_merge(const work *w)
{
    crdt_store *store = play_new(PLAY_READER, NULL);
    double      start = bench_seconds();
    play_join(store, w->h->state);
    return finish(w, start, store, false);
}

static double run_merge_deltas(const work *w)
{
    crdt_store *store = play_new(PLAY_READER, NULL);
    double      start = bench_seconds();
    bench_deltas_play(&w->h->deltas, store);
    return finish(w, start, store, false);
}

/* From the file as it is on disk. */
static double run_load_view(const work *w)
{
    crdt_buf out;
    double   start = bench_seconds();
    crdt_buf_init(&out, NULL);
    play_view(w->file, &out);
    double seconds = bench_seconds() - start;
    play_verify_text(w->t, &out);
    crdt_buf_clear(&out);
    return seconds;
}

static double run_load_edit(const work *w)
{
    double      start = bench_seconds();
    crdt_store *store = play_load(w->file, NULL);
    play_touch(w->t, store);
    return finish(w, start, store, true);
}

/* Microseconds an undo. */
static void undo_row(const work *w)
{
    bench_samples s = {{0}, 0};
    char          name[NAME_MAX_];
    if (!wants(w, "undo")) return;
    size_t n = 0;
    for (double seconds = 0; s.count < w->runs && bench_more(&s, seconds);) {
        crdt_store *store = play_new(1, NULL);
        crdt_undo  *undo = play_undoable(w->t, store);
        double      start = bench_seconds();
        n = play_undo(undo);
        seconds = bench_seconds() - start;
        bench_sample(&s, seconds * 1e6 / (double)n);
        crdt_undo_free(undo);
        crdt_store_free(store);
    }
    bench_row(w->b, row_name(w, "undo", name), n, &s, "us");
}

/* Of the whole text: what the second half of the history did, and who. */
static double run_history(const work *w)
{
    crdt_store *store = play_new(PLAY_READER, NULL);
    crdt_steps  steps;
    crdt_steps_init(&steps, NULL);
    play_join(store, w->h->state);
    double start = bench_seconds();
    play_past(store, &steps);
    double seconds = bench_seconds() - start;
    crdt_steps_clear(&steps);
    crdt_store_free(store);
    return seconds;
}

/* -- Rows -------------------------------------------------------------------------------------- */

static void times(const work *w, const char *what, run_fn run)
{
    bench_samples s = {{0}, 0};
    char          name[NAME_MAX_];
    if (!wants(w, what)) return;
    run(w);
    for (double seconds = 0; s.count < w->runs && bench_more(&s, seconds);) {
        seconds = run(w);
        bench_sample(&s, seconds * 1e3);
    }
    bench_row(w->b, row_name(w, what, name), w->t->patches_count, &s, "ms");
}

static void figure(const work *w, const char *what, double value)
{
    char name[NAME_MAX_];
    bench_figure(w->b, row_name(w, what, name), w->t->patches_count, value, "B");
}

static void memory_rows(const work *w)
{
    bench_mem   m;
    crdt_store *store;
    bool        sequential = w->t->kind == TRACE_SEQUENTIAL;
    bench_mem_init(&m);
    if (sequential && wants(w, "memory")) {
        store = play_new(1, &m.mem);
        play_local(w->t, store);
        figure(w, "memory", (double)m.bytes);
        crdt_store_free(store);
    }
    const char *loaded = sequential ? "memory-loaded" : "memory";
    if (!wants(w, loaded)) return;
    store = play_load(w->file, &m.mem);
    play_touch(w->t, store);
    figure(w, loaded, (double)m.bytes);
    crdt_store_free(store);
}

static void size_row(const work *w, const char *what, const crdt_codec *codec, play_bytes in)
{
    if (!wants(w, what) || codec == NULL) return; /* a library built without it */
    play_bytes packed = play_pack(codec, in);
    figure(w, what, (double)packed.size);
    free(packed.data);
}

static void size_rows(const work *w)
{
    const play_history *h = w->h;
    size_row(w, "file-full", crdt_codec_lz4(), h->state);
    size_row(w, "file-full-zstd", crdt_codec_zstd(), h->state);
    figure(w, "file-full-plain", (double)h->state.size);
    size_row(w, "file-state", crdt_codec_lz4(), h->stable);
    size_row(w, "file-state-zstd", crdt_codec_zstd(), h->stable);
    figure(w, "file-state-plain", (double)h->stable.size);
    if (wants(w, "update-bytes")) figure(w, "update-bytes", play_update_bytes(w->t, h));
}

static bool wants_history(const work *w)
{
    static const char *const rows[] = {
        "merge",           "merge-deltas",     "load-view",      "load-edit",       "memory",
        "memory-loaded",   "file-full",        "file-full-zstd", "file-full-plain", "file-state",
        "file-state-zstd", "file-state-plain", "update-bytes",   "history"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (wants(w, rows[i])) return true;
    }
    return false;
}

static void trace_rows(bench *b, const trace *t, size_t runs)
{
    play_history h;
    work         w = {b, t, &h, {NULL, 0}, runs};
    bench_say("%s: %u patches, %u agents", t->name, t->patches_count, t->agents);
    if (t->kind == TRACE_SEQUENTIAL) times(&w, "local", run_local);
    if (t->kind == TRACE_SEQUENTIAL) undo_row(&w);
    if (!wants_history(&w)) return;
    play_make(t, &h);
    w.file = play_pack(crdt_codec_lz4(), h.state);
    times(&w, "merge", run_merge);
    times(&w, "merge-deltas", run_merge_deltas);
    times(&w, "load-view", run_load_view);
    times(&w, "load-edit", run_load_edit);
    times(&w, "history", run_history);
    memory_rows(&w);
    size_rows(&w);
    free(w.file.data);
    play_clear(&h);
}

/* -- The program ------------------------------------------------------------------------------- */

static trace read_trace(const char *path)
{
    trace       t;
    const char *why;
    if (trace_read(path, &t, &why)) return t;
    fprintf(stderr, "traces: %s: %s\n", path, why);
    exit(1);
}

static int make_file(const char *name, const char *size, const char *path)
{
    trace t;
    for (trace_shape s = 0; s < TRACE_SHAPES; s++) {
        if (strcmp(trace_shape_name(s), name) != 0) continue;
        trace_generate(s, (uint32_t)strtoul(size, NULL, 10), 1, &t);
        bool written = trace_write(&t, path);
        trace_clear(&t);
        return written ? 0 : 1;
    }
    fprintf(stderr, "traces: no shape %s\n", name);
    return 2;
}

typedef enum once_job {
    LOCAL,
    MERGE,
    LOAD_EDIT,
    UNDO,
    HISTORY,
    MARK,
    SPANS,
    MOVE,
    TAKE_MOVES,
    JOBS
} once_job;

static const char *const job_names[] = {"local", "merge", "load-edit", "undo",      "history",
                                        "mark",  "spans", "move",      "take-moves"};

/* What a run works on. */
typedef struct once {
    const trace *t;
    play_bytes   file; /* as what reads it needs it */
    crdt_store  *store;
    crdt_undo   *undo;
    crdt_steps   steps;
} once;

/* Callgrind counts in here alone, by the name: what is set up is not counted. */
__attribute__((noinline)) static void counted(once_job job, once *o)
{
    switch (job) {
    case LOCAL: play_local(o->t, o->store); break;
    case MERGE: play_join(o->store, o->file); break;
    case LOAD_EDIT:
        o->store = play_load(o->file, NULL);
        play_touch(o->t, o->store);
        break;
    case UNDO: (void)play_undo(o->undo); break;
    case MARK: bench_mark(o->store, o->t->patches_count, 1); break;
    case SPANS: (void)bench_spans(o->store); break;
    case MOVE: bench_move(o->store, o->t->patches_count, 1); break;
    case TAKE_MOVES: play_join(o->store, o->file); break;
    default: play_past(o->store, &o->steps); break;
    }
}

static void run_once(once_job job, once *o, bool verify)
{
    crdt_steps_init(&o->steps, NULL);
    o->undo = NULL;
    if (job == MOVE) o->store = bench_list(o->t->patches_count, 1, NULL);
    else if (job == TAKE_MOVES) o->store = bench_store(&crdt_rga_type, PLAY_READER, NULL);
    else if (job >= MARK) o->store = play_named(o->t);
    else if (job != LOAD_EDIT) o->store = play_new(job == UNDO ? 1 : PLAY_READER, NULL);
    if (job == SPANS) bench_mark(o->store, o->t->patches_count, 1);
    if (job == UNDO) o->undo = play_undoable(o->t, o->store);
    if (job == HISTORY) play_join(o->store, o->file);
    counted(job, o);
    if (verify && job != UNDO && job < MARK) play_verify(o->t, o->store, job == LOAD_EDIT);
    crdt_steps_clear(&o->steps);
    crdt_undo_free(o->undo);
    crdt_store_free(o->store);
}

static int do_once(const char *name, const char *path, unsigned long times)
{
    once_job w = LOCAL;
    while (w < JOBS && strcmp(job_names[w], name) != 0) w++;
    if (w == JOBS) {
        fprintf(stderr, "traces: no work %s\n", name);
        return 2;
    }
    trace        t = read_trace(path);
    play_history h;
    memset(&h, 0, sizeof h);
    if (w != LOCAL && w != UNDO && w < MARK) play_make(&t, &h);
    if (w == TAKE_MOVES) h.state = play_moves(t.patches_count);
    once o = {.t = &t, .file = h.state};
    if (w == LOAD_EDIT) o.file = play_pack(crdt_codec_lz4(), h.state);
    for (unsigned long i = 0; i < times; i++) run_once(w, &o, i == 0);
    if (w == LOAD_EDIT) free(o.file.data);
    play_clear(&h);
    trace_clear(&t);
    return 0;
}

static void play_orders(const trace *t, unsigned orders, uint64_t seed)
{
    play_history h;
    bench_say("%s: %u transactions, %u agents", t->name, t->txns_count, t->agents);
    play_make(t, &h);
    orders_play(t, &h, orders, seed);
    play_clear(&h);
    printf("%s: all %u orders end as recorded\n", t->name, orders);
}

/* What is asked of every trace. */
typedef struct wish {
    bench   *b;
    size_t   runs;
    uint32_t size;
    unsigned orders; /* 0: rows */
} wish;

static void serve(const wish *w, const trace *t)
{
    if (w->orders > 0) play_orders(t, w->orders, w->b->seed);
    else trace_rows(w->b, t, w->runs);
}

static int usage(const char *program)
{
    fprintf(
        stderr,
        "usage: %s [--only PART] [--json] [--samples] [--runs N] [--size N] [--seed N] [TRACE...]\n"
        "       %s --make SHAPE SIZE FILE\n"
        "       %s --once local|merge|load-edit|undo|history|mark|spans|move|take-moves TRACE "
        "[TIMES]\n"
        "       %s --orders N [--seed N] [TRACE...]\n",
        program, program, program, program);
    return 2;
}

static void generated(const wish *w)
{
    bench_say("no trace files: generated histories of %" PRIu32 " patches, seed %" PRIu64, w->size,
              w->b->seed);
    for (trace_shape s = 0; s < TRACE_SHAPES; s++) {
        trace t;
        trace_generate(s, w->size, w->b->seed, &t);
        serve(w, &t);
        trace_clear(&t);
    }
}

int main(int argc, char **argv)
{
    bench b = {0};
    wish  w = {&b, BENCH_RUNS, SIZE_DEFAULT, 0};
    int   i = 1;
    if (argc == 5 && strcmp(argv[1], "--make") == 0) return make_file(argv[2], argv[3], argv[4]);
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "--once") == 0) {
        return do_once(argv[2], argv[3], argc == 5 ? strtoul(argv[4], NULL, 10) : 1);
    }
    b.seed = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--json") == 0) b.json = true;
        else if (strcmp(argv[i], "--samples") == 0) b.json = b.samples = true;
        else if (i + 1 == argc) return usage(argv[0]);
        else if (strcmp(argv[i], "--only") == 0) b.only = argv[++i];
        else if (strcmp(argv[i], "--runs") == 0) w.runs = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--size") == 0) w.size = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--orders") == 0)
            w.orders = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0) b.seed = strtoull(argv[++i], NULL, 0);
        else return usage(argv[0]);
    }
    if (w.orders == 0) bench_head(&b);
    if (i == argc) generated(&w);
    for (; i < argc; i++) {
        trace t = read_trace(argv[i]);
        serve(&w, &t);
        trace_clear(&t);
    }
    if (w.orders > 0) return 0;
    bench_foot(&b);
    return b.rows > 0 ? 0 : 1;
}
