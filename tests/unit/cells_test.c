/* cells_test.c: joins of counters' cells against a naive model, their bytes, and failing
 * allocations. */
#include "crdt/core/cells.h"

#include <string.h>

#include "tests/lib/testmem.h"

#define BIRTHS_MAX 400

static uint64_t state = 88172645463325252u;

static uint64_t rnd(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % n;
}

/* -- A model of one side
 * ------------------------------------------------------------------------ */

typedef enum status { UNSEEN, HELD, GONE } status;

/* What one side knows of the births of a universe. */
typedef struct side {
    status       status[BIRTHS_MAX];
    crdt__cell   cell[BIRTHS_MAX];
    crdt__cells  cells;
    crdt_context seen;
} side;

static testmem     mem;
static crdt_limits limits;
static crdt_space  space;

static void set_up(void)
{
    testmem_init(&mem);
    limits = crdt_limits_default();
    space = (crdt_space){.mem = &mem.mem, .limits = &limits};
}

/* A birth's history is fixed: k operations in, its sequence and totals are functions of k. */
static uint64_t birth_total(size_t birth, unsigned t, uint64_t k, uint8_t totals, uint64_t scale)
{
    if (t >= totals) return 0;
    return totals == 1 ? k * (birth % 5 + 1) * scale : (t == 0 ? (k + 1) / 2 : k / 2) * scale;
}

static crdt__cell cell_at(size_t birth, uint64_t hi, uint64_t lo, uint8_t totals, uint64_t scale)
{
    crdt__cell cell = {.birth = {birth / 3 + 1, birth % 3 * 1000 + 1}};
    cell.hi = cell.birth.seq + 2 * (hi - 1);
    cell.lo = lo == 0 ? 0 : cell.birth.seq + 2 * (lo - 1);
    for (unsigned t = 0; t < 2; t++) {
        cell.hi_total[t] = birth_total(birth, t, hi, totals, scale);
        cell.lo_total[t] = birth_total(birth, t, lo, totals, scale);
    }
    if (lo > 0) cell.reset = (crdt_dot){500 + rnd(3), lo};
    return cell;
}

static void side_build(side *s, size_t births, uint8_t totals)
{
    crdt__cells_init(&s->cells, totals);
    crdt_context_init(&s->seen, &mem.mem);
    for (size_t b = 0; b < births; b++) {
        if (s->status[b] == UNSEEN) continue;
        CHECK_OK(crdt_context_add(&s->seen, s->cell[b].birth));
        if (s->status[b] == GONE) continue;
        bool wide = crdt__cell_is_wide(&s->cell[b]);
        CHECK_OK(crdt__cells_reserve(&mem.mem, &s->cells, 1, s->cell[b].lo != 0, wide));
        crdt__cells_append(&s->cells, &s->cell[b]);
    }
}

static void side_clear(side *s)
{
    crdt__cells_clear(&mem.mem, &s->cells);
    crdt_context_clear(&s->seen);
}

static void side_random(side *s, size_t births, uint8_t totals, uint64_t scale, unsigned floors)
{
    uint64_t held = rnd(4) == 0 ? 1 : 1 + rnd(8), gone = rnd(3) * rnd(3);
    for (size_t b = 0; b < births; b++) {
        uint64_t hi = 1 + rnd(6), lo = floors > 0 && rnd(4) < floors ? 1 + rnd(hi) : 0;
        s->cell[b] = cell_at(b, hi, lo, totals, scale);
        s->status[b] = rnd(held) > 0 ? UNSEEN : rnd(100) < gone ? GONE : HELD;
    }
    side_build(s, births, totals);
}

static crdt_err join_sides(side *mine, const side *theirs, bool *ret_changed)
{
    crdt_join join = {
        .space = &space, .mine = {&mine->seen, NULL}, .theirs = {&theirs->seen, NULL}};
    crdt_err err = crdt__cells_prepare(&join, &mine->cells, &theirs->cells);
    if (err != CRDT_OK) return err;
    *ret_changed = crdt__cells_commit(&join, &mine->cells, &theirs->cells);
    return crdt_context_union(&mine->seen, &theirs->seen);
}

