/* rich_test.c: random histories of edits and marks of one text, or of edits, sets and moves of one
 * list, by three replicas, which hear of each other by operations, deltas and states, against the
 * plain models of tests/laws/lib/rich.h and line.h.
 *
 * CRDT_SCHEDULES sets their number, SEED repeats a failure; `make soak` plays a hundred thousand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/laws/lib/rich.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"

#define NOW UINT64_C(1700000000000)
#define REPLICAS 3u
#define EVENTS_MAX 64u
#define ENTRIES_MAX 64u
#define STEPS 48u
#define BIT(i) (UINT64_C(1) << (i))

/* A transaction: of one author, with one event for each operation. */
typedef struct entry {
    crdt_delta *delta;
    uint64_t    past, events; /* entries that its author held, itself included; its own events */
} entry;

/* A value given to an element of a list. */
typedef struct given {
    size_t   item;
    unsigned event;
    uint64_t stamp, replica;
} given;

typedef struct world {
    uint64_t         seed, rand;
    bool             classic, is_list;
    const crdt_type *type;
    rich             model; /* of a list: its line alone */
    given            given[EVENTS_MAX];
    unsigned         given_count;
    crdt_context     read[REPLICAS]; /* what the replica had seen when it last looked */
    uint64_t         read_seen[REPLICAS];
    crdt_store      *s[REPLICAS];
    uint64_t         have[REPLICAS], seen[REPLICAS]; /* entries, events */
    unsigned         entry_count, event_count;
    entry            entries[ENTRIES_MAX];
} world;

static unsigned below(world *w, unsigned n)
{
    return (unsigned)random_below(&w->rand, n);
}

static crdt_view doc(void)
{
    return crdt_text_view("doc");
}

static uint64_t replica_id(unsigned r)
{
    return 10 * (r + 1);
}

static crdt_store *new_store(unsigned r)
{
    crdt_options o = crdt_options_default(replica_id(r), crdt_types_builtin());
    crdt_store  *store;
    CHECK_OK(crdt_store_new(&o, &store));
    return store;
}

static void world_init(world *w, uint64_t seed, bool is_list)
{
    memset(w, 0, sizeof *w);
    w->seed = w->rand = seed;
    w->classic = seed % 4 == 0;
    w->is_list = is_list;
    w->type = w->classic ? &crdt_text_classic_type : &crdt_text_type;
    if (is_list) w->type = w->classic ? &crdt_rga_classic_type : &crdt_rga_type;
    rich_init(&w->model, w->classic);
    for (unsigned r = 0; r < REPLICAS; r++) {
        w->s[r] = new_store(r);
        crdt_context_init(&w->read[r], NULL);
    }
}

static void world_clear(world *w)
{
    rich_clear(&w->model);
    for (unsigned r = 0; r < REPLICAS; r++) {
        crdt_store_free(w->s[r]);
        crdt_context_clear(&w->read[r]);
    }
    for (unsigned e = 0; e < w->entry_count; e++) crdt_store_free(w->entries[e].delta);
}

/* -- Reading ----------------------------------------------------------------------------------- */

static void print_span(crdt_ref text, const crdt_span *span, crdt_buf *out)
{
    for (uint64_t i = 0; i < span->count; i++) {
        CHECK_OK(crdt_text_read(text, CRDT_CODE_POINTS, span->start + i, 1, out));
        for (size_t m = 0; m < span->marks_count; m++) {
            crdt_buf_text(out, "{");
            crdt_buf_put(out, span->marks[m].key.data, span->marks[m].key.size);
            crdt_buf_text(out, "=");
            crdt_buf_decimal(out, span->marks[m].value.i);
            crdt_buf_text(out, "}");
        }
    }
}

static void print_store(const crdt_store *store, crdt_buf *out)
{
    crdt_spans *spans;
    crdt_span   span;
    crdt_ref    text;
    if (crdt_store_find(store, doc(), NULL, &text) == CRDT_ENOENT) return;
    CHECK_OK(crdt_marks_read(store, doc(), CRDT_CODE_POINTS, NULL, &spans));
    CHECK_EQ_INT(crdt_marks_waiting(spans), 0);
    CHECK_EQ_INT(crdt_marks_stale(spans), 0);
    while (crdt_marks_next(spans, &span)) print_span(text, &span, out);
    crdt_marks_free(spans);
}

