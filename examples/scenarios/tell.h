/* tell.h: what the scenarios share: sentences, claims that are checked, nodes that are asked.
 *
 *      stage_open(2, (const char *const[]){"north", "south"});
 *      show(0, "CRDT.PNCOUNTER.INC stock 10");    prints    north> CRDT.PNCOUNTER.INC stock 10
 *      stage_cut(1);                              between the nodes of the mask and the others
 *      stage_heal();                              and waits until all hold the same
 *      claim(strcmp(ask(1, "CRDT.PNCOUNTER.GET stock"), "10") == 0, "the stock is there, too");
 *      return tell_end();
 *
 * Output is the same in each run: docs/SCENARIOS.md shows it, and the tests compare.
 */
#ifndef SCENARIOS_TELL_H
#define SCENARIOS_TELL_H
#include <stdbool.h>
#include <stdint.h>

#define TELL_FORMAT(string, first) __attribute__((format(printf, string, first)))

void tell(const char *format, ...) TELL_FORMAT(1, 2); /* a line */
/* Prints the sentence, and whether it holds; if it does not, the program ends with status 1. */
void claim(bool holds, const char *format, ...) TELL_FORMAT(2, 3);
/* The program itself cannot go on: status 2. */
_Noreturn void give_up(const char *format, ...) TELL_FORMAT(1, 2);
int            tell_end(void); /* the exit status: 0 if every claim held */

/* -- Nodes: concurd processes that end with this one ------------------------------------------- */

void stage_open(uint32_t count, const char *const *names); /* names: borrowed */
void stage_cut(uint64_t mask);
void stage_scatter(void); /* every node is cut off from all others */
void stage_settle(void);  /* until all hold the same */
void stage_heal(void);
void stage_pause(void); /* a few ms: clocks go on between two writes */

/* Have a node do a command of words ('...' is one word), and give its reply as text: 5, word, nil,
 * [a, b] with what an array holds sorted. It must not be an error. Valid for the next 15 calls. */
const char *ask(uint32_t node, const char *format, ...) TELL_FORMAT(2, 3);
/* The same, printed: the command and, if it is no plain OK, the reply; hashes cut short. */
const char *show(uint32_t node, const char *format, ...) TELL_FORMAT(2, 3);
/* The same of a command that must be refused: the error. */
const char *show_refused(uint32_t node, const char *format, ...) TELL_FORMAT(2, 3);
/* The reply of a node as it came, to be freed with freeReplyObject; it is no error. */
struct redisReply *stage_reply(uint32_t node, const char *format, ...) TELL_FORMAT(2, 3);
/* ask of every node: the reply, if it is the same everywhere; "(differs)" if not. */
const char *ask_all(const char *format, ...) TELL_FORMAT(1, 2);
/* What CRDT.CONFLICTS lists of a key: "what shows | another | another", those sorted. */
const char *ask_contents(uint32_t node, const char *key);
bool        same(const char *a, const char *b);

#endif
