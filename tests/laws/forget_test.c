/* forget_test.c: lists and texts that forget the ids of what is stable and deleted read as if they
 * did not: all small histories, and random ones.
 *
 * A history is a list of events of three replicas, each with the events that its author had seen.
 * A cut is the greatest that is allowed: at a replica that holds X all events that each event
 * outside X has seen. What shows is told by a plain tree that never forgets (lib/tree.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/laws/lib/tree.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define BIT(i) (UINT64_C(1) << (i))
#define REPLICAS 3
#define EVENTS_MAX 60

static const uint64_t ids[REPLICAS] = {0xa1, 0xb2, 0xc3};

typedef struct event {
    unsigned    replica, pos, count; /* of elements */
    unsigned    to;                  /* where it moves one */
    uint64_t    stamp;               /* ... of the author's clock; before it is played: its turn */
    uint64_t    past;                /* the events that it had seen */
    uint64_t    dot;                 /* the author's last one after it */
    bool        del, move, cuts;     /* cuts: its author acts on a cut before it */
    crdt_delta *delta;
    crdt_store *after; /* the author's store */
} event;

typedef struct history {
    const crdt_type *type;
    event            events[EVENTS_MAX];
    unsigned         count;
    tree             tree;
    uint64_t         rand;
} history;

typedef struct counts {
    uint64_t histories, cuts, stores, stale;
} counts;

static counts done;

static crdt_store *new_store(const history *h, uint64_t replica)
{
    crdt_options o = crdt_options_default(replica, NULL);
    crdt_store  *store;
    o.solo = h->type;
    o.forget_ids = true;
    CHECK_OK(crdt_store_new(&o, &store));
    return store;
}

static bool is_classic(const crdt_type *type)
{
    return type == &crdt_text_classic_type || type == &crdt_rga_classic_type;
}

static bool is_text(const crdt_type *type)
{
    return type == &crdt_text_type || type == &crdt_text_classic_type;
}

/* -- Telling a history ------------------------------------------------------------------------- */

static void tell(const history *h)
{
    printf("%s\n", h->type->name);
    for (unsigned i = 0; i < h->count; i++) {
        const event *e = &h->events[i];
        printf("  %u: %c %s %u at %u, having seen %#jx%s\n", i, "ABC"[e->replica],
               e -> move     ? "moves"
                    : e->del ? "deletes"
                             : "inserts",
               e->move ? e->to : e->count, e->pos, (uintmax_t)e->past,
               e->cuts ? ", after a cut" : "");
    }
}

static char letter(unsigned i)
{
    return (char)(i < 26 ? 'a' + i : 'A' + (i - 26) % 26);
}

static void check_shows(const history *h, const crdt_store *store, uint64_t seen, const char *way)
{
    char     should[TREE_MAX + 1], shown[TREE_MAX + 1];
    unsigned count = tree_show(&h->tree, seen, should, NULL);
    crdt_ref ref = crdt_store_solo(store);
    size_t   n = 0;
    if (is_text(h->type)) {
        crdt_buf text;
        crdt_buf_init(&text, NULL);
        CHECK_OK(crdt_text_read(ref, CRDT_CODE_POINTS, 0, TREE_MAX, &text));
        n = text.size;
        memcpy(shown, text.data != NULL ? (const char *)text.data : "", n);
        crdt_buf_clear(&text);
    } else {
        crdt_value value;
        for (; crdt_rga_get(ref, n, &value); n++) shown[n] = (char)value.i;
    }
    shown[n] = 0;
    bool same = n == count && memcmp(shown, should, n) == 0;
    if (!same) tell(h);
    CHECK_MSG(same, "%s: %#jx shows %s and should %s", way, (uintmax_t)seen, shown, should);
}

static void check_sound(const history *h, const crdt_store *store, const char *way)
{
    const char *reason = "";
    bool        sound = crdt_store_check(store, &reason);
    if (!sound) tell(h);
    CHECK_MSG(sound, "%s: %s", way, reason);
}

