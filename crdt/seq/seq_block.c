/* seq/seq_block.c: see seq_block.h; and the iterators of seq_log.h.
 *
 * Bytes    each row is told by what differs from the row before it; the first of a block, from a
 *          row of no elements with the header's dot and counter. A flags byte, then varints:
 *          insertions  [INS_GAP, counter gap] flags [dot gap] [cid gap] left [right] [lamport]
 *                      [dots] [each]
 *          deletions   [dot gap] [of] [ctr] [dots] [each]
 *          Counters of insertions follow from the rows before, but for ids that were forgotten. Our
 *          own memory only: nothing here is read from outside, so decoding trusts what encoding
 *          wrote; check() does not.
 */
#include "crdt/seq/seq_block.h"

#include <string.h>

#include "crdt/core/bytes.h"

/* What a row's flags say: mostly that a number follows, which else is as usual. */
#define INS_DOT 1u
#define INS_CID 2u
#define INS_LAMPORT 4u
#define INS_DOTS 8u
#define INS_EACH 16u
#define INS_RAW 32u
#define INS_RIGHT_SHIFT 6
#define INS_GAP INS_RAW /* alone: a right neighbour that is none */
#define RIGHT_NONE 0u
#define RIGHT_NEXT 1u /* left + 1 */
#define RIGHT_SAME 2u /* as in the row before */
#define RIGHT_OTHER 3u
#define DEL_DOT 1u
#define DEL_OF 2u
#define DEL_CTR 4u
#define DEL_DOTS 8u
#define DEL_EACH 16u
#define DEL_BACK 32u

/* -- Rows as bytes ----------------------------------------------------------------------------- */

static const uint8_t *get_long(const uint8_t *at, uint64_t *ret_n)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = *at++;
        n |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    *ret_n = n;
    return at;
}

static inline const uint8_t *get(const uint8_t *at, uint64_t *ret_n)
{
    *ret_n = at[0];
    if (at[0] < 0x80) return at + 1;
    *ret_n = (at[0] & 0x7fu) | (uint64_t)at[1] << 7;
    if (at[1] < 0x80) return at + 2;
    *ret_n = (at[0] & 0x7fu) | (at[1] & 0x7fu) << 7 | (uint64_t)at[2] << 14;
    if (at[2] < 0x80) return at + 3;
    return get_long(at, ret_n);
}

static inline uint8_t *put_if(uint8_t *at, unsigned flag, uint64_t n)
{
    return flag != 0 ? crdt__put_varint(at, n) : at;
}

static inline const uint8_t *get_if(const uint8_t *at, unsigned flag, uint64_t usual,
                                    uint64_t *ret_n)
{
    if (flag != 0) return get(at, ret_n);
    *ret_n = usual;
    return at;
}

static inline unsigned flag_if(bool set, unsigned flag)
{
    return set ? flag : 0;
}

/* Small differences of either sign as small numbers, and back. */
static inline uint64_t fold(uint64_t d)
{
    return d << 1 ^ (0 - (d >> 63));
}

static inline uint64_t unfold(uint64_t folded)
{
    return folded >> 1 ^ (0 - (folded & 1));
}

static inline uint32_t fold32(uint32_t d)
{
    return d << 1 ^ (0 - (d >> 31));
}

static inline uint32_t unfold32(uint64_t folded)
{
    return (uint32_t)(folded >> 1) ^ (0 - (uint32_t)(folded & 1));
}

static unsigned right_code(const crdt__ins *base, const crdt__ins *row)
{
    if (row->right == CRDT__NO_CID) return RIGHT_NONE;
    if (row->right == row->left + 1) return RIGHT_NEXT; /* left NO_CID: the first cid */
    return row->right == base->right ? RIGHT_SAME : RIGHT_OTHER;
}

