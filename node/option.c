#include "node/option.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/events.h"
#include "node/number.h"

/* -- The options ------------------------------------------------------------------------------- */

#define AT(field) .offset = offsetof(node_config, field)
#define MB UINT64_C(1048576)
#define SET .settable = true

/* In the order of --help. Those that only CONFIG GET shows, for clients that ask, have no group. */
const option option_table[] = {
    {"Clients", "bind", "ADDRESS...", WORDS, AT(bind), .initial = "127.0.0.1", .least = 1,
     .help =
         "Listen for clients at these addresses. Any but this machine's own needs requirepass."},
    {"Clients", "port", "NUMBER", NUMBER, AT(port), .initial = "7379", .least = 1, .most = 65535,
     .help = "Listen for clients at this port."},
    {"Clients", "requirepass", "PASSWORD", TEXT, SET, AT(requirepass), .initial = "",
     .help = "Clients must give this password by AUTH or HELLO before anything else."},
    {"Clients", "maxclients", "NUMBER", NUMBER, SET, AT(maxclients), .initial = "10000", .least = 1,
     .most = 1000000, .help = "Refuse connections beyond so many."},
    {"Clients", "timeout", "TIME", TIME, SET, AT(timeout_ms), .initial = "0",
     .most = UINT64_C(366) * 86400000,
     .help =
         "Close a connection that was silent for so long; 0: never. Plain numbers are seconds."},
    {"Clients", "client-query-buffer-limit", "BYTES", BYTES, SET, AT(query_buffer_bytes),
     .initial = "64mb", .least = MB, .most = 4096 * MB,
     .help = "Close a connection that sent so much of a request, or of requests that wait."},
    {"Clients", "client-output-buffer-limit", "HARD [SOFT TIME]", OUTPUT, SET, AT(output),
     .initial = "256mb 0 0", .most = UINT64_C(1) << 40,
     .help =
         "Close a connection that left so many bytes of replies unread at any moment (hard), or "
         "for so long (soft); 0: no limit."},
    {"Clients", "pubsub-output-buffer-limit", "HARD [SOFT TIME]", OUTPUT, SET, AT(pubsub_output),
     .initial = "32mb 8mb 60", .most = UINT64_C(1) << 40,
     .help = "The same for connections that have subscribed, of messages and replies."},
    {"Clients", "proto-max-bulk-len", "BYTES", BYTES, SET, AT(bulk_bytes), .initial = "16mb",
     .least = MB, .most = 512 * MB,
     .help = "The longest word of a request that is read at all; a value that is stored has at "
             "most 1,048,560 bytes."},

    {"Data", "dir", "DIRECTORY", TEXT, AT(dir), .initial = "./concurd-data", .least = 1,
     .help = "Where the data is kept, and which node this is."},
    {"Data", "store", "KIND", CHOICE, AT(store), .initial = "disk", .texts = "disk memory",
     .help = "disk: a log and snapshots in dir. memory: nothing outlives the process, except at "
             "peers."},
    {"Data", "sync", "WHEN", CHOICE, AT(sync), .initial = "everysec", .texts = "always everysec no",
     .help = "When the log is synced to disk. always: before a write is acknowledged. everysec: a "
             "crash of the machine may lose the last second. no: when the system likes."},

    {"Gossip", "cluster", "NAME", TEXT, AT(cluster), .initial = "concur", .least = 1,
     .help = "Nodes replicate only within a cluster of the same name."},
    {"Gossip", "node-id", "ID", NODE_ID, AT(node_id), .initial = "",
     .help = "16 hexadecimal digits. Minted at the first start, and kept in dir, if not given."},
    {"Gossip", "gossip", "URL", URL, AT(gossip), .initial = "tcp://127.0.0.1:17379",
     .help = "Listen for peers here: tcp://HOST:PORT, tls+tcp://HOST:PORT, ipc://PATH. Other "
             "machines can reach it only by TLS. Empty: no gossip."},
    {"Gossip", "advertise", "URL", URL, AT(advertise), .initial = "",
     .help = "How peers reach this node, if not by what gossip says."},
    {"Gossip", "peers", "URL,...", URLS, .initial = "",
     .help = "Nodes to gossip with from the start; may be given several times. One is enough to "
             "learn of the others."},
    {"Gossip", "topology", "SHAPE", CHOICE, AT(topology), .initial = "mesh",
     .texts = "mesh ring star explicit",
     .help = "Which of the known peers to keep links with. mesh: all, of many some; ring: the next "
             "and the previous by node id; star: the hub; explicit: just those of peers."},
    {"Gossip", "hub", "ID", NODE_ID, AT(hub), .initial = "",
     .help = "The node id of the centre of a star; if not given, the least of all."},
    {"Gossip", "learn", "yes|no", YES_NO, AT(learn), .initial = "yes",
     .help = "Take in peers that peers tell of."},
    {"Gossip", "publish-to-peers", "yes|no", YES_NO, SET, AT(publish_to_peers), .initial = "yes",
     .help = "What is published here reaches the subscribers of peers, and what is published there "
             "those of this node: best effort, at most 65,528 bytes with the channel."},
    {"Gossip", "log-bytes", "BYTES", BYTES, AT(log_bytes), .initial = "256mb", .least = MB,
     .most = UINT64_C(1) << 40,
     .help = "Keep at most so much of the log for peers that are away; who missed more gets a "
             "snapshot."},
    {"Gossip", "tls-ca", "FILE", TEXT, AT(tls_ca), .initial = "",
     .help =
         "For tls+tcp://: the certificate, in PEM, that all nodes' certificates are signed by."},
    {"Gossip", "tls-cert", "FILE", TEXT, AT(tls_cert), .initial = "",
     .help = "This node's certificate, in PEM."},
    {"Gossip", "tls-key", "FILE", TEXT, AT(tls_key), .initial = "",
     .help = "The key of this node's certificate, in PEM."},

    {"Operation", "log-level", "LEVEL", CHOICE, SET, AT(log_level), .initial = "info",
     .texts = "error warn info debug", .help = "What to log on standard error."},
    {"Operation", "notify-keyspace-events", "LETTERS", EVENTS, SET, AT(events), .initial = "",
     .help = "Tell subscribers what happens to keys, here and by what peers write: K and E say at "
             "which channels, g$lshzx or A of which kind, as in Redis."},
    {"Operation", "demo", "yes|no", YES_NO, AT(demo), .initial = "no",
     .help = "Allow CRDT.PARTITION and CRDT.HEAL, which cut this node off and back on."},

    {NULL, "appendonly", NULL, CHOICE, AT(store), .texts = "yes no", .follows = "store"},
    {NULL, "appendfsync", NULL, CHOICE, AT(sync), .texts = "always everysec no", .follows = "sync"},
    {NULL, "save", NULL, FIXED, .texts = "", .follows = "store"},
    {NULL, "databases", NULL, FIXED, .texts = "1", .follows = ""},
    {NULL, "maxmemory", NULL, FIXED, .texts = "0", .follows = ""},
    {NULL, "maxmemory-policy", NULL, FIXED, .texts = "noeviction", .follows = ""},
};
_Static_assert(sizeof option_table / sizeof *option_table == OPTIONS, "count them");

