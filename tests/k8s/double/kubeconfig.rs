//! Kubeconfigs for the double.

use std::fmt::Write;

use super::Authority;
use super::authority::Identity;

/// A kubeconfig with one context, `test`, and its namespace.
#[derive(Clone)]
pub struct Kubeconfig {
    server: String,
    authority: String,
    token: Option<String>,
    identity: Option<(String, String)>,
    exec: Option<String>,
    namespace: Option<String>,
}

impl Kubeconfig {
    pub fn new(server: String, authority: &Authority) -> Self {
        let authority = authority.pem();
        Self { server, authority, token: None, identity: None, exec: None, namespace: None }
    }

    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub fn anonymous(mut self) -> Self {
        self.token = None;
        self
    }

    /// A client certificate instead of the token.
    pub fn certificate(mut self, identity: &Identity) -> Self {
        self.identity = Some((identity.certificate.clone(), identity.key.clone()));
        self.anonymous()
    }

    /// A program that prints the token.
    pub fn exec(mut self, program: &str) -> Self {
        self.exec = Some(program.to_owned());
        self.anonymous()
    }

    pub fn trusting(mut self, authority: &Authority) -> Self {
        self.authority = authority.pem();
        self
    }

    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    pub fn server(mut self, server: &str) -> Self {
        server.clone_into(&mut self.server);
        self
    }

    pub fn text(&self) -> String {
        let encoded = |text: &str| base64(text.as_bytes());
        let mut user = String::new();
        if let Some(token) = &self.token {
            let _ = write!(user, "\n    token: {token}");
        }
        if let Some((certificate, key)) = &self.identity {
            let _ = write!(user, "\n    client-certificate-data: {}", encoded(certificate));
            let _ = write!(user, "\n    client-key-data: {}", encoded(key));
        }
        if let Some(program) = &self.exec {
            let _ = write!(
                user,
                "\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: {program}\n      interactiveMode: Never"
            );
        }
        if user.is_empty() {
            user.push_str(" {}");
        }
        let namespace = self.namespace.as_ref().map(|name| format!("\n    namespace: {name}")).unwrap_or_default();
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: double\n  cluster:\n    server: {}\n    certificate-authority-data: {}\ncontexts:\n- name: test\n  context:\n    cluster: double\n    user: tester{namespace}\nusers:\n- name: tester\n  user:{user}\n",
            self.server,
            encoded(&self.authority)
        )
    }
}

/// RFC 4648 with padding.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
