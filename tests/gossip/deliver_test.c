/* The half of the engine below its links: log, causal delivery, tags, parking, own entries,
 * stability. Entries are handed over by hand, in whatever order a test wants. */
#include <string.h>

#include "gossip/core/impl.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

typedef struct node {
    testmem        mem;
    crdt_store    *store;
    gossip_engine *engine;
    gossip_time    now;
} node;

static gossip_config config_of(uint64_t id)
{
    gossip_config c = gossip_config_default();
    c.cluster = 7;
    c.node = id;
    c.boot = c.seed = id * 1000 + 1;
    return c;
}

static void make_with(node *n, const gossip_config *config, uint64_t replica)
{
    crdt_options o = crdt_options_default(replica, crdt_types_builtin());
    testmem_init(&n->mem);
    o.mem = &n->mem.mem;
    CHECK_OK(crdt_store_new(&o, &n->store));
    CHECK_OK(gossip_engine_new(config, n->store, &n->mem.mem, &n->engine));
    n->now = 1000;
}

static void make(node *n, uint64_t id)
{
    gossip_config c = config_of(id);
    make_with(n, &c, id);
}

static void end(node *n)
{
    gossip_engine_free(n->engine);
    crdt_store_free(n->store);
    TESTMEM_DONE(&n->mem);
}

/* The driver of these tests: durable at once. */
static void persist(node *n)
{
    gossip_action action;
    while (gossip_engine_next(n->engine, &action)) {}
    gossip_engine_persisted(n->engine, n->now, gossip_engine_stats(n->engine).log_end);
}

static crdt_dot add(node *n, const char *name, const char *element)
{
    crdt_txn *txn;
    crdt_dot  last;
    n->now += 10;
    CHECK_OK(gossip_engine_write(n->engine, n->now, NOW, &txn));
    CHECK_OK(crdt_orset_add(txn, name_of(name), crdt_text(element)));
    CHECK_OK(gossip_engine_commit(n->engine, &last));
    persist(n);
    return last;
}

static gossip__outcome hand(node *to, const gossip_entry *entry, uint32_t tag_before)
{
    gossip__outcome outcome;
    CHECK_OK(gossip__deliver(to->engine, NOW, entry, tag_before, 1, &outcome));
    persist(to);
    return outcome;
}

/* The entry at this position of from's log, with the tag before it. */
static gossip_entry entry_at(const node *from, uint64_t position, uint32_t *ret_tag_before)
{
    const gossip__record *record = gossip__log_at(&from->engine->log, position);
    *ret_tag_before = record->before;
    return gossip__record_entry(from->engine, record);
}

static gossip__outcome give(const node *from, uint64_t position, node *to)
{
    uint32_t     before;
    gossip_entry entry = entry_at(from, position, &before);
    return hand(to, &entry, before);
}

static void give_all(const node *from, node *to)
{
    for (uint64_t p = from->engine->log.first; p < from->engine->log.end; p++)
        (void)give(from, p, to);
}

/* Can whoever holds `known` be served from the log alone? */
static bool serves_all(const gossip_engine *engine, const gossip__vec *known)
{
    bool all = true;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        all &= gossip__log_serves(engine, who, gossip__vec_at(known, who));
    }
    return all;
}

static bool noticed(node *n, gossip_notice wanted)
{
    gossip_action action;
    bool          found = false;
    while (gossip_engine_next(n->engine, &action)) {
        found |= action.kind == GOSSIP_DO_NOTIFY && action.notice == wanted;
    }
    return found;
}

TEST(deliver, entries_in_order_make_equal_stores)
{
    node a, b;
    make(&a, 1);
    make(&b, 2);
    add(&a, "s", "x");
    add(&a, "s", "y");
    CHECK_EQ_INT(give(&a, 0, &b), GOSSIP__DELIVERED);
    CHECK_EQ_INT(give(&a, 1, &b), GOSSIP__DELIVERED);
    CHECK_EQ_INT(give(&a, 1, &b), GOSSIP__DUPLICATE);
    CHECK(same_bytes(a.store, b.store));
    CHECK_EQ_INT(gossip_engine_stats(b.engine).duplicates, 1);
    end(&a);
    end(&b);
}

