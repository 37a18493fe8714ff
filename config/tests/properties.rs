//! Properties of the parsers and of merging, for inputs that nobody thought of.

use config::cmdline::split;
use config::explain::{self, Secrets};
use config::{Config, Loaded, Secret, Source, SourceKind, load};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn source(kind: SourceKind, bytes: &[u8]) -> Source {
    Source {
        name: "source".into(),
        kind,
        bytes: bytes.to_vec(),
    }
}

fn files(texts: &[&str]) -> Loaded {
    load(
        &texts
            .iter()
            .map(|text| source(SourceKind::File, text.as_bytes()))
            .collect::<Vec<_>>(),
    )
}

const KINDS: [SourceKind; 5] = [
    SourceKind::File,
    SourceKind::Cmdline,
    SourceKind::LocalHostname,
    SourceKind::AuthorizedKeys,
    SourceKind::Userdata,
];

/// Text that is often nearly a configuration.
fn nearly_yaml() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "( {0,4})(hostname|k3os|labels|token|ssh_authorized_keys|write_files|path|wifi|install)[:]? ?[a-z0-9]{0,5}",
        "( {0,4})- [a-z:&*\\[\\]{}\"']{0,10}",
        "( {0,2})[-!&*|>%@`#'\"{}\\[\\],:? ~a-z0-9]{0,12}",
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

/// A word of the command line that gives a value to a list, with what it gives.
fn list_word() -> impl Strategy<Value = (String, String)> {
    ("[a-zA-Z0-9=./:@ -]{1,12}").prop_map(|value| (format!("run_cmd=\"{value}\""), value))
}

/// A file that sets some of the keys, some of them to nothing.
#[derive(Debug, Clone)]
struct Given {
    hostname: Option<String>,
    token: Option<String>,
    silent: Option<bool>,
    keys: Option<Vec<String>>,
    commands: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
}

fn given() -> impl Strategy<Value = Given> {
    use proptest::collection::{btree_map, vec};
    use proptest::option::of;
    (
        of("[a-z]{0,3}"),
        of("[a-z0-9]{0,3}"),
        of(any::<bool>()),
        of(vec("ssh-rsa [a-d]", 0..3)),
        of(vec("[a-z]{1,3}", 0..3)),
        of(btree_map("[a-c]", "[a-z]{0,2}", 0..3)),
    )
        .prop_map(|(hostname, token, silent, keys, commands, labels)| Given {
            hostname,
            token,
            silent,
            keys,
            commands,
            labels,
        })
}

impl Given {
    /// As a file. JSON is YAML.
    fn text(&self) -> String {
        use serde_json::{Map, Value};
        let map = |entries: [(&str, Option<Value>); 4]| {
            let set = entries
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)));
            Value::Object(set.collect::<Map<_, _>>())
        };
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let install = self
            .silent
            .map(|silent| serde_json::json!({"silent": silent}));
        let labels = self.labels.as_ref().map(|labels| serde_json::json!(labels));
        let k3os = map([
            ("token", text(&self.token)),
            ("labels", labels),
            ("install", install),
            ("x", None),
        ]);
        map([
            ("hostname", text(&self.hostname)),
            ("ssh_authorized_keys", self.keys.clone().map(Value::from)),
            ("run_cmd", self.commands.clone().map(Value::from)),
            ("k3os", Some(k3os)),
        ])
        .to_string()
    }
}

/// What the sources give together, by the rules as users read them: the last one that says something counts, ssh keys add up.
fn merged(all: &[Given]) -> Config {
    let mut config = Config::default();
    for given in all {
        config.hostname = given.hostname.clone().unwrap_or(config.hostname);
        let token = given.token.as_deref().map(Secret::new);
        config.k3os.token = token.unwrap_or(config.k3os.token);
        config.k3os.install.silent = given.silent.unwrap_or(config.k3os.install.silent);
        config.run_cmd = given.commands.clone().unwrap_or(config.run_cmd);
        config.k3os.labels = given.labels.clone().unwrap_or(config.k3os.labels);
        for key in given.keys.iter().flatten() {
            if !config.ssh_authorized_keys.0.contains(key) {
                config.ssh_authorized_keys.0.push(key.clone());
            }
        }
    }
    config
}

