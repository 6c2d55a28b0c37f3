/* map/map_ranks.c: the order of a sorted set: by score, then by member. See map.h.
 *
 * Shape    a weight-balanced tree through the entries themselves, so that nothing in it can fail;
 *          each node knows how many there are from it down, which makes ranks.
 * Cost     O(log n), whatever the order of changes was.
 * Source   Hirai, Yamamoto, "Balancing weight-balanced trees", J. Functional Programming 21(3),
 *          2011: weights (3, 2).
 */
#include <string.h>

#include "crdt/core/score.h"
#include "crdt/map/map.h"

#define HEAVIER 3u /* a side may weigh so many times the other */
#define INNER 2u   /* of the heavy side, the inner part so many times the outer for one rotation */

static crdt__rank *rank_of(const crdt__entry *e)
{
    return &((crdt__score *)(uintptr_t)e->state)->rank;
}

static const crdt__entry *entry_of(const crdt__rank *n)
{
    const char *state = (const char *)n - offsetof(crdt__score, rank);
    return (const crdt__entry *)(const void *)(state - offsetof(crdt__entry, state));
}

static int compare_scores(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int compare(const crdt__rank *a, const crdt__rank *b)
{
    int order = compare_scores(a->score, b->score);
    if (order != 0) return order;
    return crdt_view_compare(crdt__entry_key(entry_of(a)), crdt__entry_key(entry_of(b)));
}

static uint32_t count_of(const crdt__rank *n)
{
    return n == NULL ? 0 : n->count;
}

static uint64_t weight_of(const crdt__rank *n)
{
    return (uint64_t)count_of(n) + 1;
}

static void recount(crdt__rank *n)
{
    n->count = count_of(n->left) + count_of(n->right) + 1;
}

/* -- Balance ----------------------------------------------------------------------------------- */

/* What hung under up as `old` is now n; up NULL: the root. */
static void hang(crdt__map *map, crdt__rank *up, const crdt__rank *old, crdt__rank *n)
{
    if (up == NULL) map->ranks = n;
    else if (up->left == old) up->left = n;
    else up->right = n;
    if (n != NULL) n->up = up;
}

/* Returns what has taken n's place. */
static crdt__rank *rotate_left(crdt__map *map, crdt__rank *n)
{
    crdt__rank *top = n->right;
    hang(map, n->up, n, top);
    n->right = top->left;
    if (n->right != NULL) n->right->up = n;
    top->left = n;
    n->up = top;
    recount(n);
    recount(top);
    return top;
}

static crdt__rank *rotate_right(crdt__map *map, crdt__rank *n)
{
    crdt__rank *top = n->left;
    hang(map, n->up, n, top);
    n->left = top->right;
    if (n->left != NULL) n->left->up = n;
    top->right = n;
    n->up = top;
    recount(n);
    recount(top);
    return top;
}

/* The same weight, better shared; returns what has taken n's place. */
static crdt__rank *lighten_right(crdt__map *map, crdt__rank *n)
{
    const crdt__rank *heavy = n->right;
    if (weight_of(heavy->left) >= INNER * weight_of(heavy->right)) rotate_right(map, n->right);
    return rotate_left(map, n);
}

static crdt__rank *lighten_left(crdt__map *map, crdt__rank *n)
{
    const crdt__rank *heavy = n->left;
    if (weight_of(heavy->right) >= INNER * weight_of(heavy->left)) rotate_left(map, n->left);
    return rotate_right(map, n);
}

/* Below n, on that side, one has come or (more false) gone. What lies beside the way up is not
 * looked at: each look would be a miss of the cache. */
static void balance(crdt__map *map, crdt__rank *n, bool left, bool more)
{
    while (n != NULL) {
        n->count = more ? n->count + 1 : n->count - 1;
        uint64_t side = weight_of(left ? n->left : n->right), other = weight_of(n) - side;
        bool     heavy = side > HEAVIER * other, light = other > HEAVIER * side;
        if (left ? heavy : light) n = lighten_left(map, n);
        else if (left ? light : heavy) n = lighten_right(map, n);
        left = n->up != NULL && n->up->left == n;
        n = n->up;
    }
}

static void put_in(crdt__map *map, crdt__rank *n)
{
    crdt__rank *up = NULL, *at = map->ranks;
    bool        less = false;
    while (at != NULL) {
        up = at;
        less = compare(n, at) < 0;
        at = less ? at->left : at->right;
    }
    n->left = n->right = NULL;
    n->up = up;
    n->count = 1;
    if (up == NULL) map->ranks = n;
    else if (less) up->left = n;
    else up->right = n;
    balance(map, up, less, true);
}

static crdt__rank *first_of(crdt__rank *n)
{
    while (n->left != NULL) n = n->left;
    return n;
}

static void take_out(crdt__map *map, crdt__rank *n)
{
    crdt__rank *from = n->up; /* where to balance from, and on which side one has gone */
    bool        left = from != NULL && from->left == n;
    if (n->left != NULL && n->right != NULL) {
        crdt__rank *next = first_of(n->right);
        left = next->up != n;
        from = left ? next->up : next;
        if (left) {
            hang(map, next->up, next, next->right);
            next->right = n->right;
            next->right->up = next;
        }
        next->left = n->left;
        next->left->up = next;
        next->count = n->count;
        hang(map, n->up, n, next);
    } else {
        hang(map, n->up, n, n->left != NULL ? n->left : n->right);
    }
    memset(n, 0, sizeof *n);
    balance(map, from, left, false);
}

/* -- For the map ------------------------------------------------------------------------------- */

void crdt__ranks_drop(crdt__map *map, crdt__entry *e)
{
    if (crdt__map_is_ranked(map) && rank_of(e)->count > 0) take_out(map, rank_of(e));
}

void crdt__ranks_touch(crdt__map *map, crdt__entry *e)
{
    double      score;
    crdt_ref    ref = {e->type, map->space, e->state, NULL, NULL};
    crdt__rank *n = rank_of(e);
    if (!e->live || !crdt__score_shown(&ref, &score)) {
        crdt__ranks_drop(map, e);
        return;
    }
    bool stays = n->count > 0 && compare_scores(n->score, score) == 0;
    if (n->count > 0 && !stays) take_out(map, n);
    n->score = score; /* 0 and -0 have one place */
    if (!stays) put_in(map, n);
}

void crdt__ranks_forget(crdt__map *map, crdt__entry *kept)
{
    map->ranks = NULL;
    memset(rank_of(kept), 0, sizeof(crdt__rank));
}

/* -- Reading ----------------------------------------------------------------------------------- */

static crdt__rank *next_of(crdt__rank *n)
{
    if (n->right != NULL) return first_of(n->right);
    while (n->up != NULL && n->up->right == n) n = n->up;
    return n->up;
}

const crdt__entry *crdt__ranks_next(const crdt__entry *e)
{
    const crdt__rank *next = next_of(rank_of(e));
    return next == NULL ? NULL : entry_of(next);
}

const crdt__entry *crdt__ranks_at(const crdt__map *map, size_t i)
{
    const crdt__rank *n = map->ranks;
    while (n != NULL) {
        size_t left = count_of(n->left);
        if (i == left) return entry_of(n);
        if (i < left) {
            n = n->left;
        } else {
            i -= left + 1;
            n = n->right;
        }
    }
    return NULL;
}

size_t crdt__ranks_of(const crdt__entry *e)
{
    const crdt__rank *n = rank_of(e);
    size_t            rank = count_of(n->left);
    for (; n->up != NULL; n = n->up) {
        if (n->up->right == n) rank += (size_t)count_of(n->up->left) + 1;
    }
    return rank;
}

double crdt__ranks_score(const crdt__entry *e)
{
    return rank_of(e)->score;
}

size_t crdt__ranks_before(const crdt__map *map, const double *score, crdt_view member, bool with)
{
    size_t before = 0;
    for (const crdt__rank *n = map->ranks; n != NULL;) {
        int order = score != NULL ? compare_scores(n->score, *score)
                                  : crdt_view_compare(crdt__entry_key(entry_of(n)), member);
        if (order < 0 || (with && order == 0)) {
            before += (size_t)count_of(n->left) + 1;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return before;
}

/* -- Audit ------------------------------------------------------------------------------------- */

static bool node_ok(const crdt__map *map, const crdt__rank *n, const char **ret_reason)
{
    uint64_t left = weight_of(n->left), right = weight_of(n->right);
    *ret_reason = "a sorted set's links are wrong";
    if (n->left != NULL && n->left->up != n) return false;
    if (n->right != NULL && n->right->up != n) return false;
    if (n->up == NULL && map->ranks != n) return false;
    *ret_reason = "a sorted set's counts are wrong";
    if (n->count != left + right - 1) return false;
    *ret_reason = "a sorted set is out of balance";
    return right <= HEAVIER * left && left <= HEAVIER * right;
}

bool crdt__ranks_check(const crdt__map *map, const char **ret_reason)
{
    crdt__rank *n = map->ranks == NULL ? NULL : first_of(map->ranks);
    size_t      count = 0;
    for (crdt__rank *last = NULL; n != NULL; last = n, n = next_of(n), count++) {
        double   score;
        crdt_ref ref = {entry_of(n)->type, map->space, entry_of(n)->state, NULL, NULL};
        if (!node_ok(map, n, ret_reason)) return false;
        *ret_reason = "a sorted set's members are out of order";
        if (last != NULL && compare(last, n) >= 0) return false;
        *ret_reason = "a member's kept score is wrong";
        if (!entry_of(n)->live || !crdt__score_shown(&ref, &score) || score != n->score) {
            return false;
        }
    }
    *ret_reason = "a sorted set's order lacks a member";
    return count == map->keys;
}
