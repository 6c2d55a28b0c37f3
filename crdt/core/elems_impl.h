/* core/elems_impl.h: what the sources of core/elems share.
 *
 * Chunk    one block of one replica. `data` is the column (one entry for each stored dot, in dot
 *          order), then what the form needs:
 *            RANGE  stored dots are first + start, and so on without gaps; one bit an entry tells
 *                   which live, unless all do (then the bits mean nothing)
 *            BITS   bitmap of live dots, bitmap of stored dots, number of stored dots before each
 *                   word
 *            ARRAY  the stored dots' offsets, ascending, two bytes each; all live
 *          The column holds integers of 8 bytes, or the places of records in blob (4 bytes).
 * Record   varint h. h <= 8: an integer, zigzag, in h bytes, the last not 0; else h - 9 bytes.
 *          Stored in dot order, on the wire just the same.
 */
#ifndef CRDT_CORE_ELEMS_IMPL_H
#define CRDT_CORE_ELEMS_IMPL_H
#include <string.h>

#include "crdt/core/elems.h"
#include "crdt/core/mem.h"

#define CRDT__CHUNK_DOTS CRDT_BLOCK_DOTS
#define CRDT__CHUNK_WORDS (CRDT_BLOCK_DOTS / 64)
#define CRDT__SMALL_DOTS 16u
#define CRDT__ARRAY_DOTS 512u
#define CRDT__RANGE_MIN 4u

/* -- Small ------------------------------------------------------------------------------------- */

typedef struct crdt__entry {
    uint64_t replica;
    uint64_t seq : 63, is_bytes : 1;
    union {
        int64_t i;
        struct {
            uint32_t at, size;
        } bytes;
    } u;
} crdt__entry;

/* The byte strings lie behind the entries, in no order. */
typedef struct crdt__small {
    uint32_t    count, cap;
    uint32_t    bytes, bytes_cap;
    crdt__entry at[];
} crdt__small;

static inline size_t crdt__small_size(uint32_t cap, uint32_t bytes_cap)
{
    return sizeof(crdt__small) + cap * sizeof(crdt__entry) + bytes_cap;
}
static inline uint8_t *crdt__small_bytes(const crdt__small *s)
{
    return (uint8_t *)(uintptr_t)(s->at + s->cap);
}
static inline crdt_dot crdt__entry_dot(const crdt__entry *entry)
{
    crdt_dot dot = {entry->replica, entry->seq};
    return dot;
}
static inline crdt_value crdt__entry_value(const crdt__small *s, const crdt__entry *entry)
{
    crdt_value v = {CRDT_INT, 0, {NULL, 0}};
    if (entry->is_bytes) {
        v.kind = CRDT_BYTES;
        v.bytes = crdt_view_of(crdt__small_bytes(s) + entry->u.bytes.at, entry->u.bytes.size);
    } else {
        v.i = entry->u.i;
    }
    return v;
}

crdt__small *crdt__small_new(const crdt_mem *mem, uint32_t cap, uint32_t bytes_cap);
void         crdt__small_free(const crdt_mem *mem, crdt__small *s);
/* Behind all others; there is room. */
void crdt__small_append(crdt__small *s, crdt_dot dot, crdt_value value);
/* Index of the first entry whose dot is not less. */
uint32_t crdt__small_seek(const crdt__small *s, crdt_dot dot);

/* -- Chunks ------------------------------------------------------------------------------------ */

typedef enum crdt__form { CRDT__RANGE, CRDT__BITS, CRDT__ARRAY } crdt__form;

typedef struct crdt__chunk {
    uint64_t    replica, first; /* first: the block's first sequence number */
    crdt_digest content;        /* of the live atoms, if clean */
    uint8_t    *data, *blob;
    uint32_t    blob_size, blob_cap, blob_dead;
    uint32_t    ordinal; /* its number in the index, if there is one */
    uint16_t    live, stored, cap, start;
    uint8_t     form;
    bool        records, clean;
} crdt__chunk;

/* Content to take dots of one block from: a chunk, or entries of a small body. Neither: nothing. */
typedef struct crdt__source {
    const crdt__chunk *chunk;
    const crdt__small *small;
    const crdt__entry *entries;
    uint32_t           count;
} crdt__source;

