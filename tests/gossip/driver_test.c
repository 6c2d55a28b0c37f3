/* The driver over real engines and disks. */
#include <string.h>
#include <xxhash.h>

#include "tests/gossip/driver_world.h"

TEST(driver, nodes_become_equal_and_stay_so_over_restarts)
{
    world *w = begin(3);
    for (unsigned round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < NODES; i++) {
            char name[] = {(char)('a' + round), (char)('0' + i), 0};
            CHECK_OK(write(w, i, name));
        }
        pass(w, 8 * SECOND);
        CHECK(equal(w, 0, 1) && equal(w, 0, 2));
        CHECK(has(w, 2, "a0") && has(w, 0, "a2"));
        for (uint64_t i = 0; i < NODES; i++) {
            stop(w, i, (unsigned)(i + round) % 3);
            start(w, i);
        }
        pass(w, 8 * SECOND);
        CHECK(equal(w, 0, 1) && equal(w, 0, 2));
    }
    end(w);
}

static void meet(world *w, uint64_t from, uint64_t to)
{
    gossip_peer peer;
    CHECK_OK(gossip_engine_add_peer(w->nodes[from].engine, address(to), &peer));
}

TEST(driver, finds_a_node_that_has_moved)
{
    world *w = begin(0);
    w->alone = true;
    start(w, 0);
    start(w, 1);
    meet(w, 1, 0);
    CHECK_OK(write(w, 0, "before"));
    pass(w, 5 * SECOND);
    CHECK(has(w, 1, "before"));
    stop(w, 1, 0);
    sim_files *disk = w->nodes[1].files;
    w->nodes[1].files = w->nodes[2].files;
    w->nodes[2].files = disk;
    w->nodes[2].id = w->nodes[1].id;
    start(w, 2);
    meet(w, 2, 0);
    CHECK_OK(write(w, 0, "x"));
    pass(w, 40 * SECOND);
    CHECK(has(w, 2, "x"));
    gossip_peer_info info;
    CHECK(gossip_engine_peer(w->nodes[0].engine, 0, &info));
    CHECK(crdt_view_compare(info.address, address(2)) == 0);
    CHECK_OK(write(w, 0, "y")); /* it is pushed, as to any other */
    pass(w, SECOND / 10);
    CHECK(has(w, 2, "y"));
    end(w);
}

TEST(driver, serves_a_node_that_cannot_be_called)
{
    world *w = begin(0);
    w->alone = true;
    w->nodes[1].nowhere = true;
    start(w, 0);
    start(w, 1);
    meet(w, 1, 0);
    pass(w, 5 * SECOND);
    for (unsigned i = 0; i < 3; i++) {
        char name[] = {'x', (char)('0' + i), 0};
        CHECK_OK(write(w, 0, name));
        pass(w, 20 * SECOND);
        CHECK(has(w, 1, name));
    }
    end(w);
}

/* An id that has written before, on a disk that does not know: peers do, and it goes on as another.
 * The disk is told before it gets an entry of that one. */
TEST(driver, tells_the_disk_that_it_goes_on_as_another)
{
    world *w = begin(2);
    CHECK_OK(write(w, 0, "a"));
    pass(w, 5 * SECOND);
    node    *n = &w->nodes[0];
    uint64_t first = n->replica;
    stop(w, 0, 1);
    sim_files_free(n->files);
    n->files = sim_files_new(9);
    n->forced = first;
    n->refuse_names = 2;
    start(w, 0);
    pass(w, 5 * SECOND);
    CHECK(n->replica != first && n->replica == crdt_store_replica(n->store));
    CHECK(n->refuse_names == 0 && has(w, 0, "a"));
    CHECK_OK(write(w, 0, "b"));
    pass(w, SECOND);
    n->forced = 0;
    uint64_t second = n->replica;
    stop(w, 0, 0); /* clean, under the new id */
    start(w, 0);
    CHECK(n->replica == second && n->older == 1);
    stop(w, 0, 2);
    start(w, 0);
    CHECK(n->replica != second && n->older == 1);
    pass(w, 5 * SECOND);
    CHECK(equal(w, 0, 1) && has(w, 1, "b"));
    stop(w, 0, 1);
    start(w, 0);
    CHECK_EQ_INT(n->older, 2); /* first and second */
    end(w);
}

