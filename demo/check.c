/* check.c: what each side had, what it became, and whether that is what was acknowledged. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "demo/demo.h"

static int wrong;

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("  WRONG: ");
    vprintf(format, list);
    va_end(list);
    printf("\n");
    wrong++;
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* A string reply, to be freed; NULL: none. */
static char *read_text(nodes *cluster, uint32_t node, const char *command, const char *key)
{
    redisReply *reply = nodes_command(cluster, node, "%s %s", command, key);
    char       *text = NULL;
    if (reply != NULL && reply->type == REDIS_REPLY_STRING) text = strdup(reply->str);
    if (reply != NULL) freeReplyObject(reply);
    return text;
}

bool check_take(nodes *cluster, uint32_t node, side_state *ret_state)
{
    side_state *s = ret_state;
    int64_t     milk = 0;
    *s = (side_state){0};
    if (!nodes_integer(cluster, node, &s->visits, "GET " KEY_VISITS) ||
        !nodes_integer(cluster, node, &s->stock, "GET " KEY_STOCK) ||
        !nodes_integer(cluster, node, &s->cart, "SCARD " KEY_CART) ||
        !nodes_integer(cluster, node, &milk, "SISMEMBER " KEY_CART " milk") ||
        !nodes_integer(cluster, node, &s->letters, "TEXT.LENGTH " KEY_PAGE) ||
        !nodes_digest(cluster, node, s->digest, sizeof s->digest)) {
        return false;
    }
    s->milk = milk == 1;
    s->page = read_text(cluster, node, "TEXT.GET", KEY_PAGE);
    char *title = read_text(cluster, node, "GET", KEY_TITLE);
    if (title != NULL) snprintf(s->title, sizeof s->title, "%s", title);
    free(title);
    return s->page != NULL;
}

void check_free(side_state *state)
{
    free(state->page);
    state->page = NULL;
}

/* -- Counters ---------------------------------------------------------------------------------- */

typedef struct sums {
    int64_t all, apart[2];
} sums;

static sums add_up(const work *w, bool stock)
{
    sums s = {0};
    for (size_t i = 0; i < work_count(w); i++) {
        const worker *who = work_at(w, i);
        s.all += stock ? who->stock : who->visits;
        s.apart[side_of(who->node)] += stock ? who->stock_apart : who->visits_apart;
    }
    return s;
}

static char sign(int64_t n)
{
    return n < 0 ? '-' : '+';
}

static void check_counter(const char *name, sums told, int64_t a, int64_t b, int64_t now)
{
    int64_t common = told.all - told.apart[0] - told.apart[1];
    printf("%-14s %-17" PRId64 " %-17" PRId64 " %" PRId64 " = %" PRId64 " %c %" PRId64
           " %c %" PRId64 "\n",
           name, a, b, now, common, sign(told.apart[0]), imaxabs(told.apart[0]),
           sign(told.apart[1]), imaxabs(told.apart[1]));
    if (now != told.all) {
        complain("%s is %" PRId64 ", but what was acknowledged adds up to %" PRId64, name, now,
                 told.all);
    }
    if (a != common + told.apart[0] || b != common + told.apart[1]) {
        complain("%s: a side did not have what was acknowledged there", name);
    }
}

/* -- The cart ---------------------------------------------------------------------------------- */

static bool in_cart(redisReply *cart, const char *item)
{
    size_t size = strlen(item);
    for (size_t i = 0; i < cart->elements; i++) {
        const redisReply *e = cart->element[i];
        if (e->len == size && memcmp(e->str, item, size) == 0) return true;
    }
    return false;
}

static void check_cart(nodes *cluster, const work *w, const side_state before[2],
                       const side_state *now)
{
    redisReply *cart = nodes_command(cluster, 4, "SMEMBERS " KEY_CART);
    size_t      expected = 1; /* milk */
    printf("%-14s %-17" PRId64 " %-17" PRId64 " %" PRId64 " things: the union\n", "cart, a set",
           before[0].cart, before[1].cart, now->cart);
    printf("%-14s %-17s %-17s %s\n", "  milk in it", before[0].milk ? "there" : "taken out",
           before[1].milk ? "added again" : "gone", now->milk ? "there: adding wins" : "gone");
    if (!now->milk) complain("milk was added again, and is gone");
    for (size_t i = 0; cart != NULL && i < work_count(w); i++) {
        const worker *who = work_at(w, i);
        for (uint32_t k = 0; k < who->added; k++) {
            char item[32];
            work_item(who, k, item);
            expected += !who->removed[k];
            if (in_cart(cart, item) == !who->removed[k]) continue;
            complain("%s was %s, and is %s the cart", item,
                     who->removed[k] ? "taken out" : "put in", who->removed[k] ? "in" : "not in");
        }
    }
    if (cart == NULL || cart->elements != expected || now->cart != (int64_t)expected) {
        complain("the cart has %" PRId64 " things, %zu were put in and not taken out", now->cart,
                 expected);
    }
    if (cart != NULL) freeReplyObject(cart);
}

/* -- The page ---------------------------------------------------------------------------------- */

static size_t count_words(const char *text)
{
    size_t count = 0;
    for (; *text != 0; text++) count += *text == ' ';
    return count;
}

/* text is a shuffle of the words of a and b, each in its order: row[j] tells whether the first i
 * words of a and j of b can be the first i + j of text. Words end with a blank. */
