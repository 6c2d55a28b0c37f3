/* text_test.c: the text types' calls, against a plain array of code points, in all three units. */
#include "crdt/text.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define A 0xa1u
#define B 0xb2u

#define UNITS 3
#define MOST 400 /* code points of the plain array */

static const crdt_type *const both[2] = {&crdt_text_type, &crdt_text_classic_type};

static uint64_t random_state;

static size_t random_below(size_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(random_state >> 33) % n;
}

/* -- The plain array --------------------------------------------------------------------------- */

typedef struct plain {
    uint32_t points[MOST];
    size_t   count;
} plain;

static size_t units_of(uint32_t point, crdt_unit unit)
{
    if (unit == CRDT_CODE_POINTS) return 1;
    if (unit == CRDT_UTF16_UNITS) return point > 0xffff ? 2 : 1;
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

static size_t offset_of(const plain *p, size_t index, crdt_unit unit)
{
    size_t offset = 0;
    for (size_t i = 0; i < index; i++) offset += units_of(p->points[i], unit);
    return offset;
}

static void put_point(crdt_buf *out, uint32_t point)
{
    size_t n = units_of(point, CRDT_UTF8_BYTES);
    if (n == 1) crdt_buf_byte(out, (uint8_t)point);
    else crdt_buf_byte(out, (uint8_t)((0xf00u >> n) | point >> 6 * (n - 1)));
    for (size_t i = n - 1; i-- > 0;) crdt_buf_byte(out, (uint8_t)(0x80 | (point >> 6 * i & 0x3f)));
}

static void put_points(crdt_buf *out, const uint32_t *points, size_t count)
{
    crdt_buf_reset(out);
    for (size_t i = 0; i < count; i++) put_point(out, points[i]);
}

static void plain_replace(plain *p, size_t pos, size_t count, const uint32_t *points, size_t n)
{
    CHECK(p->count - count + n <= MOST);
    memmove(&p->points[pos + n], &p->points[pos + count],
            (p->count - pos - count) * sizeof *p->points);
    if (n > 0) memcpy(&p->points[pos], points, n * sizeof *points);
    p->count = p->count - count + n;
}

/* -- All reads against it ---------------------------------------------------------------------- */

static void check_slice(crdt_ref ref, const plain *p, crdt_unit unit, size_t from, size_t to)
{
    crdt_buf should, is;
    crdt_buf_init(&should, NULL);
    crdt_buf_init(&is, NULL);
    put_points(&should, p->points + from, to - from);
    size_t begin = offset_of(p, from, unit), end = offset_of(p, to, unit);
    crdt_buf_text(&is, "+");
    CHECK_OK(crdt_text_read(ref, unit, begin, end - begin, &is));
    CHECK_EQ_MEM(is.data + 1, is.size - 1, should.data, should.size);
    crdt_buf_clear(&should);
    crdt_buf_clear(&is);
}

static void check_pieces(crdt_ref ref, const plain *p)
{
    crdt_buf should, is;
    crdt_buf_init(&should, NULL);
    crdt_buf_init(&is, NULL);
    put_points(&should, p->points, p->count);
    crdt_text_iter it = crdt_text_iterate(ref);
    for (crdt_view piece; crdt_text_next(&it, &piece);) {
        CHECK(piece.size > 0);
        CHECK((*(const uint8_t *)piece.data & 0xc0) != 0x80);
        crdt_buf_put(&is, piece.data, piece.size);
    }
    CHECK_EQ_MEM(is.data, is.size, should.data, should.size);
    crdt_buf_reset(&is);
    CHECK_OK(crdt_text_read(ref, CRDT_UTF8_BYTES, 0, UINT64_MAX, &is));
    CHECK_EQ_MEM(is.data, is.size, should.data, should.size);
    crdt_buf_clear(&should);
    crdt_buf_clear(&is);
}

static void check_cursor(crdt_ref ref, const plain *p, crdt_unit unit, size_t index)
{
    crdt_cursor cursor;
    uint64_t    pos = offset_of(p, index, unit), found = 0;
    for (int side = 0; side < 2; side++) {
        CHECK_OK(crdt_text_cursor(ref, unit, pos, (crdt_side)side, &cursor));
        CHECK_OK(crdt_text_find(ref, cursor, unit, &found));
        CHECK_EQ_INT(found, pos);
    }
}

static void check_reads(crdt_ref ref, const plain *p)
{
    size_t lines = 1;
    for (size_t i = 0; i < p->count; i++) lines += p->points[i] == '\n';
    for (int u = 0; u < UNITS; u++) {
        crdt_unit unit = (crdt_unit)u;
        size_t    length = offset_of(p, p->count, unit), from = random_below(p->count + 1);
        size_t    to = from + random_below(p->count - from + 1);
        CHECK_EQ_INT(crdt_text_length(ref, unit), length);
        check_slice(ref, p, unit, from, to);
        check_cursor(ref, p, unit, from);
    }
    CHECK_EQ_INT(crdt_text_lines(ref), lines);
    check_pieces(ref, p);
    CHECK_EQ_INT(crdt_text_waiting(ref), 0);
}

/* -- Random edits ------------------------------------------------------------------------------ */

/* What is written: ASCII, ASCII with now and then another, everything there is. */
typedef enum alphabet { PLAIN, MIXED, ALL } alphabet;

static uint32_t random_point(alphabet letters)
{
    static const uint32_t odd[] = {0,       '\r',    '\n',   0x7f,    0x80,   0x7ff,
                                   0x800,   0x301,   0xd7ff, 0xe000,  0xfeff, 0xffff,
                                   0x10000, 0x1f600, 0x200d, 0x10ffff};
    if (letters == PLAIN || (letters == MIXED && random_below(30) != 0)) {
        return random_below(12) == 0 ? '\n' : 'a' + (uint32_t)random_below(26);
    }
    return odd[random_below(sizeof odd / sizeof odd[0])];
}

typedef struct hand {
    crdt_store      *store[2];
    const crdt_type *type;
    crdt_text_edit   edit;
    plain            now;
    alphabet         letters;
    size_t           at; /* where the last edit was */
} hand;

static void type_some(hand *h, crdt_unit unit, size_t pos, size_t count, bool replace)
{
    uint32_t points[20];
    crdt_buf text;
    size_t   n = random_below(3) == 0 ? random_below(20) : 1;
    for (size_t i = 0; i < n; i++) points[i] = random_point(h->letters);
    if (h->now.count - count + n > MOST) n = 0;
    crdt_buf_init(&text, NULL);
    put_points(&text, points, n);
    crdt_view utf8 = crdt_buf_bytes(&text);
    uint64_t  begin = offset_of(&h->now, pos, unit), end = offset_of(&h->now, pos + count, unit);
    if (replace) CHECK_OK(crdt_text_replace(&h->edit, unit, begin, end - begin, utf8));
    else CHECK_OK(crdt_text_insert(&h->edit, unit, begin, utf8));
    plain_replace(&h->now, pos, count, points, n);
    h->at = pos + n;
    memset(text.data == NULL ? (uint8_t *)points : text.data, 0xff, text.size); /* it was copied */
    crdt_buf_clear(&text);
}

static void delete_some(hand *h, crdt_unit unit, size_t pos, size_t count)
{
    uint64_t begin = offset_of(&h->now, pos, unit), end = offset_of(&h->now, pos + count, unit);
    CHECK_OK(crdt_text_delete(&h->edit, unit, begin, end - begin));
    plain_replace(&h->now, pos, count, NULL, 0);
    h->at = pos;
}

/* Inside a code point, and past the end: nothing happens. */
static void miss(hand *h, crdt_unit unit)
{
    crdt_text_edit *e = &h->edit;
    crdt_ref        ref = e->target.now;
    crdt_view       x = crdt_text_view("x");
    crdt_cursor     cursor;
    uint64_t        length = offset_of(&h->now, h->now.count, unit);
    crdt_buf        out;
    crdt_buf_init(&out, NULL);
    CHECK_ERR(crdt_text_insert(e, unit, length + 1, x), CRDT_ERANGE);
    CHECK_ERR(crdt_text_delete(e, unit, length, 1), CRDT_ERANGE);
    CHECK_ERR(crdt_text_delete(e, unit, 0, length + 1), CRDT_ERANGE);
    CHECK_ERR(crdt_text_delete(e, unit, UINT64_MAX, 1), CRDT_ERANGE);
    CHECK_ERR(crdt_text_delete(e, unit, UINT64_MAX - 3, 4), CRDT_ERANGE);
    CHECK_ERR(crdt_text_delete(e, unit, UINT64_MAX - 3, 9), CRDT_ERANGE);
    CHECK_ERR(crdt_text_delete(e, unit, 1, UINT64_MAX), CRDT_ERANGE);
    CHECK_ERR(crdt_text_delete(e, unit, 0, UINT64_C(1) << 32), CRDT_ERANGE);
    CHECK_ERR(crdt_text_insert(e, unit, UINT64_C(1) << 32, x), CRDT_ERANGE);
    CHECK_ERR(crdt_text_replace(e, unit, length, 1, x), CRDT_ERANGE);
    CHECK_ERR(crdt_text_replace(e, unit, length + 1, 0, x), CRDT_ERANGE);
    CHECK_ERR(crdt_text_read(ref, unit, length + 1, 0, &out), CRDT_ERANGE);
    CHECK_ERR(crdt_text_read(ref, unit, UINT64_MAX, UINT64_MAX, &out), CRDT_ERANGE);
    CHECK_ERR(crdt_text_cursor(ref, unit, length + 1, CRDT_LEFT, &cursor), CRDT_ERANGE);
    for (size_t i = 0; i < h->now.count; i++) {
        if (units_of(h->now.points[i], unit) == 1) continue;
        uint64_t in = offset_of(&h->now, i, unit) + 1;
        CHECK_ERR(crdt_text_insert(e, unit, in, x), CRDT_ERANGE);
        CHECK_ERR(crdt_text_delete(e, unit, in, 1), CRDT_ERANGE);
        CHECK_ERR(crdt_text_delete(e, unit, 0, in), CRDT_ERANGE);
        CHECK_ERR(crdt_text_replace(e, unit, in - 1, 1, x), CRDT_ERANGE);
        CHECK_ERR(crdt_text_read(ref, unit, in, 1, &out), CRDT_ERANGE);
        CHECK_ERR(crdt_text_read(ref, unit, 0, in, &out), CRDT_ERANGE);
        CHECK_ERR(crdt_text_cursor(ref, unit, in, CRDT_RIGHT, &cursor), CRDT_ERANGE);
        break;
    }
    CHECK_EQ_INT(out.size, 0);
    crdt_buf_clear(&out);
}

static void edit_once(hand *h)
{
    crdt_unit unit = (crdt_unit)random_below(UNITS);
    size_t    kind = random_below(100), count = h->now.count, pos = random_below(count + 1);
    if (h->at > count) h->at = count;
    if (kind < 35) {
        for (size_t n = random_below(6); n > 0; n--) type_some(h, unit, h->at, 0, false);
    } else if (kind < 50) {
        type_some(h, unit, pos, 0, false);
    } else if (kind < 60) { /* backwards */
        for (size_t n = random_below(6); n > 0 && h->at > 0; n--)
            delete_some(h, unit, h->at - 1, 1);
    } else if (kind < 68) { /* forwards */
        for (size_t n = random_below(6); n > 0 && h->at < h->now.count; n--) {
            delete_some(h, unit, h->at, 1);
        }
    } else if (kind < 78) {
        delete_some(h, unit, pos, random_below(count - pos + 1) / 3);
    } else if (kind < 88) {
        type_some(h, unit, pos, random_below(count - pos + 1) / 4, true);
    } else if (kind < 89) {
        delete_some(h, unit, 0, count);
    } else {
        miss(h, unit);
    }
}

static void random_session(const crdt_type *type, alphabet letters, unsigned rounds)
{
    hand h = {{solo_of(type, A), solo_of(type, B)}, type, {{0}}, {{0}, 0}, letters, 0};
    for (unsigned round = 0; round < rounds; round++) {
        size_t          who = random_below(2);
        crdt_store     *s = h.store[who];
        plain           before = h.now;
        crdt_text_edit *edit = &h.edit;
        CHECK_OK(crdt_text_open(begin(s), CRDT_SOLO, type, edit));
        for (size_t ops = 1 + random_below(8); ops > 0; ops--) {
            edit_once(&h);
            if (random_below(3) == 0) check_reads(edit->target.now, &h.now);
        }
        if (random_below(5) == 0) {
            crdt_store_rollback(s);
            h.now = before;
        } else {
            crdt_delta *delta = commit(s);
            join(h.store[1 - who], delta);
            crdt_store_free(delta);
        }
        check_reads(crdt_store_solo(s), &h.now);
        check_reads(crdt_store_solo(h.store[1 - who]), &h.now);
        CHECK(same_bytes(h.store[0], h.store[1]));
        check_store(s);
        if (round % 16 != 0) continue;
        crdt_store *copy = recoded(s);
        check_reads(crdt_store_solo(copy), &h.now);
        CHECK(same_bytes(copy, s));
        crdt_store_free(copy);
    }
    free_all(h.store[0], h.store[1], NULL);
}

TEST(text, reads_as_a_plain_array_in_each_unit)
{
    for (int t = 0; t < 2; t++) {
        for (int letters = PLAIN; letters <= ALL; letters++) {
            random_state = (uint64_t)(7 * letters + t);
            random_session(both[t], (alphabet)letters, T_SLOW ? 20 : 150);
        }
    }
}

/* -- By hand ----------------------------------------------------------------------------------- */

static void check_shows(crdt_ref ref, const char *text)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    CHECK_OK(crdt_text_read(ref, CRDT_CODE_POINTS, 0, UINT64_MAX, &out));
    crdt_buf_byte(&out, 0);
    CHECK_EQ_STR((const char *)out.data, text);
    crdt_buf_clear(&out);
}