TEST(driver, syncs_once_for_many_writes_and_not_for_none)
{
    world *w = begin(1);
    pass(w, SECOND);
    uint64_t syncs = w->nodes[0].syncs;
    for (unsigned i = 0; i < 100; i++) {
        char name[] = {(char)('a' + i % 26), (char)('a' + i / 26), 0};
        CHECK_OK(write(w, 0, name));
    }
    CHECK_OK(run_node(w, 0));
    CHECK_EQ_INT(w->nodes[0].syncs, syncs + 1);
    CHECK_EQ_INT(w->nodes[0].appends, 100);
    CHECK_EQ_INT(gossip_engine_stats(w->nodes[0].engine).persisted, 100);
    CHECK_OK(run_node(w, 0));
    CHECK_EQ_INT(w->nodes[0].syncs, syncs + 1);
    end(w);
}

/* Until a sync has succeeded nothing is told; then it is, by itself. */
TEST(driver, tells_nobody_of_what_is_not_synced)
{
    world *w = begin(2);
    pass(w, 3 * SECOND);
    CHECK_OK(write(w, 0, "x"));
    w->nodes[0].refuse_syncs = UINT32_MAX;
    CHECK_ERR(run_node(w, 0), CRDT_EIO);
    CHECK_ERR(write(w, 0, "y"), CRDT_EIO);
    CHECK_OK(write(w, 1, "z"));
    pass(w, 20 * SECOND);
    CHECK(!has(w, 1, "x"));
    CHECK_EQ_INT(gossip_engine_stats(w->nodes[0].engine).persisted, 0);
    w->nodes[0].refuse_syncs = 0;
    pass(w, 10 * SECOND);
    CHECK(has(w, 1, "x") && has(w, 0, "z") && equal(w, 0, 1));
    CHECK_OK(write(w, 0, "y"));
    stop(w, 0, 2);
    start(w, 0);
    CHECK(has(w, 0, "x"));
    end(w);
}

TEST(driver, keeps_what_an_append_refuses_in_its_order)
{
    world *w = begin(1);
    w->nodes[0].refuse_appends = 3;
    for (unsigned i = 0; i < 10; i++) {
        char name[] = {(char)('a' + i), 0};
        CHECK_OK(write(w, 0, name));
    }
    CHECK_ERR(run_node(w, 0), CRDT_EIO); /* one in draining, one in trying again */
    CHECK_ERR(run_node(w, 0), CRDT_EIO);
    CHECK_EQ_INT(gossip_engine_stats(w->nodes[0].engine).persisted, 0);
    CHECK_OK(run_node(w, 0));
    CHECK_EQ_INT(gossip_engine_stats(w->nodes[0].engine).persisted, 10);
    CHECK_EQ_INT(w->nodes[0].snapshots, 0);
    stop(w, 0, 2);
    start(w, 0);
    CHECK(has(w, 0, "a") && has(w, 0, "j"));
    end(w);
}

/* What is too much to wait in memory is left to a snapshot. */
TEST(driver, writes_a_snapshot_for_what_cannot_wait)
{
    world      *w = begin(1);
    static char big[1 << 19];
    memset(big, 'x', sizeof big - 1);
    w->nodes[0].refuse_appends = 1000;
    for (unsigned i = 0; i < 40; i++) {
        big[0] = (char)('0' + i);
        CHECK_OK(write(w, 0, big));
    }
    w->nodes[0].refuse_syncs = 1;
    CHECK_OK(run_node(w, 0));
    CHECK_EQ_INT(w->nodes[0].snapshots, 1);
    CHECK_EQ_INT(gossip_engine_stats(w->nodes[0].engine).persisted, 40);
    w->nodes[0].refuse_appends = 0;
    CHECK_OK(write(w, 0, "later"));
    CHECK_EQ_INT(w->nodes[0].appends, 1);
    w->nodes[0].refuse_syncs = 0;
    CHECK_OK(run_node(w, 0));
    stop(w, 0, 2);
    start(w, 0);
    CHECK(has(w, 0, big) && has(w, 0, "later"));
    end(w);
}

