/* atoms_test.c: the content of sequences against a plain array of atoms. */
#include <stdlib.h>
#include <string.h>

#include "crdt/buf.h"
#include "crdt/seq/seq_atoms.h"
#include "tests/lib/codepoints.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

static uint64_t state = 88172645463325252u;

static uint32_t rnd_below(uint32_t n)
{
    return (uint32_t)random_below(&state, n);
}

/* -- The model --------------------------------------------------------------------------------- */

#define MODEL_ATOMS 100000u
#define MODEL_BYTES 3000000u

typedef struct model {
    crdt__atom_kind kind;
    uint32_t        count;
    bool            is_void[MODEL_ATOMS];
    uint32_t        at[MODEL_ATOMS + 1]; /* where atoms start in bytes; voids have none */
    uint8_t         bytes[MODEL_BYTES];
} model;

static model *model_new(crdt__atom_kind kind)
{
    model *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    m->kind = kind;
    return m;
}

static uint32_t model_size(const model *m, uint32_t cid)
{
    return m->at[cid + 1] - m->at[cid];
}

static void model_add(model *m, const uint8_t *bytes, size_t size, bool is_void)
{
    uint32_t at = m->at[m->count];
    CHECK(m->count < MODEL_ATOMS && at + size <= MODEL_BYTES);
    if (size > 0) memcpy(m->bytes + at, bytes, size);
    m->is_void[m->count++] = is_void;
    m->at[m->count] = at + (uint32_t)size;
}

static void model_cut(model *m, uint32_t count)
{
    m->count = count;
}

static void model_forget(model *m, uint32_t cid, uint32_t len)
{
    uint32_t from = m->at[cid], gone = m->at[cid + len] - from, end = m->at[m->count];
    memmove(m->bytes + from, m->bytes + from + gone, end - from - gone);
    for (uint32_t i = cid; i < cid + len; i++) {
        m->is_void[i] = true;
        m->at[i] = from;
    }
    for (uint32_t i = cid + len; i <= m->count; i++) m->at[i] -= gone;
}

/* -- Atoms at random --------------------------------------------------------------------------- */

/* One atom into out, which has room for max bytes (16 at least). */
static size_t rnd_atom(crdt__atom_kind kind, bool wide, uint8_t *out, size_t max)
{
    crdt_buf   buf;
    crdt_value value;
    size_t     size;
    uint8_t   *bytes;
    if (kind == CRDT__UTF8_ATOMS) return put_code_point(random_code_point(&state, wide), out);
    if (rnd_below(2) == 0) size = 0;
    else size = rnd_below(rnd_below(8) == 0 && wide ? (uint32_t)max - 5 : 11);
    bytes = malloc(size + 1);
    CHECK(bytes != NULL);
    memset(bytes, (int)rnd_below(256), size + 1);
    value = rnd_below(3) == 0 ? crdt_int((int64_t)next_random(&state)) : crdt_bytes(bytes, size);
    crdt_buf_init(&buf, NULL);
    crdt_buf_value(&buf, value);
    CHECK_OK(crdt_buf_status(&buf));
    CHECK(buf.size <= max);
    size = buf.size;
    memcpy(out, buf.data, size);
    crdt_buf_clear(&buf);
    free(bytes);
    return size;
}

/* -- Atoms and model together ------------------------------------------------------------------ */

typedef struct pair {
    testmem     mem;
    crdt__atoms atoms;
    model      *model;
} pair;

static void pair_init(pair *p, crdt__atom_kind kind)
{
    testmem_init(&p->mem);
    crdt__atoms_init(&p->atoms, &p->mem.mem, kind);
    p->model = model_new(kind);
}

static void pair_done(pair *p)
{
    crdt__atoms_clear(&p->atoms);
    CHECK_EQ_INT(p->atoms.count, 0);
    CHECK_EQ_INT(p->atoms.memory, 0);
    TESTMEM_DONE(&p->mem);
    free(p->model);
}

/* Append what the model has from its atom `from` on, as many atoms at a time as one likes. */
static void append_model(pair *p, uint32_t from, uint32_t step)
{
    const model *m = p->model;
    while (from < m->count) {
        uint32_t n = 1 + rnd_below(step);
        if (n > m->count - from) n = m->count - from;
        crdt__atoms_append(&p->atoms, m->bytes + m->at[from], m->at[from + n] - m->at[from], n);
        from += n;
    }
}

