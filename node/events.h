/* events.h: which changes of keys subscribers are told of, as the letters of Redis'
 * notify-keyspace-events. */
#ifndef NODE_EVENTS_H
#define NODE_EVENTS_H
#include "crdt/buf.h"

/* In the order in which Redis tells them. */
typedef enum events_flag {
    EVENTS_GENERIC = 1,     /* g: DEL, EXPIRE, RENAME ..., and whatever has no class of its own */
    EVENTS_STRING = 2,      /* $ */
    EVENTS_LIST = 4,        /* l */
    EVENTS_SET = 8,         /* s */
    EVENTS_HASH = 16,       /* h */
    EVENTS_ZSET = 32,       /* z */
    EVENTS_EXPIRED = 64,    /* x */
    EVENTS_EVICTED = 128,   /* e: nothing is evicted */
    EVENTS_STREAM = 256,    /* t: there are none */
    EVENTS_MODULE = 512,    /* d: there are none */
    EVENTS_NEW = 1024,      /* n: not told */
    EVENTS_KEYSPACE = 2048, /* K: at __keyspace@0__:KEY, what happened to it */
    EVENTS_KEYEVENT = 4096, /* E: at __keyevent@0__:EVENT, to which key */
    EVENTS_KEY_MISS = 8192, /* m: somebody looked for a key that is not there; not in A */
    EVENTS_ALL = 1023       /* A */
} events_flag;

/* False: a letter is none of "Ag$lshzxeKEtmdn". */
bool events_parse(crdt_view letters, unsigned *ret_flags);
void events_print(unsigned flags, crdt_buf *out);

#endif
