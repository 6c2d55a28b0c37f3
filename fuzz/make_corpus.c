/* make_corpus.c: see make_corpus.h. All is fixed: the same types give the same seeds. */
#define _POSIX_C_SOURCE 200809L
#include "fuzz/make_corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crdt/types.h"
#include "fuzz/fuzz.h"
#include "gossip/disk.h"
#include "sim/files.h"
#include "tests/wire/lib/messages.h"

typedef struct maker {
    const char      *directory;
    const crdt_type *solo;
    crdt_options     options;
    bool             failed;
} maker;

static const char *name_of(const crdt_type *solo)
{
    return solo == NULL ? "store" : solo->name;
}

/* directory/harness/seed-type-n: the pick, if there is one, and the bytes. */
static void write_seed(maker *m, const char *harness, const char *type, unsigned n, int pick,
                       crdt_view bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", m->directory, harness);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/seed-%s-%u", m->directory, harness, type, n);
    FILE *file = fopen(path, "wb");
    bool  ok = file != NULL;
    if (ok && pick >= 0) ok = fputc(pick, file) != EOF;
    if (ok && bytes.size > 0) ok = fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    if (file != NULL && fclose(file) != 0) ok = false;
    if (ok) return;
    perror(path);
    m->failed = true;
}

static void write_store(maker *m, const char *harness, unsigned n, const crdt_store *store)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    fuzz_encode(store, &bytes);
    write_seed(m, harness, name_of(m->solo), n, fuzz_pick_byte(m->solo), crdt_buf_bytes(&bytes));
    crdt_buf_clear(&bytes);
}

/* -- States ------------------------------------------------------------------------------------ */

static crdt_delta *delta_of(crdt_store *store, const crdt_type *solo, unsigned ops);

/* Of types changed in place: with something forgotten, and with something that waits. */
static void in_place_seeds(maker *m, const crdt_store *base)
{
    crdt_store *writer, *late;
    crdt_delta *deltas[3];
    CHECK_OK(crdt_store_clone(base, 4, &writer));
    CHECK_OK(crdt_store_clone(base, 5, &late));
    for (unsigned i = 0; i < 3; i++) deltas[i] = delta_of(writer, m->solo, 6 + i);
    CHECK_OK(crdt_store_merge(late, deltas[2]));
    write_store(m, "decode_state", 4, late);
    CHECK_OK(crdt_store_stabilise(writer, crdt_store_context(writer)));
    write_store(m, "decode_state", 5, writer);
    for (unsigned i = 0; i < 3; i++) crdt_store_free(deltas[i]);
    crdt_store_free(writer);
    crdt_store_free(late);
}

static void decode_state_seeds(maker *m)
{
    crdt_store *base = fuzz_base(&m->options), *small;
    write_store(m, "decode_state", 0, base);
    small = fuzz_history(&m->options, 9, 3);
    write_store(m, "decode_state", 1, small);
    if (m->solo != NULL && m->solo->undo != NULL) in_place_seeds(m, base);
    crdt_store_free(small);
    crdt_store_free(base);
}

/* -- Deltas for the base of decode_delta_fuzz.c ------------------------------------------------ */

static crdt_delta *delta_of(crdt_store *store, const crdt_type *solo, unsigned ops)
{
    crdt_txn   *txn;
    crdt_delta *delta;
    CHECK_OK(crdt_store_begin(store, FUZZ_NOW, &txn));
    for (unsigned i = 0; i < ops; i++) {
        uint8_t bytes[8] = {(uint8_t)i, (uint8_t)(i * 5 + 1), (uint8_t)i, (uint8_t)(2 * i + 1), 1};
        if (solo != NULL) bytes[0] = (uint8_t)(i * 2);
        fuzz_in in = fuzz_input(bytes, sizeof bytes);
        fuzz_op op = fuzz_op_read(&in, solo);
        (void)!fuzz_op_run(txn, &op);
    }
    CHECK_OK(crdt_store_commit(store, &delta));
    return delta;
}

