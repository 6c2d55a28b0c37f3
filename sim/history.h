/* history.h: what really happened, told by the simulator and never by the code that is tested:
 * every entry that was written, with all that its author had seen then (happens-before).
 *
 * Writers are numbered ("who") in the order in which they first wrote. A vector is an array of last
 * dots by who.
 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H
#include "crdt/laws.h"
#include "gossip/engine.h"

#define HISTORY_NOBODY UINT32_MAX
#define HISTORY_OBJECTS 8
#define HISTORY_OPS_MAX 16 /* of one transaction that are watched */

/* An operation that an entry brought to an object: bit `event` of the object's events. */
typedef struct history_op {
    uint8_t object, event;
} history_op;

typedef struct history_entry {
    uint32_t    who, ordinal; /* the ordinal-th entry of its writer */
    uint64_t    first, last;
    uint64_t    content;    /* hash of all that it says */
    uint64_t    at;         /* virtual time of the write */
    uint64_t    holders;    /* nodes that hold it durably: bits */
    uint64_t    reached_at; /* when the last of them took it in */
    uint32_t    reached;    /* how many nodes did */
    gossip_kind kind;
    uint32_t    node;      /* that wrote it */
    bool        acked;     /* it was durable where it was written */
    bool        forfeited; /* every disk that held it was taken away */
    size_t      past;      /* place of its vector in history.pasts */
    uint32_t    past_count;
    uint32_t    ops_count;
    history_op  ops[HISTORY_OPS_MAX];
} history_entry;

typedef struct history_writer {
    uint64_t  id;
    uint32_t *entries; /* by ordinal */
    size_t    count, cap;
    uint64_t  forked; /* the first dot that was written twice (by clones); 0: none */
    uint64_t  other;  /* nodes that took in what was written there second: bits */
    bool      reported;
} history_writer;

/* A named object, and the naive oracle of its type with every operation on it. */
typedef struct history_object {
    const crdt_type *type;
    crdt_laws_oracle oracle;
    char             name[16];
    bool             full; /* as many events as an oracle can take: no longer watched */
    size_t           count;
    crdt_laws_event  events[CRDT_LAWS_EVENTS_MAX];
    crdt_value       args[CRDT_LAWS_EVENTS_MAX][CRDT_OP_ARGS_MAX];
    void            *bytes[CRDT_LAWS_EVENTS_MAX]; /* of args; NULL: none */
} history_object;

/* An element that is added once, ever, and removed at most a few times: it must not come back. */
typedef struct history_ghost {
    uint32_t added, removed[3]; /* entries + 1; 0: not yet */
} history_ghost;

typedef struct history {
    history_entry  *entries;
    size_t          count, cap;
    history_writer *writers;
    size_t          writers_count, writers_cap;
    uint32_t       *slots; /* open addressing: who + 1, by replica id */
    size_t          slots_cap;
    uint64_t       *pasts;
    size_t          pasts_count, pasts_cap;
    history_object  objects[HISTORY_OBJECTS];
    size_t          objects_count;
    history_ghost  *ghosts;
    size_t          ghosts_count, ghosts_cap;
    bool            watched; /* operations are kept for the oracles */
} history;

void history_init(history *h);
void history_reset(history *h); /* a new world; memory is kept */
void history_free(history *h);

uint32_t history_who(const history *h, uint64_t replica); /* HISTORY_NOBODY: never wrote */
uint32_t history_writer_of(history *h, uint64_t replica); /* made if need be */
/* The entry's number; it is appended. past: the author's vector. */
uint32_t history_write(history *h, const gossip_entry *entry, uint32_t node, uint64_t at,
                       const uint64_t *past);
/* The writer's entry that begins at a dot; NULL: none does. */
history_entry *history_find(history *h, uint32_t who, uint64_t first);
/* The writer's last entry that ends at or before seq; NULL: none. */
history_entry *history_upto(history *h, uint32_t who, uint64_t seq);
uint64_t       history_content(const gossip_entry *entry);
uint64_t       history_past(const history *h, const history_entry *e, uint32_t who);

/* Note an operation on an object; its bit. The event's seen and covers are set by the caller.
 * Values are copied. False: the object is full. */
bool history_note(history *h, size_t object, const crdt_laws_event *event, uint8_t *ret_event);
/* Drop the object's last n events: their transaction came to nothing. */
void history_drop(history *h, size_t object, size_t n);

#endif