const option *option_find(crdt_view name)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (option_same_word(name, option_table[i].name)) return &option_table[i];
    }
    return NULL;
}

/* -- Problems ---------------------------------------------------------------------------------- */

bool option_wrong(char problem[NODE_PROBLEM_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(problem, NODE_PROBLEM_MAX, format, args);
    va_end(args);
    return false;
}

option_shown option_show(crdt_view value)
{
    enum { MOST = 80 };
    option_shown   s;
    const uint8_t *at = value.data;
    size_t         n = 0;
    for (; n < value.size && n < MOST; n++) {
        s.text[n] = (char)(at[n] < ' ' || at[n] == 127 ? '?' : at[n]);
    }
    s.text[n] = 0;
    if (n < value.size) memcpy(s.text + n, "...", 4);
    return s;
}

option_shown option_show_value(const option *o, crdt_view value)
{
    return option_show(strcmp(o->name, "requirepass") == 0 ? crdt_text_view("(hidden)") : value);
}

/* How many letters to insert, drop or change; names are short. */
static size_t distance(const char *a, crdt_view b)
{
    enum { LONGEST = 40 };
    size_t      row[LONGEST + 1], size = strlen(a);
    const char *other = b.data;
    if (size > LONGEST || b.size > LONGEST) return SIZE_MAX;
    for (size_t j = 0; j <= b.size; j++) row[j] = j;
    for (size_t i = 1; i <= size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t best = diagonal + (strncasecmp(a + i - 1, other + j - 1, 1) != 0);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.size];
}

bool option_unknown(const char *where, crdt_view name, char problem[NODE_PROBLEM_MAX])
{
    const char *dashes = *where == 0 ? "--" : "", *nearest = NULL;
    size_t      best = 2 + name.size / 4;
    for (size_t i = 0; i < OPTIONS && option_table[i].group != NULL; i++) {
        size_t d = distance(option_table[i].name, name);
        if (d < best) {
            best = d;
            nearest = option_table[i].name;
        }
    }
    if (nearest == NULL) {
        return option_wrong(problem, "%sunknown option %s%s: --help lists all", where, dashes,
                            option_show(name).text);
    }
    return option_wrong(problem, "%sunknown option %s%s: did you mean %s%s?", where, dashes,
                        option_show(name).text, dashes, nearest);
}

/* -- Addresses --------------------------------------------------------------------------------- */

/* What is behind a prefix. */
static bool starts(crdt_view text, const char *prefix, crdt_view *ret_rest)
{
    size_t size = strlen(prefix);
    if (text.size < size || memcmp(text.data, prefix, size) != 0) return false;
    *ret_rest = crdt_view_of((const char *)text.data + size, text.size - size);
    return true;
}

bool option_url(crdt_view text, option_url_parts *ret)
{
    crdt_view   rest;
    const char *at = text.data;
    uint64_t    port;
    if (text.size >= NODE_ADDRESS_MAX) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (at[i] <= ' ' || at[i] >= 127 || at[i] == ',') return false;
    }
    *ret = (option_url_parts){.tls = false};
    if (starts(text, "ipc://", &rest) || starts(text, "inproc://", &rest)) return rest.size > 0;
    ret->network = true;
    ret->tls = starts(text, "tls+tcp://", &rest);
    if (!ret->tls && !starts(text, "tcp://", &rest)) return false;
    at = rest.data;
    for (size_t i = rest.size; i-- > 1;) {
        if (at[i] != ':') continue;
        ret->host = crdt_view_of(at, i);
        return number_uint64(crdt_view_of(at + i + 1, rest.size - i - 1), &port) && port > 0 &&
               port <= 65535;
    }
    return false;
}

