/* describe.c: COMMAND: what the table of commands tells of itself, in the shapes of Redis. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "node/commands.h"
#include "node/glob.h"
#include "node/names.h"
#include "node/number.h"
#include "node/syntax.h"

#define SINCE "0.1.0" /* the version of concurd that all of them came with */

/* A command, or a subcommand as "client|id"; NULL: there is none. */
static const command *look_up(crdt_view name)
{
    const char    *bar = name.size > 0 ? memchr(name.data, '|', name.size) : NULL;
    size_t         head = bar != NULL ? (size_t)(bar - (const char *)name.data) : name.size;
    const command *family = command_find(crdt_view_of(name.data, head));
    if (family == NULL || bar == NULL) return family;
    for (const command *sub = family->subs; sub != NULL && sub->name != NULL; sub++) {
        if (strlen(sub->name) == name.size && strncasecmp(sub->name, name.data, name.size) == 0) {
            return sub;
        }
    }
    return NULL;
}

/* -- COMMAND INFO ------------------------------------------------------------------------------ */

typedef struct words {
    const char *list[12];
    size_t      count;
} words;

static void say(words *w, bool yes, const char *word)
{
    if (yes) w->list[w->count++] = word;
}

static void reply_words(reply *r, const words *w)
{
    reply_set(r, w->count);
    for (size_t i = 0; i < w->count; i++) reply_simple(r, w->list[i]);
}

static void reply_flags(reply *r, uint32_t flags)
{
    words w = {.count = 0};
    say(&w, flags & COMMAND_WRITE, "write");
    say(&w, flags & COMMAND_READ, "readonly");
    say(&w, flags & COMMAND_ADMIN, "admin");
    say(&w, flags & COMMAND_FAST, "fast");
    say(&w, flags & COMMAND_NO_AUTH, "no_auth");
    say(&w, flags & COMMAND_BLOCKING, "blocking");
    say(&w, flags & COMMAND_COUNTED_KEYS, "movablekeys");
    reply_words(r, &w);
}

static bool in_group(const command *cmd, const char *group)
{
    return strcmp(cmd->group, group) == 0;
}

static bool in_category(const command *cmd, const char *category)
{
    uint32_t flags = cmd->flags;
    bool     keys = cmd->first_key > 0 || in_group(cmd, "generic");
    if (strcmp(category, "read") == 0) return flags & COMMAND_READ;
    if (strcmp(category, "write") == 0) return flags & COMMAND_WRITE;
    if (strcmp(category, "admin") == 0 || strcmp(category, "dangerous") == 0) {
        return flags & COMMAND_ADMIN;
    }
    if (strcmp(category, "fast") == 0) return flags & COMMAND_FAST;
    if (strcmp(category, "blocking") == 0) return flags & COMMAND_BLOCKING;
    if (strcmp(category, "slow") == 0) return !(flags & COMMAND_FAST);
    if (strcmp(category, "keyspace") == 0) return keys && in_group(cmd, "generic");
    if (strcmp(category, "sortedset") == 0) return in_group(cmd, "sorted-set");
    return in_group(cmd, category);
}

static void reply_categories(reply *r, const command *cmd)
{
    static const char *const names[] = {
        "@keyspace", "@read",  "@write", "@set",  "@list",     "@sortedset", "@string",
        "@hash",     "@admin", "@fast",  "@slow", "@blocking", "@dangerous", "@connection"};
    words w = {.count = 0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        say(&w, in_category(cmd, names[i] + 1), names[i]);
    }
    reply_words(r, &w);
}

/* Which argument says how many keys follow it. */
static size_t place_of_count(const command *cmd)
{
    return strncmp(cmd->syntax, "numkeys", 7) == 0 ? 1 : 2;
}

