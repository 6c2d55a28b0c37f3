/* info.c: INFO: what the node is and does. Fields that Redis has bear its names and mean the same
 * here, so that redis-cli --stat and exporters read them; those of the section gossip are ours. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "node/commands.h"
#include "node/conflicts.h"
#include "node/expiry.h"
#include "node/info.h"
#include "node/names.h"
#include "node/number.h"

__attribute__((format(printf, 2, 3))) static void line(crdt_buf *out, const char *format, ...)
{
    char    text[1024];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size >= (int)sizeof text) size = (int)sizeof text - 1;
    crdt_buf_put(out, text, size < 0 ? 0 : (size_t)size);
    crdt_buf_text(out, "\r\n");
}

static void count(crdt_buf *out, const char *name, uint64_t n)
{
    line(out, "%s:%" PRIu64, name, n);
}

/* name:bytes and name_human:1.50K */
static void bytes(crdt_buf *out, const char *name, uint64_t n)
{
    char human[NUMBER_HUMAN_MAX];
    int  size = (int)number_human(n, human);
    line(out, "%s:%" PRIu64, name, n);
    line(out, "%s_human:%.*s", name, size, human);
}

/* -- Rates ------------------------------------------------------------------------------------- */

void info_sample(node *n)
{
    node_rates  *r = &n->rates;
    node_totals *t = &n->totals;
    uint64_t     us = n->now - r->at;
    if (r->at != 0 && us > 0) {
        r->commands_per_second = (t->commands - r->commands) * 1000000 / us;
        r->in_per_second = (t->bytes_in - r->bytes_in) * 1000000 / us;
        r->out_per_second = (t->bytes_out - r->bytes_out) * 1000000 / us;
    }
    r->at = n->now;
    r->commands = t->commands;
    r->bytes_in = t->bytes_in;
    r->bytes_out = t->bytes_out;
}

/* -- Sections of Redis ------------------------------------------------------------------------- */

static void server(const node *n, crdt_buf *out)
{
    struct utsname os;
    char           exe[512];
    ssize_t        size = readlink("/proc/self/exe", exe, sizeof exe);
    uint64_t       up = (n->ms - n->started_ms) / 1000;
    if (uname(&os) != 0) memset(&os, 0, sizeof os);
    line(out, "redis_version:%s", NODE_REDIS_VERSION);
    line(out, "concurd_version:%s", NODE_VERSION);
    line(out, "redis_mode:standalone");
    line(out, "os:%s %s %s", os.sysname, os.release, os.machine);
    line(out, "arch_bits:%d", (int)sizeof(void *) * 8);
    line(out, "monotonic_clock:POSIX clock_gettime");
    line(out, "multiplexing_api:libuv %s", uv_version_string());
    line(out, "gcc_version:%s", __VERSION__);
    count(out, "process_id", (uint64_t)getpid());
    line(out, "process_supervised:no");
    line(out, "run_id:%016" PRIx64 "%016" PRIx64 "%08x", n->data.node_id, n->data.replica,
         (unsigned)n->started_ms);
    count(out, "tcp_port", n->config.port);
    line(out, "server_time_usec:%" PRIu64, n->ms * 1000);
    count(out, "uptime_in_seconds", up);
    count(out, "uptime_in_days", up / 86400);
    line(out, "executable:%.*s", size < 0 ? 0 : (int)size, exe);
}

static void clients(const node *n, crdt_buf *out)
{
    size_t in = 0, most = 0;
    for (const client *c = n->clients; c != NULL; c = c->next) {
        if (c->in.cap > in) in = c->in.cap;
        if (c->out.cap + c->writing > most) most = c->out.cap + c->writing;
    }
    count(out, "connected_clients", n->clients_count);
    count(out, "cluster_connections", 0);
    count(out, "maxclients", n->config.maxclients);
    count(out, "client_recent_max_input_buffer", in);
    count(out, "client_recent_max_output_buffer", most);
    count(out, "blocked_clients", n->waiting + n->blocked);
    count(out, "tracking_clients", 0);
    count(out, "clients_in_timeout_table", n->waiting);
}

