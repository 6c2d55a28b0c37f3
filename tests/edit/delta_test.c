/* delta_test.c: changes of texts, and documents made of them: random ones, each against a plain way
 * to say the same. */
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"

#include "edit/doc.h"

static const char *const letters[] = {"a", "b", "\n", "\u00e9", "\u20ac", "\U0001f600"};

static size_t some_text(uint64_t *seed, char *out, size_t most)
{
    size_t used = 0;
    for (uint64_t n = random_below(seed, most); n > 0; n--) {
        const char *letter = letters[random_below(seed, 6)];
        memcpy(out + used, letter, strlen(letter));
        used += strlen(letter);
    }
    return used;
}

static void set_text(text *t, const char *bytes, size_t size)
{
    text_clear(t);
    text_insert(t, 0, bytes, size);
}

static void copy_text(text *t, const text *from)
{
    char bytes[65536];
    CHECK(from->size <= sizeof bytes);
    set_text(t, bytes, text_read(from, 0, bytes, sizeof bytes));
}

static void check_same(const text *a, const text *b)
{
    char x[65536], y[65536];
    CHECK_EQ_MEM(x, text_read(a, 0, x, sizeof x), y, text_read(b, 0, y, sizeof y));
}

/* Changes of the text that split no character. */
static void some_change(uint64_t *seed, const text *t, delta *d)
{
    char bytes[64];
    for (size_t at = 0;;) {
        if (random_below(seed, 4) == 0) delta_insert(d, bytes, some_text(seed, bytes, 6));
        if (at == t->size) break;
        size_t next = at;
        for (uint64_t n = 1 + random_below(seed, 5); n > 0; n--) next = text_next(t, next);
        if (random_below(seed, 4) == 0) delta_delete(d, next - at);
        else delta_keep(d, next - at);
        at = next;
    }
}

/* -- Texts ------------------------------------------------------------------------------------- */

static void check_lines(const text *t, const char *flat, size_t size, size_t at, size_t limit)
{
    size_t start = at, end = at, lines = 0;
    while (start > limit && flat[start - 1] != '\n') start--;
    while (end < size && flat[end] != '\n') end++;
    for (size_t i = 0; i < at; i++) lines += flat[i] == '\n';
    CHECK_EQ_INT(text_line_start(t, at, limit), start);
    CHECK_EQ_INT(text_line_end(t, at), end);
    CHECK_EQ_INT(text_count_lines(t, at), lines);
}

TEST(text, is_what_was_put_into_it)
{
    uint64_t seed = seed_or(3);
    char     flat[8192], bytes[64], read[8192];
    for (int round = 0; round < (T_SLOW ? 20 : 200); round++) {
        text   t = {0};
        size_t size = 0;
        for (int i = 0; i < 200; i++) {
            size_t at = random_below(&seed, size + 1),
                   gone = random_below(&seed, size - at + 1) % 20;
            size_t more = some_text(&seed, bytes, 12);
            text_delete(&t, at, gone);
            memmove(flat + at, flat + at + gone, size - at - gone);
            size -= gone;
            text_insert(&t, at, bytes, more);
            memmove(flat + at + more, flat + at, size - at);
            memcpy(flat + at, bytes, more);
            size += more;
            size_t place = random_below(&seed, size + 1);
            check_lines(&t, flat, size, place, random_below(&seed, place + 1));
            CHECK_EQ_MEM(read, text_read(&t, place, read, sizeof read), flat + place, size - place);
        }
        text_clear(&t);
    }
}

/* -- Changes ----------------------------------------------------------------------------------- */

/* Two that do not know of one another: the same text in either order. */
static void check_rebase(uint64_t *seed, const text *base)
{
    delta a = {0}, b = {0}, a_then = {0}, b_then = {0};
    text  first = {0}, other = {0};
    bool  mine = random_below(seed, 2);
    some_change(seed, base, &a);
    some_change(seed, base, &b);
    delta_rebase(&a, &b, mine, &a_then);
    delta_rebase(&b, &a, !mine, &b_then);
    copy_text(&first, base);
    copy_text(&other, base);
    text_apply(&first, &a);
    text_apply(&first, &b_then);
    text_apply(&other, &b);
    text_apply(&other, &a_then);
    check_same(&first, &other);
    text_clear(&first);
    text_clear(&other);
    delta_clear(&a);
    delta_clear(&b);
    delta_clear(&a_then);
    delta_clear(&b_then);
}

