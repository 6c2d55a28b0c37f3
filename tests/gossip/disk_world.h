/* disk_world.h: a disk, a model of what it has promised, and the steps of a run. Over files in
 * memory that break (sim/files.h).
 *
 * What must hold: nothing is lost that was promised; nothing comes back that was not appended, or
 * that was lost before; no damage is reported where there is none; after any recovery it goes on.
 */
#ifndef TESTS_GOSSIP_DISK_WORLD_H
#define TESTS_GOSSIP_DISK_WORLD_H
#include <string.h>

#include "gossip/core/disk.h"
#include "sim/files.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define IDS 4096u

/* What became of an entry. */
typedef enum fate {
    NOT_YET,
    IN_MEMORY, /* appended */
    WRITTEN,   /* outlives the process */
    DURABLE,   /* outlives a power cut */
    LOST
} fate;

typedef struct world {
    testmem      m;
    sim_files   *files;
    gossip_disk *disk;
    gossip_sync  policy;
    uint64_t     seed, random, replica, covered; /* covered: entries below are in a snapshot */
    uint64_t     next, position;
    fate         fates[IDS];
    uint64_t     run_first; /* the run's first entry */
    bool         must_be_clean, may_be_clean;
    bool         calm;          /* a start must find nothing wrong */
    bool         flushed;       /* another thread's sync: what it said */
    uint64_t     flush_next;    /* the first entry that it does not cover; 0: none is under way */
    size_t       part_bytes;    /* 0: the default */
    uint8_t      saved[200000]; /* the snapshot that is being written, part by part */
    size_t       saved_size, saved_at; /* saved_at 0: there is none */
    uint64_t     saved_position, saved_covered;
    uint64_t     stops, cuts, deaths, failures, snapshots, unfinished, recovered;
} world;

/* Entry `id`: its id, then bytes that follow from it. */
static inline size_t entry_bytes(uint64_t id, uint8_t out[400])
{
    uint64_t state = id;
    size_t   size = 8 + (size_t)random_below(&state, id % 7 == 0 ? 390 : 60);
    for (size_t i = 0; i < size; i++) out[i] = (uint8_t)next_random(&state);
    memcpy(out, &id, sizeof id);
    return size;
}

static inline void open_disk(world *w)
{
    gossip_disk_options options = gossip_disk_options_default(7, 9);
    gossip_files        table = sim_files_table(w->files);
    char                problem[256];
    options.sync = w->policy;
    options.segment_bytes = 2000;
    if (w->part_bytes != 0) options.part_bytes = w->part_bytes;
    crdt_err err = gossip_disk_open(&options, &table, &w->m.mem, &w->disk, problem);
    CHECK_MSG(err == CRDT_OK, "%s: %s", crdt_err_name(err), problem);
}

/* Everything before *ret_covered, by the snapshot. */
static inline void read_snapshot(world *w, uint64_t *ret_covered)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(gossip_disk_snapshot(w->disk, &bytes));
    *ret_covered = 0;
    if (bytes.size > 0) {
        memcpy(ret_covered, bytes.data, 8);
        for (size_t i = 8; i < bytes.size; i++) CHECK_EQ_INT(bytes.data[i], *ret_covered & 0xff);
    }
    crdt_buf_clear(&bytes);
}