bool option_is_loopback(crdt_view host)
{
    crdt_view rest, inner;
    uint64_t  byte;
    if (starts(host, "[", &inner) && inner.size > 0) {
        host = crdt_view_of(inner.data, inner.size - 1);
        if (((const char *)inner.data)[host.size] != ']') return false;
    }
    if (crdt_view_compare(host, crdt_text_view("::1")) == 0) return true;
    if (crdt_view_compare(host, crdt_text_view("localhost")) == 0) return true;
    if (!starts(host, "127.", &rest)) return false;
    for (unsigned i = 0; i < 3; i++) {
        const char *end = i == 2 ? NULL : memchr(rest.data, '.', rest.size);
        size_t      size = end == NULL ? rest.size : (size_t)(end - (const char *)rest.data);
        if (end == NULL && i < 2) return false;
        if (!number_uint64(crdt_view_of(rest.data, size), &byte) || byte > 255) return false;
        if (end != NULL) rest = crdt_view_of(end + 1, rest.size - size - 1);
    }
    return true;
}

bool option_word(crdt_view *list, crdt_view *ret_word)
{
    static const char between[] = " \t\r\n,";
    const char       *at = list->data, *end = at + list->size, *word;
    while (at < end && memchr(between, *at, sizeof between - 1) != NULL) at++;
    for (word = at; at < end && memchr(between, *at, sizeof between - 1) == NULL;) at++;
    *ret_word = crdt_view_of(word, (size_t)(at - word));
    *list = crdt_view_of(at, (size_t)(end - at));
    return ret_word->size > 0;
}

/* -- Values from text -------------------------------------------------------------------------- */

#define REFUSE(ret, ...) (snprintf((ret)->text, sizeof(ret)->text, __VA_ARGS__), false)
#define URL_FORMS "tcp://HOST:PORT, tls+tcp://HOST:PORT, ipc://PATH or inproc://NAME"

