/* pubsub.c: see pubsub.h; and the commands SUBSCRIBE, PUBLISH, PUBSUB and their like. */
#include "node/pubsub.h"

#include "node/commands.h"
#include "node/glob.h"
#include "node/log.h"
#include "node/notify.h"

/* -- Telling ----------------------------------------------------------------------------------- */

typedef struct telling {
    node     *node;
    crdt_view channel, message;
    bool      kept;
    int64_t   count;
} telling;

/* Where its messages go. NULL: it is being closed, or will be when this turn ends, for it has left
 * too much unread. */
static reply *open_message(client *c, bool kept)
{
    uint64_t hard = c->node->config.pubsub_output.hard_bytes;
    if (c->closed || c->ending) return NULL;
    if (hard != 0 && c->writing + c->out.size > hard) return NULL;
    client_mark_dirty(c);
    c->wrote |= kept;
    return &c->reply;
}

static void tell_channel(telling *t)
{
    const roster_name *at = roster_find(&t->node->channels, t->channel);
    for (roster_seat *seat = at == NULL ? NULL : at->first; seat != NULL; seat = seat->next) {
        reply *r = open_message(seat->who, t->kept);
        t->count++;
        if (r == NULL) continue;
        reply_push(r, 3);
        reply_text(r, "message");
        reply_bulk(r, t->channel);
        reply_bulk(r, t->message);
    }
}

static void tell_pattern(void *user, const roster_name *pattern)
{
    telling *t = user;
    if (!glob_match(pattern->name, t->channel)) return;
    for (roster_seat *seat = pattern->first; seat != NULL; seat = seat->next) {
        reply *r = open_message(seat->who, t->kept);
        t->count++;
        if (r == NULL) continue;
        reply_push(r, 4);
        reply_text(r, "pmessage");
        reply_bulk(r, pattern->name);
        reply_bulk(r, t->channel);
        reply_bulk(r, t->message);
    }
}

int64_t pubsub_tell(node *n, crdt_view channel, crdt_view message, bool kept)
{
    telling t = {n, channel, message, kept, 0};
    if (n->channels.count > 0) tell_channel(&t);
    if (n->patterns.count > 0) roster_each(&n->patterns, tell_pattern, &t);
    return t.count;
}

/* -- To and from peers ------------------------------------------------------------------------- */

/* Of one message: two sizes, least byte first; the channel, the message. */
enum { SIZES = 8 };

static void put_size(uint8_t *at, size_t size)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(size >> 8 * i);
}

