/* The commands about connections, the server, the library's types and the cluster, as clients see
 * them: real nodes are started and asked through sockets. Where redis-server has the command, what
 * is expected here is what 7.0.15 answers to the same line. */
#define _POSIX_C_SOURCE 200809L /* strdup */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/node/checked.h"

/* -- One node, many conversations -------------------------------------------------------------- */

/* -- Connections ------------------------------------------------------------------------------- */

static const said connection_lines[] = {
    {"PING", "+PONG"},
    {"ping 'a b'", "'a b'"},
    {"PING a b", "-ERR wrong number of arguments for 'ping' command"},
    {"ECHO", "-ERR wrong number of arguments for 'echo' command"},
    {"ECHO x", "'x'"},
    {"SELECT 0", "+OK"},
    {"SELECT 99", "-ERR DB index is out of range"},
    {"SELECT -1", "-ERR DB index is out of range"},
    {"SELECT x", "-ERR value is not an integer or out of range"},
    {"HELLO 4", "-NOPROTO unsupported protocol version"},
    {"HELLO x", "-ERR Protocol version is not an integer or out of range"},
    {"HELLO 3 SETNAME a b", "-ERR Syntax error in HELLO option 'b'"},
    {"HELLO 3 auth a", "-ERR Syntax error in HELLO option 'auth'"},
    {"HELLO 2 SETNAME 'a b'",
     "-ERR Client names cannot contain spaces, newlines or special characters."},
    {"HELLO 2 SETNAME foo", "['server', 'redis', 'version', '7.0.15', 'proto', :2, 'id', ..."},
    {"CLIENT GETNAME", "'foo'"},
    {"AUTH x", "-ERR AUTH <password> called without any password configured for the default user. "
               "Are you sure your configuration is correct?"},
    {"AUTH default x", "+OK"},
    {"AUTH other x", "-WRONGPASS invalid username-password pair or user is disabled."},
    {"AUTH a b c", "-ERR syntax error"},
    {"RESET", "+RESET"},
    {"CLIENT GETNAME", "nil"},
    {"nosuch a b", "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' "},
    {"client|id", "-ERR unknown command 'client|id', with args beginning with: "},
};

TEST(connection, commands_of_redis)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, connection_lines);
    expect(t, "QUIT", "+OK");
    CHECK_EQ_STR(talk_read(t), "closed");
    talk_free(t);
    nodes_free(cluster);
}

TEST(connection, hello_3_changes_the_protocol_and_reset_changes_it_back)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    expect(t, "HELLO 3", "{'server': 'redis', 'version': '7.0.15', 'proto': :3, 'id': ...");
    expect(t, "CLIENT GETNAME", "nil");
    expect(t, "CONFIG GET port", "{'port': ...");
    expect(t, "LOLWUT", "txt:...");
    expect(t, "RESET", "+RESET");
    expect(t, "CONFIG GET port", "['port', ...");
    talk_free(t);
    nodes_free(cluster);
}

