/* core/sibs.c: see sibs.h.
 *
 * Memory   the state is 32 bytes and so is a sibling: a lone one lies in the state, its replica id
 *          (never 0) telling so; several lie in a list. prepare grows the list and allocates the
 *          blobs of what will be born, both invisible; commit copies, frees and settles, and cannot
 *          fail. A prepare without its commit leaves a stash that the next call drops. A join that
 *          takes needs no stash: blobs move.
 * Invariants  dots strictly ascending; a settled list has at least two siblings; top is the index
 *          of the greatest; what the shape leaves out is zero.
 */
#include "crdt/core/sibs.h"

#include <string.h>

#include "crdt/core/mem.h"

_Static_assert(sizeof(crdt__sib) == 32, "a sibling fits a state");
_Static_assert(sizeof(crdt__sibs) == 32, "a lone sibling costs no allocation");
_Static_assert(CRDT_SEQ_MAX < UINT64_C(1) << 63, "a seq fits its field");
_Static_assert(CRDT_STAMP_MAX < UINT64_C(1) << 63, "a stamp fits its field");

/* -- One sibling ------------------------------------------------------------------------------- */

typedef enum sib_form { FORM_INT, FORM_BLOB, FORM_SMALL, FORM_TOMB } sib_form;

static sib_form form_of(const crdt__sib *sib)
{
    return (sib_form)(sib->form_hi << 1 | sib->form_lo);
}

static void set_form(crdt__sib *sib, sib_form form)
{
    sib->form_lo = form & 1;
    sib->form_hi = form >> 1 & 1;
}

crdt_value crdt__sib_value(const crdt__sib *sib)
{
    switch (form_of(sib)) {
    case FORM_BLOB: return crdt_bytes(sib->u.blob->bytes, sib->u.blob->size);
    case FORM_SMALL: return crdt_bytes(sib->u.small, sib->u.small[7]);
    default: return crdt_int(sib->u.i); /* 0 in a tombstone */
    }
}

int crdt__sib_compare_stamps(const crdt__sib *a, const crdt__sib *b)
{
    if (a->stamp != b->stamp) return a->stamp < b->stamp ? -1 : 1;
    return crdt__sib_compare_dots(a, b);
}

static bool same_content(const crdt__sib *a, const crdt__sib *b)
{
    return a->stamp == b->stamp && crdt__sib_is_tomb(a) == crdt__sib_is_tomb(b) &&
           crdt_value_compare(crdt__sib_value(a), crdt__sib_value(b)) == 0;
}

crdt_err crdt__sib_init(const crdt_space *space, crdt__sib *sib, const crdt_value *value)
{
    memset(sib, 0, sizeof *sib);
    if (value == NULL) {
        set_form(sib, FORM_TOMB);
    } else if (value->kind == CRDT_INT) {
        sib->u.i = value->i;
    } else if (value->bytes.size <= CRDT__SIB_SMALL_MAX) {
        set_form(sib, FORM_SMALL);
        if (value->bytes.size > 0) memcpy(sib->u.small, value->bytes.data, value->bytes.size);
        sib->u.small[7] = (uint8_t)value->bytes.size;
    } else {
        CRDT_ASSERT(value->bytes.size <= CRDT_VALUE_BYTES_MAX);
        set_form(sib, FORM_BLOB);
        sib->u.blob = crdt__alloc(space->mem, crdt__blob_bytes(value->bytes.size));
        if (sib->u.blob == NULL) return CRDT_ENOMEM;
        sib->u.blob->size = (uint32_t)value->bytes.size;
        memcpy(sib->u.blob->bytes, value->bytes.data, value->bytes.size);
    }
    return CRDT_OK;
}

void crdt__sib_clear(const crdt_space *space, crdt__sib *sib)
{
    if (form_of(sib) == FORM_BLOB) {
        crdt__release(space->mem, sib->u.blob, crdt__blob_bytes(sib->u.blob->size));
    }
    memset(sib, 0, sizeof *sib);
}

