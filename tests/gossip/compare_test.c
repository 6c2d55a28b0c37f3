/* gossip_engine_compare: which objects differ from a peer's; and other figures that only look. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gossip/core/peers.h"
#include "tests/gossip/lib/cluster.h"

/* What a comparison has shown: "name: diff" in lines, and its end. */
typedef struct shown_of {
    char     text[512];
    uint64_t differs, count, ends;
    crdt_err err;
    size_t   longest;
    uint64_t by[GOSSIP_OTHERWISE + 1];
} shown_of;

static void listen(cluster *c, uint32_t node, const gossip_action *notice)
{
    static const char *const names[] = {"?",         "only here",  "only there",
                                        "more here", "more there", "otherwise"};
    shown_of                *s = c->user;
    (void)node;
    if (notice->notice == GOSSIP_DIFFERS) {
        size_t at = strlen(s->text), size = notice->name.size;
        s->differs++;
        s->by[notice->diff]++;
        CHECK_EQ_INT(notice->type, crdt_orset_type.id);
        if (size > s->longest) s->longest = size;
        (void)snprintf(s->text + at, sizeof s->text - at, "%.*s: %s\n", (int)size,
                       (const char *)notice->name.data, names[notice->diff]);
    }
    if (notice->notice != GOSSIP_COMPARED) return;
    s->ends++;
    s->count = notice->count;
    s->err = notice->err;
}

static cluster *two_with(uint32_t objects)
{
    cluster *c = cluster_new(2, NULL);
    char     name[16];
    for (uint32_t i = 0; i < objects; i++) {
        (void)snprintf(name, sizeof name, "o%05" PRIu32, i);
        cluster_fill(c, i % 2, name, "element-", 1);
    }
    CHECK(cluster_settle(c, 20 * SECOND));
    cluster_run(c, 2 * SECOND);
    return c;
}

static bool no_entries(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    (void)c;
    (void)from;
    (void)to;
    return msg->entries_count == 0;
}

/* Node 0 compares itself with node 1. */
static shown_of compare(cluster *c, gossip_time us)
{
    shown_of s;
    memset(&s, 0, sizeof s);
    c->user = &s;
    c->noticed = listen;
    CHECK_OK(gossip_engine_compare(c->nodes[0].engine, c->now, cluster_peer(c, 0, 1)));
    CHECK_EQ_INT(gossip_engine_compare(c->nodes[0].engine, c->now, cluster_peer(c, 0, 1)),
                 CRDT_EBUSY);
    cluster_run(c, us);
    c->noticed = NULL;
    return s;
}

TEST(compare, equal_stores_differ_in_nothing)
{
    cluster *c = two_with(50);
    shown_of s = compare(c, SECOND);
    CHECK_EQ_STR(s.text, "");
    CHECK_EQ_INT(s.ends, 1);
    CHECK_EQ_INT(s.count, 0);
    CHECK_OK(s.err);
    cluster_free(c);
}

TEST(compare, tells_who_has_more)
{
    cluster *c = two_with(5);
    c->filter = no_entries;
    (void)cluster_add(c, 0, "o00001", "more");
    (void)cluster_add(c, 0, "o00001a", "new");
    (void)cluster_add(c, 0, "z", "new");
    cluster_run(c, 2 * SECOND);
    CHECK_EQ_STR(compare(c, SECOND).text, "o00001: more here\no00001a: only here\nz: only here\n");
    (void)cluster_add(c, 1, "o00003", "more");
    (void)cluster_add(c, 1, "", "new");
    cluster_run(c, 2 * SECOND);
    shown_of s = compare(c, SECOND);
    CHECK_EQ_STR(s.text, ": only there\no00001: otherwise\no00001a: only here\no00003: otherwise\n"
                         "z: only here\n");
    CHECK_EQ_INT(s.count, 5);
    CHECK_OK(s.err);
    CHECK_EQ_INT(cluster_total(c).messages[GOSSIP_FIX], 0);
    c->filter = NULL;
    CHECK(cluster_settle(c, 30 * SECOND)); /* pushes that were lost count as on their way */
    CHECK_EQ_INT(compare(c, SECOND).count, 0);
    cluster_free(c);
}

TEST(compare, the_other_side_sees_it_the_other_way_round)
{
    cluster *c = two_with(5);
    c->filter = no_entries;
    (void)cluster_add(c, 1, "o00001", "more");
    (void)cluster_add(c, 1, "o00001a", "new");
    cluster_run(c, 2 * SECOND);
    CHECK_EQ_STR(compare(c, SECOND).text, "o00001: more there\no00001a: only there\n");
    cluster_free(c);
}

