/* people_test.c: several people in one text: nodes and editors as processes, each editor in a
 * terminal of its own. What is checked is what they see, and what all nodes hold in the end. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/edit/lib/lossy.h"
#include "tests/edit/lib/term.h"
#include "tests/node/checked.h"

#define PATIENCE 20000 /* ms: machines are slow at times */

/* The editor stands where the node does: in the folder of this program, or above it. */
static const char *editor(void)
{
    static char path[600];
    char        self[512];
    ssize_t     size = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(size > 0);
    self[size] = 0;
    for (char *end; (end = strrchr(self, '/')) != NULL; *end = 0) {
        snprintf(path, sizeof path, "%.*s/concur-edit", (int)(end - self), self);
        if (access(path, X_OK) == 0) return path;
    }
    FAIL("no concur-edit beside, or above, %s", self);
}

static term *open_at(uint16_t at, const char *name, int rows, int columns)
{
    char port[16];
    snprintf(port, sizeof port, "%u", at);
    term *t =
        term_start(rows, columns,
                   (const char *const[]){editor(), "--port", port, "--name", name, "page", NULL});
    CHECK(t != NULL);
    return t;
}

static term *open_editor(nodes *cluster, uint32_t node, const char *name, int rows, int columns)
{
    return open_at(nodes_port(cluster, node), name, rows, columns);
}

static void see(term *t, const char *words)
{
    CHECK_MSG(term_until(t, words, PATIENCE), "never %s on\n%s", words, term_screen(t));
}

static void see_no(term *t, const char *words)
{
    CHECK_MSG(term_until_not(t, words, PATIENCE), "always %s on\n%s", words, term_screen(t));
}

static void type(term *t, const char *keys)
{
    CHECK(term_type(t, keys));
}

static void text_at(nodes *cluster, uint32_t node, char out[512])
{
    redisReply *r = nodes_command(cluster, node, "TEXT.GET page");
    CHECK_MSG(r != NULL, "%s", nodes_problem(cluster));
    snprintf(out, 512, "%s", r->str != NULL ? r->str : "nil");
    freeReplyObject(r);
}

/* TEXT.GET at the node is this, soon. */
static void holds(nodes *cluster, uint32_t node, const char *expected)
{
    char last[512] = "";
    for (int i = 0; i < PATIENCE / 20; i++) {
        text_at(cluster, node, last);
        if (strcmp(last, expected) == 0) return;
        term_look(20);
    }
    CHECK_MSG(false, "node %u holds %s\nexpected %s", node, last, expected);
}

static nodes *start_pair(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    return start_in_memory(2);
}

/* Both editors, at a node each, that see one another. */
typedef struct people {
    nodes *cluster;
    term  *ann, *ben;
} people;

static people meet(void)
{
    people p = {.cluster = start_pair()};
    p.ann = open_editor(p.cluster, 0, "ann", 10, 70);
    p.ben = open_editor(p.cluster, 1, "ben", 10, 70);
    see(p.ann, "online");
    see(p.ben, "online");
    see(p.ann, "  ben");
    see(p.ben, "  ann");
    return p;
}

static void part(people *p)
{
    term_free(p->ann);
    term_free(p->ben);
    nodes_free(p->cluster);
}

static void both_hold(people *p, const char *expected)
{
    holds(p->cluster, 0, expected);
    holds(p->cluster, 1, expected);
}

/* The text of the first rows, all but the line that tells what goes on. */
static const char *rows_of(term *t, char out[8192])
{
    const vt *v = term_vt(t);
    size_t    used = 0;
    for (int row = 0; row + 1 < v->rows; row++) {
        used += (size_t)snprintf(out + used, 8192 - used, "%s\n", vt_row(v, row));
        CHECK(used < 8192);
    }
    return out;
}

static void see_the_same(people *p)
{
    char a[8192], b[8192];
    for (int i = 0; i < PATIENCE / 20; i++) {
        if (strcmp(rows_of(p->ann, a), rows_of(p->ben, b)) == 0) return;
        term_look(20);
    }
    CHECK_MSG(false, "one sees\n%s\nthe other\n%s", term_screen(p->ann), b);
}

