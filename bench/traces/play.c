/* play.c: traces through the library. */
#include "bench/traces/play.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (p == NULL) bench_die("play", CRDT_ENOMEM);
    return p;
}

crdt_store *play_new(uint64_t replica, const crdt_mem *mem)
{
    return bench_store(&crdt_text_type, replica, mem);
}

/* -- Writing ----------------------------------------------------------------------------------- */

static void apply(const trace *t, const trace_patch *p, crdt_text_edit *edit)
{
    if (p->deleted > 0) {
        bench_must(crdt_text_delete(edit, CRDT_CODE_POINTS, p->pos, p->deleted), "delete");
    }
    if (p->text_bytes > 0) {
        crdt_view text = crdt_view_of(trace_text(t, p), p->text_bytes);
        bench_must(crdt_text_insert(edit, CRDT_CODE_POINTS, p->pos, text), "insert");
    }
}

static crdt_text_edit open_text(crdt_store *store, crdt_view name)
{
    crdt_txn      *txn;
    crdt_text_edit edit;
    bench_must(crdt_store_begin(store, BENCH_NOW, &txn), "begin");
    bench_must(crdt_text_open(txn, name, &crdt_text_type, &edit), "open");
    return edit;
}

static crdt_text_edit begin(crdt_store *store)
{
    return open_text(store, CRDT_SOLO);
}

static void apply_all(const trace *t, crdt_store *store, crdt_view name)
{
    crdt_text_edit edit = open_text(store, name);
    for (uint32_t i = 0; i < t->patches_count; i++) apply(t, &t->patches[i], &edit);
    bench_must(crdt_store_commit(store, NULL), "commit");
}

void play_local(const trace *t, crdt_store *store)
{
    apply_all(t, store, CRDT_SOLO);
}

crdt_store *play_named(const trace *t)
{
    crdt_store *store = bench_store(NULL, 1, NULL);
    apply_all(t, store, BENCH_TEXT);
    return store;
}

crdt_undo *play_undoable(const trace *t, crdt_store *store)
{
    crdt_undo *undo;
    bench_must(crdt_undo_new(store, CRDT_SOLO, &crdt_text_type, PLAY_UNDOS, &undo), "undo");
    for (uint32_t i = 0; i < t->patches_count; i++) {
        crdt_text_edit edit = begin(store);
        apply(t, &t->patches[i], &edit);
        bench_must(crdt_store_commit(store, NULL), "commit");
        bench_must(crdt_undo_note(undo, false), "note");
    }
    return undo;
}

size_t play_undo(crdt_undo *undo)
{
    size_t n = crdt_undo_count(undo);
    for (size_t i = 0; i < n; i++) bench_must(crdt_undo_back(undo, BENCH_NOW, NULL), "undo");
    return n;
}

void play_past(const crdt_store *store, crdt_steps *ret_steps)
{
    crdt_context half;
    crdt_context_init(&half, NULL);
    bench_must(crdt_context_copy(&half, crdt_store_context(store)), "context");
    for (uint32_t i = 0; i < half.count; i++) half.runs[i].hi = half.runs[i].hi / 2 + 1;
    crdt_ref text = crdt_store_solo(store);
    bench_must(crdt_text_diff(text, &half, NULL, CRDT_CODE_POINTS, true, ret_steps), "diff");
    crdt_context_clear(&half);
}

void play_touch(const trace *t, crdt_store *store)
{
    crdt_text_edit edit = begin(store);
    uint32_t       middle = trace_code_points(t->end, t->end_size) / 2;
    bench_must(crdt_text_insert(&edit, CRDT_CODE_POINTS, middle, crdt_text_view("!")), "insert");
    bench_must(crdt_store_commit(store, NULL), "commit");
}

/* -- Reading ----------------------------------------------------------------------------------- */

void play_read(const crdt_store *store, crdt_buf *out)
{
    crdt_ref text = crdt_store_solo(store);
    bench_must(crdt_text_read(text, CRDT_CODE_POINTS, 0, UINT64_MAX, out), "read");
}

void play_verify_text(const trace *t, const crdt_buf *text)
{
    bool same = text->size == t->end_size && memcmp(text->data, t->end, text->size) == 0;
    if (!same) bench_die("the text is not the trace's end", CRDT_EINVAL);
}

void play_verify(const trace *t, const crdt_store *store, bool touched)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    play_read(store, &out);
    if (touched) {
        uint32_t middle = trace_code_points(t->end, t->end_size) / 2, at = 0;
        while (at < t->end_size && trace_code_points(t->end, at + 1) <= middle) at++;
        bool there = out.size > at && out.data[at] == '!';
        if (there) memmove(out.data + at, out.data + at + 1, --out.size - at);
    }
    play_verify_text(t, &out);
    crdt_buf_clear(&out);
}

