/* oracles.h: what each type means, told of operations alone: the oracles of the law tests. */
#ifndef SIM_ORACLES_H
#define SIM_ORACLES_H
#include "crdt/laws.h"

/* NULL: the type has none. */
crdt_laws_oracle oracle_of(const crdt_type *type);

#endif
