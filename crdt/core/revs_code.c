/* core/revs_code.c: graphs of revisions as bytes, digests, audit and figures. See core/revs.h.
 *
 * Bytes    varint number of revisions (those that are only named included), of contents, of dots;
 *          then of each revision, by id:
 *              varint depth - the depth before (at first: 0), 16 bytes of hash
 *              varint 4 * contents + 2 * (it has parents) + (its dots are wide)
 *              if it has parents: varint count - 1; of each, by id, varint how many places before
 *              of each content, by key:
 *                  varint 8 * (dots - 1) + 4 * (without its body) + 2 * (deleted) + (known)
 *                  with its body: varint size, bytes; known and without: 8 bytes of its check
 *                  its dots in order: place of the replica; sequence: varint, or 8 bytes if wide
 *          Wide if the revision has more than one dot, and only then: so what is read takes at most
 *          eight times its bytes.
 */
#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/dec.h"
#include "crdt/core/mem.h"
#include "crdt/core/revs.h"

enum { KNOWN = 1, DELETED = 2, BODILESS = 4, FLAGS = 3 };
enum { WIDE = 1, PARENTS = 2, REV_FLAGS = 2 };

#define REV_BYTES_MIN 18u
#define CONTENT_BYTES_MIN 3u
#define MORE_BYTES_MIN 7u /* of a content beyond the revisions' first ones: wide dots */
#define DOT_BYTES_MIN 9u  /* of a dot beyond the contents' first ones */

void crdt__revs_mark(const void *state, crdt_replicas *ids)
{
    const crdt__revs *revs = state;
    for (uint32_t i = 0; i < revs->dots_count; i++) {
        if (i > 0 && revs->dots[i - 1].dot.replica == revs->dots[i].dot.replica) continue;
        crdt_replicas_add(ids, revs->dots[i].dot.replica);
    }
}

/* -- Encoding ---------------------------------------------------------------------------------- */

/* The dots of each content, in the order of contents: those of one behind each other. */
typedef struct by_content {
    uint32_t *first; /* of a content's dots: its place in `dots`; one more at the end */
    crdt_dot *dots;
    size_t    bytes;
} by_content;

static uint32_t place_of(const crdt__revs *revs, const crdt__rev_content *content)
{
    return crdt__revs_seek_content(revs, &content->rev->id, &content->key);
}

static bool sort_by_content(const crdt_mem *mem, const crdt__revs *revs, by_content *ret)
{
    uint32_t n = revs->contents_count;
    ret->bytes = revs->dots_count * sizeof(crdt_dot) + (n + (size_t)1) * sizeof(uint32_t);
    ret->dots = crdt__alloc(mem, ret->bytes);
    if (ret->dots == NULL) return false;
    ret->first = (uint32_t *)(ret->dots + revs->dots_count);
    for (uint32_t i = 0, at = 0; i <= n; i++) {
        ret->first[i] = at;
        if (i < n) at += revs->contents[i]->dots;
    }
    for (uint32_t i = 0; i < revs->dots_count; i++) {
        uint32_t c = place_of(revs, revs->dots[i].content);
        ret->dots[ret->first[c]++] = revs->dots[i].dot;
    }
    for (uint32_t i = 0; i < n; i++) ret->first[i] -= revs->contents[i]->dots;
    return true;
}

static bool is_wide(const crdt__revs *revs, const crdt__rev *rev, uint32_t content)
{
    return rev->contents > 1 || (rev->contents == 1 && revs->contents[content]->dots > 1);
}

static void put_parents(const crdt__revs *revs, uint32_t place, crdt_enc *enc)
{
    const crdt__rev *rev = revs->revs[place];
    if (rev->parents_count == 0) return;
    crdt_buf_varint(enc->out, rev->parents_count - 1);
    for (uint32_t i = 0; i < rev->parents_count; i++) {
        crdt_buf_varint(enc->out, place - crdt__revs_seek(revs, &rev->parents[i]->id));
    }
}