/* Somebody else's cursor shows there. */
static void see_cursor(term *t, int row, int column)
{
    for (int i = 0; i < PATIENCE / 20; i++) {
        const vt *v = term_vt(t);
        if (v->at[row * v->columns + column].back >= 0) return;
        term_look(20);
    }
    CHECK_MSG(false, "no cursor in row %d, column %d of\n%s", row, column, term_screen(t));
}

TEST(people, type_into_one_text_and_see_one_another)
{
    people p = meet();
    int    status;
    type(p.ann, "Hello world");
    see(p.ben, "Hello world");
    see_cursor(p.ben, 0, 11);
    type(p.ben, "\x1b[4~!");
    see(p.ann, "Hello world!");
    type(p.ben, "\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D"); /* at the w */
    see_cursor(p.ann, 0, 6);
    type(p.ann, "\x1b[1~Oh: ");
    see(p.ben, "Oh: Hello world!");
    see_cursor(p.ann, 0, 10); /* it has moved with the text */
    type(p.ben, "big ");
    see(p.ann, "Oh: Hello big world!");
    both_hold(&p, "Oh: Hello big world!");
    type(p.ben, "new \x11"); /* ^Q, at once: what is typed is sent before */
    CHECK(term_ended(p.ben, PATIENCE, &status));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    both_hold(&p, "Oh: Hello big new world!");
    see_no(p.ann, "  ben");
    CHECK_EQ_INT(term_vt(p.ann)->unknown, 0);
    part(&p);
}

TEST(people, go_on_where_the_network_is_cut_and_agree_once_it_heals)
{
    people p = meet();
    type(p.ann, "one two three");
    see(p.ben, "one two three");
    both_hold(&p, "one two three");
    CHECK_MSG(nodes_cut(p.cluster, 1), "%s", nodes_problem(p.cluster));
    type(p.ann, " four");
    see(p.ann, "one two three four");
    type(p.ben, "\x1b[1~zero \x1b[C\x1b[C\x1b[C\x1b[C\x1b[3~\x1b[3~\x1b[3~\x1b[3~");
    see(p.ben, "zero one three");
    holds(p.cluster, 0, "one two three four");
    holds(p.cluster, 1, "zero one three");
    CHECK_MSG(nodes_heal(p.cluster), "%s", nodes_problem(p.cluster));
    see(p.ann, "zero one three four");
    see(p.ben, "zero one three four");
    both_hold(&p, "zero one three four");
    see_the_same(&p);
    part(&p);
}

TEST(people, undo_their_own_work)
{
    people p = meet();
    type(p.ann, "good morning");
    see(p.ben, "good morning");
    type(p.ben, "\x1b[1~\x1b[C\x1b[C\x1b[C\x1b[C very");
    see(p.ann, "good very morning");
    both_hold(&p, "good very morning");
    type(p.ann, "\x1a"); /* ^Z */
    see_no(p.ann, "good");
    see(p.ben, " very");
    both_hold(&p, " very");
    type(p.ann, "\x19"); /* ^Y */
    see(p.ben, "good very morning");
    type(p.ben, "\x1a");
    see(p.ann, "good morning");
    both_hold(&p, "good morning");
    type(p.ben, "\x1a");
    see(p.ben, "nothing to undo");
    see_the_same(&p);
    part(&p);
}

/* Wide and combining characters, controls, and what turns directions: both see the same cells. */
TEST(people, see_all_scripts)
{
    people p = meet();
    type(p.ann, "\u65e5\u672c e\u0301 \u05e9\u05dc \U0001f600.");
    see(p.ben, "\u65e5\u672c e\u0301 \u05e9\u05dc \U0001f600.");
    see_cursor(p.ben, 0, 13);
    type(p.ann,
         "\x7f\x7f\x7f\x7f\x7f\x7f\x7f"); /* back to behind the accent, which goes with its e */
    see(p.ben, "\u65e5\u672c");
    both_hold(&p, "\u65e5\u672c ");
    redisReply *r = nodes_command(p.cluster, 1, "TEXT.INSERT page 0 %s", "\x01\t\u202e\u0301|");
    CHECK(r != NULL && r->type == REDIS_REPLY_INTEGER);
    freeReplyObject(r);
    see(p.ann, "^A      \ufffd\u0301|\u65e5\u672c");
    see(p.ben, "^A      \ufffd\u0301|\u65e5\u672c");
    part(&p);
}

