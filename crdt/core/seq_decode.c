/* core/seq_decode.c: a sequence from bytes. The format is told in seq_code.h.
 *
 * Rows of a replica come in order of dots; a row may refer to elements of another replica that come
 * later in the bytes. So replicas are read side by side: one that meets a row that is not ready
 * waits while the one that it needs is read on.
 */
#include <string.h>

#include "crdt/clock.h"
#include "crdt/core/mem.h"
#include "crdt/core/seq_code.h"
#include "crdt/core/seq_snap.h"

/* The rows of one replica, being read. */
typedef struct section {
    const uint8_t *at[CRDT__COLUMNS], *end[CRDT__COLUMNS];
    crdt__trail    trail;
    uint64_t       rows;  /* left */
    uint64_t       tried; /* 1 + rows taken when this one last waited for another */
    uint32_t       waits; /* 1 + the section that waits for this one, if `open` */
    bool           open, is_inline;
} section;

typedef struct reader {
    crdt__seq *seq;
    crdt_dec  *dec;
    section   *sections;
    size_t     count;
    crdt_dec   in; /* of the column being read */
    uint64_t   taken;
} reader;

/* Nothing is undone here (what fails is freed whole): journals are kept short. */
#define KEEP_ROWS 256

/* -- Rows -------------------------------------------------------------------------------------- */

static crdt_dec *in_column(reader *r, section *s, int column)
{
    if (s->is_inline) column = 0;
    r->in.at = s->at[column];
    r->in.end = s->end[column];
    return &r->in;
}

static void out_column(reader *r, section *s, int column)
{
    s->at[s->is_inline ? 0 : column] = r->in.at;
}

static uint64_t get(reader *r, section *s, int column)
{
    int c = s->is_inline ? 0 : column;
    if (s->at[c] < s->end[c] && *s->at[c] < 0x80) return *s->at[c]++;
    uint64_t n = crdt_dec_varint(in_column(r, s, column));
    out_column(r, s, column);
    return n;
}

static uint8_t get_shape(reader *r, section *s)
{
    if (s->at[0] < s->end[0]) return *s->at[0]++;
    crdt_dec_fail(&r->in, CRDT_EMALFORMED, "truncated");
    return 0;
}

static uint64_t get_replica(reader *r, section *s, int column)
{
    uint64_t replica = crdt_dec_replica(in_column(r, s, column));
    out_column(r, s, column);
    return replica;
}

static void malformed(reader *r, const char *reason)
{
    crdt_dec_fail(&r->in, CRDT_EMALFORMED, reason);
}

static uint32_t get_counter(reader *r, section *s, int column, uint64_t base, bool is_delta)
{
    uint64_t n = get(r, s, column);
    if (is_delta) n = base + (uint64_t)crdt_unzigzag(n);
    if (n < CRDT__SPAN_MAX) return (uint32_t)n;
    malformed(r, "an element's counter is out of range");
    return 0;
}

static uint32_t get_count(reader *r, section *s)
{
    uint64_t n = get(r, s, CRDT__COUNTS);
    if (n < CRDT__SPAN_MAX - 2) return (uint32_t)n + 2;
    malformed(r, "a count is out of range");
    return 1;
}

static crdt__elem get_ref(reader *r, section *s, uint8_t shape)
{
    crdt__elem elem = s->trail.cursor;
    if (shape & CRDT__SHAPE_OWN) {
        elem.ctr = get_counter(r, s, CRDT__REFS, elem.ctr, true);
        return elem;
    }
    uint64_t place = get(r, s, CRDT__REFS);
    elem.replica = 0;
    elem.ctr = 0;
    if (place == r->in.dict_count) return elem;
    if (place > r->in.dict_count) {
        malformed(r, "a replica that the dictionary lacks");
        return elem;
    }
    elem.replica = r->in.dict[place];
    elem.ctr = get_counter(r, s, CRDT__REFS, 0, false);
    if (elem.replica == s->trail.cursor.replica) malformed(r, "a reference in its long form");
    return elem;
}

