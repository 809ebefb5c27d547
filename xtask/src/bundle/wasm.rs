//! wasm-bindgen: compiled wasm to the module the browser loads, its glue and the local JS it imports.

use super::output::Output;
use super::small::Small;
use super::split::{self, Split};
use anyhow::{Context, Result};
use std::path::Path;
use wasm_bindgen_cli_support::Bindgen;

/// Beginning of the names of modules that are loaded when first needed.
pub(super) const LATER: &str = "later-";

/// Names of the written parts.
pub(super) struct Parts {
    wasm: String,
    glue: String,
    loader: String,
}

impl Parts {
    /// The module that starts the page; it exports `ready`, a promise, and `Embed`.
    pub(super) fn loader(&self) -> &str {
        &self.loader
    }

    /// What stands in the page in place of Trunk's rust link.
    pub(super) fn tags(&self) -> String {
        let Self { wasm, glue, loader } = self;
        format!(
            "<link rel=\"preload\" href=\"{wasm}\" as=\"fetch\" type=\"application/wasm\" crossorigin>\n    \
             <link rel=\"modulepreload\" href=\"{glue}\">\n    \
             <script type=\"module\" src=\"{loader}\"></script>"
        )
    }
}

/// Runs wasm-bindgen for the web target and writes wasm, glue, snippets and loader; `split` is given with its main
/// module as `compiled`.
pub(super) fn bindgen(
    compiled: &Path,
    split: Option<&Split>,
    output: &mut Output<'_>,
    small: &Small<'_>,
) -> Result<Parts> {
    let mut generated = Bindgen::new()
        .input_path(compiled)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        // Parts share the table of functions.
        .keep_lld_exports(split.is_some())
        .generate_output()
        .context("wasm-bindgen")?;
    let mut glue = generated.js().to_string();

    // Local modules live at `snippets/<crate>-<hash>/<path>`; numbered inline snippets beside them.
    let mut modules: Vec<(String, String)> = Vec::new();
    for (path, text) in generated.local_modules() {
        modules.push((format!("./snippets/{path}"), text.clone()));
    }
    for (name, texts) in generated.snippets() {
        for (i, text) in texts.iter().enumerate() {
            modules.push((format!("./snippets/{name}/inline{i}.js"), text.clone()));
        }
    }
    modules.sort();
    for (import, text) in modules {
        let name = Path::new(&import).file_name().and_then(|name| name.to_str()).unwrap_or("snippet.js");
        let written = output.write_hashed(name, &small.file(name, text.into_bytes())?)?;
        glue = import_from(&glue, &import, &written);
    }
    let parts = split.map(|split| write_parts(split, output, small)).transpose()?;
    if let Some(parts) = &parts {
        glue = import_from(&glue, split::LINK, parts);
    }
    anyhow::ensure!(
        !glue.contains("from \"./snippets/") && !glue.contains("from './snippets/"),
        "wasm-bindgen's glue imports a snippet that was not written"
    );

    let wasm = small.wasm(generated.wasm_mut().emit_wasm())?;
    let wasm = output.write_hashed("app.wasm", &wasm)?;
    let glue = output.write_hashed("app.js", &small.file("app.js", glue.into_bytes())?)?;
    let attach = parts.map_or_else(String::new, |parts| {
        format!("import {{ attach }} from './{parts}';\nattach(initSync);\n")
    });
    let loader = format!(
        "import init, {{ initSync, Embed }} from './{glue}';\n{attach}\
         export const ready = init({{ module_or_path: new URL('./{wasm}', import.meta.url) }});\nexport {{ Embed }};\n"
    );
    let loader = output.write_hashed("loader.js", loader.as_bytes())?;
    Ok(Parts { wasm, glue, loader })
}

/// Writes what is loaded later and the script that does, and gives the script's name.
fn write_parts(split: &Split, output: &mut Output<'_>, small: &Small<'_>) -> Result<String> {
    let mut script = split.script.clone();
    for (name, path) in &split.parts {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let written = output.write_hashed(&later_name(name), &small.wasm(bytes)?)?;
        script = script.replace(&format!("\"./{name}\""), &format!("\"./{written}\""));
    }
    output.write_hashed("parts.js", &small.file("parts.js", script.into_bytes())?)
}

/// `split_dialogs.wasm` to `later-dialogs.wasm`: by this beginning the table of sizes knows what no first visit loads.
fn later_name(name: &str) -> String {
    format!("{LATER}{}", name.trim_start_matches("split_").replace('_', "-"))
}

/// Only where it is imported from: the same text is also the key under which the wasm looks its imports up.
fn import_from(glue: &str, import: &str, written: &str) -> String {
    ['\'', '"'].iter().fold(glue.to_string(), |glue, quote| {
        glue.replace(&format!("from {quote}{import}{quote}"), &format!("from {quote}./{written}{quote}"))
    })
}
