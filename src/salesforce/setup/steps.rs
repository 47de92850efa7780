//! The clicks in Setup.

use std::fmt::Write as _;

use super::connection::{Connection, Gateway, Protocol, Signature};
use super::name;

/// Numbered steps, each with the fields that it fills.
#[derive(Default)]
struct Steps {
    text: String,
    count: usize,
}

/// Seconds for which a JWT counts, as Salesforce has it unless told otherwise; the gateway takes at most 600.
const LIFE_S: &str = "120, at most 600";

impl Steps {
    fn step(&mut self, what: &str) {
        self.count += 1;
        let _ = writeln!(self.text, "  {}. {what}", self.count);
    }

    fn field(&mut self, label: &str, value: &str) {
        let _ = writeln!(self.text, "       {label:<39} {value}");
    }
}

/// The steps for `connection`, a line each.
pub fn steps(connection: &Connection<'_>, gateway: &Gateway) -> String {
    let mut steps = Steps::default();
    certificate(connection, &mut steps);
    external_credential(connection, &mut steps);
    principal(connection, &mut steps);
    named_credential(connection, gateway, &mut steps);
    permission_set(connection, &mut steps);
    for hint in &connection.hints {
        let _ = writeln!(steps.text, "  Note: {hint}");
    }
    steps.text
}

fn certificate(connection: &Connection<'_>, steps: &mut Steps) {
    let signing = connection.signature.as_ref();
    let Some(certificate) = signing
        .map(|signature| &signature.certificate)
        .or(connection.client_certificate.as_ref())
    else {
        return;
    };
    steps.step("Setup > Certificate and Key Management: the certificate whose SHA-256 stands under \"Certificates\" below");
    let which = match signing {
        Some(Signature { is_kid: true, .. }) => {
            "exactly: tokens bear it as `kid`, and it is the credential's id"
        }
        _ => "a proposal: where yours has another name, use that one below",
    };
    steps.field("Unique Name", &format!("{certificate} ({which})"));
}

fn external_credential(connection: &Connection<'_>, steps: &mut Steps) {
    steps.step("Setup > Named Credentials > External Credentials > New");
    let Connection { name, protocol, .. } = connection;
    steps.field("Label", &name::label(name));
    steps.field("Name", name);
    steps.field("Authentication Protocol", protocol.label());
    if let Some(flow) = protocol.flow() {
        steps.field("Authentication Flow Type", flow);
    }
    if let Some(scope) = &connection.scope {
        steps.field("Scope", scope);
    }
    if let Some(url) = &connection.token_url {
        steps.field("Identity Provider URL", url);
    }
    if *protocol == Protocol::ClientSecret {
        steps.field("Pass client credentials in request body", "off");
    }
    if let Some(signature) = &connection.signature {
        let claims = signature.claims.iter();
        let (default, own): (Vec<_>, Vec<_>) =
            claims.partition(|(name, _)| matches!(&**name, "iss" | "sub" | "aud"));
        if *protocol == Protocol::Jwt {
            for (name, value) in &default {
                let label = match &**name {
                    "iss" => "Issuer (iss)",
                    "sub" => "Subject (sub)",
                    _ => "Audience (aud)",
                };
                steps.field(label, value);
            }
            steps.field("JWT Expiration (in seconds)", LIFE_S);
        }
        steps.field("Signing Certificate", &signature.certificate);
        steps.field("Signing Algorithm", "RS256");
        let listed: Vec<_> = if *protocol == Protocol::Jwt {
            own
        } else {
            default.into_iter().chain(own).collect()
        };
        if !listed.is_empty() {
            steps.step("On the external credential, JWT Claims > Edit, in the body");
            for (name, value) in listed {
                steps.field(name, value);
            }
            if *protocol != Protocol::Jwt {
                steps.field("exp", &format!("{LIFE_S} seconds from now"));
            }
        }
    }
    if let Some(header) = &connection.header {
        steps.step("On the external credential, Custom Headers > New");
        steps.field("Name", header.name);
        steps.field("Value", &header.value);
        steps.field("Sequence Number", "1");
    }
}

fn principal(connection: &Connection<'_>, steps: &mut Steps) {
    steps.step("On the external credential, Principals > New");
    steps.field("Parameter Name", connection.principal());
    let identity = if connection.credential.proves_a_user() {
        "Per User Principal, since the token names the user who calls"
    } else {
        "Named Principal"
    };
    steps.field("Identity Type", identity);
    steps.field("Sequence Number", "1");
    if connection.protocol == Protocol::Custom {
        for (name, what) in &connection.entered {
            let value = format!("Name {name}, Value {what}");
            steps.field("Authentication Parameters > Add", &value);
        }
    } else {
        for (label, what) in &connection.entered {
            steps.field(label, what);
        }
    }
}

fn named_credential(connection: &Connection<'_>, gateway: &Gateway, steps: &mut Steps) {
    let switch = |on: bool| if on { "on" } else { "off" };
    steps.step("Setup > Named Credentials > Named Credentials > New");
    steps.field("Label", &name::label(&connection.name));
    steps.field("Name", &connection.name);
    steps.field("URL", &gateway.url());
    steps.field("Enabled for Callouts", switch(true));
    steps.field("External Credential", &name::label(&connection.name));
    let certificate = connection.client_certificate.as_deref();
    steps.field("Client Certificate", certificate.unwrap_or("none"));
    let authorizes = switch(connection.protocol.authorizes());
    steps.field("Generate Authorization Header", authorizes);
    steps.field("Allow Formulas in HTTP Header", switch(false));
    steps.field("Allow Formulas in HTTP Body", switch(false));
}

fn permission_set(connection: &Connection<'_>, steps: &mut Steps) {
    let name = connection.permission_set();
    steps.step("Setup > Permission Sets > New; assign it to everybody whose Apex, Flow or page makes the callout");
    steps.field("Label", &name::label(&name));
    steps.field("API Name", &name);
    steps.field(
        "External Credential Principal Access",
        &format!("{} - {}", connection.name, connection.principal()),
    );
    steps.field("Object Settings", "User External Credentials: Read");
}