static size_t put_ins(uint8_t *code, const crdt__ins *base, const crdt__ins *row)
{
    uint32_t len = crdt__ins_len(base);
    uint64_t dot = row->dot - base->dot - base->dots;
    uint32_t cid = row->cid - base->cid - len, gap = row->ctr - base->ctr - len;
    uint64_t lamport = row->lamport - (base->lamport != 0 ? base->lamport + len : 0);
    uint64_t left = fold32(row->cid - 1 - row->left) + UINT64_C(1); /* 0: nothing on the left */
    unsigned right = right_code(base, row);
    unsigned flags = flag_if(dot != 0, INS_DOT) | flag_if(cid != 0, INS_CID) |
                     flag_if(lamport != 0, INS_LAMPORT) | flag_if(row->dots != 1, INS_DOTS) |
                     flag_if(row->each != 1, INS_EACH) |
                     flag_if(row->raw && right != RIGHT_NONE, INS_RAW);
    uint8_t *at = code;
    if (gap != 0) *at++ = INS_GAP;
    at = put_if(at, gap, gap);
    *at++ = (uint8_t)(flags | right << INS_RIGHT_SHIFT);
    at = put_if(at, flags & INS_DOT, dot);
    at = put_if(at, flags & INS_CID, cid);
    at = crdt__put_varint(at, row->left == CRDT__NO_CID ? 0 : left);
    at = put_if(at, right == RIGHT_OTHER, fold32(row->right - row->left));
    at = put_if(at, flags & INS_LAMPORT, fold(lamport));
    at = put_if(at, flags & INS_DOTS, row->dots);
    at = put_if(at, flags & INS_EACH, row->each);
    return (size_t)(at - code);
}

/* From the row before to the next one, in place. */
static inline const uint8_t *next_ins(const uint8_t *at, crdt__ins *row)
{
    uint32_t len = crdt__ins_len(row);
    uint64_t n;
    at = get_if(at + (*at == INS_GAP), *at == INS_GAP, 0, &n);
    row->ctr += len + (uint32_t)n;
    unsigned flags = *at++, right = flags >> INS_RIGHT_SHIFT;
    at = get_if(at, flags & INS_DOT, 0, &n);
    row->dot += row->dots + n;
    at = get_if(at, flags & INS_CID, 0, &n);
    row->cid += len + (uint32_t)n;
    at = get(at, &n);
    row->left = n == 0 ? CRDT__NO_CID : row->cid - 1 - unfold32(n - 1);
    at = get_if(at, right == RIGHT_OTHER, 0, &n);
    if (right == RIGHT_NONE) row->right = CRDT__NO_CID;
    if (right == RIGHT_NEXT) row->right = row->left + 1;
    if (right == RIGHT_OTHER) row->right = row->left + unfold32(n);
    at = get_if(at, flags & INS_LAMPORT, 0, &n);
    row->lamport = (row->lamport != 0 ? row->lamport + len : 0) + unfold(n);
    at = get_if(at, flags & INS_DOTS, 1, &n);
    row->dots = (uint32_t)n;
    at = get_if(at, flags & INS_EACH, 1, &n);
    row->each = (uint32_t)n;
    row->raw = (flags & INS_RAW) != 0;
    return at;
}

static size_t put_del(uint8_t *code, const crdt__del *base, const crdt__del *row)
{
    uint64_t dot = row->dot - base->dot - base->dots;
    uint32_t ctr = row->ctr - base->ctr - crdt__del_len(base);
    unsigned flags = flag_if(dot != 0, DEL_DOT) | flag_if(row->of != base->of, DEL_OF) |
                     flag_if(ctr != 0, DEL_CTR) | flag_if(row->dots != 1, DEL_DOTS) |
                     flag_if(row->each != 1, DEL_EACH) | flag_if(row->back, DEL_BACK);
    uint8_t *at = code;
    *at++ = (uint8_t)flags;
    at = put_if(at, flags & DEL_DOT, dot);
    at = put_if(at, flags & DEL_OF, row->of);
    at = put_if(at, flags & DEL_CTR, fold32(ctr));
    at = put_if(at, flags & DEL_DOTS, row->dots);
    at = put_if(at, flags & DEL_EACH, row->each);
    return (size_t)(at - code);
}

