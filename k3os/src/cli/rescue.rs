//! The rescue shell of the running release: for whoever is at the console, or for whoever knows the machine's password.

use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use init::rescue::{Door, NOBODY, door};
use system::host::Machine;
use system::login::{self, Answer};
use system::power::kernel_cmdline;
use system::shell;

const USER: &str = "rancher";
/// Nobody types for so long: the console is free again.
const PATIENCE: Duration = Duration::from_secs(120);
/// A wrong password costs so long.
const PENALTY: Duration = Duration::from_secs(2);
const SHELL: (&str, &[&str]) = ("/usr/bin/bash", &["bash", "--login"]);

/// Becomes the shell, after asking where that is due.
///
/// # Errors
/// When there is no shell.
pub fn main() -> Result<ExitCode> {
    let cmdline = kernel_cmdline().unwrap_or_default();
    match door(Path::new("/"), &cmdline, &Machine, login::can_check()) {
        Door::Open => {}
        Door::Broken(why) => {
            println!("This machine has a password, which is not asked for: {why}.")
        }
        Door::Locked => {
            println!(
                "The rescue shell of this machine is for those who know the password of user {USER}."
            );
            if let Some(code) = refused() {
                return Ok(code);
            }
        }
    }
    let never: Result<Infallible> = shell::exec(SHELL.0, SHELL.1);
    match never? {}
}

/// Asks until the password is right. Gives the status to end with when nobody knows it.
fn refused() -> Option<ExitCode> {
    loop {
        match login::ask("Password: ", PATIENCE) {
            Ok(Answer::Line(password)) => match login::is_password(USER, &password) {
                Ok(true) => return None,
                Ok(false) => println!("That is not the password."),
                Err(error) => {
                    println!("The password cannot be checked, and is not asked for: {error:#}");
                    return None;
                }
            },
            Ok(Answer::Nobody | Answer::End) => return Some(ExitCode::from(NOBODY)),
            Err(error) => {
                println!("{error:#}");
                return Some(ExitCode::from(NOBODY));
            }
        }
        std::thread::sleep(PENALTY);
    }
}
