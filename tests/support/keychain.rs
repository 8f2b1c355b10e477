//! Locking and unlocking the desktop's keychain, as its own settings program does it.

use imagepic_virtual::VirtualDesktop;
use zbus::Proxy;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

const SERVICE: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";
/// What `VirtualDesktop::start_keychain` unlocks it with.
const PASSWORD: &[u8] = b"throwaway";

async fn proxy(desktop: &VirtualDesktop, path: &'static str, interface: &'static str) -> Proxy<'static> {
    let bus = zbus::connection::Builder::address(desktop.bus()).expect("an address").build().await.expect("the bus is there");
    Proxy::new(&bus, SERVICE, path, interface).await.expect("names are right")
}

async fn collection(desktop: &VirtualDesktop) -> OwnedObjectPath {
    let service = proxy(desktop, PATH, "org.freedesktop.Secret.Service").await;
    service.call("ReadAlias", &("default",)).await.expect("the keychain has a collection")
}

/// Locks it: whoever wants a secret has to ask a person first, and nobody shows the question here.
///
/// # Panics
/// When there is no keychain.
pub async fn lock(desktop: &VirtualDesktop) {
    let service = proxy(desktop, PATH, "org.freedesktop.Secret.Service").await;
    let (locked, _): (Vec<OwnedObjectPath>, OwnedObjectPath) =
        service.call("Lock", &(vec![collection(desktop).await],)).await.expect("the keychain answers");
    assert_eq!(locked.len(), 1, "the keychain did not lock");
}

/// Unlocks it by its password, past any question (gnome-keyring's own interface for PAM).
///
/// # Panics
/// When there is no keychain, or the password is another one.
pub async fn unlock(desktop: &VirtualDesktop) {
    let service = proxy(desktop, PATH, "org.freedesktop.Secret.Service").await;
    let (_, session): (OwnedValue, OwnedObjectPath) =
        service.call("OpenSession", &("plain", Value::from(""))).await.expect("the keychain answers");
    let collection = collection(desktop).await;
    // The bus keeps a session for as long as the connection that opened it.
    let inner = Proxy::new(service.connection(), SERVICE, PATH, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface");
    let inner = inner.await.expect("names are right");
    let secret = (ObjectPath::from(session), Vec::<u8>::new(), PASSWORD.to_vec(), "text/plain");
    inner.call::<_, _, ()>("UnlockWithMasterPassword", &(collection, secret)).await.expect("the password is right");
}

/// How often it wanted to ask a person; nobody shows questions here, so its log says so each time.
///
/// # Panics
/// When it was never started.
#[must_use]
pub fn questions(desktop: &VirtualDesktop) -> usize {
    let log = desktop.dir().join("logs/gnome-keyring-daemon.log");
    std::fs::read_to_string(log).expect("it was started").matches("create system prompt").count()
}
