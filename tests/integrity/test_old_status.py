"""Old data: a record with the deprecated status counts visibly on every page where admins see statuses counted."""

import re

import pytest
from django.urls import reverse

from tests.distribution.sql import run

pytestmark = pytest.mark.django_db


def numbers(page: str, figure: str) -> set[int]:
    return {int(found) for found in re.findall(rf'data-figure="{figure}"[^>]* data-value="(\d+)"', page)}


def test_the_old_status_is_counted_wherever_statuses_are(desk, batches, module):
    batch = batches[module.key]
    pages = {
        reverse("overview"): "module.invalid",
        reverse("databases", args=[module]): "database.invalid",
        batch.database.get_absolute_url(): "database.invalid",
        reverse("batches", args=[module]): "batch.invalid",
        batch.get_absolute_url(): "batch.invalid",
    }
    for url, figure in pages.items():
        assert not numbers(desk.get(url).content.decode(), f"{module.key}.{figure}"), url
    old = batch.records.order_by("pk").first()
    run(f"UPDATE {module.key}_record SET status = 'invalid' WHERE id = %s", old.pk)
    for url, figure in pages.items():
        page = desk.get(url).content.decode()
        assert numbers(page, f"{module.key}.{figure}") == {1}, url
        assert "old status" in page.lower(), url
    listed = desk.get(batch.database.get_absolute_url() + "?status=invalid").content.decode()
    assert old.customer_id in listed
