//! `VScale`: Selectel's first version under another name.

use super::super::world::Service;

pub(super) const SERVICE: Service = Service {
    code: "vscale",
    ..super::selectelv1::SERVICE
};
