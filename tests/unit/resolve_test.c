/* resolve_test.c: rules by path, policies, resolvers of one's own, and the kit that tests those. */
#include "crdt/resolve.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3

static crdt_path path_of(const char *name)
{
    return crdt_path_of(name_of(name));
}

/* name, then keys up to NULL; valid until the next call of its kind but one. */
static crdt_path path_to(const char *name, const char *key, const char *second)
{
    static crdt_view keys[2][2];
    static int       turn;
    crdt_view       *at = keys[turn++ % 2];
    crdt_path        path = {name_of(name), at, 1 + (size_t)(second != NULL)};
    at[0] = name_of(key);
    if (second != NULL) at[1] = name_of(second);
    return path;
}

static crdt_rules *rules_of(void)
{
    crdt_rules *rules;
    CHECK_OK(crdt_rules_new(NULL, &rules));
    return rules;
}

static void rule(crdt_rules *rules, crdt_path path, bool any, crdt_policy policy)
{
    CHECK_OK(crdt_rules_set(rules, &(crdt_pattern){path, any}, policy, NULL));
}

static void custom(crdt_rules *rules, crdt_path path, const crdt_resolver *resolver)
{
    CHECK_OK(crdt_rules_set(rules, &(crdt_pattern){path, false}, CRDT_CUSTOM, resolver));
}

static void print_items(const crdt_outcome *o, char *text, size_t room)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    for (size_t i = 0; i < o->count; i++) {
        if (i > 0) crdt_buf_text(&out, " ");
        crdt_buf_put(&out, o->items[i].key.data, o->items[i].key.size);
        if (o->items[i].key.size > 0) crdt_buf_text(&out, "=");
        crdt_buf_print_value(&out, o->items[i].value);
    }
    snprintf(text, room, "%.*s", (int)out.size, out.size > 0 ? (const char *)out.data : "");
    crdt_buf_clear(&out);
}

/* What the policy of the path says, as text. */
static const char *says(const crdt_store *store, const crdt_rules *rules, crdt_path path)
{
    static char  text[500];
    crdt_outcome o;
    crdt_err     err = crdt_resolve(store, rules, &path, &o);
    if (err != CRDT_OK) return crdt_err_name(err);
    print_items(&o, text, sizeof text);
    crdt_outcome_clear(&o);
    return text;
}

static void meet(crdt_store *a, crdt_store *b)
{
    join(a, b);
    join(b, a);
    CHECK(same_bytes(a, b));
}

/* -- Rules ------------------------------------------------------------------------------------- */

TEST(rules, the_longest_pattern_decides)
{
    crdt_rules *r = rules_of();
    crdt_path   ward = path_of("ward/3"), dose = path_to("ward/3", "dose", NULL);
    CHECK_EQ_INT(crdt_rules_policy(r, &ward), CRDT_KEEP_ALL);
    rule(r, path_of(""), true, CRDT_LATEST);
    CHECK_EQ_INT(crdt_rules_policy(r, &ward), CRDT_LATEST);
    CHECK_EQ_INT(crdt_rules_policy(r, &dose), CRDT_LATEST); /* all below it, too */
    rule(r, path_of("ward/"), true, CRDT_GREATEST);
    CHECK_EQ_INT(crdt_rules_policy(r, &ward), CRDT_GREATEST);
    rule(r, path_of("ward/3"), true, CRDT_UNION);
    rule(r, path_of("ward/3"), false, CRDT_KEEP_ALL);
    CHECK_EQ_INT(crdt_rules_policy(r, &ward), CRDT_KEEP_ALL); /* the exact one first */
    CHECK_EQ_INT(crdt_rules_policy(r, &dose), CRDT_UNION);
    rule(r, path_to("ward/3", "d", NULL), true, CRDT_LATEST);
    CHECK_EQ_INT(crdt_rules_policy(r, &dose), CRDT_LATEST); /* more keys first */
    crdt_path other = path_of("war"), deep = path_to("ward/3", "dose", "note");
    CHECK_EQ_INT(crdt_rules_policy(r, &other), CRDT_LATEST);
    CHECK_EQ_INT(crdt_rules_policy(r, &deep), CRDT_LATEST);
    crdt_rules_free(r);
}

