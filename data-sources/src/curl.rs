//! HTTP by the curl of the image.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use system::host::{CommandLine, Host};

use crate::http::{Http, Method, Request, Response};

/// Seconds until a service must have answered. It is one hop away; k3OS gave it two.
const LIMIT: &str = "4";
/// The largest answer, in bytes: what a source of the configuration may have.
const MAX_BYTES: usize = config::yaml::MAX_BYTES;

/// Asks by curl. Answers go through a file, since they are bytes of any length.
pub struct Curl<'a> {
    host: &'a dyn Host,
    answer: &'a Path,
}

impl<'a> Curl<'a> {
    /// With `answer` as the file for answers; it is removed each time.
    pub fn new(host: &'a dyn Host, answer: &'a Path) -> Self {
        Self { host, answer }
    }

    fn words(&self, request: &Request) -> Vec<String> {
        let mut words: Vec<String> = ["curl", "--silent", "--show-error", "--globoff"]
            .map(String::from)
            .into();
        // No proxy knows the way to a link-local service.
        words.extend(
            [
                "--noproxy",
                "*",
                "--connect-timeout",
                "2",
                "--max-time",
                LIMIT,
            ]
            .map(String::from),
        );
        words.extend(["--max-filesize".into(), MAX_BYTES.to_string()]);
        words.extend([
            "--output".into(),
            self.answer.to_string_lossy().into_owned(),
        ]);
        words.extend(["--write-out", "\n%{http_code}"].map(String::from));
        if request.method == Method::Put {
            words.extend(["--request", "PUT"].map(String::from));
        }
        if request.from_low_port {
            words.extend(["--local-port", "600-1023"].map(String::from));
        }
        for (name, value) in &request.headers {
            words.extend(["--header".into(), format!("{name}: {value}")]);
        }
        words.push(request.url.clone());
        words
    }
}

impl Http for Curl<'_> {
    fn send(&self, request: &Request) -> Result<Response> {
        self.host.remove(self.answer)?;
        let ended = self.host.run(&CommandLine {
            words: self.words(request),
            environment: Default::default(),
            limit: Some(Duration::from_secs(10)),
        })?;
        let said = String::from_utf8_lossy(&ended.output);
        let (message, status) = said.rsplit_once('\n').unwrap_or(("", &said));
        ensure!(
            ended.succeeded(),
            "asking {}: {}",
            request.url,
            message.trim()
        );
        let status = status
            .parse()
            .with_context(|| format!("asking {}: reading the status {status:?}", request.url))?;
        let body = self.host.read(self.answer)?.unwrap_or_default();
        self.host.remove(self.answer)?;
        Ok(Response { status, body })
    }
}
