/* work.c: the clients. Each is a thread with a connection of its own to one node; it remembers what
 * that node acknowledged, so that the end can be judged without asking the nodes what it should be.
 *
 * The page has a rule across it. One writer types above it, from the top on, and takes words back;
 * two type below it, each at what is the end where they are. So each knows its place without
 * asking, whatever arrives meanwhile.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "demo/demo.h"

#define WORKERS_MAX 24u

struct work {
    nodes          *cluster;
    size_t          count, threads;
    worker          worker[WORKERS_MAX];
    pthread_t       thread[WORKERS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    bool            go, end;
    size_t          busy; /* workers that do not pause */
    bool            failed;
};

static const struct {
    job         job;
    uint32_t    node;
    const char *file;
} jobs[] = {
    {JOB_COUNT, 0, NULL},
    {JOB_COUNT, 1, NULL},
    {JOB_COUNT, 2, NULL},
    {JOB_COUNT, 3, NULL},
    {JOB_COUNT, 4, NULL},
    {JOB_SHOP, 0, NULL},
    {JOB_SHOP, 2, NULL},
    {JOB_SHOP, 4, NULL},
    {JOB_WRITE, 0, "README.md"},
    {JOB_WRITE, 1, "docs/ARCHITECTURE.md"},
    {JOB_WRITE, 3, "docs/GUARANTEES.md"},
    {JOB_TITLE, 1, NULL},
    {JOB_TITLE, 4, NULL},
};

