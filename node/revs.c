/* revs.c: REV.*: documents with their revisions, as CouchDB keeps them, over crdt_revgraph.
 *
 *      REV.PUT card '{"tel": 1}'                    the first revision: 1-...
 *      REV.PUT card '{"tel": 2}' PARENT 1-...       over it: 2-...
 *      REV.PUT card '{"tel": 3}' PARENT 2-.. 2-..   over both branches of a conflict, in one write
 *
 * Writers  name what they write over, and are refused if that is no leaf any more: CONFLICT. What
 *          is written twice, as after a lost reply, is one revision.
 * Bodies   are those of leaves: a revision that was written over keeps its id and its parents.
 * Alarm    one id with two bodies is never resolved silently: DOUBLED, and a line in the log. */
#include <stdlib.h>
#include <string.h>

#include "node/commands.h"
#include "node/expiry.h"
#include "node/keys.h"
#include "node/log.h"

/* -- Ids --------------------------------------------------------------------------------------- */

#define ID_TEXT 48u /* "4294967295-" and 32 digits */

typedef struct id_text {
    char chars[ID_TEXT];
} id_text;

static id_text text_of(const crdt_rev_id *id)
{
    id_text  text = {""};
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    crdt_rev_id_print(id, &out);
    if (!out.failed && out.size < ID_TEXT) memcpy(text.chars, out.data, out.size);
    crdt_buf_clear(&out);
    return text;
}

static void reply_id(reply *r, const crdt_rev_id *id)
{
    id_text text = text_of(id);
    reply_text(r, text.chars);
}

/* False: an error was replied. */
static bool parse_id(call *c, size_t i, crdt_rev_id *ret_id)
{
    if (crdt_rev_id_parse(c->args[i], ret_id)) return true;
    int size = c->args[i].size < 64 ? (int)c->args[i].size : 64;
    call_error(
        c,
        "ERR invalid revision '%.*s': a revision is N-hash, N from 1, the hash 32 lower-case "
        "hexadecimal digits",
        size, (const char *)c->args[i].data);
    return false;
}

/* Revisions that a command names. */
typedef struct named {
    crdt_rev_id *at; /* ours */
    size_t       count;
    bool         flag; /* the word that may stand behind them does */
} named;

static void named_free(named *revs)
{
    free(revs->at);
}

/* The arguments from the i-th on, at least one. False: an error was replied, and nothing is to be
 * freed. */
static bool parse_named(call *c, size_t i, size_t end, named *ret_revs)
{
    if (i >= end) {
        call_syntax(c);
        return false;
    }
    named revs = {.at = malloc((end - i) * sizeof *revs.at), .count = end - i};
    if (revs.at == NULL) return !call_fails(c, CRDT_ENOMEM);
    for (size_t k = 0; k < revs.count; k++) {
        if (parse_id(c, i + k, &revs.at[k])) continue;
        named_free(&revs);
        return false;
    }
    *ret_revs = revs;
    return true;
}

/* "PARENT rev [rev ...]" from the i-th argument on. False as above. */
static bool parse_parents(call *c, size_t i, size_t end, named *ret_revs)
{
    if (call_is(c, i, "parent")) return parse_named(c, i + 1, end, ret_revs);
    call_syntax(c);
    return false;
}

/* -- Documents --------------------------------------------------------------------------------- */

/* The document of the call, deleted ones too; nothing: one without revisions. False: an error was
 * replied. */
static bool find(call *c, crdt_ref *ret_doc)
{
    crdt_view name = c->args[1];
    key_state state = key_typed(c, name, &crdt_revgraph_type, ret_doc);
    if (c->failed || state == KEY_THERE) return !c->failed;
    *ret_doc = (crdt_ref){.type = &crdt_revgraph_type};
    if (expiry_passed(c->node, name)) return true;
    crdt_err err = crdt_store_object(c->node->store, name, &crdt_revgraph_type, ret_doc);
    return err == CRDT_ENOENT || !call_fails(c, err);
}

