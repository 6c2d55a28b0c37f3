/* laws/run.c: rounds of random histories, what a report says, and how a failing history is
 * shrunk. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/laws/kit.h"

#define TRIPLES_A_ROUND 150
#define COLLECTIONS_A_ROUND 12
#define SHRINK_TRIPLES 400
#define SHRINK_ROUNDS 3000

static const char *const names[] = {
    "none",
#define CRDT_LAW(id, name, text) name,
#include "crdt/laws.def"
#undef CRDT_LAW
};
static const char *const texts[] = {
    "every law held",
#define CRDT_LAW(id, name, text) text,
#include "crdt/laws.def"
#undef CRDT_LAW
};

const char *crdt_law_name(crdt_law law)
{
    return (unsigned)law < CRDT_LAWS_COUNT ? names[law] : "unknown";
}

const char *crdt_law_text(crdt_law law)
{
    return (unsigned)law < CRDT_LAWS_COUNT ? texts[law] : "no law of this kit";
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    if (text == NULL || *text == 0) return otherwise;
    char              *end;
    unsigned long long n = strtoull(text, &end, 0);
    return *end == 0 ? n : otherwise;
}

crdt_laws_options crdt_laws_options_default(const crdt_type *type)
{
    crdt_laws_options o;
    bool              soak = number_from("CRDT_SOAK", 0) != 0;
    memset(&o, 0, sizeof o);
    o.struct_size = sizeof o;
    o.type = type;
    o.seed = number_from("SEED", 1);
    o.triples = number_from("CRDT_TRIPLES", soak ? 1000000 : 20000);
    o.scope = (unsigned)number_from("CRDT_SCOPE", soak ? 6 : 5);
    return o;
}

/* -- The kit --------------------------------------------------------------------------------- */

bool crdt__laws_kit_init(kit *k, const crdt_laws_options *o, crdt_laws_report *report)
{
    memset(k, 0, sizeof *k);
    memset(report, 0, sizeof *report);
    if (o == NULL || o->struct_size != sizeof *o || o->type == NULL || o->scope > 8) {
        snprintf(report->text, sizeof report->text, "the options are wrong: %s",
                 o != NULL && o->scope > 8 ? "a scope above 8" : "use crdt_laws_options_default");
        return false;
    }
    k->o = o;
    k->report = report;
    k->type = o->type;
    k->list[0] = o->type;
    k->types.list = k->list;
    k->types.count = 1;
    crdt__laws_mem_init(&k->mem);
    crdt_buf_init(&k->a, NULL);
    crdt_buf_init(&k->b, NULL);
    crdt_buf_init(&k->c, NULL);
    crdt_buf_init(&k->d, NULL);
    return true;
}

void crdt__laws_kit_clear(kit *k)
{
    crdt_buf_clear(&k->a);
    crdt_buf_clear(&k->b);
    crdt_buf_clear(&k->c);
    crdt_buf_clear(&k->d);
    crdt__laws_mem_drop(&k->mem);
}

bool crdt__laws_fail(kit *k, crdt_law law, const char *format, ...)
{
    va_list args;
    if (k->broken != CRDT_LAW_NONE) return false;
    va_start(args, format);
    vsnprintf(k->why, sizeof k->why, format, args);
    va_end(args);
    k->broken = law;
    return false;
}

void crdt__laws_say(const kit *k, const char *format, ...)
{
    char    line[300];
    va_list args;
    if (k->o->print == NULL) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    k->o->print(k->o->user, line);
}

uint64_t crdt__laws_replica_id(unsigned replica)
{
    static const uint64_t ids[KIT_REPLICAS] = {0x1a, UINT64_C(0xb000000000000002), 0x3c00};
    return ids[replica];
}

crdt_options crdt__laws_store_options(kit *k, unsigned store_names, uint64_t replica)
{
    crdt_options o = crdt_options_default(replica, store_names > 0 ? &k->types : NULL);
    if (store_names == 0) o.solo = k->type;
    o.mem = &k->mem.mem;
    return o;
}

crdt_err crdt__laws_store(kit *k, unsigned store_names, uint64_t replica, crdt_store **ret_store)
{
    crdt_options o = crdt__laws_store_options(k, store_names, replica);
    return crdt_store_new(&o, ret_store);
}

bool crdt__laws_no_leak(kit *k)
{
    HOLDS(k, CRDT_LAW_LEAK, k->mem.blocks == 0, "%zu blocks of %zu bytes in all are left",
          k->mem.blocks, k->mem.bytes);
    HOLDS(k, CRDT_LAW_LEAK, !k->mem.misused, "a block was given back with another size");
    return true;
}

