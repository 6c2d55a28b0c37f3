/* sequence_test.c: lists and texts against other people's histories.
 *
 * The conformance cases of eg-walker-reference are read where CONCUR_DATA names the folder, or
 * ../shared/data is there; made-up histories of the same shape, whose end the plain order tells
 * (lib/line.h), are always played. Types are used by their operation tables alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/laws/lib/tale.h"
#include "tests/lib/t.h"

#define BIT(i) (UINT64_C(1) << (i))
#define NOW UINT64_C(1700000000000)

#define ORDERS (T_SLOW ? 2 : 20)
#define MADE_UP (T_SLOW ? 10 : 100)

static uint64_t seed_of_run(void)
{
    const char *text = getenv("SEED");
    uint64_t    seed = text == NULL ? 1 : strtoull(text, NULL, 0);
    printf("SEED=%#llx\n", (unsigned long long)seed);
    return seed;
}

/* -- The tales: those of the file, then made-up ones ----------------------------------------- */

/* What is done with each: name is for messages. */
typedef struct visit {
    const crdt_type *type; /* NULL: none */
    const char      *name;
    uint64_t         rand;
    void (*play)(struct visit *v, const tale *t);
} visit;

static bool unzip_cases(crdt_buf *out)
{
    char        path[600];
    const char *data = getenv("CONCUR_DATA");
    int         size = snprintf(path, sizeof path, "%s/conformance/list-order.json.gz",
                        data != NULL ? data : "../shared/data");
    return size > 0 && (size_t)size < sizeof path && json_unzip(path, out);
}

static void each_case(visit *v)
{
    json     j;
    tale     t;
    crdt_buf file;
    char     name[60];
    unsigned cases = 0;
    crdt_buf_init(&file, NULL);
    if (!unzip_cases(&file)) {
        puts("the conformance cases are not here: skipped (CONCUR_DATA names their folder)");
        return;
    }
    tale_init(&t);
    json_init(&j, file.data, file.size);
    for (json_open(&j, '['); json_item(&j); cases++) {
        tale_read(&j, &t);
        snprintf(name, sizeof name, "case %u", cases);
        v->name = name;
        if (j.error == NULL && !(T_SLOW && cases % 20 != 0)) v->play(v, &t);
    }
    json_end(&j);
    CHECK_MSG(j.error == NULL, "%s, at byte %zu", j.error, json_offset(&j));
    CHECK(cases > 0);
    printf("%u conformance cases\n", cases);
    tale_clear(&t);
    crdt_buf_clear(&file);
}

static void each_made_up(visit *v, bool classic)
{
    tale t;
    char name[60];
    tale_init(&t);
    for (unsigned i = 0; i < MADE_UP; i++) {
        uint64_t seed = tale_rand(&v->rand);
        tale_make(seed, classic, &t);
        snprintf(name, sizeof name, "made-up history %#llx", (unsigned long long)seed);
        v->name = name;
        v->play(v, &t);
    }
    tale_clear(&t);
}

/* -- The plain order agrees with itself and with the cases ----------------------------------- */

/* The same elements, arriving in another order, are in the same order. */
static void check_arrival(visit *v, const tale *t, const line *l)
{
    unsigned order[TALE_TXNS_MAX];
    size_t  *now = malloc((l->count + 1) * sizeof *now); /* numbers of elements there */
    line     other;
    CHECK(now != NULL);
    line_init(&other, l->classic);
    tale_order(t, &v->rand, order);
    for (size_t n = 0; n < t->count; n++) {
        for (size_t i = 0; i < l->count; i++) {
            line_item item = l->items[i];
            if (item.event != order[n]) continue;
            if (item.left != LINE_NONE) item.left = now[item.left];
            if (item.right != LINE_NONE) item.right = now[item.right];
            now[i] = line_add(&other, item);
        }
    }
    for (size_t at = 0; at < l->count; at++) {
        CHECK_MSG(now[l->order[at]] == other.order[at], "%s: the order depends on arrival",
                  v->name);
    }
    free(now);
    line_clear(&other);
}

