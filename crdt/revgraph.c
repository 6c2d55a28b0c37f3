/* revgraph.c: see revgraph.h. The state is a graph of revisions (core/revs.h). */
#include "crdt/revgraph.h"

#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/rev_ids.h"
#include "crdt/core/revs.h"
#include "crdt/core/revs_view.h"

_Static_assert(sizeof(crdt_rev_id) == sizeof(crdt__rev_id), "one id, inside and outside");

crdt_err crdt_revgraph_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_revgraph_type, replica, mem, ret_store);
}

/* -- Ids --------------------------------------------------------------------------------------- */

static crdt__rev_id inner(const crdt_rev_id *id)
{
    crdt__rev_id same = {id->depth, {0}};
    memcpy(same.hash, id->hash, sizeof same.hash);
    return same;
}

static crdt_rev_id outer(const crdt__rev_id *id)
{
    crdt_rev_id same = {id->depth, {0}};
    memcpy(same.hash, id->hash, sizeof same.hash);
    return same;
}

int crdt_rev_id_compare(const crdt_rev_id *a, const crdt_rev_id *b)
{
    crdt__rev_id x = inner(a), y = inner(b);
    return crdt__rev_id_compare(&x, &y);
}

void crdt_rev_id_print(const crdt_rev_id *id, crdt_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    char              hex[2 * sizeof id->hash + 1] = {0};
    for (size_t i = 0; i < sizeof id->hash; i++) {
        hex[2 * i] = digits[id->hash[i] >> 4];
        hex[2 * i + 1] = digits[id->hash[i] & 15];
    }
    crdt_buf_udecimal(out, id->depth);
    crdt_buf_text(out, "-");
    crdt_buf_text(out, hex);
}

bool crdt_rev_id_parse(crdt_view text, crdt_rev_id *ret_id)
{
    const char  *at = text.size > 0 ? text.data : "", *end = at + text.size;
    crdt__rev_id id;
    if (!crdt__rev_id_read(&at, end, &id) || at != end) return false;
    *ret_id = outer(&id);
    return true;
}

static crdt_err ids_copy(const crdt_mem *mem, const crdt_rev_id *from, size_t count,
                         crdt__ids *ret_ids)
{
    crdt_err err = crdt__ids_make(mem, count, ret_ids);
    if (err != CRDT_OK) return err;
    for (; ret_ids->count < count; ret_ids->count++) {
        ret_ids->at[ret_ids->count] = inner(&from[ret_ids->count]);
    }
    return CRDT_OK;
}

crdt_err crdt_rev_id_of(const crdt_rev_id *parents, size_t count, bool deleted, crdt_view body,
                        const crdt_mem *mem, crdt_rev_id *ret_id)
{
    crdt__ids set;
    crdt_err  err = ids_copy(mem != NULL ? mem : crdt_mem_default(), parents, count, &set);
    if (err != CRDT_OK) return err;
    crdt__rev_id id = {0, {0}};
    if (crdt__ids_sort(&set)) id = crdt__rev_derive(set.at, set.count, deleted, body);
    crdt__ids_free(&set);
    if (id.depth == 0) return CRDT_EINVAL;
    *ret_id = outer(&id);
    return CRDT_OK;
}

/* -- What a reference shows: the state, and what the transaction wrote ------------------------- */

static const crdt__revs nothing;

static crdt__revs_view view_of(const crdt_ref *ref)
{
    crdt__revs_view v = {{&nothing, &nothing}};
    if (ref->state != NULL) v.part[0] = ref->state;
    if (ref->pending != NULL) v.part[1] = ref->pending;
    return v;
}

static crdt_rev describe(const crdt__revs_view *v, unsigned part, uint32_t place)
{
    const crdt__rev_content *content = v->part[part]->contents[place];
    crdt_rev                 rev = {.id = outer(&content->rev->id)};
    rev.leaf = crdt__revs_is_shown_leaf(v, part, content);
    rev.deleted = content->key.deleted;
    rev.known = content->key.known;
    rev.has_body = rev.leaf;
    rev.doubled = crdt__revs_is_doubled(v->part[part], place);
    if (rev.has_body) rev.body = crdt_view_of(content->bytes, content->size);
    rev.parents = content->rev->parents_count;
    return rev;
}

