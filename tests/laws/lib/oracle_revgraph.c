/* oracle_revgraph.c: revgraph.
 *
 * Each operation writes no, one or several records: an id, its parents, what it says. A state shows
 * the records of its events: leaves are those that no record names as a parent.
 */
#include <stdlib.h>
#include <string.h>

#include "crdt/revgraph.h"
#include "tests/laws/lib/oracle.h"

#define PARENTS_MAX 64
#define PATH_MAX 4

typedef struct record {
    crdt_rev_id id, parents[PARENTS_MAX];
    size_t      parents_count, event;
    bool        known, deleted;
    crdt_view   body;
} record;

/* The next record, empty but for its parents. */
static record *start_record(record *r, size_t event)
{
    r->parents_count = 0;
    r->event = event;
    r->known = true;
    r->deleted = false;
    r->body = (crdt_view){NULL, 0};
    return r;
}

typedef struct tale {
    const crdt_laws_event *events;
    record                 records[CRDT_LAWS_EVENTS_MAX * PATH_MAX];
    size_t                 count;
} tale;

static bool same(const crdt_rev_id *a, const crdt_rev_id *b)
{
    return crdt_rev_id_compare(a, b) == 0;
}

static bool is_held(const tale *t, uint64_t set, const crdt_rev_id *id)
{
    for (size_t i = 0; i < t->count; i++) {
        if (in_set(set, t->records[i].event) && same(&t->records[i].id, id)) return true;
    }
    return false;
}

static bool is_leaf(const tale *t, uint64_t set, const record *r)
{
    for (size_t i = 0; i < t->count; i++) {
        const record *child = &t->records[i];
        for (size_t p = 0; in_set(set, child->event) && p < child->parents_count; p++) {
            if (same(&child->parents[p], &r->id)) return false;
        }
    }
    return true;
}

/* The leaves that are deleted, or those that are not, down from the greatest; each id once. */
static size_t leaves(const tale *t, uint64_t set, bool deleted, crdt_rev_id *ids)
{
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        const record *r = &t->records[i];
        if (!in_set(set, r->event) || r->deleted != deleted || !is_leaf(t, set, r)) continue;
        size_t at = 0;
        while (at < n && crdt_rev_id_compare(&ids[at], &r->id) > 0) at++;
        if (at < n && same(&ids[at], &r->id)) continue;
        memmove(ids + at + 1, ids + at, (n - at) * sizeof *ids);
        ids[at] = r->id;
        n++;
    }
    return n;
}

/* Event i says something over these parents, unless that is there already. */
static void say(tale *t, size_t i, const crdt_rev_id *parents, size_t count, bool deleted,
                crdt_view body)
{
    record *r = start_record(&t->records[t->count], i);
    r->deleted = deleted;
    r->body = body;
    r->parents_count = count;
    if (count > 0) memcpy(r->parents, parents, count * sizeof *parents);
    if (crdt_rev_id_of(parents, count, deleted, body, NULL, &r->id) != CRDT_OK) abort();
    if (!is_held(t, t->events[i].seen, &r->id)) t->count++;
}

static size_t parse(crdt_view text, crdt_rev_id *path)
{
    const char *at = text.data, *end = at + text.size;
    size_t      n = 0;
    while (at < end && n < PATH_MAX) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        if (space == NULL) space = end;
        if (!crdt_rev_id_parse(crdt_view_of(at, (size_t)(space - at)), &path[n++])) return 0;
        at = space < end ? space + 1 : end;
    }
    return n;
}

/* The leaf of the path, and its ancestors up to one that is held. */
static void accept(tale *t, size_t i, bool deleted, crdt_view body)
{
    crdt_rev_id path[PATH_MAX];
    size_t      n = parse(t->events[i].args[0].bytes, path);
    uint64_t    seen = t->events[i].seen;
    for (size_t k = 0; k < n && !is_held(t, seen, &path[k]); k++) {
        record *r = start_record(&t->records[t->count++], i);
        r->id = path[k];
        r->known = k == 0;
        if (k == 0) r->body = body;
        r->deleted = k == 0 && deleted;
        r->parents_count = k + 1 < n;
        if (k + 1 < n) r->parents[0] = path[k + 1];
    }
}

