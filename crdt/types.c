/* types.c: the registry, made from types.def. */
#include "crdt/types.h"

static const crdt_type *const builtin_list[] = {
#define CRDT_TYPE(id, name) &crdt_##name##_type,
#include "crdt/types.def"
#undef CRDT_TYPE
};

static const crdt_types builtin = {builtin_list, sizeof builtin_list / sizeof builtin_list[0]};

const crdt_types *crdt_types_builtin(void)
{
    return &builtin;
}
