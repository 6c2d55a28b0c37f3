/* clients.c: CLIENT and its subcommands. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/blocking.h"
#include "node/commands.h"
#include "node/names.h"
#include "node/number.h"

static void say_unknown_type(call *c, size_t i)
{
    call_error(c, "ERR Unknown client type '%.*s'", (int)c->args[i].size,
               (const char *)c->args[i].data);
}

/* Every client here is a normal one. False: there is no such type. */
static bool parse_type(const call *c, size_t i, bool *ret_normal)
{
    static const char *const others[] = {"master", "replica", "slave", "pubsub"};
    *ret_normal = call_is(c, i, "normal");
    bool known = *ret_normal;
    for (size_t t = 0; t < sizeof others / sizeof others[0]; t++) known |= call_is(c, i, others[t]);
    return known;
}

/* -- Who is there ------------------------------------------------------------------------------ */

static void describe(crdt_buf *out, const client *cl)
{
    const node    *n = cl->node;
    const command *last = cl->last_sub != NULL ? cl->last_sub : cl->last;
    char           line[640];
    uv_os_fd_t     fd = -1;
    size_t         unread = cl->in.size - cl->in_at, waits = cl->writing;
    uv_fileno((const uv_handle_t *)&cl->tcp, &fd);
    int size = snprintf(
        line, sizeof line,
        "id=%" PRIu64 " addr=%s laddr=%s fd=%d name=%s age=%" PRIu64 " idle=%" PRIu64
        " flags=%s db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=%zu qbuf-free=%zu argv-mem=0 multi-mem=0"
        " rbs=%zu rbp=%zu obl=%zu oll=%d omem=%zu tot-mem=%zu events=%s cmd=%s user=default"
        " redir=-1 resp=%d",
        cl->id, cl->peer, cl->local, fd, cl->name != NULL ? cl->name : "",
        (n->ms - cl->since_ms) / 1000, (n->ms - cl->last_ms) / 1000, cl->wait.on ? "b" : "N",
        unread, cl->in.cap - cl->in.size, cl->out.cap, cl->out.cap, cl->out.size, waits > 0, waits,
        sizeof *cl + cl->in.cap + cl->out.cap + waits, waits > 0 ? "rw" : "r",
        last != NULL ? last->name : "NULL", cl->reply.protocol);
    crdt_buf_put(out, line, size < (int)sizeof line ? (size_t)size : sizeof line - 1);
    if (cl->library != NULL) {
        crdt_buf_text(out, " lib-name=");
        crdt_buf_text(out, cl->library);
    }
    if (cl->library_version != NULL) {
        crdt_buf_text(out, " lib-ver=");
        crdt_buf_text(out, cl->library_version);
    }
    crdt_buf_byte(out, '\n');
}

static void reply_lines(call *c, crdt_buf *text)
{
    if (!call_fails(c, crdt_buf_status(text))) {
        reply_verbatim(c->reply, "txt", crdt_buf_bytes(text));
    }
    crdt_buf_clear(text);
}

static void client_info(call *c)
{
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    describe(&text, c->client);
    reply_lines(c, &text);
}

/* CLIENT LIST ID a b c */
static void list_by_id(call *c, crdt_buf *text)
{
    for (size_t i = 3; i < c->count; i++) {
        int64_t id;
        if (!number_int64(c->args[i], &id)) {
            call_error(c, "ERR Invalid client ID");
            return;
        }
        const client *cl = client_by_id(c->node, (uint64_t)id);
        if (cl != NULL) describe(text, cl);
    }
}

static void client_list(call *c)
{
    crdt_buf text;
    bool     all = true;
    crdt_buf_init(&text, NULL);
    if (c->count > 3 && call_is(c, 2, "id")) {
        all = false;
        list_by_id(c, &text);
    } else if (c->count == 4 && call_is(c, 2, "type")) {
        if (!parse_type(c, 3, &all)) say_unknown_type(c, 3);
    } else if (c->count != 2) {
        call_syntax(c);
    }
    const client *oldest = c->node->clients;
    while (oldest != NULL && oldest->next != NULL) oldest = oldest->next;
    for (; all && oldest != NULL; oldest = oldest->previous) describe(&text, oldest);
    if (!c->failed) reply_lines(c, &text);
    else crdt_buf_clear(&text);
}

static void client_id(call *c)
{
    reply_int(c->reply, (int64_t)c->client->id);
}

