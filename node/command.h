/* command.h: the table of commands, and how one runs.
 *
 * A command that writes opens the engine's transaction by call_write; when it returns, the
 * transaction is committed (one entry), or rolled back if it replied with an error. Writes that a
 * client sends in one go may share a transaction (COMMAND_SHARES): the cost of an entry is that of
 * several commands, and other nodes see all of them or none.
 */
#ifndef NODE_COMMAND_H
#define NODE_COMMAND_H
#include "node/client.h"

typedef enum command_flags {
    COMMAND_READ = 1,
    COMMAND_WRITE = 2,
    COMMAND_ADMIN = 4,
    COMMAND_FAST = 8,
    COMMAND_NO_AUTH = 16, /* before AUTH, too */
    COMMAND_BLOCKING = 32,
    COMMAND_OURS = 64,          /* Redis has no such command */
    COMMAND_COUNTED_KEYS = 128, /* its first argument says how many keys follow it */
    COMMAND_SHARES = 256        /* looks by its transaction alone: may share one with the next */
} command_flags;

/* One run of a command. */
typedef struct call {
    node            *node;
    client          *client;
    const command   *command;
    const crdt_view *args; /* [0] is the command's name */
    size_t           count;
    reply           *reply;
    size_t           at;        /* where the reply begins */
    crdt_txn        *txn;       /* open once something is written */
    bool             failed;    /* an error was the reply: nothing is kept */
    bool             deadlines; /* it has changed some */
    bool             again;     /* it waited for a key, which has changed */
    bool             waits;     /* it replies nothing for now: blocking.h */
    bool             conflicts; /* it may have made some */
    size_t           end;       /* of an error reply: what is said after it is dropped */
} call;

struct command {
    const char *name; /* lower case */
    void (*run)(call *c);
    int32_t        arity; /* with the name; negative: at least */
    uint32_t       flags;
    int8_t         first_key, last_key, key_step; /* as COMMAND tells; 0: no keys */
    const char    *group, *syntax, *summary;      /* syntax: what follows the name */
    const command *subs;   /* of CLIENT and its like, named "client|id"; the last has no name */
    const void    *detail; /* of commands made from a type's operation table */
};

/* How often a command ran, for INFO. Every COMMAND_SAMPLEth run is timed. */
#define COMMAND_SAMPLE 64u
typedef struct command_counts {
    uint64_t calls, failed, rejected, timed, timed_ns;
} command_counts;

/* Makes the table: ours, and those of the types. Once a process. False: no memory. */
bool command_open(void);
void command_close(void);
/* By name in any case; NULL: there is none. */
const command        *command_find(crdt_view name);
const command        *command_at(size_t i); /* in order of names; NULL past the end */
size_t                command_count(void);
const command_counts *command_counts_of(const command *cmd); /* of the table, not of subs */
void                  command_counts_reset(void);
typedef struct command_request {
    crdt_view *args;
    size_t     count, end; /* end: the place behind it in the bytes that came */
} command_request;

/* Run the first of them and append its reply; writes that follow it and may share its entry, too:
 * they run as one transaction or, if one fails or the entry is not taken, each as its own. How many
 * ran, at least one. */
size_t command_run(client *who, const command_request *requests, size_t count);
/* Run a request that waits once more. False: it goes on waiting. */
bool command_again(client *who, const command *cmd, const command_request *one);

/* -- For commands ------------------------------------------------------------------------------ */

/* The transaction of this call, opened at first use. NULL: an error was replied. */
crdt_txn *call_write(call *c);
/* End the transaction here: what comes next is another entry. */
void call_commit(call *c);
/* Reply an error instead of all that was replied, and keep nothing of what the call has written. */
void call_error(call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The reply for an error of the library; false if err is OK. */
bool call_fails(call *c, crdt_err err);
void call_syntax(call *c);     /* ERR syntax error */
void call_wrong_type(call *c); /* WRONGTYPE ... */
void call_wrong_arity(call *c);
/* Run the command of subs that the argument 1 names: CLIENT ID, CONFIG GET ... */
void call_sub(call *c);
/* HELP: the syntax and summary of each of them. */
void call_help(call *c);
/* The argument is this word, in any case. */
bool call_is(const call *c, size_t i, const char *word);
/* The argument as an integer; false: "ERR value is not an integer or out of range" was replied. */
bool call_int(call *c, size_t i, int64_t *ret_value);

#endif