static void decode_delta_seeds(maker *m)
{
    crdt_store *base = fuzz_base(&m->options), *writer, *since;
    crdt_delta *one, *more;
    CHECK_OK(crdt_store_clone(base, 4, &writer));
    one = delta_of(writer, m->solo, 1);
    write_store(m, "decode_delta", 0, one);
    more = delta_of(writer, m->solo, 6);
    CHECK_OK(crdt_store_merge(one, more)); /* a delta group */
    write_store(m, "decode_delta", 1, one);
    CHECK_OK(crdt_store_since(writer, crdt_store_context(base), &since));
    if (m->solo == NULL || m->solo->id % 2 == 0) write_store(m, "decode_delta", 2, since);
    if (m->solo == NULL) {
        write_store(m, "decode_state", 2, one);
        write_store(m, "decode_state", 3, since);
    }
    crdt_store_free(since);
    crdt_store_free(one);
    crdt_store_free(more);
    crdt_store_free(writer);
    crdt_store_free(base);
}

/* -- Pairs ------------------------------------------------------------------------------------- */

static void write_pair(maker *m, unsigned n, const crdt_store *a, const crdt_store *b)
{
    crdt_buf bytes, part;
    crdt_buf_init(&bytes, NULL);
    crdt_buf_init(&part, NULL);
    fuzz_encode(a, &part);
    crdt_buf_byte(&bytes, (uint8_t)(part.size & 0xff));
    crdt_buf_byte(&bytes, (uint8_t)(part.size >> 8));
    crdt_buf_put(&bytes, part.data, part.size);
    fuzz_encode(b, &part);
    crdt_buf_put(&bytes, part.data, part.size);
    write_seed(m, "join_pair", name_of(m->solo), n, fuzz_pick_byte(m->solo),
               crdt_buf_bytes(&bytes));
    crdt_buf_clear(&bytes);
    crdt_buf_clear(&part);
}

/* Remove every name; of a stand-alone object its content. */
static void remove_all(crdt_store *store, const crdt_type *solo)
{
    crdt_txn *txn;
    char      name = 'a';
    CHECK_OK(crdt_store_begin(store, FUZZ_NOW, &txn));
    if (solo != NULL) (void)!crdt_txn_remove(txn, CRDT_SOLO);
    for (; solo == NULL && name <= 'z'; name++) {
        (void)!crdt_txn_remove(txn, crdt_view_of(&name, 1));
    }
    CHECK_OK(crdt_store_commit(store, NULL));
}

static void join_pair_seeds(maker *m)
{
    crdt_store *a = fuzz_base(&m->options), *b, *c, *d;
    CHECK_OK(crdt_store_clone(a, 4, &b));
    CHECK_OK(crdt_store_clone(a, 5, &c));
    CHECK_OK(crdt_store_clone(a, 6, &d));
    crdt_store_free(delta_of(b, m->solo, 5));
    crdt_delta *delta = delta_of(c, m->solo, 3);
    write_pair(m, 0, b, c); /* a past in common */
    remove_all(d, m->solo);
    write_pair(m, 1, b, d);
    if (m->solo == NULL || m->solo->id % 2 == 0) write_pair(m, 2, b, delta);
    crdt_store_free(delta);
    crdt_store_free(a);
    crdt_store_free(b);
    crdt_store_free(c);
    crdt_store_free(d);
}

/* -- Marks beside their text ------------------------------------------------------------------- */

static void mark(crdt_txn *txn, uint64_t start, uint64_t count, const char *key)
{
    crdt_range range = {CRDT_CODE_POINTS, start, count};
    CHECK_OK(crdt_marks_set(txn, crdt_text_view("a"), range, crdt_mark_of(key, crdt_int(1))));
}

/* A stretch of a text is marked, and something is deleted at its edge. */
static void edit_rich(crdt_store *store, uint64_t at, const char *key)
{
    crdt_txn      *txn;
    crdt_text_edit edit;
    CHECK_OK(crdt_store_begin(store, FUZZ_NOW, &txn));
    CHECK_OK(crdt_text_open(txn, crdt_text_view("a"), &crdt_text_type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, at, crdt_text_view("so\xc3\xa9 it is ")));
    mark(txn, at, 5, key);
    mark(txn, at + 2, 6, "link");
    CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, at + 4, 2));
    CHECK_OK(crdt_store_commit(store, NULL));
}

