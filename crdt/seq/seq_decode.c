/* seq/seq_decode.c: reads rows and sets from bytes. seq_code.h tells the format, seq_pack.h what
 * reads. */
#include <string.h>

#include "crdt/clock.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_pack.h"
#include "crdt/seq/seq_stand.h"

typedef crdt__reader  reader;
typedef crdt__section section;

/* -- Rows -------------------------------------------------------------------------------------- */

CRDT__APART static void malformed(reader *r, const char *reason)
{
    crdt_dec_fail(&r->in, CRDT_EMALFORMED, reason);
}

/* The replica that the bytes call so. */
static uint64_t id_of(reader *r, uint64_t place)
{
    const crdt__dict *dict = &r->dict;
    uint64_t          at = place;
    if (dict->places != NULL) {
        size_t lo = 0;
        for (size_t n = dict->count; n > 1;) {
            size_t half = n / 2;
            lo += dict->places[lo + half] <= place ? half : 0;
            n -= half;
        }
        at = dict->count > 0 && dict->places[lo] == place ? lo : dict->count;
    }
    if (r->in.err != CRDT_OK) return 0;
    if (at >= dict->count) {
        malformed(r, "a replica that the dictionary lacks");
        return 0;
    }
    if (r->used != NULL) crdt_replicas_add(r->used, dict->ids[at]);
    return dict->ids[at];
}

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

CRDT__APART static uint64_t get_long(reader *r, section *s, int column)
{
    uint64_t n = crdt_dec_varint(in_column(r, s, column));
    out_column(r, s, column);
    return n;
}

CRDT__HOT uint64_t get(reader *r, section *s, int column)
{
    int            c = s->is_inline ? 0 : column;
    const uint8_t *at = s->at[c];
    if (s->end[c] - at >= 2) {
        uint32_t both = at[0] | (uint32_t)at[1] << 8, two = both >> 7 & 1;
        uint32_t ends = both - 0x100 < 0x7f00 ? 1 : 0; /* the second is the last, and needed */
        if (two <= ends) { /* no branch for two: nobody can foretell it */
            s->at[c] = at + 1 + two;
            return (both & 0x7f) | (both >> 1 & (0 - two) & 0x3f80);
        }
    }
    return get_long(r, s, column);
}

CRDT__HOT uint8_t get_shape(reader *r, section *s)
{
    if (s->at[0] < s->end[0]) return *s->at[0]++;
    crdt_dec_fail(&r->in, CRDT_EMALFORMED, "truncated");
    return 0;
}

static uint64_t get_replica(reader *r, section *s, int column)
{
    return id_of(r, get(r, s, column));
}

CRDT__HOT uint32_t get_counter(reader *r, section *s, int column, uint64_t base, bool is_delta)
{
    uint64_t n = get(r, s, column);
    if (is_delta) n = base + (uint64_t)crdt_unzigzag(n);
    if (n < CRDT__SPAN_MAX) return (uint32_t)n;
    malformed(r, "an element's counter is out of range");
    return 0;
}

CRDT__HOT uint32_t get_count(reader *r, section *s)
{
    uint64_t n = get(r, s, CRDT__COUNTS);
    if (n < CRDT__SPAN_MAX - 2) return (uint32_t)n + 2;
    malformed(r, "a count is out of range");
    return 1;
}

CRDT__HOT crdt__elem get_ref(reader *r, section *s, uint8_t shape)
{
    crdt__elem elem = s->trail.cursor;
    if (shape & CRDT__SHAPE_OWN) {
        elem.ctr = get_counter(r, s, CRDT__REFS, elem.ctr, true);
        return elem;
    }
    uint64_t place = get(r, s, CRDT__REFS);
    elem.replica = 0;
    elem.ctr = 0;
    if (place == r->dict.total) return elem;
    elem.replica = id_of(r, place);
    elem.ctr = get_counter(r, s, CRDT__REFS, 0, false);
    if (elem.replica == s->trail.cursor.replica) malformed(r, "a reference in its long form");
    return elem;
}

CRDT__HOT void get_right(reader *r, section *s, crdt__row *row, uint8_t shape)
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
    if (r->kind == CRDT__UTF8_ATOMS) {
        if (take_utf8(r, count, &size)) (void)crdt_dec_bytes(&r->in, size);
        else malformed(r, "text is not UTF-8, or cut short");
    } else {
        if (count > 0 && crdt__is_move(crdt_view_of(from, crdt_dec_left(&r->in)))) {
            row->move = true;
            (void)crdt__dec_move(&r->in);
            if (crdt__row_len(row) != 1) malformed(r, "a move among other insertions");
            r->moves = true;
        }
        for (uint32_t i = row->move ? 1 : 0; i < count && r->in.err == CRDT_OK; i++) {
            (void)crdt_dec_value(&r->in);
        }
    }
    if (r->in.err != CRDT_OK) return;
    row->bytes = crdt_view_of(from, (size_t)(r->in.at - from));
    row->held = crdt__row_len(row);
    out_column(r, s, CRDT__CONTENT);
}

