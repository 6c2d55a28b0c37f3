// yjs: the work of ../common/src/rows.rs for sequential traces. Options as there.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import * as Y from 'yjs'

const VERSION = JSON.parse(readFileSync(new URL('node_modules/yjs/package.json', import.meta.url))).version
const LOCAL_LIMIT = 60
const LONG = 5

function readTrace (path) {
  const bytes = readFileSync(path)
  if (bytes.toString('latin1', 0, 8) !== 'CTRACE1\n') throw new Error(`${path}: no trace file`)
  const head = [...Array(8).keys()].map(i => bytes.readUInt32LE(8 + 4 * i))
  const [kind, , txns, patches, parents, inserted, end] = head
  const patchesAt = 40 + 20 * txns + 4 * parents
  const textAt = patchesAt + 16 * patches
  const trace = { name: basename(path).split('.')[0], concurrent: kind === 1, txns: [], patches: [] }
  for (let i = 0; i < txns; i++) {
    const at = 40 + 20 * i
    trace.txns.push({ first: bytes.readUInt32LE(at + 12), patches: bytes.readUInt32LE(at + 16) })
  }
  for (let i = 0; i < patches; i++) {
    const at = patchesAt + 16 * i
    const offset = textAt + bytes.readUInt32LE(at + 8)
    trace.patches.push({
      pos: bytes.readUInt32LE(at),
      deleted: bytes.readUInt32LE(at + 4),
      text: bytes.toString('utf8', offset, offset + bytes.readUInt32LE(at + 12))
    })
  }
  trace.end = bytes.toString('utf8', textAt + inserted, textAt + inserted + end)
  return trace
}

// Positions in UTF-16 units.
function inUnits (trace) {
  if (trace.patches.every(p => /^[\0-\uffff]*$/u.test(p.text))) return
  const text = []
  const units = points => points.reduce((sum, c) => sum + c.length, 0)
  for (const p of trace.patches) {
    const before = units(text.slice(0, p.pos))
    const removed = text.splice(p.pos, p.deleted, ...p.text)
    p.pos = before
    p.deleted = units(removed)
  }
}

function newDoc (client) {
  const doc = new Y.Doc()
  doc.clientID = client
  return doc
}

function apply (doc, patches, until) {
  const text = doc.getText('t')
  patches.forEach((p, i) => {
    if (p.deleted > 0) text.delete(p.pos, p.deleted)
    if (p.text.length > 0) text.insert(p.pos, p.text)
    if (i % 1024 === 0 && seconds() > until) throw new Error(`takes more than ${LOCAL_LIMIT} s`)
  })
}

function seconds () {
  const t = process.cpuUsage()
  return (t.user + t.system) / 1e6
}

function local (trace) {
  const doc = newDoc(1)
  const until = seconds() + LOCAL_LIMIT
  doc.transact(() => apply(doc, trace.patches, until))
  return doc
}

function load (file) {
  const doc = newDoc(2)
  Y.applyUpdateV2(doc, file)
  return doc
}

function updateBytes (trace) {
  const doc = newDoc(1)
  const until = seconds() + LOCAL_LIMIT
  let total = 0
  doc.on('update', update => { total += update.length })
  for (const x of trace.txns) {
    doc.transact(() => apply(doc, trace.patches.slice(x.first, x.first + x.patches), until))
  }
  return total / trace.txns.length
}

function history (trace, cache) {
  const path = cache && `${cache}/yjs-${VERSION}-${trace.name}`
  if (path && existsSync(path)) return readFileSync(path)
  const bytes = Y.encodeStateAsUpdateV2(local(trace))
  if (path) writeFileSync(path, bytes)
  return bytes
}

function print (name, rest) {
  console.log(JSON.stringify({ name, peer: 'yjs', version: VERSION, ...rest }))
}

// `work` gives the samples and what was verified, or throws the reason why not.
function row (options, trace, what, unit, work) {
  const name = `text/${what}/${trace.name}`
  if (options.only && !name.includes(options.only)) return
  try {
    const { samples, verified } = work()
    const sorted = [...samples].sort((a, b) => a - b)
    const n = sorted.length
    const median = (sorted[n >> 1] + sorted[(n - 1) >> 1]) / 2
    print(name, { median, unit, min: sorted[0], max: sorted[n - 1], runs: n, samples, verified })
  } catch (error) {
    console.error(`yjs: ${name}: ${error.message}`)
    print(name, { gave_up: error.message })
  }
}

// A warm-up, then the runs; what takes long is its own warm-up.
function times (options, trace, what, make, text) {
  row(options, trace, what, 'ms', () => {
    const once = () => {
      const start = seconds()
      const made = make()
      const took = seconds() - start
      if (text(made) !== trace.end) throw new Error('ends in another text')
      return took * 1e3
    }
    const first = once()
    const samples = first > LONG * 1e3 ? [first] : Array.from({ length: options.runs }, once)
    return { samples, verified: 'text' }
  })
}

function rows (options, path) {
  const trace = readTrace(path)
  if (trace.concurrent) return
  const middle = [...trace.end].length >> 1
  const place = [...trace.end].slice(0, middle).join('').length
  const textOf = doc => doc.getText('t').toString()
  inUnits(trace)
  times(options, trace, 'local', () => local(trace), textOf)
  row(options, trace, 'update-bytes', 'B', () => ({ samples: [updateBytes(trace)], verified: 'no' }))
  const whats = ['merge', 'load-view', 'load-edit', 'file-full-v2']
  const wanted = what => !options.only || `text/${what}/${trace.name}`.includes(options.only)
  if (!whats.some(wanted)) return
  const file = history(trace, options.cache)
  times(options, trace, 'merge', () => load(file), textOf)
  times(options, trace, 'load-view', () => textOf(load(file)), text => text)
  const edit = () => {
    const doc = load(file)
    doc.getText('t').insert(place, '!')
    return doc
  }
  times(options, trace, 'load-edit', edit, doc => {
    const text = textOf(doc)
    return text.slice(0, place) + text.slice(place + 1)
  })
  row(options, trace, 'file-full-v2', 'B', () => ({ samples: [file.length], verified: 'no' }))
}

const options = { runs: 9, only: null, cache: null }
const traces = []
for (let i = 2; i < process.argv.length; i++) {
  const arg = process.argv[i]
  if (arg === '--runs') options.runs = Number(process.argv[++i])
  else if (arg === '--only') options.only = process.argv[++i]
  else if (arg === '--cache') options.cache = process.argv[++i]
  else traces.push(arg)
}
for (const path of traces) rows(options, path)
