/* seqlog_test.c: the log of a sequence (seq/seq_log.h) against plain arrays, one entry per dot.
 * Random histories print SEED and take it back from the environment. */
#include "crdt/seq/seq_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define AUTHORS 5
#define ROWS_MAX 4000
#define CIDS_MAX 40000
#define NONE CRDT__NO_CID

/* One dot each. */
typedef struct plain_ins {
    uint64_t dot, lamport;
    uint32_t each, ctr, cid, left, right;
    bool     raw;
} plain_ins;
typedef struct plain_del {
    uint64_t dot;
    uint32_t each, of, ctr;
    bool     fresh;
} plain_del;

typedef struct plain_author {
    uint64_t  replica, dot, settled_dot; /* dot: the last one given out */
    uint32_t  count, settled_count;
    size_t    ins_count, settled_ins, del_count, late_count;
    plain_ins ins[ROWS_MAX];
    plain_del del[ROWS_MAX];
    crdt__del late[64]; /* deletions made, not yet delivered */
} plain_author;

typedef struct world {
    testmem       m;
    crdt__log     log;
    uint64_t      seed;
    uint32_t      author_count, cid_end, settled_cid_end;
    bool          classic;
    uint32_t     *owner, *ctr_of; /* of each cid; owner NONE: nobody */
    plain_author *authors;
} world;

static uint64_t rnd(world *w, uint64_t n)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (w->seed >> 11) % n;
}

static void world_open(world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    testmem_init(&w->m);
    crdt__log_init(&w->log, &w->m.mem);
    w->seed = seed * 0x9e3779b97f4a7c15u + 1;
    w->classic = seed % 2 == 1;
    w->authors = calloc(AUTHORS, sizeof *w->authors);
    w->owner = calloc(CIDS_MAX, sizeof *w->owner);
    w->ctr_of = calloc(CIDS_MAX, sizeof *w->ctr_of);
    CHECK(w->authors && w->owner && w->ctr_of);
}

static void world_close(world *w)
{
    crdt__log_clear(&w->log);
    TESTMEM_DONE(&w->m);
    free(w->authors);
    free(w->owner);
    free(w->ctr_of);
}

static void check_log(world *w)
{
    const char *reason = "no reason";
    CHECK_MSG(crdt__log_check(&w->log, &reason), "%s", reason);
    CHECK_EQ_INT(w->log.memory, w->m.bytes);
}

/* -- What the log must hold -------------------------------------------------------------------- */

static void match_ins(const crdt__ins *row, const plain_ins *want)
{
    for (uint32_t i = 0; i < row->dots; i++, want++) {
        uint32_t before = i * row->each;
        CHECK_EQ_INT(row->dot + i, want->dot);
        CHECK_EQ_INT(row->each, want->each);
        CHECK_EQ_INT(row->ctr + before, want->ctr);
        CHECK_EQ_INT(row->cid + before, want->cid);
        CHECK_EQ_INT(row->lamport == 0 ? 0 : row->lamport + before, want->lamport);
        CHECK_EQ_INT(i == 0 ? row->left : row->cid + before - 1, want->left);
        CHECK_EQ_INT(i == 0 ? row->right : NONE, want->right);
        if (want->right != NONE) CHECK_EQ_INT(row->raw, want->raw);
    }
}

static void match_del(const crdt__del *row, const plain_del *want)
{
    CHECK(row->dots > 1 || !row->back);
    for (uint32_t i = 0; i < row->dots; i++, want++) {
        uint32_t at = row->back ? row->dots - 1 - i : i;
        CHECK_EQ_INT(row->dot + i, want->dot);
        CHECK_EQ_INT(row->each, want->each);
        CHECK_EQ_INT(row->of, want->of);
        CHECK_EQ_INT(row->ctr + at * row->each, want->ctr);
    }
}

