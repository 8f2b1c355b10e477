//! A tray host: it takes StatusNotifierItems (freedesktop/KDE) and opens, reads and clicks their menus (com.canonical.dbusmenu) as a
//! panel does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, Proxy, connection, interface};

use crate::wait::eventually;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";

struct Watcher(Arc<Mutex<Vec<String>>>);

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    #[expect(clippy::needless_pass_by_value, reason = "zbus passes it so")]
    fn register_status_notifier_item(&self, service: String, #[zbus(header)] header: zbus::message::Header<'_>) {
        let name = if service.starts_with('/') { header.sender().map(ToString::to_string).unwrap_or_default() } else { service };
        self.0.lock().expect("nobody panics with it").push(name);
    }

    fn register_status_notifier_host(&self, _service: String) {}

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

/// The host; gone when dropped, and then the desktop has no tray.
#[derive(Debug)]
pub struct Tray {
    connection: Connection,
    items: Arc<Mutex<Vec<String>>>,
}

/// One line of a menu.
#[derive(Debug, Clone)]
pub struct Line {
    id: i32,
    /// Without mnemonic underscores; empty for separators.
    pub label: String,
    /// It can be clicked.
    pub enabled: bool,
    /// It has a tick, or its radio button is on.
    pub checked: bool,
    /// The menu behind it.
    pub children: Vec<Line>,
}

impl Line {
    /// All labels of it and below, indented, for messages.
    fn print(&self, depth: usize, into: &mut String) {
        let tick = if self.checked { "✓ " } else { "" };
        let grey = if self.enabled { "" } else { " (off)" };
        into.push_str(&format!("{}{tick}{}{grey}\n", "  ".repeat(depth), self.label));
        self.children.iter().for_each(|child| child.print(depth + 1, into));
    }
}

/// What a panel draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icon {
    /// Width, height and ARGB of every size on offer.
    pub pixmaps: Vec<(i32, i32, Vec<u8>)>,
    /// Text of the tooltip, or the title where there is none.
    pub tooltip: String,
}

type Layout = (u32, (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>));

impl Tray {
    /// Starts on this bus.
    ///
    /// # Panics
    /// When another host is there.
    pub async fn start(bus: &str) -> Self {
        let items = Arc::<Mutex<Vec<String>>>::default();
        let connection = connection::Builder::address(bus)
            .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", Watcher(Arc::clone(&items))))
            .and_then(|builder| builder.name(WATCHER))
            .expect("fixed names are right")
            .build()
            .await
            .expect("a bus without another tray host");
        Self { connection, items }
    }

