/* revgraph_field_test.c: what goes wrong with revision trees in the field, and does not here.
 *
 * The figures in comments are those measured with CouchDB 3.5.0 and PouchDB 9.0.0.
 */
#include <stdlib.h>
#include <string.h>

#include "crdt/revgraph.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define TYPE (&crdt_revgraph_type)
#define SOLO ""
#define DEVICES_MAX 5

static size_t count_of(const crdt_store *s, crdt_revs which)
{
    crdt_revgraph_iter it = crdt_revgraph_iterate(crdt_store_solo(s), which);
    crdt_rev           rev;
    size_t             n = 0;
    while (crdt_revgraph_next(&it, &rev)) n++;
    return n;
}

/* -- Trees whose revisions come in any order --------------------------------------------------- */

#define REVS 30

/* A history of one document: each revision over some earlier one, sometimes over two, by some
 * device that had all of them. */
static size_t grow_history(uint64_t *rand, crdt_delta **deltas)
{
    crdt_store *all = solo_of(TYPE, 1);
    crdt_rev_id ids[REVS];
    size_t      n = 0;
    while (n < REVS) {
        crdt_store *device;
        crdt_txn   *txn;
        char        body[32];
        CHECK_OK(crdt_store_clone(all, 100 + n, &device));
        crdt_rev_id parents[2];
        size_t      count = n == 0 ? 0 : 1 + (random_below(rand, 6) == 0);
        for (size_t i = 0; i < count; i++) parents[i] = ids[random_below(rand, n)];
        if (count == 2 && crdt_rev_id_compare(&parents[0], &parents[1]) == 0) count = 1;
        bool deleted = random_below(rand, 8) == 0;
        snprintf(body, sizeof body, "%zu", n);
        CHECK_OK(crdt_store_begin(device, NOW, &txn));
        CHECK_OK(crdt_revgraph_put(txn, CRDT_SOLO, parents, count, deleted, crdt_text_view(body),
                                   &ids[n]));
        deltas[n] = commit(device);
        join(all, deltas[n]);
        crdt_store_free(device);
        n++;
    }
    crdt_store_free(all);
    return n;
}

/* Every revision delivered in any order, with replays: 43 to 806 of 1,000 histories end with
 * different leaves where paths are cut at 3 or 5 revisions. Here none is cut. */
TEST(revgraph_field, any_order_of_delivery_with_replays_ends_in_the_same_bytes)
{
    uint64_t rand = seed_or(11);
    for (unsigned history = 0; history < (T_SLOW ? 2 : 100); history++) {
        crdt_delta *deltas[REVS];
        crdt_store *first = NULL;
        size_t      n = grow_history(&rand, deltas);
        for (unsigned order = 0; order < 6; order++) {
            crdt_store *s = solo_of(TYPE, 0x7000 + order);
            size_t      places[REVS];
            for (size_t i = 0; i < n; i++) {
                size_t j = random_below(&rand, i + 1);
                places[i] = places[j];
                places[j] = i;
            }
            for (size_t i = 0; i < n; i++) {
                CHECK_OK(crdt_store_merge(s, deltas[places[i]]));
                CHECK_OK(crdt_store_merge(s, deltas[places[random_below(&rand, i + 1)]]));
            }
            check_store(s);
            if (first != NULL) CHECK(same_bytes(first, s));
            if (first != NULL) CHECK_EQ_STR(shown(s, SOLO), shown(first, SOLO));
            if (first == NULL) first = s;
            else crdt_store_free(s);
        }
        crdt_store_free(first);
        for (size_t i = 0; i < n; i++) crdt_store_free(deltas[i]);
    }
}

/* The lived form of it (apache/couchdb#1994): a revision from the beginning of a long path comes
 * again, from a device that was away, and is a conflict though it was written over long ago. */
