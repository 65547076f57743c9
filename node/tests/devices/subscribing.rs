//! How many subscriptions a device may have, and that one that does not acknowledge gets no more by asking for more of them.

use raftchat_schema::budgets::{SUBSCRIPTIONS_A_LINK_MAX, SUBSCRIPTIONS_A_SESSION_MAX};
use raftchat_schema::error::ErrorCode;

use crate::support::{Armed, Cluster, Device, Subscription, locally, until};

/// Subscribes until it is refused.
async fn as_many_as_there_may_be(device: &Device) -> (Vec<Subscription>, ErrorCode) {
    let mut subscriptions = Vec::new();
    loop {
        let armed = if subscriptions.len() % 2 == 0 { Armed::No } else { Armed::Yes };
        match device.try_subscribe(&[], 0, armed).await {
            Ok(subscription) => subscriptions.push(subscription),
            Err(refusal) => return (subscriptions, refusal.code),
        }
        assert!(subscriptions.len() < 100, "there is no end to them");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_and_a_session_have_so_many_subscriptions_and_a_dropped_one_makes_room() {
    locally(async {
        let cluster = Cluster::start().await;
        let desk = cluster.alice(1).await;
        let (mut of_desk, refused) = as_many_as_there_may_be(&desk).await;
        assert_eq!((of_desk.len() as u64, refused), (SUBSCRIPTIONS_A_LINK_MAX, ErrorCode::TooMany));
        let again = cluster.resume(1).await;
        let (of_again, refused) = as_many_as_there_may_be(&again).await;
        assert_eq!((of_again.len() as u64, refused), (SUBSCRIPTIONS_A_LINK_MAX, ErrorCode::TooMany));
        let third = cluster.resume(1).await;
        let refusal = third.try_subscribe(&[], 0, Armed::No).await.err().unwrap();
        let all = (of_desk.len() + of_again.len()) as u64;
        assert_eq!((all, refusal.code), (SUBSCRIPTIONS_A_SESSION_MAX, ErrorCode::Busy));
        assert!(refusal.retry_after_ms > 0, "a link that is lost gives its own back in a while");
        of_desk.pop();
        let _one_more = until(async || third.try_subscribe(&[], 0, Armed::No).await.ok()).await;
        // Those that there are hear what happens.
        third.rename("Alice the first").await;
        for subscription in [&of_desk[0], &of_again[0]] {
            subscription.hears(|heard| (heard.changes.borrow().len() > 1).then_some(())).await;
        }
    })
    .await;
}
