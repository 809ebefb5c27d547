//! The example files name every setting and its default.

use super::*;

const EXAMPLE_TOML: &str = include_str!("../../../../tapedeck.example.toml");
const EXAMPLE_ENV: &str = include_str!("../../../../.env.example");

/// The example with every setting in force, examples included or not.
fn uncommented(examples: bool) -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.contains(" = ") => match rest.strip_prefix("example: ") {
            Some(example) => {
                if examples {
                    example.to_owned()
                } else {
                    String::new()
                }
            }
            None => rest.to_owned(),
        },
        _ => line.to_owned(),
    };
    EXAMPLE_TOML.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_file_holds_every_setting_and_its_defaults() {
    let layers = Layers::new(vec![], "tapedeck.example.toml", &uncommented(true)).unwrap();
    Config::from_layers(&layers, &Flags::default()).unwrap();
    let table: toml::Table = uncommented(true).parse().unwrap();
    // Sections of single symbols are examples.
    for asked in layers.asked().into_iter().filter(|asked| !asked.variables.is_empty()) {
        let found =
            asked.key.split('.').try_fold(&toml::Value::Table(table.clone()), |v, part| v.get(part)).cloned();
        assert!(found.is_some(), "tapedeck.example.toml does not show {}", asked.key);
        let variables = format!("[{}]", asked.variables.join(", "));
        assert!(EXAMPLE_TOML.contains(&variables), "tapedeck.example.toml does not name {variables}");
    }
    let as_shown = from_file(&uncommented(false)).unwrap();
    assert_eq!(format!("{as_shown:?}"), format!("{:?}", from_env(&[]).unwrap()));
    assert_eq!(format!("{:?}", from_file(EXAMPLE_TOML).unwrap()), format!("{as_shown:?}"));
}

#[test]
fn the_example_environment_names_every_variable() {
    let layers = Layers::new(vec![], "", "").unwrap();
    Config::from_layers(&layers, &Flags::default()).unwrap();
    let known: BTreeSet<String> = layers.asked().into_iter().flat_map(|asked| asked.variables).collect();
    let shown: BTreeMap<String, String> = EXAMPLE_ENV
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once('='))
        .filter(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(shown.keys().cloned().collect::<BTreeSet<_>>(), known);
    let config = Config::from_layers(&Layers::new(vec![shown], "", "").unwrap(), &Flags::default()).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", from_env(&[]).unwrap()));
    assert_eq!(dot_env(EXAMPLE_ENV), Ok(BTreeMap::new()));
}
