/* core/revs_join.c: joins, deltas since a context, and collection of graphs of revisions.
 * See core/revs.h.
 *
 * prepare makes a plan: the revisions and contents that will be born, in order, the dots that come
 * with them, the parents that revisions get, and bodies for contents that lack theirs. It looks
 * only at the other side's dots, so a small delta costs little. commit merges the plan's arrays
 * into the state's.
 */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/revs.h"

/* A revision's parents after the join. */
typedef struct touch {
    crdt__rev  *rev;
    crdt__rev **parents;
    uint32_t    count;
} touch;

/* A body for a content that is here without one. */
typedef struct fill {
    crdt__rev_content *content;
    uint8_t           *bytes;
    uint32_t           size;
} fill;

typedef struct crdt__revs_plan {
    crdt__rev         **revs; /* to be born, by id */
    crdt__rev_content **contents;
    crdt__rev_dot      *born;
    touch              *touches;
    fill               *fills;
    uint32_t            revs_count, contents_count, born_count, touches_count, fills_count;
    uint32_t            revs_cap, contents_cap, born_cap, touches_cap, fills_cap;
} plan;

/* What prepare knows of the other side, by its places there. */
typedef struct survey {
    const crdt_mem     *mem;
    const crdt_join    *join;
    crdt__revs         *mine;
    const crdt__revs   *theirs;
    plan               *plan;
    crdt__rev         **rev_at;     /* what their revision is, or becomes, here */
    crdt__rev_content **content_at; /* likewise */
    uint8_t            *wants;      /* of their revisions: some of the flags below */
    bool               *comes;      /* their content has a dot that is born */
    uint32_t            named, held, comers, fills;
} survey;

enum { NAMED = 1, HELD = 2 };

/* -- The plan ---------------------------------------------------------------------------------- */

void crdt__revs_drop_plan(const crdt_mem *mem, crdt__revs *revs)
{
    plan *p = revs->plan;
    if (p == NULL) return;
    for (uint32_t i = 0; i < p->contents_count; i++) crdt__rev_content_free(mem, p->contents[i]);
    for (uint32_t i = 0; i < p->revs_count; i++) crdt__rev_free(mem, p->revs[i]);
    for (uint32_t i = 0; i < p->touches_count; i++) {
        crdt__release(mem, p->touches[i].parents, p->touches[i].count * sizeof(crdt__rev *));
    }
    for (uint32_t i = 0; i < p->fills_count; i++) {
        crdt__release(mem, p->fills[i].bytes, p->fills[i].size);
    }
    crdt__release(mem, p->revs, p->revs_cap * sizeof *p->revs);
    crdt__release(mem, p->contents, p->contents_cap * sizeof *p->contents);
    crdt__release(mem, p->born, p->born_cap * sizeof *p->born);
    crdt__release(mem, p->touches, p->touches_cap * sizeof *p->touches);
    crdt__release(mem, p->fills, p->fills_cap * sizeof *p->fills);
    crdt__release(mem, p, sizeof *p);
    revs->plan = NULL;
}

/* An array of so many zeros, or of none; false: no memory. */
static bool make(const crdt_mem *mem, void **ret_array, uint32_t count, size_t item,
                 uint32_t *ret_cap)
{
    *ret_array = count == 0 ? NULL : crdt__alloc(mem, count * item);
    if (count > 0 && *ret_array == NULL) return false;
    if (count > 0) memset(*ret_array, 0, count * item);
    if (ret_cap != NULL) *ret_cap = count;
    return true;
}

static bool make_plan(survey *s, uint32_t born)
{
    void *at;
    plan *p = crdt__alloc(s->mem, sizeof *p);
    if (p == NULL) return false;
    memset(p, 0, sizeof *p);
    s->mine->plan = s->plan = p;
    if (!make(s->mem, &at, s->named + s->held, sizeof *p->revs, &p->revs_cap)) return false;
    p->revs = at;
    if (!make(s->mem, &at, s->comers, sizeof *p->contents, &p->contents_cap)) return false;
    p->contents = at;
    if (!make(s->mem, &at, born, sizeof *p->born, &p->born_cap)) return false;
    p->born = at;
    if (!make(s->mem, &at, s->held, sizeof *p->touches, &p->touches_cap)) return false;
    p->touches = at;
    if (!make(s->mem, &at, s->fills + s->comers, sizeof *p->fills, &p->fills_cap)) return false;
    p->fills = at;
    return true;
}

