"""The settings: config.yaml and the environment. Nothing is imported here, so pydantic is loaded only if needed.

reader               reads a config.yaml, and reports all of its problems
settings             the typed sections of a config.yaml
schema               its JSON schema
field_types          types of fields, with messages that say what to write
yaml_document        YAML with the line of each value, and the `!ENV` tag
older_spellings      the spellings of the published package, in today's words
locations            URLs and paths of local files
ownership            who may change a config.yaml or .env that was found
secrets              looks up the secrets that the settings name
database_secret      the URL of a database from a secret of Amazon RDS
template             the config.yaml that `ingestify init` writes
source_project       the package that `ingestify init --source` writes
"""
