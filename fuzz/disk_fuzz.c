/* disk_fuzz.c: any files in a data directory, a call that fails, and a power cut.
 *
 * Input    2 bytes: which call fails, counted over recovery and after it (0: none), and how.
 *          Then files, up to 16: a byte that picks the name, and of 0x80 the form; a u16 size; so
 *          many bytes. Form 0: they are the file. Form 1: they describe frames, which are made to
 *          fit: of each its number, what it says is durable, a size, and that many bytes.
 * Files    without damage no harness would get past the hashes: form 1 is the way in.
 * Holds    open and recover say what is wrong, or work; numbers of entries ascend; the same is read
 *          twice; memory is bounded; what is appended and synced then is there after a power cut,
 *          and so is all that was read before.
 */
#include <errno.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "gossip/core/disk.h"
#include "sim/files.h"

#define NODE 9u
#define CLUSTER 7u
#define FILES_MAX 16u
#define MEMORY_MAX (22u << 20)

static const struct {
    const char  *name;
    gossip__kind kind;
    uint64_t     number;
} places[16] = {
    {"log.1", GOSSIP__LOG, 1},
    {"log.2", GOSSIP__LOG, 2},
    {"log.3", GOSSIP__LOG, 3},
    {"log.4", GOSSIP__LOG, 4},
    {"log.5", GOSSIP__LOG, 5},
    {"log.6", GOSSIP__LOG, 6},
    {"snapshot.1", GOSSIP__SNAPSHOT, 1},
    {"snapshot.2", GOSSIP__SNAPSHOT, 2},
    {"snapshot.3", GOSSIP__SNAPSHOT, 3},
    {"snapshot.4", GOSSIP__SNAPSHOT, 4},
    {"clean", GOSSIP__LOG, 0},
    {"replica", GOSSIP__LOG, 0},
    {"node", GOSSIP__LOG, 0},
    {"log.4611686018427387904", GOSSIP__LOG, GOSSIP__NUMBER_MAX},
    {"snapshot.2.new", GOSSIP__SNAPSHOT, 2},
    {"reserve", GOSSIP__LOG, 0},
};

/* Frames as described, sealed for this file. The first can be the head of a segment. */
static void put_frames(crdt_view described, uint64_t seed, crdt_buf *out)
{
    fuzz_in  in = fuzz_input(described.data, described.size);
    uint64_t number = 0;
    uint32_t chain = 0;
    while (fuzz_more(&in)) {
        uint8_t step = fuzz_byte(&in), durable = fuzz_byte(&in), size = fuzz_byte(&in);
        size_t  at = out->size;
        number += step < 0xf0 ? step & 7 : (uint64_t)step << 55;
        gossip__frame_put(out, number, number - (durable & 15), fuzz_take(&in, size));
        CHECK_OK(crdt_buf_status(out));
        if (durable & 0x80) chain ^= 1; /* it does not follow the one before */
        (void)gossip__frame_seal(out->data + at, seed, &chain);
        if (durable & 0x40) out->data[at + out->size - at - 1] ^= 1; /* damaged */
    }
}

static void put_file(sim_files *files, fuzz_in *in)
{
    crdt_buf  bytes;
    uint8_t   byte = fuzz_byte(in), low = fuzz_byte(in), high = fuzz_byte(in);
    unsigned  which = byte & 15;
    crdt_view raw = fuzz_take(in, (size_t)(low | high << 8));
    crdt_buf_init(&bytes, NULL);
    if (byte & 0x80)
        put_frames(raw, gossip__seed(NODE, CLUSTER, places[which].kind, places[which].number),
                   &bytes);
    else crdt_buf_put(&bytes, raw.data, raw.size);
    sim_files_put(files, places[which].name, crdt_buf_bytes(&bytes));
    crdt_buf_clear(&bytes);
}

static crdt_err open_disk(sim_files *files, const testmem *m, gossip_disk **ret_disk)
{
    gossip_disk_options options = gossip_disk_options_default(CLUSTER, NODE);
    gossip_files        table = sim_files_table(files);
    char                problem[256];
    options.segment_bytes = 300;
    crdt_err err = gossip_disk_open(&options, &table, &m->mem, ret_disk, problem);
    CHECK((err == CRDT_OK) == (problem[0] == 0));
    CHECK_MSG(err == CRDT_OK || err == CRDT_EIO || err == CRDT_EMALFORMED || err == CRDT_EVERSION ||
                  err == CRDT_EEXIST,
              "%s", crdt_err_name(err));
    return err;
}

