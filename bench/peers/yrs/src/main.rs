//! yrs.

use peer_common::{replay, Counting, Limit, Patch, Peer, Replica, Trace};
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{
    Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, TextRef, Transact,
    TransactionMut, Update,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Yrs;

struct Document {
    doc: Doc,
    text: TextRef,
}

fn document(client: u64) -> Document {
    let mut options = Options::with_client_id(ClientID::new(client));
    options.offset_kind = OffsetKind::Bytes;
    let doc = Doc::with_options(options);
    let text = doc.get_or_insert_text("t");
    Document { doc, text }
}

fn apply_one(text: &TextRef, txn: &mut TransactionMut, patch: &Patch, inserted: &str) {
    if patch.deleted > 0 {
        text.remove_range(txn, patch.pos as u32, patch.deleted as u32);
    }
    if !inserted.is_empty() {
        text.insert(txn, patch.pos as u32, inserted);
    }
}

impl Replica for Document {
    fn new(agent: u32) -> Document {
        document(agent as u64 + 1)
    }
    fn edit(&mut self, trace: &Trace, patches: &[Patch]) -> Vec<u8> {
        let mut txn = self.doc.transact_mut();
        for patch in patches {
            apply_one(&self.text, &mut txn, patch, trace.text(patch));
        }
        txn.encode_update_v1()
    }
    fn receive(&mut self, change: &[u8]) {
        let update = Update::decode_v1(change).expect("its own bytes");
        self.doc.transact_mut().apply_update(update).expect("its own update");
    }
}

impl Peer for Yrs {
    const NAME: &'static str = "yrs";
    type Doc = Document;

    fn version() -> String {
        "0.28.1".to_string()
    }
    fn prepare(trace: Trace) -> Option<Trace> {
        trace.in_units(true)
    }
    fn new_doc() -> Document {
        document(1)
    }
    /// A transaction each, as they were made: in one of all patches nothing is merged until its end,
    /// and every patch walks over what is not.
    fn apply(document: &mut Document, trace: &Trace, limit: &Limit) -> Result<(), String> {
        for (i, each) in trace.txns.iter().enumerate() {
            let mut txn = document.doc.transact_mut();
            for patch in &trace.patches[each.patches.clone()] {
                apply_one(&document.text, &mut txn, patch, trace.text(patch));
            }
            if i % 1024 == 0 {
                limit.check()?;
            }
        }
        Ok(())
    }
    fn text(document: &Document) -> String {
        document.text.get_string(&document.doc.transact())
    }
    fn history(trace: &Trace, limit: &Limit) -> Result<Vec<u8>, String> {
        let document = if trace.concurrent {
            replay::<Document>(trace, limit)?
        } else {
            let mut document = Self::new_doc();
            Self::apply(&mut document, trace, limit)?;
            document
        };
        let txn = document.doc.transact();
        Ok(txn.encode_state_as_update_v1(&StateVector::default()))
    }
    fn merge(wire: &[u8]) -> Document {
        let mut document = document(1 << 20);
        document.receive(wire);
        document
    }
    fn position(text: &str, points: usize) -> usize {
        text.chars().take(points).map(char::len_utf8).sum()
    }
    fn insert(document: &mut Document, pos: usize, text: &str) {
        document.text.insert(&mut document.doc.transact_mut(), pos as u32, text);
    }
    fn sizes(document: &Document) -> Vec<(&'static str, usize)> {
        let txn = document.doc.transact();
        vec![("file-full-v2", txn.encode_state_as_update_v2(&StateVector::default()).len())]
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
    peer_common::main::<Yrs>();
}
