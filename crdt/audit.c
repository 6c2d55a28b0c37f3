/* audit.c: see audit.h. The state is crdt__elems (core/elems.h), dot -> the bytes of a record
 * (core/audit_rec.h). */
#include "crdt/audit.h"

#include <string.h>

#include "crdt/clock.h"
#include "crdt/core/audit_rec.h"
#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/core/sets.h"
#include "crdt/core/sort.h"
#include "crdt/core/within.h"

_Static_assert(sizeof(crdt_audit_hash) == CRDT__AUDIT_HASH, "one hash, inside and outside");

crdt_err crdt_audit_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_audit_type, replica, mem, ret_store);
}

crdt_audit_hash crdt_audit_digest(crdt_value value)
{
    crdt__secure    hash;
    crdt_audit_hash digest;
    uint8_t         kind = (uint8_t)value.kind, number[8];
    crdt__secure_init(&hash);
    crdt__secure_add(&hash, &kind, 1);
    crdt__store_le64(number, (uint64_t)value.i);
    if (value.kind == CRDT_INT) crdt__secure_add(&hash, number, sizeof number);
    else crdt__secure_add(&hash, value.bytes.data, value.bytes.size);
    crdt__secure_end(&hash, digest.bytes);
    return digest;
}

/* -- Walking over records ---------------------------------------------------------------------- */

/* What is in a state was tested by decode or made here. */
static crdt__audit_rec rec_of(crdt_value value)
{
    crdt__audit_rec rec;
    const char     *reason;
    bool            right = value.kind == CRDT_BYTES && crdt__audit_get(value.bytes, &rec, &reason);
    CRDT_ASSERT(right);
    return rec;
}

static bool next_rec(const crdt__over *over, uint32_t at[4], crdt_dot *ret_dot,
                     crdt__audit_rec *ret_rec)
{
    crdt_value value;
    if (!crdt__over_next_dot(over, at, ret_dot, &value)) return false;
    *ret_rec = rec_of(value);
    return true;
}

/* The last live record of a replica. O(log n), 62 times. */
static bool last_in(const crdt__elems *e, uint64_t replica, crdt_value *ret_value)
{
    uint64_t least = 1, most = CRDT_SEQ_MAX;
    bool     found = false;
    if (e == NULL || e->dots == 0) return false;
    while (least <= most) {
        uint64_t           mid = least + (most - least) / 2;
        crdt__elems_cursor at = crdt__elems_seek(e, (crdt_dot){replica, mid});
        crdt_dot           dot;
        crdt_value         value;
        if (crdt__elems_next(&at, &dot, &value) && dot.replica == replica) {
            found = true;
            *ret_value = value;
            least = dot.seq + 1;
        } else {
            most = mid - 1;
        }
    }
    return found;
}

/* The same of what is pending, else of the state. Retentions drop no last one. */
static bool last_rec(const crdt_target *target, uint64_t replica, crdt__audit_rec *ret_rec)
{
    crdt__over over = crdt__over_of(&target->now, 0);
    crdt_value value;
    if (!last_in(over.pending, replica, &value) && !last_in(over.state, replica, &value)) {
        return false;
    }
    *ret_rec = rec_of(value);
    return true;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* Dots that a retention drops. */
typedef struct drops {
    crdt_dot *at;
    size_t    count, cap;
} drops;

/* Append the record, of which all is there but number, link, stamp and hash. */
static crdt_err write_rec(crdt_target *target, crdt__audit_rec *rec, const drops *gone)
{
    const crdt_mem *mem = target->space->mem;
    uint64_t        replica = crdt_target_replica(target);
    crdt__audit_rec last = {0};
    crdt_buf        bytes;
    if (last_rec(target, replica, &last)) memcpy(rec->prev, last.hash, sizeof last.hash);
    rec->number = last.number + 1;
    crdt_buf_init(&bytes, mem);
    crdt__audit_put(rec, &bytes);
    crdt_value value = crdt_bytes(bytes.data, bytes.size);
    crdt_err   err = crdt_buf_status(&bytes);
    if (err == CRDT_OK) err = crdt_target_value_ok(target, value);
    if (err == CRDT_OK) err = crdt__elems_reserve(mem, target->delta, replica, value);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, gone->count);
    if (err == CRDT_OK) {
        crdt_dot dot = crdt_target_dot(target); /* a name that appears is stamped first */
        crdt__audit_seal(bytes.data, bytes.size, replica, crdt_target_stamp(target, last.stamp));
        for (size_t i = 0; i < gone->count; i++) {
            if (!crdt__elems_kill(target->delta, gone->at[i])) {
                crdt_target_cover(target, gone->at[i]);
            }
        }
        crdt__elems_insert(target->delta, dot, value);
    }
    crdt_buf_clear(&bytes);
    return err;
}

