/* Each type as a state, by operations and by deltas. docs/TYPES.md shows the parts marked "doc". */
#include <crdt/types.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ways.h"

/* doc: gcounter */
static void gcounter(void)
{
    crdt_store *r[3];
    int64_t     value;
    start(&crdt_gcounter_type, r);
    ok(crdt_gcounter_inc(begin(r[0]), CRDT_SOLO, 10));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_gcounter_inc(begin(r[0]), CRDT_SOLO, 3)); /* at the same time ... */
    crdt_delta *inc = commit(r[0]);
    ok(crdt_gcounter_reset(begin(r[1]), CRDT_SOLO));
    crdt_delta *reset = commit(r[1]);

    send(inc, r[1]);              /* as an operation */
    send_since(r[1], r[0]);       /* as a delta: what r[0] lacks */
    send_group(inc, reset, r[2]); /* as a delta: a group */
    ok(crdt_gcounter_value(crdt_store_solo(r[2]), &value));
    if (value != 3) exit(1); /* the reset saw the 10, not the 3 */
    finish(r, inc, reset);
}
/* end doc */

/* doc: pncounter */
static void pncounter(void)
{
    crdt_store *r[3];
    int64_t     value;
    start(&crdt_pncounter_type, r);
    ok(crdt_pncounter_inc(begin(r[0]), CRDT_SOLO, 10));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_pncounter_dec(begin(r[0]), CRDT_SOLO, 4)); /* at the same time ... */
    crdt_delta *dec = commit(r[0]);
    ok(crdt_pncounter_inc(begin(r[1]), CRDT_SOLO, 3));
    crdt_delta *inc = commit(r[1]);

    send(dec, r[1]);            /* as an operation */
    send_since(r[1], r[0]);     /* as a delta: what r[0] lacks */
    send_group(dec, inc, r[2]); /* as a delta: a group */
    ok(crdt_pncounter_value(crdt_store_solo(r[2]), &value));
    if (value != 9) exit(1);
    finish(r, dec, inc);
}
/* end doc */

/* doc: gset */
static void gset(void)
{
    crdt_store *r[3];
    crdt_value  elem;
    start(&crdt_gset_type, r);
    ok(crdt_gset_add(begin(r[0]), CRDT_SOLO, crdt_int(1)));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_gset_add(begin(r[0]), CRDT_SOLO, crdt_int(2))); /* at the same time ... */
    crdt_delta *two = commit(r[0]);
    ok(crdt_gset_add(begin(r[1]), CRDT_SOLO, crdt_int(3)));
    crdt_delta *three = commit(r[1]);

    send(two, r[1]);              /* as an operation */
    send_since(r[1], r[0]);       /* as a delta: what r[0] lacks */
    send_group(two, three, r[2]); /* as a delta: a group */
    crdt_gset_iter it = crdt_gset_iterate(crdt_store_solo(r[2]));
    while (crdt_gset_next(&it, &elem)) printf("gset holds %" PRId64 "\n", elem.i);
    finish(r, two, three);
}
/* end doc */

/* doc: twopset */
static void twopset(void)
{
    crdt_store *r[3];
    crdt_value  ticket = crdt_text("ticket 1");
    start(&crdt_twopset_type, r);
    ok(crdt_twopset_add(begin(r[0]), CRDT_SOLO, ticket));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_twopset_remove(begin(r[0]), CRDT_SOLO, ticket)); /* at the same time ... */
    crdt_delta *used = commit(r[0]);
    ok(crdt_twopset_add(begin(r[1]), CRDT_SOLO, crdt_text("ticket 2")));
    crdt_delta *more = commit(r[1]);

    send(used, r[1]);             /* as an operation */
    send_since(r[1], r[0]);       /* as a delta: what r[0] lacks */
    send_group(used, more, r[2]); /* as a delta: a group */

    crdt_txn *txn = begin(r[2]); /* adding it again does nothing, for ever */
    ok(crdt_twopset_add(txn, CRDT_SOLO, ticket));
    crdt_store_free(commit(r[2]));
    if (crdt_twopset_has(crdt_store_solo(r[2]), ticket)) exit(1);
    finish(r, used, more);
}
/* end doc */

