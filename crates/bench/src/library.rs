//! The windows on a home with the uploads of ten years: how long until each is drawn, what the library shows and takes while it is
//! scrolled, and how fast a search answers. On a desktop that nobody looks at, by the windows' own pixels: a listed window may still be blank.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use imagepic_core::engine::{Engine, LibraryQuery, Role};
use imagepic_core::home::Home;
use imagepic_core::outside::Outside;
use imagepic_tests::display::{self, Eye, Shown};
use imagepic_tests::tray::Tray;
use imagepic_virtual::{Options, VirtualDesktop, ask_to_end};

use crate::{Outcome, scrolling};

const UPLOADS: u32 = 100_000;
const OPENED: usize = 9;
/// Between opening the menu and choosing a line from it: who is quick with a mouse. Meanwhile a web process may be begun.
const READS: Duration = Duration::from_millis(600);
const PATIENCE: Duration = Duration::from_secs(20);
/// A window, by its line in the tray and its title.
struct Asked {
    line: &'static str,
    title: &'static str,
    /// Where it has letters once it is drawn, in pixels of the window: of the library the second row of tiles.
    letters: (i16, i16, u16, u16),
}
const LIBRARY: Asked = Asked { line: "Library", title: "Library", letters: (230, 250, 360, 200) };
const SETTINGS: Asked = Asked { line: "Settings", title: "Settings", letters: (240, 60, 360, 240) };
const DROP_ZONE: Asked = Asked { line: "Drop zone", title: "Drop zone", letters: (20, 20, 260, 180) };
/// What is painted there once letters are: they have many greys. Before, it is the ground alone.
const PAINTED: usize = 16;

