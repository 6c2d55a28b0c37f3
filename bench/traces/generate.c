/* generate.c: generated histories. */
#include "bench/traces/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/traces/model.h"

#define MANY_AGENTS 24
#define SAME_PLACE_AGENTS 8
#define PATCH_TEXT_MAX 256

/* Where an agent types. */
typedef struct writer {
    uint32_t pos, left; /* cursor; strokes left of this burst */
    bool     deleting;
    uint32_t last; /* its last transaction + 1; 0: none */
} writer;

typedef struct maker {
    trace       *t;
    trace_model *model;
    uint64_t     seed;
    uint32_t     length; /* of the text where the open transaction stands */
    writer       writers[MANY_AGENTS];
} maker;

static const char *const names[TRACE_SHAPES] = {"typing", "code", "random",
                                                "pair",   "many", "same-place"};

const char *trace_shape_name(trace_shape shape)
{
    return shape < TRACE_SHAPES ? names[shape] : NULL;
}

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014); less than `below`. */
static uint32_t pick(maker *m, uint32_t below)
{
    uint64_t z = (m->seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(((z ^ (z >> 31)) >> 32) * below >> 32);
}

static void begin(maker *m, uint32_t agent, const uint32_t *parents, uint32_t count)
{
    trace_add_txn(m->t, agent, parents, count);
    m->length = trace_model_begin(m->model, m->t->txns_count - 1);
    m->writers[agent].last = m->t->txns_count;
}

static void patch(maker *m, uint32_t pos, uint32_t deleted, const char *text)
{
    uint32_t bytes = (uint32_t)strlen(text);
    trace_add_patch(m->t, pos, deleted, text, bytes);
    if (!trace_model_patch(m->model, &m->t->patches[m->t->patches_count - 1])) abort();
    m->length += trace_code_points(text, bytes) - deleted;
}

/* -- Text -------------------------------------------------------------------------------------- */

static const char *a_stroke(maker *m)
{
    static const char *const rare[] = {"\u00e9", "\u00df", "\u6f22", "\U0001f600", "\n"};
    static const char        common[][2] = {"e", "t", "a", "o", "i", "n", "s", "h", "r", " ", " ",
                                            "d", "l", "u", "c", "m", "w", "f", "g", ".", ",", "y"};
    if (pick(m, 60) == 0) return rare[pick(m, sizeof rare / sizeof *rare)];
    return common[pick(m, sizeof common / sizeof *common)];
}

static const char *a_line(maker *m, char *text)
{
    static const char *const words[] = {"if (",         "count", " = ",  "for",   " {\n",  "}\n",
                                        "return",       " + ",   "size", "();\n", "    ",  "->next",
                                        "/* \u00fc */", "0",     "NULL", "name",  "while", ";\n"};
    size_t                   size = 0;
    for (uint32_t n = 1 + pick(m, 8); n > 0; n--) {
        const char *word = words[pick(m, sizeof words / sizeof *words)];
        size += (size_t)snprintf(text + size, PATCH_TEXT_MAX - size, "%s", word);
    }
    return text;
}

/* -- Shapes ------------------------------------------------------------------------------------ */

/* One keystroke of w: it types or deletes on where it was, or goes elsewhere. */
static void stroke(maker *m, writer *w)
{
    if (w->pos > m->length) w->pos = m->length;
    if (w->left == 0) {
        w->left = 1 + pick(m, 24);
        w->deleting = m->length > 0 && pick(m, 5) == 0;
        if (w->deleting) w->left = 1 + w->left / 3;
        else if (pick(m, 3) == 0) w->pos = pick(m, m->length + 1);
    }
    w->left--;
    if (w->deleting && w->pos > 0) {
        patch(m, --w->pos, 1, "");
    } else {
        patch(m, w->pos++, 0, a_stroke(m));
    }
}

static void edit_code(maker *m)
{
    char     text[PATCH_TEXT_MAX];
    uint32_t pos = pick(m, m->length + 1), most = m->length - pos, what = pick(m, 10);
    if (what < 6 || most == 0) {
        patch(m, pos, 0, a_line(m, text));
    } else if (what < 9) {
        patch(m, pos, 1 + pick(m, most < 30 ? most : 30), "");
    } else {
        patch(m, pos, 1 + pick(m, most < 8 ? most : 8), a_line(m, text));
    }
}

static void edit_anywhere(maker *m)
{
    uint32_t pos = pick(m, m->length + 1);
    if (pos < m->length && pick(m, 3) == 0) patch(m, pos, 1, "");
    else patch(m, pos, 0, a_stroke(m));
}

static void make_sequential(maker *m, trace_shape shape, uint32_t patches)
{
    for (uint32_t n = 0; n < patches;) {
        begin(m, 0, NULL, 0);
        for (uint32_t k = shape == TRACE_CODE ? 1 + pick(m, 3) : 1; k > 0; k--, n++) {
            if (shape == TRACE_TYPING) stroke(m, &m->writers[0]);
            else if (shape == TRACE_CODE) edit_code(m);
            else edit_anywhere(m);
        }
    }
}

/* The parents of a next transaction of `agent`: its last one, and `other` if that is not 0. */
static void begin_after(maker *m, uint32_t agent, uint32_t other)
{
    uint32_t parents[2], count = 0, own = m->writers[agent].last;
    if (own > 0) parents[count++] = own - 1;
    if (other > 0 && other != own) parents[count++] = other - 1;
    begin(m, agent, parents, count);
}

static void make_pair(maker *m, uint32_t patches)
{
    uint32_t agent = 0, other = 0;
    for (uint32_t n = 0; n < patches; n++) {
        if (n > 0 && pick(m, 12) == 0) agent = 1 - agent;
        /* The first of the second agent's has a parent, so that there is one root. */
        bool merge = pick(m, 10) == 0 || m->writers[agent].last == 0;
        other = merge ? m->writers[1 - agent].last : 0;
        begin_after(m, agent, other);
        stroke(m, &m->writers[agent]);
    }
}

static void make_many(maker *m, uint32_t patches)
{
    for (uint32_t n = 0; n < patches;) {
        uint32_t agent = n == 0 ? 0 : pick(m, MANY_AGENTS), recent = m->t->txns_count, back;
        back = recent < 30 ? recent : 30;
        begin_after(m, agent, recent == 0 ? 0 : recent - pick(m, back));
        for (uint32_t k = 1 + pick(m, 40); k > 0 && n < patches; k--, n++) edit_code(m);
    }
}

static void make_same_place(maker *m, uint32_t patches)
{
    begin(m, 0, NULL, 0);
    patch(m, 0, 0, "before after");
    for (uint32_t n = 0; n < patches; n++) {
        uint32_t agent = n % SAME_PLACE_AGENTS;
        begin_after(m, agent, m->writers[agent].last == 0 ? 1 : 0);
        patch(m, 6, 0, a_stroke(m));
    }
}

void trace_generate(trace_shape shape, uint32_t patches, uint64_t seed, trace *ret)
{
    size_t size;
    maker  m;
    memset(ret, 0, sizeof *ret);
    memset(&m, 0, sizeof m);
    ret->kind = shape >= TRACE_PAIR ? TRACE_CONCURRENT : TRACE_SEQUENTIAL;
    snprintf(ret->name, sizeof ret->name, "gen-%s", names[shape]);
    m.t = ret;
    m.model = trace_model_new(ret);
    m.seed = seed;
    if (shape == TRACE_PAIR) make_pair(&m, patches);
    else if (shape == TRACE_MANY) make_many(&m, patches);
    else if (shape == TRACE_SAME_PLACE) make_same_place(&m, patches);
    else make_sequential(&m, shape, patches);
    char *text = trace_model_text(m.model, &size);
    trace_set_end(ret, text, size);
    free(text);
    trace_model_free(m.model);
}
