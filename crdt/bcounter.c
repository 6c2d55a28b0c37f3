/* bcounter.c: see bcounter.h. The state is siblings (core/sibs.h): a row is one with bytes, a
 * removal a tombstone.
 *
 * Row      varint added, varint taken, varint wanted in all; varint count of transfers, of each, by
 *          replica: 8 bytes of its id, varint total; varint count of the removals that its writer
 *          had seen, of each, by dot: 8 bytes of replica id, varint sequence.
 * A removal takes away each row that does not name it. No removal covers another, so that rows and
 * removals may come in any order; a stable one goes, for all that had not seen it is gone by then.
 */
#include "crdt/bcounter.h"

#include <string.h>

#include "crdt/core/i128.h"
#include "crdt/core/mem.h"
#include "crdt/core/sibs.h"

static const crdt__shape shape = {CRDT__NO_STAMPS, CRDT__ANY_VALUES, true, NULL};

crdt_err crdt_bcounter_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_bcounter_type, replica, mem, ret_store);
}

/* -- One row ----------------------------------------------------------------------------------- */

/* Pairs (id, number) as they lie in a row. */
typedef struct pairs {
    const uint8_t *at, *end;
    size_t         left;
} pairs;

typedef struct row {
    uint64_t replica, added, taken, wanted;
    pairs    gave, after;
} row;

static bool next_pair(pairs *p, crdt_dot *ret_pair)
{
    crdt_dec dec;
    if (p->left == 0) return false;
    crdt_dec_init(&dec, crdt_view_of(p->at, (size_t)(p->end - p->at)), NULL);
    ret_pair->replica = crdt_dec_u64(&dec);
    ret_pair->seq = crdt_dec_varint(&dec);
    p->at = dec.at;
    p->left--;
    return true;
}

/* Pairs from dec on, which moves behind them: ascending, nothing 0; by whole pairs or by ids. */
static bool read_pairs(crdt_dec *dec, bool by_id, uint64_t most, pairs *ret_pairs)
{
    crdt_dot last = {0, 0}, pair;
    size_t   count = crdt_dec_count(dec, 9, "pairs");
    *ret_pairs = (pairs){dec->at, dec->end, count};
    for (size_t i = 0; i < count; i++) {
        pair.replica = crdt_dec_u64(dec);
        pair.seq = crdt_dec_varint(dec);
        if (crdt_dec_status(dec) != CRDT_OK) return false;
        if (pair.replica == 0 || pair.seq == 0 || pair.seq > most) return false;
        if (by_id && pair.replica <= last.replica) return false;
        if (crdt_dot_compare(last, pair) >= 0) return false;
        last = pair;
    }
    return crdt_dec_status(dec) == CRDT_OK;
}

/* False: the bytes are no row. */
static bool read_row(const crdt__sib *sib, row *ret_row)
{
    crdt_dec   dec;
    crdt_value value = crdt__sib_value(sib);
    if (value.kind != CRDT_BYTES) return false;
    crdt_dec_init(&dec, value.bytes, NULL);
    ret_row->replica = sib->replica;
    ret_row->added = crdt_dec_varint(&dec);
    ret_row->taken = crdt_dec_varint(&dec);
    ret_row->wanted = crdt_dec_varint(&dec);
    return read_pairs(&dec, true, UINT64_MAX, &ret_row->gave) &&
           read_pairs(&dec, false, CRDT_SEQ_MAX, &ret_row->after) && crdt_dec_left(&dec) == 0;
}

/* Does the row name all removals? Both are in dot order. */
static bool names_all(const row *r, crdt__sibs_iter removals)
{
    pairs            after = r->after;
    const crdt__sib *sib;
    crdt_dot         pair;
    while ((sib = crdt__sibs_next(&removals)) != NULL) {
        if (!crdt__sib_is_tomb(sib)) continue;
        do {
            if (!next_pair(&after, &pair)) return false;
        } while (crdt_dot_compare(pair, crdt__sib_dot(sib)) < 0);
        if (!crdt_dot_equal(pair, crdt__sib_dot(sib))) return false;
    }
    return true;
}

