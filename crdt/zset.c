/* zset.c: see zset.h. The state is a crdt__map of scores (map/map.h), which keeps the order. */
#include "crdt/zset.h"

#include "crdt/core/binary.h"
#include "crdt/core/mem.h"
#include "crdt/core/score.h"
#include "crdt/core/sort.h"
#include "crdt/map/map.h"

crdt_err crdt_zset_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_zset_type, replica, mem, ret_store);
}

/* -- Writing ----------------------------------------------------------------------------------- */

typedef struct write {
    crdt__put how;
    double    score;
} write;

static crdt_err put_score(crdt_target *target, void *with)
{
    const write *w = with;
    return crdt__score_put(target, w->how, w->score);
}

static crdt_err put(crdt_txn *txn, crdt_view name, crdt_view member, crdt__put how, double score)
{
    write w = {how, score};
    if (score != score) return CRDT_EINVAL;
    return crdt__map_act_at(txn, name, &crdt_zset_type, member, put_score, &w);
}

crdt_err crdt_zset_add(crdt_txn *txn, crdt_view name, crdt_view member, double score)
{
    return put(txn, name, member, CRDT__SET, score);
}

crdt_err crdt_zset_raise(crdt_txn *txn, crdt_view name, crdt_view member, double score)
{
    return put(txn, name, member, CRDT__RAISE, score);
}

crdt_err crdt_zset_lower(crdt_txn *txn, crdt_view name, crdt_view member, double score)
{
    return put(txn, name, member, CRDT__LOWER, score);
}

typedef struct increment {
    double  amount;
    double *score;
} increment;

static crdt_err add_amount(crdt_target *target, void *with)
{
    const increment *by = with;
    return crdt__score_incr(target, by->amount, by->score);
}

crdt_err crdt_zset_incr(crdt_txn *txn, crdt_view name, crdt_view member, double amount,
                        double *ret_score)
{
    increment by = {amount, ret_score};
    if (amount != amount) return CRDT_EINVAL;
    return crdt__map_act_at(txn, name, &crdt_zset_type, member, add_amount, &by);
}

crdt_err crdt_zset_remove(crdt_txn *txn, crdt_view name, crdt_view member)
{
    return crdt__map_remove_at(txn, name, &crdt_zset_type, member);
}

crdt_err crdt_zset_clear(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_zset_type, &target);
    return err == CRDT_OK ? crdt__map_reset(&target) : err;
}

/* -- Reading: members -------------------------------------------------------------------------- */

/* The order in which entries lie is the one that shows. */
static bool is_plain(const crdt_ref *zset)
{
    return zset->pending == NULL && zset->gone == NULL;
}

static const crdt__map *state_of(const crdt_ref *zset)
{
    return zset->type == &crdt_zset_type ? zset->state : NULL;
}

static crdt__sight sight_of(const crdt_ref *zset)
{
    crdt_ref none = {&crdt_zset_type, NULL, NULL, NULL, NULL};
    return crdt__map_sight(zset->type == &crdt_zset_type ? zset : &none);
}

/* The next member that shows, in the order of members. */
static bool next_shown(const crdt__sight *sight, crdt__walk_maps *walk, crdt_zset_item *ret_item)
{
    for (crdt__both both; (both = crdt__sight_next(sight, walk)).type != NULL;) {
        crdt_ref ref = crdt__both_ref(sight, &both);
        if (!crdt__score_shown(&ref, &ret_item->score)) continue;
        ret_item->member = crdt__both_key(&both);
        return true;
    }
    return false;
}

size_t crdt_zset_count(crdt_ref zset)
{
    crdt__sight     sight = sight_of(&zset);
    crdt__walk_maps walk = {{0, 0}, {0, 0}};
    crdt_zset_item  item;
    size_t          count = 0;
    if (is_plain(&zset)) return state_of(&zset) == NULL ? 0 : state_of(&zset)->keys;
    while (next_shown(&sight, &walk, &item)) count++;
    return count;
}

