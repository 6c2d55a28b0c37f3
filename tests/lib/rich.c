/* rich.c: see rich.h. */
#include "tests/lib/rich.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/t.h"

static crdt_view doc(void)
{
    return crdt_text_view(DOC);
}

crdt_range rich_range(uint64_t start, uint64_t count)
{
    return (crdt_range){CRDT_CODE_POINTS, start, count};
}

static crdt_text_edit open_text(crdt_txn *txn)
{
    crdt_text_edit edit;
    CHECK_OK(crdt_text_open(txn, doc(), &crdt_text_type, &edit));
    return edit;
}

void rich_insert(crdt_store *store, uint64_t pos, const char *text)
{
    CHECK_OK(crdt_marks_insert(begin(store), doc(), CRDT_CODE_POINTS, pos, crdt_text_view(text)));
    crdt_store_free(commit(store));
}

void rich_type(crdt_store *store, uint64_t pos, const char *text)
{
    crdt_text_edit edit = open_text(begin(store));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, pos, crdt_text_view(text)));
    crdt_store_free(commit(store));
}

void rich_delete(crdt_store *store, uint64_t pos, uint64_t count)
{
    crdt_text_edit edit = open_text(begin(store));
    CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, pos, count));
    crdt_store_free(commit(store));
}

void rich_set(crdt_store *store, uint64_t start, uint64_t count, const char *key, const char *value)
{
    crdt_mark mark = crdt_mark_of(key, value == NULL ? crdt_int(1) : crdt_text(value));
    CHECK_OK(crdt_marks_set(begin(store), doc(), rich_range(start, count), mark));
    crdt_store_free(commit(store));
}

void rich_unset(crdt_store *store, uint64_t start, uint64_t count, const char *key)
{
    crdt_mark mark = crdt_mark_of(key, crdt_int(0));
    CHECK_OK(crdt_marks_unset(begin(store), doc(), rich_range(start, count), mark));
    crdt_store_free(commit(store));
}

void rich_tidy(crdt_store *store)
{
    CHECK_OK(crdt_marks_tidy(begin(store), doc()));
    crdt_store_free(commit(store));
}

void rich_meet(crdt_store *a, crdt_store *b)
{
    char text[2048];
    join(a, b);
    join(b, a);
    check_store(a);
    check_store(b);
    CHECK(same_bytes(a, b));
    snprintf(text, sizeof text, "%s", rich_shown(a));
    CHECK_EQ_STR(rich_shown(b), text);
    crdt_store *copy = recoded(a);
    CHECK_EQ_STR(rich_shown(copy), text);
    crdt_store_free(copy);
}

static void print_marks(const crdt_span *span, crdt_buf *out)
{
    for (size_t i = 0; i < span->marks_count; i++) {
        const crdt_mark *m = &span->marks[i];
        crdt_buf_text(out, i == 0 ? "[" : " ");
        crdt_buf_put(out, m->key.data, m->key.size);
        if (crdt_value_compare(m->value, crdt_int(1)) == 0) continue;
        crdt_buf_text(out, "=");
        if (m->value.kind == CRDT_INT) crdt_buf_decimal(out, m->value.i);
        else crdt_buf_put(out, m->value.bytes.data, m->value.bytes.size);
    }
    if (span->marks_count > 0) crdt_buf_text(out, "]");
}

const char *rich_shown(const crdt_store *store)
{
    static char text[2048];
    crdt_ref    ref;
    crdt_buf    out;
    crdt_spans *spans;
    crdt_span   span;
    uint64_t    at = 0;
    CHECK_OK(crdt_store_find(store, doc(), NULL, &ref));
    CHECK_OK(crdt_marks_read(store, doc(), CRDT_CODE_POINTS, NULL, &spans));
    crdt_buf_init(&out, NULL);
    while (crdt_marks_next(spans, &span)) {
        CHECK_EQ_INT(span.start, at);
        CHECK(span.count > 0);
        at += span.count;
        print_marks(&span, &out);
        CHECK_OK(crdt_text_read(ref, CRDT_CODE_POINTS, span.start, span.count, &out));
        if (span.marks_count > 0) crdt_buf_text(&out, "[/]");
    }
    CHECK_EQ_INT(at, crdt_text_length(ref, CRDT_CODE_POINTS));
    crdt_marks_free(spans);
    CHECK(out.size < sizeof text);
    if (out.size > 0) memcpy(text, out.data, out.size);
    text[out.size] = '\0';
    crdt_buf_clear(&out);
    return text;
}

size_t rich_count(const crdt_store *store)
{
    crdt_ref   marks;
    crdt_stats stats = {0};
    if (crdt_store_beside(store, doc(), &crdt_marks_type, &marks) != CRDT_OK) return 0;
    marks.type->stats(marks.state, &stats);
    return (size_t)stats.elements;
}
