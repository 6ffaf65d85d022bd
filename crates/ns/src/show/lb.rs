//! Layouts of servers, services, groups, monitors, and load-balancing and content-switching virtual servers.

use crate::show::layout::{Bound, Layout};

const fn bound(nitro: &'static [&'static str], lines: &'static [&'static str]) -> Bound {
    Bound {
        nitro,
        lead: "\n",
        lines,
    }
}

macro_rules! lb_vserver {
    ($lead:literal) => {
        &[
            concat!($lead, "{name} ({ipv46|0.0.0.0}:{port|0}) - {servicetype|-}\tType: {type|ADDRESS} "),
            "\tState: {curstate}",
            "\tLast state change was at {statechangetimesec}",
            "\tTime since last state change: {tickssincelaststatechange}",
            "\tEffective State: {effectivestate}",
            "\tClient Idle Timeout: {clttimeout|180} sec",
            "\tDown state flush: {downstateflush|ENABLED}",
            "\tDisable Primary Vserver On Down : {disableprimaryondown|DISABLED}",
            "\tAppflow logging: {appflowlog|ENABLED}",
            "\tNo. of Bound Services :  {totalservices} (Total) \t {activeservices|0} (Active)",
            "!totalservices;\tNo. of Bound Services :  {@members} (Total) \t {@up} (Active)",
            "\tConfigured Method: {lbmethod|LEASTCONNECTION}\tBackupMethod: {backuplbmethod|ROUNDROBIN}",
            "\tMode: {m|IP}",
            "!persistencetype;\tPersistence: NONE",
            "?persistencetype;\tPersistence: {persistencetype}\tPersistence timeout: {timeout|2} min",
            "\tCookie Name: {cookiename}",
            "\tVserver IP and Port insertion: {insertvserveripport|OFF}",
            "\tHTTP Profile: {httpprofilename}",
            "\tTCP Profile: {tcpprofilename}",
            "\tBackup: {backupvserver}",
            "\tRedirect URL: {redirurl}",
            "\tRedirect from Port: {redirectfromport}\tHTTPS Redirect URL: {httpsredirecturl|}",
            "\tPush: {push|DISABLED}\tPush VServer: {pushvserver|}",
            "\tTraffic Domain: {td|0}",
            "\tComment: {comment}",
        ]
    };
}

macro_rules! cs_vserver {
    ($lead:literal) => {
        &[
            concat!(
                $lead,
                "{name} ({ipv46|0.0.0.0}:{port|0}) - {servicetype|-}\tType: {type|CONTENT} "
            ),
            "\tState: {curstate}",
            "\tLast state change was at {statechangetimesec}",
            "\tClient Idle Timeout: {clttimeout|180} sec",
            "\tDown state flush: {downstateflush|ENABLED}",
            "\tDisable Primary Vserver On Down : {disableprimaryondown|DISABLED}",
            "\tComment: {comment}",
            "\tAppflow logging: {appflowlog|ENABLED}",
            "\tState Update: {stateupdate|DISABLED}",
            "\tDefault: {targetlbvserver}\tContent Precedence: {precedence|RULE}",
            "!targetlbvserver;\tDefault: {lbvserver|}\tContent Precedence: {precedence|RULE}",
            "\tVserver IP and Port insertion: {insertvserveripport|OFF}",
            "\tCase Sensitivity: {casesensitive|ON}",
            "\tBackup: {backupvserver}",
            "\tRedirect URL: {redirecturl}",
            "\tTraffic Domain: {td|0}",
        ]
    };
}

