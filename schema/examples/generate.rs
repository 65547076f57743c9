//! Writes `src/generated` anew from the `.capnp` files. Needs the Cap'n Proto compiler and its own schemas, on Debian
//! the packages `capnproto` and `libcapnp-dev`: `cargo run -p raftchat-schema --example generate`.

use std::path::Path;

fn main() -> capnp::Result<()> {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schemas = crate_dir.join("capnp");
    let mut command = capnpc::CompilerCommand::new();
    command
        .src_prefix(&schemas)
        .output_path(crate_dir.join("src/generated"))
        .default_parent_module(vec!["generated".to_owned()]);
    for name in ["types", "client", "peer", "stored", "payload"] {
        command.file(schemas.join(name).with_extension("capnp"));
    }
    command.run()
}
