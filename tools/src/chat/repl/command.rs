//! What a line that was typed means. Does nothing itself.

use raftchat_schema::id::Position;

use crate::chat::target::position;

/// All commands, as `/help` shows them.
pub(super) const HELP: &str = "\
/with USER       talk to somebody          /users          who there is
/history [N]     read back                 /conversations  which conversations you have
/delete N        delete your message #N    /quit           leave (also Ctrl-D)
anything else is sent; //text sends /text";

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// An empty line.
    Nothing,
    /// Something to say.
    Text(String),
    /// Talk to that one from now on.
    With(String),
    /// List everybody.
    Users,
    /// List one's conversations.
    Conversations,
    /// Show so many of the last messages.
    History(u32),
    /// Delete one's message.
    Delete(Position),
    /// Leave.
    Quit,
    /// Tell the commands.
    Help,
    /// A command that is none, with what to do instead.
    NotACommand(String),
}

/// The meaning of a line.
pub(super) fn parse(line: &str) -> Typed {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.trim().is_empty() {
        return Typed::Nothing;
    }
    let Some(command) = line.strip_prefix('/') else { return Typed::Text(line.to_owned()) };
    if command.starts_with('/') {
        return Typed::Text(command.to_owned());
    }
    let mut words = command.split_whitespace();
    let name = words.next().unwrap_or_default();
    match (name, words.next(), words.next()) {
        ("with", Some(user), None) => Typed::With(user.to_owned()),
        ("users", None, None) => Typed::Users,
        ("conversations", None, None) => Typed::Conversations,
        ("history", None, None) => Typed::History(20),
        ("history", Some(count), None) => match count.parse() {
            Ok(count) if count > 0 => Typed::History(count),
            _ => Typed::NotACommand("how many? /history 20".to_owned()),
        },
        ("delete", Some(place), None) => match position(place.trim_start_matches('#')) {
            Ok(position) => Typed::Delete(position),
            Err(_) => Typed::NotACommand("which one? /delete 42".to_owned()),
        },
        ("quit", None, None) => Typed::Quit,
        ("help", ..) => Typed::Help,
        _ => Typed::NotACommand(format!("/{name} does not go like that; /help tells how")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_one_meaning() {
        let cases = [
            ("", Typed::Nothing),
            ("  ", Typed::Nothing),
            ("hello, Bob", Typed::Text("hello, Bob".to_owned())),
            ("  set in", Typed::Text("  set in".to_owned())),
            ("//shrug", Typed::Text("/shrug".to_owned())),
            ("/with bob", Typed::With("bob".to_owned())),
            ("/users", Typed::Users),
            ("/conversations", Typed::Conversations),
            ("/history", Typed::History(20)),
            ("/history 3", Typed::History(3)),
            ("/delete 42", Typed::Delete(Position(42))),
            ("/delete #42", Typed::Delete(Position(42))),
            ("/quit\n", Typed::Quit),
            ("/help me", Typed::Help),
        ];
        for (line, meaning) in cases {
            assert_eq!(parse(line), meaning, "{line:?}");
        }
        for bad in ["/", "/with", "/with bob carol", "/history 0", "/history many", "/delete", "/delete 0", "/quti"] {
            assert!(matches!(parse(bad), Typed::NotACommand(_)), "{bad}");
        }
    }
}
