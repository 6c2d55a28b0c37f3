/* couchdb.c: a document as CouchDB keeps it: concurrent edits become branches, one of which wins;
 * the others are kept and can be read; and a merge of both is one write, with two parents. */
#include <stdio.h>
#include <string.h>

#include "crdt/revgraph.h"
#include "examples/scenarios/tell.h"

enum { PHONE, LAPTOP, DEVICES };
#define NOW UINT64_C(1700000000000)

/* The winner, the others behind it, of the same document at both; "(differs)" if they disagree. */
static const char *leaves(const char *key)
{
    const char *phone = ask_contents(PHONE, key);
    return same(phone, ask_contents(LAPTOP, key)) ? phone : "(differs)";
}

static void edit_both(const char *key, const char *phone, const char *laptop)
{
    stage_cut(1u << PHONE);
    show(PHONE, "CRDT.REVGRAPH.EDIT %s '%s'", key, phone);
    show(LAPTOP, "CRDT.REVGRAPH.EDIT %s '%s'", key, laptop);
    tell("  -- the network is whole again --");
    stage_heal();
}

static void branches(void)
{
    tell("\n1. Two edits over one revision: branches\n");
    show(LAPTOP, "CRDT.REVGRAPH.EDIT card 'tel 1'");
    stage_settle();
    edit_both("card", "tel 1, mobile 2", "tel 3");
    const char *both = leaves("card");
    claim(same(both, "tel 3 | tel 1, mobile 2"), "both have: %s", both);
    tell("         (the winner, by depth and hash; then what lost, in full)");
}

static void one_merge(void)
{
    tell("\n2. A merge: one write over both\n");
    show(PHONE, "CRDT.REVGRAPH.MERGE card 'tel 3, mobile 2'");
    stage_settle();
    const char *both = leaves("card");
    claim(same(both, "tel 3, mobile 2"), "one revision is left at both: %s", both);
}

/* Each device resolves what it finds, at once: by a rule that sees the leaves alone; and by one
 * that signs its work. */
static void at_once(void)
{
    tell("\n3. Both devices resolve the same conflict by themselves, at the same time\n");
    edit_both("card", "tel 3, mobile 4", "tel 5, mobile 2");
    stage_cut(1u << PHONE);
    show(PHONE, "CRDT.REVGRAPH.MERGE card 'tel 5, mobile 4'");
    show(LAPTOP, "CRDT.REVGRAPH.MERGE card 'tel 5, mobile 4'");
    tell("  -- the network is whole again --");
    stage_heal();
    const char *both = leaves("card");
    claim(same(both, "tel 5, mobile 4"), "the same merge of the same parents is one revision: %s",
          both);
    edit_both("card", "tel 5, mobile 6", "tel 7, mobile 4");
    stage_cut(1u << PHONE);
    show(PHONE, "CRDT.REVGRAPH.MERGE card 'tel 7, mobile 6, by the phone'");
    show(LAPTOP, "CRDT.REVGRAPH.MERGE card 'tel 7, mobile 6, by the laptop'");
    tell("  -- the network is whole again --");
    stage_heal();
    both = leaves("card");
    claim(strchr(both, '|') != NULL, "a rule that signs its work makes the next conflict: %s",
          both);
}

/* -- By the library: the graph ----------------------------------------------------------------- */

static void ok(crdt_err err)
{
    if (err != CRDT_OK) give_up("%s: %s", crdt_err_name(err), crdt_err_text(err));
}

static const char *print(const crdt_rev_id *id)
{
    static char text[8][64];
    static int  turn;
    char       *out = text[turn++ % 8];
    crdt_buf    bytes;
    crdt_buf_init(&bytes, NULL);
    crdt_rev_id_print(id, &bytes);
    snprintf(out, 64, "%.10s", bytes.data != NULL ? (const char *)bytes.data : "?");
    crdt_buf_clear(&bytes);
    return out;
}

typedef crdt_err write(crdt_txn *txn, crdt_view name, crdt_view body);