static bool holds(crdt_ref doc, const crdt_rev_id *id)
{
    crdt_rev rev;
    return crdt_revgraph_get(doc, id, &rev) == CRDT_OK;
}

/* The revision of the document. False: NOREV was replied. */
static bool get(call *c, crdt_ref doc, const crdt_rev_id *id, crdt_rev *ret_rev)
{
    if (crdt_revgraph_get(doc, id, ret_rev) == CRDT_OK) return true;
    call_error(c, "NOREV no such revision: %s", text_of(id).chars);
    return false;
}

/* What a write leaves. A document of which all is deleted is no name any more: what stands beside
 * it goes, too. Own conflicts are listed as those that come from elsewhere. False: an error was
 * replied. */
static bool written(call *c)
{
    crdt_ref  doc;
    crdt_rev  rev;
    crdt_view name = c->args[1];
    c->conflicts = true;
    crdt_err err = crdt_txn_find(c->txn, name, &crdt_revgraph_type, &doc);
    if (err == CRDT_OK && !crdt_revgraph_winner(doc, &rev)) {
        return key_wipe_empty(c, name);
    }
    return err == CRDT_ENOENT || err == CRDT_ETYPE || !call_fails(c, err);
}

/* -- REV.PUT, REV.DEL -------------------------------------------------------------------------- */

/* False: an error was replied. */
static bool may_have_children(call *c, const crdt_rev_id *id)
{
    if (id->depth < UINT32_MAX) return true;
    call_error(c, "ERR revision %s has the greatest number there is", text_of(id).chars);
    return false;
}

/* Is each a leaf that may be written over? False: an error was replied. */
static bool may_write_over(call *c, crdt_ref doc, const named *parents, bool deletes)
{
    for (size_t i = 0; i < parents->count; i++) {
        crdt_rev parent;
        id_text  text = text_of(&parents->at[i]);
        if (!get(c, doc, &parents->at[i], &parent)) return false;
        if (!may_have_children(c, &parent.id)) return false;
        if (!parent.leaf && !parents->flag) {
            call_error(c, "CONFLICT revision %s was written over: read the document again%s",
                       text.chars, deletes ? "" : ", or make a branch of it by FORCE");
        } else if (parent.deleted && deletes) {
            call_error(c, "ERR revision %s is a deletion", text.chars);
        }
        if (c->failed) return false;
    }
    return true;
}

/* Over all of the parents. Who has written the same before is told so again. */
static void write_over(call *c, crdt_ref doc, const named *parents, bool deletes, crdt_view body)
{
    crdt_rev_id id;
    crdt_err    err = crdt_rev_id_of(parents->at, parents->count, deletes, body, NULL, &id);
    bool        again = err == CRDT_OK && holds(doc, &id);
    if (!again && !may_write_over(c, doc, parents, deletes)) return;
    if (err == CRDT_EINVAL) {
        call_error(c, "ERR a revision is named twice");
        return;
    }
    if (call_fails(c, err)) return;
    if (!again) {
        crdt_txn *txn = key_write(c, c->args[1], &crdt_revgraph_type);
        if (txn == NULL) return;
        err = crdt_revgraph_put(txn, c->args[1], parents->at, parents->count, deletes, body, NULL);
        if (call_fails(c, err) || !written(c)) return;
    }
    reply_id(c->reply, &id);
}

