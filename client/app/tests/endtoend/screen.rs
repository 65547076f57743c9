//! The program under test on a screen without a display, which obeys what comes line by line on standard input. Knows
//! nothing of what the story wants.

use std::io::{BufRead, Write};
use std::process::ExitCode;

use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery, TestingBackend, TestingBackendOptions};
use raftchat_app::run;
use raftchat_app::ui::AppWindow;
use serde_json::Value;
use slint::{ComponentHandle, LogicalSize, PlatformError};

/// `raftchat`, but for what it draws on.
pub(crate) fn main() -> ExitCode {
    run::main_on(choose, obey)
}

fn choose() -> Result<(), PlatformError> {
    let options = TestingBackendOptions { mock_time: false, threading: true, renderer_name: Some("software".into()) };
    slint::platform::set_platform(Box::new(TestingBackend::new(options))).map_err(PlatformError::SetPlatformError)
}

/// Takes orders until there are no more; then the window closes.
fn obey(window: &AppWindow) {
    window.window().set_size(LogicalSize::new(900.0, 640.0));
    let window = window.as_weak();
    std::thread::spawn(move || {
        for order in std::io::stdin().lock().lines() {
            let order: Vec<String> = serde_json::from_str(&order.unwrap()).unwrap();
            window.upgrade_in_event_loop(move |window| say(&answer(&window, &order))).unwrap();
        }
        slint::quit_event_loop().unwrap();
    });
}

fn say(answer: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}").unwrap();
    out.flush().unwrap();
}

fn answer(window: &AppWindow, order: &[String]) -> Value {
    // What is in sight is laid out when it is drawn.
    drop(window.window().take_snapshot().unwrap());
    let order: Vec<&str> = order.iter().map(String::as_str).collect();
    match order.as_slice() {
        ["look"] => all(window).iter().filter_map(ElementHandle::accessible_label).map(String::from).collect(),
        ["press", label] => Value::from(with(window, label, ElementHandle::invoke_accessible_default_action)),
        ["write", label, text] => Value::from(with(window, label, |element| element.set_accessible_value(*text))),
        other => panic!("nobody understands {other:?}"),
    }
}

fn with(window: &AppWindow, label: &str, act: impl FnOnce(&ElementHandle)) -> bool {
    let all = all(window);
    let found = all.iter().find(|element| element.accessible_label().is_some_and(|known| known == label));
    found.inspect(|element| act(element)).is_some()
}

/// All that is read out.
fn all(window: &AppWindow) -> Vec<ElementHandle> {
    let said = |element: &ElementHandle| {
        element.accessible_role().is_some_and(|role| role != AccessibleRole::None)
            && element.accessible_label().is_some_and(|label| !label.is_empty())
    };
    ElementQuery::from_root(window).match_predicate(said).find_all()
}
