/* laws/edges.c: limits that a merge must not break, and one dot used for two contents. */
#include <string.h>

#include "crdt/laws/kit.h"

/* Apply op `most` times with fresh values: b and v arguments are `size` bytes long and start with
 * `tag`. Returns how often it changed something. */
static unsigned fill(crdt_store *s, const crdt_op *op, char tag, size_t size, unsigned most)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < most; i++) {
        char       text[32] = {0};
        crdt_value args[CRDT_OP_ARGS_MAX];
        size_t     argc = 0;
        text[0] = tag;
        text[1] = (char)('0' + i);
        for (; argc < CRDT_OP_ARGS_MAX && op->args[argc] != 0; argc++) {
            bool bytes = op->args[argc] == 'b' || op->args[argc] == 'v';
            args[argc] = bytes ? crdt_bytes(text, size) : crdt__laws_arg(op, argc, i % 3);
        }
        crdt_delta *delta;
        if (crdt_store_apply(s, KIT_NOW, CRDT_SOLO, op, args, argc, &delta) != CRDT_OK) continue;
        taken += !crdt_store_is_empty(delta);
        crdt_store_free(delta);
    }
    return taken;
}

/* Two replicas, each filled up to its soft limit with values of the greatest size, merge into a
 * state above the limit. It must stay whole: encode, decode, and merge on. */
static bool limits_of(kit *k, const crdt_op *op)
{
    crdt_store  *s[2], *back;
    crdt_options o = crdt__laws_store_options(k, 0, 0);
    o.limits.value_bytes = 8;
    o.limits.elements = 3;
    bool sized = strpbrk(op->args, "bv") != NULL;
    bool placed = crdt__laws_is_placed(op); /* a text's elements are its characters */
    if (placed && strchr(k->type->ops[0].args, 'b') != NULL) o.limits.elements *= 8;
    for (unsigned i = 0; i < 2; i++) {
        o.replica = crdt__laws_replica_id(i);
        WORKS(k, CRDT_LAW_LIMITS, crdt_store_new(&o, &s[i]));
        if (placed && op != &k->type->ops[0]) fill(s[i], &k->type->ops[0], 'k', 8, 6);
        fill(s[i], op, (char)('p' + i), 8, 6);
        if (!crdt__laws_sound(k, s[i], "at its limits")) return false;
    }
    for (unsigned i = 0; sized && i < 2; i++) {
        if (!crdt__laws_bytes(k, s[i], &k->c)) return false;
        unsigned taken = fill(s[i], op, 'z', 9, 1);
        HOLDS(k, CRDT_LAW_LIMITS, taken == 0, "%s took a value above limits.value_bytes", op->name);
        if (!crdt__laws_is(k, CRDT_LAW_LIMITS, s[i], crdt_buf_bytes(&k->c),
                           "a store before and after it refused a value")) {
            return false;
        }
    }
    WORKS(k, CRDT_LAW_LIMITS, crdt_store_join(s[0], s[1], KIT_NOW));
    WORKS(k, CRDT_LAW_LIMITS, crdt_store_join(s[1], s[0], KIT_NOW));
    if (!crdt__laws_same(k, CRDT_LAW_LIMITS, s[0], s[1], "two full stores, merged")) return false;
    if (!crdt__laws_bytes(k, s[0], &k->c)) return false;
    WORKS(k, CRDT_LAW_LIMITS, crdt_store_decode(&o, crdt_buf_bytes(&k->c), &back, NULL));
    if (!crdt__laws_same(k, CRDT_LAW_LIMITS, s[0], back, "a full store and its copy")) return false;
    crdt_store_free(s[0]);
    crdt_store_free(s[1]);
    crdt_store_free(back);
    return true;
}

bool crdt__laws_limits(kit *k)
{
    for (size_t i = 0; i < k->type->ops_count; i++) {
        if (!limits_of(k, &k->type->ops[i])) return false;
    }
    return true;
}

/* -- Forks ----------------------------------------------------------------------------------- */

/* The delta of one operation at a fresh store of replica 0, its arguments the index-th; false if
 * it was refused, did nothing, or left nothing alive. */
static bool lone_delta(kit *k, const crdt_op *op, unsigned index, crdt_store **ret_store,
                       crdt_delta **ret_delta)
{
    crdt_value args[CRDT_OP_ARGS_MAX];
    size_t     argc = 0;
    for (; argc < CRDT_OP_ARGS_MAX && op->args[argc] != 0; argc++) {
        /* A fresh list has one position only. */
        args[argc] = crdt__laws_arg(op, argc, op->args[argc] == 'p' ? 0 : index);
    }
    if (crdt__laws_store(k, 0, crdt__laws_replica_id(0), ret_store) != CRDT_OK) return false;
    crdt_err err = crdt_store_apply(*ret_store, KIT_NOW, CRDT_SOLO, op, args, argc, ret_delta);
    if (err != CRDT_OK) {
        crdt_store_free(*ret_store);
        return false;
    }
    crdt_ref ref = crdt_store_solo(*ret_delta);
    if (k->type->alive(&ref)) return true;
    crdt_store_free(*ret_store);
    crdt_store_free(*ret_delta);
    return false;
}

/* Two copies of one replica id did different things under the same dot. */
static bool fork_of(kit *k, const crdt_op *op)
{
    crdt_store *s[2];
    crdt_delta *d[2];
    if (!lone_delta(k, op, 0, &s[0], &d[0])) return true;
    if (lone_delta(k, op, 1, &s[1], &d[1])) {
        if (!crdt__laws_bytes(k, d[0], &k->a) || !crdt__laws_bytes(k, d[1], &k->b)) return false;
        bool fork = crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) != 0;
        if (!crdt__laws_bytes(k, s[0], &k->c)) return false;
        crdt_err err = crdt_store_merge(s[0], s[1]);
        HOLDS(k, CRDT_LAW_FORK, err == (fork ? CRDT_EFORK : CRDT_OK),
              "a merge of two states with %s content under one dot gave %s (operation %s)",
              fork ? "different" : "the same", crdt_err_name(err), op->name);
        err = crdt_store_join(s[0], d[1], KIT_NOW);
        HOLDS(k, CRDT_LAW_FORK, err == (fork ? CRDT_EFORK : CRDT_OK),
              "a join of a delta with %s content under a dot that is held gave %s (operation %s)",
              fork ? "other" : "the same", crdt_err_name(err), op->name);
        if (!crdt__laws_is(k, CRDT_LAW_FORK, s[0], crdt_buf_bytes(&k->c),
                           "a store before and after it refused a fork")) {
            return false;
        }
        crdt_store_free(s[1]);
        crdt_store_free(d[1]);
    }
    crdt_store_free(s[0]);
    crdt_store_free(d[0]);
    return true;
}

bool crdt__laws_fork(kit *k)
{
    if (k->o->flags & CRDT_LAWS_HIDES_FORKS) return true;
    for (size_t i = 0; i < k->type->ops_count; i++) {
        if (!fork_of(k, &k->type->ops[i])) return false;
    }
    return true;
}
