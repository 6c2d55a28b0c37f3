/* core/compare.c: this store's objects beside a peer's, by pages of digests in key order.
 *
 * The step is what repair (repair.c) makes, too. Besides there is a comparison on demand, whatever
 * both have heard: PAGE without a context digest. It is a reader's: it changes nothing on either
 * side. Each difference is shown when the driver asks for its next action, so that what waits here
 * is one page; and a bounded number of objects is looked at a time.
 */
#include "gossip/core/peers.h"

#define STEPS 4096u          /* objects that are looked at in one go */
#define PAUSE_US 1000u       /* after them */
#define PATIENCE 8u          /* timeouts without a page */
#define TYPE_LAST UINT16_MAX /* of a name: behind it begins the next */

/* -- One step ---------------------------------------------------------------------------------- */

int gossip__compare_keys(crdt_view a, uint16_t a_type, crdt_view b, uint16_t b_type)
{
    int order = crdt_view_compare(a, b);
    return order != 0 ? order : a_type < b_type ? -1 : a_type > b_type;
}

bool gossip__page_is_sound(const gossip_msg *msg, crdt_view name, uint16_t type)
{
    for (uint32_t i = 0; i < msg->digests_count; i++) {
        const gossip_object_digest *at = &msg->digests[i];
        int                         order = gossip__compare_keys(at->name, at->type, name, type);
        if (i == 0 ? order < 0 : order <= 0) return false;
        name = at->name;
        type = at->type;
    }
    return msg->digests_count > 0 || !msg->more;
}

static bool both_know(const gossip__peer *peer, uint16_t type)
{
    for (size_t i = 0; i < peer->common_types.count; i++) {
        if (peer->common_types.list[i]->id == type) return true;
    }
    return false;
}

crdt_err gossip__key_behind(crdt_buf *key, crdt_view name, uint16_t *type)
{
    crdt_buf_reset(key);
    crdt_buf_put(key, name.data, name.size);
    if (*type == TYPE_LAST) crdt_buf_byte(key, 0);
    *type = (uint16_t)(*type + 1);
    crdt_err err = crdt_buf_status(key);
    key->failed = false;
    return err;
}

gossip__step gossip__compare_step(gossip_engine *engine, const gossip__peer *peer,
                                  gossip__side *side, crdt_object *ret_mine,
                                  const gossip_object_digest **ret_theirs)
{
    for (;;) {
        const gossip_object_digest *theirs = side->at < side->count ? &side->page[side->at] : NULL;
        if (theirs == NULL && side->more) return GOSSIP__PAGE_ENDS;
        if (side->steps == 0) return GOSSIP__PAUSES;
        bool have =
            crdt_store_object_from(engine->store, crdt_buf_bytes(side->key), side->type, ret_mine);
        if (!have && theirs == NULL) return GOSSIP__ALL_ENDS;
        int       order = !have            ? 1
                          : theirs == NULL ? -1
                                           : gossip__compare_keys(ret_mine->name, ret_mine->type,
                                                                  theirs->name, theirs->type);
        crdt_view name = order > 0 ? theirs->name : ret_mine->name;
        uint16_t  type = order > 0 ? theirs->type : ret_mine->type;
        bool      skip = !both_know(peer, type) ||
                    (order == 0 && crdt_digest_equal(ret_mine->digest, theirs->digest));
        side->steps--;
        side->at += order >= 0;
        side->type = type;
        if (gossip__key_behind(side->key, name, &side->type) != CRDT_OK) return GOSSIP__STEP_FAILS;
        if (skip) continue;
        *ret_theirs = order >= 0 ? theirs : NULL;
        side->here = order <= 0;
        return GOSSIP__STEP_DIFFERS;
    }
}

/* -- On demand --------------------------------------------------------------------------------- */

static gossip_time patience(const gossip_engine *engine)
{
    return engine->now + PATIENCE * engine->config.timeout_us;
}

