#define _POSIX_C_SOURCE 200809L
#include "tests/nng/lib/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <nng/nng.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NETS_MAX 32

/* Its threads end with the program, and nothing is lost. */
__attribute__((constructor)) static void end_nng(void)
{
    (void)atexit(nng_fini);
}

static net *nets; /* that are open */

gossip_time net_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static char ipc_dir[64];

static void remove_dir(void)
{
    (void)rmdir(ipc_dir);
}

const char *net_ipc(const char *name)
{
    static char urls[8][128];
    static int  next;
    char       *url = urls[next++ % 8];
    if (ipc_dir[0] == 0) {
        (void)snprintf(ipc_dir, sizeof ipc_dir, "/tmp/nng-test-XXXXXX");
        CHECK(mkdtemp(ipc_dir) != NULL);
        (void)atexit(remove_dir);
    }
    (void)snprintf(url, 128, "ipc://%s/%s", ipc_dir, name);
    return url;
}

gossip_nng_options net_options(const char *listen)
{
    gossip_nng_options options = gossip_nng_options_default();
    options.listen = listen;
    options.dial_min_ms = 10;
    options.dial_max_ms = 1000;
    return options;
}

static void wake(void *user)
{
    const net *n = user;
    uint64_t   one = 1;
    CHECK(write(n->fd, &one, sizeof one) == sizeof one);
}

void net_open(net *n, const gossip_nng_options *options)
{
    gossip_nng_options mine = *options;
    char               problem[256];
    memset(n, 0, sizeof *n);
    testmem_init(&n->m);
    n->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mine.wake = wake;
    mine.user = n;
    crdt_err err = gossip_nng_open(&mine, &n->m.mem, &n->nng, problem);
    CHECK_MSG(err == CRDT_OK, "%s: %s", crdt_err_name(err), problem);
    n->next = nets;
    nets = n;
}

void net_close(net *n)
{
    net **at = &nets;
    while (*at != n) at = &(*at)->next;
    *at = n->next;
    gossip_nng_close(n->nng);
    TESTMEM_DONE(&n->m);
    close(n->fd);
}

const char *net_url(const net *n)
{
    return gossip_nng_url(n->nng);
}

/* Those that this thread owns have their turn, but for one that is to be taken from. */
static void turn_others(net *n)
{
    for (net *other = nets; other != NULL; other = other->next) {
        if (other != n && !other->elsewhere) gossip_nng_check(other->nng);
    }
}

/* Until one of them is woken, or for a moment. */
static void wait_for_news(net *n, unsigned ms)
{
    struct pollfd fds[NETS_MAX];
    net          *of[NETS_MAX];
    unsigned      count = 0;
    for (net *other = n->elsewhere ? n : nets; other != NULL && count < NETS_MAX;) {
        if (other == n || !other->elsewhere) {
            of[count] = other;
            fds[count++] = (struct pollfd){.fd = other->fd, .events = POLLIN};
        }
        other = n->elsewhere ? NULL : other->next;
    }
    (void)poll(fds, count, (int)ms);
    for (unsigned i = 0; i < count; i++) {
        uint64_t wakes;
        if (read(of[i]->fd, &wakes, sizeof wakes) == sizeof wakes) of[i]->wakes += wakes;
    }
}

bool net_take(net *n, unsigned ms, gossip_nng_item *ret_item)
{
    gossip_time until = net_now() + ms * UINT64_C(1000);
    for (;;) {
        if (gossip_nng_take(n->nng, ret_item)) return true;
        if (!n->elsewhere) turn_others(n);
        gossip_time now = net_now();
        if (now >= until) return false;
        wait_for_news(n, until - now > 50000 ? 50 : (unsigned)((until - now) / 1000 + 1));
        gossip_nng_check(n->nng);
    }
}

void net_turn(unsigned ms)
{
    gossip_time until = net_now() + ms * UINT64_C(1000);
    do {
        turn_others(NULL);
        const struct timespec pause = {.tv_nsec = 1000000};
        (void)nanosleep(&pause, NULL);
    } while (net_now() < until);
}

void net_request(net *n, const char *to, const char *text)
{
    gossip_transport t = gossip_nng_transport(n->nng);
    t.send(t.user, crdt_text_view(to), crdt_text_view(text), false, 0);
}

void net_reply(net *n, uint64_t from, const char *text)
{
    gossip_transport t = gossip_nng_transport(n->nng);
    t.send(t.user, crdt_view_of(NULL, 0), crdt_text_view(text), true, from);
}

gossip_nng_item net_expect(net *n, gossip_nng_kind kind, const char *text)
{
    gossip_nng_item item;
    unsigned        ms = T_SLOW ? 60000 : 10000;
    CHECK_MSG(net_take(n, ms, &item), "nothing came; expected \"%.20s\"", text);
    CHECK_EQ_INT(item.kind, kind);
    CHECK_EQ_MEM(item.bytes.data, item.bytes.size, text, strlen(text));
    return item;
}

void net_round_trip(net *from, net *to)
{
    net_request(from, net_url(to), "question");
    net_reply(to, net_expect(to, GOSSIP_NNG_REQUEST, "question").from, "answer");
    (void)net_expect(from, GOSSIP_NNG_REPLY, "answer");
}

void net_expect_notice(net *n, const char *part)
{
    gossip_time until = net_now() + (T_SLOW ? 60000000 : 10000000);
    char        text[256];
    while (net_now() < until) {
        net_turn(1);
        while (gossip_nng_notice(n->nng, text)) {
            if (strstr(text, part) != NULL) return;
        }
    }
    FAIL("no notice with \"%s\"", part);
}

/* -- Plain sockets ----------------------------------------------------------------------------- */

static void set_times(int fd)
{
    struct timeval ten = {.tv_sec = 10};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ten, sizeof ten) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &ten, sizeof ten) == 0);
}

int net_connect(const char *url)
{
    int fd, rv;
    if (strncmp(url, "ipc://", 6) == 0) {
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", url + 6);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        rv = connect(fd, (struct sockaddr *)&at, sizeof at);
    } else {
        struct sockaddr_in at = {.sin_family = AF_INET};
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        at.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        rv = connect(fd, (struct sockaddr *)&at, sizeof at);
    }
    CHECK_MSG(rv == 0, "connect to %s: %s", url, strerror(errno));
    set_times(fd);
    return fd;
}

static bool put_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

bool net_greet(int fd)
{
    return put_all(fd, "CONCUR\1\0", 8);
}

bool net_put(int fd, uint32_t claimed, uint32_t id, char kind, const void *bytes, size_t size)
{
    uint8_t header[9];
    for (unsigned i = 0; i < 4; i++) {
        header[i] = (uint8_t)(claimed >> 8 * i);
        header[4 + i] = (uint8_t)(id >> 8 * i);
    }
    header[8] = (uint8_t)kind;
    return put_all(fd, header, sizeof header) && put_all(fd, bytes, size);
}

bool net_is_closed(int fd, unsigned ms)
{
    char        bytes[4096];
    gossip_time until = net_now() + ms * UINT64_C(1000);
    while (net_now() < until) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        turn_others(NULL);
        if (poll(&p, 1, 1) > 0 && recv(fd, bytes, sizeof bytes, 0) <= 0) return true;
    }
    return false;
}

int net_listen_plain(int *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t          size = sizeof at;
    int                one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((uint16_t)*ret_port);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
    CHECK_MSG(bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "bind: %s", strerror(errno));
    CHECK(listen(fd, 64) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

size_t net_resident(void)
{
    unsigned long pages = 0, resident = 0;
    FILE         *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%lu %lu", &pages, &resident) == 2);
    (void)fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}