/* doc: orset */
static void orset(void)
{
    crdt_store *r[3];
    start(&crdt_orset_type, r);
    ok(crdt_orset_add(begin(r[0]), CRDT_SOLO, crdt_text("milk")));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    crdt_txn *txn = begin(r[0]); /* at the same time: out with the milk ... */
    ok(crdt_orset_remove(txn, CRDT_SOLO, crdt_text("milk")));
    ok(crdt_orset_add(txn, CRDT_SOLO, crdt_text("tea")));
    crdt_delta *swapped = commit(r[0]);
    ok(crdt_orset_add(begin(r[1]), CRDT_SOLO, crdt_text("milk"))); /* ... and milk once more */
    crdt_delta *added = commit(r[1]);

    send(swapped, r[1]);              /* as an operation */
    send_since(r[1], r[0]);           /* as a delta: what r[0] lacks */
    send_group(swapped, added, r[2]); /* as a delta: a group */
    if (!crdt_orset_has(crdt_store_solo(r[2]), crdt_text("milk"))) exit(1); /* adding wins */
    finish(r, swapped, added);
}
/* end doc */

/* doc: rwset */
static void rwset(void)
{
    crdt_store *r[3];
    start(&crdt_rwset_type, r);
    crdt_value alice = crdt_text("alice");
    crdt_store_free(apply(r[0], "add", &alice, 1)); /* by the operation table */
    send(r[0], r[1]);                               /* as a state */
    send(r[0], r[2]);

    ok(crdt_rwset_remove(begin(r[0]), CRDT_SOLO, alice)); /* at the same time ... */
    crdt_delta *removed = commit(r[0]);
    ok(crdt_rwset_add(begin(r[1]), CRDT_SOLO, alice));
    crdt_delta *added = commit(r[1]);

    send(removed, r[1]);                                       /* as an operation */
    send_since(r[1], r[0]);                                    /* as a delta: what r[0] lacks */
    send_group(removed, added, r[2]);                          /* as a delta: a group */
    if (crdt_rwset_has(crdt_store_solo(r[2]), alice)) exit(1); /* removing wins */
    finish(r, removed, added);
}
/* end doc */

/* doc: lww */
static void lww(void)
{
    crdt_store *r[3];
    crdt_value  value;
    start(&crdt_lww_type, r);
    ok(crdt_lww_set(begin(r[0]), CRDT_SOLO, crdt_text("grey")));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_lww_set(begin(r[0]), CRDT_SOLO, crdt_text("red"))); /* at the same time ... */
    crdt_delta *red = commit(r[0]);
    ok(crdt_lww_set(begin(r[1]), CRDT_SOLO, crdt_text("blue")));
    crdt_delta *blue = commit(r[1]);

    send(red, r[1]);             /* as an operation */
    send_since(r[1], r[0]);      /* as a delta: what r[0] lacks */
    send_group(red, blue, r[2]); /* as a delta: a group */

    crdt_ref ref = crdt_store_solo(r[2]); /* the stamps are equal here: the greater id decides */
    if (crdt_lww_get(ref, &value)) printf("lww shows %.4s\n", (const char *)value.bytes.data);
    crdt_conflict c;
    for (size_t i = 0; crdt_ref_conflict(&ref, i, &c); i++) {
        printf("lww: %.*s by %" PRIu64 "%s\n", (int)c.value.bytes.size,
               (const char *)c.value.bytes.data, c.dot.replica, c.wins ? ", wins" : "");
    }
    finish(r, red, blue);
}
/* end doc */

/* doc: lwwts */
static void lwwts(void)
{
    crdt_store *r[3];
    crdt_value  value;
    start(&crdt_lwwts_type, r);
    ok(crdt_lwwts_put(begin(r[0]), CRDT_SOLO, crdt_text("grey"), 1700));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_lwwts_put(begin(r[0]), CRDT_SOLO, crdt_text("red"), 1701)); /* at the same time ... */
    crdt_delta *put = commit(r[0]);
    ok(crdt_lwwts_del(begin(r[1]), CRDT_SOLO, 1702));
    crdt_delta *del = commit(r[1]);

    send(put, r[1]);                                            /* as an operation */
    send_since(r[1], r[0]);                                     /* as a delta: what r[0] lacks */
    send_group(put, del, r[2]);                                 /* as a delta: a group */
    if (crdt_lwwts_get(crdt_store_solo(r[2]), &value)) exit(1); /* none: the delete is later */
    finish(r, put, del);
}
/* end doc */

