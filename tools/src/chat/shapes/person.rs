//! People and their sessions.

use raftchat_schema::id::{NodeId, SessionId};
use raftchat_schema::view::{SessionEntry, UserView};
use serde::Serialize;

use crate::shell::text::{printable, printable_name};
use crate::shell::time::rfc3339;

/// Who is logged in, where.
#[derive(Debug, Serialize)]
pub(in crate::chat) struct SessionShape {
    username: String,
    display_name: String,
    user: String,
    session: String,
    device: String,
    node: u64,
}

impl SessionShape {
    pub(in crate::chat) fn of(user: &UserView, session: SessionId, device: &str, node: NodeId) -> Self {
        Self {
            username: user.username.to_string(),
            display_name: user.display_name.clone(),
            user: user.id.to_string(),
            session: session.to_string(),
            device: device.to_owned(),
            node: node.0,
        }
    }

    pub(in crate::chat) fn words(&self) -> String {
        let name = if self.display_name.is_empty() { &self.username } else { &self.display_name };
        format!(
            "{} ({}) on device {}, session {} over node {}",
            printable_name(name),
            self.username,
            self.device,
            self.session,
            self.node
        )
    }
}

/// One of one's own sessions.
#[derive(Debug, Serialize)]
pub(in crate::chat) struct DeviceShape {
    session: String,
    device: String,
    created_at: String,
    last_used: String,
    address: Option<String>,
    current: bool,
}

impl DeviceShape {
    pub(in crate::chat) fn of(entry: &SessionEntry) -> Self {
        Self {
            session: entry.id.to_string(),
            device: entry.device_name.clone(),
            created_at: rfc3339(entry.created),
            last_used: rfc3339(entry.last_used),
            address: (!entry.address.is_empty()).then(|| entry.address.clone()),
            current: entry.current,
        }
    }

    pub(in crate::chat) fn words(&self) -> String {
        let here = if self.current { "  (this one)" } else { "" };
        let address = self.address.as_deref().unwrap_or("an unknown address");
        format!(
            "{:<6}  {}  last used {} from {}, opened {}{here}",
            self.session,
            printable_name(&self.device),
            self.last_used,
            printable(address),
            self.created_at
        )
    }
}

/// Somebody with an account.
#[derive(Debug, Serialize)]
pub(in crate::chat) struct UserShape {
    user: String,
    username: String,
    display_name: String,
    deleted: bool,
    online: bool,
    last_seen: Option<String>,
}

impl UserShape {
    /// Who hides their presence is shown as nodes show them, and in any case without it.
    pub(in crate::chat) fn of(user: &UserView) -> Self {
        Self {
            user: user.id.to_string(),
            username: user.username.to_string(),
            display_name: user.display_name.clone(),
            deleted: user.deleted,
            online: user.online && !user.presence_hidden,
            last_seen: user.last_seen.filter(|_| !user.presence_hidden).map(rfc3339),
        }
    }

    pub(in crate::chat) fn words(&self) -> String {
        let state = match (self.deleted, self.online, &self.last_seen) {
            (true, ..) => "account deleted".to_owned(),
            (_, true, _) => "online".to_owned(),
            (_, _, Some(moment)) => format!("last seen {moment}"),
            (_, _, None) => "never seen".to_owned(),
        };
        format!("{:<32}  {}  ({state})", self.username, printable_name(&self.display_name))
    }
}

/// What one shows of oneself.
#[derive(Debug, Serialize)]
pub(in crate::chat) struct ProfileShape {
    user: String,
    username: String,
    display_name: String,
    presence: &'static str,
    receipts: &'static str,
}

impl ProfileShape {
    pub(in crate::chat) fn of(me: &UserView) -> Self {
        let switch = |off| if off { "off" } else { "on" };
        Self {
            user: me.id.to_string(),
            username: me.username.to_string(),
            display_name: me.display_name.clone(),
            presence: switch(me.presence_hidden),
            receipts: switch(me.receipts_off),
        }
    }

    pub(in crate::chat) fn words(&self) -> String {
        format!(
            "{} ({}), presence {}, receipts {}",
            printable_name(&self.display_name),
            self.username,
            self.presence,
            self.receipts
        )
    }
}

/// The name to show, or else the name to log in with.
pub(in crate::chat) fn display_name(user: &UserView) -> String {
    if user.display_name.is_empty() { user.username.to_string() } else { user.display_name.clone() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::id::Stamp;
    use serde_json::{json, to_value};

    use super::super::examples::person;
    use super::*;

    #[test]
    fn people_and_sessions_have_the_shape_of_the_contract() {
        let alice = person(1001, "alice", "Alice");
        let expected = json!({"user": "u1001", "username": "alice", "display_name": "Alice", "deleted": false,
                              "online": true, "last_seen": null});
        assert_eq!(to_value(UserShape::of(&alice)).unwrap(), expected);
        let expected = json!({"username": "alice", "display_name": "Alice", "user": "u1001", "session": "s5",
                              "device": "laptop", "node": 3});
        assert_eq!(to_value(SessionShape::of(&alice, SessionId(5), "laptop", NodeId(3))).unwrap(), expected);
    }

    #[test]
    fn who_hides_is_never_there_and_was_never_seen() {
        let mut alice = person(1001, "alice", "Alice");
        alice.last_seen = Some(Stamp(42));
        alice.presence_hidden = true;
        let shape = UserShape::of(&alice);
        assert_eq!((shape.online, shape.last_seen), (false, None));
        let expected = json!({"user": "u1001", "username": "alice", "display_name": "Alice", "presence": "off",
                              "receipts": "on"});
        assert_eq!(to_value(ProfileShape::of(&alice)).unwrap(), expected);
    }

    #[test]
    fn a_device_of_ones_own_is_told_with_its_use() {
        let mut entry = SessionEntry {
            id: SessionId(5),
            device_name: "laptop".to_owned(),
            created: Stamp(0),
            last_used: Stamp(42),
            address: "192.0.2.1".to_owned(),
            current: true,
        };
        let expected = json!({"session": "s5", "device": "laptop", "created_at": "1970-01-01T00:00:00.000Z",
                              "last_used": "1970-01-01T00:00:00.042Z", "address": "192.0.2.1", "current": true});
        assert_eq!(to_value(DeviceShape::of(&entry)).unwrap(), expected);
        entry.address.clear();
        assert_eq!(DeviceShape::of(&entry).address, None);
        assert!(DeviceShape::of(&entry).words().ends_with("(this one)"));
    }
}
