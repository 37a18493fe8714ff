//! End-to-end scenarios on real images in virtual machines, and a machine to play with.

mod accel;
mod bench;
mod cli;
mod data_cd;
mod disk;
mod guest;
mod machine;
mod mmdebstrap;
mod native;
mod processor;
mod release;
mod scenarios;
mod ssh;
mod suite;
mod terminal;
mod test_image;
mod tool;
mod vm;
mod web;
mod write_log;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::main() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("k3os-tests: {error:#}");
            ExitCode::FAILURE
        }
    }
}
