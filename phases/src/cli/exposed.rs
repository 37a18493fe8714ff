//! Secrets that everybody can read.

use config::{Loaded, Origin, Problem, Severity};

/// What the sources call the kernel command line.
const CMDLINE: &str = "cmdline";

/// Secrets on the kernel command line, which every program and every pod reads in `/proc/cmdline`.
pub(super) fn secrets(loaded: &Loaded) -> Vec<Problem> {
    let is_secret = |key: &&str| {
        matches!(*key, "k3os.token" | "k3os.password")
            || key.ends_with("].passphrase")
            || is_secret_argument(key, loaded)
    };
    let of_cmdline = |key: &str| {
        let origin = loaded.origins.history(key).iter();
        origin
            .rev()
            .find(|origin| origin.source == CMDLINE)
            .map(|origin| warning(key, origin))
    };
    loaded
        .origins
        .keys()
        .filter(is_secret)
        .filter_map(of_cmdline)
        .collect()
}

/// `k3os.k3s_args[2]`, when that argument names a secret.
fn is_secret_argument(key: &str, loaded: &Loaded) -> bool {
    let number = key
        .strip_prefix("k3os.k3s_args[")
        .and_then(|rest| rest.strip_suffix(']'));
    let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) else {
        return false;
    };
    let argument = loaded.config.k3os.k3s_args.get(number);
    argument.is_some_and(|argument| {
        ["token", "secret", "datastore-endpoint"]
            .iter()
            .any(|word| argument.starts_with("--") && argument.contains(word))
    })
}

fn warning(key: &str, origin: &Origin) -> Problem {
    Problem {
        severity: Severity::Warning,
        source: origin.source.clone(),
        place: Some(origin.place),
        key: key.to_owned(),
        message:
            "is a secret on the kernel command line, where every program and every pod can read it"
                .into(),
        hint: Some("write it into a file of the configuration".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::cli::validate;

    #[test]
    fn secrets_on_the_command_line_are_reported_and_do_not_fail() {
        let cmdline = "k3os.token=geheim k3os.password=geheim k3os.wifi[0].name=w k3os.wifi[0].passphrase=geheim123 \
                       k3os.k3s_args=server k3os.k3s_args=--token=geheim hostname=h";
        let answer = validate(Path::new("/nonexistent"), cmdline);
        let told: Vec<_> = answer.text.lines().collect();
        assert_eq!((told.len(), answer.code), (4, 0), "{told:#?}");
        for key in [
            "k3os.token",
            "k3os.password",
            "k3os.wifi[0].passphrase",
            "k3os.k3s_args[1]",
        ] {
            assert!(
                told.iter()
                    .any(|line| line.contains(&format!("warning: {key}: is a secret"))),
                "{key} {told:#?}"
            );
        }
        assert!(!answer.text.contains("geheim"));
    }
}