/* The same, by the book. */
static bool join_models(side *mine, const side *theirs, size_t births)
{
    bool changed = false;
    for (size_t b = 0; b < births; b++) {
        crdt__cell before = mine->cell[b];
        status     old = mine->status[b];
        if (theirs->status[b] == UNSEEN) continue;
        if (old == UNSEEN) mine->cell[b] = theirs->cell[b];
        if (old == HELD && theirs->status[b] == HELD) {
            const crdt__cell *t = &theirs->cell[b];
            crdt__cell       *m = &mine->cell[b];
            if (t->hi > m->hi) {
                m->hi = t->hi;
                memcpy(m->hi_total, t->hi_total, sizeof m->hi_total);
            }
            bool first = t->lo == m->lo && t->lo > 0 && crdt_dot_compare(t->reset, m->reset) < 0;
            if (t->lo > m->lo || first) {
                m->lo = t->lo;
                m->reset = t->reset;
                memcpy(m->lo_total, t->lo_total, sizeof m->lo_total);
            }
            changed |= memcmp(m, &before, sizeof before) != 0;
        }
        if (theirs->status[b] == GONE) mine->status[b] = GONE;
        else if (old == UNSEEN) mine->status[b] = HELD;
        changed |= (old == HELD) != (mine->status[b] == HELD);
    }
    return changed;
}

static void side_verify(const side *s, size_t births)
{
    crdt__cells_iter it = crdt__cells_from(&s->cells, 0);
    crdt__cell       cell;
    for (size_t b = 0; b < births; b++) {
        if (s->status[b] != HELD) continue;
        CHECK(crdt__cells_next(&it, &cell));
        CHECK_EQ_MEM(&cell, sizeof cell, &s->cell[b], sizeof cell);
    }
    CHECK(!crdt__cells_next(&it, &cell));
}

static void encode(const crdt__cells *cells, crdt_replicas *dict, crdt_buf *out)
{
    crdt_enc enc = {out, dict, false};
    crdt_replicas_init(dict, NULL);
    crdt_buf_init(out, NULL);
    crdt__cells_mark(cells, dict);
    CHECK_OK(crdt_replicas_seal(dict));
    crdt__cells_encode(cells, &enc);
    CHECK_OK(crdt_buf_status(out));
}

static crdt_err decode(const crdt_replicas *dict, crdt_view in, uint8_t totals,
                       crdt__cells *ret_cells, const char **ret_reason)
{
    crdt_dec dec;
    crdt_dec_init(&dec, in, &limits);
    dec.dict = dict->ids;
    dec.dict_count = dict->count;
    crdt__cells_init(ret_cells, totals);
    crdt_err err = crdt__cells_decode(&space, ret_cells, &dec);
    if (err == CRDT_OK && crdt_dec_left(&dec) > 0) err = CRDT_EMALFORMED;
    if (ret_reason != NULL) *ret_reason = dec.reason;
    if (err != CRDT_OK) crdt__cells_clear(&mem.mem, ret_cells);
    return err;
}

/* -- Joins ------------------------------------------------------------------------------------- */

TEST(cells, every_way_to_join_is_the_join_by_the_book)
{
    static side         a, b, c;
    static const size_t sizes[] = {1, 3, 9, 40, BIRTHS_MAX};
    set_up();
    for (unsigned round = 0; round < (T_SLOW ? 200 : 3000); round++) {
        size_t   births = sizes[rnd(5)];
        uint8_t  totals = (uint8_t)(1 + rnd(2));
        uint64_t scale = rnd(3) == 0 ? UINT64_C(1) << 31 : 1;
        bool     changed, want;
        side_random(&a, births, totals, scale, (unsigned)rnd(3));
        side_random(&b, births, totals, scale, (unsigned)rnd(3));
        if (rnd(3) == 0) { /* the same births, here and there another total: by column */
            side_clear(&b);
            memcpy(b.status, a.status, sizeof a.status);
            side_build(&b, births, totals);
        }
        c = b;
        want = join_models(&a, &b, births);
        CHECK_OK(join_sides(&a, &b, &changed));
        CHECK_EQ_INT(changed, want);
        side_verify(&a, births);
        CHECK_EQ_MEM(&b.cells, sizeof b.cells, &c.cells, sizeof c.cells);
        want = join_models(&b, &a, births); /* and back: both are equal then */
        CHECK_OK(join_sides(&b, &a, &changed));
        side_verify(&b, births);
        CHECK_OK(join_sides(&b, &a, &changed));
        CHECK(!changed);
        side_clear(&a);
        side_clear(&b);
    }
    TESTMEM_DONE(&mem);
}