static crdt_err copy_sib(const crdt_space *space, crdt__sib *sib, const crdt__sib *from)
{
    crdt_value value = crdt__sib_value(from);
    crdt_err   err = crdt__sib_init(space, sib, crdt__sib_is_tomb(from) ? NULL : &value);
    if (err == CRDT_OK) crdt__sib_set_dot(sib, crdt__sib_dot(from), from->stamp);
    return err;
}

/* -- Where siblings lie ------------------------------------------------------------------------ */

static bool is_lone(const crdt__sibs *sibs)
{
    return sibs->one.replica != 0;
}

static crdt__sib_list *list_of(const crdt__sibs *sibs)
{
    return is_lone(sibs) ? NULL : sibs->many.list;
}

size_t crdt__sibs_count(const crdt__sibs *sibs)
{
    const crdt__sib_list *list = list_of(sibs);
    return list ? list->count : is_lone(sibs);
}

static size_t capacity(const crdt__sibs *sibs)
{
    const crdt__sib_list *list = list_of(sibs);
    return list ? list->cap : 1;
}

static const crdt__sib *first_of(const crdt__sibs *sibs)
{
    const crdt__sib_list *list = list_of(sibs);
    return list ? list->at : &sibs->one;
}

static crdt__sib *slots_of(crdt__sibs *sibs)
{
    crdt__sib_list *list = list_of(sibs);
    return list ? list->at : &sibs->one;
}

static void set_count(crdt__sibs *sibs, size_t count)
{
    crdt__sib_list *list = list_of(sibs);
    if (list) list->count = (uint32_t)count;
    else if (count == 0) memset(sibs, 0, sizeof *sibs);
}

static size_t list_bytes(size_t cap)
{
    return offsetof(crdt__sib_list, at) + cap * sizeof(crdt__sib);
}

const crdt__sib *crdt__sibs_at(const crdt__sibs *sibs, size_t i)
{
    CRDT_ASSERT(i < crdt__sibs_count(sibs));
    return first_of(sibs) + i;
}

const crdt__sib *crdt__sibs_top(const crdt__sibs *sibs)
{
    const crdt__sib_list *list = list_of(sibs);
    if (crdt__sibs_count(sibs) == 0) return NULL;
    return list ? &list->at[list->top] : &sibs->one;
}

/* Index of the first sibling whose dot is not below dot. */
static size_t lower_bound(const crdt__sibs *sibs, crdt_dot dot)
{
    const crdt__sib *at = first_of(sibs);
    size_t           lo = 0, hi = crdt__sibs_count(sibs);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (crdt_dot_compare(crdt__sib_dot(&at[mid]), dot) < 0) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

const crdt__sib *crdt__sibs_find(const crdt__sibs *sibs, crdt_dot dot)
{
    size_t i = lower_bound(sibs, dot);
    if (i == crdt__sibs_count(sibs)) return NULL;
    return crdt_dot_equal(crdt__sib_dot(first_of(sibs) + i), dot) ? first_of(sibs) + i : NULL;
}

/* Make the list hold `cap` siblings, moving a lone one into it. */
static crdt_err resize_list(const crdt_space *space, crdt__sibs *sibs, size_t cap)
{
    crdt__sib_list *old = list_of(sibs), *list;
    if (cap > UINT32_MAX) return CRDT_ENOMEM;
    list = crdt__resize(space->mem, old, old ? list_bytes(old->cap) : 0, list_bytes(cap));
    if (list == NULL) return CRDT_ENOMEM;
    list->cap = (uint32_t)cap;
    if (old == NULL) {
        list->count = is_lone(sibs);
        list->top = 0;
        list->at[0] = sibs->one;
        if (is_lone(sibs)) memset(sibs, 0, sizeof *sibs);
    }
    sibs->many.list = list;
    return CRDT_OK;
}

crdt_err crdt__sibs_reserve(const crdt_space *space, crdt__sibs *sibs, size_t total)
{
    const crdt__sib_list *list = list_of(sibs);
    size_t                ample = list ? (size_t)list->cap + list->cap / 2 : 0;
    if (total <= capacity(sibs)) return CRDT_OK;
    return resize_list(space, sibs, total > ample ? total : ample);
}

static void drop_stash(const crdt_space *space, crdt__sibs *sibs)
{
    crdt__blob *blob = is_lone(sibs) ? NULL : sibs->many.stash;
    while (blob != NULL) {
        crdt__blob *next;
        memcpy(&next, blob->bytes, sizeof next);
        crdt__release(space->mem, blob, crdt__blob_bytes(blob->size));
        blob = next;
    }
    if (!is_lone(sibs)) sibs->many.stash = NULL;
}

static uint32_t greatest(const crdt__shape *shape, const crdt__sib_list *list)
{
    uint32_t top = 0;
    for (uint32_t i = 1; shape->compare != NULL && i < list->count; i++) {
        if (shape->compare(&list->at[i], &list->at[top]) > 0) top = i;
    }
    return top;
}

void crdt__sibs_settle(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs)
{
    crdt__sib_list *list = list_of(sibs);
    if (list == NULL) return;
    CRDT_ASSERT(sibs->many.stash == NULL);
    if (list->count <= 1) {
        crdt__sib last = list->at[0];
        if (list->count == 0) memset(&last, 0, sizeof last);
        crdt__release(space->mem, list, list_bytes(list->cap));
        sibs->one = last;
        return;
    }
    list->top = greatest(shape, list);
    /* A refusal to shrink leaves the larger block. */
    if (list->cap / 4 > list->count) (void)resize_list(space, sibs, list->count);
}

size_t crdt__sibs_sweep(const crdt_space *space, crdt__sibs *sibs, crdt__sib_test dies,
                        const void *with)
{
    crdt__sib *at = slots_of(sibs);
    size_t     count = crdt__sibs_count(sibs), gone = 0, kept = 0;
    for (size_t i = 0; i < count; i++) { /* nothing moves while dies() may look at the others */
        if (!dies(with, &at[i])) continue;
        crdt__sib_clear(space, &at[i]);
        gone++;
    }
    if (gone == 0) return 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i].replica != 0) at[kept++] = at[i];
    }
    set_count(sibs, kept);
    return gone;
}