/* -- Looking at the other side ----------------------------------------------------------------- */

static int content_order(const crdt__rev_content *a, const crdt__rev_content *b)
{
    int order = crdt__rev_id_compare(&a->rev->id, &b->rev->id);
    return order != 0 ? order : crdt__rev_key_compare(&a->key, &b->key);
}

typedef enum fate { FATE_HELD, FATE_FORK, FATE_REMOVED, FATE_BORN } fate;

/* As crdt__revs_seek_dot, cheap for the dot behind the one that *hint was left at. */
static uint32_t seek_dot(const crdt__revs *revs, crdt_dot dot, uint32_t *hint)
{
    uint32_t at = *hint;
    bool     below =
        at == 0 || (at <= revs->dots_count && crdt_dot_compare(revs->dots[at - 1].dot, dot) < 0);
    bool above = at >= revs->dots_count || crdt_dot_compare(revs->dots[at].dot, dot) >= 0;
    if (!below || !above) at = crdt__revs_seek_dot(revs, dot);
    *hint = at + 1;
    return at;
}

static fate fate_of(const survey *s, const crdt__rev_dot *theirs, uint32_t *hint)
{
    uint32_t at = seek_dot(s->mine, theirs->dot, hint);
    bool     here = at < s->mine->dots_count && crdt_dot_equal(s->mine->dots[at].dot, theirs->dot);
    if (here) {
        int order = content_order(s->mine->dots[at].content, theirs->content);
        return order == 0 ? FATE_HELD : FATE_FORK;
    }
    return crdt_cover_has(&s->join->mine, theirs->dot) ? FATE_REMOVED : FATE_BORN;
}

static uint32_t place_of(const survey *s, const crdt__rev_content *theirs)
{
    return crdt__revs_seek_content(s->theirs, &theirs->rev->id, &theirs->key);
}

static void want(survey *s, const crdt__rev *theirs)
{
    uint32_t at = crdt__revs_seek(s->theirs, &theirs->id);
    if (!(s->wants[at] & HELD)) s->held++;
    s->wants[at] |= HELD;
    for (uint32_t i = 0; i < theirs->parents_count; i++) {
        uint32_t parent = crdt__revs_seek(s->theirs, &theirs->parents[i]->id);
        if (s->wants[parent] == 0) s->named++;
        s->wants[parent] |= NAMED;
    }
}

/* May their body be needed here? Under a child, only if the child may die in this join. */
static bool needs_body(const survey *s, const crdt__rev *mine, bool comes)
{
    return mine->children == 0 || (comes && s->join->theirs.seen != NULL);
}

/* Would their body fill one that is missing here? */
static crdt__rev_content *lacks_body(const survey *s, const crdt__rev_content *theirs, bool comes)
{
    if (!theirs->held || s->mine->contents_count == 0) return NULL;
    crdt__rev_content *mine = crdt__revs_find_content(s->mine, &theirs->rev->id, &theirs->key);
    return mine != NULL && !mine->held && needs_body(s, mine->rev, comes) ? mine : NULL;
}

/* Count what comes. Errors: EFORK. */
static crdt_err look(survey *s, uint32_t *ret_born)
{
    uint32_t hint = 0;
    *ret_born = 0;
    for (uint32_t i = 0; i < s->theirs->dots_count; i++) {
        const crdt__rev_dot *theirs = &s->theirs->dots[i];
        fate                 f = fate_of(s, theirs, &hint);
        if (f == FATE_FORK) return CRDT_EFORK;
        *ret_born += f == FATE_BORN;
    }
    for (uint32_t i = 0; i < s->theirs->contents_count; i++) {
        s->fills += lacks_body(s, s->theirs->contents[i], false) != NULL;
    }
    return CRDT_OK;
}

