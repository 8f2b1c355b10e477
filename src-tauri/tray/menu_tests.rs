use std::collections::HashMap;
use std::fmt::Write as _;

use imagepic_core::capture::Source;
use imagepic_core::destination::{Destination, Kind, S3Address, THIS_COMPUTER};
use imagepic_core::engine::{Folder, Known};
use imagepic_core::event::{Place, Stage, State};

use super::*;

fn place(bucket: &str, folder: &str) -> Place {
    Place {
        destination: "atelier".to_owned(),
        name: "Atelier".to_owned(),
        bucket: bucket.to_owned(),
        folder: folder.to_owned(),
        max_bytes: None,
        only_here: false,
    }
}

fn upload(id: i64, name: &str) -> Upload {
    Upload {
        id,
        batch: 1,
        position: 0,
        name: name.to_owned(),
        size: 83_000,
        sent: 83_000,
        content_type: "image/png".to_owned(),
        width: Some(1440),
        height: Some(900),
        source: Source::Drop,
        stage: Stage::Done,
        waiting: None,
        code: None,
        message: None,
        place: place("assets", "docs"),
        key: format!("docs/{name}"),
        taken_at: 0,
        done_at: Some(1),
        reused: false,
        expires_at: None,
        closed: false,
        made: None,
    }
}

/// English, at the moment the uploads were done, without keys.
fn outside(lang: Lang) -> Outside {
    Outside { lang, at: UNIX_EPOCH + Duration::from_millis(1), keys: String::new() }
}

/// The time of the uploads, where this computer is.
fn time() -> String {
    moment(UNIX_EPOCH, UNIX_EPOCH)
}

fn snapshot() -> Snapshot {
    Snapshot {
        state: State::Idle,
        line: "Ready · Atelier / assets / docs".to_owned(),
        place: place("assets", "docs"),
        open: Vec::new(),
        recent: vec![upload(7, "checkout-empty-state.png"), upload(6, "登录页-深色@2x.png")],
        paused: false,
        clipboard: ClipboardMode::Ask,
        offer: None,
        questions: vec![],
        format: Format::Markdown,
        formats: imagepic_core::settings::Link::default().formats(),
    }
}

fn destinations() -> Vec<Destination> {
    let mut atelier = Destination::this_computer("Atelier".to_owned());
    atelier.id = "atelier".to_owned();
    atelier.kind = Kind::S3(S3Address {
        endpoint: "https://s3.atelier.example".to_owned(),
        region: "eu-central-1".to_owned(),
        access_key: "AK".to_owned(),
        path_style: false,
        ca_file: None,
    });
    vec![atelier, Destination::this_computer("This computer".to_owned())]
}

fn places() -> Places {
    let folder = |folders: &[&str]| {
        std::sync::Arc::new(Folder { folders: folders.iter().map(|name| (*name).to_owned()).collect(), ..Folder::default() })
    };
    let known = Known {
        buckets: Some(std::sync::Arc::new(vec!["assets".to_owned(), "screenshots".to_owned()])),
        folders: HashMap::from([
            (("assets".to_owned(), String::new()), folder(&["docs/", "marketing/", "设计稿/"])),
            (("assets".to_owned(), "docs/".to_owned()), folder(&["docs/img/"])),
        ]),
        ..Known::default()
    };
    super::super::places::Places::with("atelier", known, std::time::SystemTime::now())
}

/// A menu as one sees it: two spaces a level, `[x]` chosen, `>` more below, `(…)` only words.
fn drawn(entries: &[Entry]) -> String {
    fn draw(entries: &[Entry], depth: usize, out: &mut String) {
        for entry in entries {
            let _ = write!(out, "{}", "  ".repeat(depth));
            let _ = match entry {
                Entry::Separator => writeln!(out, "--"),
                Entry::Words(words) => writeln!(out, "({words})"),
                Entry::Item(label, _) => writeln!(out, "{label}"),
                Entry::Check(label, on, _) => writeln!(out, "[{}] {label}", if *on { 'x' } else { ' ' }),
                Entry::Menu(label, _) => writeln!(out, "{label} >"),
            };
            if let Entry::Menu(_, below) = entry {
                draw(below, depth + 1, out);
            }
        }
    }
    let mut out = String::new();
    draw(entries, 0, &mut out);
    out
}

