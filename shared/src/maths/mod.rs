//! Market maths: pure functions and small incremental machines, equal bits native and wasm.
