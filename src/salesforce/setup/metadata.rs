//! The same as metadata: three files in source format.
//!
//! Shapes: Metadata API Developer Guide, `ExternalCredential`, `NamedCredential`, `PermissionSet`. Elements of one name
//! stand side by side, as deployment asks for.

use std::fmt::Write as _;

use super::connection::{Connection, Gateway};
use super::name;

/// The API version that the files are written for.
pub const API_VERSION: &str = "66.0";

/// A file of metadata.
pub struct File {
    /// Where it stands in a package directory.
    pub path: String,
    /// What is in it.
    pub xml: String,
}

/// What one parameter of a credential holds.
enum Holds<'a> {
    Nothing,
    Text(&'a str),
    Certificate(&'a str),
    ExternalCredential(&'a str),
}

/// One parameter of a credential.
struct Parameter<'a> {
    kind: &'static str,
    name: &'a str,
    holds: Holds<'a>,
    /// Its place among those of its kind, where they have one; a principal is a group of its own besides.
    sequence: Option<u32>,
}

/// Two minutes from now, which is what Salesforce takes where nothing is said.
const EXPIRES: &str =
    r#"{!TEXT(FLOOR((NOW() - DATETIMEVALUE("1970-01-01 00:00:00")) * 86400 + 120))}"#;

/// The files for `connection`.
pub fn files(connection: &Connection<'_>, gateway: &Gateway) -> [File; 3] {
    let name = &connection.name;
    let set = connection.permission_set();
    [
        File {
            path: format!("externalCredentials/{name}.externalCredential-meta.xml"),
            xml: external_credential(connection),
        },
        File {
            path: format!("namedCredentials/{name}.namedCredential-meta.xml"),
            xml: named_credential(connection, gateway),
        },
        File {
            path: format!("permissionsets/{set}.permissionset-meta.xml"),
            xml: permission_set(connection, &set),
        },
    ]
}

fn external_credential(connection: &Connection<'_>) -> String {
    let protocol = connection.protocol.in_metadata();
    let mut parameters = Vec::new();
    let mut add = |kind, name, holds, sequence| {
        parameters.push(Parameter {
            kind,
            name,
            holds,
            sequence,
        });
    };
    if let Some(variant) = connection.protocol.variant() {
        add("AuthProtocolVariant", protocol, Holds::Text(variant), None);
    }
    if let Some(url) = &connection.token_url {
        add("AuthProviderUrl", "AuthProviderUrl", Holds::Text(url), None);
    }
    if let Some(scope) = &connection.scope {
        add("AuthParameter", "Scope", Holds::Text(scope), None);
    }
    if let Some(signature) = &connection.signature {
        let certificate = Holds::Certificate(&signature.certificate);
        add(
            "SigningCertificate",
            "SigningCertificate",
            certificate,
            None,
        );
        for (name, value) in &signature.claims {
            add("JwtBodyClaim", name, Holds::Text(value), None);
        }
        add("JwtBodyClaim", "exp", Holds::Text(EXPIRES), None);
    }
    if let Some(header) = &connection.header {
        add(
            "AuthHeader",
            header.name,
            Holds::Text(&header.value),
            Some(1),
        );
    }
    let kind = if connection.credential.proves_a_user() {
        "PerUserPrincipal"
    } else {
        "NamedPrincipal"
    };
    add(kind, connection.principal(), Holds::Nothing, Some(1));
    let parameters: String = parameters
        .iter()
        .map(|parameter| parameter.xml("externalCredentialParameters"))
        .collect();
    document(
        "ExternalCredential",
        &[
            element("authenticationProtocol", protocol),
            parameters,
            element("label", &name::label(&connection.name)),
        ],
    )
}

fn named_credential(connection: &Connection<'_>, gateway: &Gateway) -> String {
    let url = gateway.url();
    let mut parameters = vec![
        Parameter {
            kind: "Url",
            name: "Url",
            holds: Holds::Text(&url),
            sequence: None,
        },
        Parameter {
            kind: "Authentication",
            name: "ExternalCredential",
            holds: Holds::ExternalCredential(&connection.name),
            sequence: None,
        },
    ];
    if let Some(certificate) = &connection.client_certificate {
        parameters.push(Parameter {
            kind: "ClientCertificate",
            name: "ClientCertificate",
            holds: Holds::Certificate(certificate),
            sequence: None,
        });
    }
    let parameters: String = parameters
        .iter()
        .map(|parameter| parameter.xml("namedCredentialParameters"))
        .collect();
    let authorizes = connection.protocol.authorizes();
    document(
        "NamedCredential",
        &[
            // Formulas in what Apex sends stay text: a prompt may hold `{!…}`.
            element("allowMergeFieldsInBody", "false"),
            element("allowMergeFieldsInHeader", "false"),
            element("calloutStatus", "Enabled"),
            element("generateAuthorizationHeader", &authorizes.to_string()),
            element("label", &name::label(&connection.name)),
            parameters,
            element("namedCredentialType", "SecuredEndpoint"),
        ],
    )
}

fn permission_set(connection: &Connection<'_>, set: &str) -> String {
    let principal = format!("{}-{}", connection.name, connection.principal());
    let rights = ["Create", "Delete", "Edit", "Read"].map(|right| {
        let may = right == "Read";
        element(&format!("allow{right}"), &may.to_string())
    });
    let others = [
        element("modifyAllRecords", "false"),
        element("object", "UserExternalCredential"),
        element("viewAllRecords", "false"),
    ];
    document(
        "PermissionSet",
        &[
            group(
                "externalCredentialPrincipalAccesses",
                &(element("enabled", "true") + &element("externalCredentialPrincipal", &principal)),
            ),
            element("hasActivationRequired", "false"),
            element("label", &name::label(set)),
            group("objectPermissions", &(rights.concat() + &others.concat())),
        ],
    )
}

impl Parameter<'_> {
    fn xml(&self, group_name: &str) -> String {
        let mut inside = String::new();
        let (before, after) = match self.holds {
            Holds::Nothing => (None, None),
            Holds::Text(text) => (None, Some(element("parameterValue", text))),
            Holds::Certificate(name) => (Some(element("certificate", name)), None),
            Holds::ExternalCredential(name) => (Some(element("externalCredential", name)), None),
        };
        inside.extend(before);
        if self.kind.ends_with("Principal") {
            inside += &element("parameterGroup", self.name);
        }
        inside += &element("parameterName", self.name);
        inside += &element("parameterType", self.kind);
        inside.extend(after);
        if let Some(sequence) = self.sequence {
            inside += &element("sequenceNumber", &sequence.to_string());
        }
        group(group_name, &inside)
    }
}

fn document(kind: &str, parts: &[String]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let _ = writeln!(
        text,
        "<{kind} xmlns=\"http://soap.sforce.com/2006/04/metadata\">"
    );
    for line in parts.iter().flat_map(|part| part.lines()) {
        let _ = writeln!(text, "    {line}");
    }
    let _ = writeln!(text, "</{kind}>");
    text
}

fn group(name: &str, inside: &str) -> String {
    let mut text = format!("<{name}>\n");
    for line in inside.lines() {
        let _ = writeln!(text, "    {line}");
    }
    let _ = writeln!(text, "</{name}>");
    text
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>\n", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_close_the_element_around_it() {
        assert_eq!(
            element("label", r#"</label><x a="b" c='d'>&amp;"#),
            "<label>&lt;/label&gt;&lt;x a=&quot;b&quot; c=&apos;d&apos;&gt;&amp;amp;</label>\n"
        );
    }
}