static bool is_full(const crdt_target *target)
{
    crdt__over over = crdt__over_of(&target->now, 0);
    uint64_t   most = target->space->limits->elements, held = 0;
    if (over.state != NULL) held += over.state->dots;
    if (over.pending != NULL) held += over.pending->dots;
    return held >= most && crdt_audit_count(target->now) >= most;
}

crdt_err crdt_audit_append(crdt_txn *txn, crdt_view name, const crdt_audit_entry *entry)
{
    crdt_target     target;
    crdt__audit_rec rec;
    crdt_err        err = crdt_target_open(txn, name, &crdt_audit_type, &target);
    if (err == CRDT_OK && entry->body != NULL) err = crdt_target_value_ok(&target, *entry->body);
    if (err != CRDT_OK) return err;
    if (is_full(&target)) return CRDT_ELIMIT;
    memset(&rec, 0, sizeof rec);
    rec.author = entry->author;
    rec.operation = entry->operation;
    rec.subject = entry->subject;
    rec.superseded = crdt_view_of(entry->superseded, entry->superseded_count * CRDT__AUDIT_HASH);
    if (entry->revision) rec.flags |= CRDT__AUDIT_REVISION;
    if (entry->body != NULL) {
        crdt_audit_hash body = crdt_audit_digest(*entry->body);
        memcpy(rec.body, body.bytes, sizeof rec.body);
        rec.flags |= CRDT__AUDIT_BODY;
    }
    return write_rec(&target, &rec, &(drops){NULL, 0, 0});
}

/* -- Retention --------------------------------------------------------------------------------- */

typedef struct plan {
    const crdt_target *target;
    uint64_t           before, keep;
    drops              gone;
    crdt_buf           floors;
    uint64_t           replica, last; /* whose records are met, and the number of its last one */
    bool               beginning;     /* all its records so far go */
} plan;

/* What the record tells of chains is told again by the one that takes its place, of those chains of
 * which there is a record here: deltas may have come in any order. */
static bool is_told_again(const plan *p, const crdt__audit_rec *rec)
{
    crdt__audit_rec last;
    for (size_t i = 0; i < crdt__audit_floors(rec); i++) {
        if (!last_rec(p->target, crdt__audit_floor_at(rec, i).replica, &last)) return false;
    }
    return true;
}

static bool may_go(const plan *p, crdt_dot dot, const crdt__audit_rec *rec)
{
    return p->beginning && is_told_again(p, rec) && rec->stamp < p->before &&
           p->last - rec->number >= p->keep && crdt_target_sees(p->target, dot);
}

/* The first of a replica that stays says up to where its chain was dropped. */
static void stay(plan *p, const crdt__audit_rec *rec)
{
    crdt__audit_floor floor = {p->replica, rec->number - 1, {0}};
    memcpy(floor.hash, rec->prev, sizeof floor.hash);
    if (p->beginning && floor.number > 0) crdt__audit_put_floor(&floor, &p->floors);
    p->beginning = false;
}

static crdt_err drop(plan *p, crdt_dot dot)
{
    const crdt_mem *mem = p->target->space->mem;
    drops          *gone = &p->gone;
    if (gone->count == gone->cap) {
        size_t    cap = crdt__grow(gone->cap, gone->count + 1), size = sizeof *gone->at;
        crdt_dot *at = crdt__resize(mem, gone->at, gone->cap * size, cap * size);
        if (at == NULL) return CRDT_ENOMEM;
        gone->at = at;
        gone->cap = cap;
    }
    gone->at[gone->count++] = dot;
    return CRDT_OK;
}

