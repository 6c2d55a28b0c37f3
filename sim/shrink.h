/* shrink.h: from a plan that breaks a promise to a small one that breaks the same.
 *
 * Source   Zeller, Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 28,
 *          2002.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H
#include "sim/world.h"

typedef struct shrink_result {
    uint64_t runs;
    size_t   before, after; /* events */
    bool     out_of_time;
} shrink_result;

/* p breaks the promise `id` when run in w. Makes p smaller for at most so many seconds of CPU. */
shrink_result shrink(world *w, plan *p, check_id id, double seconds);

#endif