    /// How often an item has registered itself.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn registrations(&self) -> usize {
        self.items.lock().expect("nobody panics with it").len()
    }

    /// Waits for an icon in the tray.
    pub async fn wait_for_item(&self) {
        self.item().await;
    }

    async fn item(&self) -> String {
        eventually("an icon in the tray", async || {
            let last = self.items.lock().expect("nobody panics with it").last().cloned()?;
            let bus = zbus::fdo::DBusProxy::new(&self.connection).await.ok()?;
            bus.name_has_owner(last.as_str().try_into().ok()?).await.ok()?.then_some(last)
        })
        .await
    }

    async fn proxy(&self, path: &str, interface: &'static str) -> Proxy<'static> {
        let item = self.item().await;
        let builder =
            zbus::proxy::Builder::<Proxy<'static>>::new(&self.connection).cache_properties(zbus::proxy::CacheProperties::No);
        let builder = builder
            .destination(item)
            .and_then(|builder| builder.path(path.to_owned()))
            .and_then(|builder| builder.interface(interface));
        builder.expect("names are right").build().await.expect("the bus is there")
    }

    async fn menu_proxy(&self) -> Proxy<'static> {
        let item = self.proxy("/StatusNotifierItem", "org.kde.StatusNotifierItem").await;
        let path: OwnedObjectPath = item.get_property("Menu").await.expect("the item names its menu");
        self.proxy(path.as_str(), "com.canonical.dbusmenu").await
    }

    /// What the panel draws at present.
    ///
    /// # Panics
    /// When the item does not answer.
    pub async fn icon(&self) -> Icon {
        let item = self.proxy("/StatusNotifierItem", "org.kde.StatusNotifierItem").await;
        let pixmaps = item.get_property("IconPixmap").await.expect("the item has an icon");
        let title: String = item.get_property("Title").await.unwrap_or_default();
        let tooltip = item.get_property::<(String, Vec<(i32, i32, Vec<u8>)>, String, String)>("ToolTip").await;
        let tooltip = tooltip.map(|(_, _, head, body)| format!("{head} {body}").trim().to_owned()).unwrap_or_default();
        Icon { pixmaps, tooltip: if tooltip.is_empty() { title } else { tooltip } }
    }

    /// Clicks the icon itself.
    ///
    /// # Panics
    /// When the item does not answer.
    pub async fn click_icon(&self) {
        let item = self.proxy("/StatusNotifierItem", "org.kde.StatusNotifierItem").await;
        item.call_method("Activate", &(0_i32, 0_i32)).await.expect("the item takes a click");
    }

    /// The whole menu, as it is at present.
    ///
    /// # Panics
    /// When the item does not answer.
    pub async fn menu(&self) -> Vec<Line> {
        let menu = self.menu_proxy().await;
        let layout: Layout = menu.call("GetLayout", &(0_i32, -1_i32, Vec::<String>::new())).await.expect("the menu can be read");
        let (_, (_, _, children)) = layout;
        children.into_iter().filter_map(line).collect()
    }

    /// Opens the menu, as a person does who will choose something from it.
    ///
    /// # Panics
    /// When the item does not answer.
    pub async fn open(&self) {
        let menu = self.menu_proxy().await;
        menu.call_method("AboutToShow", &(0_i32,)).await.expect("the menu can be opened");
    }

    /// How long the panel waits for the menu when somebody opens it: the middle one of `times`.
    ///
    /// # Panics
    /// When the item does not answer.
    pub async fn opens_in(&self, times: usize) -> Duration {
        let menu = self.menu_proxy().await;
        let mut took = Vec::with_capacity(times);
        for _ in 0..times.max(1) {
            let begun = Instant::now();
            menu.call_method("AboutToShow", &(0_i32,)).await.ok();
            let layout: Layout = menu.call("GetLayout", &(0_i32, -1_i32, Vec::<String>::new())).await.expect("it can be read");
            took.push(begun.elapsed());
            assert!(!layout.1.2.is_empty(), "an empty menu");
        }
        took.sort();
        took[took.len() / 2]
    }

    /// The whole menu as indented text.
    pub async fn menu_text(&self) -> String {
        let mut text = String::new();
        self.menu().await.iter().for_each(|line| line.print(0, &mut text));
        text
    }

    /// The line on the way of these labels in a menu that was read, if it is there.
    #[must_use]
    pub fn find(menu: &[Line], way: &[&str]) -> Option<Line> {
        find(menu, way)
    }

    /// Waits for a line on the way of these labels; each is the whole label or its beginning followed by `…` or ` · `.
    pub async fn wait_for(&self, way: &[&str]) -> Line {
        let found = eventually_or(async || find(&self.menu().await, way)).await;
        match found {
            Some(line) => line,
            None => panic!("no {way:?} in the tray menu:\n{}", self.menu_text().await),
        }
    }

    /// Clicks the line on the way of these labels, once it is there and enabled.
    ///
    /// # Panics
    /// When it never is.
    pub async fn click(&self, way: &[&str]) {
        let took = eventually_or(async || {
            let line = find(&self.menu().await, way).filter(|line| line.enabled)?;
            let menu = self.menu_proxy().await;
            match menu.call_method("Event", &(line.id, "clicked", Value::I32(0), 0_u32)).await {
                Ok(_) => Some(()),
                Err(zbus::Error::MethodError(name, ..)) => match name.as_str() {
                    // Whoever quits may be gone before it has answered.
                    "org.freedesktop.DBus.Error.NoReply" => Some(()),
                    // Another menu took its place since it was read: a panel shows that one.
                    "org.freedesktop.DBus.Error.InvalidArgs" => None,
                    other => panic!("the menu takes no click: {other}"),
                },
                Err(why) => panic!("the menu takes no click: {why}"),
            }
        });
        if took.await.is_none() {
            panic!("no {way:?} to click in the tray menu:\n{}", self.menu_text().await);
        }
    }
}

async fn eventually_or<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let answer = ask().await;
        if answer.is_some() || start.elapsed() > crate::wait::PATIENCE {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn find(lines: &[Line], way: &[&str]) -> Option<Line> {
    let (first, rest) = way.split_first()?;
    let is = |label: &str| {
        let rest = label.strip_prefix(first);
        rest.is_some_and(|rest| rest.is_empty() || rest == "…" || rest.starts_with(" · "))
    };
    let line = lines.iter().find(|line| is(&line.label))?;
    if rest.is_empty() { Some(line.clone()) } else { find(&line.children, rest) }
}

fn line(value: OwnedValue) -> Option<Line> {
    let (id, properties, children): (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>) = value.try_into().ok()?;
    let text = |name: &str| properties.get(name).and_then(|value| value.downcast_ref::<&str>().ok()).map(str::to_owned);
    let no = |name: &str| properties.get(name).is_some_and(|value| value.downcast_ref::<bool>() == Ok(false));
    if no("visible") {
        return None;
    }
    let label = text("label").unwrap_or_default().replace("__", "\u{0}").replace('_', "").replace('\u{0}', "_");
    let checked = properties.get("toggle-state").is_some_and(|value| value.downcast_ref::<i32>() == Ok(1));
    Some(Line { id, label, enabled: !no("enabled"), checked, children: children.into_iter().filter_map(line).collect() })
}
