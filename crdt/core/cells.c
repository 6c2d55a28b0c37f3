/* core/cells.c: the columns of counters' cells. See core/cells.h. */
#include "crdt/core/cells.h"

#include <string.h>

#include "crdt/core/mem.h"

void crdt__cells_init(crdt__cells *cells, uint8_t totals)
{
    memset(cells, 0, sizeof *cells);
    cells->totals = totals;
}

static unsigned hi_width(uint8_t totals, bool wide)
{
    return (wide ? CRDT__TOTAL : CRDT__PACKED) + (unsigned)totals;
}

static unsigned lo_width(uint8_t totals)
{
    return CRDT__LO_TOTAL + (unsigned)totals;
}

/* -- Columns ----------------------------------------------------------------------------------- */

static void cols_clear(const crdt_mem *mem, crdt__cols *cols, unsigned width)
{
    crdt__release(mem, cols->at, (size_t)width * cols->cap * sizeof *cols->at);
    memset(cols, 0, sizeof *cols);
}

static crdt_err cols_make(const crdt_mem *mem, crdt__cols *cols, unsigned width, size_t cap)
{
    if (cap >= UINT32_MAX || cap > SIZE_MAX / sizeof(uint64_t) / width) return CRDT_ENOMEM;
    cols->count = 0;
    cols->cap = (uint32_t)cap;
    cols->at = cap == 0 ? NULL : crdt__alloc(mem, width * cap * sizeof *cols->at);
    return cap == 0 || cols->at != NULL ? CRDT_OK : CRDT_ENOMEM;
}

static void cols_copy(crdt__cols *to, const crdt__cols *from, unsigned width)
{
    for (unsigned k = 0; from->count > 0 && k < width; k++) {
        memcpy(crdt__col(to, k), crdt__col(from, k), from->count * sizeof *to->at);
    }
    to->count = from->count;
}

/* Few cells get exactly the room they need, many some in advance. */
static size_t grown(const crdt__cols *cols, size_t more)
{
    size_t need = cols->count + more;
    if (need <= cols->cap) return cols->cap;
    return cols->cap < 4 || more > 1 ? need : crdt__grow(cols->cap, need);
}

static void cols_open(crdt__cols *cols, unsigned width, uint32_t i)
{
    CRDT_ASSERT(cols->count < cols->cap);
    for (unsigned k = 0; k < width; k++) {
        uint64_t *at = crdt__col(cols, k) + i;
        memmove(at + 1, at, (cols->count - i) * sizeof *at);
    }
    cols->count++;
}

static void cols_close(crdt__cols *cols, unsigned width, uint32_t i)
{
    cols->count--;
    for (unsigned k = 0; k < width; k++) {
        uint64_t *at = crdt__col(cols, k) + i;
        memmove(at, at + 1, (cols->count - i) * sizeof *at);
    }
}

/* The first index of an ascending column, at or behind `from`, whose number is not below n. */
static uint32_t column_seek(const uint64_t *column, uint32_t from, uint32_t count, uint64_t n)
{
    uint32_t to = count;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (column[mid] < n) from = mid + 1;
        else to = mid;
    }
    return from;
}

/* -- Memory ------------------------------------------------------------------------------------ */

void crdt__cells_clear(const crdt_mem *mem, crdt__cells *cells)
{
    cols_clear(mem, &cells->hi, hi_width(cells->totals, cells->wide));
    cols_clear(mem, &cells->lo, lo_width(cells->totals));
    if (cells->next != NULL) {
        crdt__cells_clear(mem, cells->next);
        crdt__release(mem, cells->next, sizeof *cells->next);
    }
    crdt__cells_init(cells, cells->totals);
}

/* Copy packed columns into wide ones. */
static void unpack(const crdt__cells *cells, crdt__cols *wide)
{
    cols_copy(wide, &cells->hi, CRDT__PACKED);
    for (unsigned t = 0; t < cells->totals; t++) {
        const uint64_t *packed = crdt__col(&cells->hi, CRDT__PACKED + t);
        uint64_t       *offset = crdt__col(wide, CRDT__OFFSET);
        uint64_t       *total = crdt__col(wide, CRDT__TOTAL + t);
        for (uint32_t i = 0; i < cells->hi.count; i++) {
            offset[i] = packed[i] >> 32;
            total[i] = packed[i] & UINT32_MAX;
        }
    }
}

static crdt_err reserve_hi(const crdt_mem *mem, crdt__cells *cells, size_t more, bool wide)
{
    crdt__cols next;
    size_t     cap = grown(&cells->hi, more);
    if (cells->wide) wide = true;
    if (cap == cells->hi.cap && wide == cells->wide) return CRDT_OK;
    crdt_err err = cols_make(mem, &next, hi_width(cells->totals, wide), cap);
    if (err != CRDT_OK) return err;
    if (wide == cells->wide) cols_copy(&next, &cells->hi, hi_width(cells->totals, wide));
    else if (cells->hi.count > 0) unpack(cells, &next);
    cols_clear(mem, &cells->hi, hi_width(cells->totals, cells->wide));
    cells->hi = next;
    cells->wide = wide;
    return CRDT_OK;
}

