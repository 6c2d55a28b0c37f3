/* seq_hostile_test.c: lists and texts that are sent what no honest peer would send: references to
 * nothing, to oneself, out of order, of absurd size. Each is refused or waits for ever; what honest
 * peers write goes on, and all replicas end in the same bytes. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define A 0xa1u
#define B 0xb2u
#define C 0xc3u
#define H 0xeeu /* the one who sends such things */
#define Z 0xffu /* never heard of */

static const crdt_type *const types[4] = {&crdt_text_type, &crdt_text_classic_type, &crdt_rga_type,
                                          &crdt_rga_classic_type};

static bool is_text(const crdt_type *type)
{
    return type == &crdt_text_type || type == &crdt_text_classic_type;
}

static bool is_classic(const crdt_type *type)
{
    return type == &crdt_text_classic_type || type == &crdt_rga_classic_type;
}

static uint64_t waiting_in(const crdt_store *s)
{
    crdt_ref ref = crdt_store_solo(s);
    return is_text(ref.type) ? crdt_text_waiting(ref) : crdt_rga_waiting(ref);
}

static uint64_t length_of(const crdt_store *s)
{
    crdt_ref ref = crdt_store_solo(s);
    return is_text(ref.type) ? crdt_text_length(ref, CRDT_CODE_POINTS) : crdt_rga_length(ref);
}

/* -- Forging ----------------------------------------------------------------------------------- */

/* Rows of one author in the bytes of seq/seq_code.h, row by row in one column. */
typedef struct forge {
    const crdt_type *type;
    uint64_t         author, first, last; /* dots that it claims */
    crdt_replicas    ids;
    crdt_buf         rows;
    unsigned         count;
} forge;

enum {
    DEL = 1,
    MANY = 2,
    LONG = 4,
    GAP = 8,
    OWN = 16,
    BACK = 32,
    RIGHT = 32,
    NEAR = 64,
    ODD = 128
};

static forge forge_of(const crdt_type *type, uint64_t author, uint64_t first, uint64_t last)
{
    forge f;
    memset(&f, 0, sizeof f);
    f.type = type;
    f.author = author;
    f.first = first;
    f.last = last;
    crdt_buf_init(&f.rows, NULL);
    return f;
}

static crdt_buf *row(forge *f, unsigned shape)
{
    f->count++;
    crdt_buf_byte(&f->rows, (uint8_t)shape);
    return &f->rows;
}

static void put_content(forge *f, const char *text)
{
    if (is_text(f->type)) crdt_buf_text(&f->rows, text);
    else
        for (; *text != '\0'; text++) crdt_buf_value(&f->rows, crdt_bytes(text, 1));
}

/* A reference in its long form to an element of the replica at that place of the dictionary. */
static void put_ref(forge *f, unsigned place, uint64_t ctr)
{
    crdt_buf_varint(&f->rows, place);
    crdt_buf_varint(&f->rows, ctr);
}

static void put_lamport(forge *f, int64_t delta)
{
    if (is_classic(f->type)) crdt_buf_varint(&f->rows, crdt_zigzag(delta));
}

/* The delta; NULL: it is refused as malformed. ids: those that the rows name, ascending, 0 at the
 * end; the author's place in them must be right. */