static crdt_text_edit open_solo(crdt_store *s)
{
    crdt_text_edit edit;
    CHECK_OK(crdt_text_open(begin(s), CRDT_SOLO, crdt_store_solo(s).type, &edit));
    return edit;
}

static void insert(crdt_text_edit *edit, uint64_t pos, const char *text)
{
    CHECK_OK(crdt_text_insert(edit, CRDT_CODE_POINTS, pos, crdt_text_view(text)));
}

/* A text of its own, written in one transaction. */
static crdt_store *text_of(uint64_t replica, const char *text)
{
    crdt_store *s;
    CHECK_OK(crdt_text_new(replica, NULL, &s));
    crdt_text_edit edit = open_solo(s);
    insert(&edit, 0, text);
    CHECK_OK(crdt_store_commit(s, NULL));
    return s;
}

TEST(text, tells_units_apart)
{
    crdt_store *s = text_of(A, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\r\n");
    crdt_ref    text = crdt_store_solo(s);
    CHECK_EQ_INT(crdt_text_length(text, CRDT_CODE_POINTS), 6);
    CHECK_EQ_INT(crdt_text_length(text, CRDT_UTF16_UNITS), 7);
    CHECK_EQ_INT(crdt_text_length(text, CRDT_UTF8_BYTES), 12);
    CHECK_EQ_INT(crdt_text_lines(text), 2);
    crdt_text_edit edit = open_solo(s);
    CHECK_OK(crdt_text_delete(&edit, CRDT_UTF16_UNITS, 3, 2));
    check_shows(text, "a\xc3\xa9\xe2\x82\xac\r\n");
    CHECK_OK(crdt_text_replace(&edit, CRDT_UTF8_BYTES, 1, 5, crdt_text_view("b")));
    check_shows(text, "ab\r\n");
    CHECK_OK(crdt_store_commit(s, NULL));
    CHECK_EQ_STR(shown(s, ""), "\"ab\\x0d\\x0a\"");
    free_all(s, NULL);
}

TEST(text, what_is_not_there_is_empty)
{
    crdt_store *s;
    crdt_cursor cursor;
    uint64_t    pos = 7;
    crdt_buf    out;
    CHECK_OK(crdt_text_new(A, NULL, &s));
    crdt_ref refs[2] = {crdt_store_solo(s), {&crdt_text_type, NULL, NULL, NULL, NULL}};
    crdt_buf_init(&out, NULL);
    for (int i = 0; i < 2; i++) {
        crdt_text_iter it = crdt_text_iterate(refs[i]);
        crdt_view      piece;
        CHECK(!crdt_text_next(&it, &piece));
        CHECK_EQ_INT(crdt_text_length(refs[i], CRDT_UTF16_UNITS), 0);
        CHECK_EQ_INT(crdt_text_lines(refs[i]), 1);
        CHECK_EQ_INT(crdt_text_waiting(refs[i]), 0);
        for (int u = 0; u < UNITS; u++) {
            CHECK_OK(crdt_text_read(refs[i], (crdt_unit)u, 0, 5, &out));
            CHECK_ERR(crdt_text_read(refs[i], (crdt_unit)u, 1, 0, &out), CRDT_ERANGE);
            CHECK_ERR(crdt_text_cursor(refs[i], (crdt_unit)u, 1, CRDT_LEFT, &cursor), CRDT_ERANGE);
            for (int side = 0; side < 2; side++) {
                CHECK_OK(crdt_text_cursor(refs[i], (crdt_unit)u, 0, (crdt_side)side, &cursor));
                CHECK_EQ_INT(cursor.replica, 0);
                CHECK_OK(crdt_text_find(refs[i], cursor, (crdt_unit)u, &pos));
                CHECK_EQ_INT(pos, 0);
            }
        }
        cursor.replica = B;
        CHECK_ERR(crdt_text_find(refs[i], cursor, CRDT_CODE_POINTS, &pos), CRDT_ENOENT);
    }
    CHECK_EQ_INT(out.size, 0);
    crdt_buf_clear(&out);
    free_all(s, NULL);
}

TEST(text, its_own_pieces_can_be_inserted)
{
    crdt_store    *s = text_of(A, "abcdefgh");
    crdt_text_edit edit = open_solo(s);
    for (int i = 0; i < 8; i++) {
        crdt_view      piece;
        crdt_text_iter it = crdt_text_iterate(crdt_store_solo(s));
        CHECK(crdt_text_next(&it, &piece));
        CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, piece));
    }
    CHECK_OK(crdt_store_commit(s, NULL));
    CHECK_EQ_INT(crdt_text_length(crdt_store_solo(s), CRDT_CODE_POINTS) % 8, 0);
    check_store(s);
    free_all(s, NULL);
}

