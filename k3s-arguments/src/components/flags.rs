//! A component's flags: ours, with the user's in their place.

/// Flags in order, by name.
#[derive(Debug, Default)]
pub struct Flags(Vec<(&'static str, String)>);

impl Flags {
    /// Adds `--name=value`.
    pub fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    /// Adds the flag when there is a value.
    pub fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// The command line. A flag of the user's (`name=value` or `name`, with or without dashes) takes the place of all
    /// of ours of that name.
    pub fn with_users(self, verbosity: u8, users: &[String]) -> Vec<String> {
        let users: Vec<&str> = users
            .iter()
            .map(|flag| flag.trim_start_matches('-'))
            .collect();
        let is_users = |name: &str| users.iter().any(|u| name_of(u) == name);
        let ours = self
            .0
            .into_iter()
            .chain((verbosity > 0).then(|| ("v", verbosity.to_string())));
        let kept = ours
            .filter(|(name, _)| !is_users(name))
            .map(|(name, value)| format!("--{name}={value}"));
        kept.chain(users.iter().map(|flag| format!("--{flag}")))
            .collect()
    }
}

fn name_of(flag: &str) -> &str {
    flag.split_once('=').map_or(flag, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_flags_replace_ours() {
        let flags = Flags::default()
            .set("a", 1)
            .set("b", "x")
            .maybe("c", None::<&str>);
        let users = ["b=y".to_string(), "--b=z".into(), "d".into()];
        assert_eq!(
            flags.with_users(2, &users),
            ["--a=1", "--v=2", "--b=y", "--b=z", "--d"]
        );
    }

    #[test]
    fn the_users_verbosity_wins() {
        assert_eq!(Flags::default().with_users(4, &["v=9".into()]), ["--v=9"]);
    }
}
