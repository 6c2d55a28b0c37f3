/* history_test.c: lists and texts as they were at any set of changes, and the steps between two,
 * over random edits by three replicas that undo them, too, against a plain array of all elements
 * (lib/line.h), each with the change that inserted it, those that deleted it and its copy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/laws/lib/line.h"
#include "tests/lib/codepoints.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define BIT(i) (UINT64_C(1) << (i))
#define REPLICAS 3
#define EVENTS_MAX 40
#define ELEMENTS_MAX 1000

static const uint64_t ids[REPLICAS] = {0xa1, 0xc3, 0xb2};

/* A transaction. */
typedef struct event {
    unsigned    replica;
    uint64_t    past; /* events that its author held, itself included */
    crdt_delta *delta;
} event;

/* What a replica may undo, or do again: the changes of each step. */
typedef struct stack {
    uint64_t at[EVENTS_MAX];
    size_t   count;
} stack;

typedef struct world {
    const crdt_type *type;
    bool             is_text, undoes;
    line             line;
    crdt_store      *s[REPLICAS];
    uint64_t         held[REPLICAS], collected; /* events */
    event            events[EVENTS_MAX];
    unsigned         count;
    uint32_t         points[ELEMENTS_MAX];           /* code points of elements */
    size_t           copies[REPLICAS][ELEMENTS_MAX]; /* by an undo there; or LINE_NONE */
    crdt_undo       *undo[REPLICAS];
    stack            done[REPLICAS], undone[REPLICAS];
    uint64_t         noted[REPLICAS]; /* own changes that were noted, passed or undone */
    size_t           steps_max;
    uint64_t         rand;
} world;

static struct {
    uint64_t schedules, diffs, steps, stale, replays, undos, brought_back, in_vain, too_late, moves;
} done;

static size_t below(world *w, size_t n)
{
    return (size_t)random_below(&w->rand, n);
}

static void begin_world(world *w, const crdt_type *type, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->type = type;
    w->is_text = type == &crdt_text_type || type == &crdt_text_classic_type;
    w->rand = seed;
    line_init(&w->line, type == &crdt_text_classic_type || type == &crdt_rga_classic_type);
    for (unsigned r = 0; r < REPLICAS; r++) w->s[r] = solo_of(type, ids[r]);
    memset(w->copies, 0xff, sizeof w->copies);
    w->undoes = w->is_text && below(w, 4) > 0;
    w->steps_max = 1 + below(w, 10);
    for (unsigned r = 0; w->undoes && r < REPLICAS; r++) {
        CHECK_OK(crdt_undo_new(w->s[r], CRDT_SOLO, type, w->steps_max, &w->undo[r]));
    }
}

static void end_world(world *w)
{
    for (unsigned i = 0; i < w->count; i++) crdt_store_free(w->events[i].delta);
    for (unsigned r = 0; r < REPLICAS; r++) {
        crdt_undo_free(w->undo[r]);
        crdt_store_free(w->s[r]);
    }
    line_clear(&w->line);
}

/* -- Editing ----------------------------------------------------------------------------------- */

static void insert(world *w, unsigned r, crdt_txn *txn)
{
    size_t   length = line_length(&w->line, w->held[r] | BIT(w->count));
    size_t   pos = below(w, length + 1), n = 1 + (below(w, 3) == 0 ? below(w, 6) : 0);
    uint8_t  text[32];
    size_t   size = 0, first;
    unsigned kinds = (unsigned)below(w, 3);
    if (w->line.count + n > ELEMENTS_MAX) return;
    first = line_insert(&w->line, w->held[r], w->count, ids[r], pos, n);
    CHECK(first != LINE_NONE);
    for (size_t i = 0; i < n; i++) {
        w->points[first + i] = random_code_point(&w->rand, kinds > 0);
        size += put_code_point(w->points[first + i], text + size);
    }
    if (w->is_text) {
        crdt_text_edit edit;
        CHECK_OK(crdt_text_open(txn, CRDT_SOLO, w->type, &edit));
        CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, pos, crdt_view_of(text, size)));
        return;
    }
    crdt_rga_edit edit;
    CHECK_OK(crdt_rga_open(txn, CRDT_SOLO, w->type, &edit));
    for (size_t i = 0; i < n; i++) {
        CHECK_OK(crdt_rga_insert(&edit, pos + i, crdt_int(w->points[first + i])));
    }
}

