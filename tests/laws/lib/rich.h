/* rich.h: marked text said as plainly as can be: an array of all elements that ever were (line.h),
 * and a list of all that was ever said of stretches of it, looked at anew for every character.
 *
 * A mark over the whole of which a later one of its key lies, deleted elements told apart, may be
 * forgotten at any time (crdt_marks_tidy): so it has no say of what is typed.
 *
 * What an author saw is a set of events (a bitmap, as in crdt/laws.h). An edge of a mark is an
 * element and a side of it, or an end of the whole.
 *
 * Source   Litt et al., "Peritext", PACM HCI 6 (CSCW2), 2022, section 4, read character by
 *          character.
 */
#ifndef TESTS_LAWS_LIB_RICH_H
#define TESTS_LAWS_LIB_RICH_H
#include "crdt/buf.h"
#include "tests/laws/lib/line.h"

#define RICH_KEYS 4
#define RICH_MARKS_MAX 256

typedef struct rich_edge {
    size_t item; /* a number in the line; LINE_NONE: an end of the whole */
    bool   right;
} rich_edge;

typedef struct rich_said {
    unsigned  event, key;
    uint64_t  stamp, replica;
    rich_edge start, end;
    int       value; /* 0: none */
} rich_said;

typedef struct rich {
    line      text;
    char     *letters; /* of the line's items */
    size_t    letters_cap;
    size_t    count;
    rich_said said[RICH_MARKS_MAX];
} rich;

void rich_init(rich *r, bool classic);
void rich_clear(rich *r);

/* "bold", "comment:a", "comment:b", "link": ascending. */
const char *rich_key(unsigned key);

/* The event, having seen `seen`, types n letters before the pos-th character it sees. Returns the
 * first one's number. */
size_t rich_put(rich *r, uint64_t seen, unsigned event, uint64_t replica, size_t pos, size_t n,
                char letter);
/* It marks (value 0: takes the key away) so many characters from pos on. */
void rich_say(rich *r, uint64_t seen, unsigned event, uint64_t replica, uint64_t stamp,
              unsigned key, int value, size_t pos, size_t count);
/* Having typed n characters from number `first` on as an editor does, it says what the rules say of
 * the place where the place says otherwise. before: what it saw, without what it typed. The keys it
 * had to speak of are counted; each gets the next stamp, the last one `stamp`. */
size_t rich_mend(rich *r, uint64_t before, uint64_t seen, unsigned event, uint64_t replica,
                 uint64_t stamp, size_t pos, size_t first, size_t n);
/* What shows to who has seen `seen`: each character, followed by a digit for each key that shows
 * there: "a{bold=1}". */
void rich_text(const rich *r, uint64_t seen, crdt_buf *out);

#endif