TEST(revgraph_field, an_old_revision_that_comes_again_is_no_conflict)
{
    crdt_store *server = solo_of(TYPE, 1), *tablet = solo_of(TYPE, 2);
    DO(server, SOLO, TYPE, "accept", "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "first");
    join(tablet, server);
    for (unsigned i = 0; i < 1200; i++) { /* beyond CouchDB's revs_limit */
        char body[16];
        snprintf(body, sizeof body, "%u", i);
        DO(server, SOLO, TYPE, "edit", body);
    }
    DO(server, SOLO, TYPE, "accept", "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "first");
    CHECK_EQ_INT(count_of(server, CRDT_REVS_LEAVES), 1);
    join(server, tablet);
    CHECK_EQ_INT(count_of(server, CRDT_REVS_LEAVES), 1);
    crdt_store_free(tablet);
    crdt_store_free(server);
}

/* -- Devices that all resolve conflicts automatically ------------------------------------------ */

/* The usual resolver, as the documents recommend it: the merged body, with a stamp of the device,
 * over the winner; the losers are deleted. */
static void resolve_with_stamps(crdt_store *device, unsigned number, unsigned round)
{
    crdt_revgraph_iter it = crdt_revgraph_iterate(crdt_store_solo(device), CRDT_REVS_LIVE);
    crdt_rev           rev;
    crdt_rev_id        leaves[256];
    size_t             n = 0;
    char               body[64];
    while (n < 256 && crdt_revgraph_next(&it, &rev)) leaves[n++] = rev.id;
    if (n < 2) return;
    crdt_txn *txn = begin(device);
    snprintf(body, sizeof body, "merged by device %u in round %u", number, round);
    CHECK_OK(crdt_revgraph_put(txn, CRDT_SOLO, &leaves[0], 1, false, crdt_text_view(body), NULL));
    for (size_t i = 1; i < n; i++) {
        CHECK_OK(crdt_revgraph_put(txn, CRDT_SOLO, &leaves[i], 1, true, crdt_text_view(""), NULL));
    }
    crdt_store_free(commit(device));
}

/* One write over all leaves, still with a stamp of the device. */
static void merge_with_stamps(crdt_store *device, unsigned number, unsigned round)
{
    char body[64];
    snprintf(body, sizeof body, "merged by device %u in round %u", number, round);
    if (count_of(device, CRDT_REVS_LIVE) > 1) DO(device, SOLO, TYPE, "merge", body);
}

/* A pure function of the leaves: here the greatest body. */
static void merge_purely(crdt_store *device, unsigned number, unsigned round)
{
    crdt_revgraph_iter it = crdt_revgraph_iterate(crdt_store_solo(device), CRDT_REVS_LIVE);
    crdt_rev           rev;
    char               greatest[64] = "";
    (void)number;
    (void)round;
    if (count_of(device, CRDT_REVS_LIVE) < 2) return;
    while (crdt_revgraph_next(&it, &rev)) {
        char body[64] = "";
        CHECK(rev.has_body && rev.body.size < sizeof body);
        memcpy(body, rev.body.data, rev.body.size);
        if (strcmp(body, greatest) > 0) memcpy(greatest, body, sizeof body);
    }
    DO(device, SOLO, TYPE, "merge", greatest);
}

typedef void (*resolver)(crdt_store *device, unsigned number, unsigned round);

static void sync_all(crdt_store **devices, unsigned n)
{
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 1; i < n; i++) join(devices[0], devices[i]);
        for (unsigned i = 1; i < n; i++) join(devices[i], devices[0]);
    }
    for (unsigned i = 1; i < n; i++) CHECK(same_bytes(devices[0], devices[i]));
}

/* Rounds until nobody sees a conflict; `most`: never so far. */
static unsigned rounds_of(unsigned n, resolver resolve, unsigned most, crdt_store **ret_end)
{
    crdt_store *devices[DEVICES_MAX] = {NULL};
    unsigned    round = 0;
    char        body[32];
    for (unsigned i = 0; i < n; i++) devices[i] = solo_of(TYPE, i + 1);
    DO(devices[0], SOLO, TYPE, "edit", "root");
    sync_all(devices, n);
    for (unsigned i = 0; i < n; i++) {
        snprintf(body, sizeof body, "edit of device %u", i);
        DO(devices[i], SOLO, TYPE, "edit", body);
    }
    for (; round < most; round++) {
        sync_all(devices, n);
        if (count_of(devices[0], CRDT_REVS_LIVE) == 1) break;
        for (unsigned i = 0; i < n; i++) resolve(devices[i], i, round);
    }
    sync_all(devices, n);
    for (unsigned i = 1; i < n; i++) crdt_store_free(devices[i]);
    *ret_end = devices[0];
    return round + (round < most); /* the last round found nothing to resolve */
}

/* apache/pouchdb#4630. Measured: 3 devices, 20 rounds, still 2 conflicts; 5 devices, 30 rounds,
 * still 4. */
