/* What commands mean when two nodes that cannot reach each other run them: the rows of
 * docs/NODE.md's table for strings, counters, sets, deadlines and names (hashes, maps and documents
 * have tests of their own). All rows share one cut; each has its own keys. */
#include <stdio.h>
#include <string.h>

#include "tests/node/pair.h"

#define LINES 4

/* `here` runs at one node, `there` a moment later at the other; `after` is what both show then. */
typedef struct row {
    const char *before[LINES];
    said        here[LINES], there[LINES], after[LINES];
} row;

static void say_all(talk *t, const said *lines)
{
    for (size_t i = 0; i < LINES && lines[i].say != NULL; i++) {
        expect(t, lines[i].say, lines[i].expect);
    }
}

static void play(pair *p, const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < LINES && rows[i].before[k] != NULL; k++) {
            const char *got = talk_say(p->at[0], rows[i].before[k]);
            CHECK_MSG(got[0] != '-', "%s: %s", rows[i].before[k], got);
        }
    }
    cut(p);
    for (size_t i = 0; i < count; i++) say_all(p->at[0], rows[i].here);
    nodes_sleep_ms(5);
    for (size_t i = 0; i < count; i++) say_all(p->at[1], rows[i].there);
    heal(p);
    for (size_t i = 0; i < count; i++) {
        for (int node = 0; node < 2; node++) say_all(p->at[node], rows[i].after);
    }
}
#define PLAY(p, rows) play(p, rows, sizeof(rows) / sizeof(rows)[0])

TEST(apart, strings)
{
    static const row rows[] = {
        /* the later shows; the other is listed, below */
        {{"SET s before"},
         {{"SET s here", "+OK"}},
         {{"SET s there", "+OK"}},
         {{"GET s", "'there'"}}},
        {{"SET ap ab"}, {{"APPEND ap c", ":3"}}, {{"APPEND ap d", ":3"}}, {{"GET ap", "'abd'"}}},
        {{"SET ra abc"},
         {{"SETRANGE ra 0 x", ":3"}},
         {{"SETRANGE ra 2 z", ":3"}},
         {{"GET ra", "'abz'"}}},
        {{"SET gs v"}, {{"GETSET gs a", "'v'"}}, {{"GETSET gs b", "'v'"}}, {{"GET gs", "'b'"}}},
        {{NULL},
         {{"MSET m1 a m2 a", "+OK"}},
         {{"MSET m2 b m3 b", "+OK"}},
         {{"MGET m1 m2 m3", "['a', 'b', 'b']"}}},
        /* what both write alike is one content of two writers */
        {{NULL}, {{"SET same x", "+OK"}}, {{"SET same x", "+OK"}}, {{"GET same", "'x'"}}},
        /* no locks, no exactly one taker */
        {{NULL}, {{"SET nx a NX", "+OK"}}, {{"SET nx b NX", "+OK"}}, {{"GET nx", "'b'"}}},
        {{NULL}, {{"SETNX sn a", ":1"}}, {{"SETNX sn b", ":1"}}, {{"GET sn", "'b'"}}},
        {{"SET gd v"}, {{"GETDEL gd", "'v'"}}, {{"GETDEL gd", "'v'"}}, {{"EXISTS gd", ":0"}}},
    };
    pair p = open_pair();
    PLAY(&p, rows);
    static const char *const names[] = {"ap", "gs", "m2", "nx", "ra", "s", "same", "sn"};
    for (int node = 0; node < 2; node++) {
        const char *listed = talk_say(p.at[node], "CRDT.CONFLICTS");
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            char wanted[64];
            snprintf(wanted, sizeof wanted, "'key', '%s', 'type', 'cell'", names[i]);
            CHECK_MSG(strstr(listed, wanted) != NULL, "no %s in %s", names[i], listed);
        }
        const char *told = talk_say(p.at[node], "CRDT.CONFLICTS ap");
        CHECK_MSG(strstr(told, "'value', 'abc', 'shows', :0") != NULL, "%s", told);
    }
    expect(p.at[0], "SET s after", "+OK"); /* it has seen both */
    settle(p.cluster);
    both(&p, "GET s", "'after'");
    for (int node = 0; node < 2; node++) {
        CHECK(strstr(talk_say(p.at[node], "CRDT.CONFLICTS"), "'key', 's',") == NULL);
    }
    close_pair(&p);
}

