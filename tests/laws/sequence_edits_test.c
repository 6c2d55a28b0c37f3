/* sequence_edits_test.c: what lists and texts may never lose, over random edits by three to five
 * replicas that also remove the whole thing while others insert.
 *
 * Each element is its own number, so what a replica shows is a list of numbers. After each change
 * a replica shows just the elements whose insertion came here and whose deletion did not: nothing
 * inserted beside a removal is lost, nothing deleted comes back. Whatever two elements were ever
 * seen in some order are never seen in the other one, and all these orders fit into one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/laws/lib/tale.h"
#include "tests/lib/t.h"

#define NOW UINT64_C(1700000000000)

#define REPLICAS_MAX 5
#define ENTRIES_MAX 200
#define ELEMENTS_MAX 600
#define FIRST_CHARACTER 0x100u /* of a text: element e is the code point FIRST_CHARACTER + e */

typedef enum way { BY_OPS, BY_DELTAS, BY_STATES, BY_ALL, WAYS } way;

/* A transaction: what it brings is its own. */
typedef struct entry {
    crdt_delta *delta;
    bool        past[ENTRIES_MAX];     /* entries that its author held, itself included */
    bool        deletes[ELEMENTS_MAX]; /* elements */
} entry;

typedef struct list {
    uint32_t items[ELEMENTS_MAX];
    size_t   count;
} list;

typedef struct world {
    const crdt_type *type;
    bool             is_text, named; /* named: one of several objects of a store */
    way              way;
    uint64_t         rand;
    unsigned         replicas, entry_count, element_count;
    crdt_store      *s[REPLICAS_MAX];
    bool             have[REPLICAS_MAX][ENTRIES_MAX];
    entry            entries[ENTRIES_MAX];
    unsigned         entry_of[ELEMENTS_MAX];             /* that inserted the element */
    bool             before[ELEMENTS_MAX][ELEMENTS_MAX]; /* [a][b]: a was seen before b */
} world;

static size_t below(world *w, size_t n)
{
    return (size_t)tale_below(&w->rand, n);
}

static crdt_view name_in(const world *w)
{
    return w->named ? crdt_text_view("doc") : CRDT_SOLO;
}

static crdt_store *new_store(const world *w, uint64_t replica)
{
    crdt_store *store;
    if (w->named) {
        crdt_options o = crdt_options_default(replica, crdt_types_builtin());
        CHECK_OK(crdt_store_new(&o, &store));
    } else {
        CHECK_OK(crdt_store_new_solo(w->type, replica, NULL, &store));
    }
    return store;
}

/* -- Reading --------------------------------------------------------------------------------- */

