/* core/omap.c: ordered map from (bytes, minor) to nodes: a B+tree. See omap.h.
 *
 * Shape       a tree node has up to 32 entries in key order. An entry of a leaf is a caller's node;
 *             one of an inner node is a child, under the first caller's node below that child:
 *
 *                 inner   skip 5  ["user:17"  "user:42"]         prefix ["17" "42"]
 *                 leaves  skip 6  ["user:17" "user:19"]  <->  skip 5  ["user:42" "user:5"]
 *
 *             All keys of a tree node begin with the same `skip` bytes; prefix is the next 8, as a
 *             big-endian number. Equal prefixes are settled by the keys themselves. The skipped
 *             bytes stand in the node too, if they are few: then a search looks at no key on its
 *             way down, and what it waits for is one leaf and one caller's node.
 * Balance     all leaves are equally deep. A full node splits in halves, or, at the right edge,
 *             into itself and the new entry, so that keys put in order fill their leaves. A node
 *             with fewer than MIN joins a neighbour if that leaves room; an empty one goes.
 * Invariants  see crdt__omap_check.
 */
#include "crdt/core/omap.h"

#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"

#define MAX 32u
#define MIN 8u
#define JOINED_MAX 24u
#define START 24u
#define CALLERS_BYTES 192u /* of a caller's node, with its name, as most are */
#define HEIGHT_MAX 24u     /* no tree is that high: neighbours have more than JOINED_MAX entries */

typedef struct entries {
    uint32_t    count, skip;
    uint8_t     start[START]; /* the bytes skipped, if skip <= START */
    uint64_t    prefix[MAX];
    crdt__okey *key[MAX];
} entries;

typedef struct leaf {
    entries      e;
    struct leaf *before, *after;
} leaf;

typedef struct inner {
    entries e;
    void   *child[MAX]; /* inner, or leaf at level 0 */
} inner;

/* The way from the root to an entry: at[level] of node[level]; level 0 is the leaf. */
typedef struct path {
    entries *node[HEIGHT_MAX];
    unsigned at[HEIGHT_MAX];
} path;

/* -- Keys -------------------------------------------------------------------------------------- */

static inline uint64_t prefix_of(const crdt_view *key, size_t skip)
{
    const uint8_t *at = key->data;
    if (key->size >= skip + 8) return crdt__load_be64(at + skip);
    if (key->size <= skip) return 0;
    if (key->size >= 8) return crdt__load_be64(at + key->size - 8) << 8 * (skip + 8 - key->size);
    uint64_t prefix = 0;
    unsigned shift = 64;
    for (size_t i = skip; i < key->size; i++) prefix |= (uint64_t)at[i] << (shift -= 8);
    return prefix;
}

/* crdt_view_compare, in place: it is called for each level. */
static inline int compare_bytes(crdt_view a, crdt_view b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int    order = least == 0 ? 0 : memcmp(a.data, b.data, least);
    if (order != 0) return order;
    return a.size == b.size ? 0 : a.size < b.size ? -1 : 1;
}

static inline int compare(const crdt__okey *a, const crdt__okey *b)
{
    int order = compare_bytes(a->bytes, b->bytes);
    if (order != 0) return order;
    return a->minor == b->minor ? 0 : a->minor < b->minor ? -1 : 1;
}

/* The number of bytes, at most max, that both keys begin with. */
static uint32_t common(const crdt__okey *a, const crdt__okey *b, size_t max)
{
    const unsigned char *p = a->bytes.data, *q = b->bytes.data;
    size_t               n = 0;
    if (a->bytes.size < max) max = a->bytes.size;
    if (b->bytes.size < max) max = b->bytes.size;
    while (n < max && p[n] == q[n]) n++;
    return (uint32_t)n;
}

/* The first entry whose prefix is not less than n. */
static inline unsigned seek_prefix(const entries *e, uint64_t n)
{
    const uint64_t *base = e->prefix;
    unsigned        left = e->count;
    while (left > 1) {
        unsigned half = left / 2;
        base += half & (0 - (unsigned)(base[half - 1] < n)); /* no branch */
        left -= half;
    }
    return (unsigned)(base - e->prefix) + (*base < n);
}

