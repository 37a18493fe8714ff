//! Asking a metadata service, and what its status means.

use anyhow::{Result, bail};
use serde_json::Value as Json;

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The address.
    pub url: String,
    /// How.
    pub method: Method,
    /// Header lines: name, value.
    pub headers: Vec<(&'static str, String)>,
    /// From a port below 1024, by which the service knows that root asks.
    pub from_low_port: bool,
}

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// For something that is there.
    Get,
    /// For something that is made, such as a session's token.
    Put,
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, e.g. 200.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Something that asks.
pub trait Http {
    /// Asks once.
    ///
    /// # Errors
    /// When nobody answers in time.
    fn send(&self, request: &Request) -> Result<Response>;
}

/// Asks at the address by IPv4, and where nobody answers there, at the one by IPv6: a machine may have no other.
pub(crate) fn at_either<T>(
    roots: [&'static str; 2],
    read: impl Fn(&'static str) -> Result<T>,
) -> Result<T> {
    let [v4, v6] = roots;
    read(v4).or_else(|error| read(v6).map_err(|_| error))
}

/// A service, with the header lines that each request to it needs.
pub(crate) struct Service<'a> {
    http: &'a dyn Http,
    root: &'static str,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Service<'a> {
    pub(crate) fn new(http: &'a dyn Http, root: &'static str) -> Self {
        Self {
            http,
            root,
            headers: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What is at a path; `None` when there is no such thing.
    pub(crate) fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.ask(path, Method::Get, false)
    }

    pub(crate) fn bytes_from_low_port(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.ask(path, Method::Get, true)
    }

    pub(crate) fn put(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.ask(path, Method::Put, false)
    }

    /// The same as text without white space around it; nothing is as good as nothing there.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        Ok(self.bytes(path)?.map(text).filter(|text| !text.is_empty()))
    }

    /// The same as JSON. An answer that is none is not this service's.
    pub(crate) fn json(&self, path: &str) -> Result<Option<Json>> {
        let bytes = self.bytes(path)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn ask(&self, path: &str, method: Method, from_low_port: bool) -> Result<Option<Vec<u8>>> {
        let request = Request {
            url: format!("{}{path}", self.root),
            method,
            headers: self.headers.clone(),
            from_low_port,
        };
        let response = self.http.send(&request)?;
        match response.status {
            200 => Ok(Some(response.body)),
            // Not there, or not this service's kind of question.
            400..=407 | 410 | 204 | 300..=399 => Ok(None),
            status => bail!("asking {}: it answered with status {status}", request.url),
        }
    }
}
