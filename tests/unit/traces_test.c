/* Editing histories for tests and benchmarks: their files, the naive model, the generator. */
#define _XOPEN_SOURCE 700
#include "bench/traces/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/traces/generate.h"
#include "bench/traces/model.h"
#include "tests/lib/t.h"

#define FILE_PATH_MAX 4096

/* -- Helpers ----------------------------------------------------------------------------------- */

static uint8_t *file_bytes(const trace *t, size_t *ret_size)
{
    const char *folder = getenv("TMPDIR");
    char        path[FILE_PATH_MAX];
    int written = snprintf(path, sizeof path, "%s/traces-XXXXXX", folder ? folder : P_tmpdir);
    CHECK(written > 0 && (size_t)written < sizeof path);
    int file = mkstemp(path);
    CHECK(file >= 0);
    close(file);
    CHECK(trace_write(t, path));
    FILE    *in = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 22);
    CHECK(in != NULL && bytes != NULL);
    *ret_size = fread(bytes, 1, 1 << 22, in);
    fclose(in);
    remove(path);
    return bytes;
}

/* One patch that inserts, in a transaction of its own. */
static void add(trace *t, uint32_t agent, const uint32_t *parents, uint32_t count, uint32_t pos,
                const char *text)
{
    t->kind = TRACE_CONCURRENT;
    trace_add_txn(t, agent, parents, count);
    trace_add_patch(t, pos, 0, text, (uint32_t)strlen(text));
}

static void check_model(const trace *t, const char *expected, size_t size)
{
    size_t got_size;
    char  *got = trace_model_replay(t, &got_size);
    CHECK(got != NULL);
    CHECK_EQ_MEM(got, got_size, expected, size);
    free(got);
}

/* The end of an ASCII sequential trace, in a flat buffer. */
static char *flat_replay(const trace *t, size_t *ret_size)
{
    char  *text = malloc((size_t)t->text_size + 1);
    size_t size = 0;
    CHECK(text != NULL);
    for (uint32_t i = 0; i < t->patches_count; i++) {
        const trace_patch *p = &t->patches[i];
        memmove(text + p->pos, text + p->pos + p->deleted, size - p->pos - p->deleted);
        size -= p->deleted;
        memmove(text + p->pos + p->text_bytes, text + p->pos, size - p->pos);
        memcpy(text + p->pos, trace_text(t, p), p->text_bytes);
        size += p->text_bytes;
    }
    *ret_size = size;
    return text;
}

/* -- Files ------------------------------------------------------------------------------------- */

TEST(traces, a_file_reads_back_as_it_was_written)
{
    for (trace_shape s = 0; s < TRACE_SHAPES; s++) {
        trace       t, back;
        const char *why;
        size_t      size;
        trace_generate(s, 300, 7, &t);
        CHECK_MSG(trace_check(&t, &why), "%s: %s", t.name, why);
        uint8_t *bytes = file_bytes(&t, &size);
        CHECK(trace_parse(bytes, size, &back, &why));
        CHECK_EQ_INT(back.kind, t.kind);
        CHECK_EQ_INT(back.agents, t.agents);
        CHECK_EQ_MEM(back.end, back.end_size, t.end, t.end_size);
        CHECK_EQ_MEM(back.patches, back.patches_count * sizeof *back.patches, t.patches,
                     t.patches_count * sizeof *t.patches);
        CHECK_EQ_MEM(back.txns, back.txns_count * sizeof *back.txns, t.txns,
                     t.txns_count * sizeof *t.txns);
        free(bytes);
        trace_clear(&t);
        trace_clear(&back);
    }
}

TEST(traces, a_damaged_file_is_refused_or_read_whole)
{
    trace       t, back;
    const char *why;
    size_t      size;
    trace_generate(TRACE_PAIR, 30, 7, &t);
    uint8_t *bytes = file_bytes(&t, &size);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut + 1); /* so that a read past its end is seen */
        CHECK(copy != NULL);
        memcpy(copy, bytes, cut);
        CHECK(!trace_parse(copy, cut, &back, &why));
        free(copy);
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t was = bytes[i];
        bytes[i] ^= (uint8_t)(1u << i % 8);
        if (trace_parse(bytes, size, &back, &why)) trace_clear(&back);
        bytes[i] = was;
    }
    free(bytes);
    trace_clear(&t);
}

TEST(traces, what_breaks_an_invariant_is_refused)
{
    trace       t;
    const char *why;
    memset(&t, 0, sizeof t);
    trace_add_txn(&t, 0, NULL, 0);
    trace_add_patch(&t, 0, 0, "ab", 2);
    trace_set_end(&t, "ab", 2);
    CHECK(trace_check(&t, &why));
    t.patches[0].pos = 1;
    CHECK(!trace_check(&t, &why));
    CHECK_EQ_STR(why, "a position past the end");
    t.patches[0].pos = 0;
    t.text[1] = '\xff';
    CHECK(!trace_check(&t, &why));
    CHECK_EQ_STR(why, "inserted text is not UTF-8");
    t.text[1] = 'b';
    t.end_size = 1;
    CHECK(!trace_check(&t, &why));
    trace_clear(&t);

    add(&t, 0, NULL, 0, 0, "a"); /* twice the same agent, neither after the other */
    add(&t, 0, NULL, 0, 0, "b");
    CHECK(!trace_check(&t, &why));
    CHECK_EQ_STR(why, "an agent's transactions are not totally ordered");
    trace_clear(&t);
}

