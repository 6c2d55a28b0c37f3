/* seq/seq_family.c: where very many insertions have the same left origin. See seq.h.
 *
 * Elements of one left origin L are a family. Side by side they are found by looking along the
 * order; a family that takes more than a few steps is written into a map, from then on kept up, so
 * that a million concurrent insertions at one place do not take a million steps each.
 *
 * FugueMax: members of L with the same right parent R stand in order of their ids, each with what
 * was inserted right of it behind it and the members whose right parent it is before it. So a new
 * one stands where the next greater id's members begin, or where the one before ends; both are
 * looked for at once, and the shorter way ends the search: what either costs was paid for by as
 * many insertions, and the new member parts them for ever. Classic: members go by time, latest
 * first. The map is a cache: when memory for it is refused, or changes are undone, it is dropped.
 */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"

/* A member, in order of left origin, then of what a key tells. That a family is there at all is
 * told by one with no element: where new ones seldom come, before all others, or (classic) behind
 * them. */
typedef struct member {
    uint64_t head; /* what mostly decides: see key_of */
    uint32_t left, cid;
} member;

typedef struct block {
    uint32_t count, cap;
    member   members[];
} block;

struct crdt__families {
    block  **blocks;
    uint32_t count, cap;
    size_t   bytes; /* of the blocks and their table */
};

/* How a block grows, and how far. */
#define STEP 8u
#define BLOCK_MAX 64u

/* A member's place in the order. Members of the same left origin and head go by rank, that is by
 * id: they are of one time (classic), or of one right parent. */
typedef struct key {
    member     it;
    crdt__rank rank;
} key;

static key key_of(const crdt__seq *seq, uint32_t left, uint32_t right, crdt__rank rank,
                  uint32_t cid)
{
    uint64_t head = ~rank.lamport; /* the latest first */
    if (!seq->classic) head = (uint64_t)right << 32 | rank.replica >> 32;
    return (key){{head, left, cid}, rank};
}

static key marker_of(const crdt__seq *seq, uint32_t left)
{
    return (key){{seq->classic ? UINT64_MAX : 0, left, CRDT__NO_CID}, {0, 0, 0, 0}};
}

static size_t block_size(uint32_t cap)
{
    return sizeof(block) + cap * sizeof(member);
}

static size_t table_size(uint32_t cap)
{
    return cap * sizeof(block *);
}

void crdt__families_drop(crdt__seq *seq)
{
    const crdt_mem        *mem = seq->space->mem;
    struct crdt__families *f = seq->families;
    if (f == NULL) return;
    for (uint32_t i = 0; i < f->count; i++) {
        crdt__release(mem, f->blocks[i], block_size(f->blocks[i]->cap));
    }
    crdt__release(mem, f->blocks, table_size(f->cap));
    crdt__release(mem, f, sizeof *f);
    seq->families = NULL;
}

size_t crdt__families_bytes(const crdt__seq *seq)
{
    return seq->families == NULL ? 0 : sizeof *seq->families + seq->families->bytes;
}

/* -- The map ----------------------------------------------------------------------------------- */

/* Members whose heads are equal; their times are, too, if there are any. */
CRDT__APART static int compare_ranks(const crdt__seq *seq, const key *k, uint32_t cid)
{
    if (k->it.cid == CRDT__NO_CID || cid == CRDT__NO_CID) {
        int order = (k->it.cid == CRDT__NO_CID) - (cid == CRDT__NO_CID);
        return seq->classic ? order : -order;
    }
    const crdt__top *top = crdt__top_of(seq, cid);
    crdt__elem       elem = top != NULL ? top->of : crdt__seq_elem(seq, cid);
    crdt__rank       rank = {k->rank.lamport, elem.replica, elem.ctr, top != NULL ? top->nth : 0};
    int              order = crdt__rank_compare(&k->rank, &rank);
    return seq->classic ? -order : order;
}

static inline int compare(const crdt__seq *seq, const key *k, const member *m)
{
    if (k->it.left != m->left) return k->it.left < m->left ? -1 : 1;
    if (k->it.head != m->head) return k->it.head < m->head ? -1 : 1;
    return compare_ranks(seq, k, m->cid);
}

/* Before the index-th member of a block; behind the last: the next one is the next block's. */
typedef struct spot {
    uint32_t block, index;
} spot;

/* Before the first member that is not less than the key; in the block of the one before, if there
 * is one. */