TEST(rules, what_makes_no_sense_is_refused)
{
    crdt_rules   *r = rules_of();
    crdt_pattern  p = {path_of("a"), false};
    crdt_resolver none = {"none", NULL, NULL};
    CHECK_ERR(crdt_rules_set(r, &p, CRDT_CUSTOM, NULL), CRDT_EINVAL);
    CHECK_ERR(crdt_rules_set(r, &p, CRDT_CUSTOM, &none), CRDT_EINVAL);
    CHECK_ERR(crdt_rules_set(r, &p, CRDT_UNION, &none), CRDT_EINVAL);
    CHECK_ERR(crdt_rules_set(r, &p, (crdt_policy)9, NULL), CRDT_EINVAL);
    CHECK_OK(crdt_rules_set(r, &p, CRDT_UNION, NULL));
    CHECK_ERR(crdt_rules_set(r, &p, CRDT_LATEST, NULL), CRDT_EEXIST);
    p.any = true;
    CHECK_OK(crdt_rules_set(r, &p, CRDT_LATEST, NULL));
    crdt_rules_free(r);
}

/* -- Policies ---------------------------------------------------------------------------------- */

/* Three replicas write at the same time; all of it is in the store that is returned. */
static crdt_store *three_write(const char *name, const crdt_type *type, const char *op,
                               const char *x, const char *y, const char *z)
{
    crdt_store *a = store_of(A), *b = store_of(B), *c = store_of(C);
    DO(a, name, type, op, x);
    DO(b, name, type, op, y);
    DO(c, name, type, op, z);
    join(a, b);
    join(a, c);
    free_all(b, c, NULL);
    return a;
}

TEST(policies, each_says_what_it_is_named_for)
{
    crdt_store *s = three_write("r", &crdt_mvreg_type, "set", "pear", "apple", "pear");
    crdt_rules *r = rules_of();
    size_t      before = encoded_size(s);
    CHECK_EQ_STR(says(s, NULL, path_of("r")), "\"pear\" \"apple\" \"pear\"");
    CHECK_EQ_STR(says(s, r, path_of("r")), "\"pear\" \"apple\" \"pear\"");
    rule(r, path_of("r"), false, CRDT_GREATEST);
    CHECK_EQ_STR(says(s, r, path_of("r")), "\"pear\"");
    crdt_rules_free(r);
    r = rules_of();
    rule(r, path_of("r"), false, CRDT_UNION);
    CHECK_EQ_STR(says(s, r, path_of("r")), "\"apple\" \"pear\"");
    crdt_rules_free(r);
    r = rules_of();
    rule(r, path_of("r"), false, CRDT_LATEST);
    CHECK_EQ_STR(says(s, r, path_of("r")), "ETYPE"); /* this type has no stamps */
    CHECK_EQ_STR(says(s, r, path_of("nothing")), "ENOENT");
    CHECK_EQ_INT(encoded_size(s), before);
    crdt_rules_free(r);
    free_all(s, NULL);
}

TEST(policies, the_latest_is_the_one_that_the_type_shows)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    crdt_rules *r = rules_of();
    crdt_value  shown_value;
    crdt_ref    ref;
    rule(r, path_of(""), true, CRDT_LATEST);
    for (int i = 0; i < 3; i++) DO(b, "x", &crdt_lww_type, "set", "late"); /* its clock is ahead */
    DO(a, "x", &crdt_lww_type, "set", "soon");
    meet(a, b);
    CHECK_OK(crdt_store_find(a, name_of("x"), &crdt_lww_type, &ref));
    CHECK(crdt_lww_get(ref, &shown_value));
    CHECK_EQ_MEM(shown_value.bytes.data, shown_value.bytes.size, "late", 4);
    CHECK_EQ_STR(says(a, r, path_of("x")), "\"late\"");
    CHECK_EQ_STR(says(a, NULL, path_of("x")), "\"soon\" \"late\"");
    DO(a, "n", &crdt_pncounter_type, "inc", 1);
    CHECK_EQ_STR(says(a, r, path_of("n")), "ETYPE"); /* nothing competes in a counter */
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

/* -- Maps and rows ----------------------------------------------------------------------------- */

