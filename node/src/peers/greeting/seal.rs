//! What this node has said of itself, so that it knows its own words again when another repeats them. The key is made of the
//! node's private key, which outlives its data. Knows nothing of what the words mean.

use raftchat_schema::id::NodeId;
use raftchat_schema::peer::Mark;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// How many bytes SHA-256 takes at a time: what HMAC pads its key to (RFC 2104).
const BLOCK: usize = 64;

/// Seals marks.
pub(crate) struct Sealer {
    node: NodeId,
    cluster: String,
    key: Zeroizing<[u8; BLOCK]>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Sealer {
    /// For a node with that private key.
    pub(crate) fn new(node: NodeId, cluster: &str, private_key: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(b"raftchat marks\0").chain_update(private_key).finalize();
        let mut key = Zeroizing::new([0; BLOCK]);
        key.iter_mut().zip(digest).for_each(|(byte, digest)| *byte = digest);
        Self { node, cluster: cluster.to_owned(), key }
    }

    /// The mark with this node's seal.
    pub(crate) fn seal(&self, mark: Mark) -> Mark {
        let seal = self.of(&mark);
        Mark { seal, ..mark }
    }

    /// Whether this node has said so.
    pub(crate) fn is_own(&self, mark: &Mark) -> bool {
        let (own, theirs) = (self.of(mark), mark.seal);
        // All of it is compared: how long it takes must not tell where it differs.
        own.iter().zip(theirs).fold(0, |differs, (own, theirs)| differs | (own ^ theirs)) == 0
    }

    fn of(&self, mark: &Mark) -> [u8; 32] {
        let padded = |byte: u8| Zeroizing::new(self.key.iter().map(|key| key ^ byte).collect::<Vec<u8>>());
        let inner = Sha256::new().chain_update(&*padded(0x36)).chain_update(self.words(mark)).finalize();
        Sha256::new().chain_update(&*padded(0x5c)).chain_update(inner).finalize().into()
    }

    /// All of it, each part with its length or of a fixed one.
    fn words(&self, mark: &Mark) -> Vec<u8> {
        let mut words = Vec::new();
        for text in [&self.cluster, &mark.data] {
            words.extend((text.len() as u64).to_be_bytes());
            words.extend(text.as_bytes());
        }
        let vote = mark.vote.map(|vote| [vote.term, vote.node.0, u64::from(vote.committed)]);
        let applied = mark.applied.map(|id| [id.term, id.leader.0, id.index]);
        let numbers = [Some([self.node.0, u64::from(vote.is_some()), u64::from(applied.is_some())]), vote, applied];
        let numbers = numbers.into_iter().flat_map(Option::unwrap_or_default).chain([mark.start]);
        words.extend(numbers.flat_map(u64::to_be_bytes));
        words
    }
}

#[cfg(test)]
mod tests {
    use raftchat_schema::stored::{LogId, Vote};

    use super::*;

    #[test]
    fn a_node_knows_its_own_words_and_nobody_can_make_up_others() {
        let own = Sealer::new(NodeId(1), "ship", b"a key");
        let vote = Some(Vote { term: 7, node: NodeId(2), committed: true });
        let applied = Some(LogId { term: 7, leader: NodeId(2), index: 40 });
        let said = own.seal(Mark { data: "disk".to_owned(), vote, applied, start: 3, seal: [0; 32] });
        assert!(own.is_own(&said));
        let further = applied.map(|id| LogId { index: 41, ..id });
        for made_up in [
            Mark { applied: further, ..said.clone() },
            Mark { vote: None, ..said.clone() },
            Mark { start: 4, ..said.clone() },
            Mark { data: "disc".to_owned(), ..said.clone() },
            Mark { seal: [0; 32], ..said.clone() },
        ] {
            assert!(!own.is_own(&made_up), "{made_up:?}");
        }
        for other in [
            Sealer::new(NodeId(1), "ship", b"another key"),
            Sealer::new(NodeId(2), "ship", b"a key"),
            Sealer::new(NodeId(1), "house", b"a key"),
        ] {
            assert!(!other.is_own(&said));
        }
    }
}
