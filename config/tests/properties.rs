//! Properties of the parsers and of merging, for inputs that nobody thought of.

use config::cmdline::split;
use config::{Config, Loaded, Source, SourceKind, load};
use proptest::prelude::*;

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

proptest! {
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
