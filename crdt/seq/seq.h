/* seq/seq.h: the sequence: what lists and texts are made of.
 *
 * Shape    atoms (seq_atoms.h) hold the content in order of arrival, the log (seq_log.h) who
 *          inserted and deleted what, the order (seq_order.h) where it stands. Rows that wait for
 *          what they refer to are parked. One run of typing or deleting is pending until something
 *          else is asked for.
 * Merge    the union of rows. Where an insertion stands follows from its left origin and its right
 *          parent alone (seq_place.c), so the order of arrival does not matter.
 * Changes  in place; crdt__seq_keep and crdt__seq_undo end what operations and joins began.
 * Source   Weidner, Kleppmann, "The art of the fugue", IEEE TPDS 36(11), 2025; Roh et al.,
 *          "Replicated abstract data types", JPDC 71(3), 2011.
 */
#ifndef CRDT_SEQ_SEQ_H
#define CRDT_SEQ_SEQ_H
#include "crdt/core/omap.h"
#include "crdt/cursor.h"
#include "crdt/seq/seq_log.h"
#include "crdt/seq/seq_order.h"
#include "crdt/type.h"

/* An element: (replica, counter). replica 0: none, that is the start or the end. */
typedef struct crdt__elem {
    uint64_t replica;
    uint32_t ctr;
} crdt__elem;

/* A row as others know it: consecutive dots of one replica, each for `each` elements. */
typedef struct crdt__row {
    uint64_t replica, dot;
    uint64_t lamport; /* insertions in classic order: of the first element */
    uint32_t dots, each;
    bool     del, back;
    bool     move; /* an insertion of one element, which is a stand: seq_stand.h */
    crdt__elem
        first; /* the first element inserted (of `replica`), or deleted: the lowest counter */
    crdt__elem left, right; /* insertions: of the first element */
    /* The content of an insertion: that which a sequence holds, in place or (waits) parked; or
     * (NULL) bytes, without those of forgotten atoms, whose stretches are varint pairs (gap,
     * length); `skip`: atoms of them before the row's first, `held`: atoms of them in all. */
    const struct crdt__seq *seq;
    bool                    waits;
    crdt_view               bytes, voids;
    uint32_t                skip, held;
} crdt__row;

static inline uint32_t crdt__row_len(const crdt__row *row)
{
    return row->dots * row->each;
}

#define CRDT__NEED_BYTES 28

/* A row that waits; a node of seq.parked, keyed by (replica, dot). Owns its bytes. */
typedef struct crdt__parked {
    crdt__okey key;
    uint8_t    id[16];
    crdt__okey need; /* a node of seq.needs, keyed by an element that it waits for */
    uint8_t    need_id[CRDT__NEED_BYTES];
    bool       met;    /* on the list of those that may wait no more */
    size_t     size;   /* of this allocation */
    bool       fresh;  /* came since the last keep */
    bool       done;   /* was put in place since the last keep */
    uint32_t   placed; /* of a deletion: dots put in place since then, the lowest elements' */
    bool       listed; /* on the list of those changed since then */
    struct crdt__parked *next_changed, *next_met;
    crdt__row            row;
} crdt__parked;

/* The latest value set for an element; a node of seq.sets, keyed by the element. */
typedef struct crdt__set {
    crdt__okey        key;
    uint8_t           id[12];
    bool              gone; /* since the last keep: its element is dead, or it was never there */
    uint64_t          stamp;
    crdt_dot          dot;
    crdt_value        value;        /* bytes are owned */
    struct crdt__set *before;       /* a copy of what it was at the last keep; itself: nothing */
    struct crdt__set *next_changed; /* those with a `before` */
} crdt__set;

/* A stand, and what stands there. NO_CID: an element that was forgotten. */
typedef struct crdt__stand {
    uint32_t cid, of;
    uint32_t before; /* the number of the stand that was the latest; NO_STAND: none */
} crdt__stand;

#define CRDT__NO_STAND UINT32_MAX

/* Where the cids of moved elements part. */
typedef struct crdt__fork {
    uint32_t bit;   /* the highest in which they differ */
    uint32_t to[2]; /* by that bit: the number of an element's latest stand, or of a fork */
} crdt__fork;