static crdt_delta *forged(forge *f, const crdt_store *like, const uint64_t *ids)
{
    crdt_buf      bytes, body;
    crdt_context  ctx;
    crdt_replicas set;
    crdt_delta   *delta = NULL;
    const char   *reason = "";
    crdt_run      run = {f->author, f->first, f->last};
    crdt_buf_init(&bytes, NULL);
    crdt_buf_init(&body, NULL);
    crdt_context_init(&ctx, NULL);
    crdt_replicas_init(&set, NULL);
    CHECK_OK(crdt_context_reserve(&ctx, 1));
    crdt_context_add_reserved(&ctx, run);
    for (; *ids != 0; ids++) crdt_replicas_add(&set, *ids);
    CHECK_OK(crdt_replicas_seal(&set));
    crdt_enc enc = {&bytes, &set, false};
    crdt_buf_put(&bytes, "\xc7\x01\x02", 3);
    crdt_buf_varint(&bytes, set.count);
    for (size_t i = 0; i < set.count; i++) crdt_buf_u64(&bytes, set.ids[i]);
    crdt_context_put(&ctx, &enc);
    crdt_enc_replica(&enc, f->author);
    crdt_buf_varint(&bytes, f->last - f->first + 1);
    crdt_buf_byte(&bytes, 1); /* object */
    crdt_buf_byte(&bytes, 0); /* its name */
    crdt_buf_varint(&bytes, f->type->id);
    crdt_buf_byte(&bytes, 0);
    crdt_enc in = {&body, &set, false};
    crdt_buf_byte(&body, 4);
    crdt_enc_replica(&in, f->author);
    crdt_buf_varint(&body, f->count);
    crdt_buf_put(&body, f->rows.data, f->rows.size);
    crdt_buf_view(&bytes, crdt_buf_bytes(&body));
    crdt_err err = crdt_delta_decode(like, crdt_buf_bytes(&bytes), &delta, &reason);
    if (err != CRDT_OK) {
        CHECK_MSG(err == CRDT_EMALFORMED, "%s: %s", crdt_err_name(err), reason);
        delta = NULL;
    } else {
        crdt_buf again;
        crdt_buf_init(&again, NULL);
        CHECK_OK(crdt_store_encode(delta, &again));
        CHECK_EQ_MEM(again.data, again.size, bytes.data, bytes.size);
        crdt_buf_clear(&again);
    }
    crdt_replicas_clear(&set);
    crdt_context_clear(&ctx);
    crdt_buf_clear(&bytes);
    crdt_buf_clear(&body);
    crdt_buf_clear(&f->rows);
    return delta;
}

static const uint64_t only_h[] = {H, 0}, a_h[] = {A, H, 0}, h_z[] = {H, Z, 0};

/* -- What becomes of it ------------------------------------------------------------------------ */

/* An honest history: A and B write by turns. */
#define HONEST 6

typedef struct honest {
    const crdt_type *type;
    crdt_delta      *deltas[HONEST];
    crdt_store      *end;
} honest;

static honest honest_of(const crdt_type *type)
{
    honest      h = {type, {NULL}, solo_of(type, A)};
    crdt_store *b = solo_of(type, B);
    for (int i = 0; i < HONEST; i++) {
        crdt_store *s = i % 2 ? b : h.end, *other = i % 2 ? h.end : b;
        if (i == 4) h.deltas[i] = apply(s, "", type, "delete", 1, 2);
        else h.deltas[i] = apply(s, "", type, "insert", i / 2, "abc");
        join(other, h.deltas[i]);
    }
    crdt_store_free(b);
    return h;
}

static void honest_clear(honest *h)
{
    for (int i = 0; i < HONEST; i++) crdt_store_free(h->deltas[i]);
    crdt_store_free(h->end);
}

static void check_recoded(const crdt_store *s)
{
    char text[1000];
    check_store(s);
    snprintf(text, sizeof text, "%s", shown(s, ""));
    crdt_store *copy = recoded(s), *clone;
    CHECK_EQ_STR(shown(copy, ""), text);
    CHECK_EQ_INT(waiting_in(copy), waiting_in(s));
    CHECK(same_bytes(copy, s));
    CHECK_OK(crdt_store_clone(s, C, &clone));
    CHECK_EQ_STR(shown(clone, ""), text);
    CHECK(same_bytes(clone, s));
    free_all(copy, clone, NULL);
}