/* -- Files ------------------------------------------------------------------------------------- */

static play_bytes copy_of(const crdt_buf *buf)
{
    play_bytes bytes = {must(malloc(buf->size + 1)), buf->size};
    memcpy(bytes.data, buf->data, buf->size);
    return bytes;
}

play_bytes play_pack(const crdt_codec *codec, play_bytes in)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    bench_must(crdt_pack(codec, crdt_view_of(in.data, in.size), &out), "pack");
    play_bytes bytes = copy_of(&out);
    crdt_buf_clear(&out);
    return bytes;
}

static crdt_options reader_options(const crdt_mem *mem)
{
    crdt_options o = crdt_options_default(PLAY_READER, NULL);
    o.solo = &crdt_text_type;
    o.mem = mem;
    return o;
}

crdt_store *play_load(play_bytes file, const crdt_mem *mem)
{
    crdt_options o = reader_options(mem);
    crdt_store  *store;
    crdt_view    in = crdt_view_of(file.data, file.size);
    bench_must(crdt_store_unpack(&o, crdt_codecs(), in, &store, NULL), "unpack");
    return store;
}

void play_view(play_bytes file, crdt_buf *out)
{
    crdt_options o = reader_options(NULL);
    crdt_buf     plain;
    crdt_view    in = crdt_view_of(file.data, file.size);
    crdt_buf_init(&plain, NULL);
    bench_must(crdt_unpack(crdt_codecs(), in, UINT64_MAX, &plain, NULL), "unpack");
    in = crdt_buf_bytes(&plain);
    bench_must(crdt_text_peek(&o, in, CRDT_SOLO, &crdt_text_type, out, NULL), "peek");
    crdt_buf_clear(&plain);
}

/* -- Histories --------------------------------------------------------------------------------- */

static play_bytes encoded(const crdt_store *store)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    bench_must(crdt_store_encode(store, &out), "encode");
    play_bytes bytes = copy_of(&out);
    crdt_buf_clear(&out);
    return bytes;
}

void play_join(crdt_store *store, play_bytes delta)
{
    crdt_delta *decoded;
    crdt_view   in = crdt_view_of(delta.data, delta.size);
    bench_must(crdt_delta_decode(store, in, &decoded, NULL), "decode a delta");
    bench_must(crdt_store_take(store, decoded, BENCH_NOW), "take in a delta");
}

play_bytes play_moves(uint32_t count)
{
    crdt_store *store = bench_list(count, 1, NULL);
    crdt_buf    out;
    crdt_buf_init(&out, NULL);
    bench_move(store, count, 1);
    bench_must(crdt_store_encode(store, &out), "encode");
    play_bytes state = copy_of(&out);
    crdt_buf_clear(&out);
    crdt_store_free(store);
    return state;
}

/* What makes a history: the agents' replicas and what each has. */
typedef struct maker {
    const trace  *t;
    play_history *h;
    crdt_store  **stores;
    bool        **has;  /* of each agent: which transactions */
    uint32_t     *last; /* of each agent: its last transaction */
    uint32_t     *todo; /* transactions to look at, then to join; room for all parents */
} maker;

play_bytes play_delta(const play_history *h, uint32_t i)
{
    size_t     start = i == 0 ? 0 : h->deltas.ends[i - 1];
    play_bytes delta = {h->deltas.bytes + start, h->deltas.ends[i] - start};
    return delta;
}

