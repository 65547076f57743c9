//! A user's own account as far as it takes the password: another password, its end. Passwords are checked and hashed here,
//! before anything is proposed.

use raftchat_schema::command::{OtherSessions, OwnMessages, SessionAct};
use raftchat_schema::generated::client_capnp::session::{ChangePasswordParams, DeleteAccountParams};
use raftchat_state::outcome;

use crate::admission::password_rules;
use crate::services::answer::{self, Denied};
use crate::services::context::{Request, SessionContext};

impl SessionContext {
    pub(super) async fn delete_account(&self, params: DeleteAccountParams) -> Result<(), Denied> {
        let params = params.get()?;
        let request = Request::read(params.get_request()?);
        let password = answer::password(params.get_password()?)?;
        let messages = if params.get_erase_messages() { OwnMessages::Erase } else { OwnMessages::Keep };
        let (verifier_version, ()) = self.must_know(password, |_| Ok(())).await?;
        self.act_to_end(request, SessionAct::DeleteAccount { verifier_version, messages }).await
    }

    pub(super) async fn change_password(&self, params: ChangePasswordParams) -> Result<(), Denied> {
        let params = params.get()?;
        let request = Request::read(params.get_request()?);
        let (old, new) = (answer::password(params.get_old_password()?)?, answer::password(params.get_new_password()?)?);
        password_rules::must_be_good(&new)?;
        let others = if params.get_keep_other_sessions() { OtherSessions::Keep } else { OtherSessions::End };
        // A repeat of what was done before is known by its number, and asks no password anything.
        if let Some(outcome) = self.outcome_of(request)? {
            return outcome;
        }
        let known = self.must_know(old, move |hasher| hasher.hash(&new)).await;
        match known {
            Ok((verifier_version, verifier)) => {
                self.act(request, SessionAct::ChangePassword { verifier_version, verifier, others }).await.map(drop)
            }
            // Perhaps the first attempt came to its end over another node while this one was looked at.
            Err(denied) => self.outcome_of(request)?.unwrap_or(Err(denied)),
        }
    }

    /// What came of that request of the session, if it was made before.
    fn outcome_of(&self, request: Request) -> Result<Option<Result<(), Denied>>, Denied> {
        self.must_live()?;
        let outcome = outcome(&self.services.view(), self.id, request.number)?;
        Ok(outcome.map(|outcome| outcome.map(drop).map_err(Denied::from)))
    }
}