TEST(connection, nothing_but_hello_and_auth_before_the_password)
{
    static const said lines[] = {
        {"PING", "-NOAUTH Authentication required."},
        {"CLIENT ID", "-NOAUTH Authentication required."},
        {"HELLO", "-NOAUTH HELLO must be called with the client already authenticated, ..."},
        {"HELLO 3 AUTH default x",
         "-WRONGPASS invalid username-password pair or user is disabled."},
        {"AUTH p", "-WRONGPASS invalid username-password pair or user is disabled."},
        {"AUTH other pw", "-WRONGPASS invalid username-password pair or user is disabled."},
        {"AUTH pw", "+OK"},
        {"PING", "+PONG"},
        {"RESET", "+RESET"},
        {"PING", "-NOAUTH Authentication required."},
        {"HELLO 3 AUTH default pw", "{'server': ..."},
        {"PING", "+PONG"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *before = connect_to(cluster, 0);
    expect(before, "CONFIG SET requirepass pw", "+OK");
    talk *t = connect_to(cluster, 0);
    CONVERSE(t, lines);
    expect(before, "PING", "+PONG"); /* who was in stays in */
    talk_free(before);
    talk_free(t);
    nodes_free(cluster);
}

/* -- CLIENT ------------------------------------------------------------------------------------ */

static const said client_lines[] = {
    {"CLIENT", "-ERR wrong number of arguments for 'client' command"},
    {"CLIENT foo", "-ERR unknown subcommand 'foo'. Try CLIENT HELP."},
    {"CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command"},
    {"CLIENT SETNAME me", "+OK"},
    {"CLIENT SETNAME 'a b'",
     "-ERR Client names cannot contain spaces, newlines or special characters."},
    {"CLIENT GETNAME", "'me'"},
    {"CLIENT SETNAME ''", "+OK"},
    {"CLIENT GETNAME", "nil"},
    {"CLIENT SETINFO LIB-NAME t", "+OK"},
    {"CLIENT SETINFO foo t", "-ERR Unrecognized option 'foo'"},
    {"CLIENT NO-EVICT on", "+OK"},
    {"CLIENT NO-EVICT x", "-ERR syntax error"},
    {"CLIENT UNPAUSE", "+OK"},
    {"CLIENT PAUSE x", "-ERR timeout is not an integer or out of range"},
    {"CLIENT PAUSE -1", "-ERR timeout is negative"},
    {"CLIENT PAUSE 1 foo", "-ERR CLIENT PAUSE mode must be WRITE or ALL"},
    {"CLIENT PAUSE 1", "-ERR CLIENT PAUSE is not supported: ..."},
    {"CLIENT GETREDIR", ":-1"},
    {"CLIENT TRACKING off", "+OK"},
    {"CLIENT UNBLOCK 1", ":0"},
    {"CLIENT UNBLOCK x", "-ERR value is not an integer or out of range"},
    {"CLIENT UNBLOCK 1 foo", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"},
    {"CLIENT KILL", "-ERR wrong number of arguments for 'client|kill' command"},
    {"CLIENT KILL 1.2.3.4:5", "-ERR No such client"},
    {"CLIENT KILL ID x", "-ERR client-id should be greater than 0"},
    {"CLIENT KILL ID 99999", ":0"},
    {"CLIENT KILL ADDR 1:2", ":0"},
    {"CLIENT KILL TYPE foo", "-ERR Unknown client type 'foo'"},
    {"CLIENT KILL TYPE master", ":0"},
    {"CLIENT KILL USER foo", "-ERR No such user 'foo'"},
    {"CLIENT KILL ID 1 foo", "-ERR syntax error"},
    {"CLIENT KILL foo bar", "-ERR syntax error"},
    {"CLIENT LIST ID x", "-ERR Invalid client ID"},
    {"CLIENT LIST ID", "-ERR syntax error"},
    {"CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'"},
    {"CLIENT LIST TYPE master", "''"},
    {"CLIENT LIST foo", "-ERR syntax error"},
    {"CLIENT LIST ID 99999", "''"},
    {"CLIENT REPLY foo", "-ERR syntax error"},
    {"CLIENT HELP",
     "[+CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, +GETNAME, ..."},
};

TEST(client, commands_of_redis)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, client_lines);
    const char *info = talk_say(t, "CLIENT INFO");
    CHECK(strstr(info, " name= ") != NULL && strstr(info, " cmd=client|info ") != NULL);
    CHECK(strstr(info, " laddr=127.0.0.1:") != NULL && strstr(info, "lib-name=t\\n") != NULL);
    talk_free(t);
    nodes_free(cluster);
}

TEST(client, kill_closes_others_at_once_and_itself_after_the_reply)
{
    char   say[64];
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0), *other = connect_to(cluster, 0);
    long   id = strtol(talk_say(other, "CLIENT ID") + 1, NULL, 10);
    CHECK(id > 0);
    snprintf(say, sizeof say, "CLIENT KILL ID %ld", id);
    expect(t, say, ":1");
    CHECK_EQ_STR(talk_read(other), "closed");
    expect(t, say, ":0");
    expect(t, "CLIENT KILL TYPE normal", ":0");
    expect(t, "CLIENT KILL TYPE normal SKIPME no", ":1");
    CHECK_EQ_STR(talk_read(t), "closed");
    talk_free(other);
    talk_free(t);
    nodes_free(cluster);
}

static void expect_read(talk *t, const char *reply)
{
    CHECK_EQ_STR(talk_read(t), reply);
}

static void send_text(talk *t, const char *text)
{
    talk_raw(t, text, strlen(text));
}

#define SET_A "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
#define WAIT_1 "*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$2\r\n30\r\n"
#define INCR_A "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"

