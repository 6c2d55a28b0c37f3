//! Trace files (bench/traces/format.md). They were checked when they were made; what is wrong here panics.

pub struct Txn {
    pub agent: u32,
    pub parents: Vec<u32>,
    pub patches: std::ops::Range<usize>,
}

#[derive(Clone, Copy)]
pub struct Patch {
    pub pos: usize,
    pub deleted: usize,
    text: (usize, usize),
}

pub struct Trace {
    pub name: String,
    pub concurrent: bool,
    pub agents: usize,
    pub txns: Vec<Txn>,
    pub patches: Vec<Patch>,
    pub end: String,
    inserted: String,
}

struct Words<'a> {
    bytes: &'a [u8],
}

impl Words<'_> {
    fn next(&mut self) -> u32 {
        let (head, rest) = self.bytes.split_at(4);
        self.bytes = rest;
        u32::from_le_bytes(head.try_into().unwrap())
    }
}

impl Trace {
    pub fn read(path: &str) -> Trace {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(&bytes[..8], b"CTRACE1\n", "{path}: no trace file");
        let mut words = Words { bytes: &bytes[8..] };
        let head: Vec<usize> = (0..8).map(|_| words.next() as usize).collect();
        let mut txns = Vec::with_capacity(head[2]);
        let mut counts = Vec::with_capacity(head[2]);
        for _ in 0..head[2] {
            let (agent, _, parents) = (words.next(), words.next(), words.next() as usize);
            let (first, patches) = (words.next() as usize, words.next() as usize);
            txns.push(Txn { agent, parents: Vec::new(), patches: first..first + patches });
            counts.push(parents);
        }
        for (txn, count) in txns.iter_mut().zip(counts) {
            txn.parents = (0..count).map(|_| words.next()).collect();
        }
        let mut patches = Vec::with_capacity(head[3]);
        for _ in 0..head[3] {
            let (pos, deleted) = (words.next() as usize, words.next() as usize);
            let (offset, size) = (words.next() as usize, words.next() as usize);
            patches.push(Patch { pos, deleted, text: (offset, offset + size) });
        }
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8(words.bytes[range].to_vec()).expect("UTF-8")
        };
        let name = path.rsplit('/').next().unwrap().split('.').next().unwrap();
        Trace {
            name: name.to_string(),
            concurrent: head[0] == 1,
            agents: head[1],
            txns,
            patches,
            inserted: text(0..head[5]),
            end: text(head[5]..head[5] + head[6]),
        }
    }

    pub fn text(&self, patch: &Patch) -> &str {
        &self.inserted[patch.text.0..patch.text.1]
    }

    pub fn is_ascii(&self) -> bool {
        self.inserted.is_ascii()
    }

    /// The same with positions and counts in UTF-16 units or (`utf8`) bytes; None where that cannot
    /// be told without merging.
    pub fn in_units(&self, utf8: bool) -> Option<Trace> {
        let units = |c: char| if utf8 { c.len_utf8() } else { c.len_utf16() };
        let mut text: Vec<char> = Vec::new();
        let mut patches = self.patches.clone();
        if self.is_ascii() {
            return Some(self.with(patches));
        }
        if self.concurrent {
            return None;
        }
        for patch in &mut patches {
            let (pos, end) = (patch.pos, patch.pos + patch.deleted);
            let before = text[..pos].iter().map(|c| units(*c)).sum();
            let deleted = text[pos..end].iter().map(|c| units(*c)).sum();
            text.splice(pos..end, self.text(patch).chars());
            (patch.pos, patch.deleted) = (before, deleted);
        }
        Some(self.with(patches))
    }

    fn with(&self, patches: Vec<Patch>) -> Trace {
        let txns = self.txns.iter().map(|x| Txn {
            agent: x.agent,
            parents: x.parents.clone(),
            patches: x.patches.clone(),
        });
        Trace {
            name: self.name.clone(),
            concurrent: self.concurrent,
            agents: self.agents,
            txns: txns.collect(),
            patches,
            end: self.end.clone(),
            inserted: self.inserted.clone(),
        }
    }
}
