//! The layers a setting can come from, and how one is read: environment over `.env` over file over default.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;
use toml::{Table, Value};

use super::ConfigError;
use super::nearest::{nearest, slips};

/// What begins so is meant for us.
const PREFIX: &str = "TAPEDECK_";
/// Variables of our tests and tools: no settings, and no mistake beside a relay they start.
const TOOLS: [&str; 8] = [
    "TAPEDECK_BIN",
    "TAPEDECK_CAPTURES",
    "TAPEDECK_COVERAGE_WRAPPER",
    "TAPEDECK_ENDURANCE_MIN",
    "TAPEDECK_KILLS",
    "TAPEDECK_RECONNECTS",
    "TAPEDECK_SOAK_S",
    "TAPEDECK_SOAK_SEED",
];
/// Names that other programs read too: what is near to one of them may be theirs.
const SHARED: [&str; 4] = ["PORT", "HTTPS_PROXY", "https_proxy", "RUST_LOG"];

/// Where settings come from, highest first; a reader asks for each by its key and variables.
#[derive(Debug, Default)]
pub struct Layers {
    /// The environment and `.env`, highest first: any name of a setting in the one hides all in the other.
    environments: Vec<BTreeMap<String, String>>,
    file: Table,
    /// How the file is called in errors.
    file_name: String,
    asked: RefCell<BTreeSet<Asked>>,
}

/// A setting some reader asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Asked {
    /// Path in the file, like `server.port`.
    pub(super) key: String,
    /// Names in the environment, the first one found counts.
    pub(super) variables: Vec<String>,
}

/// A value and the name to blame it by.
struct Given {
    name: String,
    value: Value,
}

impl Layers {
    /// Layers of environments, highest first, and the text of a file.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] when the text is not TOML.
    pub fn new(
        environments: Vec<BTreeMap<String, String>>,
        file_name: &str,
        file: &str,
    ) -> Result<Layers, ConfigError> {
        let table = file.parse::<Table>().map_err(|error| {
            let line = error.span().map_or(1, |span| {
                file.as_bytes().iter().take(span.start).filter(|b| **b == b'\n').count() + 1
            });
            ConfigError::Syntax { file: file_name.to_owned(), line }
        })?;
        Ok(Layers { environments, file: table, file_name: file_name.to_owned(), asked: RefCell::default() })
    }

    /// The value of a setting, from the highest layer that has one. An empty variable counts as unset.
    fn given(&self, key: &str, variables: &[&str]) -> Option<Given> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.asked.borrow_mut().insert(Asked { key: key.to_owned(), variables: owned(variables) });
        for (environment, name) in
            self.environments.iter().flat_map(|e| variables.iter().map(move |name| (e, name)))
        {
            if let Some(text) = environment.get(*name).filter(|text| !text.trim().is_empty()) {
                return Some(Given {
                    name: (*name).to_owned(),
                    value: Value::String(text.trim().to_owned()),
                });
            }
        }
        let value = find(&self.file, key)?;
        Some(Given { name: format!("{key} in {}", self.file_name), value: value.clone() })
    }

    /// A setting of one value, read by `parse`; `expected` completes "`x` is not .." and says what to do.
    pub(super) fn one<T>(
        &self,
        key: &str,
        variables: &[&str],
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(given) = self.given(key, variables) else { return Ok(None) };
        let text = scalar(&given.value);
        match text.as_deref().and_then(parse) {
            Some(value) => Ok(Some(value)),
            None => {
                Err(given
                    .malformed(Some(text.unwrap_or_else(|| given.value.type_str().to_owned())), expected))
            }
        }
    }

    /// A list: an array in the file, separated by commas in the environment.
    pub(super) fn list<T>(
        &self,
        key: &str,
        variables: &[&str],
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(given) = self.given(key, variables) else { return Ok(None) };
        let Some(items) = items(&given.value) else {
            return Err(given.malformed(Some(given.value.type_str().to_owned()), expected));
        };
        let parsed =
            items.iter().map(|item| parse(item).ok_or_else(|| given.malformed(Some(item.clone()), expected)));
        parsed.collect::<Result<_, _>>().map(Some)
    }

    /// A list that is read as one; a text alone is a list of one.
    pub(super) fn whole<T>(
        &self,
        key: &str,
        variables: &[&str],
        expected: &'static str,
        parse: impl Fn(&[String]) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(given) = self.given(key, variables) else { return Ok(None) };
        let items = items(&given.value);
        match items.as_deref().and_then(parse) {
            Some(value) => Ok(Some(value)),
            None => {
                let shown = items.map_or_else(|| given.value.type_str().to_owned(), |items| items.join(", "));
                Err(given.malformed(Some(shown), expected))
            }
        }
    }

    /// The names of the sections inside a section of the file.
    pub(super) fn sections(&self, key: &str) -> Vec<String> {
        let inside = find(&self.file, key).and_then(Value::as_table);
        let tables = inside.into_iter().flatten().filter(|(_, value)| value.is_table());
        tables.map(|(name, _)| name.clone()).collect()
    }

    /// A secret of one value; an error never shows it.
    pub(super) fn secret(
        &self,
        key: &str,
        variables: &[&str],
        expected: &'static str,
        valid: impl Fn(&str) -> bool,
    ) -> Result<Option<SecretString>, ConfigError> {
        let Some(given) = self.given(key, variables) else { return Ok(None) };
        match scalar(&given.value).filter(|text| valid(text)) {
            Some(text) => Ok(Some(text.into())),
            None => Err(given.malformed(None, expected)),
        }
    }

    /// A list of secrets; an error never shows one.
    pub(super) fn secrets(
        &self,
        key: &str,
        variables: &[&str],
        expected: &'static str,
        valid: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<SecretString>>, ConfigError> {
        let Some(given) = self.given(key, variables) else { return Ok(None) };
        match items(&given.value).filter(|items| items.iter().all(|item| valid(item))) {
            Some(items) => Ok(Some(items.into_iter().map(Into::into).collect())),
            None => Err(given.malformed(None, expected)),
        }
    }

    /// `true` or `false`.
    pub(super) fn switch(&self, key: &str, variables: &[&str]) -> Result<Option<bool>, ConfigError> {
        self.one(key, variables, "a switch: use true or false", |text| match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })
    }

    /// A whole number from 1 to a million.
    pub(super) fn count(&self, key: &str, variables: &[&str]) -> Result<Option<u32>, ConfigError> {
        self.one(key, variables, "a limit: use a whole number from 1 to 1000000", |text| {
            text.parse().ok().filter(|n| (1..=1_000_000).contains(n))
        })
    }

    /// Refuses what nobody asked for; call after all readers. Of the file that is any key; of the environment, which
    /// is not ours alone, a variable that begins with `TAPEDECK_` or is one slip away from a setting.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] naming the first such key and the known ones beside it,
    /// [`ConfigError::UnknownVariable`] naming the variable and the nearest known one.
    pub(super) fn refuse_unknown(&self) -> Result<(), ConfigError> {
        let asked = self.asked.borrow();
        let variables: BTreeSet<&str> =
            asked.iter().flat_map(|asked| &asked.variables).map(String::as_str).collect();
        let set = |(_, text): &(&String, &String)| !text.trim().is_empty();
        for (name, _) in self.environments.iter().flatten().filter(set) {
            if let Some(nearest) = meant(name, &variables) {
                let name = one_line(name);
                return Err(ConfigError::UnknownVariable { name, nearest: nearest.to_owned() });
            }
        }
        let known: Vec<&str> = asked.iter().map(|asked| asked.key.as_str()).collect();
        match unknown(&self.file, "", &known) {
            None => Ok(()),
            Some(key) => {
                let known = beside(&key, &known);
                Err(ConfigError::Unknown { key, file: self.file_name.clone(), known })
            }
        }
    }

    /// Every setting asked for so far.
    #[cfg(test)]
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().iter().cloned().collect()
    }
}

