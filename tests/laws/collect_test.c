/* collect_test.c: every type, alone and inside of every map, collects what is stable. Three
 * replicas operate on one object, alone, at a key or a map deeper, and remove it; deliver in causal
 * order, join states, and collect as they go. In the end all have the same bytes, and still have
 * them after one more cut.
 *
 * What a map does with a removal must hold for whatever its entries leave: nothing, residues,
 * floors, rows of deletions. The law kit looks at maps of five types alone (laws_test.c), and
 * proposes fewer cuts. CRDT_SCHEDULES sets the number of histories for each type, SEED where they
 * begin.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define BIT(i) (UINT64_C(1) << (i))
#define REPLICAS 3
#define ENTRIES_MAX 64
#define STEPS_MAX 48

static const uint64_t ids[REPLICAS] = {0xa1, 0xc3, 0xb2};

/* What a replica tells the others. */
typedef struct entry {
    unsigned     author;
    uint64_t     past;  /* entries that its author held, itself included */
    crdt_delta  *delta; /* NULL: it tells what its author holds, or of a cut */
    crdt_context ctx;   /* its author's */
    bool         cuts;
    crdt_context cut; /* if it cuts: stable from its delivery on */
} entry;

typedef struct world {
    const crdt_type *map, *type; /* map NULL: the object stands alone */
    bool             nested;
    crdt_store      *s[REPLICAS];
    uint64_t         held[REPLICAS];
    entry            entries[ENTRIES_MAX];
    unsigned         count;
    uint64_t         rand;
    bool             tells;
    /* Of this history: how often somebody acts or proposes a cut, of 20 steps; one of `rare` acts
     * is a removal; up to `burst` entries are delivered in one go. */
    unsigned acts, cuts, rare, burst;
} world;

static unsigned below(world *w, unsigned n)
{
    return (unsigned)random_below(&w->rand, n);
}

static void say(const world *w, unsigned r, const char *what, unsigned e)
{
    if (w->tells) printf("  %c %s %u\n", 'A' + (int)r, what, e + 1);
}

/* -- Entries ----------------------------------------------------------------------------------- */

static entry *add_entry(world *w, unsigned r, crdt_delta *delta)
{
    unsigned i = w->count++;
    entry   *e = &w->entries[i];
    CHECK(i < ENTRIES_MAX);
    w->held[r] |= BIT(i);
    *e = (entry){.author = r, .past = w->held[r], .delta = delta};
    crdt_context_init(&e->ctx, NULL);
    crdt_context_init(&e->cut, NULL);
    CHECK_OK(crdt_context_copy(&e->ctx, crdt_store_context(w->s[r])));
    return e;
}

/* The past of the last entry of m that r holds; NULL: none. */
static const crdt_context *proven(const world *w, unsigned r, unsigned m)
{
    for (unsigned i = w->count; i-- > 0;) {
        if (w->entries[i].author == m && (w->held[r] & BIT(i))) return &w->entries[i].ctx;
    }
    return NULL;
}

static void propose(world *w, unsigned r)
{
    entry *e = add_entry(w, r, NULL);
    say(w, r, "proposes a cut:", w->count - 1);
    for (unsigned m = 0; m < REPLICAS; m++) {
        const crdt_context *past = proven(w, r, m);
        if (past == NULL) return;
        if (m == 0) CHECK_OK(crdt_context_copy(&e->cut, past));
        else CHECK_OK(crdt_context_intersect(&e->cut, past));
    }
    e->cuts = true;
    CHECK_OK(crdt_store_stabilise(w->s[r], &e->cut));
}

static void receive(world *w, unsigned r, unsigned i)
{
    entry *e = &w->entries[i];
    say(w, r, "takes", i);
    w->held[r] |= BIT(i);
    if (e->delta != NULL) CHECK_OK(crdt_store_join(w->s[r], e->delta, NOW));
    else if (e->cuts) CHECK_OK(crdt_store_stabilise(w->s[r], &e->cut));
}