static bool is_shuffle(const char *text, const char *a, const char *b)
{
    size_t       as = count_words(a), bs = count_words(b), ts = count_words(text);
    const char **starts = calloc(as + bs + ts + 3, sizeof *starts);
    bool        *row = calloc(bs + 1, sizeof *row);
    bool         good =
        starts != NULL && row != NULL && ts == as + bs && strlen(text) == strlen(a) + strlen(b);
    const char **of[3] = {starts, starts + as + 1, starts + as + bs + 2}, *from[3] = {a, b, text};
    for (int k = 0; good && k < 3; k++) {
        size_t n = 0;
        of[k][n++] = from[k];
        for (const char *c = from[k]; *c != 0; c++) {
            if (*c == ' ' && n <= count_words(from[k])) of[k][n++] = c + 1;
        }
    }
    for (size_t i = 0; good && i <= as; i++) {
        for (size_t j = 0; j <= bs; j++) {
            bool by_a = i > 0 && row[j], by_b = j > 0 && row[j - 1];
            if (by_a) {
                size_t size = (size_t)(of[0][i] - of[0][i - 1]);
                by_a = strncmp(of[0][i - 1], of[2][i + j - 1], size) == 0;
            }
            if (by_b) {
                size_t size = (size_t)(of[1][j] - of[1][j - 1]);
                by_b = strncmp(of[1][j - 1], of[2][i + j - 1], size) == 0;
            }
            row[j] = by_a || by_b || (i == 0 && j == 0);
        }
    }
    good = good && row[bs];
    free(starts);
    free(row);
    return good;
}

static void check_page(const work *w, const side_state before[2], const side_state *now)
{
    const worker *writers[3] = {0};
    size_t        n = 0;
    for (size_t i = 0; i < work_count(w) && n < 3; i++) {
        if (work_at(w, i)->job == JOB_WRITE) writers[n++] = work_at(w, i);
    }
    printf("%-14s %-17zu %-17zu %zu words: ", "page, a text", count_words(before[0].page),
           count_words(before[1].page), count_words(now->page));
    for (size_t i = 0; i < n; i++) {
        printf("%s%zu", i > 0 ? " + " : "", count_words(writers[i]->typed));
    }
    printf("\n");
    size_t top = writers[0]->typed_size;
    bool   first = strncmp(now->page, writers[0]->typed, top) == 0;
    if (!first || strncmp(now->page + top, "\n--\n", 4) != 0) {
        complain("above the rule of the page is not what was typed there, word for word");
    } else if (!is_shuffle(now->page + top + 4, writers[1]->typed, writers[2]->typed)) {
        complain("below the rule of the page are not exactly the words of the two who typed there");
    }
}

/* -- The title --------------------------------------------------------------------------------- */

/* The text is somewhere in the reply. */
static bool tells(const redisReply *reply, const char *text)
{
    if (reply == NULL) return false;
    if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) {
        return strstr(reply->str, text) != NULL;
    }
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        if (tells(reply->element[i], text)) return true;
    }
    return false;
}

static void check_title(nodes *cluster, const side_state before[2], const side_state *now)
{
    bool        a_won = strcmp(now->title, before[0].title) == 0;
    const char *lost = before[a_won ? 1 : 0].title;
    redisReply *reply = nodes_command(cluster, 2, "CRDT.CONFLICTS " KEY_TITLE);
    printf("title, set by two at the same time:\n");
    printf("  won, everywhere:  %s\n", now->title);
    printf("  lost, and kept:   %s (CRDT.CONFLICTS title)\n", lost);
    if (!a_won && strcmp(now->title, before[1].title) != 0) {
        complain("the title is neither of the two that were set");
    }
    if (!tells(reply, lost)) complain("CRDT.CONFLICTS title does not tell of: %s", lost);
    if (reply != NULL) freeReplyObject(reply);
}

/* -- All --------------------------------------------------------------------------------------- */

/* All but the digests: nodes that say what they have received (each once, a second after the last
 * write) have different ones for a moment. */
static bool same_state(const side_state *a, const side_state *b)
{
    return a->visits == b->visits && a->stock == b->stock && a->cart == b->cart &&
           a->milk == b->milk && strcmp(a->title, b->title) == 0 && strcmp(a->page, b->page) == 0;
}

int check_all(nodes *cluster, const work *w, const side_state before[2])
{
    side_state now[DEMO_NODES] = {0};
    wrong = 0;
    if (!nodes_settle(cluster, 10000)) complain("%s", nodes_problem(cluster));
    for (uint32_t i = 0; i < DEMO_NODES; i++) {
        if (!check_take(cluster, i, &now[i])) complain("%s", nodes_problem(cluster));
        else if (!same_state(&now[0], &now[i])) complain("nodes 1 and %u differ", i + 1);
    }
    if (wrong == 0) {
        printf("%-14s %-17s %-17s %s\n", "", "nodes 1 2 3 had", "nodes 4 5 had", "all five have");
        check_counter("visits", add_up(w, false), before[0].visits, before[1].visits,
                      now[0].visits);
        check_counter("stock", add_up(w, true), before[0].stock, before[1].stock, now[0].stock);
        check_cart(cluster, w, before, &now[0]);
        check_page(w, before, &now[0]);
        printf("%-14s %-17.12s %-17.12s %.12s\n", "digest", before[0].digest, before[1].digest,
               now[0].digest);
        check_title(cluster, before, &now[0]);
    }
    for (uint32_t i = 0; i < DEMO_NODES; i++) check_free(&now[i]);
    if (wrong > 0) nodes_keep(cluster);
    return wrong;
}