static void put_content(const crdt__rev_content *content, const crdt_dot *dots, bool wide,
                        crdt_enc *enc)
{
    uint64_t flags = (content->key.known ? KNOWN : 0) | (content->key.deleted ? DELETED : 0) |
                     (content->held ? 0 : BODILESS);
    crdt_buf_varint(enc->out, (uint64_t)(content->dots - 1) << FLAGS | flags);
    if (content->held) crdt_buf_view(enc->out, crdt_view_of(content->bytes, content->size));
    else if (content->key.known) crdt_buf_u64(enc->out, content->key.check);
    for (uint32_t i = 0; i < content->dots; i++) {
        crdt_enc_replica(enc, dots[i].replica);
        if (wide) crdt_buf_u64(enc->out, dots[i].seq);
        else crdt_buf_varint(enc->out, dots[i].seq);
    }
}

void crdt__revs_encode(const void *state, crdt_enc *enc)
{
    const crdt__revs *revs = state;
    by_content        sorted;
    uint64_t          depth = 0;
    if (!sort_by_content(enc->out->mem, revs, &sorted)) {
        enc->out->failed = true;
        return;
    }
    crdt_buf_varint(enc->out, revs->revs_count);
    crdt_buf_varint(enc->out, revs->contents_count);
    crdt_buf_varint(enc->out, revs->dots_count);
    for (uint32_t i = 0, c = 0; i < revs->revs_count; i++) {
        const crdt__rev *rev = revs->revs[i];
        bool             wide = is_wide(revs, rev, c);
        crdt_buf_varint(enc->out, rev->id.depth - depth);
        crdt_buf_put(enc->out, rev->id.hash, sizeof rev->id.hash);
        uint64_t flags = (wide ? WIDE : 0) | (rev->parents_count > 0 ? PARENTS : 0);
        crdt_buf_varint(enc->out, (uint64_t)rev->contents << REV_FLAGS | flags);
        put_parents(revs, i, enc);
        for (uint32_t end = c + rev->contents; c < end; c++) {
            put_content(revs->contents[c], sorted.dots + sorted.first[c], wide, enc);
        }
        depth = rev->id.depth;
    }
    crdt__release(enc->out->mem, sorted.dots, sorted.bytes);
}

/* -- Decoding ---------------------------------------------------------------------------------- */

typedef struct reading {
    const crdt_mem *mem;
    crdt__revs     *revs;
    crdt_dec       *dec;
} reading;

static bool bad(reading *r, const char *why)
{
    crdt_dec_fail(r->dec, CRDT_EMALFORMED, why);
    return false;
}

static bool no_memory(reading *r)
{
    crdt_dec_fail(r->dec, CRDT_ENOMEM, "no memory for revisions");
    return false;
}

static bool get_counts(reading *r, uint64_t counts[3])
{
    for (unsigned i = 0; i < 3; i++) counts[i] = crdt__dec_varint(r->dec);
    uint64_t revs = counts[0], contents = counts[1], dots = counts[2], left = crdt_dec_left(r->dec);
    if (crdt_dec_status(r->dec) != CRDT_OK) return false;
    if (revs > left || contents > left || dots > left || dots < contents) {
        return bad(r, "more revisions than the input holds");
    }
    uint64_t more = contents > revs ? contents - revs : 0;
    uint64_t least = revs * REV_BYTES_MIN + contents * CONTENT_BYTES_MIN + more * MORE_BYTES_MIN +
                     (dots - contents) * DOT_BYTES_MIN;
    return least <= left || bad(r, "more revisions than the input holds");
}

