/* store/txn.c: transactions: what they see; operations gather one delta. Their end: commit.c. */
#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/store/impl.h"

crdt_err crdt_store_begin(crdt_store *store, uint64_t now_ms, crdt_txn **ret_txn)
{
    if (store->replica == 0 || store->kind != CRDT__STATE) return CRDT_EINVAL;
    if (now_ms > CRDT_CLOCK_MS_MAX) return CRDT_EINVAL;
    crdt_txn *txn = &store->txn;
    if (txn->delta != NULL) return CRDT_EBUSY;
    if (crdt__retired_end(store, store->replica) != UINT64_MAX) return CRDT_ERETIRED;
    crdt_store *delta = txn->spare;
    crdt_err    err = crdt__objects_ready(store);
    if (err == CRDT_OK && delta == NULL) err = crdt__store_like(store, CRDT__DELTA, &delta);
    if (err != CRDT_OK) return err;
    txn->store = store;
    txn->delta = delta;
    txn->spare = NULL;
    memset(&txn->found, 0, sizeof txn->found);
    memset(txn->opened, 0, sizeof txn->opened);
    txn->sealed = txn->in_place = false;
    txn->at = NULL;
    txn->now_ms = now_ms;
    txn->changes = 0;
    txn->first = txn->next = crdt_context_max(&store->context, store->replica) + 1;
    txn->stamp = 0;
    txn->failed = CRDT_OK;
    txn->within = NULL;
    *ret_txn = txn;
    return CRDT_OK;
}

void crdt_txn_at(crdt_txn *txn, const crdt_context *ctx)
{
    txn->at = ctx;
}

const crdt_store *crdt_txn_store(const crdt_txn *txn)
{
    return txn->store;
}

uint64_t crdt_txn_stamp(const crdt_txn *txn)
{
    return txn->stamp;
}

void crdt__txn_within(crdt_txn *txn, crdt__within *within)
{
    crdt__within *old = txn->within;
    txn->within = within;
    if (old != NULL) crdt__release(txn->store->space.mem, old, old->bytes);
}

const crdt__within *crdt__txn_is_within(const crdt_txn *txn)
{
    return txn->within;
}

/* -- What the transaction sees ----------------------------------------------------------------- */

/* Presence as the transaction sees it: the greatest stamp of what it has not covered, or -1. */
static bool presence_seen(const crdt_txn *txn, const crdt__object *mine, const crdt__object *own,
                          crdt__sib *ret_greatest)
{
    const crdt__sibs *parts[2] = {mine != NULL ? &mine->presence : NULL,
                                  own != NULL ? &own->presence : NULL};
    bool found = false;
    for (int p = 0; p < 2; p++) {
        for (size_t i = 0; parts[p] != NULL && i < crdt__sibs_count(parts[p]); i++) {
            const crdt__sib *sib = crdt__sibs_at(parts[p], i);
            if (p == 0 && crdt_context_has(&txn->delta->context, crdt__sib_dot(sib))) continue;
            if (found && crdt__sib_compare_stamps(sib, ret_greatest) < 0) continue;
            *ret_greatest = *sib;
            found = true;
        }
    }
    return found;
}

