/* cursor.h: places in a list or text that stay where they were put while others edit.
 *
 * Shape    an element's id (replica, counter) and the side of it, or the start or end of the whole.
 *          A cursor on the right side of 'a' stays right of 'a' wherever 'a' goes; where its
 *          element is deleted, it stands in the gap.
 * Source   Weiss, Urso, Molli, "Logoot-Undo", IEEE TPDS 21(8), 2010, for positions by id; the sides
 *          are those of Litt et al., "Peritext", CSCW 2022.
 */
#ifndef CRDT_CURSOR_H
#define CRDT_CURSOR_H
#include "crdt/buf.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum crdt_side {
    CRDT_LEFT = 0, /* just left of the element: text inserted there comes before the cursor */
    CRDT_RIGHT = 1 /* just right of it: text inserted there comes after the cursor */
} crdt_side;

typedef struct crdt_cursor {
    uint64_t  replica, counter; /* replica 0: not an element but the end on `side` of the whole */
    crdt_side side;
} crdt_cursor;

/* The start and the end of the whole, wherever they come to lie. */
static inline crdt_cursor crdt_cursor_end(crdt_side side)
{
    crdt_cursor c;
    c.replica = c.counter = 0;
    c.side = side;
    return c;
}

/* 1 byte for the ends, else 10 to 14. decode: EMALFORMED unless it is just what encode writes. */
CRDT_API void                     crdt_cursor_encode(crdt_cursor cursor, crdt_buf *out);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cursor_decode(crdt_view in, crdt_cursor *ret_cursor);

/* As text: "start", "end", or counter, '@', replica in 16 digits of hex, '<' (left) or '>':
 * "12@00000000000000a1>". parse: EMALFORMED unless it is just what print writes. */
CRDT_API void                     crdt_cursor_print(crdt_cursor cursor, crdt_buf *out);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cursor_parse(crdt_view in, crdt_cursor *ret_cursor);

#ifdef __cplusplus
}
#endif
#endif
