/* seq/seq_log.c: see seq_log.h: authors, the maps of ids, rows added since the last settle.
 *
 * Memory   what is added stands in the author's crdt__fresh, apart from what is settled: undo drops
 *          it, settle writes it into blocks. A few stay for authors that may be next, so that
 *          typing allocates nothing and decodes nothing.
 * Maps     an entry tells where a stretch begins; its end is where the next one begins, or the
 *          count. So a stretch that grows changes no entry, and undo sets counts back. Where ids
 *          were forgotten a stretch ends earlier: after as many elements as it has cids.
 */
#include "crdt/seq/seq_log.h"

#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_block.h"

_Static_assert(sizeof(crdt__author) <= 56, "there may be very many authors");

/* How many fresh stay when they are empty: none in small logs, one more for so many rows. The one
 * of the last author keeps room for a few rows, too. */
#define KEEP_ROWS 32u
#define KEEP_EACH 256u
#define KEEP_MAX 8u
#define KEEP_CAP 8u

/* -- Memory ------------------------------------------------------------------------------------ */

/* The array, now with room for need items (more than it has). NULL: refused, all as it was. Large
 * arrays that stay grow by an eighth only, for the sake of memory; those of rows not yet settled
 * soon go. */
static void *fit_by(crdt__log *log, void *array, uint32_t *cap, uint64_t need, size_t size,
                    uint32_t part)
{
    uint64_t next = *cap + *cap / (*cap < 1024 ? 2 : part) + UINT64_C(1);
    if (next < need) next = need;
    if (next > UINT32_MAX) return NULL;
    array = crdt__log_resize(log, array, *cap * size, next * size);
    if (array != NULL) *cap = (uint32_t)next;
    return array;
}

static void *fit(crdt__log *log, void *array, uint32_t *cap, uint64_t need, size_t size)
{
    return fit_by(log, array, cap, need, size, 8);
}

/* The array, now with room for no more than `keep` items, if the allocator agrees. */
static void *trim(crdt__log *log, void *array, uint32_t *cap, uint32_t keep, size_t size)
{
    if (keep == 0) {
        crdt__log_release(log, array, *cap * size);
        *cap = 0;
        return NULL;
    }
    void *less = crdt__log_resize(log, array, *cap * size, keep * size);
    if (less == NULL) return array;
    *cap = keep;
    return less;
}

void crdt__log_init(crdt__log *log, const crdt_mem *mem)
{
    memset(log, 0, sizeof *log);
    log->mem = mem;
}

static void release_fresh(crdt__log *log, crdt__fresh *fresh)
{
    fresh->ins = trim(log, fresh->ins, &fresh->ins_cap, 0, sizeof *fresh->ins);
    fresh->del = trim(log, fresh->del, &fresh->del_cap, 0, sizeof *fresh->del);
}

void crdt__log_clear(crdt__log *log)
{
    const crdt_mem *mem = log->mem;
    for (uint32_t i = 0; i < log->fresh_count; i++) release_fresh(log, &log->fresh[i]);
    for (uint32_t i = 0; i < log->author_count; i++) {
        crdt__author *a = &log->authors[i];
        crdt__track_clear(log, &a->ins);
        crdt__track_clear(log, &a->del);
        if (a->run_cap > 1) crdt__log_release(log, a->runs.many, a->run_cap * sizeof a->runs.one);
    }
    crdt__log_release(log, log->fresh, log->fresh_cap * sizeof *log->fresh);
    crdt__log_release(log, log->authors, log->author_cap * sizeof *log->authors);
    crdt__log_release(log, log->by_replica, log->by_replica_cap * sizeof *log->by_replica);
    crdt__log_release(log, log->cidruns, log->cidrun_cap * sizeof *log->cidruns);
    CRDT_ASSERT(log->memory == 0);
    crdt__log_init(log, mem);
}

/* -- Authors ----------------------------------------------------------------------------------- */

/* How many of the n authors in `order` have lesser replica ids. */
static uint32_t place_in(const crdt__log *log, const uint32_t *order, uint32_t n, uint64_t replica)
{
    uint32_t at = 0;
    while (n > 0) {
        uint32_t half = n / 2;
        bool     below = log->authors[order[at + half]].replica < replica;
        at = below ? at + half + 1 : at;
        n = below ? n - half - 1 : half;
    }
    return at;
}

