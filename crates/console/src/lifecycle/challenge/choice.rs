//! How a name is proved: one pure function, and the reason in words.

use evercert_db::terms::ChallengeChoice;

/// What decides how an identifier is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Situation {
    /// What the operator wants; none leaves it to the Console.
    pub(crate) wanted: Option<ChallengeChoice>,
    /// What the CA offers.
    pub(crate) offered: Offer,
    pub(crate) subject: Subject,
    pub(crate) dns: DnsWay,
    /// Who can show a response to http-01 or tls-alpn-01.
    pub(crate) responders: Responders,
}

/// Which challenges an authorization offers (RFC 8555 §7.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) dns: bool,
    pub(crate) http: bool,
    pub(crate) tls: bool,
}

impl Offer {
    /// Before the CA was asked.
    pub(crate) const UNKNOWN: Self = Self {
        dns: true,
        http: true,
        tls: true,
    };
}

/// What is to be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Name,
    /// By DNS only (RFC 8555 §7.1.3).
    Wildcard,
    /// Never by DNS (RFC 8738 §7).
    Ip,
}

/// Whether a TXT record can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DnsWay {
    /// No provider is mapped.
    Unmapped,
    /// A provider is there.
    Mapped,
    /// A provider is there, but the name is delegated by a CNAME, and the CA does not follow those.
    NotFollowed,
}

/// Who can show responses to the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Responders {
    /// http-01: instances in scope, or the Console's own listener.
    pub(crate) http: bool,
    /// tls-alpn-01, likewise.
    pub(crate) tls: bool,
    /// Whether they may be used though nobody asked for them.
    pub(crate) unasked: bool,
    /// Whether instances that could are known, and are away just now.
    pub(crate) away: bool,
}

/// The choice, with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) kind: ChallengeChoice,
    /// The second half of a sentence that begins with the kind.
    pub(crate) why: &'static str,
}

/// Why nothing can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Impossible {
    /// "Certificate is missing a DNS provider name."
    NoProvider,
    /// The CA does not offer it for this identifier.
    NotOffered(ChallengeChoice),
    /// Nothing that the CA offers can be answered.
    NothingOffered,
    /// A wildcard cannot be proved so.
    NotForWildcards(ChallengeChoice),
    /// Nobody shows a response: no instance in scope, no listener.
    NoResponder(ChallengeChoice),
    /// The name is delegated, and the CA does not follow CNAMEs.
    NotFollowed,
}

/// Chooses how an identifier is proved.
///
/// The operator's choice is kept to, or refused. Left to the Console: a TXT record where a provider is mapped; else
/// http-01, else tls-alpn-01, where somebody can show the response. Manual DNS is never chosen unasked.
///
/// # Errors
/// See [`Impossible`].
pub(crate) fn choose(situation: &Situation) -> Result<Choice, Impossible> {
    let is_dns = |kind| matches!(kind, ChallengeChoice::Dns01 | ChallengeChoice::Dns01Manual);
    match (situation.wanted, situation.subject) {
        // The wish is about names; an address has no other way.
        (Some(kind), Subject::Ip) if is_dns(kind) => unasked(situation),
        (Some(kind), _) => asked(situation, kind),
        (None, _) => unasked(situation),
    }
}

fn asked(situation: &Situation, kind: ChallengeChoice) -> Result<Choice, Impossible> {
    let offered = match kind {
        ChallengeChoice::Dns01 | ChallengeChoice::Dns01Manual => situation.offered.dns,
        ChallengeChoice::Http01 => situation.offered.http,
        ChallengeChoice::TlsAlpn01 => situation.offered.tls,
    };
    let shown = match kind {
        ChallengeChoice::Http01 => situation.responders.http,
        ChallengeChoice::TlsAlpn01 => situation.responders.tls,
        ChallengeChoice::Dns01 | ChallengeChoice::Dns01Manual => true,
    };
    let by_dns = matches!(kind, ChallengeChoice::Dns01 | ChallengeChoice::Dns01Manual);
    if situation.subject == Subject::Wildcard && !by_dns {
        return Err(Impossible::NotForWildcards(kind));
    }
    if !offered {
        return Err(Impossible::NotOffered(kind));
    }
    if !shown {
        return Err(Impossible::NoResponder(kind));
    }
    match (kind, situation.dns) {
        (ChallengeChoice::Dns01, DnsWay::Unmapped) => return Err(Impossible::NoProvider),
        (ChallengeChoice::Dns01, DnsWay::NotFollowed) => return Err(Impossible::NotFollowed),
        _ => {}
    }
    let why = "as the certificate asks for";
    Ok(Choice { kind, why })
}