TEST(policies, a_path_goes_into_maps_and_rows)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "m", &crdt_ormap_type, "set_in", "home", "city", "Rome");
    DO(b, "m", &crdt_ormap_type, "set_in", "home", "city", "Oslo");
    DO(b, "m", &crdt_ormap_type, "set_in", "home", "street", "Long");
    DO(a, "m", &crdt_ormap_type, "count", "visits", 1);
    crdt_txn *txn = begin(a);
    CHECK_OK(crdt_lwwmap_put(txn, name_of("row"), name_of("mail"), crdt_text("a@"), 5, 0));
    crdt_store_free(commit(a));
    txn = begin(b);
    CHECK_OK(crdt_lwwmap_put(txn, name_of("row"), name_of("mail"), crdt_text("b@"), 4, 0));
    CHECK_OK(crdt_lwwmap_put(txn, name_of("row"), name_of("tel"), crdt_text("1"), 4, 0));
    crdt_store_free(commit(b));
    meet(a, b);
    CHECK_EQ_STR(says(a, NULL, path_to("m", "home", "city")), "\"Rome\" \"Oslo\"");
    CHECK_EQ_STR(says(a, NULL, path_to("m", "home", NULL)),
                 "city=\"Rome\" city=\"Oslo\" street=\"Long\"");
    CHECK_EQ_STR(says(a, NULL, path_of("m")), ""); /* there are no registers at its own keys */
    CHECK_EQ_STR(says(a, NULL, path_to("m", "visits", NULL)), "ETYPE");
    CHECK_EQ_STR(says(a, NULL, path_to("m", "work", NULL)), "ENOENT");
    CHECK_EQ_STR(says(a, NULL, path_to("row", "mail", NULL)), "\"a@\" \"b@\"");
    CHECK_EQ_STR(says(a, NULL, path_of("row")), "mail=\"a@\" mail=\"b@\" tel=\"1\"");
    CHECK_EQ_STR(says(a, NULL, path_to("row", "mail", "x")), "ENOENT");
    crdt_rules *r = rules_of();
    rule(r, path_of("row"), true, CRDT_LATEST);
    CHECK_EQ_STR(says(a, r, path_to("row", "mail", NULL)), "\"a@\"");
    CHECK_EQ_STR(says(b, r, path_of("row")), "mail=\"a@\" tel=\"1\"");
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

/* -- Resolvers --------------------------------------------------------------------------------- */

/* Bookings "asked who" at the hours of a day: whoever asked first has the hour, the others the next
 * that is free. */
static crdt_err slots(void *user, const crdt_siblings *view, crdt_choice *choice)
{
    bool placed[40] = {false};
    char taken[24] = {0};
    (void)user;
    if (view->count > sizeof placed) return CRDT_ELIMIT;
    for (size_t n = 0; n < view->count; n++) {
        const crdt_sibling *first = NULL;
        for (size_t i = 0; i < view->count; i++) {
            const crdt_sibling *s = &view->at[i];
            if (!placed[i] && (first == NULL || crdt_value_compare(s->value, first->value) < 0)) {
                first = s;
            }
        }
        placed[first - view->at] = true;
        const char *key = first->key.data;
        size_t      hour = (size_t)(key[0] - '0') * 10 + (size_t)(key[1] - '0');
        while (hour < 24 && taken[hour]) hour++;
        if (hour == 24) return CRDT_ERANGE;
        taken[hour] = 1;
        char at[3];
        snprintf(at, sizeof at, "%02zu", hour);
        crdt_err err = crdt_choose_value(choice, crdt_text_view(at), first->value);
        if (err != CRDT_OK) return err;
    }
    return CRDT_OK;
}

static crdt_err book(crdt_store *s, const char *hour, const char *who)
{
    crdt_store_free(apply(s, "day", &crdt_ormap_type, "set", hour, who));
    return CRDT_OK;
}

