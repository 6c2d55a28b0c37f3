/* heap_overflow.c: writes one byte past the end of a block. */
#include <stdlib.h>

#include "tests/lib/t.h"

TEST(canary, heap_overflow)
{
    char *volatile block =
        malloc(16); /* volatile, so that the compiler knows nothing of its size */
    CHECK(block != NULL);
    volatile char *past_the_end = block + 16;
    *past_the_end = 1;
    free(block);
}
