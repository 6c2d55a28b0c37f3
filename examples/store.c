/* A store of many objects: a phone and a laptop share a shopping list. One transaction over several
 * types, what changed, a conflict and its end, a removal of just what was on the screen. */
#include <crdt/types.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PHONE 0x70 /* replica ids: 64 random bits in earnest */
#define LAPTOP 0x1a

static void ok(crdt_err err)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "%s: %s\n", crdt_err_name(err), crdt_err_text(err));
    exit(1);
}

static crdt_view name(const char *text)
{
    return crdt_text_view(text);
}

static crdt_store *open_store(uint64_t replica)
{
    crdt_options options = crdt_options_default(replica, crdt_types_builtin());
    crdt_store  *store;
    options.track_changes = true;
    ok(crdt_store_new(&options, &store));
    return store;
}

/* Give `to` what it lacks. Between machines its context comes, and the delta goes, as bytes: see
 * bytes.c and crdt_context_encode. */
static void sync(const crdt_store *from, crdt_store *to, uint64_t now_ms)
{
    crdt_delta *delta;
    ok(crdt_store_since(from, crdt_store_context(to), &delta));
    ok(crdt_store_join(to, delta, now_ms));
    crdt_store_free(delta);
}

static void show(const char *title, const crdt_store *store)
{
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    crdt_store_print(store, &text);
    printf("%s\n%.*s\n", title, (int)text.size, (const char *)text.data);
    crdt_buf_clear(&text);
}

static void show_changes(crdt_store *store)
{
    crdt_change change;
    while (crdt_store_next_change(store, &change)) {
        printf("  changed %s: %.*s (%s)\n", change.remote ? "by others" : "here",
               (int)change.name.size, (const char *)change.name.data,
               change.type == NULL ? "gone" : change.type->name);
    }
    puts("");
}

/* One transaction: every replica shows all three changes, or none. */
static void start_list(crdt_store *phone)
{
    crdt_txn *txn;
    ok(crdt_store_begin(phone, 1000, &txn));
    ok(crdt_orset_add(txn, name("list"), crdt_text("milk")));
    ok(crdt_orset_add(txn, name("list"), crdt_text("tea")));
    ok(crdt_lww_set(txn, name("title"), crdt_text("Saturday")));
    ok(crdt_gcounter_inc(txn, name("edits"), 3));
    ok(crdt_store_commit(phone, NULL));
}

static void set_title(crdt_store *store, const char *title, uint64_t now_ms)
{
    crdt_txn *txn;
    ok(crdt_store_begin(store, now_ms, &txn));
    ok(crdt_lww_set(txn, name("title"), crdt_text(title)));
    ok(crdt_store_commit(store, NULL));
}

static void show_conflict(const crdt_store *store)
{
    crdt_ref      title;
    crdt_conflict c;
    ok(crdt_store_find(store, name("title"), &crdt_lww_type, &title));
    for (size_t i = 0; crdt_ref_conflict(&title, i, &c); i++) {
        printf("  title %.*s, by %" PRIx64 "%s\n", (int)c.value.bytes.size,
               (const char *)c.value.bytes.data, c.dot.replica, c.wins ? ": shows" : "");
    }
    puts("");
}

/* Remove the list as it stood at `seen`: what has come since stays. */
static void clear_seen(crdt_store *store, const crdt_context *seen)
{
    crdt_txn *txn;
    ok(crdt_store_begin(store, 4000, &txn));
    crdt_txn_at(txn, seen);
    ok(crdt_orset_clear(txn, name("list")));
    ok(crdt_store_commit(store, NULL));
}

int main(void)
{
    crdt_store  *phone = open_store(PHONE), *laptop = open_store(LAPTOP);
    crdt_context seen;
    crdt_txn    *txn;

    start_list(phone);
    sync(phone, laptop, 1000);
    show("laptop:", laptop);
    show_changes(laptop);

    set_title(phone, "Saturday morning", 2000); /* both at once, offline */
    set_title(laptop, "Saturday, 10:00", 2001);
    sync(phone, laptop, 2001);
    sync(laptop, phone, 2001);
    puts("conflict:");
    show_conflict(phone);
    set_title(phone, "Saturday at ten", 3000); /* has seen both: settled */
    sync(phone, laptop, 3000);
    puts("settled:");
    show_conflict(laptop);

    crdt_context_init(&seen, NULL);
    ok(crdt_context_copy(&seen, crdt_store_context(phone))); /* what is on the phone's screen */
    ok(crdt_store_begin(laptop, 3500, &txn));
    ok(crdt_orset_add(txn, name("list"), crdt_text("bread")));
    ok(crdt_store_commit(laptop, NULL));
    sync(laptop, phone, 3500); /* bread arrives before the button is pressed */
    clear_seen(phone, &seen);
    sync(phone, laptop, 4000);
    show("laptop, after the phone cleared milk and tea:", laptop);

    crdt_digest a = crdt_store_digest(phone, NULL), b = crdt_store_digest(laptop, NULL);
    puts(crdt_digest_equal(a, b) ? "phone and laptop are the same" : "phone and laptop differ");
    crdt_context_clear(&seen);
    crdt_store_free(phone);
    crdt_store_free(laptop);
    return 0;
}
