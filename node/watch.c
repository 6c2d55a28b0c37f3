/* watch.c: see watch.h; and the commands WATCH and UNWATCH. */
#include "node/watch.h"

#include "node/commands.h"
#include "node/expiry.h"
#include "node/multi.h"

/* A key that had expired when it was watched may go: flag. */
void watch_note(node *n, const crdt_change *change)
{
    const roster_name *at = roster_find(&n->watched, change->name);
    for (roster_seat *seat = at != NULL ? at->first : NULL; seat != NULL; seat = seat->next) {
        bool went = seat->flag && change->type == NULL;
        seat->flag = false;
        if (!went) seat->who->watch.changed = true;
    }
}

void watch_touch(node *n, crdt_view name)
{
    const roster_name *at = roster_find(&n->watched, name);
    for (roster_seat *seat = at != NULL ? at->first : NULL; seat != NULL; seat = seat->next) {
        seat->who->watch.changed = true;
    }
}

bool watch_changed(client *c)
{
    node *n = c->node;
    if (c->watch.keys.count == 0) return false;
    node_changes(n); /* what peers have written in this turn */
    for (roster_seat *seat = c->watch.keys.first; seat != NULL; seat = seat->next_of) {
        if (!seat->flag && expiry_passed(n, seat->at->name)) c->watch.changed = true;
    }
    return c->watch.changed;
}

void watch_end(client *c)
{
    roster_leave_all(&c->node->watched, &c->watch.keys);
    c->watch.changed = false;
}

void command_watch(call *c)
{
    client *who = c->client;
    if (multi_on(who)) {
        call_error(c, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    node_changes(c->node); /* what was before does not count */
    for (size_t i = 1; i < c->count; i++) {
        bool         made;
        roster_seat *seat =
            roster_join(&c->node->watched, &who->watch.keys, who, c->args[i], &made);
        if (seat == NULL) {
            call_fails(c, CRDT_ENOMEM);
            return;
        }
        if (made) seat->flag = expiry_passed(c->node, c->args[i]);
    }
    reply_ok(c->reply);
}

void command_unwatch(call *c)
{
    watch_end(c->client);
    reply_ok(c->reply);
}
