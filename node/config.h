/* config.h: what a node is told: a file of lines "name value", flags "--name value", CONFIG GET and
 * CONFIG SET. One table in config.c holds every option: its name, default, limits and help; from it
 * come the reading of all three, --help, and the manual page (checked by its test).
 *
 * Errors   say where, which option, the value and what is allowed: into problem, one line without
 *          its end. The configuration is then unchanged.
 */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H
#include "crdt/buf.h"

enum {
    NODE_TEXT_MAX = 1024,   /* bytes of a text option, with its NUL */
    NODE_ADDRESS_MAX = 256, /* of a peer's address, with its NUL */
    NODE_PEERS_MAX = 64,
    NODE_PROBLEM_MAX = 2048,
};

typedef enum node_store { NODE_STORE_DISK, NODE_STORE_MEMORY } node_store;
typedef enum node_sync { NODE_SYNC_ALWAYS, NODE_SYNC_EVERYSEC, NODE_SYNC_NO } node_sync;
typedef enum node_log_level {
    NODE_LOG_ERROR,
    NODE_LOG_WARN,
    NODE_LOG_INFO,
    NODE_LOG_DEBUG
} node_log_level;

/* When a client is closed that does not read: beyond hard_bytes at once, beyond soft_bytes after so
 * long; 0: never. */
typedef struct node_output {
    uint64_t hard_bytes, soft_bytes, soft_ms;
} node_output;

/* Plain data: copy it by assignment. Texts end in NUL; an empty one is not set. */
typedef struct node_config {
    /* Clients. */
    char        bind[NODE_TEXT_MAX]; /* addresses, a blank between them */
    uint64_t    port;
    char        requirepass[NODE_TEXT_MAX];
    uint64_t    maxclients;
    uint64_t    timeout_ms;            /* 0: never */
    uint64_t    query_buffer_bytes;    /* of a client's requests not yet run */
    node_output output, pubsub_output; /* of its replies not yet taken; of messages */
    unsigned    events;                /* of which subscribers are told: node/events.h */
    uint64_t    bulk_bytes;            /* of one word of a request */
    /* Data. */
    char     dir[NODE_TEXT_MAX];
    unsigned store; /* node_store */
    unsigned sync;  /* node_sync */
    /* Gossip. */
    char     cluster[NODE_TEXT_MAX];
    uint64_t node_id;               /* 0: minted, and kept in dir */
    char     gossip[NODE_TEXT_MAX]; /* where to listen; empty: alone */
    char     advertise[NODE_TEXT_MAX];
    char     peers[NODE_PEERS_MAX][NODE_ADDRESS_MAX];
    size_t   peer_count;
    unsigned topology; /* gossip_topology */
    uint64_t hub;      /* a node id; 0: the least of all */
    bool     learn;
    bool     publish_to_peers;
    uint64_t log_bytes;
    char     tls_ca[NODE_TEXT_MAX], tls_cert[NODE_TEXT_MAX], tls_key[NODE_TEXT_MAX];
    /* The node. */
    unsigned log_level; /* node_log_level */
    bool     demo;
} node_config;

void node_config_default(node_config *config);

/* Lines "name value": blank ones and those that start with # say nothing; words are split and
 * quoted as in redis.conf. The last line of an option holds; of peers all do. name stands for the
 * file in problems. False: a line is wrong. */
bool node_config_parse_text(node_config *config, const char *name, crdt_view text,
                            char problem[NODE_PROBLEM_MAX]);
/* The same from a file of at most 1 MiB. */
bool node_config_parse_file(node_config *config, const char *path, char problem[NODE_PROBLEM_MAX]);

typedef enum node_config_verb {
    NODE_CONFIG_RUN,
    NODE_CONFIG_HELP,
    NODE_CONFIG_VERSION,
    NODE_CONFIG_WRONG
} node_config_verb;

/* argv[1] to argv[argc - 1]: "--name value" or "--name=value"; for options of yes or no "--name"
 * alone is yes; --config FILE is read before all others; --help, --version. Ends in
 * node_config_check. */
node_config_verb node_config_parse_args(node_config *config, int argc, char *const *argv,
                                        char problem[NODE_PROBLEM_MAX]);

/* Whether it is safe, and of one piece: open to other machines only with a password for clients and
 * TLS for peers. */
bool node_config_check(const node_config *config, char problem[NODE_PROBLEM_MAX]);

/* CONFIG GET: *at is 0 at first; each call gives the next option whose name fits one of the
 * patterns (node/glob.h, case ignored), those that Redis has and we answer by a fixed value too.
 * value is reset, then appended to. False: there is no more. */
bool node_config_next(const node_config *config, const crdt_view *patterns, size_t count,
                      size_t *at, const char **ret_name, crdt_buf *value);
/* CONFIG SET: count words, name and value by turns; all are set or none. problem has Redis's text,
 * to be sent behind "-ERR ". */
bool node_config_set(node_config *config, const crdt_view *words, size_t count,
                     char problem[NODE_PROBLEM_MAX]);

/* The options for --help, grouped, with their defaults. */
void node_config_help(crdt_buf *out);

/* One option, as help and manual show it. */
typedef struct node_option {
    const char *group, *name, *argument, *help;
    bool        settable; /* by CONFIG SET */
} node_option;
/* The nth option of a file; its default is appended to value, unless that is NULL. False: there is
 * none. */
bool node_config_option(size_t n, node_option *ret_option, crdt_buf *value);

#endif
