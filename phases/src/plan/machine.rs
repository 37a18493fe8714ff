//! The machine: modules, kernel settings, its name, files, variables and commands.

use std::path::PathBuf;
use std::time::Duration;

use config::Secret;

use super::Planner;
use crate::environment;
use crate::files;
use crate::phase::Phase;
use crate::step::{Action, Command, File, Timezone, Variables};

impl Planner<'_> {
    pub(super) fn machine(&mut self) {
        self.modules();
        self.sysctls();
        self.hostname();
        self.timezone();
    }

    fn timezone(&mut self) {
        let zone = self.loaded.config.k3os.timezone.clone();
        if self.phase != Phase::Initrd && !zone.is_empty() {
            self.add("k3os.timezone", Action::Timezone(Timezone::This(zone)));
        }
    }

    /// Behind the commands, one of which may have linked /etc/localtime, as k3OS documented. Pods expect it to be there.
    pub(super) fn default_timezone(&mut self) {
        if self.phase == Phase::Boot {
            self.add("k3os.timezone", Action::Timezone(Timezone::UtcWhereNone));
        }
    }

    fn modules(&mut self) {
        for (number, entry) in self.loaded.config.k3os.modules.iter().enumerate() {
            let (name, parameters) = entry
                .trim()
                .split_once(char::is_whitespace)
                .unwrap_or((entry.trim(), ""));
            let (name, parameters) = (name.to_owned(), parameters.trim().to_owned());
            self.add(
                format!("k3os.modules[{number}]"),
                Action::Module { name, parameters },
            );
        }
    }

    fn sysctls(&mut self) {
        for (name, value) in &self.loaded.config.k3os.sysctls {
            let action = Action::Sysctl {
                path: sysctl_path(name),
                value: value.clone(),
            };
            self.add(format!("k3os.sysctls[{name}]"), action);
        }
    }

    fn hostname(&mut self) {
        let name = self.loaded.config.hostname.trim().to_owned();
        if name.is_empty() {
            return;
        }
        let hosts = hosts(&self.facts.hosts, &name);
        self.add("hostname", Action::Hostname(name.clone()));
        self.add("hostname", public_file("/etc/hostname", name + "\n"));
        self.add("hostname", public_file("/etc/hosts", hosts));
    }

    pub(super) fn files(&mut self) {
        let wanted = |file: &config::File, phase: Phase| {
            file.phase.is_empty()
                || file
                    .phase
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(phase.name()))
        };
        for (number, entry) in self.loaded.config.write_files.iter().enumerate() {
            if wanted(entry, self.phase) {
                let action = match files::file(entry) {
                    Ok(file) => Action::Write(file),
                    Err(error) => Action::Refuse(format!("{error:#}")),
                };
                self.add(format!("write_files[{number}]"), action);
            }
        }
    }

    /// Planned even when nothing is configured: variables that were configured before must go.
    pub(super) fn environment(&mut self) {
        let lines = environment::lines(&self.loaded.config.k3os.environment);
        let path = PathBuf::from("/etc/environment");
        self.add("k3os.environment", Action::Block { path, lines });
    }

    pub(super) fn commands(&mut self) {
        let config = &self.loaded.config;
        let (key, scripts) = match self.phase {
            Phase::Initrd => ("init_cmd", &config.init_cmd),
            Phase::Boot => ("boot_cmd", &config.boot_cmd),
            Phase::Runtime => ("run_cmd", &config.run_cmd),
            Phase::Install => return,
        };
        for (number, script) in scripts.iter().enumerate() {
            let command = Command {
                shell: if self.facts.has_bash {
                    "/bin/bash"
                } else {
                    "/bin/sh"
                },
                script: Secret::new(script.as_str()),
                variables: Variables(config.k3os.environment.clone()),
                limit: self.command_limit(),
            };
            self.add(format!("{key}[{number}]"), Action::Command(command));
        }
    }

    fn command_limit(&self) -> Option<Duration> {
        match self.loaded.config.k3os.command_timeout.parse() {
            Ok(0) => None,
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => Some(self.phase.command_limit()),
        }
    }
}

pub(super) fn public_file(path: &str, text: String) -> Action {
    let content = config::Content(text.into_bytes());
    Action::Write(File {
        path: path.into(),
        content,
        mode: 0o644,
        owner: String::new(),
        once: false,
    })
}

/// The file of a kernel setting. As in sysctl.conf, what stands first separates: in `net.ipv4.conf.eth0/100.forwarding` and in
/// `net/ipv4/conf/eth0.100/forwarding` alike, the interface is `eth0.100`.
fn sysctl_path(name: &str) -> PathBuf {
    let swap = |c: char| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let first = name.find(['.', '/']).and_then(|at| name.get(at..));
    let path: String = match first {
        Some(rest) if rest.starts_with('.') => name.chars().map(swap).collect(),
        _ => name.to_owned(),
    };
    PathBuf::from("/proc/sys").join(path.trim_start_matches('/'))
}

/// /etc/hosts with this name for 127.0.1.1, and the localhost lines when there are none at all.
fn hosts(present: &str, name: &str) -> String {
    const LOCAL: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
    let short = name.split('.').next().unwrap_or(name);
    let names = if short == name {
        name.to_owned()
    } else {
        format!("{name} {short}")
    };
    let line = format!("127.0.1.1\t{names}\n");
    let is_own = |line: &&str| line.split_whitespace().next() == Some("127.0.1.1");
    let others = present
        .lines()
        .filter(|line| !is_own(line))
        .map(|line| line.to_owned() + "\n");
    let others: String = others.collect();
    if others.trim().is_empty() {
        format!("{LOCAL}{line}")
    } else {
        others + &line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_interfaces_with_dots_are_found() {
        for (name, path) in [
            ("kernel.printk", "/proc/sys/kernel/printk"),
            ("kernel/printk", "/proc/sys/kernel/printk"),
            (
                "net.ipv4.conf.eth0/100.forwarding",
                "/proc/sys/net/ipv4/conf/eth0.100/forwarding",
            ),
            (
                "net/ipv4/conf/eth0.100/forwarding",
                "/proc/sys/net/ipv4/conf/eth0.100/forwarding",
            ),
        ] {
            assert_eq!(sysctl_path(name), PathBuf::from(path));
        }
    }

    #[test]
    fn hosts_gets_one_line_of_the_name() {
        let present = "127.0.0.1 localhost\n127.0.1.1 old\n127.0.1.10 other\n";
        let after = hosts(present, "node.example");
        assert_eq!(
            after,
            "127.0.0.1 localhost\n127.0.1.10 other\n127.0.1.1\tnode.example node\n"
        );
        assert_eq!(hosts(&after, "node.example"), after);
        assert!(hosts("", "a").starts_with("127.0.0.1\tlocalhost\n"));
    }
}
