/* explain.c: why a value is what it is: CRDT.CONFLICTS, CRDT.EXPLAIN, CRDT.LOG. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "node/commands.h"
#include "node/conflicts.h"
#include "node/expiry.h"
#include "node/keys.h"
#include "node/number.h"
#include "node/peers.h"
#include "node/reads.h"
#include "node/review.h"

#define PRINT_MAX 1024u /* bytes of a printed value */

static void field_text(reply *r, const char *name, const char *text)
{
    reply_text(r, name);
    reply_text(r, text);
}

static void field_int(reply *r, const char *name, uint64_t n)
{
    reply_text(r, name);
    reply_int(r, (int64_t)n);
}

static void field_author(const node *n, reply *r, uint64_t replica)
{
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, replica);
    field_text(r, "replica", text);
    reply_text(r, "node");
    reply_bulk(r, peers_author(n, replica));
}

/* The printed value, cut where it is long. */
static void reply_printed(reply *r, const crdt_ref *ref)
{
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    crdt_ref_print(ref, &text);
    crdt_view all = crdt_buf_bytes(&text);
    if (all.size > PRINT_MAX) {
        text.size = PRINT_MAX;
        crdt_buf_text(&text, "...");
        all = crdt_buf_bytes(&text);
    }
    reply_bulk(r, all);
    crdt_buf_clear(&text);
}

/* -- CRDT.CONFLICTS ---------------------------------------------------------------------------- */

static void reply_contents(const node *n, reply *r, const crdt_ref *ref)
{
    crdt_conflict one;
    size_t        count = 0;
    while (crdt_ref_conflict(ref, count, &one)) count++;
    reply_text(r, "contents");
    reply_array(r, count);
    for (size_t i = 0; crdt_ref_conflict(ref, i, &one); i++) {
        reply_map(r, 6);
        reply_text(r, "value");
        if (ref->type == &crdt_score_type) reply_double(r, crdt_score_of(one.value));
        else reads_value(r, one.value);
        reply_text(r, "shows");
        reply_int(r, one.wins);
        field_author(n, r, one.dot.replica);
        field_int(r, "seq", one.dot.seq);
        field_int(r, "stamp-ms", crdt_stamp_ms(one.stamp));
    }
}

/* Under which set the contents at the path compete, for CRDT.ACK, and whether nobody has. */
static void reply_review(const node *n, reply *r, const crdt_path *path)
{
    review now = {.competes = false};
    if (review_look(n, path, &now) != CRDT_OK) r->out->failed = true;
    reply_text(r, "set");
    if (now.competes) reply_text(r, now.set);
    else reply_null(r);
    field_int(r, "needs-review", now.needs_review);
}

typedef struct lister {
    const node *n;
    reply      *r;
    crdt_view   name;
    size_t      count;
} lister;

static void list_field(void *user, const conflicts_field *at)
{
    lister   *l = user;
    crdt_view key = at->path[at->depth - 1];
    size_t    types = 0;
    while (crdt_ormap_type_at(at->in, key, types) != NULL) types++;
    reply_map(l->r, 5);
    reply_text(l->r, "path");
    reply_array(l->r, at->depth);
    for (size_t i = 0; i < at->depth; i++) reply_bulk(l->r, at->path[i]);
    reply_text(l->r, "types");
    reply_array(l->r, types);
    for (size_t i = 0; i < types; i++) {
        reply_text(l->r, crdt_ormap_type_at(at->in, key, i)->name);
    }
    reply_contents(l->n, l->r, &at->shows);
    reply_review(l->n, l->r, &(crdt_path){l->name, at->path, at->depth});
    l->count++;
}

/* Of a map: which of its fields compete. */
static void reply_fields(const node *n, reply *r, crdt_view name, const crdt_ref *ref)
{
    crdt_buf found;
    crdt_buf_init(&found, NULL);
    reply  to = {&found, r->protocol};
    lister l = {n, &to, name, 0};
    conflicts_fields(ref, list_field, &l);
    reply_text(r, "fields");
    reply_array(r, l.count);
    crdt_buf_put(r->out, found.data, found.size);
    if (found.failed) r->out->failed = true;
    crdt_buf_clear(&found);
}

