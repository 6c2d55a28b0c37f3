/* marks/marks.h: marks of texts, inside: see crdt/marks.h.
 *
 * Shape    the state is elements by dot (core/elems.h), each a record: bytes that tell of one mark.
 *          Record: head (1: it has a value, 2: it took another mark's place), stamp (8 bytes), of
 *          such a one the dot of the first one (replica 8 bytes, varint seq); start and end, each a
 *          size and a cursor; key; value.
 * Order    of marks of one key: stamp, then the dot under which it was first said.
 */
#ifndef CRDT_MARKS_MARKS_H
#define CRDT_MARKS_MARKS_H
#include "crdt/core/sets.h"
#include "crdt/marks.h"

typedef struct crdt__marks {
    crdt__elems elems;     /* first: the slots of sets take it for theirs */
    uint64_t    stamp_max; /* no stamp held is above it */
} crdt__marks;

/* What a record says. Views are borrowed from it. */
typedef struct crdt__said {
    crdt_dot    dot;   /* under which it is held */
    crdt_dot    first; /* under which it was first said: the same, unless it was renewed */
    uint64_t    stamp;
    crdt_cursor start, end;
    crdt_view   key;
    bool        has_value;
    crdt_value  value;
} crdt__said;

/* -- record.c */
/* False: this is no record. dot and first are those given, or told. */
bool crdt__said_parse(crdt_dot dot, crdt_view record, crdt__said *ret_said);
/* Append the record; its stamp may be set later by set_stamp. renewed: first is told. */
void crdt__said_write(const crdt__said *said, bool renewed, crdt_buf *out);
void crdt__said_set_stamp(crdt_buf *record, uint64_t stamp);
/* By stamp, then first dot, then dot: the greatest shows. */
int crdt__said_compare(const crdt__said *a, const crdt__said *b);

/* All marks that show through ref, one by one; at is {0} at first. */
bool crdt__marks_next(const crdt_ref *ref, uint32_t at[4], crdt__said *ret_said);
/* The one held under dot. With any mark that is put what was told before may end. */
bool crdt__marks_fetch(const crdt_txn *txn, crdt_view name, crdt_dot dot, crdt__said *ret_said);
/* Their number, waiting ones and such without a value too. */
size_t crdt__marks_count(const crdt_ref *ref);

/* -- spans.c */
/* The marks that can be laid over the text, with where they stand in it: an array of all that show
 * through ref, of which *ret_count are told; freed by laid_free. Those that wait or are stale are
 * counted. Errors: ENOMEM. */
typedef struct crdt__laid {
    crdt__said said;
    uint64_t   start, end; /* in the unit asked for; it shows nothing unless start < end */
    bool       hidden;     /* told by crdt__lay_hide */
} crdt__laid;
typedef struct crdt__laying {
    const crdt_mem *mem;
    crdt__laid     *at;
    size_t          count, cap;
    size_t          waiting, stale;
} crdt__laying;
crdt_err crdt__lay(crdt_ref text, const crdt_ref *marks, crdt_unit unit, const crdt_mem *mem,
                   crdt__laying *ret_laying);
void     crdt__laying_free(crdt__laying *laying);
/* ... of the text of a name, which is told too, and what a transaction shows beside it. Errors:
 * ENOENT, ETYPE, too. */
crdt_err crdt__lay_all(const crdt_txn *txn, crdt_view name, crdt_unit unit, crdt_ref *ret_text,
                       crdt__laying *ret_laying);
/* The text of a name, as a transaction sees it. Errors: ENOENT, ETYPE, ENOMEM. */
crdt_err crdt__marks_text(const crdt_txn *txn, crdt_view name, crdt_ref *ret_text);
/* Is it a text? */
bool crdt__marks_is_text(const crdt_type *type);

/* -- tidy.c */
/* Tell of each mark whether it is hidden for good: a later one of its key lies over the whole of
 * it, deleted elements told apart, or its end is not behind its start. O(n log n). Errors:
 * ENOMEM. */
crdt_err crdt__lay_hide(crdt_ref text, crdt__laying *laying);

/* -- write.c */
#define CRDT__MARKS_OPS 2
extern const crdt_op crdt__marks_ops[CRDT__MARKS_OPS];
/* A mark over a stretch of the text, value NULL: without one; without tidying. Errors: as
 * crdt_marks_set. */
crdt_err crdt__marks_over(crdt_txn *txn, crdt_view name, crdt_range range, crdt_mark mark,
                          const crdt_value *value);
/* Put said in the place of the mark held under said->dot. Errors: ENOMEM, ELIMIT. */
crdt_err crdt__marks_move(crdt_txn *txn, crdt_view name, const crdt__said *said);

#endif