fn unasked(situation: &Situation) -> Result<Choice, Impossible> {
    let Situation {
        offered,
        subject,
        dns,
        responders,
        ..
    } = *situation;
    let may_dns = subject != Subject::Ip && offered.dns;
    if may_dns && dns == DnsWay::Mapped {
        return Ok(Choice {
            kind: ChallengeChoice::Dns01,
            why: "a DNS provider is mapped",
        });
    }
    let may_show = subject != Subject::Wildcard && (responders.unasked || subject == Subject::Ip);
    let why = match (subject, dns) {
        (Subject::Ip, _) => "an address cannot be proved by DNS",
        (_, DnsWay::Unmapped) => "no DNS provider is mapped, and the response can be shown",
        (_, DnsWay::NotFollowed) => "the name is delegated, and the CA does not follow CNAMEs",
        (_, DnsWay::Mapped) => "the CA offers no dns-01",
    };
    if may_show && offered.http && responders.http {
        let kind = ChallengeChoice::Http01;
        return Ok(Choice { kind, why });
    }
    if may_show && offered.tls && responders.tls {
        let kind = ChallengeChoice::TlsAlpn01;
        return Ok(Choice { kind, why });
    }
    Err(match (subject, dns) {
        (Subject::Ip, _) if offered.http || offered.tls => {
            Impossible::NoResponder(ChallengeChoice::Http01)
        }
        (Subject::Ip, _) => Impossible::NothingOffered,
        _ if !offered.dns => Impossible::NotOffered(ChallengeChoice::Dns01),
        (_, DnsWay::NotFollowed) => Impossible::NotFollowed,
        // It was proved so before, perhaps: they come back.
        (Subject::Name, _) if responders.away && responders.unasked => {
            Impossible::NoResponder(ChallengeChoice::Http01)
        }
        _ => Impossible::NoProvider,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn situation(subject: Subject, dns: DnsWay) -> Situation {
        Situation {
            wanted: None,
            offered: Offer::UNKNOWN,
            subject,
            dns,
            responders: Responders {
                http: true,
                tls: true,
                unasked: true,
                away: false,
            },
        }
    }

    const NOBODY: Responders = Responders {
        http: false,
        tls: false,
        unasked: true,
        away: false,
    };

    fn kind(situation: &Situation) -> Result<ChallengeChoice, Impossible> {
        choose(situation).map(|choice| choice.kind)
    }

    #[test]
    fn a_mapped_name_is_proved_by_dns_and_an_unmapped_one_by_who_answers() {
        use ChallengeChoice as C;
        let mapped = situation(Subject::Name, DnsWay::Mapped);
        let unmapped = situation(Subject::Name, DnsWay::Unmapped);

        assert_eq!(kind(&mapped), Ok(C::Dns01));
        assert_eq!(kind(&unmapped), Ok(C::Http01));
        let offered = Offer {
            http: false,
            ..Offer::UNKNOWN
        };
        assert_eq!(
            kind(&Situation {
                offered,
                ..unmapped
            }),
            Ok(C::TlsAlpn01)
        );
        let alone = Situation {
            responders: NOBODY,
            ..unmapped
        };
        assert_eq!(kind(&alone), Err(Impossible::NoProvider));
        let away = Responders {
            away: true,
            ..NOBODY
        };
        let later = Situation {
            responders: away,
            ..unmapped
        };
        let expected = Impossible::NoResponder(C::Http01);
        assert_eq!(kind(&later), Err(expected), "they come back");
    }

    #[test]
    fn a_wish_is_kept_to_or_refused() {
        use ChallengeChoice as C;
        let wish = |kind, subject, dns| Situation {
            wanted: Some(kind),
            ..situation(subject, dns)
        };

        assert_eq!(
            kind(&wish(C::Http01, Subject::Name, DnsWay::Mapped)),
            Ok(C::Http01)
        );
        assert_eq!(
            kind(&wish(C::Dns01Manual, Subject::Wildcard, DnsWay::Unmapped)),
            Ok(C::Dns01Manual)
        );
        assert_eq!(
            kind(&wish(C::Dns01, Subject::Name, DnsWay::Unmapped)),
            Err(Impossible::NoProvider)
        );
        assert_eq!(
            kind(&wish(C::TlsAlpn01, Subject::Wildcard, DnsWay::Mapped)),
            Err(Impossible::NotForWildcards(C::TlsAlpn01))
        );
        let nobody = Situation {
            responders: NOBODY,
            ..wish(C::Http01, Subject::Name, DnsWay::Mapped)
        };
        assert_eq!(kind(&nobody), Err(Impossible::NoResponder(C::Http01)));
        // Names by DNS, the address beside them by what is left.
        assert_eq!(
            kind(&wish(C::Dns01, Subject::Ip, DnsWay::Unmapped)),
            Ok(C::Http01)
        );
    }

    #[test]
    fn a_ca_that_follows_no_cname_gets_no_delegated_name() {
        let delegated = situation(Subject::Name, DnsWay::NotFollowed);
        assert_eq!(kind(&delegated), Ok(ChallengeChoice::Http01));

        let wildcard = situation(Subject::Wildcard, DnsWay::NotFollowed);
        assert_eq!(kind(&wildcard), Err(Impossible::NotFollowed));
    }

    #[test]
    fn instances_are_not_used_unasked_for_what_is_deployed_by_hand() {
        let mut by_hand = situation(Subject::Name, DnsWay::Unmapped);
        by_hand.responders.unasked = false;

        assert_eq!(kind(&by_hand), Err(Impossible::NoProvider));
        by_hand.wanted = Some(ChallengeChoice::Http01);
        assert_eq!(kind(&by_hand), Ok(ChallengeChoice::Http01));
    }

    fn any_situation() -> impl Strategy<Value = Situation> {
        use ChallengeChoice as C;
        let wish = prop::sample::select(vec![
            None,
            Some(C::Dns01),
            Some(C::Dns01Manual),
            Some(C::Http01),
            Some(C::TlsAlpn01),
        ]);
        let subject = prop::sample::select(vec![Subject::Name, Subject::Wildcard, Subject::Ip]);
        let ways = vec![DnsWay::Unmapped, DnsWay::Mapped, DnsWay::NotFollowed];
        let flags = any::<[bool; 7]>();
        (wish, subject, prop::sample::select(ways), flags).prop_map(
            |(wanted, subject, dns, [d, h, t, http, tls, unasked, away])| Situation {
                wanted,
                offered: Offer {
                    dns: d,
                    http: h,
                    tls: t,
                },
                subject,
                dns,
                responders: Responders {
                    http,
                    tls,
                    unasked,
                    away,
                },
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_chosen_is_offered_and_can_be_done(situation in any_situation()) {
            let Ok(choice) = choose(&situation) else { return Ok(()); };
            let Situation { offered, subject, dns, responders, .. } = situation;
            match choice.kind {
                ChallengeChoice::Dns01 => {
                    prop_assert!(offered.dns && dns == DnsWay::Mapped && subject != Subject::Ip);
                }
                ChallengeChoice::Dns01Manual => prop_assert!(offered.dns && subject != Subject::Ip),
                ChallengeChoice::Http01 => {
                    prop_assert!(offered.http && responders.http && subject != Subject::Wildcard);
                }
                ChallengeChoice::TlsAlpn01 => {
                    prop_assert!(offered.tls && responders.tls && subject != Subject::Wildcard);
                }
            }
        }

        #[test]
        fn nobody_writes_records_by_hand_unasked(situation in any_situation()) {
            let manual = kind(&situation) == Ok(ChallengeChoice::Dns01Manual);
            prop_assert!(!manual || situation.wanted == Some(ChallengeChoice::Dns01Manual));
        }

        #[test]
        fn a_wish_for_a_name_is_never_replaced(situation in any_situation()) {
            if let (Some(wanted), Ok(chosen)) = (situation.wanted, kind(&situation)) {
                prop_assert!(chosen == wanted || situation.subject == Subject::Ip);
            }
        }

        #[test]
        fn more_means_never_make_it_impossible(situation in any_situation()) {
            let more = Situation {
                offered: Offer::UNKNOWN,
                dns: DnsWay::Mapped,
                responders: Responders { http: true, tls: true, unasked: true, away: false },
                ..situation
            };
            prop_assert!(kind(&situation).is_err() || kind(&more).is_ok());
        }
    }
}
