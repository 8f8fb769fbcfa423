"""Temporary files without a name: when a process is killed, nothing of what customers sent is left."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler


@contextmanager
def nameless_file(content: Iterable[bytes | memoryview]) -> Iterator[Path]:
    """Where to open the file, for as long as the context lasts, in this process and in those that it starts with it."""
    with tempfile.TemporaryFile() as file:
        file.writelines(content)
        file.flush()
        yield Path(f"/dev/fd/{file.fileno()}")


class NamelessFileUploadHandler(FileUploadHandler):
    """Keeps a file that is too large for memory, as Django's TemporaryFileUploadHandler does under a name."""

    file: Any

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = UploadedFile(
            tempfile.TemporaryFile(),  # noqa: SIM115 (the request closes it)
            self.file_name,
            self.content_type,
            0,
            self.charset,
            self.content_type_extra,
        )

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        self.file.seek(0)
        self.file.size = file_size
        return self.file

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
