//! A short run of the bodies of `fuzz/` on the stable compiler: their seeds as they are, then changed at random.
//!
//! The same changes each time, 256 a body; `K3OS_FUZZ_CASES=100000` makes so many new ones.

#[path = "../../fuzz/bodies.rs"]
mod bodies;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// One change of a seed. Places and lengths are taken modulo what there is.
#[derive(Debug, Clone)]
enum Edit {
    Insert(usize, Vec<u8>),
    Cut(usize, usize),
    Repeat(usize, usize, usize),
    Set(usize, u8),
}

/// Pieces that mean something to one of the parsers.
const PIECES: [&str; 28] = [
    "\n",
    ": ",
    "- ",
    "  ",
    "\t",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "|\n",
    ">-\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    "=",
    ".",
    "\0",
    "#!",
    "\u{feff}",
    "\u{85}",
    "ä",
    "k3os",
    "[0]",
    "---\n",
];

fn edit() -> impl Strategy<Value = Edit> {
    let piece = prop_oneof![
        4 => select(PIECES.map(|piece| piece.as_bytes().to_vec()).to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..4),
    ];
    prop_oneof![
        3 => (any::<usize>(), piece).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        2 => (any::<usize>(), 1..20_usize).prop_map(|(at, length)| Edit::Cut(at, length)),
        1 => (any::<usize>(), 1..40_usize, 1..6_usize).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
    ]
}

fn apply(edit: &Edit, bytes: &mut Vec<u8>) {
    let place = |at: &usize| at % (bytes.len() + 1);
    match edit {
        Edit::Insert(at, piece) => {
            let at = place(at);
            bytes.splice(at..at, piece.iter().copied());
        }
        Edit::Cut(at, length) => {
            let at = place(at);
            bytes.drain(at..(at + length).min(bytes.len()));
        }
        Edit::Repeat(at, length, times) => {
            let at = place(at);
            let end = (at + length).min(bytes.len());
            let piece = bytes[at..end].repeat(*times);
            bytes.splice(end..end, piece);
        }
        Edit::Set(at, byte) => {
            let at = place(at);
            if let Some(place) = bytes.get_mut(at) {
                *place = *byte;
            }
        }
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(name);
    let mut paths: Vec<_> = fs::read_dir(directory)
        .expect("the seeds")
        .map(|entry| entry.expect("a seed").path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| fs::read(path).expect("reading a seed"))
        .collect()
}

fn runner() -> TestRunner {
    let cases = std::env::var("K3OS_FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(256),
        failure_persistence: None,
        ..Config::default()
    };
    match cases {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}

fn run(name: &str) {
    let (_, body) = bodies::BODIES
        .into_iter()
        .find(|(known, _)| *known == name)
        .expect("a body");
    let seeds = seeds(name);
    seeds.iter().for_each(|seed| body(seed));
    let odd =
        (select(seeds), proptest::collection::vec(edit(), 0..8)).prop_map(|(mut bytes, edits)| {
            edits.iter().for_each(|edit| apply(edit, &mut bytes));
            bytes
        });
    let result = runner().run(&odd, |bytes| {
        body(&bytes);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
}

#[test]
fn configuration_files() {
    run("yaml");
}

#[test]
fn command_lines() {
    run("cmdline");
}

#[test]
fn userdata() {
    run("userdata");
}

#[test]
fn metadata() {
    run("metadata");
}
