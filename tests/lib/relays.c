/* relays.c: see relays.h. */
#include "tests/lib/relays.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"

crdt_store *store_with(const crdt_types *types, uint64_t replica, const crdt_mem *mem)
{
    crdt_options o = crdt_options_default(replica, types);
    crdt_store  *store;
    o.mem = mem;
    CHECK_OK(crdt_store_new(&o, &store));
    return store;
}

crdt_store *read_as(const crdt_store *like, const crdt_store *from)
{
    crdt_buf    buf;
    crdt_store *out;
    const char *reason = "";
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_store_encode(from, &buf));
    crdt_err err = crdt_delta_decode(like, crdt_buf_bytes(&buf), &out, &reason);
    CHECK_MSG(err == CRDT_OK, "%s: %s", crdt_err_name(err), reason);
    crdt_buf_clear(&buf);
    return out;
}

void check_recodes(const crdt_store *store)
{
    crdt_store *again = read_as(store, store);
    CHECK(same_bytes(again, store));
    crdt_store_free(again);
}

void give(crdt_store *to, crdt_store *what)
{
    crdt_store *read = read_as(to, what);
    check_recodes(read);
    join(to, read);
    check_store(to);
    check_recodes(to);
    free_all(read, what, NULL);
}

crdt_store *copy_of(const crdt_store *from)
{
    crdt_store *copy;
    CHECK_OK(crdt_store_clone(from, 0, &copy));
    CHECK(same_bytes(copy, from));
    return copy;
}

crdt_store *since(const crdt_store *from, const crdt_store *holder)
{
    crdt_store *delta;
    CHECK_OK(crdt_store_since(from, crdt_store_context(holder), &delta));
    return delta;
}

bool same_digest(crdt_store *a, crdt_store *b, const crdt_types *types)
{
    return crdt_digest_equal(crdt_store_digest(a, types), crdt_store_digest(b, types));
}

/* -- Random histories -------------------------------------------------------------------------- */

uint64_t relays_below(relays_world *w, uint64_t bound)
{
    return random_below(&w->random, bound);
}

static void write_some(relays_world *w, const relays_kind *kind, crdt_store *author)
{
    kind->write(w, begin(author));
    crdt_delta *delta = commit(author);
    join(w->all, delta);
    w->deltas[w->count++] = delta;
}

static void carry(relays_world *w, const crdt_store *from, crdt_store *to)
{
    give(to, relays_below(w, 2) ? copy_of(from) : since(from, to));
}

/* Some deltas that went through a relay's hands, as a group. */
static void carry_deltas(relays_world *w, crdt_store *to)
{
    if (w->count == 0) return;
    unsigned    at = (unsigned)relays_below(w, w->count);
    unsigned    end = at + 1 + (unsigned)relays_below(w, 4);
    crdt_store *group = read_as(w->relays[0], w->deltas[at]);
    for (at++; at < end && at < w->count; at++) {
        crdt_store *more = read_as(w->relays[0], w->deltas[at]);
        CHECK_OK(crdt_store_merge(group, more));
        crdt_store_free(more);
    }
    check_recodes(group);
    crdt_store *read = read_as(to, group);
    crdt_err    err = crdt_store_join(to, read, NOW);
    CHECK(err == CRDT_OK || err == CRDT_EGAP);
    check_store(to);
    check_recodes(to);
    free_all(group, read, NULL);
}

static void step(relays_world *w, const relays_kind *kind)
{
    crdt_store *author = w->authors[relays_below(w, RELAYS_AUTHORS)];
    crdt_store *relay = w->relays[relays_below(w, 2)];
    switch (relays_below(w, 11)) {
    case 0:
    case 1:
    case 2: write_some(w, kind, author); break;
    case 3:
    case 4: carry(w, author, relay); break;
    case 5:
    case 6: carry(w, relay, author); break;
    case 7: carry(w, relay, w->relays[relay == w->relays[0]]); break;
    default: carry_deltas(w, relays_below(w, 2) ? relay : author);
    }
}

static void settle(relays_world *w, const relays_kind *kind, uint64_t seed)
{
    for (unsigned i = 0; i < RELAYS_AUTHORS; i++) carry(w, w->authors[i], w->relays[i % 2]);
    carry(w, w->relays[0], w->relays[1]);
    CHECK_MSG(same_digest(w->relays[1], w->all, kind->relays), "SEED=%ju", (uintmax_t)seed);
    for (unsigned i = 0; i < RELAYS_AUTHORS; i++) {
        carry(w, w->relays[1], w->authors[i]);
        CHECK_MSG(same_bytes(w->authors[i], w->all), "SEED=%ju", (uintmax_t)seed);
    }
}

static void play(const relays_kind *kind, uint64_t seed)
{
    relays_world w;
    memset(&w, 0, sizeof w);
    w.random = seed;
    for (unsigned i = 0; i < RELAYS_AUTHORS; i++) {
        w.authors[i] = store_with(kind->authors, 1 + (i * 7 + seed) % 11, NULL);
    }
    for (unsigned i = 0; i < 2; i++) w.relays[i] = store_with(kind->relays, 0, NULL);
    w.all = store_with(kind->authors, 50, NULL);
    for (uint64_t n = 10 + relays_below(&w, RELAYS_STEPS_MAX - 10); n > 0; n--) step(&w, kind);
    settle(&w, kind, seed);
    for (unsigned i = 0; i < w.count; i++) crdt_store_free(w.deltas[i]);
    for (unsigned i = 0; i < RELAYS_AUTHORS; i++) crdt_store_free(w.authors[i]);
    free_all(w.relays[0], w.relays[1], w.all, NULL);
}

void relays_play(const relays_kind *kind)
{
    uint64_t first = seed_or(1);
    uint64_t end = first + (getenv("SEED") != NULL ? 1 : kind->histories);
    for (uint64_t seed = first; seed < end; seed++) play(kind, seed);
}
