/* presence.c: see presence.h. */
#include "edit/presence.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "edit/cells.h"

void presence_name(const char *from, size_t size, char out[PRESENCE_NAME + 1])
{
    size_t used = 0, n;
    for (size_t at = 0; at < size; at += n) {
        wchar_t c = cells_decode(from + at, size - at, &n);
        if (c == 0xfffd || wcwidth(c) < 1 || (c >= 0x200b && c <= 0x206f)) continue;
        if (used + n > PRESENCE_NAME) break;
        memcpy(out + used, from + at, n);
        used += n;
    }
    if (used == 0) out[used++] = '?';
    out[used] = 0;
}

int presence_colour(const char *session)
{
    unsigned sum = 0;
    for (; *session != 0; session++) sum = sum * 31 + (unsigned char)*session;
    return (int)(sum % PRESENCE_COLOURS);
}

size_t presence_message(const char *session, const char *name, const char *cursor, char out[192])
{
    return (size_t)snprintf(out, 192, "concur-edit 1 %.16s %.80s %.32s", session, cursor, name);
}

static size_t place_of(const presence *p, const char *session)
{
    size_t i = 0;
    while (i < p->count && strcmp(p->at[i].session, session) < 0) i++;
    return i;
}

peer *presence_find(presence *p, const char *session)
{
    size_t i = place_of(p, session);
    return i < p->count && strcmp(p->at[i].session, session) == 0 ? &p->at[i] : NULL;
}

static void drop(presence *p, size_t i)
{
    memmove(&p->at[i], &p->at[i + 1], (--p->count - i) * sizeof *p->at);
}

/* The next word, without blanks, into out. False: there is none, or it is too long. */
static bool word(const char **at, const char *end, char *out, size_t most)
{
    const char *from = *at;
    while (*at < end && (unsigned char)**at > ' ') ++*at;
    size_t size = (size_t)(*at - from);
    if (size == 0 || size > most || *at == end) return false;
    memcpy(out, from, size);
    out[size] = 0;
    ++*at;
    return true;
}

presence_news presence_hear(presence *p, const char *own, const char *message, size_t size,
                            uint64_t now_ms)
{
    const char *at = message, *end = message + size;
    char        head[12], version[2];
    peer        one = {.heard_ms = now_ms};
    if (!word(&at, end, head, sizeof head - 1) || strcmp(head, "concur-edit") != 0 ||
        !word(&at, end, version, 1) || version[0] != '1' ||
        !word(&at, end, one.session, PRESENCE_SESSION) ||
        !word(&at, end, one.cursor, PRESENCE_CURSOR) || strcmp(one.session, own) == 0) {
        return PRESENCE_NOTHING;
    }
    presence_name(at, (size_t)(end - at), one.name);
    size_t i = place_of(p, one.session);
    bool   known = i < p->count && strcmp(p->at[i].session, one.session) == 0;
    if (strcmp(one.cursor, "-") == 0) {
        if (known) drop(p, i);
        return known ? PRESENCE_LEFT : PRESENCE_NOTHING;
    }
    if (known) {
        bool same = strcmp(p->at[i].cursor, one.cursor) == 0;
        one.placed = p->at[i].placed;
        one.place = p->at[i].place;
        p->at[i] = one;
        return same ? PRESENCE_NOTHING : PRESENCE_MOVED;
    }
    if (p->count == PRESENCE_MAX) return PRESENCE_NOTHING;
    memmove(&p->at[i + 1], &p->at[i], (p->count++ - i) * sizeof *p->at);
    p->at[i] = one;
    return PRESENCE_CAME;
}

bool presence_is_away(const peer *one, uint64_t now_ms)
{
    return now_ms - one->heard_ms > PRESENCE_AWAY_MS;
}

void presence_age(presence *p, uint64_t now_ms)
{
    for (size_t i = p->count; i > 0; i--) {
        if (now_ms - p->at[i - 1].heard_ms > PRESENCE_GONE_MS) drop(p, i - 1);
    }
}
