/* audit_test.c: chains of records, retention, and what was tampered with. */
#include "crdt/audit.h"

#include <stdio.h>
#include <string.h>

#include "crdt/core/audit_rec.h"
#include "crdt/core/elems.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3
#define TYPE (&crdt_audit_type)
#define SOLO ""

static crdt_store *log_of(uint64_t replica)
{
    return solo_of(TYPE, replica);
}

static void say(crdt_store *s, const char *author, const char *subject, const char *body)
{
    DO(s, SOLO, TYPE, "append", author, "set", subject, body);
}

static void meet(crdt_store *a, crdt_store *b)
{
    join(a, b);
    join(b, a);
    check_store(a);
    CHECK(same_bytes(a, b));
}

/* "fault replica:seq;", static. */
static const char *faults(const crdt_store *s)
{
    static char         text[300];
    crdt_audit_finding *findings;
    size_t              count, used = 0;
    CHECK_OK(crdt_audit_verify(crdt_store_solo(s), NULL, &findings, &count));
    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s %ju:%ju;",
                             crdt_audit_fault_name(findings[i].fault),
                             (uintmax_t)findings[i].dot.replica, (uintmax_t)findings[i].dot.seq);
    }
    crdt_audit_findings_free(NULL, findings, count);
    return text;
}

/* The numbers of the records of each replica: "1:1 1:2 2:1". */
static const char *numbers(const crdt_store *s)
{
    static char       text[300];
    crdt_audit_iter   it = crdt_audit_iterate(crdt_store_solo(s));
    crdt_audit_record r;
    size_t            used = 0;
    text[0] = 0;
    while (crdt_audit_next(&it, &r)) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%ju:%ju", used > 0 ? " " : "",
                                 (uintmax_t)r.dot.replica, (uintmax_t)r.number);
    }
    return text;
}

/* -- Records ----------------------------------------------------------------------------------- */

TEST(audit, a_record_says_who_what_and_what_it_superseded)
{
    crdt_store     *a = log_of(A), *b = log_of(B);
    crdt_audit_hash old[2] = {crdt_audit_digest(crdt_text("2 mg")), crdt_audit_digest(crdt_int(7))};
    crdt_value      dose = crdt_text("3 mg");
    crdt_audit_entry  entry = {.author = name_of("ann"),
                               .operation = name_of("set"),
                               .subject = name_of("dose"),
                               .body = &dose,
                               .superseded = old,
                               .superseded_count = 2};
    crdt_audit_record first, second;
    CHECK_OK(crdt_audit_append(begin(a), CRDT_SOLO, &entry));
    crdt_store_free(commit(a));
    say(a, "bob", "dose", "4 mg");
    crdt_audit_iter it = crdt_audit_iterate(crdt_store_solo(a));
    CHECK(crdt_audit_next(&it, &first) && crdt_audit_next(&it, &second));
    CHECK_EQ_MEM(first.author.data, first.author.size, "ann", 3);
    CHECK_EQ_MEM(first.operation.data, first.operation.size, "set", 3);
    CHECK_EQ_MEM(first.subject.data, first.subject.size, "dose", 4);
    CHECK(first.has_body && !first.revision && !first.retention);
    crdt_audit_hash body = crdt_audit_digest(dose);
    CHECK_EQ_MEM(first.body.bytes, 16, body.bytes, 16);
    CHECK_EQ_INT(first.superseded_count, 2);
    for (size_t i = 0; i < 2; i++) {
        crdt_audit_hash digest = crdt_audit_superseded(&first, i);
        CHECK_EQ_MEM(digest.bytes, 16, old[i].bytes, 16);
    }
    CHECK_EQ_INT(first.number, 1);
    CHECK_EQ_INT(second.number, 2);
    CHECK(second.stamp > first.stamp && crdt_stamp_ms(first.stamp) == NOW);
    CHECK_EQ_MEM(second.before.bytes, 16, first.hash.bytes, 16);
    say(b, "cy", "dose", "5 mg");
    meet(a, b);
    CHECK_EQ_STR(numbers(a), "1:1 1:2 2:1");
    CHECK_EQ_STR(faults(a), "");
    free_all(a, b, NULL);
}

