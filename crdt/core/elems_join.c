/* core/elems_join.c: taking in another's elements, and what a context lacks.
 *
 * Plan     prepare lists the chunks that change and builds those that cannot change in place;
 *          commit computes the same masks again and applies them. Only blocks are looked at that
 *          theirs holds or that their cover meets: so a small delta costs what it holds.
 */
#include "crdt/core/elems_impl.h"

#define LAST_WORD (CRDT__CHUNK_WORDS - 1)
#define FEW 4u /* dots, or runs, that are looked at one by one */

/* -- Theirs, block by block -------------------------------------------------------------------- */

typedef struct blocks {
    const crdt__elems *e;
    uint32_t           at; /* of the block after `source`: place in order, or in the small body */
    bool               any;
    crdt__source       source; /* the block to be looked at, if any */
    uint64_t           replica, first;
} blocks;

static void blocks_next(blocks *b)
{
    b->any = false;
    if (b->e->large) {
        const crdt__large *large = b->e->body;
        if (b->at == large->count) return;
        b->source = crdt__source_of(large->order[b->at++]);
        b->replica = b->source.chunk->replica;
        b->first = b->source.chunk->first;
    } else {
        const crdt__small *s = b->e->body;
        if (s == NULL || b->at == s->count) return;
        b->replica = s->at[b->at].replica;
        b->source = crdt__small_block(s, &b->at, &b->first);
    }
    b->any = true;
}

static void source_span(crdt__source source, unsigned *lo, unsigned *hi)
{
    unsigned place, from = 0, to = CRDT__CHUNK_DOTS - 1;
    if (source.chunk) {
        from = crdt__chunk_next(source.chunk, 0, &place);
        to = crdt__chunk_last(source.chunk);
    } else {
        from = source.entries[0].seq % CRDT__CHUNK_DOTS;
        to = source.entries[source.count - 1].seq % CRDT__CHUNK_DOTS;
    }
    if (from < *lo) *lo = from;
    if (to > *hi) *hi = to;
}

/* -- Mine, where their cover meets it ---------------------------------------------------------- */

typedef struct meets {
    const crdt__large *large;
    const crdt_run    *run, *runs_end; /* the first run that may meet the chunk */
    uint32_t           at;             /* the chunk, or count: none */
} meets;

/* Move on to the first chunk from at on that a run meets. */
static void meets_settle(meets *m)
{
    const crdt__large *large = m->large;
    while (m->at < large->count && m->run != m->runs_end) {
        const crdt__chunk *c = large->order[m->at];
        const crdt_run    *run = m->run;
        if (run->replica == c->replica && run->lo < c->first + CRDT__CHUNK_DOTS &&
            run->hi >= c->first) {
            return;
        }
        if (run->replica < c->replica || (run->replica == c->replica && run->hi < c->first)) {
            m->run++;
        } else {
            uint64_t first = run->lo / CRDT__CHUNK_DOTS * CRDT__CHUNK_DOTS;
            m->at = crdt__large_seek(large, run->replica, first);
        }
    }
    m->at = large->count;
}

static void meets_span(const meets *m, const crdt__chunk *c, unsigned *lo, unsigned *hi)
{
    uint64_t end = c->first + CRDT__CHUNK_DOTS - 1;
    for (const crdt_run *run = m->run; run != m->runs_end; run++) {
        if (run->replica != c->replica || run->lo > end) break;
        unsigned from = run->lo > c->first ? (unsigned)(run->lo - c->first) : 0;
        unsigned to = run->hi < end ? (unsigned)(run->hi - c->first) : CRDT__CHUNK_DOTS - 1;
        if (from < *lo) *lo = from;
        if (to > *hi) *hi = to;
    }
}

/* -- Masks ------------------------------------------------------------------------------------- */

typedef struct masks { /* valid in words w0..w1 */
    unsigned w0, w1, killed_count, born_count;
    uint64_t mine[CRDT__CHUNK_WORDS], theirs[CRDT__CHUNK_WORDS];
    uint64_t killed[CRDT__CHUNK_WORDS], born[CRDT__CHUNK_WORDS];
} masks;

