//! The mail of an environment's apps, where `mail` is on in the settings.

use super::connections::failed;
use super::{Error, Workspace};
use crate::engine::spec::Container;
use crate::labels::Kind;
use crate::labels::LABEL_ENVIRONMENT;
use crate::plan::Connections;
use crate::services::{ServicePlan, mail};
use crate::variables::{Origin, Phase, Prefixed};

impl Workspace {
    /// The plan of the mail server.
    pub fn mail(&self) -> Result<Option<ServicePlan>, Error> {
        self.mail_of(&self.environment.name)
            .transpose()
            .map_err(|err| failed(&err))
    }

    fn mail_of(&self, environment: &str) -> Option<Result<ServicePlan, crate::services::Error>> {
        Some(mail::plan(&mail::Wanted {
            project: &self.project,
            environment,
            port: self.settings.mail?.port,
            images: &self.settings.images,
            network: &self.project.name(&[environment]),
            name: self.mail_name(),
        }))
    }

    /// The name of the mail server, which no service of the configuration has.
    fn mail_name(&self) -> &'static str {
        let is_free = |name: &&str| !self.config.services.contains_key(*name);
        let names = [Kind::Mail.name(), "mailpit", "upsun-local-mail"];
        names.into_iter().find(is_free).unwrap_or("+mail")
    }

    /// Whether the name means the mail server.
    pub(crate) fn is_mail(&self, name: &str) -> bool {
        self.settings.mail.is_some() && name == self.mail_name()
    }

    /// `PLATFORM_SMTP_HOST`. Empty is how Upsun says that mail is switched off.
    pub(crate) fn smtp_host(&self) -> &'static str {
        self.settings.mail.map_or("", |_| mail::HOST)
    }

    /// Adds the mail server, which every container of an app reaches without a relationship.
    pub(crate) fn with_mail(
        &self,
        plan: Option<&ServicePlan>,
        mut connections: Vec<Connections>,
    ) -> Vec<Connections> {
        let Some(plan) = plan else {
            return connections;
        };
        for connections in &mut connections {
            connections.services.push(plan.name.clone());
            let link = mail::link(&self.project, &self.environment.name);
            connections.links.push(link);
        }
        connections
    }

    /// What PHP's `mail()` needs, below what the project itself says of it.
    pub(crate) fn php_mail(&self, phase: Phase) -> Option<Prefixed> {
        let is_on = self.settings.mail.is_some() && phase == Phase::Runtime;
        is_on.then(|| Prefixed {
            name: "php:sendmail_path".to_owned(),
            value: mail::sendmail_path().into(),
            origin: Origin::Container,
            sensitive: false,
        })
    }

    /// The address of the page with the mail, if the container is a mail server.
    pub fn mail_address(&self, container: &Container) -> Option<String> {
        let label = |name: &str| container.labels.get(name).map(String::as_str);
        if Kind::of(&container.labels) != Some(Kind::Mail) {
            return None;
        }
        let plan = self.mail_of(label(LABEL_ENVIRONMENT)?)?.ok()?;
        mail::address(&plan)
    }
}
