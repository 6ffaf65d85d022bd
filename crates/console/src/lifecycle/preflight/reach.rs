//! Whether a name leads to a host that answers where HTTP-01 or TLS-ALPN-01 will look.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use evercert_api::preflight::PreflightCheck;
use evercert_types::DomainName;
use tokio::net::TcpStream;

use super::caa;
use super::check::Probe;
use super::subject::{Subject, Way};
use crate::state::Console;

const CONNECT: Duration = Duration::from_secs(5);

/// Looks the name up and connects; what cannot be reached from here may be reachable from elsewhere, so it warns.
pub(crate) async fn check(
    console: &Console,
    subject: &Subject,
    name: &DomainName,
) -> Option<PreflightCheck> {
    let port = match subject.way {
        Way::Http => 80,
        Way::TlsAlpn => 443,
        Way::Dns | Way::ManualDns => return None,
    };
    let probe = Probe::about("reach", name.base());
    let resolver = match caa::resolver(console, CONNECT) {
        Ok(resolver) => resolver,
        Err(error) => return Some(probe.warning(error.to_string(), error.remedy())),
    };
    let (v4, v6) = tokio::join!(resolver.a(name.base()), resolver.aaaa(name.base()));
    let v6 = v6.unwrap_or_default().into_iter().map(IpAddr::from);
    let v4 = v4.unwrap_or_default().into_iter().map(IpAddr::from);
    let addresses: Vec<IpAddr> = v6.chain(v4).collect();
    if addresses.is_empty() {
        return Some(probe.failed(
            format!("{name} has no address, and the CA connects to it on port {port}"),
            "Give it an A or AAAA record, or prove it by dns-01.",
        ));
    }
    let mut silent = Vec::new();
    for address in addresses {
        let connected =
            tokio::time::timeout(CONNECT, TcpStream::connect(SocketAddr::new(address, port)));
        match connected.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => silent.push(format!("{address}: {error}")),
            Err(_) => silent.push(format!("{address}: no answer")),
        }
    }
    Some(match silent.as_slice() {
        [] => probe.passed(format!("port {port} answers")),
        silent => probe.warning(
            format!("port {port} does not answer from here: {}", silent.join("; ")),
            "The CA comes from the Internet, over IPv6 where there is an AAAA record: open the port, or remove \
             the record.",
        ),
    })
}
