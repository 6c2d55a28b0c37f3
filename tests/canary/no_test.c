/* no_test.c: a program without a test, as a wrong macro or #if would leave it. */
#include "tests/lib/t.h"

extern int canary_no_test;
int        canary_no_test = 1;
