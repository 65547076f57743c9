//! SPDX expressions: whether one can be met with the licences that are allowed. Knows no crate.

/// Whether the expression can be met. A slash is read as `OR`, as old manifests mean it.
pub(crate) fn is_met(expression: &str, is_allowed: &impl Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let met = either(&mut words, is_allowed);
    met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>, is_allowed: &impl Fn(&str) -> bool) -> bool {
    let mut met = both(words, is_allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= both(words, is_allowed);
    }
    met
}

fn both(words: &mut Words<'_>, is_allowed: &impl Fn(&str) -> bool) -> bool {
    let mut met = one(words, is_allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, is_allowed);
    }
    met
}

fn one(words: &mut Words<'_>, is_allowed: &impl Fn(&str) -> bool) -> bool {
    let Some(word) = words.next() else { return false };
    if word == "(" {
        let met = either(words, is_allowed);
        return words.next_if_eq(&")").is_some() && met;
    }
    if words.next_if_eq(&"WITH").is_some() {
        let exception = words.next().unwrap_or_default();
        return is_allowed(&format!("{word} WITH {exception}"));
    }
    is_allowed(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_as_spdx_means_them() {
        let allowed = |licence: &str| matches!(licence, "MIT" | "Unicode-3.0" | "Apache-2.0 WITH LLVM-exception");
        for met in
            ["MIT", "MIT/Apache-2.0", "(MIT OR GPL-3.0) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception OR GPL-3.0"]
        {
            assert!(is_met(met, &allowed), "{met}");
        }
        for unmet in ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT", "MIT GPL-3.0"] {
            assert!(!is_met(unmet, &allowed), "{unmet}");
        }
    }
}
