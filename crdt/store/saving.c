/* store/saving.c: the bytes of a state a slice at a time, while the store is written to.
 *
 * They are exactly those of the moment at which it began. Objects are told of in key order, each as
 * it is when its turn comes; one that is about to change before its turn is put aside first, as
 * bytes (crdt__object_before: whoever changes an object calls it). So nothing is copied but what
 * changes meanwhile. The ids that the bytes need are those of the context: a state holds no dot
 * beyond it.
 */
#include <string.h>

#include "crdt/store/impl.h"

/* An object as it was; size 0: it was not there. */
typedef struct aside {
    crdt__okey    key;
    size_t        size;
    unsigned char bytes[]; /* of the name, then what stands for it */
} aside;

struct crdt__saving {
    crdt_replicas ids;
    crdt__omap    aside; /* whose turn has not come */
    crdt_buf      next;  /* name of the first object whose turn has not come, with type */
    uint32_t      type;
    uint64_t      all, left; /* objects; those that are to come */
    uint64_t      bytes;     /* of those told of */
    bool          failed;
};

static size_t aside_bytes(const aside *a)
{
    return sizeof *a + a->key.bytes.size + a->size;
}

static void let_go(const crdt_store *store, aside *a)
{
    crdt__release(store->space.mem, a, aside_bytes(a));
}

void crdt_store_save_end(crdt_store *store)
{
    crdt__saving *s = store->saving;
    if (s == NULL) return;
    crdt__omap_iter it = crdt__omap_first(&s->aside);
    aside          *a = crdt__omap_next(&it);
    while (a != NULL) {
        aside *after = crdt__omap_next(&it);
        let_go(store, a);
        a = after;
    }
    crdt__omap_clear(&s->aside);
    crdt_replicas_clear(&s->ids);
    crdt_buf_clear(&s->next);
    crdt__release(store->space.mem, s, sizeof *s);
    store->saving = NULL;
}

/* Objects that are empty stay only while they are on the list of changes. */
static uint64_t count_listed(const crdt_store *store)
{
    uint64_t count = store->objects.count;
    for (const crdt__object *o = store->changes; o != NULL; o = o->next_change) {
        count -= crdt__object_is_empty(o);
    }
    const crdt__object *told = store->reported;
    return told != NULL && crdt__object_is_empty(told) ? count - 1 : count;
}

crdt_err crdt_store_save_begin(crdt_store *store, crdt_buf *out)
{
    if (store->kind != CRDT__STATE || store->only != NULL) return CRDT_EINVAL;
    if (store->txn.delta != NULL || store->saving != NULL) return CRDT_EBUSY;
    if (store->origins != NULL && store->origins->count > 0) return CRDT_ETYPE;
    crdt_err err = crdt__objects_ready(store);
    if (err != CRDT_OK) return err;
    const crdt_mem *mem = store->space.mem;
    crdt__saving   *s = crdt__alloc(mem, sizeof *s);
    if (s == NULL) return CRDT_ENOMEM;
    memset(s, 0, sizeof *s);
    crdt_replicas_init(&s->ids, mem);
    crdt__omap_init(&s->aside, mem);
    crdt_buf_init(&s->next, mem);
    store->saving = s;
    crdt_context_mark(&store->context, &s->ids);
    err = crdt_replicas_seal(&s->ids);
    size_t start = out->size;
    if (err == CRDT_OK) {
        crdt_enc enc = {out, &s->ids, true};
        s->all = s->left = count_listed(store);
        crdt__encode_head(store, &enc, s->left);
        err = crdt_buf_status(out);
    }
    if (err == CRDT_OK) return err;
    if (out->size > start) out->size = start;
    crdt_store_save_end(store);
    return err;
}

/* -- What changes meanwhile -------------------------------------------------------------------- */

static int compare_to_next(const crdt__saving *s, const crdt__okey *key)
{
    int order = crdt_view_compare(key->bytes, crdt_buf_bytes(&s->next));
    if (order != 0) return order;
    return key->minor < s->type ? -1 : key->minor > s->type;
}

void crdt__saving_keep(crdt_store *store, const crdt__okey *key, const crdt__object *o)
{
    crdt__saving *s = store->saving;
    crdt_view     name = key->bytes;
    if (s->failed || compare_to_next(s, key) < 0) return;
    if (crdt__omap_get(&s->aside, name, key->minor) != NULL) return;
    crdt_buf bytes;
    crdt_enc enc = {&bytes, &s->ids, true};
    crdt_buf_init(&bytes, store->space.mem);
    if (o != NULL && !crdt__object_is_empty(o)) crdt__encode_object(o, &enc);
    aside *a =
        bytes.failed ? NULL : crdt__alloc(store->space.mem, sizeof *a + name.size + bytes.size);
    s->failed = a == NULL;
    if (a != NULL) {
        memset(a, 0, sizeof *a);
        a->key.bytes = crdt_view_of(a->bytes, name.size);
        a->key.minor = key->minor;
        a->size = bytes.size;
        if (name.size > 0) memcpy(a->bytes, name.data, name.size);
        if (bytes.size > 0) memcpy(a->bytes + name.size, bytes.data, bytes.size);
        s->failed = crdt__omap_put(&s->aside, a) != CRDT_OK;
        if (s->failed) let_go(store, a);
    }
    crdt_buf_clear(&bytes);
}

