/* core/err.c: the texts of errors; views and values and their orders. */
#include <string.h>

#include "crdt/base.h"

const char *crdt_err_text(crdt_err err)
{
    switch (err) {
#define CRDT_ERR(name, number, text) \
    case CRDT_##name:                \
        return text;
#include "crdt/err.def"
#undef CRDT_ERR
    }
    return "unknown error";
}

const char *crdt_err_name(crdt_err err)
{
    switch (err) {
#define CRDT_ERR(name, number, text) \
    case CRDT_##name:                \
        return #name;
#include "crdt/err.def"
#undef CRDT_ERR
    }
    return "E?";
}

crdt_view crdt_text_view(const char *text)
{
    return crdt_view_of(text, strlen(text));
}

int crdt_view_compare(crdt_view a, crdt_view b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int    order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) return order;
    return a.size == b.size ? 0 : a.size < b.size ? -1 : 1;
}

crdt_value crdt_int(int64_t i)
{
    crdt_value v = {CRDT_INT, i, {NULL, 0}};
    return v;
}

crdt_value crdt_bytes(const void *data, size_t size)
{
    crdt_value v = {CRDT_BYTES, 0, {data, size}};
    return v;
}

crdt_value crdt_text(const char *text)
{
    return crdt_bytes(text, strlen(text));
}

int crdt_value_compare(crdt_value a, crdt_value b)
{
    if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
    if (a.kind == CRDT_BYTES) return crdt_view_compare(a.bytes, b.bytes);
    return a.i == b.i ? 0 : a.i < b.i ? -1 : 1;
}