/* The bits of a that are covered (or not, if flip) by cover. */
static unsigned narrow(uint64_t *a, const masks *m, const crdt_cover *cover, const crdt__edit *edit,
                       bool flip)
{
    unsigned        count = 0;
    crdt_cover_walk walk = crdt_cover_from(cover, edit->replica);
    for (unsigned w = m->w0; w <= m->w1; w++) {
        if (a[w] == 0) continue;
        uint64_t covered = crdt_cover_word(&walk, edit->first + w * 64);
        a[w] &= flip ? ~covered : covered;
        count += crdt__popcount(a[w]);
    }
    return count;
}

static void masks_of(const crdt_join *join, const crdt__edit *edit, masks *m)
{
    uint64_t any_killed = 0, any_born = 0;
    m->w0 = edit->w0;
    m->w1 = edit->w1;
    crdt__source_words(crdt__source_of(edit->mine), m->w0, m->w1, m->mine);
    crdt__source_words(edit->theirs, m->w0, m->w1, m->theirs);
    for (unsigned w = m->w0; w <= m->w1; w++) {
        any_killed |= m->killed[w] = m->mine[w] & ~m->theirs[w];
        any_born |= m->born[w] = m->theirs[w] & ~m->mine[w];
    }
    m->killed_count = any_killed ? narrow(m->killed, m, &join->theirs, edit, false) : 0;
    m->born_count = any_born ? narrow(m->born, m, &join->mine, edit, true) : 0;
}

/* The same for commit; a single word was kept. */
static void masks_again(const crdt_join *join, const crdt__edit *edit, masks *m)
{
    if (edit->w0 != edit->w1) {
        masks_of(join, edit, m);
        return;
    }
    m->w0 = m->w1 = edit->w0;
    m->killed[m->w0] = edit->killed;
    m->born[m->w0] = edit->born;
    m->killed_count = crdt__popcount(edit->killed);
    m->born_count = crdt__popcount(edit->born);
}

/* Dots that live on both sides must have equal content. */
static crdt_err check_forks(const crdt__edit *edit, const masks *m)
{
    crdt__source mine = crdt__source_of(edit->mine);
    for (unsigned w = m->w0; w <= m->w1; w++) {
        for (uint64_t both = m->mine[w] & m->theirs[w]; both != 0;) {
            unsigned bit = crdt__lowest(both), len = crdt__ones_from(both, bit);
            if (!crdt__source_equal(mine, edit->theirs, w * 64 + bit, len)) return CRDT_EFORK;
            both &= ~crdt__ones(bit, len);
        }
    }
    return CRDT_OK;
}

/* -- Prepare, large ---------------------------------------------------------------------------- */

static crdt_err push_edit(crdt__large *large, const crdt__edit *edit)
{
    if (large->plan_count == large->plan_cap) {
        uint32_t    cap = (uint32_t)crdt__grow(large->plan_cap, 0);
        crdt__edit *plan = crdt__resize(large->mem, large->plan, large->plan_cap * sizeof *plan,
                                        cap * sizeof *plan);
        if (plan == NULL) return CRDT_ENOMEM;
        large->plan = plan;
        large->plan_cap = cap;
    }
    large->plan[large->plan_count++] = *edit;
    return CRDT_OK;
}

/* Make the chunk that edit's will become, with room to grow if it grew by a few at its end. */
static crdt_err build_edit(const crdt__large *large, crdt__edit *edit, const masks *m)
{
    uint64_t     kept[CRDT__CHUNK_WORDS], born[CRDT__CHUNK_WORDS] = {0};
    crdt__recipe recipe = {.replica = edit->replica, .first = edit->first, .b = edit->theirs};
    recipe.a = crdt__source_of(edit->mine);
    recipe.mask_a = edit->mine ? kept : NULL;
    recipe.mask_b = born;
    if (edit->mine) crdt__source_words(recipe.a, 0, LAST_WORD, kept);
    for (unsigned w = m->w0; w <= m->w1; w++) {
        if (edit->mine) kept[w] &= ~m->killed[w];
        born[w] = m->born[w];
    }
    unsigned live = (edit->mine ? edit->mine->live : 0u) + m->born_count;
    if (m->born_count <= 64) recipe.slack = live / 4 + 4;
    return crdt__chunk_build(large->mem, &recipe, &edit->built);
}

