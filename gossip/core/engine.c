/* core/engine.c: an engine as a whole: making, events, actions, figures. */
#include <string.h>

#include "gossip/core/links.h"

gossip_config gossip_config_default(void)
{
    gossip_config c;
    memset(&c, 0, sizeof c);
    c.struct_size = sizeof c;
    c.mesh_max = 8;
    c.active_links = 9;
    c.links_max = 64;
    c.chunk_bytes = 64 << 10;
    c.frame_max = 4 << 20;
    c.credit_frames = 8;
    c.credit_bytes = 256 << 10;
    c.log_bytes = 256 << 20;
    c.parked_bytes = 8 << 20;
    c.parked_entries = 4096;
    c.round_us = 1000000;
    c.round_max_us = 5000000;
    c.push_us = 2000;
    c.have_us = 200000;
    c.graft_us = 150000;
    c.timeout_us = 1000000;
    c.ack_us = 1000000;
    c.persist_lag_max = 1000000;
    return c;
}

/* -- Memory, counted --------------------------------------------------------------------------- */

static void *count_alloc(void *user, size_t size)
{
    gossip_engine *engine = user;
    void          *p = engine->outer->alloc(engine->outer->user, size);
    if (p != NULL) engine->memory += size;
    return p;
}

static void *count_resize(void *user, void *p, size_t old_size, size_t new_size)
{
    gossip_engine *engine = user;
    void          *moved = engine->outer->resize(engine->outer->user, p, old_size, new_size);
    if (moved != NULL) engine->memory += new_size - old_size;
    return moved;
}

static void count_release(void *user, void *p, size_t size)
{
    gossip_engine *engine = user;
    engine->outer->release(engine->outer->user, p, size);
    engine->memory -= size;
}

/* -- Making ------------------------------------------------------------------------------------ */

static bool config_ok(const gossip_config *c)
{
    return c->struct_size == sizeof *c && c->cluster != 0 && c->node != 0 && c->boot != 0 &&
           c->topology <= GOSSIP_EXPLICIT && c->address.size <= 255 && c->chunk_bytes >= 1024 &&
           c->frame_max >= GOSSIP_BODY_MAX + (1u << 20) && c->credit_frames > 0 &&
           c->credit_bytes >= c->chunk_bytes && c->round_us > 0 && c->round_max_us >= c->round_us &&
           c->timeout_us > 0 && c->active_links > 0;
}

crdt_err gossip_engine_new(const gossip_config *config, crdt_store *store, const crdt_mem *mem,
                           gossip_engine **ret_engine)
{
    if (!config_ok(config) || crdt_store_replica(store) == 0) return CRDT_EINVAL;
    if (crdt_store_context(store)->count > 0) return CRDT_EINVAL;
    if (mem == NULL) mem = crdt_mem_default();
    gossip_engine *engine = mem->alloc(mem->user, sizeof *engine);
    if (engine == NULL) return CRDT_ENOMEM;
    memset(engine, 0, sizeof *engine);
    engine->outer = mem;
    engine->mem.alloc = count_alloc;
    engine->mem.resize = count_resize;
    engine->mem.release = count_release;
    engine->mem.user = engine;
    engine->memory = sizeof *engine;
    engine->config = *config;
    engine->config.address = crdt_view_of(NULL, 0);
    engine->store = store;
    crdt_buf_init(&engine->body, &engine->mem);
    crdt_buf_init(&engine->said, &engine->mem);
    engine->self = GOSSIP__NOBODY;
    engine->random = config->seed ^ config->boot;
    engine->log.pinned = GOSSIP_NEVER;
    crdt_err err = CRDT_OK;
    if (config->address.size > 0) {
        void *address = gossip__alloc(engine, config->address.size);
        if (address == NULL) err = CRDT_ENOMEM;
        else memcpy(address, config->address.data, config->address.size);
        if (address != NULL) engine->config.address = crdt_view_of(address, config->address.size);
    }
    if (err == CRDT_OK) err = gossip__links_new(engine);
    if (err != CRDT_OK) gossip_engine_free(engine);
    else *ret_engine = engine;
    return err;
}

void gossip_engine_free(gossip_engine *engine)
{
    if (engine == NULL) return;
    if (engine->links != NULL) gossip__links_free(engine);
    gossip__making_end(engine);
    if (engine->writing) crdt_store_rollback(engine->store);
    gossip__parked_free(engine);
    gossip__log_free(engine);
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        gossip__replica *r = &engine->replicas[who];
        gossip__vec_clear(engine, &r->past);
        gossip__release(engine, r->marks, r->marks_cap * sizeof *r->marks);
    }
    gossip__release(engine, engine->replicas, engine->replicas_cap * sizeof *engine->replicas);
    gossip__release(engine, engine->moved, engine->moved_cap * sizeof *engine->moved);
    gossip__release(engine, engine->ids, engine->ids_cap * sizeof *engine->ids);
    if (engine->config.address.size > 0) {
        union {
            const void *in;
            void       *out;
        } address = {engine->config.address.data};
        gossip__release(engine, address.out, engine->config.address.size);
    }
    crdt_buf_clear(&engine->body);
    crdt_buf_clear(&engine->said);
    const crdt_mem *mem = engine->outer;
    mem->release(mem->user, engine, sizeof *engine);
}

/* -- Events ------------------------------------------------------------------------------------ */

