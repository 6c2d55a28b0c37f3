/* model.h: the text that a trace ends in, by the plainest means: one array of all elements ever
 * inserted, in their final order, walked from the start for every patch.
 *
 * Shape    an element: its code point, who inserted it, what stood on its left and right, who
 *          deleted it. What an agent sees at a transaction is found by asking each element whether
 *          the transactions that made and deleted it are in the transaction's past.
 * Source   FugueMax: Weidner, Kleppmann, "The art of the fugue", IEEE TPDS 36(11), 2025.
 */
#ifndef BENCH_TRACES_MODEL_H
#define BENCH_TRACES_MODEL_H
#include "bench/traces/trace.h"

/* The trace's patches are applied as they come: a generator asks how long the text is at a
 * transaction, adds patches to it, and has the model take them. */
typedef struct trace_model trace_model;

trace_model *trace_model_new(const trace *t);
void         trace_model_free(trace_model *m);
/* Begin transaction i, the next one: of its agent and parents, which t already has. Returns the
 * length of the text there, in code points. */
uint32_t trace_model_begin(trace_model *m, uint32_t i);
/* Take patch p in the transaction begun. False: it reaches past the end of the text. */
bool trace_model_patch(trace_model *m, const trace_patch *p);
/* The text of everything. Free with free(). */
char *trace_model_text(const trace_model *m, size_t *ret_size);

/* All of it. NULL: a position is past the end. */
char *trace_model_replay(const trace *t, size_t *ret_size);

#endif
