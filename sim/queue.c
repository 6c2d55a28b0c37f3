/* queue.c: see queue.h. */
#include "sim/queue.h"

#include <stdlib.h>

#include "sim/must.h"

static bool before(const event *a, const event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void queue_push(queue *q, event e)
{
    if (q->count == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 256;
        q->heap = must_resize(q->heap, q->cap * sizeof *q->heap);
    }
    e.order = q->order++;
    size_t at = q->count++;
    while (at > 0 && before(&e, &q->heap[(at - 1) / 2])) {
        q->heap[at] = q->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    q->heap[at] = e;
}

bool queue_pop(queue *q, event *ret_event)
{
    if (q->count == 0) return false;
    *ret_event = q->heap[0];
    event  last = q->heap[--q->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= q->count) break;
        if (child + 1 < q->count && before(&q->heap[child + 1], &q->heap[child])) child++;
        if (!before(&q->heap[child], &last)) break;
        q->heap[at] = q->heap[child];
        at = child;
    }
    q->heap[at] = last;
    return true;
}

uint64_t queue_next(const queue *q)
{
    return q->count ? q->heap[0].at : UINT64_MAX;
}

void queue_clear(queue *q)
{
    for (size_t i = 0; i < q->count; i++) free(q->heap[i].message);
    q->count = 0;
    q->order = 0;
}

void queue_free(queue *q)
{
    queue_clear(q);
    free(q->heap);
    *q = (queue){0};
}
