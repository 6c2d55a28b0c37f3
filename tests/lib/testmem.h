/* testmem.h: the allocator of the tests. It counts bytes and calls, checks the sizes given back,
 * moves every block on resize (so that a stale pointer shows), fills fresh and released memory with
 * rubbish, fails on request, and must balance to zero.
 *
 *      testmem m;
 *      testmem_init(&m);
 *      ... crdt_store_new(&m.mem, ...) ...
 *      testmem_fail_nth(&m, 3);            // the third alloc or resize from now is refused
 *      ... CHECK_ERR(op, CRDT_ENOMEM); CHECK(testmem_refused(&m)) ...
 *      testmem_fail_never(&m);
 *      TESTMEM_DONE(&m);                   // after all is freed
 *
 * Every failing allocation of an operation, one after the other:
 *
 *      for (uint64_t n = 1;; n++) {
 *          testmem_fail_nth(&m, n);
 *          crdt_err err = op();
 *          if (!testmem_refused(&m)) break;        // it got through with fewer than n calls
 *          CHECK_ERR(err, CRDT_ENOMEM);            // and the object is unchanged
 *      }
 *      testmem_fail_never(&m);
 *
 * A wrong size, a foreign or a twice released block fails the running test at once. Blocks start on
 * 16 bytes and end exactly where ASan and valgrind see their end.
 */
#ifndef TESTS_LIB_TESTMEM_H
#define TESTS_LIB_TESTMEM_H
#include "crdt/mem.h"
#include "tests/lib/t.h"

typedef struct testmem {
    crdt_mem mem;       /* give &m.mem to the library */
    size_t   bytes;     /* in use now */
    size_t   peak;      /* the most ever in use; set to bytes to measure from here */
    size_t   blocks;    /* in use now */
    uint64_t calls;     /* of alloc and resize, ever */
    uint64_t refusals;  /* of them refused, ever */
    size_t   bytes_max; /* a budget: what would exceed it is refused; SIZE_MAX at first */
    /* private */
    uint64_t              fail_at, fail_until, refusals_armed;
    struct testmem_block *live;
} testmem;

void testmem_init(testmem *m);
/* Refuse the nth (1 is the next) alloc or resize from now, once. */
void testmem_fail_nth(testmem *m, uint64_t nth);
/* Refuse the nth alloc or resize from now and all after it. */
void testmem_fail_from(testmem *m, uint64_t nth);
void testmem_fail_never(testmem *m);
/* True if a call was refused since the last testmem_fail_*. */
bool testmem_refused(const testmem *m);
/* Fail the test if anything is still in use, naming the blocks by size and number of their call. */
#define TESTMEM_DONE(m) testmem_done((m), __FILE__, __LINE__)
void testmem_done(const testmem *m, const char *file, int line);

#endif
