/* audits.c: see audits.h. Records are named as CRDT.AUDIT.GET names them: by their number in the
 * chain of their replica. Findings have dots. */
#include "node/audits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct numbered {
    crdt_dot dot;
    uint64_t number;
} numbered;

static int by_dot(const void *a, const void *b)
{
    return crdt_dot_compare(*(const crdt_dot *)a, *(const crdt_dot *)b); /* the first member */
}

/* All records, by dot. NULL: no memory. */
static numbered *number_all(crdt_ref audit, size_t *ret_count)
{
    size_t            count = 0, room = crdt_audit_count(audit);
    numbered         *all = calloc(room + 1, sizeof *all);
    crdt_audit_iter   it = crdt_audit_iterate(audit);
    crdt_audit_record rec;
    if (all == NULL) return NULL;
    while (count < room && crdt_audit_next(&it, &rec)) {
        all[count++] = (numbered){rec.dot, rec.number};
    }
    qsort(all, count, sizeof *all, by_dot);
    *ret_count = count;
    return all;
}

static void reply_record(reply *r, const numbered *all, size_t count, crdt_dot dot)
{
    char            text[48];
    const numbered *at = bsearch(&dot, all, count, sizeof *all, by_dot);
    snprintf(text, sizeof text, "%016" PRIx64 ":%" PRIu64, dot.replica, at ? at->number : 0);
    reply_text(r, text);
}

static void reply_finding(reply *r, const numbered *all, size_t count,
                          const crdt_audit_finding *finding)
{
    bool two = finding->fault == CRDT_AUDIT_TWICE || finding->fault == CRDT_AUDIT_TWO_BODIES;
    reply_map(r, 3);
    reply_text(r, "fault");
    reply_text(r, crdt_audit_fault_name(finding->fault));
    reply_text(r, "record");
    reply_record(r, all, count, finding->dot);
    reply_text(r, "other");
    if (two) reply_record(r, all, count, finding->other);
    else reply_null(r);
}

static crdt_err reply_findings(crdt_ref audit, const crdt_audit_finding *findings, size_t count,
                               reply *r)
{
    size_t    records;
    numbered *all = number_all(audit, &records);
    if (all == NULL) return CRDT_ENOMEM;
    reply_array(r, count);
    for (size_t i = 0; i < count; i++) reply_finding(r, all, records, &findings[i]);
    free(all);
    return CRDT_OK;
}

crdt_err audits_reply(crdt_ref audit, reply *r)
{
    crdt_audit_finding *findings;
    size_t              count;
    crdt_err            err = crdt_audit_verify(audit, NULL, &findings, &count);
    if (err != CRDT_OK) return err;
    if (count == 0) reply_ok(r);
    else err = reply_findings(audit, findings, count, r);
    crdt_audit_findings_free(NULL, findings, count);
    return err;
}
