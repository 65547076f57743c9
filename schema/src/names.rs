//! Which usernames may be taken: none that speaks for the service, none that a person takes for another's. Knows nothing of
//! which are taken.

use crate::error::ErrorCode;
use crate::id::Username;

/// Names that speak for the service or for everybody, with what people write for them. None of them can be told from the same
/// name with dots, dashes or digits in it.
const RESERVED: &[&str] = &[
    "abuse",
    "admin",
    "administrator",
    "admins",
    "all",
    "announcement",
    "announcements",
    "anonymous",
    "anyone",
    "bot",
    "broadcast",
    "channel",
    "cluster",
    "daemon",
    "deleted",
    "deleteduser",
    "device",
    "everybody",
    "everyone",
    "group",
    "guest",
    "help",
    "helpdesk",
    "here",
    "hostmaster",
    "info",
    "localhost",
    "login",
    "mailerdaemon",
    "me",
    "moderator",
    "moderators",
    "mod",
    "mods",
    "nobody",
    "node",
    "noreply",
    "notifications",
    "official",
    "online",
    "operator",
    "owner",
    "postmaster",
    "raftchat",
    "raftchatctl",
    "raftchatd",
    "register",
    "root",
    "room",
    "security",
    "self",
    "server",
    "service",
    "staff",
    "sudo",
    "superuser",
    "support",
    "sysadmin",
    "sysop",
    "system",
    "team",
    "undefined",
    "unknown",
    "user",
    "users",
    "webmaster",
    "you",
];

/// The reason why nobody may take that name, whoever has it; none if somebody may.
pub fn refusal(name: &Username) -> Option<ErrorCode> {
    let text = name.as_str();
    // What begins with a dash is an option to every program; what begins or ends with a dot is lost in a sentence.
    let shapeless = text.starts_with(['-', '.']) || text.ends_with('.') || text.contains("..");
    let bare: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if shapeless || bare.is_empty() {
        return Some(ErrorCode::MalformedUsername);
    }
    let read_as = |one: &str| bare.replace('0', "o").replace('1', one);
    let reserved =
        RESERVED.iter().any(|reserved| bare == *reserved || read_as("l") == *reserved || read_as("i") == *reserved);
    reserved.then_some(ErrorCode::UsernameTaken)
}

/// What is left of a name where two that look the same are the same: `al1ce`, `alice` and `a.lice` have one.
pub fn skeleton(name: &Username) -> String {
    let fold = |c: char| match c {
        '0' => 'o',
        '1' | 'i' => 'l',
        c => c,
    };
    name.as_str().chars().filter(char::is_ascii_alphanumeric).map(fold).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn refused(name: &str) -> Option<ErrorCode> {
        refusal(&name.parse().unwrap())
    }

    #[test]
    fn nobody_speaks_for_the_service_or_for_everybody() {
        for name in ["admin", "root", "all", "here", "everyone", "a.d-m_i_n", "adm1n", "r00t", "a11", "support"] {
            assert_eq!(refused(name), Some(ErrorCode::UsernameTaken), "{name}");
        }
        for name in ["alice", "bob", "ali", "adam", "allan", "hera", "rooter", "user.7", "o_o", "al1ce", "_x_"] {
            assert_eq!(refused(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_is_no_option_no_path_and_no_end_of_a_sentence() {
        for name in ["..", "--", "-.", "__", "--json", "-a", ".alice", "alice.", "a..b"] {
            assert_eq!(refused(name), Some(ErrorCode::MalformedUsername), "{name}");
        }
    }

    #[test]
    fn names_that_look_the_same_have_one_skeleton() {
        let of = |name: &str| skeleton(&name.parse().unwrap());
        for name in ["al1ce", "a.lice", "alice-", "a_l_i_c_e", "aiice"] {
            assert_eq!(of(name), of("alice"), "{name}");
        }
        assert_ne!(of("alice2"), of("alice"));
        assert_eq!(of("b0b"), of("bob"));
    }
}
