/* term.c: see term.h. */
#include "tests/edit/lib/term.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct term {
    vt    vt;
    int   fd;
    pid_t pid; /* 0: it has ended */
    int   status;
};

static term *all[TERM_MAX];

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct winsize size_of(int rows, int columns)
{
    return (struct winsize){.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
}

static void run(const char *const *argv, pid_t parent)
{
    char *copy[32] = {NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("LINES");
    unsetenv("COLUMNS");
    for (size_t i = 0; i < 31 && argv[i] != NULL; i++) copy[i] = strdup(argv[i]);
    execv(copy[0], copy);
    fprintf(stderr, "%s: %s\r\n", argv[0], strerror(errno));
    _exit(127);
}

term *term_start(int rows, int columns, const char *const *argv)
{
    size_t         i = 0;
    struct winsize size = size_of(rows, columns);
    pid_t          parent = getpid();
    while (i < TERM_MAX && all[i] != NULL) i++;
    term *t = i < TERM_MAX ? calloc(1, sizeof *t) : NULL;
    if (t == NULL || !vt_open(&t->vt, rows, columns)) {
        free(t);
        return NULL;
    }
    t->pid = forkpty(&t->fd, NULL, NULL, &size);
    if (t->pid == 0) run(argv, parent);
    if (t->pid < 0 || fcntl(t->fd, F_SETFL, O_NONBLOCK) != 0) {
        vt_close(&t->vt);
        free(t);
        return NULL;
    }
    all[i] = t;
    return t;
}

void term_free(term *t)
{
    if (t == NULL) return;
    for (size_t i = 0; i < TERM_MAX; i++) {
        if (all[i] == t) all[i] = NULL;
    }
    if (t->pid > 0) {
        kill(t->pid, SIGKILL);
        waitpid(t->pid, NULL, 0);
    }
    close(t->fd);
    vt_close(&t->vt);
    free(t);
}

static void read_one(term *t)
{
    char    bytes[16384];
    ssize_t got;
    while ((got = read(t->fd, bytes, sizeof bytes)) > 0) vt_write(&t->vt, bytes, (size_t)got);
}

/* Also until the one can be written to; NULL: none. */
static bool look(int ms, const term *writes)
{
    struct pollfd at[TERM_MAX];
    term         *of[TERM_MAX];
    nfds_t        count = 0;
    bool          can = false;
    for (size_t i = 0; i < TERM_MAX; i++) {
        if (all[i] == NULL) continue;
        short events = (short)(POLLIN | (all[i] == writes ? POLLOUT : 0));
        at[count] = (struct pollfd){.fd = all[i]->fd, .events = events};
        of[count++] = all[i];
    }
    if (poll(at, count, ms) <= 0) return false;
    for (nfds_t i = 0; i < count; i++) {
        if ((at[i].revents & POLLIN) != 0) read_one(of[i]);
        else if ((at[i].revents & POLLHUP) != 0 && ms > 0) usleep(1000); /* it has ended */
        can |= (at[i].revents & POLLOUT) != 0;
    }
    return can;
}

void term_look(int ms)
{
    (void)look(ms, NULL);
}

bool term_write(term *t, const void *bytes, size_t size)
{
    const char *at = bytes;
    for (uint64_t until = now() + 20000; size > 0 && now() < until;) {
        if (!look(100, t)) continue;
        ssize_t done = write(t->fd, at, size < 4096 ? size : 4096);
        if (done <= 0) continue;
        at += done;
        size -= (size_t)done;
        until = now() + 20000;
    }
    return size == 0;
}

bool term_type(term *t, const char *keys)
{
    return term_write(t, keys, strlen(keys));
}

bool term_resize(term *t, int rows, int columns)
{
    struct winsize size = size_of(rows, columns);
    return vt_resize(&t->vt, rows, columns) && ioctl(t->fd, TIOCSWINSZ, &size) == 0;
}

int term_find(const term *t, const char *words)
{
    for (int row = 0; row < t->vt.rows; row++) {
        if (strstr(vt_row(&t->vt, row), words) != NULL) return row;
    }
    return -1;
}

static bool until(term *t, const char *words, bool there, uint32_t ms)
{
    uint64_t end = now() + ms;
    for (;;) {
        if ((term_find(t, words) >= 0) == there) return true;
        uint64_t at = now();
        if (at >= end) return false;
        term_look(end - at > 100 ? 100 : (int)(end - at));
    }
}

bool term_until(term *t, const char *words, uint32_t ms)
{
    return until(t, words, true, ms);
}

bool term_until_not(term *t, const char *words, uint32_t ms)
{
    return until(t, words, false, ms);
}

bool term_ended(term *t, uint32_t ms, int *ret_status)
{
    for (uint64_t end = now() + ms; t->pid > 0; term_look(10)) {
        if (waitpid(t->pid, &t->status, WNOHANG) == t->pid) t->pid = 0;
        else if (now() >= end) return false;
    }
    *ret_status = t->status;
    return true;
}

const char *term_screen(const term *t)
{
    static char out[65536];
    size_t      used = 0;
    for (int row = 0; row < t->vt.rows; row++) {
        int n = snprintf(out + used, sizeof out - used, "%s\n", vt_row(&t->vt, row));
        if (n < 0 || (size_t)n >= sizeof out - used) break;
        used += (size_t)n;
    }
    out[used] = 0;
    return out;
}

const vt *term_vt(const term *t)
{
    return &t->vt;
}

pid_t term_pid(const term *t)
{
    return t->pid;
}
