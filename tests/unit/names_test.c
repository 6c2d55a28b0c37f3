/* names_test.c: which type shows under which name (rule R12), by random histories of three replicas
 * over a few names and types, against a model that knows only what happened before what.
 *
 * Model: a write of a type under a name lives until a removal of that name is delivered at whose
 * author the write lived. A type lives under a name while a write of it lives. Of the types that
 * live the one shows whose greatest living stamp of presence is greatest (then: by replica); those
 * that live without any come last, by id. A write bears presence if its author saw no type there.
 *
 * A failure names the seed of its history; SEED=n runs that one alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define REPLICAS 3u
#define NAMES 3u
#define TYPES 7u
#define EVENTS_MAX 160u
#define TXNS_MAX 60u
#define HISTORIES (T_SLOW ? 60 : 1500)

/* A check that names the history it fails in. */
#define EXPECT(cond) CHECK_MSG(cond, "SEED=%ju", (uintmax_t)w->seed)

static const char *const names[NAMES] = {"", "name", "name2"};

typedef enum kind { CREATE, WRITE, REMOVE } kind;

/* One operation that had an effect. */
typedef struct event {
    kind     kind;
    unsigned txn, author, name, type;
    uint64_t stamp;            /* of its presence; 0: none */
    bool     ends[EVENTS_MAX]; /* REMOVE: the writes that lived at its author */
} event;

typedef struct entry {
    crdt_delta *delta;
    unsigned    author, first, end; /* its events */
} entry;

typedef struct world {
    crdt_store *stores[REPLICAS];
    uint64_t    seed, random, now;
    event       events[EVENTS_MAX];
    entry       txns[TXNS_MAX];
    unsigned    events_count, txns_count;
    bool        held[REPLICAS][TXNS_MAX];
} world;

static uint64_t below(world *w, uint64_t bound)
{
    return random_below(&w->random, bound);
}

static const crdt_type *type_of(unsigned i)
{
    const crdt_type *const types[TYPES] = {
        &crdt_orset_type, &crdt_gset_type,     &crdt_ewflag_type,    &crdt_lww_type,
        &crdt_mvreg_type, &crdt_gcounter_type, &crdt_pncounter_type,
    };
    return types[i];
}

/* -- The model --------------------------------------------------------------------------------- */

/* What an observer has: which events. */
typedef bool view[EVENTS_MAX];

static void view_of(const world *w, unsigned replica, view v)
{
    memset(v, 0, sizeof(view));
    for (unsigned t = 0; t < w->txns_count; t++) {
        if (!w->held[replica][t]) continue;
        for (unsigned e = w->txns[t].first; e < w->txns[t].end; e++) v[e] = true;
    }
}

static bool lives(const world *w, const view v, unsigned e)
{
    if (!v[e] || w->events[e].kind == REMOVE) return false;
    for (unsigned r = 0; r < w->events_count; r++) {
        const event *removal = &w->events[r];
        if (v[r] && removal->kind == REMOVE && removal->ends[e]) return false;
    }
    return true;
}

typedef struct standing {
    unsigned type, author;
    uint64_t stamp;
} standing;

static bool stands_before(const standing *a, const standing *b)
{
    if (a->stamp != b->stamp) return a->stamp > b->stamp;
    if (a->stamp != 0) return a->author > b->author;
    return type_of(a->type)->id < type_of(b->type)->id;
}

/* The types that live under a name, the one that shows first. */
static unsigned types_under(const world *w, const view v, unsigned name, standing list[TYPES])
{
    unsigned count = 0;
    for (unsigned type = 0; type < TYPES; type++) {
        standing s = {type, 0, 0};
        bool     any = false;
        for (unsigned e = 0; e < w->events_count; e++) {
            const event *it = &w->events[e];
            if (it->name != name || it->type != type || !lives(w, v, e)) continue;
            standing now = {type, it->author, it->stamp};
            if (!any || stands_before(&now, &s)) s = now;
            any = true;
        }
        if (!any) continue;
        unsigned at = count++;
        for (; at > 0 && stands_before(&s, &list[at - 1]); at--) list[at] = list[at - 1];
        list[at] = s;
    }
    return count;
}

