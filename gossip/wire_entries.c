/* wire_entries.c: the entries of a message, in columns. See wire_impl.h and docs/WIRE.md.
 *
 * Shape    the field `entries`:
 *              varint   number of entries, n
 *              1 byte   bits: what all entries have in common (PLAIN_*), and TELL_VECTOR
 *              varint   number of authors, k; unless there is one
 *              of each author, by replica id: its index from the one before (varint), the first dot
 *                       here (varint), the tag before it (4 bytes)
 *              columns: author (place among them; unless there is one), kind (unless all are
 *                       DELTA), last - first (unless all are 0)
 *              varint   ms of the first entry, and (if n > 1) the column of its change
 *              columns: number of deps (unless all are 0), size of the control (unless all are 0),
 *                       size of the body of all but the last (if n > 1)
 *              of each dep: its index from the one before in the entry (varint), its sequence
 *                       number less the one last seen of that replica in this field (zigzag varint)
 *              the controls, then the bodies; the last body ends the field
 */
#include "crdt/clock.h"
#include "gossip/wire_impl.h"

#define PLAIN_AUTHOR 1u   /* one author */
#define PLAIN_KIND 2u     /* all are DELTA */
#define PLAIN_DOTS 4u     /* each has one dot */
#define PLAIN_DEPS 8u     /* none has deps */
#define PLAIN_CONTROL 16u /* none has a control */
#define TELL_VECTOR 32u   /* of each author the vector says what its last entry here says */
#define PLAIN_ALL 31u

#define AUTHOR_BYTES_MIN 6u
#define DEP_BYTES_MIN 2u

/* The sequence numbers last seen of replicas, by index: 256 of them, later ones replace. */
#define RECENT 256u
typedef struct recent {
    uint32_t index[RECENT];
    uint64_t seq[RECENT]; /* 0: none */
} recent;

static uint64_t recent_seq(const recent *r, uint32_t index)
{
    return r->index[index % RECENT] == index ? r->seq[index % RECENT] : 0;
}

static void recent_set(recent *r, uint32_t index, uint64_t seq)
{
    r->index[index % RECENT] = index;
    r->seq[index % RECENT] = seq;
}

/* -- Encoding ---------------------------------------------------------------------------------- */

typedef struct author {
    uint64_t first, next; /* 0: no entry of it yet */
    uint32_t index, tag;  /* tag: of its last entry so far */
} author;

typedef struct work {
    gossip_codec     *codec;
    const gossip_msg *msg;
    author           *authors;
    uint32_t         *places; /* of the author, by entry */
    int64_t          *values; /* of one column */
    unsigned          plain;
} work;

/* The place of the author among the origins; UINT32_MAX if it is not there. */
static uint32_t author_place(const gossip_msg *msg, uint64_t replica)
{
    uint32_t from = 0, to = msg->origins_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (msg->origins[middle].replica < replica) from = middle + 1;
        else to = middle;
    }
    return from < msg->origins_count && msg->origins[from].replica == replica ? from : UINT32_MAX;
}

static crdt_err use_origins(work *w)
{
    uint64_t before = 0;
    for (uint32_t i = 0; i < w->msg->origins_count; i++) {
        uint64_t replica = w->msg->origins[i].replica;
        if (replica <= before) return CRDT_EINVAL;
        before = replica;
        crdt_err err = gossip__dict_use(w->codec, replica, &w->authors[i].index);
        if (err) return err;
        w->authors[i].first = w->authors[i].next = 0;
        w->authors[i].tag = w->msg->origins[i].tag;
    }
    return CRDT_OK;
}

static crdt_err use_entry(work *w, uint32_t i)
{
    const gossip_entry *entry = &w->msg->entries[i];
    crdt_err            err = gossip_entry_check(entry, NULL);
    uint32_t            place = author_place(w->msg, entry->replica);
    if (err) return err == CRDT_EMALFORMED ? CRDT_EINVAL : err;
    if (place == UINT32_MAX) return CRDT_EINVAL;
    author *a = &w->authors[place];
    if (a->first == 0) a->first = entry->first;
    else if (entry->first != a->next) return CRDT_EINVAL;
    a->next = entry->last + 1;
    w->places[i] = place;
    if (entry->kind != GOSSIP_DELTA) w->plain &= ~PLAIN_KIND;
    if (entry->first != entry->last) w->plain &= ~PLAIN_DOTS;
    if (entry->deps_count > 0) w->plain &= ~PLAIN_DEPS;
    if (entry->control.size > 0) w->plain &= ~PLAIN_CONTROL;
    return CRDT_OK;
}