/* Most names that a transaction looks at are not yet in its delta: this tells so at once. */
static unsigned mark_of(crdt_view name)
{
    const uint8_t *bytes = name.data;
    uint64_t       n = name.size;
    if (name.size >= 8) n += crdt__load_le64(bytes + name.size - 8);
    else
        for (size_t i = 0; i < name.size; i++) n = n << 8 | bytes[i];
    return (unsigned)(n * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static void mark_opened(crdt_txn *txn, crdt_view name)
{
    unsigned mark = mark_of(name);
    txn->opened[mark / 64] |= UINT64_C(1) << mark % 64;
}

static bool may_be_opened(const crdt_txn *txn, crdt_view name)
{
    unsigned mark = mark_of(name);
    return txn->delta->only != NULL || (txn->opened[mark / 64] >> mark % 64 & 1) != 0;
}

static crdt__object *own_of(const crdt_txn *txn, crdt_view name, uint16_t id)
{
    return may_be_opened(txn, name) ? crdt__object_get(txn->delta, name, id) : NULL;
}

/* An object in the store and in the delta; NULL where it is not. */
typedef struct pair {
    crdt__object *mine, *own;
} pair;

static pair pair_of(const crdt_txn *txn, crdt_view name, uint16_t id)
{
    return (pair){crdt__object_get(txn->store, name, id), own_of(txn, name, id)};
}

static crdt_ref ref_in_txn(const crdt_txn *txn, const crdt_type *type, pair p)
{
    return (crdt_ref){type, &txn->store->space, p.mine == NULL ? NULL : p.mine->state,
                      p.own == NULL ? NULL : p.own->state, &txn->delta->context};
}

/* Does the object exist for the transaction, and since when? */
static bool lives_in_txn(const crdt_txn *txn, const crdt_type *type, pair p, crdt__sib *ret_since)
{
    memset(ret_since, 0, sizeof *ret_since);
    if (presence_seen(txn, p.mine, p.own, ret_since)) return true;
    crdt_ref ref = ref_in_txn(txn, type, p);
    return type->alive(&ref);
}

typedef struct seen {
    const crdt_type *type;
    uint16_t         id;
    crdt__sib        since;
} seen;

/* What is under a name, for a transaction. */
typedef struct under {
    bool shows, beside; /* there is what shows; and what stands beside it */
    seen first;         /* what shows */
    pair showing;       /* the same */
} under;

static bool shows_before(const seen *a, const seen *b)
{
    int order = crdt__sib_compare_stamps(&a->since, &b->since);
    return order != 0 ? order > 0 : a->id < b->id;
}

static void see(const crdt_txn *txn, under *u, const crdt_type *type, uint32_t id, pair p)
{
    seen now = {type, (uint16_t)id, {0}};
    u->beside |= type->beside;
    if (type->beside || !lives_in_txn(txn, type, p, &now.since)) return;
    if (u->shows && !shows_before(&now, &u->first)) return;
    u->first = now;
    u->showing = p;
    u->shows = true;
}

/* Who looks at a name mostly looks again, to change it; what it changed it looks at anew. */
static bool found_before(crdt_txn *txn, crdt_view name, under *ret_under)
{
    const crdt__found  *f = &txn->found;
    const crdt__object *o = f->mine != NULL ? f->mine : f->own;
    if (o == NULL || o->key.bytes.size != name.size) return false;
    if (!crdt__same_bytes(o->key.bytes.data, name.data, name.size)) return false;
    pair p = {f->mine, f->own};
    *ret_under = (under){.shows = f->shows, .beside = f->beside};
    if (f->shows) {
        ret_under->first.type = o->type;
        ret_under->first.id = (uint16_t)o->key.minor;
        ret_under->showing = p;
    } else {
        see(txn, ret_under, o->type, o->key.minor, p);
    }
    return true;
}

/* last: of the only one under its name, but for what stands beside. What the store holds for
 * certain stays there while the transaction is open. What is changed in place may change unseen: an
 * edit of a text is held open. */
static void remember(crdt_txn *txn, const under *u, pair last)
{
    txn->found = (crdt__found){NULL, NULL, u->beside, false};
    if (last.mine != NULL && !last.mine->live) return;
    txn->found.mine = last.mine;
    txn->found.own = last.own;
    txn->found.shows = u->shows && last.mine != NULL && u->first.type->undo == NULL;
}

static void forget_found(crdt_txn *txn)
{
    memset(&txn->found, 0, sizeof txn->found);
}

/* An object was opened; made: for that. What was found under its name may show no more, and is not
 * alone if another was made. */
static void note_opened(crdt_txn *txn, bool made, pair p)
{
    crdt__found *f = &txn->found;
    txn->found.shows = false;
    if (!made) return;
    if (f->mine != NULL && f->mine == p.mine) f->own = p.own;
    else forget_found(txn);
}

/* Which object shows under name in the transaction: committed ones first, then those only in the
 * delta. */
static under look_under(const crdt_txn *seen_txn, crdt_view name)
{
    crdt_txn   *txn = &seen_txn->store->txn; /* what it remembers does not show */
    under       u = {.shows = false};
    pair        last = {NULL, NULL};
    unsigned    count = 0;
    crdt__named it;
    if (found_before(txn, name, &u)) return u;
    crdt__object *o = crdt__objects_named(txn->store, name, &it);
    for (; o != NULL; o = crdt__objects_named_next(&it)) {
        pair p = {o, own_of(txn, name, (uint16_t)o->key.minor)};
        see(txn, &u, o->type, o->key.minor, p);
        if (o->type->beside) continue;
        last = p;
        count++;
    }
    o = may_be_opened(txn, name) ? crdt__objects_named(txn->delta, name, &it) : NULL;
    for (; o != NULL; o = crdt__objects_named_next(&it)) {
        if (o->mine != NULL) continue;
        if (crdt__object_get(txn->store, name, (uint16_t)o->key.minor) != NULL) continue;
        pair p = {NULL, o};
        see(txn, &u, o->type, o->key.minor, p);
        if (o->type->beside) continue;
        last = p;
        count++;
    }
    if (count == 1) remember(txn, &u, last);
    return u;
}

crdt_err crdt_txn_find(const crdt_txn *txn, crdt_view name, const crdt_type *type,
                       crdt_ref *ret_ref)
{
    const crdt_type *shows = txn->store->solo;
    pair             p;
    if (txn->store->only != NULL) {
        if (name.size != 0) return CRDT_ENOENT;
        p = pair_of(txn, name, shows->id);
    } else {
        under u = look_under(txn, name);
        if (!u.shows) return CRDT_ENOENT;
        shows = u.first.type;
        p = u.showing;
    }
    if (type != NULL && shows != type) return CRDT_ETYPE;
    *ret_ref = ref_in_txn(txn, shows, p);
    if (shows->open == NULL || ret_ref->state == NULL) return CRDT_OK;
    return shows->open(&txn->store->space, (void *)(uintptr_t)ret_ref->state);
}

crdt_err crdt_txn_beside(const crdt_txn *txn, crdt_view name, const crdt_type *type,
                         crdt_ref *ret_ref)
{
    if (!type->beside) return CRDT_EINVAL;
    pair p = pair_of(txn, name, type->id);
    if (p.mine == NULL && p.own == NULL) return CRDT_ENOENT;
    *ret_ref = ref_in_txn(txn, type, p);
    return CRDT_OK;
}

crdt_err crdt_txn_object(const crdt_txn *txn, crdt_view name, const crdt_type *type,
                         crdt_ref *ret_ref)
{
    pair p = pair_of(txn, name, type->id);
    if (p.mine == NULL && p.own == NULL) return CRDT_ENOENT;
    *ret_ref = ref_in_txn(txn, type, p);
    if (type->open == NULL || p.mine == NULL) return CRDT_OK;
    return type->open(&txn->store->space, p.mine->state);
}

uint64_t crdt_txn_changes(const crdt_txn *txn)
{
    return txn->changes;
}

crdt_txn_iter crdt_txn_iterate_from(const crdt_txn *txn, crdt_view name)
{
    return (crdt_txn_iter){txn, name, false};
}

/* The next name that has an object, in the store or in the delta. */
static bool next_name(crdt_txn_iter *it)
{
    const crdt_store *stores[2] = {it->txn->store, it->txn->delta};
    crdt__object     *first = NULL;
    for (int s = 0; s < 2; s++) {
        crdt__omap_iter at =
            crdt__omap_seek(&stores[s]->objects, it->at, it->behind ? UINT32_MAX : 0);
        crdt__object *o = crdt__omap_next(&at);
        if (o == NULL) continue;
        if (first == NULL || crdt_view_compare(o->key.bytes, first->key.bytes) < 0) first = o;
    }
    if (first == NULL) return false;
    it->at = first->key.bytes;
    it->behind = true;
    return true;
}

bool crdt_txn_next(crdt_txn_iter *it, crdt_view *ret_name, crdt_ref *ret_ref)
{
    while (next_name(it)) {
        if (crdt_txn_find(it->txn, it->at, NULL, ret_ref) != CRDT_OK) continue;
        *ret_name = it->at;
        return true;
    }
    return false;
}

/* -- Targets ----------------------------------------------------------------------------------- */

/* What an operation before left pending takes its dots now, not those of the one that begins. */
static void end_pending(crdt_txn *txn, crdt__object *mine)
{
    crdt_dot first = {txn->store->replica, txn->first};
    /* What it may refuse for want of memory is asked for again at the commit. */
    (void)mine->type->seal(&txn->store->space, mine->state, first, NULL);
}

void crdt__txn_settle(crdt_txn *txn, crdt_view name, const crdt_type *type)
{
    crdt__object *mine = crdt__object_get(txn->store, name, type->id);
    if (mine != NULL && mine->type->undo != NULL) end_pending(txn, mine);
}

/* p: where the object was found. */
static crdt_err open_found(crdt_txn *txn, crdt_view name, const crdt_type *type, uint16_t id,
                           pair p, crdt_target *ret_target)
{
    crdt_err err = CRDT_OK;
    bool     made = p.own == NULL || (type->undo != NULL && p.mine == NULL);
    mark_opened(txn, name); /* what the delta gets stays there, whatever fails then */
    if (p.own == NULL) err = crdt__object_add(txn->delta, name, type, id, &p.own);
    if (err == CRDT_OK && type->undo != NULL && p.mine == NULL) {
        err = crdt__object_make(txn->store, name, type, id, &p.mine);
    }
    note_opened(txn, made, p);
    if (err != CRDT_OK) return err;
    txn->sealed = false;
    p.own->mine = p.mine != NULL && p.mine->live ? p.mine : NULL;
    ret_target->state = NULL;
    if (type->undo != NULL) {
        crdt__txn_in_place(txn, type);
        crdt__object_before(txn->store, p.mine);
        end_pending(txn, p.mine);
        ret_target->state = p.mine->state;
    }
    p.own->wants_presence = p.own->meets = false;
    ret_target->txn = txn;
    ret_target->space = &txn->delta->space;
    ret_target->now = ref_in_txn(txn, type, p);
    ret_target->delta = p.own->state;
    ret_target->object = p.own;
    ret_target->inside = NULL;
    return CRDT_OK;
}

static crdt_err open_object(crdt_txn *txn, crdt_view name, const crdt_type *type, uint16_t id,
                            crdt_target *ret_target)
{
    return open_found(txn, name, type, id, pair_of(txn, name, id), ret_target);
}

crdt_err crdt_target_open(crdt_txn *txn, crdt_view name, const crdt_type *type,
                          crdt_target *ret_target)
{
    if (txn->within != NULL) return txn->within->open(txn->within, txn, name, type, ret_target);
    return crdt__target_open_named(txn, name, type, true, ret_target);
}

crdt_err crdt__target_open_named(crdt_txn *txn, crdt_view name, const crdt_type *type, bool shows,
                                 crdt_target *ret_target)
{
    if (txn->failed != CRDT_OK) return txn->failed;
    const crdt_store *store = txn->store;
    if (store->only != NULL) {
        if (name.size != 0 || type != store->solo) return CRDT_ETYPE;
        return open_object(txn, name, type, type->id, ret_target);
    }
    if (name.size > store->limits.name_bytes) return CRDT_ELIMIT;
    under u = look_under(txn, name);
    bool  known = u.shows && u.first.type == type;
    if (!known && crdt_types_by_id(store->types, type->id) != type) return CRDT_EINVAL;
    if (u.shows && !known && !type->beside) return CRDT_ETYPE;
    if (!u.shows && store->names >= store->limits.objects) return CRDT_ELIMIT;
    pair     p = known ? u.showing : pair_of(txn, name, type->id);
    crdt_err err = open_found(txn, name, type, type->id, p, ret_target);
    if (err != CRDT_OK) return err;
    crdt__object *own = ret_target->object;
    own->wants_presence = shows && !u.shows && !type->beside;
    own->meets = own->wants_presence && u.beside;
    return CRDT_OK;
}

static crdt_err reserve_dots(crdt_txn *txn, size_t dots, size_t covers)
{
    if (dots > CRDT_SEQ_MAX - txn->next) return CRDT_ELIMIT;
    crdt_err err = crdt_context_reserve(&txn->delta->context, covers + 1);
    if (err == CRDT_OK) err = crdt_context_reserve(&txn->delta->brought, 1);
    return err;
}

/* The next type id above `last` under name, in the store or in the delta. */
static bool next_type(const crdt_txn *txn, crdt_view name, uint32_t last, seen *ret_seen)
{
    const crdt_store *stores[2] = {txn->store, txn->delta};
    uint32_t          best = UINT32_MAX;
    for (int s = 0; s < 2; s++) {
        crdt__omap_iter it = crdt__omap_seek(&stores[s]->objects, name, last);
        crdt__object   *o = crdt__omap_next(&it);
        if (o == NULL || crdt_view_compare(o->key.bytes, name) != 0 || o->key.minor >= best)
            continue;
        best = o->key.minor;
        ret_seen->type = o->type;
        ret_seen->id = (uint16_t)o->key.minor;
    }
    return best != UINT32_MAX;
}

/* The name begins to exist: what is seen beside it was said of one that is gone. */
static crdt_err reset_beside(crdt_target *target)
{
    crdt_txn *txn = target->txn;
    crdt_view name = ((crdt__object *)target->object)->key.bytes;
    crdt_err  err = CRDT_OK;
    seen      now;
    for (uint32_t last = 0; err == CRDT_OK && next_type(txn, name, last, &now);) {
        crdt_target beside;
        last = (uint32_t)now.id + 1;
        if (!now.type->beside) continue;
        err = open_object(txn, name, now.type, now.id, &beside);
        if (err == CRDT_OK) err = now.type->reset(&beside);
    }
    return err;
}

crdt_err crdt_target_reserve(crdt_target *target, size_t dots, size_t covers)
{
    crdt__object *own = target->object;
    crdt_txn     *txn = target->txn;
    uint64_t      before = txn->next;
    crdt_err      err = CRDT_OK;
    if (target->inside != NULL) err = target->inside->reserve(target, &dots, &covers);
    if (err == CRDT_OK && own->wants_presence) {
        dots++;
        err =
            crdt__sibs_reserve(target->space, &own->presence, crdt__sibs_count(&own->presence) + 1);
        if (err == CRDT_OK && own->meets) err = reset_beside(target);
        own->meets = false;
    }
    if (err == CRDT_OK) err = reserve_dots(txn, dots, covers);
    if (err != CRDT_OK) return crdt__txn_failed(txn, before, err);
    own->mutated = true;
    txn->changes++;
    if (target->inside != NULL) target->inside->mutate(target);
    return CRDT_OK;
}

static inline bool extends_last(const crdt_context *ctx, uint64_t replica, uint64_t seq)
{
    if (ctx->count == 0 || ctx->later > 0) return false;
    const crdt_run *last = &ctx->runs[ctx->count - 1];
    return last->replica == replica && last->hi + 1 == seq;
}

CRDT__APART static void add_dots(crdt_txn *txn, uint64_t count)
{
    crdt_run run = {txn->store->replica, txn->next, txn->next + (count - 1)};
    crdt_context_add_later(&txn->delta->context, run);
    crdt_context_add_reserved(&txn->delta->brought, run);
}

/* Returns the first of them; count is not 0. Mostly they go on from the last of the transaction. */
static inline crdt_dot next_dots(crdt_txn *txn, uint64_t count)
{
    crdt_context *context = &txn->delta->context, *brought = &txn->delta->brought;
    crdt_dot      dot = {txn->store->replica, txn->next};
    if (extends_last(context, dot.replica, dot.seq) &&
        extends_last(brought, dot.replica, dot.seq)) {
        context->runs[context->count - 1].hi += count;
        brought->runs[brought->count - 1].hi += count;
    } else {
        add_dots(txn, count);
    }
    txn->next += count;
    return dot;
}

static inline crdt_dot next_dot(crdt_txn *txn)
{
    return next_dots(txn, 1);
}

crdt_err crdt_txn_mark(crdt_txn *txn)
{
    if (txn->failed != CRDT_OK) return txn->failed;
    crdt_err err = reserve_dots(txn, 1, 0);
    if (err == CRDT_OK) (void)next_dot(txn);
    txn->sealed = false;
    return err;
}

static uint64_t next_stamp(crdt_txn *txn, uint64_t over)
{
    return crdt_clock_stamp(&txn->store->clock, txn->now_ms, over);
}

/* The name exists from now on. Room for the dot and its sibling is there. What the operation itself
 * was stamped is told on: this stamp is the name's. */
CRDT__APART static void write_presence(crdt_target *target)
{
    crdt__object *own = target->object;
    own->wants_presence = false;
    uint64_t stamp = next_stamp(target->txn, 0);
    crdt_dot dot = next_dot(target->txn);
    crdt_err err =
        crdt__sibs_insert(&crdt__presence, target->space, &own->presence, dot, stamp, crdt_int(0));
    CRDT_ASSERT(err == CRDT_OK);
}

void crdt__target_appear(crdt_target *target)
{
    if (((crdt__object *)target->object)->wants_presence) write_presence(target);
}

crdt_dot crdt_target_dot(crdt_target *target)
{
    crdt__object *own = target->object;
    if (own->wants_presence) {
        write_presence(target);
    }
    if (target->inside != NULL) target->inside->write(target);
    return next_dot(target->txn);
}

void crdt_target_dots(crdt_target *target, uint64_t count)
{
    CRDT_ASSERT(!((crdt__object *)target->object)->wants_presence);
    if (count > 0) (void)next_dots(target->txn, count);
}

void crdt_target_cover(crdt_target *target, crdt_dot dot)
{
    crdt_run run = {dot.replica, dot.seq, dot.seq};
    crdt_context_add_later(&target->txn->delta->context, run);
}

void crdt_target_hide(crdt_target *target)
{
    ((crdt__object *)target->object)->wants_presence = false;
    if (target->inside != NULL) target->inside->hide(target);
}

bool crdt_target_sees(const crdt_target *target, crdt_dot dot)
{
    const crdt_txn *txn = target->txn;
    if (txn->at == NULL) return true;
    if (dot.replica == txn->store->replica && dot.seq >= txn->first) return true;
    return crdt_context_has(txn->at, dot);
}

bool crdt_target_sees_all(const crdt_target *target)
{
    return target->txn->at == NULL;
}

uint64_t crdt_target_stamp(crdt_target *target, uint64_t over)
{
    crdt_txn *txn = target->txn;
    txn->stamp = next_stamp(txn, over);
    return txn->stamp;
}

crdt_err crdt_target_value_ok(const crdt_target *target, crdt_value value)
{
    if (value.kind == CRDT_INT) return CRDT_OK;
    if (value.kind != CRDT_BYTES) return CRDT_EINVAL;
    return value.bytes.size <= target->space->limits->value_bytes ? CRDT_OK : CRDT_ELIMIT;
}

uint64_t crdt_target_replica(const crdt_target *target)
{
    return target->txn->store->replica;
}

const crdt_space *crdt__txn_space(const crdt_txn *txn)
{
    return &txn->store->space;
}

const crdt_context *crdt__txn_reader(const crdt_txn *txn)
{
    return txn->at;
}

uint64_t crdt__txn_next(const crdt_txn *txn)
{
    return txn->next;
}

void crdt__txn_in_place(crdt_txn *txn, const crdt_type *type)
{
    if (!type->holds) txn->in_place = true;
}

crdt_err crdt__txn_failed(crdt_txn *txn, uint64_t next, crdt_err err)
{
    if (txn->next > next) txn->failed = err;
    return err;
}

/* -- Names ------------------------------------------------------------------------------------- */

crdt_err crdt_txn_create(crdt_txn *txn, crdt_view name, const crdt_type *type)
{
    crdt_target target;
    if (type->beside && txn->store->only == NULL) return CRDT_EINVAL;
    crdt_err      err = crdt__target_open_named(txn, name, type, true, &target);
    crdt__object *own = target.object;
    if (err != CRDT_OK || txn->store->only != NULL || !own->wants_presence) return err;
    err = crdt_target_reserve(&target, 0, 0);
    if (err != CRDT_OK) return err;
    write_presence(&target);
    return CRDT_OK;
}

/* Cover the presence dots the transaction sees; a removal without content still takes a dot. */
static crdt_err remove_presence(crdt_target *target, const crdt__object *mine, bool took_dot)
{
    crdt__object *own = target->object;
    size_t        count = mine == NULL ? 0 : crdt__sibs_count(&mine->presence);
    size_t        own_count = crdt__sibs_count(&own->presence);
    if (count + own_count == 0) return CRDT_OK;
    crdt_err err = crdt_target_reserve(target, took_dot ? 0 : 1, count);
    if (err != CRDT_OK) return err;
    for (size_t i = 0; i < count; i++) {
        crdt_dot dot = crdt__sib_dot(crdt__sibs_at(&mine->presence, i));
        if (crdt_target_sees(target, dot)) crdt_target_cover(target, dot);
    }
    for (size_t i = own_count; i-- > 0;) {
        crdt_dot dot = crdt__sib_dot(crdt__sibs_at(&own->presence, i));
        crdt__sibs_kill(&crdt__presence, target->space, &own->presence, dot);
    }
    if (!took_dot) (void)next_dot(target->txn);
    return CRDT_OK;
}

static crdt_err remove_one(crdt_txn *txn, crdt_view name, const crdt_type *type, uint16_t id)
{
    crdt_target target;
    crdt_err    err = open_object(txn, name, type, id, &target);
    if (err != CRDT_OK) return err;
    uint64_t before = txn->next;
    err = type->reset(&target);
    if (err != CRDT_OK) return err;
    err = remove_presence(&target, crdt__object_get(txn->store, name, id), txn->next > before);
    if (err != CRDT_OK && txn->next > before) txn->failed = err;
    return err;
}

/* Something under the name may not be removed with it: known before anything is. */
static bool is_kept(const crdt_txn *txn, crdt_view name)
{
    seen now;
    for (uint32_t last = 0; next_type(txn, name, last, &now); last = (uint32_t)now.id + 1) {
        if (!now.type->kept) continue;
        crdt_ref ref = ref_in_txn(txn, now.type, pair_of(txn, name, now.id));
        if (now.type->alive(&ref)) return true;
    }
    return false;
}

crdt_err crdt_txn_remove(crdt_txn *txn, crdt_view name)
{
    if (txn->failed != CRDT_OK) return txn->failed;
    const crdt_store *store = txn->store;
    if (store->only != NULL) {
        if (name.size != 0) return CRDT_ENOENT;
        return remove_one(txn, name, store->solo, store->solo->id);
    }
    under u = look_under(txn, name);
    if (!u.shows) return CRDT_ENOENT;
    if (u.first.type == &crdt__opaque_type) return CRDT_ETYPE; /* nothing of it was seen */
    if (is_kept(txn, name)) return CRDT_ERIGHTS;
    uint64_t before = txn->next;
    seen     now;
    for (uint32_t last = 0; next_type(txn, name, last, &now); last = (uint32_t)now.id + 1) {
        if (now.type == &crdt__opaque_type) continue;
        crdt_err err = remove_one(txn, name, now.type, now.id);
        if (err == CRDT_OK) continue;
        if (txn->next > before)
            txn->failed = err; /* half removed: this transaction cannot commit */
        return err;
    }
    return CRDT_OK;
}

crdt_err crdt_txn_apply(crdt_txn *txn, crdt_view name, const crdt_op *op, const crdt_value *args,
                        size_t argc)
{
    if (op == NULL || strlen(op->args) != argc) return CRDT_EINVAL;
    for (size_t i = 0; i < argc; i++) {
        char kind = op->args[i];
        if (strchr("bcdr", kind) != NULL && args[i].kind != CRDT_BYTES) return CRDT_EINVAL;
        if (strchr("inpt", kind) != NULL && args[i].kind != CRDT_INT) return CRDT_EINVAL;
        if (kind == 'n' && args[i].i < 1) return CRDT_EINVAL;
        if ((kind == 't' || kind == 'p') && args[i].i < 0) return CRDT_EINVAL;
    }
    return op->apply(txn, name, args);
}
