/* laws/steps.c: random numbers, the domains of arguments, and random histories as lists of
 * steps. */
#include <string.h>

#include "crdt/laws/kit.h"

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
uint64_t crdt__laws_rand(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t crdt__laws_below(uint64_t *state, uint64_t n)
{
    return n == 0 ? 0 : crdt__laws_rand(state) % n;
}

/* -- Arguments: a few that collide often, then those at the edges, which are drawn seldom. --- */

#define I(n)           \
    {                  \
        CRDT_INT, (n), \
        {              \
            NULL, 0    \
        }              \
    }
#define B(text)                   \
    {                             \
        CRDT_BYTES, 0,            \
        {                         \
            text, sizeof text - 1 \
        }                         \
    }
#define LONG_TEXT "forty bytes, so that nothing fits in place"

static const crdt_value any_values[] = {I(1),         B("a"),       I(2),        B("b"),
                                        B(""),        I(-1),        B("\0"),     B("a\0b"),
                                        I(INT64_MAX), I(INT64_MIN), B(LONG_TEXT)};
static const crdt_value byte_values[] = {B("a"),  B("b"),    B("c"),      B(""),
                                         B("\0"), B("a\0b"), B(LONG_TEXT)};
static const crdt_value int_values[] = {I(1), I(2), I(-1), I(0), I(INT64_MAX), I(INT64_MIN)};
static const crdt_value amounts[] = {I(1), I(2), I(3), I(INT64_MAX), I(INT64_C(1) << 62)};
static const crdt_value decimals[] = {B("0.5"),
                                      B("-0.25"),
                                      B("3"),
                                      B("0.00000000000000001"),
                                      B("-1e-17"),
                                      B("0.3333333333333333333"),
                                      B("9223372036854775807.9"),
                                      B("-9223372036854775808"),
                                      B("2e18"),
                                      B("+.125e1"),
                                      B("0"),
                                      B("a")};
static const crdt_value stamps[] = {I(1), I(2), I(3), I(0), I(INT64_MAX), I(1000)};

/* Of operations that take a position: low positions, which collide and exist; contents that differ,
 * so that their order shows: one character, several, not ASCII; at the edges no UTF-8. */
static const crdt_value positions[] = {I(0), I(1), I(2), I(0), I(1),  I(3),
                                       I(0), I(2), I(4), I(5), I(40), I(INT64_MAX)};
static const crdt_value counts[] = {I(1), I(2), I(1), I(3), I(9), I(INT64_MAX)};
static const crdt_value contents[] = {I(1), B("a"), I(2),      B("b"),       I(3),        B("c"),
                                      I(4), B("d"), I(5),      B("e"),       I(6),        B("f"),
                                      I(7), B(""),  B("a\0b"), I(INT64_MIN), B(LONG_TEXT)};
static const crdt_value texts[] = {B("a"),
                                   B("bc"),
                                   B("d"),
                                   B("\xc3\xa9"), /* e with acute */
                                   B("f"),
                                   B("ghi"),
                                   B("j"),
                                   B("\xe2\x82\xac"
                                     "k"), /* the euro sign */
                                   B("l"),
                                   B("m\xf0\x9f\x98\x80n"), /* a smiley */
                                   B("o"),
                                   B("\n"),
                                   B(LONG_TEXT),
                                   B(""),
                                   B("\0p\0"),
                                   B("\xff"),
                                   B("q\xed\xa0\x80"), /* half a surrogate pair */
                                   B("\xc3")};

#define REV(depth, digit) depth "-" digit digit digit digit digit digit digit digit
#define REV_A REV("1", "aaaa")
static const crdt_value revisions[] = {B(""),
                                       B(REV_A),
                                       B(REV("2", "bbbb") " " REV_A),
                                       B(REV("2", "cccc") " " REV_A),
                                       B(REV("3", "dddd") " " REV("2", "bbbb") " " REV_A),
                                       B(REV("2", "bbbb")),
                                       B(REV("3", "eeee") " " REV("2", "cccc")),
                                       B(REV("4294967295", "ffff")),
                                       B(REV("2", "bbbb") " " REV("2", "cccc")),
                                       B("1-a")};

/* Of three replicas' elements, and the ends. */
#define ELEM(number, digit, side) number "@00000000000000" digit digit side
static const crdt_value cursors[] = {B("start"),
                                     B("end"),
                                     B(ELEM("1", "a", "<")),
                                     B(ELEM("1", "a", ">")),
                                     B(ELEM("2", "b", "<")),
                                     B(ELEM("1073741823", "c", ">")),
                                     B(ELEM("18446744073709551615", "a", ">")),
                                     B(ELEM("01", "a", "<")),
                                     B("1@a<")};

typedef struct domain {
    char              letter;
    bool              placed; /* for operations that take a position */
    const crdt_value *values;
    unsigned          count, usual;
} domain;

#define COUNT(list) (sizeof(list) / sizeof *(list))
static const domain domains[] = {{'v', false, any_values, COUNT(any_values), 4},
                                 {'b', false, byte_values, COUNT(byte_values), 3},
                                 {'d', false, decimals, COUNT(decimals), 3},
                                 {'r', false, revisions, COUNT(revisions), 5},
                                 {'c', false, cursors, COUNT(cursors), 4},
                                 {'i', false, int_values, COUNT(int_values), 3},
                                 {'n', false, amounts, COUNT(amounts), 3},
                                 {'t', false, stamps, COUNT(stamps), 3},
                                 {'p', true, positions, COUNT(positions), 10},
                                 {'v', true, contents, COUNT(contents), 13},
                                 {'b', true, texts, COUNT(texts), 12},
                                 {'n', true, counts, COUNT(counts), 4}};

bool crdt__laws_is_placed(const crdt_op *op)
{
    return op != NULL && strchr(op->args, 'p') != NULL;
}

static const domain *domain_of(const crdt_op *op, size_t arg)
{
    const domain *found = &domains[0];
    for (size_t i = 0; i < COUNT(domains); i++) {
        if (domains[i].letter != op->args[arg]) continue;
        if (!domains[i].placed || crdt__laws_is_placed(op)) found = &domains[i];
    }
    return found;
}

crdt_value crdt__laws_arg(const crdt_op *op, size_t arg, unsigned index)
{
    const domain *d = domain_of(op, arg);
    return d->values[index % d->count];
}

static uint8_t random_arg(const crdt_op *op, size_t arg, uint64_t *rand)
{
    const domain *d = domain_of(op, arg);
    bool          edge = crdt__laws_below(rand, 12) == 0;
    return (uint8_t)crdt__laws_below(rand, edge ? d->count : d->usual);
}

void crdt__laws_print_op(const crdt_op *op, const crdt_value *args, crdt_buf *out)
{
    if (op == NULL) {
        crdt_buf_text(out, "reset()");
        return;
    }
    crdt_buf_text(out, op->name);
    crdt_buf_text(out, "(");
    for (size_t i = 0; op->args[i] != 0; i++) {
        if (i > 0) crdt_buf_text(out, ", ");
        crdt_buf_print_value(out, args[i]);
    }
    crdt_buf_text(out, ")");
}

/* -- Histories ------------------------------------------------------------------------------- */

/* Two styles of history: busy ones, and ones about collection, with one element, and with
 * acknowledgements and cuts that overtake operations. Kinds of steps by weight, out of 100. */
typedef struct style {
    uint8_t weights[KIT_CUT + 1];
    bool    narrow; /* the usual arguments are just the first */
} style;

static const style busy = {{[KIT_OP] = 44,
                            [KIT_DELIVER] = 24,
                            [KIT_AGAIN] = 3,
                            [KIT_GAP] = 3,
                            [KIT_SYNC] = 6,
                            [KIT_SINCE] = 4,
                            [KIT_RESTART] = 2,
                            [KIT_SAVE] = 4,
                            [KIT_ACK] = 5,
                            [KIT_CUT] = 5},
                           false};
static const style collecting = {{[KIT_OP] = 27,
                                  [KIT_DELIVER] = 40,
                                  [KIT_AGAIN] = 2,
                                  [KIT_GAP] = 1,
                                  [KIT_SYNC] = 2,
                                  [KIT_SINCE] = 2,
                                  [KIT_RESTART] = 1,
                                  [KIT_ACK] = 15,
                                  [KIT_CUT] = 10},
                                 true};

static uint8_t random_kind(const style *like, uint64_t *rand)
{
    uint64_t at = crdt__laws_below(rand, 100);
    for (uint8_t kind = 0; kind <= KIT_CUT; kind++) {
        if (at < like->weights[kind]) return kind;
        at -= like->weights[kind];
    }
    return KIT_OP;
}

/* Each history has a favourite operation, or none: else what removes would outweigh what adds.
 * The reset is drawn seldom: it wipes what makes the next steps interesting. Where there are
 * positions the first operation, which inserts, is drawn more often: the others need elements. */
static void random_operation(const crdt_type *type, const style *like, size_t favourite,
                             uint64_t *rand, kit_step *s)
{
    bool   reset = crdt__laws_below(rand, 14) == 0 || type->ops_count == 0;
    size_t op = reset ? type->ops_count : crdt__laws_below(rand, type->ops_count);
    if (!reset && favourite < type->ops_count && crdt__laws_below(rand, 2) == 0) op = favourite;
    bool placed = !reset && crdt__laws_is_placed(&type->ops[op]);
    if (placed && crdt__laws_below(rand, 2) == 0) op = 0;
    s->op = (uint8_t)op;
    bool narrow = like->narrow && !placed;
    for (size_t i = 0; !reset && i < CRDT_OP_ARGS_MAX && type->ops[op].args[i] != 0; i++) {
        uint8_t arg = random_arg(&type->ops[op], i, rand);
        s->args[i] = narrow && crdt__laws_below(rand, 8) != 0 ? 0 : arg;
    }
    s->rollback = crdt__laws_below(rand, 12) == 0;
    bool at = crdt__laws_below(rand, 6) == 0;
    if (at && !like->narrow) s->slot = (uint8_t)(1 + crdt__laws_below(rand, KIT_SLOTS));
}

static kit_step random_step(const crdt_type *type, const style *like, size_t favourite,
                            unsigned names, uint64_t *rand)
{
    kit_step s;
    memset(&s, 0, sizeof s);
    s.kind = random_kind(like, rand);
    s.replica = (uint8_t)crdt__laws_below(rand, KIT_REPLICAS);
    s.peer = (uint8_t)((s.replica + 1 + crdt__laws_below(rand, KIT_REPLICAS - 1)) % KIT_REPLICAS);
    s.pick = (uint32_t)crdt__laws_rand(rand);
    s.name = (uint8_t)(names > 1 ? crdt__laws_below(rand, names) : 0);
    if (s.kind == KIT_SAVE) s.slot = (uint8_t)(1 + crdt__laws_below(rand, KIT_SLOTS));
    if (s.kind == KIT_OP) random_operation(type, like, favourite, rand, &s);
    return s;
}

void crdt__laws_generate(const crdt_type *type, uint64_t seed, kit_history *ret_history)
{
    kit_history *h = ret_history;
    uint64_t     state = seed, *rand = &state;
    memset(h, 0, sizeof *h);
    h->collects = (seed & KIT_COLLECTS) != 0;
    const style *like = h->collects ? &collecting : &busy;
    size_t       favourite = crdt__laws_below(rand, type->ops_count + 1);
    h->names = crdt__laws_below(rand, 4) == 0 ? 2 : 0;
    h->count = (h->collects ? 16 : 8) + crdt__laws_below(rand, 32);
    for (size_t i = 0; i < h->count; i++) {
        h->steps[i] = random_step(type, like, favourite, h->names, rand);
        if (i == 0 || h->steps[i].kind != KIT_OP || h->steps[i - 1].kind != KIT_OP) continue;
        if (crdt__laws_below(rand, 4) != 0) continue;
        h->steps[i].chain = true;
        h->steps[i].replica = h->steps[i - 1].replica;
    }
}

bool crdt__laws_simplify(kit_step *step, unsigned i)
{
    kit_step was = *step;
    switch (i) {
    case 0: step->chain = false; break;
    case 1: step->rollback = false; break;
    case 2: step->slot = step->kind == KIT_SAVE ? 1 : 0; break;
    case 3: step->pick = 0; break;
    case 4: step->name = 0; break;
    case 5:
        step->kind = step->kind == KIT_SYNC || step->kind == KIT_SINCE ? KIT_DELIVER : was.kind;
        break;
    default:
        if (i >= 6 + CRDT_OP_ARGS_MAX) return false;
        step->args[i - 6] = 0;
    }
    return memcmp(&was, step, sizeof was) != 0;
}
