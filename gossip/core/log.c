/* core/log.c: the entries that were delivered, in the order of delivery.
 *
 * Shape    position:  3    4    5    6    7          first 3, persisted 6, end 8
 *          entry:     B:2  A:7  A:8  B:3  A:9..10    A: floor 6, marks (7 at 4) (8 at 5) (10 at 7)
 * Memory   the deps, control bytes and body of an entry stand behind those of the one before, in
 *          chunks of many: they come and go in one order, and stay out of what lives long.
 */
#include <string.h>

#include "gossip/core/impl.h"

/* -- Blocks of records ------------------------------------------------------------------------- */

static crdt_err widen(gossip_engine *engine)
{
    gossip__log    *log = &engine->log;
    size_t          cap = log->blocks_cap == 0 ? 8 : log->blocks_cap * 2;
    gossip__block **blocks = gossip__alloc(engine, cap * sizeof *blocks);
    if (blocks == NULL) return CRDT_ENOMEM;
    for (size_t i = 0; i < log->blocks_count; i++) {
        blocks[i] = log->blocks[(log->blocks_at + i) & (log->blocks_cap - 1)];
    }
    gossip__release(engine, log->blocks, log->blocks_cap * sizeof *blocks);
    log->blocks = blocks;
    log->blocks_cap = cap;
    log->blocks_at = 0;
    return CRDT_OK;
}

/* Room for the record at `end`. */
static crdt_err reserve_record(gossip_engine *engine)
{
    gossip__log *log = &engine->log;
    size_t       need = (size_t)(log->end / GOSSIP__BLOCK - log->first / GOSSIP__BLOCK) + 1;
    if (need <= log->blocks_count) return CRDT_OK;
    if (log->blocks_count == log->blocks_cap) {
        crdt_err err = widen(engine);
        if (err != CRDT_OK) return err;
    }
    gossip__block *block = gossip__alloc(engine, sizeof *block);
    if (block == NULL) return CRDT_ENOMEM;
    log->blocks[(log->blocks_at + log->blocks_count++) & (log->blocks_cap - 1)] = block;
    return CRDT_OK;
}

/* Room for one more mark of the replica. */
static crdt_err reserve_mark(gossip_engine *engine, gossip__replica *r)
{
    if (r->marks_count < r->marks_cap) return CRDT_OK;
    uint32_t      cap = r->marks_cap == 0 ? 4 : r->marks_cap * 2;
    gossip__mark *marks = gossip__alloc(engine, cap * sizeof *marks);
    if (marks == NULL) return CRDT_ENOMEM;
    for (uint32_t i = 0; i < r->marks_count; i++) {
        marks[i] = r->marks[(r->marks_at + i) & (r->marks_cap - 1)];
    }
    gossip__release(engine, r->marks, r->marks_cap * sizeof *marks);
    r->marks = marks;
    r->marks_cap = cap;
    r->marks_at = 0;
    return CRDT_OK;
}

static const gossip__mark *mark_at(const gossip__replica *r, uint32_t i)
{
    return &r->marks[(r->marks_at + i) & (r->marks_cap - 1)];
}

/* The first of the replica's marks that ends above seq. */
static uint32_t mark_above(const gossip__replica *r, uint64_t seq)
{
    uint32_t low = 0, high = r->marks_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (mark_at(r, middle)->last > seq) high = middle;
        else low = middle + 1;
    }
    return low;
}

/* -- Writing ----------------------------------------------------------------------------------- */

static size_t record_bytes(const gossip__record *record)
{
    return record->deps_count * sizeof(crdt_dot) + record->control_size + record->body_size;
}

#define CHUNK_MIN 1024u
#define CHUNK_MAX 65536u

static size_t in_chunk(size_t bytes)
{
    return (bytes + _Alignof(crdt_dot) - 1) / _Alignof(crdt_dot) * _Alignof(crdt_dot);
}

/* A chunk at the end that has room for so many bytes; each is twice as large as the one before. */
static gossip__chunk *add_chunk(gossip_engine *engine, size_t bytes)
{
    gossip__log *log = &engine->log;
    size_t       cap = log->chunk_last == NULL ? CHUNK_MIN : log->chunk_last->cap * 2;
    if (cap > CHUNK_MAX) cap = CHUNK_MAX;
    if (cap < bytes) cap = bytes;
    gossip__chunk *chunk = gossip__alloc(engine, sizeof *chunk + cap);
    if (chunk == NULL) return NULL;
    *chunk = (gossip__chunk){.cap = cap};
    if (log->chunk_last != NULL) log->chunk_last->next = chunk;
    else log->chunk = chunk;
    log->chunk_last = chunk;
    return chunk;
}

static unsigned char *alloc_bytes(gossip_engine *engine, size_t bytes)
{
    gossip__chunk *chunk = engine->log.chunk_last;
    size_t         size = in_chunk(bytes);
    if (chunk == NULL || size > chunk->cap - chunk->used) chunk = add_chunk(engine, size);
    if (chunk == NULL) return NULL;
    unsigned char *at = chunk->bytes + chunk->used;
    chunk->used += size;
    chunk->records++;
    return at;
}

