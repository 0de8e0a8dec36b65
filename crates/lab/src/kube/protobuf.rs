//! Reading Leases and Events in protobuf, the form in which controller-runtime writes them; answers are JSON all the same.
//!
//! Wire format: <https://protobuf.dev/programming-guides/encoding/>. Envelope and field numbers: `generated.proto` of
//! `k8s.io/apimachinery` and `k8s.io/api` 0.34. Fields that these tables lack are dropped.

use serde_json::{Map, Value, json};

use super::kind::Kind;

/// First bytes of every Kubernetes object in protobuf.
const MAGIC: &[u8] = b"k8s\0";

/// Bytes that are no object of the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is no object in protobuf")]
pub(super) struct Malformed;

/// The messages that are known.
#[derive(Clone, Copy, Debug)]
enum Message {
    Lease,
    LeaseSpec,
    Event,
    EventSeries,
    EventSource,
    ObjectReference,
    ObjectMeta,
    OwnerReference,
}

/// How a field is encoded, and what it is in JSON.
#[derive(Clone, Copy, Debug)]
enum Sort {
    Text,
    Number,
    Flag,
    /// Whole seconds in JSON.
    Time,
    /// Six digits of a second in JSON.
    MicroTime,
    Of(Message),
    Texts,
    List(Message),
    /// A map from text to text.
    Labels,
}

/// Number, name in JSON and sort of a field.
type Field = (u64, &'static str, Sort);

/// Fields of [`Message::ObjectMeta`].
const METADATA: &[Field] = &[
    (1, "name", Sort::Text),
    (2, "generateName", Sort::Text),
    (3, "namespace", Sort::Text),
    (5, "uid", Sort::Text),
    (6, "resourceVersion", Sort::Text),
    (7, "generation", Sort::Number),
    (8, "creationTimestamp", Sort::Time),
    (11, "labels", Sort::Labels),
    (12, "annotations", Sort::Labels),
    (13, "ownerReferences", Sort::List(Message::OwnerReference)),
    (14, "finalizers", Sort::Texts),
];

/// Whether objects of the kind can be read.
pub(super) fn understands(kind: Kind) -> bool {
    root(kind).is_some()
}

/// The object in JSON.
///
/// # Errors
/// The bytes are no object of this kind.
pub(super) fn decode(kind: Kind, bytes: &[u8]) -> Result<Value, Malformed> {
    let message = root(kind).ok_or(Malformed)?;
    let mut envelope = Fields(bytes.strip_prefix(MAGIC).ok_or(Malformed)?);
    // runtime.Unknown: typeMeta = 1, raw = 2.
    let mut object = Value::Null;
    while let Some((number, wire)) = envelope.next()? {
        if let (2, Wire::Bytes(raw)) = (number, wire) {
            object = message_value(message, raw)?;
        }
    }
    if !object.is_object() {
        return Err(Malformed);
    }
    object["apiVersion"] = kind.api_version().into();
    object["kind"] = kind.kind().into();
    Ok(object)
}

fn root(kind: Kind) -> Option<Message> {
    match kind {
        Kind::Lease => Some(Message::Lease),
        Kind::Event => Some(Message::Event),
        Kind::CiliumNode | Kind::CiliumVtepConfig | Kind::ConfigMap | Kind::Node | Kind::Secret => None,
    }
}

impl Message {
    fn field(self, number: u64) -> Option<(&'static str, Sort)> {
        let fields: &[Field] = match self {
            Self::Lease => &[(1, "metadata", Sort::Of(Self::ObjectMeta)), (2, "spec", Sort::Of(Self::LeaseSpec))],
            Self::LeaseSpec => &[
                (1, "holderIdentity", Sort::Text),
                (2, "leaseDurationSeconds", Sort::Number),
                (3, "acquireTime", Sort::MicroTime),
                (4, "renewTime", Sort::MicroTime),
                (5, "leaseTransitions", Sort::Number),
            ],
            Self::Event => &[
                (1, "metadata", Sort::Of(Self::ObjectMeta)),
                (2, "involvedObject", Sort::Of(Self::ObjectReference)),
                (3, "reason", Sort::Text),
                (4, "message", Sort::Text),
                (5, "source", Sort::Of(Self::EventSource)),
                (6, "firstTimestamp", Sort::Time),
                (7, "lastTimestamp", Sort::Time),
                (8, "count", Sort::Number),
                (9, "type", Sort::Text),
                (10, "eventTime", Sort::MicroTime),
                (11, "series", Sort::Of(Self::EventSeries)),
                (12, "action", Sort::Text),
                (13, "related", Sort::Of(Self::ObjectReference)),
                (14, "reportingComponent", Sort::Text),
                (15, "reportingInstance", Sort::Text),
            ],
            Self::EventSeries => &[(1, "count", Sort::Number), (2, "lastObservedTime", Sort::MicroTime)],
            Self::EventSource => &[(1, "component", Sort::Text), (2, "host", Sort::Text)],
            Self::ObjectReference => &[
                (1, "kind", Sort::Text),
                (2, "namespace", Sort::Text),
                (3, "name", Sort::Text),
                (4, "uid", Sort::Text),
                (5, "apiVersion", Sort::Text),
                (6, "resourceVersion", Sort::Text),
                (7, "fieldPath", Sort::Text),
            ],
            Self::ObjectMeta => METADATA,
            Self::OwnerReference => &[
                (1, "kind", Sort::Text),
                (3, "name", Sort::Text),
                (4, "uid", Sort::Text),
                (5, "apiVersion", Sort::Text),
                (6, "controller", Sort::Flag),
                (7, "blockOwnerDeletion", Sort::Flag),
            ],
        };
        fields.iter().find(|(n, ..)| *n == number).map(|(_, name, sort)| (*name, *sort))
    }

    /// Whether zero and empty text mean something: they do where Go has pointers.
    fn keeps_zero(self) -> bool {
        match self {
            Self::LeaseSpec => true,
            Self::Lease
            | Self::Event
            | Self::EventSeries
            | Self::EventSource
            | Self::ObjectReference
            | Self::ObjectMeta
            | Self::OwnerReference => false,
        }
    }
}

fn message_value(message: Message, bytes: &[u8]) -> Result<Value, Malformed> {
    let mut object = Map::new();
    let mut fields = Fields(bytes);
    while let Some((number, wire)) = fields.next()? {
        let Some((name, sort)) = message.field(number) else { continue };
        match sort {
            Sort::Texts => push(&mut object, name, wire.text()?.into())?,
            Sort::List(of) => push(&mut object, name, message_value(of, wire.bytes()?)?)?,
            Sort::Labels => {
                let (key, value) = label(wire.bytes()?)?;
                let map = object.entry(name).or_insert_with(|| json!({}));
                map[key] = value.into();
            }
            Sort::Text | Sort::Number | Sort::Flag | Sort::Time | Sort::MicroTime | Sort::Of(_) => {
                let value = single(sort, wire)?;
                let zero = value == "" || value == 0 || value.is_null();
                if !zero || (message.keeps_zero() && !value.is_null()) {
                    object.insert(name.to_owned(), value);
                }
            }
        }
    }
    Ok(Value::Object(object))
}

fn single(sort: Sort, wire: Wire<'_>) -> Result<Value, Malformed> {
    Ok(match sort {
        Sort::Text => wire.text()?.into(),
        // Negative numbers are sign-extended to 64 bits.
        Sort::Number => wire.number()?.cast_signed().into(),
        Sort::Flag => (wire.number()? != 0).into(),
        Sort::Time => time(wire.bytes()?, 0)?,
        Sort::MicroTime => time(wire.bytes()?, 6)?,
        Sort::Of(message) | Sort::List(message) => message_value(message, wire.bytes()?)?,
        Sort::Texts | Sort::Labels => return Err(Malformed),
    })
}

fn push(object: &mut Map<String, Value>, name: &str, value: Value) -> Result<(), Malformed> {
    object.entry(name).or_insert_with(|| json!([])).as_array_mut().ok_or(Malformed)?.push(value);
    Ok(())
}

/// seconds = 1, nanos = 2; the zero time is written as an empty message.
fn time(bytes: &[u8], digits: usize) -> Result<Value, Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut fields = Fields(bytes);
    while let Some((number, wire)) = fields.next()? {
        match number {
            1 => seconds = wire.number()?.cast_signed(),
            2 => nanos = i32::try_from(wire.number()?).map_err(|_| Malformed)?,
            _ => {}
        }
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let time = jiff::Timestamp::new(seconds, nanos).map_err(|_| Malformed)?;
    Ok(format!("{time:.digits$}").into())
}

fn label(bytes: &[u8]) -> Result<(&str, &str), Malformed> {
    let (mut key, mut value) = ("", "");
    let mut fields = Fields(bytes);
    while let Some((number, wire)) = fields.next()? {
        match number {
            1 => key = wire.text()?,
            2 => value = wire.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// A field's content as it is on the wire.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn number(self) -> Result<u64, Malformed> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) => Err(Malformed),
        }
    }

    fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(Malformed),
        }
    }

    fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }
}

