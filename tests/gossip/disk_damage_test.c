/* The disk: damage, torn writes, what was written twice, hostile bytes. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "gossip/core/disk.h"
#include "tests/gossip/disk_world.h"

/* Three segments and a snapshot; stopped as asked. */
static void small_directory(world *w, bool clean)
{
    world_new(w, GOSSIP_SYNC_ALWAYS);
    CHECK(start(w));
    for (unsigned i = 0; i < 14; i++) {
        append(w);
        if (i % 2 == 1) sync(w);
        if (i == 3) {
            gossip_persist persist = gossip_disk_persist(w->disk);
            size_t         at = 0;
            CHECK_OK(persist.snapshot(persist.user, w->position, crdt_text_view("snapshot"), &at));
            w->covered = w->next;
        }
    }
    if (clean) stop(w);
    sim_files_kill(w->files);
    gossip_disk_close(w->disk);
    w->disk = NULL;
}

/* What a start finds: all entries from `covered` on are there and right, or it says otherwise. */
static bool told_or_harmless(world *w, gossip_recovery *found)
{
    char      problem[256];
    crdt_buf  bytes;
    uint64_t  position, id, count = 0;
    crdt_view entry;
    uint8_t   expected[400];
    crdt_err  err = try_open(w, 7, 9, problem);
    if (err != CRDT_OK) return problem[0] != 0;
    CHECK_OK(gossip_disk_recover(w->disk, found));
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(gossip_disk_snapshot(w->disk, &bytes));
    bool whole = bytes.size == 8 && memcmp(bytes.data, "snapshot", 8) == 0;
    CHECK(whole || bytes.size == 0); /* never a part of it, never other bytes */
    crdt_buf_clear(&bytes);
    while ((err = gossip_disk_next(w->disk, &position, &entry)) != CRDT_ENOENT) {
        if (err == CRDT_EMALFORMED) continue;
        CHECK_OK(err);
        memcpy(&id, entry.data, sizeof id);
        CHECK(id < w->next && id == position - 1);
        CHECK_EQ_MEM(entry.data, entry.size, expected, entry_bytes(id, expected));
        count++;
    }
    whole = whole && count == w->next - w->covered;
    bool told = (found->bad_frames > 0 && found->problem[0] != 0) || found->torn_bytes > 0;
    CHECK(!found->clean || (whole && !told));
    return whole || told;
}

static void flip_each_bit(bool clean)
{
    static world    w;
    gossip_recovery found;
    uint64_t        flips = 0, refused = 0, damaged = 0, torn = 0, harmless = 0;
    small_directory(&w, clean);
    size_t files = sim_files_count(w.files);
    CHECK(files >= (clean ? 7u : 6u));
    for (size_t f = 0; f < files; f++) {
        gossip__name name;
        memset(&name, 0, sizeof name);
        memcpy(name.text, sim_files_name(w.files, f), strlen(sim_files_name(w.files, f)));
        if (strcmp(name.text, "reserve") == 0) continue;
        world_end(&w);
        bool there = true;
        for (uint64_t bit = 0; there; bit += T_SLOW ? 13 : 1) {
            small_directory(&w, clean);
            there = sim_files_flip(w.files, name.text, bit);
            memset(&found, 0, sizeof found);
            CHECK_MSG(told_or_harmless(&w, &found), "%s: bit %ju is flipped, and nobody said so",
                      name.text, (uintmax_t)bit);
            flips++;
            if (w.disk == NULL) refused++;
            else if (found.bad_frames > 0) damaged++;
            else if (found.torn_bytes > 0) torn++;
            else harmless++;
            CHECK_EQ_INT(clean && torn > 0, false); /* after a clean stop nothing is torn */
            if (w.disk != NULL) {                   /* it goes on */
                CHECK_OK(gossip_disk_begin(w.disk, 78));
                w.position = 0;
                append(&w);
                CHECK_OK(gossip_disk_stop(w.disk, 78, 1));
                sim_files_kill(w.files);
            }
            world_end(&w);
        }
        small_directory(&w, clean);
    }
    world_end(&w);
    printf("%ju flips: %ju refused, %ju damage, %ju torn, %ju harmless\n", (uintmax_t)flips,
           (uintmax_t)refused, (uintmax_t)damaged, (uintmax_t)torn, (uintmax_t)harmless);
    CHECK(refused > 0 && damaged > (T_SLOW ? 100u : 1000u) && harmless > 0 && (clean || torn > 0));
}

