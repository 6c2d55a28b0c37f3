/* REV.* on two nodes with the network cut, over a restart, and on devices that all resolve
 * conflicts at once. */
#include <stdio.h>
#include <string.h>

#include "tests/node/pair.h"
#include "tests/node/revs.h"

TEST(revs, edits_on_both_sides_are_branches_until_one_write_merges_them)
{
    pair p = open_pair();
    expect(p.at[0], "REV.PUT d a", "'" A "'");
    cut(&p);
    expect(p.at[0], "REV.PUT d b PARENT " A, "'" B "'");
    expect(p.at[1], "REV.PUT d c PARENT " A, "'" C "'");
    heal(&p);
    both(&p, "REV.GET d", "['" B "', 'b']");
    both(&p, "REV.CONFLICTS d", "[" LOSER(C, "c") "]");
    both(&p, "REV.GET d REV " C, "['" C "', 'c']");
    both(&p, "CRDT.CONFLICTS", "[['key', 'd', 'type', 'revgraph', 'types', :1, 'contents', :2]]");
    for (int i = 0; i < 2; i++) {
        const char *told = talk_say(p.at[i], "CRDT.CONFLICTS d");
        CHECK_MSG(strstr(told, "'value', 'b', 'shows', :1") != NULL &&
                      strstr(told, "'value', 'c', 'shows', :0") != NULL,
                  "%s", told);
        told = talk_say(p.at[i], "CRDT.EXPLAIN d");
        CHECK_MSG(strstr(told, "leaves side by side") != NULL, "%s", told);
        told = talk_say(p.at[i], "CRDT.LOG d");
        CHECK_MSG(strstr(told, "'type', 'revgraph', 'writes', '" A " \"a\"'") != NULL, "%s", told);
    }
    expect(p.at[1], "REV.PUT d m PARENT " B " " C, "'" M "'");
    settle(p.cluster);
    both(&p, "REV.LEAVES d", "[" WINNER(M, "m") "]");
    both(&p, "CRDT.CONFLICTS", "[]");
    both(&p, "REV.TREE d", "[" ROW(TOMB, "'" C "'", "deleted", ":1", "'" M "'") ", ...");
    close_pair(&p);
}

TEST(revs, the_same_edit_or_merge_on_both_sides_is_one_revision)
{
    pair p = open_pair();
    cut(&p);
    expect(p.at[0], "REV.PUT d a", "'" A "'");
    expect(p.at[1], "REV.PUT d a", "'" A "'");
    heal(&p);
    both(&p, "REV.LEAVES d", "[" WINNER(A, "a") "]");
    expect(p.at[0], "REV.PUT d b PARENT " A, "'" B "'");
    expect(p.at[0], "REV.PUT d c PARENT " A " FORCE", "'" C "'");
    cut(&p);
    expect(p.at[0], "REV.PUT d m PARENT " B " " C, "'" M "'");
    expect(p.at[1], "REV.PUT d m PARENT " C " " B, "'" M "'");
    heal(&p);
    both(&p, "REV.LEAVES d", "[" WINNER(M, "m") "]");
    close_pair(&p);
}

/* An edit beside a deletion stays. */
TEST(revs, what_a_deletion_has_not_seen_stays)
{
    static const char *const removals[] = {"REV.DEL d PARENT " A, "DEL d", "FLUSHALL",
                                           "RENAME d moved"};
    for (size_t i = 0; i < sizeof removals / sizeof removals[0]; i++) {
        pair p = open_pair();
        expect(p.at[0], "REV.PUT d a", "'" A "'");
        cut(&p);
        CHECK_MSG(talk_say(p.at[0], removals[i])[0] != '-', "%s", removals[i]);
        expect(p.at[0], "EXISTS d", ":0");
        expect(p.at[1], "REV.PUT d b PARENT " A, "'" B "'");
        heal(&p);
        both(&p, "REV.GET d", "['" B "', 'b']");
        both(&p, "REV.CONFLICTS d", "[]");
        both(&p, "REV.LEAVES d", "[" WINNER(B, "b") ", ['rev', '2-..."); /* the deletion */
        close_pair(&p);
    }
}

