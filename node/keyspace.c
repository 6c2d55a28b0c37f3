/* keyspace.c: the commands that look at names whatever their type. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/commands.h"
#include "node/deadline.h"
#include "node/expiry.h"
#include "node/glob.h"
#include "node/hashes.h"
#include "node/keys.h"
#include "node/lists.h"
#include "node/notify.h"
#include "node/number.h"
#include "node/zsets.h"

void command_del(call *c)
{
    int64_t removed = 0;
    for (size_t i = 1; i < c->count; i++) {
        bool showed = key_remove(c, c->args[i]);
        if (c->failed) return;
        removed += showed;
        if (showed) notify(c, EVENTS_GENERIC, "del", c->args[i]);
    }
    c->deadlines = true;
    reply_int(c->reply, removed);
}

static void count_there(call *c)
{
    crdt_ref ref;
    int64_t  there = 0;
    for (size_t i = 1; i < c->count; i++) there += key_find(c, c->args[i], &ref);
    if (!c->failed) reply_int(c->reply, there);
}

void command_exists(call *c)
{
    count_there(c);
}

void command_touch(call *c)
{
    count_there(c);
}

void command_type(call *c)
{
    crdt_ref ref;
    bool     there = key_find(c, c->args[1], &ref);
    if (!c->failed) reply_simple(c->reply, there ? key_type_name(ref.type) : "none");
}

/* -- Walking ----------------------------------------------------------------------------------- */

/* How many bytes of the pattern stand for themselves: names that match begin with them. */
static size_t plain_prefix(crdt_view pattern)
{
    const char *at = pattern.data;
    size_t      n = 0;
    while (n < pattern.size && strchr("*?[\\", at[n]) == NULL && at[n] != 0) n++;
    return n;
}

static bool begins_with(crdt_view name, crdt_view prefix)
{
    return name.size >= prefix.size &&
           (prefix.size == 0 || memcmp(name.data, prefix.data, prefix.size) == 0);
}

/* A reply of strings whose count is known at the end: collected beside. */
typedef struct gathered {
    crdt_buf bytes;
    size_t   count;
} gathered;

static void gather_begin(gathered *g)
{
    g->count = 0;
    crdt_buf_init(&g->bytes, NULL);
}

static void gather(call *c, gathered *g, crdt_view name)
{
    reply to = {&g->bytes, c->reply->protocol};
    reply_bulk(&to, name);
    g->count++;
}

static void gather_end(call *c, gathered *g)
{
    if (g->bytes.failed) {
        call_fails(c, CRDT_ENOMEM);
    } else {
        reply_array(c->reply, g->count);
        crdt_buf_put(c->reply->out, g->bytes.data, g->bytes.size);
    }
    crdt_buf_clear(&g->bytes);
}

void command_keys(call *c)
{
    crdt_view pattern = c->args[1], name;
    crdt_view prefix = crdt_view_of(pattern.data, plain_prefix(pattern));
    key_walk  walk = key_walk_from(c, prefix);
    crdt_ref  ref;
    gathered  found;
    gather_begin(&found);
    while (key_next(&walk, &name, &ref) && begins_with(name, prefix)) {
        if (glob_match(pattern, name) && !key_hidden(c, name, &ref)) gather(c, &found, name);
    }
    gather_end(c, &found);
}

void command_randomkey(call *c)
{
    crdt_view name;
    crdt_ref  ref;
    for (int tries = 0; tries < 100; tries++) {
        crdt_store_iter it = crdt_store_iterate_some(c->node->store, node_random(c->node));
        if (!crdt_store_next(&it, &name, &ref)) { /* only what is gone lies behind */
            it = crdt_store_iterate(c->node->store);
            if (!crdt_store_next(&it, &name, &ref)) break;
        }
        if (!key_find(c, name, &ref)) continue;
        reply_bulk(c->reply, name);
        return;
    }
    key_walk walk = key_walk_from(c, crdt_view_of(NULL, 0));
    bool     found = false;
    while (!found && key_next(&walk, &name, &ref)) { /* nearly all are hidden, or EXEC wrote one */
        found = !key_hidden(c, name, &ref);
    }
    if (found) reply_bulk(c->reply, name);
    else reply_null(c->reply);
}

/* -- SCAN -------------------------------------------------------------------------------------- */

/* A cursor is a number; where it stands is kept here. The oldest are forgotten. */
#define CURSORS 4096u
typedef struct cursor {
    uint64_t  number;
    crdt_view name; /* ours */
} cursor;
struct keyspace_cursors {
    cursor   at[CURSORS];
    uint64_t next;
};