static crdt_err use_all(work *w)
{
    crdt_err err = use_origins(w);
    w->plain = PLAIN_ALL & ~(w->msg->origins_count > 1 ? PLAIN_AUTHOR : 0);
    for (uint32_t i = 0; i < w->msg->entries_count && err == CRDT_OK; i++) err = use_entry(w, i);
    for (uint32_t i = 0; i < w->msg->origins_count && err == CRDT_OK; i++) {
        if (w->authors[i].first == 0) err = CRDT_EINVAL; /* named by no entry */
    }
    return err;
}

/* What the vector says of each author follows from its entries. */
static bool tells_vector(work *w)
{
    const gossip_msg   *msg = w->msg;
    const gossip_known *known;
    for (uint32_t i = 0; i < msg->origins_count; i++) {
        known = gossip__vector_find(&msg->vector, msg->origins[i].replica);
        if (known == NULL || known->seq != w->authors[i].next - 1) return false;
    }
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        author *a = &w->authors[w->places[i]];
        a->tag = gossip_entry_tag(&msg->entries[i], a->tag);
    }
    for (uint32_t i = 0; i < msg->origins_count; i++) {
        known = gossip__vector_find(&msg->vector, msg->origins[i].replica);
        if (known->tag != w->authors[i].tag) return false;
    }
    return true;
}

static void put_authors(const work *w, crdt_buf *out)
{
    int64_t last = -1;
    for (uint32_t i = 0; i < w->msg->origins_count; i++) {
        gossip__put_index(out, w->authors[i].index, &last);
        crdt_buf_varint(out, w->authors[i].first);
        gossip__put32(out, w->msg->origins[i].tag);
    }
}

typedef enum column { AUTHOR, KIND, DOTS, MS, DEPS, CONTROL, BODY, COLUMNS } column;

static int64_t value_of(const work *w, column c, uint32_t i)
{
    const gossip_entry *entry = &w->msg->entries[i];
    switch (c) {
    case AUTHOR: return w->places[i];
    case KIND: return entry->kind;
    case DOTS: return (int64_t)(entry->last - entry->first);
    case MS: return (int64_t)(entry->ms - entry[-1].ms);
    case DEPS: return entry->deps_count;
    case CONTROL: return (int64_t)entry->control.size;
    case BODY: return (int64_t)entry->body.size;
    case COLUMNS: break;
    }
    GOSSIP_ASSERT(false);
    return 0;
}

/* The column of the entries in [from, to). */
static void put_column(const work *w, crdt_buf *out, column c, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) w->values[i - from] = value_of(w, c, i);
    gossip__column_put(out, w->values, to - from, c == MS);
}

static crdt_err put_deps(const work *w, crdt_buf *out)
{
    recent seen;
    memset(&seen, 0, sizeof seen);
    for (uint32_t i = 0; i < w->msg->entries_count; i++) {
        const gossip_entry *entry = &w->msg->entries[i];
        int64_t             last = -1;
        uint32_t            index;
        for (uint32_t j = 0; j < entry->deps_count; j++) {
            crdt_err err = gossip__dict_use(w->codec, entry->deps[j].replica, &index);
            if (err) return err;
            uint64_t seq = entry->deps[j].seq;
            gossip__put_index(out, index, &last);
            crdt_buf_varint(out, crdt_zigzag((int64_t)(seq - recent_seq(&seen, index))));
            recent_set(&seen, index, seq);
        }
        recent_set(&seen, w->authors[w->places[i]].index, entry->last);
    }
    return CRDT_OK;
}

