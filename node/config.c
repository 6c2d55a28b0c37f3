#include "node/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/engine.h"
#include "node/glob.h"
#include "node/option.h"
#include "node/resp.h"

void node_config_default(node_config *config)
{
    option_refusal never;
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < OPTIONS && option_table[i].group != NULL; i++) {
        const option *o = &option_table[i];
        if (!option_set(o, config, crdt_text_view(o->initial), &never)) abort();
    }
}

/* -- Files ------------------------------------------------------------------------------------- */

/* One source of options: a file, or all flags. Its first peers replace those from before it. */
typedef struct source {
    node_config *config;
    bool         had_peers;
    char        *problem;
} source;

/* where: as unknown has it. */
static bool give(source *s, const char *where, crdt_view name, crdt_view value)
{
    const option  *o = option_find(name);
    const char    *dashes = *where == 0 ? "--" : "";
    option_refusal refusal;
    if (o == NULL) return option_unknown(where, name, s->problem);
    if (o->follows != NULL) {
        return option_wrong(s->problem, "%s%s%s cannot be set%s%s", where, dashes, o->name,
                            *o->follows == 0 ? "" : ": it follows from ", o->follows);
    }
    if (o->kind == URLS && !s->had_peers) {
        s->had_peers = true;
        s->config->peer_count = 0;
    }
    if (option_set(o, s->config, value, &refusal)) return true;
    return option_wrong(s->problem, "%s%s%s \"%s\": %s", where, dashes, o->name,
                        option_show_value(o, value).text, refusal.text);
}

/* Words of one value, a blank between them. */
static bool give_words(source *s, const char *where, const crdt_view *words, size_t count)
{
    const option *o = option_find(words[0]);
    crdt_buf      value;
    bool          good;
    if (o == NULL) return option_unknown(where, words[0], s->problem);
    bool many = o->kind == WORDS || o->kind == URLS || o->kind == OUTPUT;
    if (count == 1) {
        return option_wrong(s->problem, "%s%s lacks its value (\"\" is the empty one)", where,
                            o->name);
    }
    if (count > 2 && !many && o->follows == NULL) {
        return option_wrong(s->problem,
                            "%s%s takes one value, not %zu: quote one that holds blanks", where,
                            o->name, count - 1);
    }
    crdt_buf_init(&value, NULL);
    for (size_t i = 1; i < count; i++) {
        if (i > 1) crdt_buf_byte(&value, ' ');
        crdt_buf_put(&value, words[i].data, words[i].size);
    }
    good = crdt_buf_status(&value) == CRDT_OK ? give(s, where, words[0], crdt_buf_bytes(&value))
                                              : option_wrong(s->problem, "%sout of memory", where);
    crdt_buf_clear(&value);
    return good;
}

bool node_config_parse_text(node_config *config, const char *name, crdt_view text,
                            char problem[NODE_PROBLEM_MAX])
{
    node_config next = *config;
    source      s = {.config = &next, .problem = problem};
    resp_parser splitter;
    const char *at = text.data, *end = at + text.size;
    bool        good = true;
    resp_init(&splitter, NULL, resp_limits_default());
    for (size_t line = 1; good && at < end; line++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t      size = (size_t)((line_end == NULL ? end : line_end) - at);
        char        where[NODE_TEXT_MAX];
        crdt_view  *words;
        size_t      count = 0, blanks = 0;
        while (blanks < size && (at[blanks] == ' ' || at[blanks] == '\t')) blanks++;
        snprintf(where, sizeof where, "%s:%zu: ", name, line);
        if (blanks < size && at[blanks] != '#') {
            good =
                resp_split(&splitter, crdt_view_of(at, size), &words, &count) ||
                option_wrong(problem, "%sa quote is not closed, or not followed by a blank", where);
        }
        if (count > 0) good = give_words(&s, where, words, count);
        at += size + (line_end != NULL);
    }
    resp_clear(&splitter);
    if (good) *config = next;
    return good;
}

