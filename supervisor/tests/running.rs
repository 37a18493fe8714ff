//! Real services under a real supervisor.

mod attacks;
mod common;

use common::Machine;

#[test]
fn services_start_in_order_and_stop_in_reverse() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\nWants=a.service b.service c.service"),
        (
            "a.service",
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=sleep 0.2\nExecStart=echo $HOME done",
        ),
        (
            "b.service",
            "[Unit]\nAfter=a.service\n[Service]\nType=exec\nExecStart=sleep 1000",
        ),
        (
            "c.service",
            "[Unit]\nAfter=b.service\n[Service]\nExecStart=sh -c 'echo hello; echo error >&2; exec sleep 1000'",
        ),
    ]);
    machine.boot("goal.target");
    machine.wait_state("goal.target", "active");
    for pair in ["a.service", "b.service", "c.service", "goal.target"].windows(2) {
        let (first, second) = (
            machine.place(pair[0], "ready"),
            machine.place(pair[1], "ready"),
        );
        assert!(first < second, "{pair:?}");
    }
    machine.until("its output is logged", |it| {
        it.log("c.service").contains(" error\n").then_some(())
    });
    assert!(machine.log("c.service").contains("Z hello\n"));
    assert!(
        machine.log("a.service").contains("Z done\n"),
        "{}",
        machine.log("a.service")
    );
    assert_eq!(machine.end(), "\"power-off\"");
    assert!(machine.place("c.service", "stopped") < machine.place("b.service", "stopped"));
    assert!(machine.place("b.service", "stopped") < machine.place("a.service", "stopped"));
}

#[test]
fn what_is_killed_comes_back_and_what_crashes_is_left_alone_in_the_end() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\nWants=kept.service crash.service"),
        (
            "kept.service",
            "[Service]\nExecStart=sleep 1000\nRestart=always\nRestartSec=50ms",
        ),
        (
            "crash.service",
            "[Service]\nExecStart=sh -c 'echo boom; exit 3'\nRestart=always\nRestartSec=10ms",
        ),
    ]);
    machine.boot("goal.target");
    let pid = machine
        .wait_state("kept.service", "active")
        .main_pid
        .unwrap();
    machine.ask(r#"{"op":"kill","units":["kept.service"],"signal":9}"#);
    let back = machine.until("it is back", |it| {
        Some(it.show("kept.service"))
            .filter(|status| status.restarts == 1 && status.active_state == "active")
    });
    assert_ne!(back.main_pid, Some(pid));
    let crashed = machine.wait_state("crash.service", "failed");
    assert_eq!(
        (crashed.result.as_str(), crashed.restarts),
        ("start-limit-hit", 5)
    );
    assert_eq!(
        crashed
            .lines
            .iter()
            .filter(|line| line.ends_with(" boom"))
            .count(),
        5
    );
    let console = machine.read("console");
    assert!(
        console.contains("crash.service failed: it was started too often"),
        "{console}"
    );
    assert!(console.contains("k3os logs crash"), "{console}");
    machine.end();
}

#[test]
fn readiness_by_notification_counts_only_from_who_may() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\nWants=all.service main.service"),
        (
            "all.service",
            "[Service]\nType=notify\nNotifyAccess=all\nExecStart=sh -c '$NOTIFY \"STATUS=warm\\nK3OS_EVENT=half\"; \
             $NOTIFY READY=1; exec sleep 1000'",
        ),
        (
            "main.service",
            "[Service]\nType=notify\nTimeoutStartSec=500ms\nExecStart=sh -c '$NOTIFY READY=1; exec sleep 1000'",
        ),
    ]);
    machine.boot("goal.target");
    let status = machine.wait_state("all.service", "active");
    assert_eq!(status.status_text, "warm");
    assert!(machine.place("all.service", "half") < machine.place("all.service", "ready"));
    assert!(machine.read("console").contains("all: warm"));
    assert_eq!(
        machine.wait_state("main.service", "failed").result,
        "timeout"
    );
    machine.end();
}

