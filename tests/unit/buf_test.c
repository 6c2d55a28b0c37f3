/* Buffers, the strict decoder, dictionaries of replica ids, values and the texts of errors. */
#include "crdt/buf.h"

#include <string.h>

#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

static const uint64_t edges[] = {0,
                                 1,
                                 127,
                                 128,
                                 16383,
                                 16384,
                                 UINT32_MAX,
                                 (UINT64_C(1) << 56) - 1,
                                 UINT64_C(1) << 56,
                                 UINT64_C(1) << 63,
                                 UINT64_MAX};
#define EDGES (sizeof edges / sizeof edges[0])

static crdt_dec dec_of(const void *data, size_t size)
{
    crdt_dec dec;
    crdt_dec_init(&dec, crdt_view_of(data, size), NULL);
    return dec;
}

TEST(buf, varints_read_back_and_take_the_fewest_bytes)
{
    crdt_buf buf;
    crdt_buf_init(&buf, NULL);
    for (size_t i = 0; i < EDGES; i++) {
        size_t bytes = 1;
        for (uint64_t n = edges[i]; n >= 128; n >>= 7) bytes++;
        crdt_buf_reset(&buf);
        crdt_buf_varint(&buf, edges[i]);
        CHECK_EQ_INT(buf.size, bytes);
        crdt_dec dec = dec_of(buf.data, buf.size);
        CHECK_EQ_INT(crdt_dec_varint(&dec), edges[i]);
        CHECK_EQ_INT(crdt_dec_left(&dec), 0);
        CHECK_OK(crdt_dec_status(&dec));
    }
    crdt_buf_clear(&buf);
}

TEST(buf, a_varint_longer_than_needed_is_malformed)
{
    uint8_t bytes[11];
    for (size_t size = 2; size <= sizeof bytes; size++) {
        memset(bytes, 0x80, sizeof bytes);
        bytes[size - 1] = 0;
        crdt_dec dec = dec_of(bytes, size);
        CHECK_EQ_INT(crdt_dec_varint(&dec), 0);
        CHECK_ERR(crdt_dec_status(&dec), CRDT_EMALFORMED);
    }
}

