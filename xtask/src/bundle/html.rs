//! index.html as Trunk reads it: `data-trunk` tags name what goes into the bundle.
//!
//! Understood: `<link data-trunk rel="rust|css|icon|copy-file|copy-dir" href="..">` and `<script data-trunk src="..">`.
//! A copied file that the page or a style sheet names gets a hashed name and the reference is rewritten; one that nobody
//! names is fetched by its name at run time and keeps it.

use super::output::Output;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One `data-trunk` tag.
pub(super) struct Link {
    rel: String,
    href: String,
    target_path: String,
    /// Where the tag stands in the text.
    span: Range<usize>,
}

impl Link {
    /// The files it brings into the bundle; none for the rust link.
    pub(super) fn files(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let path = root.join(&self.href);
        match self.rel.as_str() {
            "rust" => Ok(Vec::new()),
            "copy-dir" => {
                let mut files = Vec::new();
                for entry in
                    std::fs::read_dir(&path).with_context(|| format!("index.html names {}", self.href))?
                {
                    let entry = entry?.path();
                    if entry.is_file() {
                        files.push(entry);
                    }
                }
                files.sort();
                Ok(files)
            }
            _ => Ok(vec![path]),
        }
    }

    /// The name a copied file has in Trunk's output.
    fn served_name(&self, file: &Path) -> Result<String> {
        let mut parts: Vec<&str> = self.target_path.split('/').filter(|part| !part.is_empty()).collect();
        if self.rel == "copy-dir" && parts.is_empty() {
            parts.extend(Path::new(&self.href).file_name().and_then(|name| name.to_str()));
        }
        parts.push(file_name(file)?);
        Ok(parts.join("/"))
    }
}

/// All `data-trunk` tags in order.
pub(super) fn links(page: &str) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for span in tags(page) {
        let tag = &page[span.clone()];
        if !tag.contains(" data-trunk") {
            continue;
        }
        let rel = if tag.starts_with("<script") { "script" } else { value(tag, "rel").unwrap_or_default() };
        if !matches!(rel, "rust" | "css" | "icon" | "copy-file" | "copy-dir" | "script") {
            bail!("index.html: rel=\"{rel}\" is not one that `cargo xtask bundle` knows");
        }
        let name = if rel == "script" { "src" } else { "href" };
        let href = value(tag, name).with_context(|| format!("index.html: no {name} in {tag}"))?;
        let target_path = value(tag, "data-target-path").unwrap_or_default();
        links.push(Link { rel: rel.into(), href: href.into(), target_path: target_path.into(), span });
    }
    Ok(links)
}

/// The page for the bundle: Trunk's tags replaced, every local reference rewritten to the hashed file. `read` gives
/// a file as the bundle has it.
pub(super) fn rewrite(
    page: &str,
    root: &Path,
    read: impl Fn(&Path) -> Result<Vec<u8>>,
    rust_tags: &str,
    output: &mut Output<'_>,
) -> Result<String> {
    let links = links(page)?;
    let mut copied = Copied { files: BTreeMap::new() };
    for link in links.iter().filter(|link| link.rel.starts_with("copy-")) {
        for file in link.files(root)? {
            let served = link.served_name(&file)?;
            let bytes = read(&file)?;
            copied.files.insert(served, (bytes, None));
        }
    }

    // Style sheets that follow each other say much the same: in one file they pack better.
    let sheets: Vec<&Link> = links.iter().filter(|link| link.rel == "css").collect();
    let mut html = String::with_capacity(page.len());
    let mut at = 0;
    for span in tags(page) {
        html.push_str(&page[at..span.start]);
        at = span.end;
        let tag = &page[span.clone()];
        match links.iter().find(|link| link.span == span) {
            Some(link) if link.rel == "rust" => html.push_str(rust_tags),
            Some(link) if link.rel.starts_with("copy-") => drop_line(&mut html, page, &mut at),
            Some(link) if link.rel == "css" => {
                if sheets.first().is_some_and(|first| first.span == link.span) {
                    html.push_str(&one_sheet(
                        &sheets,
                        |link| read(&root.join(&link.href)),
                        &mut copied,
                        output,
                    )?);
                } else {
                    drop_line(&mut html, page, &mut at);
                }
            }
            Some(link) => html.push_str(&own_tag(link, &read(&root.join(&link.href))?, output)?),
            None => html.push_str(&ordinary_tag(tag, &mut copied, output)?),
        }
    }
    html.push_str(&page[at..]);
    copied.write_unnamed(output)?;
    Ok(html)
}

