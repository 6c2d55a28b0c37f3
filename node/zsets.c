/* zsets.c: the commands of sorted sets that name members, over crdt_zset: additions win, of two
 * scores set at the same time the later shows, increments add up, GT and LT raise and lower.
 *
 * A sorted set that becomes empty goes, as in Redis; whoever adds to it at the same time keeps it.
 */
#include "node/zsets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/commands.h"
#include "node/glob.h"
#include "node/keys.h"
#include "node/number.h"
#include "node/scan.h"

bool zset_find(call *c, crdt_view name, crdt_ref *ret_zset)
{
    if (key_typed(c, name, &crdt_zset_type, ret_zset) == KEY_ABSENT) {
        *ret_zset = (crdt_ref){.type = &crdt_zset_type};
    }
    return !c->failed;
}

bool zset_number(call *c, size_t i, const char *what, double *ret_score)
{
    int64_t n;
    if (number_int64(c->args[i], &n)) {
        *ret_score = (double)n; /* what is read as one, in less time */
        return true;
    }
    if (number_double(c->args[i], ret_score)) return true;
    call_error(c, "ERR %s float", what);
    return false;
}

void zset_reply_head(call *c, size_t count, bool scores)
{
    reply_array(c->reply, scores && c->reply->protocol < 3 ? count * 2 : count);
}

void zset_reply_item(call *c, const crdt_zset_item *item, bool scores)
{
    if (scores && c->reply->protocol >= 3) reply_array(c->reply, 2);
    reply_bulk(c->reply, item->member);
    if (scores) reply_double(c->reply, item->score);
}

/* What the transaction has left empty goes. False: an error was replied. */
static bool remove_if_empty(call *c, crdt_view name)
{
    crdt_ref       zset;
    crdt_zset_item item;
    crdt_err       err = crdt_txn_find(c->txn, name, &crdt_zset_type, &zset);
    if (err == CRDT_OK && crdt_zset_scan(zset, crdt_view_of(NULL, 0), &item, 1) > 0) return true;
    if (err == CRDT_OK) return key_wipe_empty(c, name);
    return err == CRDT_ENOENT || !call_fails(c, err);
}

bool zset_remove(call *c, crdt_view name, const crdt_zset_item *items, size_t count)
{
    if (count == 0) return true;
    if (key_write(c, name, &crdt_zset_type) == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        if (call_fails(c, crdt_zset_remove(c->txn, name, items[i].member))) return false;
    }
    return remove_if_empty(c, name);
}

static bool add_all(call *c, crdt_view name, const crdt_zset_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double score = items[i].score + 0.0;
        if (call_fails(c, crdt_zset_add(c->txn, name, items[i].member, score))) return false;
    }
    return true;
}

void zset_store(call *c, crdt_view name, const crdt_zset_item *items, size_t count)
{
    c->deadlines = true;
    if (count == 0) key_remove(c, name);
    else if (key_replace(c, name) != NULL) add_all(c, name, items, count);
    if (!c->failed) reply_int(c->reply, (int64_t)count);
}

bool zset_copy(call *c, crdt_view to, crdt_ref from)
{
    crdt_zset_item *items;
    size_t          count;
    if (call_fails(c, crdt_zset_range(from, 0, SIZE_MAX, NULL, &items, &count))) return false;
    add_all(c, to, items, count);
    crdt_zset_items_free(NULL, items, count);
    return !c->failed;
}

/* -- ZADD and ZINCRBY -------------------------------------------------------------------------- */

typedef struct adding {
    bool    nx, xx, gt, lt, changed, incr;
    size_t  first;          /* argument: a score, and behind it its member */
    int64_t added, updated; /* members */
    bool    done;           /* the last one: it was not passed over */
    double  score;          /* what it has then */
} adding;

/* The options in front of the scores. False: an error was replied. */
static bool parse_add(call *c, adding *a)
{
    for (;; a->first++) {
        if (a->first >= c->count) break;
        if (call_is(c, a->first, "nx")) a->nx = true;
        else if (call_is(c, a->first, "xx")) a->xx = true;
        else if (call_is(c, a->first, "gt")) a->gt = true;
        else if (call_is(c, a->first, "lt")) a->lt = true;
        else if (call_is(c, a->first, "ch")) a->changed = true;
        else if (call_is(c, a->first, "incr")) a->incr = true;
        else break;
    }
    size_t left = c->count - a->first;
    if (left == 0 || left % 2 != 0) {
        call_syntax(c);
    } else if (a->nx && a->xx) {
        call_error(c, "ERR XX and NX options at the same time are not compatible");
    } else if ((a->gt && a->nx) || (a->lt && a->nx) || (a->gt && a->lt)) {
        call_error(c, "ERR GT, LT, and/or NX options at the same time are not compatible");
    } else if (a->incr && left > 2) {
        call_error(c, "ERR INCR option supports a single increment-element pair");
    }
    return !c->failed;
}