/* The log keeps to its bounds: what everybody has goes, and what is too much. */
static void trim(gossip_engine *engine)
{
    gossip__log *log = &engine->log;
    if (log->bytes <= engine->config.log_bytes / 2) return;
    uint64_t needed = gossip__links_needed(engine);
    if (needed != GOSSIP_NEVER) gossip__log_cut(engine, needed);
    while (log->bytes > engine->config.log_bytes && log->first < log->persisted) {
        const gossip__record *record = gossip__log_at(log, log->first);
        /* What this node wrote and nobody else has is never cut. */
        if (record->from == 0 && record->who != GOSSIP__NOBODY && record->who == engine->self &&
            !gossip__links_hold(engine, record->who, record->last)) {
            break;
        }
        uint64_t before = log->first;
        gossip__log_cut(engine, before + 1);
        if (log->first == before) break; /* pinned */
    }
}

crdt_err gossip_engine_receive(gossip_engine *engine, gossip_time now, uint64_t ms,
                               gossip_peer peer, const gossip_msg *msg)
{
    if (engine->writing) return CRDT_EBUSY;
    if (ms > CRDT_CLOCK_MS_MAX) return CRDT_EINVAL;
    engine->now = now;
    engine->ms = ms;
    crdt_err err = gossip__links_receive(engine, now, ms, peer, msg);
    trim(engine);
    return err;
}

void gossip_engine_persisted(gossip_engine *engine, gossip_time now, uint64_t position)
{
    uint64_t before = engine->log.persisted;
    engine->now = now;
    gossip__log_persisted(engine, position);
    if (engine->log.persisted != before) gossip__links_news(engine, now);
}

void gossip_engine_readonly(gossip_engine *engine, bool readonly)
{
    if (engine->readonly != readonly) gossip__wake_all(engine);
    engine->readonly = readonly;
}

crdt_err gossip_engine_tick(gossip_engine *engine, gossip_time now, uint64_t ms)
{
    if (engine->writing) return CRDT_EBUSY;
    if (ms > CRDT_CLOCK_MS_MAX) return CRDT_EINVAL;
    engine->now = now;
    engine->ms = ms;
    crdt_err err = gossip__write_due(engine, now, ms);
    crdt_err links = gossip__links_tick(engine, now, ms);
    trim(engine);
    return err == CRDT_OK ? links : err;
}

gossip_time gossip_engine_deadline(const gossip_engine *engine)
{
    gossip_time a = gossip__write_deadline(engine), b = gossip__links_deadline(engine);
    return a < b ? a : b;
}

/* -- Actions ----------------------------------------------------------------------------------- */

void gossip__notify(gossip_engine *engine, gossip_notice notice, gossip_peer peer, crdt_dot dot,
                    crdt_err err, crdt_view name)
{
    uint32_t count = engine->notices_count;
    if (count == GOSSIP__NOTICES) { /* nobody listens: the oldest goes */
        engine->notices_at = (engine->notices_at + 1) % GOSSIP__NOTICES;
        engine->notices_count = --count;
    }
    gossip__notice *n = &engine->notices[(engine->notices_at + count) % GOSSIP__NOTICES];
    n->notice = notice;
    n->peer = peer;
    n->dot = dot;
    n->err = err;
    n->name_size = (uint8_t)(name.size < sizeof n->name ? name.size : sizeof n->name);
    if (n->name_size > 0) memcpy(n->name, name.data, n->name_size);
    engine->notices_count++;
}

static bool next_persist(gossip_engine *engine, gossip_action *ret_action)
{
    gossip__log *log = &engine->log;
    if (log->told == log->end) return false;
    const gossip__record *record = gossip__log_at(log, log->told);
    ret_action->position = log->told++;
    ret_action->kind = record->who == GOSSIP__NOBODY ? GOSSIP_DO_CHECKPOINT : GOSSIP_DO_PERSIST;
    engine->shown = gossip__record_entry(engine, record);
    ret_action->entry = &engine->shown;
    return true;
}

bool gossip_engine_next(gossip_engine *engine, gossip_action *ret_action)
{
    memset(ret_action, 0, sizeof *ret_action);
    if (next_persist(engine, ret_action)) return true;
    if (engine->notices_count == 0) return gossip__links_next(engine, ret_action);
    const gossip__notice *n = &engine->notices[engine->notices_at];
    ret_action->kind = GOSSIP_DO_NOTIFY;
    ret_action->notice = n->notice;
    ret_action->peer = n->peer;
    ret_action->dot = n->dot;
    ret_action->err = n->err;
    ret_action->name = crdt_view_of(n->name, n->name_size);
    engine->notices_at = (engine->notices_at + 1) % GOSSIP__NOTICES;
    engine->notices_count--;
    return true;
}

/* -- Looking ----------------------------------------------------------------------------------- */

const crdt_store *gossip_engine_store(const gossip_engine *engine)
{
    return engine->store;
}

crdt_digest gossip_engine_digest(gossip_engine *engine)
{
    return crdt_store_digest(engine->store, NULL);
}

bool gossip_engine_log(const gossip_engine *engine, uint64_t position, gossip_entry *ret_entry)
{
    if (position < engine->log.first || position >= engine->log.end) return false;
    *ret_entry = gossip__record_entry(engine, gossip__log_at(&engine->log, position));
    return true;
}

gossip_stats gossip_engine_stats(const gossip_engine *engine)
{
    gossip_stats stats = engine->stats;
    stats.log_first = engine->log.first;
    stats.log_end = engine->log.end;
    stats.log_bytes = engine->log.bytes;
    stats.persisted = engine->log.persisted;
    stats.parked = engine->parked.count;
    stats.parked_bytes = engine->parked.bytes;
    stats.parked_dropped = engine->parked.dropped;
    stats.memory = engine->memory;
    gossip__links_stats(engine, &stats);
    return stats;
}
