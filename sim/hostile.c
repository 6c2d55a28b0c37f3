/* hostile.c: a peer that sends what it should not: replays of what it overheard, rubbish, and
 * overheard frames that it changed and gave a good checksum again. */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "sim/must.h"
#include "sim/random.h"
#include "sim/world.h"

#define HOSTILE_BYTES 65536

static void repair(uint8_t *bytes, size_t size)
{
    if (size < 4) return;
    uint32_t sum = (uint32_t)XXH3_64bits(bytes + 4, size - 4);
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(sum >> 8 * i);
}

static void change(uint8_t *bytes, size_t *size, uint64_t *rand)
{
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 2, 0xfe, 0x10};
    for (uint64_t n = random_below(rand, 4) + 1; n > 0 && *size > 4; n--) {
        size_t at = 4 + (size_t)random_next(rand) % (*size - 4);
        switch (random_below(rand, 5)) {
        case 0: bytes[at] ^= (uint8_t)(1u << random_below(rand, 8)); break;
        case 1: bytes[at] = edges[random_below(rand, sizeof edges)]; break;
        case 2: *size = at; break; /* cut off */
        case 3:                    /* a piece is left out */
            memmove(bytes + at, bytes + at + 1, *size - at - 1);
            --*size;
            break;
        default: /* a piece stands twice */
            if (*size == HOSTILE_BYTES) break;
            memmove(bytes + at + 1, bytes + at, *size - at);
            ++*size;
            break;
        }
    }
}

/* One frame into bytes; its size. */
static size_t make(world *w, uint8_t *bytes, uint64_t *rand, bool *ret_reply, uint32_t *ret_to)
{
    const network *net = &w->net;
    size_t         size;
    uint64_t       way = random_below(rand, net->tape_count ? 8 : 1);
    *ret_reply = random_below(rand, 2);
    if (way == 0) {
        size = (size_t)random_scale(rand, 1, 2048);
        for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)random_next(rand);
        if (random_below(rand, 2)) repair(bytes, size);
        return size;
    }
    const message *m = net->tape[random_below(rand, net->tape_count)];
    size = m->size;
    memcpy(bytes, m->bytes, size);
    if (w->plan->hostile < 2 && m->to < w->nodes_count) *ret_to = m->to; /* as it was meant */
    if (way < 4) return size;                                            /* a replay */
    change(bytes, &size, rand);
    if (w->plan->hostile >= 2) repair(bytes, size);
    return size;
}

void hostile_send(world *w, node *target, uint64_t choices, uint64_t count)
{
    uint8_t *bytes = must_alloc(HOSTILE_BYTES);
    for (uint64_t i = 0; i < count; i++) {
        bool     reply;
        uint32_t to = target->index;
        size_t   size = make(w, bytes, &choices, &reply, &to);
        network_put(w, (uint32_t)w->nodes_count, to, crdt_view_of(bytes, size), reply,
                    random_below(&choices, 1000));
    }
    free(bytes);
}
