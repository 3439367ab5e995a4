"""A source for REST APIs that is written in YAML."""