static inline crdt__source crdt__source_of(const crdt__chunk *c)
{
    crdt__source source = {c, NULL, NULL, 0};
    return source;
}

static inline unsigned crdt__popcount(uint64_t n)
{
    n -= n >> 1 & UINT64_C(0x5555555555555555);
    n = (n & UINT64_C(0x3333333333333333)) + (n >> 2 & UINT64_C(0x3333333333333333));
    n = (n + (n >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(n * UINT64_C(0x0101010101010101) >> 56);
}
static inline unsigned crdt__lowest(uint64_t n)
{
    return (unsigned)__builtin_ctzll(n);
}
/* How many ones stand in n from bit `at` upwards; n has bit at. */
static inline unsigned crdt__ones_from(uint64_t n, unsigned at)
{
    uint64_t rest = ~(n >> at);
    return rest == 0 ? 64 : crdt__lowest(rest);
}
/* len ones from bit `at` on. 1 <= len, at + len <= 64. */
static inline uint64_t crdt__ones(unsigned at, unsigned len)
{
    return UINT64_MAX >> (64 - len) << at;
}

static inline size_t crdt__column_size(unsigned cap, bool records)
{
    return cap * (records ? sizeof(uint32_t) : sizeof(int64_t));
}
static inline size_t crdt__sets_at(unsigned form, unsigned cap, bool records)
{
    size_t size = crdt__column_size(cap, records);
    return form == CRDT__ARRAY ? size : (size + 7) & ~(size_t)7;
}
static inline size_t crdt__data_size(unsigned form, unsigned cap, bool records)
{
    size_t sets = form == CRDT__RANGE  ? (cap + 63u) / 64 * sizeof(uint64_t)
                  : form == CRDT__BITS ? CRDT__CHUNK_WORDS * (2 * sizeof(uint64_t) + 2)
                                       : cap * sizeof(uint16_t);
    return crdt__sets_at(form, cap, records) + sets;
}
static inline void *crdt__sets(const crdt__chunk *c)
{
    return c->data + crdt__sets_at(c->form, c->cap, c->records);
}
static inline uint16_t *crdt__offsets(const crdt__chunk *c)
{
    return crdt__sets(c);
}
static inline uint64_t *crdt__live(const crdt__chunk *c)
{
    return crdt__sets(c);
}
static inline uint64_t *crdt__stored(const crdt__chunk *c)
{
    return crdt__live(c) + CRDT__CHUNK_WORDS;
}
static inline uint16_t *crdt__ranks(const crdt__chunk *c)
{
    return (uint16_t *)(void *)(crdt__stored(c) + CRDT__CHUNK_WORDS);
}
static inline int64_t *crdt__ints(const crdt__chunk *c)
{
    return (int64_t *)(void *)c->data;
}
static inline uint32_t *crdt__places(const crdt__chunk *c)
{
    return (uint32_t *)(void *)c->data;
}

/* Records. */
uint32_t   crdt__record_size(crdt_value value);
uint32_t   crdt__record_put(uint8_t *at, crdt_value value);            /* bytes written */
uint32_t   crdt__record_get(const uint8_t *at, crdt_value *ret_value); /* bytes read */
crdt_value crdt__chunk_value(const crdt__chunk *c, unsigned place);
/* Place in the column of a live dot, or -1. */
int crdt__chunk_place(const crdt__chunk *c, unsigned offset);
/* The first live dot from offset on, with its place; CRDT__CHUNK_DOTS if there is none. */
unsigned crdt__chunk_next(const crdt__chunk *c, unsigned offset, unsigned *ret_place);
/* The last stored dot. */
unsigned crdt__chunk_last(const crdt__chunk *c);

/* The live dots in words w0..w1 of the block, into out[w0]..out[w1]. */
void crdt__source_words(crdt__source source, unsigned w0, unsigned w1, uint64_t *out);
/* The dots offset .. offset+len-1, all within a word, live in both: have they equal content? */
bool crdt__source_equal(crdt__source a, crdt__source b, unsigned offset, unsigned len);

void   crdt__chunk_free(const crdt_mem *mem, crdt__chunk *c);
size_t crdt__chunk_bytes(const crdt__chunk *c); /* memory in use */

/* What to put into a new chunk: the dots in mask_a from a, and those in mask_b from b. */
typedef struct crdt__recipe {
    uint64_t        replica, first;
    crdt__source    a, b;
    const uint64_t *mask_a, *mask_b; /* NULL: none. They do not meet */
    unsigned        slack;           /* further dots to make room for */
    bool            open;            /* of a form that takes any later dot */
    bool            records;         /* with records, integers too */
} crdt__recipe;
/* Errors: ENOMEM. The recipe must have a dot. */
crdt_err crdt__chunk_build(const crdt_mem *mem, const crdt__recipe *recipe,
                           crdt__chunk **ret_chunk);
/* The dots in words live; the caller fills the column and the blob. Errors: ENOMEM. */
crdt_err crdt__chunk_frame(const crdt_mem *mem, uint64_t replica, uint64_t first,
                           const uint64_t *words, bool records, size_t blob_size,
                           crdt__chunk **ret_chunk);
/* A chunk without dots and room for one. */
crdt_err crdt__chunk_spare(const crdt_mem *mem, crdt_value value, crdt__chunk **ret_chunk);

/* True if append can take these dots, given *ret_bytes of room in the blob. */
bool crdt__chunk_fits(const crdt__chunk *c, crdt__source from, const uint64_t *mask, unsigned w0,
                      unsigned w1, size_t *ret_bytes);
/* The same of one dot. */
bool     crdt__chunk_fits_one(const crdt__chunk *c, unsigned offset, crdt_value value,
                              size_t *ret_bytes);
crdt_err crdt__chunk_grow_blob(const crdt_mem *mem, crdt__chunk *c, size_t more);
void     crdt__chunk_append(crdt__chunk *c, crdt__source from, const uint64_t *mask, unsigned w0,
                            unsigned w1);
void     crdt__chunk_append_one(crdt__chunk *c, unsigned offset, crdt_value value);
/* Dots that live in the chunk. */
void crdt__chunk_kill(crdt__chunk *c, const uint64_t *mask, unsigned w0, unsigned w1);
bool crdt__chunk_wasteful(const crdt__chunk *c);
bool crdt__chunk_check(const crdt__chunk *c, const char **ret_reason);

/* -- Index ------------------------------------------------------------------------------------- */

/* A handle names a dot: ordinal of its chunk << 12 | offset. A slot of the table holds the handle
 * of one dot of a value, how far it stands from its home place (+ 1; 31: look it up) and some
 * bits of its hash. Further dots of the value stand in `dups`: a ring of handles through the one
 * in the slot. */
typedef struct crdt__index {
    crdt__chunk **chunks; /* by ordinal; a free one holds the next free (see crdt__index_drop) */
    uint32_t      chunks_count, chunks_cap, chunks_free;
    uint64_t      cap, used; /* slots; used: number of different values */
    void         *slots, *dups;
    uint64_t      dups_cap, dups_used; /* entries: handle + 1, previous, next */
    uint64_t      seed;
    uint8_t       handle_bits, reseeds;
    bool          wide; /* 8 bytes a slot and a handle, not 4 */
    bool          flooded;
} crdt__index;

#define CRDT__NO_HANDLE UINT64_MAX

struct crdt__large;
/* Build it for all dots. Errors: ENOMEM (there is none then). */
crdt_err crdt__index_build(struct crdt__large *large);
void     crdt__index_free(struct crdt__large *large); /* none is fine */
/* Room for more dots and chunks. No index: nothing to do. Errors: ENOMEM. */
crdt_err crdt__index_reserve(struct crdt__large *large, uint64_t dots, uint32_t chunks);
/* Give the chunk an ordinal; there is room. */
void crdt__index_add(crdt__index *index, crdt__chunk *c);
void crdt__index_drop(crdt__index *index, const crdt__chunk *c);
/* Put in, take out the dots of a chunk that the mask names. They live in the chunk. */
void crdt__index_insert(struct crdt__large *large, const crdt__chunk *c, const uint64_t *mask,
                        unsigned w0, unsigned w1); /* may give the index up */
void crdt__index_remove(struct crdt__large *large, const crdt__chunk *c, const uint64_t *mask,
                        unsigned w0, unsigned w1);
/* Start loading what finding or inserting the value will read. */
void crdt__index_load_ahead(const crdt__index *index, crdt_value value);
/* The same for several, and what is behind their slots. */
void crdt__index_expect(const crdt__index *index, const crdt_value *values, size_t count);
/* A dot of the value, or NO_HANDLE. */
uint64_t crdt__index_find(const crdt__index *index, crdt_value value);
/* The dot after this one in the ring of its value: itself if it is alone. */
uint64_t crdt__index_next(const crdt__index *index, uint64_t handle);
uint64_t crdt__index_prev(const crdt__index *index, uint64_t handle);
/* Give back room after kills. Best effort. */
void   crdt__index_settle(struct crdt__large *large);
size_t crdt__index_bytes(const crdt__index *index);
bool   crdt__index_check(const struct crdt__large *large, const char **ret_reason);

static inline crdt_dot crdt__handle_dot(const crdt__index *index, uint64_t handle)
{
    const crdt__chunk *c = index->chunks[handle / CRDT__CHUNK_DOTS];
    crdt_dot           dot = {c->replica, c->first + handle % CRDT__CHUNK_DOTS};
    return dot;
}

/* -- Large ------------------------------------------------------------------------------------- */

/* One chunk that a prepared join changes. */
typedef struct crdt__edit {
    crdt__chunk *mine;  /* NULL: a new one */
    crdt__chunk *built; /* takes its place; NULL: changed in place */
    crdt__source theirs;
    uint64_t     replica, first;
    uint64_t     killed, born; /* if w0 == w1: what masks_of finds there */
    uint32_t     at;           /* its place, or that of the first after it, in order */
    uint8_t      w0, w1;
} crdt__edit;

typedef struct crdt__large {
    const crdt_mem *mem;
    crdt__chunk   **order; /* by replica, then block */
    uint32_t        count, cap;
    crdt__chunk    *tail;  /* where the last insert went, or NULL */
    crdt__chunk    *spare; /* for the next insert, or NULL */
    crdt__index    *index; /* or NULL */
    crdt__edit     *plan;  /* what a prepared join makes */
    uint32_t        plan_count, plan_cap;
} crdt__large;

static inline crdt__large *crdt__large_of(const crdt__elems *e)
{
    return e->body;
}
static inline int crdt__chunk_compare(const crdt__chunk *c, uint64_t replica, uint64_t first)
{
    if (c->replica != replica) return c->replica < replica ? -1 : 1;
    return c->first == first ? 0 : c->first < first ? -1 : 1;
}
crdt__large *crdt__large_new(const crdt_mem *mem);
void         crdt__large_free(crdt__large *large);
crdt_err     crdt__large_reserve(crdt__large *large, size_t more); /* places in order */
/* The place of the first chunk not below (replica, first). */
uint32_t crdt__large_seek(const crdt__large *large, uint64_t replica, uint64_t first);
void     crdt__large_put(crdt__large *large, uint32_t at, crdt__chunk *c);
/* Put built in the place of another chunk of the same block, and free that. */
void crdt__large_replace(crdt__large *large, uint32_t at, crdt__chunk *built);
/* Take the chunk at this place out and free it. */
void crdt__large_drop(crdt__large *large, uint32_t at);
void crdt__large_drop_plan(crdt__large *large);
/* Copy a wasteful chunk into one of its exact size. Best effort. */
void crdt__large_compact(crdt__large *large, uint32_t at);
/* Make it large; what it holds stays. Errors: ENOMEM. */
crdt_err crdt__elems_enlarge(const crdt_mem *mem, crdt__elems *e);
/* The index, built now if need be; NULL without memory. */
crdt__index *crdt__large_index(crdt__large *large);

/* Entries of s of one block, from place *at on; *at moves behind them. */
static inline crdt__source crdt__small_block(const crdt__small *s, uint32_t *at,
                                             uint64_t *ret_first)
{
    crdt__source       source = {NULL, s, s->at + *at, 0};
    const crdt__entry *head = source.entries;
    *ret_first = head->seq / CRDT__CHUNK_DOTS * CRDT__CHUNK_DOTS;
    while (*at < s->count && s->at[*at].replica == head->replica &&
           s->at[*at].seq < *ret_first + CRDT__CHUNK_DOTS) {
        ++*at;
        source.count++;
    }
    return source;
}

#endif