/* Requests that came together are run in order, up to one that waits or ends the connection. */
TEST(client, requests_that_come_together)
{
    char   say[16];
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    send_text(t, SET_A "GET a\r\n" INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A
                     INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A INCR_A);
    send_text(t,
              "MSET b 2 c '3 4'\r\n\r\nMGET b c\r\n" INCR_A WAIT_1 INCR_A INCR_A "*2\r\n$4\r\nIN");
    expect_read(t, "+OK");
    expect_read(t, "'1'");
    for (int i = 2; i <= 21; i++) {
        snprintf(say, sizeof say, ":%d", i);
        expect_read(t, say);
    }
    expect_read(t, "+OK");
    expect_read(t, "['2', '3 4']");
    expect_read(t, ":22");
    expect_read(t, ":0");
    expect_read(t, ":23");
    expect_read(t, ":24");
    send_text(t, "CR\r\n$1\r\na\r\n" WAIT_1 "QUIT\r\n" INCR_A);
    expect_read(t, ":25");
    expect_read(t, ":0");
    expect_read(t, "+OK");
    expect_read(t, "closed");
    talk_free(t);
    t = connect_to(cluster, 0);
    expect(t, "GET a", "'25'");
    send_text(t, INCR_A WAIT_1 INCR_A "*1\r\n!4\r\n" INCR_A);
    expect_read(t, ":26");
    expect_read(t, ":0");
    expect_read(t, ":27");
    expect_read(t, "-ERR Protocol error: expected '$', got '!'");
    expect_read(t, "closed");
    talk_free(t);
    nodes_free(cluster);
}

TEST(client, reply_off_and_skip)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    talk_send(t, "CLIENT REPLY OFF");
    talk_send(t, "PING 1");
    talk_send(t, "nosuch"); /* errors are not sent, either */
    expect(t, "CLIENT REPLY ON", "+OK");
    talk_send(t, "CLIENT REPLY SKIP");
    talk_send(t, "PING 2");
    expect(t, "PING 3", "'3'");
    talk_send(t, "CLIENT REPLY SKIP");
    talk_send(t, "WAIT 1 10"); /* its reply comes later, and is left out, too */
    expect(t, "PING 4", "'4'");
    talk_free(t);
    nodes_free(cluster);
}

/* -- The server -------------------------------------------------------------------------------- */

static const said server_lines[] = {
    {"DBSIZE x", "-ERR wrong number of arguments for 'dbsize' command"},
    {"DBSIZE", ":0"},
    {"SET a b", "+OK"},
    {"DBSIZE", ":1"},
    {"TIME", "['1..."},
    {"ROLE", "['master', :0, []]"},
    {"SHUTDOWN foo", "-ERR syntax error"},
    {"SHUTDOWN nosave save", "-ERR syntax error"},
    {"SHUTDOWN ABORT", "-ERR No shutdown in progress."},
    {"DEBUG", "-ERR wrong number of arguments for 'debug' command"},
    {"DEBUG SLEEP 0", "-ERR DEBUG command not allowed..."},
    {"MEMORY foo", "-ERR unknown subcommand 'foo'. Try MEMORY HELP."},
    {"MEMORY USAGE", "-ERR wrong number of arguments for 'memory|usage' command"},
    {"MEMORY USAGE none", "nil"},
    {"MEMORY USAGE a SAMPLES", "-ERR syntax error"},
    {"MEMORY USAGE a SAMPLES x", "-ERR value is not an integer or out of range"},
    {"MEMORY PURGE", "+OK"},
    {"SLOWLOG GET", "[]"},
    {"SLOWLOG GET x", "-ERR count should be greater than or equal to -1"},
    {"SLOWLOG LEN", ":0"},
    {"SLOWLOG RESET", "+OK"},
    {"SLOWLOG foo", "-ERR unknown subcommand 'foo'. Try SLOWLOG HELP."},
    {"LATENCY LATEST", "[]"},
    {"LATENCY HISTORY x", "[]"},
    {"LATENCY RESET", ":0"},
    {"OBJECT ENCODING a", "'cell'"},
    {"OBJECT ENCODING none", "nil"},
    {"SAVE x", "-ERR wrong number of arguments for 'save' command"},
    {"BGSAVE foo", "-ERR syntax error"},
    {"SAVE", "-ERR this node keeps nothing on disk..."},
    {"CONFIG foo", "-ERR unknown subcommand 'foo'. Try CONFIG HELP."},
    {"CONFIG GET", "-ERR wrong number of arguments for 'config|get' command"},
    {"CONFIG GET maxclients", "['maxclients', '10000']"},
    {"CONFIG GET nosuch", "[]"},
    {"CONFIG SET maxclients 100", "+OK"},
    {"CONFIG GET maxclients", "['maxclients', '100']"},
    {"CONFIG SET nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"},
    {"CONFIG SET maxclients", "-ERR wrong number of arguments for 'config|set' command"},
    {"CONFIG SET maxclients x",
     "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - ..."},
    {"CONFIG REWRITE", "-ERR CONFIG REWRITE is not supported..."},
    {"CONFIG RESETSTAT", "+OK"},
    {"INFO nosuch", "''"},
};