static void pair_append(pair *p, uint32_t n, bool wide, size_t max)
{
    model   *m = p->model;
    uint8_t *atom = malloc(max);
    uint32_t from = m->count;
    CHECK(atom != NULL);
    for (uint32_t i = 0; i < n; i++) model_add(m, atom, rnd_atom(m->kind, wide, atom, max), false);
    free(atom);
    CHECK_OK(crdt__atoms_reserve(&p->atoms, m->at[m->count] - m->at[from], n));
    append_model(p, from, rnd_below(2) == 0 ? 1 : n);
}

static crdt__sums naive_sums(const model *m, uint32_t cid, uint32_t len)
{
    crdt__sums sums = {m->at[cid + len] - m->at[cid], 0, 0};
    if (m->kind == CRDT__VALUE_ATOMS) return sums;
    for (uint32_t i = cid; i < cid + len; i++) {
        if (m->is_void[i]) continue;
        sums.units16 += model_size(m, i) == 4 ? 2 : 1;
        sums.lines += m->bytes[m->at[i]] == '\n';
    }
    return sums;
}

static void check_sums(const pair *p, uint32_t cid, uint32_t len)
{
    crdt__sums got = crdt__atoms_sums(&p->atoms, cid, len), want = naive_sums(p->model, cid, len);
    CHECK_EQ_INT(got.bytes, want.bytes);
    CHECK_EQ_INT(got.units16, want.units16);
    CHECK_EQ_INT(got.lines, want.lines);
}

/* The views of the len atoms from cid on show what the model has. */
static void check_views(const pair *p, uint32_t cid, uint32_t len)
{
    const model *m = p->model;
    while (len > 0) {
        uint32_t  n;
        crdt_view view = crdt__atoms_view(&p->atoms, cid, len, &n);
        CHECK(n > 0 && n <= len);
        for (uint32_t i = cid; i < cid + n; i++) CHECK_EQ_INT(m->is_void[i], m->is_void[cid]);
        CHECK_EQ_MEM(view.data, view.size, m->bytes + m->at[cid], m->at[cid + n] - m->at[cid]);
        cid += n;
        len -= n;
    }
}

static void check_voids(const pair *p, uint32_t cid)
{
    const model *m = p->model;
    uint32_t     len, got = crdt__atoms_next_void(&p->atoms, cid, &len), want = cid, end;
    while (want < m->count && !m->is_void[want]) want++;
    for (end = want; end < m->count && m->is_void[end]; end++) continue;
    CHECK_EQ_INT(got, want);
    CHECK_EQ_INT(len, end - want);
}

static void check_audit(const pair *p)
{
    const char *reason;
    CHECK_MSG(crdt__atoms_check(&p->atoms, &reason), "%s", reason);
    CHECK_EQ_INT(p->atoms.memory, p->mem.bytes);
    CHECK_EQ_INT(p->atoms.count, p->model->count);
    CHECK_EQ_INT(p->atoms.bytes, p->model->at[p->model->count]);
}

static void check_pair(const pair *p)
{
    uint32_t count = p->model->count;
    check_audit(p);
    check_views(p, 0, count);
    check_sums(p, 0, count);
    check_voids(p, 0);
    for (unsigned i = 0; i < 8 && count > 0; i++) {
        uint32_t cid = rnd_below(count), len = rnd_below(count - cid) + 1;
        if (rnd_below(2) == 0 && len > 100) len = 100;
        check_views(p, cid, len);
        check_sums(p, cid, len);
        check_voids(p, cid);
    }
}

static void pair_void(pair *p, uint32_t n)
{
    CHECK_OK(crdt__atoms_append_void(&p->atoms, n));
    for (uint32_t i = 0; i < n; i++) model_add(p->model, NULL, 0, true);
}

static void pair_forget(pair *p, uint32_t cid, uint32_t len)
{
    CHECK_OK(crdt__atoms_forget(&p->atoms, cid, len));
    model_forget(p->model, cid, len);
}

static void pair_cut(pair *p, uint32_t count)
{
    crdt__atoms_cut(&p->atoms, count);
    model_cut(p->model, count);
}