TEST(people, wrap_lines_anew_when_a_terminal_is_resized)
{
    people p = meet();
    type(p.ann, "0123456789abcdefghij\rsecond");
    see(p.ben, "second");
    CHECK(term_resize(p.ben, 6, 8));
    see(p.ben, "89abcdef");
    see(p.ben, "second");
    CHECK_EQ_INT(term_find(p.ben, "ghij"), 2);
    CHECK(term_resize(p.ben, 1, 1));
    type(p.ben, "x");
    holds(p.cluster, 0, "x0123456789abcdefghij\nsecond");
    CHECK(term_resize(p.ben, 12, 90));
    see(p.ben, "x0123456789abcdefghij");
    see(p.ben, "page ");
    CHECK(term_resize(p.ann, 12, 90));
    see(p.ann, "page ");
    see_the_same(&p);
    part(&p);
}

/* What was typed while the node was away arrives, once, when it is there again. */
TEST(people, keep_what_they_type_while_the_node_is_gone)
{
    people        p;
    nodes_options options = nodes_options_default();
    setlocale(LC_ALL, "C.UTF-8");
    options.count = 2;
    p.cluster = start_with(&options);
    p.ann = open_editor(p.cluster, 0, "ann", 10, 70);
    p.ben = open_editor(p.cluster, 1, "ben", 10, 70);
    see(p.ann, "  ben");
    type(p.ann, "before");
    see(p.ben, "before");
    type(p.ben, "\x1b[C\x1b[C");
    see_cursor(p.ann, 0, 2);
    nodes_kill(p.cluster, 0);
    see(p.ann, "OFFLINE");
    type(p.ann, "\x1b[H<\x1b[F during");
    see(p.ann, "<before during");
    see_cursor(p.ann, 0, 3); /* as far as one knows */
    see(p.ann, "8 bytes not sent");
    type(p.ann, "\x11");
    see(p.ann, "^Q again to lose them");
    type(p.ann, "\x1b[F"); /* no */
    type(p.ben, "\x1b[1~> ");
    holds(p.cluster, 1, "> before");
    CHECK_MSG(nodes_start(p.cluster, 0), "%s", nodes_problem(p.cluster));
    see(p.ann, "> <before during");
    see(p.ben, "> <before during");
    see(p.ann, "online");
    both_hold(&p, "> <before during");
    see_the_same(&p);
    part(&p);
}

/* Connections break when the node has done what was sent, and before it has said so: nothing is
 * lost, and nothing is there twice. */
TEST(people, type_on_while_replies_get_lost)
{
    people p = {.cluster = start_pair()};
    char   all[512] = "";
    size_t size = 0;
    lossy  way = lossy_start(nodes_port(p.cluster, 0), 2);
    CHECK(way.pid != 0);
    p.ann = open_at(way.port, "ann", 10, 70);
    p.ben = open_editor(p.cluster, 1, "ben", 10, 70);
    see(p.ann, "  ben");
    for (int i = 0; i < 60; i++) {
        char word[16];
        snprintf(word, sizeof word, "%d,", i);
        type(p.ann, word);
        memcpy(all + size, word, strlen(word) + 1);
        size += strlen(word);
        if (i % 4 == 0) holds(p.cluster, 0, all); /* one transaction at least, or two */
    }
    both_hold(&p, all);
    see(p.ann, "online");
    see_the_same(&p);
    lossy_stop(&way);
    part(&p);
}

/* What was typed in one go may be several, where the machine was slow. */
static void undo_until(people *p, term *who, const char *expected)
{
    char before[512], after[512];
    text_at(p->cluster, 0, before);
    for (int tries = 0; tries < 20; tries++) {
        type(who, "\x1a");
        for (int i = 0; i < PATIENCE / 20; i++) {
            text_at(p->cluster, 0, after);
            if (strcmp(before, after) != 0) break;
            term_look(20);
        }
        if (strcmp(after, expected) == 0) break;
        memcpy(before, after, sizeof before);
    }
    both_hold(p, expected);
}

