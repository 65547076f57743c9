//! Groups from a shell. A group is named by its id: titles are neither unique nor fixed.

use clap::{Args, Subcommand, ValueEnum};
use raftchat_client::{Client, Target};
use raftchat_schema::command::{ConversationAct, MemberRole, Switch};
use raftchat_schema::id::ConversationId;

use super::people::{id, ids};
use super::reading::show_conversation;
use super::shapes::{self, MemberShape};
use crate::failure::Failure;
use crate::shell::output::Output;

/// What can be done with groups.
#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// Make a group, which you own
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice group create Harbour bob carol")]
    Create(CreateArguments),
    /// Add members, who see what is said from then on
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice group add --conversation c7 dave")]
    Add(MembersArguments),
    /// Take members out, who then see nothing of it any more
    #[command(
        after_help = "Example: raftchatctl chat --profile home/devices/alice group remove --conversation c7 dave"
    )]
    Remove(MembersArguments),
    /// Leave; where the owner leaves, an admin or the longest member takes over
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice group leave --conversation c7")]
    Leave(GroupArguments),
    /// Give a group another title
    #[command(
        after_help = "Example: raftchatctl chat --profile home/devices/alice group rename --conversation c7 'Old Harbour'"
    )]
    Rename(RenameArguments),
    /// Let only owner and admins write, or everybody again
    #[command(
        after_help = "Example: raftchatctl chat --profile home/devices/alice group admins-only --conversation c7\n         raftchatctl chat --profile home/devices/alice group admins-only --conversation c7 --off"
    )]
    AdminsOnly(AdminsOnlyArguments),
    /// Give a member another role; whoever makes another the owner becomes an admin
    #[command(
        after_help = "Example: raftchatctl chat --profile home/devices/alice group role --conversation c7 bob admin"
    )]
    Role(RoleArguments),
    /// List the members with their roles and marks
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice group members --conversation c7")]
    Members(GroupArguments),
}

/// What to call the group, and who is in it.
#[derive(Debug, Args)]
pub(super) struct CreateArguments {
    /// What the group is called
    title: String,
    /// Who is in it besides you
    #[arg(value_name = "USER")]
    users: Vec<String>,
}

/// The group that is meant.
#[derive(Debug, Args)]
pub(super) struct GroupArguments {
    /// The group's id, as `chat conversations` prints it
    #[arg(long, value_name = "ID")]
    conversation: ConversationId,
}

impl GroupArguments {
    fn target(&self) -> Target {
        Target::Conversation(self.conversation)
    }
}

/// A group, and users.
#[derive(Debug, Args)]
pub(super) struct MembersArguments {
    #[command(flatten)]
    group: GroupArguments,
    /// The users that are meant
    #[arg(value_name = "USER", required = true)]
    users: Vec<String>,
}

/// A group, and its title from now on.
#[derive(Debug, Args)]
pub(super) struct RenameArguments {
    #[command(flatten)]
    group: GroupArguments,
    /// The title from now on
    title: String,
}

/// A group, and whether only its admins may write.
#[derive(Debug, Args)]
pub(super) struct AdminsOnlyArguments {
    #[command(flatten)]
    group: GroupArguments,
    /// Let everybody write again
    #[arg(long)]
    off: bool,
}

/// A member of a group, and a role.
#[derive(Debug, Args)]
pub(super) struct RoleArguments {
    #[command(flatten)]
    group: GroupArguments,
    /// The member whose role it is
    #[arg(value_name = "USER")]
    user: String,
    /// The role from now on
    #[arg(value_name = "ROLE")]
    role: RoleWord,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleWord {
    /// Gives and takes roles, and removes anybody
    Owner,
    /// Changes the title, adds members, removes plain ones
    Admin,
    /// Speaks, and leaves
    Member,
}

impl From<RoleWord> for MemberRole {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Owner => Self::Owner,
            RoleWord::Admin => Self::Admin,
            RoleWord::Member => Self::Member,
        }
    }
}

pub(super) async fn run(client: &Client, command: GroupCommand, output: Output) -> Result<(), Failure> {
    match command {
        GroupCommand::Create(arguments) => create(client, arguments, output).await,
        GroupCommand::Add(arguments) => {
            let users = ids(client, &arguments.users).await?;
            client.act(&arguments.group.target(), ConversationAct::AddMembers { members: users }).await?;
            output.done(&format!("added {}", arguments.users.join(", ")))
        }
        GroupCommand::Remove(arguments) => remove(client, &arguments, output).await,
        GroupCommand::Leave(group) => {
            client.act(&group.target(), ConversationAct::Leave).await?;
            output.done(&format!("you have left {}", group.conversation))
        }
        GroupCommand::Rename(arguments) => {
            client.act(&arguments.group.target(), ConversationAct::Rename { title: arguments.title }).await?;
            output.done("renamed")
        }
        GroupCommand::AdminsOnly(arguments) => {
            let switch = Switch::from_bool(!arguments.off);
            client.act(&arguments.group.target(), ConversationAct::SetAdminsOnly { switch }).await?;
            output.done(if arguments.off { "everybody may write" } else { "only owner and admins may write" })
        }
        GroupCommand::Role(arguments) => {
            let (user, role) = (id(client, &arguments.user).await?, MemberRole::from(arguments.role));
            client.act(&arguments.group.target(), ConversationAct::SetRole { user, role }).await?;
            output.done(&format!("{} is now {}", arguments.user, shapes::role(role)))
        }
        GroupCommand::Members(group) => members(client, &group, output).await,
    }
}

async fn create(client: &Client, arguments: CreateArguments, output: Output) -> Result<(), Failure> {
    let users = ids(client, &arguments.users).await?;
    let group = client.group_create(arguments.title, users).await?;
    let me = client.whoami().await?.user.id;
    show_conversation(client, group, me, output).await
}

async fn remove(client: &Client, arguments: &MembersArguments, output: Output) -> Result<(), Failure> {
    // All names first, so that a wrong one removes nobody.
    for user in ids(client, &arguments.users).await? {
        client.act(&arguments.group.target(), ConversationAct::RemoveMember { user }).await?;
    }
    output.done(&format!("removed {}", arguments.users.join(", ")))
}

async fn members(client: &Client, group: &GroupArguments, output: Output) -> Result<(), Failure> {
    for member in client.members(&group.target()).await? {
        let shape = MemberShape::of(&member);
        output.answer(&shape, || shape.words())?;
    }
    Ok(())
}