static bool set_text(const option *o, char *field, crdt_view value, option_refusal *ret)
{
    crdt_view        list = value, word;
    option_url_parts parts;
    if (value.size >= NODE_TEXT_MAX || memchr(value.data, 0, value.size) != NULL) {
        return REFUSE(ret, "must have at most %d bytes, none of them NUL", NODE_TEXT_MAX - 1);
    }
    if (o->least > 0 && (value.size == 0 || (o->kind == WORDS && !option_word(&list, &word)))) {
        return REFUSE(ret, "must not be empty");
    }
    if (o->kind == URL && value.size > 0 && !option_url(value, &parts)) {
        return REFUSE(ret, "must be " URL_FORMS);
    }
    memcpy(field, value.data, value.size);
    field[value.size] = 0;
    return true;
}

static bool set_number(const option *o, uint64_t *field, crdt_view value, option_refusal *ret)
{
    char     least[NUMBER_HUMAN_MAX], most[NUMBER_HUMAN_MAX];
    uint64_t n = 0;
    bool     read = o->kind == NUMBER  ? number_uint64(value, &n)
                    : o->kind == BYTES ? number_bytes(value, &n)
                                       : number_duration(value, &n);
    if (read && n >= o->least && n <= o->most) {
        *field = n;
        return true;
    }
    switch (o->kind) {
    case BYTES:
        least[number_print_bytes(o->least, least)] = 0;
        most[number_print_bytes(o->most, most)] = 0;
        return REFUSE(ret, "must be a size such as 64mb, from %s to %s", least, most);
    case TIME:
        return REFUSE(ret, "must be a time such as 90, 90s, 5m or 250ms, at most %ud",
                      (unsigned)(o->most / 86400000));
    default:
        return REFUSE(ret, "must be a whole number from %ju to %ju", (uintmax_t)o->least,
                      (uintmax_t)o->most);
    }
}

static bool set_node_id(uint64_t *field, crdt_view value, option_refusal *ret)
{
    char text[17] = {0}, *end = text;
    if (value.size == 0) {
        *field = 0;
        return true;
    }
    if (value.size < sizeof text) {
        memcpy(text, value.data, value.size);
        if (strspn(text, "0123456789abcdefABCDEF") == value.size) {
            unsigned long long n = strtoull(text, &end, 16);
            if (n != 0) {
                *field = n;
                return true;
            }
        }
    }
    return REFUSE(ret, "must be 1 to 16 hexadecimal digits, not all of them 0");
}

bool option_same_word(crdt_view a, const char *b)
{
    return a.size == strlen(b) && (a.size == 0 || strncasecmp(a.data, b, a.size) == 0);
}

static bool set_choice(const option *o, unsigned *field, crdt_view value, option_refusal *ret)
{
    crdt_view list = crdt_text_view(o->texts), word;
    for (unsigned i = 0; option_word(&list, &word); i++) {
        if (word.size != value.size || strncasecmp(word.data, value.data, word.size) != 0) continue;
        *field = i;
        return true;
    }
    return REFUSE(ret, "must be one of: %s", o->texts);
}

/* "HARD" or "HARD SOFT TIME", of which the first word is read. */
static bool parse_output(const option *o, crdt_view word, crdt_view *rest, node_output *ret)
{
    *ret = (node_output){0};
    if (!number_bytes(word, &ret->hard_bytes) || ret->hard_bytes > o->most) return false;
    if (!option_word(rest, &word)) return true;
    return number_bytes(word, &ret->soft_bytes) && ret->soft_bytes <= o->most &&
           option_word(rest, &word) && number_duration(word, &ret->soft_ms);
}

/* As in redis.conf, a class before each: normal and pubsub; of replicas there are none. */
static bool set_output(const option *o, node_config *c, crdt_view value, option_refusal *ret)
{
    node_output *field = (node_output *)(void *)((char *)c + o->offset);
    node_output  plain = *field, normal = c->output, pubsub = c->pubsub_output, replica;
    crdt_view    word;
    bool         good = option_word(&value, &word), classes = false;
    while (good) {
        node_output *to = option_same_word(word, "normal")    ? &normal
                          : option_same_word(word, "pubsub")  ? &pubsub
                          : option_same_word(word, "slave")   ? &replica
                          : option_same_word(word, "replica") ? &replica
                                                              : NULL;
        if (to == NULL && classes) good = false;
        if (to != NULL) good = option_word(&value, &word);
        classes = to != NULL;
        good = good && parse_output(o, word, &value, to != NULL ? to : &plain);
        if (!good || !option_word(&value, &word)) break;
        good = classes;
    }
    if (!good) return REFUSE(ret, "must be HARD or HARD SOFT TIME, such as 256mb 64mb 60s");
    if (!classes) *field = plain;
    else c->output = normal;
    if (classes) c->pubsub_output = pubsub;
    return true;
}

