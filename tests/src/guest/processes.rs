//! The machine's processes, from /proc alone.

use anyhow::Result;

use super::Guest;

/// A process with a command line (kernel threads have none).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its arguments, the program first.
    pub arguments: Vec<String>,
}

/// The trailing newline of each entry is the only one: arguments end with NUL.
const LIST: &str = r#"for p in /proc/[0-9]*; do printf "%s " "${p#/proc/}"; cat $p/cmdline 2>/dev/null | tr "\n" " "; echo; done"#;

impl Guest {
    /// All processes with a command line.
    pub fn processes(&self) -> Result<Vec<Process>> {
        Ok(parse(&self.root(LIST)?))
    }

    /// The first process whose program is named `name` and whose first argument is `applet`.
    pub fn applet(&self, name: &str, applet: &str) -> Result<Option<u32>> {
        let processes = self.processes()?;
        Ok(processes
            .iter()
            .filter(|process| process.is(name, applet))
            .map(|process| process.pid)
            .min())
    }
}

impl Process {
    fn is(&self, name: &str, applet: &str) -> bool {
        let program = self
            .arguments
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        program.rsplit('/').next() == Some(name)
            && self.arguments.get(1).is_some_and(|first| first == applet)
    }
}

fn parse(listing: &str) -> Vec<Process> {
    listing.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Process> {
    let (pid, arguments) = line.split_once(' ')?;
    let arguments = arguments.trim_end_matches('\0');
    if arguments.is_empty() {
        return None;
    }
    Some(Process {
        pid: pid.parse().ok()?,
        arguments: arguments.split('\0').map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_threads_are_left_out_and_arguments_are_kept_apart() {
        let listing =
            "1 /usr/sbin/init\0\n2 \n90 /usr/libexec/k3os/kubernetes\0server\0--config\0a b\0\n";
        let processes = parse(listing);
        assert_eq!(processes.len(), 2);
        assert_eq!(processes[1].pid, 90);
        assert_eq!(processes[1].arguments[3], "a b");
        assert!(processes[1].is("kubernetes", "server"));
        assert!(!processes[1].is("kubernetes", "agent"));
    }
}