TEST(disk, tells_of_each_flipped_bit_after_a_clean_stop)
{
    flip_each_bit(true);
}

TEST(disk, tells_of_each_flipped_bit_after_an_unclean_stop)
{
    flip_each_bit(false);
}

/* A clean stop counts for all that was there, also for what was not known to be durable before. */
TEST(disk, is_not_clean_if_the_end_of_its_log_is_gone)
{
    static world    w;
    gossip_recovery found;
    crdt_view       log;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    for (unsigned i = 0; i < 6; i++) append(&w);
    sync(&w);
    sim_files_kill(w.files);
    CHECK(sim_files_get(w.files, "log.1", &log));
    CHECK(sim_files_flip(w.files, "log.1", (88 + 36) * 8)); /* in the first: nothing proves it */
    begin_again(&w, false, &found);
    CHECK(found.entries == 5 && found.bad_frames == 0 && found.torn_bytes > 0);
    CHECK_OK(gossip_disk_begin(w.disk, 5));
    CHECK_OK(gossip_disk_stop(w.disk, 5, 0));
    sim_files_kill(w.files);
    CHECK(sim_files_flip(w.files, "log.1", (log.size - 12) * 8)); /* in the last */
    begin_again(&w, false, &found);
    CHECK_EQ_INT(found.entries, 4);
    world_end(&w);
}

/* A sync failed, and so did cutting off what it had not synced: a later segment has it again, and
 * what became of the first copies does not matter. */
TEST(disk, reads_what_was_written_again_where_it_was_written_last)
{
    static world    w;
    gossip_recovery found;
    sim_fault       fault = {SIM_SYNC | SIM_TRUNCATE, 1, EIO, true}, none = {0};
    crdt_view       log;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    append(&w);
    sync(&w);
    for (unsigned i = 0; i < 4; i++) append(&w);
    sim_files_fault(w.files, fault);
    sync(&w);
    CHECK_EQ_INT(w.failures, 1);
    sim_files_fault(w.files, none);
    sync(&w);
    CHECK(sim_files_get(w.files, "log.1", &log));
    CHECK(log.size > 600 && sim_files_get(w.files, "log.2", &log));
    uint64_t at = 88 + gossip__frame_size(gossip__load32((const uint8_t *)log.data + 88 + 8));
    CHECK(sim_files_get(w.files, "log.1", &log));
    at += gossip__frame_size(gossip__load32((const uint8_t *)log.data + 88 + 8));
    CHECK(sim_files_flip(w.files, "log.1", (at + 34) * 8)); /* in the third */
    sim_files_kill(w.files);
    begin_again(&w, false, &found);
    CHECK_MSG(found.problem[0] == 0, "%s", found.problem);
    CHECK_EQ_INT(found.entries, 5);
    CHECK_EQ_INT(found.torn_bytes, 0);
    world_end(&w);
}

/* Where sync means written: what an error meets was promised before, and the process may die
 * before it is written again. */
TEST(disk, keeps_what_was_written_when_a_later_write_fails)
{
    static world w;
    crdt_view    log;
    sim_fault    write = {SIM_WRITE, 1, EIO, false}, none = {0};
    sim_fault    rewrite = {SIM_WRITE | SIM_UNLINK | SIM_TRUNCATE, 2, EIO, true};
    sim_fault    flushing = {SIM_SYNC, 1, EIO, false};
    for (unsigned how = 0; how < 4; how++) {
        world_new(&w, GOSSIP_SYNC_EVERYSEC);
        recover(&w, false);
        for (unsigned i = 0; i < 4; i++) append(&w);
        sync(&w);
        append(&w);
        sim_files_fault(w.files, how == 3 ? flushing : write);
        if (how == 3) flush(&w);
        else sync(&w);
        if (how == 1) { /* neither can it be written again; the first frame alone can */
            sim_files_fault(w.files, rewrite);
            sync(&w);
            CHECK(w.failures == 2 && sim_files_get(w.files, "log.2.new", &log));
        }
        sim_files_fault(w.files, none);
        if (how == 2) sync(&w);
        sim_files_kill(w.files);
        gossip_disk_close(w.disk);
        recover(&w, false); /* checks that it is there */
        CHECK_EQ_INT(w.recovered, how == 2 ? 5 : how == 3 ? 5 : 4);
        CHECK(!sim_files_get(w.files, "log.2.new", &log));
        world_end(&w);
    }
}

