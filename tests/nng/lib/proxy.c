#define _POSIX_C_SOURCE 200809L
#include "tests/nng/lib/proxy.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/nng/lib/net.h"

/* After so many bytes at most: in the handshake, the first message, the first answers, later. */
static const uint32_t most_bytes[4] = {40, 6000, 60000, 400000};

static uint32_t random_below(proxy *p, uint32_t limit)
{
    p->random = p->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)((p->random >> 33) % limit);
}

/* Each end is left with a reset, or without a word. */
static void break_pair(proxy *p, proxy_pair *pair)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    uint32_t            kind = random_below(p, 4);
    for (unsigned i = 0; i < 2; i++) {
        if (kind >> i & 1) continue;
        (void)setsockopt(pair->fds[i], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(pair->fds[0]);
    close(pair->fds[1]);
    pair->fds[0] = pair->fds[1] = -1;
    atomic_fetch_add(&p->broken, 1);
}

static void accept_pair(proxy *p)
{
    int peer = accept(p->fd, NULL, NULL);
    for (unsigned i = 0; i < PROXY_PAIRS && peer >= 0; i++) {
        proxy_pair *pair = &p->pairs[i];
        if (pair->fds[0] >= 0) continue;
        pair->fds[0] = peer;
        pair->fds[1] = net_connect(p->to);
        pair->left = UINT32_MAX;
        if (atomic_load(&p->breaks)) {
            pair->left = random_below(p, most_bytes[random_below(p, 4)]);
        }
        return;
    }
    if (peer >= 0) close(peer);
}

static void move(proxy *p, proxy_pair *pair, unsigned from)
{
    char    bytes[4096];
    size_t  most = pair->left < sizeof bytes ? pair->left : sizeof bytes;
    ssize_t got = most > 0 ? recv(pair->fds[from], bytes, most, MSG_DONTWAIT) : 0;
    if (got > 0 && send(pair->fds[!from], bytes, (size_t)got, MSG_NOSIGNAL) == got) {
        if (pair->left != UINT32_MAX) pair->left -= (unsigned)got;
        if (pair->left > 0) return;
    }
    break_pair(p, pair);
}

static void *run(void *arg)
{
    proxy *p = arg;
    while (!atomic_load(&p->stop)) {
        struct pollfd fds[1 + 2 * PROXY_PAIRS] = {{.fd = p->fd, .events = POLLIN}};
        bool          holds = atomic_load(&p->holds);
        for (unsigned i = 0; i < 2 * PROXY_PAIRS; i++) {
            fds[1 + i].fd = holds ? -1 : p->pairs[i / 2].fds[i % 2];
            fds[1 + i].events = POLLIN;
        }
        (void)poll(fds, 1 + 2 * PROXY_PAIRS, 10);
        for (unsigned i = 0; i < 2 * PROXY_PAIRS; i++) {
            proxy_pair *pair = &p->pairs[i / 2];
            if (fds[1 + i].revents != 0 && pair->fds[0] >= 0) move(p, pair, i % 2);
        }
        if (fds[0].revents != 0) accept_pair(p);
    }
    return NULL;
}

static void start(proxy *p)
{
    atomic_store(&p->stop, false);
    CHECK(pthread_create(&p->thread, NULL, run, p) == 0);
}

static void stop(proxy *p)
{
    atomic_store(&p->stop, true);
    CHECK(pthread_join(p->thread, NULL) == 0);
}

void proxy_open(proxy *p, const char *to, uint64_t seed)
{
    int port = 0;
    memset(p, 0, sizeof *p);
    printf("proxy: seed %ju\n", (uintmax_t)seed);
    p->random = seed;
    p->fd = net_listen_plain(&port);
    for (unsigned i = 0; i < PROXY_PAIRS; i++) p->pairs[i].fds[0] = p->pairs[i].fds[1] = -1;
    (void)snprintf(p->to, sizeof p->to, "%s", to);
    (void)snprintf(p->url, sizeof p->url, "%.*s:%d", (int)(strrchr(to, ':') - to), to, port);
    start(p);
}

void proxy_break(proxy *p)
{
    stop(p);
    for (unsigned i = 0; i < PROXY_PAIRS; i++) {
        if (p->pairs[i].fds[0] >= 0) break_pair(p, &p->pairs[i]);
    }
    start(p);
}

void proxy_close(proxy *p)
{
    stop(p);
    for (unsigned i = 0; i < PROXY_PAIRS; i++) {
        if (p->pairs[i].fds[0] >= 0) break_pair(p, &p->pairs[i]);
    }
    close(p->fd);
}
