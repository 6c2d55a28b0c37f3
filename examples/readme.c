/* Two replicas change one set at the same time, exchange the changes as bytes, and agree. */
#include <crdt/orset.h>
#include <stdio.h>
#include <stdlib.h>

static void ok(crdt_err err)
{
    if (err != CRDT_OK) exit(1);
}

int main(void)
{
    crdt_value  bread = crdt_text("bread"), milk = crdt_text("milk");
    crdt_store *set[2], *delta;
    crdt_buf    wire[2];
    for (int i = 0; i < 2; i++) { /* each replica writes on its own */
        crdt_txn *txn;
        ok(crdt_orset_new((uint64_t)i + 1, NULL, &set[i])); /* its id: 64 random bits in earnest */
        ok(crdt_store_begin(set[i], 1700000000000, &txn));  /* the time in ms: you pass it in */
        ok(crdt_orset_add(txn, CRDT_SOLO, i == 0 ? bread : milk));
        ok(crdt_store_commit(set[i], &delta));
        crdt_buf_init(&wire[i], NULL);
        ok(crdt_store_encode(delta, &wire[i])); /* bytes, to send as you like */
        crdt_store_free(delta);
    }
    for (int i = 0; i < 2; i++) { /* each takes in what the other wrote */
        ok(crdt_delta_decode(set[i], crdt_buf_bytes(&wire[1 - i]), &delta, NULL));
        ok(crdt_store_join(set[i], delta, 1700000000000));
        crdt_ref ref = crdt_store_solo(set[i]);
        printf("%d: bread %d, milk %d\n", i, crdt_orset_has(ref, bread), crdt_orset_has(ref, milk));
        crdt_store_free(delta);
        crdt_store_free(set[i]);
        crdt_buf_clear(&wire[1 - i]);
    }
}
