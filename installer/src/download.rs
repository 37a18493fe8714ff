//! Downloads by curl, which knows the system's certificates, proxies, and every scheme that k3OS took.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use system::command::{self, CommandLine, Ended};

/// What curl may fetch.
pub(crate) const SCHEMES: [&str; 5] = ["http", "https", "ftp", "tftp", "file"];
/// Where systems keep the certificates that they trust.
const SYSTEM_CERTIFICATES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];
/// How often it is looked how far a download is.
const NEWS: Duration = Duration::from_millis(100);

/// Something to fetch into a file.
#[derive(Debug, Clone)]
pub(crate) struct Download<'a> {
    pub(crate) url: &'a str,
    pub(crate) target: &'a Path,
    /// More bytes than this are refused.
    pub(crate) most: u64,
    /// How long it may take, tries included.
    pub(crate) limit: Duration,
    /// A file of certificates that are trusted in place of the system's.
    pub(crate) certificates: Option<PathBuf>,
}

impl Download<'_> {
    /// Fetches it; `progress` is told the bytes so far.
    ///
    /// # Errors
    /// What curl says.
    pub(crate) fn perform(&self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let line = self.line(&[
            "--retry",
            "5",
            "--retry-connrefused",
            "--connect-timeout",
            "15",
            "--speed-limit",
            "1",
            "--speed-time",
            "60",
        ]);
        let ended = thread::scope(|scope| {
            let running = scope.spawn(move || command::run(&line));
            while !running.is_finished() {
                thread::park_timeout(NEWS);
                progress(fs::metadata(self.target).map_or(0, |facts| facts.len()));
            }
            running.join()
        });
        let Ok(ended) = ended else {
            bail!("watching curl failed");
        };
        succeeded(&ended?)
    }

    /// The words of curl with these among them.
    fn line(&self, more: &[&str]) -> CommandLine {
        let mut words: Vec<String> = ["curl", "--fail", "--silent", "--show-error", "--location"]
            .map(str::to_owned)
            .to_vec();
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words.extend(["--max-filesize".into(), self.most.to_string()]);
        if let Some(certificates) = &self.certificates {
            words.extend(["--cacert".into(), certificates.display().to_string()]);
        }
        words.extend(["--output".into(), self.target.display().to_string()]);
        words.extend(["--".into(), self.url.into()]);
        CommandLine {
            words,
            environment: Default::default(),
            limit: Some(self.limit),
        }
    }
}

fn succeeded(ended: &Ended) -> Result<()> {
    if !ended.succeeded() {
        let said = String::from_utf8_lossy(&ended.output);
        bail!(
            "curl {}: {}",
            ended.description(),
            said.trim().lines().last().unwrap_or("it said nothing")
        );
    }
    Ok(())
}

/// A file with the system's certificates and these, or `None` when there are none besides the system's. Each is a text in PEM,
/// or the path of a file with some.
///
/// # Errors
/// When one of the files cannot be read, or the new one not written.
pub(crate) fn trust(trusted_cas: &[String], directory: &Path) -> Result<Option<PathBuf>> {
    if trusted_cas.is_empty() {
        return Ok(None);
    }
    let system = SYSTEM_CERTIFICATES
        .iter()
        .find_map(|path| fs::read_to_string(path).ok());
    let mut bundle = system.unwrap_or_default();
    for entry in trusted_cas {
        bundle.push('\n');
        bundle.push_str(&certificate(entry)?);
    }
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let path = directory.join("trusted-cas.pem");
    fs::write(&path, bundle).with_context(|| format!("writing {}", path.display()))?;
    Ok(Some(path))
}

fn certificate(entry: &str) -> Result<String> {
    if !entry.starts_with('/') {
        return Ok(entry.to_owned());
    }
    let reading = || format!("reading {entry} (k3os.install.trusted_cas)");
    let text = fs::read_to_string(entry).with_context(reading)?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        bail!("{}: there is no certificate in PEM in it", reading());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_added_to_the_system_s() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(trust(&[], directory.path()).unwrap(), None);
        let file = directory.path().join("ca.pem");
        let pem = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n";
        fs::write(&file, pem.replace("AA", "BB")).unwrap();
        let entries = [pem.to_owned(), file.display().to_string()];
        let bundle = trust(&entries, directory.path()).unwrap().unwrap();
        let text = fs::read_to_string(bundle).unwrap();
        assert!(text.contains("\nAA\n") && text.contains("\nBB\n"), "{text}");
        fs::write(&file, "nonsense").unwrap();
        let error = format!("{:#}", trust(&entries, directory.path()).unwrap_err());
        assert!(
            error.contains("ca.pem (k3os.install.trusted_cas)"),
            "{error}"
        );
    }
}
