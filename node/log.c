/* log.c: see log.h. */
#include "node/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static node_level        limit = LOG_INFO;
static const char *const levels[] = {"error", "warn", "info", "debug"};

void node_log_limit(node_level level)
{
    limit = level;
}

bool node_logs(node_level level)
{
    return level <= limit;
}

const char *node_log_quote(crdt_view bytes, char out[280])
{
    const uint8_t *at = bytes.data;
    size_t         size = bytes.size < 64 ? bytes.size : 64, n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < size; i++) {
        if (at[i] >= 0x20 && at[i] < 0x7f && at[i] != '"' && at[i] != '\\') out[n++] = (char)at[i];
        else n += (size_t)snprintf(out + n, 280 - n, "\\x%02x", at[i]);
    }
    snprintf(out + n, 280 - n, size < bytes.size ? "...\"" : "\"");
    return out;
}

void node_log(node_level level, const char *event, const char *format, ...)
{
    struct timespec now;
    struct tm       day;
    char            time_text[32], text[1024];
    int             n = 0;
    if (!node_logs(level)) return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &day);
    strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%S", &day);
    if (format != NULL) {
        va_list args;
        va_start(args, format);
        n = vsnprintf(text, sizeof text, format, args);
        va_end(args);
    }
    fprintf(stderr, "%s.%03ldZ %-5s %s%s%s\n", time_text, now.tv_nsec / 1000000, levels[level],
            event, n > 0 ? " " : "", n > 0 ? text : "");
}
