/* strings.h: what strings share with the fields of hashes. */
#ifndef NODE_STRINGS_H
#define NODE_STRINGS_H
#include "crdt/types.h"

/* Add an amount in any form that Redis takes to the cell: decimal, hexadecimal, with an exponent.
 * Errors: those of crdt_cell_incrfloat; ERANGE for infinity. */
crdt_err strings_add(crdt_txn *txn, crdt_view name, crdt_view amount);

#endif