/* Authors that came late are merged in by so many: one by one each would move all behind it. */
#define LATE_MAX 512u

static void merge_late(crdt__log *log)
{
    uint32_t late[LATE_MAX], *order = log->by_replica;
    uint32_t count = log->author_count - log->sorted, from = log->sorted, to = log->author_count;
    if (count == 0) return;
    memcpy(late, order + from, count * sizeof *late);
    while (count > 0) {
        uint64_t replica = log->authors[late[count - 1]].replica;
        bool     earlier = from > 0 && log->authors[order[from - 1]].replica > replica;
        order[--to] = earlier ? order[--from] : late[--count];
    }
    log->sorted = log->author_count;
}

/* All in order; nothing that shows changes. */
static const uint32_t *in_order(const crdt__log *log)
{
    merge_late((crdt__log *)(uintptr_t)log);
    return log->by_replica;
}

uint32_t crdt__log_place(const crdt__log *log, uint64_t replica)
{
    return place_in(log, in_order(log), log->author_count, replica);
}

uint32_t crdt__log_at(const crdt__log *log, uint32_t i)
{
    CRDT_ASSERT(i < log->author_count);
    return in_order(log)[i];
}

bool crdt__log_has_rows(const crdt__log *log, uint32_t author)
{
    crdt__log_iter it;
    if (log->authors[author].run_count > 0) return true;
    crdt__log_each_del(&it, log, author, 0);
    return crdt__log_next_del(&it) != NULL;
}

uint32_t crdt__log_find(const crdt__log *log, uint64_t replica)
{
    if (log->author_count == 0) return CRDT__NO_AUTHOR;
    if (log->authors[log->last].replica == replica) return log->last;
    const uint32_t *order = log->by_replica;
    uint32_t        n = log->sorted;
    for (int i = 0; i < 2; i++) {
        uint32_t at = place_in(log, order, n, replica);
        if (at < n && log->authors[order[at]].replica == replica) return order[at];
        order += n;
        n = log->author_count - log->sorted;
    }
    return CRDT__NO_AUTHOR;
}

crdt_err crdt__log_any_author(crdt__log *log, uint64_t replica, uint32_t *ret_author)
{
    uint32_t author = crdt__log_find(log, replica), count = log->author_count;
    if (author == CRDT__NO_AUTHOR) {
        if (count == log->author_cap) {
            crdt__author *authors =
                fit(log, log->authors, &log->author_cap, count + UINT64_C(1), sizeof *authors);
            if (authors == NULL) return CRDT_ENOMEM;
            log->authors = authors;
        }
        if (count == log->by_replica_cap) {
            uint32_t *order =
                fit(log, log->by_replica, &log->by_replica_cap, count + UINT64_C(1), sizeof *order);
            if (order == NULL) return CRDT_ENOMEM;
            log->by_replica = order;
        }
        if (count - log->sorted == LATE_MAX) merge_late(log);
        uint32_t *late = log->by_replica + log->sorted, lates = count - log->sorted;
        uint32_t  at = place_in(log, late, lates, replica);
        memmove(late + at + 1, late + at, (lates - at) * sizeof *late);
        late[at] = author = count;
        log->authors[author] = (crdt__author){.replica = replica, .run_cap = 1};
        log->author_count++;
    }
    *ret_author = log->last = author;
    return CRDT_OK;
}

/* -- Maps -------------------------------------------------------------------------------------- */

static bool run_room(crdt__log *log, crdt__author *a, uint64_t need)
{
    crdt__idrun *old = a->run_cap == 1 ? NULL : a->runs.many;
    uint32_t     cap = a->run_cap == 1 ? 0 : a->run_cap;
    if (need <= a->run_cap) return true;
    crdt__idrun *many = fit(log, old, &cap, need, sizeof *many);
    if (many == NULL) return false;
    if (old == NULL) many[0] = a->runs.one;
    a->runs.many = many;
    a->run_cap = cap;
    return true;
}