/* Runs begun in one text end where another one is edited; dots go on over all. */
TEST(text, two_in_one_transaction_do_not_disturb_each_other)
{
    crdt_store    *s = store_of(A), *b = store_of(B);
    crdt_text_edit one, two;
    crdt_txn      *txn = begin(s);
    CHECK_OK(crdt_text_open(txn, name_of("one"), &crdt_text_type, &one));
    CHECK_OK(crdt_text_open(txn, name_of("two"), &crdt_text_classic_type, &two));
    for (int i = 0; i < 20; i++) {
        insert(&one, crdt_text_length(one.target.now, CRDT_CODE_POINTS), "ab");
        insert(&two, 0, "xyz");
        CHECK_OK(crdt_text_delete(&one, CRDT_CODE_POINTS, 0, 1));
        CHECK_OK(crdt_text_delete(&two, CRDT_CODE_POINTS, 1, 1));
        CHECK_OK(crdt_text_delete(&two, CRDT_CODE_POINTS, 1, 1));
    }
    crdt_delta *delta = commit(s);
    join(b, delta);
    CHECK(same_bytes(s, b));
    CHECK_EQ_STR(shown(b, "one"), "\"abababababababababab\"");
    CHECK_EQ_STR(shown(b, "two"), "\"xxxxxxxxxxxxxxxxxxxx\"");
    check_store(s);
    check_store(b);
    free_all(s, b, delta, NULL);
}

