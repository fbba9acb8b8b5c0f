"""Where a batch goes: a folder of parts, or one file that parts beside it become."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO

from plotgenre.batch.forms import Form, kind_of
from plotgenre.batch.manifest import MANIFEST, Manifest
from plotgenre.batch.storage import Folder, LocalFolder, folder_at, is_address
from plotgenre.errors import BatchError

_PARTS = ".parts"


@dataclass(frozen=True, slots=True)
class Output:
    """Where parts are, and what they become.

    Parameters
    ----------
    folder
        Of the parts and the manifest.
    kind
        In which form rows are written.
    file
        The one file that the parts are joined to, if they are: then their folder goes.
    """

    folder: Folder
    kind: str
    file: Path | None

    @classmethod
    def at(cls, output: str, form: str) -> Output:
        """The output of a path or address, in a form as `forms.kind_of` takes it.

        Raises
        ------
        BatchError
            If the form contradicts the ending, or a single file is to be at an address.
        """
        address = is_address(output)
        kind, single = kind_of(output.partition("?")[0] if address else output, form)
        if not single:
            return cls(folder_at(output), kind, None)
        if address:
            raise BatchError(f"{output} is a single file at an address; expected a folder there")
        file = Path(output).expanduser().absolute()
        return cls(LocalFolder(file.with_name(file.name + _PARTS)), kind, file)

    def begun(self) -> Manifest | None:
        """What was begun here; None where nothing was, or all of it is in the file.

        Raises
        ------
        BatchError
            If something else stands here.
        """
        manifest = Manifest.load(self.folder)
        if manifest is not None or self.is_whole():
            return manifest
        if self.file is not None and self.file.is_dir():
            raise BatchError(f"{self.file} is a folder; expected a file, or a name without ending")
        if isinstance(self.folder, LocalFolder) and self.folder.path.is_file():
            raise BatchError(f"{self.folder.name} is a file; expected a folder, or a new name")
        if others := sorted(self.folder.names()):
            raise BatchError(
                f"{self.folder.name} holds {others[0]} and no manifest of a batch; expected a new "
                "or empty folder"
            )
        return None

    def is_whole(self) -> bool:
        """Whether the file is there and no part is left to be joined to it."""
        if self.file is None or not self.file.is_file() or MANIFEST in self.folder.names():
            return False
        # A kill while they were being removed may have left parts.
        rmtree(self.folder.name, ignore_errors=True)
        return True

    def tidy(self, manifest: Manifest) -> None:
        """Remove what is no part of the batch: halves of killed writers, parts begun again."""
        self.folder.tidy()
        for name in self.folder.names() - {MANIFEST, *map(manifest.name_of, manifest)}:
            self.folder.remove(name)

    def join(self, manifest: Manifest, form: Form) -> None:
        """Make one file of the parts, at once or not at all, and remove them.

        They stay where an input could not be read, so that it alone need be read again.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        if self.file is None or not any(manifest):
            return
        # Among the parts, whose folder goes: a kill leaves no half of the file beside it.
        with tempfile.TemporaryDirectory(dir=self.folder.name, prefix=".joined-") as room:
            unfinished = Path(room) / self.file.name
            with unfinished.open("wb") as out:
                form.join(self._parts(manifest), out)
                out.flush()
                os.fsync(out.fileno())
            unfinished.replace(self.file)
        if not manifest.unreadable():
            # Without its manifest the folder is rubbish: a kill from here on loses nothing.
            self.folder.remove(MANIFEST)
            rmtree(self.folder.name)

    def _parts(self, manifest: Manifest) -> Iterator[BinaryIO]:
        for part in manifest:
            with self.folder.open(manifest.name_of(part)) as file:
                yield file