static void fork_is_refused(size_t births, size_t forked, bool partly, uint64_t scale, bool at_lo)
{
    static side   a, b;
    crdt_replicas dict[2];
    crdt_buf      before, after;
    bool          changed;
    set_up();
    for (size_t i = 0; i < births; i++) {
        a.cell[i] = cell_at(i, 3, at_lo ? 2 : 0, 1, scale);
        b.cell[i] = a.cell[i];
        a.status[i] = HELD;
        b.status[i] = partly && i % 2 == 1 ? UNSEEN : HELD;
    }
    if (at_lo) b.cell[forked].lo_total[0]--;
    else b.cell[forked].hi_total[0]--;
    side_build(&a, births, 1);
    side_build(&b, births, 1);
    encode(&a.cells, &dict[0], &before);
    CHECK_ERR(join_sides(&a, &b, &changed), CRDT_EFORK);
    encode(&a.cells, &dict[1], &after);
    CHECK_EQ_MEM(after.data, after.size, before.data, before.size);
    CHECK_ERR(join_sides(&b, &a, &changed), CRDT_EFORK);
    crdt_buf_clear(&before);
    crdt_buf_clear(&after);
    crdt_replicas_clear(&dict[0]);
    crdt_replicas_clear(&dict[1]);
    side_clear(&a);
    side_clear(&b);
    TESTMEM_DONE(&mem);
}

TEST(cells, one_dot_with_two_totals_is_a_fork)
{
    for (unsigned k = 0; k < 16; k++) {
        uint64_t scale = k & 4 ? UINT64_C(1) << 33 : 1;
        fork_is_refused(k & 1 ? 100 : 3, k & 1 ? 90 : 2, (k & 2) != 0, scale, (k & 8) != 0);
    }
}

TEST(cells, a_later_dot_with_a_lesser_total_is_a_fork)
{
    static side a, b;
    bool        changed;
    set_up();
    a.cell[0] = cell_at(0, 3, 0, 1, 1);
    b.cell[0] = cell_at(0, 4, 0, 1, 1);
    b.cell[0].hi_total[0] = a.cell[0].hi_total[0] - 1;
    a.status[0] = b.status[0] = HELD;
    side_build(&a, 1, 1);
    side_build(&b, 1, 1);
    CHECK_ERR(join_sides(&a, &b, &changed), CRDT_EFORK);
    CHECK_ERR(join_sides(&b, &a, &changed), CRDT_EFORK);
    side_clear(&a);
    side_clear(&b);
    TESTMEM_DONE(&mem);
}

TEST(cells, a_failing_allocation_leaves_a_join_undone)
{
    static side a, b;
    for (unsigned round = 0; round < 200; round++) {
        size_t   births = round % 2 == 0 ? 6 : 60;
        bool     changed;
        crdt_err err = CRDT_ENOMEM;
        set_up();
        side_random(&a, births, 2, round % 3 == 0 ? UINT64_C(1) << 32 : 1, 2);
        side_random(&b, births, 2, round % 3 == 0 ? UINT64_C(1) << 32 : 1, 2);
        for (uint64_t n = 1; err != CRDT_OK; n++) {
            crdt_join join = {&space, {&a.seen, NULL}, {&b.seen, NULL}, 0,
                              false,  false,           false,           false};
            testmem_fail_nth(&mem, n);
            err = crdt__cells_prepare(&join, &a.cells, &b.cells);
            testmem_fail_never(&mem);
            side_verify(&a, births);
            CHECK(err == CRDT_OK || err == CRDT_ENOMEM);
        }
        if (round % 5 != 0) { /* or else never committed: what prepare made must go all the same */
            (void)join_models(&a, &b, births);
            CHECK_OK(join_sides(&a, &b, &changed));
            side_verify(&a, births);
        }
        side_clear(&a);
        side_clear(&b);
        TESTMEM_DONE(&mem);
    }
}

/* -- Since a context
 * ---------------------------------------------------------------------------- */