static void get_right(reader *r, section *s, crdt__row *row, uint8_t shape)
{
    if (shape & CRDT__SHAPE_NEAR) {
        row->right.replica = row->left.replica;
        row->right.ctr = get_counter(r, s, CRDT__OTHERS, row->left.ctr, true);
        bool ok = row->left.replica != 0 && (shape & CRDT__SHAPE_RIGHT);
        if (!ok) malformed(r, "a right parent beside no left origin");
    } else if (shape & CRDT__SHAPE_RIGHT) {
        row->right.replica = get_replica(r, s, CRDT__OTHERS);
        row->right.ctr = get_counter(r, s, CRDT__OTHERS, 0, false);
        if (row->right.replica == row->left.replica) malformed(r, "a right parent in long form");
    }
}

/* The stretches of forgotten atoms: how many atoms. */
static uint32_t get_voids(reader *r, section *s, crdt__row *row, uint64_t voids)
{
    const uint8_t *from = in_column(r, s, CRDT__OTHERS)->at;
    uint64_t       at = 0, sum = 0;
    for (uint64_t i = 0; i < voids && r->in.err == CRDT_OK; i++) {
        uint64_t gap = get(r, s, CRDT__OTHERS), run = get(r, s, CRDT__OTHERS);
        if (run == 0 || (gap == 0 && i > 0) || gap > CRDT__SPAN_MAX || run > CRDT__SPAN_MAX) {
            malformed(r, "stretches of forgotten atoms touch or are empty");
            break;
        }
        at += gap + run;
        sum += run;
        if (at > crdt__row_len(row)) malformed(r, "forgotten atoms past the row's end");
    }
    if (r->in.err != CRDT_OK) return 0;
    row->voids = crdt_view_of(from, (size_t)(in_column(r, s, CRDT__OTHERS)->at - from));
    return (uint32_t)sum;
}

static bool take_utf8(reader *r, uint32_t count, size_t *ret_size)
{
    const uint8_t *data = r->in.at;
    size_t         left = crdt_dec_left(&r->in), at = 0;
    uint32_t       n;
    if (count <= left && crdt__utf8_count(crdt_view_of(data, count), &n) && n == count) {
        *ret_size = count; /* ASCII */
        return true;
    }
    for (n = 0; n < count && at < left; n++) { /* what follows may look like a continuation */
        at += data[at] < 0x80 ? 1 : data[at] < 0xe0 ? 2 : data[at] < 0xf0 ? 3 : 4;
    }
    if (n < count || at > left) return false;
    *ret_size = at;
    uint32_t valid;
    return crdt__utf8_count(crdt_view_of(data, at), &valid) && valid == count;
}

static void get_content(reader *r, section *s, crdt__row *row, uint32_t count)
{
    const uint8_t *from = in_column(r, s, CRDT__CONTENT)->at;
    size_t         size;
    if (r->seq->atoms.kind == CRDT__UTF8_ATOMS) {
        if (take_utf8(r, count, &size)) (void)crdt_dec_bytes(&r->in, size);
        else malformed(r, "text is not UTF-8, or cut short");
    } else {
        for (uint32_t i = 0; i < count && r->in.err == CRDT_OK; i++) (void)crdt_dec_value(&r->in);
    }
    if (r->in.err != CRDT_OK) return;
    row->bytes = crdt_view_of(from, (size_t)(r->in.at - from));
    row->held = crdt__row_len(row);
    out_column(r, s, CRDT__CONTENT);
}

static void get_insertion(reader *r, section *s, crdt__row *row, uint8_t shape)
{
    uint64_t voids = 0, lamport = 0;
    uint32_t expected = crdt__trail_ctr(&s->trail, row->left);
    row->first.replica = row->replica;
    row->first.ctr = expected;
    if (shape & CRDT__SHAPE_ODD) {
        row->first.ctr = get_counter(r, s, CRDT__OTHERS, expected, true);
        voids = get(r, s, CRDT__OTHERS);
        if (voids == 0 && row->first.ctr == expected) malformed(r, "a flag that tells nothing");
    }
    get_right(r, s, row, shape);
    if (r->seq->classic) {
        lamport = s->trail.lamport + (uint64_t)crdt_unzigzag(get(r, s, CRDT__OTHERS));
        bool ok = lamport > 0 && lamport < CRDT__LAMPORT_MAX && !(shape & CRDT__SHAPE_RIGHT);
        if (!ok) malformed(r, "a Lamport time out of range, or a right parent in classic order");
    }
    row->lamport = lamport;
    if (s->trail.inserted && row->first.ctr < s->trail.ctr) malformed(r, "counters fall back");
    uint32_t len = crdt__row_len(row), forgotten = voids > 0 ? get_voids(r, s, row, voids) : 0;
    if (r->in.err == CRDT_OK) get_content(r, s, row, len - forgotten);
}

