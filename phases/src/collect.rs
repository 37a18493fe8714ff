//! Reads the sources of the configuration, in k3OS's order.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use config::{Loaded, Problem, Severity, Source, SourceKind};
use system::beneath::{Beneath, Dangling};
use system::layout::{CONFIG, CONFIG_DIRECTORY, SYSTEM_CONFIG};

const HOSTNAME: &str = "run/config/hostname";
const LOCAL_HOSTNAME: &str = "run/config/local_hostname";
const METADATA_KEYS: &str = "run/config/ssh/authorized_keys";
const USERDATA: &str = "run/config/userdata";

/// One byte more than a source may have, which is enough to see that it is too large.
const LIMIT: u64 = config::yaml::MAX_BYTES as u64 + 1;

/// The sources that were found, from the lowest to the highest precedence, and those that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// What was read.
    pub sources: Vec<Source>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Reads the sources under `root`. A source that is not there is none; one that cannot be read is a problem. Links are followed
/// as if `root` were `/`: none leads out of it.
///
/// The order, from the lowest precedence: the name that a cloud gives a machine without one, `/k3os/system/config.yaml`, the kernel command line,
/// `/var/lib/rancher/k3os/config.yaml`, metadata and userdata in `/run/config`, and each file of
/// `/var/lib/rancher/k3os/config.d` by name.
pub fn collect(root: &Path, cmdline: &str) -> Collected {
    collect_beneath(Beneath::new(root), cmdline)
}

/// The same for a directory whose links mean something else.
pub fn collect_beneath(below: Beneath<'_>, cmdline: &str) -> Collected {
    let mut collected = Collected::default();
    collected.read(below, HOSTNAME, SourceKind::LocalHostname);
    collected.read(below, SYSTEM_CONFIG, SourceKind::File);
    collected.add_cmdline(cmdline);
    collected.read(below, CONFIG, SourceKind::File);
    collected.read(below, LOCAL_HOSTNAME, SourceKind::LocalHostname);
    collected.read(below, METADATA_KEYS, SourceKind::AuthorizedKeys);
    collected.read(below, USERDATA, SourceKind::Userdata);
    collected.read_directory(below, CONFIG_DIRECTORY);
    collected
}

impl Collected {
    /// Makes one configuration of what was read.
    pub fn load(&self) -> Loaded {
        let mut loaded = config::load(&self.sources);
        loaded.problems.splice(..0, self.problems.iter().cloned());
        // What cannot be read may say anything.
        let unread = |problem: &&Problem| problem.severity == Severity::Error;
        loaded
            .doubts
            .splice(..0, self.problems.iter().filter(unread).cloned());
        loaded
    }

    pub(crate) fn add_cmdline(&mut self, cmdline: &str) {
        self.add("cmdline", SourceKind::Cmdline, cmdline.as_bytes().to_vec());
    }

    /// Reads a file that somebody named, whatever it is: a pipe and `-`, the standard input, too. That it cannot be
    /// read is an error.
    pub(crate) fn read_named(&mut self, path: &Path, kind: SourceKind) {
        let is_input = path == Path::new("-");
        let name = if is_input {
            "standard input".into()
        } else {
            path.to_string_lossy()
        };
        let read = if is_input {
            bounded(io::stdin())
        } else {
            File::open(path).and_then(bounded)
        };
        match read {
            Ok(bytes) => self.add(&name, kind, bytes),
            Err(error) => self.problem(Severity::Error, &name, cause(&error)),
        }
    }

    fn read_directory(&mut self, below: Beneath<'_>, directory: &str) {
        let names = match below.names(Path::new(directory)) {
            Ok(names) => names,
            Err(error) => return self.unread(below, Path::new(directory), &error),
        };
        for name in names {
            self.read(below, Path::new(directory).join(name), SourceKind::File);
        }
    }

    fn read(&mut self, below: Beneath<'_>, path: impl AsRef<Path>, kind: SourceKind) {
        match below.read(path.as_ref(), LIMIT) {
            Ok(bytes) => self.add(&shown(path.as_ref()), kind, bytes),
            Err(error) => self.unread(below, path.as_ref(), &error),
        }
    }

    fn add(&mut self, name: &str, kind: SourceKind, bytes: Vec<u8>) {
        let name = name.to_owned();
        self.sources.push(Source { name, kind, bytes });
    }

    /// What is not there is no problem, unless something says that it should be.
    fn unread(&mut self, below: Beneath<'_>, path: &Path, error: &io::Error) {
        let is_absent = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
        match below.dangling(path).filter(|_| is_absent) {
            Some(dangling) => {
                let message = leads_nowhere(path, &dangling);
                self.problem(Severity::Warning, &shown(path), message);
            }
            None if is_absent => {}
            None if error.kind() == ErrorKind::IsADirectory => {
                self.problem(Severity::Warning, &shown(path), cause(error));
            }
            None => self.problem(Severity::Error, &shown(path), cause(error)),
        }
    }

    fn problem(&mut self, severity: Severity, source: &str, message: String) {
        self.problems.push(Problem {
            severity,
            source: source.to_owned(),
            place: None,
            key: String::new(),
            message,
            hint: None,
        });
    }
}

/// How messages name a file below the root.
fn shown(path: &Path) -> String {
    let path: PathBuf = Path::new("/").join(path);
    path.to_string_lossy().into_owned()
}