TEST(cells, what_a_context_lacks_completes_its_holder)
{
    static side a, b;
    set_up();
    for (unsigned round = 0; round < (T_SLOW ? 50 : 500); round++) {
        size_t       births = 30;
        bool         changed;
        crdt__cells  part;
        crdt_context keep;
        side_random(&a, births, 1, 1, 1);
        for (size_t i = 0; i < births; i++) { /* b is where a was: less of everything */
            crdt__cell *cell = &a.cell[i];
            b.status[i] = rnd(3) == 0 ? UNSEEN : a.status[i] == GONE && rnd(2) ? HELD : a.status[i];
            b.cell[i] = *cell;
            if (cell->hi > cell->birth.seq && cell->lo == 0 && rnd(2)) {
                b.cell[i] = cell_at(i, 1, 0, 1, 1);
            }
        }
        side_build(&b, births, 1);
        for (size_t i = 0; i < births; i++) {
            crdt_run all = {b.cell[i].birth.replica, b.cell[i].birth.seq, b.cell[i].hi};
            CHECK_OK(crdt_context_reserve(&b.seen, 1));
            if (b.status[i] == HELD) crdt_context_add_reserved(&b.seen, all);
        }
        crdt__cells_init(&part, 1);
        crdt_context_init(&keep, &mem.mem);
        CHECK_OK(crdt__cells_since(&space, &a.cells, &b.seen, &part, &keep));
        crdt_join join = {&space, {&b.seen, NULL}, {&a.seen, &keep}, 0, false, false, false, false};
        CHECK_OK(crdt__cells_prepare(&join, &b.cells, &part));
        changed = crdt__cells_commit(&join, &b.cells, &part);
        bool want = join_models(&b, &a, births);
        CHECK_EQ_INT(changed, want);
        side_verify(&b, births);
        crdt__cells_clear(&mem.mem, &part);
        crdt_context_clear(&keep);
        side_clear(&a);
        side_clear(&b);
    }
    TESTMEM_DONE(&mem);
}

/* -- Bytes ------------------------------------------------------------------------------------- */

TEST(cells, bytes_come_back_and_do_not_tell_the_form)
{
    static side a;
    set_up();
    for (unsigned round = 0; round < (T_SLOW ? 50 : 500); round++) {
        uint8_t       totals = (uint8_t)(1 + rnd(2));
        crdt_replicas dict, dict2;
        crdt_buf      bytes, again;
        crdt__cells   copy;
        side_random(&a, 60, totals, rnd(2) ? 1 : UINT64_C(1) << 32, (unsigned)rnd(4));
        encode(&a.cells, &dict, &bytes);
        CHECK_OK(decode(&dict, crdt_buf_bytes(&bytes), totals, &copy, NULL));
        CHECK_OK(crdt__cells_reserve(&mem.mem, &copy, 0, 0, true)); /* wide without need */
        encode(&copy, &dict2, &again);
        CHECK_EQ_MEM(again.data, again.size, bytes.data, bytes.size);
        for (size_t cut = 0; cut < bytes.size; cut++) {
            crdt__cells short_of;
            crdt_view   in = crdt_view_of(bytes.data, cut);
            CHECK_ERR(decode(&dict, in, totals, &short_of, NULL), CRDT_EMALFORMED);
        }
        crdt__cells_clear(&mem.mem, &copy);
        crdt_buf_clear(&bytes);
        crdt_buf_clear(&again);
        crdt_replicas_clear(&dict);
        crdt_replicas_clear(&dict2);
        side_clear(&a);
    }
    TESTMEM_DONE(&mem);
}

TEST(cells, damaged_bytes_are_refused_or_sound_and_canonical)
{
    static side a;
    set_up();
    for (unsigned round = 0; round < (T_SLOW ? 200 : 3000); round++) {
        crdt_replicas dict;
        crdt_buf      bytes, again;
        crdt__cells   copy;
        side_random(&a, 6, 2, 1, 2);
        encode(&a.cells, &dict, &bytes);
        for (uint64_t k = 1 + rnd(2); k > 0; k--) bytes.data[rnd(bytes.size)] = (uint8_t)rnd(256);
        mem.peak = mem.bytes;
        size_t   before = mem.bytes;
        crdt_err err = decode(&dict, crdt_buf_bytes(&bytes), 2, &copy, NULL);
        CHECK(mem.peak - before <= 8 * bytes.size);
        if (err == CRDT_OK) {
            crdt_enc enc = {&again, &dict, false};
            crdt_buf_init(&again, NULL);
            crdt__cells_encode(&copy, &enc);
            CHECK_EQ_MEM(again.data, again.size, bytes.data, bytes.size);
            crdt_buf_clear(&again);
            crdt__cells_clear(&mem.mem, &copy);
        } else {
            CHECK_ERR(err, CRDT_EMALFORMED);
        }
        crdt_buf_clear(&bytes);
        crdt_replicas_clear(&dict);
        side_clear(&a);
    }
    TESTMEM_DONE(&mem);
}

