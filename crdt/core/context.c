/* core/context.c: sets of dots as sorted runs. See crdt/context.h.
 *
 * Invariants  runs are sorted by (replica, lo); no two of one replica overlap or touch
 *             (hi + 1 < next lo); 1 <= lo <= hi <= CRDT_SEQ_MAX; runs is few, or allocated.
 * Later       in a long array a run in the middle costs the moving of all behind it. add_later
 *             keeps such runs at the far end of the room, sorted too, and lets them in when they
 *             are many: n runs at random places cost n times the square root of n. They may touch
 *             any.
 * Merging     goes through sorted runs in place. What is ahead is found by galloping, so joining a
 *             small context with a big one costs the small one's runs times log(big).
 */
#include "crdt/context.h"

#include <string.h>

#include "crdt/core/mem.h"

#define FEW (sizeof(((crdt_context *)0)->few) / sizeof(crdt_run))
#define LINEAR 4u /* so many runs are looked at as they come */
#define NEAR 64u  /* so many runs are moved without a thought */

void crdt_context_init(crdt_context *ctx, const crdt_mem *mem)
{
    ctx->mem = mem ? mem : crdt_mem_default();
    ctx->runs = ctx->few;
    ctx->count = 0;
    ctx->cap = FEW;
    ctx->later = 0;
}

void crdt_context_clear(crdt_context *ctx)
{
    if (ctx->runs != ctx->few) crdt__release(ctx->mem, ctx->runs, ctx->cap * sizeof(crdt_run));
    crdt_context_init(ctx, ctx->mem);
}

void crdt_context_reset(crdt_context *ctx)
{
    ctx->count = ctx->later = 0;
}

/* Most contexts never hold anything back. */
static inline void let_in(const crdt_context *ctx)
{
    if (ctx->later > 0) crdt_context_settle(ctx);
}

crdt_err crdt_context_reserve(crdt_context *ctx, size_t more)
{
    uint32_t used = ctx->count + ctx->later;
    if (more <= ctx->cap - used) return CRDT_OK;
    if (more > UINT32_MAX - used) return CRDT_ENOMEM;
    size_t    cap = crdt__grow(ctx->cap, used + more);
    crdt_run *old = ctx->runs == ctx->few ? NULL : ctx->runs;
    crdt_run *runs = NULL;
    if (cap > UINT32_MAX) cap = UINT32_MAX;
    if (cap <= SIZE_MAX / sizeof *runs) {
        runs = crdt__resize(ctx->mem, old, ctx->cap * sizeof *runs, cap * sizeof *runs);
    }
    if (runs == NULL) return CRDT_ENOMEM;
    if (old == NULL) memcpy(runs, ctx->few, ctx->count * sizeof *runs);
    memmove(runs + cap - ctx->later, runs + ctx->cap - ctx->later, ctx->later * sizeof *runs);
    ctx->runs = runs;
    ctx->cap = (uint32_t)cap;
    return CRDT_OK;
}

crdt_err crdt_context_copy(crdt_context *ctx, const crdt_context *from)
{
    if (ctx == from) return CRDT_OK;
    let_in(from);
    let_in(ctx);
    if (from->count > ctx->cap) {
        crdt_err err = crdt_context_reserve(ctx, from->count - ctx->count);
        if (err) return err;
    }
    memcpy(ctx->runs, from->runs, from->count * sizeof *ctx->runs);
    ctx->count = from->count;
    return CRDT_OK;
}

/* -- Finding ----------------------------------------------------------------------------------- */

static inline bool ends_before(const crdt_run *run, uint64_t replica, uint64_t seq)
{
    return (run->replica < replica) | ((run->replica == replica) & (run->hi < seq));
}

/* The first of n runs that does not end before (replica, seq). */
static inline size_t seek(const crdt_run *runs, size_t n, uint64_t replica, uint64_t seq)
{
    const crdt_run *base = runs;
    while (n > 1) {
        size_t half = n / 2;
        base += half & (0 - (size_t)ends_before(&base[half - 1], replica, seq)); /* no branch */
        n -= half;
    }
    return (size_t)(base - runs) + (n == 1 && ends_before(base, replica, seq));
}

