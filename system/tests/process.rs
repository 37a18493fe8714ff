//! Real children. One test, because reaping takes every child of the test's process.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use system::process::{self, Command, ExecResult, Exit, Step, Stream, Streams};

fn shell(script: &str) -> Command {
    Command {
        program: c"/bin/sh".into(),
        arguments: [c"sh", c"-c"]
            .map(CString::from)
            .into_iter()
            .chain(CString::new(script))
            .collect(),
        environment: vec![c"PATH=/usr/bin:/bin".into(), c"NAME=value".into()],
        ..Command::default()
    }
}

/// Runs a command to its end; returns how it ended, what it wrote, and what it reported.
fn run(command: &Command) -> (Exit, String, ExecResult) {
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    let (mut reading, writing) = std::io::pipe().unwrap();
    let streams = Streams {
        input: null.as_fd(),
        output: Stream::Open(writing.as_fd()),
        error: Some(Stream::Open(writing.as_fd())),
    };
    let started = process::spawn(command, streams).unwrap();
    drop(writing);
    let mut output = String::new();
    reading.read_to_string(&mut output).unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if let Some((_, exit)) = process::reap()
            .into_iter()
            .find(|(pid, _)| *pid == started.pid)
        {
            return (exit, output, process::exec_result(&started.result));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the child did not end");
}

#[test]
fn children_are_prepared_executed_and_reaped() {
    let (exit, output, result) = run(&shell("echo $NAME; echo err >&2; exit 7"));
    assert_eq!((exit, output.as_str()), (Exit::Code(7), "value\nerr\n"));
    assert!(matches!(result, ExecResult::Executed));

    let (exit, ..) = run(&shell("kill -9 $$"));
    assert_eq!(exit, Exit::Signal(9));

    let missing = Command {
        program: c"/nonexistent".into(),
        ..shell("")
    };
    let (exit, _, result) = run(&missing);
    assert_eq!(exit, Exit::Code(203));
    assert!(matches!(result, ExecResult::Failed(Step::Execute, error)
        if error.kind() == std::io::ErrorKind::NotFound));

    let nowhere = Command {
        directory: c"/nonexistent".into(),
        ..shell("pwd")
    };
    assert_eq!(run(&nowhere).0, Exit::Code(200));
    let optional = Command {
        directory_optional: true,
        ..nowhere
    };
    assert_eq!(run(&optional).1, "/\n");

    // Limits, mask and signals: a service is a session leader and blocks nothing.
    let limited = Command {
        limits: vec![(7, 99, 99)],
        umask: 0o077,
        ..shell(
            "ulimit -n; umask; grep SigBlk /proc/self/status; test $(ps -o sid= -p $$) = $$ && echo leader",
        )
    };
    let output = run(&limited).1;
    assert_eq!(output, "99\n0077\nSigBlk:\t0000000000000000\nleader\n");

    // Nothing of the parent's leaks: 0–2 and the directory that ls itself opens.
    let _leak = File::open("/proc/self/status").unwrap();
    assert_eq!(run(&shell("ls /proc/self/fd | wc -l")).1.trim(), "4");
}
