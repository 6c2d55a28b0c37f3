/* Codecs and packed bytes: they come back, damage is found, few bytes never take much memory. */
#include "crdt/codec.h"

#include <string.h>

#include "crdt/digest.h"
#include "crdt/text.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define MOST (UINT64_C(1) << 30)

static uint8_t sample[70000];

/* Words that repeat; noise; one byte. */
static void fill(unsigned kind, size_t size, uint64_t *random)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog and back again ";
    for (size_t i = 0; i < size; i++) {
        if (kind == 0) sample[i] = (uint8_t)words[(i + i / 97) % (sizeof words - 1)];
        else sample[i] = kind == 1 ? (uint8_t)next_random(random) : 'x';
    }
}

static void check_back(const crdt_codec *codec, size_t size, bool smaller)
{
    crdt_buf packed, back;
    crdt_buf_init(&packed, NULL);
    crdt_buf_init(&back, NULL);
    crdt_buf_text(&packed, "before");
    crdt_buf_text(&back, "before");
    CHECK_OK(crdt_pack(codec, crdt_view_of(sample, size), &packed));
    if (smaller) CHECK(packed.size < size / 2);
    CHECK(packed.size <= size + 6 + 30);
    crdt_view in = crdt_view_of(packed.data + 6, packed.size - 6);
    CHECK_OK(crdt_unpack(crdt_codecs(), in, size, &back, NULL));
    CHECK_EQ_MEM(back.data + 6, back.size - 6, sample, size);
    CHECK_EQ_MEM(back.data, 6, "before", 6);
    crdt_buf_clear(&packed);
    crdt_buf_clear(&back);
}

TEST(codec, what_is_packed_comes_back)
{
    static const size_t sizes[] = {0, 1, 2, 15, 64, 1000, 65536, 70000};
    const crdt_codec   *codecs[] = {NULL, crdt_codec_lz4(), crdt_codec_zstd()};
    uint64_t            random = seed_or(1);
    CHECK(crdt_codec_lz4() != NULL);
    for (unsigned c = 0; c < 3; c++) {
        for (unsigned kind = 0; kind < 3; kind++) {
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                fill(kind, sizes[i], &random);
                check_back(codecs[c], sizes[i], codecs[c] != NULL && kind != 1 && sizes[i] >= 1000);
            }
        }
    }
}

TEST(codec, the_table_names_each_once)
{
    size_t count = 0;
    for (const crdt_codec *const *c = crdt_codecs(); *c != NULL; c++, count++) {
        CHECK((*c)->id > 0 && (*c)->id < 128);
        CHECK(count == 0 || c[-1]->id < (*c)->id);
    }
    CHECK_EQ_INT(count, crdt_codec_zstd() == NULL ? 1 : 2);
    CHECK_EQ_STR(crdt_codec_lz4()->name, "lz4");
}

/* -- Damage ------------------------------------------------------------------------------------ */

static crdt_err unpack(crdt_view in, uint64_t max, const char **ret_reason)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    crdt_err err = crdt_unpack(crdt_codecs(), in, max, &out, ret_reason);
    CHECK(err == CRDT_OK || out.size == 0);
    crdt_buf_clear(&out);
    return err;
}

