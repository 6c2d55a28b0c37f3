//! A history by one replica per agent: before a transaction, the agent's replica is given what it lacks of the
//! past; the change that it then makes is kept as the peer encodes it.

use crate::{Limit, Patch, Trace};

pub trait Replica: Sized {
    fn new(agent: u32) -> Self;
    /// One transaction; returns the change, encoded.
    fn edit(&mut self, trace: &Trace, patches: &[Patch]) -> Vec<u8>;
    fn receive(&mut self, change: &[u8]);
}

struct Known<R> {
    replica: R,
    has: Vec<bool>, // by transaction
}

/// The transactions of txn's past that `has` lacks, earliest first; marks them.
fn lacking(trace: &Trace, parents: &[u32], has: &mut [bool]) -> Vec<u32> {
    let mut todo: Vec<u32> = parents.to_vec();
    let mut found = Vec::new();
    while let Some(i) = todo.pop() {
        if !std::mem::replace(&mut has[i as usize], true) {
            found.push(i);
            todo.extend(&trace.txns[i as usize].parents);
        }
    }
    found.sort_unstable();
    found
}

/// A replica that has everything.
pub fn replay<R: Replica>(trace: &Trace, limit: &Limit) -> Result<R, String> {
    let mut agents: Vec<Option<Known<R>>> = (0..trace.agents).map(|_| None).collect();
    let mut changes: Vec<Vec<u8>> = Vec::with_capacity(trace.txns.len());
    let mut last = vec![0; trace.agents];
    for (i, txn) in trace.txns.iter().enumerate() {
        last[txn.agent as usize] = i;
    }
    for (i, txn) in trace.txns.iter().enumerate() {
        let fresh = || Known { replica: R::new(txn.agent), has: vec![false; trace.txns.len()] };
        let agent = agents[txn.agent as usize].get_or_insert_with(fresh);
        for j in lacking(trace, &txn.parents, &mut agent.has) {
            agent.replica.receive(&changes[j as usize]);
        }
        changes.push(agent.replica.edit(trace, &trace.patches[txn.patches.clone()]));
        agent.has[i] = true;
        if last[txn.agent as usize] == i && i + 1 < trace.txns.len() {
            agents[txn.agent as usize] = None; // it has nothing more to say
        }
        limit.check()?;
    }
    let mut one = agents.into_iter().flatten().next().ok_or("an empty trace")?;
    for j in 0..changes.len() {
        if !one.has[j] {
            one.replica.receive(&changes[j]);
        }
    }
    Ok(one.replica)
}
