//! The round picture beside a name: initials on a colour that stays the same. Knows nothing of who it is.

use raftchat_model::ChatId;
use raftchat_schema::id::UserId;
use slint::Color;
use unicode_segmentation::UnicodeSegmentation;

use crate::ui::Face;

/// Dark enough for white letters (4.5 to 1).
const TINTS: [u32; 10] = [
    0x00_2f_6f_d6,
    0x00_8a_4b_c9,
    0x00_c2_38_6f,
    0x00_b5_52_1b,
    0x00_2a_7f_45,
    0x00_0f_7a_8a,
    0x00_5b_5f_c7,
    0x00_a1_3f_9b,
    0x00_7a_65_1e,
    0x00_56_68_7d,
];

/// The face of a person.
pub(crate) fn person(user: UserId, name: &str, online: bool) -> Face {
    Face { initials: initials(name).into(), tint: tint(user.0), group: false, online }
}

/// The face of a conversation.
pub(crate) fn chat(chat: ChatId, other: Option<UserId>, title: &str, online: bool) -> Face {
    match (other, chat) {
        (Some(user), _) | (None, ChatId::Direct(user)) => person(user, title, online),
        (None, ChatId::Known(id)) => {
            Face { initials: "".into(), tint: tint(id.0.wrapping_add(3)), group: true, online: false }
        }
    }
}

fn tint(number: u64) -> Color {
    // Neighbouring ids should not get neighbouring colours.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let index = usize::try_from(mixed % 10).unwrap_or(0);
    Color::from_argb_encoded(0xff00_0000 | TINTS.get(index).copied().unwrap_or_default())
}

fn initials(name: &str) -> String {
    let name = super::markup::line(name, 64);
    let mut words =
        name.split(' ').filter_map(|word| word.graphemes(true).find(|g| g.chars().any(char::is_alphanumeric)));
    let first = words.next();
    [first, words.next_back()].into_iter().flatten().map(str::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, expected) in [
            ("Alice", "A"),
            ("bob builder", "BB"),
            ("Ana María de la Cruz", "AC"),
            ("", ""),
            ("(x) y", "XY"),
            ("李 雷", "李雷"),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }
}
