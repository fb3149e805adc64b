//! What is known of the official images: the table in `fixtures/official-images.tsv`, and the tests that hold the plans
//! of services and the images of apps to it. `scripts/check-images` holds the table to the registries.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::config::app::{Image, Runtime, StackRuntime};
use crate::engine::spec::ContainerSpec;
use crate::images::tests as app_images;
use crate::runtimes::RUNTIMES;
use crate::services;
use crate::services::tests::Plans;

const TABLE: &str = include_str!("../fixtures/official-images.tsv");

/// The capabilities without which an entry point cannot become another user.
const STEPPING_DOWN: [&str; 2] = ["SETGID", "SETUID"];

/// A row of the table.
struct Official {
    image: &'static str,
    /// As `USER` has it; `-` for root.
    user: &'static str,
    as_root: &'static str,
    users: BTreeMap<&'static str, u32>,
    /// Paths that are in the image: the owner's id, and whether everybody may write.
    paths: BTreeMap<&'static str, (u32, bool)>,
}

fn table() -> Vec<Official> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.map(row).collect()
}

fn row(line: &'static str) -> Official {
    let columns: Vec<&str> = line.split('\t').collect();
    let [
        image,
        user,
        as_root,
        users,
        _entry,
        _volumes,
        paths,
        source,
        of,
    ] = columns[..]
    else {
        panic!("{line}");
    };
    let words = |column: &'static str| column.split(' ').filter(|word| *word != "-");
    let users = words(users).map(|word| {
        let (name, id) = word.split_once('=').unwrap_or_else(|| panic!("{line}"));
        (name, id.parse().unwrap_or_else(|_| panic!("{line}")))
    });
    let users: BTreeMap<&str, u32> = users.collect();
    let paths = words(paths).filter(|word| !word.starts_with('!'));
    let paths = paths.map(|word| {
        let (path, rest) = word.split_once('=').unwrap_or_else(|| panic!("{line}"));
        let (owner, mode) = rest.split_once(':').unwrap_or_else(|| panic!("{line}"));
        let owner = owner.parse().unwrap_or_else(|_| panic!("{line}"));
        let others = u32::from_str_radix(mode, 8).unwrap_or_default() & 0o2;
        (path, (owner, others != 0))
    });
    let paths = paths.collect();
    let has_user = !["-", "?"].contains(&user);
    let known = ["steps-down", "needs-user", "stays"];
    assert!(
        if has_user {
            as_root == "-"
        } else {
            known.contains(&as_root)
        },
        "{line}"
    );
    let is_day = of.len() == 10 && of.starts_with("20");
    assert!(!source.is_empty() && (of == "-" || is_day), "{line}");
    Official {
        image,
        user,
        as_root,
        users,
        paths,
    }
}

impl Official {
    /// The id of a user as an image or a plan names it, `-` and nothing being root.
    fn id(&self, user: &str) -> Option<u32> {
        let name = user.split(':').next().unwrap_or_default();
        match name {
            "" | "-" | "?" | "root" => Some(0),
            name => name.parse().ok().or_else(|| self.users.get(name).copied()),
        }
    }

    /// Why a container of this image cannot start as it is planned.
    fn fault(&self, spec: &ContainerSpec) -> Option<String> {
        let user = if spec.user.is_empty() {
            self.user
        } else {
            &spec.user
        };
        let Some(id) = self.id(user) else {
            return Some(format!("the image knows no user `{user}`"));
        };
        let can = |name: &&str| spec.capabilities.iter().any(|had| had == name);
        let steps_down = STEPPING_DOWN.iter().all(can);
        if id != 0 && steps_down {
            return Some("capabilities of no use: the image is not root".to_owned());
        }
        match self.as_root {
            "needs-user" if id == 0 => return Some("it must not start as root".to_owned()),
            "steps-down" if id == 0 && !steps_down => {
                return Some("it is root, and may not become another user".to_owned());
            }
            _ => {}
        }
        for volume in &spec.volumes {
            let Some((owner, everybody)) = self.paths.get(volume.target.as_str()) else {
                return Some(format!("the image has no `{}`", volume.target));
            };
            if *owner != id && !*everybody && !steps_down {
                return Some(format!("{id} cannot write to `{}`", volume.target));
            }
        }
        None
    }
}

