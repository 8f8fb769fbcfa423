"""Imports a customer list from a file."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from crm.distribution.imports.mapping import Mapping
from crm.distribution.imports.models import NAME_MAX_LENGTH, Upload
from crm.distribution.imports.reading import UnreadableFile
from crm.distribution.imports.uploads import import_upload, receive_upload
from crm.errors import Refused
from crm.products.models import Product
from crm.registry import get_module, modules


class Command(BaseCommand):
    help = "Imports a customer list. Exits 1, with the reason and nothing kept, when the file cannot be imported."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, XLSX, XLS or ODS")
        parser.add_argument("--module", required=True, choices=[module.key for module in modules()])
        parser.add_argument("--product", required=True, help="the product's name")
        parser.add_argument("--name", help="the database's name; the file's name without it")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *, file: Path, module: str, product: str, name: str | None, **options: Any) -> None:
        try:
            with transaction.atomic():
                result = self._import(file, module, product, file.stem[:NAME_MAX_LENGTH] if name is None else name)
        except (Refused, UnreadableFile, OSError) as error:
            raise CommandError(str(error), returncode=1) from error
        self.stdout.write(_as_json(result) if options["json"] else _as_text(result))

    def _import(self, file: Path, module: str, product_name: str, name: str) -> dict[str, Any]:
        product = Product.objects.filter(name__iexact=product_name).first()
        if product is None:
            raise Refused(f"There is no product {product_name!r}. Add it with: manage.py add_product {product_name!r}")
        with file.open("rb") as content:
            upload = receive_upload(
                module=get_module(module),
                product=product,
                name=name,
                file_name=file.name,
                content=iter(lambda: content.read(1_000_000), b""),
                by=None,
            )
        for earlier in Upload.objects.imported_before(upload.content_hash):
            self.stderr.write(f"Note: the same file was imported as {earlier.name!r} on {earlier.state_at:%Y-%m-%d}.")
        database = import_upload(upload, by=None)
        upload.refresh_from_db()
        report = upload.report or {}
        mapping = Mapping.from_dict(upload.mapping).as_headers(upload.headers)
        keys = ("file_rows", "accepted", "duplicates", "rejected", "blank", "above_header", "hidden", "reserved")
        counts = {key: report[key] for key in keys}
        more = {"elsewhere": report["elsewhere_rows"], "notes": report["notes"], "mapping": mapping}
        return {"database": database.pk, **counts, **more}


def _as_json(result: dict[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=False)


def _as_text(result: dict[str, Any]) -> str:
    columns = ", ".join(f"{field} = “{header}”" for field, header in result["mapping"].items())
    return (
        f"Database {result['database']}: {result['accepted']} of {result['file_rows']} rows imported,"
        f" {result['duplicates']} duplicates, {result['rejected']} rejected, {result['blank']} blank,"
        f" {result['above_header']} above the header,"
        f" {result['hidden']} hidden; of those imported {result['elsewhere']} already elsewhere,"
        f" {result['reserved']} reserved; {columns}." + "".join(f"\nNote: {note}" for note in result["notes"])
    )