/// Fills the home, opens the window again and again and prints the medians.
pub(crate) async fn measure(app: &Path, home: &Path) -> Outcome {
    let kept = Home::at(home);
    Engine::open(kept.clone(), Outside::without_desktop(&kept), Role::Console).await?.close().await;
    fill(&kept)?;
    imagepic_tests::desktop::greeted(home);
    let search_ms = search(&kept).await?;

    let mut desktop = VirtualDesktop::start(&Options::default())?;
    desktop.start_keychain()?;
    let tray = Tray::start(desktop.bus()).await;
    let known = tray.registrations();
    let mut running = desktop.command(app).env("IMAGEPIC_HOME", home).env("LANG", "C.UTF-8").stdout(Stdio::null()).spawn()?;
    let begun = Instant::now();
    while tray.registrations() == known {
        if begun.elapsed() > PATIENCE {
            return Err("no icon in the tray within 20 s".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let outcome = windows(&desktop, &tray, app, home, &running).await;
    ask_to_end(&mut running, PATIENCE);
    let mut figures = outcome?;
    figures["search_ms"] = search_ms.into();
    println!("{figures}");
    Ok(())
}

/// Each window asked for by its line in the tray, the library by a further start of the app and by the console program, too; and what
/// that one takes.
async fn windows(desktop: &VirtualDesktop, tray: &Tray, app: &Path, home: &Path, running: &Child) -> Outcome<serde_json::Value> {
    let mut figures = serde_json::json!({});
    for (name, asked) in [("drop_zone_ms", DROP_ZONE), ("settings_ms", SETTINGS), ("open_ms", LIBRARY)] {
        let mut times = Vec::new();
        // The first one fills the file cache.
        for round in 0..=OPENED {
            tray.wait_for(&[asked.line]).await;
            tray.open().await;
            tokio::time::sleep(READS).await;
            let begun = Instant::now();
            tray.click(&[asked.line]).await;
            let window = drawn(desktop, &asked, begun).await?;
            if round > 0 {
                times.push(begun.elapsed());
            }
            close(desktop, &window).await;
        }
        figures[name] = median(times).into();
    }
    let console = app.with_file_name("imagepic");
    let mut last = None;
    for (name, program, first) in [("open_by_program_ms", app, None), ("open_by_console_ms", &*console, Some("desktop"))] {
        let mut times = Vec::new();
        for _ in 0..OPENED {
            if let Some(window) = last.take() {
                close(desktop, &window).await;
            }
            let begun = Instant::now();
            let mut asks = desktop.command(program);
            let asks = asks.env("IMAGEPIC_HOME", home).args(first).args(["--show", "library"]);
            // It says whom it asked; what is printed here is read.
            let mut asks = asks.stdout(Stdio::null()).spawn()?;
            last = Some(drawn(desktop, &LIBRARY, begun).await?);
            times.push(begun.elapsed());
            asks.wait()?;
        }
        figures[name] = median(times).into();
    }
    let window = last.ok_or("the library was never opened")?;
    figures["by_key"] = scrolling::by_key(desktop, &window)?.figures();
    tokio::time::sleep(Duration::from_secs(2)).await;
    figures["memory_mb"] = proportional(running.id())?.into();
    figures["by_wheel"] = scrolling::by_wheel(desktop, &window)?.figures();
    figures["by_thumb"] = scrolling::by_thumb(desktop, &window)?.figures();
    close(desktop, &window).await;
    Ok(figures)
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

async fn close(desktop: &VirtualDesktop, window: &Shown) {
    display::close(desktop, window);
    while display::windows(desktop).iter().any(|shown| shown.id == window.id) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn drawn(desktop: &VirtualDesktop, asked: &Asked, begun: Instant) -> Outcome<Shown> {
    let mut seen: Option<(Shown, Eye)> = None;
    while begun.elapsed() < PATIENCE {
        if seen.is_none() {
            let window = display::windows(desktop).into_iter().find(|shown| shown.title == asked.title);
            // One line to the display for all looks: what looking takes is missing to who draws.
            seen = window.map(|window| (window.clone(), Eye::on(desktop, &window, asked.letters)));
        }
        if let Some((_, eye)) = &seen
            && eye.colours().is_some_and(|colours| colours >= PAINTED)
            && let Some((window, _)) = seen
        {
            return Ok(window);
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    Err(format!("{} was not drawn within 20 s", asked.title).into())
}

/// Memory of the window's processes in MB: what is theirs alone, and their share of what several have (proc(5), `Pss`).
fn proportional(app: u32) -> Outcome<f64> {
    let mut sum = 0.0;
    let of = imagepic_tests::desktop::descendants(app);
    for (pid, _) in of.iter().filter(|(_, name)| name.starts_with("WebKit")) {
        let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let kib =
            smaps.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
        sum += kib.ok_or("the kernel tells no Pss")? * 1024.0 / 1e6;
    }
    if sum == 0.0 { Err(format!("the window has no processes of its own among {of:?}").into()) } else { Ok(sum) }
}

/// The median of what answers take while somebody types, the one that reads the history first left out.
async fn search(home: &Home) -> Outcome<f64> {
    let engine = Engine::open(home.clone(), Outside::without_desktop(home), Role::Console).await?;
    let mut times = Vec::new();
    for text in ["", "s", "sc", "screenshot", "登录页", "screenshot 77777", "nowhere", "screenshot-99999-", "d"] {
        for _ in 0..5 {
            let begun = Instant::now();
            let query = LibraryQuery { text: text.to_owned(), ..LibraryQuery::default() };
            let found = engine.library().find(query).await?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            if found.all != UPLOADS {
                return Err(format!("the library has {} uploads, not {UPLOADS}", found.all).into());
            }
        }
    }
    engine.close().await;
    times.remove(0);
    times.sort_by(f64::total_cmp);
    // What a person waits for now and then counts, not what is usual.
    Ok(times[times.len() * 9 / 10])
}

/// Rows as years of work leave them, made in the journal itself; the newest of now.
fn fill(home: &Home) -> Outcome {
    let journal = rusqlite::Connection::open(home.journal_file())?;
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
         INSERT INTO uploads (batch, position, state, source, name, size, content_type, width, height, original, prepared, destination, \
         bucket, folder, key, taken_at, done_at, deliver, created, changed) \
         SELECT i, 0, 'done', 'drop', 'screenshot-' || i || '-登录页.png', 80000 + i, 'image/png', 1440, 900, zeroblob(32), zeroblob(32), \
         'this-computer', 'images', '', 'docs/img/screenshot-' || i || '-' || hex(randomblob(4)) || '.png', \
         1500000000000 + i * 2400000, 1500000000000 + i * 2400000, 'no', 1, i FROM n";
    journal.execute(rows, [UPLOADS])?;
    Ok(())
}