static bool get_parents(reading *r, crdt__rev *rev)
{
    uint32_t place = r->revs->revs_count - 1, last = UINT32_MAX;
    size_t   count = crdt_dec_count(r->dec, 1, "parents");
    if (crdt_dec_status(r->dec) != CRDT_OK || count >= crdt_dec_left(r->dec)) {
        return bad(r, "more parents than the input holds");
    }
    count++;
    rev->parents = crdt__alloc(r->mem, count * sizeof *rev->parents);
    if (rev->parents == NULL) return no_memory(r);
    rev->parents_count = (uint32_t)count;
    memset(rev->parents, 0, count * sizeof *rev->parents);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t before = crdt__dec_varint(r->dec);
        if (before == 0 || before > place || before >= last) {
            return bad(r, "a revision's parents are out of order");
        }
        last = (uint32_t)before;
        rev->parents[i] = r->revs->revs[place - last];
        rev->parents[i]->children++;
    }
    bool deep = rev->parents[count - 1]->id.depth + 1 == rev->id.depth;
    return deep || bad(r, "a revision's depth is not its parents'");
}

static bool get_dot(reading *r, crdt__rev_content *content, bool wide)
{
    crdt_dot dot = {crdt_dec_replica(r->dec), 0}, last = {0, 0};
    dot.seq = wide ? crdt_dec_u64(r->dec) : crdt__dec_varint(r->dec);
    if (crdt_dec_status(r->dec) != CRDT_OK) return false;
    if (dot.replica == 0 || dot.seq == 0 || dot.seq > CRDT_SEQ_MAX) {
        return bad(r, "a revision's dot is out of range");
    }
    if (content->dots > 0) last = r->revs->dots[r->revs->dots_count - 1].dot;
    if (crdt_dot_compare(last, dot) >= 0) return bad(r, "a revision's dots are out of order");
    if (r->revs->dots_count == r->revs->dots_cap) return bad(r, "more dots than were told of");
    crdt__revs_append_dot(r->revs, dot, content);
    return true;
}

static bool get_content(reading *r, crdt__rev *rev, bool wide, bool first)
{
    uint64_t  head = crdt__dec_varint(r->dec), dots = head >> FLAGS;
    bool      known = head & KNOWN, held = !(head & BODILESS);
    crdt_view body = crdt_view_of(NULL, 0);
    if (!known && (held || head & DELETED)) return bad(r, "an unknown content has a body");
    crdt__rev_key key = {known, head & DELETED, 0};
    if (held) {
        body = crdt__dec_view(r->dec, r->dec->limits->value_bytes, "a body is too long");
        key = crdt__rev_key_of(key.deleted, body);
    } else if (known) {
        key.check = crdt_dec_u64(r->dec);
    }
    if (crdt_dec_status(r->dec) != CRDT_OK) return false;
    if (dots >= crdt_dec_left(r->dec) || (dots > 0 && !wide)) return bad(r, "too many dots");
    uint32_t count = r->revs->contents_count;
    if (count == r->revs->contents_cap) return bad(r, "more contents than were told of");
    if (!first && crdt__rev_key_compare(&r->revs->contents[count - 1]->key, &key) >= 0) {
        return bad(r, "a revision's contents are out of order");
    }
    crdt__rev_content *content = crdt__rev_content_make(r->mem, rev, key, held ? &body : NULL);
    if (content == NULL) return no_memory(r);
    crdt__revs_append_content(r->revs, content);
    for (uint64_t i = 0; i <= dots; i++) {
        if (!get_dot(r, content, wide)) return false;
    }
    return true;
}

static bool get_rev(reading *r, const crdt__rev *last)
{
    crdt__rev_id id;
    uint64_t     more = crdt__dec_varint(r->dec);
    crdt_view    hash = crdt_dec_bytes(r->dec, sizeof id.hash);
    uint64_t     head = crdt__dec_varint(r->dec), contents = head >> REV_FLAGS;
    if (crdt_dec_status(r->dec) != CRDT_OK) return false;
    id.depth = last == NULL ? 0 : last->id.depth;
    if (more > CRDT__REV_DEPTH_MAX - id.depth) return bad(r, "a revision is too deep");
    id.depth += more;
    memcpy(id.hash, hash.data, sizeof id.hash);
    if (id.depth == 0 || (last != NULL && crdt__rev_id_compare(&last->id, &id) >= 0)) {
        return bad(r, "revisions out of order");
    }
    crdt__rev *rev = crdt__rev_make(r->mem, &id);
    if (rev == NULL) return no_memory(r);
    crdt__revs_append(r->revs, rev);
    if (contents == 0) return head == 0 || bad(r, "a revision that is only named has parents");
    if ((head & PARENTS) && !get_parents(r, rev)) return false;
    uint32_t first = r->revs->contents_count;
    for (uint64_t i = 0; i < contents; i++) {
        if (!get_content(r, rev, head & WIDE, i == 0)) return false;
    }
    if (is_wide(r->revs, rev, first) != (head & WIDE)) return bad(r, "wide dots without need");
    return true;
}