TEST(buf, a_varint_above_64_bits_is_malformed)
{
    uint8_t  bytes[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    crdt_dec dec = dec_of(bytes, sizeof bytes);
    CHECK_EQ_INT(crdt_dec_varint(&dec), UINT64_MAX);
    for (unsigned last = 2; last < 256; last++) {
        bytes[9] = (uint8_t)last;
        dec = dec_of(bytes, sizeof bytes);
        CHECK_EQ_INT(crdt_dec_varint(&dec), 0);
        CHECK_ERR(crdt_dec_status(&dec), CRDT_EMALFORMED);
    }
}

TEST(buf, a_truncated_varint_is_malformed)
{
    static const uint8_t bytes[9] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    for (size_t size = 0; size <= sizeof bytes; size++) {
        crdt_dec dec = dec_of(bytes, size);
        CHECK_EQ_INT(crdt_dec_varint(&dec), 0);
        CHECK_ERR(crdt_dec_status(&dec), CRDT_EMALFORMED);
    }
}

TEST(buf, every_two_byte_varint_is_refused_or_written_again_alike)
{
    crdt_buf buf;
    crdt_buf_init(&buf, NULL);
    for (unsigned n = 0; n < 65536; n++) {
        uint8_t  bytes[2] = {(uint8_t)n, (uint8_t)(n >> 8)};
        crdt_dec dec = dec_of(bytes, sizeof bytes);
        uint64_t value = crdt_dec_varint(&dec);
        if (crdt_dec_status(&dec) != CRDT_OK) continue;
        crdt_buf_reset(&buf);
        crdt_buf_varint(&buf, value);
        CHECK_EQ_MEM(buf.data, buf.size, bytes, sizeof bytes - crdt_dec_left(&dec));
    }
    crdt_buf_clear(&buf);
}

TEST(buf, all_that_is_written_reads_back)
{
    crdt_buf buf;
    crdt_buf_init(&buf, NULL);
    crdt_buf_byte(&buf, 7);
    crdt_buf_u64(&buf, UINT64_C(0x0102030405060708));
    crdt_buf_view(&buf, crdt_text_view("name"));
    crdt_buf_value(&buf, crdt_int(INT64_MIN));
    crdt_buf_value(&buf, crdt_bytes("\0x", 2));
    crdt_buf_value(&buf, crdt_bytes(NULL, 0));
    CHECK_OK(crdt_buf_status(&buf));
    CHECK_EQ_MEM(buf.data + 1, 8, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);

    crdt_dec dec = dec_of(buf.data, buf.size);
    CHECK_EQ_INT(crdt_dec_byte(&dec), 7);
    CHECK_EQ_INT(crdt_dec_u64(&dec), 0x0102030405060708);
    crdt_view name = crdt_dec_view(&dec, 4, "name above the limit");
    CHECK_EQ_MEM(name.data, name.size, "name", 4);
    CHECK_EQ_INT(crdt_value_compare(crdt_dec_value(&dec), crdt_int(INT64_MIN)), 0);
    CHECK_EQ_INT(crdt_value_compare(crdt_dec_value(&dec), crdt_bytes("\0x", 2)), 0);
    CHECK_EQ_INT(crdt_value_compare(crdt_dec_value(&dec), crdt_bytes("", 0)), 0);
    CHECK_EQ_INT(crdt_dec_left(&dec), 0);
    CHECK_OK(crdt_dec_status(&dec));
    crdt_buf_clear(&buf);
}

TEST(buf, the_first_error_of_a_decoder_sticks)
{
    crdt_dec dec = dec_of("\x05ham", 4);
    CHECK_EQ_INT(crdt_dec_view(&dec, 10, "name").size, 0);
    const char *reason = dec.reason;
    CHECK_ERR(crdt_dec_fail(&dec, CRDT_ENOMEM, "later"), CRDT_EMALFORMED);
    CHECK(dec.reason == reason);
    CHECK_EQ_INT(crdt_dec_left(&dec), 0);
    CHECK_EQ_INT(crdt_dec_byte(&dec), 0);
    CHECK_EQ_INT(crdt_dec_varint(&dec), 0);
    CHECK_EQ_INT(crdt_dec_u64(&dec), 0);
    CHECK_EQ_INT(crdt_dec_bytes(&dec, 1).size, 0);
    CHECK_EQ_INT(crdt_dec_count(&dec, 1, "count"), 0);
    CHECK_EQ_INT(crdt_dec_replica(&dec), 0);
    CHECK_ERR(crdt_dec_status(&dec), CRDT_EMALFORMED);
}

TEST(buf, what_is_larger_than_its_limit_is_refused_as_such)
{
    crdt_dec dec = dec_of("\x03ham", 4);
    CHECK_EQ_INT(crdt_dec_view(&dec, 2, "name above the limit").size, 0);
    CHECK_ERR(crdt_dec_status(&dec), CRDT_ELIMIT);
    CHECK_EQ_STR(dec.reason, "name above the limit");

    crdt_limits limits = crdt_limits_default();
    limits.value_bytes = 2;
    crdt_dec_init(&dec, crdt_view_of("\x03hi\x04ham", 7), &limits);
    CHECK_EQ_INT(crdt_dec_value(&dec).bytes.size, 2);
    crdt_dec_value(&dec);
    CHECK_ERR(crdt_dec_status(&dec), CRDT_ELIMIT);
}

TEST(buf, a_count_must_fit_in_what_is_left)
{
    crdt_dec dec = dec_of("\x02"
                          "abcdef",
                          7);
    CHECK_EQ_INT(crdt_dec_count(&dec, 3, "items"), 2);
    dec = dec_of("\x02"
                 "abcde",
                 6);
    CHECK_EQ_INT(crdt_dec_count(&dec, 3, "items"), 0);
    CHECK_ERR(crdt_dec_status(&dec), CRDT_EMALFORMED);
    dec = dec_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
    CHECK_EQ_INT(crdt_dec_count(&dec, 8, "items"), 0);
    CHECK_ERR(crdt_dec_status(&dec), CRDT_EMALFORMED);
}

TEST(buf, a_buffer_that_could_not_grow_appends_no_more)
{
    testmem  m;
    crdt_buf buf;
    testmem_init(&m);
    crdt_buf_init(&buf, &m.mem);
    crdt_buf_text(&buf, "kept");
    testmem_fail_nth(&m, 1);
    while (!testmem_refused(&m)) crdt_buf_text(&buf, "123456789012345");
    size_t size = buf.size;
    CHECK_EQ_INT(size % 15, 4);
    testmem_fail_never(&m);
    crdt_buf_byte(&buf, 1);
    crdt_buf_varint(&buf, 1);
    crdt_buf_u64(&buf, 1);
    CHECK(!crdt_buf_reserve(&buf, 0));
    CHECK_EQ_INT(buf.size, size);
    CHECK_ERR(crdt_buf_status(&buf), CRDT_ENOMEM);
    crdt_buf_reset(&buf);
    CHECK_OK(crdt_buf_status(&buf));
    crdt_buf_byte(&buf, 1);
    CHECK(!crdt_buf_reserve(&buf, SIZE_MAX));
    crdt_buf_clear(&buf);
    CHECK_OK(crdt_buf_status(&buf));
    TESTMEM_DONE(&m);
}

TEST(buf, text_is_readable)
{
    crdt_buf buf;
    crdt_buf_init(&buf, NULL);
    crdt_buf_decimal(&buf, INT64_MIN);
    crdt_buf_byte(&buf, ' ');
    crdt_buf_udecimal(&buf, UINT64_MAX);
    crdt_buf_byte(&buf, ' ');
    crdt_buf_print_value(&buf, crdt_int(-5));
    crdt_buf_byte(&buf, ' ');
    crdt_buf_print_value(&buf, crdt_bytes("a\"\\\x01\x7f\xfe~", 7));
    crdt_buf_byte(&buf, 0);
    CHECK_EQ_STR((const char *)buf.data,
                 "-9223372036854775808 18446744073709551615 -5 \"a\\\"\\\\\\x01\\x7f\\xfe~\"");
    crdt_buf_clear(&buf);
}

TEST(buf, zigzag_keeps_small_numbers_small)
{
    static const int64_t  numbers[] = {0, -1, 1, -2, INT64_MAX, INT64_MIN};
    static const uint64_t coded[] = {0, 1, 2, 3, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < 6; i++) {
        CHECK_EQ_INT(crdt_zigzag(numbers[i]), coded[i]);
        CHECK_EQ_INT(crdt_unzigzag(coded[i]), numbers[i]);
    }
}

/* -- Replica ids ------------------------------------------------------------------------------- */

TEST(replicas, are_sorted_without_doubles_whatever_the_order)
{
    enum { IDS = 1000 };
    static const uint64_t steps[] = {1, IDS - 1, 7, 387, 501};
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        crdt_replicas set;
        crdt_replicas_init(&set, NULL);
        for (uint64_t i = 0, id = 0; i < 3 * IDS; i++, id = (id + steps[s]) % IDS) {
            crdt_replicas_add(&set, 10 * id + 1);
        }
        CHECK_OK(crdt_replicas_seal(&set));
        for (uint64_t i = 0; i < set.count; i++) {
            CHECK(i == 0 || set.ids[i - 1] < set.ids[i]);
            CHECK_EQ_INT(crdt_replicas_place(&set, set.ids[i]), i);
        }
        CHECK_MSG(s == 4 || set.count == IDS, "step %d", (int)steps[s]);
        crdt_replicas_clear(&set);
    }
}

