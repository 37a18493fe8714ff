//! `reboot`, `poweroff`, `halt`, `shutdown`.

use super::{Client, code};
use crate::control::Request;
use crate::options::End;

/// Asks for the end. With `force`, and where the supervisor does not answer, PID 1 gets a signal.
pub(super) fn end(client: &Client, end: End, force: bool) -> Result<(), String> {
    let reply = match client.ask(&Request::End { end, force }) {
        Ok(reply) => reply,
        Err(error) => {
            eprintln!("{error}; sending PID 1 a signal instead");
            let signal = match end {
                End::Reboot => nix::libc::SIGTERM,
                End::PowerOff => nix::libc::SIGUSR2,
                End::Halt => nix::libc::SIGUSR1,
            };
            return system::process::kill(1, signal)
                .map_err(|error| format!("signalling PID 1: {error}"));
        }
    };
    reply.error.map_or(Ok(()), Err)
}

/// Runs `applet` (reboot, poweroff, halt, shutdown) with the words behind its name; returns its exit code.
pub fn shutdown_main(applet: &str, words: &[String]) -> i32 {
    let (end_kind, force) = match parse(applet, words) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{applet}: {error}");
            return code::USAGE;
        }
    };
    match end(&Client::machine(), end_kind, force) {
        Ok(()) => code::OK,
        Err(error) => {
            eprintln!("{applet}: {error}");
            code::FAILED
        }
    }
}

fn parse(applet: &str, words: &[String]) -> Result<(End, bool), String> {
    let mut end = match applet {
        "reboot" => End::Reboot,
        "halt" => End::Halt,
        _ => End::PowerOff,
    };
    let mut force = false;
    for word in words {
        match word.as_str() {
            "-f" | "--force" => force = true,
            "-r" | "--reboot" => end = End::Reboot,
            "-p" | "-P" | "--poweroff" => end = End::PowerOff,
            "-h" if applet == "shutdown" => end = End::PowerOff,
            "-H" | "--halt" => end = End::Halt,
            "now" | "+0" if applet == "shutdown" => {}
            "-w" | "-d" | "-n" | "-i" | "--no-wall" => {}
            other => {
                return Err(format!(
                    "unknown argument {other}; it happens now: no time is accepted"
                ));
            }
        }
    }
    Ok((end, force))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applets_and_flags() {
        let parse = |applet, line: &str| {
            parse(
                applet,
                &line
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(parse("reboot", "-f"), Ok((End::Reboot, true)));
        assert_eq!(parse("shutdown", "-r now"), Ok((End::Reboot, false)));
        assert_eq!(parse("shutdown", "-h now"), Ok((End::PowerOff, false)));
        assert_eq!(parse("halt", "-p"), Ok((End::PowerOff, false)));
        assert!(parse("shutdown", "+5").unwrap_err().contains("+5"));
    }
}