void crdt__sibs_add(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs,
                    const crdt__sib *sib)
{
    size_t count = crdt__sibs_count(sibs), i = lower_bound(sibs, crdt__sib_dot(sib));
    CRDT_ASSERT(count < capacity(sibs));
    CRDT_ASSERT(sib->replica != 0);
    drop_stash(space, sibs);
    crdt__sib *at = slots_of(sibs);
    memmove(&at[i + 1], &at[i], (count - i) * sizeof *at);
    at[i] = *sib;
    set_count(sibs, count + 1);
    crdt__sib_list *list = list_of(sibs);
    if (list == NULL || shape->compare == NULL) return;
    if (count > 0 && list->top >= i) list->top++;
    if (count == 0 || shape->compare(&at[i], &at[list->top]) > 0) list->top = (uint32_t)i;
}

crdt_err crdt__sibs_insert(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs,
                           crdt_dot dot, uint64_t stamp, crdt_value value)
{
    crdt__sib sib;
    crdt_err  err = crdt__sibs_reserve(space, sibs, crdt__sibs_count(sibs) + 1);
    if (err == CRDT_OK) err = crdt__sib_init(space, &sib, &value);
    if (err != CRDT_OK) return err;
    crdt__sib_set_dot(&sib, dot, stamp);
    crdt__sibs_add(shape, space, sibs, &sib);
    return CRDT_OK;
}

bool crdt__sibs_drop(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs,
                     crdt__sib_test dies, const void *with)
{
    size_t gone;
    drop_stash(space, sibs);
    gone = crdt__sibs_sweep(space, sibs, dies, with);
    crdt__sibs_settle(shape, space, sibs);
    return gone > 0;
}

static bool has_dot(const void *dot, const crdt__sib *sib)
{
    return crdt_dot_equal(*(const crdt_dot *)dot, crdt__sib_dot(sib));
}

bool crdt__sibs_kill(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs,
                     crdt_dot dot)
{
    if (crdt__sibs_find(sibs, dot) == NULL) return false;
    return crdt__sibs_drop(shape, space, sibs, has_dot, &dot);
}

void crdt__sibs_init(const crdt_space *space, void *sibs)
{
    (void)space;
    memset(sibs, 0, sizeof(crdt__sibs));
}