TEST(driver, serves_and_waits_while_the_disk_is_full)
{
    world *w = begin(2);
    CHECK_OK(write(w, 0, "before"));
    pass(w, 3 * SECOND);
    CHECK(has(w, 1, "before"));
    sim_files_capacity(w->nodes[0].files, sim_files_bytes(w->nodes[0].files));
    w->nodes[0].refused = 1; /* EIO is to be expected */
    CHECK_OK(write(w, 0, "x"));
    pass(w, 3 * SECOND);
    CHECK_ERR(write(w, 0, "y"), CRDT_EIO);
    CHECK(!has(w, 1, "x"));
    start(w, 2); /* what is held is still served */
    pass(w, 8 * SECOND);
    CHECK(has(w, 2, "before") && !has(w, 2, "x"));
    sim_files_capacity(w->nodes[0].files, UINT64_MAX);
    pass(w, 10 * SECOND);
    CHECK(has(w, 1, "x") && has(w, 2, "x"));
    CHECK_OK(write(w, 0, "y"));
    end(w);
}

TEST(driver, tries_the_disk_again_by_itself)
{
    world *w = begin(0);
    w->alone = true;
    start(w, 0);
    CHECK_OK(run_node(w, 0));
    CHECK(gossip_driver_deadline(w->nodes[0].driver) > w->now + 2 * SECOND);
    w->nodes[0].refuse_syncs = 2;
    CHECK_OK(write(w, 0, "a"));
    for (unsigned i = 0; i < 2; i++) {
        CHECK_ERR(run_node(w, 0), CRDT_EIO);
        CHECK(gossip_driver_deadline(w->nodes[0].driver) <= w->now + SECOND);
        w->now = gossip_driver_deadline(w->nodes[0].driver);
    }
    CHECK_OK(run_node(w, 0));
    CHECK(gossip_driver_deadline(w->nodes[0].driver) > w->now + 2 * SECOND);
    end(w);
}

/* The first message that node 0 sends of a kind, taken out of the queue. */
static message *catch (world *w, gossip_msg_kind wanted)
{
    for (unsigned i = 0; i < 1000; i++) {
        for (uint64_t n = 0; n < NODES; n++) CHECK_OK(run_node(w, n));
        for (message *m; (m = take(w)) != NULL;) {
            uint32_t        link;
            gossip_msg_kind kind;
            CHECK_OK(gossip_wire_peek(crdt_view_of(m->bytes, m->size), &link, &kind));
            if (kind == wanted && m->from == 0) return m;
            CHECK_OK(deliver(w, m));
            drop(m);
        }
        w->now += 10000;
    }
    FAIL("no such message");
}

static uint64_t waiting(world *w)
{
    uint64_t count = 0;
    for (const message *m = w->first; m != NULL; m = m->next) count++;
    return count;
}

TEST(driver, answers_each_copy_of_a_request_once)
{
    world   *w = begin(2);
    message *sync_message = catch (w, GOSSIP_SYNC);
    for (message *m; (m = take(w)) != NULL;) drop(m);
    for (unsigned i = 0; i < 3; i++) CHECK_OK(deliver(w, sync_message));
    uint64_t last = w->tokens;
    CHECK_OK(run_node(w, 1));
    for (unsigned i = 0; i < 3; i++) CHECK_EQ_INT(w->asked[last - i], 0); /* answered */
    drop(sync_message);
    end(w);
}

TEST(driver, refuses_requests_of_a_link_that_it_does_not_know)
{
    world          *w = begin(2);
    uint32_t        link, refused;
    gossip_msg_kind kind;
    message        *request = catch (w, GOSSIP_SYNC), *reply = catch (w, GOSSIP_STATE);
    for (message *m; (m = take(w)) != NULL;) drop(m);
    CHECK_OK(gossip_wire_peek(crdt_view_of(request->bytes, request->size), &link, &kind));
    stop(w, 1, 1);
    w->alone = true;
    start(w, 1);
    CHECK_OK(deliver(w, reply)); /* too late: nothing is said to it */
    CHECK_EQ_INT(waiting(w), 0);
    CHECK_OK(deliver(w, request));
    CHECK_EQ_INT(waiting(w), 1);
    message *refusal = take(w);
    CHECK_OK(gossip_wire_peek(crdt_view_of(refusal->bytes, refusal->size), &refused, &kind));
    CHECK_EQ_INT(kind, GOSSIP_REFUSED);
    CHECK_EQ_INT(refused, link);
    CHECK_EQ_INT(refusal->to, 0);
    CHECK_OK(deliver(w, refusal)); /* and node 0 begins again, at once */
    pass(w, SECOND / 2);
    CHECK(equal(w, 0, 1));
    gossip_peer_info info;
    CHECK(gossip_engine_peer(w->nodes[1].engine, 0, &info) && info.linked);
    drop(request);
    drop(reply);
    drop(refusal);
    end(w);
}

