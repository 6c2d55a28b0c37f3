/* log.h: the log on stderr: one line an event: time, level, what, key=value. */
#ifndef NODE_LOG_H
#define NODE_LOG_H
#include "crdt/base.h"

typedef enum node_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } node_level;

/* What is above the level is not written. For the whole process; LOG_INFO at first. */
void node_log_limit(node_level level);
bool node_logs(node_level level);
/* event: a few words; format: key=value pairs, or NULL. Values with spaces are to be quoted by the
 * caller (node_log_quote). */
void node_log(node_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* bytes as one word in quotes, what is not printable as \xNN, cut after 64; into out. */
const char *node_log_quote(crdt_view bytes, char out[280]);

#endif
