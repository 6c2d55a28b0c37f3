/* core/seq_snap.h: a whole sequence as bytes: its text first, in document order; and back, without
 * putting row after row in place.
 *
 * Format (what seq_code.h calls whole): seq_snap.c
 *
 *      live       size, and the atoms that show, in document order: all that a viewer needs
 *      replicas   as seq_code.h tells, without the column of content; ODD does not occur, as an
 *                 author's elements are all there
 *      dead       size, and the dead atoms that are held, in document order
 *      forgotten  how many stretches; each: dead atoms held before it, dead atoms forgotten
 *
 * Where elements stand is not told: it follows from their origins. Elements are a tree: what has a
 * right parent R stands before R, other elements behind their left origin; those at one side of one
 * element in order of their ids (or, in classic order, the latest first). So the rows are read, the
 * tree is walked once, and its walk cuts the two texts. Equal states have equal bytes, and no bytes
 * can place an element where it does not belong.
 */
#ifndef CRDT_CORE_SEQ_SNAP_H
#define CRDT_CORE_SEQ_SNAP_H
#include "crdt/core/seq.h"

/* Is this the form of the sequence's bytes? If nothing waits, nothing forgotten shows, and not
 * nearly all of it is dead. */
bool crdt__snap_fits(const crdt__seq *seq);
void crdt__snap_put_live(const crdt__seq *seq, crdt_buf *out);
void crdt__snap_put_dead(const crdt__seq *seq, crdt_buf *out);
/* What shows, in the bytes of a sequence, and nothing else. False: they are not of a whole one; or
 * they end too early, or it is no UTF-8, which the decoder is told. */
bool crdt__snap_live(crdt__atom_kind kind, crdt_dec *dec, crdt_view *ret_live);
/* From the size of what is live on; into bottom. What went wrong is told to the decoder. Errors:
 * ENOMEM, EMALFORMED. Linear in the input, but for the order of elements at one side of one. */
crdt_err crdt__snap_read(crdt__seq *seq, crdt_dec *dec, size_t replicas);

/* -- seq_build.c: the order and the atoms from what was read */
/* A stretch of elements, each but the first right behind the one before it: in order of cids. */
typedef struct crdt__unit {
    uint32_t cid;
    union {
        uint32_t left; /* of the first element: its left origin, or NO_CID */
        uint32_t dead; /* once it has its place: bytes of dead atoms before it ... */
    };
    union {
        uint32_t key;  /* crdt__unit_key of its parent */
        uint32_t live; /* ... and of live ones; or UINT32_MAX: they go on from the unit before */
    };
} crdt__unit;

/* A right parent sorts before, a left origin behind it. */
static inline uint32_t crdt__unit_key(uint32_t left, uint32_t right)
{
    return right != CRDT__NO_CID ? 2 * right + 2 : 2 * (left + 1) + 1; /* NO_CID + 1 is 0 */
}

typedef struct crdt__snap {
    crdt__seq  *seq;
    crdt__unit *units;
    uint64_t   *lamports; /* of units, in classic order */
    uint64_t   *bits;     /* for 64 elements a word of each kind */
    uint32_t    unit_count, unit_cap, lamport_cap, word_cap;
    uint32_t    most;              /* elements at most */
    crdt_view   live, dead, voids; /* voids: pairs of varints */
    uint32_t    void_count;        /* elements */
    bool        ascii;             /* live and dead are */
} crdt__snap;

/* Dead; the first of its span, and that not glued; forgotten. */
enum { CRDT__SNAP_DEAD, CRDT__SNAP_START, CRDT__SNAP_VOID, CRDT__SNAP_KINDS };

static inline uint64_t *crdt__snap_word(const crdt__snap *snap, int kind, uint32_t cid)
{
    return &snap->bits[(size_t)(cid / 64) * CRDT__SNAP_KINDS + (unsigned)kind];
}

static inline bool crdt__snap_bit(const crdt__snap *snap, int kind, uint32_t cid)
{
    return *crdt__snap_word(snap, kind, cid) >> cid % 64 & 1;
}

static inline void crdt__snap_set(crdt__snap *snap, int kind, uint32_t cid, uint32_t len)
{
    for (uint32_t n; len > 0; cid += n, len -= n) {
        n = 64 - cid % 64 < len ? 64 - cid % 64 : len;
        *crdt__snap_word(snap, kind, cid) |= UINT64_MAX >> (64 - n) << cid % 64;
    }
}

/* The unit of an element. O(log units). */
static inline uint32_t crdt__snap_unit(const crdt__snap *snap, uint32_t cid)
{
    uint32_t at = 0;
    for (uint32_t n = snap->unit_count; n > 1;) {
        uint32_t half = n / 2;
        at = snap->units[at + half].cid <= cid ? at + half : at;
        n -= half;
    }
    return at;
}

/* Errors: ENOMEM. */
crdt_err crdt__snap_build(crdt__snap *snap);

#endif
