/* couchdb.c: a document as CouchDB keeps it: concurrent edits become branches, one of which wins;
 * the others are kept and can be read; and a merge of both is one write, with two parents. */
#include <stdio.h>
#include <string.h>

#include "examples/scenarios/tell.h"
#include "tests/node/lib/nodes.h"

enum { PHONE, LAPTOP, DEVICES };

#define ID 48 /* bytes of an id as text */

/* A write, told; the id of its revision. */
static void put(uint32_t device, char id[ID], const char *line)
{
    snprintf(id, ID, "%s", show(device, "%s", line));
}

static void put_over(uint32_t device, char id[ID], const char *body, const char *parent)
{
    char line[256];
    snprintf(line, sizeof line, "REV.PUT card '%s' PARENT %s", body, parent);
    put(device, id, line);
}

/* Both write over the same revision while they are apart. */
static void edit_both(const char *over, const char *phone, const char *laptop, char ids[2][ID])
{
    stage_cut(1u << PHONE);
    put_over(PHONE, ids[PHONE], phone, over);
    put_over(LAPTOP, ids[LAPTOP], laptop, over);
    tell("  -- the network is whole again --");
    stage_heal();
}

static void merge(uint32_t device, char id[ID], const char *body, char parents[2][ID])
{
    char both[2 * ID];
    snprintf(both, sizeof both, "%s %s", parents[PHONE], parents[LAPTOP]);
    put_over(device, id, body, both);
}

/* -- The graph --------------------------------------------------------------------------------- */

static const char *field(const redisReply *map, const char *name)
{
    for (size_t i = 0; i + 1 < map->elements; i += 2) {
        const redisReply *value = map->element[i + 1];
        if (same(map->element[i]->str, name) && value->type == REDIS_REPLY_STRING) {
            return value->str;
        }
    }
    return "";
}

/* Prints each revision with its parents; the most that one has. */
static size_t draw(uint32_t device)
{
    redisReply *all = stage_reply(device, "REV.HISTORY card");
    size_t      most = 0;
    for (size_t i = 0; i < all->elements; i++) {
        const redisReply *parents = all->element[i]->element[3];
        char              over[64] = "";
        for (size_t p = 0; p < parents->elements; p++) {
            size_t used = strlen(over);
            snprintf(over + used, sizeof over - used, "%s%.10s..", p > 0 ? " and " : " over ",
                     parents->element[p]->str);
        }
        if (parents->elements > most) most = parents->elements;
        tell("  %.10s..%s, its body: %s", field(all->element[i], "rev"), over,
             field(all->element[i], "status"));
    }
    freeReplyObject(all);
    return most;
}

/* Prints what a tree needs beside the revisions; how much that is. */
static size_t draw_tombstones(uint32_t device)
{
    redisReply *all = stage_reply(device, "REV.TREE card");
    size_t      count = 0;
    for (size_t i = 0; i < all->elements; i++) {
        const redisReply *row = all->element[i];
        if (same(field(row, "merge"), "")) continue;
        tell("  %.10s.. deletes %.10s.., for who knows one parent", field(row, "rev"),
             field(row, "parent"));
        count++;
    }
    freeReplyObject(all);
    return count;
}

/* -- The story --------------------------------------------------------------------------------- */

static void branches(char ids[2][ID])
{
    char first[ID], line[128];
    tell("\n1. Two edits over one revision: branches\n");
    put(LAPTOP, first, "REV.PUT card 'tel 1'");
    stage_settle();
    edit_both(first, "tel 1, mobile 2", "tel 3", ids);
    const char *winner = ask_all("REV.WINNER card");
    claim(same(winner, ids[LAPTOP]), "both have the same winner: the laptop's, by number and hash");
    snprintf(line, sizeof line, "[%s, tel 1, mobile 2]", ids[PHONE]);
    claim(same(ask_all("REV.GET card REV %s", ids[PHONE]), line),
          "what lost is there at both, in full: tel 1, mobile 2");
    const char *refused = show_refused(LAPTOP, "REV.PUT card 'tel 9' PARENT %s", first);
    claim(strncmp(refused, "CONFLICT ", 9) == 0, "who has not read that is told so");
}

static void one_merge(char ids[2][ID], char merged[ID])
{
    tell("\n2. A merge: one write over both\n");
    merge(PHONE, merged, "tel 3, mobile 2", ids);
    stage_settle();
    claim(same(ask_all("REV.CONFLICTS card"), "[]") && same(ask_all("REV.WINNER card"), merged),
          "one revision is left at both");
    claim(draw(LAPTOP) == 2, "it has both as parents");
    claim(draw_tombstones(LAPTOP) == 1,
          "CouchDB is shown a child of one branch and a deletion of the other");
}

/* Each device resolves what it finds, at once: by a rule that sees the leaves alone; and by one
 * that signs its work. */
static void at_once(char merged[ID])
{
    char ids[2][ID], by[2][ID];
    tell("\n3. Both devices resolve the same conflict by themselves, at the same time\n");
    edit_both(merged, "tel 3, mobile 4", "tel 5, mobile 2", ids);
    stage_cut(1u << PHONE);
    merge(PHONE, by[PHONE], "tel 5, mobile 4", ids);
    merge(LAPTOP, by[LAPTOP], "tel 5, mobile 4", ids);
    tell("  -- the network is whole again --");
    stage_heal();
    claim(same(ask_all("REV.CONFLICTS card"), "[]") && same(by[PHONE], by[LAPTOP]),
          "the same merge of the same parents is one revision: %.10s..", by[PHONE]);
    edit_both(by[PHONE], "tel 5, mobile 6", "tel 7, mobile 4", ids);
    stage_cut(1u << PHONE);
    merge(PHONE, by[PHONE], "tel 7, mobile 6, by the phone", ids);
    merge(LAPTOP, by[LAPTOP], "tel 7, mobile 6, by the laptop", ids);
    tell("  -- the network is whole again --");
    stage_heal();
    claim(!same(ask_all("REV.CONFLICTS card"), "[]"),
          "a rule that signs its work makes the next conflict");
}

/* What comes from CouchDB keeps its ids. */
static void elsewhere(void)
{
    static const char old[] = "1-967a00dff5e02add41819138abb3284d",
                      new[] = "2-7051cbe5c8faecd085a3fa619e6e6337";
    tell("\n4. Revisions that another system made\n");
    show(LAPTOP, "REV.ACCEPT list 'milk, tea' %s %s", new, old);
    stage_settle();
    show(PHONE, "REV.ACCEPT list 'milk' %s", old);
    stage_settle();
    char line[128];
    snprintf(line, sizeof line, "[%s, milk, tea]", new);
    claim(same(ask_all("REV.GET list"), line) && same(ask_all("REV.CONFLICTS list"), "[]"),
          "an old one that comes again is no news, and no conflict");
    const char *refused = show_refused(PHONE, "REV.ACCEPT list 'rum' %s", new);
    claim(strncmp(refused, "DOUBLED ", 8) == 0,
          "another body under an id that is held is an alarm");
}

int main(void)
{
    char ids[2][ID], merged[ID];
    stage_open(DEVICES, (const char *const[]){"phone", "laptop"});
    tell("A card of the address book, on a phone and a laptop that are not always connected.");
    branches(ids);
    one_merge(ids, merged);
    at_once(merged);
    elsewhere();
    return tell_end();
}
