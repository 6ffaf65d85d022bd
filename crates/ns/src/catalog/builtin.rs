//! The objects every appliance has from the factory: not saved unless changed, never removed.

/// One such object and the values it has.
#[derive(Debug)]
pub struct Builtin {
    /// The command that would make it.
    pub line: &'static str,
}

const fn builtin(line: &'static str) -> Builtin {
    Builtin { line }
}

/// Objects from the factory, sorted by the command that would make them.
pub static BUILTINS: &[Builtin] = &[
    builtin("add HA node 0 0.0.0.0"),
    builtin("add lb monitor arp ARP"),
    builtin("add lb monitor dns DNS"),
    builtin("add lb monitor ftp FTP"),
    builtin("add lb monitor http HTTP -respCode 200 -httpRequest \"HEAD /\""),
    builtin("add lb monitor http-ecv HTTP-ECV"),
    builtin("add lb monitor http2direct HTTP2 -respCode 200"),
    builtin("add lb monitor http2ssl HTTP2 -respCode 200 -secure YES"),
    builtin("add lb monitor https HTTP -respCode 200 -httpRequest \"HEAD /\" -secure YES"),
    builtin("add lb monitor https-ecv HTTP-ECV -secure YES"),
    builtin("add lb monitor inline HTTP-INLINE"),
    builtin("add lb monitor ldns-dns LDNS-DNS"),
    builtin("add lb monitor ldns-ping LDNS-PING"),
    builtin("add lb monitor ldns-tcp LDNS-TCP"),
    builtin("add lb monitor mqtt MQTT"),
    builtin("add lb monitor mqtt-tls MQTT -secure YES"),
    builtin("add lb monitor nd6 ND6"),
    builtin("add lb monitor ping PING"),
    builtin("add lb monitor ping-default PING"),
    builtin("add lb monitor sta CITRIX-STA-SERVICE"),
    builtin("add lb monitor stasecure CITRIX-STA-SERVICE -secure YES"),
    builtin("add lb monitor tcp TCP"),
    builtin("add lb monitor tcp-default TCP"),
    builtin("add lb monitor tcp-ecv TCP-ECV"),
    builtin("add lb monitor tcps TCP -secure YES"),
    builtin("add lb monitor tcps-ecv TCP-ECV -secure YES"),
    builtin("add lb monitor udp-ecv UDP-ECV"),
    builtin("add lb monitor xdm CITRIX-XDM"),
    builtin("add lb monitor xnc CITRIX-XNC-ECV"),
    builtin("add ns httpProfile nshttp_default_http_quic_profile"),
    builtin("add ns httpProfile nshttp_default_internal_apps"),
    builtin("add ns httpProfile nshttp_default_profile"),
    builtin("add ns httpProfile nshttp_default_strict_validation"),
    builtin("add ns tcpProfile nstcp_default_Mobile_profile"),
    builtin("add ns tcpProfile nstcp_default_XA_XD_profile"),
    builtin("add ns tcpProfile nstcp_default_profile"),
    builtin("add ns tcpProfile nstcp_default_tcp_interactive_stream"),
    builtin("add ns tcpProfile nstcp_default_tcp_lan"),
    builtin("add ns tcpProfile nstcp_default_tcp_lan_thin_stream"),
    builtin("add ns tcpProfile nstcp_default_tcp_lfp"),
    builtin("add ns tcpProfile nstcp_default_tcp_lfp_thin_stream"),
    builtin("add ns tcpProfile nstcp_default_tcp_lnp"),
    builtin("add ns tcpProfile nstcp_default_tcp_lnp_thin_stream"),
    builtin("add ns tcpProfile nstcp_internal_apps"),
    builtin("add ssl certKey ns-server-certificate -cert ns-server.cert -key ns-server.key"),
    builtin("add ssl certKey ns-sftrust-certificate -cert ns-sftrust.cert -key ns-sftrust.key"),
    builtin("add ssl profile ns_default_ssl_profile_backend -sslProfileType BackEnd"),
    builtin("add ssl profile ns_default_ssl_profile_frontend"),
    builtin("add ssl profile ns_default_ssl_profile_internal_frontend_service"),
    builtin(
        "add ssl profile ns_default_ssl_profile_secure_frontend -tls1 DISABLED -tls11 DISABLED \
         -tls13 ENABLED -HSTS ENABLED -maxage 157680000",
    ),
    builtin(concat!(
        r"add system cmdPolicy network ALLOW '^(?!clear ns config.*)(?!scp.*)(?!set ssl fips)",
        r"(?!reset ssl fips)(?!diff ns config)(?!shell)(?!reboot)(?!batch)\S+\s+(?!system)(?!configstatus)",
        r"(?!ns ns\.conf)(?!ns savedconfig)(?!ns runningConfig)(?!gslb runningConfig)(?!techsupport).*'",
    )),
    builtin(concat!(
        r"add system cmdPolicy operator ALLOW '(^man.*)|(^show\s+(?!system)(?!configstatus)(?!ns ns\.conf)",
        r"(?!ns savedconfig)(?!ns runningConfig)(?!gslb runningConfig)(?!audit messages)(?!techsupport).*)",
        r"|(^stat.*)|(^(enable|disable) (server|service).*)'",
    )),
    // Without partitions they say the same as their namesakes.
    builtin(concat!(
        r"add system cmdPolicy partition-admin ALLOW '^(?!shell)(?!sftp)(?!scp)(?!batch)(?!source)(?!.*superuser)",
        r"(?!.*nsroot)(?!install)(?!show\s+system\s+(user|cmdPolicy|file))(?!(set|add|rm|create|export|kill)\s+system)",
        r"(?!(unbind|bind)\s+system\s+(user|group))(?!diff\s+ns\s+config)",
        r"(?!(set|unset|add|rm|bind|unbind|switch)\s+ns\s+partition).*'",
    )),
    builtin(concat!(
        r"add system cmdPolicy partition-network ALLOW '^(?!clear ns config.*)(?!scp.*)(?!set ssl fips)",
        r"(?!reset ssl fips)(?!diff ns config)(?!shell)(?!reboot)(?!batch)\S+\s+(?!system)(?!configstatus)",
        r"(?!ns ns\.conf)(?!ns savedconfig)(?!ns runningConfig)(?!gslb runningConfig)(?!techsupport).*'",
    )),
    builtin(concat!(
        r"add system cmdPolicy partition-operator ALLOW '(^man.*)|(^show\s+(?!system)(?!configstatus)(?!ns ns\.conf)",
        r"(?!ns savedconfig)(?!ns runningConfig)(?!gslb runningConfig)(?!audit messages)(?!techsupport).*)",
        r"|(^stat.*)|(^(enable|disable) (server|service).*)'",
    )),
    builtin(concat!(
        r"add system cmdPolicy partition-read-only ALLOW '(^man.*)|(^show\s+(?!system)(?!configstatus)(?!ns ns\.conf)",
        r"(?!ns savedconfig)(?!ns runningConfig)(?!gslb runningConfig)(?!audit messages)(?!techsupport).*)",
        r"|(^stat.*)'",
    )),
    builtin(concat!(
        r"add system cmdPolicy read-only ALLOW '(^man.*)|(^show\s+(?!system)(?!configstatus)(?!ns ns\.conf)",
        r"(?!ns savedconfig)(?!ns runningConfig)(?!gslb runningConfig)(?!audit messages)(?!techsupport).*)",
        r"|(^stat.*)'",
    )),
    builtin("add system cmdPolicy superuser ALLOW .*"),
    builtin(concat!(
        r"add system cmdPolicy sysadmin ALLOW '^(?!shell)(?!sftp)(?!scp)(?!batch)(?!source)(?!.*superuser)",
        r"(?!.*nsroot)(?!install)(?!show\s+system\s+(user|cmdPolicy|file))(?!(set|add|rm|create|export|kill)\s+system)",
        r"(?!(unbind|bind)\s+system\s+(user|group))(?!diff\s+ns\s+config)",
        r"(?!(set|unset|add|rm|bind|unbind|switch)\s+ns\s+partition).*'",
    )),
    // The password stands for none: nobody can log in before one is set (`UserView::password`).
    builtin("add system user nsroot *"),
];

/// Whether the name is that of one of the appliance's own services, e.g. `nshttps-127.0.0.1-443`.
pub fn is_internal_service(name: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "nsgtwylog-",
        "nshttpd-",
        "nshttps-",
        "nskrpcs-",
        "nsrnatsip-",
        "nsrpcs-",
        "nsvrpcs-",
    ];
    let lower = name.to_ascii_lowercase();
    PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
}
