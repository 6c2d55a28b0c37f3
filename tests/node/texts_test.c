/* texts_test.c: TEXT.UNDO, TEXT.REDO, TEXT.CHANGES, TEXT.HISTORY and TEXT.BLAME, as clients see
 * them, on one node and on two that are cut off from one another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/node/pair.h"

/* The reply to a line whose word $ is replaced. */
static const char *say_with(talk *t, const char *line, const char *word)
{
    char        full[4096];
    const char *mark = strchr(line, '$');
    snprintf(full, sizeof full, "%.*s%s%s", (int)(mark - line), line, word, mark + 1);
    return talk_say(t, full);
}

static void expect_with(talk *t, const char *line, const char *word, const char *expected)
{
    const char *got = say_with(t, line, word);
    CHECK_MSG(strcmp(got, expected) == 0, "%s\n  with     %s\n  says     %s\n  expected %s", line,
              word, got, expected);
}

/* A time at the node, into out. */
static const char *token_of(talk *t, char out[512])
{
    const char *got = talk_say(t, "CRDT.TOKEN");
    CHECK(got[0] == '\'' && strlen(got) < 512);
    snprintf(out, 512, "%s", got + 1);
    out[strlen(out) - 1] = 0;
    return out;
}

/* What TEXT.CHANGES tells behind its token. */
static void expect_changes(talk *t, const char *line, const char *word, const char *expected)
{
    const char *got = say_with(t, line, word), *at = strstr(got, "'changes', ");
    CHECK_MSG(strncmp(got, "['token', '", 11) == 0 && at != NULL, "%s says %s", line, got);
    at += strlen("'changes', ");
    size_t size = strlen(expected);
    CHECK_MSG(strncmp(at, expected, size) == 0 && strcmp(at + size, "]") == 0,
              "%s\n  says     %s\n  expected %s", line, at, expected);
}

