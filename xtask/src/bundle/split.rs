//! The compiled page cut where `lazy!` marks it: a main module for the first visit, a file per group for later.
//!
//! The splitter follows relocations from each marked function, so it needs a module linked with `--emit-relocs`. What
//! several groups use and the main module does not becomes a file of its own that comes with each of them.

use super::places;
use anyhow::{Context, Result, anyhow, ensure};
use std::path::{Path, PathBuf};

/// Module under which the main module imports the loaders of its parts.
pub(super) const LINK: &str = "./__wasm_split.js";
/// The glue, as the splitter's script imports it.
pub(super) const MAIN: &str = "./main.js";
/// How the splitter's script compiles a part; it wants a media type that not every host of static files sends.
const STREAMING: &str = "WebAssembly.instantiateStreaming(src, imports)";
const COMPILED: &str = "src.then((response) => response.ok ? response.arrayBuffer() : Promise.reject(new Error(`${response.url}: status ${response.status}`))).then((bytes) => WebAssembly.instantiate(bytes, imports))";

/// A module and its parts.
pub(super) struct Split {
    /// Still to go through wasm-bindgen.
    pub(super) main: PathBuf,
    /// File names as the script has them, and the files.
    pub(super) parts: Vec<(String, PathBuf)>,
    /// The script that loads parts.
    pub(super) script: String,
}

/// Splits `compiled`, with intermediate files in `dir`.
pub(super) fn split(compiled: &Path, dir: &Path) -> Result<Split> {
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir)?;
    let input = std::fs::read(compiled).with_context(|| compiled.display().to_string())?;
    let (input, _) = places::forget(&input).context("places of panics")?;
    let main = dir.join("main.wasm");
    let mut options = wasm_split_cli_support::Options::new(&input);
    options.output_dir = dir;
    options.main_out_path = &main;
    options.link_name = LINK;
    let done =
        wasm_split_cli_support::transform(options).map_err(|error| anyhow!("wasm-split: {error:#}"))?;
    let script = std::fs::read_to_string(dir.join(LINK)).context("wasm-split wrote no script")?;
    let mut parts = Vec::new();
    for path in done.split_modules {
        let name =
            path.file_name().and_then(|name| name.to_str()).context("a part without a name")?.to_string();
        // Groups that need nothing of their own have no file to load.
        if script.contains(&format!("\"./{name}\"")) {
            parts.push((name, path));
        }
    }
    parts.sort();
    Ok(Split { main, parts, script: without_media_type(&script)? })
}

fn without_media_type(script: &str) -> Result<String> {
    ensure!(script.contains(STREAMING), "wasm-split's script compiles parts otherwise than known");
    Ok(script.replace(STREAMING, COMPILED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_needs_no_media_type() {
        let script =
            format!("import {{ initSync }} from \"{MAIN}\";\nconst f = async (imports) => ({STREAMING});");
        let own = without_media_type(&script).unwrap();
        assert!(
            own.contains("WebAssembly.instantiate(bytes, imports)") && !own.contains("Streaming"),
            "{own}"
        );
        assert!(without_media_type("import x from \"y\";").is_err());
    }
}
