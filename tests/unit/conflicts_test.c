/* conflicts_test.c: sets of siblings: surfaced once, and acknowledged as far as they were seen. */
#include <stdio.h>
#include <string.h>

#include "crdt/resolve.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3
#define ACKS "acks"

static const crdt_path room = {{"room", 4}, NULL, 0};

static crdt_rules *rules_of(const crdt_mem *mem)
{
    crdt_rules *rules;
    CHECK_OK(crdt_rules_new(mem, &rules));
    CHECK_OK(crdt_rules_acks(rules, name_of(ACKS)));
    return rules;
}

static void put(crdt_store *s, const char *value)
{
    DO(s, "room", &crdt_mvreg_type, "set", value);
}

static void meet(crdt_store *a, crdt_store *b)
{
    join(a, b);
    join(b, a);
    CHECK(same_bytes(a, b));
}

static crdt_outcome outcome_of(const crdt_store *s, const crdt_rules *r, crdt_path path)
{
    crdt_outcome o;
    CHECK_OK(crdt_resolve(s, r, &path, &o));
    return o;
}

static bool needs_review(const crdt_store *s, const crdt_rules *r, crdt_path path)
{
    crdt_outcome o = outcome_of(s, r, path);
    bool         needs = o.needs_review;
    CHECK(!needs || o.competing > 1);
    crdt_outcome_clear(&o);
    return needs;
}

/* What a reader has before him. */
static void look(const crdt_store *s, const crdt_rules *r, crdt_path path, crdt_context *seen)
{
    crdt_outcome o = outcome_of(s, r, path);
    crdt_context_init(seen, NULL);
    CHECK_OK(crdt_outcome_seen(&o, seen));
    crdt_outcome_clear(&o);
}

static crdt_err ack(crdt_store *s, const crdt_rules *r, crdt_path path, const crdt_context *seen)
{
    crdt_txn *txn = begin(s);
    bool      clear = false;
    crdt_err  err = crdt_ack(txn, r, &path, seen, &clear);
    if (err != CRDT_OK) {
        crdt_store_rollback(s);
        return err;
    }
    crdt_store_free(commit(s));
    CHECK_EQ_INT(clear, !needs_review(s, r, path));
    return err;
}

/* How many acknowledgements of the room are kept. */
static size_t acks_kept(const crdt_store *s)
{
    crdt_view key = crdt_view_of("\0\4room", 6);
    crdt_ref  map, set;
    CHECK_OK(crdt_store_find(s, name_of(ACKS), &crdt_ormap_type, &map));
    CHECK_OK(crdt_ormap_get(map, &key, 1, &crdt_orset_type, &set));
    return crdt_orset_count(set);
}

static void ack_now(crdt_store *s, const crdt_rules *r, crdt_path path)
{
    crdt_context seen;
    look(s, r, path, &seen);
    CHECK_OK(ack(s, r, path, &seen));
    crdt_context_clear(&seen);
}

/* -- Sets -------------------------------------------------------------------------------------- */

TEST(conflict, a_set_is_hashed_by_its_path_and_dots_alone)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    crdt_rules *r = rules_of(NULL);
    put(a, "ann");
    put(b, "bob");
    meet(a, b);
    crdt_outcome at_a = outcome_of(a, r, room), at_b = outcome_of(b, r, room);
    CHECK_EQ_INT(at_a.competing, 2);
    CHECK(crdt_digest_equal(at_a.set, at_b.set) && crdt_digest_equal(at_a.id, at_b.id));
    put(a, "cy");
    crdt_outcome one = outcome_of(a, r, room);
    CHECK_EQ_INT(one.competing, 0);
    CHECK(!one.needs_review && crdt_digest_equal(one.set, (crdt_digest){0, 0}));
    put(b, "dan"); /* did not see cy */
    meet(a, b);
    crdt_outcome later = outcome_of(b, r, room);
    CHECK_EQ_INT(later.competing, 2);
    CHECK(!crdt_digest_equal(later.set, at_a.set));
    crdt_outcome_clear(&at_a);
    crdt_outcome_clear(&at_b);
    crdt_outcome_clear(&one);
    crdt_outcome_clear(&later);
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

