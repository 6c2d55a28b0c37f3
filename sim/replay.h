/* replay.h: plans as text, so that a failure is kept and run again. */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H
#include <stdio.h>

#include "sim/plan.h"

/* comment (may be NULL) stands above it. */
void replay_write(FILE *file, const plan *p, const char *comment);
/* False: ret_problem (256 bytes) says what is wrong, and where. */
bool replay_read(FILE *file, plan *p, char ret_problem[256]);

#endif
