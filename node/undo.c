/* undo.c: see undo.h; and the commands TEXT.UNDO and TEXT.REDO. */
#include "node/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "crdt/undo.h"
#include "node/commands.h"
#include "node/keys.h"

enum { BUCKETS = 1024 };

/* What connections of one name have written to one text. */
typedef struct undoable {
    struct undoable *next_in_bucket;
    struct undoable *older, *newer; /* by when it was written to, or asked for */
    struct undoable *next_written;  /* of those of the open transaction */
    bool             written;
    crdt_undo       *undo;
    const crdt_type *type;
    uint64_t         hash;
    size_t           key_size, who_size;
    char             bytes[]; /* the key, the name */
} undoable;

struct node_undoables {
    undoable *buckets[BUCKETS];
    undoable *oldest, *newest, *written;
    size_t    count;
};

/* -- The table --------------------------------------------------------------------------------- */

/* Of a very long name this much counts. */
static crdt_view who_of(const client *who)
{
    crdt_view name = crdt_text_view(who->name != NULL ? who->name : "");
    return crdt_view_of(name.data, name.size < UNDO_NAME ? name.size : UNDO_NAME);
}

static uint64_t hash_of(crdt_view key, crdt_view who)
{
    return XXH3_64bits_withSeed(key.data, key.size, XXH3_64bits(who.data, who.size));
}

static bool is_of(const undoable *u, uint64_t hash, crdt_view key, crdt_view who)
{
    return u->hash == hash && u->key_size == key.size && u->who_size == who.size &&
           memcmp(u->bytes, key.data, key.size) == 0 &&
           memcmp(u->bytes + key.size, who.data, who.size) == 0;
}

static void take_out(struct node_undoables *all, undoable *u)
{
    *(u->older != NULL ? &u->older->newer : &all->oldest) = u->newer;
    *(u->newer != NULL ? &u->newer->older : &all->newest) = u->older;
}

static void put_newest(struct node_undoables *all, undoable *u)
{
    u->older = all->newest;
    u->newer = NULL;
    *(all->newest != NULL ? &all->newest->newer : &all->oldest) = u;
    all->newest = u;
}

static void forget(struct node_undoables *all, undoable *u)
{
    undoable **at = &all->buckets[u->hash % BUCKETS];
    while (*at != u) at = &(*at)->next_in_bucket;
    *at = u->next_in_bucket;
    take_out(all, u);
    all->count--;
    crdt_undo_free(u->undo);
    free(u);
}

/* NULL: nothing is kept. */
static undoable *find(const node *n, crdt_view key, crdt_view who)
{
    struct node_undoables *all = n->undoables;
    uint64_t               hash = hash_of(key, who);
    undoable              *u = all == NULL ? NULL : all->buckets[hash % BUCKETS];
    while (u != NULL && !is_of(u, hash, key, who)) u = u->next_in_bucket;
    if (u == NULL) return NULL;
    take_out(all, u);
    put_newest(all, u);
    return u;
}

/* NULL: no memory. */
static undoable *make(node *n, crdt_view key, crdt_view who, const crdt_type *type)
{
    if (n->undoables == NULL) n->undoables = calloc(1, sizeof *n->undoables);
    struct node_undoables *all = n->undoables;
    undoable              *u = all == NULL ? NULL : calloc(1, sizeof *u + key.size + who.size);
    if (u == NULL || crdt_undo_new(n->store, key, type, UNDO_STEPS, &u->undo) != CRDT_OK) {
        free(u);
        return NULL;
    }
    u->type = type;
    u->hash = hash_of(key, who);
    u->key_size = key.size;
    u->who_size = who.size;
    memcpy(u->bytes, key.data, key.size);
    memcpy(u->bytes + key.size, who.data, who.size);
    u->next_in_bucket = all->buckets[u->hash % BUCKETS];
    all->buckets[u->hash % BUCKETS] = u;
    put_newest(all, u);
    all->count++;
    return u;
}

/* Of those beyond the limit the oldest go. Not while a transaction is open: it may name them. */
static void shrink(struct node_undoables *all)
{
    while (all->count > UNDO_TEXTS) forget(all, all->oldest);
}

void undo_close(node *n)
{
    struct node_undoables *all = n->undoables;
    while (all != NULL && all->oldest != NULL) forget(all, all->oldest);
    free(all);
    n->undoables = NULL;
}

