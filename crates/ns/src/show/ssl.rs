//! Layouts of the SSL group: certificates, SSL virtual servers, services, profiles, ciphers.

use crate::show::layout::{Bound, Layout};
use crate::show::ssl_blocks::{profile_block, service_block, vserver_block};

/// A binding type with one template.
const fn bound(nitro: &'static [&'static str], lines: &'static [&'static str]) -> Bound {
    Bound {
        nitro,
        lead: "",
        lines,
    }
}

const CERTIFICATE: &str = "{#})\tCertKey Name: {certkeyname}\t{@usage}{@checks}";
const CIPHER: &[&str] = &[
    "{#})\tCipher Name: {ciphername}",
    "\tDescription: {description}",
];
const POLICY: &str = "{#})\tPolicy Name: {policyname}\tPriority: {priority}";

pub(super) const LAYOUTS: &[Layout] = &[
    Layout {
        nitro: "sslcertkey",
        listed: &[
            "{#})\tName: {certkey}",
            "\tCert Path: {cert}",
            "\tKey Path: {key}",
            "\tFormat: {inform|PEM}",
            "\tStatus: {status},   Days to expiration:{daystoexpiration}",
            "\tCertificate Expiry Monitor: {expirymonitor|ENABLED}",
            "\tExpiry Notification period: {notificationperiod|30} days",
            "\tCertificate Type:\t{@types}",
            "\tVersion: {version}",
            "\tSerial Number: {serial}",
            "\tSignature Algorithm: {signaturealg}",
            "\tIssuer: {issuer}",
            "?clientcertnotbefore;\tValidity",
            "\t\tNot Before: {clientcertnotbefore}",
            "\t\tNot After : {clientcertnotafter}",
            "\tSubject: {subject}",
            "\tPublic Key Algorithm: {publickey}",
            "\tPublic Key size: {publickeysize}",
            "\tOcsp Response Status: {ocspresponsestatus|NONE}",
        ],
        single: &[
            "!daystoexpiration;\tName: {certkey}\t\tStatus: {status|Unknown}",
            "?daystoexpiration;\tName: {certkey}\t\tStatus: {status},   Days to expiration:{daystoexpiration}",
            "\tVersion: {version}",
            "\tSerial Number: {serial}",
            "\tSignature Algorithm: {signaturealg}",
            "\tIssuer: {issuer}",
            "?clientcertnotbefore;\tValidity",
            "\t\tNot Before: {clientcertnotbefore}",
            "\t\tNot After : {clientcertnotafter}",
            "\tCertificate Type:\t{@types}",
            "\tSubject: {subject}",
            "\tPublic Key Algorithm: {publickey}",
            "\tPublic Key size: {publickeysize}",
            "\tOcsp Response Status: {ocspresponsestatus|NONE}",
            "\tLinked to: {linkcertkeyname}",
        ],
        bound: &[
            bound(
                &["sslcertkey_sslvserver_binding"],
                &["\t{#})\tVServer name: {servername}\t{@usage}"],
            ),
            bound(
                &["sslcertkey_service_binding"],
                &["\t{#})\tService name: {servicename}\t{@usage}"],
            ),
            bound(
                &["sslcertkey_sslprofile_binding"],
                &["\t{#})\tSSL Profile name: {sslprofile}"],
            ),
            bound(
                &["sslcertkey_crldistribution_binding"],
                &["\t{#})\tCRL Distribution issuer: {issuer}"],
            ),
            bound(
                &["sslcertkey_sslocspresponder_binding"],
                &["\t{#})\tOCSP Responder name: {ocspresponder}\tPriority: {priority|0}"],
            ),
        ],
    },
    Layout {
        nitro: "sslcertlink",
        listed: &["{#})\tCert Name: {certkeyname}\tCA Cert Name: {linkcertkeyname}"],
        single: &["{#1})\tCert Name: {certkeyname}\tCA Cert Name: {linkcertkeyname}"],
        bound: &[],
    },
    Layout {
        nitro: "sslcertchain",
        listed: &["{#})\tName: {certkeyname}"],
        single: &["\tName: {certkeyname}"],
        bound: &[bound(
            &["sslcertchain_sslcertkey_binding"],
            &["\t{#})\tCertKey Name: {linkcertkeyname}\tLinked: {islinked|NO}\tCA: {isca|NO}"],
        )],
    },
    Layout {
        nitro: "sslvserver",
        listed: vserver_block!("{#})\tVServer Name: {vservername}"),
        single: vserver_block!("\tAdvanced SSL configuration for VServer {vservername}:"),
        bound: &[
            bound(&["sslvserver_sslcertkey_binding"], &[CERTIFICATE]),
            bound(
                &["sslvserver_sslcertkeybundle_binding"],
                &["{#})\tCertKeyBundle Name: {certkeybundlename}"],
            ),
            bound(&["sslvserver_sslpolicy_binding"], &[POLICY]),
            bound(&["sslvserver_sslcipher_binding"], CIPHER),
        ],
    },
    Layout {
        nitro: "sslservice",
        listed: service_block!("{#})\tService Name: {servicename}"),
        single: service_block!(
            "\tAdvanced SSL configuration for Back-end SSL Service {servicename}:"
        ),
        bound: &[
            bound(
                &["sslservice_sslcertkey_binding"],
                &[
                    "!ca;{#})\tCertKey Name: {certkeyname}\tClient Certificate",
                    "?ca;{#})\tCertKey Name: {certkeyname}\tCA Certificate{@checks}",
                ],
            ),
            bound(&["sslservice_sslpolicy_binding"], &[POLICY]),
            bound(&["sslservice_sslcipher_binding"], CIPHER),
        ],
    },
    Layout {
        nitro: "sslservicegroup",
        listed: service_block!("{#})\tService Group Name: {servicegroupname}"),
        single: service_block!(
            "\tAdvanced SSL configuration for Back-end SSL Service Group {servicegroupname}:"
        ),
        bound: &[
            bound(
                &["sslservicegroup_sslcertkey_binding"],
                &[
                    "!ca;{#})\tCertKey Name: {certkeyname}\tClient Certificate",
                    "?ca;{#})\tCertKey Name: {certkeyname}\tCA Certificate{@checks}",
                ],
            ),
            bound(&["sslservicegroup_sslcipher_binding"], CIPHER),
        ],
    },
    Layout {
        nitro: "sslprofile",
        listed: &["{#})\tName: {name}\t({@side})"],
        single: profile_block!("1)\tName: {name}\t({@side})"),
        bound: &[
            bound(
                &["sslprofile_sslcertkey_binding"],
                &[
                    "?forgingcacertkey;{#})\tCertKey Name: {certkeyname}\tForging CA Certificate",
                    "!forgingcacertkey;{#})\tSSL Interception CA CertKey Name: {sslicacertkey}",
                ],
            ),
            bound(
                &["sslprofile_sslcipher_binding"],
                &[
                    "{#})\tCipher Name: {cipheraliasname}\t Priority :{cipherpriority|1}",
                    "!cipheraliasname;{#})\tCipher Name: {ciphername}\t Priority :{cipherpriority|1}",
                    "\tDescription: {description}",
                ],
            ),
            bound(
                &["sslprofile_sslvserver_binding"],
                &["{#})\tVserver Name: {servername}"],
            ),
        ],
    },
    Layout {
        nitro: "sslparameter",
        listed: PARAMETER,
        single: PARAMETER,
        bound: &[],
    },
    Layout {
        nitro: "sslcipher",
        listed: &["{#})\tCipher Group: {ciphergroupname}"],
        single: &["\tCipher Group: {ciphergroupname}"],
        bound: &[bound(
            &["sslcipher_sslciphersuite_binding"],
            &["{#})\tCipher Name: {ciphername}\tPriority : {cipherpriority|1}"],
        )],
    },
    Layout {
        nitro: "sslocspresponder",
        listed: RESPONDER,
        single: RESPONDER,
        bound: &[],
    },
];