/* One run of arguments that are keys, told in the way of Redis 7. */
static void reply_run(reply *r, const command *cmd, bool counted)
{
    reply_map(r, 3);
    reply_text(r, "flags");
    words w = {.count = 0};
    say(&w, cmd->flags & COMMAND_READ, "RO");
    say(&w, cmd->flags & COMMAND_WRITE, "RW");
    say(&w, true, cmd->flags & COMMAND_WRITE ? "update" : "access");
    reply_words(r, &w);
    reply_text(r, "begin_search");
    reply_map(r, 2);
    reply_text(r, "type");
    reply_text(r, "index");
    reply_text(r, "spec");
    reply_map(r, 1);
    reply_text(r, "index");
    reply_int(r, counted ? (int64_t)place_of_count(cmd) : cmd->first_key);
    reply_text(r, "find_keys");
    reply_map(r, 2);
    reply_text(r, "type");
    reply_text(r, counted ? "keynum" : "range");
    reply_text(r, "spec");
    reply_map(r, 3);
    reply_text(r, counted ? "keynumidx" : "lastkey");
    reply_int(r, counted ? 0 : cmd->last_key < 0 ? cmd->last_key : cmd->last_key - cmd->first_key);
    reply_text(r, counted ? "firstkey" : "keystep");
    reply_int(r, counted ? 1 : cmd->key_step);
    reply_text(r, counted ? "keystep" : "limit");
    reply_int(r, counted ? 1 : 0);
}

static void reply_keys(reply *r, const command *cmd)
{
    bool counted = cmd->flags & COMMAND_COUNTED_KEYS, placed = cmd->first_key > 0;
    reply_set(r, (size_t)counted + placed);
    if (placed) reply_run(r, cmd, false);
    if (counted) reply_run(r, cmd, true);
}

static size_t count_subs(const command *cmd)
{
    size_t count = 0;
    while (cmd->subs != NULL && cmd->subs[count].name != NULL) count++;
    return count;
}

static void reply_flat(reply *r, const command *cmd)
{
    reply_array(r, 10);
    reply_text(r, cmd->name);
    reply_int(r, cmd->arity);
    reply_flags(r, cmd->flags);
    reply_int(r, cmd->first_key);
    reply_int(r, cmd->last_key);
    reply_int(r, cmd->key_step);
    reply_categories(r, cmd);
    reply_set(r, 0); /* tips for proxies */
    reply_keys(r, cmd);
}

static void reply_command(reply *r, const command *cmd)
{
    reply_flat(r, cmd);
    reply_array(r, count_subs(cmd));
    for (size_t i = 0; i < count_subs(cmd); i++) {
        reply_flat(r, &cmd->subs[i]);
        reply_array(r, 0);
    }
}

static void reply_all(call *c)
{
    reply_array(c->reply, command_count());
    for (size_t i = 0; i < command_count(); i++) reply_command(c->reply, command_at(i));
}

void command_command(call *c)
{
    if (c->count > 1) call_sub(c);
    else reply_all(c);
}

static void command_command_info(call *c)
{
    if (c->count == 2) {
        reply_all(c);
        return;
    }
    reply_array(c->reply, c->count - 2);
    for (size_t i = 2; i < c->count; i++) {
        const command *cmd = look_up(c->args[i]);
        if (cmd != NULL) reply_command(c->reply, cmd);
        else reply_null(c->reply);
    }
}

/* -- COMMAND DOCS ------------------------------------------------------------------------------ */

static void reply_lower(reply *r, crdt_view name)
{
    char        text[64];
    const char *at = name.data;
    size_t      size = name.size < sizeof text ? name.size : sizeof text;
    for (size_t i = 0; i < size; i++) text[i] = (char)tolower((unsigned char)at[i]);
    reply_bulk(r, crdt_view_of(text, size));
}

static const char *type_of(const syntax_arg *arg)
{
    static const char *const keys[] = {"key", "newkey", "source", "destination"};
    static const char *const numbers[] = {
        "count",   "seconds", "milliseconds", "position", "increment",  "decrement",
        "start",   "end",     "cursor",       "index",    "timeout",    "numreplicas",
        "numkeys", "limit",   "protover",     "amount",   "offset",     "integer",
        "stamp",   "stop",    "rank",         "len",      "num-matches"};
    if (arg->kind == SYNTAX_TOKEN) return "pure-token";
    if (arg->kind == SYNTAX_ONEOF) return "oneof";
    if (arg->kind == SYNTAX_BLOCK) return "block";
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (names_equal(arg->name, keys[i])) return "key";
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (names_equal(arg->name, numbers[i])) return "integer";
    }
    if (names_equal(arg->name, "pattern")) return "pattern";
    if (arg->name.size > 10 && memcmp(arg->name.data, "unix-time-", 10) == 0) return "unix-time";
    return "string";
}

