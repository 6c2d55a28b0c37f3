/* sim/files.c: see sim/files.h. */
#include "sim/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u
#define FILES_MAX 4096u
#define OPEN_MAX 64u
#define KINDS 10u

typedef struct inode {
    uint8_t *now, *safe; /* what programs see; what is durable */
    size_t   size, safe_size, cap;
    uint8_t
        *dirty; /* a byte a sector: it differs from what is durable, and a sync would write it */
    bool size_dirty;
    uint64_t number;
    unsigned uses; /* names and descriptors */
} inode;

typedef struct name {
    char   text[64];
    inode *to;
} name;

typedef struct directory {
    name  *at;
    size_t count, cap;
} directory;

/* A change of the directory that is not durable yet. */
typedef struct change {
    name   is;   /* to NULL: the name goes */
    size_t with; /* so many changes before it are one with it: both happen or none */
} change;

struct sim_files {
    uint64_t  random, machine, next_inode, capacity;
    directory now, safe;
    change   *changes;
    size_t    changes_count, changes_cap;
    inode    *open[OPEN_MAX];
    sim_fault fault;
    bool      struck;
    uint64_t  calls[KINDS];
};

static void *must(void *p)
{
    if (p == NULL) abort();
    return p;
}

static uint64_t next_random(sim_files *files) /* splitmix64 */
{
    uint64_t n = files->random += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

/* -- Inodes ------------------------------------------------------------------------------------ */

static size_t sectors(size_t bytes)
{
    return (bytes + SECTOR - 1) / SECTOR;
}

static inode *inode_new(sim_files *files)
{
    inode *i = must(calloc(1, sizeof *i));
    i->number = files->next_inode++;
    return i;
}

static void inode_drop(inode *i)
{
    if (--i->uses > 0) return;
    free(i->now);
    free(i->safe);
    free(i->dirty);
    free(i);
}

/* Room for `size` bytes; what is new is zeros in both images. */
static void inode_reserve(inode *i, size_t size)
{
    if (size <= i->cap) return;
    size_t cap = sectors(size + size / 2) * SECTOR;
    i->now = must(realloc(i->now, cap));
    i->safe = must(realloc(i->safe, cap));
    i->dirty = must(realloc(i->dirty, cap / SECTOR));
    memset(i->now + i->cap, 0, cap - i->cap);
    memset(i->safe + i->cap, 0, cap - i->cap);
    memset(i->dirty + i->cap / SECTOR, 0, (cap - i->cap) / SECTOR);
    i->cap = cap;
}

static void inode_write(inode *i, const void *data, size_t size, size_t offset)
{
    inode_reserve(i, offset + size);
    if (size > 0) memcpy(i->now + offset, data, size);
    for (size_t s = offset / SECTOR; s < sectors(offset + size); s++) i->dirty[s] = 1;
    if (offset + size > i->size) {
        i->size = offset + size;
        i->size_dirty = true;
    }
}

static void inode_truncate(inode *i, size_t size)
{
    inode_reserve(i, size);
    if (size < i->size) {
        memset(i->now + size, 0, i->size - size);
        for (size_t s = size / SECTOR; s < sectors(i->size); s++) i->dirty[s] = 1;
    }
    if (size != i->size) i->size_dirty = true;
    i->size = size;
}

/* What is written becomes durable; or, if `lost`, counts as if it were. */
static void inode_sync(inode *i, bool lost)
{
    for (size_t s = 0; s < i->cap / SECTOR; s++) {
        if (i->dirty[s] && !lost) memcpy(i->safe + s * SECTOR, i->now + s * SECTOR, SECTOR);
        i->dirty[s] = 0;
    }
    if (!lost) i->safe_size = i->size;
    i->size_dirty = false;
}

/* Of what is not durable some becomes so; the rest is gone. */
static void inode_crash(sim_files *files, inode *i)
{
    unsigned how = (unsigned)(next_random(files) % 4); /* all, nothing, sector by sector */
    if (i->size_dirty && how != 1) {
        size_t less = i->size < i->safe_size ? i->size : i->safe_size;
        size_t more = i->size < i->safe_size ? i->safe_size : i->size;
        if (how == 0) i->safe_size = i->size;
        else i->safe_size = less + (size_t)(next_random(files) % (more - less + 1));
    }
    for (size_t s = 0; s < i->cap / SECTOR; s++) {
        bool keep = how == 0 || (how != 1 && next_random(files) % 2 == 0);
        if (i->dirty[s] && keep) memcpy(i->safe + s * SECTOR, i->now + s * SECTOR, SECTOR);
        i->dirty[s] = 0;
    }
    if (i->safe_size < i->cap) memset(i->safe + i->safe_size, 0, i->cap - i->safe_size);
    if (i->cap > 0) memcpy(i->now, i->safe, i->cap);
    i->size = i->safe_size;
    i->size_dirty = false;
}

/* -- Directories ------------------------------------------------------------------------------- */

static name *find(const directory *dir, const char *text)
{
    for (size_t i = 0; i < dir->count; i++) {
        if (strcmp(dir->at[i].text, text) == 0) return &dir->at[i];
    }
    return NULL;
}

/* The name leads to this inode from now on; NULL: it goes. */
static void point(directory *dir, const name *is)
{
    name *old = find(dir, is->text);
    if (is->to != NULL) is->to->uses++;
    if (old != NULL) inode_drop(old->to);
    if (old != NULL && is->to != NULL) {
        old->to = is->to;
    } else if (old != NULL) {
        *old = dir->at[--dir->count];
    } else if (is->to != NULL) {
        if (dir->count == dir->cap) {
            dir->cap = dir->cap * 2 + 16;
            dir->at = must(realloc(dir->at, dir->cap * sizeof *dir->at));
        }
        dir->at[dir->count++] = *is;
    }
}

static void change_name(sim_files *files, const char *text, inode *to, size_t with)
{
    change c;
    memset(&c, 0, sizeof c);
    if (strlen(text) >= sizeof c.is.text) abort();
    memcpy(c.is.text, text, strlen(text) + 1);
    c.is.to = to;
    c.with = with;
    if (to != NULL) to->uses++;
    if (files->changes_count == files->changes_cap) {
        files->changes_cap = files->changes_cap * 2 + 16;
        files->changes = must(realloc(files->changes, files->changes_cap * sizeof c));
    }
    files->changes[files->changes_count++] = c;
    point(&files->now, &c.is);
}

/* The first `count` changes become durable, the others are forgotten. */
static void settle_names(sim_files *files, size_t count)
{
    for (size_t i = 0; i < files->changes_count; i++) {
        if (i < count) point(&files->safe, &files->changes[i].is);
        if (files->changes[i].is.to != NULL) inode_drop(files->changes[i].is.to);
    }
    files->changes_count = 0;
}

static void clear_directory(directory *dir)
{
    for (size_t i = 0; i < dir->count; i++) inode_drop(dir->at[i].to);
    dir->count = 0;
}

/* -- The calls --------------------------------------------------------------------------------- */

/* Counts a call. What it is to return instead of working: an error; or 1: it is to be short. */
static int strike(sim_files *files, sim_call call)
{
    for (unsigned k = 0; k < KINDS; k++) {
        if ((unsigned)call == 1u << k) files->calls[k]++;
    }
    if (!(files->fault.calls & call) || files->fault.nth == 0) return 0;
    if (files->fault.nth > 1) {
        files->fault.nth--;
        return 0;
    }
    if (!files->fault.forever) files->fault.nth = 0;
    files->struck = true;
    return files->fault.err == 0 ? 1 : -files->fault.err;
}

static inode *opened(const sim_files *files, int64_t fd)
{
    return fd >= 0 && fd < (int64_t)OPEN_MAX ? files->open[fd] : NULL;
}

static int64_t call_open(void *user, const char *text, int flags)
{
    sim_files *files = user;
    int        err = strike(files, SIM_OPEN);
    if (err < 0) return err;
    size_t fd = 0;
    while (fd < OPEN_MAX && files->open[fd] != NULL) fd++;
    if (fd == OPEN_MAX) return -EMFILE;
    const name *found = find(&files->now, text);
    if (found == NULL && !(flags & O_CREAT)) return -ENOENT;
    if (found != NULL && (flags & O_EXCL)) return -EEXIST;
    if (found == NULL) {
        if (files->now.count >= FILES_MAX) return -ENOSPC;
        change_name(files, text, inode_new(files), 0);
        found = find(&files->now, text);
    } else if (flags & O_TRUNC) {
        inode_truncate(found->to, 0);
    }
    files->open[fd] = found->to;
    found->to->uses++;
    return (int64_t)fd;
}

static int64_t call_close(void *user, int64_t fd)
{
    sim_files *files = user;
    inode     *i = opened(files, fd);
    if (i == NULL) return -EBADF;
    files->open[fd] = NULL;
    inode_drop(i);
    return 0;
}

static int64_t call_read(void *user, int64_t fd, void *data, size_t size, uint64_t offset)
{
    sim_files *files = user;
    inode     *i = opened(files, fd);
    int        err = strike(files, SIM_READ);
    if (i == NULL) return -EBADF;
    if (err < 0) return err;
    if (offset >= i->size) return 0;
    if (size > i->size - offset) size = (size_t)(i->size - offset);
    if (err == 1) size = (size + 1) / 2;
    memcpy(data, i->now + offset, size);
    return (int64_t)size;
}

static int64_t call_write(void *user, int64_t fd, const void *data, size_t size, uint64_t offset)
{
    sim_files *files = user;
    inode     *i = opened(files, fd);
    int        err = strike(files, SIM_WRITE);
    if (i == NULL) return -EBADF;
    if (err == -EINTR) return err;
    if (err < 0) { /* some of it may have been written */
        size_t part = (size_t)(next_random(files) % (size + 1));
        inode_write(i, data, part, (size_t)offset);
        return err;
    }
    if (err == 1) size = (size + 1) / 2;
    if (offset + size > i->size) {
        uint64_t used = sim_files_bytes(files), more = offset + size - i->size;
        uint64_t room = used < files->capacity ? files->capacity - used : 0;
        if (more > room) {
            uint64_t too_many = more - room;
            if (too_many >= size) return -ENOSPC;
            size -= (size_t)too_many;
        }
    }
    inode_write(i, data, size, (size_t)offset);
    return (int64_t)size;
}

static int64_t call_truncate(void *user, int64_t fd, uint64_t size)
{
    sim_files *files = user;
    inode     *i = opened(files, fd);
    int        err = strike(files, SIM_TRUNCATE);
    if (i == NULL) return -EBADF;
    if (err < 0) return err;
    inode_truncate(i, (size_t)size);
    return 0;
}

static int64_t call_sync(void *user, int64_t fd)
{
    sim_files *files = user;
    int        err = strike(files, SIM_SYNC);
    if (fd == -1) {
        if (err < 0) return err;
        settle_names(files, files->changes_count);
        return 0;
    }
    inode *i = opened(files, fd);
    if (i == NULL) return -EBADF;
    inode_sync(i, err < 0);
    return err < 0 ? err : 0;
}

static int64_t call_rename(void *user, const char *from, const char *to)
{
    sim_files *files = user;
    int        err = strike(files, SIM_RENAME);
    if (err < 0) return err;
    const name *found = find(&files->now, from);
    if (found == NULL) return -ENOENT;
    inode *i = found->to;
    change_name(files, to, i, 0);
    change_name(files, from, NULL, 1);
    return 0;
}

static int64_t call_unlink(void *user, const char *text)
{
    sim_files *files = user;
    int        err = strike(files, SIM_UNLINK);
    if (err < 0) return err;
    if (find(&files->now, text) == NULL) return -ENOENT;
    change_name(files, text, NULL, 0);
    return 0;
}

static int64_t call_size(void *user, int64_t fd)
{
    sim_files *files = user;
    inode     *i = opened(files, fd);
    int        err = strike(files, SIM_SIZE);
    if (i == NULL) return -EBADF;
    return err < 0 ? err : (int64_t)i->size;
}

static int64_t call_list(void *user, size_t i, char text[256])
{
    sim_files *files = user;
    int        err = strike(files, SIM_LIST);
    if (err < 0) return err;
    if (i >= files->now.count) return -ENOENT;
    memset(text, 0, 256);
    memcpy(text, files->now.at[i].text, sizeof files->now.at[i].text);
    return 0;
}

static int64_t call_identity(void *user, int64_t fd, uint64_t *ret_machine, uint64_t *ret_inode)
{
    sim_files *files = user;
    inode     *i = opened(files, fd);
    int        err = strike(files, SIM_IDENTITY);
    if (i == NULL) return -EBADF;
    if (err < 0) return err;
    *ret_machine = files->machine;
    *ret_inode = i->number;
    return 0;
}

/* -- The disk ---------------------------------------------------------------------------------- */

sim_files *sim_files_new(uint64_t seed)
{
    sim_files *files = must(calloc(1, sizeof *files));
    files->random = seed;
    files->machine = next_random(files);
    files->next_inode = 1 + (next_random(files) >> 32);
    files->capacity = UINT64_MAX;
    return files;
}

void sim_files_free(sim_files *files)
{
    if (files == NULL) return;
    sim_files_kill(files);
    settle_names(files, 0);
    clear_directory(&files->now);
    clear_directory(&files->safe);
    free(files->now.at);
    free(files->safe.at);
    free(files->changes);
    free(files);
}

gossip_files sim_files_table(sim_files *files)
{
    gossip_files table = {call_open,   call_close,  call_read, call_write, call_truncate, call_sync,
                          call_rename, call_unlink, call_size, call_list,  call_identity, files};
    return table;
}

void sim_files_fault(sim_files *files, sim_fault fault)
{
    files->fault = fault;
    files->struck = false;
}

bool sim_files_struck(const sim_files *files)
{
    return files->struck;
}

uint64_t sim_files_calls(const sim_files *files, unsigned calls)
{
    uint64_t sum = 0;
    for (unsigned k = 0; k < KINDS; k++) {
        if (calls >> k & 1) sum += files->calls[k];
    }
    return sum;
}

void sim_files_capacity(sim_files *files, uint64_t bytes)
{
    files->capacity = bytes;
}

uint64_t sim_files_bytes(const sim_files *files)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < files->now.count; i++) sum += files->now.at[i].to->size;
    return sum;
}

