/* conflicts.c: see conflicts.h. The names are a tree of tsearch(3), in order of bytes. */
#include "node/conflicts.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "node/log.h"

#define PATH_MAX_DEPTH 64u /* of maps, whatever the limits say */

static int by_name(const void *a, const void *b)
{
    return crdt_view_compare(*(const crdt_view *)a, *(const crdt_view *)b);
}

/* -- In maps ----------------------------------------------------------------------------------- */

static bool competes_within(const crdt_ref *ref)
{
    bool map = crdt_ormap_is(ref->type) || ref->type == &crdt_zset_type;
    return map && crdt_ormap_competes(*ref);
}

typedef struct field_walk {
    void (*visit)(void *user, const conflicts_field *field);
    void     *user;
    crdt_view path[PATH_MAX_DEPTH];
} field_walk;

static void walk_map(field_walk *w, const crdt_ref *map, size_t depth)
{
    crdt_ormap_iter it = crdt_ormap_iterate(*map);
    crdt_conflict   second;
    conflicts_field at = {.path = w->path, .depth = depth + 1, .in = *map};
    if (depth == PATH_MAX_DEPTH) return;
    while (crdt_ormap_next(&it, &w->path[depth], &at.shows)) {
        if (crdt_ref_conflict(&at.shows, 1, &second) ||
            crdt_ormap_type_at(*map, w->path[depth], 1) != NULL) {
            w->visit(w->user, &at);
        }
        if (competes_within(&at.shows)) walk_map(w, &at.shows, depth + 1);
    }
}

void conflicts_fields(const crdt_ref *map, void (*visit)(void *user, const conflicts_field *field),
                      void           *user)
{
    field_walk w = {.visit = visit, .user = user};
    if (competes_within(map)) walk_map(&w, map, 0);
}

static size_t count_contents(const crdt_ref *ref)
{
    crdt_conflict content;
    size_t        count = 0;
    while (crdt_ref_conflict(ref, count, &content)) count++;
    return count;
}

static void add_contents(void *user, const conflicts_field *field)
{
    *(size_t *)user += count_contents(&field->shows);
}

size_t conflicts_contents(const crdt_ref *ref)
{
    size_t count = count_contents(ref);
    conflicts_fields(ref, add_contents, &count);
    return count;
}

/* -- Names ------------------------------------------------------------------------------------- */

size_t conflicts_types(const node *n, crdt_view name)
{
    size_t count = 0;
    while (crdt_store_type_at(n->store, name, count) != NULL) count++;
    return count;
}

static bool competes(const node *n, crdt_view name, const crdt_ref *ref)
{
    crdt_conflict second;
    return crdt_ref_conflict(ref, 1, &second) || competes_within(ref) ||
           crdt_store_type_at(n->store, name, 1) != NULL;
}

/* A name that is listed; its bytes are behind. */
typedef struct listed {
    crdt_view name; /* first: by_name compares it */
    bool      doubled;
} listed;

/* NULL: there is no memory: it is not listed, and competes all the same. */
static listed *keep(node *n, crdt_view name)
{
    listed *kept = malloc(sizeof *kept + name.size);
    if (kept == NULL) return NULL;
    if (name.size > 0) memcpy(kept + 1, name.data, name.size);
    *kept = (listed){crdt_view_of(kept + 1, name.size), false};
    listed **at = tsearch(kept, &n->conflicts, by_name);
    if (at == NULL || *at != kept) {
        free(kept);
        return NULL;
    }
    n->conflicts_count++;
    return kept;
}

static void drop(node *n, listed *kept)
{
    tdelete(kept, &n->conflicts, by_name);
    n->conflicts_count--;
    n->doubled_count -= kept->doubled;
    free(kept);
}

/* A leaf of which another has the id, too: somebody gave one id to two bodies. */
static bool find_doubled(const crdt_ref *ref, crdt_rev *ret_rev)
{
    crdt_revgraph_iter it = crdt_revgraph_iterate(*ref, CRDT_REVS_DOUBLED);
    while (crdt_revgraph_next(&it, ret_rev)) {
        if (ret_rev->leaf) return true;
    }
    return false;
}

/* The alarm: once, until it is decided which of the bodies is meant. */
static void watch_doubled(node *n, listed *kept, const crdt_ref *ref)
{
    crdt_rev rev;
    bool     before = kept->doubled;
    kept->doubled = find_doubled(ref, &rev);
    n->doubled_count += kept->doubled;
    n->doubled_count -= before;
    if (!kept->doubled || before) return;
    char     quoted[280];
    crdt_buf id;
    crdt_buf_init(&id, NULL);
    crdt_rev_id_print(&rev.id, &id);
    node_log(LOG_WARN, "one revision id has two bodies: both are kept, write over it",
             "key=%s rev=%.*s", node_log_quote(kept->name, quoted), (int)id.size,
             id.size > 0 ? (const char *)id.data : "");
    crdt_buf_clear(&id);
}

void conflicts_note(node *n, const crdt_change *change)
{
    crdt_ref ref;
    /* Of what is written here only branches of revisions add. */
    bool adds = change->remote || change->type == &crdt_revgraph_type;
    if (!adds && n->conflicts_count == 0) return;
    bool competing = crdt_store_find(n->store, change->name, NULL, &ref) == CRDT_OK &&
                     competes(n, change->name, &ref);
    listed *const *at = tfind(&change->name, &n->conflicts, by_name);
    listed        *kept = at != NULL ? *at : NULL;
    if (competing && kept == NULL) kept = keep(n, change->name);
    if (kept == NULL) return;
    if (competing) watch_doubled(n, kept, &ref);
    else drop(n, kept);
}

void conflicts_open(node *n)
{
    crdt_store_iter it = crdt_store_iterate(n->store);
    crdt_view       name;
    crdt_ref        ref;
    while (crdt_store_next(&it, &name, &ref)) {
        listed *kept = competes(n, name, &ref) ? keep(n, name) : NULL;
        if (kept != NULL) watch_doubled(n, kept, &ref);
    }
}

void conflicts_close(node *n)
{
    tdestroy(n->conflicts, free);
    n->conflicts = NULL;
    n->conflicts_count = n->doubled_count = 0;
}

size_t conflicts_count(const node *n)
{
    return n->conflicts_count;
}

size_t conflicts_doubled(const node *n)
{
    return n->doubled_count;
}

typedef struct walk {
    bool (*visit)(void *user, crdt_view name);
    void *user;
    bool  done;
} walk;

static void at_node(const void *at, VISIT order, void *user)
{
    walk *w = user;
    if ((order != postorder && order != leaf) || w->done) return;
    w->done = !w->visit(w->user, (*(const listed *const *)at)->name);
}

void conflicts_each(const node *n, bool (*visit)(void *user, crdt_view name), void *user)
{
    walk w = {visit, user, false};
    twalk_r(n->conflicts, at_node, &w);
}