TEST(apart, counters)
{
    static const row rows[] = {
        {{"SET c 10"},
         {{"INCR c", ":11"}, {"DECRBY c 3", ":8"}},
         {{"INCRBY c 5", ":15"}, {"DECR c", ":14"}},
         {{"GET c", "'12'"}, {"INCRBY c 0", ":12"}}},
        /* SET takes away what it has seen, no more: before it, beside it, on both sides */
        {{"INCRBY r 10"}, {{"SET r 5", "+OK"}}, {{"INCRBY r 3", ":13"}}, {{"GET r", "'8'"}}},
        {{"SET n 1"}, {{"SET n 5", "+OK"}}, {{"INCR n", ":2"}}, {{"GET n", "'6'"}}},
        {{"SET b 1"},
         {{"SET b 5", "+OK"}, {"INCR b", ":6"}},
         {{"SET b 7", "+OK"}, {"INCRBY b 2", ":9"}},
         {{"GET b", "'10'"}}},
        /* sums are wider than what one node may write */
        {{NULL},
         {{"INCRBY w 9223372036854775807", ":9223372036854775807"}},
         {{"INCRBY w 9223372036854775807", ":9223372036854775807"}},
         {{"GET w", "'18446744073709551614'"},
          {"INCR w", "-ERR value is not an integer or out of range"}}},
        {{"SET o 9223372036854775806"},
         {{"INCR o", ":9223372036854775807"},
          {"INCR o", "-ERR increment or decrement would overflow"}},
         {{"DECRBY o 6", ":9223372036854775800"}},
         {{"GET o", "'9223372036854775801'"}}},
        /* decimals add up exactly, whatever the order */
        {{"SET f 0.1"},
         {{"INCRBYFLOAT f 0.2", "'0.3'"}},
         {{"INCRBYFLOAT f 0.7", "'0.8'"}},
         {{"GET f", "'1'"}}},
        {{"SET g 0.5"},
         {{"INCRBYFLOAT g 1000000000000000", "'1000000000000000.5'"}},
         {{"INCRBYFLOAT g 0.000000000000001", "'0.500000000000001'"}},
         {{"GET g", "'1000000000000000.500000000000001'"}}},
        {{"SET h 1"}, {{"INCR h", ":2"}}, {{"INCRBYFLOAT h 0.5", "'1.5'"}}, {{"GET h", "'2.5'"}}},
        /* a text beside increments hides them */
        {{"SET t 1"}, {{"INCR t", ":2"}}, {{"SET t text", "+OK"}}, {{"GET t", "'text'"}}},
    };
    pair p = open_pair();
    PLAY(&p, rows);
    close_pair(&p);
}

TEST(apart, removals)
{
    static const row rows[] = {
        /* what they have not seen stays */
        {{"SET a old"}, {{"DEL a", ":1"}}, {{"SET a new", "+OK"}}, {{"GET a", "'new'"}}},
        {{"SET b old"}, {{"SET b new", "+OK"}}, {{"UNLINK b", ":1"}}, {{"GET b", "'new'"}}},
        {{"SET c 10"}, {{"DEL c", ":1"}}, {{"INCRBY c 5", ":15"}}, {{"GET c", "'5'"}}},
        {{"SADD s x y"}, {{"DEL s", ":1"}}, {{"SADD s new", ":1"}}, {{"SMEMBERS s", "['new']"}}},
        {{"SET d v"}, {{"DEL d", ":1"}}, {{"DEL d", ":1"}}, {{"EXISTS d", ":0"}}},
        /* each takes out what the other leaves: nothing is left, and the name is gone */
        {{"HSET m a 1 b 2"},
         {{"HDEL m a", ":1"}},
         {{"HDEL m b", ":1"}},
         {{"HLEN m", ":0"}, {"EXISTS m", ":0"}, {"TYPE m", "+none"}}},
        /* reads and deadlines are no content */
        {{"SET e v"}, {{"DEL e", ":1"}}, {{"GET e", "'v'"}}, {{"EXISTS e", ":0"}}},
        {{"SET f v"},
         {{"DEL f", ":1"}},
         {{"EXPIRE f 1000", ":1"}},
         {{"EXISTS f", ":0"}, {"TTL f", ":-2"}}},
        /* one that is made anew has no deadline that it had seen */
        {{"SET g v EX 1000"},
         {{"DEL g", ":1"}, {"SET g new", "+OK"}},
         {{"STRLEN g", ":1"}},
         {{"GET g", "'new'"}, {"TTL g", ":-1"}}},
        {{"SET x v"}, {{"RENAME x y", "+OK"}}, {{"SET x w", "+OK"}}, {{"MGET x y", "['w', 'v']"}}},
        {{"MSET p 1 q 2"},
         {{"RENAME p q", "+OK"}},
         {{"SET q 3", "+OK"}},
         {{"EXISTS p", ":0"}, {"GET q", "'3'"}}},
        {{"SADD u x"},
         {{"RENAME u v", "+OK"}},
         {{"SADD u z", ":1"}},
         {{"SMEMBERS u", "['z']"}, {"SMEMBERS v", "['x']"}}},
    };
    pair p = open_pair();
    PLAY(&p, rows);
    /* what was removed stays so: a node that comes back brings nothing back */
    expect(p.at[0], "DEL a", ":1");
    settle(p.cluster);
    cut(&p);
    heal(&p);
    both(&p, "EXISTS a", ":0");
    close_pair(&p);
}

