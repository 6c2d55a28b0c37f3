//! diamond-types: 1.0 from the registry, or (feature "two") a checkout of 2.0.

use diamond_types::list::encoding::ENCODE_FULL;
use diamond_types::list::ListCRDT;
use peer_common::{Counting, Limit, Peer, Trace};

#[cfg(not(feature = "two"))]
use diamond_types::list::OpLog;
#[cfg(feature = "two")]
use diamond_types::list::ListOpLog as OpLog;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Diamond;

/// Names sort as the numbers do: they decide between insertions at one place.
fn agent_name(agent: u32) -> String {
    format!("{agent:06}")
}

fn encoded(oplog: &OpLog) -> Vec<u8> {
    #[cfg(not(feature = "two"))]
    return oplog.encode(ENCODE_FULL);
    #[cfg(feature = "two")]
    return oplog.encode(&ENCODE_FULL);
}

/// The history as operations at their parents: it needs no replicas.
fn concurrent(trace: &Trace, limit: &Limit) -> Result<OpLog, String> {
    let mut oplog = OpLog::new();
    let agents: Vec<_> =
        (0..trace.agents as u32).map(|a| oplog.get_or_create_agent_id(&agent_name(a))).collect();
    let mut last: Vec<Vec<usize>> = Vec::new(); // of each transaction: the version it leaves
    for txn in &trace.txns {
        let mut version: Vec<usize> = Vec::new();
        for parent in &txn.parents {
            let theirs = &last[*parent as usize];
            version = if version.is_empty() {
                theirs.clone()
            } else {
                oplog.version_union(&version, theirs).iter().copied().collect()
            };
        }
        let agent = agents[txn.agent as usize];
        for patch in &trace.patches[txn.patches.clone()] {
            if patch.deleted > 0 {
                let range = patch.pos..patch.pos + patch.deleted;
                version = vec![oplog.add_delete_at(agent, &version, range)];
            }
            let text = trace.text(patch);
            if !text.is_empty() {
                version = vec![oplog.add_insert_at(agent, &version, patch.pos, text)];
            }
        }
        last.push(version);
        limit.check()?;
    }
    Ok(oplog)
}

impl Peer for Diamond {
    const NAME: &'static str = "diamond-types";
    type Doc = ListCRDT;

    fn version() -> String {
        if cfg!(feature = "two") { "2.0.0" } else { "1.0.0" }.to_string()
    }
    fn new_doc() -> ListCRDT {
        let mut doc = ListCRDT::new();
        doc.get_or_create_agent_id(&agent_name(0));
        doc
    }
    fn apply(doc: &mut ListCRDT, trace: &Trace, _limit: &Limit) -> Result<(), String> {
        for patch in &trace.patches {
            if patch.deleted > 0 {
                doc.delete_without_content(0, patch.pos..patch.pos + patch.deleted);
            }
            let text = trace.text(patch);
            if !text.is_empty() {
                doc.insert(0, patch.pos, text);
            }
        }
        Ok(())
    }
    fn text(doc: &ListCRDT) -> String {
        doc.branch.content().to_string()
    }
    fn history(trace: &Trace, limit: &Limit) -> Result<Vec<u8>, String> {
        if trace.concurrent {
            return Ok(encoded(&concurrent(trace, limit)?));
        }
        let mut doc = Self::new_doc();
        Self::apply(&mut doc, trace, limit)?;
        Ok(encoded(&doc.oplog))
    }
    fn merge(wire: &[u8]) -> ListCRDT {
        let mut doc = ListCRDT::new();
        doc.merge_data_and_ff(wire).expect("its own bytes");
        doc
    }
    fn load(file: &[u8]) -> ListCRDT {
        ListCRDT::load_from(file).expect("its own bytes")
    }
    fn view(file: &[u8]) -> String {
        OpLog::load_from(file).expect("its own bytes").checkout_tip().content().to_string()
    }
    fn insert(doc: &mut ListCRDT, pos: usize, text: &str) {
        let agent = doc.get_or_create_agent_id("editor");
        doc.insert(agent, pos, text);
    }
    fn update_bytes(trace: &Trace, limit: &Limit) -> Result<usize, String> {
        let (mut doc, mut total) = (Self::new_doc(), 0);
        for (i, patch) in trace.patches.iter().enumerate() {
            let before: Vec<usize> = doc.oplog_version();
            let (pos, text) = (patch.pos, trace.text(patch));
            if patch.deleted > 0 {
                doc.delete_without_content(0, pos..pos + patch.deleted);
            }
            if !text.is_empty() {
                doc.insert(0, pos, text);
            }
            total += doc.since(&before);
            if i % 1024 == 0 {
                limit.check()?;
            }
        }
        Ok(total)
    }
}

trait Since {
    fn oplog_version(&self) -> Vec<usize>;
    fn since(&self, version: &[usize]) -> usize;
}

impl Since for ListCRDT {
    #[cfg(not(feature = "two"))]
    fn oplog_version(&self) -> Vec<usize> {
        self.oplog.local_version_ref().to_vec()
    }
    #[cfg(feature = "two")]
    fn oplog_version(&self) -> Vec<usize> {
        self.oplog.local_frontier_ref().to_vec()
    }
    #[cfg(not(feature = "two"))]
    fn since(&self, version: &[usize]) -> usize {
        self.oplog.encode_from(diamond_types::list::encoding::ENCODE_PATCH, version).len()
    }
    #[cfg(feature = "two")]
    fn since(&self, version: &[usize]) -> usize {
        self.oplog.encode_from(&diamond_types::list::encoding::ENCODE_PATCH, version).len()
    }
}

fn main() {
    peer_common::main::<Diamond>();
}