TEST(server, commands_of_redis)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, server_lines);
    CHECK(strtol(talk_say(t, "MEMORY USAGE a") + 1, NULL, 10) > 1);
    expect(t, "SHUTDOWN", "closed");
    talk_free(t);
    nodes_free(cluster);
}

TEST(server, info_has_what_monitors_read)
{
    static const char *const fields[] = {
        "redis_version:7.0.15",
        "tcp_port:",
        "uptime_in_seconds:",
        "process_id:",
        "connected_clients:1",
        "maxclients:",
        "blocked_clients:0",
        "used_memory:",
        "used_memory_human:",
        "used_memory_rss:",
        "used_memory_peak:",
        "maxmemory:0",
        "mem_fragmentation_ratio:",
        "loading:0",
        "aof_enabled:0",
        "rdb_bgsave_in_progress:0",
        "rdb_last_save_time:",
        "total_connections_received:",
        "total_commands_processed:",
        "instantaneous_ops_per_sec:",
        "total_net_input_bytes:",
        "keyspace_hits:1",
        "keyspace_misses:1",
        "expired_keys:0",
        "evicted_keys:0",
        "rejected_connections:0",
        "role:master",
        "connected_slaves:0",
        "used_cpu_sys:",
        "used_cpu_user:",
        "cmdstat_get:calls=2,usec=",
        "cmdstat_set:calls=1,",
        "db0:keys=1,expires=0,avg_ttl=0",
        "# Gossip",
        "peers:0",
        "links:0",
        "written:1",
        "delivered:",
        "log_bytes:",
        "conflicts:0",
        "store:memory",
        "sync:none",
        "cluster_enabled:0",
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    expect(t, "SET a b", "+OK");
    expect(t, "GET a", "'b'");
    expect(t, "GET none", "nil");
    char *info = strdup(talk_say(t, "INFO all"));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "%s%s", i == 0 ? "" : "\\n", fields[i]);
        CHECK_MSG(strstr(info, wanted) != NULL, "no %s in\n%s", fields[i], info);
    }
    free(info);
    const char *some = talk_say(t, "INFO clients CPU");
    CHECK(strstr(some, "# Clients") != NULL && strstr(some, "# CPU") != NULL);
    CHECK(strstr(some, "# Server") == NULL && strstr(some, "# Gossip") == NULL);
    CHECK(strstr(talk_say(t, "INFO"), "# Commandstats") == NULL);
    talk_free(t);
    nodes_free(cluster);
}

/* -- COMMAND ----------------------------------------------------------------------------------- */

static const said command_lines[] = {
    {"COMMAND foo", "-ERR unknown subcommand 'foo'. Try COMMAND HELP."},
    {"COMMAND COUNT x", "-ERR wrong number of arguments for 'command|count' command"},
    {"COMMAND LIST FILTERBY", "-ERR syntax error"},
    {"COMMAND LIST foo", "-ERR syntax error"},
    {"COMMAND LIST FILTERBY MODULE foo", "[]"},
    {"COMMAND LIST FILTERBY PATTERN getr*", "['getrange']"},
    {"COMMAND INFO nosuch", "[nil]"},
    {"COMMAND INFO client|id",
     "[['client|id', :2, [], :0, :0, :0, [+@slow, +@connection], [], [], []]]"},
    {"COMMAND GETKEYS get", "-ERR wrong number of arguments for 'command|getkeys' command"},
    {"COMMAND GETKEYS get a", "['a']"},
    {"COMMAND GETKEYS mset a 1 b 2", "['a', 'b']"},
    {"COMMAND GETKEYS sintercard 2 a b limit 1", "['a', 'b']"},
    {"COMMAND GETKEYS object encoding k", "['k']"},
    {"COMMAND GETKEYS crdt.orset.add s x", "['s']"},
    {"COMMAND GETKEYS nosuch a", "-ERR Invalid command specified"},
    {"COMMAND GETKEYS get a b", "-ERR Invalid number of arguments specified for command"},
    {"COMMAND GETKEYS echo a", "-ERR The command has no key arguments"},
    {"COMMAND DOCS nosuch", "[]"},
    {"COMMAND DOCS strlen",
     "['strlen', ['summary', 'The string's length in bytes.', 'since', '0.1.0', 'group', "
     "'string', 'arguments', [['name', 'key', 'type', 'key', 'key_spec_index', :0]]]]"},
    {"COMMAND DOCS crdt.rga.insert", "['crdt.rga.insert', ['summary', ..."},
};

