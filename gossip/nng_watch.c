/* nng_watch.c: is the listener alive, do the dialers dial, and what went wrong?
 *
 * NNG tells of failed handshakes by counters alone. They are read by walking the statistics:
 * nng_stat_find_listener and the like give the first of any id in 1.5.2.
 */
#include <stdio.h>
#include <string.h>

#include "gossip/nng_impl.h"

#define LOOK_US 900000u
#define PROBE_US 5000000u
/* A dialer that has tried nothing for so long, besides its longest pause, is replaced: after an odd
 * error, and after any other one (it may wait for an answer from nowhere). */
#define ODD_US 1000000u
#define STILL_US 15000000u
#define STUCK_US 30000000u /* what is closed is taken down within milliseconds */
#define YOUNG_MS 1000
#define TRIES 5

/* -- Counters ---------------------------------------------------------------------------------- */

typedef gossip__nng_counters counters;

static bool has_id(nng_stat *scope, const char *name, int id)
{
    if (strcmp(nng_stat_name(scope), name) != 0) return false;
    for (nng_stat *s = nng_stat_child(scope); s != NULL; s = nng_stat_next(s)) {
        if (strcmp(nng_stat_name(s), "id") == 0) return nng_stat_value(s) == (uint64_t)id;
    }
    return false;
}

static counters read_counters(nng_stat *scope)
{
    counters c = {0};
    struct {
        const char *name;
        uint64_t   *at;
    } const all[] = {{"refused", &c.refused}, {"disconnect", &c.disconnect},
                     {"timeout", &c.timeout}, {"proto", &c.proto},
                     {"auth", &c.auth},       {"reject", &c.reject},
                     {"other", &c.other}};
    for (nng_stat *s = nng_stat_child(scope); s != NULL; s = nng_stat_next(s)) {
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
            if (strcmp(nng_stat_name(s), all[i].name) != 0) continue;
            *all[i].at = nng_stat_value(s);
            c.sum += *all[i].at;
        }
    }
    return c;
}

/* -- Peers ------------------------------------------------------------------------------------- */

static const char *words(const counters *c)
{
    if (c->auth > 0) {
        return "TLS: a certificate is not accepted (ours by it, or its: another CA or name)";
    }
    if (c->proto > 0) return "what answers there does not speak this protocol";
    if (c->refused > 0) return "the connection is refused: nobody listens there";
    if (c->timeout > 0) return "no answer";
    if (c->disconnect + c->reject > 0) return "it closes the connection";
    return "cannot be reached, or does not speak this protocol";
}

static counters less(const counters *a, const counters *b)
{
    counters c = {a->refused - b->refused, a->disconnect - b->disconnect,
                  a->timeout - b->timeout, a->proto - b->proto,
                  a->auth - b->auth,       a->reject - b->reject,
                  a->other - b->other,     a->sum - b->sum};
    return c;
}

static void look_at_peer(gossip_nng *nng, gossip__nng_peer *peer, nng_stat *scope, gossip_time now)
{
    counters c = read_counters(scope), before = peer->counters;
    gossip__nng_lock(nng);
    bool connected = peer->pipe != 0;
    gossip__nng_unlock(nng);
    bool moved = c.sum != before.sum;
    if (connected || moved || peer->moved == 0) {
        peer->moved = now;
        peer->odd = !connected && c.other != before.other;
    }
    peer->counters = c;
    if (connected) {
        peer->problem[0] = 0;
    } else if (moved) {
        counters    fresh = less(&c, &before);
        const char *text = words(&fresh);
        if (strcmp(text, peer->problem) != 0) {
            (void)snprintf(peer->problem, sizeof peer->problem, "%s", text);
            gossip__nng_notify(nng, "peer %s: %s", peer->address, text);
        }
    } else if (now - peer->moved >
               (peer->odd ? ODD_US : STILL_US) + nng->options.dial_max_ms * UINT64_C(1000)) {
        peer->moved = now;
        memset(&peer->counters, 0, sizeof peer->counters);
        gossip__nng_redial(peer);
    }
}

