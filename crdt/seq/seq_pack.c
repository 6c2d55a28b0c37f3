/* seq/seq_pack.c: packs, and walks over what is packed or in place. See seq_pack.h. */
#include "crdt/seq/seq_pack.h"

#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_stand.h"

/* -- Packs ------------------------------------------------------------------------------------- */

static size_t pack_size(size_t count, bool mapped, size_t bytes)
{
    return sizeof(crdt__pack) + count * (sizeof(uint64_t) + (mapped ? sizeof(uint32_t) : 0)) +
           bytes;
}

size_t crdt__pack_bytes(const crdt__pack *pack)
{
    return pack == NULL ? 0 : pack_size(pack->count, pack->mapped, pack->size);
}

void crdt__pack_free(const crdt__slot *slot, crdt__pack *pack)
{
    crdt__release(slot->space->mem, pack, crdt__pack_bytes(pack));
}

static uint32_t *places_of(const crdt__pack *pack)
{
    return (uint32_t *)(uintptr_t)(pack->ids + pack->count);
}

static uint8_t *bytes_of(const crdt__pack *pack)
{
    return (uint8_t *)(places_of(pack) + (pack->mapped ? pack->count : 0));
}

void crdt__pack_reader(const crdt__pack *pack, const crdt__slot *slot, crdt__reader *r)
{
    crdt__dict dict = {pack->ids, pack->mapped ? places_of(pack) : NULL, pack->count, pack->total};
    crdt__reader_begin(r, slot, crdt_view_of(bytes_of(pack), pack->size), dict,
                       slot->space->limits);
}

bool crdt__pack_put(const crdt__pack *pack, crdt_enc *enc)
{
    const crdt_replicas *dict = enc->dict;
    if (pack->mapped || pack->count != dict->count) return false;
    if (memcmp(pack->ids, dict->ids, pack->count * sizeof *pack->ids) != 0) return false;
    crdt_buf_put(enc->out, bytes_of(pack), pack->size);
    return true;
}

/* Of these ids (sealed), which the bytes call by their places among `all`. NULL: refused. */
static crdt__pack *pack_of(const crdt__slot *slot, const crdt_replicas *ids, const uint64_t *all,
                           size_t total, crdt_view bytes)
{
    bool        mapped = ids->count != total;
    crdt__pack *pack = crdt__alloc(slot->space->mem, pack_size(ids->count, mapped, bytes.size));
    if (pack == NULL) return NULL;
    memset(pack, 0, sizeof *pack);
    pack->size = (uint32_t)bytes.size;
    pack->count = (uint32_t)ids->count;
    pack->total = (uint32_t)total;
    pack->mapped = mapped;
    if (ids->count > 0) memcpy(pack->ids, ids->ids, ids->count * sizeof *pack->ids);
    for (size_t i = 0, place = 0; mapped && i < ids->count; i++) { /* both ascend */
        size_t lo = place, hi = total;
        while (hi - lo > 1) {
            size_t mid = lo + (hi - lo) / 2;
            if (all[mid] <= ids->ids[i]) lo = mid;
            else hi = mid;
        }
        place = lo;
        places_of(pack)[i] = (uint32_t)place;
    }
    memcpy(bytes_of(pack), bytes.data, bytes.size);
    return pack;
}

/* All rows and sets, read to their end. */
static void read_through(crdt__reader *r, const crdt_mem *mem)
{
    crdt__reader   again = *r;
    crdt__told_set last, set;
    crdt__section  s;
    crdt__row      row;
    while (r->in.err == CRDT_OK && r->sections > 0 && crdt__reader_section(r, &s)) {
        while (s.rows > 0 && crdt__reader_row(r, &s, &row)) continue;
        (void)crdt__reader_ends(r, &s);
    }
    again.used = NULL;
    if (crdt__claims_check(r, &again, mem) != CRDT_OK) return;
    for (size_t i = 0, count = crdt__reader_sets(r); i < count; i++) {
        if (!crdt__reader_set(r, i == 0 ? NULL : &last, &set)) return;
        last = set;
    }
}