/* -- Reading ----------------------------------------------------------------------------------- */

static crdt_revgraph_iter iterate(const crdt_ref *ref, crdt_revs which)
{
    crdt__revs_view    v = view_of(ref);
    crdt_revgraph_iter it = {*ref, which, {0, 0}, false};
    it.at[0] = v.part[0]->contents_count;
    it.at[1] = v.part[1]->contents_count;
    return it;
}

crdt_revgraph_iter crdt_revgraph_iterate(crdt_ref doc, crdt_revs which)
{
    crdt_revgraph_iter none = {doc, which, {0, 0}, true};
    return doc.type == &crdt_revgraph_type ? iterate(&doc, which) : none;
}

static bool is_wanted(const crdt_revgraph_iter *it, const crdt_rev *rev)
{
    if (it->which == CRDT_REVS_ALL) return true;
    if (it->which == CRDT_REVS_DOUBLED) return rev->doubled;
    return rev->leaf && rev->deleted == it->deleted;
}

bool crdt_revgraph_next(crdt_revgraph_iter *it, crdt_rev *ret_rev)
{
    crdt__revs_view v = view_of(&it->doc);
    unsigned        part;
    for (;;) {
        while (crdt__revs_step_down(&v, it->at, &part)) {
            bool leaves = it->which == CRDT_REVS_LEAVES || it->which == CRDT_REVS_LIVE;
            if (leaves && v.part[part]->contents[it->at[part]]->rev->children > 0) continue;
            crdt_rev rev = describe(&v, part, it->at[part]);
            if (!is_wanted(it, &rev)) continue;
            *ret_rev = rev;
            return true;
        }
        if (it->which != CRDT_REVS_LEAVES || it->deleted) return false;
        *it = iterate(&it->doc, CRDT_REVS_LEAVES);
        it->deleted = true;
    }
}

static bool winner(const crdt_ref *ref, crdt_rev *ret_rev)
{
    crdt_revgraph_iter it = iterate(ref, CRDT_REVS_LIVE);
    return crdt_revgraph_next(&it, ret_rev);
}

bool crdt_revgraph_winner(crdt_ref doc, crdt_rev *ret_rev)
{
    return doc.type == &crdt_revgraph_type && winner(&doc, ret_rev);
}

crdt_err crdt_revgraph_get(crdt_ref doc, const crdt_rev_id *id, crdt_rev *ret_rev)
{
    crdt__rev_key greatest = {true, true, UINT64_MAX};
    crdt__rev_id  wanted = inner(id);
    unsigned      part;
    if (doc.type != &crdt_revgraph_type) return CRDT_EINVAL;
    crdt__revs_view  v = view_of(&doc);
    const crdt__rev *rev = crdt__revs_held(&v, &wanted, &part);
    if (rev == NULL) return CRDT_ENOENT;
    uint32_t at = crdt__revs_seek_content(v.part[part], &wanted, &greatest);
    if (at == v.part[part]->contents_count || v.part[part]->contents[at]->rev != rev) at--;
    *ret_rev = describe(&v, part, at);
    return CRDT_OK;
}

bool crdt_revgraph_parent(crdt_ref doc, const crdt_rev_id *id, size_t i, crdt_rev_id *ret_parent)
{
    crdt__rev_id wanted = inner(id);
    unsigned     part;
    if (doc.type != &crdt_revgraph_type) return false;
    crdt__revs_view  v = view_of(&doc);
    const crdt__rev *rev = crdt__revs_held(&v, &wanted, &part);
    if (rev == NULL || i >= rev->parents_count) return false;
    *ret_parent = outer(&rev->parents[i]->id);
    return true;
}