/* -- The rows that count: of each replica the latest, if no removal took it away --------------- */

typedef struct rows {
    crdt__sibs_iter  it, all;
    const crdt__sib *next;
} rows;

static rows rows_of(const crdt_ref *ref)
{
    rows w = {crdt__sibs_each(ref), crdt__sibs_each(ref), NULL};
    w.next = crdt__sibs_next(&w.it);
    return w;
}

static const crdt__sib *rows_next(rows *w, row *ret_row)
{
    while (w->next != NULL) {
        const crdt__sib *sib = w->next;
        do w->next = crdt__sibs_next(&w->it);
        while (w->next != NULL && crdt__sib_is_tomb(w->next));
        if (crdt__sib_is_tomb(sib)) continue;
        if (w->next != NULL && w->next->replica == sib->replica) continue;
        if (read_row(sib, ret_row) && names_all(ret_row, w->all)) return sib;
    }
    return NULL;
}

/* -- Sums -------------------------------------------------------------------------------------- */

static void add(crdt_i128 *sum, uint64_t n)
{
    *sum = crdt__i128_add(*sum, (crdt_i128){n, 0});
}

static void take(crdt_i128 *sum, uint64_t n)
{
    *sum = crdt__i128_add(*sum, crdt__i128_negate((crdt_i128){n, 0}));
}

static uint64_t clamp(crdt_i128 n)
{
    if (n.hi < 0) return 0;
    return n.hi > 0 ? UINT64_MAX : n.lo;
}

static crdt_i128 value_of(const crdt_ref *ref)
{
    crdt_i128 sum = {0, 0};
    rows      w = rows_of(ref);
    row       r;
    while (rows_next(&w, &r) != NULL) {
        add(&sum, r.added);
        take(&sum, r.taken);
    }
    return sum;
}

/* What there is to tell of one replica. */
typedef struct account {
    row              own;
    const crdt__sib *sib; /* NULL: it has no row that counts */
    crdt_i128        rights, received;
} account;

static account account_of(const crdt_ref *ref, uint64_t replica)
{
    account  a = {.own = {.replica = replica}};
    rows     w = rows_of(ref);
    row      r;
    crdt_dot gift;
    for (const crdt__sib *sib; (sib = rows_next(&w, &r)) != NULL;) {
        bool own = r.replica == replica;
        if (own) {
            a.own = r;
            a.sib = sib;
            add(&a.rights, r.added);
            take(&a.rights, r.taken);
        }
        for (pairs gave = r.gave; next_pair(&gave, &gift);) {
            if (own) take(&a.rights, gift.seq);
            if (gift.replica != replica) continue;
            add(&a.rights, gift.seq);
            add(&a.received, gift.seq);
        }
    }
    return a;
}

static uint64_t wants(const account *a)
{
    uint64_t received = clamp(a->received);
    return a->own.wanted > received ? a->own.wanted - received : 0;
}

crdt_i128 crdt_bcounter_value_wide(crdt_ref counter)
{
    return counter.type == &crdt_bcounter_type ? value_of(&counter) : (crdt_i128){0, 0};
}

crdt_err crdt_bcounter_value(crdt_ref counter, int64_t *ret_value)
{
    if (counter.type != &crdt_bcounter_type) return CRDT_EINVAL;
    return crdt__i128_narrow(value_of(&counter), ret_value);
}

uint64_t crdt_bcounter_rights(crdt_ref counter, uint64_t replica)
{
    if (counter.type != &crdt_bcounter_type) return 0;
    return clamp(account_of(&counter, replica).rights);
}

uint64_t crdt_bcounter_wants(crdt_ref counter, uint64_t replica)
{
    if (counter.type != &crdt_bcounter_type) return 0;
    account a = account_of(&counter, replica);
    return wants(&a);
}

