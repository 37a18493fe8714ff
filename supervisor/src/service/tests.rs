//! Whole lives of services, played without a process.

use system::process::Exit;

use super::{Action, List, Notice, Outcome, Phase, Role, Service, Whom};
use crate::unit;
use crate::unit::{Exec, KillMode, Restart, Type};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

fn commands(count: usize) -> Vec<Exec> {
    vec![
        Exec {
            program: "/bin/x".into(),
            ..Exec::default()
        };
        count
    ]
}

fn service(kind: Type, change: impl FnOnce(&mut unit::Service)) -> Service {
    let mut settings = unit::Service {
        kind: Some(kind),
        start: commands(1),
        ..unit::Service::default()
    };
    change(&mut settings);
    Service {
        settings,
        ..Service::default()
    }
}

fn spawn(list: List, role: Role) -> Action {
    Action::Spawn(list, 0, role)
}

/// Starts it up to its main process, number 10, at time 0.
fn start(service: &mut Service) -> Vec<Action> {
    let actions = service.start(0);
    assert_eq!(actions, [Action::Prepare, spawn(List::Start, Role::Main)]);
    service.spawned(Role::Main, 10, 0)
}

#[test]
fn a_simple_service_is_started_at_once_and_stopped_by_signal() {
    let mut service = service(Type::Simple, |_| {});
    assert_eq!(start(&mut service), [Action::Started(true)]);
    let actions = service.stop(5);
    assert_eq!(actions.first(), Some(&Action::Signal(Whom::Group, SIGTERM)));
    assert_eq!(actions.last(), Some(&Action::CheckGroup));
    assert_eq!(service.group_checked(true, 5), []);
    assert_eq!(
        service.exited(10, Exit::Signal(SIGTERM), 6),
        [Action::CheckGroup]
    );
    assert_eq!(
        service.group_checked(false, 6),
        [Action::CleanUp, Action::Stopped]
    );
    assert_eq!(
        (service.phase, service.outcome.clone()),
        (Phase::Dead, Outcome::Success)
    );
}

#[test]
fn notify_and_exec_wait_for_their_word() {
    let mut notify = service(Type::Notify, |_| {});
    assert_eq!(start(&mut notify), []);
    assert_eq!(notify.executed(1), []);
    let notice = Notice::parse("STATUS=nearly\nMAINPID=11\nK3OS_EVENT=half");
    assert_eq!(notify.noticed(&notice, 2), []);
    assert_eq!(
        (notify.status.as_str(), notify.main_pid),
        ("nearly", Some(11))
    );
    assert_eq!(
        notify.noticed(&Notice::parse("READY=1"), 3),
        [Action::Started(true)]
    );
    let mut exec = service(Type::Exec, |_| {});
    assert_eq!(start(&mut exec), []);
    assert_eq!(exec.executed(1), [Action::Started(true)]);
}

#[test]
fn bus_names_ports_and_files_are_watched() {
    let watched = [
        service(Type::Dbus, |it| it.bus_name = Some("net.x".into())),
        service(Type::Simple, |it| it.own.ready_port = Some(22)),
        service(Type::Exec, |it| it.own.ready_file = Some("/run/x".into())),
    ];
    for mut service in watched {
        assert_eq!(start(&mut service), [Action::Watch]);
        assert_eq!(service.executed(1), []);
        assert_eq!(service.ready(2), [Action::Started(true)]);
        assert_eq!(service.ready(3), []);
    }
}

#[test]
fn a_service_that_ends_before_it_is_ready_has_failed() {
    let mut service = service(Type::Notify, |_| {});
    start(&mut service);
    let actions = service.exited(10, Exit::Code(0), 1);
    assert_eq!(actions.last(), Some(&Action::CheckGroup));
    let actions = service.group_checked(false, 1);
    assert_eq!(
        actions,
        [
            Action::Started(false),
            Action::CleanUp,
            Action::Failed,
            Action::Stopped
        ]
    );
    assert_eq!(service.outcome, Outcome::Protocol);
}

