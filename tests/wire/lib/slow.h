/* slow.h: a second reader of frames, written from docs/WIRE.md alone: it shares no code with
 * gossip/wire*.c, knows no protobuf-c, and does everything one bit or byte at a time. It takes
 * what is right, and does not look for all that is wrong. */
#ifndef TESTS_WIRE_LIB_SLOW_H
#define TESTS_WIRE_LIB_SLOW_H
#include "tests/wire/lib/messages.h"

/* The ids that one side of a link has told the other, by index; 0: none. */
typedef struct slow_ids {
    uint64_t at[65536];
} slow_ids;

/* False: the frame cannot be read. What is read stands in the pool, or in the frame. */
bool slow_read(slow_ids *ids, crdt_view frame, pool *p, gossip_msg *ret_msg);
/* One entry alone, and its chain tag. */
bool     slow_entry(crdt_view in, pool *p, gossip_entry *ret_entry);
uint32_t slow_tag(pool *p, const gossip_entry *entry, uint32_t predecessor);
/* A snapshot: floors and store. */
bool slow_snapshot(crdt_view in, pool *p, gossip_snapshot *ret_snapshot);

#endif
