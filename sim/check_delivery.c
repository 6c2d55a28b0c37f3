/* check_delivery.c: at each entry that comes into a store: is it one that was written, and does it
 * come after all that its author had seen? The vector that is kept here is the checkers' own. */
#include <stdlib.h>
#include <string.h>

#include "sim/must.h"
#include "sim/world.h"

typedef unsigned long long ull;

static void room_for(node *n, size_t whos)
{
    must_grow(&n->seen, &n->seen_cap, whos, sizeof *n->seen);
    must_grow(&n->durable, &n->durable_cap, whos, sizeof *n->durable);
    must_grow(&n->count, &n->count_cap, whos, sizeof *n->count);
}

static void changed(node *n)
{
    n->last_change = n->world->now;
    if (!n->shunned) n->world->last_change = n->world->now;
}

/* -- What waits for the disk ------------------------------------------------------------------- */

static void mark(node *n, uint64_t position, uint32_t entry, bool snapshot)
{
    if (n->marks_at == n->marks_count) n->marks_at = n->marks_acked = n->marks_count = 0;
    must_grow(&n->marks, &n->marks_cap, n->marks_count + 1, sizeof *n->marks);
    node_mark *m = &n->marks[n->marks_count++];
    free(m->seen);
    *m = (node_mark){position, NULL, entry};
    if (!snapshot) return;
    m->seen = must_alloc(n->seen_cap * sizeof *m->seen);
    memcpy(m->seen, n->seen, n->seen_cap * sizeof *m->seen);
}

static void hold(node *n, history_entry *e)
{
    if (n->durable[e->who] < e->last) n->durable[e->who] = e->last;
    e->holders |= UINT64_C(1) << n->index % 64;
    if (e->node == n->index) e->acked = true;
}

void check_acked(node *n, uint64_t position)
{
    history *h = &n->world->history;
    for (; n->marks_acked < n->marks_count; n->marks_acked++) {
        const node_mark *m = &n->marks[n->marks_acked];
        if (m->position >= position) break;
        if (m->entry == UINT32_MAX || m->seen) continue;
        history_entry *e = &h->entries[m->entry];
        if (e->node == n->index) e->acked = true;
    }
    if (n->persisted < position) n->persisted = position;
}

/* All that a vector covers is durable here. */
static void hold_all(node *n, const uint64_t *seen, size_t whos)
{
    history *h = &n->world->history;
    for (uint32_t who = 0; who < h->writers_count && who < whos; who++) {
        history_writer *w = &h->writers[who];
        for (size_t i = 0; i < w->count; i++) {
            history_entry *e = &h->entries[w->entries[i]];
            if (e->last > seen[who]) break;
            hold(n, e);
        }
    }
}

void check_durable(node *n, uint64_t position)
{
    history *h = &n->world->history;
    while (n->marks_at < n->marks_count && n->marks[n->marks_at].position < position) {
        node_mark *m = &n->marks[n->marks_at++];
        if (m->seen) hold_all(n, m->seen, n->seen_cap);
        else if (m->entry != UINT32_MAX) hold(n, &h->entries[m->entry]);
        free(m->seen);
        m->seen = NULL;
    }
    if (n->marks_acked < n->marks_at) n->marks_acked = n->marks_at;
}

/* -- What the node holds, taken anew ----------------------------------------------------------- */

static void take_events(node *n)
{
    history *h = &n->world->history;
    memset(n->have, 0, sizeof n->have);
    for (size_t i = 0; i < h->count; i++) {
        const history_entry *e = &h->entries[i];
        if (e->last > node_seen(n, e->who)) continue;
        for (uint32_t k = 0; k < e->ops_count; k++) {
            n->have[e->ops[k].object] |= UINT64_C(1) << e->ops[k].event;
        }
    }
}

/* The node's vector has this component: the writer's last entry in it must have been written, and
 * its past be there. */
static void check_component(node *n, uint32_t who, uint64_t seq)
{
    world         *w = n->world;
    history       *h = &w->history;
    history_entry *e = history_upto(h, who, seq);
    n->count[who] = e ? e->ordinal + 1 : 0;
    if (w->forged || (w->forked && h->writers[who].forked)) return;
    if (!e || e->last != seq) {
        check_fail(w, CHECK_DOT, "node %u holds %llx up to %llu, where no entry ends", n->index,
                   (ull)h->writers[who].id, (ull)seq);
        return;
    }
    for (uint32_t other = 0; other < e->past_count; other++) {
        if (history_past(h, e, other) <= node_seen(n, other)) continue;
        check_fail(w, CHECK_CAUSAL, "node %u holds %llx:%llu, whose author had seen %llx:%llu",
                   n->index, (ull)h->writers[who].id, (ull)seq, (ull)h->writers[other].id,
                   (ull)history_past(h, e, other));
    }
}

