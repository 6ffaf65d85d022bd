//! The own authoritative server, asked by hand and by other people's programs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use evercert_dns::server::{AuthServer, RecordData, ServerConfig, UpdatePolicy, ZoneConfig};
use evercert_dns::{Fault, TxtTarget};
use evercert_testkit::StartError;
use evercert_testkit::skip::{announce, find_program};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::harness::{FIRST, NAME, SECOND, own_server, own_settings, provider, settings};

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(77, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

async fn over_udp(server: SocketAddr, message: &[u8]) -> Option<Message> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(message).await.unwrap();
    let mut buffer = vec![0; 65_535];
    let received = tokio::time::timeout(Duration::from_secs(1), socket.recv(&mut buffer)).await;
    let length = received.ok()?.unwrap();
    Some(Message::from_vec(&buffer[..length]).unwrap())
}

async fn ask(server: &AuthServer, name: &str, kind: RecordType) -> Message {
    let message = question(name, kind).to_vec().unwrap();
    over_udp(server.local_addr(), &message).await.unwrap()
}

fn zone() -> ZoneConfig {
    ZoneConfig::new("example.org")
        .with("www", RecordData::A([192, 0, 2, 1].into()))
        .with("deep.below.it", RecordData::Txt("x".to_owned()))
        .with("*.wild", RecordData::Txt("wildcard".to_owned()))
        .with("alias", RecordData::Cname("www.example.org".to_owned()))
        .with("outside", RecordData::Cname("www.example.net".to_owned()))
}

#[tokio::test]
async fn answers_are_authoritative_and_absence_has_its_two_forms() {
    let server = own_server(vec![zone()]).await;
    for (name, kind, rcode, answers) in [
        ("www.example.org", RecordType::A, ResponseCode::NoError, 1),
        ("WWW.Example.org", RecordType::A, ResponseCode::NoError, 1),
        ("www.example.org", RecordType::TXT, ResponseCode::NoError, 0),
        (
            "nothing.example.org",
            RecordType::A,
            ResponseCode::NXDomain,
            0,
        ),
        (
            "below.it.example.org",
            RecordType::TXT,
            ResponseCode::NoError,
            0,
        ),
        (
            "a.b.wild.example.org",
            RecordType::TXT,
            ResponseCode::NoError,
            1,
        ),
        (
            "a.wild.example.org",
            RecordType::A,
            ResponseCode::NoError,
            0,
        ),
        ("alias.example.org", RecordType::A, ResponseCode::NoError, 2),
        (
            "alias.example.org",
            RecordType::CNAME,
            ResponseCode::NoError,
            1,
        ),
        (
            "outside.example.org",
            RecordType::A,
            ResponseCode::NoError,
            1,
        ),
        ("example.org", RecordType::SOA, ResponseCode::NoError, 1),
        ("example.org", RecordType::NS, ResponseCode::NoError, 1),
    ] {
        let reply = ask(&server, name, kind).await;

        assert_eq!(reply.response_code, rcode, "{name} {kind}");
        assert_eq!(reply.answers.len(), answers, "{name} {kind}");
        assert!(reply.authoritative && !reply.recursion_available, "{name}");
        let soa_below = usize::from(answers == 0);
        assert_eq!(reply.authorities.len(), soa_below, "{name} {kind}");
    }
    let reply = ask(&server, "www.example.net", RecordType::A).await;
    assert_eq!(reply.response_code, ResponseCode::Refused);
    assert!(!reply.authoritative);
}

#[tokio::test]
async fn default_addresses_stand_for_every_name() {
    let config = ServerConfig {
        zones: vec![zone()],
        default_a: Some(Ipv4Addr::LOCALHOST),
        ..ServerConfig::default()
    };
    let server = AuthServer::start(config).await.unwrap();

    let reply = ask(&server, "any.thing.example.org", RecordType::A).await;
    assert_eq!(reply.answers.len(), 1);
    let reply = ask(&server, "www.example.org", RecordType::A).await;
    assert_eq!(reply.answers[0].data.to_string(), "192.0.2.1");
    let reply = ask(&server, "any.thing.example.org", RecordType::TXT).await;
    assert_eq!(reply.response_code, ResponseCode::NoError);
    assert_eq!(reply.authorities.len(), 1);
}

#[tokio::test]
async fn long_answers_are_cut_over_udp_unless_more_is_offered_and_whole_over_tcp() {
    let server = own_server(vec![zone()]).await;
    for number in 0..20 {
        let value = RecordData::Txt(format!("{number:043}"));
        server.add(NAME, &value).unwrap();
    }

    let cut = ask(&server, NAME, RecordType::TXT).await;
    assert!(cut.truncation && cut.answers.is_empty());

    let mut message = question(NAME, RecordType::TXT);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    message.set_edns(edns);
    let message = message.to_vec().unwrap();
    let whole = over_udp(server.local_addr(), &message).await.unwrap();
    assert_eq!(whole.answers.len(), 20);
    assert!(whole.edns.is_some());

    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let message = question(NAME, RecordType::TXT).to_vec().unwrap();
    for _ in 0..2 {
        stream
            .write_u16(u16::try_from(message.len()).unwrap())
            .await
            .unwrap();
        stream.write_all(&message).await.unwrap();
        let mut reply = vec![0; stream.read_u16().await.unwrap().into()];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!(Message::from_vec(&reply).unwrap().answers.len(), 20);
    }
}

