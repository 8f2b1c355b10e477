use super::*;

#[test]
fn hidden_files_and_what_programs_have_not_finished_do_not_count() {
    let root = Path::new("/shots");
    let here = |name: &str| counts(root, &root.join(name), false);
    for name in ["a.png", "截图 1.png", "b", "part", "holiday.partly.png", "tmp.png"] {
        assert!(here(name), "{name}");
    }
    for name in [
        ".a.png",
        "a.png.part",
        "a.crdownload",
        "b.TMP",
        "a.png~",
        "#a#",
        ".goutputstream-X",
        "a.download",
        "~$x.png",
        "deep/a.png",
        "../a.png",
        "",
    ] {
        assert!(!here(name), "{name}");
    }
    let deep = |name: &str| counts(root, &root.join(name), true);
    assert!(deep("a/b/c.png"));
    assert!(!deep("a/.git/c.png") && !deep(".thumbnails/c.png"));
    assert!(!deep(&format!("{}x.png", "d/".repeat(DEPTH))), "too deep");
}

#[test]
fn a_folder_that_would_feed_itself_is_refused_however_it_is_reached() {
    let dir = tempfile::tempdir().expect("a folder");
    let base = fs::canonicalize(dir.path()).expect("a path");
    let home = Home::at(base.join("data/imagepic"));
    home.prepare().expect("a home");
    let shots = base.join("shots");
    fs::create_dir(&shots).expect("made");
    assert_eq!(admitted(&home, &shots, true).expect("a good one"), shots);
    assert_eq!(admitted(&home, &base.join("data"), false).expect("only what lies directly in it"), base.join("data"));
    for (path, recursive) in [
        (base.join("data/imagepic"), false),
        (base.join("data/imagepic/spool"), false),
        (base.join("data"), true),
        (base.clone(), true),
    ] {
        let error = admitted(&home, &path, recursive).expect_err("it would feed itself");
        assert_eq!((error.code, error.text.key()), (Code::BadRequest, "sources.folder_is_home"), "{}", path.display());
    }
    std::os::unix::fs::symlink(base.join("data"), base.join("way")).expect("a link");
    let error = admitted(&home, &base.join("way/imagepic"), false).expect_err("the same by another way");
    assert_eq!(error.text.key(), "sources.folder_is_home");
    std::os::unix::fs::symlink(&shots, base.join("link")).expect("a link");
    assert_eq!(admitted(&home, &base.join("link"), false).expect_err("a link").text.key(), "sources.folder_is_link");
    assert_eq!(admitted(&home, &base.join("none"), false).expect_err("nothing there").code, Code::FileMissing);
    fs::write(base.join("file"), "x").expect("written");
    assert_eq!(admitted(&home, &base.join("file"), false).expect_err("a file").text.key(), "sources.folder_is_file");
}

#[test]
fn the_home_of_a_person_and_what_holds_it_are_not_watched_and_folders_within_are() {
    let dir = tempfile::tempdir().expect("a folder");
    let base = fs::canonicalize(dir.path()).expect("a path");
    let home = Home::at(base.join("elsewhere/imagepic"));
    let person = base.join("people/me");
    fs::create_dir_all(person.join("Pictures")).expect("made");
    fs::create_dir_all(base.join("people/me too")).expect("made");
    std::os::unix::fs::symlink(base.join("people"), base.join("home")).expect("a link");
    // As the system names it, which need not be where it lies.
    let named = base.join("home/me");
    for recursive in [false, true] {
        for path in [person.clone(), base.join("people"), base.clone(), PathBuf::from("/"), base.join("home/me")] {
            let error = admitted_to(Some(&named), &home, &path, recursive).expect_err("everything would be uploaded");
            let said = (error.code, error.text.key());
            assert_eq!(said, (Code::BadRequest, "sources.folder_is_everything"), "{}", path.display());
        }
        for path in [person.join("Pictures"), base.join("people/me too")] {
            assert_eq!(admitted_to(Some(&named), &home, &path, recursive).expect("one that may be"), path);
        }
    }
    assert_eq!(
        admitted_to(None, &home, Path::new("/"), false).expect_err("all of it").text.key(),
        "sources.folder_is_everything"
    );
    let yours = std::env::home_dir().expect("a home");
    assert_eq!(admitted(&home, &yours, false).expect_err("the home").text.key(), "sources.folder_is_everything");
}

#[test]
fn nothing_is_reached_through_a_link() {
    let dir = tempfile::tempdir().expect("a folder");
    let base = fs::canonicalize(dir.path()).expect("a path");
    let (root, outside) = (base.join("root"), base.join("outside"));
    fs::create_dir_all(root.join("sub")).expect("made");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("secret.png"), "x").expect("written");
    fs::write(root.join("sub/good.png"), "x").expect("written");
    fs::write(root.join("empty.png"), "").expect("written");
    std::os::unix::fs::symlink(outside.join("secret.png"), root.join("a.png")).expect("a link");
    std::os::unix::fs::symlink(&outside, root.join("way")).expect("a link");
    let all = vec![root.join("empty.png"), root.join("sub/good.png")];
    assert_eq!(files(&root, &root, true), Files { paths: all.clone(), more: false });
    assert_eq!(up_to(2, &root, &root, true), Files { paths: all.clone(), more: false }, "as many as may be are not too many");
    assert_eq!(up_to(1, &root, &root, true), Files { paths: all[..1].to_vec(), more: true }, "what is left out is known");
    assert!(look(&root.join("sub/good.png")).is_some());
    for path in ["a.png", "way/secret.png", "sub", "empty.png", "none.png"] {
        assert!(look(&root.join(path)).is_none(), "{path}");
    }
    assert!(open(&root.join("a.png")).is_err(), "a link in the last moment");
}

#[test]
fn half_a_picture_is_known_by_its_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let ends = |bytes: &[u8]| {
        let path = dir.path().join("x");
        fs::write(&path, bytes).expect("written");
        end(&path)
    };
    let png = b"\x89PNG\r\n\x1a\n....IDAT....\0\0\0\0IEND\xae\x42\x60\x82";
    assert_eq!(ends(png), End::Whole);
    assert_eq!(ends(&png[..20]), End::Missing);
    assert_eq!(ends(b"GIF89a........\0;"), End::Whole);
    assert_eq!(ends(b"GIF89a........"), End::Missing);
    assert_eq!(ends(b"RIFF\x10\0\0\0WEBPVP8 ....1234"), End::Whole);
    assert_eq!(ends(b"RIFF\xff\0\0\0WEBPVP8 ....1234"), End::Missing);
    assert_eq!(ends(b"\xff\xd8\xff\xe0.........\xff\xd9"), End::Whole);
    assert_eq!(ends(b"\xff\xd8\xff\xe0........."), End::Unknown);
    assert_eq!(ends(b"<svg xmlns='http://www.w3.org/2000/svg'></svg>\n"), End::Whole);
    assert_eq!(ends(b"plain words"), End::Unknown);
}
