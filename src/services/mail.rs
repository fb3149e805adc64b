//! The server that takes the mail of an environment's apps and shows it: Mailpit, where the settings say
//! `mail: true`. It is no service of the configuration: on Upsun an environment has one when its mail is on.
//!
//! <https://docs.upsun.com/development/email.html>, <https://mailpit.axllent.org/docs/configuration/runtime-options/>

use serde_json::Value;

use super::draft::Draft;
use super::{Configured, Error, Inputs, Ready, ServicePlan, finish, image};
use crate::engine::spec::{Link, MemoryLimit, Port};
use crate::labels::Kind;
use crate::labels::LABEL_SERVICE;
use crate::project::{self, Project};

/// The type under which `images` of the settings may name another image.
const TYPE: &str = "mailpit";

const IMAGE: &str = "axllent/mailpit:v1.31.3";

/// The name that `PLATFORM_SMTP_HOST` holds. No relationship and no service can have it.
pub(crate) const HOST: &str = "smtp.upsun-local.internal";

/// Upsun's server takes mail here, from anybody in the environment.
const SMTP_PORT: u16 = 25;

/// Where it shows the mail, in its container.
const WEB_PORT: u16 = 8025;

/// What stands for `sendmail`, which containers lack.
const SENDMAIL: &str = include_str!("sendmail.sh");

/// Everything that its plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The project.
    pub project: &'a Project,
    /// The environment's name.
    pub environment: &'a str,
    /// The port on this machine where the settings want it to show the mail.
    pub port: Option<u16>,
    /// `images` of the settings.
    pub images: &'a indexmap::IndexMap<String, String>,
    /// The name of the environment's network.
    pub network: &'a str,
    /// What it is called in messages; unlike any service of the configuration.
    pub name: &'a str,
}

/// Plans it.
pub fn plan(wanted: &Wanted<'_>) -> Result<ServicePlan, Error> {
    let inputs = Inputs {
        project: wanted.project,
        environment: wanted.environment,
        service: Configured {
            name: wanted.name,
            r#type: TYPE,
            file: "",
            line: 0,
            raw: &Value::Null,
        },
        external: None,
        images: wanted.images,
        network: wanted.network,
        memory: MemoryLimit::Share,
    };
    let mut draft = Draft::nothing()
        .variable("MP_SMTP_BIND_ADDR", format!("0.0.0.0:{SMTP_PORT}"))
        .variable("MP_UI_BIND_ADDR", format!("0.0.0.0:{WEB_PORT}"))
        // Upsun's asks for no password, and an app that sends one is not refused.
        .variable("MP_SMTP_AUTH_ACCEPT_ANY", "true")
        .variable("MP_SMTP_AUTH_ALLOW_INSECURE", "true")
        .variable("MP_DISABLE_VERSION_CHECK", "true");
    draft.runs = true;
    draft.image = image::overridden(&inputs)?.unwrap_or_else(|| IMAGE.to_owned());
    draft.ready = Ready::Listens(SMTP_PORT);
    draft.capabilities = vec!["NET_BIND_SERVICE".to_owned()];
    draft.ports = vec![Port {
        container: WEB_PORT,
        host: port(wanted),
    }];
    let mut plan = finish(&inputs, draft);
    if let Some(container) = &mut plan.container {
        container.name = container_name(wanted.project, wanted.environment);
        // What the configuration does not have must not be taken for one of its services.
        container.labels.remove(LABEL_SERVICE);
        container.labels.extend([Kind::Mail.label()]);
    }
    Ok(plan)
}

/// No app or service has a name with a plus.
fn container_name(project: &Project, environment: &str) -> String {
    project.name(&[environment, "+mail"])
}

/// How apps find it.
pub fn link(project: &Project, environment: &str) -> Link {
    Link {
        container: container_name(project, environment),
        alias: HOST.to_owned(),
    }
}

/// The port on this machine where it shows the mail: the settings', or one that is always the same for one
/// environment and hardly that of another.
fn port(wanted: &Wanted<'_>) -> u16 {
    wanted.port.unwrap_or_else(|| {
        let parts = format!("{}/{}/mail", wanted.project.key, wanted.environment);
        let digits = &project::hash(parts.as_bytes())[..4];
        20_000 + u16::from_str_radix(digits, 16).unwrap_or_default() % 10_000
    })
}

/// The address where the mail is shown.
pub fn address(plan: &ServicePlan) -> Option<String> {
    let port = plan.container.as_ref()?.ports.first()?;
    Some(format!("http://127.0.0.1:{}", port.host))
}

/// The value of PHP's `sendmail_path` with which `mail()` sends there. What PHP adds to it are the script's arguments.
pub(crate) fn sendmail_path() -> String {
    let lines = SENDMAIL.lines().filter(|line| !line.starts_with('#'));
    let script = lines.collect::<Vec<_>>().join("\n");
    format!("/bin/dash -c '{script}' sendmail")
}

#[cfg(test)]
pub(crate) mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::engine::spec::ContainerSpec;

    fn planned(images: &IndexMap<String, String>, port: Option<u16>) -> ServicePlan {
        let project = Project {
            id: "shop".into(),
            key: "shop-1234".into(),
            root: "/r".into(),
            state_dir: "/s".into(),
            identity: crate::project::Identity::default(),
        };
        plan(&Wanted {
            project: &project,
            environment: "main",
            port,
            images,
            network: "upsun-shop-1234-main",
            name: "mail",
        })
        .unwrap()
    }

    /// The container that takes mail.
    pub(crate) fn container() -> ContainerSpec {
        planned(&IndexMap::new(), None).container.unwrap()
    }

    #[test]
    fn mail_is_taken_on_port_25_and_shown_on_this_machine_only() {
        let plan = planned(&IndexMap::new(), None);
        let container = plan.container.as_ref().unwrap();
        assert_eq!(container.image, "axllent/mailpit:v1.31.3");
        assert_eq!(container.variables["MP_SMTP_BIND_ADDR"], "0.0.0.0:25");
        assert_eq!(plan.ready, Ready::Listens(25));
        let [port] = &container.ports[..] else {
            panic!("{:?}", container.ports);
        };
        assert_eq!(port.container, 8025);
        assert!((20_000..30_000).contains(&port.host), "{}", port.host);
        assert_eq!(
            address(&plan).unwrap(),
            format!("http://127.0.0.1:{}", port.host)
        );
        assert_eq!(Kind::of(&container.labels), Some(Kind::Mail));
        assert!(!container.labels.contains_key(LABEL_SERVICE));
        assert_eq!(plan.volume, None);
    }

    #[test]
    fn the_script_can_stand_in_single_quotes() {
        assert_eq!(sendmail_path().matches('\'').count(), 2);
    }

    #[test]
    fn the_settings_name_another_image_and_another_port() {
        let images = IndexMap::from([("mailpit".to_owned(), "my/mailpit:2".to_owned())]);
        let other = planned(&images, Some(8025));
        assert_eq!(other.container.as_ref().unwrap().image, "my/mailpit:2");
        assert_eq!(address(&other).unwrap(), "http://127.0.0.1:8025");
        assert_ne!(other.id, planned(&IndexMap::new(), None).id);
    }
}
