/* form.h: what the bytes of a store say of themselves, read by a second, naive reader. */
#ifndef FUZZ_FORM_H
#define FUZZ_FORM_H
#include "fuzz/fuzz.h"

typedef struct fuzz_form {
    unsigned kind; /* the third byte */
    size_t   objects;
    /* An object of a type unknown here, or one kept elsewhere as fragments of an unknown type. Such
     * bytes may have two forms (rule R8): what is encoded is the other form of the same. */
    bool foreign;
} fuzz_form;

/* Of bytes that decode took. */
fuzz_form fuzz_form_of(const crdt_options *options, crdt_view in);
/* Decoding these bytes gave err and took so many bytes of memory at its peak: at most 8 x the input
 * + 64 KiB. */
void fuzz_budget(crdt_view in, crdt_err err, size_t peak);
/* The store encodes to just these bytes, which it was decoded from; if they are foreign, to bytes
 * that decode and encode to themselves. */
void fuzz_strict(const crdt_options *options, const crdt_store *store, crdt_view in);

#endif
