/* resolve/choose.c: what the policies say of the siblings at a path. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/resolve/impl.h"

/* -- Outcomes ---------------------------------------------------------------------------------- */

void crdt__outcome_init(crdt_outcome *outcome, const crdt_mem *mem)
{
    memset(outcome, 0, sizeof *outcome);
    outcome->held.mem = mem;
    crdt_buf_init(&outcome->held.made, mem);
}

void crdt_outcome_clear(crdt_outcome *outcome)
{
    struct crdt_held *held = &outcome->held;
    if (held->mem == NULL) return;
    crdt__release(held->mem, held->siblings, held->siblings_cap * sizeof *held->siblings);
    crdt__release(held->mem, held->items, held->items_cap * sizeof *held->items);
    crdt_buf_clear(&held->made);
    memset(outcome, 0, sizeof *outcome);
}

crdt_err crdt__outcome_items(crdt_outcome *outcome, size_t count)
{
    struct crdt_held *held = &outcome->held;
    if (count <= held->items_cap) return CRDT_OK;
    size_t     cap = crdt__grow(held->items_cap, count), size = sizeof *held->items;
    crdt_item *items = crdt__resize(held->mem, held->items, held->items_cap * size, cap * size);
    if (items == NULL) return CRDT_ENOMEM;
    held->items = items;
    held->items_cap = cap;
    outcome->items = items;
    return CRDT_OK;
}

crdt_err crdt_outcome_seen(const crdt_outcome *outcome, crdt_context *ret_seen)
{
    crdt_err err = CRDT_OK;
    for (size_t i = 0; err == CRDT_OK && i < outcome->view.count; i++) {
        const crdt_sibling *sibling = &outcome->view.at[i];
        if (sibling->competes) err = crdt_context_add(ret_seen, sibling->dot);
    }
    return err;
}

/* -- Answers of resolvers ---------------------------------------------------------------------- */

/* Where in `made` the key and the value of an item lie that a resolver made; else the sibling. */
typedef struct answer {
    size_t     index;
    bool       made;
    size_t     key_at, key_size, value_at;
    crdt_value value;
} answer;

struct crdt_choice {
    const crdt_siblings *view;
    const crdt_mem      *mem;
    crdt_buf            *made;
    answer              *answers;
    size_t               count, cap;
};

static crdt_err add_answer(crdt_choice *choice, answer one)
{
    if (choice->count == choice->cap) {
        size_t  cap = crdt__grow(choice->cap, choice->count + 1), size = sizeof one;
        answer *at = crdt__resize(choice->mem, choice->answers, choice->cap * size, cap * size);
        if (at == NULL) return CRDT_ENOMEM;
        choice->answers = at;
        choice->cap = cap;
    }
    choice->answers[choice->count++] = one;
    return CRDT_OK;
}

crdt_err crdt_choose(crdt_choice *choice, size_t index)
{
    if (index >= choice->view->count) return CRDT_EINVAL;
    return add_answer(choice, (answer){.index = index});
}

crdt_err crdt_choose_value(crdt_choice *choice, crdt_view key, crdt_value value)
{
    if (value.kind != CRDT_INT && value.kind != CRDT_BYTES) return CRDT_EINVAL;
    if (value.kind == CRDT_INT) value.bytes = crdt_view_of(NULL, 0);
    answer one = {.made = true, .key_size = key.size, .value = value};
    one.key_at = choice->made->size;
    one.value_at = one.key_at + key.size;
    if (!crdt_buf_reserve(choice->made, key.size + value.bytes.size)) return CRDT_ENOMEM;
    crdt_buf_put(choice->made, key.data, key.size);
    crdt_buf_put(choice->made, value.bytes.data, value.bytes.size);
    return add_answer(choice, one);
}

static crdt_item item_of(const crdt_choice *choice, const answer *one)
{
    const crdt_sibling *from = &choice->view->at[one->index];
    if (!one->made) return (crdt_item){from->key, from->value, from};
    crdt_item item = {{NULL, one->key_size}, one->value, NULL};
    if (one->key_size > 0) item.key.data = choice->made->data + one->key_at;
    if (item.value.bytes.size > 0) item.value.bytes.data = choice->made->data + one->value_at;
    return item;
}

/* By key and value; then those of siblings by their dots, behind what was made. */
static int item_order(const void *a, const void *b)
{
    const crdt_item *x = a, *y = b;
    int              order = crdt_view_compare(x->key, y->key);
    if (order == 0) order = crdt_value_compare(x->value, y->value);
    if (order != 0 || (x->from == NULL && y->from == NULL)) return order;
    if (x->from == NULL || y->from == NULL) return x->from == NULL ? -1 : 1;
    return crdt_dot_compare(x->from->dot, y->from->dot);
}
_Static_assert(sizeof(crdt_item) <= CRDT__SORT_MAX, "what is sorted fits");

crdt_err crdt__run_resolver(const crdt_resolver *resolver, const crdt_siblings *view,
                            crdt_outcome *outcome)
{
    crdt_choice choice = {.view = view, .mem = outcome->held.mem, .made = &outcome->held.made};
    crdt_err    err = resolver->resolve(resolver->user, view, &choice);
    if (err == CRDT_OK) err = crdt__outcome_items(outcome, choice.count);
    for (size_t i = 0; err == CRDT_OK && i < choice.count; i++) {
        outcome->held.items[i] = item_of(&choice, &choice.answers[i]);
    }
    if (err == CRDT_OK) {
        outcome->count = choice.count;
        crdt__sort(outcome->held.items, outcome->count, sizeof(crdt_item), item_order);
    }
    crdt__release(choice.mem, choice.answers, choice.cap * sizeof *choice.answers);
    return err;
}

