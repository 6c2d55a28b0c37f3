/* ormap_memory_test.c: what maps take when they are decoded. */
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2

/* -- Memory of what is decoded ------------------------------------------------------------------
 *
 * Entries that hold next to nothing take far more memory than bytes: so much, and no more. */

static void check_decoding(const crdt_store *what, size_t most, const char *name)
{
    testmem      m;
    crdt_buf     bytes;
    crdt_store  *back;
    crdt_options o = crdt_options_default(B, NULL);
    testmem_init(&m);
    crdt_buf_init(&bytes, NULL);
    o.solo = &crdt_ormap_type;
    o.mem = &m.mem;
    CHECK_OK(crdt_store_encode(what, &bytes));
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &back, NULL));
    CHECK_MSG(m.peak <= bytes.size * most + 65536, "%s: %zu bytes for %zu", name, m.peak,
              bytes.size);
    crdt_store_free(back);
    crdt_buf_clear(&bytes);
    TESTMEM_DONE(&m);
}

/* Empty objects of a type at 5,000 paths; then the delta that takes them away. */
static void check_empty_ones(const crdt_type *type, size_t depth, size_t most)
{
    crdt_store *s = solo_of(&crdt_ormap_type, A);
    crdt_view   path[32];
    crdt_txn   *txn = begin(s);
    for (size_t i = 0; i < 32; i++) path[i] = name_of("");
    for (int i = 0; i < (T_SLOW ? 500 : 5000) / (int)depth; i++) {
        char text[3] = {(char)(i / 100 + 1), (char)(i % 100 + 1), 0};
        path[0] = name_of(text);
        CHECK_OK(crdt_ormap_create(txn, CRDT_SOLO, &crdt_ormap_type, path, depth, type));
    }
    crdt_delta *made = commit(s);
    txn = begin(s);
    CHECK_OK(crdt_txn_remove(txn, CRDT_SOLO));
    crdt_delta *gone = commit(s);
    check_decoding(made, most, type->name);
    check_decoding(gone, most, type->name);
    free_all(s, made, gone, NULL);
}

TEST(ormap, decoding_takes_memory_in_proportion_to_the_bytes)
{
    const crdt_types *types = crdt_types_builtin();
    for (size_t t = 0; t < types->count; t++) {
        if (!types->list[t]->beside) check_empty_ones(types->list[t], 1, 40);
    }
    check_empty_ones(&crdt_ormap_type, 32, 64);
}
