//! Machines whose clocks are years ahead or behind, on either side of a link.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use raftchat_transport::{AuthRefusal, Clock, LinkFailure, Role, RpcThreads, ServerConfig};

use crate::support::{Cluster, Guests, HOME, echo_server, expect, locally, refusal, say, soon};

/// Longer than any certificate of these tests lasts.
const AGES: Duration = Duration::from_hours(3000 * 366 * 24);

/// A clock that is wrong, on a machine that may know so.
#[derive(Debug)]
struct Wrong {
    now: SystemTime,
    at_least: Option<SystemTime>,
}

fn ahead(at_least: Option<SystemTime>) -> Arc<dyn Clock> {
    Arc::new(Wrong { now: SystemTime::now() + AGES, at_least })
}

fn behind(at_least: Option<SystemTime>) -> Arc<dyn Clock> {
    Arc::new(Wrong { now: SystemTime::UNIX_EPOCH, at_least })
}

impl Clock for Wrong {
    fn now(&self) -> SystemTime {
        self.now
    }

    fn at_least(&self) -> Option<SystemTime> {
        self.at_least
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_sure_of_the_time_lets_in_who_was_good_when_it_was() {
    locally(async {
        let (home, threads) = (Cluster::new(HOME), RpcThreads::start(1).unwrap());
        let guests = Arc::new(Guests { members: BTreeMap::new(), ..Guests::default() });
        let sure = Some(SystemTime::now());
        // None is earlier than the certificate, which says itself that it is not so early.
        let early = Some(SystemTime::UNIX_EPOCH);
        for (clock, is_let_in) in [
            (ahead(None), false),
            (ahead(sure), true),
            (ahead(early), true),
            (behind(sure), true),
            (ahead(Some(SystemTime::now() + AGES)), false),
        ] {
            let told = format!("{clock:?}");
            let config = ServerConfig { clock, ..home.server_config(Role::Device, 1) };
            let server = echo_server(config, &guests, &threads.handle(), &Arc::default()).await;
            let (address, dialer) = (server.local_address(), home.dialer(Role::Device, home.device("alice")));
            if is_let_in {
                let link = soon(dialer.connect(address, &expect(1))).await.unwrap();
                assert_eq!(say(&link, "hello").await, "device alice of home: hello", "{told}");
            } else {
                let reason = AuthRefusal::Expired;
                assert_eq!(refusal(&dialer, address, &expect(1)).await, LinkFailure::Refused { reason }, "{told}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_device_that_is_not_sure_of_the_time_gets_in_to_be_told() {
    locally(async {
        let (home, threads) = (Cluster::new(HOME), RpcThreads::start(1).unwrap());
        let guests = Arc::new(Guests { members: BTreeMap::new(), ..Guests::default() });
        let config = home.server_config(Role::Device, 1);
        let server = echo_server(config, &guests, &threads.handle(), &Arc::default()).await;
        let device = || home.dialer(Role::Device, home.device("alice"));
        let refused = refusal(&device().judging_by(ahead(None)), server.local_address(), &expect(1)).await;
        assert!(matches!(refused, LinkFailure::WrongServer { .. }), "{refused:?}");
        for clock in [ahead(Some(SystemTime::now())), behind(Some(SystemTime::now()))] {
            let link = soon(device().judging_by(clock).connect(server.local_address(), &expect(1))).await.unwrap();
            assert_eq!(say(&link, "hello").await, "device alice of home: hello");
        }
    })
    .await;
}
