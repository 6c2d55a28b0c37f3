/* undefined.c: a signed sum that overflows. */
#include <limits.h>

#include "tests/lib/t.h"

TEST(canary, undefined)
{
    volatile int most = INT_MAX;
    volatile int more = most + 1;
    CHECK(more != 0);
}
