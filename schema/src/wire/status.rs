//! How a node is, and what it says of its own accord to devices.

use super::{WireError, count, digest, text};
use crate::generated::client_capnp;
use crate::id::{NodeId, Stamp, StateHash};
use crate::level::Level;
use crate::view::{BudgetView, NodeStatus, Notice, Role};

/// Fills in a node's status.
pub fn write_status(mut builder: client_capnp::node_status::Builder<'_>, plain: &NodeStatus) {
    use client_capnp::node_status;
    builder.set_node(plain.node.0);
    builder.set_role(match plain.role {
        Role::Leader => node_status::Role::Leader,
        Role::Follower => node_status::Role::Follower,
        Role::Learner => node_status::Role::Learner,
        Role::Candidate => node_status::Role::Candidate,
    });
    builder.set_term(plain.term);
    builder.set_leader(plain.leader.map_or(0, |node| node.0));
    builder.set_applied(plain.applied);
    builder.set_last_log(plain.last_log);
    builder.set_sessions(plain.sessions);
    builder.set_lag_ms(plain.lag_ms);
    builder.set_state_hash(&plain.state_hash.0);
    builder.set_address(plain.address.as_str());
    builder.set_version(plain.version.as_str());
    builder.set_clock_offset_ms(plain.clock_offset_ms);
    builder.set_disk_free_bytes(plain.disk_free_bytes);
    builder.set_sync_ms(plain.sync_ms);
    builder.set_refuses_words(plain.refuses_words);
    builder.set_unclean_since(plain.unclean_since.map_or(0, |since| since.0));
    builder.set_certificate_days(plain.certificate_days);
    builder.set_level(plain.level.0);
    builder.set_newest_level(plain.newest_level.0);
    let mut budgets = builder.init_budgets(count(plain.budgets.len()));
    for (index, budget) in (0..).zip(&plain.budgets) {
        let mut builder = budgets.reborrow().get(index);
        builder.set_name(budget.name.as_str());
        builder.set_held(budget.held);
        builder.set_most(budget.most);
        builder.set_refused(budget.refused);
    }
}

/// Reads a node's status.
pub fn read_status(reader: client_capnp::node_status::Reader<'_>) -> Result<NodeStatus, WireError> {
    use client_capnp::node_status;
    let leader = reader.get_leader();
    Ok(NodeStatus {
        node: NodeId(reader.get_node()),
        role: match reader.get_role()? {
            node_status::Role::Unspecified => return Err(WireError::Field("role")),
            node_status::Role::Leader => Role::Leader,
            node_status::Role::Follower => Role::Follower,
            node_status::Role::Learner => Role::Learner,
            node_status::Role::Candidate => Role::Candidate,
        },
        term: reader.get_term(),
        leader: (leader != 0).then_some(NodeId(leader)),
        applied: reader.get_applied(),
        last_log: reader.get_last_log(),
        sessions: reader.get_sessions(),
        lag_ms: reader.get_lag_ms(),
        state_hash: StateHash(digest(reader.get_state_hash()?, "stateHash")?),
        address: text(reader.get_address()?)?,
        version: text(reader.get_version()?)?,
        clock_offset_ms: reader.get_clock_offset_ms(),
        disk_free_bytes: reader.get_disk_free_bytes(),
        sync_ms: reader.get_sync_ms(),
        budgets: reader.get_budgets()?.iter().map(read_budget).collect::<Result<_, _>>()?,
        refuses_words: reader.get_refuses_words(),
        unclean_since: Some(Stamp(reader.get_unclean_since())).filter(|since| since.0 != 0),
        certificate_days: reader.get_certificate_days(),
        level: Level(reader.get_level()),
        newest_level: Level(reader.get_newest_level()),
    })
}

fn read_budget(reader: client_capnp::node_status::budget::Reader<'_>) -> Result<BudgetView, WireError> {
    Ok(BudgetView {
        name: text(reader.get_name()?)?,
        held: reader.get_held(),
        most: reader.get_most(),
        refused: reader.get_refused(),
    })
}

/// Fills in a notice.
pub fn write_notice(mut builder: client_capnp::notice::Builder<'_>, plain: Notice) {
    match plain {
        Notice::Fresh => builder.set_fresh(()),
        Notice::Behind(ms) => builder.set_behind_ms(ms),
        Notice::Suspect(node) => builder.set_suspect(node.0),
        Notice::Drain { deadline_ms, to } => {
            let mut drain = builder.init_drain();
            drain.set_deadline_ms(deadline_ms);
            drain.set_to(to.map_or(0, |node| node.0));
        }
    }
}

/// Reads a notice.
pub fn read_notice(reader: client_capnp::notice::Reader<'_>) -> Result<Notice, WireError> {
    use client_capnp::notice::Which;
    Ok(match reader.which()? {
        Which::Fresh(()) => Notice::Fresh,
        Which::BehindMs(ms) => Notice::Behind(ms),
        Which::Suspect(node) => Notice::Suspect(NodeId(node)),
        Which::Drain(drain) => {
            let to = Some(NodeId(drain.get_to())).filter(|node| node.0 != 0);
            Notice::Drain { deadline_ms: drain.get_deadline_ms(), to }
        }
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn notices_come_back_from_the_wire() {
        let notices = [
            Notice::Fresh,
            Notice::Behind(1200),
            Notice::Suspect(NodeId(3)),
            Notice::Drain { deadline_ms: 5000, to: None },
            Notice::Drain { deadline_ms: 0, to: Some(NodeId(2)) },
        ];
        for notice in notices {
            let mut arena = capnp::message::Builder::new_default();
            write_notice(arena.init_root(), notice);
            assert_eq!(read_notice(arena.get_root_as_reader().unwrap()), Ok(notice));
        }
    }
}