bool crdt_revgraph_next_tomb(crdt_revgraph_tombs *it, crdt_rev_tomb *ret_tomb)
{
    crdt__revs_view v = view_of(&it->doc);
    unsigned        part;
    if (it->doc.type != &crdt_revgraph_type) return false;
    for (; it->part < 2; it->part++, it->rev = 0) {
        const crdt__revs *revs = v.part[it->part];
        for (; it->rev < revs->revs_count; it->rev++, it->parent = 0) {
            const crdt__rev *merge = revs->revs[it->rev];
            while (it->parent + 1 < merge->parents_count) {
                const crdt__rev *leaf = merge->parents[it->parent++];
                crdt__rev_id     id = crdt__rev_derive_tomb(&leaf->id, &merge->id);
                if (crdt__revs_held(&v, &id, &part) != NULL) continue;
                *ret_tomb = (crdt_rev_tomb){outer(&id), outer(&leaf->id), outer(&merge->id)};
                return true;
            }
        }
    }
    return false;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* Revisions that are to be written, as a graph of their own. */
typedef struct batch {
    const crdt_mem *mem;
    crdt__revs      revs;
    crdt__rev      *last; /* the deepest so far */
    uint64_t        placeholder;
} batch;

static crdt_err batch_make(const crdt_mem *mem, size_t revs, size_t contents, batch *ret_batch)
{
    *ret_batch = (batch){.mem = mem, .placeholder = UINT64_MAX - contents};
    return crdt__revs_reserve(mem, &ret_batch->revs, revs, contents, contents);
}

/* A revision that is only named. */
static crdt_err batch_name(batch *b, const crdt__rev_id *id)
{
    crdt__rev *rev = crdt__rev_make(b->mem, id);
    if (rev == NULL) return CRDT_ENOMEM;
    crdt__revs_append(&b->revs, rev);
    b->last = rev;
    return CRDT_OK;
}

/* The revision over all those in parents, which were named. body NULL: without one. */
static crdt_err batch_add(batch *b, const crdt__rev_id *id, crdt__rev *const *parents,
                          uint32_t count, crdt__rev_key key, const crdt_view *body)
{
    crdt_err err = batch_name(b, id);
    if (err == CRDT_OK) err = crdt__rev_set_parents(b->mem, b->last, parents, count);
    if (err != CRDT_OK) return err;
    crdt__rev_content *content = crdt__rev_content_make(b->mem, b->last, key, body);
    if (content == NULL) return CRDT_ENOMEM;
    crdt__revs_append_content(&b->revs, content);
    crdt__revs_append_dot(&b->revs, (crdt_dot){1, b->placeholder++}, content);
    return CRDT_OK;
}

/* Write the batch under fresh dots, and free it. */
static crdt_err batch_write(batch *b, crdt_target *target, bool deleted)
{
    crdt_join join = {.space = target->space};
    uint32_t  dots = b->revs.dots_count;
    crdt_err  err = crdt__revs_prepare(&join, target->delta, &b->revs);
    if (err != CRDT_OK) return err;
    if (deleted) crdt_target_hide(target);
    err = crdt_target_reserve(target, dots, 0);
    if (err != CRDT_OK) {
        crdt__revs_drop_plan(b->mem, target->delta);
        return err;
    }
    crdt_dot first = crdt_target_dot(target);
    crdt_target_dots(target, dots - 1);
    crdt__revs_rename_born(target->delta, first);
    (void)crdt__revs_commit(&join, target->delta, &b->revs);
    return CRDT_OK;
}

/* May so many more revisions be written? */
static bool has_room(const crdt_target *target, const crdt__revs_view *v, size_t more)
{
    uint64_t count = (uint64_t)v->part[0]->contents_count + v->part[1]->contents_count;
    uint64_t most = target->space->limits->elements;
    return count < most && more <= most - count;
}

/* What a revision is to say. */
typedef struct say {
    bool      deleted;
    crdt_view body;
} say;

/* Over these parents, ascending. A deletion is always taken: it ends something. */
static crdt_err write_over(crdt_target *target, const crdt__ids *parents, say what,
                           crdt_rev_id *ret_id)
{
    const crdt_mem *mem = target->space->mem;
    crdt__revs_view v = view_of(&target->now);
    batch           b;
    if (what.body.size > target->space->limits->value_bytes) return CRDT_ELIMIT;
    crdt__rev_id id = crdt__rev_derive(parents->at, parents->count, what.deleted, what.body);
    if (id.depth == 0) return CRDT_ELIMIT;
    if (!crdt__revs_is_written(&v, &id)) {
        if (!what.deleted && !has_room(target, &v, 1)) return CRDT_ELIMIT;
        crdt_err err = batch_make(mem, parents->count + 1, 1, &b);
        for (size_t i = 0; err == CRDT_OK && i < parents->count; i++) {
            err = batch_name(&b, &parents->at[i]);
        }
        crdt__rev_key key = crdt__rev_key_of(what.deleted, what.body);
        if (err == CRDT_OK) {
            err = batch_add(&b, &id, b.revs.revs, (uint32_t)parents->count, key, &what.body);
        }
        if (err == CRDT_OK) err = batch_write(&b, target, what.deleted);
        crdt__revs_clear(mem, &b.revs);
        if (err != CRDT_OK) return err;
    }
    if (ret_id != NULL) *ret_id = outer(&id);
    return CRDT_OK;
}

/* -- What a transaction sees: all, or under a read context what the reader saw ----------------- */

typedef struct sight {
    const crdt_target *target;
    crdt__revs_view    v;
    bool              *sees[2];    /* by content */
    bool              *is_over[2]; /* by revision: a child of it is seen */
    bool              *marks;      /* where these lie; NULL: everything is seen */
    size_t             bytes;
} sight;

static bool sees_rev(const sight *s, unsigned part, uint32_t content)
{
    return s->marks == NULL || s->sees[part][content];
}

static void mark_parents(sight *s, const crdt__rev *rev)
{
    for (uint32_t i = 0; i < rev->parents_count; i++) {
        for (unsigned p = 0; p < 2; p++) {
            const crdt__rev_id *id = &rev->parents[i]->id;
            uint32_t            at = crdt__revs_seek(s->v.part[p], id);
            if (at == s->v.part[p]->revs_count) continue;
            if (crdt__rev_id_compare(&s->v.part[p]->revs[at]->id, id) == 0)
                s->is_over[p][at] = true;
        }
    }
}

static crdt_err look(crdt_target *target, sight *ret_sight)
{
    sight *s = ret_sight;
    *s = (sight){.target = target, .v = view_of(&target->now)};
    if (crdt_target_sees_all(target)) return CRDT_OK;
    for (unsigned p = 0; p < 2; p++) {
        s->bytes += (size_t)s->v.part[p]->contents_count + s->v.part[p]->revs_count;
    }
    if (s->bytes == 0) return CRDT_OK;
    s->marks = crdt__alloc(target->space->mem, s->bytes);
    if (s->marks == NULL) return CRDT_ENOMEM;
    memset(s->marks, 0, s->bytes);
    bool *at = s->marks;
    for (unsigned p = 0; p < 2; p++) {
        s->sees[p] = at;
        at += s->v.part[p]->contents_count;
        s->is_over[p] = at;
        at += s->v.part[p]->revs_count;
    }
    for (unsigned p = 0; p < 2; p++) {
        const crdt__revs *revs = s->v.part[p];
        for (uint32_t i = 0; i < revs->dots_count; i++) {
            const crdt__rev_content *content = revs->dots[i].content;
            if (!crdt_target_sees(target, revs->dots[i].dot)) continue;
            s->sees[p][crdt__revs_seek_content(revs, &content->rev->id, &content->key)] = true;
            mark_parents(s, content->rev);
        }
    }
    return CRDT_OK;
}

static void look_away(sight *s)
{
    crdt__release(s->target->space->mem, s->marks, s->bytes);
}

static bool is_seen_leaf(const sight *s, unsigned part, uint32_t content)
{
    const crdt__rev_content *it = s->v.part[part]->contents[content];
    const crdt__rev         *rev = it->rev;
    bool                     shown = crdt__revs_is_shown_leaf(&s->v, part, it);
    if (!sees_rev(s, part, content)) return false;
    if (s->marks == NULL || (!shown && crdt__revs_is_leaf(&s->v, part, rev))) return shown;
    for (unsigned p = 0; p < 2; p++) {
        uint32_t at = crdt__revs_seek(s->v.part[p], &rev->id);
        bool     here = at < s->v.part[p]->revs_count &&
                    crdt__rev_id_compare(&s->v.part[p]->revs[at]->id, &rev->id) == 0;
        if (here && s->is_over[p][at]) return false;
    }
    return true;
}

/* Which leaves a write goes over. */
typedef enum aim {
    AIM_WINNER,      /* the winner; where all is deleted, the greatest deletion */
    AIM_LIVE_WINNER, /* the winner */
    AIM_ALL_LIVE,    /* all that are not deleted; where all is, as AIM_WINNER */
    AIM_ONLY_LIVE    /* all that are not deleted */
} aim;

/* The leaves that are seen, down from the greatest: the live ones, or the deleted ones. */
static void gather(const sight *s, bool deleted, size_t most, crdt__ids *into)
{
    uint32_t at[2] = {s->v.part[0]->contents_count, s->v.part[1]->contents_count};
    unsigned part;
    while (into->count < most && crdt__revs_step_down(&s->v, at, &part)) {
        const crdt__rev_content *content = s->v.part[part]->contents[at[part]];
        if (content->key.deleted != deleted || !is_seen_leaf(s, part, at[part])) continue;
        const crdt__rev_id *last = into->count > 0 ? &into->at[into->count - 1] : NULL;
        if (last != NULL && crdt__rev_id_compare(last, &content->rev->id) == 0) continue;
        into->at[into->count++] = content->rev->id;
    }
}

/* The leaves aimed at, ascending. */
static crdt_err take_aim(crdt_target *target, aim how, crdt__ids *ret_ids)
{
    sight    s;
    bool     one = how == AIM_WINNER || how == AIM_LIVE_WINNER;
    crdt_err err = look(target, &s);
    if (err != CRDT_OK) return err;
    size_t most = (size_t)s.v.part[0]->contents_count + s.v.part[1]->contents_count;
    if (one && most > 1) most = 1;
    err = crdt__ids_make(target->space->mem, most, ret_ids);
    if (err == CRDT_OK) {
        gather(&s, false, most, ret_ids);
        bool dead = ret_ids->count == 0 && (how == AIM_WINNER || how == AIM_ALL_LIVE);
        if (dead) gather(&s, true, most < 1 ? most : 1, ret_ids);
        (void)crdt__ids_sort(ret_ids);
    }
    look_away(&s);
    return err;
}

static crdt_err write_aimed(crdt_target *target, aim how, say what)
{
    crdt__ids parents;
    crdt_err  err = take_aim(target, how, &parents);
    if (err != CRDT_OK) return err;
    if (!what.deleted || parents.count > 0) err = write_over(target, &parents, what, NULL);
    crdt__ids_free(&parents);
    return err;
}

static crdt_err open_and_write(crdt_txn *txn, crdt_view name, aim how, say what)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_revgraph_type, &target);
    return err == CRDT_OK ? write_aimed(&target, how, what) : err;
}

