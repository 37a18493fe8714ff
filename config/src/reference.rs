//! The reference of all keys, from the schema: a page for people, a JSON Schema for editors.

use crate::model::Config;
use crate::schema::{Field, Kind, Section};
use serde_json::{Map, Value as Json, json};

/// The reference page, in Markdown.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    section(&mut page, "", Config::FIELDS);
    page
}

const INTRODUCTION: &str = "\
# Configuration reference

Generated from the program's own model; `UPDATE=1 cargo test -p k3os-config --test reference` writes it anew.

Every key may be written in snake_case, camelCase or joined, and lists and maps in singular or plural
(`data_sources`, `dataSources`, `datasources`, `data_source`). On the kernel command line, names are joined by dots:
`k3os.token=TOKEN`, `k3os.dns_nameserver=1.1.1.1 k3os.dns_nameserver=8.8.8.8` (repeating makes a list),
`k3os.sysctl[kernel.printk]=\"4 4 1 7\"`, `write_files[0].path=/etc/example`, `k3os.install.silent` (a bare word is true).

Sources, from the lowest to the highest precedence: `/k3os/system/config.yaml`, the kernel command line,
`/var/lib/rancher/k3os/config.yaml`, metadata (`/run/config/local_hostname`, `/run/config/ssh/authorized_keys`) and userdata
(`/run/config/userdata`), which `k3os.data_sources` brings, and the files of `/var/lib/rancher/k3os/config.d` by name.
A machine that none of them names takes `/run/config/hostname`, the name that its cloud knows it by.
Userdata is a configuration in YAML or JSON, a script (`#!`) or a program; the last two run in the runtime phase. It may also be
a MIME message (`multipart/mixed`, as terraform's `cloudinit_config` makes it) with parts of type `text/cloud-config` and
`text/x-shellscript`: their lists and maps add up in the order of the parts, of single values the last one counts. All of
it may be packed by gzip.
Sections merge key by key. A list or a map replaces an earlier one as a whole; only ssh keys of all sources add up.
What is wrong in one source is reported with file, line and column, and everything else applies.

`k3os config validate FILE` (or `-`, or a pipe; `--userdata` for what a cloud shall be given) says what is wrong with it, on any
Linux and as any user. `--root DIR --cmdline WORDS` makes `validate`, `explain`, `diff`, `--dump` and `--dump-json` read the
sources below DIR, links inside it too, and nothing else.

Phases: `initrd` (as soon as the file systems are there), `boot` (before the services start), `runtime` (with the services
running and the network up).
";

fn section(page: &mut String, parent: &str, fields: &[Field]) {
    for field in fields {
        let key = format!("{parent}{}", field.name);
        entry(page, &key, field);
        match field.kind {
            Kind::Section(inner) => section(page, &format!("{key}."), inner),
            Kind::Sections(inner) => section(page, &format!("{key}[]."), inner),
            _ => {}
        }
    }
}

fn entry(page: &mut String, key: &str, field: &Field) {
    page.push_str(&format!("\n## `{key}`\n\n{}\n\n", doc(field)));
    page.push_str(&format!("Holds {}.", field.kind.expected()));
    if !field.also.is_empty() {
        page.push_str(&format!(" Also named `{}`.", field.also.join("`, `")));
    }
    if !field.phases.is_empty() {
        page.push_str(&format!(" Applied in: {}.", field.phases.join(", ")));
    }
    page.push_str(&format!("\n\n```yaml\n{}```\n", field.example));
}

fn doc(field: &Field) -> String {
    field
        .doc
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A JSON Schema of configuration files, by which editors complete and check. It names keys in snake_case, and takes every
/// spelling and form that the program takes.
pub fn json_schema() -> Json {
    let mut schema = object("#", Config::FIELDS);
    if let Json::Object(map) = &mut schema {
        map.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        map.insert("title".into(), "k3OS configuration".into());
    }
    schema
}

/// A section that stands in the schema at `at`, a JSON pointer such as `#/properties/k3os`.
fn object(at: &str, fields: &[Field]) -> Json {
    let place = |field: &Field| format!("{at}/properties/{}", field.name);
    let property = |field: &Field| {
        let mut schema = value(&place(field), field.kind);
        if let Json::Object(map) = &mut schema {
            map.insert("description".into(), doc(field).into());
        }
        (field.name.to_owned(), schema)
    };
    let spelled = |field: &Field| (field.pattern(), json!({"$ref": place(field)}));
    let properties: Map<String, Json> = fields.iter().map(property).collect();
    let spellings: Map<String, Json> = fields.iter().map(spelled).collect();
    json!({
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": spellings,
        "additionalProperties": false,
    })
}

fn value(at: &str, kind: Kind) -> Json {
    let text = json!({"type": ["string", "number", "boolean", "null"]});
    match kind {
        Kind::Text | Kind::Secret | Kind::Content => text,
        Kind::Bool => {
            json!({"anyOf": [{"type": ["boolean", "null"]}, {"enum": [0, 1]}, {"type": "string", "pattern": TRUTH}]})
        }
        Kind::TextList => json!({"anyOf": [text, {"type": "array", "items": text}]}),
        Kind::TextMap => json!({"type": ["object", "null"], "additionalProperties": text}),
        Kind::Section(fields) => object(at, fields),
        Kind::Sections(fields) => {
            let one = format!("{at}/anyOf/0");
            json!({"anyOf": [object(&one, fields), {"type": "array", "items": {"$ref": one}}]})
        }
    }
}

/// The words that mean yes or no.
const TRUTH: &str = "^\\s*([tT][rR][uU][eE]|[yY]([eE][sS])?|[oO][nN]|1|[fF][aA][lL][sS][eE]|[nN][oO]?|[oO][fF][fF]|0)\\s*$";
