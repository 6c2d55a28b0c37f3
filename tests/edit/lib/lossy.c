/* lossy.c: see lossy.h. */
#include "tests/edit/lib/lossy.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS 8

/* A connection and the one to the node. */
typedef struct route {
    int  client, node;
    bool loses; /* what the node says next */
} route;

static struct sockaddr_in here(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);
        if (done <= 0) return false;
        bytes += done;
        size -= (size_t)done;
    }
    return true;
}

static void hang_up(route *r)
{
    close(r->client);
    close(r->node);
    *r = (route){-1, -1, false};
}

static void take(route *all, int listener, uint16_t port)
{
    struct sockaddr_in to = here(port);
    int                client = accept(listener, NULL, NULL), i = 0;
    while (i < PAIRS && all[i].client >= 0) i++;
    int node = socket(AF_INET, SOCK_STREAM, 0);
    if (client >= 0 && i < PAIRS && connect(node, (struct sockaddr *)&to, sizeof to) == 0) {
        all[i] = (route){client, node, false};
        return;
    }
    close(client);
    close(node);
}

/* False: it is over. */
static bool carry(route *r, bool from_client, unsigned every, unsigned *count)
{
    char    bytes[65536];
    ssize_t got = read(from_client ? r->client : r->node, bytes, sizeof bytes);
    if (got <= 0) return false;
    if (from_client && memmem(bytes, (size_t)got, "\r\nEXEC\r\n", 8) != NULL) {
        bool breaks = ++*count % every == 0;
        if (breaks && *count / every % 2 == 0) return false; /* the node hears nothing of it */
        r->loses = breaks;
    }
    if (!from_client && r->loses) return false; /* it has done it, and nobody hears of it */
    return write_all(from_client ? r->node : r->client, bytes, (size_t)got);
}

static void serve(int listener, uint16_t port, unsigned every)
{
    route    all[PAIRS];
    unsigned count = 0;
    for (int i = 0; i < PAIRS; i++) all[i] = (route){-1, -1, false};
    for (;;) {
        struct pollfd at[1 + 2 * PAIRS] = {{.fd = listener, .events = POLLIN}};
        for (int i = 0; i < PAIRS; i++) {
            at[1 + 2 * i] = (struct pollfd){.fd = all[i].client, .events = POLLIN};
            at[2 + 2 * i] = (struct pollfd){.fd = all[i].node, .events = POLLIN};
        }
        if (poll(at, 1 + 2 * PAIRS, -1) < 0) continue;
        for (int i = 0; i < PAIRS; i++) {
            bool good = true;
            if (at[1 + 2 * i].revents != 0) good = carry(&all[i], true, every, &count);
            if (good && at[2 + 2 * i].revents != 0) good = carry(&all[i], false, every, &count);
            if (!good) hang_up(&all[i]);
        }
        if (at[0].revents != 0) take(all, listener, port);
    }
}

lossy lossy_start(uint16_t node, unsigned every)
{
    lossy              l = {0};
    struct sockaddr_in at = here(0);
    socklen_t          size = sizeof at;
    int                listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listener, 16) != 0 || getsockname(listener, (struct sockaddr *)&at, &size) != 0) {
        return l;
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        if (getppid() != parent) _exit(1);
        serve(listener, node, every);
    }
    close(listener);
    l.port = ntohs(at.sin_port);
    l.pid = pid > 0 ? pid : 0;
    return l;
}

void lossy_stop(lossy *l)
{
    if (l->pid == 0) return;
    kill(l->pid, SIGKILL);
    waitpid(l->pid, NULL, 0);
    l->pid = 0;
}
