/* text.c: see text.h. The state is a slot (seq/seq.h) of a sequence of UTF-8 atoms. */
#include "crdt/text.h"

#include "crdt/core/mem.h"
#include "crdt/seq/seq.h"
#include "crdt/seq/seq_snap.h"

crdt_err crdt_text_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_text_type, replica, mem, ret_store);
}

crdt_err crdt_text_open(crdt_txn *txn, crdt_view name, const crdt_type *type,
                        crdt_text_edit *ret_edit)
{
    if (type != &crdt_text_type && type != &crdt_text_classic_type) return CRDT_EINVAL;
    crdt_err err = crdt_target_open(txn, name, type, &ret_edit->target);
    return err == CRDT_OK ? crdt__slot_open(ret_edit->target.state) : err;
}

/* -- Units ------------------------------------------------------------------------------------- */

static crdt__measure measure_of(crdt_unit unit)
{
    if (unit == CRDT_CODE_POINTS) return CRDT__IN_ATOMS;
    return unit == CRDT_UTF16_UNITS ? CRDT__IN_UNITS16 : CRDT__IN_BYTES;
}

/* The position in code points. Errors: ERANGE, ENOMEM. */
static crdt_err position(crdt__seq *seq, crdt_unit unit, uint64_t pos, uint32_t *ret_pos)
{
    if (unit == CRDT_CODE_POINTS) {
        *ret_pos = (uint32_t)pos;
        return pos <= crdt__seq_visible(seq) ? CRDT_OK : CRDT_ERANGE;
    }
    crdt__seq_settle(seq);
    crdt_err err = seq->atoms.ascii ? CRDT_OK : crdt__order_want_sums(&seq->order);
    if (err != CRDT_OK) return err;
    bool found = crdt__order_measure(&seq->order, measure_of(unit), pos, ret_pos);
    return found ? CRDT_OK : CRDT_ERANGE;
}

static crdt_err range(crdt__seq *seq, crdt_unit unit, uint64_t pos, uint64_t count,
                      uint32_t *ret_pos, uint32_t *ret_count)
{
    uint32_t end;
    crdt_err err = position(seq, unit, pos, ret_pos);
    if (err == CRDT_OK && count > UINT64_MAX - pos) err = CRDT_ERANGE;
    if (err == CRDT_OK) err = position(seq, unit, pos + count, &end);
    if (err == CRDT_OK) *ret_count = end - *ret_pos;
    return err;
}

/* -- Writing ----------------------------------------------------------------------------------- */

static crdt_err count_text(crdt_view utf8, uint32_t *ret_count)
{
    if (utf8.size >= CRDT__SPAN_MAX) return CRDT_ELIMIT;
    if (utf8.size == 1 && *(const uint8_t *)utf8.data < 0x80) {
        *ret_count = 1;
        return CRDT_OK;
    }
    return crdt__utf8_count(utf8, ret_count) ? CRDT_OK : CRDT_EINVAL;
}

CRDT__APART static crdt_err insert_anywhere(crdt_text_edit *edit, crdt_unit unit, uint64_t pos,
                                            crdt_view utf8)
{
    uint32_t at, count;
    crdt_err err = position(crdt__seq_in(&edit->target), unit, pos, &at);
    if (err == CRDT_OK) err = count_text(utf8, &count);
    if (err != CRDT_OK) return err;
    return crdt__seq_insert(&edit->target, at, utf8.data, utf8.size, count, 0);
}

crdt_err crdt_text_insert(crdt_text_edit *edit, crdt_unit unit, uint64_t pos, crdt_view utf8)
{
    if (unit == CRDT_CODE_POINTS && utf8.size == 1) {
        uint8_t byte = *(const uint8_t *)utf8.data;
        if (byte < 0x80 && crdt__seq_type_on(crdt__seq_in(&edit->target), pos, byte))
            return CRDT_OK;
    }
    return insert_anywhere(edit, unit, pos, utf8);
}

CRDT__APART static crdt_err delete_anywhere(crdt_text_edit *edit, crdt_unit unit, uint64_t pos,
                                            uint64_t count)
{
    uint32_t at, n;
    crdt_err err = range(crdt__seq_in(&edit->target), unit, pos, count, &at, &n);
    return err == CRDT_OK ? crdt__seq_delete(&edit->target, at, n) : err;
}

