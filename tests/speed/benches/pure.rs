//! How long each case takes.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use raftchat_speed::cases;

fn pure(criterion: &mut Criterion) {
    for case in cases() {
        let mut source = case.source();
        criterion.bench_function(case.name, |bencher| {
            bencher.iter_batched(&mut source, |work| work(), BatchSize::PerIteration);
        });
    }
}

criterion_group!(benches, pure);
criterion_main!(benches);