/* The sum over a message is made right again. */
static void sum_again(const message *m)
{
    uint64_t hash = XXH3_64bits(m->bytes + 4, m->size - 4);
    for (unsigned i = 0; i < 4; i++) m->bytes[i] = (uint8_t)(hash >> 8 * i);
}

/* A kind of message to come, on a link that is there: it begins again, with a greeting that tells
 * which versions are spoken here. */
TEST(driver, a_kind_to_come_makes_the_link_begin_again)
{
    world           *w = begin(2);
    message         *m = catch (w, GOSSIP_SYNC);
    gossip_peer_info info;
    uint32_t         number;
    gossip_msg_kind  kind;
    CHECK_OK(gossip_wire_peek(crdt_view_of(m->bytes, m->size), &number, &kind));
    static const uint8_t later[] = {0xa0, 0x06, 0x01, 0x45}; /* field 100: 1; field 8: the link */
    memcpy(m->bytes + 4, later, sizeof later);
    for (unsigned i = 0; i < 4; i++) m->bytes[8 + i] = (uint8_t)(number >> 8 * i);
    m->size = 12;
    sum_again(m);
    uint32_t seen = 0;
    CHECK_EQ_INT(gossip_wire_peek(crdt_view_of(m->bytes, m->size), &seen, &kind), CRDT_EVERSION);
    CHECK_EQ_INT(seen, number);
    CHECK_OK(deliver(w, m));
    CHECK(gossip_engine_peer(w->nodes[1].engine, 0, &info) && !info.linked);
    CHECK_EQ_INT(info.error, CRDT_EVERSION);
    drop(m);
    pass(w, 8 * SECOND);
    CHECK(gossip_engine_peer(w->nodes[1].engine, 0, &info) && info.linked);
    end(w);
}

TEST(driver, counts_what_cannot_be_read)
{
    world           *w = begin(2);
    message         *m = catch (w, GOSSIP_SYNC);
    gossip_peer_info info;
    CHECK(gossip_engine_peer(w->nodes[1].engine, 0, &info) && info.linked);
    CHECK_EQ_INT(info.malformed, 0);
    for (size_t i = 4; i < m->size; i++) {
        uint8_t was = m->bytes[i];
        for (unsigned x = 1; x < 256 && info.malformed == 0; x++) {
            m->bytes[i] = (uint8_t)(was ^ x);
            sum_again(m);
            CHECK_OK(deliver(w, m));
            CHECK(gossip_engine_peer(w->nodes[1].engine, 0, &info));
        }
        m->bytes[i] = was;
    }
    CHECK_EQ_INT(info.malformed, 1);
    drop(m);
    end(w);
}

TEST(driver, begins_a_link_again_that_the_other_side_has_forgotten)
{
    world *w = begin(2);
    CHECK_OK(write(w, 0, "a"));
    pass(w, 3 * SECOND);
    stop(w, 1, 1);
    start(w, 1); /* at once: node 0 still believes in its link */
    CHECK_OK(write(w, 0, "b"));
    CHECK_OK(write(w, 1, "c"));
    pass(w, 5 * SECOND);
    CHECK(has(w, 1, "b") && has(w, 0, "c"));
    CHECK(equal(w, 0, 1));
    end(w);
}