TEST(audit, one_transaction_may_append_several)
{
    crdt_store      *a = log_of(A);
    crdt_audit_entry entry = {.author = name_of("ann")};
    crdt_txn        *txn = begin(a);
    crdt_ref         ref;
    for (int i = 0; i < 3; i++) CHECK_OK(crdt_audit_append(txn, CRDT_SOLO, &entry));
    CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, TYPE, &ref));
    CHECK_EQ_INT(crdt_audit_count(ref), 3);
    crdt_store_rollback(a);
    CHECK_EQ_INT(crdt_audit_count(crdt_store_solo(a)), 0);
    txn = begin(a);
    for (int i = 0; i < 3; i++) CHECK_OK(crdt_audit_append(txn, CRDT_SOLO, &entry));
    crdt_store_free(commit(a));
    CHECK_EQ_STR(numbers(a), "1:1 1:2 1:3");
    CHECK_EQ_STR(faults(a), "");
    crdt_store *back = recoded(a);
    CHECK_EQ_STR(faults(back), "");
    free_all(a, back, NULL);
}

TEST(audit, nothing_but_a_retention_removes_records)
{
    crdt_store *s = store_of(A);
    DO(s, "log", TYPE, "append", "ann", "set", "x", "1");
    CHECK_ERR(crdt_txn_remove(begin(s), name_of("log")), CRDT_ERIGHTS);
    crdt_store_rollback(s);
    CHECK(strstr(shown(s, "log"), "\"ann\"") != NULL);
    crdt_txn *late = begin(s); /* nor does it go with what stands beside it, and the rest commits */
    CHECK_OK(crdt_expiry_expire_at(late, name_of("log"), (int64_t)NOW + 1));
    crdt_store_free(commit(s));
    CHECK_ERR(crdt_txn_remove(begin(s), name_of("log")), CRDT_ERIGHTS);
    crdt_delta *nothing = commit(s);
    CHECK(crdt_store_is_empty(nothing));
    crdt_store_free(nothing);
    crdt_view        key = name_of("log");
    crdt_audit_entry entry = {.author = name_of("ann")};
    crdt_txn        *txn = begin(s); /* a map could be removed with it */
    CHECK_OK(crdt_ormap_enter(txn, name_of("m"), &crdt_ormap_type, NULL, 0));
    CHECK_ERR(crdt_audit_append(txn, key, &entry), CRDT_EINVAL);
    crdt_ormap_leave(txn);
    CHECK_ERR(crdt_ormap_create(txn, name_of("m"), &crdt_ormap_type, &key, 1, TYPE), CRDT_EINVAL);
    crdt_store_rollback(s);
    DO(s, "none", TYPE, "keep", "ann", 1); /* nothing to drop, so there is no log */
    CHECK_EQ_STR(shown(s, "none"), "ENOENT");
    check_store(s);
    crdt_store_free(s);
}

/* -- Retention --------------------------------------------------------------------------------- */

TEST(audit, a_retention_leaves_what_it_takes_to_verify_the_rest)
{
    crdt_store *a = log_of(A), *b = log_of(B);
    for (int i = 0; i < 4; i++) say(a, "ann", "x", "1");
    for (int i = 0; i < 3; i++) say(b, "bob", "x", "1");
    meet(a, b);
    DO(a, SOLO, TYPE, "keep", "cy", 2);
    CHECK_EQ_STR(numbers(a), "1:3 1:4 1:5 2:2 2:3");
    CHECK_EQ_STR(faults(a), "");
    say(b, "bob", "x", "2"); /* at the same time */
    DO(b, SOLO, TYPE, "keep", "dan", 1);
    CHECK_EQ_STR(numbers(b), "1:4 2:4 2:5");
    meet(a, b);
    CHECK_EQ_STR(numbers(a), "1:4 1:5 2:4 2:5"); /* what either dropped */
    CHECK_EQ_STR(faults(a), "");
    say(a, "ann", "x", "3"); /* the chain goes on */
    CHECK_EQ_STR(numbers(a), "1:4 1:5 1:6 2:4 2:5");
    for (int i = 0; i < 3; i++) {
        DO(a, SOLO, TYPE, "keep", "cy", 1); /* also drops the records of retentions */
        CHECK_EQ_STR(faults(a), "");
    }
    CHECK_EQ_STR(numbers(a), "1:8 1:9 2:5");
    free_all(a, b, NULL);
}