/* -- Looking at stores ----------------------------------------------------------------------- */

bool crdt__laws_bytes(kit *k, const crdt_store *store, crdt_buf *out)
{
    crdt_buf_reset(out);
    crdt_err err = crdt_store_encode(store, out);
    HOLDS(k, CRDT_LAW_ROUND_TRIP, err == CRDT_OK, "encode gave %s", crdt_err_name(err));
    return true;
}

void crdt__laws_text(const crdt_store *store, unsigned store_names, crdt_buf *out)
{
    if (store_names > 0) {
        crdt_store_print(store, out);
        return;
    }
    crdt_ref ref = crdt_store_solo(store);
    crdt_ref_print(&ref, out);
}

bool crdt__laws_is(kit *k, crdt_law law, const crdt_store *a, crdt_view bytes, const char *what)
{
    if (!crdt__laws_bytes(k, a, &k->a)) return false;
    HOLDS(k, law, crdt_view_compare(crdt_buf_bytes(&k->a), bytes) == 0, "the bytes differ: %s",
          what);
    return true;
}

bool crdt__laws_same(kit *k, crdt_law law, const crdt_store *a, const crdt_store *b,
                     const char *what)
{
    if (!crdt__laws_bytes(k, b, &k->b)) return false;
    return crdt__laws_is(k, law, a, crdt_buf_bytes(&k->b), what);
}

bool crdt__laws_sound(kit *k, const crdt_store *store, const char *what)
{
    const char *reason = "";
    HOLDS(k, CRDT_LAW_CHECK, crdt_store_check(store, &reason), "%s: %s", what, reason);
    return true;
}

/* -- Rounds ---------------------------------------------------------------------------------- */

typedef struct arena {
    kit_world world;
    kit_pool  pool;
} arena;

/* All laws over one history. */
static bool laws_of(kit *k, arena *a, const kit_history *h)
{
    kit_world *w = &a->world;
    a->pool.count = 0;
    if (h->collects) return crdt__laws_stable(k, h) && crdt__laws_no_leak(k);
    if (!crdt__laws_world_init(w, k, h->names)) return false;
    w->careful = true;
    w->pool = &a->pool;
    for (size_t i = 0; i < h->count; i++) {
        if (!crdt__laws_world_step(w, h, i)) return false;
    }
    w->pool = NULL;
    if (!crdt__laws_world_settle(w)) return false;
    if (!crdt__laws_triples(k, w, &a->pool) || !crdt__laws_paths(k, w, &a->pool)) return false;
    for (size_t i = 0; i < a->pool.count; i++) {
        if (!crdt__laws_item_bytes(k, w, &a->pool.items[i])) return false;
        if (!crdt__laws_parts(k, &a->pool.items[i])) return false;
    }
    size_t i = crdt__laws_below(&k->rand, a->pool.count);
    if (!crdt__laws_hostile(k, w, &a->pool.items[i])) return false;
    if (!crdt__laws_allocation(k, w, h)) return false;
    crdt__laws_pool_clear(&a->pool);
    crdt__laws_world_clear(w);
    if (!crdt__laws_no_leak(k)) return false;
    return crdt__laws_stable(k, h) && crdt__laws_no_leak(k);
}

/* One round; what a broken law leaves behind is dropped. */
static bool play_round(kit *k, arena *a, const kit_history *h, uint64_t seed)
{
    k->rand = seed;
    k->broken = CRDT_LAW_NONE;
    if (laws_of(k, a, h)) return true;
    crdt__laws_mem_drop(&k->mem);
    return false;
}

/* -- Shrinking ------------------------------------------------------------------------------- */

typedef struct shrinker {
    kit        *k;
    arena      *a;
    kit_history best;
    uint64_t    seed;
    crdt_law    law;
    unsigned    rounds;
} shrinker;

/* Is this smaller history still wrong in the same way? Then it is the best so far. */
static bool still_broken(shrinker *s, const kit_history *h)
{
    if (s->rounds >= SHRINK_ROUNDS) return false;
    s->rounds++;
    if (play_round(s->k, s->a, h, s->seed) || s->k->broken != s->law) return false;
    s->best = *h;
    return true;
}

/* Take out runs of steps, from half of them down to single ones, as long as any can go. */
static bool drop_steps(shrinker *s)
{
    bool any = false;
    for (size_t size = s->best.count; size > 0; size /= 2) {
        for (size_t at = 0; at + size <= s->best.count;) {
            kit_history h = s->best;
            memmove(&h.steps[at], &h.steps[at + size], (h.count - at - size) * sizeof h.steps[0]);
            h.count -= size;
            if (still_broken(s, &h)) any = true;
            else at++;
        }
    }
    return any;
}

