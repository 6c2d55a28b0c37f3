/* seq/seq_build.c: the order and the atoms of a whole sequence, at once. See seq_snap.h.
 *
 * The units' parents are sorted, and the tree is walked once, which links stretches of cids in the
 * order of elements. They are written into leaves that are full, and where each has its text is
 * noted; then the texts are copied in order of cids. Each step takes the memory of the one before,
 * and little is left over where arrays grow: the whole may take 8 times its bytes.
 */
#include <string.h>

#include "crdt/core/dec.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_chunk.h"
#include "crdt/seq/seq_snap.h"

#define RADIX_BITS 11u
#define RADIX (1u << RADIX_BITS)

/* What the walk does next. SLICE: visit the children from `at` up to `to`. Else go on along the
 * unit of the element `at`, its children before `to` being passed; BEHIND_LEFT: before that element
 * all is done, else not. */
typedef struct task {
    uint32_t at, to;
} task;
#define SLICE (1u << 31)
#define BEHIND_LEFT (1u << 30)

/* The walk passes stretches of cids that follow on one another in the order, too. One that begins
 * with a unit stands in the unit's place, which tells of its parent no longer; others are pieces.
 * First `end`, and `next`: the first element of the one that comes next; INSIDE and its place in
 * `pieces`; or NONE. Then `dead` and `live`: bytes of such atoms before it; NONE: they go on from
 * those of the cid before. */
#define NONE UINT32_MAX
#define INSIDE (1u << 31)
typedef struct piece {
    uint32_t   cid;
    crdt__unit it;
} piece;

typedef struct builder {
    crdt__snap     *snap;
    const crdt_mem *mem;
    uint32_t       *children; /* units in order of their parents' keys */
    uint32_t       *first;    /* of each unit, and behind the last: its first child */
    task           *tasks;
    uint32_t        task_count, task_cap;
    piece          *pieces;
    uint32_t        piece_count, piece_cap;
    uint32_t        unit, from, to; /* the stretch being passed: where it began */
    uint32_t        head;           /* the first one passed, as `next` tells it */
    uint32_t        tail;           /* the last: its unit, or INSIDE and its piece; or NONE */
    crdt_view       text[2];        /* live and dead atoms */
    size_t          at[2];          /* bytes of them before what is written */
    uint64_t       *wide[2];        /* a bit for BLOCK bytes: not all ASCII. NULL: all is */
    bool            plain;          /* all of one byte, none forgotten */
    crdt_dec        voids;
    uint64_t        void_gap, void_run; /* dead atoms held, then forgotten, that come next */
    crdt_err        err;
} builder;

CRDT__APART static void *room(builder *b, void *items, uint32_t count, uint32_t *cap, size_t size)
{
    CRDT_ASSERT(count == *cap);
    uint32_t next = *cap + *cap / 4 + 16;
    void    *more = crdt__resize(b->mem, items, *cap * size, next * size);
    if (more == NULL) {
        b->err = CRDT_ENOMEM;
        return items;
    }
    *cap = next;
    return more;
}

/* -- Sorting ----------------------------------------------------------------------------------- */

/* Numbers 0 to n - 1 in ascending order of their keys, which stand so many words apart; equal ones
 * as they come. In one of the buffers; the other is scratch. */
static uint32_t *sort(const uint32_t *keys, size_t apart, uint32_t n, uint32_t max, uint32_t *a,
                      uint32_t *b)
{
    uint32_t starts[RADIX];
    for (uint32_t i = 0; i < n; i++) a[i] = i;
    for (unsigned shift = 0; shift < 32 && max >> shift > 0; shift += RADIX_BITS) {
        memset(starts, 0, sizeof starts);
        for (uint32_t i = 0; i < n; i++) starts[keys[apart * i] >> shift & (RADIX - 1)]++;
        for (uint32_t i = 0, sum = 0; i < RADIX; i++) {
            uint32_t count = starts[i];
            starts[i] = sum;
            sum += count;
        }
        for (uint32_t i = 0; i < n; i++) {
            b[starts[keys[apart * a[i]] >> shift & (RADIX - 1)]++] = a[i];
        }
        uint32_t *done = b;
        b = a;
        a = done;
    }
    return a;
}

static uint64_t lamport_of(const crdt__snap *snap, uint32_t cid)
{
    return snap->seq->classic ? crdt__snap_lamport(snap, cid) : 0;
}

