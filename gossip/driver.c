/* driver.c: see driver.h. The order in a run: drain the engine's actions (entries go to the disk,
 * messages out), one sync, tell the engine, drain what that has freed. */
#include "gossip/driver.h"

#include <string.h>

#include "gossip/bytes_impl.h"
#include "gossip/wire.h"

#define NOTICES_MAX 2048u
#define TOKENS 512u
#define BACKLOG_MAX (16u << 20)
#define CHECKPOINT_BYTES (64u << 20)
#define RETRY_US 250000u
#define SLICE_US 1000u
#define PIECE ((size_t)8 << 20) /* of memory, given back in a run */

/* A link, its codec, and where the peer is. */
typedef struct link {
    uint32_t      number;
    gossip_peer   peer;
    gossip_codec *codec;
    uint8_t       address[255], address_size;
} link;

/* Where a request came from. */
typedef struct token {
    uint32_t link, id; /* id 0: none */
    uint64_t from;
} token;

#define NOTICES_FEW 16u /* for so many there is room in any case */
#define NAME_SHORT 64u  /* the engine cuts names of all but DIFFERS to this */

/* For the caller. The action's name is a copy, and points nowhere before it is shown. */
typedef struct notice {
    gossip_action action;
    uint8_t      *name; /* of a long one; else NULL */
    uint8_t       near[NAME_SHORT];
} notice;

struct gossip_driver {
    gossip_engine   *engine;
    gossip_transport transport;
    gossip_persist   persist;
    bool             keeps; /* there is a persist */
    const crdt_mem  *mem;

    link    *links; /* ascending by number */
    uint32_t links_count, links_cap;
    token    tokens[TOKENS]; /* a ring, the oldest is overwritten */
    uint32_t tokens_next;
    notice   few[NOTICES_FEW]; /* what must be told is, whatever memory there is */
    notice  *notices;          /* a ring: those, or more */
    uint32_t notices_at, notices_count, notices_cap;
    notice   shown; /* the last that was taken */
    crdt_buf bytes;

    uint64_t reached; /* what precedes this position is with the disk */
    uint64_t told;    /* the engine knows that this is durable */
    uint64_t covered; /* a snapshot on disk holds all before this position */
    uint64_t replica; /* the disk knows that it writes */
    bool     dirty;   /* something was appended since the last sync */
    bool     failing; /* the disk refuses */
    bool     due;     /* a snapshot must be written before anything else can count */
    crdt_buf backlog; /* entries that the disk refused: position, size, bytes */
    size_t   backlog_at;
    uint64_t appended, snapshot_size;        /* bytes since the last snapshot; its own */
    crdt_buf saved;                          /* a snapshot that is made in slices */
    bool     saving, wanted;                 /* wanted: by gossip_driver_checkpoint */
    bool     saved_whole;                    /* all its bytes are there */
    bool     sliced;                         /* in this run: no more of it */
    size_t   saved_at;                       /* so many of them the disk has taken */
    uint64_t saved_position, saved_appended; /* where it began: in the log; of appended */

    gossip_time now, retry_at;
    crdt_err    err; /* the first of this run */
};

static void fail(gossip_driver *driver, crdt_err err)
{
    if (driver->err == CRDT_OK) driver->err = err;
}

crdt_err gossip_driver_new(gossip_engine *engine, const gossip_transport *transport,
                           const gossip_persist *persist, const crdt_mem *mem,
                           gossip_driver **ret_driver)
{
    if (mem == NULL) mem = crdt_mem_default();
    gossip_driver *driver = mem->alloc(mem->user, sizeof *driver);
    if (driver == NULL) return CRDT_ENOMEM;
    memset(driver, 0, sizeof *driver);
    driver->engine = engine;
    driver->transport = *transport;
    driver->keeps = persist != NULL;
    if (persist != NULL) driver->persist = *persist;
    driver->mem = mem;
    driver->retry_at = GOSSIP_NEVER;
    driver->replica = crdt_store_replica(gossip_engine_store(engine));
    driver->notices = driver->few;
    driver->notices_cap = NOTICES_FEW;
    crdt_buf_init(&driver->bytes, mem);
    crdt_buf_init(&driver->backlog, mem);
    crdt_buf_init(&driver->saved, mem);
    *ret_driver = driver;
    return CRDT_OK;
}

static void end_slices(gossip_driver *driver)
{
    if (!driver->saving) return;
    driver->saving = driver->saved_whole = false;
    driver->saved_at = 0;
    gossip_engine_snapshot_end(driver->engine);
}