static void check_split(delta *d, const text *base, const text *end, uint64_t *seed)
{
    text   t = {0};
    delta  part = {0};
    size_t most = 1 + random_below(seed, 12), inserted = delta_inserted(d);
    copy_text(&t, base);
    while (inserted > 0) {
        delta_take(d, most, &part);
        size_t taken = delta_inserted(&part);
        CHECK_MSG(taken > 0 && (taken <= most || taken <= 4), "%zu of %zu", taken, most);
        inserted -= taken;
        text_apply(&t, &part);
        delta_clear(&part);
    }
    text_apply(&t, d);
    check_same(&t, end);
    text_clear(&t);
}

/* One after the other is both at once; and what others did is all but one's own. */
static void check_compose(uint64_t *seed, const text *base)
{
    delta a = {0}, b = {0}, all = {0}, others = {0};
    text  after = {0}, end = {0}, once = {0};
    some_change(seed, base, &a);
    copy_text(&after, base);
    text_apply(&after, &a);
    some_change(seed, &after, &b);
    copy_text(&end, &after);
    text_apply(&end, &b);
    delta_compose(&a, &b, &all);
    copy_text(&once, base);
    text_apply(&once, &all);
    check_same(&once, &end);
    delta_without(&all, &a, &others);
    text_apply(&after, &others);
    check_same(&after, &end);
    check_split(&all, base, &end, seed);
    text_clear(&after);
    text_clear(&end);
    text_clear(&once);
    delta_clear(&a);
    delta_clear(&b);
    delta_clear(&all);
    delta_clear(&others);
}

static size_t place_after(const delta *d, size_t place)
{
    size_t at = 0, to = 0;
    for (size_t i = 0; i < d->count; i++) {
        const delta_step *s = &d->at[i];
        if (s->kind == DELTA_INSERT) {
            if (at < place) to += s->count;
            continue;
        }
        size_t end = at + s->count < place ? at + s->count : place;
        if (s->kind == DELTA_KEEP && end > at) to += end - at;
        at += s->count;
    }
    return to + (place > at ? place - at : 0);
}

TEST(delta, of_random_texts_compose_rebase_and_split)
{
    uint64_t seed = seed_or(20261127);
    char     bytes[256];
    text     base = {0};
    for (int round = 0; round < (T_SLOW ? 2000 : 40000); round++) {
        set_text(&base, bytes, some_text(&seed, bytes, 30));
        check_rebase(&seed, &base);
        check_compose(&seed, &base);
        delta d = {0};
        some_change(&seed, &base, &d);
        for (size_t at = 0; at <= base.size; at++) {
            CHECK_EQ_INT(delta_place(&d, at), place_after(&d, at));
        }
        delta_clear(&d);
    }
    text_clear(&base);
}

/* What others typed within one's own, and what they deleted of it, is told as just that. */
TEST(delta, without_ones_own_is_what_others_did)
{
    delta mine = {0}, all = {0}, others = {0};
    delta_keep(&mine, 2);
    delta_insert(&mine, "typed", 5);
    delta_delete(&mine, 1);
    delta_keep(&all, 2);
    delta_insert(&all, "<typed>", 7);
    delta_delete(&all, 2);
    delta_without(&all, &mine, &others);
    static const delta_step expected[] = {{DELTA_KEEP, 2, NULL, 0},
                                          {DELTA_INSERT, 1, NULL, 0},
                                          {DELTA_KEEP, 5, NULL, 0},
                                          {DELTA_INSERT, 1, NULL, 0},
                                          {DELTA_DELETE, 1, NULL, 0}};
    CHECK_EQ_INT(others.count, 5);
    for (size_t i = 0; i < 5; i++) {
        CHECK_EQ_INT(others.at[i].kind, expected[i].kind);
        CHECK_EQ_INT(others.at[i].count, expected[i].count);
    }
    delta_clear(&mine);
    delta_clear(&all);
    delta_clear(&others);
}

/* -- Documents --------------------------------------------------------------------------------- */

/* A node: its text, and what changed since the editor looked last. */
typedef struct node {
    text  text;
    delta since;
} node;

static void node_does(node *n, const delta *d)
{
    delta all = {0};
    text_apply(&n->text, d);
    delta_compose(&n->since, d, &all);
    delta_move(&n->since, &all);
}

static void others_write(node *n, uint64_t *seed)
{
    delta d = {0};
    some_change(seed, &n->text, &d);
    node_does(n, &d);
    delta_clear(&d);
}