static inline const uint8_t *next_del(const uint8_t *at, crdt__del *row)
{
    unsigned flags = *at++;
    uint64_t n;
    row->ctr += crdt__del_len(row);
    at = get_if(at, flags & DEL_DOT, 0, &n);
    row->dot += row->dots + n;
    at = get_if(at, flags & DEL_OF, row->of, &n);
    row->of = (uint32_t)n;
    at = get_if(at, flags & DEL_CTR, 0, &n);
    row->ctr += unfold32(n);
    at = get_if(at, flags & DEL_DOTS, 1, &n);
    row->dots = (uint32_t)n;
    at = get_if(at, flags & DEL_EACH, 1, &n);
    row->each = (uint32_t)n;
    row->back = (flags & DEL_BACK) != 0;
    return at;
}

/* What the first row of a block is told from. */
static inline crdt__ins ins_base(uint64_t dot, uint32_t ctr)
{
    return (crdt__ins){
        .dot = dot, .ctr = ctr, .each = 1, .left = CRDT__NO_CID, .right = CRDT__NO_CID};
}

static inline crdt__del del_base(uint64_t dot, uint32_t ctr)
{
    return (crdt__del){.dot = dot, .ctr = ctr, .each = 1};
}

/* -- Blocks ------------------------------------------------------------------------------------ */

static size_t room_of(const crdt__block *block)
{
    return block->cap16 != 0 ? block->cap16 * (size_t)16 : block->used;
}

size_t crdt__track_bytes(const crdt__track *track)
{
    if (track == NULL) return 0;
    size_t bytes = sizeof *track + track->cap * sizeof track->blocks[0];
    for (uint32_t i = 0; i < track->count; i++) bytes += room_of(&track->blocks[i]);
    return bytes;
}

void crdt__track_clear(crdt__log *log, crdt__track **track)
{
    crdt__track *old = *track;
    if (old == NULL) return;
    for (uint32_t i = 0; i < old->count; i++) {
        crdt__log_release(log, old->blocks[i].bytes, room_of(&old->blocks[i]));
    }
    crdt__log_release(log, old, sizeof *old + old->cap * sizeof old->blocks[0]);
    *track = NULL;
}

/* Room for one block more. */
static bool track_room(crdt__log *log, crdt__track **track)
{
    crdt__track *old = *track;
    uint32_t     cap = old == NULL ? 0 : old->cap, next = cap + cap / 4 + 1;
    if (old != NULL && old->count < cap) return true;
    crdt__track *new =
        crdt__log_resize(log, old, old == NULL ? 0 : sizeof *old + cap * sizeof old->blocks[0],
                         sizeof *new + next * sizeof new->blocks[0]);
    if (new == NULL) return false;
    if (old == NULL) new->count = 0;
    new->cap = next;
    *track = new;
    return true;
}

/* The last block ends with `code`, from byte `from` on. */
static bool write_tail(crdt__log *log, crdt__block *block, size_t from, const uint8_t *code,
                       size_t size)
{
    size_t room = room_of(block), need = from + size;
    if (need > room || (block->cap16 == 0 && need != room)) {
        size_t   cap = need > room ? need + room / 4 : room;
        uint8_t *bytes;
        cap = (cap + 15) & ~(size_t)15;
        bytes = crdt__log_resize(log, block->bytes, room, cap);
        if (bytes == NULL) return false;
        block->bytes = bytes;
        block->cap16 = (uint8_t)(cap / 16);
    }
    memcpy(block->bytes + from, code, size);
    block->used = (uint16_t)need;
    return true;
}

/* Has the block room for any row of so many bytes? Then it may be written right there. */
static inline bool has_room(const crdt__block *block, size_t most)
{
    return block->cap16 * (size_t)16 >= block->used + most;
}

