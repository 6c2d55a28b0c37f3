/* settings.c: CONFIG and its subcommands. */
#include <string.h>

#include "node/commands.h"
#include "node/log.h"

static void config_get(call *c)
{
    crdt_buf    value;
    const char *name;
    size_t      at = 0, count = 0;
    crdt_buf_init(&value, NULL);
    const node_config *config = &c->node->config;
    while (node_config_next(config, c->args + 2, c->count - 2, &at, &name, &value)) count++;
    reply_map(c->reply, count);
    for (at = 0; node_config_next(config, c->args + 2, c->count - 2, &at, &name, &value);) {
        reply_text(c->reply, name);
        reply_bulk(c->reply, crdt_buf_bytes(&value));
    }
    call_fails(c, crdt_buf_status(&value));
    crdt_buf_clear(&value);
}

static void config_set(call *c)
{
    char problem[NODE_PROBLEM_MAX];
    if (c->count % 2 != 0) {
        call_wrong_arity(c);
    } else if (!node_config_set(&c->node->config, c->args + 2, c->count - 2, problem)) {
        call_error(c, "ERR %s", problem);
    } else {
        node_log_limit((node_level)c->node->config.log_level);
        reply_ok(c->reply);
    }
}

static void config_resetstat(call *c)
{
    node_totals old = c->node->totals;
    c->node->totals = (node_totals){.bad_frames = old.bad_frames};
    memcpy(c->node->totals.notices, old.notices, sizeof old.notices); /* of peers, not of clients */
    c->node->rates = (node_rates){0};
    command_counts_reset();
    reply_ok(c->reply);
}

static void config_rewrite(call *c)
{
    call_error(c, "ERR CONFIG REWRITE is not supported: this node changes no configuration file; "
                  "write what CONFIG GET tells into it");
}

const command config_commands[] = {
    {"config|get", config_get, -3, COMMAND_ADMIN, 0, 0, 0, "server", "pattern [pattern ...]",
     "The settings whose names fit.", NULL, NULL},
    {"config|resetstat", config_resetstat, 2, COMMAND_ADMIN, 0, 0, 0, "server", "",
     "The counters of INFO begin anew; those of gossip go on.", NULL, NULL},
    {"config|rewrite", config_rewrite, 2, COMMAND_ADMIN, 0, 0, 0, "server", "",
     "Refused: the node changes no configuration file.", NULL, NULL},
    {"config|set", config_set, -4, COMMAND_ADMIN, 0, 0, 0, "server",
     "parameter value [parameter value ...]", "Change settings, until the node ends.", NULL, NULL},
    {"config|help", call_help, 2, 0, 0, 0, 0, "server", "", "Prints this help.", NULL, NULL},
    {.name = NULL},
};
