// What people do with node-redis; prints each result. node_redis.mjs PORT 2|3 PACKAGE
import { text } from './text.mjs';

const [port, RESP] = process.argv.slice(2, 4).map(Number);
const { createClient } = await import(process.argv[4]);

const show = (name, value) => console.log(name, text(value));
const fails = promise => promise.then(value => value, error => `${error.constructor.name}: ${error.message}`);
const connect = () => createClient({ RESP, socket: { host: '127.0.0.1', port, reconnectStrategy: false } })
    .on('error', error => { console.error(String(error)); process.exit(1); }).connect();
const collect = async iterator => {
    const found = [];
    for await (const some of iterator) { found.push(...[some].flat()); }
    return found.map(text).sort();
};

async function strings(r) {
    show('set', [await r.set('s', 'one'), await r.set('s', 'two', { NX: true }), await r.set('s', 'naïve ✓', { XX: true, GET: true })]);
    show('mset', [await r.mSet({ a: '1', b: '2.5' }), await r.mGet(['a', 'none', 'b'])]);
    show('parts', [await r.append('s', '!'), await r.strLen('s'), await r.getRange('s', 0, 1), await r.getDel('s'), await r.get('s')]);
    show('counters', [await r.incr('n'), await r.incrBy('n', 41), await r.decr('n'), await r.incrByFloat('f', 1.5)]);
    show('expiry', [await r.expire('n', 100), await r.ttl('n'), await r.persist('n'), await r.ttl('none')]);
}

async function collections(r) {
    show('set', [await r.sAdd('set', ['a', 'b', 'c']), await r.sIsMember('set', 'a'), await r.smIsMember('set', ['a', 'z'])]);
    show('members', [(await r.sMembers('set')).sort(), await r.sCard('set'), (await r.sInter(['set', 'set'])).sort()]);
    show('sscan', await collect(r.sScanIterator('set')));
    show('hash', [await r.hSet('hash', { x: '1', y: 'two' }), await r.hGetAll('hash'), await r.hIncrBy('hash', 'x', 4)]);
    show('hmget', [await r.hmGet('hash', ['x', 'z']), await r.hGet('hash', 'z'), await collect(r.hScanIterator('hash'))]);
    show('list', [await r.rPush('list', ['a', 'b', 'c']), await r.lRange('list', 0, -1), await r.lPopCount('list', 2)]);
    show('zadd', await r.zAdd('z', [{ score: 1, value: 'a' }, { score: 2.5, value: 'b' }]));
    show('zset', [await r.zRangeWithScores('z', 0, -1), await r.zIncrBy('z', 1.25, 'b'), await r.zScore('z', 'none')]);
    show('zpop', [await r.zPopMax('z'), await collect(r.zScanIterator('z'))]);
    show('scan', await collect(r.scanIterator({ MATCH: '*s*', COUNT: 2 })));
    show('type', [await r.type('z'), await r.exists(['z', 'none'])]);
}

async function together(r) {
    show('pipeline', (await Promise.all(Array.from({ length: 1000 }, () => r.incr('piped')))).at(-1));
    show('exec', await r.multi().set('m', '1').incr('m').hGetAll('hash').zScore('z', 'a').exec());
    show('execAsPipeline', await r.multi().incr('m').sIsMember('set', 'a').execAsPipeline());
    const other = await connect();
    await r.watch('m');
    await other.set('m', 'changed');
    show('watch', await fails(r.multi().set('m', 'lost').exec()));
    const waiting = other.blPop(['queue', 'queue2'], 5);
    await r.rPush('queue2', 'job');
    show('blpop', await waiting);
    other.destroy();
}

async function messages(r) {
    const listener = await connect();
    const got = [];
    let arrived;
    const all = new Promise(done => { arrived = done; });
    const take = (...message) => { got.push(message); if (got.length === 2) { arrived(); } };
    await listener.subscribe('news', take);
    await listener.pSubscribe('n?ws', take);
    show('publish', await r.publish('news', 'hello'));
    await all;
    show('message', got);
    listener.destroy();
}

async function errors(r) {
    show('wrongtype', await fails(r.incr('set')));
    show('notint', await fails(r.incr('f')));
    show('syntax', await fails(r.sendCommand(['SET', 'a', 'b', 'BAD'])));
    show('unknown', await fails(r.sendCommand(['NOSUCH', 'a'])));
}

const r = await connect();
show('ping', [await r.ping(), await r.flushAll()]);
for (const part of [strings, collections, together, messages, errors]) { await part(r); }
show('dbsize', await r.dbSize());
await r.close();
