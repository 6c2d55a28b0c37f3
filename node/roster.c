/* roster.c: see roster.h. */
#include "node/roster.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "node/client.h"

static int by_name(const void *a, const void *b)
{
    return crdt_view_compare(((const roster_name *)a)->name, ((const roster_name *)b)->name);
}

static int by_client(const void *a, const void *b)
{
    const roster_seat *x = a, *y = b;
    if (x->who->id != y->who->id) return x->who->id < y->who->id ? -1 : 1;
    return crdt_view_compare(x->at->name, y->at->name);
}

roster_name *roster_find(const roster *r, crdt_view name)
{
    roster_name   wanted = {.name = name};
    roster_name **found = tfind(&wanted, &r->names, by_name);
    return found == NULL ? NULL : *found;
}

roster_seat *roster_of(const roster *r, const client *who, crdt_view name)
{
    roster_name   at = {.name = name};
    roster_seat   wanted = {.who = (client *)(uintptr_t)who, .at = &at};
    roster_seat **found = tfind(&wanted, &r->by_client, by_client);
    return found == NULL ? NULL : *found;
}

/* NULL: no memory. */
static roster_name *make_name(roster *r, crdt_view name)
{
    roster_name *made = roster_find(r, name);
    if (made != NULL) return made;
    made = calloc(1, sizeof *made + name.size);
    if (made == NULL) return NULL;
    if (name.size > 0) memcpy(made + 1, name.data, name.size);
    made->name = crdt_view_of(made + 1, name.size);
    if (tsearch(made, &r->names, by_name) == NULL) {
        free(made);
        return NULL;
    }
    r->names_count++;
    return made;
}

static void drop_if_empty(roster *r, roster_name *name)
{
    if (name->first != NULL || name->held) return;
    tdelete(name, &r->names, by_name);
    r->names_count--;
    free(name);
}

static void link_seat(roster_mine *mine, roster_seat *seat)
{
    roster_name *at = seat->at;
    seat->previous = at->last;
    seat->previous_of = mine->last;
    if (at->last != NULL) at->last->next = seat;
    else at->first = seat;
    at->last = seat;
    if (mine->last != NULL) mine->last->next_of = seat;
    else mine->first = seat;
    mine->last = seat;
    at->count++;
    mine->count++;
}

roster_seat *roster_join(roster *r, roster_mine *mine, client *who, crdt_view name, bool *ret_new)
{
    roster_seat *seat = roster_of(r, who, name);
    *ret_new = seat == NULL;
    if (seat != NULL) return seat;
    roster_name *at = make_name(r, name);
    seat = at == NULL ? NULL : calloc(1, sizeof *seat);
    if (seat != NULL) {
        seat->who = who;
        seat->at = at;
        if (tsearch(seat, &r->by_client, by_client) != NULL) {
            link_seat(mine, seat);
            r->count++;
            return seat;
        }
        free(seat);
    }
    if (at != NULL) drop_if_empty(r, at);
    return NULL;
}

void roster_leave(roster *r, roster_mine *mine, roster_seat *seat)
{
    roster_name *at = seat->at;
    tdelete(seat, &r->by_client, by_client);
    if (seat->previous != NULL) seat->previous->next = seat->next;
    else at->first = seat->next;
    if (seat->next != NULL) seat->next->previous = seat->previous;
    else at->last = seat->previous;
    if (seat->previous_of != NULL) seat->previous_of->next_of = seat->next_of;
    else mine->first = seat->next_of;
    if (seat->next_of != NULL) seat->next_of->previous_of = seat->previous_of;
    else mine->last = seat->previous_of;
    at->count--;
    mine->count--;
    r->count--;
    free(seat);
    drop_if_empty(r, at);
}

void roster_leave_all(roster *r, roster_mine *mine)
{
    while (mine->first != NULL) roster_leave(r, mine, mine->first);
}

void roster_let_go(roster *r, roster_name *name)
{
    name->held = false;
    drop_if_empty(r, name);
}

typedef struct visitor {
    void (*visit)(void *user, const roster_name *name);
    void *user;
} visitor;

static void visit_one(const void *at, VISIT order, void *user)
{
    const visitor *v = user;
    if (order == postorder || order == leaf) v->visit(v->user, *(roster_name *const *)at);
}

void roster_each(const roster *r, void (*visit)(void *user, const roster_name *name), void *user)
{
    visitor v = {visit, user};
    twalk_r(r->names, visit_one, &v);
}