/* doc: mvreg */
static void mvreg(void)
{
    crdt_store *r[3];
    crdt_value  value;
    start(&crdt_mvreg_type, r);
    ok(crdt_mvreg_set(begin(r[0]), CRDT_SOLO, crdt_text("grey")));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_mvreg_set(begin(r[0]), CRDT_SOLO, crdt_text("red"))); /* at the same time ... */
    crdt_delta *red = commit(r[0]);
    ok(crdt_mvreg_set(begin(r[1]), CRDT_SOLO, crdt_text("blue")));
    crdt_delta *blue = commit(r[1]);

    send(red, r[1]);             /* as an operation */
    send_since(r[1], r[0]);      /* as a delta: what r[0] lacks */
    send_group(red, blue, r[2]); /* as a delta: a group */
    for (size_t i = 0; crdt_mvreg_get(crdt_store_solo(r[2]), i, &value); i++) {
        printf("mvreg holds %.*s\n", (int)value.bytes.size, (const char *)value.bytes.data);
    }
    finish(r, red, blue);
}
/* end doc */

/* doc: max */
static void max(void)
{
    crdt_store *r[3];
    int64_t     n;
    start(&crdt_max_type, r);
    ok(crdt_max_write(begin(r[0]), CRDT_SOLO, 3));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_max_write(begin(r[0]), CRDT_SOLO, 7)); /* at the same time ... */
    crdt_delta *seven = commit(r[0]);
    ok(crdt_max_write(begin(r[1]), CRDT_SOLO, 9));
    crdt_delta *nine = commit(r[1]);

    send(seven, r[1]);             /* as an operation */
    send_since(r[1], r[0]);        /* as a delta: what r[0] lacks */
    send_group(seven, nine, r[2]); /* as a delta: a group */
    if (!crdt_max_get(crdt_store_solo(r[2]), &n) || n != 9) exit(1);
    finish(r, seven, nine);
}
/* end doc */

/* doc: min */
static void min(void)
{
    crdt_store *r[3];
    int64_t     n;
    start(&crdt_min_type, r);
    crdt_value nine = crdt_int(9);
    crdt_store_free(apply(r[0], "write", &nine, 1)); /* by the operation table */
    send(r[0], r[1]);                                /* as a state */
    send(r[0], r[2]);

    ok(crdt_min_write(begin(r[0]), CRDT_SOLO, 7)); /* at the same time ... */
    crdt_delta *seven = commit(r[0]);
    ok(crdt_min_write(begin(r[1]), CRDT_SOLO, 3));
    crdt_delta *three = commit(r[1]);

    send(seven, r[1]);              /* as an operation */
    send_since(r[1], r[0]);         /* as a delta: what r[0] lacks */
    send_group(seven, three, r[2]); /* as a delta: a group */
    if (!crdt_min_get(crdt_store_solo(r[2]), &n) || n != 3) exit(1);
    finish(r, seven, three);
}
/* end doc */

/* doc: ewflag */
static void ewflag(void)
{
    crdt_store *r[3];
    start(&crdt_ewflag_type, r);
    ok(crdt_ewflag_enable(begin(r[0]), CRDT_SOLO));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_ewflag_disable(begin(r[0]), CRDT_SOLO)); /* at the same time ... */
    crdt_delta *off = commit(r[0]);
    ok(crdt_ewflag_enable(begin(r[1]), CRDT_SOLO));
    crdt_delta *on = commit(r[1]);

    send(off, r[1]);                                      /* as an operation */
    send_since(r[1], r[0]);                               /* as a delta: what r[0] lacks */
    send_group(off, on, r[2]);                            /* as a delta: a group */
    if (!crdt_ewflag_get(crdt_store_solo(r[2]))) exit(1); /* enabled */
    finish(r, off, on);
}
/* end doc */

