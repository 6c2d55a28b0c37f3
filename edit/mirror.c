/* mirror.c: see mirror.h. */
#include "edit/mirror.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit/mem.h"

/* -- Saying ------------------------------------------------------------------------------------ */

static void expect(mirror *s, mirror_expected what, const char *session)
{
    s->waits = mem_grow(s->waits, s->waits_count, &s->waits_cap, sizeof *s->waits);
    mirror_wait *w = &s->waits[s->waits_count++];
    *w = (mirror_wait){.what = what};
    snprintf(w->session, sizeof w->session, "%s", session);
}

/* Words end with NULL. */
static void say(mirror *s, mirror_expected what, const char *const *words)
{
    size_t count = 0, sizes[16];
    for (; words[count] != NULL; count++) sizes[count] = strlen(words[count]);
    expect(s, what, "");
    link_say(&s->commands, count, words, sizes);
}
#define SAY(s, what, ...) say(s, what, (const char *const[]){__VA_ARGS__, NULL})

static const char *number(size_t n, char out[24])
{
    snprintf(out, 24, "%zu", n);
    return out;
}

static void look(mirror *s, uint64_t now_ms)
{
    const char *key = s->options.key;
    s->look = false;
    s->looked_ms = now_ms;
    s->watched = !delta_is_empty(&s->doc.pending) || s->doc.state == DOC_REFUSED;
    if (s->watched) SAY(s, MIRROR_NOTHING, "WATCH", key);
    SAY(s, MIRROR_CHANGES, "TEXT.CHANGES", key, s->token == NULL || s->replaces ? "0" : s->token,
        "UNIT", "byte");
    for (size_t i = 0; i < s->others.count; i++) {
        SAY(s, MIRROR_AT, "TEXT.AT", key, s->others.at[i].cursor, "UNIT", "byte");
        memcpy(s->waits[s->waits_count - 1].session, s->others.at[i].session,
               sizeof s->others.at[i].session);
    }
}

/* What is in flight, as commands: places are those that the commands before have made. */
static void say_flight(mirror *s)
{
    const delta *d = &s->doc.flight;
    char         place[24], count[24];
    size_t       at = 0;
    for (size_t i = 0; i < d->count; i++) {
        const delta_step *step = &d->at[i];
        if (step->kind == DELTA_INSERT) {
            const char *words[] = {"TEXT.INSERT", s->options.key, number(at, place),
                                   step->text,    "UNIT",         "byte"};
            size_t      sizes[] = {11, strlen(s->options.key), strlen(place), step->count, 4, 4};
            expect(s, MIRROR_NOTHING, "");
            link_say(&s->commands, 6, words, sizes);
        } else if (step->kind == DELTA_DELETE) {
            SAY(s, MIRROR_NOTHING, "TEXT.DELETE", s->options.key, number(at, place),
                number(step->count, count), "UNIT", "byte");
            continue;
        }
        at += step->count;
    }
}

static void send_typed(mirror *s)
{
    char number_of_it[24];
    doc_send(&s->doc, MIRROR_PIECE);
    s->watched = false;
    SAY(s, MIRROR_NOTHING, "MULTI");
    SAY(s, MIRROR_NOTHING, "SET", s->mark, number(++s->sent, number_of_it), "EX", "86400");
    say_flight(s);
    SAY(s, MIRROR_EXEC, "EXEC");
}

/* The last group; all that was typed has been taken. */
static void undo_group(mirror *s)
{
    char     count[24];
    bool     again = s->undo < 0;
    uint32_t steps = again ? groups_redo(&s->groups) : groups_undo(&s->groups);
    s->undo += again ? 1 : -1;
    if (steps == 0) {
        snprintf(s->news, sizeof s->news, "nothing to %s", again ? "redo" : "undo");
        s->undo = 0;
        return;
    }
    SAY(s, MIRROR_UNDO, again ? "TEXT.REDO" : "TEXT.UNDO", s->options.key, number(steps, count));
}

static void ask_cursor(mirror *s, uint64_t now_ms)
{
    char place[24];
    s->greet |= now_ms - s->told_ms >= PRESENCE_TELL_MS;
    s->tell = false;
    s->told_ms = now_ms;
    SAY(s, MIRROR_CURSOR, "TEXT.CURSOR", s->options.key, number(s->cursor, place), "LEFT", "UNIT",
        "byte");
}

static void publish(mirror *s, const char *cursor)
{
    char message[192];
    presence_message(s->session, s->options.name, cursor, message);
    SAY(s, MIRROR_NOTHING, "PUBLISH", s->channel, message);
}