TEST(apart, flushall_removes_what_it_has_seen)
{
    static const row rows[] = {
        {{"SET s old", "SADD set x", "SET n 10", "SET gone v"},
         {{"FLUSHALL", "+OK"}, {"DBSIZE", ":0"}},
         {{"SET s new", "+OK"}, {"SADD set y", ":1"}, {"INCR n", ":11"}, {"GET gone", "'v'"}},
         {{"MGET s n gone", "['new', '1', nil]"}, {"SMEMBERS set", "['y']"}, {"DBSIZE", ":3"}}},
    };
    pair p = open_pair();
    PLAY(&p, rows);
    close_pair(&p);
}

#define T1 "4102444800000"
#define T2 "4102444900000"

TEST(apart, deadlines)
{
    static const row rows[] = {
        /* the later, wherever it was set */
        {{"SET a v"},
         {{"PEXPIREAT a " T1, ":1"}},
         {{"PEXPIREAT a " T2, ":1"}},
         {{"PEXPIRETIME a", ":" T2}}},
        {{"SET b v"},
         {{"PEXPIREAT b " T2, ":1"}},
         {{"PEXPIREAT b " T1, ":1"}},
         {{"PEXPIRETIME b", ":" T2}}},
        {{"SET c v PXAT " T2},
         {{"PEXPIREAT c " T1, ":1"}},
         {{"TTL none", ":-2"}},
         {{"PEXPIRETIME c", ":" T1}}}, /* it had seen the other */
        {{"SET d v PXAT " T1},
         {{"PERSIST d", ":1"}},
         {{"PEXPIREAT d " T2, ":1"}},
         {{"TTL d", ":-1"}}},
        {{"SET e v PXAT " T1},
         {{"PEXPIREAT e " T2, ":1"}},
         {{"PERSIST e", ":1"}},
         {{"TTL e", ":-1"}}},
        /* a deadline that was set beside a SET is the new value's */
        {{"SET f v"},
         {{"SET f new", "+OK"}},
         {{"PEXPIREAT f " T1, ":1"}},
         {{"GET f", "'new'"}, {"PEXPIRETIME f", ":" T1}}},
        {{"SET g v PXAT " T1},
         {{"SET g new", "+OK"}},
         {{"APPEND g x", ":2"}},
         {{"GET g", "'vx'"}, {"PEXPIRETIME g", ":-1"}}},
        {{"SET h v PXAT " T1},
         {{"SET h new KEEPTTL", "+OK"}},
         {{"PEXPIREAT h " T2, ":1"}},
         {{"GET h", "'new'"}, {"PEXPIRETIME h", ":" T2}}},
        {{"SADD s x"},
         {{"SADD s y", ":1"}},
         {{"PEXPIREAT s " T1, ":1"}},
         {{"SCARD s", ":2"}, {"PEXPIRETIME s", ":" T1}}},
        {{"HSET m x 1"},
         {{"HINCRBY m x 1", ":2"}},
         {{"PEXPIREAT m " T1, ":1"}},
         {{"HGET m x", "'2'"}, {"PEXPIRETIME m", ":" T1}}},
    };
    pair p = open_pair();
    PLAY(&p, rows);
    expect(p.at[1], "PEXPIREAT a " T1, ":1"); /* it has seen both */
    settle(p.cluster);
    both(&p, "PEXPIRETIME a", ":" T1);
    close_pair(&p);
}

/* Expiry hides at once on both sides; who writes to what has expired begins anew, and who had
 * prolonged it in time keeps it. */