crdt_err crdt_revgraph_edit(crdt_txn *txn, crdt_view name, crdt_view body)
{
    return open_and_write(txn, name, AIM_WINNER, (say){false, body});
}

crdt_err crdt_revgraph_merge(crdt_txn *txn, crdt_view name, crdt_view body)
{
    return open_and_write(txn, name, AIM_ALL_LIVE, (say){false, body});
}

static const say deletion = {true, {NULL, 0}};

crdt_err crdt_revgraph_remove(crdt_txn *txn, crdt_view name)
{
    return open_and_write(txn, name, AIM_LIVE_WINNER, deletion);
}

static crdt_err reset(crdt_target *target)
{
    return write_aimed(target, AIM_ONLY_LIVE, deletion);
}

/* -- Revisions by their ids -------------------------------------------------------------------- */

static crdt_err put_over(crdt_target *target, crdt__ids *parents, say what, crdt_rev_id *ret_id)
{
    crdt__revs_view v = view_of(&target->now);
    unsigned        part;
    if (!crdt__ids_sort(parents)) return CRDT_EINVAL;
    for (size_t i = 0; i < parents->count; i++) {
        if (crdt__revs_held(&v, &parents->at[i], &part) == NULL) return CRDT_ENOENT;
    }
    return write_over(target, parents, what, ret_id);
}

