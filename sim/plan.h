/* plan.h: what a run of the simulator does: settings, and events by time. A seed gives a plan; a
 * plan can be written down, read back (sim/replay.h) and made smaller (sim/shrink.h). */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum plan_kind {
#define PLAN_KIND(id, name, text) PLAN_##id,
#include "sim/faults.def"
#undef PLAN_KIND
    PLAN_KINDS
} plan_kind;

typedef enum plan_topology {
    PLAN_MESH,
    PLAN_RING,
    PLAN_STAR,
    PLAN_LINE,
    PLAN_CLIQUES,
    PLAN_TOPOLOGIES
} plan_topology;

typedef struct plan_event {
    uint64_t  at; /* microseconds of virtual time */
    plan_kind kind;
    uint32_t  node;
    uint64_t  a, b;
} plan_event;

typedef struct plan {
#define PLAN_FIELD(name, neutral, text) uint64_t name;
#include "sim/plan.def"
#undef PLAN_FIELD
    plan_event *events; /* by time */
    size_t      count, cap;
} plan;

#define PLAN_NODES_MAX 64 /* of plans with faults: sets of nodes are bit masks */

const char *plan_kind_name(plan_kind kind);
const char *plan_topology_name(plan_topology topology);

/* The bits, by id, of all types of objects. */
uint64_t plan_types(void);
/* Everything calm: the engine's defaults, no events. */
void plan_init(plan *p, uint64_t seed);
/* The plan of a seed: each fault is switched on in about half of them. */
void plan_make(plan *p, uint64_t seed);
void plan_add(plan *p, plan_event e);
void plan_sort(plan *p); /* by time; events of one time stay in their order */
void plan_copy(plan *p, const plan *from);
void plan_free(plan *p);
/* Do its settings make a world with faults? */
bool plan_is_sane(const plan *p);

#endif
