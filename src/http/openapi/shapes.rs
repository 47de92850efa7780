//! Turns the schemas of the 3.1 document into the few that Flow and Apex can hold.
//!
//! What comes out has a `type` in every place: scalars, lists of scalars or of named objects, and objects with named
//! members. What cannot be said so (free JSON, maps, tuples, lists of lists, unions, a shape that holds itself) is no
//! shape at all, and whoever holds it leaves it out.
//!
//! # Why
//! * Keywords are picked one by one, not struck out one by one: a keyword that utoipa learns to write tomorrow is then
//!   missing here, and not an import that fails in somebody's org.
//! * A reference to anything but an object is written out in place, because External Services makes Apex classes of
//!   named objects only, and because `nullable` means something only beside a `type` (OpenAPI 3.0.3, Schema Object).
//! * A copy of a named object becomes a reference to it, or Flow would see two types that do not fit each other.
//! * An optional object is a bare `$ref` that is not required. The other spelling, `allOf` of one `$ref`, makes an
//!   anonymous class of it, which Flow cannot name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::apex_names::class_name;
use super::schema::{
    add_scalar, describe, is_null, keep, kind_of, opening, reference, references, union, words_of,
};

/// Who writes what a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The caller: a member that may be null is simply optional.
    Request,
    /// The gateway: a member that may be null says `nullable`.
    Answer,
}

/// A schema as Salesforce can read it.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// The 3.0.3 schema.
    pub(super) body: Map<String, Value>,
    /// Whether the 3.1 schema took a null as well.
    nullable: bool,
}

/// Every named schema of one document, turned on first use and kept.
pub(super) struct Shapes<'a> {
    sources: BTreeMap<&'a str, (String, &'a Value)>,
    answers: BTreeSet<String>,
    done: BTreeMap<String, Option<Shape>>,
}

impl<'a> Shapes<'a> {
    /// The schemas of `document`; `answers` names, as the document does, those that an answer can hold.
    pub(super) fn new(document: &'a Value, answers: BTreeSet<String>) -> Self {
        let mut taken = BTreeSet::new();
        let mut sources = BTreeMap::new();
        if let Some(schemas) = document["components"]["schemas"].as_object() {
            let sorted: BTreeMap<_, _> = schemas.iter().collect();
            for (name, schema) in sorted {
                sources.insert(name.as_str(), (class_name(name, &mut taken), schema));
            }
        }
        Self {
            sources,
            answers,
            done: BTreeMap::new(),
        }
    }

    /// What Salesforce can hold of `schema`; `None` when that is nothing.
    pub(super) fn shape(&mut self, schema: &Value, side: Side) -> Option<Shape> {
        match self.copied(schema) {
            Some(name) => self.referred(name, schema.as_object()?),
            None => self.drawn(schema, side),
        }
    }

    /// The shape of `schema` by what it says, whether or not a named one says the same.
    fn drawn(&mut self, schema: &Value, side: Side) -> Option<Shape> {
        let schema = schema.as_object()?;
        if let Some(name) = reference(schema) {
            return self.referred(name, schema);
        }
        if let Some(options) = union(schema) {
            return self.united(options, schema, side);
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.merged(parts, schema, side);
        }
        let (kind, nullable) = kind_of(schema)?;
        let mut body = opening(kind, schema);
        match kind {
            "object" => self.add_members(&mut body, schema, side)?,
            "array" => self.add_items(&mut body, schema, side)?,
            _ => add_scalar(&mut body, kind, schema)?,
        }
        Some(self.finished(body, nullable, schema))
    }

