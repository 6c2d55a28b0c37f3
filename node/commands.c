/* commands.c: the table of the commands written here. Arity, keys and flags are those that
 * redis-server 7.0.15 tells of its own; the words are ours. */
#include "node/commands.h"

#define COMMAND(name, run, arity, flags, first, last, step, group, syntax, summary)    \
    {                                                                                  \
        name, run, arity, flags, first, last, step, group, syntax, summary, NULL, NULL \
    }
/* One with commands of its own: CLIENT ID ... */
#define FAMILY(name, flags, group, summary, subs)                                              \
    {                                                                                          \
        name, call_sub, -2, flags, 0, 0, 0, group, "subcommand [argument ...]", summary, subs, \
            NULL                                                                               \
    }

#define READ COMMAND_READ
#define WRITE COMMAND_WRITE
#define FAST COMMAND_FAST
#define ADMIN COMMAND_ADMIN
#define OURS COMMAND_OURS
#define OPEN (COMMAND_FAST | COMMAND_NO_AUTH)

static const command list[] = {
    /* -- Connections --------------------------------------------------------------------------- */
    COMMAND("auth", command_auth, -2, OPEN, 0, 0, 0, "connection", "[username] password",
            "Show the password, where one is required. The one user is default."),
    FAMILY("client", 0, "connection", "Look at the connections of clients.", client_commands),
    COMMAND("echo", command_echo, 2, FAST, 0, 0, 0, "connection", "message",
            "The message comes back."),
    COMMAND("hello", command_hello, -1, OPEN, 0, 0, 0, "connection",
            "[protover [AUTH username password] [SETNAME clientname]]",
            "Choose protocol 2 or 3, and say who you are."),
    COMMAND("ping", command_ping, -1, FAST, 0, 0, 0, "connection", "[message]",
            "PONG, or the message."),
    COMMAND("quit", command_quit, -1, OPEN, 0, 0, 0, "connection", "", "Close the connection."),
    COMMAND("reset", command_reset, 1, OPEN, 0, 0, 0, "connection", "",
            "The connection is as it was when it began."),
    COMMAND("select", command_select, 2, FAST, 0, 0, 0, "connection", "index",
            "Choose the database: there is one, 0."),

    /* -- The server ---------------------------------------------------------------------------- */
    COMMAND("bgsave", command_bgsave, -1, ADMIN, 0, 0, 0, "server", "[SCHEDULE]",
            "Write a snapshot to the data directory."),
    {"command", command_command, -1, 0, 0, 0, 0, "server", "", "All commands, in detail.",
     command_commands, NULL},
    FAMILY("config", 0, "server", "Look at settings, and change some.", config_commands),
    COMMAND("dbsize", command_dbsize, 1, READ | FAST, 0, 0, 0, "server", "",
            "How many keys there are."),
    COMMAND("debug", command_debug, -2, ADMIN, 0, 0, 0, "server", "subcommand [argument ...]",
            "Refused: this node has nothing of it."),
    COMMAND("info", command_info, -1, 0, 0, 0, 0, "server", "[section ...]",
            "What the node is and does, as lines of name:value."),
    COMMAND("lastsave", command_lastsave, 1, FAST, 0, 0, 0, "server", "",
            "When a snapshot was last asked for, in seconds since 1970."),
    FAMILY("latency", 0, "server", "Nothing is recorded here: what there is, is empty.",
           latency_commands),
    COMMAND("lolwut", command_lolwut, -1, READ | FAST, 0, 0, 0, "server", "[VERSION version]",
            "Which server this is, drawn small."),
    FAMILY("memory", 0, "server", "Memory in use.", memory_commands),
    COMMAND("role", command_role, 1, FAST, 0, 0, 0, "server", "",
            "Every node takes writes: master."),
    COMMAND("save", command_save, 1, ADMIN, 0, 0, 0, "server", "",
            "Write a snapshot to the data directory, and wait for it."),
    COMMAND("shutdown", command_shutdown, -1, ADMIN, 0, 0, 0, "server",
            "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
            "Stop the node. What it has answered is kept in either case."),
    FAMILY("slowlog", 0, "server", "Nothing is recorded here: it is empty.", slowlog_commands),
    COMMAND("time", command_time, 1, FAST, 0, 0, 0, "server", "",
            "The node's clock: seconds since 1970, and microseconds."),
    COMMAND("flushall", command_flushall, -1, WRITE, 0, 0, 0, "server", "[ASYNC | SYNC]",
            "Remove every key that is seen here, on all nodes."),
    COMMAND("flushdb", command_flushall, -1, WRITE, 0, 0, 0, "server", "[ASYNC | SYNC]",
            "Remove every key that is seen here, on all nodes."),

    /* -- Keys ---------------------------------------------------------------------------------- */
    COMMAND("del", command_del, -2, WRITE, 1, -1, 1, "generic", "key [key ...]",
            "Remove keys; what others write to them at the same time survives."),
    COMMAND("exists", command_exists, -2, READ | FAST, 1, -1, 1, "generic", "key [key ...]",
            "How many of the keys there are."),
    COMMAND("expire", command_expire, -3, WRITE | FAST, 1, 1, 1, "generic",
            "key seconds [NX | XX | GT | LT]", "The key goes after so many seconds."),
    COMMAND("expireat", command_expireat, -3, WRITE | FAST, 1, 1, 1, "generic",
            "key unix-time-seconds [NX | XX | GT | LT]", "The key goes at this time."),
    COMMAND("expiretime", command_expiretime, 2, READ | FAST, 1, 1, 1, "generic", "key",
            "When the key goes, in seconds since 1970."),
    COMMAND("keys", command_keys, 2, READ, 0, 0, 0, "generic", "pattern",
            "All keys that fit the pattern."),
    FAMILY("object", 0, "generic", "How a key is kept.", object_commands),
    COMMAND("persist", command_persist, 2, WRITE | FAST, 1, 1, 1, "generic", "key",
            "The key does not go any more."),
    COMMAND("pexpire", command_pexpire, -3, WRITE | FAST, 1, 1, 1, "generic",
            "key milliseconds [NX | XX | GT | LT]", "The key goes after so many milliseconds."),
    COMMAND("pexpireat", command_pexpireat, -3, WRITE | FAST, 1, 1, 1, "generic",
            "key unix-time-milliseconds [NX | XX | GT | LT]", "The key goes at this time."),
    COMMAND("pexpiretime", command_pexpiretime, 2, READ | FAST, 1, 1, 1, "generic", "key",
            "When the key goes, in milliseconds since 1970."),
    COMMAND("pttl", command_pttl, 2, READ | FAST, 1, 1, 1, "generic", "key",
            "In how many milliseconds the key goes."),
    COMMAND("randomkey", command_randomkey, 1, READ, 0, 0, 0, "generic", "", "Any one key."),
    COMMAND("rename", command_rename, 3, WRITE, 1, 2, 1, "generic", "key newkey",
            "Another key takes over the content."),
    COMMAND("renamenx", command_renamenx, 3, WRITE | FAST, 1, 2, 1, "generic", "key newkey",
            "The same, if the other key is free."),
    COMMAND("scan", command_scan, -2, READ, 0, 0, 0, "generic",
            "cursor [MATCH pattern] [COUNT count] [TYPE type]", "All keys, some at a time."),
    COMMAND("touch", command_touch, -2, READ | FAST, 1, -1, 1, "generic", "key [key ...]",
            "How many of the keys there are."),
    COMMAND("ttl", command_ttl, 2, READ | FAST, 1, 1, 1, "generic", "key",
            "In how many seconds the key goes."),
    COMMAND("type", command_type, 2, READ | FAST, 1, 1, 1, "generic", "key",
            "The type of what shows under the key."),
    COMMAND("unlink", command_del, -2, WRITE | FAST, 1, -1, 1, "generic", "key [key ...]",
            "Remove keys: the same as DEL."),
    COMMAND("wait", command_wait, 3, COMMAND_BLOCKING, 0, 0, 0, "generic", "numreplicas timeout",
            "Wait until so many peers hold what this connection wrote, durably."),

    /* -- Strings and counters ------------------------------------------------------------------ */
    COMMAND("append", command_append, 3, WRITE | FAST, 1, 1, 1, "string", "key value",
            "Write behind the end of a string."),
    COMMAND("decr", command_decr, 2, WRITE | FAST, 1, 1, 1, "string", "key", "Take away 1."),
    COMMAND("decrby", command_decrby, 3, WRITE | FAST, 1, 1, 1, "string", "key decrement",
            "Take away from an integer."),
    COMMAND("get", command_get, 2, READ | FAST, 1, 1, 1, "string", "key", "The string."),
    COMMAND("getdel", command_getdel, 2, WRITE | FAST, 1, 1, 1, "string", "key",
            "The string, which is removed."),
    COMMAND("getex", command_getex, -2, WRITE | FAST, 1, 1, 1, "string",
            "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
            "PXAT unix-time-milliseconds | PERSIST]",
            "The string, and when it goes is changed."),
    COMMAND("getrange", command_getrange, 4, READ, 1, 1, 1, "string", "key start end",
            "A part of the string."),
    COMMAND("getset", command_getset, 3, WRITE | FAST, 1, 1, 1, "string", "key value",
            "The string as it was before it is set."),
    COMMAND("incr", command_incr, 2, WRITE | FAST, 1, 1, 1, "string", "key",
            "Add 1; what others add at the same time adds up."),
    COMMAND("incrby", command_incrby, 3, WRITE | FAST, 1, 1, 1, "string", "key increment",
            "Add to an integer; what others add at the same time adds up."),
    COMMAND("incrbyfloat", command_incrbyfloat, 3, WRITE | FAST, 1, 1, 1, "string", "key increment",
            "Add to a decimal number, exactly."),
    COMMAND("mget", command_mget, -2, READ | FAST, 1, -1, 1, "string", "key [key ...]",
            "The strings of many keys."),
    COMMAND("mset", command_mset, -3, WRITE, 1, -1, 2, "string", "key value [key value ...]",
            "Set many strings, in one step."),
    COMMAND("msetnx", command_msetnx, -3, WRITE, 1, -1, 2, "string", "key value [key value ...]",
            "The same, if none of the keys is there."),
    COMMAND("psetex", command_psetex, 4, WRITE, 1, 1, 1, "string", "key milliseconds value",
            "Set a string that goes after so many milliseconds."),
    COMMAND("set", command_set, -3, WRITE, 1, 1, 1, "string",
            "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
            "PXAT unix-time-milliseconds | KEEPTTL]",
            "Set a string; of two set at the same time the later shows."),
    COMMAND("setex", command_setex, 4, WRITE, 1, 1, 1, "string", "key seconds value",
            "Set a string that goes after so many seconds."),
    COMMAND("setnx", command_setnx, 3, WRITE | FAST, 1, 1, 1, "string", "key value",
            "Set a string if the key is not there. No lock: others may do so at the same time."),
    COMMAND("setrange", command_setrange, 4, WRITE, 1, 1, 1, "string", "key offset value",
            "Write over a part of the string."),
    COMMAND("strlen", command_strlen, 2, READ | FAST, 1, 1, 1, "string", "key",
            "The string's length in bytes."),
    COMMAND("substr", command_getrange, 4, READ, 1, 1, 1, "string", "key start end",
            "A part of the string: the same as GETRANGE."),

    /* -- Sets ---------------------------------------------------------------------------------- */
    COMMAND("sadd", command_sadd, -3, WRITE | FAST, 1, 1, 1, "set", "key member [member ...]",
            "Add members; one removed elsewhere at the same time stays."),
    COMMAND("scard", command_scard, 2, READ | FAST, 1, 1, 1, "set", "key", "How many members."),
    COMMAND("sdiff", command_sdiff, -2, READ, 1, -1, 1, "set", "key [key ...]",
            "The members of the first set that are in no other."),
    COMMAND("sdiffstore", command_sdiffstore, -3, WRITE, 1, -1, 1, "set",
            "destination key [key ...]", "The same, kept under a key."),
    COMMAND("sinter", command_sinter, -2, READ, 1, -1, 1, "set", "key [key ...]",
            "The members that are in all of the sets."),
    COMMAND("sintercard", command_sintercard, -3, READ | COMMAND_COUNTED_KEYS, 0, 0, 0, "set",
            "numkeys key [key ...] [LIMIT limit]", "How many members are in all of the sets."),
    COMMAND("sinterstore", command_sinterstore, -3, WRITE, 1, -1, 1, "set",
            "destination key [key ...]", "Those in all of the sets, kept under a key."),
    COMMAND("sismember", command_sismember, 3, READ | FAST, 1, 1, 1, "set", "key member",
            "Is it a member?"),
    COMMAND("smembers", command_smembers, 2, READ, 1, 1, 1, "set", "key", "All members."),
    COMMAND("smismember", command_smismember, -3, READ | FAST, 1, 1, 1, "set",
            "key member [member ...]", "Is each of them a member?"),
    COMMAND("smove", command_smove, 4, WRITE | FAST, 1, 2, 1, "set", "source destination member",
            "A member goes from one set to another."),
    COMMAND("spop", command_spop, -2, WRITE | FAST, 1, 1, 1, "set", "key [count]",
            "Take out members at random. Two nodes may take out the same."),
    COMMAND("srandmember", command_srandmember, -2, READ, 1, 1, 1, "set", "key [count]",
            "Members at random."),
    COMMAND("srem", command_srem, -3, WRITE | FAST, 1, 1, 1, "set", "key member [member ...]",
            "Remove members; what others add at the same time stays."),
    COMMAND("sscan", command_sscan, -3, READ, 1, 1, 1, "set",
            "key cursor [MATCH pattern] [COUNT count]", "All members, some at a time."),
    COMMAND("sunion", command_sunion, -2, READ, 1, -1, 1, "set", "key [key ...]",
            "The members of all the sets."),
    COMMAND("sunionstore", command_sunionstore, -3, WRITE, 1, -1, 1, "set",
            "destination key [key ...]", "The same, kept under a key."),

    /* -- Texts --------------------------------------------------------------------------------- */
    COMMAND("text.delete", command_text_delete, -4, WRITE | OURS, 1, 1, 1, "text",
            "key position count [UNIT unit]",
            "Delete from a text. A position below 0 counts from the end; unit: cp (code points, "
            "if not told), utf16 or byte."),
    COMMAND("text.get", command_text_get, -2, READ | OURS, 1, 1, 1, "text",
            "key [position count] [UNIT unit]", "The text, or a part of it."),
    COMMAND("text.insert", command_text_insert, -4, WRITE | OURS, 1, 1, 1, "text",
            "key position utf8 [UNIT unit]",
            "Insert into a text. Position -1: at the end, -2: before what comes last ..."),
    COMMAND("text.length", command_text_length, -2, READ | FAST | OURS, 1, 1, 1, "text",
            "key [UNIT unit]", "The length of the text."),

    /* -- The cluster --------------------------------------------------------------------------- */
    COMMAND("crdt.conflicts", command_crdt_conflicts, -1, READ | OURS, 0, 0, 0, "crdt", "[key]",
            "The keys for which several contents compete; or those of one key."),
    COMMAND("crdt.diff", command_crdt_diff, 2, READ | OURS | COMMAND_BLOCKING, 0, 0, 0, "crdt",
            "peer", "What is different at a peer (its address or node id), and how."),
    COMMAND("crdt.digest", command_crdt_digest, -1, READ | OURS, 0, 0, 0, "crdt", "[prefix]",
            "A hash of everything, or of the keys with this prefix: nodes that agree have the "
            "same."),
    COMMAND("crdt.explain", command_crdt_explain, 2, READ | OURS, 1, 1, 1, "crdt", "key",
            "Why the key's value is what it is."),
    COMMAND("crdt.heal", command_crdt_heal, 1, ADMIN | OURS, 0, 0, 0, "crdt", "",
            "The node talks with its peers again (with --demo only)."),
    COMMAND("crdt.lag", command_crdt_lag, 1, READ | OURS, 0, 0, 0, "crdt", "",
            "How far behind peers are, in entries and milliseconds."),
    COMMAND("crdt.log", command_crdt_log, -2, READ | OURS, 1, 1, 1, "crdt", "key [COUNT count]",
            "What was done to a key, as far as the log goes back; the newest last."),
    COMMAND("crdt.partition", command_crdt_partition, -1, ADMIN | OURS, 0, 0, 0, "crdt", "[peer ...]",
            "Cut this node off from its peers, for demonstrations (with --demo only)."),
    FAMILY("crdt.peer", ADMIN | OURS, "crdt", "Whom this node gossips with.", crdt_peer_commands),
    COMMAND("crdt.peers", command_crdt_peers, 1, READ | OURS, 0, 0, 0, "crdt", "",
            "All about each peer."),
    COMMAND("crdt.types", command_crdt_types, 1, READ | OURS, 0, 0, 0, "crdt", "",
            "The types of replicated data, where they come from, and their operations."),
};

const command *commands_list(size_t *ret_count)
{
    *ret_count = sizeof list / sizeof list[0];
    return list;
}
