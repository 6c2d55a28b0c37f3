/* core/say.c: what those who use engines say to each other, by entries without a change. */
#include <string.h>

#include "gossip/core/impl.h"

#define SAID_MAX (1u << 20)

crdt_err gossip_engine_say(gossip_engine *engine, gossip_time now, uint64_t ms, crdt_view bytes)
{
    if (bytes.size == 0) return CRDT_EINVAL;
    if (bytes.size > GOSSIP_CONTROL_MAX) return CRDT_ELIMIT;
    crdt_err err = gossip__may_write(engine);
    if (err != CRDT_OK) return err;
    engine->now = now;
    engine->ms = ms;
    err = gossip__write_succession(engine);
    return err != CRDT_OK ? err : gossip__write_mark(engine, GOSSIP_SAYS, bytes);
}

void gossip__hear(gossip_engine *engine, uint64_t ms, const gossip_entry *entry)
{
    size_t size = entry->control.size;
    if (entry->kind != GOSSIP_SAYS || entry->ms + GOSSIP_SAID_MS < ms) return;
    if (engine->said.size + size > SAID_MAX) return;
    if (!crdt_buf_reserve(&engine->said, sizeof size + size)) return;
    crdt_buf_put(&engine->said, &size, sizeof size);
    crdt_buf_put(&engine->said, entry->control.data, size);
}

bool gossip_engine_said(gossip_engine *engine, crdt_view *ret_bytes)
{
    size_t size;
    if (engine->said_at == engine->said.size) {
        engine->said_at = 0;
        crdt_buf_clear(&engine->said);
        return false;
    }
    memcpy(&size, engine->said.data + engine->said_at, sizeof size);
    *ret_bytes = crdt_view_of(engine->said.data + engine->said_at + sizeof size, size);
    engine->said_at += sizeof size + size;
    return true;
}