/* A block of one row behind the others, of which the last gives back its slack. */
static bool new_tail(crdt__log *log, crdt__track **track, uint64_t dot, uint32_t ctr,
                     const uint8_t *code, size_t size)
{
    if (!track_room(log, track)) return false;
    crdt__track *t = *track;
    crdt__block  block = {.dot = dot, .ctr = ctr, .rows = 1};
    size_t       like = t->count > 0 ? t->blocks[t->count - 1].used : 0; /* the one before */
    if (like > size && like <= CRDT__LIKE_MAX) {
        like += CRDT__INS_BYTES;
        block.bytes = crdt__log_resize(log, NULL, 0, (like + 15) & ~(size_t)15);
        if (block.bytes != NULL) block.cap16 = (uint8_t)((like + 15) / 16);
    }
    if (!write_tail(log, &block, 0, code, size)) {
        if (t->count == 0) crdt__track_clear(log, track);
        return false;
    }
    if (t->count > 0 && t->blocks[t->count - 1].cap16 != 0) {
        crdt__block *full = &t->blocks[t->count - 1];
        uint8_t     *bytes = crdt__log_resize(log, full->bytes, room_of(full), full->used);
        if (bytes != NULL) {
            full->bytes = bytes;
            full->cap16 = 0;
        }
    }
    t->blocks[t->count++] = block;
    return true;
}

/* -- Adding to a track ------------------------------------------------------------------------- */

static void know_ins_tail(const crdt__track *track, crdt__ins_tail *tail)
{
    const crdt__block *block = &track->blocks[track->count - 1];
    const uint8_t     *at = block->bytes, *row_at = at;
    tail->last = ins_base(block->dot, block->ctr);
    for (unsigned i = 0; i < block->rows; i++) {
        tail->base = tail->last;
        row_at = at;
        at = next_ins(at, &tail->last);
    }
    tail->at = (uint16_t)(row_at - block->bytes);
    tail->known = true;
}

bool crdt__track_add_ins(crdt__log *log, crdt__track **track, crdt__ins_tail *tail,
                         const crdt__ins *row)
{
    uint8_t      code[CRDT__INS_BYTES];
    crdt__block *block = NULL;
    if (*track != NULL) {
        if (!tail->known) know_ins_tail(*track, tail);
        block = &(*track)->blocks[(*track)->count - 1];
        CRDT_ASSERT(row->dot >= tail->last.dot + tail->last.dots);
        if (crdt__ins_goes_on(&tail->last, row)) {
            crdt__ins joined = tail->last;
            joined.dots += row->dots;
            if (!write_tail(log, block, tail->at, code, put_ins(code, &tail->base, &joined))) {
                return false;
            }
            tail->last = joined;
            log->ins_rows--;
            return true;
        }
    }
    if (block == NULL || block->rows == CRDT__BLOCK_ROWS) {
        crdt__ins base = ins_base(row->dot, row->ctr);
        size_t    size = put_ins(code, &base, row);
        if (!new_tail(log, track, row->dot, row->ctr, code, size)) return false;
        *tail = (crdt__ins_tail){.base = base, .last = *row, .known = true};
        return true;
    }
    CRDT_ASSERT(row->ctr >= tail->last.ctr + crdt__ins_len(&tail->last));
    uint16_t at = block->used;
    if (has_room(block, CRDT__INS_BYTES)) {
        block->used += (uint16_t)put_ins(block->bytes + at, &tail->last, row);
    } else if (!write_tail(log, block, at, code, put_ins(code, &tail->last, row))) {
        return false;
    }
    block->rows++;
    tail->base = tail->last;
    tail->last = *row;
    tail->at = at;
    return true;
}