TEST(revgraph_field, resolvers_with_stamps_never_end)
{
    static const resolver ways[] = {resolve_with_stamps, merge_with_stamps};
    for (unsigned n = 3; n <= 5; n += 2) {
        for (unsigned w = 0; w < 2; w++) {
            crdt_store *end;
            unsigned    rounds = rounds_of(n, ways[w], 20, &end);
            CHECK_EQ_INT(rounds, 20);
            CHECK_EQ_INT(count_of(end, CRDT_REVS_LIVE), n);
            printf("%u devices, stamps, %s: %u rounds, still %u conflicts, %zu revisions\n", n,
                   w == 0 ? "losers deleted" : "merges", rounds, n - 1,
                   count_of(end, CRDT_REVS_ALL));
            crdt_store_free(end);
        }
    }
}

TEST(revgraph_field, pure_resolvers_end_in_two_rounds)
{
    for (unsigned n = 3; n <= 5; n += 2) {
        crdt_store *end;
        unsigned    rounds = rounds_of(n, merge_purely, 20, &end);
        CHECK_EQ_INT(rounds, 2);
        CHECK_EQ_INT(count_of(end, CRDT_REVS_LEAVES), 1);
        CHECK_EQ_INT(count_of(end, CRDT_REVS_ALL), n + 2); /* root, edits, one merge of all */
        printf("%u devices, pure: %u rounds, %zu revisions\n", n, rounds,
               count_of(end, CRDT_REVS_ALL));
        crdt_store_free(end);
    }
}

/* Devices that see different parts of a conflict write different merges; these merge again. */
TEST(revgraph_field, pure_resolvers_end_whatever_part_they_saw)
{
    uint64_t rand = seed_or(5);
    for (unsigned trial = 0; trial < (T_SLOW ? 3 : 40); trial++) {
        crdt_store *devices[DEVICES_MAX] = {NULL};
        unsigned    round = 0, n = DEVICES_MAX;
        for (unsigned i = 0; i < n; i++) {
            char body[32];
            devices[i] = solo_of(TYPE, i + 1);
            snprintf(body, sizeof body, "edit of device %u", i);
            DO(devices[i], SOLO, TYPE, "edit", body);
        }
        for (; round < 12; round++) {
            for (unsigned i = 0; i < n; i++) {
                join(devices[i], devices[(i + 1 + random_below(&rand, n - 1)) % n]);
                merge_purely(devices[i], i, round);
            }
        }
        for (; round < 15; round++) {
            sync_all(devices, n);
            for (unsigned i = 0; i < n; i++) merge_purely(devices[i], i, round);
        }
        sync_all(devices, n);
        CHECK_EQ_INT(count_of(devices[0], CRDT_REVS_LIVE), 1);
        for (unsigned i = 0; i < n; i++) crdt_store_free(devices[i]);
    }
}

/* -- Growth ------------------------------------------------------------------------------------ */

/* sync_gateway#1127, couchdb#1661, pouchdb#591: trees that grow without bound; couchbase-lite-core
 * #116, couchdb#2501, pouchdb#9085: trees cut by number get false conflicts and two roots. */
TEST(revgraph_field, what_is_stable_is_forgotten_and_nothing_else)
{
    crdt_store *a = solo_of(TYPE, 1), *b = solo_of(TYPE, 2);
    size_t      size = 0;
    for (unsigned cycle = 0; cycle < 20; cycle++) {
        for (unsigned i = 0; i < 50; i++) {
            char body[32];
            snprintf(body, sizeof body, "%03u %03u", cycle, i);
            DO(a, SOLO, TYPE, "edit", body);
        }
        DO(b, SOLO, TYPE, "edit", "beside");
        join(a, b);
        join(b, a);
        CHECK(count_of(a, CRDT_REVS_ALL) > 50);
        DO(b, SOLO, TYPE, "merge", "both of a cycle");
        join(a, b);
        CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
        CHECK_OK(crdt_store_stabilise(b, crdt_store_context(a)));
        check_store(a);
        CHECK(same_bytes(a, b));
        CHECK_EQ_INT(count_of(a, CRDT_REVS_ALL), 1);
        CHECK_EQ_INT(count_of(a, CRDT_REVS_LIVE), 1);
        if (cycle == 3) size = encoded_size(a);
        if (cycle > 3) CHECK(encoded_size(a) <= size + 8);
    }
    DO(a, SOLO, TYPE, "remove");
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
    CHECK_EQ_INT(crdt_store_stats(a).dots, 0); /* a deleted document leaves nothing behind */
    free_all(a, b, NULL);
}

