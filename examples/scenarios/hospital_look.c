/* hospital_look.c: what a node shows, held against what really happened. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crdt/types.h"
#include "examples/scenarios/hospital.h"
#include "examples/scenarios/tell.h"

/* -- The truth, told by the simulator: who had seen what --------------------------------------- */

static void find_truth(hospital *h)
{
    const history *all = &h->w.history;
    for (uint32_t i = 0; i < h->count; i++) {
        const history_entry *later = &all->entries[h->given[i].entry];
        for (uint32_t k = h->given[i].before; k != 0; k = h->given[k - 1].before) {
            prescription        *earlier = &h->given[k - 1];
            const history_entry *e = &all->entries[earlier->entry];
            earlier->superseded |= history_past(all, later, e->who) >= e->last;
        }
    }
}

static uint32_t truth_count(const hospital *h, uint32_t drug)
{
    uint32_t count = 0;
    for (uint32_t k = h->latest[drug]; k != 0; k = h->given[k - 1].before) {
        count += !h->given[k - 1].superseded;
    }
    return count;
}

/* The prescription that "author#number" names. */
static prescription *find(hospital *h, const char *text)
{
    uint32_t author = 0, number = 0;
    if (sscanf(text, "%u#%u", &author, &number) != 2 || author >= NODES) give_up("dose %s", text);
    if (number == 0 || number > h->written[author]) give_up("dose %s", text);
    return &h->given[h->index[author][number]];
}

/* -- Looking ----------------------------------------------------------------------------------- */

static bool is_right(hospital *h, const crdt_outcome *record, uint32_t drug)
{
    char dose[40];
    for (size_t i = 0; i < record->count; i++) {
        crdt_view text = record->items[i].value.bytes;
        snprintf(dose, sizeof dose, "%.*s", (int)text.size, (const char *)text.data);
        const prescription *g = find(h, dose);
        if (g->drug != drug || g->superseded) return false;
    }
    return record->count == truth_count(h, drug);
}

static void look_at_drugs(hospital *h, const node *n, looked *ret)
{
    for (uint32_t drug = 0; drug < PATIENTS * DRUGS; drug++) {
        crdt_outcome record;
        if (!hospital_read(h, n, drug, &record)) {
            ret->wrong++;
            continue;
        }
        ret->wrong += !is_right(h, &record, drug);
        ret->flagged += record.needs_review;
        ret->kept += record.competing > 0 && !record.needs_review;
        ret->hidden += (uint32_t)record.count - 1;
        crdt_outcome_clear(&record);
    }
}

/* What is measured last shows, whenever it came. */
static void look_at_pulses(const hospital *h, const node *n, looked *ret)
{
    char       name[40];
    crdt_ref   pulses;
    crdt_value sample;
    for (uint32_t patient = 0; patient < PATIENTS; patient++) {
        uint64_t  newest = 0;
        crdt_view pulse = HOSPITAL_NAME(name, "p%u/pulse", patient);
        if (crdt_store_find(n->store, pulse, &crdt_gset_type, &pulses) != CRDT_OK) continue;
        crdt_gset_iter it = crdt_gset_iterate(pulses);
        while (crdt_gset_next(&it, &sample)) {
            const uint8_t *bytes = sample.bytes.data;
            uint64_t       taken = 0;
            for (int i = 0; i < 8; i++) taken = taken << 8 | bytes[i];
            if (taken > newest) newest = taken;
            ret->samples++;
        }
        ret->newest_wrong += newest != h->newest[patient];
        ret->late += h->last_written[patient] != newest;
    }
}

/* Of the doses before this one of its drug those that the record says it superseded. Returns how
 * many. */
