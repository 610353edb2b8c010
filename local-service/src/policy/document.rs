//! Policy documents: reading them, and what they say of a demand.

use serde_json::{Map, Value};

use super::{
    Demand, Target,
    condition::{Condition, Verdict},
    pattern::{Pattern, Reach},
    principal::{Meant, Named},
};

/// Characters of a resource policy.
pub(crate) const LENGTH: usize = 7_168;
/// Deeper nesting than any policy has.
const STATEMENTS: usize = 1_000;

/// A policy that can be evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Document {
    statements: Vec<Statement>,
}

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttachedTo {
    /// Names principals.
    Resource,
    /// Names none: it is about the one it is attached to.
    Identity,
}

/// Why a text is no policy: where in it, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("the policy document is not JSON: {0}")]
    Syntax(String),
    #[error("the policy document has {0} characters, {LENGTH} are allowed")]
    Length(usize),
    #[error("the policy document is invalid at `{place}`: {problem}")]
    Content { place: String, problem: String },
}

/// What one policy says of a demand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Opinion {
    /// The statement that denies: its `Sid`, or its number.
    pub(super) denied: Option<String>,
    /// How the statements that allow mean the caller, taken together.
    pub(super) allowed: Option<Meant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    name: String,
    denies: bool,
    principals: Principals,
    actions: Set,
    resources: Set,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Principals {
    /// The policy of an identity.
    Own,
    These(Vec<Named>),
    AllBut(Vec<Named>),
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    negated: bool,
    patterns: Vec<Pattern>,
}

impl Document {
    /// Reads the text of a policy.
    pub(crate) fn parse(text: &str, attached: AttachedTo) -> Result<Self, DocumentError> {
        let characters = text.chars().count();
        if attached == AttachedTo::Resource && characters > LENGTH {
            return Err(DocumentError::Length(characters));
        }
        let value = serde_json::from_str(text).map_err(|error| DocumentError::Syntax(error.to_string()))?;
        Self::read(&value, attached)
    }

    /// Reads a policy.
    pub(crate) fn read(value: &Value, attached: AttachedTo) -> Result<Self, DocumentError> {
        let members = object(value, "", &["Version", "Id", "Statement"])?;
        match members.get("Version").map(Value::as_str) {
            None | Some(Some("2012-10-17" | "2008-10-17")) => {}
            Some(_) => return Err(content("Version", "it must be 2012-10-17 or 2008-10-17")),
        }
        if members.get("Id").is_some_and(|id| !id.is_string()) {
            return Err(content("Id", "it must be a string"));
        }
        let statements = match members.get("Statement") {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(statement @ Value::Object(_)) => vec![statement],
            Some(_) => return Err(content("Statement", "it must be a statement or a list of statements")),
            None => Vec::new(),
        };
        if statements.is_empty() {
            return Err(content("Statement", "a policy has at least one statement"));
        }
        if statements.len() > STATEMENTS {
            return Err(content("Statement", "these are too many statements"));
        }
        let statements = statements
            .into_iter()
            .enumerate()
            .map(|(at, value)| statement(at, value, attached))
            .collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }

    /// What it says.
    pub(super) fn opinion(&self, demand: &Demand<'_>) -> Opinion {
        let mut opinion = Opinion::default();
        for statement in &self.statements {
            let Some(meant) = statement.applies(demand) else { continue };
            if !statement.denies {
                opinion.allowed = opinion.allowed.max(Some(meant));
            } else if opinion.denied.is_none() {
                opinion.denied = Some(statement.name.clone());
            }
        }
        opinion
    }
}

impl Statement {
    /// How it means the caller, if it applies to the demand.
    fn applies(&self, demand: &Demand<'_>) -> Option<Meant> {
        let nearest = |named: &[Named]| named.iter().map(|named| named.means(&demand.principal.arn)).max();
        let meant = match &self.principals {
            Principals::Own => Meant::Itself,
            Principals::These(named) => nearest(named).unwrap_or(Meant::Not),
            Principals::AllBut(named) if nearest(named).unwrap_or(Meant::Not) == Meant::Not => Meant::Itself,
            Principals::AllBut(_) => Meant::Not,
        };
        let action = self.actions.reach(&Target::Exactly(demand.action.to_owned())) == Reach::All;
        let resource = match self.resources.reach(demand.target) {
            Reach::All => true,
            Reach::None => false,
            // Of a package that is not known yet: asked again once it is, or nobody will ask.
            Reach::Some => self.denies == matches!(demand.target, Target::All(_)),
        };
        (meant != Meant::Not && action && resource && self.conditions_hold(demand)).then_some(meant)
    }

