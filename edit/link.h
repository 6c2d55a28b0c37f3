/* link.h: a connection to a node that nobody waits for: commands go out, and replies come in, when
 * poll(2) says that they can. RESP2, by hiredis. Once lost it is opened again, later and later. */
#ifndef EDIT_LINK_H
#define EDIT_LINK_H
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define LINK_RETRY_MS 2000u /* at most so long after it was lost */

typedef enum link_state { LINK_OFF, LINK_OPENING, LINK_ON } link_state;

/* Zeros: off. */
typedef struct link_to {
    redisContext *redis;
    link_state    state;
    bool          unwritten; /* something is to be sent */
    uint64_t      retry_ms;  /* not opened before */
    uint32_t      pause_ms;
    char          problem[160]; /* why it is off */
} link_to;

/* Begin to open it, if it is off and its time has come. */
void link_open(link_to *l, const char *host, int port, uint64_t now_ms);
/* It is off, and why; problem NULL: by us. */
void link_lose(link_to *l, const char *problem, uint64_t now_ms);
void link_close(link_to *l);
/* What poll(2) is to look for. False: it is off. */
bool link_poll(const link_to *l, struct pollfd *ret);
/* What it has found. */
void link_handle(link_to *l, short events, uint64_t now_ms);
void link_say(link_to *l, size_t count, const char *const *words, const size_t *sizes);
/* The next reply, to be freed with freeReplyObject; NULL: none has come. */
redisReply *link_hear(link_to *l, uint64_t now_ms);

#endif