/* seq_stand.h */
typedef struct crdt__stands {
    crdt__stand *at; /* ascending by cid */
    uint32_t     count, cap;
    crdt__fork  *forks; /* one fewer than elements that were moved: a tree of them */
    uint32_t     root;
    uint32_t     latest_count, forks_cap; /* elements that were moved */
    uint64_t     stamp, kept_stamp;       /* the greatest; at the last keep */
} crdt__stands;

/* Of an element whose ancestors were forgotten: see seq_forget.h. */
typedef struct crdt__top {
    uint64_t   lamport; /* of `of`, in classic order */
    crdt__elem of;      /* the topmost forgotten one */
    uint32_t   cid;     /* the element */
    uint32_t   nth;     /* its place among those of the same `of` */
} crdt__top;

typedef enum crdt__pending_kind { CRDT__NOTHING, CRDT__TYPING, CRDT__DELETING } crdt__pending_kind;

/* The run being typed or deleted. All memory that settling it needs is reserved. */
typedef struct crdt__pending {
    crdt__pending_kind kind;
    uint32_t           pos, count; /* visible elements: where it begins, how many */
    uint32_t           room;       /* how many it may become without asking */
    uint32_t           author;
    crdt_target        target; /* of its transaction */
    crdt__place        place;  /* typing */
    crdt__ins          row;    /* typing; its elements are count */
} crdt__pending;

typedef struct crdt__seq {
    crdt__atoms            atoms;
    crdt__log              log;
    crdt__order            order;
    crdt__omap             parked;
    crdt__omap             needs; /* seq_wait.c; if `filed` all parked rows are there, or on ... */
    crdt__parked          *met;   /* ... this list, or refer to what they cannot */
    bool                   filed;
    size_t                 parked_bytes; /* of parked rows */
    uint64_t               looks;        /* at parked rows, ever: the work that waiting makes */
    crdt__omap             sets;
    crdt__set             *changed_sets; /* since the last keep */
    crdt__stands           stands;
    crdt__pending          pending;
    struct crdt__families *families;     /* NULL: none */
    struct crdt__plan     *plan;         /* of what will be forgotten; NULL: none */
    uint64_t      lamport, kept_lamport; /* the greatest, in classic order; at the last keep */
    bool          classic;
    bool          changed;        /* since the last keep */
    bool          dropped_sets;   /* some sets are gone */
    crdt__parked *changed_parked; /* parked or put in place since the last keep */
    bool strict, forged;      /* bytes are read: a left origin that is implied was told otherwise */
    crdt__top          *tops; /* ascending by cid */
    uint32_t            top_count, top_cap;
    struct crdt__heard *heard;       /* NULL: nothing */
    struct crdt__seq   *replacement; /* what a join puts in place of all this; NULL: nothing */
    struct crdt__seq   *without;     /* all this without what will be forgotten; NULL: none */
    const crdt_space   *space;
} crdt__seq;

/* -- seq.c */
void crdt__seq_init(const crdt_space *space, crdt__seq *seq, crdt__atom_kind kind, bool classic);
void crdt__seq_clear(crdt__seq *seq);
/* Put next, of the same space, in its place. next was allocated, and is gone. */
void crdt__seq_replace(crdt__seq *seq, crdt__seq *next);
void crdt__seq_drop(crdt__seq **next); /* clear and free; NULL is fine */
/* Put the pending run into order and log. Cannot fail. Reads begin with it. */
void     crdt__seq_settle(crdt__seq *seq);
bool     crdt__seq_is_dead(const crdt__seq *seq, uint32_t cid); /* the index must be valid */
uint32_t crdt__seq_visible(const crdt__seq *seq);
bool     crdt__seq_empty(const crdt__seq *seq);
uint64_t crdt__seq_waiting(const crdt__seq *seq);   /* dots of parked rows */
uint64_t crdt__seq_stamp_max(const crdt__seq *seq); /* of sets and moves */
void     crdt__seq_keep(crdt__seq *seq);
void     crdt__seq_undo(crdt__seq *seq);
size_t   crdt__seq_bytes(const crdt__seq *seq); /* memory in use, but for plans */
void     crdt__seq_stats(const crdt__seq *seq, crdt_stats *stats);
bool     crdt__seq_check(const crdt__seq *seq, const crdt_context *seen, const char **ret_reason);
bool     crdt__seq_within(const crdt__seq *seq, const crdt_context *seen);
/* Where an element stands as (author, counter), and back. */
crdt__elem crdt__seq_elem(const crdt__seq *seq, uint32_t cid);
bool       crdt__seq_find(const crdt__seq *seq, crdt__elem elem, uint32_t *ret_cid);

