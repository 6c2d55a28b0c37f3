/* data.c: see data.h. */
#define _GNU_SOURCE /* O_DIRECTORY */
#include "node/data.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "crdt/types.h"
#include "node/log.h"

uint64_t node_data_random(void)
{
    uint64_t bits = 0;
    while (bits == 0) {
        if (getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = 0;
    }
    return bits;
}

/* -- Which node is it? ------------------------------------------------------------------------- */

#define ID_FILE "node-id"

static bool parse_id(const char *text, uint64_t *ret_id)
{
    char *end;
    errno = 0;
    *ret_id = strtoull(text, &end, 16);
    return errno == 0 && end == text + 16 && (*end == '\n' || *end == 0) && *ret_id != 0;
}

/* The id in the directory; 0: there is none. */
static bool read_id(const gossip_files *files, const char *dir, uint64_t *ret_id,
                    char ret_problem[512])
{
    char    text[32] = {0};
    int64_t fd = files->open(files->user, ID_FILE, O_RDONLY);
    *ret_id = 0;
    if (fd == -ENOENT) return true;
    int64_t n = fd < 0 ? fd : files->read(files->user, fd, text, sizeof text - 1, 0);
    if (fd >= 0) files->close(files->user, fd);
    if (n >= 0 && parse_id(text, ret_id)) return true;
    snprintf(ret_problem, 512, "%s/%s %s: put the node's id there (16 hex digits)", dir, ID_FILE,
             n < 0 ? strerror((int)-n) : "holds no node id");
    return false;
}

static bool write_id(const gossip_files *files, const char *dir, uint64_t id, char ret_problem[512])
{
    char text[32];
    int  size = snprintf(text, sizeof text, "%016" PRIx64 "\n", id);
    int64_t fd = files->open(files->user, ID_FILE ".new", O_WRONLY | O_CREAT | O_TRUNC);
    int64_t err = fd < 0 ? fd : files->write(files->user, fd, text, (size_t)size, 0);
    if (err >= 0) err = err == size ? files->sync(files->user, fd) : -ENOSPC;
    if (fd >= 0) files->close(files->user, fd);
    if (err >= 0) err = files->rename(files->user, ID_FILE ".new", ID_FILE);
    if (err >= 0) err = files->sync(files->user, -1);
    if (err >= 0) return true;
    snprintf(ret_problem, 512, "%s/%s cannot be written: %s", dir, ID_FILE, strerror((int)-err));
    return false;
}

static bool know_node(node_data *data, const node_data_options *options, char ret_problem[512])
{
    uint64_t id = 0;
    if (options->dir != NULL && !read_id(&data->files, options->dir, &id, ret_problem)) return false;
    if (id != 0 && options->node_id != 0 && id != options->node_id) {
        snprintf(ret_problem, 512,
                 "%s is the directory of node %016" PRIx64 ", not of %016" PRIx64
                 ": use another --dir, or leave out --node-id",
                 options->dir, id, options->node_id);
        return false;
    }
    data->node_id = id != 0 ? id : options->node_id != 0 ? options->node_id : node_data_random();
    if (options->dir == NULL || id != 0) return true;
    return write_id(&data->files, options->dir, data->node_id, ret_problem);
}

/* -- Opening ----------------------------------------------------------------------------------- */

static bool fails(crdt_err err, const char *what, const char *detail, char ret_problem[512])
{
    if (err == CRDT_OK) return false;
    snprintf(ret_problem, 512, "%s: %s%s%s", what, crdt_err_text(err), detail[0] ? ": " : "", detail);
    return true;
}

static bool open_directory(node_data *data, const node_data_options *options, char ret_problem[512])
{
    int      error = 0;
    char     problem[256] = "";
    crdt_err err = gossip_files_open(options->dir, &data->files, &error);
    if (err == CRDT_EBUSY) {
        snprintf(ret_problem, 512, "%s is in use by another process: stop it, or use another --dir",
                 options->dir);
        return false;
    }
    if (fails(err, options->dir, error != 0 ? strerror(error) : "", ret_problem)) return false;
    if (!know_node(data, options, ret_problem)) return false;
    gossip_disk_options disk = gossip_disk_options_default(options->config->cluster, data->node_id);
    disk.sync = data->sync = options->sync;
    err = gossip_disk_open(&disk, &data->files, NULL, &data->disk, problem);
    if (err == CRDT_EVERSION) {
        snprintf(ret_problem, 512, "%s was written by a newer concurd (%s): start that one",
                 options->dir, problem);
        return false;
    }
    if (fails(err, options->dir, problem, ret_problem)) return false;
    err = gossip_disk_recover(data->disk, &data->found);
    return !fails(err, options->dir, data->found.problem, ret_problem);
}

static bool open_engine(node_data *data, const node_data_options *options, char ret_problem[512])
{
    uint64_t      fresh = node_data_random();
    bool          goes_on = data->disk != NULL && data->found.clean;
    gossip_config config = *options->config;
    crdt_options  store =
        crdt_options_default(goes_on ? data->found.replica : fresh, crdt_types_builtin());
    store.track_changes = true;
    config.node = data->node_id;
    config.boot = node_data_random();
    config.seed = node_data_random();
    data->replica = store.replica;
    crdt_err err = crdt_store_new(&store, &data->store);
    if (err == CRDT_OK) err = gossip_engine_new(&config, data->store, NULL, &data->engine);
    return !fails(err, "the engine cannot start", "", ret_problem);
}

static crdt_err replay_entries(node_data *data)
{
    gossip_deps deps = {0};
    uint64_t    position;
    crdt_view   bytes;
    crdt_err    err;
    while ((err = gossip_disk_next(data->disk, &position, &bytes)) != CRDT_ENOENT) {
        gossip_entry entry;
        const char  *reason;
        if (err == CRDT_OK) err = gossip_entry_decode(bytes, &deps, crdt_mem_default(), &entry, &reason);
        if (err == CRDT_OK) err = gossip_engine_replay(data->engine, &entry);
        if (err == CRDT_OK) data->read_entries++;
        else if (err == CRDT_EMALFORMED || err == CRDT_EGAP || err == CRDT_EFORK) data->lost_entries++;
        else break;
    }
    gossip_deps_clear(&deps, crdt_mem_default());
    return err == CRDT_ENOENT ? CRDT_OK : err;
}

static bool read_back(node_data *data, const char *dir, char ret_problem[512])
{
    crdt_buf    snapshot;
    const char *reason = "";
    crdt_buf_init(&snapshot, NULL);
    crdt_err err = gossip_disk_snapshot(data->disk, &snapshot);
    data->snapshot_bytes = snapshot.size;
    if (err == CRDT_OK && snapshot.size > 0) {
        err = gossip_engine_restore(data->engine, crdt_buf_bytes(&snapshot), &reason);
    }
    crdt_buf_clear(&snapshot);
    if (err == CRDT_EMALFORMED) {
        data->lost_entries++; /* peers have what was in it; what came after it may still fit */
        err = CRDT_OK;
    }
    if (err == CRDT_OK) err = replay_entries(data);
    return !fails(err, dir, reason, ret_problem);
}

/* After anything but a clean stop whose every own dot was read back, another incarnation writes. */
static bool choose_replica(node_data *data, char ret_problem[512])
{
    const gossip_recovery *found = &data->found;
    if (found->clean) {
        uint64_t held = crdt_context_base(crdt_store_context(data->store), found->replica);
        if (held == found->last_seq) return true;
        data->replica = node_data_random();
    }
    if (found->replica == 0) return true;
    crdt_err err = gossip_engine_succeed(data->engine, data->replica, found->replica);
    return !fails(err, "a new incarnation cannot begin", "", ret_problem);
}

bool node_data_open(node_data *data, const node_data_options *options, char ret_problem[512])
{
    memset(data, 0, sizeof *data);
    data->sync = options->sync;
    if (options->dir == NULL) {
        return know_node(data, options, ret_problem) && open_engine(data, options, ret_problem);
    }
    return open_directory(data, options, ret_problem) && open_engine(data, options, ret_problem) &&
           read_back(data, options->dir, ret_problem) && choose_replica(data, ret_problem);
}

bool node_data_drive(node_data *data, const gossip_transport *transport, char ret_problem[512])
{
    gossip_persist persist;
    crdt_err       err = CRDT_OK;
    if (data->disk != NULL) {
        err = gossip_disk_begin(data->disk, data->replica);
        persist = gossip_disk_persist(data->disk);
    }
    if (err == CRDT_OK) {
        err = gossip_driver_new(data->engine, transport, data->disk != NULL ? &persist : NULL, NULL,
                                &data->driver);
    }
    return !fails(err, "the data directory takes nothing", "", ret_problem);
}

bool node_data_close(node_data *data, bool clean)
{
    crdt_err err = CRDT_OK;
    if (clean && data->disk != NULL && data->driver != NULL) {
        uint64_t id = crdt_store_replica(data->store);
        err = gossip_disk_stop(data->disk, id, crdt_context_base(crdt_store_context(data->store), id));
    }
    gossip_driver_free(data->driver);
    gossip_engine_free(data->engine);
    crdt_store_free(data->store);
    gossip_disk_close(data->disk);
    if (data->files.user != NULL) gossip_files_close(&data->files);
    memset(data, 0, sizeof *data);
    return err == CRDT_OK;
}
