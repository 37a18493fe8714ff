//! What a run of the installer shows: a plan, refusals, progress.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Result, bail};
use installer::progress::{Json, Lines, Reporter};
use installer::{Plan, Refusal};

use super::super::Output;

/// Ends a run that was refused.
pub(super) fn refuse(output: Output, refusals: &[Refusal]) -> Result<ExitCode> {
    if let Output::Json = output {
        println!("{}", serde_json::json!({ "refused": refusals }));
        return Ok(ExitCode::FAILURE);
    }
    let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    bail!("nothing was changed, because\n{}", lines.join("\n"));
}

/// Shows a plan that is not to be done.
pub(super) fn show(output: Output, plan: &Plan) -> Result<ExitCode> {
    match output {
        Output::Text => print!("{}", plan.text()),
        Output::Json => println!("{}", serde_json::to_string_pretty(plan)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Progress for whoever reads standard output.
pub(super) fn reporter(output: Output) -> Box<dyn Reporter> {
    let out = std::io::stdout();
    let terminal = out.is_terminal();
    match output {
        Output::Json => Box::new(Json::new(out)),
        Output::Text => Box::new(Lines::new(out, terminal)),
    }
}