TEST(conflict, equal_values_do_not_compete)
{
    crdt_store *a = store_of(A), *b = store_of(B), *c = store_of(C);
    put(a, "ann");
    put(b, "ann");
    meet(a, b);
    crdt_outcome o = outcome_of(a, NULL, room);
    CHECK_EQ_INT(o.view.count, 2);
    CHECK_EQ_INT(o.competing, 0);
    crdt_outcome_clear(&o);
    put(c, "cy");
    join(a, c);
    o = outcome_of(a, NULL, room);
    CHECK_EQ_INT(o.competing, 3);
    CHECK(o.needs_review); /* without rules nothing acknowledges it */
    crdt_outcome_clear(&o);
    free_all(a, b, c, NULL);
}

/* -- Surfacing --------------------------------------------------------------------------------- */

/* What is told after a look at all, as "name/key siblings;". */
static const char *told(crdt_surfaced *s, const crdt_store *store, const char *name)
{
    static char    text[400];
    size_t         used = 0;
    crdt_surfacing e;
    if (name == NULL) CHECK_OK(crdt_surfaced_look_all(s, store));
    else CHECK_OK(crdt_surfaced_look(s, store, name_of(name)));
    text[0] = 0;
    while (crdt_surfaced_next(s, &e)) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%.*s", (int)e.path.name.size,
                                 (const char *)e.path.name.data);
        for (size_t i = 0; i < e.path.depth; i++) {
            used += (size_t)snprintf(text + used, sizeof text - used, "/%.*s",
                                     (int)e.path.keys[i].size, (const char *)e.path.keys[i].data);
        }
        used += (size_t)snprintf(text + used, sizeof text - used, " %zu%s;", e.siblings,
                                 e.many ? "!" : "");
    }
    return text;
}

static crdt_surfaced *surfaced_of(const crdt_rules *r)
{
    crdt_surfaced *s;
    CHECK_OK(crdt_surfaced_new(r, NULL, &s));
    return s;
}

TEST(surfaced, each_set_is_told_of_once)
{
    crdt_store    *a = store_of(A), *b = store_of(B), *c = store_of(C);
    crdt_rules    *r = rules_of(NULL);
    crdt_surfaced *s = surfaced_of(r);
    CHECK_EQ_STR(told(s, a, NULL), "");
    put(a, "ann");
    put(b, "bob");
    put(c, "cy");
    meet(a, b);
    CHECK_EQ_STR(told(s, a, "room"), "room 2;");
    CHECK_EQ_STR(told(s, a, "room"), "");
    CHECK_EQ_STR(told(s, a, NULL), "");
    join(a, c); /* a sibling more: another set */
    CHECK_EQ_STR(told(s, a, "room"), "room 3;");
    CHECK_EQ_STR(told(s, a, "other"), "");
    CHECK_EQ_STR(told(s, a, "room"), "");
    put(a, "dan"); /* it is over, and what was told of is forgotten */
    CHECK_EQ_STR(told(s, a, "room"), "");
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_surfaced_encode(s, &bytes));
    CHECK_EQ_INT(bytes.size, 1);
    crdt_buf_clear(&bytes);
    crdt_surfaced_free(s);
    crdt_rules_free(r);
    free_all(a, b, c, NULL);
}