/// What choosing the line behind these labels does.
fn choose<'a>(entries: &'a [Entry], way: &[&str]) -> Option<&'a Action> {
    let (first, rest) = way.split_first()?;
    entries.iter().find_map(|entry| match entry {
        Entry::Item(label, action) | Entry::Check(label, _, action) if label == first && rest.is_empty() => Some(action),
        Entry::Menu(label, below) if label == first => choose(below, rest),
        _ => None,
    })
}

#[test]
fn the_menu_has_everything_in_its_order_in_english() {
    let menu = menu(&snapshot(), &destinations(), &places(), &outside(Lang::En));
    let time = time();
    assert_eq!(
        drawn(&menu),
        format!(
            "\
Upload clipboard
Upload files…
--
Recent >
  checkout-empty-state.png · {time}
  登录页-深色@2x.png · {time}
  --
  All uploads…
Upload to >
  ✓ Atelier >
    ✓ assets >
      [ ] Upload here
      New folder…
      --
      ✓ docs >
        [x] Upload here
        New folder…
        --
        img >
          [ ] Upload here
          New folder…
          --
          Look inside
          More in the library…
      marketing >
        [ ] Upload here
        New folder…
        --
        Look inside
        More in the library…
      设计稿 >
        [ ] Upload here
        New folder…
        --
        Look inside
        More in the library…
    screenshots >
      [ ] Upload here
      New folder…
      --
      Look inside
      More in the library…
  This computer >
    Upload to images
    --
    images >
      [ ] Upload here
      New folder…
      --
      Look inside
      More in the library…
  --
  Add destination…
Link as >
  [ ] URL
  [x] Markdown
  [ ] HTML
  [ ] BBCode
  [ ] CSS url()
  [ ] JSX
  --
  Edit templates…
--
Watch clipboard >
  [ ] Off
  [x] Ask
  [ ] Automatic
[ ] Pause
--
Drop zone
Library…
Settings…
--
Quit
"
        )
    );
}

#[test]
fn the_menu_speaks_chinese_where_the_settings_do() {
    let mut now = snapshot();
    now.recent.clear();
    now.paused = true;
    let menu = menu(&now, &destinations()[1..], &Places::default(), &outside(Lang::ZhCn));
    assert_eq!(
        drawn(&menu),
        "\
上传剪贴板
上传文件…
--
最近上传 >
  (还没有上传过)
上传到 >
  This computer >
    上传到 images
    --
    images >
      [ ] 上传到这里
      新建文件夹…
      --
      查看里面有什么
      更多内容在图库中…
  --
  添加上传目标…
链接格式 >
  [ ] URL
  [x] Markdown
  [ ] HTML
  [ ] BBCode
  [ ] CSS url()
  [ ] JSX
  --
  编辑模板…
--
监听剪贴板 >
  [ ] 关闭
  [x] 询问
  [ ] 自动
[x] 暂停
--
拖放区
图库…
设置…
--
退出
"
    );
}