fn cause(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::IsADirectory => "is a directory and is not read".to_owned(),
        ErrorKind::PermissionDenied => "cannot be read by this user; use sudo".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

fn leads_nowhere(path: &Path, dangling: &Dangling) -> String {
    let target = dangling.target.display();
    if dangling.link.ends_with(path) {
        return format!("is not read: it is a link to {target}, which is not there");
    }
    let link = dangling.link.display();
    format!("is not read: {link} is a link to {target}, which is not there")
}

fn bounded(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("making a directory");
        fs::write(path, text).expect("writing a file");
    }

    #[test]
    fn sources_come_in_order_and_a_directory_among_them_is_only_named() {
        let root = tempfile::tempdir().expect("a directory");
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
            ["/var/lib/rancher/k3os/config.d/15: warning: is a directory and is not read"]
        );
        assert_eq!(collected.load().config.hostname, "z");
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_read() {
        use std::os::unix::ffi::OsStrExt;
        let root = tempfile::tempdir().expect("a directory");
        put(
            root.path(),
            "var/lib/rancher/k3os/config.d/10",
            "hostname: a",
        );
        let name = std::ffi::OsStr::from_bytes(b"20\xff");
        let path = root.path().join(CONFIG_DIRECTORY).join(name);
        fs::write(path, "hostname: b").expect("writing a file");
        assert_eq!(collect(root.path(), "").load().config.hostname, "b");
    }

    #[test]
    fn a_pipe_does_not_hold_up_and_a_huge_file_is_not_read_whole() {
        let root = tempfile::tempdir().expect("a directory");
        put(
            root.path(),
            "var/lib/rancher/k3os/config.d/20",
            "hostname: z",
        );
        let directory = root.path().join("var/lib/rancher/k3os/config.d");
        let status = std::process::Command::new("mkfifo")
            .arg(directory.join("10"))
            .status();
        assert!(status.is_ok_and(|status| status.success()));
        fs::File::create(directory.join("30"))
            .and_then(|f| f.set_len(1 << 40))
            .expect("a huge file");
        let loaded = collect(root.path(), "").load();
        assert_eq!(loaded.config.hostname, "z");
        assert_eq!(loaded.problems.len(), 2, "{:?}", loaded.problems);
    }

    fn told(collected: &Collected) -> Vec<String> {
        collected.problems.iter().map(ToString::to_string).collect()
    }

    /// An absolute link on the machine's disk means the machine's file, not one of whoever looks at the disk.
    #[test]
    fn links_are_followed_inside_the_root() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("root");
        put(&root, "etc/own.yaml", "hostname: inside");
        put(directory.path(), "etc/other.yaml", "hostname: outside");
        put(&root, "var/lib/rancher/k3os/config.d/05", "");
        let entry = root.join(CONFIG_DIRECTORY).join("10");
        symlink("/etc/own.yaml", &entry).expect("linking");
        let outside = directory.path().join("etc/other.yaml");
        symlink(&outside, root.join(CONFIG_DIRECTORY).join("20")).expect("linking");
        symlink(
            "../../../../../../etc/other.yaml",
            root.join(CONFIG_DIRECTORY).join("30"),
        )
        .expect("linking");
        let collected = collect(&root, "");
        assert_eq!(collected.load().config.hostname, "inside");
        assert_eq!(
            told(&collected),
            [
                format!(
                    "/{CONFIG_DIRECTORY}/20: warning: is not read: it is a link to {}, which is not there",
                    outside.display()
                ),
                format!(
                    "/{CONFIG_DIRECTORY}/30: warning: is not read: it is a link to ../../../../../../etc/other.yaml, which is not there"
                ),
            ]
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_told() {
        let root = tempfile::tempdir().expect("a directory");
        put(root.path(), "var/lib/rancher/x", "");
        put(root.path(), "k3os/x", "");
        symlink("gone", root.path().join("var/lib/rancher/k3os")).expect("linking");
        symlink("/mnt/usb", root.path().join("k3os/system")).expect("linking");
        assert_eq!(
            told(&collect(root.path(), "")),
            [
                "/k3os/system/config.yaml: warning: is not read: /k3os/system is a link to /mnt/usb, which is not there",
                "/var/lib/rancher/k3os/config.yaml: warning: is not read: /var/lib/rancher/k3os is a link to gone, which is not there",
                "/var/lib/rancher/k3os/config.d: warning: is not read: /var/lib/rancher/k3os is a link to gone, which is not there",
            ]
        );
    }

    #[test]
    fn a_named_file_may_be_a_pipe_and_must_be_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::write(pipe, "hostname: a")
        });
        let mut collected = Collected::default();
        collected.read_named(&pipe, SourceKind::File);
        writer.join().expect("a writer").expect("writing");
        assert_eq!(collected.load().config.hostname, "a");
        collected.read_named(Path::new("/dev/zero"), SourceKind::File);
        collected.read_named(directory.path(), SourceKind::File);
        collected.read_named(Path::new("/nonexistent"), SourceKind::File);
        let told: Vec<_> = collected
            .load()
            .problems
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                format!(
                    "{}: error: is a directory and is not read",
                    directory.path().display()
                ),
                "/nonexistent: error: cannot be read: No such file or directory (os error 2)"
                    .to_owned(),
                "/dev/zero: error: is larger than 16 MiB and is not read".to_owned(),
            ]
        );
    }
}
