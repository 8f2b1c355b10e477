//! The texts that come with the package: manual pages, copyright, changelog. They are made from what stands elsewhere already.

use std::collections::BTreeSet;

use super::package::About;
use crate::sh;

/// Who answers for the package. The address is one that by its very name reaches nobody (RFC 2606) until the project has one.
pub(crate) const MAINTAINER: &str = "The imagepic authors <authors@imagepic.invalid>";

/// A manual page out of what the program says when asked for help: one section for the program and one for each of its commands.
pub(crate) fn manual(program: &str, about: &About, help: impl Fn(&[&str]) -> Result<String, String>) -> Result<String, String> {
    let day = about.date.split(' ').skip(1).take(3).collect::<Vec<_>>().join(" ");
    let mut page =
        format!(".TH {} 1 \"{day}\" \"imagepic {}\" \"User Commands\"\n", roff(&program.to_uppercase()), about.version);
    let purpose = match program {
        "imagepic-desktop" => about.word("/shortDescription")?.to_owned(),
        _ => help(&[])?.lines().next().unwrap_or_default().to_owned(),
    };
    page.push_str(&format!(".SH NAME\n{} \\- {}\n", roff(program), roff(&purpose)));
    describe(&mut page, program, &mut Vec::new(), &help)?;
    Ok(page)
}

/// The help of one command, as it stands, and that of the commands below it.
fn describe(
    page: &mut String,
    program: &str,
    path: &mut Vec<String>,
    help: &impl Fn(&[&str]) -> Result<String, String>,
) -> Result<(), String> {
    let said = help(&path.iter().map(String::as_str).collect::<Vec<_>>())?;
    let title = if path.is_empty() { "DESCRIPTION".to_owned() } else { format!("{program} {}", path.join(" ")) };
    page.push_str(&format!(".SH \"{}\"\n.nf\n", roff(&title)));
    for line in said.trim_end().lines() {
        page.push_str(&roff(line));
        page.push('\n');
    }
    page.push_str(".fi\n");
    for command in commands(&said) {
        path.push(command);
        describe(page, program, path, help)?;
        path.pop();
    }
    Ok(())
}

/// The names below "Commands:", but for "help", which says what the page says.
fn commands(help: &str) -> Vec<String> {
    let below = help.lines().skip_while(|line| line.trim() != "Commands:").skip(1);
    let listed = below.take_while(|line| !line.trim().is_empty());
    // Deeper lines go on with what the line above says.
    let names = listed
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// A line as roff shows it unchanged.
pub(crate) fn roff(line: &str) -> String {
    let plain = line.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    if plain.starts_with(['.', '\'']) { format!("\\&{plain}") } else { plain }
}

/// Debian's machine-readable copyright file.
pub(crate) fn copyright() -> Result<String, String> {
    let licence = std::fs::read_to_string(sh::root().join("LICENSE")).map_err(|why| format!("LICENSE: {why}"))?;
    let owner = licence.lines().find_map(|line| line.strip_prefix("Copyright (c) ")).ok_or("LICENSE names no owner")?;
    let terms = licence.split_once("\n\n").and_then(|(_, rest)| rest.split_once("\n\n")).ok_or("LICENSE has no terms")?.1;
    let terms: String =
        terms.trim_end().lines().map(|line| if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") }).collect();
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: imagepic\nComment:\n The libraries compiled into both programs, and their licences, are listed in\n /usr/share/doc/imagepic/third-party.gz.\n\nFiles: *\nCopyright: {owner}\nLicense: MIT\n{terms}"
    ))
}

/// The libraries that are compiled into the programs, with their licences.
pub(crate) fn third_party() -> Result<String, String> {
    let mut tree = sh::cargo();
    tree.args(["tree", "--locked", "-p", "imagepic-cli", "-p", "imagepic-desktop", "-e", "normal", "--prefix", "none"]);
    let tree = sh::read(tree.args(["--format", "{p}\t{l}\t{r}"]))?;
    let named: BTreeSet<String> = tree
        .lines()
        .filter(|line| !line.starts_with("imagepic") && !line.trim().is_empty())
        .map(|line| {
            let mut words = line.trim_end_matches(" (*)").split('\t');
            let (package, licence, home) =
                (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
            format!("{}\n  {licence}\n  {home}\n", package.replace(" (proc-macro)", ""))
        })
        .collect();
    if named.is_empty() {
        return Err("cargo tree names no libraries".into());
    }
    Ok(format!("Compiled into imagepic and imagepic-desktop:\n\n{}", named.into_iter().collect::<String>()))
}

/// Debian's changelog: what changed stands in ours.
pub(crate) fn changelog(about: &About) -> String {
    format!(
        "imagepic ({}) stable; urgency=medium\n\n  * See changelog.gz for what changed in imagepic.\n\n -- {MAINTAINER}  {}\n",
        about.full_version(),
        about.date
    )
}

/// Paragraphs as a control file wants them: each line begins with a space and is no longer than `width` letters.
pub(crate) fn folded(text: &str, width: usize) -> String {
    let mut folded = String::new();
    for (number, paragraph) in text.split('\n').filter(|paragraph| !paragraph.trim().is_empty()).enumerate() {
        if number > 0 {
            folded.push_str(" .\n");
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                folded.push_str(&format!(" {line}\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        folded.push_str(&format!(" {line}\n"));
    }
    folded
}
