//! loro.

use loro::{ExportMode, LoroDoc, VersionVector};
use peer_common::{replay, Counting, Limit, Patch, Peer, Replica, Trace};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Loro;

fn document(peer: u64) -> LoroDoc {
    let doc = LoroDoc::new();
    doc.set_peer_id(peer).expect("a peer");
    doc
}

fn apply(doc: &LoroDoc, trace: &Trace, patches: &[Patch]) {
    let text = doc.get_text("t");
    for patch in patches {
        if patch.deleted > 0 {
            text.delete(patch.pos, patch.deleted).expect("a range of the text");
        }
        let inserted = trace.text(patch);
        if !inserted.is_empty() {
            text.insert(patch.pos, inserted).expect("a position in the text");
        }
    }
}

struct One(LoroDoc);

impl Replica for One {
    fn new(agent: u32) -> One {
        One(document(agent as u64 + 1))
    }
    fn edit(&mut self, trace: &Trace, patches: &[Patch]) -> Vec<u8> {
        let before = self.0.oplog_vv();
        apply(&self.0, trace, patches);
        self.0.commit();
        self.0.export(ExportMode::updates(&before)).expect("an update")
    }
    fn receive(&mut self, change: &[u8]) {
        self.0.import(change).expect("its own bytes");
    }
}

impl Peer for Loro {
    const NAME: &'static str = "loro";
    type Doc = LoroDoc;

    fn version() -> String {
        "1.17.1".to_string()
    }
    fn new_doc() -> LoroDoc {
        document(1)
    }
    fn apply(doc: &mut LoroDoc, trace: &Trace, limit: &Limit) -> Result<(), String> {
        for patches in trace.patches.chunks(1024) {
            apply(doc, trace, patches);
            limit.check()?;
        }
        doc.commit();
        Ok(())
    }
    fn text(doc: &LoroDoc) -> String {
        doc.get_text("t").to_string()
    }
    fn history(trace: &Trace, limit: &Limit) -> Result<Vec<u8>, String> {
        let doc = if trace.concurrent {
            replay::<One>(trace, limit)?.0
        } else {
            let mut doc = Self::new_doc();
            Self::apply(&mut doc, trace, limit)?;
            doc
        };
        Ok(doc.export(ExportMode::Snapshot).expect("a snapshot"))
    }
    fn wire(file: &[u8]) -> Vec<u8> {
        let doc = Self::merge(file);
        doc.export(ExportMode::updates(&VersionVector::default())).expect("updates")
    }
    fn merge(wire: &[u8]) -> LoroDoc {
        let doc = document(1 << 20);
        doc.import(wire).expect("its own bytes");
        doc
    }
    fn insert(doc: &mut LoroDoc, pos: usize, text: &str) {
        doc.get_text("t").insert(pos, text).expect("a position in the text");
        doc.commit();
    }
    fn sizes(doc: &LoroDoc) -> Vec<(&'static str, usize)> {
        let frontiers = doc.state_frontiers();
        let shallow = doc.export(ExportMode::shallow_snapshot(&frontiers)).expect("a snapshot");
        vec![("file-state", shallow.len())]
    }
    fn update_bytes(trace: &Trace, limit: &Limit) -> Result<usize, String> {
        let (mut doc, mut total) = (One(Self::new_doc()), 0);
        for txn in &trace.txns {
            total += doc.edit(trace, &trace.patches[txn.patches.clone()]).len();
            limit.check()?;
        }
        Ok(total)
    }
}

fn main() {
    peer_common::main::<Loro>();
}
