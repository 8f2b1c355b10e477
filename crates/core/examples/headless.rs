//! A resident engine without a desktop, for tests that kill it: uploads the files named on standard input, prints one line of JSON
//! for every event and for everything that was taken in, and ends with standard input once nothing is queued or on its way.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use imagepic_core::capture::Source;
use imagepic_core::engine::{Engine, Role, Submit, files};
use imagepic_core::event::{Stage, State};
use imagepic_core::home::Home;
use imagepic_core::outside::Outside;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::broadcast::error::RecvError;

fn say(line: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = Home::locate()?;
    let outside = Outside::without_desktop(&home);
    let engine = Engine::open(home, outside, Role::Desktop).await?;
    let mut events = engine.subscribe();
    let printing = tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(event) => {
                    if say(&serde_json::json!({ "event": event })).is_err() {
                        break;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
    });
    say(&serde_json::json!({ "ready": true }))?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        // Several files on one line make one batch.
        let paths: Vec<PathBuf> = line.split('\t').map(PathBuf::from).collect();
        let how = Submit { by_hand: true, ..Submit::default() };
        match engine.uploads().submit(files(paths, Source::CommandLine, SystemTime::now()), how).await {
            Ok(batch) => say(&serde_json::json!({ "taken": line, "uploads": batch.uploads, "refused": batch.refused }))?,
            Err(error) => say(&serde_json::json!({ "error": error.code, "message": error.to_string() }))?,
        }
    }
    let mut events = engine.subscribe();
    loop {
        let snapshot = engine.snapshot();
        let busy = snapshot.open.iter().any(|upload| matches!(upload.stage, Stage::Queued | Stage::Sending | Stage::Waiting));
        if !busy && snapshot.state != State::Working {
            break;
        }
        if matches!(events.recv().await, Err(RecvError::Closed)) {
            break;
        }
    }
    engine.close().await;
    printing.abort();
    say(&serde_json::json!({ "closed": true }))?;
    Ok(())
}