static crdt_err put_all(const work *w, crdt_buf *out)
{
    uint32_t n = w->msg->entries_count;
    crdt_buf_varint(out, n);
    crdt_buf_byte(out, (uint8_t)w->plain);
    if (!(w->plain & PLAIN_AUTHOR)) crdt_buf_varint(out, w->msg->origins_count);
    put_authors(w, out);
    if (!(w->plain & PLAIN_AUTHOR)) put_column(w, out, AUTHOR, 0, n);
    if (!(w->plain & PLAIN_KIND)) put_column(w, out, KIND, 0, n);
    if (!(w->plain & PLAIN_DOTS)) put_column(w, out, DOTS, 0, n);
    crdt_buf_varint(out, w->msg->entries[0].ms);
    put_column(w, out, MS, 1, n);
    if (!(w->plain & PLAIN_DEPS)) put_column(w, out, DEPS, 0, n);
    if (!(w->plain & PLAIN_CONTROL)) put_column(w, out, CONTROL, 0, n);
    put_column(w, out, BODY, 0, n - 1);
    crdt_err err = put_deps(w, out);
    return err ? err : crdt_buf_status(out);
}

crdt_err gossip__entries_put(gossip_codec *codec, const gossip_msg *msg, crdt_buf *out,
                             bool *ret_tells)
{
    work     w = {.codec = codec, .msg = msg};
    uint32_t n = msg->entries_count, k = msg->origins_count;
    *ret_tells = false;
    if (n == 0) return k == 0 ? CRDT_OK : CRDT_EINVAL;
    if (k == 0 || k > n) return CRDT_EINVAL;
    if (k > GOSSIP_IDS_MAX) return CRDT_ELIMIT;
    size_t   bytes = k * sizeof(author) + n * (sizeof(int64_t) + sizeof(uint32_t));
    uint8_t *room = out->mem->alloc(out->mem->user, bytes);
    if (room == NULL) return CRDT_ENOMEM;
    w.authors = (author *)(void *)room;
    w.values = (int64_t *)(void *)(room + k * sizeof(author));
    w.places = (uint32_t *)(void *)(w.values + n);
    crdt_err err = use_all(&w);
    *ret_tells = err == CRDT_OK && tells_vector(&w);
    if (*ret_tells) w.plain |= TELL_VECTOR;
    if (err == CRDT_OK) err = put_all(&w, out);
    out->mem->release(out->mem->user, room, bytes);
    return err;
}

/* -- Decoding ---------------------------------------------------------------------------------- */

typedef struct parse {
    const gossip__defs *defs;
    gossip__arena      *arena;
    crdt_dec           *dec;
    gossip_vector      *vector; /* of the same message */
    size_t              n, k;
    unsigned            plain;
    author             *authors;
    gossip_origin      *origins;
    gossip__column      columns[COLUMNS];
    gossip_entry       *entries;
    crdt_dot           *deps;
    size_t              deps_left;
} parse;

static void get_authors(parse *p)
{
    crdt_dec *dec = p->dec;
    uint64_t  before = 0;
    int64_t   last = -1;
    p->k = 1;
    if (!(p->plain & PLAIN_AUTHOR)) {
        p->k = crdt_dec_count(dec, AUTHOR_BYTES_MIN, "impossible number of authors");
        if (p->k == 0 || p->k > p->n) gossip__malformed(dec, "impossible number of authors");
    }
    p->authors = gossip__arena_get(p->arena, dec, p->k, sizeof *p->authors);
    p->origins = gossip__arena_get(p->arena, dec, p->k, sizeof *p->origins);
    for (size_t i = 0; i < p->k && dec->err == CRDT_OK; i++) {
        author *a = &p->authors[i];
        a->index = gossip__get_index(dec, &last);
        a->first = a->next = crdt_dec_varint(dec);
        p->origins[i].replica = gossip__defs_id(p->defs, dec, a->index);
        p->origins[i].tag = a->tag = gossip__get32(dec);
        if (dec->err) return;
        if (p->origins[i].replica <= before) gossip__malformed(dec, "authors out of order");
        if (a->first == 0 || a->first > CRDT_SEQ_MAX) {
            gossip__malformed(dec, "impossible first dot of an author");
        }
        before = p->origins[i].replica;
    }
}

static void open_column(parse *p, column c, unsigned plain, size_t count)
{
    if (!(p->plain & plain)) p->columns[c] = gossip__column_open(p->dec, count, c == MS);
}

