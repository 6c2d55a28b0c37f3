/* tale.c: see tale.h. */
#include "tests/laws/lib/tale.h"

#include <string.h>

#define BIT(i) (UINT64_C(1) << (i))

uint64_t tale_rand(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t tale_below(uint64_t *state, uint64_t n)
{
    return n == 0 ? 0 : tale_rand(state) % n;
}

void tale_init(tale *t)
{
    memset(t, 0, sizeof *t);
    crdt_buf_init(&t->bytes, NULL);
    crdt_buf_init(&t->end_text, NULL);
}

void tale_clear(tale *t)
{
    crdt_buf_clear(&t->bytes);
    crdt_buf_clear(&t->end_text);
}

/* -- Characters ------------------------------------------------------------------------------ */

static bool starts(uint8_t byte)
{
    return (byte & 0xc0) != 0x80;
}

size_t tale_characters(crdt_view text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.size; i++) n += starts(((const uint8_t *)text.data)[i]);
    return n;
}

/* The n-th of them. */
crdt_view tale_character(crdt_view text, size_t n)
{
    const uint8_t *bytes = text.data;
    size_t         first = 0, size = 1;
    for (size_t seen = 0; first < text.size; first++) {
        if (starts(bytes[first]) && seen++ == n) break;
    }
    while (first + size < text.size && !starts(bytes[first + size])) size++;
    return crdt_view_of(bytes + first, size);
}

/* -- Reading --------------------------------------------------------------------------------- */

static void wrong(json *j, const char *what)
{
    if (j->error == NULL) j->error = what;
}

/* While the tale is read its bytes move: inserted.size is known, data follows in settle. */
static void read_op(json *j, tale *t, tale_txn *x)
{
    tale_op spare, *op = x->count < TALE_OPS_MAX ? &x->ops[x->count++] : &spare;
    size_t  before = t->bytes.size;
    json_open(j, '[');
    if (op == &spare || !json_item(j)) wrong(j, "too many operations, or an empty one");
    op->pos = (size_t)json_int(j);
    if (!json_item(j)) wrong(j, "an operation without a count");
    op->deleted = (size_t)json_int(j);
    if (!json_item(j)) wrong(j, "an operation without a text");
    json_string(j, &t->bytes);
    op->inserted = crdt_view_of(NULL, t->bytes.size - before);
    if (json_item(j)) wrong(j, "an operation with more than three parts");
}

static void settle(tale *t)
{
    size_t at = 0;
    for (size_t i = 0; i < t->count; i++) {
        for (size_t k = 0; k < t->txns[i].count; k++) {
            crdt_view *v = &t->txns[i].ops[k].inserted;
            if (v->size > 0) v->data = t->bytes.data + at;
            at += v->size;
        }
    }
}

/* Parents name characters: here only the last one of a transaction. */
static void read_parents(json *j, const tale *t, tale_txn *x)
{
    for (json_open(j, '['); json_item(j);) {
        uint64_t parent = (uint64_t)json_int(j);
        size_t   i = 0;
        while (i < t->count && t->txns[i].end != parent + 1) i++;
        if (i == t->count) {
            wrong(j, "a parent that is no transaction's end");
            return;
        }
        x->parents |= BIT(i);
        x->past |= BIT(i) | t->txns[i].past;
    }
}

static unsigned read_agent(json *j)
{
    char     name = 0;
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    json_string(j, &text);
    if (text.size == 1) name = (char)text.data[0];
    crdt_buf_clear(&text);
    if (name < 'a' || name >= 'a' + TALE_AGENTS_MAX) wrong(j, "an unknown agent");
    return name < 'a' ? 0 : (unsigned)(name - 'a');
}

static void read_txn(json *j, tale *t)
{
    char     key[16];
    tale_txn x;
    memset(&x, 0, sizeof x);
    for (json_open(j, '{'); json_key(j, key, sizeof key);) {
        if (strcmp(key, "span") == 0) {
            json_open(j, '[');
            if (json_item(j)) x.first = (uint64_t)json_int(j);
            if (json_item(j)) x.end = (uint64_t)json_int(j);
            if (json_item(j)) wrong(j, "a span with more than two numbers");
        } else if (strcmp(key, "parents") == 0) {
            read_parents(j, t, &x);
        } else if (strcmp(key, "agent") == 0) {
            x.agent = read_agent(j);
        } else if (strcmp(key, "seqStart") == 0) {
            x.seq = (uint64_t)json_int(j);
        } else if (strcmp(key, "ops") == 0) {
            for (json_open(j, '['); json_item(j);) read_op(j, t, &x);
        } else {
            wrong(j, "an unknown key of a transaction");
        }
    }
    if (x.end <= x.first || t->count == TALE_TXNS_MAX) wrong(j, "a wrong span, or too many");
    else t->txns[t->count++] = x;
}

void tale_read(json *j, tale *t)
{
    char key[16];
    tale_clear(t);
    tale_init(t);
    for (json_open(j, '{'); json_key(j, key, sizeof key);) {
        if (strcmp(key, "endContent") == 0) {
            json_string(j, &t->end_text);
        } else if (strcmp(key, "txns") == 0) {
            for (json_open(j, '['); json_item(j);) read_txn(j, t);
        } else {
            wrong(j, "an unknown key of a case");
        }
    }
    settle(t);
}

/* -- Playing --------------------------------------------------------------------------------- */

