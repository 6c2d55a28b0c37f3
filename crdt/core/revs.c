/* core/revs.c: ids of revisions, and the arrays of a graph of them. See core/revs.h. */
#include "crdt/core/revs.h"

#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/core/secure.h"

/* -- Ids --------------------------------------------------------------------------------------- */

int crdt__rev_id_compare(const crdt__rev_id *a, const crdt__rev_id *b)
{
    if (a->depth != b->depth) return a->depth < b->depth ? -1 : 1;
    return memcmp(a->hash, b->hash, sizeof a->hash);
}

int crdt__rev_key_compare(const crdt__rev_key *a, const crdt__rev_key *b)
{
    if (a->known != b->known) return a->known ? 1 : -1;
    if (a->deleted != b->deleted) return a->deleted ? 1 : -1;
    return a->check == b->check ? 0 : a->check < b->check ? -1 : 1;
}

/* -- Hashes ------------------------------------------------------------------------------------ */

static void digest_content(bool deleted, crdt_view body, uint8_t ret_digest[CRDT__SECURE_BYTES])
{
    crdt__secure hash;
    uint8_t      flag = deleted;
    crdt__secure_init(&hash);
    crdt__secure_add(&hash, &flag, 1);
    crdt__secure_add(&hash, body.data, body.size);
    crdt__secure_end(&hash, ret_digest);
}

static void add_id(crdt__secure *hash, const crdt__rev_id *id)
{
    uint8_t depth[8];
    crdt__store_le64(depth, id->depth);
    crdt__secure_add(hash, depth, sizeof depth);
    crdt__secure_add(hash, id->hash, sizeof id->hash);
}

crdt__rev_id crdt__rev_derive(const crdt__rev_id *parents, size_t count, bool deleted,
                              crdt_view body)
{
    crdt__rev_id id = {1, {0}};
    crdt__secure hash;
    uint8_t      content[CRDT__SECURE_BYTES];
    digest_content(deleted, body, content);
    crdt__secure_init(&hash);
    for (size_t i = 0; i < count; i++) {
        add_id(&hash, &parents[i]);
        if (parents[i].depth >= id.depth) id.depth = parents[i].depth + 1;
    }
    crdt__secure_add(&hash, content, sizeof content);
    crdt__secure_end(&hash, id.hash);
    if (id.depth > CRDT__REV_DEPTH_MAX) id.depth = 0;
    return id;
}

crdt__rev_key crdt__rev_key_of(bool deleted, crdt_view body)
{
    crdt__rev_id id = crdt__rev_derive(NULL, 0, deleted, body);
    return (crdt__rev_key){true, deleted, crdt__load_le64(id.hash)};
}

crdt__rev_id crdt__rev_derive_tomb(const crdt__rev_id *leaf, const crdt__rev_id *merge)
{
    crdt__rev_id id = {leaf->depth + 1, {0}};
    crdt__secure hash;
    crdt__secure_init(&hash);
    crdt__secure_add(&hash, "resolved by", sizeof "resolved by" - 1);
    add_id(&hash, leaf);
    add_id(&hash, merge);
    crdt__secure_end(&hash, id.hash);
    return id;
}

/* -- Places ------------------------------------------------------------------------------------ */

uint32_t crdt__revs_seek(const crdt__revs *revs, const crdt__rev_id *id)
{
    uint32_t from = 0, to = revs->revs_count;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (crdt__rev_id_compare(&revs->revs[mid]->id, id) < 0) from = mid + 1;
        else to = mid;
    }
    return from;
}

crdt__rev *crdt__revs_find(const crdt__revs *revs, const crdt__rev_id *id)
{
    uint32_t at = crdt__revs_seek(revs, id);
    bool     there = at < revs->revs_count && crdt__rev_id_compare(&revs->revs[at]->id, id) == 0;
    return there ? revs->revs[at] : NULL;
}

/* How the content stands to an id and a key. */
static int content_order(const crdt__rev_content *content, const crdt__rev_id *id,
                         const crdt__rev_key *key)
{
    int order = crdt__rev_id_compare(&content->rev->id, id);
    return order != 0 ? order : crdt__rev_key_compare(&content->key, key);
}

uint32_t crdt__revs_seek_content(const crdt__revs *revs, const crdt__rev_id *id,
                                 const crdt__rev_key *key)
{
    uint32_t from = 0, to = revs->contents_count;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (content_order(revs->contents[mid], id, key) < 0) from = mid + 1;
        else to = mid;
    }
    return from;
}

crdt__rev_content *crdt__revs_find_content(const crdt__revs *revs, const crdt__rev_id *id,
                                           const crdt__rev_key *key)
{
    uint32_t at = crdt__revs_seek_content(revs, id, key);
    bool     there = at < revs->contents_count && content_order(revs->contents[at], id, key) == 0;
    return there ? revs->contents[at] : NULL;
}

