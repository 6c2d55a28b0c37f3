/* core/rev_ids.h: lists of revision ids, and ids as text. */
#ifndef CRDT_CORE_REV_IDS_H
#define CRDT_CORE_REV_IDS_H
#include "crdt/core/revs.h"

typedef struct crdt__ids {
    const crdt_mem *mem;
    crdt__rev_id   *at;
    size_t          count, cap;
} crdt__ids;

/* An empty list with room for so many. Errors: ENOMEM, ELIMIT. */
crdt_err crdt__ids_make(const crdt_mem *mem, size_t cap, crdt__ids *ret_ids);
void     crdt__ids_free(crdt__ids *set);
/* "N-hash N-hash ...", or nothing. Errors: EINVAL, ENOMEM, ELIMIT. */
crdt_err crdt__ids_parse(const crdt_mem *mem, crdt_view text, crdt__ids *ret_ids);
/* Ascending. False: one is there twice. */
bool crdt__ids_sort(crdt__ids *set);
/* One id, "N-hash", at *at, which moves behind it. False: it is something else. */
bool crdt__rev_id_read(const char **at, const char *end, crdt__rev_id *ret_id);

#endif