static void turn_to(plan *p, uint64_t replica)
{
    crdt__audit_rec last = {0};
    (void)last_rec(p->target, replica, &last);
    p->replica = replica;
    p->last = last.number;
    p->beginning = true;
}

static crdt_err decide_all(plan *p)
{
    crdt__over      over = crdt__over_of(&p->target->now, 0);
    uint32_t        at[4] = {0};
    crdt_dot        dot;
    crdt__audit_rec rec;
    crdt_err        err = CRDT_OK;
    while (err == CRDT_OK && next_rec(&over, at, &dot, &rec)) {
        if (dot.replica != p->replica) turn_to(p, dot.replica);
        if (may_go(p, dot, &rec)) err = drop(p, dot);
        else stay(p, &rec);
    }
    return err == CRDT_OK ? crdt_buf_status(&p->floors) : err;
}

static crdt_err is_sound(crdt_ref audit)
{
    crdt_audit_finding *findings;
    size_t              count;
    const crdt_mem     *mem = audit.space->mem;
    crdt_err            err = crdt_audit_verify(audit, mem, &findings, &count);
    if (err != CRDT_OK) return err;
    crdt_audit_findings_free(mem, findings, count);
    return count > 0 ? CRDT_EMALFORMED : CRDT_OK;
}

crdt_err crdt_audit_retain(crdt_txn *txn, crdt_view name, crdt_view author, uint64_t before,
                           uint64_t keep)
{
    crdt_target target;
    if (keep == 0) return CRDT_EINVAL;
    crdt_err err = crdt_target_open(txn, name, &crdt_audit_type, &target);
    if (err == CRDT_OK) err = is_sound(target.now);
    if (err != CRDT_OK) return err;
    plan            p = {.target = &target, .before = before, .keep = keep};
    crdt__audit_rec rec;
    crdt_buf_init(&p.floors, target.space->mem);
    err = decide_all(&p);
    if (err == CRDT_OK && p.gone.count > 0) {
        memset(&rec, 0, sizeof rec);
        rec.flags = CRDT__AUDIT_RETENTION;
        rec.author = author;
        rec.operation = crdt_text_view("retain");
        rec.floors = crdt_buf_bytes(&p.floors);
        err = write_rec(&target, &rec, &p.gone);
    }
    crdt__release(target.space->mem, p.gone.at, p.gone.cap * sizeof *p.gone.at);
    crdt_buf_clear(&p.floors);
    return err;
}

/* Records are dropped by retain alone. */
static crdt_err reset(crdt_target *target)
{
    return crdt__one_alive(&target->now) ? CRDT_ERIGHTS : CRDT_OK;
}

/* -- Reading ----------------------------------------------------------------------------------- */

size_t crdt_audit_count(crdt_ref audit)
{
    crdt__over over = crdt__over_of(&audit, 0);
    uint32_t   at[4] = {0};
    crdt_dot   dot;
    crdt_value value;
    size_t     count = 0;
    if (over.pending == NULL && over.gone == NULL) {
        return over.state != NULL ? (size_t)over.state->dots : 0;
    }
    while (crdt__over_next_dot(&over, at, &dot, &value)) count++;
    return count;
}

crdt_audit_iter crdt_audit_iterate(crdt_ref audit)
{
    return (crdt_audit_iter){audit, {0}};
}

bool crdt_audit_next(crdt_audit_iter *it, crdt_audit_record *ret_record)
{
    crdt__over      over = crdt__over_of(&it->audit, 0);
    crdt__audit_rec rec;
    crdt_dot        dot;
    if (!next_rec(&over, it->at, &dot, &rec)) return false;
    *ret_record = (crdt_audit_record){
        .dot = dot,
        .stamp = rec.stamp,
        .number = rec.number,
        .author = rec.author,
        .operation = rec.operation,
        .subject = rec.subject,
        .has_body = (rec.flags & CRDT__AUDIT_BODY) != 0,
        .revision = (rec.flags & CRDT__AUDIT_REVISION) != 0,
        .retention = (rec.flags & CRDT__AUDIT_RETENTION) != 0,
        .superseded_count = rec.superseded.size / CRDT__AUDIT_HASH,
        .superseded = rec.superseded,
    };
    memcpy(ret_record->body.bytes, rec.body, sizeof rec.body);
    memcpy(ret_record->before.bytes, rec.prev, sizeof rec.prev);
    memcpy(ret_record->hash.bytes, rec.hash, sizeof rec.hash);
    return true;
}