/* Delivered at each moment of the honest history, once and again; then everything else works. */
static void check_harmless(const honest *h, crdt_delta *const *forged_deltas, size_t count,
                           uint64_t waiting)
{
    crdt_store *first = NULL;
    char        text[1000];
    snprintf(text, sizeof text, "%s", shown(h->end, ""));
    for (int at = 0; at <= HONEST; at++) {
        crdt_store *s = solo_of(h->type, C), *late = solo_of(h->type, B), *since;
        for (int i = 0; i <= HONEST; i++) {
            for (size_t k = 0; i == at && k < count; k++) {
                join(s, forged_deltas[k]);
                join(s, forged_deltas[k]);
                check_recoded(s);
            }
            if (i < HONEST) join(s, h->deltas[i]);
        }
        if (waiting > 0) {
            CHECK_EQ_STR(shown(s, ""), text);
            CHECK_EQ_INT(waiting_in(s), waiting);
            CHECK_EQ_INT(crdt_store_stats(s).elements, length_of(s));
        }
        check_recoded(s);
        CHECK_OK(crdt_store_since(s, crdt_store_context(late), &since));
        join(late, since);
        CHECK(same_bytes(late, s));
        CHECK_EQ_STR(shown(late, ""), shown(s, ""));
        if (first == NULL) CHECK_OK(crdt_store_clone(s, C, &first));
        CHECK(same_bytes(first, s));
        char now[1000];
        snprintf(now, sizeof now, "%s", shown(first, ""));
        CHECK_EQ_STR(shown(s, ""), now);
        CHECK_OK(crdt_store_stabilise(s, crdt_store_context(s)));
        check_recoded(s);
        DO(late, "", h->type, "insert", 1, "on");
        DO(late, "", h->type, "delete", 0, 1);
        join(s, late);
        join(late, s);
        CHECK(same_bytes(late, s));
        CHECK_EQ_STR(shown(late, ""), shown(s, ""));
        check_recoded(s);
        free_all(s, late, since, NULL);
    }
    crdt_store_free(first);
}

/* One forged delta; expect: how many dots wait, 0: whatever. Refused is fine. */
static void check_one(const honest *h, forge *f, const uint64_t *ids, uint64_t waiting)
{
    crdt_delta *delta = forged(f, h->end, ids);
    if (delta == NULL) return;
    check_harmless(h, &delta, 1, waiting);
    crdt_store_free(delta);
}

typedef void (*forger)(const honest *h);

static void for_all_types(forger make)
{
    for (int t = 0; t < 4; t++) {
        honest h = honest_of(types[t]);
        make(&h);
        honest_clear(&h);
    }
}

/* -- References to nothing --------------------------------------------------------------------- */

static void origin_never_arrives(const honest *h)
{
    forge f = forge_of(h->type, H, 1, 1); /* after A's thousandth */
    row(&f, GAP);
    crdt_buf_varint(&f.rows, 1);
    put_ref(&f, 0, 1000);
    put_lamport(&f, 5000);
    put_content(&f, "x");
    check_one(h, &f, a_h, 1);
    f = forge_of(h->type, H, 1, 1); /* after one of nobody's */
    row(&f, GAP);
    crdt_buf_varint(&f.rows, 1);
    put_ref(&f, 1, 0);
    put_lamport(&f, 5000);
    put_content(&f, "x");
    check_one(h, &f, h_z, 1);
}

TEST(seq_hostile, an_origin_that_never_arrives)
{
    for_all_types(origin_never_arrives);
}

static void deletion_of_nothing(const honest *h)
{
    for (int place = 0; place < 2; place++) {
        forge f = forge_of(h->type, H, 1, 1);
        row(&f, DEL | GAP | LONG);
        crdt_buf_varint(&f.rows, 18); /* elements, less 2 */
        crdt_buf_varint(&f.rows, 1);
        put_ref(&f, place == 0 ? 0 : 1, 1019);
        check_one(h, &f, place == 0 ? a_h : h_z, 1);
    }
}

TEST(seq_hostile, a_deletion_of_what_never_was)
{
    for_all_types(deletion_of_nothing);
}