TEST(apart, what_has_expired)
{
    pair p = open_pair();
    expect(p.at[1], "SET hello v", "+OK"); /* who has never written is no member yet */
    for (const char *const *line = (const char *const[]){"SET gone v", "SET anew v", "SADD set x",
                                                         "SET kept v", "HSET h f 1", NULL};
         *line != NULL; line++) {
        CHECK(talk_say(p.at[0], *line)[0] != '-');
    }
    cut(&p);
    expect(p.at[1], "EXPIRE kept 1000", ":1");
    expect(p.at[0], "PEXPIRE gone 1", ":1");
    expect(p.at[0], "PEXPIRE anew 1", ":1");
    expect(p.at[0], "PEXPIRE set 1", ":1");
    expect(p.at[0], "PEXPIRE kept 1", ":1");
    expect(p.at[0], "PEXPIRE h 1", ":1");
    nodes_sleep_ms(20);
    expect(p.at[0], "EXISTS gone anew set kept h", ":0");
    expect(p.at[1], "EXISTS gone anew set kept h", ":5");
    expect(p.at[0], "APPEND anew x", ":1");
    expect(p.at[0], "SADD set y", ":1");
    expect(p.at[1], "HSET h g 2", ":1");
    heal(&p);
    both(&p, "EXISTS gone h", ":0"); /* a write that had seen no deadline sets none aside */
    both(&p, "GET anew", "'x'");
    both(&p, "SMEMBERS set", "['y']");
    both(&p, "TTL set", ":-1");
    both(&p, "GET kept", "'v'"); /* the later deadline */
    close_pair(&p);
}

TEST(apart, sets)
{
    static const row rows[] = {
        /* adding wins, adding anew what is there, too */
        {{"SADD a x"}, {{"SREM a x", ":1"}}, {{"SADD a x", ":0"}}, {{"SISMEMBER a x", ":1"}}},
        {{"SADD b x y"},
         {{"SREM b x", ":1"}, {"SADD b z", ":1"}},
         {{"SREM b y", ":1"}},
         {{"SMEMBERS b", "['z']"}}},
        {{"SADD c x"}, {{"SREM c x", ":1"}}, {{"SREM c x", ":1"}}, {{"EXISTS c", ":0"}}},
        /* each takes out what the other leaves */
        {{"SADD d x y"},
         {{"SREM d x", ":1"}},
         {{"SREM d y", ":1"}},
         {{"SCARD d", ":0"}, {"EXISTS d", ":0"}, {"TYPE d", "+none"}}},
        /* two nodes may give out the same */
        {{"SADD e x"}, {{"SPOP e", "'x'"}}, {{"SPOP e", "'x'"}}, {{"EXISTS e", ":0"}}},
        {{"SADD f x"},
         {{"SRANDMEMBER f", "'x'"}, {"SREM f x", ":1"}},
         {{"SRANDMEMBER f", "'x'"}},
         {{"EXISTS f", ":0"}}},
        {{"SADD g x"},
         {{"SMOVE g g1 x", ":1"}},
         {{"SMOVE g g2 x", ":1"}},
         {{"EXISTS g", ":0"}, {"SMEMBERS g1", "['x']"}, {"SMEMBERS g2", "['x']"}}},
        {{"SADD i x y", "SADD j y z", "SADD k old"},
         {{"SINTERSTORE k i j", ":1"}},
         {{"SADD k new", ":1"}},
         {{"SISMEMBER k old", ":0"}, {"SMISMEMBER k y new", "[:1, :1]"}, {"SCARD k", ":2"}}},
        {{"SADD l x"},
         {{"SUNIONSTORE m l", ":1"}},
         {{"SADD l y", ":1"}},
         {{"SMEMBERS m", "['x']"}, {"SCARD l", ":2"}}},
        {{"SADD n old"},
         {{"SDIFFSTORE n none", ":0"}},
         {{"SADD n new", ":1"}},
         {{"SMEMBERS n", "['new']"}}},
    };
    pair p = open_pair();
    PLAY(&p, rows);
    close_pair(&p);
}

