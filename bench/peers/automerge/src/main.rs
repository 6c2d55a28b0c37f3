//! automerge.

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ObjId, ObjType, ReadDoc, ROOT};
use peer_common::{replay, Counting, Limit, Patch, Peer, Replica, Trace};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Automerge;

struct Document {
    doc: AutoCommit,
    text: ObjId,
}

/// The object that all replicas know, made by an actor of its own.
fn base() -> Vec<u8> {
    let mut doc = AutoCommit::new().with_actor(ActorId::from([0u8; 4]));
    doc.put_object(ROOT, "t", ObjType::Text).expect("a text");
    doc.save()
}

fn load(bytes: &[u8]) -> Document {
    let doc = AutoCommit::load(bytes).expect("its own bytes");
    let text = doc.get(ROOT, "t").expect("the text").expect("the text").1;
    Document { doc, text }
}

fn document(agent: u32) -> Document {
    let mut document = load(&base());
    document.doc.set_actor(ActorId::from((agent + 1).to_be_bytes()));
    document
}

fn apply_one(document: &mut Document, patch: &Patch, text: &str) {
    document
        .doc
        .splice_text(&document.text, patch.pos, patch.deleted as isize, text)
        .expect("a position in the text");
}

impl Replica for Document {
    fn new(agent: u32) -> Document {
        document(agent)
    }
    fn edit(&mut self, trace: &Trace, patches: &[Patch]) -> Vec<u8> {
        for patch in patches {
            apply_one(self, patch, trace.text(patch));
        }
        self.doc.commit();
        let change = self.doc.get_last_local_change();
        change.map_or(Vec::new(), |mut c| c.bytes().to_vec())
    }
    fn receive(&mut self, change: &[u8]) {
        self.doc.load_incremental(change).expect("its own bytes");
    }
}

impl Peer for Automerge {
    const NAME: &'static str = "automerge";
    type Doc = Document;

    fn version() -> String {
        "0.12.0".to_string()
    }
    fn new_doc() -> Document {
        document(0)
    }
    fn apply(document: &mut Document, trace: &Trace, limit: &Limit) -> Result<(), String> {
        for (i, patch) in trace.patches.iter().enumerate() {
            apply_one(document, patch, trace.text(patch));
            if i % 256 == 0 {
                limit.check()?;
            }
        }
        document.doc.commit();
        Ok(())
    }
    fn text(document: &Document) -> String {
        document.doc.text(&document.text).expect("the text")
    }
    fn history(trace: &Trace, limit: &Limit) -> Result<Vec<u8>, String> {
        if trace.concurrent {
            return Ok(replay::<Document>(trace, limit)?.doc.save());
        }
        let mut document = Self::new_doc();
        Self::apply(&mut document, trace, limit)?;
        Ok(document.doc.save())
    }
    fn merge(wire: &[u8]) -> Document {
        load(wire)
    }
    fn insert(document: &mut Document, pos: usize, text: &str) {
        document.doc.splice_text(&document.text, pos, 0, text).expect("a position in the text");
        document.doc.commit();
    }
    fn update_bytes(trace: &Trace, limit: &Limit) -> Result<usize, String> {
        let (mut document, mut total) = (Self::new_doc(), 0);
        for txn in &trace.txns {
            total += document.edit(trace, &trace.patches[txn.patches.clone()]).len();
            limit.check()?;
        }
        Ok(total)
    }
}

fn main() {
    peer_common::main::<Automerge>();
}
