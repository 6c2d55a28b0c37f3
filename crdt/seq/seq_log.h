/* seq/seq_log.h: what was done to a sequence: insertions and deletions by dot, for each author.
 *
 * Shape    a row names consecutive dots of one author, each for a run of `each` elements that
 *          follow on one another. Rows added since the last settle stand open in arrays; settling
 *          writes them into blocks of varints (about 5 bytes a row), 64 rows to a block, under a
 *          header of their first dot and counter. An element's id is (author, counter), counters
 *          from 0 without gaps; its local id (cid) is its place in order of arrival. Maps between
 *          the two are run-length coded.
 * Failure  reserve may fail (ENOMEM, nothing changed); what it made room for cannot. Where settle
 *          is refused memory, rows stay open, and the next settle tries again.
 */
#ifndef CRDT_SEQ_SEQ_LOG_H
#define CRDT_SEQ_SEQ_LOG_H
#include "crdt/base.h"
#include "crdt/mem.h"

/* Lamport times end here: what comes after one at the end has the same, and ids alone order them,
 * so that no row, however forged, takes from others the times that they need. */
#define CRDT__LAMPORT_END ((UINT64_C(1) << 62) - 1)

/* The time of the element `len` behind one of this time; 0: times are not kept. */
static inline uint64_t crdt__lamport_on(uint64_t lamport, uint64_t len)
{
    if (lamport == 0) return 0;
    return len < CRDT__LAMPORT_END - lamport ? lamport + len : CRDT__LAMPORT_END;
}

#define CRDT__NO_CID UINT32_MAX /* as left: the start; as right: the end */

/* Dots dot .. dot + dots - 1; the i-th inserted the elements ctr + i * each .. + each - 1. All
 * elements but the first were inserted with their predecessor (ctr - 1, cid - 1) on their left and
 * nothing as right parent. */
typedef struct crdt__ins {
    uint64_t dot;
    uint64_t lamport; /* classic order: of the first element; then lamport_on. Else 0 */
    uint32_t dots, each;
    uint32_t ctr, cid;    /* of the first element */
    uint32_t left, right; /* cids of the first element's left origin and right parent, or NO_CID */
    bool     raw; /* right is the right neighbour: right parent only if its left origin is `left` */
} crdt__ins;

/* Dots dot .. dot + dots - 1 deleted the elements ctr .. ctr + dots * each - 1 of author `of`: the
 * i-th dot the i-th `each` of them, from the front or (back) from the end. */
typedef struct crdt__del {
    uint64_t dot;
    uint32_t dots, each;
    uint32_t of, ctr;
    bool     back; /* false if dots is 1 */
} crdt__del;

/* The elements of an author from ctr on, up to the next run's, have the cids from cid on. */
typedef struct crdt__idrun {
    uint32_t ctr, cid;
} crdt__idrun;

typedef struct crdt__author {
    uint64_t            replica;
    uint32_t            count;     /* elements inserted: the next counter */
    uint32_t            fresh;     /* 1 + its place in the log's fresh; 0: it has none there */
    struct crdt__track *ins, *del; /* settled rows; NULL: none */
    union {
        crdt__idrun  one; /* if run_cap is 1 */
        crdt__idrun *many;
    } runs; /* the map counter -> cid, ascending by both */
    uint32_t run_count, run_cap;
    uint64_t forgotten; /* the content of what its deletions up to this dot deleted is forgotten */
} crdt__author;

typedef struct crdt__log {
    const crdt_mem *mem;
    crdt__author   *authors; /* in order of arrival; an author's index never changes */
    uint32_t        author_count, author_cap;
    uint32_t       *by_replica; /* author indices in order of replica id: the first `sorted` ... */
    uint32_t        by_replica_cap, sorted; /* ... and behind them, by themselves, the late ones */
    /* Each stretch of cids of one author is one entry here and one of the author's runs. */
    struct crdt__cidrun *cidruns;
    uint32_t             cidrun_count, cidrun_cap;
    uint32_t             cid_end;            /* above all cids */
    uint64_t             ins_rows, del_rows; /* rows held */
    uint64_t             gone, settled_gone; /* forgotten ids; at the last settle */
    size_t               memory;             /* in use, slack included */
    /* Authors with rows not yet settled or room reserved, and a few that may be next. */
    struct crdt__fresh *fresh;
    uint32_t            fresh_count, fresh_cap;
    uint32_t            last;                             /* the author last made or reserved for */
    uint32_t            settled_cidruns, settled_cid_end; /* at the last settle */
    uint64_t            room; /* insertions that room was promised for */
} crdt__log;

void crdt__log_init(crdt__log *log, const crdt_mem *mem);
void crdt__log_clear(crdt__log *log);

#define CRDT__NO_AUTHOR UINT32_MAX
/* The author's index, or NO_AUTHOR. O(log authors), O(1) for the one last reserved for or asked for
 * by crdt__log_author. */