/* Whatever comes: it is dropped, and what is right goes on. */
TEST(driver, drops_damaged_bytes)
{
    world   *w = begin(2);
    uint64_t random = seed_or(3);
    for (unsigned round = 0; round < 200; round++) {
        CHECK_OK(write(w, round % 2, (char[]){(char)('a' + round % 26), 0}));
        for (uint64_t i = 0; i < 2; i++) CHECK_OK(run_node(w, i));
        for (message *m; (m = take(w)) != NULL;) {
            if (random_below(&random, 3) == 0 && m->size > 0) {
                m->bytes[random_below(&random, m->size)] ^= (uint8_t)(1u << round % 8);
            }
            if (random_below(&random, 9) == 0) m->size = (size_t)random_below(&random, m->size + 1);
            CHECK_OK(deliver(w, m));
            drop(m);
        }
        w->now += 100000;
    }
    pass(w, 10 * SECOND);
    CHECK(equal(w, 0, 1));
    end(w);
}

static crdt_err write_object(world *w, uint64_t index, uint32_t name, size_t size)
{
    static uint8_t bytes[2000];
    char           text[16];
    node          *n = &w->nodes[index];
    crdt_txn      *txn;
    crdt_err       err = gossip_engine_write(n->engine, w->now, WALL + w->now / 1000, &txn);
    if (err != CRDT_OK) return err;
    memset(bytes, 'x', size);
    (void)snprintf(text, sizeof text, "o%05u", (unsigned)name);
    CHECK_OK(crdt_orset_add(txn, crdt_text_view(text), crdt_bytes(bytes, size)));
    return gossip_engine_commit(n->engine, NULL);
}

/* However large it is, a run of the driver encodes no more of it than a slice, and gives no more of
 * it to the disk than a part, each synced; while it serves, too. */
TEST(driver, a_run_does_a_bounded_part_of_a_snapshot)
{
    world   *w = begin(0);
    node    *n = &w->nodes[0];
    unsigned runs = 0, most = 0, synced = 0;
    n->part_bytes = 100000;
    start(w, 0);
    for (uint32_t i = 0; i < 2000; i++) CHECK_OK(write_object(w, 0, i, 1500)); /* 3 MB */
    pass(w, SECOND);
    CHECK_OK(gossip_driver_checkpoint(n->driver, w->now));
    for (; n->snapshots == 0 && runs < 1000; runs++) {
        uint64_t parts = n->parts;
        CHECK_OK(write_object(w, 0, runs * 7 % 3000, 100));
        uint64_t syncs = sim_files_calls(n->files, SIM_SYNC);
        CHECK_OK(run_node(w, 0));
        syncs = sim_files_calls(n->files, SIM_SYNC) - syncs;
        if (n->parts - parts > most) most = (unsigned)(n->parts - parts);
        synced += n->parts > parts && syncs >= 2; /* the log's, the part's */
        w->now += 1000;
    }
    printf("%u runs, %ju parts of %zu bytes at most\n", runs, (uintmax_t)n->parts, n->largest_part);
    CHECK_EQ_INT(n->snapshots, 1);
    CHECK_EQ_INT(most, 1);
    CHECK(n->largest_part <= 100000 && n->parts >= 30);
    CHECK_EQ_INT(synced, n->parts);
    CHECK(runs >= n->parts + 3000000 / n->config.chunk_bytes);
    stop(w, 0, 2);
    start(w, 0);
    CHECK_EQ_INT(crdt_store_count(n->store), 2000);
    end(w);
}

/* A node that joins from a snapshot has a checkpoint on its disk before it goes on. */
TEST(driver, keeps_a_snapshot_that_came_from_a_peer)
{
    world *w = begin(2);
    for (unsigned i = 0; i < 200; i++) {
        char name[] = {(char)('a' + i % 26), (char)('a' + i / 26), 0};
        CHECK_OK(write(w, 0, name));
    }
    pass(w, 5 * SECOND);
    CHECK(equal(w, 0, 1));
    CHECK_OK(gossip_driver_checkpoint(w->nodes[0].driver, w->now));
    CHECK_OK(gossip_driver_checkpoint(w->nodes[1].driver, w->now));
    pass(w, SECOND);
    CHECK(w->nodes[0].snapshots == 1 && w->nodes[1].snapshots == 1);
    for (uint64_t i = 0; i < 2; i++) { /* their logs begin with the snapshot */
        stop(w, i, 0);
        start(w, i);
        CHECK(has(w, i, "aa"));
    }
    start(w, 2);
    pass(w, 10 * SECOND);
    CHECK(equal(w, 0, 2));
    CHECK(w->nodes[2].snapshots > 0);
    stop(w, 2, 2);
    stop(w, 0, 1);
    stop(w, 1, 1);
    start(w, 2); /* alone */
    CHECK(has(w, 2, "aa") && has(w, 2, "rh"));
    end(w);
}