static crdt_err reserve_lo(const crdt_mem *mem, crdt__cells *cells, size_t more)
{
    crdt__cols next;
    unsigned   width = lo_width(cells->totals);
    size_t     cap = grown(&cells->lo, more);
    if (cap == cells->lo.cap) return CRDT_OK;
    crdt_err err = cols_make(mem, &next, width, cap);
    if (err != CRDT_OK) return err;
    cols_copy(&next, &cells->lo, width);
    cols_clear(mem, &cells->lo, width);
    cells->lo = next;
    return CRDT_OK;
}

crdt_err crdt__cells_reserve(const crdt_mem *mem, crdt__cells *cells, size_t more, size_t floors,
                             bool wide)
{
    crdt_err err = reserve_hi(mem, cells, more, wide);
    return err == CRDT_OK ? reserve_lo(mem, cells, floors) : err;
}

/* -- One cell ---------------------------------------------------------------------------------- */

bool crdt__cell_is_wide(const crdt__cell *cell)
{
    return cell->hi_total[0] > UINT32_MAX || cell->hi_total[1] > UINT32_MAX;
}

crdt_dot crdt__cells_birth(const crdt__cells *cells, uint32_t i)
{
    return (crdt_dot){crdt__col(&cells->hi, CRDT__BIRTH_ID)[i],
                      crdt__col(&cells->hi, CRDT__BIRTH_SEQ)[i]};
}

static void get_hi(const crdt__cells *cells, uint32_t i, crdt__cell *ret_cell)
{
    memset(ret_cell, 0, sizeof *ret_cell);
    ret_cell->birth = crdt__cells_birth(cells, i);
    uint64_t offset = crdt__col(&cells->hi, CRDT__OFFSET)[i];
    for (unsigned t = 0; t < cells->totals; t++) {
        if (cells->wide) {
            ret_cell->hi_total[t] = crdt__col(&cells->hi, CRDT__TOTAL + t)[i];
        } else {
            ret_cell->hi_total[t] = crdt__col(&cells->hi, CRDT__PACKED + t)[i] & UINT32_MAX;
        }
    }
    ret_cell->hi = ret_cell->birth.seq + (cells->wide ? offset : offset >> 32);
}

static void set_hi(crdt__cells *cells, uint32_t i, const crdt__cell *cell)
{
    uint64_t offset = cell->hi - cell->birth.seq;
    crdt__col(&cells->hi, CRDT__BIRTH_ID)[i] = cell->birth.replica;
    crdt__col(&cells->hi, CRDT__BIRTH_SEQ)[i] = cell->birth.seq;
    CRDT_ASSERT(offset <= UINT32_MAX && (cells->wide || !crdt__cell_is_wide(cell)));
    if (cells->wide) crdt__col(&cells->hi, CRDT__OFFSET)[i] = offset;
    for (unsigned t = 0; t < cells->totals; t++) {
        if (cells->wide) crdt__col(&cells->hi, CRDT__TOTAL + t)[i] = cell->hi_total[t];
        else crdt__col(&cells->hi, CRDT__PACKED + t)[i] = offset << 32 | cell->hi_total[t];
    }
}

static void get_lo(const crdt__cells *cells, uint32_t f, crdt__cell *cell)
{
    const crdt__cols *lo = &cells->lo;
    cell->lo = cell->birth.seq + crdt__col(lo, CRDT__LO_OFFSET)[f];
    cell->reset.replica = crdt__col(lo, CRDT__LO_RESET_ID)[f];
    cell->reset.seq = crdt__col(lo, CRDT__LO_RESET_SEQ)[f];
    for (unsigned t = 0; t < cells->totals; t++) {
        cell->lo_total[t] = crdt__col(lo, CRDT__LO_TOTAL + t)[f];
    }
}

static void set_lo(crdt__cells *cells, uint32_t f, uint32_t i, const crdt__cell *cell)
{
    crdt__cols *lo = &cells->lo;
    crdt__col(lo, CRDT__LO_CELL)[f] = i;
    crdt__col(lo, CRDT__LO_OFFSET)[f] = cell->lo - cell->birth.seq;
    crdt__col(lo, CRDT__LO_RESET_ID)[f] = cell->reset.replica;
    crdt__col(lo, CRDT__LO_RESET_SEQ)[f] = cell->reset.seq;
    for (unsigned t = 0; t < cells->totals; t++) {
        crdt__col(lo, CRDT__LO_TOTAL + t)[f] = cell->lo_total[t];
    }
}

/* The place of cell i's floor, or of the first floor behind it. */
static uint32_t floor_seek(const crdt__cells *cells, uint32_t i)
{
    if (cells->lo.count == 0) return 0;
    return column_seek(crdt__col(&cells->lo, CRDT__LO_CELL), 0, cells->lo.count, i);
}

static bool floor_is_of(const crdt__cells *cells, uint32_t f, uint32_t i)
{
    return f < cells->lo.count && crdt__col(&cells->lo, CRDT__LO_CELL)[f] == i;
}