#[test]
fn a_file_makes_ready() {
    let mut machine = Machine::new(&[(
        "file.service",
        "[Service]\nX-K3OS-ReadyFile=$DIR/ready\nExecStart=sh -c 'sleep 0.3; touch $DIR/ready; exec sleep 1000'",
    )]);
    machine.boot("file.service");
    assert!(machine.wait_state("file.service", "active").start_ms >= Some(300));
    machine.end();
}

#[test]
fn a_failed_requirement_fails_who_requires_it() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\nWants=b.service c.service"),
        (
            "a.service",
            "[Service]\nType=oneshot\nExecStart=/nonexistent/program",
        ),
        (
            "b.service",
            "[Unit]\nRequires=a.service\nAfter=a.service\n[Service]\nExecStart=sleep 1000",
        ),
        (
            "c.service",
            "[Unit]\nRequires=missing.service\n[Service]\nExecStart=sleep 1000",
        ),
    ]);
    machine.boot("goal.target");
    machine.wait_state("goal.target", "active");
    let failed = machine.wait_state("a.service", "failed");
    assert!(
        failed
            .result_text
            .contains("starting /nonexistent/program: executing the program: No such file"),
        "{failed:?}"
    );
    assert_eq!(machine.show("b.service").result, "dependency");
    assert!(
        machine
            .show("c.service")
            .result_text
            .starts_with("missing.service, which it requires")
    );
    let reply = machine.ask(r#"{"op":"start","units":["b.service","ghost.service"]}"#);
    assert_eq!(reply.unknown, ["ghost.service"]);
    assert!(
        reply.failed.iter().any(|(unit, _)| unit == "b.service"),
        "{reply:?}"
    );
    machine.end();
}

#[test]
fn settings_reach_the_process() {
    let mut machine = Machine::new(&[(
        "env.service",
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nUser=nobody\nWorkingDirectory=/usr\nUMask=027\nLimitNOFILE=123\n\
         OOMScoreAdjust=500\nEnvironment=\"A=one two\" B=3\n\
         ExecStart=sh -c 'id -un; pwd; umask; ulimit -n; cat /proc/self/oom_score_adj; echo \"$$A|$B\"; cat /proc/self/cgroup'",
    )]);
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: only root may change users");
    }
    machine.boot("env.service");
    machine.wait_state("env.service", "active");
    let log = machine.log("env.service");
    let lines: Vec<_> = log
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(
        lines[..6],
        ["nobody", "/usr", "0027", "123", "500", "one two|3"]
    );
    if machine.cgroup.is_some() {
        assert!(
            lines
                .iter()
                .any(|line| line.ends_with("/system.slice/env.service")),
            "{log}"
        );
    }
    machine.end();
}

