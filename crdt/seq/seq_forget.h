/* seq/seq_forget.h: forgetting the ids of what was deleted, where crdt_options.forget_ids asks for
 * it.
 *
 * A sequence is a tree. FugueMax: an element with a right parent is a left child of that, others
 * are right children of their left origin; siblings stand in the order of their ids. Classic: all
 * are right children of their left origin, the latest first. In order, the tree is the sequence.
 *
 * Naming   An insertion made between the visible elements p and x names none but them, whatever
 *          dead elements lie between: if x stands in the subtree right of p it is a left child of
 *          x, else a right child of p (classic: always a right child of p). Both are between p
 *          and x in every replica: elements right of p before x are dead, and so is what else may
 *          be left of x. A left child has the left origin of its parent, so rows need not tell
 *          it, and what they tell is not looked at. Deletions and sets name what is visible. So
 *          nothing that is made where a deletion has been delivered names what it deleted.
 * What     A dot of an insertion is forgotten under the stable cut S if it is in S, each of its
 *          elements was deleted by a dot in S and by none that is not, and each child of its
 *          elements is in S. Deletions go with the last element that they name. When S is acted
 *          on, all that names an element deleted in S is held by everyone who acts on it (it was
 *          made before its author delivered the deletion, so before what proves that), and nothing
 *          will come. Whoever lacks a child yet has not got the cut, either. A stand (seq_stand.h)
 *          at which nothing shows any more because of a deletion or a later move in S is like what
 *          was deleted, but never loses its content: a stand that stays knows what it is for.
 * Instead  The children of what goes become children of its parent, on its side, in its place
 *          among the siblings, in their order. Such an element is told by its *top*: the id (and
 *          time) of the topmost forgotten one between it and its new parent, by which it is
 *          compared with its siblings, and its place among those of the same top. Later siblings
 *          are never compared with anything else: the top's ids stood there. All of it follows
 *          from the tree and S: so it does not matter in how many steps it was forgotten.
 * Rest     A dot is forgotten whole or not at all: what stays of it dead is some spans for each
 *          visible one. Of each author the count of elements stays: ids are never used again.
 *
 * Proven   by all small histories and random ones: tests/laws/forget_test.c.
 */
#ifndef CRDT_SEQ_SEQ_FORGET_H
#define CRDT_SEQ_SEQ_FORGET_H
#include "crdt/seq/seq.h"

/* Forgotten ids and tops as somebody else tells of them: bytes being read, or a sequence being
 * joined. While it is there (crdt__seq.heard) rows that need it find it. */
typedef struct crdt__heard_gap {
    uint64_t replica;
    uint32_t ctr, len;
} crdt__heard_gap;
typedef struct crdt__heard_top {
    crdt__elem elem;
    crdt__top  top;
} crdt__heard_top;
typedef struct crdt__heard {
    crdt__heard_gap *gaps; /* ascending */
    crdt__heard_top *tops; /* ascending */
    uint32_t         gap_count, gap_cap, top_count, top_cap;
    uint64_t         lamport; /* of bytes, in classic order: the latest time */
} crdt__heard;

/* -- seq_heard.c */
/* The element's ancestors up to its parent were forgotten: its top. NULL: they were not. */
const crdt__top *crdt__top_of(const crdt__seq *seq, uint32_t cid);
/* The first top at or after the element. */
uint32_t crdt__top_from(const crdt__seq *seq, uint32_t cid);
size_t   crdt__tops_bytes(const crdt__seq *seq); /* memory of tops, and of what was heard */
/* Numbers of tops in order of what they are of, then of nth. */
void crdt__tops_sort(const crdt__top *tops, uint32_t *list, uint32_t count);
/* By what an element is compared with its siblings. */
typedef struct crdt__rank {
    uint64_t lamport, replica;
    uint32_t ctr, nth;
} crdt__rank;
crdt__rank crdt__rank_of(const crdt__seq *seq, uint32_t cid);
/* Of the first element of a row that is about to be put in place. */
crdt__rank crdt__rank_of_row(const crdt__seq *seq, uint32_t author, const crdt__ins *row);
/* <0, 0, >0: by id alone, or by time and id. */
int crdt__rank_compare(const crdt__rank *a, const crdt__rank *b);

/* A forgotten element? (Not one that has not come.) */
bool crdt__seq_is_gone(const crdt__seq *seq, crdt__elem elem);
/* What `from` has forgotten is heard from now on until crdt__seq_unhear. Errors: ENOMEM. */
crdt_err crdt__seq_hear(crdt__seq *seq, const crdt__seq *from);
void     crdt__seq_unhear(crdt__seq *seq);
/* Of this author ids that come next were forgotten: pass them. Errors: ENOMEM. */
crdt_err crdt__seq_pass_gone(crdt__seq *seq, uint32_t author);
/* Tops of the elements of a row that was put in place. Room for them; then they go in. */
crdt_err crdt__seq_reserve_tops(crdt__seq *seq, const crdt__ins *row, uint64_t replica);
void     crdt__seq_add_tops(crdt__seq *seq, const crdt__ins *row, uint64_t replica);
crdt_err crdt__seq_add_top(crdt__seq *seq, const crdt__top *top); /* of the greatest cid */
void     crdt__seq_cut_tops(crdt__seq *seq, uint32_t cid);        /* of elements from cid on */
void     crdt__seq_clear_tops(crdt__seq *seq);
/* The cut covers what a state forgot: whoever holds less than the cut must get it whole. */
bool crdt__seq_cut_within(const crdt__seq *seq, const crdt_context *ctx);

/* The bytes: how many authors; for each, ascending, its place, its gaps and its tops: how many;
 * gaps: counter less the end of the one before, length; tops: counter less the one before + 1, the
 * forgotten one's replica and counter, nth, in classic order its time. Then, in classic order, the
 * latest time. */
void     crdt__gone_mark(const crdt__seq *seq, crdt_replicas *ids);
void     crdt__gone_encode(const crdt__seq *seq, crdt_enc *enc);
crdt_err crdt__gone_decode(crdt__seq *seq, crdt_dec *dec);
/* All that the bytes told of has come to pass, and makes sense. Errors: EMALFORMED. */
crdt_err crdt__gone_decoded(crdt__seq *seq, crdt_dec *dec);
void     crdt__gone_digest(const crdt__seq *seq, crdt_blocks *blocks);
/* list: room for as many numbers as there are tops; NULL: how they stand is not looked at. */
bool crdt__gone_check(const crdt__seq *seq, uint32_t *list, const char **ret_reason);

/* -- seq_forget.c */
/* Make ready the sequence without what the cut allows to forget: seq.without, NULL if that is
 * nothing; nothing goes while rows wait. Then (after keep) let it take its place. Errors: ENOMEM.
 * O(elements). */
crdt_err crdt__seq_forget_ids(crdt__seq *seq, const crdt_context *cut);
void     crdt__seq_forgotten(crdt__seq *seq);

/* Left origin, right parent of what is inserted between two visible elements, that is right of
 * place, where the next element is dead. */
void crdt__seq_name_visible(crdt__seq *seq, uint32_t pos, crdt__ins *row);

#endif