/* Over no revision that the writer knows: there must be none, or it is over the winner. */
static void write_first(call *c, crdt_ref doc, bool force, crdt_view body)
{
    crdt_rev    now;
    crdt_rev_id id;
    bool        there = crdt_revgraph_winner(doc, &now);
    if (there && !force) {
        if (call_fails(c, crdt_rev_id_of(NULL, 0, false, body, NULL, &id))) return;
        if (crdt_revgraph_get(doc, &id, &now) == CRDT_OK && now.leaf) reply_id(c->reply, &id);
        else {
            (void)crdt_revgraph_winner(doc, &now);
            call_error(c, "CONFLICT the document is at %s: name that by PARENT, or say FORCE",
                       text_of(&now.id).chars);
        }
        return;
    }
    if (there && !may_have_children(c, &now.id)) return;
    crdt_txn *txn = key_write(c, c->args[1], &crdt_revgraph_type);
    if (txn == NULL || call_fails(c, crdt_revgraph_edit(txn, c->args[1], body))) return;
    if (call_fails(c, crdt_txn_find(txn, c->args[1], &crdt_revgraph_type, &doc))) return;
    if (crdt_revgraph_winner(doc, &now)) reply_id(c->reply, &now.id); /* deeper than all others */
}

void command_rev_put(call *c)
{
    named    parents = {.flag = c->count > 3 && call_is(c, c->count - 1, "force")};
    size_t   end = c->count - parents.flag;
    bool     force = parents.flag;
    crdt_ref doc;
    if (end > 3 && !parse_parents(c, 3, end, &parents)) return;
    parents.flag = force;
    if (find(c, &doc)) {
        if (parents.count > 0) write_over(c, doc, &parents, false, c->args[2]);
        else write_first(c, doc, force, c->args[2]);
    }
    named_free(&parents);
}

void command_rev_del(call *c)
{
    named    parents;
    crdt_ref doc;
    if (!parse_parents(c, 2, c->count, &parents)) return;
    if (find(c, &doc)) write_over(c, doc, &parents, true, crdt_view_of(NULL, 0));
    named_free(&parents);
}

/* -- REV.ACCEPT -------------------------------------------------------------------------------- */

static bool is_path(const named *path)
{
    for (size_t i = 1; i < path->count; i++) {
        if (path->at[i].depth + 1 != path->at[i - 1].depth) return false;
    }
    return true;
}

static void accept_path(call *c, const named *path)
{
    crdt_view name = c->args[1];
    crdt_txn *txn = key_write(c, name, &crdt_revgraph_type);
    if (txn == NULL) return;
    crdt_err err = crdt_revgraph_accept(txn, name, path->at, path->count, path->flag, c->args[2]);
    if (err == CRDT_EEXIST) {
        char    quoted[280];
        id_text text = text_of(&path->at[0]);
        node_log(LOG_WARN, "a revision came with another body than it has: refused",
                 "key=%s rev=%s", node_log_quote(name, quoted), text.chars);
        call_error(c, "DOUBLED revision %s is held with another body", text.chars);
    } else if (!call_fails(c, err) && written(c)) {
        reply_ok(c->reply);
    }
}

