/* check_state.c: what stores hold and show: against the naive oracles, against each other. */
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "sim/must.h"
#include "sim/random.h"
#include "sim/world.h"

typedef unsigned long long ull;

/* -- Against the oracle ------------------------------------------------------------------------ */

static bool is_judged(const world *w)
{
    return !w->forged && !w->forked && !w->unwatched;
}

void check_object(node *n, size_t object)
{
    world          *w = n->world;
    history_object *o = &w->history.objects[object];
    crdt_ref        ref;
    if (!is_judged(w) || o->full || !o->oracle || !o->type) return;
    crdt_err err = o->type->beside
                       ? crdt_store_beside(n->store, crdt_text_view(o->name), o->type, &ref)
                       : crdt_store_find(n->store, crdt_text_view(o->name), o->type, &ref);
    if (err == CRDT_ETYPE) return; /* another type shows under its name */
    crdt_buf shown, told;
    crdt_buf_init(&shown, NULL);
    crdt_buf_init(&told, NULL);
    if (err == CRDT_OK) crdt_ref_print(&ref, &shown);
    else if (err == CRDT_ENOENT) o->oracle(o->events, o->count, 0, &shown);
    o->oracle(o->events, o->count, n->have[object], &told);
    if (crdt_view_compare(crdt_buf_bytes(&shown), crdt_buf_bytes(&told)) != 0) {
        check_fail(w, CHECK_ORACLE, "node %u: %s (%s) reads %.*s, its operations say %.*s",
                   n->index, o->name, o->type->name, (int)(shown.size < 100 ? shown.size : 100),
                   shown.data ? (const char *)shown.data : "",
                   (int)(told.size < 100 ? told.size : 100),
                   told.data ? (const char *)told.data : "");
    }
    w->stats.checks++;
    crdt_buf_clear(&shown);
    crdt_buf_clear(&told);
}

/* -- What was removed stays away --------------------------------------------------------------- */

static bool holds(const node *n, uint32_t number)
{
    const history_entry *e = &n->world->history.entries[number - 1];
    return e->last <= node_seen(n, e->who);
}

void check_ghosts(node *n)
{
    world   *w = n->world;
    history *h = &w->history;
    crdt_ref set;
    if (!is_judged(w)) return;
    crdt_err err = crdt_store_find(n->store, crdt_text_view("ghosts"), &crdt_orset_type, &set);
    for (size_t i = 0; i < h->ghosts_count; i++) {
        const history_ghost *g = &h->ghosts[i];
        if (g->added == 0) continue;
        bool there = holds(n, g->added), gone = false;
        for (int k = 0; k < 3; k++) gone |= g->removed[k] && holds(n, g->removed[k]);
        bool shown = err == CRDT_OK && crdt_orset_has(set, crdt_int((int64_t)i));
        if (shown == (there && !gone)) continue;
        if (shown) {
            check_fail(w, CHECK_GHOST, "node %u shows element %zu, which %s", n->index, i,
                       there ? "was removed there" : "it has not been told of");
        } else {
            check_fail(w, CHECK_KEEP, "node %u does not show element %zu, which was added there",
                       n->index, i);
        }
        return;
    }
    w->stats.checks++;
}

void check_shown(node *n)
{
    check_ghosts(n);
    for (size_t o = 0; o < n->world->history.objects_count; o++) check_object(n, o);
}

/* -- Against each other ------------------------------------------------------------------------ */

/* Compared by the stores' own contexts, not by what the checkers think. */
void check_pair(node *a, node *b)
{
    world *w = a->world;
    bool   same = crdt_context_equal(crdt_store_context(a->store), crdt_store_context(b->store));
    crdt_digest x = crdt_store_digest(a->store, NULL), y = crdt_store_digest(b->store, NULL);
    w->stats.checks++;
    if (w->forged || w->forked || same == crdt_digest_equal(x, y)) return;
    check_fail(w, same ? CHECK_DIGEST : CHECK_DIGEST,
               "nodes %u and %u hold %s entries, and their digests are %s", a->index, b->index,
               same ? "the same" : "different", same ? "different" : "the same");
}

void check_bytes(node *a, node *b)
{
    world   *w = a->world;
    crdt_buf x, y;
    if (w->forged || w->forked) return;
    if (!crdt_context_equal(crdt_store_context(a->store), crdt_store_context(b->store))) return;
    crdt_buf_init(&x, NULL);
    crdt_buf_init(&y, NULL);
    if (crdt_store_encode(a->store, &x) || crdt_store_encode(b->store, &y)) {
        must_fail("a store cannot be encoded");
    }
    if (crdt_view_compare(crdt_buf_bytes(&x), crdt_buf_bytes(&y)) != 0) {
        check_fail(w, CHECK_CONVERGE, "nodes %u and %u hold the same entries and different bytes",
                   a->index, b->index);
    }
    w->stats.checks++;
    crdt_buf_clear(&x);
    crdt_buf_clear(&y);
}

/* -- One store alone --------------------------------------------------------------------------- */

/* Metadata that content, residues, writers and objects account for. A sequence keeps ids and
 * rows of what was deleted; maps and indices have room to spare. */
static uint64_t metadata_bound(const node *n, const crdt_stats *s)
{
    uint64_t events = 0;
    for (size_t i = 0; i < n->world->history.objects_count; i++) {
        events += n->world->history.objects[i].count;
    }
    uint64_t names = n->world->history.objects_count + 1;
    return 16384 + 6144 * names + 256 * (s->dots + s->residues + s->elements + events) +
           128 * n->world->history.writers_count + 2 * s->payload;
}