/* Give back what is more than a little slack. */
static void trim_runs(crdt__log *log, crdt__author *a, bool next)
{
    uint32_t keep = a->run_count > 1 ? a->run_count : 1;
    if (a->run_cap == 1 || a->run_cap <= keep + keep / 8 + (next ? KEEP_CAP : 0)) return;
    if (keep > 1) {
        a->runs.many = trim(log, a->runs.many, &a->run_cap, keep, sizeof a->runs.one);
        return;
    }
    crdt__idrun one = a->runs.many[0];
    (void)trim(log, a->runs.many, &a->run_cap, 0, sizeof one);
    a->runs.one = one;
    a->run_cap = 1;
}

/* The author's last element is not the one before its next. */
static bool skipped(const crdt__log *log, const crdt__author *a)
{
    if (log->gone == 0 || a->run_count == 0) return false;
    const crdt__idrun *last = &crdt__log_runs(a)[a->run_count - 1];
    return last->ctr + (log->cid_end - last->cid) != a->count;
}

/* The author's next elements, with the cids from cid on. */
static void add_ids(crdt__log *log, uint32_t author, uint32_t cid, uint32_t count)
{
    crdt__author *a = &log->authors[author];
    crdt__cidrun *end = log->cidruns + log->cidrun_count;
    if (cid != log->cid_end || log->cidrun_count == 0 || end[-1].author != author ||
        skipped(log, a)) {
        if (cid != log->cid_end) *end++ = (crdt__cidrun){log->cid_end, CRDT__NO_AUTHOR};
        *end++ = (crdt__cidrun){cid, author};
        log->cidrun_count = (uint32_t)(end - log->cidruns);
        crdt__idrun *runs = a->run_cap == 1 ? &a->runs.one : a->runs.many;
        CRDT_ASSERT(a->run_count < a->run_cap && log->cidrun_count <= log->cidrun_cap);
        runs[a->run_count++] = (crdt__idrun){a->count, cid};
    }
    a->count += count;
    log->cid_end = cid + count;
}

uint32_t crdt__log_stretch(const crdt__log *log, uint32_t cid)
{
    const crdt__cidrun *runs = log->cidruns;
    uint32_t            at = 0, n = log->cidrun_count;
    if (runs[n - 1].cid <= cid) return n - 1;
    while (n > 1) {
        uint32_t half = n / 2;
        at = runs[at + half].cid <= cid ? at + half : at;
        n -= half;
    }
    return at;
}

crdt__idrange crdt__log_id(const crdt__log *log, uint32_t cid)
{
    CRDT_ASSERT(cid < log->cid_end);
    uint32_t stretch = crdt__log_stretch(log, cid), author = log->cidruns[stretch].author;
    CRDT_ASSERT(author != CRDT__NO_AUTHOR);
    const crdt__author *a = &log->authors[author];
    const crdt__idrun  *ids = crdt__log_runs(a);
    uint32_t            at = 0, n = a->run_count;
    if (ids[n - 1].cid <= cid) {
        at = n - 1;
        n = 1;
    }
    while (n > 1) {
        uint32_t half = n / 2;
        at = ids[at + half].cid <= cid ? at + half : at;
        n -= half;
    }
    uint32_t ctr = ids[at].ctr + (cid - ids[at].cid);
    return (crdt__idrange){author, ctr, cid, crdt__log_stretch_end(log, stretch) - cid};
}

crdt__idrange crdt__log_cid(const crdt__log *log, uint32_t author, uint32_t ctr)
{
    CRDT_ASSERT(author < log->author_count && ctr < log->authors[author].count);
    const crdt__author *a = &log->authors[author];
    const crdt__idrun  *ids = crdt__log_runs(a);
    uint32_t            at = 0, n = a->run_count;
    if (n == 0 || ctr < ids[0].ctr) {
        return (crdt__idrange){author, ctr, CRDT__NO_CID, (n == 0 ? a->count : ids[0].ctr) - ctr};
    }
    if (ids[n - 1].ctr <= ctr) {
        at = n - 1;
        n = 1;
    }
    while (n > 1) {
        uint32_t half = n / 2;
        at = ids[at + half].ctr <= ctr ? at + half : at;
        n -= half;
    }
    uint32_t end = at + 1 < a->run_count ? ids[at + 1].ctr : a->count;
    uint32_t cid = ids[at].cid + (ctr - ids[at].ctr);
    if (log->gone > 0) {
        uint32_t cids =
            crdt__log_stretch_end(log, crdt__log_stretch(log, ids[at].cid)) - ids[at].cid;
        if (ctr - ids[at].ctr >= cids) cid = CRDT__NO_CID;
        else end = ids[at].ctr + cids;
    }
    return (crdt__idrange){author, ctr, cid, end - ctr};
}