TEST(texts, undo_takes_back_one_command_after_the_other)
{
    static const said lines[] = {
        {"TEXT.UNDO t", "-NOSTEP nothing to undo in 't': connections without a name have no step "
                        "there; steps are what TEXT.INSERT and TEXT.DELETE did at this node since "
                        "it started, under the same CLIENT SETNAME"},
        {"TEXT.INSERT t 0 'one two'", ":7"},
        {"TEXT.DELETE t 0 4", ":3"},
        {"TEXT.INSERT t 3 !", ":4"},
        {"TEXT.REDO t", "-NOSTEP nothing to redo in 't': connections without a name have undone "
                        "nothing since they wrote last; TEXT.UNDO comes first"},
        {"TEXT.UNDO t", ":1"},
        {"TEXT.GET t", "'two'"},
        {"TEXT.UNDO t", ":1"},
        {"TEXT.GET t", "'one two'"},
        {"TEXT.REDO t", ":1"},
        {"TEXT.GET t", "'two'"},
        {"TEXT.UNDO t 9", ":2"},
        {"TEXT.GET t", "''"},
        {"TEXT.REDO t 3", ":3"},
        {"TEXT.GET t", "'two!'"},
        {"TEXT.UNDO t 2", ":2"},
        {"TEXT.INSERT t -1 s", ":8"},
        {"TEXT.REDO t", "-NOSTEP nothing to redo..."},
        {"TEXT.UNDO t 0", "-ERR count must be 1 or more"},
        {"TEXT.UNDO t x", "-ERR value is not an integer or out of range"},
        {"TEXT.UNDO t 1 2", "-ERR wrong number of arguments for 'text.undo' command"},
        {"TEXT.REDO", "-ERR wrong number of arguments for 'text.redo' command"},
        {"TEXT.INSERT t 99 x", "-ERR position 99 is out of range: the text has 8 code points"},
        {"TEXT.UNDO t", ":1"}, /* what failed is no step */
        {"TEXT.GET t", "'one two'"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, lines);
    talk_free(t);
    nodes_free(cluster);
}

TEST(texts, undo_takes_exec_for_one_step)
{
    static const said lines[] = {
        {"TEXT.INSERT t 0 abc", ":3"},
        {"MULTI", "+OK"},
        {"TEXT.INSERT t 0 12", "+QUEUED"},
        {"TEXT.DELETE t 3 1", "+QUEUED"},
        {"SET other x", "+QUEUED"},
        {"TEXT.INSERT u 0 there", "+QUEUED"},
        {"EXEC", "[:5, :4, +OK, :5]"},
        {"TEXT.GET t", "'12ac'"},
        {"TEXT.UNDO t", ":1"},
        {"TEXT.GET t", "'abc'"},
        {"TEXT.GET u", "'there'"},
        {"GET other", "'x'"},
        {"TEXT.REDO t", ":1"},
        {"TEXT.GET t", "'12ac'"},
        {"TEXT.UNDO u", ":1"},
        {"TEXT.GET u", "''"},
        {"MULTI", "+OK"},
        {"TEXT.INSERT t 0 x", "+QUEUED"},
        {"TEXT.UNDO t", "-ERR Command not allowed inside a transaction"},
        {"EXEC", "-EXECABORT Transaction discarded because of previous errors."},
        {"WATCH t", "+OK"},
        {"MULTI", "+OK"},
        {"TEXT.INSERT t 0 x", "+QUEUED"},
        {"DISCARD", "+OK"},
        {"TEXT.UNDO t 5", ":2"},
        {"TEXT.GET t", "''"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, lines);
    talk_free(t);
    nodes_free(cluster);
}

/* Who writes under another name has steps of their own; a name survives its connection. */
TEST(texts, undo_is_of_those_who_bear_one_name)
{
    nodes *cluster = start_in_memory(1);
    talk  *ann = connect_to(cluster, 0), *ben = connect_to(cluster, 0);
    expect(ann, "CLIENT SETNAME ann", "+OK");
    expect(ben, "CLIENT SETNAME ben", "+OK");
    expect(ann, "TEXT.INSERT t 0 'Hello world'", ":11");
    expect(ben, "TEXT.INSERT t 5 ' my'", ":14");
    expect(ann, "TEXT.DELETE t 0 6", ":8"); /* of ben's, too */
    expect(ben, "TEXT.INSERT t 0 '>'", ":9");
    expect(ann, "TEXT.UNDO t", ":1");
    expect(ann, "TEXT.GET t", "'>Hello my world'");
    talk_free(ann);
    ann = connect_to(cluster, 0);
    expect(ann, "TEXT.UNDO t", "-NOSTEP nothing to undo in 't': connections without a name...");
    expect(ann, "CLIENT SETNAME ann", "+OK");
    expect(ann, "TEXT.UNDO t", ":1");
    expect(ben, "TEXT.GET t", "'> my'");
    expect(ann, "TEXT.UNDO t", "-NOSTEP nothing to undo in 't': connections named 'ann'...");
    expect(ben, "TEXT.UNDO t 2", ":2");
    expect(ben, "TEXT.GET t", "' '"); /* that ann deleted, and brought back */
    expect(ann, "TEXT.REDO t 2", ":2");
    expect(ann, "TEXT.GET t", "' world'");
    talk_free(ann);
    talk_free(ben);
    nodes_free(cluster);
}

TEST(texts, undo_meets_other_types_deletions_and_deadlines)
{
    static const said lines[] = {
        {"SET s x", "+OK"},
        {"TEXT.UNDO s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"TEXT.INSERT t 0 abc", ":3"},
        {"TEXT.DELETE t 1 1", ":2"},
        {"DEL t", ":1"},
        {"TEXT.UNDO t", ":1"}, /* what the step deleted comes back; what DEL did is no step */
        {"TEXT.GET t", "'b'"},
        {"TEXT.UNDO t", ":1"},
        {"TEXT.GET t", "''"},
        {"DEL t", ":1"},
        {"TEXT.REDO t", ":1"},
        {"TEXT.GET t", "'b'"},
        {"DEL t", ":1"},
        {"SET t x", "+OK"},
        {"TEXT.UNDO t", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"GET t", "'x'"},
        {"TEXT.INSERT e 0 abc", ":3"},
        {"TEXT.DELETE e 1 1", ":2"},
        {"PEXPIRE e 1", ":1"},
        {NULL, NULL}, /* once it has expired, and most likely before it is removed */
        {"TEXT.GET e", "nil"},
        {"TEXT.UNDO e", ":1"},
        {"TEXT.GET e", "'b'"}, /* and no deadline */
        {"TTL e", ":-1"},
        {"CRDT.TEXT_CLASSIC.INSERT c 0 xy", "+OK"},
        {"TEXT.UNDO c", "-NOSTEP nothing to undo..."},
        {"TEXT.INSERT c 1 -", ":3"},
        {"TEXT.UNDO c", ":1"},
        {"TEXT.GET c", "'xy'"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (lines[i].say != NULL) expect(t, lines[i].say, lines[i].expect);
        else nodes_sleep_ms(10);
    }
    talk_free(t);
    nodes_free(cluster);
}

/* Many in one go, $ a number: the reply to each begins so. */
static void say_many(talk *t, const char *form, int count, const char *expected)
{
    char line[64];
    for (int from = 0; from < count; from += 100) {
        int end = from + 100 < count ? from + 100 : count;
        for (int i = from; i < end; i++) {
            const char *mark = strchr(form, '$');
            snprintf(line, sizeof line, "%.*s%d%s", (int)(mark - form), form, i, mark + 1);
            talk_send(t, line);
        }
        for (int i = from; i < end; i++) {
            const char *got = talk_read(t);
            CHECK_MSG(strncmp(got, expected, strlen(expected)) == 0, "%s", got);
        }
    }
}

/* Of 1,000 texts, of each the last 1,000 steps. */
TEST(texts, undo_keeps_what_was_written_last)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    say_many(t, "TEXT.INSERT t -1 x$", 1005, ":");
    expect(t, "TEXT.UNDO t 2000", ":1000");
    expect(t, "TEXT.GET t", "'x0x1x2x3x4'");
    say_many(t, "TEXT.INSERT first:$ 0 x", 500, ":1");
    expect(t, "TEXT.REDO t", ":1"); /* it stays in use */
    say_many(t, "TEXT.INSERT then:$ 0 x", 502, ":1");
    expect(t, "TEXT.UNDO t", ":1");
    expect(t, "TEXT.UNDO then:501", ":1");
    expect(t, "TEXT.UNDO first:3", ":1");
    expect(t, "TEXT.UNDO first:2", "-NOSTEP...");
    talk_free(t);
    nodes_free(cluster);
}

TEST(texts, changes_tell_what_an_editor_is_to_do)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    char   first[512], second[512];
    expect_changes(t, "TEXT.CHANGES t $", "0", "[]");
    token_of(t, first);
    expect(t, "TEXT.INSERT t 0 'a€😀b'", ":4");
    expect_changes(t, "TEXT.CHANGES t $", first, "[['insert', :4, 'a€😀b']]");
    expect_changes(t, "TEXT.CHANGES t $ UNIT utf16", first, "[['insert', :5, 'a€😀b']]");
    expect_changes(t, "TEXT.CHANGES t $ UNIT byte", "0", "[['insert', :9, 'a€😀b']]");
    token_of(t, second);
    expect(t, "TEXT.DELETE t 1 1", ":3");
    expect(t, "TEXT.INSERT t 2 yz", ":5");
    expect_changes(t, "TEXT.CHANGES t $", second,
                   "[['retain', :1], ['delete', :1], ['retain', :1], ['insert', :2, 'yz'], "
                   "['retain', :1]]");
    expect_changes(t, "TEXT.CHANGES t $ UNIT byte", second,
                   "[['retain', :1], ['delete', :3], ['retain', :4], ['insert', :2, 'yz'], "
                   "['retain', :1]]");
    char both[1100];
    snprintf(both, sizeof both, "%s %s", first, second);
    expect_changes(t, "TEXT.CHANGES t $", both, "[['insert', :4, 'a€😀b']]");
    snprintf(both, sizeof both, "%s %s", second, first);
    expect_changes(t, "TEXT.CHANGES t $", both, "[['delete', :4]]");
    expect_with(t, "TEXT.HISTORY t $", first, "''");
    expect_with(t, "TEXT.HISTORY t $", second, "'a€😀b'");
    expect_with(t, "TEXT.HISTORY t $", "0", "''");
    expect_with(t, "TEXT.HISTORY u $", second, "nil");
    /* The token of a reply is the time from which the next one goes on. */
    char reply[512];
    snprintf(reply, sizeof reply, "%s", say_with(t, "TEXT.CHANGES t $", second));
    *strchr(reply + 11, '\'') = 0;
    expect(t, "TEXT.INSERT t 0 .", ":6");
    expect_changes(t, "TEXT.CHANGES t $", reply + 11, "[['insert', :1, '.'], ['retain', :5]]");
    expect(t, "DEL t", ":1");
    expect_changes(t, "TEXT.CHANGES t $", second, "[['delete', :4]]");
    expect_with(t, "TEXT.HISTORY t $", second, "'a€😀b'");
    talk_say(t, "HELLO 3");
    const char *got = say_with(t, "TEXT.CHANGES t $", second);
    CHECK_MSG(strncmp(got, "{'token': '", 11) == 0 && strstr(got, "'changes': [['delete', :4]]}"),
              "%s", got);
    talk_free(t);
    nodes_free(cluster);
}

/* What a deadline took is deleted, and what is written then is inserted. */
TEST(texts, changes_know_of_deadlines)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    char   before[512], reply[512];
    expect(t, "TEXT.INSERT t 0 abc", ":3");
    token_of(t, before);
    expect(t, "PEXPIRE t 1", ":1");
    nodes_sleep_ms(10);
    snprintf(reply, sizeof reply, "%s", say_with(t, "TEXT.CHANGES t $", before));
    CHECK_MSG(strstr(reply, "'changes', [['delete', :3]]]") != NULL, "%s", reply);
    *strchr(reply + 11, '\'') = 0;
    expect(t, "TEXT.INSERT t 0 new", ":3");
    expect_changes(t, "TEXT.CHANGES t $", reply + 11, "[['insert', :3, 'new']]");
    expect_changes(t, "TEXT.CHANGES t $", before, "[['insert', :3, 'new'], ['delete', :3]]");
    talk_free(t);
    nodes_free(cluster);
}

TEST(texts, pasts_refuse_what_they_cannot_tell)
{
    nodes *cluster = start_in_memory(1), *others = start_in_memory(1);
    talk  *t = connect_to(cluster, 0), *far = connect_to(others, 0);
    char   token[512];
    expect(far, "TEXT.INSERT t 0 abc", ":3");
    token_of(far, token);
    expect(t, "TEXT.INSERT t 0 abc", ":3");
    static const char *const lines[] = {"TEXT.CHANGES t $", "TEXT.CHANGES t 0 $",
                                        "TEXT.CHANGES none $", "TEXT.HISTORY t $",
                                        "TEXT.HISTORY none $"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        /* of another store */
        expect_with(t, lines[i], token,
                    "-NOTREADY the token tells of writes that have not arrived here: CRDT.READY "
                    "waits for them");
        expect_with(t, lines[i], "xyz", "-BADTOKEN not a token of this cluster: it is not base64");
        token[20] ^= 1; /* another letter of the alphabet, or none */
        const char *got = say_with(t, lines[i], token);
        CHECK_MSG(strncmp(got, "-BADTOKEN", 9) == 0, "%s", got);
        token[20] ^= 1;
    }
    expect(t, "SET s x", "+OK");
    static const said more[] = {
        {"TEXT.CHANGES s 0", "-WRONGTYPE..."},
        {"TEXT.HISTORY s 0", "-WRONGTYPE..."},
        {"TEXT.BLAME s", "-WRONGTYPE..."},
        {"TEXT.CHANGES t", "-ERR wrong number of arguments for 'text.changes' command"},
        {"TEXT.CHANGES t UNIT byte", "-ERR wrong number of arguments for 'text.changes' command"},
        {"TEXT.CHANGES t 0 0 0", "-ERR wrong number of arguments for 'text.changes' command"},
        {"TEXT.CHANGES t 0 UNIT word", "-ERR UNIT must be cp, utf16 or byte"},
        {"TEXT.CHANGES t 0 0 WRITERS UNIT byte", "['token', '..."},
        {"TEXT.HISTORY t", "-ERR wrong number of arguments for 'text.history' command"},
        {"TEXT.HISTORY t 0 0", "-ERR wrong number of arguments for 'text.history' command"},
        {"TEXT.BLAME t x", "-ERR wrong number of arguments for 'text.blame' command"},
        {"TEXT.BLAME none", "[]"},
        {"MULTI", "+OK"},
        {"TEXT.CHANGES t 0", "-ERR Command not allowed inside a transaction"},
        {"DISCARD", "+OK"},
    };
    CONVERSE(t, more);
    talk_free(t);
    talk_free(far);
    nodes_free(cluster);
    nodes_free(others);
}

/* Half of a character: as bytes, as UTF-16 units, and as UTF-8 that JavaScript makes of it. */
TEST(texts, surrogates_marks_and_directions_stay_whole)
{
    static const said lines[] = {
        {"TEXT.INSERT t 0 'שלום e\u0301'", ":7"}, /* e and U+0301 */
        {"TEXT.INSERT t 4 ' 😀'", ":9"},
        {"TEXT.INSERT t 6 x UNIT utf16",
         "-ERR position or count ends inside a character: UTF-16 units were counted"},
        {"TEXT.CURSOR t 6 LEFT UNIT utf16",
         "-ERR position or count ends inside a character: UTF-16 units were counted"},
        {"TEXT.DELETE t 5 1 UNIT utf16",
         "-ERR position or count ends inside a character: UTF-16 units were counted"},
        {"TEXT.DELETE t 8 1", ":8"}, /* the mark, alone */
        {"TEXT.GET t", "'שלום 😀 e'"},
        {"TEXT.UNDO t", ":1"},
        {"TEXT.GET t", "'שלום 😀 e\u0301'"},
        {"TEXT.DELETE t 0 4", ":5"},
        {"TEXT.UNDO t", ":1"},
        {"TEXT.GET t 0 4", "'שלום'"},
    };
    static const char half[] =
        "*4\r\n$11\r\nTEXT.INSERT\r\n$1\r\nt\r\n$1\r\n0\r\n$3\r\n\xed\xa0\xbd\r\n";
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, lines);
    talk_raw(t, half, sizeof half - 1);
    const char *got = talk_read(t);
    CHECK_MSG(strcmp(got, "-ERR value is not valid UTF-8") == 0, "%s", got);
    expect(t, "TEXT.UNDO t 9", ":2"); /* the halves were no steps */
    expect(t, "TEXT.GET t", "''");
    talk_free(t);
    nodes_free(cluster);
}

