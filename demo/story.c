/* story.c: what happens, in order: together, cut in two, each side agrees within itself, together
 * again, all is checked. */
#include <string.h>

#include "demo/demo.h"

#define LOOK_MS 200u
#define TOGETHER_MS 6000u
#define APART_MS 7000u
#define AGREE_MS 20000u

volatile sig_atomic_t story_interrupted;

typedef struct story {
    const demo_options *options;
    nodes              *cluster;
    work               *work;
    view                view;
    side_state          before[2];
    char                problem[512];
} story;

static bool fail(story *s, const char *why)
{
    snprintf(s->problem, sizeof s->problem, "%.500s", why);
    return false;
}

/* False: interrupted, or a node or a client has failed. */
static bool look(story *s)
{
    if (story_interrupted) return fail(s, "interrupted");
    if (!view_look(&s->view)) return fail(s, nodes_problem(s->cluster));
    if (!work_fine(s->work)) return work_pause(s->work, s->problem);
    return true;
}

static bool watch(story *s, uint32_t ms)
{
    uint64_t until = nodes_now_ms() + ms;
    while (nodes_now_ms() < until) {
        if (!look(s)) return false;
        nodes_sleep_ms(LOOK_MS);
    }
    return true;
}

/* Waits until the nodes of a side (2: all) have equal digests. */
static bool wait_agree(story *s, int side, uint64_t *ret_ms)
{
    uint64_t begin = nodes_now_ms();
    char     why[256];
    for (;;) {
        if (!look(s)) return false;
        *ret_ms = nodes_now_ms() - begin;
        if (view_agree(&s->view, side)) return true;
        if (*ret_ms > AGREE_MS) break;
        nodes_sleep_ms(LOOK_MS / 4);
    }
    snprintf(why, sizeof why,
             "after %u s without writes %s do not have equal digests: %.12s %.12s "
             "%.12s %.12s %.12s",
             AGREE_MS / 1000,
             side == 0   ? "nodes 1 to 3"
             : side == 1 ? "nodes 4 and 5"
                         : "the nodes",
             s->view.row[0].digest, s->view.row[1].digest, s->view.row[2].digest,
             s->view.row[3].digest, s->view.row[4].digest);
    nodes_keep(s->cluster);
    return fail(s, why);
}

/* What the work begins with: a rule across the page, milk in the cart. */
static bool prepare(story *s)
{
    uint64_t ms;
    s->view.phase = "finding each other";
    if (!nodes_ok(s->cluster, 0, "TEXT.INSERT " KEY_PAGE " 0 %s", "\n--\n") ||
        !nodes_ok(s->cluster, 0, "SADD " KEY_CART " milk")) {
        return fail(s, nodes_problem(s->cluster));
    }
    return wait_agree(s, 2, &ms);
}

static bool together(story *s)
{
    uint64_t ms;
    s->view.phase = "all write, all are connected";
    view_say(&s->view, "All five nodes take writes: three people type one text, five count, three "
                       "shop.");
    work_go(s->work);
    if (!watch(s, TOGETHER_MS) || !work_pause(s->work, s->problem)) return false;
    s->view.phase = "a pause: do they agree?";
    if (!wait_agree(s, 2, &ms)) return false;
    view_say(&s->view, "They paused: all digests equal after %.1f s.", (double)ms / 1000);
    return true;
}

static bool apart(story *s)
{
    uint64_t ms[2];
    if (!nodes_cut(s->cluster, 0x07)) return fail(s, nodes_problem(s->cluster));
    work_mark_cut(s->work);
    s->view.cut = true;
    s->view.phase = "CUT IN TWO, both sides write";
    view_say(&s->view, "The network is cut: nodes 1 2 3 | nodes 4 5. Both sides go on writing.");
    work_go(s->work);
    if (!watch(s, APART_MS) || !work_pause(s->work, s->problem)) return false;
    /* At the same time, as far as anybody can know: one side takes it out, the other one adds what
     * is there already. */
    if (!nodes_ok(s->cluster, 0, "SREM " KEY_CART " milk") ||
        !nodes_ok(s->cluster, 3, "SADD " KEY_CART " milk")) {
        return fail(s, nodes_problem(s->cluster));
    }
    s->view.phase = "cut: each side agrees within itself";
    for (int side = 0; side < 2; side++) {
        if (!wait_agree(s, side, &ms[side])) return false;
        if (!check_take(s->cluster, side == 0 ? 0 : 3, &s->before[side])) {
            return fail(s, nodes_problem(s->cluster));
        }
    }
    if (view_agree(&s->view, 2)) return fail(s, "the sides are equal though they are cut apart");
    view_say(&s->view, "They paused: each side agrees within itself, and differs from the other.");
    return true;
}

static bool heal(story *s)
{
    uint64_t ms;
    if (!nodes_heal(s->cluster)) return fail(s, nodes_problem(s->cluster));
    s->view.cut = false;
    s->view.phase = "healed: they exchange what they lack";
    view_say(&s->view, "The cut heals.");
    if (!wait_agree(s, 2, &ms)) return false;
    s->view.phase = "all equal";
    if (!look(s)) return false;
    view_close(&s->view);
    printf("All five digests are equal %.1f s after the cut healed.\n\n", (double)ms / 1000);
    return true;
}

int story_tell(const demo_options *options, nodes *cluster)
{
    story s = {.options = options, .cluster = cluster};
    int   wrong = 1;
    if (!work_open(&s.work, cluster, s.problem)) {
        fprintf(stderr, "demo: %s\n", s.problem);
        work_close(s.work);
        return 1;
    }
    view_open(&s.view, options, cluster, s.work);
    bool told = prepare(&s) && together(&s) && apart(&s) && heal(&s);
    view_close(&s.view);
    if (told) wrong = check_all(cluster, s.work, s.before);
    else if (story_interrupted) fprintf(stderr, "interrupted: the nodes are stopped\n");
    else fprintf(stderr, "demo: FAILED: %s\n", s.problem);
    work_close(s.work);
    for (int side = 0; side < 2; side++) check_free(&s.before[side]);
    return wrong;
}
