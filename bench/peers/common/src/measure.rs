//! Time, memory and rows.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// malloc with a count of the bytes asked for, as bench/kit.c counts ours.
pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// Plain loads and stores: the programs have one thread, and a locked add would be measured.
fn count(more: usize, less: usize) {
    LIVE.store(LIVE.load(Relaxed).wrapping_add(more).wrapping_sub(less), Relaxed);
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        System.alloc(layout)
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        System.alloc_zeroed(layout)
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        count(0, layout.size());
        System.dealloc(p, layout)
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        System.realloc(p, layout, size)
    }
}

pub fn live_bytes() -> usize {
    LIVE.load(Relaxed)
}

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

/// Processor time of this program.
pub fn seconds() -> f64 {
    let mut t = Timespec { seconds: 0, nanoseconds: 0 };
    const PROCESS_CPUTIME: i32 = 2;
    let failed = unsafe { clock_gettime(PROCESS_CPUTIME, &mut t) };
    assert_eq!(failed, 0);
    t.seconds as f64 + t.nanoseconds as f64 * 1e-9
}

/// When to give up.
pub struct Limit {
    until: f64,
    seconds: f64,
}

impl Limit {
    pub fn new(limit: f64) -> Limit {
        Limit { until: seconds() + limit, seconds: limit }
    }
    pub fn check(&self) -> Result<(), String> {
        if seconds() < self.until {
            return Ok(());
        }
        Err(format!("takes more than {} s", self.seconds))
    }
}

fn quoted(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c < ' ' { ' ' } else { c }).collect();
    format!("\"{}\"", clean.replace('\\', "\\\\").replace('"', "\\\""))
}

pub struct Rows {
    pub peer: &'static str,
    pub version: String,
    pub only: Option<String>,
    pub runs: usize,
}

impl Rows {
    pub fn wants(&self, name: &str) -> bool {
        self.only.as_deref().map_or(true, |part| name.contains(part))
    }

    fn line(&self, name: &str, rest: &str) {
        println!(
            "{{\"name\": {}, \"peer\": {}, \"version\": {}, {rest}}}",
            quoted(name),
            quoted(self.peer),
            quoted(&self.version)
        );
    }

    pub fn row(&self, name: &str, unit: &str, samples: &[f64], verified: &str) {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (n, half) = (sorted.len(), sorted.len() / 2);
        let upper = sorted[half];
        let median = if n % 2 == 1 { upper } else { (upper + sorted[half - 1]) / 2.0 };
        let list: Vec<String> = samples.iter().map(|s| format!("{s:.6}")).collect();
        self.line(
            name,
            &format!(
                "\"median\": {median:.6}, \"unit\": \"{unit}\", \"min\": {:.6}, \"max\": {:.6}, \
                 \"runs\": {n}, \"samples\": [{}], \"verified\": \"{verified}\"",
                sorted[0],
                sorted[n - 1],
                list.join(", ")
            ),
        );
    }

    pub fn gave_up(&self, name: &str, reason: &str) {
        eprintln!("{}: {name}: {reason}", self.peer);
        self.line(name, &format!("\"gave_up\": {}", quoted(reason)));
    }
}

/// A warm-up, then `runs` times; `work` gives the seconds that it took. What takes long is its own
/// warm-up, and runs once.
pub fn sample(
    runs: usize,
    mut work: impl FnMut() -> Result<f64, String>,
) -> Result<Vec<f64>, String> {
    const LONG: f64 = 5.0;
    const TOO_LONG: f64 = 60.0;
    let first = work()?;
    if first > TOO_LONG {
        return Err(format!("takes {first:.0} s"));
    }
    if first > LONG {
        return Ok(vec![first * 1e3]);
    }
    (0..runs).map(|_| work().map(|s| s * 1e3)).collect()
}
