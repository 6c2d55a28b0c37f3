/* core/repair.c: contexts agree and roots do not (rule R10): bit rot, a bug, a lost write.
 *
 * Whoever notices asks for the other's digests in key order (PAGE), and for each object that
 * differs for its bytes (FIX). Content is recomputed from bytes on both sides of the comparison. If
 * just this side's digest is not what its content gives, it takes the other's object; the context
 * stays. If it is the other side's, that side does so when it notices. If neither: alarm, both are
 * kept. Everything holds only while both contexts are equal: each message tells its sender's.
 */
#include <string.h>

#include "gossip/core/peers.h"

#define PAUSE_ROUNDS 12u /* after one that ended, for as many of the longest rounds */

/* Digest of what this node holds. False: not now. */
static bool context_digest(gossip_engine *engine, crdt_digest *ret_digest)
{
    crdt_buf *bytes = &engine->links->bytes;
    if (!gossip__snapshot_ready(engine)) return false;
    crdt_buf_reset(bytes);
    bytes->failed = false;
    if (crdt_context_encode(crdt_store_context(engine->store), bytes) != CRDT_OK) return false;
    *ret_digest = crdt_digest_of(bytes->data, bytes->size);
    return true;
}

static bool has_context(gossip_engine *engine, crdt_digest theirs)
{
    crdt_digest mine;
    return context_digest(engine, &mine) && crdt_digest_equal(mine, theirs);
}

static void notify(gossip_engine *engine, gossip_notice notice, crdt_err err)
{
    const gossip__repair *repair = &engine->links->repair;
    crdt_dot              none = {0, 0};
    crdt_view             name = crdt_buf_bytes(&repair->name);
    gossip__notify(engine, notice, repair->peer, none, err,
                   repair->fix ? name : crdt_view_of(NULL, 0));
}

/* -- Asking ------------------------------------------------------------------------------------ */

void gossip__repair_begin(gossip_engine *engine, gossip__peer *peer)
{
    gossip__repair *repair = &engine->links->repair;
    if (repair->peer != 0 || engine->now < repair->not_before) return;
    crdt_buf_reset(&repair->name);
    repair->peer = peer->handle;
    repair->type = 0;
    repair->asked = repair->fix = repair->found = false;
    repair->clock = engine->links->clock;
    notify(engine, GOSSIP_UNEQUAL, CRDT_OK);
    gossip__wake(engine, peer);
}

/* What was replaced is in no entry: a snapshot must tell of it, or the damage may come back from
 * disk. One for all of them; without memory for its mark in the log, later. */
static void checkpoint(gossip_engine *engine)
{
    gossip__repair *repair = &engine->links->repair;
    gossip_entry    mark;
    gossip__record  record;
    uint32_t        who = 0;
    if (!repair->replaced) return;
    while (engine->replicas[who].delivered == 0) who++;
    crdt_dot raised = {engine->replicas[who].id, engine->replicas[who].delivered};
    memset(&mark, 0, sizeof mark);
    mark.deps = &raised;
    mark.deps_count = 1;
    if (gossip__log_reserve(engine, &mark, GOSSIP__NOBODY, &record) != CRDT_OK) return;
    gossip__log_append(engine, &record);
    repair->replaced = false;
}

void gossip__repair_stop(gossip_engine *engine)
{
    gossip__repair *repair = &engine->links->repair;
    repair->peer = 0;
    repair->asked = false;
    repair->not_before = engine->now + PAUSE_ROUNDS * engine->config.round_max_us;
    checkpoint(engine);
}

void gossip__repair_tick(gossip_engine *engine)
{
    if (engine->links->repair.peer == 0) checkpoint(engine);
}

crdt_err gossip__repair_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    gossip__repair *repair = &engine->links->repair;
    gossip_msg     *msg = &engine->links->msg;
    if (repair->peer != peer->handle || repair->asked) return CRDT_OK;
    if (repair->clock != engine->links->clock || !context_digest(engine, &msg->root)) {
        gossip__repair_stop(engine);
        msg->root = (crdt_digest){0, 0};
        return CRDT_OK;
    }
    gossip__request *request =
        gossip__request_new(engine, peer, repair->fix ? GOSSIP_FIX : GOSSIP_PAGE);
    if (request == NULL) {
        msg->root = (crdt_digest){0, 0};
        return CRDT_OK;
    }
    repair->asked = true;
    msg->kind = request->kind;
    msg->id = request->id;
    msg->name = crdt_buf_bytes(&repair->name);
    msg->type = repair->type;
    *ret_built = true;
    return CRDT_OK;
}