TEST(surfaced, registers_in_maps_and_columns_have_paths_of_their_own)
{
    crdt_store    *a = store_of(A), *b = store_of(B);
    crdt_rules    *r = rules_of(NULL);
    crdt_surfaced *s = surfaced_of(r);
    crdt_store    *both[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        const char *who = i == 0 ? "ann" : "bob";
        DO(both[i], "m", &crdt_ormap_type, "set_in", "home", "city", who);
        DO(both[i], "m", &crdt_ormap_type, "set", "name", who);
        DO(both[i], "m", &crdt_ormap_type, "set", "same", "same");
        DO(both[i], "max", &crdt_max_type, "write", i); /* merges by itself */
        crdt_view rows = name_of("rows");
        crdt_txn *txn = begin(both[i]);
        CHECK_OK(crdt_lwwmap_put(txn, name_of("row"), name_of("mail"), crdt_text(who), 4, 0));
        CHECK_OK(crdt_lwwmap_put(txn, name_of("row"), name_of("tel"), crdt_text("1"), 4, 0));
        CHECK_OK(crdt_ormap_enter(txn, name_of("m"), &crdt_ormap_type, &rows, 1));
        CHECK_OK(crdt_lwwmap_put(txn, name_of("r1"), name_of("c"), crdt_int(i), 4, 0));
        crdt_store_free(commit(both[i]));
    }
    meet(a, b);
    CHECK_EQ_STR(told(s, a, NULL), "m/home/city 2;m/name 2;m/rows/r1/c 2;row/mail 2;");
    CHECK_EQ_STR(told(s, a, NULL), "");
    DO(a, "m", &crdt_ormap_type, "set", "name", "both");
    CHECK_EQ_STR(told(s, a, "m"), "");
    DO(b, "m", &crdt_ormap_type, "set", "name", "mine");
    meet(a, b);
    CHECK_EQ_STR(told(s, a, "m"), "m/name 2;");
    crdt_surfaced_free(s);
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

TEST(surfaced, an_explosion_of_siblings_is_reported_and_nothing_is_dropped)
{
    enum { WRITERS = 40, LIMIT = 32 };
    crdt_store    *a = store_of(1000);
    crdt_rules    *r = rules_of(NULL);
    crdt_surfaced *s = surfaced_of(r);
    crdt_rules_many(r, LIMIT);
    for (uint64_t i = 1; i <= WRITERS; i++) {
        char        text[20], expected[30];
        crdt_store *writer = store_of(i);
        snprintf(text, sizeof text, "v%ju", (uintmax_t)i);
        put(writer, text);
        join(a, writer);
        crdt_store_free(writer);
        crdt_outcome o = outcome_of(a, r, room);
        CHECK_EQ_INT(o.count, i);
        CHECK_EQ_INT(o.many, i >= LIMIT);
        crdt_outcome_clear(&o);
        snprintf(expected, sizeof expected, "room %ju%s;", (uintmax_t)i, i >= LIMIT ? "!" : "");
        CHECK_EQ_STR(told(s, a, "room"), i == 1 ? "" : expected);
    }
    crdt_surfaced_free(s);
    crdt_rules_free(r);
    free_all(a, NULL);
}

TEST(surfaced, what_is_acknowledged_is_not_told_of)
{
    crdt_store    *a = store_of(A), *b = store_of(B);
    crdt_rules    *r = rules_of(NULL);
    crdt_surfaced *at_a = surfaced_of(r), *at_b = surfaced_of(r);
    put(a, "ann");
    put(b, "bob");
    join(a, b);
    CHECK_EQ_STR(told(at_a, a, NULL), "room 2;");
    ack_now(a, r, room);
    join(b, a);
    CHECK_EQ_STR(told(at_b, b, NULL), "");
    CHECK_EQ_STR(told(at_a, a, NULL), "");
    crdt_surfaced_free(at_a);
    crdt_surfaced_free(at_b);
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

/* -- Memory that outlives a restart ------------------------------------------------------------ */

static crdt_err decode(const uint8_t *data, size_t size, const char *expected)
{
    const char    *reason = NULL;
    crdt_surfaced *s = surfaced_of(NULL);
    crdt_err       err = crdt_surfaced_decode(s, crdt_view_of(data, size), &reason);
    if (err != CRDT_OK) CHECK(reason != NULL);
    if (expected != NULL) CHECK_EQ_STR(reason, expected);
    if (err == CRDT_OK) {
        crdt_buf again;
        crdt_buf_init(&again, NULL);
        CHECK_OK(crdt_surfaced_encode(s, &again));
        CHECK_EQ_MEM(again.data, again.size, data, size);
        crdt_buf_clear(&again);
    }
    crdt_surfaced_free(s);
    return err;
}

TEST(surfaced, what_was_told_of_is_remembered_in_bytes)
{
    crdt_store    *a = store_of(A), *b = store_of(B);
    crdt_surfaced *s = surfaced_of(NULL), *after = surfaced_of(NULL);
    crdt_surfacing e;
    crdt_buf       bytes;
    DO(a, "x", &crdt_mvreg_type, "set", "1");
    DO(b, "x", &crdt_mvreg_type, "set", "2");
    put(a, "ann");
    put(b, "bob");
    join(a, b);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_surfaced_look_all(s, a));
    CHECK(crdt_surfaced_next(s, &e)); /* "room"; "x" is listed, and nobody heard of it */
    CHECK_EQ_MEM(e.path.name.data, e.path.name.size, "room", 4);
    CHECK_OK(crdt_surfaced_encode(s, &bytes));
    CHECK_EQ_INT(bytes.size, 41);
    CHECK_OK(crdt_surfaced_decode(after, crdt_buf_bytes(&bytes), NULL));
    CHECK_EQ_STR(told(after, a, NULL), "x 2;");
    bytes.size = 0;
    CHECK_OK(crdt_surfaced_encode(after, &bytes));
    CHECK_EQ_INT(bytes.size, 81);
    CHECK_OK(decode(bytes.data, bytes.size, NULL));
    for (size_t size = 0; size < bytes.size; size++) {
        CHECK_ERR(decode(bytes.data, size, NULL), CRDT_EMALFORMED);
    }
    uint8_t twice[81], longer[82] = {0};
    memcpy(twice, bytes.data, 41);
    memcpy(twice + 41, bytes.data + 1, 40);
    CHECK_ERR(decode(twice, 81, "surfaced: not in order"), CRDT_EMALFORMED);
    memcpy(longer, bytes.data, 81);
    CHECK_ERR(decode(longer, 82, "surfaced: something stands behind the end"), CRDT_EMALFORMED);
    const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    CHECK_ERR(decode(huge, sizeof huge, NULL), CRDT_EMALFORMED);
    crdt_buf_clear(&bytes);
    crdt_surfaced_free(s);
    crdt_surfaced_free(after);
    free_all(a, b, NULL);
}

/* -- Acknowledgements -------------------------------------------------------------------------- */

TEST(ack, one_clears_what_it_covers_on_all_replicas)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    crdt_rules *r = rules_of(NULL);
    put(a, "ann");
    put(b, "bob");
    meet(a, b);
    CHECK(needs_review(a, r, room) && needs_review(b, r, room));
    ack_now(a, r, room);
    CHECK(!needs_review(a, r, room) && needs_review(b, r, room));
    crdt_store *later = store_of(C); /* a sibling that nobody saw while it was reviewed */
    put(later, "cy");
    join(b, later);
    meet(a, b);
    CHECK(needs_review(a, r, room) && needs_review(b, r, room));
    ack_now(b, r, room);
    meet(a, b);
    CHECK(!needs_review(a, r, room) && !needs_review(b, r, room));
    crdt_outcome o = outcome_of(a, r, room);
    CHECK_EQ_INT(o.count, 3); /* all of them are still there */
    crdt_outcome_clear(&o);
    CHECK_EQ_INT(acks_kept(a), 1); /* it took the place of the first */
    crdt_rules_free(r);
    free_all(a, b, later, NULL);
}

