/* process.c: the processes of nodes.h: ports, start, and that nothing is left behind. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/node/lib/impl.h"

/* -- Ports ------------------------------------------------------------------------------------- */

/* Bound with SO_REUSEADDR and not listening, so that a node can still listen there, while the
 * kernel gives the port to nobody who asks for any. */
static int reserve(uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          size = sizeof at;
    int                one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static int reserve_other(uint16_t not_this, uint16_t *ret_port)
{
    int fd = reserve(ret_port), again = -1;
    if (fd >= 0 && *ret_port == not_this) { /* the first one is held while another is asked for */
        again = reserve(ret_port);
        close(fd);
        return again;
    }
    return fd;
}

bool nodes__reserve(nodes *cluster, uint32_t i)
{
    nodes_one *node = &cluster->node[i];
    uint16_t   port = 0;
    for (int k = 0; k < 2; k++) {
        node->reserved[k] = reserve_other(6379, &port);
        if (node->reserved[k] < 0) {
            return nodes__fail(cluster, "no free port on 127.0.0.1: %s", strerror(errno));
        }
        if (k == 0) node->port = port;
        else snprintf(node->gossip, sizeof node->gossip, "tcp://127.0.0.1:%u", port);
    }
    return true;
}

/* -- Ending ------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *at)
{
    (void)stat, (void)kind, (void)at;
    return remove(path);
}

/* Waits for the end of the pipe: 'k' in it says that the directory stays. */
static void janitor_run(const char *root, int pipe_end, int other_end)
{
    char keep = 0, byte;
    int  nowhere = open("/dev/null", O_RDWR);
    close(other_end);
    setsid(); /* a Ctrl-C is for the others */
    for (int fd = 0; fd < 3; fd++) dup2(nowhere, fd);
    dup2(pipe_end, 3);
    close_range(4, ~0u, 0);
    for (ssize_t got; (got = read(3, &byte, 1)) != 0;) {
        if (got > 0) keep = byte;
        else if (errno != EINTR) break;
    }
    /* The nodes are being killed at this moment, and may still write. */
    for (int i = 0; keep == 0 && i < 50 && access(root, F_OK) == 0; i++) {
        nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        nodes_sleep_ms(20);
    }
    _exit(0);
}

bool nodes__janitor(nodes *cluster)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return nodes__fail(cluster, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) janitor_run(cluster->root, ends[0], ends[1]);
    close(ends[0]);
    cluster->janitor = ends[1];
    cluster->janitor_pid = pid > 0 ? pid : 0;
    return pid > 0 ? true : nodes__fail(cluster, "fork: %s", strerror(errno));
}

void nodes__dismiss(nodes *cluster)
{
    if (cluster->janitor >= 0) close(cluster->janitor);
    if (cluster->janitor_pid == 0) return;
    while (waitpid(cluster->janitor_pid, NULL, 0) < 0 && errno == EINTR) {}
}

bool nodes__ended(nodes_one *node)
{
    if (node->pid == 0) return true;
    pid_t got = waitpid(node->pid, &node->status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) return false;
    node->pid = 0;
    if (node->redis != NULL) redisFree(node->redis);
    node->redis = NULL;
    return true;
}

void nodes__how(int status, char out[64])
{
    if (WIFSIGNALED(status)) {
        snprintf(out, 64, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(out, 64, "exit status %d", WEXITSTATUS(status));
    }
}

/* -- Starting ---------------------------------------------------------------------------------- */

#define ARGS_MAX 96

typedef struct args {
    const char *at[ARGS_MAX];
    size_t      count;
    char        port[8];
} args;

static void add(args *a, const char *word)
{
    if (a->count + 1 < ARGS_MAX) a->at[a->count++] = word;
}

static void add_pair(args *a, const char *flag, const char *value)
{
    add(a, flag);
    add(a, value);
}

static void arguments(nodes *cluster, const nodes_one *node, args *a)
{
    const nodes_options *options = &cluster->options;
    a->count = 0;
    snprintf(a->port, sizeof a->port, "%u", node->port);
    add(a, cluster->program);
    add_pair(a, "--bind", "127.0.0.1");
    add_pair(a, "--port", a->port);
    add_pair(a, "--dir", node->dir);
    if (options->redis) {
        add_pair(a, "--save", "");
        add_pair(a, "--daemonize", "no");
    } else {
        add_pair(a, "--store", options->store);
        add_pair(a, "--sync", options->sync);
        add_pair(a, "--log-level", options->log_level);
        if (options->alone) {
            add_pair(a, "--gossip", "");
        } else {
            add_pair(a, "--cluster", cluster->root + strlen("/tmp/"));
            add_pair(a, "--gossip", node->gossip);
            add_pair(a, "--topology", options->topology);
            if (node->peers[0] != 0) add_pair(a, "--peers", node->peers);
        }
        if (options->demo) add(a, "--demo");
    }
    for (const char *const *flag = options->flags; flag != NULL && *flag != NULL; flag++) {
        add(a, *flag);
    }
    a->at[a->count] = NULL;
}

/* In the child: only what may be called between fork and exec. */
static void become(const char *program, char *const *argv, int log, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126); /* it has ended already */
    int nowhere = open("/dev/null", O_RDONLY);
    dup2(nowhere, 0);
    dup2(log, 1);
    dup2(log, 2);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0); /* a Ctrl-C is for who started it, which stops it */
    execvp(program, argv);
    dprintf(2, "cannot run %s: %s\n", program, strerror(errno));
    _exit(127);
}

bool nodes__spawn(nodes *cluster, uint32_t i)
{
    nodes_one *node = &cluster->node[i];
    args       a;
    arguments(cluster, node, &a);
    char *argv[ARGS_MAX];
    memcpy(argv, a.at, sizeof argv[0] * (a.count + 1));
    int log = open(node->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) return nodes__fail(cluster, "cannot open %s: %s", node->log, strerror(errno));
    pid_t parent = getpid();
    node->pid = fork();
    if (node->pid == 0) become(cluster->program, argv, log, parent);
    int error = errno;
    close(log);
    if (node->pid > 0) return true;
    node->pid = 0;
    return nodes__fail(cluster, "cannot start node %u: %s", i + cluster->options.first,
                       strerror(error));
}