TEST(resolver, one_places_bookings_at_free_hours_alike_everywhere)
{
    crdt_store   *a = store_of(A), *b = store_of(B);
    crdt_rules   *r = rules_of();
    crdt_resolver place = {"slots", slots, NULL};
    crdt_outcome  o;
    custom(r, path_of("day"), &place);
    book(a, "15", "0830 cy");
    join(b, a);
    book(a, "14", "0902 ann");
    book(b, "14", "0901 bob");
    CHECK_EQ_STR(says(a, r, path_of("day")), "14=\"0902 ann\" 15=\"0830 cy\"");
    meet(a, b);
    CHECK_EQ_STR(says(a, r, path_of("day")), "14=\"0901 bob\" 15=\"0830 cy\" 16=\"0902 ann\"");
    CHECK_EQ_STR(says(b, r, path_of("day")), "14=\"0901 bob\" 15=\"0830 cy\" 16=\"0902 ann\"");
    CHECK(same_bytes(a, b));
    crdt_path day = path_of("day");
    CHECK_OK(crdt_resolve(a, r, &day, &o));
    CHECK_EQ_INT(o.view.count, 3);
    CHECK_EQ_INT(o.competing, 2);
    CHECK(o.view.at[0].competes && o.view.at[1].competes && !o.view.at[2].competes);
    CHECK(o.needs_review && !o.many && o.items[0].from == NULL);
    crdt_outcome_clear(&o);
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

static crdt_err fails(void *user, const crdt_siblings *view, crdt_choice *choice)
{
    (void)view;
    crdt_err err = crdt_choose(choice, 7);
    CHECK_EQ_INT(err, CRDT_EINVAL);
    err = crdt_choose_value(choice, name_of(""), (crdt_value){(crdt_kind)5, 0, {NULL, 0}});
    CHECK_EQ_INT(err, CRDT_EINVAL);
    return *(const crdt_err *)user;
}

TEST(resolver, its_error_is_that_of_the_read)
{
    crdt_store   *s = three_write("r", &crdt_mvreg_type, "set", "1", "2", "3");
    crdt_rules   *r = rules_of();
    crdt_err      error = CRDT_ERANGE;
    crdt_resolver failing = {"fails", fails, &error};
    custom(r, path_of("r"), &failing);
    CHECK_EQ_STR(says(s, r, path_of("r")), "ERANGE");
    error = CRDT_OK;
    CHECK_EQ_STR(says(s, r, path_of("r")), ""); /* to say nothing is an answer */
    crdt_rules_free(r);
    free_all(s, NULL);
}

/* -- The kit ----------------------------------------------------------------------------------- */

static crdt_err takes_first(void *user, const crdt_siblings *view, crdt_choice *choice)
{
    (void)user;
    return view->count > 0 ? crdt_choose(choice, 0) : CRDT_OK;
}

static crdt_err takes_turns(void *user, const crdt_siblings *view, crdt_choice *choice)
{
    size_t *calls = user;
    return crdt_choose(choice, (*calls)++ % view->count);
}

/* Where a value lies in memory decides. */
static crdt_err takes_lowest_address(void *user, const crdt_siblings *view, crdt_choice *choice)
{
    uintptr_t  seen = (uintptr_t)view->at[0].value.bytes.data;
    uintptr_t *first = user;
    if (*first == 0) *first = seen;
    return crdt_choose_value(choice, name_of(""), crdt_int(*first == seen));
}

static crdt_err takes_all(void *user, const crdt_siblings *view, crdt_choice *choice)
{
    crdt_err err = CRDT_OK;
    (void)user;
    for (size_t i = view->count; err == CRDT_OK && i-- > 0;) err = crdt_choose(choice, i);
    return err;
}

static const crdt_sibling some[3] = {
    {{NULL, 0}, {CRDT_BYTES, 0, {"red", 3}}, {A, 4}, 0, true, true},
    {{NULL, 0}, {CRDT_BYTES, 0, {"blue", 4}}, {B, 1}, 0, true, true},
    {{NULL, 0}, {CRDT_INT, 7, {NULL, 0}}, {C, 1}, 0, true, true},
};

static crdt_err check(const crdt_resolver *resolver, char *report, size_t room)
{
    crdt_siblings view = {path_of("r"), some, 3};
    crdt_buf      out;
    crdt_buf_init(&out, NULL);
    crdt_err err = crdt_resolver_check(resolver, &view, NULL, &out);
    snprintf(report, room, "%.*s", (int)out.size, out.size > 0 ? (const char *)out.data : "");
    crdt_buf_clear(&out);
    return err;
}

TEST(kit, a_resolver_that_is_not_deterministic_is_caught)
{
    char      report[300];
    size_t    calls = 0;
    uintptr_t address = 0;
    CHECK_ERR(check(&(crdt_resolver){"turns", takes_turns, &calls}, report, sizeof report),
              CRDT_EINVAL);
    CHECK_EQ_STR(report, "the resolver turns is not deterministic: it says [\"red\"], and called "
                         "once more [\"blue\"]");
    CHECK_ERR(check(&(crdt_resolver){"first", takes_first, NULL}, report, sizeof report),
              CRDT_EINVAL);
    CHECK_EQ_STR(report, "the resolver first is not deterministic: it says [\"red\"], and of the "
                         "siblings in reverse order [7]");
    CHECK_ERR(
        check(&(crdt_resolver){"where", takes_lowest_address, &address}, report, sizeof report),
        CRDT_EINVAL);
    CHECK_EQ_STR(report, "the resolver where is not deterministic: it says [1], and of copies of "
                         "the same siblings [0]");
    CHECK_OK(check(&(crdt_resolver){"all", takes_all, NULL}, report, sizeof report));
    CHECK_EQ_STR(report, "");
}

TEST(kit, an_order_that_is_neither_canonical_nor_its_reverse_is_tried)
{
    static crdt_sibling many[7];
    char                text[7][2];
    crdt_buf            out;
    crdt_siblings       view = {path_of("r"), many, 7};
    for (int i = 0; i < 7; i++) {
        snprintf(text[i], 2, "%d", (7 - i) % 7); /* the ends are no greater than the middle */
        many[i] = (crdt_sibling){{NULL, 0}, crdt_text(text[i]), {A, 1 + (uint64_t)i}, 0, 1, 1};
    }
    many[6].value = many[0].value;
    crdt_resolver first = {"first", takes_first, NULL};
    crdt_buf_init(&out, NULL);
    CHECK_ERR(crdt_resolver_check(&first, &view, NULL, &out), CRDT_EINVAL);
    crdt_buf_put(&out, "", 1); /* its end, as C has it */
    CHECK(!out.failed && strstr((const char *)out.data, "in another order") != NULL);
    crdt_buf_clear(&out);
}

/* -- Memory ------------------------------------------------------------------------------------ */

static crdt_err build_and_resolve(testmem *m, const crdt_store *s, const crdt_resolver *place)
{
    crdt_rules  *r = NULL;
    crdt_outcome o;
    crdt_path    day = path_of("day");
    crdt_buf     report;
    crdt_buf_init(&report, &m->mem);
    crdt_err err = crdt_rules_new(&m->mem, &r);
    if (err == CRDT_OK) err = crdt_rules_acks(r, name_of("acks"));
    if (err == CRDT_OK) err = crdt_rules_set(r, &(crdt_pattern){day, false}, CRDT_CUSTOM, place);
    if (err == CRDT_OK) {
        crdt_pattern p = {path_to("day", "1", NULL), true};
        err = crdt_rules_set(r, &p, CRDT_UNION, NULL);
    }
    if (err == CRDT_OK) err = crdt_resolve(s, r, &day, &o);
    if (err == CRDT_OK) {
        err = crdt_resolver_check(place, &o.view, &m->mem, &report);
        crdt_outcome_clear(&o);
    }
    crdt_buf_clear(&report);
    crdt_rules_free(r);
    return err;
}

TEST(resolver, every_refused_allocation_is_an_error_and_leaks_nothing)
{
    crdt_store   *a = store_of(A), *b = store_of(B);
    testmem       m;
    crdt_resolver place = {"slots", slots, NULL};
    book(a, "14", "0902 ann");
    book(b, "14", "0901 bob");
    join(a, b);
    testmem_init(&m);
    uint64_t n = 1;
    for (;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = build_and_resolve(&m, a, &place);
        if (!testmem_refused(&m)) {
            CHECK_OK(err);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
    }
    CHECK(n > 20);
    testmem_fail_never(&m);
    TESTMEM_DONE(&m);
    free_all(a, b, NULL);
}
