"""My Provider as a source of ingestify."""

from my_provider.source import MyProviderSource

__all__ = ["MyProviderSource"]
