/* trace.c: traces in memory, and their files. */
#include "bench/traces/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "CTRACE1\n"
#define HEADER_SIZE (8 + 8 * 4)

/* -- Making ------------------------------------------------------------------------------------ */

/* Room for `more` items after count: the array, moved if need be. */
static void *room(void *array, uint32_t count, uint32_t *cap, size_t more, size_t item)
{
    uint64_t need = (uint64_t)count + more;
    if (need <= *cap) return array;
    uint64_t fresh = need + need / 2 + 16;
    if (fresh > UINT32_MAX) fresh = UINT32_MAX;
    array = need <= fresh ? realloc(array, (size_t)fresh * item) : NULL;
    if (array == NULL) {
        fprintf(stderr, "trace: no room for %zu more\n", more);
        exit(1);
    }
    *cap = (uint32_t)fresh;
    return array;
}

void trace_add_txn(trace *t, uint32_t agent, const uint32_t *parents, uint32_t count)
{
    t->txns = room(t->txns, t->txns_count, &t->txns_cap, 1, sizeof *t->txns);
    t->parents = room(t->parents, t->parents_count, &t->parents_cap, count, sizeof *t->parents);
    trace_txn *x = &t->txns[t->txns_count++];
    x->agent = agent;
    x->first_parent = t->parents_count;
    x->parents = count;
    x->first_patch = t->patches_count;
    x->patches = 0;
    if (count > 0) memcpy(t->parents + t->parents_count, parents, count * sizeof *parents);
    t->parents_count += count;
    if (agent >= t->agents) t->agents = agent + 1;
}

static void add_patch(trace *t, trace_patch patch)
{
    t->patches = room(t->patches, t->patches_count, &t->patches_cap, 1, sizeof *t->patches);
    t->patches[t->patches_count++] = patch;
    t->txns[t->txns_count - 1].patches++;
}

static uint32_t add_text(trace *t, const char *text, uint32_t bytes)
{
    uint32_t offset = t->text_size;
    t->text = room(t->text, t->text_size, &t->text_cap, bytes, 1);
    if (bytes > 0) memcpy(t->text + offset, text, bytes);
    t->text_size += bytes;
    return offset;
}

void trace_add_patch(trace *t, uint32_t pos, uint32_t deleted, const char *text, uint32_t bytes)
{
    trace_patch p = {pos, deleted, add_text(t, text, bytes), bytes};
    add_patch(t, p);
}

void trace_set_end(trace *t, const char *text, size_t bytes)
{
    t->end = room(t->end, 0, &t->end_cap, bytes, 1);
    if (bytes > 0) memcpy(t->end, text, bytes);
    t->end_size = (uint32_t)bytes;
}

void trace_set_name(trace *t, const char *name)
{
    snprintf(t->name, sizeof t->name, "%s", name);
}

void trace_clear(trace *t)
{
    free(t->txns);
    free(t->patches);
    free(t->parents);
    free(t->text);
    free(t->end);
    memset(t, 0, sizeof *t);
}

/* One more copy; `base`: the number of its first transaction. */
static void chain_one(const trace *t, uint32_t base, trace *ret)
{
    for (uint32_t i = 0; i < t->txns_count; i++) {
        const trace_txn *x = &t->txns[i];
        uint32_t         before = base - 1;
        if (x->parents == 0) {
            trace_add_txn(ret, x->agent, &before, base > 0);
        } else {
            trace_add_txn(ret, x->agent, t->parents + x->first_parent, x->parents);
            for (uint32_t k = 0; k < x->parents; k++) {
                ret->parents[ret->parents_count - 1 - k] += base;
            }
        }
        for (uint32_t k = 0; k < x->patches; k++) add_patch(ret, t->patches[x->first_patch + k]);
    }
}

void trace_chain(const trace *t, uint32_t copies, trace *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->kind = t->kind;
    add_text(ret, t->text, t->text_size);
    size_t bytes = (size_t)t->end_size * copies;
    ret->end = room(NULL, 0, &ret->end_cap, bytes, 1);
    ret->end_size = (uint32_t)bytes;
    for (uint32_t k = 0; k < copies; k++) {
        chain_one(t, ret->txns_count, ret);
        if (t->end_size > 0) memcpy(ret->end + (size_t)k * t->end_size, t->end, t->end_size);
    }
    snprintf(ret->name, sizeof ret->name, "%.40s-x%u", t->name, copies);
}

/* -- Checks ------------------------------------------------------------------------------------ */

