//! What a model is called at the clouds, and which model that is.
//!
//! The Claude API says `claude-haiku-4-5-20251001`, Bedrock `us.anthropic.claude-haiku-4-5-20251001-v1:0` or an ARN that
//! ends so, Vertex `claude-haiku-4-5@20251001`, and Foundry whatever its deployment was named, which is usually the
//! bare id. What a model costs and can do is known by its bare id, so every table looks it up by [`plain`].

/// The bare id behind `id`: without the cloud's words, the version and the date.
///
/// An application inference profile has a random name, and a deployment may have any: what is no Claude model's name
/// comes back as it is, and no table knows it.
pub fn plain(id: &str) -> &str {
    let resource = id.rsplit('/').next().unwrap_or(id);
    let model = after_publisher(resource);
    let model = model.split('@').next().unwrap_or(model);
    without_date(without_version(model))
}

/// Whether `id` lets AWS choose among all of its regions, which is billed at the list price.
pub fn is_global(id: &str) -> bool {
    id.rsplit('/')
        .next()
        .is_some_and(|resource| resource.starts_with("global."))
}

/// Behind `anthropic.`, with or without the geography in front of it.
fn after_publisher(resource: &str) -> &str {
    let Some((geography, model)) = resource.split_once("anthropic.") else {
        return resource;
    };
    let is_geography = geography
        .strip_suffix('.')
        .is_some_and(|place| place.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    if geography.is_empty() || is_geography {
        model
    } else {
        resource
    }
}

/// Without `-v1` and `:0`; `:200k` names a size of the context.
fn without_version(model: &str) -> &str {
    let model = model.split(':').next().unwrap_or(model);
    match model.rsplit_once("-v") {
        Some((name, version)) if is_number(version) => name,
        _ => model,
    }
}

fn without_date(model: &str) -> &str {
    match model.rsplit_once('-') {
        Some((name, date)) if date.len() == 8 && is_number(date) => name,
        _ => model,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_however_a_cloud_spells_it() {
        for spelled in [
            "claude-haiku-4-5",
            "claude-haiku-4-5-20251001",
            "claude-haiku-4-5@20251001",
            "claude-haiku-4-5@default",
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "us-gov.anthropic.claude-haiku-4-5-20251001-v1:0",
            "global.anthropic.claude-haiku-4-5",
            "anthropic.claude-haiku-4-5-v1",
            "anthropic.claude-haiku-4-5-20251001-v1:0:200k",
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0",
        ] {
            assert_eq!(plain(spelled), "claude-haiku-4-5", "{spelled}");
        }
    }

    #[test]
    fn what_tells_nothing_stays_as_it_is() {
        let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";
        assert_eq!(plain(profile), "a1b2c3");
        assert_eq!(plain("our-deployment"), "our-deployment");
        assert_eq!(
            plain("not-anthropic.claude-opus-5"),
            "not-anthropic.claude-opus-5"
        );
        assert_eq!(plain("claude-sonnet-5-50"), "claude-sonnet-5-50");
        assert_eq!(plain(""), "");
    }

    #[test]
    fn a_global_profile_is_told_from_those_of_one_geography() {
        assert!(is_global("global.anthropic.claude-opus-4-8"));
        assert!(is_global(
            "arn:aws:bedrock:us-east-1:1:inference-profile/global.anthropic.claude-opus-4-8"
        ));
        assert!(!is_global("us.anthropic.claude-opus-4-8"));
        assert!(!is_global("anthropic.claude-opus-4-8"));
    }
}