/* xorshift64*: what is random here decides nothing that is checked. */
static uint32_t random_below(worker *who, uint32_t n)
{
    who->random ^= who->random >> 12;
    who->random ^= who->random << 25;
    who->random ^= who->random >> 27;
    return (uint32_t)((who->random * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

/* -- Commands ---------------------------------------------------------------------------------- */

static bool say_problem(worker *who, const char *command, const char *why)
{
    snprintf(who->problem, sizeof who->problem, "node %u, %.30s: %.160s", who->node + 1, command,
             why);
    return false;
}

/* Acknowledged: the reply is no error. Without a reply nobody knows whether it was done. */
static bool acknowledged(worker *who, const char *command, redisReply *reply)
{
    if (reply == NULL) return say_problem(who, command, who->redis->errstr);
    bool good = reply->type != REDIS_REPLY_ERROR;
    if (!good) say_problem(who, command, reply->str);
    freeReplyObject(reply);
    if (good) __atomic_add_fetch(&who->writes, 1, __ATOMIC_RELAXED);
    return good;
}

/* -- What they do ------------------------------------------------------------------------------ */

static bool count(worker *who)
{
    if (random_below(who, 3) > 0) {
        if (!acknowledged(who, "INCR", redisCommand(who->redis, "INCR " KEY_VISITS))) return false;
        who->visits++;
        who->visits_apart++;
        return true;
    }
    int64_t by = (int64_t)random_below(who, 9) + 1;
    bool    more = random_below(who, 5) < 3;
    if (!acknowledged(who, more ? "INCRBY" : "DECRBY",
                      redisCommand(who->redis, "%s " KEY_STOCK " %lld", more ? "INCRBY" : "DECRBY",
                                   (long long)by))) {
        return false;
    }
    who->stock += more ? by : -by;
    who->stock_apart += more ? by : -by;
    return true;
}

/* Things of one worker have names of their own: what is in the cart at the end is known exactly. */
void work_item(const worker *who, uint32_t i, char out[32])
{
    static const char *const kinds[] = {"apple", "bread", "cheese", "dates",
                                        "eggs",  "flour", "grapes", "honey"};
    snprintf(out, 32, "%s-%u.%u", kinds[i % 8], who->node + 1, i);
}

static bool shop(worker *who)
{
    char item[32];
    if (who->added > 3 && random_below(who, 4) == 0) { /* back onto the shelf */
        uint32_t i = random_below(who, who->added);
        work_item(who, i, item);
        if (!acknowledged(who, "SREM", redisCommand(who->redis, "SREM " KEY_CART " %s", item))) {
            return false;
        }
        who->removed[i] = true;
        return true;
    }
    if (who->added == ITEMS_MAX) return true;
    work_item(who, who->added, item);
    if (!acknowledged(who, "SADD", redisCommand(who->redis, "SADD " KEY_CART " %s", item))) {
        return false;
    }
    who->added++;
    return true;
}

static bool remember(worker *who, const char *word)
{
    size_t size = strlen(word);
    if (who->typed_size + size + 2 > who->typed_room) {
        size_t room = who->typed_room * 2 + 4096;
        char  *more = realloc(who->typed, room);
        if (more == NULL) return say_problem(who, "TEXT.INSERT", "no memory here");
        who->typed = more;
        who->typed_room = room;
    }
    memcpy(who->typed + who->typed_size, word, size + 1);
    who->typed_size += size;
    return true;
}

static bool take_back(worker *who)
{
    size_t from = who->typed_size - 1; /* the blank behind the last word */
    while (from > 0 && who->typed[from - 1] != ' ') from--;
    size_t length = words_length(who->typed + from);
    who->typed[from] = 0;
    who->typed_size = from;
    who->deleted++;
    return acknowledged(who, "TEXT.DELETE",
                        redisCommand(who->redis, "TEXT.DELETE " KEY_PAGE " %llu %llu",
                                     (unsigned long long)words_length(who->typed),
                                     (unsigned long long)length));
}

static bool type(worker *who)
{
    char word[64];
    bool at_top = who->node == 0;
    if (at_top && who->typed_size > 0 && random_below(who, 6) == 0) return take_back(who);
    snprintf(word, sizeof word, "%s ", words_next(&who->source));
    long long at = at_top ? (long long)words_length(who->typed) : -1;
    return acknowledged(who, "TEXT.INSERT",
                        redisCommand(who->redis, "TEXT.INSERT " KEY_PAGE " %lld %s", at, word)) &&
           remember(who, word);
}

static bool name(worker *who)
{
    static const char *const names[] = {"Many leaders", "No leader", "All agree",
                                        "Apart, then not"};
    char                     title[96];
    snprintf(title, sizeof title, "%s (draft %u of node %u)", names[random_below(who, 4)],
             (uint32_t)who->writes + 1, who->node + 1);
    if (!acknowledged(who, "SET", redisCommand(who->redis, "SET " KEY_TITLE " %s", title))) {
        return false;
    }
    memcpy(who->title, title, sizeof title);
    return true;
}

/* -- Threads ----------------------------------------------------------------------------------- */

/* False: it is over. */
static bool may_go_on(worker *who)
{
    work *w = who->work;
    pthread_mutex_lock(&w->lock);
    if (who->problem[0] != 0) w->failed = true;
    if (!w->go || w->failed) {
        w->busy--;
        pthread_cond_broadcast(&w->changed);
        while (!w->end && (!w->go || w->failed)) pthread_cond_wait(&w->changed, &w->lock);
        w->busy++;
    }
    bool on = !w->end;
    pthread_mutex_unlock(&w->lock);
    return on;
}

static void *run(void *argument)
{
    static bool (*const does[])(worker *) = {count, shop, type, name};
    static const uint32_t pause_ms[] = {20, 50, 50, 400}; /* on average */
    worker               *who = argument;
    while (may_go_on(who)) {
        does[who->job](who);
        nodes_sleep_ms(pause_ms[who->job] / 2 + random_below(who, pause_ms[who->job]));
    }
    return NULL;
}

static bool open_worker(work *w, size_t i, char ret_problem[512])
{
    worker *who = &w->worker[i];
    who->work = w;
    who->job = jobs[i].job;
    who->node = jobs[i].node;
    who->random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    if (jobs[i].file != NULL && !words_open(&who->source, jobs[i].file, ret_problem)) return false;
    if (jobs[i].file != NULL && !remember(who, "")) return false;
    who->redis = nodes_connect(w->cluster, who->node);
    if (who->redis != NULL) return true;
    snprintf(ret_problem, 512, "%.500s", nodes_problem(w->cluster));
    return false;
}

bool work_open(work **ret_work, nodes *cluster, char ret_problem[512])
{
    work *w = calloc(1, sizeof *w);
    *ret_work = w;
    if (w == NULL) {
        snprintf(ret_problem, 512, "no memory");
        return false;
    }
    w->cluster = cluster;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->count = sizeof jobs / sizeof jobs[0];
    for (size_t i = 0; i < w->count; i++) {
        if (!open_worker(w, i, ret_problem)) return false;
    }
    for (size_t i = 0; i < w->count; i++) {
        w->busy++;
        if (pthread_create(&w->thread[i], NULL, run, &w->worker[i]) != 0) {
            w->busy--;
            snprintf(ret_problem, 512, "cannot start a thread");
            return false;
        }
        w->threads++;
    }
    return work_pause(w, ret_problem);
}

void work_close(work *w)
{
    if (w == NULL) return;
    pthread_mutex_lock(&w->lock);
    w->end = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->threads; i++) pthread_join(w->thread[i], NULL);
    for (size_t i = 0; i < w->count; i++) {
        worker *who = &w->worker[i];
        if (who->redis != NULL) redisFree(who->redis);
        words_close(&who->source);
        free(who->typed);
    }
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->changed);
    free(w);
}

void work_go(work *w)
{
    pthread_mutex_lock(&w->lock);
    w->go = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

bool work_pause(work *w, char ret_problem[512])
{
    pthread_mutex_lock(&w->lock);
    w->go = false;
    while (w->busy > 0) pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->count; i++) {
        if (w->worker[i].problem[0] == 0) continue;
        snprintf(ret_problem, 512, "a client failed: %s", w->worker[i].problem);
        return false;
    }
    return true;
}

bool work_fine(work *w)
{
    pthread_mutex_lock(&w->lock);
    bool fine = !w->failed;
    pthread_mutex_unlock(&w->lock);
    return fine;
}

void work_mark_cut(work *w)
{
    for (size_t i = 0; i < w->count; i++) w->worker[i].visits_apart = w->worker[i].stock_apart = 0;
}

uint64_t work_writes(const work *w, uint32_t node)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (w->worker[i].node != node) continue;
        sum += __atomic_load_n(&w->worker[i].writes, __ATOMIC_RELAXED);
    }
    return sum;
}

size_t work_count(const work *w)
{
    return w->count;
}

const worker *work_at(const work *w, size_t i)
{
    return &w->worker[i];
}