/* The first words on a connection. Steps of undo are kept by its name. */
static void hello(mirror *s)
{
    char name[48];
    s->hello = false;
    if (s->options.password != NULL) SAY(s, MIRROR_NOTHING, "AUTH", s->options.password);
    snprintf(name, sizeof name, "concur-edit:%s", s->session);
    SAY(s, MIRROR_NOTHING, "CLIENT", "SETNAME", name);
    if (s->doc.state == DOC_UNKNOWN) SAY(s, MIRROR_MARK, "GET", s->mark);
    s->look = s->tell = s->greet = true;
}

/* -- Hearing ----------------------------------------------------------------------------------- */

static bool begins(const redisReply *r, const char *code)
{
    return r->type == REDIS_REPLY_ERROR && strncmp(r->str, code, strlen(code)) == 0;
}

static bool read_changes(const redisReply *steps, delta *d)
{
    for (size_t i = 0; i < steps->elements; i++) {
        const redisReply *one = steps->element[i];
        if (one->type != REDIS_REPLY_ARRAY || one->elements < 2) return false;
        if (one->element[1]->type != REDIS_REPLY_INTEGER || one->element[1]->integer < 0)
            return false;
        const char *kind = one->element[0]->str;
        size_t      count = (size_t)one->element[1]->integer;
        if (kind == NULL) return false;
        if (strcmp(kind, "retain") == 0) delta_keep(d, count);
        else if (strcmp(kind, "delete") == 0) delta_delete(d, count);
        else if (one->elements == 3 && one->element[2]->str != NULL)
            delta_insert(d, one->element[2]->str, one->element[2]->len);
        else return false;
    }
    return true;
}

static void apply_changes(mirror *s, const delta *told)
{
    delta seen = {0};
    if (s->replaces) {
        bool any = told->count > 0 && told->at[0].kind == DELTA_INSERT;
        doc_replace(&s->doc, any ? told->at[0].text : "", any ? told->at[0].count : 0, &seen);
    } else {
        doc_merge(&s->doc, told, &seen);
    }
    s->replaces = false;
    if (!delta_is_empty(&seen)) s->seen(s->user, &seen, s->undoing);
    s->undoing = false;
    delta_clear(&seen);
}

/* The node does not know the time of the last look: it may yet hear of it from its peers. */
static void wait_or_replace(mirror *s, bool wait, uint64_t now_ms)
{
    if (s->unknown_ms == 0) s->unknown_ms = now_ms;
    if (wait && now_ms - s->unknown_ms < MIRROR_UNKNOWN_MS) return;
    s->replaces = s->look = true;
}

static void hear_changes(mirror *s, const redisReply *r, uint64_t now_ms)
{
    bool good = r->type == REDIS_REPLY_ARRAY && r->elements == 4 &&
                r->element[1]->type == REDIS_REPLY_STRING &&
                r->element[3]->type == REDIS_REPLY_ARRAY;
    delta told = {0};
    if (good && read_changes(r->element[3], &told) && (s->replaces || doc_fits(&s->doc, &told))) {
        free(s->token);
        s->token = strdup(r->element[1]->str);
        s->unknown_ms = 0;
        s->problem[0] = 0;
        apply_changes(s, &told);
    } else if (begins(r, "NOTREADY") || begins(r, "BADTOKEN") || begins(r, "STALE")) {
        wait_or_replace(s, begins(r, "NOTREADY"), now_ms);
        s->watched = false;
    } else {
        s->watched = false;
        snprintf(s->problem, sizeof s->problem, "%s",
                 r->type == REDIS_REPLY_ERROR ? r->str : "the node's replies are not understood");
    }
    delta_clear(&told);
}

static void hear_at(mirror *s, const redisReply *r, const char *session)
{
    peer *one = presence_find(&s->others, session);
    if (one == NULL) return;
    bool   was = one->placed;
    size_t before = one->place;
    one->placed = r->type == REDIS_REPLY_INTEGER;
    if (one->placed) one->place = delta_place(&s->doc.pending, (size_t)r->integer);
    if (one->place > s->doc.shown.size) one->place = s->doc.shown.size;
    s->moved |= was != one->placed || before != one->place;
}

