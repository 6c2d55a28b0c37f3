/* client.h: one connection of a Redis client: what came, what goes back. */
#ifndef NODE_CLIENT_H
#define NODE_CLIENT_H
#include "node/node.h"
#include "node/reply.h"
#include "node/resp.h"

/* What a connection waits for; meanwhile no more of its requests are run. */
typedef enum client_wait_kind {
    CLIENT_WAITS_HOLDERS, /* WAIT: so many nodes hold what it wrote; or until then */
    CLIENT_WAITS_DIFF,    /* CRDT.DIFF: node/diff.c ends it */
    CLIENT_WAITS_KEYS,    /* BLPOP and its like: node/blocking.c ends it */
    CLIENT_WAITS_NO_MORE  /* CLIENT UNBLOCK id ERROR */
} client_wait_kind;

typedef struct client_wait {
    client_wait_kind kind;
    uint32_t         nodes;
    gossip_time      until;      /* GOSSIP_NEVER: for ever */
    bool             on, silent; /* silent: CLIENT REPLY said that no reply is sent */
} client_wait;

struct client {
    uv_tcp_t       tcp;
    node          *node;
    client        *previous, *next, *next_dirty;
    uint64_t       id, since_ms, last_ms, commands;
    resp_parser    parser;
    crdt_buf       in; /* came and not consumed, from in_at on */
    size_t         in_at;
    crdt_buf       out;           /* replies of this turn */
    uint64_t       soft_since_ms; /* its replies are beyond the soft limit since; 0: they are not */
    size_t         writing; /* bytes handed to the kernel's queue by uv_write, not yet taken */
    reply          reply;
    bool           authed, dirty, wrote, closing, closed, ending, reading; /* ending: closes once
                                                          written; wrote: in this turn */
    bool           noreply;                                                /* CLIENT REPLY OFF */
    uint8_t        skip;     /* CLIENT REPLY SKIP: so many replies from this one on are not sent */
    const command *last;     /* that ran */
    const command *last_sub; /* which of its subs; NULL: none */
    crdt_dot       written;  /* by its last write */
    client_wait    wait;
    struct blocked *blocked;    /* what it waits for: node/blocking.c */
    client         *next_woken; /* of those that it let go */
    char            peer[64], local[64], *name, *library, *library_version;
};

/* Take a connection that waits at the listener. */
void client_accept(node *n, uv_stream_t *listener);
/* Replies of this turn are written; `held`: not of those who have written in it. */
void client_flush_all(node *n);
/* No more is read; closes once its replies are written. */
void client_end(client *c);
/* At once, with what it had to get. */
void client_close(client *c);
/* How many nodes hold what it wrote; if it wrote nothing, how many are linked. */
uint32_t client_holders(const client *c);
/* From now on it waits. */
void client_begin_wait(client *c, client_wait_kind kind, uint32_t nodes, gossip_time until);
/* It got its reply, from reply_at in out on: on with its next requests. */
void client_end_wait(client *c, size_t reply_at);
/* Once a second: those that are silent, or read too slowly, for too long are closed. */
void client_second(node *n);
/* Those that wait (WAIT) and can go on. */
void client_wake_waiting(node *n);
/* When the first of them gives up. */
gossip_time client_deadline(const node *n);
client     *client_by_id(node *n, uint64_t id);
/* Go on with what is unread: after WAIT. */
void client_go_on(client *c);
void client_mark_dirty(client *c);

#endif
