/* Options: files, flags, CONFIG GET and SET, what is unsafe, and the manual page. */
#include "node/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"

static char problem[NODE_PROBLEM_MAX];

/* What CONFIG GET shows of one option; borrowed until the next call. */
static const char *get(const node_config *c, const char *name)
{
    static char text[20000];
    crdt_view   pattern = crdt_text_view(name);
    crdt_buf    value;
    const char *found;
    size_t      at = 0;
    crdt_buf_init(&value, NULL);
    CHECK_MSG(node_config_next(c, &pattern, 1, &at, &found, &value), "no %s", name);
    CHECK(value.size < sizeof text);
    if (value.size > 0) memcpy(text, value.data, value.size);
    text[value.size] = 0;
    crdt_buf_clear(&value);
    return text;
}

static bool parse(node_config *c, const char *text)
{
    return node_config_parse_text(c, "f", crdt_text_view(text), problem);
}

static node_config_verb flags(node_config *c, const char *line)
{
    enum { MOST = 16 };
    char   copy[2048], *argv[MOST + 1] = {copy}, *at = copy;
    int    argc = 0;
    size_t size = strlen(line);
    CHECK(size < sizeof copy);
    memcpy(copy, line, size + 1);
    for (; *at != 0 && argc < MOST; at += strspn(at, " ")) {
        argv[argc++] = at;
        at += strcspn(at, " ");
        if (*at != 0) *at++ = 0;
    }
    return node_config_parse_args(c, argc, argv, problem);
}

static bool set(node_config *c, const char *a, const char *b)
{
    crdt_view words[2] = {crdt_text_view(a), crdt_text_view(b)};
    return node_config_set(c, words, 2, problem);
}

static node_config initial(void)
{
    node_config c;
    node_config_default(&c);
    return c;
}

TEST(config, defaults_are_safe_and_of_their_own_ports)
{
    node_config c = initial();
    CHECK(node_config_check(&c, problem));
    CHECK_EQ_STR(c.bind, "127.0.0.1");
    CHECK_EQ_INT(c.port, 7379);
    CHECK_EQ_STR(c.gossip, "tcp://127.0.0.1:17379");
    CHECK_EQ_STR(c.dir, "./concurd-data");
    CHECK_EQ_INT(c.store, NODE_STORE_DISK);
    CHECK_EQ_INT(c.sync, NODE_SYNC_EVERYSEC);
    CHECK_EQ_INT(c.maxclients, 10000);
    CHECK_EQ_INT(c.query_buffer_bytes, 64 << 20);
    CHECK_EQ_INT(c.output.hard_bytes, 256 << 20);
    CHECK_EQ_INT(c.bulk_bytes, 16 << 20);
    CHECK(c.learn && !c.demo);
    CHECK_EQ_INT(c.peer_count, 0);
}

/* -- Files ------------------------------------------------------------------------------------- */

TEST(config, a_file_is_lines_of_names_and_values)
{
    node_config c = initial();
    CHECK_MSG(parse(&c, "# a comment\n\n  \t\n"
                        "port 8000\r\n"
                        "\tbind 127.0.0.1   ::1\n"
                        "requirepass \"a \\x41\\\"b\"\n"
                        "dir '/tmp/a b'\n"
                        "PORT 8001\n"
                        "store memory\nsync always\nlog-level debug\nlearn no\n"
                        "timeout 250ms\nclient-query-buffer-limit 2mb\n"
                        "client-output-buffer-limit normal 1gb 1mb 1m\n"
                        "peers tcp://localhost:1,tcp://localhost:2 ipc:///tmp/x\n"
                        "peers tcp://localhost:3 tcp://localhost:1\n"
                        "node-id 00ff\ntopology star\nhub Ab\n"
                        "cluster \"\\x01\""),
              "%s", problem);
    CHECK_EQ_INT(c.port, 8001);
    CHECK_EQ_STR(c.bind, "127.0.0.1 ::1");
    CHECK_EQ_STR(c.requirepass, "a A\"b");
    CHECK_EQ_STR(c.dir, "/tmp/a b");
    CHECK_EQ_INT(c.store, NODE_STORE_MEMORY);
    CHECK_EQ_INT(c.timeout_ms, 250);
    CHECK_EQ_INT(c.node_id, 255);
    CHECK_EQ_INT(c.peer_count, 4);
    CHECK_EQ_STR(get(&c, "peers"),
                 "tcp://localhost:1,tcp://localhost:2,ipc:///tmp/x,tcp://localhost:3");
    CHECK_EQ_STR(get(&c, "hub"), "00000000000000ab");
    CHECK_EQ_STR(get(&c, "timeout"), "250ms");
    CHECK_EQ_STR(get(&c, "client-output-buffer-limit"), "1073741824 1048576 60");
    CHECK_EQ_STR(get(&c, "appendonly"), "no");
    CHECK_EQ_STR(get(&c, "appendfsync"), "always");
}