/* Ten dots, one element each, the last ones of which there never were: the first have effect. */
static void deletion_of_some(const honest *h)
{
    for (int back = 0; back < 2; back++) {
        forge f = forge_of(h->type, H, 1, 10);
        row(&f, DEL | GAP | MANY | (back ? BACK : 0));
        crdt_buf_varint(&f.rows, 8);
        crdt_buf_varint(&f.rows, 1);
        put_ref(&f, 0, 10);
        check_one(h, &f, a_h, 0);
    }
}

TEST(seq_hostile, a_deletion_of_which_a_part_never_was)
{
    for_all_types(deletion_of_some);
}

/* -- Origins that cannot be -------------------------------------------------------------------- */

static void right_parent_is_no_sibling(const honest *h)
{
    if (is_classic(h->type)) return;
    forge f =
        forge_of(h->type, H, 1, 1); /* at the start, before A's second, which follows its first */
    row(&f, GAP | RIGHT);
    crdt_buf_varint(&f.rows, 1);
    crdt_buf_varint(&f.rows, 2); /* the start */
    put_ref(&f, 0, 1);
    put_content(&f, "x");
    check_one(h, &f, a_h, 1);
    f = forge_of(h->type, H, 1, 1); /* after A's first, before that same one */
    row(&f, GAP | RIGHT | NEAR);
    crdt_buf_varint(&f.rows, 1);
    put_ref(&f, 0, 0);
    crdt_buf_varint(&f.rows, crdt_zigzag(0));
    put_content(&f, "x");
    check_one(h, &f, a_h, 1);
}

TEST(seq_hostile, a_right_parent_that_is_no_sibling)
{
    for_all_types(right_parent_is_no_sibling);
}

static void lamport_too_small(const honest *h)
{
    if (!is_classic(h->type)) return;
    forge f = forge_of(h->type, H, 1, 1); /* after A's third: that one's time is 3 */
    row(&f, GAP);
    crdt_buf_varint(&f.rows, 1);
    put_ref(&f, 0, 2);
    put_lamport(&f, 3);
    put_content(&f, "x");
    check_one(h, &f, a_h, 1);
}

TEST(seq_hostile, a_lamport_time_that_is_too_small)
{
    for_all_types(lamport_too_small);
}

/* At the start, of this Lamport time; NULL: refused. */
static crdt_delta *insertion_in_time(const honest *h, int64_t lamport)
{
    forge f = forge_of(h->type, H, 1, 1);
    row(&f, GAP);
    crdt_buf_varint(&f.rows, 1);
    crdt_buf_varint(&f.rows, 1); /* the start */
    put_lamport(&f, lamport);
    put_content(&f, "x");
    return forged(&f, h->end, only_h);
}

/* Three who hold the last Lamport time write on: whoever gets all ends in the same. */
static void write_at_the_end(const honest *h, crdt_delta *last, uint64_t seed)
{
    enum { STEPS = T_SLOW ? 60 : 200 };
    uint64_t    random = seed;
    crdt_store *s[3] = {solo_of(h->type, A), solo_of(h->type, B), solo_of(h->type, C)};
    crdt_delta *deltas[STEPS];
    for (int i = 0; i < 3; i++) {
        join(s[i], h->end);
        join(s[i], last);
    }
    for (int i = 0; i < STEPS; i++) {
        crdt_store *author = s[random_below(&random, 3)], *peer = s[random_below(&random, 3)];
        uint64_t    length = length_of(author);
        int         pos = (int)random_below(&random, length);
        bool        deletes = random_below(&random, 4) == 0;
        if (deletes) deltas[i] = apply(author, "", h->type, "delete", pos, 1);
        else deltas[i] = apply(author, "", h->type, "insert", pos % 6, pos % 2 ? "ab" : "c");
        CHECK(deletes ? length_of(author) < length : length_of(author) > length);
        if (peer != author && random_below(&random, 3) == 0) join(author, peer);
    }
    for (int i = 0; i < 6; i++) join(s[i % 3], s[(i + 1) % 3]);
    for (int round = 0; round < 4; round++) {
        crdt_store *to = solo_of(h->type, Z);
        join(to, h->end);
        join(to, last);
        for (size_t i = STEPS; i-- > 0;) {
            size_t      k = random_below(&random, i + 1);
            crdt_delta *one = deltas[k];
            deltas[k] = deltas[i];
            deltas[i] = one;
            CHECK_OK(crdt_store_merge(to, one));
        }
        check_recoded(to);
        CHECK(same_bytes(to, s[0]) && same_bytes(s[0], s[1]));
        char text[2000];
        snprintf(text, sizeof text, "%s", shown(to, ""));
        CHECK_EQ_STR(shown(s[0], ""), text);
        crdt_store_free(to);
    }
    for (int i = 0; i < STEPS; i++) crdt_store_free(deltas[i]);
    free_all(s[0], s[1], s[2], NULL);
}

