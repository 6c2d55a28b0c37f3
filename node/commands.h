/* commands.h: what the table of commands is made of, by file. */
#ifndef NODE_COMMANDS_H
#define NODE_COMMANDS_H
#include "node/command.h"

/* Those written here (commands.c); and those made from the operation tables of the types, allocated
 * (types.c): NULL: no memory. */
const command *commands_list(size_t *ret_count);
command       *commands_of_types(size_t *ret_count);
void           commands_free_made(command *cmd);

/* connection.c */
void command_ping(call *c), command_echo(call *c), command_hello(call *c), command_auth(call *c),
    command_select(call *c), command_quit(call *c), command_reset(call *c);
/* multi.c, watch.c */
void command_multi(call *c), command_exec(call *c), command_discard(call *c),
    command_watch(call *c), command_unwatch(call *c);
/* clients.c */
extern const command client_commands[];
/* server.c */
void command_dbsize(call *c), command_time(call *c), command_lolwut(call *c),
    command_shutdown(call *c), command_debug(call *c), command_save(call *c),
    command_bgsave(call *c), command_lastsave(call *c), command_role(call *c);
extern const command memory_commands[], slowlog_commands[], latency_commands[], object_commands[];
/* info.c */
void command_info(call *c);
/* settings.c */
extern const command config_commands[];
/* describe.c */
void                 command_command(call *c);
extern const command command_commands[];
/* keyspace.c */
void command_del(call *c), command_exists(call *c), command_type(call *c), command_keys(call *c),
    command_scan(call *c), command_randomkey(call *c), command_rename(call *c),
    command_renamenx(call *c), command_flushall(call *c), command_touch(call *c);
/* deadline.c */
void command_expire(call *c), command_pexpire(call *c), command_expireat(call *c),
    command_pexpireat(call *c), command_ttl(call *c), command_pttl(call *c),
    command_expiretime(call *c), command_pexpiretime(call *c), command_persist(call *c);
/* strings.c */
void command_get(call *c), command_set(call *c), command_setnx(call *c), command_setex(call *c),
    command_psetex(call *c), command_getset(call *c), command_getdel(call *c),
    command_getex(call *c), command_mget(call *c), command_mset(call *c), command_msetnx(call *c),
    command_append(call *c), command_strlen(call *c), command_getrange(call *c),
    command_setrange(call *c), command_incr(call *c), command_decr(call *c),
    command_incrby(call *c), command_decrby(call *c), command_incrbyfloat(call *c);
/* sets.c */
void command_sadd(call *c), command_srem(call *c), command_sismember(call *c),
    command_smismember(call *c), command_smembers(call *c), command_scard(call *c),
    command_spop(call *c), command_srandmember(call *c), command_sscan(call *c),
    command_sinter(call *c), command_sunion(call *c), command_sdiff(call *c),
    command_sinterstore(call *c), command_sunionstore(call *c), command_sdiffstore(call *c),
    command_smove(call *c), command_sintercard(call *c);
/* lists.c, listmoves.c */
void command_lpush(call *c), command_rpush(call *c), command_lpushx(call *c),
    command_rpushx(call *c), command_lpop(call *c), command_rpop(call *c), command_llen(call *c),
    command_lrange(call *c), command_lindex(call *c), command_lset(call *c), command_lrem(call *c),
    command_ltrim(call *c), command_linsert(call *c), command_lpos(call *c), command_lmove(call *c),
    command_rpoplpush(call *c), command_lmpop(call *c), command_blpop(call *c),
    command_brpop(call *c), command_blmove(call *c), command_brpoplpush(call *c),
    command_blmpop(call *c);
/* hashes.c */
void command_hset(call *c), command_hmset(call *c), command_hget(call *c), command_hmget(call *c),
    command_hgetall(call *c), command_hdel(call *c), command_hexists(call *c),
    command_hlen(call *c), command_hkeys(call *c), command_hvals(call *c), command_hincrby(call *c),
    command_hincrbyfloat(call *c), command_hsetnx(call *c), command_hscan(call *c),
    command_hstrlen(call *c), command_hrandfield(call *c);
/* zsets.c, zranges.c, zpops.c, zsetops.c */
void command_bzmpop(call *c), command_bzpopmax(call *c), command_bzpopmin(call *c),
    command_zmpop(call *c), command_zadd(call *c), command_zcard(call *c), command_zcount(call *c),
    command_zdiff(call *c), command_zdiffstore(call *c), command_zincrby(call *c),
    command_zinter(call *c), command_zintercard(call *c), command_zinterstore(call *c),
    command_zlexcount(call *c), command_zmscore(call *c), command_zpopmax(call *c),
    command_zpopmin(call *c), command_zrandmember(call *c), command_zrange(call *c),
    command_zrangebylex(call *c), command_zrangebyscore(call *c), command_zrangestore(call *c),
    command_zrank(call *c), command_zrem(call *c), command_zremrangebylex(call *c),
    command_zremrangebyrank(call *c), command_zremrangebyscore(call *c), command_zrevrange(call *c),
    command_zrevrangebylex(call *c), command_zrevrangebyscore(call *c), command_zrevrank(call *c),
    command_zscan(call *c), command_zscore(call *c), command_zunion(call *c),
    command_zunionstore(call *c);
/* maps.c */
void command_map_set(call *c), command_map_get(call *c), command_map_del(call *c),
    command_map_incr(call *c), command_map_keys(call *c), command_map_len(call *c);
/* revs.c */
void command_rev_put(call *c), command_rev_get(call *c), command_rev_winner(call *c),
    command_rev_leaves(call *c), command_rev_conflicts(call *c), command_rev_history(call *c),
    command_rev_del(call *c), command_rev_accept(call *c), command_rev_tree(call *c);
/* texts.c */
void command_text_insert(call *c), command_text_delete(call *c), command_text_get(call *c),
    command_text_length(call *c), command_text_mark(call *c), command_text_unmark(call *c),
    command_text_marks(call *c), command_text_cursor(call *c), command_text_at(call *c);
/* undo.c */
void command_text_undo(call *c), command_text_redo(call *c);
/* pasts.c */
void command_text_changes(call *c), command_text_history(call *c), command_text_blame(call *c);
/* pubsub.c */
void command_publish(call *c), command_subscribe(call *c), command_psubscribe(call *c),
    command_unsubscribe(call *c), command_punsubscribe(call *c);
extern const command pubsub_commands[];
/* ready.c */
void command_crdt_token(call *c), command_crdt_ready(call *c);
/* cluster.c */
void command_wait(call *c), command_crdt_peers(call *c), command_crdt_lag(call *c),
    command_crdt_digest(call *c), command_crdt_diff(call *c), command_crdt_conflicts(call *c),
    command_crdt_explain(call *c), command_crdt_log(call *c), command_crdt_partition(call *c),
    command_crdt_heal(call *c), command_crdt_types(call *c);
extern const command crdt_peer_commands[];
/* types.c */
void command_crdt_audit_verify(call *c);
/* review.c */
void command_crdt_ack(call *c);

#endif
