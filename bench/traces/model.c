/* model.c: the naive integrator. O(elements) a patch. */
#include "bench/traces/model.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX /* the start, as a left origin; the end, as a right parent */

/* Elements are numbered as they are inserted; places in the order are another matter. */
typedef struct element {
    uint32_t point, agent, seq; /* seq: which transaction of the agent, from 1 */
    uint32_t left, right;       /* element numbers: left origin, right parent */
    uint32_t deleters;          /* the first deletion of it, in dels; NONE: not deleted */
} element;

typedef struct deletion {
    uint32_t agent, seq, next;
} deletion;

struct trace_model {
    const trace *t;
    element     *elements;
    uint32_t    *order;  /* element numbers, as the text has them */
    uint32_t    *places; /* of each element in that order */
    deletion    *dels;
    uint32_t     count, cap, dels_count, dels_cap, agents;
    uint32_t    *past;     /* of the transaction begun: transactions of each agent */
    uint32_t   **versions; /* of each transaction: its past and itself */
    uint32_t     versions_cap, txn, agent, agents_cap;
};

static void *must(void *p)
{
    if (p == NULL) abort();
    return p;
}

trace_model *trace_model_new(const trace *t)
{
    trace_model *m = must(calloc(1, sizeof *m));
    m->t = t;
    return m;
}

void trace_model_free(trace_model *m)
{
    if (m == NULL) return;
    for (uint32_t i = 0; i < m->versions_cap; i++) free(m->versions[i]);
    free(m->versions);
    free(m->elements);
    free(m->order);
    free(m->places);
    free(m->dels);
    free(m);
}

/* -- Pasts ------------------------------------------------------------------------------------- */

static void raise_to(uint32_t *past, const uint32_t *other, uint32_t agents)
{
    for (uint32_t a = 0; a < agents; a++) {
        if (other[a] > past[a]) past[a] = other[a];
    }
}

static uint32_t *past_of(trace_model *m, uint32_t i)
{
    const trace_txn *x = &m->t->txns[i];
    uint32_t        *past = must(calloc(m->agents_cap, sizeof *past));
    if (m->t->kind == TRACE_SEQUENTIAL && i > 0) raise_to(past, m->versions[i - 1], m->agents_cap);
    for (uint32_t k = 0; k < x->parents; k++) {
        raise_to(past, m->versions[m->t->parents[x->first_parent + k]], m->agents_cap);
    }
    past[x->agent]++;
    return past;
}

static bool in_past(const trace_model *m, uint32_t agent, uint32_t seq)
{
    return seq <= m->past[agent];
}

static bool visible(const trace_model *m, const element *e)
{
    if (!in_past(m, e->agent, e->seq)) return false;
    for (uint32_t d = e->deleters; d != NONE; d = m->dels[d].next) {
        if (in_past(m, m->dels[d].agent, m->dels[d].seq)) return false;
    }
    return true;
}

uint32_t trace_model_begin(trace_model *m, uint32_t i)
{
    if (i == 0) m->agents_cap = m->t->agents > 256 ? m->t->agents : 256;
    if (i >= m->versions_cap) {
        uint32_t cap = i * 2 + 16;
        m->versions = must(realloc(m->versions, cap * sizeof *m->versions));
        memset(m->versions + m->versions_cap, 0, (cap - m->versions_cap) * sizeof *m->versions);
        m->versions_cap = cap;
    }
    m->past = m->versions[i] = past_of(m, i);
    m->agent = m->t->txns[i].agent;
    uint32_t length = 0;
    for (uint32_t k = 0; k < m->count; k++) length += visible(m, &m->elements[m->order[k]]);
    return length;
}

/* -- Insertion --------------------------------------------------------------------------------- */

/* Where a right parent stands: the end is past everything. */
static uint32_t right_place(const trace_model *m, uint32_t number)
{
    return number == NONE ? m->count : m->places[number];
}

static bool known(const trace_model *m, uint32_t k)
{
    const element *e = &m->elements[m->order[k]];
    return in_past(m, e->agent, e->seq);
}

/* The place of e, from `after` on, among what is concurrent to it: a sibling (of the same left
 * origin) whose right parent is further on goes before it, one whose right parent is nearer may
 * belong to a sibling still to come, between equals the agent decides. What is no sibling stays
 * with the sibling that it descends from. */