/* Some of the memory of a snapshot that is done: to give back much of it takes long, too. */
static void give_back(gossip_driver *driver)
{
    crdt_buf *saved = &driver->saved;
    size_t    less = saved->cap > PIECE ? saved->cap - PIECE : 0;
    uint8_t  *data = NULL;
    if (driver->saving || saved->cap == 0) return;
    if (less > 0) data = driver->mem->resize(driver->mem->user, saved->data, saved->cap, less);
    if (data == NULL) {
        crdt_buf_clear(saved);
        return;
    }
    saved->data = data;
    saved->cap = less;
    saved->size = 0;
}

static void drop_notice(const gossip_driver *driver, notice *n)
{
    if (n->name != NULL) {
        driver->mem->release(driver->mem->user, n->name, n->action.name.size);
        n->name = NULL;
    }
}

static notice *notice_at(const gossip_driver *driver, uint32_t i)
{
    return &driver->notices[(driver->notices_at + i) % driver->notices_cap];
}

static void release_ring(gossip_driver *driver)
{
    if (driver->notices == driver->few) return;
    driver->mem->release(driver->mem->user, driver->notices,
                         driver->notices_cap * sizeof *driver->notices);
}

static void free_notices(gossip_driver *driver)
{
    drop_notice(driver, &driver->shown);
    for (uint32_t i = 0; i < driver->notices_count; i++) drop_notice(driver, notice_at(driver, i));
    release_ring(driver);
}

void gossip_driver_free(gossip_driver *driver)
{
    if (driver == NULL) return;
    free_notices(driver);
    end_slices(driver);
    for (uint32_t i = 0; i < driver->links_count; i++) gossip_codec_free(driver->links[i].codec);
    if (driver->links != NULL) {
        driver->mem->release(driver->mem->user, driver->links,
                             driver->links_cap * sizeof *driver->links);
    }
    crdt_buf_clear(&driver->bytes);
    crdt_buf_clear(&driver->backlog);
    crdt_buf_clear(&driver->saved);
    driver->mem->release(driver->mem->user, driver, sizeof *driver);
}

/* -- Links ------------------------------------------------------------------------------------- */

/* The place of the first link of this number or a greater one. */
static uint32_t seek(const gossip_driver *driver, uint32_t number)
{
    uint32_t low = 0, high = driver->links_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (driver->links[middle].number < number) low = middle + 1;
        else high = middle;
    }
    return low;
}

static link *find(const gossip_driver *driver, uint32_t number)
{
    uint32_t at = seek(driver, number);
    if (at == driver->links_count || driver->links[at].number != number) return NULL;
    return &driver->links[at];
}

/* Where the peer is; empty: not known. Borrowed until the next call on the engine. */
static crdt_view address_of(const gossip_driver *driver, gossip_peer peer)
{
    gossip_peer_info info;
    for (size_t i = 0; gossip_engine_peer(driver->engine, i, &info); i++) {
        if (info.handle == peer) return info.address;
    }
    return crdt_view_of(NULL, 0);
}

static void remember_address(link *l, crdt_view address)
{
    if (address.size == 0 || address.size > sizeof l->address) return;
    memcpy(l->address, address.data, address.size);
    l->address_size = (uint8_t)address.size;
}

static crdt_err add_link(gossip_driver *driver, gossip_peer peer, uint32_t number)
{
    link l = {.number = number, .peer = peer};
    if (driver->links_count == driver->links_cap) {
        const crdt_mem *mem = driver->mem;
        uint32_t        cap = driver->links_cap * 2 + 4;
        size_t          old = driver->links_cap * sizeof l, size = cap * sizeof l;
        void           *grown = NULL;
        if (driver->links == NULL) grown = mem->alloc(mem->user, size);
        else grown = mem->resize(mem->user, driver->links, old, size);
        if (grown == NULL) return CRDT_ENOMEM;
        driver->links = grown;
        driver->links_cap = cap;
    }
    crdt_err err = gossip_codec_new(driver->mem, &l.codec);
    if (err != CRDT_OK) return err;
    remember_address(&l, address_of(driver, peer));
    uint32_t at = seek(driver, number);
    memmove(&driver->links[at + 1], &driver->links[at], (driver->links_count - at) * sizeof l);
    driver->links[at] = l;
    driver->links_count++;
    return CRDT_OK;
}

