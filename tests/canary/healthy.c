/* healthy.c: the canary that lives: shows that the others do not fail for want of anything else. */
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

TEST(canary, healthy)
{
    testmem m;
    testmem_init(&m);
    void *p = m.mem.alloc(m.mem.user, 8);
    CHECK(p);
    m.mem.release(m.mem.user, p, 8);
    TESTMEM_DONE(&m);
}