TEST(revs, an_edit_beside_a_merge_is_a_branch)
{
    pair p = open_pair();
    expect(p.at[0], "REV.PUT d a", "'" A "'");
    expect(p.at[0], "REV.PUT d b PARENT " A, "'" B "'");
    expect(p.at[0], "REV.PUT d c PARENT " A " FORCE", "'" C "'");
    cut(&p);
    expect(p.at[0], "REV.PUT d m PARENT " B " " C, "'" M "'");
    expect(p.at[1], "REV.PUT d late PARENT " B, "'3-...");
    heal(&p);
    both(&p, "REV.CONFLICTS d", "[['rev', '3-...");
    for (int i = 0; i < 2; i++) {
        const char *told = talk_say(p.at[i], "REV.LEAVES d");
        CHECK_MSG(strstr(told, "'late'") != NULL && strstr(told, "'m'") != NULL, "%s", told);
    }
    close_pair(&p);
}

/* Each side deletes another branch: none is left, and the name is gone. */
TEST(revs, deletions_of_both_branches_end_the_document)
{
    pair p = open_pair();
    expect(p.at[0], "REV.PUT d a", "'" A "'");
    expect(p.at[0], "REV.PUT d b PARENT " A, "'" B "'");
    expect(p.at[0], "REV.PUT d c PARENT " A " FORCE", "'" C "'");
    cut(&p);
    expect(p.at[0], "REV.DEL d PARENT " B, "'3-...");
    expect(p.at[1], "REV.DEL d PARENT " C, "'3-...");
    heal(&p);
    both(&p, "REV.GET d", "nil");
    both(&p, "REV.WINNER d", "nil");
    both(&p, "EXISTS d", ":0");
    both(&p, "KEYS *", "[]");
    expect(p.at[1], "REV.PUT d anew", "'4-...");
    settle(p.cluster);
    both(&p, "TYPE d", "+revgraph");
    both(&p, "REV.CONFLICTS d", "[]");
    close_pair(&p);
}

/* One id, given to two bodies by other systems, at two nodes at once: both are kept, nobody picks
 * one, the node says so, and a write over it decides. */
TEST(revs, one_id_with_two_bodies_is_an_alarm)
{
    static char text[65536];
    pair        p = open_pair();
    cut(&p);
    expect(p.at[0], "REV.ACCEPT d mine " OLD_2 " " OLD_1, "+OK");
    expect(p.at[1], "REV.ACCEPT d yours " OLD_2 " " OLD_1, "+OK");
    heal(&p);
    for (int i = 0; i < 2; i++) {
        const char *told = talk_say(p.at[i], "REV.LEAVES d");
        CHECK_MSG(strstr(told, "'doubled', :1, 'body', 'mine'") != NULL &&
                      strstr(told, "'doubled', :1, 'body', 'yours'") != NULL,
                  "%s", told);
        told = talk_say(p.at[i], "INFO gossip");
        CHECK_MSG(strstr(told, "doubled_revisions:1") != NULL, "%s", told);
        FILE *log = fopen(nodes_log(p.cluster, (uint32_t)i), "r");
        CHECK(log != NULL);
        text[fread(text, 1, sizeof text - 1, log)] = 0;
        fclose(log);
        const char *alarm = strstr(text, "one revision id has two bodies");
        CHECK_MSG(alarm != NULL && strstr(alarm, "key=\"d\" rev=" OLD_2) != NULL, "%s", text);
        CHECK_MSG(strstr(alarm + 1, "one revision id has two bodies") == NULL, "%s", text);
    }
    both(&p, "REV.GET d", "-DOUBLED revision " OLD_2 " has several bodies: REV.LEAVES lists them");
    both(&p, "REV.GET d REV " OLD_2,
         "-DOUBLED revision " OLD_2 " has several bodies: REV.LEAVES lists them");
    both(&p, "REV.WINNER d", "'" OLD_2 "'");
    both(&p, "REV.ACCEPT d mine " OLD_2, "+OK"); /* either is held */
    both(&p, "REV.ACCEPT d third " OLD_2, "-DOUBLED revision " OLD_2 " is held with another body");
    both(&p, "CRDT.CONFLICTS", "[['key', 'd', 'type', 'revgraph', 'types', :1, 'contents', :2]]");
    both(&p, "RENAME d e",
         "-ERR a document with conflicts cannot be renamed: write over them first");
    expect(p.at[1], "REV.PUT d mine PARENT " OLD_2, "'3-...");
    settle(p.cluster);
    both(&p, "CRDT.CONFLICTS", "[]");
    for (int i = 0; i < 2; i++) {
        const char *told = talk_say(p.at[i], "INFO gossip");
        CHECK_MSG(strstr(told, "doubled_revisions:0") != NULL, "%s", told);
        told = talk_say(p.at[i], "REV.GET d");
        CHECK_MSG(strstr(told, "'mine'") != NULL, "%s", told);
    }
    close_pair(&p);
}

