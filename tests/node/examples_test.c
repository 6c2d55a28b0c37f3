/* The examples that need nodes or peers, run as people run them; their output is that of
 * examples/NAME.out. And what tests/node/lib promises: that nothing is left behind. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/t.h"
#include "tests/node/lib/nodes.h"

#define OUT_MAX 8192u

/* The folder of what is built: build/V/MODE/node/test is three below it. */
static void built(char path[4100])
{
    ssize_t size = readlink("/proc/self/exe", path, 4000);
    CHECK(size > 0);
    path[size] = 0;
    for (int up = 0; up < 3; up++) *strrchr(path, '/') = 0;
}

/* What a shell command prints; it must succeed. */
static void run(const char *command, char out[OUT_MAX])
{
    FILE *pipe = popen(command, "r");
    CHECK(pipe != NULL);
    size_t size = fread(out, 1, OUT_MAX - 1, pipe);
    out[size] = 0;
    int status = pclose(pipe);
    CHECK_MSG(status == 0, "status %d of %s:\n%s", status, command, out);
}

static void check_output(const char *out, const char *path)
{
    char  expected[OUT_MAX];
    FILE *file = fopen(path, "r");
    CHECK_MSG(file != NULL, "%s", path);
    size_t size = fread(expected, 1, sizeof expected - 1, file);
    fclose(file);
    expected[size] = 0;
    CHECK_EQ_STR(out, expected);
}

static nodes *start(uint32_t count)
{
    char          problem[512];
    nodes_options options = nodes_options_default();
    options.count = count;
    nodes *cluster = nodes_new(&options, problem);
    CHECK_MSG(cluster != NULL, "%s", problem);
    CHECK_MSG(nodes_start_all(cluster), "%s", nodes_problem(cluster));
    return cluster;
}

static void check_clients(const char *program, const char *expected, const char *counter)
{
    char    command[5000], out[OUT_MAX];
    int64_t value = 0;
    nodes  *cluster = start(2);
    snprintf(command, sizeof command, "%s %u %u 2>&1", program, nodes_port(cluster, 0),
             nodes_port(cluster, 1));
    run(command, out);
    check_output(out, expected);
    CHECK_MSG(nodes_settle(cluster, 10000), "%s", nodes_problem(cluster));
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_MSG(nodes_integer(cluster, i, &value, "GET %s", counter), "%s",
                  nodes_problem(cluster));
        CHECK_EQ_INT(value, 42);
    }
    nodes_free(cluster);
}

TEST(examples, hiredis_client_of_two_nodes)
{
    char program[4200];
    built(program);
    snprintf(program + strlen(program), 100, "/examples/client_hiredis");
    check_clients(program, "examples/client_hiredis.out", "c:visits");
}

TEST(examples, python_client_of_two_nodes)
{
    check_clients("/usr/bin/python3 examples/client_redis.py", "examples/client_redis.out",
                  "p:visits");
}

/* Two services that embed the library count one counter. */
TEST(examples, counter_services_agree)
{
    char folder[] = "/tmp/concur-counters.XXXXXX", program[4200], command[9000], out[OUT_MAX];
    CHECK(mkdtemp(folder) != NULL);
    built(program);
    snprintf(
        command, sizeof command,
        "cd %s; service=%s/examples/counter_service\n"
        "printf 'inc visits 2\\nwait visits 42\\nget shop\\n' |\n"
        "    $service ipc://$PWD/a ipc://$PWD/b >left &\n"
        "printf 'inc visits 40\\nwait visits 42\\nfly\\n' |\n"
        "    $service ipc://$PWD/b ipc://$PWD/a >right &&\n"
        "wait $! && tail -n 2 left && tail -n 2 right; status=$?; cd /; rm -r %s; exit $status",
        folder, program, folder);
    run(command, out);
    check_output(out, "examples/counter_service.out");
}

/* It is there, and not one that has ended and that nobody has waited for. */
static bool runs(int pid)
{
    char path[64], state[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return false;
    bool read = fgets(state, sizeof state, file) != NULL;
    fclose(file);
    return read && strstr(state, ") Z ") == NULL;
}

/* A process that has nodes is killed: its nodes and its directory go, too. */
TEST(nodes, nothing_is_left_behind)
{
    char line[256] = "", dir[200];
    int  ends[2], pid;
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        nodes *cluster = start(1);
        dprintf(ends[1], "%d %s\n", (int)nodes_pid(cluster, 0), nodes_dir(cluster, 0));
        raise(SIGKILL);
    }
    close(ends[1]);
    FILE *told = fdopen(ends[0], "r");
    CHECK(told != NULL && fgets(line, sizeof line, told) != NULL);
    CHECK_MSG(sscanf(line, "%d %199s", &pid, dir) == 2, "%s", line);
    fclose(told);
    CHECK(waitpid(child, NULL, 0) == child);
    for (int i = 0; i < 500 && (runs(pid) || access(dir, F_OK) == 0); i++) nodes_sleep_ms(10);
    CHECK_MSG(!runs(pid), "node %d runs", pid);
    CHECK_MSG(access(dir, F_OK) != 0, "%s is still there", dir);
}

/* kill -9, then the same ports and the same data. */
TEST(nodes, start_again_where_they_were)
{
    int64_t value = 0;
    nodes  *cluster = start(1);
    CHECK(nodes_ok(cluster, 0, "INCRBY n 41"));
    CHECK_MSG(nodes_stop(cluster, 0), "%s", nodes_problem(cluster));
    CHECK(!nodes_running(cluster, 0));
    CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
    CHECK_MSG(nodes_integer(cluster, 0, &value, "INCR n"), "%s", nodes_problem(cluster));
    CHECK_EQ_INT(value, 42);
    CHECK(nodes_rss_bytes(cluster, 0) > 100000);
    nodes_kill(cluster, 0);
    CHECK(nodes_command(cluster, 0, "PING") == NULL);
    CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
    CHECK(nodes_ok(cluster, 0, "PING"));
    CHECK(!nodes_ok(cluster, 0, "NOSUCHCOMMAND"));
    nodes_free(cluster);
}
