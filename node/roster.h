/* roster.h: names, each with the clients that listen for it, in the order in which they came: keys
 * that are watched or waited for, channels, patterns.
 *
 * Cost     join, find and leave are O(log n) in all seats, however many a name or a client has.
 */
#ifndef NODE_ROSTER_H
#define NODE_ROSTER_H
#include "crdt/base.h"

typedef struct client client;

typedef struct roster_seat roster_seat;

typedef struct roster_name {
    crdt_view           name; /* stands behind */
    roster_seat        *first, *last;
    size_t              count;
    bool                held; /* by the owner: it stays, with nobody there too */
    struct roster_name *next; /* the owner's */
} roster_name;

/* A client at a name. */
struct roster_seat {
    client      *who;
    roster_name *at;
    roster_seat *previous, *next;       /* at the name */
    roster_seat *previous_of, *next_of; /* of the client */
    bool         flag;                  /* the owner's */
};

/* Zeros: nobody. */
typedef struct roster {
    void  *names, *by_client; /* trees of tsearch(3) */
    size_t names_count, count;
} roster;

/* The seats of one client, the first one first. */
typedef struct roster_mine {
    roster_seat *first, *last;
    size_t       count;
} roster_mine;

/* The client takes a seat; the one that it has already, if *ret_new is false. NULL: no memory. */
roster_seat *roster_join(roster *r, roster_mine *mine, client *who, crdt_view name, bool *ret_new);
/* NULL: it has none there. */
roster_seat *roster_of(const roster *r, const client *who, crdt_view name);
void         roster_leave(roster *r, roster_mine *mine, roster_seat *seat);
void         roster_leave_all(roster *r, roster_mine *mine);
/* NULL: nobody is there. */
roster_name *roster_find(const roster *r, crdt_view name);
/* It is held no more, and goes if nobody is there. */
void roster_let_go(roster *r, roster_name *name);
/* In order of names. */
void roster_each(const roster *r, void (*visit)(void *user, const roster_name *name), void *user);

#endif
