/* Single objects of a store: their digests, their bytes, one replaced by another's. */
#include "crdt/store/impl.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

static void fill(crdt_store *s)
{
    DO(s, "a", &crdt_orset_type, "add", "x");
    DO(s, "b", &crdt_pncounter_type, "inc", 5);
    DO(s, "c", &crdt_text_type, "insert", 0, "hello");
    remove_name(s, "c"); /* what stays of it is hidden */
    DO(s, "d", &crdt_lww_type, "set", "y");
}

TEST(repair, every_object_is_listed_hidden_ones_too)
{
    crdt_store *s = store_of(1);
    crdt_object o = {{NULL, 0}, 0, {0, 0}};
    crdt_view   name = {NULL, 0};
    uint16_t    type = 0;
    crdt_digest sum = {0, 0};
    int         count = 0;
    fill(s);
    for (; crdt_store_object_from(s, name, type, &o); count++) {
        name = o.name;
        type = (uint16_t)(o.type + 1);
        sum = crdt_digest_add(sum, o.digest);
    }
    CHECK_EQ_INT(count, 4);
    CHECK(crdt_digest_equal(sum, s->sum));
    CHECK(!crdt_store_redigest(s));
    free_all(s, NULL);
}

/* b has the same context as a, and other content under a name: by hand. */
static crdt_store *damaged(const crdt_store *a)
{
    crdt_store *b;
    CHECK_OK(crdt_store_clone(a, 2, &b));
    crdt__object *o = crdt__object_get(b, name_of("a"), crdt_orset_type.id);
    o->type->clear(&b->space, o->state);
    crdt__object_touched(b, o, true);
    CHECK(crdt_context_equal(crdt_store_context(a), crdt_store_context(b)) && !same_bytes(a, b));
    return b;
}

TEST(repair, object_takes_the_place_of_another_and_the_context_stays)
{
    crdt_store *a = store_of(1);
    crdt_digest digest, root;
    crdt_buf    bytes;
    fill(a);
    root = crdt_store_digest(a, NULL);
    crdt_store *b = damaged(a);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_object_encode(a, name_of("a"), crdt_orset_type.id, &bytes));
    crdt_view in = crdt_buf_bytes(&bytes);
    CHECK_OK(crdt_store_object_digest(b, name_of("a"), crdt_orset_type.id, in, &digest));
    CHECK(crdt_digest_equal(digest, crdt__object_get(a, name_of("a"), crdt_orset_type.id)->digest));
    CHECK_ERR(crdt_store_object_replace(b, name_of("d"), crdt_lww_type.id, in), CRDT_EMALFORMED);
    CHECK_OK(crdt_store_object_replace(b, name_of("a"), crdt_orset_type.id, in));
    CHECK(same_bytes(a, b) && crdt_digest_equal(root, crdt_store_digest(b, NULL)));
    check_store(b);
    DO(b, "a", &crdt_orset_type, "add", "z"); /* it lives on */
    CHECK_ERR(crdt_store_object_replace(b, name_of("a"), crdt_orset_type.id, in), CRDT_EGAP);
    check_store(b);
    crdt_buf_clear(&bytes);
    free_all(a, b, NULL);
}

TEST(repair, refused_memory_and_cut_bytes_change_nothing)
{
    testmem      m;
    crdt_options o = crdt_options_default(1, crdt_types_builtin());
    crdt_store  *a;
    crdt_buf     bytes;
    testmem_init(&m);
    o.mem = &m.mem;
    CHECK_OK(crdt_store_new(&o, &a));
    fill(a);
    crdt_store *b = damaged(a), *before = damaged(a);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_object_encode(a, name_of("a"), crdt_orset_type.id, &bytes));
    for (size_t size = 0; size < bytes.size; size++) {
        crdt_view cut = crdt_view_of(bytes.data, size);
        CHECK_ERR(crdt_store_object_replace(b, name_of("a"), crdt_orset_type.id, cut),
                  CRDT_EMALFORMED);
    }
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err =
            crdt_store_object_replace(b, name_of("a"), crdt_orset_type.id, crdt_buf_bytes(&bytes));
        if (!testmem_refused(&m)) break;
        testmem_fail_never(&m);
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK(same_bytes(b, before));
        check_store(b);
    }
    testmem_fail_never(&m);
    CHECK(same_bytes(a, b));
    crdt_buf_clear(&bytes);
    free_all(a, b, before, NULL);
    TESTMEM_DONE(&m);
}
