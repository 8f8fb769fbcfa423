"""When the stored counts of a page were last proved: `{% proved batch %}`; of a database and a module, too."""

from typing import Any

from django import template
from django.db.models import Count

from crm.registry import Module
from integrity.models import Finding, Result, Run

register = template.Library()

CODES = {
    "batch": ("batch_count_mismatch", "batch_conservation"),
    "database": ("database_count_mismatch", "import_conservation"),
}


@register.inclusion_tag("integrity/_proved.html", takes_context=True)
def proved(context: dict[str, Any], subject: Any) -> dict[str, Any]:
    """The newest run that counted the rows of `subject` anew, and what it found of it: of a batch, of a database, or of
    all databases of a module.
    """
    module = subject if isinstance(subject, Module) else subject.module
    codes = CODES["database" if subject is module else subject._meta.model_name]
    asked = Result.objects.filter(code__in=codes, module=module.key, error="").values("run").annotate(n=Count("code"))
    run = Run.objects.filter(pk__in=asked.filter(n=len(codes)).values("run")).first()  # the newest comes first
    if run and subject is not module and (run.started_at is None or subject.created_at > run.started_at):
        run = None
    found = (
        Finding.objects.filter(run=run, code__in=codes, module=module.key).order_by("pk")
        if run
        else Finding.objects.none()
    )
    if subject is not module:
        found = found.filter(object=subject._meta.label_lower, object_id=subject.pk)
    return {"run": run, "finding": found.first() if run else None, "user": context["user"]}