static int by_index(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Join what the agent lacks of the past that begins at `parents`, earliest first. */
static void bring(maker *m, uint32_t agent, const uint32_t *parents, uint32_t count)
{
    const trace *t = m->t;
    uint32_t    *found = m->todo, n = 0, waiting = 0, *stack = m->todo + t->txns_count;
    for (uint32_t k = 0; k < count; k++) stack[waiting++] = parents[k];
    while (waiting > 0) {
        uint32_t i = stack[--waiting];
        if (m->has[agent][i]) continue;
        m->has[agent][i] = true;
        found[n++] = i;
        const trace_txn *x = &t->txns[i];
        for (uint32_t k = 0; k < x->parents; k++) {
            stack[waiting++] = t->parents[x->first_parent + k];
        }
    }
    if (n > 1) qsort(found, n, sizeof *found, by_index);
    for (uint32_t k = 0; k < n; k++) play_join(m->stores[agent], play_delta(m->h, found[k]));
}

static void open_agent(maker *m, uint32_t agent)
{
    if (m->stores[agent] != NULL) return;
    m->stores[agent] = play_new(agent + 1, NULL);
    m->has[agent] = must(calloc(m->t->txns_count, sizeof(bool)));
}

static void close_agent(maker *m, uint32_t agent)
{
    crdt_store_free(m->stores[agent]);
    free(m->has[agent]);
    m->stores[agent] = NULL;
    m->has[agent] = NULL;
}

static void make_txn(maker *m, uint32_t i)
{
    const trace_txn *x = &m->t->txns[i];
    crdt_delta      *delta;
    open_agent(m, x->agent);
    bring(m, x->agent, m->t->parents + x->first_parent, x->parents);
    crdt_text_edit edit = begin(m->stores[x->agent]);
    for (uint32_t k = 0; k < x->patches; k++) {
        apply(m->t, &m->t->patches[x->first_patch + k], &edit);
    }
    bench_must(crdt_store_commit(m->stores[x->agent], &delta), "commit");
    bench_deltas_add(&m->h->deltas, delta);
    m->has[x->agent][i] = true;
    /* The last one stays, to be brought to the end. */
    if (m->last[x->agent] == i && i + 1 < m->t->txns_count) close_agent(m, x->agent);
}

/* The encodings of a store that has everything. */
static void encode_all(crdt_store *store, play_history *h)
{
    h->state = encoded(store);
    bench_must(crdt_store_stabilise(store, crdt_store_context(store)), "stabilise");
    h->stable = encoded(store);
}

void play_make(const trace *t, play_history *ret)
{
    maker    m = {t, ret, NULL, NULL, NULL, NULL};
    uint32_t agent = t->txns_count > 0 ? t->txns[t->txns_count - 1].agent : 0;
    memset(ret, 0, sizeof *ret);
    m.stores = must(calloc(t->agents + 1, sizeof *m.stores));
    m.has = must(calloc(t->agents + 1, sizeof *m.has));
    m.last = must(calloc(t->agents + 1, sizeof *m.last));
    m.todo = must(calloc((size_t)t->txns_count * 2 + t->parents_count + 1, sizeof *m.todo));
    for (uint32_t i = 0; i < t->txns_count; i++) m.last[t->txns[i].agent] = i;
    for (uint32_t i = 0; i < t->txns_count; i++) {
        make_txn(&m, i);
        if (i % 100000 == 99999) bench_say("%s: %u transactions made", t->name, i + 1);
    }
    open_agent(&m, agent);
    for (uint32_t i = 0; i < t->txns_count; i++) {
        if (!m.has[agent][i]) play_join(m.stores[agent], play_delta(ret, i));
    }
    play_verify(t, m.stores[agent], false);
    encode_all(m.stores[agent], ret);
    for (uint32_t a = 0; a < t->agents || a == agent; a++) close_agent(&m, a);
    free(m.stores);
    free(m.has);
    free(m.last);
    free(m.todo);
}

void play_clear(play_history *h)
{
    bench_deltas_clear(&h->deltas);
    free(h->state.data);
    free(h->stable.data);
    memset(h, 0, sizeof *h);
}

/* -- Updates ----------------------------------------------------------------------------------- */

/* What the text itself writes into a delta: its body, without the store's envelope (header,
 * dictionary of replicas, context), in which replicas are places of the dictionary. */
static size_t body_of(const crdt_delta *delta)
{
    crdt_ref      text = crdt_store_solo(delta);
    crdt_replicas ids;
    crdt_buf      out;
    crdt_buf_init(&out, NULL);
    crdt_replicas_init(&ids, NULL);
    text.type->mark(text.state, &ids);
    bench_must(crdt_replicas_seal(&ids), "make a dictionary");
    crdt_enc enc = {&out, &ids, false};
    text.type->encode(text.state, &enc);
    bench_must(crdt_buf_status(&out), "encode a text");
    size_t size = out.size;
    crdt_buf_clear(&out);
    crdt_replicas_clear(&ids);
    return size;
}

double play_update_bytes(const trace *t, const play_history *h)
{
    size_t      total = 0;
    crdt_store *like = play_new(1, NULL);
    for (uint32_t i = 0; i < t->txns_count; i++) {
        play_bytes  bytes = play_delta(h, i);
        crdt_view   in = crdt_view_of(bytes.data, bytes.size);
        crdt_delta *delta;
        bench_must(crdt_delta_decode(like, in, &delta, NULL), "decode a delta");
        total += body_of(delta);
        crdt_store_free(delta);
    }
    crdt_store_free(like);
    return t->txns_count > 0 ? (double)total / t->txns_count : 0;
}
