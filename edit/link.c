/* link.c: see link.h. */
#include "edit/link.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_PAUSE_MS 100u

void link_lose(link_to *l, const char *problem, uint64_t now_ms)
{
    if (l->redis != NULL) redisFree(l->redis);
    l->redis = NULL;
    l->state = LINK_OFF;
    l->unwritten = false;
    l->pause_ms = l->pause_ms == 0 ? FIRST_PAUSE_MS : 2 * l->pause_ms;
    if (l->pause_ms > LINK_RETRY_MS) l->pause_ms = LINK_RETRY_MS;
    l->retry_ms = now_ms + l->pause_ms;
    if (problem != NULL) snprintf(l->problem, sizeof l->problem, "%s", problem);
}

void link_close(link_to *l)
{
    if (l->redis != NULL) redisFree(l->redis);
    *l = (link_to){0};
}

void link_open(link_to *l, const char *host, int port, uint64_t now_ms)
{
    if (l->state != LINK_OFF || now_ms < l->retry_ms) return;
    l->redis = redisConnectNonBlock(host, port);
    if (l->redis == NULL || l->redis->err != 0) {
        char problem[160];
        snprintf(problem, sizeof problem, "%s", l->redis != NULL ? l->redis->errstr : "no memory");
        link_lose(l, problem, now_ms);
        return;
    }
    l->state = LINK_OPENING;
}

bool link_poll(const link_to *l, struct pollfd *ret)
{
    if (l->state == LINK_OFF) return false;
    bool writes = l->unwritten || l->state == LINK_OPENING;
    *ret = (struct pollfd){.fd = l->redis->fd, .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
    return true;
}

static void lose_by(link_to *l, uint64_t now_ms)
{
    char problem[160];
    snprintf(problem, sizeof problem, "%s", l->redis->errstr);
    link_lose(l, problem, now_ms);
}

static bool write_some(link_to *l, uint64_t now_ms)
{
    int done = 1;
    if (redisBufferWrite(l->redis, &done) != REDIS_OK) {
        lose_by(l, now_ms);
        return false;
    }
    l->unwritten = !done;
    return true;
}

/* It is open, or could not be opened. */
static bool opened(link_to *l, uint64_t now_ms)
{
    int       error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(l->redis->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        link_lose(l, strerror(error), now_ms);
        return false;
    }
    l->state = LINK_ON;
    l->redis->flags |= REDIS_CONNECTED;
    return true;
}

void link_handle(link_to *l, short events, uint64_t now_ms)
{
    if (l->state == LINK_OFF || events == 0) return;
    if (l->state == LINK_OPENING && !opened(l, now_ms)) return;
    if ((events & POLLOUT) != 0 && l->unwritten && !write_some(l, now_ms)) return;
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && redisBufferRead(l->redis) != REDIS_OK) {
        lose_by(l, now_ms);
    }
}

void link_say(link_to *l, size_t count, const char *const *words, const size_t *sizes)
{
    const char *copy[16];
    for (size_t i = 0; i < count; i++) copy[i] = words[i];
    if (redisAppendCommandArgv(l->redis, (int)count, copy, sizes) == REDIS_OK) l->unwritten = true;
}

redisReply *link_hear(link_to *l, uint64_t now_ms)
{
    void *reply = NULL;
    if (l->state != LINK_ON) return NULL;
    if (redisGetReplyFromReader(l->redis, &reply) != REDIS_OK) {
        lose_by(l, now_ms);
        return NULL;
    }
    if (reply != NULL) l->pause_ms = 0; /* it works */
    return reply;
}