void crdt__sibs_clear(const crdt_space *space, void *state)
{
    crdt__sibs     *sibs = state;
    crdt__sib      *at = slots_of(sibs);
    crdt__sib_list *list = list_of(sibs);
    size_t          count = crdt__sibs_count(sibs);
    drop_stash(space, sibs);
    for (size_t i = 0; i < count; i++) crdt__sib_clear(space, &at[i]);
    if (list) crdt__release(space->mem, list, list_bytes(list->cap));
    memset(sibs, 0, sizeof *sibs);
}

bool crdt__sibs_empty(const void *sibs)
{
    return crdt__sibs_count(sibs) == 0;
}

/* -- Join -------------------------------------------------------------------------------------- */

/* What the join does with a sibling. */
typedef enum fate { FATE_END, FATE_BOTH, FATE_STAYS, FATE_DIES, FATE_BORN, FATE_REMOVED } fate;

/* Walks both sides in dot order. */
typedef struct join_walk {
    const crdt_join *join;
    const crdt__sib *a, *a_end, *b, *b_end;
    const crdt__sib *mine, *theirs; /* of the last step; NULL on the side that has none */
} join_walk;

static join_walk walk_both(const crdt_join *join, const crdt__sibs *sibs, const crdt__sibs *other)
{
    join_walk walk = {join, first_of(sibs), NULL, first_of(other), NULL, NULL, NULL};
    walk.a_end = walk.a + crdt__sibs_count(sibs);
    walk.b_end = walk.b + crdt__sibs_count(other);
    return walk;
}

static fate next_fate(join_walk *walk)
{
    int order;
    if (walk->a == walk->a_end && walk->b == walk->b_end) return FATE_END;
    if (walk->a == walk->a_end) order = 1;
    else if (walk->b == walk->b_end) order = -1;
    else order = crdt__sib_compare_dots(walk->a, walk->b);
    walk->mine = order <= 0 ? walk->a++ : NULL;
    walk->theirs = order >= 0 ? walk->b++ : NULL;
    if (order == 0) return FATE_BOTH;
    if (order < 0) {
        return crdt_cover_has(&walk->join->theirs, crdt__sib_dot(walk->mine)) ? FATE_DIES
                                                                              : FATE_STAYS;
    }
    return crdt_cover_has(&walk->join->mine, crdt__sib_dot(walk->theirs)) ? FATE_REMOVED
                                                                          : FATE_BORN;
}

/* Room for what will be born: an empty blob of the right size for each, the last one first. */
static crdt_err stash_blobs(const crdt_join *join, crdt__sibs *sibs, const crdt__sibs *other)
{
    join_walk walk = walk_both(join, sibs, other);
    for (fate f = next_fate(&walk); f != FATE_END; f = next_fate(&walk)) {
        crdt__blob *blob;
        uint32_t    size;
        if (f != FATE_BORN || form_of(walk.theirs) != FORM_BLOB) continue;
        size = walk.theirs->u.blob->size;
        blob = crdt__alloc(join->space->mem, crdt__blob_bytes(size));
        if (blob == NULL) {
            drop_stash(join->space, sibs);
            return CRDT_ENOMEM;
        }
        blob->size = size;
        memcpy(blob->bytes, &sibs->many.stash, sizeof sibs->many.stash);
        sibs->many.stash = blob;
    }
    return CRDT_OK;
}

/* One sibling on each side, as of nearly all registers, and what comes of them fits the state as it
 * is: neither list nor blob is made. */
typedef enum duel { DUEL_SAME, DUEL_STAYS, DUEL_DIES, DUEL_REPLACED, DUEL_NONE } duel;

static duel duel_of(const crdt_join *join, const crdt__sibs *sibs, const crdt__sibs *other)
{
    if (!is_lone(sibs) || !is_lone(other)) return DUEL_NONE;
    const crdt__sib *mine = &sibs->one, *theirs = &other->one;
    if (crdt__sib_compare_dots(mine, theirs) == 0) return DUEL_SAME;
    bool dies = crdt_cover_has(&join->theirs, crdt__sib_dot(mine));
    bool born = !crdt_cover_has(&join->mine, crdt__sib_dot(theirs));
    if (!born) return dies ? DUEL_DIES : DUEL_STAYS;
    bool moves = join->takes || form_of(theirs) != FORM_BLOB;
    return dies && moves ? DUEL_REPLACED : DUEL_NONE;
}