static bool get_row(reader *r, section *s, crdt__row *row)
{
    uint8_t shape = get_shape(r, s);
    memset(row, 0, sizeof *row);
    row->replica = s->trail.replica;
    row->del = shape & CRDT__SHAPE_DEL;
    row->dots = shape & CRDT__SHAPE_MANY ? get_count(r, s) : 1;
    row->each = shape & CRDT__SHAPE_LONG ? get_count(r, s) : 1;
    if ((uint64_t)row->dots * row->each >= CRDT__SPAN_MAX) malformed(r, "a row is too long");
    row->dot = s->trail.dot;
    if (shape & CRDT__SHAPE_GAP) {
        uint64_t gap = get(r, s, CRDT__OTHERS);
        if (gap == 0 || gap > CRDT_SEQ_MAX) malformed(r, "a gap that is none");
        else row->dot += gap;
    }
    if (row->dot == 0 || row->dot + row->dots > CRDT_SEQ_MAX) malformed(r, "a dot out of range");
    if (r->in.err != CRDT_OK) return false;
    crdt__elem ref = get_ref(r, s, shape);
    if (!row->del) {
        row->left = ref;
        get_insertion(r, s, row, shape);
    } else {
        uint32_t len = crdt__row_len(row);
        row->back = shape & CRDT__SHAPE_BACK;
        row->first = ref;
        row->first.ctr -= len - 1;
        bool ok =
            ref.replica != 0 && ref.ctr >= len - 1 && shape < 64 && (row->dots > 1 || !row->back);
        if (!ok) malformed(r, "a deletion of nothing");
    }
    if ((uint64_t)row->first.ctr + crdt__row_len(row) >= CRDT__SPAN_MAX) {
        malformed(r, "an element's counter is out of range");
    }
    if (r->in.err == CRDT_OK && crdt__trail_joins(&s->trail, row, r->seq->classic)) {
        malformed(r, "a row goes on from the one before");
    }
    return r->in.err == CRDT_OK;
}

/* -- Replicas ---------------------------------------------------------------------------------- */

static crdt_err open_section(reader *r, section *s, uint64_t after)
{
    crdt_dec *dec = r->dec;
    uint64_t  replica = crdt_dec_replica(dec), sizes[CRDT__COLUMNS];
    s->rows = crdt_dec_varint(dec);
    if (crdt_dec_status(dec) == CRDT_OK && (replica <= after || s->rows == 0)) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "replicas are not ascending, or without rows");
    }
    crdt__trail_begin(&s->trail, replica);
    s->is_inline = s->rows < CRDT__INLINE_ROWS;
    if (s->is_inline) return crdt_dec_status(dec);
    for (int i = 0; i < CRDT__COLUMNS; i++) sizes[i] = crdt_dec_varint(dec);
    for (int i = 0; i < CRDT__COLUMNS; i++) {
        if (crdt_dec_status(dec) == CRDT_OK && sizes[i] > crdt_dec_left(dec)) {
            crdt_dec_fail(dec, CRDT_EMALFORMED, "a column is cut short");
        }
        crdt_view column = crdt_dec_bytes(dec, crdt_dec_status(dec) ? 0 : (size_t)sizes[i]);
        s->at[i] = column.data;
        s->end[i] = s->at[i] + column.size;
    }
    if (crdt_dec_status(dec) == CRDT_OK && sizes[0] != s->rows) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "rows and shapes differ in number");
    }
    return crdt_dec_status(dec);
}

