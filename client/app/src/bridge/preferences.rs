//! The person's preferences in the window's terms, and back. Knows nothing of where they are kept.

use slint::ComponentHandle;

use crate::preferences::{Accent, Appearance, Language, Notifications, Preferences, SendKey, TextSize};
use crate::ui::{self, AppWindow, Settings, Shell, Theme};

/// Makes the window so.
pub(super) fn apply(window: &AppWindow, preferences: &Preferences) {
    let theme = window.global::<Theme<'_>>();
    theme.set_appearance(match preferences.appearance {
        Appearance::System => ui::Appearance::System,
        Appearance::Light => ui::Appearance::Light,
        Appearance::Dark => ui::Appearance::Dark,
    });
    theme.set_accent_index(index(&Accent::ALL, preferences.accent));
    theme.set_text_size(factor(preferences.text_size));
    theme.set_reduced_motion(preferences.reduced_motion);
    let settings = window.global::<Settings<'_>>();
    settings.set_language(match preferences.language {
        Language::English => 0,
        Language::German => 1,
    });
    settings.set_enter_sends(preferences.send_with == SendKey::Enter);
    settings.set_notifications(preferences.notifications != Notifications::Off);
    settings.set_previews(preferences.notifications != Notifications::NoText);
    window.global::<Shell<'_>>().set_on_screen_keyboard(preferences.screen_keyboard);
    select_language(window);
}

/// The preferences that the window has now.
pub(super) fn read(window: &AppWindow) -> Preferences {
    let (theme, settings) = (window.global::<Theme<'_>>(), window.global::<Settings<'_>>());
    let chosen = usize::try_from(theme.get_accent_index()).ok().and_then(|chosen| Accent::ALL.get(chosen));
    let size = TextSize::ALL.into_iter().find(|size| (factor(*size) - theme.get_text_size()).abs() < 0.01);
    Preferences {
        appearance: match theme.get_appearance() {
            ui::Appearance::System => Appearance::System,
            ui::Appearance::Light => Appearance::Light,
            ui::Appearance::Dark => Appearance::Dark,
        },
        accent: chosen.copied().unwrap_or_default(),
        text_size: size.unwrap_or_default(),
        language: if settings.get_language() == 1 { Language::German } else { Language::English },
        reduced_motion: theme.get_reduced_motion(),
        send_with: if settings.get_enter_sends() { SendKey::Enter } else { SendKey::CtrlEnter },
        screen_keyboard: window.global::<Shell<'_>>().get_on_screen_keyboard(),
        notifications: match (settings.get_notifications(), settings.get_previews()) {
            (false, _) => Notifications::Off,
            (true, false) => Notifications::NoText,
            (true, true) => Notifications::Everything,
        },
    }
}

/// Speaks the language that the settings name.
pub(super) fn select_language(window: &AppWindow) {
    let code = if window.global::<Settings<'_>>().get_language() == 1 { "de" } else { "" };
    if let Err(error) = slint::select_bundled_translation(code) {
        tracing::warn!(%error, "language not changed");
    }
}

fn factor(size: TextSize) -> f32 {
    match size {
        TextSize::Small => 0.87,
        TextSize::Normal => 1.0,
        TextSize::Large => 1.2,
        TextSize::VeryLarge => 1.45,
    }
}

fn index(all: &[Accent], accent: Accent) -> i32 {
    let at = all.iter().position(|one| *one == accent).unwrap_or(0);
    i32::try_from(at).unwrap_or(0)
}