crdt_err crdt_revgraph_put(crdt_txn *txn, crdt_view name, const crdt_rev_id *parents, size_t count,
                           bool deleted, crdt_view body, crdt_rev_id *ret_id)
{
    crdt_target target;
    crdt__ids   set;
    crdt_err    err = crdt_target_open(txn, name, &crdt_revgraph_type, &target);
    if (err == CRDT_OK) err = ids_copy(target.space->mem, parents, count, &set);
    if (err != CRDT_OK) return err;
    err = put_over(&target, &set, (say){deleted, body}, ret_id);
    crdt__ids_free(&set);
    return err;
}

/* Is it the tombstone by which a merge that is held shows in trees? */
static bool is_tomb(const crdt__revs_view *v, const crdt__rev_id *id, const crdt__rev_id *leaf)
{
    for (unsigned p = 0; p < 2; p++) {
        for (uint32_t i = crdt__revs_seek(v->part[p], leaf); i < v->part[p]->revs_count; i++) {
            const crdt__rev *merge = v->part[p]->revs[i];
            for (uint32_t k = 0; k + 1 < merge->parents_count; k++) {
                if (crdt__rev_id_compare(&merge->parents[k]->id, leaf) != 0) continue;
                crdt__rev_id tomb = crdt__rev_derive_tomb(leaf, &merge->id);
                if (crdt__rev_id_compare(&tomb, id) == 0) return true;
            }
        }
    }
    return false;
}