/* Bytes of one G-counter cell and perhaps a floor, and what is wrong with them. */
static void refused(const char *reason, const void *bytes, size_t size)
{
    uint64_t      ids[] = {7, 9};
    crdt_replicas dict = {.ids = ids, .count = 2, .sealed = true};
    crdt__cells   cells;
    const char   *why = NULL;
    crdt_err      err = decode(&dict, crdt_view_of(bytes, size), 1, &cells, &why);
    if (reason == NULL) {
        CHECK_OK(err);
        crdt__cells_clear(&mem.mem, &cells);
        return;
    }
    CHECK_ERR(err, CRDT_EMALFORMED);
    CHECK_EQ_STR(why, reason);
}
#define REFUSED(reason, ...)                    \
    do {                                        \
        const uint8_t bytes_[] = {__VA_ARGS__}; \
        refused(reason, bytes_, sizeof bytes_); \
    } while (0)

TEST(cells, each_fault_in_bytes_has_its_reason)
{
    set_up();
    /* count, {place, sequence, offset, total}, count, {passed, offset, place, sequence, total} */
    REFUSED(NULL, 1, 0, 5, 2, 30, 0);
    REFUSED(NULL, 1, 0, 5, 2, 30, 1, 0, 1, 1, 4, 20);
    REFUSED(NULL, 1, 0, 5, 2, 30, 1, 0, 2, 1, 4, 30);
    REFUSED("a cell's birth is no dot", 1, 0, 0, 2, 30, 0);
    REFUSED("a cell without an increment", 1, 0, 5, 2, 0, 0);
    REFUSED("a cell's latest dot is out of range", 1, 0, 5, 0x80, 0x80, 0x80, 0x80, 0x10, 30, 0);
    REFUSED("a cell's latest dot is out of range", 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
            0x80, 0x40, 2, 30, 0);
    REFUSED("cells out of order", 2, 0, 5, 2, 30, 0, 5, 2, 30, 0);
    REFUSED("cells out of order", 2, 1, 5, 2, 30, 0, 6, 2, 30, 0);
    REFUSED("a floor without a cell", 1, 0, 5, 2, 30, 1, 1, 1, 1, 4, 20);
    REFUSED("a floor is out of range", 1, 0, 5, 2, 30, 1, 0, 3, 1, 4, 20);
    REFUSED("a floor is out of range", 1, 0, 5, 2, 30, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 1, 4,
            20);
    REFUSED("a floor's reset is no dot", 1, 0, 5, 2, 30, 1, 0, 1, 1, 0, 20);
    REFUSED("a floor without an increment", 1, 0, 5, 2, 30, 1, 0, 1, 1, 4, 0);
    REFUSED("a floor's totals exceed its cell's", 1, 0, 5, 2, 30, 1, 0, 1, 1, 4, 31);
    REFUSED("a floor's totals exceed its cell's", 1, 0, 5, 2, 30, 1, 0, 2, 1, 4, 29);
    REFUSED("more floors than cells", 1, 0, 5, 2, 30, 2, 0, 1, 1, 4, 20, 0, 1, 1, 4, 20);
    TESTMEM_DONE(&mem);
}

TEST(cells, decoding_stays_within_eight_times_its_bytes)
{
    for (unsigned k = 0; k < 8; k++) {
        static side   a;
        crdt_replicas dict;
        crdt_buf      bytes;
        crdt__cells   copy;
        uint8_t       totals = k & 1 ? 2 : 1;
        set_up();
        for (size_t b = 0; b < 120; b++) { /* the shortest bytes there are */
            a.cell[b] = (crdt__cell){.birth = {b + 1, 1}, .hi = 2, .hi_total = {2, 0}};
            a.status[b] = HELD;
            if (k & 2 && b == 60) a.cell[b].hi_total[0] = UINT64_C(1) << 40;
            if (!(k & 4)) continue;
            a.cell[b].lo = 1;
            a.cell[b].lo_total[0] = 1;
            a.cell[b].reset = (crdt_dot){1, 1};
        }
        side_build(&a, 120, totals);
        encode(&a.cells, &dict, &bytes);
        size_t before = mem.bytes;
        mem.peak = mem.bytes;
        CHECK_OK(decode(&dict, crdt_buf_bytes(&bytes), totals, &copy, NULL));
        CHECK(mem.peak - before <= 8 * bytes.size);
        crdt__cells_clear(&mem.mem, &copy);
        testmem_fail_nth(&mem, 1);
        CHECK_ERR(decode(&dict, crdt_buf_bytes(&bytes), totals, &copy, NULL), CRDT_ENOMEM);
        crdt_buf_clear(&bytes);
        crdt_replicas_clear(&dict);
        side_clear(&a);
        TESTMEM_DONE(&mem);
    }
}

