//! How a provider of kind `vertex` is set up.

use url::Url;

use crate::providers::secret::Secret;
use crate::providers::wire;

/// One Vertex AI. In the file: `[[providers]]` with `kind = "vertex"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The Google Cloud project that pays; lower-case letters, digits and hyphens.
    pub project: String,
    /// A region, a multi-region (`us`, `eu`) or `global`; lower-case letters, digits and hyphens.
    pub region: String,
    /// A file of credentials, as JSON; `None` for Google's default credentials.
    pub credentials: Option<Secret>,
    /// In place of the region's own address.
    pub base_url: Option<Url>,
}

impl Settings {
    /// Where requests go, without a slash at the end.
    pub fn base(&self) -> String {
        let host = match self.region.as_str() {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            multi @ ("us" | "eu") => format!("https://aiplatform.{multi}.rep.googleapis.com"),
            region => format!("https://{region}-aiplatform.googleapis.com"),
        };
        wire::base(self.base_url.as_ref(), &host, "/v1")
    }

    /// Whether Google chooses the region.
    pub fn is_global(&self) -> bool {
        self.region == "global"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_region_has_its_own_host() {
        let base = |region: &str, base_url: Option<&str>| {
            let settings = Settings {
                project: "acme-ai".into(),
                region: region.into(),
                credentials: None,
                base_url: base_url.map(|url| Url::parse(url).expect("an address")),
            };
            settings.base()
        };
        assert_eq!(base("global", None), "https://aiplatform.googleapis.com/v1");
        assert_eq!(
            base("eu", None),
            "https://aiplatform.eu.rep.googleapis.com/v1"
        );
        assert_eq!(
            base("us", None),
            "https://aiplatform.us.rep.googleapis.com/v1"
        );
        assert_eq!(
            base("europe-west1", None),
            "https://europe-west1-aiplatform.googleapis.com/v1"
        );
        assert_eq!(base("global", Some("http://[::1]:9")), "http://[::1]:9/v1");
        assert_eq!(
            base("eu", Some("http://[::1]:9/x/v1")),
            "http://[::1]:9/x/v1"
        );
    }
}
