/* The table over the real file calls, in a temporary directory; a disk on it; a process that is
 * killed. */
#define _GNU_SOURCE /* mkdtemp, kill */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gossip/disk.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

static void make_directory(char path[256])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(path, 256, "%s/concur-files-XXXXXX", tmp != NULL ? tmp : "/tmp");
    CHECK_MSG(mkdtemp(path) != NULL, "%s: %s", path, strerror(errno));
}

static void remove_directory(const char *path)
{
    DIR                 *dir = opendir(path);
    const struct dirent *entry;
    CHECK(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        char name[600];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.') CHECK(unlink(name) == 0);
    }
    closedir(dir);
    CHECK(rmdir(path) == 0);
}

static unsigned mode_of(const char *dir, const char *name)
{
    char        path[600];
    struct stat stat_of;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_MSG(stat(path, &stat_of) == 0, "%s: %s", path, strerror(errno));
    return stat_of.st_mode & 0777u;
}

typedef struct rig {
    char         path[256];
    testmem      m;
    gossip_files files;
    gossip_disk *disk;
} rig;

static void open_rig(rig *r, gossip_recovery *ret_found)
{
    gossip_disk_options options = gossip_disk_options_default(7, 9);
    char                problem[256];
    int                 error;
    options.segment_bytes = 1 << 20;
    crdt_err err = gossip_files_open(r->path, &r->files, &error);
    CHECK_MSG(err == CRDT_OK, "%s: %s", crdt_err_name(err), strerror(error));
    CHECK_OK(gossip_disk_open(&options, &r->files, &r->m.mem, &r->disk, problem));
    CHECK_OK(gossip_disk_recover(r->disk, ret_found));
}

static void close_rig(rig *r)
{
    gossip_disk_close(r->disk);
    gossip_files_close(&r->files);
}

/* Entries first, first + 1, ... are there, each 1,000 bytes of its own. */
static uint64_t read_rig(rig *r, uint64_t first)
{
    uint64_t  position, id, next = first;
    crdt_view entry;
    crdt_err  err;
    while ((err = gossip_disk_next(r->disk, &position, &entry)) != CRDT_ENOENT) {
        CHECK_OK(err);
        CHECK_EQ_INT(entry.size, 1000);
        memcpy(&id, entry.data, sizeof id);
        CHECK_EQ_INT(id, next++);
        for (size_t i = 8; i < 1000; i++) CHECK(((const uint8_t *)entry.data)[i] == (uint8_t)id);
    }
    return next;
}

static void append(gossip_persist persist, uint64_t id)
{
    uint8_t bytes[1000];
    memset(bytes, (int)(id & 0xff), sizeof bytes);
    memcpy(bytes, &id, sizeof id);
    CHECK_OK(persist.append(persist.user, id, crdt_view_of(bytes, sizeof bytes)));
}

TEST(files, a_disk_on_real_files)
{
    rig             r;
    gossip_recovery found;
    crdt_buf        bytes;
    make_directory(r.path);
    testmem_init(&r.m);
    crdt_buf_init(&bytes, NULL);
    open_rig(&r, &found);
    CHECK(found.fresh);
    CHECK_OK(gossip_disk_begin(r.disk, 5));
    gossip_persist persist = gossip_disk_persist(r.disk);
    for (uint64_t id = 0; id < 3000; id++) { /* three segments */
        append(persist, id);
        if (id % 100 == 99) CHECK_OK(persist.sync(persist.user));
        size_t at = 0;
        if (id != 999) continue;
        CHECK_OK(persist.snapshot(persist.user, 1000, crdt_text_view("0..999"), &at));
    }
    close_rig(&r);
    open_rig(&r, &found);
    CHECK(!found.clean && found.problem[0] == 0);
    CHECK_EQ_INT(found.replica, 5);
    CHECK_EQ_INT(found.entries, 2000);
    CHECK_OK(gossip_disk_snapshot(r.disk, &bytes));
    CHECK_EQ_MEM(bytes.data, bytes.size, "0..999", 6);
    CHECK_EQ_INT(read_rig(&r, 1000), 3000);
    CHECK_OK(gossip_disk_begin(r.disk, 6));
    CHECK_OK(gossip_disk_stop(r.disk, 6, 44));
    CHECK_EQ_INT(mode_of(r.path, "clean"), 0600);
    CHECK_EQ_INT(mode_of(r.path, "."), 0700);
    close_rig(&r);
    open_rig(&r, &found);
    CHECK(found.clean);
    CHECK_EQ_INT(found.replica, 6);
    CHECK_EQ_INT(found.last_seq, 44);
    close_rig(&r);
    crdt_buf_clear(&bytes);
    TESTMEM_DONE(&r.m);
    remove_directory(r.path);
}

/* All files of one directory into another, as a backup does. */
static void copy_directory(const char *from, const char *to)
{
    gossip_files in, out;
    int          error;
    char         name[256];
    static char  bytes[1 << 20];
    CHECK_OK(gossip_files_open(from, &in, &error));
    CHECK_OK(gossip_files_open(to, &out, &error));
    for (size_t i = 0; in.list(in.user, i, name) == 0; i++) {
        int64_t a = in.open(in.user, name, O_RDONLY);
        int64_t b = out.open(out.user, name, O_RDWR | O_CREAT | O_EXCL);
        CHECK(a >= 0 && b >= 0);
        int64_t size = in.read(in.user, a, bytes, sizeof bytes, 0);
        CHECK(size >= 0 && out.write(out.user, b, bytes, (size_t)size, 0) == size);
        CHECK(in.close(in.user, a) == 0 && out.close(out.user, b) == 0);
    }
    gossip_files_close(&in);
    gossip_files_close(&out);
}