static uint32_t place_for(const trace_model *m, const element *e, uint32_t after)
{
    uint32_t place = after;
    bool     undecided = false;
    for (uint32_t k = after; k < m->count && !known(m, k); k++) {
        const element *o = &m->elements[m->order[k]];
        if (o->left != e->left) {
            if (o->left == NONE || m->places[o->left] < after) break;
        } else {
            uint32_t mine = right_place(m, e->right), other = right_place(m, o->right);
            if (mine == other && e->agent < o->agent) break;
            undecided = other < mine;
        }
        if (!undecided) place = k + 1;
    }
    return place;
}

static void grow(trace_model *m)
{
    if (m->count < m->cap) return;
    m->cap = m->cap * 2 + 1024;
    m->elements = must(realloc(m->elements, m->cap * sizeof *m->elements));
    m->order = must(realloc(m->order, m->cap * sizeof *m->order));
    m->places = must(realloc(m->places, m->cap * sizeof *m->places));
}

/* The point is to stand after the element at `after - 1`. Returns the place it got. */
static uint32_t insert_at(trace_model *m, uint32_t after, uint32_t point)
{
    grow(m);
    element e = {point, m->agent, m->past[m->agent], NONE, NONE, NONE};
    if (after > 0) e.left = m->order[after - 1];
    uint32_t next = after; /* the right neighbour: the next that is known here, deleted or not */
    while (next < m->count && !known(m, next)) next++;
    if (next < m->count && m->elements[m->order[next]].left == e.left) e.right = m->order[next];
    uint32_t place = place_for(m, &e, after);
    memmove(m->order + place + 1, m->order + place, (m->count - place) * sizeof *m->order);
    m->order[place] = m->count;
    m->elements[m->count++] = e;
    for (uint32_t k = place; k < m->count; k++) m->places[m->order[k]] = k;
    return place;
}

/* -- Patches ----------------------------------------------------------------------------------- */

static void delete_at(trace_model *m, uint32_t place)
{
    if (m->dels_count == m->dels_cap) {
        m->dels_cap = m->dels_cap * 2 + 1024;
        m->dels = must(realloc(m->dels, m->dels_cap * sizeof *m->dels));
    }
    element *e = &m->elements[m->order[place]];
    deletion d = {m->agent, m->past[m->agent], e->deleters};
    e->deleters = m->dels_count;
    m->dels[m->dels_count++] = d;
}

/* Just after the pos-th visible element from place k on; false: there are not so many. */
static bool skip(const trace_model *m, uint32_t *k, uint32_t pos)
{
    while (pos > 0 && *k < m->count) pos -= visible(m, &m->elements[m->order[(*k)++]]);
    return pos == 0;
}

static uint32_t next_point(const char **at)
{
    const unsigned char *s = (const unsigned char *)*at;
    uint32_t             size = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint32_t             point = size == 1 ? s[0] : s[0] & (0x7fu >> size);
    for (uint32_t i = 1; i < size; i++) point = point << 6 | (s[i] & 0x3fu);
    *at += size;
    return point;
}

bool trace_model_patch(trace_model *m, const trace_patch *p)
{
    uint32_t place = 0;
    if (!skip(m, &place, p->pos)) return false;
    for (uint32_t k = place, left = p->deleted; left > 0; left--) {
        if (!skip(m, &k, 1)) return false;
        delete_at(m, k - 1);
    }
    const char *text = trace_text(m->t, p), *end = text + p->text_bytes;
    while (text < end) place = insert_at(m, place, next_point(&text)) + 1;
    return true;
}

static size_t put_point(char *out, uint32_t c)
{
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    unsigned                   size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (unsigned i = size; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[size] | c);
    return size;
}

char *trace_model_text(const trace_model *m, size_t *ret_size)
{
    char  *text = must(malloc((size_t)m->count * 4 + 1));
    size_t size = 0;
    for (uint32_t k = 0; k < m->count; k++) {
        const element *e = &m->elements[m->order[k]];
        if (e->deleters == NONE) size += put_point(text + size, e->point);
    }
    *ret_size = size;
    return text;
}

char *trace_model_replay(const trace *t, size_t *ret_size)
{
    trace_model *m = trace_model_new(t);
    bool         good = true;
    for (uint32_t i = 0; i < t->txns_count && good; i++) {
        const trace_txn *x = &t->txns[i];
        trace_model_begin(m, i);
        for (uint32_t k = 0; k < x->patches && good; k++) {
            good = trace_model_patch(m, &t->patches[x->first_patch + k]);
        }
    }
    char *text = good ? trace_model_text(m, ret_size) : NULL;
    trace_model_free(m);
    return text;
}