/* Plan what happens in one block. `chunks` and `dots` count what is born. */
static crdt_err plan_block(const crdt_join *join, crdt__large *large, crdt__edit *edit,
                           uint32_t *chunks, uint64_t *dots)
{
    masks              m;
    const crdt__chunk *theirs = edit->theirs.chunk;
    size_t             bytes = 0;
    if (edit->mine && theirs && edit->mine->clean && theirs->clean &&
        crdt_digest_equal(edit->mine->content, theirs->content)) {
        return CRDT_OK;
    }
    masks_of(join, edit, &m);
    crdt_err err = check_forks(edit, &m);
    if (err || m.killed_count + m.born_count == 0) return err;
    if (m.born_count > 0) {
        bool fits =
            edit->mine && crdt__chunk_fits(edit->mine, edit->theirs, m.born, m.w0, m.w1, &bytes);
        err = fits ? crdt__chunk_grow_blob(large->mem, edit->mine, bytes)
                   : build_edit(large, edit, &m);
        if (err) return err;
        *dots += m.born_count;
        if (edit->mine == NULL) ++*chunks;
    }
    edit->killed = m.killed[m.w0];
    edit->born = m.born[m.w0];
    err = push_edit(large, edit);
    if (err) crdt__chunk_free(large->mem, edit->built);
    return err;
}

static int compare_blocks(const blocks *b, const crdt__chunk *c)
{
    return c == NULL ? -1 : -crdt__chunk_compare(c, b->replica, b->first);
}

/* The next block to look at: theirs, mine where their cover meets it, or both. False at the end. */
static bool next_edit(meets *mine, blocks *theirs, crdt__edit *edit)
{
    const crdt__large *large = mine->large;
    meets_settle(mine);
    crdt__chunk *c = mine->at < large->count ? large->order[mine->at] : NULL;
    unsigned     lo = CRDT__CHUNK_DOTS, hi = 0;
    int          order = theirs->any ? compare_blocks(theirs, c) : 1;
    if (c == NULL && !theirs->any) return false;
    *edit = (crdt__edit){0};
    if (order >= 0) {
        edit->mine = c;
        edit->at = mine->at;
        edit->replica = c->replica;
        edit->first = c->first;
        meets_span(mine, c, &lo, &hi);
        mine->at++;
    }
    if (order <= 0) {
        edit->replica = theirs->replica;
        edit->first = theirs->first;
        edit->theirs = theirs->source;
        source_span(theirs->source, &lo, &hi);
        blocks_next(theirs);
    }
    if (order < 0) {
        edit->at = crdt__large_seek(large, edit->replica, edit->first);
        c = edit->at < large->count ? large->order[edit->at] : NULL;
        if (c && crdt__chunk_compare(c, edit->replica, edit->first) == 0) edit->mine = c;
    }
    edit->w0 = (uint8_t)(lo / 64);
    edit->w1 = (uint8_t)(hi / 64);
    return true;
}

static crdt_err prepare_large(const crdt_join *join, crdt__large *large, const crdt__elems *other)
{
    const crdt_context *seen = join->theirs.seen;
    const crdt_run     *runs = seen ? seen->runs : NULL;
    meets               mine = {large, runs, seen ? runs + seen->count : NULL, 0};
    blocks              theirs = {.e = other};
    crdt__edit          edit;
    uint32_t            chunks = 0;
    uint64_t            dots = 0;
    blocks_next(&theirs);
    while (next_edit(&mine, &theirs, &edit)) {
        crdt_err err = plan_block(join, large, &edit, &chunks, &dots);
        if (err) return err;
    }
    if (chunks > 0 && crdt__large_reserve(large, chunks)) return CRDT_ENOMEM;
    return crdt__index_reserve(large, dots, chunks);
}

/* The chunk that dot belongs to; NULL: there is none. */
static crdt__chunk *chunk_of(const crdt__large *large, crdt_dot dot, uint32_t *ret_at)
{
    uint64_t first = dot.seq - dot.seq % CRDT__CHUNK_DOTS;
    *ret_at = crdt__large_seek(large, dot.replica, first);
    crdt__chunk *c = *ret_at < large->count ? large->order[*ret_at] : NULL;
    return c != NULL && crdt__chunk_compare(c, dot.replica, first) == 0 ? c : NULL;
}

/* An edit of the word of one dot. */
static crdt__edit edit_of(crdt_dot dot, crdt__chunk *mine, uint32_t at)
{
    unsigned   offset = dot.seq % CRDT__CHUNK_DOTS;
    crdt__edit edit = {.replica = dot.replica, .first = dot.seq - offset, .mine = mine, .at = at};
    edit.w0 = edit.w1 = (uint8_t)(offset / 64);
    return edit;
}

