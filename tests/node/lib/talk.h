/* talk.h: a client of a node that shows each reply as text, RESP2 and RESP3, so that tests can say
 * what they expect in one line.
 *
 *      talk *t = talk_new(port);
 *      talk_say(t, "HELLO 3 SETNAME me")      {'server': 'redis', ...}
 *      talk_say(t, "SMEMBERS 'a key'")        ~['x', 'y']
 *
 * Shapes   +OK  -ERR ...  :5  'bulk'  nil  nil[]  [1, 2]  ~[set]  {key: value}  ,1.5  #t  (big
 *          txt:'verbatim'  >[push]; and "closed", if the connection is.
 */
#ifndef TESTS_NODE_LIB_TALK_H
#define TESTS_NODE_LIB_TALK_H
#include <stddef.h>
#include <stdint.h>

typedef struct talk talk;

/* To 127.0.0.1. NULL: no connection. */
talk *talk_new(uint16_t port);
void  talk_free(talk *t); /* NULL is fine */
/* Send the words of the line ('...' is one word), read one reply; valid until the next call. */
const char *talk_say(talk *t, const char *line);
/* Send without reading; read without sending. */
void        talk_send(talk *t, const char *line);
const char *talk_read(talk *t);
/* The bytes, as they are. */
void talk_raw(talk *t, const void *bytes, size_t size);

#endif
