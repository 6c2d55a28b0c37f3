/* disk_io.c: whole reads and writes over the table of file calls, names, words, one-line files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <xxhash.h>

#include "gossip/core/disk.h"

#define BLOCK 4096u /* what an unreadable sector takes with it */
#define ATTEMPTS 3u

/* -- Words ------------------------------------------------------------------------------------- */

gossip__words gossip__words_into(char *text, size_t cap)
{
    gossip__words words = {text, 0, cap};
    text[0] = 0;
    return words;
}

void gossip__words_text(gossip__words *words, const char *text)
{
    size_t size = strlen(text), room = words->cap - 1 - words->size;
    if (size > room) size = room;
    memcpy(words->text + words->size, text, size);
    words->size += size;
    words->text[words->size] = 0;
}

void gossip__words_number(gossip__words *words, uint64_t n)
{
    char   digits[21];
    size_t at = sizeof digits;
    digits[--at] = 0;
    do digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    gossip__words_text(words, digits + at);
}

gossip__name gossip__name_of(const char *stem, uint64_t number, const char *end)
{
    gossip__name  name;
    gossip__words words = gossip__words_into(name.text, sizeof name.text);
    gossip__words_text(&words, stem);
    gossip__words_text(&words, ".");
    gossip__words_number(&words, number);
    gossip__words_text(&words, end);
    return name;
}

uint64_t gossip__name_number(const char *name, const char *stem)
{
    size_t   size = strlen(stem);
    uint64_t n = 0;
    if (strncmp(name, stem, size) != 0 || name[size] != '.' || name[size + 1] == '0') return 0;
    for (name += size + 1; *name != 0; name++) {
        if (*name < '0' || *name > '9' || n > GOSSIP__NUMBER_MAX / 10) return 0;
        n = n * 10 + (uint64_t)(*name - '0');
    }
    return n <= GOSSIP__NUMBER_MAX ? n : 0;
}

/* -- Whole reads and writes -------------------------------------------------------------------- */