/* doc: dwflag */
static void dwflag(void)
{
    crdt_store *r[3];
    start(&crdt_dwflag_type, r);
    ok(crdt_dwflag_enable(begin(r[0]), CRDT_SOLO));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_dwflag_disable(begin(r[0]), CRDT_SOLO)); /* at the same time ... */
    crdt_delta *off = commit(r[0]);
    ok(crdt_dwflag_enable(begin(r[1]), CRDT_SOLO));
    crdt_delta *on = commit(r[1]);

    send(off, r[1]);                                     /* as an operation */
    send_since(r[1], r[0]);                              /* as a delta: what r[0] lacks */
    send_group(off, on, r[2]);                           /* as a delta: a group */
    if (crdt_dwflag_get(crdt_store_solo(r[2]))) exit(1); /* disabled */
    finish(r, off, on);
}
/* end doc */

/* doc: rga */
static void rga(void)
{
    crdt_store   *r[3];
    crdt_rga_edit list;
    start(&crdt_rga_type, r);
    ok(crdt_rga_open(begin(r[0]), CRDT_SOLO, &crdt_rga_type, &list));
    ok(crdt_rga_insert(&list, 0, crdt_text("wake up")));
    ok(crdt_rga_insert(&list, 1, crdt_text("go to bed")));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_rga_open(begin(r[0]), CRDT_SOLO, &crdt_rga_type, &list)); /* at the same time ... */
    ok(crdt_rga_insert(&list, 1, crdt_text("eat")));
    ok(crdt_rga_insert(&list, 2, crdt_text("work")));
    crdt_delta *day = commit(r[0]);
    ok(crdt_rga_open(begin(r[1]), CRDT_SOLO, &crdt_rga_type, &list));
    ok(crdt_rga_insert(&list, 1, crdt_text("read")));
    ok(crdt_rga_set(&list, 2, crdt_text("dream")));
    crdt_delta *night = commit(r[1]);

    send(day, r[1]);              /* as an operation */
    send_since(r[1], r[0]);       /* as a delta: what r[0] lacks */
    send_group(day, night, r[2]); /* as a delta: a group */
    crdt_rga_iter it = crdt_rga_iterate(crdt_store_solo(r[2]), 0);
    for (crdt_value v; crdt_rga_next(&it, &v);) {
        printf("rga holds %.*s\n", (int)v.bytes.size, (const char *)v.bytes.data);
    }
    finish(r, day, night);
}
/* end doc */

/* doc: text */
static void text(void)
{
    crdt_store    *r[3];
    crdt_text_edit edit;
    start(&crdt_text_type, r);
    ok(crdt_text_open(begin(r[0]), CRDT_SOLO, &crdt_text_type, &edit));
    ok(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view("Hello!")));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_text_open(begin(r[0]), CRDT_SOLO, &crdt_text_type, &edit)); /* at the same time ... */
    ok(crdt_text_insert(&edit, CRDT_CODE_POINTS, 5, crdt_text_view(" dear")));
    crdt_delta *dear = commit(r[0]);
    ok(crdt_text_open(begin(r[1]), CRDT_SOLO, &crdt_text_type, &edit));
    ok(crdt_text_insert(&edit, CRDT_CODE_POINTS, 5, crdt_text_view(" world")));
    ok(crdt_text_replace(&edit, CRDT_CODE_POINTS, 0, 1, crdt_text_view("h")));
    crdt_delta *world = commit(r[1]);

    send(dear, r[1]);              /* as an operation */
    send_since(r[1], r[0]);        /* as a delta: what r[0] lacks */
    send_group(dear, world, r[2]); /* as a delta: a group */
    if (crdt_text_length(crdt_store_solo(r[2]), CRDT_CODE_POINTS) != 17) exit(1);
    finish(r, dear, world);
}
/* end doc */

