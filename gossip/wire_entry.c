/* wire_entry.c: one entry alone, for logs. See wire.h and docs/WIRE.md.
 *
 * Shape    1 byte   format, 1
 *          1 byte   kind
 *          8 bytes  replica
 *          varints  first, last - first, ms, number of deps
 *          of each dep: its replica (8 bytes), its sequence number (varint)
 *          varint   size of the control, and it; varint size of the body, and it
 */
#include "gossip/wire_impl.h"

#define FORMAT 1u
#define DEP_BYTES_MIN 9u

crdt_err gossip_entry_encode(const gossip_entry *entry, crdt_buf *out)
{
    size_t   start = out->size;
    crdt_err err = gossip_entry_check(entry, NULL);
    if (err) return err == CRDT_EMALFORMED ? CRDT_EINVAL : err;
    crdt_buf_byte(out, FORMAT);
    crdt_buf_byte(out, (uint8_t)entry->kind);
    crdt_buf_u64(out, entry->replica);
    crdt_buf_varint(out, entry->first);
    crdt_buf_varint(out, entry->last - entry->first);
    crdt_buf_varint(out, entry->ms);
    crdt_buf_varint(out, entry->deps_count);
    for (uint32_t i = 0; i < entry->deps_count; i++) {
        crdt_buf_u64(out, entry->deps[i].replica);
        crdt_buf_varint(out, entry->deps[i].seq);
    }
    crdt_buf_view(out, entry->control);
    crdt_buf_view(out, entry->body);
    if (out->failed) out->size = start;
    return crdt_buf_status(out);
}

static bool deps_room(gossip_deps *deps, size_t count, const crdt_mem *mem)
{
    if (count <= deps->cap) return true;
    size_t    cap = deps->cap + deps->cap / 2 + 8;
    crdt_dot *at;
    if (cap < count) cap = count;
    if (deps->at == NULL) at = mem->alloc(mem->user, cap * sizeof *at);
    else at = mem->resize(mem->user, deps->at, deps->cap * sizeof *at, cap * sizeof *at);
    if (at == NULL) return false;
    deps->at = at;
    deps->cap = cap;
    return true;
}

void gossip_deps_clear(gossip_deps *deps, const crdt_mem *mem)
{
    if (mem == NULL) mem = crdt_mem_default();
    if (deps->at != NULL) mem->release(mem->user, deps->at, deps->cap * sizeof *deps->at);
    deps->at = NULL;
    deps->cap = 0;
}

static void get_entry(gossip_entry *entry, gossip_deps *deps, const crdt_mem *mem, crdt_dec *dec)
{
    uint8_t format = crdt_dec_byte(dec);
    if (dec->err == CRDT_OK && format != FORMAT) {
        crdt_dec_fail(dec, CRDT_EVERSION, "unknown format of an entry");
    }
    entry->kind = (gossip_kind)crdt_dec_byte(dec);
    entry->replica = crdt_dec_u64(dec);
    entry->first = crdt_dec_varint(dec);
    uint64_t more = crdt_dec_varint(dec);
    if (__builtin_add_overflow(entry->first, more, &entry->last)) {
        gossip__malformed(dec, "sequence number above the limit");
    }
    entry->ms = crdt_dec_varint(dec);
    size_t count = crdt_dec_count(dec, DEP_BYTES_MIN, "impossible number of deps");
    if (count > GOSSIP_DEPS_MAX) crdt_dec_fail(dec, CRDT_ELIMIT, "too many deps");
    if (dec->err == CRDT_OK && !deps_room(deps, count, mem)) {
        crdt_dec_fail(dec, CRDT_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count && dec->err == CRDT_OK; i++) {
        deps->at[i].replica = crdt_dec_u64(dec);
        deps->at[i].seq = crdt_dec_varint(dec);
    }
    entry->deps = count > 0 ? deps->at : NULL;
    entry->deps_count = (uint32_t)count;
    entry->control = crdt_dec_view(dec, GOSSIP_CONTROL_MAX, "control of an entry too large");
    entry->body = crdt_dec_view(dec, GOSSIP_BODY_MAX, "body of an entry too large");
    if (crdt_dec_left(dec) > 0) gossip__malformed(dec, "bytes behind the end");
}

crdt_err gossip_entry_decode(crdt_view in, gossip_deps *deps, const crdt_mem *mem,
                             gossip_entry *ret_entry, const char **ret_reason)
{
    crdt_dec     dec;
    gossip_entry entry;
    const char  *reason = NULL;
    crdt_dec_init(&dec, in, NULL);
    get_entry(&entry, deps, mem ? mem : crdt_mem_default(), &dec);
    crdt_err err = dec.err;
    if (err == CRDT_OK) err = gossip_entry_check(&entry, &reason);
    else reason = dec.reason;
    if (err == CRDT_OK) *ret_entry = entry;
    else if (ret_reason != NULL) *ret_reason = reason;
    return err;
}