static void remove_link(gossip_driver *driver, uint32_t number)
{
    link *l = find(driver, number);
    if (l == NULL) return; /* there was no memory for it */
    gossip_codec_free(l->codec);
    uint32_t at = (uint32_t)(l - driver->links);
    driver->links_count--;
    memmove(l, l + 1, (driver->links_count - at) * sizeof *l);
}

static void begin_link(gossip_driver *driver, const gossip_action *action)
{
    remove_link(driver, action->link);
    crdt_err err = add_link(driver, action->peer, action->link);
    if (err == CRDT_OK) return;
    fail(driver, err);
    gossip_engine_unreadable(driver->engine, driver->now, action->peer, CRDT_ENOENT);
}

/* -- Sending ----------------------------------------------------------------------------------- */

static bool is_reply(gossip_msg_kind kind)
{
    switch (kind) {
    case GOSSIP_WELCOME:
    case GOSSIP_STATE:
    case GOSSIP_TOOK:
    case GOSSIP_CHUNK:
    case GOSSIP_DIGESTS:
    case GOSSIP_OBJECT:
    case GOSSIP_REFUSED: return true;
    default: return false;
    }
}

static void add_token(gossip_driver *driver, uint32_t number, uint32_t id, uint64_t from)
{
    token t = {number, id, from};
    driver->tokens[driver->tokens_next++ % TOKENS] = t;
}

/* Where the request came from; the newest, if several have this id. False: nobody knows. */
static bool take_token(gossip_driver *driver, uint32_t number, uint32_t id, uint64_t *ret_from)
{
    for (uint32_t i = 1; i <= TOKENS && id != 0; i++) {
        token *t = &driver->tokens[(driver->tokens_next - i) % TOKENS];
        if (t->id != id || t->link != number) continue;
        *ret_from = t->from;
        t->id = 0;
        return true;
    }
    return false;
}

/* HELLO has no link yet, and ids of several nodes may be alike: its reply comes at once, or not. */
static void forget_hellos(gossip_driver *driver)
{
    for (uint32_t i = 0; i < TOKENS; i++) {
        if (driver->tokens[i].link == 0) driver->tokens[i].id = 0;
    }
}

/* A HELLO goes where the engine takes the peer to be by now: so does what follows on its link. */
static crdt_view greet(gossip_driver *driver, gossip_peer peer)
{
    crdt_view address = address_of(driver, peer);
    for (uint32_t i = 0; i < driver->links_count; i++) {
        if (driver->links[i].peer == peer) remember_address(&driver->links[i], address);
    }
    return address;
}

static void send(gossip_driver *driver, const gossip_action *action)
{
    const gossip_msg *msg = action->msg;
    bool              reply = is_reply(msg->kind);
    link             *l = find(driver, action->link);
    uint64_t          from = 0; /* of a request: what gossip_driver_lost is told */
    crdt_view         address = crdt_view_of(NULL, 0);
    if (l != NULL && !reply) from = (uint64_t)action->peer << 32 | msg->id;
    if (reply && !take_token(driver, action->link, msg->id, &from)) return;
    crdt_buf_reset(&driver->bytes);
    driver->bytes.failed = false;
    bool     plain = msg->link == 0 || msg->kind == GOSSIP_REFUSED;
    crdt_err err = l == NULL && !plain
                       ? CRDT_ENOMEM /* the link has no codec */
                       : gossip_wire_encode(plain ? NULL : l->codec, msg, &driver->bytes);
    if (err != CRDT_OK) {
        fail(driver, err);
        return;
    }
    if (l == NULL && !reply) address = greet(driver, action->peer);
    if (l != NULL && l->address_size == 0 && !reply) {
        remember_address(l, address_of(driver, l->peer));
    }
    if (l != NULL) address = crdt_view_of(l->address, l->address_size);
    driver->transport.send(driver->transport.user, address, crdt_buf_bytes(&driver->bytes), reply,
                           from);
}

/* -- The disk ---------------------------------------------------------------------------------- */

/* A snapshot of everything will stand for what the disk has not taken. */
static void leave_to_snapshot(gossip_driver *driver)
{
    driver->due = true;
    driver->backlog_at = 0;
    crdt_buf_clear(&driver->backlog);
}

/* The engine may go on as another (GOSSIP_REMINTED): the disk knows before it has any of its
 * entries. */
static crdt_err follow_replica(gossip_driver *driver)
{
    uint64_t replica = crdt_store_replica(gossip_engine_store(driver->engine));
    crdt_err err = CRDT_OK;
    if (driver->replica == replica) return CRDT_OK;
    if (driver->persist.replica != NULL) {
        err = driver->persist.replica(driver->persist.user, replica);
    }
    if (err == CRDT_OK) driver->replica = replica;
    return err;
}

