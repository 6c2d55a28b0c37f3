/* queue.h: what will happen: events by virtual time, those of one time in the order of their
 * coming. A binary heap. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum event_kind {
    EVENT_MESSAGE, /* bytes arrive at a node */
    EVENT_WAKE,    /* a node's deadline */
    EVENT_PLAN,    /* the next event of the plan */
    EVENT_END,     /* a fault ends */
    EVENT_LOOK     /* the checkers look around */
} event_kind;

typedef struct message {
    uint32_t from, to;
    bool     reply;
    size_t   size;
    uint8_t  bytes[];
} message;

typedef struct event {
    uint64_t   at, order;
    event_kind kind;
    uint32_t   node; /* WAKE; END: whose */
    uint32_t   what; /* END: index in the plan */
    message   *message;
} event;

typedef struct queue {
    event   *heap;
    size_t   count, cap;
    uint64_t order;
} queue;

void queue_push(queue *q, event e); /* sets e.order */
/* False: nothing is left. */
bool queue_pop(queue *q, event *ret_event);
/* When the next one is; UINT64_MAX: none. */
uint64_t queue_next(const queue *q);
void     queue_clear(queue *q); /* frees messages, keeps memory */
void     queue_free(queue *q);

#endif
