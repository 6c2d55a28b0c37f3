/* Rule R10: contexts agree and roots do not. Memory is damaged by hand. */
#include <inttypes.h>
#include <string.h>

#include "crdt/store/impl.h"
#include "tests/gossip/lib/cluster.h"

static cluster *two_equal(void)
{
    cluster *c = cluster_new(2, NULL);
    char     name[8] = "o00";
    for (int i = 0; i < 50; i++) {
        name[1] = (char)('0' + i / 10);
        name[2] = (char)('0' + i % 10);
        cluster_fill(c, (uint32_t)i % 2, name, "element-", 3);
    }
    CHECK(cluster_settle(c, 2 * SECOND));
    cluster_run(c, 10 * SECOND);
    return c;
}

static crdt__object *object_of(const cluster *c, uint32_t node, const char *name)
{
    crdt_store   *store = c->nodes[node].store;
    crdt__object *o = crdt__object_get(store, name_of(name), crdt_orset_type.id);
    CHECK(o != NULL);
    crdt__store_clean(store);
    return o;
}

/* The digest of an object rots, and the root with it. */
static void rot_digest(const cluster *c, uint32_t node, const char *name)
{
    crdt_store   *store = c->nodes[node].store;
    crdt__object *o = object_of(c, node, name);
    store->sum = crdt_digest_sub(store->sum, o->digest);
    o->digest.lo ^= UINT64_C(1) << (10 * (name[1] - '0') + name[2] - '0'); /* by its number */
    store->sum = crdt_digest_add(store->sum, o->digest);
}

/* A byte of an element rots. */
static void rot_content(const cluster *c, uint32_t node, const char *name)
{
    crdt_ref   ref;
    crdt_value value;
    CHECK_OK(crdt_store_find(c->nodes[node].store, name_of(name), &crdt_orset_type, &ref));
    crdt_orset_iter cursor = crdt_orset_iterate(ref);
    CHECK(crdt_orset_next(&cursor, &value));
    union {
        const void *in;
        char       *out;
    } bytes = {value.bytes.data};
    bytes.out[0] = 'E';
}

static uint64_t notices(const cluster *c, gossip_notice notice)
{
    return c->nodes[0].notices[notice] + c->nodes[1].notices[notice];
}

static bool roots_equal(const cluster *c)
{
    return crdt_digest_equal(gossip_engine_digest(c->nodes[0].engine),
                             gossip_engine_digest(c->nodes[1].engine));
}

TEST(repair, rotten_object_is_replaced_by_the_peers)
{
    for (uint32_t node = 0; node < 2; node++) {
        cluster *c = two_equal();
        CHECK_EQ_INT(notices(c, GOSSIP_UNEQUAL), 0);
        rot_content(c, node, "o17");
        rot_digest(c, node, "o17");
        rot_digest(c, node, "o42");
        CHECK(!cluster_equal(c) && !roots_equal(c));
        cluster_run(c, 60 * SECOND);
        CHECK_EQ_INT(c->nodes[node].notices[GOSSIP_REPAIRED], 2);
        CHECK_EQ_INT(c->nodes[1 - node].notices[GOSSIP_REPAIRED], 0);
        CHECK_EQ_INT(gossip_engine_stats(c->nodes[node].engine).repairs, 2);
        CHECK(cluster_equal(c) && roots_equal(c));
        CHECK(cluster_info(c, 0, 1).in_sync);
        CHECK_EQ_INT(c->nodes[node].checkpoints, 1); /* one for both */
        CHECK_EQ_INT(c->nodes[1 - node].checkpoints, 0);
        check_store(c->nodes[node].store);
        /* And the object lives on. */
        cluster_fill(c, 1 - node, "o17", "later", 1);
        CHECK(cluster_settle(c, SECOND));
        CHECK(roots_equal(c));
        cluster_free(c);
    }
}

TEST(repair, rotten_sum_is_summed_up_anew)
{
    cluster *c = two_equal();
    c->nodes[1].store->sum.hi ^= 1;
    CHECK(cluster_equal(c) && !roots_equal(c));
    cluster_run(c, 60 * SECOND);
    CHECK(roots_equal(c));
    CHECK_EQ_INT(c->nodes[1].notices[GOSSIP_REPAIRED], 1);
    cluster_free(c);
}

/* Content differs and each digest is what its content gives: nobody can tell who is right. */
TEST(repair, where_neither_is_rotten_both_are_kept_and_an_alarm_is_raised)
{
    cluster *c = two_equal();
    rot_content(c, 1, "o17");
    (void)cluster_add(c, 0, "o17", "touched, so that it is hashed anew");
    cluster_run(c, 60 * SECOND);
    CHECK(!cluster_equal(c) && !roots_equal(c));
    CHECK_EQ_INT(notices(c, GOSSIP_REPAIRED), 0);
    CHECK(notices(c, GOSSIP_UNEQUAL) >= 2);
    cluster_run(c, 600 * SECOND);
    CHECK(notices(c, GOSSIP_UNEQUAL) < 60);
    CHECK(crdt_context_equal(crdt_store_context(c->nodes[0].store),
                             crdt_store_context(c->nodes[1].store)));
    cluster_free(c);
}

/* Nothing is repaired while contexts differ: what looks like rot may be on its way. */
static bool no_entries(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    (void)c;
    (void)from;
    (void)to;
    return msg->entries_count == 0;
}