/* Does the element come before another at the same side of one? */
static bool is_before(const crdt__snap *snap, uint32_t cid, uint32_t other)
{
    const crdt__log *log = &snap->seq->log;
    bool             classic = snap->seq->classic;
    uint64_t         lamport = lamport_of(snap, cid), other_lamport = lamport_of(snap, other);
    if (lamport != other_lamport) return lamport > other_lamport;
    crdt__idrange a = crdt__log_id(log, cid), b = crdt__log_id(log, other);
    uint64_t      x = log->authors[a.author].replica, y = log->authors[b.author].replica;
    bool          less = x != y ? x < y : a.ctr < b.ctr;
    return less != classic;
}

static bool unit_before(const crdt__snap *snap, uint32_t a, uint32_t b)
{
    return is_before(snap, snap->units[a].cid, snap->units[b].cid);
}

static void sink(const crdt__snap *snap, uint32_t *heap, uint32_t root, uint32_t n)
{
    for (uint32_t child; (child = 2 * root + 1) < n; root = child) {
        uint32_t parent = heap[root];
        if (child + 1 < n && unit_before(snap, heap[child], heap[child + 1])) child++;
        if (!unit_before(snap, parent, heap[child])) return;
        heap[root] = heap[child];
        heap[child] = parent;
    }
}

/* The children at one side of one element in their order. */
static void sort_siblings(const crdt__snap *snap, uint32_t *list, uint32_t n)
{
    bool sorted = true;
    if (snap->seq->log.author_count == 1 && !snap->seq->classic) return; /* as they came */
    for (uint32_t i = 1; i < n && sorted; i++) sorted = unit_before(snap, list[i - 1], list[i]);
    if (sorted) return;
    for (uint32_t root = n / 2; root-- > 0;) sink(snap, list, root, n);
    for (uint32_t left = n; left-- > 1;) {
        uint32_t last = list[0];
        list[0] = list[left];
        list[left] = last;
        sink(snap, list, 0, left);
    }
}

/* Where units begin is needed now, and where they came from no longer. */
static void name_units(const crdt__snap *snap)
{
    crdt__unit *unit = snap->units;
    for (uint32_t cid = 0; cid < snap->seq->log.cid_end; cid += 64) {
        uint64_t starts = snap->words[cid / 64].bits[CRDT__SNAP_START];
        for (; starts != 0; starts &= starts - 1) {
            (unit++)->cid = cid + (unsigned)__builtin_ctzll(starts);
        }
    }
}

static crdt_err sort_children(builder *b)
{
    const crdt__snap *snap = b->snap;
    const crdt__unit *units = snap->units;
    uint32_t          n = snap->unit_count, at = 0;
    size_t            size = (n + (size_t)1) * sizeof *b->children;
    b->children = crdt__alloc(b->mem, size);
    b->first = crdt__alloc(b->mem, size);
    if (b->children == NULL || b->first == NULL) return CRDT_ENOMEM;
    name_units(snap);
    uint32_t *sorted =
        sort(&units[0].key, 2, n, 2 * snap->seq->log.cid_end + 1, b->children, b->first);
    if (sorted != b->children) {
        b->first = b->children;
        b->children = sorted;
    }
    for (uint32_t u = 0; u < n; u++) {
        uint32_t key = crdt__unit_key(CRDT__NO_CID, units[u].cid);
        while (at < n && units[sorted[at]].key < key) at++;
        b->first[u] = at;
    }
    b->first[n] = n;
    return CRDT_OK;
}

/* A text's last block is taken for one that is not ASCII. */
#define BLOCK 64u
static size_t wide_bytes(const builder *b, bool dead)
{
    return (b->text[dead].size / BLOCK / 64 + 1) * sizeof *b->wide[dead];
}

/* -- What the walk passes ---------------------------------------------------------------------- */

static void write_span(builder *b, uint32_t cid, uint32_t len, bool dead, bool glued)
{
    crdt__order *order = &b->snap->seq->order;
    if (order->last == NULL || order->last->count == CRDT__FANOUT) {
        b->err = crdt__nodes_append(order);
        if (b->err != CRDT_OK) return;
    }
    crdt__span *span = &order->last->spans[order->last->count++];
    span->cid = cid;
    crdt__span_resize(span, len);
    span->dead = dead;
    span->glued = glued;
    order->spans++;
    order->visible += len & ((uint32_t)dead - 1); /* no branch: nobody can foretell it */
}

