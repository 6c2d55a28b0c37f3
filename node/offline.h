/* offline.h: what is done with a data directory while no node runs on it.
 *
 *      concurd check DIR            reads all of it, changes nothing, says what is wrong and where
 *      concurd backup DIR FILE      everything in one file
 *      concurd restore FILE DIR     a new directory from it: the same node, which goes on under a
 *                                   new replica id and succeeds the old (rule R16)
 */
#ifndef NODE_OFFLINE_H
#define NODE_OFFLINE_H

/* Each returns what the process is to exit with: 0 fine, 1 damage or failure, 2 wrong use. */
int offline_check(int argc, char **argv);
int offline_backup(int argc, char **argv);
int offline_restore(int argc, char **argv);

#endif