static crdt_delta *apply(crdt_store *store, write *what, const char *body)
{
    crdt_txn   *txn;
    crdt_delta *delta;
    ok(crdt_store_begin(store, NOW, &txn));
    ok(what(txn, CRDT_SOLO, crdt_text_view(body)));
    ok(crdt_store_commit(store, &delta));
    return delta;
}

static void give(crdt_store *to, crdt_delta *delta)
{
    ok(crdt_store_join(to, delta, NOW));
}

static size_t count_of(crdt_store *store, crdt_revs which)
{
    crdt_rev           rev;
    size_t             count = 0;
    crdt_revgraph_iter it = crdt_revgraph_iterate(crdt_store_solo(store), which);
    while (crdt_revgraph_next(&it, &rev)) count++;
    return count;
}

static size_t draw(crdt_store *store)
{
    crdt_rev           rev;
    size_t             most = 0;
    crdt_ref           doc = crdt_store_solo(store);
    crdt_revgraph_iter it = crdt_revgraph_iterate(doc, CRDT_REVS_ALL);
    while (crdt_revgraph_next(&it, &rev)) {
        crdt_rev_id parent;
        char        over[64] = "";
        for (size_t i = 0; crdt_revgraph_parent(doc, &rev.id, i, &parent); i++) {
            size_t used = strlen(over);
            snprintf(over + used, sizeof over - used, "%s%s", i > 0 ? " and " : " over ",
                     print(&parent));
        }
        if (rev.parents > most) most = rev.parents;
        tell("  %s%s", print(&rev.id), over);
    }
    return most;
}

static void graph(void)
{
    crdt_store *phone, *laptop;
    crdt_rev    rev;
    tell("\n4. What stands behind the first two: by the library\n");
    ok(crdt_revgraph_new(1, NULL, &phone));
    ok(crdt_revgraph_new(2, NULL, &laptop));
    crdt_delta *first = apply(laptop, crdt_revgraph_edit, "tel 1");
    give(phone, first);
    crdt_delta *a = apply(phone, crdt_revgraph_edit, "tel 1, mobile 2");
    crdt_delta *b = apply(laptop, crdt_revgraph_edit, "tel 3");
    give(phone, b);
    crdt_delta *merge = apply(phone, crdt_revgraph_merge, "tel 3, mobile 2");
    size_t      parents = draw(phone);
    claim(parents == 2, "the merge has both as parents; ids follow from contents");
    crdt_rev_tomb       tomb;
    crdt_revgraph_tombs tombs = {.doc = crdt_store_solo(phone)};
    bool                has_tomb = crdt_revgraph_next_tomb(&tombs, &tomb);
    if (has_tomb)
        tell("  %s deletes %s, for who knows one parent", print(&tomb.id), print(&tomb.leaf));
    claim(has_tomb && !crdt_revgraph_next_tomb(&tombs, &tomb),
          "CouchDB is shown a child of one branch and a deletion of the other");
    give(laptop, a);
    claim(count_of(laptop, CRDT_REVS_LIVE) == 2,
          "the laptop has seen both branches, not the merge");
    give(laptop, merge);
    give(laptop, a);
    give(laptop, first);
    claim(count_of(laptop, CRDT_REVS_LIVE) == 1 &&
              crdt_revgraph_winner(crdt_store_solo(laptop), &rev),
          "after it the old branches, sent once more, are no news: one revision is left");
    claim(rev.body.size == 15 && memcmp(rev.body.data, "tel 3, mobile 2", 15) == 0,
          "and it is the one that the nodes had");
    crdt_store_free(first);
    crdt_store_free(a);
    crdt_store_free(b);
    crdt_store_free(merge);
    crdt_store_free(phone);
    crdt_store_free(laptop);
}

int main(void)
{
    stage_open(DEVICES, (const char *const[]){"phone", "laptop"});
    tell("A card of the address book, on a phone and a laptop that are not always connected.");
    branches();
    one_merge();
    at_once();
    graph();
    return tell_end();
}
