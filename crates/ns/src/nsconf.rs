//! ns.conf: a list of commands, one a line; faults are told by line, word, and what was expected.

use std::fmt;

use jiff::Timestamp;

use crate::command::Command;
use crate::error::NsError;
use crate::grammar;
use crate::model::Config;

/// The release whose language this is, as the first line of ns.conf tells it.
pub const RELEASE: &str = "NS14.1 Build 43.56";

/// What to do with a line that cannot be carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// One such line and nothing is loaded.
    Strict,
    /// Leave it out, go on, and report it.
    Skip,
}

/// A line that is no command, or one that cannot be carried out.
///
/// The text is masked: no word of it that may be secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Number of the line, from 1.
    pub line: usize,
    /// The line, with `***` for secrets.
    pub text: String,
    /// The word at fault, if one is.
    pub word: String,
    /// NetScaler's error.
    pub error: NsError,
    /// What a person can do about it.
    pub remedy: String,
}

impl LineError {
    /// A line whose command was refused.
    pub fn of(line: usize, command: &Command, error: NsError) -> Self {
        Self {
            line,
            text: command.to_string(),
            word: last_word(&error),
            remedy: error.remedy().to_owned(),
            error,
        }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: {}\n    {}\n    {}",
            self.line,
            self.error.rendered(),
            self.text,
            self.remedy
        )
    }
}

impl std::error::Error for LineError {}

/// The commands of a file, and its lines that are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Line number (from 1) and command, in order.
    pub commands: Vec<(usize, Command)>,
    /// Lines that are no command, in order.
    pub errors: Vec<LineError>,
}

/// A configuration that was read, and what of the file is not in it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Lines that were left out, in order.
    pub errors: Vec<LineError>,
    /// Warnings of lines that were carried out.
    pub warnings: Vec<(usize, NsError)>,
}

/// A file was not loaded because of these lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The lines, in order; at least one.
    pub errors: Vec<LineError>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loading ns.conf: {} line(s) at fault", self.errors.len())?;
        for error in &self.errors {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Reads the commands of a file; comments and empty lines are skipped.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    // A file written on Windows may begin with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        match grammar::parse_line(content) {
            Ok(command) => parsed.commands.push((index + 1, command)),
            Err(fault) => parsed.errors.push(LineError {
                line: index + 1,
                text: grammar::mask_line(content),
                word: fault.word().to_owned(),
                remedy: fault.remedy(),
                error: fault.error().clone(),
            }),
        }
    }
    parsed
}

/// Reads a file and carries its commands out, one after the other, on a factory configuration.
///
/// # Errors
/// With [`Policy::Strict`], all lines at fault, if there is one.
pub fn load(text: &str, policy: Policy) -> Result<Loaded, LoadError> {
    let Parsed {
        commands,
        mut errors,
    } = parse(text);
    let mut config = Config::new();
    let mut warnings = Vec::new();
    for (line, command) in commands {
        match config.apply(&command) {
            Ok(applied) => {
                warnings.extend(applied.warnings.into_iter().map(|warning| (line, warning)));
            }
            Err(error) => errors.push(LineError::of(line, &command, error)),
        }
    }
    errors.sort_by_key(|error| error.line);
    match policy {
        Policy::Strict if !errors.is_empty() => Err(LoadError { errors }),
        _ => Ok(Loaded {
            config,
            errors,
            warnings,
        }),
    }
}

/// The configuration as a file: NetScaler's first line and the commands; secrets are in it.
pub fn print(config: &Config) -> String {
    with_header(config, None)
}

/// The configuration as a file that tells when it was saved.
pub fn print_saved(config: &Config, now: Timestamp) -> String {
    with_header(config, Some(now))
}

fn with_header(config: &Config, saved: Option<Timestamp>) -> String {
    let mut text = format!("#{RELEASE}\n");
    if let Some(now) = saved {
        let date = now.strftime("%a %b %e %H:%M:%S %Y");
        text.push_str(&format!("# Last modified by `save config`, {date}\n"));
    }
    for command in config.to_commands() {
        text.push_str(&grammar::print(&command));
        text.push('\n');
    }
    text
}

