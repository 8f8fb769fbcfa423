"""Static files, named for their content."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Leaves source maps alone: the front-end packages name some that they do not ship."""

    support_js_module_import_aggregation = False
    patterns = tuple(
        (pattern, [rule for rule in rules if "sourceMappingURL" not in str(rule)])
        for pattern, rules in CompressedManifestStaticFilesStorage.patterns
    )
