/* core/seq_build.c: the order and the atoms of a whole sequence, at once. See seq_snap.h.
 *
 * The units' parents are sorted, the tree is walked, and what it passes is written into leaves that
 * are full. On its way the walk notes where each stretch of local ids has its text; then the texts
 * are copied in order of ids.
 */
#include <string.h>

#include "crdt/core/dec.h"
#include "crdt/core/mem.h"
#include "crdt/core/seq_chunk.h"
#include "crdt/core/seq_snap.h"

#define RADIX_BITS 11u
#define RADIX (1u << RADIX_BITS)

/* What the walk does next: visit the children [from, to), or go on along a unit. */
typedef struct task {
    uint32_t from, to;
    uint32_t unit; /* or SLICE: else from is an element and to the first child not yet passed */
} task;
#define SLICE UINT32_MAX
#define BEHIND_LEFT (1u << 31) /* with `unit`: what stands before the element is done */

/* Where a stretch of cids that begins inside a unit has its text. */
typedef struct piece {
    uint32_t cid, dead, live;
} piece;

typedef struct builder {
    crdt__snap     *snap;
    const crdt_mem *mem;
    uint32_t       *children; /* units in order of their parents' keys; of one in their order */
    uint32_t       *first;    /* of each unit, and behind the last: its first child */
    task           *tasks;
    uint32_t        task_count, task_cap;
    piece          *pieces;
    uint32_t        piece_count, piece_cap;
    uint32_t        unit, from, to; /* the stretch being passed: where it began */
    size_t          live, dead;     /* bytes before it */
    crdt_dec        voids;
    uint64_t        void_gap, void_run; /* dead atoms held, then forgotten, that come next */
    crdt_err        err;
} builder;

static void *room(builder *b, void *items, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap) return items;
    uint32_t next = *cap + *cap / 2 + 16;
    void    *more = crdt__resize(b->mem, items, *cap * size, next * size);
    if (more == NULL) {
        b->err = CRDT_ENOMEM;
        return items;
    }
    *cap = next;
    return more;
}

/* -- Sorting ----------------------------------------------------------------------------------- */

/* Numbers 0 to n - 1 in ascending order of their keys, which stand three words apart; equal ones as
 * they come. The other buffer is scratch. */
static uint32_t *sort(const uint32_t *keys, uint32_t n, uint32_t max, uint32_t *a, uint32_t *b)
{
    uint32_t starts[RADIX];
    for (uint32_t i = 0; i < n; i++) a[i] = i;
    for (unsigned shift = 0; shift < 32 && max >> shift > 0; shift += RADIX_BITS) {
        memset(starts, 0, sizeof starts);
        for (uint32_t i = 0; i < n; i++) starts[keys[3 * (size_t)i] >> shift & (RADIX - 1)]++;
        for (uint32_t i = 0, sum = 0; i < RADIX; i++) {
            uint32_t count = starts[i];
            starts[i] = sum;
            sum += count;
        }
        for (uint32_t i = 0; i < n; i++) {
            b[starts[keys[3 * (size_t)a[i]] >> shift & (RADIX - 1)]++] = a[i];
        }
        uint32_t *done = b;
        b = a;
        a = done;
    }
    return a;
}

/* Does the element (of a unit's first, or inside) come before another at the same side? */
static bool is_before(const crdt__snap *snap, uint32_t cid, uint64_t lamport, uint32_t other,
                      uint64_t other_lamport)
{
    const crdt__log *log = &snap->seq->log;
    bool             classic = snap->seq->classic;
    if (lamport != other_lamport) return lamport > other_lamport;
    crdt__idrange a = crdt__log_id(log, cid), b = crdt__log_id(log, other);
    uint64_t      x = log->authors[a.author].replica, y = log->authors[b.author].replica;
    bool          less = x != y ? x < y : a.ctr < b.ctr;
    return less != classic;
}

static uint64_t lamport_of(const crdt__snap *snap, uint32_t unit, uint32_t cid)
{
    return snap->seq->classic ? snap->lamports[unit] + (cid - snap->units[unit].cid) : 0;
}

