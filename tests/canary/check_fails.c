/* check_fails.c: a check that does not hold, after one that does. */
#include "tests/lib/t.h"

TEST(canary, holds)
{
    CHECK_EQ_INT(1 + 1, 2);
}

TEST(canary, check_fails)
{
    volatile int one = 1;
    CHECK_EQ_INT(one, 2);
}
