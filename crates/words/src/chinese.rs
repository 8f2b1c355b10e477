//! What a reader in Chinese meets: one name for one thing, and punctuation as Chinese has it, in the program, its windows and its read-me.

use std::fs;
use std::path::Path;

/// Words for what is called otherwise here.
const ELSEWHERE: [(&str, &str); 10] = [
    ("这台电脑", "本机"),
    ("计算机", "电脑"),
    ("托盘应用", "托盘程序"),
    ("控制台", "命令行"),
    ("账户", "账号"),
    ("目录", "文件夹"),
    ("响应", "应答"),
    ("桶名", "存储桶名"),
    ("自行继续", "自动继续"),
    ("连接不上", "无法连接"),
];
/// The one colon that is typed: `[DEST:]BUCKET/KEY`.
const TYPED: &str = "[上传目标:]";

fn han(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

/// Every file with Chinese sentences, and those lines of it that hold some.
fn lines() -> Vec<(String, String)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let locales = fs::read_dir(here.join("locales")).expect("sentences").map(|entry| entry.expect("an entry").path());
    let further = ["../../ui/src/locales/zh-CN.json", "../../README.zh-CN.md"].map(|path| here.join(path));
    let files = locales.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).chain(further);
    files
        .flat_map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("text");
            text.lines().filter(|line| line.chars().any(han)).map(|line| (name.clone(), line.to_owned())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_thing_has_one_name_in_chinese() {
    let lines = lines();
    assert!(lines.len() > 1000, "they are found");
    for (file, line) in &lines {
        for (word, instead) in ELSEWHERE {
            // "存储桶名" holds "桶名".
            let said = line.replace(instead, "").contains(word);
            assert!(!said, "{file}: {word} is called {instead} here: {line}");
        }
    }
}

#[test]
fn chinese_sentences_have_chinese_punctuation() {
    for (file, line) in lines() {
        let text: Vec<char> = line.replace(TYPED, "").chars().collect();
        let odd = text.windows(2).find(|two| han(two[0]) && matches!(two[1], ':' | ',' | ';' | '!' | '?' | '('));
        assert_eq!(odd, None, "{file}: {line}");
    }
}