TEST(command, describes_itself)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, command_lines);
    long count = strtol(talk_say(t, "COMMAND COUNT") + 1, NULL, 10);
    CHECK(count > 150);
    expect(t, "HELLO 3", "{...");
    expect(t, "COMMAND INFO get",
           "[['get', :2, ~[+readonly, +fast], :1, :1, :1, ~[+@read, +@string, +@fast], ~[], "
           "~[{'flags': ~[+RO, +access], 'begin_search': {'type': 'index', 'spec': "
           "{'index': :1}}, 'find_keys': {'type': 'range', 'spec': {'lastkey': :0, "
           "'keystep': :1, 'limit': :0}}}], []]]");
    expect(t, "COMMAND DOCS expire",
           "{'expire': {'summary': 'The key goes after so many seconds.', 'since': '0.1.0', "
           "'group': 'generic', 'arguments': [{'name': 'key', 'type': 'key', "
           "'key_spec_index': :0}, {'name': 'seconds', 'type': 'integer'}, {'name': 'nx', "
           "'type': 'oneof', 'flags': ~[+optional], 'arguments': [{'name': 'nx', 'type': "
           "'pure-token', 'token': 'NX'}, {'name': 'xx', 'type': 'pure-token', 'token': "
           "'XX'}, {'name': 'gt', 'type': 'pure-token', 'token': 'GT'}, {'name': 'lt', "
           "'type': 'pure-token', 'token': 'LT'}]}]}}");
    expect(t, "COMMAND DOCS mset",
           "{'mset': {'summary': 'Set many strings, in one step.', 'since': '0.1.0', "
           "'group': 'string', 'arguments': [{'name': 'key', 'type': 'block', 'flags': "
           "~[+multiple], 'arguments': [{'name': 'key', 'type': 'key', 'key_spec_index': :0}, "
           "{'name': 'value', 'type': 'string'}]}]}}");
    talk_free(t);
    nodes_free(cluster);
}

/* What is left of names that are gone stands behind the only one there is. */
TEST(keys, a_random_key_is_found_in_front_of_what_is_gone)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    for (char c = 'o'; c <= 'z'; c++) {
        char say[40];
        snprintf(say, sizeof say, "RPUSH %c x", c);
        expect(t, say, ":1");
    }
    expect(t, "FLUSHALL", "+OK");
    expect(t, "SET first 1", "+OK");
    for (int i = 0; i < 40; i++) expect(t, "RANDOMKEY", "'first'");
    expect(t, "DEL first", ":1");
    expect(t, "RANDOMKEY", "nil");
    talk_free(t);
    nodes_free(cluster);
}

/* Every command has words for people, and a syntax that can be taken apart. */
TEST(command, all_are_documented)
{
    nodes      *cluster = start_in_memory(1);
    talk       *t = connect_to(cluster, 0);
    redisReply *names = nodes_command(cluster, 0, "COMMAND LIST");
    CHECK(names != NULL && names->type == REDIS_REPLY_ARRAY);
    expect(t, "HELLO 3", "{...");
    for (size_t i = 0; i < names->elements; i++) {
        const char *name = names->element[i]->str;
        char        say[96];
        snprintf(say, sizeof say, "COMMAND INFO %s", name);
        const char *arity = strchr(talk_say(t, say), ':');
        CHECK_MSG(arity != NULL, "%s", name);
        bool takes = strncmp(arity, ":1,", 3) != 0 && strcmp(name, "quit") != 0;
        snprintf(say, sizeof say, "COMMAND DOCS %s", name);
        const char *doc = talk_say(t, say);
        CHECK_MSG(strstr(doc, "{'summary': '") != NULL, "%s: %s", name, doc);
        CHECK_MSG(strstr(doc, "'since': ") != NULL && strstr(doc, "'group': ") != NULL, "%s", doc);
        bool told = strstr(doc, "'arguments': ") != NULL || strstr(doc, "'subcommands': ") != NULL;
        CHECK_MSG(told == takes, "%s: takes arguments: %d, %s", name, takes, doc);
    }
    freeReplyObject(names);
    talk_free(t);
    nodes_free(cluster);
}
