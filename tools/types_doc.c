/* tools/types_doc.c: prints docs/TYPES.md from the types themselves. Run from the top of the tree.
 *
 * From the vtables: names, ids, summaries, sources, operations, residues. From docs/types/: an
 * introduction, and what each type does under concurrency. From the examples: its code, the lines
 * between `doc: NAME` and `end doc`. A type that lacks one of these parts fails the run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"

#define LINE_MAX_BYTES 400
static const char *const examples[] = {"examples/ways.h", "examples/types.c", "examples/scores.c"};

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "types_doc: %s: %s\n", name, what);
    exit(1);
}

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) fail("cannot be read (run from the top of the tree)", path);
    return file;
}

/* The region of that name, if the file has it, as a block of C. */
static bool print_region(const char *path, const char *name)
{
    char  line[LINE_MAX_BYTES], begin[LINE_MAX_BYTES];
    FILE *file = open_file(path);
    bool  inside = false, found = false;
    snprintf(begin, sizeof begin, "/* doc: %s */\n", name);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strcmp(line, "/* end doc */\n") == 0) inside = false;
        if (inside) fputs(line, stdout);
        if (strcmp(line, begin) != 0) continue;
        inside = found = true;
        puts("```c");
    }
    fclose(file);
    if (inside) fail("has a region without an end", path);
    if (found) puts("```\n");
    return found;
}

static void print_code(const char *name)
{
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        if (print_region(examples[i], name)) return;
    }
    fail("has no region in the examples", name);
}

static void print_prose(const char *name)
{
    char line[LINE_MAX_BYTES], path[LINE_MAX_BYTES];
    snprintf(path, sizeof path, "docs/types/%s.md", name);
    FILE *file = open_file(path);
    while (fgets(line, sizeof line, file) != NULL) fputs(line, stdout);
    fclose(file);
    puts("");
}

static const char *arg_text(char letter)
{
    switch (letter) {
    case 'v': return "value";
    case 'b': return "bytes";
    case 'd': return "decimal number";
    case 'r': return "revision ids";
    case 'c': return "cursor";
    case 'i': return "integer";
    case 'n': return "amount from 1 up";
    case 'p': return "position from 0";
    case 't': return "stamp";
    default: fail("unknown kind of argument in an operation table", "type.h"); return "";
    }
}

static void print_ops(const crdt_type *type)
{
    puts("| operation | arguments | |\n|---|---|---|");
    for (size_t i = 0; i < type->ops_count; i++) {
        const crdt_op *op = &type->ops[i];
        printf("| `%s` | ", op->name);
        for (const char *a = op->args; *a != '\0'; a++) {
            printf("%s%s", a == op->args ? "" : ", ", arg_text(*a));
        }
        printf("%s| %s |\n", *op->args == '\0' ? "" : " ", op->help);
    }
    puts("");
}

/* A type that differs from another in its order only stands in that one's header. */
static int header_size(const char *name)
{
    const char *suffix = strstr(name, "_classic");
    return (int)(suffix == NULL ? strlen(name) : (size_t)(suffix - name));
}

static void print_type(const crdt_type *type)
{
    printf("## %s\n\n", type->name);
    printf("*%c%s.* Header `<crdt/%.*s.h>`, id %u, format %u.\n",
           type->summary[0] - (type->summary[0] >= 'a' && type->summary[0] <= 'z' ? 'a' - 'A' : 0),
           type->summary + 1, header_size(type->name), type->name, (unsigned)type->id,
           (unsigned)type->format);
    printf("Source: %s.\n\n", type->source);
    print_ops(type);
    if (type->stabilise != NULL) puts("Residues go when they are causally stable.");
    if (type->conflict != NULL) puts("What competes is listed by `crdt_ref_conflict`.");
    if (type->stabilise != NULL || type->conflict != NULL) puts("");
    print_prose(type->name);
    print_code(type->name);
}

int main(void)
{
    const crdt_types *types = crdt_types_builtin();
    print_prose("intro");
    puts("| type | id | | residues collected | conflicts listed |\n|---|---|---|---|---|");
    for (size_t i = 0; i < types->count; i++) {
        const crdt_type *t = types->list[i];
        printf("| [%s](#%s) | %u | %s | %s | %s |\n", t->name, t->name, (unsigned)t->id, t->summary,
               t->stabilise == NULL ? "" : "yes", t->conflict == NULL ? "" : "yes");
    }
    puts("");
    print_prose("ways");
    print_code("ways");
    for (size_t i = 0; i < types->count; i++) print_type(types->list[i]);
    return ferror(stdout) || fflush(stdout) != 0;
}
