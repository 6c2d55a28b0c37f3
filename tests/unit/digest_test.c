/* Digests that sum, and the blocks they are made of. */
#include "crdt/digest.h"

#include <string.h>

#include "tests/lib/t.h"

static const crdt_digest key = {11, 22};

static bool equal(crdt_digest a, crdt_digest b)
{
    return crdt_digest_equal(a, b);
}

/* Dots and values of an object of three replicas; some blocks are skipped, some are dense. */
typedef struct atom {
    crdt_dot dot;
    int64_t  i;
} atom;
static const atom atoms[] = {
    {{1, 1}, 5},     {{1, 2}, 6},        {{1, 4095}, 7}, {{1, 4096}, 8},  {{1, 4097}, 9},
    {{2, 40960}, 1}, {{2, 1u << 30}, 2}, {{3, 1}, 5},    {{3, 8192}, 10},
};
#define ATOMS (sizeof atoms / sizeof atoms[0])

static void put_atom(crdt_blocks *blocks, const atom *a)
{
    crdt_blocks_atom(blocks, a->dot);
    crdt_blocks_value(blocks, crdt_int(a->i));
}

/* The digest of all atoms but those whose bits are set in without. */
static crdt_digest digest_without(unsigned without)
{
    crdt_blocks blocks;
    crdt_blocks_init(&blocks, key);
    for (size_t i = 0; i < ATOMS; i++) {
        if (!(without >> i & 1)) put_atom(&blocks, &atoms[i]);
    }
    return crdt_blocks_end(&blocks);
}

TEST(digest, adds_and_subtracts_with_carry)
{
    crdt_digest a = {UINT64_MAX, 7}, b = {1, UINT64_MAX}, zero = {0, 0};
    CHECK(equal(crdt_digest_add(a, b), (crdt_digest){0, 7}));
    CHECK(equal(crdt_digest_sub(crdt_digest_add(a, b), b), a));
    CHECK(equal(crdt_digest_sub(zero, b), (crdt_digest){UINT64_MAX, 0}));
    CHECK(equal(crdt_digest_add(crdt_digest_sub(zero, a), a), zero));
}

TEST(digest, is_xxh3_128)
{
    CHECK(equal(crdt_digest_of(NULL, 0),
                (crdt_digest){UINT64_C(0x6001c324468d497f), UINT64_C(0x99aa06d3014798d8)}));
}

TEST(digest, of_nothing_is_zero)
{
    CHECK(equal(digest_without((1u << ATOMS) - 1), (crdt_digest){0, 0}));
}

TEST(digest, tells_every_subset_of_atoms_from_every_other)
{
    enum { SUBSETS = 1 << ATOMS };
    static crdt_digest digests[SUBSETS];
    for (unsigned s = 0; s < SUBSETS; s++) {
        digests[s] = digest_without(s);
        CHECK(equal(digests[s], digest_without(s)));
        for (unsigned t = 0; t < s; t++) CHECK(!equal(digests[s], digests[t]));
    }
}

TEST(digest, is_the_sum_of_its_blocks)
{
    crdt_blocks whole, part;
    crdt_digest sum = {0, 0};
    crdt_blocks_init(&whole, key);
    for (size_t i = 0, end; i < ATOMS; i = end) {
        uint64_t replica = atoms[i].dot.replica, block = atoms[i].dot.seq / CRDT_BLOCK_DOTS;
        crdt_blocks_init(&part, key);
        for (end = i; end < ATOMS; end++) {
            if (atoms[end].dot.replica != replica) break;
            if (atoms[end].dot.seq / CRDT_BLOCK_DOTS != block) break;
            put_atom(&part, &atoms[end]);
        }
        crdt_digest content = crdt_blocks_take(&part);
        sum = crdt_digest_add(sum, crdt_digest_block(key, replica, block, content));
        if (i % 2 == 0) crdt_blocks_add(&whole, replica, block, content);
        else
            for (size_t j = i; j < end; j++) put_atom(&whole, &atoms[j]);
    }
    CHECK(equal(crdt_blocks_end(&whole), digest_without(0)));
    CHECK(equal(sum, digest_without(0)));
}

