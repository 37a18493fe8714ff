//! From a unit's settings to the command that the system crate executes. Pure but for looking up
//! programs and environment files through [`Surroundings`].

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use system::bounded;
use system::process::{Command, Identity, Terminal};

use crate::environment::{PATH, parse_file};
use crate::unit::{Directories, Exec, NotifyAccess, Output, Service, Type, words};
use crate::users::{Database, User};

/// The longest environment file, in bytes.
const LONGEST_ENVIRONMENT: u64 = 1 << 20;

/// What a command finds around it.
#[derive(Debug, Clone)]
pub struct Surroundings<'a> {
    /// Users and groups.
    pub users: &'a Database,
    /// The notification socket.
    pub notify_socket: &'a Path,
    /// The group to be born in.
    pub cgroup: Option<PathBuf>,
    /// The main process, for ExecReload, ExecStop and ExecStartPost.
    pub main_pid: Option<i32>,
}

/// Who a service's processes are; `None` is root.
pub fn identity(service: &Service, users: &Database) -> Result<Option<(User, Identity)>, String> {
    let name = match (&service.user, &service.group) {
        (None, None) if service.supplementary_groups.is_empty() => return Ok(None),
        (Some(name), _) => name.as_str(),
        (None, _) => "root",
    };
    let user = users
        .user(name)
        .ok_or_else(|| format!("there is no user {name} in /etc/passwd"))?;
    let group = service.group.as_deref();
    let identity = users.identity(&user, group, &service.supplementary_groups)?;
    Ok(Some((user, identity)))
}

/// Builds the command for one `Exec…=` line.
pub fn command(
    service: &Service,
    exec: &Exec,
    around: &Surroundings<'_>,
) -> Result<Command, String> {
    let identity = identity(service, around.users)?;
    let user = identity.as_ref().map(|(user, _)| user);
    let variables = variables(service, user, around)?;
    let program = find_program(
        &exec.program,
        variables.get("PATH").map_or(PATH, String::as_str),
    )?;
    let mut arguments = vec![
        exec.argument_zero
            .clone()
            .unwrap_or_else(|| exec.program.clone()),
    ];
    arguments.extend(match exec.literal {
        true => exec.arguments.clone(),
        false => words::expand(&exec.arguments, &variables),
    });
    let (directory, directory_optional) = directory(service, user);
    Ok(Command {
        program: c_string(&program)?,
        arguments: arguments
            .iter()
            .map(|word| c_string(word))
            .collect::<Result<_, _>>()?,
        environment: variables
            .iter()
            .map(|(name, value)| c_string(&format!("{name}={value}")))
            .collect::<Result<_, _>>()?,
        cgroup: around.cgroup.clone(),
        identity: identity
            .filter(|_| !exec.as_root)
            .map(|(_, identity)| identity),
        directory: c_string(&directory)?,
        directory_optional,
        terminal: terminal(service)?,
        limits: service
            .limits
            .iter()
            .map(|(res, (soft, hard))| (*res, *soft, *hard))
            .collect(),
        oom_score_adjust: service.oom_score_adjust,
        nice: service.nice,
        umask: service.umask,
        ignore_sigpipe: service.ignore_sigpipe,
    })
}

fn c_string(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| format!("{text:?} has a zero byte"))
}

/// `~` is the user's home; `-` in front means that the directory may be missing.
fn directory(service: &Service, user: Option<&User>) -> (String, bool) {
    let Some(said) = &service.working_directory else {
        return (String::new(), true);
    };
    let (path, optional) = match said.strip_prefix('-') {
        Some(path) => (path, true),
        None => (said.as_str(), false),
    };
    match (path, user) {
        ("~", Some(user)) => (user.home.clone(), optional),
        ("~", None) => ("/root".to_owned(), optional),
        _ => (path.to_owned(), optional),
    }
}

fn terminal(service: &Service) -> Result<Option<Terminal>, String> {
    if !service.tty.is_input {
        return Ok(None);
    }
    let path = service.tty.path.as_deref().unwrap_or("/dev/console");
    Ok(Some(Terminal {
        path: c_string(path)?,
        reset: service.tty.reset,
        hang_up: service.tty.hang_up,
        output: matches!(service.output, Output::Terminal | Output::Inherit),
    }))
}

/// The whole environment of a command. `Environment=` wins over what we set, files win over that.
fn variables(
    service: &Service,
    user: Option<&User>,
    around: &Surroundings<'_>,
) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
    all.extend(user.map(Database::variables).unwrap_or_default());
    all.extend(directory_variables(service));
    if service.tty.is_input {
        all.insert(
            "TERM".to_owned(),
            term(service.tty.path.as_deref()).to_owned(),
        );
    }
    if listens_to_notifications(service) {
        all.insert(
            "NOTIFY_SOCKET".to_owned(),
            around.notify_socket.display().to_string(),
        );
    }
    all.extend(
        around
            .main_pid
            .map(|pid| ("MAINPID".to_owned(), pid.to_string())),
    );
    all.extend(service.environment.clone());
    for file in &service.environment_files {
        let path = PathBuf::from(&file.path);
        match bounded::within(move || bounded::read_text(&path, LONGEST_ENVIRONMENT)) {
            Ok(text) => all.extend(parse_file(&text)),
            Err(_) if file.optional => {}
            Err(error) => return Err(format!("reading EnvironmentFile {}: {error}", file.path)),
        }
    }
    all.retain(|name, _| !service.unset_environment.contains(name));
    Ok(all)
}

/// Whether a service gets a notification socket.
pub fn listens_to_notifications(service: &Service) -> bool {
    service.effective_type() == Type::Notify || service.notify_access != NotifyAccess::None
}

