//! How requests go on to the app: as HTTP or FastCGI, to a port or a socket.

use super::Writer;
use super::router::hold::ABSENT_HEADER;
use crate::config::app::{Protocol, RequestBuffering, SocketFamily};
use crate::layout::{PORT, SOCKET};

/// What takes the requests that are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upstream {
    /// A web server.
    Http,
    /// Any application that speaks FastCGI.
    FastCgi,
    /// PHP's FPM, which wants to know a script for each request.
    Fpm,
}

/// The parameters that every FastCGI application gets.
const PARAMETERS: &[&str] = &[
    "QUERY_STRING $query_string",
    "REQUEST_METHOD $request_method",
    "CONTENT_TYPE $content_type",
    "CONTENT_LENGTH $content_length",
    "REQUEST_URI $request_uri",
    "DOCUMENT_URI $uri",
    "SERVER_PROTOCOL $server_protocol",
    "REQUEST_SCHEME $scheme",
    "HTTPS $front_https if_not_empty",
    "GATEWAY_INTERFACE CGI/1.1",
    "SERVER_SOFTWARE nginx",
    "REMOTE_ADDR $remote_addr",
    "REMOTE_PORT $remote_port",
    "SERVER_ADDR $server_addr",
    "SERVER_PORT $server_port",
    "SERVER_NAME $host",
    // A request's header `Proxy` would become the variable by which many programs find their proxy.
    "HTTP_PROXY \"\"",
];

/// Where the app listens.
pub(super) fn write_group(family: SocketFamily, writer: &mut Writer) {
    writer.block("upstream front_app", |writer| match family {
        SocketFamily::Tcp => writer.line(&format!("server 127.0.0.1:{PORT}")),
        SocketFamily::Unix => writer.line(&format!("server unix:{SOCKET}")),
    });
}

impl Upstream {
    pub(super) fn of(protocol: Protocol, is_php: bool) -> Upstream {
        match (protocol, is_php) {
            (Protocol::Http, _) => Upstream::Http,
            (Protocol::FastCgi, false) => Upstream::FastCgi,
            (Protocol::FastCgi, true) => Upstream::Fpm,
        }
    }

    /// What holds for every request that is passed on.
    pub(super) fn write_common(self, writer: &mut Writer) {
        match self {
            Upstream::Http => {
                writer.line("proxy_http_version 1.1");
                writer.line("proxy_set_header Host $http_host");
                writer.line("proxy_set_header Upgrade $http_upgrade");
                writer.line("proxy_set_header Connection $front_connection");
                writer.line(&format!("proxy_set_header {ABSENT_HEADER} \"\""));
                writer.line("proxy_redirect off");
                writer.line("proxy_read_timeout 300s");
                writer.line("proxy_buffer_size 32k");
                writer.line("proxy_buffers 8 32k");
                writer.line("proxy_busy_buffers_size 64k");
            }
            Upstream::FastCgi | Upstream::Fpm => {
                for parameter in PARAMETERS {
                    writer.line(&format!("fastcgi_param {parameter}"));
                }
                let header = ABSENT_HEADER.to_uppercase().replace('-', "_");
                writer.line(&format!("fastcgi_param HTTP_{header} \"\""));
                if self == Upstream::Fpm {
                    writer.line("fastcgi_param SCRIPT_FILENAME $front_script");
                    writer.line("fastcgi_param SCRIPT_NAME $front_script_name");
                    writer.line("fastcgi_param PATH_INFO $front_path_info");
                    writer.line("fastcgi_param DOCUMENT_ROOT $front_root");
                    writer.line("fastcgi_param REDIRECT_STATUS 200");
                } else {
                    writer.line("fastcgi_param SCRIPT_NAME \"\"");
                    writer.line("fastcgi_param PATH_INFO $uri");
                }
                writer.line("fastcgi_read_timeout 300s");
                writer.line("fastcgi_buffer_size 32k");
                writer.line("fastcgi_buffers 8 32k");
                writer.line("fastcgi_busy_buffers_size 64k");
            }
        }
    }

    /// Passes a request on.
    pub(super) fn write_pass(self, buffering: RequestBuffering, writer: &mut Writer) {
        let protocol = match self {
            Upstream::Http => "proxy",
            Upstream::FastCgi | Upstream::Fpm => "fastcgi",
        };
        writer.line(&format!(
            "client_max_body_size {}",
            buffering.max_request_size
        ));
        if !buffering.enabled {
            writer.line(&format!("{protocol}_request_buffering off"));
        }
        writer.line(match self {
            Upstream::Http => "proxy_pass http://front_app",
            Upstream::FastCgi | Upstream::Fpm => "fastcgi_pass front_app",
        });
    }
}
