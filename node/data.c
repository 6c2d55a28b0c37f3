/* data.c: see data.h. */
#include "node/data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crdt/types.h"
#include "node/readonly.h"

uint64_t node_data_random(void)
{
    uint64_t bits = 0;
    while (bits == 0) {
        if (getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = 0;
    }
    return bits;
}

/* -- Which node is it? ------------------------------------------------------------------------- */

static bool fails(crdt_err err, const char *what, const char *detail, char ret_problem[512])
{
    if (err == CRDT_OK) return false;
    snprintf(ret_problem, 512, "%s: %s%s%s", what, crdt_err_text(err), detail[0] ? ": " : "",
             detail);
    return true;
}

static bool is_other(const char *dir, const char *what, uint64_t has, uint64_t wanted,
                     char ret_problem[512])
{
    if (has == wanted) return false;
    snprintf(ret_problem, 512,
             "%s is the directory of %s %016" PRIx64 ", not of %016" PRIx64 ": use another --dir",
             dir, what, has, wanted);
    return true;
}

/* The id that the directory has, or that is to be written there. */
static bool know_node(node_data *data, const node_data_options *options, char ret_problem[512])
{
    uint64_t node, cluster;
    crdt_err err = gossip_disk_whose(&data->files, &node, &cluster);
    data->node_id = options->node_id != 0 ? options->node_id : node_data_random();
    if (err == CRDT_ENOENT) return true;
    if (err == CRDT_EVERSION) {
        snprintf(ret_problem, 512, "%s was written by a newer concurd: start that one",
                 options->dir);
        return false;
    }
    if (err == CRDT_EMALFORMED) {
        snprintf(
            ret_problem, 512,
            "%s/node, which says whose directory it is, is damaged or gone: put it back from a "
            "backup, or restore the whole (concurd restore)",
            options->dir);
        return false;
    }
    if (fails(err, options->dir, "its file `node`", ret_problem)) return false;
    if (options->node_id == 0) data->node_id = node;
    return !is_other(options->dir, "node", node, data->node_id, ret_problem) &&
           !is_other(options->dir, "cluster", cluster, options->config->cluster, ret_problem);
}

/* -- Opening ----------------------------------------------------------------------------------- */

static bool open_files(node_data *data, const char *dir, char ret_problem[512])
{
    int      error = 0;
    crdt_err err = gossip_files_open(dir, &data->files, &error);
    if (err == CRDT_EBUSY) {
        snprintf(ret_problem, 512, "%s is in use by another process: stop it, or use another --dir",
                 dir);
        return false;
    }
    return !fails(err, dir, error != 0 ? strerror(error) : "", ret_problem);
}

static bool open_disk(node_data *data, const node_data_options *options, const gossip_files *files,
                      char ret_problem[512])
{
    char                problem[256] = "";
    gossip_disk_options disk = gossip_disk_options_default(options->config->cluster, data->node_id);
    disk.sync = data->sync;
    crdt_err err = gossip_disk_open(&disk, files, NULL, &data->disk, problem);
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
    config.node = data->node_id;
    config.boot = node_data_random();
    config.seed = node_data_random();
    data->replica = store.replica;
    data->slab = slab_new();
    crdt_err err = data->slab == NULL ? CRDT_ENOMEM : CRDT_OK;
    if (err == CRDT_OK) store.mem = slab_mem(data->slab);
    if (err == CRDT_OK) err = crdt_store_new(&store, &data->store);
    if (err == CRDT_OK) err = gossip_engine_new(&config, data->store, store.mem, &data->engine);
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
        if (err == CRDT_OK)
            err = gossip_entry_decode(bytes, &deps, crdt_mem_default(), &entry, &reason);
        if (err == CRDT_OK) err = gossip_engine_replay(data->engine, &entry);
        if (err == CRDT_OK) data->read_entries++;
        else if (err == CRDT_EMALFORMED || err == CRDT_EGAP || err == CRDT_EFORK)
            data->lost_entries++;
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
    for (uint32_t i = 0; err == CRDT_OK && i < found->older_count; i++) {
        err = gossip_engine_succeed(data->engine, data->replica, found->older[i]);
    }
    return !fails(err, "a new incarnation cannot begin", "", ret_problem);
}

bool node_data_open(node_data *data, const node_data_options *options, char ret_problem[512])
{
    memset(data, 0, sizeof *data);
    data->sync = options->sync;
    if (options->dir == NULL) {
        data->node_id = options->node_id != 0 ? options->node_id : node_data_random();
        return open_engine(data, options, ret_problem);
    }
    return open_files(data, options->dir, ret_problem) && know_node(data, options, ret_problem) &&
           open_disk(data, options, &data->files, ret_problem) &&
           open_engine(data, options, ret_problem) && read_back(data, options->dir, ret_problem) &&
           choose_replica(data, ret_problem);
}

bool node_data_read(node_data *data, const char *dir, uint64_t *ret_cluster, char ret_problem[512])
{
    struct stat       info;
    gossip_config     config = gossip_config_default();
    node_data_options options = {.dir = dir, .config = &config};
    memset(data, 0, sizeof *data);
    if (stat(dir, &info) != 0 || !S_ISDIR(info.st_mode)) { /* opening would make it */
        snprintf(ret_problem, 512, "there is no such directory");
        return false;
    }
    if (!open_files(data, dir, ret_problem)) return false;
    crdt_err err = gossip_disk_whose(&data->files, &options.node_id, ret_cluster);
    config.cluster = *ret_cluster;
    if (err == CRDT_ENOENT) snprintf(ret_problem, 512, "no node has ever written there");
    else if (err == CRDT_OK && know_node(data, &options, ret_problem)) {
        gossip_files files = readonly_files(&data->files);
        return open_disk(data, &options, &files, ret_problem) &&
               open_engine(data, &options, ret_problem) && read_back(data, dir, ret_problem);
    } else {
        fails(err, "its file `node`", "", ret_problem);
    }
    return false;
}

/* Is it one? Reads it into an engine of its own. */
static bool is_snapshot(uint64_t cluster, uint64_t node, crdt_view snapshot, char ret_problem[512])
{
    node_data         data = {.node_id = node};
    gossip_config     config = gossip_config_default();
    node_data_options options = {.config = &config};
    const char       *reason = "";
    config.cluster = cluster;
    bool good = open_engine(&data, &options, ret_problem) &&
                !fails(gossip_engine_restore(data.engine, snapshot, &reason), "the backup", reason,
                       ret_problem);
    node_data_close(&data, false);
    return good;
}

bool node_data_restore(const char *dir, uint64_t cluster, uint64_t node, uint64_t replica,
                       crdt_view snapshot, char ret_problem[512])
{
    node_data         data;
    uint64_t          held_node, held_cluster;
    gossip_config     config = gossip_config_default();
    node_data_options options = {.dir = dir, .config = &config};
    memset(&data, 0, sizeof data);
    config.cluster = cluster;
    data.node_id = node;
    if (!is_snapshot(cluster, node, snapshot, ret_problem)) return false;
    bool good = open_files(&data, dir, ret_problem);
    if (good && gossip_disk_whose(&data.files, &held_node, &held_cluster) != CRDT_ENOENT) {
        snprintf(ret_problem, 512, "there is a node's data already: restore into a new directory");
        good = false;
    }
    good = good && open_disk(&data, &options, &data.files, ret_problem);
    if (good) {
        gossip_persist persist = gossip_disk_persist(data.disk);
        crdt_err err = gossip_disk_begin(data.disk, replica != 0 ? replica : node_data_random());
        for (size_t at = 0; err == CRDT_OK && at < snapshot.size;) {
            err = persist.snapshot(persist.user, 0, snapshot, &at);
        }
        good = !fails(err, "it cannot be written", "", ret_problem);
    }
    node_data_close(&data, false);
    return good;
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
        err = gossip_disk_stop(data->disk, id,
                               crdt_context_base(crdt_store_context(data->store), id));
    }
    gossip_driver_free(data->driver);
    gossip_engine_free(data->engine);
    crdt_store_free(data->store);
    slab_free(data->slab);
    gossip_disk_close(data->disk);
    if (data->files.user != NULL) gossip_files_close(&data->files);
    memset(data, 0, sizeof *data);
    return err == CRDT_OK;
}
