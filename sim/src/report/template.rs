//! The pages' templates: one look and one script for all of them.

use std::sync::OnceLock;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use super::ReportError;
use super::plot::Figure;

/// The pages and what they include.
const TEMPLATES: [(&str, &str); 8] = [
    ("style.css", include_str!("page/style.css")),
    ("script.js", include_str!("page/script.js")),
    ("parts.html", include_str!("page/parts.html")),
    ("run.html", include_str!("page/run.html")),
    ("compare.html", include_str!("page/compare.html")),
    ("sweep.html", include_str!("page/sweep.html")),
    ("validation.html", include_str!("page/validation.html")),
    ("index.html", include_str!("page/index.html")),
];

/// A page.
///
/// # Errors
/// When the template fails, which would be a bug.
///
/// # Panics
/// When a template cannot be read, which would be one, too.
pub fn render(name: &str, values: &impl Serialize) -> Result<Vec<u8>, ReportError> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    let environment = ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        for (name, text) in TEMPLATES {
            environment
                .add_template(name, text)
                .expect("templates are right: every test of a page reads them");
        }
        environment.set_auto_escape_callback(|name| match name {
            "style.css" | "script.js" => AutoEscape::None,
            _ => AutoEscape::Html,
        });
        environment
    });
    Ok(environment.get_template(name)?.render(Serde(values))?.into_bytes())
}

/// JSON that may stand in a script element.
///
/// # Errors
/// When the value is none.
pub fn script_json(value: &impl Serialize) -> Result<String, ReportError> {
    Ok(serde_json::to_string(value)?.replace('<', "\\u003c"))
}

/// A figure within a page.
#[derive(Debug, Serialize)]
pub struct Picture<'a> {
    name: &'a str,
    svg: &'a str,
    /// JSON for the script.
    hover: Option<String>,
}

impl<'a> Picture<'a> {
    /// The figure as pages show it.
    ///
    /// # Errors
    /// When what it tells is no JSON.
    pub fn new(figure: &'a Figure) -> Result<Self, ReportError> {
        Ok(Self {
            name: &figure.name,
            svg: &figure.inline,
            hover: figure.hover.as_ref().map(script_json).transpose()?,
        })
    }
}
