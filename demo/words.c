/* words.c: see demo.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo/demo.h"

/* In the current directory, or in the repository that this program was built in: BUILD/gcc/ is two
 * below it. */
static FILE *open_document(const char *name)
{
    FILE *file = fopen(name, "r");
    char  path[512];
    if (file != NULL) return file;
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 64);
    path[size > 0 ? size : 0] = 0;
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(path, '/');
        if (slash != NULL) *slash = 0;
    }
    size_t used = strlen(path);
    snprintf(path + used, sizeof path - used, "/%s", name);
    return fopen(path, "r");
}

bool words_open(document *d, const char *name, char ret_problem[512])
{
    *d = (document){.file = name};
    FILE *file = open_document(name);
    if (file == NULL) {
        snprintf(ret_problem, 512, "there is no %s: run this in the folder of the repository",
                 name);
        return false;
    }
    size_t room = 1 << 20;
    d->bytes = malloc(room + 1);
    size_t got = d->bytes == NULL ? 0 : fread(d->bytes, 1, room, file);
    fclose(file);
    if (got == 0) {
        snprintf(ret_problem, 512, "%s cannot be read", name);
        return false;
    }
    d->bytes[got] = 0;
    d->size = got;
    for (size_t i = 0; i < got; i++) { /* words become strings, in place */
        if ((unsigned char)d->bytes[i] <= ' ') d->bytes[i] = 0;
    }
    return true;
}

void words_close(document *d)
{
    free(d->bytes);
    d->bytes = NULL;
}

/* Something to read: not the frame of a table, no address. */
static bool is_word(const char *text)
{
    size_t size = strlen(text);
    if (size == 0 || size > 40) return false;
    for (const char *c = text; *c != 0; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')) return true;
    }
    return false;
}

const char *words_next(document *d)
{
    for (size_t tries = 0; tries <= d->size; tries++) {
        const char *word = d->bytes + d->at;
        d->at += strlen(word) + 1;
        if (d->at >= d->size) d->at = 0;
        if (is_word(word)) return word;
    }
    return "word"; /* the file has none */
}

size_t words_length(const char *text)
{
    size_t points = 0;
    for (; *text != 0; text++) points += ((unsigned char)*text & 0xc0) != 0x80;
    return points;
}