/* What can be told of the whole only. */
static bool is_whole(reading *r, const uint64_t counts[3])
{
    if (r->revs->contents_count != counts[1] || r->revs->dots_count != counts[2]) {
        return bad(r, "fewer contents or dots than were told of");
    }
    for (uint32_t i = 0; i < r->revs->revs_count; i++) {
        const crdt__rev *rev = r->revs->revs[i];
        if (rev->contents + rev->children == 0) return bad(r, "a revision that nothing names");
    }
    for (uint32_t i = 0; i < r->revs->contents_count; i++) {
        const crdt__rev_content *content = r->revs->contents[i];
        if (content->held && content->rev->children > 0) return bad(r, "an ancestor has a body");
    }
    return crdt__revs_sort_dots(r->revs) || bad(r, "one dot of two revisions");
}

static bool get_all(reading *r)
{
    uint64_t counts[3];
    if (!get_counts(r, counts)) return false;
    if (crdt__revs_reserve(r->mem, r->revs, counts[0], counts[1], counts[2]) != CRDT_OK) {
        return no_memory(r);
    }
    for (uint64_t i = 0; i < counts[0]; i++) {
        if (!get_rev(r, i == 0 ? NULL : r->revs->revs[i - 1])) return false;
    }
    return is_whole(r, counts);
}

crdt_err crdt__revs_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    reading r = {space->mem, state, dec};
    if (!get_all(&r)) crdt__revs_clear(space->mem, state);
    return crdt_dec_status(dec);
}

/* -- Digest, audit, figures -------------------------------------------------------------------- */

void crdt__revs_digest(const void *state, crdt_blocks *blocks)
{
    const crdt__revs *revs = state;
    for (uint32_t i = 0; i < revs->dots_count; i++) {
        const crdt__rev_content *content = revs->dots[i].content;
        const crdt__rev         *rev = content->rev;
        crdt_blocks_atom(blocks, revs->dots[i].dot);
        crdt_blocks_u64(blocks, rev->id.depth);
        crdt_blocks_put(blocks, rev->id.hash, sizeof rev->id.hash);
        crdt_blocks_u64(blocks, rev->parents_count);
        for (uint32_t p = 0; p < rev->parents_count; p++) {
            crdt_blocks_u64(blocks, rev->parents[p]->id.depth);
            crdt_blocks_put(blocks, rev->parents[p]->id.hash, sizeof rev->id.hash);
        }
        uint64_t flags = (content->key.known ? KNOWN : 0) | (content->key.deleted ? DELETED : 0) |
                         (content->held ? 0 : BODILESS);
        crdt_blocks_u64(blocks, flags);
        crdt_blocks_u64(blocks, content->key.check);
        if (!content->held) continue;
        crdt_blocks_u64(blocks, content->size);
        crdt_blocks_put(blocks, content->bytes, content->size);
    }
}

