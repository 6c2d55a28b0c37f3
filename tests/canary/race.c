/* race.c: two threads count in one variable without a lock. */
#include <pthread.h>

#include "tests/lib/t.h"

static int shared;

static void *count(void *unused)
{
    for (int i = 0; i < 1000; i++) shared++;
    return unused;
}

TEST(canary, race)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, count, NULL) == 0);
    count(NULL);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(shared > 0);
}