TEST(replicas, many_doubles_of_few_ids_take_little_memory)
{
    testmem       m;
    crdt_replicas set;
    testmem_init(&m);
    crdt_replicas_init(&set, &m.mem);
    for (uint64_t i = 0; i < 100000; i++) crdt_replicas_add(&set, 1 + i * 7919 % 5);
    CHECK_OK(crdt_replicas_seal(&set));
    CHECK_EQ_INT(set.count, 5);
    CHECK(m.peak < 400);
    crdt_replicas_clear(&set);
    TESTMEM_DONE(&m);
}

TEST(replicas, a_failed_allocation_shows_when_sealed)
{
    testmem m;
    testmem_init(&m);
    for (uint64_t n = 1;; n++) {
        crdt_replicas set;
        crdt_replicas_init(&set, &m.mem);
        testmem_fail_nth(&m, n);
        for (uint64_t i = 0; i < 100; i++) crdt_replicas_add(&set, 100 - i);
        bool refused = testmem_refused(&m);
        CHECK_ERR(crdt_replicas_seal(&set), refused ? CRDT_ENOMEM : CRDT_OK);
        crdt_replicas_clear(&set);
        if (!refused) break;
    }
    TESTMEM_DONE(&m);
}

TEST(replicas, travel_as_their_places)
{
    crdt_buf      buf;
    crdt_replicas set;
    crdt_buf_init(&buf, NULL);
    crdt_replicas_init(&set, NULL);
    for (uint64_t id = 5; id > 0; id--) crdt_replicas_add(&set, id << 60);
    CHECK_OK(crdt_replicas_seal(&set));
    crdt_enc enc = {&buf, &set, false};
    crdt_enc_replica(&enc, UINT64_C(3) << 60);
    crdt_buf_byte(&buf, 5);
    crdt_dec dec = dec_of(buf.data, buf.size);
    dec.dict = set.ids;
    dec.dict_count = set.count;
    CHECK_EQ_INT(crdt_dec_replica(&dec), UINT64_C(3) << 60);
    CHECK_EQ_INT(crdt_dec_replica(&dec), 0);
    CHECK_ERR(crdt_dec_status(&dec), CRDT_EMALFORMED);
    crdt_replicas_clear(&set);
    crdt_buf_clear(&buf);
}

