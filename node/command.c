/* command.c: see command.h. */
#include "node/command.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "crdt/types.h"
#include "node/blocking.h"
#include "node/commands.h"
#include "node/conflicts.h"
#include "node/expiry.h"
#include "node/log.h"
#include "node/multi.h"
#include "node/notify.h"
#include "node/number.h"
#include "node/pubsub.h"
#include "node/undo.h"

/* -- The table --------------------------------------------------------------------------------- */

static command        *table;
static command_counts *counts; /* by place in the table */
static size_t          table_count;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const command *)a)->name, ((const command *)b)->name);
}

bool command_open(void)
{
    size_t         ours, made;
    const command *list = commands_list(&ours);
    command       *types = commands_of_types(&made);
    table = types == NULL ? NULL : malloc((ours + made) * sizeof *table);
    counts = table == NULL ? NULL : calloc(ours + made, sizeof *counts);
    if (counts != NULL) {
        memcpy(table, list, ours * sizeof *table);
        memcpy(table + ours, types, made * sizeof *table);
        table_count = ours + made;
        qsort(table, table_count, sizeof *table, by_name);
    }
    free(types);
    return counts != NULL;
}

void command_close(void)
{
    for (size_t i = 0; i < table_count; i++) commands_free_made(&table[i]);
    free(table);
    free(counts);
    table = NULL;
    counts = NULL;
    table_count = 0;
}

static command_counts *counts_of(const command *cmd)
{
    return &counts[cmd - table];
}

const command_counts *command_counts_of(const command *cmd)
{
    return counts_of(cmd);
}

void command_counts_reset(void)
{
    memset(counts, 0, table_count * sizeof *counts);
}

const command *command_at(size_t i)
{
    return i < table_count ? &table[i] : NULL;
}

size_t command_count(void)
{
    return table_count;
}

