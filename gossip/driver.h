/* driver.h: the small loop around an engine: bytes in, bytes out.
 *
 * It owns one codec per link, encodes and decodes messages, hands entries to a gossip_persist and
 * tells the engine when they are durable. Whoever embeds the engine brings a gossip_transport (and,
 * if the store is to outlive the process, a gossip_persist: gossip/disk.h), calls
 * gossip_driver_receive for what comes and gossip_driver_run when its time has come. See
 * examples/embed.c: two nodes over pipes.
 *
 * Replies  go back by the token that their request came with. Of a request that is not answered the
 *          token is forgotten in time.
 * Disk     what it refuses waits in memory, or, beyond 16 MiB, is left to a snapshot of everything.
 *          Meanwhile the engine is read only, and each run tries again.
 */
#ifndef GOSSIP_DRIVER_H
#define GOSSIP_DRIVER_H
#include "gossip/engine.h"
#include "gossip/persist.h"
#include "gossip/transport.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct gossip_driver gossip_driver;

/* engine is borrowed; the tables are copied, what they point to is borrowed. persist NULL: nothing
 * is kept; all is durable at once. Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_driver_new(gossip_engine          *engine,
                                                    const gossip_transport *transport,
                                                    const gossip_persist   *persist,
                                                    const crdt_mem         *mem,
                                                    gossip_driver         **ret_driver);
CRDT_API void                     gossip_driver_free(gossip_driver *driver); /* NULL is fine */

/* Bytes came; `from` is the transport's token for an answer. Damaged bytes are counted and dropped.
 * It may send, and append to the disk, but syncs nothing. Errors: ENOMEM, EBUSY (a transaction is
 * open), EINVAL (ms beyond CRDT_CLOCK_MS_MAX): as if they were lost. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_driver_receive(gossip_driver *driver, gossip_time now,
                                                        uint64_t ms, crdt_view bytes,
                                                        uint64_t from);
/* The transport has given up on a request that it was given with this `from`: the engine need not
 * wait for its own timeout. */
CRDT_API void gossip_driver_lost(gossip_driver *driver, gossip_time now, uint64_t from);
/* Do what the engine wants done: persist, sync once, then send. Call after each batch of receives
 * and writes, and at gossip_driver_deadline. What the disk refuses is kept and tried again at the
 * next call; meanwhile the engine is read only. Errors: EIO (as just said), ENOMEM (something was
 * not sent, or waits), EBUSY (a transaction is open: nothing was done but sending). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_driver_run(gossip_driver *driver, gossip_time now,
                                                    uint64_t ms);
/* Write a snapshot of everything, so that the log on disk can begin anew: a slice each of the next
 * runs, as the deadline tells. run begins one by itself once 64 MiB and as much as the last
 * snapshot took were appended; call this after a start that found a long log. What cannot be
 * written is tried again when as much was appended. Errors: EIO (the disk takes nothing now). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_driver_checkpoint(gossip_driver *driver, gossip_time now);
/* Notices, oldest first; false: none is left. name is borrowed until the next call on the driver.
 * The newest 2,048 are kept; where memory is refused, the newest 16 at least, except a DIFFERS with
 * a name longer than 64 bytes. */
CRDT_API bool gossip_driver_notice(gossip_driver *driver, gossip_action *ret_notice);
/* When run should be called at the latest. */
CRDT_API gossip_time gossip_driver_deadline(const gossip_driver *driver);

#ifdef __cplusplus
}
#endif
#endif
