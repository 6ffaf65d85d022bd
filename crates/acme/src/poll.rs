//! Reading an object of the CA, once or until it has come where it should.

use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::account::Account;
use crate::client::{Post, Repeat};
use crate::error::AcmeError;
use crate::pace::PollPace;
use crate::reply::Reply;
use crate::stage::Stage;

/// An object that lives at a URL.
pub(crate) trait Resource: DeserializeOwned {
    /// What reading it is called in errors.
    const STAGE: Stage;

    /// Notes where it was read, and when the CA wants to be asked again.
    fn placed_at(&mut self, url: &str, retry_after: Option<Duration>);

    /// Its status, for errors.
    fn state(&self) -> &str;

    /// Reads it out of an answer.
    fn from_reply(reply: &Reply, url: &str) -> Result<Self, AcmeError> {
        let mut object: Self = reply.json()?;
        object.placed_at(url, reply.retry_after());
        Ok(object)
    }
}

/// What to do with an object as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Hand it out.
    Finished,
    /// Look again.
    Wait,
}

impl Account {
    /// Reads an object within one operation's time.
    pub(crate) async fn read<T: Resource>(&self, url: &str) -> Result<T, AcmeError> {
        self.read_by(url, self.client().deadline()).await
    }

    /// Reads an object before a deadline.
    pub(crate) async fn read_by<T: Resource>(
        &self,
        url: &str,
        deadline: Instant,
    ) -> Result<T, AcmeError> {
        let reply = self.post_as_get(T::STAGE, url, deadline).await?;
        T::from_reply(&reply, url)
    }

    /// Reads an object again and again: at the CA's pace where it names one, else at ours.
    ///
    /// Outages are waited out like a state that does not change. When the CA asks to come back
    /// after the deadline, the wait ends at once and the error says when to come.
    pub(crate) async fn poll<T: Resource>(
        &self,
        url: &str,
        deadline: Instant,
        verdict: impl Fn(&T) -> Verdict,
    ) -> Result<T, AcmeError> {
        let mut pace = PollPace::new(deadline).not_faster_than(self.client().min_poll_interval());
        let mut last = "unknown".to_owned();
        loop {
            let (asked, failure) = match self.look::<T>(url, deadline).await {
                Ok((object, _)) if verdict(&object) == Verdict::Finished => return Ok(object),
                Ok((object, asked)) => {
                    object.state().clone_into(&mut last);
                    (asked, None)
                }
                Err(error) if error.passes_soon() => (error.retry_after(), Some(error)),
                Err(AcmeError::Timeout { source, .. }) => {
                    return Err(late(T::STAGE, url, last, None, source));
                }
                Err(error) => return Err(error),
            };
            match pace.wake(asked, Instant::now()) {
                Some(wake) => tokio::time::sleep_until(wake).await,
                None => return Err(late(T::STAGE, url, last, asked, failure.map(Box::new))),
            }
        }
    }

    async fn look<T: Resource>(
        &self,
        url: &str,
        deadline: Instant,
    ) -> Result<(T, Option<Duration>), AcmeError> {
        let post = Post::read(T::STAGE, url, Repeat::Never);
        let reply = self.post(&post, deadline).await?;
        Ok((T::from_reply(&reply, url)?, reply.retry_after()))
    }
}

fn late(
    stage: Stage,
    url: &str,
    last: String,
    retry_after: Option<Duration>,
    source: Option<Box<AcmeError>>,
) -> AcmeError {
    AcmeError::Timeout {
        stage,
        url: url.to_owned(),
        last,
        retry_after,
        source,
    }
}
