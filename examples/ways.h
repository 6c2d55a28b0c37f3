/* ways.h: three replicas of one object, and the ways between them: what the examples of all types
 * share. docs/TYPES.md shows the part marked "doc". */
#ifndef EXAMPLES_WAYS_H
#define EXAMPLES_WAYS_H
#include <crdt/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* doc: ways */
#define NOW UINT64_C(1700000000000) /* milliseconds; pass the real time */

static inline void ok(crdt_err err)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "%s: %s\n", crdt_err_name(err), crdt_err_text(err));
    exit(1);
}

static inline crdt_txn *begin(crdt_store *store)
{
    crdt_txn *txn;
    ok(crdt_store_begin(store, NOW, &txn));
    return txn;
}

static inline crdt_delta *commit(crdt_store *store)
{
    crdt_delta *delta;
    ok(crdt_store_commit(store, &delta));
    return delta;
}

/* What the network does: bytes out, bytes in, join. Whole states and deltas alike. */
static inline void send(const crdt_store *what, crdt_store *to)
{
    crdt_buf    bytes;
    crdt_store *copy;
    crdt_buf_init(&bytes, NULL);
    ok(crdt_store_encode(what, &bytes));
    ok(crdt_delta_decode(to, crdt_buf_bytes(&bytes), &copy, NULL));
    ok(crdt_store_join(to, copy, NOW));
    crdt_store_free(copy);
    crdt_buf_clear(&bytes);
}

/* What `to` lacks, by its context. */
static inline void send_since(const crdt_store *from, crdt_store *to)
{
    crdt_delta *delta;
    ok(crdt_store_since(from, crdt_store_context(to), &delta));
    send(delta, to);
    crdt_store_free(delta);
}

/* Two deltas as one group. */
static inline void send_group(const crdt_delta *first, const crdt_delta *second, crdt_store *to)
{
    crdt_store *group;
    ok(crdt_store_clone(first, 0, &group));
    ok(crdt_store_merge(group, second));
    send(group, to);
    crdt_store_free(group);
}

/* An operation by its name in the type's table, as a command line or a server would run it. */
static inline crdt_delta *apply(crdt_store *store, const char *name, const crdt_value *args,
                                size_t argc)
{
    const crdt_type *type = crdt_store_solo(store).type;
    for (size_t i = 0; i < type->ops_count; i++) {
        crdt_delta *delta;
        if (strcmp(type->ops[i].name, name) != 0) continue;
        ok(crdt_store_apply(store, NOW, CRDT_SOLO, &type->ops[i], args, argc, &delta));
        return delta;
    }
    return NULL;
}

/* Three replicas of one object. */
static inline void start(const crdt_type *type, crdt_store *r[3])
{
    for (uint64_t i = 0; i < 3; i++) ok(crdt_store_new_solo(type, i + 1, NULL, &r[i]));
}
/* end doc */

static inline bool same_bytes(const crdt_store *a, const crdt_store *b)
{
    crdt_buf x, y;
    crdt_buf_init(&x, NULL);
    crdt_buf_init(&y, NULL);
    ok(crdt_store_encode(a, &x));
    ok(crdt_store_encode(b, &y));
    bool same = crdt_view_compare(crdt_buf_bytes(&x), crdt_buf_bytes(&y)) == 0;
    crdt_buf_clear(&x);
    crdt_buf_clear(&y);
    return same;
}

/* Prints what all three show, after checking that they are the same to the byte. */
static inline void finish(crdt_store *r[3], crdt_delta *d0, crdt_delta *d1)
{
    crdt_ref ref = crdt_store_solo(r[0]);
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    crdt_ref_print(&ref, &text);
    printf("%s: %.*s\n", ref.type->name, (int)text.size, (const char *)text.data);
    if (!same_bytes(r[0], r[1]) || !same_bytes(r[1], r[2])) {
        puts("the replicas differ");
        exit(1);
    }
    crdt_buf_clear(&text);
    crdt_store_free(d0);
    crdt_store_free(d1);
    for (int i = 0; i < 3; i++) crdt_store_free(r[i]);
}

#endif