crdt_err crdt__pack_read(const crdt__slot *slot, crdt_dec *dec, crdt__pack **ret_pack)
{
    crdt__dict    dict = {dec->dict, NULL, dec->dict_count, dec->dict_count};
    crdt_view     bytes = crdt_view_of(dec->at, crdt_dec_left(dec));
    crdt_replicas used;
    crdt__reader  r;
    *ret_pack = NULL;
    if (bytes.size > UINT32_MAX || dict.total >= UINT32_MAX) {
        return crdt_dec_fail(dec, CRDT_ELIMIT, "a sequence of too many bytes");
    }
    crdt_replicas_init(&used, slot->space->mem);
    crdt__reader_begin(&r, slot, bytes, dict, dec->limits);
    r.used = &used;
    read_through(&r, slot->space->mem);
    crdt_err err = r.in.err != CRDT_OK ? r.in.err : crdt_replicas_seal(&used);
    if (err == CRDT_OK) {
        bytes.size = (size_t)(r.in.at - dec->at);
        (void)crdt_dec_bytes(dec, bytes.size);
        if (used.count > 0) {
            *ret_pack = pack_of(slot, &used, dict.ids, dict.count, bytes);
            if (*ret_pack == NULL) err = CRDT_ENOMEM;
            else (*ret_pack)->moves = r.moves;
        }
    }
    crdt_replicas_clear(&used);
    if (err == CRDT_OK) return CRDT_OK;
    return crdt_dec_fail(dec, err, r.in.reason != NULL ? r.in.reason : "no room for a sequence");
}

static uint64_t moved_max(const crdt__slot *slot)
{
    crdt__walk walk;
    crdt__row  row;
    uint64_t   max = 0;
    crdt__walk_begin(&walk, slot);
    while (crdt__walk_replica(&walk)) {
        while (crdt__walk_row(&walk, &row)) {
            uint64_t stamp = row.move ? crdt__row_move(&row).stamp : 0;
            if (stamp > max) max = stamp;
        }
    }
    return max;
}

uint64_t crdt__pack_stamp_max(const crdt__pack *pack, const crdt__slot *slot)
{
    crdt__slot     packed = {slot->space, NULL,          (crdt__pack *)(uintptr_t)pack,
                             slot->kind,  slot->classic, false};
    crdt__set_walk sets;
    crdt__told_set set;
    uint64_t       max = pack->moves ? moved_max(&packed) : 0;
    if (crdt__sets_begin(&sets, &packed) == 0) return max;
    while (crdt__sets_next(&sets, &set)) max = set.stamp > max ? set.stamp : max;
    return max;
}

/* -- Walks ------------------------------------------------------------------------------------- */

void crdt__walk_begin(crdt__walk *walk, const crdt__slot *slot)
{
    walk->replica = 0;
    walk->section.rows = 0;
    walk->section.is_inline = false;
    walk->seq = NULL;
    walk->reader.sections = 0;
    if (slot->pack != NULL) crdt__pack_reader(slot->pack, slot, &walk->reader);
    else walk->seq = slot->seq;
}

bool crdt__walk_replica(crdt__walk *walk)
{
    crdt__row row;
    if (walk->seq != NULL) {
        walk->replica = crdt__rows_replica(walk->seq, walk->replica);
        if (walk->replica == 0) return false;
        crdt__rows_begin(&walk->rows, walk->seq, walk->replica, 0);
        return true;
    }
    while (crdt__walk_row(walk, &row)) continue;
    if (walk->reader.sections == 0) return false;
    bool more = crdt__reader_section(&walk->reader, &walk->section);
    CRDT_ASSERT(more); /* it was read before */
    walk->replica = walk->section.trail.replica;
    return true;
}

bool crdt__walk_row(crdt__walk *walk, crdt__row *ret_row)
{
    if (walk->seq != NULL) return crdt__rows_next(&walk->rows, ret_row);
    if (walk->section.rows == 0) return false;
    bool more = crdt__reader_row(&walk->reader, &walk->section, ret_row);
    CRDT_ASSERT(more);
    if (walk->section.rows == 0) (void)crdt__reader_ends(&walk->reader, &walk->section);
    return true;
}

