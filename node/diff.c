/* diff.c: see diff.h. */
#include "node/diff.h"

#include <inttypes.h>
#include <stdlib.h>

#include "crdt/types.h"
#include "node/commands.h"
#include "node/peers.h"

struct node_diff {
    uint64_t client; /* who waits */
    crdt_buf items;  /* replies, one for each object so far */
    size_t   count;
    reply    reply; /* into items */
};

void diff_close(node *n)
{
    if (n->diff == NULL) return;
    crdt_buf_clear(&n->diff->items);
    free(n->diff);
    n->diff = NULL;
}

static const char *how(gossip_diff diff)
{
    switch (diff) {
    case GOSSIP_ONLY_HERE: return "only-here";
    case GOSSIP_ONLY_THERE: return "only-there";
    case GOSSIP_MORE_HERE: return "more-here";
    case GOSSIP_MORE_THERE: return "more-there";
    default: return "differs";
    }
}

void diff_note(node *n, const gossip_action *notice)
{
    if (n->diff == NULL) return;
    reply           *r = &n->diff->reply;
    const crdt_type *type = crdt_types_by_id(crdt_types_builtin(), notice->type);
    reply_array(r, 3);
    reply_bulk(r, notice->name);
    reply_text(r, how(notice->diff));
    reply_text(r, type != NULL ? type->name : "unknown");
    n->diff->count++;
}

void diff_end(node *n, uint64_t count, crdt_err err)
{
    if (n->diff == NULL) return;
    client *c = client_by_id(n, n->diff->client);
    bool    waits = c != NULL && c->wait.on && c->wait.kind == CLIENT_WAITS_DIFF;
    size_t  at = waits ? c->out.size : 0;
    if (err == CRDT_OK) err = crdt_buf_status(&n->diff->items);
    if (waits && err == CRDT_OK) {
        crdt_view items = crdt_buf_bytes(&n->diff->items);
        reply_array(&c->reply, n->diff->count);
        crdt_buf_put(&c->out, items.data, items.size);
    } else if (waits) {
        reply_error(&c->reply,
                    "ERR the peer did not answer to the end (%s): %" PRIu64
                    " differences were found so far",
                    crdt_err_text(err), count);
    }
    diff_close(n);
    if (waits) client_end_wait(c, at);
}

void command_crdt_diff(call *c)
{
    node            *n = c->node;
    gossip_peer_info info;
    if (n->diff != NULL) {
        call_error(c, "ERR another CRDT.DIFF is under way: try again");
        return;
    }
    if (!peers_find(n, c->args[1], &info)) {
        call_error(c, "ERR no such peer: CRDT.PEERS lists their addresses and node ids");
        return;
    }
    struct node_diff *diff = calloc(1, sizeof *diff);
    if (diff == NULL) {
        call_fails(c, CRDT_ENOMEM);
        return;
    }
    crdt_err err = gossip_engine_compare(n->engine, n->now, info.handle);
    if (err != CRDT_OK) {
        free(diff);
        if (err == CRDT_EIO) call_error(c, "ERR there is no link with this peer now");
        else if (err == CRDT_EBUSY) call_error(c, "ERR a comparison is under way: try again");
        else call_fails(c, err);
        return;
    }
    diff->client = c->client->id;
    crdt_buf_init(&diff->items, NULL);
    diff->reply = (reply){&diff->items, c->reply->protocol};
    n->diff = diff;
    client_begin_wait(c->client, CLIENT_WAITS_DIFF, 0, n->now + 120000000);
    node_touch(n);
}