/// Copied files by the name Trunk would serve them under, with the hashed name once something named them.
struct Copied {
    files: BTreeMap<String, (Vec<u8>, Option<String>)>,
}

impl Copied {
    /// The hashed name of a copied file, written at its first use; none if nothing of that name is copied.
    fn hashed(&mut self, name: &str, output: &mut Output<'_>) -> Result<Option<String>> {
        let key = name.trim_start_matches("./").trim_start_matches('/');
        let Some((bytes, hashed)) = self.files.get_mut(key) else { return Ok(None) };
        if hashed.is_none() {
            let flat = key.rsplit('/').next().unwrap_or(key);
            *hashed = Some(output.write_hashed(flat, bytes)?);
        }
        Ok(hashed.clone())
    }

    fn write_unnamed(&self, output: &mut Output<'_>) -> Result<()> {
        for (name, (bytes, _)) in self.files.iter().filter(|(_, (_, hashed))| hashed.is_none()) {
            output.write_plain(name, bytes)?;
        }
        Ok(())
    }
}

/// All style sheets as one, in their order.
fn one_sheet(
    sheets: &[&Link],
    read: impl Fn(&Link) -> Result<Vec<u8>>,
    copied: &mut Copied,
    output: &mut Output<'_>,
) -> Result<String> {
    let mut all = String::new();
    for link in sheets {
        let css = String::from_utf8(read(link)?).with_context(|| format!("{} is not UTF-8", link.href))?;
        all.push_str(&rewrite_urls(&css, copied, output).with_context(|| link.href.clone())?);
        all.push('\n');
    }
    let name = output.write_hashed("page.css", all.as_bytes())?;
    Ok(format!("<link rel=\"stylesheet\" href=\"{name}\">"))
}

/// An icon or script that Trunk's own tag brings in.
fn own_tag(link: &Link, bytes: &[u8], output: &mut Output<'_>) -> Result<String> {
    let name = output.write_hashed(file_name(Path::new(&link.href))?, bytes)?;
    Ok(match link.rel.as_str() {
        "icon" => format!("<link rel=\"icon\" href=\"{name}\">"),
        _ => format!("<script defer src=\"{name}\">"),
    })
}