uint64_t crdt__walk_count(const crdt__walk *walk)
{
    if (walk->seq == NULL) return walk->section.rows;
    crdt__rows rows;
    crdt__row  row;
    uint64_t   count = 0;
    crdt__rows_begin(&rows, walk->seq, walk->replica, 0);
    while (crdt__rows_next(&rows, &row)) count++;
    return count;
}

uint64_t crdt__walk_replicas(const crdt__slot *slot)
{
    uint64_t count = 0;
    if (slot->pack != NULL) {
        crdt__reader r;
        crdt__pack_reader(slot->pack, slot, &r);
        return r.sections;
    }
    if (slot->seq == NULL) return 0;
    for (uint64_t r = crdt__rows_replica(slot->seq, 0); r != 0;
         r = crdt__rows_replica(slot->seq, r)) {
        count++;
    }
    return count;
}

size_t crdt__sets_begin(crdt__set_walk *walk, const crdt__slot *slot)
{
    walk->left = 0;
    walk->at = (crdt__omap_iter){NULL, 0};
    if (slot->pack == NULL) {
        if (slot->seq == NULL) return 0;
        walk->at = crdt__omap_first(&slot->seq->sets);
        return slot->seq->sets.count;
    }
    crdt__pack_reader(slot->pack, slot, &walk->reader);
    if (!walk->reader.sets) return 0;
    crdt__section s;
    crdt__row     row;
    while (walk->reader.sections > 0 && crdt__reader_section(&walk->reader, &s)) {
        while (s.is_inline && s.rows > 0) (void)crdt__reader_row(&walk->reader, &s, &row);
        if (s.is_inline) (void)crdt__reader_ends(&walk->reader, &s);
    }
    return walk->left = crdt__reader_sets(&walk->reader);
}

bool crdt__sets_next(crdt__set_walk *walk, crdt__told_set *ret_set)
{
    if (walk->left > 0) {
        walk->left--;
        bool more = crdt__reader_set(&walk->reader, NULL, ret_set);
        CRDT_ASSERT(more);
        return true;
    }
    crdt__set *set = crdt__omap_next(&walk->at);
    if (set == NULL) return false;
    *ret_set = (crdt__told_set){crdt__set_elem(set), set->dot, set->stamp, set->value};
    return true;
}

/* -- Making packs ------------------------------------------------------------------------------ */

/* The rows of one replica that pass a filter, in canonical form. */
typedef struct picking {
    crdt__walk         *walk;
    const crdt__filter *filter;
    crdt_context       *keep; /* NULL: they were put there before */
    crdt__row           row;  /* being cut: from dot `at` on */
    uint32_t            at;
    crdt__row           next; /* the next of what passes, to be joined */
    bool                has_next, classic;
    crdt_err            err;
} picking;

static crdt_err keep_dots(crdt_context *keep, const crdt__row *row, uint32_t at, uint32_t n)
{
    if (keep == NULL) return CRDT_OK;
    crdt_run run = {row->replica, row->dot + at, row->dot + at + n - 1};
    crdt_err err = crdt_context_reserve(keep, 1);
    if (err == CRDT_OK) crdt_context_add_reserved(keep, run);
    return err;
}

/* The next piece of a row that passes. */
static bool piece(picking *p, crdt__row *ret_row)
{
    while (p->err == CRDT_OK) {
        if (p->at == p->row.dots) {
            if (!crdt__walk_row(p->walk, &p->row)) return false;
            p->at = 0;
        }
        uint32_t at = p->at, n = p->row.dots - at;
        bool     in;
        if (p->filter->ctx != NULL) {
            n = crdt_context_stretch(p->filter->ctx, (crdt_dot){p->row.replica, p->row.dot + at}, n,
                                     &in);
        } else {
            uint64_t before =
                p->row.dot < p->filter->first.seq ? p->filter->first.seq - p->row.dot : 0;
            in = p->row.replica != p->filter->first.replica || at < before;
            if (in && before > at && before < p->row.dots) n = (uint32_t)before - at;
        }
        p->at += n;
        if (in) {
            p->err = keep_dots(p->keep, &p->row, at, n);
            continue;
        }
        *ret_row = crdt__row_cut(&p->row, at, n);
        return true;
    }
    return false;
}