/* The accounts of all replicas that have rows or were given rights, by id. */
typedef struct ledger {
    crdt_replicas ids;
    crdt_i128    *rights, *received;
    uint64_t     *wanted;
    void         *block;
} ledger;

static size_t ledger_bytes(const ledger *l)
{
    return l->ids.count * (2 * sizeof *l->rights + sizeof *l->wanted);
}

static void ledger_clear(ledger *l)
{
    crdt__release(l->ids.mem, l->block, ledger_bytes(l));
    crdt_replicas_clear(&l->ids);
}

static crdt_err ledger_make(const crdt_mem *mem, const crdt_ref *ref, ledger *l)
{
    rows     w = rows_of(ref);
    row      r;
    crdt_dot gift;
    memset(l, 0, sizeof *l);
    crdt_replicas_init(&l->ids, mem);
    while (rows_next(&w, &r) != NULL) {
        crdt_replicas_add(&l->ids, r.replica);
        while (next_pair(&r.gave, &gift)) crdt_replicas_add(&l->ids, gift.replica);
    }
    crdt_err err = crdt_replicas_seal(&l->ids);
    if (err == CRDT_OK && l->ids.count > 0) {
        l->block = crdt__alloc(mem, ledger_bytes(l));
        if (l->block == NULL) err = CRDT_ENOMEM;
    }
    if (err != CRDT_OK || l->ids.count == 0) {
        if (err != CRDT_OK) crdt_replicas_clear(&l->ids);
        return err;
    }
    memset(l->block, 0, ledger_bytes(l));
    l->rights = l->block;
    l->received = l->rights + l->ids.count;
    l->wanted = (uint64_t *)(l->received + l->ids.count);
    for (w = rows_of(ref); rows_next(&w, &r) != NULL;) {
        uint32_t own = crdt_replicas_place(&l->ids, r.replica);
        add(&l->rights[own], r.added);
        take(&l->rights[own], r.taken);
        l->wanted[own] = r.wanted;
        while (next_pair(&r.gave, &gift)) {
            uint32_t other = crdt_replicas_place(&l->ids, gift.replica);
            take(&l->rights[own], gift.seq);
            add(&l->rights[other], gift.seq);
            add(&l->received[other], gift.seq);
        }
    }
    return CRDT_OK;
}

/* What the i-th asks for. */
static uint64_t ledger_wants(const ledger *l, size_t i)
{
    uint64_t received = clamp(l->received[i]);
    return l->wanted[i] > received ? l->wanted[i] - received : 0;
}

/* -- Writing ----------------------------------------------------------------------------------- */

static void put_pair(crdt_buf *out, crdt_dot pair)
{
    crdt_buf_u64(out, pair.replica);
    crdt_buf_varint(out, pair.seq);
}

/* Gifts, ascending by their receivers. */
typedef struct gifts {
    crdt_dot *at;
    size_t    count;
} gifts;

/* The pairs of the row and the gifts, added up. Errors: ERANGE. */
static crdt_err put_gave(crdt_buf *out, const row *r, const gifts *more)
{
    pairs    gave = r->gave;
    crdt_dot old;
    size_t   count = gave.left, n = 0;
    bool     has = next_pair(&gave, &old);
    for (pairs it = r->gave; it.left > 0;) { /* those that get more are counted once */
        crdt_dot pair;
        (void)next_pair(&it, &pair);
        for (size_t i = 0; i < more->count; i++) count -= more->at[i].replica == pair.replica;
    }
    crdt_buf_varint(out, count + more->count);
    while (has || n < more->count) {
        bool     mine = has && (n == more->count || old.replica <= more->at[n].replica);
        bool     both = mine && n < more->count && old.replica == more->at[n].replica;
        crdt_dot pair = mine ? old : more->at[n];
        if (both && pair.seq > UINT64_MAX - more->at[n].seq) return CRDT_ERANGE;
        if (both) pair.seq += more->at[n].seq;
        put_pair(out, pair);
        n += both || !mine;
        if (mine) has = next_pair(&gave, &old);
    }
    return CRDT_OK;
}