static bool unit_before(const crdt__snap *snap, uint32_t a, uint32_t b)
{
    return is_before(snap, snap->units[a].cid, lamport_of(snap, a, snap->units[a].cid),
                     snap->units[b].cid, lamport_of(snap, b, snap->units[b].cid));
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

static crdt_err sort_children(builder *b)
{
    const crdt__snap *snap = b->snap;
    uint32_t          n = snap->unit_count, at = 0;
    size_t            size = (n + (size_t)1) * sizeof *b->children;
    uint32_t         *x = crdt__alloc(b->mem, size), *y = crdt__alloc(b->mem, size);
    b->children = x;
    b->first = y;
    if (x == NULL || y == NULL) return CRDT_ENOMEM;
    b->children = sort(&snap->units[0].key, n, 2 * snap->seq->log.cid_end + 1, x, y);
    b->first = b->children == x ? y : x;
    for (uint32_t u = 0; u < n; u++) {
        uint32_t key = crdt__unit_key(CRDT__NO_CID, snap->units[u].cid);
        while (at < n && snap->units[b->children[at]].key < key) at++;
        b->first[u] = at;
    }
    b->first[n] = n;
    return CRDT_OK;
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
    order->visible += dead ? 0 : len;
}

/* Bytes of the first len atoms at the place in a text. */
static size_t size_of(const crdt__snap *snap, crdt_view text, size_t at, uint32_t len)
{
    const uint8_t *data = text.data;
    if (snap->ascii) return len;
    if (snap->seq->atoms.kind == CRDT__UTF8_ATOMS) {
        return crdt__utf8_skip(data + at, text.size - at, len);
    }
    return crdt__values_skip(data + at, text.size - at, len);
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
        b->dead += size_of(snap, snap->dead, b->dead, len);
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
        b->dead += size_of(snap, snap->dead, b->dead, n);
    }
}

/* The first element in (from, to) at which another span begins, or to. */
static uint32_t span_end(const crdt__snap *snap, uint32_t from, uint32_t to)
{
    uint32_t at = from + 1;
    while (at < to) {
        const uint64_t *word = crdt__snap_word(snap, 0, at);
        uint64_t        dead = word[CRDT__SNAP_DEAD];
        uint64_t        before = dead << 1;
        if (at / 64 > 0) before |= (word - CRDT__SNAP_KINDS)[CRDT__SNAP_DEAD] >> 63;
        uint64_t cuts = (dead ^ before) | word[CRDT__SNAP_START];
        cuts &= UINT64_MAX << at % 64;
        if (cuts != 0) {
            at = (at & ~63u) + (unsigned)__builtin_ctzll(cuts);
            break;
        }
        at = (at & ~63u) + 64;
    }
    return at < to ? at : to;
}

