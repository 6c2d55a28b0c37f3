/* rga.c: see rga.h. The state is a slot (seq/seq.h) of a sequence of values. */
#include "crdt/rga.h"

#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/seq/seq_stand.h"

crdt_err crdt_rga_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_rga_type, replica, mem, ret_store);
}

crdt_err crdt_rga_open(crdt_txn *txn, crdt_view name, const crdt_type *type,
                       crdt_rga_edit *ret_edit)
{
    if (type != &crdt_rga_type && type != &crdt_rga_classic_type) return CRDT_EINVAL;
    crdt_err err = crdt_target_open(txn, name, type, &ret_edit->target);
    return err == CRDT_OK ? crdt__slot_open(ret_edit->target.state) : err;
}

/* -- Writing ----------------------------------------------------------------------------------- */

static bool is_in(const crdt_rga_edit *edit, uint64_t pos, uint64_t count)
{
    uint32_t length = crdt__seq_visible(crdt__seq_in(&edit->target));
    return pos <= length && count <= length - pos;
}

#define SMALL 128u

/* As crdt_buf_value writes it; 0: it is too large. */
static size_t put_small(crdt_value value, uint8_t out[SMALL])
{
    if (value.kind == CRDT_INT) {
        out[0] = 0;
        crdt__store_le64(out + 1, (uint64_t)value.i);
        return 9;
    }
    if (value.bytes.size >= SMALL - 1) return 0;
    out[0] = (uint8_t)(value.bytes.size + 1);
    if (value.bytes.size > 0) memcpy(out + 1, value.bytes.data, value.bytes.size);
    return value.bytes.size + 1;
}

crdt_err crdt_rga_insert(crdt_rga_edit *edit, uint64_t pos, crdt_value value)
{
    crdt_err err = crdt_target_value_ok(&edit->target, value);
    if (err == CRDT_OK && !is_in(edit, pos, 0)) err = CRDT_ERANGE;
    if (err != CRDT_OK) return err;
    uint8_t small[SMALL];
    size_t  size = put_small(value, small);
    if (size > 0) return crdt__seq_insert(&edit->target, (uint32_t)pos, small, size, 1, 0);
    crdt_buf buf;
    crdt_buf_init(&buf, edit->target.space->mem);
    crdt_buf_value(&buf, value);
    err = crdt_buf_status(&buf);
    if (err == CRDT_OK) {
        err = crdt__seq_insert(&edit->target, (uint32_t)pos, buf.data, buf.size, 1, 0);
    }
    crdt_buf_clear(&buf);
    return err;
}

crdt_err crdt_rga_delete(crdt_rga_edit *edit, uint64_t pos, uint64_t count)
{
    if (!is_in(edit, pos, count)) return CRDT_ERANGE;
    return crdt__seq_delete(&edit->target, (uint32_t)pos, (uint32_t)count);
}

crdt_err crdt_rga_set(crdt_rga_edit *edit, uint64_t pos, crdt_value value)
{
    crdt_err err = crdt_target_value_ok(&edit->target, value);
    if (err == CRDT_OK && !is_in(edit, pos, 1)) err = CRDT_ERANGE;
    return err == CRDT_OK ? crdt__seq_set(&edit->target, (uint32_t)pos, value) : err;
}

