//! What the peers' programs share: each does the same work from the same trace files.
//!
//!     peer-NAME [--runs N] [--only PART] [--cache DIR] TRACE...
//!
//! A JSON line per row goes to stdout, with the samples; progress and reasons to stderr.

mod measure;
mod replay;
mod rows;
mod trace;

pub use measure::{live_bytes, seconds, Counting, Limit, Rows};
pub use replay::{replay, Replica};
pub use rows::{main, Peer};
pub use trace::{Patch, Trace, Txn};
