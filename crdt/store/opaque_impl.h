/* store/opaque_impl.h: what the sources of objects of unknown types share. See store/opaque.c. */
#ifndef CRDT_STORE_OPAQUE_IMPL_H
#define CRDT_STORE_OPAQUE_IMPL_H
#include "crdt/store/impl.h"

/* -- Origins (origins.c) ----------------------------------------------------------------------- */

/* Its bytes: varint count of ids, 8 bytes each; the context in their terms. key.own is its place in
 * what is being encoded, plus 1; 0: not used there. */
struct crdt__origin {
    crdt__okey key;
    size_t     refs;
    uint8_t    bytes[];
};

static inline size_t crdt__origin_size(const crdt__origin *origin)
{
    return sizeof *origin + origin->key.bytes.size;
}

/* The store that a space belongs to: no other has opaque objects. */
static inline crdt_store *crdt__store_of(const crdt_space *space)
{
    _Static_assert(offsetof(crdt_store, space) == 0, "the space stands first");
    return (crdt_store *)(uintptr_t)space;
}

/* The origin of these bytes; of these ids and this context: with a reference. Errors: ENOMEM. */
crdt_err crdt__origin_get(crdt_store *store, crdt_view bytes, crdt__origin **ret_origin);
crdt_err crdt__origin_of(crdt_store *store, const crdt_replicas *ids, const crdt_context *seen,
                         crdt__origin **ret_origin);

/* An origin in the form that types are given. */
typedef struct crdt__parsed {
    uint64_t    *ids;
    size_t       count;
    crdt_context seen;
} crdt__parsed;

void crdt__parsed_clear(const crdt_space *space, crdt__parsed *p);
/* Read one; the caller clears it, on an error too. */
crdt_err crdt__origin_read(const crdt_space *space, crdt_dec *dec, crdt__parsed *p);
/* The same of one that is held: only memory can fail. */
crdt_err crdt__origin_parse(const crdt_space *space, const crdt__origin *origin, crdt__parsed *p);

/* -- Fragments (opaque.c) ---------------------------------------------------------------------- */

/* As on the wire, in terms of the origin's ids. */
typedef struct crdt__fragment_text {
    uint32_t keep_size, body_size;
    uint8_t  bytes[]; /* the context of kept dots, or nothing; the body */
} crdt__fragment_text;

typedef struct crdt__fragment {
    crdt__origin        *origin; /* a reference */
    crdt__fragment_text *text;   /* NULL: both are empty */
} crdt__fragment;

static inline crdt_view crdt__fragment_keep(crdt__fragment f)
{
    return f.text ? crdt_view_of(f.text->bytes, f.text->keep_size) : crdt_view_of(NULL, 0);
}

static inline crdt_view crdt__fragment_body(crdt__fragment f)
{
    if (f.text == NULL) return crdt_view_of(NULL, 0);
    return crdt_view_of(f.text->bytes + f.text->keep_size, f.text->body_size);
}

static inline size_t crdt__fragment_text_size(size_t keep, size_t body)
{
    return keep + body == 0 ? 0 : offsetof(crdt__fragment_text, bytes) + keep + body;
}

static inline size_t crdt__fragment_size(crdt__fragment f)
{
    return crdt__fragment_text_size(crdt__fragment_keep(f).size, crdt__fragment_body(f).size);
}

/* What a fragment is told from others by. */
typedef struct crdt__fragment_key {
    crdt_view origin, keep, body;
} crdt__fragment_key;

static inline crdt__fragment_key crdt__fragment_key_of(crdt__fragment f)
{
    return (crdt__fragment_key){f.origin->key.bytes, crdt__fragment_keep(f),
                                crdt__fragment_body(f)};
}

int crdt__fragment_order(const crdt__fragment_key *a, const crdt__fragment_key *b);
/* One with copies of both and a reference to origin. Errors: ENOMEM, ELIMIT. */
crdt_err crdt__fragment_make(const crdt_space *space, crdt__origin *origin, crdt_view keep,
                             crdt_view body, crdt__fragment *ret_fragment);

typedef struct crdt__opaque {
    crdt__fragment *list;  /* ascending */
    crdt__fragment *fresh; /* copies that a prepared join brings */
    uint32_t        count, cap, fresh_count, fresh_cap;
    crdt__origin   *gone, *fresh_gone; /* or NULL */
    crdt_context   *told, *fresh_told; /* the dots that any of it tells of; NULL: to be found */
} crdt__opaque;

crdt_err crdt__opaque_room(const crdt_space *space, crdt__opaque *o, size_t more, bool exact);

/* -- Bytes (opaque_code.c) */
void crdt__opaque_encode(const void *state, crdt_enc *enc); /* once origins are numbered */

/* An origin in the form that types are given. */
struct crdt__heard {
    uint64_t *ids;
    crdt_run *runs;
    uint32_t  ids_count, runs_count;
};

/* Let c->heard be there. Errors: ENOMEM. */
crdt_err crdt__cited_hear(const crdt_space *space, crdt__citations *cited, crdt__cited *c);
/* It is used, for now: where it is quickly made again, it need not stay. */
void crdt__cited_forget(const crdt_space *space, crdt__citations *cited, crdt__cited *c);
/* Borrowed from heard. */
crdt_context crdt__heard_seen(const crdt_space *space, const crdt__heard *heard);

/* What stands before an object's fragments; and one of them after the other, in their order: key is
 * all zero before the first. NULL: dec tells why. */
typedef struct crdt__fragments {
    size_t       count;
    crdt__cited *gone;
} crdt__fragments;
crdt_err     crdt__fragments_get(crdt_dec *dec, const crdt__citations *cited,
                                 crdt__fragments *ret_fragments);
crdt__cited *crdt__fragment_get(crdt_dec *dec, const crdt__citations *cited,
                                crdt__fragment_key *key);

#endif