TEST(apart, marks_of_a_text)
{
    static const row rows[] = {
        /* over each other: one stretch */
        {{"TEXT.INSERT a 0 'the brown fox ok'"},
         {{"TEXT.MARK a 0 7 bold", "+OK"}},
         {{"TEXT.MARK a 4 15 bold", "+OK"}},
         {{"TEXT.MARKS a", "[[:0, :15, ['bold', '1']]]"}}},
        /* never half of each */
        {{"TEXT.INSERT b 0 'the fox'"},
         {{"TEXT.MARK b 0 3 link x", "+OK"}},
         {{"TEXT.MARK b 0 3 link y", "+OK"}},
         {{"TEXT.MARKS b", "[[:0, :3, ['link', 'y']]]"}}},
        {{"TEXT.INSERT c 0 'the fox'"},
         {{"TEXT.MARK c 0 5 link x", "+OK"}},
         {{"TEXT.MARK c 4 7 link y", "+OK"}},
         {{"TEXT.MARKS c", "[[:0, :4, ['link', 'x']], [:4, :3, ['link', 'y']]]"}}},
        /* the later, whichever it is */
        {{"TEXT.INSERT d 0 'the fox'"},
         {{"TEXT.MARK d 0 3 bold", "+OK"}},
         {{"TEXT.UNMARK d 0 3 bold", "+OK"}},
         {{"TEXT.MARKS d", "[]"}}},
        {{"TEXT.INSERT e 0 'the fox'", "TEXT.MARK e 0 3 bold"},
         {{"TEXT.UNMARK e 0 3 bold", "+OK"}},
         {{"TEXT.MARK e 0 3 bold", "+OK"}},
         {{"TEXT.MARKS e", "[[:0, :3, ['bold', '1']]]"}}},
        /* within it, and at its end: bold takes that in, a link does not */
        {{"TEXT.INSERT f 0 'the fox'"},
         {{"TEXT.MARK f 0 3 bold", "+OK"}, {"TEXT.MARK f 4 7 link x", "+OK"}},
         {{"TEXT.INSERT f 7 !", ":8"}, {"TEXT.INSERT f 3 n", ":9"}, {"TEXT.INSERT f 1 -", ":10"}},
         {{"TEXT.GET f", "'t-hen fox!'"},
          {"TEXT.MARKS f", "[[:0, :5, ['bold', '1']], [:6, :3, ['link', 'x']]]"}}},
        /* the text goes, what it had not seen stays, under the mark that it had not seen either */
        {{"TEXT.INSERT g 0 'the fox'"},
         {{"TEXT.MARK g 0 7 bold", "+OK"}, {"TEXT.INSERT g 3 new", ":10"}},
         {{"DEL g", ":1"}},
         {{"TEXT.GET g", "'new'"}, {"TEXT.MARKS g", "[[:0, :3, ['bold', '1']]]"}}},
        /* nothing was typed: a mark alone is no content */
        {{"TEXT.INSERT h 0 'the fox'"},
         {{"TEXT.MARK h 0 7 bold", "+OK"}},
         {{"DEL h", ":1"}},
         {{"EXISTS h", ":0"}, {"TEXT.MARKS h", "[]"}}},
        /* comments lie over each other, each under its own name */
        {{"TEXT.INSERT i 0 'the fox'"},
         {{"TEXT.MARK i 0 3 comment:1 x", "+OK"}},
         {{"TEXT.MARK i 0 3 comment:2 y", "+OK"}},
         {{"TEXT.MARKS i", "[[:0, :3, ['comment:1', 'x', 'comment:2', 'y']]]"}}},
    };
    pair p = open_pair();
    PLAY(&p, rows);
    expect(p.at[0], "TEXT.UNMARK b 0 3 link", "+OK"); /* it has seen both */
    settle(p.cluster);
    both(&p, "TEXT.MARKS b", "[]");
    close_pair(&p);
}

/* A name that holds two types: the one made later shows, the other is kept, listed, and shows once
 * the first is gone elsewhere. */
TEST(apart, two_types_under_one_name)
{
    static const row rows[] = {
        {{NULL}, {{"SADD a x", ":1"}}, {{"SET a text", "+OK"}}, {{"TYPE a", "+string"}}},
        {{NULL}, {{"SET b text", "+OK"}}, {{"SADD b x", ":1"}}, {{"SMEMBERS b", "['x']"}}},
        {{"SET c v"},
         {{"DEL c", ":1"}, {"SADD c x", ":1"}},
         {{"APPEND c w", ":2"}},
         {{"TYPE c", "+set"}, {"SMEMBERS c", "['x']"}}},
    };
    pair p = open_pair();
    PLAY(&p, rows);
    for (int node = 0; node < 2; node++) {
        const char *listed = talk_say(p.at[node], "CRDT.CONFLICTS");
        CHECK_MSG(strstr(listed, "'key', 'a', 'type', 'cell', 'types', :2") != NULL, "%s", listed);
        CHECK_MSG(strstr(listed, "'key', 'b', 'type', 'orset', 'types', :2") != NULL, "%s", listed);
    }
    expect(p.at[0], "SREM b x", ":1");
    expect(p.at[1], "DEL a", ":1");
    settle(p.cluster);
    both(&p, "EXISTS a", ":0"); /* of all that was seen */
    close_pair(&p);
}
