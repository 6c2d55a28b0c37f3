/* oracle_map.c: ormap and its policies.
 *
 * What a map holds is told entry by entry. An entry is a key with a type, or a key of the map at a
 * key; of each event it is noted, in their order, what it did to each entry: wrote into it, marked
 * it as existing, marked it as removed, and which earlier events' writes and marks it took away
 * there. Then an entry's content is its own type's affair: its oracle is asked, with the events
 * that concern it.
 */
#include "tests/laws/lib/oracle.h"

#include <stdlib.h>
#include <string.h>

typedef enum kind { MVREG, ORSET, COUNTER, LIST, MAP } kind;
typedef enum policy { UPDATE_WINS, REMOVE_WINS, LATEST_WINS } policy;

#define ENTRIES_MAX (2 * CRDT_LAWS_EVENTS_MAX)
#define NOWHERE ENTRIES_MAX

/* What an event did to an entry. */
typedef struct deed {
    bool     writes, marks, removes;
    uint64_t wiped;         /* events whose content it took away */
    uint64_t marks_covered; /* events whose marks, of either kind, it took away */
} deed;

typedef struct entry {
    crdt_view key;
    kind      kind;
    size_t    in; /* the map that it lies in; NOWHERE: the outermost */
} entry;

typedef struct world {
    const crdt_laws_event *events;
    size_t                 count;
    policy                 policy;
    entry                  entries[ENTRIES_MAX];
    size_t                 entry_count;
    deed                  *deeds; /* event by event, of 2 * count entries each */
} world;

static deed *deed_of(const world *w, size_t event, size_t e)
{
    return &w->deeds[event * 2 * w->count + e];
}

static const char *type_name(const world *w, kind k)
{
    static const char *const maps[] = {"ormap", "ormap_rw", "ormap_lww"};
    static const char *const names[] = {"mvreg", "orset", "pncounter", "rga"};
    return k == MAP ? maps[w->policy] : names[k];
}

/* In the order of their ids: mvreg, orset, ... are not. */
static int type_id(const world *w, kind k)
{
    static const int maps[] = {22, 26, 27}, ids[] = {11, 7, 2, 16};
    return k == MAP ? maps[w->policy] : ids[k];
}

static size_t entry_of(world *w, crdt_view key, kind k, size_t in)
{
    for (size_t e = 0; e < w->entry_count; e++) {
        const entry *at = &w->entries[e];
        if (at->kind == k && at->in == in && crdt_view_compare(at->key, key) == 0) return e;
    }
    w->entries[w->entry_count] = (entry){key, k, in};
    return w->entry_count++;
}

/* -- The content of one entry ------------------------------------------------------------------ */

typedef struct tale_of_one {
    crdt_laws_event at[CRDT_LAWS_EVENTS_MAX];
    uint64_t        from[CRDT_LAWS_EVENTS_MAX]; /* the event that it is of */
    size_t          count;
} tale_of_one;

/* A set of events, in the numbers of the tale. A wipe comes right before the write it is of. */
static uint64_t translate(const tale_of_one *t, uint64_t set)
{
    uint64_t in = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (in_set(set, t->from[i])) in |= UINT64_C(1) << i;
    }
    return in;
}

static void add_event(tale_of_one *t, const crdt_laws_event *e, size_t from, uint64_t covers)
{
    if (t->count == CRDT_LAWS_EVENTS_MAX) abort();
    crdt_laws_event *to = &t->at[t->count];
    *to = *e;
    to->seen = translate(t, e->seen);
    to->covers = translate(t, covers);
    t->from[t->count++] = from;
}

/* self: an event of which only what it took away counts; or none. */
static void print_leaf(const world *w, size_t e, uint64_t present, size_t self, crdt_buf *out)
{
    static const crdt_op inner_ops[] = {{"set", "v", "", NULL},
                                        {"add", "v", "", NULL},
                                        {"inc", "n", "", NULL},
                                        {"insert", "pv", "", NULL}};
    tale_of_one          tale, *t = &tale;
    t->count = 0;
    for (size_t i = 0; i < w->count; i++) {
        const deed     *d = deed_of(w, i, e);
        crdt_laws_event event = w->events[i];
        if (!in_set(present, i) && i != self) continue;
        uint64_t wiped = 0;
        if (d->wiped != 0) {
            event.op = NULL;
            wiped = d->wiped;
            add_event(t, &event, i, wiped);
        }
        if (!d->writes || i == self) continue;
        event.op = &inner_ops[w->entries[e].kind];
        event.args = w->events[i].args + (w->entries[e].in == NOWHERE ? 1 : 2);
        event.covers = w->events[i].covers;
        add_event(t, &event, i, event.covers);
        if (wiped != 0) { /* it follows its own wipe */
            crdt_laws_event *to = &t->at[t->count - 1];
            to->seen |= UINT64_C(1) << (t->count - 2);
            to->covers |= UINT64_C(1) << (t->count - 2);
        }
    }
    static const crdt_laws_oracle oracles[] = {oracle_mvreg, oracle_orset, oracle_pncounter,
                                               oracle_rga};
    uint64_t                      all = t->count == 64 ? UINT64_MAX : (UINT64_C(1) << t->count) - 1;
    oracles[w->entries[e].kind](t->at, t->count, all, out);
}

