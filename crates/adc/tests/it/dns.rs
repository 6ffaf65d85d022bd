//! DNS services over real sockets, while the configuration changes.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::world::{Setup, within};

fn question(name: &str) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(
        Name::from_ascii(name).unwrap(),
        RecordType::TXT,
    ));
    message.to_vec().unwrap()
}

async fn by_udp(server: SocketAddr, name: &str) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&question(name), server).await.unwrap();
    let mut buffer = [0; 2048];
    let received = socket.recv(&mut buffer);
    let length = tokio::time::timeout(Duration::from_secs(10), received).await;
    Message::from_vec(&buffer[..length.unwrap().unwrap()]).unwrap()
}

async fn by_tcp(stream: &mut TcpStream, name: &str) -> Message {
    let question = question(name);
    stream
        .write_u16(u16::try_from(question.len()).unwrap())
        .await
        .unwrap();
    stream.write_all(&question).await.unwrap();
    let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
    stream.read_exact(&mut answer).await.unwrap();
    Message::from_vec(&answer).unwrap()
}

/// The values, sorted.
fn values(message: &Message) -> Vec<String> {
    let mut values: Vec<_> = message
        .answers
        .iter()
        .map(|record| record.data.to_string())
        .collect();
    values.sort();
    values
}

#[tokio::test]
async fn records_come_and_go_while_questions_are_answered() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let adc = Setup::new(dir.path())
            .later("dns_udp")
            .later("dns_tcp")
            .conf(
                "add dns soaRec example.com -originServer ns.example.com -contact admin.example.com
                add dns nsRec example.com ns.example.com
                add service dns_udp 192.0.2.53 ADNS 53
                add service dns_tcp 192.0.2.53 ADNS_TCP 53",
            )
            .start()
            .await;
        let name = "_acme-challenge.example.com.";
        let addresses = adc.handle.dns_addrs();
        let udp = addresses["dns_udp"];
        assert_eq!(
            by_udp(udp, name).await.metadata.response_code,
            ResponseCode::NXDomain
        );

        // Apex and wildcard share a name.
        adc.run(
            "add dns txtRec _acme-challenge.example.com. one -TTL 30
            add dns txtRec _acme-challenge.example.com two -TTL 30",
        )
        .await;
        assert_eq!(values(&by_udp(udp, name).await), ["one", "two"]);
        let mut tcp = TcpStream::connect(addresses["dns_tcp"]).await.unwrap();
        assert_eq!(values(&by_tcp(&mut tcp, name).await), ["one", "two"]);
        adc.run("rm dns txtRec _acme-challenge.example.com one")
            .await;
        assert_eq!(values(&by_tcp(&mut tcp, name).await), ["two"]);
        adc.run("rm dns txtRec _acme-challenge.example.com two")
            .await;
        assert_eq!(
            by_udp(udp, name).await.metadata.response_code,
            ResponseCode::NXDomain
        );

        // A service that is disabled closes its socket; it can be opened again at once.
        adc.run("disable service dns_udp").await;
        assert!(!adc.handle.dns_addrs().contains_key("dns_udp"));
        UdpSocket::bind(udp).await.unwrap();
        adc.run("enable service dns_udp").await;
        let udp = adc.handle.dns_addrs()["dns_udp"];
        assert_eq!(
            by_udp(udp, "example.org.").await.metadata.response_code,
            ResponseCode::Refused
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_address_in_use_is_refused_and_nothing_changes() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let adc = Setup::new(dir.path()).start().await;
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = other.local_addr().unwrap().port();

        let refused = adc
            .handle
            .execute(&format!("add service dns 127.0.0.1 ADNS {port}"))
            .await;

        assert!(refused.is_err());
        assert!(adc.handle.dns_addrs().is_empty());
        drop(other);
        adc.run(&format!("add service dns 127.0.0.1 ADNS {port}"))
            .await;
        assert_eq!(adc.handle.dns_addrs()["dns"].port(), port);
        adc.stop().await;
    })
    .await;
}
