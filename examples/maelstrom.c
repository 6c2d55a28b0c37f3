/* A node that speaks the Maelstrom protocol (JSON lines on standard input and output), so that its
 * workloads and checkers can run Concur: echo, broadcast, g-set, g-counter, pn-counter.
 *
 *      maelstrom test -w g-set --bin build/gcc/examples/maelstrom --node-count 5 --time-limit 20
 *
 * It embeds the engine with a transport of its own: frames travel between nodes as messages of type
 * "gossip", their bytes in hexadecimal. */
#define _POSIX_C_SOURCE 200809L
#include <crdt/types.h>
#include <gossip/driver.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct node {
    char          *name;
    crdt_store    *store;
    gossip_engine *engine;
    gossip_driver *driver;
    json_t        *ids; /* of all nodes; a token is an index here */
    json_int_t     next_id;
} me;

static void must(crdt_err err, const char *what)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "maelstrom: %s: %s\n", what, crdt_err_text(err));
    exit(1);
}

static uint64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

static uint64_t now_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

static uint64_t random_bits(void)
{
    uint64_t n = 0;
    FILE    *f = fopen("/dev/urandom", "rb");
    if (f == NULL || fread(&n, sizeof n, 1, f) != 1) must(CRDT_EIO, "/dev/urandom");
    fclose(f);
    return n | 1;
}

/* -- Messages ---------------------------------------------------------------------------------- */

static void send_body(const char *dest, json_t *body)
{
    json_t *msg = json_pack("{s:s, s:s, s:o}", "src", me.name, "dest", dest, "body", body);
    json_dumpf(msg, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(msg);
}

static void reply(json_t *request, json_t *body)
{
    json_t *to = json_object_get(json_object_get(request, "body"), "msg_id");
    json_object_set_new(body, "msg_id", json_integer(++me.next_id));
    if (to != NULL) json_object_set(body, "in_reply_to", to);
    send_body(json_string_value(json_object_get(request, "src")), body);
}

static void reply_type(json_t *request, const char *type)
{
    reply(request, json_pack("{s:s}", "type", type));
}

static void send_frame(void *user, crdt_view address, crdt_view bytes, bool is_reply, uint64_t from)
{
    (void)user;
    const unsigned char *at = bytes.data;
    char                *hex = malloc(bytes.size * 2 + 1), dest[256];
    if (hex == NULL || address.size >= sizeof dest) must(CRDT_ENOMEM, "a frame");
    for (size_t i = 0; i < bytes.size; i++) snprintf(hex + 2 * i, 3, "%02x", at[i]);
    hex[bytes.size * 2] = 0;
    snprintf(dest, sizeof dest, "%.*s", (int)address.size, (const char *)address.data);
    const char *asker = json_string_value(json_array_get(me.ids, from));
    send_body(is_reply && asker != NULL ? asker : dest,
              json_pack("{s:s, s:s}", "type", "gossip", "frame", hex));
    free(hex);
}

/* The place of a node in the list of all. */
static uint64_t token_of(const char *name)
{
    size_t i = 0;
    while (i < json_array_size(me.ids) &&
           strcmp(json_string_value(json_array_get(me.ids, i)), name) != 0) {
        i++;
    }
    return i;
}

static unsigned digit(char c)
{
    return (unsigned)(c >= 'a' ? c - 'a' + 10 : c - '0') & 15;
}

static void take_frame(const char *hex, const char *src)
{
    size_t         size = hex == NULL ? 0 : strlen(hex) / 2;
    unsigned char *bytes = malloc(size + 1);
    if (bytes == NULL) must(CRDT_ENOMEM, "a frame");
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    }
    must(gossip_driver_receive(me.driver, now_us(), now_ms(), crdt_view_of(bytes, size),
                               token_of(src)),
         "receive");
    free(bytes);
}

