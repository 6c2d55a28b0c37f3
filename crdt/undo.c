/* undo.c: see undo.h. A step is the dots that the store's replica took; seq/seq_revert.h finds in
 * the text's log what they did, and does it backwards. So redo is undo of the undoing. */
#include "crdt/undo.h"

#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_revert.h"

/* Dots of a step. */
typedef struct part {
    crdt_run dots;
    uint64_t deleted; /* so many elements */
    bool     first;   /* of its step */
} part;

/* The newest step is the last. Parts before `from` were dropped. */
typedef struct stack {
    part  *parts;
    size_t from, end, cap;
    size_t steps;
} stack;

struct crdt_undo {
    crdt_store      *store;
    const crdt_mem  *mem;
    const crdt_type *type;
    uint8_t         *name;
    size_t           name_size, steps_max;
    stack            done, undone, *turns; /* turns: which one crdt_undo_end takes a step from */
    crdt_run         made;                 /* by crdt_undo_write */
    uint64_t         replica, last; /* the replica's dots up to this one were noted or passed */
    crdt__copies     copies;
    size_t           copies_max; /* when there are more, look which are still asked for */
};

/* Fewer copies are not looked through. */
#define COPIES_FEW 64u

/* -- Stacks ------------------------------------------------------------------------------------ */

static crdt_err stack_reserve(const crdt_mem *mem, stack *s)
{
    if (s->end < s->cap) return CRDT_OK;
    if (s->from > s->end / 2) {
        memmove(s->parts, s->parts + s->from, (s->end - s->from) * sizeof *s->parts);
        s->end -= s->from;
        s->from = 0;
        return CRDT_OK;
    }
    size_t cap = crdt__grow(s->cap, s->end + 1);
    part  *parts = crdt__resize(mem, s->parts, s->cap * sizeof *parts, cap * sizeof *parts);
    if (parts == NULL) return CRDT_ENOMEM;
    s->parts = parts;
    s->cap = cap;
    return CRDT_OK;
}

/* There is room. onto: of the last step. */
static void stack_push(stack *s, crdt_run dots, uint64_t deleted, bool onto, size_t steps_max)
{
    part *last = onto ? &s->parts[s->end - 1] : NULL;
    if (onto && last->dots.replica == dots.replica && last->dots.hi + 1 == dots.lo) {
        last->dots.hi = dots.hi;
        last->deleted += deleted;
        return;
    }
    s->parts[s->end++] = (part){dots, deleted, !onto};
    s->steps += !onto;
    if (s->steps <= steps_max) return;
    s->steps--;
    do {
        s->from++;
    } while (!s->parts[s->from].first);
}

/* Where the last step begins; there is one. */
static size_t stack_last(const stack *s)
{
    size_t at = s->end - 1;
    while (!s->parts[at].first) at--;
    return at;
}

static void stack_pop(stack *s)
{
    s->end = stack_last(s);
    if (--s->steps == 0) s->from = s->end = 0;
}

static void stack_reset(stack *s)
{
    s->from = s->end = s->steps = 0;
}

/* -- Beginning and end ------------------------------------------------------------------------- */

static crdt_view name_of(const crdt_undo *undo)
{
    return crdt_view_of(undo->name, undo->name_size);
}

static const crdt_mem *memory_of(const crdt_store *store)
{
    return crdt_store_context(store)->mem;
}

crdt_err crdt_undo_new(crdt_store *store, crdt_view name, const crdt_type *type, size_t steps_max,
                       crdt_undo **ret_undo)
{
    if (type != &crdt_text_type && type != &crdt_text_classic_type) return CRDT_EINVAL;
    if (steps_max == 0) return CRDT_EINVAL;
    const crdt_mem *mem = memory_of(store);
    crdt_undo      *undo = crdt__alloc(mem, sizeof *undo);
    if (undo == NULL) return CRDT_ENOMEM;
    *undo = (crdt_undo){.store = store,
                        .mem = mem,
                        .type = type,
                        .name_size = name.size,
                        .steps_max = steps_max,
                        .copies_max = COPIES_FEW};
    crdt__copies_init(&undo->copies, mem);
    if (name.size > 0) {
        undo->name = crdt__alloc(mem, name.size);
        if (undo->name == NULL) {
            crdt__release(mem, undo, sizeof *undo);
            return CRDT_ENOMEM;
        }
        memcpy(undo->name, name.data, name.size);
    }
    crdt_undo_pass(undo);
    *ret_undo = undo;
    return CRDT_OK;
}

