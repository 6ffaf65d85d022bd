//! The appliance among others: high availability, partitions, licences, backups.

use crate::catalog::attribute::{
    Attribute, Kind, choice, flag, integer, ip, list, name, name_of_file, text, toggle, yes_no,
};
use crate::catalog::resource::{
    ADD, CREATE, FORCE, RESTORE, RM, ResourceType, SET, SHOW, STAT, SWITCH, SYNC, UNSET,
};
use crate::codes;
use crate::verb::Verb::{Add, Create, Force, Restore, Rm, Set, Sync, Unset};

/// A change of roles.
pub static HA_FAILOVER: ResourceType = ResourceType::new("HA failover", "hafailover")
    .doc("Change of roles between the nodes of a pair (refused: this appliance stands alone).")
    .verbs(&[FORCE])
    .outside()
    .attributes(&[flag("force", "Do not ask.").only(&[Force])]);

/// Files that both nodes have.
pub static HA_FILES: ResourceType = ResourceType::new("HA files", "hafiles")
    .doc("Files that both nodes of a pair have (refused: this appliance stands alone).")
    .verbs(&[SYNC])
    .outside()
    .attributes(&[list(
        "mode",
        &[
            "all",
            "bookmarks",
            "ssl",
            "htmlinjection",
            "imports",
            "misc",
            "dns",
            "krb",
            "AAA",
            "app_catalog",
            "all_plus_misc",
            "all_minus_misc",
        ],
        "Which files; all of them by default.",
    )
    .only(&[Sync])
    .positional(&[Sync])]);

/// A node of a high availability pair.
pub static HA_NODE: ResourceType = ResourceType::new("HA node", "hanode")
    .doc("Node of a high availability pair; node 0 is this appliance (others are kept only).")
    .verbs(&[ADD, RM, SET, SHOW, STAT, UNSET])
    .attributes(&[
        integer("id", 0, 64, "Number of the node; 0 is this appliance.")
            .default("0")
            .key_unless_default(&[Add, Rm]),
        ip("IPAddress", "Address of the node.")
            .only(&[Add])
            .positional(&[Add])
            .required(&[Add])
            .stored(),
        toggle("inc", "The nodes are in different networks.")
            .default("DISABLED")
            .only(&[Add])
            .stored(),
        choice(
            "haStatus",
            &["ENABLED", "STAYSECONDARY", "DISABLED", "STAYPRIMARY"],
            "Which role it takes.",
        )
        .nitro("hastatus")
        .default("ENABLED")
        .only(&[Set, Unset])
        .stored(),
        toggle(
            "haSync",
            "Take the configuration over from the primary node.",
        )
        .nitro("hasync")
        .default("ENABLED")
        .only(&[Set, Unset])
        .stored(),
        toggle("haProp", "Pass commands on to the other node.")
            .nitro("haprop")
            .default("ENABLED")
            .only(&[Set, Unset])
            .stored(),
        integer("helloInterval", 200, 1000, "Time between two heartbeats.")
            .unit("milliseconds")
            .default("200")
            .only(&[Set, Unset])
            .stored(),
        integer(
            "deadInterval",
            3,
            60,
            "Silence after which the other node is down.",
        )
        .unit("seconds")
        .default("3")
        .only(&[Set, Unset])
        .stored(),
        on_off_failsafe(),
        integer(
            "maxFlips",
            0,
            4_294_967_294,
            "Most changes of roles; 0 is no limit.",
        )
        .default("0")
        .only(&[Set, Unset])
        .stored(),
        integer("maxFlipTime", 0, 4_294_967_294, "Time in which they count.")
            .unit("seconds")
            .default("0")
            .only(&[Set, Unset])
            .stored(),
    ]);

/// The other node's configuration, made the same.
pub static HA_SYNC: ResourceType = ResourceType::new("HA sync", "hasync")
    .doc("Makes the secondary node like the primary (refused: this appliance stands alone).")
    .verbs(&[FORCE])
    .outside()
    .attributes(&[
        flag("force", "Also when synchronisation is off.").only(&[Force]),
        yes_no("save", "Save the configuration afterwards.").only(&[Force]),
    ]);

/// What is licensed.
pub static NS_LICENSE: ResourceType = ResourceType::new("ns license", "nslicense")
    .doc("What is licensed: everything is.")
    .verbs(&[SHOW])
    .outside();

/// A partition.
pub static NS_PARTITION: ResourceType = ResourceType::new("ns partition", "nspartition")
    .doc("Part of the appliance with an administrator of its own (kept only, never switched to).")
    .verbs(&[ADD, RM, SET, SHOW, SWITCH, UNSET])
    .attributes(&[
        name("partitionName", 63, "Name of the partition."),
        integer("maxBandwidth", 0, 4_294_967_294, "Bandwidth limit.")
            .unit("Kbps")
            .default("10240")
            .stored(),
        integer("minBandwidth", 0, 4_294_967_294, "Bandwidth it always has.")
            .unit("Kbps")
            .default("10240")
            .stored(),
        integer("maxConn", 0, 4_294_967_294, "Most connections.")
            .default("1024")
            .stored(),
        integer("maxMemLimit", 0, 1_048_576, "Memory limit.")
            .unit("megabytes")
            .default("10")
            .stored(),
        Attribute::new("partitionMAC", Kind::Text(17), "Hardware address.").stored(),
    ]);

/// A backup.
pub static SYSTEM_BACKUP: ResourceType = ResourceType::new("system backup", "systembackup")
    .doc("Backup of the configuration and its files (refused: copy the directory of ns.conf).")
    .verbs(&[ADD, CREATE, RESTORE, RM, SHOW])
    .outside()
    .missing(&codes::NO_SUCH_FILE)
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        name_of_file("fileName", "Name of the backup.").key_unless_default(&[Add, Restore, Rm]),
        choice("level", &["basic", "full"], "How much is kept.")
            .default("basic")
            .only(&[Create]),
        text("comment", "Any remark.").only(&[Create]),
        flag("useLocalTimezone", "Name it by local time.").only(&[Create]),
        flag("skipBackup", "Do not back up before restoring.").only(&[Restore]),
    ]);

const fn on_off_failsafe() -> Attribute {
    choice(
        "failSafe",
        &["ON", "OFF"],
        "One node stays primary when both are unwell.",
    )
    .default("OFF")
    .only(&[Set, Unset])
    .stored()
}