static unsigned hex(uint8_t c)
{
    CHECK((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "\xc4\x80\xc4\x81": numbers of two bytes each. */
static void parse_text(crdt_view shown, list *ret_list)
{
    const uint8_t *at = shown.data, *end = at + shown.size - 1;
    CHECK(shown.size >= 2 && *at == '"' && *end == '"');
    for (at++; at < end; at += 8) {
        CHECK(end - at >= 8 && at[0] == '\\' && at[1] == 'x' && at[4] == '\\' && at[5] == 'x');
        unsigned high = hex(at[2]) << 4 | hex(at[3]), low = hex(at[6]) << 4 | hex(at[7]);
        CHECK(ret_list->count < ELEMENTS_MAX);
        ret_list->items[ret_list->count++] = ((high & 0x1f) << 6 | (low & 0x3f)) - FIRST_CHARACTER;
    }
}

/* [0, 1] */
static void parse_list(crdt_view shown, list *ret_list)
{
    const char *at = shown.data, *end = at + shown.size - 1;
    CHECK(shown.size >= 2 && *at == '[' && *end == ']');
    for (at++; at < end;) {
        uint32_t n = 0;
        for (; at < end && *at >= '0' && *at <= '9'; at++) n = n * 10 + (uint32_t)(*at - '0');
        CHECK(ret_list->count < ELEMENTS_MAX);
        ret_list->items[ret_list->count++] = n;
        CHECK(at == end || (at[0] == ',' && at[1] == ' '));
        at += at == end ? 0 : 2;
    }
}

static void read_ref(const world *w, const crdt_ref *ref, list *ret_list)
{
    crdt_buf shown;
    ret_list->count = 0;
    crdt_buf_init(&shown, NULL);
    crdt_ref_print(ref, &shown);
    if (w->is_text) parse_text(crdt_buf_bytes(&shown), ret_list);
    else parse_list(crdt_buf_bytes(&shown), ret_list);
    crdt_buf_clear(&shown);
}

static void read_store(const world *w, const crdt_store *store, list *ret_list)
{
    crdt_ref ref = {0};
    ret_list->count = 0;
    if (!w->named) ref = crdt_store_solo(store);
    else if (crdt_store_find(store, name_in(w), w->type, &ref) != CRDT_OK) return;
    read_ref(w, &ref, ret_list);
}

/* -- What must hold -------------------------------------------------------------------------- */

static bool is_deleted(const world *w, unsigned r, unsigned e)
{
    for (unsigned i = 0; i < w->entry_count; i++) {
        if (w->have[r][i] && w->entries[i].deletes[e]) return true;
    }
    return false;
}

static void note_order(world *w, const list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        for (size_t j = i + 1; j < l->count; j++) {
            uint32_t a = l->items[i], b = l->items[j];
            CHECK_MSG(a != b, "element %u shows twice", a);
            CHECK_MSG(!w->before[b][a], "elements %u and %u changed places", a, b);
            w->before[a][b] = true;
        }
    }
}

static void check_replica(world *w, unsigned r)
{
    list        l;
    const char *reason = "";
    bool        shows[ELEMENTS_MAX] = {false};
    read_store(w, w->s[r], &l);
    for (size_t i = 0; i < l.count; i++) {
        CHECK_MSG(l.items[i] < w->element_count, "an element from nowhere");
        shows[l.items[i]] = true;
    }
    for (unsigned e = 0; e < w->element_count; e++) {
        bool should = w->have[r][w->entry_of[e]] && !is_deleted(w, r, e);
        CHECK_MSG(shows[e] == should, "replica %u: element %u %s", r, e,
                  should ? "was lost" : "is back, or came before its insertion");
    }
    note_order(w, &l);
    CHECK_MSG(crdt_store_check(w->s[r], &reason), "%s", reason);
}

static bool same_bytes(const crdt_store *a, const crdt_store *b)
{
    crdt_buf x, y;
    crdt_buf_init(&x, NULL);
    crdt_buf_init(&y, NULL);
    CHECK_OK(crdt_store_encode(a, &x));
    CHECK_OK(crdt_store_encode(b, &y));
    bool same = crdt_view_compare(crdt_buf_bytes(&x), crdt_buf_bytes(&y)) == 0;
    crdt_buf_clear(&x);
    crdt_buf_clear(&y);
    return same;
}

/* All orders that were seen fit into one: take away what nothing is before, until all is gone. */
static void check_one_order(const world *w)
{
    bool     gone[ELEMENTS_MAX] = {false};
    unsigned left = w->element_count;
    for (bool any = true; any;) {
        any = false;
        for (unsigned b = 0; b < w->element_count; b++) {
            bool first = !gone[b];
            for (unsigned a = 0; first && a < w->element_count; a++) {
                first = gone[a] || !w->before[a][b];
            }
            if (!first) continue;
            gone[b] = any = true;
            left--;
        }
    }
    CHECK_MSG(left == 0, "the orders that were seen contradict each other");
}

/* -- Editing --------------------------------------------------------------------------------- */

static crdt_err apply(world *w, crdt_txn *txn, const char *op, size_t pos, crdt_value what)
{
    const crdt_value args[2] = {crdt_int((int64_t)pos), what};
    return crdt_txn_apply(txn, name_in(w), crdt_type_op(w->type, op), args, 2);
}

static void insert_some(world *w, crdt_txn *txn, list *now)
{
    size_t  count = 1 + (below(w, 3) == 0 ? below(w, 5) : 0), pos = below(w, now->count + 1);
    uint8_t text[16];
    if (below(w, 4) == 0) pos = 0;
    if (w->element_count + count > ELEMENTS_MAX) return;
    memmove(&now->items[pos + count], &now->items[pos], (now->count - pos) * sizeof *now->items);
    now->count += count;
    for (size_t i = 0; i < count; i++) {
        unsigned e = w->element_count++, c = FIRST_CHARACTER + e;
        w->entry_of[e] = w->entry_count;
        now->items[pos + i] = e;
        text[2 * i] = (uint8_t)(0xc0 | c >> 6);
        text[2 * i + 1] = (uint8_t)(0x80 | (c & 0x3f));
        if (!w->is_text) CHECK_OK(apply(w, txn, "insert", pos + i, crdt_int(e)));
    }
    if (w->is_text) CHECK_OK(apply(w, txn, "insert", pos, crdt_bytes(text, 2 * count)));
}

static void delete_some(world *w, crdt_txn *txn, list *now, size_t pos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        w->entries[w->entry_count].deletes[now->items[pos + i]] = true;
    }
    now->count -= count;
    memmove(&now->items[pos], &now->items[pos + count], (now->count - pos) * sizeof *now->items);
    if (count > 0 && txn != NULL) {
        CHECK_OK(apply(w, txn, "delete", pos, crdt_int((int64_t)count)));
    }
}

/* Past the end nothing happens. */
static void miss(world *w, crdt_txn *txn, const list *now)
{
    crdt_value one = crdt_int(1);
    CHECK_ERR(apply(w, txn, "delete", now->count, one), CRDT_ERANGE);
    if (w->is_text) one = crdt_text("a");
    CHECK_ERR(apply(w, txn, "insert", now->count + 1, one), CRDT_ERANGE);
}

static void edit(world *w, crdt_txn *txn, list *now)
{
    size_t kind = below(w, 100);
    if (kind < 55 || now->count == 0) {
        insert_some(w, txn, now);
    } else if (kind < 85) {
        size_t pos = below(w, now->count), most = now->count - pos;
        delete_some(w, txn, now, pos, 1 + below(w, most < 4 ? most : 4));
    } else if (kind < 92) {
        miss(w, txn, now);
    } else {
        CHECK_OK(crdt_txn_remove(txn, name_in(w)));
        delete_some(w, NULL, now, 0, now->count);
    }
}

/* The transaction shows what it did so far. */
static void check_txn(const world *w, const crdt_txn *txn, const list *now)
{
    list     l = {{0}, 0};
    crdt_ref ref;
    if (crdt_txn_find(txn, name_in(w), w->type, &ref) == CRDT_OK) read_ref(w, &ref, &l);
    CHECK_EQ_MEM(l.items, l.count * sizeof *l.items, now->items, now->count * sizeof *l.items);
}

/* A transaction at replica r, now and then rolled back. */
static void transact(world *w, unsigned r)
{
    entry    *e = &w->entries[w->entry_count];
    unsigned  first = w->element_count;
    crdt_txn *txn;
    list      now, after;
    memset(e, 0, sizeof *e);
    read_store(w, w->s[r], &now);
    after = now;
    CHECK_OK(crdt_store_begin(w->s[r], NOW, &txn));
    for (size_t ops = 1 + below(w, 3); ops > 0; ops--) {
        edit(w, txn, &after);
        if (below(w, 3) == 0) check_txn(w, txn, &after);
    }
    bool back = below(w, 12) == 0;
    if (back) {
        crdt_store_rollback(w->s[r]);
        w->element_count = first;
        after = now;
    } else {
        CHECK_OK(crdt_store_commit(w->s[r], &e->delta));
    }
    if (!back && crdt_store_is_empty(e->delta)) {
        crdt_store_free(e->delta);
    } else if (!back) {
        w->have[r][w->entry_count] = true;
        memcpy(e->past, w->have[r], sizeof e->past);
        w->entry_count++;
    }
    read_store(w, w->s[r], &now);
    CHECK_EQ_MEM(now.items, now.count * sizeof *now.items, after.items,
                 after.count * sizeof *now.items);
    check_replica(w, r);
}

/* -- Delivering ------------------------------------------------------------------------------ */

/* Through its bytes, as a link would. */
static void join(world *w, unsigned r, const crdt_store *what)
{
    crdt_buf    bytes;
    crdt_delta *copy = NULL;
    const char *reason = "";
    crdt_buf_init(&bytes, NULL);
    if (below(w, 3) == 0) {
        CHECK_OK(crdt_store_encode(what, &bytes));
        crdt_err err = crdt_delta_decode(w->s[r], crdt_buf_bytes(&bytes), &copy, &reason);
        CHECK_MSG(err == CRDT_OK, "decoding gave %s: %s", crdt_err_name(err), reason);
    }
    CHECK_OK(crdt_store_join(w->s[r], copy != NULL ? copy : what, NOW));
    crdt_store_free(copy);
    crdt_buf_clear(&bytes);
}

static bool is_next(const world *w, unsigned r, unsigned i)
{
    if (w->have[r][i]) return false;
    for (unsigned k = 0; k < i; k++) {
        if (w->entries[i].past[k] && !w->have[r][k]) return false;
    }
    return true;
}

/* Some operation that r can take next; false if it has all. */
static bool take_op(world *w, unsigned r)
{
    unsigned found[ENTRIES_MAX], count = 0;
    for (unsigned i = 0; i < w->entry_count; i++) {
        if (is_next(w, r, i)) found[count++] = i;
    }
    if (count == 0) return false;
    unsigned i = found[below(w, count)];
    join(w, r, w->entries[i].delta);
    if (below(w, 4) == 0) join(w, r, w->entries[i].delta);
    w->have[r][i] = true;
    return true;
}

static void take_all_of(world *w, unsigned r, unsigned peer, bool state)
{
    crdt_delta *part = NULL;
    if (!state) CHECK_OK(crdt_store_since(w->s[peer], crdt_store_context(w->s[r]), &part));
    join(w, r, state ? w->s[peer] : part);
    crdt_store_free(part);
    for (unsigned i = 0; i < w->entry_count; i++) w->have[r][i] |= w->have[peer][i];
}

static void receive(world *w, unsigned r)
{
    way      by = w->way == BY_ALL ? (way)below(w, BY_ALL) : w->way;
    unsigned peer = (r + 1 + (unsigned)below(w, w->replicas - 1)) % w->replicas;
    if (by == BY_OPS) {
        for (size_t n = 1 + below(w, 4); n > 0 && take_op(w, r); n--) {}
    } else {
        take_all_of(w, r, peer, by == BY_STATES);
    }
    check_replica(w, r);
}

/* Everybody gets everything, and shows and encodes the same. */
static void settle(world *w)
{
    for (unsigned r = 0; r < w->replicas; r++) {
        for (unsigned peer = 0; w->way != BY_OPS && peer < w->replicas; peer++) {
            if (peer != r) take_all_of(w, r, peer, w->way == BY_STATES);
        }
        while (take_op(w, r)) {}
        check_replica(w, r);
    }
    for (unsigned r = 1; r < w->replicas; r++) {
        CHECK_MSG(same_bytes(w->s[0], w->s[r]), "replicas 0 and %u differ at the end", r);
    }
}

/* What merges in any order at value level ends there too. */
static void merge_all(world *w)
{
    crdt_store *store = new_store(w, 0);
    unsigned    order[ENTRIES_MAX];
    for (unsigned i = 0; i < w->entry_count; i++) {
        unsigned at = (unsigned)below(w, i + 1u);
        order[i] = order[at];
        order[at] = i;
    }
    for (unsigned i = 0; i < w->entry_count; i++) {
        CHECK_OK(crdt_store_merge(store, w->entries[order[i]].delta));
    }
    CHECK_MSG(same_bytes(w->s[0], store), "all merged in any order differs");
    crdt_store_free(store);
}

/* All replicas hold all: all of it is stable. Forgetting what is to be forgotten does not show. */
static void collect(world *w)
{
    crdt_context cut;
    list         l, after;
    crdt_context_init(&cut, NULL);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(w->s[0])));
    read_store(w, w->s[0], &l);
    for (unsigned r = 0; r < w->replicas; r++) {
        CHECK_OK(crdt_store_stabilise(w->s[r], &cut));
        read_store(w, w->s[r], &after);
        CHECK_EQ_MEM(after.items, after.count * sizeof *l.items, l.items,
                     l.count * sizeof *l.items);
        check_replica(w, r);
        CHECK_MSG(same_bytes(w->s[0], w->s[r]) || r == 0, "replicas collect differently");
    }
    crdt_context_clear(&cut);
}

