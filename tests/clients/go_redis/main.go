// What people do with go-redis; prints each result. go_redis PORT 2|3
package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

func show(name string, value any, err error) {
	fmt.Printf("%s %#v %v\n", name, value, err)
}

func connect(port string, protocol int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, Protocol: protocol, MaxRetries: -1})
}

func sorted(list []string, err error) ([]string, error) {
	sort.Strings(list)
	return list, err
}

func do[T any](name string) func(value T, err error) {
	return func(value T, err error) { show(name, value, err) }
}

func simple(r *redis.Client) {
	do[string]("ping")(r.Ping(ctx).Result())
	do[string]("flushall")(r.FlushAll(ctx).Result())
	do[string]("set")(r.Set(ctx, "s", "a\x00\r\n\xff", time.Minute).Result())
	do[string]("get")(r.Get(ctx, "s").Result())
	do[bool]("setnx")(r.SetNX(ctx, "s", "two", 0).Result())
	do[string]("none")(r.Get(ctx, "none").Result())
	do[string]("mset")(r.MSet(ctx, "a", 1, "b", 2.5).Result())
	do[[]any]("mget")(r.MGet(ctx, "a", "none", "b").Result())
	do[int64]("incr")(r.IncrBy(ctx, "n", 41).Result())
	do[float64]("incrbyfloat")(r.IncrByFloat(ctx, "f", 1.5).Result())
	do[bool]("expire")(r.Expire(ctx, "n", 100*time.Second).Result())
	do[time.Duration]("ttl")(r.TTL(ctx, "n").Result())
}

func collections(r *redis.Client) {
	do[int64]("sadd")(r.SAdd(ctx, "set", "a", "b", "c").Result())
	do[[]string]("smembers")(sorted(r.SMembers(ctx, "set").Result()))
	do[[]bool]("smismember")(r.SMIsMember(ctx, "set", "a", "z").Result())
	do[int64]("hset")(r.HSet(ctx, "hash", "x", 1, "y", "two").Result())
	do[map[string]string]("hgetall")(r.HGetAll(ctx, "hash").Result())
	do[float64]("hincrbyfloat")(r.HIncrByFloat(ctx, "hash", "x", 0.5).Result())
	do[int64]("rpush")(r.RPush(ctx, "list", "a", "b", "c").Result())
	do[[]string]("lrange")(r.LRange(ctx, "list", 0, -1).Result())
	do[[]string]("lpop")(r.LPopCount(ctx, "list", 2).Result())
	do[int64]("zadd")(r.ZAdd(ctx, "z", redis.Z{Score: 1, Member: "a"}, redis.Z{Score: 2.5, Member: "b"}).Result())
	do[[]redis.Z]("zrange")(r.ZRangeWithScores(ctx, "z", 0, -1).Result())
	do[float64]("zscore")(r.ZScore(ctx, "z", "b").Result())
	do[[]redis.Z]("zpopmax")(r.ZPopMax(ctx, "z").Result())
	var found []string
	for iterator := r.Scan(ctx, 0, "*s*", 2).Iterator(); iterator.Next(ctx); {
		found = append(found, iterator.Val())
	}
	do[[]string]("scan")(sorted(found, nil))
}

func together(r *redis.Client) {
	commands, err := r.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := 0; i < 1000; i++ {
			pipe.Incr(ctx, "piped")
		}
		return nil
	})
	show("pipeline", commands[999].String(), err)
	commands, err = r.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, "m", 1, 0)
		pipe.Incr(ctx, "m")
		pipe.HGetAll(ctx, "hash")
		return nil
	})
	for _, command := range commands {
		show("exec", command.String(), err)
	}
	err = r.Watch(ctx, func(tx *redis.Tx) error {
		r.Set(ctx, "m", "changed", 0)
		_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error { return pipe.Set(ctx, "m", "lost", 0).Err() })
		return err
	}, "m")
	show("watch", nil, err)
	done := make(chan bool)
	go func() {
		do[[]string]("blpop")(r.BLPop(ctx, 5*time.Second, "queue", "queue2").Result())
		done <- true
	}()
	r.RPush(ctx, "queue2", "job")
	<-done
}

func messages(r *redis.Client) {
	listener := r.Subscribe(ctx, "news")
	defer listener.Close()
	do[any]("subscribed")(listener.Receive(ctx))
	do[int64]("publish")(r.Publish(ctx, "news", "hello").Result())
	message, err := listener.ReceiveMessage(ctx)
	show("message", message.String(), err)
}

func errors(r *redis.Client) {
	do[int64]("wrongtype")(r.Incr(ctx, "set").Result())
	do[any]("syntax")(r.Do(ctx, "SET", "a", "b", "BAD").Result())
	do[any]("unknown")(r.Do(ctx, "NOSUCH", "a").Result())
	do[int64]("dbsize")(r.DBSize(ctx).Result())
}

func main() {
	protocol, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	r := connect(os.Args[1], protocol)
	defer r.Close()
	for _, part := range []func(*redis.Client){simple, collections, together, messages, errors} {
		part(r)
	}
}
