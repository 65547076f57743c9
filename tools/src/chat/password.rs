//! Where passwords come from: the terminal without echo, or lines of standard input. Never from arguments.

use std::io::{self, BufRead, Read};

use clap::Args;
use raftchat_schema::limits::PASSWORD_BYTES_MAX;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// How the password is given.
#[derive(Debug, Args)]
pub(super) struct PasswordArguments {
    /// Read the password from one line of standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

/// How an old password and a new one are given.
#[derive(Debug, Args)]
pub(super) struct PasswordChangeArguments {
    /// Read the old password and the new one from two lines of standard input instead of asking for them
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordArguments {
    /// The password of an account that is there.
    pub(super) fn ask(&self) -> Result<Zeroizing<String>, Failure> {
        if self.password_stdin { from_line(io::stdin().lock()) } else { prompt("Password: ") }
    }

    /// A new password: on a terminal it is asked for twice.
    pub(super) fn ask_for_a_new_one(&self) -> Result<Zeroizing<String>, Failure> {
        if self.password_stdin { self.ask() } else { prompt_for_a_new_one() }
    }
}

impl PasswordChangeArguments {
    /// The old password and the new one.
    pub(super) fn ask(&self) -> Result<(Zeroizing<String>, Zeroizing<String>), Failure> {
        if !self.password_stdin {
            return Ok((prompt("Old password: ")?, prompt_for_a_new_one()?));
        }
        let mut input = io::stdin().lock();
        Ok((from_line(&mut input)?, from_line(&mut input)?))
    }
}

fn prompt_for_a_new_one() -> Result<Zeroizing<String>, Failure> {
    let password = prompt("New password: ")?;
    if password != prompt("The same again: ")? {
        return Err(Failure::Usage("the two passwords are not the same; nothing was changed".to_owned()));
    }
    Ok(password)
}

fn prompt(question: &str) -> Result<Zeroizing<String>, Failure> {
    let password = rpassword::prompt_password(question).map_err(|error| {
        Failure::Usage(format!("there is no terminal to ask for the password ({error}): give it with --password-stdin"))
    })?;
    not_empty(Zeroizing::new(password))
}

fn from_line(mut input: impl BufRead) -> Result<Zeroizing<String>, Failure> {
    // One byte more than any password has, so that a longer one is refused by the service and not cut.
    let most = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(3);
    let mut line = Zeroizing::new(String::with_capacity(PASSWORD_BYTES_MAX + 3));
    (&mut input)
        .take(most)
        .read_line(&mut line)
        .map_err(|error| Failure::Usage(format!("standard input gives no password: {error}")))?;
    let password = line.strip_suffix('\n').map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    not_empty(Zeroizing::new(password.to_owned()))
}

fn not_empty(password: Zeroizing<String>) -> Result<Zeroizing<String>, Failure> {
    if password.is_empty() {
        return Err(Failure::Usage("the password is empty".to_owned()));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> Result<String, &'static str> {
        from_line(&mut bytes).map(|password| password.to_string()).map_err(|failure| failure.code())
    }

    #[test]
    fn a_password_is_one_line_without_its_end() {
        assert_eq!(read(b"correct horse \n"), Ok("correct horse ".to_owned()));
        assert_eq!(read(b"battery\r\nstaple"), Ok("battery".to_owned()));
        assert_eq!(read(b"no end"), Ok("no end".to_owned()));
        for bad in [&b""[..], b"\n", b"\xff\n"] {
            assert_eq!(read(bad), Err("wrong-usage"));
        }
    }

    #[test]
    fn the_new_password_is_on_the_line_after_the_old_one() {
        let mut input = &b"old\nnew\n"[..];
        let mut next = || from_line(&mut input).map(|password| password.to_string()).ok();
        assert_eq!((next(), next(), next()), (Some("old".to_owned()), Some("new".to_owned()), None));
    }

    #[test]
    fn too_long_a_password_stays_too_long() {
        let long = from_line(&mut &vec![b'x'; 10_000][..]);
        assert!(long.is_ok_and(|password| password.len() > PASSWORD_BYTES_MAX));
    }
}
