/* session_fuzz.c: whole conversations: live engines, and whoever sits between them.
 *
 * Input    a schedule: writes on both sides, time, frames passed on, lost, kept and played again,
 *          changed (with the right checksum put before them), or made of whole cloth.
 * Always   the engine goes on: its store is sound, what it wrote is there, its deadline moves, its
 *          memory is bounded.
 * Honest   as long as no frame was changed or forged: both end with the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "fuzz/fuzz.h"
#include "gossip/driver.h"
#include "tests/wire/lib/messages.h"

enum {
    SIDES = 2,
    QUEUE = 64,  /* frames on the way to one side; more are lost */
    KEPT = 16,   /* frames to be played again */
    STEPS = 400, /* of one schedule */
    SECOND = 1000000
};
#define MEMORY_MAX (64u << 20)

typedef struct parcel {
    uint8_t *bytes;
    size_t   size;
} parcel;

typedef struct side {
    testmem        mem;
    crdt_store    *store;
    gossip_engine *engine;
    gossip_driver *driver;
    struct talk   *talk;
    parcel         queue[QUEUE]; /* to this side */
    size_t         queued;
    unsigned       written;
} side;

typedef struct talk {
    side             sides[SIDES];
    gossip_transport transports[SIDES];
    parcel           kept[KEPT];
    size_t           kept_count;
    gossip_time      now;
    bool             honest;
} talk;

static parcel copy_of(crdt_view bytes)
{
    parcel p = {malloc(bytes.size + 1), bytes.size};
    CHECK(p.bytes != NULL);
    if (bytes.size > 0) memcpy(p.bytes, bytes.data, bytes.size);
    return p;
}

/* The transport of one side: what it sends is queued for the other. */
static void send_frame(void *user, crdt_view address, crdt_view bytes, bool reply, uint64_t from)
{
    side *me = user, *other = &me->talk->sides[me == me->talk->sides];
    (void)address, (void)reply, (void)from;
    if (other->queued == QUEUE) return;
    other->queue[other->queued++] = copy_of(bytes);
}

static void open_side(talk *t, unsigned i)
{
    static const char *const names[SIDES] = {"a", "b"};
    side                    *s = &t->sides[i];
    gossip_config            config = gossip_config_default();
    gossip_peer              peer;
    testmem_init(&s->mem);
    s->mem.bytes_max = MEMORY_MAX;
    s->talk = t;
    crdt_options options = crdt_options_default(i + 1, crdt_types_builtin());
    options.mem = &s->mem.mem;
    config.cluster = 1;
    config.node = i + 1;
    config.boot = config.seed = i + 77;
    config.address = crdt_text_view(names[i]);
    config.parked_bytes = 1 << 20;
    t->transports[i] = (gossip_transport){send_frame, s};
    CHECK_OK(crdt_store_new(&options, &s->store));
    CHECK_OK(gossip_engine_new(&config, s->store, &s->mem.mem, &s->engine));
    CHECK_OK(gossip_driver_new(s->engine, &t->transports[i], NULL, &s->mem.mem, &s->driver));
    CHECK_OK(gossip_engine_add_peer(s->engine, crdt_text_view(names[!i]), &peer));
}

static void close_side(side *s)
{
    gossip_driver_free(s->driver);
    gossip_engine_free(s->engine);
    crdt_store_free(s->store);
    for (size_t i = 0; i < s->queued; i++) free(s->queue[i].bytes);
    TESTMEM_DONE(&s->mem);
}

static void run(talk *t, side *s)
{
    CHECK_OK(gossip_driver_run(s->driver, t->now, FUZZ_NOW));
}

static void receive(talk *t, side *s, crdt_view bytes)
{
    crdt_err err = gossip_driver_receive(s->driver, t->now, FUZZ_NOW, bytes, 0);
    if (t->honest) CHECK_OK(err);
    run(t, s);
}

static parcel take_first(side *s)
{
    parcel first = s->queue[0];
    memmove(s->queue, s->queue + 1, --s->queued * sizeof *s->queue);
    return first;
}

/* Each mark is a set's element that only this side writes. */
static void write_mark(talk *t, side *s)
{
    crdt_txn *txn;
    crdt_err  err = gossip_engine_write(s->engine, t->now, FUZZ_NOW, &txn);
    if (err == CRDT_EFORK && !t->honest) return; /* forged frames made it a clone: it says so */
    CHECK_OK(err);
    int64_t mark = (int64_t)s->written * SIDES + (s == t->sides);
    CHECK_OK(crdt_gset_add(txn, crdt_text_view("marks"), crdt_int(mark)));
    CHECK_OK(gossip_engine_commit(s->engine, NULL));
    s->written++;
    run(t, s);
}