crdt_err crdt__sibs_prepare(crdt_join *join, void *state, const void *other)
{
    crdt__sibs *sibs = state;
    size_t      total = 0, blobs = 0;
    crdt_err    err;
    duel        d = duel_of(join, sibs, other);
    if (d == DUEL_SAME) {
        return same_content(&sibs->one, crdt__sibs_at(other, 0)) ? CRDT_OK : CRDT_EFORK;
    }
    if (d != DUEL_NONE) return CRDT_OK;
    drop_stash(join->space, sibs);
    if (crdt__sibs_count(other) == 0) return CRDT_OK; /* nothing is born */
    join_walk walk = walk_both(join, sibs, other);
    for (fate f = next_fate(&walk); f != FATE_END; f = next_fate(&walk)) {
        if (f == FATE_BOTH && !same_content(walk.mine, walk.theirs)) return CRDT_EFORK;
        total += f == FATE_BOTH || f == FATE_STAYS || f == FATE_BORN;
        blobs += !join->takes && f == FATE_BORN && form_of(walk.theirs) == FORM_BLOB;
    }
    err = crdt__sibs_reserve(join->space, sibs, total);
    /* A lone sibling fills the state: its list makes room for the stash. */
    if (err == CRDT_OK && blobs > 0 && is_lone(sibs)) err = resize_list(join->space, sibs, 1);
    if (err != CRDT_OK || blobs == 0) return err;
    return stash_blobs(join, sibs, other);
}

/* Drops what dies and counts what will be born. */
static size_t bury(crdt_join *join, crdt__sibs *sibs, const crdt__sibs *other, size_t *ret_born)
{
    join_walk  walk = walk_both(join, sibs, other);
    crdt__sib *at = slots_of(sibs);
    size_t     read = 0, kept = 0;
    *ret_born = 0;
    for (fate f = next_fate(&walk); f != FATE_END; f = next_fate(&walk)) {
        if (f == FATE_DIES) {
            crdt__sib_clear(join->space, &at[read++]);
        } else if (f == FATE_BOTH || f == FATE_STAYS) {
            if (kept != read) at[kept] = at[read];
            kept++, read++;
        } else if (f == FATE_BORN) {
            ++*ret_born;
            if (walk.theirs->stamp > join->stamp_max) join->stamp_max = walk.theirs->stamp;
        }
    }
    return kept;
}

/* A sibling of a side that is given away, with its blob. */
static crdt__sib moved(const crdt__sib *from)
{
    crdt__sib  sib = *from;
    crdt__sib *left = (crdt__sib *)(uintptr_t)from;
    left->u.i = 0;
    set_form(left, FORM_INT);
    return sib;
}

/* Copy of a sibling, its blob taken from the stash. */
static crdt__sib copy_stashed(const crdt__sib *from, crdt__blob **stash)
{
    crdt__sib   sib = *from;
    crdt__blob *blob = *stash;
    if (form_of(from) != FORM_BLOB) return sib;
    CRDT_ASSERT(blob != NULL && blob->size == from->u.blob->size);
    memcpy(stash, blob->bytes, sizeof *stash);
    memcpy(blob->bytes, from->u.blob->bytes, blob->size);
    sib.u.blob = blob;
    return sib;
}

/* Merges what is born into the `kept` siblings, from the last to the first, as the stash lies. */
static void bear(const crdt_join *join, crdt__sib *at, size_t kept, size_t born,
                 const crdt__sibs *other, crdt__blob **stash)
{
    const crdt__sib *theirs = first_of(other);
    size_t           left = crdt__sibs_count(other);
    while (born > 0) {
        const crdt__sib *next;
        int              order;
        CRDT_ASSERT(left > 0);
        next = &theirs[left - 1];
        order = kept == 0 ? 1 : crdt__sib_compare_dots(next, &at[kept - 1]);
        if (order < 0) {
            at[kept + born - 1] = at[kept - 1];
            kept--;
            continue;
        }
        left--;
        if (order == 0 || crdt_cover_has(&join->mine, crdt__sib_dot(next))) continue;
        at[kept + born - 1] = join->takes ? moved(next) : copy_stashed(next, stash);
        born--;
    }
}

