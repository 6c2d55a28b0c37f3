/* store/registry.c: looking types up in a list. */
#include <string.h>

#include "crdt/type.h"

const crdt_type *crdt_types_by_id(const crdt_types *types, uint16_t id)
{
    for (size_t i = 0; types != NULL && i < types->count; i++) {
        if (types->list[i]->id == id) return types->list[i];
    }
    return NULL;
}

const crdt_type *crdt_types_by_name(const crdt_types *types, const char *name)
{
    for (size_t i = 0; types != NULL && i < types->count; i++) {
        if (strcmp(types->list[i]->name, name) == 0) return types->list[i];
    }
    return NULL;
}

const crdt_op *crdt_type_op(const crdt_type *type, const char *name)
{
    for (size_t i = 0; i < type->ops_count; i++) {
        if (strcmp(type->ops[i].name, name) == 0) return &type->ops[i];
    }
    return NULL;
}