static void check_replica(const world *w, unsigned replica)
{
    const crdt_store *store = w->stores[replica];
    unsigned          exist = 0;
    view              v;
    crdt_ref          ref;
    view_of(w, replica, v);
    for (unsigned name = 0; name < NAMES; name++) {
        standing  list[TYPES];
        unsigned  count = types_under(w, v, name, list);
        crdt_view key = name_of(names[name]);
        exist += count > 0;
        for (unsigned i = 0; i < count; i++) {
            const crdt_type *type = crdt_store_type_at(store, key, i);
            EXPECT(type == type_of(list[i].type));
        }
        EXPECT(crdt_store_type_at(store, key, count) == NULL);
        crdt_err err = crdt_store_find(store, key, NULL, &ref);
        EXPECT(err == (count > 0 ? CRDT_OK : CRDT_ENOENT));
        if (count > 0) EXPECT(ref.type == type_of(list[0].type));
    }
    const char *reason = "";
    EXPECT(crdt_store_count(store) == exist);
    CHECK_MSG(crdt_store_check(store, &reason), "SEED=%ju: %s", (uintmax_t)w->seed, reason);
}

/* -- Writing ----------------------------------------------------------------------------------- */

static unsigned note(world *w, kind what, unsigned author, unsigned name, unsigned type, view v)
{
    unsigned n = w->events_count++;
    event   *e = &w->events[n];
    e->kind = what;
    e->txn = w->txns_count;
    e->author = author;
    e->name = name;
    e->type = type;
    e->stamp = 0;
    memset(e->ends, 0, sizeof e->ends);
    for (unsigned i = 0; what == REMOVE && i < n; i++) {
        e->ends[i] = w->events[i].name == name && lives(w, v, i);
    }
    v[n] = true;
    return n;
}

/* Remove a name, as the transaction sees it. */
static void do_remove(world *w, crdt_txn *txn, unsigned author, unsigned name, view v)
{
    standing list[TYPES];
    bool     exists = types_under(w, v, name, list) > 0;
    crdt_err err = crdt_txn_remove(txn, name_of(names[name]));
    EXPECT(err == (exists ? CRDT_OK : CRDT_ENOENT));
    if (exists) note(w, REMOVE, author, name, 0, v);
}

/* Write to a name, or only create it. */
static void do_write(world *w, crdt_txn *txn, unsigned author, unsigned name, bool create, view v)
{
    standing         list[TYPES];
    unsigned         count = types_under(w, v, name, list);
    unsigned         type = (unsigned)below(w, TYPES);
    const crdt_type *t;
    if (count > 0 && below(w, 4) > 0) type = list[0].type; /* mostly the one that shows */
    t = type_of(type);
    const crdt_op *op = &t->ops[0];
    crdt_value     value = crdt_int((int64_t)w->events_count + 1);
    crdt_clock     clock = *crdt_store_clock(w->stores[author]);
    crdt_view      key = name_of(names[name]);
    crdt_err       err = create ? crdt_txn_create(txn, key, t)
                                : crdt_txn_apply(txn, key, op, &value, strlen(op->args));
    bool           refused = count > 0 && list[0].type != type;
    EXPECT(err == (refused ? CRDT_ETYPE : CRDT_OK));
    if (refused || (create && count > 0)) return;
    unsigned e = note(w, create ? CREATE : WRITE, author, name, type, v);
    if (count == 0) w->events[e].stamp = crdt_clock_stamp(&clock, w->now, 0);
}

static void write_txn(world *w, unsigned author)
{
    view      v;
    crdt_txn *txn;
    view_of(w, author, v);
    w->now += below(w, 3) == 0;
    CHECK_OK(crdt_store_begin(w->stores[author], w->now, &txn));
    unsigned first = w->events_count;
    for (uint64_t n = 1 + below(w, 3); n > 0; n--) {
        unsigned name = (unsigned)below(w, NAMES), dice = (unsigned)below(w, 8);
        if (dice < 3) do_remove(w, txn, author, name, v);
        if (dice < 1 || dice >= 3) do_write(w, txn, author, name, dice == 7, v); /* 0: both */
    }
    if (below(w, 12) == 0) { /* nothing of it was */
        crdt_store_rollback(w->stores[author]);
        w->events_count = first;
        return;
    }
    entry *t = &w->txns[w->txns_count];
    CHECK_OK(crdt_store_commit(w->stores[author], &t->delta));
    if (first == w->events_count) {
        crdt_store_free(t->delta);
        return;
    }
    t->author = author;
    t->first = first;
    t->end = w->events_count;
    w->held[author][w->txns_count++] = true;
}

/* -- Delivering -------------------------------------------------------------------------------- */