/* -- Two nodes --------------------------------------------------------------------------------- */

static void replica_of(talk *t, const char *key, char out[32])
{
    char line[64];
    snprintf(line, sizeof line, "TEXT.BLAME %s", key);
    const char *got = talk_say(t, line);
    CHECK_MSG(strncmp(got, "[[:0, :1, '", 11) == 0, "%s", got);
    snprintf(out, 32, "%.16s", got + 11);
}

TEST(texts, blame_and_changes_tell_who_wrote_and_deleted)
{
    pair p = open_pair();
    char ann[32], ben[32], expected[512], token[512], word[600];
    expect(p.at[0], "TEXT.INSERT a 0 x", ":1");
    expect(p.at[1], "TEXT.INSERT b 0 x", ":1");
    replica_of(p.at[0], "a", ann);
    replica_of(p.at[1], "b", ben);
    CHECK(strcmp(ann, ben) != 0);
    expect(p.at[0], "TEXT.INSERT t 0 'Hello world'", ":11");
    settle(p.cluster);
    token_of(p.at[0], token);
    expect(p.at[1], "TEXT.INSERT t 5 ', €'", ":14");
    expect(p.at[1], "TEXT.DELETE t 13 1", ":13");
    cut(&p);
    expect(p.at[0], "TEXT.DELETE t 0 1", ":12");
    snprintf(expected, sizeof expected, "[[:0, :4, '%s'], [:4, :5, '%s'], [:9, :5, '%s']]", ann,
             ben, ann);
    expect(p.at[0], "TEXT.BLAME t UNIT byte", expected);
    snprintf(word, sizeof word, "%s WRITERS", token);
    snprintf(expected, sizeof expected,
             "[['delete', :1, '%s', '%s'], ['retain', :4, '%s'], ['insert', :3, ', €', '%s'], "
             "['retain', :5, '%s'], ['delete', :1, '%s', '%s']]",
             ann, ann, ann, ben, ann, ann, ben);
    expect_changes(p.at[0], "TEXT.CHANGES t $", word, expected);
    token_of(p.at[0], token); /* of what the other has not */
    expect_with(p.at[1], "TEXT.CHANGES t $", token,
                "-NOTREADY the token tells of writes that have not arrived here: CRDT.READY waits "
                "for them");
    heal(&p);
    expect_changes(p.at[1], "TEXT.CHANGES t $", token, "[['retain', :12]]");
    snprintf(word, sizeof word, "%s 0 WRITERS", token);
    snprintf(expected, sizeof expected, "[['delete', :1, '%s', nil]]", ann);
    expect_changes(p.at[1], "TEXT.CHANGES a $", word, expected);
    close_pair(&p);
}