static bool play_txn(const tale *t, unsigned i, line *l)
{
    const tale_txn *x = &t->txns[i];
    for (size_t k = 0; k < x->count; k++) {
        const tale_op *op = &x->ops[k];
        if (!line_delete(l, x->past, x->past, i, op->pos, op->deleted)) return false;
        if (op->inserted.size == 0) continue;
        size_t first = line_insert(l, x->past, i, x->agent, op->pos, tale_characters(op->inserted));
        if (first == LINE_NONE) return false;
    }
    return true;
}

bool tale_play(const tale *t, line *l)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (!play_txn(t, i, l)) return false;
    }
    return true;
}

/* The item-th element that the transactions inserted. */
static crdt_view character_of(const tale *t, const line *l, size_t item)
{
    const tale_txn *x = &t->txns[l->items[item].event];
    size_t          n = 0;
    for (size_t i = 0; i < item; i++) n += l->items[i].event == l->items[item].event;
    for (size_t k = 0; k < x->count; k++) {
        size_t here = tale_characters(x->ops[k].inserted);
        if (n < here) return tale_character(x->ops[k].inserted, n);
        n -= here;
    }
    return crdt_view_of(NULL, 0);
}

void tale_text(const tale *t, const line *l, uint64_t set, crdt_buf *out)
{
    for (size_t i = 0; i < l->count; i++) {
        if (!line_shows(&l->items[l->order[i]], set)) continue;
        crdt_view c = character_of(t, l, l->order[i]);
        crdt_buf_put(out, c.data, c.size);
    }
}

void tale_order(const tale *t, uint64_t *rand, unsigned *ret_order)
{
    uint64_t done = 0;
    for (size_t n = 0; n < t->count; n++) {
        unsigned ready[TALE_TXNS_MAX], count = 0;
        for (unsigned i = 0; i < t->count; i++) {
            if (!(done & BIT(i)) && (t->txns[i].parents & ~done) == 0) ready[count++] = i;
        }
        ret_order[n] = ready[tale_below(rand, count)];
        done |= BIT(ret_order[n]);
    }
}

/* -- Making up ------------------------------------------------------------------------------- */

/* One or two earlier transactions, often the last ones, or none. */
static void choose_parents(tale *t, tale_txn *x, uint64_t *rand)
{
    uint64_t n = t->count;
    for (uint64_t tries = 1 + tale_below(rand, 2); tries > 0 && n > 0; tries--) {
        uint64_t near = n < 4 ? n : 4;
        uint64_t i =
            tale_below(rand, 8) == 0 ? tale_below(rand, n) : n - 1 - tale_below(rand, near);
        x->parents |= BIT(i);
        x->past |= BIT(i) | t->txns[i].past;
    }
    for (uint64_t i = 0; i < n; i++) { /* no parent that another one had seen */
        for (uint64_t k = 0; k < n; k++) {
            if ((x->parents & BIT(k)) && (t->txns[k].past & BIT(i))) x->parents &= ~BIT(i);
        }
    }
}

/* Places near the start collide often. */
static void make_op(tale *t, tale_txn *x, size_t length, uint64_t *rand)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    tale_op          *op = &x->ops[x->count++];
    size_t            few = length < 5 ? length : 5;
    memset(op, 0, sizeof *op);
    op->pos = (size_t)tale_below(rand, (tale_below(rand, 2) == 0 ? few : length) + 1);
    if (op->pos < length && tale_below(rand, 5) < 2) {
        op->deleted = 1 + (size_t)tale_below(rand, length - op->pos < 3 ? length - op->pos : 3);
    }
    if (op->deleted > 0 && tale_below(rand, 4) != 0) return;
    op->inserted.size = 1 + (size_t)(tale_below(rand, 3) == 0 ? tale_below(rand, 4) : 0);
    for (size_t i = 0; i < op->inserted.size; i++) {
        crdt_buf_byte(&t->bytes, (uint8_t)letters[tale_below(rand, sizeof letters - 1)]);
    }
}

void tale_make(uint64_t seed, bool classic, tale *t)
{
    uint64_t seqs[TALE_AGENTS_MAX] = {0}, number = 0, *rand = &seed;
    tale_clear(t);
    tale_init(t);
    line l;
    t->classic = classic;
    line_init(&l, classic);
    unsigned agents = 2 + (unsigned)tale_below(rand, 3);
    for (size_t left = 10 + tale_below(rand, 40); left > 0; left--) {
        unsigned  i = (unsigned)t->count;
        tale_txn *x = &t->txns[i];
        memset(x, 0, sizeof *x);
        x->agent = (unsigned)tale_below(rand, agents);
        choose_parents(t, x, rand);
        t->count++;
        x->seq = seqs[x->agent];
        x->first = number;
        for (uint64_t ops = 1 + tale_below(rand, 3) / 2; ops > 0; ops--) {
            make_op(t, x, line_length(&l, x->past | BIT(i)), rand);
            const tale_op *op = &x->ops[x->count - 1];
            number += op->deleted + op->inserted.size;
            (void)line_delete(&l, x->past, x->past, i, op->pos, op->deleted);
            if (op->inserted.size == 0) continue;
            (void)line_insert(&l, x->past, i, x->agent, op->pos, op->inserted.size);
        }
        x->end = number;
        seqs[x->agent] += x->end - x->first;
    }
    settle(t);
    tale_text(t, &l, UINT64_MAX, &t->end_text);
    line_clear(&l);
}