#[test]
fn everything_of_a_stopped_service_is_gone_however_it_hides() {
    let hides = "[Service]\nTimeoutStopSec=300ms\nExecStart=sh -c 'trap \"\" TERM; setsid sleep 987 & \
                 while :; do sleep 1; done'";
    let mut machine = Machine::new(&[("hides.service", hides)]);
    if machine.cgroup.is_none() {
        return eprintln!("skipped: no control groups here");
    }
    machine.boot("hides.service");
    machine.until("both run", |it| {
        (it.show("hides.service").processes.len() >= 2).then_some(())
    });
    let group = machine.show("hides.service").cgroup.unwrap();
    let reply = machine.ask(r#"{"op":"stop","units":["hides.service"]}"#);
    assert_eq!(reply.failed, []);
    let status = machine.show("hides.service");
    assert_eq!(
        (status.active_state.as_str(), status.result.as_str()),
        ("failed", "timeout")
    );
    assert!(!std::path::Path::new(&group).exists());
    machine.end();
}

#[test]
fn a_forking_service_is_followed_and_orphans_are_reaped() {
    let mut machine = Machine::new(&[(
        "fork.service",
        "[Service]\nType=forking\nPIDFile=$DIR/pid\nExecStart=sh -c 'sleep 1000 & echo $$! > $DIR/pid'\nRestart=on-failure",
    )]);
    machine.boot("fork.service");
    let status = machine.wait_state("fork.service", "active");
    assert_eq!(
        status.main_pid.map(|pid| pid.to_string()).as_deref(),
        Some(machine.read("pid").trim())
    );
    machine.ask(r#"{"op":"kill","units":["fork.service"],"signal":9}"#);
    machine.until("it is back", |it| {
        Some(it.show("fork.service")).filter(|it| it.restarts == 1 && it.active_state == "active")
    });
    machine.end();
}

#[test]
fn a_shutdown_signal_comes_before_everything_else() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\nWants=net.service k.service"),
        ("net.service", "[Service]\nExecStart=sleep 1000"),
        (
            "k.service",
            "[Service]\nType=notify\nNotifyAccess=all\nRestart=always\nX-K3OS-ShutdownSignal=SIGUSR1\n\
             ExecStart=sh -c 'trap \"echo pods ended; exit 0\" USR1; $NOTIFY READY=1; while :; do sleep 0.1; done'",
        ),
    ]);
    machine.boot("goal.target");
    machine.wait_state("k.service", "active");
    machine.end();
    assert!(
        machine.log("k.service").contains("pods ended"),
        "{}",
        machine.log("k.service")
    );
    assert!(machine.place("k.service", "stopped") < machine.place("net.service", "stopped"));
    assert!(
        !machine
            .events()
            .iter()
            .any(|event| event.event == "restarting")
    );
}

#[test]
fn warnings_name_file_line_and_key_and_a_reload_finds_new_ones() {
    let mut machine = Machine::new(&[(
        "odd.service",
        "[Service]\nFrobnicate=yes\nExecStart=sleep 1000\nProtectSystem=full",
    )]);
    machine.boot("odd.service");
    machine.wait_state("odd.service", "active");
    let console = machine.read("console");
    assert!(
        console.contains("units/odd.service:2: unknown key Frobnicate in [Service]"),
        "{console}"
    );
    assert_eq!(
        machine.show("odd.service").not_applied,
        ["ProtectSystem=full"]
    );
    machine.unit(
        "odd.service",
        "[Service]\nExecStart=sleep 1000\nExecStopp=x",
    );
    let notes = machine.ask(r#"{"op":"daemon-reload"}"#).notes;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("odd.service:3: unknown key ExecStopp")),
        "{notes:?}"
    );
    let reply = machine.ask("nonsense");
    assert!(
        reply
            .error
            .is_some_and(|error| error.contains("reading the request"))
    );
    machine.end();
}

#[test]
fn a_restart_takes_along_who_requires_it() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\nWants=user.service"),
        ("base.service", "[Service]\nExecStart=sleep 1000"),
        (
            "user.service",
            "[Unit]\nRequires=base.service\nAfter=base.service\n[Service]\nExecStart=sleep 1000",
        ),
    ]);
    machine.boot("goal.target");
    machine.wait_state("goal.target", "active");
    let pid = |machine: &Machine, unit: &str| machine.show(unit).main_pid;
    let before = (pid(&machine, "base.service"), pid(&machine, "user.service"));
    assert_eq!(
        machine
            .ask(r#"{"op":"restart","units":["base.service"]}"#)
            .failed,
        []
    );
    let after = (pid(&machine, "base.service"), pid(&machine, "user.service"));
    assert!(after.0.is_some() && after.0 != before.0 && after.1.is_some() && after.1 != before.1);
    machine.ask(r#"{"op":"stop","units":["base.service"]}"#);
    assert_eq!(machine.show("user.service").active_state, "inactive");
    machine.end();
}

#[test]
fn a_terminal_becomes_input_and_output() {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let path = nix::unistd::ttyname(&terminal.slave).unwrap();
    let mut machine = Machine::new(&[(
        "getty.service",
        &format!(
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nStandardInput=tty\nStandardOutput=tty\nTTYReset=yes\n\
             TTYPath={}\nExecStart=sh -c 'test -t 0 && : > /dev/tty && echo on $TERM'",
            path.display()
        ),
    )]);
    machine.boot("getty.service");
    machine.wait_state("getty.service", "active");
    let mut buffer = [0u8; 64];
    let length = nix::unistd::read(&terminal.master, &mut buffer).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&buffer[..length]).trim(),
        "on vt220"
    );
    machine.end();
}

