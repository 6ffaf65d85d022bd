//! Files on the appliance: uploaded, listed and removed; no part of the configuration.

use crate::catalog::attribute::{Attribute, Kind, choice, name_of_file};
use crate::catalog::resource::{ADD, RM, ResourceType, SHOW};
use crate::codes;
use crate::verb::Verb::{Add, Rm, Show};

/// A file.
pub static SYSTEM_FILE: ResourceType = ResourceType::new("system file", "systemfile")
    .doc("File on the appliance, below /nsconfig or /var.")
    .verbs(&[ADD, RM, SHOW])
    .outside()
    .missing(&codes::NO_SUCH_FILE)
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        name_of_file("fileName", "Name of the file."),
        Attribute::new("fileLocation", Kind::Text(127), "Directory of the file.")
            .only(&[Add, Rm, Show])
            .required(&[Add, Rm, Show]),
        Attribute::new("fileContent", Kind::Content, "Contents in base64.")
            .only(&[Add])
            .required(&[Add]),
        choice("fileEncoding", &["BASE64"], "How the contents are written.")
            .default("BASE64")
            .only(&[Add]),
    ]);
