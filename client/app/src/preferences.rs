//! How the person wants the window of this device: `window.toml` in the profile's directory. Knows no window.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::{fs, io};

use documented::{Documented, DocumentedFields};
use raftchat_config::ConfigError;
use serde::{Deserialize, Serialize};

const FILE: &str = "window.toml";

/// How the window of this device looks and what it tells. Written by the window's settings; read when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Documented, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct Preferences {
    /// Colours: `system`, `light` or `dark`.
    pub appearance: Appearance,
    /// The colour of own messages: `blue`, `purple`, `pink`, `orange`, `green` or `graphite`.
    pub accent: Accent,
    /// `small`, `normal`, `large` or `very-large`.
    pub text_size: TextSize,
    /// `english` or `german`.
    pub language: Language,
    /// Whether nothing moves by itself.
    pub reduced_motion: bool,
    /// Which key sends what is written: `enter` or `ctrl-enter`.
    pub send_with: SendKey,
    /// Whether a keyboard comes up on the screen, for panels without one.
    pub screen_keyboard: bool,
    /// What a notification says: `everything`, `no-text` (only that there is something new), or `off`: there is none.
    pub notifications: Notifications,
}

/// The colours of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Appearance {
    /// Those the desktop prefers.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// The colour of own messages and of what can be pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "colours")]
pub enum Accent {
    #[default]
    Blue,
    Purple,
    Pink,
    Orange,
    Green,
    Graphite,
}

impl Accent {
    /// All, in the order in which the window offers them.
    pub const ALL: [Self; 6] = [Self::Blue, Self::Purple, Self::Pink, Self::Orange, Self::Green, Self::Graphite];
}

/// Sizes of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "sizes")]
pub enum TextSize {
    Small,
    #[default]
    Normal,
    Large,
    VeryLarge,
}

impl TextSize {
    /// All, in the order in which the window offers them.
    pub const ALL: [Self; 4] = [Self::Small, Self::Normal, Self::Large, Self::VeryLarge];
}

/// The language of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "languages")]
pub enum Language {
    #[default]
    English,
    German,
}

/// Keys that send what is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendKey {
    /// Enter; Shift+Enter begins a line.
    #[default]
    Enter,
    /// Ctrl+Enter; Enter begins a line.
    CtrlEnter,
}

/// Contents of a notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notifications {
    /// Who wrote what.
    #[default]
    Everything,
    /// That there is something new.
    NoText,
    /// Nothing: there is none.
    Off,
}

/// The preferences as they were read when the window started.
#[derive(Debug)]
pub struct Loaded {
    /// The preferences that hold.
    pub preferences: Preferences,
    /// The reason why they are not what the file says; none if they are.
    pub complaint: Option<String>,
}

/// Reads the preferences in the profile directory `dir`. A file that cannot be used is set aside, and those of a new
/// profile hold.
pub fn load(dir: &Path) -> Loaded {
    let path = dir.join(FILE);
    let error = match raftchat_config::read(&path, "") {
        Ok(preferences) => return Loaded { preferences, complaint: None },
        Err(ConfigError::Missing { .. }) => return Loaded { preferences: Preferences::default(), complaint: None },
        Err(error) => error,
    };
    let aside = path.with_extension("toml.damaged");
    let then = match fs::rename(&path, &aside) {
        Ok(()) => format!("it was set aside as {}", aside.display()),
        Err(error) => format!("it could not be set aside ({error})"),
    };
    let complaint = format!("{error}; {then}, and the settings of the window are as at first");
    Loaded { preferences: Preferences::default(), complaint: Some(complaint) }
}

/// Writes preferences on a thread of its own: the window does not wait for the disk.
pub struct Keeper {
    wanted: mpsc::Sender<Preferences>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// One for the profile directory `dir`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(dir: PathBuf) -> io::Result<Self> {
        let (wanted, next) = mpsc::channel::<Preferences>();
        let write_all = move || {
            while let Ok(preferences) = next.recv() {
                // Only the last counts.
                let preferences = next.try_iter().last().unwrap_or(preferences);
                if let Err(error) = save(&dir, &preferences) {
                    tracing::warn!(%error, "the window's settings are not kept");
                }
            }
        };
        let thread = std::thread::Builder::new().name("preferences".to_owned()).spawn(write_all)?;
        Ok(Self { wanted, thread })
    }

    /// The channel for preferences that are to be kept.
    pub fn sender(&self) -> mpsc::Sender<Preferences> {
        self.wanted.clone()
    }

    /// Waits until all is on the disk. Every other sender must be gone.
    pub fn close(self) {
        drop(self.wanted);
        if self.thread.join().is_err() {
            tracing::warn!("the window's settings may not be kept");
        }
    }
}

fn save(dir: &Path, preferences: &Preferences) -> io::Result<()> {
    let text = raftchat_config::write(preferences).map_err(io::Error::other)?;
    raftchat_files::replace(&dir.join(FILE), text.as_bytes(), 0o600)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path()).preferences, Preferences::default());
        let keeper = Keeper::start(dir.path().to_owned()).unwrap();
        let wanted = Preferences {
            appearance: Appearance::Dark,
            accent: Accent::Green,
            text_size: TextSize::VeryLarge,
            language: Language::German,
            reduced_motion: true,
            send_with: SendKey::CtrlEnter,
            screen_keyboard: true,
            notifications: Notifications::NoText,
        };
        keeper.sender().send(Preferences::default()).unwrap();
        keeper.sender().send(wanted.clone()).unwrap();
        keeper.close();
        let loaded = load(dir.path());
        assert_eq!((loaded.preferences, loaded.complaint), (wanted, None));
        assert!(fs::read_to_string(dir.path().join(FILE)).unwrap().contains("# Colours: `system`, `light` or `dark`."));
    }

    #[test]
    fn a_damaged_file_is_named_and_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let damaged = "appearance = \"dark\"\nacent = \"green\"\n";
        fs::write(dir.path().join(FILE), damaged).unwrap();
        let loaded = load(dir.path());
        assert_eq!(loaded.preferences, Preferences::default());
        let complaint = loaded.complaint.unwrap();
        assert!(complaint.contains("window.toml:2: there is no key `acent`; did you mean `accent`?"), "{complaint}");
        assert_eq!(fs::read_to_string(dir.path().join("window.toml.damaged")).unwrap(), damaged);
        assert_eq!(load(dir.path()).complaint, None);
    }
}
