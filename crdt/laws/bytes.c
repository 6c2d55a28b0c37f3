/* laws/bytes.c: encoding and decoding, with bytes as they should be and with hostile ones. */
#include <stdio.h>
#include <string.h>

#include "crdt/laws/kit.h"

static crdt_view view_at(crdt_view bytes, size_t size)
{
    return crdt_view_of(bytes.data, size);
}

/* Decode under the budget. On success *ret_store is the caller's. */
static bool decode(kit *k, const kit_world *w, crdt_view in, crdt_store **ret_store,
                   crdt_err *ret_err)
{
    crdt_options o = crdt__laws_store_options(k, w->names, 0);
    size_t       before = k->mem.bytes, blocks = k->mem.blocks;
    k->mem.bytes_max = before + 8 * in.size + 65536;
    crdt__laws_mem_fail(&k->mem, 0);
    *ret_store = NULL;
    *ret_err = crdt_store_decode(&o, in, ret_store, NULL);
    k->mem.bytes_max = SIZE_MAX;
    HOLDS(k, CRDT_LAW_BUDGET, !k->mem.refused, "decoding %zu bytes asked for more memory", in.size);
    if (*ret_err == CRDT_OK) return true;
    HOLDS(k, CRDT_LAW_LEAK, k->mem.bytes == before && k->mem.blocks == blocks,
          "a decode that gave %s left %zu bytes behind", crdt_err_name(*ret_err),
          k->mem.bytes - before);
    return true;
}

static bool is_refusal(crdt_err err)
{
    return err == CRDT_EMALFORMED || err == CRDT_ELIMIT || err == CRDT_EVERSION ||
           err == CRDT_ETYPE;
}

bool crdt__laws_item_bytes(kit *k, const kit_world *w, const kit_item *item)
{
    crdt_store *copy;
    crdt_err    err;
    crdt_view   bytes = crdt_buf_bytes(&item->bytes);
    if (!decode(k, w, bytes, &copy, &err)) return false;
    HOLDS(k, CRDT_LAW_ROUND_TRIP, err == CRDT_OK, "decode gave %s for what encode wrote",
          crdt_err_name(err));
    if (!crdt__laws_is(k, CRDT_LAW_ROUND_TRIP, copy, bytes, "a store, and its copy by decode")) {
        return false;
    }
    if (!crdt__laws_sound(k, copy, "after decode")) return false;
    crdt_buf_reset(&k->a);
    crdt_buf_reset(&k->b);
    crdt__laws_text(item->store, w->names, &k->a);
    crdt__laws_text(copy, w->names, &k->b);
    HOLDS(k, CRDT_LAW_ROUND_TRIP,
          crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) == 0,
          "a store and its copy by decode read differently");
    HOLDS(k, CRDT_LAW_DIGEST, crdt_digest_equal(item->digest, crdt_store_digest(copy, NULL)),
          "a store and its copy by decode have different digests");
    crdt_stats old = crdt_store_stats(item->store), new = crdt_store_stats(copy);
    HOLDS(k, CRDT_LAW_ROUND_TRIP,
          old.dots == new.dots &&old.residues == new.residues &&old.elements ==
              new.elements                                    &&old.payload == new.payload,
          "a store and its copy by decode have different statistics");
    crdt_store_free(copy);
    return true;
}

/* -- Hostile bytes --------------------------------------------------------------------------- */

static bool truncations(kit *k, const kit_world *w, const kit_item *item)
{
    crdt_store *copy;
    crdt_err    err;
    for (size_t n = 0; n <= item->bytes.size + 1; n++) {
        if (n == item->bytes.size) continue;
        crdt_buf_reset(&k->c);
        crdt_buf_put(&k->c, item->bytes.data, n < item->bytes.size ? n : item->bytes.size);
        if (n > item->bytes.size) crdt_buf_byte(&k->c, 0);
        if (!decode(k, w, view_at(crdt_buf_bytes(&k->c), n), &copy, &err)) return false;
        HOLDS(k, CRDT_LAW_TRUNCATION, is_refusal(err), "decode of %zu of %zu bytes gave %s", n,
              item->bytes.size, crdt_err_name(err));
    }
    return true;
}

