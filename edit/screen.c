/* screen.c: see screen.h. */
#include "edit/screen.h"

#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PAIR_ALARM (PRESENCE_COLOURS + 1)

static SCREEN *terminal;

static void say(const char *bytes)
{
    ssize_t done = write(STDOUT_FILENO, bytes, strlen(bytes));
    (void)done; /* a terminal that is gone shows nothing */
}

bool screen_open(void)
{
    static const short colours[] = {COLOR_GREEN,   COLOR_YELLOW, COLOR_CYAN,
                                    COLOR_MAGENTA, COLOR_BLUE,   COLOR_WHITE};
    terminal = newterm(NULL, stdout, stdin);
    if (terminal == NULL) {
        fprintf(stderr, "concur-edit: no such terminal: TERM=%s\n",
                getenv("TERM") != NULL ? getenv("TERM") : "");
        return false;
    }
    raw();
    noecho();
    nonl();
    typeahead(-1); /* what is typed is read elsewhere */
    if (has_colors()) {
        start_color();
        use_default_colors();
        for (short i = 0; i < PRESENCE_COLOURS; i++) {
            init_pair((short)(i + 1), COLOR_BLACK, colours[i]);
        }
        init_pair(PAIR_ALARM, COLOR_WHITE, COLOR_RED);
    }
    say("\x1b[?2004h"); /* brackets around what is pasted */
    atexit(screen_close);
    return true;
}

void screen_close(void)
{
    if (terminal == NULL) return;
    endwin();
    delscreen(terminal);
    terminal = NULL;
    say("\x1b[?2004l");
}

void screen_size(int *ret_rows, int *ret_columns)
{
    *ret_rows = LINES > 2 ? LINES - 1 : 1;
    *ret_columns = COLS > 1 ? COLS : 1;
}

void screen_resize(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        return;
    resizeterm(size.ws_row, size.ws_col);
}

void screen_spoiled(void)
{
    clearok(curscr, TRUE);
}

/* -- The text ---------------------------------------------------------------------------------- */

static attr_t look_of(int pair)
{
    return has_colors() ? (attr_t)COLOR_PAIR(pair) : A_REVERSE;
}

/* Who of the others has the cursor at the place; NULL: nobody. */
static const peer *who_at(const screen_view *v, size_t at)
{
    for (size_t i = 0; i < v->others->count; i++) {
        const peer *one = &v->others->at[i];
        if (one->placed && one->place == at && !presence_is_away(one, v->now_ms)) return one;
    }
    return NULL;
}

static void put(const screen_view *v, int row, int column, const cell *c)
{
    const peer *who = who_at(v, c->at);
    attr_t      look = who != NULL ? look_of(presence_colour(who->session) + 1) : A_NORMAL;
    cchar_t     shown;
    wchar_t     one[2] = {c->show[0], 0};
    attrset((int)look);
    if (c->width > 1 && c->show[0] == L' ') { /* a tab: its first cell may be somebody's */
        mvaddch(row, column, ' ');
        return;
    }
    if (c->width == 2 && c->show[0] == L'^') { /* ^A: two characters */
        mvaddch(row, column, '^');
        mvaddch(row, column + 1, (chtype)c->show[1]);
        return;
    }
    if (setcchar(&shown, c->show, look, (short)PAIR_NUMBER(look), NULL) == OK ||
        setcchar(&shown, one, look, (short)PAIR_NUMBER(look), NULL) == OK) {
        mvadd_wch(row, column, &shown);
    }
}

/* Rows of the text, and where the cursor is. */
static void draw_text(const screen_view *v, int *ret_row, int *ret_column)
{
    size_t at = v->window->top;
    bool   more = true;
    *ret_row = *ret_column = 0;
    for (int row = 0; more && row < v->window->rows; row++) {
        size_t next = window_row(v->window, v->text, at, &more);
        int    column = 0;
        cell   c;
        for (; at <= next; at += c.size) {
            if (at == v->cursor && (at < next || !more)) *ret_row = row, *ret_column = column;
            if (at == next) break;
            (void)cells_at(v->text, at, column, &c);
            put(v, row, column, &c);
            column += c.width;
        }
        if (!more) { /* behind the last character, too, somebody may be */
            cell end = {.at = at, .show = L" ", .width = 1};
            if (column < v->window->columns) put(v, row, column, &end);
        }
    }
    attrset((int)A_NORMAL);
}

/* -- The last line ----------------------------------------------------------------------------- */

/* Behind the column; where it ends. */
static int put_words(int column, const char *words, attr_t look)
{
    size_t size = cells_fit(words, strlen(words), COLS - 1 - column);
    attrset((int)look);
    mvaddnstr(LINES - 1, column, words, (int)size);
    return column + cells_width(words, size);
}

static void draw_status(const screen_view *v)
{
    attr_t bar = v->alarm ? look_of(PAIR_ALARM) : A_REVERSE;
    char   words[PRESENCE_NAME + 24];
    attrset((int)bar);
    mvhline(LINES - 1, 0, ' ', COLS);
    int column = put_words(0, v->status, bar);
    for (size_t i = 0; i < v->others->count; i++) {
        const peer *one = &v->others->at[i];
        bool        away = presence_is_away(one, v->now_ms);
        int         row = 0, at;
        if (one->placed && !away) (void)window_find(v->window, v->text, one->place, &row, &at);
        snprintf(words, sizeof words, " %s%s%s ", one->name, away ? " (away)" : "",
                 row < 0                  ? " ^"
                 : row >= v->window->rows ? " v"
                                          : "");
        column = put_words(column, " ", bar);
        column = put_words(column, words, away ? bar : look_of(presence_colour(one->session) + 1));
    }
    attrset((int)A_NORMAL);
}

void screen_draw(const screen_view *v)
{
    int row, column;
    erase();
    draw_text(v, &row, &column);
    if (LINES > 1) draw_status(v);
    if (column >= COLS) column = COLS - 1;
    move(row, column);
    refresh();
}
