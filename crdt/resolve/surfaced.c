/* resolve/surfaced.c: what one place was told of. Remembered are hashes, sorted: of the name, of
 * the path and of the set. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/lwwmap.h"
#include "crdt/resolve/impl.h"

typedef struct told {
    uint64_t    name;
    crdt_digest path, set;
    bool        drained; /* the caller had it */
} told;

/* Listed and not drained; its path lies behind. */
typedef struct event {
    struct event  *next;
    size_t         bytes; /* of this allocation */
    told           id;
    crdt_surfacing says;
} event;

struct crdt_surfaced {
    const crdt_mem   *mem;
    const crdt_rules *rules;
    told             *at;
    size_t            count, cap;
    event            *first, *last, *current; /* current: what next gave, until the next call */
};

crdt_err crdt_surfaced_new(const crdt_rules *rules, const crdt_mem *mem,
                           crdt_surfaced **ret_surfaced)
{
    mem = mem != NULL ? mem : crdt_mem_default();
    crdt_surfaced *s = crdt__alloc(mem, sizeof *s);
    if (s == NULL) return CRDT_ENOMEM;
    *s = (crdt_surfaced){.mem = mem, .rules = rules};
    *ret_surfaced = s;
    return CRDT_OK;
}

static void free_events(const crdt_mem *mem, event *first)
{
    for (event *e = first, *next; e != NULL; e = next) {
        next = e->next;
        crdt__release(mem, e, e->bytes);
    }
}

void crdt_surfaced_free(crdt_surfaced *surfaced)
{
    if (surfaced == NULL) return;
    const crdt_mem *mem = surfaced->mem;
    free_events(mem, surfaced->current);
    free_events(mem, surfaced->first);
    crdt__release(mem, surfaced->at, surfaced->cap * sizeof(told));
    crdt__release(mem, surfaced, sizeof *surfaced);
}

/* -- Order ------------------------------------------------------------------------------------- */

static int compare_digests(crdt_digest a, crdt_digest b)
{
    if (a.hi != b.hi) return a.hi < b.hi ? -1 : 1;
    return a.lo == b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}

static int compare_paths(const told *a, const told *b)
{
    if (a->name != b->name) return a->name < b->name ? -1 : 1;
    return compare_digests(a->path, b->path);
}

static int compare_told(const told *a, const told *b)
{
    int order = compare_paths(a, b);
    return order != 0 ? order : compare_digests(a->set, b->set);
}

/* The entry of what is remembered, or NULL. */
static told *find(const crdt_surfaced *s, const told *id)
{
    size_t from = 0, to = s->count;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        int    order = compare_told(&s->at[mid], id);
        if (order == 0) return &s->at[mid];
        if (order < 0) from = mid + 1;
        else to = mid;
    }
    return NULL;
}

/* -- Looking ----------------------------------------------------------------------------------- */

/* A path at which something competes; fresh: there is an event, for it is to be told of. */
typedef struct found {
    told id;
    bool fresh;
} found;

typedef struct look {
    const crdt_surfaced *s;
    crdt__source         from;
    crdt__gathered       gathered;
    crdt_view            keys[CRDT__PATH_KEYS_MAX];
    crdt_path            path;
    found               *at;
    size_t               count, cap;
    event               *first, *last; /* in the order in which they were found */
} look;

static void look_free(look *l)
{
    free_events(l->s->mem, l->first);
    crdt__release(l->s->mem, l->at, l->cap * sizeof *l->at);
    crdt__gathered_clear(&l->gathered);
}

static crdt_err add_event(look *l, const told *id, size_t siblings)
{
    size_t bytes = sizeof(event) + crdt__path_bytes(&l->path);
    event *e = crdt__alloc(l->s->mem, bytes);
    if (e == NULL) return CRDT_ENOMEM;
    *e = (event){.bytes = bytes, .id = *id};
    e->says = (crdt_surfacing){crdt__path_copy(&l->path, e + 1), id->set, siblings,
                               siblings >= crdt__rules_many(l->s->rules)};
    if (l->last != NULL) l->last->next = e;
    else l->first = e;
    l->last = e;
    return CRDT_OK;
}

static crdt_err name_path(const look *l, told *id)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, l->s->mem);
    crdt__path_put(&l->path, &bytes);
    crdt_err err = crdt_buf_status(&bytes);
    if (err == CRDT_OK) {
        id->name = crdt_digest_of(l->path.name.data, l->path.name.size).lo;
        id->path = crdt_digest_of(bytes.data, bytes.size);
    }
    crdt_buf_clear(&bytes);
    return err;
}