TEST(files, a_copy_is_not_clean)
{
    rig             r, copy;
    gossip_recovery found;
    make_directory(r.path);
    make_directory(copy.path);
    testmem_init(&r.m);
    testmem_init(&copy.m);
    open_rig(&r, &found);
    CHECK_OK(gossip_disk_begin(r.disk, 5));
    CHECK_OK(gossip_disk_stop(r.disk, 5, 0));
    close_rig(&r);
    copy_directory(r.path, copy.path);
    open_rig(&copy, &found);
    CHECK(!found.clean && found.replica == 5);
    close_rig(&copy);
    open_rig(&r, &found);
    CHECK(found.clean);
    close_rig(&r);
    remove_directory(r.path);
    remove_directory(copy.path);
}

TEST(files, one_process_at_a_time)
{
    char         path[256];
    gossip_files files, second;
    int          error, status;
    make_directory(path);
    CHECK_OK(gossip_files_open(path, &files, &error));
    CHECK_ERR(gossip_files_open(path, &second, &error), CRDT_EBUSY);
    pid_t child = fork();
    if (child == 0) {
        status = gossip_files_open(path, &second, &error) == CRDT_EBUSY ? 0 : 1;
        gossip_files_close(&files); /* its copy; a leak otherwise, for valgrind */
        _exit(status);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    gossip_files_close(&files);
    CHECK_OK(gossip_files_open(path, &files, &error));
    gossip_files_close(&files);
    remove_directory(path);
    CHECK_ERR(gossip_files_open("/proc/none/here", &files, &error), CRDT_EIO);
    CHECK(error != 0);
}

TEST(files, gives_errors_as_numbers)
{
    char         path[256], name[600];
    gossip_files files;
    int          error;
    uint8_t      byte = 0;
    make_directory(path);
    CHECK_OK(gossip_files_open(path, &files, &error));
    CHECK_EQ_INT(files.open(files.user, "none", O_RDONLY), -ENOENT);
    CHECK_EQ_INT(files.unlink(files.user, "none"), -ENOENT);
    CHECK_EQ_INT(files.rename(files.user, "none", "other"), -ENOENT);
    CHECK_EQ_INT(files.read(files.user, 9999, &byte, 1, 0), -EBADF);
    CHECK_EQ_INT(files.write(files.user, 9999, &byte, 1, 0), -EBADF);
    CHECK_EQ_INT(files.sync(files.user, 9999), -EBADF);
    CHECK_EQ_INT(files.size(files.user, 9999), -EBADF);
    CHECK_EQ_INT(files.truncate(files.user, 9999, 0), -EBADF);
    CHECK_EQ_INT(files.close(files.user, 9999), -EBADF);
    CHECK_EQ_INT(files.sync(files.user, -1), 0);
    CHECK_EQ_INT(files.list(files.user, 0, name), -ENOENT);
    snprintf(name, sizeof name, "%s/log.1", path);
    CHECK(symlink("/etc/passwd", name) == 0);
    CHECK_EQ_INT(files.open(files.user, "log.1", O_RDWR), -ELOOP); /* never out of the directory */
    gossip_files_close(&files);
    remove_directory(path);
}

/* Tells each entry that is synced through the pipe, until it is killed. */
static void write_for_ever(rig *r, int pipe_in)
{
    gossip_recovery found;
    open_rig(r, &found);
    uint64_t next = read_rig(r, 0);
    CHECK_OK(gossip_disk_begin(r->disk, 5));
    gossip_persist persist = gossip_disk_persist(r->disk);
    for (;; next++) {
        append(persist, next);
        if (next % 3 != 0) continue;
        CHECK_OK(persist.sync(persist.user));
        if (write(pipe_in, &next, sizeof next) != sizeof next) _exit(1);
    }
}

TEST(files, a_process_that_is_killed_loses_nothing_synced)
{
    rig             r;
    gossip_recovery found;
    uint64_t        synced = 0, id;
    make_directory(r.path);
    testmem_init(&r.m);
    for (unsigned round = 0; round < (T_SLOW ? 2 : 5); round++) {
        int ends[2];
        CHECK(pipe(ends) == 0);
        fflush(stdout);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            close(ends[0]);
            write_for_ever(&r, ends[1]);
        }
        close(ends[1]);
        for (unsigned i = 0; i < 20 && read(ends[0], &id, sizeof id) == sizeof id; i++) {
            synced = id;
        }
        CHECK(kill(child, SIGKILL) == 0);
        while (read(ends[0], &id, sizeof id) == sizeof id) synced = id;
        close(ends[0]);
        CHECK(waitpid(child, NULL, 0) == child);
        open_rig(&r, &found);
        CHECK_MSG(found.problem[0] == 0, "%s", found.problem);
        CHECK(read_rig(&r, 0) > synced);
        close_rig(&r);
    }
    CHECK(synced > 20);
    remove_directory(r.path);
}
