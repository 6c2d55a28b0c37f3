/* resolve/check.c: the kit: is a resolver a function of its siblings alone? */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/resolve/impl.h"

#define ORDERS 8u /* random ones, besides the canonical and its reverse */

/* The siblings again, with keys and values elsewhere in memory. */
typedef struct copy {
    const crdt_mem *mem;
    crdt_siblings   view;
    crdt_sibling   *at;
    crdt_buf        bytes;
} copy;

static void copy_free(copy *c)
{
    crdt__release(c->mem, c->at, c->view.count * sizeof *c->at);
    crdt_buf_clear(&c->bytes);
}

static crdt_view moved(copy *c, crdt_view from)
{
    if (from.size == 0) return crdt_view_of(NULL, 0);
    crdt_view to = {c->bytes.data + c->bytes.size, from.size};
    crdt_buf_put(&c->bytes, from.data, from.size);
    return to;
}

static crdt_err copy_make(const crdt_siblings *view, const crdt_mem *mem, copy *ret_copy)
{
    size_t size = 0;
    *ret_copy = (copy){.mem = mem, .view = *view};
    crdt_buf_init(&ret_copy->bytes, mem);
    for (size_t i = 0; i < view->count; i++) {
        size += view->at[i].key.size + view->at[i].value.bytes.size;
    }
    if (view->count > 0) {
        ret_copy->at = crdt__alloc(mem, view->count * sizeof *ret_copy->at);
        if (ret_copy->at == NULL) return CRDT_ENOMEM;
    }
    ret_copy->view.at = ret_copy->at;
    if (size > 0 && !crdt_buf_reserve(&ret_copy->bytes, size)) {
        copy_free(ret_copy);
        return CRDT_ENOMEM;
    }
    for (size_t i = 0; i < view->count; i++) {
        crdt_sibling *to = &ret_copy->at[i];
        *to = view->at[i];
        to->key = moved(ret_copy, to->key);
        if (to->value.kind == CRDT_BYTES) to->value.bytes = moved(ret_copy, to->value.bytes);
    }
    return CRDT_OK;
}

static void swap(crdt_sibling *a, crdt_sibling *b)
{
    crdt_sibling held = *a;
    *a = *b;
    *b = held;
}

static void reverse(copy *c)
{
    for (size_t i = 0; i < c->view.count / 2; i++) {
        swap(&c->at[i], &c->at[c->view.count - 1 - i]);
    }
}

/* Fisher, Yates, 1938; by a generator of its own (Marsaglia, "Xorshift RNGs", 2003). */
static void shuffle(copy *c, uint64_t *random)
{
    for (size_t i = c->view.count; i > 1; i--) {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        swap(&c->at[i - 1], &c->at[*random % i]);
    }
}

static void print_answer(const crdt_outcome *outcome, crdt_buf *out)
{
    crdt_buf_text(out, "[");
    for (size_t i = 0; i < outcome->count; i++) {
        const crdt_item *item = &outcome->items[i];
        if (i > 0) crdt_buf_text(out, ", ");
        if (item->key.size > 0) {
            crdt_buf_print_value(out, crdt_bytes(item->key.data, item->key.size));
            crdt_buf_text(out, ": ");
        }
        crdt_buf_print_value(out, item->value);
    }
    crdt_buf_text(out, "]");
}

static bool is_same_answer(const crdt_outcome *a, const crdt_outcome *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (crdt_view_compare(a->items[i].key, b->items[i].key) != 0) return false;
        if (crdt_value_compare(a->items[i].value, b->items[i].value) != 0) return false;
    }
    return true;
}

/* Runs it once more, and compares with the first answer. `when` says what was different. */
static crdt_err try_again(const crdt_resolver *resolver, const crdt_siblings *view,
                          const crdt_outcome *first, const char *when, crdt_buf *report)
{
    crdt_outcome again;
    crdt__outcome_init(&again, first->held.mem);
    crdt_err err = crdt__run_resolver(resolver, view, &again);
    if (err == CRDT_OK && !is_same_answer(first, &again)) {
        crdt_buf_text(report, "the resolver ");
        crdt_buf_text(report, resolver->name != NULL ? resolver->name : "without a name");
        crdt_buf_text(report, " is not deterministic: it says ");
        print_answer(first, report);
        crdt_buf_text(report, ", and ");
        crdt_buf_text(report, when);
        crdt_buf_text(report, " ");
        print_answer(&again, report);
        err = crdt_buf_status(report) == CRDT_OK ? CRDT_EINVAL : CRDT_ENOMEM;
    }
    crdt_outcome_clear(&again);
    return err;
}

static crdt_err try_copies(const crdt_resolver *resolver, const crdt_siblings *view,
                           const crdt_outcome *first, crdt_buf *report)
{
    uint64_t random = UINT64_C(0x2545f4914f6cdd1d);
    copy     c;
    crdt_err err = copy_make(view, first->held.mem, &c);
    if (err != CRDT_OK) return err;
    err = try_again(resolver, &c.view, first, "of copies of the same siblings", report);
    if (err == CRDT_OK) {
        reverse(&c);
        err = try_again(resolver, &c.view, first, "of the siblings in reverse order", report);
    }
    for (unsigned i = 0; err == CRDT_OK && i < ORDERS; i++) {
        shuffle(&c, &random);
        err = try_again(resolver, &c.view, first, "of the siblings in another order", report);
    }
    copy_free(&c);
    return err;
}

crdt_err crdt_resolver_check(const crdt_resolver *resolver, const crdt_siblings *view,
                             const crdt_mem *mem, crdt_buf *report)
{
    crdt_outcome first;
    crdt__outcome_init(&first, mem != NULL ? mem : crdt_mem_default());
    crdt_err err = crdt__run_resolver(resolver, view, &first);
    if (err == CRDT_OK) err = try_again(resolver, view, &first, "called once more", report);
    if (err == CRDT_OK) err = try_copies(resolver, view, &first, report);
    crdt_outcome_clear(&first);
    return err;
}
