/* The commands made from the operation tables of the library's types, and TEXT.*, as clients see
 * them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/node/pair.h"

static void converse_alone(const said *lines, size_t count)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    converse(t, lines, count);
    talk_free(t);
    nodes_free(cluster);
}
#define CONVERSE_ALONE(lines) converse_alone(lines, sizeof(lines) / sizeof(lines)[0])

#define WRONG_TYPE "-WRONGTYPE Operation against a key holding the wrong kind of value"

TEST(types, counters)
{
    static const said lines[] = {
        {"CRDT.PNCOUNTER.GET c", ":0"},
        {"EXISTS c", ":0"},
        {"CRDT.PNCOUNTER.INC c 5", "+OK"},
        {"CRDT.PNCOUNTER.DEC c 7", "+OK"},
        {"CRDT.PNCOUNTER.GET c", ":-2"},
        {"CRDT.PNCOUNTER.INC c 0", "-ERR amount must be an integer from 1 to 9223372036854775807"},
        {"CRDT.PNCOUNTER.INC c x", "-ERR amount must be an integer from 1 to 9223372036854775807"},
        {"CRDT.PNCOUNTER.INC c", "-ERR wrong number of arguments for 'crdt.pncounter.inc' command"},
        {"CRDT.PNCOUNTER.RESET c", "+OK"},
        {"CRDT.PNCOUNTER.GET c", ":0"},
        {"CRDT.GCOUNTER.INC g 9223372036854775807", "+OK"},
        {"CRDT.GCOUNTER.INC g 9223372036854775807", "+OK"},
        {"CRDT.GCOUNTER.GET g", "'18446744073709551614'"},
        {"CRDT.GCOUNTER.INC g 9223372036854775807", "-ERR increment or decrement would overflow"},
        {"HELLO 3 SETNAME x", NULL},
        {"CRDT.GCOUNTER.GET g", "(18446744073709551614"},
        {"CRDT.GCOUNTER.GET c", WRONG_TYPE},
        {"CRDT.GCOUNTER.INC c 1", WRONG_TYPE},
        {"GET c", WRONG_TYPE},
        {"TYPE c", "+pncounter"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = talk_new(nodes_port(cluster, 0));
    CHECK(t != NULL);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (lines[i].expect != NULL) expect(t, lines[i].say, lines[i].expect);
        else talk_say(t, lines[i].say);
    }
    talk_free(t);
    nodes_free(cluster);
}

TEST(types, sets)
{
    static const said lines[] = {
        {"CRDT.ORSET.GET s", "[]"},
        {"CRDT.ORSET.ADD s x", "+OK"},
        {"CRDT.ORSET.ADD s 10", "+OK"},
        {"CRDT.ORSET.ADD s 010", "+OK"},
        {"SISMEMBER s 10", ":1"},
        {"SREM s 10", ":1"},
        {"SADD s 7", ":1"},
        {"CRDT.ORSET.REMOVE s 7", "+OK"},
        {"CRDT.ORSET.GET s", "['x', '010']"},
        {"SMISMEMBER s x 010 7", "[:1, :1, :0]"},
        {"CRDT.RWSET.ADD r a", "+OK"},
        {"CRDT.RWSET.ADD r b", "+OK"},
        {"CRDT.RWSET.REMOVE r a", "+OK"},
        {"CRDT.RWSET.GET r", "['b']"},
        {"CRDT.GSET.ADD g a", "+OK"},
        {"CRDT.GSET.GET g", "['a']"},
        {"CRDT.TWOPSET.ADD p a", "+OK"},
        {"CRDT.TWOPSET.REMOVE p a", "+OK"},
        {"CRDT.TWOPSET.ADD p a", "+OK"},
        {"CRDT.TWOPSET.GET p", "[]"},
        {"SADD g b", WRONG_TYPE},
    };
    CONVERSE_ALONE(lines);
}

TEST(types, registers_and_flags)
{
    static const said lines[] = {
        {"CRDT.LWW.GET l", "nil"},
        {"CRDT.LWW.SET l hello", "+OK"},
        {"CRDT.LWW.GET l", "'hello'"},
        {"CRDT.LWW.SET l 5", "+OK"},
        {"CRDT.LWW.GET l", "'5'"},
        {"CRDT.LWW.CLEAR l", "+OK"},
        {"CRDT.LWW.GET l", "nil"},
        {"CRDT.LWWTS.PUT t new 10", "+OK"},
        {"CRDT.LWWTS.PUT t old 9", "+OK"},
        {"CRDT.LWWTS.GET t", "'new'"},
        {"CRDT.LWWTS.DEL t 10", "+OK"},
        {"CRDT.LWWTS.GET t", "nil"},
        {"CRDT.LWWTS.PUT t x -1", "-ERR stamp must be an integer from 0 to 9223372036854775807"},
        {"CRDT.MVREG.GET m", "[]"},
        {"CRDT.MVREG.SET m a", "+OK"},
        {"CRDT.MVREG.GET m", "['a']"},
        {"CRDT.MAX.GET x", "nil"},
        {"CRDT.MAX.WRITE x -3", "+OK"},
        {"CRDT.MAX.WRITE x -5", "+OK"},
        {"CRDT.MAX.GET x", ":-3"},
        {"CRDT.MIN.WRITE n -3", "+OK"},
        {"CRDT.MIN.WRITE n -5", "+OK"},
        {"CRDT.MIN.GET n", ":-5"},
        {"CRDT.MIN.WRITE n 1.5",
         "-ERR integer must be an integer from -9223372036854775808 to 9223372036854775807"},
        {"CRDT.EWFLAG.GET e", ":0"},
        {"CRDT.EWFLAG.ENABLE e", "+OK"},
        {"CRDT.EWFLAG.GET e", ":1"},
        {"CRDT.DWFLAG.ENABLE d", "+OK"},
        {"CRDT.DWFLAG.DISABLE d", "+OK"},
        {"CRDT.DWFLAG.GET d", ":0"},
    };
    CONVERSE_ALONE(lines);
}

TEST(types, cells_are_the_strings_and_counters_of_redis)
{
    static const said lines[] = {
        {"CRDT.CELL.GET c", "nil"},
        {"INCR c", ":1"},
        {"CRDT.CELL.INCR c 4", "+OK"},
        {"GET c", "'5'"},
        {"CRDT.CELL.INCRFLOAT c 0.25", "+OK"},
        {"CRDT.CELL.GET c", "'5.25'"},
        {"CRDT.CELL.INCRFLOAT c x", "-ERR value is not a valid float"},
        {"CRDT.CELL.SET c hello", "+OK"},
        {"GET c", "'hello'"},
        {"CRDT.EXPIRY.GET c", "nil"},
        {"PEXPIREAT c 4102444800000", ":1"},
        {"CRDT.EXPIRY.GET c", ":4102444800000"},
        {"PERSIST c", ":1"},
        {"CRDT.EXPIRY.GET c", "nil"},
    };
    CONVERSE_ALONE(lines);
}

TEST(types, lists)
{
    static const said lines[] = {
        {"CRDT.RGA.GET l", "[]"},
        {"CRDT.RGA.INSERT l 0 b", "+OK"},
        {"CRDT.RGA.INSERT l 0 a", "+OK"},
        {"CRDT.RGA.INSERT l 2 3", "+OK"},
        {"CRDT.RGA.GET l", "['a', 'b', '3']"},
        {"CRDT.RGA.MOVE l 2 0", "+OK"},
        {"CRDT.RGA.GET l", "['3', 'a', 'b']"},
        {"CRDT.RGA.MOVE l 0 2", "+OK"},
        {"CRDT.RGA.MOVE l 1 1", "+OK"},
        {"CRDT.RGA.MOVE l 0 3", "-ERR position or count is beyond the end"},
        {"CRDT.RGA.MOVE l 0", "-ERR wrong number of arguments for 'crdt.rga.move' command"},
        {"CRDT.RGA.GET l 1 1", "['b']"},
        {"CRDT.RGA.GET l 1 100", "['b', '3']"},
        {"CRDT.RGA.GET l 9 1", "[]"},
        {"CRDT.RGA.GET l 1", "-ERR syntax error"},
        {"CRDT.RGA.GET l -1 1", "-ERR position and count must be 0 or more"},
        {"CRDT.RGA.INSERT l 9 x", "-ERR position or count is beyond the end"},
        {"CRDT.RGA.INSERT l -1 x",
         "-ERR position must be an integer from 0 to 9223372036854775807"},
        {"CRDT.RGA.DELETE l 0 2", "+OK"},
        {"CRDT.RGA.SET l 0 z", "+OK"},
        {"CRDT.RGA.GET l", "['z']"},
        {"CRDT.RGA_CLASSIC.INSERT c 0 a", "+OK"},
        {"CRDT.RGA_CLASSIC.GET c", "['a']"},
        {"CRDT.TEXT.INSERT t 0 abc", "+OK"},
        {"CRDT.TEXT.GET t 1 1", "'b'"},
        {"CRDT.TEXT.INSERT t 4 x", "-ERR position or count is beyond the end"},
    };
    CONVERSE_ALONE(lines);
}

TEST(types, text_in_three_units)
{
    static const said lines[] = {
        {"TEXT.GET t", "nil"},
        {"TEXT.LENGTH t", ":0"},
        {"TEXT.INSERT t 0 'a€😀b'", ":4"},
        {"TEXT.LENGTH t", ":4"},
        {"TEXT.LENGTH t UNIT utf16", ":5"},
        {"TEXT.LENGTH t UNIT byte", ":9"},
        {"TEXT.LENGTH t UNIT foo", "-ERR UNIT must be cp, utf16 or byte"},
        {"TEXT.GET t", "'a€😀b'"},
        {"TEXT.GET t 1 2", "'€😀'"},
        {"TEXT.GET t -1 5", "'b'"},
        {"TEXT.GET t -2 2", "'😀b'"},
        {"TEXT.GET t 4 1", "''"},
        {"TEXT.GET t 5 1", "-ERR position 5 is out of range: the text has 4 code points"},
        {"TEXT.GET t -5 1", "-ERR position -5 is out of range: the text has 4 code points"},
        {"TEXT.GET t 1 3 UNIT byte", "'€'"},
        {"TEXT.GET t 1 2 UNIT byte",
         "-ERR position or count ends inside a character: bytes were counted"},
        {"TEXT.INSERT t 3 x UNIT utf16",
         "-ERR position or count ends inside a character: UTF-16 units were counted"},
        {"TEXT.INSERT t -1 '!'", ":5"},
        {"TEXT.INSERT t -2 c", ":6"},
        {"TEXT.GET t", "'a€😀bc!'"},
        {"TEXT.INSERT t 9 x", "-ERR position 9 is out of range: the text has 6 code points"},
        {"TEXT.INSERT t x x", "-ERR value is not an integer or out of range"},
        {"TEXT.INSERT t 0", "-ERR wrong number of arguments for 'text.insert' command"},
        {"TEXT.INSERT t 0 x y", "-ERR wrong number of arguments for 'text.insert' command"},
        {"TEXT.DELETE t 1 2", ":4"},
        {"TEXT.GET t", "'abc!'"},
        {"TEXT.DELETE t -1 1", ":3"},
        {"TEXT.DELETE t 1 9", "-ERR count 9 is out of range: 2 of 3 code points are behind it"},
        {"TEXT.DELETE t 1 -1", "-ERR count must be 0 or more"},
        {"TEXT.DELETE t 1 0", ":3"},
        {"TEXT.GET t", "'abc'"},
        {"TEXT.INSERT empty -9223372036854775808 x",
         "-ERR position -9223372036854775808 is out of range: the text has 0 code points"},
        {"EXISTS empty", ":0"},
        {"TYPE t", "+text"},
        {"SADD s x", ":1"},
        {"TEXT.GET s", WRONG_TYPE},
        {"TEXT.INSERT s 0 x", WRONG_TYPE},
        {"CRDT.TEXT_CLASSIC.INSERT k 0 ab", "+OK"},
        {"TEXT.INSERT k 1 x", ":3"},
        {"CRDT.TEXT_CLASSIC.GET k", "'axb'"},
    };
    CONVERSE_ALONE(lines);
}

TEST(types, marks_and_cursors_of_a_text)
{
    static const said lines[] = {
        {"TEXT.MARKS t", "[]"},
        {"TEXT.MARK t 0 1 bold", "-ERR position 1 is out of range: the text has 0 code points"},
        {"TEXT.INSERT t 0 'The fox'", ":7"},
        {"TEXT.MARK t 0 3 bold", "+OK"},
        {"TEXT.MARK t 4 -1 link w.org", "+OK"},
        {"TEXT.MARK t 2 5 comment:7 42", "+OK"},
        {"TEXT.MARK t 3 2 bold", "-ERR the end lies before the start"},
        {"TEXT.MARK t 0 8 bold", "-ERR position 8 is out of range: the text has 7 code points"},
        {"TEXT.MARK t 0 1 ''", "-ERR a mark must have a name"},
        {"TEXT.MARK t 0 1", "-ERR wrong number of arguments for 'text.mark' command"},
        {"TEXT.UNMARK t 0 1 bold x", "-ERR wrong number of arguments for 'text.unmark' command"},
        {"TEXT.MARKS t",
         "[[:0, :2, ['bold', '1']], [:2, :1, ['bold', '1', 'comment:7', '42']], "
         "[:3, :1, ['comment:7', '42']], "
         "[:4, :1, ['comment:7', '42', 'link', 'w.org']], [:5, :2, ['link', 'w.org']]]"},
        {"TEXT.UNMARK t 2 5 comment:7", "+OK"},
        {"TEXT.INSERT t 3 !", ":8"}, /* bold takes it in, a link does not */
        {"TEXT.INSERT t -1 €", ":9"},
        {"TEXT.MARKS t", "[[:0, :4, ['bold', '1']], [:5, :3, ['link', 'w.org']]]"},
        {"TEXT.DELETE t 7 1", ":8"}, /* nor where its end was deleted */
        {"TEXT.INSERT t 7 ?", ":9"},
        {"TEXT.MARKS t", "[[:0, :4, ['bold', '1']], [:5, :2, ['link', 'w.org']]]"},
        {"TEXT.GET t", "'The! fo?€'"},
        {"TEXT.CURSOR t 0 LEFT", "'start'"},
        {"TEXT.CURSOR t -1 RIGHT", "'end'"},
        {"TEXT.CURSOR t 3 UP", "-ERR a cursor sticks to what is LEFT or RIGHT of it"},
        {"TEXT.AT t start", ":0"},
        {"TEXT.AT t end", ":9"},
        {"TEXT.AT t end UNIT byte", ":11"},
        {"TEXT.AT t 3", "-ERR no cursor: TEXT.CURSOR gives them"},
        {"TEXT.AT t '3@00000000000000aa>'", "-ERR what the cursor stands at has not come here"},
        {"CRDT.MARKS.MARK t start end em 1", "+OK"},
        {"CRDT.MARKS.MARK t start 4 em 1",
         "-ERR cursors must be as TEXT.CURSOR gives them, and the key not empty"},
        {"TEXT.MARKS t", "[[:0, :4, ['bold', '1', 'em', '1']], [:4, :1, ['em', '1']], "
                         "[:5, :2, ['em', '1', 'link', 'w.org']], [:7, :2, ['em', '1']]]"},
        {"DEL t", ":1"},
        {"TEXT.INSERT t 0 new", ":3"},
        {"TEXT.MARKS t", "[]"},
        {"SADD s x", ":1"},
        {"TEXT.MARK s 0 1 bold", WRONG_TYPE},
        {"TEXT.MARKS s", WRONG_TYPE},
    };
    CONVERSE_ALONE(lines);
}

