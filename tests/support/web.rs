//! Clicking and reading in the app's windows by WebDriver: tauri-driver before WebKit's own driver.

use std::fs::File;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::desktop::{Desktop, built, tool};
use crate::display;
use crate::wait::eventually;

/// The tray app under WebDriver, with its first window. Driver and app end when this is dropped, however the test ends.
#[derive(Debug)]
pub struct Session {
    client: Client,
    /// Where the driver answers for this session: `http://127.0.0.1:{port}/session/{id}`.
    address: String,
    driver: Child,
    display: Option<String>,
    /// Where a picture of the screen goes if the test fails; the desktop keeps what lies there.
    picture: PathBuf,
}

impl Session {
    /// Starts the app with these arguments, which must open a window (`--show settings`): the driver waits for one.
    ///
    /// # Panics
    /// When the driver is missing, or the app shows no window.
    pub async fn start(desktop: &Desktop, arguments: &[&str]) -> Self {
        let ports = crate::ports::free(2);
        let (port, native_port) = (ports[0], ports[1]);
        // The app inherits the driver's environment, and with it display and home.
        let mut command = desktop.program("imagepic-desktop");
        let environment: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command = desktop.machine.command(tool("tauri-driver"));
        for (name, value) in environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .args(["--port", &port.to_string(), "--native-port", &native_port.to_string(), "--native-driver"])
            .arg(tool("WebKitWebDriver"));
        let log = File::create(desktop.machine.dir().join("logs/tauri-driver.log")).expect("the disk has room");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let mut driver = Guard(Some(command.spawn().expect("tauri-driver starts")));
        let capabilities: Capabilities =
            serde_json::from_value(json!({ "tauri:options": { "application": built("imagepic-desktop"), "args": arguments } }))
                .expect("an object");
        eventually("tauri-driver to listen", async || tokio::net::TcpStream::connect(("127.0.0.1", native_port)).await.ok())
            .await;
        eventually("tauri-driver to listen", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()).await;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let connect = async { builder.connect(&format!("http://127.0.0.1:{port}")).await };
        let client =
            tokio::time::timeout(Duration::from_secs(60), connect).await.expect("a session within a minute").expect("a session");
        let id = client.session_id().await.expect("the driver answers").expect("a session has an id");
        let address = format!("http://127.0.0.1:{port}/session/{id}");
        let display = desktop.machine.display().map(str::to_owned);
        let picture = desktop.machine.dir().join("logs/screen.png");
        Self { client, address, driver: driver.0.take().expect("it was started"), display, picture }
    }

    /// Waits for an element and returns it.
    ///
    /// # Panics
    /// When it does not come, with the page's text.
    pub async fn find_soon(&self, css: &str) -> fantoccini::elements::Element {
        let found = self.client.wait().at_most(Duration::from_secs(20)).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(why) => panic!("no {css} ({why}) in:\n{}", self.client.source().await.unwrap_or_default()),
        }
    }

    /// Waits for a button with this text and clicks it.
    ///
    /// # Panics
    /// When it does not come, with the page's text.
    pub async fn press(&self, label: &str) {
        let xpath = format!("//button[normalize-space(.)='{label}' and not(@disabled)]");
        let found = self.client.wait().at_most(Duration::from_secs(20)).for_element(Locator::XPath(&xpath)).await;
        match found {
            Ok(button) => button.click().await.unwrap_or_else(|why| panic!("\"{label}\" cannot be pressed: {why}")),
            Err(why) => panic!("no button \"{label}\" ({why}) in:\n{}", self.client.source().await.unwrap_or_default()),
        }
    }

    /// Waits for a line of an open menu with this text and chooses it.
    ///
    /// # Panics
    /// When it does not come, with the page's text.
    pub async fn pick(&self, label: &str) {
        let xpath = format!("//li[starts-with(@role, 'menuitem') and normalize-space(.)='{label}']");
        let found = self.client.wait().at_most(Duration::from_secs(20)).for_element(Locator::XPath(&xpath)).await;
        match found {
            // The window may be gone before the driver has its answer.
            Ok(line) => drop(line.click().await),
            Err(why) => panic!("no \"{label}\" ({why}) in:\n{}", self.client.source().await.unwrap_or_default()),
        }
    }

    /// Waits for a label with this text and clicks it.
    ///
    /// # Panics
    /// When it does not come, with the page's text.
    pub async fn click_text(&self, text: &str) {
        let xpath = format!("//label[normalize-space(.)='{text}']");
        let found = self.client.wait().at_most(Duration::from_secs(20)).for_element(Locator::XPath(&xpath)).await;
        match found {
            Ok(label) => label.click().await.unwrap_or_else(|why| panic!("\"{text}\" cannot be clicked: {why}")),
            Err(why) => panic!("no \"{text}\" ({why}) in:\n{}", self.client.source().await.unwrap_or_default()),
        }
    }

    /// Waits until the page shows a text that pleases, and returns it.
    pub async fn text_with(&self, what: &str, pleases: impl Fn(&str) -> bool) -> String {
        let start = std::time::Instant::now();
        loop {
            // The driver's own "text" leaves out what lies in boxes that cut.
            let text = match self.client.execute("return document.body.textContent", Vec::new()).await {
                Ok(text) => text.as_str().unwrap_or_default().to_owned(),
                Err(why) => why.to_string(),
            };
            if pleases(&text) {
                return text;
            }
            assert!(start.elapsed() < crate::wait::PATIENCE, "waited in vain: {what}, in:\n{text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the session and the app in order.
    pub async fn close(self) {
        self.client.clone().close().await.ok();
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Some(display) = &self.display {
                display::keep_screen(display, &self.picture);
            }
            let address = format!("{}/execute/sync", self.address);
            match std::thread::spawn(move || reads(&address)).join() {
                Ok(Ok(text)) => eprintln!("the window says:\n{text}"),
                Ok(Err(why)) => eprintln!("the window says nothing: {why}"),
                Err(_) => eprintln!("the window could not be asked"),
            }
        }
        imagepic_virtual::end(&mut self.driver);
    }
}

/// The text of a session's page, without a runtime of the test's, which may be ending.
fn reads(address: &str) -> Result<String, String> {
    let asked = async {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let script = json!({ "script": "return document.title + '\\n' + document.body.innerText", "args": [] });
        client.post(address).body(script.to_string()).send().await?.text().await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let answer = runtime.block_on(asked).map_err(|error| error.to_string())?;
    let answer: serde_json::Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
    answer["value"].as_str().map(str::to_owned).ok_or_else(|| answer.to_string())
}

/// Ends the driver when a session does not come about.
struct Guard(Option<Child>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(driver) = &mut self.0 {
            imagepic_virtual::end(driver);
        }
    }
}