crdt_audit_hash crdt_audit_superseded(const crdt_audit_record *record, size_t i)
{
    crdt_audit_hash hash;
    memcpy(hash.bytes, (const uint8_t *)record->superseded.data + i * sizeof hash, sizeof hash);
    return hash;
}

/* -- Faults ------------------------------------------------------------------------------------ */

const char *crdt_audit_fault_name(crdt_audit_fault fault)
{
    static const char *const names[] = {"changed", "unlinked", "gap", "twice", "two bodies"};
    return (unsigned)fault < sizeof names / sizeof *names ? names[fault] : "none";
}

/* What is said of a revision id. */
typedef struct claim {
    crdt_view subject;
    crdt_dot  dot;
    bool      has_body;
    uint8_t   body[CRDT__AUDIT_HASH];
} claim;

typedef struct inquiry {
    const crdt_mem     *mem;
    crdt__over          over;
    crdt__audit_floor  *floors;
    claim              *claims;
    crdt_audit_finding *findings;
    size_t              floors_count, claims_count, count, cap;
} inquiry;

static crdt_err find_fault(inquiry *q, crdt_audit_fault fault, crdt_dot dot, crdt_dot other)
{
    if (q->count == q->cap) {
        size_t              cap = crdt__grow(q->cap, q->count + 1), size = sizeof *q->findings;
        crdt_audit_finding *at = crdt__resize(q->mem, q->findings, q->cap * size, cap * size);
        if (at == NULL) return CRDT_ENOMEM;
        q->findings = at;
        q->cap = cap;
    }
    q->findings[q->count++] = (crdt_audit_finding){fault, dot, other};
    return CRDT_OK;
}

/* -- Faults: chains ---------------------------------------------------------------------------- */

static int floor_order(const void *a, const void *b)
{
    const crdt__audit_floor *x = a, *y = b;
    if (x->replica != y->replica) return x->replica < y->replica ? -1 : 1;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return memcmp(x->hash, y->hash, sizeof x->hash);
}

/* A retention says that it dropped what this record follows. */
static bool is_vouched_for(const inquiry *q, crdt_dot dot, const crdt__audit_rec *rec)
{
    crdt__audit_floor wanted = {dot.replica, rec->number - 1, {0}};
    size_t            from = 0, to = q->floors_count;
    memcpy(wanted.hash, rec->prev, sizeof wanted.hash);
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        int    order = floor_order(&q->floors[mid], &wanted);
        if (order == 0) return true;
        if (order < 0) from = mid + 1;
        else to = mid;
    }
    return false;
}

/* last: the record before it of this replica; its number is 0 if there is none. */
static crdt_err judge_link(inquiry *q, crdt_dot dot, const crdt__audit_rec *rec, crdt_dot last_at,
                           const crdt__audit_rec *last)
{
    const crdt_dot none = {0, 0};
    if (rec->number <= last->number) return find_fault(q, CRDT_AUDIT_TWICE, dot, last_at);
    if (rec->number == last->number + 1) {
        bool linked = memcmp(rec->prev, last->hash, sizeof rec->prev) == 0;
        return linked ? CRDT_OK : find_fault(q, CRDT_AUDIT_UNLINKED, dot, none);
    }
    return is_vouched_for(q, dot, rec) ? CRDT_OK : find_fault(q, CRDT_AUDIT_GAP, dot, none);
}

