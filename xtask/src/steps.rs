//! Named steps: each says what it does and how long it took; a failure stops the run and names its step.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// The steps done so far.
pub(crate) struct Steps {
    started: Instant,
    done: Vec<Done>,
}

struct Done {
    name: String,
    took: Duration,
    note: String,
    ok: bool,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Runs `work` as the step `name`; its answer is kept as the step's note in the summary.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<String>) -> Result<()> {
        println!("==> {name}");
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();
        let note = result.as_ref().map_or_else(|_| "FAILED".to_string(), Clone::clone);
        println!("    {name}: {}{}{note}", seconds(took), if note.is_empty() { "" } else { ", " });
        self.done.push(Done { name: name.to_string(), took, note, ok: result.is_ok() });
        result.map(drop).with_context(|| format!("step \"{name}\" failed"))
    }

    /// All steps with their times.
    pub(crate) fn print_summary(&self) {
        let width = self.done.iter().map(|done| done.name.len()).max().unwrap_or(0);
        println!();
        for done in &self.done {
            let mark = if done.ok { "ok    " } else { "FAILED" };
            let note = if done.ok { done.note.as_str() } else { "" };
            println!("{mark}  {:width$}  {:>8}  {note}", done.name, seconds(done.took));
        }
        println!("        {:width$}  {:>8}", "total", seconds(self.started.elapsed()));
    }
}

fn seconds(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", seconds as u64 / 60, seconds as u64 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_a_person_would_say_them() {
        assert_eq!(seconds(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }

    #[test]
    fn a_failed_step_is_named_in_the_error_and_kept_in_the_summary() {
        let mut steps = Steps::new();
        steps.step("first", || Ok(String::new())).unwrap();
        let error = steps.step("second", || anyhow::bail!("no luck")).unwrap_err();
        assert_eq!(format!("{error:#}"), "step \"second\" failed: no luck");
        assert_eq!(steps.done.iter().map(|done| done.ok).collect::<Vec<_>>(), [true, false]);
    }
}
