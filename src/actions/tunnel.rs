//! Open tunnels to the services of an app, and to what an engine of another machine publishes there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Actions;
use super::database::find_relationship;
use crate::config::app::{App, Worker};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::lifecycle::{Error, Far, Forward, Result, Through};
use crate::relationships;
use crate::services::mail;
use crate::text::container_name;
use crate::tunnels::{MAIL, ROUTES, Record, Store, Tunnel};
use crate::workspace::{Target, Workspace};

/// The port of the first tunnel, as Upsun's CLI has it.
const FIRST_PORT: u16 = 30_000;

/// The tunnels that the user wants.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// To all relationships of an app or a worker, and to the routes if they do not answer on this machine anyway.
    All(Target),
    /// To one relationship.
    One {
        target: Target,
        /// The relationship; `None` for the only one.
        relationship: Option<String>,
        /// The port of this machine; `None` for the first free one.
        port: Option<u16>,
    },
    /// To the routes, and to the page that shows mail.
    Routes,
}

/// A request for tunnels.
#[derive(Debug, Clone)]
pub struct Request {
    pub wanted: Wanted,
    /// Whether other machines may connect to the ports.
    pub is_public: bool,
}

/// A tunnel that is not open yet.
#[derive(Debug, Clone, PartialEq)]
struct Planned {
    name: String,
    far: Far,
    near: Near,
}

/// The end of a tunnel on this machine.
#[derive(Debug, Clone, PartialEq)]
enum Near {
    /// A port for a relationship, whose payload gets the port; `None` for the first free one.
    Any { payload: Value, port: Option<u16> },
    /// A port that addresses name already.
    Fixed { port: u16, url: String },
}

/// Tunnels that were opened, or were open before.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    pub opened: Vec<Tunnel>,
    pub already: Vec<Tunnel>,
}

impl<E: Engine> Actions<E> {
    /// Opens tunnels, calls `are_open` with them, and keeps the tunnels open until the user stops or their containers
    /// are gone. Brings up the app first.
    pub async fn tunnel(
        &self,
        request: &Request,
        are_open: impl FnOnce(&Opened) + Send,
    ) -> Result<(), Failure> {
        let target = match &request.wanted {
            Wanted::All(target) | Wanted::One { target, .. } => Some(target),
            Wanted::Routes => None,
        };
        let target = target.map(|target| self.workspace.target(target));
        let target = target.transpose()?;
        if let Some((app, worker)) = target {
            let worker = worker.map(|worker| worker.name.as_str());
            self.ensure_up(app, worker).await?;
        }
        let planned = self.planned(request, target)?;
        let title = target.map(|(app, worker)| title(app, worker));
        self.carry_out(self.open_and_serve(request, title, planned, are_open))
            .await
    }

    async fn open_and_serve(
        &self,
        request: &Request,
        app: Option<String>,
        planned: Vec<Planned>,
        are_open: impl FnOnce(&Opened) + Send,
    ) -> Result<()> {
        let store = Store::of(&self.workspace.project.state_dir);
        let environment = &self.workspace.environment.name;
        let (mut forwards, mut opened, mut already) = (Vec::new(), Vec::new(), Vec::new());
        let open = store.open();
        let of_environment = || {
            let records = open.iter().map(|open| &open.record);
            records.filter(|record| record.environment == *environment)
        };
        for one in planned {
            let belongs =
                |record: &&Record| record.app == app || matches!(one.name.as_str(), ROUTES | MAIL);
            let mut open = of_environment()
                .filter(belongs)
                .flat_map(|record| &record.tunnels);
            if let Some(tunnel) = open.find(|tunnel| tunnel.name == one.name) {
                already.push(tunnel.clone());
                continue;
            }
            let (forward, tunnel) = open_one(one, request.is_public).await?;
            forwards.push(forward);
            opened.push(tunnel);
        }
        let opened = Opened { opened, already };
        if forwards.is_empty() {
            are_open(&opened);
            return Ok(());
        }
        let record = Record {
            project: self.workspace.project.id.clone(),
            environment: environment.clone(),
            app,
            tunnels: opened.opened.clone(),
        };
        let kept = store.keep(&record, &self.shutdown)?;
        are_open(&opened);
        let served = self.sandbox().serve(&forwards).await;
        kept.remove();
        served
    }