void sim_files_kill(sim_files *files)
{
    for (size_t fd = 0; fd < OPEN_MAX; fd++) (void)call_close(files, (int64_t)fd);
    memset(&files->fault, 0, sizeof files->fault);
}

void sim_files_crash(sim_files *files)
{
    sim_files_kill(files);
    size_t kept = (size_t)(next_random(files) % (files->changes_count + 1));
    if (kept < files->changes_count && files->changes[kept].with > 0) kept--;
    /* Inodes of names that are lost are crashed in vain; those that both images share, once. */
    for (size_t i = 0; i < files->changes_count; i++) {
        inode *to = files->changes[i].is.to;
        if (to != NULL && i < kept) inode_crash(files, to);
    }
    for (size_t i = 0; i < files->safe.count; i++) inode_crash(files, files->safe.at[i].to);
    settle_names(files, kept);
    clear_directory(&files->now);
    for (size_t i = 0; i < files->safe.count; i++) point(&files->now, &files->safe.at[i]);
}

void sim_files_settle(sim_files *files)
{
    settle_names(files, files->changes_count);
    for (size_t i = 0; i < files->now.count; i++) inode_sync(files->now.at[i].to, false);
}

/* -- Copies and damage ------------------------------------------------------------------------- */

void sim_files_put(sim_files *files, const char *text, crdt_view bytes)
{
    inode *i = inode_new(files);
    inode_write(i, bytes.data, bytes.size, 0);
    i->size_dirty = true;
    change_name(files, text, i, 0);
    inode_sync(i, false);
    settle_names(files, files->changes_count);
}