static void reply_types(const node *n, reply *r, crdt_view name)
{
    size_t count = conflicts_types(n, name);
    reply_text(r, "types");
    reply_array(r, count);
    for (size_t i = 0; i < count; i++) reply_text(r, crdt_store_type_at(n->store, name, i)->name);
}

static void reply_conflict(const node *n, reply *r, crdt_view name, const crdt_ref *ref)
{
    crdt_path path = crdt_path_of(name);
    reply_map(r, 7);
    reply_text(r, "key");
    reply_bulk(r, name);
    field_text(r, "type", ref->type->name);
    reply_types(n, r, name);
    reply_contents(n, r, ref);
    reply_fields(n, r, name, ref);
    reply_review(n, r, &path);
}

static bool list_one(void *user, crdt_view name)
{
    const lister *l = user;
    crdt_ref      ref;
    if (crdt_store_find(l->n->store, name, NULL, &ref) != CRDT_OK) {
        reply_null(l->r); /* no memory to look at it */
        return true;
    }
    reply_map(l->r, 4);
    reply_text(l->r, "key");
    reply_bulk(l->r, name);
    field_text(l->r, "type", ref.type->name);
    field_int(l->r, "types", conflicts_types(l->n, name));
    field_int(l->r, "contents", conflicts_contents(&ref));
    return true;
}

void command_crdt_conflicts(call *c)
{
    crdt_ref ref;
    if (c->count > 2) {
        call_wrong_arity(c);
    } else if (c->count == 1) {
        lister l = {c->node, c->reply, {NULL, 0}, 0};
        reply_array(c->reply, conflicts_count(c->node));
        conflicts_each(c->node, list_one, &l);
    } else if (key_find(c, c->args[1], &ref)) {
        reply_conflict(c->node, c->reply, c->args[1], &ref);
    } else if (!c->failed) {
        reply_null(c->reply);
    }
}

/* -- CRDT.EXPLAIN ------------------------------------------------------------------------------ */

static const char *rule_of(const crdt_type *type, bool competes)
{
    if (type == &crdt_cell_type && competes) {
        return "values were set at the same time: the one stamped last shows; increments add up";
    }
    if (type == &crdt_cell_type)
        return "what was set last, and all increments that it had not seen";
    if (type == &crdt_ormap_type && competes)
        return "fields were written at the same time: of each the value stamped last shows";
    if (type == &crdt_zset_type && competes)
        return "scores were set at the same time: of each member the one stamped last shows, and "
               "increments add up";
    if (type == &crdt_revgraph_type && competes)
        return "revisions are leaves side by side: the greatest by number and hash shows";
    if (competes) return "values were written at the same time: contents lists them";
    return type->summary;
}

/* What a single replica wrote of an object: the object without the dots of all others. NULL: no
 * memory. */
static crdt_delta *share_of(const crdt_store *one, uint64_t replica)
{
    crdt_context others;
    crdt_delta  *share = NULL;
    crdt_context_init(&others, NULL);
    crdt_err err = crdt_context_copy(&others, crdt_store_context(one));
    if (err == CRDT_OK) err = crdt_context_reserve(&others, 2);
    if (err == CRDT_OK) {
        crdt_context_remove_reserved(&others, (crdt_run){replica, 1, CRDT_SEQ_MAX});
        err = crdt_store_since(one, &others, &share);
    }
    crdt_context_clear(&others);
    return err == CRDT_OK ? share : NULL;
}

static bool counts(const crdt_type *type)
{
    return type == &crdt_gcounter_type || type == &crdt_pncounter_type || type == &crdt_cell_type;
}