#[test]
fn a_start_that_takes_too_long_is_ended_and_then_killed() {
    let mut service = service(Type::Notify, |it| {
        it.timeout_start = Some(Some(100));
        it.timeout_stop = Some(50);
    });
    start(&mut service);
    assert_eq!(service.tick(99), []);
    assert_eq!(
        service.tick(100).first(),
        Some(&Action::Signal(Whom::Group, SIGTERM))
    );
    service.group_checked(true, 100);
    assert_eq!(
        service.tick(150),
        [Action::Signal(Whom::Group, SIGKILL), Action::CheckGroup]
    );
    service.exited(10, Exit::Signal(SIGKILL), 151);
    let actions = service.group_checked(false, 151);
    assert!(actions.contains(&Action::Failed));
    assert_eq!(service.outcome, Outcome::Timeout);
}

#[test]
fn extending_the_timeout_moves_the_deadline() {
    let mut service = service(Type::Notify, |it| it.timeout_start = Some(Some(100)));
    start(&mut service);
    service.noticed(&Notice::parse("EXTEND_TIMEOUT_USEC=500000"), 50);
    assert_eq!(service.deadline, Some(550));
}

#[test]
fn oneshots_run_all_commands_in_turn() {
    let mut service = service(Type::Oneshot, |it| {
        it.start = commands(2);
        it.remain_after_exit = true;
    });
    assert_eq!(start(&mut service), []);
    let next = service.exited(10, Exit::Code(0), 1);
    assert_eq!(next, [Action::Spawn(List::Start, 1, Role::Main)]);
    service.spawned(Role::Main, 11, 1);
    assert_eq!(
        service.exited(11, Exit::Code(0), 2),
        [Action::Started(true)]
    );
    assert_eq!(service.phase, Phase::Exited);
    assert!(service.is_active());
}

#[test]
fn a_oneshot_that_does_not_remain_is_down_again() {
    let mut service = service(Type::Oneshot, |_| {});
    start(&mut service);
    let actions = service.exited(10, Exit::Code(0), 1);
    assert_eq!(actions.first(), Some(&Action::Started(true)));
    assert_eq!(
        service.group_checked(false, 1),
        [Action::CleanUp, Action::Stopped]
    );
    assert_eq!(service.phase, Phase::Dead);
}

#[test]
fn a_dash_ignores_failures() {
    let mut service = service(Type::Oneshot, |it| {
        it.start = vec![Exec {
            ignore_failure: true,
            ..Exec::default()
        }];
    });
    start(&mut service);
    assert_eq!(
        service.exited(10, Exit::Code(1), 1).first(),
        Some(&Action::Started(true))
    );
}

#[test]
fn helpers_run_before_and_after_and_a_failed_one_fails_the_start() {
    let mut service = service(Type::Simple, |it| {
        it.start_pre = commands(1);
        it.start_post = commands(1);
    });
    assert_eq!(
        service.start(0),
        [Action::Prepare, spawn(List::StartPre, Role::Control)]
    );
    service.spawned(Role::Control, 5, 0);
    assert_eq!(
        service.exited(5, Exit::Code(0), 1),
        [spawn(List::Start, Role::Main)]
    );
    assert_eq!(
        service.spawned(Role::Main, 10, 1),
        [spawn(List::StartPost, Role::Control)]
    );
    service.spawned(Role::Control, 6, 1);
    let actions = service.exited(6, Exit::Code(4), 2);
    assert_eq!(actions.first(), Some(&Action::Signal(Whom::Group, SIGTERM)));
    service.exited(10, Exit::Signal(SIGTERM), 3);
    assert!(
        service
            .group_checked(false, 3)
            .contains(&Action::Started(false))
    );
    assert_eq!(service.outcome, Outcome::Code(4));
}

#[test]
fn a_condition_command_skips_without_failure() {
    let mut service = service(Type::Simple, |it| it.exec_condition = commands(1));
    assert_eq!(
        service.start(0),
        [Action::Prepare, spawn(List::Condition, Role::Control)]
    );
    service.spawned(Role::Control, 5, 0);
    service.exited(5, Exit::Code(1), 1);
    assert_eq!(
        service.group_checked(false, 1),
        [Action::Started(true), Action::CleanUp, Action::Stopped]
    );
    assert_eq!(service.phase, Phase::Dead);
}

#[test]
fn forking_services_are_what_they_leave_behind() {
    let mut service = service(Type::Forking, |_| {});
    assert_eq!(
        service.start(0),
        [Action::Prepare, spawn(List::Start, Role::Control)]
    );
    service.spawned(Role::Control, 5, 0);
    assert_eq!(service.exited(5, Exit::Code(0), 1), [Action::FindMain]);
    assert_eq!(service.main_found(Some(20), 1), [Action::Started(true)]);
    service.exited(20, Exit::Code(0), 9);
    assert_eq!(
        service.group_checked(false, 9),
        [Action::CleanUp, Action::Stopped]
    );
}