static bool leaf_shows(const world *w, size_t e, uint64_t present, size_t self)
{
    static const char *const nothing[] = {"[]", "{}", "0", "[]"};
    crdt_buf                 text;
    crdt_buf_init(&text, NULL);
    print_leaf(w, e, present, self, &text);
    crdt_view none = crdt_text_view(nothing[w->entries[e].kind]);
    bool      shows = crdt_view_compare(crdt_buf_bytes(&text), none) != 0;
    crdt_buf_clear(&text);
    return shows;
}

/* -- What shows -------------------------------------------------------------------------------- */

typedef struct standing {
    bool   shows, removed;
    size_t since; /* the event of the greatest mark; count: none */
} standing;

/* Is event i's mark on the entry still there? */
static bool mark_stays(const world *w, size_t e, uint64_t present, size_t self, size_t i)
{
    if (!in_set(present, i) || i == self) return false;
    if (!deed_of(w, i, e)->marks && !deed_of(w, i, e)->removes) return false;
    for (size_t j = 0; j < w->count; j++) {
        if (!in_set(present, j) && j != self) continue;
        if (in_set(deed_of(w, j, e)->marks_covered, i)) return false;
    }
    return true;
}

static standing stand(const world *w, size_t e, uint64_t present, size_t self);

static bool content_shows(const world *w, size_t e, uint64_t present, size_t self)
{
    if (w->entries[e].kind != MAP) return leaf_shows(w, e, present, self);
    for (size_t inner = 0; inner < w->entry_count; inner++) {
        if (w->entries[inner].in == e && stand(w, inner, present, self).shows) return true;
    }
    return false;
}

static standing stand(const world *w, size_t e, uint64_t present, size_t self)
{
    standing s = {false, false, w->count};
    size_t   top = w->count;
    for (size_t i = 0; i < w->count; i++) {
        if (!mark_stays(w, e, present, self, i)) continue;
        if (top == w->count || is_later_write(w->events, i, top)) top = i;
        if (deed_of(w, i, e)->removes) s.removed = true;
        else if (s.since == w->count || is_later_write(w->events, i, s.since)) s.since = i;
    }
    bool beaten =
        w->policy == LATEST_WINS ? top != w->count && deed_of(w, top, e)->removes : s.removed;
    s.shows = !beaten && (s.since != w->count || content_shows(w, e, present, self));
    return s;
}

/* The entry that shows at a key; NOWHERE: none does. */
static size_t shown_at(const world *w, crdt_view key, size_t in, uint64_t present, size_t self)
{
    size_t   best = NOWHERE;
    standing best_stand = {false, false, 0};
    for (size_t e = 0; e < w->entry_count; e++) {
        if (w->entries[e].in != in || crdt_view_compare(w->entries[e].key, key) != 0) continue;
        standing s = stand(w, e, present, self);
        bool     before = best != NOWHERE;
        if (!s.shows) continue;
        if (before && s.since == w->count && best_stand.since == w->count) {
            if (type_id(w, w->entries[e].kind) > type_id(w, w->entries[best].kind)) continue;
        } else if (before && (s.since == w->count ||
                              (best_stand.since != w->count &&
                               !is_later_write(w->events, s.since, best_stand.since)))) {
            continue;
        }
        best = e;
        best_stand = s;
    }
    return best;
}

/* -- What events did --------------------------------------------------------------------------- */

/* What shows of the content goes, as far as `covers` has it. */
static void wipe_content(world *w, size_t i, size_t e, uint64_t covers)
{
    uint64_t seen = w->events[i].seen;
    deed_of(w, i, e)->wiped = covers;
    for (size_t inner = 0; inner < w->entry_count; inner++) {
        if (w->entries[inner].in != e || !stand(w, inner, seen, NOWHERE).shows) continue;
        deed_of(w, i, inner)->marks_covered = covers;
        wipe_content(w, i, inner, covers);
    }
}

static void write_into(world *w, size_t i, size_t e)
{
    uint64_t seen = w->events[i].seen;
    bool     shows = shown_at(w, w->entries[e].key, w->entries[e].in, seen, i) != NOWHERE;
    deed    *d = deed_of(w, i, e);
    if (!shows && stand(w, e, seen, i).removed) wipe_content(w, i, e, seen);
    d->writes = true;
    if (shows && w->policy != LATEST_WINS) return;
    d->marks = true;
    d->marks_covered = seen;
}

static void remove_key(world *w, size_t i, crdt_view key, size_t in)
{
    uint64_t seen = w->events[i].seen;
    uint64_t covers = w->policy == UPDATE_WINS ? w->events[i].covers : seen;
    for (size_t e = 0; e < w->entry_count; e++) {
        if (w->entries[e].in != in || crdt_view_compare(w->entries[e].key, key) != 0) continue;
        if (!stand(w, e, seen, NOWHERE).shows) continue;
        wipe_content(w, i, e, covers);
        deed_of(w, i, e)->marks_covered = covers;
        deed_of(w, i, e)->removes = w->policy != UPDATE_WINS;
    }
}

