//! Reads the sources of the configuration, in k3OS's order.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use config::{Loaded, Problem, Severity, Source, SourceKind};

const SYSTEM_CONFIG: &str = "k3os/system/config.yaml";
const CONFIG: &str = "var/lib/rancher/k3os/config.yaml";
const CONFIG_FOLDER: &str = "var/lib/rancher/k3os/config.d";
const HOSTNAME: &str = "run/config/hostname";
const LOCAL_HOSTNAME: &str = "run/config/local_hostname";
const METADATA_KEYS: &str = "run/config/ssh/authorized_keys";
const USERDATA: &str = "run/config/userdata";

/// The sources that were found, from the lowest to the highest precedence, and those that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// What was read.
    pub sources: Vec<Source>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Reads the sources under `root`. A source that is not there is none; one that cannot be read is a problem.
///
/// The order, from the lowest precedence: the name that a cloud gives a machine without one, `/k3os/system/config.yaml`, the kernel command line,
/// `/var/lib/rancher/k3os/config.yaml`, metadata and userdata in `/run/config`, and each file of
/// `/var/lib/rancher/k3os/config.d` by name.
pub fn collect(root: &Path, cmdline: &str) -> Collected {
    let mut collected = Collected::default();
    collected.read(root, HOSTNAME, SourceKind::LocalHostname);
    collected.read(root, SYSTEM_CONFIG, SourceKind::File);
    collected.sources.push(Source {
        name: "cmdline".into(),
        kind: SourceKind::Cmdline,
        bytes: cmdline.as_bytes().to_vec(),
    });
    collected.read(root, CONFIG, SourceKind::File);
    collected.read(root, LOCAL_HOSTNAME, SourceKind::LocalHostname);
    collected.read(root, METADATA_KEYS, SourceKind::AuthorizedKeys);
    collected.read(root, USERDATA, SourceKind::Userdata);
    for name in collected.names(root) {
        let shown = format!("/{CONFIG_FOLDER}/{}", name.to_string_lossy());
        let path = root.join(CONFIG_FOLDER).join(&name);
        collected.read_file(&path, &shown, SourceKind::File, false);
    }
    collected
}

impl Collected {
    /// Makes one configuration of what was read.
    pub fn load(&self) -> Loaded {
        let mut loaded = config::load(&self.sources);
        loaded.problems.splice(..0, self.problems.iter().cloned());
        loaded
    }

    /// The names in config.d, in byte order.
    fn names(&mut self, root: &Path) -> Vec<OsString> {
        let entries = match fs::read_dir(root.join(CONFIG_FOLDER)) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Vec::new(),
            Err(error) => {
                self.unreadable(&format!("/{CONFIG_FOLDER}"), &error);
                return Vec::new();
            }
        };
        let entries = entries.filter_map(Result::ok);
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }

    fn read(&mut self, root: &Path, path: &str, kind: SourceKind) {
        self.read_file(&root.join(path), &format!("/{path}"), kind, false);
    }

    /// Reads one file under a name for messages. One that must be there is a problem when it is not.
    pub(crate) fn read_file(&mut self, path: &Path, name: &str, kind: SourceKind, required: bool) {
        match read_bounded(path) {
            Ok(bytes) => self.sources.push(Source {
                name: name.to_owned(),
                kind,
                bytes,
            }),
            Err(error) if is_absent(&error) && !required => {}
            Err(error) => self.unreadable(name, &error),
        }
    }

    fn unreadable(&mut self, name: &str, error: &std::io::Error) {
        let (severity, message) = match error.kind() {
            ErrorKind::IsADirectory => {
                (Severity::Warning, "is a folder and is not read".to_owned())
            }
            _ => (Severity::Error, format!("cannot be read: {error}")),
        };
        let source = name.to_owned();
        self.problems.push(Problem {
            severity,
            source,
            place: None,
            key: String::new(),
            message,
            hint: None,
        });
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Reads at most one byte more than a source may have, which is enough to see that it is too large.
/// Only plain files: a pipe in config.d would hold up the boot for ever.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?;
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(config::yaml::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("making a folder");
        fs::write(path, text).expect("writing a file");
    }

    #[test]
    fn sources_come_in_order_and_a_folder_among_them_is_only_named() {
        let root = tempfile::tempdir().expect("a folder");
        put(root.path(), "k3os/system/config.yaml", "hostname: a");
        put(
            root.path(),
            "var/lib/rancher/k3os/config.d/20-b",
            "hostname: z",
        );
        put(
            root.path(),
            "var/lib/rancher/k3os/config.d/10-a.yaml",
            "hostname: y",
        );
        put(
            root.path(),
            "var/lib/rancher/k3os/config.d/15/inside",
            "hostname: x",
        );
        put(root.path(), "run/config/userdata", "hostname: u");
        let collected = collect(root.path(), "quiet");
        let names: Vec<_> = collected.sources.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "/k3os/system/config.yaml",
                "cmdline",
                "/run/config/userdata",
                "/var/lib/rancher/k3os/config.d/10-a.yaml",
                "/var/lib/rancher/k3os/config.d/20-b",
            ]
        );
        assert_eq!(
            collected
                .problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["/var/lib/rancher/k3os/config.d/15: warning: is a folder and is not read"]
        );
        assert_eq!(collected.load().config.hostname, "z");
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_read() {
        use std::os::unix::ffi::OsStrExt;
        let root = tempfile::tempdir().expect("a folder");
        put(
            root.path(),
            "var/lib/rancher/k3os/config.d/10",
            "hostname: a",
        );
        let name = std::ffi::OsStr::from_bytes(b"20\xff");
        let path = root.path().join(CONFIG_FOLDER).join(name);
        fs::write(path, "hostname: b").expect("writing a file");
        assert_eq!(collect(root.path(), "").load().config.hostname, "b");
    }

    #[test]
    fn a_pipe_does_not_hold_up_and_a_huge_file_is_not_read_whole() {
        let root = tempfile::tempdir().expect("a folder");
        put(
            root.path(),
            "var/lib/rancher/k3os/config.d/20",
            "hostname: z",
        );
        let folder = root.path().join("var/lib/rancher/k3os/config.d");
        let status = std::process::Command::new("mkfifo")
            .arg(folder.join("10"))
            .status();
        assert!(status.is_ok_and(|status| status.success()));
        fs::File::create(folder.join("30"))
            .and_then(|f| f.set_len(1 << 40))
            .expect("a huge file");
        let loaded = collect(root.path(), "").load();
        assert_eq!(loaded.config.hostname, "z");
        assert_eq!(loaded.problems.len(), 2, "{:?}", loaded.problems);
    }
}
