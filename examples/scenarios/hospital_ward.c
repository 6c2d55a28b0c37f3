/* hospital_ward.c: what the wards write: pulses, doses, and the audit of each dose. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "crdt/types.h"
#include "examples/scenarios/hospital.h"
#include "examples/scenarios/tell.h"
#include "sim/random.h"

void hospital_ok(crdt_err err)
{
    if (err != CRDT_OK) give_up("%s: %s", crdt_err_name(err), crdt_err_text(err));
}

static crdt_view drug_name(char name[40], uint32_t drug)
{
    snprintf(name, 40, "p%u/drug%u", drug / DRUGS, drug % DRUGS);
    return crdt_text_view(name);
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* The prescriptions that show of a drug here, as "T3#17,T5#4". Returns how many. */
size_t hospital_shown(const node *n, uint32_t drug, char out[200])
{
    char       name[40];
    crdt_ref   dose;
    crdt_value value;
    size_t     i = 0, used = 0;
    out[0] = 0;
    if (crdt_store_find(n->store, drug_name(name, drug), &crdt_mvreg_type, &dose)) return 0;
    for (; crdt_mvreg_get(dose, i, &value); i++) {
        used += (size_t)snprintf(out + used, 200 - used, "%s%.*s", i > 0 ? "," : "",
                                 (int)value.bytes.size, (const char *)value.bytes.data);
    }
    return i;
}

/* A dose and its audit record (who, when, what, what it supersedes, hash of the record before), in
 * one transaction: both are there or neither. `seen` is what is superseded. */
static void prescribe(hospital *h, crdt_txn *txn, const node *n, uint32_t drug, const char *seen)
{
    char     name[40], dose[40], record[400];
    uint32_t number = ++h->written[n->index];
    snprintf(dose, sizeof dose, "%u#%u", n->index, number);
    hospital_ok(crdt_mvreg_set(txn, drug_name(name, drug), crdt_text(dose)));
    int size = snprintf(record, sizeof record, "%u %u %" PRIu64 " %u %016" PRIx64 " %s", n->index,
                        number, node_ms(n), drug, h->chain[n->index], seen);
    h->chain[n->index] = XXH3_64bits(record, (size_t)size);
    hospital_ok(crdt_gset_add(txn, HOSPITAL_NAME(name, "audit/%u", n->index), crdt_text(record)));
    h->index[n->index][number] = h->count;
    h->given[h->count++] = (prescription){
        .author = n->index, .number = number, .drug = drug, .before = h->latest[drug]};
    h->latest[drug] = h->count;
}

static crdt_txn *begin(hospital *h, node *n)
{
    crdt_txn *txn;
    hospital_ok(gossip_engine_write(n->engine, h->w.now, node_ms(n), &txn));
    return txn;
}

/* first: of the prescriptions made in this transaction. */
static void commit(hospital *h, node *n, uint32_t first)
{
    hospital_ok(gossip_engine_commit(n->engine, NULL));
    node_run(n);
    while (first < h->count) h->given[first++].entry = h->w.history.count - 1;
}

void hospital_admit_all(hospital *h)
{
    node *n = &h->w.nodes[SERVER];
    for (uint32_t patient = 0; patient < PATIENTS; patient++) {
        uint32_t  first = h->count;
        crdt_txn *txn = begin(h, n);
        for (uint32_t d = 0; d < DRUGS; d++) prescribe(h, txn, n, patient * DRUGS + d, "");
        commit(h, n, first);
    }
}

/* The pulse is taken, or read from a device that took it up to 12 h ago; a third of the time a dose
 * is changed. Patients are seen in their ward, hardly ever elsewhere; not on the tablet `busy`. */
void hospital_encounter(hospital *h, uint32_t busy, uint32_t encounter)
{
    char     name[40], seen[200];
    uint8_t  sample[16] = {0};
    uint32_t patient, first = h->count;
    node    *n;
    do {
        patient = (uint32_t)random_below(&h->rand, PATIENTS);
        uint64_t away = random_chance(&h->rand, 8000) ? random_between(&h->rand, 1, 7) : 0;
        n = &h->w.nodes[1 + (patient + away) % TABLETS];
    } while (n->index == busy);
    uint64_t taken = node_ms(n);
    if (random_chance(&h->rand, 100000)) taken -= random_below(&h->rand, 12 * 3600 * 1000);
    for (int i = 0; i < 8; i++) sample[i] = (uint8_t)(taken >> (56 - 8 * i)); /* sorts by time */
    sample[8] = (uint8_t)random_between(&h->rand, 50, 140);
    memcpy(sample + 12, &encounter, sizeof encounter);
    crdt_txn *txn = begin(h, n);
    hospital_ok(crdt_gset_add(txn, HOSPITAL_NAME(name, "p%u/pulse", patient),
                              crdt_bytes(sample, sizeof sample)));
    if (random_below(&h->rand, 3) == 0) {
        uint32_t drug = patient * DRUGS + (uint32_t)random_below(&h->rand, DRUGS);
        hospital_shown(n, drug, seen);
        prescribe(h, txn, n, drug, seen);
    }
    commit(h, n, first);
    h->last_written[patient] = taken;
    if (taken > h->newest[patient]) h->newest[patient] = taken;
}

void hospital_change(hospital *h, node *n, uint32_t drug, const crdt_context *at, const char *read)
{
    char      seen[200];
    uint32_t  first = h->count;
    crdt_txn *txn = begin(h, n);
    hospital_shown(n, drug, seen);
    if (at != NULL) crdt_txn_at(txn, at);
    prescribe(h, txn, n, drug, at != NULL ? read : seen);
    commit(h, n, first);
}