static void lamport_too_great(const honest *h)
{
    const int64_t end = INT64_C(1) << 62;
    const int64_t times[] = {1 << 30, end / 2, end - 3, end - 2, end - 1, end, INT64_MAX, -1};
    if (!is_classic(h->type)) return;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        crdt_delta *delta = insertion_in_time(h, times[i]);
        CHECK_EQ_INT(delta == NULL, i > 4);
        if (delta == NULL) continue;
        check_harmless(h, &delta, 1, 0);
        for (uint64_t seed = 1; i >= 2 && seed < 4; seed++) write_at_the_end(h, delta, seed);
        crdt_store_free(delta);
    }
}

TEST(seq_hostile, a_lamport_time_that_is_too_great)
{
    for_all_types(lamport_too_great);
}

static void own_element_as_origin(const honest *h)
{
    forge f = forge_of(h->type, H, 1, 1); /* H's first, after H's first */
    row(&f, GAP | OWN | ODD);
    crdt_buf_varint(&f.rows, 1);
    crdt_buf_varint(&f.rows, crdt_zigzag(0));
    crdt_buf_varint(&f.rows, crdt_zigzag(-1));
    crdt_buf_varint(&f.rows, 0);
    put_lamport(&f, 9);
    put_content(&f, "x");
    check_one(h, &f, only_h, 1);
    if (is_classic(h->type)) return;
    f = forge_of(h->type, H, 1, 1); /* at the start, before itself */
    row(&f, GAP | RIGHT);
    crdt_buf_varint(&f.rows, 1);
    crdt_buf_varint(&f.rows, 1);
    put_ref(&f, 0, 0);
    put_content(&f, "x");
    check_one(h, &f, only_h, 1);
}

TEST(seq_hostile, an_element_beside_itself)
{
    for_all_types(own_element_as_origin);
}

/* H's first after Z's first, and Z's first after H's first. */
static void circle(const honest *h)
{
    static const uint64_t authors[2] = {H, Z};
    crdt_delta           *deltas[2];
    for (unsigned i = 0; i < 2; i++) {
        forge f = forge_of(h->type, authors[i], 1, 1);
        row(&f, GAP);
        crdt_buf_varint(&f.rows, 1);
        put_ref(&f, 1 - i, 0);
        put_lamport(&f, 9);
        put_content(&f, "x");
        deltas[i] = forged(&f, h->end, h_z);
        CHECK(deltas[i] != NULL);
    }
    check_harmless(h, deltas, 2, 2);
    free_all(deltas[0], deltas[1], NULL);
}

TEST(seq_hostile, elements_that_wait_for_each_other)
{
    for_all_types(circle);
}

/* -- Counters ---------------------------------------------------------------------------------- */