/* Both at one node, at the same time, each at a place of its own. */
TEST(people, type_at_once_and_undo_apart_at_one_node)
{
    people p = {.cluster = start_pair()};
    p.ann = open_editor(p.cluster, 0, "ann", 10, 70);
    p.ben = open_editor(p.cluster, 0, "ben", 10, 70);
    see(p.ann, "  ben");
    type(p.ann, "[]\r[]");
    see(p.ben, "[]");
    both_hold(&p, "[]\n[]");
    type(p.ann, "\x1b[D");
    type(p.ben, "\x1b[1;5H\x1b[C");
    for (int i = 0; i < 40; i++) {
        char letter[2] = {(char)('a' + i % 26)};
        type(p.ann, letter);
        letter[0] = (char)('A' + i % 26);
        type(p.ben, letter);
        if (i % 10 == 0) term_look(5);
    }
    both_hold(&p, "[ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMN]\n"
                  "[abcdefghijklmnopqrstuvwxyzabcdefghijklmn]");
    see_the_same(&p);
    undo_until(&p, p.ann, "[ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMN]\n[]");
    undo_until(&p, p.ben, "[]\n[]");
    see_the_same(&p);
    part(&p);
}

/* A node without a disk that starts anew: its peers tell it what it had told. */
TEST(people, survive_a_node_that_has_lost_all)
{
    people p = meet();
    type(p.ann, "before");
    see(p.ben, "before");
    both_hold(&p, "before");
    nodes_kill(p.cluster, 0);
    see(p.ann, "OFFLINE");
    type(p.ann, " and after");
    CHECK_MSG(nodes_start(p.cluster, 0), "%s", nodes_problem(p.cluster));
    both_hold(&p, "before and after");
    see(p.ann, "online");
    see_the_same(&p);
    part(&p);
}

TEST(people, wait_where_the_key_is_no_text)
{
    people p = {.cluster = start_pair()};
    CHECK_MSG(nodes_ok(p.cluster, 0, "SET page x"), "%s", nodes_problem(p.cluster));
    p.ann = open_editor(p.cluster, 0, "ann", 10, 70);
    type(p.ann, "typed");
    see(p.ann, "WRONGTYPE");
    see(p.ann, "typed");
    CHECK_MSG(nodes_ok(p.cluster, 0, "DEL page"), "%s", nodes_problem(p.cluster));
    both_hold(&p, "typed");
    see(p.ann, "online");
    part(&p);
}

/* 10 MB between brackets, in lines, some of which end in CR LF; *ret_length: of the text, in
 * characters. */
static char *much(size_t size, int64_t *ret_length)
{
    char *bytes = malloc(size + 256);
    CHECK(bytes != NULL);
    size_t   at = (size_t)snprintf(bytes, 64, "\x1b[200~");
    unsigned line = 0;
    *ret_length = 3;
    for (; at < size; line++) {
        size_t n = (size_t)snprintf(bytes + at, 64, "line %u, \u20ac%s", line,
                                    line % 3 == 0 ? "\r\n" : "\r");
        *ret_length += (int64_t)n - 2 - (line % 3 == 0); /* of bytes the sign has three */
        at += n;
    }
    snprintf(bytes + at, 64, "end\x1b[201~");
    return bytes;
}

static void has_length(nodes *cluster, uint32_t node, int64_t expected)
{
    int64_t length = 0;
    for (int i = 0; i < PATIENCE / 20; i++) {
        CHECK_MSG(nodes_integer(cluster, node, &length, "TEXT.LENGTH page"), "%s",
                  nodes_problem(cluster));
        if (length == expected) return;
        term_look(20);
    }
    CHECK_MSG(false, "node %u has %lld characters, not %lld", node, (long long)length,
              (long long)expected);
}

TEST(people, paste_ten_megabytes)
{
    people  p = meet();
    int64_t length;
    char   *bytes = much(10000000, &length);
    type(p.ann, bytes);
    free(bytes);
    has_length(p.cluster, 0, length);
    has_length(p.cluster, 1, length);
    see(p.ann, "online");
    type(p.ben, "\x1b[1;5F!"); /* to the end */
    see(p.ben, "end!");
    see(p.ann, "end!");
    see_the_same(&p);
    type(p.ann, "\x1a");
    both_hold(&p, "!");
    see(p.ann, "!");
    see_the_same(&p);
    part(&p);
}