/* It is written though it has this score already, so that whoever removes it at the same time does
 * not undo that. -0 is kept as 0. */
static crdt_err write_score(call *c, const adding *a, crdt_view member, double by, double score)
{
    crdt_view name = c->args[1];
    score += 0.0;
    if (a->incr) return crdt_zset_incr(c->txn, name, member, by + 0.0, NULL);
    if (a->gt) return crdt_zset_raise(c->txn, name, member, score);
    if (a->lt) return crdt_zset_lower(c->txn, name, member, score);
    return crdt_zset_add(c->txn, name, member, score);
}

/* The set as the open transaction has it now. False: an error was replied. */
static bool look_again(call *c, crdt_ref *ret_zset)
{
    crdt_err err = crdt_txn_find(c->txn, c->args[1], &crdt_zset_type, ret_zset);
    if (err == CRDT_ENOENT) *ret_zset = (crdt_ref){.type = &crdt_zset_type};
    return err == CRDT_ENOENT || !call_fails(c, err);
}

/* False: an error was replied. */
static bool add_one(call *c, adding *a, crdt_ref zset, crdt_view member, double given)
{
    double old = 0;
    bool   there = crdt_zset_score(zset, member, &old);
    double score = a->incr && there ? old + given : given;
    a->done = false;
    if (there ? a->nx : a->xx) return true;
    if (isnan(score)) {
        call_error(c, "ERR resulting score is not a number (NaN)");
        return false;
    }
    if (there && ((a->gt && score <= old) || (a->lt && score >= old))) return true;
    if (member.size > CRDT_NAME_BYTES_MAX) {
        call_error(c, "ERR a member has at most %u bytes", CRDT_NAME_BYTES_MAX);
        return false;
    }
    a->done = true;
    a->score = score;
    a->added += !there;
    a->updated += there && score != old;
    return !call_fails(c, write_score(c, a, member, given, a->score));
}

static void add_pairs(call *c, adding *a, const double *scores, size_t pairs)
{
    crdt_ref zset;
    if (key_open(c, c->args[1], &crdt_zset_type, &zset) == NULL) return;
    for (size_t i = 0; i < pairs; i++) {
        if (i > 0 && !look_again(c, &zset)) return;
        if (!add_one(c, a, zset, c->args[a->first + 2 * i + 1], scores[i])) return;
    }
    if (!a->incr) reply_int(c->reply, a->changed ? a->added + a->updated : a->added);
    else if (a->done) reply_double(c->reply, a->score);
    else reply_null(c->reply);
}

static void add(call *c, adding *a)
{
    double one, *scores = &one;
    size_t pairs = (c->count - a->first) / 2;
    if (pairs > 1) scores = malloc(pairs * sizeof *scores);
    if (scores == NULL) {
        call_fails(c, CRDT_ENOMEM);
        return;
    }
    size_t read = 0;
    while (read < pairs &&
           zset_number(c, a->first + 2 * read, "value is not a valid", &scores[read]))
        read++;
    if (read == pairs) add_pairs(c, a, scores, pairs);
    if (scores != &one) free(scores);
}

void command_zadd(call *c)
{
    adding a = {.first = 2};
    if (parse_add(c, &a)) add(c, &a);
}

void command_zincrby(call *c)
{
    adding a = {.first = 2, .incr = true};
    if (parse_add(c, &a)) add(c, &a);
}

/* -- Members ----------------------------------------------------------------------------------- */

void command_zrem(call *c)
{
    int64_t   removed = 0;
    crdt_view name = c->args[1];
    crdt_ref  zset;
    if (key_open(c, name, &crdt_zset_type, &zset) == NULL) return;
    for (size_t i = 2; i < c->count; i++) {
        double score;
        if (i > 2 && !look_again(c, &zset)) return;
        if (!crdt_zset_score(zset, c->args[i], &score)) continue;
        if (call_fails(c, crdt_zset_remove(c->txn, name, c->args[i]))) return;
        removed++;
    }
    if (removed == 0 || remove_if_empty(c, name)) reply_int(c->reply, removed);
}