/* The vector from the store's context. */
static void take_vector(node *n)
{
    world              *w = n->world;
    history            *h = &w->history;
    const crdt_context *ctx = crdt_store_context(n->store);
    room_for(n, h->writers_count + 1);
    uint64_t *old = must_alloc(n->seen_cap * sizeof *old);
    memcpy(old, n->seen, n->seen_cap * sizeof *old);
    memset(n->seen, 0, n->seen_cap * sizeof *n->seen);
    if (!crdt_context_is_vector(ctx)) {
        check_fail(w, CHECK_SOUND, "node %u: its context has holes", n->index);
    }
    for (uint32_t i = 0; i < ctx->count; i++) {
        uint32_t who = history_who(h, ctx->runs[i].replica);
        if (who == HISTORY_NOBODY) {
            if (!w->forged) {
                check_fail(w, CHECK_DOT, "node %u holds dots of %llx, who never wrote", n->index,
                           (ull)ctx->runs[i].replica);
            }
            continue;
        }
        n->seen[who] = ctx->runs[i].hi;
    }
    for (uint32_t who = 0; who < h->writers_count; who++) {
        if (n->seen[who] >= old[who]) continue;
        check_fail(w, CHECK_SESSION, "node %u held %llx up to %llu, and now up to %llu", n->index,
                   (ull)h->writers[who].id, (ull)old[who], (ull)n->seen[who]);
    }
    free(old);
}

static void take_anew(node *n)
{
    history *h = &n->world->history;
    take_vector(n);
    for (uint32_t who = 0; who < h->writers_count; who++) {
        if (n->seen[who] > 0) check_component(n, who, n->seen[who]);
    }
    take_events(n);
    changed(n);
}

void check_resync(node *n)
{
    room_for(n, n->world->history.writers_count + 1);
    memset(n->seen, 0, n->seen_cap * sizeof *n->seen);
    memset(n->count, 0, n->count_cap * sizeof *n->count);
    take_anew(n);
    hold_all(n, n->seen, n->seen_cap);
    n->log_end = gossip_engine_stats(n->engine).log_end;
    n->taken_anew = n->log_end;
    n->persisted = n->log_end;
}

void check_restart(node *n)
{
    world   *w = n->world;
    history *h = &w->history;
    if (w->forged || w->plan->persist == 0) return;
    for (uint32_t who = 0; who < h->writers_count && who < n->durable_cap; who++) {
        uint64_t base = crdt_context_base(crdt_store_context(n->store), h->writers[who].id);
        if (base >= n->durable[who]) continue;
        check_fail(w, CHECK_RESTART, "node %u had %llx durable up to %llu, and has it up to %llu",
                   n->index, (ull)h->writers[who].id, (ull)n->durable[who], (ull)base);
    }
}

/* What turned bits took from the node is no longer held there. */
static bool give_up_lost(node *n)
{
    history *h = &n->world->history;
    uint64_t bit = UINT64_C(1) << n->index % 64;
    bool     lost = false;
    for (size_t i = 0; i < h->count; i++) {
        history_entry *e = &h->entries[i];
        uint64_t base = crdt_context_base(crdt_store_context(n->store), h->writers[e->who].id);
        if (!(e->holders & bit) || base >= e->last) continue;
        e->holders &= ~bit;
        if (e->holders == 0) e->forfeited = true;
        lost = true;
    }
    for (uint32_t who = 0; who < h->writers_count && who < n->durable_cap; who++) {
        uint64_t base = crdt_context_base(crdt_store_context(n->store), h->writers[who].id);
        if (n->durable[who] > base) n->durable[who] = base;
    }
    return lost;
}

void check_damage(node *n, const vault_found *found)
{
    world *w = n->world;
    bool   lost = give_up_lost(n);
    w->set_back |= lost;
    w->stats.rotten += lost;
    if (lost && found->damaged == 0 && found->torn == 0) {
        check_fail(w, CHECK_DAMAGE, "node %u lost entries by turned bits, and found no damage",
                   n->index);
    } else if (found->damaged > 0 && !vault_keeps_aside(&n->vault)) {
        check_fail(w, CHECK_DAMAGE, "node %u found %llu bad frames, and kept none aside", n->index,
                   (ull)found->damaged);
    }
}