/* One alone; two that were marked apart; one of whose marks waits for the text. */
static void rich_seeds(maker *m)
{
    crdt_store  *a, *b, *part;
    crdt_context had;
    if (m->solo != NULL) return;
    CHECK_OK(crdt_store_new(&m->options, &a));
    edit_rich(a, 0, "bold");
    CHECK_OK(crdt_store_clone(a, 5, &b));
    edit_rich(a, 3, "bold");
    crdt_context_init(&had, NULL);
    CHECK_OK(crdt_context_copy(&had, crdt_store_context(b)));
    edit_rich(b, 2, "comment:1");
    write_store(m, "decode_state", 6, a);
    write_pair(m, 3, a, b);
    CHECK_OK(crdt_store_since(b, &had, &part));
    write_store(m, "decode_state", 7, part);
    crdt_context_clear(&had);
    crdt_store_free(part);
    crdt_store_free(a);
    crdt_store_free(b);
}

/* -- Moves in a list --------------------------------------------------------------------------- */

/* Some elements, one of which is moved twice, and one set and moved. */
static crdt_delta *move_some(crdt_store *store, const crdt_type *type, int64_t from, int64_t to)
{
    crdt_txn     *txn;
    crdt_rga_edit edit;
    crdt_delta   *delta;
    CHECK_OK(crdt_store_begin(store, FUZZ_NOW, &txn));
    CHECK_OK(crdt_rga_open(txn, CRDT_SOLO, type, &edit));
    for (uint64_t i = 0; i < 3; i++) CHECK_OK(crdt_rga_insert(&edit, i, crdt_int((int64_t)i)));
    CHECK_OK(crdt_rga_move(&edit, (uint64_t)from, (uint64_t)to));
    CHECK_OK(crdt_rga_move(&edit, (uint64_t)to, (uint64_t)from));
    CHECK_OK(crdt_rga_set(&edit, 1, crdt_text("set")));
    CHECK_OK(crdt_rga_move(&edit, 1, 0));
    CHECK_OK(crdt_store_commit(store, &delta));
    return delta;
}

/* One alone; two that were moved apart, and one that deleted; a move that waits for its element. */
static void move_seeds(maker *m)
{
    const crdt_type *type = m->solo;
    crdt_store      *a, *b, *c, *part;
    crdt_txn        *txn;
    if (type != &crdt_rga_type && type != &crdt_rga_classic_type) return;
    CHECK_OK(crdt_store_new(&m->options, &a));
    crdt_store_free(move_some(a, type, 0, 2));
    write_store(m, "decode_state", 8, a);
    CHECK_OK(crdt_store_clone(a, 5, &b));
    CHECK_OK(crdt_store_clone(a, 6, &c));
    crdt_delta *of_a = move_some(a, type, 5, 1), *of_b = move_some(b, type, 5, 3);
    write_pair(m, 4, a, b);
    write_store(m, "decode_delta", 4, of_a);
    CHECK_OK(crdt_store_begin(c, FUZZ_NOW, &txn));
    CHECK_OK(crdt_txn_remove(txn, CRDT_SOLO));
    CHECK_OK(crdt_store_commit(c, NULL));
    write_pair(m, 5, c, b);
    CHECK_OK(crdt_store_new(&m->options, &part));
    CHECK_OK(crdt_store_merge(part, of_b));
    write_store(m, "decode_state", 9, part);
    CHECK_OK(crdt_store_join(a, b, FUZZ_NOW));
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
    write_store(m, "decode_state", 10, a);
    crdt_store_free(of_a);
    crdt_store_free(of_b);
    crdt_store_free(part);
    crdt_store_free(a);
    crdt_store_free(b);
    crdt_store_free(c);
}

/* -- Schedules --------------------------------------------------------------------------------- */

static void schedule_seeds(maker *m)
{
    uint8_t  bytes[160];
    uint32_t x = 2463534242u ^ fuzz_pick_byte(m->solo);
    for (unsigned n = 0; n < 2; n++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            bytes[i] = (uint8_t)(x >> 8);
        }
        write_seed(m, "schedule", name_of(m->solo), n, fuzz_pick_byte(m->solo),
                   crdt_view_of(bytes, n == 0 ? 48 : sizeof bytes));
    }
}

