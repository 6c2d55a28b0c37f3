/* marks.c: see marks.h. The state is elements by dot, each the record of a mark (marks/marks.h). */
#include "crdt/marks.h"

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/marks/marks.h"

crdt_err crdt_marks_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_marks_type, replica, mem, ret_store);
}

/* The greatest stamp of all; false: one is no record. */
static bool read_all(const crdt__marks *marks, uint64_t *ret_stamp_max)
{
    crdt__elems_cursor at = {&marks->elems, 0, 0};
    crdt_dot           dot;
    crdt_value         record;
    crdt__said         said;
    *ret_stamp_max = 0;
    while (crdt__elems_next(&at, &dot, &record)) {
        if (record.kind != CRDT_BYTES || !crdt__said_parse(dot, record.bytes, &said)) return false;
        if (said.stamp > *ret_stamp_max) *ret_stamp_max = said.stamp;
    }
    return true;
}

/* -- Slots ------------------------------------------------------------------------------------- */

static void init(const crdt_space *space, void *state)
{
    (void)space;
    *(crdt__marks *)state = (crdt__marks){{0}, 0};
}

static void clear(const crdt_space *space, void *state)
{
    crdt__elems_clear(space->mem, &((crdt__marks *)state)->elems);
    init(space, state);
}

static crdt_err prepare(crdt_join *join, void *state, const void *other)
{
    return crdt__elems_prepare(join, &((crdt__marks *)state)->elems,
                               &((const crdt__marks *)other)->elems);
}

static bool commit(crdt_join *join, void *state, const void *other)
{
    crdt__marks *mine = state;
    uint64_t     stamp = ((const crdt__marks *)other)->stamp_max;
    if (stamp > mine->stamp_max) mine->stamp_max = stamp;
    if (stamp > join->stamp_max) join->stamp_max = stamp;
    return crdt__elems_commit(join, &mine->elems, &((const crdt__marks *)other)->elems);
}

static crdt_err since(const crdt_space *space, const void *state, const crdt_context *ctx,
                      void *ret_part, crdt_context *keep)
{
    crdt__marks *part = ret_part;
    crdt_err     err =
        crdt__elems_since(space, &((const crdt__marks *)state)->elems, ctx, &part->elems, keep);
    if (err == CRDT_OK) (void)read_all(part, &part->stamp_max);
    return err;
}

/* They stand beside a text, and never make its name exist. */
static bool alive(const crdt_ref *ref)
{
    (void)ref;
    return false;
}

static crdt_err decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt__marks *marks = state;
    crdt_err     err = crdt__elems_decode(space, &marks->elems, dec);
    if (err == CRDT_OK && !read_all(marks, &marks->stamp_max)) {
        clear(space, state);
        err = crdt_dec_fail(dec, CRDT_EMALFORMED, "a mark that is none");
    }
    return err;
}

static bool check(const crdt_space *space, const void *state, const crdt_context *seen,
                  const char **ret_reason)
{
    const crdt__marks *marks = state;
    uint64_t           stamp_max;
    if (!crdt__elems_check(space, &marks->elems, seen, ret_reason)) return false;
    *ret_reason = "a mark that is none";
    if (!read_all(marks, &stamp_max)) return false;
    *ret_reason = "a mark's stamp is above the greatest";
    return stamp_max <= marks->stamp_max;
}

static void stats(const void *state, crdt_stats *stats)
{
    const crdt__marks *marks = state;
    uint64_t           stamp_max;
    crdt__elems_stats(&marks->elems, stats);
    stats->elements += marks->elems.dots;
    (void)read_all(marks, &stamp_max);
    if (stamp_max > stats->stamp_max) stats->stamp_max = stamp_max;
}

/* -- Printing ---------------------------------------------------------------------------------- */

static int compare_said(const void *a, const void *b)
{
    return crdt__said_compare(*(const crdt__said *const *)a, *(const crdt__said *const *)b);
}

static void print_one(const crdt__said *said, crdt_buf *out)
{
    crdt_value key = {CRDT_BYTES, 0, said->key};
    crdt_buf_print_value(out, key);
    if (said->has_value) {
        crdt_buf_text(out, " = ");
        crdt_buf_print_value(out, said->value);
    } else {
        crdt_buf_text(out, " none");
    }
    crdt_buf_text(out, " from ");
    crdt_cursor_print(said->start, out);
    crdt_buf_text(out, " to ");
    crdt_cursor_print(said->end, out);
}

/* ["bold" = 1 from start to 3@00000000000000a1>, ...], the greatest last. */
static void print(const crdt_ref *ref, crdt_buf *out)
{
    size_t       count = crdt__marks_count(ref), i = 0;
    uint32_t     at[4] = {0};
    size_t       bytes = count * (sizeof(crdt__said) + sizeof(crdt__said *));
    crdt__said  *all = count == 0 ? NULL : crdt__alloc(out->mem, bytes);
    crdt__said **order = all == NULL ? NULL : (crdt__said **)(void *)(all + count);
    if (count > 0 && all == NULL) {
        out->failed = true;
        return;
    }
    for (; i < count && crdt__marks_next(ref, at, &all[i]); i++) order[i] = &all[i];
    crdt__sort(order, i, sizeof *order, compare_said);
    crdt_buf_text(out, "[");
    for (size_t n = 0; n < i; n++) {
        if (n > 0) crdt_buf_text(out, ", ");
        print_one(order[n], out);
    }
    crdt_buf_text(out, "]");
    if (all != NULL) crdt__release(out->mem, all, bytes);
}

const crdt_type crdt_marks_type = {
    .id = 31,
    .format = 1,
    .name = "marks",
    .summary = "what is said of ranges of a text, beside it: bold, links, comments",
    .source = "Litt et al., \"Peritext\", PACM HCI 6 (CSCW2), 2022",
    .beside = true,
    .size = sizeof(crdt__marks),
    .ops_count = CRDT__MARKS_OPS,
    .ops = crdt__marks_ops,
    .init = init,
    .clear = clear,
    .prepare = prepare,
    .commit = commit,
    .since = since,
    .alive = alive,
    .empty = crdt__one_empty,
    .reset = crdt__one_reset,
    .mark = crdt__one_mark,
    .encode = crdt__one_encode,
    .decode = decode,
    .digest = crdt__one_digest,
    .print = print,
    .check = check,
    .stats = stats,
    .bytes = crdt__one_bytes,
};