crdt_err gossip_engine_compare(gossip_engine *engine, gossip_time now, gossip_peer handle)
{
    gossip__comparison *c = &engine->links->comparison;
    gossip__peer       *peer = gossip__peer_get(engine, handle);
    if (peer == NULL || peer->gone) return CRDT_ENOENT;
    if (c->peer != 0) return CRDT_EBUSY;
    if (peer->link == 0 || !peer->confirmed) return CRDT_EIO;
    engine->now = now;
    c->peer = handle;
    c->err = CRDT_OK;
    c->stage = GOSSIP__TO_ASK;
    c->found = 0;
    c->at = now;
    c->give_up = patience(engine);
    c->side.key = &c->key;
    c->side.type = 0;
    c->side.count = 0;
    crdt_buf_reset(&c->key);
    gossip__wake(engine, peer);
    return CRDT_OK;
}

static void end(gossip__comparison *c, crdt_err err)
{
    c->err = err;
    c->stage = GOSSIP__TO_TELL;
}

void gossip__comparison_lost(gossip_engine *engine, const gossip__peer *peer)
{
    gossip__comparison *c = &engine->links->comparison;
    if (c->peer == peer->handle && c->stage != GOSSIP__TO_TELL) end(c, CRDT_EIO);
}

void gossip__comparison_unasked(gossip_engine *engine, const gossip__peer *peer,
                                gossip_refusal refusal)
{
    gossip__comparison *c = &engine->links->comparison;
    if (c->peer != peer->handle || c->stage != GOSSIP__ASKED) return;
    c->stage = GOSSIP__TO_ASK;
    c->at = engine->now;
    if (refusal == GOSSIP_BUSY) c->at += GOSSIP__AGAIN_US;
    else if (refusal != GOSSIP_NOT_REFUSED) end(c, CRDT_EVERSION); /* it knows repair alone */
}

void gossip__comparison_tick(gossip_engine *engine)
{
    gossip__comparison *c = &engine->links->comparison;
    if (c->peer == 0) return;
    if (c->stage == GOSSIP__TO_READ && engine->now >= c->at) c->side.steps = STEPS;
    if (c->stage == GOSSIP__TO_READ || c->stage == GOSSIP__TO_TELL) return;
    if (engine->now >= c->give_up) end(c, CRDT_EIO);
    else if (c->stage == GOSSIP__TO_ASK && engine->now >= c->at) {
        gossip__wake(engine, gossip__peer_get(engine, c->peer));
    }
}

gossip_time gossip__comparison_deadline(const gossip_engine *engine)
{
    const gossip__comparison *c = &engine->links->comparison;
    if (c->peer == 0 || c->stage == GOSSIP__TO_TELL) return GOSSIP_NEVER;
    if (c->stage == GOSSIP__TO_READ) return c->side.steps == 0 ? c->at : GOSSIP_NEVER;
    if (c->stage == GOSSIP__TO_ASK && c->at > engine->now) return c->at;
    return c->give_up;
}

crdt_err gossip__comparison_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    gossip__comparison *c = &engine->links->comparison;
    gossip_msg         *msg = &engine->links->msg;
    if (c->peer != peer->handle || c->stage != GOSSIP__TO_ASK) return CRDT_OK;
    if (engine->now < c->at) return CRDT_OK;
    gossip__request *request = gossip__request_new(engine, peer, GOSSIP_PAGE);
    if (request == NULL) return CRDT_OK;
    request->compares = true;
    c->stage = GOSSIP__ASKED;
    msg->kind = GOSSIP_PAGE;
    msg->id = request->id;
    msg->name = crdt_buf_bytes(&c->key);
    msg->type = c->side.type;
    *ret_built = true;
    return CRDT_OK;
}

/* Who has more, as far as is known. */
static gossip_diff richer(const gossip_engine *engine, const gossip__peer *peer)
{
    bool theirs = gossip__peer_has_more(engine, peer), ours = false;
    for (uint32_t who = 0; who < engine->replicas_count && !ours; who++) {
        ours = engine->replicas[who].delivered > gossip__vec_at(&peer->known, who);
    }
    if (theirs == ours) return GOSSIP_OTHERWISE;
    return theirs ? GOSSIP_MORE_THERE : GOSSIP_MORE_HERE;
}