/* -- seq_place.c */
/* The left origin of an element, or NO_CID. */
uint32_t crdt__seq_left_of(const crdt__seq *seq, uint32_t cid);
/* The right parent of a row, resolved. */
uint32_t crdt__seq_right_of(const crdt__seq *seq, const crdt__ins *row);
/* The Lamport time of an element, in classic order. */
uint64_t crdt__seq_lamport_of(const crdt__seq *seq, uint32_t cid);
/* Right beside an element, or at the start for NO_CID. */
crdt__place crdt__seq_right_of_element(const crdt__seq *seq, uint32_t cid);
/* Left origin and right parent of the element at a settled place. */
uint32_t crdt__seq_origins_at(const crdt__seq *seq, crdt__place at, uint32_t *ret_right);
/* <0, 0, >0: in the order; `none` stands for NO_CID: -1 the start, 1 the end. */
int crdt__seq_compare_origins(const crdt__seq *seq, uint32_t a, uint32_t b, int none);
/* Where the first element of the row belongs. False: no honest author could have written it. The
 * index must be valid. */
bool crdt__seq_place(crdt__seq *seq, uint32_t author, const crdt__ins *row, crdt__place *ret_place);

/* -- seq_family.c: many elements of one left origin */
bool crdt__family_has(const crdt__seq *seq, uint32_t left);
void crdt__family_make(crdt__seq *seq, uint32_t left);
/* A row was put in place. */
void        crdt__family_note(crdt__seq *seq, const crdt__ins *row);
crdt__place crdt__family_place(crdt__seq *seq, uint32_t author, const crdt__ins *row);
void        crdt__families_drop(crdt__seq *seq);
size_t      crdt__families_bytes(const crdt__seq *seq); /* memory in use */

/* -- seq_edit.c: operations; pos and count in visible elements, checked by the caller */
/* `count` atoms of `size` bytes before the visible element pos; `instead` others will be deleted at
 * once. Errors: ENOMEM, ELIMIT, EFORK. */
crdt_err crdt__seq_insert(crdt_target *target, uint32_t pos, const uint8_t *bytes, size_t size,
                          uint32_t count, uint32_t instead);
crdt_err crdt__seq_delete(crdt_target *target, uint32_t pos, uint32_t count);
/* Insert right of a dead element, as it stands. Where ids are forgotten that may not be named: then
 * between the visible elements around it, but not before position `least`. What is pending is what
 * was inserted. Errors: as insert. */
crdt_err crdt__seq_insert_beside(crdt_target *target, uint32_t cid, uint32_t least,
                                 const uint8_t *bytes, size_t size, uint32_t count);

/* The hot paths of editors: one ASCII character typed on, one more element deleted beside those
 * pending. False: not that case, or no room; nothing is changed. */
static inline bool crdt__seq_type_on(crdt__seq *seq, uint64_t pos, uint8_t byte)
{
    crdt__pending *p = &seq->pending;
    if (p->kind != CRDT__TYPING || pos != (uint64_t)p->pos + p->count || p->count >= p->room) {
        return false;
    }
    if (!crdt__atoms_append_one(&seq->atoms, byte)) return false;
    p->count++;
    return true;
}

static inline bool crdt__seq_delete_on(crdt__seq *seq, uint64_t pos, uint64_t count)
{
    crdt__pending *p = &seq->pending;
    if (p->kind != CRDT__DELETING || count > p->room - p->count) return false;
    if (pos < p->pos && pos + count == p->pos) p->pos = (uint32_t)pos; /* backwards */
    else if (pos != p->pos || pos + p->count + count > seq->order.visible) return false;
    p->count += (uint32_t)count;
    return true;
}
/* Reserve what such a deletion needs, so that it cannot fail even after one insertion. */
crdt_err crdt__seq_ready_delete(crdt_target *target, uint32_t pos, uint32_t count);