static gossip__nng_peer *dialled_by(const gossip_nng *nng, nng_stat *scope)
{
    for (uint32_t i = 0; i < nng->peers_count; i++) {
        gossip__nng_peer *peer = nng->peers[i];
        if (peer->open && has_id(scope, "dialer", nng_dialer_id(peer->dialer))) return peer;
    }
    return NULL;
}

/* -- The listener ------------------------------------------------------------------------------ */

/* True if it has counted an odd error: it may be dead. */
static bool look_at_listener(gossip_nng *nng, nng_stat *scope)
{
    counters c = read_counters(scope), fresh = less(&c, &nng->watch.counters);
    if (fresh.auth > 0) {
        gossip__nng_notify(nng, "refused %llu connections: TLS, without a certificate of this CA",
                           (unsigned long long)fresh.auth);
    }
    if (fresh.proto > 0) {
        gossip__nng_notify(nng, "refused %llu connections: they do not speak this protocol",
                           (unsigned long long)fresh.proto);
    }
    gossip__nng_lock(nng);
    nng->stats.refused += fresh.sum - fresh.reject; /* those were counted when they came */
    gossip__nng_unlock(nng);
    nng->watch.counters = c;
    return fresh.other > 0;
}

/* Reads what NNG has counted. True: the listener may be dead. */
static bool look(gossip_nng *nng, gossip_time now)
{
    nng_stat *root;
    bool      odd = false;
    if (nng_stats_get(&root) != 0) return false;
    for (nng_stat *scope = nng_stat_child(root); scope != NULL; scope = nng_stat_next(scope)) {
        if (strcmp(nng_stat_name(scope), "listener") == 0) {
            if (nng->listens && !nng->watch.down &&
                has_id(scope, "listener", nng_listener_id(nng->listener))) {
                odd = look_at_listener(nng, scope);
            }
        } else if (strcmp(nng_stat_name(scope), "dialer") == 0) {
            gossip__nng_peer *peer = dialled_by(nng, scope);
            if (peer != NULL) look_at_peer(nng, peer, scope, now);
        }
    }
    nng_stats_free(root);
    return odd;
}

static bool restart(gossip_nng *nng)
{
    gossip__nng_watch *w = &nng->watch;
    int                rv = 0;
    gossip__nng_pause(nng);
    if (!w->down) (void)nng_listener_close(nng->listener);
    w->down = true;
    memset(&w->counters, 0, sizeof w->counters);
    for (int i = 0; i < TRIES; i++) {
        rv = gossip__nng_relisten(nng);
        if (rv == 0) break;
        nng_msleep(10); /* the old one's socket is closed by another thread */
    }
    gossip__nng_resume(nng);
    if (rv != 0) {
        gossip__nng_notify(nng, "the listener cannot be opened again: %s", nng_strerror(rv));
        return false;
    }
    w->down = false;
    gossip__nng_lock(nng);
    nng->stats.restarts++;
    gossip__nng_unlock(nng);
    gossip__nng_notify(nng, "the listener had stopped; it was opened again");
    return true;
}

/* Close the connection to this node itself: it is dialled anew, and must come in. Not one that has
 * just begun: that would be the very thing that stops a listener. */
static void probe(gossip_nng *nng, gossip_time now)
{
    gossip__nng_watch *w = &nng->watch;
    gossip__nng_lock(nng);
    nng_pipe pipe = {w->pipe};
    bool     young = pipe.id != 0 && nng_clock() - w->since < YOUNG_MS;
    w->arrived = nng->arrived;
    gossip__nng_unlock(nng);
    if (young) return;
    if (pipe.id != 0) (void)nng_pipe_close(pipe);
    w->closed = pipe.id;
    w->probing = true;
    w->until = now + PROBE_US;
}