/* What there is, as one digest per entry: how many, their sum; whether one is this. */
typedef struct content {
    uint64_t    entries;
    crdt_digest sum;
    bool        marked, failed;
} content;

static content read_all(gossip_disk *disk, const gossip_recovery *found)
{
    content   c = {0};
    uint64_t  number, last = 0;
    crdt_view entry;
    crdt_err  err;
    crdt_buf  bytes;
    crdt_buf_init(&bytes, NULL);
    err = gossip_disk_snapshot(disk, &bytes);
    CHECK_MSG(err == CRDT_OK || err == CRDT_EIO || err == CRDT_EMALFORMED, "%s",
              crdt_err_name(err));
    crdt_buf_clear(&bytes);
    while ((err = gossip_disk_next(disk, &number, &entry)) != CRDT_ENOENT) {
        if (err == CRDT_EMALFORMED) continue;
        if (err == CRDT_EIO) { /* the call that fails */
            c.failed = true;
            return c;
        }
        CHECK_OK(err);
        CHECK(number > last && number >= found->snapshot_position);
        last = number;
        c.sum = crdt_digest_add(c.sum, crdt_digest_of(entry.data, entry.size));
        c.entries++;
        c.marked |= crdt_view_compare(entry, crdt_text_view("written by the fuzzer")) == 0;
    }
    return c;
}

/* Goes on after recovery; true if what was appended is promised. */
static bool go_on(gossip_disk *disk)
{
    crdt_err err = gossip_disk_begin(disk, 77);
    if (err != CRDT_OK) {
        CHECK_ERR(err, CRDT_EIO);
        return false;
    }
    gossip_persist persist = gossip_disk_persist(disk);
    err = persist.append(persist.user, 5, crdt_text_view("written by the fuzzer"));
    if (err != CRDT_OK) {
        CHECK_ERR(err, CRDT_EIO); /* no number is left for it */
        return false;
    }
    err = persist.sync(persist.user);
    CHECK_MSG(err == CRDT_OK || err == CRDT_EIO, "%s", crdt_err_name(err));
    return err == CRDT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    testmem         m;
    fuzz_in         in = fuzz_input(data, size);
    gossip_disk    *disk;
    gossip_recovery found, later;
    uint8_t         nth = fuzz_byte(&in), how = fuzz_byte(&in);
    sim_files      *files = sim_files_new(how);
    sim_fault       fault = {SIM_CHANGES, nth, how & 1 ? EIO : ENOSPC, (how & 2) != 0};
    testmem_init(&m);
    if (open_disk(files, &m, &disk) == CRDT_OK) gossip_disk_close(disk); /* the file `node` */
    for (unsigned i = 0; i < FILES_MAX && fuzz_more(&in); i++) put_file(files, &in);
    sim_files_fault(files, fault);
    m.peak = m.bytes;
    if (open_disk(files, &m, &disk) == CRDT_OK) {
        crdt_err err = gossip_disk_recover(disk, &found);
        CHECK_MSG(err == CRDT_OK || err == CRDT_EIO || err == CRDT_EVERSION, "%s",
                  crdt_err_name(err));
        if (err == CRDT_OK) {
            content was = read_all(disk, &found);
            CHECK(was.failed || was.entries == found.entries);
            CHECK(found.bad_frames == 0 || found.problem[0] != 0);
            CHECK(!found.clean || (found.problem[0] == 0 && found.bad_frames == 0));
            bool promised = go_on(disk);
            gossip_disk_close(disk);
            sim_files_crash(files);
            CHECK_OK(open_disk(files, &m, &disk));
            CHECK_OK(gossip_disk_recover(disk, &later));
            CHECK(!later.clean);
            content is = read_all(disk, &later);
            CHECK(is.entries >= was.entries);
            CHECK(!promised || is.marked);
            if (is.entries == was.entries) CHECK(crdt_digest_equal(is.sum, was.sum));
            CHECK(was.failed || is.entries <= was.entries + 1);
        }
        gossip_disk_close(disk);
    }
    CHECK_MSG(m.peak < MEMORY_MAX, "%zu bytes", m.peak);
    sim_files_free(files);
    TESTMEM_DONE(&m);
    return 0;
}