crdt_err crdt_rga_move(crdt_rga_edit *edit, uint64_t from, uint64_t to)
{
    if (!is_in(edit, from, 1) || !is_in(edit, to, 1)) return CRDT_ERANGE;
    return from == to ? CRDT_OK : crdt__seq_move(&edit->target, (uint32_t)from, (uint32_t)to);
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* What was set last for the element; NULL: nothing. */
static const crdt__set *set_of(const crdt__seq *seq, uint32_t cid)
{
    return seq->sets.count == 0 ? NULL : crdt__seq_set_of(seq, crdt__seq_elem(seq, cid));
}

static crdt_value value_of(const crdt__seq *seq, uint32_t cid)
{
    const crdt__set *set = set_of(seq, cid);
    return set != NULL ? set->value : crdt__atoms_value(&seq->atoms, cid);
}

uint64_t crdt_rga_length(crdt_ref list)
{
    const crdt__seq *seq = crdt__seq_of(&list);
    return seq == NULL ? 0 : seq->order.visible;
}

bool crdt_rga_get(crdt_ref list, uint64_t pos, crdt_value *ret_value)
{
    crdt__seq *seq = (crdt__seq *)(uintptr_t)crdt__seq_of(&list);
    if (seq == NULL || pos >= seq->order.visible) return false;
    uint32_t place = crdt__order_cid(crdt__order_at(&seq->order, (uint32_t)pos));
    *ret_value = value_of(seq, crdt__shown_by(seq, place));
    return true;
}

crdt_rga_iter crdt_rga_iterate(crdt_ref list, uint64_t from)
{
    crdt__seq    *seq = (crdt__seq *)(uintptr_t)crdt__seq_of(&list);
    crdt_rga_iter it;
    it.list = list;
    it.leaf = NULL;
    it.first = it.count = 0; /* of the starts none is known */
    if (seq == NULL || from >= seq->order.visible) return it;
    crdt__place place = crdt__order_at(&seq->order, (uint32_t)from);
    it.leaf = place.leaf;
    it.index = place.index;
    it.offset = place.offset;
    return it;
}

_Static_assert(sizeof((crdt_rga_iter *)0)->starts == CRDT__NEAR * sizeof(uint32_t),
               "an iterator has room for the starts that are found together");

/* The inserted value of the element; those around it are found with it. */
static crdt_value value_near(crdt_rga_iter *it, const crdt__seq *seq, uint32_t cid)
{
    const uint8_t *block = it->block;
    if (cid - it->first >= it->count) {
        crdt__atoms_near(&seq->atoms, cid, &block, &it->first, &it->count, it->starts);
        it->block = block;
    }
    return crdt__value_read(block + it->starts[cid - it->first]);
}

/* The value of the element that stands there; false: that is the place's own. */
static bool read_moved(const crdt__seq *seq, uint32_t place, crdt_value *ret_value)
{
    uint32_t cid = crdt__shown_by(seq, place);
    if (cid == place) return false;
    *ret_value = value_of(seq, cid);
    return true;
}

bool crdt_rga_next(crdt_rga_iter *it, crdt_value *ret_value)
{
    const crdt__seq *seq = crdt__seq_of(&it->list);
    for (const crdt__leaf *leaf = it->leaf; leaf != NULL; leaf = it->leaf) {
        if (it->index == leaf->count) {
            it->leaf = leaf->next;
            it->index = it->offset = 0;
            continue;
        }
        const crdt__span *span = &leaf->spans[it->index];
        if (span->dead || it->offset == span->len) {
            it->index++;
            it->offset = 0;
            continue;
        }
        uint32_t cid = span->cid + it->offset++;
        if (seq->stands.count > 0 && read_moved(seq, cid, ret_value)) return true;
        const crdt__set *set = set_of(seq, cid);
        *ret_value = set != NULL ? set->value : value_near(it, seq, cid);
        return true;
    }
    return false;
}

crdt_err crdt_rga_cursor(crdt_ref list, uint64_t pos, crdt_side side, crdt_cursor *ret_cursor)
{
    const crdt__seq *seq = crdt__seq_of(&list);
    if (pos > (seq == NULL ? 0 : seq->order.visible)) return CRDT_ERANGE;
    *ret_cursor = crdt_cursor_end(side == CRDT_RIGHT ? CRDT_LEFT : CRDT_RIGHT);
    if (seq != NULL) (void)crdt__seq_cursor(seq, (uint32_t)pos, side, ret_cursor);
    return CRDT_OK;
}

crdt_err crdt_rga_find(crdt_ref list, crdt_cursor cursor, uint64_t *ret_pos)
{
    const crdt__seq *seq = crdt__seq_of(&list);
    uint32_t         pos = 0;
    if (seq == NULL && cursor.replica != 0) return CRDT_ENOENT;
    crdt_err err = seq == NULL ? CRDT_OK : crdt__seq_cursor_pos(seq, cursor, &pos);
    if (err == CRDT_OK) *ret_pos = pos;
    return err;
}

uint64_t crdt_rga_waiting(crdt_ref list)
{
    const crdt__seq *seq = crdt__seq_of(&list);
    return seq == NULL ? 0 : crdt__seq_waiting(seq);
}

/* -- The types --------------------------------------------------------------------------------- */

static void init_fugue(const crdt_space *space, void *state)
{
    crdt__slot_init(space, state, CRDT__VALUE_ATOMS, false);
}

static void init_classic(const crdt_space *space, void *state)
{
    crdt__slot_init(space, state, CRDT__VALUE_ATOMS, true);
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt_rga_iter it = crdt_rga_iterate(*ref, 0);
    crdt_value    value;
    crdt_buf_text(out, "[");
    for (bool first = true; crdt_rga_next(&it, &value); first = false) {
        if (!first) crdt_buf_text(out, ", ");
        crdt_buf_print_value(out, value);
    }
    crdt_buf_text(out, "]");
}

typedef enum edit_kind { INSERT, DELETE, SET, MOVE } edit_kind;

static crdt_err apply(crdt_txn *txn, crdt_view name, const crdt_type *type, edit_kind kind,
                      const crdt_value *args)
{
    crdt_rga_edit edit;
    crdt_err      err = crdt_rga_open(txn, name, type, &edit);
    if (err != CRDT_OK) return err;
    uint64_t pos = (uint64_t)args[0].i;
    if (kind == INSERT) return crdt_rga_insert(&edit, pos, args[1]);
    if (kind == DELETE) return crdt_rga_delete(&edit, pos, (uint64_t)args[1].i);
    if (kind == MOVE) return crdt_rga_move(&edit, pos, (uint64_t)args[1].i);
    return crdt_rga_set(&edit, pos, args[1]);
}

static crdt_err apply_insert(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, &crdt_rga_type, INSERT, args);
}

