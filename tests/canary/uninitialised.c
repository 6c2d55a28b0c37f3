/* uninitialised.c: decides by a byte that nobody wrote, in memory of the test allocator. */
#include "tests/lib/testmem.h"

TEST(canary, uninitialised)
{
    testmem m;
    testmem_init(&m);
    volatile char *block = m.mem.alloc(m.mem.user, 16);
    CHECK(block != NULL);
    if (block[3] == 77) CHECK(block[3] == 77);
    m.mem.release(m.mem.user, (void *)(uintptr_t)block, 16);
    TESTMEM_DONE(&m);
}