/* An insertion at the start with a counter of one's choice. */
static crdt_delta *insertion_at(const honest *h, uint64_t dot, int64_t ctr, const char *content)
{
    forge  f = forge_of(h->type, H, dot, dot);
    size_t each = strlen(content);
    row(&f, (ctr == 0 ? 0 : ODD) | GAP | (each > 1 ? LONG : 0));
    if (each > 1) crdt_buf_varint(&f.rows, each - 2);
    crdt_buf_varint(&f.rows, dot);
    crdt_buf_varint(&f.rows, 1); /* the start */
    if (ctr != 0) crdt_buf_varint(&f.rows, crdt_zigzag(ctr));
    if (ctr != 0) crdt_buf_varint(&f.rows, 0);
    put_lamport(&f, 100);
    put_content(&f, content);
    return forged(&f, h->end, only_h);
}

static void counter_gap(const honest *h)
{
    crdt_delta *delta = insertion_at(h, 1, 5, "x");
    CHECK(delta != NULL);
    check_harmless(h, &delta, 1, 1);
    crdt_store_free(delta);
}

TEST(seq_hostile, a_counter_that_leaves_a_gap)
{
    for_all_types(counter_gap);
}

/* Each of the deltas may come, but no two of them, in whatever order: two write under one id. */
static void check_fork(const honest *h, crdt_delta *const *deltas, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            crdt_store *s = solo_of(h->type, C), *other = solo_of(h->type, B);
            CHECK_OK(crdt_store_merge(s, deltas[i]));
            CHECK_OK(crdt_store_merge(other, deltas[k]));
            crdt_store *was = recoded(s);
            crdt_err    should = i == k ? CRDT_OK : CRDT_EFORK;
            CHECK_ERR(crdt_store_merge(s, deltas[k]), should);
            CHECK_ERR(crdt_store_merge(s, other), should);
            CHECK(same_bytes(s, was));
            check_recoded(s);
            free_all(s, other, was, NULL);
        }
    }
    for (size_t i = 0; i < count; i++) crdt_store_free(deltas[i]);
}

/* The same element under two dots; another numbering than that of the dots. */
static void numbers_disagree(const honest *h)
{
    crdt_delta *twice[3] = {insertion_at(h, 1, 0, "xy"), insertion_at(h, 2, 0, "z"),
                            insertion_at(h, 3, 1, "u")};
    crdt_delta *back[3] = {insertion_at(h, 1, 7, "x"), insertion_at(h, 2, 3, "yz"),
                           insertion_at(h, 3, 0, "z")};
    crdt_delta *below[2] = {insertion_at(h, 5, 0, "x"), insertion_at(h, 3, 1, "y")};
    check_fork(h, twice, 2);
    crdt_store_free(twice[2]);
    check_fork(h, back, 3);
    check_fork(h, below, 2);
}

TEST(seq_hostile, numbers_that_disagree_with_dots)
{
    for_all_types(numbers_disagree);
}

/* One that waits for somebody, and one that claims the same element: a fork whether the one waited
 * for has come or not. */
static void twice_while_one_waits(const honest *h)
{
    crdt_store *z = solo_of(h->type, Z);
    crdt_delta *of_z = apply(z, "", h->type, "insert", 0, "z"), *deltas[2];
    forge       f = forge_of(h->type, H, 1, 1);
    row(&f, GAP);
    crdt_buf_varint(&f.rows, 1);
    put_ref(&f, 1, 0);
    put_lamport(&f, 50);
    put_content(&f, "1");
    deltas[0] = forged(&f, h->end, h_z);
    deltas[1] = insertion_at(h, 2, 0, "2");
    for (int with_z = 0; with_z < 2; with_z++) {
        for (int i = 0; i < 2; i++) {
            crdt_store *s = solo_of(h->type, A);
            if (with_z) join(s, of_z);
            CHECK_OK(crdt_store_merge(s, deltas[i]));
            CHECK_ERR(crdt_store_merge(s, deltas[1 - i]), CRDT_EFORK);
            check_recoded(s);
            crdt_store_free(s);
        }
    }
    free_all(z, of_z, deltas[0], deltas[1], NULL);
}

TEST(seq_hostile, an_element_twice_while_one_waits)
{
    for_all_types(twice_while_one_waits);
}