TEST(ack, a_stale_one_does_not_clear_a_newer_conflict)
{
    crdt_store  *a = store_of(A), *b = store_of(B), *c = store_of(C);
    crdt_rules  *r = rules_of(NULL);
    crdt_context screen;
    put(a, "ann");
    put(b, "bob");
    meet(a, b);
    look(a, r, room, &screen); /* ann and bob are on the screen */
    put(c, "cy");
    join(a, c);
    CHECK_OK(ack(a, r, room, &screen)); /* cy arrived before the button was pressed */
    CHECK(needs_review(a, r, room));
    ack_now(a, r, room);
    CHECK(!needs_review(a, r, room));
    CHECK_OK(ack(a, r, room, &screen)); /* pressed again: changes nothing */
    CHECK(!needs_review(a, r, room));
    put(a, "dan");
    put(c, "eve");
    meet(a, c);
    CHECK(needs_review(a, r, room));
    CHECK_ERR(ack(a, r, room, &screen), CRDT_ESTALE);
    CHECK(needs_review(a, r, room));
    crdt_context_clear(&screen);
    crdt_rules_free(r);
    free_all(a, b, c, NULL);
}

TEST(ack, a_newer_one_is_not_taken_away_by_an_older_one)
{
    crdt_store  *a = store_of(A), *b = store_of(B), *c = store_of(C);
    crdt_rules  *r = rules_of(NULL);
    crdt_context old;
    put(a, "ann");
    put(b, "bob");
    meet(a, b);
    look(b, r, room, &old);
    put(c, "cy");
    join(a, c);
    ack_now(a, r, room); /* of all three; at the same time: */
    CHECK_OK(ack(b, r, room, &old));
    meet(a, b);
    CHECK(!needs_review(a, r, room) && !needs_review(b, r, room));
    crdt_context_clear(&old);
    crdt_rules_free(r);
    free_all(a, b, c, NULL);
}