bool crdt_zset_score(crdt_ref zset, crdt_view member, double *ret_score)
{
    crdt__sight sight = sight_of(&zset);
    uint16_t    id = crdt__map_only(&crdt_zset_type)->id;
    crdt__both  both = crdt__sight_find(&sight, member, id);
    crdt_ref    ref = crdt__both_ref(&sight, &both);
    return both.type != NULL && crdt__score_shown(&ref, ret_score);
}

size_t crdt_zset_scan(crdt_ref zset, crdt_view from, crdt_zset_item *items, size_t count)
{
    crdt__sight     sight = sight_of(&zset);
    crdt__walk_maps walk = crdt__sight_seek(&sight, from, 0);
    size_t          n = 0;
    while (n < count && next_shown(&sight, &walk, &items[n])) n++;
    return n;
}

/* -- Reading: the order ------------------------------------------------------------------------ */

static int compare_items(const void *a_, const void *b_)
{
    const crdt_zset_item *a = a_, *b = b_;
    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    return crdt_view_compare(a->member, b->member);
}

bool crdt_zset_rank(crdt_ref zset, crdt_view member, size_t *ret_rank)
{
    crdt_zset_item sought = {member, 0}, item;
    if (!crdt_zset_score(zset, member, &sought.score)) return false;
    crdt__sight sight = sight_of(&zset);
    if (is_plain(&zset)) {
        uint16_t id = crdt__map_only(&crdt_zset_type)->id;
        *ret_rank = crdt__ranks_of(crdt__map_find(sight.state, member, id));
        return true;
    }
    crdt__walk_maps walk = {{0, 0}, {0, 0}};
    *ret_rank = 0;
    while (next_shown(&sight, &walk, &item)) *ret_rank += compare_items(&item, &sought) < 0;
    return true;
}

/* Of a transaction's sight: as crdt__ranks_before. */
static size_t count_before(const crdt_ref *zset, const double *score, crdt_view member, bool with)
{
    crdt__sight     sight = sight_of(zset);
    crdt__walk_maps walk = {{0, 0}, {0, 0}};
    crdt_zset_item  item;
    size_t          before = 0;
    while (next_shown(&sight, &walk, &item)) {
        int order = score == NULL          ? crdt_view_compare(item.member, member)
                    : item.score == *score ? 0
                    : item.score < *score  ? -1
                                           : 1;
        before += order < 0 || (with && order == 0);
    }
    return before;
}

static size_t ranks_before(const crdt_ref *zset, const double *score, crdt_view member, bool with)
{
    if (!is_plain(zset)) return count_before(zset, score, member, with);
    const crdt__map *state = state_of(zset);
    return state == NULL ? 0 : crdt__ranks_before(state, score, member, with);
}

size_t crdt_zset_below(crdt_ref zset, double score, bool with)
{
    return ranks_before(&zset, &score, crdt_view_of(NULL, 0), with);
}

size_t crdt_zset_before(crdt_ref zset, crdt_view member, bool with)
{
    return ranks_before(&zset, NULL, member, with);
}

/* All of a transaction's sight, in order; there are so many. */
static void list_all(const crdt_ref *zset, crdt_zset_item *items, size_t count)
{
    crdt__sight     sight = sight_of(zset);
    crdt__walk_maps walk = {{0, 0}, {0, 0}};
    for (size_t i = 0; i < count; i++) (void)next_shown(&sight, &walk, &items[i]);
    crdt__sort(items, count, sizeof *items, compare_items);
}