TEST(revs, beside_another_type)
{
    pair p = open_pair();
    cut(&p);
    expect(p.at[0], "REV.PUT k a", "'" A "'");
    nodes_sleep_ms(5);
    expect(p.at[1], "SET k text", "+OK");
    heal(&p);
    both(&p, "TYPE k", "+string");
    both(&p, "REV.GET k", WRONG_TYPE);
    both(&p, "CRDT.CONFLICTS", "[['key', 'k', 'type', 'cell', 'types', :2, 'contents', :1]]");
    expect(p.at[0], "DEL k", ":1");
    settle(p.cluster);
    both(&p, "EXISTS k", ":0");
    both(&p, "REV.LEAVES k", "[['rev', '2-...");
    close_pair(&p);
}

TEST(revs, outlive_a_restart)
{
    char          problem[512];
    nodes_options options = nodes_options_default();
    options.alone = true;
    nodes *cluster = nodes_new(&options, problem);
    CHECK_MSG(cluster != NULL, "%s", problem);
    CHECK_MSG(nodes_start_all(cluster), "%s", nodes_problem(cluster));
    talk *t = connect_to(cluster, 0);
    expect(t, "REV.PUT d a", "'" A "'");
    expect(t, "REV.PUT d b PARENT " A, "'" B "'");
    expect(t, "REV.PUT d c PARENT " A " FORCE", "'" C "'");
    expect(t, "REV.PUT gone a", "'" A "'");
    expect(t, "REV.DEL gone PARENT " A, "'2-...");
    for (int clean = 0; clean < 2; clean++) {
        talk_free(t);
        if (clean) CHECK_MSG(nodes_stop(cluster, 0), "%s", nodes_problem(cluster));
        else nodes_kill(cluster, 0);
        CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
        t = connect_to(cluster, 0);
        expect(t, "REV.LEAVES d", "[" WINNER(B, "b") ", " LOSER(C, "c") "]");
        expect(t, "REV.LEAVES gone", "[['rev', '2-...");
        expect(t, "CRDT.CONFLICTS", "[['key', 'd', ...");
    }
    talk_free(t);
    nodes_free(cluster);
}

/* -- Devices that resolve by themselves -------------------------------------------------------- */

#define BODY_MAX 256

typedef struct leaf {
    char rev[64], body[BODY_MAX];
} leaf;

/* The live leaves at a node, and how many. */
static size_t leaves_of(nodes *cluster, uint32_t i, leaf leaves[16])
{
    redisReply *r = nodes_command(cluster, i, "REV.LEAVES d");
    size_t      count = 0;
    CHECK_MSG(r != NULL && r->type == REDIS_REPLY_ARRAY, "%s", nodes_problem(cluster));
    for (size_t k = 0; k < r->elements; k++) {
        redisReply *const *at = r->element[k]->element;
        if (strcmp(at[3]->str, "deleted") == 0) continue;
        CHECK(count < 16);
        snprintf(leaves[count].rev, sizeof leaves[count].rev, "%s", at[1]->str);
        snprintf(leaves[count++].body, BODY_MAX, "%s", at[7]->str);
    }
    freeReplyObject(r);
    return count;
}

static void wait_for_leaves(nodes *cluster, uint32_t i, size_t wanted)
{
    leaf   leaves[16];
    size_t count = 0;
    for (uint64_t end = nodes_now_ms() + 20000; nodes_now_ms() < end; nodes_sleep_ms(20)) {
        count = leaves_of(cluster, i, leaves);
        if (count == wanted) return;
    }
    FAIL("node %u has %zu leaves, not %zu", i, count, wanted);
}