/* Are the next len bytes of a text there, and ASCII? */
static bool is_plain(const builder *b, bool dead, uint32_t len)
{
    size_t from = b->at[dead] / BLOCK, to = b->at[dead] + len;
    if (to > b->text[dead].size) return false;
    for (; from * BLOCK < to; from++) {
        if (b->wide[dead][from / 64] >> from % 64 & 1) return false;
    }
    return true;
}

/* Bytes of the next len atoms of a text. */
static size_t size_of(const builder *b, bool dead, uint32_t len)
{
    const uint8_t *at = (const uint8_t *)b->text[dead].data + b->at[dead];
    size_t         left = b->text[dead].size - b->at[dead];
    if (b->snap->ascii) return len;
    if (b->snap->seq->atoms.kind != CRDT__UTF8_ATOMS) return crdt__values_skip(at, left, len);
    return is_plain(b, dead, len) ? len : crdt__utf8_skip(at, left, len);
}

/* Where a text is not ASCII. Errors: ENOMEM. */
static crdt_err find_wide(builder *b)
{
    if (b->snap->ascii || b->snap->seq->atoms.kind != CRDT__UTF8_ATOMS) return CRDT_OK;
    for (int dead = 0; dead < 2; dead++) {
        const uint8_t *text = b->text[dead].data;
        size_t         size = b->text[dead].size, bytes = wide_bytes(b, dead);
        b->wide[dead] = crdt__alloc(b->mem, bytes);
        if (b->wide[dead] == NULL) return CRDT_ENOMEM;
        memset(b->wide[dead], 0, bytes);
        for (size_t at = 0; at < size; at += BLOCK) {
            bool plain = size - at >= BLOCK && crdt__utf8_plain32(text + at) &&
                         crdt__utf8_plain32(text + at + BLOCK / 2);
            b->wide[dead][at / BLOCK / 64] |= (uint64_t)!plain << at / BLOCK % 64;
        }
    }
    return CRDT_OK;
}

static void next_voids(builder *b)
{
    if (b->void_gap > 0 || b->void_run > 0 || crdt_dec_left(&b->voids) == 0) return;
    b->void_gap = crdt__dec_varint(&b->voids);
    b->void_run = crdt__dec_varint(&b->voids);
}

/* Dead atoms: which of them are forgotten, and the bytes of the others. */
static void pass_dead(builder *b, uint32_t cid, uint32_t len)
{
    crdt__snap *snap = b->snap;
    if (snap->void_count == 0) {
        b->at[true] += size_of(b, true, len);
        return;
    }
    for (uint32_t n; len > 0; cid += n, len -= n) {
        next_voids(b);
        if (b->void_gap == 0 && b->void_run > 0) {
            n = b->void_run < len ? (uint32_t)b->void_run : len;
            crdt__snap_set(snap, CRDT__SNAP_VOID, cid, n);
            b->void_run -= n;
            continue;
        }
        n = b->void_gap > 0 && b->void_gap < len ? (uint32_t)b->void_gap : len;
        if (b->void_gap > 0) b->void_gap -= n;
        b->at[true] += size_of(b, true, n);
    }
}

/* The first element in (from, to) at which another span begins, or to. */
static uint32_t span_end(const crdt__snap *snap, uint32_t from, uint32_t to)
{
    uint32_t at = from + 1;
    while (at < to) {
        const crdt__snap_word *word = &snap->words[at / 64];
        uint64_t               dead = word->bits[CRDT__SNAP_DEAD], before = dead << 1;
        if (at / 64 > 0) before |= word[-1].bits[CRDT__SNAP_DEAD] >> 63;
        uint64_t cuts = (dead ^ before) | word->bits[CRDT__SNAP_START];
        cuts &= UINT64_MAX << at % 64;
        if (cuts != 0) {
            at = (at & ~63u) + (unsigned)__builtin_ctzll(cuts);
            break;
        }
        at = (at & ~63u) + 64;
    }
    return at < to ? at : to;
}

static crdt__unit *stretch_of(const builder *b, uint32_t at)
{
    return at & INSIDE ? &b->pieces[at & ~INSIDE].it : &b->snap->units[at];
}

/* The stretch being passed ends. */
static void flush(builder *b)
{
    uint32_t name = b->from, at = b->unit;
    if (b->from == b->to) return;
    if (!crdt__snap_bit(b->snap, CRDT__SNAP_START, b->from)) {
        if (b->piece_count == b->piece_cap) {
            b->pieces = room(b, b->pieces, b->piece_count, &b->piece_cap, sizeof *b->pieces);
        }
        if (b->err != CRDT_OK) return;
        b->pieces[b->piece_count].cid = b->from;
        name = at = b->piece_count++ | INSIDE;
    }
    crdt__unit *it = stretch_of(b, at);
    it->end = b->to;
    it->next = NONE;
    if (b->tail == NONE) b->head = name;
    else stretch_of(b, b->tail)->next = name;
    b->tail = at;
}

