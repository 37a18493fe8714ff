use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use serde_json::Value;

use super::client::{Client, Error};

/// The objects of one list, first as they are, then each as it changes.
pub struct Watch {
    client: Client,
    path: String,
    selector: String,
    stream: Option<Incoming>,
    buffer: Vec<u8>,
    pending: Vec<Value>,
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
                self.begin().await?;
                continue;
            }
            match self.line().await {
                Some(line) => self.take(&line),
                None => self.stream = None,
            }
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
        self.stream = response.status().is_success().then(|| response.into_body());
        Ok(())
    }

    fn take(&mut self, line: &[u8]) {
        let mut event: Value = serde_json::from_slice(line).unwrap_or_default();
        match event.get("type").and_then(Value::as_str) {
            Some("ADDED" | "MODIFIED") => self
                .pending
                .extend(event.get_mut("object").map(Value::take)),
            Some("ERROR") => self.stream = None,
            _ => {}
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