static void know_del_tail(const crdt__track *track, crdt__del_tail *tail)
{
    const crdt__block *block = &track->blocks[track->count - 1];
    const uint8_t     *at = block->bytes, *row_at = at;
    tail->last = del_base(block->dot, block->ctr);
    for (unsigned i = 0; i < block->rows; i++) {
        tail->base = tail->last;
        row_at = at;
        at = next_del(at, &tail->last);
    }
    tail->at = (uint16_t)(row_at - block->bytes);
    tail->known = true;
}

/* Row comes after all of the track, whose tail is known if there is one. */
static bool append_del(crdt__log *log, crdt__track **track, crdt__del_tail *tail,
                       const crdt__del *row)
{
    uint8_t      code[CRDT__DEL_BYTES];
    crdt__block *block = NULL;
    if (*track != NULL) {
        crdt__del joined = tail->last;
        block = &(*track)->blocks[(*track)->count - 1];
        if (crdt__del_join(&joined, row)) {
            if (!write_tail(log, block, tail->at, code, put_del(code, &tail->base, &joined))) {
                return false;
            }
            tail->last = joined;
            log->del_rows--;
            return true;
        }
    }
    if (block == NULL || block->rows == CRDT__BLOCK_ROWS) {
        crdt__del base = del_base(row->dot, row->ctr);
        size_t    size = put_del(code, &base, row);
        if (!new_tail(log, track, row->dot, row->ctr, code, size)) return false;
        *tail = (crdt__del_tail){.base = base, .last = *row, .known = true};
        return true;
    }
    uint16_t at = block->used;
    if (has_room(block, CRDT__DEL_BYTES)) {
        block->used += (uint16_t)put_del(block->bytes + at, &tail->last, row);
    } else if (!write_tail(log, block, at, code, put_del(code, &tail->last, row))) {
        return false;
    }
    block->rows++;
    tail->base = tail->last;
    tail->last = *row;
    tail->at = at;
    return true;
}

/* The block that holds the dot, if any does: the last that begins at or below it, or the first. */
static uint32_t block_of_dot(const crdt__track *track, uint64_t dot)
{
    uint32_t at = 0;
    for (uint32_t n = track->count; n > 1;) {
        uint32_t half = n / 2;
        at = track->blocks[at + half].dot <= dot ? at + half : at;
        n -= half;
    }
    return at;
}

static uint32_t block_of_ctr(const crdt__track *track, uint32_t ctr)
{
    uint32_t at = 0;
    for (uint32_t n = track->count; n > 1;) {
        uint32_t half = n / 2;
        at = track->blocks[at + half].ctr <= ctr ? at + half : at;
        n -= half;
    }
    return at;
}

static uint32_t push_del(crdt__del *rows, uint32_t count, const crdt__del *row)
{
    if (count > 0 && crdt__del_join(&rows[count - 1], row)) return count;
    rows[count] = *row;
    return count + 1;
}

/* The rows of a block, and count more, in order. */
static uint32_t merge_dels(const crdt__block *block, const crdt__fresh_del *more, uint32_t count,
                           crdt__del rows[2 * CRDT__BLOCK_ROWS])
{
    const uint8_t *at = block->bytes;
    crdt__del      row = del_base(block->dot, block->ctr);
    uint32_t       done = 0, ret = 0;
    for (unsigned i = 0; i < block->rows; i++) {
        at = next_del(at, &row);
        while (done < count && more[done].row.dot < row.dot) {
            ret = push_del(rows, ret, &more[done++].row);
        }
        ret = push_del(rows, ret, &row);
    }
    while (done < count) ret = push_del(rows, ret, &more[done++].row);
    return ret;
}

