/* data.h: a node's store and engine, over a data directory or over none.
 *
 * A start takes the steps of gossip/gossip.h. A run that follows a clean stop goes on under its
 * replica id; any other mints one, and succeeds the old.
 */
#ifndef NODE_DATA_H
#define NODE_DATA_H
#include "gossip/gossip.h"
#include "node/slab.h"

typedef struct node_data {
    gossip_files    files;
    gossip_disk    *disk; /* NULL: --store memory */
    slab           *slab; /* memory of the store and the engine */
    crdt_store     *store;
    gossip_engine  *engine;
    gossip_driver  *driver; /* NULL until node_data_drive */
    gossip_recovery found;
    uint64_t        node_id, replica;
    uint64_t        read_entries, lost_entries, snapshot_bytes; /* at start */
    gossip_sync     sync;
} node_data;

typedef struct node_data_options {
    const char          *dir;     /* NULL: memory */
    uint64_t             node_id; /* 0: as in the directory, or a new one */
    gossip_sync          sync;
    const gossip_config *config; /* cluster set; node, boot and seed are filled in */
} node_data_options;

/* 64 random bits, not 0. */
uint64_t node_data_random(void);
/* Reads everything back. False: ret_problem (512 bytes) is a sentence: what, where, what to do. */
bool node_data_open(node_data *data, const node_data_options *options, char ret_problem[512]);
/* Reads a directory that a node wrote, and changes nothing in it. False as above; close it
 * anyway. */
bool node_data_read(node_data *data, const char *dir, uint64_t *ret_cluster, char ret_problem[512]);
/* Makes a directory that holds this snapshot, of a node that was stopped uncleanly. */
bool node_data_restore(const char *dir, uint64_t cluster, uint64_t node, uint64_t replica,
                       crdt_view snapshot, char ret_problem[512]);
/* From here on entries go to the disk and messages to the transport. */
bool node_data_drive(node_data *data, const gossip_transport *transport, char ret_problem[512]);
/* clean: all is synced, and the replica id may go on. Returns false if the disk refused. */
bool node_data_close(node_data *data, bool clean);

#endif