/* Long names, several pages, more differences than are shown; and loss. */
TEST(compare, many_objects_over_a_bad_link)
{
    cluster *c = two_with(0);
    char     name[200];
    c->filter = no_entries;
    for (uint32_t i = 0; i < 4000; i++) {
        (void)snprintf(name, sizeof name, "%0150" PRIu32, i);
        cluster_fill(c, i % 2, name, "x", 1);
    }
    cluster_run(c, 2 * SECOND);
    c->loss = 0.3;
    shown_of s = compare(c, 60 * SECOND);
    CHECK_EQ_INT(s.ends, 1);
    CHECK_OK(s.err);
    CHECK_EQ_INT(s.count, 4000);
    CHECK_EQ_INT(s.differs, GOSSIP_DIFFERS_MAX);
    CHECK_EQ_INT(s.by[GOSSIP_ONLY_HERE], GOSSIP_DIFFERS_MAX / 2);
    CHECK_EQ_INT(s.by[GOSSIP_ONLY_THERE], GOSSIP_DIFFERS_MAX / 2);
    CHECK_EQ_INT(s.longest, 150);
    cluster_free(c);
}

/* A store of 10,000 objects beside an empty one is not looked through in one go. */
TEST(compare, pauses_between_many_objects)
{
    cluster *c = two_with(0);
    char     name[16];
    c->filter = no_entries;
    for (uint32_t i = 0; i < 10000; i++) {
        (void)snprintf(name, sizeof name, "o%05" PRIu32, i);
        cluster_fill(c, 0, name, "x", 1);
    }
    cluster_run(c, 2 * SECOND);
    shown_of s = compare(c, MS); /* the page comes, and the first objects are looked at */
    CHECK_MSG(s.differs > 0 && s.ends == 0, "%" PRIu64 " shown, %" PRIu64 " ends", s.differs,
              s.ends);
    memset(&s, 0, sizeof s);
    c->noticed = listen;
    c->user = &s;
    cluster_run(c, SECOND);
    CHECK_EQ_INT(s.ends, 1);
    CHECK_EQ_INT(s.count, 10000);
    cluster_free(c);
}

TEST(compare, ends_when_the_peer_is_silent_or_gone)
{
    cluster *c = two_with(5);
    CHECK_EQ_INT(gossip_engine_compare(c->nodes[0].engine, c->now, 99), CRDT_ENOENT);
    c->cut[0 * 2 + 1] = true;
    shown_of s = compare(c, 9 * SECOND);
    CHECK_EQ_INT(s.ends, 1);
    CHECK_EQ_INT(s.err, CRDT_EIO);
    cluster_run(c, 60 * SECOND);
    CHECK_EQ_INT(gossip_engine_compare(c->nodes[0].engine, c->now, cluster_peer(c, 0, 1)),
                 CRDT_EIO);
    c->cut[0 * 2 + 1] = false;
    cluster_run(c, 60 * SECOND);
    CHECK_OK(gossip_engine_compare(c->nodes[0].engine, c->now, cluster_peer(c, 0, 1)));
    CHECK_OK(gossip_engine_forget_peer(c->nodes[0].engine, cluster_peer(c, 0, 1)));
    memset(&s, 0, sizeof s);
    c->noticed = listen;
    c->user = &s;
    cluster_run(c, SECOND);
    CHECK_EQ_INT(s.ends, 1);
    CHECK_EQ_INT(s.err, CRDT_EIO);
    cluster_free(c);
}

TEST(compare, types_that_one_side_does_not_know_are_left_out)
{
    cluster *c = two_with(5);
    c->filter = no_entries;
    (void)cluster_add(c, 0, "o00001", "more");
    (void)cluster_add(c, 1, "new", "new");
    cluster_run(c, 2 * SECOND);
    gossip__peer *peer = gossip__peer_get(c->nodes[0].engine, cluster_peer(c, 0, 1));
    size_t        keep = 0;
    for (size_t i = 0; i < peer->common_types.count; i++) {
        if (peer->common[i] != &crdt_orset_type) peer->common[keep++] = peer->common[i];
    }
    peer->common_types.count = keep;
    shown_of s = compare(c, SECOND);
    CHECK_EQ_STR(s.text, "");
    CHECK_EQ_INT(s.count, 0);
    CHECK_OK(s.err);
    cluster_free(c);
}

/* A peer that answers nonsense. */
TEST(compare, refuses_pages_that_cannot_be)
{
    static const char *const pages[][3] = {{"b", "a", ""}, {"a", "a", ""}, {NULL, NULL, "more"}};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        cluster             *c = two_with(5);
        gossip_engine       *engine = c->nodes[0].engine;
        gossip_object_digest digests[2];
        gossip_msg           msg;
        gossip_action        action;
        memset(&msg, 0, sizeof msg);
        memset(digests, 0, sizeof digests);
        CHECK_OK(gossip_engine_compare(engine, c->now, cluster_peer(c, 0, 1)));
        while (gossip_engine_next(engine, &action)) {
            if (action.kind == GOSSIP_DO_SEND && action.msg->kind == GOSSIP_PAGE) {
                CHECK(gossip__is_none(action.msg->root));
                msg.id = action.msg->id;
            }
        }
        CHECK(msg.id != 0);
        msg.kind = GOSSIP_DIGESTS;
        msg.link = cluster_link(c, 0, 1);
        msg.digests = digests;
        for (; msg.digests_count < 2 && pages[i][msg.digests_count] != NULL; msg.digests_count++) {
            digests[msg.digests_count].name = name_of(pages[i][msg.digests_count]);
            digests[msg.digests_count].type = crdt_orset_type.id;
        }
        msg.more = pages[i][2][0] != 0;
        CHECK_OK(gossip_engine_receive(engine, c->now, NOW, cluster_peer(c, 0, 1), &msg));
        bool ended = false;
        while (gossip_engine_next(engine, &action)) {
            if (action.kind != GOSSIP_DO_NOTIFY || action.notice != GOSSIP_COMPARED) continue;
            CHECK_EQ_INT(action.err, CRDT_EMALFORMED);
            ended = true;
        }
        CHECK(ended);
        CHECK_EQ_INT(cluster_info(c, 0, 1).malformed, 1);
        cluster_free(c);
    }
}