/* -- Cuts -------------------------------------------------------------------------------------- */

/* All that every event outside X has seen. */
static uint64_t stable_at(const history *h, uint64_t x)
{
    uint64_t stable = x;
    for (unsigned i = 0; i < h->count; i++) {
        if (!(x & BIT(i))) stable &= h->events[i].past;
    }
    return stable;
}

static void cut_at(const history *h, crdt_store *store, uint64_t x)
{
    crdt_context cut;
    uint64_t     stable = stable_at(h, x);
    crdt_context_init(&cut, NULL);
    for (unsigned i = 0; i < h->count; i++) {
        crdt_dot dot = {ids[h->events[i].replica], 1};
        if (!(stable & BIT(i))) continue;
        for (; dot.seq <= h->events[i].dot; dot.seq++) CHECK_OK(crdt_context_add(&cut, dot));
    }
    CHECK_OK(crdt_store_stabilise(store, &cut));
    crdt_context_clear(&cut);
    done.cuts++;
}

/* -- Playing ----------------------------------------------------------------------------------- */

static unsigned last_of(const history *h, unsigned replica, unsigned before)
{
    while (before-- > 0) {
        if (h->events[before].replica == replica) return before;
    }
    return EVENTS_MAX;
}

/* Into a text at once, that is under one dot; into a list one by one. */
static void insert(const history *h, crdt_txn *txn, const event *e, char c)
{
    const crdt_op *op = crdt_type_op(h->type, "insert");
    char           text[EVENTS_MAX];
    for (unsigned i = 0; i < e->count; i++) text[i] = (char)(c + (char)i);
    crdt_value args[2] = {crdt_int(e->pos), crdt_bytes(text, e->count)};
    if (is_text(h->type)) CHECK_OK(crdt_txn_apply(txn, CRDT_SOLO, op, args, 2));
    for (unsigned i = 0; !is_text(h->type) && i < e->count; i++) {
        args[0] = crdt_int(e->pos + i);
        args[1] = crdt_int(text[i]);
        CHECK_OK(crdt_txn_apply(txn, CRDT_SOLO, op, args, 2));
    }
}

static void act(history *h, unsigned i)
{
    event     *e = &h->events[i];
    crdt_txn  *txn = begin(e->after);
    crdt_value args[2] = {crdt_int(e->pos), crdt_int(e->count)};
    if (e->move) {
        args[1] = crdt_int(e->to);
        CHECK_OK(crdt_txn_apply(txn, CRDT_SOLO, crdt_type_op(h->type, "move"), args, 2));
    } else if (e->del) {
        CHECK_OK(crdt_txn_apply(txn, CRDT_SOLO, crdt_type_op(h->type, "delete"), args, 2));
    } else {
        insert(h, txn, e, letter(i));
    }
    e->stamp = crdt_txn_stamp(txn);
    e->delta = commit(e->after);
    e->dot = crdt_context_max(crdt_store_context(e->after), ids[e->replica]);
}

/* The author's store with all that the event had seen. */
static crdt_store *stage(history *h, unsigned i)
{
    event      *e = &h->events[i];
    unsigned    last = last_of(h, e->replica, i);
    uint64_t    held = 0;
    crdt_store *store;
    if (last < EVENTS_MAX) {
        CHECK_OK(crdt_store_clone(h->events[last].after, ids[e->replica], &store));
        held = h->events[last].past | BIT(last);
    } else {
        store = new_store(h, ids[e->replica]);
    }
    for (unsigned k = 0; k < i; k++) {
        if (e->past & ~held & BIT(k)) CHECK_OK(crdt_store_join(store, h->events[k].delta, NOW));
    }
    return store;
}

static void plan_one(history *h, unsigned i)
{
    const event *e = &h->events[i];
    uint64_t     id = ids[e->replica];
    if (e->move) tree_move(&h->tree, e->past, i, id, e->stamp, e->pos, e->to);
    else if (e->del) tree_delete(&h->tree, e->past, i, e->pos, e->count);
    else tree_insert(&h->tree, e->past, i, id, e->pos, e->count, letter(i));
}