TEST(codec, each_truncation_and_each_flipped_bit_is_found)
{
    uint64_t random = 1;
    fill(0, 300, &random);
    for (const crdt_codec *const *c = crdt_codecs(); *c != NULL; c++) {
        crdt_buf    packed;
        const char *reason = NULL;
        crdt_buf_init(&packed, NULL);
        CHECK_OK(crdt_pack(*c, crdt_view_of(sample, 300), &packed));
        for (size_t n = 0; n < packed.size; n++) {
            CHECK_ERR(unpack(crdt_view_of(packed.data, n), MOST, &reason), CRDT_EMALFORMED);
            CHECK(reason != NULL);
        }
        for (size_t bit = 0; bit < packed.size * 8; bit++) {
            packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            crdt_err err = unpack(crdt_buf_bytes(&packed), MOST, &reason);
            CHECK_MSG(err == CRDT_EMALFORMED || err == CRDT_EVERSION, "bit %zu: %s", bit,
                      crdt_err_name(err));
            packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        crdt_buf_byte(&packed, 0);
        CHECK_ERR(unpack(crdt_buf_bytes(&packed), MOST, &reason), CRDT_EMALFORMED);
        crdt_buf_clear(&packed);
    }
}

/* Packed bytes that say what one likes, with a right checksum. */
static crdt_buf forged(uint8_t version, uint8_t codec, uint64_t size, crdt_view content)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    crdt_buf_text(&out, "CRDZ");
    crdt_buf_byte(&out, version);
    crdt_buf_byte(&out, codec);
    crdt_buf_varint(&out, size);
    crdt_buf_view(&out, content);
    crdt_buf_u64(&out, crdt_digest_of(out.data, out.size).lo);
    return out;
}

static crdt_err unpack_forged(uint8_t version, uint8_t codec, uint64_t size, crdt_view content,
                              uint64_t max)
{
    testmem  m;
    crdt_buf in = forged(version, codec, size, content), out;
    testmem_init(&m);
    crdt_buf_init(&out, &m.mem);
    const char *reason = NULL;
    crdt_err    err = crdt_unpack(crdt_codecs(), crdt_buf_bytes(&in), max, &out, &reason);
    CHECK((reason == NULL) == (err == CRDT_OK));
    CHECK_MSG(m.peak <= 2 * size + 64, "took %zu bytes for %ju", m.peak, (uintmax_t)size);
    if (err == CRDT_ELIMIT || err == CRDT_EVERSION) CHECK_EQ_INT(m.calls, 0);
    crdt_buf_clear(&out);
    crdt_buf_clear(&in);
    TESTMEM_DONE(&m);
    return err;
}

TEST(codec, sizes_are_checked_before_memory_is_taken)
{
    crdt_view few = crdt_text_view("0123456789");
    CHECK_OK(unpack_forged(1, 0, 10, few, 10));
    CHECK_ERR(unpack_forged(1, 0, 10, few, 9), CRDT_ELIMIT);
    CHECK_ERR(unpack_forged(1, 0, 11, few, MOST), CRDT_EMALFORMED);
    CHECK_ERR(unpack_forged(2, 0, 10, few, MOST), CRDT_EVERSION);
    CHECK_ERR(unpack_forged(1, 99, 10, few, MOST), CRDT_EVERSION);
    for (const crdt_codec *const *c = crdt_codecs(); *c != NULL; c++) {
        testmem  m;
        crdt_buf out, in = forged(1, (*c)->id, (*c)->most(few.size) + 1, few);
        testmem_init(&m);
        crdt_buf_init(&out, &m.mem);
        CHECK_ERR(crdt_unpack(crdt_codecs(), crdt_buf_bytes(&in), UINT64_MAX, &out, NULL),
                  CRDT_EMALFORMED);
        CHECK_EQ_INT(m.calls, 0);
        crdt_buf_clear(&in);
        CHECK_ERR(unpack_forged(1, (*c)->id, MOST + 1, few, MOST), CRDT_ELIMIT);
        CHECK_ERR(unpack_forged(1, (*c)->id, 10, few, MOST), CRDT_EMALFORMED);
        CHECK_ERR(unpack_forged(1, (*c)->id, 0, crdt_view_of("", 0), MOST), CRDT_EMALFORMED);
    }
}