/* The same from index `from` on, cheap if the run is near. */
static inline size_t gallop(const crdt_run *runs, size_t n, size_t from, uint64_t replica,
                            uint64_t seq)
{
    size_t step = 1;
    if (from == n || !ends_before(&runs[from], replica, seq)) return from;
    if (++from == n || !ends_before(&runs[from], replica, seq)) return from;
    while (step <= n - from && ends_before(&runs[from + step - 1], replica, seq)) {
        from += step;
        step *= 2;
    }
    size_t within = step - 1 < n - from ? step - 1 : n - from;
    return from + seek(runs + from, within, replica, seq);
}

/* True if the run that seek found for (run.replica, run.lo - 1) overlaps run or touches it. */
static inline bool touches(const crdt_context *ctx, size_t found, const crdt_run *run)
{
    return found < ctx->count && ctx->runs[found].replica == run->replica &&
           ctx->runs[found].lo <= run->hi + 1;
}

static inline bool run_ok(const crdt_run *run)
{
    return run->lo >= 1 && run->lo <= run->hi && run->hi <= CRDT_SEQ_MAX;
}

bool crdt_context_has_run(const crdt_context *ctx, crdt_run run)
{
    let_in(ctx);
    size_t i = seek(ctx->runs, ctx->count, run.replica, run.lo);
    return i < ctx->count && ctx->runs[i].replica == run.replica && ctx->runs[i].lo <= run.lo &&
           ctx->runs[i].hi >= run.hi;
}

static inline bool runs_have(const crdt_run *runs, size_t n, crdt_dot dot)
{
    size_t i = seek(runs, n, dot.replica, dot.seq);
    return i < n && runs[i].replica == dot.replica && runs[i].lo <= dot.seq;
}

/* What is asked for often lies in the last run, as new dots do, or before all. */
static CRDT__APART bool has_of_many(const crdt_context *ctx, crdt_dot dot)
{
    const crdt_run *runs = ctx->runs;
    bool            has = false;
    if (ctx->count > 0) {
        const crdt_run *last = &runs[ctx->count - 1];
        if (last->replica == dot.replica && last->lo <= dot.seq) has = dot.seq <= last->hi;
        else if (runs->replica != dot.replica || runs->lo <= dot.seq)
            has = runs_have(runs, ctx->count - 1, dot);
    }
    return has || (ctx->later > 0 && runs_have(runs + ctx->cap - ctx->later, ctx->later, dot));
}

bool crdt_context_has(const crdt_context *ctx, crdt_dot dot)
{
    if (ctx->count > LINEAR || ctx->later > 0) return has_of_many(ctx, dot);
    for (const crdt_run *run = ctx->runs, *end = run + ctx->count; run < end; run++) {
        if (run->replica == dot.replica && dot.seq - run->lo <= run->hi - run->lo) return true;
    }
    return false;
}

uint32_t crdt_context_find(const crdt_context *ctx, uint64_t replica)
{
    let_in(ctx);
    return (uint32_t)seek(ctx->runs, ctx->count, replica, 0);
}

uint64_t crdt_context_base(const crdt_context *ctx, uint64_t replica)
{
    size_t i = crdt_context_find(ctx, replica);
    bool   has = i < ctx->count && ctx->runs[i].replica == replica && ctx->runs[i].lo == 1;
    return has ? ctx->runs[i].hi : 0;
}

uint64_t crdt_context_max(const crdt_context *ctx, uint64_t replica)
{
    let_in(ctx);
    size_t i = seek(ctx->runs, ctx->count, replica, UINT64_MAX);
    return i > 0 && ctx->runs[i - 1].replica == replica ? ctx->runs[i - 1].hi : 0;
}

bool crdt_context_is_vector(const crdt_context *ctx)
{
    let_in(ctx);
    for (size_t i = 0; i < ctx->count; i++) {
        if (ctx->runs[i].lo != 1) return false;
    }
    return true;
}

uint64_t crdt_context_dots(const crdt_context *ctx)
{
    uint64_t dots = 0;
    let_in(ctx);
    for (size_t i = 0; i < ctx->count; i++) {
        uint64_t more = ctx->runs[i].hi - ctx->runs[i].lo + 1;
        if (more > UINT64_MAX - dots) return UINT64_MAX;
        dots += more;
    }
    return dots;
}

