/* history.c: see history.h. seq/seq_history.h tells what showed when; here it becomes steps. */
#include "crdt/history.h"

#include "crdt/core/mem.h"
#include "crdt/seq/seq_history.h"
#include "crdt/seq/seq_stand.h"

void crdt_steps_init(crdt_steps *steps, const crdt_mem *mem)
{
    steps->mem = mem != NULL ? mem : crdt_mem_default();
    steps->at = NULL;
    steps->count = steps->cap = 0;
    crdt_buf_init(&steps->text, steps->mem);
}

void crdt_steps_clear(crdt_steps *steps)
{
    crdt__release(steps->mem, steps->at, steps->cap * sizeof *steps->at);
    crdt_buf_clear(&steps->text);
    crdt_steps_init(steps, steps->mem);
}

/* Steps being made. Texts are offsets into the buffer until all are there: it moves. */
typedef struct maker {
    const crdt__seq *seq;
    crdt_unit        unit;
    bool             authors, reads; /* reads: what is inserted is told */
    crdt_steps       steps;
} maker;

/* The sequence behind the reference, ready to be read; NULL: nothing. Errors: ENOMEM. */
static crdt_err open_seq(const crdt_ref *ref, const crdt__seq **ret_seq)
{
    const void *state = ref->state != NULL ? ref->state : ref->pending;
    *ret_seq = NULL;
    if (state == NULL) return CRDT_OK;
    crdt_err err = crdt__slot_unpack((crdt__slot *)(uintptr_t)state);
    if (err == CRDT_OK) *ret_seq = crdt__seq_of(ref);
    return err;
}

/* Begin to walk along what shows at either context. Errors: ENOMEM, EGAP, ESTALE. */
static crdt_err open_past(const crdt_ref *ref, const crdt_context *from, const crdt_context *to,
                          crdt__past *past)
{
    const crdt_context *seen = ref->space->seen;
    const crdt__seq    *seq;
    crdt_context        nothing;
    past->seq = NULL;
    crdt_context_init(&nothing, ref->space->mem);
    if (from == NULL) from = &nothing;
    if (to == NULL) to = seen;
    if (!crdt_context_within(from, seen) || !crdt_context_within(to, seen)) return CRDT_EGAP;
    crdt_err err = open_seq(ref, &seq);
    if (err != CRDT_OK || seq == NULL) return err;
    err = crdt__past_init(past, seq, from, to);
    if (err != CRDT_OK) past->seq = NULL;
    return err;
}

/* Elements in the unit asked for; what is inserted goes into the buffer. */
static crdt_err measure(maker *m, const crdt__past_run *run, uint64_t *ret_count)
{
    bool insert = m->reads && run->shows == CRDT__SHOWS_TO;
    *ret_count = run->len;
    if (!insert && m->unit == CRDT_CODE_POINTS) return CRDT_OK;
    *ret_count = 0;
    for (uint32_t at = 0, n; at < run->len; at += n) {
        crdt_view view = crdt__atoms_view(&m->seq->atoms, run->cid + at, run->len - at, &n);
        if (view.size == 0) return CRDT_ESTALE;
        if (insert) crdt_buf_put(&m->steps.text, view.data, view.size);
        if (m->unit == CRDT_CODE_POINTS) *ret_count += n;
        else if (m->unit == CRDT_UTF8_BYTES) *ret_count += view.size;
        else *ret_count += crdt__utf8_sums(view.data, view.size).units16;
    }
    return crdt_buf_status(&m->steps.text);
}

/* Put a step behind the others, onto the last one if it is of the same kind. */
static crdt_err add_step(crdt_steps *steps, const crdt_step *step)
{
    crdt_step *last = steps->count == 0 ? NULL : &steps->at[steps->count - 1];
    if (last != NULL && last->kind == step->kind && last->author == step->author &&
        last->by == step->by) {
        last->count += step->count;
        last->text.size += step->text.size;
        return CRDT_OK;
    }
    if (steps->count == steps->cap) {
        size_t     cap = crdt__grow(steps->cap, steps->count + 1);
        crdt_step *at =
            crdt__resize(steps->mem, steps->at, steps->cap * sizeof *at, cap * sizeof *at);
        if (at == NULL) return CRDT_ENOMEM;
        steps->at = at;
        steps->cap = cap;
    }
    steps->at[steps->count++] = *step;
    return CRDT_OK;
}