/* doc: rga_classic */
static void rga_classic(void)
{
    crdt_store *r[3];
    crdt_value  first[2] = {crdt_int(0), crdt_text("coffee")}, top[2] = {crdt_int(0), crdt_int(1)};
    start(&crdt_rga_classic_type, r);
    crdt_store_free(apply(r[0], "insert", first, 2));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    crdt_delta *one = apply(r[0], "insert", top, 2); /* at the same time ... */
    top[1] = crdt_int(2);
    crdt_delta *two = apply(r[1], "insert", top, 2);

    send(one, r[1]);            /* as an operation */
    send_since(r[1], r[0]);     /* as a delta: what r[0] lacks */
    send_group(one, two, r[2]); /* as a delta: a group */
    crdt_value value;
    if (!crdt_rga_get(crdt_store_solo(r[2]), 0, &value) || value.i != 2) exit(1);
    finish(r, one, two);
}
/* end doc */

/* doc: text_classic */
static void text_classic(void)
{
    crdt_store *r[3];
    crdt_value  args[2] = {crdt_int(0), crdt_text("done")}, all[2] = {crdt_int(0), crdt_int(4)};
    start(&crdt_text_classic_type, r);
    crdt_store_free(apply(r[0], "insert", args, 2));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    args[0] = crdt_int(2); /* at the same time ... */
    args[1] = crdt_text("...");
    crdt_delta *dots = apply(r[0], "insert", args, 2);
    crdt_delta *gone = apply(r[1], "delete", all, 2);

    send(dots, r[1]);             /* as an operation */
    send_since(r[1], r[0]);       /* as a delta: what r[0] lacks */
    send_group(dots, gone, r[2]); /* as a delta: a group */
    if (crdt_text_lines(crdt_store_solo(r[2])) != 1) exit(1);
    finish(r, dots, gone); /* what was typed at the same time stays */
}
/* end doc */

/* doc: cell */
static void cell(void)
{
    crdt_store *r[3];
    crdt_buf    text;
    crdt_buf_init(&text, NULL);
    start(&crdt_cell_type, r);
    ok(crdt_cell_set(begin(r[0]), CRDT_SOLO, crdt_text("10")));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_cell_set(begin(r[0]), CRDT_SOLO, crdt_text("20"))); /* at the same time ... */
    crdt_delta *set = commit(r[0]);
    ok(crdt_cell_incrfloat(begin(r[1]), CRDT_SOLO, crdt_text_view("0.25")));
    crdt_delta *incr = commit(r[1]);

    send(set, r[1]);             /* as an operation */
    send_since(r[1], r[0]);      /* as a delta: what r[0] lacks */
    send_group(set, incr, r[2]); /* as a delta: a group */
    ok(crdt_cell_get(crdt_store_solo(r[2]), &text));
    printf("cell shows %.*s\n", (int)text.size, (const char *)text.data);
    crdt_buf_clear(&text);
    finish(r, set, incr); /* the increment that the set did not see counts */
}
/* end doc */

/* doc: expiry */
static void expiry(void)
{
    crdt_store *r[3];
    int64_t     ms;
    start(&crdt_expiry_type, r);
    ok(crdt_expiry_expire_at(begin(r[0]), CRDT_SOLO, (int64_t)NOW + 1000));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_expiry_expire_at(begin(r[0]), CRDT_SOLO,
                             (int64_t)NOW + 500)); /* at the same time ... */
    crdt_delta *soon = commit(r[0]);
    ok(crdt_expiry_persist(begin(r[1]), CRDT_SOLO));
    crdt_delta *stay = commit(r[1]);

    send(soon, r[1]);                                              /* as an operation */
    send_since(r[1], r[0]);                                        /* as a delta: what r[0] lacks */
    send_group(soon, stay, r[2]);                                  /* as a delta: a group */
    if (crdt_expiry_deadline(crdt_store_solo(r[2]), &ms)) exit(1); /* it stays */
    finish(r, soon, stay);
}
/* end doc */

