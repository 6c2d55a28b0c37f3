/* keys.h: what a terminal sends, as keys: UTF-8, the sequences of xterm and its like (ECMA-48), and
 * what is pasted between brackets (mode 2004). */
#ifndef EDIT_KEYS_H
#define EDIT_KEYS_H
#include "edit/window.h"

typedef enum key_kind {
    KEY_TEXT, /* typed: whole characters; enter is a line feed */
    KEY_GO,   /* a move of the cursor */
    KEY_BACKSPACE,
    KEY_DELETE,
    KEY_UNDO,   /* ^Z */
    KEY_REDO,   /* ^Y */
    KEY_REDRAW, /* ^L */
    KEY_QUIT,   /* ^Q */
    KEY_PASTE,  /* a part of what is pasted, any bytes */
    KEY_PASTE_END,
    KEY_OTHER /* means nothing here */
} key_kind;

typedef struct key {
    key_kind    kind;
    window_move move;
    const char *text; /* of TEXT and PASTE: borrowed from the bytes that were given */
    size_t      size;
} key;

/* Zeros: not within a paste. */
typedef struct keys {
    bool pasting;
} keys;

/* The first key in the bytes: how many of them it takes; 0: it is not whole. */
size_t keys_next(keys *k, const char *bytes, size_t size, key *ret_key);

#endif