/* -- Audit, and 128 bits
 * ------------------------------------------------------------------------ */

TEST(cells, the_audit_sees_each_kind_of_damage)
{
    static side a;
    const char *why = NULL;
    set_up();
    for (size_t b = 0; b < 3; b++) {
        a.cell[b] = cell_at(b, 3, b == 1 ? 2 : 0, 1, 1);
        a.status[b] = HELD;
    }
    side_build(&a, 3, 1);
    CHECK(!crdt__cells_check(&space, &a.cells, &a.seen, &why));
    CHECK_EQ_STR(why, "a cell that the context does not account for");
    for (size_t b = 0; b < 3; b++) {
        CHECK_OK(crdt_context_add(&a.seen, crdt__cell_hi_dot(&a.cell[b])));
    }
    CHECK(crdt__cells_check(&space, &a.cells, &a.seen, &why));
    crdt__col(&a.cells.lo, CRDT__LO_CELL)[0] = 3;
    CHECK(!crdt__cells_check(&space, &a.cells, &a.seen, &why));
    CHECK_EQ_STR(why, "a floor without a cell");
    crdt__col(&a.cells.lo, CRDT__LO_CELL)[0] = 1;
    crdt__col(&a.cells.lo, CRDT__LO_OFFSET)[0] = 77;
    CHECK(!crdt__cells_check(&space, &a.cells, &a.seen, &why));
    CHECK_EQ_STR(why, "a floor is out of range");
    crdt__col(&a.cells.lo, CRDT__LO_OFFSET)[0] = 1;
    crdt__col(&a.cells.hi, CRDT__BIRTH_SEQ)[2] = 1;
    CHECK(!crdt__cells_check(&space, &a.cells, &a.seen, &why));
    CHECK_EQ_STR(why, "cells out of order");
    uint32_t cap = a.cells.hi.cap;
    a.cells.hi.cap = 2;
    CHECK(!crdt__cells_check(&space, &a.cells, &a.seen, &why));
    CHECK_EQ_STR(why, "more cells than room");
    a.cells.hi.cap = cap;
    side_clear(&a);
    TESTMEM_DONE(&mem);
}

static void prints(crdt_i128 n, const char *text)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    crdt__i128_print(n, &out);
    crdt_buf_byte(&out, 0);
    CHECK_EQ_STR((const char *)out.data, text);
    crdt_buf_clear(&out);
}

TEST(i128, prints_in_decimal)
{
    prints((crdt_i128){0, 0}, "0");
    prints((crdt_i128){7, 0}, "7");
    prints((crdt_i128){1000000000, 0}, "1000000000");
    prints((crdt_i128){UINT64_MAX, 0}, "18446744073709551615");
    prints((crdt_i128){0, 1}, "18446744073709551616");
    prints((crdt_i128){UINT64_MAX, -1}, "-1");
    prints((crdt_i128){0, -1}, "-18446744073709551616");
    prints((crdt_i128){UINT64_MAX, INT64_MAX}, "170141183460469231731687303715884105727");
    prints((crdt_i128){0, INT64_MIN}, "-170141183460469231731687303715884105728");
}

TEST(i128, narrows_only_what_fits)
{
    int64_t n = 5;
    CHECK_ERR(crdt__i128_narrow((crdt_i128){UINT64_C(1) << 63, 0}, &n), CRDT_ERANGE);
    CHECK_ERR(crdt__i128_narrow((crdt_i128){INT64_MAX, -1}, &n), CRDT_ERANGE);
    CHECK_ERR(crdt__i128_narrow((crdt_i128){0, 1}, &n), CRDT_ERANGE);
    CHECK_EQ_INT(n, 5);
    CHECK_OK(crdt__i128_narrow((crdt_i128){INT64_MAX, 0}, &n));
    CHECK_EQ_INT(n, INT64_MAX);
    CHECK_OK(crdt__i128_narrow((crdt_i128){UINT64_C(1) << 63, -1}, &n));
    CHECK_EQ_INT(n, INT64_MIN);
}