static spot spot_of(const crdt__seq *seq, const key *k)
{
    const struct crdt__families *f = seq->families;
    uint32_t                     at = 0, index = 0;
    if (f->count == 0) return (spot){0, 0};
    for (uint32_t n = f->count; n > 1;) {
        uint32_t half = n / 2;
        at = compare(seq, k, &f->blocks[at + half]->members[0]) > 0 ? at + half : at;
        n -= half;
    }
    const block *b = f->blocks[at];
    for (uint32_t n = b->count; n > 0;) {
        uint32_t half = n / 2;
        bool     behind = compare(seq, k, &b->members[index + half]) > 0;
        index = behind ? index + half + 1 : index;
        n = behind ? n - half - 1 : half;
    }
    return (spot){at, index};
}

/* NULL: there is none. */
static const member *member_at(const crdt__seq *seq, spot at)
{
    const struct crdt__families *f = seq->families;
    if (at.block < f->count && at.index == f->blocks[at.block]->count) at = (spot){at.block + 1, 0};
    return at.block < f->count ? &f->blocks[at.block]->members[at.index] : NULL;
}

/* An empty block there. False: refused. */
static bool put_block(crdt__seq *seq, uint32_t at, uint32_t cap)
{
    const crdt_mem        *mem = seq->space->mem;
    struct crdt__families *f = seq->families;
    if (f->count == f->cap) {
        uint32_t more = (uint32_t)crdt__grow(f->cap, f->count + 1);
        block  **blocks = crdt__resize(mem, f->blocks, table_size(f->cap), table_size(more));
        if (blocks == NULL) return false;
        f->bytes += table_size(more - f->cap);
        f->blocks = blocks;
        f->cap = more;
    }
    block *b = crdt__alloc(mem, block_size(cap));
    if (b == NULL) return false;
    *b = (block){0, cap};
    f->bytes += block_size(cap);
    memmove(&f->blocks[at + 1], &f->blocks[at], table_size(f->count - at));
    f->blocks[at] = b;
    f->count++;
    return true;
}

static bool resize_block(crdt__seq *seq, uint32_t at, uint32_t cap)
{
    struct crdt__families *f = seq->families;
    size_t                 was = block_size(f->blocks[at]->cap), is = block_size(cap);
    block                 *b = crdt__resize(seq->space->mem, f->blocks[at], was, is);
    if (b == NULL) return false;
    f->bytes += is - was;
    b->cap = cap;
    f->blocks[at] = b;
    return true;
}

/* Room for one more member there, for which a full block is split: but what is appended to it, or
 * put before all, leaves it full. False: refused. */
static bool make_room(crdt__seq *seq, spot *at)
{
    const struct crdt__families *f = seq->families;
    if (f->count == 0) return put_block(seq, 0, STEP);
    block *b = f->blocks[at->block];
    if (b->count < b->cap) return true;
    if (b->cap < BLOCK_MAX) return resize_block(seq, at->block, b->cap + STEP);
    bool first = at->index == 0, last = at->index == b->count;
    if (first) return put_block(seq, at->block, STEP);
    if (!put_block(seq, at->block + 1, last ? STEP : BLOCK_MAX / 2 + STEP)) return false;
    block *right = f->blocks[at->block + 1];
    if (!last) {
        right->count = BLOCK_MAX / 2;
        b->count -= right->count;
        memcpy(right->members, &b->members[b->count], right->count * sizeof(member));
        (void)resize_block(seq, at->block, b->count + STEP); /* refused: it keeps its slack */
    }
    uint32_t left = f->blocks[at->block]->count;
    if (last || at->index > left) *at = (spot){at->block + 1, at->index - left};
    return true;
}

static bool add(crdt__seq *seq, const key *k)
{
    spot at = spot_of(seq, k);
    if (!make_room(seq, &at)) return false;
    block  *b = seq->families->blocks[at.block];
    member *m = &b->members[at.index];
    memmove(m + 1, m, (b->count - at.index) * sizeof *m);
    *m = k->it;
    b->count++;
    return true;
}

bool crdt__family_has(const crdt__seq *seq, uint32_t left)
{
    if (seq->families == NULL) return false;
    key           k = marker_of(seq, left);
    const member *m = member_at(seq, spot_of(seq, &k));
    return m != NULL && m->left == left && m->cid == CRDT__NO_CID;
}

