//! Pattern sets, which expressions compare with.

use crate::catalog::attribute::{choice, comment, integer, name, text};
use crate::catalog::resource::{ADD, BindingType, RM, ResourceType, SHOW};
use crate::verb::Verb::{Add, Bind, Unbind};

/// Texts that expressions compare with.
pub static POLICY_PATSET: ResourceType = ResourceType::new("policy patset", "policypatset")
    .doc("Pattern set: texts that expressions compare with.")
    .verbs(&[ADD, RM, SHOW])
    .attributes(&[
        name("name", 127, "Name of the set."),
        comment().only(&[Add]),
    ])
    .bindings(&[BindingType::new(
        "policypatset_pattern_binding",
        &["String"],
        &[
            text("String", "Text of the pattern.")
                .nitro("String")
                .length(1, 255)
                .positional(&[Bind, Unbind])
                .required(&[Bind, Unbind]),
            integer("index", 1, 4_294_967_290, "Number of the pattern.").only(&[Bind]),
            choice("charset", &["ASCII", "UTF_8"], "How it is encoded.")
                .default("ASCII")
                .only(&[Bind])
                .stored(),
            text("comment", "Anything worth telling.").only(&[Bind]),
        ],
    )
    .doc("Pattern of the set.")]);
