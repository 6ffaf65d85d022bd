//! `DNSPod`'s international edition: the same calls, another name of the line.

use super::super::world::Service;
use super::dp;

pub(super) const SERVICE: Service = Service {
    code: "dpi",
    serve: |data, asked| dp::serve(data, asked, ("record_line", "default")),
    ..dp::SERVICE
};