static void check_plain_order(visit *v, const tale *t)
{
    line     l;
    crdt_buf text;
    line_init(&l, t->classic);
    crdt_buf_init(&text, NULL);
    CHECK_MSG(tale_play(t, &l), "%s: a position is past the end", v->name);
    tale_text(t, &l, UINT64_MAX, &text);
    CHECK_MSG(crdt_view_compare(crdt_buf_bytes(&text), crdt_buf_bytes(&t->end_text)) == 0,
              "%s ends in \"%.*s\" and should in \"%.*s\"", v->name, (int)text.size,
              (const char *)text.data, (int)t->end_text.size, (const char *)t->end_text.data);
    for (int i = 0; i < ORDERS; i++) check_arrival(v, t, &l);
    crdt_buf_clear(&text);
    line_clear(&l);
}

TEST(sequence, the_plain_order_is_that_of_the_cases_in_every_order_of_arrival)
{
    visit v = {NULL, "", seed_of_run(), check_plain_order};
    each_case(&v);
    each_made_up(&v, false);
    each_made_up(&v, true);
}

/* -- Tales told by stores -------------------------------------------------------------------- */

#define PARTS_MAX (2 * TALE_OPS_MAX)

/* A tale as stores live it: the deltas of each transaction and the state after it. Ties go by the
 * agent's name, then its sequence, and an agent may have forgotten what it did before: so each
 * run of an agent's transactions that each saw the one before is a replica of its own. */
typedef struct told {
    visit           *v;
    const tale      *t;
    bool             is_text;
    const crdt_type *type;
    line             line;
    crdt_delta      *deltas[TALE_TXNS_MAX][PARTS_MAX];
    unsigned         parts[TALE_TXNS_MAX];
    crdt_store      *after[TALE_TXNS_MAX];
    crdt_buf         end; /* the bytes in which all must end */
} told;

static crdt_store *store_of_told(const told *s, uint64_t replica)
{
    crdt_store *store;
    CHECK_OK(crdt_store_new_solo(s->type, replica, NULL, &store));
    return store;
}

static void deliver(told *s, crdt_store *store, unsigned i)
{
    for (unsigned k = 0; k < s->parts[i]; k++) {
        crdt_err err = crdt_store_join(store, s->deltas[i][k], NOW);
        CHECK_MSG(err == CRDT_OK, "%s: joining gave %s", s->v->name, crdt_err_name(err));
    }
}

/* What the store shows, and what it should for the transactions in `set`. */
static void check_shows(const told *s, const crdt_store *store, uint64_t set)
{
    crdt_buf text, should, shown;
    crdt_ref ref = crdt_store_solo(store);
    crdt_buf_init(&text, NULL);
    crdt_buf_init(&should, NULL);
    crdt_buf_init(&shown, NULL);
    tale_text(s->t, &s->line, set, &text);
    if (s->is_text) crdt_buf_print_value(&should, crdt_bytes(text.data, text.size));
    else crdt_buf_text(&should, "[");
    for (size_t i = 0; !s->is_text && i < tale_characters(crdt_buf_bytes(&text)); i++) {
        crdt_view c = tale_character(crdt_buf_bytes(&text), i);
        if (i > 0) crdt_buf_text(&should, ", ");
        crdt_buf_print_value(&should, crdt_bytes(c.data, c.size));
    }
    if (!s->is_text) crdt_buf_text(&should, "]");
    crdt_ref_print(&ref, &shown);
    CHECK_MSG(crdt_view_compare(crdt_buf_bytes(&should), crdt_buf_bytes(&shown)) == 0,
              "%s: it shows %.*s and should %.*s", s->v->name, (int)shown.size,
              (const char *)shown.data, (int)should.size, (const char *)should.data);
    crdt_buf_clear(&text);
    crdt_buf_clear(&should);
    crdt_buf_clear(&shown);
}

static void apply(const told *s, crdt_txn *txn, const char *op, size_t pos, crdt_value what)
{
    const crdt_value args[2] = {crdt_int((int64_t)pos), what};
    crdt_err         err = crdt_txn_apply(txn, CRDT_SOLO, crdt_type_op(s->type, op), args, 2);
    CHECK_MSG(err == CRDT_OK, "%s: %s gave %s", s->v->name, op, crdt_err_name(err));
}