static void reply_args(reply *r, const syntax *s, int first, int count)
{
    reply_array(r, (size_t)count);
    for (int i = first; i >= 0 && count > 0; i = s->args[i].next, count--) {
        const syntax_arg *arg = &s->args[i];
        crdt_view         token = arg->kind == SYNTAX_TOKEN ? arg->name : arg->token;
        bool              inside = arg->kind == SYNTAX_ONEOF || arg->kind == SYNTAX_BLOCK;
        bool              flagged = arg->optional || arg->multiple, is_key = false;
        is_key = strcmp(type_of(arg), "key") == 0;
        reply_map(r, (size_t)(2 + (token.size > 0) + flagged + inside + is_key));
        reply_text(r, "name");
        reply_lower(r, arg->name);
        reply_text(r, "type");
        reply_text(r, type_of(arg));
        if (is_key) {
            reply_text(r, "key_spec_index");
            reply_int(r, 0);
        }
        if (token.size > 0) {
            reply_text(r, "token");
            reply_bulk(r, token);
        }
        if (flagged) {
            reply_text(r, "flags");
            reply_set(r, (size_t)(arg->optional + arg->multiple));
            if (arg->optional) reply_simple(r, "optional");
            if (arg->multiple) reply_simple(r, "multiple");
        }
        if (!inside) continue;
        reply_text(r, "arguments");
        reply_args(r, s, arg->first, arg->children);
    }
}

static void reply_doc(reply *r, const command *cmd)
{
    syntax s;
    bool   args = cmd->syntax[0] != 0 && cmd->subs == NULL && syntax_parse(cmd->syntax, &s);
    size_t subs = count_subs(cmd);
    reply_map(r, (size_t)(3 + args + (subs > 0)));
    reply_text(r, "summary");
    reply_text(r, cmd->summary);
    reply_text(r, "since");
    reply_text(r, SINCE);
    reply_text(r, "group");
    reply_text(r, cmd->group);
    if (args) {
        reply_text(r, "arguments");
        reply_args(r, &s, s.first, s.top);
    }
    if (subs == 0) return;
    reply_text(r, "subcommands");
    reply_map(r, subs);
    for (size_t i = 0; i < subs; i++) {
        reply_text(r, cmd->subs[i].name);
        reply_doc(r, &cmd->subs[i]);
    }
}

static void command_command_docs(call *c)
{
    size_t         known = 0;
    const command *cmd;
    if (c->count == 2) {
        reply_map(c->reply, command_count());
        for (size_t i = 0; (cmd = command_at(i)) != NULL; i++) {
            reply_text(c->reply, cmd->name);
            reply_doc(c->reply, cmd);
        }
        return;
    }
    for (size_t i = 2; i < c->count; i++) known += look_up(c->args[i]) != NULL;
    reply_map(c->reply, known);
    for (size_t i = 2; i < c->count; i++) {
        if ((cmd = look_up(c->args[i])) == NULL) continue;
        reply_text(c->reply, cmd->name);
        reply_doc(c->reply, cmd);
    }
}

/* -- COMMAND LIST, COUNT, GETKEYS -------------------------------------------------------------- */

static void command_command_count(call *c)
{
    reply_int(c->reply, (int64_t)command_count());
}

typedef enum filter { NO_FILTER, BY_MODULE, BY_CATEGORY, BY_PATTERN } filter;

static bool listed(const call *c, filter f, const command *cmd)
{
    char   category[32];
    size_t size = f == NO_FILTER || c->args[4].size >= sizeof category ? 0 : c->args[4].size;
    if (f == NO_FILTER) return true;
    if (f == BY_PATTERN) {
        return glob_match_nocase(c->args[4], crdt_text_view(cmd->name));
    }
    for (size_t i = 0; i < size; i++) {
        category[i] = (char)tolower(((const unsigned char *)c->args[4].data)[i]);
    }
    category[size] = 0;
    return f == BY_CATEGORY && size > 0 && in_category(cmd, category);
}