/* -- One run ----------------------------------------------------------------------------------- */

static void insert(crdt_context *ctx, size_t at, crdt_run run)
{
    CRDT_ASSERT(ctx->count < ctx->cap - ctx->later);
    memmove(ctx->runs + at + 1, ctx->runs + at, (ctx->count - at) * sizeof run);
    ctx->runs[at] = run;
    ctx->count++;
}

static void cut(crdt_context *ctx, size_t from, size_t to)
{
    if (from == to) return;
    memmove(ctx->runs + from, ctx->runs + to, (ctx->count - to) * sizeof(crdt_run));
    ctx->count -= (uint32_t)(to - from);
}

/* Extend run by those of ctx that it reaches, from the one found at `at` on, which it touches.
 * Returns the index behind the last of them. */
static inline size_t fuse(const crdt_context *ctx, size_t at, crdt_run *run)
{
    const crdt_run *runs = ctx->runs;
    if (runs[at].lo < run->lo) run->lo = runs[at].lo;
    do {
        if (runs[at].hi > run->hi) run->hi = runs[at].hi;
        at++;
    } while (at < ctx->count && runs[at].replica == run->replica && runs[at].lo <= run->hi + 1);
    return at;
}

/* The first run that ends behind run's begin or touches it there. */
static inline size_t place_of(const crdt_context *ctx, const crdt_run *run)
{
    size_t n = ctx->count;
    if (n == 0 || ends_before(&ctx->runs[n - 1], run->replica, run->lo - 1)) return n;
    return seek(ctx->runs, n, run->replica, run->lo - 1);
}

/* Add run at its place. Mostly it lies in one that is there, or makes it longer. */
static inline void put(crdt_context *ctx, size_t at, crdt_run run)
{
    if (touches(ctx, at, &run)) {
        crdt_run *old = &ctx->runs[at];
        if (run.hi <= old->hi && run.lo >= old->lo) return;
        size_t end = fuse(ctx, at, &run);
        ctx->runs[at] = run;
        cut(ctx, at + 1, end);
    } else {
        insert(ctx, at, run);
    }
}

void crdt_context_add_reserved(crdt_context *ctx, crdt_run run)
{
    CRDT_ASSERT(run_ok(&run));
    let_in(ctx);
    put(ctx, place_of(ctx, &run), run);
}

/* Room for one more run, and for settling, which merges to behind the first part and needs the held
 * ones until then. */
static inline bool has_room(const crdt_context *ctx)
{
    return (ctx->cap - ctx->count) / 2 > ctx->later;
}

/* Into the runs held back; false without room. */
static bool hold_back(crdt_context *ctx, crdt_run run)
{
    crdt_run *held = ctx->runs + ctx->cap - ctx->later;
    size_t    at = seek(held, ctx->later, run.replica, run.lo - 1), end = at;
    while (end < ctx->later && held[end].replica == run.replica && held[end].lo <= run.hi + 1) {
        if (held[end].lo < run.lo) run.lo = held[end].lo;
        if (held[end].hi > run.hi) run.hi = held[end].hi;
        end++;
    }
    if (end == at && !has_room(ctx)) return false;
    if (end == at) {
        crdt_run *moved = held - 1;
        memmove(moved, held, at * sizeof run);
        moved[at] = run;
        ctx->later++;
        return true;
    }
    held[end - 1] = run;
    memmove(held + (end - 1 - at), held, at * sizeof run);
    ctx->later -= (uint32_t)(end - 1 - at);
    return true;
}

void crdt_context_add_later(crdt_context *ctx, crdt_run run)
{
    CRDT_ASSERT(run_ok(&run));
    size_t    at = place_of(ctx, &run), behind = ctx->count - at;
    crdt_run *old = &ctx->runs[at];
    bool      meets = touches(ctx, at, &run);
    bool      meets_one =
        meets && (behind == 1 || old[1].replica != run.replica || old[1].lo > run.hi + 1);
    if (meets_one || (behind <= NEAR && (meets || has_room(ctx)))) {
        put(ctx, at, run);
    } else if (behind <= NEAR || !hold_back(ctx, run)) {
        crdt_context_add_reserved(ctx, run); /* settling makes the room that was reserved */
    } else if (ctx->later > NEAR && (uint64_t)ctx->later * ctx->later / 16 > ctx->count) {
        let_in(ctx);
    }
}

