//! The SQL that brings a PostgreSQL server to what the configuration says. Run again it changes nothing.
//!
//! What an administrator of a database makes there belongs to one owner, so that every other administrator
//! may alter it too: the administrator's own role where there is one only, else a role for the purpose.
//! Nothing that holds data is ever dropped, also where Upsun would: a database that is no longer listed
//! stays.

use super::{LONGEST, User};
use crate::project;

/// Everything that the server is to have.
pub(super) struct Plan<'a> {
    pub(super) databases: &'a [String],
    pub(super) users: &'a [User],
    pub(super) extensions: &'a [String],
    /// Encoding, collation and character classification of new databases.
    pub(super) locale: [Option<String>; 3],
}

impl Plan<'_> {
    /// Pairs of a database and a script to run in it, flat.
    pub(super) fn scripts(&self) -> Vec<String> {
        let mut words = vec!["postgres".to_owned(), self.server()];
        for database in self.databases {
            words.extend([database.clone(), self.database(database)]);
        }
        // Only now: as long as old owners' objects are handed over, so would be their databases.
        words.extend(["postgres".to_owned(), self.owners()]);
        words
    }

    /// Users and databases.
    fn server(&self) -> String {
        let mut sql = String::new();
        for user in self.users {
            let replication = if user.access.replicates {
                " REPLICATION"
            } else {
                " NOREPLICATION"
            };
            sql.push_str(&role(
                &user.name,
                &format!("LOGIN PASSWORD {}{replication}", literal(&user.password)),
            ));
        }
        for database in self.databases {
            if let Some(owner) = self.shared_owner(database) {
                sql.push_str(&role(&owner, "NOLOGIN"));
                for user in self.users {
                    let (verb, direction) = match level(user, database) {
                        Some("admin") => ("GRANT", "TO"),
                        _ => ("REVOKE", "FROM"),
                    };
                    let (owner, user) = (identifier(&owner), identifier(&user.name));
                    sql.push_str(&format!("{verb} {owner} {direction} {user};\n"));
                }
            }
        }
        for database in self.databases {
            let create = format!("CREATE DATABASE {}{}", identifier(database), self.locale());
            sql.push_str(&format!(
                "SELECT {} WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {}) \\gexec\n",
                literal(&create),
                literal(database)
            ));
        }
        sql
    }

    fn locale(&self) -> String {
        let [encoding, collation, ctype] = &self.locale;
        if self.locale.iter().all(Option::is_none) {
            return String::new();
        }
        let mut sql = " TEMPLATE template0".to_owned();
        for (name, value) in [
            ("ENCODING", encoding),
            ("LC_COLLATE", collation),
            ("LC_CTYPE", ctype),
        ] {
            if let Some(value) = value {
                sql.push_str(&format!(" {name} {}", literal(value)));
            }
        }
        sql
    }

    /// Extensions and privileges in one database.
    fn database(&self, database: &str) -> String {
        let mut sql = String::new();
        for extension in self.extensions {
            sql.push_str(&format!(
                "CREATE EXTENSION IF NOT EXISTS {} CASCADE;\n",
                identifier(extension)
            ));
        }
        // One transaction, so that no connection sees a moment without privileges.
        sql.push_str("BEGIN;\n");
        let owner = self.owner(database);
        sql.push_str(&format!(
            "SELECT format('REASSIGN OWNED BY %I TO %I', rolname, {owner}) FROM pg_roles r\n\
             WHERE rolname <> {owner} AND NOT rolsuper AND rolname !~ '^pg_' AND EXISTS (\n\
             SELECT FROM pg_shdepend WHERE refobjid = r.oid AND refclassid = 'pg_authid'::regclass AND deptype = 'o'\n\
             AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())) \\gexec\n",
            owner = literal(&owner)
        ));
        sql.push_str(&format!(
            "GRANT ALL ON SCHEMA public TO {};\n",
            identifier(&owner)
        ));
        for (level, tables, sequences) in [
            ("ro", "SELECT", "SELECT"),
            (
                "rw",
                "SELECT, INSERT, UPDATE, DELETE",
                "USAGE, SELECT, UPDATE",
            ),
        ] {
            for user in self.having(database, level) {
                sql.push_str(&grants(&owner, &user.name, tables, sequences));
            }
        }
        sql.push_str("COMMIT;\n");
        sql
    }

    /// The users that may connect, and the owners of the databases.
    fn owners(&self) -> String {
        let mut sql = "BEGIN;\n".to_owned();
        for database in self.databases {
            let name = identifier(database);
            let owner = self.owner(database);
            sql.push_str(&format!(
                "ALTER DATABASE {name} OWNER TO {};\nREVOKE ALL ON DATABASE {name} FROM PUBLIC;\n",
                identifier(&owner)
            ));
            for user in self.users {
                let user_name = identifier(&user.name);
                if user.name != owner {
                    sql.push_str(&format!(
                        "REVOKE ALL ON DATABASE {name} FROM {user_name};\n"
                    ));
                }
                let level = level(user, database);
                // The administrators of a shared database act as its owner from the moment they log in.
                let role = if level == Some("admin") && user.name != owner {
                    format!("SET role TO {}", identifier(&owner))
                } else {
                    "RESET role".to_owned()
                };
                sql.push_str(&format!(
                    "ALTER ROLE {user_name} IN DATABASE {name} {role};\n"
                ));
                let rights = match level {
                    Some("admin") => "ALL",
                    Some(_) => "CONNECT, TEMPORARY",
                    None => continue,
                };
                sql.push_str(&format!(
                    "GRANT {rights} ON DATABASE {name} TO {user_name};\n"
                ));
            }
        }
        sql.push_str("COMMIT;\n");
        sql
    }

    /// The role that what is made in a database belongs to.
    fn owner(&self, database: &str) -> String {
        self.shared_owner(database).unwrap_or_else(|| {
            self.having(database, "admin")
                .next()
                .map_or_else(|| "postgres".to_owned(), |user| user.name.clone())
        })
    }

    /// The role for the purpose, where a database has several administrators.
    fn shared_owner(&self, database: &str) -> Option<String> {
        self.having(database, "admin").nth(1)?;
        let name = format!("owner of {database}");
        Some(if name.len() <= LONGEST {
            name
        } else {
            format!("owner of {}", project::hash(database.as_bytes()))
        })
    }

    fn having<'b>(&'b self, database: &'b str, wanted: &'b str) -> impl Iterator<Item = &'b User> {
        self.users
            .iter()
            .filter(move |user| level(user, database) == Some(wanted))
    }
}