/* The number of the event whose value the element shows. */
static unsigned value_of(const world *w, size_t item, uint64_t seen)
{
    const given *last = NULL;
    for (unsigned i = 0; i < w->given_count; i++) {
        const given *g = &w->given[i];
        if (g->item != item || !(seen & BIT(g->event))) continue;
        bool later = last == NULL || (g->stamp != last->stamp ? g->stamp > last->stamp
                                                              : g->replica > last->replica);
        if (later) last = g;
    }
    return last == NULL ? w->model.text.items[item].event : last->event;
}

static void tell_list(const world *w, uint64_t seen, crdt_buf *out)
{
    const line *l = &w->model.text;
    for (size_t i = 0; i < l->count; i++) {
        if (!line_shows_at(l, l->order[i], seen)) continue;
        crdt_buf_decimal(out, value_of(w, line_element(l, l->order[i]), seen));
        crdt_buf_text(out, " ");
    }
}

static void print_list(const crdt_store *store, crdt_buf *out)
{
    crdt_ref   list;
    crdt_value value;
    if (crdt_store_find(store, doc(), NULL, &list) == CRDT_ENOENT) return;
    CHECK_EQ_INT(crdt_rga_waiting(list), 0);
    crdt_rga_iter it = crdt_rga_iterate(list, 0);
    for (uint64_t i = 0; crdt_rga_next(&it, &value); i++) {
        crdt_cursor cursor;
        uint64_t    at;
        CHECK_OK(crdt_rga_cursor(list, i, CRDT_LEFT, &cursor));
        CHECK_OK(crdt_rga_find(list, cursor, &at));
        CHECK_EQ_INT(at, i);
        crdt_buf_decimal(out, value.i);
        crdt_buf_text(out, " ");
    }
}

static void look(world *w, unsigned r)
{
    crdt_buf shown, told;
    crdt_buf_init(&shown, NULL);
    crdt_buf_init(&told, NULL);
    if (w->is_list) {
        print_list(w->s[r], &shown);
        tell_list(w, w->seen[r], &told);
    } else {
        print_store(w->s[r], &shown);
        rich_text(&w->model, w->seen[r], &told);
    }
    CHECK_MSG(crdt_view_compare(crdt_buf_bytes(&shown), crdt_buf_bytes(&told)) == 0,
              "SEED=%llu: replica %u shows\n%.*s\nnot\n%.*s", (unsigned long long)w->seed, r,
              (int)shown.size, (const char *)shown.data, (int)told.size, (const char *)told.data);
    crdt_buf_clear(&shown);
    crdt_buf_clear(&told);
    if (!w->is_list) return;
    w->read_seen[r] = w->seen[r];
    CHECK_OK(crdt_context_copy(&w->read[r], crdt_store_context(w->s[r])));
}

/* -- Operations -------------------------------------------------------------------------------- */

static void type_some(world *w, crdt_txn *txn, unsigned r, uint64_t seen, bool as_editor)
{
    unsigned event = w->event_count++, n = 1 + below(w, 3);
    size_t   length = line_length(&w->model.text, seen), pos = below(w, (unsigned)length + 1);
    char     letter = (char)('a' + event % 26), text[3] = {letter, letter, letter};
    if (as_editor && length > 0) {
        CHECK_OK(crdt_marks_insert(txn, doc(), CRDT_CODE_POINTS, pos, crdt_view_of(text, n)));
    } else {
        crdt_text_edit edit;
        as_editor = false;
        CHECK_OK(crdt_text_open(txn, doc(), w->type, &edit));
        CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, pos, crdt_view_of(text, n)));
    }
    size_t first = rich_put(&w->model, seen, event, replica_id(r), pos, n, letter);
    if (!as_editor) return;
    (void)rich_mend(&w->model, seen, seen | BIT(event), event, replica_id(r), crdt_txn_stamp(txn),
                    pos, first, n);
}

static void delete_some(world *w, crdt_txn *txn, uint64_t seen)
{
    size_t         length = line_length(&w->model.text, seen);
    size_t         pos = below(w, (unsigned)length), n = 1 + below(w, 4);
    crdt_text_edit edit;
    if (n > length - pos) n = length - pos;
    CHECK_OK(crdt_text_open(txn, doc(), w->type, &edit));
    CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, pos, n));
    CHECK(line_delete(&w->model.text, seen, seen, w->event_count++, pos, n));
}

