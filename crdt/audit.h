/* audit.h: append-only log of who did what when, and what that superseded.
 *
 * Shape    dot -> record; the records of one replica are numbered, and each has the hash of the one
 *          before: {r1:4 -> 1 "ann" "set" "dose" <- , r1:9 -> 2 "ann" "set" "dose" <- hash of 1}
 * Merge    by dot. Nothing is overwritten, and nothing is dropped but by crdt_audit_retain, which
 *          leaves a record of what it dropped. Removing the object is refused (ERIGHTS). It has a
 *          name of its own: maps, whose removals take all that is in them, do not hold it.
 * Faults   crdt_audit_verify finds records that were changed, that do not follow the one before,
 *          gaps, a number used twice, and two bodies under one revision id. It tells of them and
 *          picks none; nothing is refused for them, so evidence stays. Whoever can write all
 *          replicas can forge a chain anew: keep a copy of its last hash elsewhere.
 * Hashes   BLAKE2b, 128 bits.
 * Source   Schneier, Kelsey, "Secure audit logs to support computer forensics", ACM TISSEC 2(2),
 *          1999, for the chain.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_audit_hash   old = crdt_audit_digest(crdt_text("2 mg"));
 *      crdt_value        dose = crdt_text("3 mg");
 *      crdt_audit_entry  entry = {.author = ann, .operation = set, .subject = name, .body = &dose,
 *                                 .superseded = &old, .superseded_count = 1};
 *      crdt_mvreg_set(txn, name, dose);
 *      crdt_audit_append(txn, crdt_text_view("audit"), &entry);  // both are there, or neither
 */
#ifndef CRDT_AUDIT_H
#define CRDT_AUDIT_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_audit_type;

/* A stand-alone log, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_audit_new(uint64_t replica, const crdt_mem *mem,
                                                 crdt_store **ret_store);

typedef struct crdt_audit_hash {
    uint8_t bytes[16];
} crdt_audit_hash;

CRDT_API crdt_audit_hash crdt_audit_digest(crdt_value value);

/* -- Writing ----------------------------------------------------------------------------------- */

/* What to record; all is copied. */
typedef struct crdt_audit_entry {
    crdt_view              author, operation, subject; /* who, what, to what: any bytes */
    const crdt_value      *body;       /* what was written; NULL: nothing. Its digest is kept */
    bool                   revision;   /* subject is the id of body: another under it is a fault */
    const crdt_audit_hash *superseded; /* crdt_audit_digest of what body takes the place of */
    size_t                 superseded_count;
} crdt_audit_entry;

/* Append a record, stamped by the store's clock. O(log n). Errors: ENOMEM, EINVAL (no kind of
 * value), ELIMIT (record above limits.value_bytes, or records above limits.elements), ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_audit_append(crdt_txn *txn, crdt_view name,
                                                    const crdt_audit_entry *entry);
/* Drop, of each replica's records, those from the first on that have stamps below `before`
 * (crdt_stamp_of), but not the last `keep`, 1 or more; and append a record by `author` that says
 * so. Nothing to drop: OK, no change. O(n log n). Errors: as append; EINVAL (keep 0); EMALFORMED:
 * there are faults, which must not be wiped away. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_audit_retain(crdt_txn *txn, crdt_view name, crdt_view author,
                                                    uint64_t before, uint64_t keep);

/* -- Reading ----------------------------------------------------------------------------------- */

/* Views are borrowed until the store changes. */
typedef struct crdt_audit_record {
    crdt_dot        dot;
    uint64_t        stamp, number; /* number: of the dot's replica, from 1 */
    crdt_view       author, operation, subject;
    bool            has_body, revision, retention; /* retention: by crdt_audit_retain */
    crdt_audit_hash body, before, hash; /* before: of the replica's record before; 0: none */
    size_t          superseded_count;
    crdt_view       superseded; /* crdt_audit_superseded */
} crdt_audit_record;

CRDT_API crdt_audit_hash crdt_audit_superseded(const crdt_audit_record *record, size_t i);

/* Records, O(1); within a transaction O(n). */
CRDT_API size_t crdt_audit_count(crdt_ref audit);

/* Cursor on the caller's stack: by replica, in their order. Ends with any change of the store. */
typedef struct crdt_audit_iter {
    crdt_ref audit;
    uint32_t at[4];
} crdt_audit_iter;
CRDT_API crdt_audit_iter crdt_audit_iterate(crdt_ref audit);
CRDT_API bool            crdt_audit_next(crdt_audit_iter *it, crdt_audit_record *ret_record);

typedef enum crdt_audit_fault {
    CRDT_AUDIT_CHANGED,   /* the record's hash is not that of its bytes */
    CRDT_AUDIT_UNLINKED,  /* it has not the hash of the record before it */
    CRDT_AUDIT_GAP,       /* records are missing before it, and no retention says so */
    CRDT_AUDIT_TWICE,     /* `other`, of the same replica, has its number, or a greater one */
    CRDT_AUDIT_TWO_BODIES /* `other` gives another body under the same revision id */
} crdt_audit_fault;

typedef struct crdt_audit_finding {
    crdt_audit_fault fault;
    crdt_dot         dot, other; /* other: of the last two faults */
} crdt_audit_finding;

/* "changed", static. */
CRDT_API const char *crdt_audit_fault_name(crdt_audit_fault fault);
/* All faults: an array by mem (NULL: malloc(3)), to be freed by crdt_audit_findings_free; NULL and
 * 0: none. O(n log n). Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_audit_verify(crdt_ref audit, const crdt_mem *mem,
                                                    crdt_audit_finding **ret_findings,
                                                    size_t              *ret_count);
CRDT_API void crdt_audit_findings_free(const crdt_mem *mem, crdt_audit_finding *findings,
                                       size_t count);

#ifdef __cplusplus
}
#endif
#endif
