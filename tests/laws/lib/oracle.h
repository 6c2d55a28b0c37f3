/* oracle.h: what each built-in type means, said of operations and their happens-before alone.
 *
 * Written from the descriptions of the types, by someone else than who wrote them, and naive: no
 * state, no merge, everything is computed anew from the list of events. Sets of events are
 * bitmaps (crdt/laws.h).
 */
#ifndef TESTS_LAWS_LIB_ORACLE_H
#define TESTS_LAWS_LIB_ORACLE_H
#include "crdt/laws.h"

#define CRDT_TYPE(id, name)                                                           \
    void oracle_##name(const crdt_laws_event *events, size_t count, uint64_t present, \
                       crdt_buf *out);
#include "crdt/types.def"
#undef CRDT_TYPE

/* The defaults of the kit for a built-in type, with its oracle and its flags. */
crdt_laws_options oracle_options(const crdt_type *type);

/* -- For the oracles ------------------------------------------------------------------------- */
static inline bool in_set(uint64_t set, size_t i)
{
    return set >> i & 1;
}
/* Is it the operation of this name? */
bool is_op(const crdt_laws_event *e, const char *name);
/* Have they the same first argument? */
bool same_arg(const crdt_laws_event *a, const crdt_laws_event *b);
/* By (stamp, replica, order in the replica). */
bool is_later_write(const crdt_laws_event *events, size_t a, size_t b);
/* Sort values and print them between the brackets. */
void print_values(crdt_value *values, size_t count, const char *open, const char *close,
                  bool unique, crdt_buf *out);

#endif