/* The revision is held: is it the same, as far as is known? */
static crdt_err accept_held(const crdt__revs *revs, const crdt__rev *rev, say what)
{
    crdt__rev_key key = crdt__rev_key_of(what.deleted, what.body), least = {true, false, 0};
    if (crdt__revs_find_content(revs, &rev->id, &key) != NULL) return CRDT_OK;
    uint32_t at = crdt__revs_seek_content(revs, &rev->id, &least);
    bool     known = at < revs->contents_count && revs->contents[at]->rev == rev;
    return known ? CRDT_EEXIST : CRDT_OK;
}

/* Write path[0] and those of its ancestors, in front of path[news], that are news too. */
static crdt_err accept_news(crdt_target *target, const crdt__ids *path, size_t news, say what)
{
    batch         b;
    crdt__rev_key unknown = {false, false, 0};
    bool          on = news < path->count; /* something that is known */
    crdt_err      err = batch_make(target->space->mem, news + on, news, &b);
    if (err == CRDT_OK && on) err = batch_name(&b, &path->at[news]);
    for (size_t i = news; err == CRDT_OK && i-- > 0;) {
        crdt__rev    *parent = b.last;
        crdt__rev_key key = i == 0 ? crdt__rev_key_of(what.deleted, what.body) : unknown;
        err = batch_add(&b, &path->at[i], &parent, parent != NULL, key, i == 0 ? &what.body : NULL);
    }
    if (err == CRDT_OK) err = batch_write(&b, target, what.deleted);
    crdt__revs_clear(target->space->mem, &b.revs);
    return err;
}

