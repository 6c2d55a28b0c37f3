/* pubsub.h: channels and patterns that clients have subscribed to, and what is said there.
 *
 * A message goes behind what its subscriber has still to get; whoever reads too slowly is closed by
 * the limits for subscribers (pubsub-output-buffer-limit), and nobody waits for it.
 *
 * What is published goes to peers (publish-to-peers), best effort, as what engines say to each
 * other: gossip_engine_say. So it comes once, and behind what the node that said it had seen.
 */
#ifndef NODE_PUBSUB_H
#define NODE_PUBSUB_H
#include "node/command.h"

static inline size_t pubsub_count(const client *c)
{
    return c->channels.count + c->patterns.count;
}
/* In RESP2 replies and messages look alike: a subscriber may say little. */
static inline bool pubsub_only(const client *c)
{
    return c->reply.protocol < 3 && pubsub_count(c) > 0;
}
/* To all subscribers of this node. How many got it. kept: it tells of what was written in this
 * turn, so it goes out with the replies to that. */
int64_t pubsub_tell(node *n, crdt_view channel, crdt_view message, bool kept);
/* The same, and to peers; how many here got it. */
int64_t pubsub_publish(node *n, crdt_view channel, crdt_view message);
/* What was published in this turn goes to peers, as an entry, or several. */
void pubsub_say(node *n);
/* What peers have published goes to the subscribers here. */
void pubsub_hear(node *n);
/* The client has subscribed to nothing any more. */
void pubsub_leave(client *c);

#endif
