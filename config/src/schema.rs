//! What keys there are. Every table here is made by the `section!` macro from the model's own types,
//! so a key that is read cannot be missing here, and the other way round.

use serde_json::Value as Json;

/// One key of a section.
#[derive(Debug)]
pub struct Field {
    /// Its name in snake_case, e.g. `server_url`.
    pub name: &'static str,
    /// What it does, one line each.
    pub doc: &'static [&'static str],
    /// What it holds.
    pub kind: Kind,
    /// Other names that k3OS documented.
    pub also: &'static [&'static str],
    /// The phases that apply it; none for what other programs read, or what is part of something larger.
    pub phases: &'static [&'static str],
    /// A whole configuration that uses it.
    pub example: &'static str,
}

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text, in the spelling of the source.
    Text,
    /// Text that is never shown.
    Secret,
    /// Text or any bytes.
    Content,
    /// Yes or no.
    Bool,
    /// A list of text.
    TextList,
    /// A map of text.
    TextMap,
    /// Keys of its own.
    Section(&'static [Field]),
    /// A list of sections.
    Sections(&'static [Field]),
}

impl Kind {
    /// What is expected, in words for a message.
    pub fn expected(self) -> &'static str {
        match self {
            Kind::Text | Kind::Secret | Kind::Content => "text",
            Kind::Bool => "true or false",
            Kind::TextList => "a list of text",
            Kind::TextMap => "a map of text",
            Kind::Section(_) => "a map of keys",
            Kind::Sections(_) => "a list of maps",
        }
    }
}

/// A group of keys, read from a map.
pub trait Section: Default {
    /// Its keys, in the order of k3OS's JSON form.
    const FIELDS: &'static [Field];
    /// Keys that the JSON form shows even when they are empty.
    const ALWAYS_SHOWN: &'static [&'static str] = &[];

    /// Reads one value into the key of that snake_case name.
    fn set_field(
        &mut self,
        name: &str,
        node: &crate::tree::Node,
        reader: &mut crate::reader::Reader<'_>,
    );

    /// Each key's name and value; `None` where nothing is set.
    fn values(&self) -> Vec<(&'static str, Option<Json>)>;
}

impl Field {
    /// Whether a name in any spelling means this key: snake_case, camelCase, joined, with hyphens, and,
    /// for lists and maps, singular or plural.
    pub fn is_named(&self, name: &str) -> bool {
        let name = normal(name);
        let own = normal(self.name);
        name == own
            || self.also.iter().any(|other| normal(other) == name)
            || (self.has_plural() && singular(&name) == singular(&own))
    }

    /// A regular expression (ECMA 262) of the names that mean this key, for the JSON Schema.
    pub fn pattern(&self) -> String {
        let own = normal(self.name);
        let mut names: Vec<_> = self
            .also
            .iter()
            .map(|other| letters(&normal(other)))
            .collect();
        names.insert(
            0,
            match self.has_plural() {
                true => format!("{}([sS][_-]*)?", letters(singular(&own))),
                false => letters(&own),
            },
        );
        format!("^[_-]*({})$", names.join("|"))
    }

    fn has_plural(&self) -> bool {
        matches!(
            self.kind,
            Kind::TextList | Kind::TextMap | Kind::Sections(_)
        )
    }
}

/// A pattern of a name in any case, with any `_` and `-` behind each letter.
fn letters(name: &str) -> String {
    let letter = |c: char| match c.to_ascii_uppercase() {
        upper if upper == c => format!("{c}[_-]*"),
        upper => format!("[{c}{upper}][_-]*"),
    };
    name.chars().map(letter).collect()
}

/// The key of that name in any spelling.
pub fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.is_named(name))
}

/// The name of the key that is spelled most like `name`, if one is near enough to be meant.
pub fn nearest(fields: &[Field], name: &str) -> Option<&'static str> {
    let name = normal(name);
    let near = |field: &Field| (strsim::jaro_winkler(&normal(field.name), &name), field.name);
    let best = fields.iter().map(near).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= 0.8).then_some(best.1)
}

/// `server_url` → `serverUrl`.
pub fn camel_case(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let initial = letters.next().map(|c| c.to_ascii_uppercase());
        name + &initial.into_iter().chain(letters).collect::<String>()
    })
}