TEST(digest, a_taken_block_is_not_added)
{
    crdt_blocks blocks;
    crdt_blocks_init(&blocks, key);
    put_atom(&blocks, &atoms[0]);
    crdt_digest content = crdt_blocks_take(&blocks);
    CHECK(equal(crdt_blocks_end(&blocks), (crdt_digest){0, 0}));
    put_atom(&blocks, &atoms[0]);
    CHECK(equal(crdt_blocks_take(&blocks), content));
}

/* The digest of the same atom in sections a and b (a == b: once). */
static crdt_digest in_sections(uint64_t a, uint64_t b)
{
    crdt_blocks blocks;
    crdt_blocks_init(&blocks, key);
    crdt_blocks_section(&blocks, a);
    put_atom(&blocks, &atoms[0]);
    if (b != a) {
        crdt_blocks_section(&blocks, b);
        put_atom(&blocks, &atoms[0]);
    }
    return crdt_blocks_end(&blocks);
}

TEST(digest, sections_do_not_mix)
{
    CHECK(!equal(in_sections(0, 0), in_sections(1, 1)));
    CHECK(!equal(in_sections(2, 2), in_sections(1, 1)));
    CHECK(equal(in_sections(0, 1), in_sections(1, 0)));
    CHECK(equal(in_sections(0, 1), crdt_digest_add(in_sections(0, 0), in_sections(1, 1))));
    CHECK(equal(in_sections(0, 0), digest_without(~1u)));
}

TEST(digest, depends_on_the_key)
{
    crdt_blocks blocks;
    crdt_blocks_init(&blocks, (crdt_digest){11, 23});
    put_atom(&blocks, &atoms[0]);
    CHECK(!equal(crdt_blocks_end(&blocks), digest_without(~1u)));
}

TEST(digest, values_of_different_kinds_and_cuts_differ)
{
    const crdt_value values[][2] = {
        {crdt_text("ab"), crdt_text("c")}, {crdt_text("a"), crdt_text("bc")},
        {crdt_text("abc"), crdt_text("")}, {crdt_int(0), crdt_text("")},
        {crdt_text(""), crdt_int(0)},      {crdt_int(1), crdt_text("\0")}};
    crdt_digest digests[6];
    for (int i = 0; i < 6; i++) {
        crdt_blocks blocks;
        crdt_blocks_init(&blocks, key);
        crdt_blocks_atom(&blocks, (crdt_dot){1, 1});
        crdt_blocks_value(&blocks, values[i][0]);
        crdt_blocks_value(&blocks, values[i][1]);
        digests[i] = crdt_blocks_end(&blocks);
        for (int j = 0; j < i; j++) CHECK(!equal(digests[i], digests[j]));
    }
}

TEST(digest, content_beyond_the_inner_buffer_is_hashed_as_one_piece)
{
    unsigned char bytes[2 + 8 * 1000 + 9] = {5, 0};
    crdt_blocks   blocks;
    crdt_blocks_init(&blocks, key);
    crdt_blocks_atom(&blocks, (crdt_dot){1, 4096 + 5});
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t n = i << 40 | i;
        crdt_blocks_u64(&blocks, n);
        for (unsigned b = 0; b < 8; b++) bytes[2 + 8 * i + b] = (unsigned char)(n >> 8 * b);
    }
    memset(bytes + 2 + 8 * 1000, 7, 9);
    crdt_blocks_put(&blocks, "\7\7\7\7\7\7\7\7\7", 9);
    crdt_blocks_put(&blocks, NULL, 0);
    CHECK(equal(crdt_blocks_take(&blocks), crdt_digest_of(bytes, sizeof bytes)));
}

TEST(digest, of_bytes_in_pieces_is_that_of_all)
{
    unsigned char bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 31 >> 3);
    for (size_t off = 0; off < 70; off++) { /* wherever it lies in memory */
        unsigned char  room[sizeof(crdt_digester) + 70];
        crdt_digester *digester = (crdt_digester *)(void *)(room + off);
        size_t         at = 0;
        crdt_digester_init(digester);
        CHECK(equal(crdt_digester_sum(digester), crdt_digest_of("", 0)));
        for (size_t size = 0; at + size <= sizeof bytes; at += size++) {
            crdt_digester_add(digester, bytes + at, size);
            if (size % 16 != 0) continue;
            CHECK(equal(crdt_digester_sum(digester), crdt_digest_of(bytes, at + size)));
        }
        CHECK(equal(crdt_digester_sum(digester), crdt_digest_of(bytes, at)));
    }
}
