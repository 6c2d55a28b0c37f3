/* tale.h: small histories of concurrent edits of one text, told by transactions and their parents
 * in the form of eg-walker-reference's conformance cases: read from their file, or made up.
 *
 * An agent's transactions need not have seen each other: only the parents say what was seen.
 */
#ifndef TESTS_LAWS_LIB_TALE_H
#define TESTS_LAWS_LIB_TALE_H
#include "crdt/buf.h"
#include "tests/laws/lib/line.h"
#include "tests/lib/json.h"

#define TALE_TXNS_MAX 64
#define TALE_OPS_MAX 8
#define TALE_AGENTS_MAX 8

typedef struct tale_op {
    size_t    pos, deleted;
    crdt_view inserted; /* in tale.bytes once the tale is whole */
} tale_op;

typedef struct tale_txn {
    unsigned agent; /* by name, in order */
    uint64_t seq;   /* of its first character: every inserted or deleted one takes one */
    uint64_t first, end;
    uint64_t parents, past; /* transactions: just before it; all before it */
    size_t   count;
    tale_op  ops[TALE_OPS_MAX];
} tale_txn;

typedef struct tale {
    bool     classic; /* told of a text of the classic order */
    size_t   count;
    tale_txn txns[TALE_TXNS_MAX];
    crdt_buf bytes, end_text;
} tale;

void tale_init(tale *t);
void tale_clear(tale *t);

/* The next case of the file's array; what is wrong becomes the reader's error. */
void tale_read(json *j, tale *t);
/* One made up from the seed; its end text is by the plain order (line.h). */
void tale_make(uint64_t seed, bool classic, tale *t);

/* Play it into the empty line l, of the tale's order. False: a position is past the end. */
bool tale_play(const tale *t, line *l);
/* The text that the transactions in `set` leave, appended. */
void tale_text(const tale *t, const line *l, uint64_t set, crdt_buf *out);
/* A random order in which parents come before children. */
void tale_order(const tale *t, uint64_t *rand, unsigned *ret_order);

/* The code points of well-formed UTF-8, and the n-th of them. */
size_t    tale_characters(crdt_view text);
crdt_view tale_character(crdt_view text, size_t n);

/* splitmix64. */
uint64_t tale_rand(uint64_t *state);
uint64_t tale_below(uint64_t *state, uint64_t n);

#endif
