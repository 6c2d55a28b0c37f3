/* term.h: programs that run in a terminal, one each, and what it shows.
 *
 *      term *t = term_start(24, 80, argv);      // argv: {"build/gcc/concur-edit", "page", NULL}
 *      term_type(t, "hello");
 *      term_until(t, "hello", 10000)            // a row that has it, within 10 s
 *
 * While one is waited for all are read, so that none waits for us. A program ends with its
 * terminal, and with this process.
 */
#ifndef TESTS_EDIT_LIB_TERM_H
#define TESTS_EDIT_LIB_TERM_H
#include <stdint.h>
#include <sys/types.h>

#include "tests/edit/lib/vt.h"

#define TERM_MAX 4

typedef struct term term;

/* NULL: no terminal, no process, or no memory. */
term *term_start(int rows, int columns, const char *const *argv);
/* Its program is killed, if it has not ended. NULL is fine. */
void term_free(term *t);
/* False: it took none of it for 20 s. */
bool term_type(term *t, const char *keys);
bool term_write(term *t, const void *bytes, size_t size);
bool term_resize(term *t, int rows, int columns);
/* Read what all of them write, for at most so long if it is nothing. */
void term_look(int ms);
/* Until a row of the screen has the words, or none has: false: not within ms. */
bool term_until(term *t, const char *words, uint32_t ms);
bool term_until_not(term *t, const char *words, uint32_t ms);
/* Until its program has ended; the status of waitpid(2). */
bool term_ended(term *t, uint32_t ms, int *ret_status);
/* The row that has the words; -1: none. */
int term_find(const term *t, const char *words);
/* The screen: rows with line feeds between. Borrowed until the next call. */
const char *term_screen(const term *t);
const vt   *term_vt(const term *t);
pid_t       term_pid(const term *t);

#endif
