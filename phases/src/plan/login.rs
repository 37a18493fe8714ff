//! Who may log in: the password and the keys of user rancher.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Planner;
use crate::phase::Phase;
use crate::remote_keys::{file_name, keys_text};
use crate::step::{Action, FetchKeys, File, Password, Variables};

/// Read by sshd besides `~/.ssh/authorized_keys`, which belongs to the user. It is made anew at each boot, so a key
/// that is no longer configured is gone.
pub(crate) const KEYS_FILE: &str = "/etc/ssh/authorized_keys.d/rancher";

/// Read by sshd before everything that users may replace.
pub(crate) const SSHD_SETTINGS: &str = "/etc/ssh/k3os.conf";

/// Where sources lie that the machine may change.
const OWN_SOURCES: &str = "/var/lib/rancher/k3os/";

impl Planner<'_> {
    pub(super) fn login(&mut self) {
        self.password();
        if self.phase != Phase::Initrd {
            self.keys();
            self.ssh_password();
            self.secrets();
        }
    }

    /// sshd reads it when it starts.
    fn ssh_password(&mut self) {
        if !self.loaded.config.k3os.ssh_pwauth && !self.facts.has_ssh_settings {
            return;
        }
        let text = match self.loaded.config.k3os.ssh_pwauth {
            true => "# k3os.ssh_pwauth\nPasswordAuthentication yes\n",
            false => "# k3os.ssh_pwauth is not set.\n",
        };
        let file = File {
            path: SSHD_SETTINGS.into(),
            content: config::Content(text.into()),
            mode: 0o644,
            owner: String::new(),
            once: false,
        };
        let action = match self.phase {
            Phase::Runtime => Action::WriteFor(file, "ssh.service"),
            _ => Action::Write(file),
        };
        self.add("k3os.ssh_pwauth", action);
    }

    /// Sources on the machine's own disk that hold a password, token or passphrase. Whoever made them gave them the mode
    /// that files have.
    fn secrets(&mut self) {
        let origins = &self.loaded.origins;
        let is_secret = |key: &&str| {
            ["k3os.token", "k3os.password"].contains(key) || key.ends_with("].passphrase")
        };
        let sources = origins.keys().filter(is_secret).flat_map(|key| {
            let all = origins.history(key).iter();
            all.map(move |origin| (origin.source.clone(), key.to_owned()))
        });
        let own = sources.filter(|(source, _)| source.starts_with(OWN_SOURCES));
        for (source, key) in own.collect::<BTreeMap<_, _>>() {
            self.add(key, Action::Restrict(source.into()));
        }
    }

    /// Without a configured password, the console of a live system asks for none, and that of an installed one accepts none.
    /// At runtime that is left alone: somebody may have set one since.
    fn password(&mut self) {
        let secret = &self.loaded.config.k3os.password;
        let password = match (secret.is_empty(), self.facts.is_live()) {
            (false, _) => Password::of(secret),
            (true, _) if self.phase == Phase::Runtime => return,
            (true, true) => Password::Empty,
            (true, false) => Password::Locked,
        };
        self.add("k3os.password", Action::Password(password));
    }

    /// The configured keys, and of lists to be fetched what was fetched before: nothing waits for a network.
    fn keys(&mut self) {
        let (literal, entries) = self.key_entries();
        let path = PathBuf::from(KEYS_FILE);
        if literal.is_empty() && entries.is_empty() {
            return self.add("ssh_authorized_keys", Action::Remove(path));
        }
        let kept = entries
            .iter()
            .filter_map(|entry| self.facts.fetched_keys.get(&file_name(entry)));
        let text = keys_text(
            literal
                .iter()
                .map(String::as_str)
                .chain(kept.flat_map(|list| list.lines())),
        );
        let content = config::Content(text.into_bytes());
        // sshd reads it as the user who logs in.
        let file = File {
            path,
            content,
            mode: 0o644,
            owner: String::new(),
            once: false,
        };
        self.add("ssh_authorized_keys", Action::Write(file));
    }

    /// Fetches the lists of keys: once before the commands, and again behind them what could not be had.
    pub(super) fn fetch_keys(&mut self, patient: bool) {
        let (literal, entries) = self.key_entries();
        if self.phase != Phase::Runtime || entries.is_empty() {
            return;
        }
        let variables = Variables(self.loaded.config.k3os.environment.clone());
        self.add(
            "ssh_authorized_keys",
            Action::FetchKeys(FetchKeys {
                literal,
                entries,
                variables,
                patient,
            }),
        );
    }

    /// Keys as they are, and entries that name a list to fetch.
    fn key_entries(&self) -> (Vec<String>, Vec<String>) {
        let keys = self.loaded.config.ssh_authorized_keys.0.iter().cloned();
        let (entries, literal) = keys.partition(|key| config::check::is_remote_key(key));
        (literal, entries)
    }
}