/* The dots that the other has seen but `born`, if they are few: those that live here are planned
 * to go, but for any in the chunk that born comes to. False: it must be looked at as a whole. */
static bool plan_kills(crdt__large *large, const crdt_context *seen, crdt_dot born,
                       const crdt__chunk *grows, crdt_err *ret_err)
{
    const crdt__chunk *last = NULL;
    for (uint32_t r = 0; r < seen->count; r++) {
        crdt_dot dot = {seen->runs[r].replica, seen->runs[r].lo};
        if (seen->runs[r].hi - dot.seq >= FEW) return false;
        for (; dot.seq <= seen->runs[r].hi; dot.seq++) {
            uint32_t     at;
            crdt__chunk *c = crdt_dot_equal(dot, born) ? NULL : chunk_of(large, dot, &at);
            unsigned     offset = dot.seq % CRDT__CHUNK_DOTS;
            if (c == NULL || crdt__chunk_place(c, offset) < 0) continue;
            if (c == grows || c == last) return false;
            crdt__edit edit = edit_of(dot, c, at);
            edit.killed = UINT64_C(1) << offset % 64;
            *ret_err = push_edit(large, &edit);
            if (*ret_err != CRDT_OK) return true;
            last = c;
        }
    }
    return true;
}

/* A delta of a set's usual change: it adds one dot, behind what its chunk holds, and takes away one
 * here and there. Planned without a look around. False: it is another, and nothing is planned. */
static bool prepare_one(const crdt_join *join, crdt__large *large, const crdt__elems *other,
                        crdt_err *ret_err)
{
    const crdt_context *seen = join->theirs.seen;
    const crdt__small  *s = other->body;
    if (other->large || other->dots != 1 || seen == NULL || seen->count > FEW) return false;
    if (join->theirs.keep != NULL) return false;
    crdt_dot     dot = crdt__entry_dot(&s->at[0]);
    uint32_t     at;
    size_t       bytes;
    crdt__chunk *mine = chunk_of(large, dot, &at);
    if (mine == NULL) return false;
    crdt_value value = crdt__entry_value(s, &s->at[0]);
    if (!crdt__chunk_fits_one(mine, dot.seq % CRDT__CHUNK_DOTS, value, &bytes)) return false;
    crdt__edit edit = edit_of(dot, mine, at);
    edit.theirs = (crdt__source){NULL, s, s->at, 1};
    edit.born = UINT64_C(1) << dot.seq % 64;
    *ret_err = CRDT_OK;
    if (!plan_kills(large, seen, dot, mine, ret_err)) {
        crdt__large_drop_plan(large);
        return false;
    }
    if (*ret_err != CRDT_OK || crdt_cover_has(&join->mine, dot)) return true; /* it was removed */
    *ret_err = crdt__chunk_grow_blob(large->mem, mine, bytes);
    if (*ret_err == CRDT_OK) *ret_err = push_edit(large, &edit);
    if (*ret_err == CRDT_OK) *ret_err = crdt__index_reserve(large, 1, 0);
    return true;
}

/* -- Prepare, small ---------------------------------------------------------------------------- */

/* Walk both, in dot order; into `into`, if it is not NULL, what lives on. */
static crdt_err join_small(const crdt_join *join, const crdt__elems *mine,
                           const crdt__elems *theirs, crdt__small *into, bool *ret_changed)
{
    crdt__elems_cursor ma = {mine, 0, 0}, ta = {theirs, 0, 0};
    crdt_dot           md, td;
    crdt_value         mv, tv;
    bool               m = crdt__elems_next(&ma, &md, &mv), t = crdt__elems_next(&ta, &td, &tv);
    *ret_changed = false;
    while (m || t) {
        int  order = !t ? -1 : !m ? 1 : crdt_dot_compare(md, td);
        bool keeps = order == 0 || (order < 0 && !crdt_cover_has(&join->theirs, md)) ||
                     (order > 0 && !crdt_cover_has(&join->mine, td));
        if (order == 0 && crdt_value_compare(mv, tv) != 0) return CRDT_EFORK;
        if (keeps && into) crdt__small_append(into, order > 0 ? td : md, order > 0 ? tv : mv);
        if ((order < 0 && !keeps) || (order > 0 && keeps)) *ret_changed = true;
        if (order <= 0) m = crdt__elems_next(&ma, &md, &mv);
        if (order >= 0) t = crdt__elems_next(&ta, &td, &tv);
    }
    return CRDT_OK;
}