static crdt_err append(gossip_driver *driver, uint64_t position, crdt_view entry)
{
    crdt_err err = follow_replica(driver);
    if (err != CRDT_OK) return err;
    err = driver->persist.append(driver->persist.user, position, entry);
    if (err != CRDT_OK) return err;
    driver->reached = position + 1;
    driver->dirty = true;
    driver->appended += entry.size;
    return CRDT_OK;
}

static void keep(gossip_driver *driver, uint64_t position, crdt_view entry)
{
    crdt_buf *b = &driver->backlog;
    if (b->size - driver->backlog_at + entry.size > BACKLOG_MAX) {
        leave_to_snapshot(driver);
        return;
    }
    crdt_buf_u64(b, position);
    crdt_buf_u64(b, entry.size);
    crdt_buf_put(b, entry.data, entry.size);
    if (b->failed) leave_to_snapshot(driver);
}

static void persist_entry(gossip_driver *driver, const gossip_action *action)
{
    if (!driver->keeps || action->position < driver->covered) {
        if (driver->reached <= action->position) driver->reached = action->position + 1;
        return;
    }
    if (driver->due) return;
    crdt_buf_reset(&driver->bytes);
    driver->bytes.failed = false;
    crdt_err err = gossip_entry_encode(action->entry, &driver->bytes);
    if (err != CRDT_OK) {
        fail(driver, err);
        leave_to_snapshot(driver);
        return;
    }
    crdt_view entry = crdt_buf_bytes(&driver->bytes);
    if (driver->backlog.size > 0 || append(driver, action->position, entry) != CRDT_OK) {
        keep(driver, action->position, entry);
    }
}

/* Offer to the disk again what it refused. */
static crdt_err append_backlog(gossip_driver *driver)
{
    crdt_buf *b = &driver->backlog;
    while (driver->backlog_at < b->size) {
        const uint8_t *at = b->data + driver->backlog_at;
        crdt_view      entry = crdt_view_of(at + 16, (size_t)gossip__load64(at + 8));
        crdt_err       err = append(driver, gossip__load64(at), entry);
        if (err != CRDT_OK) return err;
        driver->backlog_at += 16 + entry.size;
    }
    driver->backlog_at = 0;
    crdt_buf_clear(b);
    return CRDT_OK;
}

/* It is on disk: what precedes the position is covered. */
static void cover(gossip_driver *driver, uint64_t position, size_t size)
{
    driver->covered = position;
    if (driver->reached < position) driver->reached = position;
    driver->snapshot_size = size;
}

/* At once: of all that there is. */
static crdt_err write_snapshot(gossip_driver *driver)
{
    uint64_t end = gossip_engine_stats(driver->engine).log_end;
    crdt_buf bytes;
    crdt_buf_init(&bytes, driver->mem);
    end_slices(driver);
    crdt_err err = follow_replica(driver);
    if (err == CRDT_OK) err = gossip_engine_snapshot(driver->engine, &bytes);
    for (size_t at = 0; err == CRDT_OK && at < bytes.size;) {
        err = driver->persist.snapshot(driver->persist.user, end, crdt_buf_bytes(&bytes), &at);
    }
    if (err == CRDT_OK) {
        cover(driver, end, bytes.size);
        driver->due = driver->dirty = false;
        driver->appended = 0;
        driver->backlog_at = 0;
        crdt_buf_clear(&driver->backlog);
    }
    crdt_buf_clear(&bytes);
    return err;
}

static crdt_err begin_slices(gossip_driver *driver)
{
    crdt_buf_reset(&driver->saved);
    driver->saved.failed = false;
    crdt_err err =
        gossip_engine_snapshot_begin(driver->engine, &driver->saved, &driver->saved_position);
    driver->saving = err == CRDT_OK;
    driver->saved_appended = driver->appended;
    driver->wanted = err == CRDT_EBUSY;
    return err;
}

/* A slice of a snapshot each run, once so much was appended; then part by part to the disk. What
 * goes wrong can wait: as long again. */
