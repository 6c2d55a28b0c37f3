/* main.c: concurd: runs a node; checks, backs up and restores its directory. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/log.h"
#include "node/node.h"
#include "node/offline.h"

static int run(const node_config *config)
{
    static node n;
    char        problem[512] = "";
    signal(SIGPIPE, SIG_IGN);
    node_log_level(config->log_level);
    bool opened = node_open(&n, config, problem);
    if (!opened) fprintf(stderr, "concurd: %s\n", problem);
    else node_run(&n);
    node_close(&n);
    return opened ? 0 : 1;
}

int main(int argc, char **argv)
{
    static node_config config;
    char               problem[512] = "";
    if (argc > 1 && strcmp(argv[1], "check") == 0) return offline_check(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "backup") == 0) return offline_backup(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "restore") == 0) return offline_restore(argc - 2, argv + 2);
    node_config_default(&config);
    switch (node_config_args(&config, argc, argv, problem)) {
    case NODE_CONFIG_HELP: node_config_help(stdout); return 0;
    case NODE_CONFIG_VERSION: printf("concurd %s\n", NODE_VERSION); return 0;
    case NODE_CONFIG_BAD: fprintf(stderr, "concurd: %s\n", problem); return 2;
    case NODE_CONFIG_OK: break;
    }
    return run(&config);
}