/* power: it was cut, so only what was durable must be there. */
static inline void recover(world *w, bool power)
{
    static uint8_t  seen[IDS];
    gossip_recovery found;
    uint64_t        covered, number, id, last = 0, count = 0;
    crdt_view       entry;
    crdt_err        err;
    uint8_t         expected[400];
    memset(seen, 0, sizeof seen);
    open_disk(w);
    CHECK_OK(gossip_disk_recover(w->disk, &found));
    CHECK_MSG(found.problem[0] == 0, "seed %ju: %s", (uintmax_t)w->seed, found.problem);
    CHECK_EQ_INT(found.bad_frames, 0);
    CHECK_MSG(found.clean ? w->may_be_clean : !w->must_be_clean,
              "seed %ju: clean %d, may %d, must %d", (uintmax_t)w->seed, found.clean,
              w->may_be_clean, w->must_be_clean);
    if (found.clean) CHECK_EQ_INT(found.last_seq, w->next + 1);
    read_snapshot(w, &covered);
    CHECK_MSG(covered >= w->covered, "snapshot of %ju lost", (uintmax_t)w->covered);
    while ((err = gossip_disk_next(w->disk, &number, &entry)) != CRDT_ENOENT) {
        if (err == CRDT_EMALFORMED) continue;
        CHECK_OK(err);
        CHECK(number > last && entry.size >= 8);
        last = number;
        memcpy(&id, entry.data, sizeof id);
        CHECK_MSG(id < w->next, "entry %ju was never appended", (uintmax_t)id);
        CHECK_EQ_MEM(entry.data, entry.size, expected, entry_bytes(id, expected));
        CHECK_MSG(w->fates[id] != LOST, "seed %ju: entry %ju comes back", (uintmax_t)w->seed,
                  (uintmax_t)id);
        CHECK(!seen[id]);
        seen[id] = 1;
        count++;
    }
    CHECK_EQ_INT(count, found.entries);
    for (id = 0; id < w->next; id++) {
        if (!seen[id] && id >= covered) {
            CHECK_MSG(w->fates[id] != DURABLE, "seed %ju: entry %ju was durable",
                      (uintmax_t)w->seed, (uintmax_t)id);
            CHECK_MSG(power || w->fates[id] != WRITTEN, "seed %ju: entry %ju was written",
                      (uintmax_t)w->seed, (uintmax_t)id);
            w->fates[id] = LOST;
        } else if (w->fates[id] != LOST) {
            w->fates[id] = DURABLE;
        }
    }
    w->recovered += count;
    w->covered = covered;
    w->must_be_clean = w->may_be_clean = false;
    w->run_first = w->next;
    w->saved_at = 0;
    w->replica = found.clean ? found.replica : next_random(&w->random) | 1;
    CHECK_OK(gossip_disk_begin(w->disk, w->replica));
}

static inline void raise_fates(world *w, fate from, fate to)
{
    for (uint64_t id = 0; id < w->next; id++) {
        if (w->fates[id] >= from && w->fates[id] < to) w->fates[id] = to;
    }
}

/* -- A world for one test ---------------------------------------------------------------------- */

static inline void world_new(world *w, gossip_sync policy)
{
    memset(w, 0, sizeof *w);
    testmem_init(&w->m);
    w->policy = policy;
    w->random = 1;
    w->files = sim_files_new(1);
}

static inline void world_end(world *w)
{
    gossip_disk_close(w->disk);
    sim_files_free(w->files);
    TESTMEM_DONE(&w->m);
}

static inline crdt_err try_open(world *w, uint64_t cluster, uint64_t node, char problem[256])
{
    gossip_disk_options options = gossip_disk_options_default(cluster, node);
    gossip_files        table = sim_files_table(w->files);
    return gossip_disk_open(&options, &table, &w->m.mem, &w->disk, problem);
}

static inline void begin_again(world *w, bool clean, gossip_recovery *ret_found)
{
    gossip_disk_close(w->disk);
    open_disk(w);
    CHECK_OK(gossip_disk_recover(w->disk, ret_found));
    CHECK_EQ_INT(ret_found->clean, clean);
}

/* Open, read, begin; each is tried twice. False: it could not be done. */
static inline bool start(world *w)
{
    gossip_disk_options options = gossip_disk_options_default(7, 9);
    gossip_files        table = sim_files_table(w->files);
    gossip_recovery     found;
    char                problem[256];
    crdt_err            err = CRDT_EIO;
    options.sync = w->policy;
    options.segment_bytes = 600;
    for (unsigned i = 0; i < 2 && err != CRDT_OK; i++) {
        err = gossip_disk_open(&options, &table, &w->m.mem, &w->disk, problem);
    }
    if (err != CRDT_OK) return false;
    for (unsigned i = 0; i < 2; i++) {
        err = gossip_disk_recover(w->disk, &found);
        if (w->calm) CHECK(err == CRDT_OK && found.problem[0] == 0);
        if (err == CRDT_OK) break;
    }
    w->replica = 77;
    if (err == CRDT_OK) {
        err = gossip_disk_begin(w->disk, w->replica);
        if (err != CRDT_OK) err = gossip_disk_begin(w->disk, w->replica);
    }
    w->run_first = w->next;
    return err == CRDT_OK;
}

/* -- Steps ------------------------------------------------------------------------------------- */

static inline void append(world *w)
{
    gossip_persist persist = gossip_disk_persist(w->disk);
    uint8_t        bytes[400];
    size_t         size = entry_bytes(w->next, bytes);
    CHECK_OK(persist.append(persist.user, w->position++, crdt_view_of(bytes, size)));
    w->fates[w->next++] = IN_MEMORY;
}