/* -- Refusals ---------------------------------------------------------------------------------- */

TEST(text, refuses_what_is_not_utf8)
{
    static const char *const bad[] = {"\x80",      /* a continuation alone */
                                      "\xc3",      /* cut short */
                                      "a\xe2\x82", /* ... after something good */
                                      "\xf0\x9f\x98",
                                      "\xc0\x80", /* longer than need be */
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xed\xa0\x80", /* surrogates */
                                      "\xed\xbf\xbf",
                                      "\xf4\x90\x80\x80", /* past U+10FFFF */
                                      "\xf5\x80\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xfe",
                                      "\xff",
                                      "\xc3\x28",
                                      "abcdefgh\xe2\x28\xa1",
                                      "abcdefghijklmnop\xf0\x28\x8c\xbc"};
    crdt_store              *s = text_of(A, "hello"), *same = text_of(A, "hello");
    crdt_text_edit           edit = open_solo(s);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (int u = 0; u < UNITS; u++) {
            crdt_view view = crdt_text_view(bad[i]);
            CHECK_ERR(crdt_text_insert(&edit, (crdt_unit)u, 2, view), CRDT_EINVAL);
            CHECK_ERR(crdt_text_replace(&edit, (crdt_unit)u, 1, 2, view), CRDT_EINVAL);
        }
        check_shows(crdt_store_solo(s), "hello");
    }
    crdt_delta *delta = commit(s);
    CHECK(crdt_store_is_empty(delta));
    CHECK(same_bytes(s, same));
    free_all(s, same, delta, NULL);
}