static crdt_err apply_delete(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, &crdt_rga_type, DELETE, args);
}

static crdt_err apply_set(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, &crdt_rga_type, SET, args);
}

static crdt_err apply_move(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, &crdt_rga_type, MOVE, args);
}

static crdt_err apply_insert_classic(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, &crdt_rga_classic_type, INSERT, args);
}

static crdt_err apply_delete_classic(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, &crdt_rga_classic_type, DELETE, args);
}

static crdt_err apply_set_classic(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, &crdt_rga_classic_type, SET, args);
}

static crdt_err apply_move_classic(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, &crdt_rga_classic_type, MOVE, args);
}

#define INSERT_HELP "insert a value before the element at a position"
#define DELETE_HELP "delete so many elements from a position on"
#define SET_HELP "give the element at a position another value; of concurrent ones the latest shows"
#define MOVE_HELP \
    "move an element to stand at another position; of concurrent ones the latest counts"

static const crdt_op fugue_ops[] = {
    {"insert", "pv", INSERT_HELP, apply_insert},
    {"delete", "pn", DELETE_HELP, apply_delete},
    {"set", "pv", SET_HELP, apply_set},
    {"move", "pp", MOVE_HELP, apply_move},
};

static const crdt_op classic_ops[] = {
    {"insert", "pv", INSERT_HELP, apply_insert_classic},
    {"delete", "pn", DELETE_HELP, apply_delete_classic},
    {"set", "pv", SET_HELP, apply_set_classic},
    {"move", "pp", MOVE_HELP, apply_move_classic},
};

const crdt_type crdt_rga_type = {
    .id = 16,
    .format = 1,
    .name = "rga",
    .summary = "list of values; what is inserted at one place at the same time never interleaves",
    .source = "Weidner, Kleppmann, IEEE TPDS 36(11), 2025; Roh et al., JPDC 71(3), 2011",
    .ops_count = sizeof fugue_ops / sizeof fugue_ops[0],
    .ops = fugue_ops,
    CRDT__SEQ_SLOTS,
    .init = init_fugue,
    .print = print,
};

const crdt_type crdt_rga_classic_type = {
    .id = 18,
    .format = 1,
    .name = "rga_classic",
    .summary = "list of values in the classic order of RGA: the latest insertion comes first",
    .source = "Roh et al., JPDC 71(3), 2011",
    .ops_count = sizeof classic_ops / sizeof classic_ops[0],
    .ops = classic_ops,
    CRDT__SEQ_SLOTS,
    .init = init_classic,
    .print = print,
};
