/* bytes.c: memory with a budget. See bytes_impl.h. */
#include "gossip/bytes_impl.h"

#define BUDGET_FACTOR 8u
#define BUDGET_BASE 65536u
#define OBJECT_BYTES 2048u /* the object and the first chunk, in one */
#define CHUNK_BYTES 2048u

struct gossip__chunk {
    gossip__chunk *next;
    size_t         size;
};

static size_t on_16(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

#define HEADER (on_16(sizeof(gossip__chunk)))

/* A chunk with room for `need` bytes becomes the newest. */
static bool add_chunk(gossip__arena *arena, size_t need, size_t usual)
{
    size_t size = need + HEADER;
    if (size < usual && usual <= arena->left) size = usual;
    if (size > arena->left) {
        arena->err = CRDT_ELIMIT;
        return false;
    }
    gossip__chunk *chunk = arena->mem->alloc(arena->mem->user, size);
    if (chunk == NULL) {
        arena->err = CRDT_ENOMEM;
        return false;
    }
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->left -= size;
    arena->at = (uint8_t *)chunk + HEADER;
    arena->end = (uint8_t *)chunk + size;
    return true;
}

void *gossip__arena_new(const crdt_mem *mem, size_t input, size_t size, size_t offset)
{
    gossip__arena arena = {mem ? mem : crdt_mem_default(), NULL, NULL, NULL, 0, CRDT_OK};
    GOSSIP_ASSERT(input <= (SIZE_MAX - BUDGET_BASE) / BUDGET_FACTOR);
    arena.left = BUDGET_FACTOR * input + BUDGET_BASE;
    if (!add_chunk(&arena, on_16(size), OBJECT_BYTES)) return NULL;
    void *object = arena.at;
    arena.at += on_16(size);
    memset(object, 0, size);
    memcpy((uint8_t *)object + offset, &arena, sizeof arena);
    return object;
}

void gossip__arena_free(gossip__arena *arena, const crdt_mem *mem)
{
    if (mem == NULL) mem = crdt_mem_default();
    for (gossip__chunk *chunk = arena->chunks; chunk != NULL;) {
        gossip__chunk *next = chunk->next; /* the arena itself stands in the last */
        mem->release(mem->user, chunk, chunk->size);
        chunk = next;
    }
}

void *gossip__arena_take(gossip__arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (count == 0 || arena->err) return NULL;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > arena->left + OBJECT_BYTES) {
        arena->err = CRDT_ELIMIT;
        return NULL;
    }
    bytes = on_16(bytes);
    if (bytes > (size_t)(arena->end - arena->at) && !add_chunk(arena, bytes, CHUNK_BYTES)) {
        return NULL;
    }
    void *taken = arena->at;
    arena->at += bytes;
    return taken;
}

void *gossip__arena_get(gossip__arena *arena, crdt_dec *dec, size_t count, size_t size)
{
    if (dec->err || count == 0) return NULL;
    void *taken = gossip__arena_take(arena, count, size);
    if (taken == NULL) {
        crdt_dec_fail(dec, arena->err,
                      arena->err == CRDT_ENOMEM ? "out of memory"
                                                : "takes more memory than its size allows");
    }
    return taken;
}
