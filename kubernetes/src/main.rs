//! The Kubernetes server: `k3s server`, `k3s agent` and the tools around them.

#![warn(clippy::disallowed_macros)]

// Printing that a full disk does not turn into a panic.
#[macro_use]
extern crate system;

mod api;
mod events;
mod keep;
mod kubeconfig;
mod local_path;
mod manifests;
mod notify;
mod pki;
mod server;
mod supervise;
mod token;
mod tools;

use k3s_arguments::{cli, components, network, paths, settings};

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
The Kubernetes of k3OS

usage: k3s COMMAND [ARGUMENT]…

  server       run a server, which is a node, too      (k3s server --help)
  agent        run a node that joins a server
  kubectl      control the cluster
  crictl       look at the node's containers
  ctr          control containerd
  token        print the token with which nodes join
  --version    print the versions
";

fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    match dispatch(&argv) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// A bad command line is explained in clap's words; help is no failure.
fn report(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<clap::Error>() {
        Some(usage) if !usage.use_stderr() => {
            print!("{usage}");
            return ExitCode::SUCCESS;
        }
        Some(usage) => eprint!("{usage}"),
        None => eprintln!("k3s: error: {error:#}"),
    }
    ExitCode::FAILURE
}

/// The command: by our own name, else by the first argument.
fn dispatch(argv: &[OsString]) -> Result<()> {
    let (command, args) = choose(argv);
    match command.as_str() {
        "server" => server::run(argv.get(1..).unwrap_or_default()),
        "agent" => bail!("joining a server is not part of this version: run 'k3s server'"),
        "token" => token::print(args),
        "internal-exec" => supervise::enter_and_exec(args).map(|never| match never {}),
        applet if tools::APPLETS.contains(&applet) => {
            tools::exec(applet, args).map(|never| match never {})
        }
        "--version" | "-v" | "version" => {
            print_version();
            Ok(())
        }
        "" | "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command '{other}'\n\n{USAGE}"),
    }
}

fn choose(argv: &[OsString]) -> (String, &[OsString]) {
    let name = argv
        .first()
        .map(Path::new)
        .and_then(Path::file_name)
        .unwrap_or_default()
        .to_string_lossy();
    if tools::APPLETS.contains(&name.as_ref()) {
        return (name.into_owned(), argv.get(1..).unwrap_or_default());
    }
    let command = argv
        .get(1)
        .map(|word| word.to_string_lossy().into_owned())
        .unwrap_or_default();
    (command, argv.get(2..).unwrap_or_default())
}

/// The release, `v0.30.0`.
fn release() -> String {
    let file = std::fs::read_to_string(system::layout::RELEASE_FILE).unwrap_or_default();
    match file.trim() {
        "" => concat!("v", env!("CARGO_PKG_VERSION")).to_string(),
        release => release.to_string(),
    }
}

fn print_version() {
    println!("k3s of k3OS {}", release());
    let output = std::process::Command::new(paths::program::KUBERNETES)
        .arg("version")
        .output();
    let versions: serde_json::Value = output
        .ok()
        .and_then(|o| serde_json::from_slice(&o.stdout).ok())
        .unwrap_or_default();
    for (name, version) in versions.as_object().into_iter().flatten() {
        println!("{name} {}", version.as_str().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(words: &[&str]) -> (String, usize) {
        let argv: Vec<OsString> = words.iter().map(OsString::from).collect();
        let (command, args) = choose(&argv);
        (command, args.len())
    }

    #[test]
    fn the_name_or_the_first_argument_decides() {
        assert_eq!(
            chosen(&["/usr/bin/kubectl", "get", "nodes"]),
            ("kubectl".into(), 2)
        );
        assert_eq!(
            chosen(&["/usr/bin/k3s", "kubectl", "get"]),
            ("kubectl".into(), 1)
        );
        assert_eq!(chosen(&["k3s"]), (String::new(), 0));
        assert_eq!(chosen(&[]), (String::new(), 0));
    }
}
