//! Banks, actions and content switching over requests made of plain parts.

use std::net::SocketAddr;
use std::sync::Arc;

use evercert_ns::{Config, grammar};
use evercert_types::{SharedClock, SystemClock};
use http::Method;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};

use super::counts::Counted;
use super::request::{Ends, HttpRequest};
use super::*;
use crate::traffic::admission::{Admitted, Kind};

const ACME: &str = r#"enable ns feature RESPONDER
add responder action rsa respondwith q{"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\ntoken.thumb"}
add responder policy rsp q{HTTP.REQ.URL.CONTAINS(".well-known/acme-challenge/token")} rsa"#;

fn config(lines: &str) -> Config {
    let mut config = Config::new();
    for line in lines.lines() {
        let command = grammar::parse_line(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        config
            .apply(&command)
            .unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    config
}

fn compiled(lines: &str) -> Policies {
    let page = |name: &str| match name {
        "sorry" => Ok(Bytes::from_static(b"<p>sorry</p>")),
        other => Err(format!("there is no page {other}")),
    };
    compile(&config(lines), &Policies::default(), &page)
}

struct Asked {
    parts: Parts,
    admitted: Admitted,
    ends: Ends,
    clock: SharedClock,
}

fn get(host: &str, target: &'static str) -> Asked {
    let request = http::Request::builder().method(Method::GET).uri(target);
    let (parts, ()) = request.header("x-num", "x").body(()).unwrap().into_parts();
    let any: SocketAddr = "192.0.2.1:1".parse().unwrap();
    Asked {
        parts,
        admitted: Admitted {
            authority: Some(host.parse::<Authority>().unwrap()),
            target: PathAndQuery::from_static(target),
            kind: Kind::Plain,
        },
        ends: Ends {
            client: any,
            server: any,
            tls: None,
        },
        clock: Arc::new(SystemClock),
    }
}

impl Asked {
    fn of<'a>(&'a self, policies: &'a Policies) -> HttpRequest<'a> {
        HttpRequest {
            parts: &self.parts,
            admitted: &self.admitted,
            ends: &self.ends,
            policies,
            body: None,
            clock: &self.clock,
        }
    }
}

/// Status and body of an answer, or a word.
fn told(verdict: Option<Verdict>) -> String {
    match verdict {
        None => "goes on".to_owned(),
        Some(Verdict::Reset) => "reset".to_owned(),
        Some(Verdict::Drop) => "drop".to_owned(),
        Some(Verdict::Answer(answer)) => {
            let location = answer.headers().get("location");
            let location = location.map_or("", |value| value.to_str().unwrap());
            let body = String::from_utf8_lossy(answer.body());
            format!("{} {location}{body}", answer.status().as_u16())
        }
    }
}

fn on_arrival(policies: &Policies, vserver: &str, target: &'static str) -> String {
    let asked = get("www.example.com", target);
    let request = asked.of(policies);
    told(policies.of(&request).on_arrival(vserver))
}

#[test]
fn netscalertoolkit_answers_on_its_virtual_server_only() {
    let policies = compiled(&format!(
        "{ACME}\nadd lb vserver lb HTTP 0.0.0.0 0\nadd lb vserver other HTTP 0.0.0.0 0\n\
         bind lb vserver lb -policyName rsp -priority 101"
    ));

    let challenge = "/.well-known/acme-challenge/token";
    assert_eq!(on_arrival(&policies, "lb", challenge), "200 token.thumb");
    assert_eq!(on_arrival(&policies, "lb", "/"), "goes on");
    assert_eq!(on_arrival(&policies, "other", challenge), "goes on");
    let counts = policies.counts();
    assert_eq!(
        counts.of("responder policy", "RSP").map(Counted::hits),
        Some(1)
    );
    assert_eq!(
        counts.of("responder action", "rsa").map(Counted::hits),
        Some(1)
    );
}

#[test]
fn lens_answers_on_every_virtual_server() {
    let policies = compiled(
        "enable ns feature RESPONDER\n\
         add responder action a respondwith q{\"HTTP/1.1 200 OK\\r\\n\\r\\nkey\"}\n\
         add responder policy p q{HTTP.REQ.HOSTNAME.EQ(\"www.example.com\") && HTTP.REQ.URL.EQ(\"/.well-known/acme-challenge/t\")} a\n\
         bind responder global p 33501 END -type REQ_OVERRIDE",
    );

    assert_eq!(
        on_arrival(&policies, "any", "/.well-known/acme-challenge/t"),
        "200 key"
    );
    assert_eq!(
        on_arrival(&policies, "any", "/.well-known/acme-challenge/u"),
        "goes on"
    );
}

#[test]
fn banks_are_asked_in_order_and_by_priority() {
    let policies = compiled(
        "enable ns feature RESPONDER\n\
         add lb vserver lb HTTP 0.0.0.0 0\n\
         add responder action one respondwith q{\"HTTP/1.1 201 A\\r\\n\\r\\none\"}\n\
         add responder action two respondwith q{\"HTTP/1.1 202 A\\r\\n\\r\\ntwo\"}\n\
         add responder policy first q{HTTP.REQ.URL.EQ(\"/first\")} one\n\
         add responder policy all TRUE two\n\
         add responder policy nothing q{HTTP.REQ.URL.EQ(\"/pass\")} NOOP\n\
         bind lb vserver lb -policyName all -priority 200\n\
         bind lb vserver lb -policyName first -priority 100\n\
         bind responder global nothing 10 END -type REQ_OVERRIDE\n\
         bind responder global all 10 END -type REQ_DEFAULT",
    );

    assert_eq!(on_arrival(&policies, "lb", "/first"), "201 one");
    assert_eq!(on_arrival(&policies, "lb", "/"), "202 two");
    // END ends everything, the default bank too.
    let asked = get("www.example.com", "/pass");
    let request = asked.of(&policies);
    let mut evaluation = policies.of(&request);
    assert_eq!(told(evaluation.on_arrival("lb")), "goes on");
    assert_eq!(told(evaluation.at_last()), "goes on");
    let asked = get("www.example.com", "/");
    let request = asked.of(&policies);
    assert_eq!(told(policies.of(&request).at_last()), "202 two");
}

#[test]
fn goto_leads_to_the_next_or_a_numbered_policy() {
    let policies = |goto: &str| {
        compiled(&format!(
            "enable ns feature RESPONDER\nadd lb vserver lb HTTP 0.0.0.0 0\n\
             add responder action one respondwith q{{\"HTTP/1.1 201 A\\r\\n\\r\\n\"}}\n\
             add responder action two respondwith q{{\"HTTP/1.1 202 A\\r\\n\\r\\n\"}}\n\
             add responder policy nothing TRUE NOOP RESET\n\
             add responder policy a TRUE one\nadd responder policy b TRUE two\n\
             bind lb vserver lb -policyName nothing -priority 10 {goto}\n\
             bind lb vserver lb -policyName a -priority 20\n\
             bind lb vserver lb -policyName b -priority 30"
        ))
    };
    for (goto, expected) in [
        ("", "goes on"),
        ("-gotoPriorityExpression END", "goes on"),
        ("-gotoPriorityExpression NEXT", "201 "),
        ("-gotoPriorityExpression 20", "201 "),
        ("-gotoPriorityExpression 25", "202 "),
        ("-gotoPriorityExpression 99", "goes on"),
        (
            "-gotoPriorityExpression q{10 + HTTP.REQ.URL.LENGTH * 20}",
            "202 ",
        ),
        // Backwards is undefined.
        ("-gotoPriorityExpression 5", "reset"),
    ] {
        assert_eq!(on_arrival(&policies(goto), "lb", "/"), expected, "{goto}");
    }
}

#[test]
fn what_has_no_value_does_what_the_policy_or_the_parameter_says() {
    let policies = |own: &str, global: &str| {
        compiled(&format!(
            "enable ns feature RESPONDER\nadd lb vserver lb HTTP 0.0.0.0 0\n{global}\n\
             add responder policy p q{{HTTP.REQ.HEADER(\"X-Num\").TYPECAST_NUM_AT == 1}} NOOP {own}\n\
             bind lb vserver lb -policyName p -priority 1"
        ))
    };
    let reset = "set responder param -undefAction RESET";
    let none = "enable ns feature RESPONDER";
    assert_eq!(on_arrival(&policies("", none), "lb", "/"), "goes on");
    assert_eq!(on_arrival(&policies("", reset), "lb", "/"), "reset");
    let own = policies("DROP", reset);
    assert_eq!(on_arrival(&own, "lb", "/"), "drop");
    let counted = own.counts().of("responder policy", "p").unwrap();
    assert_eq!((counted.hits(), counted.undefined()), (0, 1));
}

#[test]
fn actions_redirect_show_pages_reset_and_drop() {
    let policies = compiled(
        "enable ns feature RESPONDER\nadd lb vserver lb HTTP 0.0.0.0 0\n\
         add responder action to_https redirect q{\"https://\" + HTTP.REQ.HOSTNAME + HTTP.REQ.URL} -responseStatusCode 301\n\
         add responder action split redirect q{\"https://a/\\r\\nX: y\"}\n\
         add responder action page respondwithhtmlpage -htmlPage sorry -responseStatusCode 503\n\
         add responder policy p1 q{HTTP.REQ.URL.EQ(\"/a?b\")} to_https\n\
         add responder policy p2 q{HTTP.REQ.URL.EQ(\"/page\")} page\n\
         add responder policy p3 q{HTTP.REQ.URL.EQ(\"/reset\")} RESET\n\
         add responder policy p4 q{HTTP.REQ.URL.EQ(\"/drop\")} DROP\n\
         add responder policy p5 q{HTTP.REQ.URL.EQ(\"/split\")} split DROP\n\
         bind lb vserver lb -policyName p1 -priority 1\nbind lb vserver lb -policyName p2 -priority 2\n\
         bind lb vserver lb -policyName p3 -priority 3\nbind lb vserver lb -policyName p4 -priority 4\n\
         bind lb vserver lb -policyName p5 -priority 5",
    );

    assert_eq!(
        on_arrival(&policies, "lb", "/a?b"),
        "301 https://www.example.com/a?b"
    );
    assert_eq!(on_arrival(&policies, "lb", "/page"), "503 <p>sorry</p>");
    assert_eq!(on_arrival(&policies, "lb", "/reset"), "reset");
    assert_eq!(on_arrival(&policies, "lb", "/drop"), "drop");
    // A line end in a header field has no value.
    assert_eq!(on_arrival(&policies, "lb", "/split"), "drop");
    assert!(policies.warnings().is_empty(), "{:?}", policies.warnings());
}

#[test]
fn whole_answers_are_taken_apart_with_care() {
    let read = |text: &str| raw::answer(text.as_bytes());
    let answer = read("HTTP/1.1 299 Fine by me\r\nContent-Length: 5\r\nA: 1\r\nA: 2\r\nConnection: close\r\n\r\nbody").unwrap();
    assert_eq!(answer.status(), 299);
    let reason = answer.extensions().get::<hyper::ext::ReasonPhrase>();
    assert_eq!(
        reason.map(|reason| reason.as_bytes()),
        Some(&b"Fine by me"[..])
    );
    assert_eq!(answer.headers().get_all("a").iter().count(), 2);
    assert!(answer.headers().get("content-length").is_none());
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(&answer.body()[..], b"body");
    let bare = read("HTTP/1.1 204 No Content\r\nA: 1").unwrap();
    assert_eq!((bare.status().as_u16(), bare.headers().len()), (204, 1));
    for bad in [
        "",
        "hello",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 2000 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
    ] {
        assert!(read(bad).is_none(), "{bad}");
    }
}

#[test]
fn content_switching_chooses_by_priority_then_the_default() {
    let policies = compiled(
        "enable ns feature CS\n\
         add lb vserver Shop HTTP 0.0.0.0 0\nadd lb vserver rest HTTP 0.0.0.0 0\nadd lb vserver blog HTTP 0.0.0.0 0\n\
         add cs vserver cs HTTP 192.0.2.1 80\n\
         add cs action to_shop -targetLBVserver shop\n\
         add cs action named -targetVserverExpr q{HTTP.REQ.URL.PATH.GET(2)}\n\
         add cs policy by_path -rule q{HTTP.REQ.URL.STARTSWITH(\"/shop\")} -action to_shop\n\
         add cs policy by_name -rule q{HTTP.REQ.URL.STARTSWITH(\"/to/\")} -action named\n\
         add cs policy bound -rule q{HTTP.REQ.HOSTNAME.SERVER.EQ(\"blog.example.com\")}\n\
         bind cs vserver cs -policyName bound -targetLBVserver blog -priority 30\n\
         bind cs vserver cs -policyName by_path -priority 10\n\
         bind cs vserver cs -policyName by_name -priority 20\n\
         bind cs vserver cs -lbvserver rest",
    );
    let choose = |host: &str, target: &'static str| {
        let asked = get(host, target);
        let request = asked.of(&policies);
        let choice = policies.of(&request).switch("cs");
        format!("{choice:?}")
    };

    assert_eq!(
        choose("blog.example.com", "/shop/1"),
        r#"Some(Target("Shop"))"#
    );
    assert_eq!(choose("blog.example.com", "/"), r#"Some(Target("blog"))"#);
    assert_eq!(
        choose("www.example.com", "/to/blog"),
        r#"Some(Target("blog"))"#
    );
    assert_eq!(
        choose("www.example.com", "/to/nowhere"),
        r#"Some(Target("rest"))"#
    );
    assert_eq!(choose("www.example.com", "/"), r#"Some(Target("rest"))"#);
    let counted = |kind, name: &str| {
        policies
            .counts()
            .of(kind, name)
            .map(|c| (c.hits(), c.undefined()))
    };
    assert_eq!(counted("cs policy", "by_path"), Some((1, 0)));
    assert_eq!(counted("cs action", "named"), Some((1, 1)));
    assert_eq!(counted("cs vserver", "cs"), Some((3, 0)));
}

#[test]
fn compiled_rules_and_counts_are_taken_over() {
    let lines = format!("{ACME}\nbind responder global rsp 1 -type REQ_OVERRIDE");
    let first = compiled(&lines);
    assert_eq!(
        on_arrival(&first, "lb", "/.well-known/acme-challenge/token"),
        "200 token.thumb"
    );
    let page = |_: &str| Err(String::new());
    let second = compile(&config(&lines), &first, &page);

    assert_eq!(
        second
            .counts()
            .of("responder policy", "rsp")
            .map(Counted::hits),
        Some(1)
    );
    assert!(
        second
            .known
            .iter()
            .all(|(source, expr)| Arc::ptr_eq(expr, &first.known[source]))
    );
    let gone = compile(&Config::new(), &second, &page);
    assert!(gone.known.is_empty() && gone.is_idle("lb"));
}

#[test]
fn without_the_feature_policies_rest_and_a_warning_says_so() {
    let lines = ACME.replace("enable ns feature RESPONDER\n", "");
    let policies = compiled(&format!(
        "{lines}\nbind responder global rsp 1 -type REQ_OVERRIDE"
    ));

    assert_eq!(
        on_arrival(&policies, "lb", "/.well-known/acme-challenge/token"),
        "goes on"
    );
    assert_eq!(
        policies.warnings(),
        ["responder policies have no effect: enable ns feature RESPONDER"]
    );
}

#[test]
fn pattern_sets_are_compared_with() {
    let policies = compiled(
        "enable ns feature RESPONDER\nadd policy patset bad\nbind policy patset bad /cgi-bin\nbind policy patset bad /admin\n\
         add responder policy p q{HTTP.REQ.URL.STARTSWITH_ANY(\"bad\")} DROP\n\
         bind responder global p 1 -type REQ_OVERRIDE",
    );

    assert_eq!(on_arrival(&policies, "lb", "/admin/x"), "drop");
    assert_eq!(on_arrival(&policies, "lb", "/a"), "goes on");
}
