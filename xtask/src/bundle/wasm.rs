//! wasm-bindgen: compiled wasm to the module the browser loads, its glue and the local JS it imports.

use super::output::Output;
use super::small::Small;
use super::split::{self, Split};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use wasm_bindgen_cli_support::Bindgen;

/// The class that the page exports.
const CLASS: &str = "Embed";
/// Beginning of the names of modules that are loaded when first needed.
pub(super) const LATER: &str = "later-";

/// Names of the written parts.
pub(super) struct Parts {
    wasm: String,
    script: String,
}

impl Parts {
    /// The module that starts the page; it exports `ready`, a promise, and `Embed`.
    pub(super) fn script(&self) -> &str {
        &self.script
    }

    /// What stands in the page in place of Trunk's rust link.
    pub(super) fn tags(&self) -> String {
        let Self { wasm, script } = self;
        format!(
            "<link rel=\"preload\" href=\"{wasm}\" as=\"fetch\" type=\"application/wasm\" crossorigin>\n    \
             <script type=\"module\" src=\"{script}\"></script>"
        )
    }
}

/// Runs wasm-bindgen for the web target and writes the wasm and one script: the glue, the local modules it imports and
/// what loads parts, which pack better together and are asked for once. `split` is given with its main module as
/// `compiled`.
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
    if small.is_release() {
        let module = generated.wasm_mut();
        // Crates export classes that the page does not name; what only they used goes with the next pass.
        for class in classes(&glue).into_iter().filter(|class| class != CLASS) {
            let exports = module.exports.iter().filter(|export| is_of_class(&export.name, &class));
            let gone: Vec<_> = exports.map(|export| export.id()).collect();
            gone.into_iter().for_each(|id| module.exports.delete(id));
            glue = without_class(&glue, &class);
        }
        let names = (module.imports.iter().map(|import| &import.name))
            .chain(module.exports.iter().map(|export| &export.name))
            .filter(|name| is_generated(name));
        let short = short_names(names);
        let names = (module.imports.iter_mut().map(|import| &mut import.name))
            .chain(module.exports.iter_mut().map(|export| &mut export.name));
        for name in names {
            if let Some(short) = short.get(name) {
                name.clone_from(short);
            }
        }
        glue = with_own_start(&renamed(&glue, &short))?;
    }

    let mut modules: Vec<(String, String)> = Vec::new();
    // Local modules live at `snippets/<crate>-<hash>/<path>`; numbered inline snippets beside them.
    for (path, text) in generated.local_modules() {
        modules.push((format!("./snippets/{path}"), text.clone()));
    }
    for (name, texts) in generated.snippets() {
        for (i, text) in texts.iter().enumerate() {
            modules.push((format!("./snippets/{name}/inline{i}.js"), text.clone()));
        }
    }
    if let Some(split) = split {
        modules.push((split::LINK.to_string(), write_parts(split, output, small)?));
    }
    modules.push((split::MAIN.to_string(), glue));

    let wasm = small.wasm(generated.wasm_mut().emit_wasm())?;
    let wasm = output.write_hashed("app.wasm", &wasm)?;
    let start = format!(
        "import init, {{ Embed }} from '{}';\n\
         export const ready = init({{ module_or_path: new URL('./{wasm}', import.meta.url) }});\nexport {{ Embed }};\n",
        split::MAIN
    );
    let script = output.write_hashed("app.js", &small.script(&start, &modules)?)?;
    Ok(Parts { wasm, script })
}

/// Where the glue begins to load the module.
const LOADS: &str = "async function __wbg_load(";
/// The same without what only other callers need: half a kilobyte less to send.
const START: &str = "
async function load({ module_or_path }) {
    const imports = __wbg_get_imports();
    const fetched = async () => {
        const response = await fetch(module_or_path);
        if (!response.ok) throw new Error(`${response.url}: status ${response.status}`);
        return response;
    };
    // Streaming wants a media type that not every host of static files sends.
    const whole = async () => WebAssembly.instantiate(await (await fetched()).arrayBuffer(), imports);
    const { instance, module } = await WebAssembly.instantiateStreaming(fetched(), imports).catch(whole);
    return __wbg_finalize_init(instance, module);
}
const initSync = () => wasm;
export { initSync, load as default };
";

fn with_own_start(glue: &str) -> Result<String> {
    let (before, _) = glue.split_once(LOADS).context("wasm-bindgen's glue starts otherwise than known")?;
    Ok(format!("{before}{START}"))
}

/// Whether wasm-bindgen alone speaks of an import or export by this name.
fn is_generated(name: &str) -> bool {
    ["__wbg_", "__wbindgen_", "__externref_", "wasm_bindgen_"].iter().any(|start| name.starts_with(start))
}