/* Of this process, from /proc: all in memory, and what of it is its own: heap and stacks. Asking
 * malloc would take a look at each free piece, and there may be millions. 0: not known. */
static void memory_in_use(uint64_t *ret_resident, uint64_t *ret_own)
{
    unsigned long long all = 0, resident = 0, shared = 0;
    uint64_t           page = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE              *file = fopen("/proc/self/statm", "r");
    *ret_resident = *ret_own = 0;
    if (file == NULL) return;
    if (fscanf(file, "%llu %llu %llu", &all, &resident, &shared) == 3 && shared <= resident) {
        *ret_resident = resident * page;
        *ret_own = (resident - shared) * page;
    }
    fclose(file);
}

static void memory(const node *n, crdt_buf *out)
{
    struct rusage usage;
    uint64_t      used, resident, peak;
    uint64_t      all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t      engine = gossip_engine_stats(n->engine).memory, overhead = engine;
    memory_in_use(&resident, &used);
    getrusage(RUSAGE_SELF, &usage);
    peak = (uint64_t)usage.ru_maxrss * 1024;
    for (const client *c = n->clients; c != NULL; c = c->next) {
        overhead += sizeof *c + c->in.cap + c->out.cap + c->writing;
    }
    bytes(out, "used_memory", used);
    bytes(out, "used_memory_rss", resident);
    bytes(out, "used_memory_peak", peak > resident ? peak : resident);
    count(out, "used_memory_overhead", overhead);
    count(out, "used_memory_dataset", used > overhead ? used - overhead : 0);
    bytes(out, "total_system_memory", all);
    bytes(out, "maxmemory", 0);
    line(out, "maxmemory_policy:noeviction");
    line(out, "mem_fragmentation_ratio:%.2f", used == 0 ? 0 : (double)resident / (double)used);
    line(out, "mem_fragmentation_bytes:%" PRId64, (int64_t)resident - (int64_t)used);
    count(out, "mem_clients_slaves", 0);
    count(out, "mem_gossip", engine);
    line(out, "mem_allocator:slab");
    count(out, "mem_slab", slab_held(n->data.slab));
    count(out, "active_defrag_running", 0);
    count(out, "lazyfree_pending_objects", 0);
}

const char *info_sync_name(gossip_sync sync)
{
    static const char *const names[] = {"always", "everysec", "no"};
    return names[sync];
}

static void persistence(const node *n, crdt_buf *out)
{
    bool         disk = n->data.disk != NULL;
    gossip_stats gossip = gossip_engine_stats(n->engine);
    uint64_t     waits = gossip.log_end - gossip.persisted;
    count(out, "loading", 0);
    count(out, "async_loading", 0);
    count(out, "rdb_changes_since_last_save", disk ? waits : gossip.log_end);
    count(out, "rdb_bgsave_in_progress", 0);
    count(out, "rdb_last_save_time", (n->saved_ms != 0 ? n->saved_ms : n->started_ms) / 1000);
    line(out, "rdb_last_bgsave_status:ok");
    line(out, "rdb_last_bgsave_time_sec:-1");
    line(out, "rdb_current_bgsave_time_sec:-1");
    count(out, "aof_enabled", disk);
    count(out, "aof_rewrite_in_progress", 0);
    count(out, "aof_rewrite_scheduled", 0);
    line(out, "aof_last_rewrite_time_sec:-1");
    line(out, "aof_current_rewrite_time_sec:-1");
    line(out, "aof_last_bgrewrite_status:ok");
    line(out, "aof_last_write_status:%s", n->held ? "err" : "ok");
    line(out, "store:%s", disk ? "disk" : "memory");
    line(out, "sync:%s", disk ? info_sync_name(n->data.sync) : "none");
    line(out, "readonly:%d", n->held);
    line(out, "last_stop:%s",
         !disk                 ? "none"
         : n->data.found.fresh ? "none"
         : n->data.found.clean ? "clean"
                               : "unclean");
    count(out, "start_entries", n->data.read_entries);
    count(out, "start_lost_entries", n->data.lost_entries);
    count(out, "start_snapshot_bytes", n->data.snapshot_bytes);
    count(out, "start_torn_bytes", n->data.found.torn_bytes);
    count(out, "start_bad_frames", n->data.found.bad_frames);
}