/* All rows that end above dot `from`. */
static void check_ins_from(world *w, uint32_t author, uint64_t from)
{
    const plain_author *a = &w->authors[author];
    crdt__log_iter      it;
    const crdt__ins    *row;
    size_t              i = 0;
    crdt__log_each_ins(&it, &w->log, author, from);
    row = crdt__log_next_ins(&it);
    while (i < a->ins_count && (row == NULL || a->ins[i].dot < row->dot)) {
        CHECK(a->ins[i].dot < from); /* what is left out was not asked for */
        i++;
    }
    if (row != NULL) CHECK(row->dot + row->dots > from);
    for (; row != NULL; row = crdt__log_next_ins(&it)) {
        CHECK(row->dots <= a->ins_count - i);
        match_ins(row, &a->ins[i]);
        i += row->dots;
    }
    CHECK_EQ_INT(i, a->ins_count);
}

static void check_del_from(world *w, uint32_t author, uint64_t from)
{
    const plain_author *a = &w->authors[author];
    crdt__log_iter      it;
    const crdt__del    *row;
    size_t              i = 0;
    crdt__log_each_del(&it, &w->log, author, from);
    row = crdt__log_next_del(&it);
    while (i < a->del_count && (row == NULL || a->del[i].dot < row->dot)) {
        CHECK(a->del[i].dot < from);
        i++;
    }
    if (row != NULL) CHECK(row->dot + row->dots > from);
    for (; row != NULL; row = crdt__log_next_del(&it)) {
        CHECK(row->dots <= a->del_count - i);
        match_del(row, &a->del[i]);
        i += row->dots;
    }
    CHECK_EQ_INT(i, a->del_count);
}

static void check_by_dot(world *w, uint32_t author, uint64_t dot)
{
    const plain_author *a = &w->authors[author];
    crdt__ins           ins;
    crdt__del           del;
    size_t              i = 0, k = 0;
    while (i < a->ins_count && a->ins[i].dot < dot) i++;
    while (k < a->del_count && a->del[k].dot < dot) k++;
    bool is_ins = i < a->ins_count && a->ins[i].dot == dot;
    bool is_del = k < a->del_count && a->del[k].dot == dot;
    CHECK_EQ_INT(crdt__log_ins_by_dot(&w->log, author, dot, &ins), is_ins);
    CHECK_EQ_INT(crdt__log_del_by_dot(&w->log, author, dot, &del), is_del);
    if (is_ins) {
        CHECK(ins.dot <= dot && dot - ins.dot < ins.dots);
        match_ins(&ins, &a->ins[i - (dot - ins.dot)]);
    }
    if (is_del) {
        CHECK(del.dot <= dot && dot - del.dot < del.dots);
        match_del(&del, &a->del[k - (dot - del.dot)]);
    }
}

static void check_ids(world *w, uint32_t cid)
{
    uint32_t author = w->owner[cid], ctr = w->ctr_of[cid], len = 1;
    if (author == NONE) return;
    while (cid + len < w->cid_end && w->owner[cid + len] == author) len++;
    crdt__idrange id = crdt__log_id(&w->log, cid), back = crdt__log_cid(&w->log, author, ctr);
    CHECK_EQ_INT(id.author, author);
    CHECK_EQ_INT(id.ctr, ctr);
    CHECK_EQ_INT(id.cid, cid);
    CHECK_EQ_INT(id.len, len);
    CHECK_EQ_MEM(&id, sizeof id, &back, sizeof back);
    crdt__ins row = crdt__log_ins_of(&w->log, author, ctr);
    CHECK(row.ctr <= ctr && ctr - row.ctr < row.dots * row.each);
    CHECK_EQ_INT(row.cid + (ctr - row.ctr), cid);
    crdt__ins by_dot;
    CHECK(crdt__log_ins_by_dot(&w->log, author, row.dot, &by_dot));
    CHECK(row.dot == by_dot.dot && row.dots == by_dot.dots && row.left == by_dot.left);
}

