/* node.c: see node.h. */
#include "node/node.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "node/blocking.h"
#include "node/client.h"
#include "node/command.h"
#include "node/conflicts.h"
#include "node/cut.h"
#include "node/diff.h"
#include "node/expiry.h"
#include "node/info.h"
#include "node/log.h"
#include "node/notify.h"
#include "node/peers.h"
#include "node/pubsub.h"
#include "node/undo.h"
#include "node/watch.h"

#define TAKE_MAX 256 /* messages of peers taken in one turn */

void node_clock(node *n)
{
    struct timespec wall;
    n->now = uv_hrtime() / 1000;
    clock_gettime(CLOCK_REALTIME, &wall);
    n->ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
}

/* xorshift64*: for random picks, not for ids. */
uint64_t node_random(node *n)
{
    n->random ^= n->random >> 12;
    n->random ^= n->random << 25;
    n->random ^= n->random >> 27;
    return n->random * UINT64_C(0x2545f4914f6cdd1d);
}

/* -- Turns of the loop ------------------------------------------------------------------------- */

static void take_messages(node *n)
{
    gossip_nng_item item;
    for (int i = 0; n->nng != NULL && gossip_nng_take(n->nng, &item); i++) {
        n->busy = true;
        if (item.kind == GOSSIP_NNG_LOST) {
            gossip_driver_lost(n->driver, n->now, item.from);
            continue;
        }
        if (cut_drops(n, item.bytes)) continue;
        crdt_err err = gossip_driver_receive(n->driver, n->now, n->ms, item.bytes, item.from);
        if (err != CRDT_OK) n->totals.bad_frames++;
        if (i < TAKE_MAX) continue;
        uv_async_send(&n->wake); /* clients have their turn between */
        break;
    }
}

static void note_disk(node *n, bool held)
{
    if (held == n->held) return;
    n->held = held;
    if (held) {
        node_log(LOG_ERROR, "the data directory takes nothing: read-only until it does",
                 "dir=\"%s\"", n->config.dir);
    } else {
        node_log(LOG_WARN, "the data directory takes writes again", "dir=\"%s\"", n->config.dir);
    }
}

void node_changes(node *n)
{
    crdt_change change;
    while (crdt_store_next_change(n->store, &change)) {
        bool expired = notify_on(n) && expiry_passed(n, change.name);
        expiry_note(n, &change);
        conflicts_note(n, &change);
        if (n->blocked > 0) blocking_note(n, &change);
        if (n->watched.count > 0) watch_note(n, &change);
        if (notify_on(n) && !expired) notify_change(n, &change);
    }
}

/* A write of this node is listed only where deadlines or conflicts are kept, or keys waited for or
 * watched: most stores have none, and it costs a search. */
crdt_err node_commit(node *n, bool deadlines, crdt_dot *ret_last)
{
    bool told = deadlines || expiry_count(n) > 0 || conflicts_count(n) > 0 || n->blocked > 0 ||
                n->watched.count > 0;
    if (told) crdt_store_track_changes(n->store, true);
    crdt_err err = gossip_engine_commit(n->engine, ret_last);
    if (told) crdt_store_track_changes(n->store, false);
    if (told && err == CRDT_OK) node_changes(n);
    if (err == CRDT_OK) node_touch(n);
    return err;
}

static void run_driver(node *n)
{
    n->busy = false;
    crdt_err err = gossip_driver_run(n->driver, n->now, n->ms);
    note_disk(n, err == CRDT_EIO);
    if (err != CRDT_OK && err != CRDT_EIO) {
        node_log(LOG_WARN, "gossip", "error=%s", crdt_err_name(err));
    }
    peers_take_notices(n);
    node_changes(n);
    pubsub_hear(n);
}

static void on_timer(uv_timer_t *timer)
{
    node *n = timer->data;
    node_clock(n);
    n->timer_at = GOSSIP_NEVER;
    n->busy = true;
}

