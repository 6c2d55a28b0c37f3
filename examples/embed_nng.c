/* embed_nng.c: two processes with a store each, replicated over NNG. It is ipc here, so that no
 * port is taken; tcp://127.0.0.1:7500 or tls+tcp://... are used in the same way. */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <crdt/orset.h>
#include <crdt/types.h>
#include <gossip/gossip.h>
#include <gossip/nng.h>

static void ok(crdt_err err)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "%s: %s\n", crdt_err_name(err), crdt_err_text(err));
    exit(1);
}

static uint64_t clock_us(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Called by NNG's threads when something has come: a byte into a pipe ends the poll below. */
static void wake(void *user)
{
    (void)!write(((int *)user)[1], "", 1);
}

/* The peer holds everything that is here, and here is what both have added. */
static bool is_done(const gossip_engine *engine)
{
    crdt_ref         fruit;
    gossip_peer_info peer;
    return crdt_store_find(gossip_engine_store(engine), crdt_text_view("fruit"), &crdt_orset_type,
                           &fruit) == CRDT_OK &&
           crdt_orset_count(fruit) == 2 && gossip_engine_peer(engine, 0, &peer) && peer.linked &&
           peer.lacks == 0;
}

/* Receive, run, sleep. The child goes once both have all, its parent once the child has gone. */
static void serve(gossip_nng *nng, gossip_engine *engine, gossip_driver *driver, int fd,
                  pid_t child)
{
    while (child > 0 ? waitpid(child, NULL, WNOHANG) == 0 : !is_done(engine)) {
        gossip_nng_item item;
        char            bytes[64];
        gossip_time     now = clock_us(CLOCK_MONOTONIC);
        while (gossip_nng_take(nng, &item)) {
            if (item.kind == GOSSIP_NNG_LOST) {
                gossip_driver_lost(driver, now, item.from);
                continue;
            }
            ok(gossip_driver_receive(driver, now, clock_us(CLOCK_REALTIME) / 1000, item.bytes,
                                     item.from));
        }
        ok(gossip_driver_run(driver, now, clock_us(CLOCK_REALTIME) / 1000));
        gossip_nng_check(nng);
        gossip_time   at = gossip_driver_deadline(driver);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (at > now + 100000) at = now + 100000;
        if (poll(&p, 1, at > now ? (int)((at - now) / 1000 + 1) : 0) > 0) {
            (void)!read(fd, bytes, sizeof bytes);
        }
    }
}

static void node(const char *address, const char *other, const char *fruit, pid_t child)
{
    uint64_t           id = child > 0 ? 1 : 2;
    crdt_options       options = crdt_options_default(id, crdt_types_builtin()); /* else: random */
    gossip_config      config = gossip_config_default();
    gossip_nng_options net = gossip_nng_options_default();
    char               problem[256];
    int                fds[2];
    crdt_store        *store;
    gossip_nng        *nng;
    gossip_engine     *engine;
    gossip_driver     *driver;
    gossip_peer        peer;
    crdt_txn          *txn;
    if (pipe(fds) != 0) exit(1);
    net.listen = address;
    net.wake = wake;
    net.user = fds;
    if (gossip_nng_open(&net, NULL, &nng, problem) != CRDT_OK) {
        fprintf(stderr, "%s\n", problem);
        exit(1);
    }
    config.cluster = 1;
    config.node = config.boot = config.seed = id; /* boot, seed: random bits */
    config.address = crdt_text_view(address);
    gossip_transport transport = gossip_nng_transport(nng);
    ok(crdt_store_new(&options, &store));
    ok(gossip_engine_new(&config, store, NULL, &engine));
    ok(gossip_driver_new(engine, &transport, NULL, NULL, &driver));
    ok(gossip_engine_add_peer(engine, crdt_text_view(other), &peer));
    ok(gossip_engine_write(engine, clock_us(CLOCK_MONOTONIC), clock_us(CLOCK_REALTIME) / 1000,
                           &txn));
    ok(crdt_orset_add(txn, crdt_text_view("fruit"), crdt_text(fruit)));
    ok(gossip_engine_commit(engine, NULL));
    serve(nng, engine, driver, fds[0], child);
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    crdt_store_print(store, &text);
    printf("%s:\n%.*s\n", id == 1 ? "left" : "right", (int)text.size, (const char *)text.data);
    crdt_buf_clear(&text);
    gossip_driver_free(driver);
    gossip_engine_free(engine);
    crdt_store_free(store);
    gossip_nng_close(nng);
}

int main(void)
{
    char dir[] = "/tmp/embed_nng-XXXXXX", left[64], right[64];
    if (mkdtemp(dir) == NULL) return 1;
    snprintf(left, sizeof left, "ipc://%s/left", dir);
    snprintf(right, sizeof right, "ipc://%s/right", dir);
    pid_t child = fork(); /* before NNG has started its threads */
    if (child < 0) return 1;
    if (child == 0) node(right, left, "pear", child);
    else node(left, right, "apple", child);
    return child == 0 ? 0 : rmdir(dir);
}