static void drop_chunk(gossip_engine *engine)
{
    gossip__log   *log = &engine->log;
    gossip__chunk *chunk = log->chunk;
    log->chunk = chunk->next;
    if (log->chunk == NULL) log->chunk_last = NULL;
    gossip__release(engine, chunk, sizeof *chunk + chunk->cap);
}

/* Of the oldest record that has any. */
static void release_first_bytes(gossip_engine *engine)
{
    gossip__log *log = &engine->log;
    while (log->chunk->records == 0) drop_chunk(engine); /* what was reserved in vain */
    if (--log->chunk->records == 0) drop_chunk(engine);
}

static void put(unsigned char **to, const void *data, size_t size)
{
    if (size > 0) memcpy(*to, data, size);
    *to += size;
}

crdt_err gossip__log_reserve(gossip_engine *engine, const gossip_entry *entry, uint32_t who,
                             gossip__record *ret_record)
{
    crdt_err err = reserve_record(engine);
    if (err == CRDT_OK && who != GOSSIP__NOBODY) err = reserve_mark(engine, &engine->replicas[who]);
    if (err != CRDT_OK) return err;
    gossip__record record;
    memset(&record, 0, sizeof record);
    record.last = entry->last;
    record.ms = entry->ms;
    record.dots = (uint32_t)(entry->last - entry->first + 1);
    record.deps_count = entry->deps_count;
    record.control_size = (uint32_t)entry->control.size;
    record.body_size = (uint32_t)entry->body.size;
    record.who = who;
    record.kind = (uint8_t)entry->kind;
    if (record_bytes(&record) > 0) {
        record.bytes = alloc_bytes(engine, record_bytes(&record));
        if (record.bytes == NULL) return CRDT_ENOMEM;
        unsigned char *at = record.bytes;
        put(&at, entry->deps, entry->deps_count * sizeof *entry->deps);
        put(&at, entry->control.data, entry->control.size);
        put(&at, entry->body.data, entry->body.size);
    }
    *ret_record = record;
    return CRDT_OK;
}

gossip_entry gossip__record_entry(const gossip_engine *engine, const gossip__record *record)
{
    const unsigned char *at = record->bytes;
    gossip_entry         entry;
    memset(&entry, 0, sizeof entry);
    entry.replica = record->who == GOSSIP__NOBODY ? 0 : engine->replicas[record->who].id;
    entry.first = record->last - record->dots + 1;
    entry.last = record->last;
    entry.ms = record->ms;
    entry.kind = (gossip_kind)record->kind;
    entry.deps = (const crdt_dot *)(const void *)at;
    entry.deps_count = record->deps_count;
    at += record->deps_count * sizeof *entry.deps;
    entry.control = crdt_view_of(at, record->control_size);
    entry.body = crdt_view_of(at + record->control_size, record->body_size);
    return entry;
}

void gossip__log_unreserve(gossip_engine *engine, gossip__record *record)
{
    gossip__chunk *chunk = engine->log.chunk_last;
    if (record->bytes == NULL) return;
    chunk->used -= in_chunk(record_bytes(record));
    chunk->records--;
    record->bytes = NULL;
}

void gossip__log_append(gossip_engine *engine, const gossip__record *record)
{
    gossip__log *log = &engine->log;
    uint64_t     position = log->end++;
    *gossip__log_at(log, position) = *record;
    log->bytes += record_bytes(record) + sizeof *record;
    if (record->who == GOSSIP__NOBODY) {
        log->checkpoint = log->end;
        return;
    }
    gossip__replica *r = &engine->replicas[record->who];
    gossip__mark     mark = {record->last, position};
    r->marks[(r->marks_at + r->marks_count++) & (r->marks_cap - 1)] = mark;
}

/* What the record at a position raises may be told of now. */
static void hold(gossip_engine *engine, const gossip__record *record)
{
    if (record->who != GOSSIP__NOBODY) {
        engine->replicas[record->who].held = record->last;
        return;
    }
    gossip_entry raised = gossip__record_entry(engine, record);
    for (uint32_t i = 0; i < raised.deps_count; i++) {
        gossip__replica *r = &engine->replicas[gossip__find(engine, raised.deps[i].replica)];
        if (r->held < raised.deps[i].seq) r->held = raised.deps[i].seq;
    }
}

void gossip__log_persisted(gossip_engine *engine, uint64_t position)
{
    gossip__log *log = &engine->log;
    if (position > log->end) position = log->end;
    while (log->persisted < position) hold(engine, gossip__log_at(log, log->persisted++));
    if (log->told < log->persisted) log->told = log->persisted;
}

/* -- Cutting ----------------------------------------------------------------------------------- */

static void drop_first(gossip_engine *engine)
{
    gossip__log    *log = &engine->log;
    gossip__record *record = gossip__log_at(log, log->first);
    if (record->who != GOSSIP__NOBODY) {
        gossip__replica *r = &engine->replicas[record->who];
        r->marks_at = (r->marks_at + 1) & (r->marks_cap - 1);
        r->marks_count--;
        if (r->floor < record->last) r->floor = record->last;
    }
    log->bytes -= record_bytes(record) + sizeof *record;
    if (record->bytes != NULL) release_first_bytes(engine);
    log->first++;
    if (log->first % GOSSIP__BLOCK != 0) return;
    gossip__release(engine, log->blocks[log->blocks_at], sizeof(gossip__block));
    log->blocks_at = (log->blocks_at + 1) & (log->blocks_cap - 1);
    log->blocks_count--;
}