/* The stretch being passed ends: into spans, and where its text lies is noted. */
static void flush(builder *b)
{
    crdt__snap *snap = b->snap;
    crdt__unit *unit = &snap->units[b->unit];
    if (b->from == b->to) return;
    if (unit->cid == b->from) {
        unit->dead = (uint32_t)b->dead;
        unit->live = (uint32_t)b->live;
    } else {
        b->pieces = room(b, b->pieces, b->piece_count, &b->piece_cap, sizeof *b->pieces);
        if (b->err != CRDT_OK) return;
        b->pieces[b->piece_count++] = (piece){b->from, (uint32_t)b->dead, (uint32_t)b->live};
    }
    for (uint32_t end; b->from < b->to && b->err == CRDT_OK; b->from = end) {
        bool dead = crdt__snap_bit(snap, CRDT__SNAP_DEAD, b->from);
        bool glued = !crdt__snap_bit(snap, CRDT__SNAP_START, b->from);
        end = span_end(snap, b->from, b->to);
        write_span(b, b->from, end - b->from, dead, glued);
        if (dead) pass_dead(b, b->from, end - b->from);
        else b->live += size_of(snap, snap->live, b->live, end - b->from);
    }
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

/* -- The walk ---------------------------------------------------------------------------------- */

static void push(builder *b, uint32_t from, uint32_t to, uint32_t unit)
{
    if (unit == SLICE && from == to) return;
    b->tasks = room(b, b->tasks, b->task_count, &b->task_cap, sizeof *b->tasks);
    if (b->err == CRDT_OK) b->tasks[b->task_count++] = (task){from, to, unit};
}

/* The children from `at` on, below `end`, of one key. */
static uint32_t slice_end(builder *b, uint32_t at, uint32_t end, uint32_t key)
{
    uint32_t from = at;
    while (at < end && b->snap->units[b->children[at]].key == key) at++;
    if (at - from > 1) sort_siblings(b->snap, b->children + from, at - from);
    return at;
}

/* How many of the children [from, to) of an element come before the one behind it in its unit. */
static uint32_t lesser(const builder *b, uint32_t unit, uint32_t next, uint32_t from, uint32_t to)
{
    const crdt__snap *snap = b->snap;
    uint64_t          lamport = lamport_of(snap, unit, next);
    uint32_t          at = from;
    for (; at < to; at++) {
        uint32_t child = b->children[at], cid = snap->units[child].cid;
        if (!is_before(snap, cid, lamport_of(snap, child, cid), next, lamport)) break;
    }
    return at;
}

/* Go along the unit from the element on, up to where others must be visited. */
static void run_on(builder *b, uint32_t unit, uint32_t cid, uint32_t at, bool behind_left)
{
    const crdt__snap *snap = b->snap;
    uint32_t          end = b->first[unit + 1];
    uint32_t          unit_end =
        unit + 1 < snap->unit_count ? snap->units[unit + 1].cid : snap->seq->log.cid_end;
    while (at < end || behind_left) {
        uint32_t cut = cid;
        if (!behind_left) {
            uint32_t key = snap->units[b->children[at]].key;
            bool     left = key % 2 == 0;
            cut = key / 2 - 1;
            pass(b, unit, cid, cut);
            if (left) {
                uint32_t slice = slice_end(b, at, end, crdt__unit_key(CRDT__NO_CID, cut));
                push(b, cut, slice, unit | BEHIND_LEFT);
                push(b, at, slice, SLICE);
                return;
            }
        }
        behind_left = false;
        uint32_t next = cut + 1, slice = slice_end(b, at, end, crdt__unit_key(cut, CRDT__NO_CID));
        uint32_t mid = next < unit_end ? lesser(b, unit, next, at, slice) : at;
        pass(b, unit, cut, next);
        push(b, mid, slice, SLICE);
        if (mid > at) {
            push(b, next, slice, unit);
            push(b, at, mid, SLICE);
            return;
        }
        at = slice;
        cid = next;
        if (next == unit_end) return;
    }
    pass(b, unit, cid, unit_end);
}

static void visit(builder *b, uint32_t unit)
{
    b->snap->units[unit].dead = b->snap->units[unit].live = UINT32_MAX; /* not noted */
    run_on(b, unit, b->snap->units[unit].cid, b->first[unit], false);
}

static crdt_err walk(builder *b)
{
    uint32_t roots = b->first[0];
    push(b, 0, slice_end(b, 0, roots, crdt__unit_key(CRDT__NO_CID, CRDT__NO_CID)), SLICE);
    while (b->task_count > 0 && b->err == CRDT_OK) {
        task t = b->tasks[--b->task_count];
        if (t.unit != SLICE) {
            run_on(b, t.unit & ~BEHIND_LEFT, t.from, t.to, (t.unit & BEHIND_LEFT) != 0);
            continue;
        }
        push(b, t.from + 1, t.to, SLICE);
        visit(b, b->children[t.from]);
    }
    if (b->err == CRDT_OK) flush(b);
    return b->err == CRDT_OK ? crdt__nodes_build(&b->snap->seq->order) : b->err;
}

/* -- Atoms ------------------------------------------------------------------------------------- */

/* How many of the elements from cid on, up to `end`, are as it is. */
static uint32_t alike(const crdt__snap *snap, int kind, uint32_t cid, uint32_t end)
{
    bool     set = crdt__snap_bit(snap, kind, cid);
    uint32_t at = cid;
    while (at < end) {
        uint64_t word = *crdt__snap_word(snap, kind, at);
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
        crdt_view text = dead ? snap->dead : snap->live;
        size_t   *at = dead ? &b->dead : &b->live, size = size_of(snap, text, *at, n);
        err = crdt__atoms_reserve(atoms, size, n);
        if (err != CRDT_OK) break;
        crdt__atoms_append(atoms, (const uint8_t *)text.data + *at, size, n);
        *at += size;
    }
    return err;
}

static crdt_err append_all(builder *b, const uint32_t *order)
{
    const crdt__snap *snap = b->snap;
    crdt_err          err = CRDT_OK;
    for (uint32_t u = 0, p = 0; u < snap->unit_count && err == CRDT_OK; u++) {
        const crdt__unit *unit = &snap->units[u];
        uint32_t          end = u + 1 < snap->unit_count ? unit[1].cid : snap->seq->log.cid_end;
        if (unit->live != UINT32_MAX) {
            b->dead = unit->dead;
            b->live = unit->live;
        }
        for (uint32_t cid = unit->cid, next; cid < end && err == CRDT_OK; cid = next) {
            bool more = p < b->piece_count && b->pieces[order[p]].cid < end;
            next = more ? b->pieces[order[p]].cid : end;
            err = append(b, cid, next);
            if (!more) continue;
            b->dead = b->pieces[order[p]].dead;
            b->live = b->pieces[order[p++]].live;
        }
    }
    return err;
}

static crdt_err make_atoms(builder *b)
{
    size_t    size = (b->piece_count + (size_t)1) * sizeof(uint32_t);
    uint32_t *x = crdt__alloc(b->mem, size), *y = crdt__alloc(b->mem, size);
    crdt_err  err = x == NULL || y == NULL ? CRDT_ENOMEM : CRDT_OK;
    if (err == CRDT_OK) {
        uint32_t *order = x;
        if (b->piece_count > 0) {
            order = sort(&b->pieces[0].cid, b->piece_count, b->snap->seq->log.cid_end, x, y);
        }
        err = append_all(b, order);
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
    crdt_dec_init(&b.voids, snap->voids, NULL);
    crdt_err err = sort_children(&b);
    if (err == CRDT_OK) err = walk(&b);
    crdt__release(b.mem, b.children, size);
    crdt__release(b.mem, b.first, size);
    crdt__release(b.mem, b.tasks, b.task_cap * sizeof *b.tasks);
    if (err == CRDT_OK) err = make_atoms(&b);
    crdt__release(b.mem, b.pieces, b.piece_cap * sizeof *b.pieces);
    return err;
}
