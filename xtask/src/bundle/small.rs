//! What makes a release bundle small: wasm-opt, esbuild and an order of functions that compresses well.

use super::Kind;
use crate::project::Project;
use crate::shell::call;
use anyhow::{Context, Result};
use std::path::Path;

/// What npm's tools need to read of wasm: the features that rustc's target turns on.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Shrinks files of release bundles; those of others stay as they are.
pub(super) struct Small<'a> {
    project: &'a Project,
    kind: Kind,
}

impl<'a> Small<'a> {
    pub(super) fn new(project: &'a Project, kind: Kind) -> Self {
        Self { project, kind }
    }

    pub(super) fn is_release(&self) -> bool {
        self.kind == Kind::Release
    }

    /// A script or style sheet of that name, minified, or a font of what the page writes in it.
    pub(super) fn file(&self, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let script = match name.rsplit('.').next() {
            Some("js" | "css") => "xtask/js/minify.mjs",
            Some("woff2") => "xtask/js/font.mjs",
            _ => return Ok(bytes),
        };
        if !self.is_release() {
            return Ok(bytes);
        }
        self.through(name, &bytes, |input, output| self.node(&[script, input, output]))
    }

    /// One script of the module `start` and what it imports of `modules`, which have the paths they are imported by.
    pub(super) fn script(&self, start: &str, modules: &[(String, String)]) -> Result<Vec<u8>> {
        let dir = self.project.root.join("target/page/script");
        let _ = std::fs::remove_dir_all(&dir);
        for (path, text) in modules {
            let file = dir.join(path);
            std::fs::create_dir_all(file.parent().unwrap_or(&dir))?;
            std::fs::write(&file, text)?;
        }
        let (input, output) = (dir.join("start.js"), dir.join("out/app.js"));
        std::fs::write(&input, start)?;
        let how = if self.is_release() { "--bundle-small" } else { "--bundle" };
        self.node(&["xtask/js/minify.mjs", how, utf8(&input)?, utf8(&output)?])?;
        std::fs::read(&output).with_context(|| output.display().to_string())
    }

    /// The chart library, with as much of it as the page's script of that path names.
    pub(super) fn chart(&self, user: &str) -> Result<Vec<u8>> {
        let bytes = std::fs::read(self.project.root.join(user)).context(user.to_string())?;
        self.through("chart.js", &bytes, |input, output| {
            self.node(&["xtask/js/minify.mjs", "--chart", input, output])
        })
    }

    /// wasm-opt from npm's binaryen, and functions in an order of their content.
    ///
    /// Its size levels make the file 15 % smaller and what travels 6 % larger (240 kB in brotli against 227 kB
    /// untouched, 225 kB so): they break up the regular code that brotli feeds on. So it only removes what is dead
    /// or there twice.
    pub(super) fn wasm(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        if !self.is_release() {
            return Ok(bytes);
        }
        let passes = [
            "--duplicate-function-elimination",
            "--remove-unused-module-elements",
            "--vacuum",
            "--strip-debug",
            "--strip-producers",
        ];
        let bytes =
            self.through("app.wasm", &bytes, |input, output| self.wasm_opt(&passes, input, output))?;
        let bytes = self
            .through("app.wasm", &bytes, |input, output| self.node(&["xtask/js/order.mjs", input, output]))?;
        let passes = ["--reorder-functions-by-name", "--strip-debug"];
        self.through("app.wasm", &bytes, |input, output| self.wasm_opt(&passes, input, output))
    }

    fn wasm_opt(&self, passes: &[&str], input: &str, output: &str) -> Result<()> {
        let mut args = vec!["node_modules/binaryen/bin/wasm-opt"];
        args.extend(FEATURES.iter().chain(passes));
        args.extend([input, "-o", output]);
        self.node(&args)
    }

    fn node(&self, args: &[&str]) -> Result<()> {
        call("node", &self.project.root, args).run()
    }

    /// Writes the bytes to a file, has another file made of it and reads that.
    fn through(
        &self,
        name: &str,
        bytes: &[u8],
        make: impl FnOnce(&str, &str) -> Result<()>,
    ) -> Result<Vec<u8>> {
        let dir = self.project.root.join("target/page/small");
        let (input, output) = (dir.join("in").join(name), dir.join("out").join(name));
        for file in [&input, &output] {
            std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        }
        std::fs::write(&input, bytes)?;
        make(utf8(&input)?, utf8(&output)?)?;
        std::fs::read(&output).with_context(|| output.display().to_string())
    }
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not UTF-8")
}
