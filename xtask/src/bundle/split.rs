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
/// How the splitter's script fetches a part: before its address, and after it. It wants a media type that not every
/// host of static files sends, and says all of this for each part.
const FETCH: [&str; 2] = [
    "() => {\n    const src = fetch(new URL(",
    ", import.meta.url));\n    src.catch(() => {});\n    return async (imports) => \
     (WebAssembly.instantiateStreaming(src, imports));\n}\n",
];
/// The same of any part, by its address.
const PART: &str = "
function part(address) {
    return () => {
        const bytes = fetch(new URL(address, import.meta.url)).then((response) => {
            if (!response.ok) throw new Error(`${response.url}: status ${response.status}`);
            return response.arrayBuffer();
        });
        bytes.catch(() => {});
        return async (imports) => WebAssembly.instantiate(await bytes, imports);
    };
}
";

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
    Ok(Split { main, parts, script: fetching(&script)? })
}

/// The script with one way to fetch for all parts, which goes by no media type.
fn fetching(script: &str) -> Result<String> {
    let [before, after] = FETCH;
    let short = script.replace(before, "part(").replace(after, ")");
    let known = script.contains(before) && !short.contains("Streaming") && !short.contains("fetch(");
    ensure!(known, "wasm-split's script fetches parts otherwise than known");
    Ok(short + PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_fetched_one_way_whatever_their_media_type() {
        let [before, after] = FETCH;
        let load = |name: &str| format!("const a = makeLoad({before}\"./{name}\"{after}, [b]);\n");
        let script = format!("import {{ initSync }} from \"{MAIN}\";\n{}{}", load("x.wasm"), load("y.wasm"));
        let own = fetching(&script).unwrap();
        assert!(own.contains("const a = makeLoad(part(\"./y.wasm\"), [b]);\n"), "{own}");
        assert_eq!(own.matches("fetch(").count(), 1);
        assert!(fetching("import x from \"y\";").is_err());
        assert!(fetching(&format!("{script}fetch(new URL(z))")).is_err());
    }
}