static uint64_t dots_of(const crdt_context *ctx, uint32_t *at)
{
    uint64_t dots = 0, replica = ctx->runs[*at].replica;
    for (; *at < ctx->count && ctx->runs[*at].replica == replica; (*at)++) {
        dots += ctx->runs[*at].hi - ctx->runs[*at].lo + 1;
    }
    return dots;
}

/* Who wrote what still counts; of counters, what each has added. */
static void reply_authors(const node *n, reply *r, crdt_view name, const crdt_type *type,
                          const crdt_store *one, const crdt_context *dots)
{
    size_t authors = 0;
    for (uint32_t at = 0; at < dots->count; authors++) dots_of(dots, &at);
    reply_text(r, "authors");
    reply_array(r, authors);
    for (uint32_t at = 0; at < dots->count;) {
        uint64_t    replica = dots->runs[at].replica;
        crdt_delta *share = counts(type) ? share_of(one, replica) : NULL;
        crdt_ref    ref;
        bool        shows = share != NULL && crdt_store_find(share, name, type, &ref) == CRDT_OK;
        reply_map(r, 3 + (size_t)shows);
        field_author(n, r, replica);
        field_int(r, "dots", dots_of(dots, &at));
        if (shows) {
            reply_text(r, "share");
            reply_printed(r, &ref);
        }
        crdt_store_free(share);
    }
}

/* The object alone, as a store of its own; and its live dots. Errors: those of the library. */
static crdt_err take_out(const node *n, crdt_view name, const crdt_type *type, crdt_store **ret_one,
                         crdt_delta **ret_part)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    crdt_err err = crdt_store_object_encode(n->store, name, type->id, &bytes);
    if (err == CRDT_OK) err = crdt_delta_decode(n->store, crdt_buf_bytes(&bytes), ret_one, NULL);
    if (err == CRDT_OK) {
        err = crdt_store_part(*ret_one, 0, ret_part);
        if (err != CRDT_OK) crdt_store_free(*ret_one);
    }
    crdt_buf_clear(&bytes);
    return err;
}

static void reply_stats(reply *r, const crdt_ref *ref)
{
    crdt_stats  s = crdt_ref_stats(ref);
    crdt_digest d = crdt_ref_digest(ref);
    char        text[40];
    snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, d.hi, d.lo);
    field_int(r, "elements", s.elements);
    field_int(r, "live-dots", s.dots);
    field_int(r, "removals-remembered", s.residues);
    field_int(r, "payload-bytes", s.payload);
    field_int(r, "metadata-bytes", s.metadata);
    field_int(r, "last-stamp-ms", crdt_stamp_ms(s.stamp_max));
    field_text(r, "digest", text);
}

void command_crdt_explain(call *c)
{
    node       *n = c->node;
    crdt_view   name = c->args[1];
    crdt_ref    ref;
    crdt_store *one;
    crdt_delta *part;
    int64_t     deadline;
    reply      *r = c->reply;
    crdt_err    err = crdt_store_find(n->store, name, NULL, &ref);
    if (err == CRDT_ENOENT) {
        reply_null(r);
        return;
    }
    if (call_fails(c, err) || call_fails(c, take_out(n, name, ref.type, &one, &part))) return;
    reply_map(r, 17);
    reply_text(r, "key");
    reply_bulk(r, name);
    field_text(r, "type", ref.type->name);
    field_text(r, "rule", rule_of(ref.type, conflicts_contents(&ref) > 1));
    reply_text(r, "value");
    reply_printed(r, &ref);
    reply_text(r, "expires-ms");
    if (expiry_deadline(n, name, &deadline)) reply_int(r, deadline);
    else reply_null(r);
    field_int(r, "expired", expiry_passed(n, name));
    reply_types(n, r, name);
    reply_contents(n, r, &ref);
    reply_fields(n, r, name, &ref);
    reply_authors(n, r, name, ref.type, one, crdt_store_context(part));
    reply_stats(r, &ref);
    crdt_store_free(part);
    crdt_store_free(one);
}
