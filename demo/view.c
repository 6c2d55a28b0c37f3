/* view.c: the nodes as a table at the foot of the terminal, redrawn in place; what the story says goes
 * above it. Without a terminal, or in a small one: a line a second. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "demo/demo.h"

#define COLUMNS 80u
#define LINE_EVERY_MS 1000u
#define SILENT_MS 3000

void view_open(view *v, const demo_options *options, nodes *cluster, work *w)
{
    struct winsize size;
    *v = (view){.options = *options, .cluster = cluster, .work = w, .phase = "starting"};
    v->begin_ms = nodes_now_ms();
    v->redraws = !options->plain && isatty(1) && ioctl(1, TIOCGWINSZ, &size) == 0 &&
                 size.ws_col >= COLUMNS && size.ws_row >= 24;
    if (v->redraws) printf("\033[?25l"); /* no cursor */
}

/* -- Looking ----------------------------------------------------------------------------------- */

/* A number of INFO: "links:4". */
static int64_t info_number(const char *info, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = strstr(info, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == info || at[-1] == '\n') && at[size] == ':')
            return strtoll(at + size + 1, NULL, 10);
    }
    return 0;
}

static bool look_info(view *v, uint32_t i, view_row *row)
{
    redisReply *reply = nodes_command(v->cluster, i, "INFO gossip");
    bool        good = reply != NULL && reply->str != NULL && reply->type != REDIS_REPLY_ERROR;
    if (good) {
        row->written = info_number(reply->str, "written");
        row->held = info_number(reply->str, "log_end");
        row->conflicts = info_number(reply->str, "conflicts");
    }
    if (reply != NULL) freeReplyObject(reply);
    return good;
}

/* The number behind a name in a map, as RESP2 has maps: name, value, name, value. */
static int64_t number_of(const redisReply *map, const char *name)
{
    for (size_t i = 0; map->type == REDIS_REPLY_ARRAY && i + 1 < map->elements; i += 2) {
        const redisReply *key = map->element[i];
        if (key->str != NULL && strcmp(key->str, name) == 0) return map->element[i + 1]->integer;
    }
    return 0;
}

/* Those that it has a link with and has heard of in the last seconds. */
static bool look_peers(view *v, uint32_t i, view_row *row)
{
    redisReply *reply = nodes_command(v->cluster, i, "CRDT.PEERS");
    bool        good = reply != NULL && reply->type == REDIS_REPLY_ARRAY;
    row->peers = 0;
    for (size_t k = 0; good && k < reply->elements; k++) {
        const redisReply *peer = reply->element[k];
        row->peers += number_of(peer, "linked") == 1 && number_of(peer, "heard-ms-ago") < SILENT_MS;
    }
    if (reply != NULL) freeReplyObject(reply);
    return good;
}

/* A string, or a part of it, with blanks for what a terminal would obey. */
static bool look_text(view *v, uint32_t i, char *out, size_t size, const char *command,
                      const char *key, int64_t at)
{
    redisReply *reply = at < 0 ? nodes_command(v->cluster, i, "%s %s", command, key)
                               : nodes_command(v->cluster, i, "%s %s %lld %u", command, key,
                                               (long long)at, COLUMNS);
    bool        good = reply != NULL && reply->type != REDIS_REPLY_ERROR;
    snprintf(out, size, "%s", good && reply->str != NULL ? reply->str : "");
    for (char *c = out; *c != 0; c++) {
        if ((unsigned char)*c < ' ') *c = ' ';
    }
    if (reply != NULL) freeReplyObject(reply);
    return good;
}

static bool look_at(view *v, uint32_t i)
{
    view_row *row = &v->row[i];
    int64_t   from;
    row->there = look_info(v, i, row) && look_peers(v, i, row) &&
                 nodes_digest(v->cluster, i, row->digest, sizeof row->digest) &&
                 nodes_integer(v->cluster, i, &row->visits, "GET " KEY_VISITS) &&
                 nodes_integer(v->cluster, i, &row->cart, "SCARD " KEY_CART) &&
                 nodes_integer(v->cluster, i, &row->letters, "TEXT.LENGTH " KEY_PAGE) &&
                 look_text(v, i, row->title, sizeof row->title, "GET", KEY_TITLE, -1);
    from = row->letters > 50 ? row->letters - 50 : 0;
    row->there =
        row->there && look_text(v, i, row->tail, sizeof row->tail, "TEXT.GET", KEY_PAGE, from);
    return row->there;
}

bool view_agree(const view *v, int side)
{
    const char *first = NULL;
    for (uint32_t i = 0; i < DEMO_NODES; i++) {
        if (side != 2 && side_of(i) != side) continue;
        if (first == NULL) first = v->row[i].digest;
        if (strcmp(first, v->row[i].digest) != 0) return false;
    }
    return true;
}

/* -- Drawing ----------------------------------------------------------------------------------- */

