/* core/tally.c: the rows of a tally. See core/tally.h. */
#include "crdt/core/tally.h"

#include <string.h>

#include "crdt/core/mem.h"

/* The words of a row. lo is kept as its offset from the birth and 1; 0: no floor. */
enum { REPLICA, SEQ, OFFSET, WHOLE, SHORT };
enum { FRAC = SHORT, LO, LO_WHOLE, LO_FRAC, RESET_ID, RESET_SEQ, LONG };

/* -- Rows -------------------------------------------------------------------------------------- */

static size_t rows_bytes(size_t cap, size_t words)
{
    return sizeof(crdt__rows) + cap * words * sizeof(uint64_t);
}

crdt__rows *crdt__rows_make(const crdt_mem *mem, size_t cap, bool is_long)
{
    size_t words = is_long ? LONG : SHORT;
    if (cap > UINT32_MAX || cap > (SIZE_MAX - sizeof(crdt__rows)) / (LONG * sizeof(uint64_t))) {
        return NULL;
    }
    crdt__rows *rows = crdt__alloc(mem, rows_bytes(cap, words));
    if (rows == NULL) return NULL;
    rows->count = 0;
    rows->cap = (uint32_t)cap;
    rows->words = words;
    return rows;
}

void crdt__rows_free(const crdt_mem *mem, crdt__rows *rows)
{
    if (rows != NULL) crdt__release(mem, rows, rows_bytes(rows->cap, rows->words));
}

bool crdt__share_is_long(const crdt__share *share)
{
    return share->lo != 0 || share->total.frac != 0;
}

bool crdt__rows_are_long(const crdt__rows *rows)
{
    return rows->words == LONG;
}

void crdt__rows_set(crdt__rows *rows, uint32_t i, const crdt__share *share)
{
    uint64_t *row = rows->at + i * rows->words;
    row[REPLICA] = share->birth.replica;
    row[SEQ] = share->birth.seq;
    row[OFFSET] = share->hi - share->birth.seq;
    row[WHOLE] = (uint64_t)share->total.whole;
    CRDT_ASSERT(rows->words == LONG || !crdt__share_is_long(share));
    if (rows->words == SHORT) return;
    row[FRAC] = share->total.frac;
    row[LO] = share->lo == 0 ? 0 : share->lo - share->birth.seq + 1;
    row[LO_WHOLE] = (uint64_t)share->floor.whole;
    row[LO_FRAC] = share->floor.frac;
    row[RESET_ID] = share->reset.replica;
    row[RESET_SEQ] = share->reset.seq;
}

void crdt__rows_append(crdt__rows *rows, const crdt__share *share)
{
    CRDT_ASSERT(rows->count < rows->cap);
    crdt__rows_set(rows, rows->count++, share);
}

/* -- Tallies ----------------------------------------------------------------------------------- */

void crdt__tally_clear(const crdt_mem *mem, crdt__tally *tally)
{
    crdt__rows_free(mem, tally->rows);
    crdt__rows_free(mem, tally->next);
    *tally = (crdt__tally){NULL, NULL};
}

size_t crdt__tally_bytes(const crdt__tally *tally)
{
    return tally->rows == NULL ? 0 : rows_bytes(tally->rows->cap, tally->rows->words);
}

crdt_dot crdt__tally_birth(const crdt__tally *tally, uint32_t i)
{
    const uint64_t *row = tally->rows->at + i * tally->rows->words;
    return (crdt_dot){row[REPLICA], row[SEQ]};
}

crdt__share crdt__tally_get(const crdt__tally *tally, uint32_t i)
{
    const uint64_t *row = tally->rows->at + i * tally->rows->words;
    crdt_dot        birth = {row[REPLICA], row[SEQ]};
    uint64_t        hi = row[SEQ] + row[OFFSET];
    int64_t         whole = (int64_t)row[WHOLE];
    if (tally->rows->words == SHORT) {
        return (crdt__share){.birth = birth, .hi = hi, .total = {whole, 0}};
    }
    if (row[LO] == 0) return (crdt__share){.birth = birth, .hi = hi, .total = {whole, row[FRAC]}};
    return (crdt__share){.birth = birth,
                         .hi = hi,
                         .lo = row[SEQ] + row[LO] - 1,
                         .total = {whole, row[FRAC]},
                         .floor = {(int64_t)row[LO_WHOLE], row[LO_FRAC]},
                         .reset = {row[RESET_ID], row[RESET_SEQ]}};
}

uint32_t crdt__tally_seek(const crdt__tally *tally, crdt_dot birth)
{
    uint32_t from = 0, to = crdt__tally_count(tally);
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (crdt_dot_compare(crdt__tally_birth(tally, mid), birth) < 0) from = mid + 1;
        else to = mid;
    }
    return from;
}
