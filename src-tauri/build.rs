//! Checks and embeds what the windows are made of: the built ui, the capabilities, the icons.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // tauri-build watches its own default places only; ours lie elsewhere, and an edit must not be missed.
    for watched in ["src-tauri/capabilities", "src-tauri/permissions", "tauri.conf.json", "icons", "ui/dist"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    if !Path::new("ui/dist/library.html").is_file() {
        return Err("ui/dist/library.html is missing: the windows have not been built yet. \
                    Run `cargo xtask setup` (it does everything), or `npm ci && npm run build` in ui/."
            .into());
    }
    let manifest = tauri_build::AppManifest::new().permissions_path_pattern("./src-tauri/permissions/**/*");
    let attributes =
        tauri_build::Attributes::new().capabilities_path_pattern("./src-tauri/capabilities/**/*").app_manifest(manifest);
    tauri_build::try_build(attributes)?;
    Ok(())
}
