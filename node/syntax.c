/* syntax.c: see syntax.h. Recursive descent:
 *
 *      list  = item...             item  = WORD word | WORD | word | "[" alternatives "]"
 *                                          | "<" alternatives ">"
 *      alternatives = list { "|" list }
 *
 * "x [x ...]" is one argument x, given more than once.
 */
#include "node/syntax.h"

#include <string.h>

typedef struct reader {
    const char *at;
    syntax     *out;
    bool        failed;
} reader;

/* A run of arguments that stand side by side. */
typedef struct run {
    int first, last, count;
} run;

static crdt_view peek(reader *r)
{
    while (*r->at == ' ') r->at++;
    if (*r->at != 0 && strchr("[]|<>", *r->at) != NULL) return crdt_view_of(r->at, 1);
    return crdt_view_of(r->at, strcspn(r->at, " []|<>"));
}

static crdt_view take(reader *r)
{
    crdt_view word = peek(r);
    r->at += word.size;
    return word;
}

static bool is(crdt_view word, const char *text)
{
    return word.size == strlen(text) && memcmp(word.data, text, word.size) == 0;
}

static bool is_word(crdt_view word)
{
    return word.size > 0 && strchr("[]|<>", *(const char *)word.data) == NULL;
}

static bool is_token(crdt_view word)
{
    const char *at = word.data;
    return is_word(word) && at[0] >= 'A' && at[0] <= 'Z';
}

static int add(reader *r, syntax_kind kind, crdt_view name)
{
    if (r->out->count == SYNTAX_MAX) {
        r->failed = true;
        return -1;
    }
    r->out->args[r->out->count] =
        (syntax_arg){kind, name, crdt_view_of("", 0), false, false, -1, -1, 0};
    return r->out->count++;
}

static void append(reader *r, run *to, int place)
{
    if (place < 0) return;
    if (to->count++ == 0) to->first = place;
    else r->out->args[to->last].next = place;
    to->last = place;
}

/* One argument that holds those of the run; the one itself if it is alone. */
static int wrap(reader *r, run inside, syntax_kind kind)
{
    if (inside.count == 1) return inside.first;
    int place = inside.count == 0 ? -1 : add(r, kind, r->out->args[inside.first].name);
    if (place < 0) return -1;
    r->out->args[place].first = inside.first;
    r->out->args[place].children = inside.count;
    return place;
}

static run list_of(reader *r);

static int alternatives(reader *r)
{
    run each = {-1, -1, 0};
    append(r, &each, wrap(r, list_of(r), SYNTAX_BLOCK));
    while (is(peek(r), "|")) {
        take(r);
        append(r, &each, wrap(r, list_of(r), SYNTAX_BLOCK));
    }
    return wrap(r, each, SYNTAX_ONEOF);
}

/* The place of the argument that so many stand behind. */
static int from_end(const reader *r, const run *all, int behind, int *ret_before)
{
    int place = all->first;
    *ret_before = -1;
    for (int skip = all->count - behind - 1; skip > 0; skip--) {
        *ret_before = place;
        place = r->out->args[place].next;
    }
    return place;
}

/* "[member ...]" after member, "[key value ...]" after key value: how many words it repeats, read
 * to its end; 0: it is something else, and nothing is read. */
static int repeated(reader *r, const run *so_far)
{
    const char *start = r->at;
    int         words = 0, before;
    for (take(r); is_word(peek(r)) && !is(peek(r), "..."); words++) take(r);
    bool same = words > 0 && words <= so_far->count && is(take(r), "...") && is(take(r), "]");
    const char *end = r->at;
    r->at = start;
    if (!same) return 0;
    take(r);
    for (int place = from_end(r, so_far, words - 1, &before), i = 0; i < words; i++) {
        crdt_view name = r->out->args[place].name, word = take(r);
        same = same && name.size == word.size && memcmp(name.data, word.data, name.size) == 0;
        place = r->out->args[place].next;
    }
    r->at = same ? end : start;
    return same ? words : 0;
}

/* The last arguments may be given more than once. */
static void repeat(reader *r, run *so_far, int words)
{
    int before, place = from_end(r, so_far, words - 1, &before);
    int many = wrap(r, (run){place, so_far->last, words}, SYNTAX_BLOCK);
    if (many < 0) return;
    r->out->args[many].multiple = true;
    if (before < 0) so_far->first = many;
    else r->out->args[before].next = many;
    so_far->last = many;
    so_far->count -= words - 1;
}

static int bracketed(reader *r)
{
    bool optional = is(take(r), "[");
    int  place = alternatives(r);
    if (place >= 0) r->out->args[place].optional = optional;
    if (!is(take(r), optional ? "]" : ">")) r->failed = true;
    return place;
}

static int word(reader *r)
{
    crdt_view first = take(r);
    bool      token = is_token(first);
    if (!token || !is_word(peek(r)) || is_token(peek(r)) || is(peek(r), "...")) {
        return add(r, token ? SYNTAX_TOKEN : SYNTAX_WORD, first);
    }
    int place = add(r, SYNTAX_WORD, take(r));
    if (place >= 0) r->out->args[place].token = first;
    return place;
}

static run list_of(reader *r)
{
    run all = {-1, -1, 0};
    while (!r->failed) {
        crdt_view next = peek(r);
        if (next.size == 0 || is(next, "]") || is(next, ">") || is(next, "|")) break;
        if (is(next, "...")) { /* [argument ...] */
            take(r);
            if (all.count == 0) r->failed = true;
            else r->out->args[all.last].multiple = true;
        } else if (is(next, "<")) {
            append(r, &all, bracketed(r));
        } else if (!is(next, "[")) {
            append(r, &all, word(r));
        } else {
            int words = repeated(r, &all);
            if (words > 0) repeat(r, &all, words);
            else append(r, &all, bracketed(r));
        }
    }
    return all;
}

bool syntax_parse(const char *text, syntax *ret_syntax)
{
    reader r = {text, ret_syntax, false};
    ret_syntax->count = 0;
    run  all = list_of(&r);
    bool choice = is(peek(&r), "|"); /* ON | OFF */
    if (choice) {
        ret_syntax->count = 0;
        r.at = text;
        int one = alternatives(&r);
        all = (run){one, one, 1};
    }
    ret_syntax->first = all.first;
    ret_syntax->top = all.count;
    return !r.failed && peek(&r).size == 0;
}
