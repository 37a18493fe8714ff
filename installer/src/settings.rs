//! The configuration that the installed system gets: fetched or taken over from this machine, and validated before anything is
//! written.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use config::{Config, Secret, Severity, Source, SourceKind};
use sha_crypt::{PasswordHasher, ShaCrypt};

use crate::download::{Download, SCHEMES, trust};
use crate::medium::local;
use crate::refusal::Refusal;

/// How long a download may take, tries included.
const LIMIT: Duration = Duration::from_secs(180);

/// The configuration to install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The text of `config.yaml`.
    pub text: String,
    /// Where it comes from, in words.
    pub origin: String,
}

impl Settings {
    /// Fetches a file or URL and validates it. Gives warnings besides.
    ///
    /// # Errors
    /// When it cannot be had, or has errors: each of them with line and key.
    pub fn fetch(source: &str, scratch: &Path) -> Result<(Self, Vec<String>), Vec<Refusal>> {
        Self::fetch_trusting(source, scratch, &[])
    }

    /// The same; for https, these certificates are trusted besides the system's: texts in PEM, or paths of files with some.
    ///
    /// # Errors
    /// As above, and when a certificate cannot be read.
    pub fn fetch_trusting(
        source: &str,
        scratch: &Path,
        trusted_cas: &[String],
    ) -> Result<(Self, Vec<String>), Vec<Refusal>> {
        let bytes = read(source, scratch, trusted_cas).map_err(|error| {
            let next = "check path or URL, and the network (connmanctl services)";
            vec![Refusal::new(format!("{error:#}"), next)]
        })?;
        validate(source, bytes)
    }

    /// The name that it gives the machine; empty when it gives none.
    pub fn hostname(&self) -> String {
        let loaded = config::load(&[Source {
            name: self.origin.clone(),
            kind: SourceKind::File,
            bytes: self.text.clone().into_bytes(),
        }]);
        loaded.config.hostname
    }

    /// The configuration that this machine runs with, as a file. The password is hashed.
    ///
    /// # Errors
    /// When the password cannot be hashed.
    pub fn of_machine(mut config: Config, salt: &[u8; 12]) -> Result<Self> {
        config.k3os.install = config::Install::default();
        let password = config.k3os.password.reveal();
        if !password.is_empty() && !password.starts_with('$') {
            config.k3os.password = Secret::new(hash(password, salt)?);
        }
        Ok(Self {
            text: config::dump::yaml(&config),
            origin: "this machine's, with what was answered and the kernel command line's keys"
                .into(),
        })
    }
}

impl Settings {
    /// The same, if it has no errors: answers may hold some.
    ///
    /// # Errors
    /// Each error with its key.
    pub fn validated(self) -> Result<Self, Vec<Refusal>> {
        let (settings, _) = validate("the answers", self.text.into_bytes())?;
        let origin = self.origin;
        Ok(Self { origin, ..settings })
    }
}

/// A password in the form of /etc/shadow.
///
/// # Errors
/// When the library refuses it.
pub fn hash(clear: &str, salt: &[u8; 12]) -> Result<String> {
    let hash = ShaCrypt::SHA512.hash_password_with_salt(clear.as_bytes(), salt);
    hash.map(|hash| hash.as_str().to_owned())
        .map_err(|error| anyhow!("hashing the password: {error}"))
}

fn validate(source: &str, bytes: Vec<u8>) -> Result<(Settings, Vec<String>), Vec<Refusal>> {
    let mut loaded = config::load(&[Source {
        name: source.to_owned(),
        kind: SourceKind::File,
        bytes: bytes.clone(),
    }]);
    let kubernetes = phases::kubernetes::problems(&loaded);
    loaded.problems.extend(kubernetes);
    let is_error = |problem: &&config::Problem| problem.severity == Severity::Error;
    let errors: Vec<Refusal> = loaded
        .problems
        .iter()
        .filter(is_error)
        .map(|problem| Refusal::new(problem.to_string(), "correct the configuration"))
        .collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let what = format!("{source} is not text: {error}");
        vec![Refusal::new(what, "give a configuration in YAML")]
    })?;
    let warnings = loaded.problems.iter().map(ToString::to_string).collect();
    let origin = source.to_owned();
    Ok((Settings { text, origin }, warnings))
}

