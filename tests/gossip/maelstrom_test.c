/* examples/maelstrom as Maelstrom runs it: three processes, JSON lines, a network that this test
 * plays: it cuts one node off, loses messages, and expects every write everywhere in the end. */
#define _POSIX_C_SOURCE 200809L
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"

enum { NODES = 3, LINE_MAX_BYTES = 1 << 20 };

typedef struct process {
    pid_t  pid;
    int    in, out; /* its standard input and output */
    char  *line;    /* what came so far */
    size_t size;
} process;

static process  nodes[NODES];
static uint64_t seed;
static int      cut = -1, loss_percent;
static json_t  *answer; /* the last that came for the client */

static void program_path(char path[4100])
{
    ssize_t size = readlink("/proc/self/exe", path, 4000);
    CHECK(size > 0);
    path[size] = 0;
    for (int up = 0; up < 3; up++) *strrchr(path, '/') = 0; /* build/V/MODE/gossip/test */
    snprintf(path + strlen(path), 96, "/examples/maelstrom");
}

static void spawn(process *p, const char *path)
{
    int to[2], from[2];
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    p->pid = fork();
    CHECK(p->pid >= 0);
    if (p->pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        for (int fd = 3; fd < 64; fd++) close(fd);
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    p->in = to[1];
    p->out = from[0];
    p->line = malloc(LINE_MAX_BYTES);
    p->size = 0;
}

static int node_of(const char *name)
{
    return name != NULL && name[0] == 'n' ? name[1] - '0' : -1;
}

static void put_line(int node, const json_t *msg)
{
    char *text = json_dumps(msg, JSON_COMPACT);
    CHECK(write(nodes[node].in, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(write(nodes[node].in, "\n", 1) == 1);
    free(text);
}

static void route(const char *line)
{
    json_t *msg = json_loads(line, 0, NULL);
    CHECK_MSG(msg != NULL, "a line that is no JSON: %s", line);
    int  from = node_of(json_string_value(json_object_get(msg, "src")));
    int  to = node_of(json_string_value(json_object_get(msg, "dest")));
    bool lost = from == cut || to == cut || random_below(&seed, 100) < (uint64_t)loss_percent;
    if (to < 0) {
        json_decref(answer);
        answer = json_incref(json_object_get(msg, "body"));
    } else if (!lost) {
        put_line(to, msg);
    }
    json_decref(msg);
}

static void take(process *p)
{
    ssize_t got = read(p->out, p->line + p->size, LINE_MAX_BYTES - p->size - 1);
    CHECK_MSG(got > 0, "a node stopped");
    p->size += (size_t)got;
    p->line[p->size] = 0;
    for (char *end; (end = strchr(p->line, '\n')) != NULL;) {
        *end = 0;
        route(p->line);
        p->size -= (size_t)(end + 1 - p->line);
        memmove(p->line, end + 1, p->size + 1);
    }
}

/* Carry messages for a while, or until an answer comes. True: one came. */
static bool carry(int ms)
{
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (;;) {
        struct pollfd fds[NODES];
        for (int i = 0; i < NODES; i++) fds[i] = (struct pollfd){nodes[i].out, POLLIN, 0};
        poll(fds, NODES, 10);
        for (int i = 0; i < NODES; i++) {
            if (fds[i].revents != 0) take(&nodes[i]);
        }
        if (answer != NULL) return true;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 > ms) {
            return false;
        }
    }
}

/* Send a request to a node and return the body of its answer; the caller drops it. */
static json_t *ask(int node, json_t *body, const char *expected)
{
    char name[3] = {'n', (char)('0' + node), 0};
    json_object_set_new(body, "msg_id", json_integer(1));
    json_t *msg = json_pack("{s:s, s:s, s:o}", "src", "c1", "dest", name, "body", body);
    put_line(node, msg);
    json_decref(msg);
    CHECK_MSG(carry(20000), "node %d does not answer", node);
    json_t *got = answer;
    answer = NULL;
    CHECK_EQ_STR(json_string_value(json_object_get(got, "type")), expected);
    return got;
}

static void start_all(void)
{
    char path[4100];
    signal(SIGPIPE, SIG_IGN);
    program_path(path);
    for (int i = 0; i < NODES; i++) spawn(&nodes[i], path);
    for (int i = 0; i < NODES; i++) {
        char name[3] = {'n', (char)('0' + i), 0};
        json_decref(ask(i,
                        json_pack("{s:s, s:s, s:[s,s,s]}", "type", "init", "node_id", name,
                                  "node_ids", "n0", "n1", "n2"),
                        "init_ok"));
    }
}

static void stop_all(void)
{
    for (int i = 0; i < NODES; i++) close(nodes[i].in);
    for (int i = 0; i < NODES; i++) {
        int  status;
        char rest[4096];
        while (read(nodes[i].out, rest, sizeof rest) > 0) {}
        CHECK(waitpid(nodes[i].pid, &status, 0) == nodes[i].pid);
        CHECK_EQ_INT(status, 0);
        close(nodes[i].out);
        free(nodes[i].line);
    }
}

/* Equal; lists in whatever order, each value once. */
static bool alike(const json_t *a, const json_t *b)
{
    if (!json_is_array(a) || !json_is_array(b)) return json_equal(a, b);
    if (json_array_size(a) != json_array_size(b)) return false;
    for (size_t i = 0; i < json_array_size(a); i++) {
        size_t found = 0;
        for (size_t j = 0; j < json_array_size(b); j++) {
            found += (size_t)json_equal(json_array_get(a, i), json_array_get(b, j));
        }
        if (found != 1) return false;
    }
    return true;
}

/* Read at a node until its answer's field is what is expected, carrying messages meanwhile. */
static void expect(int node, const char *field, const json_t *expected)
{
    for (int tries = 0;; tries++) {
        json_t       *got = ask(node, json_pack("{s:s}", "type", "read"), "read_ok");
        const json_t *value = json_object_get(got, field);
        bool          same = alike(value, expected);
        if (!same && tries == 300) {
            FAIL("node %d shows %s = %s, expected %s", node, field,
                 json_dumps(value, JSON_ENCODE_ANY), json_dumps(expected, JSON_ENCODE_ANY));
        }
        json_decref(got);
        if (same) return;
        carry(100);
    }
}

TEST(maelstrom, broadcast_reaches_all_over_loss_and_a_cut)
{
    enum { VALUES = 30 };
    seed = seed_or(3);
    start_all();
    loss_percent = 20;
    json_t *all = json_array();
    for (int i = 0; i < VALUES; i++) {
        cut = i < 10 ? -1 : i < 20 ? 1 : -1;
        int node = (int)random_below(&seed, NODES);
        json_decref(ask(node, json_pack("{s:s, s:i}", "type", "broadcast", "message", 100 + i),
                        "broadcast_ok"));
        json_array_append_new(all, json_integer(100 + i));
    }
    for (int i = 0; i < NODES; i++) expect(i, "messages", all);
    json_decref(all);
    json_t *echo = ask(0, json_pack("{s:s, s:s}", "type", "echo", "echo", "hello"), "echo_ok");
    CHECK_EQ_STR(json_string_value(json_object_get(echo, "echo")), "hello");
    json_decref(echo);
    stop_all();
}

TEST(maelstrom, counter_sums_what_was_added_on_both_sides_of_a_cut)
{
    seed = seed_or(4);
    cut = -1;
    loss_percent = 0;
    start_all();
    int64_t sum = 0;
    for (int i = 0; i < 20; i++) {
        int delta = i % 3 == 0 ? -i : i;
        cut = i >= 5 && i < 15 ? 2 : -1;
        json_decref(
            ask(i % NODES, json_pack("{s:s, s:i}", "type", "add", "delta", delta), "add_ok"));
        sum += delta;
    }
    json_t *total = json_integer(sum);
    for (int i = 0; i < NODES; i++) expect(i, "value", total);
    json_decref(total);
    stop_all();
}
