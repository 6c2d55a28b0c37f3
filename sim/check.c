/* check.c: the list of promises, and how a broken one is told. */
#include "sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/world.h"

typedef struct promise {
    const char *name, *text;
} promise;

static const promise promises[CHECKS] = {
    {"none", ""},
#define PROMISE(id, name, text) {#name, text},
#include "sim/check.def"
#undef PROMISE
};

const char *check_code(check_id id)
{
    static const char codes[][4] = {"G00", "G01", "G02", "G03", "G04", "G05", "G06", "G07",
                                    "G08", "G09", "G10", "G11", "G12", "G13", "G14", "G15",
                                    "G16", "G17", "G18", "G19", "G20", "G21", "G22", "G23"};
    _Static_assert(sizeof codes / sizeof *codes == CHECKS, "a code for each promise");
    return codes[id];
}

const char *check_name(check_id id)
{
    return promises[id].name;
}

const char *check_text(check_id id)
{
    return promises[id].text;
}

check_id check_by_name(const char *name)
{
    for (int i = 1; i < CHECKS; i++) {
        bool same = strcmp(name, check_code((check_id)i)) == 0;
        if (same || strcmp(name, check_name((check_id)i)) == 0) return (check_id)i;
    }
    return CHECK_NONE;
}

void check_fail(world *w, check_id id, const char *format, ...)
{
    if (w->broken) return;
    w->broken = id;
    w->broken_at = w->now;
    w->broken_event = w->stats.events;
    va_list args;
    va_start(args, format);
    vsnprintf(w->why, sizeof w->why, format, args);
    va_end(args);
}