/* Rows of one author that wait for each other's numbers, in any order. */
static void numbers_agree(const honest *h)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    crdt_delta      *deltas[3] = {insertion_at(h, 1, 0, "xy"), insertion_at(h, 3, 2, "z"),
                                  insertion_at(h, 9, 3, "uv")};
    crdt_store      *first = NULL;
    for (int i = 0; i < 6; i++) {
        crdt_store *s = solo_of(h->type, C);
        for (int k = 0; k < 3; k++) {
            CHECK_OK(crdt_store_merge(s, deltas[orders[i][k]]));
            check_recoded(s);
        }
        CHECK_EQ_INT(waiting_in(s), 0);
        if (first == NULL) CHECK_OK(crdt_store_clone(s, C, &first));
        CHECK(same_bytes(s, first));
        crdt_store_free(s);
    }
    free_all(first, deltas[0], deltas[1], deltas[2], NULL);
}

TEST(seq_hostile, numbers_that_agree_with_dots_may_come_in_any_order)
{
    for_all_types(numbers_agree);
}

/* The same dot with other content. */
static void forks(const honest *h)
{
    crdt_delta *deltas[3] = {insertion_at(h, 1, 0, "x"), insertion_at(h, 1, 0, "y"),
                             insertion_at(h, 1, 7, "x")};
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++) {
            crdt_store *s = solo_of(h->type, C);
            join(s, deltas[i]);
            crdt_store *was = recoded(s);
            CHECK_ERR(crdt_store_join(s, deltas[k], NOW), i == k ? CRDT_OK : CRDT_EFORK);
            CHECK(same_bytes(s, was));
            check_recoded(s);
            free_all(s, was, NULL);
        }
    }
    free_all(deltas[0], deltas[1], deltas[2], NULL);
}

TEST(seq_hostile, forks)
{
    for_all_types(forks);
}

/* Elements in this replica's own name, which it never wrote: it cannot number its next ones. */
static void in_my_name(const honest *h)
{
    crdt_store *s = solo_of(h->type, H);
    crdt_delta *delta = insertion_at(h, 1, 5, "x"), *none;
    crdt_value  args[2] = {crdt_int(0), crdt_text("y")};
    join(s, h->end);
    join(s, delta);
    crdt_store *was = recoded(s);
    CHECK_ERR(crdt_store_apply(s, NOW, CRDT_SOLO, &h->type->ops[0], args, 2, &none), CRDT_EFORK);
    CHECK(same_bytes(s, was));
    DO(s, "", h->type, "delete", 0, 1);
    check_recoded(s);
    free_all(s, was, delta, NULL);
}

TEST(seq_hostile, elements_in_ones_own_name)
{
    for_all_types(in_my_name);
}

/* After an element that its replica has yet to write: once it does, the other one shows. */
static void before_its_time(const honest *h)
{
    forge f = forge_of(h->type, H, 1, 1);
    row(&f, GAP);
    crdt_buf_varint(&f.rows, 1);
    put_ref(&f, 0, 1);
    put_lamport(&f, 50);
    put_content(&f, "x");
    crdt_delta *delta = forged(&f, h->end, a_h);
    crdt_store *s = solo_of(h->type, A), *other = solo_of(h->type, B);
    join(s, delta);
    DO(s, "", h->type, "insert", 0, "a");
    CHECK_EQ_INT(waiting_in(s), 1);
    check_recoded(s);
    DO(s, "", h->type, "insert", 1, "b");
    CHECK_EQ_INT(waiting_in(s), 0);
    CHECK_EQ_INT(length_of(s), 3);
    check_recoded(s);
    join(other, s);
    CHECK(same_bytes(s, other));
    free_all(s, other, delta, NULL);
}

TEST(seq_hostile, an_element_after_one_that_is_yet_to_come)
{
    for_all_types(before_its_time);
}

/* -- Sizes ------------------------------------------------------------------------------------- */

