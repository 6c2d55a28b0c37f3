/* json.h: a strict reader of JSON for test data, value by value, from the front.
 *
 *      json j;
 *      json_init(&j, text, size);
 *      for (json_open(&j, '{'); json_key(&j, key, sizeof key);) {
 *          if (strcmp(key, "agent") == 0) agent = json_int(&j);
 *          else json_skip(&j);
 *      }
 *      json_end(&j);
 *      CHECK_MSG(j.error == NULL, "%s at byte %zu", j.error, json_offset(&j));
 *
 * The first error sticks: loops end, numbers are 0 and strings empty from there on.
 */
#ifndef TESTS_LIB_JSON_H
#define TESTS_LIB_JSON_H
#include "crdt/buf.h"

typedef struct json {
    const char *start, *at, *end;
    const char *error; /* static; NULL: all is well */
    bool        fresh; /* just after an opening bracket */
} json;

void   json_init(json *j, const void *text, size_t size);
size_t json_offset(const json *j);
/* Step into '[' or '{'. */
void json_open(json *j, char bracket);
/* Is there one more item in the array? False: its end, stepped over. */
bool json_item(json *j);
/* The same of an object: the key, ended by NUL. A key that does not fit is an error. */
bool    json_key(json *j, char *ret_key, size_t size);
int64_t json_int(json *j);                   /* an integer within 15 digits */
void    json_string(json *j, crdt_buf *out); /* appended, as UTF-8 */
void    json_skip(json *j);                  /* any value; nested up to 64 deep */
void    json_end(json *j);                   /* nothing but blanks follows */

/* All of a gzip'd file, unpacked by gzip(1). False: it cannot be had. */
bool json_unzip(const char *path, crdt_buf *out);

#endif