static void delete (world *w, unsigned r, crdt_txn *txn)
{
    uint64_t seen = w->held[r] | BIT(w->count);
    size_t   length = line_length(&w->line, seen);
    if (length == 0) return;
    size_t           pos = below(w, length), most = length - pos;
    size_t           n = 1 + below(w, most < 6 ? most : 6);
    const crdt_value args[2] = {crdt_int((int64_t)pos), crdt_int((int64_t)n)};
    CHECK(line_delete(&w->line, w->held[r], seen, w->count, pos, n));
    CHECK_OK(crdt_txn_apply(txn, CRDT_SOLO, crdt_type_op(w->type, "delete"), args, 2));
}

static void move(world *w, unsigned r, crdt_txn *txn)
{
    uint64_t seen = w->held[r] | BIT(w->count);
    size_t   length = line_length(&w->line, seen);
    if (w->is_text || length < 2 || w->line.count == ELEMENTS_MAX) return;
    size_t        from = below(w, length), to = below(w, length - 1);
    crdt_rga_edit edit;
    if (to >= from) to++;
    CHECK_OK(crdt_rga_open(txn, CRDT_SOLO, w->type, &edit));
    CHECK_OK(crdt_rga_move(&edit, from, to));
    CHECK(line_move(&w->line, seen, w->count, ids[r], crdt_txn_stamp(txn), from, to) != LINE_NONE);
    done.moves++;
}

static void edit(world *w, unsigned r)
{
    event    *e = &w->events[w->count];
    crdt_txn *txn = begin(w->s[r]);
    for (size_t ops = 1 + below(w, 3); ops > 0; ops--) {
        size_t what = below(w, w->is_text ? 5 : 8);
        if (what < 3) insert(w, r, txn);
        else if (what < 5) delete (w, r, txn);
        else move(w, r, txn);
    }
    *e = (event){r, w->held[r] | BIT(w->count), commit(w->s[r])};
    if (crdt_store_is_empty(e->delta)) {
        crdt_store_free(e->delta);
        return;
    }
    w->held[r] |= BIT(w->count);
    w->count++;
}

/* Some of the changes that the replica lacks, each once its past is there. */
static void receive(world *w, unsigned r, bool all)
{
    for (unsigned i = 0; i < w->count; i++) {
        const event *e = &w->events[i];
        if (w->held[r] & BIT(i) || (e->past & ~w->held[r] & ~BIT(i))) continue;
        if (!all && below(w, 3) == 0) continue;
        join(w->s[r], e->delta);
        w->held[r] |= BIT(i);
    }
}

/* All hold all; from now on the content of what was deleted is forgotten. */
static void collect(world *w)
{
    for (unsigned r = 0; r < REPLICAS; r++) receive(w, r, true);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(w->s[0])));
    for (unsigned r = 0; r < REPLICAS; r++) CHECK_OK(crdt_store_stabilise(w->s[r], &cut));
    crdt_context_clear(&cut);
    w->collected = w->held[0];
}

/* -- Undoing ----------------------------------------------------------------------------------- */

static void push_step(world *w, stack *s, uint64_t step)
{
    s->at[s->count++] = step;
    if (s->count <= w->steps_max) return;
    s->count--;
    memmove(s->at, s->at + 1, s->count * sizeof *s->at);
}

/* What the replica wrote becomes a step, or is put onto the last one, or is passed. */
static void note(world *w, unsigned r)
{
    uint64_t news = 0;
    bool     onto = below(w, 4) == 0;
    for (unsigned i = 0; i < w->count; i++) {
        if (w->events[i].replica == r && !(w->noted[r] & BIT(i))) news |= BIT(i);
    }
    w->noted[r] |= news;
    if (below(w, 10) == 0) {
        crdt_undo_pass(w->undo[r]);
        return;
    }
    CHECK_OK(crdt_undo_note(w->undo[r], onto));
    if (news == 0) return;
    w->undone[r].count = 0;
    if (onto && w->done[r].count > 0) w->done[r].at[w->done[r].count - 1] |= news;
    else push_step(w, &w->done[r], news);
}

