/* pops.c: see pops.h. */
#include "node/pops.h"

#include <math.h>

#include "node/keys.h"
#include "node/number.h"

bool pops_find(call *c, crdt_view name, const crdt_type *type, crdt_ref *ret_ref)
{
    bool there = key_find(c, name, ret_ref);
    if (there && ret_ref->type != type) {
        if (!c->again) call_wrong_type(c);
        return false;
    }
    return there && !c->failed;
}

bool pops_first(call *c, const crdt_view *keys, size_t count, const crdt_type *type, size_t *ret_i,
                crdt_ref *ret_ref)
{
    for (*ret_i = 0; *ret_i < count && !c->failed; ++*ret_i) {
        if (pops_find(c, keys[*ret_i], type, ret_ref)) return true;
    }
    return false;
}

bool pops_timeout(call *c, size_t i, uint64_t *ret_ms)
{
    double seconds;
    if (!number_double(c->args[i], &seconds)) {
        call_error(c, "ERR timeout is not a float or out of range");
        return false;
    }
    double ms = ceil(seconds * 1000);
    bool   fits = ms >= 0 && ms < (double)INT64_MAX; /* as in Redis, where what is larger wraps */
    if (fits) *ret_ms = (uint64_t)ms;
    else call_error(c, "ERR timeout is negative");
    return fits;
}

bool pops_parse(call *c, size_t at, const char *first, const char *last, pops *ret_pops)
{
    int64_t keys;
    *ret_pops = (pops){.keys = &c->args[at + 1], .most = 1};
    if (!number_int64(c->args[at], &keys) || keys < 1) {
        call_error(c, "ERR numkeys should be greater than 0");
        return false;
    }
    size_t left = c->count - at - 1, end = at + 1 + (size_t)keys;
    if ((uint64_t)keys >= left) {
        call_syntax(c);
        return false;
    }
    ret_pops->count = (size_t)keys;
    ret_pops->last = call_is(c, end, last);
    bool counts = c->count == end + 3 && call_is(c, end + 1, "count");
    if ((!ret_pops->last && !call_is(c, end, first)) || (c->count != end + 1 && !counts)) {
        call_syntax(c);
        return false;
    }
    if (!counts || (number_int64(c->args[end + 2], &ret_pops->most) && ret_pops->most > 0)) {
        return true;
    }
    call_error(c, "ERR count should be greater than 0");
    return false;
}