/* One line of the table, cut at the terminal's width. */
__attribute__((format(printf, 2, 3))) static void line(view *v, const char *format, ...)
{
    char    text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    size_t points = 0, at = 0;
    for (bool escape = false; text[at] != 0; at++) {
        if (text[at] == '\033') escape = true;
        bool counts = !escape && ((unsigned char)text[at] & 0xc0) != 0x80;
        if (counts && ++points >= COLUMNS) break;
        if (escape && text[at] == 'm') escape = false;
    }
    printf("%.*s\033[0m\033[K\n", (int)at, text);
    v->drawn++;
}

/* Nodes with equal digests have the same colour; all equal: green. */
static const char *colour(const view *v, uint32_t i)
{
    static const char *const colours[] = {"\033[36m", "\033[33m", "\033[35m", "\033[34m",
                                          "\033[31m"};
    uint32_t                 group = 0;
    if (view_agree(v, 2)) return "\033[32m";
    for (uint32_t k = 0; k < i; k++) {
        bool fresh = true;
        for (uint32_t j = 0; j < k; j++) fresh &= strcmp(v->row[j].digest, v->row[k].digest) != 0;
        if (strcmp(v->row[k].digest, v->row[i].digest) == 0) return colours[group];
        group += fresh;
    }
    return colours[group];
}

/* Entries that were written anywhere and have not come here. The nodes are asked one after the other:
 * what one has heard of meanwhile may be ahead of the sum. */
static int64_t lag_of(const view *v, uint32_t i)
{
    int64_t written = 0;
    for (uint32_t k = 0; k < DEMO_NODES; k++) written += v->row[k].written;
    return written > v->row[i].held ? written - v->row[i].held : 0;
}

static void draw_node(view *v, uint32_t i)
{
    const view_row *row = &v->row[i];
    char            side = v->cut ? side_of(i) == 0 ? 'A' : 'B' : ' ';
    if (v->cut && i > 0 && side_of(i) != side_of(i - 1)) {
        line(v,
             "\033[31m- - - - - - - - - - - - - - - - - cut - - - - - - - - - - - - - - - - - -");
    }
    line(v,
         "  %u %c  %5u %7" PRIu64 "   %" PRId64 "/%u %6" PRId64 " %5" PRId64
         "   %s%.8s\033[0m %8" PRId64 " %6" PRId64 " %7" PRId64,
         i + 1, side, nodes_port(v->cluster, i), work_writes(v->work, i), row->peers,
         DEMO_NODES - 1, lag_of(v, i), row->conflicts, colour(v, i), row->digest, row->visits,
         row->cart, row->letters);
}

static void draw(view *v)
{
    if (v->drawn > 0) printf("\033[%dA", v->drawn);
    v->drawn = 0;
    line(v, "\033[7m Concur: %u nodes, %s, %-44s %7.1f s ", DEMO_NODES, v->options.topology,
         v->phase, (double)(nodes_now_ms() - v->begin_ms) / 1000);
    line(v, "node     port  writes peers    lag confl   digest     visits   cart    page");
    for (uint32_t i = 0; i < DEMO_NODES; i++) draw_node(v, i);
    for (uint32_t i = 0; i < DEMO_NODES; i += 3) {
        line(v, "title at %u: %s", i + 1, v->row[i].title);
        line(v, "page at %u: ...%s", i + 1, v->row[i].tail);
    }
    line(v,
         "\033[2mlag: writes made elsewhere that have not come; visits: a counter; cart: a set;");
    line(v, "\033[2mpage: letters of a text. Equal digests have one colour, all equal: green.");
    printf("\033[J");
    fflush(stdout);
}

static void print_line(view *v)
{
    printf("%5.1f s  %-10.10s", (double)(nodes_now_ms() - v->begin_ms) / 1000, v->phase);
    for (uint32_t i = 0; i < DEMO_NODES; i++) {
        printf("  %u: %5" PRIu64 " %.4s", i + 1, work_writes(v->work, i), v->row[i].digest);
    }
    printf("\n");
    fflush(stdout);
}

bool view_look(view *v)
{
    for (uint32_t i = 0; i < DEMO_NODES; i++) {
        if (!look_at(v, i)) return false;
    }
    uint64_t now = nodes_now_ms();
    if (v->redraws) draw(v);
    else if (now >= v->last_ms + LINE_EVERY_MS) {
        print_line(v);
        v->last_ms = now;
    }
    return true;
}

void view_say(view *v, const char *format, ...)
{
    va_list list;
    if (v->drawn > 0) printf("\033[%dA\033[J", v->drawn);
    v->drawn = 0;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
    fflush(stdout);
}

void view_close(view *v)
{
    if (!v->redraws) return;
    v->redraws = false;
    v->drawn = 0;
    printf("\033[?25h");
    fflush(stdout);
}