static crdt_step_kind kind_of(uint32_t shows)
{
    if (shows == CRDT__SHOWS_TO) return CRDT_INSERT;
    return shows == CRDT__SHOWS_FROM ? CRDT_DELETE : CRDT_RETAIN;
}

/* The run as steps: one for each author. */
static crdt_err tell(maker *m, crdt__past_run run)
{
    crdt_err err = CRDT_OK;
    for (uint32_t left = run.len; err == CRDT_OK && left > 0; left -= run.len) {
        crdt_step step = {.kind = kind_of(run.shows)};
        size_t    before = m->steps.text.size;
        run.len = left;
        if (m->authors) {
            uint32_t      values = crdt__before_stand(m->seq, run.cid, left);
            uint32_t      cid = values == 0 ? crdt__shown_by(m->seq, run.cid) : run.cid;
            crdt__idrange id = crdt__log_id(&m->seq->log, cid);
            run.len = values == 0 ? 1 : values;
            if (id.len < run.len) run.len = id.len;
            step.author = m->seq->log.authors[id.author].replica;
            if (run.by != CRDT__NO_AUTHOR) step.by = m->seq->log.authors[run.by].replica;
        }
        err = measure(m, &run, &step.count);
        step.text.size = m->steps.text.size - before;
        if (err == CRDT_OK) err = add_step(&m->steps, &step);
        run.cid += run.len;
    }
    return err;
}

/* Texts of steps lie in the buffer one behind the other. */
static void point_at_texts(crdt_steps *steps)
{
    const uint8_t *at = steps->text.data;
    for (size_t i = 0; i < steps->count; i++) {
        crdt_view *text = &steps->at[i].text;
        if (text->size == 0) continue;
        text->data = at;
        at += text->size;
    }
}

static crdt_err diff(maker *m, crdt_ref ref, const crdt_context *from, const crdt_context *to,
                     crdt_steps *ret_steps)
{
    crdt__past     past;
    crdt__past_run run;
    crdt_err       err = open_past(&ref, from, to, &past);
    crdt_steps_init(&m->steps, ret_steps->mem);
    m->seq = past.seq;
    while (err == CRDT_OK && past.seq != NULL && crdt__past_next(&past, &run)) err = tell(m, run);
    if (past.seq != NULL) crdt__past_clear(&past);
    if (err != CRDT_OK) {
        crdt_steps_clear(&m->steps);
        return err;
    }
    point_at_texts(&m->steps);
    crdt_steps_clear(ret_steps);
    *ret_steps = m->steps;
    return CRDT_OK;
}

static bool is_text(const crdt_ref *ref)
{
    return ref->type == &crdt_text_type || ref->type == &crdt_text_classic_type;
}

crdt_err crdt_text_diff(crdt_ref text, const crdt_context *from, const crdt_context *to,
                        crdt_unit unit, bool authors, crdt_steps *ret_steps)
{
    maker m = {.unit = unit, .authors = authors, .reads = true};
    if (!is_text(&text) || (unsigned)unit > CRDT_UTF8_BYTES) return CRDT_EINVAL;
    return diff(&m, text, from, to, ret_steps);
}

crdt_err crdt_rga_diff(crdt_ref list, const crdt_context *from, const crdt_context *to,
                       bool authors, crdt_steps *ret_steps)
{
    maker m = {.unit = CRDT_CODE_POINTS, .authors = authors};
    if (list.type != &crdt_rga_type && list.type != &crdt_rga_classic_type) return CRDT_EINVAL;
    return diff(&m, list, from, to, ret_steps);
}

crdt_err crdt_text_at(crdt_ref text, const crdt_context *at, crdt_buf *out)
{
    crdt__past     past;
    crdt__past_run run;
    size_t         before = out->size;
    if (!is_text(&text)) return CRDT_EINVAL;
    crdt_err err = open_past(&text, NULL, at, &past);
    while (err == CRDT_OK && past.seq != NULL && crdt__past_next(&past, &run)) {
        for (uint32_t done = 0, n; done < run.len; done += n) {
            crdt_view view = crdt__atoms_view(&past.seq->atoms, run.cid + done, run.len - done, &n);
            if (view.size == 0) err = CRDT_ESTALE;
            else crdt_buf_put(out, view.data, view.size);
        }
    }
    if (past.seq != NULL) crdt__past_clear(&past);
    if (err == CRDT_OK) err = crdt_buf_status(out);
    if (err != CRDT_OK) out->size = before;
    return err;
}
