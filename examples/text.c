/* Two people edit one text offline and merge; a cursor stays where it was put; positions as an
 * editor counts them; a list whose elements are set. */
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

/* The text `name`, to be edited in a transaction of its own. */
static crdt_text_edit edit_text(crdt_store *store, const char *name)
{
    crdt_txn      *txn;
    crdt_text_edit edit;
    ok(crdt_store_begin(store, NOW, &txn));
    ok(crdt_text_open(txn, crdt_text_view(name), &crdt_text_type, &edit));
    return edit;
}

static crdt_ref find(const crdt_store *store, const char *name)
{
    crdt_ref ref;
    ok(crdt_store_find(store, crdt_text_view(name), NULL, &ref));
    return ref;
}

static void show(const char *who, const crdt_store *store, const char *name)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    ok(crdt_text_read(find(store, name), CRDT_CODE_POINTS, 0, UINT64_MAX, &out));
    printf("%s: %.*s\n", who, (int)out.size, (const char *)out.data);
    crdt_buf_clear(&out);
}

/* Each gets what it lacks. */
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

static void write_apart(crdt_store *ann, crdt_store *ben)
{
    crdt_text_edit edit = edit_text(ann, "letter");
    ok(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view("Dear Sam, come soon.")));
    ok(crdt_store_commit(ann, NULL));
    meet(ann, ben);

    /* Offline. Ben puts his cursor before "soon", so that it stays there. */
    crdt_cursor cursor;
    ok(crdt_text_cursor(find(ben, "letter"), CRDT_CODE_POINTS, 15, CRDT_LEFT, &cursor));
    edit = edit_text(ann, "letter");
    ok(crdt_text_replace(&edit, CRDT_CODE_POINTS, 5, 3, crdt_text_view("Samantha")));
    ok(crdt_store_commit(ann, NULL));
    edit = edit_text(ben, "letter");
    ok(crdt_text_insert(&edit, CRDT_CODE_POINTS, 19, crdt_text_view(", and bring cake")));
    ok(crdt_text_delete(&edit, CRDT_CODE_POINTS, 0, 5));
    show("Ben, while his transaction is open", ben, "letter");
    ok(crdt_store_commit(ben, NULL));

    meet(ann, ben);
    show("Ann", ann, "letter");
    show("Ben", ben, "letter");
    uint64_t pos;
    ok(crdt_text_find(find(ben, "letter"), cursor, CRDT_CODE_POINTS, &pos));
    printf("the cursor is at %" PRIu64 "\n", pos);

    /* It can be sent: the same place for Ann. */
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    crdt_cursor_encode(cursor, &bytes);
    ok(crdt_buf_status(&bytes));
    ok(crdt_cursor_decode(crdt_buf_bytes(&bytes), &cursor));
    ok(crdt_text_find(find(ann, "letter"), cursor, CRDT_CODE_POINTS, &pos));
    printf("and for Ann at %" PRIu64 "\n", pos);
    crdt_buf_clear(&bytes);
}

/* Editors in browsers count in UTF-16 units, where a face is two. */
static void count_units(crdt_store *ann)
{
    crdt_text_edit edit = edit_text(ann, "note");
    ok(crdt_text_insert(&edit, CRDT_UTF16_UNITS, 0,
                        crdt_text_view("\xf0\x9f\x98\x80 caf\xc3\xa9\n")));
    crdt_err err = crdt_text_insert(&edit, CRDT_UTF16_UNITS, 1, crdt_text_view("x"));
    printf("inside the face: %s\n", crdt_err_name(err));
    ok(crdt_text_insert(&edit, CRDT_UTF16_UNITS, 7, crdt_text_view("!")));
    ok(crdt_store_commit(ann, NULL));
    crdt_ref note = find(ann, "note");
    printf("%" PRIu64 " code points, %" PRIu64 " UTF-16 units, %" PRIu64 " bytes, %" PRIu64
           " lines\n",
           crdt_text_length(note, CRDT_CODE_POINTS), crdt_text_length(note, CRDT_UTF16_UNITS),
           crdt_text_length(note, CRDT_UTF8_BYTES), crdt_text_lines(note));
    edit = edit_text(ann, "note");
    ok(crdt_text_delete(&edit, CRDT_UTF16_UNITS, 0, 2));
    crdt_store_rollback(ann); /* never mind */
    show("Ann", ann, "note");
}

static crdt_rga_edit edit_list(crdt_store *store)
{
    crdt_txn     *txn;
    crdt_rga_edit edit;
    ok(crdt_store_begin(store, NOW, &txn));
    ok(crdt_rga_open(txn, crdt_text_view("to do"), &crdt_rga_type, &edit));
    return edit;
}

static void keep_a_list(crdt_store *ann, crdt_store *ben)
{
    crdt_rga_edit list = edit_list(ann);
    ok(crdt_rga_insert(&list, 0, crdt_text("buy flour")));
    ok(crdt_rga_insert(&list, 1, crdt_text("bake")));
    ok(crdt_store_commit(ann, NULL));
    meet(ann, ben);
    list = edit_list(ann);
    ok(crdt_rga_set(&list, 0, crdt_text("buy flour (done)")));
    ok(crdt_store_commit(ann, NULL));
    list = edit_list(ben);
    ok(crdt_rga_insert(&list, 1, crdt_text("find a recipe")));
    ok(crdt_store_commit(ben, NULL));
    meet(ann, ben);
    crdt_rga_iter it = crdt_rga_iterate(find(ben, "to do"), 0);
    for (crdt_value v; crdt_rga_next(&it, &v);) {
        printf("- %.*s\n", (int)v.bytes.size, (const char *)v.bytes.data);
    }
}

int main(void)
{
    crdt_store  *ann, *ben;
    crdt_options options = crdt_options_default(0xa11ce, crdt_types_builtin());
    ok(crdt_store_new(&options, &ann));
    options.replica = 0xb0b;
    ok(crdt_store_new(&options, &ben));
    write_apart(ann, ben);
    count_units(ann);
    keep_a_list(ann, ben);
    crdt_store_free(ann);
    crdt_store_free(ben);
    return 0;
}
