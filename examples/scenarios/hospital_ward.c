/* hospital_ward.c: what the wards write: pulses, doses, and the audit of each dose. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "examples/scenarios/hospital.h"
#include "examples/scenarios/tell.h"
#include "sim/random.h"

void hospital_ok(crdt_err err)
{
    if (err != CRDT_OK) give_up("%s: %s", crdt_err_name(err), crdt_err_text(err));
}

crdt_view hospital_drug(char name[40], uint32_t drug)
{
    snprintf(name, 40, "p%u/drug%u", drug / DRUGS, drug % DRUGS);
    return crdt_text_view(name);
}

crdt_view hospital_dose(char text[40], uint32_t author, uint32_t number)
{
    snprintf(text, 40, "%u#%u", author, number);
    return crdt_text_view(text);
}

/* -- Reading ----------------------------------------------------------------------------------- */

bool hospital_read(const hospital *h, const node *n, uint32_t drug, crdt_outcome *ret_outcome)
{
    char      name[40];
    crdt_path path = crdt_path_of(hospital_drug(name, drug));
    crdt_err  err = crdt_resolve(n->store, h->rules, &path, ret_outcome);
    if (err != CRDT_ENOENT) hospital_ok(err);
    return err == CRDT_OK;
}

size_t hospital_shown(const hospital *h, const node *n, uint32_t drug, char out[200])
{
    crdt_outcome record;
    size_t       used = 0;
    out[0] = 0;
    if (!hospital_read(h, n, drug, &record)) return 0;
    size_t count = record.count;
    for (size_t i = 0; i < count; i++) {
        crdt_view dose = record.items[i].value.bytes;
        used += (size_t)snprintf(out + used, 200 - used, "%s%.*s", i > 0 ? "," : "", (int)dose.size,
                                 (const char *)dose.data);
    }
    crdt_outcome_clear(&record);
    return count;
}

/* -- Writing ----------------------------------------------------------------------------------- */

#define SEEN_MAX 20u

/* The digests of the doses in "3#17,5#4". */
static size_t digests_of(const char *seen, crdt_audit_hash digests[SEEN_MAX])
{
    size_t count = 0;
    while (*seen != 0 && count < SEEN_MAX) {
        size_t size = strcspn(seen, ",");
        digests[count++] = crdt_audit_digest(crdt_bytes(seen, size));
        seen += size + (seen[size] == ',');
    }
    return count;
}

/* Who did what to a drug; dose (empty: none) in place of those in `seen`. */
static void record(crdt_txn *txn, const node *n, const char *operation, uint32_t drug,
                   const char *dose, const char *seen)
{
    char             who[40], name[40];
    crdt_audit_hash  superseded[SEEN_MAX];
    crdt_value       body = crdt_text(dose);
    crdt_audit_entry entry = {.author = HOSPITAL_NAME(who, "node %u", n->index),
                              .operation = crdt_text_view(operation),
                              .subject = hospital_drug(name, drug),
                              .body = dose[0] != 0 ? &body : NULL,
                              .superseded = superseded,
                              .superseded_count = digests_of(seen, superseded)};
    hospital_ok(crdt_audit_append(txn, HOSPITAL_AUDIT, &entry));
}

/* A dose and its audit record, in one transaction: both are there or neither. `seen` is what is
 * superseded. */
static void prescribe(hospital *h, crdt_txn *txn, const node *n, uint32_t drug, const char *seen)
{
    char      name[40], dose[40];
    uint32_t  number = ++h->written[n->index];
    crdt_view text = hospital_dose(dose, n->index, number);
    hospital_ok(crdt_mvreg_set(txn, hospital_drug(name, drug), crdt_bytes(text.data, text.size)));
    record(txn, n, "prescribe", drug, dose, seen);
    h->index[n->index][number] = h->count;
    h->given[h->count++] = (prescription){.author = n->index,
                                          .number = number,
                                          .drug = drug,
                                          .before = h->latest[drug],
                                          .stamp = crdt_txn_stamp(txn)};
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
        hospital_shown(h, n, drug, seen);
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
    hospital_shown(h, n, drug, seen);
    if (at != NULL) crdt_txn_at(txn, at);
    prescribe(h, txn, n, drug, at != NULL ? read : seen);
    commit(h, n, first);
}

crdt_err hospital_ack(hospital *h, node *n, uint32_t drug, const crdt_context *seen)
{
    char      name[40];
    crdt_txn *txn = begin(h, n);
    crdt_path path = crdt_path_of(hospital_drug(name, drug));
    crdt_err  err = crdt_ack(txn, h->rules, &path, seen, NULL);
    if (err != CRDT_OK) {
        gossip_engine_rollback(n->engine);
        return err;
    }
    record(txn, n, "acknowledge", drug, "", "");
    commit(h, n, h->count);
    h->acks++;
    return CRDT_OK;
}