/* Half a thousand million dots in a few bytes: whatever is done with them takes no time each. */
static void dots_without_end(const honest *h)
{
    const uint64_t dots = 500000000;
    forge          f = forge_of(h->type, H, 1, dots);
    row(&f, DEL | GAP | MANY);
    crdt_buf_varint(&f.rows, dots - 2);
    crdt_buf_varint(&f.rows, 1);
    put_ref(&f, 1, dots + 5);
    check_one(h, &f, h_z, dots);
    f = forge_of(h->type, H, 1, dots); /* only the last of them is there, then all are */
    row(&f, DEL | GAP);
    crdt_buf_varint(&f.rows, dots);
    put_ref(&f, 1, 0);
    crdt_delta *last = forged(&f, h->end, h_z), *all;
    CHECK(last != NULL);
    f = forge_of(h->type, H, 1, dots);
    row(&f, DEL | GAP | MANY);
    crdt_buf_varint(&f.rows, dots - 3);
    crdt_buf_varint(&f.rows, 1);
    put_ref(&f, 1, dots + 5);
    all = forged(&f, h->end, h_z);
    CHECK(all != NULL);
    crdt_store *s = solo_of(h->type, C);
    join(s, last);
    crdt_err err = crdt_store_join(s, all, NOW);
    CHECK(err == CRDT_OK || err == CRDT_EFORK);
    check_recoded(s);
    free_all(s, last, all, NULL);
}

TEST(seq_hostile, dots_without_end)
{
    for_all_types(dots_without_end);
}

/* So many elements by H, of which only the last two have content, and a deletion of the first. */
static crdt_delta *forgotten(const honest *h, uint64_t dot, uint64_t first, uint64_t each,
                             uint64_t deleted)
{
    forge f = forge_of(h->type, H, dot, dot + 1);
    row(&f, GAP | LONG | ODD);
    crdt_buf_varint(&f.rows, each - 2);
    crdt_buf_varint(&f.rows, dot);
    crdt_buf_varint(&f.rows, 1); /* the start */
    crdt_buf_varint(&f.rows, crdt_zigzag((int64_t)first));
    crdt_buf_varint(&f.rows, 1); /* stretch: */
    put_lamport(&f, 100);
    put_ref(&f, 0, each - 2);
    put_content(&f, "xy");
    row(&f, DEL | LONG | OWN);
    crdt_buf_varint(&f.rows, deleted - 2);
    crdt_buf_varint(&f.rows, crdt_zigzag((int64_t)deleted - (int64_t)each));
    return forged(&f, h->end, only_h);
}

/* Very many elements that are forgotten, in few bytes, stop no one who writes. */
static void ids_without_end(const honest *h)
{
    const uint64_t each = 500000000;
    crdt_store    *s = solo_of(h->type, C), *other = solo_of(h->type, B);
    join(s, h->end);
    CHECK(forgotten(h, 1, 0, each, each - 3) == NULL);
    for (uint64_t i = 0; i < 2; i++) {
        crdt_delta *delta = forgotten(h, 1 + 2 * i, i * each, each, each - 2);
        CHECK(delta != NULL);
        join(s, delta);
        crdt_store_free(delta);
    }
    join(other, h->end);
    DO(s, "", h->type, "insert", 0, "w");
    join(other, s);
    DO(other, "", h->type, "insert", 3, "v");
    join(s, other);
    CHECK_EQ_INT(length_of(s), length_of(h->end) + 4 + 2);
    CHECK(same_bytes(s, other));
    check_recoded(s);
    free_all(s, other, NULL);
}

static void nothing_as_content(const honest *h)
{
    for (uint64_t n = 2; n < 50; n++) {
        crdt_delta *delta = forgotten(h, 1, 0, 50, n);
        CHECK_EQ_INT(delta != NULL, n >= 48);
        crdt_store_free(delta);
    }
}

TEST(seq_hostile, elements_without_content)
{
    for_all_types(nothing_as_content);
    for_all_types(ids_without_end);
}
