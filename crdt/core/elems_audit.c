/* core/elems_audit.c: digests, the audit and the accounts of elements by dot. */
#include "crdt/core/elems_impl.h"

/* -- Digest: one hash a block, kept with its chunk until that changes -------------------------- */

static crdt_digest chunk_content(const crdt__chunk *c)
{
    crdt_blocks blocks;
    unsigned    place;
    crdt_digest none = {0, 0};
    crdt_blocks_init(&blocks, none);
    for (unsigned at = 0; (at = crdt__chunk_next(c, at, &place)) < CRDT__CHUNK_DOTS; at++) {
        crdt_dot dot = {c->replica, c->first + at};
        crdt_blocks_atom(&blocks, dot);
        crdt_blocks_value(&blocks, crdt__chunk_value(c, place));
    }
    return crdt_blocks_take(&blocks);
}

void crdt__elems_digest(const crdt__elems *e, crdt_blocks *blocks)
{
    crdt__elems_cursor at = {e, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    while (!e->large && crdt__elems_next(&at, &dot, &value)) {
        crdt_blocks_atom(blocks, dot);
        crdt_blocks_value(blocks, value);
    }
    for (uint32_t i = 0; e->large && i < crdt__large_of(e)->count; i++) {
        crdt__chunk *c = crdt__large_of(e)->order[i];
        if (!c->clean) c->content = chunk_content(c);
        c->clean = true;
        crdt_blocks_add(blocks, c->replica, c->first / CRDT__CHUNK_DOTS, c->content);
    }
}

/* -- Check ------------------------------------------------------------------------------------- */

#define VALUE_TOO_LONG "elems: a value is longer than the limit"

static bool fail(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return false;
}

static bool check_small(const crdt_space *space, const crdt__elems *e, const crdt_context *seen,
                        const char **ret_reason)
{
    const crdt__small *s = e->body;
    if (e->dots != (s ? s->count : 0)) return fail(ret_reason, "elems: dots miscounted");
    if (s == NULL) return true;
    if (s->count > s->cap || s->cap > CRDT__SMALL_DOTS || s->bytes > s->bytes_cap) {
        return fail(ret_reason, "elems: a small body exceeds its room");
    }
    for (uint32_t i = 0; i < s->count; i++) {
        const crdt__entry *entry = &s->at[i];
        crdt_dot           dot = crdt__entry_dot(entry);
        if (dot.seq == 0 || !crdt_context_has(seen, dot)) {
            return fail(ret_reason, "elems: a dot is not in the context");
        }
        if (i > 0 && crdt_dot_compare(crdt__entry_dot(entry - 1), dot) >= 0) {
            return fail(ret_reason, "elems: dots out of order");
        }
        if (entry->is_bytes &&
            (entry->u.bytes.at > s->bytes || entry->u.bytes.size > s->bytes - entry->u.bytes.at)) {
            return fail(ret_reason, "elems: a value lies outside of its body");
        }
        if (entry->is_bytes && entry->u.bytes.size > space->limits->value_bytes) {
            return fail(ret_reason, VALUE_TOO_LONG);
        }
    }
    return true;
}

static bool check_large(const crdt__large *large, uint64_t dots, const crdt_context *seen,
                        const char **ret_reason)
{
    crdt_cover cover = {seen, NULL};
    uint64_t   live[CRDT__CHUNK_WORDS], count = 0;
    for (uint32_t i = 0; i < large->count; i++) {
        const crdt__chunk *c = large->order[i];
        if (i > 0 && crdt__chunk_compare(large->order[i - 1], c->replica, c->first) >= 0) {
            return fail(ret_reason, "elems: chunks out of order");
        }
        if (!crdt__chunk_check(c, ret_reason)) return false;
        if (c->clean && !crdt_digest_equal(c->content, chunk_content(c))) {
            return fail(ret_reason, "elems: a chunk's digest is not that of its content");
        }
        crdt_cover_walk walk = crdt_cover_from(&cover, c->replica);
        crdt__source_words(crdt__source_of(c), 0, CRDT__CHUNK_WORDS - 1, live);
        for (unsigned w = 0; w < CRDT__CHUNK_WORDS; w++) {
            if (live[w] & ~crdt_cover_word(&walk, c->first + w * 64)) {
                return fail(ret_reason, "elems: a dot is not in the context");
            }
        }
        count += c->live;
    }
    if (count != dots) return fail(ret_reason, "elems: dots miscounted");
    return large->index == NULL || crdt__index_check(large, ret_reason);
}

bool crdt__elems_check(const crdt_space *space, const crdt__elems *e, const crdt_context *seen,
                       const char **ret_reason)
{
    crdt__elems_cursor at = {e, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    if (!e->large) return check_small(space, e, seen, ret_reason);
    bool ok = check_large(e->body, e->dots, seen, ret_reason);
    while (ok && crdt__elems_next(&at, &dot, &value)) {
        if (value.kind != CRDT_BYTES || value.bytes.size <= space->limits->value_bytes) continue;
        ok = fail(ret_reason, VALUE_TOO_LONG);
    }
    return ok;
}

static bool lives_in(const crdt__elems *e, crdt_dot dot)
{
    crdt_value value;
    return crdt__elems_get(e, dot, &value);
}

bool crdt__elems_disjoint(const crdt__elems *a, const crdt__elems *b)
{
    const crdt__elems *few = a->dots < b->dots ? a : b, *many = few == a ? b : a;
    crdt__elems_cursor at = {few, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    while (crdt__elems_next(&at, &dot, &value)) {
        if (lives_in(many, dot)) return false;
    }
    return true;
}

/* -- Stats ------------------------------------------------------------------------------------- */

size_t crdt__elems_bytes(const crdt__elems *e)
{
    const crdt__small *s = e->body;
    if (!e->large) return s ? crdt__small_size(s->cap, s->bytes_cap) : 0;
    const crdt__large *large = e->body;
    size_t             bytes = sizeof *large + large->cap * sizeof *large->order +
                   large->plan_cap * sizeof *large->plan + crdt__index_bytes(large->index);
    for (uint32_t i = 0; i < large->count; i++) bytes += crdt__chunk_bytes(large->order[i]);
    return bytes + (large->spare ? crdt__chunk_bytes(large->spare) : 0);
}

static uint64_t payload_of(const crdt__elems *e)
{
    crdt__elems_cursor at = {e, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    uint64_t           payload = 0;
    bool               records = !e->large;
    for (uint32_t i = 0; e->large && i < crdt__large_of(e)->count; i++) {
        records |= crdt__large_of(e)->order[i]->records;
    }
    if (!records) return e->dots * sizeof(int64_t);
    while (crdt__elems_next(&at, &dot, &value)) {
        payload += value.kind == CRDT_INT ? sizeof(int64_t) : value.bytes.size;
    }
    return payload;
}

void crdt__elems_stats(const crdt__elems *e, crdt_stats *stats)
{
    uint64_t payload = payload_of(e), bytes = crdt__elems_bytes(e);
    stats->payload += payload;
    stats->metadata += bytes > payload ? bytes - payload : 0;
    stats->dots += e->dots;
}