/* -- Slices ------------------------------------------------------------------------------------ */

/* The next turn is that of what follows this key. Errors: ENOMEM. */
static crdt_err pass(crdt__saving *s, const crdt__okey *key)
{
    crdt_buf_reset(&s->next);
    crdt_buf_put(&s->next, key->bytes.data, key->bytes.size);
    s->type = key->minor + 1;
    return crdt_buf_status(&s->next);
}

typedef struct slice {
    crdt__omap_iter     objects, aside;
    const crdt__object *object; /* the next of each */
    const struct aside *was;
} slice;

static slice slice_of(const crdt_store *store)
{
    const crdt__saving *s = store->saving;
    slice               l;
    l.objects = crdt__omap_seek(&store->objects, crdt_buf_bytes(&s->next), s->type);
    l.aside = crdt__omap_seek(&s->aside, crdt_buf_bytes(&s->next), s->type);
    l.object = crdt__omap_next(&l.objects);
    l.was = crdt__omap_next(&l.aside);
    return l;
}

static int compare_keys(const crdt__okey *a, const crdt__okey *b)
{
    int order = crdt_view_compare(a->bytes, b->bytes);
    if (order != 0) return order;
    return a->minor < b->minor ? -1 : a->minor > b->minor;
}

/* One object of those whose turn it is; NULL: there is none. */
static const crdt__okey *put_next(crdt__saving *s, slice *l, crdt_enc *enc)
{
    const crdt__okey *key;
    if (l->object == NULL && l->was == NULL) return NULL;
    int  order = l->object == NULL ? 1
                 : l->was == NULL  ? -1
                                   : compare_keys(&l->object->key, &l->was->key);
    bool some;
    if (order < 0) {
        key = &l->object->key;
        some = !crdt__object_is_empty(l->object);
        if (some) crdt__encode_object(l->object, enc);
    } else {
        key = &l->was->key;
        some = l->was->size > 0;
        crdt_buf_put(enc->out, l->was->bytes + l->was->key.bytes.size, l->was->size);
        l->was = crdt__omap_next(&l->aside);
    }
    if (order <= 0) l->object = crdt__omap_next(&l->objects);
    s->left -= some;
    return key;
}

/* What was put aside and is behind us goes. */
static void forget_passed(crdt_store *store)
{
    crdt__saving *s = store->saving;
    for (;;) {
        crdt__omap_iter it = crdt__omap_first(&s->aside);
        aside          *a = crdt__omap_next(&it);
        if (a == NULL || compare_to_next(s, &a->key) >= 0) return;
        (void)crdt__omap_remove(&s->aside, a->key.bytes, a->key.minor);
        let_go(store, a);
    }
}

/* Room for what is to come, if objects go on as they were: bytes that double when they are full are
 * copied, which takes longer than many slices. Without memory: as it comes. */
static void foresee(const crdt__saving *s, size_t step, crdt_buf *out)
{
    uint64_t told = s->all - s->left;
    if (told == 0 || s->left == 0 || out->cap - out->size >= 2 * step) return;
    double more = (double)s->bytes / (double)told * (double)s->left * 1.125 + 2.0 * (double)step;
    if (more >= (double)(SIZE_MAX / 4)) return;
    (void)crdt_buf_reserve(out, (size_t)more);
    out->failed = false;
}

crdt_err crdt_store_save_slice(crdt_store *store, size_t objects, size_t bytes, crdt_buf *out,
                               bool *ret_done)
{
    crdt__saving *s = store->saving;
    if (s == NULL) return CRDT_EINVAL;
    if (store->txn.delta != NULL) return CRDT_EBUSY;
    if (s->failed) return CRDT_ENOMEM;
    slice             l = slice_of(store);
    crdt_enc          enc = {out, &s->ids, true};
    size_t            start = out->size;
    const crdt__okey *key = NULL, *last = NULL;
    uint64_t          left = s->left;
    for (size_t i = 0; i < objects && out->size - start < bytes && !out->failed; i++) {
        key = put_next(s, &l, &enc);
        if (key == NULL) break;
        last = key;
    }
    *ret_done = l.object == NULL && l.was == NULL;
    crdt_err err = crdt_buf_status(out);
    if (err == CRDT_OK && last != NULL) err = pass(s, last);
    if (err == CRDT_OK && *ret_done && s->left != 0) err = CRDT_EINVAL; /* an empty one was left */
    if (err != CRDT_OK) { /* where it stands may be lost */
        if (out->size > start) out->size = start;
        s->left = left;
        s->failed = true;
        return err;
    }
    forget_passed(store);
    s->bytes += out->size - start;
    foresee(s, out->size - start, out);
    return CRDT_OK;
}