/* Deltas may come in any order: C knows what B dropped of A's chain, and none of its records. */
TEST(audit, a_retention_keeps_what_is_told_of_chains_that_are_not_here)
{
    crdt_store *a = log_of(A), *b = log_of(B), *c = log_of(C);
    for (int i = 0; i < 3; i++) say(a, "ann", "x", "1");
    join(b, a);
    crdt_delta *dropped = apply(b, SOLO, TYPE, "keep", "bob", 1);
    crdt_delta *later = apply(b, SOLO, TYPE, "append", "bob", "set", "x", "2");
    CHECK_EQ_STR(numbers(b), "1:3 2:1 2:2");
    CHECK_OK(crdt_store_merge(c, dropped));
    CHECK_OK(crdt_store_merge(c, later));
    DO(c, SOLO, TYPE, "keep", "cy", 1); /* would drop B's first, which tells of A's */
    CHECK_EQ_STR(numbers(c), "2:1 2:2");
    meet(a, c);
    CHECK_EQ_STR(numbers(c), "1:3 2:1 2:2");
    CHECK_EQ_STR(faults(c), "");
    DO(c, SOLO, TYPE, "keep", "cy", 1); /* now it may go: there is one that tells the same */
    CHECK_EQ_STR(numbers(c), "1:3 2:2 3:1");
    CHECK_EQ_STR(faults(c), "");
    free_all(a, b, c, dropped, later, NULL);
}

TEST(audit, a_retention_by_time_drops_what_is_older)
{
    crdt_store *a = log_of(A);
    crdt_txn   *txn;
    const char *set = "set";
    crdt_value  args[4] = {crdt_text("ann"), crdt_text(set), crdt_text("x"), crdt_text("1")};
    for (uint64_t day = 1; day <= 4; day++) {
        CHECK_OK(crdt_store_apply(a, day * 1000, CRDT_SOLO, crdt_type_op(TYPE, "append"), args, 4,
                                  NULL));
    }
    CHECK_OK(crdt_store_begin(a, 5000, &txn));
    CHECK_OK(crdt_audit_retain(txn, CRDT_SOLO, name_of("cy"), crdt_stamp_of(3000, 0), 1));
    crdt_store_free(commit(a));
    CHECK_EQ_STR(numbers(a), "1:3 1:4 1:5");
    CHECK_OK(crdt_store_begin(a, 5000, &txn));
    CHECK_ERR(crdt_audit_retain(txn, CRDT_SOLO, name_of("cy"), crdt_stamp_of(3000, 0), 0),
              CRDT_EINVAL);
    CHECK_OK(crdt_audit_retain(txn, CRDT_SOLO, name_of("cy"), crdt_stamp_of(3000, 0), 1));
    crdt_delta *nothing = commit(a);
    CHECK(crdt_store_is_empty(nothing));
    free_all(a, nothing, NULL);
}

/* -- Tampering --------------------------------------------------------------------------------- */

/* What an attacker does to one record: all that matters of it. */
typedef struct change {
    size_t from; /* in the record's bytes, from its end */
    bool   rehash;
} change;

/* The log with the record of this dot changed, by way of its bytes. */
static crdt_store *tampered(const crdt_store *s, crdt_dot dot, change what)
{
    crdt_buf          bytes, record;
    crdt_audit_iter   it = crdt_audit_iterate(crdt_store_solo(s));
    crdt_audit_record r;
    crdt_store       *back;
    do CHECK(crdt_audit_next(&it, &r));
    while (!crdt_dot_equal(r.dot, dot));
    crdt__audit_rec rec = {.stamp = r.stamp, .number = r.number, .flags = r.revision ? 3 : 1};
    rec.author = r.author;
    rec.operation = r.operation;
    rec.subject = r.subject;
    memcpy(rec.prev, r.before.bytes, 16);
    memcpy(rec.body, r.body.bytes, 16);
    crdt_buf_init(&record, NULL);
    crdt_buf_init(&bytes, NULL);
    crdt__audit_put(&rec, &record);
    crdt__audit_seal(record.data, record.size, dot.replica, rec.stamp);
    CHECK_OK(crdt_store_encode(s, &bytes));
    uint8_t *at = NULL;
    for (size_t i = 0; i + record.size <= bytes.size && at == NULL; i++) {
        if (memcmp(bytes.data + i, record.data, record.size) == 0) at = bytes.data + i;
    }
    CHECK(at != NULL);
    at[record.size - what.from] ^= 1;
    if (what.rehash) crdt__audit_seal(at, record.size, dot.replica, rec.stamp);
    crdt_options o = crdt_options_default(9, NULL);
    o.solo = TYPE;
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &back, NULL));
    crdt_buf_clear(&record);
    crdt_buf_clear(&bytes);
    return back;
}

