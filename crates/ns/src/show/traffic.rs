//! Layouts of responder policies, DNS records, system users, sessions, files and the like.

use crate::show::layout::{Bound, Layout};

const fn bound(nitro: &'static [&'static str], lines: &'static [&'static str]) -> Bound {
    Bound {
        nitro,
        lead: "",
        lines,
    }
}

/// The same lines for one among several and for one alone, but for the lead of the first.
macro_rules! layout {
    ($nitro:literal, [$first:literal $(, $line:literal)* $(,)?], $bound:expr) => {
        Layout {
            nitro: $nitro,
            listed: &[concat!("{#})\t", $first) $(, $line)*],
            single: &[concat!("\t", $first) $(, $line)*],
            bound: $bound,
        }
    };
}

pub(super) const LAYOUTS: &[Layout] = &[
    layout!(
        "responderaction",
        [
            "Name: {name}",
            "\tOperation: {type}",
            "\tTarget:{target}",
            "\tBypassSafetyCheck : {bypasssafetycheck|NO}",
            "\tResponse Status Code: {responsestatuscode}",
            "\tReason Phrase: {reasonphrase}",
            "\tHits: {hits|0}",
            "\tUndef Hits: {undefhits|0}",
            "\tAction Reference Count: {referencecount|0}",
            "\tComment: \"{comment}\"",
        ],
        &[]
    ),
    layout!(
        "responderpolicy",
        [
            "Name: {name}",
            "\tRule: {rule}",
            "\tResponder Action: {action}",
            "\tUndefAction: {undefaction|Use Global}",
            "\tHits: {hits|0}",
            "\tUndef Hits: {undefhits|0}",
            "\tLogAction: {logaction}",
            "\tComment: \"{comment}\"",
        ],
        &[bound(
            &[
                "responderpolicy_responderglobal_binding",
                "responderpolicy_lbvserver_binding",
                "responderpolicy_csvserver_binding"
            ],
            &[
                "{#})\tBound to: {boundto}",
                "\tPriority: {priority}\tGotoPriorityExpression: {gotopriorityexpression|END}",
            ],
        )]
    ),
    Layout {
        nitro: "responderglobal",
        listed: &[],
        single: &[],
        bound: &[bound(
            &["responderglobal_responderpolicy_binding"],
            &[
                "{#})\tPolicy Name: {policyname}",
                "\tPriority: {priority}",
                "\tGotoPriorityExpression: {gotopriorityexpression|END}",
                "\tType: {type|REQ_DEFAULT}",
            ],
        )],
    },
    Layout {
        nitro: "responderglobal_responderpolicy_binding",
        listed: &[
            "{#})\tPolicy Name: {policyname}",
            "\tPriority: {priority}",
            "\tGotoPriorityExpression: {gotopriorityexpression|END}",
            "\tType: {type|REQ_DEFAULT}",
        ],
        single: &[
            "1)\tPolicy Name: {policyname}",
            "\tPriority: {priority}",
            "\tGotoPriorityExpression: {gotopriorityexpression|END}",
            "\tType: {type|REQ_DEFAULT}",
        ],
        bound: &[],
    },
    Layout {
        nitro: "vpnglobal",
        listed: &[],
        single: &[],
        bound: &[bound(
            &["vpnglobal_sslcertkey_binding"],
            &[
                "{#})\tCertKey Name: {certkeyname}\tServer Certificate",
                "!certkeyname;{#})\tCertKey Name: {cacert}\tCA Certificate",
            ],
        )],
    },
    layout!(
        "dnstxtrec",
        [
            "Domain Name : {domain}",
            "\tRecord ID : {recordid}",
            "\tTTL : {ttl|3600} secs",
            "\tString : {String}",
            "!String;\tString : {string}",
        ],
        &[]
    ),
    layout!(
        "dnsnsrec",
        [
            "Domain : {domain}",
            "\tNameServer : {nameserver}\tTTL : {ttl|3600} secs"
        ],
        &[]
    ),
    layout!(
        "dnsaddrec",
        [
            "Host Name : {hostname}",
            "\tRecord Type : {type|ADNS}\tTTL : {ttl|3600} secs",
            "\tIP Address : {ipaddress}"
        ],
        &[]
    ),
    layout!(
        "dnssoarec",
        [
            "Domain : {domain}",
            "\tOrigin Server : {originserver}",
            "\tContact : {contact}",
            "\tSerial No. : {serial|100}\tRefresh : {refresh|3600} secs\tRetry : {retry|3} secs",
            "\tExpire : {expire|3600} secs\tMinimum : {minimum|5} secs\tTTL : {ttl|3600} secs",
        ],
        &[]
    ),
    layout!(
        "dnszone",
        [
            "Zone Name : {zonename}",
            "\tProxy Mode : {proxymode|NO}",
            "\tDNSSEC Offload : {dnssecoffload|DISABLED}\tNSEC : {nsec|DISABLED}"
        ],
        &[]
    ),
    layout!(
        "systemuser",
        [
            "User name: {username}",
            "\tTimeout: {timeout}",
            "\tTimeout Inherited From: {timeoutkind}",
            "\tExternal Authentication: {externalauth|ENABLED}",
            "\tLogging: {logging|DISABLED}",
            "\tMaximum Client Sessions: {maxsession|20}",
            "\tAllowed Management Interface: {allowedmanagementinterface|CLI API}",
        ],
        &[
            bound(
                &["systemuser_systemcmdpolicy_binding"],
                &["\t{#})\tCommand Policy: {policyname}\tPriority: {priority|0}"],
            ),
            bound(
                &["systemuser_systemgroup_binding"],
                &["\t{#})\tGroup: {groupname}"],
            ),
        ]
    ),
    layout!(
        "systemgroup",
        ["Group name: {groupname}", "\tTimeout: {timeout}"],
        &[
            bound(
                &["systemgroup_systemuser_binding"],
                &["\t{#})\tUser: {username}"],
            ),
            bound(
                &["systemgroup_systemcmdpolicy_binding"],
                &["\t{#})\tCommand Policy: {policyname}\tPriority: {priority|0}"],
            ),
        ]
    ),
    layout!(
        "systemcmdpolicy",
        [
            "Command Policy: {policyname}",
            "\tAction: {action}",
            "\tCommand Spec: {cmdspec}"
        ],
        &[]
    ),
    layout!(
        "systemsession",
        [
            "Session ID: {sid}",
            "\tUser: {username}",
            "\tLogin time: {logintime}",
            "\tLast activity: {lastactivitytime}",
            "\tExpires: {expirytime}",
            "\tClient type: {clienttype}\tClient IP: {clientipaddress}",
            "?currentconn;\tThis session",
        ],
        &[]
    ),
    layout!(
        "systemfile",
        [
            "File name: {filename}",
            "\tFile Location: {filelocation}",
            "\tFile Size: {filesize} bytes",
            "\tFile Access Time: {fileaccesstime}",
            "\tFile Modified Time: {filemodifiedtime}",
        ],
        &[]
    ),
    Layout {
        nitro: "hanode",
        listed: HA_NODE,
        single: HA_NODE_ONE,
        bound: &[],
    },
];

const HA_NODE: &[&str] = &[
    "{#})\tNode ID:      {id}",
    "\tIP:\t{ipaddress} ({name|-})",
    "\tNode State: {hastatus|UP}",
    "\tMaster State: {state}",
    "\tINC State: {inc|DISABLED}",
    "\tSync State: {hasync|ENABLED}",
    "\tPropagation: {haprop|ENABLED}",
    "\tEnabled Interfaces : {enaifaces}",
    "\tHello Interval: {hellointerval|200} msecs",
    "\tDead Interval: {deadinterval|3} secs",
    "\tNode in this Master State for: {masterstatetime} secs",
];
const HA_NODE_ONE: &[&str] = &[
    "\tNode ID:      {id}",
    "\tIP:\t{ipaddress} ({name|-})",
    "\tNode State: {hastatus|UP}",
    "\tMaster State: {state}",
    "\tINC State: {inc|DISABLED}",
    "\tSync State: {hasync|ENABLED}",
    "\tPropagation: {haprop|ENABLED}",
    "\tEnabled Interfaces : {enaifaces}",
    "\tHello Interval: {hellointerval|200} msecs",
    "\tDead Interval: {deadinterval|3} secs",
    "\tNode in this Master State for: {masterstatetime} secs",
];
