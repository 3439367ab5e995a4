"""Secrets that are kept in a vault: how one is named, and who reads it."""