uint64_t key_keep_cursor(node *n, crdt_view name)
{
    if (n->cursors == NULL) n->cursors = calloc(1, sizeof *n->cursors);
    void *copy = malloc(name.size + 1);
    if (n->cursors == NULL || copy == NULL) {
        free(copy);
        return 0;
    }
    memcpy(copy, name.data, name.size);
    uint64_t number = ++n->cursors->next;
    cursor  *at = &n->cursors->at[number % CURSORS];
    free((void *)(uintptr_t)at->name.data);
    *at = (cursor){number, crdt_view_of(copy, name.size)};
    return number;
}

bool key_cursor(const node *n, uint64_t number, crdt_view *ret_name)
{
    const cursor *at = n->cursors != NULL ? &n->cursors->at[number % CURSORS] : NULL;
    if (at == NULL || at->number != number) return false;
    *ret_name = at->name;
    return true;
}

void keyspace_close(node *n)
{
    for (size_t i = 0; n->cursors != NULL && i < CURSORS; i++) {
        free((void *)(uintptr_t)n->cursors->at[i].name.data);
    }
    free(n->cursors);
    n->cursors = NULL;
}

typedef struct scan {
    uint64_t  cursor;
    int64_t   count;
    crdt_view pattern, type;
} scan;

static bool parse_scan(call *c, scan *s)
{
    *s = (scan){0, 10, {NULL, 0}, {NULL, 0}};
    if (!number_uint64(c->args[1], &s->cursor)) {
        call_error(c, "ERR invalid cursor");
        return false;
    }
    for (size_t i = 2; i < c->count; i += 2) {
        bool pair = i + 1 < c->count;
        if (pair && call_is(c, i, "match")) s->pattern = c->args[i + 1];
        else if (pair && call_is(c, i, "type")) s->type = c->args[i + 1];
        else if (pair && call_is(c, i, "count")) {
            if (!call_int(c, i + 1, &s->count)) return false;
            if (s->count < 1) pair = false;
        } else {
            pair = false;
        }
        if (pair) continue;
        call_syntax(c);
        return false;
    }
    return true;
}

static bool fits(call *c, const scan *s, crdt_view name, const crdt_ref *ref)
{
    if (key_hidden(c, name, ref)) return false;
    if (s->pattern.data != NULL && !glob_match(s->pattern, name)) return false;
    const char *shown = key_type_name(ref->type);
    return s->type.data == NULL ||
           (s->type.size == strlen(shown) && strncasecmp(s->type.data, shown, s->type.size) == 0);
}

void command_scan(call *c)
{
    scan     s;
    gathered found;
    char     next[24] = "0";
    crdt_ref ref;
    node    *n = c->node;
    if (!parse_scan(c, &s)) return;
    crdt_view name = {NULL, 0};
    if (s.cursor != 0 && !key_cursor(n, s.cursor, &name)) {
        call_error(c, "ERR invalid cursor");
        return;
    }
    key_walk walk = key_walk_from(c, name);
    gather_begin(&found);
    bool more = key_next(&walk, &name, &ref);
    for (int64_t left = s.count; more && left > 0; left--) {
        if (fits(c, &s, name, &ref)) gather(c, &found, name);
        more = key_next(&walk, &name, &ref);
    }
    if (more) snprintf(next, sizeof next, "%" PRIu64, key_keep_cursor(n, name));
    reply_array(c->reply, 2);
    reply_text(c->reply, next);
    gather_end(c, &found);
}

/* -- RENAME ------------------------------------------------------------------------------------ */

/* The winner's body, as the first revision of a document. Its ids are others there, and another
 * branch might win: so there must be none. */
static bool copy_document(call *c, crdt_view to, crdt_ref from)
{
    crdt_revgraph_iter it = crdt_revgraph_iterate(from, CRDT_REVS_LIVE);
    crdt_rev           winner, other;
    if (!crdt_revgraph_next(&it, &winner)) return true;
    if (winner.has_body && !crdt_revgraph_next(&it, &other)) {
        return !call_fails(c, crdt_revgraph_edit(c->txn, to, winner.body));
    }
    call_error(c, "ERR a document with conflicts cannot be renamed: write over them first");
    return false;
}

/* The content, written anew under the other name: what others change under the old one at the same
 * time stays there. */
