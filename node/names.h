/* names.h: what clients call themselves. */
#ifndef NODE_NAMES_H
#define NODE_NAMES_H
#include "node/command.h"

/* The Redis whose replies these are. */
#define NODE_REDIS_VERSION "7.0.15"

/* Keep a copy of the bytes as *name, NULL if there are none. They must be printable ASCII without
 * blanks: else false, and an error that begins with `what` ("Client names") was replied. */
bool names_set(call *c, char **name, crdt_view bytes, const char *what);
void names_clear(char **name);
/* Byte for byte. */
bool names_equal(crdt_view bytes, const char *text);

#endif