/// Text that a word of the command line can hold in quotes.
fn quotable() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9=./:@# '\\\\äß-]{1,10}"
        .prop_filter("blanks at the ends are cut off in maps", |text| {
            text.trim() == text
        })
}

proptest! {
    #[test]
    fn merging_is_what_its_rules_say(all in proptest::collection::vec(given(), 1..5)) {
        let texts: Vec<_> = all.iter().map(Given::text).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        prop_assert_eq!(files(&texts).config, merged(&all));
    }

    /// Every value that is set has a place, and it is one of a source that was given.
    #[test]
    fn every_value_is_explained(all in proptest::collection::vec(given(), 1..4)) {
        let texts: Vec<_> = all.iter().map(Given::text).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let loaded = files(&texts);
        let told = explain::text(&loaded, "", Secrets::Shown);
        let config = &loaded.config;
        let count = |line: &str| told.lines().filter(|told| told.starts_with(line)).count();
        prop_assert_eq!(count("run_cmd["), config.run_cmd.len());
        prop_assert_eq!(count("ssh_authorized_keys["), config.ssh_authorized_keys.0.len());
        prop_assert_eq!(count("k3os.labels["), config.k3os.labels.len());
        let says = |empty: bool| usize::from(empty && all.iter().any(|given| given.hostname.is_some()));
        prop_assert_eq!(count("hostname: \""), usize::from(!config.hostname.is_empty()));
        prop_assert_eq!(count("hostname: ("), says(config.hostname.is_empty()));
    }

    /// The command line can say everything that a file can, and means the same by it.
    #[test]
    fn the_command_line_means_what_a_file_means(
        text in quotable(),
        list in proptest::collection::vec(quotable(), 1..4),
        names in proptest::collection::btree_map("[a-z./-]{1,6}", quotable(), 0..3),
        paths in proptest::collection::vec("/[a-z]{1,6}", 0..3),
        flag in any::<bool>(),
    ) {
        let mut words = vec![format!("k3os.token=\"{text}\""), format!("k3os.install.silent={flag}")];
        words.extend(list.iter().map(|item| format!("\"run_cmd={item}\"")));
        words.extend(names.iter().map(|(name, value)| format!("k3os.sysctl[{name}]=\"{value}\"")));
        words.extend(paths.iter().enumerate().rev().map(|(n, path)| format!("write_files[{n}].path={path}")));
        let files_of: Vec<_> = paths.iter().map(|path| serde_json::json!({"path": path})).collect();
        let mut file = serde_json::json!({
            "run_cmd": list,
            "k3os": {"token": text, "install": {"silent": flag}, "sysctls": names},
        });
        file["write_files"] = files_of.into();
        let cmdline = load(&[source(SourceKind::Cmdline, words.join(" ").as_bytes())]);
        prop_assert_eq!(cmdline.config, files(&[&file.to_string()]).config);
    }

    #[test]
    fn no_bytes_make_a_source_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for kind in KINDS {
            load(&[source(kind, &bytes)]);
        }
    }

    #[test]
    fn no_text_makes_a_file_panic(text in nearly_yaml()) {
        load(&[source(SourceKind::File, text.as_bytes())]);
    }

    #[test]
    fn a_bad_source_never_takes_a_key_away(text in nearly_yaml()) {
        let key = "ssh-ed25519 AAAA me";
        let first = format!("ssh_authorized_keys: [{key}]");
        for texts in [[first.as_str(), &text], [&text, first.as_str()]] {
            prop_assert!(files(&texts).config.ssh_authorized_keys.0.iter().any(|known| known == key));
        }
    }

    #[test]
    fn every_problem_has_a_source_and_a_message(text in nearly_yaml()) {
        for problem in files(&[&text]).problems {
            prop_assert!(!problem.source.is_empty() && !problem.message.is_empty());
            prop_assert!(problem.place.is_none_or(|place| place.line >= 1 && place.column >= 1));
        }
    }

    #[test]
    fn splitting_loses_no_words(words in proptest::collection::vec("[a-z.]{1,8}(=[a-z0-9,./]{0,8})?", 0..10)) {
        let found: Vec<_> = split(&words.join(" ")).into_iter().map(|word| match word.value {
            Some(value) => format!("{}={value}", word.key),
            None => word.key,
        }).collect();
        prop_assert_eq!(found, words);
    }

    #[test]
    fn columns_point_at_the_words(cmdline in "[a-z= \"\t]{0,40}") {
        let characters: Vec<char> = cmdline.chars().collect();
        for word in split(&cmdline) {
            let at = word.column - 1;
            prop_assert!(!characters[at].is_whitespace());
            prop_assert!(at == 0 || characters[at - 1].is_whitespace());
        }
    }

    #[test]
    fn repeated_words_make_a_list_in_order(words in proptest::collection::vec(list_word(), 1..6)) {
        let cmdline = words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" quiet ");
        let loaded = load(&[source(SourceKind::Cmdline, cmdline.as_bytes())]);
        let values: Vec<_> = words.into_iter().map(|(_, value)| value).collect();
        prop_assert_eq!(loaded.config.run_cmd, values);
    }

    #[test]
    fn foreign_words_are_silent(words in proptest::collection::vec("[a-jl-z][a-z_]{0,6}\\.[a-z_.]{1,8}(=[a-z0-9]{0,4})?", 0..8)) {
        let loaded = load(&[source(SourceKind::Cmdline, words.join(" ").as_bytes())]);
        prop_assert_eq!(loaded.problems, vec![]);
        prop_assert_eq!(loaded.config, Config::default());
    }

    #[test]
    fn a_source_of_its_own_changes_nothing_else(token in "[a-z0-9]{1,8}", name in "[a-z]{1,8}", value in "[a-z]{1,8}") {
        let first = format!("hostname: {name}\nk3os: {{token: x{token}, labels: {{{name}: x{value}}}}}");
        let alone = files(&[&first]).config;
        prop_assert_eq!(&files(&[&first, "", "# nothing"]).config, &alone);
        prop_assert_eq!(&files(&[&first, &first]).config, &alone);
        let merged = files(&[&first, "k3os: {password: other}"]).config;
        prop_assert_eq!(merged.k3os.password.reveal(), "other");
        prop_assert_eq!((merged.hostname, merged.k3os.labels), (alone.hostname, alone.k3os.labels));
    }

    #[test]
    fn merging_is_associative_for_text(a in "[a-z]{0,3}", b in "[a-z]{0,3}", c in "[a-z]{0,3}") {
        let text = |value: &str| if value.is_empty() { String::new() } else { format!("hostname: x{value}") };
        let (a, b, c) = (text(&a), text(&b), text(&c));
        let last = [&c, &b, &a].into_iter().find(|text| !text.is_empty()).cloned().unwrap_or_default();
        prop_assert_eq!(files(&[&a, &b, &c]).config.hostname, files(&[&last]).config.hostname);
    }

    #[test]
    fn both_dumps_read_back(
        command in "[ -~\n]{0,30}",
        value in "[ -~]{0,20}",
        content in "[ -~\n\t]{0,60}",
    ) {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let yaml = format!(
            "run_cmd: [{}]\nwrite_files: [{{path: /a, content: {}}}]\nk3os: {{environment: {{A: {}}}}}",
            quoted(&command), quoted(&content), quoted(&value),
        );
        let first = files(&[&yaml]).config;
        prop_assert_eq!(&files(&[&config::dump::yaml(&first)]).config, &first);
        prop_assert_eq!(&files(&[&config::dump::json(&first)]).config, &first);
    }
}