static bool copy_content(call *c, crdt_view to, crdt_ref from)
{
    if (from.type == &crdt_cell_type) {
        crdt_buf text;
        crdt_buf_init(&text, NULL);
        crdt_err err = crdt_cell_get(from, &text);
        if (err == CRDT_OK) err = crdt_cell_set(c->txn, to, crdt_bytes(text.data, text.size));
        crdt_buf_clear(&text);
        return !call_fails(c, err);
    }
    if (from.type == &crdt_orset_type) {
        crdt_orset_iter it = crdt_orset_iterate(from);
        crdt_value      elem;
        while (crdt_orset_next(&it, &elem)) {
            if (call_fails(c, crdt_orset_add(c->txn, to, elem))) return false;
        }
        return true;
    }
    if (from.type == &crdt_ormap_type) return hash_copy(c, to, from);
    if (from.type == &crdt_zset_type) return zset_copy(c, to, from);
    if (from.type == &crdt_rga_type) return list_copy(c, to, from);
    if (from.type == &crdt_revgraph_type) return copy_document(c, to, from);
    call_error(c, "ERR a name of type '%s' cannot be renamed: its history stands under its name",
               key_type_name(from.type));
    return false;
}

/* False: an error was replied. */
static bool rename_key(call *c)
{
    crdt_ref  ref;
    int64_t   deadline = 0;
    crdt_view from = c->args[1], to = c->args[2];
    bool      expires = key_deadline(c, from, &deadline);
    if (crdt_view_compare(from, to) == 0) return true;
    if (key_replace(c, to) == NULL) return false;
    if (call_fails(c, crdt_txn_find(c->txn, from, NULL, &ref))) return false;
    if (!copy_content(c, to, ref)) return false;
    c->deadlines = true;
    if (expires && !deadline_keep(c, to, deadline)) return false;
    notify(c, EVENTS_GENERIC, "rename_from", from);
    notify(c, EVENTS_GENERIC, "rename_to", to);
    return key_wipe(c, from);
}

void command_rename(call *c)
{
    crdt_ref ref;
    if (!key_find(c, c->args[1], &ref)) {
        if (!c->failed) call_error(c, "ERR no such key");
        return;
    }
    if (rename_key(c)) reply_ok(c->reply);
}

void command_renamenx(call *c)
{
    crdt_ref ref;
    if (!key_find(c, c->args[1], &ref)) {
        if (!c->failed) call_error(c, "ERR no such key");
        return;
    }
    bool there = key_find(c, c->args[2], &ref);
    if (!c->failed && (there || rename_key(c))) reply_int(c->reply, !there);
}

/* -- FLUSHALL ---------------------------------------------------------------------------------- */

/* An entry holds so many removals at most, so that it stays below the size of a message. */
#define FLUSH_BATCH 1000u

/* The next names from `from` on that may be removed: copied, for the walk ends with the change. */
static size_t next_names(const call *c, crdt_view from, crdt_buf *bytes,
                         crdt_view names[FLUSH_BATCH])
{
    key_walk  walk = key_walk_from(c, from);
    crdt_view name;
    crdt_ref  ref;
    size_t    count = 0, at = 0;
    crdt_buf_reset(bytes);
    while (count < FLUSH_BATCH && key_next(&walk, &name, &ref)) {
        if (key_kept_now(c, name)) continue;
        crdt_buf_put(bytes, name.data, name.size);
        names[count++].size = name.size;
    }
    for (size_t i = 0; i < count; i++) {
        names[i].data = bytes->data + at;
        at += names[i].size;
    }
    return bytes->failed ? 0 : count;
}

/* Several entries, but one within EXEC: an observed removal of everything but audits. */
void command_flushall(call *c)
{
    static crdt_view names[FLUSH_BATCH];
    crdt_buf         bytes[2]; /* the last name of one is where the other begins */
    crdt_view        from = {NULL, 0};
    size_t           count, turn = 0;
    if (c->count > 2 || (c->count == 2 && !call_is(c, 1, "sync") && !call_is(c, 1, "async"))) {
        call_syntax(c);
        return;
    }
    for (int i = 0; i < 2; i++) crdt_buf_init(&bytes[i], NULL);
    while (!c->failed && (count = next_names(c, from, &bytes[turn], names)) > 0) {
        if (call_write(c) == NULL) break;
        for (size_t i = 0; i < count && !c->failed; i++) {
            call_fails(c, crdt_txn_remove(c->txn, names[i]));
        }
        from = names[count - 1];
        turn ^= 1;
        c->deadlines = true;
        call_commit(c);
    }
    if (bytes[turn].failed) call_fails(c, CRDT_ENOMEM);
    for (int i = 0; i < 2; i++) crdt_buf_clear(&bytes[i]);
    if (!c->failed) reply_ok(c->reply);
}