static void stats(const node *n, crdt_buf *out)
{
    const node_totals *t = &n->totals;
    const node_rates  *r = &n->rates;
    count(out, "total_connections_received", t->connections);
    count(out, "total_commands_processed", t->commands);
    count(out, "instantaneous_ops_per_sec", r->commands_per_second);
    count(out, "total_net_input_bytes", t->bytes_in);
    count(out, "total_net_output_bytes", t->bytes_out);
    line(out, "instantaneous_input_kbps:%.2f", (double)r->in_per_second / 1024);
    line(out, "instantaneous_output_kbps:%.2f", (double)r->out_per_second / 1024);
    count(out, "rejected_connections", t->refused_connections);
    count(out, "sync_full", 0);
    count(out, "sync_partial_ok", 0);
    count(out, "sync_partial_err", 0);
    count(out, "expired_keys", t->expired);
    count(out, "evicted_keys", 0);
    count(out, "keyspace_hits", t->hits);
    count(out, "keyspace_misses", t->misses);
    count(out, "pubsub_channels", 0);
    count(out, "pubsub_patterns", 0);
    count(out, "latest_fork_usec", 0);
    count(out, "total_error_replies", t->errors);
}

static void replication(const node *n, crdt_buf *out)
{
    line(out, "role:master"); /* each node takes writes; its peers are in the section gossip */
    count(out, "connected_slaves", 0);
    line(out, "master_replid:%016" PRIx64 "%016" PRIx64 "00000000", n->data.node_id,
         n->data.replica);
    count(out, "master_repl_offset", gossip_engine_stats(n->engine).log_end);
}

static void seconds(crdt_buf *out, const char *name, struct timeval time)
{
    line(out, "%s:%ld.%06ld", name, (long)time.tv_sec, (long)time.tv_usec);
}

static void cpu(const node *n, crdt_buf *out)
{
    struct rusage all, thread;
    (void)n;
    getrusage(RUSAGE_SELF, &all);
    getrusage(RUSAGE_THREAD, &thread);
    seconds(out, "used_cpu_sys", all.ru_stime);
    seconds(out, "used_cpu_user", all.ru_utime);
    line(out, "used_cpu_sys_children:0.000000");
    line(out, "used_cpu_user_children:0.000000");
    seconds(out, "used_cpu_sys_main_thread", thread.ru_stime);
    seconds(out, "used_cpu_user_main_thread", thread.ru_utime);
}

/* usec is the mean of the runs that were timed, times the calls. */
static void commandstats(const node *n, crdt_buf *out)
{
    const command *cmd;
    (void)n;
    for (size_t i = 0; (cmd = command_at(i)) != NULL; i++) {
        const command_counts *k = command_counts_of(cmd);
        if (k->calls == 0 && k->rejected == 0) continue;
        double each = k->timed == 0 ? 0 : (double)k->timed_ns / (double)k->timed / 1000;
        line(out,
             "cmdstat_%s:calls=%" PRIu64 ",usec=%.0f,usec_per_call=%.2f,rejected_calls=%" PRIu64
             ",failed_calls=%" PRIu64,
             cmd->name, k->calls, each * (double)k->calls, each, k->rejected, k->failed);
    }
}

static void keyspace(const node *n, crdt_buf *out)
{
    size_t keys = crdt_store_count(n->store) - expiry_passed_count(n);
    if (keys > 0)
        line(out, "db0:keys=%zu,expires=%zu,avg_ttl=0", keys,
             expiry_count(n) - expiry_passed_count(n));
}

static void cluster(const node *n, crdt_buf *out)
{
    (void)n;
    count(out, "cluster_enabled", 0);
}

/* -- Ours -------------------------------------------------------------------------------------- */

