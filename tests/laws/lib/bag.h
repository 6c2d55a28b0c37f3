/* bag.h: a small and correct type of the tests: a bag of integers by dot. The broken types of
 * broken.c are this one with one part replaced.
 *
 * Shape    {A:1: 7 @100, B:3: 7 @90}, sorted by dot; reads show the values in dot order and the
 * latest one Ops      put(i) adds, drop(i) removes every i that was seen, clear() all that was seen
 */
#ifndef TESTS_LAWS_LIB_BAG_H
#define TESTS_LAWS_LIB_BAG_H
#include "crdt/laws.h"

typedef struct bag_item {
    crdt_dot dot;
    uint64_t stamp;
    int64_t  value;
} bag_item;

typedef struct bag {
    bag_item *items;
    size_t    count, cap;
    uint64_t  extra; /* for broken types */
} bag;

extern const crdt_type bag_type;

/* The parts, for those who replace others. */
void     bag_init(const crdt_space *space, void *state);
void     bag_clear(const crdt_space *space, void *state);
crdt_err bag_prepare(crdt_join *join, void *state, const void *other);
bool     bag_commit(crdt_join *join, void *state, const void *other);
crdt_err bag_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                   void *ret_part, crdt_context *keep);
crdt_err bag_reset(crdt_target *target);
void     bag_encode(const void *state, crdt_enc *enc);
crdt_err bag_decode(const crdt_space *space, void *state, crdt_dec *dec);
void     bag_print(const crdt_ref *ref, crdt_buf *out);
bool     bag_check(const crdt_space *space, const void *state, const crdt_context *seen,
                   const char **ret_reason);

crdt_err        bag_reserve(const crdt_space *space, bag *b, size_t count);
const bag_item *bag_find(const bag *b, crdt_dot dot);
/* The i-th visible item in dot order, or NULL. */
const bag_item *bag_visible(const crdt_ref *ref, size_t i);
/* put and drop of any type made from the bag. */
crdt_err bag_put_in(crdt_txn *txn, crdt_view name, const crdt_type *type, int64_t value);
/* value NULL: everything. */
crdt_err bag_drop_in(crdt_target *target, const int64_t *value);

void bag_oracle(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out);

#endif
