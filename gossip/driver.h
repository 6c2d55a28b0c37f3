/* driver.h: the small loop around an engine: bytes in, bytes out.
 *
 * It owns one codec per link, encodes and decodes messages, hands entries to a gossip_persist and
 * tells the engine when they are durable. Whoever embeds the engine brings a gossip_transport (and,
 * if the store is to outlive the process, a gossip_persist: gossip/disk.h), calls
 * gossip_driver_receive for what comes and gossip_driver_run when its time has come. See
 * examples/embed.c: two nodes over pipes in about 60 lines.
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

/* engine, transport and persist (NULL: nothing is kept; durable at once) are borrowed. Errors:
 * ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_driver_new(gossip_engine          *engine,
                                                    const gossip_transport *transport,
                                                    const gossip_persist   *persist,
                                                    const crdt_mem         *mem,
                                                    gossip_driver         **ret_driver);
CRDT_API void                     gossip_driver_free(gossip_driver *driver);

/* Bytes came; `from` is the transport's token for an answer. Damaged bytes are counted and dropped.
 * Errors: ENOMEM (as if they were lost). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_driver_receive(gossip_driver *driver, gossip_time now,
                                                        uint64_t ms, crdt_view bytes,
                                                        uint64_t from);
/* Do what the engine wants done: persist, sync once, then send. Call after each batch of receives
 * and writes, and at gossip_engine_deadline. What the disk refuses is kept and tried again at the
 * next call; meanwhile the engine is read only. Errors: ENOMEM, EIO (as just said). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_driver_run(gossip_driver *driver, gossip_time now,
                                                    uint64_t ms);
/* Notices, oldest first; false: none is left. name is borrowed until the next call. */
CRDT_API bool gossip_driver_notice(gossip_driver *driver, gossip_action *ret_notice);
/* When run should be called at the latest. */
CRDT_API gossip_time gossip_driver_deadline(const gossip_driver *driver);

#ifdef __cplusplus
}
#endif
#endif