/* Cut rows may go on from one another where whole ones did not. */
static bool pick(picking *p, crdt__row *ret_row)
{
    crdt__row next;
    if (!p->has_next && !piece(p, &p->next)) return false;
    p->has_next = false;
    while (piece(p, &next)) {
        /* Of insertions no more go on than did before. */
        if (next.del && crdt__rows_join(&p->next, &next, p->classic)) continue;
        *ret_row = p->next;
        p->next = next;
        p->has_next = true;
        return true;
    }
    *ret_row = p->next;
    return true;
}

static void pick_begin(picking *p, crdt__walk *walk, const crdt__filter *filter, crdt_context *keep,
                       bool classic)
{
    memset(p, 0, sizeof *p);
    p->walk = walk;
    p->filter = filter;
    p->keep = keep;
    p->classic = classic;
}

static void name(crdt_replicas *ids, crdt__elem elem)
{
    if (elem.replica != 0) crdt_replicas_add(ids, elem.replica);
}

/* Only one author's rows, from `first` on, are asked for. */
static bool walk_to(crdt__walk *walk, const crdt__filter *filter)
{
    if (filter->ctx != NULL) return crdt__walk_replica(walk);
    if (walk->replica != 0 || walk->seq == NULL) return false;
    walk->replica = filter->first.replica;
    crdt__rows_begin(&walk->rows, walk->seq, walk->replica, filter->first.seq);
    return true;
}

#define PICKED_MAX 32u

/* What passes, if it is little. */
typedef struct picked {
    size_t    count; /* of all */
    bool      moves; /* among all */
    crdt__row rows[PICKED_MAX];
} picked;

/* First pass: which ids are named, how many rows there are of each replica that the walk visits. */
static crdt_err count_rows(const crdt__slot *slot, const crdt__filter *filter, crdt_replicas *ids,
                           crdt_buf *counts, uint64_t *ret_sections, picked *ret_picked)
{
    crdt__walk walk;
    crdt_err   err = CRDT_OK;
    *ret_sections = 0;
    ret_picked->count = 0;
    ret_picked->moves = false;
    crdt__walk_begin(&walk, slot);
    while (err == CRDT_OK && walk_to(&walk, filter)) {
        picking   p;
        crdt__row row;
        uint64_t  n = 0;
        pick_begin(&p, &walk, filter, filter->keep, slot->classic);
        for (; pick(&p, &row); n++) {
            size_t i = ret_picked->count++;
            if (i < PICKED_MAX) ret_picked->rows[i] = row;
            crdt_replicas_add(ids, row.replica);
            name(ids, row.first);
            name(ids, row.left);
            name(ids, row.right);
            ret_picked->moves |= row.move;
        }
        *ret_sections += n > 0;
        crdt_buf_varint(counts, n);
        err = p.err;
    }
    return err;
}

/* The sets that pass a filter, by element. */
typedef struct set_picking {
    const crdt__filter *filter;
    crdt_context       *keep;
    crdt__set_walk      walk;
    crdt__set          *changed; /* since the last keep */
    crdt_err            err;
} set_picking;

static void pick_sets(set_picking *p, const crdt__slot *slot, const crdt__filter *filter,
                      crdt_context *keep)
{
    p->filter = filter;
    p->keep = keep;
    p->changed = NULL;
    p->err = CRDT_OK;
    if (filter->ctx != NULL) (void)crdt__sets_begin(&p->walk, slot);
    else if (slot->seq != NULL) p->changed = crdt__sets_changed(slot->seq);
}

static bool pick_set(set_picking *p, crdt__told_set *ret_set)
{
    for (; p->filter->ctx == NULL && p->changed != NULL;) {
        const crdt__set *set = p->changed;
        p->changed = set->next_changed;
        if (set->gone) continue;
        *ret_set = (crdt__told_set){crdt__set_elem(set), set->dot, set->stamp, set->value};
        return true;
    }
    while (p->filter->ctx != NULL && crdt__sets_next(&p->walk, ret_set)) {
        if (!crdt_context_has(p->filter->ctx, ret_set->dot)) return true;
        if (p->keep != NULL && p->err == CRDT_OK) p->err = crdt_context_add(p->keep, ret_set->dot);
    }
    return false;
}

