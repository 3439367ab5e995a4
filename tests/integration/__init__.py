"""Real services."""
