/* seq/seq_copies.c: see seq_copies.h. */
#include "crdt/seq/seq_copies.h"

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"

void crdt__copies_init(crdt__copies *copies, const crdt_mem *mem)
{
    crdt__omap_init(&copies->map, mem);
    copies->added = NULL;
}

static void free_copied(crdt__copies *copies, crdt__copied *copied)
{
    crdt__release(copies->map.mem, copied, sizeof *copied);
}

void crdt__copies_clear(crdt__copies *copies)
{
    crdt__omap_iter it = crdt__omap_first(&copies->map);
    for (crdt__copied *c; (c = crdt__omap_next(&it)) != NULL;) free_copied(copies, c);
    crdt__omap_clear(&copies->map);
    copies->added = NULL;
}

static void key_of(crdt__elem elem, uint8_t id[12])
{
    crdt__store_be(crdt__store_be(id, elem.replica, 8), elem.ctr, 4);
}

crdt_err crdt__copies_add(crdt__copies *copies, crdt__elem first, uint32_t len, crdt__elem copy)
{
    crdt__copied *c = crdt__alloc(copies->map.mem, sizeof *c);
    if (c == NULL) return CRDT_ENOMEM;
    key_of(first, c->id);
    c->key = (crdt__okey){crdt_view_of(c->id, sizeof c->id), 0, 0};
    c->len = len;
    c->first = first;
    c->copy = copy;
    if (crdt__omap_put(&copies->map, c) != CRDT_OK) {
        free_copied(copies, c);
        return CRDT_ENOMEM;
    }
    c->next = copies->added;
    copies->added = c;
    return CRDT_OK;
}

void crdt__copies_keep(crdt__copies *copies)
{
    copies->added = NULL;
}

void crdt__copies_undo(crdt__copies *copies)
{
    for (crdt__copied *c; (c = copies->added) != NULL;) {
        copies->added = c->next;
        crdt__omap_remove(&copies->map, c->key.bytes, 0);
        free_copied(copies, c);
    }
}

/* The copy of the element, if it has one: true. *len elements from it on are alike in that. */
static bool copy_of(const crdt__copies *copies, crdt__elem elem, uint32_t *len,
                    crdt__elem *ret_copy)
{
    uint8_t         id[12];
    crdt__omap_iter it;
    key_of((crdt__elem){elem.replica, elem.ctr + 1}, id);
    const crdt__copied *c = crdt__omap_before(&copies->map, crdt_view_of(id, sizeof id), 0);
    if (c != NULL && c->first.replica == elem.replica) {
        uint32_t at = elem.ctr - c->first.ctr;
        if (at < c->len) {
            if (c->len - at < *len) *len = c->len - at;
            *ret_copy = (crdt__elem){c->copy.replica, c->copy.ctr + at};
            return true;
        }
    }
    it = crdt__omap_seek(&copies->map, crdt_view_of(id, sizeof id), 0);
    c = crdt__omap_next(&it);
    if (c == NULL || c->first.replica != elem.replica) return false;
    uint32_t next = c->first.ctr - elem.ctr;
    if (next < *len) *len = next;
    return false;
}

crdt__elem crdt__copies_last(const crdt__copies *copies, crdt__elem elem, uint32_t *len)
{
    if (copies->map.count == 0) return elem;
    for (crdt__elem copy; copy_of(copies, elem, len, &copy);) elem = copy;
    return elem;
}