/* Mark what comes. */
static void choose(survey *s)
{
    uint32_t hint = 0;
    for (uint32_t i = 0; i < s->theirs->dots_count; i++) {
        const crdt__rev_dot *theirs = &s->theirs->dots[i];
        if (fate_of(s, theirs, &hint) != FATE_BORN) continue;
        uint32_t at = place_of(s, theirs->content);
        s->comers += !s->comes[at];
        s->comes[at] = true;
        want(s, theirs->content->rev);
    }
}

/* -- Filling the plan -------------------------------------------------------------------------- */

static bool plan_revs(survey *s)
{
    for (uint32_t i = 0; i < s->theirs->revs_count; i++) {
        if (s->wants[i] == 0) continue;
        const crdt__rev_id *id = &s->theirs->revs[i]->id;
        s->rev_at[i] = crdt__revs_find(s->mine, id);
        if (s->rev_at[i] != NULL) continue;
        s->rev_at[i] = crdt__rev_make(s->mem, id);
        if (s->rev_at[i] == NULL) return false;
        s->plan->revs[s->plan->revs_count++] = s->rev_at[i];
    }
    return true;
}

/* The other's parents and those that are here, each once. */
static bool plan_parents(survey *s, const crdt__rev *theirs, crdt__rev *rev)
{
    touch   *t = &s->plan->touches[s->plan->touches_count];
    uint32_t most = rev->parents_count + theirs->parents_count, m = 0, o = 0, n = 0;
    if (theirs->parents_count == 0) return true;
    crdt__rev **parents = crdt__alloc(s->mem, most * sizeof *parents);
    if (parents == NULL) return false;
    while (m < rev->parents_count || o < theirs->parents_count) {
        int order = m == rev->parents_count ? 1 : o == theirs->parents_count ? -1 : 0;
        if (order == 0) {
            order = crdt__rev_id_compare(&rev->parents[m]->id, &theirs->parents[o]->id);
        }
        if (order <= 0) parents[n] = rev->parents[m++];
        if (order > 0) {
            parents[n] = s->rev_at[crdt__revs_seek(s->theirs, &theirs->parents[o]->id)];
        }
        o += order >= 0;
        n++;
    }
    *t = (touch){rev, parents, most};
    s->plan->touches_count++;
    if (n < most) {
        crdt__rev **fewer =
            crdt__resize(s->mem, parents, most * sizeof *parents, n * sizeof *parents);
        if (fewer == NULL) return false;
        t->parents = fewer;
        t->count = n;
    }
    return true;
}

static bool plan_contents(survey *s)
{
    for (uint32_t i = 0; i < s->theirs->contents_count; i++) {
        const crdt__rev_content *theirs = s->theirs->contents[i];
        if (!s->comes[i]) continue;
        crdt__rev *rev = s->rev_at[crdt__revs_seek(s->theirs, &theirs->rev->id)];
        s->content_at[i] = crdt__revs_find_content(s->mine, &rev->id, &theirs->key);
        if (s->content_at[i] != NULL) continue;
        crdt_view body = crdt_view_of(theirs->bytes, theirs->size);
        bool      keeps = theirs->held && needs_body(s, rev, true);
        s->content_at[i] = crdt__rev_content_make(s->mem, rev, theirs->key, keeps ? &body : NULL);
        if (s->content_at[i] == NULL) return false;
        s->plan->contents[s->plan->contents_count++] = s->content_at[i];
    }
    return true;
}

static bool plan_fills(survey *s)
{
    for (uint32_t i = 0; i < s->theirs->contents_count; i++) {
        const crdt__rev_content *theirs = s->theirs->contents[i];
        crdt__rev_content       *mine = lacks_body(s, theirs, s->comes[i]);
        if (mine == NULL) continue;
        fill *f = &s->plan->fills[s->plan->fills_count];
        if (theirs->size > 0) {
            f->bytes = crdt__alloc(s->mem, theirs->size);
            if (f->bytes == NULL) return false;
            memcpy(f->bytes, theirs->bytes, theirs->size);
        }
        f->content = mine;
        f->size = theirs->size;
        s->plan->fills_count++;
    }
    return true;
}