void crdt_undo_free(crdt_undo *undo)
{
    if (undo == NULL) return;
    const crdt_mem *mem = undo->mem;
    crdt__copies_clear(&undo->copies);
    crdt__release(mem, undo->done.parts, undo->done.cap * sizeof *undo->done.parts);
    crdt__release(mem, undo->undone.parts, undo->undone.cap * sizeof *undo->undone.parts);
    crdt__release(mem, undo->name, undo->name_size);
    crdt__release(mem, undo, sizeof *undo);
}

size_t crdt_undo_count(const crdt_undo *undo)
{
    return undo->done.steps;
}

size_t crdt_redo_count(const crdt_undo *undo)
{
    return undo->undone.steps;
}

/* -- Noting ------------------------------------------------------------------------------------ */

void crdt_undo_pass(crdt_undo *undo)
{
    undo->replica = crdt_store_replica(undo->store);
    undo->last = crdt_context_max(crdt_store_context(undo->store), undo->replica);
}

/* The dots that the store's replica took since; those of an earlier incarnation are not known to be
 * of this process. False: none. */
static bool new_dots(const crdt_undo *undo, crdt_run *ret_dots)
{
    uint64_t replica = crdt_store_replica(undo->store);
    uint64_t last = replica == undo->replica ? undo->last : 0;
    uint64_t end = crdt_context_max(crdt_store_context(undo->store), replica);
    *ret_dots = (crdt_run){replica, last + 1, end};
    return end > last;
}

/* The text's settled sequence; NULL: there is nothing. Errors: ENOMEM. */
static crdt_err find_seq(const crdt_undo *undo, const crdt__seq **ret_seq)
{
    crdt_ref ref;
    crdt_err err = crdt_store_object(undo->store, name_of(undo), undo->type, &ref);
    *ret_seq = NULL;
    if (err == CRDT_ENOENT) return CRDT_OK;
    if (err == CRDT_OK) *ret_seq = crdt__seq_of(&ref);
    return err;
}

crdt_err crdt_undo_note(crdt_undo *undo, bool onto)
{
    const crdt__seq *seq;
    crdt_run         dots;
    uint64_t         deleted;
    crdt_err         err = find_seq(undo, &seq);
    if (err == CRDT_OK) err = stack_reserve(undo->mem, &undo->done);
    if (err != CRDT_OK) return err;
    if (new_dots(undo, &dots) && seq != NULL && crdt__seq_has_rows(seq, dots, &deleted)) {
        stack_push(&undo->done, dots, deleted, onto && undo->done.steps > 0, undo->steps_max);
        stack_reset(&undo->undone);
    }
    crdt_undo_pass(undo);
    return CRDT_OK;
}

/* -- Undoing ----------------------------------------------------------------------------------- */

static crdt_err copies_of(const crdt_undo *undo, const crdt__seq *seq, const stack *s,
                          crdt__copies *to)
{
    crdt_err     err = CRDT_OK;
    crdt_context dots;
    crdt_context_init(&dots, undo->mem);
    for (size_t i = s->from; err == CRDT_OK && i < s->end; i++) {
        crdt_context_reset(&dots);
        crdt_context_add_reserved(&dots, s->parts[i].dots); /* a context has room for one run */
        err = crdt__seq_copies_for(seq, &undo->copies, &dots, to);
    }
    return err;
}

/* Let go of copies that no step asks for. For as many that come as there are steps and copies that
 * stay, so it costs nothing to speak of; where memory is refused, later. */
static void prune_copies(crdt_undo *undo)
{
    const crdt__seq *seq;
    crdt__copies     kept;
    if (undo->copies.map.count <= undo->copies_max) return;
    if (find_seq(undo, &seq) != CRDT_OK || seq == NULL) return;
    crdt__copies_init(&kept, undo->mem);
    crdt_err err = copies_of(undo, seq, &undo->done, &kept);
    if (err == CRDT_OK) err = copies_of(undo, seq, &undo->undone, &kept);
    if (err != CRDT_OK) {
        crdt__copies_clear(&kept);
        return;
    }
    crdt__copies_keep(&kept);
    crdt__copies_clear(&undo->copies);
    undo->copies = kept;
    size_t parts = undo->done.end - undo->done.from + undo->undone.end - undo->undone.from;
    undo->copies_max = 2 * kept.map.count + parts + COPIES_FEW;
}

