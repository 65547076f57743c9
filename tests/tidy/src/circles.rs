//! No circle of more than three files: whoever reads one of them would have to read all. Knows nothing of what arrows mean.

use std::collections::BTreeMap;

use crate::arrows::{self, Arrows};
use crate::sources::Source;

/// The most files that may need each other.
const CIRCLE_MAX: usize = 3;

/// The circles that are larger.
pub(crate) fn large(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for (root, arrows) in arrows::of_crates(sources) {
        let large = circles(&arrows).into_iter().filter(|circle| circle.len() > CIRCLE_MAX);
        found.extend(large.map(|circle| {
            let count = circle.len();
            let names: Vec<String> = circle.into_iter().map(|module| module.join("/")).collect();
            format!("{root}: {count} files need each other ({}): move what they share below them", names.join(", "))
        }));
    }
    found
}

/// Tarjan's walk over the modules.
struct Walk<'a> {
    arrows: &'a Arrows,
    /// The order in which a module was first met, and the earliest that it leads back to.
    met: BTreeMap<&'a [String], (usize, usize)>,
    path: Vec<&'a [String]>,
    circles: Vec<Vec<Vec<String>>>,
}

/// The modules by who needs whom: each with all that it needs and that needs it.
fn circles(arrows: &Arrows) -> Vec<Vec<Vec<String>>> {
    let mut walk = Walk { arrows, met: BTreeMap::new(), path: Vec::new(), circles: Vec::new() };
    for module in arrows.keys() {
        if !walk.met.contains_key(module.as_slice()) {
            walk.visit(module);
        }
    }
    walk.circles
}

impl<'a> Walk<'a> {
    /// The earliest module that this one leads back to.
    fn visit(&mut self, module: &'a [String]) -> usize {
        let order = self.met.len();
        let mut earliest = order;
        self.met.insert(module, (order, earliest));
        self.path.push(module);
        for next in self.arrows.get(module).into_iter().flatten() {
            let known = self.met.get(next.as_slice()).map(|(order, _)| *order);
            match known {
                None => earliest = earliest.min(self.visit(next)),
                Some(order) if self.path.contains(&next.as_slice()) => earliest = earliest.min(order),
                Some(_) => {}
            }
        }
        self.met.insert(module, (order, earliest));
        if earliest == order {
            let from = self.path.iter().position(|other| *other == module).unwrap_or_default();
            self.circles.push(self.path.split_off(from).into_iter().map(<[String]>::to_vec).collect());
        }
        earliest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_that_need_each_other_are_too_many_and_three_are_not() {
        let ring = |names: &[&str]| -> Vec<Source> {
            let next = names.iter().cycle().skip(1);
            let file = |(name, next): (&&str, &&str)| {
                Source::new(&format!("a/src/{name}.rs"), &format!("use crate::{next}::X;\n"))
            };
            names.iter().zip(next).map(file).collect()
        };
        assert!(large(&ring(&["b", "c", "d"])).is_empty());
        let found = large(&ring(&["b", "c", "d", "e"]));
        assert!(found.first().is_some_and(|line| line.contains("4 files")), "{found:?}");
    }
}