/* -- Values and errors ------------------------------------------------------------------------- */

TEST(value, order_is_integers_then_bytes_with_prefixes_first)
{
    const crdt_value sorted[] = {crdt_int(INT64_MIN), crdt_int(-1),         crdt_int(0),
                                 crdt_int(INT64_MAX), crdt_text(""),        crdt_bytes("\0", 1),
                                 crdt_text("a"),      crdt_bytes("a\0", 2), crdt_text("ab"),
                                 crdt_text("b"),      crdt_text("\xff")};
    for (int i = 0; i < 11; i++) {
        for (int j = 0; j < 11; j++) {
            int order = crdt_value_compare(sorted[i], sorted[j]);
            CHECK_EQ_INT((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
    CHECK_EQ_INT(crdt_view_compare(crdt_view_of(NULL, 0), crdt_text_view("")), 0);
}

TEST(error, has_a_name_and_a_text)
{
    CHECK_EQ_STR(crdt_err_text(CRDT_OK), "success");
#define CRDT_ERR(name, number, text)                      \
    CHECK_EQ_STR(crdt_err_name((crdt_err)number), #name); \
    CHECK_EQ_STR(crdt_err_text(CRDT_##name), text);
#include "crdt/err.def"
#undef CRDT_ERR
    CHECK_EQ_STR(crdt_err_text((crdt_err)999), "unknown error");
    CHECK_EQ_STR(crdt_err_name((crdt_err)999), "E?");
}
