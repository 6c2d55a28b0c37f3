/* resolve/rules.c: which policy decides a path. The rules stand in the order in which they are
 * tried, so the first that fits is the longest. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/resolve/impl.h"

#define MANY 16u

crdt_err crdt_rules_new(const crdt_mem *mem, crdt_rules **ret_rules)
{
    mem = mem != NULL ? mem : crdt_mem_default();
    crdt_rules *rules = crdt__alloc(mem, sizeof *rules);
    if (rules == NULL) return CRDT_ENOMEM;
    *rules = (crdt_rules){.mem = mem, .many = MANY};
    *ret_rules = rules;
    return CRDT_OK;
}

void crdt_rules_free(crdt_rules *rules)
{
    if (rules == NULL) return;
    const crdt_mem *mem = rules->mem;
    for (size_t i = 0; i < rules->count; i++) {
        crdt__release(mem, rules->at[i], rules->at[i]->bytes);
    }
    crdt__release(mem, rules->at, rules->cap * sizeof(crdt__rule *));
    crdt__release(mem, rules->acks, rules->acks_size);
    crdt__release(mem, rules, sizeof *rules);
}

/* -- Which fits, and which comes first --------------------------------------------------------- */

/* Part 0 is the name, the others are keys. */
static crdt_view part(const crdt_path *path, size_t i)
{
    return i == 0 ? path->name : path->keys[i - 1];
}

static bool is_same(crdt_view a, crdt_view b)
{
    return crdt_view_compare(a, b) == 0;
}

static bool begins_with(crdt_view text, crdt_view with)
{
    return with.size == 0 ||
           (text.size >= with.size && memcmp(text.data, with.data, with.size) == 0);
}

static bool fits(const crdt_pattern *pattern, const crdt_path *path)
{
    size_t last = pattern->path.depth;
    if (pattern->any ? path->depth < last : path->depth != last) return false;
    for (size_t i = 0; i < last; i++) {
        if (!is_same(part(&pattern->path, i), part(path, i))) return false;
    }
    crdt_view mine = part(&pattern->path, last), theirs = part(path, last);
    return pattern->any ? begins_with(theirs, mine) : is_same(mine, theirs);
}

/* Below 0: a is tried before b. 0: no path tells which. */
static int compare_length(const crdt_pattern *a, const crdt_pattern *b)
{
    if (a->path.depth != b->path.depth) return a->path.depth > b->path.depth ? -1 : 1;
    if (a->any != b->any) return a->any ? 1 : -1;
    size_t x = part(&a->path, a->path.depth).size, y = part(&b->path, b->path.depth).size;
    return x == y ? 0 : x > y ? -1 : 1;
}

static bool is_same_pattern(const crdt_pattern *a, const crdt_pattern *b)
{
    if (compare_length(a, b) != 0) return false;
    for (size_t i = 0; i <= a->path.depth; i++) {
        if (!is_same(part(&a->path, i), part(&b->path, i))) return false;
    }
    return true;
}

/* -- Rules ------------------------------------------------------------------------------------- */

static crdt__rule *make_rule(const crdt_mem *mem, const crdt_pattern *pattern)
{
    size_t      bytes = sizeof(crdt__rule) + crdt__path_bytes(&pattern->path);
    crdt__rule *rule = crdt__alloc(mem, bytes);
    if (rule == NULL) return NULL;
    *rule = (crdt__rule){.pattern.any = pattern->any, .bytes = bytes};
    rule->pattern.path = crdt__path_copy(&pattern->path, rule + 1);
    return rule;
}

static crdt_err make_room(crdt_rules *rules)
{
    if (rules->count < rules->cap) return CRDT_OK;
    size_t       cap = crdt__grow(rules->cap, rules->count + 1);
    crdt__rule **at = crdt__resize(rules->mem, rules->at, rules->cap * sizeof(crdt__rule *),
                                   cap * sizeof(crdt__rule *));
    if (at == NULL) return CRDT_ENOMEM;
    rules->at = at;
    rules->cap = cap;
    return CRDT_OK;
}

crdt_err crdt_rules_set(crdt_rules *rules, const crdt_pattern *pattern, crdt_policy policy,
                        const crdt_resolver *resolver)
{
    bool   custom = policy == CRDT_CUSTOM;
    size_t at = 0;
    if ((unsigned)policy > CRDT_CUSTOM || custom != (resolver != NULL)) return CRDT_EINVAL;
    if (custom && resolver->resolve == NULL) return CRDT_EINVAL;
    if (pattern->path.depth > CRDT__PATH_KEYS_MAX) return CRDT_EINVAL;
    for (size_t i = 0; i < rules->count; i++) {
        if (is_same_pattern(&rules->at[i]->pattern, pattern)) return CRDT_EEXIST;
        if (compare_length(&rules->at[i]->pattern, pattern) <= 0) at = i + 1;
    }
    if (make_room(rules) != CRDT_OK) return CRDT_ENOMEM;
    crdt__rule *rule = make_rule(rules->mem, pattern);
    if (rule == NULL) return CRDT_ENOMEM;
    rule->policy = policy;
    if (custom) rule->resolver = *resolver;
    memmove(rules->at + at + 1, rules->at + at, (rules->count - at) * sizeof(crdt__rule *));
    rules->at[at] = rule;
    rules->count++;
    return CRDT_OK;
}

const crdt__rule *crdt__rules_find(const crdt_rules *rules, const crdt_path *path)
{
    for (size_t i = 0; rules != NULL && i < rules->count; i++) {
        if (fits(&rules->at[i]->pattern, path)) return rules->at[i];
    }
    return NULL;
}

crdt_policy crdt_rules_policy(const crdt_rules *rules, const crdt_path *path)
{
    const crdt__rule *rule = crdt__rules_find(rules, path);
    return rule != NULL ? rule->policy : CRDT_KEEP_ALL;
}

crdt_err crdt_rules_acks(crdt_rules *rules, crdt_view name)
{
    uint8_t *copy = NULL;
    if (name.size > 0) {
        copy = crdt__alloc(rules->mem, name.size);
        if (copy == NULL) return CRDT_ENOMEM;
        memcpy(copy, name.data, name.size);
    }
    crdt__release(rules->mem, rules->acks, rules->acks_size);
    rules->acks = copy;
    rules->acks_size = name.size;
    rules->has_acks = true;
    return CRDT_OK;
}

bool crdt__rules_acks(const crdt_rules *rules, crdt_view *ret_name)
{
    if (rules == NULL || !rules->has_acks) return false;
    *ret_name = crdt_view_of(rules->acks, rules->acks_size);
    return true;
}

void crdt_rules_many(crdt_rules *rules, size_t siblings)
{
    rules->many = siblings;
}

size_t crdt__rules_many(const crdt_rules *rules)
{
    return rules != NULL ? rules->many : MANY;
}