/// The fields of a message, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
                self.0 = rest;
                Wire::Bytes(bytes)
            }
            // Fixed-width numbers and groups occur in none of the messages above.
            _ => return Err(Malformed),
        };
        Ok(Some((tag >> 3, wire)))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A field of bytes.
    fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        field.extend_from_slice(content);
        field
    }

    fn object(content: &[u8]) -> Vec<u8> {
        [MAGIC, &bytes(1, b""), &bytes(2, content), &bytes(3, b""), &bytes(4, b"")].concat()
    }

    #[test]
    fn a_lease_is_read_with_its_empty_holder() {
        let label = [bytes(1, b"k"), bytes(2, b"v")].concat();
        let metadata = [bytes(1, b"leader"), bytes(5, b""), bytes(8, b""), bytes(11, &label)].concat();
        // 1767323045 s = 2026-01-02T03:04:05Z; 120,000 ns.
        let time = [&[0x08][..], &[0xa5, 0xeb, 0xdc, 0xca, 0x06], &[0x10, 0xc0, 0xa9, 0x07]].concat();
        let spec = [bytes(1, b""), vec![0x10, 3], bytes(4, &time), vec![0x28, 0]].concat();
        let lease = decode(Kind::Lease, &object(&[bytes(1, &metadata), bytes(2, &spec)].concat())).unwrap();
        let wanted = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "leader", "labels": {"k": "v"}},
            "spec": {
                "holderIdentity": "",
                "leaseDurationSeconds": 3,
                "renewTime": "2026-01-02T03:04:05.000120Z",
                "leaseTransitions": 0,
            },
        });
        assert_eq!(lease, wanted);
    }

    #[test]
    fn other_kinds_and_other_bytes_are_refused() {
        assert_eq!(decode(Kind::Secret, &object(b"")), Err(Malformed));
        for bytes in [&b""[..], b"{}", b"k8s\0", b"k8s\0\x12\x05ab", b"k8s\0\x12\x02\x0d\x00", b"k8s\0\x12\x03\x0a\x01\xff"] {
            assert_eq!(decode(Kind::Lease, bytes), Err(Malformed), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(content: Vec<u8>) {
            let _ = decode(Kind::Event, &[MAGIC, &content].concat());
        }
    }
}
