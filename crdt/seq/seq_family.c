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

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"

#define KEY_BYTES 32

/* A node of the map. That a family is there at all is told by one with no element. */
typedef struct member {
    crdt__okey key;
    uint8_t    id[KEY_BYTES]; /* left, right, time, replica, counter, nth: big-endian */
    uint32_t   cid;
} member;

struct crdt__families {
    crdt__omap map;
};

static void key_of(const crdt__seq *seq, uint32_t left, uint32_t right, crdt__rank rank,
                   uint8_t id[KEY_BYTES])
{
    uint64_t turn = seq->classic ? UINT64_MAX : 0; /* the latest first */
    uint8_t *at = crdt__store_be(crdt__store_be(id, left, 4), seq->classic ? 0 : right, 4);
    at = crdt__store_be(at, rank.lamport ^ turn, 8);
    at = crdt__store_be(crdt__store_be(at, rank.replica ^ turn, 8), rank.ctr ^ turn, 4);
    crdt__store_be(at, rank.nth, 4);
}

static void marker_of(uint32_t left, uint8_t id[KEY_BYTES])
{
    memset(crdt__store_be(id, left, 4), 0xff, KEY_BYTES - 4);
}

void crdt__families_drop(crdt__seq *seq)
{
    struct crdt__families *f = seq->families;
    if (f == NULL) return;
    crdt__omap_iter it = crdt__omap_first(&f->map);
    for (member *m; (m = crdt__omap_next(&it)) != NULL;) {
        crdt__release(seq->space->mem, m, sizeof *m);
    }
    crdt__omap_clear(&f->map);
    crdt__release(seq->space->mem, f, sizeof *f);
    seq->families = NULL;
}

static bool add(crdt__seq *seq, const uint8_t id[KEY_BYTES], uint32_t cid)
{
    member *m = crdt__alloc(seq->space->mem, sizeof *m);
    if (m == NULL) return false;
    memset(m, 0, sizeof *m);
    memcpy(m->id, id, KEY_BYTES);
    m->key.bytes = crdt_view_of(m->id, KEY_BYTES);
    m->cid = cid;
    if (crdt__omap_put(&seq->families->map, m) == CRDT_OK) return true;
    crdt__release(seq->space->mem, m, sizeof *m);
    return false;
}

bool crdt__family_has(const crdt__seq *seq, uint32_t left)
{
    uint8_t id[KEY_BYTES];
    if (seq->families == NULL) return false;
    marker_of(left, id);
    return crdt__omap_get(&seq->families->map, crdt_view_of(id, KEY_BYTES), 0) != NULL;
}

/* -- Making one -------------------------------------------------------------------------------- */

static bool add_element(crdt__seq *seq, uint32_t left, uint32_t right, uint32_t cid)
{
    uint8_t id[KEY_BYTES];
    key_of(seq, left, right, crdt__rank_of(seq, cid), id);
    return add(seq, id, cid);
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
    uint8_t id[KEY_BYTES];
    if (seq->families == NULL) {
        seq->families = crdt__alloc(seq->space->mem, sizeof *seq->families);
        if (seq->families == NULL) return;
        crdt__omap_init(&seq->families->map, seq->space->mem);
    }
    marker_of(left, id);
    if (!add(seq, id, CRDT__NO_CID) || !fill(seq, left)) crdt__families_drop(seq);
}

void crdt__family_note(crdt__seq *seq, const crdt__ins *row)
{
    if (!crdt__family_has(seq, row->left)) return;
    uint32_t right = crdt__seq_right_of(seq, row);
    if (!add_element(seq, row->left, right, row->cid)) crdt__families_drop(seq);
}

/* -- Placing ----------------------------------------------------------------------------------- */

/* The first member at or after the key, if it is of the same left origin and right parent. */
static const member *member_from(const crdt__seq *seq, const uint8_t id[KEY_BYTES])
{
    crdt__omap_iter it = crdt__omap_seek(&seq->families->map, crdt_view_of(id, KEY_BYTES), 0);
    const member   *m = crdt__omap_next(&it);
    return m != NULL && m->cid != CRDT__NO_CID && memcmp(m->id, id, 8) == 0 ? m : NULL;
}

static const member *first_of(const crdt__seq *seq, uint32_t left, uint32_t right)
{
    uint8_t id[KEY_BYTES];
    memset(crdt__store_be(crdt__store_be(id, left, 4), right, 4), 0, KEY_BYTES - 8);
    return member_from(seq, id);
}

/* The last member before the key of the same left origin and right parent. */
static const member *member_before(const crdt__seq *seq, const uint8_t id[KEY_BYTES])
{
    const member *m = crdt__omap_before(&seq->families->map, crdt_view_of(id, KEY_BYTES), 0);
    return m != NULL && m->cid != CRDT__NO_CID && memcmp(m->id, id, 8) == 0 ? m : NULL;
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
    uint8_t id[KEY_BYTES];
    key_of(seq, row->left, row->right, crdt__rank_of_row(seq, author, row), id);
    const member *next = member_from(seq, id), *before = member_before(seq, id);
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