/* doc: revgraph */
static void revgraph(void)
{
    crdt_store *r[3];
    crdt_rev    rev;
    start(&crdt_revgraph_type, r);
    ok(crdt_revgraph_edit(begin(r[0]), CRDT_SOLO, crdt_text_view("5 mg")));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_revgraph_edit(begin(r[0]), CRDT_SOLO,
                          crdt_text_view("6 mg"))); /* at the same time ... */
    crdt_delta *six = commit(r[0]);
    ok(crdt_revgraph_edit(begin(r[1]), CRDT_SOLO, crdt_text_view("7 mg")));
    crdt_delta *seven = commit(r[1]);

    send(six, r[1]);              /* as an operation */
    send_since(r[1], r[0]);       /* as a delta: what r[0] lacks */
    send_group(six, seven, r[2]); /* as a delta: a group */
    crdt_revgraph_iter it = crdt_revgraph_iterate(crdt_store_solo(r[2]), CRDT_REVS_LIVE);
    while (crdt_revgraph_next(&it, &rev)) {
        printf("revgraph has %.*s\n", (int)rev.body.size, (const char *)rev.body.data);
    }
    for (int i = 0; i < 3; i++) { /* each resolves the conflict, and all write the same revision */
        ok(crdt_revgraph_merge(begin(r[i]), CRDT_SOLO, crdt_text_view("6 or 7 mg?")));
        ok(crdt_store_commit(r[i], NULL));
    }
    for (int i = 0; i < 3; i++) send(r[i], r[(i + 1) % 3]);
    send(r[0], r[1]);
    send(r[1], r[2]);
    send(r[2], r[0]);
    finish(r, six, seven);
}
/* end doc */

/* doc: bcounter */
static void bcounter(void)
{
    crdt_store *r[3];
    uint64_t    lack = 0;
    start(&crdt_bcounter_type, r);
    crdt_txn *txn = begin(r[0]);
    ok(crdt_bcounter_inc(txn, CRDT_SOLO, 10)); /* ten seats, four of them for r[1] to sell */
    ok(crdt_bcounter_transfer(txn, CRDT_SOLO, crdt_store_replica(r[1]), 4, NULL));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_bcounter_dec(begin(r[0]), CRDT_SOLO, 6, NULL)); /* at the same time ... */
    crdt_delta *six = commit(r[0]);
    if (crdt_bcounter_dec(begin(r[1]), CRDT_SOLO, 5, &lack) != CRDT_ERIGHTS) exit(1);
    crdt_store_rollback(r[1]);
    ok(crdt_bcounter_dec(begin(r[1]), CRDT_SOLO, 5 - lack, NULL)); /* what it has */
    crdt_delta *four = commit(r[1]);

    send(six, r[1]);             /* as an operation */
    send_since(r[1], r[0]);      /* as a delta: what r[0] lacks */
    send_group(six, four, r[2]); /* as a delta: a group */
    finish(r, six, four);        /* ten are sold, not eleven */
}
/* end doc */

/* doc: ormap */
static void ormap(void)
{
    crdt_store *r[3];
    crdt_view   home = crdt_text_view("home");
    start(&crdt_ormap_type, r);
    crdt_txn *txn = begin(r[0]);
    ok(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, &home, 1)); /* names are keys of it */
    ok(crdt_mvreg_set(txn, crdt_text_view("city"), crdt_text("Paris")));
    ok(crdt_pncounter_inc(txn, crdt_text_view("moves"), 5));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_ormap_remove(begin(r[0]), CRDT_SOLO, &crdt_ormap_type, &home, 1));
    crdt_delta *removed = commit(r[0]); /* at the same time ... */
    txn = begin(r[1]);
    ok(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, &home, 1));
    ok(crdt_pncounter_inc(txn, crdt_text_view("moves"), 1));
    crdt_delta *moved = commit(r[1]);

    send(removed, r[1]);              /* as an operation */
    send_since(r[1], r[0]);           /* as a delta: what r[0] lacks */
    send_group(removed, moved, r[2]); /* as a delta: a group */
    finish(r, removed, moved);        /* the move that the removal did not see */
}
/* end doc */

/* doc: ormap_rw */
/* The key "a" is removed here while a register at it is set there: what is left? */
static void removed_and_set(const crdt_type *type)
{
    crdt_store *r[3];
    crdt_value  args[2] = {crdt_text("a"), crdt_int(1)};
    start(type, r);
    crdt_store_free(apply(r[0], "set", args, 2));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    crdt_delta *removed = apply(r[0], "remove", args, 1); /* at the same time ... */
    args[1] = crdt_int(2);
    crdt_delta *set = apply(r[1], "set", args, 2);

    send(removed, r[1]);            /* as an operation */
    send_since(r[1], r[0]);         /* as a delta: what r[0] lacks */
    send_group(removed, set, r[2]); /* as a delta: a group */
    finish(r, removed, set);
}