static void plan_born(survey *s)
{
    uint32_t hint = 0;
    for (uint32_t i = 0; i < s->theirs->dots_count; i++) {
        const crdt__rev_dot *theirs = &s->theirs->dots[i];
        if (fate_of(s, theirs, &hint) != FATE_BORN) continue;
        crdt__rev_content *content = s->content_at[place_of(s, theirs->content)];
        s->plan->born[s->plan->born_count++] = (crdt__rev_dot){theirs->dot, content};
    }
}

static bool fill_plan(survey *s, uint32_t born)
{
    choose(s);
    if (!make_plan(s, born) || !plan_revs(s) || !plan_contents(s)) return false;
    for (uint32_t i = 0; i < s->theirs->revs_count; i++) {
        if (!(s->wants[i] & HELD)) continue;
        if (!plan_parents(s, s->theirs->revs[i], s->rev_at[i])) return false;
    }
    if (!plan_fills(s)) return false;
    plan_born(s);
    return crdt__revs_reserve(s->mem, s->mine, s->plan->revs_count, s->plan->contents_count,
                              born) == CRDT_OK;
}

crdt_err crdt__revs_prepare(crdt_join *join, void *state, const void *other)
{
    survey   s = {.mem = join->space->mem, .join = join, .mine = state, .theirs = other};
    uint32_t born, revs = s.theirs->revs_count, contents = s.theirs->contents_count;
    void    *at[4] = {NULL, NULL, NULL, NULL};
    crdt__revs_drop_plan(s.mem, s.mine);
    crdt_err err = look(&s, &born);
    if (err != CRDT_OK || born + s.fills == 0) return err;
    bool ok = make(s.mem, &at[0], revs, sizeof *s.rev_at, NULL) &&
              make(s.mem, &at[1], contents, sizeof *s.content_at, NULL) &&
              make(s.mem, &at[2], revs, sizeof *s.wants, NULL) &&
              make(s.mem, &at[3], contents, sizeof *s.comes, NULL);
    s.rev_at = at[0];
    s.content_at = at[1];
    s.wants = at[2];
    s.comes = at[3];
    ok = ok && fill_plan(&s, born);
    crdt__release(s.mem, s.rev_at, revs * sizeof *s.rev_at);
    crdt__release(s.mem, s.content_at, contents * sizeof *s.content_at);
    crdt__release(s.mem, s.wants, revs * sizeof *s.wants);
    crdt__release(s.mem, s.comes, contents * sizeof *s.comes);
    if (!ok) crdt__revs_drop_plan(s.mem, s.mine);
    return ok ? CRDT_OK : CRDT_ENOMEM;
}

void crdt__revs_rename_born(crdt__revs *revs, crdt_dot first)
{
    for (uint32_t i = 0; i < revs->plan->born_count; i++) {
        revs->plan->born[i].dot = (crdt_dot){first.replica, first.seq + i};
    }
}

/* -- Commit ------------------------------------------------------------------------------------ */

/* The plan's arrays into the state's, from behind: all are in order, and there is room. */
static void merge_arrays(crdt__revs *revs, plan *p)
{
    uint32_t from = revs->revs_count, to = from + p->revs_count, n = p->revs_count;
    revs->revs_count = to;
    while (n > 0) {
        bool mine =
            from > 0 && crdt__rev_id_compare(&revs->revs[from - 1]->id, &p->revs[n - 1]->id) > 0;
        revs->revs[--to] = mine ? revs->revs[--from] : p->revs[--n];
    }
    from = revs->contents_count;
    n = p->contents_count;
    revs->contents_count = to = from + n;
    while (n > 0) {
        const crdt__rev_content *last = from > 0 ? revs->contents[from - 1] : NULL;
        int order = last == NULL ? -1 : content_order(last, p->contents[n - 1]);
        if (order < 0) p->contents[n - 1]->rev->contents++;
        revs->contents[--to] = order > 0 ? revs->contents[--from] : p->contents[--n];
    }
    from = revs->dots_count;
    n = p->born_count;
    revs->dots_count = to = from + n;
    while (n > 0) {
        bool mine = from > 0 && crdt_dot_compare(revs->dots[from - 1].dot, p->born[n - 1].dot) > 0;
        if (!mine) p->born[n - 1].content->dots++;
        revs->dots[--to] = mine ? revs->dots[--from] : p->born[--n];
    }
}