static size_t get_size(const uint8_t *at)
{
    return (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
}

void pubsub_say(node *n)
{
    crdt_err err = gossip_engine_say(n->engine, n->now, n->ms, crdt_buf_bytes(&n->saying));
    if (err != CRDT_OK) {
        node_log(LOG_DEBUG, "peers do not hear what was published", "error=%s", crdt_err_name(err));
    }
    crdt_buf_reset(&n->saying);
    node_touch(n);
}

/* What does not fit into one entry stays here. */
static void say_later(node *n, crdt_view channel, crdt_view message)
{
    uint8_t sizes[SIZES];
    size_t  size = SIZES + channel.size + message.size;
    if (n->nng == NULL || !n->config.publish_to_peers || size > GOSSIP_CONTROL_MAX) return;
    if (n->saying.size + size > GOSSIP_CONTROL_MAX) pubsub_say(n);
    if (!crdt_buf_reserve(&n->saying, size)) return;
    put_size(sizes, channel.size);
    put_size(sizes + 4, message.size);
    crdt_buf_put(&n->saying, sizes, SIZES);
    crdt_buf_put(&n->saying, channel.data, channel.size);
    crdt_buf_put(&n->saying, message.data, message.size);
    node_touch(n);
}

/* A peer's bytes: what is not as above is not looked at further. */
static void hear(node *n, crdt_view bytes)
{
    const uint8_t *at = bytes.data;
    for (size_t left = bytes.size; left >= SIZES;) {
        size_t channel = get_size(at), message = get_size(at + 4);
        left -= SIZES;
        at += SIZES;
        if (channel > left || message > left - channel) return;
        (void)pubsub_tell(n, crdt_view_of(at, channel), crdt_view_of(at + channel, message), false);
        at += channel + message;
        left -= channel + message;
    }
}

void pubsub_hear(node *n)
{
    crdt_view bytes;
    while (gossip_engine_said(n->engine, &bytes)) {
        if (n->config.publish_to_peers) hear(n, bytes);
    }
}

int64_t pubsub_publish(node *n, crdt_view channel, crdt_view message)
{
    say_later(n, channel, message);
    return pubsub_tell(n, channel, message, false);
}

/* How many would get it. */
typedef struct counting {
    crdt_view channel;
    int64_t   count;
} counting;

static void count_pattern(void *user, const roster_name *pattern)
{
    counting *k = user;
    if (glob_match(pattern->name, k->channel)) k->count += (int64_t)pattern->count;
}

static int64_t count_listeners(const node *n, crdt_view channel)
{
    const roster_name *at = roster_find(&n->channels, channel);
    counting           k = {channel, at == NULL ? 0 : (int64_t)at->count};
    roster_each(&n->patterns, count_pattern, &k);
    return k.count;
}

/* Within EXEC it is said when that is done. */
void command_publish(call *c)
{
    node     *n = c->node;
    crdt_view channel = c->args[1], message = c->args[2];
    if (c->inside) {
        notify_publish(c, channel, message);
        reply_int(c->reply, count_listeners(n, channel));
        return;
    }
    reply_int(c->reply, pubsub_publish(n, channel, message));
}

/* -- Subscribing ------------------------------------------------------------------------------- */

static roster *all_of(node *n, bool pattern)
{
    return pattern ? &n->patterns : &n->channels;
}

static roster_mine *mine_of(client *c, bool pattern)
{
    return pattern ? &c->patterns : &c->channels;
}

void pubsub_leave(client *c)
{
    for (int pattern = 0; pattern < 2; pattern++) {
        roster_leave_all(all_of(c->node, pattern), mine_of(c, pattern));
    }
}

/* name NULL: there was none. */
static void confirm(call *c, const char *kind, const crdt_view *name)
{
    reply_push(c->reply, 3);
    reply_text(c->reply, kind);
    if (name != NULL) reply_bulk(c->reply, *name);
    else reply_null(c->reply);
    reply_int(c->reply, (int64_t)pubsub_count(c->client));
}

static void subscribe(call *c, const char *kind, bool pattern)
{
    client *who = c->client;
    for (size_t i = 1; i < c->count; i++) {
        bool made;
        if (roster_join(all_of(c->node, pattern), mine_of(who, pattern), who, c->args[i], &made) ==
            NULL) {
            call_fails(c, CRDT_ENOMEM);
            return;
        }
        confirm(c, kind, &c->args[i]);
    }
}

static void unsubscribe(call *c, const char *kind, bool pattern)
{
    client      *who = c->client;
    roster      *all = all_of(c->node, pattern);
    roster_mine *mine = mine_of(who, pattern);
    for (size_t i = 1; i < c->count; i++) {
        roster_seat *seat = roster_of(all, who, c->args[i]);
        if (seat != NULL) roster_leave(all, mine, seat);
        confirm(c, kind, &c->args[i]);
    }
    if (c->count > 1) return;
    if (mine->first == NULL) confirm(c, kind, NULL);
    while (mine->first != NULL) {
        roster_seat *seat = mine->first;
        crdt_buf     name;
        crdt_buf_init(&name, NULL);
        crdt_buf_put(&name, seat->at->name.data, seat->at->name.size);
        crdt_view bytes = crdt_buf_bytes(&name);
        roster_leave(all, mine, seat);
        if (!call_fails(c, crdt_buf_status(&name))) confirm(c, kind, &bytes);
        crdt_buf_clear(&name);
    }
}

void command_subscribe(call *c)
{
    subscribe(c, "subscribe", false);
}

void command_psubscribe(call *c)
{
    subscribe(c, "psubscribe", true);
}

void command_unsubscribe(call *c)
{
    unsubscribe(c, "unsubscribe", false);
}

void command_punsubscribe(call *c)
{
    unsubscribe(c, "punsubscribe", true);
}

/* -- PUBSUB ------------------------------------------------------------------------------------ */

typedef struct listing {
    crdt_view pattern;
    reply    *to; /* NULL: only count */
    size_t    count;
} listing;

static void list_channel(void *user, const roster_name *channel)
{
    listing *l = user;
    if (l->pattern.data != NULL && !glob_match(l->pattern, channel->name)) return;
    if (l->to != NULL) reply_bulk(l->to, channel->name);
    l->count++;
}

static void pubsub_channels(call *c)
{
    listing l = {.pattern = c->count > 2 ? c->args[2] : crdt_view_of(NULL, 0)};
    if (c->count > 3) {
        call_error(c, "ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try "
                      "PUBSUB HELP.");
        return;
    }
    roster_each(&c->node->channels, list_channel, &l);
    reply_array(c->reply, l.count);
    l.to = c->reply;
    roster_each(&c->node->channels, list_channel, &l);
}

static void pubsub_numsub(call *c)
{
    reply_array(c->reply, 2 * (c->count - 2));
    for (size_t i = 2; i < c->count; i++) {
        const roster_name *at = roster_find(&c->node->channels, c->args[i]);
        reply_bulk(c->reply, c->args[i]);
        reply_int(c->reply, at == NULL ? 0 : (int64_t)at->count);
    }
}

static void pubsub_numpat(call *c)
{
    reply_int(c->reply, (int64_t)c->node->patterns.names_count);
}

const command pubsub_commands[] = {
    {"pubsub|channels", pubsub_channels, -2, 0, 0, 0, 0, "pubsub", "[pattern]",
     "The channels of this node that somebody has subscribed to.", NULL, NULL},
    {"pubsub|numpat", pubsub_numpat, 2, 0, 0, 0, 0, "pubsub", "",
     "How many patterns somebody has subscribed to.", NULL, NULL},
    {"pubsub|numsub", pubsub_numsub, -2, 0, 0, 0, 0, "pubsub", "[channel [channel ...]]",
     "How many have subscribed to each of the channels.", NULL, NULL},
    {"pubsub|help", call_help, 2, 0, 0, 0, 0, "pubsub", "", "Prints this help.", NULL, NULL},
    {.name = NULL},
};