TEST(repair, different_contexts_are_never_repaired)
{
    cluster *c = two_equal();
    c->filter = no_entries;
    (void)cluster_add(c, 0, "o17", "news");
    rot_digest(c, 1, "o20");
    cluster_run(c, 60 * SECOND);
    CHECK_EQ_INT(notices(c, GOSSIP_UNEQUAL), 0);
    traffic t = cluster_total(c);
    CHECK_EQ_INT(t.messages[GOSSIP_PAGE] + t.messages[GOSSIP_FIX], 0);
    c->filter = NULL;
    cluster_run(c, 60 * SECOND);
    CHECK(cluster_equal(c) && roots_equal(c));
    CHECK_EQ_INT(c->nodes[1].notices[GOSSIP_REPAIRED], 1);
    cluster_free(c);
}

TEST(repair, who_tells_another_context_is_refused)
{
    cluster   *c = two_equal();
    gossip_msg page;
    memset(&page, 0, sizeof page);
    page.kind = GOSSIP_PAGE;
    page.link = cluster_link(c, 0, 1);
    page.id = 1;
    page.root.lo = 1;
    CHECK_OK(gossip_engine_receive(c->nodes[0].engine, c->now, NOW, cluster_peer(c, 0, 1), &page));
    cluster_drive(c, 0);
    CHECK_EQ_INT(cluster_passed(c, 0, 1)->messages[GOSSIP_REFUSED], 1);
    CHECK_EQ_INT(cluster_passed(c, 0, 1)->messages[GOSSIP_DIGESTS], 0);
    cluster_free(c);
}

/* The answer of node 1 to a SYNC, kept back, and what node 0 pushes meanwhile, lost. */
typedef struct late {
    bool       some;
    gossip_msg state;
} late;

static bool keep_back(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    late *l = c->user;
    (void)to;
    if (from == 0) return msg->kind != GOSSIP_PUSH || l->some;
    if (msg->kind != GOSSIP_STATE || msg->same || l->some) return true;
    memset(&l->state, 0, sizeof l->state);
    l->state.kind = GOSSIP_STATE;
    l->state.id = msg->id;
    l->state.root = msg->root;
    l->state.credit = msg->credit;
    l->some = true;
    return false;
}

/* A digest is of what its sender held then, not of what it has told since. */
TEST(repair, a_late_answer_is_no_alarm)
{
    gossip_config config = cluster_config();
    late          l = {0};
    config.timeout_us = 60 * SECOND; /* none is given up within three seconds */
    config.round_max_us = SECOND;
    cluster *c = cluster_new(2, &config);
    cluster_fill(c, 0, "s", "x", 20);
    CHECK(cluster_settle(c, 5 * SECOND));
    c->user = &l;
    c->filter = keep_back;
    unsigned late_ones = 0;
    for (unsigned tries = 0; late_ones < 3 && tries < 100; tries++) {
        l.some = false;
        cluster_fill(c, 0, "s", "y", 1);
        for (unsigned i = 0; i < 400 && !l.some; i++) cluster_run(c, 5 * MS);
        for (unsigned i = 0; i < 1000 && cluster_info(c, 0, 1).lacks > 0; i++) {
            cluster_run(c, 5 * MS);
        }
        if (!l.some) continue; /* node 1 was the one that asked */
        CHECK(cluster_equal(c) && cluster_info(c, 0, 1).lacks == 0);
        l.state.link = cluster_link(c, 0, 1);
        CHECK_OK(gossip_engine_receive(c->nodes[0].engine, c->now, NOW, cluster_peer(c, 0, 1),
                                       &l.state));
        late_ones++;
    }
    CHECK_EQ_INT(late_ones, 3);
    cluster_run(c, SECOND);
    CHECK_EQ_INT(notices(c, GOSSIP_UNEQUAL), 0);
    cluster_free(c);
}

TEST(repair, writes_in_the_middle_of_it_do_no_harm)
{
    cluster *c = two_equal();
    for (uint32_t i = 0; i < 50; i += 2) {
        char name[8] = {'o', (char)('0' + i / 10), (char)('0' + i % 10), 0};
        rot_digest(c, 1, name);
    }
    for (uint32_t i = 0; i < 300; i++) {
        cluster_fill(c, i % 2, "o17", "x", 1);
        cluster_run(c, 400 * MS);
    }
    cluster_run(c, 300 * SECOND);
    CHECK(cluster_equal(c) && roots_equal(c));
    check_store(c->nodes[1].store);
    cluster_free(c);
}

TEST(repair, refused_memory_puts_it_off)
{
    for (uint64_t n = 1;; n++) {
        cluster *c = two_equal();
        rot_content(c, 1, "o17");
        rot_digest(c, 1, "o17");
        testmem_fail_nth(&c->nodes[1].mem, n);
        cluster_run(c, 30 * SECOND);
        bool refused = testmem_refused(&c->nodes[1].mem);
        testmem_fail_never(&c->nodes[1].mem);
        cluster_run(c, 200 * SECOND);
        CHECK_MSG(cluster_equal(c) && roots_equal(c), "allocation %" PRIu64, n);
        check_store(c->nodes[1].store);
        cluster_free(c);
        if (!refused) break;
    }
}