static size_t last_copy(const world *w, unsigned r, size_t e)
{
    while (w->copies[r][e] != LINE_NONE) e = w->copies[r][e];
    return e;
}

/* What doing the step backwards deletes and brings back. False: something of it was forgotten. */
static bool plan(const world *w, unsigned r, uint64_t step, bool *goes, bool *returns)
{
    memset(goes, 0, ELEMENTS_MAX);
    memset(returns, 0, ELEMENTS_MAX);
    for (size_t e = 0; e < w->line.count; e++) {
        const line_item *item = &w->line.items[e];
        size_t           last = last_copy(w, r, e);
        bool             shows = line_shows(&w->line.items[last], w->held[r]);
        if (step >> item->event & 1) {
            goes[last] = shows;
        } else if (item->deleted_by & step && !shows) {
            if (w->line.items[last].deleted_by & w->collected) return false;
            returns[last] = true;
        }
    }
    return true;
}

/* Elements side by side that return do so together, right of the first. */
static void bring_back(world *w, unsigned r, const bool *returns)
{
    size_t order[ELEMENTS_MAX], count = 0;
    for (size_t i = 0; i < w->line.count; i++) {
        size_t e = w->line.order[i];
        if (w->held[r] >> w->line.items[e].event & 1) order[count++] = e;
    }
    for (size_t i = 0, n; i < count; i += n) {
        for (n = 0; i + n < count && returns[order[i + n]];) n++;
        if (n == 0) {
            n = 1;
            continue;
        }
        CHECK(w->line.count + n <= ELEMENTS_MAX);
        size_t copy = line_insert_beside(&w->line, w->held[r], w->count, ids[r], order[i], n);
        for (size_t k = 0; k < n; k++) {
            w->points[copy + k] = w->points[order[i + k]];
            w->copies[r][order[i + k]] = copy + k;
        }
        done.brought_back += n;
    }
}

static void undo(world *w, unsigned r, bool again)
{
    bool        goes[ELEMENTS_MAX], returns[ELEMENTS_MAX], any = false;
    stack      *from = again ? &w->undone[r] : &w->done[r];
    stack      *to = again ? &w->done[r] : &w->undone[r];
    crdt_delta *delta = NULL;
    CHECK_EQ_INT(crdt_undo_count(w->undo[r]), w->done[r].count);
    CHECK_EQ_INT(crdt_redo_count(w->undo[r]), w->undone[r].count);
    crdt_err err = (again ? crdt_undo_again : crdt_undo_back)(w->undo[r], NOW, &delta);
    CHECK_MSG((from->count == 0) == (err == CRDT_ENOENT), "%s", crdt_err_name(err));
    if (from->count == 0) return;
    for (unsigned i = 0; i < w->count; i++) {
        if (w->events[i].replica == r) w->noted[r] |= BIT(i);
    }
    bool told = plan(w, r, from->at[--from->count], goes, returns);
    CHECK_ERR(err, told ? CRDT_OK : CRDT_ESTALE);
    done.too_late += !told;
    if (!told) return;
    for (size_t e = 0; e < w->line.count; e++) {
        if (goes[e]) w->line.items[e].deleted_by |= BIT(w->count);
        any |= goes[e] || returns[e];
    }
    bring_back(w, r, returns);
    CHECK_EQ_INT(crdt_store_is_empty(delta), !any);
    done.undos += any;
    done.in_vain += !any;
    if (!any) {
        crdt_store_free(delta);
        return;
    }
    w->events[w->count] = (event){r, w->held[r] | BIT(w->count), delta};
    w->held[r] |= BIT(w->count);
    w->noted[r] |= BIT(w->count);
    push_step(w, to, BIT(w->count));
    w->count++;
}