uint32_t crdt__revs_seek_dot(const crdt__revs *revs, crdt_dot dot)
{
    uint32_t from = 0, to = revs->dots_count;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (crdt_dot_compare(revs->dots[mid].dot, dot) < 0) from = mid + 1;
        else to = mid;
    }
    return from;
}

bool crdt__revs_is_doubled(const crdt__revs *revs, uint32_t content)
{
    const crdt__rev_content *const *at = (const crdt__rev_content *const *)revs->contents + content;
    bool below = content > 0 && at[-1]->rev == at[0]->rev && at[-1]->key.known;
    bool above = content + 1 < revs->contents_count && at[1]->rev == at[0]->rev;
    return at[0]->key.known && (below || above);
}

/* -- Memory ------------------------------------------------------------------------------------ */

/* Room for `need` items in an array of *cap of them. */
static crdt_err grow(const crdt_mem *mem, void **array, uint32_t *cap, size_t need, size_t item)
{
    if (need <= *cap) return CRDT_OK;
    size_t next = *cap == 0 ? need : crdt__grow(*cap, need);
    if (next > UINT32_MAX || next > SIZE_MAX / item) return CRDT_ENOMEM;
    void *moved = crdt__resize(mem, *array, *cap * item, next * item);
    if (moved == NULL) return CRDT_ENOMEM;
    *array = moved;
    *cap = (uint32_t)next;
    return CRDT_OK;
}

crdt_err crdt__revs_reserve(const crdt_mem *mem, crdt__revs *revs, size_t more_revs,
                            size_t more_contents, size_t more_dots)
{
    void    *array = revs->revs;
    crdt_err err =
        grow(mem, &array, &revs->revs_cap, revs->revs_count + more_revs, sizeof *revs->revs);
    revs->revs = array;
    if (err != CRDT_OK) return err;
    array = revs->contents;
    err = grow(mem, &array, &revs->contents_cap, revs->contents_count + more_contents,
               sizeof *revs->contents);
    revs->contents = array;
    if (err != CRDT_OK) return err;
    array = revs->dots;
    err = grow(mem, &array, &revs->dots_cap, revs->dots_count + more_dots, sizeof *revs->dots);
    revs->dots = array;
    return err;
}

crdt__rev *crdt__rev_make(const crdt_mem *mem, const crdt__rev_id *id)
{
    crdt__rev *rev = crdt__alloc(mem, sizeof *rev);
    if (rev == NULL) return NULL;
    memset(rev, 0, sizeof *rev);
    rev->id = *id;
    return rev;
}

void crdt__rev_free(const crdt_mem *mem, crdt__rev *rev)
{
    crdt__release(mem, rev->parents, rev->parents_count * sizeof(crdt__rev *));
    crdt__release(mem, rev, sizeof *rev);
}

crdt__rev_content *crdt__rev_content_make(const crdt_mem *mem, crdt__rev *rev, crdt__rev_key key,
                                          const crdt_view *body)
{
    crdt__rev_content *content = crdt__alloc(mem, sizeof *content);
    if (content == NULL) return NULL;
    memset(content, 0, sizeof *content);
    content->rev = rev;
    content->key = key;
    if (body == NULL) return content;
    if (body->size > 0) {
        content->bytes = crdt__alloc(mem, body->size);
        if (content->bytes == NULL) {
            crdt__release(mem, content, sizeof *content);
            return NULL;
        }
        memcpy(content->bytes, body->data, body->size);
    }
    content->size = (uint32_t)body->size;
    content->held = true;
    return content;
}

void crdt__rev_drop_body(const crdt_mem *mem, crdt__rev_content *content)
{
    crdt__release(mem, content->bytes, content->size);
    content->bytes = NULL;
    content->size = 0;
    content->held = false;
}

void crdt__rev_content_free(const crdt_mem *mem, crdt__rev_content *content)
{
    crdt__rev_drop_body(mem, content);
    crdt__release(mem, content, sizeof *content);
}

void crdt__revs_clear(const crdt_mem *mem, crdt__revs *revs)
{
    crdt__revs_drop_plan(mem, revs);
    for (uint32_t i = 0; i < revs->contents_count; i++) {
        crdt__rev_content_free(mem, revs->contents[i]);
    }
    for (uint32_t i = 0; i < revs->revs_count; i++) crdt__rev_free(mem, revs->revs[i]);
    crdt__release(mem, revs->revs, revs->revs_cap * sizeof *revs->revs);
    crdt__release(mem, revs->contents, revs->contents_cap * sizeof *revs->contents);
    crdt__release(mem, revs->dots, revs->dots_cap * sizeof *revs->dots);
    memset(revs, 0, sizeof *revs);
}