/* -- Runs ------------------------------------------------------------------------------------ */

static void play(world *w, unsigned steps)
{
    for (; steps > 0; steps--) {
        unsigned r = (unsigned)below(w, w->replicas);
        bool     full = w->entry_count == ENTRIES_MAX || w->element_count + 20 > ELEMENTS_MAX;
        if (!full && below(w, 2) == 0) transact(w, r);
        else receive(w, r);
    }
    settle(w);
}

static void run(world *w, const crdt_type *type, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->type = type;
    w->is_text = strncmp(type->name, "text", 4) == 0;
    w->way = (way)(seed % WAYS);
    w->rand = seed;
    w->named = below(w, 2) == 0;
    w->replicas = 3 + (unsigned)below(w, REPLICAS_MAX - 2);
    for (unsigned r = 0; r < w->replicas; r++) {
        w->s[r] = new_store(w, tale_rand(&w->rand) | 1);
    }
    play(w, 20 + (unsigned)below(w, 60));
    merge_all(w);
    for (int more = 0; more < 2; more++) {
        collect(w);
        play(w, 20 + (unsigned)below(w, 40));
    }
    check_one_order(w);
    for (unsigned i = 0; i < w->entry_count; i++) crdt_store_free(w->entries[i].delta);
    for (unsigned r = 0; r < w->replicas; r++) crdt_store_free(w->s[r]);
}

static void hold(const char *name)
{
    const crdt_type *type = crdt_types_by_name(crdt_types_builtin(), name);
    const char      *text = getenv("SEED");
    uint64_t         seed = text == NULL ? 1 : strtoull(text, NULL, 0);
    if (type == NULL) {
        printf("there is no type %s: skipped\n", name);
        return;
    }
    world *w = malloc(sizeof *w);
    CHECK(w != NULL);
    for (unsigned i = 0; i < (T_SLOW ? 2 : 40) * WAYS; i++) {
        printf("SEED=%#llx\n", (unsigned long long)seed);
        run(w, type, seed);
        uint64_t next = seed;
        seed = tale_rand(&next) / WAYS * WAYS + (seed + 1) % WAYS;
    }
    free(w);
}

TEST(edits, of_a_text_lose_nothing)
{
    hold("text");
}

TEST(edits, of_a_classic_text_lose_nothing)
{
    hold("text_classic");
}

TEST(edits, of_a_list_lose_nothing)
{
    hold("rga");
}

TEST(edits, of_a_classic_list_lose_nothing)
{
    hold("rga_classic");
}
