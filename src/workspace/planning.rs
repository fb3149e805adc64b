//! The plan of an app, and what its image is made from.

use std::path::Path;

use super::container_variables::by_name;
use super::{Error, Workspace};
use crate::bounded::{self, MEBIBYTE};
use crate::config::app::App;
use crate::images::{self, Recipe};
use crate::layout;
use crate::lock;
use crate::made_anew;
use crate::php_ini;
use crate::plan::{self, AppPlan};
use crate::source::Tree;
use crate::user_variables::UserVariables;
use crate::variables::{self, Phase};

impl Workspace {
    /// Plans an app.
    pub fn plan(
        &self,
        app: &App,
        tree: &Tree,
        command_line: &UserVariables,
    ) -> Result<(AppPlan, Recipe), Error> {
        self.plan_build(app, tree, command_line, false)
    }

    /// Plans an app. `anew` says that it is to be built again although there may be a build.
    pub(crate) fn plan_build(
        &self,
        app: &App,
        tree: &Tree,
        command_line: &UserVariables,
        anew: bool,
    ) -> Result<(AppPlan, Recipe), Error> {
        let id = tree.id(&app.source_root).ok_or_else(|| {
            Error::configuration(format!(
                "`source.root` of `{}` holds no file that Git would deploy: `{}`",
                app.name, app.source_root
            ))
            .hint("check that the directory exists and is not in .gitignore")
        })?;
        let tree_id = id.to_string();
        let build_tree = tree.build_id(&app.source_root).unwrap_or(id).to_string();
        let recipe = self.recipe(app)?;
        let path = |name: &str| {
            if app.source_root.is_empty() {
                name.to_owned()
            } else {
                format!("{}/{name}", app.source_root)
            }
        };
        let has_file = |name: &str| tree.has(&path(name));
        let says = |name: &str, word: &str| has_file(name) && self.says(&path(name), word);
        let services = self.services(app)?;
        let mail = self.mail()?;
        let of = |worker, phase| {
            let relationships = self.payloads(app, worker, &services)?;
            let all =
                self.all_variables(app, worker, phase, &tree_id, command_line, &relationships);
            Ok::<_, Error>(by_name(all))
        };
        let build_variables = of(None, Phase::Build)?;
        let runtime = std::iter::once(None)
            .chain(app.workers.iter().map(Some))
            .map(|worker| of(worker, Phase::Runtime))
            .collect::<Result<_, _>>()?;
        let php_ini = |worker, phase| {
            let mut all = self.prefixed_variables(app, worker, phase, command_line);
            all.splice(0..0, self.php_mail(phase));
            layout::runs(&app.image, "php").then(|| php_ini::text(&all))
        };
        let (front, front_on_demand) = self.front(app)?;
        let plan = plan::app(&plan::Inputs {
            project: &self.project,
            environment: &self.environment,
            app,
            image: &recipe.tag,
            build_image: &recipe.build_tag,
            tree: &build_tree,
            has_file: &has_file,
            says: &says,
            matching: &|is_wanted| tree.matching(&app.source_root, is_wanted),
            keeps_packages: self.keeps_packages,
            made_anew: &|base| self.made_anew(base, anew),
            user: self.user(),
            build_relevant: &variables::build_relevant(app),
            build_variables,
            runtime_variables: runtime,
            build_php_ini: php_ini(None, Phase::Build),
            runtime_php_ini: std::iter::once(None)
                .chain(app.workers.iter().map(Some))
                .map(|worker| php_ini(worker, Phase::Runtime))
                .collect(),
            connections: self.with_mail(mail.as_ref(), self.connections(app, &services)),
            services: services.into_values().chain(mail).collect(),
            front,
            front_on_demand,
            resources: self.resources(),
        });
        Ok((plan, recipe))
    }

    /// Which build counts of what has this id, if it was made again, or is to be.
    fn made_anew(&self, base: &str, anew: bool) -> Option<plan::MadeAnew> {
        let before = made_anew::MadeAnew::of(&self.project.state_dir).token(base);
        let now = if anew {
            Some(lock::new_token())
        } else {
            before.clone()
        };
        let id_of = |token: String| plan::id_made_anew(base, &token);
        now.map(|token| plan::MadeAnew {
            base: base.to_owned(),
            token,
            replaces: anew.then(|| before.map_or_else(|| base.to_owned(), id_of)),
        })
    }

    /// Whether a file of the repository contains a text. A file that cannot be read, or is very long, does not.
    fn says(&self, path: &str, word: &str) -> bool {
        let bytes = bounded::read_below(&self.project.root, Path::new(path), MEBIBYTE);
        bytes.is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(word))
    }

    fn recipe(&self, app: &App) -> Result<Recipe, Error> {
        let clients = self.clients(app);
        images::recipe(
            app,
            &images::Setup {
                overrides: &self.settings.images,
                certificates: self.certificates.as_ref(),
                proxy: &self.proxy,
                user: self.settings.user,
                clients: &clients,
            },
        )
        .map_err(|err| Error::configuration(format!("`{}`: {err}", app.name)).hinted(err.hint()))
    }
}
