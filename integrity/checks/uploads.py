"""Imports: what came with a file ends, and leaves nothing lying about."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from crm.distribution.imports.models import KEEP_FILES, State, Upload, UploadPart
from crm.registry import modules
from integrity.check import Check, Look, literal, names_of, shared

CHECKS = [
    Check(
        "upload_stuck",
        _("A file that is stuck"),
        _("No import has neither run nor ended for longer than it may take, and nothing of a file is left behind."),
        {
            "": _("%(object)s is “%(actual)s” since %(expected)s."),
            "database": _("%(object)s is “%(actual)s”, and the databases that came with it are %(expected)s."),
            "module": _("%(object)s is for “%(actual)s”, which is no module."),
            "content": _("The content of %(object)s is not there any more, or was never needed: %(actual)s parts."),
        },
        applies=shared,
        decisions=("", "database", "module", "content"),
    ),
]

LIMIT = timedelta(hours=1)
"""A million rows take minutes, an interrupted import is taken up a minute later, and the third failure is the last."""

WAITS_FOR_TASKS = """
    EXISTS (SELECT 1 FROM django_q_schedule q WHERE q.func = 'crm.distribution.imports.tasks.resume_interrupted'
            AND q.next_run < now() - interval '5 minutes')
"""
"""Nobody has taken up anything yet since the computer was off; that it stays off schedule_missing says."""

FORGOTTEN = timedelta(days=2)
"""Housekeeping runs every night, and may miss one."""


def databases_of_uploads() -> str:
    """In SQL: of each database that came with a file, its module and the file."""
    return " UNION ALL ".join(
        "SELECT {module} AS module, d.upload_id FROM {databases} d WHERE d.upload_id IS NOT NULL".format(
            **names_of(module)
        )
        for module in modules()
    )


def looks() -> Iterator[Look]:
    known = ", ".join(literal(module.key) for module in modules())
    yield Look(
        ("upload_stuck",),
        None,
        f"""
        WITH came AS MATERIALIZED ({databases_of_uploads()}),
             content AS (SELECT upload_id, count(*) AS parts FROM "{UploadPart._meta.db_table}" GROUP BY 1),
             u AS (
                 SELECT u.*, coalesce(c.parts, 0) AS parts,
                        (SELECT count(*) FROM came WHERE came.upload_id = u.id AND came.module = u.module) AS here,
                        (SELECT count(*) FROM came WHERE came.upload_id = u.id AND came.module <> u.module) AS elsewhere
                 FROM "{Upload._meta.db_table}" u LEFT JOIN content c ON c.upload_id = u.id
             )
        SELECT 'upload_stuck', {literal(Upload._meta.label_lower)}, u.id, x.field, x.expected, x.actual, x.hint
        FROM u CROSS JOIN LATERAL (VALUES
            ('state', u.state_at::text, u.state, '',
             u.state IN ('{State.RECEIVED}', '{State.IMPORTING}')
             AND u.state_at < now() - interval '{LIMIT.total_seconds()} seconds' AND NOT {WAITS_FOR_TASKS}),
            ('database', u.here::text, u.state, 'database',
             u.elsewhere > 0 OR (u.state = '{State.IMPORTED}') <> (u.here = 1) OR u.here > 1),
            ('module', '', u.module, 'module', u.module NOT IN ({known})),
            ('parts', '', u.parts::text, 'content',
             u.parts = 0 AND u.file_size > 0 AND u.state IN ('{State.RECEIVED}', '{State.READY}', '{State.IMPORTING}')
             OR u.parts > 0 AND u.state IN ('{State.UNDONE}', '{State.FAILED}')
                AND u.state_at < now() - interval '{(KEEP_FILES + FORGOTTEN).total_seconds()} seconds')
        ) AS x (field, expected, actual, hint, broken)
        WHERE x.broken
        """,
    )
