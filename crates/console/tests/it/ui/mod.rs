//! The web interface in a real browser (Debian package `chromium`), over TLS, against a Console that runs.
//!
//! `EVERCERT_SCREENSHOTS=DIR` keeps pictures of what the tests saw.

mod access;
mod form;
mod journey;
mod paste;
mod provider;
mod reader;
mod set_up;

use std::path::Path;

use evercert_testkit::chromium::{Page, Scheme};
use evercert_testkit::{Chromium, StartError};

use crate::faces::scene::{PASSWORD, Scene};

/// A Console, and a browser in front of it.
pub(crate) struct Desk {
    pub(crate) scene: Scene,
    pub(crate) page: Page,
    _browser: Chromium,
}

impl Desk {
    pub(crate) async fn new() -> Result<Self, StartError> {
        let (browser, page) = Chromium::start().await?;
        Ok(Self {
            scene: Scene::sqlite().await,
            page,
            _browser: browser,
        })
    }

    /// Opens a part of the page of DNS providers as a user, by way of the sign-in page.
    pub(crate) async fn signed_in(&mut self, user: &str, part: &str) {
        let url = self.scene.url(&format!("/dns-providers{part}"));
        self.page.screen(1440, Scheme::Light).await.unwrap();
        self.page.open(&url).await.unwrap();
        self.page
            .wait_for_text("h1", "Sign in to Evercert")
            .await
            .unwrap();
        self.page.fill("#name", user).await.unwrap();
        self.page.fill("#password", PASSWORD).await.unwrap();
        self.page
            .wait_for("!document.querySelector('form button').disabled")
            .await
            .unwrap();
        self.page.press("Enter").await.unwrap();
        self.page
            .wait_for("document.querySelector('main h1') && location.pathname === '/dns-providers'")
            .await
            .unwrap();
    }

    /// Goes to a part of the page.
    pub(crate) async fn go(&mut self, part: &str, title: &str) {
        let go = format!("location.hash = '{part}'");
        self.page.eval(&go).await.unwrap();
        self.page.wait_for_text("h1", title).await.unwrap();
    }

    /// Keeps pictures, wide in light and narrow in dark, where the environment wants them.
    pub(crate) async fn picture(&mut self, name: &str) {
        let Some(dir) = std::env::var_os("EVERCERT_SCREENSHOTS") else {
            return;
        };
        for (width, scheme, word) in [(360, Scheme::Dark, "dark"), (1440, Scheme::Light, "light")] {
            self.page.screen(width, scheme).await.unwrap();
            let file = Path::new(&dir).join(format!("{name}-{width}-{word}.png"));
            self.page.screenshot(&file).await.unwrap();
        }
    }

    /// Nothing was thrown, nothing refused by the policy.
    pub(crate) fn fine(&mut self) {
        assert_eq!(self.page.problems(), Vec::<String>::new());
    }
}