macro_rules! service {
    ($lead:literal) => {
        &[
            concat!($lead, "{name} ({ipaddress}:{port|0}) - {servicetype|-}"),
            concat!(
                "!ipaddress;?ip;",
                $lead,
                "{name} ({ip}:{port|0}) - {servicetype|-}"
            ),
            concat!(
                "!ipaddress;!ip;",
                $lead,
                "{name} ({servername|-}:{port|0}) - {servicetype|-}"
            ),
            "\tState: {svrstate}",
            "\tLast state change was at {statechangetimesec}",
            "\tServer Name: {servername}",
            "\tServer ID : {customserverid|None} \tMonitor Threshold : {monthreshold|0}",
            "\tMax Conn: {maxclient|0}\tMax Req: {maxreq|0}\tMax Bandwidth: {maxbandwidth|0} kbits",
            "\tUse Source IP: {usip|NO}",
            "\tClient Keepalive(CKA): {cka|NO}",
            "\tTCP Buffering(TCPB): {tcpb|NO}",
            "\tHTTP Compression(CMP): {cmp|NO}",
            "\tIdle timeout: Client: {clttimeout|180} sec\tServer: {svrtimeout|360} sec",
            "?cip;\tClient IP: {cip}\t{cipheader|}",
            "!cip;\tClient IP: DISABLED",
            "\tCacheable: {cacheable|NO}",
            "\tDown state flush: {downstateflush|ENABLED}",
            "\tAppflow logging: {appflowlog|ENABLED}",
            "\tHealth monitoring: {healthmonitor|YES}",
            "\tTraffic Domain: {td|0}",
            "\tComment: {comment}",
        ]
    };
}

const MONITOR: &[&str] = &[
    "{#})\tMonitor Name: {monitor_name}",
    "\t\tState: {monitor_state}\tWeight: {weight|1}\tPassive: {passive|0}",
    "\t\tProbes: {monitortotalprobes}\tFailed [Total: {monitortotalfailedprobes|0} Current: {monitorcurrentfailedprobes|0}]",
    "\t\tLast response: {lastresponse}",
    "\t\tResponse Time: {responsetime} millisec",
];

const MEMBER: &[&str] = &[
    "?ip;{#})   {ip}:{port}\tState: {svrstate|UNKNOWN}\tServer Name: {servername|-}\tServer ID: {customserverid|None}\tWeight: {weight|1}",
    "!ip;{#})   {servername}:{port}\tState: {svrstate|UNKNOWN}\tServer Name: {servername}\tServer ID: {customserverid|None}\tWeight: {weight|1}",
];

const RESPONDER_POLICY: &[&str] = &[
    "{#})\tResponder Policy Name: {policyname}\tPriority: {priority}\tGotoPriority Expression: {gotopriorityexpression|END}\tBindpoint: {bindpoint|REQUEST}",
];

pub(super) const LAYOUTS: &[Layout] = &[
    Layout {
        nitro: "server",
        listed: &[
            "{#})\tName:    {name}\tState:{state|ENABLED}",
            "\tIPAddress:    {ipaddress}",
            "\tDomain:    {domain}",
            "\tComment: {comment}",
        ],
        single: &[
            "\tName:    {name}\tState:{state|ENABLED}",
            "\tIPAddress:    {ipaddress}",
            "\tDomain:    {domain}",
            "\tComment: {comment}",
        ],
        bound: &[bound(
            &["server_service_binding"],
            &["{#})\tService name: {servicename}\tState: {svrstate|UNKNOWN}"],
        )],
    },
    Layout {
        nitro: "service",
        listed: service!("{#})\t"),
        single: service!("\t"),
        bound: &[bound(&["service_lbmonitor_binding"], MONITOR)],
    },
    Layout {
        nitro: "servicegroup",
        listed: GROUP_LISTED,
        single: GROUP_SINGLE,
        bound: &[
            bound(
                &["servicegroup_lbmonitor_binding"],
                &[
                    "{#})\tMonitor Name: {monitor_name}\tState: {monstate|ENABLED}\tWeight: {weight|1}",
                ],
            ),
            bound(&["servicegroup_servicegroupmember_binding"], MEMBER),
        ],
    },
    Layout {
        nitro: "lbvserver",
        listed: lb_vserver!("{#})\t"),
        single: lb_vserver!("\t"),
        bound: &[
            bound(
                &[
                    "lbvserver_service_binding",
                    "lbvserver_servicegroupmember_binding",
                ],
                &[
                    "{#})\t{@opname} ({ipv46|-}: {port|-}) - {servicetype|-} State: {curstate|UNKNOWN}\tWeight: {weight|1}",
                ],
            ),
            bound(
                &["lbvserver_servicegroup_binding"],
                &["{#})\tGroup Name: {servicegroupname}"],
            ),
            bound(&["lbvserver_responderpolicy_binding"], RESPONDER_POLICY),
            bound(
                &["lbvserver_cspolicy_binding"],
                &["{#})\tContent-Based Policy : {policyname}\tPriority: {priority|0}"],
            ),
        ],
    },
    Layout {
        nitro: "csvserver",
        listed: cs_vserver!("{#})\t"),
        single: cs_vserver!("\t"),
        bound: &[
            bound(
                &["csvserver_cspolicy_binding"],
                &[
                    "{#})\tPolicy : {policyname}\tTarget: {targetlbvserver|-}\tPriority: {priority|0}\tHits: {hits|0}",
                ],
            ),
            bound(
                &["csvserver_lbvserver_binding"],
                &["{#})\tDefault LB: {lbvserver}\tHits: {hits|0}"],
            ),
            bound(&["csvserver_responderpolicy_binding"], RESPONDER_POLICY),
        ],
    },
    Layout {
        nitro: "csaction",
        listed: CS_ACTION,
        single: CS_ACTION_ONE,
        bound: &[],
    },
    Layout {
        nitro: "cspolicy",
        listed: &[
            "{#})\tPolicy: {policyname}\tRule: {rule|-}\tAction: {action|-}",
            "\tHits: {hits|0}",
        ],
        single: &[
            "\tPolicy: {policyname}\tRule: {rule|-}\tAction: {action|-}",
            "\tHits: {hits|0}",
        ],
        bound: &[bound(
            &["cspolicy_csvserver_binding"],
            &["{#})\tCS Vserver: {boundto}\tPriority : {priority|0}"],
        )],
    },
];