/* One of the entries that r lacks and holds the past of, if there are any. */
static bool deliver(world *w, unsigned r)
{
    unsigned ready[ENTRIES_MAX], count = 0;
    for (unsigned i = 0; i < w->count; i++) {
        if ((w->entries[i].past & ~w->held[r]) == BIT(i)) ready[count++] = i;
    }
    if (count > 0) receive(w, r, ready[below(w, count)]);
    return count > 0;
}

static void deliver_some(world *w, unsigned r)
{
    for (unsigned n = 1 + below(w, w->burst); n > 0 && deliver(w, r); n--) continue;
}

/* A state brings its entries with it; cuts among them are acted on at once. */
static void join_state(world *w, unsigned r, unsigned from)
{
    uint64_t fresh = w->held[from] & ~w->held[r];
    say(w, r, "joins the state of replica", from);
    CHECK_OK(crdt_store_join(w->s[r], w->s[from], NOW));
    w->held[r] |= fresh;
    for (unsigned i = 0; i < w->count; i++) {
        const entry *e = &w->entries[i];
        if (!(fresh & BIT(i)) || !e->cuts) continue;
        CHECK_OK(crdt_store_stabilise(w->s[r], &e->cut));
    }
}

/* -- Operations -------------------------------------------------------------------------------- */