TEST(text, refuses_a_name_of_another_type)
{
    crdt_store    *s = store_of(A);
    crdt_text_edit edit;
    DO(s, "set", &crdt_orset_type, "add", "x");
    DO(s, "text", &crdt_text_type, "insert", 0, "x");
    crdt_txn *txn = begin(s);
    CHECK_ERR(crdt_text_open(txn, name_of("set"), &crdt_text_type, &edit), CRDT_ETYPE);
    CHECK_ERR(crdt_text_open(txn, name_of("text"), &crdt_text_classic_type, &edit), CRDT_ETYPE);
    CHECK_ERR(crdt_text_open(txn, name_of("text"), &crdt_rga_type, &edit), CRDT_EINVAL);
    CHECK_ERR(crdt_text_open(txn, CRDT_SOLO, &crdt_orset_type, &edit), CRDT_EINVAL);
    crdt_store_free(commit(s));
    check_store(s);
    free_all(s, NULL);
}

TEST(text, refuses_more_than_its_limit)
{
    for (int t = 0; t < 2; t++) {
        crdt_options o = crdt_options_default(A, NULL);
        crdt_store  *s;
        o.solo = both[t];
        o.limits.elements = 10;
        CHECK_OK(crdt_store_new(&o, &s));
        crdt_text_edit edit = open_solo(s);
        CHECK_ERR(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view("0123456789a")),
                  CRDT_ELIMIT);
        insert(&edit, 0, "012345678");
        CHECK_ERR(crdt_text_insert(&edit, CRDT_CODE_POINTS, 9, crdt_text_view("9a")), CRDT_ELIMIT);
        insert(&edit, 9, "9"); /* typed on */
        CHECK_ERR(crdt_text_insert(&edit, CRDT_CODE_POINTS, 10, crdt_text_view("a")), CRDT_ELIMIT);
        CHECK_ERR(crdt_text_insert(&edit, CRDT_UTF8_BYTES, 0, crdt_text_view("a")), CRDT_ELIMIT);
        crdt_view two = crdt_text_view("ab");
        CHECK_ERR(crdt_text_replace(&edit, CRDT_CODE_POINTS, 3, 1, two), CRDT_ELIMIT);
        check_shows(crdt_store_solo(s), "0123456789");
        CHECK_OK(crdt_text_replace(&edit, CRDT_CODE_POINTS, 3, 2, two)); /* no more than before */
        CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, 0, 1));
        insert(&edit, 9, "c");
        CHECK_OK(crdt_store_commit(s, NULL));
        check_shows(crdt_store_solo(s), "12ab56789c");
        check_store(s);
        free_all(s, NULL);
    }
}

