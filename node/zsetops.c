/* zsetops.c: union, intersection and difference of sorted sets, told or stored. Sets take part,
 * with scores of 1. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/commands.h"
#include "node/keys.h"
#include "node/number.h"
#include "node/zsets.h"

typedef enum zset_operation { ZSET_UNION, ZSET_INTER, ZSET_DIFF } zset_operation;
typedef enum aggregate { AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX } aggregate;

typedef struct operand {
    crdt_ref ref; /* a sorted set or a set */
    bool     there;
    size_t   count;
    double   weight;
    size_t   place; /* among the arguments */
} operand;

typedef struct operation {
    zset_operation what;
    operand       *operands;
    size_t         count;
    aggregate      how;
    bool           scores;
    int64_t        limit; /* of ZINTERCARD; 0: none */
    crdt_buf       text;  /* of members that are integers in sets */
} operation;

/* A member of an operand: what it adds to the outcome. */
typedef struct share {
    crdt_view member;
    double    score;
    size_t    from; /* the operand's place in the order of adding up */
} share;

/* -- Reading the arguments --------------------------------------------------------------------- */

/* False: an error was replied. */
static bool find_operand(call *c, size_t i, operand *o)
{
    *o = (operand){.weight = 1, .place = i};
    if (!key_find(c, c->args[i], &o->ref)) return !c->failed;
    o->there = true;
    if (o->ref.type == &crdt_zset_type) o->count = crdt_zset_count(o->ref);
    else if (o->ref.type == &crdt_orset_type) o->count = crdt_orset_count(o->ref);
    else call_wrong_type(c);
    return !c->failed;
}

static bool read_weights(call *c, size_t i, operation *op)
{
    for (size_t k = 0; k < op->count; k++) {
        if (!zset_number(c, i + k, "weight value is not a", &op->operands[k].weight)) return false;
    }
    return true;
}

static bool read_aggregate(call *c, size_t i, operation *op)
{
    if (call_is(c, i, "sum")) op->how = AGGREGATE_SUM;
    else if (call_is(c, i, "min")) op->how = AGGREGATE_MIN;
    else if (call_is(c, i, "max")) op->how = AGGREGATE_MAX;
    else call_syntax(c);
    return !c->failed;
}

typedef enum form { TOLD, STORED, COUNTED } form;

/* The words behind the keys. False: an error was replied. */
static bool read_options(call *c, size_t i, operation *op, form as)
{
    bool adds = op->what != ZSET_DIFF && as != COUNTED;
    while (i < c->count && !c->failed) {
        size_t left = c->count - i;
        if (adds && left > op->count && call_is(c, i, "weights")) {
            if (read_weights(c, i + 1, op)) i += op->count + 1;
        } else if (adds && left >= 2 && call_is(c, i, "aggregate")) {
            if (read_aggregate(c, i + 1, op)) i += 2;
        } else if (as == TOLD && call_is(c, i, "withscores")) {
            op->scores = true;
            i++;
        } else if (as == COUNTED && left >= 2 && call_is(c, i, "limit")) {
            if (!number_int64(c->args[i + 1], &op->limit) || op->limit < 0) {
                call_error(c, "ERR LIMIT can't be negative");
            }
            i += 2;
        } else {
            call_syntax(c);
        }
    }
    return !c->failed;
}

/* From the number of keys at argument i on. False: an error was replied. */
static bool read_operation(call *c, size_t i, operation *op, form as)
{
    int64_t keys;
    if (!call_int(c, i, &keys)) return false;
    if (keys < 1) {
        call_error(c, "ERR at least 1 input key is needed for '%s' command", c->command->name);
        return false;
    }
    if ((uint64_t)keys > c->count - i - 1) {
        call_syntax(c);
        return false;
    }
    op->count = (size_t)keys;
    op->operands = malloc(op->count * sizeof *op->operands);
    if (op->operands == NULL) {
        call_fails(c, CRDT_ENOMEM);
        return false;
    }
    for (size_t k = 0; k < op->count; k++) {
        if (!find_operand(c, i + 1 + k, &op->operands[k])) return false;
    }
    return read_options(c, i + 1 + op->count, op, as);
}

/* -- The members of operands ------------------------------------------------------------------- */

static double weighted(double weight, double score)
{
    double n = weight * score;
    return isnan(n) ? 0 : n; /* an infinity, by 0 */
}

static bool add_zset(call *c, const operand *o, size_t from, share *shares)
{
    crdt_zset_item *items;
    size_t          count;
    if (call_fails(c, crdt_zset_range(o->ref, 0, SIZE_MAX, NULL, &items, &count))) return false;
    for (size_t i = 0; i < count; i++) {
        shares[i] = (share){items[i].member, weighted(o->weight, items[i].score), from};
    }
    crdt_zset_items_free(NULL, items, count);
    return true;
}

/* Room for the text of each of the operands' integers. */
static bool reserve_text(call *c, operation *op)
{
    size_t integers = 0;
    for (size_t k = 0; k < op->count; k++) {
        if (op->operands[k].ref.type == &crdt_orset_type) integers += op->operands[k].count;
    }
    return crdt_buf_reserve(&op->text, integers * NUMBER_INT_MAX) || !call_fails(c, CRDT_ENOMEM);
}

static void add_set(operation *op, const operand *o, size_t from, share *shares)
{
    crdt_orset_iter it = crdt_orset_iterate(o->ref);
    crdt_value      elem;
    while (crdt_orset_next(&it, &elem)) {
        if (elem.kind == CRDT_INT) {
            char  *text = (char *)op->text.data + op->text.size;
            size_t size = number_print_int64(elem.i, text);
            op->text.size += size;
            elem.bytes = crdt_view_of(text, size);
        }
        *shares++ = (share){elem.bytes, weighted(o->weight, 1), from};
    }
}