TEST(config, a_wrong_line_is_told_with_its_place_and_changes_nothing)
{
    static const char *const rows[][2] = {
        {"port 70000", "f:1: port \"70000\": must be a whole number from 1 to 65535"},
        {"port 7.5", "f:1: port \"7.5\": must be a whole number from 1 to 65535"},
        {"\n#\nport", "f:3: port lacks its value (\"\" is the empty one)"},
        {"port 1 2", "f:1: port takes one value, not 2: quote one that holds blanks"},
        {"prot 1", "f:1: unknown option prot: did you mean port?"},
        {"max-clients 5", "f:1: unknown option max-clients: did you mean maxclients?"},
        {"daemonize yes", "f:1: unknown option daemonize: --help lists all"},
        {"\"\" x", "f:1: unknown option : --help lists all"},
        {"dir 'a", "f:1: a quote is not closed, or not followed by a blank"},
        {"dir \"\"", "f:1: dir \"\": must not be empty"},
        {"bind \" \"", "f:1: bind \" \": must not be empty"},
        {"learn maybe", "f:1: learn \"maybe\": must be yes or no"},
        {"sync sometimes", "f:1: sync \"sometimes\": must be one of: always everysec no"},
        {"topology al", "f:1: topology \"al\": must be one of: mesh ring star explicit"},
        {"timeout 1y", "f:1: timeout \"1y\": must be a time such as 90, 90s, 5m or 250ms, at most "
                       "366d"},
        {"log-bytes 5kb", "f:1: log-bytes \"5kb\": must be a size such as 64mb, from 1mb to "
                          "1024gb"},
        {"node-id 0", "f:1: node-id \"0\": must be 1 to 16 hexadecimal digits, not all of them 0"},
        {"node-id 11112222333344445", "f:1: node-id \"11112222333344445\": must be 1 to 16 "
                                      "hexadecimal digits, not all of them 0"},
        {"node-id 0x12", "f:1: node-id \"0x12\": must be 1 to 16 hexadecimal digits, not all of "
                         "them 0"},
        {"gossip tcp://x", "f:1: gossip \"tcp://x\": must be tcp://HOST:PORT, tls+tcp://HOST:PORT, "
                           "ipc://PATH or inproc://NAME"},
        {"peers tcp://a:1,tcp://:2", "f:1: peers \"tcp://a:1,tcp://:2\": each must be "
                                     "tcp://HOST:PORT, tls+tcp://HOST:PORT, ipc://PATH or "
                                     "inproc://NAME"},
        {"client-output-buffer-limit 1mb 2mb",
         "f:1: client-output-buffer-limit \"1mb 2mb\": must be HARD or HARD SOFT TIME, such as "
         "256mb 64mb 60s"},
        {"client-output-buffer-limit foo 1mb 2mb 3",
         "f:1: client-output-buffer-limit \"foo 1mb 2mb 3\": must be HARD or HARD SOFT TIME, "
         "such as 256mb 64mb 60s"},
        {"notify-keyspace-events KEq",
         "f:1: notify-keyspace-events \"KEq\": must be of the letters Ag$lshzxeKEtmdn"},
        {"appendonly yes", "f:1: appendonly cannot be set: it follows from store"},
        {"save 900 1 300 10", "f:1: save cannot be set: it follows from store"},
        {"maxmemory 1", "f:1: maxmemory cannot be set"},
        {"dir \"a\\x00b\"", "f:1: dir \"a?b\": must have at most 1023 bytes, none of them NUL"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        node_config c = initial(), before = c;
        CHECK(!parse(&c, rows[i][0]));
        CHECK_EQ_STR(problem, rows[i][1]);
        CHECK_EQ_MEM(&c, sizeof c, &before, sizeof before);
    }
    node_config c = initial();
    CHECK(!parse(&c, "port 8000\nport x"));
    CHECK_EQ_INT(c.port, 7379);
}

TEST(config, no_password_is_shown_in_a_problem)
{
    char        line[1100] = "requirepass ";
    node_config c = initial();
    memset(line + 12, 'x', 1030);
    CHECK(!parse(&c, line));
    CHECK_EQ_STR(problem, "f:1: requirepass \"(hidden)\": must have at most 1023 bytes, none of "
                          "them NUL");
}

TEST(config, peers_have_a_limit)
{
    node_config c = initial();
    char        text[64 * 64] = "";
    size_t      size = 0;
    for (int i = 1; i <= NODE_PEERS_MAX; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "peers tcp://127.0.0.1:%d\n", i);
    }
    CHECK_MSG(parse(&c, text), "%s", problem);
    CHECK_EQ_INT(c.peer_count, NODE_PEERS_MAX);
    snprintf(text + size, sizeof text - size, "peers tcp://127.0.0.1:99");
    CHECK(!parse(&c, text));
    CHECK_EQ_STR(problem, "f:65: peers \"tcp://127.0.0.1:99\": must be at most 64 peers");
}