/* Two segments in turn begin with entry 2, and one before them has it, too. Its first copies are
 * damaged: the last segment tells where it begins. */
TEST(disk, knows_where_entries_were_written_again_if_a_first_copy_is_damaged)
{
    static world    w;
    gossip_recovery found;
    crdt_view       log;
    world_new(&w, GOSSIP_SYNC_NO);
    recover(&w, false);
    append(&w);
    sync(&w);
    flush(&w);
    for (unsigned i = 0; i < 2; i++) { /* two segments that begin with entry 2 */
        append(&w);
        append(&w);
        sync(&w);
        sim_files_fault(w.files, (sim_fault){SIM_SYNC, 1, EIO, false});
        flush(&w);
        sync(&w);
    }
    CHECK(sim_files_get(w.files, "log.2", &log) && sim_files_get(w.files, "log.3", &log));
    CHECK(sim_files_get(w.files, "log.1", &log));
    uint64_t second = 88 + gossip__frame_size(gossip__load32((const uint8_t *)log.data + 88 + 8));
    CHECK(sim_files_flip(w.files, "log.1", (second + 36) * 8));
    CHECK(sim_files_flip(w.files, "log.2", 40 * 8));        /* it does not tell where it begins */
    CHECK(sim_files_flip(w.files, "log.2", (88 + 36) * 8)); /* and seems to begin with entry 3 */
    begin_again(&w, false, &found);
    CHECK_EQ_INT(found.entries, 5);
    world_end(&w);
}

/* What cannot be read today may be read tomorrow: new entries do not take its numbers. */
TEST(disk, leaves_room_for_what_it_cannot_read)
{
    static world    w;
    gossip_recovery found;
    crdt_view       log;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    for (unsigned i = 0; i < 6; i++) {
        append(&w);
        sync(&w);
    }
    sim_files_kill(w.files);
    CHECK(sim_files_get(w.files, "log.1", &log));
    uint64_t bit = (log.size - 12) * 8;
    CHECK(sim_files_flip(w.files, "log.1", bit)); /* in the last */
    begin_again(&w, false, &found);
    CHECK_EQ_INT(found.entries, 5);
    CHECK_OK(gossip_disk_begin(w.disk, 5));
    w.position = 0;
    append(&w);
    sync(&w);
    sim_files_kill(w.files);
    CHECK(sim_files_flip(w.files, "log.1", bit)); /* it is well again */
    begin_again(&w, false, &found);
    CHECK_MSG(found.problem[0] == 0, "%s", found.problem);
    CHECK_EQ_INT(found.entries, 7);
    world_end(&w);
}

TEST(disk, clears_away_what_an_interrupted_snapshot_left)
{
    static world    w;
    gossip_recovery found;
    crdt_view       bytes;
    small_directory(&w, false);
    CHECK(!sim_files_get(w.files, "log.1", &bytes) && sim_files_get(w.files, "log.2", &bytes));
    sim_files_put(w.files, "log.1", crdt_text_view("old"));
    sim_files_put(w.files, "snapshot.1", crdt_text_view("old"));
    sim_files_put(w.files, "snapshot.7.new", crdt_text_view("not finished"));
    sim_files_put(w.files, "other.new", crdt_text_view("somebody's"));
    begin_again(&w, false, &found);
    CHECK(found.problem[0] == 0);
    CHECK_OK(gossip_disk_begin(w.disk, 5));
    CHECK(!sim_files_get(w.files, "log.1", &bytes));
    CHECK(!sim_files_get(w.files, "snapshot.1", &bytes));
    CHECK(!sim_files_get(w.files, "snapshot.7.new", &bytes));
    CHECK(sim_files_get(w.files, "other.new", &bytes));
    world_end(&w);
}