static inline bool births_before(const crdt__cells *cells, uint32_t i, crdt_dot birth)
{
    uint64_t id = crdt__col(&cells->hi, CRDT__BIRTH_ID)[i];
    if (id != birth.replica) return id < birth.replica;
    return crdt__col(&cells->hi, CRDT__BIRTH_SEQ)[i] < birth.seq;
}

uint32_t crdt__cells_seek(const crdt__cells *cells, uint32_t from, crdt_dot birth)
{
    uint32_t count = cells->hi.count, step = from == 0 ? count + 1 : 1;
    while (step <= count - from && births_before(cells, from + step - 1, birth)) {
        from += step;
        step = step <= UINT32_MAX / 2 ? step * 2 : step;
    }
    uint32_t to = step - 1 < count - from ? from + step - 1 : count;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (births_before(cells, mid, birth)) from = mid + 1;
        else to = mid;
    }
    return from;
}

static bool is_at(const crdt__cells *cells, uint32_t i, crdt_dot birth)
{
    return i < cells->hi.count && crdt_dot_equal(crdt__cells_birth(cells, i), birth);
}

bool crdt__cells_has(const crdt__cells *cells, crdt_dot birth)
{
    return is_at(cells, crdt__cells_seek(cells, 0, birth), birth);
}

void crdt__cells_get(const crdt__cells *cells, uint32_t i, crdt__cell *ret_cell)
{
    get_hi(cells, i, ret_cell);
    uint32_t f = floor_seek(cells, i);
    if (floor_is_of(cells, f, i)) get_lo(cells, f, ret_cell);
}

bool crdt__cells_find(const crdt__cells *cells, crdt_dot birth, crdt__cell *ret_cell)
{
    uint32_t i = crdt__cells_seek(cells, 0, birth);
    if (!is_at(cells, i, birth)) return false;
    crdt__cells_get(cells, i, ret_cell);
    return true;
}

void crdt__cells_put(crdt__cells *cells, const crdt__cell *cell)
{
    crdt__cells_put_at(cells, crdt__cells_seek(cells, 0, cell->birth), cell);
}

void crdt__cells_put_at(crdt__cells *cells, uint32_t i, const crdt__cell *cell)
{
    uint32_t f = floor_seek(cells, i);
    if (!is_at(cells, i, cell->birth)) {
        cols_open(&cells->hi, hi_width(cells->totals, cells->wide), i);
        for (uint32_t k = f; k < cells->lo.count; k++) crdt__col(&cells->lo, CRDT__LO_CELL)[k]++;
    }
    set_hi(cells, i, cell);
    if (cell->lo == 0) return;
    if (!floor_is_of(cells, f, i)) cols_open(&cells->lo, lo_width(cells->totals), f);
    set_lo(cells, f, i, cell);
}

void crdt__cells_append(crdt__cells *cells, const crdt__cell *cell)
{
    uint32_t i = cells->hi.count;
    CRDT_ASSERT(i < cells->hi.cap);
    CRDT_ASSERT(i == 0 || births_before(cells, i - 1, cell->birth));
    cells->hi.count++;
    set_hi(cells, i, cell);
    if (cell->lo == 0) return;
    CRDT_ASSERT(cells->lo.count < cells->lo.cap);
    set_lo(cells, cells->lo.count++, i, cell);
}

void crdt__cells_remove(crdt__cells *cells, uint32_t i)
{
    uint32_t f = floor_seek(cells, i);
    if (floor_is_of(cells, f, i)) cols_close(&cells->lo, lo_width(cells->totals), f);
    for (uint32_t k = f; k < cells->lo.count; k++) crdt__col(&cells->lo, CRDT__LO_CELL)[k]--;
    cols_close(&cells->hi, hi_width(cells->totals, cells->wide), i);
}

/* -- All cells --------------------------------------------------------------------------------- */

crdt__cells_iter crdt__cells_from(const crdt__cells *cells, uint32_t i)
{
    return (crdt__cells_iter){cells, i, floor_seek(cells, i)};
}

bool crdt__cells_next(crdt__cells_iter *it, crdt__cell *ret_cell)
{
    if (it->i == it->cells->hi.count) return false;
    get_hi(it->cells, it->i, ret_cell);
    if (floor_is_of(it->cells, it->floor, it->i)) get_lo(it->cells, it->floor++, ret_cell);
    it->i++;
    return true;
}

bool crdt__cells_filter(crdt__cells *cells, bool (*keep)(const crdt__cell *cell, const void *user),
                        const void  *user)
{
    crdt__cells_iter it = crdt__cells_from(cells, 0);
    uint32_t         count = 0, floors = 0, before = cells->hi.count;
    for (crdt__cell cell; crdt__cells_next(&it, &cell);) {
        if (!keep(&cell, user)) continue;
        if (count + 1 < it.i) set_hi(cells, count, &cell);
        if (cell.lo != 0) set_lo(cells, floors++, count, &cell);
        count++;
    }
    cells->hi.count = count;
    cells->lo.count = floors;
    return count < before;
}