void sim_files_remove(sim_files *files, const char *text)
{
    if (find(&files->now, text) == NULL) return;
    change_name(files, text, NULL, 0);
    settle_names(files, files->changes_count);
}

bool sim_files_get(const sim_files *files, const char *text, crdt_view *ret_bytes)
{
    const name *found = find(&files->now, text);
    if (found == NULL) return false;
    *ret_bytes = crdt_view_of(found->to->now, found->to->size);
    return true;
}

static void take_all(sim_files *files, const sim_files *from)
{
    for (size_t i = 0; i < from->now.count; i++) {
        const inode *to = from->now.at[i].to;
        sim_files_put(files, from->now.at[i].text, crdt_view_of(to->now, to->size));
    }
}

sim_files *sim_files_copy(const sim_files *files, uint64_t seed)
{
    sim_files *copy = sim_files_new(seed);
    take_all(copy, files);
    return copy;
}

void sim_files_restore(sim_files *files, const sim_files *backup)
{
    sim_files_kill(files);
    settle_names(files, 0);
    clear_directory(&files->now);
    clear_directory(&files->safe);
    if (backup != NULL) take_all(files, backup);
}

bool sim_files_flip(sim_files *files, const char *text, uint64_t bit)
{
    const name *found = find(&files->now, text);
    if (found == NULL || bit / 8 >= found->to->size) return false;
    found->to->now[bit / 8] ^= (uint8_t)(1u << bit % 8);
    found->to->safe[bit / 8] = found->to->now[bit / 8];
    return true;
}

size_t sim_files_count(const sim_files *files)
{
    return files->now.count;
}

const char *sim_files_name(const sim_files *files, size_t i)
{
    return i < files->now.count ? files->now.at[i].text : NULL;
}