static void tell_event(tale *t, size_t i)
{
    const crdt_laws_event *e = &t->events[i];
    crdt_rev_id            ids[CRDT_LAWS_EVENTS_MAX * PATH_MAX];
    crdt_view              none = {NULL, 0};
    size_t                 n = leaves(t, e->covers, false, ids), m = n;
    if (e->op == NULL) {
        if (n > 0) say(t, i, ids, n, true, none);
    } else if (is_op(e, "remove")) {
        if (n > 0) say(t, i, ids, 1, true, none);
    } else if (is_op(e, "edit") || is_op(e, "merge")) {
        if (n == 0) m = leaves(t, e->covers, true, ids);
        size_t over = m == 0 ? 0 : n == 0 || is_op(e, "edit") ? 1 : n;
        say(t, i, ids, over, false, e->args[0].bytes);
    } else if (is_op(e, "put")) {
        n = parse(e->args[0].bytes, ids);
        say(t, i, ids, n, false, e->args[1].bytes);
    } else {
        bool deleted = is_op(e, "accept_deleted");
        accept(t, i, deleted, deleted ? none : e->args[1].bytes);
    }
}

/* -- Printing -------------------------------------------------------------------------------- */

static uint64_t check_of(const record *r)
{
    crdt_rev_id id;
    uint64_t    n = 0;
    if (!r->known) return 0;
    if (crdt_rev_id_of(NULL, 0, r->deleted, r->body, NULL, &id) != CRDT_OK) abort();
    for (unsigned i = 8; i-- > 0;) n = n << 8 | id.hash[i];
    return n;
}

static bool same_record(const record *a, const record *b)
{
    return same(&a->id, &b->id) && a->known == b->known && a->deleted == b->deleted &&
           crdt_view_compare(a->body, b->body) == 0;
}

static bool comes_before(const record *a, const record *b)
{
    int order = crdt_rev_id_compare(&a->id, &b->id);
    return order != 0 ? order > 0 : check_of(a) > check_of(b);
}

/* Does another record of the set have the id and another known content? */
static bool has_other(const tale *t, uint64_t set, const record *r)
{
    for (size_t i = 0; i < t->count; i++) {
        const record *o = &t->records[i];
        if (in_set(set, o->event) && o->known && same(&o->id, &r->id) && !same_record(o, r)) {
            return true;
        }
    }
    return false;
}

/* The records to print, in order; returns how many. */
static size_t shown(const tale *t, uint64_t set, const record **list)
{
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        const record *r = &t->records[i];
        if (!in_set(set, r->event) || r->deleted || !is_leaf(t, set, r)) continue;
        if (!r->known && has_other(t, set, r)) continue;
        size_t at = 0;
        while (at < n && comes_before(list[at], r)) at++;
        if (at < n && same_record(list[at], r)) continue;
        memmove(list + at + 1, list + at, (n - at) * sizeof(const record *));
        list[at] = r;
        n++;
    }
    return n;
}

void oracle_revgraph(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    static tale   t;
    const record *list[CRDT_LAWS_EVENTS_MAX * PATH_MAX];
    t.events = events;
    t.count = 0;
    for (size_t i = 0; i < count; i++) tell_event(&t, i);
    size_t n = shown(&t, present, list);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) crdt_buf_text(out, ", ");
        crdt_rev_id_print(&list[i]->id, out);
        if (list[i]->known && has_other(&t, present, list[i])) crdt_buf_text(out, " (doubled)");
        crdt_buf_text(out, " ");
        if (!list[i]->known) crdt_buf_text(out, "(no body)");
        else crdt_buf_print_value(out, crdt_bytes(list[i]->body.data, list[i]->body.size));
    }
    if (n == 0) crdt_buf_text(out, "none");
}
