/* bench/nng/main.c: what a request and its reply cost over gossip/nng, between two processes on
 * loopback, as the driver uses it: `make bench-nng`.
 *
 * CPU is user and system time of both processes, all threads, per round trip. On two cores that
 * others keep busy:
 *
 *      bytes each way, in flight    tcp: CPU    ipc: CPU
 *      64      1                     136 us      148 us
 *      64      8                      33 us       44 us
 *      64      32                     19 us       16 us
 *      4,096   1                     165 us      160 us
 *      4,096   8                      61 us       84 us
 *      4,096   32                     36 us       65 us
 *      65,536  1                     214 us      279 us
 *      65,536  8                     161 us      204 us
 *
 * So most of it is the way between threads, and what is under way at the same time shares it.
 */
#define _DEFAULT_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gossip/nng.h"

#ifdef BENCH_SMOKE /* make bench-smoke */
#define ROUND_S 0.05
#else
#define ROUND_S 1.0
#endif

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void wake(void *user)
{
    uint64_t one = 1;
    (void)!write(*(int *)user, &one, sizeof one);
}

static gossip_nng *open_nng(const char *listen, int *fd)
{
    gossip_nng_options o = gossip_nng_options_default();
    gossip_nng        *nng;
    char               problem[256];
    *fd = eventfd(0, EFD_NONBLOCK);
    o.listen = listen;
    o.wake = wake;
    o.user = fd;
    if (gossip_nng_open(&o, NULL, &nng, problem) == CRDT_OK) return nng;
    fprintf(stderr, "bench-nng: %s\n", problem);
    exit(1);
}

static void wait_for_news(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t      count;
    (void)poll(&p, 1, 100);
    (void)!read(fd, &count, sizeof count);
}

/* Sends back what comes, until it is told to stop. */
static void serve(const char *listen, int url_to)
{
    int              fd;
    gossip_nng      *nng = open_nng(listen, &fd);
    gossip_transport t = gossip_nng_transport(nng);
    gossip_nng_item  item;
    (void)!write(url_to, gossip_nng_url(nng), 256);
    for (;;) {
        while (gossip_nng_take(nng, &item)) {
            if (item.bytes.size == 4) goto stop;
            t.send(t.user, crdt_view_of(NULL, 0), item.bytes, true, item.from);
        }
        wait_for_news(fd);
    }
stop:
    gossip_nng_close(nng);
}

static void measure(const char *listen, size_t size, unsigned in_flight)
{
    static char     bytes[1 << 16];
    char            url[256];
    int             pipes[2], fd;
    gossip_nng_item item;
    uint64_t        trips = 0;
    if (pipe(pipes) != 0) exit(1);
    pid_t child = fork();
    if (child == 0) {
        serve(listen, pipes[1]);
        exit(0);
    }
    if (read(pipes[0], url, sizeof url) != sizeof url) exit(1);
    gossip_nng      *nng = open_nng(NULL, &fd);
    gossip_transport t = gossip_nng_transport(nng);
    double           children = cpu(RUSAGE_CHILDREN), mine = cpu(RUSAGE_SELF), begin = seconds();
    for (unsigned i = 0; i < in_flight; i++) {
        t.send(t.user, crdt_text_view(url), crdt_view_of(bytes, size), false, 0);
    }
    while (seconds() < begin + ROUND_S) {
        while (gossip_nng_take(nng, &item)) {
            trips += item.kind == GOSSIP_NNG_REPLY;
            t.send(t.user, crdt_text_view(url), crdt_view_of(bytes, size), false, 0);
        }
        wait_for_news(fd);
    }
    double wall = seconds() - begin;
    for (unsigned i = 0;
         i < in_flight;) { /* the last ones: then there is room for the word to stop */
        while (gossip_nng_take(nng, &item)) i++;
        wait_for_news(fd);
    }
    t.send(t.user, crdt_text_view(url), crdt_view_of(bytes, 4), false, 0);
    waitpid(child, NULL, 0);
    double used = cpu(RUSAGE_SELF) - mine + cpu(RUSAGE_CHILDREN) - children;
    gossip_nng_close(nng);
    close(fd);
    printf("nng/%.3s/%zu/%u\t%8.1f us a round trip\t%8.0f a second\t%6.1f us CPU each\n", listen,
           size, in_flight, wall / (double)trips * 1e6 * in_flight, (double)trips / wall,
           used / (double)trips * 1e6);
    fflush(stdout);
}

/* Each in a process of its own: there is no fork after NNG has begun. */
int main(void)
{
    static const size_t   sizes[] = {64, 4096, 65536};
    static const unsigned flights[] = {1, 8, 32};
    char                  ipc[64];
    const char           *listen[] = {"tcp://127.0.0.1:0", ipc};
    (void)snprintf(ipc, sizeof ipc, "ipc:///tmp/bench-nng-%d", (int)getpid());
    for (size_t l = 0; l < 2; l++) {
        for (size_t s = 0; s < 3; s++) {
            for (size_t f = 0; f < 3; f++) {
                fflush(stdout);
                pid_t child = fork();
                if (child == 0) {
                    measure(listen[l], sizes[s], flights[f]);
                    return 0;
                }
                waitpid(child, NULL, 0);
            }
        }
    }
    return 0;
}
