/* core/cells_code.c: counters' cells as bytes, digests, audit and figures.
 *
 * Bytes, all varints:
 *          count of cells, then of each, by birth dot:
 *              place of the birth replica, birth sequence, hi - birth, totals
 *          count of floors, then of each, in the order of their cells:
 *              cells passed since the floor before, lo - birth, place of the reset's replica, its
 *              sequence, totals
 */
#include "crdt/core/cells.h"
#include "crdt/core/mem.h"

void crdt__cells_mark(const void *state, crdt_replicas *ids)
{
    crdt__cells_iter it = crdt__cells_from(state, 0);
    for (crdt__cell cell; crdt__cells_next(&it, &cell);) {
        crdt_replicas_add(ids, cell.birth.replica);
        if (cell.lo != 0) crdt_replicas_add(ids, cell.reset.replica);
    }
}

static void put_totals(crdt_enc *enc, const uint64_t *totals, uint8_t count)
{
    for (uint8_t t = 0; t < count; t++) crdt_buf_varint(enc->out, totals[t]);
}

void crdt__cells_encode(const void *state, crdt_enc *enc)
{
    const crdt__cells *cells = state;
    crdt__cells_iter   it = crdt__cells_from(cells, 0);
    uint32_t           passed = 0;
    crdt__cell         cell;
    crdt_buf_varint(enc->out, cells->hi.count);
    while (crdt__cells_next(&it, &cell)) {
        crdt_enc_replica(enc, cell.birth.replica);
        crdt_buf_varint(enc->out, cell.birth.seq);
        crdt_buf_varint(enc->out, cell.hi - cell.birth.seq);
        put_totals(enc, cell.hi_total, cells->totals);
    }
    crdt_buf_varint(enc->out, cells->lo.count);
    for (uint32_t f = 0; f < cells->lo.count; f++) {
        uint32_t i = (uint32_t)crdt__col(&cells->lo, CRDT__LO_CELL)[f];
        crdt__cells_get(cells, i, &cell);
        crdt_buf_varint(enc->out, i - passed);
        crdt_buf_varint(enc->out, cell.lo - cell.birth.seq);
        crdt_enc_replica(enc, cell.reset.replica);
        crdt_buf_varint(enc->out, cell.reset.seq);
        put_totals(enc, cell.lo_total, cells->totals);
        passed = i + 1;
    }
}

/* -- Decoding ---------------------------------------------------------------------------------- */

/* What makes a cell one that the library could have made. NULL: nothing wrong. */
static const char *cell_fault(const crdt__cell *cell, uint8_t totals)
{
    bool less = false, more = false;
    if (cell->birth.replica == 0 || cell->birth.seq == 0) return "a cell's birth is no dot";
    if (cell->hi < cell->birth.seq || cell->hi - cell->birth.seq > UINT32_MAX ||
        cell->hi > CRDT_SEQ_MAX) {
        return "a cell's latest dot is out of range";
    }
    if (cell->hi_total[0] == 0 && cell->hi_total[1] == 0) return "a cell without an increment";
    if (cell->lo == 0) return NULL;
    if (cell->reset.replica == 0 || cell->reset.seq == 0 || cell->reset.seq > CRDT_SEQ_MAX) {
        return "a floor's reset is no dot";
    }
    if (cell->lo < cell->birth.seq || cell->lo > cell->hi) return "a floor is out of range";
    if (cell->lo_total[0] == 0 && cell->lo_total[1] == 0) return "a floor without an increment";
    for (uint8_t t = 0; t < totals; t++) {
        less |= cell->lo_total[t] < cell->hi_total[t];
        more |= cell->lo_total[t] > cell->hi_total[t];
    }
    if (more || (less && cell->lo == cell->hi)) return "a floor's totals exceed its cell's";
    return NULL;
}

static void get_totals(crdt_dec *dec, uint64_t *totals, uint8_t count)
{
    for (uint8_t t = 0; t < count; t++) totals[t] = crdt_dec_varint(dec);
}

static void get_cell(crdt_dec *dec, uint8_t totals, crdt__cell *ret_cell)
{
    *ret_cell = (crdt__cell){.birth = {0, 0}};
    ret_cell->birth.replica = crdt_dec_replica(dec);
    ret_cell->birth.seq = crdt_dec_varint(dec);
    uint64_t offset = crdt_dec_varint(dec);
    if (ret_cell->birth.seq > CRDT_SEQ_MAX || offset > UINT32_MAX) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "a cell's latest dot is out of range");
    }
    ret_cell->hi = ret_cell->birth.seq + offset;
    get_totals(dec, ret_cell->hi_total, totals);
}

static void get_floor(crdt_dec *dec, uint8_t totals, crdt__cell *cell)
{
    uint64_t offset = crdt_dec_varint(dec);
    if (offset > UINT32_MAX) crdt_dec_fail(dec, CRDT_EMALFORMED, "a floor is out of range");
    cell->lo = cell->birth.seq + offset;
    cell->reset.replica = crdt_dec_replica(dec);
    cell->reset.seq = crdt_dec_varint(dec);
    get_totals(dec, cell->lo_total, totals);
}

/* Read the cells, into *cells if it is not NULL. */
static bool read_cells(crdt_dec *dec, uint8_t totals, size_t count, crdt__cells *cells)
{
    crdt_dot last = {0, 0};
    bool     wide = false;
    for (size_t i = 0; i < count && crdt_dec_status(dec) == CRDT_OK; i++) {
        crdt__cell cell;
        get_cell(dec, totals, &cell);
        if (crdt_dec_status(dec) != CRDT_OK) break;
        const char *fault = cell_fault(&cell, totals);
        if (crdt_dot_compare(cell.birth, last) <= 0) fault = "cells out of order";
        if (fault != NULL) crdt_dec_fail(dec, CRDT_EMALFORMED, fault);
        else if (cells != NULL) crdt__cells_append(cells, &cell);
        last = cell.birth;
        wide |= crdt__cell_is_wide(&cell);
    }
    return wide;
}