fn normal(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_' && *c != '-')
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn singular(name: &str) -> &str {
    name.strip_suffix('s').unwrap_or(name)
}

/// Declares a section of the configuration: the struct, its table of keys, and how each is read.
///
/// Each key has its documentation, its type, the check that its values must pass, other names that it has
/// (`also`), the phases that apply it (`in`), and an example (`eg`), which tests run.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $(#[always($($always:literal),+)])?
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty = $check:path
                    $(, also [$($also:literal),+])?
                    $(, in [$($phase:literal),+])?
                    , eg $example:literal;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl $crate::schema::Section for $name {
            const FIELDS: &'static [$crate::schema::Field] = &[$($crate::schema::Field {
                name: stringify!($field),
                doc: &[$($doc),+],
                kind: <$type as $crate::setting::Setting>::KIND,
                also: &[$($($also),+)?],
                phases: &[$($($phase),+)?],
                example: $example,
            }),+];
            $(const ALWAYS_SHOWN: &'static [&'static str] = &[$($always),+];)?

            fn set_field(
                &mut self,
                name: &str,
                node: &$crate::tree::Node,
                reader: &mut $crate::reader::Reader<'_>,
            ) {
                use $crate::setting::Setting;
                match name {
                    $(stringify!($field) => self.$field.set(node, $check, reader),)+
                    _ => {}
                }
            }

            fn values(&self) -> Vec<(&'static str, Option<serde_json::Value>)> {
                use $crate::setting::Setting;
                vec![$((stringify!($field), self.$field.to_json())),+]
            }
        }
    };
}

pub(crate) use section;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Config, K3os};

    #[test]
    fn every_spelling_finds_its_key() {
        for name in [
            "data_sources",
            "data_source",
            "datasources",
            "datasource",
            "dataSources",
            "data-sources",
        ] {
            assert_eq!(
                find(K3os::FIELDS, name).map(|f| f.name),
                Some("data_sources"),
                "{name}"
            );
        }
        for name in ["sysctl", "sysctls", "SYSCTLS"] {
            assert_eq!(
                find(K3os::FIELDS, name).map(|f| f.name),
                Some("sysctls"),
                "{name}"
            );
        }
        assert!(find(K3os::FIELDS, "data_sourc").is_none());
    }

    #[test]
    fn patterns_name_every_spelling() {
        let pattern = |fields: &[Field], name: &str| find(fields, name).map(Field::pattern);
        assert_eq!(
            pattern(K3os::FIELDS, "wifi").as_deref(),
            Some("^[_-]*([wW][_-]*[iI][_-]*[fF][_-]*[iI][_-]*([sS][_-]*)?)$")
        );
        assert_eq!(
            pattern(crate::model::Install::FIELDS, "tty").as_deref(),
            Some("^[_-]*([tT][_-]*[tT][_-]*[yY][_-]*)$")
        );
        let efi = pattern(crate::model::Install::FIELDS, "force_efi");
        assert!(efi.is_some_and(|efi| efi.ends_with("|[eE][_-]*[fF][_-]*[iI][_-]*)$")));
    }

    #[test]
    fn no_two_keys_of_a_section_share_a_spelling() {
        fn check(fields: &[Field]) {
            for field in fields {
                let same = fields
                    .iter()
                    .filter(|other| other.is_named(field.name))
                    .count();
                assert_eq!(same, 1, "{}", field.name);
                if let Kind::Section(inner) | Kind::Sections(inner) = field.kind {
                    check(inner);
                }
            }
        }
        check(Config::FIELDS);
    }

    #[test]
    fn the_nearest_key_is_named_only_when_near() {
        assert_eq!(nearest(K3os::FIELDS, "data_sourc"), Some("data_sources"));
        assert_eq!(
            nearest(Config::FIELDS, "ssh_authorised_keys"),
            Some("ssh_authorized_keys")
        );
        assert_eq!(nearest(Config::FIELDS, "zzz"), None);
    }

    #[test]
    fn camel_case_is_k3os_json_form() {
        assert_eq!(camel_case("k3s_args"), "k3sArgs");
        assert_eq!(camel_case("dns_nameservers"), "dnsNameservers");
        assert_eq!(camel_case("hostname"), "hostname");
    }
}