    fn conditions_hold(&self, demand: &Demand<'_>) -> bool {
        let mut unknown = false;
        for condition in &self.conditions {
            match condition.judge(demand) {
                Verdict::Holds => {}
                // It does not apply, whatever the others say.
                Verdict::Fails => return false,
                Verdict::Unknown => unknown = true,
            }
        }
        !unknown || self.denies
    }
}

impl Set {
    fn reach(&self, target: &Target) -> Reach {
        let reaches = self.patterns.iter().map(|pattern| match target {
            Target::Exactly(text) if pattern.matches(text) => Reach::All,
            Target::Exactly(_) => Reach::None,
            Target::Under(beginning) | Target::All(beginning) => pattern.reach(beginning),
        });
        let mut widest = Reach::None;
        for reach in reaches {
            widest = match (widest, reach) {
                (Reach::All, _) | (_, Reach::All) => Reach::All,
                (Reach::Some, _) | (_, Reach::Some) => Reach::Some,
                _ => Reach::None,
            };
        }
        match (widest, self.negated) {
            (Reach::All, true) => Reach::None,
            (Reach::None, true) => Reach::All,
            (reach, _) => reach,
        }
    }
}

fn statement(at: usize, value: &Value, attached: AttachedTo) -> Result<Statement, DocumentError> {
    let place = format!("Statement[{at}]");
    let known =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    let members = object(value, &place, &known)?;
    let name = match members.get("Sid") {
        None => format!("number {}", at + 1),
        Some(Value::String(sid)) => format!("`{}`", sid.escape_debug()),
        Some(_) => return Err(content(format!("{place}.Sid"), "it must be a string")),
    };
    let denies = match members.get("Effect").and_then(Value::as_str) {
        Some("Allow") => false,
        Some("Deny") => true,
        _ => return Err(content(format!("{place}.Effect"), "it must be Allow or Deny")),
    };
    let (actions, action_place) = one_of(members, &place, "Action", "NotAction")?;
    for action in &actions.1 {
        if action != "*"
            && !action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty())
        {
            return Err(content(action_place, "an action is `*` or `SERVICE:NAME`"));
        }
    }
    let (resources, resource_place) = one_of(members, &place, "Resource", "NotResource")?;
    for resource in &resources.1 {
        if resource.contains("${") {
            return Err(content(resource_place, "policy variables are not evaluated by this service"));
        }
        if !resource.starts_with(['*', '?']) && !resource.starts_with("arn:") {
            return Err(content(resource_place, "a resource is an ARN or `*`"));
        }
    }
    Ok(Statement {
        name,
        denies,
        principals: principals(members, &place, attached)?,
        actions: Set { negated: actions.0, patterns: actions.1.iter().map(|text| Pattern::folded(text)).collect() },
        resources: Set {
            negated: resources.0,
            patterns: resources.1.iter().map(|text| Pattern::exact(text)).collect(),
        },
        conditions: conditions(members, &place)?,
    })
}

/// Exactly one of an element and its negation: whether it is the negation, and its values.
fn one_of(
    members: &Map<String, Value>,
    place: &str,
    plain: &str,
    negation: &str,
) -> Result<((bool, Vec<String>), String), DocumentError> {
    match (members.get(plain), members.get(negation)) {
        (Some(value), None) => {
            let place = format!("{place}.{plain}");
            Ok(((false, texts(value, &place)?), place))
        }
        (None, Some(value)) => {
            let place = format!("{place}.{negation}");
            Ok(((true, texts(value, &place)?), place))
        }
        _ => Err(content(place, &format!("it must have either `{plain}` or `{negation}`"))),
    }
}