static void pass(builder *b, uint32_t unit, uint32_t from, uint32_t to)
{
    if (from == to) return;
    if (b->to != from || b->from == b->to) {
        flush(b);
        b->unit = unit;
        b->from = from;
    }
    b->to = to;
}

/* All that was passed into spans; where the text of each stretch lies is noted. */
static crdt_err write_all(builder *b)
{
    const crdt__snap *snap = b->snap;
    for (uint32_t name = b->head; name != NONE && b->err == CRDT_OK;) {
        crdt__unit *it = stretch_of(b, name & INSIDE ? name : crdt__snap_unit(snap, name));
        uint32_t    at = name & INSIDE ? b->pieces[name & ~INSIDE].cid : name, end = it->end;
        name = it->next;
        it->dead = (uint32_t)b->at[true];
        it->live = (uint32_t)b->at[false];
        for (uint32_t next; at < end && b->err == CRDT_OK; at = next) {
            bool dead = crdt__snap_bit(snap, CRDT__SNAP_DEAD, at);
            bool glued = !crdt__snap_bit(snap, CRDT__SNAP_START, at);
            next = span_end(snap, at, end);
            write_span(b, at, next - at, dead, glued);
            if (b->plain) b->at[dead] += next - at;
            else if (dead) pass_dead(b, at, next - at);
            else b->at[false] += size_of(b, false, next - at);
        }
    }
    return b->err == CRDT_OK ? crdt__nodes_build(&snap->seq->order) : b->err;
}

/* -- The walk ---------------------------------------------------------------------------------- */

static inline void push(builder *b, uint32_t at, uint32_t to)
{
    if (b->task_count == b->task_cap) {
        b->tasks = room(b, b->tasks, b->task_count, &b->task_cap, sizeof *b->tasks);
        if (b->err != CRDT_OK) return;
    }
    b->tasks[b->task_count++] = (task){at, to};
}

static void push_slice(builder *b, uint32_t from, uint32_t to)
{
    if (from < to) push(b, from | SLICE, to);
}

static uint32_t key_of(const builder *b, uint32_t at)
{
    return b->snap->units[b->children[at]].key;
}

CRDT__APART static uint32_t long_slice_end(builder *b, uint32_t at, uint32_t end, uint32_t key)
{
    uint32_t from = at;
    while (at < end && key_of(b, at) == key) at++;
    sort_siblings(b->snap, b->children + from, at - from);
    return at;
}

/* The children from `at` on, below `end`, of one key. */
static inline uint32_t slice_end(builder *b, uint32_t at, uint32_t end, uint32_t key)
{
    if (at == end || key_of(b, at) != key) return at;
    if (at + 1 == end || key_of(b, at + 1) != key) return at + 1;
    return long_slice_end(b, at, end, key);
}

/* The first of the children [at, to) of an element that does not come before the next one of its
 * unit; at, if it is the unit's last. */
static uint32_t behind_next(const builder *b, uint32_t next, uint32_t at, uint32_t to)
{
    if (at == to || next == b->snap->seq->log.cid_end ||
        crdt__snap_bit(b->snap, CRDT__SNAP_START, next)) {
        return at;
    }
    while (at < to && is_before(b->snap, b->snap->units[b->children[at]].cid, next)) at++;
    return at;
}

/* The first unit's first element from cid on, or the end. */
static uint32_t next_start(const crdt__snap *snap, uint32_t cid)
{
    uint32_t end = snap->seq->log.cid_end;
    while (cid < end) {
        uint64_t starts = snap->words[cid / 64].bits[CRDT__SNAP_START] & UINT64_MAX << cid % 64;
        if (starts != 0) return (cid & ~63u) + (unsigned)__builtin_ctzll(starts);
        cid = (cid & ~63u) + 64;
    }
    return end;
}

/* The first of these children is visited now, the others when all below it are. */
static uint32_t first_of(builder *b, uint32_t at, uint32_t to)
{
    push_slice(b, at + 1, to);
    return b->children[at];
}

/* Go along the unit from the element on, up to where another must be visited, which is returned; or
 * to its end: NONE. */