crdt_err crdt_zset_range(crdt_ref zset, size_t first, size_t count, const crdt_mem *mem,
                         crdt_zset_item **ret_items, size_t *ret_count)
{
    size_t all = crdt_zset_count(zset);
    if (mem == NULL) mem = crdt_mem_default();
    *ret_items = NULL;
    *ret_count = 0;
    if (first >= all || count == 0) return CRDT_OK;
    if (count > all - first) count = all - first;
    size_t          size = is_plain(&zset) ? count : all;
    crdt_zset_item *items = crdt__alloc(mem, size * sizeof *items);
    if (items == NULL) return CRDT_ENOMEM;
    if (is_plain(&zset)) {
        const crdt__entry *e = crdt__ranks_at(zset.state, first);
        for (size_t i = 0; i < count; i++, e = crdt__ranks_next(e)) {
            items[i] = (crdt_zset_item){crdt__entry_key(e), crdt__ranks_score(e)};
        }
    } else {
        list_all(&zset, items, all);
        memmove(items, items + first, count * sizeof *items);
        crdt_zset_item *fit = crdt__resize(mem, items, all * sizeof *items, count * sizeof *items);
        if (fit == NULL) {
            crdt__release(mem, items, all * sizeof *items);
            return CRDT_ENOMEM;
        }
        items = fit;
    }
    *ret_items = items;
    *ret_count = count;
    return CRDT_OK;
}

void crdt_zset_items_free(const crdt_mem *mem, crdt_zset_item *items, size_t count)
{
    if (mem == NULL) mem = crdt_mem_default();
    crdt__release(mem, items, count * sizeof *items);
}

/* -- The table --------------------------------------------------------------------------------- */

/* {"ann": 3, "bob": 7.5}, in the order of members. */
static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt__sight     sight = crdt__map_sight(ref);
    crdt__walk_maps walk = {{0, 0}, {0, 0}};
    crdt_zset_item  item;
    const char     *between = "{";
    while (next_shown(&sight, &walk, &item)) {
        crdt_value member = {CRDT_BYTES, 0, item.member};
        crdt_buf_text(out, between);
        crdt_buf_print_value(out, member);
        crdt_buf_text(out, ": ");
        crdt__double_print(item.score, out);
        between = ", ";
    }
    crdt_buf_text(out, between[0] == '{' ? "{}" : "}");
}

static void init(const crdt_space *space, void *state)
{
    crdt__map_init(space, &crdt_zset_type, state);
}

/* A number as text goes to the operation. */
static crdt_err apply_put(crdt_txn *txn, crdt_view name, crdt__put how, const crdt_value *args)
{
    double   score;
    crdt_err err = crdt__double_parse(args[1].bytes, &score);
    return err == CRDT_OK ? put(txn, name, args[0].bytes, how, score) : err;
}

static crdt_err apply_add(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply_put(txn, name, CRDT__SET, args);
}

static crdt_err apply_raise(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply_put(txn, name, CRDT__RAISE, args);
}

static crdt_err apply_lower(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply_put(txn, name, CRDT__LOWER, args);
}

static crdt_err apply_incr(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    double   amount;
    crdt_err err = crdt__double_parse(args[1].bytes, &amount);
    return err == CRDT_OK ? crdt_zset_incr(txn, name, args[0].bytes, amount, NULL) : err;
}

static crdt_err apply_remove(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_zset_remove(txn, name, args[0].bytes);
}

static crdt_err apply_clear(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_zset_clear(txn, name);
}

static const crdt_op ops[] = {
    {"add", "bd", "set a member's score", apply_add},
    {"raise", "bd", "set it if it is greater", apply_raise},
    {"lower", "bd", "set it if it is less", apply_lower},
    {"incr", "bd", "add to it, of either sign", apply_incr},
    {"remove", "b", "remove a member as it is seen", apply_remove},
    {"clear", "", "remove all that is seen", apply_clear},
};

const crdt_type crdt_zset_type = {
    .id = 28,
    .format = 1,
    .name = "zset",
    .summary = "sorted set: members with scores that are set or counted on; additions win",
    .source = "Almeida, Shoker, Baquero, JPDC 111, 2018; rule R11 of the design",
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    .init = init,
    .print = print,
    CRDT__MAP_VTABLE,
};