/* What is wrong with the revision at this place; its names for others are added to *children. */
static const char *rev_fault(const crdt__revs *revs, uint32_t place, uint64_t *children)
{
    const crdt__rev *rev = revs->revs[place];
    if (place > 0 && crdt__rev_id_compare(&revs->revs[place - 1]->id, &rev->id) >= 0) {
        return "revisions out of order";
    }
    if (rev->id.depth == 0 || rev->id.depth > CRDT__REV_DEPTH_MAX) return "a depth out of range";
    if (rev->contents + rev->children == 0) return "a revision that nothing names";
    if (rev->contents == 0 && rev->parents_count > 0) return "a named revision has parents";
    for (uint32_t i = 0; i < rev->parents_count; i++) {
        const crdt__rev *parent = rev->parents[i];
        if (crdt__revs_find(revs, &parent->id) != parent) return "a parent is not in its place";
        if (parent->children == 0) return "a parent without children";
        if (i > 0 && crdt__rev_id_compare(&rev->parents[i - 1]->id, &parent->id) >= 0) {
            return "parents out of order";
        }
        if (i + 1 == rev->parents_count && parent->id.depth + 1 != rev->id.depth) {
            return "a revision's depth is not its parents'";
        }
    }
    *children += rev->parents_count;
    return NULL;
}

static const char *content_fault(const crdt_space *space, const crdt__revs *revs, uint32_t place)
{
    const crdt__rev_content *content = revs->contents[place];
    const crdt__rev_content *last = place > 0 ? revs->contents[place - 1] : NULL;
    if (crdt__revs_find(revs, &content->rev->id) != content->rev) return "a content of no revision";
    if (last != NULL) {
        int order = crdt__rev_id_compare(&last->rev->id, &content->rev->id);
        if (order == 0) order = crdt__rev_key_compare(&last->key, &content->key);
        if (order >= 0) return "contents out of order";
    }
    if (content->dots == 0) return "a content without a dot";
    if (!content->key.known && (content->held || content->key.deleted || content->key.check != 0)) {
        return "an unknown content has a body";
    }
    if (!content->held) return content->size > 0 ? "a body that is not held" : NULL;
    if (content->rev->children > 0) return "an ancestor has a body";
    if (content->size > space->limits->value_bytes) return "a body is too long";
    crdt__rev_key key =
        crdt__rev_key_of(content->key.deleted, crdt_view_of(content->bytes, content->size));
    return crdt__rev_key_compare(&key, &content->key) != 0 ? "a body is not its check's" : NULL;
}

bool crdt__revs_check(const crdt_space *space, const void *state, const crdt_context *seen,
                      const char **ret_reason)
{
    const crdt__revs *revs = state;
    const char       *fault = NULL;
    uint64_t          named = 0, children = 0, contents = 0, dots = 0;
    for (uint32_t i = 0; i < revs->revs_count && fault == NULL; i++) {
        fault = rev_fault(revs, i, &named);
        children += revs->revs[i]->children;
        contents += revs->revs[i]->contents;
    }
    for (uint32_t i = 0; i < revs->contents_count && fault == NULL; i++) {
        fault = content_fault(space, revs, i);
        dots += revs->contents[i]->dots;
    }
    for (uint32_t i = 0; i < revs->dots_count && fault == NULL; i++) {
        crdt_dot dot = revs->dots[i].dot;
        if (i > 0 && crdt_dot_compare(revs->dots[i - 1].dot, dot) >= 0) fault = "dots out of order";
        if (!crdt_context_has(seen, dot)) fault = "a revision's dot is not in the context";
    }
    if (fault == NULL &&
        (named != children || contents != revs->contents_count || dots != revs->dots_count)) {
        fault = "a revision's counts are wrong";
    }
    if (fault != NULL) *ret_reason = fault;
    return fault == NULL;
}

void crdt__revs_stats(const void *state, crdt_stats *stats)
{
    const crdt__revs *revs = state;
    uint64_t          payload = 0;
    for (uint32_t i = 0; i < revs->contents_count; i++) {
        const crdt__rev_content *content = revs->contents[i];
        const crdt__rev         *rev = content->rev;
        payload += content->size;
        stats->elements += rev->children == 0 && !content->key.deleted;
        /* What is deleted and doubled waits for someone to decide. */
        stats->residues += rev->children > 0 || (content->key.deleted && rev->contents == 1);
    }
    stats->payload += payload;
    stats->metadata += sizeof *revs + crdt__revs_bytes(revs) - payload;
    stats->dots += revs->dots_count;
}
