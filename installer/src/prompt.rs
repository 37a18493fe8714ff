//! The questions of `k3os install`, in k3OS's order and with its defaults.

mod questions;
mod terminal;

use anyhow::Result;
use config::{Config, Secret, Wifi};

use crate::disk_text;
use crate::facts::{DiskFacts, Facts};
use crate::layout;
use crate::plan::{Plan, candidates};
use crate::refusal::Refusal;
use crate::request::Layer;
use crate::takeover::{Adopt, Identity};
use questions::{choose, required, yes};

pub use terminal::Terminal;

/// Where questions are asked: plain lines, so that any serial line will do.
pub trait Console {
    /// Shows text.
    ///
    /// # Errors
    /// When the console is gone.
    fn say(&mut self, text: &str) -> Result<()>;
    /// Shows a prompt and reads a line, without its end.
    ///
    /// # Errors
    /// When the console is gone, or its input has ended.
    fn line(&mut self, prompt: &str) -> Result<String>;
    /// The same without showing what is typed.
    ///
    /// # Errors
    /// When the console is gone, or its input has ended.
    fn secret(&mut self, prompt: &str) -> Result<String>;
}

/// What the machine is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Install to a disk.
    Install,
    /// Configure the running system.
    Configure,
}

/// Asks what to do, where there is a choice: in mode install there is none.
///
/// # Errors
/// When the console is gone.
pub fn operation(console: &mut dyn Console, mode: &str) -> Result<Operation> {
    if mode == "install" {
        return Ok(Operation::Install);
    }
    let options = ["Install to disk", "Configure server or agent"];
    let chosen = choose(console, "Choose operation", &options, Some(0))?;
    Ok([Operation::Install, Operation::Configure][chosen.min(1)])
}

/// Asks for the disk, unless it is known. The medium and what cannot be installed to are not offered.
///
/// # Errors
/// When no disk can be installed to, or the console is gone.
pub fn disk(console: &mut dyn Console, layer: &mut Layer, facts: &Facts) -> Result<()> {
    if layer.device.is_some() || layer.no_format == Some(true) {
        return Ok(());
    }
    let least = facts
        .release
        .as_ref()
        .map_or(layout::LEAST_DISK, layout::least_size);
    let offered: Vec<&DiskFacts> = candidates(facts, least);
    let lines: Vec<String> = offered.iter().map(|disk| disk_text::line(disk)).collect();
    let options: Vec<&str> = lines.iter().map(String::as_str).collect();
    let chosen = match options.as_slice() {
        [] => anyhow::bail!(
            "{}",
            Refusal::new(
                "there is no disk to install to",
                format!(
                    "attach one of at least {}; these are there:\n{}",
                    crate::size::show(least),
                    disk_text::list(&facts.disks)
                )
            )
        ),
        // One disk is taken without a question; the confirmation names it.
        [only] => {
            console.say(&format!("The disk is {only}\n"))?;
            0
        }
        _ => choose(
            console,
            "Installation target. What is on it will be lost",
            &options,
            None,
        )?,
    };
    let device = offered.get(chosen).map(|disk| &disk.disk.device);
    layer.device = device.map(|device| device.display().to_string());
    Ok(())
}

/// Asks what the installed system shall be configured with. A file or URL goes into the layer; answers into the configuration.
///
/// # Errors
/// When the console is gone.
pub fn configuration(
    console: &mut dyn Console,
    layer: &mut Layer,
    config: &mut Config,
) -> Result<()> {
    // A file system that is kept has its configuration.
    if layer.config.is_some() || layer.no_format == Some(true) {
        return Ok(());
    }
    if yes(console, "Config system with cloud-init file?", false)? {
        layer.config = Some(required(
            console,
            "cloud-init file location (file path or http URL)",
        )?);
        return Ok(());
    }
    login(console, config)?;
    wifi(console, config)?;
    role(console, config)
}

/// GitHub users and a password, unless there is one way to log in already.
fn login(console: &mut dyn Console, config: &mut Config) -> Result<()> {
    let known = !config.ssh_authorized_keys.0.is_empty() || !config.k3os.password.is_empty();
    if known {
        return Ok(());
    }
    if yes(console, "Authorize GitHub users to SSH?", false)? {
        let users = required(console, "Comma separated list of GitHub users to authorize")?;
        let users = users
            .split(',')
            .map(str::trim)
            .filter(|user| !user.is_empty());
        config.ssh_authorized_keys.0 = users.map(|user| format!("github:{user}")).collect();
    }
    let has_keys = !config.ssh_authorized_keys.0.is_empty();
    config.k3os.password = Secret::new(password(console, has_keys)?);
    Ok(())
}

