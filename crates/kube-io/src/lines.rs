//! A watch's body: one JSON document a line.

use std::time::Duration;

use http_body_util::BodyExt;
use kube::client::Body;
use tokio::time::timeout;

use crate::error::CallErrorKind;
use crate::request::transport;

/// Lines of a body that goes on for long.
pub(crate) struct Lines {
    body: Body,
    buffer: Vec<u8>,
    /// So much of `buffer` holds no line end.
    searched: usize,
}

impl Lines {
    pub(crate) fn new(body: Body) -> Self {
        Self { body, buffer: Vec::new(), searched: 0 }
    }

    /// The next line, or `None` at the end of the body. An unfinished last line is dropped: its sender will send it again.
    ///
    /// # Errors
    /// `Timeout` after `silence` without a byte, `Broken` where the connection ends before the body does.
    pub(crate) async fn next(&mut self, silence: Duration) -> Result<Option<Vec<u8>>, CallErrorKind> {
        loop {
            if let Some(end) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(self.searched + end + 1);
                self.searched = 0;
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            self.searched = self.buffer.len();
            let frame = timeout(silence, self.body.frame()).await.map_err(|_| CallErrorKind::Timeout(silence))?;
            match frame {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.map_err(transport)?.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_cut_wherever_the_network_cut_the_bytes() {
        let mut lines = Lines::new(Body::from(b"one\ntwo\n\nunfinished".to_vec()));
        let mut seen = Vec::new();
        while let Some(line) = lines.next(Duration::from_secs(1)).await.unwrap() {
            seen.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(seen, ["one\n", "two\n", "\n"]);
    }
}
