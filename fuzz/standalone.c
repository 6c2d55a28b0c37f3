/* standalone.c: replays inputs through a harness, without libFuzzer: under any compiler or checker.
 *
 *      decode_state_fuzz FILE|DIRECTORY...   each input in a process of its own; ends in the line
 *                                            "N passed, N failed"
 *      decode_state_fuzz FILE                one input in this process, for debuggers
 *      decode_state_fuzz --make-corpus DIR   write the seeds of all harnesses
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "fuzz/make_corpus.h"

typedef struct tally {
    unsigned passed, failed;
} tally;

/* Run the harness over one file. The block is as long as the input, so that a read past its end
 * shows. */
static bool run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        if (file != NULL) fclose(file);
        return false;
    }
    long     end = ftell(file);
    size_t   size = end > 0 ? (size_t)end : 0;
    uint8_t *data = malloc(size);
    rewind(file);
    bool ok = size == 0 || (data != NULL && fread(data, 1, size, file) == size);
    fclose(file);
    if (ok) LLVMFuzzerTestOneInput(data, size);
    else fprintf(stderr, "%s: cannot be read\n", path);
    free(data);
    return ok;
}

static void replay_file(const char *path, tally *t)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) exit(run_file(path) ? 0 : 1);
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0) {
        t->passed++;
        return;
    }
    t->failed++;
    printf("FAIL %s (%s %d)\n", path, WIFSIGNALED(status) ? "signal" : "exit status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every file of a directory, in order of name. */
static void replay_directory(const char *path, tally *t)
{
    char         **names = NULL;
    size_t         count = 0;
    DIR           *dir = opendir(path);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        char **more = realloc(names, (count + 1) * sizeof *names);
        size_t size = strlen(path) + strlen(entry->d_name) + 2;
        char  *name = malloc(size);
        if (more == NULL || name == NULL) abort();
        snprintf(name, size, "%s/%s", path, entry->d_name);
        names = more;
        names[count++] = name;
    }
    if (dir == NULL) {
        t->failed++;
        fprintf(stderr, "%s: cannot be read\n", path);
    } else {
        closedir(dir);
    }
    if (count > 0) qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        if (!is_directory(names[i])) replay_file(names[i], t);
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    tally t = {0, 0};
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE|DIRECTORY...\n       %s --make-corpus DIRECTORY\n", argv[0],
                argv[0]);
        return 2;
    }
    if (argc == 3 && strcmp(argv[1], "--make-corpus") == 0) return fuzz_make_corpus(argv[2]);
    if (argc == 2 && !is_directory(argv[1])) {
        if (run_file(argv[1])) t.passed++;
        else t.failed++;
    } else {
        for (int i = 1; i < argc; i++) {
            if (is_directory(argv[i])) replay_directory(argv[i], &t);
            else replay_file(argv[i], &t);
        }
    }
    printf("%u passed, %u failed\n", t.passed, t.failed);
    return t.failed == 0 && t.passed > 0 ? 0 : 1;
}
