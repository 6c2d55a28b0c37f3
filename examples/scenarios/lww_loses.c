/* lww_loses.c: a stock, a cart and a title, each written by two shops at the same time: in cells
 * where the last writer wins, in registers that keep all values, and in the type that it is. */
#include <stdio.h>
#include <string.h>

#include "examples/scenarios/tell.h"

enum { NORTH, SOUTH };

/* What is read afterwards, at both. */
typedef struct kept {
    char stock[40], cart[40], title[60];
} kept;

static void read_all(const char *type, const char *key, kept *ret)
{
    snprintf(ret->stock, sizeof ret->stock, "%s", ask_all("CRDT.%s.GET %s:stock", type, key));
    snprintf(ret->cart, sizeof ret->cart, "%s", ask_all("CRDT.%s.GET %s:cart", type, key));
    snprintf(ret->title, sizeof ret->title, "%s", ask_all("CRDT.%s.GET %s:title", type, key));
}

/* Are values of the key listed as competing, at both? */
static bool is_listed(const char *key)
{
    bool north = strstr(ask(NORTH, "CRDT.CONFLICTS"), key) != NULL;
    bool south = strstr(ask(SOUTH, "CRDT.CONFLICTS"), key) != NULL;
    if (north != south) give_up("one node lists %s, one does not", key);
    return north;
}

/* Each shop reads, works out what it should be now, and writes that. */
static void write_whole(const char *type, const char *key)
{
    ask(NORTH, "CRDT.%s.SET %s:stock 10", type, key);
    ask(NORTH, "CRDT.%s.SET %s:cart bread", type, key);
    ask(NORTH, "CRDT.%s.SET %s:title Report", type, key);
    stage_settle();
    stage_cut(1);
    show(NORTH, "CRDT.%s.SET %s:stock 7", type, key);
    show(NORTH, "CRDT.%s.SET %s:cart 'bread milk'", type, key);
    show(NORTH, "CRDT.%s.SET %s:title 'Report 2026'", type, key);
    stage_pause();
    show(SOUTH, "CRDT.%s.SET %s:stock 8", type, key);
    show(SOUTH, "CRDT.%s.SET %s:cart tea", type, key);
    show(SOUTH, "CRDT.%s.SET %s:title 'Annual Report'", type, key);
    stage_heal();
    tell("  -- the network is whole again, both hold the same --");
}

static kept last_writer_wins(void)
{
    kept k;
    tell("\n1. Cells in which the last writer wins (lww)\n");
    write_whole("LWW", "lww");
    read_all("LWW", "lww", &k);
    claim(same(k.stock, "8"), "stock is %s: the 3 that north has sold are in stock again", k.stock);
    claim(same(k.cart, "tea"), "the cart holds %s: north's milk is gone", k.cart);
    claim(same(k.title, "Annual Report"), "the title is %s: north's change is gone", k.title);
    claim(is_listed("lww:stock"), "for now CRDT.CONFLICTS still has north's 7 as one that lost");
    tell("  -- north sells one more of what it takes for 8 --");
    show(NORTH, "CRDT.LWW.SET lww:stock 7");
    stage_settle();
    claim(!is_listed("lww:stock"), "that write clears it from the list: no trace is left");
    claim(same(ask_all("CRDT.LWW.GET lww:stock"), "7"), "of 10, 3 + 2 + 1 were sold, and 7 remain");
    return k;
}

static kept all_values(void)
{
    kept k;
    tell("\n2. Registers that keep what was written at the same time (mvreg)\n");
    write_whole("MVREG", "mv");
    read_all("MVREG", "mv", &k);
    claim(same(k.stock, "[7, 8]"), "stock is %s: nothing is lost, and neither is right", k.stock);
    claim(same(k.cart, "[bread milk, tea]"), "the cart is %s: somebody has to choose", k.cart);
    claim(same(k.title, "[Annual Report, Report 2026]"), "the title is %s: that, too", k.title);
    return k;
}

static kept right_type(void)
{
    kept k;
    tell("\n3. What they are: a counter, a set, a text\n");
    ask(NORTH, "CRDT.PNCOUNTER.INC stock 10");
    ask(NORTH, "CRDT.ORSET.ADD cart bread");
    ask(NORTH, "TEXT.INSERT title 0 Report");
    stage_settle();
    stage_cut(1);
    show(NORTH, "CRDT.PNCOUNTER.DEC stock 3");
    show(NORTH, "CRDT.ORSET.ADD cart milk");
    show(NORTH, "TEXT.INSERT title 6 ' 2026'");
    show(SOUTH, "CRDT.PNCOUNTER.DEC stock 2");
    show(SOUTH, "CRDT.ORSET.REMOVE cart bread");
    show(SOUTH, "CRDT.ORSET.ADD cart tea");
    show(SOUTH, "TEXT.INSERT title 0 'Annual '");
    stage_heal();
    tell("  -- the network is whole again, both hold the same --");
    snprintf(k.stock, sizeof k.stock, "%s", ask_all("CRDT.PNCOUNTER.GET stock"));
    snprintf(k.cart, sizeof k.cart, "%s", ask_all("CRDT.ORSET.GET cart"));
    snprintf(k.title, sizeof k.title, "%s", ask_all("TEXT.GET title"));
    claim(same(k.stock, "5"), "stock is %s: both sales count", k.stock);
    claim(same(k.cart, "[milk, tea]"), "the cart is %s: both changes are in it", k.cart);
    claim(same(k.title, "Annual Report 2026"), "the title is %s: both words are in it", k.title);
    return k;
}

static void row(const char *what, const char *north, const char *south, const char *lww,
                const char *mv, const char *right)
{
    tell("%-6s %-10s %-13s | %-14s %-29s %s", what, north, south, lww, mv, right);
}

int main(void)
{
    stage_open(2, (const char *const[]){"north", "south"});
    tell("Two shops share a stock of 10, a cart with bread and a title, \"Report\". While the\n"
         "network between them is cut, north sells 3, adds milk and dates the title; south sells\n"
         "2, takes tea instead of bread and calls it annual. South writes last.");
    kept lww = last_writer_wins();
    kept mv = all_values();
    kept right = right_type();
    tell("\nWhat each kept:\n");
    row("", "north", "south", "lww", "mvreg", "its type");
    row("stock", "-3", "-2", lww.stock, mv.stock, right.stock);
    row("cart", "+milk", "-bread +tea", lww.cart, mv.cart, right.cart);
    row("title", "+\" 2026\"", "+\"Annual \"", lww.title, mv.title, right.title);
    return tell_end();
}