void command_rev_accept(call *c)
{
    named path;
    bool  deleted = c->count > 4 && call_is(c, c->count - 1, "deleted");
    if (!parse_named(c, 3, c->count - deleted, &path)) return;
    path.flag = deleted;
    if (is_path(&path)) accept_path(c, &path);
    else call_error(c, "ERR ancestors must follow their revision, N going down by one");
    named_free(&path);
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* The revision that [REV rev] behind the key names; without it the winner. False: there is none, or
 * an error was replied. */
static bool find_asked(call *c, crdt_ref *ret_doc, crdt_rev *ret_rev)
{
    crdt_rev_id id;
    bool        asked = c->count > 2;
    if (asked && (c->count != 4 || !call_is(c, 2, "rev"))) {
        call_syntax(c);
        return false;
    }
    if (asked && !parse_id(c, 3, &id)) return false;
    if (!find(c, ret_doc)) return false;
    return asked ? get(c, *ret_doc, &id, ret_rev) : crdt_revgraph_winner(*ret_doc, ret_rev);
}

void command_rev_get(call *c)
{
    crdt_ref doc;
    crdt_rev rev;
    if (!find_asked(c, &doc, &rev)) {
        if (!c->failed) reply_null(c->reply);
        return;
    }
    id_text text = text_of(&rev.id);
    if (rev.leaf && rev.doubled) {
        call_error(c, "DOUBLED revision %s has several bodies: REV.LEAVES lists them", text.chars);
    } else if (!rev.has_body && !rev.deleted) {
        call_error(c, "GONE the body of revision %s is not kept: it was written over", text.chars);
    } else {
        reply_array(c->reply, 2);
        reply_text(c->reply, text.chars);
        if (rev.deleted) reply_null(c->reply);
        else reply_bulk(c->reply, rev.body);
    }
}

void command_rev_winner(call *c)
{
    crdt_ref doc;
    crdt_rev rev;
    if (!find(c, &doc)) return;
    if (crdt_revgraph_winner(doc, &rev)) reply_id(c->reply, &rev.id);
    else reply_null(c->reply);
}

static size_t count_revs(crdt_ref doc, crdt_revs which)
{
    crdt_revgraph_iter it = crdt_revgraph_iterate(doc, which);
    crdt_rev           rev;
    size_t             count = 0;
    while (crdt_revgraph_next(&it, &rev)) count++;
    return count;
}

/* The leaves, but for so many of the first. */
static void reply_leaves(call *c, crdt_revs which, size_t skip)
{
    crdt_ref doc;
    crdt_rev rev;
    if (!find(c, &doc)) return;
    size_t count = count_revs(doc, which);
    if (skip > count) skip = count;
    reply_array(c->reply, count - skip);
    crdt_revgraph_iter it = crdt_revgraph_iterate(doc, which);
    for (size_t i = 0; crdt_revgraph_next(&it, &rev); i++) {
        if (i < skip) continue;
        reply_map(c->reply, 4);
        reply_text(c->reply, "rev");
        reply_id(c->reply, &rev.id);
        reply_text(c->reply, "state");
        reply_text(c->reply, rev.deleted ? "deleted" : i == 0 ? "winner" : "conflict");
        reply_text(c->reply, "doubled");
        reply_int(c->reply, rev.doubled);
        reply_text(c->reply, "body");
        if (rev.has_body) reply_bulk(c->reply, rev.body);
        else reply_null(c->reply);
    }
}

void command_rev_leaves(call *c)
{
    reply_leaves(c, CRDT_REVS_LEAVES, 0);
}

void command_rev_conflicts(call *c)
{
    reply_leaves(c, CRDT_REVS_LIVE, 1);
}

/* -- REV.HISTORY, REV.TREE --------------------------------------------------------------------- */

/* A revision as these commands show it. */
typedef struct row {
    crdt_rev    rev;
    bool        shown;         /* of REV.HISTORY: it is asked for, or an ancestor of that */
    bool        tomb;          /* of REV.TREE: it is not held, it follows from */
    crdt_rev_id parent, merge; /* this merge; its parent */
} row;

typedef struct rows {
    row   *at;
    size_t count;
} rows;

/* All that are held, each once, by (N, hash) down, with room for so many more. NULL: an error was
 * replied. */
static bool gather(call *c, crdt_ref doc, size_t more, rows *ret_rows)
{
    crdt_revgraph_iter it = crdt_revgraph_iterate(doc, CRDT_REVS_ALL);
    crdt_rev           rev;
    rows               all = {calloc(count_revs(doc, CRDT_REVS_ALL) + more + 1, sizeof(row)), 0};
    if (all.at == NULL) return !call_fails(c, CRDT_ENOMEM);
    while (crdt_revgraph_next(&it, &rev)) {
        bool again =
            all.count > 0 && crdt_rev_id_compare(&all.at[all.count - 1].rev.id, &rev.id) == 0;
        if (!again) all.at[all.count++].rev = rev;
    }
    *ret_rows = all;
    return true;
}

static const char *status_of(const crdt_rev *rev)
{
    return rev->deleted ? "deleted" : rev->has_body ? "available" : "missing";
}

static row *find_row(const rows *all, const crdt_rev_id *id)
{
    size_t low = 0, high = all->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int    order = crdt_rev_id_compare(&all->at[middle].rev.id, id);
        if (order == 0) return &all->at[middle];
        if (order > 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

/* Parents come behind their children. */
static size_t show_ancestors(crdt_ref doc, const rows *all, const crdt_rev_id *of)
{
    crdt_rev_id parent;
    size_t      shown = 0;
    row        *first = find_row(all, of);
    if (first != NULL) first->shown = true;
    for (size_t i = 0; i < all->count; i++) {
        if (!all->at[i].shown) continue;
        shown++;
        for (size_t p = 0; crdt_revgraph_parent(doc, &all->at[i].rev.id, p, &parent); p++) {
            row *above = find_row(all, &parent);
            if (above != NULL) above->shown = true;
        }
    }
    return shown;
}

void command_rev_history(call *c)
{
    crdt_ref doc;
    crdt_rev rev;
    rows     all;
    if (!find_asked(c, &doc, &rev)) {
        if (!c->failed) reply_array(c->reply, 0);
        return;
    }
    if (!gather(c, doc, 0, &all)) return;
    reply_array(c->reply, show_ancestors(doc, &all, &rev.id));
    for (size_t i = 0; i < all.count; i++) {
        const crdt_rev *one = &all.at[i].rev;
        crdt_rev_id     parent;
        if (!all.at[i].shown) continue;
        reply_map(c->reply, 3);
        reply_text(c->reply, "rev");
        reply_id(c->reply, &one->id);
        reply_text(c->reply, "parents");
        reply_array(c->reply, one->parents);
        for (size_t p = 0; crdt_revgraph_parent(doc, &one->id, p, &parent); p++) {
            reply_id(c->reply, &parent);
        }
        reply_text(c->reply, "status");
        reply_text(c->reply, status_of(one));
    }
    free(all.at);
}

static int by_id_down(const void *a, const void *b)
{
    return crdt_rev_id_compare(&((const row *)b)->rev.id, &((const row *)a)->rev.id);
}

static size_t count_tombs(crdt_ref doc)
{
    crdt_revgraph_tombs it = {.doc = doc};
    crdt_rev_tomb       tomb;
    size_t              count = 0;
    while (crdt_revgraph_next_tomb(&it, &tomb)) count++;
    return count;
}

static void reply_row(reply *r, const row *one)
{
    reply_map(r, 5);
    reply_text(r, "rev");
    reply_id(r, &one->rev.id);
    reply_text(r, "parent");
    if (one->rev.parents > 0) reply_id(r, &one->parent);
    else reply_null(r);
    reply_text(r, "status");
    reply_text(r, status_of(&one->rev));
    reply_text(r, "leaf");
    reply_int(r, one->rev.leaf);
    reply_text(r, "merge");
    if (one->tomb) reply_id(r, &one->merge);
    else reply_null(r);
}

/* One parent each, the greatest; what a merge has resolved ends in a deletion. */
void command_rev_tree(call *c)
{
    crdt_ref      doc;
    rows          all;
    crdt_rev_tomb tomb;
    if (!find(c, &doc) || !gather(c, doc, count_tombs(doc), &all)) return;
    for (size_t i = 0; i < all.count; i++) {
        row *one = &all.at[i];
        if (one->rev.parents == 0) continue;
        (void)crdt_revgraph_parent(doc, &one->rev.id, one->rev.parents - 1, &one->parent);
    }
    crdt_revgraph_tombs it = {.doc = doc};
    while (crdt_revgraph_next_tomb(&it, &tomb)) {
        crdt_rev rev = {.id = tomb.id, .leaf = true, .deleted = true, .parents = 1};
        all.at[all.count++] = (row){rev, false, true, tomb.leaf, tomb.merge};
    }
    qsort(all.at, all.count, sizeof *all.at, by_id_down);
    reply_array(c->reply, all.count);
    for (size_t i = 0; i < all.count; i++) reply_row(c->reply, &all.at[i]);
    free(all.at);
}
