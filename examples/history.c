/* Who wrote this: two people write one text; what it was; what the other one's changes did, as an
 * editor applies them; and undo, which takes back one's own changes alone. */
#include <crdt/types.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW UINT64_C(1700000000000)

enum { ANN = 0xa11ce, BEN = 0xb0b };

static void ok(crdt_err err)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "%s: %s\n", crdt_err_name(err), crdt_err_text(err));
    exit(1);
}

/* Replace `count` code points at pos by text. */
static void replace(crdt_store *store, uint64_t pos, uint64_t count, const char *text)
{
    crdt_txn      *txn;
    crdt_text_edit edit;
    ok(crdt_store_begin(store, NOW, &txn));
    ok(crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &edit));
    ok(crdt_text_replace(&edit, CRDT_CODE_POINTS, pos, count, crdt_text_view(text)));
    ok(crdt_store_commit(store, NULL));
}

static void send_all(const crdt_store *from, crdt_store *to)
{
    crdt_delta *delta;
    ok(crdt_store_since(from, crdt_store_context(to), &delta));
    ok(crdt_store_join(to, delta, NOW));
    crdt_store_free(delta);
}

static const char *name_of(uint64_t replica)
{
    return replica == ANN ? "Ann" : replica == BEN ? "Ben" : "nobody";
}

static void show(const char *what, const crdt_store *store, const crdt_context *at)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    ok(crdt_text_at(crdt_store_solo(store), at, &out));
    printf("%s: %.*s\n", what, (int)out.size, (const char *)out.data);
    crdt_buf_clear(&out);
}

static void tell_who_wrote_this(const crdt_store *store)
{
    crdt_steps steps;
    crdt_steps_init(&steps, NULL);
    ok(crdt_text_diff(crdt_store_solo(store), NULL, NULL, CRDT_CODE_POINTS, true, &steps));
    printf("who wrote this:\n");
    for (size_t i = 0; i < steps.count; i++) {
        const crdt_step *s = &steps.at[i];
        printf("  %s: \"%.*s\"\n", name_of(s->author), (int)s->text.size,
               (const char *)s->text.data);
    }
    crdt_steps_clear(&steps);
}

/* What changed since, in the units of a browser. */
static void tell_what_changed(const crdt_store *store, const crdt_context *since)
{
    crdt_steps steps;
    crdt_steps_init(&steps, NULL);
    ok(crdt_text_diff(crdt_store_solo(store), since, NULL, CRDT_UTF16_UNITS, true, &steps));
    printf("what changed meanwhile:\n");
    for (size_t i = 0; i < steps.count; i++) {
        const crdt_step *s = &steps.at[i];
        if (s->kind == CRDT_RETAIN) printf("  keep %" PRIu64 "\n", s->count);
        if (s->kind == CRDT_DELETE) {
            printf("  %s deleted %" PRIu64 " of %s's\n", name_of(s->by), s->count,
                   name_of(s->author));
        }
        if (s->kind == CRDT_INSERT) {
            printf("  %s wrote \"%.*s\"\n", name_of(s->author), (int)s->text.size,
                   (const char *)s->text.data);
        }
    }
    crdt_steps_clear(&steps);
}

int main(void)
{
    crdt_store  *ann, *ben;
    crdt_context before;
    crdt_undo   *undo;
    ok(crdt_text_new(ANN, NULL, &ann));
    ok(crdt_text_new(BEN, NULL, &ben));
    ok(crdt_undo_new(ann, CRDT_SOLO, &crdt_text_type, 100, &undo));
    replace(ann, 0, 0, "The quick fox jumps.");
    ok(crdt_undo_note(undo, false)); /* from here to here is one step */
    send_all(ann, ben);
    crdt_context_init(&before, NULL);
    ok(crdt_context_copy(&before, crdt_store_context(ann))); /* as much as was seen: a value */

    replace(ben, 10, 0, "brown ");
    replace(ben, 25, 1, " over the dog \xf0\x9f\x90\x95.");
    replace(ann, 4, 5, "slow");
    ok(crdt_undo_note(undo, false));
    send_all(ben, ann);

    show("now", ann, NULL);
    show("as it was", ann, &before);
    tell_who_wrote_this(ann);
    tell_what_changed(ann, &before);

    ok(crdt_undo_back(undo, NOW, NULL));
    show("undone", ann, NULL);
    ok(crdt_undo_back(undo, NOW, NULL));
    show("undone once more, Ben's text stays", ann, NULL);
    ok(crdt_undo_again(undo, NOW, NULL));
    ok(crdt_undo_again(undo, NOW, NULL));
    show("and done again", ann, NULL);
    send_all(ann, ben);
    show("Ben sees", ben, NULL);
    crdt_undo_free(undo);
    crdt_context_clear(&before);
    crdt_store_free(ann);
    crdt_store_free(ben);
    return 0;
}