const command *command_find(crdt_view name)
{
    size_t low = 0, high = table_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int    order = strncasecmp(table[middle].name, name.data, name.size);
        if (order == 0) order = table[middle].name[name.size] == 0 ? 0 : 1;
        if (order == 0) return &table[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

static bool is_named(const command *cmd, crdt_view name)
{
    return cmd != NULL && strncasecmp(cmd->name, name.data, name.size) == 0 &&
           cmd->name[name.size] == 0;
}

/* -- Errors ------------------------------------------------------------------------------------ */

void call_error(call *c, const char *format, ...)
{
    char    text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->failed = true;
    c->node->totals.errors++;
    c->reply->out->size = c->at;
    reply_error(c->reply, "%s", text);
    c->end = c->reply->out->size;
}

void call_syntax(call *c)
{
    call_error(c, "ERR syntax error");
}

void call_wrong_type(call *c)
{
    call_error(c, "WRONGTYPE Operation against a key holding the wrong kind of value");
}

void call_wrong_arity(call *c)
{
    call_error(c, "ERR wrong number of arguments for '%s' command", c->command->name);
}

bool call_fails(call *c, crdt_err err)
{
    c->fatal |= err == CRDT_ENOMEM || err == CRDT_EIO || err == CRDT_EFORK || err == CRDT_EBUSY;
    switch (err) {
    case CRDT_OK: return false;
    case CRDT_ENOMEM:
        call_error(c, "OOM command not allowed: this process gets no more memory");
        break;
    case CRDT_ETYPE: call_wrong_type(c); break;
    case CRDT_ELIMIT:
        call_error(c, "ERR string exceeds maximum allowed size (%u bytes)", CRDT_VALUE_BYTES_MAX);
        break;
    case CRDT_ERANGE: call_error(c, "ERR index out of range"); break;
    case CRDT_EIO:
        call_error(c,
                   "MISCONF the data directory takes no writes (disk full or failing): this node "
                   "is read-only until it does; see the log");
        break;
    case CRDT_EFORK:
        call_error(c, "MISCONF this node's replica id is written elsewhere, too (a copied data "
                      "directory): writes are refused; restart it to take a new id");
        break;
    case CRDT_EBUSY: call_error(c, "BUSY too many writes wait for the disk: try again"); break;
    case CRDT_EINVAL: call_error(c, "ERR value is not valid"); break;
    default: call_error(c, "ERR %s", crdt_err_text(err)); break;
    }
    return true;
}

static void unknown_command(call *c)
{
    char   args[160] = "";
    size_t used = 0;
    for (size_t i = 1; i < c->count && used < 128; i++) {
        int size = c->args[i].size < 128 - used ? (int)c->args[i].size : (int)(128 - used);
        int n = snprintf(args + used, sizeof args - used, "'%.*s' ", size,
                         (const char *)c->args[i].data);
        used += n < 0 ? 0 : (size_t)n;
    }
    int size = c->args[0].size < 128 ? (int)c->args[0].size : 128;
    call_error(c, "ERR unknown command '%.*s', with args beginning with: %s", size,
               (const char *)c->args[0].data, args);
}

/* -- One run ----------------------------------------------------------------------------------- */

crdt_txn *call_write(call *c)
{
    node *n = c->node;
    if (c->txn != NULL) return c->txn;
    crdt_err err = gossip_engine_write(n->engine, n->now, n->ms, &c->txn);
    if (err != CRDT_OK) c->txn = NULL;
    call_fails(c, err);
    return c->txn;
}

void call_commit(call *c)
{
    node    *n = c->node;
    crdt_dot last;
    bool     failed = c->failed;
    if (c->txn == NULL || c->inside) return;
    if (failed || call_fails(c, node_commit(n, c->deadlines || c->conflicts, &last))) {
        gossip_engine_rollback(n->engine);
        c->txn = NULL;
        undo_after(n, false);
        return;
    }
    c->txn = NULL;
    undo_after(n, true);
    if (last.seq == 0) return;
    c->client->written = last;
    c->client->wrote = true;
}

static bool arity_fits(const command *cmd, size_t count)
{
    return cmd->arity >= 0 ? count == (size_t)cmd->arity : count >= (size_t)-cmd->arity;
}

static const char *sub_name(const command *sub)
{
    return strchr(sub->name, '|') + 1;
}

/* The command of the family that the argument 1 names; NULL: there is none. */
static const command *find_sub(const call *c, const command *family)
{
    const command *sub = family->subs;
    while (sub != NULL && sub->name != NULL && !call_is(c, 1, sub_name(sub))) sub++;
    return sub != NULL && sub->name != NULL ? sub : NULL;
}

static void refuse_subscriber(call *c)
{
    const command *sub = find_sub(c, c->command);
    call_error(c,
               "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
               "RESET are allowed in this context",
               sub != NULL ? sub->name : c->command->name);
}

static bool may_run(call *c)
{
    const command *cmd = c->command;
    if (cmd == NULL) unknown_command(c);
    else if (!arity_fits(cmd, c->count)) call_wrong_arity(c);
    else if (!c->client->authed && !(cmd->flags & COMMAND_NO_AUTH)) {
        call_error(c, "NOAUTH Authentication required.");
    } else if (multi_on(c->client) && cmd->flags & COMMAND_NO_MULTI) {
        call_error(c, "ERR Command not allowed inside a transaction");
    } else if (pubsub_only(c->client) && !(cmd->flags & COMMAND_PUBSUB)) {
        refuse_subscriber(c);
    }
    return !c->failed;
}

/* Our own commands are events of their own names. */
static void notify_ours(call *c)
{
    uint32_t wanted = COMMAND_OURS | COMMAND_WRITE;
    if ((c->command->flags & wanted) != wanted || c->failed || c->command->first_key != 1) return;
    notify(c, EVENTS_GENERIC, c->command->name, c->args[1]);
}

static void run(call *c)
{
    command_counts *counted = counts_of(c->command);
    const command  *cmd = c->command;
    uint64_t        from = counted->calls % COMMAND_SAMPLE == 0 ? uv_hrtime() : 0;
    cmd->run(c);
    if (notify_on(c->node)) notify_ours(c);
    call_commit(c);
    notify_end(c->node, 0, !c->failed);
    if (c->failed) c->reply->out->size = c->end;
    if (from != 0) {
        counted->timed++;
        counted->timed_ns += uv_hrtime() - from;
    }
    counted->calls++;
    if (c->failed) counted->failed++;
}

static call call_of(client *who, const command_request *one)
{
    return (call){.node = who->node,
                  .client = who,
                  .args = one->args,
                  .count = one->count,
                  .reply = &who->reply,
                  .at = who->out.size};
}

static const command *command_of(const client *who, const command_request *one)
{
    return is_named(who->last, one->args[0]) ? who->last : command_find(one->args[0]);
}

static void run_alone(client *who, const command_request *one)
{
    call c = call_of(who, one);
    c.command = command_of(who, one);
    who->commands++;
    c.node->totals.commands++;
    if (!may_run(&c)) {
        if (c.command != NULL) counts_of(c.command)->rejected++;
        multi_rejected(&c);
    } else if (multi_on(who) && !(c.command->flags & COMMAND_DIRECT)) {
        multi_queue(&c);
    } else {
        who->last = c.command;
        who->last_sub = NULL;
        run(&c);
    }
    if (who->noreply || who->skip > 0) who->out.size = c.at;
    if (who->skip > 0) who->skip--;
    if (c.node->keys_ready) blocking_serve(c.node);
}

bool command_again(client *who, const command *cmd, const command_request *one)
{
    call c = call_of(who, one);
    c.command = cmd;
    c.again = true;
    cmd->run(&c);
    call_commit(&c);
    notify_end(c.node, 0, !c.failed);
    if (c.failed) who->out.size = c.end;
    return !c.waits;
}

/* -- Within EXEC ------------------------------------------------------------------------------- */

bool call_inside(call *all, const command *cmd, const command_request *one)
{
    command_counts *counted = counts_of(cmd);
    call            c = call_of(all->client, one);
    uint64_t        before = all->txn != NULL ? crdt_txn_changes(all->txn) : 0;
    size_t          mark = notify_mark(all->node);
    c.command = cmd;
    c.inside = true;
    c.txn = all->txn;
    cmd->run(&c);
    if (notify_on(c.node)) notify_ours(&c);
    if (c.failed) notify_end(c.node, mark, false);
    if (c.failed) c.reply->out->size = c.end;
    if (c.txn != NULL) crdt_ormap_leave(c.txn); /* names are names again */
    all->txn = c.txn;
    all->deadlines |= c.deadlines;
    all->conflicts |= c.conflicts;
    counted->calls++;
    counted->failed += c.failed;
    /* What failed when it had written something cannot be taken back alone. */
    return !c.fatal && !(c.failed && c.txn != NULL && crdt_txn_changes(c.txn) != before);
}

/* -- Several that share an entry --------------------------------------------------------------- */

#define SHARED_BYTES 32768u /* of arguments: their entry stays far below the size of a message */

/* How many from the first on may share one; who->last is the command of the last looked at. */
static size_t sharing(client *who, const command_request *requests, size_t count)
{
    size_t n = 0, bytes = 0;
    if (!who->authed || who->noreply || who->skip > 0 || multi_on(who)) return 0;
    if (pubsub_only(who)) return 0;
    if (who->node->blocked > 0) return 0; /* who waits has its turn after each */
    for (; n < count; n++) {
        const command *cmd = command_of(who, &requests[n]);
        if (cmd == NULL || !(cmd->flags & COMMAND_SHARES)) break;
        for (size_t i = 0; i < requests[n].count; i++) bytes += requests[n].args[i].size;
        if (!arity_fits(cmd, requests[n].count) || bytes > SHARED_BYTES) break;
        who->last = cmd;
    }
    return n;
}

/* What one of them leaves for the next. False: it failed. A deadline or a conflict that it made is
 * seen by reads only when it is committed: it is the last, then. */
static bool run_sharing(call *all, const command_request *one, bool *ret_last)
{
    call c = call_of(all->client, one);
    c.command = all->client->last = command_of(all->client, one);
    c.txn = all->txn;
    c.command->run(&c);
    all->txn = c.txn;
    if (c.txn != NULL) crdt_ormap_leave(c.txn); /* names are names again */
    all->deadlines = c.deadlines;
    all->conflicts = c.conflicts;
    *ret_last = c.deadlines || c.conflicts;
    return !c.failed;
}

static void count_sharing(client *who, const command_request *requests, size_t count, uint64_t from)
{
    uint64_t each = from != 0 ? (uv_hrtime() - from) / count : 0;
    for (size_t i = 0; i < count; i++) {
        command_counts *counted = counts_of(command_of(who, &requests[i]));
        counted->calls++;
        counted->timed += from != 0;
        counted->timed_ns += each;
    }
    who->commands += count;
    who->node->totals.commands += count;
    who->last_sub = NULL;
}

/* False: nothing has happened. */
static bool run_together(client *who, const command_request *requests, size_t may, size_t *ret_ran)
{
    call     all = call_of(who, requests);
    uint64_t errors = who->node->totals.errors;
    size_t   ran = 0;
    bool     last = false, good = true;
    all.command = who->last;
    uint64_t from = counts_of(all.command)->calls % COMMAND_SAMPLE < may ? uv_hrtime() : 0;
    while (good && !last && ran < may) good = run_sharing(&all, &requests[ran++], &last);
    if (good) call_commit(&all);
    else if (all.txn != NULL) gossip_engine_rollback(who->node->engine);
    *ret_ran = ran;
    notify_end(all.node, 0, good && !all.failed);
    if (!good || all.failed) {
        who->out.size = all.at;
        who->node->totals.errors = errors;
        return false;
    }
    count_sharing(who, requests, ran, from);
    return true;
}

size_t command_run(client *who, const command_request *requests, size_t count)
{
    size_t ran, may = count > 1 ? sharing(who, requests, count) : 0;
    if (may < 2) {
        run_alone(who, requests);
        return 1;
    }
    if (run_together(who, requests, may, &ran)) {
        if (who->node->keys_ready) blocking_serve(who->node);
        return ran;
    }
    for (size_t i = 0; i < ran; i++) run_alone(who, &requests[i]);
    return ran;
}

/* -- Commands of commands ---------------------------------------------------------------------- */

static void upper(const char *name, char out[32])
{
    size_t i = 0;
    for (; name[i] != 0 && i < 31; i++) out[i] = (char)toupper((unsigned char)name[i]);
    out[i] = 0;
}

void call_sub(call *c)
{
    const command *family = c->command, *sub = find_sub(c, family);
    char           name[32];
    if (sub == NULL) {
        int size = c->args[1].size < 128 ? (int)c->args[1].size : 128;
        upper(family->name, name);
        call_error(c, "ERR unknown subcommand '%.*s'. Try %s HELP.", size,
                   (const char *)c->args[1].data, name);
        return;
    }
    c->command = c->client->last_sub = sub;
    if (!arity_fits(sub, c->count)) {
        call_wrong_arity(c);
        return;
    }
    sub->run(c);
}

/* c->command is the HELP of a family: the family's name is before the bar. */
void call_help(call *c)
{
    const command *family = command_find(c->args[0]);
    char           line[512], name[32];
    size_t         subs = 0;
    while (family->subs[subs].name != NULL) subs++;
    upper(family->name, name);
    reply_array(c->reply, 1 + 2 * subs);
    snprintf(line, sizeof line,
             "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
    reply_simple(c->reply, line);
    for (const command *sub = family->subs; sub->name != NULL; sub++) {
        upper(sub_name(sub), name);
        snprintf(line, sizeof line, "%s%s%s", name, sub->syntax[0] != 0 ? " " : "", sub->syntax);
        reply_simple(c->reply, line);
        snprintf(line, sizeof line, "    %s", sub->summary);
        reply_simple(c->reply, line);
    }
}

/* -- Arguments --------------------------------------------------------------------------------- */

bool call_is(const call *c, size_t i, const char *word)
{
    return i < c->count && c->args[i].size == strlen(word) &&
           strncasecmp(c->args[i].data, word, c->args[i].size) == 0;
}

bool call_int(call *c, size_t i, int64_t *ret_value)
{
    if (number_int64(c->args[i], ret_value)) return true;
    call_error(c, "ERR value is not an integer or out of range");
    return false;
}
