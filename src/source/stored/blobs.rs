//! The bytes that Git stores, for an archive.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout};

use super::super::git::Git;
use super::super::hash::Hash;
use super::super::listing::os_path;
use super::repository::{Repository, hex};
use super::{below, repository_of};

/// One Git process for each repository that has files.
#[derive(Debug, Default)]
pub(in super::super) struct Blobs {
    root: PathBuf,
    readers: HashMap<Vec<u8>, Reader>,
}

impl Blobs {
    /// Opens the processes for these files, each with its id; objects that Git does not have yet are stored first.
    pub(in super::super) fn open(
        git: &Git,
        root: &Path,
        wanted: &[(Vec<u8>, Hash)],
    ) -> io::Result<Blobs> {
        let mut blobs = Blobs {
            root: root.to_owned(),
            readers: HashMap::new(),
        };
        let mut known = HashMap::new();
        let mut repositories: BTreeMap<&[u8], Vec<(&[u8], Hash)>> = BTreeMap::new();
        for (path, hash) in wanted {
            let repository = repository_of(root, path, &mut known);
            let all = repositories.entry(repository).or_default();
            all.push((below(path, repository), *hash));
        }
        for (prefix, files) in repositories {
            let place = root.join(os_path(prefix));
            let repository = Repository::open(git, &place).map_err(io::Error::other)?;
            let ids: Vec<Hash> = files.iter().map(|(_, hash)| *hash).collect();
            let there = repository.sizes(&ids).map_err(io::Error::other)?;
            let missing: Vec<&[u8]> = files
                .iter()
                .filter(|(_, hash)| !there.contains_key(hash))
                .map(|(path, _)| *path)
                .collect();
            if !missing.is_empty() {
                repository.store(&missing);
            }
            blobs
                .readers
                .insert(prefix.to_vec(), Reader::start(repository)?);
        }
        Ok(blobs)
    }

    /// The size of a file and its bytes, which must be read to the end.
    pub(in super::super) fn read(
        &mut self,
        path: &[u8],
        hash: &Hash,
    ) -> io::Result<(u64, &mut dyn Read)> {
        let mut known = HashMap::new();
        let prefix = repository_of(&self.root, path, &mut known);
        let reader = self.readers.get_mut(prefix);
        let reader =
            reader.ok_or_else(|| io::Error::other("its repository is not there any more"))?;
        let size = reader.ask(hash)?;
        Ok((size, &mut reader.output))
    }

    /// Ends the bytes of a file.
    pub(in super::super) fn end(&mut self, path: &[u8]) -> io::Result<()> {
        let mut known = HashMap::new();
        let prefix = repository_of(&self.root, path, &mut known);
        match self.readers.get_mut(prefix) {
            Some(reader) => reader.output.read_exact(&mut [0]),
            None => Ok(()),
        }
    }
}

/// A `git cat-file --batch`.
#[derive(Debug)]
struct Reader {
    process: Child,
    /// `None` once it is to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Holds what only this process has.
    _repository: Repository,
}

impl Reader {
    fn start(repository: Repository) -> io::Result<Reader> {
        let mut process = repository.batch().spawn()?;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let input = process.stdin.take().ok_or_else(gone)?;
        let output = process.stdout.take().ok_or_else(gone)?;
        Ok(Reader {
            process,
            input: Some(input),
            output: BufReader::with_capacity(super::super::hash::PIECE, output),
            _repository: repository,
        })
    }

    fn ask(&mut self, hash: &Hash) -> io::Result<u64> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let input = self.input.as_mut().ok_or_else(gone)?;
        input.write_all(format!("{}\n", hex(hash)).as_bytes())?;
        input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim_end().split(' ').collect::<Vec<_>>().as_slice() {
            [_, "blob", size] => size.parse().map_err(io::Error::other),
            _ => Err(io::Error::other("it changed while it was being packed")),
        }
    }
}

impl Drop for Reader {
    /// Without input it ends by itself; it is waited for so that no dead process stays.
    fn drop(&mut self) {
        self.input = None;
        let _ = self.process.wait();
    }
}