/* -- seq_set.c: values set for elements of lists; stamps decide, then dots */
/* The set that shows for an element, or NULL. */
const crdt__set *crdt__seq_set_of(const crdt__seq *seq, crdt__elem elem);
/* Take in a set if it is later than what is held and its element is not dead. Errors: ENOMEM. */
crdt_err crdt__seq_put_set(crdt__seq *seq, crdt__elem elem, crdt_dot dot, uint64_t stamp,
                           crdt_value value);
/* The elements are dead. */
void crdt__seq_drop_sets(crdt__seq *seq, crdt__elem first, uint32_t len);
/* Those that changed since the last keep, ascending by element, linked by next_changed. */
crdt__set *crdt__sets_changed(crdt__seq *seq);
void       crdt__seq_keep_sets(crdt__seq *seq);
void       crdt__seq_undo_sets(crdt__seq *seq);
void       crdt__seq_clear_sets(crdt__seq *seq);
crdt__elem crdt__set_elem(const crdt__set *set);
crdt_err   crdt__seq_set(crdt_target *target, uint32_t pos, crdt_value value);

/* -- seq_take.c: joins */
/* Take in a row: what of it is not held is put in place or parked. mine: dots that may be held
 * (NULL: none). Errors: ENOMEM, EFORK, ELIMIT: the caller undoes. */
crdt_err crdt__seq_take(crdt__seq *seq, const crdt__row *row, const crdt_context *mine);
/* Put a row that is not held in place, if it is ready (*ret_done). Errors: ENOMEM, ELIMIT. */
crdt_err crdt__seq_put(crdt__seq *seq, const crdt__row *row, bool *ret_done);
/* ... of which no dot or later one is held. Errors: EFORK, too. */
crdt_err crdt__seq_offer(crdt__seq *seq, const crdt__row *row, bool *ret_done);
/* Put those first dots of a deletion in place, of the lowest elements, that are ready. Errors:
 * ENOMEM. */
crdt_err crdt__seq_put_ready(crdt__seq *seq, const crdt__row *row, uint32_t *ret_dots);
/* Does an insertion of this author wait? */
bool crdt__seq_has_waiting(const crdt__seq *seq, uint64_t replica);
/* All that the other holds. Errors: as take. */
crdt_err crdt__seq_take_all(crdt__seq *seq, const crdt__seq *other, const crdt_context *mine);
/* ... of a side that has seen theirs. What it forgot may have to take the place of all that is
 * here:
 * seq.replacement. Errors: EGAP, too. */
crdt_err crdt__seq_prepare(crdt__seq *seq, const crdt__seq *other, const crdt_context *mine,
                           const crdt_context *theirs);
/* -- seq_wait.c */
/* The row waits. Errors: ENOMEM. */
crdt_err crdt__seq_park(crdt__seq *seq, const crdt__row *row);
/* The parked row changes: keep and undo will look at it. */
void crdt__seq_note_parked(crdt__seq *seq, crdt__parked *parked);
/* Elements are there from now on: rows that wait for them can be looked at. */
void crdt__wait_met(crdt__seq *seq, crdt__elem first, uint32_t len);
/* Forget who waits for what. */
void crdt__wait_drop(crdt__seq *seq);
/* Parked rows that can be put in place now, and of deletions what can be. Errors: ENOMEM. */
crdt_err crdt__seq_unpark(crdt__seq *seq);

/* -- seq_read.c */
/* The cursor at a position in visible elements; false past the end. */
bool crdt__seq_cursor(const crdt__seq *seq, uint32_t pos, crdt_side side, crdt_cursor *ret_cursor);
/* ... and where it stands. Errors: ENOENT, ESTALE, ENOMEM. */
crdt_err crdt__seq_cursor_pos(const crdt__seq *seq, crdt_cursor cursor, uint32_t *ret_pos);
/* <0, 0, >0 in *ret_order as cursor a stands before, at or after b. Errors: the same. */
crdt_err crdt__seq_compare_cursors(const crdt__seq *seq, crdt_cursor a, crdt_cursor b,
                                   int *ret_order);
