/* names.c: see names.h. */
#include "node/names.h"

#include <stdlib.h>
#include <string.h>

bool names_set(call *c, char **name, crdt_view bytes, const char *what)
{
    const uint8_t *at = bytes.data;
    for (size_t i = 0; i < bytes.size; i++) {
        if (at[i] >= '!' && at[i] <= '~') continue;
        call_error(c, "ERR %s cannot contain spaces, newlines or special characters.", what);
        return false;
    }
    char *copy = bytes.size > 0 ? malloc(bytes.size + 1) : NULL;
    if (bytes.size > 0 && copy == NULL) return !call_fails(c, CRDT_ENOMEM);
    if (copy != NULL) {
        memcpy(copy, bytes.data, bytes.size);
        copy[bytes.size] = 0;
    }
    free(*name);
    *name = copy;
    return true;
}

void names_clear(char **name)
{
    free(*name);
    *name = NULL;
}

bool names_equal(crdt_view bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}
