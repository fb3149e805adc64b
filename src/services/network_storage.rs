//! Network storage: files only, which mounts with `source: service` bring into apps.
//!
//! <https://docs.upsun.com/add-services/network-storage.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::{Error, Inputs};

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    // Its volumes come with the mounts that use them.
    Ok(Draft::nothing().warn(configuration.ignored(&[])))
}