/* -- Reserving --------------------------------------------------------------------------------- */

/* For an author that has none. NULL: refused. */
static crdt__fresh *open_fresh(crdt__log *log, uint32_t author)
{
    crdt__author *a = &log->authors[author];
    if (log->fresh_count == log->fresh_cap) {
        crdt__fresh *all =
            fit(log, log->fresh, &log->fresh_cap, log->fresh_count + UINT64_C(1), sizeof *all);
        if (all == NULL) return NULL;
        log->fresh = all;
    }
    crdt__fresh *fresh = &log->fresh[log->fresh_count++];
    *fresh =
        (crdt__fresh){.author = author, .settled_count = a->count, .settled_runs = a->run_count};
    a->fresh = log->fresh_count;
    return fresh;
}

static bool make_room(crdt__log *log, crdt__fresh *fresh, uint32_t ins_rows, uint32_t del_rows,
                      uint64_t room)
{
    crdt__author *a = &log->authors[fresh->author];
    uint64_t      ins = (uint64_t)fresh->ins_count + ins_rows;
    uint64_t      del = (uint64_t)fresh->del_count + del_rows;
    uint64_t      cidruns = log->cidrun_count + room;
    if (ins > fresh->ins_cap) {
        crdt__ins *rows = fit_by(log, fresh->ins, &fresh->ins_cap, ins, sizeof *rows, 1);
        if (rows == NULL) return false;
        fresh->ins = rows;
    }
    if (del > fresh->del_cap) {
        crdt__fresh_del *rows = fit_by(log, fresh->del, &fresh->del_cap, del, sizeof *rows, 1);
        if (rows == NULL) return false;
        fresh->del = rows;
    }
    if (cidruns > log->cidrun_cap) {
        crdt__cidrun *runs = fit(log, log->cidruns, &log->cidrun_cap, cidruns, sizeof *runs);
        if (runs == NULL) return false;
        log->cidruns = runs;
    }
    return run_room(log, a, a->run_count + (uint64_t)ins_rows);
}

crdt_err crdt__log_reserve(crdt__log *log, uint32_t author, uint32_t ins_rows, uint32_t del_rows)
{
    CRDT_ASSERT(author < log->author_count);
    crdt__author *a = &log->authors[author];
    crdt__fresh  *fresh = crdt__log_fresh(log, author);
    log->last = author;
    if (fresh == NULL) fresh = open_fresh(log, author);
    if (fresh == NULL) return CRDT_ENOMEM;
    uint32_t more = ins_rows > fresh->ins_room ? ins_rows - fresh->ins_room : 0;
    uint64_t room = (log->room + more) * 2; /* a stretch, and cids before it that nobody has */
    if ((ins_rows > fresh->ins_cap - fresh->ins_count ||
         del_rows > fresh->del_cap - fresh->del_count || ins_rows > a->run_cap - a->run_count ||
         room > log->cidrun_cap - log->cidrun_count) &&
        !make_room(log, fresh, ins_rows, del_rows, room)) {
        return CRDT_ENOMEM;
    }
    fresh->busy = true;
    fresh->ins_room += more;
    log->room += more;
    return CRDT_OK;
}

/* -- Adding ------------------------------------------------------------------------------------ */