/* Merge from the back, into the room between both parts; then fuse what touches. */
static void settle(crdt_context *ctx)
{
    crdt_run *runs = ctx->runs, *held = runs + ctx->cap - ctx->later;
    size_t    main = ctx->count, later = ctx->later, count = main + later;
    CRDT_ASSERT(count + later <= ctx->cap);
    for (size_t to = count; later > 0;) {
        bool from_main = main > 0 && (runs[main - 1].replica > held[later - 1].replica ||
                                      (runs[main - 1].replica == held[later - 1].replica &&
                                       runs[main - 1].lo > held[later - 1].lo));
        runs[--to] = from_main ? runs[--main] : held[--later];
    }
    size_t kept = main > 0 ? main - 1 : 0; /* what stands before has not moved */
    for (size_t i = kept + 1; i < count; i++) {
        crdt_run *last = &runs[kept];
        if (last->replica == runs[i].replica && runs[i].lo <= last->hi + 1) {
            if (runs[i].hi > last->hi) last->hi = runs[i].hi;
        } else {
            runs[++kept] = runs[i];
        }
    }
    ctx->count = (uint32_t)kept + 1;
    ctx->later = 0;
}

void crdt_context_settle(const crdt_context *ctx)
{
    /* What it means does not change, so it is const to callers. */
    if (ctx->later > 0) settle((crdt_context *)(uintptr_t)ctx);
}

void crdt_context_remove_reserved(crdt_context *ctx, crdt_run run)
{
    CRDT_ASSERT(run_ok(&run));
    let_in(ctx);
    size_t    at = seek(ctx->runs, ctx->count, run.replica, run.lo);
    crdt_run *runs = ctx->runs;
    if (at == ctx->count || runs[at].replica != run.replica) return;
    if (runs[at].lo < run.lo) {
        crdt_run tail = {run.replica, run.hi + 1, runs[at].hi};
        runs[at++].hi = run.lo - 1;
        if (tail.lo <= tail.hi) insert(ctx, at, tail);
    }
    size_t gone = at;
    while (gone < ctx->count && runs[gone].replica == run.replica && runs[gone].hi <= run.hi)
        gone++;
    if (gone < ctx->count && runs[gone].replica == run.replica && runs[gone].lo <= run.hi) {
        runs[gone].lo = run.hi + 1;
    }
    cut(ctx, at, gone);
}

crdt_err crdt_context_add(crdt_context *ctx, crdt_dot dot)
{
    crdt_run run = {dot.replica, dot.seq, dot.seq};
    if (!run_ok(&run) || dot.replica == 0) return CRDT_EINVAL;
    let_in(ctx);
    if (!touches(ctx, seek(ctx->runs, ctx->count, run.replica, run.lo - 1), &run)) {
        crdt_err err = crdt_context_reserve(ctx, 1);
        if (err) return err;
    }
    crdt_context_add_reserved(ctx, run);
    return CRDT_OK;
}

/* -- Union ------------------------------------------------------------------------------------- */

/* Join other into runs for as long as both have one run of one replica that starts alike, as in
 * vectors. Returns how many. */
static size_t union_alike(crdt_run *runs, size_t n, const crdt_run *other, size_t m)
{
    size_t i = 0, end = n < m ? n : m;
    for (; i < end; i++) {
        uint64_t replica = other[i].replica;
        if (runs[i].replica != replica || runs[i].lo != other[i].lo) break;
        if (i + 1 < n && runs[i + 1].replica == replica) break;
        if (i + 1 < m && other[i + 1].replica == replica) break;
        runs[i].hi = runs[i].hi > other[i].hi ? runs[i].hi : other[i].hi;
    }
    return i;
}