/* Time passes, event by event; an engine whose deadline does not move would spin for ever. */
static void pass(talk *t, gossip_time us)
{
    gossip_time until = t->now + us;
    for (unsigned turns = 0;; turns++) {
        gossip_time next = until;
        for (int i = 0; i < SIDES; i++) {
            gossip_time at = gossip_driver_deadline(t->sides[i].driver);
            if (at < next) next = at;
        }
        CHECK_MSG(turns < 10000, "the deadline does not move");
        if (next > t->now) t->now = next;
        for (int i = 0; i < SIDES; i++) run(t, &t->sides[i]);
        if (next >= until) return;
    }
}

static void deliver_all(talk *t)
{
    for (unsigned i = 0; i < 10000 && t->sides[0].queued + t->sides[1].queued > 0; i++) {
        side *s = &t->sides[i % SIDES];
        if (s->queued == 0) continue;
        parcel p = take_first(s);
        receive(t, s, crdt_view_of(p.bytes, p.size));
        free(p.bytes);
    }
}

static void change(fuzz_in *in, parcel *p)
{
    for (unsigned n = fuzz_byte(in) % 4; n > 0 && p->size > 4; n--) {
        size_t at = 4 + (fuzz_byte(in) * 256u + fuzz_byte(in)) % (p->size - 4);
        p->bytes[at] ^= fuzz_byte(in);
    }
    if (fuzz_byte(in) % 4 == 0) p->size = fuzz_byte(in) * p->size / 256;
    frame_repair(p->bytes, p->size);
}

static void keep(talk *t, crdt_view bytes)
{
    if (t->kept_count < KEPT) t->kept[t->kept_count++] = copy_of(bytes);
}

static void step(talk *t, fuzz_in *in)
{
    uint8_t what = fuzz_byte(in);
    side   *s = &t->sides[what >> 7];
    parcel  p = {NULL, 0}, *old;
    switch (what % 9) {
    case 0: write_mark(t, s); return;
    case 1: pass(t, fuzz_byte(in) * (gossip_time)20000); return;
    case 2: deliver_all(t); return;
    case 3: /* the next frame arrives */
    case 4: /* changed */
    case 5: /* it is lost */
    case 6: /* and will come again */
        if (s->queued == 0) return;
        p = take_first(s);
        if (what % 9 == 6) keep(t, crdt_view_of(p.bytes, p.size));
        if (what % 9 == 4) {
            t->honest = false;
            change(in, &p);
        }
        if (what % 9 != 5) receive(t, s, crdt_view_of(p.bytes, p.size));
        break;
    case 7: /* one from before, to either side */
        if (t->kept_count == 0) return;
        t->honest = false; /* the other side takes it for another's */
        old = &t->kept[fuzz_byte(in) % t->kept_count];
        p = copy_of(crdt_view_of(old->bytes, old->size));
        frame_repair(p.bytes, p.size);
        receive(t, s, crdt_view_of(p.bytes, p.size));
        break;
    default: /* of whole cloth */
        t->honest = false;
        p = copy_of(fuzz_take(in, fuzz_byte(in)));
        frame_repair(p.bytes, p.size);
        receive(t, s, crdt_view_of(p.bytes, p.size));
    }
    free(p.bytes);
}

static void check_side(const talk *t, const side *s)
{
    crdt_ref    ref;
    const char *reason = "";
    CHECK_MSG(crdt_store_check(s->store, &reason), "%s", reason);
    if (s->written == 0) return;
    CHECK_OK(crdt_store_find(s->store, crdt_text_view("marks"), NULL, &ref));
    for (unsigned n = 0; n < s->written && ref.type == &crdt_gset_type; n++) {
        int64_t mark = (int64_t)n * SIDES + (s == t->sides);
        CHECK(crdt_gset_has(ref, crdt_int(mark)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in in = fuzz_input(data, size);
    talk    t;
    memset(&t, 0, sizeof t);
    t.honest = true;
    t.now = SECOND;
    for (unsigned i = 0; i < SIDES; i++) open_side(&t, i);
    for (int n = 0; n < STEPS && fuzz_more(&in); n++) step(&t, &in);
    for (int n = 0; n < 40; n++) {
        deliver_all(&t);
        pass(&t, SECOND);
    }
    for (int i = 0; i < SIDES; i++) check_side(&t, &t.sides[i]);
    if (t.honest) fuzz_same(t.sides[0].store, t.sides[1].store, "an honest conversation");
    for (int i = 0; i < SIDES; i++) close_side(&t.sides[i]);
    for (size_t i = 0; i < t.kept_count; i++) free(t.kept[i].bytes);
    return 0;
}