/* The dots of the last step. Errors: ENOMEM. */
static crdt_err dots_of_last(const stack *s, crdt_context *dots)
{
    crdt_err err = crdt_context_reserve(dots, s->end - stack_last(s));
    for (size_t i = stack_last(s); err == CRDT_OK && i < s->end; i++) {
        crdt_context_add_reserved(dots, s->parts[i].dots);
    }
    return err;
}

/* Are all deletions of the last step still held? */
static bool is_held(const stack *s, const crdt__seq *seq)
{
    for (size_t i = stack_last(s); i < s->end; i++) {
        uint64_t deleted;
        (void)crdt__seq_has_rows(seq, s->parts[i].dots, &deleted);
        if (deleted < s->parts[i].deleted) return false;
    }
    return true;
}

/* Do the last step backwards in the transaction. */
static crdt_err revert(crdt_undo *undo, crdt_txn *txn, const stack *from)
{
    crdt_text_edit edit;
    crdt_context   dots;
    crdt_context_init(&dots, undo->mem);
    crdt_err err = dots_of_last(from, &dots);
    if (err == CRDT_OK) err = crdt_text_open(txn, name_of(undo), undo->type, &edit);
    if (err == CRDT_OK && !is_held(from, crdt__seq_in(&edit.target))) err = CRDT_ESTALE;
    if (err == CRDT_OK) err = crdt__seq_revert(&edit.target, &undo->copies, &dots);
    crdt_context_clear(&dots);
    return err;
}

/* What was written to do so is a step, too. There is room. */
static void push_made(crdt_undo *undo, stack *to, crdt_run made)
{
    const crdt__seq *seq;
    uint64_t         deleted = 0;
    if (find_seq(undo, &seq) == CRDT_OK && seq != NULL) {
        (void)crdt__seq_has_rows(seq, made, &deleted);
    }
    stack_push(to, made, deleted, false, undo->steps_max);
    prune_copies(undo);
}

crdt_err crdt_undo_write(crdt_undo *undo, crdt_txn *txn, bool again)
{
    stack *from = again ? &undo->undone : &undo->done, *to = again ? &undo->done : &undo->undone;
    if (from->steps == 0) return CRDT_ENOENT;
    if (crdt_txn_changes(txn) > 0) return CRDT_EINVAL;
    crdt_err err = stack_reserve(undo->mem, to);
    if (err == CRDT_OK) err = revert(undo, txn, from);
    if (err == CRDT_OK) {
        uint64_t replica = crdt_store_replica(undo->store);
        uint64_t before = crdt_context_max(crdt_store_context(undo->store), replica);
        undo->turns = from;
        undo->made = (crdt_run){replica, before + 1, 0};
        return CRDT_OK;
    }
    crdt__copies_undo(&undo->copies);
    if (err == CRDT_ESTALE) stack_pop(from);
    return err;
}

void crdt_undo_end(crdt_undo *undo, bool committed)
{
    stack *from = undo->turns, *to = from == &undo->done ? &undo->undone : &undo->done;
    CRDT_ASSERT(from != NULL);
    undo->turns = NULL;
    if (!committed) {
        crdt__copies_undo(&undo->copies);
        return;
    }
    crdt__copies_keep(&undo->copies);
    stack_pop(from);
    undo->made.hi = crdt_context_max(crdt_store_context(undo->store), undo->made.replica);
    if (undo->made.hi >= undo->made.lo) push_made(undo, to, undo->made);
    crdt_undo_pass(undo);
}

/* A transaction of its own. */
static crdt_err turn(crdt_undo *undo, bool again, uint64_t now_ms, crdt_delta **ret_delta)
{
    crdt_txn *txn;
    if ((again ? undo->undone : undo->done).steps == 0) return CRDT_ENOENT;
    crdt_err err = crdt_store_begin(undo->store, now_ms, &txn);
    if (err != CRDT_OK) return err;
    err = crdt_undo_write(undo, txn, again);
    if (err == CRDT_OK) {
        err = crdt_store_commit(undo->store, ret_delta);
        crdt_undo_end(undo, err == CRDT_OK);
    }
    if (err != CRDT_OK) crdt_store_rollback(undo->store);
    return err;
}

crdt_err crdt_undo_back(crdt_undo *undo, uint64_t now_ms, crdt_delta **ret_delta)
{
    return turn(undo, false, now_ms, ret_delta);
}

crdt_err crdt_undo_again(crdt_undo *undo, uint64_t now_ms, crdt_delta **ret_delta)
{
    return turn(undo, true, now_ms, ret_delta);
}
