/* vault.c: see vault.h. */
#include "sim/vault.h"

#include <stdlib.h>
#include <string.h>

#include "sim/must.h"
#include "sim/random.h"

static bool refuses(vault *v)
{
    v->calls++;
    if (!v->dead && v->step && v->step(v->user)) v->dead = true;
    if (!v->dead && !v->full) return false;
    v->refused++;
    return true;
}

static crdt_err append(void *user, uint64_t position, crdt_view entry)
{
    vault *v = user;
    if (refuses(v)) return CRDT_EIO;
    must_grow(&v->entries, &v->cap, v->count + 1, sizeof *v->entries);
    must_grow(&v->bytes, &v->bytes_cap, v->bytes_count + entry.size, 1);
    v->entries[v->count++] = (vault_entry){position, v->bytes_count, entry.size};
    memcpy(v->bytes + v->bytes_count, entry.data, entry.size);
    v->bytes_count += entry.size;
    v->appended = position + 1;
    return CRDT_OK;
}

static crdt_err sync(void *user)
{
    vault *v = user;
    if (refuses(v)) return CRDT_EIO;
    v->synced = v->count;
    v->durable = v->appended;
    return CRDT_OK;
}

/* Drop the entries below a position. */
static void cut(vault *v, uint64_t position)
{
    size_t gone = 0;
    while (gone < v->count && v->entries[gone].position < position) gone++;
    if (gone == 0) return;
    size_t bytes = gone < v->count ? v->entries[gone].at : v->bytes_count;
    memmove(v->bytes, v->bytes + bytes, v->bytes_count - bytes);
    v->bytes_count -= bytes;
    for (size_t i = gone; i < v->count; i++) {
        v->entries[i - gone] = v->entries[i];
        v->entries[i - gone].at -= bytes;
    }
    v->count -= gone;
    v->synced = v->synced > gone ? v->synced - gone : 0;
}

static crdt_err keep_snapshot(void *user, uint64_t position, crdt_view snapshot)
{
    vault *v = user;
    if (refuses(v)) return CRDT_EIO;
    v->snapshot = must_resize(v->snapshot, snapshot.size);
    memcpy(v->snapshot, snapshot.data, snapshot.size);
    v->snapshot_size = snapshot.size;
    v->snapshot_position = position;
    cut(v, position);
    if (position > v->appended) v->appended = position;
    if (position > v->durable) v->durable = position;
    return CRDT_OK;
}

void vault_init(vault *v, uint64_t machine)
{
    memset(v, 0, sizeof *v);
    v->machine = machine;
    v->persist = (gossip_persist){append, sync, keep_snapshot, v};
}

void vault_free(vault *v)
{
    free(v->entries);
    free(v->bytes);
    free(v->snapshot);
    vault_init(v, v->machine);
}

void vault_reset(vault *v)
{
    v->count = 0;
    v->synced = 0;
    v->bytes_count = 0;
    v->snapshot_size = 0;
    v->snapshot_position = 0;
    v->replica = 0;
    v->last_seq = 0;
    v->stopped_on = 0;
}

void vault_copy(vault *v, const vault *from)
{
    vault_reset(v);
    v->count = from->synced;
    v->synced = from->synced;
    must_grow(&v->entries, &v->cap, v->count, sizeof *v->entries);
    must_grow(&v->bytes, &v->bytes_cap, from->bytes_count, 1);
    if (v->count) memcpy(v->entries, from->entries, v->count * sizeof *v->entries);
    v->bytes_count =
        from->synced < from->count ? from->entries[from->synced].at : from->bytes_count;
    if (v->bytes_count) memcpy(v->bytes, from->bytes, v->bytes_count);
    v->snapshot = must_resize(v->snapshot, from->snapshot_size);
    if (from->snapshot_size) memcpy(v->snapshot, from->snapshot, from->snapshot_size);
    v->snapshot_size = from->snapshot_size;
    v->snapshot_position = from->snapshot_position;
    v->replica = from->replica;
    v->last_seq = from->last_seq;
    v->stopped_on = from->stopped_on;
}

void vault_open(vault *v, vault_found *ret_found)
{
    v->dead = false;
    v->next = 0;
    *ret_found = (vault_found){.fresh = v->replica == 0,
                               .clean = v->stopped_on == v->machine,
                               .replica = v->replica,
                               .last_seq = v->last_seq,
                               .snapshot_position = v->snapshot_position};
    v->stopped_on = 0; /* consumed */
}

crdt_view vault_snapshot(const vault *v)
{
    return crdt_view_of(v->snapshot, v->snapshot_size);
}

bool vault_next(vault *v, uint64_t *ret_position, crdt_view *ret_entry)
{
    if (v->next == v->count) return false;
    const vault_entry *e = &v->entries[v->next++];
    *ret_position = e->position;
    *ret_entry = crdt_view_of(v->bytes + e->at, e->size);
    return true;
}

void vault_begin(vault *v, uint64_t replica)
{
    /* Positions begin anew with each run: what is here is before all of it. */
    for (size_t i = 0; i < v->count; i++) v->entries[i].position = 0;
    v->replica = replica;
    v->last_seq = 0;
    v->appended = 0;
    v->durable = 0;
}

void vault_stop(vault *v, uint64_t last_seq)
{
    if (v->full || v->synced < v->count) return;
    v->stopped_on = v->machine;
    v->last_seq = last_seq;
}

void vault_die(vault *v, uint64_t *rand)
{
    size_t left = v->synced + (size_t)random_below(rand, v->count - v->synced + 1);
    if (left < v->count) v->bytes_count = v->entries[left].at;
    v->count = left;
    v->synced = left;
}