/* A block of exactly these rows. bytes is NULL if memory was refused. */
static crdt__block make_block(crdt__log *log, const crdt__del *rows, uint32_t count)
{
    uint8_t     code[CRDT__BLOCK_ROWS * CRDT__DEL_BYTES];
    size_t      used = 0;
    crdt__del   base = del_base(rows[0].dot, rows[0].ctr);
    crdt__block block = {.dot = rows[0].dot, .ctr = rows[0].ctr};
    CRDT_ASSERT(count <= CRDT__BLOCK_ROWS);
    for (uint32_t i = 0; i < count; i++) {
        used += put_del(code + used, i == 0 ? &base : &rows[i - 1], &rows[i]);
    }
    block.bytes = crdt__log_resize(log, NULL, 0, used);
    if (block.bytes == NULL) return block;
    memcpy(block.bytes, code, used);
    block.used = (uint16_t)used;
    block.rows = (uint8_t)count;
    return block;
}

/* Put the first of the rows into the one block where they belong, which may become two. Returns how
 * many went in; 0: refused memory. */
static uint32_t insert_dels(crdt__log *log, crdt__track **track, const crdt__fresh_del *more,
                            uint32_t count)
{
    uint32_t  i = block_of_dot(*track, more[0].row.dot), taken = 1, total, first;
    uint64_t  end = i + 1 < (*track)->count ? (*track)->blocks[i + 1].dot : UINT64_MAX;
    crdt__del rows[2 * CRDT__BLOCK_ROWS];
    while (taken < count && taken < CRDT__BLOCK_ROWS && more[taken].row.dot < end) taken++;
    total = merge_dels(&(*track)->blocks[i], more, taken, rows);
    first = total <= CRDT__BLOCK_ROWS ? total : total / 2;
    if (first < total && !track_room(log, track)) return 0;

    crdt__track *t = *track;
    crdt__block  old = t->blocks[i], a = make_block(log, rows, first);
    if (a.bytes == NULL) return 0;
    if (first < total) {
        crdt__block b = make_block(log, rows + first, total - first);
        if (b.bytes == NULL) {
            crdt__log_release(log, a.bytes, a.used);
            return 0;
        }
        memmove(&t->blocks[i + 2], &t->blocks[i + 1], (t->count - i - 1) * sizeof b);
        t->blocks[i + 1] = b;
        t->count++;
    }
    t->blocks[i] = a;
    log->del_rows -= old.rows + taken - total;
    crdt__log_release(log, old.bytes, room_of(&old));
    return taken;
}

bool crdt__track_append_del(crdt__log *log, crdt__track **track, crdt__del_tail *tail,
                            const crdt__del *row)
{
    if (*track != NULL && !tail->known) know_del_tail(*track, tail);
    return append_del(log, track, tail, row);
}

uint32_t crdt__track_add_dels(crdt__log *log, crdt__track **track, crdt__del_tail *tail,
                              const crdt__fresh_del *rows, uint32_t count)
{
    uint32_t done = 0, taken;
    while (done < count) {
        if (*track != NULL && !tail->known) know_del_tail(*track, tail);
        if (*track == NULL || rows[done].row.dot > tail->last.dot) {
            taken = append_del(log, track, tail, &rows[done].row) ? 1 : 0;
        } else {
            taken = insert_dels(log, track, rows + done, count - done);
            if (taken > 0) tail->known = false;
        }
        if (taken == 0) break;
        done += taken;
    }
    return done;
}

/* -- Reading ----------------------------------------------------------------------------------- */

bool crdt__track_ins(const crdt__track *track, uint64_t dot, crdt__ins *ret_row)
{
    if (track == NULL) return false;
    const crdt__block *block = &track->blocks[block_of_dot(track, dot)];
    const uint8_t     *at = block->bytes;
    crdt__ins          row = ins_base(block->dot, block->ctr);
    for (unsigned i = 0; i < block->rows && row.dot <= dot; i++) {
        at = next_ins(at, &row);
        if (dot < row.dot || dot - row.dot >= row.dots) continue;
        *ret_row = row;
        return true;
    }
    return false;
}

