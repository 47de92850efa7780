//! What a client may name as a model: the aliases of its org, and the models that these lead to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Alias, Capabilities, Org, Route};

/// Something that a client may name.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The name.
    pub name: Alias,
    /// What its first target can do.
    pub capabilities: Capabilities,
    /// Whether it is an alias of the config, and not the model behind one.
    pub is_alias: bool,
}

/// Everything that a client of `org` may name: the aliases by name, then the models by name.
pub fn all(org: &Org) -> Vec<Model> {
    let aliases = org.models.values().filter_map(|route| {
        Some(Model {
            name: route.alias.clone(),
            capabilities: route.targets.first()?.capabilities,
            is_alias: true,
        })
    });
    let mut models: BTreeMap<Alias, Model> = BTreeMap::new();
    for target in org.models.values().flat_map(|route| &route.targets) {
        // An id with a path in it is none that a client may name.
        let name = Alias::parse(target.model.as_str());
        if let Some(name) = name.filter(|name| !org.models.contains_key(name)) {
            let model = Model {
                name: name.clone(),
                capabilities: target.capabilities,
                is_alias: false,
            };
            models.entry(name).or_insert(model);
        }
    }
    aliases.chain(models.into_values()).collect()
}

/// Where a request that names `named` goes: an alias goes its way, the id of a model to every target of that id, in the
/// order in which the aliases have them.
pub fn way(org: &Org, named: &Alias) -> Option<Arc<Route>> {
    if let Some(route) = org.models.get(named) {
        return Some(Arc::clone(route));
    }
    let mut targets = Vec::new();
    for target in org.models.values().flat_map(|route| &route.targets) {
        if target.model.as_str() == named.as_str() && !targets.contains(target) {
            targets.push(target.clone());
        }
    }
    (!targets.is_empty()).then(|| {
        Arc::new(Route {
            alias: named.clone(),
            targets,
        })
    })
}