static uint32_t bytes_of(const crdt__elems *e)
{
    crdt__elems_cursor at = {e, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    uint32_t           bytes = 0;
    while (crdt__elems_next(&at, &dot, &value)) bytes += (uint32_t)value.bytes.size;
    return bytes;
}

static crdt_err prepare_small(const crdt_join *join, crdt__elems *e, const crdt__elems *other)
{
    bool     changed;
    crdt_err err = join_small(join, e, other, NULL, &changed);
    if (err || !changed) return err;
    uint32_t     cap = (uint32_t)(e->dots + other->dots);
    crdt__small *into = crdt__small_new(join->space->mem, cap, bytes_of(e) + bytes_of(other));
    if (into == NULL) return CRDT_ENOMEM;
    e->plan = into;
    return join_small(join, e, other, into, &changed);
}

/* Few values will mostly be born: have the places of the index that they will take at hand. */
static void load_ahead(const crdt__large *large, const crdt__elems *other)
{
    const crdt__small *s = other->large ? NULL : other->body;
    for (uint32_t i = 0; large->index && s && i < s->count; i++) {
        crdt__index_load_ahead(large->index, crdt__entry_value(s, &s->at[i]));
    }
}

crdt_err crdt__elems_prepare(crdt_join *join, crdt__elems *e, const crdt__elems *other)
{
    crdt_err        err;
    const crdt_mem *mem = join->space->mem;
    crdt__small_free(mem, e->plan);
    e->plan = NULL;
    if (!e->large && e->dots + other->dots <= CRDT__SMALL_DOTS) {
        return prepare_small(join, e, other);
    }
    if (!e->large && crdt__elems_enlarge(mem, e)) return CRDT_ENOMEM;
    load_ahead(e->body, other);
    crdt__large_drop_plan(e->body);
    if (prepare_one(join, e->body, other, &err)) return err;
    return prepare_large(join, e->body, other);
}

/* -- Commit ------------------------------------------------------------------------------------ */

static void append(crdt__chunk *c, const crdt__edit *edit, const masks *m)
{
    const crdt__source *theirs = &edit->theirs;
    if (m->born_count == 1 && theirs->count == 1) {
        unsigned offset = theirs->entries[0].seq % CRDT__CHUNK_DOTS;
        crdt__chunk_append_one(c, offset, crdt__entry_value(theirs->small, theirs->entries));
    } else {
        crdt__chunk_append(c, *theirs, m->born, m->w0, m->w1);
    }
}

static void apply_edit(const crdt_join *join, crdt__elems *e, crdt__edit *edit)
{
    masks        m;
    crdt__large *large = e->body;
    crdt__chunk *c = edit->mine;
    masks_again(join, edit, &m);
    if (large->index && m.killed_count > 0) crdt__index_remove(large, c, m.killed, m.w0, m.w1);
    if (edit->built && c) {
        crdt__large_replace(large, edit->at, edit->built);
        c = edit->built;
    } else if (edit->built) {
        c = edit->built;
        if (large->index) crdt__index_add(large->index, c);
    } else {
        if (m.killed_count > 0) crdt__chunk_kill(c, m.killed, m.w0, m.w1);
        if (m.born_count > 0) append(c, edit, &m);
    }
    if (large->index && m.born_count > 0) crdt__index_insert(large, c, m.born, m.w0, m.w1);
    e->dots += m.born_count;
    e->dots -= m.killed_count;
    if (edit->built == NULL && c->live > 0 && m.killed_count > 0 && crdt__chunk_wasteful(c)) {
        crdt__large_compact(large, edit->at);
    }
}

/* Enter the new chunks into the order, from the back; `at` speaks of the order before. */
static void enter_new(crdt__large *large)
{
    uint32_t fresh = 0, end = large->count;
    for (uint32_t i = 0; i < large->plan_count; i++) fresh += large->plan[i].mine == NULL;
    large->count += fresh;
    for (uint32_t i = large->plan_count; i > 0 && fresh > 0; i--) {
        crdt__edit *edit = &large->plan[i - 1];
        if (edit->mine != NULL) continue;
        memmove(&large->order[edit->at + fresh], &large->order[edit->at],
                (end - edit->at) * sizeof *large->order);
        end = edit->at;
        large->order[edit->at + --fresh] = edit->built;
    }
}

static void drop_emptied(crdt__large *large)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < large->count; i++) {
        crdt__chunk *c = large->order[i];
        if (c->live > 0) {
            large->order[kept++] = c;
            continue;
        }
        if (large->index) crdt__index_drop(large->index, c);
        crdt__chunk_free(large->mem, c);
    }
    large->count = kept;
}