void crdt__log_add_ins(crdt__log *log, uint32_t author, const crdt__ins *row)
{
    CRDT_ASSERT(author < log->author_count);
    crdt__fresh *fresh = crdt__log_fresh(log, author);
    CRDT_ASSERT(fresh != NULL && fresh->ins_room > 0);
    CRDT_ASSERT(row->ctr == log->authors[author].count && row->cid >= log->cid_end);
    CRDT_ASSERT(row->dots > 0 && row->each > 0 &&
                (uint64_t)row->dots * row->each <= CRDT__NO_CID - row->cid);
    add_ids(log, author, row->cid, crdt__ins_len(row));
    fresh->ins_room--;
    log->room--;
    if (fresh->ins_count > fresh->ins_settled) {
        crdt__ins *last = &fresh->ins[fresh->ins_count - 1];
        CRDT_ASSERT(row->dot >= last->dot + last->dots);
        if (crdt__ins_goes_on(last, row)) {
            last->dots += row->dots;
            return;
        }
    }
    CRDT_ASSERT(fresh->ins_count < fresh->ins_cap);
    fresh->ins[fresh->ins_count++] = *row;
    log->ins_rows++;
}

void crdt__log_skip(crdt__log *log, uint32_t author, uint32_t count)
{
    CRDT_ASSERT(author < log->author_count && crdt__log_fresh(log, author) != NULL);
    log->authors[author].count += count;
    log->gone += count;
}

/* The last dot of a row, as a row of its own. */
static crdt__ins split_last(crdt__ins *row)
{
    uint32_t  before = --row->dots * row->each;
    crdt__ins last = *row;
    last.dot += row->dots;
    last.dots = 1;
    last.ctr += before;
    last.cid += before;
    last.left = last.cid - 1;
    last.right = CRDT__NO_CID;
    last.raw = false;
    last.lamport = crdt__lamport_on(last.lamport, before);
    return last;
}

void crdt__log_extend(crdt__log *log, uint32_t author, uint32_t more)
{
    CRDT_ASSERT(author < log->author_count);
    crdt__fresh *fresh = crdt__log_fresh(log, author);
    CRDT_ASSERT(fresh != NULL && fresh->ins_count > fresh->ins_settled);
    crdt__ins *last = &fresh->ins[fresh->ins_count - 1];
    CRDT_ASSERT(last->cid + crdt__ins_len(last) == log->cid_end);
    CRDT_ASSERT(more <= CRDT__NO_CID - log->cid_end);
    if (last->dots > 1) {
        CRDT_ASSERT(fresh->ins_count < fresh->ins_cap);
        last[1] = split_last(last);
        last++;
        fresh->ins_count++;
        log->ins_rows++;
        if (fresh->ins_room > fresh->ins_cap - fresh->ins_count) {
            fresh->ins_room--;
            log->room--;
        }
    }
    last->each += more;
    log->authors[author].count += more;
    log->cid_end += more;
}

void crdt__log_add_del(crdt__log *log, uint32_t author, const crdt__del *row)
{
    CRDT_ASSERT(author < log->author_count && row->of < log->author_count);
    CRDT_ASSERT(row->dots > 0 && row->each > 0 && (row->dots > 1 || !row->back) &&
                (uint64_t)row->dots * row->each <= UINT32_MAX - row->ctr);
    crdt__fresh *fresh = crdt__log_fresh(log, author);
    CRDT_ASSERT(fresh != NULL);
    uint32_t at = fresh->del_count;
    if (at > 0 && fresh->del[at - 1].row.dot >= row->dot) {
        at = crdt__fresh_del_from(fresh, row->dot);
        CRDT_ASSERT(fresh->del[at].row.dot >= row->dot + row->dots);
    }
    if (at > 0 && !fresh->del[at - 1].settled && crdt__del_join(&fresh->del[at - 1].row, row)) {
        return;
    }
    CRDT_ASSERT(fresh->del_count < fresh->del_cap);
    if (at < fresh->del_count) {
        memmove(&fresh->del[at + 1], &fresh->del[at], (fresh->del_count - at) * sizeof *fresh->del);
    }
    fresh->del[at] = (crdt__fresh_del){.row = *row};
    fresh->del_count++;
    log->del_rows++;
}

/* -- Loading ----------------------------------------------------------------------------------- */

