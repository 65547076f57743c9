//! A user's own account: its password, its profile, its end. Passwords are checked and hashed here, before anything is
//! proposed.

use raftchat_schema::command::{Act, OtherSessions, OwnMessages, Profile, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::session::{
    ChangePasswordParams, DeleteAccountParams, SetProfileParams, Setting,
};
use raftchat_schema::limits::{DISPLAY_NAME_BYTES_MAX, PASSWORD_BYTES_MAX};
use raftchat_state::verifier;
use zeroize::Zeroizing;

use crate::services::acting::{Acting, Request};
use crate::services::answer::{self, Denied};

impl Acting {
    pub(super) async fn account_deleted(&self, params: DeleteAccountParams) -> Result<(), Denied> {
        let params = params.get()?;
        let request = Request::read(params.get_request()?);
        let password = password(params.get_password()?)?;
        let messages = if params.get_erase_messages() { OwnMessages::Erase } else { OwnMessages::Keep };
        let verifier_version = self.must_know(password).await?;
        self.act_to_end(request, Act::DeleteAccount { verifier_version, messages }).await
    }

    pub(super) async fn password_changed(&self, params: ChangePasswordParams) -> Result<(), Denied> {
        let params = params.get()?;
        let request = Request::read(params.get_request()?);
        let (old, new) = (password(params.get_old_password()?)?, password(params.get_new_password()?)?);
        if new.is_empty() {
            return Err(ErrorCode::EmptyPassword.into());
        }
        let others = if params.get_keep_other_sessions() { OtherSessions::Keep } else { OtherSessions::End };
        let verifier_version = match self.must_know(old).await {
            Err(Denied::Refused(refusal))
                if refusal.code == ErrorCode::WrongCredentials && self.is_password(new.clone()).await? =>
            {
                // It was changed, and the answer was lost: this is the repeat.
                return Ok(());
            }
            known => known?,
        };
        let verifier = self.services.passwords.hash(new).await?;
        self.act(request, Act::ChangePassword { verifier_version, verifier, others }).await.map(drop)
    }

    /// Only for who has just been counted as guessing.
    async fn is_password(&self, password: Zeroizing<String>) -> Result<bool, Denied> {
        let stored = verifier(&self.services.view(), self.user)?.map(|(verifier, _version)| verifier);
        Ok(self.services.passwords.check(password, stored).await?)
    }

    pub(super) async fn profile_set(&self, params: SetProfileParams) -> Result<(), Denied> {
        let params = params.get()?;
        let request = Request::read(params.get_request()?);
        let display_name = answer::text(params.get_display_name()?, DISPLAY_NAME_BYTES_MAX)?;
        let profile = Profile {
            display_name: (!display_name.is_empty()).then_some(display_name),
            presence: switch(params.get_presence()?),
            receipts: switch(params.get_receipts()?),
        };
        self.act(request, Act::SetProfile(profile)).await.map(drop)
    }
}

fn password(text: capnp::text::Reader<'_>) -> Result<Zeroizing<String>, Denied> {
    answer::text(text, PASSWORD_BYTES_MAX).map(Zeroizing::new)
}

fn switch(setting: Setting) -> Option<Switch> {
    match setting {
        Setting::Unchanged => None,
        Setting::On => Some(Switch::On),
        Setting::Off => Some(Switch::Off),
    }
}
