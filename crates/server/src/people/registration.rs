//! Getting an account: whom it is given to, by which invitation, and how many one address gets.

use std::net::IpAddr;

use imagepic_api::Code;
use imagepic_api::auth::reason;
use imagepic_api::capabilities::Registration;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::refusals::{note, refused, store, too_many_accounts};
use super::{People, Role, invites, rules, throttle, tokens};
use crate::accounts::StoreError;
use crate::answer::Refusal;
use crate::input::Input;

impl People {
    /// `POST /auth/register`.
    pub(crate) async fn register(&self, input: &Input, from: IpAddr) -> Result<(), Refusal> {
        let place = throttle::place(from);
        if self.registration == Registration::Closed {
            return Err(Refusal::reasons(Code::RegistrationClosed, &[reason::CLOSED]));
        }
        let password = self.rules.new_password(input.get("upwd"));
        let email = self.rules.email(input.get("email"));
        let phone = rules::phone(input.get("phone"));
        let (Some(password), Some(email), Some(phone)) = (&password, &email, &phone) else {
            return Err(refused(&[
                (password.is_none(), Code::BadPassword, reason::PASSWORD),
                (email.is_none(), Code::BadEmail, reason::EMAIL),
                (phone.is_none(), Code::BadPhone, reason::PHONE),
            ]));
        };
        let [name, tfs] = [note(input, "name")?, note(input, "tfs")?];
        self.not_too_often(&place)?;
        let invite = match self.registration {
            Registration::Invite => Some(self.invited(input, &place).await?),
            _ => None,
        };
        let fields = person(phone, name, tfs, email, Role::Member);
        let added = self.add(phone, fields, password, from).await;
        if let (Err(_), Some(hash)) = (&added, &invite) {
            self.invites.give_back(hash).await.map_err(store)?;
        }
        added
    }

    async fn add(
        &self,
        phone: &str,
        mut fields: Map<String, Value>,
        password: &Zeroizing<String>,
        from: IpAddr,
    ) -> Result<(), Refusal> {
        let taken = || Refusal::reasons(Code::AlreadyRegistered, &[reason::REGISTERED]);
        // A look first: a hash costs much, and whoever asks a thousand times shall not get a thousand.
        match self.accounts.find(phone).await {
            Ok(None) => {}
            Ok(Some(_)) | Err(StoreError::Broken { .. }) => return Err(taken()),
            Err(error) => return Err(store(error)),
        }
        self.throttle.newcomer(from, self.clock.now()).map_err(too_many_accounts)?;
        let turn = self.turn().await?;
        fields.insert("upwd".to_owned(), Value::from(self.passwords.hash(&turn, password).await));
        match self.accounts.add(phone, fields).await {
            Ok(_) => Ok(()),
            Err(StoreError::Exists) => Err(taken()),
            Err(error) => Err(store(error)),
        }
    }

    /// Takes a use of the invitation that came along.
    async fn invited(&self, input: &Input, place: &str) -> Result<String, Refusal> {
        let refusal = || Refusal::reasons(Code::BadInvite, &[reason::INVITE]);
        let now = self.clock.now();
        let code = input.get("invite").and_then(Value::as_str).filter(|code| code.len() <= 128).ok_or_else(refusal)?;
        let hash = invites::hash(code);
        if self.invites.take(&hash, now).await.map_err(store)? {
            return Ok(hash);
        }
        self.throttle.failed_at_address(place, now);
        Err(refusal())
    }
}

/// A new person's document, without the password.
pub(crate) fn person(phone: &str, name: Option<String>, tfs: Option<String>, email: &str, role: Role) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            fields.insert(key.to_owned(), Value::from(value));
        }
    };
    set("_id", Some(uuid::Uuid::new_v4().to_string()));
    set("name", name);
    set("tfs", tfs);
    set("email", Some(email.to_owned()));
    set("phone", Some(phone.to_owned()));
    // Its place; the hash comes when its turn has come.
    set("upwd", Some(String::new()));
    set("role", (role == Role::Admin).then(|| "admin".to_owned()));
    set("ver", Some(tokens::random()));
    fields
}