TEST(ack, reviews_of_parts_do_not_add_up)
{
    crdt_store  *a = store_of(A), *b = store_of(B), *c = store_of(C);
    crdt_rules  *r = rules_of(NULL);
    crdt_context ann_bob, bob_cy;
    put(a, "ann");
    put(b, "bob");
    put(c, "cy");
    join(a, b);
    join(c, b);
    look(a, r, room, &ann_bob);
    look(c, r, room, &bob_cy);
    CHECK_OK(ack(a, r, room, &ann_bob));
    CHECK_OK(ack(c, r, room, &bob_cy));
    meet(a, c);
    CHECK(needs_review(a, r, room)); /* nobody has seen ann beside cy */
    ack_now(c, r, room);
    CHECK(!needs_review(c, r, room));
    CHECK_EQ_INT(acks_kept(c), 1); /* and the one takes the place of both */
    crdt_context_clear(&ann_bob);
    crdt_context_clear(&bob_cy);
    crdt_rules_free(r);
    free_all(a, b, c, NULL);
}

TEST(ack, what_cannot_have_been_reviewed_is_refused)
{
    crdt_store  *a = store_of(A), *b = store_of(B);
    crdt_rules  *r = rules_of(NULL), *without;
    crdt_context ahead, none;
    CHECK_OK(crdt_rules_new(NULL, &without));
    put(a, "ann");
    put(b, "bob");
    join(a, b);
    crdt_context_init(&ahead, NULL);
    crdt_context_init(&none, NULL);
    CHECK_OK(crdt_context_add(&ahead, (crdt_dot){B, 99})); /* of tomorrow */
    CHECK_ERR(ack(a, r, room, &ahead), CRDT_EGAP);
    CHECK_ERR(ack(a, r, room, &none), CRDT_ESTALE);
    CHECK_ERR(ack(a, without, room, &none), CRDT_EINVAL);
    CHECK_ERR(ack(a, r, crdt_path_of(name_of("nothing")), &none), CRDT_ENOENT);
    DO(a, "n", &crdt_pncounter_type, "inc", 1);
    CHECK_ERR(ack(a, r, crdt_path_of(name_of("n")), &none), CRDT_ETYPE);
    DO(a, ACKS, &crdt_mvreg_type, "set", "x"); /* no map */
    CHECK(needs_review(a, r, room));
    crdt_context all;
    look(a, r, room, &all);
    CHECK_ERR(ack(a, r, room, &all), CRDT_ETYPE);
    crdt_context_clear(&all);
    crdt_context_clear(&ahead);
    crdt_rules_free(r);
    crdt_rules_free(without);
    free_all(a, b, NULL);
}

/* Somebody writes to the map by other means. */
TEST(ack, rubbish_acknowledges_nothing)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    crdt_rules *r = rules_of(NULL);
    put(a, "ann");
    put(b, "bob");
    join(a, b);
    DO(a, ACKS, &crdt_ormap_type, "add", "no path", "x");
    crdt_txn *txn = begin(a);
    CHECK_OK(crdt_ormap_enter(txn, name_of(ACKS), &crdt_ormap_type, NULL, 0));
    CHECK_OK(crdt_orset_add(txn, crdt_view_of("\0\4room", 6), crdt_int(7)));
    CHECK_OK(crdt_orset_add(txn, crdt_view_of("\0\4room", 6), crdt_text("\xff\xff")));
    crdt_store_free(commit(a));
    CHECK(needs_review(a, r, room));
    ack_now(a, r, room);
    CHECK(!needs_review(a, r, room));
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