/// Whether a module's export is one of a class's methods.
fn is_of_class(export: &str, class: &str) -> bool {
    let name = export.strip_prefix("__wbg_").unwrap_or(export);
    name.strip_prefix(&class.to_ascii_lowercase()).is_some_and(|method| method.starts_with('_'))
}

/// Names of the classes a script exports.
fn classes(script: &str) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix("export class ")?.split(' ').next()?.to_string());
    script.lines().filter_map(name).collect()
}

/// A script without a class, the line that makes it disposable, which follows it, and what frees its instances.
fn without_class(script: &str, class: &str) -> String {
    let (opens, frees) = (format!("export class {class} {{"), format!("const {class}Finalization ="));
    let disposes = format!("if (Symbol.dispose) {class}.");
    let mut out = String::with_capacity(script.len());
    let (mut in_class, mut in_frees) = (false, false);
    for line in script.split_inclusive('\n') {
        in_class |= line.starts_with(&opens);
        in_frees |= line.starts_with(&frees);
        if !in_class && !in_frees {
            out.push_str(line);
        }
        in_class &= !line.starts_with(&disposes);
        in_frees &= !line.trim_end().ends_with(';');
    }
    out
}

/// Short names for those by which glue and module know each other: most hold a hash, which no packing makes smaller.
fn short_names<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, String> {
    let names: BTreeSet<&String> = names.collect();
    names.into_iter().enumerate().map(|(n, name)| (name.clone(), format!("${n:x}"))).collect()
}

/// A script with names replaced where they stand whole.
fn renamed(script: &str, short: &BTreeMap<String, String>) -> String {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let mut out = String::with_capacity(script.len());
    let mut rest = script;
    while let Some(start) = rest.find(in_name) {
        let (before, from) = rest.split_at(start);
        let (name, after) = from.split_at(from.find(|c| !in_name(c)).unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(short.get(name).map_or(name, String::as_str));
        rest = after;
    }
    out + rest
}

/// Writes what is loaded later and gives the script that does.
fn write_parts(split: &Split, output: &mut Output<'_>, small: &Small<'_>) -> Result<String> {
    let mut script = split.script.clone();
    for (name, path) in &split.parts {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let written = output.write_hashed(&later_name(name), &small.wasm(bytes)?)?;
        script = script.replace(&format!("\"./{name}\""), &format!("\"./{written}\""));
    }
    Ok(script)
}

/// `split_dialogs.wasm` to `later-dialogs.wasm`: by this beginning the table of sizes knows what no first visit loads.
fn later_name(name: &str) -> String {
    format!("{LATER}{}", name.trim_start_matches("split_").replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_nobody_names_is_left_out_whole() {
        let kept = "export class Embed {\nfree() {\n}\n}\nif (Symbol.dispose) Embed.prototype.x = 1;\n";
        let tail = "const EmbedFinalization = x;\n";
        let other = "export class Sink {\n__destroy_into_raw() {\n}\n}\n\
                     if (Symbol.dispose) Sink.prototype[Symbol.dispose] = Sink.prototype.free;\n";
        let frees =
            "const SinkFinalization = (typeof F === 'undefined')\n? { register: () => {} }\n: new F(p);\n";
        let script = [kept, other, frees, tail].concat();
        assert_eq!(classes(&script), ["Embed", "Sink"]);
        assert_eq!(without_class(&script, "Sink"), [kept, tail].concat());
        assert!(is_of_class("sink_write", "Sink") && is_of_class("__wbg_sink_free", "Sink"));
        assert!(!is_of_class("sinking", "Sink") && !is_of_class("__wbg_embed_free", "Sink"));
    }

    #[test]
    fn release_glue_starts_its_own_way() {
        let glue = format!("let wasm;\n{LOADS}module, imports) {{}}\nexport {{ initSync, x as default }};\n");
        assert_eq!(with_own_start(&glue).unwrap(), format!("let wasm;\n{START}"));
        assert!(with_own_start("let wasm;").is_err());
    }

    #[test]
    fn names_of_glue_and_module_become_short_where_they_stand_whole() {
        let names = ["__wbg_now_0123456789abcdef", "memory", "__wbindgen_malloc", "__wasm_split_shared0"];
        let names = names.map(String::from);
        let short = short_names(names.iter().filter(|name| is_generated(name)));
        assert_eq!(short.len(), 2);
        let script = "wasm.__wbindgen_malloc(a.memory, __wbindgen_malloc2); x={__wbg_now_0123456789abcdef:é}";
        assert_eq!(renamed(script, &short), "wasm.$1(a.memory, __wbindgen_malloc2); x={$0:é}");
    }
}