static crdt_err judge_chains(inquiry *q)
{
    const crdt__audit_rec none = {0};
    crdt__audit_rec       rec, last = none;
    uint32_t              at[4] = {0};
    crdt_dot              dot, last_at = {0, 0};
    crdt_value            value;
    crdt_err              err = CRDT_OK;
    while (err == CRDT_OK && crdt__over_next_dot(&q->over, at, &dot, &value)) {
        uint8_t hash[CRDT__AUDIT_HASH];
        rec = rec_of(value);
        crdt__audit_hash(value.bytes, dot.replica, hash);
        if (memcmp(hash, rec.hash, sizeof hash) != 0) {
            err = find_fault(q, CRDT_AUDIT_CHANGED, dot, (crdt_dot){0, 0});
        }
        if (dot.replica != last_at.replica) last = none;
        if (err == CRDT_OK) err = judge_link(q, dot, &rec, last_at, &last);
        last = rec;
        last_at = dot;
    }
    return err;
}

/* -- Faults: revisions ------------------------------------------------------------------------- */

static int compare_bodies(const claim *x, const claim *y)
{
    if (x->has_body != y->has_body) return x->has_body ? 1 : -1;
    return memcmp(x->body, y->body, sizeof x->body);
}

static int claim_order(const void *a, const void *b)
{
    const claim *x = a, *y = b;
    int          order = crdt_view_compare(x->subject, y->subject);
    if (order == 0) order = compare_bodies(x, y);
    return order != 0 ? order : crdt_dot_compare(x->dot, y->dot);
}
_Static_assert(sizeof(claim) <= CRDT__SORT_MAX, "what is sorted fits");

/* Each body beside the first that was given under its id, once. */
static crdt_err judge_claims(inquiry *q)
{
    const claim *first = q->claims;
    crdt_err     err = CRDT_OK;
    crdt__sort(q->claims, q->claims_count, sizeof *q->claims, claim_order);
    for (size_t i = 1; err == CRDT_OK && i < q->claims_count; i++) {
        const claim *c = &q->claims[i];
        if (crdt_view_compare(c->subject, first->subject) != 0) first = c;
        else if (compare_bodies(c, c - 1) != 0) {
            err = find_fault(q, CRDT_AUDIT_TWO_BODIES, c->dot, first->dot);
        }
    }
    return err;
}

/* -- Faults: gathering ------------------------------------------------------------------------- */

static void count_all(inquiry *q)
{
    uint32_t        at[4] = {0};
    crdt_dot        dot;
    crdt__audit_rec rec;
    while (next_rec(&q->over, at, &dot, &rec)) {
        q->floors_count += crdt__audit_floors(&rec);
        q->claims_count += (rec.flags & CRDT__AUDIT_REVISION) != 0;
    }
}

static void list_all(inquiry *q)
{
    uint32_t        at[4] = {0};
    crdt_dot        dot;
    crdt__audit_rec rec;
    size_t          floors = 0, claims = 0;
    while (next_rec(&q->over, at, &dot, &rec)) {
        for (size_t i = 0; i < crdt__audit_floors(&rec); i++) {
            q->floors[floors++] = crdt__audit_floor_at(&rec, i);
        }
        if (!(rec.flags & CRDT__AUDIT_REVISION)) continue;
        claim *c = &q->claims[claims++];
        *c = (claim){rec.subject, dot, (rec.flags & CRDT__AUDIT_BODY) != 0, {0}};
        memcpy(c->body, rec.body, sizeof c->body);
    }
}

static crdt_err gather(inquiry *q)
{
    count_all(q);
    if (q->floors_count > 0) q->floors = crdt__alloc(q->mem, q->floors_count * sizeof *q->floors);
    if (q->claims_count > 0) q->claims = crdt__alloc(q->mem, q->claims_count * sizeof *q->claims);
    if ((q->floors_count > 0 && q->floors == NULL) || (q->claims_count > 0 && q->claims == NULL)) {
        return CRDT_ENOMEM;
    }
    list_all(q);
    if (q->floors_count > 0) crdt__sort(q->floors, q->floors_count, sizeof *q->floors, floor_order);
    return CRDT_OK;
}

