/* disk.c: rows of the log on disk. */
#define _GNU_SOURCE /* mkdtemp */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "gossip/disk.h"

#define ENTRIES BENCH_SIZE(500000u, 5000u)
#define BATCH 1000u

static int64_t drop_write(void *user, int64_t fd, const void *data, size_t size, uint64_t offset)
{
    (void)user, (void)fd, (void)data, (void)offset;
    return (int64_t)size;
}

static gossip_disk *open_disk(const gossip_files *files)
{
    gossip_disk_options options = gossip_disk_options_default(1, 1);
    char                problem[256];
    gossip_disk        *disk;
    options.sync = GOSSIP_SYNC_NO;
    bench_must(gossip_disk_open(&options, files, NULL, &disk, problem), "disk");
    return disk;
}

/* Seconds for all entries. */
static double append_all(gossip_disk *disk, uint64_t *position)
{
    gossip_persist persist = gossip_disk_persist(disk);
    uint8_t        entry[100];
    uint64_t       random = 1;
    for (size_t i = 0; i < sizeof entry; i++) entry[i] = (uint8_t)bench_rand(&random);
    double start = bench_seconds();
    for (unsigned i = 0; i < ENTRIES; i++) {
        memcpy(entry, position, sizeof *position);
        bench_must(persist.append(persist.user, (*position)++, crdt_view_of(entry, sizeof entry)),
                   "append");
        if (i % BATCH == BATCH - 1) bench_must(persist.sync(persist.user), "sync");
    }
    return bench_seconds() - start;
}

static double recover_all(gossip_files *files)
{
    gossip_recovery found;
    uint64_t        position, count = 0;
    crdt_view       entry;
    double          start = bench_seconds();
    gossip_disk    *disk = open_disk(files);
    bench_must(gossip_disk_recover(disk, &found), "recover");
    while (gossip_disk_next(disk, &position, &entry) == CRDT_OK) count++;
    if (count != found.entries || found.problem[0] != 0) bench_die(found.problem, CRDT_EMALFORMED);
    double seconds = bench_seconds() - start;
    gossip_disk_close(disk);
    return seconds / (double)count;
}

static void append_rows(bench *b, const char *name, gossip_files *files, bool dropped)
{
    bench_samples   samples = {0};
    gossip_recovery found;
    gossip_files    table = *files;
    uint64_t        position = 0;
    gossip_disk    *disk = open_disk(files);
    bench_must(gossip_disk_recover(disk, &found), "recover");
    bench_must(gossip_disk_begin(disk, 1), "begin");
    gossip_disk_close(disk);
    if (dropped) table.write = drop_write;
    disk = open_disk(&table);
    bench_must(gossip_disk_recover(disk, &found), "recover");
    bench_must(gossip_disk_begin(disk, 1), "begin");
    double seconds = append_all(disk, &position); /* warm-up */
    do {
        seconds = append_all(disk, &position);
        bench_sample(&samples, seconds * 1e6 / ENTRIES);
    } while (bench_more(&samples, seconds));
    bench_row(b, name, ENTRIES, &samples, "us");
    gossip_disk_close(disk);
}

static void recover_rows(bench *b, gossip_files *files)
{
    bench_samples samples = {0};
    double        seconds = recover_all(files); /* warm-up */
    do {
        seconds = recover_all(files);
        bench_sample(&samples, seconds * 1e6);
    } while (bench_more(&samples, seconds * ENTRIES));
    bench_row(b, "disk/recover", ENTRIES, &samples, "us");
}

static void remove_all(gossip_files *files)
{
    char name[256];
    while (files->list(files->user, 0, name) == 0) {
        if (files->unlink(files->user, name) != 0) return;
    }
}

void bench_disk(bench *b)
{
    char         path[256];
    gossip_files files;
    int          error;
    const char  *tmp = getenv("TMPDIR");
    if (!bench_wants(b, "disk/append") && !bench_wants(b, "disk/append-files") &&
        !bench_wants(b, "disk/recover")) {
        return;
    }
    snprintf(path, sizeof path, "%s/concur-bench-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(path) == NULL) bench_die(path, CRDT_EIO);
    bench_must(gossip_files_open(path, &files, &error), path);
    if (bench_wants(b, "disk/append")) append_rows(b, "disk/append", &files, true);
    remove_all(&files);
    append_rows(b, "disk/append-files", &files, false); /* also what recover reads */
    if (bench_wants(b, "disk/recover")) recover_rows(b, &files);
    remove_all(&files);
    gossip_files_close(&files);
    (void)remove(path);
}
