/* groups.c: see groups.h. */
#include "edit/groups.h"

#include <string.h>

void groups_edit(groups *g, groups_kind kind, size_t place, size_t end, uint64_t now_ms)
{
    bool on = kind == g->kind && kind != GROUPS_PASTED && place == g->place &&
              now_ms - g->at_ms < GROUPS_PAUSE_MS;
    if (!on) g->begins = true;
    g->kind = kind;
    g->place = end;
    g->at_ms = now_ms;
}

static void push(uint32_t *to, size_t *count, uint32_t steps)
{
    if (*count == GROUPS_MAX) memmove(to, to + 1, --*count * sizeof *to);
    to[(*count)++] = steps;
}

void groups_taken(groups *g)
{
    if (g->begins || g->done_count == 0) push(g->done, &g->done_count, 1);
    else g->done[g->done_count - 1]++;
    g->begins = false;
    g->undone_count = 0;
}

uint32_t groups_undo(groups *g)
{
    if (g->done_count == 0) return 0;
    uint32_t steps = g->done[--g->done_count];
    push(g->undone, &g->undone_count, steps);
    g->begins = true;
    return steps;
}

uint32_t groups_redo(groups *g)
{
    if (g->undone_count == 0) return 0;
    uint32_t steps = g->undone[--g->undone_count];
    push(g->done, &g->done_count, steps);
    g->begins = true;
    return steps;
}
