//! Where a path of the other system is carried to. Pure.

use std::path::{Component, Path, PathBuf};

use crate::record::Kept;

/// Where the running system's data lie, from the file system's root.
const DATA: &str = "k3os/data";
/// Directories that the running system has as well, and that persist.
const SAME: [&str; 4] = ["home", "opt", "root", "var"];
/// Where everything else goes, below the data.
const OTHERS: &str = "var/kept";
/// What belongs to both systems as a whole, or to none.
const TOO_MUCH: [&str; 12] = [
    "var",
    "usr",
    "etc",
    "boot",
    "k3os",
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "var/lib",
    "lost+found",
];
/// What is never carried over, with all that is in it.
const NEVER: [&str; 6] = ["boot", "k3os", "dev", "proc", "sys", "run"];

/// Tells where a path goes.
///
/// # Errors
/// When it is no absolute path, or nothing that can be carried over.
pub fn destination(path: &Path) -> Result<Kept, String> {
    let parts: Vec<Component> = path.components().skip(1).collect();
    let is_plain = parts
        .iter()
        .all(|part| matches!(part, Component::Normal(_)));
    if !path.is_absolute() || parts.is_empty() || !is_plain {
        return Err(format!(
            "invalid path {}; valid: an absolute path below /",
            path.display()
        ));
    }
    let from: PathBuf = parts.iter().collect();
    let never = NEVER.iter().any(|directory| from.starts_with(directory));
    if never
        || TOO_MUCH
            .iter()
            .any(|directory| from == Path::new(directory))
    {
        return Err(format!(
            "/{} as a whole cannot be carried over; name what you need of it",
            from.display()
        ));
    }
    let to = Path::new(DATA).join(below_data(&from));
    Ok(Kept { from, to })
}

fn below_data(from: &Path) -> PathBuf {
    if let Ok(rest) = from.strip_prefix("usr/local") {
        // There it is a link to /var/local.
        return Path::new("var/local").join(rest);
    }
    if SAME.iter().any(|directory| from.starts_with(directory)) {
        return from.to_path_buf();
    }
    Path::new(OTHERS).join(from)
}

impl Kept {
    /// Where the running k3OS has it.
    pub fn running(&self) -> PathBuf {
        let inner = self.to.strip_prefix(DATA).unwrap_or(&self.to);
        Path::new("/").join(inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_persists_anyway_keeps_its_path_and_the_rest_gets_one() {
        let running = |path: &str| {
            let kept = destination(Path::new(path)).unwrap();
            kept.running().display().to_string()
        };
        assert_eq!(running("/home"), "/home");
        assert_eq!(running("/home/alice"), "/home/alice");
        assert_eq!(running("/var/lib/rancher/"), "/var/lib/rancher");
        assert_eq!(running("/usr/local/bin/tool"), "/var/local/bin/tool");
        assert_eq!(running("/srv/db"), "/var/kept/srv/db");
        assert_eq!(running("/etc/ssl/private"), "/var/kept/etc/ssl/private");
    }

    #[test]
    fn what_is_both_systems_or_no_path_is_refused() {
        for path in [
            "/",
            "/var",
            "/boot/grub",
            "/k3os/data",
            "relative",
            "/a/../etc",
            "/proc/1",
        ] {
            assert!(destination(Path::new(path)).is_err(), "{path}");
        }
    }
}
