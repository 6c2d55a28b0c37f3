/* gossip.h: replication of a crdt_store between processes, for services that embed it.
 *
 * You bring what carries bytes (gossip/transport.h: a send function), the time, random numbers, and
 * a directory if the store is to outlive the process. There are no threads, no sockets and no
 * callbacks but that one function; all calls of one engine, its store, driver and disk are made by
 * one thread at a time.
 *
 *      your program ---- gossip_engine_write, crdt_orset_add ..., gossip_engine_commit
 *           |
 *      gossip_driver  -- bytes to messages and back (gossip/wire.h)
 *        |      |  \
 *        |      |   gossip_transport    yours
 *        |      gossip_persist          gossip/disk.h, yours, or none
 *      gossip_engine  -- what to say to whom (gossip/engine.h)
 *        |
 *      crdt_store     -- what there is (crdt/store.h): read it whenever you like
 *
 * A run without a disk (examples/embed.c):
 *
 *      crdt_store_new          with 64 random bits as replica id
 *      gossip_engine_new       with other random bits as boot and seed
 *      gossip_driver_new       with your transport
 *      gossip_engine_add_peer  for each address that you know
 *      then, for ever:
 *          gossip_driver_receive   for each message that has come
 *          gossip_engine_write ... gossip_engine_commit, as often as you like
 *          gossip_driver_run       then, and at gossip_driver_deadline
 *          gossip_driver_notice    what people should know
 *
 * With a disk (examples/restart.c) a start is, in this order:
 *
 *      1  gossip_files_open, gossip_disk_open      whose directory is it?
 *      2  gossip_disk_recover                      what is there, and how did the last run end?
 *      3  choose the replica id: found.replica if found.clean, else 64 fresh random bits
 *      4  crdt_store_new with it, gossip_engine_new
 *      5  gossip_disk_snapshot, gossip_engine_restore      if there is a snapshot
 *      6  gossip_disk_next, gossip_entry_decode, gossip_engine_replay      until ENOENT; EMALFORMED
 *         and EGAP: entries are lost here, peers have them; go on
 *      7  if found.clean, but the store does not hold the old id's dots up to found.last_seq just
 *         so: take fresh bits all the same. If the id is a fresh one and found.replica is not
 *         0: gossip_engine_succeed(engine, fresh, found.replica), and so for all found.older
 *      8  gossip_disk_begin with the id
 *      9  gossip_driver_new with gossip_disk_persist(disk)
 *
 * With GOSSIP_SYNC_EVERYSEC a run writes and does not sync: call gossip_disk_flush once a second,
 * off the path of your replies, or nothing is ever made safe from a power cut before the stop. What
 * was committed since the last flush may be lost by one; the next start then takes a new id.
 *
 * and a stop is: gossip_driver_run; gossip_disk_stop with the store's replica id and its last dot.
 * Without it the next start takes a new replica id, and nothing else is lost. Never run two
 * processes with one replica id, nor a copy of a directory: the copy starts as another replica.
 *
 * Errors   EIO of a write or a run means that the disk takes nothing: reads go on, what is held is
 *          served, and the next run tries again. What was committed is durable once a run returns
 *          OK.
 */
#ifndef GOSSIP_GOSSIP_H
#define GOSSIP_GOSSIP_H
#include "gossip/disk.h"
#include "gossip/driver.h"
#include "gossip/engine.h"
#include "gossip/wire.h"
#endif