#[test]
fn a_masked_unit_is_not_started() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\nWants=a.service"),
        ("a.service", "[Service]\nExecStart=sleep 1000"),
    ]);
    let own = machine.directory.path().join("own-units");
    std::fs::create_dir(&own).unwrap();
    std::os::unix::fs::symlink("/dev/null", own.join("a.service")).unwrap();
    machine.boot("goal.target");
    machine.wait_state("goal.target", "active");
    let reply = machine.ask(r#"{"op":"start","units":["a.service"]}"#);
    assert_eq!(
        reply.failed,
        [("a.service".to_owned(), "the unit is masked".to_owned())]
    );
    std::fs::remove_file(own.join("a.service")).unwrap();
    machine.ask(r#"{"op":"daemon-reload"}"#);
    assert_eq!(
        machine
            .ask(r#"{"op":"start","units":["a.service"]}"#)
            .failed,
        []
    );
    assert_eq!(machine.show("a.service").active_state, "active");
    machine.end();
}

#[test]
fn a_failure_takes_along_everything_that_requires_it_over_any_distance() {
    let unit = |before: &str| {
        format!("[Unit]\nRequires={before}\nAfter={before}\n[Service]\nExecStart=sleep 1000")
    };
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\n"),
        ("a.service", "[Service]\nType=oneshot\nExecStart=false"),
        ("b.service", &unit("a.service")),
        ("c.service", &unit("b.service")),
        ("d.service", &unit("c.service")),
    ]);
    machine.boot("goal.target");
    let reply = machine.ask(r#"{"op":"start","units":["d.service"]}"#);
    assert_eq!(
        reply.failed,
        [(
            "d.service".to_owned(),
            "c.service, which it requires, failed because a.service failed".to_owned()
        )]
    );
    for unit in ["b.service", "c.service", "d.service"] {
        let status = machine.show(unit);
        assert_eq!(
            (status.active_state.as_str(), status.result.as_str()),
            ("failed", "dependency"),
            "{unit}"
        );
    }
    machine.end();
}

#[test]
fn a_start_does_not_go_on_when_what_it_requires_is_stopped() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\n"),
        (
            "slow.service",
            "[Service]\nType=oneshot\nExecStart=sleep 1000",
        ),
        (
            "user.service",
            "[Unit]\nRequires=slow.service\nAfter=slow.service\n[Service]\nExecStart=sleep 1000",
        ),
    ]);
    machine.boot("goal.target");
    machine.ask(r#"{"op":"start","units":["user.service"],"no_block":true}"#);
    machine.wait_state("slow.service", "activating");
    machine.ask(r#"{"op":"stop","units":["slow.service"]}"#);
    assert_eq!(machine.show("user.service").active_state, "inactive");
    machine.end();
}

#[test]
fn a_client_that_sends_nothing_more_is_answered() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\n"),
        (
            "once.service",
            "[Service]\nType=oneshot\nExecStart=sleep 0.3",
        ),
    ]);
    machine.boot("goal.target");
    // At once, after a job, and without the end of the line.
    for request in [
        "{\"op\":\"list\"}\n",
        "{\"op\":\"start\",\"units\":[\"once.service\"]}\n",
        "{\"op\":\"list\"}",
    ] {
        let answer = machine.half_closed(request);
        assert!(answer.starts_with('{'), "{request}: {answer:?}");
    }
    machine.end();
}