bool node_config_parse_file(node_config *config, const char *path, char problem[NODE_PROBLEM_MAX])
{
    enum { MOST = 1 << 20, PIECE = 4096 };
    FILE    *file = fopen(path, "rb");
    crdt_buf text;
    size_t   read = 1;
    bool     good = true;
    if (file == NULL) return option_wrong(problem, "cannot open %s: %s", path, strerror(errno));
    crdt_buf_init(&text, NULL);
    while (good && read > 0 && text.size <= MOST) {
        good = crdt_buf_reserve(&text, PIECE) || option_wrong(problem, "%s: out of memory", path);
        read = good ? fread(text.data + text.size, 1, PIECE, file) : 0;
        text.size += read;
    }
    if (good && ferror(file)) {
        good = option_wrong(problem, "cannot read %s: %s", path, strerror(errno));
    }
    if (good && text.size > MOST) good = option_wrong(problem, "%s is larger than 1 MiB", path);
    (void)fclose(file);
    good = good && node_config_parse_text(config, path, crdt_buf_bytes(&text), problem);
    crdt_buf_clear(&text);
    return good;
}

/* -- Flags ------------------------------------------------------------------------------------- */

typedef struct flags {
    int          argc, at;
    char *const *argv;
    crdt_view    name, value;
} flags;

/* The next flag and its value; f->at is argc behind the last. */
static bool next_flag(flags *f, char problem[NODE_PROBLEM_MAX])
{
    const char   *arg = f->argv[f->at++], *equals = strchr(arg, '=');
    const option *o;
    const char   *next = f->at < f->argc ? f->argv[f->at] : NULL;
    f->value = crdt_view_of("", 0);
    if (strcmp(arg, "-h") == 0) arg = "--help";
    if (strncmp(arg, "--", 2) != 0 || arg[2] == 0 || equals == arg + 2) {
        return option_wrong(
            problem, "\"%s\" is no option: they start with --, and --config names a file of them",
            option_show(crdt_text_view(arg)).text);
    }
    f->name = crdt_view_of(arg + 2, equals == NULL ? strlen(arg + 2) : (size_t)(equals - arg - 2));
    o = option_find(f->name);
    if (option_same_word(f->name, "help") || option_same_word(f->name, "version")) return true;
    if (o == NULL && !option_same_word(f->name, "config")) {
        return option_unknown("", f->name, problem);
    }
    if (equals != NULL) {
        f->value = crdt_text_view(equals + 1);
        return true;
    }
    if (o != NULL && o->kind == YES_NO) {
        bool told = next != NULL && (strcmp(next, "yes") == 0 || strcmp(next, "no") == 0);
        f->value = crdt_text_view(told ? next : "yes");
        if (told) f->at++;
        return true;
    }
    if (next == NULL || strncmp(next, "--", 2) == 0) {
        return option_wrong(problem, "%s lacks its value: %s", arg,
                            o == NULL             ? "FILE"
                            : o->argument == NULL ? ""
                                                  : o->argument);
    }
    f->value = crdt_text_view(next);
    f->at++;
    return true;
}

node_config_verb node_config_parse_args(node_config *config, int argc, char *const *argv,
                                        char problem[NODE_PROBLEM_MAX])
{
    node_config next = *config;
    source      s = {.config = &next, .problem = problem};
    flags       f = {.argc = argc, .at = 1, .argv = argv};
    while (f.at < argc) {
        if (!next_flag(&f, problem)) return NODE_CONFIG_WRONG;
        if (option_same_word(f.name, "help")) return NODE_CONFIG_HELP;
        if (option_same_word(f.name, "version")) return NODE_CONFIG_VERSION;
        if (!option_same_word(f.name, "config")) continue;
        if (!node_config_parse_file(&next, f.value.data, problem)) return NODE_CONFIG_WRONG;
    }
    for (f.at = 1; f.at < argc;) {
        if (!next_flag(&f, problem)) return NODE_CONFIG_WRONG;
        if (option_same_word(f.name, "config")) continue;
        if (!give(&s, "", f.name, f.value)) return NODE_CONFIG_WRONG;
    }
    if (!node_config_check(&next, problem)) return NODE_CONFIG_WRONG;
    *config = next;
    return NODE_CONFIG_RUN;
}