TEST(types, bytes_that_are_no_text_are_refused)
{
    static const char bad[] = "*4\r\n$11\r\nTEXT.INSERT\r\n$1\r\nt\r\n$1\r\n0\r\n$2\r\n\xc3(\r\n";
    nodes            *cluster = start_in_memory(1);
    talk             *t = talk_new(nodes_port(cluster, 0));
    CHECK(t != NULL);
    talk_raw(t, bad, sizeof bad - 1);
    CHECK_EQ_STR(talk_read(t), "-ERR value is not valid UTF-8");
    expect(t, "EXISTS t", ":0");
    talk_free(t);
    nodes_free(cluster);
}

#define ROOT "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(types, revisions_and_rights)
{
    static const said lines[] = {
        {"CRDT.REVGRAPH.EDIT d a", "+OK"},
        {"CRDT.REVGRAPH.GET d", "'1-5a58b49702294cec1c187cf942102653 \"a\"'"},
        {"CRDT.REVGRAPH.PUT d 1-x b",
         "-ERR revisions must be ids N-hash, a space between them, of one path"},
        {"CRDT.REVGRAPH.PUT d " ROOT " b", "-ERR no such object, element or replica"},
        {"CRDT.REVGRAPH.ACCEPT e " ROOT " x", "+OK"},
        {"CRDT.REVGRAPH.ACCEPT e " ROOT " y", "-ERR already exists"},
        {"CRDT.REVGRAPH.PUT e " ROOT " z", "+OK"},
        {"TYPE e", "+revgraph"},
        {"CRDT.REVGRAPH.REMOVE d", "+OK"},
        {"CRDT.REVGRAPH.GET d", "''"},
        {"EXISTS d", ":0"},
        {"CRDT.BCOUNTER.INC n 2", "+OK"},
        {"CRDT.BCOUNTER.DEC n 3",
         "-ERR no rights: the replica does not hold enough rights for this operation"},
        {"CRDT.BCOUNTER.DEC n 2", "+OK"},
        {"CRDT.BCOUNTER.GRANT n", "+OK"},
        {"TYPE n", "+bcounter"},
    };
    CONVERSE_ALONE(lines);
}

