//! What children print: prefixed with their name, without the chatter, which is kept for the case that one dies.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};

/// Lines of chatter that are kept.
const KEPT: usize = 20;
/// Longest line that is passed on, in bytes. What prints without line breaks must not fill the memory.
const MAX_LINE: usize = 16 << 10;

/// Where a child's lines go.
#[derive(Clone)]
pub struct Output {
    name: &'static str,
    verbose: bool,
    hushed: Arc<AtomicBool>,
    kept: Arc<Mutex<VecDeque<String>>>,
}

impl Output {
    /// For the child `name`; `verbose` prints everything.
    pub fn new(name: &'static str, verbose: bool) -> Self {
        Output {
            name,
            verbose,
            hushed: Arc::default(),
            kept: Arc::default(),
        }
    }

    /// From now on only the child's own reports (`name: …`) are printed: components that are being ended complain about
    /// each other's absence.
    pub fn hush(&self) {
        self.hushed.store(true, Ordering::Relaxed);
    }

    fn is_wanted(&self, line: &str) -> bool {
        let report = line
            .strip_prefix(self.name)
            .is_some_and(|rest| rest.starts_with(": "));
        report || (!self.hushed.load(Ordering::Relaxed) && !is_chatter(line))
    }

    /// Passes on one stream until it ends.
    pub async fn relay(self, stream: impl AsyncRead + Unpin) {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while let Some(left_out) = next_line(&mut stream, &mut line).await {
            let mut line = String::from_utf8_lossy(&line).into_owned();
            if left_out > 0 {
                line.push_str(&format!(" … ({left_out} more bytes)"));
            }
            if self.verbose || self.is_wanted(&line) {
                println!("{}: {line}", self.name);
            } else {
                self.keep(line);
            }
        }
    }

    /// Prints the chatter that was held back; called when the child died.
    pub fn print_kept(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for line in kept.drain(..) {
            println!("{}: {line}", self.name);
        }
    }

    fn keep(&self, line: String) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

/// Reads a line into `line`, as far as it fits, and gives the number of bytes that are left out; `None` at the end.
async fn next_line(stream: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> Option<usize> {
    line.clear();
    let mut left_out = 0;
    loop {
        let chunk = stream.fill_buf().await.ok()?;
        if chunk.is_empty() {
            return (!line.is_empty()).then_some(left_out);
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
        let room = MAX_LINE.saturating_sub(line.len()).min(part.len());
        let (kept, rest) = part.split_at(room);
        line.extend_from_slice(kept);
        left_out += rest.len();
        let used = part.len() + usize::from(end.is_some());
        stream.consume(used);
        if end.is_some() {
            return Some(left_out);
        }
    }
}

/// What is said as an error or a warning at each start, and is none: API versions that no longer exist, connections that
/// the API server closes itself, and the kubelet's view, ten times a second, while it waits for the API.
const USUAL: [&str; 3] = [
    "because it has no resources.",
    "the client connection is closing",
    "node is not registered yet",
];

/// Lines of the lowest level: klog's `I0102 …` and logrus' `level=info`; and the usual ones.
fn is_chatter(line: &str) -> bool {
    let klog = line
        .strip_prefix('I')
        .is_some_and(|rest| rest.get(..4).is_some_and(is_digits));
    klog || USUAL.iter().any(|usual| line.contains(usual))
        || line.contains(" level=info ")
        || line.contains(" level=debug ")
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_bounded() -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let text = [&b"a\n\n"[..], &vec![b'x'; 3 * MAX_LINE], b"\nlast"].concat();
        runtime.block_on(async {
            let mut stream = BufReader::new(text.as_slice());
            let (mut line, mut found) = (Vec::new(), Vec::new());
            while let Some(left_out) = next_line(&mut stream, &mut line).await {
                found.push((line.len(), left_out));
            }
            assert_eq!(found, [(1, 0), (0, 0), (MAX_LINE, 2 * MAX_LINE), (4, 0)]);
            Ok(())
        })
    }

    #[test]
    fn a_hushed_child_still_reports() {
        let output = Output::new("agent", false);
        assert!(output.is_wanted("E1121 08:00:00.1 1 x.go:1] broken"));
        output.hush();
        assert!(!output.is_wanted("E1121 08:00:00.1 1 x.go:1] broken"));
        assert!(output.is_wanted("agent: stopped default/web (0.2 s)"));
    }

    #[test]
    fn chatter_is_told_from_news() {
        assert!(is_chatter("I1121 08:00:00.1 1 x.go:1] \"Serving\""));
        assert!(is_chatter("time=\"2026\" level=info msg=\"x\""));
        assert!(!is_chatter("W1121 08:00:00.1 1 x.go:1] careful"));
        assert!(!is_chatter("I am not klog"));
        assert!(!is_chatter("agent: imported x (0.10 s)"));
    }
}