static crdt_err accept_path(crdt_target *target, const crdt__ids *path, say what)
{
    crdt__revs_view v = view_of(&target->now);
    unsigned        part;
    size_t          news = 1;
    if (path->count == 0) return CRDT_EINVAL;
    for (size_t i = 0; i < path->count; i++) {
        if (path->at[i].depth == 0 || path->at[i].depth > CRDT__REV_DEPTH_MAX) return CRDT_EINVAL;
        if (i > 0 && path->at[i].depth + 1 != path->at[i - 1].depth) return CRDT_EINVAL;
    }
    if (what.body.size > target->space->limits->value_bytes) return CRDT_ELIMIT;
    const crdt__rev *rev = crdt__revs_held(&v, &path->at[0], &part);
    crdt_err         err = rev != NULL ? accept_held(v.part[part], rev, what) : CRDT_OK;
    if (err != CRDT_OK || crdt__revs_is_written(&v, &path->at[0])) return err;
    if (what.deleted && path->count > 1 && is_tomb(&v, &path->at[0], &path->at[1])) return CRDT_OK;
    while (news < path->count && !crdt__revs_is_known(&v, &path->at[news])) news++;
    if (!has_room(target, &v, news)) return CRDT_ELIMIT;
    return accept_news(target, path, news, what);
}

crdt_err crdt_revgraph_accept(crdt_txn *txn, crdt_view name, const crdt_rev_id *path, size_t count,
                              bool deleted, crdt_view body)
{
    crdt_target target;
    crdt__ids   set;
    crdt_err    err = crdt_target_open(txn, name, &crdt_revgraph_type, &target);
    if (err == CRDT_OK) err = ids_copy(target.space->mem, path, count, &set);
    if (err != CRDT_OK) return err;
    err = accept_path(&target, &set, (say){deleted, body});
    crdt__ids_free(&set);
    return err;
}

/* -- The type ---------------------------------------------------------------------------------- */

static void init(const crdt_space *space, void *state)
{
    (void)space;
    memset(state, 0, sizeof(crdt__revs));
}

static void clear(const crdt_space *space, void *state)
{
    crdt__revs_clear(space->mem, state);
}

static bool alive(const crdt_ref *ref)
{
    crdt_rev rev;
    return winner(ref, &rev);
}

static bool empty(const void *state)
{
    return ((const crdt__revs *)state)->dots_count == 0;
}

static void print_body(const crdt_rev *rev, crdt_buf *out)
{
    crdt_value body = crdt_bytes(rev->body.data, rev->body.size);
    if (rev->doubled) crdt_buf_text(out, " (doubled)");
    crdt_buf_text(out, " ");
    if (rev->has_body) crdt_buf_print_value(out, body);
    else crdt_buf_text(out, "(no body)");
}

/* The winner, then the conflicts. */
static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt_revgraph_iter it = iterate(ref, CRDT_REVS_LIVE);
    crdt_rev           rev;
    const char        *between = "";
    while (crdt_revgraph_next(&it, &rev)) {
        crdt_buf_text(out, between);
        crdt_rev_id_print(&rev.id, out);
        print_body(&rev, out);
        between = ", ";
    }
    if (between[0] == 0) crdt_buf_text(out, "none");
}

/* Is it the first of its content's dots? */
static bool is_first_dot(const crdt__revs *revs, uint32_t dot)
{
    const crdt__rev_content *content = revs->dots[dot].content;
    for (uint32_t i = 0; content->dots > 1 && i < dot; i++) {
        if (revs->dots[i].content == content) return false;
    }
    return true;
}