static void client_getname(call *c)
{
    if (c->client->name != NULL) reply_text(c->reply, c->client->name);
    else reply_null(c->reply);
}

static void client_setname(call *c)
{
    if (names_set(c, &c->client->name, c->args[2], "Client names")) reply_ok(c->reply);
}

static void client_setinfo(call *c)
{
    char **name = call_is(c, 2, "lib-name")  ? &c->client->library
                  : call_is(c, 2, "lib-ver") ? &c->client->library_version
                                             : NULL;
    if (name == NULL) {
        call_error(c, "ERR Unrecognized option '%.*s'", (int)c->args[2].size,
                   (const char *)c->args[2].data);
    } else if (names_set(c, name, c->args[3],
                         name == &c->client->library ? "lib-name" : "lib-ver")) {
        reply_ok(c->reply);
    }
}

/* -- KILL -------------------------------------------------------------------------------------- */

typedef struct kill_filter {
    int64_t   id;             /* 0: any */
    crdt_view address, local; /* no bytes: any */
    bool      none;           /* a type that no client here has */
    bool      skip_me;
} kill_filter;

static bool parse_kill(call *c, kill_filter *f)
{
    *f = (kill_filter){.skip_me = true};
    for (size_t i = 2; i < c->count; i += 2) {
        bool more = i + 1 < c->count, normal;
        if (more && call_is(c, i, "id")) {
            if (number_int64(c->args[i + 1], &f->id) && f->id > 0) continue;
            call_error(c, "ERR client-id should be greater than 0");
        } else if (more && call_is(c, i, "type")) {
            if (!parse_type(c, i + 1, &normal)) say_unknown_type(c, i + 1);
            else if (!normal) f->none = true;
        } else if (more && call_is(c, i, "addr")) {
            f->address = c->args[i + 1];
        } else if (more && call_is(c, i, "laddr")) {
            f->local = c->args[i + 1];
        } else if (more && call_is(c, i, "user")) {
            if (names_equal(c->args[i + 1], "default")) continue;
            call_error(c, "ERR No such user '%.*s'", (int)c->args[i + 1].size,
                       (const char *)c->args[i + 1].data);
        } else if (more && call_is(c, i, "skipme") &&
                   (call_is(c, i + 1, "yes") || call_is(c, i + 1, "no"))) {
            f->skip_me = call_is(c, i + 1, "yes");
        } else {
            call_syntax(c);
        }
        if (c->failed) return false;
    }
    return true;
}

static bool fits(const call *c, const kill_filter *f, const client *cl)
{
    return !f->none && (f->id == 0 || cl->id == (uint64_t)f->id) &&
           (f->address.data == NULL || names_equal(f->address, cl->peer)) &&
           (f->local.data == NULL || names_equal(f->local, cl->local)) &&
           !(f->skip_me && cl == c->client);
}

static void end(const call *c, client *cl)
{
    if (cl == c->client) client_end(cl); /* it gets this reply */
    else client_close(cl);
}

static void client_kill(call *c)
{
    kill_filter f;
    int64_t     killed = 0;
    bool        by_address = c->count == 3;
    if (by_address) f = (kill_filter){.address = c->args[2]};
    else if (!parse_kill(c, &f)) return;
    client *next;
    for (client *cl = c->node->clients; cl != NULL; cl = next) {
        next = cl->next;
        if (!fits(c, &f, cl)) continue;
        end(c, cl);
        killed++;
    }
    if (!by_address) reply_int(c->reply, killed);
    else if (killed > 0) reply_ok(c->reply);
    else call_error(c, "ERR No such client");
}

/* -- What else there is of it ------------------------------------------------------------------ */

static void client_reply(call *c)
{
    client *cl = c->client;
    if (call_is(c, 2, "on")) {
        cl->noreply = false;
        reply_ok(c->reply);
    } else if (call_is(c, 2, "off")) {
        cl->noreply = true;
    } else if (call_is(c, 2, "skip")) {
        if (!cl->noreply) cl->skip = 2;
    } else {
        call_syntax(c);
    }
}

static void client_no_evict(call *c)
{
    if (call_is(c, 2, "on") || call_is(c, 2, "off")) reply_ok(c->reply); /* nobody is evicted */
    else call_syntax(c);
}