/* -- What is expected -------------------------------------------------------------------------- */

typedef struct expected {
    crdt_step steps[ELEMENTS_MAX];
    size_t    count;
    size_t    sizes[ELEMENTS_MAX]; /* of texts */
    uint8_t   text[4 * ELEMENTS_MAX];
    size_t    size;
    bool      stale;
} expected;

static uint64_t units_of(uint32_t point, crdt_unit unit)
{
    uint8_t bytes[4];
    if (unit == CRDT_UTF8_BYTES) return put_code_point(point, bytes);
    return unit == CRDT_UTF16_UNITS && point >= 0x10000 ? 2 : 1;
}

/* The least id of those whose changes in `to` deleted it; 0: nobody did. */
static uint64_t deleter(const world *w, const line_item *item, uint64_t to)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < w->count; i++) {
        uint64_t id = ids[w->events[i].replica];
        if (item->deleted_by & to & BIT(i) && id < least) least = id;
    }
    return least == UINT64_MAX ? 0 : least;
}

/* Who did away with the element that shows at the place at one context and not at `to`: who deleted
 * it, or moved it to where it stands there; 0: nobody, it has not come, or not been moved yet. */
static uint64_t remover(const world *w, size_t place, uint64_t to)
{
    size_t element = line_element(&w->line, place);
    if (!line_shows(&w->line.items[element], to)) {
        return deleter(w, &w->line.items[element], to);
    }
    for (size_t i = 0; i < w->line.count; i++) {
        if (line_element(&w->line, i) != element || !line_shows_at(&w->line, i, to)) continue;
        return i == element ? 0 : w->line.items[i].replica;
    }
    return 0;
}

static void expect(const world *w, uint64_t from, uint64_t to, crdt_unit unit, bool authors,
                   expected *x)
{
    x->count = x->size = 0;
    x->stale = false;
    for (size_t i = 0; i < w->line.count; i++) {
        size_t           e = w->line.order[i];
        const line_item *item = &w->line.items[line_element(&w->line, e)];
        bool             before = line_shows_at(&w->line, e, from);
        bool             after = line_shows_at(&w->line, e, to);
        crdt_step        s = {.kind = CRDT_RETAIN, .count = units_of(w->points[e], unit)};
        if (!before && !after) continue;
        if (!before) s.kind = CRDT_INSERT;
        if (!after) s.kind = CRDT_DELETE;
        if (authors) s.author = item->replica;
        if (authors && s.kind == CRDT_DELETE) s.by = remover(w, e, to);
        bool reads = unit != CRDT_CODE_POINTS || (w->is_text && s.kind == CRDT_INSERT);
        if (reads && item->deleted_by & w->collected) x->stale = true;
        crdt_step *last = x->count == 0 ? NULL : &x->steps[x->count - 1];
        if (last != NULL && last->kind == s.kind && last->author == s.author && last->by == s.by) {
            last->count += s.count;
        } else {
            x->sizes[x->count] = 0;
            x->steps[x->count++] = s;
        }
        if (s.kind != CRDT_INSERT || !w->is_text) continue;
        size_t size = put_code_point(w->points[e], x->text + x->size);
        x->size += size;
        x->sizes[x->count - 1] += size;
    }
}

static void check_steps(const expected *x, const crdt_steps *steps)
{
    const uint8_t *text = x->text;
    CHECK_EQ_INT(steps->count, x->count);
    for (size_t i = 0; i < x->count; i++) {
        const crdt_step *got = &steps->at[i], *want = &x->steps[i];
        CHECK_MSG(got->kind == want->kind && got->count == want->count, "step %zu", i);
        CHECK_MSG(got->author == want->author, "step %zu is told to be of %jx, not %jx", i,
                  (uintmax_t)got->author, (uintmax_t)want->author);
        CHECK_MSG(got->by == want->by, "step %zu is told to be by %jx, not %jx", i,
                  (uintmax_t)got->by, (uintmax_t)want->by);
        CHECK_EQ_MEM(got->text.data, got->text.size, text, x->sizes[i]);
        text += x->sizes[i];
    }
}

