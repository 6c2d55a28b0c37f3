/* history.c: see history.h. */
#include "sim/history.h"

#include <stdlib.h>
#include <string.h>

#include "sim/must.h"
#include "sim/random.h"

void history_init(history *h)
{
    memset(h, 0, sizeof *h);
    h->watched = true;
}

static void forget_object(history_object *o)
{
    for (size_t i = 0; i < o->count; i++) free(o->bytes[i]);
    memset(o->bytes, 0, o->count * sizeof *o->bytes);
    o->count = 0;
    o->full = false;
}

void history_reset(history *h)
{
    for (size_t i = 0; i < h->objects_count; i++) forget_object(&h->objects[i]);
    for (size_t i = 0; i < h->writers_count; i++) {
        h->writers[i].count = 0;
        h->writers[i].forked = 0;
    }
    if (h->slots_cap) memset(h->slots, 0, h->slots_cap * sizeof *h->slots);
    h->objects_count = 0;
    h->writers_count = 0;
    h->count = 0;
    h->pasts_count = 0;
    h->ghosts_count = 0;
    h->watched = true;
}

void history_free(history *h)
{
    for (size_t i = 0; i < h->objects_count; i++) forget_object(&h->objects[i]);
    for (size_t i = 0; i < h->writers_cap; i++) free(h->writers[i].entries);
    free(h->entries);
    free(h->writers);
    free(h->slots);
    free(h->pasts);
    free(h->ghosts);
    history_init(h);
}

/* -- Writers ----------------------------------------------------------------------------------- */

uint32_t history_who(const history *h, uint64_t replica)
{
    if (h->slots_cap == 0) return HISTORY_NOBODY;
    size_t at = random_mix(replica) & (h->slots_cap - 1);
    for (; h->slots[at]; at = (at + 1) & (h->slots_cap - 1)) {
        if (h->writers[h->slots[at] - 1].id == replica) return h->slots[at] - 1;
    }
    return HISTORY_NOBODY;
}

static void put_slot(history *h, uint32_t who)
{
    size_t at = random_mix(h->writers[who].id) & (h->slots_cap - 1);
    while (h->slots[at]) at = (at + 1) & (h->slots_cap - 1);
    h->slots[at] = who + 1;
}

uint32_t history_writer_of(history *h, uint64_t replica)
{
    uint32_t who = history_who(h, replica);
    if (who != HISTORY_NOBODY) return who;
    who = (uint32_t)h->writers_count++;
    must_grow(&h->writers, &h->writers_cap, h->writers_count, sizeof *h->writers);
    h->writers[who].id = replica;
    h->writers[who].count = 0;
    h->writers[who].other = 0;
    h->writers[who].reported = false;
    if (h->writers_count * 2 > h->slots_cap) {
        h->slots_cap = h->slots_cap ? h->slots_cap * 2 : 64;
        free(h->slots);
        h->slots = must_alloc(h->slots_cap * sizeof *h->slots);
        for (uint32_t i = 0; i < who; i++) put_slot(h, i);
    }
    put_slot(h, who);
    return who;
}

/* -- Entries ----------------------------------------------------------------------------------- */

static uint64_t fold(uint64_t hash, uint64_t n)
{
    return random_mix(hash ^ n) + UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t history_content(const gossip_entry *entry)
{
    uint64_t hash = fold(entry->replica, entry->first);
    hash = fold(hash, entry->last);
    hash = fold(hash, entry->ms);
    hash = fold(hash, (uint64_t)entry->kind);
    for (uint32_t i = 0; i < entry->deps_count; i++) {
        hash = fold(fold(hash, entry->deps[i].replica), entry->deps[i].seq);
    }
    hash = fold(hash, crdt_digest_of(entry->control.data, entry->control.size).lo);
    return fold(hash, crdt_digest_of(entry->body.data, entry->body.size).lo);
}

uint32_t history_write(history *h, const gossip_entry *entry, uint32_t node, uint64_t at,
                       const uint64_t *past)
{
    uint32_t        who = history_writer_of(h, entry->replica);
    history_writer *w = &h->writers[who];
    uint32_t        number = (uint32_t)h->count++;
    must_grow(&h->entries, &h->cap, h->count, sizeof *h->entries);
    must_grow(&w->entries, &w->cap, w->count + 1, sizeof *w->entries);
    must_grow(&h->pasts, &h->pasts_cap, h->pasts_count + h->writers_count, sizeof *h->pasts);
    history_entry *e = &h->entries[number];
    memset(e, 0, offsetof(history_entry, ops));
    e->who = who;
    e->ordinal = (uint32_t)w->count;
    e->first = entry->first;
    e->last = entry->last;
    e->content = history_content(entry);
    e->at = at;
    e->kind = entry->kind;
    e->node = node;
    e->past = h->pasts_count;
    e->past_count = (uint32_t)h->writers_count;
    memcpy(h->pasts + e->past, past, e->past_count * sizeof *past);
    h->pasts[e->past + who] = entry->last;
    h->pasts_count += e->past_count;
    w->entries[w->count++] = number;
    return number;
}

history_entry *history_upto(history *h, uint32_t who, uint64_t seq)
{
    history_writer *w = &h->writers[who];
    size_t          low = 0, high = w->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (h->entries[w->entries[middle]].last <= seq) low = middle + 1;
        else high = middle;
    }
    return low ? &h->entries[w->entries[low - 1]] : NULL;
}

history_entry *history_find(history *h, uint32_t who, uint64_t first)
{
    history_writer *w = &h->writers[who];
    history_entry  *before = history_upto(h, who, first - 1);
    size_t          ordinal = before ? before->ordinal + 1 : 0;
    if (ordinal >= w->count) return NULL;
    history_entry *e = &h->entries[w->entries[ordinal]];
    return e->first == first ? e : NULL;
}

uint64_t history_past(const history *h, const history_entry *e, uint32_t who)
{
    return who < e->past_count ? h->pasts[e->past + who] : 0;
}

/* -- Operations, for the oracles --------------------------------------------------------------- */

/* Copies the values' bytes into one block. */
static void keep_args(history_object *o, size_t at, const crdt_laws_event *event)
{
    size_t argc = event->op ? strlen(event->op->args) : 0, bytes = 0;
    for (size_t i = 0; i < argc; i++) bytes += event->args[i].bytes.size;
    char *copy = bytes ? must_alloc(bytes) : NULL;
    o->bytes[at] = copy;
    for (size_t i = 0; i < argc; i++) {
        o->args[at][i] = event->args[i];
        size_t size = event->args[i].bytes.size;
        if (size == 0) continue;
        memcpy(copy, event->args[i].bytes.data, size);
        o->args[at][i].bytes.data = copy;
        copy += size;
    }
}

bool history_note(history *h, size_t object, const crdt_laws_event *event, uint8_t *ret_event)
{
    history_object *o = &h->objects[object];
    if (o->full || !h->watched) return false;
    if (o->count == CRDT_LAWS_EVENTS_MAX) {
        o->full = true;
        return false;
    }
    keep_args(o, o->count, event);
    o->events[o->count] = *event;
    o->events[o->count].args = o->args[o->count];
    *ret_event = (uint8_t)o->count++;
    return true;
}

void history_drop(history *h, size_t object, size_t n)
{
    history_object *o = &h->objects[object];
    while (n-- > 0) {
        free(o->bytes[--o->count]);
        o->bytes[o->count] = NULL;
    }
}
