//! The client's thread: orders of the window in, what the messenger has for it out.

use std::time::Duration;

use raftchat_client::{Client, ClientOptions, Messenger, MessengerOptions, Profile, Updates};
use raftchat_model::Shown;
use raftchat_schema::error::Refusal;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::{LiveError, Order, asked};
use crate::backend::{Asked, Mailbox, Request, Update};

/// The interval at which the cluster is asked for its state, while somebody looks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The belongings of the thread.
pub(super) struct Desk {
    profile: Profile,
    options: ClientOptions,
    mailbox: Mailbox,
    client: Client,
    open: Option<(Messenger, Updates)>,
    watching: bool,
}

impl Desk {
    pub(super) fn open(profile: Profile, options: ClientOptions, mailbox: Mailbox) -> Result<Self, LiveError> {
        let (client, open) = if profile.session().is_some() {
            let (messenger, updates) = open_messenger(&profile, &options)?;
            mailbox.post(Update::SignedIn);
            (messenger.client().clone(), Some((messenger, updates)))
        } else {
            mailbox.post(Update::SignedOut { reason: String::new() });
            (Client::start(profile.clone(), options.clone())?, None)
        };
        Ok(Self { profile, options, mailbox, client, open, watching: false })
    }

    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut watch = tokio::time::interval(WATCH_EVERY);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Close(done)) => {
                        self.close().await;
                        // Who asked may have gone.
                        let _ = done.send(());
                        return;
                    }
                    Some(Order::Act(intent)) => {
                        if let Some((messenger, _)) = &self.open {
                            messenger.act(intent);
                        }
                    }
                    Some(Order::Ask(request)) => self.ask(request).await,
                    None => return self.close().await,
                },
                turn = next(&mut self.open) => self.publish(turn).await,
                _ = watch.tick(), if self.watching => {
                    tokio::spawn(asked::cluster(self.client.clone(), self.mailbox.clone()));
                }
            }
        }
    }

    /// What takes long is done beside: the window goes on meanwhile.
    async fn ask(&mut self, request: Request) {
        match request {
            Request::LogIn { username, password } => {
                let outcome = asked::log_in(&self.client, &username, password).await;
                self.signed_in(outcome);
            }
            Request::Register { username, display_name, password } => {
                let outcome = asked::register(&self.client, &username, display_name, password).await;
                self.signed_in(outcome);
            }
            Request::LogOut => match self.client.logout().await {
                Ok(()) => self.signed_out(String::new()).await,
                Err(error) => self.refused(Asked::Other, error.to_string()),
            },
            Request::DeleteAccount { password, messages } => {
                match self.client.delete_account(password.into(), messages).await {
                    Ok(()) => self.signed_out(String::new()).await,
                    Err(error) => self.refused(Asked::DeleteAccount, error.to_string()),
                }
            }
            Request::Search { query, limit } => {
                if let Some((messenger, _)) = &self.open {
                    asked::search(messenger, &query, limit, &self.mailbox).await;
                }
            }
            Request::WatchCluster => self.watching = true,
            Request::UnwatchCluster => self.watching = false,
            other => drop(tokio::spawn(asked::other(self.client.clone(), other, self.mailbox.clone()))),
        }
    }

    fn signed_in(&mut self, outcome: Result<(), String>) {
        let opened =
            outcome.and_then(|()| open_messenger(&self.profile, &self.options).map_err(|error| error.to_string()));
        match opened {
            Ok((messenger, updates)) => {
                self.client = messenger.client().clone();
                self.open = Some((messenger, updates));
                self.mailbox.post(Update::SignedIn);
            }
            Err(sentence) => self.refused(Asked::SignIn, sentence),
        }
    }

    async fn publish(&mut self, turn: Option<Vec<raftchat_client::Update>>) {
        let Some(turn) = turn else {
            self.open = None;
            return;
        };
        let mut over = None;
        let updates: Vec<_> = turn.into_iter().filter_map(|update| told(update, &mut over)).collect();
        self.mailbox.post_together(updates);
        if let Some(refusal) = over {
            self.signed_out(refusal.code.sentence().to_owned()).await;
        }
    }

    async fn signed_out(&mut self, reason: String) {
        self.close().await;
        match Client::start(self.profile.clone(), self.options.clone()) {
            Ok(client) => {
                self.client = client;
                self.mailbox.post(Update::SignedOut { reason });
            }
            Err(error) => self.mailbox.post(Update::Stopped(error.to_string())),
        }
    }

    async fn close(&mut self) {
        if let Some((messenger, _)) = self.open.take()
            && let Err(error) = messenger.close().await
        {
            tracing::error!(%error, "the local store was not closed");
        }
    }

    fn refused(&self, request: Asked, sentence: String) {
        self.mailbox.post(Update::Refused { request, sentence });
    }
}

/// As the window is told; the end of the session is left in `over`.
fn told(update: raftchat_client::Update, over: &mut Option<Refusal>) -> Option<Update> {
    Some(match update {
        raftchat_client::Update::Show(Shown::SessionEnded(refusal)) => {
            *over = Some(refusal);
            return None;
        }
        raftchat_client::Update::Show(shown) => Update::Shown(shown),
        raftchat_client::Update::Notify(notification) => Update::Notify(notification),
        raftchat_client::Update::ClearNotification(chat) => Update::ClearNotification(chat),
        raftchat_client::Update::OutboxDamaged(count) => Update::Lost(count),
        raftchat_client::Update::Stopped(sentence) => Update::Stopped(sentence),
    })
}

fn open_messenger(
    profile: &Profile,
    options: &ClientOptions,
) -> Result<(Messenger, Updates), raftchat_client::OpenError> {
    Messenger::open(profile, MessengerOptions { client: options.clone(), stores: None, ..MessengerOptions::default() })
}

/// The next turn of the messenger; never, while there is none.
async fn next(open: &mut Option<(Messenger, Updates)>) -> Option<Vec<raftchat_client::Update>> {
    match open {
        Some((_, updates)) => updates.next().await,
        None => std::future::pending().await,
    }
}