uint32_t crdt__log_find(const crdt__log *log, uint64_t replica);
/* ... made if there is none. Errors: ENOMEM. An author without rows is harmless. */
crdt_err               crdt__log_any_author(crdt__log *log, uint64_t replica, uint32_t *ret_author);
static inline crdt_err crdt__log_author(crdt__log *log, uint64_t replica, uint32_t *ret_author)
{
    *ret_author = log->last;
    bool same = log->author_count > 0 && log->authors[log->last].replica == replica;
    return same ? CRDT_OK : crdt__log_any_author(log, replica, ret_author);
}
/* The author's index at place i in order of replica ids. */
uint32_t crdt__log_at(const crdt__log *log, uint32_t i);
/* The first place in that order whose replica id is not below `replica`. */
uint32_t crdt__log_place(const crdt__log *log, uint64_t replica);
/* Has the author inserted or deleted anything? */
bool crdt__log_has_rows(const crdt__log *log, uint32_t author);

/* Room for so many rows of this author, counted from now, and the maps' entries for them. Errors:
 * ENOMEM. Cheap when there is room: called for each row. Room of several authors may be reserved at
 * once. It lasts until the next settle or undo. */
crdt_err crdt__log_reserve(crdt__log *log, uint32_t author, uint32_t ins_rows, uint32_t del_rows);
/* Append an insertion: ctr must be the author's count, dot greater than its earlier insertions',
 * cid the next one (greater than all before, over all authors). It is put onto the last row when it
 * goes on from that: left is the last row's last element with cid and dot following on, no right,
 * the lamport following on, and dots have the same `each` (a single dot's last row may be met by
 * one of the same length). raw is kept where there is a right. */
void crdt__log_add_ins(crdt__log *log, uint32_t author, const crdt__ins *row);
/* The author's next `count` elements were forgotten elsewhere: they never get cids. Needs room
 * reserved for the author. */
void crdt__log_skip(crdt__log *log, uint32_t author, uint32_t count);
/* The last row of the author grows: its last dot (the one dot of it, or split off as a row of its
 * own dot) gets `more` elements whose cids follow on. For runs typed within one transaction: the
 * row was added since the last settle. A row given with several dots needs room for the one split
 * off. */
void crdt__log_extend(crdt__log *log, uint32_t author, uint32_t more);
/* Put a deletion in order of dots; put onto its neighbour before when it goes on from that (dots
 * following on, same each, elements following on forwards or, all the way, backwards). Its dots
 * must not be held. O(1) in order of dots, else O(rows above it added since the last settle). */
void crdt__log_add_del(crdt__log *log, uint32_t author, const crdt__del *row);

/* The row that inserted the author's element ctr, which must exist. O(log rows + 64). */
crdt__ins crdt__log_ins_of(const crdt__log *log, uint32_t author, uint32_t ctr);
/* The row that holds the dot, if any. */
bool crdt__log_ins_by_dot(const crdt__log *log, uint32_t author, uint64_t dot, crdt__ins *ret_row);
bool crdt__log_del_by_dot(const crdt__log *log, uint32_t author, uint64_t dot, crdt__del *ret_row);

/* Rows of an author in order of dots, from the one that holds dot `from`, or the first after it (0:
 * all). The cursor holds a decoded block: 64 rows on the caller's stack. Ends with any change. */
typedef struct crdt__log_iter {
    const crdt__log *log;
    uint32_t         author, block, index, count;
    uint32_t         fresh; /* the next one of the author's rows not yet settled */
    bool             del;
    union {
        crdt__ins ins[64];
        crdt__del del[64];
    } rows;
} crdt__log_iter;
void crdt__log_each_ins(crdt__log_iter *it, const crdt__log *log, uint32_t author, uint64_t from);
void crdt__log_each_del(crdt__log_iter *it, const crdt__log *log, uint32_t author, uint64_t from);
const crdt__ins *crdt__log_next_ins(crdt__log_iter *it); /* NULL at the end */
const crdt__del *crdt__log_next_del(crdt__log_iter *it);

/* An id and how many elements from it on have following counters and following cids. */
typedef struct crdt__idrange {
    uint32_t author, ctr, cid, len;
} crdt__idrange;
/* cid must be held. O(log runs), O(1) in the newest run. */
crdt__idrange crdt__log_id(const crdt__log *log, uint32_t cid);
/* ctr must be below the author's count. Of forgotten ids: NO_CID, and how many in a row. */
crdt__idrange crdt__log_cid(const crdt__log *log, uint32_t author, uint32_t ctr);

/* What was added since the last settle stays: rows may be merged and sealed now (if memory for it
 * is refused they stay open). Cannot fail. O(what was added). */
void crdt__log_settle(crdt__log *log);
/* ... or is taken back: rows, elements, maps are as at the last settle; authors stay. Cannot fail.
 * O(what was added). Rows added since the last settle are found by all reads above all the same. */
void crdt__log_undo(crdt__log *log);

/* The full audit. (seq_log_check.c) */
bool crdt__log_check(const crdt__log *log, const char **ret_reason);

#endif