static inline void sync(world *w)
{
    gossip_persist persist = gossip_disk_persist(w->disk);
    crdt_err       err = persist.sync(persist.user);
    if (err == CRDT_OK) {
        raise_fates(w, IN_MEMORY, w->policy == GOSSIP_SYNC_ALWAYS ? DURABLE : WRITTEN);
    } else {
        CHECK_ERR(err, CRDT_EIO);
        w->failures++;
    }
}

static inline void flush(world *w)
{
    crdt_err err = gossip_disk_flush(w->disk);
    if (err == CRDT_OK) raise_fates(w, IN_MEMORY, DURABLE);
    else CHECK_ERR(err, CRDT_EIO);
}

/* A flush whose sync another thread does: it begins, or ends. The thread may be done long before
 * it is asked. */
static inline void flush_aside(world *w)
{
    int64_t      fd;
    gossip_files table = sim_files_table(w->files);
    if (w->policy == GOSSIP_SYNC_ALWAYS) {
        CHECK_ERR(gossip_disk_flush_begin(w->disk, &fd), CRDT_EINVAL);
        return;
    }
    if (w->flush_next == 0) {
        crdt_err err = gossip_disk_flush_begin(w->disk, &fd);
        if (err != CRDT_OK) CHECK_ERR(err, CRDT_EIO);
        else if (fd == -1) raise_fates(w, IN_MEMORY, DURABLE);
        if (err != CRDT_OK || fd == -1) return;
        raise_fates(w, IN_MEMORY, WRITTEN);
        w->flush_next = w->next;
        w->flushed = table.sync(table.user, fd) == 0;
        return;
    }
    bool     on = w->disk->flushing.on; /* nothing else has decided meanwhile */
    crdt_err err = gossip_disk_flush_end(w->disk, w->flushed);
    CHECK_ERR(err, on && !w->flushed ? CRDT_EIO : CRDT_OK);
    for (uint64_t id = 0; on && w->flushed && id < w->flush_next; id++) {
        if (w->fates[id] != LOST) w->fates[id] = DURABLE;
    }
    w->flush_next = 0;
}

static inline void make_snapshot(world *w)
{
    uint64_t less = random_below(&w->random, 8);
    w->saved_size = 8 + (size_t)random_below(&w->random, w->next % 5 == 0 ? 199000 : 900);
    w->saved_position = w->position;
    w->saved_covered = w->next;
    w->saved_at = 0;
    if (random_below(&w->random, 3) == 0 && less <= w->next - w->run_first &&
        w->next - less >= w->covered) { /* of a little before the end */
        w->saved_position -= less;
        w->saved_covered -= less;
    }
    memset(w->saved, (int)(w->saved_covered & 0xff), w->saved_size);
    memcpy(w->saved, &w->saved_covered, sizeof w->saved_covered);
}

/* One part of one; sometimes what was begun is given up. */
static inline void snapshot_part(world *w)
{
    gossip_persist persist = gossip_disk_persist(w->disk);
    bool           first = w->saved_at == 0 || random_below(&w->random, 8) == 0;
    if (first) make_snapshot(w);
    crdt_err err = persist.snapshot(persist.user, w->saved_position,
                                    crdt_view_of(w->saved, w->saved_size), &w->saved_at);
    if (err != CRDT_OK) {
        CHECK_ERR(err, CRDT_EIO);
        w->saved_at = 0;
        return;
    }
    if (first) raise_fates(w, IN_MEMORY, DURABLE);
    if (w->saved_at < w->saved_size) {
        w->unfinished++;
        return;
    }
    w->saved_at = 0;
    if (w->saved_covered > w->covered) w->covered = w->saved_covered;
    w->snapshots++;
}

/* All parts, if nothing fails. */
static inline void snapshot(world *w)
{
    do snapshot_part(w);
    while (w->saved_at > 0);
}

static inline void stop(world *w)
{
    crdt_err err = gossip_disk_stop(w->disk, w->replica, w->next + 1);
    if (err == CRDT_OK) {
        raise_fates(w, IN_MEMORY, DURABLE);
        w->must_be_clean = true;
    } else {
        CHECK_ERR(err, CRDT_EIO);
    }
    w->may_be_clean = true;
    w->stops++;
}

/* The end of a run, and the next one. */
static inline void end(world *w, unsigned how)
{
    bool power = how != 0;
    if (how != 2 && random_below(&w->random, 2) == 0) stop(w);
    if (power) {
        sim_files_crash(w->files);
        w->cuts++;
    } else {
        sim_files_kill(w->files);
        w->deaths++;
    }
    gossip_disk_close(w->disk);
    w->flush_next = 0;
    w->position = random_below(&w->random, 3);
    recover(w, power);
}

#endif
