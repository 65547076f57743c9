//! Writes `src/generated` anew from the `.capnp` files. Needs the Cap'n Proto compiler and its own schemas, on Debian
//! the packages `capnproto` and `libcapnp-dev`: `cargo run -p raftchat-schema --example generate`.

use std::env;
use std::path::PathBuf;

fn main() -> capnp::Result<()> {
    // Where the crate lies now, which is not where it was built if a target folder is kept for several checkouts.
    let crate_dir = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let crate_dir = crate_dir.ok_or_else(|| capnp::Error::failed("to be run by cargo".to_owned()))?;
    let schemas = crate_dir.join("capnp");
    let mut command = capnpc::CompilerCommand::new();
    command
        .src_prefix(&schemas)
        .output_path(crate_dir.join("src/generated"))
        .default_parent_module(vec!["generated".to_owned()]);
    for name in ["types", "act", "client", "peer", "stored", "payload"] {
        command.file(schemas.join(name).with_extension("capnp"));
    }
    command.run()
}