#[tokio::test]
async fn rubbish_is_answered_or_dropped_and_the_server_lives_on() {
    let server = own_server(vec![zone()]).await;
    let mut update = question("example.org", RecordType::SOA);
    update.metadata.op_code = OpCode::Notify;
    let rubbish: [Vec<u8>; 4] = [
        vec![],
        vec![0; 5],
        vec![0xff; 600],
        update.to_vec().unwrap(),
    ];
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for message in rubbish {
        socket.send_to(&message, server.local_addr()).await.unwrap();
    }

    assert_eq!(
        ask(&server, "www.example.org", RecordType::A)
            .await
            .answers
            .len(),
        1
    );
}

#[tokio::test]
async fn the_serial_rises_with_every_change_and_only_then() {
    let server = own_server(vec![zone()]).await;
    let resolver = crate::harness::resolver(server.local_addr());
    let serial = async || resolver.soa("example.org").await.unwrap().unwrap().serial;
    let provider = provider("nsupdate", &own_settings(server.local_addr()));
    let target = TxtTarget::new(NAME, FIRST);

    let before = serial().await;
    provider.check(Some(NAME)).await.unwrap();
    provider.remove(&target, None).await.unwrap();
    assert_eq!(serial().await, before);
    provider.add(&target).await.unwrap();
    assert_eq!(serial().await, before + 1);
    provider.remove(&target, None).await.unwrap();
    assert_eq!(serial().await, before + 2);
}

#[tokio::test]
async fn unsigned_updates_are_taken_only_by_an_open_server() {
    let closed = own_server(vec![zone()]).await;
    let open = AuthServer::start(ServerConfig {
        zones: vec![zone()],
        updates: UpdatePolicy::Open,
        ..ServerConfig::default()
    });
    let open = open.await.unwrap();
    let unsigned = |server: &AuthServer| {
        let server = ("server".to_owned(), server.local_addr().to_string());
        provider("nsupdate", &settings(&[server]))
    };
    let target = TxtTarget::new(NAME, FIRST);

    unsigned(&open).add(&target).await.unwrap();
    assert_eq!(open.txt(NAME), [FIRST]);
    let error = unsigned(&closed).add(&target).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Credentials, "{error}");
    assert_eq!(closed.txt(NAME), [""; 0]);
}

#[tokio::test]
async fn records_can_be_set_from_the_process() {
    let server = own_server(vec![zone()]).await;
    let value = RecordData::Txt(FIRST.to_owned());

    server.add(NAME, &value).unwrap();
    server.add(NAME, &value).unwrap();
    server
        .add(NAME, &RecordData::Txt(SECOND.to_owned()))
        .unwrap();
    assert_eq!(server.txt(NAME), [FIRST, SECOND]);
    assert!(server.txt_names().contains(&NAME.to_owned()));

    assert!(server.remove(NAME, &value));
    assert!(!server.remove(NAME, &value));
    assert_eq!(server.txt(NAME), [SECOND]);
    assert!(server.add("www.example.net", &value).is_err());
}

/// A program's standard output; `None` (and a line that says so) when it is not installed.
async fn run(
    program: &'static str,
    package: &'static str,
    args: &[&str],
    input: &str,
) -> Option<String> {
    let Some(path) = find_program(program) else {
        announce(&StartError::Missing { program, package });
        return None;
    };
    let mut child = tokio::process::Command::new(path)
        .args(args)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::time::timeout(Duration::from_secs(20), child.wait_with_output());
    let output = output.await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn dig_understands_it() {
    let server = own_server(vec![zone()]).await;
    server
        .add(NAME, &RecordData::Txt(FIRST.to_owned()))
        .unwrap();
    let port = server.local_addr().port().to_string();
    for transport in ["+notcp", "+tcp"] {
        let args = ["@127.0.0.1", "-p", &port, NAME, "TXT", "+short", transport];
        let Some(output) = run("dig", "bind9-dnsutils", &args, "").await else {
            return;
        };
        assert_eq!(output.trim(), format!("\"{FIRST}\""));
    }
}

#[tokio::test]
async fn nsupdate_of_bind_can_change_it() {
    let server = own_server(vec![zone()]).await;
    let port = server.local_addr().port();
    let key = "hmac-sha256:own:b3duIHNlcnZlcidzIHNlY3JldA==";
    let script =
        |change: &str| format!("server 127.0.0.1 {port}\nzone example.org\n{change}\nsend\n");
    let add = script(&format!(
        "prereq nxrrset {NAME}. TXT\nupdate add {NAME}. 60 TXT {FIRST:?}"
    ));
    let remove = script(&format!(
        "prereq yxrrset {NAME}. TXT\nupdate delete {NAME}. TXT {FIRST:?}"
    ));

    if run("nsupdate", "bind9-dnsutils", &["-y", key], &add)
        .await
        .is_none()
    {
        return;
    }
    assert_eq!(server.txt(NAME), [FIRST]);
    run("nsupdate", "bind9-dnsutils", &["-y", key, "-v"], &remove).await;
    assert_eq!(server.txt(NAME), [""; 0]);
}

#[tokio::test]
async fn knsupdate_of_knot_can_change_it() {
    let server = own_server(vec![zone()]).await;
    let port = server.local_addr().port();
    let key = "hmac-sha256:own:b3duIHNlcnZlcidzIHNlY3JldA==";
    let script = format!(
        "server 127.0.0.1 {port}\nzone example.org.\nupdate add {NAME}. 60 TXT {FIRST:?}\nsend\n"
    );

    if run("knsupdate", "knot-dnsutils", &["-y", key], &script)
        .await
        .is_none()
    {
        return;
    }
    assert_eq!(server.txt(NAME), [FIRST]);
}