/* Of concurrent moves it is not known yet which is the last one; how much shows is. */
static void plan(history *h)
{
    tree_init(&h->tree, is_classic(h->type));
    for (unsigned i = 0; i < h->count; i++) {
        h->events[i].stamp = i;
        plan_one(h, i);
    }
}

static void play(history *h)
{
    tree_init(&h->tree, is_classic(h->type));
    for (unsigned i = 0; i < h->count; i++) {
        event *e = &h->events[i];
        e->after = stage(h, i);
        if (e->cuts) cut_at(h, e->after, e->past);
        check_shows(h, e->after, e->past, "the author before");
        act(h, i);
        plan_one(h, i);
        check_shows(h, e->after, e->past | BIT(i), "the author");
        check_sound(h, e->after, "the author");
    }
}

static void clear(history *h)
{
    for (unsigned i = 0; i < h->count; i++) {
        crdt_store_free(h->events[i].delta);
        crdt_store_free(h->events[i].after);
    }
}

/* -- Ways to deliver: all end in the same bytes ------------------------------------------------ */

static uint64_t all_of(const history *h)
{
    return BIT(h->count) - 1;
}

static void check_same(const history *h, const crdt_store *a, const crdt_store *b, const char *way)
{
    bool same = same_bytes(a, b);
    if (!same) tell(h);
    CHECK_MSG(same, "%s: the bytes differ", way);
    CHECK(crdt_digest_equal(crdt_store_digest((crdt_store *)(uintptr_t)a, NULL),
                            crdt_store_digest((crdt_store *)(uintptr_t)b, NULL)));
}

/* The store holds everything: it is cut, and must be as the first that was so. */
static void finish(history *h, crdt_store *store, crdt_store **first, const char *way)
{
    check_shows(h, store, all_of(h), way);
    cut_at(h, store, all_of(h));
    check_shows(h, store, all_of(h), way);
    check_sound(h, store, way);
    done.stores++;
    if (*first == NULL) {
        *first = store;
        return;
    }
    check_same(h, *first, store, way);
    crdt_store_free(store);
}

/* Events in some order in which each can be delivered. */
static void some_order(history *h, unsigned order[EVENTS_MAX])
{
    uint64_t held = 0;
    for (unsigned n = 0; n < h->count;) {
        unsigned i = (unsigned)random_below(&h->rand, h->count);
        if ((held & BIT(i)) || (h->events[i].past & ~held)) continue;
        order[n++] = i;
        held |= BIT(i);
    }
}

static crdt_store *by_deltas(history *h, unsigned cuts)
{
    crdt_store *store = new_store(h, 0);
    unsigned    order[EVENTS_MAX];
    uint64_t    held = 0;
    some_order(h, order);
    for (unsigned n = 0; n < h->count; n++) {
        CHECK_OK(crdt_store_join(store, h->events[order[n]].delta, NOW));
        held |= BIT(order[n]);
        if (random_below(&h->rand, 2) >= cuts) continue;
        cut_at(h, store, held);
        check_shows(h, store, held, "by deltas");
        if (n > 0) CHECK_OK(crdt_store_join(store, h->events[order[n / 2]].delta, NOW));
    }
    return store;
}

static crdt_store *by_states(history *h, bool since)
{
    crdt_store *store = new_store(h, 0);
    uint64_t    held = 0;
    unsigned    order[EVENTS_MAX];
    some_order(h, order);
    for (unsigned n = h->count; n-- > 0;) { /* late states first, then some that are held */
        const event *e = &h->events[order[(n * 7 + h->rand) % h->count]];
        crdt_delta  *part = NULL;
        if (since) CHECK_OK(crdt_store_since(e->after, crdt_store_context(store), &part));
        crdt_err err = crdt_store_join(store, since ? part : e->after, NOW);
        if (err != CRDT_OK) tell(h);
        CHECK_OK(err);
        crdt_store_free(part);
        held |= e->past | BIT((unsigned)(e - h->events));
        check_shows(h, store, held, since ? "by what was lacking" : "by states");
        check_sound(h, store, "by states");
    }
    for (unsigned i = 0; i < h->count; i++) {
        CHECK_OK(crdt_store_join(store, h->events[i].delta, NOW));
    }
    return store;
}