/* Null: the text has changed since the look. */
static void hear_exec(mirror *s, const redisReply *r, uint64_t now_ms)
{
    s->look = true;
    s->doc.state = r->type == REDIS_REPLY_ARRAY ? DOC_TAKEN : DOC_REFUSED;
    if (s->doc.state == DOC_TAKEN) groups_taken(&s->groups);
    if (r->type == REDIS_REPLY_ERROR) {
        snprintf(s->news, sizeof s->news, "%s", r->str);
        s->pause_ms = now_ms + MIRROR_LOOK_MS;
    }
    for (size_t i = 0; s->doc.state == DOC_TAKEN && i < r->elements; i++) {
        const redisReply *one = r->element[i];
        if (one->type != REDIS_REPLY_ERROR) continue;
        snprintf(s->news, sizeof s->news, "the node refused a part: %s", one->str);
        s->replaces = true; /* it tells what there is */
    }
}

static void hear_mark(mirror *s, const redisReply *r, uint64_t now_ms)
{
    bool taken = r->type == REDIS_REPLY_STRING && strtoull(r->str, NULL, 10) == s->sent;
    if (r->type == REDIS_REPLY_ERROR) {
        link_lose(&s->commands, r->str, now_ms);
        return;
    }
    s->doc.state = taken ? DOC_TAKEN : DOC_REFUSED;
    if (taken) groups_taken(&s->groups);
}

static void hear_undo(mirror *s, const redisReply *r)
{
    s->look = s->undoing = true;
    if (begins(r, "NOSTEP")) {
        snprintf(s->news, sizeof s->news, "the node does not remember what there is to undo");
    } else if (r->type == REDIS_REPLY_ERROR) {
        snprintf(s->news, sizeof s->news, "%s", r->str);
    }
}

static void hear_cursor(mirror *s, const redisReply *r)
{
    if (r->type != REDIS_REPLY_STRING || r->len > PRESENCE_CURSOR) {
        s->tell = true; /* the text has changed meanwhile: once more */
        return;
    }
    bool same = strcmp(s->told, r->str) == 0;
    snprintf(s->told, sizeof s->told, "%s", r->str);
    if (!same || s->greet) publish(s, s->told);
    s->greet = false;
}

static void hear_reply(mirror *s, const redisReply *r, const mirror_wait *w, uint64_t now_ms)
{
    switch (w->what) {
    case MIRROR_NOTHING:
        if (r->type == REDIS_REPLY_ERROR) snprintf(s->news, sizeof s->news, "%s", r->str);
        break;
    case MIRROR_MARK: hear_mark(s, r, now_ms); break;
    case MIRROR_CHANGES: hear_changes(s, r, now_ms); break;
    case MIRROR_AT: hear_at(s, r, w->session); break;
    case MIRROR_EXEC: hear_exec(s, r, now_ms); break;
    case MIRROR_UNDO: hear_undo(s, r); break;
    case MIRROR_CURSOR: hear_cursor(s, r); break;
    }
}

static void hear_commands(mirror *s, uint64_t now_ms)
{
    redisReply *r;
    size_t      done = 0;
    while (done < s->waits_count && (r = link_hear(&s->commands, now_ms)) != NULL) {
        mirror_wait w = s->waits[done++];
        hear_reply(s, r, &w, now_ms);
        freeReplyObject(r);
        s->heard_ms = now_ms;
    }
    s->waits_count -= done;
    if (done > 0) memmove(s->waits, s->waits + done, s->waits_count * sizeof *s->waits);
}

static void hear_ears(mirror *s, uint64_t now_ms)
{
    for (redisReply *r; (r = link_hear(&s->ears, now_ms)) != NULL; freeReplyObject(r)) {
        if (r->type != REDIS_REPLY_ARRAY || r->elements != 3) continue;
        const redisReply *said = r->element[2];
        if (said->type != REDIS_REPLY_STRING) { /* of SUBSCRIBE */
            s->tell = s->greet = s->look = true;
            continue;
        }
        presence_news news = presence_hear(&s->others, s->session, said->str, said->len, now_ms);
        s->look = true;
        if (news == PRESENCE_CAME) s->tell = s->greet = true;
    }
}

/* -- Turns ------------------------------------------------------------------------------------- */

static void begin_turn(mirror *s, uint64_t now_ms)
{
    bool settled = s->doc.state == DOC_NONE;
    if (s->hello) hello(s);
    else if (s->watched && doc_wants_send(&s->doc) && now_ms >= s->pause_ms) send_typed(s);
    else if (s->look || !settled || now_ms - s->looked_ms >= MIRROR_LOOK_MS) look(s, now_ms);
    else if (s->undo != 0 && doc_unsent(&s->doc) == 0) undo_group(s);
    else if (doc_unsent(&s->doc) == 0 && (s->tell || now_ms - s->told_ms >= PRESENCE_TELL_MS)) {
        ask_cursor(s, now_ms);
    }
    if (s->waits_count > 0) s->heard_ms = now_ms;
}

