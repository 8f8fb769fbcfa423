"""What PostgreSQL's catalogue has for the tables of a schema, and what it would have if it were as the models say.

Both are read by the same query, so that they can be compared word by word: PostgreSQL itself has put them into words.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pgtrigger
from django.apps import apps
from django.db import connection, connections
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from pghistory.models import Context

from crm.registry import modules
from integrity.guards.items import NOT_VALID, Item, creation, removal

ALIAS = "declared"

# Where the application works: what its names mean to it, whatever else is in the search path.
_SCHEMA = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('django_migrations')"

_STRANGERS = """
SELECT t.name FROM unnest(%(tables)s::text[]) AS t (name)
JOIN pg_class c ON c.oid = to_regclass(quote_ident(t.name))
WHERE c.relnamespace <> %(schema)s::regnamespace
"""

_CATALOGUE = """
WITH here AS MATERIALIZED (
    SELECT c.oid, c.relname::text AS name FROM pg_class c
    WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r'
      AND (%(tables)s::text[] IS NULL OR c.relname = ANY (%(tables)s::text[]))
),
constraints AS MATERIALIZED (
    SELECT c.*, here.name AS table_name FROM pg_constraint c JOIN here ON here.oid = c.conrelid
),
switches AS MATERIALIZED (
    SELECT t.tgconstraint, jsonb_object_agg(p.proname, t.tgenabled) AS switches
    FROM pg_trigger t JOIN constraints c ON c.oid = t.tgconstraint JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE c.contype = 'f' GROUP BY 1
)
SELECT c.table_name,
       CASE c.contype WHEN 'c' THEN 'check' WHEN 'p' THEN 'primary key'
                      WHEN 'f' THEN CASE cardinality(c.conkey) WHEN 1 THEN 'foreign key' ELSE 'composite key' END
                      ELSE 'unique' END,
       c.conname::text,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k(number, place)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place),
       pg_get_constraintdef(c.oid)
           || CASE WHEN c.contype <> 'f' AND NOT i.indisvalid THEN %(not_valid)s ELSE '' END,
       s.switches, NULL
FROM constraints c
LEFT JOIN switches s ON s.tgconstraint = c.oid
LEFT JOIN pg_index i ON i.indexrelid = c.conindid
WHERE c.contype IN ('c', 'p', 'u', 'x', 'f')
UNION ALL
SELECT here.name, CASE WHEN i.indisunique THEN 'unique' ELSE 'index' END, c.relname::text, '{}',
       replace(pg_get_indexdef(c.oid), format(' ON %%I.', %(schema)s), ' ON ')
           || CASE WHEN i.indisvalid THEN '' ELSE %(not_valid)s END,
       NULL, NULL
FROM here JOIN pg_index i ON i.indrelid = here.oid JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT EXISTS (
    SELECT FROM pg_constraint o
    WHERE o.conrelid = here.oid AND o.conindid = c.oid AND o.contype IN ('p', 'u', 'x')
)
UNION ALL
SELECT here.name, 'not null', a.attname::text, ARRAY[a.attname::text],
       'NOT NULL' || CASE WHEN o.convalidated IS FALSE THEN %(not_valid)s ELSE '' END, NULL, o.conname::text
FROM here JOIN pg_attribute a ON a.attrelid = here.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_constraint o ON o.conrelid = here.oid AND o.contype = 'n' AND o.conkey = ARRAY[a.attnum]
WHERE a.attnotnull
UNION ALL
SELECT here.name, CASE a.attgenerated WHEN '' THEN 'default' ELSE 'generated' END, a.attname::text,
       ARRAY[a.attname::text],
       CASE a.attgenerated WHEN '' THEN pg_get_expr(d.adbin, d.adrelid)
            ELSE format_type(a.atttypid, a.atttypmod)
                 || CASE WHEN a.attcollation <> y.typcollation THEN format(' COLLATE %%I', l.collname) ELSE '' END
                 || ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid)
                 || CASE a.attgenerated WHEN 's' THEN ') STORED' ELSE ') VIRTUAL' END
       END, NULL, NULL
FROM here JOIN pg_attribute a ON a.attrelid = here.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atthasdef
JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
UNION ALL
SELECT here.name, 'trigger', t.tgname::text, '{}',
       replace(pg_get_functiondef(t.tgfoid), format(' FUNCTION %%I.', %(schema)s), ' FUNCTION ') || E';\\n'
           || replace(replace(pg_get_triggerdef(t.oid), format(' ON %%I.', %(schema)s), ' ON '),
                      format(' FUNCTION %%I.', %(schema)s), ' FUNCTION '),
       jsonb_build_object(t.tgname, t.tgenabled), obj_description(t.oid, 'pg_trigger')
FROM here JOIN pg_trigger t ON t.tgrelid = here.oid AND NOT t.tgisinternal
UNION ALL
SELECT here.name, 'column', a.attname::text, ARRAY[a.attname::text],
       format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attcollation <> y.typcollation THEN format(' COLLATE %%I', l.collname) ELSE '' END
           || CASE a.attidentity WHEN '' THEN '' ELSE ' GENERATED AS IDENTITY' END, NULL, NULL
FROM here JOIN pg_attribute a ON a.attrelid = here.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
UNION ALL
SELECT here.name, 'rule', w.rulename::text, '{}', pg_get_ruledef(w.oid), NULL, NULL
FROM here JOIN pg_rewrite w ON w.ev_class = here.oid
UNION ALL
SELECT c.relname::text, 'row security', 'row security', '{}', 'ENABLE ROW LEVEL SECURITY', NULL, NULL
FROM here JOIN pg_class c ON c.oid = here.oid WHERE c.relrowsecurity
UNION ALL
SELECT 'pghistory_context', 'function', p.proname::text, '{}',
       replace(pg_get_functiondef(p.oid), format(' FUNCTION %%I.', %(schema)s), ' FUNCTION '), NULL, NULL
