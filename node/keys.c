/* keys.c: see keys.h. */
#include "node/keys.h"

#include "node/expiry.h"
#include "node/notify.h"

/* A count would look at all that the transaction holds. */
static bool is_empty(const crdt_ref *ref)
{
    bool known = ref->type == &crdt_orset_type || ref->type == &crdt_ormap_type ||
                 ref->type == &crdt_zset_type || ref->type == &crdt_rga_type ||
                 ref->type == &crdt_revgraph_type;
    return known && !ref->type->alive(ref);
}

bool key_shows(const node *n, crdt_view name)
{
    crdt_ref ref;
    return crdt_store_find(n->store, name, NULL, &ref) == CRDT_OK && !is_empty(&ref) &&
           !expiry_passed(n, name);
}

/* What the node keeps of deadlines is what was committed. */
bool key_deadline(const call *c, crdt_view name, int64_t *ret_ms)
{
    crdt_ref ref;
    if (!c->inside || c->txn == NULL) return expiry_deadline(c->node, name, ret_ms);
    return crdt_txn_beside(c->txn, name, &crdt_expiry_type, &ref) == CRDT_OK &&
           crdt_expiry_deadline(ref, ret_ms);
}

bool key_expired(const call *c, crdt_view name)
{
    int64_t ms;
    return key_deadline(c, name, &ms) && ms <= (int64_t)c->node->ms;
}

bool key_hidden(const call *c, crdt_view name, const crdt_ref *ref)
{
    return is_empty(ref) || key_expired(c, name);
}

key_walk key_walk_from(const call *c, crdt_view name)
{
    key_walk walk = {.in_txn = c->txn != NULL};
    if (walk.in_txn) walk.txn = crdt_txn_iterate_from(c->txn, name);
    else walk.store = crdt_store_iterate_from(c->node->store, name);
    return walk;
}

bool key_next(key_walk *walk, crdt_view *ret_name, crdt_ref *ret_ref)
{
    return walk->in_txn ? crdt_txn_next(&walk->txn, ret_name, ret_ref)
                        : crdt_store_next(&walk->store, ret_name, ret_ref);
}

bool key_kept(const node *n, crdt_view name)
{
    const crdt_type *type;
    crdt_ref         ref;
    for (size_t i = 0; (type = crdt_store_type_at(n->store, name, i)) != NULL; i++) {
        bool found = type->kept && crdt_store_object(n->store, name, type, &ref) == CRDT_OK;
        if (found && type->alive(&ref)) return true;
    }
    return false;
}

bool key_kept_now(const call *c, crdt_view name)
{
    const crdt_type *type;
    crdt_ref         ref;
    if (key_kept(c->node, name)) return true;
    for (size_t i = 0; (type = crdt_store_knows(c->node->store, i)) != NULL; i++) {
        bool found =
            type->kept && c->txn != NULL && crdt_txn_object(c->txn, name, type, &ref) == CRDT_OK;
        if (found && type->alive(&ref)) return true;
    }
    return false;
}

void key_refuse_kept(call *c)
{
    call_error(c, "KEPT an audit keeps its records: its key cannot be removed, replaced or given a "
                  "deadline (CRDT.AUDIT.RETAIN and CRDT.AUDIT.KEEP drop old records)");
}

bool key_wipe(call *c, crdt_view name)
{
    crdt_err err = crdt_txn_remove(c->txn, name);
    if (err == CRDT_ERIGHTS) key_refuse_kept(c);
    return err == CRDT_ENOENT || (err != CRDT_ERIGHTS && !call_fails(c, err));
}

bool key_wipe_empty(call *c, crdt_view name)
{
    c->deadlines = true;
    return key_kept(c->node, name) || key_wipe(c, name);
}

static bool look(call *c, crdt_view name, crdt_ref *ret_ref)
{
    crdt_err err = c->txn != NULL ? crdt_txn_find(c->txn, name, NULL, ret_ref)
                                  : crdt_store_find(c->node->store, name, NULL, ret_ref);
    if (err != CRDT_OK && err != CRDT_ENOENT) call_fails(c, err);
    return err == CRDT_OK && !key_hidden(c, name, ret_ref);
}

bool key_find(call *c, crdt_view name, crdt_ref *ret_ref)
{
    bool found = look(c, name, ret_ref);
    if (c->command->flags & COMMAND_READ) {
        if (found) c->node->totals.hits++;
        else {
            c->node->totals.misses++;
            notify(c, EVENTS_KEY_MISS, "keymiss", name);
        }
    }
    return found;
}

key_state key_typed(call *c, crdt_view name, const crdt_type *type, crdt_ref *ret_ref)
{
    if (!key_find(c, name, ret_ref)) return KEY_ABSENT;
    if (ret_ref->type == type) return KEY_THERE;
    call_wrong_type(c);
    return KEY_OTHER;
}

crdt_txn *key_open(call *c, crdt_view name, const crdt_type *type, crdt_ref *ret_ref)
{
    crdt_txn *txn = call_write(c);
    if (txn == NULL) return NULL;
    crdt_err err = crdt_txn_find(txn, name, NULL, ret_ref);
    bool     there = err == CRDT_OK;
    bool     hidden = there && key_hidden(c, name, ret_ref);
    if (hidden && !key_kept(c->node, name)) {
        there = false;
        c->deadlines = true;
        if (!key_wipe(c, name)) return NULL;
    } else if (there && ret_ref->type != type) {
        call_wrong_type(c);
        return NULL;
    }
    if (!there) *ret_ref = (crdt_ref){.type = type};
    return err != CRDT_ENOENT && call_fails(c, err) ? NULL : txn;
}

crdt_txn *key_write(call *c, crdt_view name, const crdt_type *type)
{
    crdt_ref ref;
    return key_open(c, name, type, &ref);
}

crdt_txn *key_replace(call *c, crdt_view name)
{
    crdt_txn *txn = call_write(c);
    return txn != NULL && key_wipe(c, name) ? txn : NULL;
}

bool key_remove(call *c, crdt_view name)
{
    crdt_ref ref;
    bool     shows = look(c, name, &ref);
    if (c->failed || (!shows && !key_expired(c, name))) return false;
    return call_write(c) != NULL && key_wipe(c, name) && shows;
}

const char *key_type_name(const crdt_type *type)
{
    if (type == &crdt_cell_type) return "string";
    if (type == &crdt_orset_type) return "set";
    if (type == &crdt_ormap_type) return "hash";
    if (type == &crdt_rga_type) return "list";
    return type->name;
}