const GROUP_LISTED: &[&str] = &[
    "{#})\t{servicegroupname} - {servicetype|-}",
    "\tState: {state|ENABLED}\tEffective State: {servicegroupeffectivestate|UNKNOWN}\tMonitor Threshold : {monthreshold|0}",
    "\tMax Conn: {maxclient|0}\tMax Req: {maxreq|0}\tMax Bandwidth: {maxbandwidth|0} kbits",
    "\tIdle timeout: Client: {clttimeout|180} sec\tServer: {svrtimeout|360} sec",
    "\tComment: {comment}",
];
const GROUP_SINGLE: &[&str] = &[
    "\t{servicegroupname} - {servicetype|-}",
    "\tState: {state|ENABLED}\tEffective State: {servicegroupeffectivestate|UNKNOWN}\tMonitor Threshold : {monthreshold|0}",
    "\tMax Conn: {maxclient|0}\tMax Req: {maxreq|0}\tMax Bandwidth: {maxbandwidth|0} kbits",
    "\tUse Source IP: {usip|NO}",
    "\tClient Keepalive(CKA): {cka|NO}",
    "\tTCP Buffering(TCPB): {tcpb|NO}",
    "\tHTTP Compression(CMP): {cmp|NO}",
    "\tIdle timeout: Client: {clttimeout|180} sec\tServer: {svrtimeout|360} sec",
    "?cip;\tClient IP: {cip}\t{cipheader|}",
    "!cip;\tClient IP: DISABLED",
    "\tDown state flush: {downstateflush|ENABLED}",
    "\tComment: {comment}",
];
const CS_ACTION: &[&str] = &[
    "{#})\tName: {name}",
    "\tTarget LB Vserver: {targetlbvserver}",
    "\tTarget Vserver: {targetvserver}",
    "\tTarget Vserver Expression: {targetvserverexpr}",
    "\tHits: {hits|0}",
    "\tAction Reference Count: {referencecount|0}",
    "\tUndef Hits: {undefhits|0}",
    "\tComment: {comment}",
];
const CS_ACTION_ONE: &[&str] = &[
    "\tName: {name}",
    "\tTarget LB Vserver: {targetlbvserver}",
    "\tTarget Vserver: {targetvserver}",
    "\tTarget Vserver Expression: {targetvserverexpr}",
    "\tHits: {hits|0}",
    "\tAction Reference Count: {referencecount|0}",
    "\tUndef Hits: {undefhits|0}",
    "\tComment: {comment}",
];