/* These siblings of one register compete: an event, unless they were told of or reviewed. */
static crdt_err note(look *l, const crdt_sibling *at, size_t count)
{
    crdt_siblings view = {l->path, at, count};
    found         one = {{0, {0, 0}, {0, 0}, false}, false};
    bool          acked = false;
    if (l->count == l->cap) {
        size_t cap = crdt__grow(l->cap, l->count + 1), size = sizeof *l->at;
        found *grown = crdt__resize(l->s->mem, l->at, l->cap * size, cap * size);
        if (grown == NULL) return CRDT_ENOMEM;
        l->at = grown;
        l->cap = cap;
    }
    crdt_err err = name_path(l, &one.id);
    if (err == CRDT_OK) err = crdt__set_digest(&l->path, at, count, l->s->mem, &one.id.set);
    if (err == CRDT_OK) err = crdt__acked(&l->from, l->s->rules, &view, &acked);
    if (err != CRDT_OK) return err;
    one.fresh = !acked && find(l->s, &one.id) == NULL;
    if (one.fresh) err = add_event(l, &one.id, count);
    if (err == CRDT_OK) l->at[l->count++] = one;
    return err;
}

static crdt_err look_at_register(look *l, const crdt_ref *ref)
{
    crdt_conflict second;
    if (!crdt_ref_conflict(ref, 1, &second)) return CRDT_OK;
    l->gathered.count = l->gathered.competing = 0;
    crdt_err err = crdt__gather_ref(ref, &l->gathered);
    if (err != CRDT_OK || l->gathered.competing == 0) return err;
    return note(l, l->gathered.at, l->gathered.count);
}

/* Each column has a path of its own. */
static crdt_err look_at_row(look *l, const crdt_ref *row)
{
    l->gathered.count = l->gathered.competing = 0;
    crdt_err err = crdt__gather_ref(row, &l->gathered);
    size_t   depth = l->path.depth++;
    for (size_t i = 0, end; err == CRDT_OK && i < l->gathered.count; i = end) {
        crdt_sibling *at = l->gathered.at;
        end = crdt__gathered_group(at, l->gathered.count, i);
        l->keys[depth] = at[i].key;
        for (size_t k = i; k < end; k++) at[k].key = crdt_view_of(NULL, 0);
        if (at[i].competes) err = note(l, at + i, end - i);
    }
    l->path.depth = depth;
    return err;
}

static crdt_err look_at(look *l, const crdt_ref *ref)
{
    if (crdt__is_register(ref->type)) return look_at_register(l, ref);
    if (l->path.depth == CRDT__PATH_KEYS_MAX) return CRDT_OK;
    if (ref->type == &crdt_lwwmap_type) return look_at_row(l, ref);
    if (!crdt_ormap_is(ref->type)) return CRDT_OK;
    crdt_ormap_iter it = crdt_ormap_iterate(*ref);
    crdt_err        err = CRDT_OK;
    crdt_ref        inner;
    size_t          depth = l->path.depth;
    while (err == CRDT_OK && crdt_ormap_next(&it, &l->keys[depth], &inner)) {
        l->path.depth = depth + 1;
        err = look_at(l, &inner);
    }
    l->path.depth = depth;
    return err;
}

/* -- Taking in what was found ------------------------------------------------------------------ */

static int found_order(const void *a, const void *b)
{
    const found *x = a, *y = b;
    return compare_told(&x->id, &y->id);
}

/* Does something compete at the path of this entry? */
static bool still_competes(const look *l, const told *id)
{
    size_t from = 0, to = l->count;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (compare_paths(&l->at[mid].id, id) < 0) from = mid + 1;
        else to = mid;
    }
    return from < l->count && compare_paths(&l->at[from].id, id) == 0;
}

/* The next of what is remembered that stays; only: of other names all do (NULL: of none). */
static const told *next_kept(const look *l, size_t *at, const uint64_t *only)
{
    const crdt_surfaced *s = l->s;
    for (; *at < s->count; ++*at) {
        const told *old = &s->at[*at];
        if ((only != NULL && old->name != *only) || still_competes(l, old)) return old;
    }
    return NULL;
}

static const found *next_fresh(const look *l, size_t *at)
{
    while (*at < l->count && !l->at[*at].fresh) ++*at;
    return *at < l->count ? &l->at[*at] : NULL;
}

/* What stays and what is new, merged. Returns how many. */
static size_t merge(const look *l, const uint64_t *only, told *out)
{
    size_t i = 0, k = 0, count = 0;
    for (;;) {
        const told  *old = next_kept(l, &i, only);
        const found *fresh = next_fresh(l, &k);
        if (old == NULL && fresh == NULL) return count;
        bool take_old = fresh == NULL || (old != NULL && compare_told(old, &fresh->id) < 0);
        out[count++] = take_old ? *old : fresh->id;
        if (take_old) i++;
        else k++;
    }
}

static crdt_err take_in(crdt_surfaced *s, look *l, const uint64_t *only)
{
    size_t cap = s->count + l->count;
    told  *at = NULL;
    crdt__sort(l->at, l->count, sizeof *l->at, found_order);
    if (cap > 0) {
        at = crdt__alloc(s->mem, cap * sizeof *at);
        if (at == NULL) return CRDT_ENOMEM;
    }
    size_t count = cap > 0 ? merge(l, only, at) : 0;
    crdt__release(s->mem, s->at, s->cap * sizeof *at);
    s->at = at;
    s->count = count;
    s->cap = cap;
    if (l->first == NULL) return CRDT_OK;
    if (s->last != NULL) s->last->next = l->first;
    else s->first = l->first;
    s->last = l->last;
    l->first = NULL;
    return CRDT_OK;
}

