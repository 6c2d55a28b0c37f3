/* files.c: the table of file calls over the real ones. */
#define _GNU_SOURCE /* O_DIRECTORY and O_CLOEXEC, flock */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat */
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gossip/disk.h"

/* A data directory: its descriptor, which holds the lock, and where a listing of it stands. */
typedef struct directory {
    int      fd;
    DIR     *listing;
    size_t   listed;
    uint64_t machine;
} directory;

static int64_t result(int64_t n)
{
    return n < 0 ? -errno : n;
}

static int64_t files_open(void *user, const char *name, int flags)
{
    const directory *dir = user;
    int              fd;
    do fd = openat(dir->fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd < 0 && errno == EINTR);
    return result(fd);
}

static int64_t files_close(void *user, int64_t fd)
{
    (void)user;
    return result(close((int)fd));
}

static int64_t files_read(void *user, int64_t fd, void *data, size_t size, uint64_t offset)
{
    (void)user;
    return result(pread((int)fd, data, size, (off_t)offset));
}

static int64_t files_write(void *user, int64_t fd, const void *data, size_t size, uint64_t offset)
{
    (void)user;
    return result(pwrite((int)fd, data, size, (off_t)offset));
}

static int64_t files_truncate(void *user, int64_t fd, uint64_t size)
{
    int n;
    (void)user;
    do n = ftruncate((int)fd, (off_t)size);
    while (n < 0 && errno == EINTR);
    return result(n);
}

/* A sync that was interrupted told of no error, so it may be tried again. */
static int64_t files_sync(void *user, int64_t fd)
{
    const directory *dir = user;
    int              n;
    do n = fd == -1 ? fsync(dir->fd) : fdatasync((int)fd);
    while (n < 0 && errno == EINTR);
    return result(n);
}

static int64_t files_rename(void *user, const char *from, const char *to)
{
    const directory *dir = user;
    return result(renameat(dir->fd, from, dir->fd, to));
}

static int64_t files_unlink(void *user, const char *name)
{
    const directory *dir = user;
    return result(unlinkat(dir->fd, name, 0));
}

static int64_t files_size(void *user, int64_t fd)
{
    struct stat stat;
    (void)user;
    return fstat((int)fd, &stat) < 0 ? -errno : (int64_t)stat.st_size;
}

/* The listing that is open goes on where it stands, so that a whole one takes linear time. */
static int64_t files_list(void *user, size_t i, char name[256])
{
    directory *dir = user;
    if (dir->listing != NULL && i < dir->listed) {
        closedir(dir->listing);
        dir->listing = NULL;
    }
    if (dir->listing == NULL) {
        int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return -errno;
        dir->listing = fdopendir(fd);
        if (dir->listing == NULL) {
            int err = errno;
            close(fd);
            return -err;
        }
        dir->listed = 0;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir->listing);
        if (entry == NULL) {
            int err = errno != 0 ? errno : ENOENT;
            closedir(dir->listing);
            dir->listing = NULL;
            return -err;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        size_t size = strlen(entry->d_name);
        if (dir->listed++ < i) continue;
        if (size > 255) return -ENAMETOOLONG;
        memcpy(name, entry->d_name, size + 1);
        return 0;
    }
}

static int64_t files_identity(void *user, int64_t fd, uint64_t *ret_machine, uint64_t *ret_inode)
{
    const directory *dir = user;
    struct stat      file, folder;
    if (fstat((int)fd, &file) < 0 || fstat(dir->fd, &folder) < 0) return -errno;
    *ret_machine = dir->machine;
    *ret_inode = (uint64_t)file.st_ino + (uint64_t)folder.st_ino * UINT64_C(0x9e3779b97f4a7c15);
    return 0;
}

/* A hash of what names this machine: its machine id, or else its host name. */
static uint64_t this_machine(void)
{
    char    text[256] = "";
    ssize_t size = 0;
    int     fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        size = read(fd, text, sizeof text);
        close(fd);
    }
    if (size <= 0) {
        if (gethostname(text, sizeof text - 1) != 0) return 0;
        size = (ssize_t)strlen(text);
    }
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (ssize_t i = 0; i < size; i++) hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* The name of a directory that was just made is as durable as what will be in it. */
static int sync_parent(int fd)
{
    int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) return -1;
    int err = fsync(parent);
    close(parent);
    return err;
}

crdt_err gossip_files_open(const char *dir, gossip_files *ret_files, int *ret_errno)
{
    static const gossip_files table = {files_open,     files_close, files_read,     files_write,
                                       files_truncate, files_sync,  files_rename,   files_unlink,
                                       files_size,     files_list,  files_identity, NULL};
    *ret_errno = 0;
    bool made = mkdir(dir, 0700) == 0;
    int  fd = made || errno == EEXIST ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || (made && sync_parent(fd) != 0)) {
        *ret_errno = errno;
        if (fd >= 0) close(fd);
        return CRDT_EIO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        *ret_errno = errno;
        close(fd);
        return *ret_errno == EWOULDBLOCK ? CRDT_EBUSY : CRDT_EIO;
    }
    directory *user = malloc(sizeof *user);
    if (user == NULL) {
        close(fd);
        return CRDT_ENOMEM;
    }
    *user = (directory){.fd = fd, .machine = this_machine()};
    *ret_files = table;
    ret_files->user = user;
    return CRDT_OK;
}

void gossip_files_close(gossip_files *files)
{
    directory *dir = files->user;
    if (dir == NULL) return;
    if (dir->listing != NULL) closedir(dir->listing);
    close(dir->fd);
    free(dir);
    files->user = NULL;
}