/* The first bytes from `at` on, as hexadecimal. */
static const char *hex(const crdt_buf *buf, size_t at, char *out, size_t size)
{
    out[0] = 0;
    for (size_t i = at, n = 0; i < buf->size && n + 4 < size; i++, n += 3) {
        snprintf(out + n, size - n, " %02x", buf->data[i]);
    }
    return out;
}

/* What was accepted is sound, is canonical, and can be used. */
static bool usable(kit *k, const kit_world *w, const kit_item *item, crdt_store *copy)
{
    if (!crdt__laws_bytes(k, copy, &k->a)) return false;
    char   text[3][100];
    size_t at = 0;
    while (at < item->bytes.size && item->bytes.data[at] == k->c.data[at]) at++;
    bool unknown = crdt_store_has_unknown(copy); /* which has a form of its own */
    HOLDS(
        k, CRDT_LAW_CORRUPTION,
        unknown || crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->c)) == 0,
        "byte %zu was changed, decode accepts it, and encode gives something else, from there on:\n"
        "    before %s\n    damaged%s\n    again  %s",
        at, hex(&item->bytes, at, text[0], sizeof text[0]), hex(&k->c, at, text[1], sizeof text[1]),
        hex(&k->a, at, text[2], sizeof text[2]));
    const char *reason = "";
    HOLDS(k, CRDT_LAW_CORRUPTION, crdt_store_check(copy, &reason),
          "damaged bytes were accepted, but: %s", reason);
    bool digests = crdt_digest_equal(item->digest, crdt_store_digest(copy, NULL));
    HOLDS(k, CRDT_LAW_DIGEST, !digests || !item->closed || unknown,
          "two states have different bytes and the same digest");
    crdt_store *other;
    WORKS(k, CRDT_LAW_CORRUPTION, crdt_store_clone(item->store, 0, &other));
    crdt_err err = crdt_store_merge(other, copy); /* any error will do, but no harm */
    HOLDS(k, CRDT_LAW_CORRUPTION, crdt_store_check(other, &reason),
          "damaged bytes were accepted and merged (%s), but: %s", crdt_err_name(err), reason);
    crdt_buf_reset(&k->a);
    crdt__laws_text(copy, w->names, &k->a);
    crdt__laws_text(other, w->names, &k->a);
    (void)crdt_store_digest(other, NULL);
    crdt_store_free(other);
    return true;
}

static bool corruption(kit *k, const kit_world *w, const kit_item *item, size_t at, uint8_t to)
{
    crdt_store *copy;
    crdt_err    err;
    uint8_t     was = item->bytes.data[at];
    if (was == to) return true;
    crdt_buf_reset(&k->c);
    crdt_buf_put(&k->c, item->bytes.data, item->bytes.size);
    k->c.data[at] = to;
    if (!decode(k, w, crdt_buf_bytes(&k->c), &copy, &err)) return false;
    HOLDS(k, CRDT_LAW_CORRUPTION, err == CRDT_OK || is_refusal(err),
          "decode with byte %zu of %zu as %02x instead of %02x gave %s", at, item->bytes.size, to,
          was, crdt_err_name(err));
    if (err != CRDT_OK) return true;
    if (!usable(k, w, item, copy)) return false;
    crdt_store_free(copy);
    return true;
}

bool crdt__laws_hostile(kit *k, const kit_world *w, const kit_item *item)
{
    if (!truncations(k, w, item)) return false;
    for (size_t at = 0; at < item->bytes.size; at++) {
        uint8_t was = item->bytes.data[at];
        uint8_t bit = (uint8_t)(1u << crdt__laws_below(&k->rand, 8));
        if (!corruption(k, w, item, at, was ^ bit)) return false;
        if (!corruption(k, w, item, at, (uint8_t)(was + 1))) return false;
        if (!corruption(k, w, item, at, (uint8_t)crdt__laws_rand(&k->rand))) return false;
    }
    return true;
}