uint32_t trace_code_points(const char *text, uint32_t bytes)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < bytes; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* The length of the code point at s, of at most `left` bytes; 0: none is there. */
static uint32_t code_point(const unsigned char *s, uint32_t left)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t size = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (size == 0 || size > left || s[0] > 0xf4) return 0;
    if (size == 1) return 1;
    uint32_t point = s[0] & (0x7fu >> size);
    for (uint32_t i = 1; i < size; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        point = point << 6 | (s[i] & 0x3fu);
    }
    bool surrogate = point >= 0xd800 && point < 0xe000;
    return point < least[size] || point > 0x10ffff || surrogate ? 0 : size;
}

static bool is_utf8(const char *text, uint32_t bytes)
{
    const unsigned char *s = (const unsigned char *)text;
    for (uint32_t i = 0, size; i < bytes; i += size) {
        size = code_point(s + i, bytes - i);
        if (size == 0) return false;
    }
    return true;
}

static bool check_txns(const trace *t, const char **why)
{
    uint64_t parents = 0, patches = 0;
    for (uint32_t i = 0; i < t->txns_count; i++) {
        const trace_txn *x = &t->txns[i];
        *why = "a transaction of an agent that is not there";
        if (x->agent >= t->agents) return false;
        *why = "parents or patches are not in a row";
        if (x->first_parent != parents || x->first_patch != patches) return false;
        parents += x->parents;
        patches += x->patches;
        if (parents > t->parents_count || patches > t->patches_count) return false;
        *why = "a parent does not come before its child";
        for (uint32_t k = 0; k < x->parents; k++) {
            if (t->parents[x->first_parent + k] >= i) return false;
        }
    }
    *why = "parents or patches of no transaction";
    return parents == t->parents_count && patches == t->patches_count;
}

static bool check_texts(const trace *t, const char **why)
{
    *why = "inserted text is not UTF-8";
    for (uint32_t i = 0; i < t->patches_count; i++) {
        const trace_patch *p = &t->patches[i];
        if ((uint64_t)p->text_offset + p->text_bytes > t->text_size) return false;
        if (p->text_bytes > 0 && !is_utf8(t->text + p->text_offset, p->text_bytes)) return false;
    }
    *why = "the end text is not UTF-8";
    return t->end_size == 0 || is_utf8(t->end, t->end_size);
}

/* Positions of a concurrent trace only a replay can check. */
static bool check_positions(const trace *t, const char **why)
{
    uint64_t length = 0;
    *why = "a position past the end";
    for (uint32_t i = 0; i < t->patches_count; i++) {
        const trace_patch *p = &t->patches[i];
        if ((uint64_t)p->pos + p->deleted > length) return false;
        length += p->text_bytes > 0 ? trace_code_points(trace_text(t, p), p->text_bytes) : 0;
        length -= p->deleted;
    }
    *why = "the end text is not of the length that the patches make";
    return length == (t->end_size > 0 ? trace_code_points(t->end, t->end_size) : 0);
}

bool trace_check(const trace *t, const char **ret_reason)
{
    const char *unused;
    if (ret_reason == NULL) ret_reason = &unused;
    *ret_reason = "too many agents";
    if (t->agents > TRACE_AGENTS_MAX) return false;
    if (!check_txns(t, ret_reason) || !check_texts(t, ret_reason)) return false;
    if (t->kind == TRACE_SEQUENTIAL) {
        *ret_reason = "a sequential trace with agents or parents";
        return t->agents <= 1 && t->parents_count == 0 && check_positions(t, ret_reason);
    }
    *ret_reason = "more transactions and agents than can be looked at";
    if ((uint64_t)t->txns_count * t->agents > TRACE_VERSIONS_MAX) return false;
    *ret_reason = "an agent's transactions are not totally ordered";
    uint32_t *versions = trace_versions(t);
    free(versions);
    return versions != NULL || t->txns_count == 0;
}

uint32_t *trace_versions(const trace *t)
{
    size_t agents = t->agents, cells = t->txns_count * agents;
    if (cells == 0 || cells > TRACE_VERSIONS_MAX) return NULL;
    uint32_t *versions = calloc(cells, sizeof *versions);
    uint32_t *made = calloc(agents, sizeof *made);
    bool      ordered = versions != NULL && made != NULL;
    for (uint32_t i = 0; i < t->txns_count && ordered; i++) {
        const trace_txn *x = &t->txns[i];
        uint32_t        *row = versions + i * agents, previous = i - 1;
        bool             implied = t->kind == TRACE_SEQUENTIAL && i > 0;
        for (uint32_t k = 0; k < x->parents || (implied && k == 0); k++) {
            uint32_t        parent = implied ? previous : t->parents[x->first_parent + k];
            const uint32_t *other = versions + parent * agents;
            for (size_t a = 0; a < agents; a++) {
                if (other[a] > row[a]) row[a] = other[a];
            }
        }
        ordered = row[x->agent] == made[x->agent];
        row[x->agent] = ++made[x->agent];
    }
    free(made);
    if (ordered) return versions;
    free(versions);
    return NULL;
}