fn level<'a>(user: &'a User, database: &str) -> Option<&'a str> {
    user.access
        .privileges
        .iter()
        .find(|(name, _)| name == database)
        .map(|(_, level)| level.as_str())
}

/// Makes a role, and gives it these options whether it was there or not.
fn role(name: &str, options: &str) -> String {
    let create = format!("CREATE ROLE {}", identifier(name));
    format!(
        "SELECT {} WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {}) \\gexec\n\
         ALTER ROLE {} WITH {options};\n",
        literal(&create),
        literal(name),
        identifier(name)
    )
}

/// Gives a user these privileges and no others on every table and sequence there is and will be.
fn grants(owner: &str, user: &str, tables: &str, sequences: &str) -> String {
    let (owner, quoted) = (identifier(owner), identifier(user));
    let schemas = |verb: &str, what: &str, direction: &str| {
        format!(
            "SELECT format({}, nspname) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' \\gexec\n",
            literal(&format!(
                "{verb} {what} {direction} {}",
                // A per cent sign would be one of format's own.
                quoted.replace('%', "%%")
            ))
        )
    };
    let mut sql = String::new();
    for what in ["TABLES", "SEQUENCES"] {
        let everything = format!("ALL ON ALL {what} IN SCHEMA %I");
        sql.push_str(&schemas("REVOKE", &everything, "FROM"));
        sql.push_str(&format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE ALL ON {what} FROM {quoted};\n"
        ));
    }
    sql.push_str(&schemas("REVOKE", "ALL ON SCHEMA %I", "FROM"));
    sql.push_str(&schemas("GRANT", "USAGE ON SCHEMA %I", "TO"));
    for (what, rights) in [("TABLES", tables), ("SEQUENCES", sequences)] {
        let some = format!("{rights} ON ALL {what} IN SCHEMA %I");
        sql.push_str(&schemas("GRANT", &some, "TO"));
        sql.push_str(&format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT {rights} ON {what} TO {quoted};\n"
        ));
    }
    sql.push_str(&format!(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE ON SCHEMAS TO {quoted};\n"
    ));
    sql
}

/// A name as SQL.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL. A backslash is made plain for servers that take it for an escape.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}
