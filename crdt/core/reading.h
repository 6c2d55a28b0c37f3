/* core/reading.h: what the store and types that hold others (crdt/map/) tell each other about bytes
 * that are being read, and about objects of types that nobody here knows.
 *
 * Memory   what lies in an object may take far more memory than bytes. So whoever reads it counts
 *          (crdt__reading_takes); once it is more than it may be, all that is read is still
 *          checked, but not kept: the reading is thin, and the store keeps the bytes.
 * Foreign  an object of an unknown type that lies in another is kept as the store keeps those that
 *          it names: as fragments (store/opaque.c). As such it is told, marked by whoever holds it:
 *          varint count of origins, each as in store/code.c; then as an object's fragments there.
 */
#ifndef CRDT_CORE_READING_H
#define CRDT_CORE_READING_H
#include "crdt/type.h"

/* A part of the bytes of one message, or of what a fragment kept of one. */
typedef struct crdt__reading {
    const crdt_context  *seen;   /* that it came with; its ids are the decoder's */
    crdt_view            keep;   /* the bytes of the dots kept of the object, or nothing */
    struct crdt__origin *own;    /* a reference, once there is an object of an unknown type */
    const uint8_t       *from;   /* what is held is measured by the bytes from here on; NULL: not */
    size_t               held;   /* memory */
    bool                 strict; /* too much is ELIMIT: what is read is needed at once */
    bool                 thin;   /* what is read is checked, and let go of */
    bool                 replayed; /* fragments of known types were read: they may be nothing */
} crdt__reading;

/* What was read up to here takes so many bytes more. Errors: ELIMIT. */
crdt_err crdt__reading_takes(crdt_dec *dec, size_t bytes);
/* The ids that are used by what is let go of. */
crdt_replicas *crdt__reading_used(crdt_dec *dec);

extern const crdt_type crdt__opaque_type;

/* The body of an object of an unknown type, as its own type wrote it; as fragments; and fragments
 * of a type that is known now. Errors: ENOMEM, EMALFORMED, ELIMIT, EVERSION. */
crdt_err crdt__foreign_get(const crdt_space *space, void *state, crdt_dec *dec, crdt_view body);
crdt_err crdt__foreign_read(const crdt_space *space, void *state, crdt_dec *dec);
crdt_err crdt__foreign_replay(const crdt_space *space, const crdt_type *type, void *state,
                              crdt_dec *dec);
void     crdt__foreign_encode(const void *state, crdt_enc *enc); /* as fragments */

#endif