static uint32_t run_on(builder *b, uint32_t unit, uint32_t cid, uint32_t at, bool behind_left)
{
    uint32_t end = b->first[unit + 1];
    while (at < end || behind_left) {
        uint32_t cut = cid;
        if (!behind_left) {
            uint32_t key = key_of(b, at);
            cut = key / 2 - 1;
            pass(b, unit, cid, cut);
            if (key % 2 == 0) {
                uint32_t slice = slice_end(b, at, end, key);
                push(b, cut | BEHIND_LEFT, slice);
                return first_of(b, at, slice);
            }
        }
        behind_left = false;
        uint32_t slice = slice_end(b, at, end, crdt__unit_key(cut, CRDT__NO_CID));
        cid = cut + 1;
        uint32_t mid = behind_next(b, cid, at, slice);
        pass(b, unit, cut, cid);
        push_slice(b, mid, slice);
        if (mid > at) {
            push(b, cid, slice);
            return first_of(b, at, mid);
        }
        at = slice;
    }
    pass(b, unit, cid, next_start(b->snap, cid)); /* cid is behind the unit's first */
    return NONE;
}

/* Returns what must be visited next, or NONE. */
static uint32_t visit(builder *b, uint32_t unit)
{
    uint32_t cid = b->snap->units[unit].cid, at = b->first[unit];
    b->snap->units[unit].live = NONE; /* unless a stretch begins here */
    if (at != b->first[unit + 1]) return run_on(b, unit, cid, at, false);
    pass(b, unit, cid, next_start(b->snap, cid + 1));
    return NONE;
}

static crdt_err walk(builder *b)
{
    uint32_t roots = b->first[0];
    b->head = b->tail = NONE;
    push_slice(b, 0, slice_end(b, 0, roots, crdt__unit_key(CRDT__NO_CID, CRDT__NO_CID)));
    while (b->task_count > 0 && b->err == CRDT_OK) {
        task     t = b->tasks[--b->task_count];
        uint32_t at = t.at & ~(SLICE | BEHIND_LEFT);
        uint32_t next = (t.at & SLICE) ? first_of(b, at, t.to)
                                       : run_on(b, crdt__snap_unit(b->snap, at), at, t.to,
                                                (t.at & BEHIND_LEFT) != 0);
        while (next != NONE && b->err == CRDT_OK) next = visit(b, next);
    }
    if (b->err == CRDT_OK) flush(b);
    return b->err;
}

/* -- Atoms ------------------------------------------------------------------------------------- */

/* How many of the elements from cid on, up to `end`, are as it is. */
static uint32_t alike(const crdt__snap *snap, int kind, uint32_t cid, uint32_t end)
{
    bool     set = crdt__snap_bit(snap, kind, cid);
    uint32_t at = cid;
    while (at < end) {
        uint64_t word = snap->words[at / 64].bits[kind];
        uint64_t other = (set ? ~word : word) & UINT64_MAX << at % 64;
        if (other != 0) {
            at = (at & ~63u) + (unsigned)__builtin_ctzll(other);
            break;
        }
        at = (at & ~63u) + 64;
    }
    return (at < end ? at : end) - cid;
}

/* Append the atoms cid .. end - 1, whose texts begin where it is noted. */
static crdt_err append(builder *b, uint32_t cid, uint32_t end)
{
    crdt__snap  *snap = b->snap;
    crdt__atoms *atoms = &snap->seq->atoms;
    bool         utf8 = atoms->kind == CRDT__UTF8_ATOMS;
    crdt_err     err = CRDT_OK;
    for (uint32_t n; cid < end && err == CRDT_OK; cid += n) {
        bool dead = crdt__snap_bit(snap, CRDT__SNAP_DEAD, cid);
        n = alike(snap, CRDT__SNAP_DEAD, cid, end);
        if (dead && snap->void_count > 0) {
            n = alike(snap, CRDT__SNAP_VOID, cid, cid + n);
            if (crdt__snap_bit(snap, CRDT__SNAP_VOID, cid)) {
                err = crdt__atoms_append_void(atoms, n);
                continue;
            }
        }
        const uint8_t *from = (const uint8_t *)b->text[dead].data + b->at[dead];
        size_t         left = b->text[dead].size - b->at[dead];
        size_t         size = b->plain ? n : size_of(b, dead, n);
        if (!utf8 || size != n || left < CRDT__FEW || !crdt__atoms_append_few(atoms, from, n)) {
            err = crdt__atoms_reserve(atoms, size, n);
            if (err == CRDT_OK) crdt__atoms_append(atoms, from, size, n);
        }
        b->at[dead] += size;
    }
    return err;
}