impl Given {
    fn malformed(&self, shown: Option<String>, expected: &'static str) -> ConfigError {
        let shown = shown.map(|text| one_line(&text));
        ConfigError::Malformed { name: self.name.clone(), shown, expected }
    }
}

/// The beginning of a text, for an error of one line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(40).collect()
}

/// The setting that an unknown variable was meant to be; `None` for one that is known or none of ours.
fn meant<'a>(name: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    if known.contains(name) || TOOLS.contains(&name) {
        return None;
    }
    let own = || known.iter().copied().filter(|known| !SHARED.contains(known));
    if name.starts_with(PREFIX) {
        return nearest(name, own());
    }
    own().find(|known| slips(name, known) == 1)
}

/// The value at a path of names joined by dots; a name may have dots itself.
fn find<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    table.iter().find_map(|(name, value)| match path.strip_prefix(name.as_str())? {
        "" => Some(value),
        rest => find(value.as_table()?, rest.strip_prefix('.')?),
    })
}

/// The text of a value that is one: strings, numbers and switches.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(switch) => Some(switch.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// The texts of a list, empty ones left out.
fn items(value: &Value) -> Option<Vec<String>> {
    let all: Vec<String> = match value {
        Value::String(text) => text.split(',').map(|item| item.trim().to_owned()).collect(),
        Value::Array(array) => array.iter().map(scalar).collect::<Option<_>>()?,
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Table(_) => {
            return None;
        }
    };
    Some(all.into_iter().filter(|item| !item.is_empty()).collect())
}

/// The first path below `prefix` that is neither known nor on the way to a known one.
fn unknown(table: &Table, prefix: &str, known: &[&str]) -> Option<String> {
    table.iter().find_map(|(name, value)| {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if known.contains(&path.as_str()) {
            return None;
        }
        let section = format!("{path}.");
        match value {
            Value::Table(inner) if known.iter().any(|key| key.starts_with(&section)) => {
                unknown(inner, &path, known)
            }
            _ => Some(path),
        }
    })
}

/// What the section of `key` knows, or the sections there are.
fn beside(key: &str, known: &[&str]) -> String {
    let section = key.rsplit_once('.').map_or("", |(section, _)| section);
    let inside: Vec<&str> = known
        .iter()
        .filter_map(|known| known.rsplit_once('.'))
        .filter(|(other, _)| *other == section)
        .map(|(_, name)| name)
        .collect();
    if !inside.is_empty() {
        return format!("[{section}] has {}", inside.join(", "));
    }
    let sections: BTreeSet<&str> =
        known.iter().filter_map(|key| key.split_once('.')).map(|(s, _)| s).collect();
    let sections: Vec<String> = sections.into_iter().map(|section| format!("[{section}]")).collect();
    format!("the sections are {}", sections.join(", "))
}