crdt_err crdt_text_delete(crdt_text_edit *edit, crdt_unit unit, uint64_t pos, uint64_t count)
{
    crdt__seq *seq = crdt__seq_in(&edit->target);
    if (unit == CRDT_CODE_POINTS && seq->pending.kind == CRDT__DELETING &&
        crdt_target_sees_all(&edit->target) && crdt__seq_delete_on(seq, pos, count)) {
        return CRDT_OK;
    }
    return delete_anywhere(edit, unit, pos, count);
}

/* The insertion comes first, left of what is deleted, where it would come to stand in any case: it
 * may fail, the deletion no more, whose memory is there. */
crdt_err crdt_text_replace(crdt_text_edit *edit, crdt_unit unit, uint64_t pos, uint64_t count,
                           crdt_view utf8)
{
    crdt__seq *seq = crdt__seq_in(&edit->target);
    uint32_t   at, n, inserted;
    crdt_err   err = range(seq, unit, pos, count, &at, &n);
    if (err == CRDT_OK) err = count_text(utf8, &inserted);
    if (err == CRDT_OK) err = crdt__seq_ready_delete(&edit->target, at, n);
    if (err == CRDT_OK) {
        err = crdt__seq_insert(&edit->target, at, utf8.data, utf8.size, inserted, n);
    }
    if (err != CRDT_OK || inserted == 0) {
        return err == CRDT_OK ? crdt__seq_delete(&edit->target, at, n) : err;
    }
    /* In the classic order it may have come to stand further on. */
    uint32_t end = seq->pending.pos + seq->pending.count;
    uint32_t before = end - inserted - at < n ? end - inserted - at : n;
    err = crdt__seq_delete(&edit->target, end, n - before);
    if (err == CRDT_OK) err = crdt__seq_delete(&edit->target, at, before);
    return err;
}

/* -- Reading ----------------------------------------------------------------------------------- */

uint64_t crdt_text_length(crdt_ref text, crdt_unit unit)
{
    crdt__seq *seq = (crdt__seq *)(uintptr_t)crdt__seq_of(&text);
    if (seq == NULL) return 0;
    if (unit == CRDT_CODE_POINTS || seq->atoms.ascii) return seq->order.visible;
    if (crdt__order_want_sums(&seq->order) == CRDT_OK) {
        return unit == CRDT_UTF16_UNITS ? seq->order.sums.units16 : seq->order.sums.bytes;
    }
    uint64_t       length = 0; /* no memory for the counts: count */
    crdt_text_iter it = crdt_text_iterate(text);
    for (crdt_view piece; crdt_text_next(&it, &piece);) {
        length +=
            unit == CRDT_UTF8_BYTES ? piece.size : crdt__utf8_sums(piece.data, piece.size).units16;
    }
    return length;
}

uint64_t crdt_text_lines(crdt_ref text)
{
    crdt__seq *seq = (crdt__seq *)(uintptr_t)crdt__seq_of(&text);
    if (seq == NULL) return 1;
    if (crdt__order_want_sums(&seq->order) == CRDT_OK) return (uint64_t)seq->order.sums.lines + 1;
    uint64_t       lines = 1;
    crdt_text_iter it = crdt_text_iterate(text);
    for (crdt_view piece; crdt_text_next(&it, &piece);) {
        lines += crdt__utf8_sums(piece.data, piece.size).lines;
    }
    return lines;
}

/* By way of the whole store. */
static crdt_err read_whole(const crdt_options *options, crdt_view in, crdt_view name,
                           const crdt_type *type, crdt_buf *out, const char **ret_reason)
{
    crdt_store *store;
    crdt_err    err = crdt_store_decode(options, in, &store, ret_reason);
    if (err != CRDT_OK) return err;
    crdt_ref ref;
    if (options->solo != NULL) ref = crdt_store_solo(store);
    else err = crdt_store_find(store, name, type, &ref);
    if (err == CRDT_ENOENT) { /* it is there, and shows nothing */
        crdt_store_free(store);
        return CRDT_OK;
    }
    if (err == CRDT_OK) err = crdt_text_read(ref, CRDT_CODE_POINTS, 0, UINT64_MAX, out);
    crdt_store_free(store);
    return err;
}

crdt_err crdt_text_peek(const crdt_options *options, crdt_view in, crdt_view name,
                        const crdt_type *type, crdt_buf *out, const char **ret_reason)
{
    crdt_view body, live;
    crdt_dec  dec;
    if (type != &crdt_text_type && type != &crdt_text_classic_type) return CRDT_EINVAL;
    crdt_err err = crdt_store_peek(options, in, name, type, &body, ret_reason);
    if (err != CRDT_OK) return err;
    crdt_dec_init(&dec, body, NULL);
    if (crdt__snap_live(CRDT__UTF8_ATOMS, &dec, &live)) {
        crdt_buf_put(out, live.data, live.size);
        return crdt_buf_status(out);
    }
    if (dec.err == CRDT_OK) return read_whole(options, in, name, type, out, ret_reason);
    if (ret_reason != NULL) *ret_reason = dec.reason;
    return dec.err;
}

