/* keylog.c: CRDT.LOG: what was done to a key, by the entries that the engine still has. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "node/commands.h"
#include "node/number.h"
#include "node/peers.h"

#define COUNT_MAX 1000u
#define PRINT_MAX 256u

typedef struct key_log {
    const node  *n;
    crdt_view    name;
    crdt_buf     written; /* the name as it stands in a delta: its size, then its bytes */
    crdt_options options;
} key_log;

/* The type under which the entry's delta lists the name; NULL: it does not. A delta lists all that
 * it touches, also what it only removes from. */
static const crdt_type *touches(const key_log *log, const gossip_entry *entry)
{
    const crdt_type *type;
    crdt_view        body;
    if (memmem(entry->body.data, entry->body.size, log->written.data, log->written.size) == NULL) {
        return NULL; /* of most entries this tells it at once */
    }
    for (size_t i = 0; (type = crdt_store_knows(log->n->store, i)) != NULL; i++) {
        if (crdt_store_peek(&log->options, entry->body, log->name, type, &body, NULL) == CRDT_OK) {
            return type;
        }
    }
    return NULL;
}

/* What the delta holds of the object; how many dots of others it takes away. */
static void reply_change(const key_log *log, reply *r, const gossip_entry *entry)
{
    crdt_delta *delta = NULL;
    crdt_buf    text;
    crdt_ref    ref;
    uint64_t    removed = 0;
    crdt_buf_init(&text, NULL);
    if (crdt_delta_decode(log->n->store, entry->body, &delta, NULL) == CRDT_OK) {
        removed = crdt_context_dots(crdt_store_context(delta)) -
                  crdt_context_dots(crdt_delta_brought(delta));
        if (crdt_store_find(delta, log->name, NULL, &ref) == CRDT_OK) crdt_ref_print(&ref, &text);
    }
    if (text.size > PRINT_MAX) {
        text.size = PRINT_MAX;
        crdt_buf_text(&text, "...");
    }
    reply_text(r, "writes");
    reply_bulk(r, crdt_buf_bytes(&text));
    reply_text(r, "removes-dots");
    reply_int(r, (int64_t)removed);
    crdt_buf_clear(&text);
    crdt_store_free(delta);
}

static void reply_entry(const key_log *log, reply *r, uint64_t position)
{
    gossip_entry entry;
    char         text[96];
    if (!gossip_engine_log(log->n->engine, position, &entry)) return;
    const crdt_type *type = touches(log, &entry);
    reply_map(r, 8);
    reply_text(r, "position");
    reply_int(r, (int64_t)position);
    snprintf(text, sizeof text, "%016" PRIx64, entry.replica);
    reply_text(r, "replica");
    reply_text(r, text);
    snprintf(text, sizeof text, "%" PRIu64 "-%" PRIu64, entry.first, entry.last);
    reply_text(r, "dots");
    reply_text(r, text);
    reply_text(r, "ms");
    reply_int(r, (int64_t)entry.ms);
    reply_text(r, "type");
    reply_text(r, type != NULL ? type->name : "");
    reply_change(log, r, &entry);
    reply_text(r, "node"); /* last: it looks at the engine, and what the entry views may go */
    reply_bulk(r, peers_author(log->n, entry.replica));
}

/* False: an error was replied. */
static bool parse(call *c, uint64_t *ret_count)
{
    int64_t count = 10;
    if (c->count != 2 && (c->count != 4 || !call_is(c, 2, "count"))) {
        call_syntax(c);
        return false;
    }
    if (c->count == 4 && !call_int(c, 3, &count)) return false;
    if (count < 1 || count > COUNT_MAX) {
        call_error(c, "ERR COUNT must be from 1 to %u", COUNT_MAX);
        return false;
    }
    *ret_count = (uint64_t)count;
    return true;
}

void command_crdt_log(call *c)
{
    node    *n = c->node;
    uint64_t wanted, *found, count = 0;
    key_log  log = {.n = n, .name = c->args[1]};
    if (!parse(c, &wanted)) return;
    log.options = crdt_options_default(0, crdt_types_builtin());
    crdt_buf_init(&log.written, NULL);
    crdt_buf_view(&log.written, log.name);
    found = malloc(wanted * sizeof *found);
    if (found == NULL || log.written.failed) {
        call_fails(c, CRDT_ENOMEM);
    } else {
        gossip_stats stats = gossip_engine_stats(n->engine);
        gossip_entry entry;
        for (uint64_t at = stats.log_end; at > stats.log_first && count < wanted; at--) {
            if (!gossip_engine_log(n->engine, at - 1, &entry)) continue;
            if (touches(&log, &entry) != NULL) found[count++] = at - 1;
        }
        reply_array(c->reply, (size_t)count);
        while (count > 0) reply_entry(&log, c->reply, found[--count]);
    }
    free(found);
    crdt_buf_clear(&log.written);
}
