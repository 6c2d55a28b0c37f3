/* wire.h: messages and entries as bytes. The byte format is described in docs/WIRE.md.
 *
 * Envelopes are protobuf (gossip/gossip.proto); what is many and alike (vectors, entries, digests)
 * is packed in columns inside `bytes` fields. On a link a replica id is an index into a dictionary:
 * the sender defines an index in each message that uses it until the receiver has acknowledged it
 * by a count. So a message is understood whatever was lost before it.
 *
 * Damage   a message begins with 4 bytes of XXH3-64 over the rest: what was damaged on the way is
 *          refused before it is read.
 * Bounds   a message is read with a budget of 8 bytes a byte and 64 KiB; each count is checked
 *          against the bytes that are there before anything is allocated.
 */
#ifndef GOSSIP_WIRE_H
#define GOSSIP_WIRE_H
#include "crdt/buf.h"
#include "gossip/msg.h"
#ifdef __cplusplus
extern "C" {
#endif

/* What encodes what is sent on one link and decodes what comes: two dictionaries and their
 * acknowledgements. A link that begins again has a new one. */
typedef struct gossip_codec       gossip_codec;
CRDT_MUST_CHECK CRDT_API crdt_err gossip_codec_new(const crdt_mem *mem, gossip_codec **ret_codec);
CRDT_API void                     gossip_codec_free(gossip_codec *codec); /* NULL is fine */

/* Appends the message. codec NULL: only HELLO, WELCOME and REFUSED. Errors: ENOMEM, ELIMIT (a bound
 * of msg.h), EINVAL; out and codec are then unchanged. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_wire_encode(gossip_codec *codec, const gossip_msg *msg,
                                                     crdt_buf *out);

/* A message that was read, and the memory it stands in. */
typedef struct gossip_frame gossip_frame;
/* The link and kind of a message, without reading it whole: says which codec it needs. The checksum
 * is looked at. Errors: EMALFORMED, EVERSION (a kind of message that is not known; the link is told
 * all the same). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_wire_peek(crdt_view in, uint32_t *ret_link,
                                                   gossip_msg_kind *ret_kind);
/* Reads a whole message; codec NULL: only HELLO, WELCOME and REFUSED. ret_reason (may be NULL) gets
 * a static text. Views into the message are borrowed from `in`. Errors (codec unchanged):
 * EMALFORMED, ELIMIT, EVERSION (a kind of message that is not known), ENOMEM, ENOENT (an index that
 * was never defined: the link must begin again). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_wire_decode(gossip_codec *codec, crdt_view in,
                                                     const crdt_mem *mem, gossip_frame **ret_frame,
                                                     const char **ret_reason);
CRDT_API const gossip_msg        *gossip_frame_msg(const gossip_frame *frame);
CRDT_API void                     gossip_frame_free(gossip_frame *frame, const crdt_mem *mem);

/* An upper bound of the bytes that the entry adds to a message. */
CRDT_API size_t gossip_wire_entry_bytes(const gossip_entry *entry);

/* One entry alone, with replica ids in full: for logs on disk. Canonical. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_entry_encode(const gossip_entry *entry, crdt_buf *out);
/* Views are borrowed from `in`, deps from *deps (grown as needed; its first use is {0}). */
typedef struct gossip_deps {
    crdt_dot *at;
    size_t    cap;
} gossip_deps;
CRDT_MUST_CHECK CRDT_API crdt_err gossip_entry_decode(crdt_view in, gossip_deps *deps,
                                                      const crdt_mem *mem, gossip_entry *ret_entry,
                                                      const char **ret_reason);
CRDT_API void                     gossip_deps_clear(gossip_deps *deps, const crdt_mem *mem);

#ifdef __cplusplus
}
#endif
#endif
