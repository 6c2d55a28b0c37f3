/* core/cursor.c: see cursor.h. Bytes: 0 or 1 for the ends; else 2 + side, replica (8), varint
 * counter. */
#include "crdt/cursor.h"

#include <string.h>

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

#define HEX_DIGITS 16u

void crdt_cursor_print(crdt_cursor cursor, crdt_buf *out)
{
    if (cursor.replica == 0) {
        crdt_buf_text(out, cursor.side == CRDT_RIGHT ? "end" : "start");
        return;
    }
    char hex[HEX_DIGITS + 1] = {0};
    for (unsigned i = 0; i < HEX_DIGITS; i++) {
        hex[i] = "0123456789abcdef"[cursor.replica >> (4 * (HEX_DIGITS - 1 - i)) & 15];
    }
    crdt_buf_udecimal(out, cursor.counter);
    crdt_buf_text(out, "@");
    crdt_buf_text(out, hex);
    crdt_buf_text(out, cursor.side == CRDT_RIGHT ? ">" : "<");
}

/* A number in this base without leading zeros (decimal) or of all its digits (hex). */
static bool parse_number(const char *at, size_t size, unsigned base, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (base == 16 ? size != HEX_DIGITS : size == 0 || (size > 1 && *at == '0')) return false;
    for (size_t i = 0; i < size; i++) {
        unsigned digit = at[i] >= '0' && at[i] <= '9'   ? (unsigned)(at[i] - '0')
                         : at[i] >= 'a' && at[i] <= 'f' ? (unsigned)(at[i] - 'a') + 10
                                                        : 16;
        if (digit >= base || number > (UINT64_MAX - digit) / base) return false;
        number = number * base + digit;
    }
    *ret_number = number;
    return true;
}

crdt_err crdt_cursor_parse(crdt_view in, crdt_cursor *ret_cursor)
{
    const char *text = in.data, *at = in.size == 0 ? NULL : memchr(text, '@', in.size);
    crdt_cursor cursor = {0, 0, CRDT_LEFT};
    if (crdt_view_compare(in, crdt_view_of("start", 5)) == 0 ||
        crdt_view_compare(in, crdt_view_of("end", 3)) == 0) {
        *ret_cursor = crdt_cursor_end(in.size == 3 ? CRDT_RIGHT : CRDT_LEFT);
        return CRDT_OK;
    }
    if (at == NULL || (text[in.size - 1] != '<' && text[in.size - 1] != '>')) {
        return CRDT_EMALFORMED;
    }
    size_t digits = (size_t)(at - text);
    cursor.side = text[in.size - 1] == '>' ? CRDT_RIGHT : CRDT_LEFT;
    if (!parse_number(text, digits, 10, &cursor.counter) || in.size < digits + 2 ||
        !parse_number(at + 1, in.size - digits - 2, 16, &cursor.replica) || cursor.replica == 0) {
        return CRDT_EMALFORMED;
    }
    *ret_cursor = cursor;
    return CRDT_OK;
}