crdt_err crdt_audit_verify(crdt_ref audit, const crdt_mem *mem, crdt_audit_finding **ret_findings,
                           size_t *ret_count)
{
    mem = mem != NULL ? mem : crdt_mem_default();
    inquiry  q = {.mem = mem, .over = crdt__over_of(&audit, 0)};
    crdt_err err = gather(&q);
    if (err == CRDT_OK) err = judge_chains(&q);
    if (err == CRDT_OK && q.claims_count > 0) err = judge_claims(&q);
    crdt__release(mem, q.floors, q.floors_count * sizeof *q.floors);
    crdt__release(mem, q.claims, q.claims_count * sizeof *q.claims);
    if (err == CRDT_OK && q.count < q.cap) {
        size_t              size = sizeof *q.findings;
        crdt_audit_finding *exact = crdt__resize(mem, q.findings, q.cap * size, q.count * size);
        if (exact != NULL) q.findings = exact;
        if (exact != NULL) q.cap = q.count;
        if (exact == NULL) err = CRDT_ENOMEM;
    }
    if (err != CRDT_OK) {
        crdt__release(mem, q.findings, q.cap * sizeof *q.findings);
        return err;
    }
    *ret_findings = q.findings;
    *ret_count = q.count;
    return CRDT_OK;
}

void crdt_audit_findings_free(const crdt_mem *mem, crdt_audit_finding *findings, size_t count)
{
    crdt__release(mem != NULL ? mem : crdt_mem_default(), findings, count * sizeof *findings);
}

/* -- Slots ------------------------------------------------------------------------------------- */

static uint64_t stamp_of(crdt_value value)
{
    return crdt__load_le64(value.bytes.data);
}

