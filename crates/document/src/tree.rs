//! YAML and JSON as a tree of values with their places, so that all problems of a document can be told.
//!
//! The only module that knows the parser. Bounded: nodes (aliases expanded) and depth.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use crate::problem::{At, Problems};
use crate::scalar::is_null;

/// Collections within each other; `serde_json` reads 128.
const MAX_DEPTH: u32 = 100;

/// What documents of one kind are like.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// `kind`, as sentences name it.
    pub kind: &'static str,
    /// Keys and values a document may have, with what aliases stand for: against "billion laughs".
    pub nodes: usize,
    /// What to do with a second document.
    pub second: &'static str,
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Where it begins.
    pub at: At,
    /// Nodes below, and itself.
    nodes: usize,
    /// Collections within each other, this one with them.
    depth: u32,
    /// What it is.
    pub node: Node,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Node {
    /// A text, number, boolean or nothing.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Tree>),
    /// A mapping, its entries as they are written: see [`crate::own`].
    Map(Vec<(Key, Tree)>),
}

/// A text that may mean something else.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Without quotes and escapes.
    pub text: String,
    /// Without quotes, so that YAML finds numbers and booleans in it.
    pub plain: bool,
    /// `|`: line n of the text is line n of the source after it.
    pub literal: bool,
}

/// A key and where it is.
#[derive(Clone, Debug)]
pub struct Key {
    /// Line 0: it came by `<<`.
    pub at: At,
    /// Without quotes and escapes.
    pub text: String,
    /// Without quotes.
    pub plain: bool,
}

/// A document could not be read; the problem is told.
#[derive(Debug)]
pub struct Broken;

/// Reads the first document; later ones are a problem. None: there is none.
///
/// # Errors
///
/// [`Broken`] where there is no tree to go on with: no YAML, too large, a tag, an alias of itself.
pub fn read(text: &str, form: Form, problems: &mut Problems) -> Result<Option<Tree>, Broken> {
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    let mut builder = Builder { open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None, form, problems };
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => return Err(builder.syntax(&error)),
        };
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                builder.second(at(span.start));
                break;
            }
            continue;
        }
        builder.event(event, span)?;
    }
    Ok(builder.root)
}

fn at(mark: Marker) -> At {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    At { line: number(mark.line()), column: number(mark.col()).saturating_add(1) }
}

/// A collection that is being read.
struct Open {
    at: At,
    anchor: usize,
    map: bool,
    items: Vec<Tree>,
    entries: Vec<(Key, Tree)>,
    key: Option<Key>,
    /// The value of `<<`.
    merge: bool,
    /// Names of the first entries, so many as were there when `<<` last looked.
    names: HashSet<String>,
    named: usize,
}

struct Builder<'a> {
    open: Vec<Open>,
    anchors: HashMap<usize, Tree>,
    nodes: usize,
    root: Option<Tree>,
    form: Form,
    problems: &'a mut Problems,
}

