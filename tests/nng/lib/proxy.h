/* proxy.h: what stands between a peer and a node on loopback, and breaks connections. It runs in a
 * thread of its own. */
#ifndef TESTS_NNG_LIB_PROXY_H
#define TESTS_NNG_LIB_PROXY_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PROXY_PAIRS 16u

typedef struct proxy_pair {
    int      fds[2]; /* of the peer, of the node; -1: none */
    unsigned left;   /* bytes until both are broken */
} proxy_pair;

typedef struct proxy {
    char        url[64], to[64]; /* where it listens, and the node, as tcp or tls+tcp */
    int         fd;
    uint64_t    random;
    proxy_pair  pairs[PROXY_PAIRS];
    pthread_t   thread;
    atomic_bool breaks; /* each connection after so many bytes, as random tells */
    atomic_bool holds;  /* moves nothing */
    atomic_bool stop;
    atomic_uint broken;
} proxy;

/* Prints the seed. */
void proxy_open(proxy *p, const char *to, uint64_t seed);
/* All connections that there are get a reset; true once that is done. */
void proxy_break(proxy *p);
void proxy_close(proxy *p);

#endif
