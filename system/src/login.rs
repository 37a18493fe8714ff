//! A password at a terminal, outside of getty and login: asking for it, and whether it is right.

use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

/// PAM's own program for this: it knows every kind of hash that logins know.
const CHECKER: &str = "/usr/sbin/unix_chkpwd";

/// What came from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A line.
    Line(String),
    /// Nobody typed anything in time.
    Nobody,
    /// The input has ended.
    End,
}

/// Whether passwords can be checked on this system.
pub fn can_check() -> bool {
    Path::new(CHECKER).exists()
}

/// Whether this is the user's password, as /etc/shadow has it. An empty one never is.
///
/// # Errors
/// When the program that checks cannot be run.
pub fn is_password(user: &str, password: &str) -> Result<bool> {
    check(CHECKER, user, password)
}

/// The program reads the password up to a NUL byte, and not from a terminal.
fn check(program: &str, user: &str, password: &str) -> Result<bool> {
    if password.is_empty() || password.contains('\0') {
        return Ok(false);
    }
    let running = || format!("running {program}");
    let mut child = Command::new(program)
        .args([user, "nonull"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(running)?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read its input will not say yes either.
        let _ = input.write_all(&[password.as_bytes(), &[0]].concat());
    }
    let status = child.wait().with_context(running)?;
    ensure!(
        status.code().is_some(),
        "{}: it was ended by a signal",
        running()
    );
    Ok(status.success())
}

/// Shows a prompt on the terminal and reads a line that is not shown. Keys that would end this program (Ctrl-C) do nothing meanwhile.
///
/// # Errors
/// When standard input is no terminal, or cannot be read.
pub fn ask(prompt: &str, patience: Duration) -> Result<Answer> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).context("reading the terminal's settings")?;
    let mut hidden = before.clone();
    hidden
        .local_flags
        .remove(LocalFlags::ECHO | LocalFlags::ISIG);
    hidden
        .local_flags
        .insert(LocalFlags::ICANON | LocalFlags::ECHONL);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden).context("hiding what is typed")?;
    crate::print!("{prompt}");
    let _ = io::stdout().flush();
    let answer = read(patience);
    tcsetattr(&stdin, SetArg::TCSANOW, &before).context("showing what is typed")?;
    answer
}

fn read(patience: Duration) -> Result<Answer> {
    let stdin = io::stdin();
    let limit = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    let mut sources = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    if poll(&mut sources, limit).context("waiting for the terminal")? == 0 {
        return Ok(Answer::Nobody);
    }
    let mut line = String::new();
    let count = stdin
        .lock()
        .read_line(&mut line)
        .context("reading the terminal")?;
    if count == 0 {
        return Ok(Answer::End);
    }
    Ok(Answer::Line(line.trim_end_matches(['\n', '\r']).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_checking_program_gets_user_and_password_and_its_status_decides() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("checker");
        let script =
            "#!/bin/sh\n[ \"$1 $2\" = 'rancher nonull' ] && [ \"$(tr -d '\\0')\" = right ]\n";
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let program = program.to_str().unwrap();
        assert!(check(program, "rancher", "right").unwrap());
        assert!(!check(program, "rancher", "wrong").unwrap());
        assert!(!check(program, "other", "right").unwrap());
        assert!(!check(program, "rancher", "").unwrap());
        assert!(check("/no/such", "rancher", "right").is_err());
    }
}