#define KEPT                                                                                     \
    "-KEPT an audit keeps its records: its key cannot be removed, replaced or given a deadline " \
    "(CRDT.AUDIT.RETAIN and CRDT.AUDIT.KEEP drop old records)"

/* How often the word is in what the audit `log` reads as. */
static void expect_records(talk *t, const char *word, int expected)
{
    const char *at = talk_say(t, "CRDT.AUDIT.GET log");
    int         count = 0;
    CHECK_MSG(at[0] == '\'', "%s", at);
    for (; (at = strstr(at, word)) != NULL; at += strlen(word)) count++;
    CHECK_EQ_INT(count, expected);
}

TEST(types, an_audit_stays)
{
    static const said lines[] = {
        {"CRDT.AUDIT.APPEND log ann set dose 1", "+OK"},
        {"CRDT.AUDIT.APPEND log ann set dose 2", "+OK"},
        {"CRDT.AUDIT.SUPERSEDE log bob dose 3 2", "+OK"},
        {"SET a 1", "+OK"},
        {"DEL a log", KEPT},
        {"EXISTS a", ":1"}, /* not half of it */
        {"UNLINK log", KEPT},
        {"SET log x", KEPT},
        {"RENAME a log", KEPT},
        {"RENAME log b", "-ERR a name of type 'audit' cannot be renamed: its history stands under "
                         "its name"},
        {"SINTERSTORE log a1 a2", NULL},
        {"EXPIRE log 100", KEPT},
        {"EXPIRE log -1", KEPT},
        {"PEXPIREAT log 1", KEPT},
        {"CRDT.EXPIRY.EXPIRE_AT log 1", NULL}, /* beside it; and no deadline of it */
        {"TTL log", ":-1"},
        {"SADD log x", WRONG_TYPE},
        {"GET log", WRONG_TYPE},
        {"CRDT.AUDIT.KEEP log cy 0",
         "-ERR amount must be an integer from 1 to 9223372036854775807"},
        {"TYPE log", "+audit"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (lines[i].expect != NULL) expect(t, lines[i].say, lines[i].expect);
        else talk_say(t, lines[i].say);
    }
    expect_records(t, "\"ann\"", 2);
    expect_records(t, "\"bob\"", 1);
    expect(t, "CRDT.AUDIT.KEEP log cy 1", "+OK"); /* the only way */
    expect_records(t, "\"ann\"", 0);
    expect_records(t, "dropped to", 1);
    talk_free(t);
    nodes_free(cluster);
}

/* More names than go into one entry, on both sides of the logs. */
TEST(types, flushall_leaves_the_audits_and_nothing_else)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    char   say[600];
    expect(t, "CRDT.AUDIT.APPEND log ann set dose 1", "+OK");
    expect(t, "CRDT.AUDIT.APPEND a ann set dose 1", "+OK");
    for (int i = 0; i < 1200; i += 20) {
        size_t used = (size_t)snprintf(say, sizeof say, "MSET");
        for (int k = i; k < i + 20; k++) {
            used += (size_t)snprintf(say + used, sizeof say - used, " %c%d x", "bz"[k % 2], k);
        }
        expect(t, say, "+OK");
    }
    expect(t, "DBSIZE", ":1202");
    for (int i = 0; i < 2; i++) {
        expect(t, "FLUSHALL", "+OK");
        expect(t, "DBSIZE", ":2");
        expect(t, "KEYS *", "['a', 'log']");
        expect_records(t, "\"ann\"", 1);
    }
    expect(t, "SET b x", "+OK");
    expect(t, "FLUSHDB ASYNC", "+OK");
    expect(t, "DBSIZE", ":2");
    talk_free(t);
    nodes_free(cluster);
}

