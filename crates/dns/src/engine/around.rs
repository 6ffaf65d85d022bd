//! What some services want around a change: the name made first, the end waited for.

use std::time::Duration;

use super::answer::{Answer, plain};
use super::call::Purpose;
use super::description::{List, Poll};
use super::provider::Declared;
use super::template::Vars;
use crate::error::{DnsError, Fault, Step};

/// How often the end of a change is asked for: about a minute long.
const POLLS: u32 = 30;

impl Declared {
    /// Whether the relative name can have records; where names are not made, every one can.
    pub(super) async fn has_label(&self, step: Step, vars: &Vars) -> Result<bool, DnsError> {
        let Some(label) = &self.description().label else {
            return Ok(true);
        };
        let wanted = vars.get("sub_or_at").map_or("", String::as_str);
        let tree = self.read(&label.request, step, vars).await?.tree;
        let tree = tree.unwrap_or_default();
        let names = label.items.items(&tree).into_iter().filter_map(plain);
        Ok(names
            .into_iter()
            .any(|name| name.eq_ignore_ascii_case(wanted)))
    }

    /// Makes the relative name, where it must be and is not.
    pub(super) async fn make_label(&self, step: Step, vars: &Vars) -> Result<(), DnsError> {
        match &self.description().label {
            Some(label) if !self.has_label(step, vars).await? => {
                self.change(&label.add, step, vars, &[]).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Takes the relative name away, where it was made and has no records of any type.
    pub(super) async fn drop_label(&self, list: &List, vars: &Vars) -> Result<(), DnsError> {
        let Some(label) = &self.description().label else {
            return Ok(());
        };
        if !self.has_label(Step::Remove, vars).await? {
            return Ok(());
        }
        let tree = self.read(&list.request, Step::Remove, vars).await?.tree;
        match list.items.items(&tree.unwrap_or_default()).is_empty() {
            true => {
                let removed = self.change(&label.remove, Step::Remove, vars, &[]);
                removed.await.map(drop)
            }
            false => Ok(()),
        }
    }

    async fn read(
        &self,
        request: &super::request::Request,
        step: Step,
        vars: &Vars,
    ) -> Result<Answer, DnsError> {
        let purpose = Purpose {
            step,
            vars,
            values: &[],
            ok: &[],
        };
        let answer = self.caller.call(request, purpose, None).await?;
        self.caller.judge(&answer, purpose)?;
        Ok(answer)
    }

    /// Asks until a change is done.
    pub(super) async fn await_end(
        &self,
        poll: &Poll,
        changed: &Answer,
        step: Step,
        vars: &Vars,
    ) -> Result<(), DnsError> {
        let mut vars = vars.clone();
        if let Some(path) = &poll.id {
            let Some(id) = path.text_in(changed).filter(|_| !poll.until.holds(changed)) else {
                return Ok(());
            };
            vars.insert("poll.id".to_owned(), id);
        }
        let purpose = Purpose {
            step: Step::Verify,
            vars: &vars,
            values: &[],
            ok: &[],
        };
        for attempt in 0..POLLS {
            let answer = self.caller.call(&poll.request, purpose, None).await?;
            self.caller.judge(&answer, purpose)?;
            if poll.until.holds(&answer) {
                return Ok(());
            }
            if poll.failed.iter().any(|failed| failed.holds(&answer)) {
                return Err(self.caller.refusal(&answer, step));
            }
            tokio::time::sleep(Duration::from_millis(250 << attempt.min(3))).await;
        }
        let what = "the service did not finish the change in time";
        Err(DnsError::new(self.caller.code, step, Fault::Provider, what))
    }
}