static void get_lamport(reader *r, section *s, crdt__row *row, uint8_t shape)
{
    uint64_t lamport = s->trail.lamport + (uint64_t)crdt_unzigzag(get(r, s, CRDT__OTHERS));
    bool     ok = lamport > 0 && lamport <= CRDT__LAMPORT_END && !(shape & CRDT__SHAPE_RIGHT);
    if (!ok) malformed(r, "a Lamport time out of range, or a right parent in classic order");
    row->lamport = lamport;
}

CRDT__HOT void get_insertion(reader *r, section *s, crdt__row *row, uint8_t shape, bool whole)
{
    uint64_t voids = 0;
    row->first.replica = row->replica;
    row->first.ctr = whole ? s->trail.ctr : crdt__trail_ctr(&s->trail, row->left);
    if ((shape & CRDT__SHAPE_ODD) && whole) {
        malformed(r, "elements that are not there");
    } else if (shape & CRDT__SHAPE_ODD) {
        uint32_t expected = row->first.ctr;
        row->first.ctr = get_counter(r, s, CRDT__OTHERS, expected, true);
        voids = get(r, s, CRDT__OTHERS);
        if (voids == 0 && row->first.ctr == expected) malformed(r, "a flag that tells nothing");
    }
    get_right(r, s, row, shape);
    if (r->classic) get_lamport(r, s, row, shape);
    if (whole) return;
    if (s->trail.inserted && row->first.ctr < s->trail.ctr) malformed(r, "counters fall back");
    uint32_t len = crdt__row_len(row), forgotten = voids > 0 ? get_voids(r, s, row, voids) : 0;
    if (r->in.err == CRDT_OK) get_content(r, s, row, len - forgotten);
    r->claims.inserted += len;
    r->claims.forgotten += forgotten;
}

CRDT__HOT void get_deletion(reader *r, crdt__row *row, uint8_t shape)
{
    uint32_t len = crdt__row_len(row), last = row->first.ctr;
    row->back = shape & CRDT__SHAPE_BACK;
    row->first.ctr -= len - 1;
    r->claims.deletions++;
    bool ok =
        row->first.replica != 0 && last >= len - 1 && shape < 64 && (row->dots > 1 || !row->back);
    if (!ok) malformed(r, "a deletion of nothing");
}

/* In a whole sequence, without content. The trail is not passed. */
CRDT__HOT bool get_row(reader *r, section *s, crdt__row *row, bool whole)
{
    uint8_t shape = get_shape(r, s);
    row->replica = s->trail.replica;
    row->del = shape & CRDT__SHAPE_DEL;
    row->back = false;
    row->move = false;
    row->lamport = 0;
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
    if (row->del) {
        row->first = get_ref(r, s, shape);
        get_deletion(r, row, shape);
    } else {
        row->left = get_ref(r, s, shape);
        row->right = (crdt__elem){0, 0};
        get_insertion(r, s, row, shape, whole);
    }
    if ((uint64_t)row->first.ctr + crdt__row_len(row) >= CRDT__SPAN_MAX) {
        malformed(r, "an element's counter is out of range");
    }
    if (r->in.err == CRDT_OK && crdt__trail_joins(&s->trail, row, r->classic)) {
        malformed(r, "a row goes on from the one before");
    }
    return r->in.err == CRDT_OK;
}

bool crdt__reader_row(reader *r, section *s, crdt__row *row)
{
    memset(row, 0, sizeof *row);
    if (!get_row(r, s, row, false)) return false;
    crdt__reader_took(s, row);
    return true;
}

bool crdt__reader_bare_row(reader *r, section *s, crdt__row *row)
{
    return get_row(r, s, row, true);
}

/* -- Sections and sets ------------------------------------------------------------------------- */

static void begin(reader *r, const crdt__slot *slot, crdt_view bytes, crdt__dict dict,
                  const crdt_limits *limits)
{
    memset(r, 0, sizeof *r);
    crdt_dec_init(&r->in, bytes, limits);
    r->dict = dict;
    r->kind = slot->kind;
    r->classic = slot->classic;
}

void crdt__reader_begin(reader *r, const crdt__slot *slot, crdt_view bytes, crdt__dict dict,
                        const crdt_limits *limits)
{
    begin(r, slot, bytes, dict, limits);
    uint64_t head = crdt_dec_varint(&r->in);
    r->sections = head / 4;
    r->sets = head % 2;
    if (head & 2) malformed(r, "a whole sequence where parts are told");
    if (r->sections > dict.count || r->sections > crdt_dec_left(&r->in) / 5) {
        malformed(r, "more replicas than there can be");
    }
    if (r->kind == CRDT__UTF8_ATOMS && r->sets) malformed(r, "sets in a text");
    r->at = r->in.at;
    r->end = r->in.end;
}