/* An edit that was under way while the others forgot what it was written over. */
TEST(revgraph_field, an_edit_over_what_was_forgotten_is_a_leaf_and_not_two)
{
    crdt_store *a = solo_of(TYPE, 1), *b = solo_of(TYPE, 2), *late = solo_of(TYPE, 3);
    DO(a, SOLO, TYPE, "edit", "one");
    DO(a, SOLO, TYPE, "edit", "two");
    join(b, a);
    join(late, a);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(a)));
    DO(late, SOLO, TYPE, "edit", "late");
    DO(a, SOLO, TYPE, "edit", "three");
    CHECK_OK(crdt_store_stabilise(a, &cut));
    CHECK_OK(crdt_store_stabilise(b, &cut));
    join(b, late);
    join(b, a);
    join(a, late);
    join(late, a);
    CHECK(same_bytes(a, b) && same_bytes(a, late));
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LIVE), 2);
    crdt_context_clear(&cut);
    free_all(a, b, late, NULL);
}

static void stabilise_at(crdt_store *s, const crdt_store *seen)
{
    CHECK_OK(crdt_store_stabilise(s, crdt_store_context(seen)));
    check_store(s);
}

/* A first revision that was forgotten is written again by one who still holds a child of it, while
 * another forgets the child: both end alike, and the deleted document does not come back. */
TEST(revgraph_field, an_ancestor_written_again_does_not_come_back_with_its_child_forgotten)
{
    crdt_store *a = solo_of(TYPE, 1), *b = solo_of(TYPE, 2), *early = solo_of(TYPE, 3);
    DO(a, SOLO, TYPE, "edit", "one");
    DO(a, SOLO, TYPE, "edit", "two");
    join(early, a);
    DO(a, SOLO, TYPE, "remove");
    join(b, a);
    stabilise_at(a, early);
    stabilise_at(b, early);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_ALL), 2);
    crdt_context all;
    crdt_context_init(&all, NULL);
    CHECK_OK(crdt_context_copy(&all, crdt_store_context(a)));
    crdt_delta *again = apply(a, SOLO, TYPE, "put", "", "one");
    CHECK_OK(crdt_store_stabilise(b, &all));
    CHECK_OK(crdt_store_stabilise(a, &all));
    CHECK_OK(crdt_store_merge(b, again));
    check_store(a);
    CHECK(same_bytes(a, b));
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LEAVES), 0);
    CHECK_EQ_STR(shown(b, SOLO), "none");
    /* Whoever has seen all that and writes it now, means it. */
    DO(b, SOLO, TYPE, "put", "", "one");
    join(a, b);
    check_store(a);
    CHECK(same_bytes(a, b));
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LIVE), 1);
    CHECK(strstr(shown(a, SOLO), "\"one\"") != NULL);
    crdt_store_free(again);
    crdt_context_clear(&all);
    free_all(a, b, early, NULL);
}

/* A state tells of a revision that is written again and of the death of its child at once. */
TEST(revgraph_field, a_body_stays_when_the_child_over_it_dies_in_the_same_join)
{
    crdt_store *a = solo_of(TYPE, 1), *b = solo_of(TYPE, 2);
    DO(a, SOLO, TYPE, "edit", "one");
    DO(a, SOLO, TYPE, "edit", "two");
    DO(a, SOLO, TYPE, "remove");
    join(b, a);
    stabilise_at(a, b);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_ALL), 0);
    DO(a, SOLO, TYPE, "put", "", "one");
    join(b, a);
    check_store(b);
    CHECK(same_bytes(a, b));
    CHECK(strstr(shown(b, SOLO), "\"one\"") != NULL);
    free_all(a, b, NULL);
}

/* pouchdb#7491, #8409: every edit carries the whole history. Here a delta is one revision, and the
 * ancestors of a thousand edits are some 30 bytes each, without their bodies. */
TEST(revgraph_field, an_edit_carries_one_revision)
{
    crdt_store *a = solo_of(TYPE, 1);
    char        body[200];
    size_t      last = 0;
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = 0;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(body, 8, "%06u", i);
        body[6] = 'x';
        crdt_delta *delta = apply(a, SOLO, TYPE, "edit", body);
        last = encoded_size(delta);
        crdt_store_free(delta);
    }
    printf("1,000 revisions: %zu bytes; the last delta: %zu\n", encoded_size(a), last);
    CHECK(last < sizeof body + 100);
    CHECK(encoded_size(a) < 1000 * 32 + 400);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_ALL), 1000);
    crdt_store_free(a);
}
