/* option.h: the table of options behind node/config.h, and values from and to text. */
#ifndef NODE_OPTION_H
#define NODE_OPTION_H
#include "node/config.h"

typedef enum option_kind {
    TEXT,    /* char[NODE_TEXT_MAX] */
    WORDS,   /* the same, of words */
    URL,     /* the same, empty or an address for gossip */
    URLS,    /* peers, peer_count */
    NUMBER,  /* uint64_t, from least to most */
    BYTES,   /* uint64_t */
    TIME,    /* uint64_t, milliseconds */
    NODE_ID, /* uint64_t, in hexadecimal */
    YES_NO,  /* bool */
    CHOICE,  /* unsigned, the place in texts */
    OUTPUT,  /* node_output */
    EVENTS,  /* unsigned, of events.h */
    FIXED    /* nothing: its value is texts; for CONFIG GET alone */
} option_kind;

typedef struct option {
    const char *group, *name, *argument;
    option_kind kind;
    bool        settable; /* by CONFIG SET */
    size_t      offset;
    const char *initial;
    uint64_t    least, most;
    const char *texts;   /* CHOICE: a blank between them */
    const char *follows; /* not to be set: another option says it */
    const char *help;
} option;

/* Those with a group, in the order of --help; then those that only CONFIG GET shows. */
enum { OPTIONS = 34 };
extern const option option_table[];

/* By its name, case ignored; NULL: there is none. */
const option *option_find(crdt_view name);

/* A value in a problem: what is printable of its start. */
typedef struct option_shown {
    char text[84];
} option_shown;
option_shown option_show(crdt_view value);
/* The same, but no password. */
option_shown option_show_value(const option *o, crdt_view value);

/* Write a problem; false. */
__attribute__((format(printf, 2, 3))) bool option_wrong(char        problem[NODE_PROBLEM_MAX],
                                                        const char *format, ...);
/* An option that there is not, with the name that may be meant. where: "FILE:LINE: ", or "" for a
 * flag, whose name is shown behind "--". False. */
bool option_unknown(const char *where, crdt_view name, char problem[NODE_PROBLEM_MAX]);

typedef struct option_url_parts {
    bool      tls, network; /* network: by host and port */
    crdt_view host;
} option_url_parts;
bool option_url(crdt_view text, option_url_parts *ret);
/* This machine's own: 127.a.b.c, ::1, localhost. */
bool option_is_loopback(crdt_view host);
/* The next word of a list, split at blanks and commas; false: there is none. */
bool option_word(crdt_view *list, crdt_view *ret_word);
/* Case ignored. */
bool option_same_word(crdt_view a, const char *b);

/* What stands in for a value that is not allowed: what would be ("must be yes or no"). */
typedef struct option_refusal {
    char text[160];
} option_refusal;
/* Take a value; peers are added. False: refused, and c may be half changed. */
bool option_set(const option *o, node_config *c, crdt_view value, option_refusal *ret);
/* Append its value as text that option_set takes. units: sizes as people write them, not as CONFIG
 * GET does. */
void option_print(const option *o, const node_config *c, bool units, crdt_buf *out);

#endif