FROM pg_proc p
WHERE p.pronamespace = %(schema)s::regnamespace AND p.proname IN ('_pgtrigger_should_ignore', '_pgh_attach_context')
  AND EXISTS (SELECT FROM here WHERE name = 'pghistory_context')
ORDER BY 1, 2, 3
"""


def read(tables: Iterable[str]) -> list[Item]:
    """What is there, in the schema in which the application works. Reads only, whatever the search path is."""
    with connection.cursor() as cursor:
        cursor.execute(_SCHEMA)
        [schema] = cursor.fetchone() or ["public"]
        cursor.execute("SELECT current_setting('search_path')")
        [path] = cursor.fetchone()
        cursor.execute("SELECT set_config('search_path', %s, false)", [schema])
        try:
            return _read(cursor, schema, tables)
        finally:
            cursor.execute("SELECT set_config('search_path', %s, false)", [path])


def strangers(tables: Iterable[str]) -> list[str]:
    """Those of the tables in whose place the application finds another one, of another schema."""
    with connection.cursor() as cursor:
        cursor.execute(_SCHEMA)
        [schema] = cursor.fetchone() or ["public"]
        cursor.execute(_STRANGERS, {"tables": list(tables), "schema": schema})
        return [name for (name,) in cursor.fetchall()]


# Wherever it is anything but "origin", every new session works without triggers and foreign keys.
_SWITCHES = """
    SELECT setting FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS setting
    WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
          AND setting LIKE 'session\\_replication\\_role=%%' AND setting <> 'session_replication_role=origin'
    UNION ALL
    SELECT 'session_replication_role=' || current_setting('session_replication_role')
    WHERE current_setting('session_replication_role') <> 'origin'
"""


def all_switched_off() -> list[str]:
    """What switches all triggers and foreign keys off at once, in this session or in every new one."""
    with connection.cursor() as cursor:
        cursor.execute(_SWITCHES, [])
        return [setting for (setting,) in cursor.fetchall()]


def _read(cursor: CursorWrapper, schema: str, tables: Iterable[str] | None) -> list[Item]:
    params = {"schema": schema, "tables": None if tables is None else list(tables), "not_valid": NOT_VALID}
    cursor.execute(_CATALOGUE, params)
    return [
        Item(table, kind, name, tuple(columns), definition, json.loads(switches or "{}"), note or "")
        for table, kind, name, columns, definition, switches, note in cursor.fetchall()
    ]


def guarded_models() -> list[type[Model]]:
    """The models whose tables are guarded: all of ours, those of the events too, and where the history keeps who."""
    ours = {"crm", "integrity", *(module.key for module in modules())}
    every = apps.get_models(include_auto_created=True)
    return [Context, *(model for model in every if model.__module__.split(".")[0] in ours)]


def triggers_of(model: Any) -> dict[str, pgtrigger.Trigger]:
    """The declared triggers, by their names in PostgreSQL."""
    return {trigger.get_pgid(model): trigger for owner, trigger in pgtrigger.registered() if owner is model}


def expected() -> list[Item]:
    """What would be there if it were as the models say. It takes about half a second.

    Empty tables are made from the models, in a schema and on a connection of their own, read and rolled back. So
    nobody else sees any of it, no lock is held on a table in use, and the caller's transaction may be in any state,
    a read-only one too.
    """
    models = guarded_models()
    own: Any = connection.copy(ALIAS)
    connections[ALIAS] = own
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute("SELECT 'declared_' || pg_backend_pid()")
            [schema] = cursor.fetchone()
            cursor.execute(f"CREATE SCHEMA {schema}; SET LOCAL search_path TO {schema}, public")
            cursor.execute("\n".join([*_tables(own, models), *_triggers(models)]))
            Context.install_pgh_attach_context_func(using=ALIAS)
            return _with_dumped(cursor, schema, _read(cursor, schema, None))
    finally:
        del connections[ALIAS]
        own.close()


def _with_dumped(cursor: CursorWrapper, schema: str, items: list[Item]) -> list[Item]:
    # PostgreSQL's words for `column IN (…)`, read by PostgreSQL, are not what it says the next time.
    again = [item for item in items if item.kind in ("check", "unique", "index") and "ARRAY[" in item.definition]
    for item in again:
        cursor.execute("; ".join([removal(item), *creation(item)]))
    dumped = {
        (item.table, item.name): item.definition for item in _read(cursor, schema, {item.table for item in again})
    }
    return [replace(item, as_dumped=dumped[item.table, item.name]) if item in again else item for item in items]


def _tables(own: Any, models: list[type[Model]]) -> list[str]:
    # Not the connection's own editor: pgtrigger's installs triggers, and one of their functions where all can see it.
    with DatabaseSchemaEditor(own, collect_sql=True, atomic=False) as editor:
        for model in models:
            editor.create_model(model)
    return editor.collected_sql


def _triggers(models: Iterable[Any]) -> list[str]:
    # Bodies name what is not in this schema.
    statements = ["SET LOCAL check_function_bodies = off;"]
    common = ""
    for model in models:
        for pgid, trigger in triggers_of(model).items():
            common, begin, own = trigger.compile(model).install_sql.partition(f"CREATE OR REPLACE FUNCTION {pgid}()")
            statements.append(begin + own)
    # The function that all of them ask is named with its schema; here it belongs into this one.
    return [*statements, common.replace('"public".', "", 1)]
