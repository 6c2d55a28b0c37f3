#!/usr/bin/env python3
"""What people do with python3-redis; prints each result. redis_py.py PORT (it speaks RESP2 alone)"""
import sys
import threading

import redis


def show(name, value):
    print(name, repr(value))


def strings(r):
    r.set("bytes", bytes(range(256)))
    show("bytes", r.get("bytes") == bytes(range(256)))
    show("set", [r.set("s", "one"), r.set("s", "two", nx=True), r.set("s", "three", xx=True, get=True)])
    show("mset", [r.mset({"a": 1, "b": 2.5}), r.mget("a", "nothing", "b")])
    show("parts", [r.append("s", "!"), r.strlen("s"), r.getrange("s", 1, 3), r.getdel("s"), r.get("s")])
    show("counters", [r.incr("n"), r.incrby("n", 41), r.decr("n", 2), r.incrbyfloat("f", 1.5)])
    show("expiry", [r.expire("n", 100), 0 < r.pttl("n") <= 100000, r.persist("n"), r.ttl("n"), r.ttl("x")])


def collections(r):
    show("sadd", [r.sadd("set", "a", "b", "c"), r.sismember("set", "a"), r.smismember("set", "a", "z")])
    r.sadd("other", "b", "c", "d")
    show("sets", [sorted(r.sinter("set", "other")), r.sunionstore("all", "set", "other")])
    show("sscan", sorted(r.sscan_iter("all")))
    show("hset", [r.hset("hash", mapping={"x": "1", "y": "two"}), r.hgetall("hash"), r.hget("hash", "z")])
    show("hash", [r.hincrby("hash", "x", 4), r.hmget("hash", "x", "z"), sorted(r.hscan_iter("hash"))])
    show("rpush", [r.rpush("list", "a", "b", "c", "d"), r.lrange("list", 0, -1), r.lpop("list", 2)])
    show("list", [r.lpos("list", "d"), r.linsert("list", "before", "d", "x"), r.lmove("list", "list2")])
    show("zadd", [r.zadd("z", {"a": 1, "b": 2.5, "c": 3}), r.zadd("z", {"a": 5}, gt=True, ch=True)])
    show("zset", [r.zrange("z", 0, -1, withscores=True), r.zincrby("z", 1.25, "b"), r.zscore("z", "b")])
    show("zscan", sorted(r.zscan_iter("z")))
    show("keys", [sorted(r.scan_iter(match="*s*", count=3)), r.type("z"), r.exists("z", "hash", "none")])


def together(r):
    with r.pipeline(transaction=False) as pipe:
        for _ in range(1000):
            pipe.incr("piped")
        show("pipeline", pipe.execute()[-1])
    with r.pipeline() as pipe:
        pipe.set("m", "1").incr("m").hgetall("hash").zscore("z", "c")
        show("exec", pipe.execute())
    with r.pipeline() as pipe:
        pipe.watch("m")
        r.set("m", "changed")
        pipe.multi()
        pipe.set("m", "lost")
        try:
            show("watch", pipe.execute())
        except redis.WatchError:
            show("watch", "WatchError")
    show("transaction", r.transaction(lambda p: (p.multi(), p.incr("piped")), "piped"))


def messages(r):
    pubsub = r.pubsub()
    pubsub.subscribe("news")
    pubsub.psubscribe("n?ws")
    for _ in range(2):
        show("subscribed", pubsub.get_message(timeout=5))
    show("publish", r.publish("news", "hello"))
    for _ in range(2):
        show("message", pubsub.get_message(timeout=5))
    pubsub.close()
    got = []
    waiting = threading.Thread(target=lambda: got.append(r.blpop(["queue", "queue2"], timeout=5)))
    waiting.start()
    r.rpush("queue2", "job")
    waiting.join()
    show("blpop", got)


def errors(r):
    for name, call in (("wrongtype", lambda: r.incr("set")), ("notint", lambda: r.incr("bytes")),
                       ("syntax", lambda: r.execute_command("SET", "a", "b", "BAD")),
                       ("unknown", lambda: r.execute_command("NOSUCH", "a"))):
        try:
            show(name, call())
        except redis.RedisError as error:
            show(name, (type(error).__name__, str(error)))


def main():
    r = redis.Redis(port=int(sys.argv[1]), socket_timeout=20)
    show("ping", r.ping())
    show("flushall", r.flushall())
    for part in (strings, collections, together, messages, errors):
        part(r)
    show("dbsize", r.dbsize())


main()