/* x join y = y join x, whatever either has forgotten. */
static void check_pair(history *h, const event *x, const event *y)
{
    crdt_store *a, *b, *c;
    uint64_t    seen = x->past | y->past | BIT((unsigned)(x - h->events));
    seen |= BIT((unsigned)(y - h->events));
    CHECK_OK(crdt_store_clone(x->after, 0, &a));
    CHECK_OK(crdt_store_clone(y->after, 0, &b));
    check_same(h, x->after, a, "a copy");
    CHECK_OK(crdt_store_join(a, y->after, NOW));
    CHECK_OK(crdt_store_join(b, x->after, NOW));
    check_shows(h, a, seen, "two states joined");
    check_same(h, a, b, "two states joined either way");
    /* stabilise(S, x join y) = stabilise(S, x) join stabilise(S, y) */
    CHECK_OK(crdt_store_clone(x->after, 0, &c));
    uint64_t both = (x->past | BIT((unsigned)(x - h->events))) & seen;
    cut_at(h, c, both);
    cut_at(h, a, both);
    CHECK_OK(crdt_store_join(c, y->after, NOW));
    check_same(h, a, c, "cut and joined, and joined and cut");
    free_all(a, b, c, NULL);
}

static void check_recoded(history *h, crdt_store *store)
{
    crdt_options o = crdt_options_default(0, NULL);
    crdt_buf     bytes;
    crdt_store  *copy;
    const char  *reason = "";
    o.solo = h->type;
    o.forget_ids = true;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(store, &bytes));
    crdt_err err = crdt_store_decode(&o, crdt_buf_bytes(&bytes), &copy, &reason);
    if (err != CRDT_OK) tell(h);
    CHECK_MSG(err == CRDT_OK, "decoding gave %s: %s", crdt_err_name(err), reason);
    check_same(h, store, copy, "read back");
    check_sound(h, copy, "read back");
    crdt_store_free(copy);
    crdt_buf_clear(&bytes);
}

/* What stays when everything is stable: the dead elements of dots of which some are alive; of moved
 * elements their first places. */
static unsigned rest_of(const history *h)
{
    unsigned rest = 0;
    for (int i = 0; !is_text(h->type) && i < h->tree.count; i++) {
        bool moved = false;
        for (int k = 0; k < h->tree.count; k++) moved |= h->tree.nodes[k].of == i;
        rest += moved && h->tree.nodes[i].deleted_by == 0;
    }
    if (!is_text(h->type)) return rest;
    for (int i = 0; i < h->tree.count; i++) {
        bool alive = false;
        for (int k = 0; k < h->tree.count; k++) {
            const tree_node *n = &h->tree.nodes[k];
            alive |= n->event == h->tree.nodes[i].event && n->deleted_by == 0;
        }
        rest += alive && h->tree.nodes[i].deleted_by != 0;
    }
    return rest;
}

static void check_history(history *h)
{
    crdt_store *first = NULL;
    play(h);
    finish(h, by_deltas(h, 0), &first, "by deltas, without cuts");
    finish(h, by_deltas(h, 2), &first, "by deltas, with all cuts");
    finish(h, by_deltas(h, 1), &first, "by deltas, with some cuts");
    finish(h, by_states(h, false), &first, "by states");
    finish(h, by_states(h, true), &first, "by what was lacking");
    for (unsigned i = 0; i < h->count; i++) check_recoded(h, h->events[i].after);
    check_recoded(h, first);
    unsigned x = (unsigned)random_below(&h->rand, h->count);
    unsigned y = (unsigned)random_below(&h->rand, h->count);
    check_pair(h, &h->events[x], &h->events[y]);
    done.histories++;
    crdt_stats stats = crdt_store_stats(first);
    if (stats.residues != rest_of(h)) tell(h);
    CHECK_EQ_INT(stats.residues, rest_of(h));
    crdt_store_free(first);
    clear(h);
}