/* -- Steps ------------------------------------------------------------------------------------- */

void undo_before(call *c, const crdt_type *type)
{
    crdt_view who = who_of(c->client);
    undoable *u = find(c->node, c->args[1], who);
    if (u != NULL && u->type != type) { /* the name was given to another kind of text */
        if (u->written) return;
        forget(c->node->undoables, u);
        u = NULL;
    }
    if (u == NULL) u = make(c->node, c->args[1], who, type);
    if (u == NULL || u->written) return;
    crdt_undo_pass(u->undo); /* what others have written here */
    u->written = true;
    u->next_written = c->node->undoables->written;
    c->node->undoables->written = u;
}

void undo_after(node *n, bool committed)
{
    struct node_undoables *all = n->undoables;
    if (all == NULL || all->written == NULL) return;
    for (undoable *u; (u = all->written) != NULL;) {
        all->written = u->next_written;
        u->written = false;
        if (committed && crdt_undo_note(u->undo, false) != CRDT_OK) crdt_undo_pass(u->undo);
    }
    shrink(all);
}

/* -- TEXT.UNDO, TEXT.REDO ---------------------------------------------------------------------- */

/* A text that has expired is gone, by an entry of its own: what comes back is not of it. False: an
 * error was replied. */
static bool drop_expired(call *c)
{
    if (!key_expired(c, c->args[1])) return true;
    c->deadlines = true;
    if (call_write(c) == NULL || !key_wipe(c, c->args[1])) return false;
    call_commit(c);
    return !c->failed;
}

static void reply_nothing(call *c, bool again)
{
    const char *who = c->client->name;
    int         size = c->args[1].size < 128 ? (int)c->args[1].size : 128;
    char        whose[96] = "connections without a name";
    if (who != NULL) snprintf(whose, sizeof whose, "connections named '%.64s'", who);
    call_error(c, "NOSTEP nothing to %s in '%.*s': %s have %s; %s", again ? "redo" : "undo", size,
               (const char *)c->args[1].data, whose,
               again ? "undone nothing since they wrote last" : "no step there",
               again ? "TEXT.UNDO comes first"
                     : "steps are what TEXT.INSERT and TEXT.DELETE did at this node since it "
                       "started, under the same CLIENT SETNAME");
}

/* One step, as one entry. False: an error was replied. */
static bool turn(call *c, undoable *u, bool again)
{
    crdt_txn *txn = call_write(c);
    if (txn == NULL) return false;
    crdt_err err = crdt_undo_write(u->undo, txn, again);
    if (err == CRDT_ESTALE) {
        call_error(c,
                   "STALE what the step deleted was forgotten, so it was left out: the next "
                   "TEXT.%s takes the step before it",
                   again ? "REDO" : "UNDO");
    }
    if (c->failed || call_fails(c, err)) return false;
    call_commit(c);
    crdt_undo_end(u->undo, !c->failed);
    return !c->failed;
}

static bool has_step(const undoable *u, bool again)
{
    return (again ? crdt_redo_count(u->undo) : crdt_undo_count(u->undo)) > 0;
}

/* Where a later step fails, those before it are done: that is the reply. */
static void undo_or_redo(call *c, bool again)
{
    int64_t wanted = 1, done = 0;
    if (c->count > 3) {
        call_wrong_arity(c);
        return;
    }
    if (c->count == 3 && !call_int(c, 2, &wanted)) return;
    if (wanted < 1) {
        call_error(c, "ERR count must be 1 or more");
        return;
    }
    crdt_ref  ref;
    undoable *u = find(c->node, c->args[1], who_of(c->client));
    bool      there = key_find(c, c->args[1], &ref);
    if (c->failed) return;
    if (there && ref.type != &crdt_text_type && ref.type != &crdt_text_classic_type) {
        call_wrong_type(c);
        return;
    }
    if (u == NULL || !has_step(u, again)) {
        reply_nothing(c, again);
        return;
    }
    if (!drop_expired(c)) return;
    while (done < wanted && has_step(u, again) && turn(c, u, again)) done++;
    if (c->failed && done > 0) {
        call_commit(c); /* which rolls back what failed */
        c->failed = false;
        c->reply->out->size = c->at;
    }
    if (!c->failed) reply_int(c->reply, done);
}

void command_text_undo(call *c)
{
    undo_or_redo(c, false);
}

void command_text_redo(call *c)
{
    undo_or_redo(c, true);
}