    /// The first of `examples` that has only members which `body` has, and all that it requires.
    pub(super) fn fitting<'e>(
        &self,
        examples: impl IntoIterator<Item = &'e Value>,
        body: &Map<String, Value>,
    ) -> Option<&'e Value> {
        examples
            .into_iter()
            .find(|example| self.fits(example, body))
    }

    /// The named schemas that `paths` lead to, by name and in the order of their names.
    pub(super) fn reached_from(&self, paths: &Value) -> Map<String, Value> {
        let mut names = BTreeSet::new();
        let mut fresh: Vec<String> = references(paths);
        while let Some(name) = fresh.pop() {
            if let Some(Some(shape)) = self.done.get(&name)
                && names.insert(name)
            {
                fresh.extend(references(&Value::Object(shape.body.clone())));
            }
        }
        let bodies = names.into_iter().filter_map(|name| {
            let shape = self.done.get(&name)?.as_ref()?;
            Some((name, Value::Object(shape.body.clone())))
        });
        bodies.collect()
    }

    /// A named schema: a reference when it is an object, else its shape written out in place.
    fn referred(&mut self, source: &str, holder: &Map<String, Value>) -> Option<Shape> {
        let (name, shape) = self.named(source)?;
        if shape.body["type"] == "object" {
            let target = format!("#/components/schemas/{name}");
            return Some(Shape {
                body: Map::from_iter([("$ref".to_owned(), json!(target))]),
                nullable: shape.nullable,
            });
        }
        let mut inline = shape;
        describe(&mut inline.body, holder);
        Some(inline)
    }

    /// The new name and the shape of the schema that the document names `source`.
    fn named(&mut self, source: &str) -> Option<(String, Shape)> {
        let (name, schema) = self.sources.get(source)?.clone();
        if let Some(known) = self.done.get(&name) {
            return known.clone().map(|shape| (name, shape));
        }
        let side = if self.answers.contains(source) {
            Side::Answer
        } else {
            Side::Request
        };
        // Until it is done it counts as inexpressible, so a schema that holds itself comes to an end.
        self.done.insert(name.clone(), None);
        let shape = self.drawn(schema, side);
        self.done.insert(name.clone(), shape.clone());
        shape.map(|shape| (name, shape))
    }

    /// The name of the object that `schema` is a copy of: utoipa writes out what fills a generic type.
    fn copied(&self, schema: &Value) -> Option<&'a str> {
        schema.get("properties").or(schema.get("allOf"))?;
        let mut sources = self.sources.iter();
        sources.find_map(|(name, (_, source))| (*source == schema).then_some(*name))
    }

    /// A union, if it is one in spelling only: of something and null, or of fixed words.
    fn united(
        &mut self,
        options: &[Value],
        holder: &Map<String, Value>,
        side: Side,
    ) -> Option<Shape> {
        let some: Vec<&Value> = options.iter().filter(|option| !is_null(option)).collect();
        let nullable = some.len() < options.len();
        if let [only] = some[..] {
            let mut shape = self.shape(only, side)?;
            shape.nullable |= nullable;
            return Some(self.described(shape, holder));
        }
        let words: Vec<Value> = some
            .iter()
            .map(|option| words_of(option))
            .collect::<Option<Vec<_>>>()?
            .concat();
        if words.is_empty() {
            return None;
        }
        let mut body = opening("string", holder);
        body.insert("enum".to_owned(), Value::Array(words));
        Some(self.finished(body, nullable, holder))
    }

    /// The members of all `parts` and of `holder` itself as one flat object; a part that is no object falls away.
    fn merged(
        &mut self,
        parts: &[Value],
        holder: &Map<String, Value>,
        side: Side,
    ) -> Option<Shape> {
        if let [only] = parts
            && !holder.contains_key("properties")
        {
            let shape = self.shape(only, side)?;
            return Some(self.described(shape, holder));
        }
        let rest = holder.get("properties").map(|_| {
            let mut own = holder.clone();
            own.remove("allOf");
            Value::Object(own)
        });
        let mut members = Map::new();
        let mut required: Vec<Value> = Vec::new();
        for part in parts.iter().chain(&rest) {
            let Some(part) = self.written_out(part, side) else {
                continue;
            };
            if let Some(Value::Object(more)) = part.body.get("properties") {
                members.extend(more.clone());
            }
            for name in part
                .body
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                if !required.contains(name) {
                    required.push(name.clone());
                }
            }
        }
        if members.is_empty() {
            return None;
        }
        let mut body = opening("object", holder);
        body.insert("properties".to_owned(), Value::Object(members));
        if !required.is_empty() {
            body.insert("required".to_owned(), Value::Array(required));
        }
        Some(self.finished(body, false, holder))
    }

    /// The shape itself, where [`Self::shape`] would give a reference to it.
    fn written_out(&mut self, schema: &Value, side: Side) -> Option<Shape> {
        let name = schema.as_object().and_then(reference);
        match name.or_else(|| self.copied(schema)) {
            Some(name) => self.named(name).map(|(_, shape)| shape),
            None => self.shape(schema, side),
        }
    }

    /// Adds the members that can be expressed; `None` when none is left.
    fn add_members(
        &mut self,
        body: &mut Map<String, Value>,
        schema: &Map<String, Value>,
        side: Side,
    ) -> Option<()> {
        let source = schema.get("properties")?.as_object()?;
        let named: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut members = Map::new();
        let mut required = Vec::new();
        for (name, member) in source {
            let Some(mut shape) = self.shape(member, side) else {
                continue;
            };
            let said = shape.nullable && side == Side::Answer && shape.body.contains_key("type");
            if said {
                shape.body.insert("nullable".to_owned(), json!(true));
            }
            if named.contains(&name.as_str()) && (said || !shape.nullable) {
                required.push(json!(name));
            }
            members.insert(name.clone(), Value::Object(shape.body));
        }
        if members.is_empty() {
            return None;
        }
        body.insert("properties".to_owned(), Value::Object(members));
        if !required.is_empty() {
            body.insert("required".to_owned(), Value::Array(required));
        }
        Some(())
    }

    /// Adds what the list holds; `None` for a list of lists or of what cannot be expressed.
    fn add_items(
        &mut self,
        body: &mut Map<String, Value>,
        schema: &Map<String, Value>,
        side: Side,
    ) -> Option<()> {
        let items = self.shape(schema.get("items")?, side)?.body;
        if items.get("type").is_some_and(|kind| kind == "array") {
            return None;
        }
        body.insert("items".to_owned(), Value::Object(items));
        keep(body, schema, &["minItems", "maxItems", "uniqueItems"]);
        Some(())
    }

    /// `shape` with what `holder` says about it; a reference stays bare, since 3.0.3 ignores what stands beside it.
    fn described(&self, shape: Shape, holder: &Map<String, Value>) -> Shape {
        if shape.body.contains_key("$ref") {
            return shape;
        }
        self.finished(shape.body, shape.nullable, holder)
    }

    /// Adds description, default and example.
    fn finished(
        &self,
        mut body: Map<String, Value>,
        nullable: bool,
        schema: &Map<String, Value>,
    ) -> Shape {
        describe(&mut body, schema);
        if let Some(value) = schema.get("default").filter(|value| !value.is_null()) {
            body.insert("default".to_owned(), value.clone());
        }
        let many = schema.get("examples").and_then(Value::as_array);
        let examples = schema
            .get("example")
            .into_iter()
            .chain(many.into_iter().flatten());
        if let Some(example) = self.fitting(examples, &body) {
            body.insert("example".to_owned(), example.clone());
        }
        Shape { body, nullable }
    }

    fn fits(&self, example: &Value, body: &Map<String, Value>) -> bool {
        let resolved = reference(body).map(|name| self.done.get(name));
        let body = match resolved {
            None => body,
            Some(Some(Some(shape))) => &shape.body,
            Some(_) => return false,
        };
        match example {
            Value::Object(members) => {
                let known = body.get("properties").and_then(Value::as_object);
                let required = body.get("required").and_then(Value::as_array);
                known.is_some_and(|known| {
                    members.iter().all(|(name, value)| {
                        let schema = known.get(name).and_then(Value::as_object);
                        schema.is_some_and(|schema| self.fits(value, schema))
                    })
                }) && required
                    .into_iter()
                    .flatten()
                    .all(|name| name.as_str().is_some_and(|name| members.contains_key(name)))
            }
            Value::Array(items) => {
                let schema = body.get("items").and_then(Value::as_object);
                schema.is_some_and(|schema| items.iter().all(|item| self.fits(item, schema)))
            }
            Value::Null => body.get("nullable").is_some(),
            _ => !matches!(
                body.get("type").and_then(Value::as_str),
                None | Some("object" | "array")
            ),
        }
    }
}