/* -- All small histories ----------------------------------------------------------------------- */

/* What everyone has seen before the histories part: of replica r the insertion ('i') of `count`
 * elements or the deletion ('d') at pos, having seen past. */
typedef struct base {
    const char *name;
    struct {
        unsigned replica;
        char     what;
        unsigned pos, count;
        uint64_t past;
    } events[6];
} base;

static const base bases[] = {
    {"nothing", {{0}}},
    {"one dot", {{0, 'i', 0, 3, 0}}},
    {"three dots", {{0, 'i', 0, 1, 0}, {0, 'i', 1, 1, 1}, {0, 'i', 2, 1, 3}}},
    {"a hole", {{0, 'i', 0, 1, 0}, {2, 'i', 1, 1, 1}, {0, 'i', 2, 1, 3}, {0, 'd', 1, 1, 7}}},
    {"a hole among left children",
     {{0, 'i', 0, 1, 0}, {2, 'i', 0, 1, 1}, {0, 'i', 0, 1, 3}, {0, 'd', 1, 1, 7}}},
    {"two children of one that is gone",
     {{2, 'i', 0, 1, 0}, {0, 'i', 1, 1, 1}, {1, 'i', 1, 1, 1}, {0, 'd', 0, 1, 7}}},
    {"a chain that is gone",
     {{2, 'i', 0, 1, 0},
      {1, 'i', 1, 1, 1},
      {0, 'i', 2, 1, 3},
      {0, 'd', 0, 1, 7},
      {1, 'd', 0, 1, 15}}},
};
#define BASES (sizeof bases / sizeof bases[0])

typedef struct scope {
    history  h;
    unsigned base, events; /* of them the first `base` everyone has seen */
    uint64_t number, step; /* every step-th is played */
} scope;

/* With every cut, and every third history with some. */
static void leaf(scope *s)
{
    if (s->number++ % s->step != 0) return;
    for (unsigned i = 0; i < s->h.count; i++) s->h.events[i].cuts = true;
    check_history(&s->h);
    if (s->number / s->step % 3 != 0) return;
    uint64_t some = next_random(&s->h.rand);
    for (unsigned i = 0; i < s->h.count; i++) s->h.events[i].cuts = some & BIT(i);
    check_history(&s->h);
}

static bool is_closed(const history *h, uint64_t past)
{
    for (unsigned i = 0; i < h->count; i++) {
        if ((past & BIT(i)) && (h->events[i].past & ~past)) return false;
    }
    return true;
}

static void grow(scope *s);

static void grow_with(scope *s, event e)
{
    history *h = &s->h;
    char     text[TREE_MAX + 1];
    plan(h);
    unsigned shown = tree_show(&h->tree, e.past, text, NULL);
    for (unsigned pos = 0; pos <= shown; pos++) {
        for (unsigned del = 0; del < 2 && pos + del <= shown; del++) {
            e.pos = pos;
            e.del = del;
            h->events[h->count++] = e;
            grow(s);
            h->count--;
        }
        e.del = false;
        e.move = true;
        for (e.to = 0; !is_text(h->type) && pos < shown && e.to < shown; e.to++) {
            if (e.to == pos) continue;
            h->events[h->count++] = e;
            grow(s);
            h->count--;
        }
        e.move = false;
    }
}

/* One more event at each replica, having seen each closed set. Of events that have not seen each
 * other, in turn, the one of the lesser replica comes first. */
