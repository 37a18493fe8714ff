//! Control groups, version 2: one for each service.

use std::fs;
use std::io;
use std::path::Path;

/// The controllers that services get where the kernel has them. Those of the root are Kubernetes' choice: all.
const OF_SERVICES: [&str; 4] = ["cpu", "io", "memory", "pids"];

/// What a control group uses. A figure that its controllers do not give is `None`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Memory in bytes, page cache included (`memory.current`).
    pub memory: Option<u64>,
    /// CPU time in microseconds since the group was made (`cpu.stat`, `usage_usec`).
    pub cpu_usec: Option<u64>,
    /// Number of tasks (`pids.current`, or the processes counted).
    pub tasks: Option<u64>,
}

/// Moves PID 1 into `init.scope`, makes `system.slice` and hands controllers down to it.
///
/// `root` is a cgroup2 mount. A controller that cannot be enabled is left out: services start without it.
pub fn prepare(root: &Path) -> io::Result<()> {
    let scope = root.join("init.scope");
    create(&scope)?;
    for pid in own_processes(root) {
        // Kernel threads cannot be moved and need not be.
        let _ = fs::write(scope.join("cgroup.procs"), pid.to_string());
    }
    enable_controllers(root, |_| true);
    let slice = root.join("system.slice");
    create(&slice)?;
    enable_controllers(&slice, |name| OF_SERVICES.contains(&name));
    Ok(())
}

fn enable_controllers(group: &Path, wanted: impl Fn(&str) -> bool) {
    let available = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
    for controller in available.split_whitespace().filter(|name| wanted(name)) {
        // One at a time, so that one refusal does not lose the others.
        let _ = fs::write(
            group.join("cgroup.subtree_control"),
            format!("+{controller}"),
        );
    }
}

/// Makes the group and its parents; one that exists is fine.
pub fn create(group: &Path) -> io::Result<()> {
    fs::create_dir_all(group)
}

/// Removes the group and those below it, deepest first. A group with processes in it stays: an error.
pub fn remove(group: &Path) -> io::Result<()> {
    for child in children(group) {
        remove(&child)?;
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a process lives in the group or below it.
pub fn is_populated(group: &Path) -> bool {
    match fs::read_to_string(group.join("cgroup.events")) {
        Ok(events) => events.lines().any(|line| line == "populated 1"),
        Err(_) => !processes(group).is_empty(),
    }
}

/// The processes in the group and below it.
pub fn processes(group: &Path) -> Vec<i32> {
    let mut found = own_processes(group);
    for child in children(group) {
        found.extend(processes(&child));
    }
    found
}

fn own_processes(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    // 0 stands for a process outside our PID namespace: not ours to signal.
    text.lines()
        .filter_map(|line| line.parse().ok())
        .filter(|&pid| pid > 0)
        .collect()
}

fn children(group: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(group) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Sends `signal` to every process in the group and below it; returns how many were reached.
pub fn signal(group: &Path, signal: i32) -> usize {
    processes(group)
        .into_iter()
        .filter(|&pid| crate::process::kill(pid, signal).is_ok())
        .count()
}

/// Kills everything in the group and below it at once (`cgroup.kill`, Linux 5.14), or one by one.
pub fn kill(group: &Path) {
    if fs::write(group.join("cgroup.kill"), "1").is_err() {
        signal(group, nix::libc::SIGKILL);
    }
}

/// Writes one attribute, such as `memory.max`.
pub fn set(group: &Path, attribute: &str, value: &str) -> io::Result<()> {
    fs::write(group.join(attribute), value)
}

/// Reads what the group uses.
pub fn figures(group: &Path) -> Figures {
    let read = |file: &str| fs::read_to_string(group.join(file)).ok();
    let tasks = read("pids.current").and_then(|text| text.trim().parse().ok());
    Figures {
        memory: read("memory.current").and_then(|text| text.trim().parse().ok()),
        cpu_usec: read("cpu.stat").and_then(|text| cpu_usage(&text)),
        tasks: tasks.or_else(|| group.exists().then(|| processes(group).len() as u64)),
    }
}

fn cpu_usage(stat: &str) -> Option<u64> {
    stat.lines()
        .find_map(|line| line.strip_prefix("usage_usec "))?
        .trim()
        .parse()
        .ok()
}

/// The cgroup2 path of a process, such as `/system.slice/ssh.service`.
pub fn of_process(pid: i32) -> Option<String> {
    parse_membership(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
}

/// The path of a directory of a cgroup2 mount within its hierarchy, as [`of_process`] tells it: empty for the mount itself.
pub fn path_in_hierarchy(directory: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
    let own = device(directory);
    let mount = directory
        .ancestors()
        .take_while(|path| device(path) == own)
        .last()
        .unwrap_or(directory);
    match directory.strip_prefix(mount) {
        Ok(rest) if !rest.as_os_str().is_empty() => format!("/{}", rest.display()),
        _ => String::new(),
    }
}

fn parse_membership(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix("0::"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_2_line_is_found_among_hybrid_ones() {
        let text = "5:pids:/x\n0::/system.slice/ssh.service\n";
        assert_eq!(
            parse_membership(text).as_deref(),
            Some("/system.slice/ssh.service")
        );
        assert_eq!(parse_membership("1:name=systemd:/\n"), None);
    }

    #[test]
    fn cpu_time_is_read() {
        assert_eq!(cpu_usage("usage_usec 1200\nuser_usec 800\n"), Some(1200));
        assert_eq!(cpu_usage(""), None);
    }

    #[test]
    fn figures_of_a_missing_group_are_unknown() {
        assert_eq!(figures(Path::new("/nonexistent/group")), Figures::default());
    }
}