/* Join what came, half of the time by its bytes. True if it was taken. */
static bool take_in(world *w, unsigned to, const crdt_store *given)
{
    crdt_store *copy = below(w, 2) ? recoded(given) : NULL;
    crdt_err    err = crdt_store_join(w->stores[to], copy ? copy : given, w->now);
    EXPECT(err == CRDT_OK || err == CRDT_EGAP);
    crdt_store_free(copy);
    return err == CRDT_OK;
}

static void give_delta(world *w, unsigned to)
{
    unsigned t = (unsigned)below(w, w->txns_count);
    if (take_in(w, to, w->txns[t].delta)) w->held[to][t] = true;
    else EXPECT(!w->held[to][t]);
}

/* A group: some transactions, in order, and perhaps a group within it. */
static void give_group(world *w, unsigned to)
{
    crdt_store *group = NULL;
    bool        in[TXNS_MAX] = {0};
    unsigned    from = (unsigned)below(w, w->txns_count), end = from + 1 + (unsigned)below(w, 5);
    for (unsigned t = from; t < end && t < w->txns_count; t++) {
        crdt_store *part = NULL;
        in[t] = true;
        CHECK_OK(crdt_store_clone(w->txns[t].delta, 0, &part));
        if (below(w, 3) == 0 && t + 1 < w->txns_count) {
            CHECK_OK(crdt_store_merge(part, w->txns[++t].delta));
            in[t] = true;
        }
        if (group == NULL) {
            group = part;
            continue;
        }
        CHECK_OK(crdt_store_merge(group, part));
        crdt_store_free(part);
    }
    if (take_in(w, to, group)) {
        for (unsigned t = 0; t < w->txns_count; t++) w->held[to][t] |= in[t];
    }
    crdt_store_free(group);
}

static void give_all(world *w, unsigned from, unsigned to, bool since)
{
    crdt_store *given;
    if (since) {
        const crdt_context *ctx = crdt_store_context(w->stores[to]);
        CHECK_OK(crdt_store_since(w->stores[from], ctx, &given));
    } else {
        CHECK_OK(crdt_store_clone(w->stores[from], 0, &given));
    }
    EXPECT(take_in(w, to, given));
    for (unsigned t = 0; t < w->txns_count; t++) w->held[to][t] |= w->held[from][t];
    crdt_store_free(given);
}

static void step(world *w)
{
    unsigned to = (unsigned)below(w, REPLICAS), from = (to + 1 + (unsigned)below(w, 2)) % REPLICAS;
    bool     room = w->txns_count < TXNS_MAX && w->events_count + 6 <= EVENTS_MAX;
    uint64_t dice = below(w, 16);
    if (dice < 7) {
        if (room) write_txn(w, to);
    } else if (w->txns_count == 0) {
        return;
    } else if (dice < 11) {
        give_delta(w, to);
    } else if (dice < 13) {
        give_group(w, to);
    } else {
        give_all(w, from, to, dice < 15);
    }
    check_replica(w, to);
}

/* Everyone gets what he lacks, in whatever way. */
static void settle(world *w)
{
    for (unsigned to = 0; to < REPLICAS; to++) {
        if (below(w, 3) == 0) give_all(w, (to + 1) % REPLICAS, to, below(w, 2) == 0);
        for (bool more = true; more;) {
            more = false;
            for (unsigned t = 0; t < w->txns_count; t++) {
                if (w->held[to][t] || !take_in(w, to, w->txns[t].delta)) continue;
                w->held[to][t] = more = true;
            }
        }
        for (unsigned t = 0; t < w->txns_count; t++) EXPECT(w->held[to][t]);
        check_replica(w, to);
    }
    for (unsigned r = 1; r < REPLICAS; r++) EXPECT(same_bytes(w->stores[0], w->stores[r]));
}

static void run(uint64_t seed)
{
    world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->seed = w->random = seed;
    w->now = NOW;
    for (unsigned r = 0; r < REPLICAS; r++) w->stores[r] = store_of(100 + 7 * r);
    for (uint64_t n = 20 + below(w, 60); n > 0; n--) step(w);
    settle(w);
    for (unsigned t = 0; t < w->txns_count; t++) crdt_store_free(w->txns[t].delta);
    for (unsigned r = 0; r < REPLICAS; r++) crdt_store_free(w->stores[r]);
    free(w);
}

