/* rich.h: short words for tests of marked texts: one text, "doc", in each store. Positions are in
 * code points; any error fails the test. */
#ifndef TESTS_LIB_RICH_H
#define TESTS_LIB_RICH_H
#include "crdt/types.h"
#include "tests/lib/stores.h"

#define DOC "doc"

crdt_range rich_range(uint64_t start, uint64_t count);
/* Each is a transaction; the delta is dropped. */
void rich_insert(crdt_store *store, uint64_t pos, const char *text); /* crdt_marks_insert */
void rich_type(crdt_store *store, uint64_t pos, const char *text);   /* crdt_text_insert */
void rich_delete(crdt_store *store, uint64_t pos, uint64_t count);
void rich_set(crdt_store *store, uint64_t start, uint64_t count, const char *key,
              const char *value); /* value NULL: 1 */
void rich_unset(crdt_store *store, uint64_t start, uint64_t count, const char *key);
void rich_tidy(crdt_store *store);
/* All that each lacks; both then have the same bytes and show the same, and are sound. */
void rich_meet(crdt_store *a, crdt_store *b);
/* "a [bold]b[/] [bold link=x]c[/]": each stretch that has marks, with those whose value is not 1
 * told in full. Static buffer until the next call. */
const char *rich_shown(const crdt_store *store);
size_t      rich_count(const crdt_store *store); /* marks held */

#endif
