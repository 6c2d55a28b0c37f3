/* counter_service.c: counters that several processes count up, each on its own machine, also while
 * they cannot reach each other. The service embeds libcrdt and libgossip; NNG carries the messages.
 *
 *      counter_service tcp://127.0.0.1:7501 tcp://127.0.0.1:7502      here, and a peer or more
 *
 * It reads commands from its standard input and answers each with a line:
 *
 *      inc NAME [N]     count up by 1, or N      -> the value here: "visits 3"
 *      get NAME                                  -> the same
 *      wait NAME VALUE  until the value is here (or 10 s have passed)
 *
 * At the end of its input it goes, once its peers have what was counted here (or after 5 s).
 * Nothing is kept on disk: examples/restart.c shows how.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <crdt/pncounter.h>
#include <crdt/types.h>
#include <gossip/gossip.h>
#include <gossip/nng.h>

typedef struct service {
    crdt_store    *store;
    gossip_engine *engine;
    gossip_nng    *nng;
    gossip_driver *driver;
    int            woken; /* an eventfd: something came from the network */
    char           input[4096];
    size_t         size;
    bool           end; /* of the input */
} service;

static void ok(crdt_err err, const char *what)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "counter_service: %s: %s\n", what, crdt_err_text(err));
    exit(1);
}

static uint64_t clock_us(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

static uint64_t wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

static uint64_t random_bits(void)
{
    uint64_t bits = 0;
    while (bits == 0) {
        if (getrandom(&bits, sizeof bits, 0) != sizeof bits) exit(1);
    }
    return bits;
}

/* Called by threads of NNG: it only wakes poll. */
static void wake(void *user)
{
    uint64_t one = 1;
    (void)!write(*(int *)user, &one, sizeof one);
}

static void open_service(service *s, int peers, char **addresses)
{
    crdt_options       options = crdt_options_default(random_bits(), crdt_types_builtin());
    gossip_config      config = gossip_config_default();
    gossip_nng_options net = gossip_nng_options_default();
    char               problem[256];
    s->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    net.listen = addresses[0];
    net.wake = wake;
    net.user = &s->woken;
    if (gossip_nng_open(&net, NULL, &s->nng, problem) != CRDT_OK) {
        fprintf(stderr, "counter_service: %s: %s\n", addresses[0], problem);
        exit(1);
    }
    config.cluster = 0x636f756e74; /* other services that may meet this one have another */
    config.node = random_bits();
    config.boot = random_bits();
    config.seed = random_bits();
    config.address = crdt_text_view(gossip_nng_url(s->nng));
    gossip_transport transport = gossip_nng_transport(s->nng);
    ok(crdt_store_new(&options, &s->store), "store");
    ok(gossip_engine_new(&config, s->store, NULL, &s->engine), "engine");
    ok(gossip_driver_new(s->engine, &transport, NULL, NULL, &s->driver), "driver");
    for (int i = 1; i <= peers; i++) {
        gossip_peer peer;
        ok(gossip_engine_add_peer(s->engine, crdt_text_view(addresses[i]), &peer), addresses[i]);
    }
}

static void close_service(service *s)
{
    gossip_driver_free(s->driver);
    gossip_engine_free(s->engine);
    gossip_nng_close(s->nng);
    crdt_store_free(s->store);
    close(s->woken);
}

/* -- The network ------------------------------------------------------------------------------- */

/* Send what is to be sent, then sleep until something comes, or at most until `until`. */
static void turn(service *s, bool read_input, uint64_t until)
{
    ok(gossip_driver_run(s->driver, now_us(), wall_ms()), "run");
    uint64_t      now = now_us(), at = gossip_driver_deadline(s->driver), far = now + 1000000;
    struct pollfd fds[2] = {{.fd = s->woken, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    if (at > until) at = until;
    if (at > far) at = far;
    poll(fds, read_input ? 2 : 1, at > now ? (int)((at - now + 999) / 1000) : 0);
    uint64_t count;
    (void)!read(s->woken, &count, sizeof count);
    gossip_nng_item item;
    while (gossip_nng_take(s->nng, &item)) {
        if (item.kind == GOSSIP_NNG_LOST) {
            gossip_driver_lost(s->driver, now_us(), item.from);
            continue;
        }
        ok(gossip_driver_receive(s->driver, now_us(), wall_ms(), item.bytes, item.from), "receive");
    }
    gossip_nng_check(s->nng);
    if (!read_input || fds[1].revents == 0) return;
    ssize_t got = read(0, s->input + s->size, sizeof s->input - s->size);
    if (got > 0) s->size += (size_t)got;
    s->end = got == 0 || (got < 0 && errno != EINTR);
}

/* Every peer that was ever met has all that is here. */
static bool all_have_all(const service *s)
{
    gossip_peer_info peer;
    for (size_t i = 0; gossip_engine_peer(s->engine, i, &peer); i++) {
        if (peer.node != 0 && peer.lacks > 0) return false;
    }
    return true;
}

/* -- Commands ---------------------------------------------------------------------------------- */

static int64_t value_of(const service *s, const char *name)
{
    crdt_ref ref;
    int64_t  value = 0;
    if (crdt_store_find(s->store, crdt_text_view(name), &crdt_pncounter_type, &ref) == CRDT_OK) {
        ok(crdt_pncounter_value(ref, &value), name);
    }
    return value;
}

static void increase(service *s, const char *name, uint64_t n)
{
    crdt_txn *txn;
    ok(gossip_engine_write(s->engine, now_us(), wall_ms(), &txn), "write");
    ok(crdt_pncounter_inc(txn, crdt_text_view(name), n), name);
    ok(gossip_engine_commit(s->engine, NULL), "commit");
}

static void obey(service *s, const char *line)
{
    char     command[8], name[128];
    int64_t  n = 1;
    uint64_t until = now_us() + 10000000;
    int      words = sscanf(line, "%7s %127s %" SCNd64, command, name, &n);
    if (words < 2 || n < 1) {
        printf("what is \"%s\"? inc NAME [N], get NAME, wait NAME VALUE\n", line);
        return;
    }
    if (strcmp(command, "inc") == 0) increase(s, name, (uint64_t)n);
    while (strcmp(command, "wait") == 0 && value_of(s, name) < n && now_us() < until) {
        turn(s, false, until);
    }
    printf("%s %" PRId64 "\n", name, value_of(s, name));
}

/* Each whole line that has come. */
static void obey_all(service *s)
{
    char *begin = s->input, *end;
    while ((end = memchr(begin, '\n', s->size - (size_t)(begin - s->input))) != NULL) {
        *end = 0;
        obey(s, begin);
        begin = end + 1;
    }
    s->size -= (size_t)(begin - s->input);
    memmove(s->input, begin, s->size);
    if (s->size == sizeof s->input) s->size = 0; /* no line is that long */
    fflush(stdout);
}

int main(int argc, char **argv)
{
    service s = {0};
    if (argc < 2) {
        printf("usage: counter_service ADDRESS [PEER]...   (tcp://127.0.0.1:7501 ...)\n");
        return argc == 1 ? 0 : 2;
    }
    open_service(&s, argc - 2, argv + 1);
    while (!s.end) {
        turn(&s, true, GOSSIP_NEVER);
        obey_all(&s);
    }
    uint64_t until = now_us() + 5000000;
    while (!all_have_all(&s) && now_us() < until) turn(&s, false, until);
    close_service(&s);
    return 0;
}
