/* The disk: whose it is, versions, stops, calls that fail, power cuts at each call. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "gossip/core/disk.h"
#include "tests/gossip/disk_world.h"

/* -- Whose directory --------------------------------------------------------------------------- */

TEST(disk, belongs_to_one_node_of_one_cluster)
{
    static world w;
    char         problem[256];
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    CHECK_OK(try_open(&w, 7, 9, problem));
    gossip_disk_close(w.disk);
    w.disk = NULL;
    CHECK_ERR(try_open(&w, 7, 8, problem), CRDT_EEXIST);
    CHECK_EQ_STR(problem, "the directory is another node's");
    CHECK_ERR(try_open(&w, 6, 9, problem), CRDT_EEXIST);
    CHECK_EQ_STR(problem, "the directory is another cluster's");
    CHECK_ERR(try_open(&w, 7, 0, problem), CRDT_EINVAL);
    CHECK_OK(try_open(&w, 7, 9, problem));
    CHECK_EQ_STR(problem, "");
    world_end(&w);
}

TEST(disk, refuses_a_newer_format)
{
    static world w;
    char         problem[256];
    gossip__line line = {.word = "node", .count = 4, .at = {GOSSIP__FORMAT + 1, 9, 7, 1}};
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    gossip_files table = sim_files_table(w.files);
    CHECK(gossip__line_write(&table, &line));
    CHECK_ERR(try_open(&w, 7, 9, problem), CRDT_EVERSION);
    CHECK_EQ_STR(problem, "the directory was written by a newer format");
    world_end(&w);
}

TEST(disk, refuses_files_without_the_file_that_says_whose)
{
    static world w;
    char         problem[256];
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    gossip_disk_close(w.disk);
    w.disk = NULL;
    sim_files_remove(w.files, "node");
    CHECK_ERR(try_open(&w, 7, 9, problem), CRDT_EMALFORMED);
    world_end(&w);
}

/* -- Starts and stops -------------------------------------------------------------------------- */

TEST(disk, a_clean_stop_counts_once)
{
    static world    w;
    gossip_recovery found;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    open_disk(&w);
    CHECK_OK(gossip_disk_recover(w.disk, &found));
    CHECK(found.fresh && !found.clean && found.replica == 0);
    CHECK_OK(gossip_disk_begin(w.disk, 55));
    CHECK_OK(gossip_disk_stop(w.disk, 55, 0)); /* even with nothing written */
    begin_again(&w, true, &found);
    CHECK(!found.fresh);
    CHECK_EQ_INT(found.replica, 55);
    begin_again(&w, false, &found); /* recover alone has consumed it */
    CHECK_EQ_INT(found.replica, 55);
    CHECK_OK(gossip_disk_begin(w.disk, 55));
    append(&w);
    CHECK_OK(gossip_disk_stop(w.disk, 55, 1));
    sim_files_crash(w.files);
    begin_again(&w, true, &found);
    CHECK_EQ_INT(found.last_seq, 1);
    CHECK_EQ_INT(found.entries, 1);
    sim_files_crash(w.files); /* consumed durably */
    begin_again(&w, false, &found);
    world_end(&w);
}

TEST(disk, a_copy_and_a_backup_are_not_clean)
{
    static world    w;
    gossip_recovery found;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    append(&w);
    stop(&w);
    sim_files *backup = sim_files_copy(w.files, 2), *here = w.files;
    w.files = backup; /* a clone, elsewhere */
    begin_again(&w, false, &found);
    CHECK_EQ_INT(found.entries, 1);
    CHECK(strstr(found.problem, "made elsewhere") != NULL);
    gossip_disk_close(w.disk);
    w.disk = NULL;
    w.files = here; /* a backup that is put back */
    sim_files *copy = sim_files_copy(here, 3);
    sim_files_restore(here, copy);
    begin_again(&w, false, &found);
    CHECK_EQ_INT(found.entries, 1);
    sim_files_free(backup);
    sim_files_free(copy);
    world_end(&w);
}