/* -- Random operations ------------------------------------------------------------------------- */

static void random_step(pair *p, bool wide, uint32_t scale)
{
    uint32_t count = p->model->count, cid = count > 0 ? rnd_below(count) : 0;
    uint32_t len = count > 0 ? rnd_below(count - cid < scale ? count - cid : scale) + 1 : 0;
    uint32_t left = MODEL_ATOMS - count, n = 1 + rnd_below(scale);
    switch (rnd_below(16)) {
    default:
        if (n <= left) pair_append(p, n, wide, p->model->kind == CRDT__VALUE_ATOMS ? 400 : 16);
        break;
    case 10:
    case 11:
        if (n <= left) pair_void(p, rnd_below(2) == 0 ? 1 + n % 9 : n);
        break;
    case 12:
    case 13:
    case 14:
        if (rnd_below(2) == 0) len = 1 + len % 9;
        if (len > count - cid) len = count - cid;
        pair_forget(p, cid, len);
        break;
    case 15: pair_cut(p, rnd_below(16) == 0 ? cid : count - len / 2); break;
    }
}

static void random_history(crdt__atom_kind kind, bool wide, uint32_t scale, unsigned steps)
{
    pair p;
    pair_init(&p, kind);
    for (unsigned i = 0; i < steps && p.model->count < MODEL_ATOMS - 400; i++) {
        random_step(&p, wide && i > steps / 3, scale);
        check_audit(&p);
        if (rnd_below(8) == 0) check_pair(&p);
    }
    check_pair(&p);
    CHECK_EQ_INT(p.atoms.kind, kind);
    pair_done(&p);
}

TEST(atoms, random_histories_read_as_the_model)
{
    unsigned rounds = T_SLOW ? 3 : 12, steps = T_SLOW ? 120 : 300;
    for (unsigned round = 0; round < rounds; round++) {
        random_history(CRDT__UTF8_ATOMS, false, 5 + 400 * (round % 3), steps);
        random_history(CRDT__UTF8_ATOMS, true, 5 + 400 * (round % 3), steps);
        random_history(CRDT__VALUE_ATOMS, false, 5 + 100 * (round % 3), steps * 2 / 3);
        random_history(CRDT__VALUE_ATOMS, true, 5 + 100 * (round % 3), steps * 2 / 3);
    }
}

TEST(atoms, large_appends_fit_what_was_reserved)
{
    for (unsigned round = 0; round < (T_SLOW ? 4u : 20u); round++) {
        pair p;
        pair_init(&p, round % 4 == 3 ? CRDT__VALUE_ATOMS : CRDT__UTF8_ATOMS);
        for (unsigned i = 0; i < 6 && p.model->count < MODEL_ATOMS - 20000; i++) {
            size_t max = i == 3 ? 100000 : 60;
            if (rnd_below(2) == 0) pair_append(&p, 1 + rnd_below(70), round % 2 == 1, 60);
            pair_append(&p,
                        p.model->kind == CRDT__VALUE_ATOMS && i == 3 ? 20 : 1 + rnd_below(20000),
                        round % 2 == 1 && rnd_below(2) == 0, max);
            check_pair(&p);
        }
        while (p.model->count > 10) {
            uint32_t len = 1 + rnd_below(p.model->count / 2), cid = rnd_below(p.model->count - len);
            pair_forget(&p, cid, len);
            check_audit(&p);
            pair_cut(&p, p.model->count - rnd_below(p.model->count / 2));
            check_audit(&p);
            if (rnd_below(4) == 0) check_pair(&p);
        }
        pair_done(&p);
    }
}

