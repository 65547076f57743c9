//! A client that only writes down what it is asked for. Knows nothing of windows.

use std::cell::RefCell;

use raftchat_app::backend::{Backend, Request};
use raftchat_app::platform::Platform;
use raftchat_model::Intent;

#[derive(Default)]
pub(crate) struct Script {
    pub(crate) intents: RefCell<Vec<Intent>>,
    pub(crate) requests: RefCell<Vec<Request>>,
}

impl Backend for Script {
    fn act(&self, intent: Intent) {
        self.intents.borrow_mut().push(intent);
    }

    fn ask(&self, request: Request) {
        self.requests.borrow_mut().push(request);
    }
}

#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) copied: RefCell<Vec<String>>,
    pub(crate) opened: RefCell<Vec<String>>,
    pub(crate) notified: RefCell<Vec<(String, String, String)>>,
}

impl Platform for Desk {
    fn notify(&self, group: &str, title: &str, text: &str) {
        self.notified.borrow_mut().push((group.to_owned(), title.to_owned(), text.to_owned()));
    }

    fn clear_notification(&self, group: &str) {
        self.notified.borrow_mut().retain(|(known, ..)| known != group);
    }

    fn copy(&self, text: &str) {
        self.copied.borrow_mut().push(text.to_owned());
    }

    fn open_link(&self, target: &str) {
        self.opened.borrow_mut().push(target.to_owned());
    }
}