static void set_timer(node *n)
{
    gossip_time at = gossip_driver_deadline(n->driver);
    if (n->waiting > 0) {
        gossip_time until = client_deadline(n);
        if (until < at) at = until;
    }
    if (at == n->timer_at) return;
    n->timer_at = at;
    if (at == GOSSIP_NEVER) {
        uv_timer_stop(&n->timer);
        return;
    }
    uint64_t wait = at <= n->now ? 0 : (at - n->now + 999) / 1000;
    uv_update_time(&n->loop);
    uv_timer_start(&n->timer, on_timer, wait, 0);
}

/* Everything of a turn that goes out goes out here. What those write who have waited is kept before
 * they are told. */
static void turn(node *n)
{
    do {
        if (n->saying.size > 0) pubsub_say(n);
        if (n->busy || gossip_driver_deadline(n->driver) <= n->now) run_driver(n);
        if (n->keys_ready) blocking_serve(n);
        if (n->waiting > 0) client_wake_waiting(n);
        blocking_go_on(n);
    } while (n->busy);
    if (n->dirty != NULL) client_flush_all(n);
    set_timer(n);
}

static void on_before(uv_prepare_t *prepare)
{
    node *n = prepare->data;
    if (n->busy || n->dirty != NULL) turn(n); /* what timers and WAIT have left */
}

static void on_after(uv_check_t *check)
{
    turn(check->data);
}

static void on_wake(uv_async_t *async)
{
    node *n = async->data;
    node_clock(n);
    take_messages(n);
}

static void wake(void *user)
{
    uv_async_send(user);
}

/* -- The sync once a second, by a thread of libuv ---------------------------------------------- */

static void sync_aside(uv_work_t *work)
{
    node *n = work->data;
    int   done;
    do done = fdatasync(n->syncing.fd);
    while (done != 0 && errno == EINTR);
    n->syncing.ok = done == 0;
}

static void sync_ended(uv_work_t *work, int status)
{
    node *n = work->data;
    (void)close(n->syncing.fd);
    n->syncing.on = false;
    if (gossip_disk_flush_end(n->data.disk, status == 0 && n->syncing.ok) != CRDT_OK) {
        n->busy = true; /* the next turn writes it again */
    }
}

/* What a slow disk has not done after two seconds is waited for, here. */
static void sync_second(node *n)
{
    int64_t fd = -1;
    if (n->data.disk == NULL || n->data.sync != GOSSIP_SYNC_EVERYSEC) return;
    if (n->syncing.on && ++n->syncing.seconds < 2) return;
    if (n->syncing.on) {
        node_log(LOG_WARN, "the disk is slow: a sync takes more than two seconds", "dir=\"%s\"",
                 n->config.dir);
        if (gossip_disk_flush(n->data.disk) != CRDT_OK) n->busy = true;
        return;
    }
    crdt_err err = gossip_disk_flush_begin(n->data.disk, &fd);
    if (err != CRDT_OK) n->busy = true;
    if (fd == -1) return;
    n->syncing.fd = dup((int)fd);
    n->syncing.seconds = 0;
    n->syncing.work.data = n;
    n->syncing.on = n->syncing.fd >= 0 &&
                    uv_queue_work(&n->loop, &n->syncing.work, sync_aside, sync_ended) == 0;
    if (n->syncing.on) return;
    if (n->syncing.fd >= 0) (void)close(n->syncing.fd);
    if (gossip_disk_flush(n->data.disk) != CRDT_OK) n->busy = true; /* no thread: here */
}

static void on_second(uv_timer_t *timer)
{
    node *n = timer->data;
    node_clock(n);
    sync_second(n);
    if (n->nng != NULL) gossip_nng_check(n->nng);
    peers_take_transport(n);
    expiry_sweep(n);
    expiry_tell(n);
    info_sample(n);
    client_second(n);
}

static void on_connection(uv_stream_t *stream, int status)
{
    node *n = stream->data;
    if (status < 0) {
        node_log(LOG_WARN, "a connection was not accepted", "error=\"%s\"", uv_strerror(status));
        return;
    }
    node_clock(n);
    client_accept(n, stream);
}