TEST(config, a_file_is_read_from_disk)
{
    char        path[64];
    node_config c = initial();
    snprintf(path, sizeof path, "/tmp/concurd-config-%d", (int)getpid());
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fputs("port 8000\nbind 10.0.0.1\n", file);
    CHECK_EQ_INT(fclose(file), 0);
    CHECK_MSG(node_config_parse_file(&c, path, problem), "%s", problem);
    CHECK_EQ_INT(c.port, 8000);
    file = fopen(path, "w");
    CHECK(file != NULL);
    for (int i = 0; i < 120000; i++) fputs("port 8000\n", file);
    CHECK_EQ_INT(fclose(file), 0);
    CHECK(!node_config_parse_file(&c, path, problem));
    CHECK(strstr(problem, "is larger than 1 MiB") != NULL);
    remove(path);
    CHECK(!node_config_parse_file(&c, path, problem));
    CHECK(strstr(problem, "cannot open ") == problem);
    CHECK(strstr(problem, "No such file") != NULL);
    CHECK(!node_config_parse_file(&c, "/tmp", problem));
    CHECK(strstr(problem, "cannot read /tmp: ") == problem);
}

/* -- Flags ------------------------------------------------------------------------------------- */

TEST(config, flags_are_the_same_options)
{
    node_config c = initial();
    CHECK_EQ_INT(flags(&c, "concurd --port 8000 --dir=/tmp/x=y --demo --learn no --peers "
                           "tcp://127.0.0.1:1 --peers tcp://127.0.0.1:2 --requirepass= --Sync no"),
                 NODE_CONFIG_RUN);
    CHECK_EQ_INT(c.port, 8000);
    CHECK_EQ_STR(c.dir, "/tmp/x=y");
    CHECK(c.demo && !c.learn);
    CHECK_EQ_INT(c.peer_count, 2);
    CHECK_EQ_INT(c.sync, NODE_SYNC_NO);
    CHECK_EQ_INT(flags(&c, "concurd --demo --port 1"), NODE_CONFIG_RUN);
    CHECK_EQ_INT(flags(&c, "concurd"), NODE_CONFIG_RUN);
    CHECK_EQ_INT(flags(&c, "concurd --port 1 --help"), NODE_CONFIG_HELP);
    CHECK_EQ_INT(flags(&c, "concurd -h"), NODE_CONFIG_HELP);
    CHECK_EQ_INT(flags(&c, "concurd --version"), NODE_CONFIG_VERSION);
}