static void open_columns(parse *p, uint64_t *ret_ms)
{
    open_column(p, AUTHOR, PLAIN_AUTHOR, p->n);
    open_column(p, KIND, PLAIN_KIND, p->n);
    open_column(p, DOTS, PLAIN_DOTS, p->n);
    *ret_ms = crdt_dec_varint(p->dec);
    open_column(p, MS, 0, p->n - 1);
    open_column(p, DEPS, PLAIN_DEPS, p->n);
    open_column(p, CONTROL, PLAIN_CONTROL, p->n);
    open_column(p, BODY, 0, p->n - 1);
}

/* Room for all deps, and the number of each entry's. */
static void count_deps(parse *p)
{
    gossip__column counts = p->columns[DEPS];
    uint64_t       sum = 0;
    if (p->dec->err || p->plain & PLAIN_DEPS) return;
    for (size_t i = 0; i < p->n; i++) {
        int64_t count = gossip__column_next(&counts);
        if (count < 0 || (uint64_t)count > crdt_dec_left(p->dec) / DEP_BYTES_MIN - sum) {
            gossip__malformed(p->dec, "impossible number of deps");
            return;
        }
        sum += (uint64_t)count;
    }
    p->deps_left = (size_t)sum;
    p->deps = gossip__arena_get(p->arena, p->dec, p->deps_left, sizeof *p->deps);
}

static int64_t next_of(parse *p, column c, unsigned plain, int64_t usual)
{
    return p->plain & plain ? usual : gossip__column_next(&p->columns[c]);
}

static void get_deps(parse *p, gossip_entry *entry, recent *seen)
{
    int64_t last = -1;
    entry->deps_count = (uint32_t)next_of(p, DEPS, PLAIN_DEPS, 0);
    entry->deps = entry->deps_count > 0 ? p->deps : NULL;
    for (uint32_t i = 0; i < entry->deps_count && p->dec->err == CRDT_OK; i++) {
        uint32_t index = gossip__get_index(p->dec, &last);
        uint64_t change = (uint64_t)crdt_unzigzag(crdt_dec_varint(p->dec));
        p->deps->replica = gossip__defs_id(p->defs, p->dec, index);
        p->deps->seq = recent_seq(seen, index) + change;
        recent_set(seen, index, p->deps->seq);
        p->deps++;
    }
}

/* All of an entry but where its control and body lie. */
static void get_entry(parse *p, size_t i, uint64_t ms, recent *seen)
{
    gossip_entry *entry = &p->entries[i];
    uint64_t      place = (uint64_t)next_of(p, AUTHOR, PLAIN_AUTHOR, 0);
    int64_t       kind = next_of(p, KIND, PLAIN_KIND, GOSSIP_DELTA);
    uint64_t      dots = (uint64_t)next_of(p, DOTS, PLAIN_DOTS, 0);
    uint64_t      control = (uint64_t)next_of(p, CONTROL, PLAIN_CONTROL, 0);
    uint64_t      body = i + 1 < p->n ? (uint64_t)gossip__column_next(&p->columns[BODY]) : 0;
    if (place >= p->k) {
        gossip__malformed(p->dec, "author outside the list");
        return;
    }
    author *a = &p->authors[place];
    if (kind < 1 || kind > INT32_MAX) gossip__malformed(p->dec, "impossible kind of entry");
    if (a->next > CRDT_SEQ_MAX || dots > CRDT_SEQ_MAX - a->next) {
        gossip__malformed(p->dec, "sequence number above the limit");
    }
    if (control > GOSSIP_CONTROL_MAX) {
        crdt_dec_fail(p->dec, CRDT_ELIMIT, "control of an entry too large");
    }
    if (body > GOSSIP_BODY_MAX) crdt_dec_fail(p->dec, CRDT_ELIMIT, "body of an entry too large");
    if (p->dec->err) return;
    entry->replica = p->origins[place].replica;
    entry->first = a->next;
    entry->last = a->next + dots;
    entry->ms = ms;
    entry->kind = (gossip_kind)kind;
    entry->control.size = (size_t)control;
    entry->body.size = (size_t)body;
    get_deps(p, entry, seen);
    recent_set(seen, a->index, entry->last);
    a->next = entry->last + 1;
}

