/* core/rev_ids.c: see core/rev_ids.h. */
#include "crdt/core/rev_ids.h"

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"

static bool hex_digit(char c, unsigned *ret_digit)
{
    if (c >= '0' && c <= '9') *ret_digit = (unsigned)(c - '0');
    else if (c >= 'a' && c <= 'f') *ret_digit = (unsigned)(c - 'a') + 10;
    else return false;
    return true;
}

bool crdt__rev_id_read(const char **at, const char *end, crdt__rev_id *ret_id)
{
    uint64_t depth = 0;
    unsigned high, low;
    while (*at < end && **at >= '0' && **at <= '9' && depth <= CRDT__REV_DEPTH_MAX) {
        if (depth == 0 && **at == '0') return false;
        depth = depth * 10 + (uint64_t)(*(*at)++ - '0');
    }
    if (depth == 0 || depth > CRDT__REV_DEPTH_MAX || *at == end || *(*at)++ != '-') return false;
    ret_id->depth = depth;
    if ((size_t)(end - *at) < 2 * sizeof ret_id->hash) return false;
    for (size_t i = 0; i < sizeof ret_id->hash; i++, *at += 2) {
        if (!hex_digit((*at)[0], &high) || !hex_digit((*at)[1], &low)) return false;
        ret_id->hash[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

crdt_err crdt__ids_make(const crdt_mem *mem, size_t cap, crdt__ids *ret_ids)
{
    *ret_ids = (crdt__ids){mem, NULL, 0, cap};
    if (cap == 0) return CRDT_OK;
    if (cap > UINT32_MAX) return CRDT_ELIMIT;
    ret_ids->at = crdt__alloc(mem, cap * sizeof *ret_ids->at);
    return ret_ids->at != NULL ? CRDT_OK : CRDT_ENOMEM;
}

void crdt__ids_free(crdt__ids *set)
{
    crdt__release(set->mem, set->at, set->cap * sizeof *set->at);
}

crdt_err crdt__ids_parse(const crdt_mem *mem, crdt_view text, crdt__ids *ret_ids)
{
    const char *at = text.size > 0 ? text.data : "", *end = at + text.size;
    crdt_err    err =
        crdt__ids_make(mem, (text.size + 1) / sizeof "1-00000000000000000000000000000000", ret_ids);
    while (err == CRDT_OK && at < end) {
        if (ret_ids->count > 0 && *at++ != ' ') err = CRDT_EINVAL;
        if (err == CRDT_OK && ret_ids->count == ret_ids->cap) err = CRDT_EINVAL;
        if (err == CRDT_OK && !crdt__rev_id_read(&at, end, &ret_ids->at[ret_ids->count++]))
            err = CRDT_EINVAL;
    }
    if (err != CRDT_OK) crdt__ids_free(ret_ids);
    return err;
}

static int id_order(const void *a, const void *b)
{
    return crdt__rev_id_compare(a, b);
}

bool crdt__ids_sort(crdt__ids *set)
{
    crdt__sort(set->at, set->count, sizeof *set->at, id_order);
    for (size_t i = 1; i < set->count; i++) {
        if (crdt__rev_id_compare(&set->at[i - 1], &set->at[i]) == 0) return false;
    }
    return true;
}