TEST(disk, keeps_damaged_bytes_aside_and_the_entries_behind_them)
{
    static world    w;
    gossip_recovery found;
    crdt_view       log, aside;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    for (unsigned i = 0; i < 5; i++) {
        append(&w);
        sync(&w);
    }
    CHECK(sim_files_get(w.files, "log.1", &log));
    uint64_t at = 88 + gossip__frame_size(gossip__load32((const uint8_t *)log.data + 88 + 8));
    CHECK(sim_files_flip(w.files, "log.1", (at + 36) * 8)); /* in the second entry */
    gossip_disk_close(w.disk);
    open_disk(&w);
    CHECK_OK(gossip_disk_recover(w.disk, &found));
    CHECK_EQ_INT(found.entries, 4);
    CHECK_EQ_INT(found.bad_frames, 1);
    CHECK_MSG(strstr(found.problem, "log.1 at byte ") == found.problem &&
                  strstr(found.problem, "entries 2 to 2 lack") != NULL,
              "%s", found.problem);
    gossip__name name = gossip__name_of("quarantine.1", at, "");
    CHECK(sim_files_get(w.files, name.text, &aside));
    CHECK_EQ_MEM(aside.data, aside.size, (const uint8_t *)log.data + at, aside.size);
    CHECK(aside.size >= 40);
    world_end(&w);
}

/* Two segments of which the second begins with damage: in its first frame and in its first entry.
 */
static void damage_at_start(world *w, gossip_sync policy, gossip_recovery *ret_found,
                            size_t *ret_size)
{
    crdt_view log;
    world_new(w, policy);
    recover(w, false);
    append(w);
    append(w);
    sync(w);
    flush(w);
    gossip_disk_close(w->disk);
    recover(w, false); /* a new segment */
    w->position = 0;
    for (unsigned i = 0; i < 4; i++) {
        append(w);
        sync(w);
    }
    CHECK(sim_files_get(w->files, "log.2", &log));
    *ret_size = 88 + gossip__frame_size(gossip__load32((const uint8_t *)log.data + 88 + 8));
    CHECK(sim_files_flip(w->files, "log.2", 40 * 8));
    CHECK(sim_files_flip(w->files, "log.2", (88 + 36) * 8));
    begin_again(w, false, ret_found);
    CHECK_EQ_INT(ret_found->entries, 5);
}

TEST(disk, keeps_aside_what_is_damaged_where_a_segment_begins)
{
    static world    w;
    gossip_recovery found;
    crdt_view       aside, log;
    size_t          size;
    damage_at_start(&w, GOSSIP_SYNC_ALWAYS, &found, &size);
    CHECK_EQ_INT(found.bad_frames, 2);
    CHECK_EQ_INT(found.torn_bytes, 0);
    CHECK_MSG(strstr(found.problem, "log.2 at byte 0: damaged for ") == found.problem &&
                  strstr(found.problem, "entries 3 to 3 lack") != NULL,
              "%s", found.problem);
    CHECK(sim_files_get(w.files, "quarantine.2.0", &aside));
    CHECK(sim_files_get(w.files, "log.2", &log));
    CHECK_EQ_MEM(aside.data, aside.size, log.data, size);
    world_end(&w);

    damage_at_start(&w, GOSSIP_SYNC_EVERYSEC, &found, &size); /* nothing proves that it was there */
    CHECK_EQ_INT(found.bad_frames, 0);
    CHECK_EQ_INT(found.torn_bytes, size);
    world_end(&w);
}

/* The first frame alone: no entry lacks, and it is told of. */
TEST(disk, tells_of_a_segment_that_cannot_say_where_it_begins)
{
    static world    w;
    gossip_recovery found;
    crdt_view       aside, log;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    for (unsigned i = 0; i < 3; i++) {
        append(&w);
        sync(&w);
    }
    CHECK(sim_files_flip(w.files, "log.1", 40 * 8));
    begin_again(&w, false, &found);
    CHECK(found.entries == 3 && found.bad_frames == 1 && found.torn_bytes == 0);
    CHECK_MSG(strstr(found.problem, "no entry lacks") != NULL, "%s", found.problem);
    CHECK(sim_files_get(w.files, "quarantine.1.0", &aside) && aside.size == 88);
    uint64_t  position, count = 0;
    crdt_view entry;
    for (crdt_err err; (err = gossip_disk_next(w.disk, &position, &entry)) != CRDT_ENOENT;) {
        CHECK_OK(err);
        count++;
    }
    CHECK_EQ_INT(count, 3);
    CHECK(sim_files_get(w.files, "log.1", &log));
    world_end(&w);
}