static void save_slice(gossip_driver *driver)
{
    bool     full = driver->appended >= CHECKPOINT_BYTES + driver->snapshot_size;
    crdt_err err = CRDT_OK;
    if (driver->sliced || (!driver->saving && !full && !driver->wanted)) return;
    driver->sliced = true;
    if (!driver->saving) err = begin_slices(driver);
    if (err == CRDT_OK && !driver->saved_whole) {
        err = gossip_engine_snapshot_slice(driver->engine, &driver->saved, &driver->saved_whole);
    }
    if (err == CRDT_EBUSY || (err == CRDT_OK && !driver->saved_whole)) return;
    if (err == CRDT_OK) {
        err = driver->persist.snapshot(driver->persist.user, driver->saved_position,
                                       crdt_buf_bytes(&driver->saved), &driver->saved_at);
    }
    if (err == CRDT_OK && driver->saved_at < driver->saved.size) return;
    if (err == CRDT_OK) {
        cover(driver, driver->saved_position, driver->saved.size);
        driver->appended -= driver->saved_appended;
    } else {
        driver->appended = 0;
    }
    end_slices(driver);
}

/* All that the disk has is made durable. */
static crdt_err make_durable(gossip_driver *driver)
{
    crdt_err err = CRDT_OK;
    if (!driver->due) err = append_backlog(driver);
    if (err == CRDT_OK && driver->dirty) err = driver->persist.sync(driver->persist.user);
    if (err != CRDT_OK) return err;
    driver->dirty = false;
    if (driver->due) return write_snapshot(driver);
    save_slice(driver);
    return CRDT_OK;
}

static void settle(gossip_driver *driver)
{
    crdt_err err = driver->keeps ? make_durable(driver) : CRDT_OK;
    if (err != CRDT_OK) {
        fail(driver, err);
        driver->retry_at = driver->now + RETRY_US;
    }
    if (driver->failing != (err != CRDT_OK)) {
        driver->failing = err != CRDT_OK;
        gossip_engine_readonly(driver->engine, driver->failing);
    }
    if (err == CRDT_OK && driver->reached > driver->told) {
        driver->told = driver->reached;
        gossip_engine_persisted(driver->engine, driver->now, driver->told);
    }
}

/* -- Actions ----------------------------------------------------------------------------------- */

/* Room for one more. False: out of memory. */
static bool widen_notices(gossip_driver *driver)
{
    const crdt_mem *mem = driver->mem;
    uint32_t        cap = driver->notices_cap * 2;
    notice         *wider = mem->alloc(mem->user, cap * sizeof *wider);
    if (wider == NULL) return false;
    for (uint32_t i = 0; i < driver->notices_count; i++) wider[i] = *notice_at(driver, i);
    release_ring(driver);
    driver->notices = wider;
    driver->notices_cap = cap;
    driver->notices_at = 0;
    return true;
}

/* Too many, or no memory for more: the oldest go. A long name without memory: it is not told. */
static void take_notice(gossip_driver *driver, const gossip_action *action)
{
    notice n = {.action = *action};
    size_t size = action->name.size;
    if (size > NAME_SHORT) {
        n.name = driver->mem->alloc(driver->mem->user, size);
        if (n.name == NULL) return;
    }
    if (size > 0) memcpy(n.name != NULL ? n.name : n.near, action->name.data, size);
    bool full = driver->notices_count == driver->notices_cap;
    if (full && (driver->notices_cap >= NOTICES_MAX || !widen_notices(driver))) {
        drop_notice(driver, notice_at(driver, 0));
        driver->notices_at = (driver->notices_at + 1) % driver->notices_cap;
        driver->notices_count--;
    }
    *notice_at(driver, driver->notices_count++) = n;
}

bool gossip_driver_notice(gossip_driver *driver, gossip_action *ret_notice)
{
    notice *shown = &driver->shown;
    drop_notice(driver, shown);
    if (driver->notices_count == 0) return false;
    *shown = *notice_at(driver, 0);
    shown->action.name.data = shown->name != NULL ? shown->name : shown->near;
    *ret_notice = shown->action;
    driver->notices_at = (driver->notices_at + 1) % driver->notices_cap;
    driver->notices_count--;
    return true;
}

static void drain(gossip_driver *driver)
{
    gossip_action action;
    while (gossip_engine_next(driver->engine, &action)) {
        switch (action.kind) {
        case GOSSIP_DO_SEND: send(driver, &action); break;
        case GOSSIP_DO_PERSIST: persist_entry(driver, &action); break;
        case GOSSIP_DO_CHECKPOINT:
            if (!driver->keeps || action.position < driver->covered) {
                if (driver->reached <= action.position) driver->reached = action.position + 1;
            } else {
                leave_to_snapshot(driver);
            }
            break;
        case GOSSIP_DO_LINK: begin_link(driver, &action); break;
        case GOSSIP_DO_UNLINK: remove_link(driver, action.link); break;
        case GOSSIP_DO_NOTIFY: take_notice(driver, &action); break;
        }
    }
}