static void put_after(crdt_buf *out, const crdt_ref *ref)
{
    crdt__sibs_iter  it = crdt__sibs_each(ref);
    const crdt__sib *sib;
    uint64_t         count = 0;
    while ((sib = crdt__sibs_next(&it)) != NULL) count += crdt__sib_is_tomb(sib);
    crdt_buf_varint(out, count);
    for (it = crdt__sibs_each(ref); (sib = crdt__sibs_next(&it)) != NULL;) {
        if (crdt__sib_is_tomb(sib)) put_pair(out, crdt__sib_dot(sib));
    }
}

/* The dots of this replica's rows that show: how many; they enter `cover`, if that is not NULL. */
static size_t each_own(const crdt_target *target, crdt_target *cover)
{
    crdt__sibs_iter  it = crdt__sibs_each(&target->now);
    uint64_t         me = crdt_target_replica(target);
    size_t           n = 0;
    const crdt__sib *sib;
    while ((sib = crdt__sibs_next(&it)) != NULL) {
        if (sib->replica != me || crdt__sib_is_tomb(sib)) continue;
        n++;
        if (cover != NULL) crdt_target_cover(cover, crdt__sib_dot(sib));
    }
    return n;
}

static bool is_row(const void *with, const crdt__sib *sib)
{
    (void)with;
    return !crdt__sib_is_tomb(sib);
}

/* Put the bytes of this replica's row in the place of those that it had. */
static crdt_err write_bytes(crdt_target *target, crdt_view bytes)
{
    crdt_value value = crdt_bytes(bytes.data, bytes.size);
    size_t     own = each_own(target, NULL);
    crdt__sib  fresh;
    crdt_err   err = crdt_target_value_ok(target, value);
    if (err == CRDT_OK) err = crdt__sib_init(target->space, &fresh, &value);
    if (err != CRDT_OK) return err;
    err = crdt__sibs_reserve(target->space, target->delta, crdt__sibs_count(target->delta) + 1);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, own);
    if (err != CRDT_OK) {
        crdt__sib_clear(target->space, &fresh);
        return err;
    }
    each_own(target, target); /* rows of others are never in the delta */
    crdt__sibs_sweep(target->space, target->delta, is_row, NULL);
    crdt__sib_set_dot(&fresh, crdt_target_dot(target), 0);
    crdt__sibs_add(&shape, target->space, target->delta, &fresh);
    crdt__sibs_settle(&shape, target->space, target->delta);
    return CRDT_OK;
}

static bool has_room(const crdt_target *target)
{
    rows     w = rows_of(&target->now);
    row      r;
    uint64_t count = 0;
    while (rows_next(&w, &r) != NULL) count++;
    return count < target->space->limits->elements;
}

static crdt_err write_row(crdt_target *target, const account *a, const gifts *more)
{
    crdt_buf out;
    if (a->sib == NULL && !has_room(target)) return CRDT_ELIMIT;
    crdt_buf_init(&out, target->space->mem);
    crdt_buf_varint(&out, a->own.added);
    crdt_buf_varint(&out, a->own.taken);
    crdt_buf_varint(&out, a->own.wanted);
    crdt_err err = put_gave(&out, &a->own, more);
    put_after(&out, &target->now);
    if (err == CRDT_OK) err = crdt_buf_status(&out);
    if (err == CRDT_OK) err = write_bytes(target, crdt_buf_bytes(&out));
    crdt_buf_clear(&out);
    return err;
}

static const gifts no_gifts = {NULL, 0};

static crdt_err open_own(crdt_txn *txn, crdt_view name, crdt_target *ret_target, account *ret_own)
{
    crdt_err err = crdt_target_open(txn, name, &crdt_bcounter_type, ret_target);
    if (err == CRDT_OK) *ret_own = account_of(&ret_target->now, crdt_target_replica(ret_target));
    return err;
}