static void on_signal(uv_signal_t *signal, int number)
{
    node_log(LOG_INFO, "stopping", "signal=%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
    node_stop(signal->data);
}

void node_stop(node *n)
{
    n->stopping = true;
    uv_stop(&n->loop);
}

/* -- Start ------------------------------------------------------------------------------------- */

static void send_nothing(void *user, crdt_view address, crdt_view bytes, bool answers,
                         uint64_t from)
{
    (void)user, (void)address, (void)bytes, (void)answers, (void)from;
}

/* Nodes are of one cluster if it has one name. */
static uint64_t cluster_id(const node_config *config)
{
    uint64_t id = XXH3_64bits(config->cluster, strlen(config->cluster));
    return id != 0 ? id : 1;
}

static gossip_config gossip_options(const node_config *config)
{
    gossip_config gossip = gossip_config_default();
    gossip.cluster = cluster_id(config);
    gossip.topology = (gossip_topology)config->topology;
    gossip.hub = config->hub;
    gossip.learn = config->learn;
    gossip.address = crdt_text_view(config->advertise[0] != 0 ? config->advertise : config->gossip);
    gossip.log_bytes = config->log_bytes;
    return gossip;
}

static bool open_gossip(node *n, char ret_problem[512])
{
    if (n->config.gossip[0] == 0) return true;
    char               problem[256] = "";
    gossip_nng_options options = gossip_nng_options_default();
    options.listen = n->config.gossip;
    if (n->config.tls_cert[0] != 0) {
        options.tls_ca = n->config.tls_ca;
        options.tls_cert = n->config.tls_cert;
        options.tls_key = n->config.tls_key;
    }
    options.wake = wake;
    options.user = &n->wake;
    if (gossip_nng_open(&options, NULL, &n->nng, problem) == CRDT_OK) return true;
    snprintf(ret_problem, 512, "cannot listen for peers on %.200s: %s", n->config.gossip, problem);
    return false;
}

static bool open_data(node *n, char ret_problem[512])
{
    gossip_config     gossip = gossip_options(&n->config);
    node_data_options options = {
        .dir = n->config.store == NODE_STORE_MEMORY ? NULL : n->config.dir,
        .node_id = n->config.node_id,
        .sync = (gossip_sync)n->config.sync,
        .config = &gossip,
    };
    gossip_transport none = {send_nothing, NULL};
    if (!node_data_open(&n->data, &options, ret_problem)) return false;
    if (!open_gossip(n, ret_problem)) return false;
    gossip_transport transport = n->nng != NULL ? cut_transport(n) : none;
    if (!node_data_drive(&n->data, &transport, ret_problem)) return false;
    n->store = n->data.store;
    n->engine = n->data.engine;
    n->driver = n->data.driver;
    return true;
}

static bool listen_at(node *n, const char *host, char ret_problem[512])
{
    struct sockaddr_storage address;
    uv_tcp_t               *listener = &n->listeners[n->listeners_count++];
    int                     port = (int)n->config.port;
    if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
    int err = uv_ip4_addr(host, port, (struct sockaddr_in *)&address);
    if (err != 0) err = uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address);
    uv_tcp_init(&n->loop, listener);
    listener->data = n;
    if (err == 0) err = uv_tcp_bind(listener, (struct sockaddr *)&address, 0);
    if (err == 0) err = uv_listen((uv_stream_t *)listener, 511, on_connection);
    if (err == 0) return true;
    snprintf(ret_problem, 512, "cannot listen for clients on %s port %d: %s%s", host, port,
             uv_strerror(err),
             err == UV_EADDRINUSE ? ": another process has the port; use another --port" : "");
    return false;
}

static bool listen_clients(node *n, char ret_problem[512])
{
    char hosts[NODE_TEXT_MAX], *rest = hosts, *host;
    snprintf(hosts, sizeof hosts, "%s", n->config.bind);
    while ((host = strsep(&rest, " ")) != NULL) {
        if (host[0] == 0) continue;
        if (n->listeners_count == NODE_LISTENERS) {
            snprintf(ret_problem, 512, "bind names more than %d addresses", NODE_LISTENERS);
            return false;
        }
        if (!listen_at(n, host, ret_problem)) return false;
    }
    return true;
}