/* Join into ctx those runs of other that touch one of its own. Returns how many touch none. */
static size_t union_touching(crdt_context *ctx, const crdt_context *other)
{
    crdt_run *runs = ctx->runs;
    size_t    n = ctx->count, m = other->count, read = 0, written = 0, apart = 0;
    for (size_t i = 0; i < m; i++) {
        if (written == read) {
            size_t alike = union_alike(runs + read, n - read, other->runs + i, m - i);
            read = written += alike;
            i += alike;
            if (i == m) break;
        }
        crdt_run run = other->runs[i];
        size_t   at = gallop(runs, n, read, run.replica, run.lo - 1);
        if (written != read) memmove(runs + written, runs + read, (at - read) * sizeof run);
        written += at - read;
        read = at;
        if (!touches(ctx, at, &run)) {
            apart++;
            continue;
        }
        read = fuse(ctx, at, &run);
        if (i + 1 < m && other->runs[i + 1].replica == run.replica) {
            runs[--read] = run; /* the next of other may reach it too */
        } else {
            runs[written++] = run;
        }
    }
    if (written != read) memmove(runs + written, runs + read, (n - read) * sizeof *runs);
    ctx->count = (uint32_t)(written + (n - read));
    return apart;
}

/* Insert the `apart` runs of other that lie in no run of ctx, from the back. */
static void union_apart(crdt_context *ctx, const crdt_context *other, size_t apart)
{
    crdt_run       *from = ctx->runs + ctx->count, *to = from + apart;
    const crdt_run *run = other->runs + other->count;
    CRDT_ASSERT(apart <= ctx->cap - ctx->count);
    ctx->count += (uint32_t)apart;
    while (from != to) {
        run--;
        while (from > ctx->runs && !ends_before(from - 1, run->replica, run->lo) &&
               (from[-1].replica != run->replica || from[-1].lo > run->hi)) {
            *--to = *--from;
        }
        bool inside = from > ctx->runs && !ends_before(from - 1, run->replica, run->lo);
        if (!inside) *--to = *run;
    }
}

void crdt_context_union_reserved(crdt_context *ctx, const crdt_context *other)
{
    if (ctx == other) return;
    let_in(ctx);
    let_in(other);
    size_t apart = union_touching(ctx, other);
    if (apart > 0) union_apart(ctx, other, apart);
}

/* How many runs of other touch none of ctx. */
static size_t count_apart(const crdt_context *ctx, const crdt_context *other)
{
    size_t at = 0, apart = 0;
    for (size_t i = 0; i < other->count; i++) {
        const crdt_run *run = &other->runs[i];
        at = gallop(ctx->runs, ctx->count, at, run->replica, run->lo - 1);
        apart += !touches(ctx, at, run);
    }
    return apart;
}

crdt_err crdt_context_reserve_union(crdt_context *ctx, const crdt_context *other)
{
    let_in(ctx);
    let_in(other);
    if (other->count <= ctx->cap - ctx->count) return CRDT_OK;
    return crdt_context_reserve(ctx, count_apart(ctx, other));
}

crdt_err crdt_context_union(crdt_context *ctx, const crdt_context *other)
{
    crdt_err err = crdt_context_reserve_union(ctx, other);
    if (err == CRDT_OK) crdt_context_union_reserved(ctx, other);
    return err;
}

/* -- Intersection and difference --------------------------------------------------------------- */

/* Writes runs over those already read. A first pass with out NULL only finds the lead: how much
 * further up the input must stand for that. */
typedef struct writer {
    crdt_run *out;
    size_t    count, lead;
} writer;

static inline void write_run(writer *w, size_t read, uint64_t replica, uint64_t lo, uint64_t hi)
{
    if (w->out) w->out[w->count] = (crdt_run){replica, lo, hi};
    w->count++;
    if (w->count > read + w->lead) w->lead = w->count - read;
}

typedef void pass(writer *w, const crdt_run *runs, size_t n, const crdt_context *other);

static void keep_common(writer *w, const crdt_run *runs, size_t n, const crdt_context *other)
{
    size_t j = 0;
    for (size_t i = 0; i < n && j < other->count; i++) {
        crdt_run run = runs[i];
        j = gallop(other->runs, other->count, j, run.replica, run.lo);
        for (; j < other->count; j++) {
            const crdt_run *o = &other->runs[j];
            if (o->replica != run.replica || o->lo > run.hi) break;
            write_run(w, i + 1, run.replica, o->lo > run.lo ? o->lo : run.lo,
                      o->hi < run.hi ? o->hi : run.hi);
            if (o->hi >= run.hi) break;
        }
    }
}