/// Asks twice. Without keys, an empty password would lock everybody out, so that needs a second thought.
fn password(console: &mut dyn Console, has_keys: bool) -> Result<String> {
    loop {
        let first = console.secret("Please enter password for [rancher]: ")?;
        if first.len() > 512 {
            console.say("A password has at most 512 bytes.\n")?;
            continue;
        }
        if console.secret("Confirm password for [rancher]: ")? != first {
            console.say("The passwords are not the same.\n")?;
            continue;
        }
        let question = "Without a password and without keys nobody can log in. Go on?";
        if !first.is_empty() || has_keys || yes(console, question, false)? {
            return Ok(first);
        }
    }
}

fn wifi(console: &mut dyn Console, config: &mut Config) -> Result<()> {
    if !config.k3os.wifi.is_empty() || !yes(console, "Configure WiFi?", false)? {
        return Ok(());
    }
    loop {
        config.k3os.wifi.push(Wifi {
            name: required(console, "WiFi name")?,
            passphrase: Secret::new(secret_required(console, "WiFi passphrase")?),
        });
        if !yes(console, "Configure another WiFi network?", false)? {
            return Ok(());
        }
    }
}

fn role(console: &mut dyn Console, config: &mut Config) -> Result<()> {
    if !config.k3os.server_url.is_empty() {
        return Ok(());
    }
    let options = ["server", "agent"];
    if choose(console, "Run as server or agent?", &options, Some(0))? == 0 {
        if config.k3os.token.is_empty() {
            let token = console.line("Token or cluster secret (optional): ")?;
            config.k3os.token = Secret::new(token.trim());
        }
        return Ok(());
    }
    config.k3os.server_url = required(console, "URL of server")?;
    if config.k3os.token.is_empty() {
        config.k3os.token = Secret::new(required(console, "Token or cluster secret")?);
    }
    Ok(())
}

fn secret_required(console: &mut dyn Console, prompt: &str) -> Result<String> {
    loop {
        let answer = console.secret(&format!("{prompt}: "))?;
        if !answer.is_empty() {
            return Ok(answer);
        }
    }
}

/// A yes-or-no question whose answer is no unless it is given.
///
/// # Errors
/// When the console is gone.
pub fn agree(console: &mut dyn Console, question: &str) -> Result<bool> {
    yes(console, question, false)
}

/// One of the things that can be taken along.
type Part = fn(&mut Adopt) -> &mut bool;

/// Asks what of the system that is taken over shall be taken along. What is not there is not asked for.
///
/// # Errors
/// When the console is gone.
pub fn adopt(console: &mut dyn Console, identity: &Identity) -> Result<Adopt> {
    let mut adopt = Adopt::NONE;
    let parts: [(&str, Part); 4] = [
        ("Keep", |adopt| &mut adopt.hostname),
        ("Let in", |adopt| &mut adopt.keys),
        ("Keep", |adopt| &mut adopt.host_keys),
        ("Keep", |adopt| &mut adopt.addresses),
    ];
    for (verb, part) in parts {
        let mut only = Adopt::NONE;
        *part(&mut only) = true;
        let words = identity.words(only);
        if !words.is_empty() {
            *part(&mut adopt) = yes(console, &format!("{verb} {}?", words.join(", ")), true)?;
        }
    }
    Ok(adopt)
}

/// Shows the plan and asks for the last time, by the disk's name.
///
/// # Errors
/// When the console is gone.
pub fn confirmation(console: &mut dyn Console, plan: &Plan) -> Result<bool> {
    console.say(&format!("\n{}\n", plan.text()))?;
    let question = if plan.erases {
        format!(
            "Your disk {} will be erased. Continue?",
            plan.disk.display()
        )
    } else {
        format!(
            "{} will be changed. Continue?",
            plan.state_device().display()
        )
    };
    yes(console, &question, false)
}

#[cfg(test)]
mod tests;
