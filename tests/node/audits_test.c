/* CRDT.AUDIT.VERIFY, over a node and over audits that were tampered with, which no node makes. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "node/audits.h"
#include "tests/lib/stores.h"
#include "tests/node/checked.h"

#define TYPE (&crdt_audit_type)

TEST(audits, of_a_node_hold)
{
    static const said lines[] = {
        {"CRDT.AUDIT.VERIFY log", "+OK"}, /* nothing there: nothing broken */
        {"CRDT.AUDIT.APPEND log ann set dose 1", "+OK"},
        {"CRDT.AUDIT.SUPERSEDE log bob dose 3 2", "+OK"},
        {"CRDT.AUDIT.VERIFY log", "+OK"},
        {"CRDT.AUDIT.KEEP log cy 1", "+OK"},
        {"CRDT.AUDIT.VERIFY log", "+OK"}, /* the retention says what is missing */
        {"CRDT.AUDIT.VERIFY", "-ERR wrong number of arguments for 'crdt.audit.verify' command"},
        {"SADD s x", ":1"},
        {"CRDT.AUDIT.VERIFY s", "-WRONGTYPE..."},
        {"MULTI", "+OK"},
        {"CRDT.AUDIT.APPEND log ann set dose 4", "+QUEUED"},
        {"CRDT.AUDIT.VERIFY log", "+QUEUED"},
        {"EXEC", "[+OK, +OK]"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, lines);
    talk_free(t);
    nodes_free(cluster);
}

/* Of the replicas 1 and 2. Records have numbers of their own: the first dot is the name's. */
static crdt_store *two_writers(void)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    DO(a, "log", TYPE, "append", "ann", "set", "dose", "1 mg");
    DO(a, "log", TYPE, "append", "bob", "set", "dose", "2 mg");
    DO(a, "log", TYPE, "append", "cy", "set", "dose", "3 mg");
    DO(b, "log", TYPE, "append", "dee", "set", "dose", "4 mg");
    join(a, b);
    crdt_store_free(b);
    return a;
}

/* In the store's bytes one text is put in the place of another, of the same length. */
static crdt_store *tampered(crdt_store *store, const char *text, const char *instead)
{
    crdt_options o = crdt_options_default(9, crdt_types_builtin());
    crdt_buf     bytes;
    crdt_store  *back;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(store, &bytes));
    char *at = memmem(bytes.data, bytes.size, text, strlen(text));
    CHECK_MSG(at != NULL, "no %s", text);
    memcpy(at, instead, strlen(instead));
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &back, NULL));
    crdt_buf_clear(&bytes);
    crdt_store_free(store);
    return back;
}

/* What the command replies in RESP3. */
static void expect_verdict(crdt_store *store, const char *expected)
{
    crdt_ref audit;
    crdt_buf out;
    reply    r = {&out, 3};
    crdt_buf_init(&out, NULL);
    CHECK_OK(crdt_store_find(store, name_of("log"), TYPE, &audit));
    CHECK_OK(audits_reply(audit, &r));
    CHECK_EQ_MEM(out.data, out.size, expected, strlen(expected));
    crdt_buf_clear(&out);
    crdt_store_free(store);
}

#define FINDING(fault, record)                                                               \
    "%3\r\n$5\r\nfault\r\n" fault "\r\n$6\r\nrecord\r\n$18\r\n" record "\r\n$5\r\nother\r\n" \
    "_\r\n"

TEST(audits, tell_which_record_breaks_a_chain)
{
    expect_verdict(two_writers(), "+OK\r\n");
    expect_verdict(tampered(two_writers(), "bob", "bub"),
                   "*1\r\n" FINDING("$7\r\nchanged", "0000000000000001:2"));
    expect_verdict(tampered(tampered(two_writers(), "cy", "xy"), "dee", "doe"),
                   "*2\r\n" FINDING("$7\r\nchanged", "0000000000000001:3")
                       FINDING("$7\r\nchanged", "0000000000000002:1"));
}

static void append_revision(crdt_store *store, const char *id, const char *body)
{
    crdt_value       value = crdt_text(body);
    crdt_audit_entry entry = {.author = name_of("ann"),
                              .operation = name_of("put"),
                              .subject = name_of(id),
                              .body = &value,
                              .revision = true};
    CHECK_OK(crdt_audit_append(begin(store), name_of("log"), &entry));
    crdt_store_free(commit(store));
}

TEST(audits, tell_which_two_are_at_odds)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    append_revision(a, "1-a", "x");
    append_revision(a, "2-b", "y");
    append_revision(b, "2-b", "z");
    join(a, b);
    expect_verdict(a, "*1\r\n%3\r\n$5\r\nfault\r\n$10\r\ntwo bodies\r\n$6\r\nrecord\r\n"
                      "$18\r\n0000000000000002:1\r\n$5\r\nother\r\n"
                      "$18\r\n0000000000000001:2\r\n");
    crdt_store_free(b);
}

/* What a replica wrote of an audit is missing in the middle: the delta of its second record. */
TEST(audits, tell_what_is_missing)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    DO(a, "log", TYPE, "append", "ann", "set", "dose", "1 mg");
    join(b, a);
    DO(a, "log", TYPE, "append", "bob", "set", "dose", "2 mg");
    crdt_delta *third = apply(a, "log", TYPE, "append", "cy", "set", "dose", "3 mg");
    CHECK_OK(crdt_store_merge(b, third));
    expect_verdict(b, "*1\r\n" FINDING("$3\r\ngap", "0000000000000001:3"));
    free_all(a, third, NULL);
}