/* -- Safety ------------------------------------------------------------------------------------ */

static bool is_any(crdt_view host)
{
    return option_same_word(host, "*") || option_same_word(host, "0.0.0.0") ||
           option_same_word(host, "[::]") || option_same_word(host, "::");
}

static bool check_gossip(const node_config *c, bool tls, char problem[NODE_PROBLEM_MAX])
{
    option_url_parts listen = {.tls = false}, to;
    if (*c->gossip == 0) {
        if (c->peer_count == 0 && *c->advertise == 0) return true;
        return option_wrong(problem, "peers and advertise need gossip: an address to listen on");
    }
    if (!option_url(crdt_text_view(c->gossip), &listen)) {
        return option_wrong(problem, "gossip is no URL");
    }
    if (listen.network && !listen.tls && !option_is_loopback(listen.host)) {
        return option_wrong(
            problem,
            "gossip %s would be open to other machines without encryption: use tls+tcp:// "
            "with tls-ca, tls-cert and tls-key, or listen on 127.0.0.1",
            c->gossip);
    }
    if (listen.tls && !tls) {
        return option_wrong(problem, "gossip %s needs tls-ca, tls-cert and tls-key", c->gossip);
    }
    if (*c->advertise == 0 && listen.network && is_any(listen.host)) {
        return option_wrong(problem,
                            "gossip %s listens at every address of this machine: tell by "
                            "advertise which one peers are to use",
                            c->gossip);
    }
    for (size_t i = 0; i < c->peer_count; i++) {
        if (!option_url(crdt_text_view(c->peers[i]), &to)) {
            return option_wrong(problem, "a peer is no URL");
        }
        if (to.network && !to.tls && !option_is_loopback(to.host)) {
            return option_wrong(problem,
                                "peer %s is on another machine and would be spoken to without "
                                "encryption: use tls+tcp://",
                                c->peers[i]);
        }
        if (to.tls && !tls) {
            return option_wrong(problem, "peer %s needs tls-ca, tls-cert and tls-key", c->peers[i]);
        }
    }
    return true;
}

bool node_config_check(const node_config *c, char problem[NODE_PROBLEM_MAX])
{
    crdt_view list = crdt_text_view(c->bind), word;
    int       files = (*c->tls_ca != 0) + (*c->tls_cert != 0) + (*c->tls_key != 0);
    while (option_word(&list, &word)) {
        if (option_is_loopback(word) || *c->requirepass != 0) continue;
        return option_wrong(problem,
                            "bind %s would be open to other machines without a password: set "
                            "requirepass, or bind 127.0.0.1",
                            option_show(word).text);
    }
    if (files != 0 && files != 3) {
        return option_wrong(problem, "tls-ca, tls-cert and tls-key go together: give all three");
    }
    if (c->hub != 0 && c->topology != GOSSIP_STAR) {
        return option_wrong(problem, "hub is for topology star");
    }
    return check_gossip(c, files == 3, problem);
}

/* -- CONFIG GET and CONFIG SET ----------------------------------------------------------------- */

bool node_config_next(const node_config *config, const crdt_view *patterns, size_t count,
                      size_t *at, const char **ret_name, crdt_buf *value)
{
    for (; *at < OPTIONS; (*at)++) {
        const option *o = &option_table[*at];
        for (size_t i = 0; i < count; i++) {
            if (!glob_match_nocase(patterns[i], crdt_text_view(o->name))) continue;
            crdt_buf_reset(value);
            option_print(o, config, false, value);
            *ret_name = o->name;
            (*at)++;
            return true;
        }
    }
    return false;
}

static bool set_failed(crdt_view name, const char *why, char problem[NODE_PROBLEM_MAX])
{
    return option_wrong(problem, "CONFIG SET failed (possibly related to argument '%s') - %s",
                        option_show(name).text, why);
}