static void open_loop(node *n)
{
    uv_loop_init(&n->loop);
    uv_prepare_init(&n->loop, &n->before);
    uv_check_init(&n->loop, &n->after);
    uv_timer_init(&n->loop, &n->timer);
    uv_timer_init(&n->loop, &n->second);
    uv_async_init(&n->loop, &n->wake, on_wake);
    uv_signal_init(&n->loop, &n->terminate);
    uv_signal_init(&n->loop, &n->interrupt);
    n->before.data = n->after.data = n->timer.data = n->second.data = n;
    n->wake.data = n->terminate.data = n->interrupt.data = n;
}

static void log_start(const node *n)
{
    const gossip_recovery *found = &n->data.found;
    node_log(LOG_INFO, "concurd listens",
             "clients=%s:%llu gossip=%s node=%016" PRIx64 " replica=%016" PRIx64, n->config.bind,
             (unsigned long long)n->config.port,
             n->config.gossip[0] != 0 ? n->config.gossip : "none", n->data.node_id,
             n->data.replica);
    if (n->data.disk == NULL) {
        node_log(LOG_INFO, "store", "kind=memory (nothing is kept when this process ends)");
        return;
    }
    static const char *const syncs[] = {"always", "everysec", "no"};
    node_log(LOG_INFO, "store",
             "kind=disk dir=\"%s\" sync=%s last_stop=%s keys=%zu entries=%" PRIu64, n->config.dir,
             syncs[n->data.sync],
             found->fresh   ? "none"
             : found->clean ? "clean"
                            : "unclean",
             crdt_store_count(n->store), n->data.read_entries);
    if (found->problem[0] != 0 || n->data.lost_entries > 0) {
        node_log(
            LOG_WARN, "damage was found in the data directory: peers are asked for what is lost",
            "bad_frames=%" PRIu64 " lost_entries=%" PRIu64 " torn_bytes=%" PRIu64 " first=\"%s\"",
            found->bad_frames, n->data.lost_entries, found->torn_bytes, found->problem);
    }
}

bool node_open(node *n, const node_config *config, char ret_problem[512])
{
    memset(n, 0, sizeof *n);
    n->config = *config;
    n->cluster = cluster_id(config);
    n->random = node_data_random();
    crdt_buf_init(&n->happened, NULL);
    crdt_buf_init(&n->saying, NULL);
    n->timer_at = GOSSIP_NEVER;
    open_loop(n);
    node_clock(n);
    n->started_ms = n->ms;
    n->input = malloc(NODE_INPUT);
    if (n->input == NULL || !command_open()) {
        snprintf(ret_problem, 512, "out of memory");
        return false;
    }
    if (!open_data(n, ret_problem) || !listen_clients(n, ret_problem)) return false;
    if (!peers_open(n, ret_problem)) return false;
    expiry_open(n);
    conflicts_open(n);
    crdt_store_track_changes(n->store, false);
    uv_prepare_start(&n->before, on_before);
    uv_check_start(&n->after, on_after);
    uv_timer_start(&n->second, on_second, 1000, 1000);
    uv_signal_start(&n->terminate, on_signal, SIGTERM);
    uv_signal_start(&n->interrupt, on_signal, SIGINT);
    log_start(n);
    n->busy = true;
    return true;
}

void node_run(node *n)
{
    uv_run(&n->loop, UV_RUN_DEFAULT);
}

/* -- Stop -------------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

bool node_close(node *n)
{
    node_clock(n);
    if (n->driver != NULL) {
        run_driver(n);
        client_flush_all(n);
    }
    while (n->clients != NULL) client_close(n->clients);
    gossip_nng_close(n->nng); /* it may wake until this returns */
    uv_walk(&n->loop, close_handle, NULL);
    uv_run(&n->loop, UV_RUN_DEFAULT);
    undo_close(n);
    expiry_close(n);
    conflicts_close(n);
    diff_close(n);
    blocking_close(n);
    keyspace_close(n);
    cut_close(n);
    bool kept = node_data_close(&n->data, n->driver != NULL);
    if (!kept) {
        node_log(LOG_ERROR, "the last writes could not be synced", "dir=\"%s\"", n->config.dir);
    }
    command_close();
    free(n->input);
    crdt_buf_clear(&n->happened);
    crdt_buf_clear(&n->saying);
    uv_loop_close(&n->loop);
    return kept;
}
