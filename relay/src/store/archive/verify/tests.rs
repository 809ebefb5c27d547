use super::*;
use crate::store::archive::seal::tests::{Stage, minute};

/// An archive of a day of minutes and its hours.
async fn sealed() -> Stage {
    let stage = Stage::new();
    stage.put((0..1_440).map(minute)).await;
    stage.pass().await.unwrap();
    stage
}

#[tokio::test]
async fn what_is_whole_is_counted() {
    let stage = sealed().await;
    let verified = verify(stage.archive.folder(), false).unwrap();
    let bytes = stage.archive.manifest().bytes();
    assert_eq!(verified, Verified { files: 2, rows: 1_440 + 24, bytes, faults: vec![] });
    let nothing = verify(&stage.folder.path().join("elsewhere"), false).unwrap();
    assert_eq!(nothing, Verified::default());
}

#[tokio::test]
async fn every_kind_of_fault_is_a_line() {
    let path = "okx/BTCUSDT-PERP/bars/20250101.parquet";
    type Harm = fn(&Path);
    let cases: [(&str, Harm); 6] = [
        ("has hash", |at| {
            let mut bytes = std::fs::read(at).unwrap();
            bytes[20] ^= 4;
            std::fs::write(at, bytes).unwrap();
        }),
        ("bytes, the manifest says", |at| {
            let bytes = std::fs::read(at).unwrap();
            std::fs::write(at, &bytes[..bytes.len() - 9]).unwrap();
        }),
        ("is missing", |at| std::fs::remove_file(at).unwrap()),
        ("left half written", |at| {
            std::fs::copy(at, at.with_extension("parquet.tmp")).unwrap();
        }),
        ("is not in the manifest", |at| {
            std::fs::copy(at, at.with_file_name("20250102.parquet")).unwrap();
        }),
        ("", |at| std::fs::write(at.with_file_name("notes.txt"), "mine").unwrap()),
    ];
    for (what, harm) in cases {
        let stage = sealed().await;
        harm(&stage.archive.folder().join(path));
        let verified = verify(stage.archive.folder(), false).unwrap();
        if what.is_empty() {
            assert_eq!(verified.faults, [""; 0], "other people's files are none of ours");
            continue;
        }
        assert_eq!(verified.faults.len(), 1, "{what}: {:?}", verified.faults);
        let fault = &verified.faults[0];
        assert!(fault.starts_with("okx/BTCUSDT-PERP/bars/") && fault.contains(what), "{what}: {fault}");
        let beside = verify(stage.archive.folder(), true).unwrap().faults.len();
        assert_eq!(beside, usize::from(what != "left half written"), "{what}");
    }
}

/// A line that lies about a sound file.
#[tokio::test]
async fn a_manifest_that_is_not_true_is_a_fault() {
    let stage = sealed().await;
    let path = stage.archive.folder().join(MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to, what) in [
        ("\"rows\":1440", "\"rows\":1439", "has 1440 rows, the manifest says 1439"),
        ("\"first\":1735689600000", "\"first\":1735689600001", "begins at"),
    ] {
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let faults = verify(stage.archive.folder(), false).unwrap().faults;
        assert!(faults.len() == 1 && faults[0].contains(what), "{faults:?}");
    }
}
