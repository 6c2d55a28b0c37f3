//! The rows of a peer.

use crate::measure::sample;
use crate::{live_bytes, seconds, Limit, Rows, Trace};

const LOCAL_LIMIT: f64 = 60.0;
const HISTORY_LIMIT: f64 = 300.0;

/// What a peer can do. Texts are compared with the trace's end.
pub trait Peer {
    const NAME: &'static str;
    /// Its file has no history: nothing to merge.
    const STATE_ONLY: bool = false;
    type Doc;

    fn version() -> String;
    /// The trace as the peer counts positions.
    fn prepare(trace: Trace) -> Option<Trace> {
        Some(trace)
    }
    fn new_doc() -> Self::Doc;
    /// All patches of a sequential trace, edit by edit, in one transaction if there are such.
    fn apply(doc: &mut Self::Doc, trace: &Trace, limit: &Limit) -> Result<(), String>;
    fn text(doc: &Self::Doc) -> String;
    /// The whole history as a file; of a concurrent trace, made by its agents.
    fn history(trace: &Trace, limit: &Limit) -> Result<Vec<u8>, String>;
    /// The same as a remote peer sends it, where that is something else.
    fn wire(file: &[u8]) -> Vec<u8> {
        file.to_vec()
    }
    /// What another replica sent, into an empty document; decoding included.
    fn merge(wire: &[u8]) -> Self::Doc;
    fn load(file: &[u8]) -> Self::Doc {
        Self::merge(file)
    }
    fn view(file: &[u8]) -> String {
        Self::text(&Self::load(file))
    }
    /// The place after so many code points, as the peer counts.
    fn position(_text: &str, points: usize) -> usize {
        points
    }
    fn insert(doc: &mut Self::Doc, pos: usize, text: &str);
    /// Other encodings of a document: ("file-state", bytes) and so on.
    fn sizes(_doc: &Self::Doc) -> Vec<(&'static str, usize)> {
        Vec::new()
    }
    /// Bytes of the updates of all transactions.
    fn update_bytes(_trace: &Trace, _limit: &Limit) -> Result<usize, String> {
        Err("has no updates".to_string())
    }
}

/// "text": it is the trace's end; "length": of its length (concurrent insertions stand in another order).
fn verify(trace: &Trace, text: &str) -> Result<&'static str, String> {
    if text == trace.end {
        Ok("text")
    } else if trace.concurrent && text.chars().count() == trace.end.chars().count() {
        Ok("length")
    } else {
        Err("ends in another text".to_string())
    }
}

struct Options {
    rows: Rows,
    cache: Option<String>,
    traces: Vec<String>,
}

fn options<P: Peer>() -> Options {
    let rows = Rows { peer: P::NAME, version: P::version(), only: None, runs: 9 };
    let mut options = Options { rows, cache: None, traces: Vec::new() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().expect("an option without its value");
        match arg.as_str() {
            "--runs" => options.rows.runs = value().parse().expect("a number of runs"),
            "--only" => options.rows.only = Some(value()),
            "--cache" => options.cache = Some(value()),
            _ => options.traces.push(arg),
        }
    }
    options
}

impl Options {
    fn cache_path(&self, trace: &Trace) -> Option<String> {
        let folder = self.cache.as_ref()?;
        Some(format!("{folder}/{}-{}-{}", self.rows.peer, self.rows.version, trace.name))
    }

    fn gave_up(&self, trace: &Trace) -> Option<String> {
        std::fs::read_to_string(format!("{}.gave-up", self.cache_path(trace)?)).ok()
    }

    /// Not to be tried again in later rounds.
    fn give_up(&self, trace: &Trace, reason: &str) {
        if let Some(path) = self.cache_path(trace) {
            std::fs::write(format!("{path}.gave-up"), reason).expect("a cache to write to");
        }
    }
}

/// The history, from the cache if it is there; making some takes minutes.
fn history<P: Peer>(options: &Options, trace: &Trace) -> Result<Vec<u8>, String> {
    if let Some(reason) = options.gave_up(trace) {
        return Err(reason);
    }
    let make = || P::history(trace, &Limit::new(HISTORY_LIMIT));
    let Some(path) = options.cache_path(trace) else { return make() };
    if let Ok(bytes) = std::fs::read(&path) {
        return Ok(bytes);
    }
    eprintln!("{}: making the history of {}", P::NAME, trace.name);
    let made = make();
    match &made {
        Ok(bytes) => std::fs::write(path, bytes).expect("a cache to write to"),
        Err(reason) => options.give_up(trace, reason),
    }
    made
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = seconds();
    let result = work();
    (seconds() - start, result)
}

struct Work<'a> {
    rows: &'a Rows,
    trace: &'a Trace,
}