static void check_all(world *w)
{
    check_log(w);
    CHECK_EQ_INT(w->log.author_count, w->author_count);
    for (uint32_t i = 0; i < w->author_count; i++) {
        const plain_author *a = &w->authors[i];
        CHECK_EQ_INT(w->log.authors[i].count, a->count);
        CHECK_EQ_INT(crdt__log_find(&w->log, a->replica), i);
        check_ins_from(w, i, 0);
        check_del_from(w, i, 0);
        for (unsigned k = 0; k < 3; k++) {
            uint64_t dot = rnd(w, a->dot + 2);
            if (a->ins_count > 0 && k > 0) dot = a->ins[rnd(w, a->ins_count)].dot + k - 1;
            if (a->del_count > 0 && k > 1) dot = a->del[rnd(w, a->del_count)].dot;
            check_ins_from(w, i, dot);
            check_del_from(w, i, dot);
            check_by_dot(w, i, dot);
        }
    }
    for (unsigned k = 0; k < 8 && w->cid_end > 0; k++) {
        check_ids(w, (uint32_t)rnd(w, w->cid_end));
    }
}

/* -- What is done to both ---------------------------------------------------------------------- */

static void reserve(world *w, uint32_t author, uint32_t ins_rows, uint32_t del_rows, bool fail)
{
    uint64_t ins = w->log.ins_rows, del = w->log.del_rows;
    for (uint64_t n = 1; fail; n++) {
        testmem_fail_nth(&w->m, n);
        crdt_err err = crdt__log_reserve(&w->log, author, ins_rows, del_rows);
        if (!testmem_refused(&w->m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        check_log(w);
        CHECK(w->log.ins_rows == ins && w->log.del_rows == del);
    }
    testmem_fail_never(&w->m);
    if (!fail) CHECK_OK(crdt__log_reserve(&w->log, author, ins_rows, del_rows));
}

static void add_author(world *w)
{
    uint64_t replica = rnd(w, UINT64_MAX) + 1;
    uint32_t author, again;
    if (w->author_count == AUTHORS) return;
    CHECK_EQ_INT(crdt__log_find(&w->log, replica), CRDT__NO_AUTHOR);
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&w->m, n);
        crdt_err err = crdt__log_author(&w->log, replica, &author);
        if (!testmem_refused(&w->m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(crdt__log_find(&w->log, replica), CRDT__NO_AUTHOR);
        check_log(w);
    }
    testmem_fail_never(&w->m);
    CHECK_EQ_INT(author, w->author_count);
    w->authors[w->author_count++].replica = replica;
    CHECK_OK(crdt__log_author(&w->log, replica, &again));
    CHECK_EQ_INT(again, author);
}

static uint64_t next_dot(world *w, plain_author *a)
{
    uint64_t gap = rnd(w, 3) > 0 ? 0 : rnd(w, 100) == 0 ? rnd(w, UINT64_C(1) << 48) : rnd(w, 9);
    return a->dot + 1 + gap;
}

static uint32_t any_cid(world *w)
{
    return w->cid_end == 0 || rnd(w, 8) == 0 ? NONE : (uint32_t)rnd(w, w->cid_end);
}

static void note_cids(world *w, uint32_t author, uint32_t cid, uint32_t ctr, uint32_t count)
{
    while (w->cid_end < cid) w->owner[w->cid_end++] = NONE;
    for (uint32_t i = 0; i < count; i++) {
        w->owner[w->cid_end] = author;
        w->ctr_of[w->cid_end++] = ctr + i;
    }
}

/* A row for which room is reserved. */
static void add_ins(world *w, uint32_t author)
{
    plain_author    *a = &w->authors[author];
    const plain_ins *last = a->ins_count > 0 ? &a->ins[a->ins_count - 1] : NULL;
    crdt__ins        row = {
               .dot = next_dot(w, a),
               .dots = rnd(w, 4) > 0 ? 1 : 1 + (uint32_t)rnd(w, 4),
               .each = 1 + (uint32_t)(rnd(w, 3) > 0 ? 0 : rnd(w, 5)),
               .ctr = a->count,
               .cid = w->cid_end + (uint32_t)(rnd(w, 40) > 0 ? 0 : rnd(w, 9)),
               .left = any_cid(w),
               .right = rnd(w, 2) > 0 ? NONE : any_cid(w),
               .raw = rnd(w, 3) == 0,
    };
    if (w->classic) row.lamport = rnd(w, 9) == 0 ? rnd(w, UINT64_MAX - 9) + 1 : 1 + rnd(w, 50);
    if (row.left != NONE && row.left + 1 < w->cid_end && rnd(w, 3) == 0) row.right = row.left + 1;
    if (last != NULL && last->cid + last->each == w->cid_end && rnd(w, 2) > 0) { /* goes on */
        row.dot = a->dot + 1;
        row.cid = w->cid_end;
        row.left = row.cid - 1;
        row.each = last->each;
        row.right = NONE;
        row.lamport = last->lamport == 0 ? 0 : last->lamport + last->each;
    }
    if (a->ins_count + row.dots > ROWS_MAX || row.cid + row.dots * row.each > CIDS_MAX) return;
    crdt__log_add_ins(&w->log, author, &row);
    for (uint32_t i = 0; i < row.dots; i++) {
        uint32_t before = i * row.each;
        a->ins[a->ins_count++] = (plain_ins){row.dot + i,
                                             row.lamport == 0 ? 0 : row.lamport + before,
                                             row.each,
                                             row.ctr + before,
                                             row.cid + before,
                                             i == 0 ? row.left : row.cid + before - 1,
                                             i == 0 ? row.right : NONE,
                                             row.raw && i == 0};
    }
    note_cids(w, author, row.cid, row.ctr, row.dots * row.each);
    a->count += row.dots * row.each;
    a->dot = row.dot + row.dots - 1;
}

static void extend(world *w, uint32_t author)
{
    plain_author *a = &w->authors[author];
    uint32_t      more = (uint32_t)rnd(w, 6);
    if (a->ins_count == a->settled_ins || w->cid_end + more > CIDS_MAX) return;
    plain_ins *last = &a->ins[a->ins_count - 1];
    if (last->cid + last->each != w->cid_end) return;
    crdt__log_extend(&w->log, author, more);
    note_cids(w, author, w->cid_end, a->count, more);
    last->each += more;
    a->count += more;
}

/* A deletion that goes on from the one before, or any. */
static crdt__del make_del(world *w, plain_author *a)
{
    const plain_del *last = a->del_count > 0 ? &a->del[a->del_count - 1] : NULL;
    crdt__del        row = {
               .dot = next_dot(w, a),
               .dots = rnd(w, 4) > 0 ? 1 : 1 + (uint32_t)rnd(w, 4),
               .each = 1 + (uint32_t)(rnd(w, 3) > 0 ? 0 : rnd(w, 5)),
               .of = (uint32_t)rnd(w, w->author_count),
               .ctr = (uint32_t)(rnd(w, 50) > 0 ? 1000 + rnd(w, 1000) : rnd(w, UINT32_MAX - 100)),
    };
    row.back = row.dots > 1 && rnd(w, 2) > 0;
    if (last != NULL && rnd(w, 2) > 0) {
        uint32_t len = row.dots * last->each;
        bool     back = rnd(w, 2) > 0 && last->ctr >= len;
        row.dot = a->dot + 1;
        row.each = last->each;
        row.of = last->of;
        row.ctr = back ? last->ctr - len : last->ctr + last->each;
        row.back = row.dots > 1 && back;
    }
    a->dot = row.dot + row.dots - 1;
    return row;
}

static void add_del(world *w, uint32_t author, const crdt__del *row)
{
    plain_author *a = &w->authors[author];
    size_t        at = a->del_count;
    if (a->del_count + row->dots > ROWS_MAX) return;
    crdt__log_add_del(&w->log, author, row);
    while (at > 0 && a->del[at - 1].dot > row->dot) at--;
    memmove(&a->del[at + row->dots], &a->del[at], (a->del_count - at) * sizeof a->del[0]);
    a->del_count += row->dots;
    for (uint32_t i = 0; i < row->dots; i++) {
        uint32_t k = row->back ? row->dots - 1 - i : i;
        a->del[at + i] =
            (plain_del){row->dot + i, row->each, row->of, row->ctr + k * row->each, true};
    }
}

/* One of those made, or a new one, of which some come later. */
static void delete_some(world *w, uint32_t author)
{
    plain_author *a = &w->authors[author];
    uint32_t      late_max = sizeof a->late / sizeof a->late[0];
    if (a->late_count > 0 && rnd(w, 3) == 0) {
        size_t    k = rnd(w, a->late_count);
        crdt__del row = a->late[k];
        a->late[k] = a->late[--a->late_count];
        add_del(w, author, &row);
        return;
    }
    crdt__del row = make_del(w, a);
    if (a->late_count < late_max && rnd(w, 3) == 0) {
        a->late[a->late_count++] = row;
    } else {
        add_del(w, author, &row);
    }
}

static void settle(world *w, bool fail)
{
    if (fail) testmem_fail_nth(&w->m, 1 + rnd(w, 4));
    if (fail && rnd(w, 2) > 0) testmem_fail_from(&w->m, 1 + rnd(w, 4));
    crdt__log_settle(&w->log);
    testmem_fail_never(&w->m);
    w->settled_cid_end = w->cid_end;
    for (uint32_t i = 0; i < w->author_count; i++) {
        plain_author *a = &w->authors[i];
        a->settled_ins = a->ins_count;
        a->settled_count = a->count;
        a->settled_dot = a->dot;
        for (size_t k = 0; k < a->del_count; k++) a->del[k].fresh = false;
    }
}

static void undo(world *w, bool fail)
{
    if (fail) testmem_fail_from(&w->m, 1);
    crdt__log_undo(&w->log);
    testmem_fail_never(&w->m);
    w->cid_end = w->settled_cid_end;
    for (uint32_t i = 0; i < w->author_count; i++) {
        plain_author *a = &w->authors[i];
        size_t        kept = 0;
        a->ins_count = a->settled_ins;
        a->count = a->settled_count;
        a->dot = a->settled_dot; /* what is undone may be done anew */
        for (size_t k = a->late_count; k-- > 0;) {
            if (a->late[k].dot > a->dot) a->late[k] = a->late[--a->late_count];
        }
        for (size_t k = 0; k < a->del_count; k++) {
            if (!a->del[k].fresh) a->del[kept++] = a->del[k];
        }
        a->del_count = kept;
    }
}

static void write_some(world *w, bool fail)
{
    uint32_t room[AUTHORS][2] = {{0}};
    for (unsigned k = 0; k < 1 + rnd(w, 2); k++) { /* several at once */
        uint32_t author = (uint32_t)rnd(w, w->author_count);
        room[author][0] = (uint32_t)rnd(w, 6);
        room[author][1] = (uint32_t)rnd(w, 6);
        reserve(w, author, room[author][0], room[author][1], fail);
    }
    for (unsigned left = 1; left > 0;) {
        left = 0;
        for (uint32_t i = 0; i < w->author_count; i++) {
            uint32_t *mine = room[i];
            left += mine[0] + mine[1];
            if (mine[0] > 0 && rnd(w, 3) > 0) {
                add_ins(w, i);
                mine[0]--;
            }
            if (mine[1] > 0 && rnd(w, 3) > 0) {
                delete_some(w, i);
                mine[1]--;
            }
        }
    }
    if (rnd(w, 3) == 0) {
        uint32_t author = (uint32_t)rnd(w, w->author_count);
        reserve(w, author, 1, 0, fail);
        add_ins(w, author);
        reserve(w, author, 1, 0, false); /* for what a row of several dots splits into */
        extend(w, author);
    }
}

static void history(uint64_t seed, unsigned steps)
{
    static world w;
    world_open(&w, seed);
    for (unsigned i = 0; i < steps; i++) {
        uint64_t what = rnd(&w, 20);
        bool     fail = rnd(&w, 4) == 0;
        if (w.author_count == 0 || what == 0) {
            add_author(&w);
        } else if (what < 13) {
            write_some(&w, fail);
        } else if (what < 17) {
            settle(&w, fail);
        } else {
            undo(&w, fail);
        }
        check_all(&w);
    }
    settle(&w, false);
    check_all(&w);
    world_close(&w);
}

static uint64_t seed_of_run(void)
{
    const char *text = getenv("SEED");
    uint64_t    seed = text != NULL ? strtoull(text, NULL, 10) : 1;
    printf("SEED=%ju\n", (uintmax_t)seed);
    return seed;
}

TEST(seqlog, random_histories_are_those_of_plain_arrays)
{
    uint64_t seed = seed_of_run();
    for (uint64_t i = 0; i < (T_SLOW ? 8 : 60); i++) history(seed + i, T_SLOW ? 150 : 300);
}

TEST(seqlog, long_histories_fill_many_blocks)
{
    uint64_t seed = seed_of_run() + 1000;
    for (uint64_t i = 0; i < (T_SLOW ? 1 : 4); i++) history(seed + i, T_SLOW ? 800 : 1500);
}

/* -- What rows become -------------------------------------------------------------------------- */

static void type_run(crdt__log *log, uint32_t author, uint64_t dot, uint32_t each, uint32_t left)
{
    uint32_t  cid = log->cid_end;
    crdt__ins row = {.dot = dot,
                     .dots = 1,
                     .each = each,
                     .ctr = log->authors[author].count,
                     .cid = cid,
                     .left = left,
                     .right = NONE};
    CHECK_OK(crdt__log_reserve(log, author, 1, 0));
    crdt__log_add_ins(log, author, &row);
}

static void delete_one(crdt__log *log, uint32_t author, uint64_t dot, uint32_t ctr)
{
    crdt__del row = {.dot = dot, .dots = 1, .each = 1, .of = author, .ctr = ctr};
    CHECK_OK(crdt__log_reserve(log, author, 0, 1));
    crdt__log_add_del(log, author, &row);
}

TEST(seqlog, typing_and_erasing_letter_by_letter_is_one_row_each)
{
    static world w;
    uint32_t     author;
    crdt__del    del;
    world_open(&w, 2);
    CHECK_OK(crdt__log_author(&w.log, 77, &author));
    for (uint32_t i = 0; i < 1000; i++) {
        type_run(&w.log, author, 1 + i, 1, i == 0 ? NONE : i - 1);
        if (i % 3 == 0) crdt__log_settle(&w.log);
    }
    for (uint32_t i = 0; i < 500; i++) {
        delete_one(&w.log, author, 1001 + i, 999 - i);
        if (i % 3 == 0) crdt__log_settle(&w.log);
    }
    for (uint32_t i = 0; i < 100; i++) delete_one(&w.log, author, 1501 + i, i);
    crdt__log_settle(&w.log);
    CHECK_EQ_INT(w.log.ins_rows, 1);
    CHECK_EQ_INT(w.log.del_rows, 2);
    CHECK(crdt__log_del_by_dot(&w.log, author, 1200, &del));
    CHECK(del.back && del.dots == 500 && del.ctr == 500 && del.dot == 1001);
    CHECK(w.log.memory < 350);
    check_log(&w);
    world_close(&w);
}

/* A block of exactly its bytes, whose last row is erased further until it takes a byte less. */
TEST(seqlog, a_row_that_grows_may_take_fewer_bytes)
{
    static world w;
    uint32_t     author;
    crdt__del    del;
    world_open(&w, 2);
    CHECK_OK(crdt__log_author(&w.log, 77, &author));
    delete_one(&w.log, author, 1, 0);
    delete_one(&w.log, author, 10, 66);
    delete_one(&w.log, author, 11, 65);
    crdt__log_settle(&w.log);
    delete_one(&w.log, author, 5, 0);
    crdt__log_settle(&w.log);
    check_log(&w);
    delete_one(&w.log, author, 12, 64);
    crdt__log_settle(&w.log);
    check_log(&w);
    CHECK_EQ_INT(w.log.del_rows, 3);
    CHECK(crdt__log_del_by_dot(&w.log, author, 11, &del));
    CHECK(del.back && del.dot == 10 && del.dots == 3 && del.ctr == 64);
    world_close(&w);
}

TEST(seqlog, a_run_being_typed_grows_alone)
{
    static world w;
    uint32_t     author;
    world_open(&w, 2);
    CHECK_OK(crdt__log_author(&w.log, 77, &author));
    type_run(&w.log, author, 1, 2, NONE);
    type_run(&w.log, author, 2, 2, 1);
    CHECK_EQ_INT(w.log.ins_rows, 1); /* two dots of two elements */
    crdt__log_extend(&w.log, author, 3);
    CHECK_EQ_INT(w.log.ins_rows, 2);
    crdt__ins row = crdt__log_ins_of(&w.log, author, 6);
    CHECK(row.dot == 2 && row.dots == 1 && row.each == 5 && row.ctr == 2 && row.cid == 2);
    CHECK(row.left == 1 && row.right == NONE);
    check_log(&w);
    crdt__log_undo(&w.log);
    CHECK_EQ_INT(w.log.authors[author].count, 0);
    CHECK_EQ_INT(w.log.ins_rows, 0);
    check_log(&w);
    world_close(&w);
}

TEST(seqlog, the_largest_numbers_survive_sealing)
{
    static world w;
    uint32_t     author, other;
    world_open(&w, 2);
    CHECK_OK(crdt__log_author(&w.log, UINT64_MAX, &author));
    CHECK_OK(crdt__log_author(&w.log, 1, &other));
    const crdt__ins rows[] = {
        {1, UINT64_MAX, 1, 1, 0, 0, NONE, NONE, true},
        {CRDT_SEQ_MAX - 9, 1, 2, 7, 1, 1, 0, 0, false},
        {CRDT_SEQ_MAX - 2, UINT64_MAX - 5, 1, UINT32_MAX - 100, 15, 20, 0, 1, true},
        {CRDT_SEQ_MAX, 0, 1, 3, UINT32_MAX - 85, UINT32_MAX - 75, UINT32_MAX - 1000, 2, false},
    };
    const crdt__del dels[] = {
        {2, 1, UINT32_MAX - 5, 1, 5, false},
        {CRDT_SEQ_MAX - 99, 3, 1, 0, UINT32_MAX - 3, true},
        {CRDT_SEQ_MAX - 1, 1, 1, 1, 0, false},
    };
    CHECK_OK(crdt__log_reserve(&w.log, author, 4, 3));
    for (size_t i = 0; i < 4; i++) crdt__log_add_ins(&w.log, author, &rows[i]);
    for (size_t i = 0; i < 3; i++) crdt__log_add_del(&w.log, author, &dels[i]);
    for (unsigned settled = 0; settled < 2; settled++) {
        crdt__log_iter it;
        crdt__log_each_ins(&it, &w.log, author, 0);
        for (size_t i = 0; i < 4; i++) {
            const crdt__ins *row = crdt__log_next_ins(&it);
            CHECK(row != NULL && row->dot == rows[i].dot && row->lamport == rows[i].lamport);
            CHECK(row->dots == rows[i].dots && row->each == rows[i].each);
            CHECK(row->ctr == rows[i].ctr && row->cid == rows[i].cid);
            CHECK(row->right == CRDT__NO_CID || row->raw == rows[i].raw);
            CHECK(row->left == rows[i].left && row->right == rows[i].right);
        }
        CHECK(crdt__log_next_ins(&it) == NULL);
        crdt__log_each_del(&it, &w.log, author, 0);
        for (size_t i = 0; i < 3; i++) {
            const crdt__del *row = crdt__log_next_del(&it);
            CHECK(row != NULL && row->dot == dels[i].dot && row->dots == dels[i].dots);
            CHECK(row->each == dels[i].each && row->of == dels[i].of);
            CHECK(row->ctr == dels[i].ctr && row->back == dels[i].back);
        }
        CHECK(crdt__log_next_del(&it) == NULL);
        check_log(&w);
        crdt__log_settle(&w.log);
    }
    CHECK(w.log.authors[author].fresh == 0);
    world_close(&w);
}

TEST(seqlog, rows_refused_memory_stay_open_until_it_is_there)
{
    static world w;
    uint32_t     author;
    world_open(&w, 2);
    CHECK_OK(crdt__log_author(&w.log, 77, &author));
    for (uint32_t i = 0; i < 300; i++) {
        type_run(&w.log, author, 1 + 4 * i, 1, i == 0 ? NONE : 0);
        delete_one(&w.log, author, 4 * (300 - i), i);
        testmem_fail_from(&w.m, 1);
        crdt__log_settle(&w.log);
        testmem_fail_never(&w.m);
        type_run(&w.log, author, 2 + 4 * i, 1, 0);
        delete_one(&w.log, author, 4 * (300 - i) - 1, i);
        crdt__log_undo(&w.log); /* only these */
        CHECK_EQ_INT(w.log.ins_rows, i + 1);
        CHECK_EQ_INT(w.log.del_rows, i + 1);
    }
    check_log(&w);
    CHECK(w.log.authors[author].fresh != 0);
    crdt__log_settle(&w.log);
    check_log(&w);
    CHECK_EQ_INT(w.log.ins_rows, 300);
    CHECK_EQ_INT(w.log.del_rows, 300);
    CHECK(w.log.memory < 300 * (7 + 6) + 12 * 24 + 1000);
    world_close(&w);
}

/* Rows that come late, into a full block, with each allocation of that refused in turn. */
TEST(seqlog, a_block_that_cannot_be_split_stays)
{
    static world w;
    uint32_t     author;
    crdt__del    del;
    bool         refused = true;
    for (uint64_t n = 1; refused; n++) {
        world_open(&w, 2);
        CHECK_OK(crdt__log_author(&w.log, 77, &author));
        for (uint32_t i = 1; i <= 100; i++) delete_one(&w.log, author, 4 * i, 9 * i);
        crdt__log_settle(&w.log);
        for (uint32_t i = 60; i > 0; i--) delete_one(&w.log, author, 4 * i + 2, i);
        testmem_fail_nth(&w.m, n);
        crdt__log_settle(&w.log);
        refused = testmem_refused(&w.m);
        testmem_fail_never(&w.m);
        for (unsigned again = 0; again < 2; again++) {
            CHECK_EQ_INT(w.log.del_rows, 160);
            for (uint32_t i = 1; i <= 100; i++) {
                CHECK(crdt__log_del_by_dot(&w.log, author, 4 * i, &del) && del.ctr == 9 * i);
                CHECK_EQ_INT(crdt__log_del_by_dot(&w.log, author, 4 * i + 2, &del), i <= 60);
            }
            check_log(&w);
            crdt__log_settle(&w.log);
        }
        world_close(&w);
    }
}

TEST(seqlog, very_many_authors_are_cheap)
{
    static world w;
    uint32_t     count = T_SLOW ? 2000 : 20000, author;
    world_open(&w, 2);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(crdt__log_author(&w.log, 1 + i * UINT64_C(0x9e3779b97f4a7c15), &author));
        type_run(&w.log, author, 1 + rnd(&w, 1000), 1 + (uint32_t)rnd(&w, 100), any_cid(&w));
        crdt__log_settle(&w.log);
    }
    check_log(&w);
    CHECK_MSG(w.log.memory / count < 130, "%zu bytes", w.log.memory / count);
    uint64_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t replica = w.log.authors[crdt__log_at(&w.log, i)].replica;
        CHECK(i == 0 || replica > before);
        before = replica;
        CHECK_EQ_INT(crdt__log_find(&w.log, replica), crdt__log_at(&w.log, i));
    }
    world_close(&w);
}