crdt_err crdt__log_load_ins(crdt__log *log, uint32_t author, crdt__ins_tail *tail,
                            const crdt__ins *row)
{
    crdt__author *a = &log->authors[author];
    bool          goes_on = log->cidrun_count > 0 && row->cid == log->cid_end && log->gone == 0 &&
                   log->cidruns[log->cidrun_count - 1].author == author;
    if (!goes_on && log->cidrun_cap - log->cidrun_count < 2) {
        uint64_t      need = log->cidrun_count + UINT64_C(2);
        crdt__cidrun *runs = fit(log, log->cidruns, &log->cidrun_cap, need, sizeof *runs);
        if (runs == NULL) return CRDT_ENOMEM;
        log->cidruns = runs;
    }
    if (!goes_on && !run_room(log, a, a->run_count + UINT64_C(1))) return CRDT_ENOMEM;
    if (!crdt__track_add_ins(log, &a->ins, tail, row)) return CRDT_ENOMEM;
    log->ins_rows++;
    if (goes_on) {
        a->count += crdt__ins_len(row);
        log->cid_end += crdt__ins_len(row);
    } else {
        add_ids(log, author, row->cid, crdt__ins_len(row));
    }
    return CRDT_OK;
}

crdt_err crdt__log_load_del(crdt__log *log, uint32_t author, crdt__del_tail *tail,
                            const crdt__del *row)
{
    if (!crdt__track_append_del(log, &log->authors[author].del, tail, row)) return CRDT_ENOMEM;
    log->del_rows++;
    return CRDT_OK;
}

/* -- Finding ----------------------------------------------------------------------------------- */

crdt__ins crdt__log_ins_of(const crdt__log *log, uint32_t author, uint32_t ctr)
{
    CRDT_ASSERT(author < log->author_count && ctr < log->authors[author].count);
    const crdt__fresh *fresh = crdt__log_fresh(log, author);
    if (fresh != NULL && fresh->ins_count > 0 && ctr >= fresh->ins[0].ctr) {
        uint32_t at = 0;
        for (uint32_t n = fresh->ins_count; n > 1;) {
            uint32_t half = n / 2;
            at = fresh->ins[at + half].ctr <= ctr ? at + half : at;
            n -= half;
        }
        return fresh->ins[at];
    }
    crdt__ins row;
    bool      found = crdt__track_ins_of(log->authors[author].ins, ctr, &row);
    CRDT_ASSERT(found);
    return row;
}

bool crdt__log_ins_by_dot(const crdt__log *log, uint32_t author, uint64_t dot, crdt__ins *ret_row)
{
    CRDT_ASSERT(author < log->author_count);
    const crdt__fresh *fresh = crdt__log_fresh(log, author);
    if (fresh != NULL) {
        uint32_t at = crdt__fresh_ins_from(fresh, dot);
        if (at < fresh->ins_count && fresh->ins[at].dot <= dot) {
            *ret_row = fresh->ins[at];
            return true;
        }
    }
    return crdt__track_ins(log->authors[author].ins, dot, ret_row);
}

bool crdt__log_del_by_dot(const crdt__log *log, uint32_t author, uint64_t dot, crdt__del *ret_row)
{
    CRDT_ASSERT(author < log->author_count);
    const crdt__fresh *fresh = crdt__log_fresh(log, author);
    if (fresh != NULL) {
        uint32_t at = crdt__fresh_del_from(fresh, dot);
        if (at < fresh->del_count && fresh->del[at].row.dot <= dot) {
            *ret_row = fresh->del[at].row;
            return true;
        }
    }
    return crdt__track_del(log->authors[author].del, dot, ret_row);
}

/* -- Settling ---------------------------------------------------------------------------------- */

static void settle_rows(crdt__log *log, crdt__fresh *fresh)
{
    crdt__author *a = &log->authors[fresh->author];
    uint32_t      done = 0;
    while (done < fresh->ins_count &&
           crdt__track_add_ins(log, &a->ins, &fresh->ins_tail, &fresh->ins[done])) {
        done++;
    }
    fresh->ins_count -= done;
    if (fresh->ins_count > 0) {
        memmove(fresh->ins, fresh->ins + done, fresh->ins_count * sizeof *fresh->ins);
    }
    fresh->ins_settled = fresh->ins_count;

    done = crdt__track_add_dels(log, &a->del, &fresh->del_tail, fresh->del, fresh->del_count);
    fresh->del_count -= done;
    if (fresh->del_count > 0) {
        memmove(fresh->del, fresh->del + done, fresh->del_count * sizeof *fresh->del);
    }
    for (uint32_t i = 0; i < fresh->del_count; i++) fresh->del[i].settled = true;
}

