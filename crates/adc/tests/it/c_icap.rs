//! Content inspection with c-icap, a server others use.

use bytes::Bytes;
use evercert_testkit::{CIcap, start_or_skip};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::backend::Backend;
use crate::world::{Setup, within};

#[tokio::test]
async fn requests_and_answers_come_through_c_icap_unharmed() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let icap = start_or_skip!(CIcap::start().await);
        let backend = Backend::start().await;
        for (number, profile) in ["", "-preview ENABLED", "-allow204 DISABLED"]
            .iter()
            .enumerate()
        {
            let server = icap.addr();
            let action = format!(
                "-type ICAP -serverIP {} -serverPort {}",
                server.ip(),
                server.port()
            );
            let adc = Setup::new(dir.path())
                .vserver("v", "HTTP", &[backend.addr])
                .conf(&format!(
                    "enable ns feature CI
                     add ns icapProfile q -uri /echo -mode REQMOD {profile}
                     add ns icapProfile r -uri /echo -mode RESPMOD {profile}
                     add contentInspection action q {action} -icapProfileName q
                     add contentInspection action r {action} -icapProfileName r
                     add contentInspection policy q -rule TRUE -action q
                     add contentInspection policy r -rule TRUE -action r
                     bind lb vserver v -policyName q -priority 1 -type REQUEST
                     bind lb vserver v -policyName r -priority 1 -type RESPONSE"
                ))
                .start()
                .await;
            let tcp = TcpStream::connect(adc.addr("v")).await.unwrap();
            let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
            tokio::spawn(connection);
            for length in [0, 5, 1024, 70_000, 10 << 20] {
                let body: Bytes = (0..length)
                    .map(|i: usize| i.to_le_bytes()[0] ^ i.to_le_bytes()[1])
                    .collect();
                let request = Request::post("/echo").header("Host", "shop.example");
                let request = request.body(Full::new(body.clone())).unwrap();
                let response = sender.send_request(request).await.unwrap();
                assert_eq!(response.status(), 200, "{profile} {length}");
                let back = response.into_body().collect().await.unwrap().to_bytes();
                assert!(back == body, "{profile} {length}: {} bytes", back.len());
            }
            adc.stop().await;
            let log = icap.access_log();
            let count = |method: &str| log.lines().filter(|line| line.contains(method)).count();
            assert_eq!(
                (count("REQMOD"), count("RESPMOD")),
                (5 * (number + 1), 5 * (number + 1)),
                "{log}"
            );
        }
    })
    .await;
}
