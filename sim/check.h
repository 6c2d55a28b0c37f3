/* check.h: what is promised, each with an id. docs/GUARANTEES.md tells of each what it means, what
 * checks it, and which seeded bugs it was seen to find. PROMISE(id, name, text) */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H
#include "gossip/engine.h"

typedef enum check_id {
    CHECK_NONE,
#define PROMISE(id, name, text) CHECK_##id,
#include "sim/check.def"
#undef PROMISE
    CHECKS
} check_id;

const char *check_code(check_id id); /* "G01" */
const char *check_name(check_id id);
const char *check_text(check_id id);
/* By its code or name; CHECK_NONE: there is none. */
check_id check_by_name(const char *name);

struct world;
struct vault_found;
struct node;

/* A promise is broken: the first one is kept, and the run ends. */
__attribute__((format(printf, 3, 4))) void check_fail(struct world *w, check_id id,
                                                      const char *format, ...);

/* -- check_delivery.c: at each entry that comes into a store. */
/* The node has new entries in its log: all of them are checked, its vector follows. */
void check_log(struct node *n);
/* The store came in some other way (start, snapshot): its vector is taken anew and checked. */
void check_resync(struct node *n);
/* The node's entries before this position are as durable as its policy promises: acknowledged. */
void check_acked(struct node *n, uint64_t position);
/* Those before this position outlive a power cut. */
void check_durable(struct node *n, uint64_t position);
/* After a start: nothing that was durable is gone; what a node shows is what it holds. */
void check_restart(struct node *n);
/* After a start from files whose bits had turned: what is gone was found to be, and kept aside. */
void check_damage(struct node *n, const struct vault_found *found);

/* -- check_state.c: of what stores hold and show. */
void check_object(struct node *n, size_t object); /* against the oracle */
void check_ghosts(struct node *n);
void check_shown(struct node *n);                /* all of it */
void check_pair(struct node *a, struct node *b); /* equal contexts iff equal digests */
void check_bytes(struct node *a, struct node *b);
void check_sound(struct node *n); /* the library's own audit; bounds of memory */
void check_stable(struct node *n);
void check_advance(struct node *n); /* in the end */
void check_holders(struct node *n);
void check_own_write(struct node *n, uint32_t entry);

/* -- check_world.c: of all nodes together. */
void check_look(struct world *w);
bool check_settled(const struct world *w); /* all nodes hold the same entries, and all of them */
void check_converged(struct world *w);
void check_kept(struct world *w);
void check_forks(struct world *w); /* what two nodes met was reported */
void check_quiet_begin(struct world *w);
void check_quiet_end(struct world *w);
/* Comparisons of each node with a peer find nothing. */
void check_compare_begin(struct world *w);
void check_compare_end(struct world *w);
void check_notice(struct node *n, const gossip_action *notice);

#endif
