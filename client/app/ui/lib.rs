//! What the compiler of the window's description made. Knows nothing of where the data comes from.

slint::include_modules!();