/// The argument's value that an error is about.
fn last_word(error: &NsError) -> String {
    let detail = error.detail().unwrap_or_default();
    detail
        .rsplit_once(", ")
        .map_or(detail, |(_, value)| value)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> String {
        let Err(error) = load(text, Policy::Strict) else {
            return "no error".to_owned();
        };
        error.to_string()
    }

    const START: &str = "#NS14.1 Build 43.56\n\nenable ns feature LB SSL\nadd server s1 192.0.2.11\n\
                         add service svc1 s1 HTTP 80\nadd lb vserver v1 HTTP 192.0.2.80 80\n";

    #[test]
    fn a_fault_names_its_line_its_word_and_what_was_expected() {
        let file = |line: &str| format!("{START}{line}\n");

        insta::assert_snapshot!(errors(&file("add lb vserver v2 HTTP 192.0.2.81 80 -lbMethd ROUNDROBIN")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: No such argument [-lbMethd]
        add lb vserver v2 HTTP 192.0.2.81 80 -lbMethd ROUNDROBIN
        Expected -lbMethod.
");
        insta::assert_snapshot!(errors(&file("add lb vserver v2 HTTPS 192.0.2.81 443")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Invalid argument value [serviceType, HTTPS]
        add lb vserver v2 HTTPS 192.0.2.81 443
        Expected one of ADNS, ADNS_TCP, ANY, DHCPRA, DIAMETER, DNS, DNS_TCP, DTLS, FIX, FTP, GRE, HTTP, HTTP_QUIC, IPFIX, LOGSTREAM, LOGSTREAM_SSL, MONGO, MONGO_TLS, MQTT, MQTT_TLS, MSSQL, MYSQL, NNTP, ORACLE, PPTP, PROXY, QUIC, QUIC_BRIDGE, RADIUS, RADIUSListener, RDP, RPCSVR, RTSP, SIP_SSL, SIP_TCP, SIP_UDP, SMPP, SNMP, SSL, SSL_BRIDGE, SSL_DIAMETER, SSL_FIX, SSL_TCP, SYSLOGTCP, SYSLOGUDP, TCP, TFTP, UDP, USER_SSL_TCP, USER_TCP for serviceType.
");
        insta::assert_snapshot!(errors(&file("add lb vserver v2 SSL 192.0.2.300 443")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Invalid IP address [192.0.2.300]
        add lb vserver v2 SSL 192.0.2.300 443
        Expected an IPv4 or IPv6 address for IPAddress.
");
        insta::assert_snapshot!(errors(&file("add lb vsrver v2 SSL 192.0.2.81 443")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: No such command [vsrver]
        add lb vsrver v2 SSL 192.0.2.81 443
        Expected `lb vserver`.
");
        insta::assert_snapshot!(errors(&file("ad lb vserver v2 SSL 192.0.2.81 443 -persistence NONE")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Ambiguous argument name [-persistence]
        ad lb vserver v2 SSL 192.0.2.81 443 -persistence NONE
        Expected one of -persistenceType, -persistenceBackup.
");
        insta::assert_snapshot!(errors(&file("bind lb vserver v1 svc9")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: No Service [serviceName, svc9]
        bind lb vserver v1 svc9
        Add the service first, or correct its name.
");
        insta::assert_snapshot!(errors(&file("bind ssl vserver v1 -certkeyName web1")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Object's protocol type is not SSL [v1]
        bind ssl vserver v1 -certkeyName web1
        Use an object of type SSL or SSL_TCP.
");
        insta::assert_snapshot!(errors(&file("add ssl certKey web1 -key web1.key")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Required argument missing [cert]
        add ssl certKey web1 -key web1.key
        Expected text of up to 255 characters after -cert.
");
        insta::assert_snapshot!(errors(&file("add service svc1 s1 HTTP 80")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Resource already exists [name, svc1]
        add service svc1 s1 HTTP 80
        Use `set` to change it, or remove it first.
");
        insta::assert_snapshot!(errors(&file("set interface 0/1 -autoneg DISABLED")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: No such command [interface]
        set interface 0/1 -autoneg DISABLED
        Expected an object type that `set` takes; this one is not supported.
");
        insta::assert_snapshot!(errors(&file("add responder policy p HTTP.REQ.URL.EQ(\"/a b\") NOOP")), @r#"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Expression must be enclosed in quotes [HTTP.REQ.URL.EQ("/a]
        add responder policy p HTTP.REQ.URL.EQ("/a b") NOOP
        Write the expression between quotation marks, inner ones as \".
"#);
        insta::assert_snapshot!(errors(&file("add responder action a redirect \"x")), @r#"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Unmatched quote
        add responder action a redirect "x
        Close the quotation, or write an inner quotation mark as \".
"#);
        insta::assert_snapshot!(errors(&file("set lb vserver v1 -state DISABLED")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: No such argument [-state]
        set lb vserver v1 -state DISABLED
        Expected -state only after add.
");
        insta::assert_snapshot!(errors(&file("set lb vserver v1 -cltTimeout")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Required argument value missing [cltTimeout]
        set lb vserver v1 -cltTimeout
        Expected a number from 0 to 31536000 after -cltTimeout.
");
        insta::assert_snapshot!(errors(&file("rm ssl vserver v1")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: No such command [vserver]
        rm ssl vserver v1
        Expected one of bind, set, show, stat, unbind, unset before `ssl vserver`.
");
        insta::assert_snapshot!(errors(&file("bind ssl vserver v1 -certkeyNam web1 -policyName x")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Arguments cannot both be specified [certkeyName, policyName]
        bind ssl vserver v1 -certkeyNam web1 -policyName x
        Expected either -certkeyName or -policyName.
");
        insta::assert_snapshot!(errors(&file("add server s2")), @"
    loading ns.conf: 1 line(s) at fault
      line 7: ERROR: Required argument missing [IPAddress]
        add server s2
        Expected an address or a name for <IPAddress>.
");
    }

    #[test]
    fn skipping_loads_the_rest_and_reports_what_was_left_out() {
        let text = format!("{START}set interface 0/1 -speed 1000\nbind lb vserver v1 svc1\nfrob\n");

        let loaded = load(&text, Policy::Skip).unwrap();

        let lines: Vec<_> = loaded.errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [7, 9]);
        assert_eq!(loaded.config.vserver("v1").unwrap().services.len(), 1);
    }

    #[test]
    fn errors_show_no_secret() {
        for line in [
            "add ssl certKey c -cert a -pass hunter2",
            "add ssl certKey c -cert a -passplain hunter2 -frob",
            "add ssl certKey c -cert a -passplain \"hunter2",
            "add ssl certKey c -cert a -passplain hunter\"2 x",
            "add ssl certKey c -cert a -passplain my hunter2",
            "add system user u my hunter2",
            "add system user u hunter2 -tmeout 5",
            "set system user nobody hunter2",
            "add ssl certKey c -cert a -passplain hunter2 -passplain hunter3",
        ] {
            let told = errors(line);
            let debug = format!("{:?}", load(line, Policy::Strict));
            assert!(told.contains("line 1"), "{told}");
            assert!(
                !told.contains("hunter") && !debug.contains("hunter"),
                "{told}"
            );
        }
    }

    #[test]
    fn the_header_tells_the_release_and_the_time() {
        let now: Timestamp = "2026-11-01T02:10:49Z".parse().unwrap();

        let text = print_saved(&Config::new(), now);

        insta::assert_snapshot!(text, @"
    #NS14.1 Build 43.56
    # Last modified by `save config`, Sun Nov  1 02:10:49 2026
");
    }

    #[test]
    fn windows_line_ends_and_byte_order_marks_are_read() {
        let text = "\u{feff}#NS14.1\r\nadd server s1 192.0.2.11\r\n";

        let parsed = parse(text);

        assert_eq!(parsed.errors, []);
        assert_eq!(parsed.commands[0].0, 2);
    }
}