static bool simplify_steps(shrinker *s)
{
    bool any = false;
    for (size_t at = 0; at < s->best.count; at++) {
        for (unsigned i = 0; i < 6 + CRDT_OP_ARGS_MAX; i++) {
            kit_history h = s->best;
            if (crdt__laws_simplify(&h.steps[at], i) && still_broken(s, &h)) any = true;
        }
    }
    return any;
}

/* Shrink, then play the smallest history once more and tell of it. */
static void shrink(kit *k, arena *a, const kit_history *h, uint64_t seed)
{
    crdt_laws_report kept = *k->report;
    shrinker         s = {k, a, *h, seed, k->broken, 0};
    crdt_buf         trace;
    k->triples_wanted = SHRINK_TRIPLES;
    k->thorough = true;
    if (!still_broken(&s, h)) { /* it takes just the choices that were made */
        k->triples_wanted = TRIPLES_A_ROUND;
        k->thorough = false;
    }
    bool as_found = (k->o->flags & CRDT_LAWS_AS_FOUND) != 0;
    while (!as_found && (drop_steps(&s) || simplify_steps(&s))) {}
    crdt_buf_init(&trace, NULL);
    k->trace = &trace;
    (void)play_round(k, a, &s.best, seed);
    k->trace = NULL;
    *k->report = kept;
    snprintf(k->report->text, sizeof k->report->text,
             "%s breaks the law \"%s\": %s\n  %s\nThe history, %zu steps%s:%.*s\n"
             "Again: SEED=0x%llx",
             k->type->name, crdt_law_name(s.law), crdt_law_text(s.law), k->why, s.best.count,
             s.best.names > 0 ? ", in a store of named objects" : "", (int)trace.size,
             trace.data != NULL ? (const char *)trace.data : "", (unsigned long long)seed);
    crdt_buf_clear(&trace);
}

/* -- Runs ------------------------------------------------------------------------------------ */

/* Laws that need no history. */
static bool edges(kit *k)
{
    if (crdt__laws_limits(k) && crdt__laws_fork(k) && crdt__laws_no_leak(k)) return true;
    k->report->broken = k->broken;
    snprintf(k->report->text, sizeof k->report->text, "%s breaks the law \"%s\": %s\n  %s",
             k->type->name, crdt_law_name(k->broken), crdt_law_text(k->broken), k->why);
    crdt__laws_mem_drop(&k->mem);
    return false;
}

static bool one_round(kit *k, arena *a, uint64_t seed)
{
    crdt_laws_report *report = k->report;
    kit_history       h;
    uint64_t          left = k->o->triples - report->triples, before = report->triples / 100000;
    crdt__laws_generate(k->type, seed, &h);
    k->triples_wanted = left < TRIPLES_A_ROUND ? left : TRIPLES_A_ROUND;
    report->seed = seed;
    if (!play_round(k, a, &h, seed)) {
        report->broken = k->broken;
        crdt__laws_say(k, "%s: the law \"%s\" is broken, shrinking (SEED=0x%llx)", k->type->name,
                       crdt_law_name(k->broken), (unsigned long long)seed);
        shrink(k, a, &h, seed);
        return false;
    }
    report->rounds++;
    if (report->triples / 100000 > before) {
        crdt__laws_say(k, "%s: %llu triples", k->type->name, (unsigned long long)report->triples);
    }
    return true;
}

/* First the rounds with triples, then cheap ones about collection. */
static bool rounds(kit *k, arena *a)
{
    uint64_t seed = k->o->seed, rand = seed;
    do {
        if (!one_round(k, a, seed)) return false;
        seed = crdt__laws_rand(&rand) & ~KIT_COLLECTS;
    } while (k->report->triples < k->o->triples);
    for (uint64_t left = k->report->rounds * COLLECTIONS_A_ROUND; left > 0; left--) {
        if (!one_round(k, a, crdt__laws_rand(&rand) | KIT_COLLECTS)) return false;
    }
    return true;
}

bool crdt_laws_run(const crdt_laws_options *options, crdt_laws_report *ret_report)
{
    kit    k;
    arena *a = malloc(sizeof *a);
    if (!crdt__laws_kit_init(&k, options, ret_report)) {
        free(a);
        return false;
    }
    bool ok = a != NULL && rounds(&k, a) && edges(&k);
    if (a == NULL) snprintf(ret_report->text, sizeof ret_report->text, "the kit has no memory");
    crdt__laws_kit_clear(&k);
    free(a);
    return ok;
}
