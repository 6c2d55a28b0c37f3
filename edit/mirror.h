/* mirror.h: keeps a document and a text of a node the same: what is asked of the node and when, and
 * what its replies mean. Turns of one after the other, each of which waits for all its replies:
 *
 *      look    WATCH, TEXT.CHANGES since the last look, TEXT.AT for each other cursor
 *      send    MULTI, what was typed, EXEC: nothing, if the text has changed since the look: again
 *      undo    TEXT.UNDO or TEXT.REDO, once nothing is unsent
 *      tell    TEXT.CURSOR for the own cursor, PUBLISH on the channel of those who edit this text
 *
 * Once     What is sent takes a mark with it in its transaction, the key concur-edit:SESSION: after
 *          a connection was lost it tells whether the node has taken what had no reply. It is gone
 *          when the editor ends, or a day later.
 * Others   messages of other editors (presence.h) come over a second connection, behind what they
 *          have written: so each is a reason to look. Who writes without an editor is seen within
 *          MIRROR_LOOK_MS.
 */
#ifndef EDIT_MIRROR_H
#define EDIT_MIRROR_H
#include "edit/doc.h"
#include "edit/groups.h"
#include "edit/link.h"
#include "edit/presence.h"

#define MIRROR_LOOK_MS 500u
#define MIRROR_REPLY_MS 10000u   /* a node that says nothing for so long is gone */
#define MIRROR_PIECE 262144u     /* bytes of text in one transaction */
#define MIRROR_UNKNOWN_MS 10000u /* so long a node may lack what it has told before */

typedef enum mirror_expected {
    MIRROR_NOTHING, /* a reply that says no more than OK or QUEUED */
    MIRROR_MARK,
    MIRROR_CHANGES,
    MIRROR_AT,
    MIRROR_EXEC,
    MIRROR_UNDO,
    MIRROR_CURSOR
} mirror_expected;

/* A reply that is to come. */
typedef struct mirror_wait {
    mirror_expected what;
    char            session[PRESENCE_SESSION + 1]; /* of AT */
} mirror_wait;

typedef struct mirror_options {
    const char *host, *key, *name, *password; /* password: NULL: none */
    int         port;
} mirror_options;

/* Told of each change of what is shown. undone: TEXT.UNDO or REDO made it. */
typedef void mirror_seen(void *user, const delta *change, bool undone);

typedef struct mirror {
    mirror_options options;
    doc            doc;
    presence       others;
    groups         groups;
    mirror_seen   *seen;
    void          *user;
    link_to        commands, ears;

    mirror_wait *waits; /* of the commands said, the oldest first */
    size_t       waits_count, waits_cap;
    uint64_t     heard_ms;
    bool         hello; /* to be said first on a new connection */
    bool         subscribed;

    char    *token; /* of the last look; NULL: none */
    bool     look, watched, replaces, undoing;
    bool     moved;                 /* somebody else's cursor is elsewhere, or known now */
    uint64_t looked_ms, unknown_ms; /* unknown: since when the node lacks what it told; 0: not */

    char     session[PRESENCE_SESSION + 1], mark[48], channel[1100];
    uint64_t sent;                      /* transactions */
    int64_t  undo;                      /* groups that are to be undone; below 0: done again */
    size_t   cursor;                    /* of the editor */
    char     told[PRESENCE_CURSOR + 1]; /* what others were told of it */
    bool     tell, greet;               /* greet: also what they know */
    uint64_t told_ms, pause_ms;         /* pause: nothing is sent before */
    char     problem[200];              /* what the node refuses; empty: nothing */
    char     news[200];                 /* to be shown once; empty: none */
} mirror;

/* session: letters that no other editor has. key: at most 1,000 bytes. */
void mirror_start(mirror *s, const mirror_options *options, const char *session, mirror_seen *seen,
                  void *user);
void mirror_end(mirror *s);
/* Hear what has come, and say what is to be said. */
void mirror_turn(mirror *s, uint64_t now_ms);
/* When the next turn is due, if nothing comes. */
uint64_t mirror_deadline(const mirror *s, uint64_t now_ms);
/* For poll(2): how many of the two were filled in; and what it found. */
size_t mirror_poll(const mirror *s, struct pollfd ret[2]);
void   mirror_handle(mirror *s, const struct pollfd *polled, size_t count, uint64_t now_ms);

void mirror_edit(mirror *s, const delta *change);
/* Undo (again: redo) the last group, once all that was typed has been sent. */
void mirror_undo(mirror *s, bool again);
void mirror_moved(mirror *s, size_t cursor);
bool mirror_online(const mirror *s);
/* Say that this editor is gone; mirror_idle is true once the node has heard it. */
void mirror_leave(mirror *s);
bool mirror_idle(const mirror *s);

#endif
