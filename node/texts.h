/* texts.h: what all commands of texts need: node/texts.c, node/pasts.c. */
#ifndef NODE_TEXTS_H
#define NODE_TEXTS_H
#include "crdt/types.h"
#include "node/command.h"

typedef struct text_args {
    crdt_unit unit;
    size_t    count; /* of arguments before UNIT */
} text_args;

/* The unit that is asked for by the last two arguments. False: an error was replied. */
bool text_unit(call *c, text_args *o);
/* What is there under the name: *ret_there false, if nothing. False: an error was replied. */
bool text_find(call *c, crdt_ref *ret_text, bool *ret_there);
/* The reply for an error of the library. False: there was none. */
bool text_fails(call *c, const text_args *o, crdt_err err);

#endif
