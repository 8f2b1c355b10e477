//! What windows may ask, each one expression over the engine. Which window may ask what is in `permissions/windows.toml`; what it
//! asks crosses a process border, so nothing here trusts it.

#![expect(clippy::needless_pass_by_value, reason = "tauri hands commands their arguments by value")]

mod buckets;
mod library;
mod settings;
mod sources;

use imagepic_core::destination::{Destination, TeamAddress};
use imagepic_core::engine::{AccountView, Draft, Registering, SecretsPlace, TeamServer, TestReport};
use imagepic_core::event::Snapshot;
use imagepic_core::link::Format;
use imagepic_core::settings::{Settings, Theme};
use imagepic_core::{Code, Error};
use imagepic_words::{Lang, desktop as words};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tauri::ipc::Invoke;
use tauri::{AppHandle, Manager, State, WebviewWindow};

use crate::pointing::{self, Aim, Pointing};
use crate::shell::Shell;
use crate::windows::{self, Name};

mod welcome;

pub(crate) use settings::Looked;

type Answer<T> = Result<T, Failure>;

/// What a command that failed rejects with.
#[derive(Debug, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct Failure {
    /// For programs.
    code: Code,
    /// For people, in the language of the settings.
    message: String,
    /// The field of a form that is wrong.
    field: Option<String>,
}

/// A destination as a form holds it. The secret goes in and never comes out.
#[derive(Deserialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct DraftForm {
    /// An empty id makes a new one.
    destination: Destination,
    /// `null`: the one that is saved, if any.
    #[ts(type = "string | null")]
    secret: Option<SecretString>,
}

impl From<DraftForm> for Draft {
    fn from(form: DraftForm) -> Self {
        Self { destination: form.destination, secret: form.secret }
    }
}

/// Settings, and what a settings window has to know beside them.
#[derive(Debug, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct SettingsView {
    settings: Settings,
    /// The language in use.
    #[ts(type = "\"en\" | \"zh-CN\"")]
    language: Lang,
    theme: Theme,
    /// Where secrets are kept. Nothing in windows that show none of them: it takes a look into the keychain, which may want to be unlocked.
    secrets: Option<SecretsPlace>,
    /// Destinations whose secret is saved. As `secrets`.
    saved_secrets: Vec<String>,
    /// Who is signed in, for each destination at a team server. As `secrets`.
    accounts: Vec<AccountView>,
    /// The tray app starts at log-in.
    autostart: bool,
    version: &'static str,
}

/// What a person fills in to register at a team server. The password goes in and never comes out.
#[derive(Deserialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct RegisterForm {
    name: String,
    tfs: String,
    email: String,
    #[ts(type = "string")]
    password: SecretString,
    invite: String,
}

impl From<RegisterForm> for Registering {
    fn from(form: RegisterForm) -> Self {
        Self { name: form.name, tfs: form.tfs, email: form.email, password: form.password, invite: form.invite }
    }
}

/// The names the next file and the next clipboard image would get.
#[derive(Debug, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct NamePreview {
    file: String,
    clipboard: String,
    /// Why there is none, where the template cannot be understood.
    file_error: Option<String>,
    /// As `file_error`.
    clipboard_error: Option<String>,
}

impl Shell {
    fn answer<T>(&self, outcome: imagepic_core::Result<T>) -> Answer<T> {
        outcome.map_err(|error| {
            tracing::info!(code = ?error.code, %error, "a window was refused");
            Failure { code: error.code, message: error.message(self.engine.lang()), field: error.field.map(str::to_owned) }
        })
    }
}

/// Every command, for [`tauri::Builder::invoke_handler`].
pub(crate) fn handler() -> impl Fn(Invoke) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        snapshot,
        outline,
        settings,
        set_setting,
        choose_files,
        upload_clipboard,
        answer_drop,
        answer_offer,
        sources::answer_question,
        sources::watched_folders,
        sources::upload_watched,
        cancel_upload,
        cancel_uploads,
        retry_upload,
        retry_uploads,
        name_upload,
        undo_upload,
        dismiss_uploads,
        copy_links,
        copy_opening_links,
        show_access,
        set_paused,
        save_destination,
        remove_destination,
        use_destination,
        test_destination,
        list_buckets,
        list_folders,
        probe_team,
        team_account,
        register,
        sign_in,
        change_password,
        sign_out,
        name_preview,
        link_preview,
        settings::shortcuts,
        settings::record_shortcut,
        settings::check_secret,
        settings::diagnostics,
        settings::copy_diagnostics,
        settings::export_settings,
        settings::look_at_settings,
        settings::import_settings,
        settings::undo_import,
        settings::choose_folder,
        settings::choose_certificates,
        library::library_newest,
        library::library_find,
        library::library_rows,
        library::library_names,
        library::library_details,
        library::library_check,
        library::library_copy,
        library::library_retry,
        library::library_cancel,
        library::library_delete,
        library::library_forget,
        library::library_keep,
        library::library_rename,
        library::library_open,
        library::library_show_file,
        welcome::welcome,
        welcome::keep_welcome,
        welcome::finish_welcome,
        welcome::make_bucket,
        welcome::upload_sample,
        welcome::read_back,
        buckets::browse_buckets,
        buckets::browse_page,
        buckets::browse_details,
        buckets::browse_sum,
        buckets::browse_access,
        buckets::browse_closing,
        buckets::browse_set_access,
        buckets::browse_new_folder,
        buckets::browse_remove,
        buckets::browse_move,
        buckets::browse_rename,
        buckets::browse_stop,
        buckets::browse_jobs,
        buckets::browse_copy,
        buckets::browse_open,
        buckets::browse_here,
        buckets::browse_asked,
        buckets::browse_upload,
        open_window,
        close_window,
        quit,
    ]
}