/* -- An entry ---------------------------------------------------------------------------------- */

static void check_past(node *n, const history_entry *e)
{
    world   *w = n->world;
    history *h = &w->history;
    for (uint32_t who = 0; who < e->past_count; who++) {
        uint64_t seq = h->pasts[e->past + who];
        if (who == e->who || seq <= node_seen(n, who)) continue;
        check_fail(w, CHECK_CAUSAL, "node %u took in %llx:%llu before %llx:%llu, which it follows",
                   n->index, (ull)h->writers[e->who].id, (ull)e->first, (ull)h->writers[who].id,
                   (ull)seq);
        return;
    }
}

/* Somebody else's entry came: it was written just so, was durable there, and is the next one. */
static void check_known(node *n, const gossip_entry *entry, history_entry *e)
{
    world *w = n->world;
    if (e->first != n->seen[e->who] + 1) {
        check_fail(w, CHECK_CAUSAL, "node %u took in %llx:%llu after %llx:%llu", n->index,
                   (ull)entry->replica, (ull)entry->first, (ull)entry->replica,
                   (ull)n->seen[e->who]);
    }
    if (e->last != entry->last || (e->content && e->content != history_content(entry))) {
        check_fail(w, CHECK_DOT, "node %u took in another %llx:%llu than was written", n->index,
                   (ull)entry->replica, (ull)entry->first);
    }
    if (!e->acked) {
        check_fail(w, CHECK_SAFE, "node %u has %llx:%llu, which is not durable at node %u",
                   n->index, (ull)entry->replica, (ull)entry->first, e->node);
    }
    check_past(n, e);
}

static void take_in(node *n, history_entry *e, uint64_t position)
{
    n->seen[e->who] = e->last;
    n->count[e->who] = e->ordinal + 1;
    e->reached++;
    e->reached_at = n->world->now;
    for (uint32_t k = 0; k < e->ops_count; k++) {
        n->have[e->ops[k].object] |= UINT64_C(1) << e->ops[k].event;
    }
    mark(n, position, (uint32_t)(e - n->world->history.entries), false);
    changed(n);
}

/* The node wrote an entry: it enters history, with what its author's transaction did. */
static history_entry *take_down_write(node *n, const gossip_entry *entry)
{
    world   *w = n->world;
    history *h = &w->history;
    history_writer_of(h, entry->replica);
    room_for(n, h->writers_count);
    uint32_t       number = history_write(h, entry, n->index, w->now, n->seen);
    history_entry *e = &h->entries[number];
    if (entry->kind != GOSSIP_ACK) {
        e->ops_count = (uint32_t)n->ops_count;
        memcpy(e->ops, n->ops, n->ops_count * sizeof *n->ops);
        for (size_t i = 0; i < n->haunts_count; i++) {
            history_ghost *g = &h->ghosts[n->haunts[i].ghost];
            if (!n->haunts[i].removed) g->added = number + 1;
            for (int k = 0; n->haunts[i].removed && k < 3; k++) {
                if (g->removed[k] != 0) continue;
                g->removed[k] = number + 1;
                break;
            }
        }
        n->ops_count = 0;
        n->haunts_count = 0;
    }
    n->written++;
    w->stats.entries++;
    return e;
}

/* Two nodes wrote under one id. */
static void note_fork(node *n, const gossip_entry *entry, uint32_t who)
{
    world          *w = n->world;
    history_writer *writer = &w->history.writers[who];
    bool            expected = false;
    for (size_t i = 0; i < w->nodes_count; i++) expected |= w->nodes[i].clone;
    if (!expected) {
        check_fail(w, CHECK_DOT, "node %u wrote %llx:%llu, which was written before", n->index,
                   (ull)entry->replica, (ull)entry->first);
    }
    w->forked = true;
    if (writer->forked > entry->first) w->blurred = true;
    if (writer->forked == 0 || writer->forked > entry->first) writer->forked = entry->first;
}

/* Of a writer whose history is not one: only the vector follows. */
static void follow_blindly(node *n, uint32_t who, const gossip_entry *entry, uint64_t position)
{
    history        *h = &n->world->history;
    history_writer *writer = &h->writers[who];
    history_entry  *e = writer->forked ? history_find(h, who, writer->forked) : NULL;
    if (writer->forked && entry->first <= writer->forked && entry->last >= writer->forked) {
        bool same = e && e->content == history_content(entry);
        if (!same) writer->other |= UINT64_C(1) << n->index % 64;
    }
    n->seen[who] = entry->last;
    e = history_upto(h, who, entry->last);
    n->count[who] = e ? e->ordinal + 1 : 0;
    mark(n, position, UINT32_MAX, false);
    changed(n);
}

