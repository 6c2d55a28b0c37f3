/* delta.c: see delta.h. */
#include "edit/delta.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "edit/mem.h"

/* -- Building ---------------------------------------------------------------------------------- */

void delta_clear(delta *d)
{
    for (size_t i = 0; i < d->count; i++) free(d->at[i].text);
    free(d->at);
    *d = (delta){0};
}

bool delta_is_empty(const delta *d)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->at[i].kind != DELTA_KEEP) return false;
    }
    return true;
}

void delta_move(delta *d, delta *from)
{
    delta_clear(d);
    *d = *from;
    *from = (delta){0};
}

static delta_step *add_step(delta *d, delta_kind kind)
{
    d->at = mem_grow(d->at, d->count, &d->cap, sizeof *d->at);
    d->at[d->count] = (delta_step){.kind = kind};
    return &d->at[d->count++];
}

static delta_step *last_of(delta *d, delta_kind kind)
{
    delta_step *last = d->count > 0 ? &d->at[d->count - 1] : NULL;
    return last != NULL && last->kind == kind ? last : NULL;
}

void delta_keep(delta *d, size_t count)
{
    if (count == 0) return;
    delta_step *last = last_of(d, DELTA_KEEP);
    if (last == NULL) last = add_step(d, DELTA_KEEP);
    last->count += count;
}

void delta_delete(delta *d, size_t count)
{
    if (count == 0) return;
    delta_step *last = last_of(d, DELTA_DELETE);
    if (last == NULL) last = add_step(d, DELTA_DELETE);
    last->count += count;
}

static void append_text(delta_step *to, const char *text, size_t size)
{
    if (to->count + size > to->cap) {
        to->cap = to->count + size + (to->count > 0 ? (to->count + size) / 2 : 0);
        to->text = mem_resize(to->text, to->cap);
    }
    memcpy(to->text + to->count, text, size);
    to->count += size;
}

void delta_insert(delta *d, const char *text, size_t size)
{
    if (size == 0) return;
    delta_step *to = last_of(d, DELTA_INSERT);
    if (to == NULL && last_of(d, DELTA_DELETE) != NULL) { /* it stands before what is deleted */
        size_t n = d->count;
        if (n < 2 || d->at[n - 2].kind != DELTA_INSERT) {
            delta_step gone = d->at[n - 1];
            d->at[n - 1] = (delta_step){.kind = DELTA_INSERT};
            *add_step(d, DELTA_DELETE) = gone;
        }
        to = &d->at[d->count - 2];
    }
    if (to == NULL) to = add_step(d, DELTA_INSERT);
    append_text(to, text, size);
}

size_t delta_inserted(const delta *d)
{
    size_t sum = 0;
    for (size_t i = 0; i < d->count; i++) sum += d->at[i].kind == DELTA_INSERT ? d->at[i].count : 0;
    return sum;
}

/* -- Walking ----------------------------------------------------------------------------------- */

/* A place within the steps; behind the last one all is kept. */
typedef struct walk {
    const delta *d;
    size_t       i, done;
} walk;

static bool at_end(const walk *w)
{
    return w->i == w->d->count;
}

static delta_kind kind_at(const walk *w)
{
    return at_end(w) ? DELTA_KEEP : w->d->at[w->i].kind;
}

static size_t left_at(const walk *w)
{
    return at_end(w) ? SIZE_MAX : w->d->at[w->i].count - w->done;
}

static const char *text_at(const walk *w)
{
    return w->d->at[w->i].text + w->done;
}

static void step_on(walk *w, size_t n)
{
    if (at_end(w)) return;
    w->done += n;
    if (w->done < w->d->at[w->i].count) return;
    w->i++;
    w->done = 0;
}

static size_t least(const walk *a, const walk *b)
{
    size_t x = left_at(a), y = left_at(b);
    return x < y ? x : y;
}

void delta_compose(const delta *a, const delta *b, delta *d)
{
    walk first = {a, 0, 0}, then = {b, 0, 0};
    while (!at_end(&first) || !at_end(&then)) {
        size_t n = least(&first, &then);
        if (kind_at(&then) == DELTA_INSERT) {
            n = left_at(&then);
            delta_insert(d, text_at(&then), n);
            step_on(&then, n);
        } else if (kind_at(&first) == DELTA_DELETE) {
            n = left_at(&first);
            delta_delete(d, n);
            step_on(&first, n);
        } else {
            bool gone = kind_at(&then) == DELTA_DELETE, new = kind_at(&first) == DELTA_INSERT;
            if (gone && !new) delta_delete(d, n);
            if (!gone && !new) delta_keep(d, n);
            if (!gone && new) delta_insert(d, text_at(&first), n);
            step_on(&first, n);
            step_on(&then, n);
        }
    }
}