static void mark_some(world *w, crdt_txn *txn, unsigned r, uint64_t seen)
{
    size_t     length = line_length(&w->model.text, seen), pos = below(w, (unsigned)length);
    size_t     n = 1 + below(w, (unsigned)(length - pos));
    unsigned   key = below(w, RICH_KEYS), event = w->event_count++;
    int        value = below(w, 3) == 0 ? 0 : 1 + (int)below(w, 2);
    crdt_range range = {CRDT_CODE_POINTS, pos, n};
    crdt_mark  mark = crdt_mark_of(rich_key(key), crdt_int(value));
    if (value == 0) CHECK_OK(crdt_marks_unset(txn, doc(), range, mark));
    else CHECK_OK(crdt_marks_set(txn, doc(), range, mark));
    rich_say(&w->model, seen, event, replica_id(r), crdt_txn_stamp(txn), key, value, pos, n);
}

/* All that shows, or (removes) what showed when the replica last looked, and what this transaction
 * inserted itself. */
static void delete_from(world *w, crdt_txn *txn, unsigned r, uint64_t seen, crdt_rga_edit *edit,
                        size_t pos, size_t n)
{
    bool     removes = below(w, 2) == 0;
    uint64_t covers = removes ? w->read_seen[r] | (seen & ~w->seen[r]) : seen;
    if (removes) crdt_txn_at(txn, &w->read[r]);
    CHECK_OK(crdt_rga_delete(edit, pos, n));
    crdt_txn_at(txn, NULL);
    CHECK(line_delete(&w->model.text, seen, covers, w->event_count - 1, pos, n));
}

/* Values are the numbers of the events that gave them. */
static void edit_list(world *w, crdt_txn *txn, unsigned r, uint64_t seen)
{
    line         *l = &w->model.text;
    crdt_rga_edit edit;
    unsigned      what = below(w, 20), event = w->event_count++;
    size_t        length = line_length(l, seen), pos = below(w, (unsigned)length + 1);
    CHECK_OK(crdt_rga_open(txn, doc(), w->type, &edit));
    if (pos == length || what < 4) {
        CHECK_OK(crdt_rga_insert(&edit, pos, crdt_int(event)));
        (void)line_insert(l, seen, event, replica_id(r), pos, 1);
    } else if (what < 7) {
        size_t n = 1 + below(w, 3);
        if (n > length - pos) n = length - pos;
        delete_from(w, txn, r, seen, &edit, pos, n);
    } else if (what < 11) {
        size_t item = line_element(l, line_at(l, seen, pos));
        CHECK_OK(crdt_rga_set(&edit, pos, crdt_int(event)));
        w->given[w->given_count++] = (given){item, event, crdt_txn_stamp(txn), replica_id(r)};
    } else {
        size_t to = below(w, (unsigned)length);
        CHECK_OK(crdt_rga_move(&edit, pos, to));
        if (to == pos) return;
        (void)line_move(l, seen, event, replica_id(r), crdt_txn_stamp(txn), pos, to);
    }
}

static void operate(world *w, crdt_txn *txn, unsigned r, uint64_t seen)
{
    size_t   length = line_length(&w->model.text, seen);
    unsigned what = below(w, 20);
    if (length == 0 || what < 6) type_some(w, txn, r, seen, true);
    else if (what < 7) type_some(w, txn, r, seen, false);
    else if (what < 11) delete_some(w, txn, seen);
    else if (what < 19) mark_some(w, txn, r, seen);
    else CHECK_OK(crdt_marks_tidy(txn, doc()));
}

static void write_entry(world *w, unsigned r)
{
    unsigned  first = w->event_count, ops = 1 + below(w, 3);
    crdt_txn *txn;
    if (w->entry_count == ENTRIES_MAX || w->event_count + ops > EVENTS_MAX) return;
    CHECK_OK(crdt_store_begin(w->s[r], NOW + below(w, 3), &txn));
    for (; ops > 0; ops--) {
        uint64_t own = (w->event_count == 64 ? 0 : BIT(w->event_count)) - BIT(first);
        uint64_t seen = w->seen[r] | (w->event_count > first ? own : 0);
        if (w->is_list) edit_list(w, txn, r, seen);
        else operate(w, txn, r, seen);
    }
    unsigned e = w->entry_count++;
    CHECK_OK(crdt_store_commit(w->s[r], &w->entries[e].delta));
    for (unsigned i = first; i < w->event_count; i++) w->entries[e].events |= BIT(i);
    w->seen[r] |= w->entries[e].events;
    w->have[r] |= BIT(e);
    w->entries[e].past = w->have[r];
}

