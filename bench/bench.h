/* bench.h: what the benchmarks share: rows, goals, time, memory, random numbers. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H
#include "crdt/types.h"

/* A size as it is measured, and one that only shows that the program works: make bench-smoke. */
#ifdef BENCH_SMOKE
#define BENCH_SIZE(usual, smoke) (smoke)
#else
#define BENCH_SIZE(usual, smoke) (usual)
#endif

#define BENCH_RUNS BENCH_SIZE(9, 1)
#define BENCH_NOW UINT64_C(1700000000000) /* a moment in 2023 */

typedef struct bench {
    const char *only;          /* a part of the names wanted; NULL: all */
    bool        json, samples; /* samples: in the JSON lines, too */
    uint64_t    seed;
    double      memcpy_words; /* G/s, once measured */
    unsigned    rows, goals, missed;
} bench;

/* What the command line says: [--only PART] [--json] [--seed N]. False: it says something else. */
bool bench_options(bench *b, int argc, char **argv);
/* Is the row of this name wanted? */
bool bench_wants(const bench *b, const char *name);

/* -- Rows (rows.c) */
typedef struct bench_samples {
    double at[BENCH_RUNS];
    size_t count;
} bench_samples;

void   bench_sample(bench_samples *s, double value);
double bench_median(const bench_samples *s);
/* One more run? BENCH_RUNS, or three once they take more than 2 s each. `seconds`: of the run just
 * made. */
bool bench_more(const bench_samples *s, double seconds);
void bench_row(bench *b, const char *name, uint64_t n, const bench_samples *s, const char *unit);
void bench_figure(bench *b, const char *name, uint64_t n, double value, const char *unit);
void bench_head(const bench *b);
void bench_foot(const bench *b);
/* Progress, on stderr. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* -- Kit (kit.c) */
double   bench_seconds(void); /* processor time of this program */
uint64_t bench_rand(uint64_t *state);
/* End with a message: a benchmark that fails measures nothing. */
_Noreturn void bench_die(const char *what, crdt_err err);
void           bench_must(crdt_err err, const char *what);

/* malloc(3) with a count of the bytes asked for. */
typedef struct bench_mem {
    crdt_mem mem;
    size_t   bytes;
} bench_mem;
void bench_mem_init(bench_mem *m);

/* A list of encoded deltas. */
typedef struct bench_deltas {
    uint8_t *bytes;
    size_t   size, cap;
    size_t  *ends;
    size_t   count, ends_cap;
} bench_deltas;
/* Encodes and frees the delta. */
void bench_deltas_add(bench_deltas *d, crdt_delta *delta);
void bench_deltas_clear(bench_deltas *d);
/* Decode and join each into store. */
void bench_deltas_play(const bench_deltas *d, crdt_store *store);

crdt_store *bench_store(const crdt_type *solo, uint64_t replica, const crdt_mem *mem);
crdt_store *bench_clone(const crdt_store *store, uint64_t replica);
void        bench_join(crdt_store *store, const crdt_store *other);
size_t      bench_encoded(const crdt_store *store);

/* Mark stretches of up to 50 letters of the text BENCH_TEXT, one a transaction: half with one of
 * three kinds, which cover each other in time, half with comments, which do not. */
#define BENCH_TEXT crdt_text_view("text")
void bench_mark(crdt_store *store, uint32_t count, uint64_t seed);
/* Read all spans; how many there are. */
size_t bench_spans(const crdt_store *store);

/* A stand-alone list of so many short values; then elements of it are moved, one a transaction,
 * from anywhere to anywhere. */
crdt_store *bench_list(uint32_t count, uint64_t replica, const crdt_mem *mem);
void        bench_move(crdt_store *store, uint32_t count, uint64_t seed);

/* Edits of a store that is made anew: what one takes in time (`of`-verb), memory and bytes of the
 * state (`of`-memory, `of`-wire). */
typedef struct bench_edits {
    const char *of, *verb;
    uint32_t    count;
    crdt_store *(*fresh)(const crdt_mem *mem);
    void (*edit)(crdt_store *store, uint32_t count, uint64_t seed);
} bench_edits;

void bench_edit_rows(bench *b, const bench_edits *edits);

const crdt_op *bench_op(const crdt_type *type, const char *name);

/* -- The groups of rows */
void bench_orset(bench *b);
void bench_counters(bench *b);
void bench_maps(bench *b);
void bench_marks(bench *b);
void bench_moves(bench *b);
void bench_types(bench *b);
void bench_revgraph(bench *b);
void bench_queue(bench *b);
void bench_disk(bench *b);

#endif
