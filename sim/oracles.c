/* oracles.c: see oracles.h. */
#include "sim/oracles.h"

#include "tests/laws/lib/oracle.h"

crdt_laws_oracle oracle_of(const crdt_type *type)
{
    return oracle_options(type).oracle;
}
