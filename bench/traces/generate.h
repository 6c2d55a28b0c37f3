/* generate.h: histories of the shapes that recorded ones have, for where those are not at hand.
 * The same seed gives the same history; what it ends in is the naive model's word. */
#ifndef BENCH_TRACES_GENERATE_H
#define BENCH_TRACES_GENERATE_H
#include "bench/traces/trace.h"

typedef enum trace_shape {
    TRACE_TYPING,     /* bursts of typing, backspaces, jumps; one code point a transaction */
    TRACE_CODE,       /* source code: words and lines, cut and moved; some patches a transaction */
    TRACE_RANDOM,     /* short insertions and deletions anywhere */
    TRACE_PAIR,       /* two type at once and merge every few strokes */
    TRACE_MANY,       /* many agents, branches of tens of patches */
    TRACE_SAME_PLACE, /* eight insert at one place and see nothing of each other */
    TRACE_SHAPES
} trace_shape;

/* "typing", "code" and so on; NULL past the last. */
const char *trace_shape_name(trace_shape shape);
/* Of about so many patches; the name is "gen-" and the shape's. O(patches^2): the model. */
void trace_generate(trace_shape shape, uint32_t patches, uint64_t seed, trace *ret);

#endif
