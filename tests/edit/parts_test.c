/* parts_test.c: the parts of the editor that need no terminal and no node: cells, windows, keys,
 * pastes, who is present, groups of steps; and the terminal of the tests. */
#include <locale.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"

#include "edit/groups.h"
#include "edit/keys.h"
#include "edit/paste.h"
#include "edit/presence.h"
#include "tests/edit/lib/vt.h"

static text text_of(const char *bytes)
{
    text t = {0};
    CHECK(setlocale(LC_ALL, "C.UTF-8") != NULL);
    text_insert(&t, 0, bytes, strlen(bytes));
    return t;
}

/* -- Cells ------------------------------------------------------------------------------------- */

typedef struct shown {
    const char    *bytes;
    size_t         size; /* of the first cell */
    int            width;
    const wchar_t *show;
} shown;

TEST(cells, show_each_character_where_it_is)
{
    static const shown cases[] = {
        {"a", 1, 1, L"a"},
        {"\u65e5", 3, 2, L"\u65e5"},
        {"e\u0301x", 3, 1, L"e\u0301"},
        {"\u0301x", 2, 1, L" \u0301"},
        {"\u05e9", 2, 1, L"\u05e9"},
        {"\u202ex", 3, 1, L"\ufffd"}, /* what turns directions does not */
        {"\u2067x", 3, 1, L"\ufffd"},
        {"\x01", 1, 2, L"^A"},
        {"\x7f", 1, 2, L"^?"},
        {"\t\u0301", 1, 5, L" "}, /* in column 3 */
        {"\n", 1, 1, L" "},
        {"\xff", 1, 1, L"\ufffd"},
        {"\xed\xa0\xbd", 1, 1, L"\ufffd"}, /* half a surrogate pair */
        {"\xc0\x80", 1, 1, L"\ufffd"},
        {"\xf4\x90\x80\x80", 1, 1, L"\ufffd"},
        {"\xe2\x82", 1, 1, L"\ufffd"}, /* cut off */
        {"e\u0301\u0302\u0303\u0304\u0305\u0306", 13, 1, L"e\u0301\u0302\u0303\u0304"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text t = text_of(cases[i].bytes);
        cell c;
        CHECK(cells_at(&t, 0, 3, &c));
        CHECK_MSG(c.size == cases[i].size && c.width == cases[i].width, "%zu: %zu bytes, %d cells",
                  i, c.size, c.width);
        CHECK_MSG(wcscmp(c.show, cases[i].show) == 0, "%zu", i);
        CHECK(!cells_at(&t, t.size, 0, &c));
        text_clear(&t);
    }
}

/* Rows of 4 columns: where each begins. */
TEST(cells, wrap_what_does_not_fit)
{
    static const struct {
        const char *bytes;
        size_t      rows, begins[6];
    } cases[] = {
        {"", 1, {0}},
        {"abc", 1, {0}},
        {"abcd", 2, {0, 4}}, /* the cursor behind it has a row of its own */
        {"abcdefg", 2, {0, 4}},
        {"abc\nd", 2, {0, 4}},
        {"abcd\ne", 3, {0, 4, 5}},
        {"abc\u65e5x", 2, {0, 3}},
        {"a\tb", 3, {0, 1, 2}}, /* wider than the screen: alone */
        {"\n\n", 3, {0, 1, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text   t = text_of(cases[i].bytes);
        bool   more = true;
        size_t rows = 0;
        for (size_t at = 0; more; at = cells_row(&t, at, 4, &more)) {
            CHECK_MSG(rows < cases[i].rows && at == cases[i].begins[rows], "%zu: row %zu at %zu", i,
                      rows, at);
            rows++;
        }
        CHECK_EQ_INT(rows, cases[i].rows);
        text_clear(&t);
    }
    CHECK_EQ_INT(cells_fit("a\u65e5b", 5, 2), 1);
    CHECK_EQ_INT(cells_width("a\u65e5b", 5), 4);
}

/* -- Windows ----------------------------------------------------------------------------------- */

TEST(window, moves_by_what_is_seen)
{
    text   t = text_of("e\u0301a\n\u65e5\u672cxyz\n\nlast");
    window w = {.rows = 3, .columns = 6, .wanted = -1};
    CHECK_EQ_INT(window_go(&w, &t, 0, WINDOW_RIGHT), 3); /* over the mark */
    CHECK_EQ_INT(window_go(&w, &t, 3, WINDOW_LEFT), 0);
    CHECK_EQ_INT(window_go(&w, &t, 0, WINDOW_LEFT), 0);
    CHECK_EQ_INT(window_go(&w, &t, t.size, WINDOW_RIGHT), t.size);
    CHECK_EQ_INT(window_go(&w, &t, 4, WINDOW_HOME), 0);
    CHECK_EQ_INT(window_go(&w, &t, 0, WINDOW_END), 4);
    size_t at = window_go(&w, &t, 13, WINDOW_UP); /* behind y, column 6: the row is full */
    CHECK_EQ_INT(at, 5);
    CHECK_EQ_INT(window_go(&w, &t, 12, WINDOW_END), 14);
    at = window_go(&w, &t, 12, WINDOW_UP); /* behind x, column 5 */
    CHECK_EQ_INT(at, 4);
    at = window_go(&w, &t, at, WINDOW_DOWN);
    CHECK_EQ_INT(at, 12); /* the column is kept over a short row */
    for (int i = 0; i < 3; i++) at = window_go(&w, &t, at, WINDOW_DOWN);
    CHECK_EQ_INT(at, t.size);
    CHECK_EQ_INT(window_go(&w, &t, at, WINDOW_DOWN), t.size);
    CHECK_EQ_INT(window_go(&w, &t, at, WINDOW_FIRST), 0);
    CHECK_EQ_INT(window_go(&w, &t, 0, WINDOW_LAST), t.size);
    text_clear(&t);
}

/* Wherever one goes, the cursor is in sight, and the top stands still if it was. */
TEST(window, follows_the_cursor_in_texts_of_any_shape)
{
    uint64_t seed = seed_or(5);
    for (int round = 0; round < (T_SLOW ? 20 : 200); round++) {
        text     t = text_of("");
        window   w = {.wanted = -1};
        size_t   cursor = 0;
        uint64_t lines = random_below(&seed, 3) * 20;
        for (uint64_t i = random_below(&seed, 3000); i > 0; i--) {
            static const char *const bits[] = {"a", "\u65e5", "\t", "e\u0301", "\x02"};
            const char              *bit =
                lines > 0 && random_below(&seed, lines) == 0 ? "\n" : bits[random_below(&seed, 5)];
            text_insert(&t, t.size, bit, strlen(bit));
        }
        for (int i = 0; i < 40; i++) {
            int row, column;
            w.rows = 1 + (int)random_below(&seed, 12);
            w.columns = 1 + (int)random_below(&seed, 30);
            cursor = window_go(&w, &t, cursor, (window_move)random_below(&seed, 10));
            window_follow(&w, &t, cursor);
            CHECK(window_find(&w, &t, cursor, &row, &column));
            CHECK(row >= 0 && row < w.rows && column >= 0);
            size_t top = w.top;
            window_follow(&w, &t, cursor);
            CHECK_EQ_INT(w.top, top);
        }
        text_clear(&t);
    }
}

/* A line of a megabyte costs what is looked at, and the top stands still after the first look. */
TEST(window, looks_at_a_part_of_a_long_line)
{
    text   t = text_of("");
    window w = {.rows = 20, .columns = 77, .wanted = -1};
    size_t cursor;
    for (int i = 0; i < 100000; i++) text_insert(&t, t.size, "0123456789", 10);
    cursor = window_go(&w, &t, 0, WINDOW_LAST);
    for (int i = 0; i < 500; i++) {
        int row, column;
        cursor = window_go(&w, &t, cursor, i % 50 == 0 ? WINDOW_PAGE_DOWN : WINDOW_UP);
        window_follow(&w, &t, cursor);
        CHECK(window_find(&w, &t, cursor, &row, &column));
        window_follow(&w, &t, cursor);
        size_t top = w.top;
        window_follow(&w, &t, cursor);
        CHECK_EQ_INT(w.top, top);
    }
    CHECK_MSG(cursor > 970000 && cursor < 985000, "%zu", cursor);
    text_clear(&t);
}

/* Lines that are not that long are not broken where blocks end. */
TEST(window, wraps_no_line_that_fits)
{
    static const char line[] = "\u20ac 56789 123456789 123456789 1234567\n";
    size_t            size = sizeof line - 1;
    text              t = text_of("");
    window            w = {.rows = 20, .columns = 77, .wanted = -1};
    bool              more = true;
    for (int i = 0; i < 300; i++) text_insert(&t, t.size, line, size);
    for (size_t at = 0; more && at < t.size; at += size) {
        CHECK_EQ_INT(window_row(&w, &t, at, &more), at + size);
        CHECK_EQ_INT(window_go(&w, &t, at, WINDOW_DOWN), at + size);
        CHECK_EQ_INT(window_go(&w, &t, at + size, WINDOW_UP), at);
    }
    text_clear(&t);
}

/* -- Keys -------------------------------------------------------------------------------------- */

/* All keys so far: what tests compare. */
typedef struct pressed {
    char   out[1024];
    size_t size;
} pressed;

static void press(pressed *p, const char *words, size_t size)
{
    CHECK(p->size + size < sizeof p->out);
    memcpy(p->out + p->size, words, size);
    p->size += size;
}

static void press_key(pressed *p, const key *k)
{
    static const char *const names[] = {"text:",  "go",   "backspace", "delete", "undo", "redo",
                                        "redraw", "quit", "paste:",    "end",    "other"};
    press(p, names[k->kind], strlen(names[k->kind]));
    if (k->kind == KEY_GO) press(p, &"0123456789"[k->move], 1);
    if (k->size > 0) press(p, k->text, k->size);
    press(p, "|", 1);
}

/* The bytes come in pieces of that size. joined: pastes are told without their pieces. */
static void check_pieces(const char *bytes, size_t piece, bool joined, const char *expected)
{
    pressed p = {.size = 0};
    char    held[256];
    size_t  size = strlen(bytes), held_size = 0;
    keys    state = {false};
    for (size_t at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece, done = 0, took;
        key    k;
        memcpy(held + held_size, bytes + at, n);
        held_size += n;
        while ((took = keys_next(&state, held + done, held_size - done, &k)) > 0) {
            if (!joined) press_key(&p, &k);
            else if (k.size > 0) press(&p, k.text, k.size);
            else if (k.kind == KEY_PASTE_END) press(&p, "|", 1);
            done += took;
        }
        memmove(held, held + done, held_size -= done);
    }
    p.out[p.size] = 0;
    CHECK_EQ_STR(p.out, expected);
}

static void check_keys(const char *bytes, size_t piece, const char *expected)
{
    check_pieces(bytes, piece, false, expected);
}

TEST(keys, are_what_terminals_send)
{
    (void)text_of("");
    check_keys("ab\u20ac\r", 99, "text:ab\u20ac|text:\n|");
    check_keys("\u20ac\u65e5", 1, "text:\u20ac|text:\u65e5|");
    check_keys("\x7f\x08\x1a\x19\x0c\x11\x03\t", 1,
               "backspace|backspace|undo|redo|redraw|quit|other|text:\t|");
    for (size_t piece = 1; piece < 9; piece++) {
        check_keys("\x1b[A\x1bOB\x1b[C\x1b[D\x1b[H\x1bOF\x1b[1~\x1b[4~\x1b[5~\x1b[6~", piece,
                   "go2|go3|go1|go0|go4|go5|go4|go5|go6|go7|");
        check_keys("\x1b[1;5H\x1b[1;5F\x1b[3~\x1b[3;5~\x1b[15~\x1b[<0;1;2M", piece,
                   "go8|go9|delete|delete|other|other|");
    }
    check_keys("\x1b\x1b[A\x1bx", 99, "other|go2|other|");
    check_keys("a\xff\xc3(b", 99, "text:a|other|other|text:(b|");
    check_keys("\x1b[1111111111111111111111111111111111111A", 99,
               "other|text:1111111A|"); /* longer than any */
}

TEST(keys, of_a_paste_end_where_the_bracket_closes)
{
    check_keys("x\x1b[200~one\x1b[A\rtwo\x1b[201~y", 99,
               "text:x|paste:|paste:one\x1b[A\rtwo|end|text:y|");
    check_keys("\x1b[200~ab\x1b[20\x1b[201~", 8, "paste:|paste:ab|paste:\x1b[20|end|");
    for (size_t piece = 1; piece < 12; piece++) { /* however it is cut */
        check_pieces("\x1b[200~ab\x1b[20\x1b[201~c", piece, true, "ab\x1b[20|c");
    }
}

/* -- Pastes ------------------------------------------------------------------------------------ */

TEST(paste, becomes_text_of_a_node)
{
    paste      p = {0};
    size_t     size;
    const char in[] = "a\r\nb\rc\n\r\r\n\xff\xed\xa0\xbd\0\u20ac\xe2\x82";
    for (size_t i = 0; i + 1 < sizeof in; i++) paste_add(&p, in + i, 1);
    const char *out = paste_whole(&p, &size), u[] = "\xef\xbf\xbd";
    char        expected[64];
    snprintf(expected, sizeof expected, "a\nb\nc\n\n\n%s%s%s%s\u20ac%s%s", u, u, u, u, u, u);
    CHECK_EQ_MEM(out, size, expected, strlen(expected));
    paste_clear(&p);
    CHECK(p.bytes == NULL);
}

TEST(paste, has_a_limit)
{
    static char piece[1 << 20];
    paste       p = {0};
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 65; i++) paste_add(&p, piece, sizeof piece);
    CHECK_EQ_INT(p.size, PASTE_MAX);
    CHECK_EQ_INT(p.lost, sizeof piece);
    paste_clear(&p);
}

/* -- Presence ---------------------------------------------------------------------------------- */

static presence_news hear(presence *p, const char *message, uint64_t now)
{
    return presence_hear(p, "me", message, strlen(message), now);
}

TEST(presence, hears_who_comes_moves_and_goes)
{
    static presence p;
    char            message[192], name[PRESENCE_NAME + 1];
    (void)text_of("");
    presence_message("s2", "ben", "5@00aa<", message);
    CHECK_EQ_STR(message, "concur-edit 1 s2 5@00aa< ben");
    CHECK_EQ_INT(hear(&p, message, 1000), PRESENCE_CAME);
    CHECK_EQ_INT(hear(&p, message, 1000), PRESENCE_NOTHING);
    CHECK_EQ_INT(hear(&p, "concur-edit 1 s1 end ann lee", 1000), PRESENCE_CAME);
    CHECK_EQ_INT(p.count, 2);
    CHECK_EQ_STR(p.at[0].name, "ann lee");
    CHECK_EQ_STR(presence_find(&p, "s2")->cursor, "5@00aa<");
    p.at[1].placed = true;
    p.at[1].place = 7;
    CHECK_EQ_INT(hear(&p, "concur-edit 1 s2 start ben", 2000), PRESENCE_MOVED);
    CHECK(p.at[1].placed && p.at[1].place == 7); /* until it is asked where that is */
    CHECK_EQ_INT(hear(&p, "concur-edit 1 me start me", 2000), PRESENCE_NOTHING);
    CHECK(!presence_is_away(&p.at[0], 1000 + PRESENCE_AWAY_MS));
    CHECK(presence_is_away(&p.at[0], 1001 + PRESENCE_AWAY_MS));
    CHECK_EQ_INT(hear(&p, "concur-edit 1 s2 - ben", 3000), PRESENCE_LEFT);
    CHECK_EQ_INT(hear(&p, "concur-edit 1 s2 - ben", 3000), PRESENCE_NOTHING);
    presence_age(&p, 1000 + PRESENCE_GONE_MS);
    CHECK_EQ_INT(p.count, 1);
    presence_age(&p, 1001 + PRESENCE_GONE_MS);
    CHECK_EQ_INT(p.count, 0);
    presence_name("a\x1b[31m\u202eb\u65e5\xff", 14, name);
    CHECK_EQ_STR(name, "a[31mb\u65e5");
    presence_name("\x01", 1, name);
    CHECK_EQ_STR(name, "?");
    presence_name("\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5", 33, name);
    CHECK_EQ_INT(strlen(name), 30);
}

TEST(presence, takes_no_harm_from_what_is_no_message)
{
    static presence          p;
    static const char *const bad[] = {"",
                                      " ",
                                      "concur-edit",
                                      "concur-edit 1",
                                      "concur-edit 1 s",
                                      "concur-edit 1 s end",
                                      "concur-edit 2 s end ann",
                                      "concur-edit 1 01234567890123456 end ann",
                                      "concur-edit  1 s end ann",
                                      "hello 1 s end ann"};
    char                     long_one[256] = "concur-edit 1 s ";
    (void)text_of("");
    snprintf(long_one, sizeof long_one, "concur-edit 1 s %081d ann", 7);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_MSG(hear(&p, bad[i], 0) == PRESENCE_NOTHING, "%s", bad[i]);
    }
    CHECK_EQ_INT(hear(&p, long_one, 0), PRESENCE_NOTHING);
    CHECK_EQ_INT(p.count, 0);
    for (int i = 0; i < 70; i++) { /* a crowd */
        snprintf(long_one, sizeof long_one, "concur-edit 1 s%d end x", i);
        hear(&p, long_one, 0);
    }
    CHECK_EQ_INT(p.count, PRESENCE_MAX);
}

/* Whatever comes, it is taken piece by piece. */
TEST(parts, take_any_bytes)
{
    static presence p;
    uint64_t        seed = seed_or(11);
    (void)text_of("");
    for (int round = 0; round < (T_SLOW ? 2000 : 20000); round++) {
        static const char likely[] = "\x1b[O~;0152\xc3\xa9\xe2\x82\xac\r\n -";
        char              bytes[64], name[PRESENCE_NAME + 1];
        size_t            size = random_below(&seed, sizeof bytes + 1), at = 0, n;
        keys              state = {false};
        paste             pasted = {0};
        key               k;
        cell              c;
        text              t = {0};
        for (size_t i = 0; i < size; i++) {
            bool any = random_below(&seed, 4) == 0;
            bytes[i] =
                any ? (char)next_random(&seed) : likely[random_below(&seed, sizeof likely - 1)];
        }
        for (; (n = keys_next(&state, bytes + at, size - at, &k)) > 0; at += n) {
            CHECK(n <= size - at);
            if (k.kind == KEY_PASTE) paste_add(&pasted, k.text, k.size);
        }
        CHECK(size - at <= 32); /* what is not whole is short */
        paste_add(&pasted, bytes, size);
        const char *whole = paste_whole(&pasted, &n);
        text_insert(&t, 0, whole, n);
        for (at = 0; cells_at(&t, at, (int)(at % 8), &c); at += c.size) CHECK(c.size > 0);
        CHECK_EQ_INT(at, t.size);
        presence_name(bytes, size, name);
        (void)presence_hear(&p, "me", bytes, size, 0);
        paste_clear(&pasted);
        text_clear(&t);
    }
}

/* -- Groups ------------------------------------------------------------------------------------ */

TEST(groups, hold_what_is_typed_in_one_go)
{
    static groups g;
    CHECK_EQ_INT(groups_undo(&g), 0);
    groups_edit(&g, GROUPS_TYPED, 0, 1, 100);
    groups_taken(&g);
    groups_edit(&g, GROUPS_TYPED, 1, 2, 200);
    groups_taken(&g);
    groups_edit(&g, GROUPS_TYPED, 2, 3, 200 + GROUPS_PAUSE_MS); /* after a pause */
    groups_taken(&g);
    groups_edit(&g, GROUPS_DELETED, 3, 2, 1300);
    groups_taken(&g);
    groups_edit(&g, GROUPS_TYPED, 9, 10, 1400); /* elsewhere */
    groups_taken(&g);
    groups_edit(&g, GROUPS_PASTED, 10, 1000, 1500);
    for (int i = 0; i < 40; i++) groups_taken(&g); /* in pieces */
    groups_edit(&g, GROUPS_PASTED, 1000, 2000, 1501);
    groups_taken(&g);
    CHECK_EQ_INT(groups_undo(&g), 1);
    CHECK_EQ_INT(groups_undo(&g), 40);
    CHECK_EQ_INT(groups_undo(&g), 1);
    CHECK_EQ_INT(groups_undo(&g), 1);
    CHECK_EQ_INT(groups_redo(&g), 1);
    CHECK_EQ_INT(groups_undo(&g), 1);
    CHECK_EQ_INT(groups_undo(&g), 1);
    CHECK_EQ_INT(groups_undo(&g), 2);
    CHECK_EQ_INT(groups_undo(&g), 0);
    CHECK_EQ_INT(groups_redo(&g), 2);
    groups_edit(&g, GROUPS_TYPED, 10, 11, 1600);
    groups_taken(&g);
    CHECK_EQ_INT(groups_redo(&g), 0);
    CHECK_EQ_INT(groups_undo(&g), 1);
    for (unsigned i = 0; i < GROUPS_MAX + 5; i++) {
        groups_edit(&g, GROUPS_PASTED, 0, 1, 2000);
        groups_taken(&g);
    }
    CHECK_EQ_INT(g.done_count, GROUPS_MAX);
}

/* -- The terminal of the tests ----------------------------------------------------------------- */

TEST(vt, shows_what_ncurses_writes)
{
    vt v;
    (void)text_of("");
    CHECK(vt_open(&v, 3, 10));
    static const char first[] = "abc\x1b[2;3H\u65e5x\x1b[41m!\x1b[m\x1b[3d\x1b[1Gend\x1b[2b";
    for (size_t i = 0; i + 1 < sizeof first; i++) vt_write(&v, first + i, 1);
    CHECK_EQ_STR(vt_row(&v, 0), "abc");
    CHECK_EQ_STR(vt_row(&v, 1), "  \u65e5x!");
    CHECK_EQ_STR(vt_row(&v, 2), "enddd");
    CHECK_EQ_INT(v.at[15].back, 1);
    CHECK_EQ_INT(v.at[16].back, -1);
    static const char then[] = "\x1b[1;2H\x1b[P\x1b[2;1H\x1b[K\x1b[3;1H\x1b[2@\r\n0123456789ab";
    vt_write(&v, then, sizeof then - 1);
    CHECK_EQ_STR(vt_row(&v, 0), "  enddd"); /* it has scrolled twice */
    CHECK_EQ_STR(vt_row(&v, 1), "0123456789");
    CHECK_EQ_STR(vt_row(&v, 2), "ab");
    CHECK(vt_resize(&v, 2, 4));
    CHECK_EQ_STR(vt_row(&v, 1), "0123");
    CHECK_EQ_INT(v.unknown, 0);
    vt_write(&v, "\x1b[5z", 4);
    CHECK_EQ_INT(v.unknown, 1);
    vt_close(&v);
}
