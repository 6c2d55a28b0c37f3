/* zranges.c: commands of sorted sets that take a part of the order, by rank, score or member. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/commands.h"
#include "node/number.h"
#include "node/zsets.h"

typedef enum range_by { BY_ANY, BY_RANK, BY_SCORE, BY_LEX } range_by;

/* One end of a range, by score or member. */
typedef struct range_end {
    double    score;
    crdt_view member;
    int       beyond; /* below 0: before all members, above 0: behind them */
    bool      open;   /* it is not part of the range itself */
} range_end;

typedef struct range {
    range_by  by;
    bool      reverse;
    int64_t   start, stop; /* of ranks, as given */
    range_end min, max;
    int64_t   offset, limit; /* limit below 0: none */
} range;

/* Places in the order: [first, first + count). */
typedef struct part {
    size_t first, count;
} part;

/* -- Reading the arguments --------------------------------------------------------------------- */

/* As Redis reads it: what strtod takes, of which blanks in front and nothing at all are a part. */
static bool read_score_end(crdt_view text, range_end *ret_end)
{
    enum { LONGEST = 256 };
    char copy[LONGEST + 1], *end;
    ret_end->open = text.size > 0 && *(const char *)text.data == '(';
    size_t at = ret_end->open;
    if (text.size - at > LONGEST) return false;
    if (text.size > at) memcpy(copy, (const char *)text.data + at, text.size - at);
    copy[text.size - at] = 0;
    ret_end->score = strtod(copy, &end);
    return *end == 0 && !isnan(ret_end->score);
}

static bool read_lex_end(crdt_view text, range_end *ret_end)
{
    char sign = text.size > 0 ? *(const char *)text.data : 0;
    if (sign == '-' || sign == '+') {
        ret_end->beyond = sign == '-' ? -1 : 1;
        return text.size == 1;
    }
    ret_end->open = sign == '(';
    if (sign != '(' && sign != '[') return false;
    ret_end->member = crdt_view_of((const char *)text.data + 1, text.size - 1);
    return true;
}

/* The arguments i and i + 1 as the ends of r. False: an error was replied. */
static bool read_ends(call *c, size_t i, range *r)
{
    bool      swapped = r->reverse && r->by != BY_RANK;
    crdt_view min = c->args[i + swapped], max = c->args[i + !swapped];
    if (r->by == BY_RANK) return call_int(c, i, &r->start) && call_int(c, i + 1, &r->stop);
    if (r->by == BY_SCORE) {
        if (read_score_end(min, &r->min) && read_score_end(max, &r->max)) return true;
        call_error(c, "ERR min or max is not a float");
    } else {
        if (read_lex_end(min, &r->min) && read_lex_end(max, &r->max)) return true;
        call_error(c, "ERR min or max not valid string range item");
    }
    return false;
}

/* The words from the argument i on. scores NULL: WITHSCORES is none of them. free: neither the kind
 * of range nor its direction is part of the command's name. */