/// `url(..)` in a style sheet: copied files by their hashed names, data URLs as they are; anything else is an error,
/// because it would be a dead link in the bundle.
fn rewrite_urls(css: &str, copied: &mut Copied, output: &mut Output<'_>) -> Result<String> {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, after)) = rest.split_once("url(") {
        let (inner, tail) = after.split_once(')').context("url( without )")?;
        let name = inner.trim().trim_matches(['"', '\'']);
        out.push_str(before);
        match copied.hashed(name, output)? {
            Some(name) => out.push_str(&format!("url(\"{name}\")")),
            None if name.starts_with("data:") || name.starts_with('#') => {
                out.push_str(&format!("url({inner})"))
            }
            None => bail!("url({name}) is no file that index.html copies"),
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// Any other tag: a copied file in `src` or `href` by its hashed name.
fn ordinary_tag(tag: &str, copied: &mut Copied, output: &mut Output<'_>) -> Result<String> {
    for name in ["src", "href"] {
        if let Some(range) = attribute(tag, name)
            && let Some(hashed) = copied.hashed(&tag[range.clone()], output)?
        {
            return Ok(format!("{}{hashed}{}", &tag[..range.start], &tag[range.end..]));
        }
    }
    Ok(tag.to_string())
}

/// Drops the line of a removed tag.
fn drop_line(html: &mut String, page: &str, at: &mut usize) {
    let blank = html.trim_end_matches([' ', '\t']).len();
    if html[..blank].ends_with('\n') && page[*at..].starts_with('\n') {
        html.truncate(blank);
        *at += 1;
    }
}

/// Spans of all tags; comments are skipped.
fn tags(page: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(open) = page[at..].find('<').map(|i| at + i) {
        let comment = page[open..].starts_with("<!--");
        let end = if comment { "-->" } else { ">" };
        let Some(close) = page[open..].find(end).map(|i| open + i + end.len()) else { break };
        if !comment {
            spans.push(open..close);
        }
        at = close;
    }
    spans
}

/// An attribute's quoted value.
fn value<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    attribute(tag, name).map(|range| &tag[range])
}

/// The range of an attribute's quoted value within its tag.
fn attribute(tag: &str, name: &str) -> Option<Range<usize>> {
    let start = [' ', '\n', '\t'].iter().find_map(|space| {
        let needle = format!("{space}{name}=\"");
        tag.find(&needle).map(|i| i + needle.len())
    })?;
    let len = tag[start..].find('"')?;
    Some(start..start + len)
}

fn file_name(path: &Path) -> Result<&str> {
    path.file_name().and_then(|name| name.to_str()).with_context(|| format!("{} has no name", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<html>\n  <!-- <link data-trunk rel=\"css\" href=\"old.css\"> -->\n  \
        <link data-trunk rel=\"copy-file\" href=\"assets/icon.svg\">\n  \
        <link data-trunk rel=\"copy-file\" href=\"assets/late.js\">\n  \
        <link rel=\"icon\" href=\"/icon.svg\">\n  \
        <link data-trunk rel=\"css\" href=\"main.css\">\n  \
        <link data-trunk rel=\"css\" href=\"more.css\">\n  \
        <link data-trunk rel=\"rust\" href=\"frontend/Cargo.toml\">\n  \
        <script data-trunk src=\"assets/late.js\"></script>\n  \
        <a href=\"https://example.org/icon.svg\">x</a>\n</html>\n";

    fn project(css: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("assets")).unwrap();
        std::fs::write(dir.path().join("assets/icon.svg"), "<svg/>").unwrap();
        std::fs::write(dir.path().join("assets/late.js"), "1").unwrap();
        std::fs::write(dir.path().join("main.css"), css).unwrap();
        std::fs::write(dir.path().join("more.css"), "c {}").unwrap();
        dir
    }

    fn read(path: &Path) -> Result<Vec<u8>> {
        Ok(std::fs::read(path)?)
    }

    fn files(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn trunk_tags_become_hashed_files_and_references_follow() {
        let dir = project("a { background: url('icon.svg') } b { background: url(data:x) }");
        let out = tempfile::tempdir().unwrap();
        let html =
            rewrite(PAGE, dir.path(), read, "<script src=\"x\">", &mut Output::new(out.path())).unwrap();
        let names = files(out.path());
        assert_eq!(names.len(), 4, "{names:?}");
        let (icon, script, late, css) = (&names[0], &names[1], &names[2], &names[3]);
        assert!(
            icon.starts_with("icon-") && script.starts_with("late-") && css.starts_with("page-"),
            "{names:?}"
        );
        assert_eq!(late, "late.js", "no tag or style sheet names the copied file, so its name stays");
        assert_eq!(
            html,
            format!(
                "<html>\n  <!-- <link data-trunk rel=\"css\" href=\"old.css\"> -->\n  \
                 <link rel=\"icon\" href=\"{icon}\">\n  <link rel=\"stylesheet\" href=\"{css}\">\n  \
                 <script src=\"x\">\n  <script defer src=\"{script}\"></script>\n  \
                 <a href=\"https://example.org/icon.svg\">x</a>\n</html>\n"
            )
        );
        let css = std::fs::read_to_string(out.path().join(css)).unwrap();
        assert_eq!(
            css,
            format!("a {{ background: url(\"{icon}\") }} b {{ background: url(data:x) }}\nc {{}}\n")
        );
    }

    #[test]
    fn a_dead_link_in_a_style_sheet_is_an_error() {
        let dir = project("a { background: url(gone.png) }");
        let out = tempfile::tempdir().unwrap();
        let error = rewrite(PAGE, dir.path(), read, "", &mut Output::new(out.path())).unwrap_err();
        assert_eq!(format!("{error:#}"), "main.css: url(gone.png) is no file that index.html copies");
    }

    #[test]
    fn an_unknown_kind_of_link_is_an_error() {
        let error = links("<link data-trunk rel=\"inline\" href=\"x.js\">").err().unwrap();
        assert_eq!(
            error.to_string(),
            "index.html: rel=\"inline\" is not one that `cargo xtask bundle` knows"
        );
    }
}