static void client_pause(call *c)
{
    int64_t ms;
    if (!number_int64(c->args[2], &ms)) {
        call_error(c, "ERR timeout is not an integer or out of range");
    } else if (ms < 0) {
        call_error(c, "ERR timeout is negative");
    } else if (c->count > 4 ||
               (c->count == 4 && !call_is(c, 3, "write") && !call_is(c, 3, "all"))) {
        call_error(c, "ERR CLIENT PAUSE mode must be WRITE or ALL");
    } else {
        call_error(c, "ERR CLIENT PAUSE is not supported: every node takes writes, so there is no "
                      "failover to wait for");
    }
}

static void client_unpause(call *c)
{
    reply_ok(c->reply);
}

static void client_getredir(call *c)
{
    reply_int(c->reply, -1);
}

static void client_tracking(call *c)
{
    if (call_is(c, 2, "off")) reply_ok(c->reply);
    else if (call_is(c, 2, "on")) call_error(c, "ERR CLIENT TRACKING is not supported");
    else call_syntax(c);
}

static void client_unblock(call *c)
{
    int64_t id;
    if (!call_int(c, 2, &id)) return;
    if (c->count == 4 && !call_is(c, 3, "timeout") && !call_is(c, 3, "error")) {
        call_error(c, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    } else if (c->count > 4) {
        call_syntax(c);
    } else {
        client *cl = client_by_id(c->node, (uint64_t)id);
        bool    error = c->count == 4 && call_is(c, 3, "error");
        bool    blocked = cl != NULL && cl->blocked != NULL;
        bool    waits = cl != NULL && cl->wait.on && cl->wait.kind == CLIENT_WAITS_HOLDERS;
        if (waits) cl->wait.until = 0;
        if (waits && error) cl->wait.kind = CLIENT_WAITS_NO_MORE;
        if (blocked) blocking_end(cl, error);
        reply_int(c->reply, waits || blocked);
    }
}

const command client_commands[] = {
    {"client|getname", client_getname, 2, 0, 0, 0, 0, "connection", "",
     "The name of this connection.", NULL, NULL},
    {"client|getredir", client_getredir, 2, 0, 0, 0, 0, "connection", "",
     "-1: there is no tracking.", NULL, NULL},
    {"client|id", client_id, 2, 0, 0, 0, 0, "connection", "", "The number of this connection.",
     NULL, NULL},
    {"client|info", client_info, 2, 0, 0, 0, 0, "connection", "", "All about this connection.",
     NULL, NULL},
    {"client|kill", client_kill, -3, COMMAND_ADMIN, 0, 0, 0, "connection",
     "ip:port | [ID client-id] [TYPE NORMAL | MASTER | REPLICA | PUBSUB] [USER username] "
     "[ADDR ip:port] [LADDR ip:port] [SKIPME yes/no]",
     "Close connections.", NULL, NULL},
    {"client|list", client_list, -2, COMMAND_ADMIN, 0, 0, 0, "connection",
     "[TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]]",
     "All about each connection.", NULL, NULL},
    {"client|no-evict", client_no_evict, 3, COMMAND_ADMIN, 0, 0, 0, "connection", "ON | OFF",
     "Nothing: no connection is closed to free memory.", NULL, NULL},
    {"client|pause", client_pause, -3, COMMAND_ADMIN, 0, 0, 0, "connection",
     "timeout [WRITE | ALL]", "Refused: nodes do not fail over.", NULL, NULL},
    {"client|reply", client_reply, 3, 0, 0, 0, 0, "connection", "ON | OFF | SKIP",
     "Send replies, send none, or leave out the next.", NULL, NULL},
    {"client|setinfo", client_setinfo, 4, 0, 0, 0, 0, "connection",
     "LIB-NAME libname | LIB-VER libver", "Tell which library this connection uses.", NULL, NULL},
    {"client|setname", client_setname, 3, 0, 0, 0, 0, "connection", "connection-name",
     "Give this connection a name.", NULL, NULL},
    {"client|tracking", client_tracking, -3, 0, 0, 0, 0, "connection", "ON | OFF",
     "Refused: the node tells no client what others change.", NULL, NULL},
    {"client|unblock", client_unblock, -3, COMMAND_ADMIN, 0, 0, 0, "connection",
     "client-id [TIMEOUT | ERROR]", "End what another connection waits for.", NULL, NULL},
    {"client|unpause", client_unpause, 2, COMMAND_ADMIN, 0, 0, 0, "connection", "",
     "Nothing: no client is ever paused.", NULL, NULL},
    {"client|help", call_help, 2, 0, 0, 0, 0, "connection", "", "Prints this help.", NULL, NULL},
    {.name = NULL},
};