static void apply_insert(const told *s, crdt_txn *txn, const tale_op *op)
{
    if (s->is_text) {
        apply(s, txn, "insert", op->pos, crdt_bytes(op->inserted.data, op->inserted.size));
        return;
    }
    for (size_t i = 0; i < tale_characters(op->inserted); i++) {
        crdt_view c = tale_character(op->inserted, i);
        apply(s, txn, "insert", op->pos + i, crdt_bytes(c.data, c.size));
    }
}

/* In one transaction, or each operation in its own. */
static void act(told *s, unsigned i, crdt_store *store, bool split)
{
    const tale_txn *x = &s->t->txns[i];
    crdt_txn       *txn = NULL;
    for (size_t k = 0; k < 2 * x->count; k++) {
        const tale_op *op = &x->ops[k / 2];
        if (k % 2 == 0 ? op->deleted == 0 : op->inserted.size == 0) continue;
        if (txn == NULL) CHECK_OK(crdt_store_begin(store, NOW, &txn));
        if (k % 2 == 0) apply(s, txn, "delete", op->pos, crdt_int((int64_t)op->deleted));
        else apply_insert(s, txn, op);
        if (!split) continue;
        CHECK_OK(crdt_store_commit(store, &s->deltas[i][s->parts[i]++]));
        txn = NULL;
    }
    if (txn != NULL) CHECK_OK(crdt_store_commit(store, &s->deltas[i][s->parts[i]++]));
    check_shows(s, store, x->past | BIT(i));
}

/* The transaction of the same agent just before, if this one saw it; else 64. */
static unsigned predecessor(const tale *t, unsigned i)
{
    for (unsigned p = i; p-- > 0;) {
        if (t->txns[p].agent == t->txns[i].agent) return t->txns[i].past & BIT(p) ? p : 64;
    }
    return 64;
}

/* The store in which transaction i is made: it holds its past, got as deltas or as states. */
static crdt_store *stage(told *s, unsigned i)
{
    const tale_txn *x = &s->t->txns[i];
    crdt_store     *store;
    unsigned        before = predecessor(s->t, i);
    uint64_t        held = 0;
    if (before < 64) {
        uint64_t replica = crdt_store_replica(s->after[before]);
        CHECK_OK(crdt_store_clone(s->after[before], replica, &store));
        held = s->t->txns[before].past | BIT(before);
    } else {
        store = store_of_told(s, (uint64_t)(x->agent + 1) << 32 | (x->seq + 1));
    }
    bool states = tale_below(&s->v->rand, 2) == 0;
    for (unsigned p = 0; p < i; p++) {
        if (!((states ? x->parents : x->past) & ~held & BIT(p))) continue;
        if (states) CHECK_OK(crdt_store_join(store, s->after[p], NOW));
        else deliver(s, store, p);
    }
    return store;
}

/* -- Ways to deliver ------------------------------------------------------------------------- */

static void check_end(told *s, crdt_store *store, const char *way)
{
    const char *reason = "";
    crdt_buf    bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(store, &bytes));
    if (s->end.size == 0) crdt_buf_put(&s->end, bytes.data, bytes.size);
    bool same = crdt_view_compare(crdt_buf_bytes(&bytes), crdt_buf_bytes(&s->end)) == 0;
    if (!same) check_shows(s, store, UINT64_MAX);
    CHECK_MSG(same, "%s %s: it shows the same, the bytes differ", s->v->name, way);
    CHECK_MSG(crdt_store_check(store, &reason), "%s %s: %s", s->v->name, way, reason);
    crdt_buf_clear(&bytes);
    crdt_store_free(store);
}

static void by_deltas(told *s, bool again)
{
    unsigned    order[TALE_TXNS_MAX];
    crdt_store *store = store_of_told(s, 0);
    tale_order(s->t, &s->v->rand, order);
    for (size_t n = 0; n < s->t->count; n++) {
        deliver(s, store, order[n]);
        if (again && n % 2 == 1) deliver(s, store, order[tale_below(&s->v->rand, n)]);
    }
    check_end(s, store, again ? "with deltas twice" : "by deltas");
}

