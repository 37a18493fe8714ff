//! YAML as Kubernetes and k3s mean it, on the one YAML reader of the system, which keeps each scalar's spelling.
//!
//! Both read YAML 1.1: `0644` is the number 420, `yes` is true. What is text (an argument's value) stays as it was typed.

use anyhow::{Result, bail};
use config::tree::{Node, Scalar, Style, Value as Tree};
use config::yaml::{Document, Remark};
use serde_json::{Map, Number, Value};

/// The first document of a text; `None` when there is nothing in it.
///
/// # Errors
/// The line at which it is not YAML, or says something that would have to be skipped.
pub fn document(text: &str) -> Result<Option<Node>> {
    match config::yaml::parse(text) {
        Ok(document) => whole(document),
        Err(remark) => Err(refusal(&remark)),
    }
}

/// All documents of a text, without empty ones, as the values that Kubernetes sees.
///
/// # Errors
/// As [`document`].
pub fn values(text: &str) -> Result<Vec<Value>> {
    let documents = config::yaml::parse_all(text).map_err(|remark| refusal(&remark))?;
    let mut values = Vec::new();
    for document in documents {
        if let Some(node) = whole(document)? {
            values.push(value(&node)?);
        }
    }
    values.retain(|value| !value.is_null());
    Ok(values)
}

fn whole(document: Document) -> Result<Option<Node>> {
    match document.remarks.first() {
        Some(remark) => Err(refusal(remark)),
        None => Ok(document.root),
    }
}

fn refusal(remark: &Remark) -> anyhow::Error {
    let place = remark.place;
    anyhow::anyhow!(
        "line {}, column {}: {}",
        place.line,
        place.column,
        remark.message
    )
}

/// What Kubernetes makes of a node.
///
/// # Errors
/// A key that stands twice in one map.
fn value(node: &Node) -> Result<Value> {
    Ok(match &node.value {
        Tree::Null => Value::Null,
        Tree::Scalar(scalar) => meaning(scalar),
        Tree::List(items) => Value::Array(items.iter().map(value).collect::<Result<_>>()?),
        Tree::Map(entries) => {
            let mut map = Map::new();
            for entry in entries {
                if map
                    .insert(entry.key.clone(), value(&entry.value)?)
                    .is_some()
                {
                    let (line, key) = (entry.place.line, &entry.key);
                    bail!("line {line}: the key '{key}' stands twice in one map");
                }
            }
            Value::Object(map)
        }
    })
}

fn meaning(scalar: &Scalar) -> Value {
    let text = &scalar.text;
    if scalar.style != Style::Plain {
        return text.clone().into();
    }
    truth(text)
        .map(Value::Bool)
        .or_else(|| number(text).map(Value::Number))
        .unwrap_or_else(|| text.clone().into())
}

/// The words of YAML 1.1 for true and false.
pub fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    let digits = text.replace('_', "");
    whole_number(&digits).or_else(|| fraction(&digits))
}

fn whole_number(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = radix(digits);
    // A second sign is none of ours.
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    match negative {
        false => Some(size.into()),
        true => 0_i64.checked_sub_unsigned(size).map(Number::from),
    }
}

/// `0x1f`, `0b11`, `0o17`, and YAML 1.1's `017`.
fn radix(digits: &str) -> (&str, u32) {
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
        if let Some(rest) = digits.strip_prefix(prefix) {
            return (rest, radix);
        }
    }
    match digits.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => (rest, 8),
        _ => (digits, 10),
    }
}

/// `1.5`, `.5`, `1e3`; neither `1.2.3` nor `.inf`, which JSON cannot say. `089` is no octal number and is read as 89.
fn fraction(text: &str) -> Option<Number> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let rest = unsigned.strip_prefix('.').unwrap_or(unsigned);
    let allowed = |c: char| c.is_ascii_digit() || ".eE+-".contains(c);
    let numeric = rest.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(allowed);
    let read = numeric.then(|| text.parse::<f64>().ok()).flatten()?;
    Number::from_f64(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(text: &str) -> Result<Value> {
        Ok(values(text)?.remove(0))
    }

    #[test]
    fn traps() -> Result<()> {
        let traps = [
            ("0644", json!(420)),
            ("0o644", json!(420)),
            ("'0644'", json!("0644")),
            ("!!str 0644", json!("0644")),
            ("0", json!(0)),
            ("-017", json!(-15)),
            ("0x1F", json!(31)),
            ("0b11", json!(3)),
            ("1_000", json!(1000)),
            ("089", json!(89.0)),
            ("1.10", json!(1.1)),
            ("\"1.10\"", json!("1.10")),
            ("1.2.3", json!("1.2.3")),
            ("10.42.0.0/16", json!("10.42.0.0/16")),
            ("1e3", json!(1000.0)),
            (".5", json!(0.5)),
            ("-", Value::Array(vec![Value::Null])),
            ("--x", json!("--x")),
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!("y")),
            ("'no'", json!("no")),
            ("~", Value::Null),
            ("''", json!("")),
            ("2026-12-01", json!("2026-12-01")),
            ("12:30:45", json!("12:30:45")),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            (".inf", json!(".inf")),
            ("1.5Gi", json!("1.5Gi")),
            ("500m", json!("500m")),
        ];
        for (text, expected) in traps {
            let document = format!("a: {}\n", if text == "-" { "[~]" } else { text });
            assert_eq!(one(&document)?["a"], expected, "{text}");
        }
        Ok(())
    }

    #[test]
    fn keys_stay_text_and_may_not_stand_twice() -> Result<()> {
        assert_eq!(one("0644: a\nyes: b\n")?, json!({"0644": "a", "yes": "b"}));
        assert!(one("a: 1\na: 2\n").is_err());
        Ok(())
    }

    #[test]
    fn documents_are_parted_and_empty_ones_left_out() -> Result<()> {
        let text = "a: 1\n---\n---\n# none\n---\nb: &x 2\n---\nc: 3\n...\n";
        assert_eq!(
            values(text)?,
            [json!({"a": 1}), json!({"b": 2}), json!({"c": 3})]
        );
        assert!(values("a: 1\n---\nb: [\n").is_err());
        assert!(values("")?.is_empty());
        Ok(())
    }
}
