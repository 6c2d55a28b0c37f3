/* readonly.h: the file calls of a data directory that is only looked at: nothing in it changes. */
#ifndef NODE_READONLY_H
#define NODE_READONLY_H
#include "gossip/disk.h"

/* Over the real ones, borrowed. Writes are refused; removing the mark of a clean stop is said to
 * have worked. */
gossip_files readonly_files(gossip_files *real);

#endif
