/* snapshot_fuzz.c: any bytes to gossip_snapshot_decode, as they are and with the right sum behind
 * them; and what is taken, cut anywhere.
 *
 * Input    2 bytes: where to cut; then the snapshot.
 * Refused  with a reason.
 * Taken    it encodes to just these bytes; cut, it is refused.
 * Memory   at its peak at most 8 x the snapshot + 64 KiB.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "tests/wire/lib/messages.h"

static bool read_one(const uint8_t *bytes, size_t size)
{
    testmem         m;
    gossip_snapshot snapshot;
    const char     *reason = NULL;
    testmem_init(&m);
    crdt_err err = gossip_snapshot_decode(crdt_view_of(bytes, size), &m.mem, &snapshot, &reason);
    CHECK_MSG(m.peak <= 8 * size + 65536, "took %zu bytes for %zu", m.peak, size);
    if (err != CRDT_OK) {
        CHECK_MSG(err == CRDT_EMALFORMED || err == CRDT_ELIMIT || err == CRDT_EVERSION, "%s",
                  crdt_err_name(err));
        CHECK(reason != NULL && *reason != 0);
    } else {
        crdt_buf out;
        crdt_buf_init(&out, NULL);
        CHECK_OK(gossip_snapshot_encode(snapshot.floors, snapshot.count, snapshot.store, &out));
        CHECK_EQ_MEM(out.data, out.size, bytes, size);
        crdt_buf_clear(&out);
        gossip_snapshot_clear(&snapshot, &m.mem);
    }
    TESTMEM_DONE(&m);
    return err == CRDT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    size_t   cut = data[0] | (size_t)data[1] << 8;
    uint8_t *bytes = malloc(size);
    CHECK(bytes != NULL);
    size -= 2;
    memcpy(bytes, data + 2, size);
    (void)read_one(bytes, size);
    snapshot_repair(bytes, size);
    if (read_one(bytes, size)) {
        cut %= size;
        CHECK(!read_one(bytes, cut));
        snapshot_repair(bytes, cut);
        (void)read_one(bytes, cut);
    }
    free(bytes);
    return 0;
}
