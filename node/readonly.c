/* readonly.c: see readonly.h. */
#include "node/readonly.h"

#include <errno.h>
#include <fcntl.h>

static int64_t open_to_read(void *user, const char *name, int flags)
{
    const gossip_files *real = user;
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0) return -EROFS;
    return real->open(real->user, name, flags);
}

static int64_t read_close(void *user, int64_t fd)
{
    const gossip_files *real = user;
    return real->close(real->user, fd);
}

static int64_t read_read(void *user, int64_t fd, void *data, size_t size, uint64_t offset)
{
    const gossip_files *real = user;
    return real->read(real->user, fd, data, size, offset);
}

static int64_t refuse_write(void *user, int64_t fd, const void *data, size_t size, uint64_t offset)
{
    (void)user, (void)fd, (void)data, (void)size, (void)offset;
    return -EROFS;
}

static int64_t refuse_truncate(void *user, int64_t fd, uint64_t size)
{
    (void)user, (void)fd, (void)size;
    return -EROFS;
}

static int64_t no_sync(void *user, int64_t fd)
{
    (void)user, (void)fd;
    return 0;
}

static int64_t refuse_rename(void *user, const char *from, const char *to)
{
    (void)user, (void)from, (void)to;
    return -EROFS;
}

static int64_t no_unlink(void *user, const char *name)
{
    (void)user, (void)name;
    return 0;
}

static int64_t read_size(void *user, int64_t fd)
{
    const gossip_files *real = user;
    return real->size(real->user, fd);
}

static int64_t read_list(void *user, size_t i, char name[256])
{
    const gossip_files *real = user;
    return real->list(real->user, i, name);
}

static int64_t read_identity(void *user, int64_t fd, uint64_t *ret_machine, uint64_t *ret_inode)
{
    const gossip_files *real = user;
    return real->identity(real->user, fd, ret_machine, ret_inode);
}

gossip_files readonly_files(gossip_files *real)
{
    gossip_files files = {open_to_read,    read_close, read_read,     refuse_write,
                          refuse_truncate, no_sync,    refuse_rename, no_unlink,
                          read_size,       read_list,  read_identity, real};
    return files;
}
