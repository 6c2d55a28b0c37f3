/* deadline.h: expiry times as commands give them, and what they do to a name. */
#ifndef NODE_DEADLINE_H
#define NODE_DEADLINE_H
#include "node/command.h"

typedef enum deadline_form { DEADLINE_EX, DEADLINE_PX, DEADLINE_EXAT, DEADLINE_PXAT } deadline_form;

/* The argument is EX, PX, EXAT or PXAT. */
bool deadline_word(const call *c, size_t i, deadline_form *ret_form);
/* The argument as a deadline in ms since 1970; false: an error was replied (not an integer; not
 * positive, or beyond what can be told: "invalid expire time in '...' command"). */
bool deadline_parse(call *c, size_t i, deadline_form form, int64_t *ret_ms);
/* The name, which shows in the call's transaction, has this deadline from now on. A deadline that
 * has passed removes it. False: an error was replied. */
bool deadline_set(call *c, crdt_view name, int64_t ms);
/* The same for a name that is written anew with the deadline that it had, which is to come: nothing
 * that anybody is told of. */
bool deadline_keep(call *c, crdt_view name, int64_t ms);
/* It has none: as its writer says who sets it anew. Costs nothing for a name without. */
bool deadline_clear(call *c, crdt_view name);
/* It has none, whatever others set at the same time (PERSIST). */
bool deadline_persist(call *c, crdt_view name);

#endif
