/* main.c: two people in one text, at two nodes, each in a terminal of its own: what both see while
 * they write, while the network between the nodes is cut, and when it is whole again. Nobody is
 * needed: the keys are played, and the screens printed. Ends with 0 if all was as it should be.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/edit/lib/term.h"
#include "tests/node/lib/nodes.h"

#define PATIENCE_MS 30000
#define ROWS 6
#define COLUMNS 46

static nodes   *cluster;
static term    *people[2];
static uint32_t pause_ms;

_Noreturn __attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    va_start(args, format);
    fputs("concur-edit-demo: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    for (size_t i = 0; i < 2; i++) term_free(people[i]);
    nodes_free(cluster);
    exit(1);
}

/* -- The two screens, side by side ------------------------------------------------------------- */

static void put_row(const vt *v, int row)
{
    putchar('|');
    for (int i = 0; i < v->columns; i++) {
        const vt_cell *cell = &v->at[row * v->columns + i];
        for (size_t k = 0; k <= VT_MARKS && cell->show[k] != 0; k++) {
            printf("%lc", (wint_t)cell->show[k]);
        }
    }
    putchar('|');
}

/* Whose cursor is in the cell: the own one, that of the other; 0: none. */
static char cursor_in(const vt *v, int row, int column)
{
    int back = v->at[row * v->columns + column].back;
    if (row == v->row && column == v->column) return '^';
    return row + 1 < v->rows && back >= 0 && back < 8 ? '*' : 0;
}

static bool has_cursor(const vt *v, int row)
{
    bool any = false;
    for (int i = 0; i < v->columns; i++) any |= cursor_in(v, row, i) != 0;
    return any;
}

static void put_cursors(const vt *v, int row)
{
    putchar('|');
    for (int i = 0; i < v->columns; i++) {
        char mark = cursor_in(v, row, i);
        putchar(mark != 0 ? mark : ' ');
    }
    putchar('|');
}

static void put_edge(void)
{
    putchar('+');
    for (int i = 0; i < COLUMNS; i++) putchar('-');
    putchar('+');
}

static void both(void (*put)(const vt *v, int row), int row)
{
    put(term_vt(people[0]), row);
    putchar(' ');
    put(term_vt(people[1]), row);
    putchar('\n');
}

static void show_screens(void)
{
    printf("%-*s%s\n", COLUMNS + 3, "  ann, at node 0", "  ben, at node 1");
    put_edge();
    putchar(' ');
    put_edge();
    putchar('\n');
    for (int row = 0; row < ROWS; row++) {
        both(put_row, row);
        if (has_cursor(term_vt(people[0]), row) || has_cursor(term_vt(people[1]), row)) {
            both(put_cursors, row);
        }
    }
    put_edge();
    putchar(' ');
    put_edge();
    puts("\n");
    fflush(stdout);
    for (uint32_t left = pause_ms; left > 0; left -= left < 100 ? left : 100) term_look(100);
}

/* -- What they do ------------------------------------------------------------------------------ */

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static void type(int who, const char *keys)
{
    if (!term_type(people[who], keys))
        fail("%s's terminal takes nothing", who == 0 ? "ann" : "ben");
}

static void see(int who, const char *words)
{
    if (term_until(people[who], words, PATIENCE_MS)) return;
    fail("%s never saw \"%s\", but\n%s", who == 0 ? "ann" : "ben", words, term_screen(people[who]));
}

static void both_see(const char *words)
{
    see(0, words);
    see(1, words);
}

/* The other's cursor is in that place of one's screen. */
static void see_cursor(int who, int row, int column)
{
    const vt *v = term_vt(people[who]);
    for (int i = 0; i < PATIENCE_MS / 20; i++) {
        if (cursor_in(v, row, column) == '*') return;
        term_look(20);
    }
    fail("no cursor at %d, %d of\n%s", row, column, term_screen(people[who]));
}

static void must(bool done)
{
    if (!done) fail("%s", nodes_problem(cluster));
}

/* -- The story --------------------------------------------------------------------------------- */

