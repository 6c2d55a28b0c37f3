/* buf.h: a growing byte buffer, the encoder that writes into one, and the bounded decoder.
 *
 * Numbers are little endian; varints are LEB128 in their shortest form (a longer one is malformed),
 * so that one value has one encoding. Both sides speak of replicas by their place in a dictionary
 * of ids.
 */
#ifndef CRDT_BUF_H
#define CRDT_BUF_H
#include "crdt/base.h"
#include "crdt/limits.h"
#include "crdt/mem.h"
#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that grow. Start from crdt_buf_init; every append that fails (ENOMEM) sets failed, appends
 * nothing, and all later ones fail too: test once at the end with crdt_buf_status. */
typedef struct crdt_buf {
    const crdt_mem *mem;
    uint8_t        *data;
    size_t          size, cap;
    bool            failed;
} crdt_buf;

CRDT_API void     crdt_buf_init(crdt_buf *buf, const crdt_mem *mem); /* mem NULL: malloc(3) */
CRDT_API void     crdt_buf_clear(crdt_buf *buf);                /* frees; ready for use again */
CRDT_API void     crdt_buf_reset(crdt_buf *buf);                /* size 0, memory kept */
CRDT_API crdt_err crdt_buf_status(const crdt_buf *buf);         /* OK or ENOMEM */
CRDT_API bool     crdt_buf_reserve(crdt_buf *buf, size_t more); /* room; false: failed is set */
CRDT_API void     crdt_buf_put(crdt_buf *buf, const void *data, size_t size);
CRDT_API void     crdt_buf_byte(crdt_buf *buf, uint8_t byte);
CRDT_API void     crdt_buf_varint(crdt_buf *buf, uint64_t n);
CRDT_API void     crdt_buf_u64(crdt_buf *buf, uint64_t n);   /* 8 bytes */
CRDT_API void     crdt_buf_view(crdt_buf *buf, crdt_view v); /* varint size, then the bytes */
/* A value: INT: varint 0, 8 bytes. BYTES: varint size + 1, then the bytes. */
CRDT_API void      crdt_buf_value(crdt_buf *buf, crdt_value v);
CRDT_API crdt_view crdt_buf_bytes(const crdt_buf *buf); /* borrowed until the next append */
/* Text, for print functions: a C string; a decimal; a value (an integer, or a quoted string with
 * \xNN for what is not printable ASCII). */
CRDT_API void crdt_buf_text(crdt_buf *buf, const char *text);
CRDT_API void crdt_buf_decimal(crdt_buf *buf, int64_t n);
CRDT_API void crdt_buf_udecimal(crdt_buf *buf, uint64_t n);
CRDT_API void crdt_buf_print_value(crdt_buf *buf, crdt_value v);

static inline uint64_t crdt_zigzag(int64_t n)
{
    return ((uint64_t)n << 1) ^ (n < 0 ? UINT64_MAX : 0);
}
static inline int64_t crdt_unzigzag(uint64_t n)
{
    return (int64_t)((n >> 1) ^ (0 - (n & 1)));
}

/* A sorted set of replica ids; an id's place in it is its number on the wire (interning). */
typedef struct crdt_replicas {
    const crdt_mem *mem;
    uint64_t       *ids; /* ascending once sealed */
    size_t          count, cap;
    bool            sealed, failed;
    uint64_t        few[4]; /* ids may point here: never copied by assignment */
} crdt_replicas;

CRDT_API void     crdt_replicas_init(crdt_replicas *set, const crdt_mem *mem);
CRDT_API void     crdt_replicas_clear(crdt_replicas *set);
CRDT_API void     crdt_replicas_add(crdt_replicas *set, uint64_t id); /* failed is set on ENOMEM */
CRDT_API crdt_err crdt_replicas_seal(crdt_replicas *set);             /* sorts, drops doubles */
/* The place of id. It must be in the sealed set. Cost: O(log n). */
CRDT_API uint32_t crdt_replicas_place(const crdt_replicas *set, uint64_t id);

typedef struct crdt_enc {
    crdt_buf            *out;
    const crdt_replicas *dict;  /* sealed */
    bool                 state; /* of a store, not of a delta: a type may have a form for each */
} crdt_enc;

static inline void crdt_enc_replica(crdt_enc *enc, uint64_t id)
{
    crdt_buf_varint(enc->out, crdt_replicas_place(enc->dict, id));
}

/* May a type keep what it reads as bytes, until it is asked for? NOW: only if it would take more
 * memory than such bytes may; SMALL: if it is an object among many; LATER: yes, it is a delta's. */
typedef enum crdt_later { CRDT_NOW, CRDT_LATER_IF_SMALL, CRDT_LATER } crdt_later;

/* What is read: an object of a state or of a delta; or either. */
typedef enum crdt_form { CRDT_EITHER, CRDT_OF_STATE, CRDT_OF_DELTA } crdt_form;

/* Reads within [at, end). The first error sticks, moves at to end and makes every later read give 0
 * (or an empty view): test once with crdt_dec_status. reason is a static text. */
typedef struct crdt_dec {
    const uint8_t        *at, *end;
    const uint64_t       *dict; /* replica ids by place, ascending */
    size_t                dict_count;
    const crdt_limits    *limits;
    crdt_err              err;
    const char           *reason;
    crdt_later            later;
    crdt_form             form;
    uint32_t              depth;   /* of objects that this one lies in */
    struct crdt__reading *reading; /* the store's own; NULL: there is none */
} crdt_dec;

CRDT_API void      crdt_dec_init(crdt_dec *dec, crdt_view in, const crdt_limits *limits);
CRDT_API crdt_err  crdt_dec_fail(crdt_dec *dec, crdt_err err,
                                 const char *reason); /* keeps the first */
CRDT_API crdt_err  crdt_dec_status(const crdt_dec *dec);
CRDT_API size_t    crdt_dec_left(const crdt_dec *dec);
CRDT_API uint8_t   crdt_dec_byte(crdt_dec *dec);
CRDT_API uint64_t  crdt_dec_varint(crdt_dec *dec);
CRDT_API uint64_t  crdt_dec_u64(crdt_dec *dec);
CRDT_API crdt_view crdt_dec_bytes(crdt_dec *dec, size_t size); /* borrowed from the input */
CRDT_API crdt_view crdt_dec_view(crdt_dec *dec, size_t max,
                                 const char *what); /* ELIMIT above max */
CRDT_API crdt_value
crdt_dec_value(crdt_dec *dec); /* bytes borrowed; ELIMIT above limits.value_bytes */
/* A count of things that take at least min_size bytes each in what is left: malformed if it cannot
 * be, so nothing is allocated for a count that the input does not hold. */
CRDT_API size_t   crdt_dec_count(crdt_dec *dec, size_t min_size, const char *what);
CRDT_API uint64_t crdt_dec_replica(crdt_dec *dec); /* an id, by its place */

#ifdef __cplusplus
}
#endif
#endif