static void begin(look *l, const crdt_surfaced *s, const crdt_store *store)
{
    *l = (look){.s = s, .from = {store, NULL}, .gathered.mem = s->mem};
    l->path.keys = l->keys;
}

crdt_err crdt_surfaced_look(crdt_surfaced *surfaced, const crdt_store *store, crdt_view name)
{
    look     l;
    crdt_ref ref;
    uint64_t only = crdt_digest_of(name.data, name.size).lo;
    begin(&l, surfaced, store);
    l.path.name = name;
    crdt_err err = crdt_store_find(store, name, NULL, &ref);
    if (err == CRDT_OK) err = look_at(&l, &ref);
    if (err != CRDT_ENOMEM) err = take_in(surfaced, &l, &only);
    look_free(&l);
    return err;
}

crdt_err crdt_surfaced_look_all(crdt_surfaced *surfaced, const crdt_store *store)
{
    look            l;
    crdt_ref        ref;
    crdt_err        err = CRDT_OK;
    crdt_store_iter it = crdt_store_iterate(store);
    begin(&l, surfaced, store);
    while (err == CRDT_OK && crdt_store_next(&it, &l.path.name, &ref)) err = look_at(&l, &ref);
    if (err == CRDT_OK) err = it.err;
    if (err == CRDT_OK) err = take_in(surfaced, &l, NULL);
    look_free(&l);
    return err;
}

bool crdt_surfaced_next(crdt_surfaced *surfaced, crdt_surfacing *ret_surfacing)
{
    event *e = surfaced->first;
    free_events(surfaced->mem, surfaced->current);
    surfaced->current = e;
    if (e == NULL) return false;
    surfaced->first = e->next;
    e->next = NULL;
    if (surfaced->first == NULL) surfaced->last = NULL;
    told *mine = find(surfaced, &e->id);
    if (mine != NULL) mine->drained = true;
    *ret_surfacing = e->says;
    return true;
}

/* -- Bytes: varint count, then the entries, ascending ------------------------------------------ */

#define ENTRY_BYTES 40u

static void put_digest(crdt_buf *out, crdt_digest digest)
{
    crdt_buf_u64(out, digest.hi);
    crdt_buf_u64(out, digest.lo);
}

crdt_err crdt_surfaced_encode(const crdt_surfaced *surfaced, crdt_buf *out)
{
    size_t count = 0, start = out->size;
    for (size_t i = 0; i < surfaced->count; i++) count += surfaced->at[i].drained;
    crdt_buf_varint(out, count);
    for (size_t i = 0; i < surfaced->count; i++) {
        const told *id = &surfaced->at[i];
        if (!id->drained) continue;
        crdt_buf_u64(out, id->name);
        put_digest(out, id->path);
        put_digest(out, id->set);
    }
    crdt_err err = crdt_buf_status(out);
    if (err != CRDT_OK) out->size = start;
    return err;
}

static crdt_digest get_digest(crdt_dec *dec)
{
    crdt_digest digest;
    digest.hi = crdt_dec_u64(dec);
    digest.lo = crdt_dec_u64(dec);
    return digest;
}

static void get_all(crdt_dec *dec, told *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        at[i].name = crdt_dec_u64(dec);
        at[i].path = get_digest(dec);
        at[i].set = get_digest(dec);
        at[i].drained = true;
        if (i > 0 && compare_told(&at[i - 1], &at[i]) >= 0) {
            crdt_dec_fail(dec, CRDT_EMALFORMED, "surfaced: not in order");
        }
    }
    if (crdt_dec_left(dec) > 0) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "surfaced: something stands behind the end");
    }
}

crdt_err crdt_surfaced_decode(crdt_surfaced *surfaced, crdt_view in, const char **ret_reason)
{
    crdt_limits limits = crdt_limits_default();
    crdt_dec    dec;
    told       *at = NULL;
    crdt_dec_init(&dec, in, &limits);
    size_t   count = crdt_dec_count(&dec, ENTRY_BYTES, "surfaced: too many entries for its size");
    crdt_err err = crdt_dec_status(&dec);
    if (err == CRDT_OK && count > 0) {
        at = crdt__alloc(surfaced->mem, count * sizeof *at);
        if (at == NULL) return CRDT_ENOMEM;
    }
    if (err == CRDT_OK) {
        get_all(&dec, at, count);
        err = crdt_dec_status(&dec);
    }
    if (err != CRDT_OK) {
        if (ret_reason != NULL) *ret_reason = dec.reason;
        crdt__release(surfaced->mem, at, count * sizeof *at);
        return err;
    }
    crdt__release(surfaced->mem, surfaced->at, surfaced->cap * sizeof *at);
    surfaced->at = at;
    surfaced->count = surfaced->cap = count;
    return CRDT_OK;
}
