#!/usr/bin/python3
"""A client of concurd in Python, with redis-py 4.3, which knows nothing of Concur.

    client_redis.py PORT [OTHER_PORT]      two nodes of one cluster, or one twice
"""
import sys

import redis


def main():
    if len(sys.argv) < 2:
        print(__doc__.strip())
        return
    here = redis.Redis(host="127.0.0.1", port=int(sys.argv[1]), decode_responses=True)
    there = redis.Redis(host="127.0.0.1", port=int(sys.argv[-1]), decode_responses=True)

    # A counter: both count, nothing is lost.
    here.incr("p:visits", 2)
    there.incr("p:visits", 40)

    # A set: adding wins over a removal that did not see it.
    print("added:", here.sadd("p:cart", "tea", "milk", "bread"))
    print("removed:", here.srem("p:cart", "milk"))
    print("cart:", ", ".join(sorted(here.smembers("p:cart"))))

    # Registers, with a deadline and without.
    here.set("p:title", "Many leaders", ex=3600)
    print("title:", here.get("p:title"), "for", 3590 < here.ttl("p:title") <= 3600)
    print("both:", here.mset({"p:a": 1, "p:b": 2}), here.mget("p:a", "p:b", "p:none"))

    # Many commands at once: one write to the disk, one message to the peers.
    pipe = here.pipeline(transaction=False)
    for _ in range(100):
        pipe.incr("p:many")
    print("many:", pipe.execute()[-1])

    # Names, page by page.
    print("names:", sorted(here.scan_iter(match="p:*", count=3)))

    # A text that many write.
    here.execute_command("TEXT.INSERT", "p:page", 0, "Hello world")
    here.execute_command("TEXT.INSERT", "p:page", 5, ",")
    print("page:", here.execute_command("TEXT.GET", "p:page"))

    # An error is Redis' own.
    try:
        here.incr("p:title")
    except redis.ResponseError as error:
        print("error:", error)

    # Until a peer has it all: WAIT counts the peers that hold what this client wrote.
    if len(sys.argv) > 2:
        print("held by a peer:", here.wait(1, 10000) >= 1)
    print("there:", there.scard("p:cart"))


main()