impl Tree {
    /// The value of a mapping's first key of this name.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        match &self.node {
            Node::Map(entries) => entries.iter().find(|(key, _)| key.text == name).map(|(_, tree)| tree),
            Node::Scalar(_) | Node::List(_) => None,
        }
    }

    /// A scalar's text, empty for null.
    pub fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Scalar(scalar) if is_null(scalar) => Some(""),
            Node::Scalar(scalar) => Some(&scalar.text),
            Node::List(_) | Node::Map(_) => None,
        }
    }

    /// Whether it stands for nothing: `null`, `~`, or no value at all.
    pub fn is_null(&self) -> bool {
        matches!(&self.node, Node::Scalar(scalar) if is_null(scalar))
    }
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Broken> {
        let at = at(span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = self.plain(style, tag.as_deref(), at)?;
                let scalar = Scalar { text: text.into_owned(), plain, literal: style == ScalarStyle::Literal };
                self.node(Tree { at, nodes: 1, depth: 0, node: Node::Scalar(scalar) }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => self.start(at, anchor, tag.as_deref(), false),
            Event::MappingStart(_, anchor, tag) => self.start(at, anchor, tag.as_deref(), true),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(tree) => {
                    self.nodes = self.nodes.saturating_add(tree.nodes);
                    if self.nodes > self.form.nodes {
                        return Err(self.too_large(at));
                    }
                    let tree = Tree { at, ..tree.clone() };
                    self.node(tree, 0)
                }
                None => {
                    self.problems.error("yaml.alias", at, "", "an alias of a value that holds the alias itself").fix("write the value out");
                    Err(Broken)
                }
            },
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd | Event::Anchor(..) => Ok(()),
            // An unresolved alias, which was not asked for, or what a later version of the parser has: not to be passed over in silence.
            Event::UnresolvedAlias(_) | _ => Err(self.tag(at)),
        }
    }

    /// Whether a scalar may be something other than text.
    fn plain(&mut self, style: ScalarStyle, tag: Option<&Tag>, at: At) -> Result<bool, Broken> {
        match tag.map(|tag| (tag, tag.core_suffix())) {
            None => Ok(style == ScalarStyle::Plain),
            Some((_, Some("str"))) => Ok(false),
            Some((_, Some("bool" | "float" | "int" | "null"))) => Ok(true),
            Some((tag, _)) if tag.original() == "!" => Ok(false),
            Some(_) => Err(self.tag(at)),
        }
    }

    fn tag(&mut self, at: At) -> Broken {
        let what = format!("has a tag (`!…`) that means nothing in a {}", self.form.kind);
        self.problems.error("yaml.tag", at, "", what).fix("leave the tag out");
        Broken
    }

    fn start(&mut self, at: At, anchor: usize, tag: Option<&Tag>, map: bool) -> Result<(), Broken> {
        if tag.is_some_and(|tag| !matches!(tag.core_suffix(), Some("map" | "seq"))) {
            return Err(self.tag(at));
        }
        if self.open.len() >= MAX_DEPTH as usize {
            return Err(self.too_large(at));
        }
        let (names, named) = (HashSet::new(), 0);
        self.open.push(Open { at, anchor, map, items: Vec::new(), entries: Vec::new(), key: None, merge: false, names, named });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let below = open.items.iter().chain(open.entries.iter().map(|(_, tree)| tree));
        let (nodes, depth) = below.fold((1, 0), |(nodes, depth), tree| (nodes + tree.nodes, depth.max(tree.depth)));
        let node = if open.map { Node::Map(open.entries) } else { Node::List(open.items) };
        self.node(Tree { at: open.at, nodes, depth: depth + 1, node }, open.anchor)
    }

    /// Puts a finished value where it belongs.
    fn node(&mut self, tree: Tree, anchor: usize) -> Result<(), Broken> {
        self.nodes += 1;
        if self.nodes > self.form.nodes || self.open.len() + tree.depth as usize > MAX_DEPTH as usize {
            return Err(self.too_large(tree.at));
        }
        if anchor > 0 {
            // The copy counts, as it takes memory.
            self.nodes += tree.nodes;
            self.anchors.insert(anchor, tree.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(tree);
            return Ok(());
        };
        if !open.map {
            open.items.push(tree);
            return Ok(());
        }
        if std::mem::take(&mut open.merge) {
            return self.merge(tree);
        }
        let Some(key) = open.key.take() else { return self.key(tree) };
        // A key of this map takes the place of one that `<<` brought.
        open.entries.push((key, tree));
        Ok(())
    }

    fn key(&mut self, tree: Tree) -> Result<(), Broken> {
        let Node::Scalar(scalar) = tree.node else {
            self.problems.error("yaml.key", tree.at, "", "is a list or a mapping where a key is expected");
            return Err(Broken);
        };
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        if scalar.plain && scalar.text == "<<" {
            open.merge = true;
        } else {
            open.key = Some(Key { at: tree.at, text: scalar.text, plain: scalar.plain });
        }
        Ok(())
    }

    /// `<<: *map` or `<<: [*map, *map]` (https://yaml.org/type/merge.html): entries that this map does not have itself.
    ///
    /// They are marked by the place 0, and dropped in favour of own ones when keys are compared.
    fn merge(&mut self, tree: Tree) -> Result<(), Broken> {
        let (place, maps) = (tree.at, if let Node::List(list) = tree.node { list } else { vec![tree] });
        for map in maps {
            let (Node::Map(entries), Some(open)) = (map.node, self.open.last_mut()) else {
                self.problems.error("yaml.key", place, "<<", "takes a mapping or a list of mappings");
                return Err(Broken);
            };
            open.names.extend(open.entries.iter().skip(open.named).map(|(own, _)| own.text.clone()));
            for (key, value) in entries {
                if open.names.insert(key.text.clone()) {
                    open.entries.push((Key { at: At::default(), ..key }, value));
                }
            }
            open.named = open.entries.len();
        }
        Ok(())
    }

    fn second(&mut self, at: At) {
        self.problems.error("yaml.second-document", at, "", "a second document begins here; only one is read");
        self.problems.fix(self.form.second);
    }

    fn too_large(&mut self, at: At) -> Broken {
        let what = format!("has more than {} values, or more than {MAX_DEPTH} levels", self.form.nodes);
        self.problems.error("yaml.too-large", at, "", what);
        Broken
    }

    fn syntax(&mut self, error: &granit_parser::ScanError) -> Broken {
        // The parser's sentences name characters and constructs; an anchor's name is the most they repeat.
        let place = at(*error.marker());
        self.problems.error("yaml.syntax", place, "", format!("not YAML: {}", error.info()));
        self.problems.fix("check indentation (blanks, no tabs), the blank after `:` and quotes");
        Broken
    }
}