#[test]
fn a_crash_is_restarted_later_and_later_until_the_limit() {
    let mut service = service(Type::Simple, |it| it.restart = Restart::Always);
    start(&mut service);
    let mut now = 0;
    let mut waits = Vec::new();
    loop {
        service.exited(service.main_pid.unwrap(), Exit::Signal(11), now);
        match service.group_checked(false, now).as_slice() {
            [Action::Restarting(wait)] => waits.push(*wait),
            other => panic!("{other:?}"),
        }
        now = service.deadline.unwrap();
        let actions = service.tick(now);
        if actions.contains(&Action::Failed) {
            break;
        }
        service.spawned(Role::Main, 10, now);
    }
    assert_eq!(waits, [100, 200, 400, 800, 1600]);
    assert_eq!(
        (service.phase, service.outcome.clone()),
        (
            Phase::Failed,
            Outcome::StartLimit("SIGSEGV ended it".into())
        )
    );
    // Asked for by a person, it starts again.
    assert_eq!(service.start(now).len(), 2);
}

#[test]
fn mixed_kills_the_rest_and_process_leaves_it() {
    let mut mixed = service(Type::Simple, |it| it.kill_mode = KillMode::Mixed);
    start(&mut mixed);
    assert_eq!(
        mixed.stop(1).first(),
        Some(&Action::Signal(Whom::Main, SIGTERM))
    );
    mixed.exited(10, Exit::Signal(SIGTERM), 2);
    assert_eq!(
        mixed.group_checked(true, 2).first(),
        Some(&Action::Signal(Whom::Group, SIGKILL))
    );
    let mut process = service(Type::Simple, |it| it.kill_mode = KillMode::Process);
    start(&mut process);
    process.stop(1);
    process.exited(10, Exit::Signal(SIGTERM), 2);
    assert_eq!(
        process.group_checked(true, 2),
        [Action::CleanUp, Action::Stopped]
    );
}

#[test]
fn stop_commands_run_first_and_may_hang_only_so_long() {
    let mut service = service(Type::Simple, |it| {
        it.stop = commands(1);
        it.timeout_stop = Some(100);
    });
    start(&mut service);
    assert_eq!(service.stop(0), [spawn(List::Stop, Role::Control)]);
    service.spawned(Role::Control, 7, 0);
    assert_eq!(
        service.tick(100).first(),
        Some(&Action::Signal(Whom::Group, SIGTERM))
    );
}

#[test]
fn a_start_during_a_stop_comes_after_it() {
    let mut service = service(Type::Simple, |_| {});
    start(&mut service);
    service.stop(1);
    assert_eq!(service.start(2), []);
    service.exited(10, Exit::Signal(SIGTERM), 3);
    let actions = service.group_checked(false, 3);
    assert_eq!(actions.last(), Some(&spawn(List::Start, Role::Main)));
}

#[test]
fn a_stop_cancels_a_restart() {
    let mut service = service(Type::Simple, |it| it.restart = Restart::Always);
    start(&mut service);
    service.exited(10, Exit::Code(1), 1);
    service.group_checked(false, 1);
    assert_eq!(service.phase, Phase::Waiting);
    assert_eq!(service.stop(2), [Action::CleanUp, Action::Stopped]);
    assert_eq!(service.tick(10_000), []);
}

#[test]
fn reloading_keeps_it_running_even_when_it_fails() {
    let mut service = service(Type::Simple, |it| it.reload = commands(1));
    start(&mut service);
    for (exit, ok) in [(Exit::Code(0), true), (Exit::Code(1), false)] {
        assert_eq!(service.reload(1), [spawn(List::Reload, Role::Control)]);
        service.spawned(Role::Control, 8, 1);
        assert_eq!(service.exited(8, exit, 2), [Action::Reloaded(ok)]);
        assert_eq!(service.phase, Phase::Running);
    }
}

#[test]
fn what_cannot_be_spawned_fails_with_its_reason() {
    let mut service = service(Type::Simple, |_| {});
    service.start(0);
    service.spawn_failed("there is no user x".into(), 0);
    let actions = service.group_checked(false, 0);
    assert!(actions.contains(&Action::Failed));
    assert_eq!(service.outcome.text(), "there is no user x");
}
