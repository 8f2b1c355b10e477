//! Registration, log-in, password change, sessions: `POST /imagepic/auth/…`.

use serde::{Deserialize, Serialize};

/// `POST /imagepic/auth/register`; the answer's `data` is `{}`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Register {
    /// What people call the person; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The team's own number of the person; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tfs: Option<String>,
    /// E-mail address.
    pub email: String,
    /// `1[3-9]` and nine digits, or E.164.
    pub phone: String,
    /// 8 to 64 characters with a letter and a digit, unless the server is configured otherwise.
    pub upwd: String,
    /// Where registration is by invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
}

/// `POST /imagepic/auth/login`; answers [`Session`].
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Login {
    /// As registered.
    pub phone: String,
    /// 1 to 128 characters.
    pub upwd: String,
    /// What this computer calls itself; with it a refresh token comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// `POST /imagepic/auth/change`; the answer's `data` is `{}`, and every session has ended.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// As registered.
    pub phone: String,
    /// The password until now.
    pub opwd: String,
    /// The password from now on.
    pub npwd: String,
}

/// `POST /imagepic/auth/refresh`; answers [`Session`].
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refresh {
    /// The last one that came; each works once, and its predecessor 60 s more.
    #[serde(rename = "refreshToken")]
    pub refresh_token: String,
}

/// What a log-in gives.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// For the header `authorization`; one hour.
    pub token: String,
    /// Renews it; only where the log-in named a device, and never from the old service.
    #[serde(rename = "refreshToken", default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// The texts of refused fields, joined with `,` in `data.err`, in the old service's words.
pub mod reason {
    /// `upwd` at registration or log-in.
    pub const PASSWORD: &str = "密码不符合规范";
    /// `email`.
    pub const EMAIL: &str = "邮箱填写不符合规范";
    /// `phone`.
    pub const PHONE: &str = "手机号码填写不符合规范";
    /// `opwd`.
    pub const OLD_PASSWORD: &str = "旧密码不符合规范";
    /// `npwd`.
    pub const NEW_PASSWORD: &str = "新密码不符合规范";
    /// `npwd`, where another one than before is asked for.
    pub const SAME_PASSWORD: &str = "新密码与旧密码相同";
    /// The phone number has an account.
    pub const REGISTERED: &str = "已注册";
    /// Phone and password do not belong together.
    pub const WRONG: &str = "密码不正确";
    /// `data` of a token from before a password change.
    pub const CHANGED_SINCE: &str = "登录密码不正确";
    /// `data` of a token of somebody who has no account.
    pub const NOBODY: &str = "登录用户未找到";
    /// Nobody may register.
    pub const CLOSED: &str = "注册未开放";
    /// The invitation is missing, wrong, used up or out of date.
    pub const INVITE: &str = "邀请码无效";
}

/// `data` of a refused form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reasons {
    /// [`reason`]s joined with `,`.
    pub err: String,
}