static void keep_rest(writer *w, const crdt_run *runs, size_t n, const crdt_context *other)
{
    size_t j = 0;
    for (size_t i = 0; i < n; i++) {
        crdt_run run = runs[i];
        j = gallop(other->runs, other->count, j, run.replica, run.lo);
        for (; j < other->count; j++) {
            const crdt_run *o = &other->runs[j];
            if (o->replica != run.replica || o->lo > run.hi) break;
            if (o->lo > run.lo) write_run(w, i + 1, run.replica, run.lo, o->lo - 1);
            run.lo = o->hi + 1;
            if (run.lo > run.hi) break;
        }
        if (run.lo <= run.hi) write_run(w, i + 1, run.replica, run.lo, run.hi);
    }
}

static crdt_err rewrite(crdt_context *ctx, const crdt_context *other, pass *keep)
{
    writer w = {NULL, 0, 0};
    let_in(ctx);
    let_in(other);
    size_t n = ctx->count;
    keep(&w, ctx->runs, n, other);
    crdt_err err = crdt_context_reserve(ctx, w.lead);
    if (err) return err;
    memmove(ctx->runs + w.lead, ctx->runs, n * sizeof *ctx->runs);
    w.out = ctx->runs;
    w.count = 0;
    keep(&w, ctx->runs + w.lead, n, other);
    ctx->count = (uint32_t)w.count;
    return CRDT_OK;
}

crdt_err crdt_context_intersect(crdt_context *ctx, const crdt_context *other)
{
    return ctx == other ? CRDT_OK : rewrite(ctx, other, keep_common);
}

crdt_err crdt_context_subtract(crdt_context *ctx, const crdt_context *other)
{
    if (ctx != other) return rewrite(ctx, other, keep_rest);
    crdt_context_reset(ctx);
    return CRDT_OK;
}

/* -- Comparing --------------------------------------------------------------------------------- */

bool crdt_context_within(const crdt_context *ctx, const crdt_context *of)
{
    size_t at = 0;
    let_in(ctx);
    let_in(of);
    for (size_t i = 0; i < ctx->count; i++) {
        const crdt_run *run = &ctx->runs[i];
        at = gallop(of->runs, of->count, at, run->replica, run->lo);
        if (at == of->count || of->runs[at].replica != run->replica) return false;
        if (of->runs[at].lo > run->lo || of->runs[at].hi < run->hi) return false;
    }
    return true;
}

bool crdt_context_equal(const crdt_context *a, const crdt_context *b)
{
    let_in(a);
    let_in(b);
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const crdt_run *p = &a->runs[i], *q = &b->runs[i];
        if (p->replica != q->replica || p->lo != q->lo || p->hi != q->hi) return false;
    }
    return true;
}

crdt_order crdt_context_compare(const crdt_context *a, const crdt_context *b)
{
    if (crdt_context_equal(a, b)) return CRDT_EQUAL;
    if (crdt_context_within(a, b)) return CRDT_BEFORE;
    return crdt_context_within(b, a) ? CRDT_AFTER : CRDT_CONCURRENT;
}

uint32_t crdt_context_stretch(const crdt_context *ctx, crdt_dot dot, uint32_t most, bool *ret_in)
{
    crdt_context_settle(ctx);
    uint32_t lo = 0, hi = ctx->count;
    while (lo < hi) { /* the first run that ends at or after the dot */
        uint32_t        mid = (lo + hi) / 2;
        const crdt_run *run = &ctx->runs[mid];
        bool before = run->replica != dot.replica ? run->replica < dot.replica : run->hi < dot.seq;
        if (before) lo = mid + 1;
        else hi = mid;
    }
    *ret_in = false;
    if (lo == ctx->count || ctx->runs[lo].replica != dot.replica) return most;
    const crdt_run *run = &ctx->runs[lo];
    *ret_in = run->lo <= dot.seq;
    uint64_t n = *ret_in ? run->hi - dot.seq + 1 : run->lo - dot.seq;
    return n < most ? (uint32_t)n : most;
}