static void reply_score(call *c, crdt_ref zset, crdt_view member)
{
    double score;
    if (crdt_zset_score(zset, member, &score)) reply_double(c->reply, score);
    else reply_null(c->reply);
}

void command_zscore(call *c)
{
    crdt_ref zset;
    if (zset_find(c, c->args[1], &zset)) reply_score(c, zset, c->args[2]);
}

void command_zmscore(call *c)
{
    crdt_ref zset;
    if (!zset_find(c, c->args[1], &zset)) return;
    reply_array(c->reply, c->count - 2);
    for (size_t i = 2; i < c->count; i++) reply_score(c, zset, c->args[i]);
}

void command_zcard(call *c)
{
    crdt_ref zset;
    if (zset_find(c, c->args[1], &zset)) reply_int(c->reply, (int64_t)crdt_zset_count(zset));
}

static void reply_rank(call *c, bool reverse)
{
    crdt_ref zset;
    size_t   rank;
    if (!zset_find(c, c->args[1], &zset)) return;
    if (!crdt_zset_rank(zset, c->args[2], &rank)) {
        reply_null(c->reply);
        return;
    }
    if (reverse) rank = crdt_zset_count(zset) - 1 - rank;
    reply_int(c->reply, (int64_t)rank);
}

void command_zrank(call *c)
{
    reply_rank(c, false);
}

void command_zrevrank(call *c)
{
    reply_rank(c, true);
}

/* In the order of members, which stays whatever happens to scores meanwhile. */
void command_zscan(call *c)
{
    crdt_ref       zset;
    crdt_view      from;
    crdt_buf       found;
    crdt_zset_item items[2]; /* the second is where the next begins */
    uint64_t       next = 0;
    size_t         n = 0;
    scan           s;
    if (!scan_cursor(c, &s) || !zset_find(c, c->args[1], &zset)) return;
    if (!scan_from(c, &s, crdt_zset_count(zset), &from)) return;
    crdt_buf_init(&found, NULL);
    reply to = {&found, 2}; /* scores are strings here, in RESP3 too */
    for (size_t got; s.count > 0 && (got = crdt_zset_scan(zset, from, items, 2)) > 0; s.count--) {
        if (s.pattern.data == NULL || glob_match(s.pattern, items[0].member)) {
            reply_bulk(&to, items[0].member);
            reply_double(&to, items[0].score);
            n += 2;
        }
        if (got == 1) break;
        from = items[1].member;
        if (s.count == 1) next = key_keep_cursor(c->node, from);
    }
    scan_reply(c, next, n, &found);
    crdt_buf_clear(&found);
}

/* -- Drawing ----------------------------------------------------------------------------------- */

/* Any one of `size` members. False: an error was replied. */
static bool reply_any(call *c, crdt_ref zset, size_t size, bool scores)
{
    crdt_zset_item *item;
    size_t          n, at = (size_t)(node_random(c->node) % size);
    if (call_fails(c, crdt_zset_range(zset, at, 1, NULL, &item, &n))) return false;
    zset_reply_item(c, item, scores);
    crdt_zset_items_free(NULL, item, n);
    return true;
}

/* So many different ones, each as likely as any other. One walk. */
static void reply_different(call *c, crdt_ref zset, size_t wanted, bool scores)
{
    crdt_zset_item *items;
    size_t          left;
    if (call_fails(c, crdt_zset_range(zset, 0, SIZE_MAX, NULL, &items, &left))) return;
    size_t size = left;
    zset_reply_head(c, wanted, scores);
    for (size_t i = 0; wanted > 0; i++, left--) {
        if (node_random(c->node) % left >= wanted) continue;
        zset_reply_item(c, &items[i], scores);
        wanted--;
    }
    crdt_zset_items_free(NULL, items, size);
}

void command_zrandmember(call *c)
{
    crdt_ref zset;
    int64_t  count = 0;
    bool     scores = false;
    if (c->count > 2 && !scan_random(c, "withscores", &count, &scores)) return;
    if (!zset_find(c, c->args[1], &zset)) return;
    size_t size = crdt_zset_count(zset);
    if (c->count == 2) {
        if (size == 0) reply_null(c->reply);
        else reply_any(c, zset, size, false);
    } else if (size == 0 || count == 0) {
        reply_array(c->reply, 0);
    } else if (count > 0) {
        reply_different(c, zset, (uint64_t)count < size ? (size_t)count : size, scores);
    } else {
        zset_reply_head(c, (size_t)-count, scores);
        while (count++ < 0 && reply_any(c, zset, size, scores) && !scan_too_large(c)) continue;
    }
}
