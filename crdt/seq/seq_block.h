/* seq/seq_block.h: how a log holds its rows: for seq_log.c, seq_block.c and what loads whole logs
 * (seq_snap.c) alone.
 *
 * Shape    settled rows of an author: a track, which is an array of blocks ascending by dot, each
 *          of 1 to 64 rows. Only the last block of a track grows at its end. Rows of the settle
 *          period that runs: plain arrays of a crdt__fresh, of which only authors that are written
 *          have one.
 */
#ifndef CRDT_SEQ_SEQ_BLOCK_H
#define CRDT_SEQ_SEQ_BLOCK_H
#include "crdt/core/mem.h"
#include "crdt/seq/seq_log.h"

#define CRDT__BLOCK_ROWS 64u
/* The most bytes that an encoded row may take. */
#define CRDT__INS_BYTES 56u
#define CRDT__DEL_BYTES 32u
/* A block behind one of no more bytes gets as much room at once. */
#define CRDT__LIKE_MAX 512u

typedef struct crdt__block {
    uint64_t dot; /* of the first row */
    uint8_t *bytes;
    uint32_t ctr; /* of the first row */
    uint16_t used;
    uint8_t  cap16; /* capacity in 16 bytes; 0: exactly what is used */
    uint8_t  rows;
} crdt__block;

typedef struct crdt__track {
    uint32_t    count, cap;
    crdt__block blocks[];
} crdt__track;

/* The last row of a track, decoded, and what stands before it: so that the next one is appended, or
 * this one grows, without decoding. All zero: not known. */
typedef struct crdt__ins_tail {
    crdt__ins base, last; /* base: the row before, or the block's own base */
    uint16_t  at;         /* where last is encoded */
    bool      known;
} crdt__ins_tail;
typedef struct crdt__del_tail {
    crdt__del base, last;
    uint16_t  at;
    bool      known;
} crdt__del_tail;

typedef struct crdt__fresh_del {
    crdt__del row;
    bool      settled; /* but still here, for want of memory */
} crdt__fresh_del;

/* What is not in blocks of one author's. */
typedef struct crdt__fresh {
    crdt__ins       *ins; /* ascending by dot, above all of the track */
    crdt__fresh_del *del; /* ascending by dot */
    uint32_t         author;
    uint32_t         ins_count, ins_cap;
    uint32_t         ins_settled; /* the first so many are settled, but still here */
    uint32_t         ins_room;    /* promised by reserve, not yet used */
    uint32_t         del_count, del_cap;
    uint32_t         settled_count, settled_runs; /* the author's at the last settle */
    crdt__ins_tail   ins_tail;
    crdt__del_tail   del_tail;
    bool             busy; /* reserved for since the last settle */
} crdt__fresh;

/* Stretches of cids: from cid up to the next one's. */
typedef struct crdt__cidrun {
    uint32_t cid;
    uint32_t author; /* CRDT__NO_AUTHOR: cids that nobody has */
} crdt__cidrun;

static inline uint32_t crdt__ins_len(const crdt__ins *row)
{
    return row->dots * row->each;
}
static inline uint32_t crdt__del_len(const crdt__del *row)
{
    return row->dots * row->each;
}
/* Row can be put onto last, the row of the same author before it. */
static inline bool crdt__ins_goes_on(const crdt__ins *last, const crdt__ins *row)
{
    uint32_t len = crdt__ins_len(last);
    if (row->left != row->cid - 1 || row->right != CRDT__NO_CID) return false; /* most are not */
    return row->dot == last->dot + last->dots && row->each == last->each &&
           row->ctr == last->ctr + len && row->cid == last->cid + len &&
           row->lamport == crdt__lamport_on(last->lamport, len);
}
/* Put row onto last if it goes on from there. */
static inline bool crdt__del_join(crdt__del *last, const crdt__del *row)
{
    if (row->dot != last->dot + last->dots || row->each != last->each || row->of != last->of) {
        return false;
    }
    if (row->ctr == last->ctr + crdt__del_len(last) && !last->back && !row->back) {
        last->dots += row->dots;
        return true;
    }
    if (row->ctr + crdt__del_len(row) != last->ctr || (last->dots > 1 && !last->back) ||
        (row->dots > 1 && !row->back)) {
        return false;
    }
    last->ctr = row->ctr;
    last->dots += row->dots;
    last->back = true;
    return true;
}

