/* review.c: see review.h. CRDT.ACK key set [field ...]: somebody has seen the contents that compete
 * there, as CRDT.CONFLICTS told of them under this set. */
#include "node/review.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "node/commands.h"

#define DEPTH_MAX 64u

static crdt_err make_rules(crdt_rules **ret_rules)
{
    crdt_err err = crdt_rules_new(NULL, ret_rules);
    if (err != CRDT_OK) return err;
    err = crdt_rules_acks(*ret_rules, crdt_text_view(REVIEW_ACKS));
    if (err != CRDT_OK) crdt_rules_free(*ret_rules);
    return err;
}

static crdt_err resolve(const node *n, const crdt_rules *rules, const crdt_path *path,
                        crdt_outcome *ret_outcome, review *ret_review)
{
    *ret_review = (review){.competes = false};
    crdt_err err = crdt_resolve(n->store, rules, path, ret_outcome);
    if (err != CRDT_OK) return err;
    ret_review->competes = ret_outcome->competing > 0;
    ret_review->needs_review = ret_outcome->needs_review;
    snprintf(ret_review->set, sizeof ret_review->set, "%016" PRIx64 "%016" PRIx64,
             ret_outcome->set.hi, ret_outcome->set.lo);
    return CRDT_OK;
}

crdt_err review_look(const node *n, const crdt_path *path, review *ret_review)
{
    crdt_rules  *rules;
    crdt_outcome outcome;
    crdt_err     err = make_rules(&rules);
    if (err != CRDT_OK) return err;
    err = resolve(n, rules, path, &outcome, ret_review);
    if (err == CRDT_OK) crdt_outcome_clear(&outcome);
    crdt_rules_free(rules);
    return err == CRDT_ENOENT || err == CRDT_ETYPE ? CRDT_OK : err;
}

/* -- CRDT.ACK ---------------------------------------------------------------------------------- */

static crdt_err acknowledge(call *c, const crdt_rules *rules, const crdt_path *path,
                            const crdt_outcome *outcome)
{
    crdt_context seen;
    crdt_txn    *txn = call_write(c);
    if (txn == NULL) return CRDT_OK; /* an error was replied */
    crdt_context_init(&seen, NULL);
    crdt_err err = crdt_outcome_seen(outcome, &seen);
    if (err == CRDT_OK) err = crdt_ack(txn, rules, path, &seen, NULL);
    if (err == CRDT_OK) err = crdt_ack_sweep(txn, rules); /* of conflicts that are over */
    crdt_context_clear(&seen);
    return err;
}

static void ack_at(call *c, const crdt_rules *rules, const crdt_path *path)
{
    crdt_outcome outcome;
    review       now;
    crdt_err     err = resolve(c->node, rules, path, &outcome, &now);
    if (err == CRDT_ENOENT || err == CRDT_ETYPE) {
        call_error(c, "ERR nothing competes there");
        return;
    }
    if (call_fails(c, err)) return;
    crdt_view set = c->args[2];
    bool same = set.size == REVIEW_SET_TEXT - 1 && strncasecmp(set.data, now.set, set.size) == 0;
    if (!now.competes) call_error(c, "ERR nothing competes there");
    else if (!same) call_error(c, "STALE other contents compete there now: set %s", now.set);
    else if (!call_fails(c, acknowledge(c, rules, path, &outcome)) && !c->failed) {
        reply_ok(c->reply);
    }
    crdt_outcome_clear(&outcome);
}

void command_crdt_ack(call *c)
{
    crdt_rules *rules;
    crdt_path   path = {c->args[1], c->args + 3, c->count - 3};
    if (path.depth > DEPTH_MAX) {
        call_error(c, "ERR %u fields are the most", DEPTH_MAX);
        return;
    }
    if (call_fails(c, make_rules(&rules))) return;
    ack_at(c, rules, &path);
    crdt_rules_free(rules);
}
