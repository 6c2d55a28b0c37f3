/* seq/seq_snap.h: a whole sequence as bytes: its text first, in document order; and back, without
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
 * can place an element where it does not belong. (Lists whose elements were moved are not told so:
 * what shows there follows from the moves, too, which are part of the texts.)
 */
#ifndef CRDT_SEQ_SEQ_SNAP_H
#define CRDT_SEQ_SEQ_SNAP_H
#include "crdt/seq/seq.h"

#define CRDT__SNAP_LEAST 256u
#define CRDT__SNAP_NEAR (UINT64_C(1) << 31)
/* Is this the form of the sequence's bytes in a state? If enough of it shows for its authors and
 * sets, nothing waits, nothing forgotten shows, and not nearly all of it is dead. */
bool crdt__snap_fits(const crdt__seq *seq);
/* Few elements for so many authors and sets: as a whole it would take more memory than it may. */
bool crdt__snap_crowded(uint64_t replicas, uint64_t sets, uint64_t live);
void crdt__snap_put_live(const crdt__seq *seq, crdt_buf *out);
void crdt__snap_put_dead(const crdt__seq *seq, crdt_buf *out);
/* What shows, in the bytes of a sequence, and nothing else. False: they are not of a whole one; or
 * they end too early, or it is no UTF-8, which the decoder is told. */
bool crdt__snap_live(crdt__atom_kind kind, crdt_dec *dec, crdt_view *ret_live);
/* From the size of what is live on; into bottom. What went wrong is told to the decoder. Errors:
 * ENOMEM, EMALFORMED. Linear in the input, but for the order of elements at one side of one. */
crdt_err crdt__snap_read(crdt__seq *seq, crdt_dec *dec, size_t replicas);

/* -- seq_build.c: the order and the atoms from what was read */
/* A stretch of elements, each but the first right behind the one before it; in order of cids. What
 * it is told by makes room for what becomes of it: see seq_build.c. */
typedef struct crdt__unit {
    union {
        uint32_t left; /* its first element's left origin, or NO_CID */
        uint32_t cid, end, dead;
    };
    union {
        uint32_t key; /* crdt__unit_key of its first element's parent */
        uint32_t next, live;
    };
} crdt__unit;

/* A right parent sorts before, a left origin behind it. */
static inline uint32_t crdt__unit_key(uint32_t left, uint32_t right)
{
    return right != CRDT__NO_CID ? 2 * right + 2 : 2 * (left + 1) + 1; /* NO_CID + 1 is 0 */
}

/* Bits of 64 elements: dead; the first of its unit; forgotten. */
enum { CRDT__SNAP_DEAD, CRDT__SNAP_START, CRDT__SNAP_VOID, CRDT__SNAP_KINDS };
typedef struct crdt__snap_word {
    uint64_t bits[CRDT__SNAP_KINDS];
} crdt__snap_word;

typedef struct crdt__snap {
    crdt__seq  *seq;
    crdt__unit *units;
    /* In classic order the time of a unit's first element less its cid; while all fit, plus
     * SNAP_NEAR in near, and lamports is NULL. */
    uint32_t        *near;
    uint64_t        *lamports;
    crdt__snap_word *words;
    uint32_t        *ranks; /* units that begin before the word */
    uint32_t         unit_count, unit_cap, word_cap, rank_cap, ranked;
    uint32_t         most;              /* elements at most */
    crdt_view        live, dead, voids; /* voids: pairs of varints */
    uint32_t         void_count;        /* elements */
    bool             ascii;             /* live and dead are */
} crdt__snap;

static inline bool crdt__snap_bit(const crdt__snap *snap, int kind, uint32_t cid)
{
    return snap->words[cid / 64].bits[kind] >> cid % 64 & 1;
}

static inline void crdt__snap_set(crdt__snap *snap, int kind, uint32_t cid, uint32_t len)
{
    for (uint32_t n; len > 0; cid += n, len -= n) {
        n = 64 - cid % 64 < len ? 64 - cid % 64 : len;
        snap->words[cid / 64].bits[kind] |= UINT64_MAX >> (64 - n) << cid % 64;
    }
}

static inline uint32_t crdt__bits_in(uint64_t word) /* without an instruction for it: a call */
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    return (uint32_t)(((word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f)) *
                          UINT64_C(0x0101010101010101) >>
                      56);
}

/* The unit of an element. */
static inline uint32_t crdt__snap_unit(const crdt__snap *snap, uint32_t cid)
{
    uint64_t starts = snap->words[cid / 64].bits[CRDT__SNAP_START] & UINT64_MAX >> (63 - cid % 64);
    return snap->ranks[cid / 64] + crdt__bits_in(starts) - 1;
}

/* The Lamport time of an element, in classic order. */
static inline uint64_t crdt__snap_lamport(const crdt__snap *snap, uint32_t cid)
{
    uint32_t unit = crdt__snap_unit(snap, cid);
    uint64_t less =
        snap->lamports != NULL ? snap->lamports[unit] : snap->near[unit] - CRDT__SNAP_NEAR;
    uint64_t lamport = less + cid;
    return lamport < CRDT__LAMPORT_END ? lamport : CRDT__LAMPORT_END;
}

/* Errors: ENOMEM. */
crdt_err crdt__snap_build(crdt__snap *snap);
/* Times are not needed any more. */
void crdt__snap_untime(crdt__snap *snap);

#endif