/* Something deleted stands just before the visible element pos (or the end). */
bool crdt__seq_has_gap(const crdt__seq *seq, uint32_t pos);
/* Make ready all that forgetting what the cut covers takes, so that it is done whole or not at all;
 * until it is done, or made unready, nothing may change. Errors: ENOMEM. */
crdt_err crdt__seq_ready(crdt__seq *seq, const crdt_context *cut);
void     crdt__seq_unready(crdt__seq *seq);
/* Forget the content of elements whose deletion is in the cut: their ids stay (R15). Only what was
 * made ready for. */
bool crdt__seq_stabilise(crdt__seq *seq, const crdt_context *cut);

/* -- seq_rows.c: all rows of a replica in order of dots, in the one form that equal states share:
 * each as long as can be. */
typedef struct crdt__rows {
    const crdt__seq *seq;
    uint64_t         replica;
    uint32_t         author; /* or NO_AUTHOR: parked rows only */
    crdt__log_iter   ins, del;
    const crdt__ins *next_ins;
    uint32_t         ins_done; /* dots of it that were given */
    const crdt__del *next_del;
    crdt__omap_iter  parked;
    crdt__parked    *next_parked;
    crdt__row        row; /* being made */
    bool             has_row;
    uint64_t         from; /* rows, or parts of them, below this dot are left out */
} crdt__rows;
/* The key of a parked row. */
void crdt__parked_key(uint64_t replica, uint64_t dot, uint8_t id[16]);
/* What of a parked row still waits; it must not be done. */
crdt__row crdt__parked_row(const crdt__parked *parked);
/* Parked rows in order, from the first one of the replica that was parked at the dot or above. */
crdt__omap_iter crdt__parked_from(const crdt__seq *seq, uint64_t replica, uint64_t dot);
/* The parked row that holds the dot, or NULL. */
crdt__parked *crdt__parked_at(const crdt__seq *seq, uint64_t replica, uint64_t dot);
void crdt__rows_begin(crdt__rows *rows, const crdt__seq *seq, uint64_t replica, uint64_t from);
bool crdt__rows_next(crdt__rows *rows, crdt__row *ret_row);
/* Replicas with rows, ascending: the next after `after` (0: the first); 0 at the end. */
uint64_t crdt__rows_replica(const crdt__seq *seq, uint64_t after);
/* A row of the log as others know it. What may hold stands is a row only as far as part_of_ins
 * tells: of the dots from `done` on. */
crdt__row crdt__row_of_ins(const crdt__seq *seq, uint64_t replica, const crdt__ins *ins);
crdt__row crdt__part_of_ins(const crdt__seq *seq, uint64_t replica, const crdt__ins *ins,
                            uint32_t done);
crdt__row crdt__row_of_del(const crdt__seq *seq, uint64_t replica, const crdt__del *del);
/* The dots [skip, skip + dots) of a row as a row of its own. */
crdt__row crdt__row_cut(const crdt__row *row, uint32_t skip, uint32_t dots);
/* Put b, which follows on a, onto a; false if they are not one row. */
bool crdt__row_join(crdt__row *a, const crdt__row *b, bool classic);
/* Put b onto a as far as they are one row; what is left of b stays in b. True if all of it is. */
bool crdt__rows_join(crdt__row *a, crdt__row *b, bool classic);
/* A row's content, piece by piece. */
typedef struct crdt__content {
    const crdt__row *row;
    crdt__atom_kind  kind;
    uint32_t         done;   /* atoms given */
    const crdt__row *source; /* of bytes: the row itself, or the parked one that comes next */
    uint32_t         source_done;
    size_t           at; /* in the source's bytes */
    crdt_dec         voids;
    uint32_t         void_at, void_len; /* the next stretch of forgotten atoms */
} crdt__content;
crdt__content crdt__content_of(const crdt__row *row, crdt__atom_kind kind);
/* The next *ret_count atoms, forgotten ones as an empty view; false at the end. */
bool crdt__content_next(crdt__content *content, crdt_view *ret_piece, uint32_t *ret_count);