    /// The tunnels that a request asks for.
    fn planned(
        &self,
        request: &Request,
        target: Option<(&App, Option<&Worker>)>,
    ) -> Result<Vec<Planned>, Failure> {
        let workspace = &self.workspace;
        match (&request.wanted, target) {
            (Wanted::All(_), Some((app, worker))) => {
                let services = workspace.services(app)?;
                let payloads = workspace.payloads(app, worker, &services)?;
                let payloads = payloads.as_object().into_iter().flatten();
                let mut planned: Vec<Planned> = payloads
                    .filter_map(|(name, payload)| to_payload(name, &payload[0], app, worker, None))
                    .collect();
                let is_elsewhere = self.engine.other_machine().is_some();
                if planned.is_empty() && !is_elsewhere {
                    let title = title(app, worker);
                    return Err(
                        Failure::usage(format!("`{title}` has no relationships"))
                            .hint("`upsun-local url` prints the addresses of the routes, which answer on this machine"),
                    );
                }
                if is_elsewhere {
                    planned.extend(published(workspace)?);
                }
                Ok(planned)
            }
            (
                Wanted::One {
                    target: named,
                    relationship,
                    port,
                },
                Some((app, worker)),
            ) => {
                let what = "something that listens on a port";
                let relationship = relationship.as_deref();
                let of = |payload: &Value| Some((payload.clone(), port_of(payload)?));
                let (name, (payload, _)) =
                    find_relationship(workspace, named, relationship, what, of)?;
                let planned = to_payload(&name, &payload, app, worker, *port);
                Ok(planned.into_iter().collect())
            }
            _ => Ok(published(workspace)?),
        }
    }
}

fn title(app: &App, worker: Option<&Worker>) -> String {
    container_name(&app.name, worker.map(|worker| worker.name.as_str()))
}

/// The tunnel to what a payload of `PLATFORM_RELATIONSHIPS` describes, if that listens on a port.
fn to_payload(
    name: &str,
    payload: &Value,
    app: &App,
    worker: Option<&Worker>,
    port: Option<u16>,
) -> Option<Planned> {
    let far = Far {
        through: Through::App {
            app: app.name.clone(),
            worker: worker.map(|worker| worker.name.clone()),
        },
        host: payload["host"].as_str()?.to_owned(),
        port: port_of(payload)?,
    };
    let payload = payload.clone();
    Some(Planned {
        name: name.to_owned(),
        far,
        near: Near::Any { payload, port },
    })
}

fn port_of(payload: &Value) -> Option<u16> {
    let port = &payload["port"];
    let number = port.as_u64().or_else(|| port.as_str()?.parse().ok())?;
    u16::try_from(number).ok()
}

/// The tunnels to the ports that the engine publishes on its own machine.
fn published(workspace: &Workspace) -> Result<Vec<Planned>, Failure> {
    let mut planned = Vec::new();
    let fixed = |name: &str, through, (port, far), url| Planned {
        name: name.to_owned(),
        far: Far {
            through,
            host: "127.0.0.1".to_owned(),
            port: far,
        },
        near: Near::Fixed { port, url },
    };
    if workspace.router()?.is_some() {
        let port = workspace.entrance.port;
        let first = workspace.entrance.addresses().into_iter().next();
        let url = first.map_or_else(String::new, |address| address.url);
        planned.push(fixed(ROUTES, Through::Router, (port, port), url));
    }
    if let Some(plan) = workspace.mail()?
        && let Some(url) = mail::address(&plan)
        && let Some(port) = plan.container.iter().flat_map(|spec| &spec.ports).next()
    {
        let ports = (port.host, port.container);
        planned.push(fixed(MAIL, Through::Mail, ports, url));
    }
    Ok(planned)
}

