/* events.c: see events.h. */
#include "node/events.h"

#include <string.h>

/* By flag, the least first. */
static const char letters_of[] = "g$lshzxetdnKEm";

bool events_parse(crdt_view letters, unsigned *ret_flags)
{
    const char *at = letters.data;
    unsigned    flags = 0;
    for (size_t i = 0; i < letters.size; i++) {
        const char *found = at[i] == 0 ? NULL : strchr(letters_of, at[i]);
        if (at[i] == 'A') flags |= EVENTS_ALL;
        else if (found != NULL) flags |= 1u << (found - letters_of);
        else return false;
    }
    *ret_flags = flags;
    return true;
}

void events_print(unsigned flags, crdt_buf *out)
{
    bool all = (flags & EVENTS_ALL) == EVENTS_ALL;
    if (all) crdt_buf_byte(out, 'A');
    for (unsigned i = 0; letters_of[i] != 0; i++) {
        bool told = all && 1u << i <= EVENTS_NEW;
        if (!told && (flags >> i & 1) != 0) crdt_buf_byte(out, (uint8_t)letters_of[i]);
    }
}
