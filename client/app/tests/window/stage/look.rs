//! The ways in which a screen is looked at: light and dark, wide and narrow, and in German. Knows nothing of the screens.

use crate::stage::{Stage, golden};

const WIDE: (f32, f32) = (820.0, 560.0);
const NARROW: (f32, f32) = (390.0, 720.0);

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    name: &'static str,
    size: (f32, f32),
    is_dark: bool,
    is_german: bool,
}

/// In these together every screen is light, dark, wide, narrow and German.
const LOOKS: [Look; 3] = [
    Look { name: "wide", size: WIDE, is_dark: false, is_german: false },
    Look { name: "narrow-dark", size: NARROW, is_dark: true, is_german: false },
    Look { name: "narrow-german", size: NARROW, is_dark: false, is_german: true },
];

impl Look {
    /// A window that looks like this.
    pub(crate) fn stage(self) -> Stage {
        let stage = Stage::new(self.size.0, self.size.1);
        if self.is_dark {
            stage.dark();
        }
        if self.is_german {
            stage.speak_german();
        }
        stage
    }

    /// A stage of this look on which alice is signed in, with her list.
    pub(crate) fn signed_in(self) -> Stage {
        let stage = self.stage();
        stage.sign_in();
        stage
    }

    /// How far from the left the middle is.
    pub(crate) fn middle(self) -> f32 {
        self.size.0 / 2.0
    }

    /// What a control is called.
    pub(crate) fn word(self, english: &'static str, german: &'static str) -> &'static str {
        if self.is_german { german } else { english }
    }
}

/// Compares a screen with its pictures.
pub(crate) fn looks(name: &str, screen: fn(Look) -> Stage) {
    // A thread has one window in its life.
    let one = |look: Look| {
        let name = format!("{name}--{}", look.name);
        std::thread::spawn(move || golden(&name, &screen(look).picture())).join()
    };
    // All are drawn before the first that differs is told.
    let outcomes = LOOKS.map(one);
    assert!(outcomes.iter().all(Result::is_ok), "{name} looks different");
}
