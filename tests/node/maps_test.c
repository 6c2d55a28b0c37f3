/* MAP.*: maps in maps, on one node, and on two with the network cut. */
#include <stdio.h>
#include <string.h>

#include "tests/node/checked.h"

#define WRONG_TYPE "-WRONGTYPE Operation against a key holding the wrong kind of value"

static const said lines[] = {
    {"MAP.GET user", "nil"},
    {"MAP.GET user home city", "nil"},
    {"MAP.KEYS user", "[]"},
    {"MAP.LEN user home", ":0"},
    {"MAP.DEL user home", ":0"},
    {"EXISTS user", ":0"},
    {"MAP.SET user home city Paris", ":1"},
    {"MAP.SET user home city Rome", ":0"},
    {"MAP.SET user home zip 00184", ":1"},
    {"MAP.SET user name Ada", ":1"},
    {"MAP.INCR user visits 5", ":5"},
    {"MAP.INCR user by day monday 2", ":2"},
    {"MAP.INCR user by day monday -3", ":-1"},
    {"TYPE user", "+hash"},
    {"MAP.GET user home city", "'Rome'"},
    {"MAP.GET user home", "['city', 'Rome', 'zip', '00184']"},
    {"MAP.GET user home city more", "nil"},
    {"MAP.KEYS user", "['by', 'home', 'name', 'visits']"},
    {"MAP.KEYS user by", "['day']"},
    {"MAP.KEYS user none", "[]"},
    {"MAP.KEYS user name", WRONG_TYPE},
    {"MAP.LEN user", ":4"},
    {"MAP.LEN user home", ":2"},
    {"MAP.LEN user name", WRONG_TYPE},
    /* what is a map, and what a string, in each other's way */
    {"MAP.SET user name first Ada", WRONG_TYPE},
    {"MAP.INCR user name first 1", WRONG_TYPE},
    {"MAP.INCR user home 1", "-ERR hash value is not an integer"},
    {"MAP.INCR user name 1", "-ERR hash value is not an integer"},
    {"MAP.INCR user visits x", "-ERR value is not an integer or out of range"},
    {"MAP.INCR user visits 9223372036854775807", "-ERR increment or decrement would overflow"},
    /* the hash is the outermost map */
    {"HGET user name", "'Ada'"},
    {"HLEN user", ":4"},
    {"HGET user by", "'{\"day\": ormap {\"monday\": cell -1}}'"},
    {"HINCRBY user visits 1", ":6"},
    {"HSET user by plain", ":0"},
    {"MAP.GET user by", "'plain'"},
    {"MAP.SET user home string", ":0"},
    {"MAP.GET user home", "'string'"},
    /* an empty map goes, and those that it leaves empty */
    {"MAP.SET deep a b c d x", ":1"},
    {"MAP.SET deep a other x", ":1"},
    {"MAP.DEL deep a b c nosuch", ":0"},
    {"MAP.DEL deep a b c d", ":1"},
    {"MAP.GET deep", "['a', ['other', 'x']]"},
    {"MAP.DEL deep a other", ":1"},
    {"EXISTS deep", ":0"},
    {"MAP.SET deep a b x", ":1"},
    {"MAP.DEL deep a", ":1"},
    {"EXISTS deep", ":0"},
    /* RENAME takes all of it, a time to live hides all of it */
    {"MAP.SET m a b c 1", ":1"},
    {"MAP.SET m a d 2", ":1"},
    {"RENAME m n", "+OK"},
    {"MAP.GET m", "nil"},
    {"MAP.GET n", "['a', ['b', ['c', '1'], 'd', '2']]"},
    {"PEXPIRE n 0", ":1"},
    {"MAP.GET n", "nil"},
    {"SET s text", "+OK"},
    {"MAP.GET s a", WRONG_TYPE},
    {"MAP.SET s a 1", WRONG_TYPE},
    {"MAP.DEL s a", WRONG_TYPE},
    {"MAP.LEN s", WRONG_TYPE},
    {"MAP.SET s a", "-ERR wrong number of arguments for 'map.set' command"},
    {"MAP.INCR s a", "-ERR wrong number of arguments for 'map.incr' command"},
    {"MAP.DEL s", "-ERR wrong number of arguments for 'map.del' command"},
    {"COMMAND GETKEYS map.set k a b 1", "['k']"},
};

