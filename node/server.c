/* server.c: commands about the server as a whole, and what Redis has of such that is empty here. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "node/commands.h"
#include "node/expiry.h"
#include "node/keys.h"
#include "node/log.h"
#include "node/names.h"
#include "node/number.h"

void command_dbsize(call *c)
{
    size_t keys = crdt_store_count(c->node->store) - expiry_passed_count(c->node);
    if (c->txn != NULL) { /* within EXEC, which has written something: one by one */
        key_walk  walk = key_walk_from(c, crdt_view_of(NULL, 0));
        crdt_view name;
        crdt_ref  ref;
        for (keys = 0; key_next(&walk, &name, &ref);) keys += !key_hidden(c, name, &ref);
    }
    reply_int(c->reply, (int64_t)keys);
}

void command_time(call *c)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    reply_array(c->reply, 2);
    reply_bulk_int(c->reply, (int64_t)now.tv_sec);
    reply_bulk_int(c->reply, (int64_t)(now.tv_nsec / 1000));
}

void command_role(call *c)
{
    reply_array(c->reply, 3);
    reply_text(c->reply, "master");
    reply_int(c->reply, 0);
    reply_array(c->reply, 0);
}

void command_lolwut(call *c)
{
    static const char text[] = "   o---o---o\n"
                               "  /         \\\n"
                               "-o           o-\n"
                               "  \\         /\n"
                               "   o---o---o\n"
                               "concurd " NODE_VERSION "\n";
    reply_verbatim(c->reply, "txt", crdt_view_of(text, sizeof text - 1));
}

void command_debug(call *c)
{
    call_error(c, "ERR DEBUG command not allowed: this node has nothing of it");
}

/* -- Snapshots and the end --------------------------------------------------------------------- */

/* False: an error was replied. */
static bool save(call *c)
{
    node *n = c->node;
    if (n->data.disk == NULL) {
        call_error(c, "ERR this node keeps nothing on disk: it runs with --store memory");
        return false;
    }
    if (call_fails(c, gossip_driver_checkpoint(n->driver, n->now))) return false;
    n->saved_ms = n->ms;
    return true;
}

void command_save(call *c)
{
    if (save(c)) reply_ok(c->reply);
}

void command_bgsave(call *c)
{
    if (c->count > 2 || (c->count == 2 && !call_is(c, 1, "schedule"))) call_syntax(c);
    else if (save(c)) reply_simple(c->reply, "Background saving started");
}

void command_lastsave(call *c)
{
    const node *n = c->node;
    reply_int(c->reply, (int64_t)((n->saved_ms != 0 ? n->saved_ms : n->started_ms) / 1000));
}

void command_shutdown(call *c)
{
    bool saves = false, no_save = false, abort = false, other = false;
    for (size_t i = 1; i < c->count; i++) {
        if (call_is(c, i, "save") && !no_save) saves = true;
        else if (call_is(c, i, "nosave") && !saves) no_save = true;
        else if (call_is(c, i, "abort")) abort = true;
        else if (call_is(c, i, "now") || call_is(c, i, "force")) other = true;
        else {
            call_syntax(c);
            return;
        }
    }
    if (abort && (saves || no_save || other)) call_syntax(c);
    else if (abort) call_error(c, "ERR No shutdown in progress.");
    else if (!saves || save(c)) {
        node_log(LOG_INFO, "a client stops this node", "id=%" PRIu64 " addr=%s", c->client->id,
                 c->client->peer);
        client_end(c->client);
        node_stop(c->node);
    }
}

/* -- MEMORY ------------------------------------------------------------------------------------ */

static void memory_usage(call *c)
{
    crdt_ref ref;
    int64_t  samples;
    if (c->count > 3 && (c->count != 5 || !call_is(c, 3, "samples"))) {
        call_syntax(c);
        return;
    }
    if (c->count == 5 && !call_int(c, 4, &samples)) return;
    if (c->count == 5 && samples < 0) {
        call_syntax(c);
        return;
    }
    if (!key_find(c, c->args[2], &ref)) {
        if (!c->failed) reply_null(c->reply);
        return;
    }
    crdt_stats stats = crdt_ref_stats(&ref);
    reply_int(c->reply, (int64_t)(c->args[2].size + stats.payload + stats.metadata));
}