/* One node gives the name a deadline, which has passed when the other's records arrive; or passes
 * later, while what was written after them shows. */
TEST(types, no_deadline_hides_an_audit)
{
    pair p = open_pair();
    cut(&p);
    expect(p.at[0], "SET log x PX 1", "+OK");
    expect(p.at[1], "CRDT.AUDIT.APPEND log ann set dose 1", "+OK");
    expect(p.at[1], "CRDT.AUDIT.APPEND old ann set dose 1", "+OK");
    nodes_sleep_ms(5);
    expect(p.at[0], "SET old x PX 1500", "+OK");
    heal(&p);
    nodes_sleep_ms(1600);
    for (int i = 0; i < 2; i++) {
        for (const char *const *name = (const char *const[]){"log", "old", NULL}; *name; name++) {
            char say[20];
            snprintf(say, sizeof say, "TTL %s", *name);
            both(&p, say, ":-1");
            snprintf(say, sizeof say, "EXISTS %s", *name);
            both(&p, say, ":1");
            snprintf(say, sizeof say, "DEL %s", *name);
            both(&p, say, KEPT);
        }
        both(&p, "FLUSHALL", "+OK");
    }
    close_pair(&p);
}

/* Each operation of each type has its command, with just the arity of its arguments; each type can
 * be read when it is not there, in both protocols. */