static void check_entry(node *n, const gossip_entry *entry, uint64_t position)
{
    world         *w = n->world;
    history       *h = &w->history;
    bool           own = entry->replica == crdt_store_replica(n->store);
    uint32_t       who = history_who(h, entry->replica);
    history_entry *e = NULL;
    room_for(n, h->writers_count + 1);
    if (who != HISTORY_NOBODY && position < n->taken_anew && entry->last <= n->seen[who]) {
        mark(n, position, UINT32_MAX, false); /* it came after a snapshot, in one go with it */
        return;
    }
    if (who != HISTORY_NOBODY) {
        history_writer *writer = &h->writers[who];
        size_t          next = n->count[who];
        if (next < writer->count) e = &h->entries[writer->entries[next]];
        if (e && e->first != entry->first) e = history_find(h, who, entry->first);
        if (own && (e || (writer->count &&
                          entry->first <= h->entries[writer->entries[writer->count - 1]].last))) {
            note_fork(n, entry, who);
        }
        if ((w->forked && writer->forked) || (w->forged && !e && !own)) {
            follow_blindly(n, who, entry, position);
            return;
        }
    }
    if (own && !e) {
        e = take_down_write(n, entry);
    } else if (!e) {
        if (!w->forged) {
            check_fail(w, CHECK_DOT, "node %u took in %llx:%llu, which nobody wrote", n->index,
                       (ull)entry->replica, (ull)entry->first);
        }
        return;
    } else if (!w->forged) {
        check_known(n, entry, e);
    }
    take_in(n, e, position);
}

/* What a snapshot told of was durable at its author by then. */
static void check_told(node *n, const crdt_dot *raised)
{
    world                *w = n->world;
    history              *h = &w->history;
    uint32_t              who = history_who(h, raised->replica);
    const history_writer *writer = who == HISTORY_NOBODY ? NULL : &h->writers[who];
    if (writer == NULL || w->forged || (w->forked && writer->forked)) return;
    room_for(n, h->writers_count + 1);
    for (size_t i = writer->count; i-- > 0;) {
        const history_entry *e = &h->entries[writer->entries[i]];
        if (e->last <= n->seen[who]) return;
        if (e->last > raised->seq || e->acked) continue;
        check_fail(w, CHECK_SAFE, "node %u has %llx:%llu by a snapshot, not durable at node %u",
                   n->index, (ull)raised->replica, (ull)e->last, e->node);
        return;
    }
}

/* Something came that is in no entry: a snapshot, or an own entry that could be none. */
static void check_checkpoint(node *n, const gossip_entry *mark_entry, uint64_t position)
{
    uint64_t own = crdt_store_replica(n->store);
    for (uint32_t i = 0; i < mark_entry->deps_count; i++) {
        const crdt_dot *raised = &mark_entry->deps[i];
        uint32_t        who = history_who(&n->world->history, own);
        uint64_t        before = who == HISTORY_NOBODY ? 0 : node_seen(n, who);
        if (raised->replica != own) check_told(n, raised);
        if (raised->replica != own || raised->seq <= before) continue;
        gossip_entry e = {
            .replica = own, .first = before + 1, .last = raised->seq, .kind = GOSSIP_DELTA};
        take_down_write(n, &e)->content = 0; /* not known */
    }
    take_anew(n);
    n->taken_anew = gossip_engine_stats(n->engine).log_end;
    mark(n, position, UINT32_MAX, true);
    n->world->stats.snapshots++;
    n->world->blurred = true;
}

void check_log(node *n)
{
    uint64_t end = gossip_engine_stats(n->engine).log_end;
    while (n->log_end < end && !n->world->broken) {
        gossip_entry entry;
        uint64_t     position = n->log_end++;
        if (!gossip_engine_log(n->engine, position, &entry)) {
            check_fail(n->world, CHECK_SOUND, "node %u: its log has no position %llu", n->index,
                       (ull)position);
            return;
        }
        if (entry.kind == 0) check_checkpoint(n, &entry, position);
        else check_entry(n, &entry, position);
    }
    n->delivered = end;
}
