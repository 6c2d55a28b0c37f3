/* glob.h: patterns of KEYS, SCAN MATCH, PSUBSCRIBE and CONFIG GET.
 *
 * *  any bytes, also none; ?  one byte; [abc] [a-z] [^a-z]  one byte of, or not of, these; \  the
 * next byte as it is, also within [...]. A class that is not closed ends with the pattern. Bytes,
 * not characters, as in Redis.
 *
 * Cost     O(pattern * text) at worst: a star is never tried again once a later one was reached.
 */
#ifndef NODE_GLOB_H
#define NODE_GLOB_H
#include "crdt/base.h"

bool glob_match(crdt_view pattern, crdt_view text);
/* Lower and upper case of ASCII letters are the same. */
bool glob_match_nocase(crdt_view pattern, crdt_view text);
/* The bytes that each text which fits starts with, as far as the pattern starts with plain ones:
 * what an ordered listing may start from. All of it: the pattern fits just this text. Views
 * pattern. */
crdt_view glob_prefix(crdt_view pattern);

#endif