/* Undone here, edited there meanwhile. */
TEST(texts, undo_keeps_what_others_wrote_since)
{
    pair p = open_pair();
    expect(p.at[0], "TEXT.INSERT t 0 'one two three'", ":13");
    settle(p.cluster);
    expect(p.at[0], "TEXT.DELETE t 4 4", ":9");
    cut(&p);
    expect(p.at[1], "TEXT.INSERT t 6 !", ":10");
    expect(p.at[1], "TEXT.DELETE t 0 1", ":9");
    expect(p.at[0], "TEXT.UNDO t", ":1");
    expect(p.at[0], "TEXT.GET t", "'one two three'");
    expect(p.at[1], "TEXT.UNDO t", ":1"); /* its own */
    expect(p.at[1], "TEXT.GET t", "'one th!ree'");
    heal(&p);
    both(&p, "TEXT.GET t", "'one two th!ree'");
    expect(p.at[0], "TEXT.UNDO t", ":1");
    settle(p.cluster);
    both(&p, "TEXT.GET t", "'o!'"); /* the o that the other brought back is its own */
    expect(p.at[1], "TEXT.UNDO t", ":1");
    expect(p.at[1], "TEXT.UNDO t", "-NOSTEP...");
    expect(p.at[0], "TEXT.REDO t", ":1");
    settle(p.cluster);
    both(&p, "TEXT.GET t", "'one two three'");
    close_pair(&p);
}

/* Both deleted it, and both bring it back. */
TEST(texts, undo_at_two_nodes_brings_back_twice)
{
    pair p = open_pair();
    expect(p.at[0], "TEXT.INSERT t 0 abc", ":3");
    cut(&p);
    for (int i = 0; i < 2; i++) {
        expect(p.at[i], "TEXT.DELETE t 1 1", ":2");
        expect(p.at[i], "TEXT.UNDO t", ":1");
    }
    heal(&p);
    both(&p, "TEXT.GET t", "'abbc'");
    close_pair(&p);
}