/* -- seq_slot.c: the state of an object, which holds its sequence. A sequence is made when it is
 * first written to, joined or read; what was decoded may stay packed until then (seq_pack.h), so
 * that it takes little more than its bytes. The vtable's entries that lists and texts share. */
typedef struct crdt__pack crdt__pack;

typedef enum crdt__shows { CRDT__SHOWS_UNKNOWN, CRDT__SHOWS_NOT, CRDT__SHOWS } crdt__shows;

typedef struct crdt__slot {
    const crdt_space *space;
    crdt__seq        *seq;  /* NULL: not made yet, or nothing */
    crdt__pack       *pack; /* NULL: none; else seq was made of it, if it was, to be read */
    crdt__atom_kind   kind;
    bool              classic;
    crdt__shows       shows; /* packed: do some of its elements? */
} crdt__slot;

void     crdt__slot_init(const crdt_space *space, void *state, crdt__atom_kind kind, bool classic);
void     crdt__slot_clear(const crdt_space *space, void *state);
uint64_t crdt__slot_move(const crdt_space *space, void *state, void *other);
crdt_err crdt__slot_prepare(crdt_join *join, void *state, const void *other);
bool     crdt__slot_commit(crdt_join *join, void *state, const void *other);
crdt_err crdt__slot_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                          void *ret_part, crdt_context *keep);
bool     crdt__slot_alive(const crdt_ref *ref);
bool     crdt__slot_empty(const void *state);
crdt_err crdt__slot_reset(crdt_target *target);
void     crdt__slot_mark(const void *state, crdt_replicas *ids);
void     crdt__slot_encode(const void *state, crdt_enc *enc);
crdt_err crdt__slot_decode(const crdt_space *space, void *state, crdt_dec *dec);
void     crdt__slot_digest(const void *state, crdt_blocks *blocks);
bool     crdt__slot_check(const crdt_space *space, const void *state, const crdt_context *seen,
                          const char **ret_reason);
bool     crdt__slot_within(const void *state, const crdt_context *seen);
void     crdt__slot_stats(const void *state, crdt_stats *stats);
size_t   crdt__slot_bytes(const void *state);
bool     crdt__slot_stabilise(const crdt_space *space, void *state, const crdt_context *cut);
crdt_err crdt__slot_ready(const crdt_space *space, void *state, const crdt_context *cut);
crdt_err crdt__slot_read(const crdt_space *space, void *state);
crdt_err crdt__slot_learn(const crdt_space *space, void *state);
void     crdt__slot_keep(const crdt_space *space, void *state);
void     crdt__slot_undo(const crdt_space *space, void *state);
crdt_err crdt__slot_seal(const crdt_space *space, void *state, crdt_dot first, void *ret_part);

/* The sequence is made, to be written to: it is packed no more. Errors: ENOMEM. */
crdt_err crdt__slot_open(crdt__slot *slot);
/* ... to be read only. */
crdt_err crdt__slot_unpack(crdt__slot *slot);
/* The sequence that an operation writes to, once its slot was opened. */
static inline crdt__seq *crdt__seq_in(const crdt_target *target)
{
    return ((const crdt__slot *)target->state)->seq;
}
/* The settled sequence behind a reference; NULL: nothing. */
const crdt__seq *crdt__seq_of(const crdt_ref *ref);

#define CRDT__SEQ_SLOTS                                                                      \
    .size = sizeof(crdt__slot), .clear = crdt__slot_clear, .prepare = crdt__slot_prepare,    \
    .commit = crdt__slot_commit, .since = crdt__slot_since, .alive = crdt__slot_alive,       \
    .empty = crdt__slot_empty, .reset = crdt__slot_reset, .mark = crdt__slot_mark,           \
    .encode = crdt__slot_encode, .decode = crdt__slot_decode, .digest = crdt__slot_digest,   \
    .check = crdt__slot_check, .stats = crdt__slot_stats, .stabilise = crdt__slot_stabilise, \
    .move = crdt__slot_move, .within = crdt__slot_within, .keep = crdt__slot_keep,           \
    .undo = crdt__slot_undo, .seal = crdt__slot_seal, .ready = crdt__slot_ready,             \
    .open = crdt__slot_read, .learn = crdt__slot_learn, .bytes = crdt__slot_bytes, .stays = true

#endif
