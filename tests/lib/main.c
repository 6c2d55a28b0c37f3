/* main.c: the plain test program. Under Criterion this file is empty: main comes with it. */
typedef int t_main_is_not_empty;

#ifdef T_PLAIN
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/t.h"

/* True if one of the filters is part of "suite.name"; no filter picks every test. */
static bool picked(const char *full_name, char **filters, int filters_count)
{
    for (int i = 0; i < filters_count; i++) {
        if (strstr(full_name, filters[i])) return true;
    }
    return filters_count == 0;
}

static int usage(const char *program)
{
    printf("usage: %s [-v] [-l] [FILTER...]\n"
           "  runs the tests whose suite.name has a FILTER in it, or all\n"
           "  -v names each test (also: T_VERBOSE=1 in the environment), -l lists them\n",
           program);
    return 2;
}

int main(int argc, char **argv)
{
    bool     verbose = getenv("T_VERBOSE") != NULL, list = false;
    int      first = 1;
    unsigned passed = 0, failed = 0;
    char     full_name[256];
    setvbuf(stdout, NULL, _IOLBF, 0); /* so that a crash does not lose what was said before */
    for (; first < argc && argv[first][0] == '-'; first++) {
        if (strcmp(argv[first], "-v") == 0) verbose = true;
        else if (strcmp(argv[first], "-l") == 0) list = true;
        else return usage(argv[0]);
    }
    for (const t_case *test = t_first; test; test = test->next) {
        snprintf(full_name, sizeof full_name, "%s.%s", test->suite, test->name);
        if (!picked(full_name, argv + first, argc - first)) continue;
        if (list) puts(full_name);
        if (list) continue;
        if (verbose) printf("run   %s\n", full_name);
        clock_t start = clock();
        bool    ok = t_run(test);
        passed += ok;
        failed += !ok;
        if (verbose || !ok) {
            printf("%s %s (%.2f s)\n", ok ? "ok   " : "FAILED", full_name,
                   (double)(clock() - start) / CLOCKS_PER_SEC);
        }
    }
    if (list) return 0;
    if (passed + failed == 0)
        puts("no test ran: the program holds none, or no name has the filter");
    printf("%u passed, %u failed\n", passed, failed);
    return failed || passed == 0 ? 1 : 0;
}
#endif
