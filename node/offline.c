/* offline.c: see offline.h.
 *
 * A backup is a line of text, and what gossip_engine_snapshot wrote:
 *      concurd-backup 1 CLUSTER NODE REPLICA SIZE XXH3     (hexadecimal, 16 digits each)
 */
#include "node/offline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "crdt/types.h"
#include "node/data.h"

/* -- What is in it ----------------------------------------------------------------------------- */

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "concurd: %s: %s\n", what, why);
    return 1;
}

static int usage(const char *text)
{
    fprintf(stderr, "usage: concurd %s\n", text);
    return 2;
}

/* Open without changing it. */
static bool read_directory(const char *dir, node_data *data, uint64_t *ret_cluster)
{
    char problem[512] = "";
    if (node_data_read(data, dir, ret_cluster, problem)) return true;
    complain(dir, problem);
    node_data_close(data, false);
    return false;
}

static void tell(const char *dir, const node_data *data, uint64_t cluster)
{
    const gossip_recovery *found = &data->found;
    gossip_stats           stats = gossip_engine_stats(data->engine);
    printf("%s: node %016" PRIx64 ", cluster %016" PRIx64 "\n", dir, data->node_id, cluster);
    printf("  last stop      %s\n", found->fresh   ? "never started"
                                    : found->clean ? "clean"
                                                   : "unclean");
    printf("  last replica   %016" PRIx64 "\n", found->replica);
    printf("  snapshot       %" PRIu64 " bytes, of the entries before number %" PRIu64 "\n",
           data->snapshot_bytes, found->snapshot_position);
    printf("  log            %" PRIu64 " entries, %" PRIu64 " bytes\n", found->entries,
           found->bytes);
    printf("  names          %zu, written by %u replica ids\n", crdt_store_count(data->store),
           stats.members);
    if (found->torn_bytes > 0) {
        printf("  torn           %" PRIu64
               " bytes of a write that the last stop cut short: no damage\n",
               found->torn_bytes);
    }
}

int offline_check(int argc, char **argv)
{
    node_data   data;
    uint64_t    cluster;
    const char *reason = "";
    if (argc != 1) return usage("check DIR");
    if (!read_directory(argv[0], &data, &cluster)) return 1;
    tell(argv[0], &data, cluster);
    bool damaged = data.found.bad_frames > 0 || data.lost_entries > 0;
    if (damaged) {
        printf("  DAMAGE         %" PRIu64 " bad frames, %" PRIu64 " entries that cannot be used\n",
               data.found.bad_frames, data.lost_entries);
        printf("  first          %s\n", data.found.problem);
        printf(
            "  what to do     start the node: it keeps the damaged bytes aside, and fetches from "
            "its peers\n                 what they hold\n");
    }
    if (!crdt_store_check(data.store, &reason)) {
        printf("  BROKEN         the content is not consistent: %s\n", reason);
        damaged = true;
    }
    if (!damaged) printf("  all frames and objects are sound\n");
    node_data_close(&data, false);
    return damaged ? 1 : 0;
}

/* -- Backup ------------------------------------------------------------------------------------ */

static int write_backup(const char *path, const node_data *data, uint64_t cluster)
{
    crdt_buf bytes;
    char     temporary[4096];
    crdt_buf_init(&bytes, NULL);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    crdt_err err = gossip_engine_snapshot(data->engine, &bytes);
    FILE    *file = err == CRDT_OK ? fopen(temporary, "wx") : NULL;
    if (file == NULL) {
        crdt_buf_clear(&bytes);
        return complain(temporary, err != CRDT_OK ? crdt_err_text(err) : strerror(errno));
    }
    fprintf(file,
            "concurd-backup 1 %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016zx %016" PRIx64 "\n",
            cluster, data->node_id, data->found.replica, bytes.size,
            (uint64_t)XXH3_64bits(bytes.data, bytes.size));
    bool good = fwrite(bytes.data, 1, bytes.size, file) == bytes.size && fflush(file) == 0 &&
                fdatasync(fileno(file)) == 0;
    good = fclose(file) == 0 && good && rename(temporary, path) == 0;
    int error = errno;
    if (!good) remove(temporary);
    else printf("%s: %zu names, %zu bytes\n", path, crdt_store_count(data->store), bytes.size);
    crdt_buf_clear(&bytes);
    return good ? 0 : complain(path, strerror(error));
}

int offline_backup(int argc, char **argv)
{
    node_data data;
    uint64_t  cluster;
    if (argc != 2) return usage("backup DIR FILE");
    if (!read_directory(argv[0], &data, &cluster)) return 1;
    int status = write_backup(argv[1], &data, cluster);
    if (data.found.bad_frames > 0 || data.lost_entries > 0) {
        complain(argv[0], "it is damaged: the backup holds what could be read (concurd check)");
        status = 1;
    }
    node_data_close(&data, false);
    return status;
}

/* -- Restore ----------------------------------------------------------------------------------- */

typedef struct backup {
    uint64_t cluster, node, replica;
    crdt_buf bytes;
} backup;

static bool read_backup(const char *path, backup *b)
{
    char        line[160];
    uint64_t    size, hash;
    const char *problem = NULL;
    FILE       *file = fopen(path, "r");
    crdt_buf_init(&b->bytes, NULL);
    if (file == NULL) {
        complain(path, strerror(errno));
        return false;
    }
    if (fgets(line, sizeof line, file) == NULL ||
        sscanf(line, "concurd-backup 1 %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64,
               &b->cluster, &b->node, &b->replica, &size, &hash) != 5 ||
        b->cluster == 0 || b->node == 0) {
        problem = "it is no backup of concurd, or of a newer one";
    }
    while (problem == NULL &&
           b->bytes.size < size) { /* grows with what is there, not by the size told */
        size_t step = size - b->bytes.size < (1u << 20) ? (size_t)(size - b->bytes.size) : 1u << 20;
        if (!crdt_buf_reserve(&b->bytes, step)) problem = "out of memory";
        else if (fread(b->bytes.data + b->bytes.size, 1, step, file) != step)
            problem = "it is cut short";
        else b->bytes.size += step;
    }
    if (problem == NULL && XXH3_64bits(b->bytes.data, b->bytes.size) != hash)
        problem = "it is damaged";
    fclose(file);
    if (problem == NULL) return true;
    complain(path, problem);
    crdt_buf_clear(&b->bytes);
    return false;
}

int offline_restore(int argc, char **argv)
{
    backup b;
    char   problem[512] = "";
    if (argc != 2) return usage("restore FILE DIR");
    if (!read_backup(argv[0], &b)) return 1;
    bool good =
        node_data_restore(argv[1], b.cluster, b.node, b.replica, crdt_buf_bytes(&b.bytes), problem);
    crdt_buf_clear(&b.bytes);
    if (!good) return complain(argv[1], problem);
    printf("%s: restored; start it with concurd --dir %s\n", argv[1], argv[1]);
    return 0;
}
