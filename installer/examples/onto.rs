//! Installs a release's directory onto a device, for trying it on a loop device without a medium:
//! `onto DIRECTORY DEVICE [TTY]`. The tests do the same with a release that is made up.

use std::path::Path;
use std::process::ExitCode;

use installer::progress::Lines;
use installer::request::{Finish, Request};
use installer::{Facts, Layer, Settings, execute, plan};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [release, device, rest @ ..] = arguments.as_slice() else {
        eprintln!("onto DIRECTORY DEVICE [TTY]");
        return ExitCode::FAILURE;
    };
    match install(release, device, rest.first()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn install(release: &str, device: &str, tty: Option<&String>) -> Result<(), String> {
    let layer = Layer {
        device: Some(device.to_owned()),
        tty: tty.cloned(),
        ..Layer::default()
    };
    let request = Request::from_layer(layer, Finish::Stay)?;
    let facts = Facts::gather(Path::new(release), request.device.as_ref());
    let settings = Settings {
        text: "hostname: installed\nk3os:\n  password: rancher\n".into(),
        origin: "an example".into(),
    };
    let plan = plan(&request, &facts, &settings).map_err(|refusals| {
        let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })?;
    print!("{}", plan.text());
    let scratch = std::env::temp_dir().join("k3os-onto");
    execute(&plan, &scratch, &mut Lines::new(std::io::stdout(), false))
        .map_err(|error| format!("{error:#}"))
}
