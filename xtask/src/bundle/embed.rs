//! What other pages embed: `embed.js` with the custom element and `embed.html` for frames, under names that stay.

use super::output::Output;
use super::small::Small;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::Path;

/// Where their sources are.
pub(super) const FOLDER: &str = "frontend/src/embed";
/// What stands in the element's source for the names of the bundle's files.
const FILES: &str = "const FILES = { page: '', chart: '', styles: [] };";

/// Writes both; `page` is the finished index.html, whose style sheets and chart library they use too.
pub(super) fn write(
    root: &Path,
    page: &str,
    script: &str,
    small: &Small<'_>,
    output: &mut Output<'_>,
) -> Result<()> {
    let read = |name: &str| {
        std::fs::read_to_string(root.join(FOLDER).join(name)).with_context(|| format!("{FOLDER}/{name}"))
    };
    let element = with_files(&read("element.js")?, page, script)?;
    output.write_plain("embed.js", &small.file("embed.js", element.into_bytes())?)?;
    let mut frame = read("frame.html")?;
    for name in ["frame.css", "frame.js"] {
        let written = output.write_hashed(name, &small.file(name, read(name)?.into_bytes())?)?;
        frame = frame.replace(&format!("\"{name}\""), &format!("\"{written}\""));
    }
    output.write_plain("embed.html", frame.as_bytes())
}

/// The element's source with the names of what it loads.
fn with_files(element: &str, page: &str, script: &str) -> Result<String> {
    let styles: Vec<&str> = values(page, "<link rel=\"stylesheet\" href=\"");
    let scripts = values(page, "<script src=\"");
    let chart =
        scripts.iter().find(|name| name.contains("charts")).context("index.html has no chart library")?;
    ensure!(element.contains(FILES), "element.js does not say `{FILES}`");
    let files = json!({ "page": script, "chart": chart, "styles": styles });
    Ok(element.replace(FILES, &format!("const FILES = {files};")))
}

/// What stands between `start` and the next quote, wherever it does.
fn values<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_element_names_what_the_page_uses() {
        let page = "<link rel=\"stylesheet\" href=\"a-1.css\"><link rel=\"stylesheet\" href=\"b-2.css\">\
            <script src=\"boot-3.js\"></script><script src=\"charts-4.js\"></script>";
        let element = with_files(&format!("{FILES}\nx"), page, "app-5.js").unwrap();
        assert_eq!(
            element,
            "const FILES = {\"chart\":\"charts-4.js\",\"page\":\"app-5.js\",\"styles\":[\"a-1.css\",\"b-2.css\"]};\nx"
        );
        assert!(with_files("x", page, "l").is_err());
    }
}