static void ormap_rw(void)
{
    removed_and_set(&crdt_ormap_rw_type); /* nothing: the removal wins */
}
/* end doc */

/* doc: ormap_lww */
static void ormap_lww(void)
{
    removed_and_set(&crdt_ormap_lww_type); /* both have one time: the greater id wins */
}
/* end doc */

/* doc: lwwmap */
static void lwwmap(void)
{
    crdt_store      *r[3];
    crdt_lwwmap_cell cell;
    crdt_view        name = crdt_text_view("name"), mail = crdt_text_view("mail");
    start(&crdt_lwwmap_type, r);
    ok(crdt_lwwmap_put(begin(r[0]), CRDT_SOLO, name, crdt_text("Ada"), 1700, CRDT_LWWMAP_NEVER));
    ok(crdt_store_commit(r[0], NULL));
    send(r[0], r[1]); /* as a state */
    send(r[0], r[2]);

    ok(crdt_lwwmap_delete_row(begin(r[0]), CRDT_SOLO, 1750)); /* at the same time ... */
    crdt_delta *gone = commit(r[0]);
    ok(crdt_lwwmap_put(begin(r[1]), CRDT_SOLO, mail, crdt_text("a@b"), 1800, (int64_t)NOW + 1000));
    crdt_delta *put = commit(r[1]);

    send(gone, r[1]);            /* as an operation */
    send_since(r[1], r[0]);      /* as a delta: what r[0] lacks */
    send_group(gone, put, r[2]); /* as a delta: a group */
    if (!crdt_lwwmap_get(crdt_store_solo(r[2]), mail, (int64_t)NOW, &cell)) exit(1);
    if (crdt_lwwmap_get(crdt_store_solo(r[2]), mail, (int64_t)NOW + 1000, &cell)) exit(1);
    finish(r, gone, put);
}
/* end doc */

/* doc: marks */
/* Their text is another object of the same name: see examples/rich.c. Here they stand alone. */
static void marks(void)
{
    crdt_store *r[3];
    crdt_cursor first = crdt_cursor_end(CRDT_LEFT), last = crdt_cursor_end(CRDT_RIGHT);
    crdt_value  on = crdt_int(1), to = crdt_text("w.org");
    start(&crdt_marks_type, r);
    ok(crdt_marks_put(begin(r[0]), CRDT_SOLO, first, last, crdt_text_view("bold"), &on));
    crdt_delta *bold = commit(r[0]); /* at the same time ... */
    ok(crdt_marks_put(begin(r[1]), CRDT_SOLO, first, last, crdt_text_view("link"), &to));
    crdt_delta *link = commit(r[1]);

    send(bold, r[1]);             /* as an operation */
    send_since(r[1], r[0]);       /* as a delta: what r[0] lacks */
    send_group(bold, link, r[2]); /* as a delta: a group */
    finish(r, bold, link);
}
/* end doc */

/* doc: audit */
static void audit(void)
{
    crdt_store *r[3];
    crdt_value  one[] = {crdt_text("ann"), crdt_text("set"), crdt_text("dose"), crdt_text("2 mg")};
    crdt_value  two[] = {crdt_text("bob"), crdt_text("dose"), crdt_text("3 mg"), crdt_text("2 mg")};
    start(&crdt_audit_type, r);
    crdt_delta *first = apply(r[0], "append", one, 4);
    send(first, r[1]); /* as an operation */
    crdt_delta *second = apply(r[1], "supersede", two, 4);
    send(r[1], r[0]);                /* as a state */
    send_group(first, second, r[2]); /* as a delta: a group */
    finish(r, first, second);
}
/* end doc */

int main(void)
{
    gcounter();
    pncounter();
    gset();
    twopset();
    orset();
    rwset();
    lww();
    lwwts();
    mvreg();
    max();
    min();
    ewflag();
    dwflag();
    rga();
    text();
    rga_classic();
    text_classic();
    cell();
    expiry();
    marks();
    revgraph();
    bcounter();
    ormap();
    lwwmap();
    ormap_rw();
    ormap_lww();
    audit();
    return 0;
}