/// The containers of all services in all versions, those of images for extensions included, and the one for mail.
fn of_services() -> Vec<(String, ContainerSpec)> {
    let mut types: Vec<(String, &str)> = Vec::new();
    for known in services::all() {
        for version in known.supported.iter().chain(known.deprecated) {
            let more = match known.name {
                "varnish" => "  relationships: {main: 'app:http'}\n",
                "vault-kms" => {
                    "  configuration: {endpoints: {manage_keys: [{policy: sign, key: a, type: sign}]}}\n"
                }
                _ => "",
            };
            types.push((format!("{}:{version}", known.name), more));
        }
    }
    for extension in ["postgis", "vector"] {
        let more = match extension {
            "postgis" => "  configuration: {extensions: [postgis]}\n",
            _ => "  configuration: {extensions: [vector]}\n",
        };
        types.push(("postgresql:18".to_owned(), more));
    }
    let plans = types.into_iter().filter_map(|(kind, more)| {
        let plan = Plans::of(&format!("db:\n  type: {kind}\n{more}")).plan("db");
        Some((kind, plan.ok()?.container?))
    });
    plans
        .chain([("mail".to_owned(), services::mail::tests::container())])
        .collect()
}

/// What the images of apps of every runtime are made from, as pairs of an image and a path that is copied from it; the
/// path is empty for an image that is the base.
fn of_apps() -> BTreeSet<(String, String)> {
    let mut used = BTreeSet::new();
    for known in RUNTIMES {
        let default = [known.default_version];
        let versions = known.supported.iter().chain(known.deprecated);
        for version in versions.chain(&default) {
            let runtime = Runtime {
                name: known.name.to_owned(),
                version: (*version).to_owned(),
            };
            let further = StackRuntime {
                runtime: runtime.clone(),
                extensions: Vec::new(),
                disabled_extensions: Vec::new(),
            };
            let perl = StackRuntime {
                runtime: Runtime {
                    name: "perl".to_owned(),
                    version: String::new(),
                },
                ..further.clone()
            };
            let composable = |runtimes| Image::Composable {
                channel: "25.11".to_owned(),
                runtimes,
                packages: Vec::new(),
            };
            for image in [
                Image::Runtime(runtime),
                composable(vec![perl, further]),
                composable(Vec::new()),
            ] {
                let plan = app_images::plan(&app_images::app(image, json!({})));
                used.insert((plan.base, String::new()));
                let copies = plan.copies.into_iter();
                used.extend(copies.map(|copy| (copy.image, copy.from)));
            }
        }
    }
    used.insert((crate::plan::front::IMAGE.to_owned(), String::new()));
    used
}

#[test]
fn every_service_can_start_as_its_image_is() {
    let table = table();
    let mut faults = Vec::new();
    for (kind, spec) in of_services() {
        match table.iter().find(|row| row.image == spec.image) {
            None => faults.push(format!("{kind}: `{}` is not in the table", spec.image)),
            Some(row) => faults.extend(row.fault(&spec).map(|fault| format!("{kind}: {fault}"))),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_an_image_is_made_from_is_in_the_official_images() {
    let table = table();
    let mut faults = Vec::new();
    for (image, path) in of_apps() {
        match table.iter().find(|row| row.image == image) {
            None => faults.push(format!("`{image}` is not in the table")),
            Some(row) if path.is_empty() || row.paths.contains_key(path.as_str()) => {}
            Some(_) => faults.push(format!("`{image}` has no `{path}`")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_has_each_image_once_and_none_that_nothing_asks_for() {
    let services = of_services().into_iter().map(|(_, spec)| spec.image);
    let apps = of_apps().into_iter().map(|(image, _)| image);
    let used: BTreeSet<String> = services.chain(apps).collect();
    let rows: Vec<&str> = table().iter().map(|row| row.image).collect();
    assert!(rows.is_sorted(), "the rows are sorted by their images");
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len());
    let unused: Vec<&&str> = rows.iter().filter(|row| !used.contains(**row)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn what_cannot_start_is_noticed() {
    let with = |image: &str, spec: ContainerSpec| {
        let row = table().into_iter().find(|row| row.image == image);
        row.unwrap_or_else(|| panic!("{image}")).fault(&spec)
    };
    let user = |user: &str| ContainerSpec {
        user: user.to_owned(),
        ..ContainerSpec::default()
    };
    let volume = |user: &str, target: &str| ContainerSpec {
        user: user.to_owned(),
        volumes: vec![crate::engine::spec::VolumeMount {
            volume: "v".to_owned(),
            target: target.to_owned(),
            read_only: false,
        }],
        ..ContainerSpec::default()
    };
    let cases = [
        ("varnish:6.0", user(""), "it must not start as root"),
        (
            "redis:8.0",
            user(""),
            "it is root, and may not become another user",
        ),
        (
            "redis:8.0",
            user("valkey"),
            "the image knows no user `valkey`",
        ),
        (
            "influxdb:3-core",
            volume("", "/var/lib/influxdb3/data"),
            "the image has no `/var/lib/influxdb3/data`",
        ),
        (
            "redis:8.0",
            volume("1000", "/data"),
            "1000 cannot write to `/data`",
        ),
    ];
    for (image, spec, fault) in cases {
        assert_eq!(with(image, spec).as_deref(), Some(fault), "{image}");
    }
    assert_eq!(with("redis:8.0", volume("redis", "/data")), None);
}
