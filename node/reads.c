/* reads.c: see reads.h. */
#include "node/reads.h"

#include "node/expiry.h"
#include "node/keys.h"
#include "node/number.h"

void reads_value(reply *r, crdt_value value)
{
    if (value.kind == CRDT_INT) reply_bulk_int(r, value.i);
    else reply_bulk(r, value.bytes);
}

static void value_or_null(reply *r, bool has, crdt_value value)
{
    if (has) reads_value(r, value);
    else reply_null(r);
}

/* -- By type ----------------------------------------------------------------------------------- */

static void read_gcounter(call *c, crdt_ref ref)
{
    reply_int128(c->reply, crdt_gcounter_value_wide(ref));
}

static void read_pncounter(call *c, crdt_ref ref)
{
    reply_int128(c->reply, crdt_pncounter_value_wide(ref));
}

#define READ_SET(set)                                                      \
    static void read_##set(call *c, crdt_ref ref)                          \
    {                                                                      \
        crdt_value elem;                                                   \
        reply_set(c->reply, crdt_##set##_count(ref));                      \
        crdt_##set##_iter it = crdt_##set##_iterate(ref);                  \
        while (crdt_##set##_next(&it, &elem)) reads_value(c->reply, elem); \
    }
READ_SET(gset)
READ_SET(twopset)
READ_SET(orset)
READ_SET(rwset)

static void read_lww(call *c, crdt_ref ref)
{
    crdt_value value;
    bool       has = crdt_lww_get(ref, &value);
    value_or_null(c->reply, has, value);
}

static void read_lwwts(call *c, crdt_ref ref)
{
    crdt_value value;
    bool       has = crdt_lwwts_get(ref, &value);
    value_or_null(c->reply, has, value);
}

static void read_mvreg(call *c, crdt_ref ref)
{
    crdt_value value;
    size_t     count = crdt_mvreg_count(ref);
    reply_array(c->reply, count);
    for (size_t i = 0; i < count && crdt_mvreg_get(ref, i, &value); i++) {
        reads_value(c->reply, value);
    }
}

static void read_max(call *c, crdt_ref ref)
{
    int64_t n = 0;
    if (crdt_max_get(ref, &n)) reply_int(c->reply, n);
    else reply_null(c->reply);
}

static void read_min(call *c, crdt_ref ref)
{
    int64_t n = 0;
    if (crdt_min_get(ref, &n)) reply_int(c->reply, n);
    else reply_null(c->reply);
}

static void read_ewflag(call *c, crdt_ref ref)
{
    reply_int(c->reply, crdt_ewflag_get(ref));
}

static void read_dwflag(call *c, crdt_ref ref)
{
    reply_int(c->reply, crdt_dwflag_get(ref));
}

static void read_cell(call *c, crdt_ref ref)
{
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    crdt_err err = crdt_cell_get(ref, &text);
    if (err == CRDT_ENOENT) reply_null(c->reply);
    else if (!call_fails(c, err)) reply_bulk(c->reply, crdt_buf_bytes(&text));
    crdt_buf_clear(&text);
}

static void read_expiry(call *c, crdt_ref ref)
{
    int64_t ms;
    if (crdt_expiry_deadline(ref, &ms)) reply_int(c->reply, ms);
    else reply_null(c->reply);
}

/* Which part is asked for; everything, if none is told. False: an error was replied. */
static bool part(call *c, uint64_t *ret_at, uint64_t *ret_count)
{
    int64_t at = 0, count = INT64_MAX;
    if (c->count != 2 && c->count != 4) {
        call_syntax(c);
        return false;
    }
    if (c->count == 4 && (!call_int(c, 2, &at) || !call_int(c, 3, &count))) return false;
    if (at < 0 || count < 0) {
        call_error(c, "ERR position and count must be 0 or more");
        return false;
    }
    *ret_at = (uint64_t)at;
    *ret_count = (uint64_t)count;
    return true;
}

static void read_rga(call *c, crdt_ref ref)
{
    uint64_t   at, count, length = crdt_rga_length(ref);
    crdt_value value;
    if (!part(c, &at, &count)) return;
    if (at > length) at = length;
    if (count > length - at) count = length - at;
    reply_array(c->reply, (size_t)count);
    crdt_rga_iter it = crdt_rga_iterate(ref, at);
    for (; count > 0 && crdt_rga_next(&it, &value); count--) reads_value(c->reply, value);
}

static void read_text(call *c, crdt_ref ref)
{
    uint64_t at, count, length = crdt_text_length(ref, CRDT_CODE_POINTS);
    crdt_buf text;
    if (!part(c, &at, &count)) return;
    if (at > length) at = length;
    if (count > length - at) count = length - at;
    crdt_buf_init(&text, NULL);
    if (!call_fails(c, crdt_text_read(ref, CRDT_CODE_POINTS, at, count, &text))) {
        reply_bulk(c->reply, crdt_buf_bytes(&text));
    }
    crdt_buf_clear(&text);
}

/* -- The table --------------------------------------------------------------------------------- */

static const struct reader {
    const crdt_type *type;
    void (*read)(call *c, crdt_ref ref);
    bool part;
} readers[] = {
    {&crdt_gcounter_type, read_gcounter, false}, {&crdt_pncounter_type, read_pncounter, false},
    {&crdt_gset_type, read_gset, false},         {&crdt_twopset_type, read_twopset, false},
    {&crdt_orset_type, read_orset, false},       {&crdt_rwset_type, read_rwset, false},
    {&crdt_lww_type, read_lww, false},           {&crdt_lwwts_type, read_lwwts, false},
    {&crdt_mvreg_type, read_mvreg, false},       {&crdt_max_type, read_max, false},
    {&crdt_min_type, read_min, false},           {&crdt_ewflag_type, read_ewflag, false},
    {&crdt_dwflag_type, read_dwflag, false},     {&crdt_rga_type, read_rga, true},
    {&crdt_rga_classic_type, read_rga, true},    {&crdt_text_type, read_text, true},
    {&crdt_text_classic_type, read_text, true},  {&crdt_cell_type, read_cell, false},
    {&crdt_expiry_type, read_expiry, false},
};

static const struct reader *reader_of(const crdt_type *type)
{
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (readers[i].type == type) return &readers[i];
    }
    return NULL;
}

bool reads_part(const crdt_type *type)
{
    const struct reader *reader = reader_of(type);
    return reader != NULL && reader->part;
}

/* What is found; else an empty object of the type. False: an error was replied. */
static bool look(call *c, crdt_view name, const crdt_type *type, crdt_ref *ret_ref)
{
    *ret_ref = (crdt_ref){.type = type};
    if (type->beside) { /* it stands beside what shows */
        crdt_err err = c->txn != NULL ? crdt_txn_beside(c->txn, name, type, ret_ref)
                                      : crdt_store_beside(c->node->store, name, type, ret_ref);
        if (err != CRDT_OK) *ret_ref = (crdt_ref){.type = type};
        return err == CRDT_ENOENT || !call_fails(c, err);
    }
    crdt_ref found;
    if (key_typed(c, name, type, &found) == KEY_THERE) *ret_ref = found;
    return !c->failed;
}

void reads_reply(call *c, crdt_view name, const crdt_type *type)
{
    crdt_ref             ref;
    const struct reader *reader = reader_of(type);
    if (!look(c, name, type, &ref)) return;
    if (reader != NULL) {
        reader->read(c, ref);
        return;
    }
    crdt_buf text; /* of a type that this file was not told of */
    crdt_buf_init(&text, NULL);
    if (ref.state != NULL) crdt_ref_print(&ref, &text);
    if (!call_fails(c, crdt_buf_status(&text))) reply_bulk(c->reply, crdt_buf_bytes(&text));
    crdt_buf_clear(&text);
}
