/* main.c: concur-edit: one text of a node, in a terminal: docs/EDIT.md. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "edit/keys.h"
#include "edit/mem.h"
#include "edit/mirror.h"
#include "edit/paste.h"
#include "edit/screen.h"

#define INPUT 65536u
#define DRAW_MS 50u     /* while keys keep coming it is drawn so often */
#define GOODBYE_MS 500u /* the node may take to hear it */
#define NEWS_MS 5000u

typedef struct editor {
    mirror   mirror;
    window   window;
    keys     keys;
    paste    paste;
    size_t   cursor;
    char     input[INPUT];
    size_t   input_size;
    bool     dirty, leaving, over;
    bool     asked; /* to quit, and something was unsent: once it is sent */
    uint64_t leaving_ms, drawn_ms, news_ms;
    char     news[200];
} editor;

static int signals[2]; /* a pipe: what came, as a byte */

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void on_signal(int number)
{
    int     before = errno;
    char    byte = (char)number;
    ssize_t done = write(signals[1], &byte, 1);
    (void)done; /* it is full: there is enough to wake up for */
    errno = before;
}

static void tell(editor *e, const char *news)
{
    snprintf(e->news, sizeof e->news, "%s", news);
    e->news_ms = now();
    e->dirty = true;
}

/* -- Editing ----------------------------------------------------------------------------------- */

/* What has changed came from the node. */
static void seen(void *user, const delta *change, bool undone)
{
    editor *e = user;
    size_t  at = 0;
    e->window.top = delta_place(change, e->window.top);
    e->cursor = delta_place(change, e->cursor);
    for (size_t i = 0; undone && i < change->count; i++) { /* there it was undone */
        if (change->at[i].kind != DELTA_DELETE) at += change->at[i].count;
        if (change->at[i].kind == DELTA_KEEP) continue;
        e->cursor = at;
        break;
    }
    e->dirty = true;
}

/* At the cursor `gone` bytes go, and the text is put in their place. */
static void edit(editor *e, size_t at, size_t gone, const char *bytes, size_t size,
                 groups_kind kind)
{
    delta change = {0};
    delta_keep(&change, at);
    delta_insert(&change, bytes, size);
    delta_delete(&change, gone);
    groups_edit(&e->mirror.groups, kind, e->cursor, at + size, now());
    mirror_edit(&e->mirror, &change);
    delta_clear(&change);
    e->cursor = at + size;
    e->window.wanted = -1;
}

static void pasted(editor *e)
{
    size_t      size;
    const char *bytes = paste_whole(&e->paste, &size);
    if (e->paste.lost > 0) tell(e, "the paste was too long: its end is missing");
    if (size > 0) edit(e, e->cursor, 0, bytes, size, GROUPS_PASTED);
    paste_clear(&e->paste);
}

static void quit(editor *e)
{
    char   words[120];
    size_t unsent = doc_unsent(&e->mirror.doc);
    if (unsent > 0 && !e->asked) {
        e->asked = true;
        snprintf(words, sizeof words, "%zu bytes to send before: ^Q again to lose them", unsent);
        tell(e, words);
        return;
    }
    e->leaving = true;
    e->leaving_ms = now();
}

static void press(editor *e, const key *k)
{
    const text *t = &e->mirror.doc.shown;
    size_t      place;
    if (k->kind != KEY_QUIT) e->asked = false;
    switch (k->kind) {
    case KEY_TEXT: edit(e, e->cursor, 0, k->text, k->size, GROUPS_TYPED); break;
    case KEY_GO: e->cursor = window_go(&e->window, t, e->cursor, k->move); break;
    case KEY_BACKSPACE:
        place = window_before(t, e->cursor);
        if (place < e->cursor) edit(e, place, e->cursor - place, "", 0, GROUPS_DELETED);
        break;
    case KEY_DELETE:
        place = window_behind(t, e->cursor);
        if (place > e->cursor) edit(e, e->cursor, place - e->cursor, "", 0, GROUPS_DELETED);
        break;
    case KEY_UNDO: mirror_undo(&e->mirror, false); break;
    case KEY_REDO: mirror_undo(&e->mirror, true); break;
    case KEY_REDRAW: screen_spoiled(); break;
    case KEY_QUIT: quit(e); break;
    case KEY_PASTE: paste_add(&e->paste, k->text, k->size); break;
    case KEY_PASTE_END: pasted(e); break;
    case KEY_OTHER: break;
    }
    e->dirty = true;
}

