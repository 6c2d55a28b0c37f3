/* What has scores, as a state, by operations and by deltas; the other types are in types.c.
 * docs/TYPES.md shows the parts marked "doc". */
#include <crdt/types.h>
#include <stdio.h>
#include <stdlib.h>

#include "ways.h"

/* doc: zset */
static void zset(void)
{
    crdt_store     *r[3];
    crdt_zset_item *items;
    size_t          count;
    crdt_view       ann = crdt_text_view("ann"), bob = crdt_text_view("bob");
    start(&crdt_zset_type, r);
    ok(crdt_zset_add(begin(r[0]), CRDT_SOLO, ann, 10));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_zset_incr(begin(r[0]), CRDT_SOLO, ann, 5, NULL)); /* at the same time ... */
    crdt_delta *five = commit(r[0]);
    crdt_txn   *txn = begin(r[1]);
    ok(crdt_zset_incr(txn, CRDT_SOLO, ann, 0.5, NULL));
    ok(crdt_zset_add(txn, CRDT_SOLO, bob, 12));
    crdt_delta *half = commit(r[1]);

    send(five, r[1]);             /* as an operation */
    send_since(r[1], r[0]);       /* as a delta: what r[0] lacks */
    send_group(five, half, r[2]); /* as a delta: a group */
    ok(crdt_zset_range(crdt_store_solo(r[2]), 1, 1, NULL, &items, &count));
    printf("zset: the highest is %.*s\n", (int)items[0].member.size,
           (const char *)items[0].member.data);
    crdt_zset_items_free(NULL, items, count);
    finish(r, five, half); /* increments add up */
}
/* end doc */

/* doc: score */
static void score(void)
{
    crdt_store *r[3];
    double      now;
    start(&crdt_score_type, r);
    ok(crdt_score_set(begin(r[0]), CRDT_SOLO, 1.5));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_score_raise(begin(r[0]), CRDT_SOLO, 4)); /* at the same time ... */
    crdt_delta *raised = commit(r[0]);
    ok(crdt_score_incr(begin(r[1]), CRDT_SOLO, 0.25, &now));
    crdt_delta *incr = commit(r[1]);
    if (now != 1.75) exit(1);

    send(raised, r[1]);             /* as an operation */
    send_since(r[1], r[0]);         /* as a delta: what r[0] lacks */
    send_group(raised, incr, r[2]); /* as a delta: a group */
    finish(r, raised, incr);        /* what the raise had not seen counts */
}
/* end doc */

int main(void)
{
    zset();
    score();
    return 0;
}