TEST(types, all_operations_have_commands)
{
    const crdt_types *types = crdt_types_builtin();
    nodes            *cluster = start_in_memory(1);
    char              name[96];
    for (size_t i = 0; i < types->count; i++) {
        const crdt_type *type = types->list[i];
        for (size_t op = 0; op <= type->ops_count; op++) {
            bool        read = op == type->ops_count;
            const char *word = read ? "get" : type->ops[op].name;
            snprintf(name, sizeof name, "crdt.%s.%s", type->name, word);
            redisReply *info = nodes_command(cluster, 0, "COMMAND INFO %s", name);
            CHECK(info != NULL);
            CHECK_MSG(info->elements == 1 && info->element[0]->elements == 10, "no %s", name);
            long long arity = info->element[0]->element[1]->integer;
            if (read) CHECK_MSG(arity == 2 || arity == -2, "%s", name);
            else CHECK_EQ_INT(arity, 2 + (int)strlen(type->ops[op].args));
            freeReplyObject(info);
        }
        redisReply *empty = nodes_command(cluster, 0, "CRDT.%s.GET none", type->name);
        CHECK(empty != NULL);
        CHECK_MSG(empty->type != REDIS_REPLY_ERROR, "%s: %s", type->name, empty->str);
        freeReplyObject(empty);
    }
    redisReply *told = nodes_command(cluster, 0, "CRDT.TYPES");
    CHECK(told != NULL);
    CHECK_EQ_INT(told->elements, 2 * types->count);
    freeReplyObject(told);
    nodes_free(cluster);
}