/* It has a child now: its bodies go. */
static void lose_bodies(const crdt_mem *mem, crdt__revs *revs, const crdt__rev *rev)
{
    crdt__rev_key none = {false, false, 0};
    uint32_t      at = crdt__revs_seek_content(revs, &rev->id, &none);
    for (; at < revs->contents_count && revs->contents[at]->rev == rev; at++) {
        crdt__rev_drop_body(mem, revs->contents[at]);
    }
}

static void take_parents(const crdt_mem *mem, crdt__revs *revs, touch *t)
{
    for (uint32_t i = 0, had = 0; i < t->count; i++) {
        crdt__rev *parent = t->parents[i];
        if (had < t->rev->parents_count && t->rev->parents[had] == parent) {
            had++;
            continue;
        }
        if (parent->children++ == 0) lose_bodies(mem, revs, parent);
    }
    crdt__release(mem, t->rev->parents, t->rev->parents_count * sizeof *t->rev->parents);
    t->rev->parents = t->parents;
    t->rev->parents_count = t->count;
}

static bool commit_plan(const crdt_mem *mem, crdt__revs *revs)
{
    plan *p = revs->plan;
    if (p == NULL) return false;
    merge_arrays(revs, p);
    for (uint32_t i = 0; i < p->fills_count; i++) {
        const fill        *f = &p->fills[i];
        crdt__rev_content *content = f->content;
        content->bytes = f->bytes;
        content->size = f->size;
        content->held = true;
    }
    for (uint32_t i = 0; i < p->touches_count; i++) take_parents(mem, revs, &p->touches[i]);
    p->revs_count = p->contents_count = p->touches_count = p->fills_count = 0;
    crdt__revs_drop_plan(mem, revs);
    return true;
}

static bool holds_dot(const crdt__revs *revs, crdt_dot dot, uint32_t *hint)
{
    uint32_t at = seek_dot(revs, dot, hint);
    return at < revs->dots_count && crdt_dot_equal(revs->dots[at].dot, dot);
}

/* Take out the dots without a content. */
static void close_dots(crdt__revs *revs)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < revs->dots_count; i++) {
        if (revs->dots[i].content != NULL) revs->dots[kept++] = revs->dots[i];
    }
    revs->dots_count = kept;
}

static void kill_dot(crdt__rev_dot *dot)
{
    dot->content->dots--;
    dot->content = NULL;
}

/* What the other side has seen and does not hold has been forgotten there. */
static bool commit_deaths(const crdt_join *join, crdt__revs *mine, const crdt__revs *theirs)
{
    bool     any = false;
    uint32_t hint = 0;
    if (join->theirs.seen == NULL) return false;
    crdt_context_settle(join->theirs.seen);
    for (uint32_t r = 0; r < join->theirs.seen->count; r++) {
        const crdt_run *run = &join->theirs.seen->runs[r];
        uint32_t        at = crdt__revs_seek_dot(mine, (crdt_dot){run->replica, run->lo});
        for (; at < mine->dots_count; at++) {
            crdt__rev_dot *dot = &mine->dots[at];
            if (dot->dot.replica != run->replica || dot->dot.seq > run->hi) break;
            if (holds_dot(theirs, dot->dot, &hint) || !crdt_cover_has(&join->theirs, dot->dot))
                continue;
            kill_dot(dot);
            any = true;
        }
    }
    if (!any) return false;
    close_dots(mine);
    crdt__revs_sweep(join->space->mem, mine);
    return true;
}