/* More notices than one run usually has, with names longer than most. */
TEST(driver, keeps_notices_whole_and_in_order)
{
    world        *w = begin(2);
    gossip_action notice;
    char          name[300];
    uint64_t      differs = 0, ends = 0;
    memset(name, 'x', sizeof name);
    pass(w, 4 * SECOND);
    while (gossip_driver_notice(w->nodes[0].driver, &notice)) {
        if (notice.notice == GOSSIP_PEER_UP) ends = notice.peer;
    }
    CHECK(ends != 0);
    gossip_engine_readonly(w->nodes[1].engine, true); /* it takes nothing in */
    for (int i = 0; i < 200; i++) {
        crdt_txn *txn;
        name[0] = (char)('a' + i / 26);
        name[1] = (char)('a' + i % 26);
        CHECK_OK(gossip_engine_write(w->nodes[0].engine, w->now, WALL, &txn));
        CHECK_OK(crdt_orset_add(txn, crdt_view_of(name, sizeof name), crdt_text("x")));
        CHECK_OK(gossip_engine_commit(w->nodes[0].engine, NULL));
    }
    CHECK_OK(gossip_engine_compare(w->nodes[0].engine, w->now, (gossip_peer)ends));
    pass(w, SECOND);
    for (ends = 0; gossip_driver_notice(w->nodes[0].driver, &notice);) {
        if (notice.notice == GOSSIP_DIFFERS) {
            name[0] = (char)('a' + differs / 26);
            name[1] = (char)('a' + differs % 26);
            CHECK(crdt_view_compare(notice.name, crdt_view_of(name, sizeof name)) == 0);
            CHECK_EQ_INT(notice.diff, GOSSIP_ONLY_HERE);
            differs++;
        }
        if (notice.notice != GOSSIP_COMPARED) continue;
        CHECK_EQ_INT(notice.count, 200);
        ends++;
    }
    CHECK_EQ_INT(differs, 200);
    CHECK_EQ_INT(ends, 1);
    end(w);
}

/* Why a node may not write any more must be told, whatever memory there is just then. */
TEST(driver, tells_of_a_clone_whichever_allocation_fails)
{
    bool     refused = true;
    unsigned stopped = 0;
    for (uint64_t nth = 1; refused; nth++) {
        world        *w = begin(1);
        gossip_action notice;
        bool          told = false;
        w->nodes[1].id = w->nodes[0].id;
        w->nodes[1].forced = w->nodes[0].replica;
        pass(w, SECOND / 10);
        start(w, 1);
        testmem_fail_nth(&w->nodes[0].m, nth);
        pass(w, 4 * SECOND);
        refused = testmem_refused(&w->nodes[0].m);
        testmem_fail_never(&w->nodes[0].m);
        while (gossip_driver_notice(w->nodes[0].driver, &notice)) {
            told |= notice.notice == GOSSIP_CLONED && notice.dot.replica == w->nodes[0].replica;
        }
        crdt_err err = write(w, 0, "x");
        CHECK_MSG(err == CRDT_OK || told, "allocation %ju: %s, and nobody is told why",
                  (uintmax_t)nth, crdt_err_name(err));
        stopped += err == CRDT_EFORK;
        end(w);
    }
    CHECK(stopped > 0);
}

