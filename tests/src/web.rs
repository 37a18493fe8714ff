//! A web server for machines that boot over the network: the files of one directory, on the host's loopback.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

/// The host, as QEMU's user network shows it.
const HOST: &str = "10.0.2.2";

/// Serves until the program ends.
#[derive(Debug)]
pub struct Web {
    port: u16,
}

impl Web {
    /// Serves the files of a directory.
    pub fn serve(directory: &Path) -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").context("opening a port for a web server")?;
        let port = listener.local_addr().context("reading its port")?.port();
        let directory = directory.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let directory = directory.clone();
                // A guest that goes away in the middle is what some tests do.
                thread::spawn(move || drop(answer(stream, &directory)));
            }
        });
        Ok(Self { port })
    }

    /// The address of a file, seen from a guest.
    pub fn url(&self, name: &str) -> String {
        format!("http://{HOST}:{}/{name}", self.port)
    }
}

fn answer(mut stream: TcpStream, directory: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // To the end of the headers: closing with something unread would reset the connection.
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    match file(&request, directory).and_then(|path| File::open(path).ok()) {
        Some(mut file) => {
            let length = file.metadata()?.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            )?;
            io::copy(&mut file, &mut stream).map(drop)
        }
        None => stream
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}

/// The file that a request line names; names only, no directories.
fn file(request: &str, directory: &Path) -> Option<PathBuf> {
    let name = request.strip_prefix("GET /")?.split(' ').next()?;
    let plain = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    plain.then(|| directory.join(name))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn get(web: &Web, name: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", web.port)).unwrap();
        write!(stream, "GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }

    #[test]
    fn files_are_given_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a"), "hello").unwrap();
        let web = Web::serve(directory.path()).unwrap();
        assert!(get(&web, "a").ends_with("Content-Length: 5\r\nConnection: close\r\n\r\nhello"));
        assert!(get(&web, "b").starts_with("HTTP/1.1 404"));
        assert!(get(&web, "../../etc/passwd").starts_with("HTTP/1.1 404"));
        assert!(web.url("a").starts_with("http://10.0.2.2:"));
    }
}