#[test]
fn the_watchdog_is_fed_without_events_and_not_while_the_loop_hangs() {
    let mut machine = Machine::new(&[("goal.target", "[Unit]\n")]);
    machine.boot("goal.target");
    let refused = machine.ask(r#"{"op":"hang","ms":1500}"#).error;
    assert!(refused.is_some_and(|error| error.contains("k3os.debug")));
    let fed = |machine: &Machine| machine.read("fed").len();
    let before = fed(&machine);
    machine.until("it is fed", |it| (fed(it) >= before + 3).then_some(()));
    machine.end();

    let mut machine = Machine::new(&[("goal.target", "[Unit]\n")]);
    machine.debug = true;
    machine.boot("goal.target");
    assert_eq!(machine.ask(r#"{"op":"hang","ms":1500}"#).error, None);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let during = fed(&machine);
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(fed(&machine), during);
    let manager = machine.ask(r#"{"op":"list"}"#).manager.unwrap();
    assert_eq!(manager.slow_turns, 1);
    assert!(manager.longest_turn_ms >= 1_500, "{manager:?}");
    assert!(machine.read("console").contains("PID 1 was busy for 1."));
    machine.end();
}

#[test]
fn an_output_that_is_a_fifo_without_reader_fails_the_unit_and_holds_up_nobody() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\n"),
        (
            "fifo.service",
            "[Service]\nType=exec\nStandardOutput=file:$DIR/fifo\nExecStart=echo lost",
        ),
        (
            "keep.service",
            "[Service]\nType=oneshot\nStandardOutput=file:$DIR/keep\nExecStart=echo -n new",
        ),
    ]);
    let fifo = machine.directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::write(machine.directory.path().join("keep"), "old and longer").unwrap();
    machine.boot("goal.target");
    let failed = machine
        .ask(r#"{"op":"start","units":["fifo.service"]}"#)
        .failed;
    let reason = &failed.first().unwrap().1;
    assert!(reason.contains("connecting its output to"), "{reason}");
    assert!(reason.contains("fifo: No such device"), "{reason}");
    assert_eq!(
        machine
            .ask(r#"{"op":"start","units":["keep.service"]}"#)
            .failed,
        []
    );
    // As systemd has it: written from the beginning, not emptied.
    assert_eq!(machine.read("keep"), "new and longer");
    machine.check_turns();
    machine.end();
}

#[test]
fn a_service_cannot_claim_a_process_that_is_not_its_own() {
    let claims = |text: &str| {
        format!(
            "[Service]\nType=notify\nNotifyAccess=all\nExecStart=sh -c '{text}; $NOTIFY READY=1; sleep 1000'"
        )
    };
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\n"),
        (
            "victim.service",
            "[Service]\nExecStart=sh -c 'echo $$$$ > $DIR/victim; exec sleep 1000'",
        ),
        (
            "thief.service",
            &claims(
                "$NOTIFY MAINPID=1; $NOTIFY MAINPID=0; $NOTIFY MAINPID=-1; $NOTIFY MAINPID=$$(cat $DIR/victim)",
            ),
        ),
        (
            "honest.service",
            &claims("sleep 1000 & $NOTIFY MAINPID=$$!"),
        ),
        (
            "forking.service",
            "[Service]\nType=forking\nPIDFile=$DIR/victim\nExecStart=sh -c 'sleep 1000 & true'",
        ),
        (
            "waiting.service",
            "[Service]\nType=forking\nPIDFile=$DIR/fifo\nExecStart=sh -c 'sleep 1000 & true'",
        ),
    ]);
    if machine.cgroup.is_none() {
        return eprintln!("skipped: no control groups here");
    }
    let fifo = machine.directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    machine.boot("goal.target");
    machine.ask(r#"{"op":"start","units":["victim.service"]}"#);
    let victim = machine.until("the victim runs", |it| {
        it.read("victim").trim().parse().ok()
    });
    for unit in ["thief", "honest", "forking", "waiting"] {
        let unit = format!("{unit}.service");
        let request = format!(r#"{{"op":"start","units":["{unit}"]}}"#);
        assert_eq!(machine.ask(&request).failed, [], "{unit}");
        let status = machine.show(&unit);
        let main = status.main_pid.unwrap();
        assert_ne!(main, victim, "{unit}");
        let own: Vec<_> = status.processes.iter().map(|(pid, _)| *pid).collect();
        assert!(own.contains(&main), "{unit}: {main} of {own:?}");
        machine.ask(&format!(r#"{{"op":"stop","units":["{unit}"]}}"#));
    }
    assert_eq!(machine.show("victim.service").main_pid, Some(victim));
    let log = machine.log("thief.service");
    assert!(log.contains("it belongs to victim.service"), "{log}");
    assert!(machine.log("forking.service").contains("invalid PIDFile"));
    assert!(
        machine
            .log("waiting.service")
            .contains("not a regular file")
    );
    machine.check_turns();
    machine.end();
}

#[test]
fn a_main_process_that_somebody_else_collects_is_seen_to_end() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\n"),
        (
            "parent.service",
            "[Service]\nType=notify\nNotifyAccess=all\nExecStart=sh -c '(until test -e $DIR/go; do sleep 0.1; done) & \
             $NOTIFY MAINPID=$$!; $NOTIFY READY=1; wait; sleep 1000'",
        ),
    ]);
    if machine.cgroup.is_none() {
        return eprintln!("skipped: no control groups here");
    }
    machine.boot("goal.target");
    machine.ask(r#"{"op":"start","units":["parent.service"]}"#);
    assert_eq!(machine.show("parent.service").active_state, "active");
    std::fs::write(machine.directory.path().join("go"), "").unwrap();
    machine.wait_state("parent.service", "inactive");
    machine.end();
}

#[test]
fn strangers_messages_and_lingering_descriptors_hold_up_nobody() {
    let mut machine = Machine::new(&[("goal.target", "[Unit]\n")]);
    machine.debug = true;
    machine.boot("goal.target");
    let socket = machine.directory.path().join("run/notify.sock");
    machine.ask(r#"{"op":"hang","ms":900}"#);
    let attack = attacks::lingering(&socket);
    attacks::flood(&socket);
    for _ in 0..10 {
        machine.ask(r#"{"op":"list"}"#);
    }
    machine.check_turns();
    let lines = machine.read("console").lines().count();
    assert!(lines < 100, "{lines} lines on the console");
    drop(attack);
    machine.end();
}

/// A FIFO that nobody reads stands still as a frozen disk does.
#[test]
fn a_disk_of_logs_that_stands_still_holds_up_neither_services_nor_the_end() {
    let mut machine = Machine::new(&[
        ("goal.target", "[Unit]\nWants=talks.service"),
        (
            "talks.service",
            "[Service]\nExecStart=sh -c 'while :; do echo a line; sleep 0.01; done'",
        ),
    ]);
    let logs = machine.directory.path().join("log");
    std::fs::create_dir(&logs).unwrap();
    let log = logs.join("talks.service.log");
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::S_IRWXU).unwrap();
    machine.boot("goal.target");
    machine.until("it has talked", |it| {
        (it.show("talks.service").lines.len() >= 20).then_some(())
    });
    machine.until("the console says it", |it| {
        it.read("console")
            .contains("has not answered for 5 s")
            .then_some(())
    });
    machine.check_turns();
    let start = std::time::Instant::now();
    machine.end();
    assert!(start.elapsed() < std::time::Duration::from_secs(10));
}