/// Opens the port of one tunnel.
async fn open_one(planned: Planned, is_public: bool) -> Result<(Forward, Tunnel)> {
    let Planned { name, far, near } = planned;
    let (listener, tunnel) = match near {
        Near::Fixed { port, url } => {
            // The addresses of routes name this machine alone.
            let listener = listen(Ipv4Addr::LOCALHOST, port, false).await?;
            let tunnel = Tunnel {
                port,
                name,
                url,
                payload: None,
            };
            (listener, tunnel)
        }
        Near::Any { payload, port } => {
            let ip = if is_public {
                Ipv4Addr::UNSPECIFIED
            } else {
                Ipv4Addr::LOCALHOST
            };
            let listener = match port {
                Some(port) => listen(ip, port, true).await?,
                None => listen_anywhere(ip).await?,
            };
            let port = listener.local_addr().map_err(io_error)?.port();
            let payload = here(payload, port);
            let tunnel = Tunnel {
                port,
                name,
                url: payload
                    .as_object()
                    .map(relationships::url)
                    .unwrap_or_default(),
                payload: Some(payload),
            };
            (listener, tunnel)
        }
    };
    Ok((Forward { listener, far }, tunnel))
}

/// A payload with the address of this machine.
fn here(mut payload: Value, port: u16) -> Value {
    let ip = Ipv4Addr::LOCALHOST.to_string();
    payload["host"] = json!(ip);
    payload["port"] = json!(port);
    if let Some(own) = payload.get_mut("ip") {
        *own = json!(ip);
    }
    payload
}

async fn listen(ip: Ipv4Addr, port: u16, is_named: bool) -> Result<TcpListener> {
    let address = SocketAddr::new(IpAddr::V4(ip), port);
    TcpListener::bind(address)
        .await
        .map_err(|err| match err.kind() {
            io::ErrorKind::AddrInUse => Error::TunnelPort { address, is_named },
            _ => io_error(err),
        })
}

async fn listen_anywhere(ip: Ipv4Addr) -> Result<TcpListener> {
    for port in FIRST_PORT..u16::MAX {
        match listen(ip, port, false).await {
            Err(Error::TunnelPort { .. }) => {}
            result => return result,
        }
    }
    listen(ip, u16::MAX, false).await
}

fn io_error(err: io::Error) -> Error {
    Error::Engine(err.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_gets_the_address_of_this_machine() {
        let payload = json!({
            "host": "database.internal", "ip": "169.254.0.1", "hostname": "db.x", "port": 5432,
            "scheme": "pgsql", "username": "main", "password": "p@ss", "path": "main",
        });
        let here = here(payload, 30_001);
        assert_eq!(here["host"], "127.0.0.1");
        assert_eq!(here["ip"], "127.0.0.1");
        assert_eq!(here["hostname"], "db.x");
        assert_eq!(
            relationships::url(here.as_object().unwrap()),
            "pgsql://main:p%40ss@127.0.0.1:30001/main"
        );
    }

    #[test]
    fn only_what_listens_on_a_port_gets_a_tunnel() {
        for (port, expected) in [
            (json!(5432), Some(5432)),
            (json!("5432"), Some(5432)),
            (json!(null), None),
            (json!(70_000), None),
        ] {
            assert_eq!(port_of(&json!({ "port": port })), expected);
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_skipped_unless_the_user_named_it() {
        let first = listen_anywhere(Ipv4Addr::LOCALHOST).await.unwrap();
        let second = listen_anywhere(Ipv4Addr::LOCALHOST).await.unwrap();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        assert!(port(&first) >= FIRST_PORT && port(&second) > port(&first));
        let err = listen(Ipv4Addr::LOCALHOST, port(&first), true).await;
        assert!(
            matches!(err, Err(Error::TunnelPort { is_named: true, .. })),
            "{err:?}"
        );
    }
}
