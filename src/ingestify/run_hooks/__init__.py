"""Run hooks: subscribers that pass on what a run came to, by the section `run_hooks` of the settings.

- `registry`: from `type:` of the config file to a class.
- `payload`: what a run came to, as JSON for readers outside.
- `openlineage`: a lineage service, by OpenLineage.
- `webhook`: a POST with a signature, after each run.
"""
