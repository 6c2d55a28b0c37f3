/* leak.c: allocates and forgets. */
#include <stdlib.h>

#include "tests/lib/t.h"

TEST(canary, leak)
{
    void *volatile lost = malloc(100);
    CHECK(lost != NULL);
    lost = NULL;
}
