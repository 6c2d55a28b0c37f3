/* text_large_test.c: texts of many pieces: trees of several levels, large transactions taken back,
 * counts of units kept while pieces split and merge. */
#include <stdlib.h>
#include <string.h>

#include "crdt/text.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define A 0xa1u
#define B 0xb2u

#define MOST 60000
#define ROUNDS (T_SLOW ? 12 : 60)
#define EDITS (T_SLOW ? 150 : 600)

static uint64_t random_state;

static size_t random_below(size_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(random_state >> 33) % n;
}

/* Code points, as classes: 0 one byte, 1 a line feed, 2 two bytes, 3 four bytes. */
typedef struct plain {
    uint8_t points[MOST];
    size_t  count;
} plain;

static const char *const encoded[4] = {"x", "\n", "\xc3\xa9", "\xf0\x9f\x98\x80"};

static size_t units(const plain *p, size_t from, size_t to, crdt_unit unit)
{
    static const uint8_t sizes[2][4] = {{1, 1, 1, 2}, {1, 1, 2, 4}};
    size_t               sum = 0;
    if (unit == CRDT_CODE_POINTS) return to - from;
    for (; from < to; from++) sum += sizes[unit == CRDT_UTF8_BYTES][p->points[from]];
    return sum;
}

static void check_all(crdt_ref ref, const plain *p)
{
    crdt_buf should, is;
    size_t   lines = 1;
    crdt_buf_init(&should, NULL);
    crdt_buf_init(&is, NULL);
    for (size_t i = 0; i < p->count; i++) {
        crdt_buf_text(&should, encoded[p->points[i]]);
        lines += p->points[i] == 1;
    }
    CHECK_OK(crdt_text_read(ref, CRDT_CODE_POINTS, 0, UINT64_MAX, &is));
    CHECK_EQ_MEM(is.data, is.size, should.data, should.size);
    for (int u = 0; u < 3; u++) {
        CHECK_EQ_INT(crdt_text_length(ref, (crdt_unit)u), units(p, 0, p->count, (crdt_unit)u));
    }
    CHECK_EQ_INT(crdt_text_lines(ref), lines);
    crdt_buf_clear(&should);
    crdt_buf_clear(&is);
}

/* A slice somewhere and a cursor there, in any unit. */
static void check_some(crdt_ref ref, const plain *p)
{
    crdt_unit   unit = (crdt_unit)random_below(3);
    size_t      from = random_below(p->count + 1), to = from + random_below(p->count - from + 1);
    size_t      at = units(p, 0, from, unit);
    crdt_cursor cursor;
    uint64_t    pos;
    crdt_buf    should, is;
    if (to > from + 50) to = from + 50;
    crdt_buf_init(&should, NULL);
    crdt_buf_init(&is, NULL);
    for (size_t i = from; i < to; i++) crdt_buf_text(&should, encoded[p->points[i]]);
    CHECK_OK(crdt_text_read(ref, unit, at, units(p, from, to, unit), &is));
    CHECK_EQ_MEM(is.data, is.size, should.data, should.size);
    CHECK_OK(crdt_text_cursor(ref, unit, at, random_below(2) ? CRDT_LEFT : CRDT_RIGHT, &cursor));
    CHECK_OK(crdt_text_find(ref, cursor, unit, &pos));
    CHECK_EQ_INT(pos, at);
    crdt_buf_clear(&should);
    crdt_buf_clear(&is);
}

static void edit_once(crdt_text_edit *edit, plain *p)
{
    crdt_unit unit = random_below(20) == 0 ? (crdt_unit)random_below(3) : CRDT_CODE_POINTS;
    size_t    pos = random_below(p->count + 1), n = 1 + random_below(3), most = p->count - pos;
    size_t    at = units(p, 0, pos, unit);
    if (random_below(100) == 0) n = random_below(400);
    if (random_below(3) > 0 && p->count + n <= MOST) {
        crdt_buf text;
        crdt_buf_init(&text, NULL);
        memmove(&p->points[pos + n], &p->points[pos], p->count - pos);
        for (size_t i = 0; i < n; i++) {
            p->points[pos + i] = random_below(8) == 0 ? (uint8_t)random_below(4) : 0;
            crdt_buf_text(&text, encoded[p->points[pos + i]]);
        }
        p->count += n;
        CHECK_OK(crdt_text_insert(edit, unit, at, crdt_buf_bytes(&text)));
        crdt_buf_clear(&text);
        return;
    }
    if (n > most) n = most;
    CHECK_OK(crdt_text_delete(edit, unit, at, units(p, pos, pos + n, unit)));
    memmove(&p->points[pos], &p->points[pos + n], p->count - pos - n);
    p->count -= n;
}

static void session(const crdt_type *type)
{
    crdt_store *s[2] = {solo_of(type, A), solo_of(type, B)};
    plain      *now = calloc(1, sizeof *now), *before = malloc(sizeof *before);
    CHECK(now != NULL && before != NULL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t         who = random_below(2);
        crdt_text_edit edit;
        *before = *now;
        CHECK_OK(crdt_text_open(begin(s[who]), CRDT_SOLO, type, &edit));
        for (unsigned i = 0; i < EDITS; i++) edit_once(&edit, now);
        check_some(edit.target.now, now);
        if (random_below(4) == 0) { /* more than is kept is taken back */
            crdt_store_rollback(s[who]);
            *now = *before;
        } else {
            crdt_delta *delta = commit(s[who]);
            join(s[1 - who], delta);
            crdt_store_free(delta);
        }
        for (int i = 0; i < 2; i++) check_some(crdt_store_solo(s[i]), now);
        if (round % 10 != 9) continue;
        for (int i = 0; i < 2; i++) check_all(crdt_store_solo(s[i]), now);
        check_store(s[0]);
        check_store(s[1]);
        CHECK(same_bytes(s[0], s[1]));
        crdt_store *copy = recoded(s[who]);
        check_all(crdt_store_solo(copy), now);
        check_store(copy);
        crdt_store_free(s[who]); /* and it goes on from there */
        CHECK_OK(crdt_store_clone(copy, who == 0 ? A : B, &s[who]));
        crdt_store_free(copy);
        if (round % 30 == 29) {
            CHECK_OK(crdt_store_stabilise(s[who], crdt_store_context(s[who])));
            check_all(crdt_store_solo(s[who]), now);
            join(s[1 - who], s[who]);
        }
    }
    CHECK(now->count > EDITS);
    free(now);
    free(before);
    free_all(s[0], s[1], NULL);
}

TEST(text_large, reads_as_a_plain_array)
{
    random_state = 3;
    session(&crdt_text_type);
    session(&crdt_text_classic_type);
}
