/* pops.h: what the commands that pop from the first of several keys ask alike, be it of lists
 * (BLPOP, LMPOP, BLMPOP) or of sorted sets (BZPOPMIN, ZMPOP, BZMPOP).
 *
 * They take what is there or wait (blocking.h). Such a command is run again once one of its keys
 * has changed: then what holds another type is passed over, as in Redis. */
#ifndef NODE_POPS_H
#define NODE_POPS_H
#include "node/command.h"

/* The object of this type, if there is something in it. False: there is none, or an error was
 * replied. */
bool pops_find(call *c, crdt_view name, const crdt_type *type, crdt_ref *ret_ref);
/* The first of them that has something. False: none has, or an error was replied. */
bool pops_first(call *c, const crdt_view *keys, size_t count, const crdt_type *type, size_t *ret_i,
                crdt_ref *ret_ref);
/* Seconds as milliseconds, rounded up. False: an error was replied. */
bool pops_timeout(call *c, size_t i, uint64_t *ret_ms);

typedef struct pops {
    const crdt_view *keys;
    size_t           count;
    bool             last; /* from the end that the second word names */
    int64_t          most;
} pops;

/* numkeys key [key ...] first | last [COUNT count], from that argument on; first and last are
 * words. False: an error was replied. */
bool pops_parse(call *c, size_t at, const char *first, const char *last, pops *ret_pops);

#endif
