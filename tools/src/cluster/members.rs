//! `raftchatctl cluster members`: who belongs to the cluster, one line each.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use raftchat_config::places;
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::MembersReply;
use serde::Serialize;

use super::admin::AdminClient;
use super::directory::ClusterDir;
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::printable;

/// For how long a leader is looked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of which cluster.
#[derive(Debug, Args)]
pub(crate) struct MembersArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", env = "RAFTCHAT_DIR", default_value_os_t = places::cluster())]
    dir: PathBuf,
}

pub(super) async fn run(arguments: &MembersArguments, output: Output) -> Result<(), Failure> {
    let cluster = ClusterDir::new(&arguments.dir);
    let members = AdminClient::of_cluster(&cluster, &cluster.configs()?)?.members(PATIENCE).await?;
    let lines = lines(&members);
    if output.is_json() {
        return lines.iter().try_for_each(|line| output.answer(line, String::new));
    }
    output.say(&table(&lines))?;
    if members.leader.is_none() {
        output.say("no leader was found: this is what the node says that knows most")?;
    }
    if members.membership.membership.configs.len() > 1 {
        output.say("a change of the membership is under way, or was interrupted: ask for it again")?;
    }
    Ok(())
}

/// One node as scripts see it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    node: u64,
    address: &'a str,
    peer_address: &'a str,
    role: &'static str,
    leader: bool,
}

fn lines(members: &MembersReply) -> Vec<Line<'_>> {
    let membership = &members.membership.membership;
    let votes = |node: &NodeId| membership.configs.iter().any(|voters| voters.contains(node));
    let mut lines = Vec::new();
    for (node, member) in &membership.members {
        lines.push(Line {
            node: node.0,
            address: &member.client_address,
            peer_address: &member.peer_address,
            role: if votes(node) { "voter" } else { "learner" },
            leader: members.leader == Some(*node),
        });
    }
    lines
}

fn table(lines: &[Line<'_>]) -> String {
    let wide = |title: &str, of: fn(&Line<'_>) -> usize| lines.iter().map(of).max().unwrap_or(0).max(title.len());
    let (devices, nodes) =
        (wide("ADDRESS", |line| line.address.len()), wide("PEER ADDRESS", |line| line.peer_address.len()));
    let mut table = format!("{:<4}  {:<devices$}  {:<nodes$}  ROLE", "NODE", "ADDRESS", "PEER ADDRESS");
    for line in lines {
        let role = if line.leader { "voter, leads" } else { line.role };
        let (address, peer_address) = (printable(line.address), printable(line.peer_address));
        // Writing to a string cannot fail.
        let _ = write!(table, "\n{:<4}  {address:<devices$}  {peer_address:<nodes$}  {role}", line.node);
    }
    table
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::stored::{Member, Membership, StoredMembership};
    use serde_json::json;

    use super::*;

    fn members() -> MembersReply {
        let member = |port: u16| Member {
            client_address: format!("anna.lan:{port}"),
            peer_address: format!("anna.lan:{}", port + 1),
            fingerprint: [0; 32],
        };
        let membership = Membership {
            configs: vec![vec![NodeId(1), NodeId(2)]],
            members: vec![(NodeId(1), member(7400)), (NodeId(2), member(7402)), (NodeId(12), member(7404))],
        };
        MembersReply { membership: StoredMembership { log_id: None, membership }, leader: Some(NodeId(2)) }
    }

    #[test]
    fn scripts_see_who_votes_and_who_leads() {
        let seen: Vec<_> = lines(&members()).iter().map(|line| serde_json::to_value(line).unwrap()).collect();
        let line = |node, port, role, leader| {
            json!({"node": node, "address": format!("anna.lan:{port}"), "peer_address": format!("anna.lan:{}", port + 1),
                   "role": role, "leader": leader})
        };
        assert_eq!(
            seen,
            [line(1, 7400, "voter", false), line(2, 7402, "voter", true), line(12, 7404, "learner", false)]
        );
    }

    #[test]
    fn people_see_a_table() {
        let members = members();
        assert_eq!(
            table(&lines(&members)),
            "NODE  ADDRESS        PEER ADDRESS   ROLE\n\
             1     anna.lan:7400  anna.lan:7401  voter\n\
             2     anna.lan:7402  anna.lan:7403  voter, leads\n\
             12    anna.lan:7404  anna.lan:7405  learner"
        );
    }
}