/* Rows without columns have no sizes: read them once to find their end. */
static crdt_err pass_inline(reader *r, section *s)
{
    section   begin;
    crdt__row row;
    s->at[0] = r->dec->at;
    s->end[0] = r->dec->end;
    begin = *s;
    for (uint64_t i = 0; i < s->rows; i++) {
        if (!get_row(r, s, &row)) return crdt_dec_fail(r->dec, r->in.err, r->in.reason);
        crdt__trail_pass(&s->trail, &row);
    }
    (void)crdt_dec_bytes(r->dec, (size_t)(s->at[0] - r->dec->at));
    begin.end[0] = s->at[0];
    *s = begin;
    return CRDT_OK;
}

static section *section_of(reader *r, uint64_t replica)
{
    size_t lo = 0, hi = r->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r->sections[mid].trail.replica < replica) lo = mid + 1;
        else hi = mid;
    }
    return lo < r->count && r->sections[lo].trail.replica == replica ? &r->sections[lo] : NULL;
}

/* The section that must be read on before the row is ready; NULL: it will never be. */
static section *needed(reader *r, const crdt__row *row)
{
    crdt__elem last = row->first;
    last.ctr += row->del ? crdt__row_len(row) - 1 : 0;
    crdt__elem refs[3] = {row->left, row->right, last};
    for (int i = row->del ? 2 : 0; i < (row->del ? 3 : 2); i++) {
        uint32_t cid;
        if (crdt__seq_find(r->seq, refs[i], &cid)) continue;
        section *s = section_of(r, refs[i].replica);
        if (s != NULL && s->rows > 0) return s;
    }
    return NULL;
}

/* s is at a row that is not ready: which section goes on? The one that it needs, unless that waits
 * itself or nothing has happened since s last waited; then the one that waits for s; if there is
 * none, none: the row is parked. */
static section *turn_to(reader *r, section *s, section *first)
{
    if (first == NULL) return NULL;
    if (!first->open && s->tried != r->taken + 1) {
        s->tried = r->taken + 1;
        first->open = true;
        first->waits = (uint32_t)(s - r->sections) + 1;
        return first;
    }
    if (s->waits == 0) return NULL;
    s->open = false;
    return &r->sections[s->waits - 1];
}

/* Read the section's rows, and what they need of others. */
static crdt_err read_on(reader *r, section *s)
{
    crdt_err err = CRDT_OK;
    s->open = true;
    s->waits = 0;
    for (section *next = s; next != NULL && err == CRDT_OK;) {
        s = next;
        if (s->rows == 0) {
            s->open = false;
            next = s->waits == 0 ? NULL : &r->sections[s->waits - 1];
            continue;
        }
        section   before = *s;
        crdt__row row;
        if (!get_row(r, s, &row)) return crdt_dec_fail(r->dec, r->in.err, r->in.reason);
        bool done;
        err = crdt__seq_put(r->seq, &row, &done);
        if (err == CRDT_OK && !done) {
            section *turn = turn_to(r, s, needed(r, &row));
            if (turn != NULL) {
                before.tried = s->tried;
                before.open = s->open;
                *s = before;
                next = turn;
                continue;
            }
            err = crdt__seq_take(r->seq, &row, NULL);
        }
        crdt__trail_pass(&s->trail, &row);
        s->rows--;
        if (++r->taken % KEEP_ROWS == 0) crdt__seq_keep(r->seq->space, r->seq);
    }
    return err;
}

static crdt_err check_ends(reader *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const section *s = &r->sections[i];
        for (int c = 0; c < (s->is_inline ? 1 : CRDT__COLUMNS); c++) {
            if (s->at[c] == s->end[c]) continue;
            return crdt_dec_fail(r->dec, CRDT_EMALFORMED, "a column is longer than its rows");
        }
    }
    return CRDT_OK;
}

static crdt_err read_sections(reader *r)
{
    crdt_err err = CRDT_OK;
    uint64_t after = 0;
    for (size_t i = 0; err == CRDT_OK && i < r->count; i++) {
        section *s = &r->sections[i];
        err = open_section(r, s, after);
        if (err == CRDT_OK && s->is_inline) err = pass_inline(r, s);
        after = s->trail.replica;
    }
    for (size_t i = 0; err == CRDT_OK && i < r->count; i++) {
        if (r->sections[i].rows > 0) err = read_on(r, &r->sections[i]);
    }
    return err == CRDT_OK ? check_ends(r) : err;
}