static void read_floors(crdt_dec *dec, crdt__cells *cells, size_t count)
{
    uint64_t at = 0;
    for (size_t f = 0; f < count; f++, at++) {
        crdt__cell cell;
        uint64_t   passed = crdt_dec_varint(dec);
        if (passed >= cells->hi.count || at + passed >= cells->hi.count) {
            crdt_dec_fail(dec, CRDT_EMALFORMED, "a floor without a cell");
        }
        if (crdt_dec_status(dec) != CRDT_OK) return;
        at += passed;
        crdt__cells_get(cells, (uint32_t)at, &cell);
        get_floor(dec, cells->totals, &cell);
        if (crdt_dec_status(dec) != CRDT_OK) return;
        const char *fault =
            cell.lo == 0 ? "a floor is out of range" : cell_fault(&cell, cells->totals);
        if (fault != NULL) crdt_dec_fail(dec, CRDT_EMALFORMED, fault);
        else crdt__cells_put(cells, &cell);
    }
}

/* Twice over the cells: first to know the form and so the exact room. */
crdt_err crdt__cells_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt__cells *cells = state;
    size_t       count = crdt_dec_count(dec, 3u + cells->totals, "cells");
    crdt_dec     ahead = *dec;
    bool         wide = read_cells(&ahead, cells->totals, count, NULL);
    if (crdt_dec_status(&ahead) != CRDT_OK) {
        return crdt_dec_fail(dec, crdt_dec_status(&ahead), ahead.reason);
    }
    size_t   floors = crdt_dec_count(&ahead, 4u + cells->totals, "floors");
    crdt_err err = crdt__cells_reserve(space->mem, cells, count, floors, wide);
    if (err != CRDT_OK) return crdt_dec_fail(dec, err, "no memory for cells");
    read_cells(dec, cells->totals, count, cells);
    floors = crdt_dec_count(dec, 4u + cells->totals, "floors");
    if (floors > count) crdt_dec_fail(dec, CRDT_EMALFORMED, "more floors than cells");
    if (crdt_dec_status(dec) == CRDT_OK) read_floors(dec, cells, floors);
    return crdt_dec_status(dec);
}

/* -- Digest, audit, figures -------------------------------------------------------------------- */

void crdt__cells_digest(const void *state, crdt_blocks *blocks)
{
    const crdt__cells *cells = state;
    crdt__cells_iter   it = crdt__cells_from(cells, 0);
    for (crdt__cell cell; crdt__cells_next(&it, &cell);) {
        crdt_blocks_atom(blocks, cell.birth);
        crdt_blocks_u64(blocks, cell.hi);
        crdt_blocks_u64(blocks, cell.lo);
        for (uint8_t t = 0; t < cells->totals; t++) crdt_blocks_u64(blocks, cell.hi_total[t]);
        if (cell.lo == 0) continue;
        crdt_blocks_u64(blocks, cell.reset.replica);
        crdt_blocks_u64(blocks, cell.reset.seq);
        for (uint8_t t = 0; t < cells->totals; t++) crdt_blocks_u64(blocks, cell.lo_total[t]);
    }
}

static bool complain(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return false;
}

bool crdt__cells_check(const crdt_space *space, const void *state, const crdt_context *seen,
                       const char **ret_reason)
{
    const crdt__cells *cells = state;
    crdt__cells_iter   it = crdt__cells_from(cells, 0);
    crdt_dot           last = {0, 0};
    (void)space;
    if (cells->hi.count > cells->hi.cap || cells->lo.count > cells->lo.cap) {
        return complain(ret_reason, "more cells than room");
    }
    for (crdt__cell cell; crdt__cells_next(&it, &cell);) {
        const char *fault = cell_fault(&cell, cells->totals);
        if (fault != NULL) return complain(ret_reason, fault);
        if (crdt_dot_compare(last, cell.birth) >= 0) {
            return complain(ret_reason, "cells out of order");
        }
        bool known = crdt_context_has(seen, crdt__cell_hi_dot(&cell));
        if (!known && (cell.lo == 0 || !crdt_context_has(seen, cell.reset))) {
            return complain(ret_reason, "a cell that the context does not account for");
        }
        last = cell.birth;
    }
    if (it.floor != cells->lo.count) return complain(ret_reason, "a floor without a cell");
    return true;
}

void crdt__cells_stats(const void *state, crdt_stats *stats)
{
    const crdt__cells *cells = state;
    size_t   hi_width = (cells->wide ? CRDT__TOTAL : CRDT__PACKED) + (size_t)cells->totals;
    size_t   lo_width = CRDT__LO_TOTAL + (size_t)cells->totals;
    uint64_t bytes = (cells->hi.cap * hi_width + cells->lo.cap * lo_width) * sizeof(uint64_t);
    uint64_t payload = (uint64_t)cells->hi.count * cells->totals * sizeof(uint64_t);
    crdt__cells_iter it = crdt__cells_from(cells, 0);
    for (crdt__cell cell; crdt__cells_next(&it, &cell);) {
        if (crdt__cell_visible(&cell)) stats->elements++;
        else stats->residues++;
    }
    stats->payload += payload;
    stats->metadata += bytes - payload;
    stats->dots += cells->hi.count;
}
