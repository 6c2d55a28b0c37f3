/* Rich text: Ann and Ben mark one text at the same time; what is typed at the edge of a mark is
 * part of it or not, as its kind says. Text and marks are one delta. */
#include <crdt/types.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW UINT64_C(1700000000000)

static void ok(crdt_err err)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "%s: %s\n", crdt_err_name(err), crdt_err_text(err));
    exit(1);
}

static crdt_store *new_store(uint64_t replica)
{
    crdt_options options = crdt_options_default(replica, crdt_types_builtin());
    crdt_store  *store;
    ok(crdt_store_new(&options, &store));
    return store;
}

static crdt_txn *begin(crdt_store *store)
{
    crdt_txn *txn;
    ok(crdt_store_begin(store, NOW, &txn));
    return txn;
}

static void meet(crdt_store *a, crdt_store *b)
{
    crdt_delta *delta;
    ok(crdt_store_since(a, crdt_store_context(b), &delta));
    ok(crdt_store_join(b, delta, NOW));
    crdt_store_free(delta);
    ok(crdt_store_since(b, crdt_store_context(a), &delta));
    ok(crdt_store_join(a, delta, NOW));
    crdt_store_free(delta);
}

/* Each stretch on a line of its own, with what is said of it. */
static void show(const char *who, const crdt_store *store)
{
    crdt_ref    text;
    crdt_spans *spans;
    crdt_span   span;
    ok(crdt_store_find(store, crdt_text_view("note"), NULL, &text));
    ok(crdt_marks_read(store, crdt_text_view("note"), CRDT_CODE_POINTS, NULL, &spans));
    printf("%s:\n", who);
    while (crdt_marks_next(spans, &span)) {
        crdt_buf out;
        crdt_buf_init(&out, NULL);
        ok(crdt_text_read(text, CRDT_CODE_POINTS, span.start, span.count, &out));
        printf("  %2" PRIu64 " \"%.*s\"", span.start, (int)out.size, (const char *)out.data);
        for (size_t i = 0; i < span.marks_count; i++) {
            const crdt_mark *mark = &span.marks[i];
            crdt_buf_reset(&out);
            crdt_buf_print_value(&out, mark->value);
            printf(" %.*s=%.*s", (int)mark->key.size, (const char *)mark->key.data, (int)out.size,
                   (const char *)out.data);
        }
        puts("");
        crdt_buf_clear(&out);
    }
    crdt_marks_free(spans);
}

int main(void)
{
    crdt_view      note = crdt_text_view("note");
    crdt_store    *ann = new_store(1), *ben = new_store(2);
    crdt_text_edit edit;

    crdt_txn *txn = begin(ann); /* text and marks in one transaction: one delta */
    ok(crdt_text_open(txn, note, &crdt_text_type, &edit));
    ok(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view("Meet at the mill")));
    crdt_range mill = {CRDT_CODE_POINTS, 12, 4}, all = {CRDT_CODE_POINTS, 0, 16};
    ok(crdt_marks_set(txn, note, mill, crdt_mark_of("bold", crdt_int(1))));
    ok(crdt_store_commit(ann, NULL));
    meet(ann, ben);

    txn = begin(ann); /* at the same time: Ann types at the end of bold ... */
    ok(crdt_marks_insert(txn, note, CRDT_CODE_POINTS, 16, crdt_text_view("stone")));
    ok(crdt_store_commit(ann, NULL));
    txn = begin(ben); /* ... and Ben links the word and remarks on the whole */
    ok(crdt_marks_set(txn, note, mill, crdt_mark_of("link", crdt_text("mill.org"))));
    ok(crdt_marks_set(txn, note, all, crdt_mark_of("comment:1", crdt_text("when?"))));
    ok(crdt_store_commit(ben, NULL));
    meet(ann, ben);
    show("Ann", ann);
    show("Ben", ben);

    ok(crdt_txn_remove(begin(ann), note)); /* removing the name removes both */
    ok(crdt_store_commit(ann, NULL));
    crdt_ref ref;
    printf("removed: %s\n", crdt_err_name(crdt_store_beside(ann, note, &crdt_marks_type, &ref)));
    crdt_store_free(ann);
    crdt_store_free(ben);
    return 0;
}
