/* trace.h: recorded editing histories, as flat binary files, so that no benchmark times a parser.
 *
 * Shape    transactions of patches: in a sequential trace one after another, in a concurrent one
 *          each of an agent, at the state that its parents (earlier transactions) make. A patch
 *          deletes, then inserts, at a position in code points of the text at that moment.
 * Invariants  everything refers to what exists; parents come before; an agent's transactions are
 *          totally ordered; texts are UTF-8. What bench/traces/format.md says of the bytes.
 */
#ifndef BENCH_TRACES_TRACE_H
#define BENCH_TRACES_TRACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_NAME_MAX 64
#define TRACE_AGENTS_MAX 65536
#define TRACE_VERSIONS_MAX (UINT64_C(1) << 28) /* transactions times agents */

typedef enum trace_kind { TRACE_SEQUENTIAL = 0, TRACE_CONCURRENT = 1 } trace_kind;

typedef struct trace_txn {
    uint32_t agent, first_parent, parents, first_patch, patches;
} trace_txn;

typedef struct trace_patch {
    uint32_t pos, deleted, text_offset, text_bytes;
} trace_patch;

/* Arrays with their counts and room. A zeroed trace is an empty sequential one. */
typedef struct trace {
    char         name[TRACE_NAME_MAX];
    trace_kind   kind;
    uint32_t     agents;
    trace_txn   *txns;
    trace_patch *patches;
    uint32_t    *parents;
    char        *text; /* what is inserted */
    char        *end;  /* the text at last */
    uint32_t     txns_count, patches_count, parents_count, text_size, end_size;
    uint32_t     txns_cap, patches_cap, parents_cap, text_cap, end_cap;
} trace;

/* -- Making one. Out of memory, or past 2^32 of something, ends the program. */
void trace_add_txn(trace *t, uint32_t agent, const uint32_t *parents, uint32_t count);
/* To the last transaction. */
void trace_add_patch(trace *t, uint32_t pos, uint32_t deleted, const char *text, uint32_t bytes);
void trace_set_end(trace *t, const char *text, size_t bytes);
void trace_set_name(trace *t, const char *name);
void trace_clear(trace *t);
/* `copies` of a concurrent trace of one root in a row: the root of each has the last transaction
 * of the one before as its parent. They edit at the front of what the others left. */
void trace_chain(const trace *t, uint32_t copies, trace *ret);

/* -- Looking at one */

/* Code points of valid UTF-8. */
uint32_t trace_code_points(const char *text, uint32_t bytes);
/* Are all invariants kept? Else *ret_reason says which one is not; it is static. */
bool trace_check(const trace *t, const char **ret_reason);
/* What each transaction's state is made of: of agent a at transaction i, [i * agents + a] many
 * transactions, itself included. Free with free(). NULL: an agent's transactions are not totally
 * ordered, or there are more than TRACE_VERSIONS_MAX. */
uint32_t                 *trace_versions(const trace *t);
static inline const char *trace_text(const trace *t, const trace_patch *p)
{
    return t->text + p->text_offset;
}

/* -- Files. The name is the file's, without folder and ending. False: *ret_reason says why. */
bool trace_parse(const uint8_t *bytes, size_t size, trace *ret, const char **ret_reason);
bool trace_read(const char *path, trace *ret, const char **ret_reason);
bool trace_write(const trace *t, const char *path);

#endif