TEST(deliver, effect_waits_for_its_cause_in_another_object)
{
    node a, b, c;
    make(&a, 1);
    make(&b, 2);
    make(&c, 3);
    add(&a, "question", "why");
    give_all(&a, &b);
    add(&b, "answer", "because");
    uint64_t answer = b.engine->log.end - 1;
    CHECK_EQ_INT(give(&b, answer, &c), GOSSIP__PARKED);
    CHECK_EQ_INT(give(&b, answer, &c), GOSSIP__PARKED); /* kept once */
    CHECK_EQ_INT(gossip_engine_stats(c.engine).parked, 1);
    CHECK_EQ_STR(shown(c.store, "answer"), "ENOENT");
    CHECK_EQ_INT(give(&a, 0, &c), GOSSIP__DELIVERED);
    CHECK_EQ_STR(shown(c.store, "answer"), "{\"because\"}");
    CHECK_EQ_INT(gossip_engine_stats(c.engine).parked, 0);
    CHECK(same_bytes(b.store, c.store));
    end(&a);
    end(&b);
    end(&c);
}

TEST(deliver, any_order_of_many_entries_ends_in_equal_stores)
{
    enum { WRITERS = 3, ENTRIES = 40, ROUNDS = 20 };
    uint64_t seed = seed_or(11);
    for (int round = 0; round < ROUNDS; round++) {
        node w[WRITERS], last;
        for (uint64_t i = 0; i < WRITERS; i++) make(&w[i], i + 1);
        make(&last, 9);
        for (int i = 0; i < ENTRIES; i++) {
            node *n = &w[random_below(&seed, WRITERS)];
            char  element[16];
            snprintf(element, sizeof element, "%d", i);
            if (random_below(&seed, 3) == 0) give_all(&w[random_below(&seed, WRITERS)], n);
            add(n, i % 2 ? "odd" : "even", element);
        }
        for (int i = 0; i < WRITERS; i++) give_all(&w[i], &w[0]);
        for (int i = 0; i < WRITERS; i++) give_all(&w[i], &w[0]);
        uint64_t count = w[0].engine->log.end, order[512];
        CHECK(count <= 512);
        for (uint64_t i = 0; i < count; i++) {
            uint64_t j = random_below(&seed, i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        for (uint64_t i = 0; i < count; i++) (void)give(&w[0], order[i], &last);
        CHECK_EQ_INT(gossip_engine_stats(last.engine).parked, 0);
        CHECK(same_bytes(w[0].store, last.store));
        for (int i = 0; i < WRITERS; i++) end(&w[i]);
        end(&last);
    }
}

TEST(deliver, another_history_of_a_replica_is_refused)
{
    node a, clone, b;
    make(&a, 1);
    make(&clone, 1);
    make(&b, 2);
    add(&a, "s", "mine");
    add(&clone, "s", "its own");
    add(&clone, "s", "and more");
    CHECK_EQ_INT(give(&a, 0, &b), GOSSIP__DELIVERED);
    CHECK_EQ_INT(give(&clone, 0, &b), GOSSIP__FORKED); /* the same dot, other content */
    CHECK_EQ_INT(give(&clone, 1, &b), GOSSIP__FORKED); /* next in order, upon another one */
    CHECK(same_bytes(a.store, b.store));
    CHECK_EQ_INT(gossip_engine_stats(b.engine).forks, 2);
    uint32_t who = gossip__find(b.engine, 1);
    CHECK(gossip__compare(b.engine, who, 1 + 1, a.engine->replicas[0].tag, 1));
    CHECK(!gossip__compare(b.engine, who, 1 + 1, a.engine->replicas[0].tag + 1, 1));
    CHECK(noticed(&b, GOSSIP_FORKED));
    end(&a);
    end(&clone);
    end(&b);
}

TEST(deliver, a_clone_of_this_node_stops_its_writes)
{
    node      a, clone;
    crdt_txn *txn;
    make(&a, 1);
    make(&clone, 1);
    add(&a, "s", "mine");
    add(&clone, "s", "its own");
    uint32_t        before;
    gossip_entry    entry = entry_at(&clone, 0, &before);
    gossip__outcome outcome;
    CHECK_OK(gossip__deliver(a.engine, NOW, &entry, before, 1, &outcome));
    CHECK_EQ_INT(outcome, GOSSIP__FORKED);
    CHECK(noticed(&a, GOSSIP_CLONED));
    CHECK_ERR(gossip_engine_write(a.engine, a.now, NOW, &txn), CRDT_EFORK);
    end(&a);
    end(&clone);
}

/* The disk was restored from an old backup: peers know more of the id than the node does. */
TEST(deliver, forgotten_own_entries_come_back_and_a_new_id_succeeds)
{
    node a, again, b;
    make(&a, 1);
    make(&again, 1);
    make(&b, 2);
    add(&a, "s", "x");
    give_all(&a, &again);
    crdt_store_renew(again.store, 1) == CRDT_EEXIST ? (void)0 : FAIL("the id was not known");
    add(&a, "s", "y");
    CHECK_EQ_INT(give(&a, 1, &again), GOSSIP__DELIVERED);
    CHECK_EQ_INT(gossip_engine_stats(again.engine).reminted, 1);
    CHECK(crdt_store_replica(again.store) != 1);
    crdt_dot dot = add(&again, "s", "z");
    CHECK(dot.replica == crdt_store_replica(again.store));
    CHECK_EQ_INT(gossip_engine_stats(again.engine).members,
                 1); /* 1 is closed: it has a successor */
    give_all(&a, &b);
    give_all(&again, &b);
    CHECK(same_bytes(again.store, b.store));
    CHECK_EQ_INT(gossip_engine_stats(b.engine).members, 1);
    CHECK_EQ_STR(shown(b.store, "s"), "{\"x\", \"y\", \"z\"}");
    end(&a);
    end(&again);
    end(&b);
}

TEST(deliver, bytes_that_are_no_entry_are_poison_and_change_nothing)
{
    node a, b;
    make(&a, 1);
    make(&b, 2);
    add(&a, "s", "x");
    uint32_t     before;
    gossip_entry entry = entry_at(&a, 0, &before), bad = entry;
    bad.body.size--;
    CHECK_EQ_INT(hand(&b, &bad, before), GOSSIP__POISONED);
    bad = entry; /* it claims a dot more than its delta brings */
    bad.last++;
    CHECK_EQ_INT(hand(&b, &bad, before), GOSSIP__POISONED);
    bad = entry; /* the delta of another author */
    bad.replica = 5;
    CHECK_EQ_INT(hand(&b, &bad, before), GOSSIP__POISONED);
    bad = entry;
    bad.kind = GOSSIP_CUT;
    CHECK_EQ_INT(hand(&b, &bad, before), GOSSIP__POISONED);
    bad = entry; /* takes the place of nobody */
    bad.kind = GOSSIP_SUCCEEDS;
    CHECK_EQ_INT(hand(&b, &bad, before), GOSSIP__POISONED);
    CHECK(crdt_store_is_empty(b.store));
    CHECK_EQ_INT(gossip_engine_stats(b.engine).poisoned, 5);
    CHECK_EQ_INT(hand(&b, &entry, before), GOSSIP__DELIVERED); /* the true one still fits */
    CHECK(same_bytes(a.store, b.store));
    end(&a);
    end(&b);
}

TEST(deliver, what_waits_is_bounded)
{
    gossip_config config = config_of(2);
    config.parked_entries = 3;
    node a, b;
    make(&a, 1);
    make_with(&b, &config, 2);
    for (int i = 0; i < 8; i++) add(&a, "s", "x");
    for (uint64_t p = 1; p <= 3; p++) CHECK_EQ_INT(give(&a, p, &b), GOSSIP__PARKED);
    size_t bytes = b.mem.bytes;
    for (uint64_t p = 4; p < 8; p++) CHECK_EQ_INT(give(&a, p, &b), GOSSIP__DROPPED);
    CHECK_EQ_INT(b.mem.bytes, bytes);
    CHECK_EQ_INT(gossip_engine_stats(b.engine).parked_dropped, 4);
    CHECK_EQ_INT(give(&a, 0, &b), GOSSIP__DELIVERED);
    CHECK_EQ_INT(gossip_engine_stats(b.engine).delivered, 4);
    end(&a);
    end(&b);
}
/* -- What is said ------------------------------------------------------------------------------ */

static void say(node *n, uint64_t ms, const char *text)
{
    n->now += 10;
    CHECK_OK(gossip_engine_say(n->engine, n->now, ms, crdt_text_view(text)));
    persist(n);
}

static void heard(node *n, const char *text)
{
    crdt_view bytes;
    bool      any = gossip_engine_said(n->engine, &bytes);
    CHECK(any == (text != NULL));
    if (text != NULL) CHECK_EQ_MEM(bytes.data, bytes.size, text, strlen(text));
}

/* Once, by others, in order, behind what its author had seen; and it changes nothing. */
TEST(said, is_heard_once_and_in_order)
{
    node a, b;
    make(&a, 1);
    make(&b, 2);
    add(&a, "s", "x");
    say(&a, NOW, "one");
    say(&a, NOW, "two");
    heard(&a, NULL);
    CHECK_EQ_INT(give(&a, 2, &b), GOSSIP__PARKED);
    CHECK_EQ_INT(give(&a, 1, &b), GOSSIP__PARKED);
    heard(&b, NULL);
    CHECK_EQ_INT(give(&a, 0, &b), GOSSIP__DELIVERED);
    heard(&b, "one");
    heard(&b, "two");
    heard(&b, NULL);
    CHECK_EQ_INT(give(&a, 1, &b), GOSSIP__DUPLICATE);
    heard(&b, NULL);
    CHECK_EQ_INT(crdt_store_count(b.store), 1);
    CHECK(same_bytes(a.store, b.store));
    end(&a);
    end(&b);
}

/* What is late is not heard, nor what is too much; nor may it be too long, or nothing. */
TEST(said, is_bounded)
{
    static unsigned char bytes[GOSSIP_CONTROL_MAX + 1];
    node                 a, b;
    crdt_view            view;
    unsigned             count = 0;
    make(&a, 1);
    make(&b, 2);
    say(&a, NOW - GOSSIP_SAID_MS - 1, "late");
    say(&a, NOW - GOSSIP_SAID_MS, "in time");
    give_all(&a, &b);
    heard(&b, "in time");
    heard(&b, NULL);
    CHECK_ERR(gossip_engine_say(a.engine, a.now, NOW, crdt_view_of(bytes, 0)), CRDT_EINVAL);
    CHECK_ERR(gossip_engine_say(a.engine, a.now, NOW, crdt_view_of(bytes, sizeof bytes)),
              CRDT_ELIMIT);
    for (int i = 0; i < 40; i++) {
        CHECK_OK(gossip_engine_say(a.engine, a.now, NOW, crdt_view_of(bytes, sizeof bytes - 1)));
        persist(&a);
    }
    give_all(&a, &b);
    while (gossip_engine_said(b.engine, &view)) {
        CHECK_EQ_INT(view.size, sizeof bytes - 1);
        count++;
    }
    CHECK_MSG(count >= 10 && count <= 16, "%u of a megabyte", count);
    say(&a, NOW, "more"); /* there is room again */
    give_all(&a, &b);
    heard(&b, "more");
    end(&a);
    end(&b);
}

TEST(said, is_an_entry_that_writes_nothing)
{
    node      a;
    crdt_txn *txn;
    make(&a, 1);
    CHECK_OK(gossip_engine_write(a.engine, a.now, NOW, &txn));
    CHECK_ERR(gossip_engine_say(a.engine, a.now, NOW, crdt_text_view("x")), CRDT_EBUSY);
    gossip_engine_rollback(a.engine);
    uint64_t end_before = gossip_engine_stats(a.engine).log_end;
    for (uint64_t n = 1;; n++) { /* refused memory: nothing has happened */
        testmem_fail_nth(&a.mem, n);
        crdt_err err = gossip_engine_say(a.engine, a.now, NOW, crdt_text_view("x"));
        testmem_fail_never(&a.mem);
        if (err == CRDT_OK) break;
        CHECK_EQ_INT(err, CRDT_ENOMEM);
        CHECK_EQ_INT(gossip_engine_stats(a.engine).log_end, end_before);
    }
    CHECK_EQ_INT(gossip_engine_stats(a.engine).log_end, end_before + 1);
    end(&a);
}

/* B inserts, naming e, and then acknowledges A's removal of e; the acknowledgement must not count
 * before the insertion is here (rule R1). */
TEST(stable, cut_waits_for_an_entry_of_each_member)
{
    node         a, b;
    crdt_context cut;
    make(&a, 1);
    make(&b, 2);
    crdt_context_init(&cut, NULL);
    add(&b, "s", "of b");
    give_all(&b, &a);
    crdt_dot e = add(&a, "s", "e");
    CHECK_OK(gossip_engine_stable(a.engine, &cut));
    CHECK(!crdt_context_has(&cut, e)); /* b has not said anything upon it */
    CHECK_EQ_INT(crdt_context_base(&cut, 2), 2);
    crdt_context_clear(&cut);
    give(&a, 1, &b);
    add(&b, "s", "later");
    CHECK_OK(gossip_engine_stable(a.engine, &cut));
    CHECK(!crdt_context_has(&cut, e)); /* said, and not delivered here */
    crdt_context_clear(&cut);
    give(&b, b.engine->log.end - 1, &a);
    CHECK_OK(gossip_engine_stable(a.engine, &cut));
    CHECK(crdt_context_has(&cut, e));
    crdt_context_clear(&cut);
    end(&a);
    end(&b);
}

TEST(stable, quiet_member_acknowledges_once_with_an_empty_entry)
{
    node         a, b;
    crdt_context cut;
    make(&a, 1);
    make(&b, 2);
    crdt_context_init(&cut, NULL);
    crdt_dot e = add(&a, "s", "x");
    give_all(&a, &b);
    CHECK(gossip__write_deadline(b.engine) != GOSSIP_NEVER);
    CHECK_OK(gossip__write_due(b.engine, b.now, NOW)); /* not yet */
    CHECK_EQ_INT(b.engine->log.end, 1);
    b.now += 10000000;
    CHECK_OK(gossip__write_due(b.engine, b.now, NOW));
    CHECK_EQ_INT(b.engine->log.end, 2);
    persist(&b);
    CHECK_EQ_INT(give(&b, 1, &a), GOSSIP__DELIVERED);
    CHECK_OK(gossip_engine_stable(a.engine, &cut));
    CHECK(crdt_context_has(&cut, e));
    CHECK_EQ_INT(gossip__write_deadline(a.engine), GOSSIP_NEVER); /* an empty one asks for none */
    CHECK_EQ_INT(gossip__write_deadline(b.engine), GOSSIP_NEVER);
    CHECK(same_bytes(a.store, b.store));
    crdt_context_clear(&cut);
    end(&a);
    end(&b);
}

TEST(log, what_a_peer_lacks_comes_in_order_of_delivery)
{
    uint64_t seed = seed_or(5);
    node     w[3];
    for (uint64_t i = 0; i < 3; i++) make(&w[i], i + 1);
    for (int i = 0; i < 300; i++) {
        node *n = &w[random_below(&seed, 3)];
        if (random_below(&seed, 4) == 0) give_all(&w[random_below(&seed, 3)], n);
        add(n, "s", "x");
    }
    gossip_engine *engine = w[0].engine;
    for (int round = 0; round < 50; round++) {
        gossip__vec known = {NULL, 0};
        for (uint32_t who = 0; who < engine->replicas_count; who++) {
            uint64_t most = engine->replicas[who].delivered;
            CHECK_OK(gossip__vec_raise(engine, &known, who, random_below(&seed, most + 2)));
        }
        gossip__log_cut(engine, random_below(&seed, 10) == 0 ? engine->log.first + 3 : 0);
        gossip__missing walk;
        uint64_t        at;
        CHECK_OK(gossip__missing_begin(engine, &known, &walk));
        for (uint64_t p = engine->log.first; p < engine->log.end; p++) {
            const gossip__record *record = gossip__log_at(&engine->log, p);
            if (record->last <= gossip__vec_at(&known, record->who)) continue;
            CHECK(gossip__missing_next(&walk, &at));
            CHECK_EQ_INT(at, p);
        }
        CHECK(!gossip__missing_next(&walk, &at));
        gossip__missing_end(engine, &walk);
        bool serves = true;
        for (uint32_t who = 0; who < engine->replicas_count; who++) {
            serves &= gossip__vec_at(&known, who) >= engine->replicas[who].floor;
        }
        CHECK_EQ_INT(serves_all(engine, &known), serves);
        gossip__vec_clear(engine, &known);
    }
    for (int i = 0; i < 3; i++) end(&w[i]);
}

TEST(log, nothing_is_told_before_it_is_persisted)
{
    node        a;
    crdt_txn   *txn;
    gossip__vec nothing = {NULL, 0};
    uint64_t    at;
    make(&a, 1);
    CHECK_OK(gossip_engine_write(a.engine, a.now, NOW, &txn));
    CHECK_OK(crdt_orset_add(txn, name_of("s"), crdt_text("x")));
    CHECK_OK(gossip_engine_commit(a.engine, NULL));
    gossip__missing walk;
    CHECK_OK(gossip__missing_begin(a.engine, &nothing, &walk));
    CHECK(!gossip__missing_next(&walk, &at));
    gossip__missing_end(a.engine, &walk);
    CHECK(!gossip__snapshot_ready(a.engine));
    gossip_action action;
    CHECK(gossip_engine_next(a.engine, &action));
    CHECK_EQ_INT(action.kind, GOSSIP_DO_PERSIST);
    CHECK_EQ_INT(action.position, 0);
    CHECK_EQ_INT(action.entry->last, 2);
    gossip_engine_persisted(a.engine, a.now, 1);
    CHECK_OK(gossip__missing_begin(a.engine, &nothing, &walk));
    CHECK(gossip__missing_next(&walk, &at));
    gossip__missing_end(a.engine, &walk);
    CHECK(gossip__snapshot_ready(a.engine));
    end(&a);
}

/* -- Memory that is refused -------------------------------------------------------------------- */

static crdt_err try_write(node *n, const char *element)
{
    crdt_txn *txn;
    crdt_err  err = gossip_engine_write(n->engine, n->now, NOW, &txn);
    if (err != CRDT_OK) return err;
    err = crdt_orset_add(txn, name_of("s"), crdt_text(element));
    if (err == CRDT_OK) err = gossip_engine_commit(n->engine, NULL);
    if (err != CRDT_OK) gossip_engine_rollback(n->engine);
    return err;
}

TEST(memory, refused_to_a_write_changes_nothing)
{
    uint64_t refusals = 0;
    node     a, b;
    make(&b, 2);
    add(&b, "s", "of b");
    for (uint64_t nth = 1;; nth++) {
        make(&a, 1);
        give_all(&b, &a);
        uint64_t before = a.engine->log.end;
        testmem_fail_nth(&a.mem, nth);
        crdt_err err = try_write(&a, "x");
        bool     refused = testmem_refused(&a.mem);
        testmem_fail_never(&a.mem);
        if (err == CRDT_OK) {
            CHECK_EQ_INT(a.engine->log.end, before + 1);
            CHECK(gossip__log_at(&a.engine->log, before)->who != GOSSIP__NOBODY);
        } else {
            refusals++;
            CHECK_ERR(err, CRDT_ENOMEM);
            CHECK_EQ_INT(a.engine->log.end, before);
            CHECK(same_bytes(a.store, b.store));
        }
        add(&a, "s", "y");
        gossip__vec known = {NULL, 0};
        CHECK(serves_all(a.engine, &known));
        end(&a);
        if (!refused) break;
    }
    CHECK(refusals > 4);
    end(&b);
}

TEST(memory, refused_to_a_delivery_leaves_the_entry_to_be_fetched_again)
{
    node a, b;
    make(&a, 1);
    for (int i = 0; i < 4; i++) add(&a, "s", "x");
    for (uint64_t nth = 1;; nth++) {
        gossip__outcome outcome;
        make(&b, 2);
        testmem_fail_nth(&b.mem, nth);
        for (uint64_t p = 0; p < 4; p++) { /* the first comes last, so that the others wait */
            uint32_t     before;
            gossip_entry entry = entry_at(&a, (p + 1) % 4, &before);
            crdt_err     err = gossip__deliver(b.engine, NOW, &entry, before, 1, &outcome);
            if (err != CRDT_OK) CHECK_ERR(err, CRDT_ENOMEM);
        }
        bool refused = testmem_refused(&b.mem);
        testmem_fail_never(&b.mem);
        for (uint64_t p = 0; p < 4; p++) (void)give(&a, p, &b);
        CHECK(same_bytes(a.store, b.store));
        CHECK_EQ_INT(gossip_engine_stats(b.engine).parked, 0);
        end(&b);
        if (!refused) break;
    }
    end(&a);
}

TEST(memory, entry_too_large_for_a_message_becomes_a_checkpoint)
{
    node          a;
    crdt_txn     *txn;
    gossip_action action;
    gossip__vec   nothing = {NULL, 0};
    static char   large[1 << 20];
    memset(large, 'x', sizeof large);
    make(&a, 1);
    CHECK_OK(gossip_engine_write(a.engine, a.now, NOW, &txn));
    for (int i = 0; i < 3; i++) {
        large[0] = (char)('a' + i);
        CHECK_OK(crdt_orset_add(txn, name_of("s"), crdt_bytes(large, sizeof large - 16)));
    }
    crdt_dot last;
    CHECK_OK(gossip_engine_commit(a.engine, &last));
    CHECK(gossip_engine_next(a.engine, &action));
    CHECK_EQ_INT(action.kind, GOSSIP_DO_CHECKPOINT);
    CHECK(!serves_all(a.engine, &nothing) || a.engine->replicas[0].held == 0);
    gossip_engine_persisted(a.engine, a.now, action.position + 1);
    CHECK_EQ_INT(a.engine->replicas[0].held, last.seq);
    CHECK(!serves_all(a.engine, &nothing));
    end(&a);
}

/* -- Snapshots --------------------------------------------------------------------------------- */

static void restore_from(node *from, node *to)
{
    crdt_buf    bytes;
    const char *reason = "";
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(gossip_engine_snapshot(from->engine, &bytes));
    CHECK_OK(gossip__snapshot_join(to->engine, NOW, crdt_buf_bytes(&bytes), &reason));
    crdt_buf_clear(&bytes);
}

TEST(snapshot, whoever_joins_it_goes_on_as_if_all_entries_had_come)
{
    node          a, b, c;
    gossip__vec   nothing = {NULL, 0};
    gossip_action action;
    make(&a, 1);
    make(&b, 2);
    make(&c, 3);
    add(&a, "s", "x");
    give_all(&a, &b);
    add(&b, "s", "y");
    give_all(&b, &a);
    add(&b, "s", "later");
    uint64_t waiting = b.engine->log.end - 1;
    add(&c, "t", "of c");
    CHECK_EQ_INT(give(&b, waiting, &c), GOSSIP__PARKED);
    restore_from(&a, &c);
    CHECK_EQ_INT(gossip_engine_stats(c.engine).parked, 0); /* its past came with the snapshot */
    CHECK_EQ_STR(shown(c.store, "s"), "{\"later\", \"x\", \"y\"}");
    CHECK(gossip_engine_next(c.engine, &action));
    CHECK_EQ_INT(action.kind, GOSSIP_DO_CHECKPOINT);
    persist(&c);
    CHECK(!serves_all(c.engine, &nothing)); /* not even from its log's very beginning */
    CHECK_EQ_INT(c.engine->replicas[gossip__find(c.engine, 1)].tag, a.engine->replicas[0].tag);
    add(&c, "s", "more");
    give(&b, waiting, &a);
    give_all(&c, &a);
    CHECK(same_bytes(a.store, c.store));
    crdt_context cut[2];
    for (int i = 0; i < 2; i++) { /* pasts came, too: both compute the same cut */
        crdt_context_init(&cut[i], NULL);
        CHECK_OK(gossip_engine_stable(i == 0 ? a.engine : c.engine, &cut[i]));
    }
    CHECK(cut[0].count > 0);
    CHECK(crdt_context_equal(&cut[0], &cut[1]));
    for (int i = 0; i < 2; i++) crdt_context_clear(&cut[i]);
    end(&a);
    end(&b);
    end(&c);
}

TEST(snapshot, of_another_history_is_refused_and_changes_nothing)
{
    node        a, clone;
    crdt_buf    bytes;
    const char *reason = "";
    make(&a, 1);
    make(&clone, 1);
    add(&a, "s", "mine");
    add(&clone, "s", "its own");
    crdt_store *before = recoded(a.store);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(gossip_engine_snapshot(clone.engine, &bytes));
    CHECK_ERR(gossip__snapshot_join(a.engine, NOW, crdt_buf_bytes(&bytes), &reason), CRDT_EFORK);
    CHECK(same_bytes(a.store, before));
    crdt_buf_clear(&bytes);
    crdt_store_free(before);
    end(&a);
    end(&clone);
}

TEST(snapshot, refused_memory_changes_nothing)
{
    node        a, b;
    crdt_buf    bytes;
    const char *reason = "";
    make(&a, 1);
    for (int i = 0; i < 4; i++) add(&a, "s", i % 2 ? "x" : "y");
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(gossip_engine_snapshot(a.engine, &bytes));
    for (uint64_t nth = 1;; nth++) {
        make(&b, 2);
        testmem_fail_nth(&b.mem, nth);
        crdt_err err = gossip__snapshot_join(b.engine, NOW, crdt_buf_bytes(&bytes), &reason);
        bool     refused = testmem_refused(&b.mem);
        testmem_fail_never(&b.mem);
        if (err != CRDT_OK) {
            CHECK_ERR(err, CRDT_ENOMEM);
            CHECK(crdt_store_is_empty(b.store));
            CHECK_EQ_INT(b.engine->log.end, 0);
            restore_from(&a, &b);
        }
        CHECK(same_bytes(a.store, b.store));
        end(&b);
        if (!refused) break;
    }
    crdt_buf_clear(&bytes);
    end(&a);
}

TEST(snapshot, start_from_disk_takes_up_the_log_where_it_was)
{
    node     a, again, b;
    crdt_buf bytes;
    make(&a, 1);
    make(&again, 1);
    make(&b, 2);
    add(&a, "s", "x");
    add(&b, "s", "of b");
    give_all(&b, &a);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(gossip_engine_snapshot(a.engine, &bytes));
    uint64_t position = a.engine->log.end;
    add(&a, "s", "y");
    add(&b, "s", "of b, too");
    give(&b, 1, &a);
    CHECK_OK(gossip_engine_restore(again.engine, crdt_buf_bytes(&bytes), NULL));
    for (uint64_t p = position; p < a.engine->log.end; p++) {
        uint32_t     before;
        gossip_entry entry = entry_at(&a, p, &before);
        CHECK_OK(gossip_engine_replay(again.engine, &entry));
        CHECK_OK(gossip_engine_replay(again.engine, &entry)); /* twice does no harm */
    }
    CHECK(same_bytes(a.store, again.store));
    CHECK_EQ_INT(again.engine->replicas[gossip__find(again.engine, 1)].tag,
                 a.engine->replicas[gossip__find(a.engine, 1)].tag);
    gossip_action action;
    CHECK(!gossip_engine_next(again.engine, &action) || action.kind != GOSSIP_DO_PERSIST);
    crdt_dot dot = add(&again, "s", "z"); /* goes on with the next dot, and tells of b's last */
    CHECK_EQ_INT(dot.replica, 1);
    give_all(&b, &again);
    uint32_t     tag;
    gossip_entry last = entry_at(&again, again.engine->log.end - 1, &tag);
    CHECK_EQ_INT(last.deps_count, 1);
    CHECK_EQ_INT(last.deps[0].replica, 2);
    crdt_buf_clear(&bytes);
    end(&a);
    end(&again);
    end(&b);
}