/* Memory of a log, counted. */
static inline void *crdt__log_resize(crdt__log *log, void *p, size_t old_size, size_t new_size)
{
    void *q = crdt__resize(log->mem, p, old_size, new_size);
    if (q != NULL) log->memory += new_size - old_size;
    return q;
}
static inline void crdt__log_release(crdt__log *log, void *p, size_t size)
{
    if (p == NULL) return;
    crdt__release(log->mem, p, size);
    log->memory -= size;
}

/* The author's fresh, or NULL. */
static inline crdt__fresh *crdt__log_fresh(const crdt__log *log, uint32_t author)
{
    uint32_t at = log->authors[author].fresh;
    return at == 0 ? NULL : &log->fresh[at - 1];
}

/* Whole logs at once, of authors that have nothing else open: rows as crdt__log_add_ins and
 * crdt__log_add_del take them, in order of dots, written into blocks right away; no undo takes them
 * back. The author's tails are all zero before its first row and stay with it. crdt__log_settle
 * ends it. Errors: ENOMEM (the log can only be cleared). */
crdt_err crdt__log_load_ins(crdt__log *log, uint32_t author, crdt__ins_tail *tail,
                            const crdt__ins *row);
crdt_err crdt__log_load_del(crdt__log *log, uint32_t author, crdt__del_tail *tail,
                            const crdt__del *row);

size_t crdt__track_bytes(const crdt__track *track); /* memory in use */
void   crdt__track_clear(crdt__log *log, crdt__track **track);
/* Append a row, or put it onto the last one (which counts in log->ins_rows). False: refused memory,
 * nothing changed. */
bool crdt__track_add_ins(crdt__log *log, crdt__track **track, crdt__ins_tail *tail,
                         const crdt__ins *row);
/* The same of a deletion that comes after all others. */
bool crdt__track_append_del(crdt__log *log, crdt__track **track, crdt__del_tail *tail,
                            const crdt__del *row);
/* Put rows, ascending by dot, where they belong. Returns how many of the first are in: fewer than
 * count if memory was refused. What is put onto another row is taken off log->del_rows. */
uint32_t crdt__track_add_dels(crdt__log *log, crdt__track **track, crdt__del_tail *tail,
                              const crdt__fresh_del *rows, uint32_t count);
/* The row with the dot, or the element ctr. False: none there. track may be NULL. */
bool crdt__track_ins(const crdt__track *track, uint64_t dot, crdt__ins *ret_row);
bool crdt__track_ins_of(const crdt__track *track, uint32_t ctr, crdt__ins *ret_row);
bool crdt__track_del(const crdt__track *track, uint64_t dot, crdt__del *ret_row);
/* The first fresh row that ends above the dot, or the count. */
uint32_t crdt__fresh_ins_from(const crdt__fresh *fresh, uint64_t dot);
uint32_t crdt__fresh_del_from(const crdt__fresh *fresh, uint64_t dot);
/* The blocks of a track are whole, and agree with their headers. */
bool crdt__track_check(const crdt__track *track, bool del, const char **ret_reason);

/* An author's runs; where the at-th stretch of cids ends; the stretch that holds cid (there is
 * one): the last that begins at or below it. */
static inline const crdt__idrun *crdt__log_runs(const crdt__author *a)
{
    return a->run_cap == 1 ? &a->runs.one : a->runs.many;
}
static inline uint32_t crdt__log_stretch_end(const crdt__log *log, uint32_t at)
{
    return at + 1 < log->cidrun_count ? log->cidruns[at + 1].cid : log->cid_end;
}
uint32_t crdt__log_stretch(const crdt__log *log, uint32_t cid);

#endif
