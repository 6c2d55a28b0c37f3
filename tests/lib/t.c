/* t.c: checks and the list of tests. See t.h. */
#include "tests/lib/t.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/base.h"

#define MESSAGE_MAX 2048

/* How a failed check leaves the test: the only part that differs between the two runners. */
#ifdef T_PLAIN
t_case         *t_first;
static t_case **t_last = &t_first;
static jmp_buf  t_leave;
static bool     t_running;

void t_add(t_case *test)
{
    *t_last = test;
    t_last = &test->next;
}

bool t_run(const t_case *test)
{
    bool passed = false;
    t_running = true;
    if (setjmp(t_leave) == 0) {
        test->run();
        t_running = false;
        return true;
    }
    t_running = false;
    return passed;
}

_Noreturn static void end_test(const char *file, int line, const char *message)
{
    printf("%s:%d: %s\n", file, line, message);
    fflush(stdout);
    if (!t_running) abort();
    longjmp(t_leave, 1);
}
#else
_Noreturn static void end_test(const char *file, int line, const char *message)
{
    struct criterion_assert_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.passed = false;
    stats.file = file;
    stats.line = (unsigned)line;
    stats.message = message;
    criterion_send_assert(&stats);
    criterion_abort_test();
}
#endif

void t_fail(const char *file, int line, const char *format, ...)
{
    char    message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    end_test(file, line, message);
}

void t_check_msg(const char *file, int line, const char *cond, const char *format, ...)
{
    char    message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    t_fail(file, line, "CHECK(%s): %s", cond, message);
}

void t_eq_int(const char *file, int line, const char *a_text, intmax_t a, const char *b_text,
              intmax_t b)
{
    if (a == b) return;
    t_fail(file, line, "%s is %jd (0x%jx), expected %s = %jd (0x%jx)", a_text, a, (uintmax_t)a,
           b_text, b, (uintmax_t)b);
}

void t_eq_str(const char *file, int line, const char *a_text, const char *a, const char *b_text,
              const char *b)
{
    if (a == b || (a && b && strcmp(a, b) == 0)) return;
    t_fail(file, line, "%s is \"%s\", expected %s = \"%s\"", a_text, a ? a : "(NULL)", b_text,
           b ? b : "(NULL)");
}

/* Write up to 16 bytes from `at` on as hex. */
static const char *hex(char *out, size_t out_size, const unsigned char *data, size_t size,
                       size_t at)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = at; i < size && i < at + 16 && used + 4 < out_size; i++) {
        used += (size_t)snprintf(out + used, out_size - used, " %02x", data[i]);
    }
    return size <= at ? " (end)" : out;
}

void t_eq_mem(const char *file, int line, const char *a_text, const void *a, size_t a_size,
              const char *b_text, const void *b, size_t b_size)
{
    const unsigned char *a_bytes = a, *b_bytes = b;
    size_t               at = 0, common = a_size < b_size ? a_size : b_size;
    char                 a_hex[64], b_hex[64];
    while (at < common && a_bytes[at] == b_bytes[at]) at++;
    if (at == a_size && at == b_size) return;
    t_fail(file, line, "%s (%zu bytes) and %s (%zu bytes) differ from byte %zu on:\n  %s\n  %s",
           a_text, a_size, b_text, b_size, at, hex(a_hex, sizeof a_hex, a_bytes, a_size, at),
           hex(b_hex, sizeof b_hex, b_bytes, b_size, at));
}

void t_wrong_err(const char *file, int line, const char *text, int actual, int expected)
{
    t_fail(file, line, "%s gave %s (%s), expected %s", text, crdt_err_name((crdt_err)actual),
           crdt_err_text((crdt_err)actual), crdt_err_name((crdt_err)expected));
}