static bool add_shares(call *c, operation *op, size_t from, share *shares)
{
    const operand *o = &op->operands[from];
    if (!o->there) return true;
    if (o->ref.type == &crdt_zset_type) return add_zset(c, o, from, shares);
    add_set(op, o, from, shares);
    return true;
}

static bool find_member(const operand *o, crdt_view member, double *ret_score)
{
    int64_t n;
    *ret_score = 1;
    if (!o->there) return false;
    if (o->ref.type == &crdt_zset_type) return crdt_zset_score(o->ref, member, ret_score);
    bool is_int = number_int64(member, &n);
    return crdt_orset_has(o->ref, is_int ? crdt_int(n) : crdt_bytes(member.data, member.size));
}

/* -- The outcome ------------------------------------------------------------------------------- */

static double aggregated(aggregate how, double a, double b)
{
    if (how == AGGREGATE_MIN) return b < a ? b : a;
    if (how == AGGREGATE_MAX) return b > a ? b : a;
    return isnan(a + b) ? 0 : a + b; /* infinities of both signs */
}

static int by_count(const void *a_, const void *b_)
{
    const operand *a = a_, *b = b_;
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

static int by_member(const void *a_, const void *b_)
{
    const share *a = a_, *b = b_;
    int          order = crdt_view_compare(a->member, b->member);
    if (order != 0) return order;
    return a->from < b->from ? -1 : a->from > b->from;
}

static int by_score(const void *a_, const void *b_)
{
    const crdt_zset_item *a = a_, *b = b_;
    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    return crdt_view_compare(a->member, b->member);
}

/* Those of one member are added up, in the order of operands. Returns how many members. */
static size_t unite(const operation *op, share *shares, size_t count, crdt_zset_item *items)
{
    size_t n = 0;
    qsort(shares, count, sizeof *shares, by_member);
    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && crdt_view_compare(shares[i].member, shares[i - 1].member) == 0;
        if (!again) items[n++] = (crdt_zset_item){shares[i].member, shares[i].score};
        else items[n - 1].score = aggregated(op->how, items[n - 1].score, shares[i].score);
    }
    return n;
}

/* Of the first operand's members those that the others have (or, for a difference, have not). */
static size_t choose(const operation *op, const share *shares, size_t count, crdt_zset_item *items)
{
    size_t n = 0, most = op->limit > 0 ? (size_t)op->limit : SIZE_MAX;
    for (size_t i = 0; i < count && n < most; i++) {
        double score = shares[i].score, other;
        size_t k = 1;
        for (; k < op->count; k++) {
            const operand *o = &op->operands[k];
            bool           has = find_member(o, shares[i].member, &other);
            if (has == (op->what == ZSET_DIFF)) break;
            if (has) score = aggregated(op->how, score, o->weight * other);
        }
        if (k == op->count) items[n++] = (crdt_zset_item){shares[i].member, score};
    }
    return n;
}

/* The members, in order; the caller frees. False: an error was replied. */
static bool compute(call *c, operation *op, crdt_zset_item **ret_items, size_t *ret_count)
{
    size_t all = 0, last = op->what == ZSET_UNION ? op->count : 1;
    if (op->what != ZSET_DIFF) qsort(op->operands, op->count, sizeof *op->operands, by_count);
    for (size_t k = 0; k < last; k++) all += op->operands[k].count;
    *ret_items = NULL;
    *ret_count = 0;
    if (all == 0) return true;
    share          *shares = malloc(all * sizeof *shares);
    crdt_zset_item *items = malloc(all * sizeof *items);
    bool            done = shares != NULL && items != NULL;
    if (!done) call_fails(c, CRDT_ENOMEM);
    done = done && reserve_text(c, op);
    for (size_t k = 0, at = 0; done && k < last; at += op->operands[k++].count) {
        done = add_shares(c, op, k, shares + at);
    }
    if (done) {
        *ret_count =
            op->what == ZSET_UNION ? unite(op, shares, all, items) : choose(op, shares, all, items);
        qsort(items, *ret_count, sizeof *items, by_score);
        *ret_items = items;
    } else {
        free(items);
    }
    free(shares);
    return done;
}

static void reply_items(call *c, const crdt_zset_item *items, size_t count, bool scores)
{
    zset_reply_head(c, count, scores);
    for (size_t i = 0; i < count; i++) zset_reply_item(c, &items[i], scores);
}

static void run(call *c, zset_operation what, form as)
{
    operation       op = {.what = what};
    crdt_zset_item *items = NULL;
    size_t          count = 0;
    crdt_buf_init(&op.text, NULL);
    if (read_operation(c, as == STORED ? 2 : 1, &op, as) && compute(c, &op, &items, &count)) {
        if (as == STORED) zset_store(c, c->args[1], items, count);
        else if (as == COUNTED) reply_int(c->reply, (int64_t)count);
        else reply_items(c, items, count, op.scores);
    }
    free(items);
    free(op.operands);
    crdt_buf_clear(&op.text);
}

void command_zunion(call *c)
{
    run(c, ZSET_UNION, TOLD);
}

void command_zinter(call *c)
{
    run(c, ZSET_INTER, TOLD);
}

void command_zdiff(call *c)
{
    run(c, ZSET_DIFF, TOLD);
}

void command_zunionstore(call *c)
{
    run(c, ZSET_UNION, STORED);
}

void command_zinterstore(call *c)
{
    run(c, ZSET_INTER, STORED);
}

void command_zdiffstore(call *c)
{
    run(c, ZSET_DIFF, STORED);
}

void command_zintercard(call *c)
{
    run(c, ZSET_INTER, COUNTED);
}