crdt_err crdt_bcounter_inc(crdt_txn *txn, crdt_view name, uint64_t n)
{
    crdt_target target;
    account     a;
    if (n == 0) return CRDT_EINVAL;
    crdt_err err = open_own(txn, name, &target, &a);
    if (err != CRDT_OK) return err;
    if (n > UINT64_MAX - a.own.added) return CRDT_ERANGE;
    a.own.added += n;
    return write_row(&target, &a, &no_gifts);
}

/* Are there rights for n? */
static crdt_err spend(const account *a, uint64_t n, uint64_t *ret_lack)
{
    uint64_t rights = clamp(a->rights);
    if (rights >= n) return CRDT_OK;
    if (ret_lack != NULL) *ret_lack = n - rights;
    return CRDT_ERIGHTS;
}

crdt_err crdt_bcounter_dec(crdt_txn *txn, crdt_view name, uint64_t n, uint64_t *ret_lack)
{
    crdt_target target;
    account     a;
    if (n == 0) return CRDT_EINVAL;
    crdt_err err = open_own(txn, name, &target, &a);
    if (err == CRDT_OK) err = spend(&a, n, ret_lack);
    if (err != CRDT_OK) return err;
    if (n > UINT64_MAX - a.own.taken) return CRDT_ERANGE;
    a.own.taken += n;
    return write_row(&target, &a, &no_gifts);
}

crdt_err crdt_bcounter_transfer(crdt_txn *txn, crdt_view name, uint64_t to, uint64_t n,
                                uint64_t *ret_lack)
{
    crdt_target target;
    account     a;
    crdt_dot    gift = {to, n};
    gifts       one = {&gift, 1};
    if (n == 0 || to == 0) return CRDT_EINVAL;
    crdt_err err = open_own(txn, name, &target, &a);
    if (err == CRDT_OK && to == a.own.replica) err = CRDT_EINVAL;
    if (err == CRDT_OK) err = spend(&a, n, ret_lack);
    return err == CRDT_OK ? write_row(&target, &a, &one) : err;
}

crdt_err crdt_bcounter_request(crdt_txn *txn, crdt_view name, uint64_t n)
{
    crdt_target target;
    account     a;
    if (n == 0) return CRDT_EINVAL;
    crdt_err err = open_own(txn, name, &target, &a);
    if (err != CRDT_OK) return err;
    uint64_t received = clamp(a.received);
    if (n > UINT64_MAX - received) return CRDT_ERANGE;
    a.own.wanted = received + n;
    return write_row(&target, &a, &no_gifts);
}

/* Who gets how much of this replica's rights. */
static gifts share_out(const ledger *l, const account *a, crdt_dot *into, uint64_t *ret_given)
{
    uint64_t left = clamp(a->rights);
    gifts    g = {into, 0};
    *ret_given = 0;
    for (size_t i = 0; i < l->ids.count && left > 0; i++) {
        uint64_t n = ledger_wants(l, i);
        if (l->ids.ids[i] == a->own.replica || n == 0) continue;
        if (n > left) n = left;
        g.at[g.count++] = (crdt_dot){l->ids.ids[i], n};
        left -= n;
        *ret_given += n;
    }
    return g;
}

crdt_err crdt_bcounter_grant(crdt_txn *txn, crdt_view name, uint64_t *ret_given)
{
    crdt_target target;
    account     a;
    ledger      l;
    uint64_t    given = 0;
    crdt_err    err = open_own(txn, name, &target, &a);
    if (err != CRDT_OK) return err;
    const crdt_mem *mem = target.space->mem;
    err = ledger_make(mem, &target.now, &l);
    if (err != CRDT_OK) return err;
    size_t    bytes = l.ids.count * sizeof(crdt_dot);
    crdt_dot *into = bytes > 0 ? crdt__alloc(mem, bytes) : NULL;
    if (bytes > 0 && into == NULL) err = CRDT_ENOMEM;
    if (into != NULL) {
        gifts g = share_out(&l, &a, into, &given);
        if (g.count > 0) err = write_row(&target, &a, &g);
        crdt__release(mem, into, bytes);
    }
    ledger_clear(&l);
    if (err == CRDT_OK && ret_given != NULL) *ret_given = given;
    return err;
}

