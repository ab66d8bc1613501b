"""Where an installation's keys come from, for every process that needs them."""

from privacy.pseudonyms import EnvKeyProvider, FileKeyProvider, KeyProvider
from services.settings import Home


def key_provider(home: Home) -> KeyProvider:
    """Return where the keys come from: the file that the configuration names, or `env:VARIABLE`."""
    configured = home.settings.keys
    if configured.startswith("env:"):
        return EnvKeyProvider(configured.removeprefix("env:"))
    return FileKeyProvider(home.path(configured))