static void clear_all(world *w, size_t i)
{
    for (size_t e = 0; e < w->entry_count; e++) {
        if (w->entries[e].in != NOWHERE) continue;
        if (!stand(w, e, w->events[i].seen, NOWHERE).shows) continue;
        wipe_content(w, i, e, w->events[i].covers);
        deed_of(w, i, e)->marks_covered = w->events[i].covers;
    }
}

static void happen(world *w, size_t i)
{
    static const struct {
        const char *name;
        kind        kind;
    } writes[] = {{"set", MVREG}, {"add", ORSET}, {"count", COUNTER}, {"insert", LIST}};
    const crdt_laws_event *e = &w->events[i];
    if (e->op == NULL || is_op(e, "clear")) {
        clear_all(w, i);
        return;
    }
    crdt_view key = e->args[0].bytes;
    for (size_t n = 0; n < sizeof writes / sizeof *writes; n++) {
        if (is_op(e, writes[n].name)) write_into(w, i, entry_of(w, key, writes[n].kind, NOWHERE));
    }
    if (is_op(e, "set_in")) {
        size_t map = entry_of(w, key, MAP, NOWHERE);
        size_t inner = entry_of(w, e->args[1].bytes, MVREG, map);
        write_into(w, i, map);
        write_into(w, i, inner);
    }
    if (is_op(e, "create")) {
        size_t map = entry_of(w, key, MAP, NOWHERE);
        if (!stand(w, map, e->seen, NOWHERE).shows) write_into(w, i, map);
    }
    if (is_op(e, "remove")) remove_key(w, i, key, NOWHERE);
    if (is_op(e, "remove_in")) {
        size_t map = shown_at(w, key, NOWHERE, e->seen, NOWHERE);
        if (map != NOWHERE && w->entries[map].kind == MAP) {
            remove_key(w, i, e->args[1].bytes, map);
        }
    }
}

/* -- Telling ----------------------------------------------------------------------------------- */

static void print_map(const world *w, size_t in, uint64_t present, crdt_buf *out);

static void print_entry(const world *w, size_t e, uint64_t present, crdt_buf *out)
{
    crdt_buf_text(out, type_name(w, w->entries[e].kind));
    crdt_buf_text(out, " ");
    if (w->entries[e].kind == MAP) print_map(w, e, present, out);
    else print_leaf(w, e, present, NOWHERE, out);
}

/* The next key in order behind `last` under which anything shows; NOWHERE: none. */
static size_t next_key(const world *w, size_t in, uint64_t present, const crdt_view *last)
{
    size_t best = NOWHERE;
    for (size_t e = 0; e < w->entry_count; e++) {
        const entry *at = &w->entries[e];
        if (at->in != in || (last != NULL && crdt_view_compare(at->key, *last) <= 0)) continue;
        if (best != NOWHERE && crdt_view_compare(at->key, w->entries[best].key) >= 0) continue;
        size_t shown = shown_at(w, at->key, in, present, NOWHERE);
        if (shown != NOWHERE) best = shown;
    }
    return best;
}

static void print_map(const world *w, size_t in, uint64_t present, crdt_buf *out)
{
    const crdt_view *last = NULL;
    crdt_buf_text(out, "{");
    for (size_t e; (e = next_key(w, in, present, last)) != NOWHERE; last = &w->entries[e].key) {
        crdt_value key = {CRDT_BYTES, 0, w->entries[e].key};
        if (last != NULL) crdt_buf_text(out, ", ");
        crdt_buf_print_value(out, key);
        crdt_buf_text(out, ": ");
        print_entry(w, e, present, out);
        for (int id = 0; id < 64; id++) {
            for (size_t o = 0; o < w->entry_count; o++) {
                if (o == e || type_id(w, w->entries[o].kind) != id || w->entries[o].in != in ||
                    crdt_view_compare(w->entries[o].key, w->entries[e].key) != 0 ||
                    !stand(w, o, present, NOWHERE).shows) {
                    continue;
                }
                crdt_buf_text(out, " or ");
                print_entry(w, o, present, out);
            }
        }
    }
    crdt_buf_text(out, "}");
}

static void tell(policy how, const crdt_laws_event *events, size_t count, uint64_t present,
                 crdt_buf *out)
{
    static world w;
    w.events = events;
    w.count = count;
    w.policy = how;
    w.entry_count = 0;
    w.deeds = calloc(2 * count * count + 1, sizeof *w.deeds);
    if (w.deeds == NULL) abort();
    for (size_t i = 0; i < count; i++) happen(&w, i);
    print_map(&w, NOWHERE, present, out);
    free(w.deeds);
}

void oracle_ormap(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    tell(UPDATE_WINS, events, count, present, out);
}

void oracle_ormap_rw(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    tell(REMOVE_WINS, events, count, present, out);
}

void oracle_ormap_lww(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    tell(LATEST_WINS, events, count, present, out);
}
