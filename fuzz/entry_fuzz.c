/* entry_fuzz.c: any bytes to gossip_entry_decode.
 *
 * Refused  with a reason.
 * Taken    it is an entry, and encodes to just these bytes; its tag is the same for both.
 * Memory   at its peak at most 8 x the input + 64 KiB.
 */
#include "fuzz/fuzz.h"
#include "tests/wire/lib/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    testmem      m;
    gossip_entry entry;
    gossip_deps  deps = {NULL, 0};
    const char  *reason = NULL;
    testmem_init(&m);
    crdt_err err = gossip_entry_decode(crdt_view_of(data, size), &deps, &m.mem, &entry, &reason);
    CHECK_MSG(m.peak <= 8 * size + 65536, "took %zu bytes for %zu", m.peak, size);
    if (err != CRDT_OK) {
        CHECK_MSG(err == CRDT_EMALFORMED || err == CRDT_ELIMIT || err == CRDT_EVERSION, "%s",
                  crdt_err_name(err));
        CHECK(reason != NULL && *reason != 0);
    } else {
        crdt_buf     out;
        gossip_entry again;
        gossip_deps  more = {NULL, 0};
        crdt_buf_init(&out, NULL);
        CHECK_OK(gossip_entry_check(&entry, NULL));
        CHECK_OK(gossip_entry_encode(&entry, &out));
        CHECK_EQ_MEM(out.data, out.size, data, size);
        CHECK_OK(gossip_entry_decode(crdt_buf_bytes(&out), &more, NULL, &again, NULL));
        CHECK_EQ_INT(gossip_entry_tag(&again, 5), gossip_entry_tag(&entry, 5));
        gossip_deps_clear(&more, NULL);
        crdt_buf_clear(&out);
    }
    gossip_deps_clear(&deps, &m.mem);
    TESTMEM_DONE(&m);
    return 0;
}