TEST(disk, keeps_to_the_order_of_calls)
{
    static world    w;
    gossip_recovery found;
    uint64_t        position;
    crdt_view       entry;
    crdt_buf        bytes;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    crdt_buf_init(&bytes, NULL);
    open_disk(&w);
    gossip_persist persist = gossip_disk_persist(w.disk);
    CHECK_ERR(gossip_disk_next(w.disk, &position, &entry), CRDT_EINVAL);
    CHECK_ERR(gossip_disk_snapshot(w.disk, &bytes), CRDT_EINVAL);
    CHECK_ERR(gossip_disk_begin(w.disk, 1), CRDT_EINVAL);
    CHECK_ERR(gossip_disk_stop(w.disk, 1, 0), CRDT_EINVAL);
    CHECK_ERR(persist.append(persist.user, 0, crdt_text_view("x")), CRDT_EINVAL);
    CHECK_OK(gossip_disk_recover(w.disk, &found));
    CHECK_ERR(gossip_disk_recover(w.disk, &found), CRDT_EINVAL);
    CHECK_ERR(gossip_disk_begin(w.disk, 0), CRDT_EINVAL);
    CHECK_ERR(persist.sync(persist.user), CRDT_EINVAL);
    CHECK_OK(gossip_disk_begin(w.disk, 1));
    CHECK_ERR(gossip_disk_next(w.disk, &position, &entry), CRDT_EINVAL);
    CHECK_OK(persist.append(persist.user, 4, crdt_text_view("")));
    CHECK_ERR(persist.append(persist.user, 4, crdt_text_view("x")), CRDT_EINVAL);
    CHECK_ERR(persist.append(persist.user, 5, crdt_view_of(&w, GOSSIP__PAYLOAD_MAX + 1u)),
              CRDT_ELIMIT);
    size_t at = 1; /* of none that was begun */
    CHECK_ERR(persist.snapshot(persist.user, 5, crdt_text_view("all"), &at), CRDT_EINVAL);
    at = 0;
    CHECK_OK(persist.snapshot(persist.user, 5, crdt_text_view("all"), &at));
    CHECK_EQ_INT(at, 3);
    at = 0;
    CHECK_ERR(persist.snapshot(persist.user, 4, crdt_text_view("less"), &at), CRDT_EINVAL);
    CHECK_ERR(gossip_disk_stop(w.disk, 2, 0), CRDT_EINVAL);
    sim_files_fault(w.files, (sim_fault){SIM_RENAME, 1, EIO, true});
    CHECK_ERR(gossip_disk_stop(w.disk, 1, 0), CRDT_EIO);
    CHECK_ERR(persist.append(persist.user, 6, crdt_text_view("x")), CRDT_EINVAL);
    sim_files_fault(w.files, (sim_fault){0});
    CHECK_OK(gossip_disk_stop(w.disk, 1, 0));
    CHECK_ERR(persist.append(persist.user, 6, crdt_text_view("x")), CRDT_EINVAL);
    crdt_buf_clear(&bytes);
    world_end(&w);
}

/* -- Calls that fail --------------------------------------------------------------------------- */

/* A directory with two segments, a snapshot, and a stop that was not clean. */
static void prepare(world *w)
{
    recover(w, false);
    for (unsigned i = 0; i < 20; i++) {
        append(w);
        if (i % 3 == 2) sync(w);
        if (i == 8) snapshot(w);
    }
    sync(w);
    flush(w);
    sim_files_kill(w->files);
    gossip_disk_close(w->disk);
    w->disk = NULL;
    w->position = 0;
}

/* A run that goes on whatever fails. */
static void script(world *w)
{
    w->must_be_clean = w->may_be_clean = false;
    if (!start(w)) return;
    for (unsigned i = 0; i < 9; i++) {
        append(w);
        if (i % 2 == 0) sync(w);
        if (i == 6) snapshot(w);
        if (i == 8) flush(w);
    }
    stop(w);
}

/* Fails the nth call for each n; what was promised is there afterwards, and it goes on. harmless:
 * nobody notices. */