bool crdt__track_ins_of(const crdt__track *track, uint32_t ctr, crdt__ins *ret_row)
{
    if (track == NULL) return false;
    const crdt__block *block = &track->blocks[block_of_ctr(track, ctr)];
    const uint8_t     *at = block->bytes;
    crdt__ins          row = ins_base(block->dot, block->ctr);
    for (unsigned i = 0; i < block->rows; i++) {
        at = next_ins(at, &row);
        if (ctr - row.ctr >= crdt__ins_len(&row)) continue;
        *ret_row = row;
        return true;
    }
    return false;
}

bool crdt__track_del(const crdt__track *track, uint64_t dot, crdt__del *ret_row)
{
    if (track == NULL) return false;
    const crdt__block *block = &track->blocks[block_of_dot(track, dot)];
    const uint8_t     *at = block->bytes;
    crdt__del          row = del_base(block->dot, block->ctr);
    for (unsigned i = 0; i < block->rows && row.dot <= dot; i++) {
        at = next_del(at, &row);
        if (dot < row.dot || dot - row.dot >= row.dots) continue;
        *ret_row = row;
        return true;
    }
    return false;
}

uint32_t crdt__fresh_ins_from(const crdt__fresh *fresh, uint64_t dot)
{
    uint32_t at = 0;
    for (uint32_t n = fresh->ins_count; n > 0;) {
        uint32_t         half = n / 2;
        const crdt__ins *row = &fresh->ins[at + half];
        bool             below = row->dot + row->dots <= dot;
        at = below ? at + half + 1 : at;
        n = below ? n - half - 1 : half;
    }
    return at;
}

uint32_t crdt__fresh_del_from(const crdt__fresh *fresh, uint64_t dot)
{
    uint32_t at = 0;
    for (uint32_t n = fresh->del_count; n > 0;) {
        uint32_t         half = n / 2;
        const crdt__del *row = &fresh->del[at + half].row;
        bool             below = row->dot + row->dots <= dot;
        at = below ? at + half + 1 : at;
        n = below ? n - half - 1 : half;
    }
    return at;
}

/* -- Iterators --------------------------------------------------------------------------------- */

/* The next block of the track, decoded. False: there is none. */
static bool load_ins(crdt__log_iter *it, const crdt__track *track)
{
    if (track == NULL || it->block >= track->count) return false;
    const crdt__block *block = &track->blocks[it->block++];
    const uint8_t     *at = block->bytes;
    crdt__ins          row = ins_base(block->dot, block->ctr);
    for (unsigned i = 0; i < block->rows; i++) {
        at = next_ins(at, &row);
        it->rows.ins[i] = row;
    }
    it->index = 0;
    it->count = block->rows;
    return true;
}

static bool load_del(crdt__log_iter *it, const crdt__track *track)
{
    if (track == NULL || it->block >= track->count) return false;
    const crdt__block *block = &track->blocks[it->block++];
    const uint8_t     *at = block->bytes;
    crdt__del          row = del_base(block->dot, block->ctr);
    for (unsigned i = 0; i < block->rows; i++) {
        at = next_del(at, &row);
        it->rows.del[i] = row;
    }
    it->index = 0;
    it->count = block->rows;
    return true;
}

static void start(crdt__log_iter *it, const crdt__log *log, uint32_t author, bool del)
{
    CRDT_ASSERT(author < log->author_count);
    it->log = log;
    it->author = author;
    it->block = it->index = it->count = it->fresh = 0;
    it->del = del;
}

void crdt__log_each_ins(crdt__log_iter *it, const crdt__log *log, uint32_t author, uint64_t from)
{
    start(it, log, author, false);
    if (from == 0) return;
    const crdt__track *track = log->authors[author].ins;
    const crdt__fresh *fresh = crdt__log_fresh(log, author);
    if (fresh != NULL) it->fresh = crdt__fresh_ins_from(fresh, from);
    if (track == NULL) return;
    if (fresh != NULL && fresh->ins_tail.known &&
        fresh->ins_tail.last.dot + fresh->ins_tail.last.dots <= from) {
        it->block = track->count; /* as for what a transaction has just written */
        return;
    }
    it->block = block_of_dot(track, from);
    (void)load_ins(it, track);
    while (it->index < it->count &&
           it->rows.ins[it->index].dot + it->rows.ins[it->index].dots <= from) {
        it->index++;
    }
}

