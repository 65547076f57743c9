//! Compiles the window's description.

use slint_build::{CompilerConfiguration, DefaultTranslationContext};

fn main() -> Result<(), slint_build::CompileError> {
    let config = CompilerConfiguration::new()
        .with_style("fluent".to_owned())
        .with_bundled_translations("lang")
        .with_default_translation_context(DefaultTranslationContext::None)
        // Tests find elements by what is read out of them.
        .with_debug_info(std::env::var("PROFILE").is_ok_and(|profile| profile == "debug"));
    slint_build::compile_with_config("app.slint", config)
}
