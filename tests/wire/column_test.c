/* Columns of numbers: they read back, they are small, and nothing loose is in them. */
#include <string.h>

#include "gossip/wire_impl.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"

static crdt_err reads(const uint8_t *bytes, size_t size, const int64_t *values, size_t count,
                      bool is_signed)
{
    crdt_dec dec;
    crdt_dec_init(&dec, crdt_view_of(bytes, size), NULL);
    gossip__column column = gossip__column_open(&dec, count, is_signed);
    if (dec.err) return dec.err;
    CHECK_EQ_INT(crdt_dec_left(&dec), 0);
    for (size_t i = 0; i < count; i++) CHECK_EQ_INT(gossip__column_next(&column), values[i]);
    return CRDT_OK;
}

static void goes_round(const int64_t *values, size_t count, bool is_signed)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    gossip__column_put(&out, values, count, is_signed);
    CHECK_OK(crdt_buf_status(&out));
    CHECK_OK(reads(out.data, out.size, values, count, is_signed));
    for (size_t cut = 0; cut < out.size; cut++) {
        CHECK_ERR(reads(out.data, cut, values, count, is_signed), CRDT_EMALFORMED);
    }
    crdt_buf_clear(&out);
}

TEST(column, numbers_read_back)
{
    uint64_t random = seed_or(20271);
    int64_t  values[200];
    for (uint32_t round = 0; round < (T_SLOW ? 200 : 3000); round++) {
        size_t   count = random_below(&random, round % 10 ? 40 : 200);
        bool     is_signed = round % 2;
        unsigned bits = 1 + (unsigned)random_below(&random, 63);
        int64_t  n = 0;
        for (size_t i = 0; i < count; i++) {
            if (random_below(&random, 3) == 0) n = (int64_t)(next_random(&random) >> (64 - bits));
            if (random_below(&random, 50) == 0) n = (int64_t)(next_random(&random) >> 1);
            values[i] = is_signed && random_below(&random, 2) ? -n - 1 : n;
        }
        goes_round(values, count, is_signed);
    }
}

TEST(column, the_ends_of_the_numbers_read_back)
{
    int64_t values[32];
    for (size_t i = 0; i < 32; i++) values[i] = i % 2 ? INT64_MIN : INT64_MAX;
    goes_round(values, 32, true);
    goes_round(values, 5, true);
    for (size_t i = 0; i < 32; i++) values[i] = i % 2 ? 0 : INT64_MAX;
    goes_round(values, 32, false);
}

TEST(column, equal_numbers_are_one_block)
{
    int64_t  values[1000];
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    for (size_t i = 0; i < 1000; i++) values[i] = 300;
    gossip__column_put(&out, values, 1000, false);
    CHECK_EQ_INT(out.size, 3); /* head, base */
    crdt_buf_clear(&out);
}

TEST(column, an_outlier_costs_itself_and_little_more)
{
    int64_t  values[160];
    crdt_buf plain, out;
    crdt_buf_init(&plain, NULL);
    crdt_buf_init(&out, NULL);
    for (size_t i = 0; i < 160; i++) values[i] = (int64_t)(i * 7 % 60);
    gossip__column_put(&plain, values, 160, false);
    values[77] = INT64_C(1) << 40;
    gossip__column_put(&out, values, 160, false);
    CHECK_MSG(out.size <= plain.size + 20, "%zu bytes, %zu without", out.size, plain.size);
    crdt_buf_clear(&plain);
    crdt_buf_clear(&out);
}

TEST(column, what_is_loose_or_cannot_be_is_refused)
{
    int64_t values[9];
    for (int64_t i = 0; i < 9; i++) values[i] = i % 2;
    uint8_t good[] = {128 | 64 | 1, 0xaa, 0}; /* width 1, base 0, all: 9 bits */
    CHECK_OK(reads(good, sizeof good, values, 9, false));
    for (unsigned bit = 1; bit < 8; bit++) {
        uint8_t loose[] = {128 | 64 | 1, 0xaa, (uint8_t)(1u << bit)};
        CHECK_ERR(reads(loose, sizeof loose, values, 9, false), CRDT_EMALFORMED);
    }
    uint8_t none[] = {64, 0, 128 | 64, 0};  /* a block of no values */
    uint8_t many[] = {64 | 1, 10, 0xaa, 2}; /* of more than there are */
    uint8_t wide[] = {128 | 64 | 62, 1, 2}; /* bits that are not there */
    CHECK_ERR(reads(none, sizeof none, values, 9, false), CRDT_EMALFORMED);
    CHECK_ERR(reads(many, sizeof many, values, 9, false), CRDT_EMALFORMED);
    CHECK_ERR(reads(wide, sizeof wide, values, 9, false), CRDT_EMALFORMED);
}
