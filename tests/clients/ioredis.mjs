// What people do with ioredis; prints each result. ioredis.mjs PORT 2|3 PACKAGE (RESP3 from its version 6)
import { text } from './text.mjs';

const [port, protocol] = process.argv.slice(2, 4).map(Number);
const { Redis } = await import(process.argv[4]);

const show = (name, value) => console.log(name, text(value));
const fails = promise => promise.then(value => value, error => `${error.name}: ${error.message}`);
const connect = () => new Redis({ host: '127.0.0.1', port, protocol, retryStrategy: null,
                                  ...(protocol === 3 && { replyMapping: 'resp3' }) })
    .on('error', error => { console.error(String(error)); process.exit(1); });
const collect = stream => new Promise((done, failed) => {
    const found = [];
    stream.on('data', some => found.push(...some)).on('end', () => done(found.sort())).on('error', failed);
});

async function strings(r) {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    show('bytes', [await r.set('bytes', bytes), bytes.equals(await r.getBuffer('bytes'))]);
    show('set', [await r.set('s', 'one'), await r.set('s', 'two', 'NX'), await r.set('s', 'three', 'EX', 100, 'GET')]);
    show('mset', [await r.mset({ a: 1, b: 2.5 }), await r.mget('a', 'none', 'b'), await r.ttl('s')]);
    show('counters', [await r.incr('n'), await r.incrby('n', 41), await r.decr('n'), await r.incrbyfloat('f', 1.5)]);
}

async function collections(r) {
    show('set', [await r.sadd('set', 'a', 'b', 'c'), await r.sismember('set', 'a'), (await r.smembers('set')).sort()]);
    show('sscan', await collect(r.sscanStream('set')));
    show('hash', [await r.hset('hash', { x: 1, y: 'two' }), await r.hgetall('hash'), await r.hincrby('hash', 'x', 4)]);
    show('hscan', await collect(r.hscanStream('hash')));
    show('list', [await r.rpush('list', 'a', 'b', 'c'), await r.lrange('list', 0, -1), await r.lpop('list', 2)]);
    show('zset', [await r.zadd('z', 1, 'a', 2.5, 'b'), await r.zrange('z', 0, -1, 'WITHSCORES'), await r.zincrby('z', 1.25, 'b')]);
    show('zpop', [await r.zpopmax('z'), await r.zscore('z', 'none'), await r.zrank('z', 'a')]);
    show('scan', await collect(r.scanStream({ match: '*s*', count: 2 })));
}

async function together(r) {
    const pipe = r.pipeline();
    for (let i = 0; i < 1000; i++) { pipe.incr('piped'); }
    show('pipeline', (await pipe.exec()).at(-1));
    show('exec', await r.multi().set('m', '1').incr('m').hgetall('hash').incr('set').exec());
    const other = connect();
    await r.watch('m');
    await other.set('m', 'changed');
    show('watch', await r.multi().set('m', 'lost').exec());
    const waiting = other.blpop('queue', 'queue2', 5);
    await r.rpush('queue2', 'job');
    show('blpop', await waiting);
    other.disconnect();
}

async function messages(r) {
    const listener = connect();
    const got = [];
    show('subscribed', [await listener.subscribe('news'), await listener.psubscribe('n?ws')]);
    const all = new Promise(done => {
        const take = (...message) => { got.push(message); if (got.length === 2) { done(); } };
        listener.on('message', take).on('pmessage', take);
    });
    show('publish', await r.publish('news', 'hello'));
    await all;
    show('message', got);
    listener.disconnect();
}

async function errors(r) {
    show('wrongtype', await fails(r.incr('set')));
    show('syntax', await fails(r.call('SET', 'a', 'b', 'BAD')));
    show('unknown', await fails(r.call('NOSUCH', 'a')));
}

const r = connect();
show('ping', [await r.ping(), await r.flushall()]);
for (const part of [strings, collections, together, messages, errors]) { await part(r); }
show('dbsize', await r.dbsize());
r.disconnect();
