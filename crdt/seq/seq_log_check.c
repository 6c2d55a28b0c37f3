/* seq/seq_log_check.c: the audit of a log: authors, maps of ids, every row. */
#include "crdt/seq/seq_block.h"
#include "crdt/seq/seq_log.h"

static bool check_authors(const crdt__log *log, const char **ret_reason)
{
    *ret_reason = "log: authors out of order";
    for (uint32_t i = 0; i < log->author_count; i++) {
        if (log->by_replica[i] >= log->author_count) return false;
        if (i > 0 && i != log->sorted &&
            log->authors[log->by_replica[i - 1]].replica >=
                log->authors[log->by_replica[i]].replica) {
            return false;
        }
    }
    *ret_reason = "log: an author and its fresh rows disagree";
    uint32_t open = 0;
    for (uint32_t i = 0; i < log->author_count; i++) {
        uint32_t at = log->authors[i].fresh;
        if (at == 0) continue;
        if (at > log->fresh_count || log->fresh[at - 1].author != i) return false;
        open++;
    }
    return open == log->fresh_count;
}

static bool check_stretches(const crdt__log *log, uint64_t *runs, const char **ret_reason)
{
    *ret_reason = "log: stretches of cids out of order, or more than one where one would do";
    for (uint32_t i = 0; i < log->cidrun_count; i++) {
        const crdt__cidrun *run = &log->cidruns[i];
        if ((i == 0 && run->cid != 0) || run->cid >= crdt__log_stretch_end(log, i)) return false;
        if (i > 0 && run->author == run[-1].author && log->gone == 0) return false;
        *runs += run->author != CRDT__NO_AUTHOR;
    }
    return (log->cidrun_count == 0) == (log->cid_end == 0);
}

/* Each of an author's runs is a stretch of cids, and the other way round. */
static bool check_maps(const crdt__log *log, const char **ret_reason)
{
    uint64_t stretches = 0, runs = 0, gone = 0;
    if (!check_stretches(log, &stretches, ret_reason)) return false;
    for (uint32_t i = 0; i < log->author_count; i++) {
        const crdt__author *a = &log->authors[i];
        const crdt__idrun  *ids = crdt__log_runs(a);
        *ret_reason = "log: an author's runs do not make up its elements";
        if (a->run_count > a->run_cap) return false;
        gone += a->run_count == 0 ? a->count : ids[0].ctr;
        for (uint32_t k = 0; k < a->run_count; k++) {
            uint32_t end = k + 1 < a->run_count ? ids[k + 1].ctr : a->count;
            if (ids[k].ctr >= end) return false;
            if (ids[k].cid >= log->cid_end || (k > 0 && ids[k].cid <= ids[k - 1].cid)) return false;
            uint32_t at = crdt__log_stretch(log, ids[k].cid);
            if (log->cidruns[at].author != i || log->cidruns[at].cid != ids[k].cid) return false;
            uint32_t cids = crdt__log_stretch_end(log, at) - ids[k].cid;
            if (cids > end - ids[k].ctr) return false;
            gone += end - ids[k].ctr - cids;
        }
        runs += a->run_count;
    }
    *ret_reason = "log: the count of forgotten ids is wrong";
    if (gone != log->gone) return false;
    *ret_reason = "log: a stretch of cids that its author does not know";
    return runs == stretches;
}

/* Elements of the author that are held. */
static uint64_t count_ids(const crdt__log *log, uint32_t author)
{
    uint64_t      count = 0;
    crdt__idrange ids;
    for (uint32_t ctr = 0; ctr < log->authors[author].count; ctr += ids.len) {
        ids = crdt__log_cid(log, author, ctr);
        if (ids.cid != CRDT__NO_CID) count += ids.len;
    }
    return count;
}

static bool check_ins(const crdt__log *log, uint32_t author, uint64_t *rows,
                      const char **ret_reason)
{
    crdt__log_iter   it;
    const crdt__ins *row;
    uint64_t         dot = 0, ctr = 0, count = 0;
    crdt__log_each_ins(&it, log, author, 0);
    while ((row = crdt__log_next_ins(&it)) != NULL) {
        *ret_reason = "log: insertions out of order, or with gaps";
        if (row->dots == 0 || row->each == 0 || row->dot < dot || row->ctr < ctr) return false;
        dot = row->dot + row->dots;
        count += crdt__ins_len(row);
        ctr = (uint64_t)row->ctr + crdt__ins_len(row);
        if (ctr > log->authors[author].count) return false;
        *ret_reason = "log: an insertion's cids are not those of its ids";
        crdt__idrange ids = crdt__log_cid(log, author, row->ctr);
        if (ids.cid != row->cid || ids.len < crdt__ins_len(row)) return false;
        *ret_reason = "log: an insertion beside what is not held";
        if (row->left != CRDT__NO_CID && row->left >= log->cid_end) return false;
        if (row->right != CRDT__NO_CID && row->right >= log->cid_end) return false;
        ++*rows;
    }
    *ret_reason = "log: elements without the row that inserted them";
    return count == count_ids(log, author);
}

static bool check_del(const crdt__log *log, uint32_t author, uint64_t *rows,
                      const char **ret_reason)
{
    crdt__log_iter   it;
    const crdt__del *row;
    uint64_t         dot = 0;
    *ret_reason = "log: deletions out of order, or of what cannot be";
    crdt__log_each_del(&it, log, author, 0);
    while ((row = crdt__log_next_del(&it)) != NULL) {
        if (row->dots == 0 || row->each == 0 || row->dot < dot) return false;
        if (row->of >= log->author_count || (row->back && row->dots == 1)) return false;
        if ((uint64_t)row->dots * row->each > UINT32_MAX - row->ctr) return false;
        dot = row->dot + row->dots;
        ++*rows;
    }
    return true;
}

static size_t memory_of(const crdt__log *log)
{
    size_t bytes = log->author_cap * sizeof *log->authors + log->fresh_cap * sizeof *log->fresh +
                   log->by_replica_cap * sizeof *log->by_replica +
                   log->cidrun_cap * sizeof *log->cidruns;
    for (uint32_t i = 0; i < log->fresh_count; i++) {
        bytes += log->fresh[i].ins_cap * sizeof *log->fresh[i].ins +
                 log->fresh[i].del_cap * sizeof *log->fresh[i].del;
    }
    for (uint32_t i = 0; i < log->author_count; i++) {
        const crdt__author *a = &log->authors[i];
        bytes += crdt__track_bytes(a->ins) + crdt__track_bytes(a->del);
        if (a->run_cap > 1) bytes += a->run_cap * sizeof a->runs.one;
    }
    return bytes;
}

bool crdt__log_check(const crdt__log *log, const char **ret_reason)
{
    uint64_t ins_rows = 0, del_rows = 0;
    if (!check_authors(log, ret_reason)) return false;
    for (uint32_t i = 0; i < log->author_count; i++) {
        if (!crdt__track_check(log->authors[i].ins, false, ret_reason) ||
            !crdt__track_check(log->authors[i].del, true, ret_reason)) {
            return false;
        }
    }
    if (!check_maps(log, ret_reason)) return false;
    for (uint32_t i = 0; i < log->author_count; i++) {
        if (!check_ins(log, i, &ins_rows, ret_reason) ||
            !check_del(log, i, &del_rows, ret_reason)) {
            return false;
        }
    }
    *ret_reason = "log: the count of rows is wrong";
    if (ins_rows != log->ins_rows || del_rows != log->del_rows) return false;
    *ret_reason = "log: the count of memory is wrong";
    return memory_of(log) == log->memory;
}
