/* conflicts.c: two replicas write at the same time: rules say what shows, somebody reviews it, and
 * an audit tells who wrote over what. docs/CONFLICTS.md shows parts of this program. */
#include <crdt/resolve.h>
#include <crdt/types.h>

#include <stdio.h>
#include <stdlib.h>

#define NOW UINT64_C(1700000000000) /* milliseconds; pass the real time */

static void ok(crdt_err err)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "%s: %s\n", crdt_err_name(err), crdt_err_text(err));
    exit(1);
}

static crdt_store *open_store(uint64_t replica)
{
    crdt_store  *store;
    crdt_options options = crdt_options_default(replica, crdt_types_builtin());
    ok(crdt_store_new(&options, &store));
    return store;
}

static void exchange(crdt_store *a, crdt_store *b)
{
    ok(crdt_store_join(a, b, NOW));
    ok(crdt_store_join(b, a, NOW));
}

/* Write, and record who did so over what, in one transaction. */
static void set(crdt_store *store, const char *name, const char *value, const char *who)
{
    crdt_txn        *txn;
    crdt_ref         ref;
    crdt_value       old, fresh = crdt_text(value);
    crdt_audit_hash  over[8];
    crdt_audit_entry entry = {.author = crdt_text_view(who),
                              .operation = crdt_text_view("set"),
                              .subject = crdt_text_view(name),
                              .body = &fresh,
                              .superseded = over};
    ok(crdt_store_begin(store, NOW, &txn));
    if (crdt_txn_find(txn, crdt_text_view(name), &crdt_mvreg_type, &ref) == CRDT_OK) {
        for (size_t i = 0; i < 8 && crdt_mvreg_get(ref, i, &old); i++) {
            over[entry.superseded_count++] = crdt_audit_digest(old);
        }
    }
    ok(crdt_mvreg_set(txn, crdt_text_view(name), fresh));
    ok(crdt_audit_append(txn, crdt_text_view("audit"), &entry));
    ok(crdt_store_commit(store, NULL));
}

/* The longest of the texts; of several the first in their order. */
static crdt_err longest(void *user, const crdt_siblings *view, crdt_choice *choice)
{
    size_t best = 0;
    (void)user;
    if (view->count == 0) return CRDT_OK;
    for (size_t i = 1; i < view->count; i++) {
        crdt_value a = view->at[i].value, b = view->at[best].value;
        bool       longer = a.bytes.size > b.bytes.size;
        bool       first = a.bytes.size == b.bytes.size && crdt_value_compare(a, b) < 0;
        if (longer || first) best = i;
    }
    return crdt_choose(choice, best);
}

static crdt_rules *make_rules(void)
{
    static const crdt_resolver resolver = {"longest", longest, NULL};
    crdt_rules                *rules;
    crdt_pattern               prices = {crdt_path_of(crdt_text_view("price/")), true};
    crdt_pattern               titles = {crdt_path_of(crdt_text_view("title/")), true};
    ok(crdt_rules_new(NULL, &rules));
    ok(crdt_rules_set(rules, &prices, CRDT_GREATEST, NULL)); /* all that begins with price/ */
    ok(crdt_rules_set(rules, &titles, CRDT_CUSTOM, &resolver));
    ok(crdt_rules_acks(rules, crdt_text_view("acks")));
    return rules;
}

static void show(const crdt_store *store, const crdt_rules *rules, const char *name)
{
    crdt_outcome outcome;
    crdt_path    path = crdt_path_of(crdt_text_view(name));
    ok(crdt_resolve(store, rules, &path, &outcome));
    printf("%s:", name);
    for (size_t i = 0; i < outcome.count; i++) {
        crdt_view text = outcome.items[i].value.bytes;
        printf(" %.*s", (int)text.size, (const char *)text.data);
    }
    printf(" (of %zu)%s\n", outcome.view.count, outcome.needs_review ? ", to be reviewed" : "");
    crdt_outcome_clear(&outcome);
}

/* Tell of what was not told of before. */
static void tell(crdt_surfaced *told, const crdt_store *store)
{
    crdt_surfacing conflict;
    ok(crdt_surfaced_look_all(told, store));
    while (crdt_surfaced_next(told, &conflict)) {
        printf("conflict: %.*s, %zu values\n", (int)conflict.path.name.size,
               (const char *)conflict.path.name.data, conflict.siblings);
    }
}

/* Somebody has looked at what competes there, and is content. */
static void review(crdt_store *store, const crdt_rules *rules, const char *name)
{
    crdt_txn    *txn;
    crdt_outcome outcome;
    crdt_context seen;
    crdt_path    path = crdt_path_of(crdt_text_view(name));
    crdt_context_init(&seen, NULL);
    ok(crdt_resolve(store, rules, &path, &outcome));
    ok(crdt_outcome_seen(&outcome, &seen)); /* what is on the screen now ... */
    crdt_outcome_clear(&outcome);
    ok(crdt_store_begin(store, NOW, &txn)); /* ... and acknowledged later */
    ok(crdt_ack(txn, rules, &path, &seen, NULL));
    ok(crdt_store_commit(store, NULL));
    crdt_context_clear(&seen);
}

int main(void)
{
    crdt_store    *a = open_store(1), *b = open_store(2);
    crdt_rules    *rules = make_rules();
    crdt_surfaced *told;
    ok(crdt_surfaced_new(rules, NULL, &told));
    set(a, "price/tea", "250", "ann");
    set(a, "title/1", "Tea", "ann");
    exchange(a, b);
    set(a, "price/tea", "275", "ann"); /* at the same time ... */
    set(b, "price/tea", "290", "bob");
    set(a, "title/1", "Tea leaves", "ann");
    set(b, "title/1", "Green tea", "bob");
    exchange(a, b);
    show(a, rules, "price/tea");
    show(b, rules, "title/1");
    tell(told, a);
    review(b, rules, "price/tea");
    exchange(a, b);
    show(a, rules, "price/tea");
    tell(told, a); /* of nothing: each conflict once */

    crdt_audit_finding *findings;
    size_t              faults;
    crdt_ref            audit;
    ok(crdt_store_find(a, crdt_text_view("audit"), &crdt_audit_type, &audit));
    ok(crdt_audit_verify(audit, NULL, &findings, &faults));
    printf("audit: %zu records, %zu faults\n", crdt_audit_count(audit), faults);
    crdt_audit_findings_free(NULL, findings, faults);
    crdt_surfaced_free(told);
    crdt_rules_free(rules);
    crdt_store_free(a);
    crdt_store_free(b);
    return 0;
}