/* -- Removing ---------------------------------------------------------------------------------- */

static crdt_err reset(crdt_target *target)
{
    rows             w = rows_of(&target->now);
    row              r;
    size_t           count = 0;
    const crdt__sib *sib;
    while ((sib = rows_next(&w, &r)) != NULL) {
        if (!crdt_target_sees(target, crdt__sib_dot(sib))) return CRDT_OK;
        count++;
    }
    if (count == 0) return CRDT_OK;
    crdt__sib fresh;
    crdt_err  err = crdt__sib_init(target->space, &fresh, NULL);
    if (err != CRDT_OK) return err;
    crdt_target_hide(target);
    err = crdt__sibs_reserve(target->space, target->delta, crdt__sibs_count(target->delta) + 1);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, 0);
    if (err != CRDT_OK) return err;
    crdt__sibs_sweep(target->space, target->delta, is_row, NULL);
    crdt__sib_set_dot(&fresh, crdt_target_dot(target), 0);
    crdt__sibs_add(&shape, target->space, target->delta, &fresh);
    crdt__sibs_settle(&shape, target->space, target->delta);
    return CRDT_OK;
}

/* -- The slots --------------------------------------------------------------------------------- */

static bool is_taken_away(const void *sibs, const crdt__sib *sib)
{
    row r;
    return !crdt__sib_is_tomb(sib) && read_row(sib, &r) &&
           !names_all(&r, crdt__sibs_over(sibs, NULL, NULL));
}

static bool has_removals(const crdt__sibs *sibs)
{
    size_t count = crdt__sibs_count(sibs);
    for (size_t i = 0; i < count; i++) {
        if (crdt__sib_is_tomb(crdt__sibs_at(sibs, i))) return true;
    }
    return false;
}

static bool commit(crdt_join *join, void *state, const void *other)
{
    bool changed = crdt__sibs_commit(&shape, join, state, other);
    if (!has_removals(state)) return changed;
    return crdt__sibs_drop(&shape, join->space, state, is_taken_away, state) || changed;
}

static crdt_err since(const crdt_space *space, const void *state, const crdt_context *ctx,
                      void *ret_part, crdt_context *keep)
{
    return crdt__sibs_since(&shape, space, state, ctx, ret_part, keep);
}

static bool alive(const crdt_ref *ref)
{
    rows w = rows_of(ref);
    row  r;
    return rows_next(&w, &r) != NULL;
}

static void encode(const void *state, crdt_enc *enc)
{
    crdt__sibs_encode(&shape, state, enc);
}

/* What is wrong with the rows; NULL: nothing. */
static const char *fault_of(const crdt__sibs *sibs)
{
    size_t count = crdt__sibs_count(sibs);
    row    r;
    for (size_t i = 0; i < count; i++) {
        const crdt__sib *sib = crdt__sibs_at(sibs, i);
        if (crdt__sib_is_tomb(sib)) continue;
        if (!read_row(sib, &r)) return "the bytes are no row of a counter";
        if (is_taken_away(sibs, sib)) return "a row that a removal took away";
    }
    return NULL;
}

static crdt_err decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt_err err = crdt__sibs_decode(&shape, space, state, dec);
    if (err != CRDT_OK) return err;
    const char *fault = fault_of(state);
    if (fault == NULL) return CRDT_OK;
    crdt__sibs_clear(space, state);
    return crdt_dec_fail(dec, CRDT_EMALFORMED, fault);
}