/* A body is a set of letters: the union, in order; and by whom, if the device signs its work. */
static void merge_bodies(const leaf *leaves, size_t count, uint32_t device, bool sign,
                         char out[BODY_MAX])
{
    bool   has[26] = {false};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (const char *at = leaves[i].body; *at >= 'a' && *at <= 'z'; at++) has[*at - 'a'] = true;
    }
    for (int i = 0; i < 26; i++) {
        if (has[i]) out[n++] = (char)('a' + i);
    }
    out[n] = 0;
    if (sign) snprintf(out + n, BODY_MAX - n, " by %u", device);
}

/* What every device does that finds a conflict. */
static void resolve(nodes *cluster, uint32_t device, bool sign)
{
    leaf        leaves[16];
    const char *argv[20] = {"REV.PUT", "d", NULL, "PARENT"};
    char        body[BODY_MAX];
    size_t      count = leaves_of(cluster, device, leaves);
    if (count < 2) return;
    merge_bodies(leaves, count, device, sign, body);
    argv[2] = body;
    for (size_t i = 0; i < count; i++) argv[4 + i] = leaves[i].rev;
    redisReply *r = nodes_command_argv(cluster, device, 4 + (int)count, argv, NULL);
    CHECK_MSG(r != NULL && r->type == REDIS_REPLY_STRING, "%s", r != NULL ? r->str : "no reply");
    freeReplyObject(r);
}

static void scatter(nodes *cluster)
{
    for (uint32_t i = 0; i < nodes_count(cluster); i++) {
        CHECK_MSG(nodes_ok(cluster, i, "CRDT.PARTITION"), "%s", nodes_problem(cluster));
    }
}

static void gather_again(nodes *cluster)
{
    CHECK_MSG(nodes_heal(cluster), "%s", nodes_problem(cluster));
    settle(cluster);
}

/* Each edits on its own; then rounds in which all resolve what they see, at the same time. How many
 * conflicts are left after so many rounds, at all the same. */
static size_t conflicts_after(uint32_t devices, int rounds, bool sign)
{
    leaf   first[16], other[16];
    size_t count = 0;
    nodes *cluster = start_in_memory(devices);
    CHECK(nodes_ok(cluster, 0, "REV.PUT d z"));
    settle(cluster);
    scatter(cluster);
    for (uint32_t i = 0; i < devices; i++) {
        char letter[2] = {(char)('a' + (int)i), 0};
        CHECK_MSG(nodes_ok(cluster, i, "REV.PUT d %s FORCE", letter), "%s", nodes_problem(cluster));
    }
    /* The first two meet, and so do the others: they merge what they know of, each their own. */
    CHECK_MSG(nodes_cut(cluster, 3), "%s", nodes_problem(cluster));
    for (uint32_t i = 0; i < devices; i++) wait_for_leaves(cluster, i, i < 2 ? 2 : devices - 2);
    for (int round = 0; round < rounds; round++) {
        scatter(cluster);
        for (uint32_t i = 0; i < devices; i++) resolve(cluster, i, sign);
        gather_again(cluster);
    }
    count = leaves_of(cluster, 0, first);
    for (uint32_t i = 1; i < devices; i++) {
        CHECK_EQ_INT(leaves_of(cluster, i, other), count);
        for (size_t k = 0; k < count; k++) CHECK_EQ_STR(other[k].rev, first[k].rev);
    }
    char whole[27] = "";
    for (uint32_t i = 0; i < devices; i++) whole[i] = (char)('a' + (int)i);
    CHECK_MSG(strncmp(first[0].body, whole, devices) == 0, "%s", first[0].body);
    nodes_free(cluster);
    return count - 1;
}

/* Merges that are pure functions of the leaves end in two rounds, by what is known of CouchDB and
 * PouchDB; those that sign their work never do. */
TEST(revs, three_devices_that_all_resolve_are_done_in_two_rounds)
{
    CHECK_EQ_INT(conflicts_after(3, 2, false), 0);
    CHECK(conflicts_after(3, 3, true) > 0);
}

TEST(revs, five_devices_that_all_resolve_are_done_in_two_rounds)
{
    CHECK_EQ_INT(conflicts_after(5, 2, false), 0);
    CHECK(conflicts_after(5, 3, true) > 0);
}
