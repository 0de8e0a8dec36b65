//! Reads what `--config-source` names: files, directories, standard input, the instance's user data.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use hybridge_aws::{Imds, Metadata};
use hybridge_node::config::chain::{self, ChainError, Resolved, Source, UserData};
use hybridge_node::config::{self, Languages, Shape};
use hybridge_node::{containerd, max_pods};
use hybridge_report::Finding;

use crate::args::node::{Shape as ShapeFlag, Sources};

/// User data has 16 KiB at most (EC2 user guide); files with certificates and long kubelet settings stay far below this, too.
const LARGEST: u64 = 4 << 20;

/// Bytes with the name that problems are told under.
struct Text {
    name: String,
    bytes: Vec<u8>,
    user_data: UserData,
}

/// What one `--config-source` holds: a directory may hold several texts, or none.
enum Content {
    Texts(Vec<Text>),
    EmptyDirectory,
}

/// What became of the sources: the outer error is one of reading, the inner one of content.
pub(super) type Chain = Result<Resolved, ChainError>;

/// Reads and merges all sources.
///
/// # Errors
/// A source that cannot be read; the chain itself tells what is wrong with what was read.
pub(super) fn read(sources: &Sources) -> Result<Chain, Finding> {
    let contents = sources.sources.iter().map(|source| content(source)).collect::<Result<Vec<_>, _>>()?;
    let texts = || contents.iter().flat_map(|content| if let Content::Texts(texts) = content { texts.as_slice() } else { &[] });
    let shape = sources.shape.map(shape_of).or_else(|| texts().find_map(|text| config::tell_shape(&text.name, &text.bytes)));
    let read: Vec<(Source, UserData)> = contents
        .iter()
        .flat_map(|content| match content {
            Content::EmptyDirectory => vec![(Source::EmptyDirectory, UserData::No)],
            Content::Texts(texts) => texts
                .iter()
                .map(|text| (Source::Read(Box::new(config::parse(&text.name, &text.bytes, shape, languages()))), text.user_data))
                .collect(),
        })
        .collect();
    Ok(chain::resolve(read, languages()))
}

fn shape_of(flag: ShapeFlag) -> Shape {
    match flag {
        ShapeFlag::Ec2 => Shape::Ec2,
        ShapeFlag::Hybrid => Shape::Hybrid,
    }
}

/// What is written inside documents in other languages.
pub(crate) fn languages() -> Languages<'static> {
    Languages {
        cel: &|text| max_pods::cel::check(text).map_err(|error| error.to_string()),
        toml: &|base, over| containerd::merge(base, over).map_err(|error| error.to_string()),
    }
}

fn content(source: &str) -> Result<Content, Finding> {
    match source.split_once("://") {
        _ if source == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable("-", &error))?;
            one("standard input", bytes)
        }
        Some(("imds", "user-data")) => user_data(),
        Some(("file", path)) => below(Path::new(path)),
        Some((scheme, _)) => Err(Finding::error("source.scheme", source, format!("unsupported scheme: {scheme}")).fix(FORMS)),
        None => Err(Finding::error("source.scheme", source, "a source has a scheme").fix(match Path::new(source).exists() {
            true => format!("write file://{source}"),
            false => FORMS.to_owned(),
        })),
    }
}

const FORMS: &str = "write file://PATH for a file or a directory, imds://user-data, or - for standard input";

fn one(name: &str, bytes: Vec<u8>) -> Result<Content, Finding> {
    if bytes.len() as u64 > LARGEST {
        return Err(Finding::error("source.too-large", name, format!("is larger than {} MiB", LARGEST >> 20)).fix("it is no NodeConfig"));
    }
    Ok(Content::Texts(vec![Text { name: name.to_owned(), bytes, user_data: UserData::No }]))
}

fn file(path: &Path) -> Result<Text, Finding> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(&name, &error))?;
    match one(&name, bytes)? {
        Content::Texts(mut texts) => Ok(texts.remove(0)),
        Content::EmptyDirectory => unreachable!("one text was given"),
    }
}

fn below(path: &Path) -> Result<Content, Finding> {
    if !path.is_dir() {
        return Ok(Content::Texts(vec![file(path)?]));
    }
    let entries = fs::read_dir(path).map_err(|error| unreadable(&path.display().to_string(), &error))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_document(path)).collect();
    files.sort();
    if files.is_empty() {
        return Ok(Content::EmptyDirectory);
    }
    files.iter().map(|path| file(path)).collect::<Result<_, _>>().map(Content::Texts)
}

/// As nodeadm chooses in a directory: by the end of the name, whatever its case; directories below are left alone.
fn is_document(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    path.is_file() && matches!(ending.as_deref(), Some("yaml" | "yml" | "json"))
}

fn unreadable(name: &str, error: &std::io::Error) -> Finding {
    let fix = if error.kind() == std::io::ErrorKind::NotFound {
        "there is no such file: mind that file://etc/x is relative, file:///etc/x is not"
    } else {
        "make it readable, or name another source with -c"
    };
    Finding::error("source.unreadable", name, format!("cannot be read: {error}")).fix(fix)
}

fn user_data() -> Result<Content, Finding> {
    let name = "imds://user-data";
    let bytes = crate::runtime::block_on(async { Imds::open(&Metadata::from_env()).await?.user_data().await });
    let bytes = bytes.map_err(|error| Finding::error("imds.unreachable", name, hybridge_report::chain(&error)).fix(error.fix_on_node()))?;
    Ok(match bytes {
        Some(bytes) => Content::Texts(vec![Text { name: name.to_owned(), bytes, user_data: UserData::Yes }]),
        None => Content::EmptyDirectory,
    })
}
