//! What a request costs with and without content inspection, and what choosing a service costs.
//!
//! `cargo bench -p evercert-adc --bench inspection`; the last line is one JSON object. Client, service and ICAP server run
//! in the same process, one request after another: the differences count, not the sums.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use evercert_adc::Adc;
use evercert_adc::config::{AdcConfig, NsConf};
use evercert_adc::measure::{ByAddress, Picks};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const PICKS: u32 = 200_000;
const REQUESTS: u32 = 2_000;
const BODY: usize = 1000;

type Failure = Box<dyn std::error::Error>;

#[expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]
fn main() -> Result<(), Failure> {
    let mut results: BTreeMap<String, f64> = BTreeMap::new();
    for services in [4, 64] {
        for (name, by_address) in [("least", ByAddress::No), ("hash", ByAddress::Yes)] {
            let picks = Picks::new(services, by_address);
            let client = |i: u32| SocketAddr::from((i.to_be_bytes(), 1));
            let started = Instant::now();
            for i in 0..PICKS {
                assert!(black_box(picks.pick(client(i))));
            }
            let nanos = started.elapsed().as_secs_f64() * 1e9 / f64::from(PICKS);
            results.insert(format!("pick_{name}_{services}_ns"), nanos.round());
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(requests(&mut results))?;
    println!("{}", serde_json::to_string(&results)?);
    Ok(())
}

async fn requests(results: &mut BTreeMap<String, f64>) -> Result<(), Failure> {
    let (service, icap) = (serve(http_service).await?, serve(icap_server).await?);
    let dir = tempfile::tempdir()?;
    let text = configuration(service, icap);
    let path = dir.path().join("ns.conf");
    let mut config = AdcConfig::new(NsConf { text, path }, dir.path().join("state"));
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let vservers = ["plain", "reqmod", "both"];
    config.listen = vservers
        .iter()
        .map(|name| ((*name).to_owned(), free))
        .collect();
    let adc = Adc::start(config).await?;
    let addrs = adc.vserver_addrs();
    for body in [0, BODY] {
        for name in vservers {
            let Some(addr) = addrs.get(name) else {
                continue;
            };
            run(*addr, body, REQUESTS / 10).await?;
            let took = run(*addr, body, REQUESTS).await?;
            let micros = took.as_secs_f64() * 1e6 / f64::from(REQUESTS);
            results.insert(format!("request_{name}_{body}_bytes_us"), micros.round());
        }
    }
    adc.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

fn configuration(service: SocketAddr, icap: SocketAddr) -> String {
    let action = format!(
        "-type ICAP -serverIP {} -serverPort {}",
        icap.ip(),
        icap.port()
    );
    let vserver = |name: &str, port: u16| {
        format!("add lb vserver {name} HTTP 127.0.0.1 {port}\nbind lb vserver {name} s\n")
    };
    format!(
        "enable ns feature LB CI\nadd service s {} HTTP {} -healthMonitor NO\n{}{}{}\
         add ns icapProfile q -uri /pass -mode REQMOD -preview ENABLED\n\
         add ns icapProfile r -uri /pass -mode RESPMOD -preview ENABLED\n\
         add contentInspection action q {action} -icapProfileName q\n\
         add contentInspection action r {action} -icapProfileName r\n\
         add contentInspection policy q -rule TRUE -action q\n\
         add contentInspection policy r -rule TRUE -action r\n\
         bind lb vserver reqmod -policyName q -priority 1 -type REQUEST\n\
         bind lb vserver both -policyName q -priority 1 -type REQUEST\n\
         bind lb vserver both -policyName r -priority 1 -type RESPONSE\n",
        service.ip(),
        service.port(),
        vserver("plain", 81),
        vserver("reqmod", 82),
        vserver("both", 83),
    )
}

/// Requests one after another on one connection.
async fn run(addr: SocketAddr, body: usize, count: u32) -> std::io::Result<Duration> {
    let tcp = TcpStream::connect(addr).await?;
    tcp.set_nodelay(true)?;
    let mut stream = BufReader::new(tcp);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {body}\r\n\r\n{}",
        "x".repeat(body)
    );
    let started = Instant::now();
    for _ in 0..count {
        stream.get_mut().write_all(request.as_bytes()).await?;
        let length = field(&head(&mut stream).await?, "content-length");
        skip(&mut stream, length.unwrap_or(0)).await?;
    }
    Ok(started.elapsed())
}

async fn serve<F>(handler: fn(BufReader<TcpStream>) -> F) -> std::io::Result<SocketAddr>
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            if tcp.set_nodelay(true).is_ok() {
                tokio::spawn(handler(BufReader::new(tcp)));
            }
        }
    });
    Ok(addr)
}

async fn http_service(mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n{}",
        "y".repeat(BODY)
    );
    loop {
        let length = field(&head(&mut stream).await?, "content-length");
        skip(&mut stream, length.unwrap_or(0)).await?;
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
}

/// Lets everything pass.
async fn icap_server(mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
    const OPTIONS: &[u8] = b"ICAP/1.0 200 OK\r\nMethods: REQMOD, RESPMOD\r\nAllow: 204\r\nPreview: 4096\r\nISTag: \"a\"\r\n\
        Encapsulated: null-body=0\r\n\r\n";
    const PASS: &[u8] =
        b"ICAP/1.0 204 No Content\r\nISTag: \"a\"\r\nEncapsulated: null-body=0\r\n\r\n";
    loop {
        let request = head(&mut stream).await?;
        if request.starts_with("options") {
            stream.get_mut().write_all(OPTIONS).await?;
            continue;
        }
        for name in ["req-hdr", "res-hdr"] {
            if request.contains(name) {
                head(&mut stream).await?;
            }
        }
        while !request.contains("null-body") {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16).unwrap_or(0);
            skip(&mut stream, size + 2).await?;
            if size == 0 {
                break;
            }
        }
        stream.get_mut().write_all(PASS).await?;
    }
}

/// A head in lower case; an error at the connection's end.
async fn head(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head.to_ascii_lowercase())
}

fn field(head: &str, name: &str) -> Option<usize> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(have, _)| *have == name)?;
    value.trim().parse().ok()
}

async fn skip(stream: &mut BufReader<TcpStream>, count: usize) -> std::io::Result<()> {
    let mut rest = vec![0; count];
    stream.read_exact(&mut rest).await.map(|_| ())
}
