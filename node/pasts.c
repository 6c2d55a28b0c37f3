/* pasts.c: TEXT.CHANGES, TEXT.HISTORY and TEXT.BLAME: what a text was, what changed since, and who
 * wrote it, over crdt/history.h.
 *
 * Times    are tokens: CRDT.TOKEN and TEXT.CHANGES give them; 0: before anything was written. Those
 *          of other nodes are as good, once what they tell of has arrived here.
 * Writers  are replica ids, as CRDT.EXPLAIN tells them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "crdt/history.h"
#include "node/commands.h"
#include "node/keys.h"
#include "node/ready.h"
#include "node/texts.h"

/* The text also where it shows no more: what it was. *ret_gone: it shows nothing now. *ret_text
 * without a type: there never was one. False: an error was replied. */
static bool find_past(call *c, crdt_ref *ret_text, bool *ret_gone)
{
    bool there;
    if (!text_find(c, ret_text, &there)) return false;
    *ret_gone = !there;
    if (there) return true;
    crdt_err err = crdt_store_object(c->node->store, c->args[1], &crdt_text_type, ret_text);
    if (err == CRDT_ENOENT) {
        err = crdt_store_object(c->node->store, c->args[1], &crdt_text_classic_type, ret_text);
    }
    if (err == CRDT_ENOENT) ret_text->type = NULL;
    return err == CRDT_ENOENT || !call_fails(c, err);
}

/* A time that the argument tells, into an empty context. False: an error was replied. */
static bool read_time(call *c, size_t i, crdt_context *ret_time)
{
    return call_is(c, i, "0") || ready_read(c, c->args[i], ret_time);
}

static bool past_fails(call *c, const text_args *o, crdt_err err)
{
    if (err == CRDT_EGAP) {
        call_error(c, "NOTREADY the token tells of writes that have not arrived here: CRDT.READY "
                      "waits for them");
        return true;
    }
    if (err == CRDT_ESTALE) {
        call_error(c,
                   "STALE what the text was then has been forgotten: ask from 0, or from a later "
                   "token");
        return true;
    }
    return text_fails(c, o, err);
}

/* -- TEXT.CHANGES ------------------------------------------------------------------------------ */

static void reply_writer(reply *r, uint64_t replica)
{
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, replica);
    if (replica == 0) reply_null(r);
    else reply_text(r, text);
}

static void reply_step(reply *r, const crdt_step *step, bool writers)
{
    static const char *const names[] = {"retain", "insert", "delete"};
    bool                     insert = step->kind == CRDT_INSERT, gone = step->kind == CRDT_DELETE;
    reply_array(r, 2u + insert + (writers ? 1u + gone : 0u));
    reply_text(r, names[step->kind]);
    reply_int(r, (int64_t)step->count);
    if (insert) reply_bulk(r, step->text);
    if (!writers) return;
    reply_writer(r, step->author);
    if (gone) reply_writer(r, step->by);
}

typedef struct change_args {
    text_args    text;
    crdt_context from, to;
    bool         until, writers; /* until: `to` was told */
} change_args;

/* key from [to] [WRITERS] [UNIT unit]; False: an error was replied. */
static bool parse_changes(call *c, change_args *o)
{
    if (!text_unit(c, &o->text)) return false;
    size_t count = o->text.count;
    o->writers = count > 3 && call_is(c, count - 1, "writers");
    if (o->writers) count--;
    o->until = count == 4;
    if (count != 3 && count != 4) call_wrong_arity(c);
    return !c->failed && read_time(c, 2, &o->from) && (!o->until || read_time(c, 3, &o->to));
}

/* What is now is told by the store's context or, where the text is gone by a deadline that no
 * removal has followed yet, by none. */
static void changes(call *c, const change_args *o, crdt_steps *steps)
{
    crdt_ref            text;
    bool                gone;
    const crdt_context *now = crdt_store_context(c->node->store);
    if (!find_past(c, &text, &gone)) return;
    bool                expired = gone && key_expired(c, c->args[1]);
    const crdt_context *to = o->until || expired ? &o->to : now;
    crdt_err            err =
        !crdt_context_within(&o->from, now) || !crdt_context_within(to, now) ? CRDT_EGAP : CRDT_OK;
    if (err == CRDT_OK && text.type != NULL) {
        err = crdt_text_diff(text, &o->from, to, o->text.unit, o->writers, steps);
    }
    if (past_fails(c, &o->text, err)) return;
    reply_map(c->reply, 2);
    reply_text(c->reply, "token");
    ready_tell(c, to);
    if (c->failed) return;
    reply_text(c->reply, "changes");
    reply_array(c->reply, steps->count);
    for (size_t i = 0; i < steps->count; i++) reply_step(c->reply, &steps->at[i], o->writers);
}

void command_text_changes(call *c)
{
    change_args o;
    crdt_steps  steps;
    crdt_context_init(&o.from, NULL);
    crdt_context_init(&o.to, NULL);
    crdt_steps_init(&steps, NULL);
    if (parse_changes(c, &o)) changes(c, &o, &steps);
    crdt_steps_clear(&steps);
    crdt_context_clear(&o.from);
    crdt_context_clear(&o.to);
}

/* -- TEXT.HISTORY ------------------------------------------------------------------------------ */

static void reply_past(call *c, const text_args *o, const crdt_context *time)
{
    crdt_ref text;
    crdt_buf out;
    bool     gone;
    if (!find_past(c, &text, &gone)) return;
    if (!crdt_context_within(time, crdt_store_context(c->node->store))) {
        past_fails(c, o, CRDT_EGAP);
        return;
    }
    if (text.type == NULL) {
        reply_null(c->reply);
        return;
    }
    crdt_buf_init(&out, NULL);
    if (!past_fails(c, o, crdt_text_at(text, time, &out))) {
        reply_bulk(c->reply, crdt_buf_bytes(&out));
    }
    crdt_buf_clear(&out);
}

void command_text_history(call *c)
{
    text_args    o = {CRDT_CODE_POINTS, c->count};
    crdt_context time;
    crdt_context_init(&time, NULL);
    if (read_time(c, 2, &time)) reply_past(c, &o, &time);
    crdt_context_clear(&time);
}

/* -- TEXT.BLAME -------------------------------------------------------------------------------- */

void command_text_blame(call *c)
{
    text_args  o;
    crdt_ref   text;
    crdt_steps steps;
    uint64_t   at = 0;
    bool       there;
    if (!text_unit(c, &o)) return;
    if (o.count != 2) {
        call_wrong_arity(c);
        return;
    }
    if (!text_find(c, &text, &there)) return;
    crdt_steps_init(&steps, NULL);
    crdt_err err = there ? crdt_text_diff(text, NULL, NULL, o.unit, true, &steps) : CRDT_OK;
    if (!past_fails(c, &o, err)) {
        reply_array(c->reply, steps.count);
        for (size_t i = 0; i < steps.count; i++) {
            reply_array(c->reply, 3);
            reply_int(c->reply, (int64_t)at);
            reply_int(c->reply, (int64_t)steps.at[i].count);
            reply_writer(c->reply, steps.at[i].author);
            at += steps.at[i].count;
        }
    }
    crdt_steps_clear(&steps);
}
