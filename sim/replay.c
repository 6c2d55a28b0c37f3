/* replay.c: see replay.h. One line a setting ("set loss 20000", as in plan.def) and one an event
 * ("at 1500000 crash node 2 a 300000 b 0", as in faults.def). */
#include "sim/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "concur-sim replay 1\n"

void replay_write(FILE *file, const plan *p, const char *comment)
{
    fputs(HEADER, file);
    for (const char *at = comment; at && *at;) {
        size_t line = strcspn(at, "\n");
        fprintf(file, "# %.*s\n", (int)line, at);
        at += line + (at[line] == '\n');
    }
#define PLAN_FIELD(name, neutral, text) fprintf(file, "set %s %" PRIu64 "\n", #name, p->name);
#include "sim/plan.def"
#undef PLAN_FIELD
    for (size_t i = 0; i < p->count; i++) {
        const plan_event *e = &p->events[i];
        fprintf(file, "at %" PRIu64 " %s node %" PRIu32 " a %" PRIu64 " b %" PRIu64 "\n", e->at,
                plan_kind_name(e->kind), e->node, e->a, e->b);
    }
}

static bool read_setting(plan *p, const char *name, uint64_t value)
{
#define PLAN_FIELD(field, neutral, text) \
    if (strcmp(name, #field) == 0) {     \
        p->field = value;                \
        return true;                     \
    }
#include "sim/plan.def"
#undef PLAN_FIELD
    return false;
}

static bool read_event(plan *p, const char *line)
{
    plan_event e;
    char       name[32];
    int got = sscanf(line, "at %" SCNu64 " %31s node %" SCNu32 " a %" SCNu64 " b %" SCNu64, &e.at,
                     name, &e.node, &e.a, &e.b);
    if (got != 5) return false;
    for (int k = 0; k < PLAN_KINDS; k++) {
        e.kind = (plan_kind)k;
        if (strcmp(name, plan_kind_name(e.kind)) != 0) continue;
        plan_add(p, e);
        return true;
    }
    return false;
}

bool replay_read(FILE *file, plan *p, char ret_problem[256])
{
    char     line[512], name[32];
    uint64_t value;
    unsigned number = 0;
    plan_init(p, 0);
    while (fgets(line, sizeof line, file)) {
        number++;
        if (number == 1 && strcmp(line, HEADER) != 0) {
            snprintf(ret_problem, 256, "line 1: it should be \"%.*s\"", (int)strlen(HEADER) - 1,
                     HEADER);
            return false;
        }
        if (number == 1 || line[0] == '#' || line[0] == '\n') continue;
        bool setting = sscanf(line, "set %31s %" SCNu64, name, &value) == 2;
        if (setting ? read_setting(p, name, value) : read_event(p, line)) continue;
        snprintf(ret_problem, 256, "line %u: not understood: %.200s", number, line);
        return false;
    }
    plan_sort(p);
    if (number > 0 && plan_is_sane(p)) return true;
    snprintf(ret_problem, 256, number ? "its settings make no world" : "it is empty");
    return false;
}
