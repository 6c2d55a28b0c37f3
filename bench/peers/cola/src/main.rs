//! cola, which holds no text: jumprope does. Its state can be saved, but not the operations that led to it.

use cola::{EncodedReplica, Replica};
use jumprope::JumpRopeBuf;
use peer_common::{Counting, Limit, Peer, Trace};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Cola;

struct Document {
    replica: Replica,
    text: JumpRopeBuf,
}

impl Peer for Cola {
    const NAME: &'static str = "cola";
    const STATE_ONLY: bool = true;
    type Doc = Document;

    fn version() -> String {
        "0.5.1".to_string()
    }
    fn new_doc() -> Document {
        Document { replica: Replica::new(1, 0), text: JumpRopeBuf::new() }
    }
    fn apply(document: &mut Document, trace: &Trace, _limit: &Limit) -> Result<(), String> {
        for patch in &trace.patches {
            if patch.deleted > 0 {
                let range = patch.pos..patch.pos + patch.deleted;
                std::hint::black_box(document.replica.deleted(range.clone()));
                document.text.remove(range);
            }
            let text = trace.text(patch);
            if !text.is_empty() {
                let length = if text.len() == 1 { 1 } else { text.chars().count() };
                std::hint::black_box(document.replica.inserted(patch.pos, length));
                document.text.insert(patch.pos, text);
            }
        }
        Ok(())
    }
    fn text(document: &Document) -> String {
        document.text.to_string()
    }
    /// The replica's size, its bytes, the text.
    fn history(trace: &Trace, limit: &Limit) -> Result<Vec<u8>, String> {
        if trace.concurrent {
            return Err("holds no operations: there is no history to send".to_string());
        }
        let mut document = Self::new_doc();
        Self::apply(&mut document, trace, limit)?;
        let encoded = document.replica.encode();
        let size = encoded.as_bytes().len() as u32;
        Ok([&size.to_le_bytes(), encoded.as_bytes(), Self::text(&document).as_bytes()].concat())
    }
    fn merge(file: &[u8]) -> Document {
        let (size, rest) = file.split_at(4);
        let (replica, text) = rest.split_at(u32::from_le_bytes(size.try_into().unwrap()) as usize);
        let replica = Replica::decode(2, &EncodedReplica::from_bytes(replica)).expect("its bytes");
        let text = std::str::from_utf8(text).expect("UTF-8");
        Document { replica, text: JumpRopeBuf::new_from_str(text) }
    }
    fn insert(document: &mut Document, pos: usize, text: &str) {
        std::hint::black_box(document.replica.inserted(pos, text.len()));
        document.text.insert(pos, text);
    }
}

fn main() {
    peer_common::main::<Cola>();
}
