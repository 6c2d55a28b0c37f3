/* stores.c: see stores.h. */
#include "tests/lib/stores.h"

#include <stdarg.h>
#include <string.h>

#include "tests/lib/t.h"

crdt_view name_of(const char *text)
{
    return crdt_text_view(text);
}

crdt_store *store_of(uint64_t replica)
{
    crdt_options o = crdt_options_default(replica, crdt_types_builtin());
    crdt_store  *store;
    o.track_changes = true;
    CHECK_OK(crdt_store_new(&o, &store));
    return store;
}

crdt_store *solo_of(const crdt_type *type, uint64_t replica)
{
    crdt_store *store;
    CHECK_OK(crdt_store_new_solo(type, replica, NULL, &store));
    return store;
}

crdt_txn *begin(crdt_store *store)
{
    crdt_txn *txn;
    CHECK_OK(crdt_store_begin(store, NOW, &txn));
    return txn;
}

crdt_delta *commit(crdt_store *store)
{
    crdt_delta *delta;
    CHECK_OK(crdt_store_commit(store, &delta));
    return delta;
}

crdt_delta *apply(crdt_store *store, const char *name, const crdt_type *type, const char *op, ...)
{
    crdt_value     args[CRDT_OP_ARGS_MAX];
    const crdt_op *found = crdt_type_op(type, op);
    CHECK_MSG(found != NULL, "%s has no operation %s", type->name, op);
    va_list list;
    va_start(list, op);
    size_t argc = strlen(found->args);
    for (size_t i = 0; i < argc; i++) {
        bool text = strchr("vbdr", found->args[i]) != NULL;
        args[i] = text ? crdt_text(va_arg(list, const char *)) : crdt_int(va_arg(list, int));
    }
    va_end(list);
    crdt_delta *delta;
    CHECK_OK(crdt_store_apply(store, NOW, name_of(name), found, args, argc, &delta));
    return delta;
}

void join(crdt_store *store, const crdt_store *other)
{
    CHECK_OK(crdt_store_join(store, other, NOW));
}

void remove_name(crdt_store *store, const char *name)
{
    CHECK_OK(crdt_txn_remove(begin(store), name_of(name)));
    crdt_store_free(commit(store));
}

const char *shown(const crdt_store *store, const char *name)
{
    static char text[1024];
    crdt_ref    ref;
    crdt_err    err = crdt_store_find(store, name_of(name), NULL, &ref);
    if (err != CRDT_OK) return crdt_err_name(err);
    crdt_buf buf;
    crdt_buf_init(&buf, NULL);
    crdt_ref_print(&ref, &buf);
    CHECK_OK(crdt_buf_status(&buf));
    CHECK(buf.size < sizeof text);
    memcpy(text, buf.data, buf.size);
    text[buf.size] = '\0';
    crdt_buf_clear(&buf);
    return text;
}

bool same_bytes(const crdt_store *a, const crdt_store *b)
{
    crdt_buf x, y;
    crdt_buf_init(&x, NULL);
    crdt_buf_init(&y, NULL);
    CHECK_OK(crdt_store_encode(a, &x));
    CHECK_OK(crdt_store_encode(b, &y));
    bool same = crdt_view_compare(crdt_buf_bytes(&x), crdt_buf_bytes(&y)) == 0;
    crdt_buf_clear(&x);
    crdt_buf_clear(&y);
    return same;
}

crdt_store *recoded(const crdt_store *store)
{
    crdt_buf    buf;
    crdt_store *copy;
    const char *reason = "";
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_store_encode(store, &buf));
    crdt_err err = crdt_delta_decode(store, crdt_buf_bytes(&buf), &copy, &reason);
    CHECK_MSG(err == CRDT_OK, "%s: %s", crdt_err_name(err), reason);
    crdt_buf_clear(&buf);
    return copy;
}

size_t encoded_size(const crdt_store *store)
{
    crdt_buf buf;
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_store_encode(store, &buf));
    size_t size = buf.size;
    crdt_buf_clear(&buf);
    return size;
}

void check_store(const crdt_store *store)
{
    const char *reason = "";
    bool        ok = crdt_store_check(store, &reason);
    CHECK_MSG(ok, "%s", reason);
}

void free_all(crdt_store *a, ...)
{
    va_list list;
    va_start(list, a);
    for (crdt_store *s = a; s != NULL; s = va_arg(list, crdt_store *)) crdt_store_free(s);
    va_end(list);
}