/* -- Contexts ---------------------------------------------------------------------------------- */

static void context_seeds(maker *m)
{
    for (unsigned n = 0; n < 12; n++) {
        crdt_context ctx;
        crdt_buf     bytes;
        crdt_context_init(&ctx, NULL);
        crdt_buf_init(&bytes, NULL);
        for (uint64_t i = 0; i < n * n; i++) {
            crdt_run run = {1 + i * n % 5, 1 + 300 * i * (n % 3), 1 + 300 * i * (n % 3) + i};
            if (n == 11 && i == 7) run.hi = CRDT_SEQ_MAX;
            CHECK_OK(crdt_context_reserve(&ctx, 1));
            crdt_context_add_reserved(&ctx, run);
        }
        CHECK_OK(crdt_context_encode(&ctx, &bytes));
        write_seed(m, "context", "runs", n, -1, crdt_buf_bytes(&bytes));
        /* Twice, so that the upper half decodes too. */
        crdt_view once = crdt_buf_bytes(&bytes);
        crdt_buf  twice;
        crdt_buf_init(&twice, NULL);
        crdt_buf_put(&twice, once.data, once.size);
        crdt_buf_put(&twice, once.data, once.size);
        write_seed(m, "context", "twice", n, -1, crdt_buf_bytes(&twice));
        crdt_buf_clear(&twice);
        crdt_buf_clear(&bytes);
        crdt_context_clear(&ctx);
    }
}

/* -- The wire ---------------------------------------------------------------------------------- */

static const char *const kinds[] = {"",        "hello", "welcome", "sync",   "state", "want",
                                    "push",    "took",  "have",    "snap",   "chunk", "page",
                                    "digests", "fix",   "object",  "refused"};

/* Three frames of each kind, on links where nothing was said before. */
static void wire_seeds(maker *m)
{
    for (unsigned n = 0; n < 3 * GOSSIP_REFUSED; n++) {
        pool          p = {NULL};
        world         w = world_of(n, &p, 4 + n);
        gossip_codec *codec;
        crdt_buf      bytes;
        w.body_max = 8;
        w.entries_max = 4 + n / 2;
        gossip_msg msg = world_message(&w, (gossip_msg_kind)(1 + n / 3));
        crdt_buf_init(&bytes, NULL);
        CHECK_OK(gossip_codec_new(NULL, &codec));
        CHECK_OK(gossip_wire_encode(codec, &msg, &bytes));
        write_seed(m, "wire", kinds[msg.kind], n % 3, 0, crdt_buf_bytes(&bytes));
        gossip_codec_free(codec);
        crdt_buf_clear(&bytes);
        pool_clear(&p);
    }
}

static void entry_seeds(maker *m)
{
    pool  p = {NULL};
    world w = world_of(1, &p, 6);
    w.body_max = 8;
    for (unsigned n = 0; n < 8; n++) {
        crdt_buf     bytes;
        gossip_entry entry = world_entry(&w);
        crdt_buf_init(&bytes, NULL);
        CHECK_OK(gossip_entry_encode(&entry, &bytes));
        write_seed(m, "entry", "entry", n, -1, crdt_buf_bytes(&bytes));
        crdt_buf_clear(&bytes);
    }
    pool_clear(&p);
}

/* Each with a place to cut it before it. */
static void snapshot_seeds(maker *m)
{
    pool  p = {NULL};
    world w = world_of(2, &p, 8);
    for (unsigned n = 0; n < 8; n++) {
        crdt_buf bytes;
        crdt_buf_init(&bytes, NULL);
        crdt_buf_byte(&bytes, (uint8_t)(n * 9));
        crdt_buf_byte(&bytes, 0);
        CHECK_OK(gossip_snapshot_encode(world_floors(&w, n), n, world_bytes(&w, n * 3), &bytes));
        write_seed(m, "snapshot", "floors", n, -1, crdt_buf_bytes(&bytes));
        crdt_buf_clear(&bytes);
    }
    pool_clear(&p);
}

/* -- Data directories -------------------------------------------------------------------------- */