static uint64_t fail_each(sim_fault fault, bool power, bool harmless)
{
    static world w;
    bool         struck = true;
    for (fault.nth = 1; struck; fault.nth++) {
        world_new(&w, GOSSIP_SYNC_ALWAYS);
        w.seed = fault.nth;
        w.calm = harmless;
        prepare(&w);
        sim_files_fault(w.files, fault);
        script(&w);
        struck = sim_files_struck(w.files);
        if (harmless) CHECK(w.failures == 0 && w.must_be_clean);
        if (power) sim_files_crash(w.files);
        else sim_files_kill(w.files);
        gossip_disk_close(w.disk);
        w.position = 0;
        recover(&w, power);
        append(&w);
        sync(&w);
        CHECK_EQ_INT(w.fates[w.next - 1], DURABLE);
        world_end(&w);
        CHECK(fault.nth < 2000);
    }
    return fault.nth - 2;
}

static size_t size_of(const world *w, const char *name)
{
    crdt_view bytes;
    return sim_files_get(w->files, name, &bytes) ? bytes.size : 0;
}

/* To drop a large file stops the caller, too: it goes in pieces, one with each call. */
TEST(disk, what_a_snapshot_stands_for_goes_in_pieces)
{
    const size_t piece = (size_t)8 << 20;
    static world w;
    size_t       size = 2 * piece + 1000, at = 0, steps = 0, logs = 0;
    uint8_t     *bytes = calloc(1, size);
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    CHECK(start(&w) && bytes != NULL);
    gossip_persist persist = gossip_disk_persist(w.disk);
    for (; at < size; steps++) {
        CHECK_OK(persist.snapshot(persist.user, w.position, crdt_view_of(bytes, size), &at));
    }
    CHECK_EQ_INT(steps, 17); /* a MiB each */
    for (unsigned i = 0; i < 20; i++) {
        append(&w);
        sync(&w);
    }
    at = 0;
    CHECK_OK(persist.snapshot(persist.user, w.position, crdt_text_view("small"), &at));
    CHECK(size_of(&w, "snapshot.1") > size); /* it was not begun */
    for (steps = 0; size_of(&w, "snapshot.1") > 0 || logs > 0; steps++) {
        size_t before = size_of(&w, "snapshot.1"), files = sim_files_count(w.files);
        sync(&w);
        logs = sim_files_count(w.files) - 4; /* but node, replica, reserve, the snapshot */
        CHECK(before - size_of(&w, "snapshot.1") <= piece);
        CHECK(files - sim_files_count(w.files) <= 1);
        CHECK(steps < 100);
    }
    CHECK(steps >= 5);
    free(bytes);
    world_end(&w);
}

TEST(disk, survives_each_call_failing_once)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT};
    for (unsigned power = 0; power < 2; power++) {
        for (unsigned i = 0; i < 3; i++) {
            sim_fault fault = {SIM_ALL & ~(unsigned)SIM_READ, 0, errors[i], false};
            uint64_t  calls = fail_each(fault, power != 0, false);
            CHECK_MSG(calls > 60, "only %ju calls", (uintmax_t)calls);
        }
    }
}

TEST(disk, survives_each_call_and_all_after_it_failing)
{
    sim_fault fault = {SIM_CHANGES, 0, EIO, true}, full = {SIM_WRITE, 0, ENOSPC, true};
    CHECK(fail_each(fault, false, false) > 40);
    CHECK(fail_each(full, false, false) > 10);
    CHECK(fail_each(full, true, false) > 10);
}

TEST(disk, survives_reads_failing_once_short_calls_and_interrupts)
{
    sim_fault read = {SIM_READ, 0, EIO, false}, brief = {SIM_READ | SIM_WRITE, 0, 0, false};
    sim_fault interrupt = {SIM_READ | SIM_WRITE, 0, EINTR, false};
    CHECK(fail_each(read, false, true) > 4);
    CHECK(fail_each(brief, true, true) > 15);
    CHECK(fail_each(interrupt, true, true) > 15);
}

TEST(disk, survives_a_power_cut_at_each_call)
{
    static world w;
    uint64_t     rounds = T_SLOW ? 2 : 10;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        bool struck = true;
        for (uint64_t n = 1; struck; n++) {
            sim_fault cut = {SIM_CHANGES, n, EIO, true};
            world_new(&w, GOSSIP_SYNC_ALWAYS);
            sim_files_free(w.files);
            w.files = sim_files_new(seed);
            w.seed = n;
            prepare(&w);
            sim_files_fault(w.files, cut);
            script(&w);
            struck = sim_files_struck(w.files);
            sim_files_crash(w.files);
            gossip_disk_close(w.disk);
            w.position = 0;
            recover(&w, true);
            append(&w);
            sync(&w);
            end(&w, 2);
            world_end(&w);
        }
    }
}

