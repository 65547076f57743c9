//! What a line that was typed means. Does nothing itself.

use raftchat_schema::id::{ConversationId, Position};

use crate::chat::target::position;

/// All commands, as `/help` shows them.
pub(super) const HELP: &str = "\
/with USER       talk to somebody          /users          who there is
/open ID         talk in a group           /conversations  which conversations you have
/history [N]     read back                 /who            who is in this one
/reply N TEXT    answer message #N         /search WORDS   find messages on this device
/edit N TEXT     say your message anew     /delete N       delete your message #N
/react N EMOJI   react to message #N       /unreact N EMOJI  take that back
/retry           send again what was refused, /discard gives it up
/quit            leave (also Ctrl-D)
anything else is sent, or waits on this device until it can be; //text sends /text";

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// An empty line.
    Nothing,
    /// Something to say.
    Text(String),
    /// Something to say in answer to a message.
    Reply(Position, String),
    /// What one's message says from now on.
    Edit(Position, String),
    /// Delete one's message.
    Delete(Position),
    /// React to a message.
    React(Position, String),
    /// Take a reaction back.
    Unreact(Position, String),
    /// Talk to that one from now on.
    With(String),
    /// Talk in that conversation from now on.
    Open(ConversationId),
    /// List everybody who has an account.
    Users,
    /// List the members of the conversation.
    Who,
    /// List one's conversations.
    Conversations,
    /// Show so many of the last messages.
    History(usize),
    /// Find messages with these words.
    Search(String),
    /// Send again what was refused.
    Retry,
    /// Give up what was refused.
    Discard,
    /// Leave the program.
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
    let (name, rest) = first_word(command);
    about_a_message(name, rest)
        .or_else(|| about_the_rest(name, rest))
        .unwrap_or_else(|| Typed::NotACommand(format!("/{name} does not go like that; /help tells how")))
}

/// The first word, and what comes after it.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

fn about_a_message(name: &str, rest: &str) -> Option<Typed> {
    let example = match name {
        "delete" => "which one? /delete 42",
        "edit" => "which one, and how? /edit 42 Hello, Bob",
        "reply" => "to which one, and what? /reply 42 I do",
        "react" | "unreact" => "to which one, with what? /react 42 👍",
        _ => return None,
    };
    let (place, text) = first_word(rest);
    let Ok(position) = position(place.trim_start_matches('#')) else {
        return Some(Typed::NotACommand(example.to_owned()));
    };
    let text_of = |make: fn(Position, String) -> Typed| (!text.is_empty()).then(|| make(position, text.to_owned()));
    let meant = match name {
        "delete" if text.is_empty() => Some(Typed::Delete(position)),
        "edit" => text_of(Typed::Edit),
        "reply" => text_of(Typed::Reply),
        "react" => text_of(Typed::React),
        "unreact" => text_of(Typed::Unreact),
        _ => None,
    };
    Some(meant.unwrap_or_else(|| Typed::NotACommand(example.to_owned())))
}

fn about_the_rest(name: &str, rest: &str) -> Option<Typed> {
    let one_word = !rest.is_empty() && !rest.contains(char::is_whitespace);
    match (name, rest) {
        ("with", user) if one_word => Some(Typed::With(user.to_owned())),
        ("open", id) => id.parse().ok().map(Typed::Open),
        ("search", words) if !words.is_empty() => Some(Typed::Search(words.to_owned())),
        ("history", "") => Some(Typed::History(20)),
        ("history", count) => Some(match count.parse() {
            Ok(count) if count > 0 => Typed::History(count),
            _ => Typed::NotACommand("how many? /history 20".to_owned()),
        }),
        ("users", "") => Some(Typed::Users),
        ("who", "") => Some(Typed::Who),
        ("conversations", "") => Some(Typed::Conversations),
        ("retry", "") => Some(Typed::Retry),
        ("discard", "") => Some(Typed::Discard),
        ("quit", "") => Some(Typed::Quit),
        ("help", _) => Some(Typed::Help),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_one_meaning() {
        let (place, text) = (Position(42), |text: &str| text.to_owned());
        let cases = [
            ("", Typed::Nothing),
            ("  ", Typed::Nothing),
            ("hello, Bob", Typed::Text(text("hello, Bob"))),
            ("  set in", Typed::Text(text("  set in"))),
            ("//shrug", Typed::Text(text("/shrug"))),
            ("/with bob", Typed::With(text("bob"))),
            ("/open c7", Typed::Open(ConversationId(7))),
            ("/users", Typed::Users),
            ("/who", Typed::Who),
            ("/conversations", Typed::Conversations),
            ("/history", Typed::History(20)),
            ("/history 3", Typed::History(3)),
            ("/delete 42", Typed::Delete(place)),
            ("/delete #42", Typed::Delete(place)),
            ("/edit 42 Hello,  Bob", Typed::Edit(place, text("Hello,  Bob"))),
            ("/reply #42 I do", Typed::Reply(place, text("I do"))),
            ("/react 42 👍", Typed::React(place, text("👍"))),
            ("/unreact 42 👍", Typed::Unreact(place, text("👍"))),
            ("/search harbour pilot", Typed::Search(text("harbour pilot"))),
            ("/quit\n", Typed::Quit),
            ("/help me", Typed::Help),
        ];
        for (line, meaning) in cases {
            assert_eq!(parse(line), meaning, "{line:?}");
        }
    }

    #[test]
    fn what_does_not_go_like_that_is_told() {
        let bad = [
            "/",
            "/with",
            "/with bob carol",
            "/open bob",
            "/history 0",
            "/history many",
            "/delete",
            "/delete 0",
            "/delete 4 2",
            "/edit 42",
            "/reply me this",
            "/react 42",
            "/search",
            "/quti",
        ];
        for line in bad {
            assert!(matches!(parse(line), Typed::NotACommand(_)), "{line}");
        }
    }
}