void delta_rebase(const delta *a, const delta *b, bool mine, delta *d)
{
    walk own = {a, 0, 0}, other = {b, 0, 0};
    while (!at_end(&own)) {
        bool   inserts = kind_at(&own) == DELTA_INSERT, meets = kind_at(&other) == DELTA_INSERT;
        size_t n = least(&own, &other);
        if (inserts && (mine || !meets)) {
            n = left_at(&own);
            delta_insert(d, text_at(&own), n);
            step_on(&own, n);
        } else if (meets) {
            n = left_at(&other);
            delta_keep(d, n);
            step_on(&other, n);
        } else {
            bool there = kind_at(&other) == DELTA_KEEP;
            if (there && kind_at(&own) == DELTA_KEEP) delta_keep(d, n);
            if (there && kind_at(&own) == DELTA_DELETE) delta_delete(d, n);
            step_on(&own, n);
            step_on(&other, n);
        }
    }
}

/* -- What others did --------------------------------------------------------------------------- */

static bool is_inside(const char *text, size_t at, size_t size)
{
    return at > 0 && at < size && ((unsigned char)text[at] & 0xc0) == 0x80;
}

/* Of what was `was` is made `is`. */
static void turn_into(delta *d, const char *was, size_t was_size, const char *is, size_t is_size)
{
    const char *found = was_size <= is_size ? memmem(is, is_size, was, was_size) : NULL;
    if (was_size == 0 || found != NULL) {
        size_t before = was_size == 0 ? is_size : (size_t)(found - is);
        delta_insert(d, is, before);
        delta_keep(d, was_size);
        delta_insert(d, is + before + was_size, is_size - before - was_size);
        return;
    }
    size_t most = was_size < is_size ? was_size : is_size, front = 0, back = 0;
    while (front < most && was[front] == is[front]) front++;
    while (is_inside(was, front, was_size) || is_inside(is, front, is_size)) front--;
    while (back < most - front && was[was_size - back - 1] == is[is_size - back - 1]) back++;
    while (back > 0 &&
           (is_inside(was, was_size - back, was_size) || is_inside(is, is_size - back, is_size))) {
        back--;
    }
    delta_keep(d, front);
    delta_insert(d, is + front, is_size - front - back);
    delta_delete(d, was_size - front - back);
    delta_keep(d, back);
}

void delta_without(const delta *all, const delta *mine, delta *d)
{
    walk every = {all, 0, 0}, own = {mine, 0, 0};
    while (!at_end(&every) || !at_end(&own)) {
        bool   is = kind_at(&every) == DELTA_INSERT, was = kind_at(&own) == DELTA_INSERT;
        size_t n = is ? left_at(&every) : 0, m = was ? left_at(&own) : 0;
        if (is || was) {
            turn_into(d, was ? text_at(&own) : "", m, is ? text_at(&every) : "", n);
            if (is) step_on(&every, n);
            if (was) step_on(&own, m);
            continue;
        }
        n = least(&every, &own);
        if (kind_at(&own) == DELTA_KEEP && kind_at(&every) == DELTA_KEEP) delta_keep(d, n);
        if (kind_at(&own) == DELTA_KEEP && kind_at(&every) == DELTA_DELETE) delta_delete(d, n);
        step_on(&every, n);
        step_on(&own, n);
    }
}

/* -- Parts ------------------------------------------------------------------------------------- */

/* At most so many bytes of a text, whole characters; one at least. */
static size_t whole(const char *text, size_t size, size_t most)
{
    if (size <= most) return size;
    size_t n = most;
    while (n > 0 && is_inside(text, n, size)) n--;
    if (n > 0) return n;
    for (n = 1; is_inside(text, n, size);) n++;
    return n;
}

void delta_take(delta *a, size_t bytes, delta *d)
{
    delta  rest = {0};
    walk   w = {a, 0, 0};
    size_t left = bytes;
    bool   full = false;
    for (; !at_end(&w); step_on(&w, left_at(&w))) {
        size_t n = left_at(&w);
        switch (kind_at(&w)) {
        case DELTA_KEEP:
            if (!full) delta_keep(d, n);
            delta_keep(&rest, n);
            break;
        case DELTA_DELETE:
            if (!full) delta_delete(d, n);
            else delta_delete(&rest, n);
            break;
        case DELTA_INSERT: {
            size_t part = full ? 0 : whole(text_at(&w), n, left);
            if (part > left && left < bytes) part = 0; /* not even a character */
            delta_insert(d, text_at(&w), part);
            delta_keep(&rest, part);
            delta_insert(&rest, text_at(&w) + part, n - part);
            left -= part < left ? part : left;
            full |= part < n;
            break;
        }
        }
    }
    delta_move(a, &rest);
}

size_t delta_place(const delta *d, size_t place)
{
    size_t at = 0, to = 0; /* how far it is: before, after */
    for (size_t i = 0; i < d->count; i++) {
        const delta_step *s = &d->at[i];
        if (s->kind == DELTA_INSERT) {
            if (at == place) return to;
            to += s->count;
            continue;
        }
        size_t n = place - at < s->count ? place - at : s->count;
        if (s->kind == DELTA_KEEP) to += n;
        at += n;
        if (at == place && n < s->count) return to;
    }
    return to + (place - at);
}