void crdt__log_each_del(crdt__log_iter *it, const crdt__log *log, uint32_t author, uint64_t from)
{
    start(it, log, author, true);
    if (from == 0) return;
    const crdt__track *track = log->authors[author].del;
    const crdt__fresh *fresh = crdt__log_fresh(log, author);
    if (fresh != NULL) it->fresh = crdt__fresh_del_from(fresh, from);
    if (track == NULL) return;
    if (fresh != NULL && fresh->del_tail.known &&
        fresh->del_tail.last.dot + fresh->del_tail.last.dots <= from) {
        it->block = track->count;
        return;
    }
    it->block = block_of_dot(track, from);
    (void)load_del(it, track);
    while (it->index < it->count &&
           it->rows.del[it->index].dot + it->rows.del[it->index].dots <= from) {
        it->index++;
    }
}

const crdt__ins *crdt__log_next_ins(crdt__log_iter *it)
{
    CRDT_ASSERT(!it->del);
    if (it->index < it->count || load_ins(it, it->log->authors[it->author].ins)) {
        return &it->rows.ins[it->index++];
    }
    const crdt__fresh *fresh = crdt__log_fresh(it->log, it->author);
    return fresh != NULL && it->fresh < fresh->ins_count ? &fresh->ins[it->fresh++] : NULL;
}

const crdt__del *crdt__log_next_del(crdt__log_iter *it)
{
    CRDT_ASSERT(it->del);
    const crdt__fresh *fresh = crdt__log_fresh(it->log, it->author);
    const crdt__del   *a = NULL, *b = NULL;
    if (it->index < it->count || load_del(it, it->log->authors[it->author].del)) {
        a = &it->rows.del[it->index];
    }
    if (fresh != NULL && it->fresh < fresh->del_count) b = &fresh->del[it->fresh].row;
    if (a == NULL && b == NULL) return NULL;
    if (b == NULL || (a != NULL && a->dot < b->dot)) {
        it->index++;
        return a;
    }
    it->fresh++;
    return b;
}

/* -- Checking ---------------------------------------------------------------------------------- */

/* The rows end where the block does. */
static bool block_ends(const crdt__block *block, bool del)
{
    const uint8_t *at = block->bytes, *end = at + block->used;
    crdt__ins      ins = ins_base(block->dot, block->ctr);
    crdt__del      row = del_base(block->dot, block->ctr);
    for (unsigned i = 0; i < block->rows; i++) {
        if (at >= end) return false;
        at = del ? next_del(at, &row) : next_ins(at, &ins);
        if (i > 0) continue;
        if (del ? row.dot != block->dot : ins.dot != block->dot || ins.ctr != block->ctr) {
            return false;
        }
    }
    return at == end;
}

bool crdt__track_check(const crdt__track *track, bool del, const char **ret_reason)
{
    if (track == NULL) return true;
    *ret_reason = "log: a track without blocks, or with more than fit";
    if (track->count == 0 || track->count > track->cap) return false;
    for (uint32_t i = 0; i < track->count; i++) {
        const crdt__block *block = &track->blocks[i];
        *ret_reason = "log: a block without rows, or with too many";
        if (block->rows == 0 || block->rows > CRDT__BLOCK_ROWS) return false;
        *ret_reason = "log: a block longer than its memory";
        if (block->used > room_of(block)) return false;
        *ret_reason = "log: blocks out of order";
        if (i > 0 && block->dot <= block[-1].dot) return false;
        *ret_reason = "log: a block's bytes do not end with its rows, or begin unlike its header";
        if (!block_ends(block, del)) return false;
    }
    return true;
}