static crdt_err read_sets(reader *r)
{
    crdt_dec  *dec = r->dec;
    size_t     count = crdt_dec_count(dec, 6, "more sets than bytes");
    crdt__elem last = {0, 0};
    if (crdt_dec_status(dec) != CRDT_OK) return dec->err;
    if (count == 0) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "no sets where some are told of");
    }
    for (size_t i = 0; i < count; i++) {
        crdt__elem elem;
        elem.replica = crdt_dec_replica(dec);
        uint64_t ctr = crdt_dec_varint(dec);
        crdt_dot dot;
        dot.replica = crdt_dec_replica(dec);
        dot.seq = crdt_dec_varint(dec);
        uint64_t   stamp = crdt_dec_varint(dec);
        crdt_value value = crdt_dec_value(dec);
        if (crdt_dec_status(dec) != CRDT_OK) return dec->err;
        elem.ctr = (uint32_t)ctr;
        bool ascends = elem.replica != last.replica ? elem.replica > last.replica
                                                    : elem.ctr > last.ctr || i == 0;
        if (!ascends || ctr >= CRDT__SPAN_MAX || dot.seq == 0 || dot.seq > CRDT_SEQ_MAX ||
            stamp > CRDT_STAMP_MAX) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "a set is out of order or of range");
        }
        crdt_err err = crdt__seq_put_set(r->seq, elem, dot, stamp, value);
        if (err == CRDT_OK && crdt__seq_set_of(r->seq, elem) == NULL) {
            err = crdt_dec_fail(dec, CRDT_EMALFORMED, "a set of a deleted element");
        }
        if (err != CRDT_OK) return err;
        last = elem;
    }
    return CRDT_OK;
}

/* Rows were taken in; what went wrong is told to the decoder. */
static crdt_err end(reader *r, crdt_err err)
{
    if (err == CRDT_EFORK) return crdt_dec_fail(r->dec, CRDT_EMALFORMED, "a dot or element twice");
    if (err != CRDT_OK && r->dec->err == CRDT_OK) {
        return crdt_dec_fail(r->dec, err, "no room for a sequence");
    }
    return err;
}

/* Rows one by one, of `replicas`. */
static crdt_err read_parts(reader *r, size_t replicas)
{
    const crdt_space *space = r->seq->space;
    size_t            size = replicas * sizeof *r->sections;
    r->count = replicas;
    if (size > 0) {
        r->sections = crdt__alloc(space->mem, size);
        if (r->sections == NULL) return CRDT_ENOMEM;
        memset(r->sections, 0, size);
    }
    crdt__order_bulk(&r->seq->order, crdt_dec_left(r->dec));
    crdt_err err = read_sections(r);
    crdt__order_bulk(&r->seq->order, 0);
    crdt__release(space->mem, r->sections, size);
    if (err == CRDT_OK) err = crdt__seq_unpark(r->seq);
    if (err == CRDT_OK && crdt__snap_fits(r->seq)) {
        err = crdt_dec_fail(r->dec, CRDT_EMALFORMED, "a whole sequence in parts");
    }
    return err;
}

crdt_err crdt__seq_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    reader   r = {state, dec, NULL, 0, *dec, 0};
    uint64_t head = crdt_dec_varint(dec), replicas = head / 4;
    if (crdt_dec_status(dec) != CRDT_OK) return dec->err;
    if (replicas > dec->dict_count || replicas > crdt_dec_left(dec) / 4) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "more replicas than there can be");
    }
    if (r.seq->atoms.kind == CRDT__UTF8_ATOMS && head % 2 == 1) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "sets in a text");
    }
    crdt_err err =
        head & 2 ? crdt__snap_read(r.seq, dec, (size_t)replicas) : read_parts(&r, (size_t)replicas);
    if (err == CRDT_OK && head % 2 == 1) err = read_sets(&r);
    if (err == CRDT_OK) crdt__seq_keep(space, r.seq);
    return end(&r, err);
}
