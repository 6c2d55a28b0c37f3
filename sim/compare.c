/* compare.c: the same on several topologies, or the same conflicts under several types. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "sim/must.h"
#include "sim/random.h"
#include "sim/scenario.h"

/* -- Topologies -------------------------------------------------------------------------------- */

static bool is_topology(const char *name)
{
    for (int t = 0; t < PLAN_TOPOLOGIES; t++) {
        if (strcmp(name, plan_topology_name((plan_topology)t)) == 0) return true;
    }
    return false;
}

/* The most that any one node sends, as a multiple of the average. */
static double burden(const world *w)
{
    uint64_t most = 0, sum = 0;
    for (size_t i = 0; i < w->nodes_count; i++) {
        if (w->nodes[i].sent_bytes > most) most = w->nodes[i].sent_bytes;
        sum += w->nodes[i].sent_bytes;
    }
    return sum ? (double)most * (double)w->nodes_count / (double)sum : 0;
}

static bool compare_topology(const options *asked, const char *name)
{
    options   o = *asked;
    scenario *s = must_alloc(sizeof *s);
    world     w;
    for (int t = 0; t < PLAN_TOPOLOGIES; t++) {
        if (strcmp(name, plan_topology_name((plan_topology)t)) == 0) o.topology = (uint64_t)t;
    }
    s->options = &o;
    world_init(&w);
    bool fine = scenario_plan(&o, &s->plan);
    if (fine) {
        scenario_run(s, &w);
        fine = !w.broken;
        double entries = w.stats.entries ? (double)w.stats.entries : 1;
        if (fine) {
            printf("%-10s %10.3f %10.3f %10.3f %10.1f %12" PRIu64 " %12.0f %10.1f\n", name,
                   s->reach_median, s->reach_99, s->reach_max, s->converged_after, w.stats.messages,
                   (double)w.stats.bytes / entries / (double)w.nodes_count, burden(&w));
        } else {
            printf("%-10s broke %s %s: %s\n", name, check_code(w.broken), check_name(w.broken),
                   w.why);
        }
    }
    scenario_free(s);
    world_free(&w);
    free(s);
    return fine;
}

static int compare_topologies(const options *o)
{
    bool fine = true;
    printf("%" PRIu64 " nodes, %" PRIu64 " transactions, loss %.0f %%, seed %" PRIu64 "\n\n",
           o->nodes, o->ops, (double)o->loss / 1e4, o->seed);
    printf("%-10s %10s %10s %10s %10s %12s %12s %10s\n", "", "to all, s", "99 %", "most",
           "settled, s", "messages", "B/entry/node", "burden");
    for (unsigned i = 0; i < o->compare_count; i++) fine &= compare_topology(o, o->compare[i]);
    printf(
        "\nto all: from a write until every node has it. settled: after the last write. burden:\n"
        "what the busiest node sends, by the average.\n");
    return fine ? 0 : 1;
}

/* -- Types: what becomes of concurrent writes -------------------------------------------------- */

#define KEYS 8

typedef struct write_note {
    uint32_t key, entry;
    bool     shown;
} write_note;

typedef struct fates {
    const crdt_type *type;
    const crdt_op   *op;
    write_note      *writes;
    size_t           count, cap;
    size_t           refused;
} fates;

/* "lww" or an alias that is shorter than the name. */
static const crdt_type *type_of(const char *name)
{
    if (strcmp(name, "mv") == 0) name = "mvreg";
    return crdt_types_by_name(crdt_types_builtin(), name);
}

/* Its first operation that takes one value. */
static const crdt_op *op_of(const crdt_type *type)
{
    for (size_t i = 0; type && i < type->ops_count; i++) {
        if (strcmp(type->ops[i].args, "v") == 0) return &type->ops[i];
    }
    return NULL;
}

static void name_of(uint32_t key, char name[16])
{
    snprintf(name, 16, "key%u", key);
}

/* One write of a value that no other write has: the number of the write. */
static void write_one(world *w, fates *f, uint64_t *rand)
{
    node      *n = &w->nodes[random_below(rand, w->nodes_count)];
    uint32_t   key = (uint32_t)random_below(rand, KEYS);
    char       name[16];
    crdt_txn  *txn;
    crdt_dot   last;
    crdt_value value = crdt_int((int64_t)f->count);
    if (n->state != NODE_UP) return;
    name_of(key, name);
    check_log(n);
    if (gossip_engine_write(n->engine, w->now, node_ms(n), &txn)) {
        f->refused++;
        return;
    }
    if (crdt_txn_apply(txn, crdt_text_view(name), f->op, &value, 1) ||
        gossip_engine_commit(n->engine, &last) || last.seq == 0) {
        gossip_engine_rollback(n->engine);
        f->refused++;
        return;
    }
    check_log(n);
    must_grow(&f->writes, &f->cap, f->count + 1, sizeof *f->writes);
    f->writes[f->count++] = (write_note){key, (uint32_t)w->history.count - 1, false};
    w->stats.writes++;
    node_run(n);
}