fn principals(members: &Map<String, Value>, place: &str, attached: AttachedTo) -> Result<Principals, DocumentError> {
    let (value, negated) = match (attached, members.get("Principal"), members.get("NotPrincipal")) {
        (AttachedTo::Identity, None, None) => return Ok(Principals::Own),
        (AttachedTo::Identity, ..) => {
            return Err(content(place, "the policy of an identity names no principal"));
        }
        (AttachedTo::Resource, Some(value), None) => (value, false),
        (AttachedTo::Resource, None, Some(value)) => (value, true),
        (AttachedTo::Resource, ..) => {
            return Err(content(place, "it must have either `Principal` or `NotPrincipal`"));
        }
    };
    let place = format!("{place}.{}", if negated { "NotPrincipal" } else { "Principal" });
    let named = match value {
        Value::String(text) if text == "*" => vec![Named::Everyone],
        Value::Object(kinds) if !kinds.is_empty() => {
            let mut named = Vec::new();
            for (kind, value) in kinds {
                let place = format!("{place}.{kind}");
                match kind.as_str() {
                    "AWS" => {
                        for text in texts(value, &place)? {
                            let one = Named::parse(&text).map_err(|error| {
                                content(&place, &format!("`{}` is no principal: {error}", text.escape_debug()))
                            })?;
                            named.push(one);
                        }
                    }
                    "Service" => named.extend(texts(value, &place)?.iter().map(|_| Named::Service)),
                    _ => return Err(content(place, "the kinds of principals here are `AWS` and `Service`")),
                }
            }
            named
        }
        _ => return Err(content(place, "it must be `*` or an object such as {\"AWS\": \"ARN\"}")),
    };
    Ok(if negated { Principals::AllBut(named) } else { Principals::These(named) })
}

fn conditions(members: &Map<String, Value>, place: &str) -> Result<Vec<Condition>, DocumentError> {
    let place = format!("{place}.Condition");
    let mut conditions = Vec::new();
    let operators = match members.get("Condition") {
        None => return Ok(conditions),
        Some(Value::Object(operators)) => operators,
        Some(_) => return Err(content(place, "it must map operators to keys and values")),
    };
    for (operator, keys) in operators {
        let place = format!("{place}.{operator}");
        let Value::Object(keys) = keys else {
            return Err(content(place, "it must map keys to values"));
        };
        for (key, values) in keys {
            let place = format!("{place}.{key}");
            let values = values_of(values, &place)?;
            if values.iter().any(|value| value.contains("${")) {
                return Err(content(place, "policy variables are not evaluated by this service"));
            }
            conditions.push(Condition::new(operator, key, values));
        }
    }
    Ok(conditions)
}

/// A text or a list of texts, at least one.
fn texts(value: &Value, place: &str) -> Result<Vec<String>, DocumentError> {
    let items: Option<Vec<String>> = match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    items
        .filter(|items| !items.is_empty() && items.iter().all(|item| !item.is_empty()))
        .ok_or_else(|| content(place, "it must be a string or a list of strings, and not empty"))
}

/// Values of a condition: true, false and numbers are written without quotes, too.
fn values_of(value: &Value, place: &str) -> Result<Vec<String>, DocumentError> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let items: Option<Vec<String>> = match value {
        Value::Array(items) => items.iter().map(text).collect(),
        value => text(value).map(|text| vec![text]),
    };
    items.filter(|items| !items.is_empty()).ok_or_else(|| content(place, "it must be a value or a list of values"))
}

/// An object with no other members than these.
fn object<'a>(value: &'a Value, place: &str, known: &[&str]) -> Result<&'a Map<String, Value>, DocumentError> {
    let shown = if place.is_empty() { "the document" } else { place };
    let members = value.as_object().ok_or_else(|| content(shown, "it must be an object"))?;
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(content(shown, &format!("`{}` is not an element of a policy", unknown.escape_debug()))),
        None => Ok(members),
    }
}

fn content(place: impl Into<String>, problem: &str) -> DocumentError {
    DocumentError::Content { place: place.into(), problem: problem.to_owned() }
}