/* -- Looking ----------------------------------------------------------------------------------- */

static void context_of(const world *w, uint64_t set, crdt_context *ret_ctx)
{
    crdt_context_init(ret_ctx, NULL);
    for (unsigned i = 0; i < w->count; i++) {
        if (!(set & BIT(i))) continue;
        CHECK_OK(crdt_context_union(ret_ctx, crdt_delta_brought(w->events[i].delta)));
    }
}

static crdt_err diff(const world *w, crdt_ref ref, const crdt_context *from, const crdt_context *to,
                     crdt_unit unit, bool authors, crdt_steps *steps)
{
    if (w->is_text) return crdt_text_diff(ref, from, to, unit, authors, steps);
    return crdt_rga_diff(ref, from, to, authors, steps);
}

/* Events that the replica holds: none, all, those before one, or any. */
static uint64_t some_past(world *w, unsigned r)
{
    size_t kind = below(w, 6);
    if (kind == 0) return 0;
    if (kind == 1 || w->count == 0) return w->held[r];
    if (kind < 4) return w->events[below(w, w->count)].past & w->held[r];
    return next_random(&w->rand) & w->held[r];
}

static void check_text(world *w, unsigned r, uint64_t at, const crdt_context *ctx)
{
    expected x;
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    crdt_buf_text(&out, "so: ");
    expect(w, 0, at, CRDT_CODE_POINTS, false, &x);
    CHECK_ERR(crdt_text_at(crdt_store_solo(w->s[r]), ctx, &out), x.stale ? CRDT_ESTALE : CRDT_OK);
    if (x.stale) CHECK_EQ_INT(out.size, 4);
    else CHECK_EQ_MEM(out.data + 4, out.size - 4, x.text, x.size);
    crdt_buf_clear(&out);
}

static void look(world *w, unsigned r)
{
    static expected x;
    uint64_t        from = some_past(w, r), to = some_past(w, r);
    crdt_unit       unit = w->is_text ? (crdt_unit)below(w, 3) : CRDT_CODE_POINTS;
    bool            authors = below(w, 2) == 0;
    crdt_context    a, b;
    crdt_steps      steps;
    context_of(w, from, &a);
    context_of(w, to, &b);
    crdt_steps_init(&steps, NULL);
    const crdt_context *first = from == 0 && below(w, 2) == 0 ? NULL : &a;
    const crdt_context *second = to == w->held[r] && below(w, 2) == 0 ? NULL : &b;
    expect(w, from, to, unit, authors, &x);
    crdt_err err = diff(w, crdt_store_solo(w->s[r]), first, second, unit, authors, &steps);
    CHECK_ERR(err, x.stale ? CRDT_ESTALE : CRDT_OK);
    if (x.stale) done.stale++;
    else check_steps(&x, &steps);
    if (w->is_text) check_text(w, r, to, second);
    done.diffs++;
    done.steps += x.count;
    crdt_steps_clear(&steps);
    crdt_context_clear(&a);
    crdt_context_clear(&b);
}

/* What showed at a past is what a store shows that holds just that. */
static void replay(world *w, unsigned r)
{
    if (!w->is_text || w->count == 0 || w->collected != 0) return;
    unsigned     i = (unsigned)below(w, w->count);
    uint64_t     past = w->events[i].past;
    crdt_store  *store = solo_of(w->type, 0xd4);
    crdt_context ctx;
    crdt_buf     was, shows;
    if (past & ~w->held[r]) past = 0;
    context_of(w, past, &ctx);
    for (unsigned k = 0; k < w->count; k++) {
        if (past & BIT(k)) join(store, w->events[k].delta);
    }
    crdt_buf_init(&was, NULL);
    crdt_buf_init(&shows, NULL);
    CHECK_OK(crdt_text_at(crdt_store_solo(w->s[r]), &ctx, &was));
    CHECK_OK(crdt_text_read(crdt_store_solo(store), CRDT_CODE_POINTS, 0, UINT64_MAX, &shows));
    CHECK_EQ_MEM(was.data, was.size, shows.data, shows.size);
    crdt_buf_clear(&was);
    crdt_buf_clear(&shows);
    crdt_context_clear(&ctx);
    crdt_store_free(store);
    done.replays++;
}

