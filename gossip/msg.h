/* msg.h: what nodes say to each other, as plain C. gossip/wire.h turns it into bytes and back.
 *
 * Every message is a request or the reply to one; a request has an id, and its reply bears the
 * same. So any transport with request and reply carries them, and so does one that only sends: a
 * reply that does not come in time is a request lost. Loss, duplicates and reordering of messages
 * harm nothing.
 *
 *   request       reply         what for
 *   HELLO         WELCOME       who are you; a link begins (or begins again)
 *   SYNC          STATE         anti-entropy: are we equal? if not: what do I lack?
 *   WANT          STATE         more of it
 *   PUSH          TOOK          fresh entries, at once
 *   HAVE          TOOK          a lazy link's announcement: my vector
 *   SNAP          CHUNK         a piece of a snapshot
 *   PAGE          DIGESTS       digests of objects in key order: repair (rule R10), comparison
 *   FIX           OBJECT        repair: one object's bytes
 *   any           REFUSED       not now, or not with you; says why
 */
#ifndef GOSSIP_MSG_H
#define GOSSIP_MSG_H
#include "crdt/digest.h"
#include "gossip/entry.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum gossip_msg_kind {
    GOSSIP_HELLO = 1,
    GOSSIP_WELCOME = 2,
    GOSSIP_SYNC = 3,
    GOSSIP_STATE = 4,
    GOSSIP_WANT = 5,
    GOSSIP_PUSH = 6,
    GOSSIP_TOOK = 7,
    GOSSIP_HAVE = 8,
    GOSSIP_SNAP = 9,
    GOSSIP_CHUNK = 10,
    GOSSIP_PAGE = 11,
    GOSSIP_DIGESTS = 12,
    GOSSIP_FIX = 13,
    GOSSIP_OBJECT = 14,
    GOSSIP_REFUSED = 15
} gossip_msg_kind;

/* One component of a vector: the replica's entries are held up to seq, which ends an entry; tag is
 * that entry's chain tag. */
typedef struct gossip_known {
    uint64_t replica, seq;
    uint32_t tag;
} gossip_known;

/* How a sender's vector is told: as what changed since a version that the receiver has
 * acknowledged. Versions count up from 1 within a link; vectors only grow, so a change told twice
 * or upon a newer base does no harm. base 0: everything. */
typedef struct gossip_vector {
    uint32_t            base, version; /* version 0: no vector in this message */
    const gossip_known *known;         /* ascending by replica */
    uint32_t            count;
} gossip_vector;

/* The entries of a message come in an order in which they can be delivered. Of the first entry of
 * each replica the tag of its predecessor is told; the receiver computes the others. */
typedef struct gossip_origin {
    uint64_t replica;
    uint32_t tag;
} gossip_origin;

typedef enum gossip_refusal {
    GOSSIP_NOT_REFUSED = 0,
    GOSSIP_UNKNOWN_LINK = 1,  /* say HELLO first: I do not know this link (any more) */
    GOSSIP_OTHER_CLUSTER = 2, /* our cluster ids differ */
    GOSSIP_OTHER_VERSION = 3, /* no protocol version in common */
    GOSSIP_SAME_NODE = 4,     /* you bear my node id or replica id: one of us is a clone */
    GOSSIP_QUARANTINED = 5,   /* your history of a replica differs from mine */
    GOSSIP_BUSY = 6,          /* ask again later */
    GOSSIP_NO_SNAPSHOT = 7,   /* the snapshot you name is gone: begin again */
    GOSSIP_NOT_EQUAL = 8,     /* repair needs equal contexts, and ours are not (any more) */
    GOSSIP_FULL = 9,          /* no room for another link */
    GOSSIP_BAD_MESSAGE = 10   /* your message could not be read */
} gossip_refusal;

/* A type that a node can read, and up to which format. */
typedef struct gossip_type {
    uint16_t id, format;
} gossip_type;

/* Bounds of HELLO and WELCOME: bytes of an address, types, peers. */
#define GOSSIP_ADDRESS_MAX 255u
#define GOSSIP_TYPES_MAX 4096u
#define GOSSIP_PEERS_MAX 1024u

typedef struct gossip_hello {
    uint64_t           cluster, node, replica, boot; /* boot: fresh random bits of this run */
    uint32_t           version_min, version_max;     /* of the protocol; 1 is this one */
    uint64_t           features;                     /* bits; none are defined yet */
    uint32_t           frame_max;                    /* bytes of a message that it accepts */
    crdt_view          address;                      /* where it can be reached; may be empty */
    const gossip_type *types;                        /* ascending by id */
    uint32_t           types_count;
    const crdt_view   *peers; /* addresses that it knows, for members that are learned */
    uint32_t           peers_count;
} gossip_hello;

typedef struct gossip_object_digest {
    crdt_view   name;
    uint16_t    type;
    crdt_digest digest;
} gossip_object_digest;

typedef struct gossip_msg {
    gossip_msg_kind kind;
    uint32_t        link; /* gossip_link_of the boots of sender and receiver; REFUSED: of what is
                             refused; 0 in HELLO and WELCOME */
    uint32_t        id;   /* of the request */

    gossip_refusal refusal; /* REFUSED */
    gossip_hello   hello;   /* HELLO, WELCOME */

    crdt_digest   root;         /* PAGE, DIGESTS, FIX, OBJECT: XXH3-128 of the sender's context
                                   (crdt_context_encode): all holds only while both are equal; of
                                   PAGE, DIGESTS all 0: whatever they are, it is only compared;
                                   SYNC, STATE: digest of the store's state; all 0: not told (costs
                                   18 bytes; a STATE that is the same need not tell it) */
    bool          same;         /* STATE: the roots are equal; nothing else follows */
    gossip_vector vector;       /* SYNC, WANT, HAVE, PUSH, STATE, TOOK: the sender's, or none */
    uint32_t      vector_taken; /* the version of the receiver's vector that the sender has taken
                                   in; 0: none */
    uint32_t      credit;       /* replies: bytes that the sender of it would take in now */

    const gossip_entry  *entries; /* PUSH, STATE */
    uint32_t             entries_count;
    const gossip_origin *origins; /* ascending by replica: one for each that entries name */
    uint32_t             origins_count;
    bool                 more;     /* STATE: more can be had by WANT */
    bool                 snapshot; /* STATE: what is lacking is in no log: take a snapshot */
    bool                 prune;    /* TOOK: nothing of this was news: be lazy on this link */
    bool                 graft;    /* WANT: be eager on this link from now on */

    uint64_t    snapshot_id;  /* SNAP, CHUNK; 0 in SNAP: whatever you have now */
    uint64_t    offset, size; /* CHUNK, SNAP: where bytes stand; of the whole snapshot */
    crdt_view   bytes;        /* CHUNK: a piece of it; OBJECT: one object */
    crdt_digest whole;        /* CHUNK: XXH3-128 of the whole snapshot */

    crdt_view                   name;    /* PAGE: the first name wanted; FIX, OBJECT: whose */
    uint16_t                    type;    /* PAGE (with name), FIX, OBJECT */
    const gossip_object_digest *digests; /* DIGESTS */
    uint32_t                    digests_count;
} gossip_msg;

/* The number of a link in one direction: messages of the other have another. Never 0. */
CRDT_API uint32_t gossip_link_of(uint64_t sender, uint64_t receiver);

#ifdef __cplusplus
}
#endif
#endif