// Not on the main thread: thousands of uploads may be under way.
#[tauri::command]
async fn snapshot(shell: State<'_, Shell>) -> Answer<Snapshot> {
    Ok(shell.engine.snapshot())
}

// As above: the line counts them.
#[tauri::command]
async fn outline(shell: State<'_, Shell>) -> Answer<Snapshot> {
    Ok(shell.engine.outline())
}

#[tauri::command]
async fn settings(window: WebviewWindow, shell: State<'_, Shell>) -> Answer<SettingsView> {
    let settings = shell.engine.settings().get();
    let mut view = SettingsView {
        language: shell.engine.lang(),
        theme: settings.general.theme,
        secrets: None,
        saved_secrets: Vec::new(),
        accounts: Vec::new(),
        autostart: shell.engine.settings().starts_at_log_in().await,
        version: env!("CARGO_PKG_VERSION"),
        settings,
    };
    if matches!(Name::of(window.label()), Some(Name::Settings | Name::Welcome)) {
        let destinations = shell.engine.destinations();
        for destination in destinations.list() {
            if destinations.secret_saved(&destination.id).await {
                view.saved_secrets.push(destination.id);
            }
        }
        view.secrets = Some(shell.engine.settings().where_secrets().await);
        view.accounts = shell.engine.accounts().list().await;
    }
    Ok(view)
}

#[tauri::command]
async fn set_setting(shell: State<'_, Shell>, key: String, value: String) -> Answer<()> {
    shell.answer(shell.engine.settings().set(&key, &value).await)
}

/// An entry for log-in follows the program: a package may have moved it. Beside the start.
pub(crate) fn refresh_autostart(home: &imagepic_core::home::Home) {
    let home = home.clone();
    tauri::async_runtime::spawn_blocking(move || {
        let refreshed = imagepic_core::autostart::program()
            .and_then(|program| imagepic_core::autostart::Autostart::of(&home).refresh(&program));
        if let Err(error) = refreshed {
            tracing::warn!(%error, "the entry for log-in was not brought up to date");
        }
    });
}

#[tauri::command]
fn choose_files(app: AppHandle) {
    crate::actions::choose_files(&app);
}

#[tauri::command]
async fn upload_clipboard(window: WebviewWindow, shell: State<'_, Shell>, pointing: State<'_, Pointing>) -> Answer<()> {
    let how = pointing.by_hand_at(window.label());
    shell.answer(shell.engine.uploads().submit_clipboard(how).await.map(drop))
}

#[tauri::command]
async fn answer_drop(window: WebviewWindow, app: AppHandle, shell: State<'_, Shell>, id: u64, upload: bool) -> Answer<()> {
    let files = shell.answer(shell.drops.answered(id))?;
    if upload {
        let how = app.state::<Pointing>().by_hand_at(window.label());
        crate::actions::give_files_to(&app, files, imagepic_core::capture::Source::Drop, how);
    }
    Ok(())
}

#[tauri::command]
async fn answer_offer(shell: State<'_, Shell>, id: u64, upload: bool) -> Answer<()> {
    shell.answer(shell.engine.uploads().answer_offer(id, upload).await)
}

#[tauri::command]
async fn cancel_upload(shell: State<'_, Shell>, id: i64) -> Answer<()> {
    shell.answer(shell.engine.uploads().cancel(id).await)
}

