use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use serde_json::Value;
use tokio::time::Instant;

use super::client::{Client, Error};

/// The objects of one list, first as they are, then each as it changes.
pub struct Watch {
    client: Client,
    path: String,
    selector: String,
    stream: Option<Incoming>,
    buffer: Vec<u8>,
    pending: Vec<Value>,
    pause: Pause,
    /// When the list may be read again.
    resume: Option<Instant>,
    begun: Instant,
}

/// How long to wait before the list is read again: not at all after a watch that brought something, else ever longer.
/// An API that is overloaded (429) or has forgotten (410) would be kept so by lists at once.
#[derive(Debug, Default)]
struct Pause(u32);

impl Pause {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(30);

    /// The pause before another beginning; longer the next time.
    fn next(&mut self) -> Duration {
        let fruitless = self.0;
        self.0 = fruitless.saturating_add(1);
        match fruitless.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => (Self::FIRST * 2_u32.pow(doublings.min(16))).min(Self::LONGEST),
        }
    }

    /// Something came.
    fn reset(&mut self) {
        self.0 = 0;
    }
}

impl Watch {
    /// Watches the list at `path`, limited by a selector (`fieldSelector=…`, or empty).
    pub fn new(client: &Client, path: &str, selector: &str) -> Self {
        let (path, selector) = (path.to_string(), selector.to_string());
        Watch {
            client: client.clone(),
            path,
            selector,
            stream: None,
            buffer: Vec::new(),
            pending: Vec::new(),
            pause: Pause::default(),
            resume: None,
            begun: Instant::now(),
        }
    }

    /// The next object that is there or has changed; deleted ones are not reported.
    ///
    /// # Errors
    /// A list or watch that the API refuses, or an API that does not answer; calling again begins anew. The end of a
    /// watch is none: it is renewed.
    pub async fn next(&mut self) -> Result<Value, Error> {
        loop {
            if let Some(object) = self.pending.pop() {
                return Ok(object);
            }
            if self.stream.is_none() {
                // Kept apart from the future, which callers may drop half done.
                let pause = &mut self.pause;
                let at = *self
                    .resume
                    .get_or_insert_with(|| Instant::now() + pause.next());
                tokio::time::sleep_until(at).await;
                let outcome = self.begin().await;
                self.resume = None;
                outcome?;
                continue;
            }
            match self.line().await {
                Some(line) => self.take(&line),
                None => self.end(),
            }
        }
    }

    /// A watch that went on for long was none in vain.
    fn end(&mut self) {
        self.stream = None;
        if self.begun.elapsed() > Pause::LONGEST {
            self.pause.reset();
        }
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.buffer.clear();
        let mut list = self
            .client
            .get(&format!("{}?{}", self.path, self.selector))
            .await?;
        let version = list
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .unwrap_or("0")
            .to_string();
        if let Some(items) = list.get_mut("items").and_then(Value::as_array_mut) {
            self.pending = std::mem::take(items);
        }
        let watch = format!(
            "{}?{}&watch=1&resourceVersion={version}",
            self.path, self.selector
        );
        let response = self.client.open(&watch).await?;
        self.begun = Instant::now();
        self.stream = response.status().is_success().then(|| response.into_body());
        Ok(())
    }

    fn take(&mut self, line: &[u8]) {
        let mut event: Value = serde_json::from_slice(line).unwrap_or_default();
        match event.get("type").and_then(Value::as_str) {
            Some("ADDED" | "MODIFIED") => {
                self.pause.reset();
                self.pending
                    .extend(event.get_mut("object").map(Value::take));
            }
            Some("ERROR") => self.stream = None,
            _ => self.pause.reset(),
        }
    }

    /// One line of the stream; none at its end.
    async fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                return Some(self.buffer.drain(..=end).collect());
            }
            let frame: Bytes = self
                .stream
                .as_mut()?
                .frame()
                .await?
                .ok()?
                .into_data()
                .ok()?;
            self.buffer.extend_from_slice(&frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fruitless_beginnings_get_rarer_until_something_comes() {
        let mut pause = Pause::default();
        let pauses: Vec<u128> = (0..5).map(|_| pause.next().as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800]);
        for _ in 0..100 {
            pause.next();
        }
        assert_eq!(pause.next(), Pause::LONGEST);
        pause.reset();
        assert_eq!(pause.next(), Duration::ZERO);
    }
}