TEST(disk, survives_each_allocation_failing)
{
    static world w;
    uint64_t     n = 1;
    for (bool refused = true; refused; n++) {
        gossip_recovery found;
        char            problem[256];
        uint64_t        position, entries = 0;
        crdt_view       entry;
        crdt_buf        bytes;
        crdt_err        err;
        world_new(&w, GOSSIP_SYNC_ALWAYS);
        prepare(&w);
        crdt_buf_init(&bytes, &w.m.mem);
        testmem_fail_nth(&w.m, n);
        /* Each call is made again if it failed: nothing else may have changed. */
        err = try_open(&w, 7, 9, problem);
        if (err == CRDT_ENOMEM) CHECK_OK(try_open(&w, 7, 9, problem));
        err = gossip_disk_recover(w.disk, &found);
        if (err == CRDT_ENOMEM) CHECK_OK(gossip_disk_recover(w.disk, &found));
        err = gossip_disk_snapshot(w.disk, &bytes);
        if (err == CRDT_ENOMEM) CHECK(bytes.size == 0);
        bytes.failed = false;
        if (err == CRDT_ENOMEM) CHECK_OK(gossip_disk_snapshot(w.disk, &bytes));
        while ((err = gossip_disk_next(w.disk, &position, &entry)) != CRDT_ENOENT) {
            if (err == CRDT_OK) entries++;
            else CHECK_ERR(err, CRDT_ENOMEM);
        }
        CHECK_EQ_INT(entries, found.entries);
        CHECK(entries > 5 && bytes.size > 8);
        CHECK_OK(gossip_disk_begin(w.disk, 77));
        gossip_persist persist = gossip_disk_persist(w.disk);
        for (uint64_t i = 1; i < 4; i++) {
            entry = crdt_text_view("entry");
            err = persist.append(persist.user, i, entry);
            if (err == CRDT_ENOMEM) CHECK_OK(persist.append(persist.user, i, entry));
            err = persist.sync(persist.user);
            if (err == CRDT_ENOMEM) CHECK_OK(persist.sync(persist.user));
        }
        size_t at = 0;
        err = persist.snapshot(persist.user, 4, entry, &at);
        if (err == CRDT_ENOMEM) CHECK_OK(persist.snapshot(persist.user, 4, entry, &at));
        CHECK_OK(gossip_disk_stop(w.disk, 77, 1));
        refused = testmem_refused(&w.m);
        testmem_fail_never(&w.m);
        crdt_buf_clear(&bytes);
        world_end(&w);
    }
    CHECK_MSG(n > 8, "only %ju allocations", (uintmax_t)n);
}

TEST(disk, waits_for_room_on_a_full_disk)
{
    static world w;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    for (unsigned i = 0; i < 10; i++) append(&w);
    sync(&w);
    uint64_t full = sim_files_bytes(w.files);
    sim_files_capacity(w.files, full + 30);
    for (unsigned i = 0; i < 30; i++) {
        append(&w);
        sync(&w);
    }
    CHECK(w.failures > 20);
    CHECK_EQ_INT(sim_files_bytes(w.files), full); /* what failed takes no room */
    CHECK_EQ_INT(w.fates[9], DURABLE);
    CHECK_EQ_INT(w.fates[39], IN_MEMORY);
    sim_files_capacity(w.files, UINT64_MAX);
    sync(&w); /* by itself */
    CHECK_EQ_INT(w.fates[39], DURABLE);
    end(&w, 2);
    world_end(&w);
}

TEST(disk, stops_cleanly_on_a_full_disk)
{
    static world w;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    for (unsigned i = 0; i < 10; i++) append(&w);
    sync(&w);
    append(&w);
    sim_files_capacity(w.files, sim_files_bytes(w.files));
    sync(&w);
    CHECK_EQ_INT(w.failures, 1);
    stop(&w);
    CHECK(w.must_be_clean);
    gossip_disk_close(w.disk);
    recover(&w, false);
    CHECK_EQ_INT(w.recovered, 11);
    world_end(&w);
}