crdt_text_iter crdt_text_iterate(crdt_ref text)
{
    const crdt__seq *seq = crdt__seq_of(&text);
    crdt_text_iter   it = {text, seq == NULL ? NULL : seq->order.first, 0, 0};
    return it;
}

/* The next piece; that of forgotten code points that nobody deleted is empty. */
static bool next_piece(crdt_text_iter *it, crdt_view *ret_piece)
{
    const crdt__seq *seq = crdt__seq_of(&it->text);
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
        uint32_t count;
        *ret_piece =
            crdt__atoms_view(&seq->atoms, span->cid + it->offset, span->len - it->offset, &count);
        it->offset += count;
        return true;
    }
    return false;
}

bool crdt_text_next(crdt_text_iter *it, crdt_view *ret_piece)
{
    while (next_piece(it, ret_piece)) {
        if (ret_piece->size > 0) return true;
    }
    return false;
}

crdt_err crdt_text_read(crdt_ref text, crdt_unit unit, uint64_t pos, uint64_t count, crdt_buf *out)
{
    crdt__seq *seq = (crdt__seq *)(uintptr_t)crdt__seq_of(&text);
    if (seq == NULL) return pos == 0 ? CRDT_OK : CRDT_ERANGE;
    uint32_t at, n;
    crdt_err err = position(seq, unit, pos, &at);
    if (err != CRDT_OK) return err;
    uint64_t length = crdt_text_length(text, unit);
    if (count > length - pos) count = length - pos;
    err = range(seq, unit, pos, count, &at, &n);
    if (err != CRDT_OK || n == 0) return err;
    crdt__place    place = crdt__order_at(&seq->order, at);
    crdt_text_iter it = {text, place.leaf, place.index, place.offset};
    size_t         before = out->size;
    while (n > 0) {
        crdt_view   piece;
        uint32_t    from = it.offset, leaf_index = it.index;
        const void *leaf = it.leaf;
        if (!next_piece(&it, &piece)) break;
        if (it.leaf != leaf || it.index != leaf_index) from = 0;
        uint32_t got = it.offset - from;
        if (got > n) {
            const crdt__span *span = &((const crdt__leaf *)it.leaf)->spans[it.index];
            piece = crdt__atoms_view(&seq->atoms, span->cid + from, n, &got);
        }
        crdt_buf_put(out, piece.data, piece.size);
        n -= got;
    }
    if (crdt_buf_status(out) == CRDT_OK) return CRDT_OK;
    out->size = before;
    return CRDT_ENOMEM;
}

/* -- Cursors ----------------------------------------------------------------------------------- */

crdt_err crdt_text_cursor(crdt_ref text, crdt_unit unit, uint64_t pos, crdt_side side,
                          crdt_cursor *ret_cursor)
{
    crdt__seq *seq = (crdt__seq *)(uintptr_t)crdt__seq_of(&text);
    uint32_t   at = 0;
    if (seq == NULL) {
        *ret_cursor = crdt_cursor_end(side == CRDT_RIGHT ? CRDT_LEFT : CRDT_RIGHT);
        return pos == 0 ? CRDT_OK : CRDT_ERANGE;
    }
    crdt_err err = position(seq, unit, pos, &at);
    if (err == CRDT_OK) (void)crdt__seq_cursor(seq, at, side, ret_cursor);
    return err;
}

crdt_err crdt_text_find(crdt_ref text, crdt_cursor cursor, crdt_unit unit, uint64_t *ret_pos)
{
    crdt__seq *seq = (crdt__seq *)(uintptr_t)crdt__seq_of(&text);
    uint32_t   pos = 0;
    if (seq == NULL && cursor.replica != 0) return CRDT_ENOENT;
    crdt_err err = seq == NULL ? CRDT_OK : crdt__seq_cursor_pos(seq, cursor, &pos);
    if (err == CRDT_OK && seq != NULL && unit != CRDT_CODE_POINTS && !seq->atoms.ascii) {
        err = crdt__order_want_sums(&seq->order);
    }
    if (err != CRDT_OK) return err;
    *ret_pos = seq == NULL ? 0 : crdt__order_units(&seq->order, measure_of(unit), pos);
    return CRDT_OK;
}