static void command_command_list(call *c)
{
    filter         f = NO_FILTER;
    size_t         count = 0;
    const command *cmd;
    if (c->count == 5 && call_is(c, 2, "filterby")) {
        if (call_is(c, 3, "module")) f = BY_MODULE;
        else if (call_is(c, 3, "aclcat")) f = BY_CATEGORY;
        else if (call_is(c, 3, "pattern")) f = BY_PATTERN;
    }
    if (f == NO_FILTER && c->count > 2) {
        call_syntax(c);
        return;
    }
    for (size_t i = 0; (cmd = command_at(i)) != NULL; i++) count += listed(c, f, cmd);
    reply_array(c->reply, count);
    for (size_t i = 0; (cmd = command_at(i)) != NULL; i++) {
        if (listed(c, f, cmd)) reply_text(c->reply, cmd->name);
    }
}

/* The keys of the command that begins at argument 2: from *first on, each *step-th, up to last;
 * false: it has none, or an error was replied. */
static bool find_keys(call *c, const command *cmd, size_t *first, size_t *last, size_t *step)
{
    size_t  count = c->count - 2;
    int64_t keys;
    if (cmd->flags & COMMAND_COUNTED_KEYS) {
        size_t at = place_of_count(cmd);
        *first = at + 1;
        *step = 1;
        bool fits = number_int64(c->args[2 + at], &keys) && keys > 0 && (uint64_t)keys < count - at;
        *last = fits ? at + (size_t)keys : 0;
        if (!fits) call_error(c, "ERR Invalid arguments specified for command");
        return fits;
    }
    *first = (size_t)cmd->first_key;
    *step = (size_t)cmd->key_step;
    *last = cmd->last_key < 0 ? count - (size_t)-cmd->last_key : (size_t)cmd->last_key;
    if (cmd->first_key == 0) call_error(c, "ERR The command has no key arguments");
    return cmd->first_key > 0;
}

static void command_command_getkeys(call *c)
{
    const command *cmd = command_find(c->args[2]);
    size_t         first, last, step, count = c->count - 2;
    for (const command *sub = cmd == NULL ? NULL : cmd->subs; sub != NULL && sub->name; sub++) {
        if (call_is(c, 3, strchr(sub->name, '|') + 1)) cmd = sub;
    }
    if (cmd == NULL) {
        call_error(c, "ERR Invalid command specified");
    } else if (cmd->arity >= 0 ? count != (size_t)cmd->arity : count < (size_t)-cmd->arity) {
        call_error(c, "ERR Invalid number of arguments specified for command");
    } else if (find_keys(c, cmd, &first, &last, &step)) {
        bool both = cmd->first_key > 0 && (cmd->flags & COMMAND_COUNTED_KEYS) != 0;
        reply_array(c->reply, (last - first) / step + 1 + both);
        if (both) reply_bulk(c->reply, c->args[2 + cmd->first_key]);
        for (size_t i = first; i <= last; i += step) reply_bulk(c->reply, c->args[2 + i]);
    }
}

const command command_commands[] = {
    {"command|count", command_command_count, 2, 0, 0, 0, 0, "server", "",
     "How many commands there are.", NULL, NULL},
    {"command|docs", command_command_docs, -2, 0, 0, 0, 0, "server",
     "[command-name [command-name ...]]", "What commands do, and their arguments.", NULL, NULL},
    {"command|getkeys", command_command_getkeys, -4, 0, 0, 0, 0, "server", "command [argument ...]",
     "The keys of a whole command.", NULL, NULL},
    {"command|info", command_command_info, -2, 0, 0, 0, 0, "server",
     "[command-name [command-name ...]]", "Commands, in detail.", NULL, NULL},
    {"command|list", command_command_list, -2, 0, 0, 0, 0, "server",
     "[FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]", "The names of commands.",
     NULL, NULL},
    {"command|help", call_help, 2, 0, 0, 0, 0, "server", "", "Prints this help.", NULL, NULL},
    {.name = NULL},
};