static crdt_err append_all(builder *b)
{
    const crdt__snap *snap = b->snap;
    crdt_err          err = CRDT_OK;
    uint32_t          cid = 0, p = 0;
    for (uint32_t u = 0; u < snap->unit_count && err == CRDT_OK; u++) {
        uint32_t end = next_start(snap, cid + 1);
        if (snap->units[u].live != NONE) {
            b->at[true] = snap->units[u].dead;
            b->at[false] = snap->units[u].live;
        }
        while (cid < end && err == CRDT_OK) {
            const piece *next = p < b->piece_count ? &b->pieces[p] : NULL;
            bool         inside = next != NULL && next->cid < end;
            uint32_t     to = inside ? next->cid : end;
            err = append(b, cid, to);
            cid = to;
            if (!inside) continue;
            b->at[true] = next->it.dead;
            b->at[false] = next->it.live;
            p++;
        }
    }
    return err;
}

/* The stretch is called otherwise, if it is a piece: places tells its new place. */
static uint32_t renamed(const uint32_t *places, uint32_t name)
{
    return name == NONE || !(name & INSIDE) ? name : places[name & ~INSIDE] | INSIDE;
}

/* The pieces in order of cids, without slack: sorted holds their numbers, places is for the inverse
 * of that. */
static crdt_err move_pieces(builder *b, const uint32_t *sorted, uint32_t *places)
{
    uint32_t n = b->piece_count;
    piece   *pieces = crdt__alloc(b->mem, n * sizeof *pieces);
    if (pieces == NULL) return CRDT_ENOMEM;
    for (uint32_t i = 0; i < n; i++) places[sorted[i]] = i;
    for (uint32_t i = 0; i < n; i++) {
        pieces[i] = b->pieces[sorted[i]];
        pieces[i].it.next = renamed(places, pieces[i].it.next);
    }
    for (uint32_t u = 0; u < b->snap->unit_count; u++) {
        b->snap->units[u].next = renamed(places, b->snap->units[u].next);
    }
    b->head = renamed(places, b->head);
    crdt__release(b->mem, b->pieces, b->piece_cap * sizeof *b->pieces);
    b->pieces = pieces;
    b->piece_cap = n;
    return CRDT_OK;
}

/* Before there are leaves, for the sake of memory. */
static crdt_err sort_pieces(builder *b)
{
    uint32_t n = b->piece_count;
    size_t   size = n * sizeof(uint32_t);
    if (n == 0) return CRDT_OK;
    uint32_t *x = crdt__alloc(b->mem, size), *y = crdt__alloc(b->mem, size);
    crdt_err  err = x == NULL || y == NULL ? CRDT_ENOMEM : CRDT_OK;
    if (err == CRDT_OK) {
        uint32_t *sorted = sort(&b->pieces[0].cid, 3, n, b->snap->seq->log.cid_end, x, y);
        err = move_pieces(b, sorted, sorted == x ? y : x);
    }
    crdt__release(b->mem, x, size);
    crdt__release(b->mem, y, size);
    return err;
}

crdt_err crdt__snap_build(crdt__snap *snap)
{
    builder b;
    size_t  size = (snap->unit_count + (size_t)1) * sizeof *b.children;
    memset(&b, 0, sizeof b);
    b.snap = snap;
    b.mem = snap->seq->space->mem;
    b.text[false] = snap->live;
    b.text[true] = snap->dead;
    b.plain = snap->ascii && snap->void_count == 0;
    crdt_dec_init(&b.voids, snap->voids, NULL);
    crdt_err err = sort_children(&b);
    if (err == CRDT_OK) err = walk(&b);
    crdt__release(b.mem, b.children, size);
    crdt__release(b.mem, b.first, size);
    crdt__release(b.mem, b.tasks, b.task_cap * sizeof *b.tasks);
    crdt__snap_untime(snap);
    if (err == CRDT_OK) err = sort_pieces(&b);
    if (err == CRDT_OK) err = find_wide(&b);
    if (err == CRDT_OK) err = write_all(&b);
    if (err == CRDT_OK) err = append_all(&b);
    for (int dead = 0; dead < 2; dead++) {
        crdt__release(b.mem, b.wide[dead], wide_bytes(&b, dead));
    }
    crdt__release(b.mem, b.pieces, b.piece_cap * sizeof *b.pieces);
    return err;
}
