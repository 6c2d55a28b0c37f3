/* entry.c: what an entry is, and its chain tag. See entry.h. */
#include "gossip/entry.h"

#define XXH_STATIC_LINKING_ONLY /* for a state on the stack */
#include <string.h>
#include <xxhash.h>

#include "crdt/clock.h"
#include "gossip/bytes_impl.h"

/* -- The tag ----------------------------------------------------------------------------------- */

/* What is hashed, all numbers little endian: predecessor's tag (4 bytes), kind (4), replica, first,
 * last, ms (8 each), number of deps (8); each dep's replica and seq (8 each); size of the control
 * (8), the control; size of the body (8), the body. */
#define HEAD_BYTES 48u
#define PIECE 512u

/* What is hashed, gathered into pieces: most entries are one. */
typedef struct pieces {
    size_t       held;
    bool         begun; /* a piece went into the hash */
    uint8_t      bytes[PIECE];
    XXH3_state_t hash; /* if begun */
} pieces;

static void hash_bytes(pieces *p, const void *bytes, size_t size)
{
    if (!p->begun) XXH3_64bits_reset(&p->hash);
    p->begun = true;
    XXH3_64bits_update(&p->hash, bytes, size);
}

/* What is held goes into the hash, if so much more does not fit. */
static inline void make_room(pieces *p, size_t size)
{
    if (size <= PIECE - p->held) return;
    hash_bytes(p, p->bytes, p->held);
    p->held = 0;
}

static void put(pieces *p, const void *bytes, size_t size)
{
    make_room(p, size);
    if (size > PIECE) {
        hash_bytes(p, bytes, size);
    } else if (size > 0) {
        memcpy(p->bytes + p->held, bytes, size);
        p->held += size;
    }
}

static inline void put_u64(pieces *p, uint64_t n)
{
    make_room(p, sizeof n);
    gossip__store64(p->bytes + p->held, n);
    p->held += sizeof n;
}

static void put_view(pieces *p, crdt_view view)
{
    put_u64(p, view.size);
    put(p, view.data, view.size);
}

uint32_t gossip_entry_tag(const gossip_entry *entry, uint32_t predecessor)
{
    pieces   p;
    uint8_t *head = p.bytes;
    gossip__store32(head, predecessor);
    gossip__store32(head + 4, (uint32_t)entry->kind);
    gossip__store64(head + 8, entry->replica);
    gossip__store64(head + 16, entry->first);
    gossip__store64(head + 24, entry->last);
    gossip__store64(head + 32, entry->ms);
    gossip__store64(head + 40, entry->deps_count);
    p.held = HEAD_BYTES;
    p.begun = false;
    for (uint32_t i = 0; i < entry->deps_count; i++) {
        put_u64(&p, entry->deps[i].replica);
        put_u64(&p, entry->deps[i].seq);
    }
    put_view(&p, entry->control);
    put_view(&p, entry->body);
    if (!p.begun) return (uint32_t)XXH3_64bits(p.bytes, p.held);
    hash_bytes(&p, p.bytes, p.held);
    return (uint32_t)XXH3_64bits_digest(&p.hash);
}

/* -- The check --------------------------------------------------------------------------------- */

static crdt_err no(crdt_err err, const char *reason, const char **ret_reason)
{
    if (ret_reason != NULL) *ret_reason = reason;
    return err;
}

static crdt_err check_deps(const gossip_entry *entry, const char **ret_reason)
{
    uint64_t before = 0;
    if (entry->deps_count > GOSSIP_DEPS_MAX) return no(CRDT_ELIMIT, "too many deps", ret_reason);
    for (uint32_t i = 0; i < entry->deps_count; i++) {
        crdt_dot dep = entry->deps[i];
        if (dep.replica <= before) {
            return no(CRDT_EMALFORMED, "deps of an entry out of order", ret_reason);
        }
        if (dep.replica == entry->replica) {
            return no(CRDT_EMALFORMED, "an entry depends on its own author", ret_reason);
        }
        if (dep.seq == 0 || dep.seq > CRDT_SEQ_MAX) {
            return no(CRDT_EMALFORMED, "impossible sequence number of a dep", ret_reason);
        }
        before = dep.replica;
    }
    return CRDT_OK;
}

/* The ids that the author takes over. */
static crdt_err check_succeeds(const gossip_entry *entry, const char **ret_reason)
{
    const uint8_t *at = entry->control.data;
    if (entry->control.size == 0 || entry->control.size % 8 != 0) {
        return no(CRDT_EMALFORMED, "impossible size of an entry's control", ret_reason);
    }
    for (size_t i = 0; i < entry->control.size; i += 8) {
        uint64_t id = gossip__load64(at + i);
        if (id == 0) return no(CRDT_EMALFORMED, "replica id 0 in a control", ret_reason);
        if (id == entry->replica) {
            return no(CRDT_EMALFORMED, "an id succeeds itself", ret_reason);
        }
    }
    return CRDT_OK;
}

static crdt_err check_kind(const gossip_entry *entry, const char **ret_reason)
{
    switch (entry->kind) {
    case GOSSIP_DELTA:
    case GOSSIP_ACK:
        if (entry->control.size == 0) return CRDT_OK;
        return no(CRDT_EMALFORMED, "control in a kind of entry that has none", ret_reason);
    case GOSSIP_SUCCEEDS:
        if (entry->control.size <= GOSSIP_SUCCEEDS_MAX) return check_succeeds(entry, ret_reason);
        return no(CRDT_ELIMIT, "control of an entry too large", ret_reason);
    case GOSSIP_SAYS:
        if (entry->control.size > GOSSIP_CONTROL_MAX) {
            return no(CRDT_ELIMIT, "control of an entry too large", ret_reason);
        }
        if (entry->control.size > 0) return CRDT_OK;
        return no(CRDT_EMALFORMED, "an entry that says nothing", ret_reason);
    case GOSSIP_CUT:
    case GOSSIP_JOIN:
    case GOSSIP_RETIRE:
    case GOSSIP_REBASE:
    default:
        if ((int)entry->kind > 0) return no(CRDT_EVERSION, "unknown kind of entry", ret_reason);
        return no(CRDT_EMALFORMED, "impossible kind of entry", ret_reason);
    }
}

crdt_err gossip_entry_check(const gossip_entry *entry, const char **ret_reason)
{
    if (entry->replica == 0) return no(CRDT_EMALFORMED, "replica id 0", ret_reason);
    if (entry->first == 0 || entry->last < entry->first || entry->last > CRDT_SEQ_MAX) {
        return no(CRDT_EMALFORMED, "impossible dots of an entry", ret_reason);
    }
    if (entry->ms > CRDT_CLOCK_MS_MAX) {
        return no(CRDT_EMALFORMED, "time of an entry above the limit", ret_reason);
    }
    if (entry->body.size < GOSSIP_BODY_MIN) {
        return no(CRDT_EMALFORMED, "body of an entry too short for a delta", ret_reason);
    }
    if (entry->body.size > GOSSIP_BODY_MAX) {
        return no(CRDT_ELIMIT, "body of an entry too large", ret_reason);
    }
    crdt_err err = check_kind(entry, ret_reason);
    return err ? err : check_deps(entry, ret_reason);
}
