//! Bytes carried both ways, until both sides are done or silent: `SSL_TCP`, and upgraded connections.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};

use super::stream::{Activity, Noting};

/// Carries bytes until both directions have ended (each may end by itself), or nothing went for `idle`.
///
/// # Errors
/// When either side breaks, or with `TimedOut` after the silence.
pub(crate) async fn relay<A, B>(client: A, service: B, idle: Duration) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let activity = Activity::new();
    let mut client = Noting::new(client, activity.clone());
    let mut service = Noting::new(service, activity.clone());
    tokio::select! {
        carried = copy_bidirectional(&mut client, &mut service) => carried,
        () = activity.silence(idle) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn each_direction_may_end_by_itself() {
        let (mut client, client_side) = duplex(64);
        let (mut service, service_side) = duplex(64);
        let carrying = tokio::spawn(relay(client_side, service_side, Duration::from_secs(30)));

        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = String::new();
        service.read_to_string(&mut question).await.unwrap();
        service.write_all(b"answer").await.unwrap();
        service.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();

        assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
        assert_eq!(carrying.await.unwrap().unwrap(), (8, 6));
    }

    #[tokio::test]
    async fn silence_ends_it_and_bytes_prolong_it() {
        let idle = Duration::from_millis(200);
        let (mut client, client_side) = duplex(64);
        let (_service, service_side) = duplex(64);
        let carrying = tokio::spawn(relay(client_side, service_side, idle));
        tokio::time::sleep(idle / 4).await;
        client.write_all(b"x").await.unwrap();
        let last = std::time::Instant::now();

        let error = carrying.await.unwrap().unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(last.elapsed() >= idle - Duration::from_millis(5));
    }
}
