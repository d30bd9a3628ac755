"""Static files under hashed names, with the vendored files left as they were published."""

from __future__ import annotations

from whitenoise.storage import (  # type: ignore[import-untyped]  # ships no types
    CompressedManifestStaticFilesStorage,
)


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Hashes and compresses, but does not follow source maps.

    The vendored CSS and JS name source maps that are not shipped (several MiB that only the
    upstream's developers read). Django's pattern would fail ``collectstatic`` on each, and
    editing the files would break their checksums.
    """

    patterns = (("*.css", (r"""(?P<matched>url\(['"]{0,1}\s*(?P<url>.*?)["']{0,1}\))""",)),)