static void notices(const node *n, crdt_buf *out)
{
    const uint64_t *seen = n->totals.notices;
    count(out, "peers_up", seen[GOSSIP_PEER_UP]);
    count(out, "peers_down", seen[GOSSIP_PEER_DOWN]);
    count(out, "cloned", seen[GOSSIP_CLONED]);
    count(out, "unequal", seen[GOSSIP_UNEQUAL]);
    count(out, "bad_frames", n->totals.bad_frames);
}

static void transport(const node *n, crdt_buf *out)
{
    if (n->nng == NULL) return;
    gossip_nng_stats t = gossip_nng_stats_of(n->nng);
    count(out, "transport_connections", t.connections);
    count(out, "transport_accepted", t.accepted);
    count(out, "transport_dialled", t.dialled);
    count(out, "transport_refused", t.refused);
    count(out, "transport_lost", t.lost);
    count(out, "transport_dropped", t.dropped);
    count(out, "transport_oversize", t.oversize);
    count(out, "transport_bytes_in", t.bytes_in);
    count(out, "transport_bytes_out", t.bytes_out);
}

static void gossip(const node *n, crdt_buf *out)
{
    gossip_stats g = gossip_engine_stats(n->engine);
    line(out, "node:%016" PRIx64, n->data.node_id);
    line(out, "replica:%016" PRIx64, n->data.replica);
    line(out, "address:%s", n->nng != NULL ? gossip_nng_url(n->nng) : "");
    count(out, "peers", g.peers);
    count(out, "links", g.links);
    count(out, "members", g.members);
    count(out, "cut", n->cut);
    count(out, "held", n->held);
    count(out, "written", g.written);
    count(out, "delivered", g.delivered);
    count(out, "duplicates", g.duplicates);
    count(out, "log_first", g.log_first);
    count(out, "log_end", g.log_end);
    count(out, "log_bytes", g.log_bytes);
    count(out, "log_persisted", g.persisted);
    count(out, "parked", g.parked);
    count(out, "parked_bytes", g.parked_bytes);
    count(out, "parked_dropped", g.parked_dropped);
    count(out, "snapshots_sent", g.snapshots_sent);
    count(out, "snapshots_taken", g.snapshots_taken);
    count(out, "repairs", g.repairs);
    count(out, "forks", g.forks);
    count(out, "reminted", g.reminted);
    count(out, "poisoned", g.poisoned);
    count(out, "far_future", g.far_future);
    count(out, "engine_memory", g.memory);
    count(out, "conflicts", conflicts_count(n));
    count(out, "doubled_revisions", conflicts_doubled(n));
    notices(n, out);
    transport(n, out);
}

/* -- The command ------------------------------------------------------------------------------- */

static const struct section {
    const char *word, *title;
    void (*write)(const node *n, crdt_buf *out);
    bool by_default;
} sections[] = {
    {"server", "Server", server, true},
    {"clients", "Clients", clients, true},
    {"memory", "Memory", memory, true},
    {"persistence", "Persistence", persistence, true},
    {"stats", "Stats", stats, true},
    {"replication", "Replication", replication, true},
    {"cpu", "CPU", cpu, true},
    {"commandstats", "Commandstats", commandstats, false},
    {"cluster", "Cluster", cluster, true},
    {"keyspace", "Keyspace", keyspace, true},
    {"gossip", "Gossip", gossip, true},
};

static bool wanted(const call *c, const struct section *section)
{
    if (c->count == 1) return section->by_default;
    for (size_t i = 1; i < c->count; i++) {
        if (call_is(c, i, "all") || call_is(c, i, "everything")) return true;
        if (call_is(c, i, "default") && section->by_default) return true;
        if (call_is(c, i, section->word)) return true;
    }
    return false;
}

void command_info(call *c)
{
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (!wanted(c, &sections[i])) continue;
        if (text.size > 0) crdt_buf_text(&text, "\r\n");
        line(&text, "# %s", sections[i].title);
        sections[i].write(c->node, &text);
    }
    if (!call_fails(c, crdt_buf_status(&text))) {
        reply_verbatim(c->reply, "txt", crdt_buf_bytes(&text));
    }
    crdt_buf_clear(&text);
}
