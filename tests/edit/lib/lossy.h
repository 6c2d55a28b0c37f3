/* lossy.h: a way to a node that breaks: of every so many transactions one never arrives at the
 * node, or is done, and its reply never arrives; in turn. The connection is gone then. */
#ifndef TESTS_EDIT_LIB_LOSSY_H
#define TESTS_EDIT_LIB_LOSSY_H
#include <stdint.h>
#include <sys/types.h>

typedef struct lossy {
    uint16_t port; /* to connect to */
    pid_t    pid;
} lossy;

/* A process of its own, which ends with this one. pid 0: there is none. */
lossy lossy_start(uint16_t node, unsigned every);
void  lossy_stop(lossy *l);

#endif
