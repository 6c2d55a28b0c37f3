/* t.h: the test header. A test file is one program:
 *
 *      #include "tests/lib/t.h"
 *
 *      TEST(orset, add_wins_over_concurrent_remove)
 *      {
 *          CHECK_OK(crdt_orset_add(txn, key, elem));
 *          CHECK_EQ_INT(crdt_orset_count(set), 1);
 *      }
 *
 * It is built twice from the same source: against Criterion (each test in a process of its own), or
 * with -DT_PLAIN as an ordinary program, because Criterion hides leaks, undefined behaviour and
 * what valgrind finds, and cannot start under TSan. The plain program takes name filters (a part of
 * "suite.name"), -v and -l, and ends in the line "N passed, N failed".
 *
 * A failed check prints values, file and line, and ends the test that runs. Checks may stand in any
 * function that a test calls. In a program that is no test (a fuzzer) they abort.
 */
#ifndef TESTS_LIB_T_H
#define TESTS_LIB_T_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1 where instrumentation makes code ten times slower or worse: tests then do fewer rounds. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(T_NO_FILL)
#define T_SLOW 1
#else
#define T_SLOW 0
#endif

#ifdef T_PLAIN
typedef struct t_case {
    const char *suite, *name;
    void (*run)(void);
    struct t_case *next;
} t_case;

void           t_add(t_case *test);
extern t_case *t_first;
/* Run one test. True if no check failed in it. */
bool t_run(const t_case *test);

#define TEST(suite_, name_)                                                     \
    static void                              t_run_##suite_##_##name_(void);    \
    __attribute__((constructor)) static void t_add_##suite_##_##name_(void)     \
    {                                                                           \
        static t_case test = {#suite_, #name_, t_run_##suite_##_##name_, NULL}; \
        t_add(&test);                                                           \
    }                                                                           \
    static void t_run_##suite_##_##name_(void)
#else
#include <criterion/criterion.h>
#define TEST(suite_, name_) Test(suite_, name_)
#endif

/* End the running test as failed, with a message. */
_Noreturn __attribute__((format(printf, 3, 4))) void t_fail(const char *file, int line,
                                                            const char *format, ...);
#define FAIL(...) t_fail(__FILE__, __LINE__, __VA_ARGS__)

/* The condition holds. CHECK_MSG adds a printf-style message: in a loop, name the type or round. */
#define CHECK(cond)                                                  \
    do {                                                             \
        if (!(cond)) t_fail(__FILE__, __LINE__, "CHECK(%s)", #cond); \
    } while (0)
#define CHECK_MSG(cond, ...)                                              \
    do {                                                                  \
        if (!(cond)) t_check_msg(__FILE__, __LINE__, #cond, __VA_ARGS__); \
    } while (0)

/* Two integers of any type and sign are equal (64 bits are compared). */
#define CHECK_EQ_INT(actual, expected) \
    t_eq_int(__FILE__, __LINE__, #actual, (intmax_t)(actual), #expected, (intmax_t)(expected))
/* Two C strings are equal; NULL equals NULL. */
#define CHECK_EQ_STR(actual, expected) \
    t_eq_str(__FILE__, __LINE__, #actual, (actual), #expected, (expected))
/* Two runs of bytes have the same size and content. */
#define CHECK_EQ_MEM(actual, actual_size, expected, expected_size)                        \
    t_eq_mem(__FILE__, __LINE__, #actual, (actual), (actual_size), #expected, (expected), \
             (expected_size))
/* A crdt_err is CRDT_OK, or the one expected. */
#define CHECK_OK(expr) T_CHECK_ERR(expr, 0, #expr)
#define CHECK_ERR(expr, expected) T_CHECK_ERR(expr, expected, #expr)
#define T_CHECK_ERR(expr, expected, text)                                                  \
    do {                                                                                   \
        int t_err = (int)(expr);                                                           \
        int t_expected = (int)(expected);                                                  \
        if (t_err != t_expected) t_wrong_err(__FILE__, __LINE__, text, t_err, t_expected); \
    } while (0)

_Noreturn __attribute__((format(printf, 4, 5))) void t_check_msg(const char *file, int line,
                                                                 const char *cond,
                                                                 const char *format, ...);
void t_eq_int(const char *file, int line, const char *a_text, intmax_t a, const char *b_text,
              intmax_t b);
void t_eq_str(const char *file, int line, const char *a_text, const char *a, const char *b_text,
              const char *b);
void t_eq_mem(const char *file, int line, const char *a_text, const void *a, size_t a_size,
              const char *b_text, const void *b, size_t b_size);
_Noreturn void t_wrong_err(const char *file, int line, const char *text, int actual, int expected);

#endif
