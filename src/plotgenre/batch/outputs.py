"""Where a batch goes: a folder of parts, or one file that parts beside it become."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from plotgenre.batch.forms import Form, kind_of
from plotgenre.batch.lock import locked
from plotgenre.batch.manifest import MANIFEST, Manifest
from plotgenre.batch.parts import Part, sha256_of
from plotgenre.batch.storage import (
    Folder,
    LocalFolder,
    below,
    folder_at,
    is_address,
    local_path,
    unfinished_name,
)
from plotgenre.errors import BatchError

_PARTS = ".parts"
_PART_NAME = re.compile(r"part-\d{5,}-\d{6,}\.(jsonl|csv|parquet)")


@dataclass(frozen=True, slots=True)
class Output:
    """Where parts are, and what they become.

    Nothing is removed or replaced but files whose names and contents a manifest records, and
    unfinished ones of killed runs.

    Parameters
    ----------
    name
        What the command calls it.
    folder
        Of the parts and the manifest.
    kind
        In which form rows are written.
    file
        The one file that the parts are joined to, if they are: then their folder goes, and a
        manifest beside the file tells what it was made of.
    """

    name: str
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
            return cls(output, folder_at(output), kind, None)
        file = None if address else local_path(output)
        if file is None:
            raise BatchError(f"{output} is a single file at an address; expected a folder there")
        return cls(output, LocalFolder(file.with_name(file.name + _PARTS)), kind, file)

    @property
    def places(self) -> tuple[str, ...]:
        """Paths or addresses of all files and folders that the batch writes."""
        if self.file is None:
            return (self.folder.name,)
        beside, name = self._beside(self.file)
        return self.folder.name, str(self.file), str(beside.path / name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the output against other runs, and remove what killed ones left unfinished.

        At an address of another machine nothing is held.

        Raises
        ------
        BatchError
            If another run holds it; says which.
        """
        path = local_path(self.folder.name)
        if path is None:
            yield
            return
        with locked(path):
            self.folder.tidy()
            yield

    def begun(self, force: bool) -> tuple[Manifest | None, bool]:
        """What was begun here, and whether it is done and all of it is in the file.

        Raises
        ------
        BatchError
            If something else stands here; with ``force`` only if it could not be replaced.
        """
        manifest, beside = self._manifests()
        if self.file is not None and self.file.exists():
            if self.file.is_dir():
                raise BatchError(
                    f"{self.file} is a folder; expected a file, or a name without ending"
                )
            if not self.file.is_file():
                raise BatchError(f"{self.file} is no regular file; expected one, or a new name")
            joined = _sha256(self.file)
            if manifest is None and beside is not None and joined in beside.joined:
                # Without its parts nothing can be added to it.
                return (None, False) if beside.unreadable() else (beside, True)
            if not force:
                self._refuse_foreign(manifest, beside)
        if (path := local_path(self.folder.name)) is not None and path.is_file():
            raise BatchError(f"{self.folder.name} is a file; expected a folder, or a new name")
        if manifest is None and not force and (others := sorted(self.folder.sizes())):
            raise BatchError(
                f"{self.folder.name} holds {others[0]} and no manifest of a batch; expected a new "
                "or empty folder, or --force to write there all the same"
            )
        return manifest, False

    def wrote(self, location: str) -> bool:
        """Whether a file is, unchanged, what a run of the batch has written there."""
        known = [one for one in self._manifests() if one is not None]
        if self.file is not None and location == str(self.file):
            joined = _sha256(self.file)
            return any(joined in one.joined for one in known)
        if known and location in (*self.places[2:], self._at(MANIFEST)):
            return True
        return any(
            location == self._at(one.name_of(part)) and self._is_there(one, part)
            for one in known
            for part in one
        )

    def lost(self, manifest: Manifest) -> list[Part]:
        """Parts that are not there as they were written: gone, cut or changed.

        On this machine they are read; at an address their sizes are compared.
        """
        sizes = self.folder.sizes()
        return [
            part
            for part in manifest
            if sizes.get(manifest.name_of(part)) != part.bytes
            or (isinstance(self.folder, LocalFolder) and not self._is_there(manifest, part))
        ]

    def remove(self, manifest: Manifest, parts: list[Part]) -> None:
        """Remove parts, those left out that are not as they were written."""
        for part in parts:
            if self._is_there(manifest, part):
                self.folder.remove(manifest.name_of(part))

    def check(self, manifest: Manifest) -> None:
        """Raise BatchError if parts are missing, or other files would be read as parts."""
        if lost := self.lost(manifest):
            raise self._lost(manifest, lost[0])
        names = {*map(manifest.name_of, manifest)}
        strays = sorted(filter(_PART_NAME.fullmatch, self.folder.sizes().keys() - names))
        if strays:
            raise BatchError(
                f"{self.folder.name} holds {strays[0]}, which would be read as a part of the batch "
                "and is none; expected it elsewhere"
            )

    def join(self, manifest: Manifest, form: Form, force: bool) -> None:
        """Make one file of the parts, at once or not at all, and remove them.

        They stay where an input could not be read, so that it alone need be read again.

        Raises
        ------
        BatchError
            If a part was changed, or somebody else's file has come to the place.
        OSError
            If the file cannot be written.
        """
        if self.file is None or (manifest.unreadable() and not any(manifest)):
            return
        # Among the parts, whose folder goes: a kill leaves no half of the file beside it.
        unfinished = Path(self.folder.name) / unfinished_name()
        try:
            with unfinished.open("xb") as out:
                form.join(self._parts(manifest), out)
                out.flush()
                os.fsync(out.fileno())
            if not force:
                self._refuse_foreign(*self._manifests())
            # Recorded before it is there, so that it is known as this batch's whenever it is.
            manifest.joined = [*manifest.joined, _sha256(unfinished)]
            manifest.save(self.folder)
            unfinished.replace(self.file)
        finally:
            unfinished.unlink(missing_ok=True)
        manifest.joined = manifest.joined[-1:]
        manifest.save(*self._beside(self.file))
        if not manifest.unreadable():
            # The manifest first: from here on the one beside the file counts.
            self.folder.remove(MANIFEST)
            self.remove(manifest, [*manifest])

    def _manifests(self) -> tuple[Manifest | None, Manifest | None]:
        """Those among the parts and beside the file."""
        # In this order, since a run that ends writes the other one before it removes the first.
        among = Manifest.load(self.folder)
        return among, None if self.file is None else Manifest.load(*self._beside(self.file))

    def _beside(self, file: Path) -> tuple[LocalFolder, str]:
        # Readers of a folder as one table pass over what begins so.
        return LocalFolder(file.parent), f"_{file.name}.manifest.json"

    def _refuse_foreign(self, *manifests: Manifest | None) -> None:
        if self.file is None or not self.file.exists():
            return
        joined = _sha256(self.file)
        if not any(joined in one.joined for one in manifests if one is not None):
            raise BatchError(
                f"{self.file} is there and is not what this batch has written; expected another "
                "name, or --force to replace it"
            )

    def _lost(self, manifest: Manifest, part: Part) -> BatchError:
        return BatchError(
            f"{self.folder.name}/{manifest.name_of(part)} was lost or changed after it was "
            "written; the same command makes it again"
        )

    def _is_there(self, manifest: Manifest, part: Part) -> bool:
        data = self.folder.read(manifest.name_of(part))
        return data is not None and sha256_of(data) == part.sha256

    def _at(self, name: str) -> str:
        place = self.folder.name
        return below(place, name) if is_address(place) else f"{place}/{name}"

    def _parts(self, manifest: Manifest) -> Iterator[BinaryIO]:
        for part in manifest:
            data = self.folder.read(manifest.name_of(part))
            if data is None or sha256_of(data) != part.sha256:
                raise self._lost(manifest, part)
            yield io.BytesIO(data)


def _sha256(path: Path) -> str:
    facts = path.stat()
    return _sha256_of(path, facts.st_ino, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=4)
def _sha256_of(path: Path, *_facts: int) -> str:
    # Asked several times a run, of a file that may be large.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
