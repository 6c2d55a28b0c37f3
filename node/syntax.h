/* syntax.h: the syntax of a command, as its table writes it, taken apart for COMMAND DOCS.
 *
 *      key seconds [NX | XX | GT | LT]     words in capitals are said as they are, others stand for
 *      key member [member ...]             what the user puts there
 *      key [MATCH pattern] [COUNT count]
 *      key <BEFORE | AFTER> pivot element  one of them must be said
 */
#ifndef NODE_SYNTAX_H
#define NODE_SYNTAX_H
#include "crdt/base.h"

#define SYNTAX_MAX 48 /* arguments of one command, with those inside others */

typedef enum syntax_kind { SYNTAX_WORD, SYNTAX_TOKEN, SYNTAX_ONEOF, SYNTAX_BLOCK } syntax_kind;

/* An argument. Those inside it, if it is a ONEOF or BLOCK, are children: first, and each one's
 * next. */
typedef struct syntax_arg {
    syntax_kind kind;
    crdt_view   name, token; /* in the syntax's text; token: MATCH of MATCH pattern; or no bytes */
    bool        optional, multiple;
    int         first, next, children; /* places in args; -1: none */
} syntax_arg;

typedef struct syntax {
    syntax_arg args[SYNTAX_MAX];
    int        count, first, top; /* top: how many are not inside others */
} syntax;

/* False: the text is not such a syntax, or has too many arguments. */
bool syntax_parse(const char *text, syntax *ret_syntax);

#endif