/* Any bytes at all under a right checksum: a codec refuses them, or gives just what was said. */
TEST(codec, hostile_content_never_passes_either_end)
{
    uint64_t random = seed_or(7);
    unsigned rounds = T_SLOW ? 2000 : 20000, good = 0;
    for (const crdt_codec *const *c = crdt_codecs(); *c != NULL; c++) {
        uint8_t content[200];
        size_t  size = 0, honest = 0;
        for (unsigned i = 0; i < rounds; i++) {
            if (i % 100 == 0) {
                honest = random_below(&random, 300);
                fill((unsigned)random_below(&random, 3) & 2, honest, &random);
                uint8_t room[1000];
                CHECK((*c)->bound(honest) <= sizeof room);
                CHECK_OK((*c)->compress(crdt_view_of(sample, honest), room,
                                        (size_t)(*c)->bound(honest), &size));
                if (size > sizeof content) size = sizeof content;
                memcpy(content, room, size);
            }
            uint8_t bad[sizeof content];
            memcpy(bad, content, size);
            for (uint64_t k = random_below(&random, 4); k > 0 && size > 0; k--) {
                bad[random_below(&random, size)] = (uint8_t)next_random(&random);
            }
            size_t   cut = random_below(&random, 3) == 0 ? random_below(&random, size + 1) : size;
            uint64_t said = random_below(&random, 2) == 0 ? honest : random_below(&random, 600);
            crdt_err err = unpack_forged(1, (*c)->id, said, crdt_view_of(bad, cut), MOST);
            CHECK(err == CRDT_OK || err == CRDT_EMALFORMED);
            good += err == CRDT_OK;
        }
    }
    CHECK(good > 100); /* honest ones are among them */
}

/* -- Stores ------------------------------------------------------------------------------------ */

static crdt_options options_of(const crdt_mem *mem)
{
    crdt_options o = crdt_options_default(2, NULL);
    o.solo = &crdt_text_type;
    o.mem = mem;
    return o;
}

static crdt_store *text_store(void)
{
    crdt_store *s = solo_of(&crdt_text_type, 1);
    for (int i = 0; i < 40; i++) DO(s, "", &crdt_text_type, "insert", i * 5, "many words ");
    return s;
}

TEST(codec, a_store_is_packed_and_read_again)
{
    crdt_store *s = text_store(), *back;
    for (int zstd = 0; zstd < 2; zstd++) {
        const crdt_codec *codec = zstd == 1 ? crdt_codec_zstd() : crdt_codec_lz4();
        crdt_options      o = options_of(NULL);
        crdt_buf          packed;
        const char       *reason = NULL;
        crdt_buf_init(&packed, NULL);
        CHECK_OK(crdt_store_pack(s, codec, &packed));
        if (codec != NULL) CHECK(packed.size < encoded_size(s) * 3 / 4);
        CHECK_OK(crdt_store_unpack(&o, crdt_codecs(), crdt_buf_bytes(&packed), &back, &reason));
        CHECK(same_bytes(s, back));
        crdt_store_free(back);
        o.limits.message_bytes = encoded_size(s) - 1;
        CHECK_ERR(crdt_store_unpack(&o, crdt_codecs(), crdt_buf_bytes(&packed), &back, &reason),
                  CRDT_ELIMIT);
        CHECK(reason != NULL);
        crdt_buf_clear(&packed);
    }
    crdt_store_free(s);
}

TEST(codec, each_refused_allocation_leaves_all_as_it_was)
{
    crdt_store *s = text_store(), *back;
    testmem     m;
    crdt_buf    packed;
    testmem_init(&m);
    crdt_buf_init(&packed, &m.mem);
    crdt_buf_text(&packed, "x");
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_pack(s, crdt_codec_lz4(), &packed);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        packed.failed = false; /* a buffer says once that it failed */
        CHECK_EQ_MEM(packed.data, packed.size, "x", 1);
    }
    crdt_options o = options_of(&m.mem);
    crdt_view    in = crdt_view_of(packed.data + 1, packed.size - 1);
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_unpack(&o, crdt_codecs(), in, &back, NULL);
        if (!testmem_refused(&m)) break;
        if (err == CRDT_OK)
            crdt_store_free(back); /* it could do without: slack is not given back */
        else CHECK_ERR(err, CRDT_ENOMEM);
    }
    testmem_fail_never(&m);
    CHECK(same_bytes(s, back));
    free_all(s, back, NULL);
    crdt_buf_clear(&packed);
    TESTMEM_DONE(&m);
}