/* Dots that the replica has not seen are refused. */
static void look_ahead(world *w, unsigned r)
{
    crdt_context ctx;
    crdt_steps   steps;
    crdt_buf     out;
    if (w->count == 0 || w->held[r] == BIT(w->count) - 1) return;
    context_of(w, BIT(w->count) - 1, &ctx);
    crdt_steps_init(&steps, NULL);
    crdt_buf_init(&out, NULL);
    crdt_ref ref = crdt_store_solo(w->s[r]);
    CHECK_ERR(diff(w, ref, &ctx, NULL, CRDT_CODE_POINTS, false, &steps), CRDT_EGAP);
    CHECK_ERR(diff(w, ref, NULL, &ctx, CRDT_CODE_POINTS, false, &steps), CRDT_EGAP);
    if (w->is_text) CHECK_ERR(crdt_text_at(ref, &ctx, &out), CRDT_EGAP);
    CHECK_EQ_INT(steps.count + out.size, 0);
    crdt_steps_clear(&steps);
    crdt_context_clear(&ctx);
}

/* -- Schedules --------------------------------------------------------------------------------- */

static void play(world *w)
{
    unsigned rounds = 10 + (unsigned)below(w, 25);
    for (unsigned i = 0; i < rounds && w->count < EVENTS_MAX; i++) {
        unsigned r = (unsigned)below(w, REPLICAS);
        size_t   kind = below(w, w->undoes ? 6 : 3);
        if (kind == 0) receive(w, r, false);
        else if (kind < 3) edit(w, r);
        else undo(w, r, kind == 5);
        if (w->undoes && kind < 3 && below(w, 4) > 0) note(w, r);
        look(w, r);
        if (below(w, 16) == 0) look_ahead(w, r);
        if (below(w, 32) == 0) replay(w, r);
        if (below(w, 100) == 0) collect(w);
    }
    for (unsigned r = 0; r < REPLICAS; r++) {
        receive(w, r, true);
        look(w, r);
        check_store(w->s[r]);
    }
}

static void hold(const crdt_type *type)
{
    static world w;
    bool         is_text = type == &crdt_text_type || type == &crdt_text_classic_type;
    const char  *asked = getenv("CRDT_SCHEDULES");
    unsigned rounds = T_SLOW ? 60 : getenv("CRDT_SOAK") != NULL ? 100000 : is_text ? 4000 : 1000;
    if (asked != NULL) rounds = (unsigned)strtoul(asked, NULL, 0);
    uint64_t seed = seed_or(1);
    memset(&done, 0, sizeof done);
    for (unsigned i = 0; i < rounds; i++, seed++) {
        uint64_t first = seed;
        begin_world(&w, type, next_random(&first));
        play(&w);
        end_world(&w);
        done.schedules++;
    }
    printf("%s: %ju schedules, %ju differences of %ju steps, %ju stale, %ju replays\n", type->name,
           (uintmax_t)done.schedules, (uintmax_t)done.diffs, (uintmax_t)done.steps,
           (uintmax_t)done.stale, (uintmax_t)done.replays);
    printf("%ju undos, %ju elements brought back, %ju in vain, %ju too late, %ju moves\n",
           (uintmax_t)done.undos, (uintmax_t)done.brought_back, (uintmax_t)done.in_vain,
           (uintmax_t)done.too_late, (uintmax_t)done.moves);
    CHECK(is_text ? done.stale > 0 && done.too_late > 0 : done.moves > 0);
}

TEST(history, of_a_text)
{
    hold(&crdt_text_type);
}

TEST(history, of_a_classic_text)
{
    hold(&crdt_text_classic_type);
}

TEST(history, of_a_list)
{
    hold(&crdt_rga_type);
}

TEST(history, of_a_classic_list)
{
    hold(&crdt_rga_classic_type);
}