TEST(maps, are_written_and_read_by_paths)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, lines);
    expect(t, "MAP.SET tree a b 1", ":1");
    expect(t, "MAP.SET tree c 2", ":1");
    CHECK(talk_say(t, "HELLO 3")[0] == '{');
    expect(t, "MAP.GET tree", "{'a': {'b': '1'}, 'c': '2'}");
    talk_free(t);
    nodes_free(cluster);
}

TEST(maps, are_32_deep_and_no_deeper)
{
    char   path[65], say[256], deep[400];
    size_t end = 0;
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    for (int i = 0; i < 32; i++) {
        memcpy(path + 2 * i, " p", 3);
        end += (size_t)snprintf(deep + end, sizeof deep - end, "['p', ");
    }
    end += (size_t)snprintf(deep + end, sizeof deep - end, "'x'");
    memset(deep + end, ']', 32);
    deep[end + 32] = 0;
    snprintf(say, sizeof say, "MAP.SET m%s x", path);
    expect(t, say, ":1");
    expect(t, "MAP.GET m", deep);
    expect(t, "RENAME m n", "+OK");
    expect(t, "MAP.GET n", deep);
    snprintf(say, sizeof say, "MAP.SET n%s p x", path);
    expect(t, say, "-ERR a path has at most 32 words");
    snprintf(say, sizeof say, "MAP.GET n%s p", path);
    expect(t, say, "-ERR a path has at most 32 words");
    snprintf(say, sizeof say, "MAP.DEL n%s", path);
    expect(t, say, ":1");
    expect(t, "EXISTS n", ":0");
    talk_free(t);
    nodes_free(cluster);
}

/* What a removal has not seen stays, with the way to it; counters in removed maps, too. */
TEST(maps, merge_by_paths)
{
    nodes *cluster = start_in_memory(2);
    talk  *a = connect_to(cluster, 0), *b = connect_to(cluster, 1);
    expect(a, "MAP.SET m home city Paris", ":1");
    expect(a, "MAP.INCR m stats visits 10", ":10");
    expect(a, "MAP.SET m gone x y 1", ":1");
    settle(cluster);
    CHECK(nodes_cut(cluster, 1));
    expect(a, "MAP.DEL m home", ":1");
    expect(a, "MAP.DEL m stats visits", ":1");
    expect(a, "MAP.DEL m gone x y", ":1");
    expect(a, "MAP.GET m", "nil");
    expect(a, "EXISTS m", ":0");
    expect(a, "MAP.SET m new left 1", ":1");
    expect(b, "MAP.SET m home street Rue", ":1");
    expect(b, "MAP.INCR m stats visits 3", ":13");
    expect(b, "MAP.SET m new right 2", ":1");
    CHECK(nodes_heal(cluster));
    settle(cluster);
    talk *both[] = {a, b};
    for (int i = 0; i < 2; i++) {
        expect(both[i], "MAP.GET m",
               "['home', ['street', 'Rue'], 'new', ['left', '1', 'right', '2'], 'stats', "
               "['visits', '3']]");
        expect(both[i], "CRDT.CONFLICTS", "[]");
    }
    CHECK(nodes_cut(cluster, 1));
    expect(a, "MAP.SET m home street Via", ":0");
    expect(a, "MAP.SET m type string", ":1");
    nodes_sleep_ms(5);
    expect(b, "MAP.SET m home street Calle", ":0");
    expect(b, "MAP.SET m type in map", ":1");
    CHECK(nodes_heal(cluster));
    settle(cluster);
    for (int i = 0; i < 2; i++) {
        expect(both[i], "MAP.GET m home street", "'Calle'");
        expect(both[i], "MAP.GET m type", "['in', 'map']");
        const char *told = talk_say(both[i], "CRDT.CONFLICTS m");
        CHECK_MSG(strstr(told, "'path', ['home', 'street'], 'types', ['cell']") != NULL, "%s",
                  told);
        CHECK_MSG(strstr(told, "'path', ['type'], 'types', ['ormap', 'cell']") != NULL, "%s", told);
    }
    talk_free(a);
    talk_free(b);
    nodes_free(cluster);
}
