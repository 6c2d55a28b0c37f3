/* token.h: what a node has seen, as a line of text that clients carry to other nodes: whoever waits
 * there until it is seen, too, reads what it has written (or read) here.
 *
 * Form     base64 (RFC 4648, the alphabet for URLs, no padding) of: version 1; the cluster's id; a
 *          checksum of what follows, mixed with the id; a causal context (crdt/context.h). 8 bytes
 *          each, least byte first, but for the version, which is one.
 */
#ifndef NODE_TOKEN_H
#define NODE_TOKEN_H
#include "crdt/context.h"

#define TOKEN_MAX (1u << 20) /* characters: one of a hundred thousand nodes */

/* Errors: ENOMEM. */
crdt_err token_write(uint64_t cluster, const crdt_context *seen, crdt_buf *out);
/* Into an empty context. Errors (ret_reason says more): EMALFORMED, ELIMIT (longer than TOKEN_MAX),
 * EVERSION, EEXIST (of another cluster), ENOMEM. Time and memory linear in the text. */
crdt_err token_read(crdt_view text, uint64_t cluster, crdt_context *ret_seen,
                    const char **ret_reason);

#endif