static bool commit_large(const crdt_join *join, crdt__elems *e)
{
    crdt__large *large = e->body;
    bool         changed = large->plan_count > 0, emptied = false;
    large->tail = NULL;
    for (uint32_t i = 0; i < large->plan_count; i++) {
        crdt__edit *edit = &large->plan[i];
        apply_edit(join, e, edit);
        if (edit->mine && edit->built == NULL) emptied |= large->order[edit->at]->live == 0;
    }
    enter_new(large);
    if (emptied) drop_emptied(large);
    for (uint32_t i = 0; i < large->plan_count; i++) large->plan[i].built = NULL;
    crdt__large_drop_plan(large);
    if (changed) crdt__index_settle(large);
    if (e->dots == 0) crdt__elems_clear(join->space->mem, e);
    return changed;
}

bool crdt__elems_commit(crdt_join *join, crdt__elems *e, const crdt__elems *other)
{
    crdt__small *next = e->plan;
    (void)other;
    if (e->large) return commit_large(join, e);
    if (next == NULL) return false;
    crdt__small_free(join->space->mem, e->body);
    e->body = next;
    e->plan = NULL;
    e->dots = next->count;
    if (e->dots == 0) crdt__elems_clear(join->space->mem, e);
    return true;
}

/* -- Since ------------------------------------------------------------------------------------- */

static crdt_err keep_word(crdt_context *keep, uint64_t replica, uint64_t first, uint64_t word)
{
    while (word != 0) {
        unsigned bit = crdt__lowest(word), len = crdt__ones_from(word, bit);
        if (crdt_context_reserve(keep, 1)) return CRDT_ENOMEM;
        crdt_context_add_reserved(keep, (crdt_run){replica, first + bit, first + bit + len - 1});
        word &= ~crdt__ones(bit, len);
    }
    return CRDT_OK;
}

/* Split the live dots of a block: those in cover go to keep, the rest become a chunk of `part`. */
static crdt_err since_block(crdt__large *part, const blocks *b, const crdt_cover *cover,
                            crdt_context *keep, uint64_t *dots)
{
    uint64_t        live[CRDT__CHUNK_WORDS], lacks = 0;
    crdt_cover_walk walk = crdt_cover_from(cover, b->replica);
    crdt__recipe    recipe = {.replica = b->replica, .first = b->first, .a = b->source};
    crdt__source_words(b->source, 0, LAST_WORD, live);
    for (unsigned w = 0; w <= LAST_WORD; w++) {
        uint64_t held = live[w] ? live[w] & crdt_cover_word(&walk, b->first + w * 64) : 0;
        if (held && keep_word(keep, b->replica, b->first + w * 64, held)) return CRDT_ENOMEM;
        live[w] &= ~held;
        if (live[w]) lacks += crdt__popcount(live[w]);
    }
    if (lacks == 0) return CRDT_OK;
    *dots += lacks;
    recipe.mask_a = live;
    if (crdt__large_reserve(part, 1)) return CRDT_ENOMEM;
    if (crdt__chunk_build(part->mem, &recipe, &part->order[part->count])) return CRDT_ENOMEM;
    part->count++;
    return CRDT_OK;
}

crdt_err crdt__elems_since(const crdt_space *space, const crdt__elems *e, const crdt_context *ctx,
                           crdt__elems *ret_part, crdt_context *keep)
{
    crdt_cover cover = {ctx, NULL};
    blocks     b = {.e = e};
    uint64_t   dots = 0;
    if (e->dots == 0) return CRDT_OK;
    if (crdt__elems_enlarge(space->mem, ret_part)) return CRDT_ENOMEM;
    for (blocks_next(&b); b.any; blocks_next(&b)) {
        if (since_block(ret_part->body, &b, &cover, keep, &dots)) return CRDT_ENOMEM;
    }
    ret_part->dots = dots & INT64_MAX;
    if (ret_part->dots == 0) crdt__elems_clear(space->mem, ret_part);
    return CRDT_OK;
}