/* Reserve, then append only a part of it, and the rest later. */
TEST(atoms, reserved_room_may_be_used_in_pieces_and_reserved_again)
{
    for (unsigned round = 0; round < (T_SLOW ? 50u : 300u); round++) {
        pair     p;
        uint8_t  atom[16];
        uint32_t from = 0;
        pair_init(&p, round % 3 == 0 ? CRDT__VALUE_ATOMS : CRDT__UTF8_ATOMS);
        for (unsigned i = 0; i < 30; i++) {
            uint32_t n = rnd_below(2) == 0 ? 1 + rnd_below(5) : 1 + rnd_below(800);
            model   *m = p.model;
            bool     wide = rnd_below(3) == 0;
            while (n-- > 0) {
                model_add(m, atom, rnd_atom(m->kind, wide, atom, sizeof atom), false);
            }
            CHECK_OK(crdt__atoms_reserve(&p.atoms, m->at[m->count] - m->at[from], m->count - from));
            for (unsigned pieces = rnd_below(4); pieces > 0 && from < m->count; pieces--) {
                uint32_t k = 1 + rnd_below(m->count - from);
                crdt__atoms_append(&p.atoms, m->bytes + m->at[from], m->at[from + k] - m->at[from],
                                   k);
                from += k;
            }
        }
        append_model(&p, from, 7);
        check_pair(&p);
        pair_done(&p);
    }
}

/* -- Failing allocations ----------------------------------------------------------------------- */

