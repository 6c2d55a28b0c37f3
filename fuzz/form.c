/* form.c: see form.h; the format is described in crdt/store/code.c, that of maps in
 * crdt/map/map_code.c. */
#include "fuzz/form.h"

#include "crdt/types.h"

#define STATE 1u
#define DELTA 2u
#define SINCE 3u
#define GROUP 4u
#define WITH_ORIGINS 16u
#define FLAG_PRESENCE 1u
#define FLAG_KEEP 2u
#define FLAG_FRAGMENTS 4u
#define FRAGMENTS_IN_MAP 65536u

static void skip_context(crdt_dec *dec)
{
    uint64_t replicas = crdt_dec_varint(dec);
    for (uint64_t r = 0; r < replicas; r++) {
        (void)crdt_dec_varint(dec); /* place */
        uint64_t head = crdt_dec_varint(dec);
        for (uint64_t i = 0; i < head >> 1; i++) {
            if (i > 0 || (head & 1) == 0) {
                (void)crdt_dec_byte(dec);
                (void)crdt_dec_varint(dec);
            }
            (void)crdt_dec_varint(dec); /* hi - lo */
        }
    }
}

static void skip_retired(crdt_dec *dec)
{
    for (uint64_t count = crdt_dec_varint(dec); count > 0; count--) {
        (void)crdt_dec_u64(dec);
        (void)crdt_dec_varint(dec);
    }
}

static void skip_origins(crdt_dec *dec)
{
    for (uint64_t count = crdt_dec_varint(dec); count > 0; count--) {
        uint64_t ids = crdt_dec_varint(dec);
        (void)crdt_dec_bytes(dec, (size_t)ids * 8);
        skip_context(dec);
    }
}

static void skip_head(crdt_dec *dec, unsigned kind)
{
    uint64_t ids = crdt_dec_varint(dec);
    (void)crdt_dec_bytes(dec, (size_t)ids * 8);
    skip_context(dec);
    if (kind == DELTA) {
        (void)crdt_dec_varint(dec);
        (void)crdt_dec_varint(dec);
    }
    if (kind == GROUP || kind == SINCE) skip_context(dec);
    if (kind == STATE || kind == SINCE) {
        skip_context(dec);
        skip_retired(dec);
    }
}

static void skip_presence(crdt_dec *dec)
{
    for (uint64_t count = crdt_dec_varint(dec); count > 0; count--) {
        (void)crdt_dec_varint(dec); /* replica, sequence, stamp */
        (void)crdt_dec_varint(dec);
        (void)crdt_dec_u64(dec);
    }
}

static bool is_map(uint64_t id)
{
    return id == crdt_ormap_type.id || id == crdt_ormap_rw_type.id || id == crdt_ormap_lww_type.id;
}

/* Is an entry of an unknown type, or told as fragments? Decode took it: it is not deep. */
static bool holds_foreign(const crdt_options *options, crdt_view body)
{
    bool     foreign = false;
    crdt_dec dec;
    crdt_dec_init(&dec, body, &options->limits);
    for (uint64_t count = crdt_dec_varint(&dec); count > 0 && !foreign; count--) {
        (void)crdt_dec_view(&dec, SIZE_MAX, "key");
        uint64_t id = crdt_dec_varint(&dec);
        skip_presence(&dec); /* marks are told alike */
        crdt_view inner = crdt_dec_view(&dec, SIZE_MAX, "body");
        foreign = id >= FRAGMENTS_IN_MAP ||
                  (crdt_types_by_id(options->types, (uint16_t)id) == NULL &&
                   crdt_types_by_id(crdt_types_builtin(), (uint16_t)id) == NULL) ||
                  (is_map(id) && holds_foreign(options, inner));
    }
    return foreign;
}

fuzz_form fuzz_form_of(const crdt_options *options, crdt_view in)
{
    fuzz_form form = {0, 0, false};
    crdt_dec  dec;
    crdt_dec_init(&dec, in, &options->limits);
    (void)crdt_dec_bytes(&dec, 2);
    form.kind = crdt_dec_byte(&dec);
    unsigned with = form.kind & WITH_ORIGINS;
    form.kind &= ~WITH_ORIGINS;
    skip_head(&dec, form.kind);
    if (with) skip_origins(&dec);
    form.objects = (size_t)crdt_dec_varint(&dec);
    for (size_t i = 0; i < form.objects; i++) {
        (void)crdt_dec_view(&dec, SIZE_MAX, "name");
        uint64_t id = crdt_dec_varint(&dec);
        unsigned flags = crdt_dec_byte(&dec);
        if (flags & FLAG_PRESENCE) skip_presence(&dec);
        if (flags & FLAG_KEEP) skip_context(&dec);
        crdt_view body = crdt_dec_view(&dec, SIZE_MAX, "body");
        bool      known =
            options->solo != NULL || crdt_types_by_id(options->types, (uint16_t)id) != NULL;
        if (!known || (flags & FLAG_FRAGMENTS)) form.foreign = true;
        else if (is_map(id) && holds_foreign(options, body)) form.foreign = true;
    }
    CHECK_MSG(crdt_dec_status(&dec) == CRDT_OK && crdt_dec_left(&dec) == 0,
              "decode took bytes that are not as crdt/store/code.c describes: %s",
              dec.reason != NULL ? dec.reason : "something follows");
    return form;
}

void fuzz_budget(crdt_view in, crdt_err err, size_t peak)
{
    CHECK_MSG(peak <= 8 * in.size + 65536, "decode (%s) took %zu bytes for %zu bytes of input",
              crdt_err_name(err), peak, in.size);
}

void fuzz_strict(const crdt_options *options, const crdt_store *store, crdt_view in)
{
    if (!fuzz_form_of(options, in).foreign) {
        fuzz_is(store, in, "the encoding of what was decoded");
        return;
    }
    crdt_buf    bytes;
    crdt_store *again;
    crdt_buf_init(&bytes, NULL);
    fuzz_encode(store, &bytes);
    CHECK_OK(crdt_store_decode(options, crdt_buf_bytes(&bytes), &again, NULL));
    fuzz_is(again, crdt_buf_bytes(&bytes), "the second form of foreign bytes");
    crdt_store_free(again);
    crdt_buf_clear(&bytes);
}