TEST(ack, one_of_a_path_covers_what_lies_below)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    crdt_rules *r = rules_of(NULL);
    crdt_view   key = name_of("14");
    crdt_path   day = crdt_path_of(name_of("day")), hour = {day.name, &key, 1};
    DO(a, "day", &crdt_ormap_type, "set", "14", "ann");
    DO(b, "day", &crdt_ormap_type, "set", "14", "bob");
    meet(a, b);
    ack_now(a, r, day);
    ack_now(b, r, hour);
    CHECK(!needs_review(a, r, hour) && !needs_review(b, r, day));
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

TEST(ack, a_sweep_takes_away_those_of_conflicts_that_are_over)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    crdt_rules *r = rules_of(NULL);
    crdt_path   other = crdt_path_of(name_of("other"));
    put(a, "ann");
    put(b, "bob");
    DO(a, "other", &crdt_mvreg_type, "set", "1");
    DO(b, "other", &crdt_mvreg_type, "set", "2");
    meet(a, b);
    ack_now(a, r, room);
    ack_now(a, r, other);
    DO(a, ACKS, &crdt_ormap_type, "add", "no path", "x");
    CHECK_OK(crdt_ack_sweep(begin(a), r));
    crdt_store_free(commit(a));
    CHECK(!needs_review(a, r, room) && !needs_review(a, r, other));
    put(a, "cy");
    CHECK_OK(crdt_ack_sweep(begin(a), r));
    crdt_store_free(commit(a));
    CHECK(!needs_review(a, r, other));
    remove_name(a, "other");
    CHECK_OK(crdt_ack_sweep(begin(a), r));
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, ACKS), "{}");
    meet(a, b);
    check_store(b);
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

/* -- Memory ------------------------------------------------------------------------------------ */

static crdt_err ack_and_tell(testmem *m, crdt_store *s, const crdt_rules *r)
{
    crdt_surfaced *told_of = NULL;
    crdt_txn      *txn;
    crdt_outcome   o;
    crdt_context   seen;
    crdt_context_init(&seen, &m->mem);
    crdt_err err = crdt_surfaced_new(r, &m->mem, &told_of);
    if (err == CRDT_OK) err = crdt_surfaced_look_all(told_of, s);
    if (err == CRDT_OK) err = crdt_surfaced_look(told_of, s, name_of("room"));
    if (err == CRDT_OK) err = crdt_resolve(s, r, &room, &o);
    if (err == CRDT_OK) {
        err = crdt_outcome_seen(&o, &seen);
        crdt_outcome_clear(&o);
    }
    if (err == CRDT_OK) err = crdt_store_begin(s, NOW, &txn);
    if (err == CRDT_OK) err = crdt_ack(txn, r, &room, &seen, NULL);
    if (err == CRDT_OK) err = crdt_ack_sweep(txn, r);
    crdt_store_rollback(s);
    crdt_context_clear(&seen);
    crdt_surfaced_free(told_of);
    return err;
}

TEST(conflict, every_refused_allocation_is_an_error_and_changes_nothing)
{
    crdt_store  *b = store_of(B), *a, *before;
    testmem      m;
    crdt_options options = crdt_options_default(A, crdt_types_builtin());
    testmem_init(&m);
    options.mem = &m.mem;
    CHECK_OK(crdt_store_new(&options, &a));
    crdt_rules *r = rules_of(&m.mem);
    put(a, "ann");
    put(b, "bob");
    join(a, b);
    ack_now(a, r, room);
    crdt_store *c = store_of(C);
    put(c, "cy");
    join(a, c);
    CHECK_OK(crdt_store_clone(a, A, &before));
    uint64_t n = 1;
    for (;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = ack_and_tell(&m, a, r);
        if (!testmem_refused(&m)) {
            CHECK_OK(err);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK(needs_review(a, r, room));
    }
    CHECK(n > 40);
    testmem_fail_never(&m);
    CHECK(same_bytes(a, before));
    crdt_rules_free(r);
    free_all(a, b, c, before, NULL);
    TESTMEM_DONE(&m);
}
