use std::collections::VecDeque;

use anyhow::bail;

use super::*;
use crate::facts::examples::{disk, facts};
use crate::plan::plan;
use crate::request::{Finish, Request};
use crate::settings::Settings;

/// Answers in order; what is shown and asked is kept.
struct Script {
    answers: VecDeque<&'static str>,
    seen: String,
}

impl Script {
    fn new(answers: &[&'static str]) -> Self {
        Self {
            answers: answers.iter().copied().collect(),
            seen: String::new(),
        }
    }

    fn next(&mut self, prompt: &str) -> Result<String> {
        self.seen.push_str(prompt);
        self.seen.push('\n');
        match self.answers.pop_front() {
            Some(answer) => Ok(answer.to_owned()),
            None => bail!("nothing left to answer {prompt:?}"),
        }
    }
}

impl Console for Script {
    fn say(&mut self, text: &str) -> Result<()> {
        self.seen.push_str(text);
        Ok(())
    }

    fn line(&mut self, prompt: &str) -> Result<String> {
        self.next(prompt)
    }

    fn secret(&mut self, prompt: &str) -> Result<String> {
        self.next(&format!("(hidden) {prompt}"))
    }
}

fn configured(answers: &[&'static str]) -> (Layer, Config, Script) {
    let (mut layer, mut config, mut script) =
        (Layer::default(), Config::default(), Script::new(answers));
    configuration(&mut script, &mut layer, &mut config).unwrap();
    assert!(script.answers.is_empty(), "unused: {:?}", script.answers);
    (layer, config, script)
}

#[test]
fn the_operation_is_asked_only_where_there_is_a_choice() {
    let mut none = Script::new(&[]);
    assert_eq!(operation(&mut none, "install").unwrap(), Operation::Install);
    let mut enter = Script::new(&[""]);
    assert_eq!(operation(&mut enter, "live").unwrap(), Operation::Install);
    let mut second = Script::new(&["3", "x", "2"]);
    assert_eq!(
        operation(&mut second, "live").unwrap(),
        Operation::Configure
    );
    assert!(second.seen.contains("Please answer 1 to 2."));
}

#[test]
fn disks_are_offered_without_the_medium() {
    let mut facts = facts(vec![
        disk("/dev/sda", 8_000_000_000),
        disk("/dev/sdb", 9_000_000_000),
        disk("/dev/sdc", 9_000_000_000),
    ]);
    facts.release.as_mut().unwrap().disk = Some("/dev/sdb".into());
    let (mut script, mut layer) = (Script::new(&["", "2"]), Layer::default());
    super::disk(&mut script, &mut layer, &facts).unwrap();
    assert_eq!(layer.device.as_deref(), Some("/dev/sdc"));
    assert!(!script.seen.contains("/dev/sdb"), "{}", script.seen);
    let mut known = Script::new(&[]);
    super::disk(&mut known, &mut layer, &facts).unwrap();
}

#[test]
fn a_single_disk_is_named_and_none_is_an_error() {
    let (mut script, mut layer) = (Script::new(&[]), Layer::default());
    let one = facts(vec![disk("/dev/sda", 8_000_000_000)]);
    super::disk(&mut script, &mut layer, &one).unwrap();
    assert!(script.seen.contains("The disk is /dev/sda"));
    let small = facts(vec![disk("/dev/sda", 1_000_000)]);
    let error = super::disk(&mut script, &mut Layer::default(), &small).unwrap_err();
    assert!(error.to_string().contains("at least 2.0 GB"), "{error}");
}

#[test]
fn questions_come_in_k3os_s_order() {
    let (_, config, script) = configured(&[
        "n",
        "y",
        "ann, bob",
        "secret",
        "secret",
        "y",
        "home",
        "12345678",
        "n",
        "2",
        "https://s:6443",
        "",
        "token",
    ]);
    assert_eq!(config.ssh_authorized_keys.0, ["github:ann", "github:bob"]);
    assert_eq!(config.k3os.password.reveal(), "secret");
    assert_eq!(config.k3os.wifi[0].passphrase.reveal(), "12345678");
    assert_eq!(config.k3os.server_url, "https://s:6443");
    assert_eq!(config.k3os.token.reveal(), "token");
    let order = [
        "cloud-init",
        "GitHub",
        "password",
        "WiFi",
        "server or agent",
    ];
    let places: Vec<usize> = order.iter().map(|w| script.seen.find(w).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(script.seen.contains("(hidden) WiFi passphrase"));
}

#[test]
fn a_file_skips_the_rest_and_enter_takes_the_defaults() {
    let (layer, ..) = configured(&["y", "", "http://x/c.yaml"]);
    assert_eq!(layer.config.as_deref(), Some("http://x/c.yaml"));
    let (_, config, script) = configured(&["", "", "a", "b", "", "", "", "a", "a", "", "", ""]);
    assert_eq!(config.k3os.password.reveal(), "a");
    assert!(script.seen.contains("not the same") && script.seen.contains("nobody can log in"));
    assert!(config.k3os.server_url.is_empty() && config.k3os.token.is_empty());
}

#[test]
fn what_is_known_is_not_asked() {
    let mut config = Config::default();
    config.ssh_authorized_keys.0 = vec!["github:ann".into()];
    config.k3os.server_url = "https://s:6443".into();
    let mut script = Script::new(&["n", "n"]);
    configuration(&mut script, &mut Layer::default(), &mut config).unwrap();
    assert!(script.answers.is_empty() && config.k3os.password.is_empty());
}

#[test]
fn the_confirmation_names_the_disk_and_enter_means_no() {
    let facts = facts(vec![disk("/dev/sda", 8_000_000_000)]);
    let layer = Layer {
        device: Some("/dev/sda".into()),
        ..Layer::default()
    };
    let request = Request::from_layer(layer, Finish::Reboot).unwrap();
    let plan = plan(&request, &facts, &Settings::default()).unwrap();
    let mut script = Script::new(&[""]);
    assert!(!confirmation(&mut script, &plan).unwrap());
    assert!(
        script
            .seen
            .contains("Your disk /dev/sda will be erased. Continue? [y/N]")
    );
    assert!(confirmation(&mut Script::new(&["maybe", "Y"]), &plan).unwrap());
}

#[test]
fn of_a_system_that_is_taken_over_only_what_is_there_is_asked_for() {
    let identity = crate::takeover::Identity {
        hostname: Some("oldbox".into()),
        keys: vec!["ssh-ed25519 AAAA one".into()],
        ..Default::default()
    };
    let mut script = Script::new(&["", "n"]);
    let chosen = adopt(&mut script, &identity).unwrap();
    assert!(chosen.hostname && !chosen.keys && !chosen.host_keys && !chosen.addresses);
    assert!(
        script
            .seen
            .starts_with("Keep the name oldbox? [Y/n]: \nLet in 1 keys"),
        "{}",
        script.seen
    );
}
