"""The settings: config.yaml, the environment, and what a selector expression means.

Import the modules themselves. Nothing is imported here, so that a command that needs no settings does not pay
for pydantic.
"""
