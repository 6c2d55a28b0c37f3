/* core/buf.c: the growing byte buffer, text, and the dictionary of replica ids. See crdt/buf.h. */
#include "crdt/buf.h"

#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/core/sort.h"

#define VARINT_BYTES_MAX 10u
#define BUF_BYTES_MIN 64u

void crdt_buf_init(crdt_buf *buf, const crdt_mem *mem)
{
    buf->mem = mem ? mem : crdt_mem_default();
    buf->data = NULL;
    buf->size = 0;
    buf->cap = 0;
    buf->failed = false;
}

void crdt_buf_clear(crdt_buf *buf)
{
    crdt__release(buf->mem, buf->data, buf->cap);
    crdt_buf_init(buf, buf->mem);
}

void crdt_buf_reset(crdt_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

crdt_err crdt_buf_status(const crdt_buf *buf)
{
    return buf->failed ? CRDT_ENOMEM : CRDT_OK;
}

static bool grow(crdt_buf *buf, size_t more)
{
    size_t   need = buf->size + more;
    size_t   cap = crdt__grow(buf->cap, need < BUF_BYTES_MIN ? BUF_BYTES_MIN : need);
    uint8_t *data = need < more ? NULL : crdt__resize(buf->mem, buf->data, buf->cap, cap);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

static inline bool room(crdt_buf *buf, size_t more)
{
    if (buf->failed) return false;
    return buf->cap - buf->size >= more || grow(buf, more);
}

bool crdt_buf_reserve(crdt_buf *buf, size_t more)
{
    return room(buf, more);
}

void crdt_buf_put(crdt_buf *buf, const void *data, size_t size)
{
    if (size == 0 || !room(buf, size)) return;
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
}

void crdt_buf_byte(crdt_buf *buf, uint8_t byte)
{
    if (room(buf, 1)) buf->data[buf->size++] = byte;
}

/* Write n at `at`; returns the end. */
static inline uint8_t *write_varint(uint8_t *at, uint64_t n)
{
    while (n >= 0x80) {
        *at++ = (uint8_t)(n | 0x80);
        n >>= 7;
    }
    *at++ = (uint8_t)n;
    return at;
}

void crdt_buf_varint(crdt_buf *buf, uint64_t n)
{
    if (!buf->failed && buf->cap - buf->size >= VARINT_BYTES_MAX) {
        buf->size = (size_t)(write_varint(buf->data + buf->size, n) - buf->data);
        return;
    }
    uint8_t bytes[VARINT_BYTES_MAX];
    crdt_buf_put(buf, bytes, (size_t)(write_varint(bytes, n) - bytes));
}

void crdt_buf_u64(crdt_buf *buf, uint64_t n)
{
    if (!room(buf, 8)) return;
    crdt__store_le64(buf->data + buf->size, n);
    buf->size += 8;
}

void crdt_buf_view(crdt_buf *buf, crdt_view v)
{
    crdt_buf_varint(buf, v.size);
    crdt_buf_put(buf, v.data, v.size);
}

void crdt_buf_value(crdt_buf *buf, crdt_value v)
{
    if (v.kind == CRDT_INT) {
        crdt_buf_byte(buf, 0);
        crdt_buf_u64(buf, (uint64_t)v.i);
        return;
    }
    crdt_buf_varint(buf, (uint64_t)v.bytes.size + 1);
    crdt_buf_put(buf, v.bytes.data, v.bytes.size);
}

crdt_view crdt_buf_bytes(const crdt_buf *buf)
{
    return crdt_view_of(buf->data, buf->size);
}

/* -- Text -------------------------------------------------------------------------------------- */

void crdt_buf_text(crdt_buf *buf, const char *text)
{
    crdt_buf_put(buf, text, strlen(text));
}

void crdt_buf_udecimal(crdt_buf *buf, uint64_t n)
{
    char   digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    crdt_buf_put(buf, digits + first, sizeof digits - first);
}

void crdt_buf_decimal(crdt_buf *buf, int64_t n)
{
    if (n < 0) crdt_buf_byte(buf, '-');
    crdt_buf_udecimal(buf, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

static void print_byte(crdt_buf *buf, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    if (byte == '"' || byte == '\\') {
        crdt_buf_byte(buf, '\\');
    } else if (byte < ' ' || byte > '~') {
        crdt_buf_text(buf, "\\x");
        crdt_buf_byte(buf, (uint8_t)hex[byte >> 4]);
        byte = (uint8_t)hex[byte & 15];
    }
    crdt_buf_byte(buf, byte);
}

void crdt_buf_print_value(crdt_buf *buf, crdt_value v)
{
    if (v.kind == CRDT_INT) {
        crdt_buf_decimal(buf, v.i);
        return;
    }
    const uint8_t *bytes = v.bytes.data;
    crdt_buf_byte(buf, '"');
    for (size_t i = 0; i < v.bytes.size; i++) print_byte(buf, bytes[i]);
    crdt_buf_byte(buf, '"');
}

/* -- Replica ids ------------------------------------------------------------------------------- */

void crdt_replicas_init(crdt_replicas *set, const crdt_mem *mem)
{
    set->mem = mem ? mem : crdt_mem_default();
    set->ids = set->few;
    set->count = 0;
    set->cap = sizeof set->few / sizeof set->few[0];
    set->sealed = false;
    set->failed = false;
}

void crdt_replicas_clear(crdt_replicas *set)
{
    if (set->ids != set->few) crdt__release(set->mem, set->ids, set->cap * sizeof *set->ids);
    crdt_replicas_init(set, set->mem);
}

static int id_order(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x == *y ? 0 : *x < *y ? -1 : 1;
}

/* Sort and drop doubles; linear if the ids are in order already. */
static void tidy(crdt_replicas *set)
{
    uint64_t *ids = set->ids;
    size_t    sorted = 1, kept = 0;
    while (sorted < set->count && ids[sorted - 1] <= ids[sorted]) sorted++;
    if (sorted < set->count) crdt__sort(ids, set->count, sizeof *ids, id_order);
    for (size_t i = 0; i < set->count; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i]) ids[kept++] = ids[i];
    }
    set->count = kept;
}

/* Make room for one more, by dropping doubles if they are many. */
static bool replicas_room(crdt_replicas *set)
{
    tidy(set);
    if (set->count < set->cap / 2) return true;
    size_t    cap = crdt__grow(set->cap, 2 * set->count + 8);
    uint64_t *ids = NULL;
    uint64_t *old = set->ids == set->few ? NULL : set->ids;
    if (cap <= UINT32_MAX) {
        ids = crdt__resize(set->mem, old, set->cap * sizeof *ids, cap * sizeof *ids);
    }
    if (ids == NULL) {
        set->failed = true;
        return false;
    }
    if (old == NULL) memcpy(ids, set->few, set->count * sizeof *ids);
    set->ids = ids;
    set->cap = cap;
    return true;
}

void crdt_replicas_add(crdt_replicas *set, uint64_t id)
{
    if (set->failed) return;
    if (set->count > 0 && set->ids[set->count - 1] == id) return;
    if (set->count == set->cap && !replicas_room(set)) return;
    set->ids[set->count++] = id;
    set->sealed = false;
}

crdt_err crdt_replicas_seal(crdt_replicas *set)
{
    if (set->failed) return CRDT_ENOMEM;
    tidy(set);
    set->sealed = true;
    return CRDT_OK;
}

uint32_t crdt_replicas_place(const crdt_replicas *set, uint64_t id)
{
    CRDT_ASSERT(set->sealed && set->count > 0);
    const uint64_t *base = set->ids;
    for (size_t n = set->count; n > 1;) {
        size_t half = n / 2;
        base += base[half] <= id ? half : 0;
        n -= half;
    }
    CRDT_ASSERT(*base == id);
    return (uint32_t)(base - set->ids);
}