/* -- Files ------------------------------------------------------------------------------------- */

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* u32s into a fresh array of exactly that many. */
static void *take_words(const uint8_t **at, uint32_t items, uint32_t words_each, uint32_t *cap)
{
    uint32_t *words = room(NULL, 0, cap, items, words_each * sizeof *words);
    for (size_t i = 0; i < (size_t)items * words_each; i++, *at += 4) words[i] = get_u32(*at);
    return words;
}

static char *take_bytes(const uint8_t **at, uint32_t size, uint32_t *cap)
{
    char *bytes = room(NULL, 0, cap, size, 1);
    if (size > 0) memcpy(bytes, *at, size);
    *at += size;
    return bytes;
}

bool trace_parse(const uint8_t *bytes, size_t size, trace *ret, const char **ret_reason)
{
    const uint8_t *head = bytes + 8, *at = bytes + HEADER_SIZE;
    memset(ret, 0, sizeof *ret);
    *ret_reason = "no trace file";
    if (size < HEADER_SIZE || memcmp(bytes, MAGIC, 8) != 0) return false;
    *ret_reason = "a header that is none";
    uint32_t kind = get_u32(head), agents = get_u32(head + 4), txns = get_u32(head + 8);
    uint32_t patches = get_u32(head + 12), parents = get_u32(head + 16);
    uint32_t text = get_u32(head + 20), end = get_u32(head + 24);
    if (kind > TRACE_CONCURRENT || get_u32(head + 28) != 0) return false;
    uint64_t need = HEADER_SIZE + UINT64_C(20) * txns + UINT64_C(4) * parents;
    need += UINT64_C(16) * patches + text + end;
    *ret_reason = "the file is not as long as its header says";
    if (need != size) return false;
    ret->kind = (trace_kind)kind;
    ret->agents = agents;
    ret->txns = take_words(&at, ret->txns_count = txns, 5, &ret->txns_cap);
    ret->parents = take_words(&at, ret->parents_count = parents, 1, &ret->parents_cap);
    ret->patches = take_words(&at, ret->patches_count = patches, 4, &ret->patches_cap);
    ret->text = take_bytes(&at, ret->text_size = text, &ret->text_cap);
    ret->end = take_bytes(&at, ret->end_size = end, &ret->end_cap);
    if (trace_check(ret, ret_reason)) return true;
    trace_clear(ret);
    return false;
}

static uint8_t *read_file(const char *path, size_t *ret_size)
{
    FILE    *in = fopen(path, "rb");
    uint8_t *bytes = NULL;
    size_t   size = 0, cap = 0;
    bool     good = in != NULL;
    while (good && !feof(in)) {
        if (size == cap) {
            cap = cap == 0 ? 1 << 16 : cap * 2;
            uint8_t *fresh = realloc(bytes, cap);
            good = fresh != NULL;
            bytes = good ? fresh : bytes;
        }
        if (good) size += fread(bytes + size, 1, cap - size, in);
        good = good && !ferror(in);
    }
    if (in != NULL) fclose(in);
    *ret_size = size;
    if (good) return bytes;
    free(bytes);
    return NULL;
}

bool trace_read(const char *path, trace *ret, const char **ret_reason)
{
    size_t   size;
    uint8_t *bytes = read_file(path, &size);
    *ret_reason = "cannot be read";
    bool good = bytes != NULL && trace_parse(bytes, size, ret, ret_reason);
    free(bytes);
    if (!good) return false;
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    snprintf(ret->name, sizeof ret->name, "%.*s", (int)strcspn(name, "."), name);
    return true;
}

static void put_words(FILE *out, const void *array, size_t words)
{
    const uint32_t *at = array;
    for (size_t i = 0; i < words; i++) {
        uint32_t v = at[i];
        uint8_t  b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
        fwrite(b, 1, 4, out);
    }
}

bool trace_write(const trace *t, const char *path)
{
    uint32_t head[8] = {t->kind,          t->agents,    t->txns_count, t->patches_count,
                        t->parents_count, t->text_size, t->end_size,   0};
    FILE    *out = fopen(path, "wb");
    if (out == NULL) return false;
    fwrite(MAGIC, 1, 8, out);
    put_words(out, head, 8);
    put_words(out, t->txns, (size_t)5 * t->txns_count);
    put_words(out, t->parents, t->parents_count);
    put_words(out, t->patches, (size_t)4 * t->patches_count);
    fwrite(t->text, 1, t->text_size, out);
    fwrite(t->end, 1, t->end_size, out);
    bool good = !ferror(out);
    return fclose(out) == 0 && good;
}