/* -- Deliveries -------------------------------------------------------------------------------- */

static void deliver(world *w, unsigned r)
{
    for (unsigned e = 0; e < w->entry_count; e++) {
        if ((w->entries[e].past & ~w->have[r]) != BIT(e) || below(w, 3) == 0) continue;
        CHECK_OK(crdt_store_join(w->s[r], w->entries[e].delta, NOW));
        w->have[r] |= BIT(e);
        w->seen[r] |= w->entries[e].events;
        return;
    }
}

static void take(world *w, unsigned r, unsigned from)
{
    crdt_delta *what;
    if (below(w, 2) == 0) {
        CHECK_OK(crdt_store_since(w->s[from], crdt_store_context(w->s[r]), &what));
    } else {
        CHECK_OK(crdt_store_clone(w->s[from], 0, &what));
    }
    CHECK_OK(crdt_store_join(w->s[r], what, NOW));
    crdt_store_free(what);
    w->have[r] |= w->have[from];
    w->seen[r] |= w->seen[from];
}

static void settle(world *w)
{
    for (unsigned r = 1; r < REPLICAS; r++) take(w, 0, r);
    for (unsigned r = 1; r < REPLICAS; r++) {
        crdt_buf x, y;
        take(w, r, 0);
        crdt_buf_init(&x, NULL);
        crdt_buf_init(&y, NULL);
        CHECK_OK(crdt_store_encode(w->s[0], &x));
        CHECK_OK(crdt_store_encode(w->s[r], &y));
        CHECK_MSG(crdt_view_compare(crdt_buf_bytes(&x), crdt_buf_bytes(&y)) == 0,
                  "SEED=%llu: replicas 0 and %u differ", (unsigned long long)w->seed, r);
        crdt_buf_clear(&x);
        crdt_buf_clear(&y);
        look(w, r);
    }
}

/* At rest, moving marks from deleted elements changes nothing in what shows. */
static void renew(world *w)
{
    crdt_ref  text;
    crdt_txn *txn;
    if (crdt_store_find(w->s[0], doc(), NULL, &text) != CRDT_OK) return;
    CHECK_OK(crdt_store_begin(w->s[0], NOW, &txn));
    CHECK_OK(crdt_marks_renew(txn, doc()));
    CHECK_OK(crdt_store_commit(w->s[0], NULL));
    look(w, 0);
    const char *reason = "";
    CHECK_MSG(crdt_store_check(w->s[0], &reason), "%s", reason);
}

static void play(uint64_t seed, bool is_list)
{
    static world w;
    world_init(&w, seed, is_list);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned r = below(&w, REPLICAS), what = below(&w, 8);
        if (what < 4) write_entry(&w, r);
        else if (what < 7) deliver(&w, r);
        else take(&w, r, (r + 1 + below(&w, REPLICAS - 1)) % REPLICAS);
        if (below(&w, 3) == 0) look(&w, r);
    }
    settle(&w);
    const char *reason = "";
    if (!is_list) renew(&w);
    else
        CHECK_MSG(crdt_store_check(w.s[0], &reason), "SEED=%llu: %s", (unsigned long long)seed,
                  reason);
    world_clear(&w);
}

static uint64_t rounds(void)
{
    const char *text = getenv("CRDT_SCHEDULES");
    if (text != NULL) return strtoull(text, NULL, 0);
    if (getenv("CRDT_SOAK") != NULL) return 100000;
    return T_SLOW ? 500 : 10000;
}

static void play_all(bool is_list, const char *what)
{
    uint64_t n = rounds(), seed = seed_or(1);
    bool     one = getenv("SEED") != NULL && getenv("CRDT_SCHEDULES") == NULL;
    for (uint64_t i = 0; i < (one ? 1 : n); i++) {
        if (i > 0 && i % 10000 == 0) printf("%s: %llu histories\n", what, (unsigned long long)i);
        play(seed + i, is_list);
    }
    printf("%s: %llu histories\n", what, (unsigned long long)(one ? 1 : n));
}

TEST(rich, edits_and_marks_by_three_replicas_show_what_the_model_says)
{
    play_all(false, "edits and marks");
}

TEST(rich, edits_sets_and_moves_by_three_replicas_show_what_the_model_says)
{
    play_all(true, "edits, sets and moves");
}