static void open_links(mirror *s, uint64_t now_ms)
{
    bool was_off = s->commands.state == LINK_OFF;
    link_open(&s->commands, s->options.host, s->options.port, now_ms);
    if (was_off) {
        s->hello = true;
        s->watched = false;
        s->waits_count = 0;
    }
    if (s->commands.state != LINK_ON) return;
    bool was_deaf = s->ears.state == LINK_OFF;
    link_open(&s->ears, s->options.host, s->options.port, now_ms);
    if (was_deaf) s->subscribed = false;
    if (s->ears.state == LINK_ON && !s->subscribed) {
        if (s->options.password != NULL) {
            size_t auth[] = {4, strlen(s->options.password)};
            link_say(&s->ears, 2, (const char *const[]){"AUTH", s->options.password}, auth);
        }
        size_t sizes[] = {9, strlen(s->channel)};
        link_say(&s->ears, 2, (const char *const[]){"SUBSCRIBE", s->channel}, sizes);
        s->subscribed = true;
    }
}

void mirror_turn(mirror *s, uint64_t now_ms)
{
    open_links(s, now_ms);
    hear_commands(s, now_ms);
    hear_ears(s, now_ms);
    presence_age(&s->others, now_ms);
    if (s->commands.state != LINK_ON) return;
    if (s->waits_count > 0 && now_ms - s->heard_ms > MIRROR_REPLY_MS) {
        link_lose(&s->commands, "the node does not answer", now_ms);
        return;
    }
    if (s->waits_count == 0) begin_turn(s, now_ms);
}

uint64_t mirror_deadline(const mirror *s, uint64_t now_ms)
{
    if (s->commands.state == LINK_OFF) return s->commands.retry_ms;
    if (s->commands.state == LINK_OPENING || s->waits_count > 0) return now_ms + 1000;
    bool more = s->look || s->tell || s->hello || s->watched || s->undo != 0;
    return more ? now_ms + 10 : s->looked_ms + MIRROR_LOOK_MS;
}

size_t mirror_poll(const mirror *s, struct pollfd ret[2])
{
    size_t count = 0;
    count += link_poll(&s->commands, &ret[count]);
    count += link_poll(&s->ears, &ret[count]);
    return count;
}

void mirror_handle(mirror *s, const struct pollfd *polled, size_t count, uint64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        link_to *l = s->commands.redis != NULL && s->commands.redis->fd == polled[i].fd
                         ? &s->commands
                     : s->ears.redis != NULL && s->ears.redis->fd == polled[i].fd ? &s->ears
                                                                                  : NULL;
        if (l != NULL) link_handle(l, polled[i].revents, now_ms);
    }
}

/* -- The editor's side ------------------------------------------------------------------------- */

void mirror_start(mirror *s, const mirror_options *options, const char *session, mirror_seen *seen,
                  void *user)
{
    *s = (mirror){.options = *options, .seen = seen, .user = user, .hello = true};
    snprintf(s->session, sizeof s->session, "%s", session);
    snprintf(s->mark, sizeof s->mark, "concur-edit:%s", s->session);
    snprintf(s->channel, sizeof s->channel, "concur-edit:%s", options->key);
}

void mirror_end(mirror *s)
{
    link_close(&s->commands);
    link_close(&s->ears);
    doc_clear(&s->doc);
    free(s->waits);
    free(s->token);
    *s = (mirror){0};
}

void mirror_edit(mirror *s, const delta *change)
{
    doc_edit(&s->doc, change);
    for (size_t i = 0; i < s->others.count; i++) {
        s->others.at[i].place = delta_place(change, s->others.at[i].place);
    }
    s->look = true;
}

void mirror_undo(mirror *s, bool again)
{
    s->undo += again ? -1 : 1;
}

void mirror_moved(mirror *s, size_t cursor)
{
    if (cursor == s->cursor) return;
    s->cursor = cursor;
    s->tell = true;
}

bool mirror_online(const mirror *s)
{
    bool heard = s->token != NULL || s->problem[0] != 0;
    return s->commands.state == LINK_ON && !s->hello && heard;
}

void mirror_leave(mirror *s)
{
    if (s->commands.state != LINK_ON) return;
    publish(s, "-");
    SAY(s, MIRROR_NOTHING, "DEL", s->mark);
}

bool mirror_idle(const mirror *s)
{
    return s->commands.state != LINK_ON || s->waits_count == 0;
}