bool gossip__write_all(const gossip_files *files, int64_t fd, const void *data, size_t size,
                       uint64_t offset)
{
    const uint8_t *at = data;
    while (size > 0) {
        int64_t n = files->write(files->user, fd, at, size, offset);
        if (n == -EINTR) continue;
        if (n <= 0 || (uint64_t)n > size) return false;
        at += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

/* Reads up to `size` bytes in one go: how many. */
static size_t read_some(const gossip_files *files, int64_t fd, uint8_t *data, size_t size,
                        uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        int64_t n = files->read(files->user, fd, data + done, size - done, offset + done);
        if (n == -EINTR) continue;
        if (n <= 0 || (uint64_t)n > size - done) break;
        done += (size_t)n;
    }
    return done;
}

bool gossip__read_all(const gossip_files *files, int64_t fd, void *data, size_t size,
                      uint64_t offset)
{
    uint8_t *at = data;
    size_t   done = read_some(files, fd, at, size, offset);
    bool     whole = true;
    while (done < size) { /* block by block, so that one bad place costs no more than it must */
        size_t end = BLOCK - (size_t)((offset + done) % BLOCK), got = 0;
        if (end > size - done) end = size - done;
        for (unsigned i = 0; i < ATTEMPTS && got < end; i++) {
            got += read_some(files, fd, at + done + got, end - got, offset + done + got);
        }
        if (got < end) whole = false;
        memset(at + done + got, 0, end - got);
        done += end;
        if (whole) done += read_some(files, fd, at + done, size - done, offset + done);
    }
    return whole;
}

/* -- Files of one line ------------------------------------------------------------------------- */

#define HEX 16u
#define LINE_BYTES (64u + (GOSSIP__LINE_MAX + 1) * (HEX + 1))

static void put_hex(char *at, uint64_t n)
{
    for (unsigned i = HEX; i-- > 0; n >>= 4) at[i] = "0123456789abcdef"[n & 15];
}

static bool get_hex(const char *at, uint64_t *ret_n)
{
    static const char digits[] = "0123456789abcdef";
    *ret_n = 0;
    for (unsigned i = 0; i < HEX; i++) {
        const char *digit = at[i] == 0 ? NULL : strchr(digits, at[i]);
        if (digit == NULL) return false;
        *ret_n = *ret_n << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

/* "word number number ... hash" and a newline, into text: its size. */
static size_t line_text(const gossip__line *line, char text[LINE_BYTES])
{
    size_t size = strlen(line->word);
    memcpy(text, line->word, size);
    for (size_t i = 0; i < line->count; i++) {
        text[size] = ' ';
        put_hex(text + size + 1, line->at[i]);
        size += 1 + HEX;
    }
    text[size] = ' ';
    put_hex(text + size + 1, XXH3_64bits(text, size));
    size += 1 + HEX;
    text[size] = '\n';
    return size + 1;
}

bool gossip__line_write(const gossip_files *files, gossip__line *line)
{
    char          text[LINE_BYTES], name[32];
    gossip__words words = gossip__words_into(name, sizeof name);
    gossip__words_text(&words, line->word);
    gossip__words_text(&words, ".new");
    int64_t fd = files->open(files->user, name, O_RDWR | O_CREAT | O_TRUNC);
    if (fd < 0) return false;
    bool   ok = !line->identity || files->identity(files->user, fd, &line->at[line->count - 2],
                                                   &line->at[line->count - 1]) == 0;
    size_t size = line_text(line, text);
    ok = ok && gossip__write_all(files, fd, text, size, 0) && files->sync(files->user, fd) == 0;
    if (files->close(files->user, fd) != 0) ok = false;
    ok = ok && files->rename(files->user, name, line->word) == 0;
    if (!ok) (void)files->unlink(files->user, name);
    return ok && files->sync(files->user, -1) == 0;
}

/* The text of a line whose hash fits. */
static crdt_err line_parse(gossip__line *line, const char *text, size_t size)
{
    uint64_t hash, format;
    size_t   word = strlen(line->word);
    size_t   body = size - 2 - HEX; /* wraps if too short */
    if (size < word + 2 * (1 + HEX) + 1 || text[size - 1] != '\n' || text[body] != ' ' ||
        !get_hex(text + body + 1, &hash) || hash != XXH3_64bits(text, body)) {
        return CRDT_EMALFORMED;
    }
    if (memcmp(text, line->word, word) != 0 || text[word] != ' ' ||
        !get_hex(text + word + 1, &format)) {
        return CRDT_EMALFORMED;
    }
    if (format > GOSSIP__FORMAT) return CRDT_EVERSION;
    if (body != word + line->count * (1 + HEX)) return CRDT_EMALFORMED;
    for (size_t i = 0; i < line->count; i++) {
        const char *at = text + word + i * (1 + HEX);
        if (*at != ' ' || !get_hex(at + 1, &line->at[i])) return CRDT_EMALFORMED;
    }
    return CRDT_OK;
}

crdt_err gossip__line_read(const gossip_files *files, gossip__line *line)
{
    char     text[LINE_BYTES];
    uint64_t machine = 0, inode = 0;
    int64_t  fd = files->open(files->user, line->word, O_RDONLY);
    if (fd == -ENOENT) return CRDT_ENOENT;
    if (fd < 0) return CRDT_EIO;
    crdt_err err = CRDT_OK;
    int64_t  size = files->size(files->user, fd);
    if (size < 0) err = CRDT_EIO;
    else if ((uint64_t)size > sizeof text) err = CRDT_EMALFORMED;
    else if (!gossip__read_all(files, fd, text, (size_t)size, 0)) err = CRDT_EIO;
    else err = line_parse(line, text, (size_t)size);
    if (err == CRDT_OK && line->identity) {
        if (files->identity(files->user, fd, &machine, &inode) != 0) err = CRDT_EIO;
        else if (line->at[line->count - 2] != machine || line->at[line->count - 1] != inode) {
            err = CRDT_EMALFORMED;
        }
    }
    (void)files->close(files->user, fd);
    return err;
}