static void undo_rows(crdt__log *log, crdt__fresh *fresh)
{
    crdt__author *a = &log->authors[fresh->author];
    uint32_t      kept = 0;
    a->count = fresh->settled_count;
    a->run_count = fresh->settled_runs;
    log->ins_rows -= fresh->ins_count - fresh->ins_settled;
    fresh->ins_count = fresh->ins_settled;
    for (uint32_t i = 0; i < fresh->del_count; i++) {
        if (fresh->del[i].settled) fresh->del[kept++] = fresh->del[i];
    }
    log->del_rows -= fresh->del_count - kept;
    fresh->del_count = kept;
}

/* Ends a fresh's period. False: it is gone, for it was empty, and is not to be kept. */
static bool end_period(crdt__log *log, crdt__fresh *fresh, bool keep)
{
    crdt__author *a = &log->authors[fresh->author];
    uint32_t      cap = keep && fresh->author == log->last ? KEEP_CAP : 0;
    fresh->busy = false;
    fresh->ins_room = 0;
    trim_runs(log, a, keep);
    fresh->settled_count = a->count;
    fresh->settled_runs = a->run_count;
    if (fresh->ins_count > 0 || fresh->del_count > 0) return true;
    if (fresh->ins_cap > cap) {
        fresh->ins = trim(log, fresh->ins, &fresh->ins_cap, 0, sizeof *fresh->ins);
    }
    if (fresh->del_cap > cap) {
        fresh->del = trim(log, fresh->del, &fresh->del_cap, 0, sizeof *fresh->del);
    }
    if (!keep) a->fresh = 0;
    return keep;
}

static void end_periods(crdt__log *log)
{
    uint64_t rows = log->ins_rows + log->del_rows, most = rows / KEEP_EACH + 1;
    uint32_t kept = 0;
    if (most > KEEP_MAX) most = KEEP_MAX;
    if (rows < KEEP_ROWS) most = 0;
    bool crowded = log->fresh_count > most;
    for (uint32_t i = 0; i < log->fresh_count; i++) {
        crdt__fresh *fresh = &log->fresh[i];
        bool         keep = most > 0 && (!crowded || fresh->author == log->last);
        bool         idle = !fresh->busy && fresh->ins_cap == 0 && fresh->del_cap == 0;
        if (!(keep && idle) && !end_period(log, fresh, keep)) continue;
        if (kept != i) log->fresh[kept] = *fresh;
        log->authors[fresh->author].fresh = ++kept;
    }
    log->fresh_count = kept;
    if (kept == 0 || log->fresh_cap > kept + kept / 2 + 1) {
        log->fresh = trim(log, log->fresh, &log->fresh_cap, kept, sizeof *log->fresh);
    }
    if (log->cidrun_cap > log->cidrun_count + log->cidrun_count / 8 + 2 * KEEP_CAP) {
        log->cidruns =
            trim(log, log->cidruns, &log->cidrun_cap, log->cidrun_count, sizeof *log->cidruns);
    }
    log->room = 0;
    log->settled_gone = log->gone;
    log->settled_cidruns = log->cidrun_count;
    log->settled_cid_end = log->cid_end;
}

void crdt__log_settle(crdt__log *log)
{
    for (uint32_t i = 0; i < log->fresh_count; i++) {
        if (log->fresh[i].ins_cap > 0 || log->fresh[i].del_cap > 0) {
            settle_rows(log, &log->fresh[i]);
        }
    }
    end_periods(log);
}

void crdt__log_undo(crdt__log *log)
{
    for (uint32_t i = 0; i < log->fresh_count; i++) undo_rows(log, &log->fresh[i]);
    log->cidrun_count = log->settled_cidruns;
    log->cid_end = log->settled_cid_end;
    log->gone = log->settled_gone;
    end_periods(log);
}
