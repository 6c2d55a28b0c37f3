/* vault.c: see vault.h. */
#include "sim/vault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/must.h"
#include "sim/random.h"

/* -- While the node runs ----------------------------------------------------------------------- */

static bool refuses(vault *v)
{
    v->calls++;
    if (!v->dead && v->step && v->step(v->user)) v->dead = true;
    bool fails = !v->files && v->fail_in > 0 && --v->fail_in == 0;
    if (!v->dead && !fails && (v->files || !v->full)) return false;
    v->refused++;
    return true;
}

static crdt_err told(vault *v, crdt_err err)
{
    if (err != CRDT_OK) v->refused++;
    return err;
}

static crdt_err append(void *user, uint64_t position, crdt_view entry)
{
    vault *v = user;
    if (refuses(v)) return CRDT_EIO;
    if (v->files) {
        crdt_err err = v->inner.append(v->inner.user, position, entry);
        if (err == CRDT_OK) v->appended = position + 1;
        return told(v, err);
    }
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
    if (v->files) {
        crdt_err err = v->inner.sync(v->inner.user);
        if (err == CRDT_OK) v->durable = v->appended;
        if (err == CRDT_OK && v->sync == GOSSIP_SYNC_ALWAYS) v->safe = v->appended;
        return told(v, err);
    }
    v->synced = v->count;
    v->durable = v->appended;
    v->safe = v->appended;
    return CRDT_OK;
}