const PARAMETER: &[&str] = &[
    "\tAdvanced SSL Parameters",
    "\t-----------------------",
    "\tSSL quantum size                                       : {quantumsize|8} kB",
    "\tMax CRL memory size                                    : {crlmemorysizemb|256} MB",
    "\tStrict CA checks                                       : {strictcachecks|NO}",
    "\tEncryption trigger timeout                             : {ssltriggertimeout|100} mS",
    "\tSend Close-Notify                                      : {sendclosenotify|YES}",
    "\tEncryption trigger packet count                        : {encrypttriggerpktcount|45}",
    "\tDeny SSL Renegotiation                                 : {denysslreneg|ALL}",
    "\tSubject/Issuer Name Insertion Format                   : {insertionencoding|Unicode}",
    "\tOCSP cache size                                        : {ocspcachesize|10} MB",
    "\tPush flag                                              : 0x{pushflag|0}",
    "\tStrict Host Header check for SNI enabled SSL sessions  : {dropreqwithnohostheader|NO}",
    "\tMatch HTTP Host header with SNI                        : {snihttphostmatch|CERT}",
    "\tPUSH encryption trigger timeout                        : {pushenctriggertimeout|1} ms",
    "\tCrypto Device Disable Limit                            : {cryptodevdisablelimit|0}",
    "\tGlobal undef action for control policies               : {undefactioncontrol|CLIENTAUTH}",
    "\tGlobal undef action for data policies                  : {undefactiondata|NOOP}",
    "\tDefault profile                                        : {defaultprofile|DISABLED}",
    "\tSSL Insert Space in Certificate Header                 : {insertcertspace|YES}",
    "\tSoftware Crypto acceleration CPU Threshold             : {softwarecryptothreshold|0}",
    "\tHybrid FIPS Mode                                       : {hybridfipsmode|DISABLED}",
    "\tSignature and Hash Algorithms supported by TLS1.2      : {sigdigesttype|ALL}",
    "\tSSL Interception Error Learning and Caching            : {sslierrorcache|DISABLED}",
    "\tSSL Interception Maximum Error Cache Memory            : {sslimaxerrorcachemem|0} Bytes",
    "\tNDCPP Compliance Certificate Check                     : {ndcppcompliancecertcheck|NO}",
    "\tHeterogeneous SSL HW (Cluster)                         : {heterogeneoussslhw|DISABLED}",
    "\tCrypto Operation Queue Limit                           : {operationqueuelimit|150}",
];

const RESPONDER: &[&str] = &[
    "{#1})\tName: {name}",
    "\tURL: {url}, IP:  {ocspipaddrstr|}",
    "\tCaching: {cache|Disabled}\t\tTimeout: {cachetimeout|1} minutes",
    "\tBatching: {batchingdepth|1}",
    "\tHTTP Request Timeout: {resptimeout|2000}mS",
    "\tRequest Signing Certificate: {signingcert|Not Set}",
    "\tResponse Verification: {respondercert|Full}, Certificate: {respondercert|Not Set}",
    "\tProducedAt Time Skew: {producedattimeskew|300} seconds",
    "\tNonce Extension: {usenonce|ENABLED}",
    "\tClient Cert Insertion: {insertclientcert|DISABLED}",
    "\tHTTP method: {httpmethod|POST}",
];
