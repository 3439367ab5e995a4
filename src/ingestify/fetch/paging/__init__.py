"""Lists that a provider gives page by page."""