/* -- The node ---------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *name)
{
    uint64_t n = 1469598103934665603u;
    for (; *name; name++) n = (n ^ (unsigned char)*name) * 1099511628211u;
    return n | 1;
}

static void start(json_t *body)
{
    static const gossip_transport transport = {send_frame, NULL};
    const char                   *name = json_string_value(json_object_get(body, "node_id"));
    json_t                       *ids = json_object_get(body, "node_ids"), *id;
    size_t                        i;
    crdt_options  options = crdt_options_default(random_bits(), crdt_types_builtin());
    gossip_config config = gossip_config_default();
    if (name == NULL || me.engine != NULL) must(CRDT_EINVAL, "init");
    me.name = strdup(name);
    me.ids = json_incref(ids);
    config.cluster = 1;
    config.node = hash_of(name);
    config.boot = random_bits();
    config.seed = random_bits();
    config.address = crdt_text_view(name);
    config.round_us = 200000;
    config.round_max_us = 500000;
    config.timeout_us = 500000;
    must(crdt_store_new(&options, &me.store), "store");
    must(gossip_engine_new(&config, me.store, NULL, &me.engine), "engine");
    must(gossip_driver_new(me.engine, &transport, NULL, NULL, &me.driver), "driver");
    json_array_foreach(ids, i, id)
    {
        gossip_peer peer;
        if (strcmp(json_string_value(id), name) == 0) continue;
        must(gossip_engine_add_peer(me.engine, crdt_text_view(json_string_value(id)), &peer),
             "peer");
    }
}

static crdt_view object(const char *name)
{
    return crdt_text_view(name);
}

/* broadcast and g-set put a value into one set, counters add to one counter. */
static void write_value(json_t *value, json_t *delta)
{
    crdt_txn *txn;
    must(gossip_engine_write(me.engine, now_us(), now_ms(), &txn), "write");
    crdt_err err = CRDT_OK;
    if (value != NULL) {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        err = crdt_gset_add(txn, object("set"), crdt_text(text));
        free(text);
    }
    json_int_t n = json_integer_value(delta);
    if (n > 0) err = crdt_pncounter_inc(txn, object("counter"), (uint64_t)n);
    if (n < 0) err = crdt_pncounter_dec(txn, object("counter"), (uint64_t)-n);
    must(err, "operation");
    must(gossip_engine_commit(me.engine, NULL), "commit");
}

static json_t *all_values(void)
{
    json_t  *list = json_array();
    crdt_ref ref;
    if (crdt_store_find(me.store, object("set"), &crdt_gset_type, &ref) != CRDT_OK) return list;
    crdt_gset_iter it = crdt_gset_iterate(ref);
    for (crdt_value v; crdt_gset_next(&it, &v);) {
        json_array_append_new(list, json_loadb(v.bytes.data, v.bytes.size, JSON_DECODE_ANY, NULL));
    }
    return list;
}

static json_int_t total(void)
{
    crdt_ref ref;
    int64_t  value = 0;
    if (crdt_store_find(me.store, object("counter"), &crdt_pncounter_type, &ref) != CRDT_OK)
        return 0;
    must(crdt_pncounter_value(ref, &value), "counter");
    return value;
}

static bool counts; /* an `add` came with a delta: this is a counter's workload */

static void handle(json_t *msg)
{
    json_t     *body = json_object_get(msg, "body");
    const char *type = json_string_value(json_object_get(body, "type"));
    if (type == NULL) return;
    if (strcmp(type, "init") == 0) {
        start(body);
        reply_type(msg, "init_ok");
    } else if (me.engine == NULL) {
        fprintf(stderr, "maelstrom: %s before init\n", type);
    } else if (strcmp(type, "gossip") == 0) {
        take_frame(json_string_value(json_object_get(body, "frame")),
                   json_string_value(json_object_get(msg, "src")));
    } else if (strcmp(type, "echo") == 0) {
        reply(msg,
              json_pack("{s:s, s:O}", "type", "echo_ok", "echo", json_object_get(body, "echo")));
    } else if (strcmp(type, "topology") == 0) {
        reply_type(msg, "topology_ok"); /* the engine finds its own paths */
    } else if (strcmp(type, "broadcast") == 0) {
        write_value(json_object_get(body, "message"), NULL);
        reply_type(msg, "broadcast_ok");
    } else if (strcmp(type, "add") == 0) {
        counts |= json_object_get(body, "delta") != NULL;
        write_value(json_object_get(body, "element"), json_object_get(body, "delta"));
        reply_type(msg, "add_ok");
    } else if (strcmp(type, "read") == 0) {
        json_t *answer = json_pack("{s:s}", "type", "read_ok");
        json_object_set_new(answer, "messages", all_values());
        json_object_set_new(answer, "value", counts ? json_integer(total()) : all_values());
        reply(msg, answer);
    } else {
        reply(msg,
              json_pack("{s:s, s:i, s:s}", "type", "error", "code", 10, "text", "unknown type"));
    }
}

static int wait_ms(void)
{
    gossip_time now = now_us(), deadline;
    if (me.driver == NULL) return -1;
    deadline = gossip_driver_deadline(me.driver);
    if (deadline <= now) return 0;
    return deadline - now > 1000000 ? 1000 : (int)((deadline - now) / 1000) + 1;
}

int main(void)
{
    struct pollfd in = {STDIN_FILENO, POLLIN, 0};
    char         *line = NULL;
    size_t        cap = 0;
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll sees what has not been read */
    for (;;) {
        if (poll(&in, 1, wait_ms()) > 0) {
            if (getline(&line, &cap, stdin) < 0) break;
            json_t *msg = json_loads(line, 0, NULL);
            if (msg != NULL) handle(msg);
            json_decref(msg);
        }
        if (me.driver != NULL) must(gossip_driver_run(me.driver, now_us(), now_ms()), "run");
    }
    free(line);
    gossip_driver_free(me.driver);
    gossip_engine_free(me.engine);
    crdt_store_free(me.store);
    free(me.name);
    json_decref(me.ids);
    return 0;
}
