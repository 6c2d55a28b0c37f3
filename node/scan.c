/* scan.c: see scan.h. */
#include "node/scan.h"

#include <limits.h>

#include "node/keys.h"
#include "node/number.h"

#define WHOLE 128u /* elements that are told at once */

bool scan_cursor(call *c, scan *ret_scan)
{
    *ret_scan = (scan){0, 10, {NULL, 0}};
    if (number_uint64(c->args[2], &ret_scan->cursor)) return true;
    call_error(c, "ERR invalid cursor");
    return false;
}

static bool parse(call *c, scan *s)
{
    for (size_t i = 3; i < c->count && !c->failed; i += 2) {
        bool match = call_is(c, i, "match"), hint = call_is(c, i, "count");
        if (i + 1 == c->count || !(match || hint)) call_syntax(c);
        else if (match) s->pattern = c->args[i + 1];
        else if (call_int(c, i + 1, &s->count) && s->count < 1) call_syntax(c);
    }
    return !c->failed;
}

bool scan_from(call *c, scan *s, size_t size, crdt_view *ret_from)
{
    *ret_from = crdt_view_of(NULL, 0);
    if (size > 0 && !parse(c, s)) return false;
    if (size <= WHOLE) {
        s->count = WHOLE;
    } else if (s->cursor != 0 && !key_cursor(c->node, s->cursor, ret_from)) {
        call_error(c, "ERR invalid cursor");
        return false;
    }
    return true;
}

void scan_reply(call *c, uint64_t next, size_t count, const crdt_buf *found)
{
    reply_array(c->reply, 2);
    reply_bulk_int(c->reply, (int64_t)next);
    reply_array(c->reply, count);
    crdt_buf_put(c->reply->out, found->data, found->size);
    if (found->failed) c->reply->out->failed = true;
}

bool scan_random(call *c, const char *word, int64_t *ret_count, bool *ret_with)
{
    if (!call_int(c, 2, ret_count)) return false;
    *ret_with = c->count == 4 && call_is(c, 3, word);
    if (*ret_count == INT64_MIN) {
        call_error(c, "ERR value is out of range, value must between -%lld and %lld", LLONG_MAX,
                   LLONG_MAX);
    } else if (c->count > 3 && !*ret_with) {
        call_syntax(c);
    } else if (*ret_with && (*ret_count < -LLONG_MAX / 2 || *ret_count > LLONG_MAX / 2)) {
        call_error(c, "ERR value is out of range");
    }
    return !c->failed;
}

bool scan_too_large(call *c)
{
    uint64_t most = c->node->config.output_hard_bytes;
    if (most == 0 || c->reply->out->size <= most) return false;
    call_error(c, "ERR the reply is larger than client-output-buffer-limit allows");
    return true;
}