#[tauri::command]
async fn cancel_uploads(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<()> {
    shell.answer(shell.engine.uploads().cancel_all(&ids).await)
}

#[tauri::command]
async fn retry_upload(shell: State<'_, Shell>, id: i64) -> Answer<()> {
    shell.answer(shell.engine.uploads().retry(id).await)
}

#[tauri::command]
async fn retry_uploads(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<()> {
    shell.answer(shell.engine.uploads().retry_all(&ids).await)
}

#[tauri::command]
async fn name_upload(shell: State<'_, Shell>, id: i64, name: Option<String>) -> Answer<()> {
    shell.answer(shell.engine.uploads().name(id, name.as_deref()).await)
}

#[tauri::command]
async fn undo_upload(shell: State<'_, Shell>, id: i64) -> Answer<bool> {
    shell.answer(shell.engine.uploads().undo(id).await)
}

#[tauri::command]
async fn dismiss_uploads(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<()> {
    shell.answer(shell.engine.uploads().dismiss_all(&ids).await)
}

/// As `copy_links`, with a signature where the public link opens for nobody.
#[tauri::command]
async fn copy_opening_links(shell: State<'_, Shell>, ids: Vec<i64>, format: Option<Format>) -> Answer<()> {
    shell.answer(shell.engine.uploads().copy_opening_link(&ids, format).await.map(drop))
}

/// Leads to who may open the folder of this upload.
#[tauri::command]
async fn show_access(app: AppHandle, shell: State<'_, Shell>, id: i64) -> Answer<()> {
    let upload = shell.answer(shell.engine.uploads().get(id).await)?;
    pointing::show(&app, Aim::access_of(&upload));
    Ok(())
}

#[tauri::command]
async fn copy_links(shell: State<'_, Shell>, ids: Vec<i64>, format: Option<Format>) -> Answer<()> {
    shell.answer(shell.engine.uploads().copy_link(&ids, format).await.map(drop))
}

#[tauri::command]
fn set_paused(shell: State<'_, Shell>, paused: bool) {
    shell.engine.uploads().set_paused(paused);
}

#[tauri::command]
async fn save_destination(shell: State<'_, Shell>, draft: DraftForm) -> Answer<Destination> {
    shell.answer(shell.engine.destinations().save(draft.into()).await)
}

#[tauri::command]
async fn remove_destination(shell: State<'_, Shell>, id: String) -> Answer<()> {
    shell.answer(shell.engine.destinations().remove(&id).await.map(drop))
}

#[tauri::command]
async fn use_destination(shell: State<'_, Shell>, id: String, bucket: Option<String>, folder: Option<String>) -> Answer<()> {
    shell.answer(shell.engine.destinations().use_(&id, bucket, folder).await.map(drop))
}

#[tauri::command]
async fn test_destination(shell: State<'_, Shell>, draft: DraftForm) -> Answer<TestReport> {
    Ok(shell.engine.destinations().test(draft.into()).await)
}

#[tauri::command]
async fn list_buckets(shell: State<'_, Shell>, draft: DraftForm) -> Answer<Vec<String>> {
    shell.answer(shell.engine.destinations().buckets(draft.into()).await)
}

#[tauri::command]
async fn list_folders(shell: State<'_, Shell>, draft: DraftForm, prefix: String) -> Answer<Vec<String>> {
    shell.answer(shell.engine.destinations().folders(draft.into(), &prefix).await)
}

#[tauri::command]
async fn probe_team(shell: State<'_, Shell>, address: TeamAddress) -> Answer<TeamServer> {
    shell.answer(shell.engine.accounts().probe(&address).await)
}

#[tauri::command]
async fn team_account(shell: State<'_, Shell>, address: TeamAddress) -> Answer<AccountView> {
    Ok(shell.engine.accounts().view("", &address).await)
}

#[tauri::command]
async fn register(shell: State<'_, Shell>, address: TeamAddress, form: RegisterForm) -> Answer<()> {
    shell.answer(shell.engine.accounts().register(&address, form.into()).await)
}

#[tauri::command]
async fn sign_in(shell: State<'_, Shell>, address: TeamAddress, password: SecretString, keep: bool) -> Answer<()> {
    shell.answer(shell.engine.accounts().login(&address, password, keep).await)
}

#[tauri::command]
async fn change_password(shell: State<'_, Shell>, address: TeamAddress, old: SecretString, new: SecretString) -> Answer<()> {
    shell.answer(shell.engine.accounts().change_password(&address, old, new).await)
}

#[tauri::command]
async fn sign_out(shell: State<'_, Shell>, address: TeamAddress) -> Answer<bool> {
    shell.answer(shell.engine.accounts().logout(&address).await)
}

#[tauri::command]
fn name_preview(shell: State<'_, Shell>, destination: Destination) -> NamePreview {
    let settings = shell.engine.settings();
    let (file, clipboard) = settings.name_preview(&destination);
    let (bad_file, bad_clipboard) = settings.name_faults(&destination);
    let said = |fault: Option<Error>| fault.map(|fault| fault.message(shell.engine.lang()));
    NamePreview { file, clipboard, file_error: said(bad_file), clipboard_error: said(bad_clipboard) }
}

#[tauri::command]
fn link_preview(shell: State<'_, Shell>, format: Format, template: Option<String>) -> Answer<String> {
    shell.answer(shell.engine.settings().link_preview(format, template.as_deref()))
}

#[tauri::command]
fn open_window(app: AppHandle, shell: State<'_, Shell>, name: &str) -> Answer<()> {
    let all = || Name::ALL.map(Name::label).join(", ");
    let name = Name::of(name).ok_or_else(|| Error::new(Code::BadRequest, words::no_such_window(name, all())));
    shell.answer(name).map(|name| windows::open(&app, name))
}

#[tauri::command]
fn close_window(window: WebviewWindow) -> Answer<()> {
    if let Err(error) = window.close() {
        tracing::warn!(%error, window = window.label(), "the window could not be closed");
    }
    Ok(())
}

#[tauri::command]
fn quit(app: AppHandle) {
    crate::actions::quit(&app);
}
