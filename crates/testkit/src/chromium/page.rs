//! A page in the browser: what a reader does with mouse and keyboard, and what they see.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::pipe::{ChromiumError, Pipe};
use crate::wait::POLL;

/// How long a page may take to become what is waited for.
const LIMIT: Duration = Duration::from_secs(30);

/// Whether the reader prefers light or dark pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// The browser's page. Elements are named by CSS selectors.
#[derive(Debug)]
pub struct Page {
    pipe: Pipe,
}

impl Page {
    pub(super) const fn new(pipe: Pipe) -> Self {
        Self { pipe }
    }

    /// Opens an address; what it shows is to be waited for.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(&mut self, url: &str) -> Result<(), ChromiumError> {
        let answer = self
            .pipe
            .call("Page.navigate", json!({ "url": url }))
            .await?;
        match answer.get("errorText").and_then(Value::as_str) {
            Some(reason) => Err(ChromiumError::new(format!("opening {url}"), reason)),
            None => Ok(()),
        }
    }

    /// The value of a JavaScript expression; promises are awaited.
    ///
    /// # Errors
    /// When it throws.
    pub async fn eval(&mut self, expression: &str) -> Result<Value, ChromiumError> {
        let params =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.pipe.call("Runtime.evaluate", params).await?;
        match answer.get("exceptionDetails") {
            Some(thrown) => Err(ChromiumError::new(
                format!("evaluating {expression}"),
                &thrown["exception"]["description"],
            )),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    /// When it is not within 30 s; with what the page shows then.
    pub async fn wait_for(&mut self, expression: &str) -> Result<(), ChromiumError> {
        let end = Instant::now() + LIMIT;
        let condition = format!("Boolean({expression})");
        loop {
            // While a page is being left, nothing can be evaluated in it.
            let seen = self.eval(&condition).await;
            if matches!(seen, Ok(Value::Bool(true))) {
                return Ok(());
            }
            if Instant::now() > end {
                let shown = self.text("body").await.unwrap_or_default();
                let problems = self.problems().join("; ");
                let reason = format!("never within {LIMIT:?}; shown: {shown:?}; {problems}");
                return Err(ChromiumError::new(
                    format!("waiting for {expression}"),
                    reason,
                ));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until an element shows a text.
    ///
    /// # Errors
    /// When it does not within 30 s.
    pub async fn wait_for_text(&mut self, selector: &str, text: &str) -> Result<(), ChromiumError> {
        let (selector, text) = (json!(selector), json!(text));
        let shown = format!("document.querySelector({selector})?.innerText.includes({text})");
        self.wait_for(&shown).await
    }

    /// What an element shows.
    ///
    /// # Errors
    /// When there is none.
    pub async fn text(&mut self, selector: &str) -> Result<String, ChromiumError> {
        let found = format!("document.querySelector({}).innerText", json!(selector));
        let text = self.eval(&found).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks the middle of an element, once it is there and nothing lies over it.
    ///
    /// # Errors
    /// When it cannot be clicked within 30 s.
    pub async fn click(&mut self, selector: &str) -> Result<(), ChromiumError> {
        let quoted = json!(selector);
        let middle = format!(
            "(() => {{ const node = document.querySelector({quoted}); node.scrollIntoView({{ block: 'center' }}); \
             const box = node.getBoundingClientRect(); \
             const at = [box.x + box.width / 2, box.y + box.height / 2]; \
             const top = document.elementFromPoint(...at); \
             return top && !node.disabled && (node.contains(top) || top.contains(node)) ? at : null; }})()"
        );
        self.wait_for(&middle).await?;
        let at = self.eval(&middle).await?;
        for (kind, buttons) in [("mousePressed", 1), ("mouseReleased", 0)] {
            let event = json!({
                "type": kind, "x": at[0], "y": at[1], "button": "left", "buttons": buttons, "clickCount": 1,
            });
            self.pipe.call("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// Puts a text into a field, in place of what is there.
    ///
    /// # Errors
    /// When there is no such field within 30 s.
    pub async fn fill(&mut self, selector: &str, text: &str) -> Result<(), ChromiumError> {
        let quoted = json!(selector);
        self.wait_for(&format!("document.querySelector({quoted})"))
            .await?;
        let focus = format!(
            "(() => {{ const node = document.querySelector({quoted}); \
             if (!node.checkVisibility()) throw new Error('hidden'); node.focus(); node.select(); }})()"
        );
        self.eval(&focus).await?;
        match text {
            "" => self.press("Delete").await,
            text => {
                let params = json!({ "text": text });
                self.pipe.call("Input.insertText", params).await.map(drop)
            }
        }
    }

    /// Chooses an option of a selection by its value.
    ///
    /// # Errors
    /// When there is no such selection.
    pub async fn choose(&mut self, selector: &str, value: &str) -> Result<(), ChromiumError> {
        let (selector, value) = (json!(selector), json!(value));
        let choose = format!(
            "(() => {{ const node = document.querySelector({selector}); node.value = {value}; \
             node.dispatchEvent(new Event('change', {{ bubbles: true }})); }})()"
        );
        self.eval(&choose).await.map(drop)
    }

    /// Presses a key that has no text, such as `Tab`, `Escape` or `ArrowDown`, or `Enter`.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn press(&mut self, key: &str) -> Result<(), ChromiumError> {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            "Delete" => 46,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
            });
            if key == "Enter" && kind == "keyDown" {
                event["text"] = json!("\r");
            }
            self.pipe.call("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    /// Makes the page as wide as a screen, in light or dark.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn screen(&mut self, width: u32, scheme: Scheme) -> Result<(), ChromiumError> {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.pipe
            .call("Emulation.setDeviceMetricsOverride", size)
            .await?;
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        let media = self.pipe.call("Emulation.setEmulatedMedia", features);
        media.await.map(drop)
    }

    /// Writes a picture of the whole page, PNG.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub async fn screenshot(&mut self, file: &Path) -> Result<(), ChromiumError> {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.pipe.call("Page.captureScreenshot", whole).await?;
        let failed =
            |reason: String| ChromiumError::new(format!("writing {}", file.display()), reason);
        let picture = STANDARD
            .decode(answer["data"].as_str().unwrap_or_default())
            .map_err(|e| failed(e.to_string()))?;
        std::fs::write(file, picture).map_err(|e| failed(e.to_string()))
    }

    /// What went wrong in the page since this was asked last: exceptions, errors on the console, refusals of the
    /// content security policy. Answers with an error status are none.
    pub fn problems(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.pipe.events);
        events.iter().filter_map(complaint).collect()
    }
}

fn complaint(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled" if params["type"] == "error" => Some(params["args"].to_string()),
        "Log.entryAdded" => {
            let entry = &params["entry"];
            let counts = entry["level"] == "error" && entry["source"] != "network";
            counts.then(|| entry["text"].to_string())
        }
        _ => None,
    }
}