/* Of more notices than there is room for the oldest go, never the newest. */
TEST(driver, keeps_the_newest_notices_whichever_allocation_fails)
{
    bool refused = true, lost = false;
    for (uint64_t nth = 1; refused; nth++) {
        world        *w = begin(2);
        gossip_action notice;
        gossip_peer   peer = 0;
        unsigned      differs = 0, ends = 0;
        pass(w, 4 * SECOND);
        while (gossip_driver_notice(w->nodes[0].driver, &notice)) {
            if (notice.notice == GOSSIP_PEER_UP) peer = notice.peer;
        }
        gossip_engine_readonly(w->nodes[1].engine, true); /* it takes nothing in */
        for (int i = 0; i < 40; i++) {
            crdt_txn *txn;
            char      name[] = {(char)('a' + i / 26), (char)('a' + i % 26)};
            CHECK_OK(gossip_engine_write(w->nodes[0].engine, w->now, WALL, &txn));
            CHECK_OK(crdt_orset_add(txn, crdt_view_of(name, sizeof name), crdt_text("x")));
            CHECK_OK(gossip_engine_commit(w->nodes[0].engine, NULL));
        }
        pass(w, SECOND);
        CHECK_OK(gossip_engine_compare(w->nodes[0].engine, w->now, peer));
        testmem_fail_nth(&w->nodes[0].m, nth);
        pass(w, 20 * SECOND);
        refused = testmem_refused(&w->nodes[0].m);
        testmem_fail_never(&w->nodes[0].m);
        char last[2] = {0, 0};
        while (gossip_driver_notice(w->nodes[0].driver, &notice)) {
            ends += notice.notice == GOSSIP_COMPARED;
            if (notice.notice != GOSSIP_DIFFERS) continue;
            CHECK(ends == 0 && notice.name.size == 2);
            CHECK(memcmp(last, notice.name.data, 2) < 0);
            memcpy(last, notice.name.data, 2);
            differs++;
        }
        CHECK_MSG(ends == 1, "allocation %ju: %u ends", (uintmax_t)nth, ends);
        lost |= differs > 0 && differs < 40;
        CHECK_MSG(differs == 0 || differs == 40 || (differs >= 15 && last[1] == 'n'),
                  "allocation %ju: %u told", (uintmax_t)nth, differs);
        end(w);
    }
    CHECK(lost);
}

/* The disk refuses, and so does memory. */
TEST(driver, loses_nothing_if_disk_and_memory_refuse)
{
    bool refused = true;
    for (uint64_t nth = 1; refused; nth++) {
        world *w = begin(1);
        w->nodes[0].refuse_appends = 4;
        for (unsigned i = 0; i < 10; i++) {
            char name[] = {(char)('a' + i), 0};
            CHECK_OK(write(w, 0, name));
        }
        testmem_fail_nth(&w->nodes[0].m, nth);
        for (unsigned i = 0; i < 10; i++) (void)!run_node(w, 0);
        refused = testmem_refused(&w->nodes[0].m);
        testmem_fail_never(&w->nodes[0].m);
        CHECK_OK(run_node(w, 0));
        CHECK_EQ_INT(gossip_engine_stats(w->nodes[0].engine).persisted, 10);
        stop(w, 0, 2);
        start(w, 0);
        for (unsigned i = 0; i < 10; i++) {
            char name[] = {(char)('a' + i), 0};
            CHECK_MSG(has(w, 0, name), "allocation %ju: %s", (uintmax_t)nth, name);
        }
        end(w);
    }
}

TEST(driver, survives_each_allocation_failing)
{
    bool refused = true;
    for (uint64_t nth = 1; refused; nth += T_SLOW ? 7 : 1) {
        world *w = begin(2);
        CHECK_OK(write(w, 1, "a"));
        testmem_fail_nth(&w->nodes[0].m, nth);
        CHECK_OK(write(w, 1, "b"));
        pass(w, 4 * SECOND);
        refused = testmem_refused(&w->nodes[0].m);
        testmem_fail_never(&w->nodes[0].m);
        CHECK_OK(write(w, 0, "c"));
        pass(w, 20 * SECOND);
        CHECK_MSG(has(w, 0, "a") && has(w, 0, "b") && has(w, 1, "c") && equal(w, 0, 1),
                  "allocation %ju", (uintmax_t)nth);
        stop(w, 0, 2);
        start(w, 0);
        CHECK_MSG(has(w, 0, "b") && has(w, 0, "c"), "allocation %ju", (uintmax_t)nth);
        end(w);
        if (!refused) printf("%ju allocations\n", (uintmax_t)nth - 1);
        CHECK(nth < 5000);
    }
}
