//! The boots, in their order.

use std::path::Path;

use anyhow::Result;

use super::boot::{Boot, Runs};
use super::subject::Subject;
use super::{debian, k3os};
use crate::accel::Accel;
use crate::guest::Guest;
use crate::suite::Setup;

/// Says which machine boots.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// How machines run.
    pub accel: Accel,
    /// How many boots of each machine.
    pub boots: usize,
}

impl Progress {
    /// Before boot `number` of `subject`.
    pub fn boot(self, number: usize, subject: &Subject) {
        let (boots, accel) = (self.boots, self.accel);
        eprintln!(
            "bench: boot {number} of {boots}: {} on {accel:?}",
            subject.name
        );
    }
}

/// How a machine's boot is read.
type Reader = fn(&Guest) -> Result<Boot>;
const READERS: [Reader; 3] = [k3os::read, debian::read, debian::read_alone];

/// All machines boot in turn, so that a change of the host's load meets each of them.
pub struct Rounds<'a> {
    /// What the boots share.
    pub setup: &'a Setup,
    /// Where their files go.
    pub dir: &'a Path,
    /// Says which machine boots.
    pub say: Progress,
    /// k3OS, Debian, and Debian alone.
    pub subjects: [&'a Subject; 3],
}

/// What the boots gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Of each machine, in the order of the subjects.
    pub runs: [Runs; 3],
    /// Boots that went wrong, as sentences.
    pub failures: Vec<String>,
}

impl Rounds<'_> {
    /// Makes the boots; one that goes wrong does not end the others. `first` is the first one of the first machine, which was
    /// made before.
    pub fn run(&self, first: Boot) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.runs[0].boots.push(first);
        for number in 1..=self.say.boots {
            for at in 0..self.subjects.len() {
                if (number, at) != (1, 0) {
                    self.boot(number, at, &mut outcome);
                }
            }
        }
        outcome
    }

    fn boot(&self, number: usize, at: usize, outcome: &mut Outcome) {
        let subject = self.subjects[at];
        self.say.boot(number, subject);
        let dir = self.dir.join(format!("{}{number}", subject.name));
        match subject.observe(self.setup, &dir, READERS[at]) {
            Ok(boot) => outcome.runs[at].boots.push(boot),
            Err(error) => {
                let failure = format!("boot {number}: {error:#}");
                eprintln!("bench: {failure}");
                outcome.failures.push(failure);
            }
        }
    }
}