/* Bodies that came for leaves, where no child has died. */
static void settle_bodies(const crdt_mem *mem, crdt__revs *mine, const crdt__revs *theirs)
{
    for (uint32_t i = 0; i < theirs->contents_count; i++) {
        const crdt__rev_content *other = theirs->contents[i];
        if (!other->held) continue;
        crdt__rev_content *content = crdt__revs_find_content(mine, &other->rev->id, &other->key);
        if (content == NULL || content->rev->children == 0) continue;
        crdt__rev_drop_body(mem, content);
    }
}

bool crdt__revs_commit(crdt_join *join, void *state, const void *other)
{
    bool born = commit_plan(join->space->mem, state);
    bool died = commit_deaths(join, state, other);
    if (born) settle_bodies(join->space->mem, state, other);
    return died || born;
}

/* -- Since a context, collection --------------------------------------------------------------- */

crdt_err crdt__revs_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                          void *ret_part, crdt_context *keep)
{
    const crdt__revs *revs = state;
    crdt_join         join = {.space = space, .mine = {ctx, NULL}};
    crdt_err          err = CRDT_OK;
    for (uint32_t i = 0; i < revs->dots_count && err == CRDT_OK; i++) {
        if (crdt_context_has(ctx, revs->dots[i].dot))
            err = crdt_context_add(keep, revs->dots[i].dot);
    }
    if (err == CRDT_OK) err = crdt__revs_prepare(&join, ret_part, state);
    if (err == CRDT_OK) (void)crdt__revs_commit(&join, ret_part, state);
    return err;
}

/* Which revisions are stable, and over: a stable child was written over them, or they delete. */
static void mark_over(crdt__revs *revs, const crdt_context *cut)
{
    for (uint32_t i = 0; i < revs->revs_count; i++) {
        revs->revs[i]->stable = revs->revs[i]->over = false;
    }
    for (uint32_t i = 0; i < revs->dots_count; i++) {
        const crdt__rev_content *content = revs->dots[i].content;
        crdt__rev               *rev = content->rev;
        if (!rev->stable) rev->stable = crdt_context_has(cut, revs->dots[i].dot);
        if (content->key.deleted && rev->contents == 1) rev->over = true;
    }
    for (uint32_t i = 0; i < revs->revs_count; i++) {
        const crdt__rev *rev = revs->revs[i];
        for (uint32_t p = 0; rev->stable && p < rev->parents_count; p++) {
            rev->parents[p]->over = true;
        }
    }
}

/* Whoever writes from now on has seen what is stable, so a stable revision with a stable child can
 * never again be a leaf, and a stable deletion has done its work. Its equals from other writers
 * were concurrent to it, so they are here too, and go with it. Who writes it again, after it was
 * collected, writes another dot: that one stays. If somebody who had not collected it wrote over it
 * at that time, its child must wait for it, or nothing would tell that it is over: so none goes
 * before its parents. They come first, for they are not as deep. */
static void mark_done(crdt__revs *revs)
{
    for (uint32_t i = 0; i < revs->revs_count; i++) {
        crdt__rev *rev = revs->revs[i];
        rev->done = rev->stable && rev->over;
        for (uint32_t p = 0; p < rev->parents_count; p++) {
            const crdt__rev *parent = rev->parents[p];
            if (parent->contents > 0 && !parent->done) rev->done = false;
        }
    }
}

bool crdt__revs_stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    crdt__revs *revs = state;
    bool        any = false;
    mark_over(revs, cut);
    mark_done(revs);
    for (uint32_t i = 0; i < revs->dots_count; i++) {
        if (!revs->dots[i].content->rev->done) continue;
        kill_dot(&revs->dots[i]);
        any = true;
    }
    if (!any) return false;
    close_dots(revs);
    crdt__revs_sweep(space->mem, revs);
    return true;
}
