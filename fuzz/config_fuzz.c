/* config_fuzz.c: any bytes as a configuration file, as flags, and as words of CONFIG SET.
 *
 * Input    the first byte picks which; flags and words end in NUL.
 * Refused  with a problem of one line; the configuration is as it was.
 * Taken    what CONFIG GET shows, read as a file, gives the same; it says whether it is safe.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz/fuzz.h"
#include "node/config.h"

enum { WORDS_MAX = 16 };

/* What all options show, as lines of a file. */
static void show(const node_config *config, crdt_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    node_option       o;
    crdt_buf          value;
    crdt_buf_init(&value, NULL);
    for (size_t i = 0; node_config_option(i, &o, NULL); i++) {
        crdt_view   name = crdt_text_view(o.name);
        const char *found;
        size_t      at = 0;
        CHECK(node_config_next(config, &name, 1, &at, &found, &value));
        CHECK(strcmp(found, o.name) == 0);
        crdt_buf_text(out, o.name);
        crdt_buf_text(out, " \"");
        for (size_t j = 0; j < value.size; j++) {
            crdt_buf_text(out, "\\x");
            crdt_buf_byte(out, (uint8_t)digits[value.data[j] >> 4]);
            crdt_buf_byte(out, (uint8_t)digits[value.data[j] & 15]);
        }
        crdt_buf_text(out, "\"\n");
    }
    crdt_buf_clear(&value);
}

/* Read as a file it is the same. */
static void reads_back(const node_config *config)
{
    static node_config again;
    static char        problem[NODE_PROBLEM_MAX];
    crdt_buf           text, text_again;
    crdt_buf_init(&text, NULL);
    crdt_buf_init(&text_again, NULL);
    show(config, &text);
    node_config_default(&again);
    CHECK_MSG(node_config_parse_text(&again, "again", crdt_buf_bytes(&text), problem), "%s",
              problem);
    show(&again, &text_again);
    CHECK_EQ_MEM(text_again.data, text_again.size, text.data, text.size);
    crdt_buf_clear(&text);
    crdt_buf_clear(&text_again);
}

/* The next text that ends in NUL, or with the input; a copy, to be freed. */
static char *next_text(fuzz_in *in)
{
    size_t         left = (size_t)(in->end - in->at);
    const uint8_t *end = memchr(in->at, 0, left);
    crdt_view      text = fuzz_take(in, end == NULL ? left : (size_t)(end - in->at));
    char          *copy = calloc(1, text.size + 1);
    CHECK(copy != NULL);
    if (text.size > 0) memcpy(copy, text.data, text.size);
    if (fuzz_more(in)) (void)fuzz_byte(in);
    return copy;
}

/* Flags or words; none that names a file to be read. */
static bool words(node_config *config, fuzz_in *in, bool are_flags, char *problem)
{
    char     *texts[WORDS_MAX];
    crdt_view views[WORDS_MAX];
    bool      good;
    int       count = 0;
    while (fuzz_more(in) && count < WORDS_MAX) {
        texts[count] = next_text(in);
        views[count] = crdt_text_view(texts[count]);
        if (are_flags && strncasecmp(texts[count], "--config", 8) == 0) texts[count][2] = 'x';
        count++;
    }
    if (are_flags) {
        node_config_verb verb = node_config_parse_args(config, count, texts, problem);
        good = verb != NODE_CONFIG_WRONG;
        if (verb == NODE_CONFIG_RUN) CHECK(node_config_check(config, problem));
    } else {
        good = node_config_set(config, views, (size_t)count, problem);
    }
    for (int i = 0; i < count; i++) free(texts[i]);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static node_config config, before;
    static char        problem[NODE_PROBLEM_MAX];
    fuzz_in            in = fuzz_input(data, size);
    uint8_t            pick = fuzz_byte(&in) % 3;
    node_config_default(&config);
    before = config;
    *problem = 0;
    bool good = pick == 0 ? node_config_parse_text(&config, "file", fuzz_rest(&in), problem)
                          : words(&config, &in, pick == 1, problem);
    if (good) {
        reads_back(&config);
        if (!node_config_check(&config, problem)) CHECK(*problem != 0);
    } else {
        CHECK(*problem != 0 && strpbrk(problem, "\r\n") == NULL);
        CHECK_EQ_MEM(&config, sizeof config, &before, sizeof before);
    }
    return 0;
}