/* Marks the writes whose values an object shows: all numbers that are printed. */
static void mark_shown(fates *f, const char *text)
{
    while (*text) {
        char *end;
        if (*text < '0' || *text > '9') {
            text++;
            continue;
        }
        uint64_t number = strtoull(text, &end, 10);
        if (number < f->count) f->writes[number].shown = true;
        text = end;
    }
}

static void look_at(world *w, fates *f)
{
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    for (uint32_t key = 0; key < KEYS; key++) {
        char     name[16];
        crdt_ref ref;
        name_of(key, name);
        if (crdt_store_find(w->nodes[0].store, crdt_text_view(name), f->type, &ref)) continue;
        crdt_buf_reset(&text);
        crdt_ref_print(&ref, &text);
        crdt_buf_byte(&text, 0);
        mark_shown(f, (const char *)text.data);
    }
    crdt_buf_clear(&text);
}

/* Did a later write to the same key see it, and so replace it knowingly? */
static bool is_replaced(const world *w, const fates *f, size_t i)
{
    const history       *h = &w->history;
    const history_entry *e = &h->entries[f->writes[i].entry];
    for (size_t k = i + 1; k < f->count; k++) {
        if (f->writes[k].key != f->writes[i].key) continue;
        if (history_past(h, &h->entries[f->writes[k].entry], e->who) >= e->last) return true;
    }
    return false;
}

static bool compare_type(const options *o, const char *name)
{
    fates    f = {.type = type_of(name)};
    world    w;
    plan     p;
    uint64_t rand = random_stream(o->seed, 7);
    f.op = op_of(f.type);
    if (!f.op) {
        fprintf(stderr,
                "concur-sim: --compare: %s is no topology, and no type that takes a value\n", name);
        return false;
    }
    options calm = *o;
    calm.ops = 0;
    if (!scenario_plan(&calm, &p)) return false;
    world_init(&w);
    world_begin(&w, &p);
    for (uint64_t i = 0; i < o->ops && !w.broken; i++) {
        world_until(&w, 500000 + (p.duration - 500000) / (o->ops + 1) * i);
        if (!w.broken) write_one(&w, &f, &rand);
    }
    bool fine = !w.broken && world_settle(&w, 4 * world_bound(&p));
    if (fine) {
        size_t shown = 0, replaced = 0;
        look_at(&w, &f);
        for (size_t i = 0; i < f.count; i++) {
            if (f.writes[i].shown) shown++;
            else if (is_replaced(&w, &f, i)) replaced++;
        }
        size_t lost = f.count - shown - replaced;
        printf("%-10s %10zu %10zu %10zu %10zu %9.1f %%\n", name, f.count, shown, replaced, lost,
               f.count ? 100.0 * (double)lost / (double)f.count : 0);
    } else {
        printf("%-10s %s\n", name, w.broken ? w.why : "it did not converge");
    }
    free(f.writes);
    world_free(&w);
    plan_free(&p);
    return fine;
}

static int compare_types(const options *o)
{
    bool fine = true;
    printf("%" PRIu64 " nodes write %" PRIu64 " values to %d keys, loss %.0f %%, seed %" PRIu64
           "\n\n",
           o->nodes, o->ops, KEYS, (double)o->loss / 1e4, o->seed);
    printf("%-10s %10s %10s %10s %10s\n", "", "writes", "shown", "replaced", "lost");
    for (unsigned i = 0; i < o->compare_count; i++) fine &= compare_type(o, o->compare[i]);
    printf("\nshown: reads give it in the end. replaced: by a write that had seen it. lost: it is\n"
           "gone, and nobody who took its place had seen it.\n");
    return fine ? 0 : 1;
}

int compare_run(const options *o)
{
    unsigned topologies = 0;
    for (unsigned i = 0; i < o->compare_count; i++) topologies += is_topology(o->compare[i]);
    if (topologies == o->compare_count) return compare_topologies(o);
    if (topologies == 0) return compare_types(o);
    fprintf(stderr, "concur-sim: --compare: either topologies or types\n");
    return 2;
}