/* A run on a disk, ended in one of three ways; n: how much was written. */
static void write_disk(sim_files *files, unsigned n)
{
    gossip_disk_options options = gossip_disk_options_default(7, 9); /* as in disk_fuzz.c */
    gossip_files        table = sim_files_table(files);
    gossip_recovery     found;
    gossip_disk        *disk;
    char                problem[256];
    options.segment_bytes = 300;
    CHECK_OK(gossip_disk_open(&options, &table, NULL, &disk, problem));
    CHECK_OK(gossip_disk_recover(disk, &found));
    CHECK_OK(gossip_disk_begin(disk, 55));
    gossip_persist persist = gossip_disk_persist(disk);
    size_t         at = 0;
    for (uint64_t i = 0; i < 3 * n; i++) {
        CHECK_OK(persist.append(persist.user, i, crdt_text_view("an entry")));
        if (i % 2 == 1) CHECK_OK(persist.sync(persist.user));
        if (i == 3)
            CHECK_OK(persist.snapshot(persist.user, i + 1, crdt_text_view("snapshot"), &at));
    }
    if (n % 3 == 0) CHECK_OK(gossip_disk_stop(disk, 55, 8));
    if (n % 3 == 1) sim_files_crash(files);
    gossip_disk_close(disk);
}

static void put_disk_file(crdt_buf *seed, uint8_t pick, crdt_view bytes)
{
    crdt_buf_byte(seed, pick);
    crdt_buf_byte(seed, (uint8_t)(bytes.size & 0xff));
    crdt_buf_byte(seed, (uint8_t)(bytes.size >> 8));
    crdt_buf_put(seed, bytes.data, bytes.size);
}

static void disk_seeds(maker *m)
{
    static const struct {
        const char *name;
        uint8_t     pick;
    } shapes[] = {{"log.1", 0},      {"log.2", 1},  {"log.3", 2},
                  {"snapshot.2", 7}, {"clean", 10}, {"replica", 11}};
    /* Frames by description: of each number, durability, size, bytes. */
    static const char frames[] = "\x01\x01\x03"
                                 "abc\x01\x01\x02"
                                 "de\x02\x01\x01"
                                 "f\x01\x45\x01g";
    for (unsigned n = 1; n < 8; n++) {
        sim_files *files = sim_files_new(n);
        crdt_buf   seed;
        crdt_view  bytes;
        crdt_buf_init(&seed, NULL);
        crdt_buf_byte(&seed, (uint8_t)(n * n / 3)); /* which call fails */
        crdt_buf_byte(&seed, (uint8_t)n);
        write_disk(files, n);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            if (!sim_files_get(files, shapes[i].name, &bytes)) continue;
            put_disk_file(&seed, shapes[i].pick, bytes);
        }
        if (n % 2 == 0) put_disk_file(&seed, 0x83, crdt_view_of(frames, sizeof frames - 1));
        write_seed(m, "disk", "files", n, -1, crdt_buf_bytes(&seed));
        crdt_buf_clear(&seed);
        sim_files_free(files);
    }
}

/* -- Conversations ----------------------------------------------------------------------------- */

/* Schedules of session_fuzz.c: writes and frames that arrive; the later ones change some. */
static void session_seeds(maker *m)
{
    static const uint8_t honest[] = {0, 128, 3, 131, 6, 134, 5, 2};
    uint32_t             x = 2463534242u;
    for (unsigned n = 0; n < 12; n++) {
        crdt_buf seed;
        crdt_buf_init(&seed, NULL);
        for (unsigned i = 0; i < 40 + 20 * n; i++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            uint8_t any = (uint8_t)(x >> 8);
            crdt_buf_byte(&seed, n < 6 || x % 4 > 0 ? honest[any % sizeof honest] : any);
        }
        write_seed(m, "session", n < 6 ? "honest" : "changed", n, -1, crdt_buf_bytes(&seed));
        crdt_buf_clear(&seed);
    }
}

/* -- Clients and configuration ----------------------------------------------------------------- */

