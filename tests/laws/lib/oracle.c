/* oracle.c: the table of oracles, and what they share. */
#include "tests/laws/lib/oracle.h"

#include <stdlib.h>
#include <string.h>

typedef struct entry {
    const char      *name;
    crdt_laws_oracle oracle;
} entry;

/* A type without an oracle does not link. */
static const entry entries[] = {
#define CRDT_TYPE(id, name) {#name, oracle_##name},
#include "crdt/types.def"
#undef CRDT_TYPE
};

static bool is_sequence(const char *name)
{
    static const char *const names[] = {"rga", "text", "rga_classic", "text_classic"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return false;
}

static bool is_map(const char *name)
{
    return strncmp(name, "ormap", 5) == 0;
}

/* The policies of maps share all but what a removal leaves. */
static uint64_t triples_of(const char *name, uint64_t triples)
{
    bool asked = getenv("CRDT_TRIPLES") != NULL || getenv("CRDT_SOAK") != NULL;
    return asked || strncmp(name, "ormap_", 6) != 0 ? triples : triples / 5;
}

/* Types whose histories are many or long: how many operations are taken, and how many by `make
 * soak`. What is wrong with the classic order alone, or with lists alone, shows in four. Of cells
 * there are 110,000 histories of four, and forty times that of five; of revision graphs 11,000 of
 * three; of maps 54,000 of three, of rows more than 200,000, of audits even more. */
static const struct bound {
    const char *name;
    unsigned    most, soaked;
} bounds[] = {
    {"rga", 4, 6},      {"rga_classic", 4, 6}, {"text_classic", 4, 6}, {"cell", 4, 5},
    {"bcounter", 4, 6}, {"revgraph", 3, 4},    {"lwwmap", 2, 3},       {"ormap", 2, 3},
    {"ormap_rw", 2, 3}, {"ormap_lww", 2, 3},   {"score", 3, 4},        {"zset", 3, 3},
    {"audit", 2, 3},    {"marks", 4, 5},
};

static unsigned scope_of(const char *name, unsigned scope)
{
    bool     soak = getenv("CRDT_SOAK") != NULL;
    unsigned most = soak ? 6 : 5;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        if (strcmp(bounds[i].name, name) == 0) most = soak ? bounds[i].soaked : bounds[i].most;
    }
    return scope < most ? scope : most;
}

static unsigned flags_of(const char *name)
{
    unsigned flags = 0;
    if (strcmp(name, "twopset") == 0) flags |= CRDT_LAWS_KEEPS_RESIDUES;
    if (is_sequence(name)) flags |= CRDT_LAWS_KEEPS_RESIDUES; /* ids of what is deleted stay */
    /* Those of the lists in them; one dot at two keys is no more found out than at two names. */
    if (is_map(name)) flags |= CRDT_LAWS_KEEPS_RESIDUES | CRDT_LAWS_HIDES_FORKS;
    if (strcmp(name, "cell") == 0) flags |= CRDT_LAWS_ORDERED;     /* a number, or not */
    if (strcmp(name, "zset") == 0) flags |= CRDT_LAWS_HIDES_FORKS; /* one dot at two members */
    /* Revisions are ordered by their hashes; after a deletion is forgotten they begin anew. */
    if (strcmp(name, "revgraph") == 0) flags |= CRDT_LAWS_ORDERED | CRDT_LAWS_FORGETS;
    if (strcmp(name, "lwwmap") == 0) flags |= CRDT_LAWS_ORDERED | CRDT_LAWS_FORGETS;
    if (strcmp(name, "lwwts") == 0) flags |= CRDT_LAWS_ORDERED | CRDT_LAWS_FORGETS;
    return flags;
}

crdt_laws_options oracle_options(const crdt_type *type)
{
    crdt_laws_options options = crdt_laws_options_default(type);
    options.flags = flags_of(type->name);
    options.scope = scope_of(type->name, options.scope);
    options.triples = triples_of(type->name, options.triples);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (strcmp(entries[i].name, type->name) == 0) options.oracle = entries[i].oracle;
    }
    return options;
}

bool is_op(const crdt_laws_event *e, const char *name)
{
    return e->op != NULL && strcmp(e->op->name, name) == 0;
}

bool same_arg(const crdt_laws_event *a, const crdt_laws_event *b)
{
    return crdt_value_compare(a->args[0], b->args[0]) == 0;
}

bool is_later_write(const crdt_laws_event *events, size_t a, size_t b)
{
    if (events[a].stamp != events[b].stamp) return events[a].stamp > events[b].stamp;
    if (events[a].replica != events[b].replica) return events[a].replica > events[b].replica;
    return a > b;
}

void print_values(crdt_value *values, size_t count, const char *open, const char *close,
                  bool unique, crdt_buf *out)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = i; j > 0 && crdt_value_compare(values[j - 1], values[j]) > 0; j--) {
            crdt_value lower = values[j];
            values[j] = values[j - 1];
            values[j - 1] = lower;
        }
    }
    const char *between = "";
    crdt_buf_text(out, open);
    for (size_t i = 0; i < count; i++) {
        if (unique && i > 0 && crdt_value_compare(values[i - 1], values[i]) == 0) continue;
        crdt_buf_text(out, between);
        crdt_buf_print_value(out, values[i]);
        between = ", ";
    }
    crdt_buf_text(out, close);
}
