//! Archives on their way to another machine, compressed with gzip: engines unpack both kinds.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;
use futures_util::stream;

use crate::engine::ByteStream;

/// How much is compressed before it is sent, in bytes.
const PIECE: usize = 64 * 1024;

/// The archive, compressed as fast as possible: source shrinks to a third even so, and the engine unpacks it no faster
/// than this machine compresses.
pub(super) fn gzip(archive: ByteStream) -> ByteStream {
    let encoder = GzEncoder::new(Vec::with_capacity(2 * PIECE), Compression::fast());
    let pieces = stream::unfold(Some((archive, encoder)), async |state| {
        let (mut archive, mut encoder) = state?;
        loop {
            let written = match archive.next().await {
                Some(Ok(bytes)) => encoder.write_all(&bytes),
                Some(Err(err)) => Err(err),
                None => return Some((encoder.finish().map(Bytes::from), None)),
            };
            if let Err(err) = written {
                return Some((Err(err), None));
            }
            if encoder.get_ref().len() >= PIECE {
                let piece = std::mem::replace(encoder.get_mut(), Vec::with_capacity(2 * PIECE));
                return Some((Ok(Bytes::from(piece)), Some((archive, encoder))));
            }
        }
    });
    Box::pin(pieces) as ByteStream
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use flate2::read::GzDecoder;

    use super::*;

    async fn compressed(pieces: Vec<io::Result<Bytes>>) -> Vec<io::Result<Bytes>> {
        gzip(Box::pin(stream::iter(pieces))).collect().await
    }

    #[tokio::test]
    async fn everything_arrives_smaller() {
        // Digits in no order: they compress to less than half.
        let text: Vec<u8> = (0..100_000_u32)
            .flat_map(|number| number.wrapping_mul(2_654_435_761).to_string().into_bytes())
            .collect();
        let pieces = text.chunks(100_000);
        let pieces = pieces.map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let sent = compressed(pieces.collect()).await;
        assert!(sent.len() > 3, "{}", sent.len());
        let sent: Vec<u8> = sent.into_iter().flat_map(Result::unwrap).collect();
        assert!(sent.len() < text.len() / 3 * 2, "{}", sent.len());
        let mut got = Vec::new();
        GzDecoder::new(sent.as_slice())
            .read_to_end(&mut got)
            .unwrap();
        assert!(got == text);
    }

    #[tokio::test]
    async fn an_archive_that_cannot_be_read_ends_with_its_error() {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let sent = compressed(vec![Ok(Bytes::from_static(b"x")), Err(gone())]).await;
        let last = sent
            .last()
            .map(|last| last.as_ref().map_err(io::Error::kind));
        assert_eq!(sent.len(), 1);
        assert!(matches!(last, Some(Err(io::ErrorKind::NotFound))));
    }
}
