/* core/dec.h: the decoder's commonest steps in line, for what reads many small things. */
#ifndef CRDT_CORE_DEC_H
#define CRDT_CORE_DEC_H
#include "crdt/buf.h"

static inline uint64_t crdt__dec_varint(crdt_dec *dec)
{
    if (dec->at < dec->end && *dec->at < 0x80) return *dec->at++;
    return crdt_dec_varint(dec);
}

static inline crdt_view crdt__dec_view(crdt_dec *dec, size_t max, const char *what)
{
    uint64_t size = crdt__dec_varint(dec);
    if (size <= max && size <= (size_t)(dec->end - dec->at)) {
        dec->at += size;
        return crdt_view_of(dec->at - size, (size_t)size);
    }
    crdt_dec_fail(dec, size > max ? CRDT_ELIMIT : CRDT_EMALFORMED, size > max ? what : "truncated");
    return crdt_view_of(NULL, 0);
}

#endif
