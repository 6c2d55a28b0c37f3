/* replays_test.c: what once broke a promise, made small and written down, breaks none any more.
 * Each file of tests/sim/replays is named after the mutant (sim/mutants/) that is its bug. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "sim/replay.h"
#include "sim/world.h"
#include "tests/lib/t.h"

#define DIRECTORY "tests/sim/replays"

static void run_file(world *w, const char *name)
{
    plan  p = {0};
    char  path[512], problem[256];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", DIRECTORY, name);
    file = fopen(path, "r");
    CHECK_MSG(file != NULL, "%s", path);
    CHECK_MSG(replay_read(file, &p, problem), "%s: %s", path, problem);
    fclose(file);
    world_run(w, &p);
    CHECK_MSG(!w->broken, "%s breaks %s %s: %s", name, check_code(w->broken), check_name(w->broken),
              w->why);
    plan_free(&p);
}

TEST(sim, replays)
{
    world          w;
    struct dirent *entry;
    size_t         count = 0;
    DIR           *dir = opendir(DIRECTORY);
    CHECK_MSG(dir != NULL, "%s, from the root of the source", DIRECTORY);
    world_init(&w);
    while ((entry = readdir(dir)) != NULL) {
        size_t size = strlen(entry->d_name);
        if (size <= 7 || strcmp(entry->d_name + size - 7, ".replay") != 0) continue;
        run_file(&w, entry->d_name);
        count++;
    }
    closedir(dir);
    world_free(&w);
    CHECK_MSG(count >= 3, "only %zu replays", count);
}