void crdt__reader_whole(reader *r, const crdt__seq *seq, const crdt_dec *dec, size_t sections)
{
    memset(r, 0, sizeof *r);
    crdt_dec_init(&r->in, crdt_view_of(dec->at, crdt_dec_left(dec)), dec->limits);
    r->dict = (crdt__dict){dec->dict, NULL, dec->dict_count, dec->dict_count};
    r->kind = seq->atoms.kind;
    r->classic = seq->classic;
    r->whole = true;
    r->sections = sections;
    r->at = r->in.at;
    r->end = r->in.end;
}

void crdt__reader_rest(reader *r, const crdt__slot *slot, crdt_view bytes, crdt__dict dict,
                       const crdt_limits *limits)
{
    begin(r, slot, bytes, dict, limits);
    r->sets = 1;
    r->at = r->in.at;
    r->end = r->in.end;
}

static void in_rest(reader *r)
{
    if (r->in.err != CRDT_OK) return;
    r->in.at = r->at;
    r->in.end = r->end;
}

static void find_columns(reader *r, section *s)
{
    uint64_t sizes[CRDT__COLUMNS] = {0};
    int      columns = r->whole ? CRDT__CONTENT : CRDT__COLUMNS;
    for (int i = 0; i < columns; i++) sizes[i] = crdt_dec_varint(&r->in);
    for (int i = 0; i < columns && r->in.err == CRDT_OK; i++) {
        if (sizes[i] > crdt_dec_left(&r->in)) {
            malformed(r, "a column is cut short");
            return;
        }
        crdt_view column = crdt_dec_bytes(&r->in, (size_t)sizes[i]);
        s->at[i] = column.data;
        s->end[i] = s->at[i] + column.size;
    }
    if (sizes[0] != s->rows) malformed(r, "rows and shapes differ in number");
}

bool crdt__reader_section(reader *r, section *s)
{
    memset(s, 0, sizeof *s);
    in_rest(r);
    uint64_t replica = id_of(r, crdt_dec_varint(&r->in));
    s->rows = crdt_dec_varint(&r->in);
    if (r->in.err == CRDT_OK && (replica <= r->after || s->rows == 0)) {
        malformed(r, "replicas are not ascending, or without rows");
    }
    if (r->in.err != CRDT_OK) return false;
    crdt__trail_begin(&s->trail, replica);
    r->after = replica;
    r->sections--;
    s->is_inline = s->rows < CRDT__INLINE_ROWS;
    if (s->is_inline) {
        s->at[0] = r->in.at;
        s->end[0] = r->end;
    } else {
        find_columns(r, s);
        r->at = r->in.at;
    }
    return r->in.err == CRDT_OK;
}

/* Rows without columns have no sizes: read them once to find their end. */
void crdt__reader_pass(reader *r, section *s)
{
    section   begin = *s;
    crdt__row row;
    if (!s->is_inline) return;
    while (s->rows > 0 && r->in.err == CRDT_OK) {
        if (!r->whole) (void)crdt__reader_row(r, s, &row);
        else if (crdt__reader_bare_row(r, s, &row)) crdt__reader_took(s, &row);
    }
    if (r->in.err != CRDT_OK) return;
    begin.end[0] = r->at = s->at[0];
    *s = begin;
}

bool crdt__reader_ends(reader *r, const section *s)
{
    if (r->in.err != CRDT_OK) return false;
    if (s->is_inline) r->at = s->at[0];
    for (int c = 0; !s->is_inline && c < CRDT__COLUMNS; c++) {
        if (s->at[c] != s->end[c]) malformed(r, "a column is longer than its rows");
    }
    return r->in.err == CRDT_OK;
}

size_t crdt__reader_sets(reader *r)
{
    in_rest(r);
    if (!r->sets || r->in.err != CRDT_OK) return 0;
    size_t count = crdt_dec_count(&r->in, 6, "more sets than bytes");
    if (count == 0) malformed(r, "no sets where some are told of");
    return count;
}

bool crdt__reader_set(reader *r, const crdt__told_set *last, crdt__told_set *set)
{
    uint64_t replica = id_of(r, crdt_dec_varint(&r->in)), ctr = crdt_dec_varint(&r->in);
    set->elem.replica = replica;
    set->elem.ctr = (uint32_t)ctr;
    set->dot.replica = id_of(r, crdt_dec_varint(&r->in));
    set->dot.seq = crdt_dec_varint(&r->in);
    set->stamp = crdt_dec_varint(&r->in);
    set->value = crdt_dec_value(&r->in);
    bool ascends = last == NULL || (replica != last->elem.replica ? replica > last->elem.replica
                                                                  : ctr > last->elem.ctr);
    if (!ascends || ctr >= CRDT__SPAN_MAX || set->dot.seq == 0 || set->dot.seq > CRDT_SEQ_MAX ||
        set->stamp > CRDT_STAMP_MAX) {
        malformed(r, "a set is out of order or of range");
    }
    return r->in.err == CRDT_OK;
}