size_t crdt__revs_bytes(const crdt__revs *revs)
{
    size_t bytes = revs->revs_cap * sizeof *revs->revs + revs->dots_cap * sizeof *revs->dots +
                   revs->contents_cap * sizeof *revs->contents;
    for (uint32_t i = 0; i < revs->revs_count; i++) {
        bytes += sizeof(crdt__rev) + revs->revs[i]->parents_count * sizeof(crdt__rev *);
    }
    for (uint32_t i = 0; i < revs->contents_count; i++) {
        bytes += sizeof(crdt__rev_content) + revs->contents[i]->size;
    }
    return bytes;
}

/* -- Building ---------------------------------------------------------------------------------- */

void crdt__revs_append(crdt__revs *revs, crdt__rev *rev)
{
    CRDT_ASSERT(revs->revs_count < revs->revs_cap);
    revs->revs[revs->revs_count++] = rev;
}

void crdt__revs_append_content(crdt__revs *revs, crdt__rev_content *content)
{
    CRDT_ASSERT(revs->contents_count < revs->contents_cap);
    revs->contents[revs->contents_count++] = content;
    content->rev->contents++;
}

void crdt__revs_append_dot(crdt__revs *revs, crdt_dot dot, crdt__rev_content *content)
{
    CRDT_ASSERT(revs->dots_count < revs->dots_cap);
    revs->dots[revs->dots_count++] = (crdt__rev_dot){dot, content};
    content->dots++;
}

/* Let the dot at root sink within the heap dots[0..count), greatest on top. */
static void sink(crdt__rev_dot *dots, size_t root, size_t count)
{
    crdt__rev_dot held = dots[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && crdt_dot_compare(dots[child].dot, dots[child + 1].dot) < 0) {
            child++;
        }
        if (crdt_dot_compare(held.dot, dots[child].dot) >= 0) break;
        dots[root] = dots[child];
    }
    dots[root] = held;
}

bool crdt__revs_sort_dots(crdt__revs *revs)
{
    crdt__rev_dot *dots = revs->dots;
    uint32_t       count = revs->dots_count;
    for (size_t root = count / 2; root-- > 0;) sink(dots, root, count);
    for (size_t left = count; left-- > 1;) {
        crdt__rev_dot greatest = dots[0];
        dots[0] = dots[left];
        dots[left] = greatest;
        sink(dots, 0, left);
    }
    for (uint32_t i = 1; i < count; i++) {
        if (crdt_dot_equal(dots[i - 1].dot, dots[i].dot)) return false;
    }
    return true;
}

crdt_err crdt__rev_set_parents(const crdt_mem *mem, crdt__rev *rev, crdt__rev *const *parents,
                               uint32_t count)
{
    if (count == 0) return CRDT_OK;
    rev->parents = crdt__alloc(mem, count * sizeof *rev->parents);
    if (rev->parents == NULL) return CRDT_ENOMEM;
    memcpy(rev->parents, parents, count * sizeof *rev->parents);
    rev->parents_count = count;
    for (uint32_t i = 0; i < count; i++) parents[i]->children++;
    return CRDT_OK;
}

/* -- Sweeping ---------------------------------------------------------------------------------- */

/* A revision that nobody holds any more names no parents. */
static void let_go_of_parents(const crdt_mem *mem, crdt__rev *rev)
{
    for (uint32_t i = 0; i < rev->parents_count; i++) rev->parents[i]->children--;
    crdt__release(mem, rev->parents, rev->parents_count * sizeof *rev->parents);
    rev->parents = NULL;
    rev->parents_count = 0;
}

void crdt__revs_sweep(const crdt_mem *mem, crdt__revs *revs)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < revs->contents_count; i++) {
        crdt__rev_content *content = revs->contents[i];
        if (content->dots > 0) {
            revs->contents[kept++] = content;
            continue;
        }
        content->rev->contents--;
        crdt__rev_content_free(mem, content);
    }
    revs->contents_count = kept;
    /* Children have greater ids than their parents: so each is looked at after all its children. */
    for (uint32_t i = revs->revs_count; i-- > 0;) {
        crdt__rev *rev = revs->revs[i];
        if (rev->contents > 0) continue;
        let_go_of_parents(mem, rev);
        if (rev->children > 0) continue;
        crdt__rev_free(mem, rev);
        revs->revs[i] = NULL;
    }
    kept = 0;
    for (uint32_t i = 0; i < revs->revs_count; i++) {
        if (revs->revs[i] != NULL) revs->revs[kept++] = revs->revs[i];
    }
    revs->revs_count = kept;
}
