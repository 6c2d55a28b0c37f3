/* audits.h: what CRDT.AUDIT.VERIFY replies: do the chains of an audit hold? */
#ifndef NODE_AUDITS_H
#define NODE_AUDITS_H
#include "crdt/audit.h"
#include "node/reply.h"

/* OK, or an array of the records that break a chain, each a map: fault (crdt_audit_fault_name),
 * record, other (the one it is at odds with, or null). O(n log n). Errors: ENOMEM; nothing is
 * replied then. */
crdt_err audits_reply(crdt_ref audit, reply *r);

#endif