/* -- The policies of the library --------------------------------------------------------------- */

static void put_item(crdt_outcome *outcome, const crdt_sibling *from)
{
    outcome->held.items[outcome->count++] = (crdt_item){from->key, from->value, from};
}

/* Equal values stand together, the least dot first. */
static int value_order(const void *a, const void *b)
{
    const crdt_item *x = a, *y = b;
    int              order = crdt_value_compare(x->value, y->value);
    return order != 0 ? order : crdt_dot_compare(x->from->dot, y->from->dot);
}

/* Of the items from `from` on, all of one key, keep the first of each value. */
static void keep_values(crdt_outcome *outcome, size_t from)
{
    crdt_item *items = outcome->held.items;
    size_t     kept = from;
    crdt__sort(items + from, outcome->count - from, sizeof *items, value_order);
    for (size_t i = from; i < outcome->count; i++) {
        if (i > from && crdt_value_compare(items[i].value, items[kept - 1].value) == 0) continue;
        items[kept++] = items[i];
    }
    outcome->count = kept;
}

static const crdt_sibling *greatest(const crdt_sibling *at, const crdt_sibling *end)
{
    const crdt_sibling *best = at;
    for (; at < end; at++) {
        if (crdt_value_compare(at->value, best->value) > 0) best = at;
    }
    return best;
}

static void decide_key(crdt_outcome *outcome, const crdt_sibling *at, const crdt_sibling *end)
{
    size_t first = outcome->count;
    if (outcome->policy == CRDT_GREATEST) {
        put_item(outcome, greatest(at, end));
        return;
    }
    for (; at < end; at++) {
        if (outcome->policy != CRDT_LATEST || at->shows) put_item(outcome, at);
    }
    if (outcome->policy == CRDT_UNION) keep_values(outcome, first);
}

static crdt_err decide(crdt_outcome *outcome)
{
    const crdt_siblings *view = &outcome->view;
    crdt_err             err = crdt__outcome_items(outcome, view->count);
    for (size_t i = 0, end; err == CRDT_OK && i < view->count; i = end) {
        end = crdt__gathered_group(view->at, view->count, i);
        decide_key(outcome, view->at + i, view->at + end);
    }
    return err;
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* The set with its items: what it is called where it is written down. */
static crdt_err name_outcome(crdt_outcome *outcome)
{
    crdt_buf             bytes;
    const crdt_siblings *view = &outcome->view;
    crdt_buf_init(&bytes, outcome->held.mem);
    crdt__path_put(&view->path, &bytes);
    crdt_buf_varint(&bytes, view->count);
    for (size_t i = 0; i < view->count; i++) {
        crdt__sibling_put(&view->at[i], &bytes);
    }
    for (size_t i = 0; i < outcome->count; i++) {
        crdt_buf_view(&bytes, outcome->items[i].key);
        crdt_buf_value(&bytes, outcome->items[i].value);
    }
    crdt_err err = crdt_buf_status(&bytes);
    if (err == CRDT_OK) outcome->id = crdt_digest_of(bytes.data, bytes.size);
    crdt_buf_clear(&bytes);
    return err;
}

static crdt_err tell_conflict(const crdt__source *from, const crdt_rules *rules,
                              crdt_outcome *outcome)
{
    const crdt_siblings *view = &outcome->view;
    bool                 acked = true;
    if (outcome->competing == 0) return CRDT_OK;
    outcome->many = outcome->competing >= crdt__rules_many(rules);
    crdt_err err =
        crdt__set_digest(&view->path, view->at, view->count, outcome->held.mem, &outcome->set);
    if (err == CRDT_OK) err = crdt__acked(from, rules, view, &acked);
    outcome->needs_review = !acked;
    return err;
}

static crdt_err answer_by(const crdt__rule *rule, const crdt__gathered *gathered,
                          crdt_outcome *outcome)
{
    if (rule != NULL) outcome->policy = rule->policy;
    if (outcome->policy == CRDT_LATEST && gathered->unstamped) return CRDT_ETYPE;
    if (outcome->policy != CRDT_CUSTOM) return decide(outcome);
    return crdt__run_resolver(&rule->resolver, &outcome->view, outcome);
}

crdt_err crdt__outcome_of(const crdt__source *from, const crdt_rules *rules, const crdt_path *path,
                          crdt_outcome *ret_outcome)
{
    const crdt_mem *mem = rules != NULL ? rules->mem : crdt_mem_default();
    crdt__gathered  gathered = {.mem = mem};
    crdt_outcome    outcome;
    crdt__outcome_init(&outcome, mem);
    crdt_err err = crdt__gather(from, path, &gathered);
    outcome.view = (crdt_siblings){*path, gathered.at, gathered.count};
    outcome.held.siblings = gathered.at;
    outcome.held.siblings_cap = gathered.cap;
    outcome.competing = gathered.competing;
    if (err == CRDT_OK) err = answer_by(crdt__rules_find(rules, path), &gathered, &outcome);
    if (err == CRDT_OK) err = tell_conflict(from, rules, &outcome);
    if (err == CRDT_OK) err = name_outcome(&outcome);
    if (err == CRDT_OK) *ret_outcome = outcome;
    else crdt_outcome_clear(&outcome);
    return err;
}

crdt_err crdt_resolve(const crdt_store *store, const crdt_rules *rules, const crdt_path *path,
                      crdt_outcome *ret_outcome)
{
    crdt__source from = {store, NULL};
    return crdt__outcome_of(&from, rules, path, ret_outcome);
}