TEST(compare, refused_memory_ends_it_or_puts_it_off)
{
    for (uint64_t n = 1;; n++) {
        cluster *c = two_with(5);
        c->filter = no_entries;
        (void)cluster_add(c, 0, "o00001", "more");
        cluster_run(c, 2 * SECOND);
        testmem_fail_nth(&c->nodes[0].mem, n);
        shown_of s = compare(c, 10 * SECOND);
        bool     refused = testmem_refused(&c->nodes[0].mem);
        testmem_fail_never(&c->nodes[0].mem);
        CHECK_MSG(s.ends == 1 && (s.err == CRDT_ENOMEM || (s.err == CRDT_OK && s.count == 1)),
                  "allocation %" PRIu64, n);
        cluster_free(c);
        if (!refused) break;
    }
}

/* -- Rule R14 ---------------------------------------------------------------------------------- */

static void write_at(cluster *c, uint32_t node, uint64_t ms)
{
    crdt_txn *txn;
    CHECK_OK(gossip_engine_write(c->nodes[node].engine, c->now, ms, &txn));
    CHECK_OK(crdt_orset_add(txn, name_of("s"), crdt_text("x")));
    CHECK_OK(gossip_engine_commit(c->nodes[node].engine, NULL));
    cluster_drive(c, node);
}

TEST(heard, is_the_least_of_the_other_members_last_entries)
{
    cluster *c = cluster_new(3, NULL);
    cluster_run(c, SECOND);
    CHECK(gossip_engine_heard_ms(c->nodes[0].engine) == UINT64_MAX);
    write_at(c, 0, NOW + 1000);
    CHECK(gossip_engine_heard_ms(c->nodes[0].engine) == UINT64_MAX);
    write_at(c, 1, NOW + 300);
    write_at(c, 2, NOW + 200);
    cluster_run(c, SECOND);
    CHECK_EQ_INT(gossip_engine_heard_ms(c->nodes[0].engine), NOW + 200);
    CHECK_EQ_INT(gossip_engine_heard_ms(c->nodes[2].engine), NOW + 300);
    write_at(c, 2, NOW + 5000);
    cluster_run(c, SECOND);
    CHECK_EQ_INT(gossip_engine_heard_ms(c->nodes[0].engine), NOW + 300);
    CHECK_EQ_INT(gossip_engine_heard_ms(c->nodes[1].engine), NOW + 1000);
    /* An id that another one has succeeded holds nothing up any more. */
    CHECK_OK(gossip_engine_succeed(c->nodes[1].engine, 7777, 1001));
    write_at(c, 1, NOW + 6000);
    cluster_run(c, SECOND);
    CHECK_EQ_INT(gossip_engine_heard_ms(c->nodes[0].engine), NOW + 5000);
    cluster_free(c);
}

TEST(lag, tells_what_each_side_lacks_and_since_when)
{
    cluster *c = cluster_new(2, NULL);
    cluster_run(c, SECOND);
    write_at(c, 0, NOW + 10);
    cluster_run(c, 5 * SECOND);
    gossip_peer_info info = cluster_info(c, 0, 1);
    CHECK_EQ_INT(info.lacks + info.lacks_ms + info.lacked, 0);
    CHECK(!info.behind);
    c->filter = no_entries;
    write_at(c, 0, NOW + 40);
    write_at(c, 0, NOW + 30);
    write_at(c, 1, NOW + 20);
    write_at(c, 1, NOW + 25);
    write_at(c, 1, NOW + 26);
    cluster_run(c, 5 * SECOND);
    info = cluster_info(c, 0, 1);
    CHECK_EQ_INT(info.lacks, 2);
    CHECK_EQ_INT(info.lacks_ms, NOW + 40); /* of the first one of each writer */
    CHECK_EQ_INT(info.lacked, 3);
    info = cluster_info(c, 1, 0);
    CHECK_EQ_INT(info.lacks, 3);
    CHECK_EQ_INT(info.lacks_ms, NOW + 20);
    CHECK_EQ_INT(info.lacked, 2);
    cluster_free(c);
}
