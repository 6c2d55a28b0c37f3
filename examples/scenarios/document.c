/* document.c: one text, three people who edit it at the same time at three nodes; and where their
 * cursors end up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/text.h"
#include "examples/scenarios/tell.h"

enum { ANN, BOB, CY, PEOPLE };
#define NOW UINT64_C(1700000000000)

static const char *const names[PEOPLE] = {"ann", "bob", "cy"};

/* -- Positions alone --------------------------------------------------------------------------- */

static void insert(char *text, size_t at, const char *what)
{
    memmove(text + at + strlen(what), text + at, strlen(text + at) + 1);
    memcpy(text + at, what, strlen(what));
}

static void delete (char *text, size_t from, size_t count)
{
    memmove(text + from, text + from + count, strlen(text + from + count) + 1);
}

static void by_positions(void)
{
    char ann[32] = "0123456789", bob[32] = "0123456789";
    tell("\n1. If editors only sent each other \"insert at 5\" and \"delete 3 to 7\"\n");
    insert(ann, 5, "Hello");
    delete (ann, 3, 5);
    delete (bob, 3, 5);
    insert(bob, strlen(bob) < 5 ? strlen(bob) : 5, "Hello");
    claim(!same(ann, bob), "Ann would have %s and Bob %s, for ever", ann, bob);
}

/* -- Three nodes ------------------------------------------------------------------------------- */

static void at_nodes(char merged[64])
{
    tell("\n2. Three nodes, one text, no network\n");
    ask(ANN, "TEXT.INSERT page 0 0123456789");
    stage_settle();
    stage_scatter();
    show(ANN, "TEXT.INSERT page 5 Hello");
    show(BOB, "TEXT.DELETE page 3 5");
    show(CY, "TEXT.INSERT page 10 !");
    for (uint32_t i = 0; i < PEOPLE; i++) show(i, "TEXT.GET page");
    tell("  -- the network is back --");
    stage_heal();
    snprintf(merged, 64, "%s", ask_all("TEXT.GET page"));
    claim(same(merged, "012Hello89!"), "all three have %s: Hello stays, in the gap", merged);
}

/* Both type at one place. Whose words come first is decided by the nodes' ids, which are random. */
static void same_place(void)
{
    tell("\n3. Two type at the same place\n");
    stage_cut(1u << ANN);
    for (const char *letter = "<Ann>"; *letter != 0; letter++) {
        ask(ANN, "TEXT.INSERT page -1 %c", *letter);
    }
    for (const char *letter = "<Cy>"; *letter != 0; letter++) {
        ask(CY, "TEXT.INSERT page -1 %c", *letter);
    }
    tell("  ann> types <Ann> at the end, a letter at a time\n"
         "  cy> types <Cy> at the end, a letter at a time");
    stage_heal();
    const char *text = ask_all("TEXT.GET page");
    bool        ann_first = same(text, "012Hello89!<Ann><Cy>");
    bool        cy_first = same(text, "012Hello89!<Cy><Ann>");
    claim(ann_first || cy_first, "one after the other, the same everywhere, no letters mixed");
}

/* -- Cursors ----------------------------------------------------------------------------------- */

static void ok(crdt_err err)
{
    if (err != CRDT_OK) give_up("%s: %s", crdt_err_name(err), crdt_err_text(err));
}

/* Delete, then insert; what it was comes out as a delta. */
static crdt_delta *edit(crdt_store *store, uint64_t at, uint64_t count, const char *text)
{
    crdt_txn      *txn;
    crdt_text_edit e;
    crdt_delta    *delta;
    ok(crdt_store_begin(store, NOW, &txn));
    ok(crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &e));
    ok(crdt_text_replace(&e, CRDT_CODE_POINTS, at, count, crdt_text_view(text)));
    ok(crdt_store_commit(store, &delta));
    return delta;
}

static void give_all(crdt_store *const stores[PEOPLE], crdt_delta *delta)
{
    for (int i = 0; i < PEOPLE; i++) ok(crdt_store_join(stores[i], delta, NOW));
    crdt_store_free(delta);
}

/* The text with | where the cursor is. */
static void draw(crdt_store *store, crdt_cursor cursor, char out[64])
{
    crdt_buf bytes;
    uint64_t at;
    crdt_ref text = crdt_store_solo(store);
    crdt_buf_init(&bytes, NULL);
    ok(crdt_text_read(text, CRDT_CODE_POINTS, 0, UINT64_MAX, &bytes));
    ok(crdt_text_find(text, cursor, CRDT_CODE_POINTS, &at));
    snprintf(out, 64, "%.*s", (int)bytes.size, (const char *)bytes.data);
    insert(out, at, "|");
    crdt_buf_clear(&bytes);
}

static void cursors(const char *merged)
{
    crdt_store *stores[PEOPLE];
    crdt_cursor cursor[PEOPLE];
    char        drawn[PEOPLE][64];
    static const struct {
        uint64_t    at;
        crdt_side   side;
        const char *where;
    } put[PEOPLE] = {{10, CRDT_RIGHT, "behind her Hello"},
                     {3, CRDT_RIGHT, "behind the 2"},
                     {6, CRDT_LEFT, "in front of the 6"}};
    tell("\n4. Their cursors: the same edits, by the library\n");
    for (uint64_t i = 0; i < PEOPLE; i++) ok(crdt_text_new(i + 1, NULL, &stores[i]));
    give_all(stores, edit(stores[ANN], 0, 0, "0123456789"));
    crdt_delta *hello = edit(stores[ANN], 5, 0, "Hello"), *gap = edit(stores[BOB], 3, 5, "");
    for (int i = 0; i < PEOPLE; i++) {
        ok(crdt_text_cursor(crdt_store_solo(stores[i]), CRDT_CODE_POINTS, put[i].at, put[i].side,
                            &cursor[i]));
        draw(stores[i], cursor[i], drawn[i]);
        tell("  %-3s %-16s %s", names[i], drawn[i], put[i].where);
    }
    crdt_delta *mark = edit(stores[CY], 10, 0, "!");
    give_all(stores, hello);
    give_all(stores, gap);
    give_all(stores, mark);
    tell("  -- all have all --");
    for (int i = 0; i < PEOPLE; i++) {
        draw(stores[(i + 1) % PEOPLE], cursor[i], drawn[i]);
        tell("  %-3s %-16s as %s sees it", names[i], drawn[i], names[(i + 1) % PEOPLE]);
    }
    claim(same(drawn[ANN], "012Hello|89!"), "Ann goes on typing behind her Hello");
    claim(same(drawn[BOB], "012|Hello89!"),
          "Bob's is still behind the 2: what Ann typed is right of it");
    claim(same(drawn[CY], "012Hello|89!"), "Cy's stands where the 6 was, though it is deleted");
    draw(stores[CY], crdt_cursor_end(CRDT_RIGHT), drawn[CY]);
    drawn[CY][strlen(drawn[CY]) - 1] = 0;
    claim(same(drawn[CY], merged), "the library and the nodes have merged to the same text");
    for (int i = 0; i < PEOPLE; i++) crdt_store_free(stores[i]);
}

int main(void)
{
    char merged[64];
    tell("Ann, Bob and Cy edit the text 0123456789. Ann inserts Hello at 5 while Bob deletes 3\n"
         "to 7 and Cy puts a mark at the end.");
    by_positions();
    stage_open(PEOPLE, names);
    at_nodes(merged);
    same_place();
    cursors(merged);
    return tell_end();
}