static void grow(scope *s)
{
    history *h = &s->h;
    unsigned n = h->count;
    if (n > s->base) leaf(s);
    if (n == s->events) return;
    for (unsigned r = 0; r < REPLICAS; r++) {
        uint64_t own = BIT(s->base) - 1;
        for (unsigned i = 0; i < n; i++) own |= h->events[i].replica == r ? BIT(i) : 0;
        for (uint64_t past = 0; past < BIT(n); past++) {
            if ((own & ~past) || !is_closed(h, past)) continue;
            if (n > s->base && !(past & BIT(n - 1)) && h->events[n - 1].replica >= r) continue;
            event e;
            memset(&e, 0, sizeof e);
            e.replica = r;
            e.count = 1;
            e.past = past;
            grow_with(s, e);
        }
    }
}

static void play_all(const crdt_type *type, const base *b, unsigned events, uint64_t step)
{
    scope *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    memset(&done, 0, sizeof done);
    s->h.type = type;
    s->step = step;
    for (; s->base < 6 && b->events[s->base].what != 0; s->base++) {
        event *e = &s->h.events[s->base];
        e->replica = b->events[s->base].replica;
        e->del = b->events[s->base].what == 'd';
        e->pos = b->events[s->base].pos;
        e->count = b->events[s->base].count;
        e->past = b->events[s->base].past;
    }
    s->h.count = s->base;
    s->events = s->base + events;
    grow(s);
    printf("%s, %s, then %u events: %ju histories, %ju plays, %ju cuts, %ju ends\n", type->name,
           b->name, events, (uintmax_t)s->number, (uintmax_t)done.histories, (uintmax_t)done.cuts,
           (uintmax_t)done.stores);
    free(s);
}

/* One history of `step`. With CRDT_SOAK=1 all, and some of those of one event more. */
static void play_scopes(const crdt_type *type, uint64_t step)
{
    bool soak = getenv("CRDT_SOAK") != NULL;
    for (size_t i = 0; i < BASES; i++) {
        unsigned events = i == 0 ? 4 : 3;
        play_all(type, &bases[i], events, soak ? 1 : step * (T_SLOW ? 40 : 1));
        if (soak) play_all(type, &bases[i], events + 1, step * 97);
    }
}

TEST(forget, small_histories_of_texts)
{
    play_scopes(&crdt_text_type, 7);
}

TEST(forget, small_histories_of_classic_texts)
{
    play_scopes(&crdt_text_classic_type, 11);
}

TEST(forget, small_histories_of_lists)
{
    play_scopes(&crdt_rga_type, 20);
}

TEST(forget, small_histories_of_classic_lists)
{
    play_scopes(&crdt_rga_classic_type, 20);
}

/* -- Long histories at random ------------------------------------------------------------------ */

static uint64_t some_past(history *h, unsigned r)
{
    uint64_t past = 0;
    unsigned last = last_of(h, r, h->count);
    if (last < EVENTS_MAX) past |= h->events[last].past | BIT(last);
    for (unsigned i = 0; i < h->count; i++) { /* states of others, and now and then all */
        if (random_below(&h->rand, 6) == 0) past |= h->events[i].past | BIT(i);
    }
    return random_below(&h->rand, 4) == 0 ? all_of(h) : past;
}

static void make_up(history *h, const crdt_type *type, unsigned count)
{
    char text[TREE_MAX + 1];
    h->type = type;
    for (h->count = 0; h->count < count;) {
        event e;
        memset(&e, 0, sizeof e);
        e.replica = (unsigned)random_below(&h->rand, REPLICAS);
        e.past = some_past(h, e.replica);
        plan(h);
        unsigned shown = tree_show(&h->tree, e.past, text, NULL);
        e.cuts = random_below(&h->rand, 3) > 0;
        e.del = shown > 0 && random_below(&h->rand, 9) < 4;
        e.pos = (unsigned)random_below(&h->rand, shown + !e.del);
        e.count = (unsigned)random_below(&h->rand, 4) + 1;
        if (e.del && e.count > shown - e.pos) e.count = shown - e.pos;
        e.move = e.del && shown > 1 && !is_text(type) && random_below(&h->rand, 2) == 0;
        e.del &= !e.move;
        e.to = e.move ? (unsigned)random_below(&h->rand, shown - 1) : 0;
        if (e.move && e.to >= e.pos) e.to++;
        h->events[h->count++] = e;
    }
}