static size_t name_superseded(hospital *h, const prescription *g, const crdt_audit_record *r)
{
    size_t count = 0;
    for (uint32_t k = g->before; k != 0; k = h->given[k - 1].before) {
        char            text[40];
        prescription   *old = &h->given[k - 1];
        crdt_view       dose = hospital_dose(text, old->author, old->number);
        crdt_audit_hash digest = crdt_audit_digest(crdt_bytes(dose.data, dose.size));
        for (size_t i = 0; i < r->superseded_count; i++) {
            crdt_audit_hash named = crdt_audit_superseded(r, i);
            if (memcmp(&named, &digest, sizeof named) != 0) continue;
            old->named = true;
            count++;
        }
    }
    return count;
}

/* One record of a dose: it says what happened. */
static bool is_record_right(hospital *h, const prescription *g, const crdt_audit_record *r)
{
    char            text[40], name[40];
    crdt_view       dose = hospital_dose(text, g->author, g->number);
    crdt_audit_hash digest = crdt_audit_digest(crdt_bytes(dose.data, dose.size));
    return name_superseded(h, g, r) == r->superseded_count && r->stamp == g->stamp &&
           crdt_view_compare(r->subject, hospital_drug(name, g->drug)) == 0 && r->has_body &&
           memcmp(&r->body, &digest, sizeof digest) == 0;
}

static size_t faults_of(crdt_ref audit)
{
    crdt_audit_finding *findings;
    size_t              count;
    hospital_ok(crdt_audit_verify(audit, NULL, &findings, &count));
    crdt_audit_findings_free(NULL, findings, count);
    return count;
}

static void look_at_audit(hospital *h, const node *n, looked *ret)
{
    crdt_ref          audit;
    crdt_audit_record r;
    uint32_t          met[NODES] = {0};
    hospital_ok(crdt_store_find(n->store, HOSPITAL_AUDIT, &crdt_audit_type, &audit));
    ret->broken = (uint32_t)faults_of(audit);
    crdt_audit_iter it = crdt_audit_iterate(audit);
    for (; crdt_audit_next(&it, &r); ret->records++) {
        char     who[40];
        unsigned author;
        snprintf(who, sizeof who, "%.*s", (int)r.author.size, (const char *)r.author.data);
        if (sscanf(who, "node %u", &author) != 1 || author >= NODES) give_up("author %s", who);
        if (!r.has_body) continue; /* an acknowledgement */
        if (met[author] == h->written[author]) give_up("%s: a record too many", who);
        const prescription *g = &h->given[h->index[author][++met[author]]];
        ret->broken += !is_record_right(h, g, &r);
    }
}

/* Doses that are gone from view, and that no audit record names. */
static uint32_t count_untold(const hospital *h)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < h->count; i++) count += h->given[i].superseded && !h->given[i].named;
    return count;
}

looked hospital_look(hospital *h, const node *n)
{
    looked l = {0};
    find_truth(h);
    look_at_drugs(h, n, &l);
    look_at_pulses(h, n, &l);
    look_at_audit(h, n, &l);
    l.untold = count_untold(h);
    return l;
}

size_t hospital_look_spoilt(const node *n)
{
    crdt_buf    bytes;
    crdt_delta *copy;
    crdt_ref    audit;
    uint8_t    *at = NULL;
    const char  word[] = "prescribe";
    crdt_buf_init(&bytes, NULL);
    hospital_ok(crdt_store_object_encode(n->store, HOSPITAL_AUDIT, crdt_audit_type.id, &bytes));
    for (size_t i = 0; i + sizeof word <= bytes.size && at == NULL; i++) {
        if (memcmp(bytes.data + i, word, sizeof word - 1) == 0) at = bytes.data + i;
    }
    if (at == NULL) give_up("no record in the audit's bytes");
    *at ^= 1;
    hospital_ok(crdt_delta_decode(n->store, crdt_buf_bytes(&bytes), &copy, NULL));
    hospital_ok(crdt_store_find(copy, HOSPITAL_AUDIT, &crdt_audit_type, &audit));
    size_t count = faults_of(audit);
    crdt_store_free(copy);
    crdt_buf_clear(&bytes);
    return count;
}