crdt_err crdt_text_compare(crdt_ref text, crdt_cursor a, crdt_cursor b, int *ret_order)
{
    const crdt__seq *seq = crdt__seq_of(&text);
    if (seq != NULL) return crdt__seq_compare_cursors(seq, a, b, ret_order);
    if (a.replica != 0 || b.replica != 0) return CRDT_ENOENT;
    *ret_order = (int)a.side - (int)b.side;
    return CRDT_OK;
}

crdt_err crdt_text_gap(crdt_ref text, crdt_unit unit, uint64_t pos, bool *ret_gap)
{
    crdt__seq *seq = (crdt__seq *)(uintptr_t)crdt__seq_of(&text);
    uint32_t   at = 0;
    *ret_gap = false;
    if (seq == NULL) return pos == 0 ? CRDT_OK : CRDT_ERANGE;
    crdt_err err = position(seq, unit, pos, &at);
    if (err == CRDT_OK) *ret_gap = crdt__seq_has_gap(seq, at);
    return err;
}

uint64_t crdt_text_waiting(crdt_ref text)
{
    const crdt__seq *seq = crdt__seq_of(&text);
    return seq == NULL ? 0 : crdt__seq_waiting(seq);
}

/* -- The types --------------------------------------------------------------------------------- */

static void init_fugue(const crdt_space *space, void *state)
{
    crdt__slot_init(space, state, CRDT__UTF8_ATOMS, false);
}

static void init_classic(const crdt_space *space, void *state)
{
    crdt__slot_init(space, state, CRDT__UTF8_ATOMS, true);
}

/* As one quoted string. */
static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt_buf text;
    crdt_buf_init(&text, out->mem);
    if (crdt_text_read(*ref, CRDT_CODE_POINTS, 0, UINT64_MAX, &text) != CRDT_OK) out->failed = true;
    crdt_buf_print_value(out, crdt_bytes(text.data, text.size));
    crdt_buf_clear(&text);
}

static crdt_err insert_into(crdt_txn *txn, crdt_view name, const crdt_type *type,
                            const crdt_value *args)
{
    crdt_text_edit edit;
    crdt_err       err = crdt_text_open(txn, name, type, &edit);
    if (err != CRDT_OK) return err;
    return crdt_text_insert(&edit, CRDT_CODE_POINTS, (uint64_t)args[0].i, args[1].bytes);
}

static crdt_err delete_from(crdt_txn *txn, crdt_view name, const crdt_type *type,
                            const crdt_value *args)
{
    crdt_text_edit edit;
    crdt_err       err = crdt_text_open(txn, name, type, &edit);
    if (err != CRDT_OK) return err;
    return crdt_text_delete(&edit, CRDT_CODE_POINTS, (uint64_t)args[0].i, (uint64_t)args[1].i);
}

static crdt_err apply_insert(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return insert_into(txn, name, &crdt_text_type, args);
}

static crdt_err apply_delete(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return delete_from(txn, name, &crdt_text_type, args);
}

static crdt_err apply_insert_classic(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return insert_into(txn, name, &crdt_text_classic_type, args);
}

static crdt_err apply_delete_classic(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return delete_from(txn, name, &crdt_text_classic_type, args);
}

static const crdt_op fugue_ops[] = {
    {"insert", "pb", "insert UTF-8 text before the code point at a position", apply_insert},
    {"delete", "pn", "delete so many code points from a position on", apply_delete},
};

static const crdt_op classic_ops[] = {
    {"insert", "pb", "insert UTF-8 text before the code point at a position", apply_insert_classic},
    {"delete", "pn", "delete so many code points from a position on", apply_delete_classic},
};

const crdt_type crdt_text_type = {
    .id = 17,
    .format = 1,
    .name = "text",
    .summary = "UTF-8 text; what is typed at one place at the same time never interleaves",
    .source = "Weidner, Kleppmann, IEEE TPDS 36(11), 2025; Roh et al., JPDC 71(3), 2011",
    .ops_count = sizeof fugue_ops / sizeof fugue_ops[0],
    .ops = fugue_ops,
    CRDT__SEQ_SLOTS,
    .init = init_fugue,
    .print = print,
};

const crdt_type crdt_text_classic_type = {
    .id = 19,
    .format = 1,
    .name = "text_classic",
    .summary = "UTF-8 text in the classic order of RGA: the latest insertion comes first",
    .source = "Roh et al., JPDC 71(3), 2011",
    .ops_count = sizeof classic_ops / sizeof classic_ops[0],
    .ops = classic_ops,
    CRDT__SEQ_SLOTS,
    .init = init_classic,
    .print = print,
};