/* Leaves that are not deleted, by their first dots. */
static bool conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict)
{
    crdt__revs_view v = view_of(ref);
    uint32_t        at[2] = {0, 0};
    crdt_rev        best;
    for (;;) {
        bool more[2] = {at[0] < v.part[0]->dots_count, at[1] < v.part[1]->dots_count};
        if (!more[0] && !more[1]) return false;
        unsigned p = more[0] ? 0 : 1;
        if (more[0] && more[1]) {
            p = crdt_dot_compare(v.part[0]->dots[at[0]].dot, v.part[1]->dots[at[1]].dot) > 0;
        }
        const crdt__revs        *revs = v.part[p];
        const crdt__rev_content *content = revs->dots[at[p]].content;
        uint32_t                 dot = at[p]++;
        if (content->key.deleted || !crdt__revs_says_something(content) ||
            !crdt__revs_is_shown_leaf(&v, p, content) || !is_first_dot(revs, dot) || i-- > 0) {
            continue;
        }
        uint32_t place = crdt__revs_seek_content(revs, &content->rev->id, &content->key);
        crdt_rev rev = describe(&v, p, place);
        ret_conflict->dot = revs->dots[dot].dot;
        ret_conflict->stamp = 0;
        ret_conflict->value = crdt_bytes(rev.body.data, rev.body.size);
        ret_conflict->wins = winner(ref, &best) && best.body.data == rev.body.data &&
                             crdt_rev_id_compare(&best.id, &rev.id) == 0;
        return true;
    }
}

/* -- Operations -------------------------------------------------------------------------------- */

static crdt_err apply_edit(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_revgraph_edit(txn, name, args[0].bytes);
}

static crdt_err apply_merge(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_revgraph_merge(txn, name, args[0].bytes);
}

static crdt_err apply_remove(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_revgraph_remove(txn, name);
}

/* An operation on revisions that are named in a text. */
static crdt_err apply_named(crdt_txn *txn, crdt_view name, crdt_view text, bool accepts, say what)
{
    crdt_target target;
    crdt__ids   set;
    crdt_err    err = crdt_target_open(txn, name, &crdt_revgraph_type, &target);
    if (err == CRDT_OK) err = crdt__ids_parse(target.space->mem, text, &set);
    if (err != CRDT_OK) return err;
    err = accepts ? accept_path(&target, &set, what) : put_over(&target, &set, what, NULL);
    crdt__ids_free(&set);
    return err;
}

static crdt_err apply_put(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply_named(txn, name, args[0].bytes, false, (say){false, args[1].bytes});
}

static crdt_err apply_accept(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply_named(txn, name, args[0].bytes, true, (say){false, args[1].bytes});
}

static crdt_err apply_accept_deleted(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply_named(txn, name, args[0].bytes, true, deletion);
}

static const crdt_op ops[] = {
    {"edit", "b", "write over the winner", apply_edit},
    {"merge", "b", "write over all leaves: a conflict is resolved", apply_merge},
    {"remove", "", "delete the winner", apply_remove},
    {"put", "rb", "write over the revisions named; none: a beginning of its own", apply_put},
    {"accept", "rb", "take a revision of another system: its id and its ancestors'", apply_accept},
    {"accept_deleted", "r", "take a deletion of another system", apply_accept_deleted},
};

const crdt_type crdt_revgraph_type = {
    .id = 24,
    .format = 1,
    .name = "revgraph",
    .summary = "document with its revisions: a winner, conflicts kept, merges",
    .source = "Lehnardt, Anderson, Slater, 2010 (CouchDB); Kleppmann, Howard, arXiv 2012.00472",
    .stays = true,
    .size = sizeof(crdt__revs),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    .init = init,
    .clear = clear,
    .prepare = crdt__revs_prepare,
    .commit = crdt__revs_commit,
    .since = crdt__revs_since,
    .alive = alive,
    .empty = empty,
    .reset = reset,
    .mark = crdt__revs_mark,
    .encode = crdt__revs_encode,
    .decode = crdt__revs_decode,
    .digest = crdt__revs_digest,
    .print = print,
    .check = crdt__revs_check,
    .stats = crdt__revs_stats,
    .stabilise = crdt__revs_stabilise,
    .conflict = conflict,
};
