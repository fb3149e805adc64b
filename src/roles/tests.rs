use super::*;

#[test]
fn a_role_may_do_what_asks_for_it_or_for_less() {
    let table: Vec<(Role, Role, bool)> = Role::ALL
        .into_iter()
        .flat_map(|held| {
            Role::ALL
                .into_iter()
                .map(move |asked| (held, asked, held.may(asked)))
        })
        .collect();
    let allowed = table.iter().filter(|row| row.2).count();
    assert_eq!(allowed, 6);
    assert!(!Role::Viewer.may(Role::Contributor));
    assert!(Role::Admin.may(Role::Viewer));
}

#[test]
fn case_matters() {
    assert_eq!("Admin".parse::<Role>(), Err(UnknownRole("Admin".into())));
    assert_eq!("admin".parse::<Role>(), Ok(Role::Admin));
}

fn grants(text: &str) -> Grants {
    text.parse().unwrap()
}

#[test]
fn a_bare_role_holds_everywhere() {
    for environment_type in EnvironmentType::ALL {
        assert_eq!(
            grants("viewer").role_on(environment_type),
            Some(Role::Viewer)
        );
    }
}

#[test]
fn upsuns_notation_holds_per_type() {
    let grants = grants("production:viewer, development:contributor");
    assert_eq!(
        grants.role_on(EnvironmentType::Production),
        Some(Role::Viewer)
    );
    assert_eq!(grants.role_on(EnvironmentType::Staging), None);
    assert_eq!(
        grants.to_string(),
        "production:viewer,development:contributor"
    );
}

#[test]
fn a_wildcard_and_none_fill_the_rest() {
    let grants = grants("*:contributor,production:none");
    assert_eq!(grants.role_on(EnvironmentType::Production), None);
    assert_eq!(
        grants.role_on(EnvironmentType::Staging),
        Some(Role::Contributor)
    );
}

#[test]
fn a_project_admin_may_do_everything_whatever_else_is_listed() {
    assert_eq!(
        grants("admin,production:viewer"),
        Grants::Everywhere(Role::Admin)
    );
}

#[test]
fn what_is_not_a_grant_is_refused() {
    let message = |text: &str| text.parse::<Grants>().unwrap_err().to_string();
    assert_eq!(
        message("owner"),
        "`owner` is not a role: it is one of `viewer`, `contributor`, `admin`"
    );
    assert_eq!(
        message("prod:viewer"),
        "`prod` is not an environment type: it is one of `production`, `staging`, `development`"
    );
    assert_eq!(
        message("staging:viewer,staging:admin"),
        "`staging` is given two roles"
    );
    assert_eq!("".parse::<Grants>(), Err(GrantsError::Empty));
    assert_eq!("viewer,".parse::<Grants>(), Err(GrantsError::Empty));
}

#[test]
fn without_a_word_it_is_an_admin() {
    let actor = resolve(&Question::default()).unwrap();
    assert_eq!(
        actor,
        Actor {
            name: None,
            role: Role::Admin
        }
    );
}

#[test]
fn the_flag_wins_then_the_user_then_the_variable_then_the_settings() {
    let users = IndexMap::from([("alice".to_owned(), grants("contributor"))]);
    let default = grants("viewer");
    let mut question = Question {
        flag: Some("admin"),
        user: Some("alice"),
        variable: Some("viewer"),
        default: Some(&default),
        users: Some(&users),
        environment_type: EnvironmentType::Development,
    };
    assert_eq!(resolve(&question).unwrap().role, Role::Admin);
    question.flag = None;
    let actor = resolve(&question).unwrap();
    assert_eq!(
        (actor.name.as_deref(), actor.role),
        (Some("alice"), Role::Contributor)
    );
    question.user = None;
    assert_eq!(resolve(&question).unwrap().role, Role::Viewer);
    question.variable = Some("");
    assert_eq!(resolve(&question).unwrap().role, Role::Viewer);
    question.default = None;
    assert_eq!(resolve(&question).unwrap().role, Role::Admin);
}

#[test]
fn an_unknown_user_is_told_who_is_known() {
    let users = IndexMap::from([
        ("alice".to_owned(), grants("admin")),
        ("bob".to_owned(), grants("viewer")),
    ]);
    let error = resolve(&Question {
        user: Some("alic"),
        users: Some(&users),
        ..Question::default()
    })
    .unwrap_err();
    assert_eq!(error.to_string(), "unknown user `alic`");
    assert_eq!(
        error.hint().as_deref(),
        Some("did you mean `alice`? known users: `alice`, `bob`")
    );
}

#[test]
fn a_user_without_access_to_the_type_is_told_so() {
    let users = IndexMap::from([("carol".to_owned(), grants("development:admin"))]);
    let error = resolve(&Question {
        user: Some("carol"),
        users: Some(&users),
        environment_type: EnvironmentType::Production,
        ..Question::default()
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "user `carol` has no access to `production` environments"
    );
    assert!(error.hint().unwrap().contains("`development:admin`"));
}

#[test]
fn a_role_that_cannot_be_read_says_where_it_came_from() {
    let error = resolve(&Question {
        variable: Some("boss"),
        ..Question::default()
    })
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("UPSUN_LOCAL_ROLE: `boss` is not a role")
    );
}