#define BODY 18u /* from the end: the last byte of the body's digest; then a count, then the hash */

TEST(audit, a_changed_byte_is_found)
{
    crdt_store *a = log_of(A);
    for (int i = 0; i < 3; i++) say(a, "ann", "x", "1");
    CHECK_EQ_STR(faults(a), "");
    crdt_store *changed = tampered(a, (crdt_dot){A, 2}, (change){BODY, false});
    CHECK_EQ_STR(faults(changed), "changed 1:2;");
    crdt_store *rehashed = tampered(a, (crdt_dot){A, 2}, (change){BODY, true});
    CHECK_EQ_STR(faults(rehashed), "unlinked 1:3;"); /* the next one tells */
    crdt_store *last = tampered(a, (crdt_dot){A, 3}, (change){BODY, false});
    CHECK_EQ_STR(faults(last), "changed 1:3;");
    crdt_store *first = tampered(a, (crdt_dot){A, 1}, (change){1, false}); /* in the hash itself */
    CHECK_EQ_STR(faults(first), "changed 1:1;unlinked 1:2;");
    CHECK_EQ_STR(numbers(changed), numbers(a)); /* nothing is refused or dropped */
    CHECK_ERR(crdt_audit_retain(begin(changed), CRDT_SOLO, name_of("x"), UINT64_MAX, 1),
              CRDT_EMALFORMED); /* evidence is not wiped away */
    crdt_store_rollback(changed);
    CHECK_ERR(crdt_store_merge(a, changed), CRDT_EFORK); /* one dot, two contents */
    free_all(a, changed, rehashed, last, first, NULL);
}

TEST(audit, missing_records_are_found)
{
    crdt_store *a = log_of(A), *b = log_of(B);
    crdt_delta *parts[4];
    for (int i = 0; i < 4; i++) {
        parts[i] = apply(a, SOLO, TYPE, "append", "ann", "set", "x", "1");
    }
    CHECK_OK(crdt_store_merge(b, parts[0]));
    CHECK_OK(crdt_store_merge(b, parts[3]));
    CHECK_EQ_STR(faults(b), "gap 1:4;");
    CHECK_OK(crdt_store_merge(b, parts[1]));
    CHECK_EQ_STR(faults(b), "gap 1:4;");
    CHECK_OK(crdt_store_merge(b, parts[2]));
    CHECK_EQ_STR(faults(b), "");
    crdt_store *c = log_of(3);
    CHECK_OK(crdt_store_merge(c, parts[2])); /* the beginning is missing */
    CHECK_EQ_STR(faults(c), "gap 1:3;");
    for (int i = 0; i < 4; i++) crdt_store_free(parts[i]);
    free_all(a, b, c, NULL);
}

/* A disk was copied, and both copies go on under one replica id, at different dots. */
TEST(audit, a_number_used_twice_is_found)
{
    crdt_store *a = log_of(A), *clone, *all = log_of(3);
    crdt_delta *first = apply(a, SOLO, TYPE, "append", "ann", "set", "x", "1");
    CHECK_OK(crdt_store_clone(a, A, &clone));
    crdt_txn *txn = begin(clone);
    CHECK_OK(crdt_txn_mark(txn));
    crdt_store_free(commit(clone));
    crdt_delta *second = apply(a, SOLO, TYPE, "append", "ann", "set", "x", "2");
    crdt_delta *other = apply(clone, SOLO, TYPE, "append", "ann", "set", "x", "3");
    CHECK_OK(crdt_store_merge(all, first));
    CHECK_OK(crdt_store_merge(all, second));
    CHECK_EQ_STR(faults(all), "");
    CHECK_OK(crdt_store_merge(all, other));
    CHECK_EQ_STR(faults(all), "twice 1:3;");
    CHECK_EQ_INT(crdt_audit_count(crdt_store_solo(all)), 3);
    free_all(a, clone, all, first, second, other, NULL);
}