TEST(names, show_the_types_that_the_model_says)
{
    const char *text = getenv("SEED");
    uint64_t    first = text ? strtoull(text, NULL, 10) : 1;
    printf("SEED=%ju\n", (uintmax_t)first);
    for (uint64_t seed = first; seed < first + (text ? 1 : HISTORIES); seed++) {
        run(seed);
    }
}

/* -- Names as a transaction sees them ---------------------------------------------------------- */

/* The names from `from` on, a space behind each. */
static const char *walked(const crdt_txn *txn, const char *from)
{
    static char   text[256];
    crdt_txn_iter it = crdt_txn_iterate_from(txn, name_of(from));
    crdt_view     name;
    crdt_ref      ref;
    size_t        used = 0;
    text[0] = 0;
    while (crdt_txn_next(&it, &name, &ref)) {
        CHECK(ref.type != NULL && used + name.size + 2 < sizeof text);
        memcpy(text + used, name.data, name.size);
        used += name.size;
        memcpy(text + used++, " ", 2);
    }
    return text;
}

TEST(names, of_a_transaction_in_order)
{
    crdt_store *a = store_of(1);
    crdt_txn   *txn = begin(a);
    CHECK_EQ_STR(walked(txn, ""), "");
    crdt_store_rollback(a);
    DO(a, "b", &crdt_orset_type, "add", "x");
    DO(a, "d", &crdt_orset_type, "add", "x");
    DO(a, "f", &crdt_orset_type, "add", "x");
    txn = begin(a);
    CHECK_EQ_STR(walked(txn, ""), "b d f ");
    CHECK_OK(crdt_orset_add(txn, name_of("a"), crdt_text("y")));
    CHECK_OK(crdt_orset_add(txn, name_of("d"), crdt_text("y")));
    CHECK_OK(crdt_cell_set(txn, name_of("g"), crdt_int(1)));
    CHECK_OK(crdt_cell_set(txn, name_of("e"), crdt_int(1)));
    CHECK_OK(crdt_txn_remove(txn, name_of("f")));
    CHECK_OK(crdt_txn_remove(txn, name_of("e")));
    CHECK_EQ_STR(walked(txn, ""), "a b d g ");
    CHECK_EQ_STR(walked(txn, "b"), "b d g ");
    CHECK_EQ_STR(walked(txn, "bb"), "d g ");
    CHECK_EQ_STR(walked(txn, "h"), "");
    CHECK_OK(crdt_cell_set(txn, name_of("f"), crdt_int(1))); /* now of another type */
    CHECK_EQ_STR(walked(txn, "e"), "f g ");
    crdt_store_free(commit(a));
    CHECK_EQ_INT(crdt_store_count(a), 5);
    crdt_store_free(a);
}

TEST(names, what_a_transaction_has_changed_is_counted)
{
    crdt_store *a = store_of(1);
    crdt_ref    ref;
    DO(a, "s", &crdt_orset_type, "add", "x");
    crdt_txn *txn = begin(a);
    CHECK_EQ_INT(crdt_txn_changes(txn), 0);
    CHECK_ERR(crdt_cell_set(txn, name_of("s"), crdt_int(1)), CRDT_ETYPE);
    CHECK_OK(crdt_txn_find(txn, name_of("s"), NULL, &ref));
    CHECK_ERR(crdt_txn_remove(txn, name_of("none")), CRDT_ENOENT);
    CHECK_EQ_INT(crdt_txn_changes(txn), 0);
    CHECK_OK(crdt_orset_add(txn, name_of("s"), crdt_text("y")));
    uint64_t changes = crdt_txn_changes(txn);
    CHECK(changes > 0);
    CHECK_OK(crdt_txn_remove(txn, name_of("s")));
    CHECK(crdt_txn_changes(txn) > changes);
    /* What shows no more is an object still. */
    CHECK_ERR(crdt_txn_find(txn, name_of("s"), NULL, &ref), CRDT_ENOENT);
    CHECK_OK(crdt_txn_object(txn, name_of("s"), &crdt_orset_type, &ref));
    CHECK_EQ_INT(crdt_orset_count(ref), 0);
    CHECK_ERR(crdt_txn_object(txn, name_of("s"), &crdt_cell_type, &ref), CRDT_ENOENT);
    CHECK_ERR(crdt_txn_object(txn, name_of("none"), &crdt_orset_type, &ref), CRDT_ENOENT);
    crdt_store_free(commit(a));
    crdt_store_free(a);
}
