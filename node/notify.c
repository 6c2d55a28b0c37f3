/* notify.c: see notify.h. */
#include "node/notify.h"

#include <string.h>

#include "crdt/types.h"
#include "node/keys.h"
#include "node/pubsub.h"

/* One that waits to be told; the key, or the channel and the message, follow. */
typedef struct happening {
    const char *event; /* NULL: a message */
    size_t      size, more;
} happening;

static void keep(node *n, const char *event, crdt_view key, crdt_view message)
{
    happening h = {event, key.size, message.size};
    if (!crdt_buf_reserve(&n->happened, sizeof h + key.size + message.size)) return; /* not told */
    crdt_buf_put(&n->happened, &h, sizeof h);
    crdt_buf_put(&n->happened, key.data, key.size);
    crdt_buf_put(&n->happened, message.data, message.size);
}

static bool is_told(const node *n, unsigned flag)
{
    unsigned events = n->config.events;
    return (events & flag) != 0 && (events & (EVENTS_KEYSPACE | EVENTS_KEYEVENT)) != 0 &&
           n->channels.count + n->patterns.count > 0;
}

void notify(call *c, unsigned flag, const char *event, crdt_view key)
{
    node *n = c->node;
    if (!notify_on(n) || !is_told(n, flag)) return;
    keep(n, event, key, crdt_view_of(NULL, 0));
}

void notify_publish(call *c, crdt_view channel, crdt_view message)
{
    keep(c->node, NULL, channel, message);
}

/* At the channel of the prefix and `of`. */
static void tell(node *n, const char *prefix, crdt_view of, crdt_view message)
{
    crdt_buf channel;
    crdt_buf_init(&channel, NULL);
    crdt_buf_text(&channel, prefix);
    crdt_buf_put(&channel, of.data, of.size);
    if (!channel.failed) (void)pubsub_tell(n, crdt_buf_bytes(&channel), message, true);
    crdt_buf_clear(&channel);
}

static void tell_both(node *n, crdt_view event, crdt_view key)
{
    if (n->config.events & EVENTS_KEYSPACE) tell(n, "__keyspace@0__:", key, event);
    if (n->config.events & EVENTS_KEYEVENT) tell(n, "__keyevent@0__:", event, key);
}

void notify_now(node *n, unsigned flag, const char *event, crdt_view key)
{
    if (notify_on(n) && is_told(n, flag)) tell_both(n, crdt_text_view(event), key);
}

void notify_tell(node *n, size_t mark, bool good)
{
    for (size_t at = mark; good && at < n->happened.size;) {
        happening h;
        memcpy(&h, n->happened.data + at, sizeof h);
        at += sizeof h;
        crdt_view key = crdt_view_of(n->happened.data + at, h.size);
        at += h.size;
        if (h.event != NULL) tell_both(n, crdt_text_view(h.event), key);
        else (void)pubsub_publish(n, key, crdt_view_of(n->happened.data + at, h.more));
        at += h.more;
    }
    if (mark == 0 && n->happened.cap > 65536) crdt_buf_clear(&n->happened);
    else n->happened.size = mark;
}

static unsigned flag_of(const crdt_type *type)
{
    if (type == &crdt_cell_type) return EVENTS_STRING;
    if (type == &crdt_rga_type) return EVENTS_LIST;
    if (type == &crdt_orset_type) return EVENTS_SET;
    if (type == &crdt_ormap_type) return EVENTS_HASH;
    if (type == &crdt_zset_type) return EVENTS_ZSET;
    return EVENTS_GENERIC;
}

void notify_change(node *n, const crdt_change *change)
{
    if (!change->remote) return;
    if (key_shows(n, change->name)) notify_now(n, flag_of(change->type), "merge", change->name);
    else notify_now(n, EVENTS_GENERIC, "del", change->name);
}