fn read(source: &str, scratch: &Path, trusted_cas: &[String]) -> Result<Vec<u8>> {
    if let Some(path) = local(source) {
        return bounded(&path).with_context(|| format!("reading {}", path.display()));
    }
    let scheme = source.split_once("://").map_or("", |(scheme, _)| scheme);
    if !SCHEMES.contains(&scheme) {
        bail!(
            "fetching {source}: {scheme} is not among {}",
            SCHEMES.join(", ")
        );
    }
    fs::create_dir_all(scratch).with_context(|| format!("making {}", scratch.display()))?;
    let target = scratch.join("config.fetched");
    let certificates = trust(trusted_cas, scratch)?;
    let download = Download {
        url: source,
        target: &target,
        most: config::yaml::MAX_BYTES as u64,
        limit: LIMIT,
        certificates,
    };
    let fetched = download
        .perform(&mut |_| ())
        .and_then(|()| bounded(&target));
    // It may hold secrets.
    let _ = fs::remove_file(&target);
    fetched.with_context(|| format!("fetching {source}"))
}

fn bounded(path: &Path) -> Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    if size > config::yaml::MAX_BYTES as u64 {
        bail!("it has {size} bytes, more than a configuration may have");
    }
    Ok(fs::read(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(text: &str) -> Result<(Settings, Vec<String>), Vec<Refusal>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.yaml");
        fs::write(&path, text).unwrap();
        Settings::fetch(&path.display().to_string(), directory.path())
    }

    #[test]
    fn a_good_file_is_kept_as_it_is() {
        let (settings, warnings) = fetch("hostname: box # mine\n").unwrap();
        assert_eq!(settings.text, "hostname: box # mine\n");
        assert!(warnings.is_empty() && settings.origin.ends_with("c.yaml"));
    }

    #[test]
    fn errors_refuse_with_their_line_and_warnings_do_not() {
        let refusals = fetch("hostname: box\nk3os:\n  taints: [x=y:Never]\n").unwrap_err();
        assert!(refusals[0].what.contains("c.yaml:3"), "{}", refusals[0]);
        let (_, warnings) = fetch("ssh_authorized_keys: [nonsense]\n").unwrap();
        assert!(warnings[0].contains("ssh_authorized_keys"), "{warnings:?}");
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let refusal = |source: &str| {
            Settings::fetch(source, scratch.path())
                .unwrap_err()
                .remove(0)
        };
        assert!(refusal("/no/such").what.contains("reading /no/such"));
        assert!(refusal("gopher://x/y").what.contains("gopher is not among"));
        let missing = refusal("file:///no/such/file");
        assert!(missing.what.contains("reading /no/such/file"), "{missing}");
    }

    #[test]
    fn wrong_answers_are_refused() {
        let mut config = Config::default();
        config.k3os.server_url = "not a url".into();
        let settings = Settings::of_machine(config, &[7; 12]).unwrap();
        let refusals = settings.validated().unwrap_err();
        assert!(refusals[0].what.contains("k3os.server_url"), "{refusals:?}");
    }

    #[test]
    fn the_machine_s_own_configuration_has_no_clear_password_and_no_install_section() {
        let mut config = Config {
            hostname: "box".into(),
            ..Config::default()
        };
        config.k3os.password = Secret::new("rancher");
        config.k3os.install.device = "/dev/sda".into();
        let settings = Settings::of_machine(config, &[7; 12]).unwrap();
        assert!(settings.text.contains("hostname: box"), "{}", settings.text);
        assert!(settings.text.contains("$6$") && !settings.text.contains("rancher\n"));
        assert!(!settings.text.contains("/dev/sda"));
        assert_eq!(settings.clone().validated().unwrap(), settings);
    }
}