/* One name and value. */
static bool set_one(node_config *c, crdt_view name, crdt_view value, char problem[NODE_PROBLEM_MAX])
{
    const option  *o = option_find(name);
    option_refusal refusal;
    if (o == NULL) {
        return option_wrong(problem, "Unknown option or number of arguments for CONFIG SET - '%s'",
                            option_show(name).text);
    }
    if (!o->settable) { /* what it is may be said */
        crdt_buf now;
        crdt_buf_init(&now, NULL);
        option_print(o, c, false, &now);
        bool same = crdt_view_compare(crdt_buf_bytes(&now), value) == 0;
        crdt_buf_clear(&now);
        return same || set_failed(name, "can't set immutable config", problem);
    }
    if (option_set(o, c, value, &refusal)) return true;
    char why[sizeof refusal.text + 16];
    snprintf(why, sizeof why, "argument %s", refusal.text);
    return set_failed(name, why, problem);
}

bool node_config_set(node_config *config, const crdt_view *words, size_t count,
                     char problem[NODE_PROBLEM_MAX])
{
    node_config next = *config;
    char        why[NODE_PROBLEM_MAX];
    if (count == 0 || count % 2 != 0) {
        return option_wrong(problem, "wrong number of arguments for 'config|set' command");
    }
    for (size_t i = 0; i < count; i += 2) {
        const option *o = option_find(words[i]);
        for (size_t j = 0; j < i && o != NULL; j += 2) {
            if (option_find(words[j]) == o) {
                return set_failed(words[i], "duplicate parameter", problem);
            }
        }
        if (!set_one(&next, words[i], words[i + 1], problem)) return false;
    }
    if (!node_config_check(&next, why)) return set_failed(words[0], why, problem);
    *config = next;
    return true;
}

/* -- Help -------------------------------------------------------------------------------------- */

static void help_text(const char *text, crdt_buf *out)
{
    enum { INDENT = 8, COLUMNS = 80 };
    crdt_view   list = crdt_text_view(text);
    size_t      column = 0;
    const char *at = list.data;
    while (*at != 0) {
        size_t size = strcspn(at, " ");
        if (column == 0 || column + 1 + size > COLUMNS) {
            if (column > 0) crdt_buf_byte(out, '\n');
            crdt_buf_put(out, "        ", INDENT);
            column = INDENT;
        } else {
            crdt_buf_byte(out, ' ');
            column++;
        }
        crdt_buf_put(out, at, size);
        column += size;
        at += size + strspn(at + size, " ");
    }
    crdt_buf_byte(out, '\n');
}

bool node_config_option(size_t n, node_option *ret_option, crdt_buf *value)
{
    if (n >= OPTIONS || option_table[n].group == NULL) return false;
    const option *o = &option_table[n];
    *ret_option = (node_option){o->group, o->name, o->argument, o->help, o->settable};
    if (value != NULL) {
        node_config initial;
        node_config_default(&initial);
        option_print(o, &initial, true, value);
    }
    return true;
}

void node_config_help(crdt_buf *out)
{
    const char *group = "";
    node_option o;
    crdt_buf    value;
    crdt_buf_init(&value, NULL);
    crdt_buf_text(out,
                  "  --config FILE\n        Read options, lines of a name and a value, from here "
                  "first.\n  --help, --version\n");
    for (size_t i = 0; node_config_option(i, &o, &value); i++) {
        if (strcmp(group, o.group) != 0) {
            crdt_buf_text(out, "\n");
            crdt_buf_text(out, o.group);
            crdt_buf_text(out, "\n");
        }
        group = o.group;
        crdt_buf_text(out, "  --");
        crdt_buf_text(out, o.name);
        crdt_buf_byte(out, ' ');
        crdt_buf_text(out, o.argument);
        if (value.size > 0) {
            crdt_buf_text(out, "   (");
            crdt_buf_put(out, value.data, value.size);
            crdt_buf_byte(out, ')');
        }
        crdt_buf_byte(out, '\n');
        help_text(o.help, out);
        crdt_buf_reset(&value);
    }
    crdt_buf_clear(&value);
}
