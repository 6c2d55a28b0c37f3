/* doc.c: see doc.h. */
#include "edit/doc.h"

void doc_clear(doc *d)
{
    text_clear(&d->shown);
    delta_clear(&d->flight);
    delta_clear(&d->pending);
    *d = (doc){0};
}

void doc_edit(doc *d, const delta *change)
{
    delta all = {0};
    text_apply(&d->shown, change);
    delta_compose(&d->pending, change, &all);
    delta_move(&d->pending, &all);
}

bool doc_wants_send(const doc *d)
{
    return d->state == DOC_NONE && !delta_is_empty(&d->pending);
}

/* What was deleted counts as one byte: enough to say that something is there. */
size_t doc_unsent(const doc *d)
{
    size_t sum = delta_inserted(&d->flight) + delta_inserted(&d->pending);
    bool   any = !delta_is_empty(&d->flight) || !delta_is_empty(&d->pending);
    return sum > 0 ? sum : any;
}

void doc_send(doc *d, size_t bytes)
{
    delta part = {0};
    delta_take(&d->pending, bytes, &part);
    delta_move(&d->flight, &part);
    d->state = DOC_UNKNOWN;
}

/* What was refused is pending again. */
static void take_back(doc *d)
{
    delta all = {0};
    delta_compose(&d->flight, &d->pending, &all);
    delta_move(&d->pending, &all);
    delta_clear(&d->flight);
    d->state = DOC_NONE;
}

static size_t size_after(size_t size, const delta *d)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->at[i].kind == DELTA_INSERT) size += d->at[i].count;
        if (d->at[i].kind == DELTA_DELETE) size -= d->at[i].count;
    }
    return size;
}

bool doc_fits(const doc *d, const delta *told)
{
    size_t left = d->told;
    for (size_t i = 0; i < told->count; i++) {
        const delta_step *s = &told->at[i];
        if (s->kind == DELTA_INSERT) continue;
        if (s->count > left) return false;
        left -= s->count;
    }
    return true;
}

/* `others`: after flight, where that was taken. */
static void take_in(doc *d, const delta *others, delta *ret_seen)
{
    delta pending = {0};
    delta_rebase(others, &d->pending, true, ret_seen);
    delta_rebase(&d->pending, others, false, &pending);
    delta_move(&d->pending, &pending);
    text_apply(&d->shown, ret_seen);
}

void doc_merge(doc *d, const delta *told, delta *ret_seen)
{
    delta others = {0};
    if (d->state == DOC_REFUSED) take_back(d);
    d->told = size_after(d->told, told);
    if (d->state == DOC_TAKEN) {
        delta_without(told, &d->flight, &others);
        delta_clear(&d->flight);
        d->state = DOC_NONE;
        take_in(d, &others, ret_seen);
        delta_clear(&others);
    } else {
        take_in(d, told, ret_seen);
    }
}

/* How much before the first, and behind the last, step of pending is as the node has it. */
static void margins(const doc *d, size_t *ret_front, size_t *ret_back)
{
    size_t at = 0, first = d->told, last = 0;
    bool   any = !delta_is_empty(&d->pending);
    for (size_t i = 0; i < d->pending.count; i++) {
        const delta_step *s = &d->pending.at[i];
        if (s->kind != DELTA_KEEP && at < first) first = at;
        if (s->kind != DELTA_INSERT) at += s->count;
        if (s->kind != DELTA_KEEP) last = at;
    }
    *ret_front = first;
    *ret_back = any ? d->told - last : d->told;
}

/* A byte within a character. */
static bool is_inside(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

void doc_replace(doc *d, const char *bytes, size_t size, delta *ret_seen)
{
    delta  told = {0};
    size_t front, back, same = 0, end = 0;
    if (d->state == DOC_TAKEN) {
        d->told = size_after(d->told, &d->flight);
        delta_clear(&d->flight);
        d->state = DOC_NONE;
    } else if (d->state != DOC_NONE) {
        take_back(d);
    }
    margins(d, &front, &back);
    while (same < front && same < size && text_byte(&d->shown, same) == bytes[same]) same++;
    while (end < back && end < size - same && end < d->told - same &&
           text_byte(&d->shown, d->shown.size - end - 1) == bytes[size - end - 1]) {
        end++;
    }
    while (same > 0 && same < size && is_inside(bytes[same])) same--;
    while (end > 0 && is_inside(bytes[size - end])) end--;
    delta_keep(&told, same);
    delta_insert(&told, bytes + same, size - same - end);
    delta_delete(&told, d->told - same - end);
    doc_merge(d, &told, ret_seen);
    delta_clear(&told);
}
