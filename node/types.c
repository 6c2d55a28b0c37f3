/* types.c: the commands CRDT.TYPE.OPERATION, made from the operation tables of the types.
 *
 *      CRDT.ORSET.ADD key value            one for each operation, with its arguments
 *      CRDT.ORSET.GET key                  and one for each type that reads it (reads.c)
 *      CRDT.AUDIT.VERIFY key               what is no operation (audits.c)
 *
 * Values   what is an integer in its usual form ("10", not "010" or "+10") goes in as an integer:
 *          SADD, CRDT.ORSET.ADD and a program that embeds the library mean the same element.
 * Empty    a key that is not there reads as an empty object.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/audits.h"
#include "node/commands.h"
#include "node/keys.h"
#include "node/number.h"
#include "node/reads.h"

/* What a made command does; its texts stand behind. */
typedef struct made {
    const crdt_type *type;
    const crdt_op   *op; /* NULL: read */
    char             name[64], syntax[96], summary[256];
} made;

static const made *made_of(const call *c)
{
    return c->command->detail;
}

/* -- Arguments --------------------------------------------------------------------------------- */

static const char *word_of(char letter)
{
    switch (letter) {
    case 'b': return "bytes";
    case 'c': return "cursor";
    case 'd': return "number";
    case 'i': return "integer";
    case 'n': return "amount";
    case 'p': return "position";
    case 'r': return "revisions";
    case 't': return "stamp";
    default: return "value";
    }
}

/* False: an error was replied. */
static bool parse_integer(call *c, size_t i, char letter, crdt_value *ret_value)
{
    int64_t n = 0, least = letter == 'n' ? 1 : letter == 'i' ? INT64_MIN : 0;
    if (!number_int64(c->args[i], &n) || n < least) {
        call_error(c, "ERR %s must be an integer from %" PRId64 " to %" PRId64, word_of(letter),
                   least, INT64_MAX);
        return false;
    }
    *ret_value = crdt_int(n);
    return true;
}

static bool parse(call *c, const crdt_op *op, crdt_value *args)
{
    for (size_t i = 0; op->args[i] != 0; i++) {
        crdt_view view = c->args[2 + i];
        switch (op->args[i]) {
        case 'v': args[i] = number_value(view); break;
        case 'b':
        case 'c':
        case 'd':
        case 'r': args[i] = crdt_bytes(view.data, view.size); break;
        default:
            if (!parse_integer(c, 2 + i, op->args[i], &args[i])) return false;
        }
    }
    return true;
}

/* -- Running ----------------------------------------------------------------------------------- */

static bool takes(const crdt_op *op, char letter)
{
    return strchr(op->args, letter) != NULL;
}

static void reply_result(call *c, const crdt_op *op, crdt_err err)
{
    if (err == CRDT_ERANGE && takes(op, 'p')) {
        call_error(c, "ERR position or count is beyond the end");
    } else if (err == CRDT_ERANGE) {
        call_error(c, "ERR increment or decrement would overflow");
    } else if (err == CRDT_EINVAL && takes(op, 'r')) {
        call_error(c, "ERR revisions must be ids N-hash, a space between them, of one path");
    } else if (err == CRDT_EMALFORMED && takes(op, 'b')) {
        call_error(c, "ERR the audit has faults, which must not be wiped away");
    } else if (err == CRDT_EINVAL && takes(op, 'd')) {
        call_error(c, "ERR value is not a valid float");
    } else if (err == CRDT_EINVAL && takes(op, 'c')) {
        call_error(c, "ERR cursors must be as TEXT.CURSOR gives them, and the key not empty");
    } else if (err == CRDT_EINVAL && takes(op, 'b')) {
        call_error(c, "ERR value is not valid UTF-8");
    } else if (!call_fails(c, err)) {
        reply_ok(c->reply);
    }
}

static void run_operation(call *c)
{
    const made *m = made_of(c);
    crdt_value  args[CRDT_OP_ARGS_MAX];
    crdt_view   name = c->args[1];
    if (!parse(c, m->op, args)) return;
    bool beside = m->type->beside; /* it shows under no name of its own */
    if (m->type == &crdt_expiry_type) c->deadlines = true;
    if (m->type == &crdt_revgraph_type) c->conflicts = true;
    crdt_txn *txn = beside ? call_write(c) : key_write(c, name, m->type);
    if (txn == NULL) return;
    reply_result(c, m->op, crdt_txn_apply(txn, name, m->op, args, strlen(m->op->args)));
}

static void run_read(call *c)
{
    reads_reply(c, c->args[1], made_of(c)->type);
}

/* -- The table --------------------------------------------------------------------------------- */