static bool read_options(call *c, size_t i, range *r, bool *scores, bool free)
{
    for (; i < c->count; i++) {
        if (scores != NULL && call_is(c, i, "withscores")) {
            *scores = true;
        } else if (call_is(c, i, "limit") && i + 2 < c->count) {
            if (!call_int(c, i + 1, &r->offset) || !call_int(c, i + 2, &r->limit)) return false;
            i += 2;
        } else if (free && !r->reverse && call_is(c, i, "rev")) {
            r->reverse = true;
        } else if (r->by == BY_ANY && call_is(c, i, "bylex")) {
            r->by = BY_LEX;
        } else if (r->by == BY_ANY && call_is(c, i, "byscore")) {
            r->by = BY_SCORE;
        } else {
            call_syntax(c);
            return false;
        }
    }
    if (r->by == BY_ANY) r->by = BY_RANK;
    if (r->limit != -1 && r->by == BY_RANK) {
        call_error(c, "ERR syntax error, LIMIT is only supported in combination with either "
                      "BYSCORE or BYLEX");
    } else if (scores != NULL && *scores && r->by == BY_LEX) {
        call_error(c, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    }
    return !c->failed;
}

/* -- Places ------------------------------------------------------------------------------------ */

static part part_between(size_t first, size_t end)
{
    return (part){first, end > first ? end - first : 0};
}

/* How many members come before that end, which is the lower or the upper one. */
static size_t before_end(crdt_ref zset, range_by by, const range_end *end, bool upper)
{
    bool with = upper != end->open; /* what is equal to it comes before */
    if (end->beyond != 0) return end->beyond < 0 ? 0 : crdt_zset_count(zset);
    return by == BY_SCORE ? crdt_zset_below(zset, end->score, with)
                          : crdt_zset_before(zset, end->member, with);
}

static part part_of_ranks(size_t size, int64_t start, int64_t stop, bool reverse)
{
    int64_t all = (int64_t)size;
    if (start < 0) start = start + all < 0 ? 0 : start + all;
    if (stop < 0) stop += all;
    if (stop >= all) stop = all - 1;
    if (start > stop) return (part){0, 0};
    size_t count = (size_t)(stop - start) + 1;
    return (part){reverse ? size - (size_t)start - count : (size_t)start, count};
}

static part find_part(crdt_ref zset, const range *r)
{
    if (r->by == BY_RANK) {
        return part_of_ranks(crdt_zset_count(zset), r->start, r->stop, r->reverse);
    }
    part p = part_between(before_end(zset, r->by, &r->min, false),
                          before_end(zset, r->by, &r->max, true));
    if (r->offset < 0 || (uint64_t)r->offset >= p.count) return (part){0, 0};
    size_t left = p.count - (size_t)r->offset;
    size_t count = r->limit >= 0 && (uint64_t)r->limit < left ? (size_t)r->limit : left;
    if (r->reverse) p.first += left - count;
    else p.first += (size_t)r->offset;
    p.count = count;
    return p;
}

/* -- ZRANGE and its like ----------------------------------------------------------------------- */

static void range_command(call *c, range_by by, bool reverse)
{
    range           r = {.by = by, .reverse = reverse, .limit = -1};
    bool            scores = false;
    crdt_ref        zset;
    crdt_zset_item *items;
    size_t          count;
    if (!read_options(c, 4, &r, &scores, by == BY_ANY) || !read_ends(c, 2, &r)) return;
    if (!zset_find(c, c->args[1], &zset)) return;
    part p = find_part(zset, &r);
    if (call_fails(c, crdt_zset_range(zset, p.first, p.count, NULL, &items, &count))) return;
    zset_reply_head(c, count, scores);
    for (size_t i = 0; i < count; i++) {
        zset_reply_item(c, &items[r.reverse ? count - 1 - i : i], scores);
    }
    crdt_zset_items_free(NULL, items, count);
}

void command_zrange(call *c)
{
    range_command(c, BY_ANY, false);
}

void command_zrevrange(call *c)
{
    range_command(c, BY_RANK, true);
}

void command_zrangebyscore(call *c)
{
    range_command(c, BY_SCORE, false);
}

void command_zrevrangebyscore(call *c)
{
    range_command(c, BY_SCORE, true);
}

void command_zrangebylex(call *c)
{
    range_command(c, BY_LEX, false);
}

void command_zrevrangebylex(call *c)
{
    range_command(c, BY_LEX, true);
}

void command_zrangestore(call *c)
{
    range           r = {.by = BY_ANY, .limit = -1};
    crdt_ref        zset;
    crdt_zset_item *items;
    size_t          count;
    if (!read_options(c, 5, &r, NULL, true) || !read_ends(c, 3, &r)) return;
    if (!zset_find(c, c->args[2], &zset)) return;
    part p = find_part(zset, &r);
    if (call_fails(c, crdt_zset_range(zset, p.first, p.count, NULL, &items, &count))) return;
    zset_store(c, c->args[1], items, count);
    crdt_zset_items_free(NULL, items, count);
}

/* -- Counting and removing --------------------------------------------------------------------- */

static void count_command(call *c, range_by by)
{
    range    r = {.by = by, .limit = -1};
    crdt_ref zset;
    if (!read_ends(c, 2, &r) || !zset_find(c, c->args[1], &zset)) return;
    reply_int(c->reply, (int64_t)find_part(zset, &r).count);
}

void command_zcount(call *c)
{
    count_command(c, BY_SCORE);
}

void command_zlexcount(call *c)
{
    count_command(c, BY_LEX);
}

static void remove_command(call *c, range_by by)
{
    range           r = {.by = by, .limit = -1};
    crdt_ref        zset;
    crdt_zset_item *items;
    size_t          count;
    if (!read_ends(c, 2, &r) || !zset_find(c, c->args[1], &zset)) return;
    part p = find_part(zset, &r);
    if (call_fails(c, crdt_zset_range(zset, p.first, p.count, NULL, &items, &count))) return;
    if (zset_remove(c, c->args[1], items, count)) reply_int(c->reply, (int64_t)count);
    crdt_zset_items_free(NULL, items, count);
}

void command_zremrangebyrank(call *c)
{
    remove_command(c, BY_RANK);
}

void command_zremrangebyscore(call *c)
{
    remove_command(c, BY_SCORE);
}

void command_zremrangebylex(call *c)
{
    remove_command(c, BY_LEX);
}
