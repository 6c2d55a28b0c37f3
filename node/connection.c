/* connection.c: the commands of a connection itself: who is it, how does it speak? */
#include <stdlib.h>
#include <string.h>

#include "node/commands.h"
#include "node/multi.h"
#include "node/names.h"
#include "node/number.h"
#include "node/pubsub.h"
#include "node/watch.h"

void command_ping(call *c)
{
    if (c->count > 2) call_wrong_arity(c);
    else if (pubsub_only(c->client)) {
        reply_array(c->reply, 2);
        reply_text(c->reply, "pong");
        reply_bulk(c->reply, c->count == 2 ? c->args[1] : crdt_view_of("", 0));
    } else if (c->count == 2) reply_bulk(c->reply, c->args[1]);
    else reply_simple(c->reply, "PONG");
}

void command_echo(call *c)
{
    reply_bulk(c->reply, c->args[1]);
}

void command_quit(call *c)
{
    reply_ok(c->reply);
    client_end(c->client);
}

void command_select(call *c)
{
    int64_t index;
    if (!call_int(c, 1, &index)) return;
    if (index != 0) call_error(c, "ERR DB index is out of range");
    else reply_ok(c->reply);
}

/* -- Passwords --------------------------------------------------------------------------------- */

/* As long for any password of this size, right or wrong. */
static bool same_bytes(crdt_view a, const char *text)
{
    size_t         size = strlen(text);
    const uint8_t *bytes = a.data;
    uint8_t        other = a.size != size;
    for (size_t i = 0; i < a.size; i++) other |= bytes[i] ^ (uint8_t)text[size == 0 ? 0 : i % size];
    return other == 0;
}

/* False: an error was replied. */
static bool log_in(call *c, const crdt_view *user, crdt_view password)
{
    const char *required = c->node->config.requirepass;
    bool        known = user == NULL || names_equal(*user, "default");
    if (known && (required[0] == 0 || same_bytes(password, required))) {
        c->client->authed = true;
        c->client->parser.anonymous = false;
        return true;
    }
    call_error(c, "WRONGPASS invalid username-password pair or user is disabled.");
    return false;
}

void command_auth(call *c)
{
    if (c->count > 3) {
        call_syntax(c);
        return;
    }
    if (c->count == 2 && c->node->config.requirepass[0] == 0) {
        call_error(c, "ERR AUTH <password> called without any password configured for the default "
                      "user. Are you sure your configuration is correct?");
        return;
    }
    if (log_in(c, c->count == 3 ? &c->args[1] : NULL, c->args[c->count - 1])) reply_ok(c->reply);
}

/* -- HELLO ------------------------------------------------------------------------------------- */

typedef struct hello_options {
    int64_t protocol;
    size_t  auth, name; /* places of their first arguments; 0: not given */
} hello_options;

static bool parse_hello(call *c, hello_options *o)
{
    *o = (hello_options){c->reply->protocol, 0, 0};
    if (c->count > 1 && !number_int64(c->args[1], &o->protocol)) {
        call_error(c, "ERR Protocol version is not an integer or out of range");
    } else if (o->protocol < 2 || o->protocol > 3) {
        call_error(c, "NOPROTO unsupported protocol version");
    }
    for (size_t i = 2; i < c->count && !c->failed;) {
        if (call_is(c, i, "auth") && i + 2 < c->count) {
            o->auth = i + 1;
            i += 3;
        } else if (call_is(c, i, "setname") && i + 1 < c->count) {
            o->name = i + 1;
            i += 2;
        } else {
            call_error(c, "ERR Syntax error in HELLO option '%.*s'", (int)c->args[i].size,
                       (const char *)c->args[i].data);
        }
    }
    return !c->failed;
}

void command_hello(call *c)
{
    hello_options o;
    if (!parse_hello(c, &o)) return;
    if (o.auth != 0 && !log_in(c, &c->args[o.auth], c->args[o.auth + 1])) return;
    if (!c->client->authed) {
        call_error(c,
                   "NOAUTH HELLO must be called with the client already authenticated, otherwise "
                   "the HELLO AUTH <user> <pass> option can be used to authenticate the client "
                   "and select the RESP protocol version at the same time");
        return;
    }
    if (o.name != 0 && !names_set(c, &c->client->name, c->args[o.name], "Client names")) return;
    reply *r = c->reply;
    r->protocol = (int)o.protocol;
    reply_map(r, 7);
    reply_text(r, "server");
    reply_text(r, "redis"); /* of the protocol, so that clients know what they may ask */
    reply_text(r, "version");
    reply_text(r, NODE_REDIS_VERSION);
    reply_text(r, "proto");
    reply_int(r, o.protocol);
    reply_text(r, "id");
    reply_int(r, (int64_t)c->client->id);
    reply_text(r, "mode");
    reply_text(r, "standalone");
    reply_text(r, "role");
    reply_text(r, "master");
    reply_text(r, "modules");
    reply_array(r, 0);
}

void command_reset(call *c)
{
    client *cl = c->client;
    multi_end(cl);
    watch_end(cl);
    pubsub_leave(cl);
    names_clear(&cl->name);
    cl->noreply = false;
    cl->skip = 0;
    cl->authed = c->node->config.requirepass[0] == 0;
    cl->parser.anonymous = !cl->authed;
    c->reply->protocol = 2;
    reply_simple(c->reply, "RESET");
}
