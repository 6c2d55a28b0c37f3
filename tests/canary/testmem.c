/* testmem.c: gives a block back with a wrong size, and keeps another. */
#include "tests/lib/testmem.h"

TEST(canary, wrong_size)
{
    testmem m;
    testmem_init(&m);
    void *p = m.mem.alloc(m.mem.user, 8);
    CHECK(p);
    m.mem.release(m.mem.user, p, 9);
}

TEST(canary, kept_block)
{
    testmem m;
    testmem_init(&m);
    CHECK(m.mem.alloc(m.mem.user, 8));
    TESTMEM_DONE(&m);
}
