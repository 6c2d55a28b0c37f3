/* main.c: concurd: runs a node; checks, backs up and restores its directory. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/log.h"
#include "node/node.h"
#include "node/offline.h"

static int run(const node_config *config)
{
    static node n;
    char        problem[512] = "";
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk */
    node_log_limit((node_level)config->log_level);
    bool opened = node_open(&n, config, problem);
    if (!opened) fprintf(stderr, "concurd: %s\n", problem);
    else node_run(&n);
    bool kept = node_close(&n);
    return opened && kept ? 0 : 1;
}

static int help(void)
{
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    node_config_help(&text);
    fwrite(text.data, 1, text.size, stdout);
    crdt_buf_clear(&text);
    return 0;
}

int main(int argc, char **argv)
{
    static node_config config;
    char               problem[NODE_PROBLEM_MAX] = "";
    if (argc > 1 && strcmp(argv[1], "check") == 0) return offline_check(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "backup") == 0) return offline_backup(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "restore") == 0) return offline_restore(argc - 2, argv + 2);
    node_config_default(&config);
    switch (node_config_parse_args(&config, argc, argv, problem)) {
    case NODE_CONFIG_HELP: return help();
    case NODE_CONFIG_VERSION: printf("concurd %s\n", NODE_VERSION); return 0;
    case NODE_CONFIG_WRONG: fprintf(stderr, "concurd: %s\n", problem); return 2;
    case NODE_CONFIG_RUN: break;
    }
    return run(&config);
}
