/* delta.h: changes of a text, in bytes: keep so many, insert this, delete so many. What is behind
 * the last step is kept.
 *
 * Order    what is inserted where something is deleted stands before it.
 * Source   operational transformation as Ellis and Gibbs, "Concurrency control in groupware
 *          systems", SIGMOD 1989. The node decides what text there is; this only puts what was
 *          typed and not yet sent in its place.
 */
#ifndef EDIT_DELTA_H
#define EDIT_DELTA_H
#include <stdbool.h>
#include <stddef.h>

typedef enum delta_kind { DELTA_KEEP, DELTA_INSERT, DELTA_DELETE } delta_kind;

typedef struct delta_step {
    delta_kind kind;
    size_t     count; /* bytes */
    char      *text;  /* of INSERT; owned */
    size_t     cap;
} delta_step;

/* Zeros: nothing changes. */
typedef struct delta {
    delta_step *at;
    size_t      count, cap;
} delta;

void delta_clear(delta *d);
bool delta_is_empty(const delta *d);
/* *d becomes *from, which is empty then. */
void delta_move(delta *d, delta *from);

/* Behind the steps that there are. */
void delta_keep(delta *d, size_t count);
void delta_insert(delta *d, const char *text, size_t size);
void delta_delete(delta *d, size_t count);

/* First a, then b, as one. d is empty before, and none of them. */
void delta_compose(const delta *a, const delta *b, delta *d);
/* d does not know of b, nor b of it: what d is after b. mine: of two insertions at one place that
 * of d stands first. */
void delta_rebase(const delta *a, const delta *b, bool mine, delta *d);
/* `all` did what `mine` does, among other things: what the others are after mine. */
void delta_without(const delta *all, const delta *mine, delta *d);
/* Split off what inserts at most so many bytes (whole characters), at least one step of it: d; a
 * becomes what is left, after d. */
void delta_take(delta *a, size_t bytes, delta *d);

/* Where a place between bytes is after d; what is inserted at the place is behind it. */
size_t delta_place(const delta *d, size_t place);
/* Bytes that it inserts. */
size_t delta_inserted(const delta *d);

#endif
