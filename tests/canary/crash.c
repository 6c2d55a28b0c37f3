/* crash.c: reads through a null pointer. */
#include "tests/lib/t.h"

TEST(canary, crash)
{
    int *volatile nowhere = NULL;
    CHECK_EQ_INT(*nowhere, 0);
}