void vault_flush(vault *v)
{
    if (!v->files || v->sync != GOSSIP_SYNC_EVERYSEC || refuses(v)) return;
    if (told(v, gossip_disk_flush(v->disk)) == CRDT_OK) v->safe = v->durable = v->appended;
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

static void raise(uint64_t *position, uint64_t to)
{
    if (*position < to) *position = to;
}

static crdt_err keep_snapshot(void *user, uint64_t position, crdt_view snapshot, size_t *at)
{
    vault *v = user;
    if (refuses(v)) return CRDT_EIO;
    if (v->files) {
        crdt_err err = v->inner.snapshot(v->inner.user, position, snapshot, at);
        if (err != CRDT_OK) return told(v, err);
        if (*at < snapshot.size) return CRDT_OK;
    } else {
        v->snapshot = must_resize(v->snapshot, snapshot.size);
        memcpy(v->snapshot, snapshot.data, snapshot.size);
        v->snapshot_size = snapshot.size;
        v->snapshot_position = position;
        *at = snapshot.size;
        cut(v, position);
    }
    raise(&v->appended, position);
    raise(&v->durable, position);
    raise(&v->safe, position);
    return CRDT_OK;
}

static void take_name(vault *v, uint64_t replica)
{
    if (v->replica == replica) return;
    memmove(v->older + 1, v->older, sizeof v->older - sizeof replica);
    v->older[0] = v->replica;
    v->replica = replica;
}

static crdt_err rename_writer(void *user, uint64_t replica)
{
    vault *v = user;
    if (refuses(v)) return CRDT_EIO;
    if (v->files) {
        crdt_err err = v->inner.replica(v->inner.user, replica);
        if (err != CRDT_OK) return told(v, err);
    }
    take_name(v, replica);
    return CRDT_OK;
}

/* -- Making ------------------------------------------------------------------------------------ */

void vault_init(vault *v, uint64_t machine)
{
    memset(v, 0, sizeof *v);
    v->machine = machine;
    v->persist = (gossip_persist){append, sync, keep_snapshot, rename_writer, v};
}

void vault_use_files(vault *v, uint64_t seed, gossip_sync sync_policy, uint64_t segment_bytes)
{
    v->files = sim_files_new(seed);
    v->sync = sync_policy;
    v->segment_bytes = segment_bytes;
}

void vault_free(vault *v)
{
    sim_files_free(v->files);
    free(v->entries);
    free(v->bytes);
    free(v->snapshot);
    vault_init(v, v->machine);
}

void vault_reset(vault *v)
{
    if (v->files) sim_files_restore(v->files, NULL);
    v->count = 0;
    v->synced = 0;
    v->bytes_count = 0;
    v->snapshot_size = 0;
    v->snapshot_position = 0;
    v->replica = 0;
    memset(v->older, 0, sizeof v->older);
    v->last_seq = 0;
    v->stopped_on = 0;
    v->fail_in = 0;
}

static void copy_files(vault *v, const vault *from)
{
    if (v->files) {
        sim_files_restore(v->files, from->files);
        return;
    }
    v->files = sim_files_copy(from->files, random_stream(from->machine, v->machine));
    v->sync = from->sync;
    v->segment_bytes = from->segment_bytes;
}

void vault_copy(vault *v, const vault *from)
{
    vault_reset(v);
    if (from->files) copy_files(v, from);
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
    memcpy(v->older, from->older, sizeof v->older);
    v->last_seq = from->last_seq;
    v->stopped_on = from->stopped_on;
}

void vault_full(vault *v, bool full)
{
    v->full = full;
    if (v->files) sim_files_capacity(v->files, full ? sim_files_bytes(v->files) : UINT64_MAX);
}

void vault_fail(vault *v, uint64_t nth)
{
    sim_fault fault = {.calls = SIM_WRITE | SIM_SYNC, .nth = nth, .err = EIO};
    v->fail_in = nth;
    if (v->files) sim_files_fault(v->files, fault);
}

/* -- Bits that turn ---------------------------------------------------------------------------- */

static bool is_content(const char *name)
{
    size_t size = strlen(name);
    if (size > 4 && strcmp(name + size - 4, ".new") == 0) return false;
    return strncmp(name, "log.", 4) == 0 || strncmp(name, "snapshot.", 9) == 0;
}

bool vault_rot(vault *v, uint64_t choice)
{
    size_t count = 0;
    if (!v->files) return false;
    for (size_t i = 0; i < sim_files_count(v->files); i++) {
        count += is_content(sim_files_name(v->files, i));
    }
    if (count == 0) return false;
    size_t    pick = (size_t)random_below(&choice, count);
    crdt_view bytes = {0};
    for (size_t i = 0; i < sim_files_count(v->files); i++) {
        const char *name = sim_files_name(v->files, i);
        if (!is_content(name) || pick-- > 0) continue;
        if (!sim_files_get(v->files, name, &bytes) || bytes.size == 0) return false;
        return sim_files_flip(v->files, name, random_below(&choice, bytes.size * 8));
    }
    return false;
}

bool vault_keeps_aside(const vault *v)
{
    for (size_t i = 0; v->files && i < sim_files_count(v->files); i++) {
        if (strncmp(sim_files_name(v->files, i), "quarantine.", 11) == 0) return true;
    }
    return false;
}

/* -- Starting ---------------------------------------------------------------------------------- */

static crdt_err open_files(vault *v, uint64_t cluster, uint64_t node, const crdt_mem *mem,
                           vault_found *ret_found)
{
    gossip_disk_options options = gossip_disk_options_default(cluster, node);
    gossip_files        table = sim_files_table(v->files);
    gossip_recovery     found;
    char                problem[256];
    options.sync = v->sync;
    /* Small segments: small parts, too, so that much happens between them. */
    if (v->segment_bytes < options.segment_bytes) options.part_bytes = v->segment_bytes / 4;
    options.segment_bytes = v->segment_bytes;
    crdt_err err = gossip_disk_open(&options, &table, mem, &v->disk, problem);
    if (err == CRDT_OK) err = gossip_disk_recover(v->disk, &found);
    if (err != CRDT_OK) return err;
    *ret_found = (vault_found){.fresh = found.fresh || found.replica == 0,
                               .clean = found.clean,
                               .replica = found.replica,
                               .last_seq = found.last_seq,
                               .snapshot_position = found.snapshot_position,
                               .damaged = found.bad_frames,
                               .torn = found.torn_bytes};
    memcpy(ret_found->older, found.older, found.older_count * sizeof *found.older);
    v->replica = found.replica;
    return CRDT_OK;
}

crdt_err vault_open(vault *v, uint64_t cluster, uint64_t node, const crdt_mem *mem,
                    vault_found *ret_found)
{
    v->dead = false;
    v->next = 0;
    v->refused = 0;
    if (v->files) return open_files(v, cluster, node, mem, ret_found);
    bool silent = v->last_seq == 0 && v->older[0] != 0; /* it has not succeeded those before it */
    *ret_found = (vault_found){.fresh = v->replica == 0,
                               .clean = v->stopped_on == v->machine && !silent,
                               .replica = v->replica,
                               .last_seq = v->last_seq,
                               .snapshot_position = v->snapshot_position};
    memcpy(ret_found->older, v->older, sizeof v->older);
    v->stopped_on = 0; /* consumed */
    return CRDT_OK;
}

crdt_err vault_snapshot(vault *v, crdt_buf *out)
{
    if (v->files) return gossip_disk_snapshot(v->disk, out);
    if (v->snapshot_size) crdt_buf_put(out, v->snapshot, v->snapshot_size);
    return crdt_buf_status(out);
}

crdt_err vault_next(vault *v, uint64_t *ret_position, crdt_view *ret_entry)
{
    if (v->files) return gossip_disk_next(v->disk, ret_position, ret_entry);
    if (v->next == v->count) return CRDT_ENOENT;
    const vault_entry *e = &v->entries[v->next++];
    *ret_position = e->position;
    *ret_entry = crdt_view_of(v->bytes + e->at, e->size);
    return CRDT_OK;
}

crdt_err vault_begin(vault *v, uint64_t replica)
{
    take_name(v, replica);
    v->last_seq = 0;
    v->appended = 0;
    v->durable = 0;
    v->safe = 0;
    if (v->files) {
        crdt_err err = gossip_disk_begin(v->disk, replica);
        if (err == CRDT_OK) v->inner = gossip_disk_persist(v->disk);
        return err;
    }
    /* Positions begin anew with each run: what is here is before all of it. */
    for (size_t i = 0; i < v->count; i++) v->entries[i].position = 0;
    return CRDT_OK;
}

/* -- Ending ------------------------------------------------------------------------------------ */

void vault_stop(vault *v, uint64_t last_seq)
{
    if (v->files) {
        crdt_err err = gossip_disk_stop(v->disk, v->replica, last_seq);
        if (err == CRDT_OK) v->safe = v->durable = v->appended;
        else v->refused++; /* then it was no clean stop */
    } else if (!v->full && v->synced == v->count) {
        v->stopped_on = v->machine;
        v->last_seq = last_seq;
    }
}

void vault_die(vault *v, uint64_t *rand, bool power)
{
    if (v->disk) gossip_disk_close(v->disk);
    v->disk = NULL;
    if (v->files) {
        if (power) sim_files_crash(v->files);
        else sim_files_kill(v->files);
        return;
    }
    if (!power) {
        v->synced = v->count;
        return;
    }
    v->synced += (size_t)random_below(rand, v->count - v->synced + 1);
    if (v->synced < v->count) v->bytes_count = v->entries[v->synced].at;
    v->count = v->synced;
}