/* -- Making one -------------------------------------------------------------------------------- */

static bool add_element(crdt__seq *seq, uint32_t left, uint32_t right, uint32_t cid)
{
    key k = key_of(seq, left, right, crdt__rank_of(seq, cid), cid);
    return add(seq, &k);
}

static bool fill(crdt__seq *seq, uint32_t left)
{
    crdt__place at = crdt__seq_right_of_element(seq, left);
    while (crdt__order_settle(&at)) {
        uint32_t right, other = crdt__order_cid(at);
        uint32_t other_left = crdt__seq_origins_at(seq, at, &right);
        if (other_left == left) {
            if (!add_element(seq, left, right, other)) return false;
        } else if (crdt__seq_compare_origins(seq, other_left, left, -1) < 0) {
            break;
        }
        at.offset = at.leaf->spans[at.index].len;
    }
    return true;
}

void crdt__family_make(crdt__seq *seq, uint32_t left)
{
    key k = marker_of(seq, left);
    if (seq->families == NULL) {
        seq->families = crdt__alloc(seq->space->mem, sizeof *seq->families);
        if (seq->families == NULL) return;
        memset(seq->families, 0, sizeof *seq->families);
    }
    if (!add(seq, &k) || !fill(seq, left)) crdt__families_drop(seq);
}

void crdt__family_note(crdt__seq *seq, const crdt__ins *row)
{
    if (!crdt__family_has(seq, row->left)) return;
    uint32_t right = crdt__seq_right_of(seq, row);
    if (!add_element(seq, row->left, right, row->cid)) crdt__families_drop(seq);
}

/* -- Placing ----------------------------------------------------------------------------------- */

/* Is it of the same left origin and right parent? */
static bool is_alike(const crdt__seq *seq, const member *m, const member *other)
{
    if (m->cid == CRDT__NO_CID || m->left != other->left) return false;
    return seq->classic || m->head >> 32 == other->head >> 32;
}

/* The first member there, or the last one before, if they are alike. */
static const member *member_from(const crdt__seq *seq, const key *k, spot at)
{
    const member *m = member_at(seq, at);
    return m != NULL && is_alike(seq, m, &k->it) ? m : NULL;
}

static const member *member_before(const crdt__seq *seq, const key *k, spot at)
{
    if (at.index == 0) return NULL;
    const member *m = &seq->families->blocks[at.block]->members[at.index - 1];
    return is_alike(seq, m, &k->it) ? m : NULL;
}

static const member *first_of(const crdt__seq *seq, uint32_t left, uint32_t right)
{
    key k = key_of(seq, left, right, (crdt__rank){0, 0, 0, 0}, 0);
    return member_from(seq, &k, spot_of(seq, &k));
}

/* One step along what was inserted right of `root`; true: `at` is behind it. */
static bool step_behind(const crdt__seq *seq, uint32_t root, crdt__place *at)
{
    crdt__place next = *at;
    uint32_t    right;
    if (!crdt__order_settle(&next)) return true;
    uint32_t left = crdt__seq_origins_at(seq, next, &right);
    if (crdt__seq_compare_origins(seq, left, root, -1) < 0) return true;
    *at = next;
    at->offset = at->leaf->spans[at->index].len;
    return false;
}

crdt__place crdt__family_place(crdt__seq *seq, uint32_t author, const crdt__ins *row)
{
    crdt__rank    rank = crdt__rank_of_row(seq, author, row);
    key           k = key_of(seq, row->left, row->right, rank, row->cid);
    spot          here = spot_of(seq, &k);
    const member *next = member_from(seq, &k, here), *before = member_before(seq, &k, here);
    if (next == NULL && !seq->classic && row->right != CRDT__NO_CID) {
        return crdt__order_of(&seq->order, row->right);
    }
    if (before == NULL && (seq->classic || row->right == CRDT__NO_CID)) {
        return crdt__seq_right_of_element(seq, row->left);
    }
    crdt__place at = {NULL, 0, 0};
    if (before != NULL) at = crdt__seq_right_of_element(seq, before->cid);
    for (;;) {
        if (before != NULL && step_behind(seq, before->cid, &at)) return at;
        if (next == NULL) continue;
        const member *first = seq->classic ? NULL : first_of(seq, row->left, next->cid);
        if (first == NULL) return crdt__order_of(&seq->order, next->cid);
        next = first;
    }
}
