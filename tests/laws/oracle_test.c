/* oracle_test.c: the oracles have room for whatever a history may hold. */
#include <stdio.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/laws/lib/oracle.h"
#include "tests/lib/t.h"

#define EVENTS CRDT_LAWS_EVENTS_MAX

static const crdt_op *op_of(const crdt_type *type, const char *name)
{
    for (size_t i = 0; i < type->ops_count; i++) {
        if (strcmp(type->ops[i].name, name) == 0) return &type->ops[i];
    }
    FAIL("%s has no operation %s", type->name, name);
}

/* Each event is of another replica, and names a stranger: as many ids as events can name. Nobody
 * has rights, so each hands on none: those who wrote have a row, the strangers none. */
TEST(oracle, of_bcounter_knows_two_ids_an_event)
{
    static crdt_laws_event events[EVENTS];
    static crdt_value      args[EVENTS][2];
    crdt_buf               told, wanted;
    crdt_buf_init(&told, NULL);
    crdt_buf_init(&wanted, NULL);
    crdt_buf_text(&wanted, "0 {");
    for (unsigned i = 0; i < EVENTS; i++) {
        char row[32];
        args[i][0] = crdt_int(1000 + (int)i);
        args[i][1] = crdt_int(0);
        uint64_t before = (UINT64_C(1) << i) - 1;
        events[i] = (crdt_laws_event){.op = op_of(&crdt_bcounter_type, "transfer"),
                                      .args = args[i],
                                      .replica = 1 + i,
                                      .seen = before,
                                      .covers = before};
        snprintf(row, sizeof row, "%s%x: 0", i == 0 ? "" : ", ", 1 + i);
        crdt_buf_text(&wanted, row);
    }
    crdt_buf_text(&wanted, "}");
    oracle_bcounter(events, EVENTS, UINT64_MAX, &told);
    CHECK_OK(crdt_buf_status(&told));
    CHECK_MSG(crdt_view_compare(crdt_buf_bytes(&told), crdt_buf_bytes(&wanted)) == 0, "%.*s",
              (int)told.size, (const char *)told.data);
    crdt_buf_clear(&told);
    crdt_buf_clear(&wanted);
}
