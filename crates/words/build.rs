//! Turns `locales/*.toml` into one function a sentence, and fails the build where a language is missing or its placeholders differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sentence {
    en: String,
    #[serde(rename = "en-one")]
    en_one: Option<String>,
    #[serde(rename = "zh-CN")]
    zh_cn: String,
}

fn main() {
    println!("cargo:rerun-if-changed=locales");
    let mut files: Vec<_> = fs::read_dir("locales")
        .expect("locales/ is readable")
        .map(|entry| entry.expect("locales/ is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();

    let mut modules = String::new();
    let mut lookup = String::new();
    for file in &files {
        println!("cargo:rerun-if-changed={}", file.display());
        module(file, &mut modules, &mut lookup);
    }
    let code = format!(
        "{modules}\nfn sentence(key: &str) -> Option<&'static Sentence> {{\n    match key {{\n{lookup}        _ => None,\n    }}\n}}\n"
    );
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("sentences.rs"), code).expect("OUT_DIR is writable");
}

fn module(file: &Path, modules: &mut String, lookup: &mut String) {
    let subject = file.file_stem().and_then(|stem| stem.to_str()).expect("file names are ASCII");
    let text = fs::read_to_string(file).expect("locale file is readable");
    let sentences: BTreeMap<String, Sentence> =
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let _ = writeln!(
        modules,
        "/// Sentences of `locales/{subject}.toml`.\npub mod {subject} {{\n    use crate::Text;\n    use std::fmt::Display;"
    );
    for (name, sentence) in sentences {
        let parameters = placeholders(&sentence.en);
        let set: BTreeSet<_> = parameters.iter().collect();
        for (language, other) in [("zh-CN", Some(&sentence.zh_cn)), ("en-one", sentence.en_one.as_ref())] {
            let Some(other) = other else { continue };
            let theirs = placeholders(other);
            let theirs: BTreeSet<_> = theirs.iter().collect();
            // "1 image waits" may leave its number out.
            let fits = if language == "en-one" { theirs.is_subset(&set) } else { theirs == set };
            assert!(fits, "{}: [{name}]: {language} has the placeholders {theirs:?}, en has {set:?}", file.display());
        }
        let arguments: Vec<_> = parameters.iter().map(|parameter| format!("{parameter}: impl Display")).collect();
        let pairs: Vec<_> =
            parameters.iter().map(|parameter| format!("(\"{parameter}\".to_owned(), {parameter}.to_string())")).collect();
        let key = format!("{subject}.{name}");
        let _ = writeln!(
            modules,
            "    /// {}\n    pub fn {name}({}) -> Text {{\n        Text::new(\"{key}\", vec![{}])\n    }}",
            sentence.en.replace('\n', " ").replace('[', "\\[").replace('<', "\\<"),
            arguments.join(", "),
            pairs.join(", ")
        );
        let _ = writeln!(
            lookup,
            "        {key:?} => Some(&Sentence {{ en: {:?}, en_one: {:?}, zh_cn: {:?}, count: {:?} }}),",
            sentence.en,
            sentence.en_one,
            sentence.zh_cn,
            parameters.first()
        );
    }
    modules.push_str("}\n");
}

/// The names in braces, in order of first appearance; `{{` and `}}` stand for themselves.
fn placeholders(text: &str) -> Vec<String> {
    let text = text.replace("{{", "").replace("}}", "");
    let mut names = Vec::new();
    for part in text.split('{').skip(1) {
        let name = part.split('}').next().expect("split yields at least one part").to_owned();
        assert!(
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "the placeholder {{{name}}} is not lower_case"
        );
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
