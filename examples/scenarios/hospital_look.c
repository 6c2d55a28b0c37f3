/* hospital_look.c: what a node shows, held against what really happened. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

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

static void look_at_drugs(hospital *h, const node *n, looked *ret)
{
    char shown[200];
    for (uint32_t drug = 0; drug < PATIENTS * DRUGS; drug++) {
        uint32_t truth = truth_count(h, drug), count = (uint32_t)hospital_shown(n, drug, shown);
        bool     right = count == truth;
        for (char *at = shown; at != NULL && count > 0; at = strchr(at, ',')) {
            if (*at == ',') at++;
            const prescription *g = find(h, at);
            right = right && g->drug == drug && !g->superseded;
        }
        ret->wrong += !right;
        ret->flagged += count > 1;
        ret->hidden += count > 1 ? count - 1 : 0;
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

/* One record: it follows the one before, and says what happened. */
static bool is_record_right(hospital *h, const char *record, uint32_t author, uint32_t number,
                            uint64_t chain)
{
    uint32_t who, which, drug;
    uint64_t ms, before;
    int      used = 0;
    if (sscanf(record, "%u %u %" SCNu64 " %u %" SCNx64 "%n", &who, &which, &ms, &drug, &before,
               &used) != 5) {
        return false;
    }
    const prescription *g = &h->given[h->index[author][number]];
    for (const char *at = record + used; (at = strpbrk(at, " ,")) != NULL && at[1] != 0;) {
        find(h, ++at)->named = true;
    }
    return who == author && which == number && drug == g->drug && before == chain &&
           ms == WORLD_MS + h->w.history.entries[g->entry].at / 1000;
}

/* spoilt: as if somebody had changed a byte of a record of each author. */
static void look_at_audit(hospital *h, const node *n, looked *ret, bool spoilt)
{
    char       name[40], record[400];
    crdt_ref   audit;
    crdt_value value;
    for (uint32_t author = 0; author < NODES; author++) {
        uint64_t  chain = 0;
        uint32_t  number = 0;
        crdt_view records = HOSPITAL_NAME(name, "audit/%u", author);
        if (crdt_store_find(n->store, records, &crdt_gset_type, &audit) != CRDT_OK) continue;
        crdt_gset_iter it = crdt_gset_iterate(audit); /* each author's in its order */
        while (crdt_gset_next(&it, &value) && number < h->written[author]) {
            snprintf(record, sizeof record, "%.*s", (int)value.bytes.size,
                     (const char *)value.bytes.data);
            if (spoilt && number == 0) record[value.bytes.size - 1] ^= 1;
            ret->broken += !is_record_right(h, record, author, ++number, chain);
            chain = XXH3_64bits(record, value.bytes.size);
        }
        ret->records += number;
        ret->broken += chain != h->chain[author];
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
    look_at_audit(h, n, &l, false);
    l.untold = count_untold(h);
    return l;
}

looked hospital_look_spoilt(hospital *h, const node *n)
{
    looked l = {0};
    look_at_audit(h, n, &l, true);
    return l;
}
