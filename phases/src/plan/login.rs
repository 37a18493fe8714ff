//! Who may log in: the password and the keys of user rancher.

use std::path::PathBuf;

use super::Planner;
use crate::phase::Phase;
use crate::step::{Action, File, Password};

/// Read by sshd besides `~/.ssh/authorized_keys`, which belongs to the user. It is made anew at each boot, so a key
/// that is no longer configured is gone.
pub(crate) const KEYS_FILE: &str = "/etc/ssh/authorized_keys.d/rancher";

impl Planner<'_> {
    pub(super) fn login(&mut self) {
        self.password();
        if self.phase != Phase::Initrd {
            self.keys();
        }
    }

    /// Without a configured password, the console of a live system asks for none, and that of an installed one accepts none.
    /// At runtime that is left alone: somebody may have set one since.
    fn password(&mut self) {
        let secret = &self.loaded.config.k3os.password;
        let password = match (secret.is_empty(), self.facts.is_live()) {
            (false, _) if secret.reveal().starts_with('$') => Password::Hash(secret.clone()),
            (false, _) => Password::Clear(secret.clone()),
            (true, _) if self.phase == Phase::Runtime => return,
            (true, true) => Password::Empty,
            (true, false) => Password::Locked,
        };
        self.add("k3os.password", Action::Password(password));
    }

    fn keys(&mut self) {
        let keys = &self.loaded.config.ssh_authorized_keys.0;
        let literal: Vec<_> = keys
            .iter()
            .filter(|key| !config::check::is_remote_key(key))
            .collect();
        let path = PathBuf::from(KEYS_FILE);
        if literal.is_empty() {
            return self.add("ssh_authorized_keys", Action::Remove(path));
        }
        let mut text = String::from(
            "# Written by k3OS from ssh_authorized_keys. Your own keys: ~/.ssh/authorized_keys\n",
        );
        literal
            .iter()
            .for_each(|key| text.extend([key.as_str(), "\n"]));
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
}