impl Work<'_> {
    /// Err: given up.
    fn row(
        &self,
        what: &str,
        unit: &str,
        work: impl FnOnce() -> Result<(Vec<f64>, &'static str), String>,
    ) -> Result<(), String> {
        let name = format!("text/{what}/{}", self.trace.name);
        if !self.rows.wants(&name) {
            return Ok(());
        }
        match work() {
            Ok((samples, verified)) => self.rows.row(&name, unit, &samples, verified),
            Err(reason) => {
                self.rows.gave_up(&name, &reason);
                return Err(reason);
            }
        }
        Ok(())
    }

    /// A timed row: `make` is timed, `text` of what it made is verified.
    fn times<T>(
        &self,
        what: &str,
        mut make: impl FnMut() -> Result<T, String>,
        text: impl Fn(&T) -> String,
    ) -> Result<(), String> {
        self.row(what, "ms", || {
            let mut verified = "";
            let samples = sample(self.rows.runs, || {
                let (took, made) = timed(&mut make);
                verified = verify(self.trace, &text(&made?))?;
                Ok(took)
            })?;
            Ok((samples, verified))
        })
    }
}

fn local_rows<P: Peer>(work: &Work) -> Result<(), String> {
    let trace = work.trace;
    let make = || {
        let mut doc = P::new_doc();
        P::apply(&mut doc, trace, &Limit::new(LOCAL_LIMIT))?;
        Ok(doc)
    };
    work.times("local", make, P::text)?;
    work.row("memory", "B", || {
        let before = live_bytes();
        let doc = make()?;
        let bytes = live_bytes() - before;
        Ok((vec![bytes as f64], verify(trace, &P::text(&doc))?))
    })?;
    work.row("update-bytes", "B", || {
        let bytes = P::update_bytes(trace, &Limit::new(LOCAL_LIMIT))?;
        Ok((vec![bytes as f64 / trace.txns.len() as f64], "no"))
    })
}

/// Err: merging takes too long, and so would the rest.
fn load_rows<P: Peer>(work: &Work, file: &[u8]) -> Result<(), String> {
    let (trace, wire) = (work.trace, P::wire(file));
    let size = || Ok((vec![file.len() as f64], "no"));
    work.row(if P::STATE_ONLY { "file-state" } else { "file-full" }, "B", size)?;
    if !P::STATE_ONLY {
        work.times("merge", || Ok(P::merge(&wire)), P::text)?;
    }
    work.times("load-view", || Ok(P::view(file)), |text| text.clone())?;
    let middle = trace.end.chars().count() / 2;
    let position = P::position(&trace.end, middle);
    let edit = || {
        let mut doc = P::load(file);
        P::insert(&mut doc, position, "!");
        Ok(doc)
    };
    work.times("load-edit", edit, |doc| {
        let mut text: Vec<char> = P::text(doc).chars().collect();
        assert_eq!(text.remove(middle), '!');
        text.into_iter().collect()
    })?;
    work.row(if trace.concurrent { "memory" } else { "memory-loaded" }, "B", || {
        let before = live_bytes();
        let mut doc = P::load(file);
        P::insert(&mut doc, position, "!");
        Ok((vec![(live_bytes() - before) as f64], "no"))
    })?;
    for (what, bytes) in P::sizes(&P::merge(&wire)) {
        work.row(what, "B", || Ok((vec![bytes as f64], "no")))?;
    }
    Ok(())
}

/// Rows that need the history.
const HISTORY_ROWS: [&str; 8] = [
    "file-full", "file-full-v2", "file-state", "merge", "load-view", "load-edit", "memory", "memory-loaded",
];

fn trace_rows<P: Peer>(options: &Options, path: &str) {
    let read = Trace::read(path);
    let name = read.name.clone();
    let Some(trace) = P::prepare(read) else {
        let reason = "positions in code points, which it does not count in";
        return options.rows.gave_up(&format!("text/merge/{name}"), reason);
    };
    let work = Work { rows: &options.rows, trace: &trace };
    if !trace.concurrent {
        let _ = local_rows::<P>(&work); // what was given up has been told
    }
    if !HISTORY_ROWS.iter().any(|what| options.rows.wants(&format!("text/{what}/{name}"))) {
        return;
    }
    match history::<P>(options, &trace) {
        Ok(file) => {
            if let Err(reason) = load_rows::<P>(&work, &file) {
                options.give_up(&trace, &reason);
            }
        }
        Err(reason) => options.rows.gave_up(&format!("text/merge/{name}"), &reason),
    }
}

pub fn main<P: Peer>() {
    let options = options::<P>();
    for path in &options.traces {
        trace_rows::<P>(&options, path);
    }
}