static uint64_t stamp_max(const crdt__elems *e)
{
    crdt__elems_cursor at = {e, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    uint64_t           most = 0;
    while (crdt__elems_next(&at, &dot, &value)) {
        if (stamp_of(value) > most) most = stamp_of(value);
    }
    return most;
}

static bool commit(crdt_join *join, void *state, const void *other)
{
    uint64_t most = stamp_max(other);
    if (most > join->stamp_max) join->stamp_max = most;
    return crdt__one_commit(join, state, other);
}

/* Every value is a record. */
static bool are_records(const crdt__elems *e, const char **ret_reason)
{
    crdt__elems_cursor at = {e, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    crdt__audit_rec    rec;
    while (crdt__elems_next(&at, &dot, &value)) {
        if (value.kind != CRDT_BYTES) {
            *ret_reason = "audit: a number in place of a record";
            return false;
        }
        if (!crdt__audit_get(value.bytes, &rec, ret_reason)) return false;
    }
    return true;
}

static crdt_err decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    const char *reason;
    crdt_err    err = crdt__one_decode(space, state, dec);
    if (err != CRDT_OK || are_records(state, &reason)) return err;
    crdt__one_clear(space, state);
    return crdt_dec_fail(dec, CRDT_EMALFORMED, reason);
}

static bool check(const crdt_space *space, const void *state, const crdt_context *seen,
                  const char **ret_reason)
{
    return crdt__one_check(space, state, seen, ret_reason) && are_records(state, ret_reason);
}

static void stats(const void *state, crdt_stats *stats)
{
    const crdt__elems *e = state;
    uint64_t           most = stamp_max(e);
    crdt__elems_stats(e, stats);
    stats->elements += e->dots;
    if (most > stats->stamp_max) stats->stamp_max = most;
}

/* -- Print: the records, as "replica:number stamp author operation subject ..." ---------------- */

static void print_hex(uint64_t n, crdt_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    char              text[17] = {0};
    size_t            at = 16;
    do {
        text[--at] = digits[n & 15];
        n >>= 4;
    } while (n != 0);
    crdt_buf_text(out, text + at);
}

static void print_hash(const uint8_t *hash, crdt_buf *out)
{
    for (size_t i = 0; i < CRDT__AUDIT_HASH; i++) {
        if (hash[i] < 16) crdt_buf_text(out, "0");
        print_hex(hash[i], out);
    }
}

static void print_view(crdt_view view, crdt_buf *out)
{
    crdt_buf_text(out, " ");
    crdt_buf_print_value(out, (crdt_value){CRDT_BYTES, 0, view});
}

static void print_rec(crdt_dot dot, const crdt__audit_rec *rec, crdt_buf *out)
{
    print_hex(dot.replica, out);
    crdt_buf_text(out, ":");
    crdt_buf_udecimal(out, rec->number);
    crdt_buf_text(out, " ");
    crdt_buf_udecimal(out, rec->stamp);
    print_view(rec->author, out);
    print_view(rec->operation, out);
    print_view(rec->subject, out);
    if (rec->flags & CRDT__AUDIT_BODY) {
        crdt_buf_text(out, " = ");
        print_hash(rec->body, out);
    }
    for (size_t i = 0; i < rec->superseded.size; i += CRDT__AUDIT_HASH) {
        crdt_buf_text(out, " over ");
        print_hash((const uint8_t *)rec->superseded.data + i, out);
    }
    for (size_t i = 0; i < crdt__audit_floors(rec); i++) {
        crdt__audit_floor floor = crdt__audit_floor_at(rec, i);
        crdt_buf_text(out, " dropped to ");
        print_hex(floor.replica, out);
        crdt_buf_text(out, ":");
        crdt_buf_udecimal(out, floor.number);
    }
    crdt_buf_text(out, " #");
    print_hash(rec->hash, out);
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt__over      over = crdt__over_of(ref, 0);
    uint32_t        at[4] = {0};
    crdt_dot        dot;
    crdt__audit_rec rec;
    const char     *between = "";
    crdt_buf_text(out, "{");
    while (next_rec(&over, at, &dot, &rec)) {
        crdt_buf_text(out, between);
        print_rec(dot, &rec, out);
        between = ", ";
    }
    crdt_buf_text(out, "}");
}

/* -- Operations -------------------------------------------------------------------------------- */

static crdt_err apply_append(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    crdt_audit_entry entry = {.author = args[0].bytes,
                              .operation = args[1].bytes,
                              .subject = args[2].bytes,
                              .body = &args[3]};
    return crdt_audit_append(txn, name, &entry);
}

static crdt_err apply_supersede(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    crdt_audit_hash  old = crdt_audit_digest(args[3]);
    crdt_audit_entry entry = {.author = args[0].bytes,
                              .operation = crdt_text_view("supersede"),
                              .subject = args[1].bytes,
                              .body = &args[2],
                              .superseded = &old,
                              .superseded_count = 1};
    return crdt_audit_append(txn, name, &entry);
}

static crdt_err apply_retain(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    if (args[1].kind != CRDT_INT || args[1].i < 0) return CRDT_EINVAL;
    return crdt_audit_retain(txn, name, args[0].bytes, (uint64_t)args[1].i, 1);
}

static crdt_err apply_keep(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    if (args[1].kind != CRDT_INT || args[1].i < 1) return CRDT_EINVAL;
    return crdt_audit_retain(txn, name, args[0].bytes, UINT64_MAX, (uint64_t)args[1].i);
}

static const crdt_op ops[] = {
    {"append", "bbbb", "record an author, what was done, to what, and what was written",
     apply_append},
    {"supersede", "bbbb", "record an author, to what, what was written, and in place of what",
     apply_supersede},
    {"retain", "bt", "drop, in the name of an author, what has an older stamp than this",
     apply_retain},
    {"keep", "bn", "drop, in the name of an author, all but the last so many of each replica",
     apply_keep},
};

const crdt_type crdt_audit_type = {
    .id = 29,
    .format = 1,
    .name = "audit",
    .summary = "append-only log of who did what, chained by hashes",
    .source = "Schneier, Kelsey, ACM TISSEC 2(2), 1999",
    .size = sizeof(crdt__elems),
    .kept = true,
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    .init = crdt__one_init,
    .clear = crdt__one_clear,
    .prepare = crdt__one_prepare,
    .commit = commit,
    .since = crdt__one_since,
    .alive = crdt__one_alive,
    .empty = crdt__one_empty,
    .reset = reset,
    .mark = crdt__one_mark,
    .encode = crdt__one_encode,
    .decode = decode,
    .digest = crdt__one_digest,
    .print = print,
    .check = check,
    .stats = stats,
    .bytes = crdt__one_bytes,
};