/* -- Events ------------------------------------------------------------------------------------ */

/* A message of a link that is no more, or that another process had here: it is to begin again. */
static void refuse_link(gossip_driver *driver, uint32_t number, uint64_t from)
{
    gossip_msg msg;
    memset(&msg, 0, sizeof msg);
    msg.kind = GOSSIP_REFUSED;
    msg.link = number;
    msg.refusal = GOSSIP_UNKNOWN_LINK;
    crdt_buf_reset(&driver->bytes);
    driver->bytes.failed = false;
    if (gossip_wire_encode(NULL, &msg, &driver->bytes) != CRDT_OK) return;
    driver->transport.send(driver->transport.user, crdt_view_of(NULL, 0),
                           crdt_buf_bytes(&driver->bytes), true, from);
}

static crdt_err take_message(gossip_driver *driver, uint64_t ms, const gossip_msg *msg,
                             gossip_peer peer, uint64_t from)
{
    bool request = !is_reply(msg->kind);
    if (request) add_token(driver, msg->link, msg->id, from);
    crdt_err err = gossip_engine_receive(driver->engine, driver->now, ms, peer, msg);
    if (msg->kind == GOSSIP_HELLO) {
        if (err == CRDT_OK) drain(driver);
        forget_hellos(driver);
    }
    return err;
}

crdt_err gossip_driver_receive(gossip_driver *driver, gossip_time now, uint64_t ms, crdt_view bytes,
                               uint64_t from)
{
    uint32_t        number;
    gossip_msg_kind kind;
    gossip_frame   *frame;
    driver->now = now;
    driver->err = CRDT_OK;
    crdt_err    err = gossip_wire_peek(bytes, &number, &kind);
    const link *l = err == CRDT_OK || err == CRDT_EVERSION ? find(driver, number) : NULL;
    gossip_peer peer = l != NULL ? l->peer : 0;
    if (err != CRDT_OK) { /* of a link whose peer speaks another version: it begins again */
        gossip_engine_unreadable(driver->engine, now, peer, err);
        return CRDT_OK;
    }
    bool plain = number == 0 || kind == GOSSIP_REFUSED;
    if (l == NULL && !plain) {
        if (!is_reply(kind)) refuse_link(driver, number, from);
        return CRDT_OK;
    }
    err = gossip_wire_decode(plain ? NULL : l->codec, bytes, driver->mem, &frame, NULL);
    if (err == CRDT_ENOMEM) return err;
    if (err != CRDT_OK) {
        gossip_engine_unreadable(driver->engine, now, peer, err);
        return CRDT_OK;
    }
    err = take_message(driver, ms, gossip_frame_msg(frame), peer, from);
    gossip_frame_free(frame, driver->mem);
    return err == CRDT_OK ? driver->err : err;
}

void gossip_driver_lost(gossip_driver *driver, gossip_time now, uint64_t from)
{
    driver->now = now;
    if ((uint32_t)from == 0) return; /* nothing waits for an answer to it */
    gossip_engine_lost(driver->engine, now, (gossip_peer)(from >> 32), (uint32_t)from);
}

crdt_err gossip_driver_run(gossip_driver *driver, gossip_time now, uint64_t ms)
{
    uint64_t told;
    driver->now = now;
    driver->err = CRDT_OK;
    driver->retry_at = GOSSIP_NEVER;
    driver->sliced = false;
    give_back(driver);
    if (gossip_engine_deadline(driver->engine) <= now) {
        crdt_err err = gossip_engine_tick(driver->engine, now, ms);
        if (err != CRDT_OK) fail(driver, err);
    }
    do {
        told = driver->told;
        drain(driver);
        settle(driver);
    } while (driver->told != told);
    return driver->err;
}

crdt_err gossip_driver_checkpoint(gossip_driver *driver, gossip_time now)
{
    driver->now = now;
    if (!driver->keeps) return CRDT_OK;
    if (driver->failing) return CRDT_EIO;
    driver->wanted = !driver->saving;
    return CRDT_OK;
}

gossip_time gossip_driver_deadline(const gossip_driver *driver)
{
    gossip_time at = gossip_engine_deadline(driver->engine);
    bool        more = driver->saving || driver->wanted || driver->saved.cap > 0;
    if (more && driver->now + SLICE_US < at) at = driver->now + SLICE_US;
    return at < driver->retry_at ? at : driver->retry_at;
}
