/* seq/seq_claims.c: what rows claim, against what their bytes support. See seq_pack.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/seq/seq_pack.h"

/* Elements ctr .. end - 1 of the replica at that place among the reader's ids. */
typedef struct stretch {
    uint32_t place, ctr, end;
} stretch;

typedef struct stretches {
    stretch *list;
    size_t   count;
} stretches;

static uint32_t place_of(const crdt__reader *r, uint64_t replica)
{
    size_t lo = 0;
    for (size_t n = r->dict.count; n > 1;) {
        size_t half = n / 2;
        lo += r->dict.ids[lo + half] <= replica ? half : 0;
        n -= half;
    }
    return (uint32_t)lo;
}

static int stretch_order(const void *a, const void *b)
{
    const stretch *x = a, *y = b;
    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    return x->ctr == y->ctr ? 0 : x->ctr < y->ctr ? -1 : 1;
}

/* Ascending, those that meet as one. */
static void tidy(stretches *s)
{
    crdt__sort(s->list, s->count, sizeof *s->list, stretch_order);
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        stretch *before = kept > 0 ? &s->list[kept - 1] : NULL, *one = &s->list[i];
        if (before == NULL || before->place != one->place || before->end < one->ctr) {
            s->list[kept++] = *one;
        } else if (before->end < one->end) {
            before->end = one->end;
        }
    }
    s->count = kept;
}

/* Does one of them hold all of this one? */
static bool covers(const stretches *s, const stretch *one)
{
    size_t lo = 0;
    if (s->count == 0) return false;
    for (size_t n = s->count; n > 1;) {
        size_t half = n / 2;
        lo += stretch_order(one, &s->list[lo + half]) < 0 ? 0 : half;
        n -= half;
    }
    const stretch *at = &s->list[lo];
    return at->place == one->place && at->ctr <= one->ctr && one->end <= at->end;
}

/* Are the forgotten elements of the row all among those deleted? */
static bool row_is_covered(const crdt__reader *r, const crdt__row *row, const stretches *deleted)
{
    crdt_dec dec;
    uint64_t at = row->first.ctr;
    uint32_t place = place_of(r, row->replica);
    crdt_dec_init(&dec, row->voids, NULL);
    while (crdt_dec_left(&dec) > 0) {
        at += crdt_dec_varint(&dec);
        uint64_t run = crdt_dec_varint(&dec);
        stretch  one = {place, (uint32_t)at, (uint32_t)(at + run)};
        if (!covers(deleted, &one)) return false;
        at += run;
    }
    return true;
}

/* All rows, for what they delete (add) or have forgotten. */
static bool each_row(crdt__reader r, stretches *deleted, bool add)
{
    crdt__section s;
    crdt__row     row;
    while (r.sections > 0 && crdt__reader_section(&r, &s)) {
        while (s.rows > 0 && crdt__reader_row(&r, &s, &row)) {
            if (add && row.del) {
                uint32_t end = row.first.ctr + crdt__row_len(&row);
                deleted->list[deleted->count++] =
                    (stretch){place_of(&r, row.first.replica), row.first.ctr, end};
            } else if (!add && !row.del && !row_is_covered(&r, &row, deleted)) {
                return false;
            }
        }
        (void)crdt__reader_ends(&r, &s);
    }
    return true;
}

size_t crdt__claims_bytes(const crdt__reader *r)
{
    return r->claims.forgotten == 0 ? 0 : (size_t)r->claims.deletions * sizeof(stretch);
}

crdt_err crdt__claims_check(crdt__reader *r, crdt__reader *again, const crdt_mem *mem)
{
    const crdt__claims *claims = &r->claims;
    static const char   why[] = "forgotten elements that nobody deleted";
    if (r->in.err != CRDT_OK) return r->in.err;
    if (claims->inserted >= CRDT__SPAN_MAX) {
        return crdt_dec_fail(&r->in, CRDT_ELIMIT, "more elements than a sequence may have");
    }
    if (claims->forgotten == 0) return CRDT_OK;
    if (claims->deletions == 0) return crdt_dec_fail(&r->in, CRDT_EMALFORMED, why);
    stretches deleted = {NULL, 0};
    size_t    size = crdt__claims_bytes(r);
    deleted.list = crdt__alloc(mem, size);
    if (deleted.list == NULL) return crdt_dec_fail(&r->in, CRDT_ENOMEM, "no room for a sequence");
    (void)each_row(*again, &deleted, true);
    tidy(&deleted);
    bool covered = each_row(*again, &deleted, false);
    crdt__release(mem, deleted.list, size);
    return covered ? CRDT_OK : crdt_dec_fail(&r->in, CRDT_EMALFORMED, why);
}