TEST(config, wrong_flags_are_told)
{
    static const char *const rows[][2] = {
        {"c --prot 5", "unknown option --prot: did you mean --port?"},
        {"c --conf 5", "unknown option --conf: --help lists all"},
        {"c --port", "--port lacks its value: NUMBER"},
        {"c --port --demo", "--port lacks its value: NUMBER"},
        {"c --peer x", "unknown option --peer: did you mean --peers?"},
        {"c --config", "--config lacks its value: FILE"},
        {"c --port x", "--port \"x\": must be a whole number from 1 to 65535"},
        {"c node.conf",
         "\"node.conf\" is no option: they start with --, and --config names a file of them"},
        {"c --", "\"--\" is no option: they start with --, and --config names a file of them"},
        {"c --=5", "\"--=5\" is no option: they start with --, and --config names a file of them"},
        {"c --demo=maybe", "--demo \"maybe\": must be yes or no"},
        {"c --appendonly yes", "--appendonly cannot be set: it follows from store"},
        {"c --config /no/such", "cannot open /no/such: No such file or directory"},
        {"c --hub 12", "hub is for topology star"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        node_config c = initial(), before = c;
        CHECK_EQ_INT(flags(&c, rows[i][0]), NODE_CONFIG_WRONG);
        CHECK_EQ_STR(problem, rows[i][1]);
        CHECK_EQ_MEM(&c, sizeof c, &before, sizeof before);
    }
}

TEST(config, flags_go_over_the_file_wherever_it_is_named)
{
    char        path[64], line[256];
    node_config c = initial();
    snprintf(path, sizeof path, "/tmp/concurd-flags-%d", (int)getpid());
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fputs("port 8000\ndir /a\npeers tcp://127.0.0.1:1 tcp://127.0.0.1:2\n", file);
    CHECK_EQ_INT(fclose(file), 0);
    snprintf(line, sizeof line, "c --port 9000 --config %s --peers tcp://127.0.0.1:3", path);
    CHECK_EQ_INT(flags(&c, line), NODE_CONFIG_RUN);
    CHECK_EQ_INT(c.port, 9000);
    CHECK_EQ_STR(c.dir, "/a");
    CHECK_EQ_STR(get(&c, "peers"), "tcp://127.0.0.1:3");
    remove(path);
}

/* -- Safety ------------------------------------------------------------------------------------ */

static const char tls[] = "tls-ca a\ntls-cert b\ntls-key c\n";

static void checked(const char *text, bool with_tls, const char *expected)
{
    node_config c = initial();
    if (with_tls) CHECK(parse(&c, tls));
    CHECK_MSG(parse(&c, text), "%s: %s", text, problem);
    bool good = node_config_check(&c, problem);
    CHECK_MSG(good == (expected == NULL), "%s: %s", text, good ? "taken" : problem);
    if (!good) CHECK_EQ_STR(problem, expected);
}

TEST(config, other_machines_need_a_password)
{
    static const char refused[] = "bind 0.0.0.0 would be open to other machines without a "
                                  "password: set requirepass, or bind 127.0.0.1";
    checked("bind 0.0.0.0", false, refused);
    checked("bind 127.0.0.1 0.0.0.0", false, refused);
    checked("bind 0.0.0.0\nrequirepass x", false, NULL);
    checked("bind 127.0.0.1 127.1.2.3 ::1 localhost", false, NULL);
    static const char *const foreign[] = {"127.0.0.1.example.org",
                                          "127.0.0",
                                          "127.0.0.256",
                                          "127.1",
                                          "127.0.0.1.1",
                                          "10.0.0.1",
                                          "*",
                                          "::",
                                          "127.0.0.01",
                                          "1270.0.0.1",
                                          "localhost.example.org"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        node_config c = initial();
        snprintf(c.bind, sizeof c.bind, "%s", foreign[i]);
        CHECK_MSG(!node_config_check(&c, problem), "%s", foreign[i]);
    }
}

TEST(config, other_machines_gossip_only_by_tls)
{
    checked("gossip tcp://0.0.0.0:17379", true,
            "gossip tcp://0.0.0.0:17379 would be open to other machines without encryption: use "
            "tls+tcp:// with tls-ca, tls-cert and tls-key, or listen on 127.0.0.1");
    checked("gossip tls+tcp://10.0.0.1:17379", false,
            "gossip tls+tcp://10.0.0.1:17379 needs tls-ca, tls-cert and tls-key");
    checked("gossip tls+tcp://10.0.0.1:17379", true, NULL);
    checked("gossip tls+tcp://0.0.0.0:17379", true,
            "gossip tls+tcp://0.0.0.0:17379 listens at every address of this machine: tell by "
            "advertise which one peers are to use");
    checked("gossip tls+tcp://0.0.0.0:17379\nadvertise tls+tcp://a.example:17379", true, NULL);
    checked("gossip tcp://[::1]:17379", false, NULL);
    checked("gossip tcp://[::1:17379", false,
            "gossip tcp://[::1:17379 would be open to other machines without encryption: use "
            "tls+tcp:// with tls-ca, tls-cert and tls-key, or listen on 127.0.0.1");
    checked("gossip ipc:///tmp/a", false, NULL);
    checked("gossip inproc://a", false, NULL);
    checked("peers tcp://10.0.0.1:1", true,
            "peer tcp://10.0.0.1:1 is on another machine and would be spoken to without "
            "encryption: use tls+tcp://");
    checked("peers tls+tcp://10.0.0.1:1", false,
            "peer tls+tcp://10.0.0.1:1 needs tls-ca, tls-cert and tls-key");
    checked("peers tls+tcp://10.0.0.1:1", true, NULL);
    checked("tls-ca x", false, "tls-ca, tls-cert and tls-key go together: give all three");
    checked("gossip \"\"", false, NULL);
    checked("gossip \"\"\npeers tcp://127.0.0.1:1", false,
            "peers and advertise need gossip: an address to listen on");
}

/* -- CONFIG GET and SET ------------------------------------------------------------------------ */

TEST(config, get_finds_by_pattern_each_option_once)
{
    node_config c = initial();
    crdt_view   patterns[3] = {crdt_text_view("TLS-*"), crdt_text_view("tls-ca"),
                               crdt_text_view("p[eo]*")};
    char        found[200] = "";
    const char *name;
    size_t      at = 0, count = 0;
    crdt_buf    value;
    crdt_buf_init(&value, NULL);
    while (node_config_next(&c, patterns, 3, &at, &name, &value)) {
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s ", name);
    }
    CHECK_EQ_STR(found, "port peers tls-ca tls-cert tls-key ");
    at = 0;
    patterns[0] = crdt_text_view("*");
    while (node_config_next(&c, patterns, 1, &at, &name, &value)) count++;
    CHECK_EQ_INT(count, 34);
    at = 0;
    CHECK(!node_config_next(&c, patterns, 0, &at, &name, &value));
    crdt_buf_clear(&value);
    /* What clients and tools ask for. */
    CHECK_EQ_STR(get(&c, "save"), "");
    CHECK_EQ_STR(get(&c, "appendonly"), "yes");
    CHECK_EQ_STR(get(&c, "databases"), "1");
    CHECK_EQ_STR(get(&c, "maxmemory"), "0");
    CHECK_EQ_STR(get(&c, "proto-max-bulk-len"), "16777216");
}

TEST(config, set_changes_what_may_change)
{
    node_config c = initial();
    CHECK_MSG(set(&c, "timeout", "30"), "%s", problem);
    CHECK_EQ_INT(c.timeout_ms, 30000);
    CHECK(set(&c, "MaxClients", "5") && c.maxclients == 5);
    CHECK(set(&c, "requirepass", "x") && strcmp(c.requirepass, "x") == 0);
    CHECK(set(&c, "requirepass", "") && *c.requirepass == 0);
    CHECK(set(&c, "log-level", "warn") && c.log_level == NODE_LOG_WARN);
    CHECK(set(&c, "client-output-buffer-limit", "1mb") && c.output.hard_bytes == 1 << 20);
    /* What it is already may be said. */
    CHECK(set(&c, "save", "") && set(&c, "appendonly", "yes") && set(&c, "port", "7379"));
}

TEST(config, set_refuses_with_the_texts_of_redis)
{
    static const char *const rows[][3] = {
        {"foo", "bar", "Unknown option or number of arguments for CONFIG SET - 'foo'"},
        {"port", "8000",
         "CONFIG SET failed (possibly related to argument 'port') - can't set immutable config"},
        {"save", "900 1",
         "CONFIG SET failed (possibly related to argument 'save') - can't set immutable config"},
        {"maxclients", "0",
         "CONFIG SET failed (possibly related to argument 'maxclients') - argument must be a whole "
         "number from 1 to 1000000"},
        {"log-level", "loud",
         "CONFIG SET failed (possibly related to argument 'log-level') - argument must be one of: "
         "error warn info debug"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        node_config c = initial(), before = c;
        CHECK(!set(&c, rows[i][0], rows[i][1]));
        CHECK_EQ_STR(problem, rows[i][2]);
        CHECK_EQ_MEM(&c, sizeof c, &before, sizeof before);
    }
}

TEST(config, set_is_all_or_nothing_and_stays_safe)
{
    node_config c = initial(), before;
    crdt_view   words[4] = {crdt_text_view("timeout"), crdt_text_view("9"),
                            crdt_text_view("maxclients"), crdt_text_view("x")};
    before = c;
    CHECK(!node_config_set(&c, words, 4, problem));
    CHECK_EQ_MEM(&c, sizeof c, &before, sizeof before);
    words[2] = crdt_text_view("TIMEOUT");
    CHECK(!node_config_set(&c, words, 4, problem));
    CHECK_EQ_STR(problem, "CONFIG SET failed (possibly related to argument 'TIMEOUT') - duplicate "
                          "parameter");
    CHECK(!node_config_set(&c, words, 3, problem));
    CHECK_EQ_STR(problem, "wrong number of arguments for 'config|set' command");
    words[2] = crdt_text_view("maxclients");
    words[3] = crdt_text_view("7");
    CHECK(node_config_set(&c, words, 4, problem));
    CHECK(c.timeout_ms == 9000 && c.maxclients == 7);
    CHECK(parse(&c, "bind 0.0.0.0\nrequirepass x"));
    CHECK(!set(&c, "requirepass", ""));
    CHECK_EQ_STR(problem, "CONFIG SET failed (possibly related to argument 'requirepass') - bind "
                          "0.0.0.0 would be open to other machines without a password: set "
                          "requirepass, or bind 127.0.0.1");
    CHECK_EQ_STR(c.requirepass, "x");
}

TEST(config, what_get_shows_a_file_takes)
{
    node_config c = initial(), again = initial();
    node_option o;
    crdt_buf    text;
    CHECK(parse(&c, tls));
    CHECK(parse(&c, "port 1\ntimeout 1500ms\nnode-id ff\npeers tcp://localhost:7 ipc://x\n"
                    "client-output-buffer-limit 5mb 4mb 3s\nrequirepass 'a b'\ndemo yes\n"
                    "advertise tcp://localhost:9\ntopology star\nhub e\nbind ::1 127.0.0.1\n"));
    crdt_buf_init(&text, NULL);
    for (size_t i = 0; node_config_option(i, &o, NULL); i++) {
        crdt_buf_text(&text, o.name);
        crdt_buf_text(&text, " '");
        crdt_buf_text(&text, get(&c, o.name));
        crdt_buf_text(&text, "'\n");
    }
    CHECK_MSG(node_config_parse_text(&again, "f", crdt_buf_bytes(&text), problem), "%s", problem);
    CHECK_EQ_MEM(&again, sizeof again, &c, sizeof c);
    crdt_buf_clear(&text);
}

TEST(config, random_files_are_taken_or_told_of)
{
    static const char *const parts[] = {
        "port",   "peers", "bind ", " ",    "\n",  "\"",    "'",     "#",       "7",
        "tcp://", "a:1",   ",",     "\\x",  "yes", "learn", "dir",   "timeout", "\r\n",
        "64mb",   "99",    "\t",    "hub ", "f",   "-",     "store", "disk",    "sync no\n"};
    uint64_t random = seed_or(4);
    for (unsigned round = 0; round < 20000; round++) {
        char        text[512] = "";
        size_t      size = 0;
        node_config c = initial(), before = c;
        for (uint64_t n = random_below(&random, 30); n > 0; n--) {
            const char *part = parts[random_below(&random, sizeof parts / sizeof *parts)];
            size += (size_t)snprintf(text + size, sizeof text - size, "%s", part);
        }
        *problem = 0;
        if (parse(&c, text)) {
            (void)node_config_check(&c, problem);
            continue;
        }
        CHECK_MSG(strncmp(problem, "f:", 2) == 0, "%s", problem);
        CHECK(strpbrk(problem, "\r\n") == NULL);
        CHECK_EQ_MEM(&c, sizeof c, &before, sizeof before);
    }
}

/* -- Help and manual --------------------------------------------------------------------------- */

TEST(config, help_names_each_option_in_80_columns)
{
    crdt_buf    out;
    node_option o;
    char        wanted[80];
    crdt_buf_init(&out, NULL);
    node_config_help(&out);
    crdt_buf_byte(&out, 0);
    for (size_t i = 0; node_config_option(i, &o, NULL); i++) {
        snprintf(wanted, sizeof wanted, "\n  --%s %s", o.name, o.argument);
        CHECK_MSG(strstr((const char *)out.data, wanted) != NULL, "%s", wanted);
    }
    for (const char *at = (const char *)out.data; *at != 0;) {
        size_t line = strcspn(at, "\n");
        CHECK_MSG(line <= 80, "%.*s", (int)line, at);
        at += line + (at[line] != 0);
    }
    crdt_buf_clear(&out);
}

/* The manual's section on options, as the table has it. */
static void manual(crdt_buf *out)
{
    const char *group = "";
    crdt_buf    value;
    node_option o;
    crdt_buf_init(&value, NULL);
    for (size_t i = 0; node_config_option(i, &o, &value); i++) {
        if (strcmp(group, o.group) != 0) {
            crdt_buf_text(out, ".SS ");
            crdt_buf_text(out, o.group);
            crdt_buf_text(out, "\n");
        }
        group = o.group;
        crdt_buf_text(out, ".TP\n\\fB\\-\\-");
        for (const char *at = o.name; *at != 0; at++) {
            if (*at == '-') crdt_buf_byte(out, '\\');
            crdt_buf_byte(out, (uint8_t)*at);
        }
        crdt_buf_text(out, "\\fR \\fI");
        crdt_buf_text(out, o.argument);
        crdt_buf_text(out, "\\fR\n");
        crdt_buf_text(out, o.help);
        if (o.settable) crdt_buf_text(out, "\nCONFIG SET can change it.");
        if (value.size > 0) {
            crdt_buf_text(out, "\nDefault: ");
            crdt_buf_put(out, value.data, value.size);
            crdt_buf_byte(out, '.');
        }
        crdt_buf_byte(out, '\n');
        crdt_buf_reset(&value);
    }
    crdt_buf_clear(&value);
}

TEST(config, the_manual_tells_each_option)
{
    static const char path[] = "docs/man/concurd.8";
    crdt_buf          wanted;
    FILE             *file = fopen(path, "rb");
    char             *page = calloc(1, 100000);
    CHECK(file != NULL && page != NULL);
    CHECK(fread(page, 1, 99999, file) > 0);
    (void)fclose(file);
    crdt_buf_init(&wanted, NULL);
    manual(&wanted);
    crdt_buf_byte(&wanted, 0);
    if (strstr(page, (const char *)wanted.data) == NULL) {
        printf("%s", (const char *)wanted.data);
        FAIL("%s should say of its options what is printed above", path);
    }
    crdt_buf_clear(&wanted);
    free(page);
}
