/* core/revs_view.c: see core/revs_view.h. */
#include "crdt/core/revs_view.h"

const crdt__rev *crdt__revs_held(const crdt__revs_view *v, const crdt__rev_id *id,
                                 unsigned *ret_part)
{
    for (unsigned p = 2; p-- > 0;) {
        const crdt__rev *rev = crdt__revs_find(v->part[p], id);
        *ret_part = p;
        if (rev != NULL && rev->contents > 0) return rev;
    }
    return NULL;
}

bool crdt__revs_is_leaf(const crdt__revs_view *v, unsigned part, const crdt__rev *rev)
{
    if (rev->children > 0) return false;
    const crdt__rev *other = crdt__revs_find(v->part[1 - part], &rev->id);
    return other == NULL || other->children == 0;
}

bool crdt__revs_is_shown_leaf(const crdt__revs_view *v, unsigned part,
                              const crdt__rev_content *content)
{
    return content->held && crdt__revs_is_leaf(v, part, content->rev);
}

bool crdt__revs_says_something(const crdt__rev_content *content)
{
    return content->key.known || content->rev->contents == 1;
}

bool crdt__revs_step_down(const crdt__revs_view *v, uint32_t at[2], unsigned *ret_part)
{
    for (;;) {
        unsigned p = at[0] > 0 ? 0 : 1;
        if (at[p] == 0) return false;
        if (p == 0 && at[1] > 0) {
            const crdt__rev_content *a = v->part[0]->contents[at[0] - 1];
            const crdt__rev_content *b = v->part[1]->contents[at[1] - 1];
            if (crdt__rev_id_compare(&a->rev->id, &b->rev->id) < 0) p = 1;
        }
        at[p]--;
        *ret_part = p;
        if (crdt__revs_says_something(v->part[p]->contents[at[p]])) return true;
    }
}

bool crdt__revs_is_known(const crdt__revs_view *v, const crdt__rev_id *id)
{
    return crdt__revs_find(v->part[0], id) != NULL || crdt__revs_find(v->part[1], id) != NULL;
}

bool crdt__revs_is_written(const crdt__revs_view *v, const crdt__rev_id *id)
{
    crdt__rev_key     least = {false, false, 0};
    const crdt__revs *revs = NULL;
    const crdt__rev  *rev = NULL;
    for (unsigned p = 0; p < 2; p++) {
        const crdt__rev *found = crdt__revs_find(v->part[p], id);
        if (found == NULL) continue;
        if (found->children > 0) return true; /* what is only named is an ancestor, too */
        rev = found;
        revs = v->part[p];
    }
    if (rev == NULL) return false;
    uint32_t at = crdt__revs_seek_content(revs, id, &least);
    for (; at < revs->contents_count && revs->contents[at]->rev == rev; at++) {
        if (revs->contents[at]->held) return true;
    }
    return false;
}