static void memory_purge(call *c)
{
    malloc_trim(0);
    reply_ok(c->reply);
}

const command memory_commands[] = {
    {"memory|purge", memory_purge, 2, 0, 0, 0, 0, "server", "",
     "Give memory that is not in use back to the system.", NULL, NULL},
    {"memory|usage", memory_usage, -3, COMMAND_READ, 2, 2, 1, "server", "key [SAMPLES count]",
     "Bytes of a key and its content; nothing is estimated, so SAMPLES changes nothing.", NULL,
     NULL},
    {"memory|help", call_help, 2, 0, 0, 0, 0, "server", "", "Prints this help.", NULL, NULL},
    {.name = NULL},
};

/* -- SLOWLOG and LATENCY: nothing is recorded -------------------------------------------------- */

static void reply_ok_now(call *c)
{
    reply_ok(c->reply);
}

static void reply_none(call *c)
{
    reply_array(c->reply, 0);
}

static void reply_zero(call *c)
{
    reply_int(c->reply, 0);
}

static void slowlog_get(call *c)
{
    int64_t count;
    if (c->count > 3) {
        call_error(c, "ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG "
                      "HELP.");
    } else if (c->count == 3 && (!number_int64(c->args[2], &count) || count < -1)) {
        call_error(c, "ERR count should be greater than or equal to -1");
    } else {
        reply_none(c);
    }
}

static void latency_histogram(call *c)
{
    reply_map(c->reply, 0);
}

const command slowlog_commands[] = {
    {"slowlog|get", slowlog_get, -2, COMMAND_ADMIN, 0, 0, 0, "server", "[count]",
     "The requests that took long: none are recorded.", NULL, NULL},
    {"slowlog|len", reply_zero, 2, COMMAND_ADMIN, 0, 0, 0, "server", "", "How many there are: 0.",
     NULL, NULL},
    {"slowlog|reset", reply_ok_now, 2, COMMAND_ADMIN, 0, 0, 0, "server", "", "Forget them.", NULL,
     NULL},
    {"slowlog|help", call_help, 2, 0, 0, 0, 0, "server", "", "Prints this help.", NULL, NULL},
    {.name = NULL},
};

const command latency_commands[] = {
    {"latency|histogram", latency_histogram, -2, COMMAND_ADMIN, 0, 0, 0, "server", "[command ...]",
     "None are recorded; INFO commandstats has the mean time of commands.", NULL, NULL},
    {"latency|history", reply_none, 3, COMMAND_ADMIN, 0, 0, 0, "server", "event",
     "What was recorded of an event: nothing is.", NULL, NULL},
    {"latency|latest", reply_none, 2, COMMAND_ADMIN, 0, 0, 0, "server", "",
     "The last of each event: nothing is recorded.", NULL, NULL},
    {"latency|reset", reply_zero, -2, COMMAND_ADMIN, 0, 0, 0, "server", "[event ...]",
     "Forget what was recorded.", NULL, NULL},
    {"latency|help", call_help, 2, 0, 0, 0, 0, "server", "", "Prints this help.", NULL, NULL},
    {.name = NULL},
};

/* -- OBJECT ------------------------------------------------------------------------------------ */

static void object_encoding(call *c)
{
    crdt_ref ref;
    if (key_find(c, c->args[2], &ref)) reply_text(c->reply, ref.type->name);
    else if (!c->failed) reply_null(c->reply);
}

const command object_commands[] = {
    {"object|encoding", object_encoding, 3, COMMAND_READ, 2, 2, 1, "generic", "key",
     "The replicated type that keeps the key; CRDT.TYPES tells of each.", NULL, NULL},
    {"object|help", call_help, 2, 0, 0, 0, 0, "generic", "", "Prints this help.", NULL, NULL},
    {.name = NULL},
};