/* -- The model --------------------------------------------------------------------------------- */

TEST(traces, the_model_orders_concurrent_insertions_by_agent)
{
    const uint32_t root = 0;
    trace          t;
    memset(&t, 0, sizeof t);
    add(&t, 0, NULL, 0, 0, "[]");
    add(&t, 2, &root, 1, 1, "cc");
    add(&t, 1, &root, 1, 1, "bb");
    check_model(&t, "[bbcc]", 6);
    trace_clear(&t);
}

TEST(traces, the_model_never_interleaves_runs_typed_backwards)
{
    uint32_t last[2] = {0, 0};
    trace    t;
    memset(&t, 0, sizeof t);
    add(&t, 0, NULL, 0, 0, "[]");
    for (uint32_t i = 0; i < 8; i++) {
        char text[2] = {(char)((i % 2 == 0 ? 'd' : 'z') - (char)(i / 2)), 0};
        add(&t, 1 + i % 2, &last[i % 2], 1, 1, text);
        last[i % 2] = i + 1;
    }
    check_model(&t, "[abcdwxyz]", 10);
    trace_clear(&t);
}

TEST(traces, the_model_keeps_what_was_inserted_beside_the_deleted)
{
    const uint32_t root = 0, both[2] = {1, 2};
    trace          t;
    memset(&t, 0, sizeof t);
    add(&t, 0, NULL, 0, 0, "abc");
    trace_add_txn(&t, 1, &root, 1);
    trace_add_patch(&t, 0, 3, "", 0);
    add(&t, 2, &root, 1, 2, "X");
    add(&t, 1, both, 2, 1, "Y");
    check_model(&t, "XY", 2);
    t.patches[3].pos = 2; /* there is one code point at its parents, not two */
    size_t size;
    CHECK(trace_model_replay(&t, &size) == NULL);
    trace_clear(&t);
}

TEST(traces, a_sequential_end_is_what_a_flat_buffer_gives)
{
    trace  t;
    size_t size;
    trace_generate(TRACE_RANDOM, 2000, 3, &t);
    for (uint32_t i = 0; i < t.patches_count; i++) { /* make it ASCII: bytes are code points */
        trace_patch *p = &t.patches[i];
        p->text_bytes = p->text_bytes > 0;
        if (p->text_bytes > 0 && (unsigned char)t.text[p->text_offset] > 0x7f) {
            t.text[p->text_offset] = 'u';
        }
    }
    char *flat = flat_replay(&t, &size);
    check_model(&t, flat, size);
    free(flat);
    trace_clear(&t);
}

/* -- The generator ----------------------------------------------------------------------------- */

TEST(traces, the_same_seed_gives_the_same_history)
{
    for (trace_shape s = 0; s < TRACE_SHAPES; s++) {
        trace a, b, c;
        trace_generate(s, 200, 5, &a);
        trace_generate(s, 200, 5, &b);
        trace_generate(s, 200, 6, &c);
        CHECK_EQ_MEM(a.text, a.text_size, b.text, b.text_size);
        CHECK_EQ_MEM(a.end, a.end_size, b.end, b.end_size);
        CHECK(a.end_size != c.end_size || memcmp(a.end, c.end, a.end_size) != 0);
        CHECK(a.end_size > 0 && a.patches_count >= 200);
        trace_clear(&a);
        trace_clear(&b);
        trace_clear(&c);
    }
}

/* -- Chains ------------------------------------------------------------------------------------ */

static void check_chain(const trace *t, uint32_t copies)
{
    trace       chain;
    const char *why;
    trace_chain(t, copies, &chain);
    CHECK_EQ_INT(chain.txns_count, t->txns_count * copies);
    CHECK_EQ_INT(chain.end_size, t->end_size * copies);
    CHECK_MSG(trace_check(&chain, &why), "%s", why);
    check_model(&chain, chain.end, chain.end_size);
    trace_clear(&chain);
}

TEST(traces, a_chain_ends_in_the_end_repeated)
{
    trace t;
    trace_generate(TRACE_PAIR, 400, 9, &t);
    /* As friendsforever: one last transaction that has all others in its past. */
    uint32_t last[2] = {t.txns_count - 1, t.txns_count - 1};
    while (t.txns[last[1]].agent == t.txns[last[0]].agent) last[1]--;
    trace_add_txn(&t, t.txns[last[0]].agent, last, 2);
    check_chain(&t, 3);
    trace_clear(&t);
}

TEST(traces, a_chain_of_the_recorded_pair_ends_in_the_end_repeated)
{
    trace       t;
    const char *why;
    if (getenv("CRDT_SOAK") == NULL) {
        printf("skipped: only with CRDT_SOAK=1\n");
    } else if (!trace_read("build/traces/friendsforever.trace", &t, &why)) {
        printf("skipped: build/traces/friendsforever.trace %s (make traces)\n", why);
    } else {
        check_chain(&t, 2);
        trace_clear(&t);
    }
}
