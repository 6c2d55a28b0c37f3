/* types.h: all types of the library, and the registry that stores are given. */
#ifndef CRDT_TYPES_H
#define CRDT_TYPES_H
#include "crdt/audit.h"
#include "crdt/bcounter.h"
#include "crdt/cell.h"
#include "crdt/dwflag.h"
#include "crdt/ewflag.h"
#include "crdt/expiry.h"
#include "crdt/gcounter.h"
#include "crdt/gset.h"
#include "crdt/history.h"
#include "crdt/lww.h"
#include "crdt/lwwmap.h"
#include "crdt/lwwts.h"
#include "crdt/marks.h"
#include "crdt/max.h"
#include "crdt/min.h"
#include "crdt/mvreg.h"
#include "crdt/ormap.h"
#include "crdt/orset.h"
#include "crdt/pncounter.h"
#include "crdt/revgraph.h"
#include "crdt/rga.h"
#include "crdt/rwset.h"
#include "crdt/score.h"
#include "crdt/store.h"
#include "crdt/text.h"
#include "crdt/twopset.h"
#include "crdt/undo.h"
#include "crdt/zset.h"
#ifdef __cplusplus
extern "C" {
#endif

/* The built-in types, static. A user's own list may copy these entries and add to them. */
CRDT_API const crdt_types *crdt_types_builtin(void);

#ifdef __cplusplus
}
#endif
#endif