/* What cannot be done leaves no trace: no dot, no object, the same bytes. */
TEST(text, errors_leave_no_trace)
{
    crdt_store    *s = store_of(A), *same = store_of(A);
    crdt_text_edit edit;
    DO(s, "t", &crdt_text_type, "insert", 0, "abc");
    DO(same, "t", &crdt_text_type, "insert", 0, "abc");
    crdt_txn *txn = begin(s);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "t" : "other";
        uint64_t    length = i == 0 ? 3 : 0;
        crdt_view   x = crdt_text_view("x"), none = {NULL, 0};
        CHECK_OK(crdt_text_open(txn, name_of(name), &crdt_text_type, &edit));
        CHECK_ERR(crdt_text_insert(&edit, CRDT_CODE_POINTS, length + 1, x), CRDT_ERANGE);
        CHECK_ERR(crdt_text_delete(&edit, CRDT_CODE_POINTS, length, 1), CRDT_ERANGE);
        CHECK_ERR(crdt_text_replace(&edit, CRDT_CODE_POINTS, length, 1, x), CRDT_ERANGE);
        CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, length, none));
        CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, length, 0));
        CHECK_OK(crdt_text_replace(&edit, CRDT_CODE_POINTS, length, 0, none));
    }
    crdt_delta *delta = commit(s);
    CHECK(crdt_store_is_empty(delta));
    CHECK(same_bytes(s, same));
    CHECK_EQ_STR(shown(s, "other"), "ENOENT");
    CHECK_EQ_INT(crdt_store_count(s), 1);
    check_store(s);
    free_all(s, same, delta, NULL);
}

TEST(text, a_run_being_deleted_is_not_fooled_by_numbers_that_wrap)
{
    crdt_store    *s = text_of(A, "0123456789");
    crdt_text_edit edit = open_solo(s);
    for (uint64_t pos = 0; pos < 4; pos += 3) {
        CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, pos, 1));
        CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, pos, 1)); /* goes on */
        for (uint64_t n = pos + 1; n < 70; n++) {
            CHECK_ERR(crdt_text_delete(&edit, CRDT_CODE_POINTS, pos - n, n), CRDT_ERANGE);
        }
        CHECK_ERR(crdt_text_delete(&edit, CRDT_CODE_POINTS, pos, UINT64_C(1) << 32), CRDT_ERANGE);
        CHECK_ERR(crdt_text_delete(&edit, CRDT_CODE_POINTS, pos, UINT64_MAX), CRDT_ERANGE);
    }
    CHECK_OK(crdt_store_commit(s, NULL));
    check_shows(crdt_store_solo(s), "234789");
    check_store(s);
    free_all(s, NULL);
}

/* -- Cursors ----------------------------------------------------------------------------------- */

#define EVER 2000 /* elements that ever were */
#define CURSORS 60

/* All elements that ever were, in order; a cursor stands on one of them by number. */
typedef struct history {
    struct {
        unsigned number;
        bool     dead;
    } items[EVER];
    size_t count;
} history;

static size_t place_of(const history *h, size_t pos, bool after_one_before)
{
    size_t seen = 0, i = 0;
    if (after_one_before && pos == 0) return 0;
    for (;; i++) {
        if (h->items[i].dead) continue;
        if (seen++ == (after_one_before ? pos - 1 : pos)) return after_one_before ? i + 1 : i;
    }
}

static size_t where(const history *h, unsigned number, crdt_side side)
{
    size_t pos = 0, i = 0;
    for (; h->items[i].number != number; i++) pos += !h->items[i].dead;
    return pos + (side == CRDT_RIGHT && !h->items[i].dead);
}

typedef struct marked {
    crdt_cursor cursor;
    unsigned    number;
    bool        end;
} marked;

static marked mark(crdt_ref text, const history *h, size_t length)
{
    size_t    pos = random_below(length + 1);
    crdt_side side = random_below(2) ? CRDT_LEFT : CRDT_RIGHT;
    marked    m = {{0, 0, CRDT_LEFT}, 0, false};
    CHECK_OK(crdt_text_cursor(text, CRDT_UTF16_UNITS, pos, side, &m.cursor));
    m.end = side == CRDT_RIGHT ? pos == 0 : pos == length;
    CHECK_EQ_INT(m.cursor.replica == 0, m.end);
    if (m.end) CHECK_EQ_INT(m.cursor.side, side == CRDT_RIGHT ? CRDT_LEFT : CRDT_RIGHT);
    else m.number = h->items[place_of(h, side == CRDT_RIGHT ? pos - 1 : pos, false)].number;
    return m;
}