static void revision(crdt_store *s, const char *id, const char *body)
{
    crdt_value       value = crdt_text(body);
    crdt_audit_entry entry = {.author = name_of("ann"),
                              .operation = name_of("edit"),
                              .subject = name_of(id),
                              .body = &value,
                              .revision = true};
    CHECK_OK(crdt_audit_append(begin(s), CRDT_SOLO, &entry));
    crdt_store_free(commit(s));
}

TEST(audit, one_revision_id_with_two_bodies_is_an_alarm)
{
    crdt_store *a = log_of(A), *b = log_of(B);
    revision(a, "1-aa", "x");
    revision(b, "1-aa", "x");
    revision(b, "2-bb", "y");
    say(a, "ann", "dose", "1 mg"); /* no revision: it may change */
    say(a, "ann", "dose", "2 mg");
    meet(a, b);
    CHECK_EQ_STR(faults(a), "");
    revision(b, "1-aa", "z");
    revision(a, "1-aa", "z");
    meet(a, b);
    const char *found = faults(a); /* once, at the body that was not there first in their order */
    CHECK(strcmp(found, "two bodies 1:1;") == 0 || strcmp(found, "two bodies 1:4;") == 0);
    CHECK_EQ_INT(crdt_audit_count(crdt_store_solo(a)), 7); /* all are there, none is picked */
    free_all(a, b, NULL);
}

/* -- Hostile bytes ----------------------------------------------------------------------------- */

static const char *refusal(const uint8_t *record, size_t size)
{
    crdt__audit_rec rec;
    const char     *reason = NULL;
    return crdt__audit_get(crdt_view_of(record, size), &rec, &reason) ? NULL : reason;
}

TEST(audit, what_is_no_record_is_refused)
{
    crdt__audit_rec   rec = {.stamp = 1, .number = 1, .flags = CRDT__AUDIT_RETENTION};
    crdt__audit_floor floor = {7, 3, {0}};
    crdt_buf          floors, bytes;
    crdt_buf_init(&floors, NULL);
    crdt_buf_init(&bytes, NULL);
    crdt__audit_put_floor(&floor, &floors);
    floor.replica = 9;
    crdt__audit_put_floor(&floor, &floors);
    rec.floors = crdt_buf_bytes(&floors);
    crdt__audit_put(&rec, &bytes);
    CHECK_EQ_STR(refusal(bytes.data, bytes.size), NULL);
    for (size_t size = 0; size < bytes.size; size++) CHECK(refusal(bytes.data, size) != NULL);
    crdt_buf_byte(&bytes, 0);
    CHECK_EQ_STR(refusal(bytes.data, bytes.size), "audit: something stands behind a record");
    bytes.size--;
    bytes.data[9] = 0;
    CHECK_EQ_STR(refusal(bytes.data, bytes.size), "audit: something stands behind a record");
    bytes.data[9] = 4 | 8;
    CHECK_EQ_STR(refusal(bytes.data, bytes.size), "audit: unknown flags");
    bytes.data[9] = 4;
    bytes.data[8] = 0;
    CHECK_EQ_STR(refusal(bytes.data, bytes.size), "audit: a record without a number");
    bytes.data[8] = 1;
    bytes.data[7] = 0x80;
    CHECK_EQ_STR(refusal(bytes.data, bytes.size), "audit: stamp too great");
    bytes.data[7] = 0;
    bytes.data[bytes.size - 16 - 32] = 7; /* the second floor is of the first one's replica */
    CHECK_EQ_STR(refusal(bytes.data, bytes.size),
                 "audit: what a retention dropped is not in order");
    crdt_buf_clear(&floors);
    crdt_buf_clear(&bytes);
}

/* A set's bytes are a log's, but for the type: what is in them is looked at. */
TEST(audit, a_set_of_anything_is_no_log)
{
    crdt_store *set = solo_of(&crdt_gset_type, A), *back;
    crdt_buf    bytes;
    const char *reason = NULL;
    DO(set, SOLO, &crdt_gset_type, "add", "rubbish");
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(set, &bytes));
    crdt_options o = crdt_options_default(A, NULL);
    o.solo = TYPE;
    bool patched = false;
    for (size_t i = 0; i < bytes.size && !patched; i++) {
        uint8_t was = bytes.data[i];
        if (was != crdt_gset_type.id) continue;
        bytes.data[i] = (uint8_t)crdt_audit_type.id;
        crdt_err err = crdt_store_decode(&o, crdt_buf_bytes(&bytes), &back, &reason);
        CHECK(err != CRDT_OK);
        patched = err == CRDT_EMALFORMED && strncmp(reason, "audit: ", 7) == 0;
        bytes.data[i] = was;
    }
    CHECK(patched);
    crdt_buf_clear(&bytes);
    crdt_store_free(set);
}