static void type(doc *d, uint64_t *seed)
{
    delta change = {0};
    some_change(seed, &d->shown, &change);
    doc_edit(d, &change);
    delta_clear(&change);
}

static void look(doc *d, node *n)
{
    delta seen = {0};
    text  shown = {0};
    copy_text(&shown, &d->shown);
    doc_merge(d, &n->since, &seen);
    text_apply(&shown, &seen);
    check_same(&shown, &d->shown); /* it tells what it has changed */
    delta_clear(&n->since);
    delta_clear(&seen);
    text_clear(&shown);
}

/* The node has not changed since the look: what is sent fits. Its reply may be lost, and is known
 * later. */
static void send_some(doc *d, node *n, uint64_t *seed)
{
    doc_send(d, 1 + random_below(seed, 20));
    bool taken = random_below(seed, 3) > 0;
    if (taken) node_does(n, &d->flight);
    while (random_below(seed, 3) == 0) {
        type(d, seed);
        others_write(n, seed);
    }
    d->state = taken ? DOC_TAKEN : DOC_REFUSED;
}

TEST(doc, ends_as_its_node_whatever_is_lost_or_typed_meanwhile)
{
    uint64_t seed = seed_or(7);
    for (int round = 0; round < (T_SLOW ? 200 : 4000); round++) {
        doc  d = {0};
        node n = {0};
        for (int i = 0; i < 12; i++) {
            if (random_below(&seed, 2) == 0) type(&d, &seed);
            if (random_below(&seed, 2) == 0) others_write(&n, &seed);
            look(&d, &n);
            if (doc_wants_send(&d)) send_some(&d, &n, &seed);
        }
        look(&d, &n);
        while (doc_wants_send(&d)) {
            doc_send(&d, 8);
            node_does(&n, &d.flight);
            d.state = DOC_TAKEN;
            look(&d, &n);
        }
        check_same(&d.shown, &n.text);
        CHECK_EQ_INT(doc_unsent(&d), 0);
        CHECK_EQ_INT(d.told, n.text.size);
        doc_clear(&d);
        delta_clear(&n.since);
        text_clear(&n.text);
    }
}

static void check_shown(doc *d, const char *expected)
{
    char bytes[256];
    CHECK_EQ_MEM(bytes, text_read(&d->shown, 0, bytes, sizeof bytes), expected, strlen(expected));
}

static void replace(doc *d, const char *with)
{
    delta seen = {0};
    doc_replace(d, with, strlen(with), &seen);
    delta_clear(&seen);
}

/* What a node says that is no node. */
TEST(doc, takes_no_changes_of_another_text)
{
    doc   d = {0};
    delta told = {0}, more = {0}, seen = {0};
    delta_insert(&told, "abc", 3);
    CHECK(doc_fits(&d, &told));
    doc_merge(&d, &told, &seen);
    delta_keep(&more, 1);
    delta_insert(&more, "x", 1);
    delta_delete(&more, 2);
    CHECK(doc_fits(&d, &more));
    delta_keep(&more, 1);
    CHECK(!doc_fits(&d, &more));
    doc_clear(&d);
    delta_clear(&told);
    delta_clear(&more);
    delta_clear(&seen);
}

/* A node that has lost what it told: what is typed stays, about where it was. */
TEST(doc, keeps_what_is_typed_where_the_node_has_forgotten)
{
    doc   d = {0};
    delta told = {0}, typed = {0}, seen = {0};
    delta_insert(&told, "one two three", 13);
    doc_merge(&d, &told, &seen);
    replace(&d, "one two four");
    check_shown(&d, "one two four");
    delta_keep(&typed, 4);
    delta_insert(&typed, "new ", 4);
    delta_delete(&typed, 4);
    doc_edit(&d, &typed);
    check_shown(&d, "one new four");
    replace(&d, "one 2 two four!");
    check_shown(&d, "one 2 two four!new ");
    doc_send(&d, 100);
    replace(&d, ""); /* nobody knows: it is sent again */
    check_shown(&d, "new ");
    doc_send(&d, 100);
    d.state = DOC_TAKEN;
    replace(&d, "new \u20ac");
    check_shown(&d, "new \u20ac");
    CHECK_EQ_INT(doc_unsent(&d), 0);
    replace(&d, "new \u20a1");
    check_shown(&d, "new \u20a1");
    doc_clear(&d);
    delta_clear(&told);
    delta_clear(&typed);
    delta_clear(&seen);
}
