//! What a password is before it is hashed: the same for all devices, however they write it. Knows no hash.

use raftchat_schema::error::ErrorCode;
use raftchat_schema::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// The passwords that are guessed first, of those that are long enough: what a stranger's few guesses a day would find. In lower
/// case; trailing digits and signs are looked away from.
const COMMON: &[&str] = &[
    "aaaaaaaa",
    "abc123abc",
    "abcd1234",
    "abcdefgh",
    "abcdefghi",
    "adminadmin",
    "administrator",
    "alexander",
    "americana",
    "asdasdasd",
    "asdf1234",
    "asdfasdf",
    "asdfghjk",
    "asdfghjkl",
    "asdfjkl;",
    "baseball",
    "basketball",
    "batman123",
    "beautiful",
    "benjamin",
    "blink182",
    "bismillah",
    "butterfly",
    "caroline",
    "catherine",
    "changeme",
    "changeit",
    "charlie1",
    "chocolate",
    "christian",
    "christopher",
    "cocacola",
    "computer",
    "corvette",
    "cristina",
    "danielle",
    "default1",
    "dolphins",
    "dragon123",
    "einstein",
    "elephant",
    "elizabeth",
    "estrella",
    "facebook",
    "february",
    "fernando",
    "firebird",
    "firefighter",
    "florence",
    "football",
    "forever1",
    "freedom1",
    "fuckyou1",
    "garfield",
    "gfhjkm123",
    "godzilla",
    "grandma1",
    "hallo123",
    "hallohallo",
    "hello123",
    "hellohello",
    "hermione",
    "homer123",
    "iloveyou",
    "iloveyou1",
    "internet",
    "isabella",
    "jasmine1",
    "jennifer",
    "jessica1",
    "jonathan",
    "kimberly",
    "letmein1",
    "letmein!",
    "letmeinnow",
    "liverpool",
    "login123",
    "london123",
    "lovelove",
    "loveme123",
    "manchester",
    "margarita",
    "marlboro",
    "maverick",
    "mercedes",
    "metallica",
    "michael1",
    "michelle",
    "midnight",
    "minecraft",
    "monkey123",
    "mustang1",
    "mypassword",
    "nicholas",
    "november",
    "p@ssw0rd",
    "p@ssword",
    "pa$$word",
    "pa55word",
    "passpass",
    "passport",
    "passw0rd",
    "password",
    "passwort",
    "patricia",
    "pokemon1",
    "princess",
    "purple12",
    "q1w2e3r4",
    "q1w2e3r4t5",
    "qazwsxedc",
    "qazwsx123",
    "qwe123qwe",
    "qweasdzxc",
    "qweqweqwe",
    "qwer1234",
    "qwerqwer",
    "qwertyui",
    "qwertyuiop",
    "qwertzui",
    "qwertzuiop",
    "raftchat",
    "rockyou1",
    "samantha",
    "samsung1",
    "scorpion",
    "sebastian",
    "secret12",
    "secretsecret",
    "september",
    "shadow123",
    "slipknot",
    "snowball",
    "softball",
    "spiderman",
    "starwars",
    "steelers",
    "stephanie",
    "summer12",
    "sunflower",
    "sunshine",
    "superman",
    "swordfish",
    "test1234",
    "testtest",
    "thunder1",
    "tinkerbell",
    "tottenham",
    "trustno1",
    "twilight",
    "victoria",
    "welcome1",
    "welcome!",
    "whatever",
    "william1",
    "windows1",
    "winter12",
    "xxxxxxxx",
    "yankees1",
    "zaq12wsx",
    "zaq1zaq1",
    "zxcvbnm1",
    "zxcvbnm,",
    "zxczxczxc",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "1qazxsw2",
    "3rjs1la7qe",
    "a1b2c3d4",
    "aa123456",
    "abc12345",
    "geheimgeheim",
    "geheimnis",
    "sommer12",
    "schatz12",
    "hallowelt",
    "helloworld",
    "ihateyou",
    "ilovegod",
    "bonjour1",
    "azertyui",
    "azertyuiop",
    "motdepasse",
    "contrasena",
    "qwerty12",
    "qwerty123",
    "superstar",
    "babygirl",
    "lovebird",
    "monkeymonkey",
    "dragondragon",
    "masterkey",
    "masterpassword",
    "administrador",
    "rootroot",
    "toor1234",
];

/// The form in which a password is compared: as `OpaqueString` of RFC 8265, so that it does not matter how a keyboard composes
/// its letters, nor which of the spaces it gives.
pub(crate) fn prepared(password: &str) -> Zeroizing<String> {
    let space = |c: char| if is_space(c) { ' ' } else { c };
    let mut prepared = Zeroizing::new(String::with_capacity(PASSWORD_BYTES_MAX.min(password.len().saturating_mul(3))));
    prepared.extend(password.chars().map(space).nfc());
    prepared
}

/// The spaces of Unicode beside that of ASCII.
fn is_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Refuses what is no password for an account, in the form in which it is compared.
pub(crate) fn must_be_good(prepared: &str) -> Result<(), ErrorCode> {
    if prepared.is_empty() {
        return Err(ErrorCode::EmptyPassword);
    }
    if prepared.chars().count() < PASSWORD_CHARS_MIN || is_common(prepared) {
        return Err(ErrorCode::WeakPassword);
    }
    Ok(())
}

fn is_common(password: &str) -> bool {
    let lower = Zeroizing::new(password.to_lowercase());
    let word = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    let of_digits = word.is_empty() && lower.chars().count() <= DIGITS_COMMON_MAX;
    of_digits || COMMON.contains(&lower.as_str()) || COMMON.contains(&word)
}

/// So many digits are a date or a row of keys.
const DIGITS_COMMON_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_same_however_it_is_composed() {
        let composed = prepared("p\u{e4}ssw\u{f6}rt1");
        assert_eq!(composed, prepared("pa\u{308}sswo\u{308}rt1"));
        assert_eq!(prepared("correct\u{a0}horse"), prepared("correct horse"));
        assert_ne!(prepared("Correct horse"), prepared("correct horse"), "case is kept");
        assert_ne!(prepared("\u{ff21}bcdefgh"), prepared("Abcdefgh"), "and so is width");
    }

    #[test]
    fn what_is_short_or_guessed_first_is_refused() {
        assert_eq!(must_be_good(""), Err(ErrorCode::EmptyPassword));
        for weak in
            ["x", "secret7", "password", "Password123", "letmein1", "12345678", "1234567890", "qwertyuiop", "11111111!"]
        {
            assert_eq!(must_be_good(weak), Err(ErrorCode::WeakPassword), "{weak}");
        }
        for good in [
            "correct horse battery",
            "another one",
            "a good password",
            "pässwört7",
            "90210-8814-3377",
            "密码是很长的一句话",
        ] {
            assert_eq!(must_be_good(good), Ok(()), "{good}");
        }
    }
}