/* Why the set's state is no log's; NULL: it is. */
static const char *refused_as_log(const crdt_store *set)
{
    crdt_ref      ref = crdt_store_solo(set);
    crdt_limits   limits = crdt_limits_default();
    crdt__elems   state = {0};
    crdt_replicas ids;
    crdt_buf      bytes;
    crdt_dec      dec;
    crdt_replicas_init(&ids, NULL);
    crdt_buf_init(&bytes, NULL);
    ref.type->mark(ref.state, &ids);
    CHECK_OK(crdt_replicas_seal(&ids));
    ref.type->encode(ref.state, &(crdt_enc){&bytes, &ids, false});
    crdt_dec_init(&dec, crdt_buf_bytes(&bytes), &limits);
    dec.dict = ids.ids;
    dec.dict_count = ids.count;
    CHECK_ERR(TYPE->decode(ref.space, &state, &dec), CRDT_EMALFORMED);
    CHECK(state.body == NULL && state.dots == 0);
    crdt_buf_clear(&bytes);
    crdt_replicas_clear(&ids);
    return dec.reason;
}

/* Of an object that comes in fragments each is decoded and joined before the whole is checked: what
 * decode lets through is read as records. */
TEST(audit, decode_takes_nothing_but_records)
{
    crdt_store *text = solo_of(&crdt_gset_type, A), *number = solo_of(&crdt_gset_type, A);
    crdt_value  seven = crdt_int(7);
    DO(text, SOLO, &crdt_gset_type, "add", "x");
    CHECK_EQ_STR(refused_as_log(text), "audit: a record is cut off, or no canonical one");
    CHECK_OK(crdt_gset_add(begin(number), CRDT_SOLO, seven));
    crdt_store_free(commit(number));
    CHECK_EQ_STR(refused_as_log(number), "audit: a number in place of a record");
    free_all(text, number, NULL);
}

/* -- Size and memory --------------------------------------------------------------------------- */

TEST(audit, a_long_log_is_appended_to_and_verified)
{
    enum { RECORDS = T_SLOW ? 3000 : 20000 };
    crdt_store *a = log_of(A), *b = log_of(B);
    for (int i = 0; i < RECORDS; i++) {
        say(i % 3 == 0 ? b : a, "ann", "x", "1");
        if (i % 1000 == 999) meet(a, b);
    }
    meet(a, b);
    CHECK_EQ_INT(crdt_audit_count(crdt_store_solo(a)), RECORDS);
    CHECK_EQ_STR(faults(a), "");
    DO(a, SOLO, TYPE, "keep", "cy", 10);
    CHECK_EQ_INT(crdt_audit_count(crdt_store_solo(a)), 21);
    CHECK_EQ_STR(faults(a), "");
    free_all(a, b, NULL);
}

TEST(audit, every_refused_allocation_of_verify_is_an_error)
{
    crdt_store         *a = log_of(A), *b = log_of(B);
    testmem             m;
    crdt_audit_finding *findings;
    size_t              count;
    uint64_t            n = 1;
    for (int i = 0; i < 3; i++) revision(a, "1-aa", "x");
    join(b, a);
    DO(b, SOLO, TYPE, "keep", "cy", 2);
    revision(b, "1-aa", "y");
    testmem_init(&m);
    for (;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_audit_verify(crdt_store_solo(b), &m.mem, &findings, &count);
        if (!testmem_refused(&m)) {
            CHECK_OK(err);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
    }
    testmem_fail_never(&m);
    CHECK_EQ_INT(n, 5); /* floors, claims, a finding, its exact size */
    CHECK_EQ_INT(count, 1);
    crdt_audit_findings_free(&m.mem, findings, count);
    TESTMEM_DONE(&m);
    free_all(a, b, NULL);
}