static crdt_value arg_of(world *w, char letter)
{
    static const char *const revisions[] = {"", "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const char *const words[] = {"x", "y"}, *const decimals[] = {"1", "-2.5"};
    switch (letter) {
    case 'r': return crdt_text(revisions[below(w, 2)]);
    case 'd': return crdt_text(decimals[below(w, 2)]);
    case 'c': return crdt_text(below(w, 2) ? "start" : "end");
    case 'v':
    case 'b': return crdt_text(words[below(w, 2)]);
    case 'p': return crdt_int(below(w, 3) / 2);
    case 'i': return crdt_int((int)below(w, 4) - 1);
    default: return crdt_int(1 + below(w, 3));
    }
}

static crdt_err operate(world *w, crdt_txn *txn)
{
    const crdt_op *op = &w->type->ops[below(w, 2) ? below(w, (unsigned)w->type->ops_count) : 0];
    crdt_value     args[CRDT_OP_ARGS_MAX];
    size_t         argc = strlen(op->args);
    crdt_view      outer = name_of("m");
    for (size_t i = 0; i < argc; i++) args[i] = arg_of(w, op->args[i]);
    if (w->tells) printf("  %s", op->name);
    if (w->map == NULL) return crdt_txn_apply(txn, CRDT_SOLO, op, args, argc);
    crdt_err err = crdt_ormap_enter(txn, CRDT_SOLO, w->map, &outer, w->nested);
    if (err == CRDT_OK) err = crdt_txn_apply(txn, name_of("k"), op, args, argc);
    return err;
}

static crdt_err take_away(world *w, crdt_txn *txn)
{
    crdt_view path[2] = {name_of("m"), name_of("k")};
    bool      whole = w->nested && below(w, 2);
    if (w->tells) printf("  %s", whole ? "remove the map" : "remove");
    if (w->map == NULL) return crdt_txn_remove(txn, CRDT_SOLO);
    return crdt_ormap_remove(txn, CRDT_SOLO, w->map, whole || w->nested ? path : path + 1,
                             w->nested && !whole ? 2 : 1);
}

static void act(world *w, unsigned r)
{
    crdt_delta *delta;
    crdt_txn   *txn = begin(w->s[r]);
    crdt_err    err = CRDT_OK;
    if (w->tells) printf("  %c:", 'A' + (int)r);
    for (unsigned n = below(w, 4) == 0 ? 2 : 1; n > 0; n--) {
        err = below(w, w->rare) == 0 ? take_away(w, txn) : operate(w, txn);
        crdt_ormap_leave(txn);
    }
    if (err != CRDT_OK) {
        crdt_store_rollback(w->s[r]);
        if (w->tells) printf(": %s\n", crdt_err_name(err));
        return;
    }
    CHECK_OK(crdt_store_commit(w->s[r], &delta));
    if (crdt_store_is_empty(delta)) {
        crdt_store_free(delta);
        if (w->tells) printf(": nothing\n");
        return;
    }
    add_entry(w, r, delta);
    if (w->tells) printf(": entry %u\n", w->count);
}

/* -- A history --------------------------------------------------------------------------------- */

static void step(world *w)
{
    unsigned r = below(w, REPLICAS), what = below(w, 20), rest = w->acts + w->cuts;
    if (what < w->acts) act(w, r);
    else if (what < rest) propose(w, r);
    else if (what < rest + 2) (void)add_entry(w, r, NULL); /* an acknowledgement */
    else if (what < rest + 3) join_state(w, r, (r + 1 + below(w, REPLICAS - 1)) % REPLICAS);
    else deliver_some(w, r);
}

static bool all_same(const world *w)
{
    for (unsigned r = 0; r < REPLICAS; r++) check_store(w->s[r]);
    return same_bytes(w->s[0], w->s[1]) && same_bytes(w->s[0], w->s[2]);
}

static void settle(world *w)
{
    for (bool more = true; more;) {
        more = false;
        for (unsigned r = 0; r < REPLICAS; r++) more |= deliver(w, r);
    }
}

static bool play(world *w, uint64_t seed)
{
    w->rand = seed;
    w->count = 0;
    w->nested = below(w, 3) == 0 && w->map != NULL;
    w->acts = 4 + below(w, 4);
    w->cuts = 1 + below(w, 5);
    w->rare = 2 + below(w, 3);
    w->burst = 1 + below(w, 4);
    for (unsigned r = 0; r < REPLICAS; r++) {
        w->s[r] = solo_of(w->map != NULL ? w->map : w->type, ids[r]);
        w->held[r] = 0;
    }
    for (unsigned n = 6 + below(w, STEPS_MAX - 5); n > 0; n--) step(w);
    settle(w);
    bool same = all_same(w);
    for (unsigned r = 0; r < REPLICAS; r++) (void)add_entry(w, r, NULL);
    settle(w);
    propose(w, 0);
    settle(w);
    same = same && all_same(w);
    if (w->tells) printf("  A reads %s\n", shown(w->s[0], ""));
    if (w->tells) printf("  B reads %s\n", shown(w->s[1], ""));
    if (w->tells) printf("  C reads %s\n", shown(w->s[2], ""));
    for (unsigned r = 0; r < REPLICAS; r++) crdt_store_free(w->s[r]);
    for (unsigned i = 0; i < w->count; i++) {
        crdt_store_free(w->entries[i].delta);
        crdt_context_clear(&w->entries[i].ctx);
        crdt_context_clear(&w->entries[i].cut);
    }
    return same;
}

static uint64_t histories(void)
{
    const char *text = getenv("CRDT_SCHEDULES");
    if (text != NULL) return strtoull(text, NULL, 0);
    return T_SLOW ? 20 : 3000;
}

static void hold(world *w, uint64_t *seed)
{
    const char *where = w->map != NULL ? w->map->name : "no map";
    for (uint64_t n = histories(); n > 0; n--) {
        uint64_t first = *seed;
        if (play(w, next_random(seed))) continue;
        w->tells = true;
        printf("%s in %s, SEED=%#jx:\n", w->type->name, where, (uintmax_t)first);
        (void)play(w, next_random(&first));
        FAIL("%s in %s: replicas that hold the same are not the same", w->type->name, where);
    }
}

static void hold_all(const crdt_type *map)
{
    static world      w;
    const crdt_types *types = crdt_types_builtin();
    uint64_t          seed = seed_or(1);
    unsigned          held = 0;
    for (size_t i = 0; i < types->count; i++) {
        const crdt_type *type = types->list[i];
        bool             is_map = type->holds && type != &crdt_zset_type;
        if (map != NULL && (type->kept || type->beside || is_map)) continue;
        w = (world){.map = map, .type = type};
        hold(&w, &seed);
        held++;
    }
    CHECK(held > 20);
}

TEST(collect, any_type_alone)
{
    hold_all(NULL);
}

TEST(collect, any_type_in_a_map_where_updates_win)
{
    hold_all(&crdt_ormap_type);
}

TEST(collect, any_type_in_a_map_where_removals_win)
{
    hold_all(&crdt_ormap_rw_type);
}

TEST(collect, any_type_in_a_map_where_the_latest_write_wins)
{
    hold_all(&crdt_ormap_lww_type);
}