static void read_keys(editor *e)
{
    ssize_t got = read(STDIN_FILENO, e->input + e->input_size, INPUT - e->input_size);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) e->over = true;
    if (got <= 0) return;
    e->input_size += (size_t)got;
    size_t at = 0;
    key    k;
    for (size_t n; (n = keys_next(&e->keys, e->input + at, e->input_size - at, &k)) > 0; at += n) {
        press(e, &k);
    }
    e->input_size -= at;
    memmove(e->input, e->input + at, e->input_size);
}

static void take_signals(editor *e)
{
    char    bytes[64];
    ssize_t got = read(signals[0], bytes, sizeof bytes);
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] != SIGWINCH) e->over = true;
    }
    screen_resize();
    screen_size(&e->window.rows, &e->window.columns);
    e->window.wanted = -1;
    e->dirty = true;
}

/* -- Drawing ----------------------------------------------------------------------------------- */

static void write_size(size_t bytes, char out[32])
{
    if (bytes < 10000) snprintf(out, 32, "%zu bytes", bytes);
    else if (bytes < 10000000) snprintf(out, 32, "%zu kB", bytes / 1000);
    else snprintf(out, 32, "%zu MB", bytes / 1000000);
}

static void write_state(const editor *e, char out[320])
{
    const mirror *s = &e->mirror;
    size_t        unsent = doc_unsent(&s->doc);
    char          size[32];
    write_size(e->keys.pasting ? e->paste.size : unsent, size);
    if (e->keys.pasting) {
        snprintf(out, 320, "pasting %s", size);
    } else if (!mirror_online(s) && unsent > 0) {
        snprintf(out, 320, "OFFLINE, %s not sent", size);
    } else if (!mirror_online(s)) {
        snprintf(out, 320, "OFFLINE %.64s:%d %s", s->options.host, s->options.port,
                 s->commands.problem);
    } else if (s->problem[0] != 0) {
        snprintf(out, 320, "%s", s->problem);
    } else if (unsent > 0) {
        snprintf(out, 320, "sending %s", size);
    } else {
        snprintf(out, 320, "online");
    }
}

static void draw(editor *e, uint64_t at)
{
    const mirror *s = &e->mirror;
    const text   *t = &s->doc.shown;
    char          state[320], status[700];
    size_t        line = text_line_start(t, e->cursor, 0);
    window_follow(&e->window, t, e->cursor);
    write_state(e, state);
    bool news = e->news[0] != 0 && at - e->news_ms < NEWS_MS;
    if (news) {
        snprintf(status, sizeof status, " %s ", e->news);
    } else {
        snprintf(status, sizeof status, " %.40s %zu:%zu %s ", s->options.key,
                 text_count_lines(t, e->cursor) + 1, e->cursor - line + 1, state);
    }
    screen_view view = {.text = t,
                        .window = &e->window,
                        .others = &s->others,
                        .cursor = e->cursor,
                        .now_ms = at,
                        .status = status,
                        .alarm = news || !mirror_online(s) || s->problem[0] != 0};
    screen_draw(&view);
    e->dirty = false;
    e->drawn_ms = at;
}

/* -- The loop ---------------------------------------------------------------------------------- */

static bool has_input(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&in, 1, 0) > 0;
}

static void wait_for_events(editor *e)
{
    struct pollfd at[4] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = signals[0], .events = POLLIN}};
    size_t        count = mirror_poll(&e->mirror, at + 2);
    uint64_t      from = now(), until = mirror_deadline(&e->mirror, from);
    int           ms = until <= from ? 0 : until - from > 1000 ? 1000 : (int)(until - from);
    if (e->dirty && ms > (int)DRAW_MS) ms = (int)DRAW_MS;
    if (poll(at, 2 + count, ms) < 0) return; /* a signal: its byte is in the pipe */
    mirror_handle(&e->mirror, at + 2, count, now());
    if (at[1].revents != 0) take_signals(e);
    if (at[0].revents != 0) read_keys(e);
}

