use super::*;
use crate::tree::{Style, Value};

fn entries(text: &str) -> Vec<(String, Value)> {
    let root = parse(text).expect("valid YAML").root.expect("a document");
    let Value::Map(entries) = root.value else {
        panic!("not a map: {root:?}")
    };
    entries
        .into_iter()
        .map(|e| (e.key, e.value.value))
        .collect()
}

fn plain(text: &str) -> Value {
    Value::Scalar(crate::tree::Scalar {
        text: text.into(),
        style: Style::Plain,
    })
}

#[test]
fn scalars_keep_their_spelling() {
    let expected = [
        ("a", "012345"),
        ("b", "0644"),
        ("c", "1048576"),
        ("d", "yes"),
        ("e", "2.0"),
    ];
    let text = "a: 012345\nb: 0644\nc: 1048576\nd: yes\ne: 2.0\n";
    assert_eq!(
        entries(text),
        expected.map(|(k, v)| (k.to_owned(), plain(v)))
    );
}

#[test]
fn empty_texts_have_no_root() {
    for text in ["", "\n", "# comment only\n"] {
        assert!(parse(text).unwrap().root.is_none(), "{text:?}");
    }
}

#[test]
fn json_with_tabs_is_read() {
    assert_eq!(entries("{\n\t\"hostname\": \"a\",\n\t\"b\": 1}").len(), 2);
}

#[test]
fn an_error_has_its_position() {
    let remark = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
    assert!(remark.place.line >= 2, "{remark:?}");
}

#[test]
fn places_count_from_one() {
    let root = parse("a:\n  b: 1\n").unwrap().root.unwrap();
    let Value::Map(top) = root.value else {
        panic!("not a map")
    };
    let Value::Map(inner) = &top[0].value.value else {
        panic!("not a map")
    };
    assert_eq!(inner[0].place, Place { line: 2, column: 3 });
    assert_eq!(inner[0].value.place, Place { line: 2, column: 6 });
}

#[test]
fn merge_keys_fill_in() {
    let found = entries("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  x: 3\n");
    let Value::Map(used) = &found[1].1 else {
        panic!("not a map")
    };
    let used: Vec<_> = used
        .iter()
        .map(|e| (e.key.as_str(), e.value.value.clone()))
        .collect();
    assert_eq!(used, [("x", plain("3")), ("y", plain("2"))]);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let previous = format!("*a{}", level - 1);
        let items = vec![previous; 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(parse(&text).unwrap_err().message.contains("unfolds"));
}

/// The copies that are kept for aliases are memory too: here they would be 60 times the text.
#[test]
fn anchors_inside_one_another_are_refused() {
    let open: String = (0..60).map(|level| format!("&a{level} [")).collect();
    let text = format!("x: {open}'{}'{}\n", "q".repeat(2 << 20), "]".repeat(60));
    assert!(parse(&text).unwrap_err().message.contains("unfolds"));
}

#[test]
fn deep_nesting_is_refused() {
    assert!(parse(&"[".repeat(100_000)).is_err());
}

#[test]
fn a_second_document_is_remarked_and_skipped() {
    let document = parse("a: 1\n---\nb: 2\n").unwrap();
    assert_eq!(document.remarks.len(), 1);
    assert_eq!(entries("a: 1\n---\nb: 2\n").len(), 1);
}

#[test]
fn a_list_as_key_is_skipped() {
    let document = parse("? [a, b]\n: 1\nc: 2\n").unwrap();
    assert_eq!(document.remarks.len(), 1);
}