/* The other side has no siblings, and has not seen those here: as the presence of most objects. */
static bool is_left_alone(const crdt_join *join, const crdt__sibs *sibs, const crdt__sibs *other)
{
    size_t count = crdt__sibs_count(sibs);
    if (crdt__sibs_count(other) > 0) return false;
    for (size_t i = 0; i < count; i++) {
        if (crdt_cover_has(&join->theirs, crdt__sib_dot(first_of(sibs) + i))) return false;
    }
    return true;
}

/* The same as below where there is a duel. */
static bool commit_duel(const crdt__shape *shape, crdt_join *join, crdt__sibs *sibs,
                        const crdt__sibs *other, duel d)
{
    if (d == DUEL_SAME || d == DUEL_STAYS) return false;
    crdt__sib_clear(join->space, &sibs->one);
    if (d == DUEL_DIES) return true;
    sibs->one = join->takes ? moved(&other->one) : other->one;
    bool clock = shape->stamps == CRDT__CLOCK_STAMPS;
    if (clock && sibs->one.stamp > join->stamp_max) join->stamp_max = sibs->one.stamp;
    return true;
}

bool crdt__sibs_commit(const crdt__shape *shape, crdt_join *join, void *state, const void *other)
{
    crdt__sibs *sibs = state;
    duel        d = duel_of(join, sibs, other);
    if (d != DUEL_NONE) return commit_duel(shape, join, sibs, other, d);
    crdt__blob *stash = is_lone(sibs) ? NULL : sibs->many.stash;
    uint64_t    stamp_max = join->stamp_max;
    size_t      before = crdt__sibs_count(sibs), born, kept;
    if (is_left_alone(join, sibs, other)) return false;
    if (stash != NULL) sibs->many.stash = NULL;
    kept = bury(join, sibs, other, &born);
    if (shape->stamps != CRDT__CLOCK_STAMPS) join->stamp_max = stamp_max;
    CRDT_ASSERT(kept + born <= capacity(sibs));
    bear(join, slots_of(sibs), kept, born, other, &stash);
    CRDT_ASSERT(stash == NULL);
    set_count(sibs, kept + born);
    crdt__sibs_settle(shape, join->space, sibs);
    return born > 0 || kept < before;
}

crdt_err crdt__sibs_since(const crdt__shape *shape, const crdt_space *space, const void *state,
                          const crdt_context *ctx, void *ret_part, crdt_context *keep)
{
    const crdt__sib *at = first_of(state);
    size_t           count = crdt__sibs_count(state), fresh = 0;
    crdt_err         err;
    for (size_t i = 0; i < count; i++) fresh += !crdt_context_has(ctx, crdt__sib_dot(&at[i]));
    err = crdt__sibs_reserve(space, ret_part, fresh);
    for (size_t i = 0; i < count && err == CRDT_OK; i++) {
        crdt__sib copy;
        if (crdt_context_has(ctx, crdt__sib_dot(&at[i]))) {
            err = crdt_context_add(keep, crdt__sib_dot(&at[i]));
            continue;
        }
        err = copy_sib(space, &copy, &at[i]);
        if (err == CRDT_OK) crdt__sibs_add(shape, space, ret_part, &copy);
    }
    return err;
}

size_t crdt__sibs_bytes(const crdt__sibs *sibs)
{
    const crdt__sib_list *list = list_of(sibs);
    const crdt__sib      *at = first_of(sibs);
    size_t                count = crdt__sibs_count(sibs), bytes = sizeof *sibs;
    if (list != NULL) bytes += list_bytes(list->cap);
    for (size_t i = 0; i < count; i++) {
        if (form_of(&at[i]) == FORM_BLOB) bytes += crdt__blob_bytes(at[i].u.blob->size);
    }
    return bytes;
}