static void digest(const void *state, crdt_blocks *blocks)
{
    crdt__sibs_digest(&shape, state, blocks);
}

static bool check(const crdt_space *space, const void *state, const crdt_context *seen,
                  const char **ret_reason)
{
    if (!crdt__sibs_check(&shape, space, state, seen, ret_reason)) return false;
    const char *fault = fault_of(state);
    if (fault != NULL) *ret_reason = fault;
    return fault == NULL;
}

static void stats(const void *state, crdt_stats *stats)
{
    crdt__sibs_stats(&shape, state, stats);
}

static bool is_stable_removal(const void *cut, const crdt__sib *sib)
{
    return crdt__sib_is_tomb(sib) && crdt_context_has(cut, crdt__sib_dot(sib));
}

static bool stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    if (!has_removals(state)) return false;
    return crdt__sibs_drop(&shape, space, state, is_stable_removal, cut);
}

static void print_id(uint64_t id, crdt_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    char              text[17];
    size_t            at = sizeof text - 1;
    text[at] = 0;
    for (; id > 0; id >>= 4) text[--at] = digits[id & 15];
    crdt_buf_text(out, text + at);
}

/* "6 {a1: 5, b2: 1, c3: 0 wants 2}": the value, and what each replica may take away. */
static void print(const crdt_ref *ref, crdt_buf *out)
{
    ledger l;
    if (ledger_make(out->mem, ref, &l) != CRDT_OK) {
        out->failed = true;
        return;
    }
    crdt__i128_print(value_of(ref), out);
    crdt_buf_text(out, " {");
    for (size_t i = 0; i < l.ids.count; i++) {
        if (i > 0) crdt_buf_text(out, ", ");
        print_id(l.ids.ids[i], out);
        crdt_buf_text(out, ": ");
        crdt__i128_print(l.rights[i], out);
        if (ledger_wants(&l, i) == 0) continue;
        crdt_buf_text(out, " wants ");
        crdt_buf_udecimal(out, ledger_wants(&l, i));
    }
    crdt_buf_text(out, "}");
    ledger_clear(&l);
}

/* -- Operations -------------------------------------------------------------------------------- */

static crdt_err apply_inc(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_bcounter_inc(txn, name, (uint64_t)args[0].i);
}

static crdt_err apply_dec(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_bcounter_dec(txn, name, (uint64_t)args[0].i, NULL);
}

static crdt_err apply_transfer(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_bcounter_transfer(txn, name, (uint64_t)args[0].i, (uint64_t)args[1].i, NULL);
}

static crdt_err apply_request(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_bcounter_request(txn, name, (uint64_t)args[0].i);
}

static crdt_err apply_grant(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_bcounter_grant(txn, name, NULL);
}

static const crdt_op ops[] = {
    {"inc", "n", "add n, and the right to take n away", apply_inc},
    {"dec", "n", "take n away, by rights that are held here", apply_dec},
    {"transfer", "in", "hand rights on: the replica's id, how many", apply_transfer},
    {"request", "n", "ask the other replicas for n rights", apply_request},
    {"grant", "", "give those who ask what is held here", apply_grant},
};

const crdt_type crdt_bcounter_type = {
    .id = 25,
    .format = 1,
    .name = "bcounter",
    .summary = "bounded counter: never below 0, by rights that replicas hand on",
    .source = "Balegas et al., SRDS 2015",
    .size = sizeof(crdt__sibs),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    .init = crdt__sibs_init,
    .clear = crdt__sibs_clear,
    .prepare = crdt__sibs_prepare,
    .commit = commit,
    .since = since,
    .alive = alive,
    .empty = crdt__sibs_empty,
    .reset = reset,
    .mark = crdt__sibs_mark,
    .encode = encode,
    .decode = decode,
    .digest = digest,
    .print = print,
    .check = check,
    .stats = stats,
    .stabilise = stabilise,
    .bytes = crdt__sibs_beyond,
};