/* Streams of resp_fuzz.c: options, a count of piece sizes and these, then the stream. */
static void resp_seeds(maker *m)
{
    static const char *const streams[] = {
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n",
        "PING\r\nset \"a b\" '\\'' \"\\x41\\n\"\n\r\n*0\r\n*-1\r\nx\n",
        "*1\r\n$blabla\r\n",
        "*10\r\n$1\r\na\r\n$17\r\n01234567890123456\r\n",
        "*11\r\n$16385\r\n",
        "*1048576\r\n$1\r\na\r\n",
        "*1048577\r\n",
        "*1\r\n$536870912\r\nx",
        "*2\r\n$1\r\na\r\nfoo\r\n",
        "set \"\"\"k\"\"\" v\r\n",
        "*1\r\n$1\r\nab\r\n",
        "*0000000000000000000000000000000000001\r\n",
    };
    for (unsigned n = 0; n < sizeof streams / sizeof *streams; n++) {
        crdt_buf seed;
        crdt_buf_init(&seed, NULL);
        crdt_buf_byte(&seed, (uint8_t)n);
        crdt_buf_byte(&seed, (uint8_t)(n % 4));
        crdt_buf_put(&seed, "\3\1\7", n % 4);
        crdt_buf_text(&seed, streams[n]);
        write_seed(m, "resp", "stream", n, -1, crdt_buf_bytes(&seed));
        crdt_buf_clear(&seed);
    }
}

/* Of config_fuzz.c: files, flags, words; each of the latter ends in a bar here, in NUL there. */
static void config_seeds(maker *m)
{
    static const struct {
        uint8_t     pick;
        const char *text;
    } rows[] = {
        {0, "# all of it\nport 8000\nbind 127.0.0.1 ::1\nrequirepass \"a \\x41\"\ndir '/a b'\n"
            "store memory\nsync always\ncluster x\nnode-id 00ff\nlearn no\ndemo yes\n"},
        {0, "gossip tls+tcp://10.0.0.1:17379\nadvertise tls+tcp://[::1]:1\ntls-ca a\ntls-cert b\n"
            "tls-key c\npeers tcp://localhost:1,ipc:///tmp/x inproc://y\ntopology star\nhub a\n"},
        {0, "timeout 250ms\nclient-query-buffer-limit 64mb\nproto-max-bulk-len 16777216\n"
            "client-output-buffer-limit normal 1gb 1mb 1m\nmaxclients 7\nlog-bytes 1g\n"
            "log-level debug\n"},
        {0, "prot 1\n"},
        {0, "port 70000\n"},
        {0, "dir 'a\n"},
        {1, "concurd|--port|8000|--dir=/tmp/x|--demo|--learn|no|--peers|tcp://127.0.0.1:1|"},
        {1, "concurd|--bind|0.0.0.0|"},
        {1, "concurd|--help|"},
        {1, "concurd|--prot|5|"},
        {2, "timeout|30|maxclients|5|requirepass|x|"},
        {2, "port|8000|"},
        {2, "save||appendonly|yes|"},
        {2, "log-level|loud|"},
    };
    for (unsigned n = 0; n < sizeof rows / sizeof *rows; n++) {
        crdt_buf seed;
        crdt_buf_init(&seed, NULL);
        crdt_buf_text(&seed, rows[n].text);
        for (size_t i = 0; i < seed.size && rows[n].pick > 0; i++) {
            if (seed.data[i] == '|') seed.data[i] = 0;
        }
        write_seed(m, "config", "text", n, rows[n].pick, crdt_buf_bytes(&seed));
        crdt_buf_clear(&seed);
    }
}

int fuzz_make_corpus(const char *directory)
{
    const crdt_types *types = fuzz_types();
    maker             m = {.directory = directory};
    (void)mkdir(directory, 0777);
    context_seeds(&m);
    wire_seeds(&m);
    entry_seeds(&m);
    snapshot_seeds(&m);
    disk_seeds(&m);
    session_seeds(&m);
    resp_seeds(&m);
    config_seeds(&m);
    for (size_t i = 0; i <= types->count; i++) {
        m.solo = i < types->count ? types->list[i] : NULL;
        m.options = fuzz_options(m.solo, 1, NULL);
        decode_state_seeds(&m);
        decode_delta_seeds(&m);
        join_pair_seeds(&m);
        rich_seeds(&m);
        move_seeds(&m);
        schedule_seeds(&m);
    }
    return m.failed ? 1 : 0;
}