/* A torn write, and behind it a segment of which nothing had come to the disk. */
TEST(disk, counts_what_is_torn_before_an_empty_segment)
{
    static world    w;
    gossip_recovery found;
    crdt_view       log;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    for (unsigned i = 0; i < 3; i++) append(&w);
    sync(&w);
    CHECK(sim_files_get(w.files, "log.1", &log));
    CHECK(sim_files_flip(w.files, "log.1", (log.size - 12) * 8));
    sim_files_put(w.files, "log.2", crdt_text_view(""));
    begin_again(&w, false, &found);
    CHECK(found.entries == 2 && found.bad_frames == 0 && found.torn_bytes > 0);
    world_end(&w);
}

/* log.1 of four entries of ten bytes, each synced. */
static void four_entries(world *w, const char *text, crdt_view *ret_log)
{
    world_new(w, GOSSIP_SYNC_ALWAYS);
    recover(w, false);
    gossip_persist persist = gossip_disk_persist(w->disk);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_OK(persist.append(persist.user, i, crdt_text_view(text)));
        CHECK_OK(persist.sync(persist.user));
    }
    CHECK(sim_files_get(w->files, "log.1", ret_log));
}

/* A frame that is whole and has the right number, from another history of the same segment. */
TEST(disk, does_not_take_a_frame_that_does_not_follow_the_one_before)
{
    static world    a, b;
    gossip_recovery found;
    crdt_view       mine, other, entry;
    uint64_t        number;
    size_t          size = gossip__frame_size(10), at = 88 + 2 * size;
    uint8_t         bytes[4096];
    four_entries(&a, "this entry", &mine);
    four_entries(&b, "that entry", &other);
    CHECK(mine.size == other.size && mine.size == 88 + 4 * size);
    memcpy(bytes, mine.data, mine.size);
    memcpy(bytes + at, (const uint8_t *)other.data + at, size);
    sim_files_put(a.files, "log.1", crdt_view_of(bytes, mine.size));
    gossip_disk_close(a.disk);
    open_disk(&a);
    CHECK_OK(gossip_disk_recover(a.disk, &found));
    CHECK(found.entries == 3 && found.bad_frames == 1);
    for (crdt_err err; (err = gossip_disk_next(a.disk, &number, &entry)) != CRDT_ENOENT;) {
        CHECK(err == CRDT_EMALFORMED || memcmp(entry.data, "this entry", 10) == 0);
    }
    world_end(&a);
    world_end(&b);
}

TEST(disk, tells_of_a_segment_that_is_gone)
{
    static world    w;
    gossip_recovery found;
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    CHECK(start(&w));
    for (unsigned i = 0; i < 40; i++) {
        append(&w);
        sync(&w);
    }
    gossip_disk_close(w.disk);
    sim_files_remove(w.files, "log.2");
    open_disk(&w);
    CHECK_OK(gossip_disk_recover(w.disk, &found));
    CHECK(found.bad_frames > 0 && found.entries + found.bad_frames == 40);
    CHECK_MSG(strstr(found.problem, "too short by entries") != NULL, "%s", found.problem);
    world_end(&w);
}

/* Memory and time are bounded whatever a file holds: here, heads of frames that fit, each of which
 * promises a frame up to the end of the file. */
TEST(disk, reads_hostile_bytes_in_linear_time)
{
    enum { SIZE = 8 << 20 };
    static uint8_t  bytes[SIZE];
    static world    w;
    gossip_recovery found;
    uint64_t        seed = gossip__seed(9, 7, GOSSIP__LOG, 1);
    for (size_t at = 64; at + 64 <= SIZE; at += 32) {
        gossip__store32(bytes + at + 8, (uint32_t)(SIZE - at - 32));
        gossip__store64(bytes + at + 16, 1);
        gossip__store32(bytes + at + 12, gossip__head_hash(bytes + at, seed));
    }
    world_new(&w, GOSSIP_SYNC_ALWAYS);
    recover(&w, false);
    gossip_disk_close(w.disk);
    sim_files_put(w.files, "log.1", crdt_view_of(bytes, SIZE));
    open_disk(&w);
    w.m.peak = w.m.bytes;
    clock_t start_time = clock();
    CHECK_OK(gossip_disk_recover(w.disk, &found));
    double seconds = (double)(clock() - start_time) / CLOCKS_PER_SEC;
    CHECK_EQ_INT(found.entries, 0);
    CHECK_MSG(w.m.peak < (21u << 20), "%zu bytes", w.m.peak);
    CHECK_MSG(seconds < (T_SLOW ? 30 : 3), "%.2f s", seconds);
    world_end(&w);
}
