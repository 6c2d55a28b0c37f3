/* core/score.h: the inside of a score (crdt/score.h), for those that hold scores: sorted sets.
 *
 * Base     a sibling's value is the double's bits as an INT; or, of a write that only raises or
 *          only lowers, 9 bytes: which of the two it is, and the bits, lowest first.
 */
#ifndef CRDT_CORE_SCORE_H
#define CRDT_CORE_SCORE_H
#include "crdt/core/counted.h"

/* A place in the order of a sorted set (map/map_ranks.c). All zero: none. */
typedef struct crdt__rank {
    struct crdt__rank *left, *right, *up;
    double             score;
    uint32_t           count; /* of the tree from here down; 0: it is in none */
} crdt__rank;

typedef struct crdt__score {
    crdt__counted counted; /* first */
    crdt__rank    rank;    /* of one that lies in a sorted set */
} crdt__score;

typedef enum crdt__put { CRDT__SET, CRDT__RAISE, CRDT__LOWER } crdt__put;

/* On a target of the type score; see score.h. */
crdt_err crdt__score_put(crdt_target *target, crdt__put how, double score);
crdt_err crdt__score_incr(crdt_target *target, double amount, double *ret_score);
/* False: nothing shows. */
bool crdt__score_shown(const crdt_ref *ref, double *ret_score);

#endif