/* A copy of what a message shows. Errors: ENOMEM. */
static crdt_err copy_page(gossip_engine *engine, gossip__comparison *c, const gossip_msg *msg)
{
    size_t   at = 0;
    crdt_err err =
        gossip__room(engine, &c->page, &c->page_cap, msg->digests_count, sizeof *c->page);
    if (err != CRDT_OK) return err;
    crdt_buf_reset(&c->names);
    for (uint32_t i = 0; i < msg->digests_count; i++) {
        crdt_buf_put(&c->names, msg->digests[i].name.data, msg->digests[i].name.size);
    }
    err = crdt_buf_status(&c->names);
    c->names.failed = false;
    for (uint32_t i = 0; err == CRDT_OK && i < msg->digests_count; i++) {
        c->page[i] = msg->digests[i];
        c->page[i].name.data = c->names.data + at;
        at += c->page[i].name.size;
    }
    return err;
}

crdt_err gossip__comparison_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    gossip__comparison *c = &engine->links->comparison;
    if (c->peer != peer->handle || c->stage != GOSSIP__ASKED) return CRDT_OK;
    if (!gossip__page_is_sound(msg, crdt_buf_bytes(&c->key), c->side.type)) {
        end(c, CRDT_EMALFORMED);
        return CRDT_EMALFORMED;
    }
    crdt_err err = copy_page(engine, c, msg);
    if (err != CRDT_OK) { /* it is asked for again */
        c->stage = GOSSIP__TO_ASK;
        c->at = engine->now + GOSSIP__AGAIN_US;
        return err;
    }
    c->stage = GOSSIP__TO_READ;
    c->richer = richer(engine, peer);
    c->side.page = c->page;
    c->side.count = msg->digests_count;
    c->side.at = 0;
    c->side.more = msg->more;
    c->side.steps = STEPS;
    return CRDT_OK;
}

static bool show(gossip__comparison *c, const crdt_object *mine, const gossip_object_digest *theirs,
                 gossip_action *ret_action)
{
    bool here = c->side.here;
    if (++c->found > GOSSIP_DIFFERS_MAX) return false;
    ret_action->kind = GOSSIP_DO_NOTIFY;
    ret_action->notice = GOSSIP_DIFFERS;
    ret_action->peer = c->peer;
    ret_action->name = here ? mine->name : theirs->name;
    ret_action->type = here ? mine->type : theirs->type;
    ret_action->diff = !here ? GOSSIP_ONLY_THERE : theirs == NULL ? GOSSIP_ONLY_HERE : c->richer;
    return true;
}

/* The next object that differs, as far as this page goes. */
static bool read_on(gossip_engine *engine, gossip__comparison *c, gossip_action *ret_action)
{
    gossip__peer *peer = gossip__peer_get(engine, c->peer);
    for (;;) {
        crdt_object                 mine;
        const gossip_object_digest *theirs;
        switch (gossip__compare_step(engine, peer, &c->side, &mine, &theirs)) {
        case GOSSIP__STEP_DIFFERS:
            if (show(c, &mine, theirs, ret_action)) return true;
            break;
        case GOSSIP__PAGE_ENDS:
            c->stage = GOSSIP__TO_ASK;
            c->at = engine->now;
            c->give_up = patience(engine);
            gossip__wake(engine, peer);
            return false;
        case GOSSIP__PAUSES: c->at = engine->now + PAUSE_US; return false;
        case GOSSIP__ALL_ENDS: end(c, CRDT_OK); return false;
        case GOSSIP__STEP_FAILS: end(c, CRDT_ENOMEM); return false;
        }
    }
}

bool gossip__comparison_next(gossip_engine *engine, gossip_action *ret_action)
{
    gossip__comparison *c = &engine->links->comparison;
    if (c->peer == 0) return false;
    if (c->stage == GOSSIP__TO_READ && !engine->writing && c->side.steps > 0 &&
        read_on(engine, c, ret_action)) {
        return true;
    }
    if (c->stage != GOSSIP__TO_TELL) return false;
    ret_action->kind = GOSSIP_DO_NOTIFY;
    ret_action->notice = GOSSIP_COMPARED;
    ret_action->peer = c->peer;
    ret_action->count = c->found;
    ret_action->err = c->err;
    c->peer = 0;
    crdt_buf_clear(&c->key);
    crdt_buf_clear(&c->names);
    gossip__release(engine, c->page, c->page_cap * sizeof *c->page);
    c->page = NULL;
    c->page_cap = 0;
    return true;
}