TEST(forget, long_histories_at_random)
{
    static const crdt_type *const types[4] = {&crdt_text_type, &crdt_text_classic_type,
                                              &crdt_rga_type, &crdt_rga_classic_type};
    history                      *h = calloc(1, sizeof *h);
    CHECK(h != NULL);
    h->rand = seed_or(0xf04637);
    unsigned rounds = T_SLOW ? 12 : getenv("CRDT_SOAK") != NULL ? 20000 : 1000;
    for (unsigned i = 0; i < rounds; i++) {
        make_up(h, types[i % 4], 4 + (unsigned)random_below(&h->rand, 40));
        check_history(h);
    }
    free(h);
}

/* -- Cursors ----------------------------------------------------------------------------------- */

/* Nodes deleted by what every event outside X has seen may be forgotten there, no others. */
static void check_cursor(const history *h, const crdt_store *store, uint64_t seen, int node,
                         crdt_cursor cursor)
{
    int              nodes[TREE_MAX];
    uint64_t         pos = 0, should = 0;
    const tree_node *n = &h->tree.nodes[node];
    unsigned         count = tree_order(&h->tree, seen, nodes);
    crdt_err         err = crdt_text_find(crdt_store_solo(store), cursor, CRDT_CODE_POINTS, &pos);
    if (!(seen & BIT(n->event))) {
        CHECK_ERR(err, CRDT_ENOENT);
        return;
    }
    for (unsigned i = 0; i < count && nodes[i] != node; i++) {
        should += (h->tree.nodes[nodes[i]].deleted_by & seen) == 0;
    }
    bool alive = (n->deleted_by & seen) == 0;
    if (alive && cursor.side == CRDT_RIGHT) should++;
    bool may_go = (n->deleted_by & stable_at(h, seen)) != 0;
    bool right = err == CRDT_OK ? pos == should : err == CRDT_ESTALE && may_go;
    if (!right) tell(h);
    CHECK_MSG(right, "a cursor gave %s, %ju, and should %ju", crdt_err_name(err), (uintmax_t)pos,
              (uintmax_t)should);
    done.stale += err == CRDT_ESTALE;
}

static void check_cursors(history *h)
{
    plan(h);
    play(h);
    for (unsigned i = 0; i < h->count; i++) {
        const event *e = &h->events[i];
        uint64_t     seen = e->past | BIT(i);
        char         text[TREE_MAX + 1];
        int          nodes[TREE_MAX];
        crdt_cursor  cursor;
        unsigned     count = tree_show(&h->tree, seen, text, nodes);
        if (count == 0) continue;
        unsigned  at = (unsigned)random_below(&h->rand, count);
        bool      right = random_below(&h->rand, 2) == 1;
        crdt_side side = right ? CRDT_RIGHT : CRDT_LEFT;
        CHECK_OK(crdt_text_cursor(crdt_store_solo(e->after), CRDT_CODE_POINTS, at + right, side,
                                  &cursor));
        for (unsigned k = 0; k < h->count; k++) {
            const event *there = &h->events[k];
            check_cursor(h, there->after, there->past | BIT(k), nodes[at], cursor);
        }
    }
    clear(h);
}

TEST(forget, cursors_stand_where_they_should_or_are_stale)
{
    history *h = calloc(1, sizeof *h);
    CHECK(h != NULL);
    h->rand = seed_or(0xc0450);
    for (unsigned i = 0; i < (T_SLOW ? 10u : 200u); i++) {
        make_up(h, i % 2 == 0 ? &crdt_text_type : &crdt_text_classic_type, 24);
        check_cursors(h);
    }
    CHECK(done.stale > 100 || T_SLOW);
    free(h);
}
