// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest's root: a newc archive, made in memory.
//!
//! It is not compressed: unpacking costs the emulated CPU more than reading costs anybody.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cpio::newc::{Builder, ModeFileType, trailer};

use crate::error::{Error, Result};

enum Node {
    Directory,
    File { mode: u32, content: Vec<u8> },
    Symlink(String),
}

/// Paths are relative to the root; their folders come by themselves.
#[derive(Default)]
pub struct Initramfs {
    nodes: BTreeMap<PathBuf, Node>,
}

impl Initramfs {
    pub fn directory(&mut self, path: impl AsRef<Path>) {
        for folder in path
            .as_ref()
            .ancestors()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            self.nodes.entry(folder.into()).or_insert(Node::Directory);
        }
    }

    pub fn program(&mut self, path: impl AsRef<Path>, content: Vec<u8>) -> Result<()> {
        self.add(
            path.as_ref(),
            Node::File {
                mode: 0o755,
                content,
            },
        )
    }

    pub fn file(&mut self, path: impl AsRef<Path>, content: Vec<u8>) -> Result<()> {
        self.add(
            path.as_ref(),
            Node::File {
                mode: 0o644,
                content,
            },
        )
    }

    pub fn symlink(&mut self, path: impl AsRef<Path>, target: &str) -> Result<()> {
        self.add(path.as_ref(), Node::Symlink(target.into()))
    }

    fn add(&mut self, path: &Path, node: Node) -> Result<()> {
        if let Some(folder) = path.parent() {
            self.directory(folder);
        }
        match self.nodes.insert(path.into(), node) {
            None => Ok(()),
            Some(_) => Err(Error::Twice(path.into())),
        }
    }

    /// The archive. Folders come before what is in them: a path sorts before its extensions.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        for (inode, (path, node)) in (1..).zip(&self.nodes) {
            let (kind, mode, content) = match node {
                Node::Directory => (ModeFileType::Directory, 0o755, &[][..]),
                Node::File { mode, content } => (ModeFileType::Regular, *mode, &content[..]),
                Node::Symlink(target) => (ModeFileType::Symlink, 0o777, target.as_bytes()),
            };
            let size = u32::try_from(content.len()).map_err(|_| {
                io::Error::other(format!("{} is larger than newc allows", path.display()))
            })?;
            let mut entry = Builder::new(&path.to_string_lossy())
                .ino(inode)
                .nlink(1)
                .mode(mode)
                .set_mode_file_type(kind)
                .write(&mut to, size);
            entry.write_all(content)?;
            entry.finish()?;
        }
        trailer(to).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use cpio::newc::Reader;

    use super::*;

    /// Name, mode with type, content.
    fn read_back(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut entries = Vec::new();
        let mut rest = archive;
        loop {
            let mut reader = Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                return entries;
            }
            let (name, mode) = (reader.entry().name().to_string(), reader.entry().mode());
            let mut content = Vec::new();
            reader.read_to_end(&mut content).unwrap();
            entries.push((name, mode, content));
            rest = reader.finish().unwrap();
        }
    }

    #[test]
    fn archive_holds_what_was_put_in_with_folders_first() {
        let mut root = Initramfs::default();
        root.program("init", b"#!".to_vec()).unwrap();
        root.file("lib/firmware/demo.dtbo", vec![0xd0, 0x0d])
            .unwrap();
        root.symlink("bin/sh", "busybox").unwrap();
        root.directory("proc");
        let mut archive = Vec::new();
        root.write(&mut archive).unwrap();
        assert_eq!(
            read_back(&archive),
            [
                ("bin".into(), 0o040755, vec![]),
                ("bin/sh".into(), 0o120777, b"busybox".to_vec()),
                ("init".into(), 0o100755, b"#!".to_vec()),
                ("lib".into(), 0o040755, vec![]),
                ("lib/firmware".into(), 0o040755, vec![]),
                ("lib/firmware/demo.dtbo".into(), 0o100644, vec![0xd0, 0x0d]),
                ("proc".into(), 0o040755, vec![]),
            ]
        );
    }

    #[test]
    fn same_path_twice_is_an_error() {
        let mut root = Initramfs::default();
        root.file("usr/bin/x", vec![]).unwrap();
        assert!(
            matches!(root.file("usr/bin/x", vec![]), Err(Error::Twice(path)) if path == Path::new("usr/bin/x"))
        );
    }
}