static bool add_peers(node_config *c, crdt_view list, option_refusal *ret)
{
    crdt_view        word;
    option_url_parts parts;
    while (option_word(&list, &word)) {
        size_t i = 0;
        if (!option_url(word, &parts)) return REFUSE(ret, "each must be " URL_FORMS);
        while (i < c->peer_count && !option_same_word(word, c->peers[i])) i++;
        if (i < c->peer_count) continue;
        if (i == NODE_PEERS_MAX) return REFUSE(ret, "must be at most %d peers", NODE_PEERS_MAX);
        memcpy(c->peers[i], word.data, word.size);
        c->peers[i][word.size] = 0;
        c->peer_count++;
    }
    return true;
}

bool option_set(const option *o, node_config *c, crdt_view value, option_refusal *ret)
{
    void *field = (char *)c + o->offset;
    if (value.size == 0) value.data = "";
    switch (o->kind) {
    case TEXT:
    case WORDS:
    case URL: return set_text(o, field, value, ret);
    case URLS: return add_peers(c, value, ret);
    case NUMBER:
    case BYTES:
    case TIME: return set_number(o, field, value, ret);
    case NODE_ID: return set_node_id(field, value, ret);
    case CHOICE: return set_choice(o, field, value, ret);
    case OUTPUT: return set_output(o, c, value, ret);
    case YES_NO:
        if (!option_same_word(value, "yes") && !option_same_word(value, "no")) {
            return REFUSE(ret, "must be yes or no");
        }
        *(bool *)field = option_same_word(value, "yes");
        return true;
    case EVENTS:
        if (events_parse(value, field)) return true;
        return REFUSE(ret, "must be of the letters Ag$lshzxeKEtmdn");
    case FIXED: break;
    }
    return REFUSE(ret, "cannot be set");
}

/* -- Values as text ---------------------------------------------------------------------------- */

static void print_bytes(uint64_t n, bool units, crdt_buf *out)
{
    char text[NUMBER_HUMAN_MAX];
    if (units) crdt_buf_put(out, text, number_print_bytes(n, text));
    else crdt_buf_udecimal(out, n);
}

static void print_time(uint64_t ms, crdt_buf *out)
{
    crdt_buf_udecimal(out, ms % 1000 == 0 ? ms / 1000 : ms);
    if (ms % 1000 != 0) crdt_buf_text(out, "ms");
}

static void print_choice(const char *texts, unsigned n, crdt_buf *out)
{
    crdt_view list = crdt_text_view(texts), word = {NULL, 0};
    for (unsigned i = 0; i <= n; i++) (void)option_word(&list, &word);
    crdt_buf_put(out, word.data, word.size);
}

void option_print(const option *o, const node_config *c, bool units, crdt_buf *out)
{
    const void *field = (const char *)c + o->offset;
    char        id[17];
    switch (o->kind) {
    case TEXT:
    case WORDS:
    case URL: crdt_buf_text(out, field); break;
    case URLS:
        for (size_t i = 0; i < c->peer_count; i++) {
            if (i > 0) crdt_buf_byte(out, ',');
            crdt_buf_text(out, c->peers[i]);
        }
        break;
    case NUMBER: crdt_buf_udecimal(out, *(const uint64_t *)field); break;
    case BYTES: print_bytes(*(const uint64_t *)field, units, out); break;
    case TIME: print_time(*(const uint64_t *)field, out); break;
    case NODE_ID:
        snprintf(id, sizeof id, "%016jx", (uintmax_t) * (const uint64_t *)field);
        if (*(const uint64_t *)field != 0) crdt_buf_text(out, id);
        break;
    case YES_NO: crdt_buf_text(out, *(const bool *)field ? "yes" : "no"); break;
    case CHOICE: print_choice(o->texts, *(const unsigned *)field, out); break;
    case OUTPUT:
        print_bytes(((const node_output *)field)->hard_bytes, units, out);
        crdt_buf_byte(out, ' ');
        print_bytes(((const node_output *)field)->soft_bytes, units, out);
        crdt_buf_byte(out, ' ');
        print_time(((const node_output *)field)->soft_ms, out);
        break;
    case EVENTS: events_print(*(const unsigned *)field, out); break;
    case FIXED: crdt_buf_text(out, o->texts); break;
    }
}