static crdt_err count_sets(const crdt__slot *slot, const crdt__filter *filter, crdt_replicas *ids,
                           uint64_t *ret_count)
{
    set_picking    p;
    crdt__told_set set;
    *ret_count = 0;
    pick_sets(&p, slot, filter, filter->keep);
    for (; pick_set(&p, &set); ++*ret_count) {
        crdt_replicas_add(ids, set.elem.replica);
        crdt_replicas_add(ids, set.dot.replica);
    }
    return p.err;
}

static void write_picked(crdt__columns *c, const picked *all, crdt_dec *counts, crdt_enc *enc)
{
    for (size_t i = 0; i < all->count;) {
        uint64_t n = crdt_dec_varint(counts);
        if (n == 0) continue;
        crdt__columns_begin(c, all->rows[i].replica, n, enc);
        for (; n > 0; n--) crdt__columns_put(c, &all->rows[i++]);
        crdt__columns_end(c, enc);
    }
}

/* Second pass. */
static void write_rows(const crdt__slot *slot, const crdt__filter *filter, crdt_enc *enc,
                       crdt_view counts, const picked *all)
{
    crdt__columns c;
    crdt__walk    walk;
    crdt_dec      dec;
    crdt_dec_init(&dec, counts, NULL);
    crdt__columns_init(&c, slot, enc);
    crdt__walk_begin(&walk, slot);
    if (all->count <= PICKED_MAX) write_picked(&c, all, &dec, enc);
    while (all->count > PICKED_MAX && walk_to(&walk, filter)) {
        picking   p;
        crdt__row row;
        uint64_t  n = crdt_dec_varint(&dec);
        if (n == 0) continue;
        pick_begin(&p, &walk, filter, NULL, slot->classic);
        crdt__columns_begin(&c, walk.replica, n, enc);
        while (pick(&p, &row)) crdt__columns_put(&c, &row);
        crdt__columns_end(&c, enc);
    }
    crdt__columns_clear(&c);
}

static void write_sets(const crdt__slot *slot, const crdt__filter *filter, uint64_t count,
                       crdt_enc *enc)
{
    set_picking    p;
    crdt__told_set set;
    crdt_buf_varint(enc->out, count);
    pick_sets(&p, slot, filter, NULL);
    while (pick_set(&p, &set)) crdt__told_set_put(&set, enc);
}

crdt_err crdt__pack_make(const crdt__slot *slot, const crdt__filter *filter, crdt__pack **ret_pack)
{
    const crdt_mem *mem = slot->space->mem;
    crdt_buf        counts, bytes;
    crdt_replicas   ids;
    picked          all;
    uint64_t        sections, sets = 0;
    *ret_pack = NULL;
    crdt_buf_init(&counts, mem);
    crdt_buf_init(&bytes, mem);
    crdt_replicas_init(&ids, mem);
    crdt_err err = count_rows(slot, filter, &ids, &counts, &sections, &all);
    if (err == CRDT_OK) err = count_sets(slot, filter, &ids, &sets);
    if (err == CRDT_OK) err = crdt_buf_status(&counts);
    if (err == CRDT_OK) err = crdt_replicas_seal(&ids);
    if (err == CRDT_OK && sections + sets > 0) {
        crdt_enc enc = {&bytes, &ids, false};
        crdt_buf_varint(&bytes, sections * 4 + (sets > 0));
        write_rows(slot, filter, &enc, crdt_buf_bytes(&counts), &all);
        if (sets > 0) write_sets(slot, filter, sets, &enc);
        err = crdt_buf_status(&bytes);
        if (err == CRDT_OK && bytes.size > UINT32_MAX) err = CRDT_ELIMIT;
    }
    if (err == CRDT_OK && sections + sets > 0) {
        *ret_pack = pack_of(slot, &ids, ids.ids, ids.count, crdt_buf_bytes(&bytes));
        if (*ret_pack == NULL) err = CRDT_ENOMEM;
        else (*ret_pack)->moves = all.moves;
    }
    crdt_replicas_clear(&ids);
    crdt_buf_clear(&counts);
    crdt_buf_clear(&bytes);
    return err;
}
