/* core/cursor.c: see cursor.h. Bytes: 0 or 1 for the ends; else 2 + side, replica (8), varint
 * counter. */
#include "crdt/cursor.h"

void crdt_cursor_encode(crdt_cursor cursor, crdt_buf *out)
{
    unsigned side = cursor.side == CRDT_RIGHT ? 1 : 0;
    if (cursor.replica == 0) {
        crdt_buf_byte(out, (uint8_t)side);
        return;
    }
    crdt_buf_byte(out, (uint8_t)(2 + side));
    crdt_buf_u64(out, cursor.replica);
    crdt_buf_varint(out, cursor.counter);
}

crdt_err crdt_cursor_decode(crdt_view in, crdt_cursor *ret_cursor)
{
    crdt_dec    dec;
    crdt_cursor cursor = {0, 0, CRDT_LEFT};
    crdt_dec_init(&dec, in, NULL);
    uint8_t head = crdt_dec_byte(&dec);
    if (crdt_dec_status(&dec) != CRDT_OK || head > 3) return CRDT_EMALFORMED;
    cursor.side = head % 2 == 1 ? CRDT_RIGHT : CRDT_LEFT;
    if (head >= 2) {
        cursor.replica = crdt_dec_u64(&dec);
        cursor.counter = crdt_dec_varint(&dec);
        if (cursor.replica == 0) return CRDT_EMALFORMED;
    }
    if (crdt_dec_status(&dec) != CRDT_OK || crdt_dec_left(&dec) > 0) return CRDT_EMALFORMED;
    *ret_cursor = cursor;
    return CRDT_OK;
}