static void check_marked(crdt_ref text, const history *h, const marked *m)
{
    uint64_t    pos = 0, length = crdt_text_length(text, CRDT_CODE_POINTS);
    crdt_cursor copy;
    crdt_buf    bytes;
    crdt_buf_init(&bytes, NULL);
    crdt_cursor_encode(m->cursor, &bytes);
    CHECK_OK(crdt_cursor_decode(crdt_buf_bytes(&bytes), &copy));
    CHECK_OK(crdt_text_find(text, copy, CRDT_CODE_POINTS, &pos));
    crdt_buf_clear(&bytes);
    if (m->end) CHECK_EQ_INT(pos, m->cursor.side == CRDT_LEFT ? 0 : length);
    else CHECK_EQ_INT(pos, where(h, m->number, m->cursor.side));
}

static void edit_history(crdt_text_edit *edit, history *h, size_t *length)
{
    size_t pos = random_below(*length + 1), n = 1 + random_below(5);
    if (h->count + n <= EVER && (random_below(9) < 5 || *length == 0)) {
        size_t at = place_of(h, pos, true);
        CHECK_OK(crdt_text_insert(edit, CRDT_CODE_POINTS, pos, crdt_view_of("abcde", n)));
        memmove(&h->items[at + n], &h->items[at], (h->count - at) * sizeof h->items[0]);
        for (size_t i = 0; i < n; i++) {
            h->items[at + i].number = (unsigned)h->count++;
            h->items[at + i].dead = false;
        }
        *length += n;
        return;
    }
    if (n > *length - pos) n = *length - pos;
    CHECK_OK(crdt_text_delete(edit, CRDT_CODE_POINTS, pos, n));
    *length -= n;
    for (; n > 0; n--) h->items[place_of(h, pos, false)].dead = true;
}

TEST(text, cursors_stay_where_they_were_put)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *s[2] = {solo_of(both[t], A), solo_of(both[t], B)};
        history    *h = calloc(1, sizeof *h);
        marked      all[CURSORS];
        size_t      count = 0, length = 0;
        random_state = (uint64_t)t;
        for (unsigned round = 0; round < (T_SLOW ? 60 : 200); round++) {
            size_t         who = random_below(2);
            crdt_text_edit edit = open_solo(s[who]);
            for (size_t n = 1 + random_below(6); n > 0; n--) edit_history(&edit, h, &length);
            for (size_t i = 0; i < count; i++) check_marked(edit.target.now, h, &all[i]);
            crdt_delta *delta = commit(s[who]);
            join(s[1 - who], delta);
            crdt_store_free(delta);
            for (size_t i = 0; i < count; i++)
                check_marked(crdt_store_solo(s[1 - who]), h, &all[i]);
            marked m = mark(crdt_store_solo(s[who]), h, length);
            all[count < CURSORS ? count++ : random_below(CURSORS)] = m;
        }
        free(h);
        free_all(s[0], s[1], NULL);
    }
}

TEST(text, a_cursor_stays_with_its_element_through_concurrent_edits)
{
    crdt_store *a = text_of(A, "one two three"), *b = solo_of(&crdt_text_type, B);
    crdt_cursor left, right;
    uint64_t    pos;
    join(b, a);
    CHECK_OK(crdt_text_cursor(crdt_store_solo(a), CRDT_CODE_POINTS, 4, CRDT_LEFT, &left));
    CHECK_OK(crdt_text_cursor(crdt_store_solo(a), CRDT_CODE_POINTS, 7, CRDT_RIGHT, &right));
    DO(b, "", &crdt_text_type, "insert", 0, "zero ");
    DO(b, "", &crdt_text_type, "insert", 12, "!"); /* zero one two! three */
    DO(a, "", &crdt_text_type, "insert", 4, ">");
    join(a, b);
    check_shows(crdt_store_solo(a), "zero one >two! three");
    CHECK_OK(crdt_text_find(crdt_store_solo(a), left, CRDT_CODE_POINTS, &pos));
    CHECK_EQ_INT(pos, 10);
    CHECK_OK(crdt_text_find(crdt_store_solo(a), right, CRDT_CODE_POINTS, &pos));
    CHECK_EQ_INT(pos, 13);
    DO(b, "", &crdt_text_type, "delete", 5, 8); /* zero three */
    join(a, b);
    check_shows(crdt_store_solo(a), "zero > three");
    CHECK_OK(crdt_text_find(crdt_store_solo(a), left, CRDT_CODE_POINTS, &pos));
    CHECK_EQ_INT(pos, 6);
    CHECK_OK(crdt_text_find(crdt_store_solo(a), right, CRDT_UTF8_BYTES, &pos));
    CHECK_EQ_INT(pos, 6);
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
    CHECK_OK(crdt_text_find(crdt_store_solo(a), right, CRDT_UTF16_UNITS, &pos));
    CHECK_EQ_INT(pos, 6);
    DO(a, "", &crdt_text_type, "insert", 0, "\xc3\xa9\xf0\x9f\x98\x80");
    CHECK_OK(crdt_text_find(crdt_store_solo(a), right, CRDT_UTF16_UNITS, &pos));
    CHECK_EQ_INT(pos, 9);
    CHECK_OK(crdt_text_find(crdt_store_solo(a), left, CRDT_UTF8_BYTES, &pos));
    CHECK_EQ_INT(pos, 12);
    free_all(a, b, NULL);
}

