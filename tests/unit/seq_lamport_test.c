/* Texts in the classic order at the end of Lamport times: what is typed may come to stand further
 * on than it was put, but what is replaced is what was meant. */
#include "crdt/text.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define HIGH 0xffu /* goes before all others of the same time */

/* "x" at the start, by HIGH, of the last Lamport time: bytes as seq/seq_code.h tells. */
static crdt_delta *last_of_all(const crdt_store *like)
{
    crdt_buf      bytes, body;
    crdt_replicas ids;
    crdt_context  ctx;
    crdt_delta   *delta;
    crdt_dot      dot = {HIGH, 1};
    crdt_buf_init(&bytes, NULL);
    crdt_buf_init(&body, NULL);
    crdt_context_init(&ctx, NULL);
    crdt_replicas_init(&ids, NULL);
    crdt_replicas_add(&ids, HIGH);
    CHECK_OK(crdt_replicas_seal(&ids));
    CHECK_OK(crdt_context_add(&ctx, dot));
    crdt_enc enc = {&bytes, &ids, false};
    crdt_buf_put(&bytes, "\xc7\x01\x02\x01", 4);
    crdt_buf_u64(&bytes, HIGH);
    crdt_context_put(&ctx, &enc);
    crdt_buf_put(&bytes, "\x00\x01\x01\x00", 4); /* author, dots, objects, name */
    crdt_buf_varint(&bytes, crdt_text_classic_type.id);
    crdt_buf_byte(&bytes, 0);
    crdt_buf_put(&body, "\x04\x00\x01\x08\x01\x01", 6); /* one replica, one row: gap, the start */
    crdt_buf_varint(&body, crdt_zigzag((INT64_C(1) << 62) - 1));
    crdt_buf_byte(&body, 'x');
    crdt_buf_view(&bytes, crdt_buf_bytes(&body));
    CHECK_OK(crdt_delta_decode(like, crdt_buf_bytes(&bytes), &delta, NULL));
    crdt_replicas_clear(&ids);
    crdt_context_clear(&ctx);
    crdt_buf_clear(&bytes);
    crdt_buf_clear(&body);
    return delta;
}

static crdt_store *at_the_end(uint64_t replica, const char *text)
{
    crdt_store *s = solo_of(&crdt_text_classic_type, replica);
    crdt_delta *last = last_of_all(s);
    DO(s, "", &crdt_text_classic_type, "insert", 0, text);
    join(s, last);
    crdt_store_free(last);
    return s;
}

static void replace(crdt_store *s, uint64_t pos, uint64_t count, const char *with)
{
    crdt_txn      *txn = begin(s);
    crdt_text_edit edit;
    CHECK_OK(crdt_text_open(txn, CRDT_SOLO, &crdt_text_classic_type, &edit));
    CHECK_OK(crdt_text_replace(&edit, CRDT_CODE_POINTS, pos, count, crdt_text_view(with)));
    CHECK_OK(crdt_store_commit(s, NULL));
    check_store(s);
}

TEST(seq_lamport, what_is_typed_at_the_end_of_time_stands_where_ids_put_it)
{
    crdt_store *s = at_the_end(1, "abc"), *high = at_the_end(0x1000, "abc");
    CHECK_EQ_STR(shown(s, ""), "\"xabc\"");
    DO(s, "", &crdt_text_classic_type, "insert", 0, "12"); /* 1 is below HIGH */
    DO(high, "", &crdt_text_classic_type, "insert", 0, "12");
    CHECK_EQ_STR(shown(s, ""), "\"x12abc\"");
    CHECK_EQ_STR(shown(high, ""), "\"12xabc\"");
    DO(s, "", &crdt_text_classic_type, "insert", 3, "34"); /* typed on */
    CHECK_EQ_STR(shown(s, ""), "\"x1234abc\"");
    check_store(s);
    free_all(s, high, NULL);
}

TEST(seq_lamport, what_is_replaced_at_the_end_of_time_is_what_was_meant)
{
    static const char *const ends[4] = {"\"12xabc\"", "\"12abc\"", "\"12bc\"", "\"12c\""};
    for (uint64_t n = 1; n < 4; n++) { /* the insertion comes to stand behind the x */
        crdt_store *s = at_the_end(1, "abc"), *back = NULL;
        replace(s, 0, n, "12");
        CHECK_EQ_STR(shown(s, ""), ends[n]);
        CHECK_OK(crdt_store_clone(s, 7, &back));
        CHECK_EQ_STR(shown(back, ""), ends[n]);
        replace(s, 1, 1, "");
        CHECK_EQ_INT(crdt_text_length(crdt_store_solo(s), CRDT_CODE_POINTS), 5 - n);
        free_all(s, back, NULL);
    }
}

/* A whole text whose times lie further apart than 32 bits tell: decoded it is the same, whichever
 * allocation is refused before. As a delta it tells which letter each element is. */
TEST(seq_lamport, a_whole_text_of_times_far_apart_is_read)
{
    testmem     m;
    crdt_buf    bytes;
    crdt_delta *told, *read_told;
    testmem_init(&m);
    crdt_buf_init(&bytes, NULL);
    crdt_store *s = solo_of(&crdt_text_classic_type, 1), *read = NULL, *none = store_of(3);
    crdt_delta *last = last_of_all(s);
    for (int i = 0; i < 400; i++) {
        char letter[2] = {(char)('a' + i % 23), 0};
        DO(s, "", &crdt_text_classic_type, "insert", i / 3, letter);
    }
    join(s, last);
    for (int i = 0; i < 100; i++) {
        DO(s, "", &crdt_text_classic_type, "insert", i % 2, i % 3 == 0 ? "X" : "Y");
    }
    CHECK_OK(crdt_store_encode(s, &bytes));
    crdt_options o = crdt_options_default(2, NULL);
    o.solo = &crdt_text_classic_type;
    o.mem = &m.mem;
    for (uint64_t n = 1; read == NULL; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_decode(&o, crdt_buf_bytes(&bytes), &read, NULL);
        CHECK(err == CRDT_OK || (err == CRDT_ENOMEM && testmem_refused(&m)));
        testmem_fail_never(&m);
    }
    check_store(read);
    CHECK(same_bytes(read, s));
    CHECK_OK(crdt_store_since(s, crdt_store_context(none), &told));
    CHECK_OK(crdt_store_since(read, crdt_store_context(none), &read_told));
    CHECK(same_bytes(read_told, told));
    crdt_buf_clear(&bytes);
    free_all(s, read, none, last, told, read_told, NULL);
    TESTMEM_DONE(&m);
}