static void get_bodies(parse *p)
{
    const char *reason;
    for (size_t i = 0; i < p->n && p->dec->err == CRDT_OK; i++) {
        p->entries[i].control = crdt_dec_bytes(p->dec, p->entries[i].control.size);
    }
    for (size_t i = 0; i < p->n && p->dec->err == CRDT_OK; i++) {
        gossip_entry *entry = &p->entries[i];
        size_t        size = i + 1 < p->n ? entry->body.size : crdt_dec_left(p->dec);
        entry->body = crdt_dec_bytes(p->dec, size);
        crdt_err err = p->dec->err ? CRDT_OK : gossip_entry_check(entry, &reason);
        if (err) crdt_dec_fail(p->dec, err, reason);
    }
}

static void follow_tags(parse *p, gossip__column places)
{
    for (size_t i = 0; i < p->n; i++) {
        author *a = &p->authors[p->plain & PLAIN_AUTHOR ? 0 : gossip__column_next(&places)];
        a->tag = gossip_entry_tag(&p->entries[i], a->tag);
    }
}

/* The vector gets what the entries tell of their authors. */
static void tell_vector(parse *p)
{
    gossip_vector *vector = p->vector;
    size_t         count = vector->count + p->k, from = 0, at = 0;
    gossip_known  *known = gossip__arena_get(p->arena, p->dec, count, sizeof *known);
    if (vector->version == 0) gossip__malformed(p->dec, "entries tell a vector that is not there");
    for (size_t i = 0; i < count && p->dec->err == CRDT_OK; i++) {
        if (at == p->k ||
            (from < vector->count && vector->known[from].replica < p->origins[at].replica)) {
            known[i] = vector->known[from++];
            continue;
        }
        if (from < vector->count && vector->known[from].replica == p->origins[at].replica) {
            gossip__malformed(p->dec, "entries tell what the vector tells");
        }
        known[i].replica = p->origins[at].replica;
        known[i].seq = p->authors[at].next - 1;
        known[i].tag = p->authors[at++].tag;
    }
    vector->known = known;
    vector->count = p->dec->err ? 0 : (uint32_t)count;
}

static void get_all(parse *p)
{
    recent   seen;
    uint64_t ms;
    open_columns(p, &ms);
    gossip__column places = p->columns[AUTHOR];
    count_deps(p);
    p->entries = gossip__arena_get(p->arena, p->dec, p->n, sizeof *p->entries);
    memset(&seen, 0, sizeof seen);
    for (size_t i = 0; i < p->n && p->dec->err == CRDT_OK; i++) {
        if (i > 0) ms += (uint64_t)gossip__column_next(&p->columns[MS]);
        get_entry(p, i, ms, &seen);
    }
    get_bodies(p);
    for (size_t i = 0; i < p->k && p->dec->err == CRDT_OK; i++) {
        if (p->authors[i].next == p->authors[i].first) {
            gossip__malformed(p->dec, "an author without an entry");
        }
    }
    if (p->dec->err || !(p->plain & TELL_VECTOR)) return;
    follow_tags(p, places);
    tell_vector(p);
}

void gossip__entries_get(gossip_msg *msg, const gossip__defs *defs, gossip__arena *arena,
                         crdt_dec *dec)
{
    parse p = {.defs = defs, .arena = arena, .dec = dec, .vector = &msg->vector};
    p.n = crdt_dec_count(dec, GOSSIP_BODY_MIN, "impossible number of entries");
    p.plain = crdt_dec_byte(dec);
    if (p.n == 0) gossip__malformed(dec, "impossible number of entries");
    if (p.plain & ~(PLAIN_ALL | TELL_VECTOR)) {
        crdt_dec_fail(dec, CRDT_EVERSION, "entries of an unknown form");
    }
    if (dec->err == CRDT_OK) get_authors(&p);
    if (dec->err == CRDT_OK) get_all(&p);
    if (dec->err) return;
    msg->entries = p.entries;
    msg->entries_count = (uint32_t)p.n;
    msg->origins = p.origins;
    msg->origins_count = (uint32_t)p.k;
}