fn term(path: Option<&str>) -> &'static str {
    let line = path
        .and_then(|path| path.strip_prefix("/dev/tty"))
        .unwrap_or_default();
    match !line.is_empty() && line.chars().all(|letter| letter.is_ascii_digit()) {
        true => "linux",
        false => "vt220",
    }
}

/// The base of each kind of directory, and the variable that names them to the service.
pub fn directories(service: &Service) -> [(&'static str, &'static str, &Directories); 5] {
    [
        ("/run", "RUNTIME_DIRECTORY", &service.runtime),
        ("/var/lib", "STATE_DIRECTORY", &service.state),
        ("/var/cache", "CACHE_DIRECTORY", &service.cache),
        ("/var/log", "LOGS_DIRECTORY", &service.logs),
        ("/etc", "CONFIGURATION_DIRECTORY", &service.configuration),
    ]
}

fn directory_variables(service: &Service) -> BTreeMap<String, String> {
    directories(service)
        .into_iter()
        .filter(|(_, _, directories)| !directories.names.is_empty())
        .map(|(base, variable, directories)| {
            let paths: Vec<_> = directories
                .names
                .iter()
                .map(|name| format!("{base}/{name}"))
                .collect();
            (variable.to_owned(), paths.join(":"))
        })
        .collect()
}

/// The path of a program: itself if absolute, else the first in `path` that can be executed.
fn find_program(program: &str, path: &str) -> Result<String, String> {
    if program.contains('/') {
        return Ok(program.to_owned());
    }
    let missing = || format!("there is no program {program} in {path}");
    let candidates: Vec<_> = path
        .split(':')
        .map(|directory| Path::new(directory).join(program))
        .collect();
    let found = bounded::within(move || {
        let executable =
            |path: &PathBuf| nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok();
        let found = candidates.into_iter().find(executable);
        found.ok_or_else(|| io::Error::from(ErrorKind::NotFound))
    });
    match found {
        Ok(found) => Ok(found.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(format!("looking for {program} in {path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::{Unit, read};

    fn build(text: &str) -> Result<Command, String> {
        let mut unit = Unit::empty("a.service");
        assert_eq!(
            read::apply(&mut unit, Path::new("/u"), &format!("[Service]\n{text}")),
            vec![]
        );
        let users = Database::new(
            "bus:x:101:102::/home/bus:/bin/sh".into(),
            "bus:x:102:".into(),
        );
        let around = Surroundings {
            users: &users,
            notify_socket: Path::new("/run/n.sock"),
            cgroup: None,
            main_pid: Some(7),
        };
        command(&unit.service, &unit.service.start[0], &around)
    }

    fn texts(list: &[CString]) -> Vec<&str> {
        list.iter().map(|text| text.to_str().unwrap()).collect()
    }

    #[test]
    fn users_directories_and_variables_are_put_together() {
        let command = build(
            "Type=notify\nUser=bus\nExecStart=@/bin/x zero $A ${RUNTIME_DIRECTORY}\nEnvironment=\"A=1 2\" \
             B=3\nUnsetEnvironment=SHELL\nRuntimeDirectory=r\nWorkingDirectory=~",
        )
        .unwrap();
        assert_eq!(texts(&command.arguments), ["zero", "1", "2", "/run/r"]);
        let environment = texts(&command.environment);
        for wanted in [
            "B=3",
            "HOME=/home/bus",
            "MAINPID=7",
            "NOTIFY_SOCKET=/run/n.sock",
            "USER=bus",
        ] {
            assert!(environment.contains(&wanted), "{wanted}");
        }
        assert!(
            !environment
                .iter()
                .any(|variable| variable.starts_with("SHELL="))
        );
        assert_eq!(command.identity.unwrap().uid, 101);
        assert_eq!(command.directory.to_str(), Ok("/home/bus"));
    }

    #[test]
    fn a_plus_keeps_root() {
        assert_eq!(build("User=bus\nExecStart=+/bin/x").unwrap().identity, None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = build("User=ghost\nExecStart=/bin/x").unwrap_err();
        assert_eq!(error, "there is no user ghost in /etc/passwd");
        let error = build("ExecStart=no-such-program").unwrap_err();
        assert!(
            error.starts_with("there is no program no-such-program in /usr/local/sbin:"),
            "{error}"
        );
        let error = build("ExecStart=/bin/x\nEnvironmentFile=/nonexistent").unwrap_err();
        assert!(
            error.starts_with("reading EnvironmentFile /nonexistent: "),
            "{error}"
        );
        assert!(build("ExecStart=/bin/x\nEnvironmentFile=-/nonexistent").is_ok());
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [fifo.as_path(), Path::new("/dev/zero")] {
            let path = path.display();
            let error = build(&format!("ExecStart=/bin/x\nEnvironmentFile={path}")).unwrap_err();
            assert!(error.ends_with("not a regular file"), "{error}");
        }
    }

    #[test]
    fn programs_are_searched_in_path() {
        let command = build("ExecStart=sh -c true").unwrap();
        assert!(command.program.to_str().unwrap().ends_with("/sh"));
        assert_eq!(texts(&command.arguments), ["sh", "-c", "true"]);
    }

    #[test]
    fn a_getty_has_a_terminal() {
        let command = build(
            "ExecStart=/sbin/agetty\nStandardInput=tty\nStandardOutput=tty\nTTYPath=/dev/tty1",
        )
        .unwrap();
        let terminal = command.terminal.unwrap();
        assert_eq!(terminal.path.to_str(), Ok("/dev/tty1"));
        assert!(terminal.output);
        assert!(texts(&command.environment).contains(&"TERM=linux"));
        assert_eq!(term(Some("/dev/ttyS0")), "vt220");
    }
}
