/* plot.c: pictures of a scenario, by gnuplot. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sim/scenario.h"

static FILE *open_in(const char *dir, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    if (!file) fprintf(stderr, "concur-sim: %s: %s\n", path, strerror(errno));
    return file;
}

static bool write_rows(const scenario *s, const char *dir)
{
    FILE *file = open_in(dir, "timeline.dat");
    if (!file) return false;
    fputs("# seconds entries complete up lag_max lag_average megabytes\n", file);
    for (size_t i = 0; i < s->rows_count; i++) {
        const scenario_row *r = &s->rows[i];
        fprintf(file, "%.3f %" PRIu64 " %u %u %" PRIu64 " %.2f %.6f\n", r->at, r->entries,
                r->complete, r->up, r->lag_max, r->up ? (double)r->lag_sum / r->up : 0,
                (double)r->bytes / 1e6);
    }
    return fclose(file) == 0;
}

static bool write_nodes(const world *w, const char *dir)
{
    FILE *file = open_in(dir, "nodes.dat");
    if (!file) return false;
    fputs("# node kilobytes_sent messages_sent\n", file);
    for (size_t i = 0; i < w->nodes_count; i++) {
        fprintf(file, "%zu %.3f %" PRIu64 "\n", i, (double)w->nodes[i].sent_bytes / 1e3,
                w->nodes[i].sent);
    }
    return fclose(file) == 0;
}

/* Partitions are shaded. */
static void shade(const scenario *s, FILE *file)
{
    for (unsigned i = 0; i < s->options->partitions_count; i++) {
        options_span span = s->options->partitions[i];
        fprintf(file,
                "set object %u rect from %f, graph 0 to %f, graph 1 fc rgb '#dddddd' fs solid "
                "noborder behind\n",
                i + 1, (double)span.from / 1e6, (double)span.to / 1e6);
    }
}

static bool write_script(const scenario *s, const char *dir)
{
    FILE *file = open_in(dir, "plot.gp");
    if (!file) return false;
    fprintf(file,
            "set terminal svg size 800,450 font 'sans,12' background rgb 'white'\n"
            "set grid\nset key outside bottom center horizontal\nset xlabel 'virtual time, s'\n");
    shade(s, file);
    fprintf(file,
            "set output '%s/convergence.svg'\nset title 'Nodes that hold everything'\n"
            "set yrange [0:%u.5]\n"
            "plot '%s/timeline.dat' using 1:4 with steps title 'up', "
            "'' using 1:3 with steps lw 2 title 'complete'\n",
            dir, (unsigned)s->options->nodes, dir);
    fprintf(file,
            "set output '%s/lag.svg'\nset title 'Entries that a node lacks'\nset yrange [0:*]\n"
            "plot '%s/timeline.dat' using 1:5 with lines title 'most', "
            "'' using 1:6 with lines lw 2 title 'on average'\n",
            dir, dir);
    fprintf(file,
            "unset object\nset output '%s/bytes.svg'\nset title 'Sent by each node'\n"
            "set xlabel 'node'\nset ylabel 'kB'\nset xrange [-0.6:*]\nset boxwidth 0.8\n"
            "set style fill solid 0.6\nunset key\n"
            "plot '%s/nodes.dat' using 1:2 with boxes\n",
            dir, dir);
    return fclose(file) == 0;
}

bool plot_write(const scenario *s, const world *w, const char *dir)
{
    char command[600];
    if (strpbrk(dir, "'\"\\$`\n") || strlen(dir) > 400) {
        fprintf(stderr, "concur-sim: --plot: a plain name of a directory, please\n");
        return false;
    }
    if (mkdir(dir, 0777) && errno != EEXIST) {
        fprintf(stderr, "concur-sim: %s: %s\n", dir, strerror(errno));
        return false;
    }
    if (!write_rows(s, dir) || !write_nodes(w, dir) || !write_script(s, dir)) return false;
    snprintf(command, sizeof command, "gnuplot '%s/plot.gp'", dir);
    int status = system(command);
    if (status == 0) {
        printf("pictures: %s/convergence.svg, %s/lag.svg, %s/bytes.svg\n", dir, dir, dir);
        return true;
    }
    fprintf(stderr,
            "concur-sim: gnuplot did not run (tools/deps plot installs gnuplot-nox); "
            "the data is in %s\n",
            dir);
    return false;
}