void check_sound(node *n)
{
    world      *w = n->world;
    const char *reason = "";
    if (!crdt_store_check(n->store, &reason)) {
        check_fail(w, CHECK_SOUND, "node %u: %s", n->index,
                   reason ? reason : "its store is unsound");
    }
    if (!crdt_context_is_vector(crdt_store_context(n->store))) {
        check_fail(w, CHECK_SOUND, "node %u: its context has holes", n->index);
    }
    crdt_stats   stats = crdt_store_stats(n->store);
    gossip_stats g = gossip_engine_stats(n->engine);
    if (is_judged(w) && stats.metadata > metadata_bound(n, &stats)) {
        check_fail(w, CHECK_METADATA,
                   "node %u: %llu bytes of metadata for %llu dots, %llu residues", n->index,
                   (ull)stats.metadata, (ull)stats.dots, (ull)stats.residues);
    }
    if (g.parked_bytes > w->plan->parked_bytes + 4096 || g.parked > w->plan->parked_entries) {
        check_fail(w, CHECK_MEMORY, "node %u: %llu entries, %llu bytes are parked", n->index,
                   (ull)g.parked, (ull)g.parked_bytes);
    }
    uint64_t links = w->nodes_count < 64 ? w->nodes_count : 64;
    uint64_t bound = (4u << 20) + 4 * g.log_bytes + 2 * g.parked_bytes + links * 65536 +
                     links * 2 * w->plan->credit_bytes + 4096 * w->history.writers_count;
    if (g.memory > bound) {
        check_fail(w, CHECK_MEMORY, "node %u: the engine takes %llu bytes, %llu are the bound",
                   n->index, (ull)g.memory, (ull)bound);
    }
    w->stats.checks++;
}

/* What is called stable is held, durably, by each member: whoever wrote, and did not lose its
 * disk. */
void check_stable(node *n)
{
    world   *w = n->world;
    history *h = &w->history;
    if (!is_judged(w) || w->set_back || n->world->plan->persist == 0) return;
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    if (gossip_engine_stable(n->engine, &cut) != CRDT_OK) {
        crdt_context_clear(&cut);
        return;
    }
    for (uint32_t i = 0; i < cut.count; i++) {
        uint32_t who = history_who(h, cut.runs[i].replica);
        if (who == HISTORY_NOBODY) continue;
        for (size_t m = 0; m < w->nodes_count; m++) {
            node    *other = &w->nodes[m];
            bool     wrote = other->written > 0 && other->state != NODE_ABSENT && !other->clone;
            uint64_t has = who < other->durable_cap ? other->durable[who] : 0;
            if (!wrote || has >= cut.runs[i].hi) continue;
            /* Its first entry may not have come here: then it is no member yet. */
            uint32_t its = history_who(h, other->vault.replica);
            if (its == HISTORY_NOBODY || node_seen(n, its) == 0) continue;
            check_fail(w, CHECK_STABLE,
                       "node %u calls %llx:%llu stable, node %zu has it up to %llu", n->index,
                       (ull)cut.runs[i].replica, (ull)cut.runs[i].hi, m, (ull)has);
        }
    }
    w->stats.checks++;
    crdt_context_clear(&cut);
}

/* The last entry of the writer here that asks for acknowledgements. */
static uint64_t last_asking(const node *n, uint32_t who)
{
    const history        *h = &n->world->history;
    const history_writer *writer = &h->writers[who];
    for (size_t i = writer->count; i-- > 0;) {
        const history_entry *e = &h->entries[writer->entries[i]];
        if (e->last <= node_seen(n, who) && e->kind != GOSSIP_ACK) return e->last;
    }
    return 0;
}

/* Every member is there, and knows which ids it has had: none holds the cut back for ever. */
void check_advance(node *n)
{
    world       *w = n->world;
    history     *h = &w->history;
    crdt_context cut;
    if (!w->lasting || w->forked) return;
    crdt_context_init(&cut, NULL);
    if (gossip_engine_stable(n->engine, &cut) != CRDT_OK) must_fail("no memory for a cut");
    for (uint32_t who = 0; who < h->writers_count && !w->broken; who++) {
        uint64_t asks = last_asking(n, who), stable = crdt_context_base(&cut, h->writers[who].id);
        if (stable >= asks) continue;
        check_fail(w, CHECK_ADVANCE,
                   "all hold %llx:%llu, and node %u never calls it stable: only up to %llu",
                   (ull)h->writers[who].id, (ull)asks, n->index, (ull)stable);
    }
    w->stats.checks++;
    crdt_context_clear(&cut);
}

static unsigned bits_in(uint64_t n)
{
    unsigned bits = 0;
    for (; n; n &= n - 1) bits++;
    return bits;
}

/* A peer counts as a holder only once it would still hold the entry after a power cut. */
void check_holders(node *n)
{
    world   *w = n->world;
    history *h = &w->history;
    if (!is_judged(w) || w->set_back || w->plan->persist == 0 || h->count == 0) return;
    for (int i = 0; i < 8; i++) {
        uint64_t             back = random_scale(&w->rand, 1, h->count);
        const history_entry *e = &h->entries[h->count - back];
        crdt_dot             dot = {h->writers[e->who].id, e->last};
        unsigned             counted = gossip_engine_holders(n->engine, dot);
        unsigned             hold = bits_in(e->holders & ~(UINT64_C(1) << n->index % 64));
        if (counted <= hold) continue;
        check_fail(w, CHECK_HOLDERS, "node %u counts %u holders of %llx:%llu, and %u hold it",
                   n->index, counted, (ull)dot.replica, (ull)dot.seq, hold);
        return;
    }
    w->stats.checks++;
}