#[test]
fn choosing_does_what_the_line_says() {
    let menu = menu(&snapshot(), &destinations(), &places(), &outside(Lang::En));
    let folder =
        Action::Use { destination: "atelier".to_owned(), bucket: Some("assets".to_owned()), folder: Some("docs/img".to_owned()) };
    assert_eq!(choose(&menu, &["Upload to", "✓ Atelier", "✓ assets", "✓ docs", "img", "Upload here"]), Some(&folder));
    let other = Action::Use { destination: THIS_COMPUTER.to_owned(), bucket: None, folder: None };
    assert_eq!(choose(&menu, &["Upload to", "This computer", "Upload to images"]), Some(&other));
    assert_eq!(choose(&menu, &["Recent", &format!("登录页-深色@2x.png · {}", time())]), Some(&Action::CopyLink(6)));
    assert_eq!(choose(&menu, &["Link as", "JSX"]), Some(&Action::Format(Format::Jsx)));
    assert_eq!(choose(&menu, &["Watch clipboard", "Automatic"]), Some(&Action::Watch(ClipboardMode::Automatic)));
    assert_eq!(choose(&menu, &["Pause"]), Some(&Action::Pause(true)));
    assert_eq!(choose(&menu, &["Link as", "Edit templates…"]), Some(&Action::EditTemplates));
}

#[test]
fn recent_uploads_say_when_they_were_and_when_their_links_end() {
    let hours = |count: i64| count * 3_600_000;
    let at = |hours: u64| Outside { at: UNIX_EPOCH + Duration::from_secs(hours * 3600), ..outside(Lang::En) };
    let said = |ends: Option<i64>, now: u64| when(&Upload { expires_at: ends, ..upload(1, "a.png") }, &at(now));
    assert_eq!(said(Some(hours(6)), 1), "link ends in 5 h");
    assert_eq!(said(Some(hours(2) - 1), 1), "link ends within the hour");
    assert_eq!(said(Some(hours(1) - 1), 1), "link has ended");
    assert_eq!(said(Some(hours(25)), 1), said(None, 1), "that is far away");
    assert_eq!(said(None, 0), time());
    // Three days later the day is said.
    assert_eq!(said(None, 72).len(), "2026-11-21 10:32".len());
}

#[test]
fn own_templates_stand_apart_and_keys_are_named_where_there_are_some() {
    let mut now = snapshot();
    now.formats.push(Format::named("custom:Docusaurus").expect("a name"));
    let menu = menu(&now, &[], &Places::default(), &Outside { keys: "Ctrl+Alt+U".to_owned(), ..outside(Lang::En) });
    let drawn = drawn(&menu);
    assert!(drawn.contains("  [ ] JSX\n  --\n  [ ] Docusaurus\n  --\n  Edit templates…\n"), "{drawn}");
    assert!(drawn.starts_with("Upload clipboard (Ctrl+Alt+U)\n"), "{drawn}");
}

#[test]
fn an_offer_says_what_it_would_upload() {
    let image = Offer { id: 3, size: 212_000, width: Some(1440), height: Some(900), files: 0 };
    let entries = offer(Some(&image), Lang::En);
    assert_eq!(drawn(&entries), "Upload the screenshot (1440 × 900)\nNot this one\n--\n");
    assert_eq!(choose(&entries, &["Not this one"]), Some(&Action::Offer { id: 3, upload: false }));

    let files = Offer { files: 2, width: None, height: None, ..image };
    assert_eq!(drawn(&offer(Some(&files), Lang::ZhCn)), "上传剪贴板中的 2 个文件\n不传这个\n--\n");
    assert!(offer(None, Lang::En).is_empty());
}

#[test]
fn what_waits_for_its_name_stands_above_all_and_leads_to_the_window_that_asks() {
    let waiting = |id, waiting| Upload { stage: Stage::Waiting, waiting: Some(waiting), ..upload(id, "a.png") };
    let open = [waiting(1, Waiting::Name), waiting(2, Waiting::Network), waiting(3, Waiting::Name)];
    let opens = Action::Open(Window::DropZone);
    assert_eq!(names(&open, Lang::En), [Entry::Item("Name 2 images…".to_owned(), opens.clone()), Entry::Separator]);
    assert_eq!(names(&open[..2], Lang::En)[0], Entry::Item("Name 1 image…".to_owned(), opens.clone()));
    assert_eq!(names(&open, Lang::ZhCn)[0], Entry::Item("为 2 张图片命名…".to_owned(), opens));
    assert_eq!(names(&open[1..2], Lang::En), []);
}