void gossip__log_cut(gossip_engine *engine, uint64_t position)
{
    gossip__log *log = &engine->log;
    if (position > log->persisted) position = log->persisted;
    if (position > log->pinned) position = log->pinned;
    while (log->first < position) drop_first(engine);
}

void gossip__log_free(gossip_engine *engine)
{
    gossip__log *log = &engine->log;
    log->persisted = log->end;
    log->pinned = GOSSIP_NEVER;
    while (log->first < log->end) drop_first(engine);
    for (size_t i = 0; i < log->blocks_count; i++) {
        gossip__release(engine, log->blocks[(log->blocks_at + i) & (log->blocks_cap - 1)],
                        sizeof(gossip__block));
    }
    while (log->chunk != NULL) drop_chunk(engine);
    gossip__release(engine, log->blocks, log->blocks_cap * sizeof *log->blocks);
}

/* -- Looking ----------------------------------------------------------------------------------- */

bool gossip__log_tag(const gossip_engine *engine, uint32_t who, uint64_t seq, uint32_t *ret_tag)
{
    const gossip__replica *r = &engine->replicas[who];
    *ret_tag = seq == 0 ? 0 : r->tag;
    if (seq == 0 || seq == r->delivered) return true;
    uint32_t at = mark_above(r, seq - 1);
    if (at == r->marks_count || mark_at(r, at)->last != seq) return false;
    *ret_tag = gossip__log_at(&engine->log, mark_at(r, at)->position)->tag;
    return true;
}

uint64_t gossip__log_above(const gossip_engine *engine, uint32_t who, uint64_t seq)
{
    const gossip__replica *r = &engine->replicas[who];
    uint32_t               at = mark_above(r, seq);
    return at == r->marks_count ? GOSSIP_NEVER : mark_at(r, at)->position;
}

uint32_t gossip__log_count_above(const gossip_engine *engine, uint32_t who, uint64_t seq)
{
    const gossip__replica *r = &engine->replicas[who];
    return r->marks_count - mark_above(r, seq);
}

bool gossip__log_serves(const gossip_engine *engine, uint32_t who, uint64_t known)
{
    const gossip__replica *r = &engine->replicas[who];
    return r->held == 0 || known >= r->floor;
}

/* -- What a peer lacks: a heap of each replica's next entry, the earliest first ---------------- */

static void sink(gossip__missing *walk, uint32_t at)
{
    struct gossip__head *h = walk->heads, moving = h[at];
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= walk->count) break;
        if (child + 1 < walk->count && h[child + 1].position < h[child].position) child++;
        if (h[child].position >= moving.position) break;
        h[at] = h[child];
        at = child;
    }
    h[at] = moving;
}

static bool lacks(const gossip__replica *r, const gossip__vec *known, uint32_t who)
{
    return r->held > gossip__vec_at(known, who) && r->marks_count > 0;
}

crdt_err gossip__missing_begin(gossip_engine *engine, const gossip__vec *known,
                               gossip__missing *ret_walk)
{
    uint32_t count = 0;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        count += lacks(&engine->replicas[who], known, who);
    }
    memset(ret_walk, 0, sizeof *ret_walk);
    ret_walk->engine = engine;
    if (count == 0) return CRDT_OK;
    ret_walk->heads = gossip__alloc(engine, count * sizeof *ret_walk->heads);
    if (ret_walk->heads == NULL) return CRDT_ENOMEM;
    ret_walk->cap = count;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        const gossip__replica *r = &engine->replicas[who];
        if (!lacks(r, known, who)) continue;
        uint32_t mark = mark_above(r, gossip__vec_at(known, who));
        if (mark == r->marks_count) continue;
        struct gossip__head head = {mark_at(r, mark)->position, who, mark};
        ret_walk->heads[ret_walk->count++] = head;
    }
    for (uint32_t i = ret_walk->count / 2; i-- > 0;) sink(ret_walk, i);
    return CRDT_OK;
}

bool gossip__missing_next(gossip__missing *walk, uint64_t *ret_position)
{
    if (walk->count == 0 || walk->heads[0].position >= walk->engine->log.persisted) return false;
    struct gossip__head   *head = &walk->heads[0];
    const gossip__replica *r = &walk->engine->replicas[head->who];
    *ret_position = head->position;
    if (++head->mark < r->marks_count) head->position = mark_at(r, head->mark)->position;
    else *head = walk->heads[--walk->count];
    if (walk->count > 0) sink(walk, 0);
    return true;
}

void gossip__missing_end(gossip_engine *engine, gossip__missing *walk)
{
    gossip__release(engine, walk->heads, walk->cap * sizeof *walk->heads);
    walk->heads = NULL;
    walk->count = walk->cap = 0;
}