static const char *editor(void)
{
    static char path[600];
    char        self[512];
    ssize_t     size = readlink("/proc/self/exe", self, sizeof self - 1);
    self[size < 0 ? 0 : size] = 0;
    char *end = strrchr(self, '/');
    snprintf(path, sizeof path, "%.*s/concur-edit", end == NULL ? 0 : (int)(end - self), self);
    return path;
}

static void meet(void)
{
    static const char *const names[] = {"ann", "ben"};
    nodes_options            options = nodes_options_default();
    char                     problem[512], port[16];
    options.count = 2;
    options.demo = true;
    cluster = nodes_new(&options, problem);
    if (cluster == NULL) fail("%s", problem);
    must(nodes_start_all(cluster));
    for (uint32_t i = 0; i < 2; i++) {
        snprintf(port, sizeof port, "%u", nodes_port(cluster, i));
        people[i] = term_start(
            ROWS, COLUMNS,
            (const char *const[]){editor(), "--port", port, "--name", names[i], "letter", NULL});
        if (people[i] == NULL) fail("no terminal for %s", names[i]);
    }
    see(0, "  ben");
    see(1, "  ann");
}

static void write_together(void)
{
    tell("Ann types a line; Ben sees it, and where she is (*; each one's own cursor is ^).");
    type(0, "Dear Cleo, we meet on Monday.");
    see(1, "Dear Cleo, we meet on Monday.");
    see_cursor(1, 0, 29);
    show_screens();
    tell("Ben goes to the comma and types there: Ann's cursor moves along with her text.");
    type(1, "\x1b[1~\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C and Dan");
    both_see("Dear Cleo and Dan, we meet on Monday.");
    see_cursor(1, 0, 37);
    see_cursor(0, 0, 17);
    show_screens();
}

static void write_apart(void)
{
    tell("The network between the nodes is cut. Both go on.");
    must(nodes_cut(cluster, 1));
    type(0, "\rBring your notes.");
    see(0, "Bring your notes.");
    type(1, "\x1b[4~\x7f\x7f\x7f\x7f\x7f\x7f\x7f"
            "Friday.");
    see(1, "on Friday.");
    both_see("online");
    show_screens();
    tell("It heals: both see both.");
    must(nodes_heal(cluster));
    both_see("we meet on Friday.");
    both_see("Bring your notes.");
    see_cursor(1, 1, 17);
    show_screens();
}

static void undo(void)
{
    tell("Ann undoes what she typed while it was cut (^Z). What Ben did stays.");
    type(0, "\x1a");
    if (!term_until_not(people[1], "Bring", PATIENCE_MS)) fail("it was not undone");
    both_see("we meet on Friday.");
    show_screens();
}

static void lose_a_node(void)
{
    tell("Ann's node dies. She types on.");
    nodes_kill(cluster, 0);
    see(0, "OFFLINE");
    type(0, "\x1b[1;5F\rAnn");
    see(0, "4 bytes not sent");
    show_screens();
    tell("It is started again: what she typed arrives.");
    must(nodes_start(cluster, 0));
    see(1, "Ann");
    see(0, "online");
    show_screens();
}

static void agree(void)
{
    must(nodes_settle(cluster, PATIENCE_MS));
    redisReply *a = nodes_command(cluster, 0, "TEXT.GET letter");
    redisReply *b = nodes_command(cluster, 1, "TEXT.GET letter");
    if (a == NULL || b == NULL || a->str == NULL || b->str == NULL) fail("no TEXT.GET");
    if (strcmp(a->str, b->str) != 0) fail("the nodes hold\n%s\nand\n%s", a->str, b->str);
    tell("Both nodes hold the same text:\n%s", a->str);
    freeReplyObject(a);
    freeReplyObject(b);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--slow") == 0) pause_ms = 3000;
    else if (argc != 1) {
        fputs("usage: concur-edit-demo [--slow]\n", stderr);
        return 2;
    }
    setlocale(LC_ALL, "C.UTF-8");
    meet();
    write_together();
    write_apart();
    undo();
    lose_a_node();
    agree();
    for (size_t i = 0; i < 2; i++) term_free(people[i]);
    nodes_free(cluster);
    return 0;
}
