//! `cargo xtask dist`: what a person without a toolchain downloads, in `dist-out/`.

use crate::bundle::{self, Kind, Sizes};
use crate::licences;
use crate::project::Project;
use crate::shell::{call, cargo};
use crate::steps::Steps;
use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Files that go into every archive, beside what it is for.
const PAPERS: [&str; 5] =
    ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "THIRD_PARTY_NOTICES.md"];
/// Licence texts of all crates inside.
const LICENCES: &str = "THIRD_PARTY_LICENSES.txt";
/// Example settings, beside the binary.
const EXAMPLES: [&str; 2] = [".env.example", "tapedeck.example.toml"];

pub(crate) fn run() -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::new();
    let out = project.root.join("dist-out");
    let result = build(&project, &mut steps, &out);
    steps.print_summary();
    result?;
    println!("\n{}", Sizes::of(&project, &Kind::Release.folder(&project))?.table());
    println!("\nin {}:", out.display());
    print!("{}", std::fs::read_to_string(out.join("SHA256SUMS"))?);
    Ok(())
}

fn build(project: &Project, steps: &mut Steps, out: &Path) -> Result<()> {
    let page = Kind::Release.folder(project);
    bundle::build(project, steps, Kind::Release, &page)?;
    steps.step("compile relay for release", || {
        cargo(&project.root, &["build", "-p", "tapedeck", "--profile", "dist"]).run()?;
        Ok(String::new())
    })?;
    let relay = project.relay("dist");
    let mut archives = Vec::new();
    steps.step("archives", || {
        let _ = std::fs::remove_dir_all(out);
        std::fs::create_dir_all(out)?;
        let host = host_triple(project)?;
        let version = &project.version;
        let licences = licences::collect(project)?;

        let name = format!("tapedeck-{version}-{host}");
        let mut archive = Archive::create(out, &name)?;
        archive.add_file(&relay, "tapedeck", 0o755)?;
        archive.add_papers(project, &PAPERS)?;
        archive.add_papers(project, &EXAMPLES)?;
        archive.add_bytes(licences.as_bytes(), LICENCES, 0o644)?;
        archives.push(archive.finish()?);

        let name = format!("tapedeck-{version}-page");
        let mut archive = Archive::create(out, &name)?;
        let portable = project.root.join("target/page/portable");
        bundle::portable(project, &page, &portable)?;
        archive.add_tree(&portable)?;
        archive.add_papers(project, &PAPERS)?;
        archive.add_bytes(licences.as_bytes(), LICENCES, 0o644)?;
        archives.push(archive.finish()?);

        let standalone = out.join("tapedeck-standalone.html");
        bundle::standalone(project, &page, &standalone)?;
        archives.push(standalone);
        Ok(format!("{} files", archives.len()))
    })?;
    steps.step("checksums", || {
        let mut sums = String::new();
        for archive in &archives {
            let name = archive.file_name().and_then(|name| name.to_str()).context("archive name")?;
            sums.push_str(&format!("{}  {name}\n", bundle::sha256(&std::fs::read(archive)?)));
        }
        std::fs::write(out.join("SHA256SUMS"), sums)?;
        Ok("SHA256SUMS".into())
    })?;
    steps.step("the binary starts on its own", || starts_alone(project, &archives))
}

/// Unpacks the first archive in an empty folder and asks the binary for its version with an empty environment.
fn starts_alone(project: &Project, archives: &[PathBuf]) -> Result<String> {
    let archive = archives.first().context("no archive")?;
    let dir = project.root.join("target/page/dist-check");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    tar::Archive::new(flate2::read::GzDecoder::new(File::open(archive)?)).unpack(&dir)?;
    let folder = std::fs::read_dir(&dir)?.next().context("the archive is empty")??.path();
    let output = std::process::Command::new(folder.join("tapedeck"))
        .arg("--version")
        .env_clear()
        .current_dir(&folder)
        .output()
        .context("cannot start the unpacked binary")?;
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_string();
    ensure!(output.status.success(), "the unpacked binary ended with {}", output.status);
    ensure!(printed.contains(&project.version), "the unpacked binary says \"{printed}\"");
    Ok(printed)
}

fn host_triple(project: &Project) -> Result<String> {
    let version = call("rustc", &project.root, &["-vV"]).quiet().read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(host.to_string())
}

/// A .tar.gz with one top folder and fixed owners and times: the same input gives the same bytes.
struct Archive {
    path: PathBuf,
    top: String,
    tar: tar::Builder<GzEncoder<File>>,
}

impl Archive {
    fn create(out: &Path, name: &str) -> Result<Self> {
        let path = out.join(format!("{name}.tar.gz"));
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let tar = tar::Builder::new(GzEncoder::new(file, Compression::best()));
        Ok(Self { path, top: name.to_string(), tar })
    }

    fn add_file(&mut self, file: &Path, name: &str, mode: u32) -> Result<()> {
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        self.add_bytes(&bytes, name, mode)
    }

    fn add_bytes(&mut self, bytes: &[u8], name: &str, mode: u32) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        header.set_cksum();
        self.tar.append_data(&mut header, format!("{}/{name}", self.top), bytes)?;
        Ok(())
    }

    fn add_papers(&mut self, project: &Project, names: &[&str]) -> Result<()> {
        names.iter().try_for_each(|name| self.add_file(&project.root.join(name), name, 0o644))
    }

    fn add_tree(&mut self, dir: &Path) -> Result<()> {
        let mut pending = vec![dir.to_path_buf()];
        let mut files = Vec::new();
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
                let path = entry?.path();
                if path.is_dir() { pending.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        for file in files {
            let name =
                file.strip_prefix(dir)?.to_str().context("a file name is not UTF-8")?.replace('\\', "/");
            self.add_file(&file, &format!("page/{name}"), 0o644)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<PathBuf> {
        self.tar.into_inner()?.finish()?;
        Ok(self.path)
    }
}
