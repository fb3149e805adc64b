//! Explains to users why an object is made, replaced or kept (`-vv`). The decisions themselves are made elsewhere.

use crate::engine::spec::{Container, Volume};
use crate::labels::{LABEL_APP, LABEL_BUILD, LABEL_DEPLOY};
use crate::plan::{BuildPlan, ContainerPlan};
use crate::services::ServicePlan;

/// Why a build is not reused.
pub(super) fn of_build(build: &BuildPlan, volumes: &[Volume], rebuild: bool) -> &'static str {
    let is_there = |name: &str| volumes.iter().any(|volume| volume.name == name);
    if rebuild {
        "a new one is asked for"
    } else if is_there(&build.volume.name) {
        "it was never finished"
    } else if volumes.iter().any(|volume| {
        let label = |name| volume.labels.get(name);
        label(LABEL_BUILD).is_some() && label(LABEL_APP) == build.volume.labels.get(LABEL_APP)
    }) {
        "no build of the same source, configuration, image and variables is there"
    } else {
        "there is no build yet"
    }
}

/// Why a container of an app is replaced. `containers` are the containers of the environment.
pub(super) fn of_container(
    plan: &ContainerPlan,
    containers: &[Container],
    rebuild: bool,
) -> &'static str {
    let name = &plan.container.name;
    let starting = format!("{name}{}", super::deploy::STARTING);
    let found = containers.iter().find(|found| found.name == *name);
    match found {
        _ if rebuild => "its build is made again",
        Some(found) if found.labels.get(LABEL_DEPLOY) != Some(&plan.id) => {
            "its build, image, variables, mounts or commands have changed"
        }
        Some(found) if !found.running => "it cannot be started again",
        Some(_) => "it cannot be used any more",
        None if containers.iter().any(|found| found.name == starting) => {
            "it was left before it was up"
        }
        None => "there is none",
    }
}

/// Why a service is replaced; `None` if the service is kept.
pub(super) fn of_service(plan: &ServicePlan, containers: &[Container]) -> Option<&'static str> {
    let spec = plan.container.as_ref()?;
    let starting = format!("{}{}", spec.name, super::deploy::STARTING);
    let found = containers.iter().find(|found| found.name == spec.name);
    match found {
        Some(found) if found.labels.get(LABEL_DEPLOY) != Some(&plan.id) => {
            Some("its type, version or configuration has changed: it is made anew")
        }
        Some(found) if !found.running => Some("it does not run: it is started again"),
        Some(_) => None,
        None if containers.iter().any(|found| found.name == starting) => {
            Some("it was left before it was up: it is made anew")
        }
        None => Some("there is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::spec::ContainerSpec;
    use crate::labels::Labels;
    use crate::services::Ready;

    fn container(name: &str, deploy: &str, running: bool) -> Container {
        Container {
            id: name.to_owned(),
            name: name.to_owned(),
            running,
            status: String::new(),
            labels: Labels::from([(LABEL_DEPLOY.to_owned(), deploy.to_owned())]),
            created: 0,
        }
    }

    #[test]
    fn a_service_is_kept_only_while_it_runs_with_the_same_plan() {
        let plan = ServicePlan {
            name: "db".to_owned(),
            r#type: "postgresql:18".to_owned(),
            id: "1".to_owned(),
            container: Some(ContainerSpec {
                name: "db".to_owned(),
                ..ContainerSpec::default()
            }),
            volume: None,
            files: Vec::new(),
            ready: Ready::Runs,
            setup: Vec::new(),
            endpoints: Vec::new(),
            external: false,
            warnings: Vec::new(),
        };
        for (found, expected) in [
            (Some(container("db", "1", true)), None),
            (
                Some(container("db", "1", false)),
                Some("it does not run: it is started again"),
            ),
            (
                Some(container("db", "2", true)),
                Some("its type, version or configuration has changed: it is made anew"),
            ),
            (
                Some(container("db-starting", "1", true)),
                Some("it was left before it was up: it is made anew"),
            ),
            (None, Some("there is none")),
        ] {
            let containers: Vec<Container> = found.into_iter().collect();
            assert_eq!(of_service(&plan, &containers), expected, "{containers:?}");
            let is_current = super::super::services::is_current(&plan, &containers);
            assert_eq!(is_current, expected.is_none(), "{containers:?}");
        }
    }
}