static void reserve_failing(pair *p, size_t size, uint32_t count)
{
    for (uint64_t n = 1;; n++) {
        crdt_err err;
        testmem_fail_nth(&p->mem, n);
        err = crdt__atoms_reserve(&p->atoms, size, count);
        if (!testmem_refused(&p->mem)) {
            CHECK_OK(err);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
    }
    testmem_fail_never(&p->mem);
}

/* Refused in the middle, some are forgotten and some not; all are when it goes through. */
static void forget_failing(pair *p, uint32_t cid, uint32_t len)
{
    for (uint64_t n = 1;; n++) {
        const char *reason;
        crdt_err    err;
        testmem_fail_nth(&p->mem, n);
        err = crdt__atoms_forget(&p->atoms, cid, len);
        CHECK_MSG(crdt__atoms_check(&p->atoms, &reason), "%s", reason);
        CHECK_EQ_INT(p->atoms.memory, p->mem.bytes);
        if (err == CRDT_OK) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK(testmem_refused(&p->mem));
    }
    testmem_fail_never(&p->mem);
    model_forget(p->model, cid, len);
}

static void fail_all(crdt__atom_kind kind, bool wide)
{
    pair p;
    pair_init(&p, kind);
    for (unsigned i = 0; i < 60; i++) {
        model   *m = p.model;
        uint8_t  atom[3000];
        uint32_t n = 1 + rnd_below(i % 8 == 0 ? 20000 : 300), from = m->count, cid, len;
        if (n > MODEL_ATOMS - m->count) break;
        if (kind == CRDT__VALUE_ATOMS) n = 1 + n % 200;
        while (n-- > 0) model_add(m, atom, rnd_atom(kind, wide, atom, sizeof atom), false);
        reserve_failing(&p, m->at[m->count] - m->at[from], m->count - from);
        testmem_fail_from(&p.mem, 1); /* appends shrink blocks if they may, and need nothing */
        append_model(&p, from, 300);
        testmem_fail_never(&p.mem);
        check_pair(&p);

        n = 1 + rnd_below(300);
        if (n > MODEL_ATOMS - m->count) break;
        testmem_fail_from(&p.mem, 1);
        if (crdt__atoms_append_void(&p.atoms, n) != CRDT_OK) {
            check_pair(&p);
            testmem_fail_never(&p.mem);
            CHECK_OK(crdt__atoms_append_void(&p.atoms, n));
        }
        while (n-- > 0) model_add(m, NULL, 0, true);

        cid = rnd_below(m->count);
        len = 1 + rnd_below(m->count - cid);
        if (i % 4 > 0) len = 1 + len % 100;
        if (len > m->count - cid) len = m->count - cid;
        forget_failing(&p, cid, len);
        check_pair(&p);

        testmem_fail_from(&p.mem, 1);
        pair_cut(&p, m->count - rnd_below(m->count / 8 + 1));
        testmem_fail_never(&p.mem);
        check_pair(&p);
    }
    pair_done(&p);
}

TEST(atoms, refused_memory_leaves_all_as_it_was)
{
    for (unsigned round = 0; round < (T_SLOW ? 1u : 4u); round++) {
        fail_all(CRDT__UTF8_ATOMS, false);
        fail_all(CRDT__UTF8_ATOMS, true);
        fail_all(CRDT__VALUE_ATOMS, false);
        fail_all(CRDT__VALUE_ATOMS, true);
    }
}

/* -- Cases of their own ------------------------------------------------------------------------ */

TEST(atoms, huge_voids_cost_no_memory)
{
    testmem     mem;
    crdt__atoms a;
    const char *reason;
    uint32_t    len, n;
    testmem_init(&mem);
    crdt__atoms_init(&a, &mem.mem, CRDT__UTF8_ATOMS);
    CHECK_OK(crdt__atoms_append_void(&a, 0));
    CHECK_OK(crdt__atoms_reserve(&a, 3, 3));
    crdt__atoms_append(&a, (const uint8_t *)"abc", 3, 3);
    CHECK_OK(crdt__atoms_append_void(&a, UINT32_C(1) << 31));
    CHECK_OK(crdt__atoms_append_void(&a, UINT32_C(1) << 30));
    CHECK(a.memory < 256);
    CHECK(a.ascii);
    CHECK_OK(crdt__atoms_reserve(&a, 2, 2));
    crdt__atoms_append(&a, (const uint8_t *)"de", 2, 2);
    CHECK(crdt__atoms_check(&a, &reason));
    CHECK_EQ_INT(crdt__atoms_next_void(&a, 0, &len), 3);
    CHECK_EQ_INT(len, UINT32_C(3) << 30);
    CHECK_EQ_INT(crdt__atoms_view(&a, 77777777, UINT32_C(1) << 31, &n).size, 0);
    CHECK_EQ_INT(n, UINT32_C(1) << 31);
    CHECK_EQ_INT(crdt__atoms_sums(&a, 2, a.count - 2).units16, 3);

    /* No cid can be past 2^32 - 2. */
    CHECK_ERR(crdt__atoms_append_void(&a, UINT32_C(1) << 30), CRDT_ENOMEM);
    CHECK_OK(crdt__atoms_append_void(&a, UINT32_MAX - a.count - 2));
    CHECK_ERR(crdt__atoms_reserve(&a, 3, 3), CRDT_ENOMEM);
    CHECK_OK(crdt__atoms_reserve(&a, 2, 2));
    crdt__atoms_append(&a, (const uint8_t *)"f", 1, 1);
    CHECK_ERR(crdt__atoms_reserve(&a, 2, 2), CRDT_ENOMEM);
    CHECK_OK(crdt__atoms_reserve(&a, 1, 1));
    crdt__atoms_append(&a, (const uint8_t *)"g", 1, 1);
    CHECK_ERR(crdt__atoms_reserve(&a, 1, 1), CRDT_ENOMEM);
    CHECK(crdt__atoms_check(&a, &reason));

    crdt__atoms_cut(&a, 1000000000);
    CHECK_EQ_INT(a.count, 1000000000);
    CHECK_EQ_INT(a.voids, 1000000000 - 3);
    CHECK_EQ_INT(a.bytes, 3);
    CHECK_OK(crdt__atoms_forget(&a, 0, a.count));
    CHECK(crdt__atoms_check(&a, &reason));
    CHECK_EQ_INT(a.chunk_count, 1);
    CHECK_EQ_INT(a.bytes, 0);
    crdt__atoms_cut(&a, 0);
    CHECK(crdt__atoms_check(&a, &reason));
    crdt__atoms_clear(&a);
    TESTMEM_DONE(&mem);
}

TEST(atoms, sizes_too_large_are_refused)
{
    testmem     mem;
    crdt__atoms a;
    for (unsigned kind = 0; kind < 2; kind++) {
        testmem_init(&mem);
        mem.bytes_max = 1u << 20;
        crdt__atoms_init(&a, &mem.mem, kind == 0 ? CRDT__UTF8_ATOMS : CRDT__VALUE_ATOMS);
        CHECK_OK(crdt__atoms_reserve(&a, 1000, 1000));
        CHECK_ERR(crdt__atoms_reserve(&a, SIZE_MAX / 2, 5), CRDT_ENOMEM);
        CHECK_ERR(crdt__atoms_reserve(&a, (size_t)UINT32_MAX * 4, UINT32_MAX), CRDT_ENOMEM);
        CHECK_ERR(crdt__atoms_reserve(&a, (size_t)UINT32_MAX - 10, 5000), CRDT_ENOMEM);
        CHECK_ERR(crdt__atoms_reserve(&a, 2u << 20, 2u << 20), CRDT_ENOMEM);
        for (unsigned i = 0; i < 1000; i++) crdt__atoms_append(&a, (const uint8_t *)"\x01", 1, 1);
        CHECK_EQ_INT(a.memory, mem.bytes);
        crdt__atoms_clear(&a);
        TESTMEM_DONE(&mem);
    }
}

TEST(atoms, slack_is_small)
{
    testmem     mem;
    crdt__atoms a;
    uint8_t    *text = malloc(1u << 20);
    CHECK(text != NULL);
    memset(text, 'x', 1u << 20);
    testmem_init(&mem);
    crdt__atoms_init(&a, &mem.mem, CRDT__UTF8_ATOMS);
    CHECK_OK(crdt__atoms_reserve(&a, 1u << 20, 1u << 20));
    crdt__atoms_append(&a, text, 1u << 20, 1u << 20);
    CHECK(a.memory < (1u << 20) + 20000);
    CHECK_EQ_INT(a.spare_count, 0);
    CHECK_OK(crdt__atoms_forget(&a, 1000, 1000000));
    CHECK(a.memory < 80000);
    CHECK_OK(crdt__atoms_forget(&a, 0, a.count));
    CHECK(a.memory < 500);
    crdt__atoms_clear(&a);

    for (uint32_t i = 1; i <= 100000; i++) {
        CHECK_OK(crdt__atoms_reserve(&a, 1, 1));
        crdt__atoms_append(&a, text, 1, 1);
        CHECK_MSG(a.memory < i + i / 2 + 600 && a.memory < i + 18000, "%u: %zu", i, a.memory);
    }
    crdt__atoms_clear(&a);
    TESTMEM_DONE(&mem);
    free(text);
}

/* Typing with the odd deletion, each forgotten at once: chunks do not fall to pieces. */
TEST(atoms, forgetting_while_typing_keeps_chunks_whole)
{
    pair p;
    pair_init(&p, CRDT__UTF8_ATOMS);
    for (unsigned i = 0; i < 8000; i++) {
        pair_append(&p, 1 + rnd_below(9), i > 4000, 16);
        if (rnd_below(2) == 0) pair_forget(&p, p.model->count - 1, 1);
        else if (rnd_below(2) == 0) pair_void(&p, 1 + rnd_below(5));
    }
    CHECK(p.atoms.chunk_count < 30);
    CHECK(p.atoms.memory < p.atoms.bytes + p.atoms.bytes / 4 + 20000);
    check_pair(&p);
    pair_done(&p);
}

/* A value of 1 MiB, small ones around it; a large paste of values is forgotten one by one. */
TEST(atoms, large_values_have_chunks_of_their_own)
{
    pair p;
    pair_init(&p, CRDT__VALUE_ATOMS);
    pair_append(&p, 3, false, 16);
    for (unsigned i = 0; i < 2; i++) {
        crdt_buf buf;
        uint8_t *big = calloc(1, CRDT_VALUE_BYTES_MAX);
        CHECK(big != NULL);
        crdt_buf_init(&buf, NULL);
        crdt_buf_value(&buf, crdt_bytes(big, CRDT_VALUE_BYTES_MAX));
        CHECK_OK(crdt_buf_status(&buf));
        model_add(p.model, buf.data, buf.size, false);
        CHECK_OK(crdt__atoms_reserve(&p.atoms, buf.size, 1));
        crdt__atoms_append(&p.atoms, buf.data, buf.size, 1);
        crdt_buf_clear(&buf);
        free(big);
        pair_append(&p, 3, false, 16);
    }
    check_pair(&p);
    CHECK(p.atoms.memory < p.atoms.bytes + 40000);
    pair_forget(&p, 3, 1);
    check_pair(&p);
    CHECK(p.atoms.memory < p.atoms.bytes + 40000);
    pair_cut(&p, 2);
    check_pair(&p);

    pair_append(&p, 5, false, 16);
    pair_append(&p, 30000, false, 16);
    CHECK(p.atoms.bytes > 120000);
    pair_void(&p, 2);
    forget_failing(&p, 20000, 1);
    check_pair(&p);
    for (unsigned i = 0; i < 300; i++) {
        pair_forget(&p, rnd_below(p.model->count), 1);
        if (i % 16 == 0) check_audit(&p);
    }
    check_pair(&p);
    pair_done(&p);
}

/* A large chunk of few values, with room for more. */
TEST(atoms, voids_behind_a_large_value_leave_it_where_it_is)
{
    pair p;
    pair_init(&p, CRDT__VALUE_ATOMS);
    CHECK_OK(crdt__atoms_reserve(&p.atoms, 200000, 1000));
    for (unsigned i = 0; i < 4; i++) pair_append(&p, 20, true, 20000);
    pair_void(&p, 1);
    pair_append(&p, 3, false, 16);
    check_pair(&p);
    pair_forget(&p, p.model->count - 1, 1);
    pair_forget(&p, 40, 3);
    check_pair(&p);
    pair_done(&p);
}

/* The first reserve makes chunks with nothing to spare: what is lost in each has been counted. */
TEST(atoms, wide_text_of_any_size_fits_what_was_reserved)
{
    static const uint32_t points[] = {'a', 0x400, 0x4e00, 0x1f600};
    for (unsigned round = 0; round < (T_SLOW ? 10u : 100u); round++) {
        pair     p;
        uint32_t size = 48000 * (1 + rnd_below(3)) + rnd_below(2500);
        unsigned way = rnd_below(8); /* all of four, three, two bytes; else mixed */
        pair_init(&p, CRDT__UTF8_ATOMS);
        while (p.model->at[p.model->count] < size) {
            uint8_t atom[4];
            size_t i = way < 3 ? 3 - way : rnd_below(way < 5 ? 4 : 400) == 0 ? 0 : 2 + rnd_below(2);
            model_add(p.model, atom, put_code_point(points[i], atom), false);
        }
        CHECK_OK(crdt__atoms_reserve(&p.atoms, p.model->at[p.model->count], p.model->count));
        append_model(&p, 0, round % 5 == 0 ? 1 : 3000);
        check_audit(&p);
        check_views(&p, 0, p.model->count);
        pair_done(&p);
    }
}

/* A full chunk of ASCII gets a bitmap, is cut and filled again: marks still have room. */
TEST(atoms, blocks_of_text_stay_within_their_marks)
{
    pair p;
    pair_init(&p, CRDT__UTF8_ATOMS);
    pair_append(&p, 59000, false, 16);
    CHECK(p.atoms.ascii);
    pair_forget(&p, 20, 1);
    pair_forget(&p, 50000, 1);
    pair_cut(&p, 70);
    for (unsigned i = 0; i < 60; i++) pair_append(&p, 500, true, 16);
    check_pair(&p);
    pair_done(&p);
}

/* Whatever ends what was reserved gives it back. */
TEST(atoms, unused_room_is_given_back)
{
    pair p;
    for (unsigned how = 0; how < 4; how++) {
        pair_init(&p, CRDT__UTF8_ATOMS);
        if (how > 0) pair_append(&p, 50, true, 16);
        CHECK_OK(crdt__atoms_reserve(&p.atoms, 150000, 50000));
        CHECK(p.atoms.memory > 150000);
        check_audit(&p);
        if (how == 1) pair_void(&p, 5);
        if (how == 2) pair_forget(&p, 10, 5);
        if (how == 3) pair_cut(&p, 10);
        if (how > 0) CHECK(p.atoms.memory < 1000);
        check_audit(&p);
        pair_done(&p);
    }
}

TEST(atoms, a_damaged_sum_is_found)
{
    pair        p;
    const char *reason = NULL;
    pair_init(&p, CRDT__UTF8_ATOMS);
    pair_append(&p, 100, true, 16);
    pair_void(&p, 1000);
    pair_append(&p, 100, true, 16);
    check_pair(&p);
    p.atoms.voids++;
    CHECK(!crdt__atoms_check(&p.atoms, &reason));
    CHECK(reason != NULL);
    p.atoms.voids--;
    p.atoms.open[0] ^= 0x80;
    CHECK(!crdt__atoms_check(&p.atoms, &reason));
    CHECK(reason != NULL);
    p.atoms.open[0] ^= 0x80;
    p.atoms.ascii = true;
    CHECK(!crdt__atoms_check(&p.atoms, &reason));
    p.atoms.ascii = false;
    check_pair(&p);
    pair_done(&p);
}