static void by_merge(told *s)
{
    const crdt_delta *all[TALE_TXNS_MAX * PARTS_MAX];
    size_t            count = 0;
    crdt_store       *store = store_of_told(s, 0);
    for (size_t i = 0; i < s->t->count; i++) {
        for (unsigned k = 0; k < s->parts[i]; k++) {
            size_t at = (size_t)tale_below(&s->v->rand, ++count);
            all[count - 1] = all[at];
            all[at] = s->deltas[i][k];
        }
    }
    for (size_t n = 0; n < count; n++) CHECK_OK(crdt_store_merge(store, all[n]));
    check_end(s, store, "merged in any order");
}

/* Whole states, or what the store lacks of them. */
static void by_states(told *s, bool since)
{
    crdt_store *store = store_of_told(s, 0);
    unsigned    order[TALE_TXNS_MAX];
    for (unsigned i = 0; i < s->t->count; i++) {
        unsigned at = (unsigned)tale_below(&s->v->rand, i + 1u);
        order[i] = order[at];
        order[at] = i;
    }
    for (size_t i = 0; i < s->t->count; i++) {
        crdt_store *from = s->after[order[i]];
        crdt_delta *part = NULL;
        if (since) CHECK_OK(crdt_store_since(from, crdt_store_context(store), &part));
        CHECK_OK(crdt_store_join(store, since ? part : from, NOW));
        crdt_store_free(part);
    }
    check_end(s, store, since ? "by what was lacking" : "by states");
}

static void check_told(visit *v, const tale *t)
{
    told *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->v = v;
    s->t = t;
    s->type = v->type;
    s->is_text = strncmp(v->type->name, "text", 4) == 0;
    line_init(&s->line, t->classic);
    crdt_buf_init(&s->end, NULL);
    CHECK(tale_play(t, &s->line));
    bool split = tale_below(&v->rand, 2) == 0;
    for (unsigned i = 0; i < t->count; i++) {
        s->after[i] = stage(s, i);
        act(s, i, s->after[i], split);
    }
    crdt_store *whole = store_of_told(s, 0);
    for (unsigned i = 0; i < t->count; i++) deliver(s, whole, i);
    check_shows(s, whole, UINT64_MAX);
    check_end(s, whole, "in the order told");
    for (int i = 0; i < ORDERS; i++) {
        by_deltas(s, i % 4 == 0);
        if (i % 4 == 1) by_merge(s);
        if (i % 4 == 2 && i % 8 == 2) by_states(s, false);
        if (i % 8 == 6) by_states(s, true);
    }
    for (unsigned i = 0; i < t->count; i++) {
        for (unsigned k = 0; k < s->parts[i]; k++) crdt_store_free(s->deltas[i][k]);
        crdt_store_free(s->after[i]);
    }
    crdt_buf_clear(&s->end);
    line_clear(&s->line);
    free(s);
}

/* The built-in type of that name; says so if there is none (yet). */
static bool find_type(visit *v, const char *name)
{
    v->type = crdt_types_by_name(crdt_types_builtin(), name);
    if (v->type == NULL) printf("there is no type %s: skipped\n", name);
    return v->type != NULL;
}

TEST(sequence, texts_end_as_the_cases_say_by_every_delivery)
{
    visit v = {NULL, "", seed_of_run(), check_told};
    if (!find_type(&v, "text")) return;
    each_case(&v);
    each_made_up(&v, false);
}

TEST(sequence, lists_end_as_the_cases_say_by_every_delivery)
{
    visit v = {NULL, "", seed_of_run(), check_told};
    if (!find_type(&v, "rga")) return;
    each_case(&v);
    each_made_up(&v, false);
}

TEST(sequence, classic_texts_and_lists_end_as_the_plain_order_by_every_delivery)
{
    visit v = {NULL, "", seed_of_run(), check_told};
    if (!find_type(&v, "text_classic")) return;
    each_made_up(&v, true);
    if (!find_type(&v, "rga_classic")) return;
    each_made_up(&v, true);
}