/* Start loading the first bytes of something. */
static inline void load_ahead(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) crdt__load_ahead((const char *)at + i);
}

/* seek for a key that begins with the bytes skipped. */
static inline unsigned seek_alike(const entries *e, const crdt__okey *key, bool past)
{
    uint64_t prefix = prefix_of(&key->bytes, e->skip);
    unsigned from = seek_prefix(e, prefix), to = from;
    while (to < e->count && e->prefix[to] == prefix) load_ahead(e->key[to++], CALLERS_BYTES);
    while (from < to) {
        unsigned middle = (from + to) / 2;
        if (compare(e->key[middle], key) < (int)past) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/* The first of the entries whose key is not less than (past: is greater than) key. */
static inline unsigned seek(const entries *e, const crdt__okey *key, bool past)
{
    if (e->skip > 0) {
        const void *bytes = e->skip <= START ? e->start : e->key[0]->bytes.data;
        crdt_view   start = crdt_view_of(bytes, e->skip);
        crdt_view   ours = key->bytes;
        if (ours.size > e->skip) ours.size = e->skip;
        int order = compare_bytes(ours, start);
        if (order != 0) return order < 0 ? 0 : e->count;
    }
    return seek_alike(e, key, past);
}

/* The child of an inner node below which key is or belongs. */
static inline unsigned seek_child(const entries *e, const crdt__okey *key)
{
    unsigned behind = seek(e, key, true);
    return behind > 0 ? behind - 1 : 0;
}

/* -- The entries of one tree node -------------------------------------------------------------- */

static void set_skip(entries *e, uint32_t skip)
{
    e->skip = skip;
    if (skip > 0 && skip <= START) memcpy(e->start, e->key[0]->bytes.data, skip);
    for (unsigned i = 0; i < e->count; i++) e->prefix[i] = prefix_of(&e->key[i]->bytes, skip);
}

/* Skip as much as all keys have in common. */
static void refit(entries *e)
{
    uint32_t skip = common(e->key[0], e->key[e->count - 1], UINT32_MAX);
    if (skip != e->skip) set_skip(e, skip);
}

/* Let key be the one of entry i. Only at either end can it begin unlike the others. */
static void set_key(entries *e, unsigned i, crdt__okey *key)
{
    e->key[i] = key;
    if (e->count == 1) {
        set_skip(e, (uint32_t)key->bytes.size);
    } else if (i == 0 || i == e->count - 1) {
        uint32_t skip = common(key, e->key[i == 0 ? 1 : 0], e->skip);
        if (skip < e->skip) set_skip(e, skip);
    }
    e->prefix[i] = prefix_of(&key->bytes, e->skip);
}

/* Copy n entries; child only of inner nodes. */
static void copy(entries *to, unsigned at, const entries *from, unsigned i, unsigned n,
                 bool is_inner)
{
    memmove(to->prefix + at, from->prefix + i, n * sizeof *to->prefix);
    memmove(to->key + at, from->key + i, n * sizeof *to->key);
    if (!is_inner) return;
    memmove(((inner *)to)->child + at, ((const inner *)from)->child + i, n * sizeof(void *));
}

static void insert(entries *e, unsigned at, crdt__okey *key, void *child)
{
    copy(e, at + 1, e, at, e->count - at, child != NULL);
    e->count++;
    if (child) ((inner *)e)->child[at] = child;
    set_key(e, at, key);
}

/* Move the entries from `at` on into the empty node `to`. */
static void split(entries *e, entries *to, unsigned at, bool is_inner)
{
    to->count = e->count - at;
    to->skip = e->skip;
    memcpy(to->start, e->start, sizeof to->start);
    copy(to, 0, e, at, to->count, is_inner);
    e->count = at;
    refit(e);
    if (to->count > 0) refit(to);
}

/* Move all entries of its right neighbour into e. */
static void join(entries *e, entries *right, bool is_inner)
{
    uint32_t skip = common(e->key[0], right->key[right->count - 1], UINT32_MAX);
    copy(e, e->count, right, 0, right->count, is_inner);
    e->count += right->count;
    set_skip(e, skip);
}

/* -- Life -------------------------------------------------------------------------------------- */

void crdt__omap_init(crdt__omap *map, const crdt_mem *mem)
{
    *map = (crdt__omap){.mem = mem ? mem : crdt_mem_default()};
}

static size_t size_of(unsigned level)
{
    return level == 0 ? sizeof(leaf) : sizeof(inner);
}

static void free_node(crdt__omap *map, void *node, unsigned level)
{
    crdt__release(map->mem, node, size_of(level));
    map->bytes -= size_of(level);
}

/* As deep as the tree is high. */
static void free_below(crdt__omap *map, void *node, unsigned level)
{
    for (unsigned i = 0; level > 0 && i < ((inner *)node)->e.count; i++) {
        free_below(map, ((inner *)node)->child[i], level - 1);
    }
    free_node(map, node, level);
}

void crdt__omap_clear(crdt__omap *map)
{
    if (map->root) free_below(map, map->root, map->height);
    if (map->spare) free_node(map, map->spare, 0);
    CRDT_ASSERT(map->bytes == 0);
    crdt__omap_init(map, map->mem);
}

void crdt__omap_reset(crdt__omap *map)
{
    leaf *kept = map->root;
    if (kept == NULL) return;
    if (map->height > 0) {
        crdt__omap_clear(map);
        return;
    }
    crdt__omap_init(map, map->mem);
    map->spare = kept;
    map->bytes = sizeof *kept;
}

/* -- Finding ----------------------------------------------------------------------------------- */

static leaf *leaf_of(const crdt__omap *map, const crdt__okey *key)
{
    void *node = map->root;
    for (unsigned level = map->height; level > 0; level--) {
        inner *in = node;
        node = in->child[seek_child(&in->e, key)];
        load_ahead(node, offsetof(entries, key));
    }
    return node;
}

static inline bool same_bytes(const crdt__okey *a, const crdt__okey *b)
{
    return a->bytes.size == b->bytes.size &&
           crdt__same_bytes(a->bytes.data, b->bytes.data, a->bytes.size);
}

/* Who looks for a name often looks for it again: where the last search ended is tried first. */
static inline void remember(const crdt__omap *map, leaf *node, unsigned at)
{
    crdt__omap *cache = (crdt__omap *)(uintptr_t)map;
    cache->recent = node;
    cache->recent_at = at;
}

static inline void forget(crdt__omap *map)
{
    map->recent = NULL;
}

/* The leaf where key was found last; NULL: it was another. */
static inline leaf *recent_leaf(const crdt__omap *map, const crdt__okey *key)
{
    leaf *node = map->recent;
    return node != NULL && same_bytes(node->e.key[map->recent_at], key) ? node : NULL;
}

static path path_to(const crdt__omap *map, const crdt__okey *key)
{
    path  way;
    void *node = map->root;
    for (unsigned level = map->height; level > 0; level--) {
        inner *in = node;
        way.node[level] = &in->e;
        way.at[level] = seek_child(&in->e, key);
        node = in->child[way.at[level]];
    }
    way.node[0] = node;
    way.at[0] = seek(way.node[0], key, false);
    return way;
}

static bool holds(const entries *e, unsigned at, const crdt__okey *key)
{
    return at < e->count && compare(e->key[at], key) == 0;
}

void *crdt__omap_get(const crdt__omap *map, crdt_view bytes, uint32_t minor)
{
    crdt__okey key = {bytes, minor, 0};
    if (map->root == NULL) return NULL;
    leaf *recent = recent_leaf(map, &key);
    for (int tries = recent == NULL; tries < 2; tries++) {
        leaf *node = tries == 0 ? recent : leaf_of(map, &key);
        if (bytes.size < node->e.skip) continue;
        unsigned at = seek_alike(&node->e, &key, false); /* if it is here, it begins like all */
        if (!holds(&node->e, at, &key)) continue;
        remember(map, node, at);
        return node->e.key[at];
    }
    return NULL;
}

crdt__omap_iter crdt__omap_first(const crdt__omap *map)
{
    void *node = map->root;
    for (unsigned level = map->height; level > 0; level--) node = ((inner *)node)->child[0];
    return (crdt__omap_iter){node, 0};
}

crdt__omap_iter crdt__omap_some(const crdt__omap *map, uint64_t random)
{
    void *node = map->root;
    if (node == NULL) return (crdt__omap_iter){NULL, 0};
    for (unsigned level = map->height; level > 0; level--) {
        inner *in = node;
        node = in->child[random % in->e.count];
        random = random / in->e.count ^ random << 57;
    }
    return (crdt__omap_iter){node, (unsigned)(random % ((leaf *)node)->e.count)};
}

crdt__omap_iter crdt__omap_seek(const crdt__omap *map, crdt_view bytes, uint32_t minor)
{
    crdt__okey key = {bytes, minor, 0};
    if (map->root == NULL) return (crdt__omap_iter){NULL, 0};
    leaf *recent = recent_leaf(map, &key);
    for (int tries = recent == NULL; tries < 2; tries++) {
        leaf *node = tries == 0 ? recent : leaf_of(map, &key);
        if (bytes.size < node->e.skip) continue;
        unsigned at = seek_alike(&node->e, &key, false); /* right, if the bytes are here */
        if (at == node->e.count || !same_bytes(node->e.key[at], &key)) continue;
        if (at == 0 && tries == 0) continue; /* a lesser minor may stand in the leaf before */
        remember(map, node, at);
        return (crdt__omap_iter){node, at};
    }
    leaf *node = leaf_of(map, &key);
    return (crdt__omap_iter){node, seek(&node->e, &key, false)};
}

void *crdt__omap_next(crdt__omap_iter *it)
{
    const leaf *node = it->leaf;
    if (node && it->index == node->e.count) {
        node = it->leaf = node->after;
        it->index = 0;
    }
    return node ? node->e.key[it->index++] : NULL;
}

void *crdt__omap_next_alike(crdt__omap_iter *it)
{
    const leaf *node = it->leaf, *from = node;
    unsigned    at = it->index, last = at - 1;
    if (at == node->e.count) {
        from = node->after;
        at = 0;
        if (from == NULL) return NULL;
    } else if (node->e.prefix[at] != node->e.prefix[last]) {
        return NULL;
    }
    if (!same_bytes(from->e.key[at], node->e.key[last])) return NULL;
    it->leaf = (void *)(uintptr_t)from;
    it->index = at + 1;
    return from->e.key[at];
}

void *crdt__omap_before(const crdt__omap *map, crdt_view bytes, uint32_t minor)
{
    crdt__omap_iter it = crdt__omap_seek(map, bytes, minor);
    const leaf     *node = it.leaf;
    if (node == NULL) return NULL;
    if (it.index > 0) return node->e.key[it.index - 1];
    node = node->before;
    return node == NULL ? NULL : node->e.key[node->e.count - 1];
}

/* -- Putting ----------------------------------------------------------------------------------- */

/* Nodes for the splits that a put needs; all are there before the first is used. */
typedef struct spares {
    void    *node[HEIGHT_MAX + 1]; /* by level */
    unsigned count;
} spares;

static bool get_spares(crdt__omap *map, const path *way, spares *more)
{
    unsigned level = 0;
    while (level <= map->height && way->node[level]->count == MAX) level++;
    unsigned count = level > map->height ? level + 1 : level; /* one more for a new root */
    CRDT_ASSERT(count <= HEIGHT_MAX);
    for (more->count = 0; more->count < count; more->count++) {
        void *node = crdt__alloc(map->mem, size_of(more->count));
        if (node == NULL) break;
        more->node[more->count] = node;
        map->bytes += size_of(more->count);
    }
    if (more->count == count) return true;
    while (more->count > 0) {
        more->count--;
        free_node(map, more->node[more->count], more->count);
    }
    return false;
}

static void link_behind(leaf *left, leaf *right)
{
    right->before = left;
    right->after = left->after;
    if (right->after) right->after->before = right;
    left->after = right;
}

/* Insert where way says, splitting upwards for as long as there are spares. */
static void insert_up(crdt__omap *map, path *way, spares *more, crdt__okey *key)
{
    bool  at_edge = ((leaf *)way->node[0])->after == NULL && way->at[0] == way->node[0]->count;
    void *child = NULL;
    for (unsigned level = 0; level <= map->height; level++) {
        entries *e = way->node[level];
        unsigned at = way->at[level] + (level > 0); /* a new child stands behind the one split */
        if (e->count < MAX) {
            insert(e, at, key, child);
            return;
        }
        entries *right = more->node[level];
        unsigned middle = at_edge ? MAX : MAX / 2;
        split(e, right, middle, level > 0);
        if (at < middle) insert(e, at, key, child);
        else insert(right, at - middle, key, child);
        if (level == 0) link_behind((leaf *)e, (leaf *)right);
        key = right->key[0];
        child = right;
    }
    inner *root = more->node[map->height + 1];
    root->e.count = 0;
    insert(&root->e, 0, way->node[map->height]->key[0], map->root);
    insert(&root->e, 1, key, child);
    map->root = root;
    map->height++;
}

static crdt_err put_first(crdt__omap *map, crdt__okey *key)
{
    leaf *node = map->spare != NULL ? map->spare : crdt__alloc(map->mem, sizeof *node);
    if (node == NULL) return CRDT_ENOMEM;
    node->before = node->after = NULL;
    node->e.count = 1;
    node->e.key[0] = key;
    set_skip(&node->e, (uint32_t)key->bytes.size);
    map->spare = NULL;
    map->root = node;
    map->bytes = sizeof *node;
    map->count = 1;
    return CRDT_OK;
}

crdt_err crdt__omap_put(crdt__omap *map, void *node)
{
    crdt__okey *key = node;
    spares      more;
    if (map->root == NULL) return put_first(map, key);
    forget(map);
    path way = path_to(map, key);
    CRDT_ASSERT(!holds(way.node[0], way.at[0], key));
    if (!get_spares(map, &way, &more)) return CRDT_ENOMEM;
    if (way.at[0] == 0) { /* the least of all keys: it comes below every first entry */
        for (unsigned level = 1; level <= map->height; level++) set_key(way.node[level], 0, key);
    }
    insert_up(map, &way, &more, key);
    map->count++;
    return CRDT_OK;
}

/* -- Removing ---------------------------------------------------------------------------------- */

static void erase(entries *e, unsigned at, bool is_inner)
{
    copy(e, at, e, at + 1, e->count - at - 1, is_inner);
    e->count--;
}

/* Free the tree node of an entry that goes away. */
static void drop(crdt__omap *map, entries *e, unsigned level)
{
    if (level == 0) {
        leaf *node = (leaf *)e;
        if (node->before) node->before->after = node->after;
        if (node->after) node->after->before = node->before;
    }
    free_node(map, e, level);
}

/* Join child `at` of in with the one behind it, if that leaves room. The child's level is given. */
static bool join_next(crdt__omap *map, inner *in, unsigned at, unsigned level)
{
    if (at + 1 >= in->e.count) return false;
    entries *left = in->child[at], *right = in->child[at + 1];
    if (left->count + right->count > JOINED_MAX) return false;
    join(left, right, level > 0);
    drop(map, right, level);
    erase(&in->e, at + 1, true);
    return true;
}

/* Erase the entry that way leads to, then mend the nodes above: first keys and sizes. */
static void erase_up(crdt__omap *map, path *way)
{
    erase(way->node[0], way->at[0], false);
    for (unsigned level = 0; level < map->height; level++) {
        entries *e = way->node[level];
        inner   *up = (inner *)way->node[level + 1];
        unsigned at = way->at[level + 1];
        if (e->count == 0) {
            drop(map, e, level);
            erase(&up->e, at, true);
            continue;
        }
        if (up->e.key[at] != e->key[0]) set_key(&up->e, at, e->key[0]);
        if (e->count >= MIN || join_next(map, up, at, level)) continue;
        if (at > 0) join_next(map, up, at - 1, level);
    }
}

/* Take off roots that have nothing left to choose from. */
static void lower(crdt__omap *map)
{
    while (map->height > 0 && ((inner *)map->root)->e.count == 1) {
        inner *root = map->root;
        map->root = root->child[0];
        free_node(map, root, map->height--);
    }
    if (map->count > 0) return;
    free_below(map, map->root, map->height);
    map->root = NULL;
    map->height = 0;
}

void *crdt__omap_remove(crdt__omap *map, crdt_view bytes, uint32_t minor)
{
    crdt__okey key = {bytes, minor, 0};
    if (map->root == NULL) return NULL;
    path way = path_to(map, &key);
    if (!holds(way.node[0], way.at[0], &key)) return NULL;
    crdt__okey *node = way.node[0]->key[way.at[0]];
    forget(map);
    erase_up(map, &way);
    map->count--;
    lower(map);
    return node;
}

void *crdt__omap_replace(crdt__omap *map, void *node)
{
    crdt__okey *key = node;
    if (map->root == NULL) return NULL;
    path way = path_to(map, key);
    if (!holds(way.node[0], way.at[0], key)) return NULL;
    crdt__okey *old = way.node[0]->key[way.at[0]];
    for (unsigned level = 0; level <= map->height; level++) {
        crdt__okey **at = &way.node[level]->key[way.at[level]];
        if (*at == old) *at = key;
    }
    return old;
}

/* -- Audit ------------------------------------------------------------------------------------- */

typedef struct audit {
    const leaf *last; /* the leaf before */
    size_t      count, bytes;
    const char *wrong;
} audit;

static void check_entries(audit *a, const entries *e)
{
    if (e->count == 0 || e->count > MAX) {
        a->wrong = "omap: a tree node is empty or overfull";
        return;
    }
    for (unsigned i = 0; i < e->count; i++) {
        if (common(e->key[0], e->key[i], e->skip) != e->skip) a->wrong = "omap: wrong skip";
        if (e->skip > 0 && e->skip <= START && memcmp(e->start, e->key[i]->bytes.data, e->skip)) {
            a->wrong = "omap: wrong start";
        }
        if (e->prefix[i] != prefix_of(&e->key[i]->bytes, e->skip)) a->wrong = "omap: wrong prefix";
        if (i > 0 && compare(e->key[i - 1], e->key[i]) >= 0) a->wrong = "omap: keys out of order";
    }
}

static void check_leaf(audit *a, const leaf *node)
{
    if (node->before != a->last) a->wrong = "omap: leaves are not linked in order";
    if (a->last && a->last->after != node) a->wrong = "omap: leaves are not linked in order";
    if (a->last && compare(a->last->e.key[a->last->e.count - 1], node->e.key[0]) >= 0) {
        a->wrong = "omap: leaves out of order";
    }
    a->count += node->e.count;
    a->last = node;
}

/* As deep as the tree is high. */
static void check_below(audit *a, const void *node, unsigned level)
{
    const inner *in = node;
    check_entries(a, node);
    a->bytes += size_of(level);
    if (a->wrong == NULL && level == 0) check_leaf(a, node);
    for (unsigned i = 0; a->wrong == NULL && level > 0 && i < in->e.count; i++) {
        const entries *below = in->child[i];
        check_below(a, below, level - 1);
        if (a->wrong == NULL && in->e.key[i] != below->key[0]) a->wrong = "omap: wrong first key";
    }
}

bool crdt__omap_check(const crdt__omap *map, const char **ret_reason)
{
    audit a = {NULL, 0, 0, NULL};
    if (map->root) check_below(&a, map->root, map->height);
    if (a.wrong == NULL && a.last && a.last->after) a.wrong = "omap: a leaf behind the last";
    if (map->spare) a.bytes += sizeof(leaf);
    if (a.wrong == NULL && a.count != map->count) a.wrong = "omap: wrong count";
    if (a.wrong == NULL && a.bytes != map->bytes) a.wrong = "omap: wrong bytes";
    if (a.wrong && ret_reason) *ret_reason = a.wrong;
    return a.wrong == NULL;
}
