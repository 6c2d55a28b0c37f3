/* Bytes from elsewhere: what is not exactly what the encoder writes is refused with a reason, and
 * the store stays as it is. */
#include <crdt/types.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW UINT64_C(1700000000000)

static void ok(crdt_err err)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "%s: %s\n", crdt_err_name(err), crdt_err_text(err));
    exit(1);
}

static crdt_delta *add(crdt_store *store, const char *elem)
{
    crdt_txn   *txn;
    crdt_delta *delta;
    ok(crdt_store_begin(store, NOW, &txn));
    ok(crdt_orset_add(txn, crdt_text_view("tags"), crdt_text(elem)));
    ok(crdt_store_commit(store, &delta));
    return delta;
}

/* All that a receiver has to do with bytes of any origin. */
static void receive(crdt_store *store, const char *what, const void *data, size_t size)
{
    crdt_delta *delta = NULL;
    const char *reason = "";
    crdt_err    err = crdt_delta_decode(store, crdt_view_of(data, size), &delta, &reason);
    if (err == CRDT_OK) {
        err = crdt_store_join(store, delta, NOW);
        reason = crdt_err_text(err);
        crdt_store_free(delta);
    }
    printf("%-22s %s: %s\n", what, crdt_err_name(err), reason);
}

/* True if bytes are refused, or are just the bytes that the delta read from them encodes to. */
static bool is_safe(const crdt_store *store, crdt_view bytes)
{
    crdt_delta *delta;
    crdt_buf    again;
    if (crdt_delta_decode(store, bytes, &delta, NULL) != CRDT_OK) return true;
    crdt_buf_init(&again, NULL);
    ok(crdt_store_encode(delta, &again));
    bool same = crdt_view_compare(crdt_buf_bytes(&again), bytes) == 0;
    bool sound = crdt_store_check(delta, NULL);
    crdt_buf_clear(&again);
    crdt_store_free(delta);
    return same && sound;
}

/* Every bit flipped, and every length cut. */
static void damage(const crdt_store *store, const crdt_buf *bytes)
{
    size_t unsafe = 0;
    for (size_t i = 0; i < bytes->size * 8; i++) {
        bytes->data[i / 8] ^= (uint8_t)(1u << i % 8);
        unsafe += !is_safe(store, crdt_buf_bytes(bytes));
        bytes->data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t size = 0; size < bytes->size; size++) {
        unsafe += !is_safe(store, crdt_view_of(bytes->data, size));
    }
    printf("\nevery bit flipped, every length cut: %zu neither refused nor sound\n", unsafe);
}

int main(void)
{
    crdt_options options = crdt_options_default(1, crdt_types_builtin());
    crdt_store  *mine, *theirs;
    crdt_buf     first, second;
    options.limits.message_bytes = 1000;
    ok(crdt_store_new(&options, &mine));
    options.replica = 2;
    ok(crdt_store_new(&options, &theirs));

    crdt_delta *delta = add(theirs, "red"), *later = add(theirs, "blue");
    crdt_buf_init(&first, NULL);
    crdt_buf_init(&second, NULL);
    ok(crdt_store_encode(delta, &first));
    ok(crdt_store_encode(later, &second));

    char    huge[1001] = {0};
    uint8_t newer[3] = {first.data[0], 99, 1};
    receive(mine, "nothing", "", 0);
    receive(mine, "text", "GET / HTTP/1.1", 14);
    receive(mine, "cut short", first.data, first.size - 1);
    receive(mine, "too long", huge, sizeof huge);
    receive(mine, "a newer format", newer, sizeof newer);
    receive(mine, "the second delta first", second.data, second.size);
    receive(mine, "the first delta", first.data, first.size);
    receive(mine, "and again", first.data, first.size);
    receive(mine, "the second delta", second.data, second.size);
    damage(mine, &first);

    crdt_store_free(delta);
    crdt_store_free(later);
    crdt_buf_clear(&first);
    crdt_buf_clear(&second);
    crdt_store_free(mine);
    crdt_store_free(theirs);
    return 0;
}
