/* main.c: see demo.h. */
#include <string.h>
#include <unistd.h>

#include "demo/demo.h"

static void help(FILE *out)
{
    fprintf(
        out,
        "usage: concur-demo [--once] [--plain] [--topology mesh|ring|star]\n"
        "                   [--store disk|memory] [--sync always|everysec|no]\n"
        "\n"
        "Starts five nodes on free ports of 127.0.0.1. Clients write to all of them: three\n"
        "people type one text, five count, three shop, two set one title. The network is cut\n"
        "in two, both sides go on, it heals, and all nodes have to be equal, with nothing lost\n"
        "that was acknowledged. Then it waits, so that you can talk to the nodes; Ctrl-C ends\n"
        "it, and everything is removed.\n"
        "\n"
        "  --once      ends by itself; the exit status is 0 if all was as it has to be\n"
        "  --plain     lines instead of a table that is redrawn (so also without a terminal)\n"
        "  --topology  who talks with whom: all with all, a ring, or all with one (mesh)\n"
        "  --store, --sync  as concurd --help tells (disk, everysec)\n");
}

/* The value, if it is one of these words. */
static const char *choose(const char *flag, const char *value, const char *const options[])
{
    for (int i = 0; value != NULL && options[i] != NULL; i++) {
        if (strcmp(value, options[i]) == 0) return options[i];
    }
    fprintf(stderr, "concur-demo: %s takes one of:", flag);
    for (int i = 0; options[i] != NULL; i++) fprintf(stderr, " %s", options[i]);
    fprintf(stderr, "\n");
    return NULL;
}

/* 0: go on; else what to exit with, less 1. */
static int parse(int argc, char **argv, demo_options *options)
{
    static const char *const        topologies[] = {"mesh", "ring", "star", NULL},
                             *const stores[] = {"disk", "memory", NULL},
                             *const syncs[] = {"always", "everysec", "no", NULL};
    for (int i = 1; i < argc; i++) {
        const char        *value = i + 1 < argc ? argv[i + 1] : NULL, **to = NULL;
        const char *const *choices = NULL;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(stdout);
            return 1;
        }
        if (strcmp(argv[i], "--once") == 0) options->once = true;
        else if (strcmp(argv[i], "--plain") == 0) options->plain = true;
        else if (strcmp(argv[i], "--topology") == 0) choices = topologies, to = &options->topology;
        else if (strcmp(argv[i], "--store") == 0) choices = stores, to = &options->store;
        else if (strcmp(argv[i], "--sync") == 0) choices = syncs, to = &options->sync;
        else {
            fprintf(stderr, "concur-demo: what is \"%s\"? See --help\n", argv[i]);
            return 3;
        }
        if (choices == NULL) continue;
        *to = choose(argv[i++], value, choices);
        if (*to == NULL) return 3;
    }
    return 0;
}

static void interrupt(int number)
{
    (void)number;
    story_interrupted = 1;
}

static void stay(nodes *cluster)
{
    unsigned port[DEMO_NODES];
    for (uint32_t i = 0; i < DEMO_NODES; i++) port[i] = nodes_port(cluster, i);
    printf("\nThe nodes go on until you press Ctrl-C. Try:\n"
           "  redis-cli -p %u INCR visits\n"
           "  redis-cli -p %u GET visits\n"
           "  redis-cli -p %u TEXT.GET page 0 200\n"
           "  redis-cli -p %u SRANDMEMBER cart 5\n"
           "  redis-cli -p %u CRDT.CONFLICTS title\n"
           "  redis-cli -p %u CRDT.EXPLAIN visits\n"
           "  redis-cli -p %u CRDT.PEERS\n"
           "  redis-cli -p %u CRDT.PARTITION   (and CRDT.HEAL: cuts a node off)\n",
           port[0], port[4], port[2], port[1], port[3], port[0], port[1], port[4]);
    fflush(stdout);
    while (!story_interrupted) {
        nodes_sleep_ms(200);
        for (uint32_t i = 0; i < DEMO_NODES; i++) {
            if (nodes_running(cluster, i) || story_interrupted) continue;
            printf("%s\n", nodes_problem(cluster));
            return;
        }
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    demo_options  options = {.topology = "mesh", .sync = "everysec", .store = "disk"};
    nodes_options cluster_options = nodes_options_default();
    char          problem[512];
    int           status = parse(argc, argv, &options);
    if (status != 0) return status - 1;
    cluster_options.count = DEMO_NODES;
    cluster_options.topology = options.topology;
    cluster_options.sync = options.sync;
    cluster_options.store = options.store;
    cluster_options.demo = true;
    cluster_options.first = 1;
    nodes *cluster = nodes_new(&cluster_options, problem);
    if (cluster == NULL) {
        fprintf(stderr, "concur-demo: %s\n", problem);
        return 1;
    }
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int wrong = 1;
    if (nodes_start_all(cluster)) wrong = story_tell(&options, cluster);
    else fprintf(stderr, "concur-demo: %s\n", nodes_problem(cluster));
    if (wrong == 0)
        printf("\nNothing that was acknowledged is lost, and all five nodes are equal.\n");
    if (wrong == 0 && !options.once && isatty(1)) stay(cluster);
    for (uint32_t i = 0; wrong == 0 && i < DEMO_NODES; i++) {
        if (nodes_stop(cluster, i)) continue;
        fprintf(stderr, "concur-demo: %s\n", nodes_problem(cluster));
        wrong = 1;
    }
    nodes_free(cluster);
    return wrong == 0 ? 0 : 1;
}