/* True: the listener was opened again. */
static bool watch(gossip_nng *nng, gossip_time now, bool odd)
{
    gossip__nng_watch *w = &nng->watch;
    if (nng->stuck) return false;
    if (w->down) return restart(nng);
    if (w->next == 0) w->next = now + nng->options.watch_ms * UINT64_C(1000);
    w->due = w->due || odd || now >= w->next;
    if (!w->probing) {
        if (w->due) probe(nng, now);
        return false;
    }
    gossip__nng_lock(nng);
    bool alive = nng->arrived != w->arrived;
    bool gone = w->closed == 0 || w->pipe != w->closed;
    gossip__nng_unlock(nng);
    if (!gone && now >= w->until + STUCK_US) gossip__nng_note_stuck(nng);
    if (!gone) return false; /* nor is it dialled again before */
    if (alive) {
        w->probing = false;
        w->due = odd;
        w->next = now + nng->options.watch_ms * UINT64_C(1000);
        return false;
    }
    if (now < w->until) return false;
    w->until = now + PROBE_US;
    return restart(nng);
}

bool gossip_nng_check(gossip_nng *nng, gossip_time now)
{
    gossip__nng_watch *w = &nng->watch;
    bool               odd = false;
    gossip__nng_refresh(nng);
    gossip__nng_close_idle(nng);
    if (w->looked == 0 || now - w->looked >= LOOK_US) {
        w->looked = now;
        odd = look(nng, now);
    }
    gossip__nng_post(nng);
    return w->open && watch(nng, now, odd);
}

/* -- The connection to itself ------------------------------------------------------------------ */

static void self_begins(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    gossip_nng *nng = arg;
    (void)event;
    gossip__nng_lock(nng);
    nng->watch.pipe = (uint32_t)nng_pipe_id(pipe);
    nng->watch.since = nng_clock();
    gossip__nng_unlock(nng);
}

static void self_ends(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    gossip_nng *nng = arg;
    (void)event;
    gossip__nng_lock(nng);
    if (nng->watch.pipe == (uint32_t)nng_pipe_id(pipe)) nng->watch.pipe = 0;
    gossip__nng_unlock(nng);
}

/* Where this node reaches itself: a listener on every address is reached on loopback. */
static void self_url(const gossip_nng *nng, char ret_url[272])
{
    static const struct {
        const char *all, *loopback;
    } hosts[] = {
        {"*:", "127.0.0.1:"}, {"0.0.0.0:", "127.0.0.1:"}, {":", "127.0.0.1:"}, {"[::]:", "[::1]:"}};
    const char *host = strstr(nng->url, "://") + 3;
    (void)snprintf(ret_url, 272, "%s", nng->url);
    if (strncmp(nng->url, "tcp", 3) != 0 && strncmp(nng->url, "tls", 3) != 0) return;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t size = strlen(hosts[i].all);
        if (strncmp(host, hosts[i].all, size) != 0) continue;
        (void)snprintf(ret_url, 272, "%.*s%s%s", (int)(host - nng->url), nng->url,
                       hosts[i].loopback, host + size);
        return;
    }
}

void gossip__nng_watch_start(gossip_nng *nng)
{
    gossip__nng_watch *w = &nng->watch;
    nng_dialer         dialer;
    char               url[272];
    self_url(nng, url);
    int rv = nng_req0_open(&w->socket);
    if (rv == 0) {
        w->open = true;
        rv = nng_pipe_notify(w->socket, NNG_PIPE_EV_ADD_POST, self_begins, nng);
    }
    if (rv == 0) rv = nng_pipe_notify(w->socket, NNG_PIPE_EV_REM_POST, self_ends, nng);
    if (rv == 0) rv = nng_dialer_create(&dialer, w->socket, url);
    if (rv == 0) rv = gossip__nng_set_dialer(nng, dialer, url, true);
    if (rv == 0) rv = nng_dialer_set_ms(dialer, NNG_OPT_RECONNMINT, 10);
    if (rv == 0) rv = nng_dialer_set_ms(dialer, NNG_OPT_RECONNMAXT, 500);
    if (rv == 0) rv = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
    if (rv != 0) gossip__nng_notify(nng, "the listener is not watched: %s", nng_strerror(rv));
    if (rv != 0) gossip__nng_watch_stop(nng);
}

void gossip__nng_watch_stop(gossip_nng *nng)
{
    if (nng->watch.open) (void)gossip__nng_close_socket(nng, nng->watch.socket);
    nng->watch.open = false;
}
