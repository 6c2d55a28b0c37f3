/* memory.h: the allocator of one simulated node: counts bytes, knows its peak, can refuse. */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H
#include "crdt/mem.h"

typedef struct memory {
    crdt_mem mem; /* give &m->mem to the library; the struct must not move */
    uint64_t bytes, peak;
    uint64_t refuse_in;  /* that many calls from now one is refused (1: the next); 0: none is */
    uint64_t refuse_for; /* and so many in all */
    uint64_t refused;    /* ever */
    bool     armed;      /* it is the node that asks, not who looks at it */
} memory;

void memory_init(memory *m);
/* Refuse `count` calls, the nth from now and those after it. */
void memory_refuse(memory *m, uint64_t nth, uint64_t count);
void memory_refuse_none(memory *m);

#endif