TEST(text, a_cursor_whose_element_has_not_come_is_not_found)
{
    crdt_store *a = text_of(A, "abc"), *b = text_of(B, "xyz");
    crdt_cursor cursor;
    uint64_t    pos = 5;
    CHECK_OK(crdt_text_cursor(crdt_store_solo(b), CRDT_CODE_POINTS, 2, CRDT_LEFT, &cursor));
    CHECK_ERR(crdt_text_find(crdt_store_solo(a), cursor, CRDT_CODE_POINTS, &pos), CRDT_ENOENT);
    join(a, b);
    CHECK_OK(crdt_text_find(crdt_store_solo(a), cursor, CRDT_CODE_POINTS, &pos));
    static const uint64_t none[] = {3, 1u << 30, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        cursor.counter = none[i];
        CHECK_ERR(crdt_text_find(crdt_store_solo(a), cursor, CRDT_CODE_POINTS, &pos), CRDT_ENOENT);
    }
    cursor.counter = 0;
    cursor.replica = UINT64_MAX;
    CHECK_ERR(crdt_text_find(crdt_store_solo(a), cursor, CRDT_CODE_POINTS, &pos), CRDT_ENOENT);
    free_all(a, b, NULL);
}

TEST(cursor, has_one_form_in_bytes)
{
    static const crdt_cursor good[] = {{0, 0, CRDT_LEFT},
                                       {0, 0, CRDT_RIGHT},
                                       {1, 0, CRDT_LEFT},
                                       {UINT64_MAX, UINT64_MAX, CRDT_RIGHT},
                                       {A, 1u << 20, CRDT_RIGHT}};
    crdt_buf                 bytes;
    crdt_buf_init(&bytes, NULL);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        crdt_cursor is = {9, 9, CRDT_LEFT};
        crdt_buf_reset(&bytes);
        crdt_cursor_encode(good[i], &bytes);
        for (size_t n = 0; n < bytes.size; n++) {
            CHECK_ERR(crdt_cursor_decode(crdt_view_of(bytes.data, n), &is), CRDT_EMALFORMED);
        }
        CHECK_EQ_INT(is.replica, 9);
        CHECK_OK(crdt_cursor_decode(crdt_buf_bytes(&bytes), &is));
        CHECK(is.replica == good[i].replica && is.counter == good[i].counter);
        CHECK_EQ_INT(is.side, good[i].side);
        crdt_buf_byte(&bytes, 0);
        CHECK_ERR(crdt_cursor_decode(crdt_buf_bytes(&bytes), &is), CRDT_EMALFORMED);
    }
    crdt_buf_clear(&bytes);
    static const char *const bad[] = {"\x04\1\0\0\0\0\0\0\0\0", "\xff\1\0\0\0\0\0\0\0\0",
                                      "\x02\0\0\0\0\0\0\0\0\0", "\x82\1\0\0\0\0\0\0\0\0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        crdt_cursor is;
        CHECK_ERR(crdt_cursor_decode(crdt_view_of(bad[i], 10), &is), CRDT_EMALFORMED);
    }
    crdt_cursor is;
    CHECK_ERR(crdt_cursor_decode(crdt_view_of("\x02\1\0\0\0\0\0\0\0\x80\0", 11), &is),
              CRDT_EMALFORMED); /* a longer varint than need be */
}

/* -- Read contexts ----------------------------------------------------------------------------- */

TEST(text, under_a_read_context_only_what_the_reader_saw_is_deleted)
{
    for (int t = 0; t < 2; t++) {
        crdt_store  *a = solo_of(both[t], A);
        crdt_context read;
        crdt_context_init(&read, NULL);
        DO(a, "", both[t], "insert", 0, "abc");
        CHECK_OK(crdt_context_copy(&read, crdt_store_context(a)));
        DO(a, "", both[t], "insert", 1, "--");
        DO(a, "", both[t], "insert", 5, "=="); /* a--bc== */
        crdt_text_edit edit = open_solo(a);
        crdt_txn_at(edit.target.txn, &read);
        CHECK_OK(crdt_text_replace(&edit, CRDT_UTF16_UNITS, 0, 7, crdt_text_view("new")));
        check_shows(crdt_store_solo(a), "new--==");
        CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, 1, 3)); /* its own it has seen */
        check_shows(crdt_store_solo(a), "n--==");
        CHECK_OK(crdt_store_commit(a, NULL));
        check_store(a);
        crdt_context_clear(&read);
        free_all(a, NULL);
    }
}