/* Once it was told to end: until others have been told. */
static void leave(editor *e)
{
    uint64_t until = now() + GOODBYE_MS;
    while (!mirror_idle(&e->mirror) && now() < until) {
        wait_for_events(e);
        mirror_turn(&e->mirror, now());
    }
    mirror_leave(&e->mirror);
    while (!mirror_idle(&e->mirror) && now() < until) {
        wait_for_events(e);
        mirror_turn(&e->mirror, now());
    }
}

static void run(editor *e)
{
    bool     online = false;
    size_t   others = 0, unsent = 0;
    uint64_t second = 0;
    while (!e->over && !e->leaving) {
        uint64_t at = now();
        mirror_turn(&e->mirror, at);
        mirror_moved(&e->mirror, e->cursor);
        if (e->mirror.news[0] != 0) {
            tell(e, e->mirror.news);
            e->mirror.news[0] = 0;
        }
        if (e->asked && doc_unsent(&e->mirror.doc) == 0) quit(e);
        e->dirty |= online != mirror_online(&e->mirror) || others != e->mirror.others.count ||
                    unsent != doc_unsent(&e->mirror.doc) || at / 1000 != second || e->mirror.moved;
        online = mirror_online(&e->mirror);
        others = e->mirror.others.count;
        unsent = doc_unsent(&e->mirror.doc);
        second = at / 1000;
        e->mirror.moved = false;
        if (e->dirty && (!has_input() || at - e->drawn_ms > DRAW_MS)) draw(e, at);
        wait_for_events(e);
    }
    leave(e);
}

static void usage(FILE *to)
{
    fputs("usage: concur-edit [--host ADDRESS] [--port NUMBER] [--name NAME] KEY\n"
          "Edit the text KEY of a node (127.0.0.1, 7379), with whoever else does.\n"
          "NAME is what others see of you ($USER). The node's password: CONCUR_PASSWORD.\n"
          "^Q quits, ^Z undoes, ^Y does again, ^L draws all anew; docs/EDIT.md tells more.\n",
          to);
}

/* False: it is wrong, and that was said. */
static bool parse(int argc, char **argv, mirror_options *o)
{
    static const struct option options[] = {{"host", required_argument, NULL, 'h'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"name", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, '?'},
                                            {NULL, 0, NULL, 0}};
    static char                name[PRESENCE_NAME + 1];
    const char                *user = getenv("USER");
    int                        letter;
    *o = (mirror_options){.host = "127.0.0.1", .port = 7379, .password = getenv("CONCUR_PASSWORD")};
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (letter == 'h') o->host = optarg;
        else if (letter == 'p') o->port = (int)strtol(optarg, NULL, 10);
        else if (letter == 'n') user = optarg;
        else return false;
    }
    presence_name(user != NULL ? user : "?", user != NULL ? strlen(user) : 1, name);
    o->name = name;
    if (optind + 1 != argc || o->port < 1 || o->port > 65535) return false;
    o->key = argv[optind];
    return o->key[0] != 0 && strlen(o->key) <= 1000;
}

static bool open_signals(void)
{
    static const int taken[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT};
    struct sigaction action = {.sa_handler = on_signal};
    if (pipe(signals) != 0 || fcntl(signals[1], F_SETFL, O_NONBLOCK) != 0) return false;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) sigaction(taken[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    return true;
}

int main(int argc, char **argv)
{
    mirror_options options;
    uint64_t       random;
    char           session[PRESENCE_SESSION + 1];
    if (!parse(argc, argv, &options)) {
        usage(stderr);
        return 2;
    }
    if (setlocale(LC_ALL, "") == NULL || cells_width("\xe4\xb8\xad", 3) != 2) {
        if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) return 1;
    }
    if (getrandom(&random, sizeof random, 0) != sizeof random || !screen_open()) return 1;
    editor *e = mem_resize(NULL, sizeof *e);
    memset(e, 0, sizeof *e);
    snprintf(session, sizeof session, "%016" PRIx64, random);
    e->window.wanted = -1;
    e->dirty = true;
    screen_size(&e->window.rows, &e->window.columns);
    mirror_start(&e->mirror, &options, session, seen, e);
    if (open_signals()) run(e);
    screen_close();
    mirror_end(&e->mirror);
    paste_clear(&e->paste);
    free(e);
    return 0;
}