/* The object to be fixed. Errors: ENOMEM. */
static crdt_err go_to(gossip__repair *repair, crdt_view name, uint16_t type)
{
    crdt_buf_reset(&repair->name);
    crdt_buf_put(&repair->name, name.data, name.size);
    repair->type = type;
    repair->fix = true;
    return crdt_buf_status(&repair->name);
}

/* All pages are compared. If no object differed, the sum of the digests is what is wrong. */
static void finish(gossip_engine *engine)
{
    gossip__repair *repair = &engine->links->repair;
    repair->fix = false;
    if (!repair->found) {
        bool mended = crdt_store_redigest(engine->store);
        engine->stats.repairs += mended;
        notify(engine, mended ? GOSSIP_REPAIRED : GOSSIP_UNEQUAL, CRDT_OK);
    }
    gossip__repair_stop(engine);
}

static bool goes_on(gossip_engine *engine, const gossip__peer *peer, crdt_digest root)
{
    gossip__repair *repair = &engine->links->repair;
    if (repair->peer != peer->handle || !repair->asked) return false;
    repair->asked = false;
    if (repair->clock == engine->links->clock && has_context(engine, root)) return true;
    gossip__repair_stop(engine);
    return false;
}

crdt_err gossip__digests_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    static const crdt_digest    none = {0, 0};
    gossip__repair             *repair = &engine->links->repair;
    crdt_object                 mine;
    const gossip_object_digest *theirs;
    if (!goes_on(engine, peer, msg->root) || repair->fix) return CRDT_OK;
    if (!gossip__page_is_sound(msg, crdt_buf_bytes(&repair->name), repair->type)) {
        return CRDT_EMALFORMED;
    }
    gossip__side side = {.page = msg->digests, .count = msg->digests_count, .more = msg->more};
    side.key = &repair->name;
    side.type = repair->type;
    side.steps = UINT32_MAX;
    gossip__step step = gossip__compare_step(engine, peer, &side, &mine, &theirs);
    repair->type = side.type;
    if (step == GOSSIP__PAGE_ENDS) return CRDT_OK;
    if (step == GOSSIP__ALL_ENDS) {
        finish(engine);
        return CRDT_OK;
    }
    crdt_err err = CRDT_ENOMEM;
    if (step == GOSSIP__STEP_DIFFERS) {
        repair->found = true;
        repair->mine = side.here ? mine.digest : none;
        repair->theirs = theirs != NULL ? theirs->digest : none;
        err = side.here ? go_to(repair, mine.name, mine.type)
                        : go_to(repair, theirs->name, theirs->type);
    }
    if (err != CRDT_OK) gossip__repair_stop(engine);
    return err;
}

/* Are the bytes what the digest says? Errors: ENOMEM. */
static crdt_err judge(gossip_engine *engine, crdt_view bytes, crdt_digest digest, bool *ret_sound)
{
    const gossip__repair *repair = &engine->links->repair;
    crdt_digest           content;
    crdt_err err = crdt_store_object_digest(engine->store, crdt_buf_bytes(&repair->name),
                                            repair->type, bytes, &content);
    *ret_sound = err == CRDT_OK && crdt_digest_equal(content, digest);
    return err == CRDT_ENOMEM ? err : CRDT_OK;
}

static crdt_err judge_mine(gossip_engine *engine, bool *ret_sound)
{
    const gossip__repair *repair = &engine->links->repair;
    crdt_buf              bytes;
    crdt_buf_init(&bytes, &engine->mem);
    crdt_err err = crdt_store_object_encode(engine->store, crdt_buf_bytes(&repair->name),
                                            repair->type, &bytes);
    if (err == CRDT_OK) err = judge(engine, crdt_buf_bytes(&bytes), repair->mine, ret_sound);
    crdt_buf_clear(&bytes);
    return err;
}

crdt_err gossip__object_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    gossip__repair *repair = &engine->links->repair;
    bool            mine_sound = false, theirs_sound = false;
    if (!goes_on(engine, peer, msg->root) || !repair->fix) return CRDT_OK;
    crdt_view name = crdt_buf_bytes(&repair->name);
    if (gossip__compare_keys(msg->name, msg->type, name, repair->type) != 0) {
        return CRDT_EMALFORMED;
    }
    crdt_err err = judge(engine, msg->bytes, repair->theirs, &theirs_sound);
    if (err == CRDT_OK) err = judge_mine(engine, &mine_sound);
    if (err == CRDT_OK && !mine_sound && theirs_sound) {
        err = crdt_store_object_replace(engine->store, name, repair->type, msg->bytes);
        if (err == CRDT_OK) {
            engine->stats.repairs++;
            repair->replaced = true;
            notify(engine, GOSSIP_REPAIRED, CRDT_OK);
        }
    } else if (err == CRDT_OK && mine_sound == theirs_sound) {
        notify(engine, GOSSIP_UNEQUAL, CRDT_EFORK); /* no telling who is right: both are kept */
    }
    repair->fix = false;
    if (err == CRDT_OK) err = gossip__key_behind(&repair->name, msg->name, &repair->type);
    if (err == CRDT_OK) return CRDT_OK;
    gossip__repair_stop(engine);
    return err == CRDT_ENOMEM ? err : CRDT_OK;
}

