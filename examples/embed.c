/* embed.c: two processes with a store each, replicated over a socket pair by an own transport. */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <crdt/orset.h>
#include <crdt/types.h>
#include <gossip/gossip.h>

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

/* The transport: there is one peer, so neither address nor token says anything new. */
static void send_bytes(void *user, crdt_view address, crdt_view bytes, bool reply, uint64_t from)
{
    (void)address, (void)reply, (void)from;
    (void)!send(*(int *)user, bytes.data, bytes.size, MSG_NOSIGNAL); /* lost? it is sent again */
}

static bool has_all(const crdt_store *store)
{
    crdt_ref fruit;
    return crdt_store_find(store, crdt_text_view("fruit"), &crdt_orset_type, &fruit) == CRDT_OK &&
           crdt_orset_count(fruit) == 2;
}

/* The peer holds everything that is here. */
static bool peer_has_all(const gossip_engine *engine)
{
    gossip_peer_info peer;
    return gossip_engine_peer(engine, 0, &peer) && peer.linked && peer.lacks == 0;
}

static void node(uint64_t id, const char *name, const char *other, int fd, const char *fruit)
{
    static uint8_t   bytes[1 << 17];
    crdt_options     options = crdt_options_default(id, crdt_types_builtin()); /* else: random */
    gossip_config    config = gossip_config_default();
    gossip_transport transport = {send_bytes, &fd};
    crdt_store      *store;
    gossip_engine   *engine;
    gossip_driver   *driver;
    gossip_peer      peer;
    crdt_txn        *txn;
    ssize_t          size = 1;
    config.cluster = 1;
    config.node = config.boot = config.seed = id; /* boot, seed: random bits */
    config.address = crdt_text_view(name);
    ok(crdt_store_new(&options, &store));
    ok(gossip_engine_new(&config, store, NULL, &engine));
    ok(gossip_driver_new(engine, &transport, NULL, NULL, &driver));
    ok(gossip_engine_add_peer(engine, crdt_text_view(other), &peer));

    ok(gossip_engine_write(engine, clock_us(CLOCK_MONOTONIC), clock_us(CLOCK_REALTIME) / 1000,
                           &txn));
    ok(crdt_orset_add(txn, crdt_text_view("fruit"), crdt_text(fruit)));
    ok(gossip_engine_commit(engine, NULL));

    /* The second node goes once both have all; the first one notices. */
    while (size > 0 && !(id == 2 && has_all(store) && peer_has_all(engine))) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        gossip_time   now = clock_us(CLOCK_MONOTONIC);
        ok(gossip_driver_run(driver, now, clock_us(CLOCK_REALTIME) / 1000));
        gossip_time at = gossip_driver_deadline(driver);
        if (poll(&p, 1, at > now ? (int)((at - now) / 1000 + 1) : 0) < 1) continue;
        size = recv(fd, bytes, sizeof bytes, 0);
        if (size <= 0) break;
        ok(gossip_driver_receive(driver, clock_us(CLOCK_MONOTONIC), clock_us(CLOCK_REALTIME) / 1000,
                                 crdt_view_of(bytes, (size_t)size), 0));
    }
    if (id == 1) wait(NULL);
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    crdt_store_print(store, &text);
    printf("%s:\n%.*s\n", name, (int)text.size, (const char *)text.data);
    crdt_buf_clear(&text);
    gossip_driver_free(driver);
    gossip_engine_free(engine);
    crdt_store_free(store);
}

int main(void)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) != 0) return 1; /* keeps messages apart */
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) return 1;
    close(fds[child != 0]);
    if (child == 0) {
        node(2, "right", "left", fds[1], "pear");
        return 0;
    }
    node(1, "left", "right", fds[0], "apple");
    return 0;
}