static void lower_dots(char *name)
{
    for (; *name != 0; name++) {
        if (*name >= 'A' && *name <= 'Z') *name = (char)(*name - 'A' + 'a');
    }
}

static void write_syntax(made *m)
{
    size_t used = (size_t)snprintf(m->syntax, sizeof m->syntax, "key");
    if (m->op == NULL && reads_part(m->type)) {
        snprintf(m->syntax, sizeof m->syntax, "key [position count]");
    }
    for (const char *letter = m->op == NULL ? "" : m->op->args; *letter != 0; letter++) {
        used +=
            (size_t)snprintf(m->syntax + used, sizeof m->syntax - used, " %s", word_of(*letter));
    }
}

/* False: no memory. */
static bool make(const crdt_type *type, const crdt_op *op, command *ret_command)
{
    made *m = calloc(1, sizeof *m);
    if (m == NULL) return false;
    m->type = type;
    m->op = op;
    snprintf(m->name, sizeof m->name, "crdt.%s.%s", type->name, op != NULL ? op->name : "get");
    lower_dots(m->name);
    snprintf(m->summary, sizeof m->summary, "%s: %s.", type->name,
             op != NULL ? op->help : "read it; of a key that is not there, an empty one");
    write_syntax(m);
    bool part = op == NULL && reads_part(type);
    *ret_command = (command){
        .name = m->name,
        .run = op != NULL ? run_operation : run_read,
        .arity = op != NULL ? 2 + (int32_t)strlen(op->args)
                 : part     ? -2
                            : 2,
        .flags = (op != NULL ? COMMAND_WRITE : COMMAND_READ) | COMMAND_OURS,
        .first_key = 1,
        .last_key = 1,
        .key_step = 1,
        .group = "crdt",
        .syntax = m->syntax,
        .summary = m->summary,
        .detail = m,
    };
    return true;
}

command *commands_of_types(size_t *ret_count)
{
    const crdt_types *types = crdt_types_builtin();
    size_t            count = 0, made_count = 0;
    bool              ok = true;
    for (size_t i = 0; i < types->count; i++) count += types->list[i]->ops_count + 1;
    command *list = calloc(count, sizeof *list);
    for (size_t i = 0; list != NULL && i < types->count; i++) {
        const crdt_type *type = types->list[i];
        for (size_t op = 0; ok && op <= type->ops_count; op++) {
            ok = make(type, op < type->ops_count ? &type->ops[op] : NULL, &list[made_count]);
            made_count += ok;
        }
    }
    if (list != NULL && !ok) {
        for (size_t i = 0; i < made_count; i++) commands_free_made(&list[i]);
        free(list);
        return NULL;
    }
    *ret_count = made_count;
    return list;
}

void commands_free_made(command *cmd)
{
    free((void *)(uintptr_t)cmd->detail);
    cmd->detail = NULL;
}

/* -- CRDT.AUDIT.VERIFY ------------------------------------------------------------------------- */

void command_crdt_audit_verify(call *c)
{
    crdt_ref audit;
    switch (key_typed(c, c->args[1], &crdt_audit_type, &audit)) {
    case KEY_THERE: (void)call_fails(c, audits_reply(audit, c->reply)); break;
    case KEY_ABSENT:
        if (!c->failed) reply_ok(c->reply);
        break;
    default: break;
    }
}

/* -- CRDT.TYPES -------------------------------------------------------------------------------- */

static void reply_operation(reply *r, const crdt_op *op)
{
    char   text[96] = "key";
    size_t used = 3;
    for (const char *letter = op->args; *letter != 0; letter++) {
        used += (size_t)snprintf(text + used, sizeof text - used, " %s", word_of(*letter));
    }
    reply_text(r, op->name);
    reply_map(r, 2);
    reply_text(r, "arguments");
    reply_text(r, text);
    reply_text(r, "help");
    reply_text(r, op->help);
}

void command_crdt_types(call *c)
{
    const crdt_types *types = crdt_types_builtin();
    reply            *r = c->reply;
    reply_map(r, types->count);
    for (size_t i = 0; i < types->count; i++) {
        const crdt_type *type = types->list[i];
        reply_text(r, type->name);
        reply_map(r, 5);
        reply_text(r, "id");
        reply_int(r, type->id);
        reply_text(r, "shown-as");
        reply_text(r, key_type_name(type));
        reply_text(r, "summary");
        reply_text(r, type->summary);
        reply_text(r, "source");
        reply_text(r, type->source);
        reply_text(r, "operations");
        reply_map(r, type->ops_count);
        for (size_t op = 0; op < type->ops_count; op++) reply_operation(r, &type->ops[op]);
    }
}
