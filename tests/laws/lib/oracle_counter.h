/* oracle_counter.h: sums with resets, for the oracles of what is counted. */
#ifndef TESTS_LAWS_LIB_ORACLE_COUNTER_H
#define TESTS_LAWS_LIB_ORACLE_COUNTER_H
#include "tests/laws/lib/oracle.h"

__extension__ typedef __int128 oracle_int;

/* What each event is to the sum. All zero: nothing. */
typedef struct oracle_counter {
    const crdt_laws_event *events;
    bool                   change[CRDT_LAWS_EVENTS_MAX], reset[CRDT_LAWS_EVENTS_MAX];
    oracle_int             amount[CRDT_LAWS_EVENTS_MAX]; /* of a change */
    oracle_int             one; /* a cell's total is below 2^63 of these; 0: it has no end */
    size_t                 cell[CRDT_LAWS_EVENTS_MAX]; /* the first event in a change's cell */
} oracle_counter;

/* Find the cell of change i; those before have theirs. */
void oracle_counter_place(oracle_counter *c, size_t i);
/* The sum of the changes that are left; returns how many. */
size_t oracle_counter_sum(const oracle_counter *c, size_t count, uint64_t present,
                          oracle_int *ret_sum);

#endif