/* -- Answering --------------------------------------------------------------------------------- */

crdt_err gossip__repair_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    bool            page = msg->kind == GOSSIP_PAGE;
    gossip_msg_kind kind = page ? GOSSIP_DIGESTS : GOSSIP_OBJECT;
    if (msg->name.size > CRDT_NAME_BYTES_MAX) return CRDT_EMALFORMED;
    for (uint32_t i = 0; i < peer->replies_count; i++) { /* names are long: one at a time */
        if (peer->replies[i].name == NULL) continue;
        gossip__refuse(engine, peer, msg->id, GOSSIP_BUSY);
        return CRDT_OK;
    }
    uint8_t *name = gossip__alloc(engine, msg->name.size + 1);
    if (name == NULL) return CRDT_ENOMEM;
    gossip__reply *reply = gossip__reply_new(engine, peer, kind, msg->id);
    if (reply == NULL) {
        gossip__release(engine, name, msg->name.size + 1);
        return CRDT_OK;
    }
    if (msg->name.size > 0) memcpy(name, msg->name.data, msg->name.size);
    reply->name = name;
    reply->name_size = (uint32_t)msg->name.size;
    reply->type = msg->type;
    reply->root = msg->root;
    return CRDT_OK;
}

/* From (name, type) on. Errors: ENOMEM. */
static crdt_err put_digests(gossip_engine *engine, crdt_view name, uint16_t type)
{
    struct gossip__links *links = engine->links;
    gossip_msg           *msg = &links->msg;
    crdt_object           object;
    size_t                bytes = 0;
    crdt_buf_reset(&links->name);
    crdt_buf_put(&links->name, name.data, name.size);
    crdt_err err = crdt_buf_status(&links->name);
    while (err == CRDT_OK &&
           crdt_store_object_from(engine->store, crdt_buf_bytes(&links->name), type, &object)) {
        bytes += object.name.size + 20;
        msg->more = msg->digests_count > 0 &&
                    (msg->digests_count >= GOSSIP__PAGE_MAX || bytes > engine->config.chunk_bytes);
        if (msg->more) break;
        err = gossip__room(engine, &links->digests, &links->digests_cap, msg->digests_count + 1u,
                           sizeof *links->digests);
        if (err != CRDT_OK) break;
        gossip_object_digest digest = {object.name, object.type, object.digest};
        links->digests[msg->digests_count++] = digest;
        type = object.type;
        err = gossip__key_behind(&links->name, object.name, &type);
    }
    msg->digests = links->digests;
    return err;
}

crdt_err gossip__repair_reply(gossip_engine *engine, gossip__peer *peer, const gossip__reply *reply)
{
    struct gossip__links *links = engine->links;
    gossip_msg           *msg = &links->msg;
    crdt_view             name = crdt_view_of(reply->name, reply->name_size);
    bool                  compares = reply->kind == GOSSIP_DIGESTS && gossip__is_none(reply->root);
    if (compares ? engine->writing : !has_context(engine, reply->root)) {
        msg->kind = GOSSIP_REFUSED;
        msg->refusal = compares ? GOSSIP_BUSY : GOSSIP_NOT_EQUAL;
        return CRDT_OK;
    }
    msg->kind = reply->kind;
    msg->root = reply->root;
    if (reply->kind == GOSSIP_DIGESTS) return put_digests(engine, name, reply->type);
    crdt_buf_reset(&links->bytes);
    crdt_err err = crdt_store_object_encode(engine->store, name, reply->type, &links->bytes);
    links->bytes.failed = false;
    if (err != CRDT_OK) return err;
    crdt_buf_reset(&links->name);
    crdt_buf_put(&links->name, name.data, name.size);
    if (crdt_buf_status(&links->name) != CRDT_OK) {
        links->name.failed = false;
        return CRDT_ENOMEM;
    }
    msg->name = crdt_buf_bytes(&links->name); /* the reply's own goes before the message does */
    msg->type = reply->type;
    /* What no message can carry is shown as nothing: then it cannot be judged. */
    if (links->bytes.size + name.size + 1024 <= peer->frame_max) {
        msg->bytes = crdt_buf_bytes(&links->bytes);
    }
    return CRDT_OK;
}
