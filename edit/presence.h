/* presence.h: who else has the text open, and where: what editors publish on a channel, each time
 * its cursor has moved, and every PRESENCE_TELL_MS anyway.
 *
 * Message  "concur-edit 1 SESSION CURSOR NAME", CURSOR as TEXT.CURSOR gives it; "-": gone
 */
#ifndef EDIT_PRESENCE_H
#define EDIT_PRESENCE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRESENCE_MAX 64u /* others; more are not shown */
#define PRESENCE_TELL_MS 5000u
#define PRESENCE_AWAY_MS 16000u /* silent for so long: cut off, most likely */
#define PRESENCE_GONE_MS 600000u
#define PRESENCE_SESSION 16u /* letters */
#define PRESENCE_NAME 32u    /* bytes */
#define PRESENCE_CURSOR 80u
#define PRESENCE_COLOURS 6

typedef struct peer {
    char     session[PRESENCE_SESSION + 1], name[PRESENCE_NAME + 1], cursor[PRESENCE_CURSOR + 1];
    uint64_t heard_ms;
    bool     placed; /* place is where the cursor is */
    size_t   place;
} peer;

typedef struct presence {
    peer   at[PRESENCE_MAX]; /* in order of sessions */
    size_t count;
} presence;

typedef enum presence_news {
    PRESENCE_NOTHING, /* no message of an editor, or it says what is known */
    PRESENCE_MOVED,
    PRESENCE_CAME,
    PRESENCE_LEFT
} presence_news;

presence_news presence_hear(presence *p, const char *own, const char *message, size_t size,
                            uint64_t now_ms);
/* Those that were silent for too long go. */
void  presence_age(presence *p, uint64_t now_ms);
bool  presence_is_away(const peer *one, uint64_t now_ms);
peer *presence_find(presence *p, const char *session);
/* 0 to PRESENCE_COLOURS - 1, by the session. */
int presence_colour(const char *session);
/* The message into out: its size. cursor "-": gone. */
size_t presence_message(const char *session, const char *name, const char *cursor, char out[192]);
/* A name as it is shown: no control characters, nothing that turns directions, not too long. */
void presence_name(const char *from, size_t size, char out[PRESENCE_NAME + 1]);

#endif
